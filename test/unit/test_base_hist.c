/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hist.h"

static void buckets(void **state)
{
	uint64_t v;
	unsigned int b;

	(void)state;
	assert_int_equal(uet_hist_bucket(0), 0);
	assert_int_equal(uet_hist_bucket(1), 1);
	assert_int_equal(uet_hist_bucket(UINT64_MAX), UET_HIST_BUCKETS - 1);
	assert_int_equal(uet_hist_from(0), 0);
	for (v = 0; v < 100000; v++) {
		b = uet_hist_bucket(v);
		assert_true(uet_hist_from(b) <= v && v < uet_hist_from(b + 1));
	}
	/* The last one has no upper end. */
	v = uet_hist_from(UET_HIST_BUCKETS - 1);
	assert_int_equal(uet_hist_bucket(v - 1), UET_HIST_BUCKETS - 2);
	assert_int_equal(uet_hist_bucket(v), UET_HIST_BUCKETS - 1);
	assert_int_equal(uet_hist_bucket(8 * v), UET_HIST_BUCKETS - 1);
}

static void counting(void **state)
{
	struct uet_hist h = { { 0 } };
	uint64_t v;

	(void)state;
	assert_int_equal(uet_hist_total(&h), 0);
	for (v = 0; v < 1024; v++)
		uet_hist_add(&h, v);
	assert_int_equal(uet_hist_total(&h), 1024);
	assert_int_equal(h.count[0], 1);
	assert_int_equal(h.count[1], 1);
	assert_int_equal(h.count[10], 512);
	assert_int_equal(h.count[11], 0);
}

static void quantiles(void **state)
{
	struct uet_hist h = { { 0 } };
	uint64_t v;

	(void)state;
	assert_int_equal(uet_hist_quantile(&h, 500), 0);
	uet_hist_add(&h, 5);
	assert_int_equal(uet_hist_quantile(&h, 0), 3);
	assert_int_equal(uet_hist_quantile(&h, 1000), 3);
	for (v = 0; v < 98; v++)
		uet_hist_add(&h, 100);
	uet_hist_add(&h, 1ull << 40);
	/* One of 4 .. 7, 98 of 64 .. 127, one that is larger than all buckets. */
	assert_int_equal(uet_hist_quantile(&h, 0), 3);
	assert_int_equal(uet_hist_quantile(&h, 20), 7);
	assert_int_equal(uet_hist_quantile(&h, 500), 7);
	assert_int_equal(uet_hist_quantile(&h, 990), 7);
	assert_int_equal(uet_hist_quantile(&h, 1000), UET_HIST_BUCKETS - 1);
	/* Counts that only just fit do not overflow. */
	h.count[7] = UINT64_MAX / 2;
	assert_int_equal(uet_hist_quantile(&h, 999), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets),
		cmocka_unit_test(counting),
		cmocka_unit_test(quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
