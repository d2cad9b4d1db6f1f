/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which flows there are. All are made before the run; chains of them tell what begins when
 * something else has ended.
 */
#include "sim/workload.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/util.h"

#define TAPE_SPREAD (1u << 20)	/* where on the tape flows begin */

uint64_t uet_sim_below(struct uet_sim *sim, uint64_t n)
{
	return n ? uet_rand_u64(&sim->rand) % n : 0;
}

static double fraction(struct uet_sim *sim)
{
	return (double)(uet_rand_u64(&sim->rand) >> 11) / 9007199254740992.0;
}

/* Shares of messages up to so many bytes, as in data centres that serve web searches. */
static uint64_t websearch(double p)
{
	static const double share[] = { 0, 0.15, 0.2, 0.3, 0.4, 0.53, 0.6, 0.7, 0.8, 0.9, 0.97,
					1 };
	static const double kbyte[] = { 1, 6, 13, 19, 33, 53, 133, 667, 1333, 3333, 6667, 20000 };
	unsigned int i = 1;

	while (p > share[i])
		i++;
	p = (p - share[i - 1]) / (share[i] - share[i - 1]);
	return (uint64_t)(1000 * (kbyte[i - 1] + p * (kbyte[i] - kbyte[i - 1])));
}

/* Bounded Pareto distribution. */
static uint64_t pareto(const struct uet_sim_work *w, double p)
{
	double lo = (double)w->size_min, hi = (double)w->size_max, shape = 1.2;

	return (uint64_t)(lo * pow(1 - p * (1 - pow(lo / hi, shape)), -1 / shape));
}

uint32_t uet_sim_draw_size(struct uet_sim *sim)
{
	const struct uet_sim_work *w = &sim->sc.work;

	switch (w->sizes) {
	case UET_SIM_UNIFORM:
		return (uint32_t)(w->size_min + uet_sim_below(sim, w->size_max - w->size_min + 1));
	case UET_SIM_WEBSEARCH:
		return (uint32_t)websearch(fraction(sim));
	case UET_SIM_PARETO:
		return (uint32_t)uet_min_u64(pareto(w, fraction(sim)), w->size_max);
	default:
		return (uint32_t)w->size;
	}
}

int uet_sim_flows_make(struct uet_sim *sim, uint64_t cnt)
{
	uint32_t i;

	if (cnt == 0 || cnt > 1u << 26)
		return -EINVAL;
	sim->flows = calloc(cnt, sizeof(sim->flows[0]));
	if (!sim->flows)
		return -ENOMEM;
	sim->flow_cnt = (uint32_t)cnt;
	for (i = 0; i < cnt; i++) {
		struct uet_sim_flow *f = &sim->flows[i];

		f->id = i;
		f->sim = sim;
		f->next = UET_SIM_NO_FLOW;
		f->op = (uint8_t)sim->sc.work.op;
		f->mode = (uint8_t)sim->sc.work.mode;
		f->bytes = uet_sim_draw_size(sim);
	}
	return 0;
}

void uet_sim_flow_between(struct uet_sim *sim, uint32_t id, uint32_t src, uint32_t dst)
{
	sim->flows[id].src = src;
	sim->flows[id].dst = dst;
}

void uet_sim_flow_chain(struct uet_sim *sim, uint32_t first, uint32_t then, bool after_rx)
{
	sim->flows[first].next = then;
	sim->flows[first].after_rx = after_rx;
	sim->flows[then].chained = true;
}

/* Spread the starts of what does not wait for others. */
static void set_starts(struct uet_sim *sim)
{
	const struct uet_sim_work *w = &sim->sc.work;
	uint32_t i, n = 0;

	for (i = 0; i < sim->flow_cnt; i++)
		if (!sim->flows[i].chained)
			sim->flows[i].start += n++ * w->start_gap +
					       uet_sim_below(sim, w->start_spread + 1);
}

static int listed(struct uet_sim *sim)
{
	const struct uet_sim_scenario *sc = &sim->sc;
	int ret = uet_sim_flows_make(sim, sc->list_cnt);
	uint32_t i;

	for (i = 0; !ret && i < sc->list_cnt; i++) {
		const struct uet_sim_listed *l = &sc->list[i];

		if (l->src >= sc->net.hosts || l->dst >= sc->net.hosts || l->bytes > 1u << 30)
			return -EINVAL;
		uet_sim_flow_between(sim, i, l->src, l->dst);
		sim->flows[i].bytes = (uint32_t)l->bytes;
		sim->flows[i].start = l->start;
	}
	return ret;
}

/* @cnt flows, each a chain of sc.work.count messages; flow i begins with message i. */
static int chains(struct uet_sim *sim, uint32_t cnt)
{
	uint64_t all = (uint64_t)cnt * sim->sc.work.count, i;
	int ret = uet_sim_flows_make(sim, all);

	for (i = 0; !ret && i + cnt < all; i++)
		uet_sim_flow_chain(sim, (uint32_t)i, (uint32_t)i + cnt, false);
	return ret;
}

