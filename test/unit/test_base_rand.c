/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random sequences repeat, and are those that SplitMix64 gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"

static void known_sequence(void **state)
{
	/* Widely published first outputs for this seed. */
	static const uint64_t want[] = {
		6457827717110365317ull, 3203168211198807973ull, 9817491932198370423ull,
		4593380528125082431ull, 16408922859458223821ull,
	};
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 1234567);
	for (int i = 0; i < 5; i++)
		assert_true(uet_rand_u64(&r) == want[i]);
}

static void seeds(void **state)
{
	struct uet_rand a, b;
	uint64_t ones = 0;

	(void)state;
	uet_rand_seed(&a, 0);
	uet_rand_seed(&b, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(uet_rand_u64(&a) == uet_rand_u64(&b));
	uet_rand_seed(&b, UINT64_MAX);
	assert_true(uet_rand_u64(&a) != uet_rand_u64(&b));
	for (int i = 0; i < 10000; i++)
		ones += (uint64_t)__builtin_popcount(uet_rand_u32(&a));
	assert_in_range(ones, 158000, 162000);	/* of 320000 bits; sigma is 283 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sequence),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
