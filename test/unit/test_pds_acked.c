/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Acknowledgements that arrive at a source; the test plays the target. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int setup(void **state)
{
	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

/* Post a message of @cnt packets and take them. */
static struct sim_msg *post_and_take(uint32_t cnt)
{
	struct sim_msg *m = sim_post(&s, 1, 0, r.mode, cnt, 50);
	uint32_t i;

	raw_turn(&r);
	for (i = 0; i < cnt; i++)
		raw_take_request(&r);
	assert_true(raw_silent(&r));
	return m;
}

static struct uet_pdc *pdc(void)
{
	return sim_pdc(&s, 1);
}

static int32_t rel(uint32_t psn)
{
	return uet_psn_diff(psn, r.start);
}

static void cumulative_ack_completes(void **state)
{
	struct sim_msg *m = post_and_take(5);

	(void)state;
	raw_ack(&r, 2, 2);
	assert_int_equal(m->m.completed, 3);
	assert_false(m->finished);
	assert_int_equal(pdc()->peer_id, r.tpdcid);
	raw_ack(&r, 4, 4);
	assert_true(m->finished);
	assert_int_equal(m->err, 0);
	assert_int_equal(pdc()->ccc->cms.inflight, 0);
}

static void named_packets_complete_beyond_cack(void **state)
{
	struct sim_msg *m = post_and_take(3);

	(void)state;
	raw_ack(&r, -1, 2);
	raw_ack(&r, -1, 0);
	assert_int_equal(m->m.completed, 2);
	assert_int_equal(rel(pdc()->tx_base), 1);
	raw_ack(&r, -1, 0);		/* again: nothing */
	assert_int_equal(m->m.completed, 2);
	raw_ack(&r, -1, 1);
	assert_true(m->finished);
	assert_int_equal(rel(uet_tx_clear(pdc())), 2);	/* though CACK is still -1 */
	assert_int_equal(rel(pdc()->tx_cack), -1);
}

static void old_forms_of_ack_are_understood(void **state)
{
	static const uint8_t types[] = { UET_PDS_ACK, UET_PDS_ACK_CCX };
	struct uet_pds_hdr h = { .spdcid = r.tpdcid };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(types); i++) {
		struct sim_msg *m = post_and_take(1);

		h.type = types[i];
		h.psn = r.start + (uint32_t)i;
		h.dpdcid = r.peer_id;
		h.mpr = 8;
		sim_speak(&s, 0, 1, &h, NULL, 0);
		assert_true(m->finished);
	}
	/* What follows an extension of disputed length cannot be found. */
	h.next_hdr = UET_HDR_RESPONSE;
	sim_speak(&s, 0, 1, &h, raw_ok, sizeof(raw_ok));
	assert_int_equal(sim_stats(&s, 1)->drop_unsupported, 1);
}

static void impossible_acks_change_nothing(void **state)
{
	struct sim_msg *m = post_and_take(3);
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC, .spdcid = r.tpdcid, .dpdcid = r.peer_id, .mpr = 8,
		.psn = r.start,
	};
	struct uet_addr far = s.end[0].nic.addr;
	uint8_t buf[64];
	uint32_t n;

	(void)state;
	raw_ack(&r, 3, 3);			/* never sent */
	raw_ack(&r, -5, 0);			/* before the start */
	h.spdcid = 0;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	h.spdcid = r.tpdcid;
	far.ip[3]++;				/* another host */
	n = (uint32_t)uet_pds_pack(&h, buf);
	sim_inject(&s, &far, 1, buf, n, 0);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, 4);
	assert_int_equal(m->m.completed, 0);
	assert_int_equal(pdc()->peer_id, 0);
	raw_ack(&r, 0, 0);
	h.spdcid = 0x999;			/* another target PDC */
	h.psn = r.start + 2;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	assert_int_equal(m->m.completed, 1);
	raw_ack(&r, 1, 30000);			/* names nothing, CACK counts */
	assert_int_equal(m->m.completed, 2);
	raw_ack(&r, 0, 2);			/* stale CACK, the named packet counts */
	assert_true(m->finished);
	assert_int_equal(rel(pdc()->tx_cack), 1);
}

