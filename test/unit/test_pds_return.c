/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads: request packets that await more than an acknowledgement, and the return direction
 * that brings it.
 */
#include "pds_raw.h"

/* ---- two real ends ---- */

static void reads_wait_for_their_data(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	uint32_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct sim s;
		struct sim_msg *m;

		sim_two(&s, i);
		m = sim_read(&s, 0, 1, modes[i], 5, 1000);
		sim_post(&s, 0, 1, modes[i], 3, 700);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_int_equal(m->err, 0);
		/* Nothing had to wait for a time-out, and nothing was asked for. */
		assert_true(m->done_at - 1 * SEC < 1 * MSEC);
		assert_int_equal(sim_stats(&s, 0)->retx_rto + sim_stats(&s, 1)->retx_rto, 0);
		assert_int_equal(sim_stats(&s, 0)->tx_cp, 0);
		assert_int_equal(sim_stats(&s, 0)->drop_stale, 0);
		sim_run_for(&s, 60 * SEC);
		assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
		assert_int_equal(s.end[0].gone_err, 0);
		assert_int_equal(s.end[1].gone_err, 0);
		sim_free(&s);
	}
}

/* The first packets of a PDC: the ACK leaves in front of the return data. */
static void ack_goes_before_return_data(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	struct uet_pds_hdr h;
	uint8_t ses[256];

	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
	m = sim_msg(&s, 0, 1, UET_MODE_RUD, 1, 100);
	m->read = true;
	raw_request(&r, m, 0, 0, UET_PDS_F_AR, -1);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.psn, r.start);
	r.peer_id = h.spdcid;
	h = raw_take(&r, ses);
	assert_int_equal(h.type, UET_PDS_RUD_REQ);
	assert_int_equal(h.next_hdr, UET_HDR_RESPONSE_DATA);
	assert_int_equal(h.psn, r.start);	/* both directions start there */
	assert_int_equal(h.offset, -1);
	assert_int_equal(h.flags, UET_PDS_F_AR);
	assert_int_equal(h.spdcid, r.peer_id);
	assert_int_equal(h.dpdcid, r.id);
	assert_int_equal(ses[SIM_SES + 7], sim_byte(m->id + 1, 0, 7));
	assert_true(raw_silent(&r));
	sim_free(&s);
}

static void run_lossy(uint64_t seed, uint8_t mode, uint32_t ppm)
{
	struct sim s;
	uint32_t i;

	sim_two(&s, seed);
	s.drop_ppm = s.dup_ppm = s.late_ppm = ppm;
	for (i = 0; i < 20; i++) {
		sim_read(&s, 0, 1, mode, 1 + i * 3, 100 + i);
		sim_post(&s, 0, 1, mode, 1 + i, 50);
		sim_read(&s, 1, 0, mode, 4, 1200);
		sim_run_for(&s, 50 * USEC);
		sim_check(&s);
	}
	assert_true(sim_run_done(&s, 60 * SEC));
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, 0);
	sim_run_for(&s, 60 * SEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

static void data_survives_a_bad_network(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 40; seed++)
		run_lossy(seed, seed & 1, seed % 3 * 60000 + 10000);
}

/* More open reads than PSNs in a window, and stored answers between them. */
static void many_reads_are_open(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 8; seed++) {
		struct uet_pds_cfg cfg = sim_cfg();
		struct sim s;
		uint32_t i;

		sim_init(&s, seed);
		cfg.mp_range = seed & 1 ? 1024 : 128;
		cfg.max_stored = 16;
		sim_add(&s, &cfg);
		sim_add(&s, &cfg);
		s.drop_ppm = seed & 2 ? 20000 : 0;
		for (i = 0; i < 60; i++) {
			struct sim_msg *m;

			sim_read(&s, 0, 1, seed >> 2 & 1, 60, 500);
			m = sim_msg(&s, 0, 1, seed >> 2 & 1, 3, 20);
			m->gtd = true;
			assert_int_equal(sim_post_msg(&s, m), 0);
		}
		assert_true(sim_run_done(&s, 60 * SEC));
		for (i = 0; i < s.msg_cnt; i++)
			assert_int_equal(s.msgs[i]->err, 0);
		sim_free(&s);
	}
}

