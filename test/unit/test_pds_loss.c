/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Losses of every kind of packet, and how they are made good. */
#include "pds_sim.h"

/* Drop the packets of one kind whose number is in a set. arg[0]: count so far, arg[1]: set. */
static enum sim_verdict drop_nth(struct sim *s, bool match)
{
	if (!match)
		return SIM_PASS;
	return s->arg[0]++ < 63 && s->arg[1] >> (s->arg[0] - 1) & 1 ? SIM_DROP : SIM_PASS;
}

static enum sim_verdict data(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return drop_nth(s, uet_pds_is_request(h->type));
}

/* With all questions. */
static enum sim_verdict data_and_cp(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	return h->type == UET_PDS_CP ? SIM_DROP : data(s, from, to, h);
}

static enum sim_verdict ack(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return drop_nth(s, uet_pds_is_ack(h->type));
}

static enum sim_verdict nack(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return drop_nth(s, h->type == UET_PDS_NACK);
}

static enum sim_verdict nack_and_cp(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	return h->type == UET_PDS_CP ? SIM_DROP : nack(s, from, to, h);
}

static enum sim_verdict cp(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	return drop_nth(s, h->type == UET_PDS_CP);
}

static uint64_t rtos(const struct sim *s)
{
	return sim_stats(s, 0)->retx_rto;
}

/* Packets that were lost come again after one round trip, each once, without a time-out. */
static void sack_repairs_without_timeout(void **state)
{
	static const int64_t sets[] = { 1 << 5, 0x7 << 4, 0x155 << 3, 1, 0x3ff };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(sets); i++) {
		struct sim s;
		uint32_t lost = (uint32_t)__builtin_popcountll((uint64_t)sets[i]);

		sim_two(&s, 1);
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		s.filter = data;
		s.arg[1] = sets[i];
		sim_post(&s, 0, 1, UET_MODE_RUD, 50, 500);
		assert_true(sim_run_done(&s, 4 * MSEC));
		assert_int_equal(rtos(&s), 0);
		assert_int_equal(sim_stats(&s, 0)->retx_sack, lost);
		assert_int_equal(sim_stats(&s, 0)->tx_data, 51 + lost);
		sim_free(&s);
	}
}

/* A repetition that is lost as well is found by the packets sent after it. */
static void lost_repetition_is_repeated(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 2);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = data;
	/* The window is 85 packets at first: number 86 is the first repetition. */
	s.arg[1] = 1 << 2;
	sim_post(&s, 0, 1, UET_MODE_RUD, 400, 10);
	sim_run_for(&s, 30 * USEC);
	s.arg[0] = 0;
	s.arg[1] = 1;
	assert_true(sim_run_done(&s, 4 * MSEC));
	assert_int_equal(rtos(&s), 0);
	assert_int_equal(sim_stats(&s, 0)->retx_sack, 2);
	sim_free(&s);
}

static void reordering_is_tolerated(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 3);
	s.late_ppm = 300000;
	s.late = 20 * USEC;
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 800, 100);
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(m->err, 0);
	assert_int_equal(rtos(&s), 0);
	sim_free(&s);
}

/* All of a small window is lost, or what acknowledges it: the source asks, long before an RTO. */
static void ask_in_silence(uint8_t mode, sim_filter_fn filter, int lost)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;

	cfg.cms.window_init = cfg.cms.window_max = 2 * cfg.cms.mtu;
	sim_pair(&s, 6, &cfg);
	sim_post(&s, 0, 1, mode, 10, 500);
	assert_true(sim_run_done(&s, 4 * MSEC));
	s.filter = filter;
	s.arg[1] = lost;
	sim_post(&s, 0, 1, mode, 100, 500);
	assert_true(sim_run_done(&s, 4 * MSEC));
	assert_int_equal(rtos(&s), 0);
	assert_true(s.arg[0] > 6);
	sim_free(&s);
}

static void shut_window_is_not_silent(void **state)
{
	uint8_t mode;

	(void)state;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		ask_in_silence(mode, data, 3 << 4);
		ask_in_silence(mode, ack, 1 << 4);
	}
}

