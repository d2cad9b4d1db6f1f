/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Acknowledgements that a target sends; the test plays the initiator. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int setup(void **state)
{
	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
	raw_open(&r);
	return 0;
}

static int setup_rod(void **state)
{
	(void)state;
	raw_init(&r, &s, UET_MODE_ROD, NULL);
	raw_open(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

static struct sim_msg *msg(uint32_t cnt, bool gtd)
{
	struct sim_msg *m = sim_msg(&s, 0, 1, r.mode, cnt, 100);

	m->gtd = gtd;
	return m;
}

static int32_t rel(uint32_t psn)
{
	return uet_psn_diff(psn, r.start);
}

static void single_answer_is_attached(void **state)
{
	struct sim_msg *m = msg(1, false);
	struct uet_pds_hdr h;
	uint8_t ses[64];

	(void)state;
	raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
	s.now += 1 * MSEC;
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(rel(h.psn), 1);
	assert_int_equal(h.offset, 0);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.mpr, 8);
	assert_int_equal(h.cc_type, UET_CC_NSCC);
	assert_int_equal(h.cc.service_time, 1 * MSEC / 128);
	/* Nominal sizes: 12 + 20 + 10 and 12 + 20 + 100 bytes, and 48 each; in units of 256. */
	assert_int_equal(h.cc.rcvd_bytes, 2);
	assert_int_equal(uet_get_be16(ses + 2), m->id);
	assert_int_equal(uet_get_be24(ses + 5), 0x42);
	assert_true(raw_silent(&r));
}

static void no_ack_below_trigger(void **state)
{
	struct sim_msg *m = msg(40, false);
	struct uet_pds_hdr h;
	uint8_t ses[64];
	int32_t i;

	(void)state;
	for (i = 0; i < 15; i++)
		raw_request(&r, m, (uint32_t)i, 1 + i, 0, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	raw_request(&r, m, 15, 16, 0, 0);	/* 16 KiB by ACK_Gen_Min_Pkt_Add */
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(rel(h.psn), 16);
	assert_int_equal(ses[0], 0);		/* the default response, of this message */
	assert_int_equal(ses[1], 1);
	assert_int_equal(uet_get_be16(ses + 2), m->id);
	assert_true(raw_silent(&r));
}

/* Destination flow control: 0 below half full, 32 there, 127 when it overflows. */
static void pressure_is_passed_on(void **state)
{
	static const struct {
		uint32_t percent;
		uint8_t penalty;
		bool restore;
	} steps[] = {
		{ 0, 0, false }, { 49, 0, false }, { 50, 32, false }, { 72, 78, false },
		{ 95, 127, false }, { 100, 127, false }, { 49, 0, false }, { 25, 0, false },
		{ 24, 0, true }, { 0, 0, true }, { 10, 0, true }, { 10, 0, false },
		{ 60, 53, false }, { 0, 0, true },
	};
	uint64_t asked = 0;
	struct uet_pds_hdr h;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(steps); i++) {
		uet_pds_set_pressure(s.end[1].pds, steps[i].percent);
		raw_request(&r, msg(1, false), 0, 1 + (int32_t)i, UET_PDS_F_AR, 0);
		raw_turn(&r);
		h = raw_take(&r, NULL);
		assert_int_equal(h.cc.rcv_cwnd_pend, steps[i].penalty);
		assert_int_equal(h.cc.restore_cwnd, steps[i].restore);
		asked += steps[i].penalty > 0;
	}
	assert_int_equal(sim_stats(&s, 1)->tx_slow_ack, asked);
	assert_int_equal(asked, 5);
}

/* Neither copies nor what is refused count as received. */
static void received_bytes_are_new_and_whole(void **state)
{
	struct sim_msg *m = msg(4, false);
	struct uet_pds_hdr h;

	(void)state;
	m->plen = 964;		/* 1044 bytes above UDP, 1092 in the end */
	m->buf = realloc(m->buf, 4000);
	raw_request(&r, msg(1, false), 0, 1, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.cc.rcvd_bytes, (90 + 180 + 255) / 256);
	raw_request(&r, msg(1, false), 0, 1, UET_PDS_F_AR | UET_PDS_F_RETX, 0);
	s.end[1].nack_code = UET_NACK_NO_PKT_BUFFER;
	s.end[1].nack_left = 1;
	raw_request(&r, msg(1, false), 0, 2, UET_PDS_F_AR, 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	raw_request(&r, msg(1, false), 0, 3, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.cc.rcvd_bytes, (90 + 2 * 180 + 255) / 256);
	assert_int_equal(h.cc.ooo_count, 1);
}

static void coalesces_what_came_together(void **state)
{
	struct sim_msg *m = msg(4, false);
	struct uet_pds_hdr h;
	int32_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		raw_request(&r, m, (uint32_t)i, 1 + i, UET_PDS_F_AR, 0);
	assert_true(uet_pds_pending(s.end[1].pds));
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 4);
	assert_true(raw_silent(&r));
	assert_false(uet_pds_pending(s.end[1].pds));
}

/* What the source asked for goes at once; what nobody waits for, when there is time. */
static void urgent_and_other_acks(void **state)
{
	struct sim_msg *m = msg(1, false), *n = msg(1, false), *o = msg(2, false);
	uint64_t acks = sim_stats(&s, 1)->tx_ack;

	(void)state;
	m->lazy = true;
	n->lazy = true;
	raw_request(&r, m, 0, 1, 0, 0);
	assert_true(uet_pds_pending(s.end[1].pds));
	uet_pds_progress(s.end[1].pds, s.now, false);
	assert_int_equal(sim_stats(&s, 1)->tx_ack, acks);
	uet_pds_progress(s.end[1].pds, s.now, true);
	assert_int_equal(sim_stats(&s, 1)->tx_ack, acks + 1);
	raw_request(&r, n, 0, 2, UET_PDS_F_AR, 0);
	uet_pds_progress(s.end[1].pds, s.now, false);
	assert_int_equal(sim_stats(&s, 1)->tx_ack, acks + 2);
	/* In the middle of a message there is nothing to say at all. */
	raw_request(&r, o, 0, 3, 0, 0);
	assert_false(uet_pds_pending(s.end[1].pds));
}

static void holes_show_in_bitmap_and_close_with_an_ack(void **state)
{
	struct sim_msg *m = msg(8, false);
	struct uet_pds_hdr h;

	(void)state;
	raw_request(&r, m, 0, 1, 0, 0);
	raw_request(&r, m, 2, 3, 0, 0);
	raw_request(&r, m, 4, 5, 0, 0);
	raw_request(&r, m, 5, 6, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 1);
	assert_int_equal(h.offset, 5);
	assert_int_equal(rel(uet_pds_sack_base(&h)), 2);
	assert_int_equal(h.sack_bitmap, 0x1a);	/* 3, 5, 6 */
	assert_int_equal(h.cc.ooo_count, 3);
	raw_request(&r, m, 1, 2, 0, 0);		/* one of two holes: nothing to say */
	raw_turn(&r);
	assert_true(raw_silent(&r));
	raw_request(&r, m, 3, 4, 0, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 6);
	assert_int_equal(h.sack_bitmap, 0);
	assert_int_equal(h.cc.ooo_count, 0);
}

static void bitmap_of_far_packet(void **state)
{
	struct sim_msg *m = msg(300, false);
	struct uet_pds_hdr h = { 0 };
	int32_t i;

	(void)state;
	for (i = 100; i < 200; i += 2)
		raw_request(&r, m, (uint32_t)i, 1 + i, 0, 0);
	sim_drain(&s, 0);
	raw_request(&r, m, 201, 202, UET_PDS_F_AR, 0);
	raw_turn(&r);
	while (!raw_silent(&r))
		h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 0);
	assert_int_equal(rel(uet_pds_sack_base(&h)), 202 - 63);
	/* PSNs 101, 103 .. 199 and 202: of 139 .. 202 the even bits, and the last one. */
	assert_true(h.sack_bitmap == (0x1555555555555555ull | 1ull << 63));
}

