/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Opening, closing, restarting and failing of PDCs. */
#include "pds_raw.h"

static void idle_pdc_closes_and_opens_again(void **state)
{
	struct sim s;
	uint16_t id;
	uint32_t start;

	(void)state;
	sim_two(&s, 1);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	id = sim_pdc(&s, 0)->id;
	start = sim_pdc(&s, 0)->start_psn;
	sim_run_for(&s, 900 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 1);
	sim_run_for(&s, 200 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[0].gone + s.end[1].gone, 2);
	assert_int_equal(s.end[0].gone_err | s.end[1].gone_err, 0);
	assert_int_equal(sim_stats(&s, 0)->pdc_closed, 1);
	assert_int_equal(sim_stats(&s, 1)->pdc_closed, 1);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_not_equal(sim_pdc(&s, 0)->id, id);
	assert_int_not_equal(sim_pdc(&s, 0)->start_psn, start);
	sim_free(&s);
}

static void target_asks_idle_initiator(void **state)
{
	struct sim s;
	struct uet_pds_cfg cfg = sim_cfg();

	(void)state;
	sim_init(&s, 2);
	cfg.idle_close = 3600 * SEC;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_run_for(&s, 9900 * MSEC);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	sim_run_for(&s, 200 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	assert_int_equal(sim_stats(&s, 1)->tx_cp, 1);
	sim_free(&s);
}

static void target_forgets_dead_initiator(void **state)
{
	static const uint64_t idle[] = { 10, 3600 };
	struct uet_pds_cfg cfg = sim_cfg();
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(idle); i++) {
		struct sim s;

		cfg.target_idle = idle[i] * SEC;
		sim_pair(&s, 3, &cfg);
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		uet_pds_destroy(s.end[0].pds);
		s.end[0].pds = NULL;
		sim_run_for(&s, 9900 * MSEC);
		assert_int_equal(sim_pdcs(&s, 1), 1);
		sim_run_for(&s, 10 * SEC);
		assert_int_equal(sim_pdcs(&s, 1), 0);
		assert_int_equal(s.end[1].gone_err, -ETIMEDOUT);
		sim_free(&s);
	}
}

static void dead_peer_fails_in_bounded_time(void **state)
{
	static const struct {
		bool deaf;
		int refuse;
		int err;
		uint64_t from, to;
	} cases[] = {
		{ true, 0, -ETIMEDOUT, 5000, 6100 },
		{ false, ECONNREFUSED, -ECONNREFUSED, 500, 630 },
		{ false, EHOSTUNREACH, -EHOSTUNREACH, 5000, 6100 },
		{ false, ENETUNREACH, -EHOSTUNREACH, 5000, 6100 },
		{ false, EMSGSIZE, -ETIMEDOUT, 5000, 6100 },
	};
	size_t i, late;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++)
	for (late = 0; late < 2; late++) {
		struct sim s;
		struct sim_msg *a, *b, *c;
		uint64_t start;

		sim_two(&s, 4);
		if (late) {
			/* It was there, and dies in the middle. */
			sim_post(&s, 0, 1, UET_MODE_RUD, 3, 10);
			assert_true(sim_run_done(&s, 1 * MSEC));
		}
		s.end[1].deaf = cases[i].deaf;
		s.end[1].refuse = cases[i].refuse;
		start = s.now;
		a = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
		b = sim_post(&s, 0, 1, UET_MODE_RUD, 500, 1000);
		c = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
		assert_true(sim_run_done(&s, 60 * SEC));
		assert_int_equal(a->err, cases[i].err);
		assert_int_equal(b->err, cases[i].err);
		assert_int_equal(c->err, cases[i].err);
		assert_in_range((s.now - start) / MSEC, cases[i].from, cases[i].to);
		assert_int_equal(sim_stats(&s, 0)->pdc_failed, 1);
		assert_int_equal(s.end[0].gone_err, cases[i].err);
		assert_int_equal(sim_pdcs(&s, 0), 0);
		sim_free(&s);
	}
}

static void short_outage_is_survived(void **state)
{
	static const int refuse[] = { 0, ECONNREFUSED };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(refuse); i++) {
		struct sim s;
		struct sim_msg *m;
		int round;

		sim_two(&s, 5);
		for (round = 0; round < 5; round++) {
			s.end[1].deaf = !refuse[i];
			s.end[1].refuse = refuse[i];
			m = sim_post(&s, 0, 1, UET_MODE_RUD, 2, 10);
			sim_run_for(&s, 400 * MSEC);
			s.end[1].deaf = false;
			s.end[1].refuse = 0;
			assert_true(sim_run_done(&s, 2 * SEC));
			assert_int_equal(m->err, 0);
		}
		sim_free(&s);
	}
}

