/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ROD packets that arrive ahead of others: as target that keeps them, and as source of one. */
#include "pds/ahead.h"
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

/* ---- target ---- */

static uint32_t kept(void)
{
	return s.end[1].pds->aheads.used;
}

/* An open PDC whose target has memory for @packets. Returns a message of 8 packets. */
static struct sim_msg *target(uint32_t packets)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.max_ahead = packets *
			(sizeof(struct uet_ahead) + cfg.cms.mtu + UET_PDS_SES_MAX);
	raw_init(&r, &s, UET_MODE_ROD, &cfg);
	raw_open(&r);
	return sim_msg(&s, 0, 1, UET_MODE_ROD, 8, 100);
}

/* Packet @at of the PDC, which is packet @at - 1 of @m. */
static void request(const struct sim_msg *m, int32_t at, uint8_t flags)
{
	raw_request(&r, m, (uint32_t)at - 1, at, flags, 0);
	raw_turn(&r);
}

/* The next packet is an ACK up to @cack that shows @bits, from the first one missing on. */
static void is_ack(int32_t cack, uint64_t bits)
{
	struct uet_pds_hdr h = raw_take(&r, NULL);

	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.psn, r.start + (uint32_t)cack);
	assert_int_equal(h.sack_bitmap, bits);
	if (bits)
		assert_int_equal(uet_pds_sack_base(&h), h.psn + 1);
	/* What is kept has no answer. */
	assert_true(uet_psn_diff(uet_pds_offset_psn(&h), h.psn) <= 0);
}

/* The next packet says that @expected is missing before @at. */
static void is_gap(int32_t expected, int32_t at)
{
	struct uet_pds_hdr h = raw_take(&r, NULL);

	assert_int_equal(h.type, UET_PDS_NACK);
	assert_int_equal(h.nack_code, UET_NACK_ROD_OOO);
	assert_int_equal(h.payload, r.start + (uint32_t)expected);
	assert_int_equal(h.psn, r.start + (uint32_t)at);
}

static void keeps_until_the_gap_is_filled(void **state)
{
	struct sim_msg *m = target(64);

	(void)state;
	request(m, 2, 0);
	/* First what it has, then what it has not. */
	is_ack(0, 0x2);
	is_gap(1, 2);
	request(m, 4, 0);
	request(m, 3, 0);
	assert_true(raw_silent(&r));
	assert_int_equal(kept(), 3);
	assert_int_equal(s.end[1].rx_cnt, 1);
	request(m, 1, UET_PDS_F_RETX | UET_PDS_F_AR);
	is_ack(1, 0x7);
	is_ack(4, 0);
	assert_int_equal(s.end[1].rx_cnt, 5);
	assert_int_equal(kept(), 0);
	assert_true(raw_silent(&r));
}

static void tells_of_the_next_gap(void **state)
{
	struct sim_msg *m = target(64);

	(void)state;
	request(m, 2, 0);
	is_ack(0, 0x2);
	is_gap(1, 2);
	request(m, 5, UET_PDS_F_AR);
	is_ack(0, 0x12);
	request(m, 1, 0);
	is_ack(2, 0x4);
	is_gap(3, 5);
	request(m, 4, UET_PDS_F_AR);
	is_ack(2, 0x6);
	request(m, 3, UET_PDS_F_AR);
	is_ack(3, 0x3);
	is_ack(5, 0);
	assert_true(raw_silent(&r));
	assert_int_equal(s.end[1].rx_cnt, 6);
}

static void copies_of_what_is_kept(void **state)
{
	struct sim_msg *m = target(64);

	(void)state;
	request(m, 2, 0);
	sim_drain(&s, 0);
	request(m, 2, UET_PDS_F_RETX | UET_PDS_F_AR);
	is_ack(0, 0x2);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 2, 0);
	raw_turn(&r);
	is_ack(0, 0x2);
	assert_true(raw_silent(&r));
	assert_int_equal(kept(), 1);
	assert_int_equal(sim_stats(&s, 1)->rx_duplicate, 1);
	request(m, 1, UET_PDS_F_AR);
	assert_int_equal(s.end[1].rx_cnt, 3);
}

/* Without memory it drops, as others do. */
static void memory_is_bounded(void **state)
{
	struct sim_msg *m = target(2);

	(void)state;
	request(m, 2, 0);
	request(m, 3, 0);
	request(m, 4, 0);
	assert_int_equal(kept(), 2);
	sim_drain(&s, 0);
	request(m, 1, UET_PDS_F_AR);
	is_ack(1, 0x3);
	is_ack(3, 0);
	assert_int_equal(s.end[1].rx_cnt, 4);
	/* So do those that have none at all. */
	teardown(NULL);
	m = target(0);
	request(m, 2, 0);
	is_gap(1, 2);
	assert_true(raw_silent(&r));
	request(m, 1, UET_PDS_F_AR);
	is_ack(1, 0);
	assert_int_equal(kept(), 0);
}

