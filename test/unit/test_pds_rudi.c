/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds_raw.h"

/* ---- two real ends ---- */

static void run(uint64_t seed, uint32_t ppm)
{
	struct sim s;
	uint32_t i;

	sim_two(&s, seed);
	s.drop_ppm = s.dup_ppm = s.late_ppm = ppm;
	for (i = 0; i < 16; i++) {
		struct sim_msg *m = sim_post(&s, 0, 1, UET_MODE_RUDI, 1 + i * 4, 900);

		assert_null(m->m.pdc);
		sim_read(&s, 0, 1, UET_MODE_RUDI, 1 + i * 2, 1000 + i);
		sim_run_for(&s, 20 * USEC);
	}
	assert_true(sim_run_done(&s, 60 * SEC));
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, 0);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[0].pds->rudi.msgs.used + s.end[0].pds->rudi.txds.used, 0);
	if (ppm == 0) {
		assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
		assert_int_equal(sim_stats(&s, 1)->rx_data, sim_stats(&s, 0)->tx_data);
	}
	sim_run_for(&s, 10 * SEC);
	assert_int_equal(uet_pds_next(s.end[0].pds), UET_TIME_NEVER);
	sim_free(&s);
}

static void messages_arrive(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 30; seed++)
		run(seed, seed % 3 * 80000);
}

static void outstanding_packets_are_bounded(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m;
	uint32_t i;

	(void)state;
	sim_init(&s, 1);
	cfg.max_rudi = 8;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	s.end[1].deaf = true;
	for (i = 0; i < 8; i++)
		sim_post(&s, 0, 1, UET_MODE_RUDI, 20, 100);
	m = sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 10);
	assert_int_equal(sim_post_msg(&s, m), -EAGAIN);
	uet_pds_flush(s.end[0].pds);
	assert_int_equal(s.packets, 8);
	sim_run_for(&s, 4 * MSEC);
	assert_int_equal(s.packets, 8);
	s.end[1].deaf = false;
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(sim_post_msg(&s, m), 0);
	assert_true(sim_run_done(&s, 10 * SEC));
	sim_free(&s);
}

static void without_room_for_any_there_are_none(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_RESP, .next_hdr = UET_HDR_RESPONSE };

	(void)state;
	sim_init(&s, 1);
	cfg.max_rudi = 0;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	assert_int_equal(sim_post_msg(&s, sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 1)), -EAGAIN);
	sim_speak(&s, 1, 0, &h, raw_ok, 12);
	assert_int_equal(sim_stats(&s, 0)->drop_stale, 1);
	sim_free(&s);
}

static void silent_peer_is_given_up(void **state)
{
	struct sim s;
	struct sim_msg *a, *b;

	(void)state;
	sim_two(&s, 1);
	s.end[1].deaf = true;
	a = sim_post(&s, 0, 1, UET_MODE_RUDI, 2, 100);
	b = sim_post(&s, 0, 1, UET_MODE_RUDI, 50, 100);
	sim_run_for(&s, 4900 * MSEC);
	assert_false(a->finished);
	/* 5, 10, 20 ... ms: each packet was sent about ten times. */
	assert_true(s.packets > 32 * 6 && s.packets < 32 * 16);
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(a->err, -ETIMEDOUT);
	assert_int_equal(b->err, -ETIMEDOUT);
	assert_true(a->done_at - 1 * SEC < 8 * SEC);
	assert_int_equal(s.end[0].pds->rudi.txds.used, 0);
	assert_true(uet_pds_idle(s.end[0].pds));
	sim_free(&s);
}

static void post_again(struct sim *s, struct sim_msg *m)
{
	if (m->err && s->arg[1]++ < 20)
		sim_post(s, 0, 1, UET_MODE_RUDI, 3, 10);
}

/* done() may post again, also while others are given up. */
static void done_may_post(void **state)
{
	struct sim s;
	uint32_t i;

	(void)state;
	sim_two(&s, 1);
	s.end[1].refuse = ECONNREFUSED;
	s.on_done = post_again;
	for (i = 0; i < 10; i++)
		sim_post(&s, 0, 1, UET_MODE_RUDI, 10, 10);
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(s.msg_cnt, 30);
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, -ECONNREFUSED);
	sim_free(&s);
}

static void refusals_of_the_host_count(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 1);
	s.end[1].refuse = ECONNREFUSED;
	m = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(m->err, -ECONNREFUSED);
	assert_true(m->done_at - 1 * SEC >= 500 * MSEC && m->done_at - 1 * SEC < 1 * SEC);

	s.end[1].refuse = EHOSTUNREACH;
	m = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(m->err, -EHOSTUNREACH);

	/* It comes up in time. */
	s.end[1].refuse = ECONNREFUSED;
	m = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
	sim_run_for(&s, 300 * MSEC);
	s.end[1].refuse = 0;
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