/* A peer that refuses for long is alive. */
static void refusing_peer_is_not_dead(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 6);
	m = sim_msg(&s, 0, 1, UET_MODE_RUD, 2, 10);
	s.end[1].nack_code = UET_NACK_NO_RESOURCE;
	s.end[1].nack_ppm = 1000000;
	assert_int_equal(sim_post_msg(&s, m), 0);
	sim_run_for(&s, 60 * SEC);
	assert_false(m->finished);
	s.end[1].nack_ppm = 0;
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

/* An owner that did not run for long must hear the peer before it judges. */
static void own_absence_is_not_silence(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 7);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	uet_pds_flush(s.end[0].pds);
	s.now += 100 * SEC;	/* nobody ran */
	uet_pds_progress(s.end[0].pds, s.now, true);
	assert_false(m->finished);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(m->err, 0);
	sim_free(&s);
}

static void failing_close_is_nobodys_business(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 8);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.end[1].deaf = true;
	sim_run_for(&s, 20 * SEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	assert_int_equal(s.end[0].gone, 1);
	assert_int_equal(s.end[0].gone_err, 0);
	assert_int_equal(sim_stats(&s, 0)->pdc_failed, 0);
	sim_free(&s);
}

/* Keep a copy of the SYN packet for later. */
static uint8_t kept[64];
static uint32_t kept_len;

static void keep(struct sim *s)
{
	struct sim_pkt *p = s->flying;

	assert_non_null(p);
	assert_true(p->len <= sizeof(kept));
	memcpy(kept, p->data, p->len);
	kept_len = p->len;
}

static void late_syn_opens_nothing(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 9);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	uet_pds_flush(s.end[0].pds);
	keep(&s);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_run_for(&s, 1100 * MSEC);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	sim_inject(&s, &s.end[0].nic.addr, 1, kept, kept_len, 0);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, 1);
	assert_int_equal(s.end[1].rx_cnt, 1);
	sim_free(&s);
}

static void repeated_syn_keeps_pdc_open_for_a_while(void **state)
{
	struct sim s;
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_pdc *p;

	(void)state;
	sim_init(&s, 10);
	cfg.idle_close = 1 * MSEC;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	s.end[1].deaf = true;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	sim_run_for(&s, 6 * MSEC);
	s.end[1].deaf = false;
	assert_true(sim_run_done(&s, 20 * MSEC));
	p = sim_pdc(&s, 0);
	assert_true(p->syn_retx != 0);
	uet_pds_close(s.end[0].pds, s.now);	/* a goodbye would be as dangerous */
	assert_int_equal(sim_stats(&s, 0)->tx_cp, 0);
	sim_run(&s, p->syn_retx + 99 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 1);
	sim_run_for(&s, 2 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	sim_free(&s);
}

/* The target's wish, and want of room, close a PDC that its owner needs; idleness does not. */
static void needed_pdc_stays(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;

	(void)state;
	cfg.idle_close = 20 * MSEC;
	cfg.target_idle = 1 * SEC;
	sim_pair(&s, 10, &cfg);
	s.end[0].needed = true;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_run_for(&s, 900 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 1);
	s.end[0].needed = false;
	sim_run_for(&s, 30 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	s.end[0].needed = true;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_run_for(&s, 900 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 1);
	sim_run_for(&s, 200 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	assert_int_equal(s.end[0].gone_err, 0);
	sim_free(&s);
}

/* The target loses everything while the PDC is idle: nobody above notices. */
static void restarted_target_is_reopened(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	struct uet_pds_cfg cfg = sim_cfg();
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;
		struct sim_msg *m[3];
		int n;

		sim_two(&s, 11);
		sim_post(&s, 0, 1, modes[i], 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		sim_restart(&s, 1, &cfg);
		for (n = 0; n < 3; n++)
			m[n] = sim_post(&s, 0, 1, modes[i], 2, 10);
		assert_true(sim_run_done(&s, 1 * SEC));
		for (n = 0; n < 3; n++)
			assert_int_equal(m[n]->err, 0);
		assert_int_equal(sim_stats(&s, 0)->pdc_opened, 2);
		sim_free(&s);
	}
}

static void restart_in_the_middle_fails_what_was_begun(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m, *after;

	(void)state;
	sim_two(&s, 12);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 2000, 1000);
	after = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	sim_run_for(&s, 100 * USEC);
	assert_in_range(m->m.completed, 1, 1999);
	sim_restart(&s, 1, &cfg);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(m->err, -ECONNRESET);
	assert_int_equal(after->err, 0);
	assert_int_equal(s.end[0].gone_err, -ECONNRESET);
	sim_free(&s);
}

/* The initiator restarts and by chance uses the same PDCID from the same port. */
static void restarted_initiator_replaces_its_pdc(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	struct uet_pds_hdr h;

	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
	raw_open(&r);
	r.peer_id = 0;
	r.start += UET_PDS_PSN_APART - 1;	/* too near: an old packet */
	m = sim_msg(&s, 0, 1, UET_MODE_RUD, 3, 10);
	raw_request(&r, m, 0, 0, 0, -1);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_INVALID_SYN);
	assert_int_equal(h.spdcid, 0);
	r.start += 1;
	raw_request(&r, m, 0, 0, 0, -1);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	assert_int_equal(s.end[1].gone, 1);
	assert_int_equal(s.end[1].gone_err, -ECONNRESET);
	assert_int_equal(sim_stats(&s, 1)->pdc_restarted, 1);
	/* Work is going on: whatever this is, it does not replace it. */
	raw_request(&r, m, 2, 2, 0, -1);
	raw_turn(&r);
	sim_drain(&s, 0);
	r.start += 0x1000000;
	raw_request(&r, m, 1, 0, 0, -1);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_INVALID_SYN);
	/* Another PDCID is simply another PDC. */
	r.id++;
	raw_request(&r, m, 1, 0, 0, -1);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).type, UET_PDS_ACK_CC);
	assert_int_equal(sim_pdcs(&s, 1), 2);
	sim_free(&s);
}

