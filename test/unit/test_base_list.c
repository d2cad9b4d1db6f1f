/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Intrusive list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/rand.h"

struct item {
	int id;
	struct uet_list link;
};

/* The ids on @head are @ids, read forward and backward. */
static void check(const struct uet_list *head, const int *ids, int count)
{
	const struct uet_list *pos;
	int i = 0;

	uet_list_for_each(pos, head) {
		assert_true(i < count);
		assert_int_equal(uet_list_entry(pos, struct item, link)->id, ids[i]);
		assert_ptr_equal(pos->next->prev, pos);
		i++;
	}
	assert_int_equal(i, count);
	for (pos = head->prev; pos != head; pos = pos->prev)
		assert_int_equal(uet_list_entry(pos, struct item, link)->id, ids[--i]);
	assert_int_equal(i, 0);
	assert_int_equal(uet_list_empty(head), count == 0);
}

static void add_and_delete(void **state)
{
	struct item it[4] = { { .id = 0 }, { .id = 1 }, { .id = 2 }, { .id = 3 } };
	struct uet_list head;

	(void)state;
	uet_list_init(&head);
	check(&head, NULL, 0);
	for (int i = 0; i < 4; i++) {
		uet_list_init(&it[i].link);
		assert_true(uet_list_empty(&it[i].link));
	}
	uet_list_add_tail(&head, &it[0].link);
	uet_list_add_tail(&head, &it[1].link);
	uet_list_add_after(&head, &it[2].link);
	uet_list_add_after(&it[0].link, &it[3].link);
	check(&head, (int[]){ 2, 0, 3, 1 }, 4);
	assert_ptr_equal(uet_list_first(&head), &it[2].link);
	assert_false(uet_list_empty(&it[2].link));

	uet_list_del(&it[0].link);
	check(&head, (int[]){ 2, 3, 1 }, 3);
	assert_true(uet_list_empty(&it[0].link));
	uet_list_del(&it[0].link);	/* twice is harmless */
	check(&head, (int[]){ 2, 3, 1 }, 3);
	uet_list_del(&it[1].link);
	uet_list_del(&it[2].link);
	uet_list_del(&it[3].link);
	check(&head, NULL, 0);
}

static void delete_while_walking(void **state)
{
	struct uet_list head, *pos, *tmp;
	struct item it[6];

	(void)state;
	uet_list_init(&head);
	for (int i = 0; i < 6; i++) {
		it[i].id = i;
		uet_list_add_tail(&head, &it[i].link);
	}
	uet_list_for_each_safe(pos, tmp, &head) {
		if (uet_list_entry(pos, struct item, link)->id % 2 == 0)
			uet_list_del(pos);
	}
	check(&head, (int[]){ 1, 3, 5 }, 3);
	uet_list_for_each_safe(pos, tmp, &head)
		uet_list_del(pos);
	check(&head, NULL, 0);
}

/* Against an array of ids. */
static void random_model(void **state)
{
	enum { N = 16 };
	struct item it[N];
	struct uet_list head;
	struct uet_rand r;
	int ids[N], count = 0;

	(void)state;
	uet_rand_seed(&r, 11);
	uet_list_init(&head);
	for (int i = 0; i < N; i++) {
		it[i].id = i;
		uet_list_init(&it[i].link);
	}
	for (int step = 0; step < 20000; step++) {
		int i = (int)(uet_rand_u32(&r) % N), at;

		for (at = 0; at < count && ids[at] != i; at++)
			;
		if (at < count || uet_rand_u32(&r) % 4 == 0) {
			uet_list_del(&it[i].link);
			if (at < count) {
				count--;
				memmove(ids + at, ids + at + 1,
					(size_t)(count - at) * sizeof(ids[0]));
			}
		} else if (count && uet_rand_u32(&r) % 2) {
			at = (int)(uet_rand_u32(&r) % (uint32_t)count);
			uet_list_add_after(&it[ids[at]].link, &it[i].link);
			memmove(ids + at + 2, ids + at + 1,
				(size_t)(count - at - 1) * sizeof(ids[0]));
			ids[at + 1] = i;
			count++;
		} else {
			uet_list_add_tail(&head, &it[i].link);
			ids[count++] = i;
		}
		check(&head, ids, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_delete),
		cmocka_unit_test(delete_while_walking),
		cmocka_unit_test(random_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
