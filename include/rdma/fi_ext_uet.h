/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Extensions of the uet provider (Ultra Ethernet Transport). Programs that use nothing but
 * libfabric's own interfaces do not need this header.
 */
#ifndef FI_EXT_UET_H
#define FI_EXT_UET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * fi_info.addr_format of struct fi_uet_addr. libfabric has assigned no value of its own to
 * UET; provider-specific values have the upper bit set, and the rest spells "UET". Ask for it
 * in the hints; without, addresses are struct sockaddr_in and struct sockaddr_in6.
 */
#define FI_ADDR_UET		0x80554554u

/* fi_ep_attr.protocol and .protocol_version. The upper bit is set for the same reason. */
#define FI_PROTO_UET		0x80554554u
#define FI_PROTO_UET_VERSION	1

/* UDP destination port that the Ultra Ethernet specification uses. */
#define FI_UET_PORT		4793

/*
 * Address of a UET endpoint, every field big-endian. Fields without their "valid" flag are
 * derived: PIDonFEP = (port - 4793) mod 4096, resource index = 1, initiator = port.
 */
struct fi_uet_addr {
	uint8_t version;		/* 0 */
	uint8_t flags;			/* FI_UET_ADDR_* */
	uint8_t caps;			/* FI_UET_CAP_*: profiles of the endpoint */
	uint8_t reserved;		/* 0 */
	uint16_t pid_on_fep;		/* low 12 bits */
	uint16_t resource_index;	/* low 12 bits: the first one */
	uint16_t num_indices;		/* low 12 bits: how many from there on */
	uint16_t port;			/* UDP port; 0 = 4793 */
	uint32_t initiator;		/* id that the endpoint puts into its requests */
	uint8_t fa[16];			/* IPv6, or IPv4 in the first four bytes and zeros */
};

#define FI_UET_ADDR_CAPS_VALID		0x01
#define FI_UET_ADDR_FA_VALID		0x02
#define FI_UET_ADDR_PID_VALID		0x04
#define FI_UET_ADDR_RI_VALID		0x08
#define FI_UET_ADDR_INITIATOR_VALID	0x10
#define FI_UET_ADDR_ABSOLUTE		0x20	/* client/server; without: parallel job */
#define FI_UET_ADDR_IPV6		0x40	/* fa holds an IPv6 address */
#define FI_UET_ADDR_MTU_ONLY		0x80	/* takes messages of one packet only */

#define FI_UET_CAP_AI_BASE	0x01
#define FI_UET_CAP_AI_FULL	0x02
#define FI_UET_CAP_HPC		0x04
#define FI_UET_CAP_SMALL	0x80	/* understands the small non-matching header */

/*
 * Authorization key (fi_domain_attr.auth_key, fi_ep_attr.auth_key; auth_key_size 4): the JobID
 * in host byte order, 1 to 0xffffff. Without a key FI_UET_JOB_ID holds.
 */
struct fi_uet_auth_key {
	uint32_t job_id;
};

/*
 * Flags of fi_mr_reg(3) and its relatives, for domains with FI_MR_PROV_KEY: what the key tells
 * those who use it (UEC 1.0 Table 2-13).
 *   FI_UET_MR_IDEMPOTENT  it does no harm when a read or write of the region happens twice, so
 *                         initiators that need no order may do without delivery contexts
 *                         (RUDI). No counters can be bound to such a region.
 *   FI_UET_MR_OPTIMIZED   one of the 4096 short keys of the domain, which fit the small header
 */
#define FI_UET_MR_IDEMPOTENT	(1ull << 60)
#define FI_UET_MR_OPTIMIZED	(1ull << 61)

/*
 * fi_cq_err_entry.prov_errno:
 *   0                  no code from the network, err says it all
 *   1 .. 63            return code of a UET response (UEC 1.0 Table 3-19)
 *   0x100 + 0 .. 255   code of a packet delivery NACK (UEC 1.0 Table 3-58)
 *   0x200 + errno      found out on this side: a time-out, an unreachable or restarted peer
 * fi_cq_strerror puts each into words.
 */
#define FI_UET_ERR_NACK		0x100
#define FI_UET_ERR_LOCAL	0x200