static void window_follows_advertisement(void **state)
{
	static const struct {
		uint8_t mpr;
		uint32_t range;
	} cases[] = { { 1, 128 }, { 2, 256 }, { 0, 128 }, { 8, 1024 }, { 255, 1024 } };
	struct uet_pds_cfg cfg = sim_cfg();
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct sim_msg *m;

		sim_free(&s);
		cfg.cms.window_init = cfg.cms.window_max = 64 << 20;
		raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
		post_and_take(1);
		raw_ack_with(&r, 0, 0, 0, raw_ok, sizeof(raw_ok), cases[i].mpr, 0);
		m = sim_post(&s, 1, 0, UET_MODE_RUD, 3000, 1);
		raw_turn(&r);
		assert_int_equal(m->m.next, cases[i].range);
	}
}

static void shrunken_window_holds_repetitions(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();

	(void)state;
	sim_free(&s);
	cfg.cms.window_init = cfg.cms.window_max = 4 << 20;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	post_and_take(200);
	raw_ack_with(&r, 0, 0, 0, raw_ok, sizeof(raw_ok), 1, 0);
	raw_nack(&r, UET_NACK_TRIMMED, 190, 0, true);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	raw_ack_with(&r, 61, 61, 0, raw_ok, sizeof(raw_ok), 1, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	raw_ack_with(&r, 62, 62, 0, raw_ok, sizeof(raw_ok), 1, 0);
	raw_turn(&r);
	assert_int_equal(rel(raw_take_request(&r).psn), 190);
}

/* While more packets follow, five of them must overtake a packet before it counts as lost. */
static void five_overtake_before_a_loss(void **state)
{
	struct sim_msg *m;
	uint32_t bit;

	(void)state;
	post_and_take(1);
	raw_ack(&r, 0, 0);
	m = sim_post(&s, 1, 0, UET_MODE_RUD, 300, 1000);
	raw_turn(&r);
	sim_drain(&s, 0);
	for (bit = 1; bit <= 5; bit++) {
		/* The first one is missing, @bit later ones are there. */
		raw_ack_with(&r, 0, 0, 0, raw_ok, sizeof(raw_ok), 8, (2ull << bit) - 2);
		assert_int_equal(sim_stats(&s, 1)->retx_sack, bit == 5);
	}
	assert_true(m->m.next < m->m.pkt_cnt);
}

static void sacked_packets_are_asked_for_not_repeated(void **state)
{
	struct sim_msg *m = post_and_take(3);
	struct uet_pds_hdr h;

	(void)state;
	raw_ack_with(&r, 0, 0, 0, raw_ok, sizeof(raw_ok), 8, 3);	/* 1 and 2 arrived */
	assert_int_equal(m->m.completed, 1);
	assert_int_equal(pdc()->ccc->cms.inflight, 0);
	sim_run_for(&s, 7 * MSEC);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_CP);
	assert_int_equal(h.ctl_type, UET_CTL_ACK_REQ);
	assert_int_equal(rel(h.psn), 1);
	assert_true(h.flags & UET_PDS_F_AR);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 2);
	assert_true(raw_silent(&r));
	sim_run_for(&s, 8 * MSEC);		/* the next question waits longer */
	assert_true(raw_silent(&r));
	sim_run_for(&s, 8 * MSEC);
	assert_false(raw_silent(&r));
	sim_drain(&s, 0);
	/* It had not arrived after all: then it is repeated. */
	raw_nack(&r, UET_NACK_PKT_NOT_RCVD, 1, 0, true);
	raw_turn(&r);
	h = raw_take_request(&r);
	assert_int_equal(rel(h.psn), 1);
	assert_true(h.flags & UET_PDS_F_RETX);
	raw_ack(&r, 2, 2);
	assert_true(m->finished);
}