/* Keeps return data from arriving while arg[0] is set. */
static enum sim_verdict hold_data(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return s->arg[0] && uet_pds_is_request(h->type) && h->next_hdr == UET_HDR_RESPONSE_DATA ?
	       SIM_DROP : SIM_PASS;
}

/* The oldest read holds the base of the ring; what is behind it is cleared all the same. */
static void open_reads_do_not_hold_clears(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m, *last;
	uint32_t i;

	(void)state;
	sim_init(&s, 3);
	cfg.max_stored = 16;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	s.filter = hold_data;
	s.arg[0] = 1;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 1, 500);
	sim_run_for(&s, 1 * MSEC);
	for (i = 0; i < 30; i++) {
		last = sim_msg(&s, 0, 1, UET_MODE_RUD, 1, 20);
		last->gtd = true;
		assert_int_equal(sim_post_msg(&s, last), 0);
	}
	sim_run_for(&s, 5 * SEC);
	assert_true(last->finished);
	assert_int_equal(s.open, 2);
	assert_false(m->finished);
	assert_true(uet_list_empty(&sim_pdc(&s, 1)->stored));
	assert_int_equal(sim_pdc(&s, 0)->tx_cack, sim_pdc(&s, 0)->tx_next - 1);
	s.arg[0] = 0;
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

/* Asking for them costs one packet now and then, however many there are. */
static void open_reads_are_asked_for_cheaply(void **state)
{
	struct sim s;
	struct sim_msg *m;
	uint64_t asked;

	(void)state;
	sim_two(&s, 4);
	s.end[1].pds->cfg.peer_timeout = 100 * SEC;
	s.end[0].pds->cfg.peer_timeout = 5 * SEC;
	s.filter = hold_data;
	s.arg[0] = 1;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 700, 50);
	sim_run_for(&s, 5 * SEC);
	assert_false(m->finished);
	asked = sim_stats(&s, 0)->tx_cp;
	assert_true(asked > 3 && asked < 16);
	/* A peer that answers, but not with what is missing, is not waited for for ever. */
	sim_run_for(&s, 60 * SEC);
	assert_true(m->finished);
	assert_int_equal(m->err, -ECONNRESET);
	sim_free(&s);
}

static void slow_data_is_waited_for(void **state)
{
	struct sim s;
	struct sim_msg *m;
	uint32_t i;

	(void)state;
	sim_two(&s, 5);
	s.filter = hold_data;
	s.end[0].pds->cfg.peer_timeout = 200 * MSEC;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 1, 50);
	s.arg[0] = 1;
	sim_run_for(&s, 700 * MSEC);
	assert_false(m->finished);
	/* Other data flows now and then: the peer is neither dead nor stuck. */
	for (i = 0; i < 8; i++) {
		struct sim_msg *n;

		s.arg[0] = 0;
		s.end[1].nack_code = 0;
		n = sim_read(&s, 0, 1, UET_MODE_RUD, 1, 50);
		sim_run_for(&s, 600 * MSEC);
		assert_true(n->finished && n->err == 0);
		s.arg[0] = 1;
		if (m->finished)
			break;
	}
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

static void dead_peer_is_noticed_by_reads(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 6);
	s.filter = hold_data;
	s.arg[0] = 1;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 50, 50);
	sim_run_for(&s, 10 * MSEC);
	assert_int_equal(sim_pdc(&s, 0)->tx_cack, sim_pdc(&s, 0)->tx_next - 1);
	s.end[0].deaf = true;
	s.end[1].deaf = true;
	sim_run_for(&s, 12 * SEC);
	assert_true(m->finished);
	assert_int_equal(m->err, -ETIMEDOUT);
	/* The target gives up its data as well. */
	assert_true(sim_run_done(&s, 60 * SEC));
	assert_int_equal(s.msgs[1]->err, -ETIMEDOUT);
	sim_run_for(&s, 60 * SEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

static void peer_that_forgot_resets_reads(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m, *n;

	(void)state;
	sim_two(&s, 7);
	s.filter = hold_data;
	s.arg[0] = 1;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 50, 50);
	sim_run_for(&s, 10 * MSEC);
	sim_restart(&s, 1, &cfg);
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(m->err, -ECONNRESET);
	assert_int_equal(m->nack, UET_NACK_INV_DPDCID);
	s.arg[0] = 0;
	n = sim_read(&s, 0, 1, UET_MODE_RUD, 5, 50);
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(n->err, 0);
	sim_free(&s);
}

