/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Timers: lazy moves, changes from within callbacks, and a random model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "base/timer.h"
#include "base/util.h"

struct probe {
	struct uet_timer timer;
	int fired;
	uint64_t at;		/* of the last call */
};

static struct uet_timers set;

static void count_fn(struct uet_timer *timer, void *arg, uint64_t now)
{
	struct probe *p = uet_container_of(timer, struct probe, timer);

	assert_ptr_equal(arg, &set);
	assert_int_equal(timer->deadline, UET_TIME_NEVER);	/* disarmed before the call */
	p->fired++;
	p->at = now;
}

static int setup(void **state)
{
	(void)state;
	uet_timers_init(&set);
	return uet_timers_reserve(&set, 64);
}

static int teardown(void **state)
{
	(void)state;
	uet_timers_destroy(&set);
	return 0;
}

static void empty_set(void **state)
{
	struct uet_timers s;

	(void)state;
	uet_timers_init(&s);
	assert_true(uet_timers_next(&s) == UET_TIME_NEVER);
	uet_timers_run(&s, UET_TIME_NEVER, NULL);
	assert_int_equal(uet_timers_reserve(&s, 0), 0);
	uet_timers_destroy(&s);
	uet_timers_destroy(&s);
}

static void one_timer(void **state)
{
	struct probe p = { .fired = 0 };

	(void)state;
	memset(&p.timer, 0xee, sizeof(p.timer));
	uet_timer_init(&p.timer, count_fn);
	uet_timer_set(&set, &p.timer, 100);
	assert_int_equal(uet_timers_next(&set), 100);
	assert_false(uet_timers_due(&set, 99));
	assert_true(uet_timers_due(&set, 100));
	uet_timers_run(&set, 99, &set);
	assert_int_equal(p.fired, 0);
	uet_timers_run(&set, 100, &set);
	assert_int_equal(p.fired, 1);
	assert_int_equal(p.at, 100);
	uet_timers_run(&set, 1000, &set);
	assert_int_equal(p.fired, 1);
	assert_false(uet_timers_due(&set, UET_TIME_NEVER));
	assert_true(uet_timers_next(&set) == UET_TIME_NEVER);
	uet_timer_set(&set, &p.timer, 0);	/* time 0 is a time like others */
	uet_timers_run(&set, 0, &set);
	assert_int_equal(p.fired, 2);
}

static void moving_later_touches_no_heap(void **state)
{
	struct probe p = { .fired = 0 };

	(void)state;
	uet_timer_init(&p.timer, count_fn);
	uet_timer_set(&set, &p.timer, 100);
	uet_timer_set(&set, &p.timer, 500);
	assert_int_equal(p.timer.deadline, 500);
	assert_int_equal(p.timer.key, 100);
	assert_int_equal(uet_timers_next(&set), 100);	/* "may have work" */
	uet_timers_run(&set, 200, &set);
	assert_int_equal(p.fired, 0);
	assert_int_equal(p.timer.key, 500);
	assert_int_equal(uet_timers_next(&set), 500);
	uet_timer_set(&set, &p.timer, 300);		/* earlier: at once */
	assert_int_equal(uet_timers_next(&set), 300);
	uet_timer_set(&set, &p.timer, 900);
	uet_timers_run(&set, 1000, &set);		/* put back and due in one run */
	assert_int_equal(p.fired, 1);
	assert_int_equal(set.count, 0);
}

static void disarming_leaves_an_entry_that_vanishes(void **state)
{
	struct probe p = { .fired = 0 };

	(void)state;
	uet_timer_init(&p.timer, count_fn);
	uet_timer_set(&set, &p.timer, UET_TIME_NEVER);	/* was not armed: no entry */
	assert_int_equal(set.count, 0);
	uet_timer_set(&set, &p.timer, 100);
	uet_timer_set(&set, &p.timer, UET_TIME_NEVER);
	assert_int_equal(set.count, 1);
	uet_timer_set(&set, &p.timer, 200);		/* uses the entry again */
	assert_int_equal(set.count, 1);
	uet_timer_set(&set, &p.timer, UET_TIME_NEVER);
	uet_timers_run(&set, 100, &set);
	assert_int_equal(set.count, 0);
	assert_int_equal(p.timer.pos, 0);
	assert_int_equal(p.fired, 0);
	uet_timer_set(&set, &p.timer, 150);
	uet_timers_run(&set, 150, &set);
	assert_int_equal(p.fired, 1);
}