static void guaranteed_answers_go_alone_and_hold_cack(void **state)
{
	struct sim_msg *m = msg(4, true), *plain = msg(1, false);
	static const int32_t order[] = { 2, 1, 4, 3 };
	struct uet_pds_hdr h;
	uint8_t ses[64];
	int32_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		raw_request(&r, m, (uint32_t)order[i] - 1, order[i], UET_PDS_F_AR, 0);
	raw_turn(&r);
	for (i = 1; i <= 4; i++) {
		h = raw_take(&r, ses);
		assert_int_equal(rel(h.psn), 0);
		assert_int_equal(h.offset, i);
		assert_int_equal(UET_PDS_ACK_REQ(h.flags), UET_ACK_REQ_CLEAR);
		assert_int_equal(ses[0], 1);
		assert_int_equal(uet_get_be32(ses + 8), i - 1);
	}
	assert_true(raw_silent(&r));
	assert_int_equal(s.end[1].pds->storeds.used - 1 + !s.end[1].pds->spare, 4);
	assert_int_equal(sim_pdc(&s, 1)->stored_due, 0);

	/* A repetition brings the same answer again. */
	raw_request(&r, m, 1, 2, UET_PDS_F_RETX | UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(h.offset, 2);
	assert_true(h.flags & UET_PDS_F_RETX);
	assert_int_equal(uet_get_be32(ses + 8), 1);
	assert_int_equal(sim_pdc(&s, 1)->stored_due, 0);

	/* CLEAR up to 2 in a request, to 4 in a CLEAR_CMD; then CACK is free. */
	raw_request(&r, plain, 0, 5, UET_PDS_F_AR, 2);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 2);
	assert_int_equal(h.offset, 3);
	raw_ctl(&r, UET_CTL_CLEAR_CMD, 0, 0, r.start + 4);
	raw_turn(&r);
	h = raw_take(&r, NULL);		/* 5 was acknowledged beyond CACK: once more */
	assert_int_equal(rel(h.psn), 5);
	assert_true(raw_silent(&r));
}