static void owner_that_slept_does_not_give_up(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 1);
	m = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
	uet_pds_flush(s.end[0].pds);
	s.end[0].asleep = s.now + 30 * SEC;
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

static void shortage_at_the_target_delays(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 1);
	s.end[1].nack_code = UET_NACK_NO_RESOURCE;
	s.end[1].nack_left = 12;
	m = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(m->err, 0);
	assert_int_equal(sim_stats(&s, 0)->retx_nack, 12);
	assert_int_equal(sim_stats(&s, 0)->nack_rx_code[UET_NACK_NO_RESOURCE], 12);
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	assert_true(m->done_at - 1 * SEC >= 3 * MSEC);	/* 1 + 2 ms at least */
	sim_free(&s);
}

/* Nothing would ever change: only the message that was refused ends. */
static void fatal_refusal_ends_the_message(void **state)
{
	static const uint8_t codes[] = { UET_NACK_EXP_FATAL, UET_NACK_CLOSING_IN_ERR,
					 UET_NACK_UNEXP_EVENT };
	struct sim s;
	struct sim_msg *m, *other;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(codes); i++) {
		sim_two(&s, 1);
		s.end[1].nack_code = codes[i];
		s.end[1].nack_left = 1;
		m = sim_post(&s, 0, 1, UET_MODE_RUDI, 50, 10);
		other = sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 10);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_int_equal(m->err, -EIO);
		assert_int_equal(m->nack, codes[i]);
		assert_int_equal(other->err, 0);
		assert_int_equal(sim_stats(&s, 0)->retx_nack, 0);
		assert_int_equal(s.end[0].pds->rudi.msgs.used + s.end[0].pds->rudi.txds.used, 0);
		assert_true(uet_pds_idle(s.end[0].pds));
		sim_free(&s);
	}
}

static void stopped_messages_end(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *a, *b, *c;

	(void)state;
	sim_init(&s, 1);
	cfg.max_rudi = 4;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	a = sim_post(&s, 0, 1, UET_MODE_RUDI, 20, 10);
	b = sim_post(&s, 0, 1, UET_MODE_RUDI, 20, 10);
	c = sim_post(&s, 0, 1, UET_MODE_RUDI, 20, 10);
	assert_int_equal(a->m.next, 4);
	assert_true(uet_pds_stop(s.end[0].pds, &c->m, false));	/* nothing of it was sent */
	s.open--;
	assert_false(uet_pds_stop(s.end[0].pds, &a->m, true));
	assert_int_equal(a->m.pkt_cnt, 5);
	assert_false(uet_pds_stop(s.end[0].pds, &a->m, true));	/* once is enough */
	assert_false(uet_pds_stop(s.end[0].pds, &b->m, true));
	assert_int_equal(b->m.pkt_cnt, 1);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(a->err, 0);
	assert_int_equal(b->m.completed, 1);
	assert_false(uet_pds_stop(s.end[0].pds, &a->m, false));	/* over */
	assert_int_equal(s.end[1].rx_cnt, 6);

	a = sim_post(&s, 0, 1, UET_MODE_RUDI, 20, 10);
	assert_false(uet_pds_stop(s.end[0].pds, &a->m, false));
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(a->m.completed, 4);
	assert_int_equal(s.end[0].pds->rudi.msgs.used, 0);
	sim_free(&s);
}

/* ---- packet by packet ---- */

/* The next packet that arrived at end 0, as bytes. */
static uint32_t take_bytes(struct sim *s, uint8_t *buf)
{
	struct sim_pkt *p = s->end[0].inbox;
	uint32_t len;

	if (!p)
		fail_msg("no packet came");
	s->end[0].inbox = p->next;
	if (!p->next)
		s->end[0].inbox_tail = &s->end[0].inbox;
	len = p->len;
	memcpy(buf, p->data, len);
	free(p);
	return len;
}

