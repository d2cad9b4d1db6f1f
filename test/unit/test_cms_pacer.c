/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/pacer.h"
#include "cms/rccc.h"

#define MTU	1024u		/* 4 units */
#define STEP	4u
#define RATE	1000000000ull	/* bytes per second: 1 byte per ns */
#define TICK	(20 * UET_NSEC_PER_USEC)
#define MAX	60000u
#define FLOWS	8
#define START	UET_NSEC_PER_SEC

static struct uet_pacer pacer;
static struct uet_pacer_flow flow[FLOWS];
static uint64_t now;

static const struct uet_pacer_cfg cfg = {
	.rate = RATE, .mtu = MTU, .max = MAX, .base_rtt = 20 * UET_NSEC_PER_USEC, .seed = 1,
};

static int setup(void **state)
{
	int i;

	(void)state;
	uet_pacer_init(&pacer, &cfg);
	for (i = 0; i < FLOWS; i++) {
		uet_pacer_flow_init(&flow[i]);
		flow[i].unused = MAX;	/* no slow credit yet */
		flow[i].used_at = START;
	}
	now = START;
	return 0;
}

/* Run every tick until @until; what is due counts as told. */
static void run_until(uint64_t until)
{
	while (uet_pacer_next(&pacer) <= until) {
		now = uet_max_u64(now, uet_pacer_next(&pacer));
		uet_pacer_run(&pacer, now);
		while (uet_pacer_take(&pacer))
			;
	}
	now = until;
}

static uint32_t due_count(void)
{
	uint32_t n = 0;

	while (uet_pacer_take(&pacer))
		n++;
	return n;
}

static void tick_is_long_enough(void **state)
{
	(void)state;
	assert_int_equal(uet_pacer_tick(12500000000ull, 4200), TICK);
	assert_int_equal(uet_pacer_tick(125000000ull, 1200), 4 * 1200 * 8);
	assert_int_equal(uet_pacer_tick(1, 1200), 4800 * UET_NSEC_PER_SEC);
}

static void silent_without_demand(void **state)
{
	(void)state;
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);
	uet_pacer_run(&pacer, now);
	uet_pacer_demand(&pacer, &flow[0], 0, false, now);
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);
	assert_int_equal(due_count(), 0);
}

static void grants_what_was_asked(void **state)
{
	(void)state;
	uet_pacer_demand(&pacer, &flow[0], 10, false, now);
	assert_int_equal(uet_pacer_next(&pacer), now);	/* at once */
	uet_pacer_run(&pacer, now);
	assert_int_equal(flow[0].granted, 10);
	assert_ptr_equal(uet_pacer_take(&pacer), &flow[0]);
	assert_null(uet_pacer_take(&pacer));
	/* Demand that is behind changes nothing. */
	uet_pacer_demand(&pacer, &flow[0], 6, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 10);
}

static void keeps_to_the_rate(void **state)
{
	uint64_t bytes = 0;
	uint32_t before = 0;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		uet_pacer_demand(&pacer, &flow[0], flow[0].granted + 200, false, now);
		run_until(now + TICK);
		bytes += (flow[0].granted - before) * UET_CREDIT_UNIT;
		before = flow[0].granted;
	}
	/* 99 of 100, and the tick at the beginning. */
	assert_in_range(bytes, 1000 * TICK * 99 / 100, 1001 * TICK * 99 / 100 + MTU);
}

static void late_ticks_give_more(void **state)
{
	uint32_t before;

	(void)state;
	uet_pacer_demand(&pacer, &flow[0], 400, false, now);
	uet_pacer_run(&pacer, now);
	assert_in_range(flow[0].granted * UET_CREDIT_UNIT, TICK * 99 / 100, TICK + MTU);
	/* Nobody called for two ticks. */
	uet_pacer_run(&pacer, now + 2 * TICK);
	assert_in_range(flow[0].granted * UET_CREDIT_UNIT, 3 * TICK * 99 / 100 - MTU,
			3 * TICK + MTU);
	/* Nor for a long time: never more than one source can store. */
	flow[0].target = flow[0].granted + 4000;
	before = flow[0].granted;
	uet_pacer_run(&pacer, now + UET_NSEC_PER_SEC);
	assert_in_range((flow[0].granted - before) * UET_CREDIT_UNIT, MAX, MAX + MTU);
}

