/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet network in virtual time: hosts, links, switches with queues. It carries whole UET
 * packets between simulated NICs (struct uet_nic) and knows nothing of what is in them, apart
 * from what a real switch looks at: addresses, UDP ports, traffic class, ECN, length.
 *
 *   host 0 --link--> [queue] leaf --link--> [queue] spine --link--> [queue] leaf --> host 1
 *
 * Everything that happens is an event at a time (kept in ps, shown in ns, rounded down);
 * events of one time happen in the order of their making. The same configuration and seed
 * give the same run, byte for byte.
 *
 * Switches store and forward. Each link leaves through two queues of strict priority: control
 * packets and trimmed ones first, then data. The queue of a host's own link is the NIC's: it
 * neither drops nor trims nor marks, but refuses (-EAGAIN). Sizes of queues count what the
 * wire carries: UET packet + UET_SIM_WIRE.
 */
#ifndef UET_SIM_NET_H
#define UET_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"

/* Bytes on the wire besides the UET packet: UDP 8, IPv4 20, Ethernet with preamble and gap 38. */
#define UET_SIM_WIRE 66u

/* The DSCP of packets, as received in tos (UEC 3.6.17 leaves the values to the operator). */
enum uet_sim_dscp {
	UET_SIM_DSCP_DATA = 8,
	UET_SIM_DSCP_TRIMMED = 12,
	UET_SIM_DSCP_LASTHOP = 14,
	UET_SIM_DSCP_CONTROL = 46,
};

enum uet_sim_topology {
	UET_SIM_PAIR,		/* two hosts, one link each way */
	UET_SIM_STAR,		/* one switch */
	UET_SIM_CLOS2,		/* leaves and spines */
	UET_SIM_CLOS3,		/* pods of leaves and spines, and cores above */
};

/* What a link does to packets. Chances in parts per million. */
struct uet_sim_faults {
	uint32_t drop, duplicate;
	uint32_t corrupt;		/* some bits of the UET packet flip; the UDP checksum ... */
	bool corrupt_delivered;		/* ... does not notice (false: drops it) */
	uint32_t reorder;		/* packets that are held back ... */
	uint64_t reorder_time;		/* ... by up to so many ns */
};

/* All rates in bits per second, times in ns, sizes in bytes. */
struct uet_sim_net_cfg {
	enum uet_sim_topology topology;
	uint32_t hosts;
	uint32_t hosts_per_leaf;	/* CLOS2, CLOS3; 0: chosen from hosts */
	uint32_t spines;		/* CLOS2: all; CLOS3: per pod; 0: hosts_per_leaf */
	uint32_t leaves_per_pod;	/* CLOS3; 0: hosts_per_leaf */
	uint32_t cores;			/* CLOS3: n * spines; 0: spines * leaves_per_pod */
	uint64_t link_rate;		/* of hosts' links */
	uint64_t fabric_rate;		/* of links between switches; 0: link_rate */
	uint64_t propagation;		/* of each link */
	uint32_t mtu;			/* largest UET packet (bytes above UDP) */
	uint8_t paths;			/* source ports of each NIC; 0: 1 */
	uint32_t queue;			/* data that a switch port holds; then it drops or trims */
	uint32_t control_queue;		/* control and trimmed packets that it holds; 0: queue */
	uint32_t trim_size;		/* UET bytes kept of a trimmed packet; 0: it is dropped */
	uint32_t ecn_min, ecn_max;	/* RED-like marking on dequeue; max 0: none */
	uint32_t host_queue;		/* of each class in a NIC, then -EAGAIN; 0: 16 packets */
	uint32_t host_buffer;		/* received and not read yet, then drops; 0: 4 MiB */
	struct uet_sim_faults faults;	/* of every link, at first */
	uint64_t seed;
};

struct uet_sim_net;

/* What the network tells the hosts' owner; both may call everything below but run and destroy. */
struct uet_sim_net_ops {
	/*
	 * Host @host has work: packets arrived while none waited (nic->ops->rx() has them from
	 * now on), its NIC takes packets again after -EAGAIN, or its alarm went off.
	 */
	void (*wake)(void *owner, uint32_t host, uint64_t now);
	/* Timer of uet_sim_net_at. */
	void (*timer)(void *owner, uint64_t cookie, uint64_t now);
};

/* Counters of one link in one direction; all only grow. */
struct uet_sim_link_stats {
	uint64_t packets, bytes;	/* sent on the wire */
	uint64_t queue_max;		/* bytes */
	double queue_time;		/* integral of queued bytes over time, byte ns */
	uint64_t marked, trimmed;
	uint64_t dropped;		/* no room in the queue */
	uint64_t overrun;		/* no room in the buffer of the host at the end */
	uint64_t lost;			/* by fault, or the link is down */
	uint64_t duplicated, corrupted, reordered;
};

/* What becomes of packets to a host. */
enum uet_sim_host_state {
	UET_SIM_HOST_UP,
	UET_SIM_HOST_REFUSES,	/* its process is dead: senders get reports (ECONNREFUSED) */
	UET_SIM_HOST_SILENT,	/* the machine is dead: packets vanish */
};

