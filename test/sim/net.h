/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A packet network in virtual time: hosts, links, switches with queues. It carries whole UET
 * packets between simulated NICs (struct uet_nic) and knows nothing of what is in them, apart
 * from what a real switch looks at: addresses, UDP source port, traffic class, ECN, length.
 *
 *   host 0 --link--> [queue] leaf --link--> [queue] spine --link--> [queue] leaf --> host 1
 *
 * Everything that happens is an event at a time in ns; events of one time happen in the order
 * of their making. The same configuration and seed give the same run, byte for byte.
 */
#ifndef UET_SIM_NET_H
#define UET_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"

enum uet_sim_topology {
	UET_SIM_PAIR,		/* two hosts, one link */
	UET_SIM_STAR,		/* one switch */
	UET_SIM_CLOS2,		/* leaves and spines */
	UET_SIM_CLOS3,		/* pods of leaves and spines, and cores above */
};

/* All rates in bits per second, times in ns, sizes in bytes, chances in parts per million. */
struct uet_sim_net_cfg {
	enum uet_sim_topology topology;
	uint32_t hosts;
	uint32_t hosts_per_leaf;	/* CLOS2, CLOS3; 0: chosen from hosts */
	uint32_t spines;		/* CLOS2: all; CLOS3: per pod; 0: as many as a leaf has hosts */
	uint32_t leaves_per_pod;	/* CLOS3 */
	uint32_t cores;			/* CLOS3 */
	uint64_t link_rate;		/* of hosts' links */
	uint64_t fabric_rate;		/* of links between switches; 0: link_rate */
	uint64_t propagation;		/* of each link */
	uint32_t mtu;			/* largest UET packet (bytes above UDP) */
	uint8_t paths;			/* source ports of each NIC */
	uint32_t queue;			/* bytes that a switch port holds; then it drops or trims */
	uint32_t trim_size;		/* bytes kept of a packet when it is trimmed; 0: it is dropped */
	uint32_t ecn_min, ecn_max;	/* RED-like marking on dequeue; 0: none */
	uint32_t drop, duplicate, corrupt;	/* ppm, on every link */
	uint32_t reorder;		/* ppm of packets that are held back ... */
	uint64_t reorder_time;		/* ... by up to so much */
	uint64_t seed;
};

struct uet_sim_net;

/*
 * What the network tells the hosts' owner. wake() runs when packets have arrived for an idle
 * host: nic->ops->rx() of that host has them from then on.
 */
struct uet_sim_net_ops {
	void (*wake)(void *owner, uint32_t host, uint64_t now);
	/* Timer of uet_sim_net_at. */
	void (*timer)(void *owner, uint64_t cookie, uint64_t now);
};

/* Counters of one link in one direction; all only grow. */
struct uet_sim_link_stats {
	uint64_t packets, bytes;	/* sent on the wire */
	uint64_t marked, trimmed, dropped, lost, duplicated, corrupted, reordered;
	uint64_t queue_max;		/* bytes */
	double queue_time;		/* integral of queued bytes over time, byte ns */
};

/* Create a network. Returns 0, -EINVAL for impossible configurations, or -ENOMEM. */
int uet_sim_net_create(const struct uet_sim_net_cfg *cfg, const struct uet_sim_net_ops *ops,
		       void *owner, struct uet_sim_net **net);

/* Free everything. */
void uet_sim_net_destroy(struct uet_sim_net *net);

/* The NIC of @host; its address is 10.x.y.z, UDP port 4793. Do not close it. */
struct uet_nic *uet_sim_net_nic(struct uet_sim_net *net, uint32_t host);

/* The host with address @addr (port ignored), or -1. */
int64_t uet_sim_net_host(const struct uet_sim_net *net, const struct uet_addr *addr);

/* Time now. */
uint64_t uet_sim_net_now(const struct uet_sim_net *net);

/* Call ops->timer with @cookie at @time (not before now). */
void uet_sim_net_at(struct uet_sim_net *net, uint64_t time, uint64_t cookie);

/* Run events up to and including @until; returns false when there is none left at all. */
bool uet_sim_net_run(struct uet_sim_net *net, uint64_t until);

/* Number of links; a link goes one way. */
uint32_t uet_sim_net_links(const struct uet_sim_net *net);

/* "h3>leaf0", "leaf0>spine2" ...: printed into @buf, returned. */
const char *uet_sim_net_link_name(const struct uet_sim_net *net, uint32_t link, char *buf,
				  size_t len);

/* The link of that name, or -1. */
int64_t uet_sim_net_link_find(const struct uet_sim_net *net, const char *name);

/* Take a link down or up. What is in its queue or on it is lost; ECMP notices @notice later. */
void uet_sim_net_link_set(struct uet_sim_net *net, uint32_t link, bool up, uint64_t notice);

/* Change the rate of a link from now on. */
void uet_sim_net_link_rate(struct uet_sim_net *net, uint32_t link, uint64_t rate);

const struct uet_sim_link_stats *uet_sim_net_link_stats(const struct uet_sim_net *net,
							uint32_t link);

/* Bytes queued for @link now. */
uint64_t uet_sim_net_link_queue(const struct uet_sim_net *net, uint32_t link);

/* Write every packet that leaves on @link to @file (pcapng) from now on. Returns 0 or -errno. */
int uet_sim_net_trace(struct uet_sim_net *net, const char *file, const uint32_t *links,
		      uint32_t cnt);

/* Packets delivered to hosts so far. */
uint64_t uet_sim_net_packets(const struct uet_sim_net *net);

/* Throw away what waits for @host (its process has died). */
void uet_sim_net_flush_host(struct uet_sim_net *net, uint32_t host);

/* Bytes of memory that packets in flight use now, for leak checks: 0 when all is quiet. */
uint64_t uet_sim_net_memory(const struct uet_sim_net *net);

#endif /* UET_SIM_NET_H */