/* A permutation in which nobody stays where he is. */
static int permutation(struct uet_sim *sim)
{
	uint32_t n = sim->sc.net.hosts, i, *to = malloc(n * sizeof(*to));
	int ret = to ? chains(sim, n) : -ENOMEM;

	if (ret) {
		free(to);
		return ret;
	}
	/* Sattolo: one cycle through all. */
	for (i = 0; i < n; i++)
		to[i] = i;
	for (i = n - 1; i > 0; i--) {
		uint32_t k = (uint32_t)uet_sim_below(sim, i), t = to[i];

		to[i] = to[k];
		to[k] = t;
	}
	for (i = 0; i < sim->flow_cnt; i++)
		uet_sim_flow_between(sim, i, i % n, to[i % n]);
	free(to);
	return 0;
}

static int incast(struct uet_sim *sim)
{
	const struct uet_sim_work *w = &sim->sc.work;
	int ret = chains(sim, w->senders);
	uint32_t i;

	for (i = 0; !ret && i < sim->flow_cnt; i++) {
		uint32_t nr = i % w->senders;

		uet_sim_flow_between(sim, i, 1 + nr, 0);
		if (nr >= w->senders - uet_min_u64(w->joiners, w->senders) && i < w->senders)
			sim->flows[i].start = w->join_time;
		if (nr < w->leavers)
			sim->flows[i].bytes = (uint32_t)w->leave_size;
	}
	return ret;
}

/* Each host sends to those behind it, one after the other, `outstanding` at a time. */
static int alltoall(struct uet_sim *sim)
{
	uint32_t n = sim->sc.net.hosts, lanes = sim->sc.work.outstanding, h, k, id = 0;
	uint64_t rounds = (uint64_t)(n - 1) * sim->sc.work.count;
	int ret = uet_sim_flows_make(sim, n * rounds);

	for (h = 0; !ret && h < n; h++)
		for (k = 0; k < rounds; k++, id++) {
			uet_sim_flow_between(sim, id, h, (h + 1 + k % (n - 1)) % n);
			if (k + lanes < rounds)
				uet_sim_flow_chain(sim, id, id + lanes, false);
		}
	return ret;
}

/* Each host passes on a part of `size` as soon as it has the one before. */
static int ring(struct uet_sim *sim)
{
	uint32_t n = sim->sc.net.hosts, i, steps = 2 * (n - 1) * sim->sc.work.count;
	int ret = uet_sim_flows_make(sim, (uint64_t)n * steps);

	for (i = 0; !ret && i < sim->flow_cnt; i++) {
		uint32_t step = i / n, h = i % n;

		uet_sim_flow_between(sim, i, h, (h + 1) % n);
		if (step + 1 < steps)
			uet_sim_flow_chain(sim, i, (step + 1) * n + (h + 1) % n, true);
	}
	return ret;
}

static int poisson(struct uet_sim *sim)
{
	const struct uet_sim_scenario *sc = &sim->sc;
	int ret = uet_sim_flows_make(sim, sc->work.flows);
	double bytes = 0, rate, at = 0;
	uint32_t i, src;

	for (i = 0; !ret && i < sim->flow_cnt; i++)
		bytes += (double)uet_sim_scenario_wire(sc, sim->flows[i].bytes);
	/* Flows per ns that load all hosts' links as asked. */
	rate = sim->flow_cnt * ((double)sc->work.load / 1e6) * sc->net.hosts *
	       (double)sc->net.link_rate / 8e9 / bytes;
	for (i = 0; !ret && i < sim->flow_cnt; i++) {
		at -= log(1 - fraction(sim)) / rate;
		src = (uint32_t)uet_sim_below(sim, sc->net.hosts);
		uet_sim_flow_between(sim, i, src,
				     (src + 1 + (uint32_t)uet_sim_below(sim, sc->net.hosts - 1)) %
				     sc->net.hosts);
		sim->flows[i].start = (uint64_t)at;
	}
	return ret;
}

/* Give each flow its part of the tape. */
static int make_tape(struct uet_sim *sim)
{
	uint64_t most = 0;
	uint32_t i;
	int ret;

	for (i = 0; i < sim->flow_cnt; i++)
		most = uet_max_u64(most, sim->flows[i].bytes);
	sim->scratch = malloc(most + 1);
	if (!sim->scratch)
		return -ENOMEM;
	ret = uet_sim_tape_create(sim, most + TAPE_SPREAD);
	for (i = 0; i < sim->flow_cnt; i++)
		sim->flows[i].tape = (uint32_t)uet_sim_below(sim, TAPE_SPREAD);
	return ret;
}

int uet_sim_plan(struct uet_sim *sim, char *why, size_t len)
{
	static int (*const plans[])(struct uet_sim *sim) = {
		[UET_SIM_LISTED] = listed, [UET_SIM_PERMUTATION] = permutation,
		[UET_SIM_INCAST] = incast, [UET_SIM_ALLTOALL] = alltoall, [UET_SIM_RING] = ring,
		[UET_SIM_POISSON] = poisson, [UET_SIM_MIXED] = uet_sim_plan_mixed,
	};
	int ret = plans[sim->sc.work.kind](sim);

	if (!ret) {
		set_starts(sim);
		ret = make_tape(sim);
	}
	if (ret)
		snprintf(why, len, "cannot make the flows: %s",
			 ret == -ENOMEM ? "no memory" : "too many, or between impossible hosts");
	sim->count.planned = sim->count.open = sim->flow_cnt;
	return ret;
}
