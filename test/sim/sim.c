/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "sim/ep.h"
#include "sim/mixed.h"

#define SLICE_HOPS 100000u	/* packets on links between two looks at the whole */

void uet_sim_due(struct uet_sim *sim, uint64_t time, enum uet_sim_due kind, uint32_t index)
{
	if (uet_sim_net_at(sim->net, time, (uint64_t)kind << 56 | index))
		uet_sim_complain(sim, "no memory for timers");
}

static void wake(void *owner, uint32_t host, uint64_t now)
{
	struct uet_sim *sim = owner;

	(void)now;
	uet_sim_ep_step(&sim->eps[host]);
}

static void timer(void *owner, uint64_t cookie, uint64_t now)
{
	struct uet_sim *sim = owner;
	uint32_t index = (uint32_t)cookie;

	(void)now;
	switch ((enum uet_sim_due)(cookie >> 56)) {
	case UET_SIM_DUE_FLOW:
		uet_sim_flow_begin(sim, index);
		break;
	case UET_SIM_DUE_RECV:
		sim->recvs_due--;
		uet_sim_flow_recv(sim, index);
		break;
	case UET_SIM_DUE_FAULT:
		uet_sim_fault(sim, index);
		break;
	case UET_SIM_DUE_FAULT_END:
		uet_sim_fault_end(sim, index);
		break;
	case UET_SIM_DUE_SAMPLE:
		uet_sim_sample(sim);
		break;
	case UET_SIM_DUE_MEASURE:
		uet_sim_measure(sim, index == 0);
		break;
	}
}

static const struct uet_sim_net_ops net_ops = { .wake = wake, .timer = timer };

static int build(struct uet_sim *sim, char *why, size_t len)
{
	uint32_t i, links;
	int ret = uet_sim_net_create(&sim->sc.net, &net_ops, sim, &sim->net);

	if (ret) {
		snprintf(why, len, "there is no such network");
		return ret;
	}
	links = uet_sim_net_links(sim->net);
	sim->eps = calloc(sim->sc.net.hosts, sizeof(sim->eps[0]));
	sim->queue_from = calloc(links, sizeof(sim->queue_from[0]));
	sim->queue_until = calloc(links, sizeof(sim->queue_until[0]));
	if (!sim->eps || !sim->queue_from || !sim->queue_until)
		return -ENOMEM;
	ret = uet_sim_plan(sim, why, len);
	for (i = 0; !ret && i < sim->sc.net.hosts; i++) {
		ret = uet_sim_ep_init(sim, i);
		if (ret)
			snprintf(why, len, "endpoint %u: %s", i,
				 ret == -ENOMEM ? "no memory" : "impossible settings");
	}
	return ret ? ret : uet_sim_faults_plan(sim, why, len);
}

int uet_sim_create(const struct uet_sim_scenario *sc, struct uet_sim **out, char *why, size_t len)
{
	struct uet_sim *sim = calloc(1, sizeof(*sim));
	int ret = -ENOMEM;

	snprintf(why, len, "no memory");
	if (!sim)
		return ret;
	sim->sc = *sc;
	uet_rand_seed(&sim->rand, sc->net.seed);
	ret = build(sim, why, len);
	if (ret) {
		uet_sim_destroy(sim);
		return ret;
	}
	*out = sim;
	return 0;
}

void uet_sim_destroy(struct uet_sim *sim)
{
	uint32_t i;

	for (i = 0; sim->eps && i < sim->sc.net.hosts; i++)
		if (sim->eps[i].sim)
			uet_sim_ep_fini(&sim->eps[i]);
	for (i = 0; i < sim->flow_cnt; i++) {
		if (sim->flows[i].buf != sim->scratch)
			free(sim->flows[i].buf);
		free(sim->flows[i].rx_buf);
	}
	if (sim->net)
		uet_sim_net_destroy(sim->net);
	if (sim->flow_series)
		fclose(sim->flow_series);
	if (sim->queue_series)
		fclose(sim->queue_series);
	free(sim->eps);
	free(sim->flows);
	free(sim->faults);
	uet_sim_tape_destroy(sim);
	free(sim->scratch);
	free(sim->queue_from);
	free(sim->queue_until);
	free(sim->queue_last);
	free(sim);
}

/* Run until all flows have ended. Returns false if somebody gave up. */
static bool run_work(struct uet_sim *sim, uet_sim_report_fn report, void *arg)
{
	uint64_t slice = 100 * UET_NSEC_PER_USEC, hops = 0, done, until;

	while (sim->count.open && uet_sim_net_now(sim->net) < sim->sc.time_limit) {
		until = uet_sim_net_now(sim->net) + slice;
		uet_sim_net_run(sim->net, uet_min_u64(until, sim->sc.time_limit));
		done = uet_sim_net_hops(sim->net) - hops;
		hops += done;
		if (done < SLICE_HOPS / 2 && slice < 100 * UET_NSEC_PER_MSEC)
			slice *= 2;
		else if (done > 2 * SLICE_HOPS && slice > 1000)
			slice /= 2;
		uet_sim_check_bounds(sim);
		if (report && !report(sim, arg))
			return false;
	}
	return true;
}

uint64_t uet_sim_run(struct uet_sim *sim, uet_sim_report_fn report, void *arg)
{
	bool whole;

	uet_sim_flows_begin(sim);
	uet_sim_due(sim, sim->sc.measure_from, UET_SIM_DUE_MEASURE, 0);
	if (sim->sc.measure_until)
		uet_sim_due(sim, sim->sc.measure_until, UET_SIM_DUE_MEASURE, 1);
	whole = run_work(sim, report, arg);
	if (whole && sim->sc.check && !sim->count.open)
		uet_sim_check_quiet(sim);
	if (whole)
		uet_sim_check_flows(sim);
	return sim->complaints;
}