static void small_windows_do_not_slow_it(void **state)
{
	struct uet_pacer_cfg c = cfg;
	uint32_t i, k, sum = 0;

	(void)state;
	c.max = 2 * MTU;
	uet_pacer_init(&pacer, &c);
	for (i = 0; i < 100; i++) {
		for (k = 0; k < FLOWS; k++)
			uet_pacer_demand(&pacer, &flow[k], flow[k].granted + 20, false, now);
		run_until(now + TICK);
	}
	for (k = 0; k < FLOWS; k++)
		sum += flow[k].granted * UET_CREDIT_UNIT;
	assert_in_range(sum, 100 * TICK * 99 / 100, 102 * TICK);
}

static void pauses_are_not_saved_up(void **state)
{
	uint32_t i, before;

	(void)state;
	/* Small demands after pauses shorter than a tick share the rate as well. */
	for (i = 0; i < 1000; i++) {
		before = flow[0].granted;
		uet_pacer_demand(&pacer, &flow[0], before + 40, false, now);
		run_until(now + TICK / 4);
	}
	assert_in_range(flow[0].granted * UET_CREDIT_UNIT, 250 * TICK * 98 / 100,
			252 * TICK + MTU);
	run_until(now + UET_NSEC_PER_SEC);
	before = flow[0].granted;
	uet_pacer_demand(&pacer, &flow[0], before + 300, false, now);
	uet_pacer_run(&pacer, now);
	assert_in_range((flow[0].granted - before) * UET_CREDIT_UNIT, TICK * 99 / 100,
			TICK + MTU);
}

static void active_flows_share(void **state)
{
	uint32_t min = UINT32_MAX, max = 0, sum = 0, i;

	(void)state;
	run_until(START);
	for (i = 0; i < 500; i++) {
		uint32_t k;

		/* The first asks for ten times as much. */
		for (k = 0; k < FLOWS; k++)
			uet_pacer_demand(&pacer, &flow[k],
					 flow[k].granted + (k ? 20 : 200), false, now);
		run_until(now + TICK);
	}
	for (i = 0; i < FLOWS; i++) {
		uint32_t bytes = flow[i].granted * UET_CREDIT_UNIT;

		min = bytes < min ? bytes : min;
		max = bytes > max ? bytes : max;
		sum += bytes;
	}
	assert_in_range(sum, 500 * TICK * 99 / 100, 502 * TICK);
	assert_true(max - min <= 2 * MTU);
}

static void one_report_per_tick(void **state)
{
	(void)state;
	uet_pacer_demand(&pacer, &flow[0], 40, false, now);
	uet_pacer_demand(&pacer, &flow[1], 40, false, now);
	uet_pacer_demand(&pacer, &flow[2], 2, false, now);
	uet_pacer_run(&pacer, now);
	assert_int_equal(due_count(), 3);
	assert_int_equal(flow[2].granted, 2);
}

static void urgent_demand_is_always_answered(void **state)
{
	(void)state;
	uet_pacer_demand(&pacer, &flow[0], 8, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 8);
	/* That grant was lost: the source asks again for the same. */
	uet_pacer_demand(&pacer, &flow[0], 8, true, now);
	uet_pacer_demand(&pacer, &flow[0], 8, true, now);
	assert_ptr_equal(uet_pacer_take(&pacer), &flow[0]);
	assert_null(uet_pacer_take(&pacer));
	assert_int_equal(flow[0].granted, 8);
}

static void totals_wrap(void **state)
{
	(void)state;
	flow[0].target = flow[0].granted = 0xfffffa;
	uet_pacer_demand(&pacer, &flow[0], 6, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 6);
	uet_pacer_demand(&pacer, &flow[0], 0xfffffc, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 6);
}

static void lost_memory_is_found_again(void **state)
{
	(void)state;
	/* The destination has forgotten that it granted much: the source gets all it wants. */
	uet_pacer_demand(&pacer, &flow[0], 0x500000, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 0x500000);
	/* The source has: a demand from far behind is believed only if it is urgent. */
	uet_pacer_demand(&pacer, &flow[0], 100, false, now);
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 0x500000);
	uet_pacer_demand(&pacer, &flow[0], 100, true, now);
	flow[0].unused = MAX;
	run_until(now + TICK);
	assert_int_equal(flow[0].granted, 100);
	/* Near ones are answered with what was granted, which the source adopts. */
	uet_pacer_demand(&pacer, &flow[0], 20, true, now);
	assert_int_equal(due_count(), 1);
	assert_int_equal(flow[0].granted, 100);
}

