/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/path.h"

#define MSEC UET_NSEC_PER_MSEC

static const enum uet_cms_path_algo algos[] = {
	UET_CMS_PATH_MIXED, UET_CMS_PATH_RUNS, UET_CMS_PATH_OBLIVIOUS, UET_CMS_PATH_BITMAP,
	UET_CMS_PATH_REPS,
};

static void good(struct uet_cms_paths *p, uint8_t path)
{
	uet_cms_paths_feedback(p, path, UET_CMS_PATH_GOOD, 0);
}

static void lost(struct uet_cms_paths *p, uint8_t path)
{
	uet_cms_paths_feedback(p, path, UET_CMS_PATH_LOST, 0);
}

/* Count the next @n choices at @now. */
static void take(struct uet_cms_paths *p, uint32_t n, uint64_t now,
		 uint32_t cnt[UET_CMS_PATHS_MAX])
{
	memset(cnt, 0, UET_CMS_PATHS_MAX * sizeof(cnt[0]));
	while (n--) {
		uint8_t path = uet_cms_paths_next(p, now);

		assert_true(path < p->cnt);
		cnt[path]++;
	}
}

static void each_round_visits_all(void **state)
{
	struct uet_cms_paths p;
	uint32_t cnt[UET_CMS_PATHS_MAX], i, round;
	uint8_t n;

	(void)state;
	for (n = 1; n <= UET_CMS_PATHS_MAX; n++) {
		uet_cms_paths_init(&p, n, UET_CMS_PATH_OBLIVIOUS, n);
		for (round = 0; round < 5; round++) {
			take(&p, n, 0, cnt);
			for (i = 0; i < n; i++)
				assert_int_equal(cnt[i], 1);
		}
	}
}

static void order_changes_from_round_to_round(void **state)
{
	struct uet_cms_paths p;
	uint32_t i, same = 0;
	uint8_t first[16];

	(void)state;
	uet_cms_paths_init(&p, 16, UET_CMS_PATH_OBLIVIOUS, 1);
	for (i = 0; i < 16; i++)
		first[i] = uet_cms_paths_next(&p, 0);
	for (i = 0; i < 16 * 32; i++)
		same += uet_cms_paths_next(&p, 0) == first[i % 16];
	/* One of 16 orders is drawn for each of 32 rounds. */
	assert_in_range(same, 0, 16 * 16);
}

static void choices_repeat_with_the_seed(void **state)
{
	struct uet_cms_paths a, b;
	uint32_t i, differ = 0;
	size_t k;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(algos); k++) {
		uet_cms_paths_init(&a, 13, algos[k], 7);
		uet_cms_paths_init(&b, 13, algos[k], 7);
		for (i = 0; i < 1000; i++) {
			uint8_t path = uet_cms_paths_next(&a, i);

			assert_int_equal(path, uet_cms_paths_next(&b, i));
			uet_cms_paths_feedback(&a, path, i * 2654435761u >> 30, i);
			uet_cms_paths_feedback(&b, path, i * 2654435761u >> 30, i);
		}
		uet_cms_paths_init(&b, 13, algos[k], 8);
		for (i = 0; i < 100; i++)
			differ += uet_cms_paths_next(&a, 0) != uet_cms_paths_next(&b, 0);
		assert_true(differ > 10);
	}
}

static void one_path_is_always_chosen(void **state)
{
	struct uet_cms_paths p;
	uint32_t i;
	size_t k;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(algos); k++) {
		uet_cms_paths_init(&p, 1, algos[k], 3);
		for (i = 0; i < 50; i++) {
			assert_int_equal(uet_cms_paths_next(&p, i), 0);
			uet_cms_paths_feedback(&p, 0, i % 4, i);
		}
	}
}

/* A path in trouble misses as many turns as its trouble is worth. */
static void bitmap_leaves_out(void **state)
{
	static const struct {
		enum uet_cms_path_event event;
		uint32_t times, turns;
	} cases[] = {
		{ UET_CMS_PATH_GOOD, 5, 0 },
		{ UET_CMS_PATH_MARKED, 1, 1 },
		{ UET_CMS_PATH_MARKED, 3, 3 },
		{ UET_CMS_PATH_TRIMMED, 1, 4 },
		{ UET_CMS_PATH_TRIMMED, 10, 15 },
		{ UET_CMS_PATH_LOST, 1, 15 },
		{ UET_CMS_PATH_LOST, 9, 15 },
	};
	struct uet_cms_paths p;
	uint32_t passed, i;
	size_t k;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(cases); k++) {
		uet_cms_paths_init(&p, 8, UET_CMS_PATH_BITMAP, k);
		for (i = 0; i < cases[k].times; i++)
			uet_cms_paths_feedback(&p, 5, cases[k].event, 0);
		/* Seven are left per round: count those that pass before 5 is back. */
		for (passed = 0; uet_cms_paths_next(&p, 0) != 5; passed++)
			assert_true(passed < 8 * 20);
		/* It may come early in one round and late in another. */
		assert_in_range(passed + 7, 7 * cases[k].turns, 7 * (cases[k].turns + 3));
	}
}

