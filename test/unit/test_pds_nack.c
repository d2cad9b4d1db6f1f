/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a source does about each NACK code; the test plays the target. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

/* An established PDC with @cnt packets out at Start_PSN + 1 .. */
static struct sim_msg *begin(uint8_t mode, uint32_t cnt)
{
	struct sim_msg *m;
	uint32_t i;

	raw_init_target(&r, &s, mode, NULL);
	sim_post(&s, 1, 0, mode, 1, 50);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	m = sim_post(&s, 1, 0, mode, cnt, 50);
	raw_turn(&r);
	for (i = 0; i < cnt; i++)
		raw_take_request(&r);
	assert_true(raw_silent(&r));
	return m;
}

static int32_t rel(uint32_t psn)
{
	return uet_psn_diff(psn, r.start);
}

static void repeated_at_once(void **state)
{
	static const uint8_t codes[] = { UET_NACK_TRIMMED, UET_NACK_TRIMMED_LASTHOP,
					 UET_NACK_TRIMMED_ACK, UET_NACK_PKT_NOT_RCVD,
					 UET_NACK_ACK_WITH_DATA, UET_NACK_RCVR_INFER_LOSS };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(codes); i++) {
		struct uet_pds_hdr h;
		struct sim_msg *m = begin(UET_MODE_RUD, 3);

		raw_nack(&r, codes[i], 2, 0, true);
		raw_nack(&r, codes[i], 2, 0, true);
		raw_turn(&r);
		h = raw_take_request(&r);
		assert_int_equal(rel(h.psn), 2);
		assert_int_equal(h.flags, UET_PDS_F_RETX | UET_PDS_F_AR);
		assert_true(raw_silent(&r));
		raw_ack(&r, 3, 3);
		assert_true(m->finished);
		assert_int_equal(sim_stats(&s, 1)->nack_rx_code[codes[i]], 2);
		teardown(NULL);
	}
	begin(UET_MODE_RUD, 1);
}

static void repeated_later_and_later(void **state)
{
	static const uint8_t codes[] = { UET_NACK_NO_PKT_BUFFER, UET_NACK_NO_GTD_DEL_AVAIL,
					 UET_NACK_NO_SES_MSG_AVAIL, UET_NACK_NO_RESOURCE,
					 UET_NACK_PSN_OOR_WINDOW, UET_NACK_EXP_NORMAL,
					 UET_NACK_EXP_ERR, 0x0c, 0x77 };
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i, j;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(codes); i++)
	for (j = 0; j < UET_ARRAY_SIZE(modes); j++) {
		struct sim_msg *m = begin(modes[j], 1);
		uint64_t pause = 1 * MSEC;
		int round;

		for (round = 0; round < 8; round++) {
			raw_nack(&r, codes[i], 1, 0, true);
			sim_run_for(&s, pause - 1);
			assert_true(raw_silent(&r));
			sim_run_for(&s, 40 * USEC);
			assert_int_equal(rel(raw_take_request(&r).psn), 1);
			pause = uet_min_u64(2 * pause, 64 * MSEC);
		}
		assert_false(m->finished);
		raw_ack(&r, 1, 1);
		assert_true(m->finished);
		assert_int_equal(m->err, 0);
		teardown(NULL);
	}
	begin(UET_MODE_RUD, 1);
}

/* RUD: only the message in question waits; ROD: everything. */
static void refusal_holds_the_message(void **state)
{
	struct sim_msg *m, *n;
	uint32_t sent;

	(void)state;
	begin(UET_MODE_RUD, 1);
	raw_ack(&r, 1, 1);
	m = sim_post(&s, 1, 0, UET_MODE_RUD, 300, 1000);
	n = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	sim_drain(&s, 0);
	sent = m->m.next;
	raw_nack(&r, UET_NACK_NO_PKT_BUFFER, 3, 0, true);
	raw_ack(&r, 2, (int32_t)sent);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	assert_int_equal(m->m.next, sent);
	sim_run_for(&s, 2 * MSEC);
	assert_int_equal(rel(raw_take_request(&r).psn), 3);
	assert_true(raw_silent(&r));
	raw_ack(&r, 3, 3);
	raw_turn(&r);
	assert_true(m->m.next > sent);
	assert_int_equal(n->m.next, 0);
}