static void limit_of_pdcs_at_the_initiator(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m;
	int i;

	(void)state;
	sim_init(&s, 13);
	cfg.max_pdc = 4;	/* one of them is kept for requests of peers */
	cfg.idle_close = 100 * SEC;
	for (i = 0; i < 6; i++)
		sim_add(&s, &cfg);
	for (i = 1; i <= 3; i++)
		sim_post(&s, 0, i, UET_MODE_RUD, 1, 10);
	m = sim_msg(&s, 0, 4, UET_MODE_RUD, 1, 10);
	assert_int_equal(sim_post_msg(&s, m), -EAGAIN);	/* all are busy */
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(sim_post_msg(&s, m), -EAGAIN);	/* the oldest idle one is closed */
	sim_run_for(&s, 1 * MSEC);
	assert_int_equal(sim_pdcs(&s, 0), 2);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(sim_post_msg(&s, m), 0);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_free(&s);
}

static void limit_of_pdcs_at_the_target(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	int i;

	(void)state;
	sim_init(&s, 14);
	cfg.max_pdc = 2;
	cfg.idle_close = 20 * MSEC;
	for (i = 0; i < 7; i++)
		sim_add(&s, &cfg);
	for (i = 1; i < 7; i++)
		sim_post(&s, i, 0, UET_MODE_ROD, 3, 10);
	assert_true(sim_run_done(&s, 2 * SEC));
	assert_true(sim_stats(&s, 0)->nack_tx_code[UET_NACK_NO_PDC_AVAIL] > 0);
	assert_int_equal(sim_stats(&s, 0)->pdc_accepted, 6);
	sim_free(&s);
}

/* Limit_PSN_Range: the PDC is closed in time, and order is kept across the change. */
static void psn_range_is_limited(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;
		struct uet_pdc *p;

		sim_two(&s, 15);
		sim_post(&s, 0, 1, modes[i], 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		p = sim_pdc(&s, 0);
		/* As if nearly 2^31 packets had been exchanged. */
		p->start_psn -= UET_PDS_PSN_LIMIT - 500;
		sim_post(&s, 0, 1, modes[i], 400, 1000);
		sim_post(&s, 0, 1, modes[i], 99, 1000);
		assert_int_equal(sim_pdcs(&s, 0), 1);
		sim_post(&s, 0, 1, modes[i], 1, 10);
		sim_post(&s, 0, 1, modes[i], 200, 10);
		assert_int_equal(sim_pdcs(&s, 0), 2);
		assert_int_equal(p->state, UET_PDC_DRAIN);
		assert_true(sim_run_done(&s, 1 * SEC));
		sim_run_for(&s, 1 * MSEC);
		assert_int_equal(sim_pdcs(&s, 0), 1);
		assert_int_equal(sim_pdcs(&s, 1), 1);
		sim_free(&s);
	}
}