static void deletion_is_immediate(void **state)
{
	struct probe p[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		p[i].fired = 0;
		uet_timer_init(&p[i].timer, count_fn);
		uet_timer_set(&set, &p[i].timer, (uint64_t)(100 + i));
	}
	uet_timer_del(&set, &p[0].timer);
	uet_timer_del(&set, &p[3].timer);
	uet_timer_del(&set, &p[3].timer);	/* twice is harmless */
	assert_int_equal(set.count, 3);
	memset(&p[0], 0xee, sizeof(p[0]));
	memset(&p[3], 0xee, sizeof(p[3]));
	uet_timers_run(&set, 1000, &set);
	assert_int_equal(p[1].fired + p[2].fired + p[4].fired, 3);
}

static void reserve_keeps_timers(void **state)
{
	enum { N = 300 };
	struct probe p[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		assert_int_equal(uet_timers_reserve(&set, (uint32_t)i + 1), 0);
		p[i].fired = 0;
		uet_timer_init(&p[i].timer, count_fn);
		uet_timer_set(&set, &p[i].timer, (uint64_t)(i * 7919 % N));
	}
	assert_true(set.size >= N);
	uet_timers_run(&set, N, &set);
	for (int i = 0; i < N; i++)
		assert_int_equal(p[i].fired, 1);
}

