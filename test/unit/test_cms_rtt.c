/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/cms.h"

#define USEC UET_NSEC_PER_USEC
#define MSEC UET_NSEC_PER_MSEC

static const struct uet_cms_cfg cfg = {
	.mtu = 4000, .window_max = 1 << 20, .rto_min = 1 * MSEC, .rto_max = 100 * MSEC,
	.link_rate = 100000000000,
};

static void base_is_the_least(void **state)
{
	struct uet_cms_rtt rtt;

	(void)state;
	uet_rtt_init(&rtt, &cfg);
	assert_int_equal(rtt.base, 20 * USEC);	/* a guess */
	assert_false(rtt.measured);
	assert_true(uet_rtt_network(&rtt, &cfg, 50 * USEC));
	assert_true(rtt.measured);
	assert_int_equal(rtt.base, 50 * USEC);
	assert_false(uet_rtt_network(&rtt, &cfg, 60 * USEC));
	assert_false(uet_rtt_network(&rtt, &cfg, 50 * USEC));
	assert_true(uet_rtt_network(&rtt, &cfg, 30 * USEC));
	assert_int_equal(rtt.base, 30 * USEC);
	uet_rtt_forget_base(&rtt);
	assert_int_equal(rtt.base, 30 * USEC);
	assert_true(uet_rtt_network(&rtt, &cfg, 70 * USEC));
	assert_int_equal(rtt.base, 70 * USEC);
}

static void configured_base_only_falls(void **state)
{
	struct uet_cms_cfg c = cfg;
	struct uet_cms_rtt rtt;

	(void)state;
	c.base_rtt = 12 * USEC;
	uet_rtt_init(&rtt, &c);
	assert_int_equal(rtt.base, 12 * USEC);
	assert_false(uet_rtt_network(&rtt, &c, 50 * USEC));
	assert_true(uet_rtt_network(&rtt, &c, 10 * USEC));
	assert_int_equal(rtt.base, 10 * USEC);
}

/* 8 packets of 4000 bytes. */
static void base_has_a_floor(void **state)
{
	static const struct {
		uint64_t rate, floor;
	} cases[] = {
		{ 100000000000, 2560 }, { 1000000000, 256000 }, { 800000000000, 320 },
		{ 0, 25600 },	/* unknown: as 10 Gb/s */
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_cms_cfg c = cfg;
		struct uet_cms_rtt rtt;

		c.link_rate = cases[i].rate;
		uet_rtt_init(&rtt, &c);
		assert_int_equal(rtt.base, uet_max_u64(20 * USEC, cases[i].floor));
		uet_rtt_network(&rtt, &c, 1);
		assert_in_range(rtt.base, cases[i].floor - 1, cases[i].floor);
	}
}

/* Hosts whose own ways are slow reckon with that. */
static void floor_may_be_higher(void **state)
{
	struct uet_cms_cfg c = cfg;
	struct uet_cms_rtt rtt;

	(void)state;
	c.base_floor = 100 * USEC;
	uet_rtt_init(&rtt, &c);
	assert_int_equal(rtt.base, 100 * USEC);
	uet_rtt_network(&rtt, &c, 150 * USEC);
	assert_int_equal(rtt.base, 150 * USEC);
	uet_rtt_network(&rtt, &c, 30 * USEC);
	assert_int_equal(rtt.base, 100 * USEC);
}

/* What the target needed to answer counts for time-outs, not for the network. */
static void timeouts_go_by_what_elapsed(void **state)
{
	struct uet_cms_rtt rtt;
	int i;

	(void)state;
	uet_rtt_init(&rtt, &cfg);
	assert_int_equal(uet_rtt_rto(&rtt, &cfg, 0), 1 * MSEC);
	uet_rtt_network(&rtt, &cfg, 50 * USEC);
	assert_int_equal(uet_rtt_rto(&rtt, &cfg, 0), 1 * MSEC);
	uet_rtt_elapsed(&rtt, 10 * MSEC);
	assert_int_equal(rtt.base, 50 * USEC);
	assert_int_equal(uet_rtt_rto(&rtt, &cfg, 0), 30 * MSEC);
	assert_int_equal(uet_rtt_rto(&rtt, &cfg, 1), 60 * MSEC);
	assert_int_equal(uet_rtt_rto(&rtt, &cfg, 2), 100 * MSEC);
	for (i = 0; i < 100; i++)
		uet_rtt_elapsed(&rtt, 10 * MSEC);
	assert_in_range(uet_rtt_rto(&rtt, &cfg, 0), 10 * MSEC, 10 * MSEC + 110 * USEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_is_the_least),
		cmocka_unit_test(configured_base_only_falls),
		cmocka_unit_test(base_has_a_floor),
		cmocka_unit_test(floor_may_be_higher),
		cmocka_unit_test(timeouts_go_by_what_elapsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
