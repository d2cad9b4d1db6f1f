/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The clock goes forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"

static void never_backwards(void **state)
{
	uint64_t first = uet_clock_ns(), last = first;

	(void)state;
	assert_true(first > 0 && first < UET_TIME_NEVER);
	for (int i = 0; i < 100000; i++) {
		uint64_t now = uet_clock_ns();

		assert_true(now >= last);
		last = now;
	}
	assert_true(last > first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