static void too_long_to_keep(void **state)
{
	struct sim_msg *m = target(64);

	(void)state;
	m = sim_msg(&s, 0, 1, UET_MODE_ROD, 8, 3000);
	request(m, 2, 0);
	is_gap(1, 2);
	assert_int_equal(kept(), 0);
}

/* One that waited is refused when its turn has come: it comes again, the others stay. */
static void refused_later(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_pds_hdr h;
	struct sim_msg *m;

	(void)state;
	cfg.max_ahead = 1 << 20;
	cfg.max_stored = 1;
	raw_init(&r, &s, UET_MODE_ROD, &cfg);
	raw_open(&r);
	m = sim_msg(&s, 0, 1, UET_MODE_ROD, 8, 100);
	m->gtd = true;
	request(m, 2, 0);
	request(m, 3, 0);
	sim_drain(&s, 0);
	request(m, 1, 0);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_NO_GTD_DEL_AVAIL);
	assert_int_equal(h.psn, r.start + 2);
	assert_int_equal(s.end[1].rx_cnt, 2);
	assert_int_equal(kept(), 1);
	/* The answer to 1 has arrived, which makes room; then the same with that to 2. */
	raw_request(&r, m, 1, 2, UET_PDS_F_RETX | UET_PDS_F_AR, 1);
	assert_int_equal(s.end[1].rx_cnt, 3);
	assert_int_equal(kept(), 0);
	raw_request(&r, m, 2, 3, UET_PDS_F_RETX | UET_PDS_F_AR, 2);
	assert_int_equal(s.end[1].rx_cnt, 4);
}

static void a_pdc_that_ends_keeps_nothing(void **state)
{
	struct sim_msg *m = target(64);

	(void)state;
	request(m, 2, 0);
	request(m, 3, 0);
	assert_int_equal(kept(), 2);
	sim_run_for(&s, 30 * SEC);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(kept(), 0);
}

/* ---- source ---- */

/* An established PDC with @cnt packets out at Start_PSN + 1 .. */
static struct sim_msg *source(uint32_t cnt)
{
	struct sim_msg *m;
	uint32_t i;

	raw_init_target(&r, &s, UET_MODE_ROD, NULL);
	sim_post(&s, 1, 0, UET_MODE_ROD, 1, 50);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	m = sim_post(&s, 1, 0, UET_MODE_ROD, cnt, 50);
	raw_turn(&r);
	for (i = 0; i < cnt; i++)
		raw_take_request(&r);
	assert_true(raw_silent(&r));
	return m;
}

/* Only @at is repeated. */
static void is_repeated(int32_t at)
{
	struct uet_pds_hdr h = raw_take_request(&r);

	assert_int_equal(uet_psn_diff(h.psn, r.start), at);
	assert_true(h.flags & UET_PDS_F_RETX);
}

static void repeats_only_what_is_missing(void **state)
{
	struct sim_msg *m = source(8);

	(void)state;
	raw_ack_with(&r, 0, 0, 0, NULL, 0, 8, 0x2);	/* 1 is missing, 2 kept */
	raw_nack(&r, UET_NACK_ROD_OOO, 2, r.start + 1, true);
	raw_turn(&r);
	is_repeated(1);
	assert_true(raw_silent(&r));
	/* 1 filled the gap; 4 and 5 are the next. */
	raw_ack_with(&r, 3, 0, 0, NULL, 0, 8, 0x4);
	raw_nack(&r, UET_NACK_ROD_OOO, 6, r.start + 4, true);
	raw_turn(&r);
	is_repeated(4);
	is_repeated(5);
	assert_true(raw_silent(&r));
	assert_int_equal(sim_stats(&s, 1)->retx_goback, 0);
	raw_ack(&r, 8, 8);
	assert_true(m->finished);
}

/* Seen in the bitmaps alone, as on RUD. */
static void finds_what_was_overtaken(void **state)
{
	struct sim_msg *m = source(8);

	(void)state;
	raw_ack_with(&r, 1, 0, 0, NULL, 0, 8, 0x7e);	/* 2 is missing, 3 .. 8 kept */
	raw_turn(&r);
	is_repeated(2);
	assert_true(raw_silent(&r));
	raw_ack(&r, 8, 8);
	assert_true(m->finished);
}