static void idle_flows_keep_a_window(void **state)
{
	uint32_t granted;

	(void)state;
	flow[0].unused = 0;
	uet_pacer_arrived(&pacer, &flow[0], MTU, false, now);
	run_until(now + 9 * UET_NSEC_PER_MSEC);
	assert_in_range(flow[0].granted * UET_CREDIT_UNIT, MAX, MAX + MTU);
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);	/* and then it is quiet */
	/* Small uses are not made good at once, so that not every packet costs another one. */
	granted = flow[0].granted;
	uet_pacer_arrived(&pacer, &flow[0], MAX / 4, false, now);
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);
	uet_pacer_arrived(&pacer, &flow[0], MAX / 3, false, now);
	run_until(now + 9 * UET_NSEC_PER_MSEC);
	assert_in_range((flow[0].granted - granted) * UET_CREDIT_UNIT, MAX / 4 + MAX / 3 - MTU,
			MAX / 4 + MAX / 3 + MTU);
}

static void active_flows_go_first(void **state)
{
	uint32_t granted;
	int i;

	(void)state;
	flow[0].unused = 0;
	uet_pacer_arrived(&pacer, &flow[0], MTU, false, now);
	for (i = 0; i < 100; i++) {
		uet_pacer_demand(&pacer, &flow[1], flow[1].granted + 200, false, now);
		run_until(now + TICK);
	}
	assert_int_equal(flow[0].granted, 0);
	/* One who is blocked has nothing stored, whatever became of what it was given. */
	flow[0].unused = MAX;
	uet_pacer_demand(&pacer, &flow[0], 1, true, now);
	assert_int_equal(flow[0].unused, 0);
	granted = flow[1].granted;
	run_until(now + UET_NSEC_PER_MSEC);
	assert_in_range(flow[1].granted, granted, granted + 200);
	assert_in_range(flow[0].granted * UET_CREDIT_UNIT, MAX, MAX + MTU);
}

static void first_windows_cost_credit(void **state)
{
	uint32_t i, before;

	(void)state;
	/* Of one source alone they do not. */
	flow[0].unused = 0;
	uet_pacer_demand(&pacer, &flow[0], 200, false, now);
	uet_pacer_run(&pacer, now);
	before = (uint32_t)pacer.budget;
	uet_pacer_arrived(&pacer, &flow[0], MAX, false, now);
	assert_int_equal(pacer.budget, (int32_t)before);

	/* Of several they do; no more than a window is remembered. */
	for (i = 1; i < 4; i++) {
		flow[i].unused = 400;
		uet_pacer_demand(&pacer, &flow[i], 200, false, now);
	}
	assert_int_equal(pacer.actives, 4);
	uet_pacer_arrived(&pacer, &flow[1], 1200, false, now);
	assert_int_equal(pacer.budget, (int32_t)before - 800);
	assert_int_equal(flow[1].unused, 0);
	uet_pacer_arrived(&pacer, &flow[1], 10 * MAX, false, now);
	assert_int_equal(pacer.budget, -(int32_t)MAX);
	before = flow[2].granted;
	run_until(now + 50000);
	assert_int_equal(flow[2].granted, before);
	run_until(now + 5 * TICK);
	assert_true(flow[2].granted > before);
	uet_pacer_flow_end(&pacer, &flow[1]);
	assert_int_equal(pacer.actives, 3);
}

static void stale_flows_get_nothing(void **state)
{
	(void)state;
	flow[0].unused = 0;
	uet_pacer_arrived(&pacer, &flow[0], MTU, false, now);
	now += 10 * UET_NSEC_PER_MSEC;
	uet_pacer_run(&pacer, now);
	assert_int_equal(flow[0].granted, 0);
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);
	assert_int_equal(due_count(), 0);
}

static void trimmed_packets_are_demand(void **state)
{
	(void)state;
	uet_pacer_demand(&pacer, &flow[0], 6, false, now);
	uet_pacer_trimmed(&pacer, &flow[0], false, now);
	uet_pacer_run(&pacer, now);
	assert_int_equal(flow[0].granted, 6 + STEP);
	/* Beyond what was granted without being asked for, too. */
	flow[0].granted += 100;
	uet_pacer_trimmed(&pacer, &flow[0], true, now);
	run_until(now + 2 * TICK);
	assert_int_equal(flow[0].granted, 6 + STEP + 100 + STEP);
}

/* Let @n packets arrive and a period of judgement pass; flow 1 keeps the pacer going. */
static void period(int n, int marked, int trimmed)
{
	uint64_t end;
	int i;

	uet_pacer_demand(&pacer, &flow[1], flow[1].granted + 400, false, now);
	run_until(now + TICK);
	end = pacer.period_end;
	for (i = 0; i < n - trimmed; i++)
		uet_pacer_arrived(&pacer, &flow[0], MTU, i < marked, now);
	for (i = 0; i < trimmed; i++)
		uet_pacer_trimmed(&pacer, &flow[0], false, now);
	while (pacer.period_end == end) {
		uet_pacer_demand(&pacer, &flow[1], flow[1].granted + 400, false, now);
		run_until(now + TICK);
	}
}