static void bitmap_uses_all_when_all_are_bad(void **state)
{
	struct uet_cms_paths p;
	uint32_t cnt[UET_CMS_PATHS_MAX], i;

	(void)state;
	uet_cms_paths_init(&p, 6, UET_CMS_PATH_BITMAP, 1);
	for (i = 0; i < 6; i++)
		lost(&p, (uint8_t)i);
	take(&p, 600, 0, cnt);
	for (i = 0; i < 6; i++)
		assert_in_range(cnt[i], 50, 150);
}

/* Tried again and failed again: less than one packet in a hundred goes there in the end. */
static void dead_path_is_tried_ever_more_rarely(void **state)
{
	static const enum uet_cms_path_algo both[] = { UET_CMS_PATH_BITMAP, UET_CMS_PATH_MIXED };
	struct uet_cms_paths p;
	uint32_t i, dead, total;
	size_t k;

	(void)state;
	for (k = 0; k < 2; k++) {
		uet_cms_paths_init(&p, 4, both[k], 1);
		for (dead = total = 0; total < 20000; total++) {
			uint8_t path = uet_cms_paths_next(&p, total);

			if (total >= 2000)
				dead += path == 2;
			if (path == 2)
				lost(&p, path);
			else
				good(&p, path);
		}
		assert_in_range(dead, both[k] == UET_CMS_PATH_BITMAP, 180);
		/* Once it works again it has its share. */
		for (dead = i = 0; i < 120000; i++) {
			uint8_t path = uet_cms_paths_next(&p, i);

			dead += i >= 20000 && path == 2;
			uet_cms_paths_feedback(&p, path, i % 32 ? UET_CMS_PATH_GOOD :
					       UET_CMS_PATH_MARKED, i);
		}
		assert_in_range(dead, 10000, 50000);
	}
}

/* Where many packets are marked, the paths that are left are full: none is better. */
static void marks_everywhere_mean_nothing(void **state)
{
	struct uet_cms_paths p;
	uint32_t i;

	(void)state;
	uet_cms_paths_init(&p, 16, UET_CMS_PATH_MIXED, 1);
	for (i = 0; i < 10; i++)
		uet_cms_paths_feedback(&p, 3, UET_CMS_PATH_MARKED, 0);
	assert_int_equal(p.fresh, 1);
	assert_int_equal(p.skip[3], 4);
	/* It takes a while of few marks until they mean something again. */
	for (i = 0; i < 256; i++)
		good(&p, 5);
	assert_int_equal(p.skip[3], 4);
	p.fresh = 0;
	uet_cms_paths_feedback(&p, 4, UET_CMS_PATH_MARKED, 0);
	assert_int_equal(p.skip[4], 1);
	assert_int_equal(p.fresh, 0);
}

static void mixed_recycles_what_worked(void **state)
{
	struct uet_cms_paths p;

	(void)state;
	uet_cms_paths_init(&p, 16, UET_CMS_PATH_MIXED, 1);
	good(&p, 3);
	good(&p, 9);
	good(&p, 9);	/* the same run */
	good(&p, 4);
	good(&p, 3);
	uet_cms_paths_feedback(&p, 4, UET_CMS_PATH_MARKED, 0);
	assert_int_equal(uet_cms_paths_next(&p, 0), 3);
	assert_int_equal(uet_cms_paths_next(&p, 0), 9);
	/* 4 is in trouble meanwhile. */
	assert_int_equal(uet_cms_paths_next(&p, 0), 3);
	assert_int_equal(p.fresh, 0);
	good(&p, 9);
	good(&p, 9);
	assert_int_equal(uet_cms_paths_next(&p, 0), 9);
	assert_int_equal(p.fresh, 0);
}

/*
 * A window of five runs, each of which comes back as one: with nothing but recycling five paths
 * would be all. None of 64 is left out for long.
 */
