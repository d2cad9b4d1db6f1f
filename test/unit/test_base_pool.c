/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Object pool: limit, reuse, growth; in sanitizer builds also that free objects are poisoned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/pool.h"
#include "base/rand.h"

#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif

#ifdef TEST_ASAN
#include <sanitizer/asan_interface.h>
#endif

static void init_allocates_nothing(void **state)
{
	struct uet_pool p;

	(void)state;
	memset(&p, 0xee, sizeof(p));
	uet_pool_init(&p, 20, 4, 0);
	assert_null(p.free);
	assert_null(p.chunks);
	assert_int_equal(p.size, 32);
	assert_int_equal(p.used, 0);
	assert_int_equal(p.total, 0);
	uet_pool_destroy(&p);
}

static void smallest_arguments(void **state)
{
	struct uet_pool p;

	(void)state;
	uet_pool_init(&p, 0, 0, 0);
	assert_int_equal(p.size, 16);	/* room for the link */
	assert_non_null(uet_pool_get(&p));
	assert_int_equal(p.total, 1);
	uet_pool_destroy(&p);
}

static void growth(void **state)
{
	enum { N = 1000, SIZE = 40 };
	struct uet_pool p;
	uint8_t *obj[N];

	(void)state;
	uet_pool_init(&p, SIZE, 16, 0);
	for (int i = 0; i < N; i++) {
		obj[i] = uet_pool_get(&p);
		assert_non_null(obj[i]);
		assert_int_equal((uintptr_t)obj[i] % 16, 0);
		memset(obj[i], i & 0xff, SIZE);
		assert_int_equal(p.used, i + 1);
		assert_int_equal(p.total, (i / 16 + 1) * 16);
	}
	/* No two objects overlap. */
	for (int i = 0; i < N; i++)
		for (int j = 0; j < SIZE; j++)
			assert_int_equal(obj[i][j], i & 0xff);
	for (int i = 0; i < N; i++)
		uet_pool_put(&p, obj[i]);
	assert_int_equal(p.used, 0);
	assert_int_equal(p.total, 1008);
	uet_pool_destroy(&p);
	assert_int_equal(p.total, 0);
}

static void reuse(void **state)
{
	struct uet_pool p;
	void *a, *b, *c;

	(void)state;
	uet_pool_init(&p, 1, 2, 0);
	a = uet_pool_get(&p);
	b = uet_pool_get(&p);
	uet_pool_put(&p, a);
	uet_pool_put(&p, b);
	assert_ptr_equal(uet_pool_get(&p), b);	/* the last returned is the warmest */
	assert_ptr_equal(uet_pool_get(&p), a);
	assert_int_equal(p.total, 2);
	c = uet_pool_get(&p);
	assert_non_null(c);
	assert_int_equal(p.total, 4);
	uet_pool_destroy(&p);	/* three objects are abandoned */
}

static void limit(void **state)
{
	struct uet_pool p;
	void *obj[10];

	(void)state;
	uet_pool_init(&p, 64, 4, 10);
	for (int i = 0; i < 10; i++) {
		obj[i] = uet_pool_get(&p);
		assert_non_null(obj[i]);
		assert_in_range(p.total, i + 1, 10);
	}
	assert_null(uet_pool_get(&p));
	assert_null(uet_pool_get(&p));
	assert_int_equal(p.used, 10);
	assert_int_equal(p.total, 10);
	uet_pool_put(&p, obj[3]);
	assert_ptr_equal(uet_pool_get(&p), obj[3]);
	assert_null(uet_pool_get(&p));
	uet_pool_destroy(&p);
}