static void no_response_keeps_the_packet_open(void **state)
{
	static const uint8_t later[12] = { 3, 0 };
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 2, 10);
	struct sim_msg *other;
	struct uet_pds_hdr h;

	(void)state;
	m->noresp_last = true;
	raw_turn(&r);
	raw_take_request(&r);
	raw_take_request(&r);
	raw_ack_with(&r, 1, 1, 0, later, sizeof(later), 8, 0);
	assert_int_equal(m->m.completed, 1);
	assert_int_equal(pdc()->ccc->cms.inflight, 0);
	/* Other messages go on meanwhile, and complete. */
	other = post_and_take(1);
	raw_ack(&r, 2, 2);
	assert_true(other->finished);
	assert_false(m->finished);
	sim_run_for(&s, 7 * MSEC);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_ACK_REQ);
	assert_int_equal(rel(h.psn), 1);
	raw_ack_with(&r, 2, 1, 0, later, sizeof(later), 8, 0);
	assert_false(m->finished);
	raw_ack(&r, 2, 1);
	assert_true(m->finished);
}

static void round_trip_samples(void **state)
{
	(void)state;
	post_and_take(1);
	s.now += 100 * USEC;
	raw_ack(&r, 0, 0);
	assert_in_range(pdc()->ccc->cms.rtt.srtt, 100 * USEC, 130 * USEC);
	/* A repeated packet counts only if the ACK says that the repetition arrived. */
	post_and_take(1);
	sim_run_for(&s, 6 * MSEC);
	assert_true(raw_take_request(&r).flags & UET_PDS_F_RETX);
	s.now += 1 * SEC;
	raw_ack(&r, 1, 1);
	assert_in_range(pdc()->ccc->cms.rtt.srtt, 100 * USEC, 130 * USEC);
	post_and_take(1);
	sim_run_for(&s, 6 * MSEC);
	raw_take_request(&r);
	s.now += 50 * MSEC;
	raw_ack_with(&r, 2, 2, UET_PDS_F_RETX, raw_ok, sizeof(raw_ok), 8, 0);
	assert_in_range(pdc()->ccc->cms.rtt.srtt, 5 * MSEC, 10 * MSEC);
}

/* An ACK of NSCC with @service time, in units of 128 ns. */
static void ack_after(int32_t at, uint16_t service)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC, .next_hdr = UET_HDR_RESPONSE,
		.psn = r.start + (uint32_t)at, .spdcid = r.tpdcid, .dpdcid = r.peer_id,
		.mpr = 8, .sack_psn_offset = 1, .cc.service_time = service,
	};

	sim_speak(&s, 0, 1, &h, raw_ok, sizeof(raw_ok));
}

static void with_nscc(void)
{
	struct uet_pds_cfg cfg = sim_cfg();

	sim_free(&s);
	cfg.cms.algorithm = UET_CMS_NSCC;
	cfg.cms.charge_min = 0;
	cfg.cms.link_rate = 100000000000;
	cfg.cms.rto_min = 1 * SEC;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
}

/* What the target took for itself is no fault of the network. */
static void service_time_is_subtracted(void **state)
{
	static const struct {
		uint64_t elapsed;
		uint16_t service;
		uint64_t base;	/* as it is afterwards, us */
	} steps[] = {
		{ 900, 0, 900 },		/* this peer may never tell */
		{ 1000, 4000, 488 },		/* 512 us */
		{ 400, 0, 488 },		/* now it is known to tell: not valid */
		{ 10000, 0xffff, 488 },		/* so long or longer */
		{ 50, 4000, 488 },		/* impossible */
		{ 600, 1, 488 },
		{ 612, 4000, 100 },
	};
	size_t i;

	(void)state;
	with_nscc();
	for (i = 0; i < UET_ARRAY_SIZE(steps); i++) {
		post_and_take(1);
		s.now += steps[i].elapsed * USEC;
		ack_after((int32_t)i, steps[i].service);
		/* post_and_take needs some time, too. */
		assert_in_range(pdc()->ccc->cms.rtt.base / USEC, steps[i].base,
				steps[i].base + 20);
		assert_true(pdc()->ccc->cms.rtt.srtt >= 50 * USEC);
	}
}