/* One that keeps nothing is sent everything again. */
static void goes_back_for_others(void **state)
{
	int32_t i;

	(void)state;
	source(4);
	raw_nack(&r, UET_NACK_ROD_OOO, 2, r.start + 1, true);
	raw_turn(&r);
	for (i = 1; i <= 4; i++)
		is_repeated(i);
	assert_int_equal(sim_stats(&s, 1)->retx_goback, 4);
	raw_ack(&r, 4, 4);
}

/* What was kept is refused when its turn has come. */
static void kept_and_refused(void **state)
{
	struct sim_msg *m = source(4);

	(void)state;
	raw_ack_with(&r, 1, 0, 0, NULL, 0, 8, 0x6);	/* 2 is missing, 3 and 4 kept */
	raw_nack(&r, UET_NACK_ROD_OOO, 3, r.start + 2, true);
	raw_turn(&r);
	is_repeated(2);
	raw_ack(&r, 2, 2);
	raw_nack(&r, UET_NACK_NO_PKT_BUFFER, 3, 0, true);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	sim_run_for(&s, 2 * MSEC);
	is_repeated(3);
	raw_ack(&r, 4, 4);
	assert_true(m->finished);
}

/* ---- both ---- */

static int lost_at;

static enum sim_verdict lose_some(struct sim *sim, int from, int to, const struct uet_pds_hdr *h)
{
	(void)to;
	if (from != 0 || h->type != UET_PDS_ROD_REQ || h->flags & UET_PDS_F_RETX)
		return SIM_PASS;
	(void)sim;
	return ++lost_at % 53 == 0 ? SIM_DROP : SIM_PASS;
}

/* Two real ends. */
static void two_that_keep(void)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.max_ahead = 16 << 20;
	sim_pair(&s, 1, &cfg);
}

static void a_loss_costs_one_packet(void **state)
{
	struct sim_msg *m;

	(void)state;
	two_that_keep();
	s.filter = lose_some;
	lost_at = 0;
	m = sim_post(&s, 0, 1, UET_MODE_ROD, 1020, 1000);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(m->err, 0);
	/* A time-out after the loss of a packet with AR may repeat one too many. */
	assert_in_range(sim_stats(&s, 0)->tx_retx, 19, 21);
	assert_int_equal(sim_stats(&s, 0)->retx_goback, 0);
	assert_in_range(sim_stats(&s, 1)->rx_duplicate, 0, 2);
	assert_int_equal(s.end[1].pds->aheads.used, 0);
}

/*
 * arg[0]: PSN of which all copies are lost, until arg[1]; arg[2]: them, arg[3]: ACK_REQs
 * for others.
 */
static enum sim_verdict lose_one(struct sim *sim, int from, int to, const struct uet_pds_hdr *h)
{
	(void)to;
	if (from != 0)
		return SIM_PASS;
	if (h->type == UET_PDS_CP && h->ctl_type == UET_CTL_ACK_REQ)
		sim->arg[3] += h->psn != (uint32_t)sim->arg[0];
	if (h->type != UET_PDS_ROD_REQ || h->psn != (uint32_t)sim->arg[0] ||
	    sim->now >= (uint64_t)sim->arg[1])
		return SIM_PASS;
	sim->arg[2]++;
	return SIM_DROP;
}

/* What is kept has no answer: a socket with room for one packet is for the one that is missing. */
static void asks_for_nothing_behind_a_gap(void **state)
{
	struct sim_msg *m;

	(void)state;
	two_that_keep();
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 1000);
	assert_true(sim_run_done(&s, 1 * SEC));
	s.filter = lose_one;
	s.arg[0] = sim_pdc(&s, 0)->tx_next;
	s.arg[1] = (int64_t)(s.now + 2 * SEC);
	m = sim_post(&s, 0, 1, UET_MODE_ROD, 10, 1000);
	assert_true(sim_run_done(&s, 4 * SEC));
	assert_int_equal(m->err, 0);
	assert_true(s.arg[2] > 5);
	assert_int_equal(s.arg[3], 0);
	assert_int_equal(sim_stats(&s, 0)->tx_retx, s.arg[2]);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	static const struct CMUnitTest tests[] = {
		T(keeps_until_the_gap_is_filled),
		T(tells_of_the_next_gap),
		T(copies_of_what_is_kept),
		T(memory_is_bounded),
		T(too_long_to_keep),
		T(refused_later),
		T(a_pdc_that_ends_keeps_nothing),
		T(repeats_only_what_is_missing),
		T(finds_what_was_overtaken),
		T(goes_back_for_others),
		T(kept_and_refused),
		T(a_loss_costs_one_packet),
		T(asks_for_nothing_behind_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