/* Requests that the forgetful target cannot have seen move to a new PDC. */
static void unanswered_reads_move(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 8);
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 5, 50);
	assert_true(sim_run_done(&s, 10 * SEC));
	sim_restart(&s, 1, &cfg);
	s.lax = true;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 30, 50);
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(m->err, 0);
	assert_int_equal(sim_stats(&s, 0)->pdc_opened, 2);
	sim_free(&s);
}

static void initiator_that_vanishes_frees_the_data(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;

	(void)state;
	sim_two(&s, 9);
	s.filter = hold_data;
	s.arg[0] = 1;
	sim_read(&s, 0, 1, UET_MODE_RUD, 50, 50);
	sim_run_for(&s, 10 * MSEC);
	sim_restart(&s, 0, &cfg);
	s.arg[0] = 0;
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(s.msgs[1]->err, -ECONNRESET);
	assert_int_equal(s.end[1].gone, 1);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

/* ---- closing ---- */

/* A target that asks for the close gets it when the reads are done. */
static void close_waits_for_reads(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 10);
	s.filter = hold_data;
	s.arg[0] = 1;
	m = sim_read(&s, 0, 1, UET_MODE_RUD, 20, 50);
	sim_run_for(&s, 10 * MSEC);
	uet_pdc_drain(s.end[0].pds, sim_pdc(&s, 0));
	uet_pds_close(s.end[0].pds, s.now);
	sim_run_for(&s, 100 * MSEC);
	assert_int_equal(sim_pdc(&s, 0)->state, UET_PDC_DRAIN);
	s.arg[0] = 0;
	sim_run_for(&s, 2 * SEC);
	assert_true(m->finished);
	assert_int_equal(m->err, 0);
	assert_int_equal(s.open, 0);
	assert_int_equal(sim_stats(&s, 1)->pdc_closed, 1);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[1].gone_err, 0);
	sim_free(&s);
}

/* Loses ACKs of return data (from end 0) while arg[0] is set. */
static enum sim_verdict lose_acks(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)to;
	return s->arg[0] && from == 0 && uet_pds_is_ack(h->type) ? SIM_DROP : SIM_PASS;
}

