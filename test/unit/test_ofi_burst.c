/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ofi/burst.h"

/* A message by itself, and the next one, go at once; others in quick succession are held. */
static void stream(void **state)
{
	struct uet_burst b = { 0 };
	int i;

	(void)state;
	assert_true(uet_burst_ends(&b, 7, 64, 1000));
	assert_true(uet_burst_ends(&b, 7, 64, 4000));
	for (i = 0; i < 100; i++)
		assert_false(uet_burst_ends(&b, 7, 64, 4500 + (uint64_t)i));
}

/* A pause ends a burst, and so does another peer or a look at a queue. */
static void ends(void **state)
{
	struct uet_burst b = { 0 };

	(void)state;
	uet_burst_ends(&b, 7, 64, 1000);
	uet_burst_ends(&b, 7, 64, 1001);
	assert_false(uet_burst_ends(&b, 7, 64, 1002));
	assert_true(uet_burst_ends(&b, 7, 64, 11002));
	assert_true(uet_burst_ends(&b, 7, 64, 11003));
	assert_false(uet_burst_ends(&b, 7, 64, 11004));
	assert_true(uet_burst_ends(&b, 8, 64, 11005));
	assert_true(uet_burst_ends(&b, 7, 64, 11006));
	assert_true(uet_burst_ends(&b, 7, 64, 11007));
	assert_false(uet_burst_ends(&b, 7, 64, 11008));
	b = (struct uet_burst){ 0 };
	assert_true(uet_burst_ends(&b, 7, 64, 11009));
}

/* Long messages go when one system call is full, however quickly they follow. */
static void bytes(void **state)
{
	struct uet_burst b = { 0 };
	int i;

	(void)state;
	uet_burst_ends(&b, 7, 4096, 1);
	uet_burst_ends(&b, 7, 4096, 2);
	for (i = 0; i < 14; i++)
		assert_false(uet_burst_ends(&b, 7, 4096, 3));
	assert_true(uet_burst_ends(&b, 7, 4096, 4));
	assert_false(uet_burst_ends(&b, 7, 4096, 5));
	assert_true(uet_burst_ends(&b, 7, SIZE_MAX, 6));
	assert_false(uet_burst_ends(&b, 7, 0, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream),
		cmocka_unit_test(ends),
		cmocka_unit_test(bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