static void refused_rod_packet_is_tried_alone(void **state)
{
	struct sim_msg *m = begin(UET_MODE_ROD, 5);
	int32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_NO_SES_MSG_AVAIL, 2, 0, true);
	raw_nack(&r, UET_NACK_NO_SES_MSG_AVAIL, 3, 0, true);
	/* What the target says about the packets behind must not hasten it. */
	raw_nack(&r, UET_NACK_ROD_OOO, 4, r.start + 2, true);
	raw_ack(&r, 1, 1);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	sim_run_for(&s, 2 * MSEC);
	assert_int_equal(rel(raw_take_request(&r).psn), 2);
	raw_hush(&r);
	assert_true(raw_silent(&r));
	raw_ack(&r, 2, 2);
	raw_turn(&r);
	for (i = 3; i <= 5; i++)
		assert_int_equal(rel(raw_take_request(&r).psn), i);
	raw_ack(&r, 5, 5);
	assert_true(m->finished);
}

static void opening_is_refused_for_a_while(void **state)
{
	static const uint8_t codes[] = { UET_NACK_NO_PDC_AVAIL, UET_NACK_NO_CCC_AVAIL,
					 UET_NACK_NO_BITMAP, UET_NACK_NO_RESOURCE };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(codes); i++) {
		struct sim_msg *m, *n;
		struct uet_pds_hdr h;

		raw_init_target(&r, &s, UET_MODE_RUD, NULL);
		m = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
		raw_turn(&r);
		raw_take_request(&r);
		raw_nack(&r, codes[i], 0, 0, false);
		n = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
		raw_turn(&r);
		assert_true(raw_silent(&r));
		sim_run_for(&s, 2 * MSEC);
		h = raw_take_request(&r);
		assert_int_equal(rel(h.psn), 0);
		assert_int_equal(h.flags, UET_PDS_F_SYN | UET_PDS_F_RETX | UET_PDS_F_AR);
		assert_true(raw_silent(&r));
		raw_ack(&r, 0, 0);
		raw_turn(&r);
		h = raw_take_request(&r);
		assert_int_equal(rel(h.psn), 1);
		assert_false(h.flags & UET_PDS_F_SYN);
		raw_ack(&r, 1, 1);
		assert_true(m->finished && n->finished);
		teardown(NULL);
	}
	begin(UET_MODE_RUD, 1);
}

static void nack_teaches_the_target_pdcid(void **state)
{
	struct uet_pds_hdr h;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
	raw_turn(&r);
	raw_take_request(&r);
	raw_nack(&r, UET_NACK_NO_PKT_BUFFER, 0, 0, true);
	sim_run_for(&s, 2 * MSEC);
	h = raw_take(&r, NULL);
	assert_int_equal(h.flags, UET_PDS_F_RETX | UET_PDS_F_AR);	/* no SYN any more */
	assert_int_equal(h.dpdcid, r.tpdcid);
}

static void goes_back(void **state)
{
	struct sim_msg *m = begin(UET_MODE_ROD, 6);
	int32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_ROD_OOO, 4, r.start + 3, true);
	/* Late NACKs of the same gap. */
	raw_nack(&r, UET_NACK_ROD_OOO, 5, r.start + 3, true);
	raw_turn(&r);
	for (i = 3; i <= 6; i++) {
		struct uet_pds_hdr h = raw_take_request(&r);

		assert_int_equal(rel(h.psn), i);
		assert_true(h.flags & UET_PDS_F_RETX);
	}
	raw_nack(&r, UET_NACK_ROD_OOO, 6, r.start + 3, true);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	/* The repetition was lost too: the NACK is about a repeated packet. */
	{
		struct uet_pds_hdr h = {
			.type = UET_PDS_NACK, .nack_code = UET_NACK_ROD_OOO,
			.flags = UET_PDS_F_RETX, .psn = r.start + 5, .spdcid = r.tpdcid,
			.dpdcid = r.peer_id, .payload = r.start + 3,
		};

		sim_speak(&s, 0, 1, &h, NULL, 0);
	}
	raw_turn(&r);
	for (i = 3; i <= 6; i++)
		assert_int_equal(rel(raw_take_request(&r).psn), i);
	assert_int_equal(sim_stats(&s, 1)->retx_goback, 8);
	raw_ack(&r, 6, 6);
	assert_true(m->finished);
}

/* What is sent for the first time overtakes a repetition that was lost. */
static void goes_back_to_a_repetition(void **state)
{
	struct sim_msg *m = begin(UET_MODE_ROD, 6), *n;
	int32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_ROD_OOO, 6, r.start + 5, true);
	raw_turn(&r);
	for (i = 5; i <= 6; i++)
		assert_int_equal(rel(raw_take_request(&r).psn), i);
	raw_ack(&r, 5, 5);
	n = sim_post(&s, 1, 0, UET_MODE_ROD, 1, 10);
	raw_turn(&r);
	assert_int_equal(rel(raw_take_request(&r).psn), 7);
	raw_nack(&r, UET_NACK_ROD_OOO, 7, r.start + 6, true);
	raw_turn(&r);
	for (i = 6; i <= 7; i++)
		assert_int_equal(rel(raw_take_request(&r).psn), i);
	assert_true(raw_silent(&r));
	raw_ack(&r, 7, 7);
	assert_true(m->finished && n->finished);
}