/* Create a network. Returns 0, -EINVAL for impossible configurations, or -ENOMEM. */
int uet_sim_net_create(const struct uet_sim_net_cfg *cfg, const struct uet_sim_net_ops *ops,
		       void *owner, struct uet_sim_net **net);

/* Free everything. */
void uet_sim_net_destroy(struct uet_sim_net *net);

/*
 * The NIC of @host; its address is 10.x.y.z, UDP port 4793. Do not close it. Path n > 0 leaves
 * from source port 49152 + n; packets to any of the host's ports are received.
 */
struct uet_nic *uet_sim_net_nic(struct uet_sim_net *net, uint32_t host);

/* The host with address @addr (port ignored), or -1. */
int64_t uet_sim_net_host(const struct uet_sim_net *net, const struct uet_addr *addr);

/* Time now. */
uint64_t uet_sim_net_now(const struct uet_sim_net *net);

/* Call ops->timer with @cookie at @time (now, if that is past). Returns 0 or -ENOMEM. */
int uet_sim_net_at(struct uet_sim_net *net, uint64_t time, uint64_t cookie);

/*
 * Call ops->wake for @host at @time (now, if that is past), once. Each host has one alarm: this
 * moves it; UET_TIME_NEVER takes it back.
 */
void uet_sim_net_alarm(struct uet_sim_net *net, uint32_t host, uint64_t time);

/* Run events up to and including @until; returns false when there is none left at all. */
bool uet_sim_net_run(struct uet_sim_net *net, uint64_t until);

/* Earliest time at which something may happen; UET_TIME_NEVER if nothing will. */
uint64_t uet_sim_net_next(const struct uet_sim_net *net);

/*
 * Round trip in an empty network between hosts @a and @b, in ns: a packet of @len bytes there
 * and one of @reply bytes back (UET bytes; longest way that ECMP takes; rates as they are now
 * on the hosts' links and as configured between switches).
 */
uint64_t uet_sim_net_rtt(const struct uet_sim_net *net, uint32_t a, uint32_t b, uint32_t len,
			 uint32_t reply);

/* Number of links; a link goes one way. */
uint32_t uet_sim_net_links(const struct uet_sim_net *net);

/*
 * "h3>leaf0", "leaf0>spine2", "spine2>core1", "leaf0>h3"; "h3>sw0" in a star, "h0>h1" in a pair:
 * printed into @buf, returned. Spines of a CLOS3 are numbered through all pods.
 */
const char *uet_sim_net_link_name(const struct uet_sim_net *net, uint32_t link, char *buf,
				  size_t len);

/* The link of that name, or -1. */
int64_t uet_sim_net_link_find(const struct uet_sim_net *net, const char *name);

/* Take a link down or up. What is in its queue or on it is lost; ECMP notices @notice ns later. */
void uet_sim_net_link_set(struct uet_sim_net *net, uint32_t link, bool up, uint64_t notice);

/* Change the rate of a link from the next packet on. Returns 0 or -EINVAL (1 Mb/s .. 10 Tb/s). */
int uet_sim_net_link_rate(struct uet_sim_net *net, uint32_t link, uint64_t rate);

/* Change the faults of a link from the next packet on. */
void uet_sim_net_link_faults(struct uet_sim_net *net, uint32_t link,
			     const struct uet_sim_faults *faults);

/* The counters of a link, up to date now. */
const struct uet_sim_link_stats *uet_sim_net_link_stats(struct uet_sim_net *net, uint32_t link);

/* Bytes queued for @link now, both priorities, without what is being sent. */
uint64_t uet_sim_net_link_queue(struct uet_sim_net *net, uint32_t link);

/*
 * Write every packet that leaves on the @cnt links to @file (pcapng) from now on, also those
 * that get lost on it. Replaces an earlier trace; with @file NULL only ends it. Returns 0 or
 * -errno (of the earlier trace, if that could not be written).
 */
int uet_sim_net_trace(struct uet_sim_net *net, const char *file, const uint32_t *links,
		      uint32_t cnt);

/* Packets delivered to hosts so far. */
uint64_t uet_sim_net_packets(const struct uet_sim_net *net);

/* Packets sent on all links so far. */
uint64_t uet_sim_net_hops(const struct uet_sim_net *net);

/* Throw away what waits for @host, and in its NIC for sending (its process has died). */
void uet_sim_net_flush_host(struct uet_sim_net *net, uint32_t host);

/* What becomes of packets that arrive for @host from now on. */
void uet_sim_net_host_set(struct uet_sim_net *net, uint32_t host, enum uet_sim_host_state state);

/*
 * Bytes of memory of packets that were sent and that no rx() has handed out yet, for leak
 * checks: 0 when all is quiet.
 */
uint64_t uet_sim_net_memory(const struct uet_sim_net *net);

#endif /* UET_SIM_NET_H */
