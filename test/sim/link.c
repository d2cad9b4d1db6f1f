/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A link: two queues, a serialiser, and packets on the way to the other end. */
#include <errno.h>
#include <string.h>

#include "sim/net_priv.h"

#define RATE_MIN	1000000ull		/* 1 Mb/s */
#define RATE_MAX	10000000000000ull	/* 10 Tb/s */

int uet_sim_link_init(struct uet_sim_net *net, uint32_t id)
{
	const struct uet_sim_net_cfg *c = &net->cfg;
	struct uet_sim_link *l = &net->links[id];
	bool host = l->from_kind == UET_SIM_HOST || l->to_kind == UET_SIM_HOST;

	if (uet_sim_net_link_rate(net, id, host ? c->link_rate : c->fabric_rate))
		return -EINVAL;
	l->limit[UET_SIM_LOW] = c->queue;
	l->limit[UET_SIM_HIGH] = c->control_queue;
	/* The NIC looks at its room before it takes a packet. */
	if (l->from_kind == UET_SIM_HOST)
		l->limit[UET_SIM_LOW] = l->limit[UET_SIM_HIGH] = UINT32_MAX;
	l->up = true;
	l->routed = true;
	uet_rand_seed(&l->rand, c->seed ^ (id + 1) * 0xd1342543de82ef95ull);
	uet_sim_net_link_faults(net, id, &c->faults);
	return 0;
}

/*
 * A trace is written in the order of time. The events for that are separate, so that all others
 * come in the order that they have without it.
 */
static void follow(struct uet_sim_net *net, struct uet_sim_link *l)
{
	struct uet_sim_timer t = { .kind = UET_SIM_TRACED, .link = (uint32_t)(l - net->links) };

	if (uet_sim_depth(l) && !l->followed)
		l->followed = !uet_sim_timer_add(net, &t, uet_max_u64(l->free_at, net->now));
}

void uet_sim_link_follow(struct uet_sim_net *net, uint32_t id)
{
	struct uet_sim_link *l = &net->links[id];

	l->followed = false;
	uet_sim_link_settle(net, l);
	if (l->traced)
		follow(net, l);
}

/* When this link next needs work. */
static void reschedule(struct uet_sim_net *net, struct uet_sim_link *l)
{
	uint64_t next = l->flight.head ? l->flight_at : UET_TIME_NEVER;

	if (uet_sim_depth(l) && (l->eager || next == UET_TIME_NEVER) && l->free_at < next)
		next = l->free_at;
	uet_sim_events_set(&net->events, (uint32_t)(l - net->links), next);
	if (uet_unlikely(l->odd && l->traced))
		follow(net, l);
}

/* @p is on its way. Packets of one link do not overtake each other there. */
static void fly(struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	if (l->flight.head)
		l->flight.tail->next_at = p->at;
	else
		l->flight_at = p->at;
	uet_sim_push(&l->flight, p);
}

/* ---- faults ---- */

