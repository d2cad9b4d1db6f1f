/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a CCC does to the PDCs that share it: bursts, and windows that shrink. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static struct uet_pds_cfg nscc(void)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.cms.algorithm = UET_CMS_NSCC;
	cfg.cms.charge_min = 0;
	cfg.cms.mtu = 1100;
	cfg.cms.link_rate = 10000000000;
	cfg.cms.base_rtt = 100 * USEC;
	cfg.cms.rto_min = 50 * MSEC;
	return cfg;
}

static int setup(void **state)
{
	struct uet_pds_cfg cfg = nscc();

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

static struct uet_pdc *pdc(void)
{
	return sim_pdc(&s, 1);
}

/* Take all requests that wait; returns their number. */
static uint32_t take_all(void)
{
	uint32_t n = 0;

	for (; !raw_silent(&r); n++)
		raw_take_request(&r);
	return n;
}

/* A window of 187500 bytes leaves over most of a round trip, not at once. */
static void windows_leave_in_bursts(void **state)
{
	uint32_t first, all, bursts = 0;

	(void)state;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1000, 1000);
	raw_turn(&r);
	first = take_all();
	assert_in_range(first, 187500 / 4 / 1080, 187500 * 3 / 8 / 1080);
	for (all = first; uet_pds_next(s.end[1].pds) < s.now + 50 * USEC; bursts++) {
		sim_run(&s, uet_pds_next(s.end[1].pds) + 14 * USEC);
		all += take_all();
	}
	assert_in_range(all, 187500 / 1080 - 1, 187500 / 1080);
	assert_in_range(bursts, 2, 8);
	assert_true(s.now < 1 * SEC + 200 * USEC);
}

/* All of the window is in flight, the last AR was acknowledged, and the window shrinks. */
static void silence_is_broken(void **state)
{
	struct uet_pds_hdr h = { 0 };
	uint32_t last = 0;
	int32_t ar = -1;

	(void)state;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1000, 1000);
	raw_turn(&r);
	pdc()->ccc->cms.nscc.cwnd = 1100;
	sim_run_for(&s, 100 * USEC);
	while (!raw_silent(&r)) {
		h = raw_take_request(&r);
		last = h.psn - r.start;
		if (h.flags & UET_PDS_F_AR)
			ar = (int32_t)last;
	}
	/* Some packets behind it have no AR, for the window was far from full. */
	assert_in_range(ar, 0, (int32_t)last - 1);
	pdc()->tells_service = true;	/* these ACKs give no samples, then */
	raw_ack_with(&r, ar - 1, ar - 1, 0, raw_ok, sizeof(raw_ok), 8, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));		/* that of the AR is still to come */
	raw_ack_with(&r, ar, ar, 0, raw_ok, sizeof(raw_ok), 8, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_CP);
	assert_int_equal(h.ctl_type, UET_CTL_PROBE);
	raw_turn(&r);
	assert_true(raw_silent(&r));		/* once */
	raw_ack_with(&r, (int32_t)last, 0, UET_PDS_F_P, NULL, 0, 8, 0);
	sim_run_for(&s, 1 * MSEC);
	assert_true(take_all() > 0);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 0);
}

/* Two real ends, a PDC of each mode and both directions: all of it gets through in time. */
static void everybody_has_a_turn(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 6; seed++) {
		struct uet_pds_cfg cfg = nscc();
		struct sim_msg *m[4];
		int i;

		sim_free(&s);
		sim_init(&s, seed);
		cfg.cms.window_max = 8192 << seed;
		cfg.cms.rto_min = 500 * MSEC;
		sim_add(&s, &cfg);
		sim_add(&s, &cfg);
		m[0] = sim_post(&s, 0, 1, UET_MODE_RUD, 2000, 1000);
		m[1] = sim_post(&s, 0, 1, UET_MODE_ROD, 2000, 1000);
		m[2] = sim_read(&s, 1, 0, UET_MODE_RUD, 500, 1000);
		m[3] = sim_post(&s, 1, 0, UET_MODE_ROD, 2000, 300);
		assert_true(sim_run_done(&s, 100 * SEC));
		for (i = 0; i < 4; i++)
			assert_int_equal(m[i]->err, 0);
		/* Nobody had to wait for a time-out. */
		assert_int_equal(sim_stats(&s, 0)->retx_rto + sim_stats(&s, 1)->retx_rto, 0);
		assert_true(s.now < 1 * SEC + 400 * MSEC);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(windows_leave_in_bursts),
		T(silence_is_broken),
		T(everybody_has_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