/* A ROD PDC that waits for an older one ends first, or the older one fails. */
static void waiting_pdc_survives_its_predecessor(void **state)
{
	struct sim s;
	struct sim_msg *old, *next;
	struct uet_pdc *p;

	(void)state;
	sim_two(&s, 16);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	p = sim_pdc(&s, 0);
	s.end[1].deaf = true;
	old = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	uet_pdc_drain(s.end[0].pds, p);
	next = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(p->successor && p->successor->blocked);
	sim_run_for(&s, 4 * SEC);
	assert_int_equal(next->m.next, 0);
	sim_run_for(&s, 3 * SEC);
	assert_int_equal(old->err, -ETIMEDOUT);
	s.end[1].deaf = false;
	assert_true(sim_run_done(&s, 3 * SEC));
	assert_int_equal(next->err, 0);
	sim_free(&s);
}

static void waiting_pdc_ends_first(void **state)
{
	struct sim s;
	struct sim_msg *old, *next;
	struct uet_pdc *p;

	(void)state;
	sim_two(&s, 18);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	p = sim_pdc(&s, 0);
	old = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	uet_pdc_drain(s.end[0].pds, p);
	next = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	uet_pdc_fail(s.end[0].pds, p->successor, -EIO, 0, -EIO);
	assert_int_equal(next->err, -EIO);
	assert_null(p->successor);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(old->err, 0);
	sim_free(&s);
}

/* The one in the middle of three ends: the last goes on waiting for the first. */
static void waiting_pdc_hands_its_place_on(void **state)
{
	struct sim s;
	struct sim_msg *old, *next, *last;
	struct uet_pdc *p, *q, *r;

	(void)state;
	sim_two(&s, 19);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	p = sim_pdc(&s, 0);
	s.end[1].deaf = true;
	old = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	uet_pdc_drain(s.end[0].pds, p);
	next = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	q = p->successor;
	uet_pdc_drain(s.end[0].pds, q);
	last = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	r = q->successor;
	assert_non_null(r);
	uet_pdc_fail(s.end[0].pds, q, -EIO, 0, -EIO);
	assert_int_equal(next->err, -EIO);
	assert_ptr_equal(p->successor, r);
	assert_true(r->blocked);
	sim_run_for(&s, 1 * SEC);
	assert_int_equal(last->m.next, 0);
	s.end[1].deaf = false;
	assert_true(sim_run_done(&s, 3 * SEC));
	assert_int_equal(old->err, 0);
	assert_int_equal(last->err, 0);
	assert_true(old->done_at < last->done_at);
	sim_free(&s);
}

/*
 * The first of three in a row is refused for good: its work goes in front of that of the second,
 * not behind it to the third.
 */
static void refused_work_stays_in_front(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *first, *next, *last;
	struct uet_pdc *p;

	(void)state;
	sim_two(&s, 20);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	sim_restart(&s, 1, &cfg);
	p = sim_pdc(&s, 0);
	first = sim_post(&s, 0, 1, UET_MODE_ROD, 20, 10);
	uet_pdc_drain(s.end[0].pds, p);
	next = sim_post(&s, 0, 1, UET_MODE_ROD, 20, 10);
	uet_pdc_drain(s.end[0].pds, p->successor);
	last = sim_post(&s, 0, 1, UET_MODE_ROD, 20, 10);
	assert_true(p->successor && p->successor->successor);
	/* The floor above checks the order of what arrives. */
	assert_true(sim_run_done(&s, 3 * SEC));
	assert_int_equal(first->err, 0);
	assert_int_equal(next->err, 0);
	assert_int_equal(last->err, 0);
	assert_true(first->done_at <= next->done_at && next->done_at < last->done_at);
	assert_int_equal(sim_stats(&s, 0)->pdc_opened, 3);
	sim_run_for(&s, 10 * SEC);
	assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

/* An emptied one that is about to vanish does not stand in the way of the next. */
static void waiting_pdc_without_work_is_passed(void **state)
{
	struct sim s;
	struct sim_msg *old, *next, *last;
	struct uet_pdc *p;

	(void)state;
	sim_two(&s, 23);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	p = sim_pdc(&s, 0);
	s.end[1].deaf = true;
	old = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	uet_pdc_drain(s.end[0].pds, p);
	next = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(uet_pds_stop(s.end[0].pds, &next->m, false));
	next->finished = true;
	s.open--;
	uet_pdc_evict(s.end[0].pds);
	last = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	sim_run_for(&s, 1 * SEC);
	assert_int_equal(last->m.next, 0);
	s.end[1].deaf = false;
	assert_true(sim_run_done(&s, 3 * SEC));
	assert_int_equal(old->err, 0);
	assert_int_equal(last->err, 0);
	assert_true(old->done_at < last->done_at);
	sim_free(&s);
}

static enum sim_verdict drop_acks(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return s->arg[0] && uet_pds_is_ack(h->type) ? SIM_DROP : SIM_PASS;
}

/* What a target took in before it forgot a silent initiator is not sent to it once more. */
static void long_absence_repeats_nothing(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 24);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = drop_acks;
	s.arg[0] = 1;
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	sim_run_for(&s, 1 * MSEC);
	assert_int_equal(m->seen[0], 1);
	s.end[0].deaf = true;
	s.end[0].asleep = s.now + 60 * SEC;
	sim_run_for(&s, 60 * SEC);
	s.end[0].deaf = false;
	s.arg[0] = 0;
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_true(sim_run_done(&s, 10 * SEC));
	assert_int_equal(m->err, -ECONNRESET);
	assert_int_equal(m->seen[0], 1);
	sim_free(&s);
}

