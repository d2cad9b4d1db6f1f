/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds_raw.h"

static void first_packet_opens_pdc(void **state)
{
	struct sim s;
	struct sim_msg *m;

	(void)state;
	sim_two(&s, 1);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 1, 100);
	assert_true(sim_run_done(&s, 1 * MSEC));
	assert_int_equal(m->err, 0);
	assert_int_equal(sim_pdcs(&s, 0), 1);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	assert_int_equal(sim_pdc(&s, 0)->peer_id, sim_pdc(&s, 1)->id);
	assert_int_equal(sim_stats(&s, 0)->tx_data, 1);
	assert_int_equal(sim_stats(&s, 1)->tx_ack, 1);
	assert_true(uet_pds_idle(s.end[0].pds));
	assert_null(*uet_pdc_upper(sim_pdc(&s, 1)));
	assert_true(uet_addr_equal(uet_pdc_peer(sim_pdc(&s, 1)), &s.end[0].nic.addr));
	sim_free(&s);
}

static void both_directions_and_modes(void **state)
{
	struct sim s;
	uint32_t i;

	(void)state;
	sim_two(&s, 2);
	for (i = 0; i < 40; i++)
		sim_post(&s, i & 1, !(i & 1), i >> 1 & 1, 1 + i % 7, i * 30);
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(sim_pdcs(&s, 0), 4);
	assert_int_equal(sim_pdcs(&s, 1), 4);
	assert_int_equal(sim_stats(&s, 0)->retx_rto + sim_stats(&s, 0)->retx_sack, 0);
	sim_free(&s);
}

static void message_larger_than_window(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(modes); i++) {
		struct sim s;

		sim_two(&s, 3);
		sim_post(&s, 0, 1, modes[i], 5000, 1024);
		assert_true(sim_run_done(&s, 1 * SEC));
		assert_int_equal(sim_stats(&s, 0)->tx_data, 5000);
		/* What arrives together is acknowledged together. */
		assert_in_range(sim_stats(&s, 1)->tx_ack, 5, 5000 / 16);
		sim_free(&s);
	}
}

static void create_rejects_bad_limits(void **state)
{
	struct sim s;
	struct uet_pds_cfg good = sim_cfg(), bad[10];
	struct uet_pds *pds;
	size_t i;

	(void)state;
	sim_init(&s, 1);
	sim_add(&s, NULL);
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].max_pdc = 0;
	bad[1].max_pdc = 65536;
	bad[2].mp_range = 64;
	bad[3].mp_range = 2048;
	bad[4].mp_range = 200;
	bad[5].max_stored = 0;
	bad[6].cms.rto_min = 0;
	bad[7].cms.rto_max = 1;
	bad[8].nack_retx_max = 1;
	bad[9].cms.mtu = 0;
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		assert_int_equal(uet_pds_create(&bad[i], &s.end[0].nic, &sim_upper_ops, NULL, 0,
						&pds), -EINVAL);
	sim_free(&s);
}

static void stop_takes_back_what_never_left(void **state)
{
	struct sim s;
	struct sim_msg *big, *m;

	(void)state;
	sim_two(&s, 4);
	big = sim_post(&s, 0, 1, UET_MODE_RUD, 200, 1000);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 3, 1000);
	assert_int_equal(m->m.next, 0);
	assert_true(uet_pds_stop(s.end[0].pds, &m->m, false));
	assert_null(m->m.pdc);
	s.open--;
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(big->err, 0);
	assert_false(m->finished);
	sim_free(&s);
}

static void stop_ends_early(void **state)
{
	static const bool lasts[] = { false, true };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(lasts); i++) {
		struct sim s;
		struct sim_msg *m, *after;
		uint32_t sent;

		sim_two(&s, 5);
		m = sim_post(&s, 0, 1, UET_MODE_ROD, 500, 1000);
		after = sim_post(&s, 0, 1, UET_MODE_ROD, 2, 10);
		sent = m->m.next;
		assert_in_range(sent, 1, 499);
		assert_false(uet_pds_stop(s.end[0].pds, &m->m, lasts[i]));
		assert_int_equal(m->m.pkt_cnt, sent + lasts[i]);
		assert_true(sim_run_done(&s, 100 * MSEC));
		assert_int_equal(m->err, 0);
		assert_int_equal(m->m.completed, sent + lasts[i]);
		assert_int_equal(m->seen[sent], lasts[i]);
		assert_int_equal(after->err, 0);
		/* Nothing left to stop. */
		assert_false(uet_pds_stop(s.end[0].pds, &m->m, false));
		sim_free(&s);
	}
}

static void stop_after_all_sent_were_answered(void **state)
{
	struct sim s;
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim_msg *m, *other;
	uint32_t sent;

	(void)state;
	sim_two(&s, 6);
	sim_add(&s, &cfg);
	m = sim_post(&s, 0, 1, UET_MODE_RUD, 500, 1000);
	uet_pds_flush(s.end[0].pds);
	sent = m->m.next;
	/* A NIC that takes nothing keeps the rest from leaving when the answers arrive. */
	s.end[0].room_max = -1;
	s.end[0].room = -1;
	other = sim_post(&s, 0, 2, UET_MODE_RUD, 1, 10);
	uet_pds_flush(s.end[0].pds);
	sim_run_for(&s, 1 * MSEC);
	assert_int_equal(m->m.next, sent);
	assert_int_equal(m->m.completed, sent);
	assert_false(uet_pds_stop(s.end[0].pds, &m->m, false));
	assert_false(m->finished);	/* not from inside the call */
	assert_true(uet_pds_next(s.end[0].pds) <= s.now);
	s.end[0].room_max = 0;
	assert_true(sim_run_done(&s, 100 * MSEC));
	assert_int_equal(m->err, 0);
	assert_int_equal(other->err, 0);
	sim_free(&s);
}

