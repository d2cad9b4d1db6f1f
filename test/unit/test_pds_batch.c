/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The NIC takes what it wants, when it wants. */
#include "pds_raw.h"

static void nic_takes_a_few_at_a_time(void **state)
{
	int room;

	(void)state;
	for (room = 1; room < 80; room += 13) {
		struct sim s;
		int i;

		sim_two(&s, 1);
		s.end[0].room_max = s.end[0].room = room;
		s.end[1].room_max = s.end[1].room = room;
		for (i = 0; i < 10; i++) {
			struct sim_msg *m = sim_msg(&s, i & 1, !(i & 1), i >> 1 & 1, 50, 300);

			m->gtd = i % 3 == 0;
			assert_int_equal(sim_post_msg(&s, m), 0);
		}
		assert_true(sim_run_done(&s, 1 * SEC));
		sim_free(&s);
	}
}

static void full_nic_stops_everything(void **state)
{
	struct sim s;
	struct uet_pds *pds;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 2);
	pds = s.end[0].pds;
	s.end[0].room_max = -1;
	s.end[0].room = -1;
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 200, 100);
	/* One batch is full, and so is the NIC. */
	assert_int_equal(m->m.next, UET_PDS_BATCH);
	assert_true(uet_pds_pending(pds));
	uet_pds_flush(pds);
	assert_true(pds->batch.stalled);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 1);
	assert_int_equal(pds->batch.count - pds->batch.head, UET_PDS_BATCH);
	/* It takes three. */
	s.end[0].room = 3;
	s.end[0].room_max = 1;
	uet_pds_flush(pds);
	assert_true(pds->batch.stalled);
	assert_int_equal(pds->batch.count - pds->batch.head, UET_PDS_BATCH - 3);
	s.end[0].room_max = 0;
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_false(uet_pds_pending(pds));
	sim_free(&s);
}

static void acks_wait_with_the_nic(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 3);
	s.end[1].room_max = -1;
	s.end[1].room = -1;
	m = sim_msg(&s, 0, 1, UET_MODE_RUD, 5, 10);
	m->gtd = true;
	assert_int_equal(sim_post_msg(&s, m), 0);
	sim_run_for(&s, 1 * MSEC);
	assert_true(uet_pds_pending(s.end[1].pds));
	assert_false(m->finished);
	s.end[1].room_max = 0;
	sim_run_for(&s, 1 * MSEC);
	assert_true(m->finished);
	assert_int_equal(m->err, 0);
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	sim_free(&s);
}

/*
 * A repeated packet waits in the batch of a full NIC when the answer to its first copy
 * arrives. The application frees its memory; the copy must not be sent from there.
 */
static void payload_of_finished_messages_is_not_sent(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m, *other;
	uint64_t before;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	m = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 500);
	raw_turn(&r);
	raw_take_request(&r);
	other = sim_post(&s, 1, 0, UET_MODE_ROD, 1, 700);
	uet_pds_flush(s.end[1].pds);
	s.end[1].room_max = -1;
	s.end[1].room = -1;
	s.now += 10 * MSEC;		/* both are repeated, as their window allows */
	uet_pds_progress(s.end[1].pds, s.now, true);
	assert_true(s.end[1].pds->batch.stalled);
	assert_int_equal(s.end[1].pds->batch.count, 2);
	before = s.packets;
	raw_ack(&r, 0, 0);
	assert_true(m->finished);
	assert_null(m->buf);
	assert_int_equal(s.end[1].pds->batch.count, 1);
	s.end[1].room_max = 0;
	raw_turn(&r);
	raw_turn(&r);
	assert_int_equal(s.packets, before + 1);
	assert_int_equal(raw_take(&r, NULL).type, UET_PDS_ROD_REQ);
	assert_int_equal(raw_take(&r, NULL).type, UET_PDS_ROD_REQ);
	assert_false(other->finished);
	sim_free(&s);
}

static void failing_pdc_leaves_no_packets_behind(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 4);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 2, 500);
	s.end[0].room_max = -1;
	s.end[0].room = -1;
	uet_pds_flush(s.end[0].pds);
	sim_run_for(&s, 10 * SEC);
	assert_true(m->finished);
	assert_int_equal(m->err, -ETIMEDOUT);
	assert_false(uet_pds_pending(s.end[0].pds));
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nic_takes_a_few_at_a_time),
		cmocka_unit_test(full_nic_stops_everything),
		cmocka_unit_test(acks_wait_with_the_nic),
		cmocka_unit_test(payload_of_finished_messages_is_not_sent),
		cmocka_unit_test(failing_pdc_leaves_no_packets_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