/* A target that speaks, but of packets that we know it has: no agreement is possible. */
static void contradicting_peer_is_given_up(void **state)
{
	struct sim s;
	struct raw r;
	struct sim_msg *m;
	int i;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_ROD, NULL);
	sim_post(&s, 1, 0, UET_MODE_ROD, 1, 10);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	m = sim_post(&s, 1, 0, UET_MODE_ROD, 1, 10);
	for (i = 0; i < 190; i++) {
		raw_turn(&r);
		sim_drain(&s, 0);
		raw_nack(&r, UET_NACK_ROD_OOO, 1, r.start, true);
		assert_false(m->finished);
		sim_run_for(&s, 100 * MSEC);
	}
	sim_run_for(&s, 2 * SEC);
	assert_true(m->finished);
	assert_int_equal(m->err, -ECONNRESET);
	sim_free(&s);
}

static void never_used_pdc_is_forgotten(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_pair(&s, 17, &cfg);
	s.end[0].room_max = -1;		/* nothing leaves, so nothing is ever sent */
	s.end[0].room = -1;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	uet_pds_flush(s.end[0].pds);
	m = sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(uet_pds_stop(s.end[0].pds, &m->m, false));
	s.open--;
	s.end[0].room_max = 0;
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(sim_pdcs(&s, 0), 2);
	sim_run_for(&s, 2 * SEC);
	assert_int_equal(sim_pdcs(&s, 0), 0);
	assert_int_equal(sim_stats(&s, 1)->pdc_accepted, 1);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_pdc_closes_and_opens_again),
		cmocka_unit_test(target_asks_idle_initiator),
		cmocka_unit_test(target_forgets_dead_initiator),
		cmocka_unit_test(dead_peer_fails_in_bounded_time),
		cmocka_unit_test(short_outage_is_survived),
		cmocka_unit_test(refusing_peer_is_not_dead),
		cmocka_unit_test(own_absence_is_not_silence),
		cmocka_unit_test(failing_close_is_nobodys_business),
		cmocka_unit_test(late_syn_opens_nothing),
		cmocka_unit_test(repeated_syn_keeps_pdc_open_for_a_while),
		cmocka_unit_test(needed_pdc_stays),
		cmocka_unit_test(restarted_target_is_reopened),
		cmocka_unit_test(restart_in_the_middle_fails_what_was_begun),
		cmocka_unit_test(restarted_initiator_replaces_its_pdc),
		cmocka_unit_test(limit_of_pdcs_at_the_initiator),
		cmocka_unit_test(limit_of_pdcs_at_the_target),
		cmocka_unit_test(psn_range_is_limited),
		cmocka_unit_test(waiting_pdc_survives_its_predecessor),
		cmocka_unit_test(waiting_pdc_ends_first),
		cmocka_unit_test(waiting_pdc_hands_its_place_on),
		cmocka_unit_test(refused_work_stays_in_front),
		cmocka_unit_test(waiting_pdc_without_work_is_passed),
		cmocka_unit_test(long_absence_repeats_nothing),
		cmocka_unit_test(contradicting_peer_is_given_up),
		cmocka_unit_test(never_used_pdc_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
