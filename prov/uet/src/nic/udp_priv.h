/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the UDP backend share: udp.c opens and closes, udp_paths.c has the sockets
 * for packet spraying, udp_tx.c sends, udp_rx.c receives packets and the kernel's error reports.
 */
#ifndef UET_NIC_UDP_PRIV_H
#define UET_NIC_UDP_PRIV_H

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "base/util.h"
#include "nic/nic.h"
#include "nic/stamp.h"
#include "nic/udp.h"

/* Older C libraries lack these two (linux/udp.h). */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define UET_UDP_TX_MSGS		16	/* messages per sendmmsg */
#define UET_UDP_TX_IOV		640	/* iovecs per sendmmsg; 64 packets of 9 fit, < UIO_MAXIOV */
#define UET_UDP_TX_SEGS		64	/* UDP_MAX_SEGMENTS of the kernel */
#define UET_UDP_TX_BYTES	65000	/* per merged message: 65535, less headers */
#define UET_UDP_BURST		4	/* most datagrams per recvmmsg */
#define UET_UDP_READY		12	/* most sockets beside the first that one rx() looks at */
#define UET_UDP_STAGES		(UET_UDP_BURST + UET_UDP_READY)
#define UET_UDP_STAGE_LEN	65536	/* no datagram is longer */
#define UET_UDP_REPORTS		32	/* error reports kept until rx() takes them */

/* Room for one TOS and one segment size. */
union uet_udp_ctl {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
};

/* Room for everything the socket was asked to tell (TOS, GRO size, time, drops), and some. */
union uet_udp_rxctl {
	struct cmsghdr align;
	char buf[128];
};

struct uet_udp_report {
	struct uet_addr dst;
	int err;
};

/*
 * The large arrays: one anonymous mapping, of which the kernel provides only the pages that
 * are touched, so that an idle endpoint costs little.
 */
struct uet_udp_area {
	struct mmsghdr tx_msgs[UET_UDP_TX_MSGS];
	struct sockaddr_storage tx_names[UET_UDP_TX_MSGS];
	union uet_udp_ctl tx_ctls[UET_UDP_TX_MSGS];
	int tx_counts[UET_UDP_TX_MSGS];			/* packets in each message */
	struct iovec tx_iov[UET_UDP_TX_IOV];
	uint8_t stage[UET_UDP_STAGES][UET_UDP_STAGE_LEN] __attribute__((aligned(4096)));
};

struct uet_udp {
	struct uet_nic nic;
	int fds[UET_NIC_PATHS_MAX];	/* nic.paths sockets; the first has the FEP's own port */
	int epfd;		/* of all sockets; -1 while there is one */
	bool gso;
	uint8_t tos[2];		/* by enum uet_nic_class; the first is the socket's default */
	uint8_t tx_sock;	/* index of the socket that the built messages leave from */
	uint64_t check_errors;	/* bit n: the error queue of socket n may hold something */
	struct uet_udp_area *area;

	/* Receive: stages [cur, filled) hold data; of stage cur, @left bytes at @pos. */
	int want;		/* stages to offer to the next recvmmsg */
	uint32_t bursts;	/* reads in a row that the first socket had enough for */
	uint32_t dropped;	/* datagrams that it had no room for, as the last one read tells */
	int spared;		/* rx() calls since the sockets beside the first were looked at */
	int cur;
	int filled;
	const uint8_t *pos;
	uint32_t left;
	uint32_t seg;		/* bytes per packet in stage cur; 0 = not looked at yet */
	struct uet_addr src;
	uint8_t src_tos;
	bool stamped;		/* sockets tell when packets arrived */
	struct uet_stamps stamps;
	uint64_t src_when;
	struct mmsghdr rx_msgs[UET_UDP_STAGES];
	struct iovec rx_iov[UET_UDP_STAGES];
	struct sockaddr_storage rx_names[UET_UDP_STAGES];
	union uet_udp_rxctl rx_ctls[UET_UDP_STAGES];

	uint32_t report_cnt;
	struct uet_udp_report reports[UET_UDP_REPORTS];
};

/* The backend's object around @nic. */
static inline struct uet_udp *uet_udp_of(struct uet_nic *nic)
{
	return uet_container_of(nic, struct uet_udp, nic);
}

/* struct uet_nic_ops.tx for UDP sockets (udp(7), sendmmsg(2)). */
int uet_udp_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n);

/* struct uet_nic_ops.rx for UDP sockets (udp(7), recvmmsg(2)). */
int uet_udp_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max);

/* Point the receive headers of @u at its stages; once, before the first uet_udp_rx. */
void uet_udp_rx_init(struct uet_udp *u);

/*
 * Keep a report for the next rx(): @dst (copied) could not be reached for reason @err, a
 * positive errno. A report that is already kept is not kept twice; when the room is used
 * up the report is lost, and the transport's timers have to find out.
 */
void uet_udp_report(struct uet_udp *u, const struct uet_addr *dst, int err);

/*
 * Move the kernel's error queue of socket @sock (ip(7), IP_RECVERR) into reports, which also
 * clears the error that the next send or receive would otherwise return. Clears its bit in
 * @u->check_errors when the queue is empty.
 */
void uet_udp_drain_errors(struct uet_udp *u, uint32_t sock);

/* ---- udp.c ---- */

/*
 * Make socket number @sock as @cfg says, bound to @addr (port 0: one that the kernel picks) or,
 * with NULL, to the FEP's own port.
 * Returns 0, or a negative errno with @u->fds[sock] to be closed unless it is -1.
 */
int uet_udp_socket(struct uet_udp *u, uint32_t sock, const struct uet_udp_cfg *cfg,
		   const struct uet_addr *addr);

/* ---- udp_paths.c ---- */

/* Open sockets until there are cfg->paths of them, or as many as the system grants. */
void uet_udp_paths_open(struct uet_udp *u, const struct uet_udp_cfg *cfg);

/*
 * Which sockets beside the first have something to receive: their indices in @socks; returns
 * their number. Errors of theirs have become reports.
 */
int uet_udp_paths_ready(struct uet_udp *u, uint32_t socks[UET_UDP_READY]);

#endif /* UET_NIC_UDP_PRIV_H */
