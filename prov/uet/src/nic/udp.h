/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * UDP backend: one socket per FEP, or several for packet spraying, batched with UDP_SEGMENT and
 * UDP_GRO where the kernel has them (udp(7)).
 */
#ifndef UET_NIC_UDP_H
#define UET_NIC_UDP_H

#include "nic/nic.h"

struct uet_udp_cfg {
	struct uet_addr addr;	/* local address; port 0: first free one from first_port up */
	uint32_t first_port;	/* where the search starts (4793) */
	uint32_t if_mtu;	/* interface MTU in bytes */
	uint32_t sndbuf;	/* wanted SO_SNDBUF in bytes; 0: the system's default */
	uint32_t rcvbuf;	/* wanted SO_RCVBUF in bytes; 0: the system's default */
	uint8_t dscp_data;	/* DSCP of requests, 0-63 */
	uint8_t dscp_control;	/* DSCP of ACK, NACK, CP */
	uint8_t paths;		/* sockets to send from, to 64; 0 as 1 */
	bool ecn;		/* send requests as ECT(0) */
	bool gso;		/* use UDP_SEGMENT if the kernel has it */
	bool gro;		/* use UDP_GRO if the kernel has it */
	bool stamps;		/* tell when packets arrived (SO_TIMESTAMPNS); costs time */
};

/*
 * Open a socket as @cfg says: bound, close-on-exec, non-blocking, DF set, TOS and
 * ICMP errors received. With more paths the others have ports that the kernel picks, and
 * nic->paths says how many there are; fewer than wanted are no error. All of them receive.
 * Reports once per process when the kernel grants smaller buffers than wanted, and how to raise
 * the limits. Returns 0 and the object in @nic (to be closed
 * through its ops), or a negative errno: -EADDRINUSE (port taken), -EADDRNOTAVAIL (not an
 * address of this host, or no port free), -EINVAL (family, port, DSCP, MTU or paths out of range),
 * -EMFILE, -ENOMEM ...
 */
int uet_udp_open(const struct uet_udp_cfg *cfg, struct uet_nic **nic);

#endif /* UET_NIC_UDP_H */