/* The time-out of a packet is one of all before it, though they may have been repeated. */
static void rod_packets_are_late_together(void **state)
{
	struct sim_msg *m = begin(UET_MODE_ROD, 6), *n;
	int32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_ROD_OOO, 6, r.start + 6, true);
	raw_turn(&r);
	assert_int_equal(rel(raw_take_request(&r).psn), 6);
	raw_ack(&r, 5, 5);
	n = sim_post(&s, 1, 0, UET_MODE_ROD, 1, 10);
	raw_turn(&r);
	assert_int_equal(rel(raw_take_request(&r).psn), 7);
	assert_true(raw_silent(&r));
	sim_run_for(&s, s.end[1].pds->cfg.cms.rto_min * 3 / 2);
	for (i = 6; i <= 7; i++)
		assert_int_equal(rel(raw_take_request(&r).psn), i);
	raw_ack(&r, 7, 7);
	assert_true(m->finished && n->finished);
}

static void go_back_out_of_range_is_ignored(void **state)
{
	(void)state;
	begin(UET_MODE_ROD, 3);
	raw_nack(&r, UET_NACK_ROD_OOO, 2, r.start + 9, true);
	raw_nack(&r, UET_NACK_ROD_OOO, 2, r.start + 3, true);
	raw_nack(&r, UET_NACK_ROD_OOO, 2, r.start - 1000, true);
	raw_turn(&r);
	assert_true(raw_silent(&r));
}

static void renumbers(void **state)
{
	struct sim_msg *m;
	struct uet_pds_hdr h;
	uint32_t i;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	m = sim_post(&s, 1, 0, UET_MODE_RUD, 3, 50);
	raw_turn(&r);
	for (i = 0; i < 3; i++)
		raw_take_request(&r);
	raw_nack(&r, UET_NACK_NEW_START_PSN, 0, 0x77778888, true);
	raw_turn(&r);
	for (i = 0; i < 3; i++) {
		h = raw_take_request(&r);
		assert_int_equal(h.psn, 0x77778888 + i);
		assert_true(h.flags & UET_PDS_F_SYN);
		assert_int_equal(h.psn_offset, i);
	}
	raw_ack(&r, 2, 2);
	assert_true(m->finished);
	/* Never on a PDC that is open. */
	m = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
	raw_turn(&r);
	raw_take_request(&r);
	raw_nack(&r, UET_NACK_NEW_START_PSN, 3, 0x1000, true);
	raw_turn(&r);
	assert_true(raw_silent(&r));
}

static void busy_target_only_delays_the_time_out(void **state)
{
	struct sim_msg *m = begin(UET_MODE_RUD, 1);

	(void)state;
	sim_run_for(&s, 4 * MSEC);
	raw_nack(&r, UET_NACK_RCVD_SES_PROCG, 1, 0, true);
	sim_run_for(&s, 9 * MSEC);
	assert_true(raw_hush(&r) > 0);
	assert_true(raw_silent(&r));
	sim_run_for(&s, 2 * MSEC);
	assert_int_equal(rel(raw_take_request(&r).psn), 1);
	assert_false(m->finished);
}

/* A copy of what was answered came after the close: that its PDC is gone says nothing. */
static void late_copy_is_not_fatal(void **state)
{
	struct sim_msg *m = begin(UET_MODE_RUD, 2);

	(void)state;
	raw_ack_with(&r, 0, 2, 0, raw_ok, sizeof(raw_ok), 8, 1 << 1);
	raw_nack(&r, UET_NACK_INV_DPDCID, 2, 0, false);
	raw_turn(&r);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	assert_false(m->finished);
	raw_ack(&r, 2, 2);
	assert_true(m->finished);
	assert_int_equal(m->err, 0);
}