static void single_guaranteed_answer_clears_silently(void **state)
{
	struct sim_msg *m = msg(1, true);
	struct uet_pds_hdr h;

	(void)state;
	raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 0);
	raw_ctl(&r, UET_CTL_CLEAR_CMD, 0, 0, r.start + 7);	/* future: ignored */
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_cack), 0);
	raw_ctl(&r, UET_CTL_CLEAR_CMD, 0, 0, r.start + 1);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_cack), 1);
	/* A copy of the request that comes late finds the default answer. */
	raw_request(&r, m, 0, 1, UET_PDS_F_RETX, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 1);
	assert_int_equal(UET_PDS_ACK_REQ(h.flags), 0);
}

static void congestion_mark_is_echoed_alone(void **state)
{
	struct sim_msg *m = msg(3, false);
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_REQUEST_STD, .psn = r.start + 2,
		.offset = -2, .spdcid = r.id, .dpdcid = r.peer_id,
	};
	uint8_t buf[256];
	size_t n;

	(void)state;
	raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
	n = uet_pds_pack(&h, buf);
	n += sim_ses(m, 1, buf + n);
	sim_inject(&s, &s.end[0].nic.addr, 1, buf, (uint32_t)n, UET_ECN_CE);
	raw_request(&r, m, 2, 3, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 1);
	assert_false(h.flags & UET_PDS_F_M);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 2);
	assert_true(h.flags & UET_PDS_F_M);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 3);
	assert_false(h.flags & UET_PDS_F_M);
}

