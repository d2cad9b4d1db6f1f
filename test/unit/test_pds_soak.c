/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random traffic over a random bad network. The model in pds_sim.h checks every delivery and
 * completion; at the end everything must be closed and every object returned. A seed that
 * fails prints itself; run it alone with the seed as argument ("trace" as second argument
 * prints each packet).
 */
#include "pds_sim.h"

#define SEEDS 150
#define SEEDS_SHORT 25		/* UET_TEST_SHORT: where a seed takes seconds, under valgrind */

static uint64_t only_seed;
static bool only, trace;

static uint32_t pick(struct sim *s, uint32_t below)
{
	return uet_rand_u32(&s->rand) % below;
}

/* How bad this seed's network is. */
static void make_network(struct sim *s)
{
	static const uint32_t loss[] = { 0, 0, 1000, 10000, 50000, 150000 };

	s->drop_ppm = loss[pick(s, UET_ARRAY_SIZE(loss))];
	s->dup_ppm = loss[pick(s, UET_ARRAY_SIZE(loss))];
	s->late_ppm = loss[pick(s, UET_ARRAY_SIZE(loss))];
	s->ce_ppm = loss[pick(s, UET_ARRAY_SIZE(loss))];
	s->trim_ppm = pick(s, 2) ? 0 : loss[pick(s, UET_ARRAY_SIZE(loss))];
	s->delay = (1 + pick(s, 100)) * USEC;
	s->jitter = pick(s, 3) ? 0 : (uint32_t)(1 + pick(s, 200)) * USEC;
	s->late = (1 + pick(s, 300)) * USEC;
	if (pick(s, 2))
		return;
	s->paths = (uint8_t)(2 + pick(s, pick(s, 2) ? 8 : 63));
	s->path_delay = pick(s, 3) * pick(s, 5) * USEC;
}

static void make_ends(struct sim *s)
{
	struct uet_pds_cfg cfg = sim_cfg();
	int i, n = 2 + (int)pick(s, 3);

	cfg.mp_range = UET_PDS_MPR_UNIT * (1 + pick(s, 8));
	cfg.max_stored = pick(s, 2) ? 256 : 1 + pick(s, 20);
	cfg.max_rudi = 1 + pick(s, 64);
	cfg.max_pdc = pick(s, 3) ? 64 : 2 + pick(s, 10);
	cfg.ack_trigger = pick(s, 4) * 8192;
	cfg.cms.window_init = 4096 << pick(s, 6);
	cfg.cms.window_max = cfg.cms.window_init << pick(s, 4);
	if (pick(s, 2)) {
		cfg.cms.algorithm = (uint8_t)(1 + pick(s, 3));
		cfg.cms.charge_min = 0;
		cfg.cms.link_rate = (1 + pick(s, 100)) * 1000000000ull;
		cfg.cms.base_rtt = pick(s, 2) ? 0 : (1 + pick(s, 100)) * USEC;
		cfg.cms.trimming = pick(s, 2);
		cfg.cms.ecn_known = pick(s, 2);
	}
	cfg.strict_port = false;
	cfg.peer_timeout = 60 * SEC;
	for (i = 0; i < n; i++) {
		/* Peers need not agree. */
		if (pick(s, 6) == 0)
			cfg.cms.algorithm = (uint8_t)pick(s, 4);
		cfg.max_ahead = pick(s, 3) ? pick(s, 40) * 10000 : 16 << 20;
		sim_add(s, &cfg);
		s->end[i].room_max = pick(s, 3) ? 0 : 1 + (int)pick(s, 30);
		s->end[i].room = s->end[i].room_max;
		if (pick(s, 3) == 0) {
			s->end[i].nack_code = (uint8_t)(UET_NACK_NO_PKT_BUFFER + 2 * pick(s, 2));
			s->end[i].nack_ppm = pick(s, 300000);
		}
	}
}

/* Let PSNs wrap in the middle of the run. */
static void near_wrap(struct sim *s)
{
	int i, j;

	for (i = 0; i < s->ends; i++) {
		struct uet_pds *pds = s->end[i].pds;

		for (j = 0; j < s->ends; j++) {
			struct uet_pdc *pdc;

			if (i == j || pick(s, 2))
				continue;
			pdc = uet_pdc_open(pds, &s->end[j].nic.addr, (uint8_t)pick(s, 2));
			if (pdc)
				assert_int_equal(uet_tx_renumber(pds, pdc, 0u - pick(s, 300)), 0);
		}
	}
}

