/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds_sim.h"

#define PLEN 1000u

/* The PDC of end @i in @mode that it opened, or that was opened to it. */
static struct uet_pdc *pdc_of(const struct sim *s, int i, uint8_t mode, bool initiator)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &s->end[i].pds->all) {
		struct uet_pdc *p = uet_list_entry(pos, struct uet_pdc, all);

		if (p->mode == mode && p->initiator == initiator)
			return p;
	}
	fail_msg("no such PDC");
	return NULL;
}

static uint32_t line_length(const struct uet_ccc *ccc)
{
	struct uet_list *pos;
	uint32_t n = 0;

	uet_list_for_each(pos, &ccc->waiting)
		n++;
	return n;
}

static bool waits(const struct uet_pdc *pdc)
{
	return !uet_list_empty(&pdc->waiting);
}

/* Two ends whose window holds 16 packets. */
static void narrow(struct sim *s, uint64_t seed)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.cms.window_init = cfg.cms.window_max = 16 * 1100;
	cfg.cms.mtu = 1100;
	sim_pair(s, seed, &cfg);
}

static void one_context_per_peer(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_ccc *ccc;
	struct sim s;

	(void)state;
	sim_two(&s, 1);
	sim_add(&s, &cfg);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, PLEN);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, PLEN);
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, PLEN);
	assert_true(sim_run_done(&s, SEC));
	ccc = pdc_of(&s, 0, UET_MODE_RUD, true)->ccc;
	assert_ptr_equal(pdc_of(&s, 0, UET_MODE_ROD, true)->ccc, ccc);
	assert_ptr_equal(pdc_of(&s, 0, UET_MODE_RUD, false)->ccc, ccc);
	assert_int_equal(ccc->users, 3);
	assert_true(uet_addr_equal(&ccc->peer, &s.end[1].nic.addr));
	/* Another FEP of the same host is another peer. */
	sim_post(&s, 0, 2, UET_MODE_RUD, 1, PLEN);
	assert_int_equal(ccc->users, 3);
	assert_int_equal(s.end[0].pds->cccs.pool.used, 2);
	sim_free(&s);
}

static void window_is_shared(void **state)
{
	struct uet_pdc *rud, *rod;
	struct sim s;

	(void)state;
	narrow(&s, 1);
	sim_post(&s, 0, 1, UET_MODE_RUD, 100, PLEN);
	rud = pdc_of(&s, 0, UET_MODE_RUD, true);
	assert_in_range(rud->flight_cnt, 10, 16);
	assert_true(waits(rud));
	sim_post(&s, 0, 1, UET_MODE_ROD, 100, PLEN);
	rod = pdc_of(&s, 0, UET_MODE_ROD, true);
	/* It comes later and waits behind, with nothing sent. */
	assert_int_equal(rod->flight_cnt, 0);
	assert_true(waits(rod));
	assert_ptr_equal(uet_list_first(&rud->ccc->waiting), &rud->waiting);
	assert_int_equal(line_length(rud->ccc), 2);
	assert_int_equal(rud->ccc->cms.inflight, rud->flight_bytes);
	assert_true(sim_run_done(&s, SEC));
	assert_int_equal(line_length(rud->ccc), 0);
	assert_int_equal(rud->ccc->cms.inflight, 0);
	sim_free(&s);
}

static void turns_are_fair(void **state)
{
	struct uet_pdc *rud, *rod;
	struct sim s;
	int i;

	(void)state;
	narrow(&s, 2);
	sim_post(&s, 0, 1, UET_MODE_RUD, 8000, PLEN);
	sim_post(&s, 0, 1, UET_MODE_ROD, 8000, PLEN);
	rud = pdc_of(&s, 0, UET_MODE_RUD, true);
	rod = pdc_of(&s, 0, UET_MODE_ROD, true);
	for (i = 0; i < 20; i++) {
		uint32_t a, b;

		sim_run_for(&s, MSEC);
		a = rud->tx_next - rud->start_psn;
		b = rod->tx_next - rod->start_psn;
		/* Nobody is ahead by more than two turns. */
		assert_in_range(a + 32, b, b + 64);
		assert_true(a > 0 && b > 0);
	}
	assert_true(rud->tx_next - rud->start_psn > 1000);
	sim_free(&s);
}

