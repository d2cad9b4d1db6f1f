/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Circular bitmap against an array of booleans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/rand.h"

static void single_bits_and_wrap(void **state)
{
	static const uint32_t psns[] = { 0, 1, 63, 64, 1023, 1024, 0x7fffffff, 0xffffffff };
	struct uet_bitmap bm;

	(void)state;
	memset(&bm, 0xff, sizeof(bm));
	uet_bitmap_init(&bm);
	for (uint32_t p = 0; p < UET_BITMAP_BITS; p++)
		assert_false(uet_bitmap_test(&bm, p));
	for (size_t i = 0; i < sizeof(psns) / sizeof(psns[0]); i++) {
		uet_bitmap_set(&bm, psns[i]);
		assert_true(uet_bitmap_test(&bm, psns[i]));
		assert_true(uet_bitmap_test(&bm, psns[i] + UET_BITMAP_BITS));
		assert_true(uet_bitmap_test(&bm, psns[i] & 1023));
		uet_bitmap_clear(&bm, psns[i]);
		assert_false(uet_bitmap_test(&bm, psns[i]));
	}
}

/* Windows that straddle the end of the bitmap and of the PSN space. */
static void runs_and_reads_across_the_wrap(void **state)
{
	struct uet_bitmap bm;

	(void)state;
	uet_bitmap_init(&bm);
	for (uint32_t i = 0; i < 100; i++)
		uet_bitmap_set(&bm, 0xffffffe0u + i);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffe0u, 1024), 100);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffe0u, 100), 100);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffe0u, 99), 99);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffe0u, 0), 0);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffdfu, 1024), 0);
	assert_true(uet_bitmap_read64(&bm, 0xffffffe0u) == UINT64_MAX);
	assert_true(uet_bitmap_read64(&bm, 0xffffffdfu) == UINT64_MAX - 1);
	assert_true(uet_bitmap_read64(&bm, 63) == 0x1f);
	assert_true(uet_bitmap_read64(&bm, 0) == UINT64_MAX);
	assert_true(uet_bitmap_read64(&bm, 64) == 0xf);
	uet_bitmap_clear_range(&bm, 0xfffffff0u, 32);
	assert_int_equal(uet_bitmap_run(&bm, 0xffffffe0u, 1024), 16);
	assert_int_equal(uet_bitmap_run(&bm, 16, 1024), 52);
}

static void full_bitmap(void **state)
{
	struct uet_bitmap bm;

	(void)state;
	memset(&bm, 0xff, sizeof(bm));
	for (uint32_t p = 0; p < 2 * UET_BITMAP_BITS; p += 7) {
		assert_int_equal(uet_bitmap_run(&bm, p, UINT32_MAX), UET_BITMAP_BITS);
		assert_int_equal(uet_bitmap_run(&bm, p, 1000), 1000);
	}
	uet_bitmap_clear_range(&bm, 5, 0);
	assert_int_equal(uet_bitmap_run(&bm, 0, UINT32_MAX), UET_BITMAP_BITS);
	uet_bitmap_clear_range(&bm, 5, UET_BITMAP_BITS - 1);
	assert_true(uet_bitmap_test(&bm, 4));
	assert_int_equal(uet_bitmap_run(&bm, 4, UINT32_MAX), 1);
	memset(&bm, 0xff, sizeof(bm));
	uet_bitmap_clear_range(&bm, 5, UET_BITMAP_BITS);
	assert_int_equal(uet_bitmap_run(&bm, 4, UINT32_MAX), 0);
	memset(&bm, 0xff, sizeof(bm));
	uet_bitmap_clear_range(&bm, 77, UINT32_MAX);
	for (uint32_t p = 0; p < UET_BITMAP_BITS; p++)
		assert_false(uet_bitmap_test(&bm, p));
}

static void random_model(void **state)
{
	static uint8_t model[UET_BITMAP_BITS];
	struct uet_bitmap bm;
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 12);
	uet_bitmap_init(&bm);
	for (int step = 0; step < 200000; step++) {
		/* Mostly a narrow region, so that long runs appear. */
		uint32_t psn = uet_rand_u32(&r) % 4 ? 0xfffffff0u + uet_rand_u32(&r) % 200 :
						      uet_rand_u32(&r);
		uint32_t n = uet_rand_u32(&r) % 32 ? uet_rand_u32(&r) % 150 :
						     uet_rand_u32(&r) % 1100;
		uint64_t word = 0;
		uint32_t run;

		switch (uet_rand_u32(&r) % 16) {
		case 0:
			uet_bitmap_clear_range(&bm, psn, n);
			for (uint32_t i = 0; i < n; i++)
				model[(psn + i) & 1023] = 0;
			break;
		case 1:
		case 2:
		case 3:
			uet_bitmap_clear(&bm, psn);
			model[psn & 1023] = 0;
			break;
		default:
			uet_bitmap_set(&bm, psn);
			model[psn & 1023] = 1;
			break;
		}
		psn += uet_rand_u32(&r) % 128 - 64;
		assert_int_equal(uet_bitmap_test(&bm, psn), model[psn & 1023]);
		for (run = 0; run < n && run < 1024 && model[(psn + run) & 1023]; run++)
			;
		assert_int_equal(uet_bitmap_run(&bm, psn, n), run);
		for (uint32_t i = 0; i < 64; i++)
			word |= (uint64_t)model[(psn + i) & 1023] << i;
		assert_true(uet_bitmap_read64(&bm, psn) == word);
	}
	for (uint32_t p = 0; p < UET_BITMAP_BITS; p++)
		assert_int_equal(uet_bitmap_test(&bm, p), model[p]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_bits_and_wrap),
		cmocka_unit_test(runs_and_reads_across_the_wrap),
		cmocka_unit_test(full_bitmap),
		cmocka_unit_test(random_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
