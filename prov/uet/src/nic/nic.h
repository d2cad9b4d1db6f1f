/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The packet-I/O contract: what the core asks of whatever carries its packets (UDP
 * sockets, a verbs UD queue pair, the simulator). One object = one software FEP's way in
 * and out. Not thread safe; the endpoint's lock protects it.
 */
#ifndef UET_NIC_NIC_H
#define UET_NIC_NIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"

#define UET_NIC_TX_IOV 9	/* headers, and up to 8 payload fragments */
#define UET_NIC_PATHS_MAX 64u

/* Which of the PDC's traffic classes a packet belongs to (UEC 3.6.17). */
enum uet_nic_class {
	UET_NIC_DATA,		/* requests: data DSCP, ECT(0) if congestion control wants it */
	UET_NIC_CONTROL,	/* ACK, NACK, CP: control DSCP, ECN off */
};

/* One packet to send. Everything it points to stays valid until tx() has taken it. */
struct uet_nic_tx {
	struct uet_addr dst;
	uint8_t tc;		/* enum uet_nic_class */
	uint8_t iov_cnt;	/* 1 .. UET_NIC_TX_IOV; iov[0] = headers */
	uint8_t path;		/* entropy, < nic->paths; 0: from the FEP's own port (D3, D12) */
	uint32_t len;		/* sum of the iov lengths */
	struct iovec iov[UET_NIC_TX_IOV];
};

/*
 * One packet that arrived, or a report about an earlier one: with err != 0 there is no data,
 * src is the peer that could not be reached, and err is a positive errno (ECONNREFUSED =
 * the host answered that nothing listens there; EHOSTUNREACH, ENETUNREACH, EMSGSIZE ...).
 */
struct uet_nic_rx {
	const uint8_t *data;	/* valid until the next rx() */
	uint32_t len;
	int err;
	struct uet_addr src;	/* source address and port as received */
	uint8_t tos;		/* DSCP << 2 | ECN as received */
	uint8_t trim;		/* enum uet_nic_trim: the payload was cut off on the way */
	uint64_t when;		/* ns, monotonic: arrival at this host; 0: not known */
};

/* Whether, and where, a switch trimmed a packet (UEC 3.6.17: told by its DSCP). */
enum uet_nic_trim {
	UET_NIC_WHOLE,
	UET_NIC_TRIMMED,	/* inside the network */
	UET_NIC_TRIMMED_LASTHOP, /* at the queue to this host */
};

#define UET_ECN_MASK	0x03
#define UET_ECN_ECT0	0x02
#define UET_ECN_CE	0x03

struct uet_nic;

struct uet_nic_ops {
	/*
	 * Send @n packets in order. Returns how many were taken (a packet that the network
	 * refuses for good counts as taken and is counted in the stats), or -EAGAIN when the
	 * first one cannot be taken now. Equal-sized packets to one peer that follow each
	 * other may leave as one system call.
	 */
	int (*tx)(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n);

	/*
	 * Receive up to @max packets and reports without blocking. Returns their number
	 * (0 = nothing there) or a negative errno when the device is gone for good.
	 */
	int (*rx)(struct uet_nic *nic, struct uet_nic_rx *pkts, int max);

	/*
	 * Descriptor that polls readable when rx() has work; -1 if there is none. It knows
	 * nothing of what rx() already took from the device (sleep only after rx() returned
	 * less than its max) nor of failures that tx() found out (the next rx() reports them).
	 */
	int (*fd)(struct uet_nic *nic);

	/* Optional: packets that arrived and found no room so far. May be a system call. */
	uint64_t (*drops)(struct uet_nic *nic);

	/* Release everything. */
	void (*close)(struct uet_nic *nic);
};

struct uet_nic_stats {
	uint64_t tx_packets, tx_bytes, tx_calls;
	uint64_t rx_packets, rx_bytes, rx_calls;
	uint64_t tx_again;	/* times the device could not take a packet at once */
	uint64_t tx_errors;	/* packets that the network refused */
	uint64_t rx_truncated;	/* datagrams dropped because they did not arrive whole */
};

/* Embedded first in each backend's object. */
struct uet_nic {
	const struct uet_nic_ops *ops;
	struct uet_addr addr;	/* own address; peers send here */
	uint32_t mtu;		/* largest UET packet (bytes above UDP) that fits the path */
	uint8_t paths;		/* source ports that packets can leave from, 1 .. 64 */
	bool merges;		/* packets that follow each other on one path cost less */
	uint8_t fill;		/* percent of the room for packets that wait, as rx() saw it */
	struct uet_nic_stats stats;
};

#endif /* UET_NIC_NIC_H */
