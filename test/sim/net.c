/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The simulated network as a whole: its life, time, and one-off events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net_priv.h"

#define MTU_MIN		64u
#define MTU_MAX		65507u
#define HOST_QUEUE	16u		/* packets */
#define HOST_BUFFER	(4u << 20)	/* bytes */

/* ---- making ---- */

static void set_defaults(struct uet_sim_net_cfg *c)
{
	if (!c->fabric_rate)
		c->fabric_rate = c->link_rate;
	if (!c->paths)
		c->paths = 1;
	if (!c->control_queue)
		c->control_queue = c->queue;
	if (!c->host_queue)
		c->host_queue = HOST_QUEUE * (c->mtu + UET_SIM_WIRE);
	if (!c->host_buffer)
		c->host_buffer = HOST_BUFFER;
}

static bool sane(const struct uet_sim_net_cfg *c)
{
	if (c->mtu < MTU_MIN || c->mtu > MTU_MAX || c->trim_size >= c->mtu)
		return false;
	if (c->topology != UET_SIM_PAIR && c->queue < c->mtu + UET_SIM_WIRE)
		return false;
	if (c->host_buffer < c->mtu + UET_SIM_WIRE)
		return false;
	return c->ecn_min <= c->ecn_max && c->propagation < UET_NSEC_PER_SEC;
}

static uint32_t switches(const struct uet_sim_shape *s)
{
	return s->leaves + s->pods * s->spines + s->spines * s->cores;
}

static int build(struct uet_sim_net *net)
{
	const struct uet_sim_shape *s = &net->shape;
	struct uet_rand salts;
	uint32_t i;

	/* Whole cache lines; the rest of the structure relies on zeroes. */
	if (posix_memalign((void **)&net->links, 64, s->links * sizeof(net->links[0])))
		return -ENOMEM;
	memset(net->links, 0, s->links * sizeof(net->links[0]));
	net->hosts = calloc(net->cfg.hosts, sizeof(net->hosts[0]));
	net->salt = calloc(switches(s) + 1, sizeof(net->salt[0]));
	if (!net->hosts || !net->salt ||
	    uet_sim_events_init(&net->events, s->links + net->cfg.hosts))
		return -ENOMEM;
	uet_sim_wire_up(net);
	for (i = 0; i < net->cfg.hosts; i++)
		uet_sim_host_init(net, i);
	for (i = 0; i < s->links; i++)
		if (uet_sim_link_init(net, i))
			return -EINVAL;
	uet_rand_seed(&salts, net->cfg.seed);
	for (i = 0; i < switches(s); i++)
		net->salt[i] = uet_rand_u32(&salts);
	return 0;
}

int uet_sim_net_create(const struct uet_sim_net_cfg *cfg, const struct uet_sim_net_ops *ops,
		       void *owner, struct uet_sim_net **net)
{
	struct uet_sim_net *n = calloc(1, sizeof(*n));
	int ret = -EINVAL;

	if (!n)
		return -ENOMEM;
	n->cfg = *cfg;
	n->ops = *ops;
	n->owner = owner;
	set_defaults(&n->cfg);
	n->propagation = cfg->propagation * PSEC;
	uet_sim_pkts_init(n, cfg->mtu);
	if (sane(&n->cfg))
		ret = uet_sim_shape(n);
	if (!ret)
		ret = build(n);
	if (ret)
		uet_sim_net_destroy(n);
	else
		*net = n;
	return ret;
}

void uet_sim_net_destroy(struct uet_sim_net *net)
{
	uint32_t i;

	uet_sim_net_trace(net, NULL, NULL, 0);
	for (i = 0; net->hosts && i < net->cfg.hosts; i++)
		uet_sim_host_free(net, i);
	uet_sim_events_destroy(&net->events);
	uet_pool_destroy(&net->pkts);
	uet_pool_destroy(&net->small);
	uet_pool_destroy(&net->big);
	free(net->timers);
	free(net->salt);
	free(net->hosts);
	free(net->links);
	free(net);
}

/* ---- one-off events ---- */

