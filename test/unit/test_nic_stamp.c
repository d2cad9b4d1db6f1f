/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Kernel time stamps on the clock of the transport, and when they cannot be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "nic/stamp.h"

#define US	UET_NSEC_PER_USEC
#define MS	UET_NSEC_PER_MSEC
#define DAY	(86400 * UET_NSEC_PER_SEC)
#define WALL	(20000 * DAY)	/* what the wall clock says when the monotonic one says 0 */

static void stamps_are_converted(void **state)
{
	struct uet_stamps s = { 0 };
	uint64_t t;

	(void)state;
	uet_stamps_read(&s, WALL + 1 * MS, 1 * MS);
	/* Nothing is known of what was before. */
	assert_int_equal(uet_stamps_when(&s, WALL + 999 * US), 0);
	assert_int_equal(uet_stamps_when(&s, WALL + 1 * MS), 1 * MS);
	for (t = 2; t < 50; t++) {
		uet_stamps_read(&s, WALL + t * MS, t * MS);
		assert_int_equal(uet_stamps_when(&s, WALL + t * MS - 7 * US), t * MS - 7 * US);
		assert_int_equal(uet_stamps_when(&s, WALL + 1 * MS), 1 * MS);
		assert_int_equal(uet_stamps_when(&s, WALL + 1 * MS - 1), 0);
	}
	/* Nothing has arrived after it was read. */
	assert_int_equal(uet_stamps_when(&s, WALL + 49 * MS + 1), 0);
	assert_int_equal(uet_stamps_when(&s, 0), 0);
	assert_int_equal(uet_stamps_when(&s, UINT64_MAX), 0);
}

/* A monotonic clock that has counted more than the wall clock. */
static void wall_clock_never_set(void **state)
{
	struct uet_stamps s = { 0 };

	(void)state;
	uet_stamps_read(&s, 5 * MS, 1 * DAY);
	uet_stamps_read(&s, 6 * MS, 1 * DAY + 1 * MS);
	assert_int_equal(uet_stamps_when(&s, 5500 * US), 1 * DAY + 500 * US);
}

/* Adjustments of 500 ppm go unnoticed, and add up to nothing. */
static void drift_is_followed(void **state)
{
	struct uet_stamps s = { 0 };
	uint64_t t;

	(void)state;
	for (t = 10 * MS; t < 20000 * MS; t += 10 * MS) {
		uint64_t wall = WALL + t + t / 2000;

		uet_stamps_read(&s, wall, t);
		assert_int_equal(s.since, 10 * MS);
		assert_int_equal(uet_stamps_when(&s, wall - 3 * US), t == 10 * MS ? 0 : t - 3 * US);
	}
}

static void jumps(void **state)
{
	static const int64_t by[] = {
		1 * (int64_t)DAY, -(int64_t)DAY, 3 * (int64_t)MS, -3 * (int64_t)MS,
	};
	struct uet_stamps s;
	uint64_t w;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(by); i++) {
		s = (struct uet_stamps){ 0 };
		uet_stamps_read(&s, WALL, 100 * MS);
		uet_stamps_read(&s, WALL + 10 * MS, 110 * MS);
		/* Set at 115; packets of 113 and 117, read at 120, cannot be told apart. */
		w = WALL + (uint64_t)by[i];
		uet_stamps_read(&s, w + 20 * MS, 120 * MS);
		assert_int_equal(uet_stamps_when(&s, WALL + 13 * MS), 0);
		assert_int_equal(uet_stamps_when(&s, w + 17 * MS), 0);
		uet_stamps_read(&s, w + 30 * MS, 130 * MS);
		assert_int_equal(uet_stamps_when(&s, WALL + 14 * MS), 0);
		assert_int_equal(uet_stamps_when(&s, w + 25 * MS), 125 * MS);
	}
}

/* A pause between the two clocks makes stamps later, or unknown, but not earlier. */
static void pauses(void **state)
{
	struct uet_stamps s = { 0 };

	(void)state;
	uet_stamps_read(&s, WALL, 100 * MS);
	uet_stamps_read(&s, WALL + 10 * MS, 110 * MS + 30 * US);
	assert_int_equal(uet_stamps_when(&s, WALL + 9 * MS), 109 * MS + 30 * US);
	uet_stamps_read(&s, WALL + 20 * MS, 125 * MS);
	assert_int_equal(uet_stamps_when(&s, WALL + 19 * MS), 0);
	uet_stamps_read(&s, WALL + 30 * MS, 130 * MS);
	uet_stamps_read(&s, WALL + 40 * MS, 140 * MS);
	assert_int_equal(uet_stamps_when(&s, WALL + 39 * MS), 139 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_are_converted),
		cmocka_unit_test(wall_clock_never_set),
		cmocka_unit_test(drift_is_followed),
		cmocka_unit_test(jumps),
		cmocka_unit_test(pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