static void post_some(struct sim *s, uint32_t burst)
{
	while (burst--) {
		int from = (int)pick(s, (uint32_t)s->ends);
		int to = (from + 1 + (int)pick(s, (uint32_t)s->ends - 1)) % s->ends;
		uint8_t mode = (uint8_t)pick(s, pick(s, 4) ? 2 : 4);
		uint32_t cnt = pick(s, 8) ? 1 + pick(s, 5) : 1 + pick(s, 300);
		struct sim_msg *m = sim_msg(s, from, to, mode, mode == UET_MODE_UUD ? 1 : cnt,
					    pick(s, 3) ? pick(s, 64) : pick(s, 1500));

		m->read = mode != UET_MODE_UUD && pick(s, 3) == 0;
		m->m.awaits = m->read && mode != UET_MODE_RUDI;
		m->gtd = pick(s, 4) == 0;
		m->lazy = pick(s, 3) == 0;
		m->noresp_last = !m->gtd && !m->read && mode < UET_MODE_RUDI && pick(s, 8) == 0;
		if (sim_post_msg(s, m)) {
			/* All PDCs are in use, or the batch is: as if it had never been. */
			m->finished = true;
			sim_run_for(s, 100 * USEC);
		}
		if (pick(s, 30) == 0 && !m->finished) {
			bool last = pick(s, 2);

			if (uet_pds_stop(s->end[from].pds, &m->m, last)) {
				m->finished = true;
				s->open--;
			}
		}
	}
}

static void check_clean(struct sim *s)
{
	int i, j;

	sim_check(s);
	for (i = 0; i < s->ends; i++) {
		struct uet_pds *pds = s->end[i].pds;

		assert_int_equal(pds->pdcs.used, 0);
		assert_int_equal(pds->storeds.used, pds->spare ? 1 : 0);
		assert_int_equal(pds->timers.count, 0);
		assert_true(uet_list_empty(&pds->ready) && uet_list_empty(&pds->pending));
		assert_int_equal(pds->rudi.msgs.used + pds->rudi.txds.used, 0);
		assert_true(uet_pds_idle(pds));
		for (j = 0; j < UET_PDS_RING_SIZES; j++)
			assert_int_equal(pds->rings[j].used, 0);
		assert_int_equal(pds->lanes.used, 0);
		assert_int_equal(pds->stats.pdc_failed, 0);
	}
}

static void one_seed(uint64_t seed)
{
	struct sim s;
	uint32_t i, rounds;

	sim_init(&s, seed);
	s.trace = trace;
	make_network(&s);
	make_ends(&s);
	if (pick(&s, 3) == 0)
		near_wrap(&s);
	rounds = 1 + pick(&s, 12);
	for (i = 0; i < rounds; i++) {
		post_some(&s, 1 + pick(&s, 20));
		if (pick(&s, 3) == 0)	/* a process is descheduled */
			s.end[pick(&s, (uint32_t)s.ends)].asleep = s.now + pick(&s, 25) * MSEC;
		sim_run_for(&s, pick(&s, 2000) * USEC);
		sim_check(&s);
	}
	assert_true(sim_run_done(&s, 600 * SEC));
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, 0);
	s.drop_ppm = 0;
	sim_run_for(&s, 120 * SEC);
	check_clean(&s);
	sim_free(&s);
}

/* Ends die and come back, with all their state gone: what can be done is done, the rest fails. */
static void one_seed_of_restarts(uint64_t seed)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	uint32_t i, rounds;

	sim_init(&s, seed);
	s.trace = trace;
	s.lax = true;
	make_network(&s);
	cfg.idle_close = (1 + pick(&s, 1000)) * MSEC;
	for (i = 0; i < 3; i++)
		sim_add(&s, &cfg);
	rounds = 1 + pick(&s, 15);
	for (i = 0; i < rounds; i++) {
		post_some(&s, 1 + pick(&s, 10));
		sim_run_for(&s, pick(&s, 1000) * (pick(&s, 4) ? USEC : MSEC));
		if (pick(&s, 2))
			sim_restart(&s, (int)pick(&s, 3), &cfg);
		sim_check(&s);
	}
	assert_true(sim_run_done(&s, 600 * SEC));
	s.drop_ppm = 0;
	sim_run_for(&s, 120 * SEC);
	for (i = 0; i < 3; i++)
		assert_int_equal(sim_pdcs(&s, (int)i), 0);
	sim_free(&s);
}

static void all_seeds(void (*one)(uint64_t seed))
{
	uint64_t seed = 0, end = getenv("UET_TEST_SHORT") ? SEEDS_SHORT : SEEDS;

	if (only) {
		seed = only_seed;
		end = only_seed + 1;
	}
	for (; seed < end; seed++) {
		fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
		one(seed);
	}
	fprintf(stderr, "\r");
}

static void random_traffic(void **state)
{
	(void)state;
	all_seeds(one_seed);
}

static void random_restarts(void **state)
{
	(void)state;
	all_seeds(one_seed_of_restarts);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_traffic),
		cmocka_unit_test(random_restarts),
	};

	if (argc > 1) {
		only = true;
		only_seed = strtoull(argv[1], NULL, 0);
		trace = argc > 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