static void requests_look_right(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	uint8_t buf[256], want[8] = { 0x21, 0x80 };
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_RESP, .next_hdr = UET_HDR_RESPONSE };

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	s.end[1].pds->rudi.next_id = 0xffffffffu;
	m = sim_post(&s, 1, 0, UET_MODE_RUDI, 2, 10);
	raw_turn(&r);
	assert_int_equal(m->m.psn0, 0xffffffffu);
	uet_put_be32(want + 4, 0xffffffffu);
	assert_int_equal(take_bytes(&s, buf), 8 + SIM_SES + 10);
	assert_memory_equal(buf, want, 8);
	uet_put_be32(want + 4, 0);
	take_bytes(&s, buf);
	assert_memory_equal(buf, want, 8);
	assert_null(s.end[0].inbox);

	sim_run_for(&s, 7 * MSEC);
	want[1] = 0x90;		/* repeated */
	uet_put_be32(want + 4, 0xffffffffu);
	take_bytes(&s, buf);
	assert_memory_equal(buf, want, 8);
	take_bytes(&s, buf);
	h.psn = 0;
	sim_speak(&s, 0, 1, &h, raw_ok, 12);
	assert_int_equal(m->m.completed, 1);
	sim_speak(&s, 0, 1, &h, raw_ok, 12);		/* once more: unknown now */
	assert_int_equal(m->m.completed, 1);
	h.psn = 0xffffffffu;
	h.next_hdr = UET_HDR_NONE;			/* no answer is an answer, too */
	sim_speak(&s, 0, 1, &h, NULL, 0);
	raw_turn(&r);
	assert_true(m->finished);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, 1);
	sim_free(&s);
}

static void strangers_do_not_answer(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	struct uet_addr far;
	uint8_t buf[64];
	uint32_t n;
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_RESP, .next_hdr = UET_HDR_RESPONSE };
	struct uet_pds_hdr nack = { .type = UET_PDS_NACK, .flags = UET_PDS_F_NT,
				    .nack_code = UET_NACK_TRIMMED };

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	m = sim_post(&s, 1, 0, UET_MODE_RUDI, 1, 10);
	raw_turn(&r);
	far = s.end[0].nic.addr;
	far.ip[3] = 99;
	h.psn = nack.psn = m->m.psn0;
	n = (uint32_t)uet_pds_pack(&h, buf);
	sim_inject(&s, &far, 1, buf, n, 0);
	n = (uint32_t)uet_pds_pack(&nack, buf);
	sim_inject(&s, &far, 1, buf, n, 0);
	nack.psn = h.psn = m->m.psn0 + 1;
	sim_speak(&s, 0, 1, &nack, NULL, 0);
	sim_speak(&s, 0, 1, &h, raw_ok, 12);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, 4);
	assert_int_equal(m->m.completed, 0);
	assert_int_equal(sim_stats(&s, 1)->retx_nack, 0);
	sim_free(&s);
}

/* Trimmed on the way: again at once. Vector V35. */
static void trimmed_requests_are_repeated(void **state)
{
	static const uint8_t v35[16] = { 0x50, 0x08, 0x01, 0x00, 0xca, 0xfe, 0x00, 0x01 };
	struct sim s;
	struct raw r;
	struct sim_msg *m;

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	s.end[1].pds->rudi.next_id = 0xcafe0001u;
	m = sim_post(&s, 1, 0, UET_MODE_RUDI, 1, 10);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).flags, 0);
	sim_inject(&s, &s.end[0].nic.addr, 1, v35, sizeof(v35), 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).flags, UET_PDS_F_RETX);
	assert_true(raw_silent(&r));
	assert_false(m->finished);
	sim_free(&s);
}

/* Each copy is executed and answered; M and RETX are those of the copy. */
static void every_copy_is_answered(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	uint8_t buf[2048], want[8] = { 0x2a, 0x00, 0x00, 0x00, 0xca, 0xfe, 0x00, 0x01 };
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_REQ, .next_hdr = UET_HDR_REQUEST_STD,
				 .psn = 0xcafe0001u };
	uint32_t n;

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	m = sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 500);
	m->m.psn0 = h.psn;
	n = (uint32_t)uet_pds_pack(&h, buf);
	n += sim_ses(m, 0, buf + n);
	sim_inject(&s, &s.end[0].nic.addr, 1, buf, n, UET_ECN_CE);
	buf[1] |= UET_PDS_F_RETX;
	sim_inject(&s, &s.end[0].nic.addr, 1, buf, n, 0);
	raw_turn(&r);
	assert_int_equal(s.end[1].rx_cnt, 2);
	want[1] = UET_PDS_F_M;
	assert_int_equal(take_bytes(&s, buf), 20);
	assert_memory_equal(buf, want, 8);
	assert_memory_equal(buf + 8, ((uint8_t[]){ 0, 1 }), 2);
	want[1] = UET_PDS_F_RETX;
	take_bytes(&s, buf);
	assert_memory_equal(buf, want, 8);
	assert_true(raw_silent(&r));

	/* A read: the data follows the response. */
	m->read = true;
	n = (uint32_t)uet_pds_pack(&h, buf);
	n += sim_ses(m, 0, buf + n);
	sim_inject(&s, &s.end[0].nic.addr, 1, buf, n, 0);
	memset(s.end[1].scratch, 0, sizeof(s.end[1].scratch));
	raw_turn(&r);
	assert_int_equal(take_bytes(&s, buf), 8 + 12 + 500);
	want[0] = 0x2a;
	want[1] = 0x80;			/* next_hdr 5 */
	assert_memory_equal(buf, want, 8);
	for (n = 0; n < 500; n++)
		assert_int_equal(buf[20 + n], sim_byte(m->id, 0, n));
	sim_free(&s);
}