static void wide_window_is_shared(void **state)
{
	struct uet_pdc *rud, *rod;
	struct uet_ccc *ccc;
	uint32_t a, b;
	struct sim s;

	(void)state;
	narrow(&s, 10);
	sim_post(&s, 0, 1, UET_MODE_RUD, 500, PLEN);
	sim_post(&s, 0, 1, UET_MODE_ROD, 500, PLEN);
	rud = pdc_of(&s, 0, UET_MODE_RUD, true);
	rod = pdc_of(&s, 0, UET_MODE_ROD, true);
	ccc = rud->ccc;
	a = rud->flight_cnt;
	/* All at once there is room for much more than a turn. */
	ccc->cms.window.size = 160 * 1100;
	uet_ccc_wake(s.end[0].pds, ccc);
	uet_pds_progress(s.end[0].pds, s.now, true);
	a = rud->flight_cnt - a;
	b = rod->flight_cnt;
	assert_in_range(a + b, 120, 160);
	assert_in_range(a + 16, b, b + 32);
	sim_free(&s);
}

static void small_message_does_not_wait_for_a_large_one(void **state)
{
	struct sim_msg *large, *small;
	struct sim s;

	(void)state;
	narrow(&s, 3);
	large = sim_post(&s, 0, 1, UET_MODE_RUD, 4000, PLEN);
	sim_run_for(&s, MSEC);
	small = sim_post(&s, 0, 1, UET_MODE_ROD, 1, PLEN);
	sim_run_for(&s, 20 * (s.delay + SIM_GRID));
	assert_true(small->finished);
	assert_false(large->finished);
	assert_true(sim_run_done(&s, 10 * SEC));
	sim_free(&s);
}

static enum sim_verdict lose_all(struct sim *s, int from, int to, const struct uet_pds_hdr *h)
{
	(void)from, (void)to, (void)h;
	return s->arg[0] ? SIM_DROP : SIM_PASS;
}

/*
 * A peer that is silent is dead for who only waited in line, too: all of it is over within one
 * peer_timeout and the rounds that end it, whether the peer was known before or not.
 */
static void who_waits_in_line_fails_with_the_rest(void **state)
{
	uint64_t begin, limit;
	struct uet_pdc *rud, *rod;
	struct sim s;
	uint32_t i;
	int known;

	(void)state;
	for (known = 0; known < 2; known++) {
		narrow(&s, 20);
		s.filter = lose_all;
		if (known) {
			sim_post(&s, 0, 1, UET_MODE_RUD, 1, PLEN);
			assert_true(sim_run_done(&s, SEC));
		}
		s.arg[0] = 1;
		begin = s.now;
		limit = s.end[0].pds->cfg.peer_timeout;
		sim_post(&s, 0, 1, UET_MODE_RUD, 100, PLEN);
		sim_post(&s, 0, 1, UET_MODE_ROD, 100, PLEN);
		rud = pdc_of(&s, 0, UET_MODE_RUD, true);
		rod = pdc_of(&s, 0, UET_MODE_ROD, true);
		assert_true(waits(rod));
		assert_int_equal(rod->flight_cnt, 0);
		assert_true(rud->flight_cnt > 0);
		sim_run_for(&s, limit - MSEC);
		assert_int_equal(s.open, 2);
		assert_true(sim_run_done(&s, limit / 2));
		assert_true(s.now - begin < limit + limit / 2);
		for (i = (uint32_t)known; i < s.msg_cnt; i++)
			assert_int_equal(s.msgs[i]->err, -ETIMEDOUT);
		sim_free(&s);
	}
}