/* The last packet of all, its repetition too, or the answer: all that comes before an RTO. */
static void lost_tail_is_asked_for(void **state)
{
	static const struct {
		sim_filter_fn filter;
		int64_t lost;
	} cases[] = { { data, 1 }, { data, 3 }, { ack, 1 }, { ack, 3 } };
	uint8_t mode;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * UET_ARRAY_SIZE(cases); i++) {
		struct sim s;

		mode = i & 1 ? UET_MODE_ROD : UET_MODE_RUD;
		sim_two(&s, 4);
		sim_post(&s, 0, 1, mode, 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		s.filter = cases[i / 2].filter;
		s.arg[1] = cases[i / 2].lost;
		sim_post(&s, 0, 1, mode, 1, 10);
		assert_true(sim_run_done(&s, 4 * MSEC));
		assert_int_equal(rtos(&s), 0);
		sim_free(&s);
	}
}

/*
 * All of a window is lost at the end, of which a question names but the first: what answers its
 * repetition speaks for the rest, which need not be asked for one by one.
 */
static void lost_burst_is_asked_for_once(void **state)
{
	static const uint32_t algorithms[] = { 0, UET_CMS_NSCC };
	uint8_t mode;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * UET_ARRAY_SIZE(algorithms); i++) {
		struct uet_pds_cfg cfg = sim_cfg();
		struct sim s;

		mode = i & 1 ? UET_MODE_ROD : UET_MODE_RUD;
		cfg.cms.algorithm = algorithms[i / 2];
		sim_pair(&s, 4, &cfg);
		sim_post(&s, 0, 1, mode, 100, 500);
		assert_true(sim_run_done(&s, 5 * MSEC));
		s.filter = data;
		s.arg[1] = (1ll << 40) - 1;
		sim_post(&s, 0, 1, mode, 40, 500);
		assert_true(sim_run_done(&s, 2 * MSEC));
		assert_int_equal(rtos(&s), 0);
		assert_int_equal(sim_stats(&s, 0)->tx_retx, 40);
		sim_free(&s);
	}
}

/* What answers a question has not been on its way since the packet left. */
static void pause_is_no_round_trip(void **state)
{
	int64_t lost;

	(void)state;
	for (lost = 1; lost <= 3; lost += 2) {
		const struct uet_cms_rtt *rtt;
		struct sim s;

		sim_two(&s, 4);
		sim_post(&s, 0, 1, UET_MODE_RUD, 100, 500);
		assert_true(sim_run_done(&s, 5 * MSEC));
		rtt = &sim_pdc(&s, 0)->ccc->cms.rtt;
		assert_in_range(rtt->srtt, 20 * USEC, 30 * USEC);
		s.filter = ack;
		s.arg[1] = lost;
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 500);
		assert_true(sim_run_done(&s, 4 * MSEC));
		assert_int_equal(sim_stats(&s, 0)->tx_retx, 0);
		assert_in_range(rtt->srtt, 20 * USEC, 30 * USEC);
		/* Nor is a packet's own round trip shorter because somebody asked meanwhile. */
		s.filter = NULL;
		s.delay = 400 * USEC;
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, 500);
		assert_true(sim_run_done(&s, 4 * MSEC));
		assert_in_range(rtt->srtt, 110 * USEC, 130 * USEC);
		sim_free(&s);
	}
}

/* arg[0]: PSN that never arrives; arg[1]: packets. */
static enum sim_verdict hole(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	s->arg[1]++;
	return uet_pds_is_request(h->type) && h->psn == (uint32_t)s->arg[0] ? SIM_DROP : SIM_PASS;
}

/* One packet never arrives, others do, and the target says so each time: that ends, too. */
static void black_hole_ends(void **state)
{
	uint8_t mode, ahead;

	(void)state;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		for (ahead = 0; ahead < 2; ahead++) {
			struct uet_pds_cfg cfg = sim_cfg();
			struct sim_msg *m;
			struct sim s;

			cfg.max_ahead = ahead ? 1 << 20 : 0;
			sim_pair(&s, 4, &cfg);
			sim_post(&s, 0, 1, mode, 100, 500);
			assert_true(sim_run_done(&s, 5 * MSEC));
			s.filter = hole;
			s.arg[0] = sim_pdc(&s, 0)->tx_next + 3;
			m = sim_post(&s, 0, 1, mode, 20, 500);
			assert_true(sim_run_done(&s, 30 * SEC));
			assert_true(m->err == -ETIMEDOUT || m->err == -ECONNRESET);
			assert_in_range(s.arg[1], 30, 3000);
			sim_free(&s);
		}
	}
}

