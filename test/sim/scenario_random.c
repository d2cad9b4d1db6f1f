/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A scenario full of faults, drawn from the seed: which network, how bad it is, how tight the
 * limits of the endpoints are, who fails.
 */
#include "base/rand.h"
#include "base/util.h"
#include "sim/scenario.h"

#define USEC	UET_NSEC_PER_USEC
#define MSEC	UET_NSEC_PER_MSEC

static uint64_t below(struct uet_rand *r, uint64_t n)
{
	return uet_rand_u64(r) % n;
}

/* One of @n values. */
static uint64_t pick(struct uet_rand *r, const uint64_t *values, size_t n)
{
	return values[below(r, n)];
}

#define PICK(r, ...) \
	pick(r, (const uint64_t[]){ __VA_ARGS__ }, \
	     sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void draw_net(struct uet_sim_net_cfg *net, struct uet_rand *r)
{
	net->topology = (enum uet_sim_topology)below(r, 4);
	net->hosts = 2 + (uint32_t)below(r, 15);
	net->hosts_per_leaf = net->spines = net->leaves_per_pod = net->cores = 0;
	if (net->topology >= UET_SIM_CLOS2)
		net->hosts_per_leaf = 1 + (uint32_t)below(r, net->hosts);
	net->link_rate = PICK(r, 1000000000ull, 10000000000ull, 100000000000ull, 400000000000ull);
	net->fabric_rate = PICK(r, 0, 0, 10000000000ull);
	net->propagation = PICK(r, 100, 1 * USEC, 10 * USEC, 100 * USEC);
	net->paths = (uint8_t)PICK(r, 1, 1, 4, 16);
	net->queue = (uint32_t)PICK(r, 0, 20000, 100000);
	net->trim_size = (uint32_t)PICK(r, 0, 0, 64);
	net->ecn_min = (uint32_t)PICK(r, 0, 5000);
	net->ecn_max = net->ecn_min ? 15000 : (uint32_t)PICK(r, 0, 10000);
	net->faults.drop = (uint32_t)PICK(r, 0, 100, 1000, 10000, 50000);
	net->faults.duplicate = (uint32_t)PICK(r, 0, 0, 1000, 20000);
	net->faults.corrupt = (uint32_t)PICK(r, 0, 0, 1000);
	net->faults.reorder = (uint32_t)PICK(r, 0, 1000, 50000);
	net->faults.reorder_time = PICK(r, 5 * USEC, 50 * USEC, 1 * MSEC);
}

static void draw_limits(struct uet_sim_scenario *sc, struct uet_rand *r)
{
	struct uet_pds_cfg *pds = &sc->ses.pds;

	sc->ses.payload_mtu = (uint32_t)PICK(r, 1024, 2048, 4096, 8192);
	sc->ses.defer_size = PICK(r, 0, 4096, 65536);
	sc->ses.rndv_size = PICK(r, 0, 0, 16384);
	sc->ses.rndv_eager = PICK(r, 1024, 8192);
	sc->ses.max_tx = (uint32_t)PICK(r, 4, 64, 1024);
	sc->ses.max_replies = (uint32_t)PICK(r, 0, 4, 64);
	sc->ses.retry_max = 20 * MSEC;
	sc->rxq.max_unexpected = (uint32_t)PICK(r, 4, 64, 4096);
	sc->rxq.max_unexpected_bytes = PICK(r, 65536, 1 << 20, 64 << 20);
	pds->max_pdc = (uint32_t)PICK(r, 64, 256, 1024);
	pds->mp_range = (uint32_t)PICK(r, 128, 256, 1024);
	pds->max_stored = (uint32_t)PICK(r, 64, 65536);
	pds->ack_trigger = (uint32_t)PICK(r, 4096, 16384);
	pds->idle_close = PICK(r, 1 * MSEC, 20 * MSEC, 200 * MSEC);
	/* A PDC over which a question goes now and then must not close between. */
	sc->ses.probe_time = uet_min_u64(20 * MSEC, pds->idle_close / 2);
	pds->target_idle = PICK(r, 500 * MSEC, 1000 * MSEC);
	/* With half of the packets lost a close takes its time, and silence is no death. */
	pds->linger = 2000 * MSEC;
	pds->peer_timeout = 3000 * MSEC;
	pds->refused_timeout = 500 * MSEC;
	pds->cms.algorithm = (uint8_t)below(r, 4);
	pds->cms.window_init = (uint32_t)PICK(r, 16 << 10, 256 << 10);
	pds->cms.window_max = (uint32_t)PICK(r, 64 << 10, 1 << 20);
	sc->host_cost = PICK(r, 0, 100, 2000);
	sc->skew = (uint32_t)PICK(r, 0, 100, 1000);
	sc->silent = below(r, 2);
}

static void draw_work(struct uet_sim_work *w, struct uet_rand *r)
{
	w->kind = UET_SIM_MIXED;
	w->size_max = PICK(r, 4096, 65536, 300000);
	w->outstanding = 1 + (uint32_t)below(r, 8);
	w->count = 4 + (uint32_t)below(r, 300 / w->outstanding);
	w->late_max = PICK(r, 10 * USEC, 1 * MSEC, 20 * MSEC);
	w->gap_max = PICK(r, 0, 10 * USEC, 1 * MSEC);
	w->start_spread = PICK(r, 0, 1 * MSEC);
}

static void draw_trouble(struct uet_sim_trouble *t, struct uet_rand *r)
{
	*t = (struct uet_sim_trouble){
		.flaps = (uint32_t)PICK(r, 0, 0, 2, 6),
		.pauses = (uint32_t)PICK(r, 0, 0, 2, 6),
		.crashes = (uint32_t)PICK(r, 0, 0, 1, 3),
		.flap_max = PICK(r, 100 * USEC, 10 * MSEC, 300 * MSEC),
		.pause_max = PICK(r, 100 * USEC, 10 * MSEC, 300 * MSEC),
		.restart_max = PICK(r, 0, 1 * MSEC, 50 * MSEC, 2000 * MSEC),
		.until = PICK(r, 1 * MSEC, 20 * MSEC, 200 * MSEC),
	};
}

void uet_sim_scenario_draw(struct uet_sim_scenario *sc)
{
	struct uet_rand r;

	uet_rand_seed(&r, sc->net.seed ^ 0x756574);
	draw_net(&sc->net, &r);
	draw_limits(sc, &r);
	draw_work(&sc->work, &r);
	draw_trouble(&sc->trouble, &r);
	sc->ses.pds.max_ahead = PICK(&r, 0, 100000, 16 << 20);
	/* A lane meets a host that stays dead again and again, a second each time. */
	sc->time_limit = 1000 * UET_NSEC_PER_SEC;
	sc->deadline = 60 * UET_NSEC_PER_SEC;
}