static void room_wakes_the_next(void **state)
{
	struct sim s;

	(void)state;
	narrow(&s, 4);
	sim_post(&s, 0, 1, UET_MODE_RUD, 500, PLEN);
	sim_post(&s, 0, 1, UET_MODE_ROD, 500, PLEN);
	sim_post(&s, 1, 0, UET_MODE_RUD, 500, PLEN);
	assert_true(sim_run_done(&s, SEC));
	/* All of it by wake-ups, none by a time-out. */
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	assert_true(s.now - SEC < 1000 / 12 * 2 * (s.delay + 2 * SIM_GRID));
	sim_free(&s);
}

static void losses_wake_the_next(void **state)
{
	struct sim s;

	(void)state;
	narrow(&s, 5);
	s.drop_ppm = 30000;
	sim_post(&s, 0, 1, UET_MODE_RUD, 500, PLEN);
	sim_post(&s, 0, 1, UET_MODE_ROD, 500, PLEN);
	sim_read(&s, 1, 0, UET_MODE_RUD, 300, PLEN);
	assert_true(sim_run_done(&s, 10 * SEC));
	sim_free(&s);
}

/* One of @first fails while both wait; the other one goes on. */
static void fail_in_line(bool first)
{
	struct uet_pdc *rud, *rod;
	struct sim_msg *a, *b;
	struct uet_ccc *ccc;
	struct sim s;

	narrow(&s, 6);
	a = sim_post(&s, 0, 1, UET_MODE_RUD, 300, PLEN);
	b = sim_post(&s, 0, 1, UET_MODE_ROD, 300, PLEN);
	rud = pdc_of(&s, 0, UET_MODE_RUD, true);
	rod = pdc_of(&s, 0, UET_MODE_ROD, true);
	ccc = rud->ccc;
	assert_int_equal(line_length(ccc), 2);
	uet_pdc_fail(s.end[0].pds, first ? rud : rod, -EIO, 0, -EIO);
	assert_int_equal((first ? a : b)->err, -EIO);
	assert_int_equal(line_length(ccc), 1);
	assert_int_equal(ccc->users, 1);
	assert_int_equal(ccc->cms.inflight, first ? 0 : rud->flight_bytes);
	/* The one that failed had filled the window: the other need not wait for a timer. */
	assert_true(uet_pds_next(s.end[0].pds) <= s.now || !first);
	sim_run_for(&s, 50 * (s.delay + 2 * SIM_GRID));
	assert_true((first ? b : a)->finished);
	assert_int_equal((first ? b : a)->err, 0);
	assert_int_equal(sim_stats(&s, 0)->retx_rto, 0);
	sim_free(&s);
}

static void failing_pdcs_leave_the_line(void **state)
{
	(void)state;
	fail_in_line(true);
	fail_in_line(false);
}

static void stopped_messages_leave_the_line(void **state)
{
	struct uet_pdc *rod;
	struct sim_msg *a, *b;
	struct sim s;

	(void)state;
	narrow(&s, 7);
	a = sim_post(&s, 0, 1, UET_MODE_RUD, 300, PLEN);
	b = sim_post(&s, 0, 1, UET_MODE_ROD, 300, PLEN);
	rod = pdc_of(&s, 0, UET_MODE_ROD, true);
	assert_true(uet_pds_stop(s.end[0].pds, &b->m, false));
	s.open--;
	b->finished = true;
	assert_true(sim_run_done(&s, SEC));
	assert_int_equal(a->err, 0);
	assert_false(waits(rod));
	sim_free(&s);
}

/* Close all PDCs of end 0, at once. */
static void close_all(struct sim *s)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &s->end[0].pds->all)
		uet_pdc_fail(s->end[0].pds, uet_list_entry(pos, struct uet_pdc, all), -EIO, 0, 0);
}