/* Post another message from inside done(), as applications do. */
static void post_again(struct sim *s, struct sim_msg *m)
{
	if (s->arg[0]-- > 0)
		sim_post(s, m->from, m->to, m->mode, m->cnt, m->plen);
}

static void done_may_post(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 7);
	s.on_done = post_again;
	s.arg[0] = 300;
	sim_post(&s, 0, 1, UET_MODE_RUD, 2, 700);
	sim_post(&s, 0, 1, UET_MODE_ROD, 3, 0);
	sim_post(&s, 1, 0, UET_MODE_RUD, 70, 100);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(s.msg_cnt, 303);
	sim_free(&s);
}

static void close_says_goodbye(void **state)
{
	struct sim s;

	(void)state;
	sim_two(&s, 8);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	sim_post(&s, 0, 1, UET_MODE_ROD, 1, 10);
	assert_true(sim_run_done(&s, 1 * MSEC));
	uet_pds_close(s.end[0].pds, s.now);
	uet_pds_destroy(s.end[0].pds);
	s.end[0].pds = NULL;
	sim_run_for(&s, 1 * MSEC);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[1].gone, 2);
	assert_int_equal(s.end[1].gone_err, 0);
	sim_free(&s);
}

static void drops_what_is_not_spoken(void **state)
{
	static const struct {
		uint8_t data[16];
		uint32_t len;
		size_t counter;
	} cases[] = {
#define COUNTER(name) offsetof(struct uet_pds_stats, name)
		{ { 0 }, 0, COUNTER(drop_malformed) },
		{ { 0x11 }, 1, COUNTER(drop_malformed) },
		{ { 0x00, 0x00 }, 16, COUNTER(drop_malformed) },	/* type 0 */
		{ { 0x08, 0x00 }, 16, COUNTER(drop_unsupported) },	/* TSS */
		{ { 0x22, 0x00 }, 16, COUNTER(drop_malformed) },	/* RUDI with a response */
		{ { 0x2a, 0x00 }, 16, COUNTER(drop_stale) },		/* RUDI response */
		{ { 0x32, 0x00 }, 16, COUNTER(drop_malformed) },	/* UUD with a response */
		{ { 0xf8, 0x00 }, 16, COUNTER(drop_malformed) },	/* type 31 */
		{ { 0x11, 0x8c }, 11, COUNTER(drop_malformed) },	/* short request */
		{ { 0x3a, 0x00 }, 11, COUNTER(drop_malformed) },	/* short ACK */
		{ { 0x5f, 0x80 }, 16, COUNTER(drop_malformed) },	/* CP type 15 */
		{ { 0x11, 0x8c, 0xff, 0xff, 1, 2, 3, 4, 0, 0, 0, 0 }, 12,
		  COUNTER(drop_malformed) },				/* SYN, spdcid 0 */
		{ { 0x12, 0x0c, 0xff, 0xff, 1, 2, 3, 4, 0, 1, 0, 0 }, 12,
		  COUNTER(drop_malformed) },				/* SYN with a response */
		{ { 0x50, 0x08, 0x01 }, 16, COUNTER(drop_stale) },	/* NACK of RUDI */
		{ { 0x3a, 0x00 }, 12, COUNTER(drop_unknown_pdc) },	/* ACK */
		{ { 0x50, 0x00, 0x07 }, 16, COUNTER(drop_unknown_pdc) },/* NACK */
		{ { 0x59, 0x00 }, 16, COUNTER(drop_unknown_pdc) },	/* CLEAR_CMD */
	};
	struct sim s;
	size_t i;

	(void)state;
	sim_two(&s, 9);
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		const char *stats = (const char *)sim_stats(&s, 1);
		uint64_t before, after;

		memcpy(&before, stats + cases[i].counter, sizeof(before));
		sim_inject(&s, &s.end[0].nic.addr, 1, cases[i].data, cases[i].len, 0);
		memcpy(&after, stats + cases[i].counter, sizeof(after));
		if (after != before + 1)
			fail_msg("case %zu was not counted", i);
		assert_false(uet_pds_pending(s.end[1].pds));
	}
	assert_int_equal(sim_pdcs(&s, 1), 0);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_packet_opens_pdc),
		cmocka_unit_test(both_directions_and_modes),
		cmocka_unit_test(message_larger_than_window),
		cmocka_unit_test(create_rejects_bad_limits),
		cmocka_unit_test(stop_takes_back_what_never_left),
		cmocka_unit_test(stop_ends_early),
		cmocka_unit_test(stop_after_all_sent_were_answered),
		cmocka_unit_test(done_may_post),
		cmocka_unit_test(close_says_goodbye),
		cmocka_unit_test(drops_what_is_not_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