/*
 * Statistics: fi_open_ops(3) with the name FI_UET_STATS_OPS and flags 0 on an enabled endpoint,
 * a context of a scalable endpoint (it tells of the whole one) or a domain (it tells of all
 * endpoints that are enabled now) gives a struct fi_uet_stats_ops:
 *
 *	struct fi_uet_stats_ops *ops;
 *	struct fi_uet_stats stats;
 *
 *	if (!fi_open_ops(&ep->fid, FI_UET_STATS_OPS, 0, (void **)&ops, NULL) &&
 *	    !ops->read(&ep->fid, &stats, sizeof(stats)))
 *		printf("%llu packets repeated\n", (unsigned long long)stats.retx);
 *
 * Fields will be added, at the ends of these structures only. Callers pass the size that they
 * know: a provider that knows less fills the rest with zeros, one that knows more leaves it out.
 */
#define FI_UET_STATS_OPS	"uet_stats"

#define FI_UET_STATS_NACKS	32
#define FI_UET_STATS_RTTS	24

struct fid;

/* Counters since the endpoint was enabled; all only grow. Bytes of packets: those above UDP. */
struct fi_uet_stats {
	uint64_t endpoints;		/* that these numbers are of: 1, or those of the domain */
	/* Operations. */
	uint64_t tx_ops, tx_op_bytes;	/* that this side started and that succeeded */
	uint64_t rx_msgs, rx_msg_bytes;	/* messages that receives got */
	uint64_t rma_ops, rma_bytes;	/* reads, writes, atomics of peers, complete here */
	uint64_t unexpected;		/* messages that came before their receives */
	uint64_t refused;		/* packets refused for lack of memory or message state */
	/* Packets by kind. */
	uint64_t tx_data, tx_acks, tx_nacks, tx_controls;
	uint64_t rx_data, rx_acks, rx_nacks, rx_controls;
	uint64_t tx_bytes, rx_bytes;	/* of packets of all kinds */
	uint64_t tx_acked;		/* data packets that have been answered */
	/* Repetitions: how many left (they are part of tx_data), and how many were due, and why.
	 * Some that are due are answered before they leave. */
	uint64_t retx;
	uint64_t retx_timeout;		/* nothing heard in time */
	uint64_t retx_sack;		/* later packets arrived */
	uint64_t retx_nack;		/* refused */
	uint64_t retx_goback;		/* behind a lost or refused one, in order */
	uint64_t retx_trim;		/* a switch cut the payload off */
	uint64_t rx_duplicates;		/* requests that had arrived before */
	/* Selective acknowledgement and congestion marks. */
	uint64_t tx_sacks, rx_sacks;	/* ACKs that tell of holes */
	uint64_t rx_marked;		/* packets that arrived marked (ECN CE) */
	uint64_t tx_marked_acks;	/* ACKs that tell the source of a mark */
	uint64_t rx_marked_acks;
	/* NACKs by code (UEC 1.0 Table 3-58); the last entry counts all larger codes. */
	uint64_t tx_nack_code[FI_UET_STATS_NACKS];
	uint64_t rx_nack_code[FI_UET_STATS_NACKS];
	/* Round trips in microseconds: [0] below 1, [n] from 2^(n-1) up, the last all longer. */
	uint64_t rtt[FI_UET_STATS_RTTS];
	/* Packets dropped on arrival, and what became of some on the way out. */
	uint64_t drop_malformed;	/* impossible headers */
	uint64_t drop_unknown_pdc;	/* for a delivery context that does not exist (any more) */
	uint64_t drop_stale;		/* fit no longer, or came twice */
	uint64_t drop_unsupported;	/* encryption and the like */
	uint64_t drop_datagram;		/* datagrams that found no receive, or were for others */
	uint64_t drop_truncated;	/* longer than the receive buffer */
	uint64_t drop_socket;		/* by the kernel, as the socket's buffer was full; packets
					 * that it has merged (UDP_GRO) count as one */
	uint64_t tx_errors;		/* packets that the network refused */
	uint64_t tx_again;		/* times that the socket was full */
	/* Packet delivery contexts (PDC). */
	uint64_t pdc_opened, pdc_accepted, pdc_closed, pdc_failed;
	uint64_t pdcs;			/* that exist now: the only number that falls, too */
	/* Of the repetitions that left: those whose first transmission had arrived, as its answer
	 * told. Receivers know of more (rx_duplicates). */
	uint64_t retx_needless;
	/* ACKs that ask the source to slow down, as the socket of the destination fills up. */
	uint64_t tx_slow_acks, rx_slow_acks;
};