/* The last packet of all, and whatever is asked about it: only the timer notices. */
static void timeouts_back_off(void **state)
{
	static const uint64_t rto[] = { 5, 10, 20, 40, 80, 160 };
	struct sim s;
	uint64_t start;
	size_t i;

	(void)state;
	sim_two(&s, 4);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = data_and_cp;
	s.arg[1] = 0x3f;
	start = s.now;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	for (i = 0; i < UET_ARRAY_SIZE(rto); i++) {
		start += rto[i] * MSEC;
		sim_run(&s, start - 10 * USEC);
		assert_int_equal(s.arg[0], i + 1);
		sim_run(&s, start + 10 * USEC);
		assert_int_equal(s.arg[0], i + 2);
	}
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(rtos(&s), 6);
	assert_int_equal(sim_pdc(&s, 0)->ccc->cms.window.size, 2048);
	sim_free(&s);
}

static void lost_acks(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;
		struct sim_msg *m, *g;

		sim_two(&s, 5);
		s.filter = ack;
		s.arg[1] = 0xb;
		m = sim_post(&s, 0, 1, modes[i], 3, 100);
		g = sim_msg(&s, 0, 1, modes[i], 4, 100);
		g->gtd = true;
		assert_int_equal(sim_post_msg(&s, g), 0);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_int_equal(m->err | g->err, 0);
		/* Repeated, or asked for where the bitmap told of it. */
		assert_true(sim_stats(&s, 1)->rx_duplicate + sim_stats(&s, 0)->tx_cp > 0);
		sim_free(&s);
	}
}

static void lost_syn_packets(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;
		int set;

		for (set = 1; set < 32; set++) {
			sim_two(&s, 6);
			s.filter = data;
			s.arg[1] = set;
			sim_post(&s, 0, 1, modes[i], 2, 100);
			sim_post(&s, 0, 1, modes[i], 3, 100);
			assert_true(sim_run_done(&s, 1 * SEC));
			assert_int_equal(sim_pdcs(&s, 1), 1);
			assert_int_equal(sim_stats(&s, 0)->pdc_opened, 1);
			sim_free(&s);
		}
	}
}

/* One NACK per gap, and everything from there on again. */
static void rod_goes_back(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 7);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = data;
	s.arg[1] = 1 << 10;
	sim_post(&s, 0, 1, UET_MODE_ROD, 40, 200);
	assert_true(sim_run_done(&s, 4 * MSEC));
	assert_int_equal(rtos(&s), 0);
	assert_int_equal(sim_stats(&s, 1)->nack_tx_code[UET_NACK_ROD_OOO], 1);
	assert_int_equal(sim_stats(&s, 0)->retx_goback, 30);
	sim_free(&s);
}

static void lost_nack(void **state)
{
	struct sim s;
	uint64_t start;

	(void)state;
	/* Refusal: the time-out stands in for the NACK. */
	sim_two(&s, 8);
	s.filter = nack;
	s.arg[1] = 1;
	s.end[1].nack_code = UET_NACK_NO_PKT_BUFFER;
	s.end[1].nack_left = 1;
	start = s.now;
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_in_range(s.now - start, 5 * MSEC, 6 * MSEC);
	sim_free(&s);

	/* Gap: the next packet after a while brings another NACK. */
	sim_two(&s, 9);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = data;
	s.arg[1] = 1;
	sim_post(&s, 0, 1, UET_MODE_ROD, 2, 10);
	uet_pds_flush(s.end[0].pds);
	s.filter = nack_and_cp;
	s.arg[0] = 0;
	s.arg[1] = 1;
	sim_run_for(&s, 2 * MSEC);
	assert_int_equal(s.open, 1);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(rtos(&s), 0);
	sim_free(&s);
}