static void corrupt(struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	uint32_t bits = 1 + uet_rand_u32(&l->rand) % 3, bit;

	while (bits--) {
		bit = uet_rand_u32(&l->rand) % (8 * p->len);
		p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Hold @p back: others overtake it. */
static void delay(struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	struct uet_sim_timer t = {
		.kind = UET_SIM_LATE,
		.pkt = p,
		.link = (uint32_t)(l - net->links),
		.epoch = l->epoch,
	};
	uint64_t more = 1 + uet_rand_u64(&l->rand) % (l->faults.reorder_time * PSEC);

	l->stats.reordered++;
	if (!uet_sim_timer_add(net, &t, p->at + more))
		return;
	l->stats.lost++;
	uet_sim_pkt_put(net, p);
}

static void duplicate(struct uet_sim_net *net, struct uet_sim_link *l, const struct uet_sim_pkt *p)
{
	struct uet_sim_pkt *c = uet_sim_pkt_copy(net, p);

	if (!c)
		return;
	l->stats.duplicated++;
	fly(l, c);
}

/* @p is on the wire of a link with faults. */
static void fly_badly(struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	const struct uet_sim_faults *f = &l->faults;

	if (uet_sim_chance(&l->rand, f->drop)) {
		l->stats.lost++;
		uet_sim_pkt_put(net, p);
		return;
	}
	if (uet_sim_chance(&l->rand, f->corrupt)) {
		l->stats.corrupted++;
		if (!f->corrupt_delivered || !p->data) {
			uet_sim_pkt_put(net, p);
			return;
		}
		corrupt(l, p);
	}
	if (uet_sim_chance(&l->rand, f->duplicate))
		duplicate(net, l, p);
	if (uet_sim_chance(&l->rand, f->reorder))
		delay(net, l, p);
	else
		fly(l, p);
}

/* ---- leaving ---- */

/* Mark @p if the data that it leaves behind asks for it. */
static void mark(const struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	uint32_t min = net->cfg.ecn_min, max = net->cfg.ecn_max, depth = l->queued[UET_SIM_LOW];

	if (depth < min || !depth || (p->tos & UET_ECN_MASK) != UET_ECN_ECT0)
		return;
	if (depth < max && uet_rand_u32(&l->rand) % (max - min) >= depth - min)
		return;
	p->tos |= UET_ECN_CE;
	l->stats.marked++;
}

/* @p leaves at @time, which is when the serialiser is free. */
static void depart(struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p,
		   uint64_t time)
{
	uint32_t wire = uet_sim_wire(p);

	l->free_at = time + (wire * l->ps_byte >> 16);
	p->at = l->free_at + net->propagation;
	l->stats.packets++;
	l->stats.bytes += wire;
	net->hops++;
	if (uet_unlikely(l->odd && l->traced))
		uet_sim_trace_packet(net, l, p, time);
	if (uet_unlikely(l->odd && l->faulty))
		fly_badly(net, l, p);
	else
		fly(l, p);
}

/* Count the time until @time that bytes have spent in the queues. */
static void account(struct uet_sim_link *l, uint64_t time)
{
	uint64_t bytes = uet_sim_depth(l);

	if (bytes)
		l->stats.queue_time += (double)(bytes * (time - l->settled)) / PSEC;
	l->settled = time;
}

void uet_sim_link_settle(struct uet_sim_net *net, struct uet_sim_link *l)
{
	struct uet_sim_pkt *p;
	uint64_t time;
	int prio;

	while (uet_sim_depth(l) && l->free_at <= net->now) {
		prio = l->queue[UET_SIM_HIGH].head ? UET_SIM_HIGH : UET_SIM_LOW;
		time = l->free_at;
		account(l, time);
		p = uet_sim_pop(&l->queue[prio]);
		l->queued[prio] -= uet_sim_wire(p);
		if (prio == UET_SIM_LOW && net->cfg.ecn_max && l->from_kind != UET_SIM_HOST)
			mark(net, l, p);
		depart(net, l, p, time);
	}
	account(l, net->now);
}

/* ---- queueing ---- */

/* Make @p, for which there is no room, one of the urgent ones. */
static void trim(struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	bool last = l->to_kind == UET_SIM_HOST;

	uet_sim_pkt_cut(net, p, net->cfg.trim_size);
	p->trim = last ? UET_NIC_TRIMMED_LASTHOP : UET_NIC_TRIMMED;
	p->tos = (uint8_t)((p->tos & UET_ECN_MASK) |
			   (last ? UET_SIM_DSCP_LASTHOP : UET_SIM_DSCP_TRIMMED) << 2);
	p->prio = UET_SIM_HIGH;
	l->stats.trimmed++;
}

static bool full(const struct uet_sim_link *l, const struct uet_sim_pkt *p)
{
	return (uint64_t)l->queued[p->prio] + uet_sim_wire(p) > l->limit[p->prio];
}

static void enqueue(struct uet_sim_net *net, struct uet_sim_link *l, struct uet_sim_pkt *p)
{
	if (full(l, p) && p->prio == UET_SIM_LOW && net->cfg.trim_size &&
	    p->len > net->cfg.trim_size)
		trim(net, l, p);
	if (full(l, p)) {
		l->stats.dropped++;
		uet_sim_pkt_put(net, p);
		return;
	}
	uet_sim_push(&l->queue[p->prio], p);
	l->queued[p->prio] += uet_sim_wire(p);
	l->stats.queue_max = uet_max_u64(l->stats.queue_max, uet_sim_depth(l));
}

void uet_sim_link_send(struct uet_sim_net *net, uint32_t id, struct uet_sim_pkt *p)
{
	struct uet_sim_link *l = &net->links[id];

	if (uet_unlikely(!l->up)) {
		l->stats.lost++;
		uet_sim_pkt_put(net, p);
		return;
	}
	uet_sim_link_settle(net, l);
	if (l->free_at <= net->now)
		depart(net, l, p, net->now);
	else
		enqueue(net, l, p);
	reschedule(net, l);
}

/* ---- arriving ---- */

static void arrive(struct uet_sim_net *net, uint32_t id, struct uet_sim_pkt *p)
{
	struct uet_sim_link *l = &net->links[id];
	int64_t next;

	if (l->to_kind == UET_SIM_HOST) {
		uet_sim_host_arrive(net, id, p);
		return;
	}
	next = uet_sim_route(net, l, p);
	if (next < 0) {
		l->stats.lost++;
		uet_sim_pkt_put(net, p);
		return;
	}
	uet_sim_link_send(net, (uint32_t)next, p);
}

void uet_sim_link_event(struct uet_sim_net *net, uint32_t id)
{
	struct uet_sim_link *l = &net->links[id];
	struct uet_sim_pkt *p = NULL;

	uet_sim_link_settle(net, l);
	if (l->flight.head && l->flight_at <= net->now) {
		p = uet_sim_pop(&l->flight);
		l->flight_at = p->next_at;
	}
	reschedule(net, l);
	if (p)
		arrive(net, id, p);
	if (uet_unlikely(l->eager && l->from_kind == UET_SIM_HOST))
		uet_sim_host_room(net, l->from);
}

void uet_sim_link_late(struct uet_sim_net *net, uint32_t id, uint32_t epoch,
		       struct uet_sim_pkt *p)
{
	struct uet_sim_link *l = &net->links[id];

	if (l->epoch == epoch) {
		arrive(net, id, p);
		return;
	}
	l->stats.lost++;
	uet_sim_pkt_put(net, p);
}

void uet_sim_link_eager(struct uet_sim_net *net, uint32_t id, bool eager)
{
	struct uet_sim_link *l = &net->links[id];

	l->eager = eager;
	reschedule(net, l);
}

/* ---- changes from outside ---- */

void uet_sim_link_flush(struct uet_sim_net *net, uint32_t id)
{
	struct uet_sim_link *l = &net->links[id];
	struct uet_sim_timer t = { .kind = UET_SIM_ROOM, .link = l->from };
	int prio;

	uet_sim_link_settle(net, l);
	for (prio = 0; prio < UET_SIM_PRIOS; prio++) {
		l->stats.lost += uet_sim_pkt_drop(net, &l->queue[prio]);
		l->queued[prio] = 0;
	}
	if (l->from_kind == UET_SIM_HOST)
		uet_sim_timer_add(net, &t, net->now);
	reschedule(net, l);
}

static void fail(struct uet_sim_net *net, uint32_t id)
{
	struct uet_sim_link *l = &net->links[id];

	uet_sim_link_flush(net, id);
	l->stats.lost += uet_sim_pkt_drop(net, &l->flight);
	l->free_at = net->now;
	l->epoch++;
	reschedule(net, l);
}

void uet_sim_link_noticed(struct uet_sim_net *net, uint32_t id)
{
	struct uet_sim_link *l = &net->links[id];

	if (l->routed == l->up)
		return;
	l->routed = l->up;
	net->unrouted += l->up ? -1 : 1;
}

void uet_sim_net_link_set(struct uet_sim_net *net, uint32_t link, bool up, uint64_t notice)
{
	struct uet_sim_link *l = &net->links[link];
	struct uet_sim_timer t = { .kind = UET_SIM_NOTICE, .link = link };

	if (l->up && !up)
		fail(net, link);
	l->up = up;
	if (!notice || uet_sim_timer_add(net, &t, net->now + notice * PSEC))
		uet_sim_link_noticed(net, link);
}

int uet_sim_net_link_rate(struct uet_sim_net *net, uint32_t link, uint64_t rate)
{
	struct uet_sim_link *l = &net->links[link];

	if (rate < RATE_MIN || rate > RATE_MAX)
		return -EINVAL;
	uet_sim_link_settle(net, l);
	l->ps_byte = (8000000000000ull << 16) / rate;
	return 0;
}

void uet_sim_net_link_faults(struct uet_sim_net *net, uint32_t link,
			     const struct uet_sim_faults *faults)
{
	struct uet_sim_link *l = &net->links[link];

	uet_sim_link_settle(net, l);
	l->faults = *faults;
	if (!l->faults.reorder_time)
		l->faults.reorder = 0;
	l->faulty = l->faults.drop || l->faults.duplicate || l->faults.corrupt ||
		    l->faults.reorder;
	l->odd = l->faulty || l->traced;
}

const struct uet_sim_link_stats *uet_sim_net_link_stats(struct uet_sim_net *net, uint32_t link)
{
	uet_sim_link_settle(net, &net->links[link]);
	return &net->links[link].stats;
}

uint64_t uet_sim_net_link_queue(struct uet_sim_net *net, uint32_t link)
{
	struct uet_sim_link *l = &net->links[link];

	uet_sim_link_settle(net, l);
	return uet_sim_depth(l);
}