/* fi_uet_pdc_stats.mode and .phase */
enum fi_uet_pdc_mode {
	FI_UET_PDC_RUD,			/* reliable, unordered */
	FI_UET_PDC_ROD			/* reliable, ordered */
};

enum fi_uet_pdc_phase {
	FI_UET_PDC_OPENING,		/* nothing was heard of the peer yet */
	FI_UET_PDC_OPEN,
	FI_UET_PDC_DRAINING,		/* takes no new messages */
	FI_UET_PDC_CLOSING
};

/* A packet delivery context as it is now. Contexts without work are closed after a second. */
struct fi_uet_pdc_stats {
	struct fi_uet_addr peer;	/* big-endian, as always; the address that it sends from */
	uint16_t port;			/* own UDP port: tells which endpoint of a domain */
	uint16_t id, peer_id;		/* PDCIDs; peer_id 0: not known yet */
	uint8_t initiator;		/* 1: opened by this side, 0: by the peer */
	uint8_t mode;			/* enum fi_uet_pdc_mode */
	uint8_t phase;			/* enum fi_uet_pdc_phase */
	uint8_t reserved[7];
	uint32_t start_psn;		/* where packet sequence numbers begin, both ways */
	uint32_t tx_psn;		/* the next to send */
	uint32_t tx_cack;		/* the last that was acknowledged with all before */
	uint32_t rx_psn;		/* the first that is missing */
	uint32_t rx_cack;		/* the last that we acknowledged so */
	uint32_t tx_unsent;		/* packets that wait to be sent for the first time */
	uint32_t tx_flight;		/* packets of which nothing was heard yet */
	uint32_t tx_refused;		/* packets that wait as the peer refused them */
	uint64_t tx_packets, tx_bytes;	/* repetitions included */
	uint64_t rx_packets, rx_bytes;	/* each packet once */
	uint64_t retx;
	uint64_t rx_nacks;
	uint64_t rx_marked_acks;
	/* Congestion control, common to all contexts with this peer. */
	uint64_t cwnd;			/* bytes that may be in flight */
	uint64_t inflight;		/* bytes in flight */
	uint64_t credit;		/* bytes that the peer has granted, if it does so; or 0 */
	uint64_t srtt, base_rtt;	/* smoothed and shortest round trip, ns; 0: not known */
	/* As in struct fi_uet_stats, of this context. */
	uint64_t retx_timeout, retx_sack, retx_nack, retx_goback, retx_trim, retx_needless;
	uint64_t rx_duplicates;
	uint64_t tx_sacks, rx_sacks;
	uint64_t rx_marked, tx_marked_acks;
	uint64_t tx_nacks;
	uint64_t drop_stale;
	uint64_t tx_nack_code[FI_UET_STATS_NACKS];
	uint64_t rx_nack_code[FI_UET_STATS_NACKS];
	/* The same, of all contexts with this peer, from their first on. */
	uint64_t rtt[FI_UET_STATS_RTTS];
};

struct fi_uet_stats_ops {
	size_t size;			/* of this structure, as the provider knows it */

	/*
	 * Read counters into *stats, of which the caller knows the first size bytes. Returns 0,
	 * -FI_EINVAL (no room), or -FI_EOPBADSTATE (the endpoint is not enabled).
	 */
	int (*read)(struct fid *fid, struct fi_uet_stats *stats, size_t size);

	/*
	 * Read the packet delivery contexts: the first count of them into pdcs, an array of
	 * elements of which the caller knows the first size bytes. Returns how many there are,
	 * which may be more than count (0, with pdcs NULL, just asks), or an error as above.
	 */
	ssize_t (*read_pdcs)(struct fid *fid, struct fi_uet_pdc_stats *pdcs, size_t size,
			     size_t count);

	/* Name of a NACK code ("ROD_OOO"); never NULL. */
	const char *(*nack_name)(uint8_t code);
};

#ifdef __cplusplus
}
#endif

#endif /* FI_EXT_UET_H */