/* As many due timers as there is room for: one run calls them all. */
static void full_set_runs_completely(void **state)
{
	struct probe *p = calloc(set.size, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (uint32_t i = 0; i < set.size; i++) {
		uet_timer_init(&p[i].timer, count_fn);
		uet_timer_set(&set, &p[i].timer, 10 + i);
	}
	assert_int_equal(set.count, set.size);
	uet_timers_run(&set, 1000, &set);
	for (uint32_t i = 0; i < set.size; i++)
		assert_int_equal(p[i].fired, 1);
	assert_int_equal(set.count, 0);
	free(p);
}

static void again_fn(struct uet_timer *timer, void *arg, uint64_t now)
{
	struct probe *p = uet_container_of(timer, struct probe, timer);

	p->fired++;
	uet_timer_set(arg, timer, now);	/* against the contract: not later */
}

static void arming_for_now_does_not_hang(void **state)
{
	struct probe p = { .fired = 0 };

	(void)state;
	uet_timer_init(&p.timer, again_fn);
	uet_timer_set(&set, &p.timer, 10);
	uet_timers_run(&set, 10, &set);
	assert_true(p.fired >= 1);
	assert_int_equal(uet_timers_next(&set), 10);
}

/*
 * Model: the deadlines, in an array. Each timer that fires must be one with the earliest
 * deadline of all, and due; after a run none that is due may be left.
 */
enum { N = 48 };

static struct {
	struct uet_timer *timer[N];	/* heap memory of its own: misuse is seen */
	uint64_t deadline[N];
	int fired[N];			/* in this run */
	struct uet_rand rand;
	bool act;			/* callbacks change timers */
} m;

static uint32_t any_timer(void)
{
	return uet_rand_u32(&m.rand) % N;
}

static void model_fn(struct uet_timer *timer, void *arg, uint64_t now);

static void new_timer(uint32_t i)
{
	m.timer[i] = malloc(sizeof(*m.timer[i]));
	assert_non_null(m.timer[i]);
	uet_timer_init(m.timer[i], model_fn);
	m.deadline[i] = UET_TIME_NEVER;
}

static void set_timer(uint32_t i, uint64_t deadline)
{
	uet_timer_set(&set, m.timer[i], deadline);
	m.deadline[i] = deadline;
}

/* One random change; deadlines after @now. */
static void change(uint32_t i, uint64_t now)
{
	switch (uet_rand_u32(&m.rand) % 8) {
	case 0:
		uet_timer_del(&set, m.timer[i]);
		m.deadline[i] = UET_TIME_NEVER;
		break;
	case 1:
		set_timer(i, UET_TIME_NEVER);
		break;
	case 2:		/* the memory around it goes away */
		uet_timer_del(&set, m.timer[i]);
		free(m.timer[i]);
		new_timer(i);
		break;
	case 3:		/* push back */
		if (m.deadline[i] != UET_TIME_NEVER)
			set_timer(i, uet_max_u64(m.deadline[i], now) + 1 +
				     uet_rand_u32(&m.rand) % 50);
		break;
	default:
		set_timer(i, now + 1 + uet_rand_u32(&m.rand) % 100);
		break;
	}
}

static uint64_t earliest(void)
{
	uint64_t t = UET_TIME_NEVER;

	for (int i = 0; i < N; i++)
		t = uet_min_u64(t, m.deadline[i]);
	return t;
}

static void model_fn(struct uet_timer *timer, void *arg, uint64_t now)
{
	uint32_t i;

	assert_ptr_equal(arg, &m);
	for (i = 0; i < N && m.timer[i] != timer; i++)
		;
	assert_true(i < N);
	assert_int_equal(timer->deadline, UET_TIME_NEVER);
	assert_true(m.deadline[i] <= now);
	assert_int_equal(m.deadline[i], earliest());
	assert_int_equal(m.fired[i], 0);
	m.fired[i] = 1;
	m.deadline[i] = UET_TIME_NEVER;
	if (!m.act)
		return;
	if (uet_rand_u32(&m.rand) % 2)
		change(i, now);			/* itself, perhaps freed */
	for (uint32_t k = uet_rand_u32(&m.rand) % 4; k > 0; k--)
		change(any_timer(), now);	/* others, due ones too */
}

static void check_heap(void)
{
	uint32_t in_heap = 0;

	for (uint32_t i = 0; i < set.count; i++) {
		const struct uet_timer *t = set.heap[i];

		assert_int_equal(t->pos, i + 1);
		assert_true(t->key <= t->deadline);
		assert_true(i == 0 || set.heap[(i - 1) / 2]->key <= t->key);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(m.timer[i]->deadline, m.deadline[i]);
		assert_true(m.timer[i]->pos || m.deadline[i] == UET_TIME_NEVER);
		in_heap += m.timer[i]->pos != 0;
	}
	assert_int_equal(in_heap, set.count);
}

static void run_model(uint64_t seed, bool act)
{
	uint64_t now = 1000;

	memset(&m, 0, sizeof(m));
	m.act = act;
	uet_rand_seed(&m.rand, seed);
	for (uint32_t i = 0; i < N; i++)
		new_timer(i);
	for (int step = 0; step < 20000; step++) {
		for (uint32_t k = uet_rand_u32(&m.rand) % 4; k > 0; k--)
			change(any_timer(), now);
		check_heap();
		assert_true(uet_timers_next(&set) <= earliest());	/* never too late */

		now += uet_rand_u32(&m.rand) % 16;
		memset(m.fired, 0, sizeof(m.fired));
		uet_timers_run(&set, now, &m);
		assert_true(earliest() > now);
		assert_true(uet_timers_next(&set) > now);
		check_heap();
	}
	for (uint32_t i = 0; i < N; i++) {
		uet_timer_del(&set, m.timer[i]);
		free(m.timer[i]);
	}
	assert_int_equal(set.count, 0);
}

static void random_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run_model(seed, false);
}

static void random_model_with_changes_in_callbacks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run_model(seed, true);
}

#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_set),
		TIMER_TEST(one_timer),
		TIMER_TEST(moving_later_touches_no_heap),
		TIMER_TEST(disarming_leaves_an_entry_that_vanishes),
		TIMER_TEST(deletion_is_immediate),
		TIMER_TEST(reserve_keeps_timers),
		TIMER_TEST(full_set_runs_completely),
		TIMER_TEST(arming_for_now_does_not_hang),
		TIMER_TEST(random_model),
		TIMER_TEST(random_model_with_changes_in_callbacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
