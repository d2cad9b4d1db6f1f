/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sources of events: order, ties, moves, and a random model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"
#include "sim/event.h"

static void take(struct uet_sim_events *ev, uint32_t source, uint64_t time)
{
	assert_int_equal(uet_sim_events_next(ev), time);
	assert_int_equal(uet_sim_events_first(ev), source);
	uet_sim_events_set(ev, source, UET_TIME_NEVER);
}

static void nothing_to_do(void **state)
{
	struct uet_sim_events ev;

	(void)state;
	assert_int_equal(uet_sim_events_init(&ev, 0), 0);
	assert_true(uet_sim_events_next(&ev) == UET_TIME_NEVER);
	assert_int_equal(uet_sim_events_add(&ev), 0);
	assert_true(uet_sim_events_time(&ev, 0) == UET_TIME_NEVER);
	uet_sim_events_set(&ev, 0, UET_TIME_NEVER);
	assert_true(uet_sim_events_next(&ev) == UET_TIME_NEVER);
	uet_sim_events_destroy(&ev);
}

static void ties_in_the_order_of_setting(void **state)
{
	struct uet_sim_events ev;
	uint32_t i;

	(void)state;
	assert_int_equal(uet_sim_events_init(&ev, 50), 0);
	for (i = 0; i < 50; i++)
		uet_sim_events_set(&ev, i * 7 % 50, 1000);
	uet_sim_events_set(&ev, 0, 2000);
	uet_sim_events_set(&ev, 0, 1000);	/* away and back: last now */
	uet_sim_events_set(&ev, 7, 1000);	/* not moved */
	for (i = 1; i < 50; i++)
		take(&ev, i * 7 % 50, 1000);
	take(&ev, 0, 1000);
	assert_true(uet_sim_events_next(&ev) == UET_TIME_NEVER);
	uet_sim_events_destroy(&ev);
}

/* The earliest of @time, the first one set among equals. */
static uint32_t earliest(const uint64_t *time, const uint64_t *order, uint32_t cnt)
{
	uint32_t i, best = 0;

	for (i = 1; i < cnt; i++)
		if (time[i] < time[best] || (time[i] == time[best] && order[i] < order[best]))
			best = i;
	return best;
}

static void random_model(void **state)
{
	enum { MAX = 300 };
	uint64_t time[MAX], order[MAX] = { 0 }, n, t;
	struct uet_sim_events ev;
	struct uet_rand r;
	uint32_t cnt = 10, i;

	(void)state;
	uet_rand_seed(&r, 5);
	assert_int_equal(uet_sim_events_init(&ev, cnt), 0);
	for (i = 0; i < MAX; i++)
		time[i] = UET_TIME_NEVER;
	for (n = 0; n < 100000; n++) {
		if (cnt < MAX && uet_rand_u32(&r) % 100 == 0)
			assert_int_equal(uet_sim_events_add(&ev), cnt++);
		i = uet_rand_u32(&r) % cnt;
		t = uet_rand_u32(&r) % 4 ? uet_rand_u32(&r) % 100 : UET_TIME_NEVER;
		if (t != time[i])
			order[i] = n;
		time[i] = t;
		uet_sim_events_set(&ev, i, t);
		assert_true(uet_sim_events_time(&ev, i) == t);
		i = earliest(time, order, cnt);
		assert_true(uet_sim_events_next(&ev) == time[i]);
		if (time[i] != UET_TIME_NEVER)
			assert_int_equal(uet_sim_events_first(&ev), i);
	}
	uet_sim_events_destroy(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(ties_in_the_order_of_setting),
		cmocka_unit_test(random_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