/* A timer that is free. Returns its index, or -ENOMEM. */
static int64_t timer_get(struct uet_sim_net *net)
{
	struct uet_sim_timer *timers;
	uint32_t room = net->timer_room ? 2 * net->timer_room : 64, i = net->timer_free;

	if (i--) {
		net->timer_free = net->timers[i].next;
		return i;
	}
	if (net->timer_cnt == net->timer_room) {
		timers = realloc(net->timers, room * sizeof(*timers));
		if (!timers)
			return -ENOMEM;
		net->timers = timers;
		net->timer_room = room;
	}
	if (uet_sim_events_add(&net->events) < 0)
		return -ENOMEM;
	return net->timer_cnt++;
}

int uet_sim_timer_add(struct uet_sim_net *net, const struct uet_sim_timer *t, uint64_t time)
{
	int64_t i = timer_get(net);

	if (i < 0)
		return (int)i;
	net->timers[i] = *t;
	uet_sim_events_set(&net->events, net->shape.links + net->cfg.hosts + (uint32_t)i, time);
	return 0;
}

static void timer_event(struct uet_sim_net *net, uint32_t i)
{
	struct uet_sim_timer t = net->timers[i];

	net->timers[i].next = net->timer_free;
	net->timer_free = i + 1;
	switch (t.kind) {
	case UET_SIM_TIMER:
		net->ops.timer(net->owner, t.cookie, uet_sim_net_now(net));
		break;
	case UET_SIM_NOTICE:
		uet_sim_link_noticed(net, t.link);
		break;
	case UET_SIM_LATE:
		uet_sim_link_late(net, t.link, t.epoch, t.pkt);
		break;
	case UET_SIM_LOCAL:
		uet_sim_host_arrive(net, -1, t.pkt);
		break;
	case UET_SIM_ROOM:
		uet_sim_host_room(net, t.link);
		break;
	case UET_SIM_TRACED:
		uet_sim_link_follow(net, t.link);
		break;
	}
}

/* @time (ns) in ps, not in the past. */
static uint64_t future(const struct uet_sim_net *net, uint64_t time)
{
	if (time >= UET_TIME_NEVER / PSEC)
		return UET_TIME_NEVER - 1;
	return uet_max_u64(time * PSEC, net->now);
}

int uet_sim_net_at(struct uet_sim_net *net, uint64_t time, uint64_t cookie)
{
	struct uet_sim_timer t = { .kind = UET_SIM_TIMER, .cookie = cookie };

	return uet_sim_timer_add(net, &t, future(net, time));
}

void uet_sim_net_alarm(struct uet_sim_net *net, uint32_t host, uint64_t time)
{
	uet_sim_events_set(&net->events, net->shape.links + host,
			   time == UET_TIME_NEVER ? time : future(net, time));
}

/* ---- time ---- */

uint64_t uet_sim_net_now(const struct uet_sim_net *net)
{
	return net->now / PSEC;
}

uint64_t uet_sim_net_next(const struct uet_sim_net *net)
{
	uint64_t next = uet_sim_events_next(&net->events);

	return next == UET_TIME_NEVER ? next : next / PSEC;
}

static void event(struct uet_sim_net *net)
{
	uint32_t source = uet_sim_events_first(&net->events);

	net->now = uet_sim_events_next(&net->events);
	if (source < net->shape.links) {
		uet_sim_link_event(net, source);
		return;
	}
	uet_sim_events_set(&net->events, source, UET_TIME_NEVER);
	source -= net->shape.links;
	if (source < net->cfg.hosts)
		net->ops.wake(net->owner, source, uet_sim_net_now(net));
	else
		timer_event(net, source - net->cfg.hosts);
}

bool uet_sim_net_run(struct uet_sim_net *net, uint64_t until)
{
	uint64_t end = UET_TIME_NEVER - 1;

	if (until < end / PSEC - 1)
		end = until * PSEC + PSEC - 1;
	while (uet_sim_events_next(&net->events) <= end)
		event(net);
	if (end != UET_TIME_NEVER - 1)
		net->now = uet_max_u64(net->now, until * PSEC);
	return uet_sim_events_next(&net->events) != UET_TIME_NEVER;
}

/* ---- figures ---- */

uint64_t uet_sim_net_packets(const struct uet_sim_net *net)
{
	return net->packets;
}

uint64_t uet_sim_net_hops(const struct uet_sim_net *net)
{
	return net->hops;
}

uint64_t uet_sim_net_memory(const struct uet_sim_net *net)
{
	return net->memory;
}