static void reserve(void **state)
{
	struct uet_pool p;
	void *chunks;

	(void)state;
	uet_pool_init(&p, 64, 8, 20);
	assert_int_equal(uet_pool_reserve(&p, 0), 0);
	assert_int_equal(p.total, 0);
	assert_int_equal(uet_pool_reserve(&p, 21), -ENOMEM);
	assert_int_equal(p.total, 0);
	assert_int_equal(uet_pool_reserve(&p, 17), 0);
	assert_in_range(p.total, 17, 20);
	assert_int_equal(p.used, 0);
	chunks = p.chunks;
	for (int i = 0; i < 17; i++)
		assert_non_null(uet_pool_get(&p));
	assert_ptr_equal(p.chunks, chunks);	/* nothing was allocated for them */
	assert_int_equal(uet_pool_reserve(&p, 20), 0);
	assert_int_equal(p.total, 20);
	uet_pool_destroy(&p);
}

static void memory_that_does_not_exist(void **state)
{
	struct uet_pool p;

	(void)state;
	uet_pool_init(&p, SIZE_MAX, 1, 0);
	assert_null(uet_pool_get(&p));
	uet_pool_init(&p, SIZE_MAX / 4, 8, 0);
	assert_null(uet_pool_get(&p));
	assert_int_equal(uet_pool_reserve(&p, 1), -ENOMEM);
	assert_int_equal(p.total, 0);
	uet_pool_destroy(&p);
}

static void destroyed_pool_works_again(void **state)
{
	struct uet_pool p;

	(void)state;
	uet_pool_init(&p, 48, 4, 4);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++)
			memset(uet_pool_get(&p), 1, 48);
		assert_null(uet_pool_get(&p));
		uet_pool_destroy(&p);
		assert_int_equal(p.used, 0);
		assert_int_equal(uet_pool_reserve(&p, 1), 0);
		uet_pool_destroy(&p);	/* with free objects: none may be handed out later */
	}
	uet_pool_destroy(&p);
}

/* Contents of objects in use stay as they are, whatever happens to the others. */
static void random_model(void **state)
{
	enum { LIMIT = 100, SIZE = 24 };
	struct uet_pool p;
	struct uet_rand r;
	uint64_t *obj[LIMIT] = { NULL };
	uint32_t used = 0;

	(void)state;
	uet_rand_seed(&r, 13);
	uet_pool_init(&p, SIZE, 7, LIMIT);
	for (int step = 0; step < 100000; step++) {
		uint32_t i = uet_rand_u32(&r) % LIMIT;

		if (obj[i]) {
			for (int j = 0; j < 3; j++)
				assert_true(obj[i][j] == i);
			uet_pool_put(&p, obj[i]);
			obj[i] = NULL;
			used--;
		} else if (uet_rand_u32(&r) % 3) {
			obj[i] = uet_pool_get(&p);
			assert_non_null(obj[i]);
			for (int j = 0; j < 3; j++)
				obj[i][j] = i;
			used++;
		}
		assert_int_equal(p.used, used);
		assert_true(p.total <= LIMIT && p.used <= p.total);
	}
	uet_pool_destroy(&p);
}

static void free_objects_are_poisoned(void **state)
{
	(void)state;
#ifdef TEST_ASAN
	struct uet_pool p;
	uint8_t *a, *b;

	uet_pool_init(&p, 64, 2, 0);
	a = uet_pool_get(&p);
	b = (uint8_t *)p.free;	/* the other one of the chunk */
	assert_null(__asan_region_is_poisoned(a, 64));
	for (int i = 0; i < 64; i++)
		assert_true(__asan_address_is_poisoned(b + i));
	assert_ptr_equal(uet_pool_get(&p), b);
	assert_null(__asan_region_is_poisoned(b, 64));
	uet_pool_put(&p, a);
	for (int i = 0; i < 64; i++)
		assert_true(__asan_address_is_poisoned(a + i));
	assert_null(__asan_region_is_poisoned(b, 64));
	uet_pool_destroy(&p);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_allocates_nothing),
		cmocka_unit_test(smallest_arguments),
		cmocka_unit_test(growth),
		cmocka_unit_test(reuse),
		cmocka_unit_test(limit),
		cmocka_unit_test(reserve),
		cmocka_unit_test(memory_that_does_not_exist),
		cmocka_unit_test(destroyed_pool_works_again),
		cmocka_unit_test(random_model),
		cmocka_unit_test(free_objects_are_poisoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
