/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* When timed work is due, and when it is put off. */
#include "pds_raw.h"

static void next_names_the_time_out(void **state)
{
	struct sim s;
	struct raw r;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	assert_true(uet_pds_next(s.end[1].pds) == UET_TIME_NEVER);
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	uet_pds_flush(s.end[1].pds);
	assert_int_equal(uet_pds_next(s.end[1].pds), s.now + 5 * MSEC);
	sim_run_for(&s, 5 * MSEC - 1);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 0);
	sim_run_for(&s, 1);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 1);
	raw_turn(&r);
	raw_take_request(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	/* The old deadline may come once more; then only the idle close is left. */
	sim_run_for(&s, 20 * MSEC);
	assert_in_range(uet_pds_next(s.end[1].pds), s.now + 900 * MSEC, s.now + 1 * SEC);
	sim_free(&s);
}

/* While packets wait to be received, an ACK may be among them. */
static void unread_packets_put_off_time_outs(void **state)
{
	struct sim s;
	struct raw r;
	struct uet_pds *pds;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	pds = s.end[1].pds;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	raw_take_request(&r);
	s.now += 4900 * USEC;
	uet_pds_progress(pds, s.now, true);
	s.now += 200 * USEC;
	uet_pds_progress(pds, s.now, false);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 0);
	raw_ack(&r, 0, 0);
	uet_pds_progress(pds, s.now, true);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 0);
	/* But not for ever. */
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	s.now += 100 * MSEC;
	uet_pds_progress(pds, s.now, false);
	assert_int_equal(sim_stats(&s, 1)->retx_rto, 1);
	sim_free(&s);
}

static void idle_fep_needs_no_timer(void **state)
{
	struct sim s;
	uint64_t packets;

	(void)state;
	sim_two(&s, 1);
	sim_post(&s, 0, 1, UET_MODE_ROD, 10, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_run_for(&s, 5 * SEC);
	packets = s.packets;
	assert_true(sim_next(&s) == UET_TIME_NEVER);
	sim_run_for(&s, 3600 * SEC);
	assert_int_equal(s.packets, packets);
	sim_free(&s);
}

/* A PDC with traffic now and then is not idle. */
static void traffic_keeps_a_pdc_open(void **state)
{
	struct sim s;
	int i;

	(void)state;
	sim_two(&s, 2);
	for (i = 0; i < 30; i++) {
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		sim_run_for(&s, 900 * MSEC);
	}
	assert_int_equal(sim_stats(&s, 0)->pdc_opened, 1);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_names_the_time_out),
		cmocka_unit_test(unread_packets_put_off_time_outs),
		cmocka_unit_test(idle_fep_needs_no_timer),
		cmocka_unit_test(traffic_keeps_a_pdc_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