static void refusal_names_the_packet(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	uint8_t buf[256];
	static const uint8_t want[16] = { 0x50, 0x08, 0x0a, 0x00, 0xca, 0xfe, 0x00, 0x01 };
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_REQ, .next_hdr = UET_HDR_REQUEST_STD,
				 .psn = 0xcafe0001u };

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	m = sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 50);
	m->m.psn0 = h.psn;
	s.end[1].nack_code = UET_NACK_NO_RESOURCE;
	s.end[1].nack_left = 1;
	sim_speak(&s, 0, 1, &h, buf, sim_ses(m, 0, buf));
	raw_turn(&r);
	assert_int_equal(take_bytes(&s, buf), 16);
	assert_memory_equal(buf, want, 16);
	h.next_hdr = UET_HDR_RESPONSE;
	sim_speak(&s, 0, 1, &h, raw_ok, 12);
	assert_int_equal(sim_stats(&s, 1)->drop_malformed, 1);
	sim_free(&s);
}

/* What cannot be answered is not executed. */
static void full_batch_drops_requests(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	uint8_t buf[256];
	struct uet_pds_hdr h = { .type = UET_PDS_RUDI_REQ, .next_hdr = UET_HDR_REQUEST_STD };
	uint32_t i;

	(void)state;
	raw_init(&r, &s, UET_MODE_RUDI, NULL);
	s.end[1].room_max = 100;
	s.end[1].room = 0;
	m = sim_msg(&s, 0, 1, UET_MODE_RUDI, 1, 50);
	for (i = 0; i < UET_PDS_BATCH + 10; i++) {
		h.psn = m->m.psn0 = i;
		sim_speak(&s, 0, 1, &h, buf, sim_ses(m, 0, buf));
	}
	assert_int_equal(s.end[1].rx_cnt, UET_PDS_BATCH);
	sim_free(&s);
}

static void ids_start_at_random(void **state)
{
	struct sim s;
	uint32_t id;

	(void)state;
	sim_two(&s, 1);
	id = s.end[0].pds->rudi.next_id;
	assert_int_not_equal(id, s.end[1].pds->rudi.next_id);
	assert_int_equal(sim_post(&s, 0, 1, UET_MODE_RUDI, 3, 1)->m.psn0, id);
	assert_int_equal(sim_post(&s, 0, 1, UET_MODE_RUDI, 3, 1)->m.psn0, id + 3);
	assert_true(sim_run_done(&s, 1 * SEC));
	sim_free(&s);
}

/* A NIC of ours that takes nothing is silence as well. */
static void stuck_nic_is_given_up(void **state)
{
	struct sim s;
	uint32_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		sim_two(&s, 9 + i);
		s.end[1].deaf = true;
		if (i == 1) {	/* they were on the way when it happened */
			sim_post(&s, 0, 1, UET_MODE_RUDI, 4, 100);
			sim_run_for(&s, 1 * MSEC);
		}
		s.end[0].room_max = -1;
		sim_post(&s, 0, 1, UET_MODE_RUDI, 100, 1000);
		sim_post(&s, 0, 1, UET_MODE_RUDI, 100, 1000);
		assert_true(sim_run_done(&s, 60 * SEC));
		assert_int_equal(s.msgs[0]->err, -ETIMEDOUT);
		assert_int_equal(s.msgs[1]->err, -ETIMEDOUT);
		sim_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive),
		cmocka_unit_test(outstanding_packets_are_bounded),
		cmocka_unit_test(without_room_for_any_there_are_none),
		cmocka_unit_test(silent_peer_is_given_up),
		cmocka_unit_test(done_may_post),
		cmocka_unit_test(stuck_nic_is_given_up),
		cmocka_unit_test(refusals_of_the_host_count),
		cmocka_unit_test(owner_that_slept_does_not_give_up),
		cmocka_unit_test(shortage_at_the_target_delays),
		cmocka_unit_test(fatal_refusal_ends_the_message),
		cmocka_unit_test(stopped_messages_end),
		cmocka_unit_test(requests_look_right),
		cmocka_unit_test(strangers_do_not_answer),
		cmocka_unit_test(trimmed_requests_are_repeated),
		cmocka_unit_test(every_copy_is_answered),
		cmocka_unit_test(refusal_names_the_packet),
		cmocka_unit_test(full_batch_drops_requests),
		cmocka_unit_test(ids_start_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