/* Nor is what the ACK waited here; but it was silence all the same. */
static void waiting_here_is_subtracted(void **state)
{
	static const struct {
		uint64_t elapsed, waits;	/* us */
		uint16_t service;
		uint64_t base;
	} steps[] = {
		{ 900, 300, 0, 600 },
		{ 1000, 100, 4000, 388 },	/* and 512 us at the target */
		{ 400, 600, 1, 388 },		/* arrived before it was sent */
		{ 700, 300, 4000, 388 },	/* so the two would say together */
		{ 900, 800, 1, 100 },
	};
	uint64_t before, i;

	(void)state;
	with_nscc();
	for (i = 0; i < UET_ARRAY_SIZE(steps); i++) {
		before = uet_hist_total(&sim_stats(&s, 1)->rtt);
		post_and_take(1);
		s.now += steps[i].elapsed * USEC;
		s.waits = steps[i].waits * USEC;
		ack_after((int32_t)i, steps[i].service);
		assert_in_range(pdc()->ccc->cms.rtt.base / USEC, steps[i].base,
				steps[i].base + 20);
		assert_true(pdc()->ccc->cms.rtt.srtt >= 400 * USEC);
		assert_int_equal(uet_hist_total(&sim_stats(&s, 1)->rtt) - before,
				 i != 2 && i != 3);
	}
	s.waits = 0;
}

/* Marks and penalties matter even in an ACK that acknowledges nothing new. */
static void network_signals_are_passed_on(void **state)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC, .flags = UET_PDS_F_M, .mpr = 8, .sack_psn_offset = 1,
		.cc.rcv_cwnd_pend = 64,
	};

	(void)state;
	with_nscc();
	post_and_take(4);
	ack_after(0, 1);
	assert_false(pdc()->ccc->cms.nscc.marked);
	h.psn = r.start;
	h.spdcid = r.tpdcid;
	h.dpdcid = r.peer_id;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	assert_true(pdc()->ccc->cms.nscc.marked);
	assert_true(pdc()->ccc->cms.nscc.saved_cwnd > 0);
	h.flags = 0;
	h.cc.rcv_cwnd_pend = 0;
	h.cc.restore_cwnd = true;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	assert_true(pdc()->ccc->cms.nscc.saved_cwnd <= 0);
	/* An old one knows nothing of the present. */
	ack_after(1, 1);
	h.cc.rcv_cwnd_pend = 127;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	assert_true(pdc()->ccc->cms.nscc.saved_cwnd <= 0);
}

static void clear_travels_with_requests(void **state)
{
	static const uint8_t ses[12] = { 1, 5 };
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10), *n;
	struct uet_pds_hdr h;

	(void)state;
	m->gtd = true;
	m->id = 0;
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack_with(&r, -1, 0, UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLEAR), ses, 12, 8, 0);
	assert_true(m->finished);
	assert_true(uet_pds_pending(s.end[1].pds));
	n = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	h = raw_take_request(&r);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 0);
	assert_true(raw_silent(&r));		/* no CLEAR_CMD on top */
	raw_ack(&r, 1, 1);
	assert_true(n->finished);
}

static void clear_cmd_when_nothing_is_sent(void **state)
{
	static const uint8_t ses[12] = { 1, 5 };
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	struct uet_pds_hdr h;
	int i;

	(void)state;
	m->gtd = true;
	raw_turn(&r);
	raw_take_request(&r);
	for (i = 0; i < 2; i++) {
		/* The second time our CLEAR_CMD was lost and the target asks again. */
		raw_ack_with(&r, -1, 0, UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLEAR), ses, 12, 8, 0);
		raw_turn(&r);
		h = raw_take(&r, NULL);
		assert_int_equal(h.ctl_type, UET_CTL_CLEAR_CMD);
		assert_int_equal(h.psn, 0);
		assert_int_equal(h.flags, 0);
		assert_int_equal(rel(h.payload), 0);
		assert_true(raw_silent(&r));
	}
}