static void close_cmd_overtakes_lost_acks(void **state)
{
	struct sim s;
	uint32_t i;

	(void)state;
	sim_two(&s, 11);
	s.filter = lose_acks;
	s.arg[0] = 1;
	sim_read(&s, 0, 1, UET_MODE_RUD, 20, 50);
	sim_run_for(&s, 2 * MSEC);
	uet_pdc_drain(s.end[0].pds, sim_pdc(&s, 0));
	sim_run_for(&s, 1 * MSEC);
	assert_int_equal(sim_pdc(&s, 0)->state, UET_PDC_CLOSING);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	s.arg[0] = 0;
	assert_true(sim_run_done(&s, 5 * SEC));
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, 0);
	sim_run_for(&s, 5 * SEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

/* For as long as a peer may be silent: a link that is down one way is no reason to give up. */
static void close_cmd_waits_for_the_way_back(void **state)
{
	uint32_t i;
	struct sim s;

	(void)state;
	sim_two(&s, 12);
	s.filter = lose_acks;
	s.arg[0] = 1;
	sim_read(&s, 0, 1, UET_MODE_RUD, 20, 50);
	sim_run_for(&s, 2 * MSEC);
	uet_pdc_drain(s.end[0].pds, sim_pdc(&s, 0));
	sim_run_for(&s, s.end[1].pds->cfg.peer_timeout * 3 / 4);
	assert_int_equal(sim_pdc(&s, 0)->state, UET_PDC_CLOSING);
	s.arg[0] = 0;
	assert_true(sim_run_done(&s, 5 * SEC));
	for (i = 0; i < s.msg_cnt; i++)
		assert_int_equal(s.msgs[i]->err, 0);
	sim_run_for(&s, 5 * SEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

/* An initiator that insists on closing: the data fails. */
static void close_cmd_with_data_open_is_an_error(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	struct uet_pds_hdr h;
	uint32_t i;

	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
	m = sim_msg(&s, 0, 1, UET_MODE_RUD, 1, 100);
	m->read = true;
	raw_request(&r, m, 0, 0, UET_PDS_F_AR, -1);
	raw_turn(&r);
	r.peer_id = raw_take(&r, NULL).spdcid;
	raw_take(&r, NULL);
	for (i = 0; i < 8; i++) {
		raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start + 1, 0);
		raw_turn(&r);
		h = raw_take(&r, NULL);		/* the data, once more */
		assert_int_equal(h.type, UET_PDS_RUD_REQ);
		assert_int_equal(h.flags, UET_PDS_F_RETX | UET_PDS_F_AR);
		assert_true(raw_silent(&r));
	}
	assert_int_equal(s.open, 1);
	s.now += s.end[1].pds->cfg.peer_timeout;
	raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start + 1, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_NACK);
	assert_int_equal(h.nack_code, UET_NACK_CLOSING_IN_ERR);
	assert_int_equal(s.open, 0);
	assert_int_equal(s.msgs[1]->err, -ECONNRESET);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

/* ---- packet by packet: the test is the target ---- */

/* Send return data to packet @index of @m as PSN Start_PSN + @at. */
static void raw_data(struct raw *r, struct sim_msg *m, uint32_t index, int32_t at, uint8_t flags)
{
	struct sim_msg *back = sim_msg(r->s, r->me, r->other, r->mode, 1, m->plen);
	uint8_t buf[2048];
	struct uet_pds_hdr h = {
		.type = r->mode == UET_MODE_ROD ? UET_PDS_ROD_REQ : UET_PDS_RUD_REQ,
		.next_hdr = UET_HDR_RESPONSE_DATA, .flags = flags,
		.psn = r->start + (uint32_t)at, .offset = (int16_t)(-1 - at),
		.spdcid = r->tpdcid, .dpdcid = r->peer_id,
	};

	back->parent = m;
	back->part = index;
	sim_speak(r->s, r->me, r->other, &h, buf, sim_ses(back, 0, buf));
}

static struct sim_msg *raw_read(struct raw *r, struct sim *s, uint32_t cnt)
{
	struct sim_msg *m;
	uint32_t i;

	raw_init_target(r, s, UET_MODE_RUD, NULL);
	m = sim_read(s, 1, 0, UET_MODE_RUD, cnt, 64);
	raw_turn(r);
	for (i = 0; i < cnt; i++)
		raw_take_request(r);
	return m;
}

/* Return data may overtake the first ACK: it tells the target's PDCID just as well. */
static void data_before_the_first_ack(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 2);
	struct uet_pds_hdr h;

	(void)state;
	raw_data(&r, m, 1, 1, UET_PDS_F_AR);
	raw_data(&r, m, 0, 0, UET_PDS_F_AR);
	raw_turn(&r);
	assert_true(m->finished);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.psn, r.start + 1);
	assert_int_equal(h.next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(h.dpdcid, r.tpdcid);
	raw_ack(&r, 1, 1);		/* late: nothing left to do */
	assert_int_equal(sim_pdc(&s, 1)->tx_cack, r.start + 1);
	assert_false(uet_pdc_busy(sim_pdc(&s, 1)));
	sim_free(&s);
}

/* Nothing but data opens an initiator's mind before the first ACK. */
static void strangers_are_not_learned(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 1);
	uint64_t stale = sim_stats(&s, 1)->drop_stale;

	(void)state;
	raw_ctl(&r, UET_CTL_CLOSE_REQ, UET_PDS_F_AR, r.start, 0);
	raw_data(&r, m, 0, 1024, 0);
	assert_int_equal(sim_pdc(&s, 1)->peer_id, 0);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, stale + 2);
	assert_false(m->finished);
	sim_free(&s);
}

