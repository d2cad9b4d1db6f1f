/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inside of the simulated network.
 *
 *   tx() --> [queues] --serialiser--> flight (FIFO of arrival times) --> route() --> next link
 *            \_________________ link _________________________________/      \--> inbox of a host
 *
 * A link is worked on lazily: what left its queues until now is found out when somebody looks
 * (a packet arrives at its end, another one is queued, counters are read), because nothing
 * outside can tell the difference. That makes one event of most packets' hops.
 */
#ifndef UET_SIM_NET_PRIV_H
#define UET_SIM_NET_PRIV_H

#include <stdio.h>

#include "base/pool.h"
#include "base/rand.h"
#include "sim/event.h"
#include "sim/net.h"

#define PSEC 1000ull		/* ps in a ns */

/* The two queues of a link; the first one has priority. */
enum { UET_SIM_HIGH, UET_SIM_LOW, UET_SIM_PRIOS };

struct uet_sim_pkt {
	struct uet_sim_pkt *next;
	uint64_t next_at;	/* ps: when next arrives, so that nobody must look at it */
	uint8_t *data;		/* NULL: a report (err) */
	uint64_t at;		/* ps: when it arrives at the end of the link it is on */
	uint32_t len;		/* UET bytes */
	uint32_t src, dst;	/* hosts */
	uint32_t leaf;		/* of dst */
	uint32_t hash;		/* of what ECMP looks at */
	uint16_t sport, dport;	/* report: those of the packet that was refused */
	uint8_t err;
	uint8_t tos, trim, prio;
	bool big;		/* which pool data comes from */
};

struct uet_sim_fifo {
	struct uet_sim_pkt *head, *tail;
};

enum uet_sim_kind { UET_SIM_HOST, UET_SIM_LEAF, UET_SIM_SPINE, UET_SIM_CORE };

/* By cache lines: every packet needs the first and third, one that must wait also the second. */
struct uet_sim_link {
	struct uet_sim_fifo flight;
	uint64_t flight_at;	/* ps: when its first packet arrives */
	uint64_t free_at;	/* ps: when the serialiser has sent what it has */
	uint64_t ps_byte;	/* ps for a byte << 16 */
	uint64_t settled;	/* ps: queue_time counts until then */
	uint32_t queued[UET_SIM_PRIOS];	/* bytes */
	uint32_t to;		/* index of the node at the end */
	uint8_t to_kind;	/* enum uet_sim_kind */
	bool up;
	bool eager;		/* somebody waits for packets to leave: an event for each */
	bool odd;		/* traced or faulty */

	struct uet_sim_fifo queue[UET_SIM_PRIOS];
	uint32_t limit[UET_SIM_PRIOS];
	uint32_t from;
	uint32_t epoch;		/* counts failures */
	uint32_t trace_id;
	uint8_t from_kind;
	bool routed;		/* ECMP believes that it is up */
	bool traced;
	bool followed;		/* an event for its trace is pending */
	bool faulty;		/* some chance in faults is not 0 */
	struct uet_rand rand;

	struct uet_sim_link_stats stats;
	struct uet_sim_faults faults;
} __attribute__((aligned(64)));

/* Bytes of a packet. */
struct uet_sim_data {
	uint8_t *data;
	bool big;
};

struct uet_sim_host {
	struct uet_nic nic;	/* first */
	struct uet_sim_net *net;
	uint32_t index, leaf;
	struct uet_sim_fifo inbox;
	struct uet_sim_data *lent;	/* what the last rx() gave away */
	uint32_t lent_cnt, lent_room;
	uint64_t waiting;	/* bytes in the inbox, as on the wire */
	uint8_t state;		/* enum uet_sim_host_state */
	uint8_t blocked;	/* bit of each priority that was refused */
	bool overrun;		/* the inbox was full since the last rx() */
};

/* One-off events besides links' and alarms'. */
enum uet_sim_timer_kind {
	UET_SIM_TIMER,		/* value: cookie */
	UET_SIM_NOTICE,		/* link: ECMP sees its state */
	UET_SIM_LATE,		/* pkt arrives at the end of link, unless that failed */
	UET_SIM_LOCAL,		/* pkt from a host to itself */
	UET_SIM_ROOM,		/* link: a host, whose NIC was emptied */
	UET_SIM_TRACED,		/* link: a packet leaves it */
};

struct uet_sim_timer {
	union {
		uint64_t cookie;
		struct uet_sim_pkt *pkt;
	};
	uint32_t link, epoch;
	uint32_t next;		/* free ones: 1 + index of the next; 0: none */
	uint8_t kind;
};

struct uet_sim_shape {
	uint32_t hosts_per_leaf, leaves;
	uint32_t spines;	/* of a pod */
	uint32_t leaves_per_pod, pods;
	uint32_t cores;		/* above each spine */
	uint32_t fabric1;	/* first link between leaf and spine */
	uint32_t fabric2;	/* first link between spine and core */
	uint32_t links;
};

struct uet_sim_net {
	struct uet_sim_net_cfg cfg;
	struct uet_sim_net_ops ops;
	void *owner;
	uint64_t now;		/* ps */
	uint64_t propagation;	/* ps */
	struct uet_sim_events events;	/* sources: links, hosts' alarms, timers */
	struct uet_sim_link *links;
	struct uet_sim_host *hosts;
	struct uet_sim_timer *timers;
	uint32_t timer_cnt, timer_room, timer_free;
	struct uet_sim_shape shape;
	uint32_t *salt;		/* of each switch: leaves, spines, cores */
	uint32_t unrouted;	/* links that ECMP believes to be down */
	struct uet_pool pkts, small, big;
	uint64_t memory;
	uint64_t packets, hops;
	FILE *trace;
	int trace_err;
};

