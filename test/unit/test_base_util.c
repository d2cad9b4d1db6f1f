/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

static void clear_clears_that_many_bytes(void **state)
{
	uint8_t buf[300];
	size_t n, i;

	(void)state;
	for (n = 0; n <= 280; n++) {
		memset(buf, 0xa5, sizeof(buf));
		uet_clear(buf + 7, n);
		for (i = 0; i < sizeof(buf); i++)
			assert_int_equal(buf[i], i >= 7 && i < 7 + n ? 0 : 0xa5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clear_clears_that_many_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