/* The lost CLEAR_CMD is asked for again, or the close clears. */
static void lost_clear_and_close(void **state)
{
	int set;

	(void)state;
	for (set = 0; set < 16; set++) {
		struct sim s;
		struct sim_msg *m;

		sim_two(&s, 10);
		s.filter = cp;
		s.arg[1] = set;
		m = sim_msg(&s, 0, 1, UET_MODE_RUD, 3, 10);
		m->gtd = true;
		assert_int_equal(sim_post_msg(&s, m), 0);
		assert_true(sim_run_done(&s, 1 * SEC));
		sim_run_for(&s, 4 * SEC);
		assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
		assert_int_equal(sim_stats(&s, 0)->pdc_failed, 0);
		assert_int_equal(s.end[1].gone_err | s.end[0].gone_err, 0);
		sim_free(&s);
	}
}

/* Messages at the end of a burst: what was overtaken needs no time-out. */
static void tail_is_repaired_by_bitmap(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 11);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.filter = data;
	s.arg[1] = 1;
	sim_post(&s, 0, 1, UET_MODE_RUD, 2, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(rtos(&s), 0);
	sim_free(&s);
}

static void accounting_balances_under_loss(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;
		int n;

		sim_two(&s, 12);
		s.drop_ppm = 100000;
		s.end[1].nack_code = UET_NACK_NO_PKT_BUFFER;
		s.end[1].nack_ppm = 50000;
		sim_post(&s, 0, 1, modes[i], 300, 1000);
		for (n = 0; n < 2000 && s.open; n++) {
			sim_run_for(&s, 10 * MSEC);
			sim_check(&s);
		}
		assert_int_equal(s.open, 0);
		assert_int_equal(sim_pdc(&s, 0)->ccc->cms.inflight, 0);
		sim_free(&s);
	}
}

/* Let end 1 work for @work ns and be descheduled for @pause, by turns, until all is done. */
static void run_interrupted(struct sim *s, uint64_t work, uint64_t pause)
{
	int turns;

	for (turns = 0; s->open && turns < 100; turns++) {
		sim_run_for(s, work);
		s->end[1].asleep = s->now + pause;
		sim_run_for(s, pause);
		sim_check(s);
	}
	assert_int_equal(s->open, 0);
}

/* A peer that does not run for a while has lost nothing: what waits there is not repeated. */
static void pause_is_not_loss(void **state)
{
	static const struct {
		uint8_t mode;
		uint64_t pause, cost;
	} cases[] = {
		{ UET_MODE_RUD, 7 * MSEC, 1 * USEC }, { UET_MODE_ROD, 7 * MSEC, 1 * USEC },
		{ UET_MODE_RUD, 12 * MSEC, 4 * USEC }, { UET_MODE_ROD, 12 * MSEC, 4 * USEC },
		{ UET_MODE_RUD, 20 * MSEC, 4 * USEC }, { UET_MODE_ROD, 20 * MSEC, 4 * USEC },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct sim s;

		sim_two(&s, 20);
		sim_post(&s, 0, 1, cases[i].mode, 1, 10);
		assert_true(sim_run_done(&s, 1 * MSEC));
		s.end[1].cost = cases[i].cost;
		sim_post(&s, 0, 1, cases[i].mode, 2000, 1024);
		run_interrupted(&s, MSEC, cases[i].pause);
		assert_true(rtos(&s) > 0);
		assert_true(rtos(&s) <= 4);
		assert_int_equal(sim_stats(&s, 0)->tx_data, 2001 + rtos(&s));
		assert_int_equal(sim_stats(&s, 1)->rx_duplicate, rtos(&s));
		sim_free(&s);
	}
}