/* Each way in which a packet can be acknowledged leaves it open. */
static void acknowledged_reads_stay_open(void **state)
{
	static const uint8_t noresp[12] = { 3 };
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 5);
	struct uet_pdc *pdc = sim_pdc(&s, 1);
	uint32_t i;

	(void)state;
	raw_ack_with(&r, -1, 0, 0, NULL, 0, 8, 0);		/* named, no answer */
	assert_int_equal(uet_tx_clear(pdc), r.start - 1);	/* there may be one */
	raw_ack_with(&r, -1, 0, 0, noresp, 12, 8, 0);		/* named, NO_RESPONSE */
	assert_int_equal(uet_tx_clear(pdc), r.start);
	raw_ack_with(&r, -1, 1, 0, raw_ok, 12, 8, 0);		/* the default answer */
	raw_ack_with(&r, -1, 0, 0, NULL, 0, 8, 1u << 2);	/* bitmap: PSN 2 */
	assert_int_equal(uet_tx_clear(pdc), r.start + 1);
	assert_int_equal(pdc->flight_cnt, 2);
	raw_ack_with(&r, 4, 4, 0, NULL, 0, 8, 0);		/* CACK */
	assert_int_equal(pdc->flight_cnt, 0);
	assert_int_equal(uet_tx_clear(pdc), r.start + 4);
	assert_int_equal(pdc->tx_base, r.start);
	assert_int_equal(m->m.completed, 0);
	for (i = 0; i < 5; i++) {
		raw_data(&r, m, 4 - i, (int32_t)i, 0);
		assert_int_equal(m->m.completed, i + 1);
	}
	assert_int_equal(pdc->tx_base, r.start + 5);
	raw_turn(&r);
	assert_true(m->finished);
	sim_free(&s);
}

/* An explicit answer - an error - completes a packet. */
static void explicit_answer_completes(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 1);
	uint8_t ses[12] = { 1, 5 };

	(void)state;
	m->gtd = true;
	uet_put_be16(ses + 2, (uint16_t)m->id);
	raw_ack_with(&r, -1, 0, UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLEAR), ses, 12, 8, 0);
	raw_turn(&r);
	assert_true(m->finished);
	sim_free(&s);
}

/* A NACK for what is acknowledged repeats nothing; a fatal one resets. */
static void nacks_of_acknowledged_reads(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 2);

	(void)state;
	raw_ack(&r, 1, 1);
	raw_nack(&r, UET_NACK_PKT_NOT_RCVD, 0, 0, true);
	raw_nack(&r, UET_NACK_NO_PKT_BUFFER, 0, 0, true);
	assert_int_equal(sim_pdc(&s, 1)->retx_cnt + sim_pdc(&s, 1)->delay_cnt, 0);
	raw_nack(&r, UET_NACK_INV_DPDCID, 2, 0, false);	/* never sent */
	assert_false(m->finished);
	raw_nack(&r, UET_NACK_INV_DPDCID, 0, 0, false);
	assert_true(m->finished);
	assert_int_equal(m->err, -ECONNRESET);
	sim_free(&s);
}

/* A secure target asks for other numbers: the answers are found all the same. */
static void renumbered_reads_are_found(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m = raw_read(&r, &s, 2);
	uint32_t i;

	(void)state;
	raw_nack(&r, UET_NACK_NEW_START_PSN, 0, 5000, false);
	assert_int_equal(m->m.psn0, 5000);
	raw_turn(&r);
	for (i = 0; i < 2; i++)
		raw_take_request(&r);
	assert_int_equal(r.start, 5000);
	raw_data(&r, m, 0, 0, 0);
	raw_data(&r, m, 1, 1, 0);
	raw_turn(&r);
	assert_true(m->finished);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_wait_for_their_data),
		cmocka_unit_test(ack_goes_before_return_data),
		cmocka_unit_test(data_survives_a_bad_network),
		cmocka_unit_test(many_reads_are_open),
		cmocka_unit_test(open_reads_do_not_hold_clears),
		cmocka_unit_test(open_reads_are_asked_for_cheaply),
		cmocka_unit_test(slow_data_is_waited_for),
		cmocka_unit_test(dead_peer_is_noticed_by_reads),
		cmocka_unit_test(peer_that_forgot_resets_reads),
		cmocka_unit_test(unanswered_reads_move),
		cmocka_unit_test(initiator_that_vanishes_frees_the_data),
		cmocka_unit_test(close_waits_for_reads),
		cmocka_unit_test(close_cmd_overtakes_lost_acks),
		cmocka_unit_test(close_cmd_waits_for_the_way_back),
		cmocka_unit_test(close_cmd_with_data_open_is_an_error),
		cmocka_unit_test(data_before_the_first_ack),
		cmocka_unit_test(strangers_are_not_learned),
		cmocka_unit_test(acknowledged_reads_stay_open),
		cmocka_unit_test(explicit_answer_completes),
		cmocka_unit_test(nacks_of_acknowledged_reads),
		cmocka_unit_test(renumbered_reads_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