static void fatal_codes(void **state)
{
	static const struct {
		uint8_t code;
		bool again;	/* the work goes to a new PDC */
		int err;
	} cases[] = {
		{ UET_NACK_INV_DPDCID, true, 0 },
		{ UET_NACK_PDC_HDR_MISMATCH, true, 0 },
		{ UET_NACK_CLOSING, true, 0 },
		{ UET_NACK_INVALID_SYN, true, 0 },
		{ UET_NACK_PDC_MODE_MISMATCH, true, 0 },
		{ UET_NACK_UNEXP_EVENT, true, 0 },
		{ UET_NACK_EXP_FATAL, true, 0 },
		{ UET_NACK_CLOSING_IN_ERR, false, -EIO },
		{ UET_NACK_GTD_RESP_UNAVAIL, false, -EIO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct sim_msg *m = begin(UET_MODE_RUD, 2);
		struct uet_pds_hdr h;

		raw_nack(&r, cases[i].code, 1, 0, false);
		raw_turn(&r);
		assert_int_equal(s.end[1].gone, 1);
		if (!cases[i].again) {
			assert_true(m->finished);
			assert_int_equal(m->err, cases[i].err);
			assert_int_equal(m->nack, cases[i].code);
			assert_true(raw_silent(&r));
			assert_int_equal(sim_pdcs(&s, 1), 0);
		} else {
			assert_false(m->finished);
			h = raw_take(&r, NULL);
			assert_true(h.flags & UET_PDS_F_SYN);
			assert_int_not_equal(h.spdcid, r.peer_id);
			assert_int_equal(h.psn_offset, 0);
		}
		teardown(NULL);
	}
	begin(UET_MODE_RUD, 1);
}

static void work_moves_only_a_few_times(void **state)
{
	struct sim_msg *m = begin(UET_MODE_RUD, 1);
	uint32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_INV_DPDCID, 1, 0, false);
	for (i = 1; i < UET_PDS_REISSUES; i++) {
		raw_turn(&r);
		raw_take_request(&r);
		raw_nack(&r, UET_NACK_INVALID_SYN, 0, 0, false);
	}
	assert_false(m->finished);
	raw_turn(&r);
	raw_take_request(&r);
	raw_nack(&r, UET_NACK_INVALID_SYN, 0, 0, false);
	assert_true(m->finished);
	assert_int_equal(m->err, -ECONNRESET);
	assert_int_equal(m->nack, UET_NACK_INVALID_SYN);
}

static void partly_answered_work_fails(void **state)
{
	struct sim_msg *m = begin(UET_MODE_RUD, 3), *sent, *fresh;
	struct uet_pds_hdr h;

	(void)state;
	sent = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 1, 1);
	s.end[1].room_max = -1;		/* what is posted now stays here */
	s.end[1].room = -1;
	sim_post(&s, 1, 0, UET_MODE_ROD, 1, 5);
	uet_pds_flush(s.end[1].pds);
	fresh = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 50);
	assert_int_equal(fresh->m.next, 0);
	raw_nack(&r, UET_NACK_INV_DPDCID, 2, 0, false);
	assert_true(m->finished);
	assert_int_equal(m->err, -ECONNRESET);
	assert_int_equal(sent->err, -ECONNRESET);
	assert_false(fresh->finished);
	s.end[1].room_max = 0;
	raw_turn(&r);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ROD_REQ);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	assert_true(fresh->finished);
	assert_int_equal(fresh->err, 0);
}

static void nacks_that_fit_nothing(void **state)
{
	struct sim_msg *m = begin(UET_MODE_RUD, 2);
	struct uet_addr far = s.end[0].nic.addr;
	struct uet_pds_hdr h = {
		.type = UET_PDS_NACK, .nack_code = UET_NACK_INV_DPDCID, .psn = r.start + 1,
		.spdcid = r.tpdcid, .dpdcid = r.peer_id,
	};
	uint8_t buf[64];
	uint32_t n;

	(void)state;
	raw_nack(&r, UET_NACK_INV_DPDCID, 0, 0, false);		/* acknowledged */
	raw_nack(&r, UET_NACK_INV_DPDCID, 3, 0, false);		/* not sent */
	raw_nack(&r, UET_NACK_INV_DPDCID, -7, 0, false);
	far.ip[3]++;
	n = (uint32_t)uet_pds_pack(&h, buf);
	sim_inject(&s, &far, 1, buf, n, 0);			/* another host */
	h.spdcid = 0x999;
	sim_speak(&s, 0, 1, &h, NULL, 0);			/* another PDC */
	h.flags = UET_PDS_F_NT;
	sim_speak(&s, 0, 1, &h, NULL, 0);			/* of a RUDI packet */
	assert_int_equal(sim_stats(&s, 1)->drop_stale, 6);
	assert_int_equal(s.end[1].gone, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	raw_ack(&r, 2, 2);
	assert_true(m->finished);
}

#define T(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(repeated_at_once),
		T(repeated_later_and_later),
		T(refusal_holds_the_message),
		T(refused_rod_packet_is_tried_alone),
		T(opening_is_refused_for_a_while),
		T(nack_teaches_the_target_pdcid),
		T(goes_back),
		T(goes_back_to_a_repetition),
		T(rod_packets_are_late_together),
		T(go_back_out_of_range_is_ignored),
		T(renumbers),
		T(busy_target_only_delays_the_time_out),
		T(late_copy_is_not_fatal),
		T(fatal_codes),
		T(work_moves_only_a_few_times),
		T(partly_answered_work_fails),
		T(nacks_that_fit_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