/* Nor does the slow one time out that works without a pause. */
static void slow_is_not_lost(void **state)
{
	struct sim s;
	uint8_t mode;

	(void)state;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		sim_two(&s, 21);
		s.end[1].cost = 1 * USEC;
		sim_post(&s, 0, 1, mode, 1000, 1024);
		assert_true(sim_run_done(&s, 100 * MSEC));
		s.end[1].cost = 60 * USEC;	/* more than the RTO for a batch and a half */
		sim_post(&s, 0, 1, mode, 1000, 1024);
		assert_true(sim_run_done(&s, 100 * MSEC));
		assert_int_equal(sim_stats(&s, 0)->tx_data, 2000);
		assert_int_equal(rtos(&s), 0);
		sim_free(&s);
	}
}

/* A real loss among packets that a pause makes late is found without another time-out. */
static void loss_during_pause(void **state)
{
	struct sim s;
	uint8_t mode;
	int nth;

	(void)state;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		for (nth = 0; nth < 60; nth += 13) {
			sim_two(&s, 22);
			sim_post(&s, 0, 1, mode, 1, 10);
			assert_true(sim_run_done(&s, 1 * MSEC));
			s.filter = data;
			s.arg[1] = 1ll << nth;
			s.end[1].asleep = s.now + 8 * MSEC;
			sim_post(&s, 0, 1, mode, 120, 200);
			assert_true(sim_run_done(&s, 11 * MSEC));
			assert_true(s.arg[0] > nth);
			sim_free(&s);
		}
	}
}

/* A late packet of a ROD PDC takes those before it along, which may have more patience. */
static void rod_goes_back_with_the_oldest(void **state)
{
	struct uet_pdc *pdc;
	struct sim s;

	(void)state;
	sim_two(&s, 31);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	s.path_dead = 1;
	sim_post(&s, 0, 1, UET_MODE_ROD, 10, 100);
	pdc = sim_pdc(&s, 0);
	assert_int_equal(pdc->flight_cnt, 10);
	uet_txd_at(pdc, uet_tx_una(pdc))->retries = 1;
	/* Those behind it are late first, and must not pass it. */
	sim_run_for(&s, uet_loss_rto(s.end[0].pds, pdc, 0) - 10 * USEC);
	assert_int_equal(rtos(&s), 0);
	s.path_dead = 0;
	sim_run_for(&s, 20 * USEC);
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(rtos(&s), 10);
	sim_free(&s);
}

/*
 * Packets beyond the range that the target turns out to have, with answers that must all be
 * cleared: nothing is left to be sent that would bring the new CACK.
 */
static void repetition_beyond_the_range_is_not_stuck(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim s;
	struct sim_msg *m;
	uint8_t mode;

	(void)state;
	cfg.cms.window_init = cfg.cms.window_max;
	cfg.max_stored = 1024;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		sim_init(&s, 23);
		cfg.mp_range = 1024;
		sim_add(&s, &cfg);
		cfg.mp_range = 128;
		sim_add(&s, &cfg);
		m = sim_msg(&s, 0, 1, mode, 1000, 10);
		m->gtd = true;
		assert_int_equal(sim_post_msg(&s, m), 0);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_int_equal(m->err, 0);
		sim_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sack_repairs_without_timeout),
		cmocka_unit_test(lost_repetition_is_repeated),
		cmocka_unit_test(reordering_is_tolerated),
		cmocka_unit_test(shut_window_is_not_silent),
		cmocka_unit_test(lost_tail_is_asked_for),
		cmocka_unit_test(lost_burst_is_asked_for_once),
		cmocka_unit_test(pause_is_no_round_trip),
		cmocka_unit_test(black_hole_ends),
		cmocka_unit_test(timeouts_back_off),
		cmocka_unit_test(lost_acks),
		cmocka_unit_test(lost_syn_packets),
		cmocka_unit_test(rod_goes_back),
		cmocka_unit_test(lost_nack),
		cmocka_unit_test(lost_clear_and_close),
		cmocka_unit_test(tail_is_repaired_by_bitmap),
		cmocka_unit_test(pause_is_not_loss),
		cmocka_unit_test(slow_is_not_lost),
		cmocka_unit_test(loss_during_pause),
		cmocka_unit_test(rod_goes_back_with_the_oldest),
		cmocka_unit_test(repetition_beyond_the_range_is_not_stuck),
		cmocka_unit_test(accounting_balances_under_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
