/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds_raw.h"

#include "pds/batch.h"

static void datagrams_arrive(void **state)
{
	struct sim s;
	struct sim_msg *m[100];
	uint32_t i;

	(void)state;
	sim_two(&s, 1);
	/* More than a batch: some leave at once, the rest with the flush. */
	for (i = 0; i < 100; i++)
		m[i] = sim_post(&s, 0, 1, UET_MODE_UUD, 1, i * 14);
	assert_int_equal(s.packets, UET_PDS_BATCH);
	uet_pds_flush(s.end[0].pds);
	assert_int_equal(s.packets, 100);
	sim_run_for(&s, 1 * SEC);
	for (i = 0; i < 100; i++)
		assert_int_equal(m[i]->seen[0], 1);
	assert_int_equal(sim_stats(&s, 0)->tx_data, 100);
	assert_int_equal(sim_stats(&s, 1)->rx_data, 100);
	/* Nobody answers, nothing is opened, nothing goes on. */
	assert_int_equal(s.packets, 100);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	assert_true(uet_pds_idle(s.end[0].pds));
	assert_int_equal(uet_pds_next(s.end[0].pds), UET_TIME_NEVER);
	sim_free(&s);
}

static void header_is_the_specified_one(void **state)
{
	static const uint8_t v52[4] = { 0x31, 0x00, 0x00, 0x00 };
	struct sim s;
	struct raw r;
	struct sim_pkt *p;
	uint8_t ses[5] = { 1, 2, 3, 4, 5 }, body[4] = { 9, 8, 7, 6 };
	struct iovec iov[2] = { { body, 1 }, { body + 1, 3 } };

	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
	assert_int_equal(uet_pds_send_uud(s.end[1].pds, &s.end[0].nic.addr,
					  UET_HDR_REQUEST_MEDIUM, ses, 5, iov, 2, s.now), 0);
	memset(body, 0, sizeof(body));
	uet_pds_flush(s.end[1].pds);
	sim_run_for(&s, 1 * MSEC);
	p = s.end[0].inbox;
	assert_non_null(p);
	assert_int_equal(p->len, 13);
	assert_memory_equal(p->data, v52, 4);
	assert_memory_equal(p->data + 4, ses, 5);
	assert_memory_equal(p->data + 9, ((uint8_t[]){ 9, 8, 7, 6 }), 4);
	sim_free(&s);
}

/* A batch that the NIC does not take is back-pressure; what it holds is not lost. */
static void full_batch_is_refused(void **state)
{
	struct sim s;
	struct sim_msg *m;
	uint32_t i, sent = 0;

	(void)state;
	sim_two(&s, 1);
	s.end[0].room_max = 10;
	s.end[0].room = 0;
	for (i = 0; i < UET_PDS_BATCH; i++)
		sim_post(&s, 0, 1, UET_MODE_UUD, 1, 100);
	m = sim_msg(&s, 0, 1, UET_MODE_UUD, 1, 100);
	assert_int_equal(sim_post_msg(&s, m), -EAGAIN);
	sim_run_for(&s, 1 * MSEC);
	for (i = 0; i < s.msg_cnt; i++)
		sent += s.msgs[i]->seen[0];
	assert_int_equal(sent, UET_PDS_BATCH);
	assert_int_equal(m->seen[0], 0);
	sim_free(&s);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct sim s;
	uint8_t ses[4] = { 0 };
	static uint8_t body[9001];
	struct iovec iov[2] = { { body, 8992 }, { body, 1 } };

	(void)state;
	sim_two(&s, 1);
	assert_int_equal(uet_pds_send_uud(s.end[0].pds, &s.end[1].nic.addr, 3, ses, 4, iov, 2,
					  s.now), -EMSGSIZE);
	iov[0].iov_len = 9001;
	assert_int_equal(uet_pds_send_uud(s.end[0].pds, &s.end[1].nic.addr, 3, ses, 4, iov, 1,
					  s.now), -EMSGSIZE);
	iov[0].iov_len = SIZE_MAX;
	iov[1].iov_len = 2;
	assert_int_equal(uet_pds_send_uud(s.end[0].pds, &s.end[1].nic.addr, 3, ses, 4, iov, 2,
					  s.now), -EMSGSIZE);
	assert_false(uet_pds_pending(s.end[0].pds));
	sim_free(&s);
}

/* Payload memory belongs to the entry of the batch, also when others are taken out of it. */
static void copies_survive_a_scrub(void **state)
{
	struct sim s;
	struct sim_msg *m, *u[3];
	uint32_t i;

	(void)state;
	sim_two(&s, 1);
	s.end[0].room_max = 1000;
	s.end[0].room = 0;
	for (i = 0; i < 3; i++) {
		m = sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 40);
		assert_int_equal(sim_post_msg(&s, m), 0);
		u[i] = sim_post(&s, 0, 1, UET_MODE_UUD, 1, 300 + i);
	}
	for (i = 0; i < s.msg_cnt; i++)
		if (s.msgs[i]->mode == UET_MODE_RUDI)
			uet_batch_scrub(s.end[0].pds, &s.msgs[i]->m);
	assert_int_equal(s.end[0].pds->batch.count, 3);
	sim_run_for(&s, 1 * SEC);
	for (i = 0; i < 3; i++)
		assert_int_equal(u[i]->seen[0], 1);	/* with the right bytes */
	sim_free(&s);
}

static void only_requests_are_delivered(void **state)
{
	struct sim s;
	uint8_t type;

	(void)state;
	sim_two(&s, 1);
	for (type = 0; type < 16; type++) {
		struct uet_pds_hdr h = { .type = UET_PDS_UUD_REQ, .next_hdr = type };

		if (type >= UET_HDR_REQUEST_SMALL && type <= UET_HDR_REQUEST_STD)
			continue;
		sim_speak(&s, 0, 1, &h, raw_ok, sizeof(raw_ok));
	}
	assert_int_equal(s.end[1].rx_cnt, 0);
	assert_int_equal(sim_stats(&s, 1)->drop_malformed, 13);
	assert_false(uet_pds_pending(s.end[1].pds));
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_arrive),
		cmocka_unit_test(header_is_the_specified_one),
		cmocka_unit_test(full_batch_is_refused),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(copies_survive_a_scrub),
		cmocka_unit_test(only_requests_are_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