static void congested_network_slows_it(void **state)
{
	uint32_t low, i;

	(void)state;
	for (i = 0; i < 10; i++)
		period(100, 100, 0);
	low = pacer.rel_rate;
	assert_true(low < UET_PACER_ONE / 5);
	for (i = 0; i < 100; i++)
		period(100, 100, 0);
	/* Oversubscription has its limits. */
	assert_in_range(pacer.rel_rate, UET_PACER_ONE / 10, UET_PACER_ONE / 8);
	low = pacer.rel_rate;

	/* The credit that is handed out follows. */
	{
		uint32_t before = flow[2].granted;
		uint64_t bytes;

		run_until(now + 10 * UET_NSEC_PER_MSEC);
		flow[2].target = before;
		uet_pacer_demand(&pacer, &flow[2], before + 400, false, now);
		run_until(now + 5 * TICK - 1);
		bytes = (flow[2].granted - before) * UET_CREDIT_UNIT;
		assert_in_range(bytes, 4 * TICK * low / UET_PACER_ONE, 7 * TICK * low /
				UET_PACER_ONE);
	}

	/* Some marks: slow recovery. None: ever faster. */
	for (i = 0; i < 5; i++)
		period(100, 1, 0);
	low = pacer.rel_rate;
	period(100, 1, 0);
	assert_int_equal(pacer.rel_rate, low + UET_PACER_ONE / 100);
	for (i = 0; i < 6; i++)
		period(100, 0, 0);
	assert_int_equal(pacer.rel_rate, UET_PACER_ONE);
}

static void trims_slow_it_at_once(void **state)
{
	uint32_t before;

	(void)state;
	period(100, 0, 0);
	before = pacer.rel_rate;
	period(100, 0, 20);
	assert_in_range(before - pacer.rel_rate, UET_PACER_ONE / 5 - 2, UET_PACER_ONE / 5);
	/* A period in which nothing arrived says nothing. */
	before = pacer.rel_rate;
	period(0, 0, 0);
	assert_int_equal(pacer.rel_rate, before);
	/* The queue to this host is its own business. */
	uet_pacer_trimmed(&pacer, &flow[0], true, now);
	assert_int_equal(pacer.trims, 0);
}

static void ended_flows_are_forgotten(void **state)
{
	(void)state;
	flow[1].unused = 0;
	uet_pacer_demand(&pacer, &flow[0], 100, true, now);
	uet_pacer_arrived(&pacer, &flow[1], MTU, false, now);
	assert_true(uet_pacer_next(&pacer) == now);
	uet_pacer_flow_end(&pacer, &flow[0]);
	uet_pacer_flow_end(&pacer, &flow[1]);
	run_until(now + UET_NSEC_PER_MSEC);
	assert_int_equal(due_count(), 0);
	assert_int_equal(flow[0].granted, 0);
	assert_int_equal(flow[1].granted, 0);
	assert_true(uet_pacer_next(&pacer) == UET_TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tick_is_long_enough, setup),
		cmocka_unit_test_setup(silent_without_demand, setup),
		cmocka_unit_test_setup(grants_what_was_asked, setup),
		cmocka_unit_test_setup(keeps_to_the_rate, setup),
		cmocka_unit_test_setup(late_ticks_give_more, setup),
		cmocka_unit_test_setup(small_windows_do_not_slow_it, setup),
		cmocka_unit_test_setup(pauses_are_not_saved_up, setup),
		cmocka_unit_test_setup(active_flows_share, setup),
		cmocka_unit_test_setup(one_report_per_tick, setup),
		cmocka_unit_test_setup(urgent_demand_is_always_answered, setup),
		cmocka_unit_test_setup(totals_wrap, setup),
		cmocka_unit_test_setup(lost_memory_is_found_again, setup),
		cmocka_unit_test_setup(idle_flows_keep_a_window, setup),
		cmocka_unit_test_setup(active_flows_go_first, setup),
		cmocka_unit_test_setup(first_windows_cost_credit, setup),
		cmocka_unit_test_setup(stale_flows_get_nothing, setup),
		cmocka_unit_test_setup(trimmed_packets_are_demand, setup),
		cmocka_unit_test_setup(congested_network_slows_it, setup),
		cmocka_unit_test_setup(trims_slow_it_at_once, setup),
		cmocka_unit_test_setup(ended_flows_are_forgotten, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
