/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/cms.h"

#define MSEC UET_NSEC_PER_MSEC

static const struct uet_cms_cfg cfg = {
	.mtu = 1000, .window_init = 4000, .window_max = 16000,
	.rto_min = 5 * MSEC, .rto_max = 1000 * MSEC,
};

static void ack(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t rtt, bool ecn, uint64_t now)
{
	struct uet_cms_ack a = { .bytes = bytes, .elapsed = rtt, .ecn = ecn };

	uet_cms_on_ack(ccc, &a, now);
}

static void starts_within_limits(void **state)
{
	static const struct {
		uint32_t init, max, expect;
	} cases[] = {
		{ 4000, 16000, 4000 },
		{ 32000, 16000, 16000 },
		{ 10, 16000, 1000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_cms_cfg c = cfg;
		struct uet_cms_ccc ccc;

		c.window_init = cases[i].init;
		c.window_max = cases[i].max;
		uet_cms_init(&ccc, &c);
		assert_int_equal(ccc.window.size, cases[i].expect);
		assert_int_equal(ccc.inflight, 0);
	}
}

static void window_bounds_flight(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_true(uet_cms_can_send(&ccc, 9000));	/* one is always allowed */
	uet_cms_on_send(&ccc, 1000, 0);
	assert_true(uet_cms_can_send(&ccc, 3000));
	assert_false(uet_cms_can_send(&ccc, 3001));
	uet_cms_forget(&ccc, 5000);
	assert_int_equal(ccc.inflight, 0);
	assert_int_equal(ccc.window.size, 4000);
}

static void doubles_in_slow_start(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	uet_cms_on_send(&ccc, 4000, 0);
	for (i = 0; i < 4; i++)
		ack(&ccc, 1000, 0, false, 0);
	/* The last ones came when less than half of the window was in use. */
	assert_in_range(ccc.window.size, 6000, 8000);
	assert_int_equal(ccc.inflight, 0);
}

static void idle_flow_does_not_grow(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	for (i = 0; i < 100; i++) {
		uet_cms_on_send(&ccc, 500, 0);
		ack(&ccc, 500, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 4000);
}

static void adds_one_step_per_window(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.ssthresh = 4000;
	for (i = 0; i < 4; i++) {
		ccc.inflight = 4000;
		ack(&ccc, 1000, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 5000);
	for (i = 0; i < 1000; i++) {
		ccc.inflight = 16000;
		ack(&ccc, 1000, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 16000);
}

static void halves_once_per_round_trip(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 3000, 0);
	ack(&ccc, 0, 2 * MSEC, false, 0);
	uet_cms_on_loss(&ccc, 1000, 10 * MSEC);
	assert_int_equal(ccc.window.size, 8000);
	assert_int_equal(ccc.inflight, 2000);
	uet_cms_on_loss(&ccc, 1000, 11 * MSEC);
	assert_int_equal(ccc.window.size, 8000);
	ack(&ccc, 1000, 0, true, 12 * MSEC);	/* ECN counts as well */
	assert_int_equal(ccc.window.size, 4000);
	uet_cms_on_loss(&ccc, 0, 20 * MSEC);
	uet_cms_on_loss(&ccc, 0, 30 * MSEC);
	uet_cms_on_loss(&ccc, 0, 40 * MSEC);
	assert_int_equal(ccc.window.size, 1000);	/* the floor is one packet */
}

static void timeout_falls_to_floor(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 16000, 0);
	uet_cms_on_timeout(&ccc, 16000, 100 * MSEC);
	assert_int_equal(ccc.window.size, 1000);
	assert_int_equal(ccc.window.ssthresh, 8000);
	assert_int_equal(ccc.inflight, 0);
	assert_true(uet_cms_can_send(&ccc, 1000));
}

/* The packets of one window time out one by one. */
static void window_collapses_once(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 16000, 0);
	ack(&ccc, 1000, 100000, false, 0);
	for (i = 0; i < 8; i++) {
		uet_cms_on_timeout(&ccc, 1000, (uint64_t)(100 + i / 2) * MSEC);
		assert_int_equal(ccc.window.ssthresh, 8000);
		if (i == 0)
			assert_int_equal(ccc.window.size, 1000);
		ack(&ccc, 500, 0, false, (uint64_t)(100 + i / 2) * MSEC);
	}
	assert_true(ccc.window.size > 1000);
	uet_cms_on_timeout(&ccc, 0, 120 * MSEC);
	assert_int_equal(ccc.window.size, 1000);
	assert_true(ccc.window.ssthresh < 8000);
}

static void early_timeout_is_taken_back(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 12000;
	ccc.window.ssthresh = 9000;
	uet_cms_on_spurious(&ccc);
	assert_int_equal(ccc.window.size, 12000);
	uet_cms_on_timeout(&ccc, 0, 100 * MSEC);
	uet_cms_on_timeout(&ccc, 0, 200 * MSEC);	/* its repetition, too */
	assert_int_equal(ccc.window.size, 1000);
	uet_cms_on_spurious(&ccc);
	assert_int_equal(ccc.window.size, 12000);
	assert_int_equal(ccc.window.ssthresh, 9000);
	uet_cms_on_loss(&ccc, 0, 300 * MSEC);
	uet_cms_on_spurious(&ccc);			/* only a time-out is undone */
	assert_int_equal(ccc.window.size, 6000);
}

static void rto_follows_samples_and_backs_off(void **state)
{
	struct uet_cms_ccc ccc;
	unsigned int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_int_equal(uet_cms_rto(&ccc, 0), 5 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 1), 10 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 3), 40 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 255), 1000 * MSEC);
	/* RFC 6298: first sample R gives SRTT = R, RTTVAR = R / 2, RTO = 3 R. */
	ack(&ccc, 0, 20 * MSEC, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 60 * MSEC);
	for (i = 0; i < 100; i++)
		ack(&ccc, 0, 20 * MSEC, false, 0);
	assert_in_range(uet_cms_rto(&ccc, 0), 20 * MSEC, 21 * MSEC);
	for (i = 0; i < 100; i++)
		ack(&ccc, 0, 1, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 5 * MSEC);
	ack(&ccc, 0, UINT64_MAX / 16, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 1000 * MSEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_within_limits),
		cmocka_unit_test(window_bounds_flight),
		cmocka_unit_test(doubles_in_slow_start),
		cmocka_unit_test(idle_flow_does_not_grow),
		cmocka_unit_test(adds_one_step_per_window),
		cmocka_unit_test(halves_once_per_round_trip),
		cmocka_unit_test(timeout_falls_to_floor),
		cmocka_unit_test(window_collapses_once),
		cmocka_unit_test(early_timeout_is_taken_back),
		cmocka_unit_test(rto_follows_samples_and_backs_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