/* Figure 3-78: ACKs for 334, 333, 336 while 335 is missing give CLEAR 334. */
static void clear_stops_at_missing_answers(void **state)
{
	static const int32_t order[] = { 1, 0, 3 };
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 4, 10);
	struct uet_pds_hdr h;
	size_t i;

	(void)state;
	m->gtd = true;
	raw_turn(&r);
	for (i = 0; i < 4; i++)
		raw_take_request(&r);
	for (i = 0; i < 3; i++) {
		uint8_t ses[12] = { 1, 5 };

		uet_put_be32(ses + 8, (uint32_t)order[i]);
		raw_ack_with(&r, -1, order[i], UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLEAR), ses, 12,
			     8, 0);
	}
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLEAR_CMD);
	assert_int_equal(rel(h.payload), 1);
	{
		uint8_t ses[12] = { 1, 5 };

		uet_put_be32(ses + 8, 2);
		raw_ack_with(&r, 1, 2, 0, ses, 12, 8, 0);
	}
	raw_turn(&r);
	h = raw_take(&r, NULL);		/* what was asked for before can be given now */
	assert_int_equal(rel(h.payload), 3);
	assert_true(m->finished);
}

static void uncleared_answers_that_shut_the_window(void **state)
{
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 200, 10);
	struct uet_pds_hdr h;
	int32_t i;

	(void)state;
	m->gtd = true;
	raw_turn(&r);
	sim_take(&s, 0, &h, NULL, NULL);
	r.peer_id = h.spdcid;
	r.start = uet_pds_start_psn(&h);
	r.id = r.tpdcid;
	for (i = 0; i < 128; i++) {
		uint8_t ses[12] = { 1, 5 };

		sim_drain(&s, 0);
		uet_put_be32(ses + 8, (uint32_t)i);
		raw_ack_with(&r, -1, i, 0, ses, 12, 1, 0);
	}
	assert_int_equal(pdc()->tx_next - r.start, 128);
	raw_turn(&r);
	do
		h = raw_take(&r, NULL);
	while (h.type == UET_PDS_RUD_REQ);
	assert_int_equal(h.ctl_type, UET_CTL_CLEAR_CMD);
	assert_int_equal(rel(h.payload), 127);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_PROBE);
	sim_drain(&s, 0);
	sim_run_for(&s, 20 * MSEC);		/* both are repeated if nothing comes */
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLEAR_CMD);
	sim_drain(&s, 0);
	raw_ack_with(&r, 127, 0, UET_PDS_F_P, NULL, 0, 1, 0);
	raw_turn(&r);
	h = raw_take_request(&r);
	assert_int_equal(rel(h.psn), 128);
}

static void target_asks_to_close(void **state)
{
	struct sim_msg *m = post_and_take(1);
	struct uet_pds_hdr h;

	(void)state;
	raw_ack_with(&r, 0, 0, UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLOSE), raw_ok, 12, 8, 0);
	assert_true(m->finished);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLOSE_CMD);
	assert_int_equal(rel(h.psn), 1);
	assert_true(h.flags & UET_PDS_F_AR);
	raw_ack_with(&r, 1, 1, 0, NULL, 0, 8, 0);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[1].gone, 1);
	assert_int_equal(s.end[1].gone_err, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cumulative_ack_completes),
		T(named_packets_complete_beyond_cack),
		T(old_forms_of_ack_are_understood),
		T(impossible_acks_change_nothing),
		T(window_follows_advertisement),
		T(shrunken_window_holds_repetitions),
		T(five_overtake_before_a_loss),
		T(sacked_packets_are_asked_for_not_repeated),
		T(no_response_keeps_the_packet_open),
		T(round_trip_samples),
		T(service_time_is_subtracted),
		T(waiting_here_is_subtracted),
		T(network_signals_are_passed_on),
		T(clear_travels_with_requests),
		T(clear_cmd_when_nothing_is_sent),
		T(clear_stops_at_missing_answers),
		T(uncleared_answers_that_shut_the_window),
		T(target_asks_to_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