static void runs_use_all_paths(void **state)
{
	struct uet_cms_paths p;
	uint32_t cnt[UET_CMS_PATHS_MAX] = { 0 }, i, k;
	uint8_t out[5];

	(void)state;
	uet_cms_paths_init(&p, 64, UET_CMS_PATH_RUNS, 1);
	for (i = 0; i < 5 + 64 * 8; i++) {
		if (i >= 5)
			for (k = 0; k < 3; k++)
				good(&p, out[i % 5]);
		out[i % 5] = uet_cms_paths_next(&p, i);
		cnt[out[i % 5]]++;
	}
	for (i = 0; i < 64; i++)
		assert_in_range(cnt[i], 1, 64);
	/* Those in trouble are: the turn is another's. */
	lost(&p, 7);
	for (i = 0; i < 64 * 8; i++) {
		good(&p, out[i % 5]);
		assert_int_not_equal(uet_cms_paths_next(&p, i), 7);
	}
}

static void ring_forgets_the_oldest(void **state)
{
	struct uet_cms_paths p;
	uint32_t i;

	(void)state;
	uet_cms_paths_init(&p, 64, UET_CMS_PATH_MIXED, 1);
	for (i = 0; i < 100; i++)
		good(&p, (uint8_t)(i % 64));
	for (i = 36; i < 100; i++)
		assert_int_equal(uet_cms_paths_next(&p, 0), i % 64);
	uet_cms_paths_init(&p, 64, UET_CMS_PATH_REPS, 1);
	for (i = 0; i < 20; i++)
		good(&p, (uint8_t)i);
	for (i = 12; i < 20; i++)
		assert_int_equal(uet_cms_paths_next(&p, 0), i);
}

static void reps_freezes_on_failure(void **state)
{
	struct uet_cms_paths p;
	uint32_t cnt[UET_CMS_PATHS_MAX], i, kinds;

	(void)state;
	uet_cms_paths_init(&p, 32, UET_CMS_PATH_REPS, 1);
	good(&p, 1);
	good(&p, 2);
	good(&p, 3);
	/* One loss may be chance, two without a success between are not. */
	uet_cms_paths_feedback(&p, 7, UET_CMS_PATH_LOST, MSEC);
	good(&p, 7);
	uet_cms_paths_feedback(&p, 7, UET_CMS_PATH_LOST, MSEC);
	assert_false(p.frozen);
	uet_cms_paths_feedback(&p, 7, UET_CMS_PATH_LOST, MSEC);
	assert_true(p.frozen);
	take(&p, 400, 2 * MSEC, cnt);
	for (i = 0; i < 32; i++)
		assert_int_equal(cnt[i], i == 1 || i == 2 || i == 3 || i == 7 ? 100 : 0);
	take(&p, 16, 11 * MSEC, cnt);
	for (i = kinds = 0; i < 32; i++)
		kinds += cnt[i] != 0;
	assert_false(p.frozen);
	assert_in_range(kinds, 6, 16);
	/* While it explores another failure is no surprise. */
	uet_cms_paths_init(&p, 32, UET_CMS_PATH_REPS, 1);
	p.explore = 3;
	lost(&p, 1);
	lost(&p, 1);
	assert_false(p.frozen);
}

static void forgiving(void **state)
{
	struct uet_cms_paths p;
	uint32_t cnt[UET_CMS_PATHS_MAX], i;

	(void)state;
	uet_cms_paths_init(&p, 8, UET_CMS_PATH_BITMAP, 1);
	for (i = 0; i < 5; i++)
		lost(&p, (uint8_t)i);
	uet_cms_paths_forgive(&p);
	take(&p, 8, 0, cnt);
	for (i = 0; i < 8; i++)
		assert_int_equal(cnt[i], 1);
	uet_cms_paths_init(&p, 8, UET_CMS_PATH_REPS, 1);
	lost(&p, 1);
	lost(&p, 1);
	assert_true(p.frozen);
	uet_cms_paths_forgive(&p);
	assert_false(p.frozen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_round_visits_all),
		cmocka_unit_test(order_changes_from_round_to_round),
		cmocka_unit_test(choices_repeat_with_the_seed),
		cmocka_unit_test(one_path_is_always_chosen),
		cmocka_unit_test(bitmap_leaves_out),
		cmocka_unit_test(bitmap_uses_all_when_all_are_bad),
		cmocka_unit_test(dead_path_is_tried_ever_more_rarely),
		cmocka_unit_test(marks_everywhere_mean_nothing),
		cmocka_unit_test(mixed_recycles_what_worked),
		cmocka_unit_test(runs_use_all_paths),
		cmocka_unit_test(ring_forgets_the_oldest),
		cmocka_unit_test(reps_freezes_on_failure),
		cmocka_unit_test(forgiving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