static void duplicates_are_answered_only_if_asked(void **state)
{
	struct sim_msg *m = msg(3, false);
	struct uet_pds_hdr h;

	(void)state;
	raw_request(&r, m, 0, 1, 0, 0);
	raw_request(&r, m, 2, 3, 0, 0);
	raw_request(&r, m, 0, 1, 0, 0);		/* copies made by the network */
	raw_request(&r, m, 2, 3, 0, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	assert_int_equal(sim_stats(&s, 1)->rx_duplicate, 2);
	raw_request(&r, m, 0, 1, UET_PDS_F_RETX, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 1);
	assert_int_equal(h.offset, 0);
	assert_true(h.flags & UET_PDS_F_RETX);
	raw_request(&r, m, 2, 3, UET_PDS_F_AR, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.offset, 2);
	assert_int_equal(m->seen[0] + m->seen[2], 2);
}

static void rod_has_no_bitmap_and_keeps_order(void **state)
{
	struct sim_msg *m = msg(1, false), *g = msg(1, true), *n = msg(1, false);
	struct uet_pds_hdr h;
	int32_t i;

	(void)state;
	raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
	raw_request(&r, g, 0, 2, UET_PDS_F_AR, 0);
	raw_request(&r, n, 0, 3, UET_PDS_F_AR, 0);
	raw_turn(&r);
	for (i = 2; i <= 3; i++) {
		h = raw_take(&r, NULL);
		assert_int_equal(rel(uet_pds_offset_psn(&h)), i);
		assert_int_equal(rel(h.psn), 1);
		assert_int_equal(h.sack_bitmap, 0);
	}
	assert_true(raw_silent(&r));
}

static void probe_is_answered_at_once(void **state)
{
	struct sim_msg *m = msg(70, false);
	struct uet_pds_hdr h;

	(void)state;
	raw_request(&r, m, 4, 5, 0, 0);
	raw_ctl(&r, UET_CTL_PROBE, UET_PDS_F_AR, 0, r.start + 4);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.flags, UET_PDS_F_P);
	assert_int_equal(h.next_hdr, UET_HDR_NONE);
	assert_int_equal(h.probe_opaque, 0xbeef);
	assert_int_equal(rel(h.psn), 0);
	assert_int_equal(rel(uet_pds_sack_base(&h)), 4);
	assert_int_equal(h.sack_bitmap, 2);
	/* A base that makes no sense is replaced by the first hole. */
	raw_ctl(&r, UET_CTL_PROBE, UET_PDS_F_AR, 0, r.start + 0x7000000);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(uet_pds_sack_base(&h)), 1);
}

static void many_holes_are_told_in_time(void **state)
{
	struct sim_msg *m = msg(400, false);
	uint64_t seen[8] = { 0 };
	int32_t i;

	(void)state;
	/* Everything but the first, with AR now and then, in one batch. */
	for (i = 1; i < 300; i++)
		raw_request(&r, m, (uint32_t)i, 1 + i, i % 8 ? 0 : UET_PDS_F_AR, 0);
	raw_turn(&r);
	while (!raw_silent(&r)) {
		struct uet_pds_hdr h = raw_take(&r, NULL);

		for (i = 0; i < 64; i++) {
			int32_t at = rel(uet_pds_sack_base(&h)) + i;

			if (h.sack_bitmap >> i & 1)
				seen[at / 64] |= 1ull << at % 64;
		}
	}
	for (i = 2; i <= 300; i++)
		if (!(seen[i / 64] >> i % 64 & 1))
			fail_msg("packet %d was never reported", i);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(single_answer_is_attached),
		T(no_ack_below_trigger),
		T(pressure_is_passed_on),
		T(received_bytes_are_new_and_whole),
		T(coalesces_what_came_together),
		T(urgent_and_other_acks),
		T(holes_show_in_bitmap_and_close_with_an_ack),
		T(bitmap_of_far_packet),
		T(guaranteed_answers_go_alone_and_hold_cack),
		T(single_guaranteed_answer_clears_silently),
		T(congestion_mark_is_echoed_alone),
		T(duplicates_are_answered_only_if_asked),
		cmocka_unit_test_setup_teardown(rod_has_no_bitmap_and_keeps_order, setup_rod,
						teardown),
		T(probe_is_answered_at_once),
		T(many_holes_are_told_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