/* Bytes that wait in the queues of @l. */
static inline uint64_t uet_sim_depth(const struct uet_sim_link *l)
{
	return (uint64_t)l->queued[UET_SIM_HIGH] + l->queued[UET_SIM_LOW];
}

static inline uint32_t uet_sim_wire(const struct uet_sim_pkt *p)
{
	return p->len + UET_SIM_WIRE;
}

static inline void uet_sim_push(struct uet_sim_fifo *f, struct uet_sim_pkt *p)
{
	p->next = NULL;
	if (f->head)
		f->tail->next = p;
	else
		f->head = p;
	f->tail = p;
}

static inline struct uet_sim_pkt *uet_sim_pop(struct uet_sim_fifo *f)
{
	struct uet_sim_pkt *p = f->head;

	f->head = p->next;
	return p;
}

static inline bool uet_sim_chance(struct uet_rand *r, uint32_t ppm)
{
	return ppm && uet_rand_u32(r) % 1000000 < ppm;
}

/* ---- pkt.c ---- */

/* Prepare the pools for packets of up to @mtu bytes. */
void uet_sim_pkts_init(struct uet_sim_net *net, uint32_t mtu);

/* A packet with room for @len bytes (0: no data), the rest undefined; NULL: no memory. */
struct uet_sim_pkt *uet_sim_pkt_get(struct uet_sim_net *net, uint32_t len);

/* Return @p. */
void uet_sim_pkt_put(struct uet_sim_net *net, struct uet_sim_pkt *p);

/* Return all packets of @f; it is empty then. Returns their number. */
uint32_t uet_sim_pkt_drop(struct uet_sim_net *net, struct uet_sim_fifo *f);

/* A copy of @p; NULL: no memory. */
struct uet_sim_pkt *uet_sim_pkt_copy(struct uet_sim_net *net, const struct uet_sim_pkt *p);

/* Keep the first @len bytes of @p only. */
void uet_sim_pkt_cut(struct uet_sim_net *net, struct uet_sim_pkt *p, uint32_t len);

/* Return @p, but not its bytes, which are the caller's then. */
struct uet_sim_data uet_sim_pkt_open(struct uet_sim_net *net, struct uet_sim_pkt *p);

/* Return the bytes of a packet. */
void uet_sim_data_put(struct uet_sim_net *net, struct uet_sim_data d);

/* ---- topo.c ---- */

/* Fill net->shape from net->cfg. Returns 0 or -EINVAL. */
int uet_sim_shape(struct uet_sim_net *net);

/* Join the nodes: from and to of each link, and leaf of each host. */
void uet_sim_wire_up(struct uet_sim_net *net);

/* The link over which the switch at the end of @l sends @p on, or -1: no way. */
int64_t uet_sim_route(const struct uet_sim_net *net, const struct uet_sim_link *l,
		      const struct uet_sim_pkt *p);

/* ---- link.c ---- */

/* Set up link @id as net->cfg says. Returns 0, or -EINVAL: an impossible rate. */
int uet_sim_link_init(struct uet_sim_net *net, uint32_t id);

/* Free what waits for link @id; it is counted as lost. */
void uet_sim_link_flush(struct uet_sim_net *net, uint32_t id);

/* Let everything leave the queues that has left until now. */
void uet_sim_link_settle(struct uet_sim_net *net, struct uet_sim_link *l);

/* Give link @id packet @p, which then belongs to it. */
void uet_sim_link_send(struct uet_sim_net *net, uint32_t id, struct uet_sim_pkt *p);

/* The event of link @id. */
void uet_sim_link_event(struct uet_sim_net *net, uint32_t id);

/* @p, held back on link @id when that had failed @epoch times, arrives. */
void uet_sim_link_late(struct uet_sim_net *net, uint32_t id, uint32_t epoch,
		       struct uet_sim_pkt *p);

/* Let go what has left link @id, which is traced, and see to what comes next. */
void uet_sim_link_follow(struct uet_sim_net *net, uint32_t id);

/* Have events for each packet that leaves link @id, or not. */
void uet_sim_link_eager(struct uet_sim_net *net, uint32_t id, bool eager);

/* ECMP sees the state of link @id. */
void uet_sim_link_noticed(struct uet_sim_net *net, uint32_t id);

/* ---- host.c ---- */

/* Set up host @index. */
void uet_sim_host_init(struct uet_sim_net *net, uint32_t index);

/* Free what host @index holds. */
void uet_sim_host_free(struct uet_sim_net *net, uint32_t index);

/* @p has arrived at its host over link @id (-1: from itself). */
void uet_sim_host_arrive(struct uet_sim_net *net, int64_t id, struct uet_sim_pkt *p);

/* Wake host @index if its NIC had refused packets and has room again. */
void uet_sim_host_room(struct uet_sim_net *net, uint32_t index);

/* The link from host @index into the network. */
static inline uint32_t uet_sim_host_link(const struct uet_sim_net *net, uint32_t index)
{
	return net->cfg.topology == UET_SIM_PAIR ? index : 2 * index;
}

/* The IPv4 address of host @index, in host order. */
static inline uint32_t uet_sim_host_ip(uint32_t index)
{
	return 10u << 24 | (index + 1);
}

/* ---- net.c ---- */

/* Have @t happen at @time (ps). Returns 0 or -ENOMEM. */
int uet_sim_timer_add(struct uet_sim_net *net, const struct uet_sim_timer *t, uint64_t time);

/* ---- trace.c ---- */

/* Write @p, which leaves on @l at @time (ps). */
void uet_sim_trace_packet(struct uet_sim_net *net, const struct uet_sim_link *l,
			  const struct uet_sim_pkt *p, uint64_t time);

#endif /* UET_SIM_NET_PRIV_H */