static void contexts_are_remembered(void **state)
{
	static const struct { uint64_t pause; bool known; } cases[] = {
		{ 9 * SEC, true }, { 10 * SEC + MSEC, false },
	};
	struct uet_ccc *ccc;
	struct sim s;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		sim_two(&s, 8);
		sim_post(&s, 0, 1, UET_MODE_RUD, 1, PLEN);
		assert_true(sim_run_done(&s, SEC));
		ccc = pdc_of(&s, 0, UET_MODE_RUD, true)->ccc;
		ccc->cms.window.size = 12345;
		close_all(&s);
		assert_int_equal(ccc->users, 0);
		sim_run_for(&s, cases[i].pause);
		sim_post(&s, 0, 1, UET_MODE_ROD, 1, PLEN);
		assert_ptr_equal(pdc_of(&s, 0, UET_MODE_ROD, true)->ccc, ccc);
		assert_int_equal(ccc->cms.window.size,
				 cases[i].known ? 12345 : sim_cfg().cms.window_init);
		assert_int_equal(ccc->users, 1);
		assert_int_equal(s.end[0].pds->cccs.pool.used, 1);
		assert_true(uet_list_empty(&s.end[0].pds->cccs.unused));
		assert_true(sim_run_done(&s, SEC));
		sim_free(&s);
	}
}

/* Open a PDC to a peer with UDP port @port. */
static struct uet_pdc *open_to(struct sim *s, uint32_t port)
{
	struct uet_addr dst = s->end[0].nic.addr;
	struct uet_pdc *pdc;

	dst.port = port;
	pdc = uet_pdc_open(s->end[0].pds, &dst, UET_MODE_RUD);
	assert_non_null(pdc);
	return pdc;
}

static void oldest_context_is_used_anew(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_pdc *pdc, *busy;
	struct uet_pds *pds;
	struct sim s;
	uint32_t i;

	(void)state;
	cfg.max_pdc = 4;
	sim_init(&s, 9);
	sim_add(&s, &cfg);
	pds = s.end[0].pds;
	busy = open_to(&s, 5000);
	busy->ccc->cms.window.size = 7777;
	for (i = 1; i <= 100; i++) {
		pdc = open_to(&s, 5000 + i);
		/* Whoever had the memory before: nothing of that is left. */
		assert_int_equal(pdc->ccc->cms.window.size, cfg.cms.window_init);
		assert_int_equal(pdc->ccc->peer.port, 5000 + i);
		assert_int_equal(pdc->ccc->users, 1);
		pdc->ccc->cms.window.size = 10000 + i;
		uet_pdc_fail(pds, pdc, -EIO, 0, 0);
		assert_true(pds->cccs.pool.used <= 2 * cfg.max_pdc);
	}
	/* The newest are known still, the oldest are not, and what is in use is untouched. */
	pdc = open_to(&s, 5000 + 100);
	assert_int_equal(pdc->ccc->cms.window.size, 10100);
	uet_pdc_fail(pds, pdc, -EIO, 0, 0);
	pdc = open_to(&s, 5000 + 95);
	assert_int_equal(pdc->ccc->cms.window.size, 10095);
	uet_pdc_fail(pds, pdc, -EIO, 0, 0);
	pdc = open_to(&s, 5000 + 90);
	assert_int_equal(pdc->ccc->cms.window.size, cfg.cms.window_init);
	assert_int_equal(busy->ccc->cms.window.size, 7777);
	assert_int_equal(busy->ccc->peer.port, 5000);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_context_per_peer),
		cmocka_unit_test(window_is_shared),
		cmocka_unit_test(turns_are_fair),
		cmocka_unit_test(wide_window_is_shared),
		cmocka_unit_test(small_message_does_not_wait_for_a_large_one),
		cmocka_unit_test(room_wakes_the_next),
		cmocka_unit_test(who_waits_in_line_fails_with_the_rest),
		cmocka_unit_test(losses_wake_the_next),
		cmocka_unit_test(failing_pdcs_leave_the_line),
		cmocka_unit_test(stopped_messages_leave_the_line),
		cmocka_unit_test(contexts_are_remembered),
		cmocka_unit_test(oldest_context_is_used_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
