/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a source puts on the wire, when, and how much of it. */
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

static int32_t rel(uint32_t psn)
{
	return uet_psn_diff(psn, r.start);
}

static void syn_until_the_target_is_known(void **state)
{
	struct uet_pds_hdr h;
	uint32_t i;

	(void)state;
	sim_post(&s, 1, 0, UET_MODE_RUD, 5, 10);
	raw_turn(&r);
	for (i = 0; i < 5; i++) {
		h = raw_take_request(&r);
		assert_true(h.flags & UET_PDS_F_SYN);
		assert_int_equal(h.psn_offset, i);
		assert_int_equal(h.pdc_info, 0);
		assert_int_equal(uet_pds_start_psn(&h), r.start);
		assert_int_equal(rel(uet_pds_offset_psn(&h)), -1);
	}
	raw_ack(&r, 0, 0);
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	h = raw_take_request(&r);
	assert_false(h.flags & UET_PDS_F_SYN);
	assert_int_equal(h.dpdcid, r.tpdcid);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 0);
	/* Q18: repetitions of SYN packets carry the target's identifier. */
	sim_run_for(&s, 6 * MSEC);
	h = raw_take_request(&r);
	assert_int_equal(rel(h.psn), 1);
	assert_int_equal(h.flags, UET_PDS_F_RETX | UET_PDS_F_AR);
	assert_int_equal(h.dpdcid, r.tpdcid);
}

static void ack_is_requested_in_time(void **state)
{
	uint32_t i, bytes = 0;

	(void)state;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	assert_true(raw_take_request(&r).flags & UET_PDS_F_AR);	/* last of its message */
	raw_ack(&r, 0, 0);
	sim_post(&s, 1, 0, UET_MODE_RUD, 200, 1000);
	raw_turn(&r);
	for (i = 0; !raw_silent(&r); i++) {
		struct uet_pds_hdr h = raw_take_request(&r);

		bytes += 1000;
		assert_true(bytes <= UET_PDS_AR_BYTES);
		if (h.flags & UET_PDS_F_AR)
			bytes = 0;
		/* The last one that the window allows. */
		if (raw_silent(&r))
			assert_true(h.flags & UET_PDS_F_AR);
	}
	assert_in_range(i, 10, 190);
}

/* Nobody waits for the end of a lazy message, unless the target turns out to need asking. */
static void lazy_messages_do_not_ask(void **state)
{
	struct sim_msg *m;
	struct uet_pds_hdr h;
	int i;

	(void)state;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	m = sim_msg(&s, 1, 0, UET_MODE_RUD, 1, 10);
	m->lazy = true;
	assert_int_equal(sim_post_msg(&s, m), 0);
	raw_turn(&r);
	assert_int_equal(raw_take_request(&r).flags, 0);
	sim_run_for(&s, 6 * MSEC);
	assert_int_equal(raw_take_request(&r).flags, UET_PDS_F_RETX | UET_PDS_F_AR);
	raw_ack(&r, 1, 1);
	for (i = 0; i < 65; i++) {
		m = sim_msg(&s, 1, 0, UET_MODE_RUD, 1, 10);
		m->lazy = true;
		assert_int_equal(sim_post_msg(&s, m), 0);
		raw_turn(&r);
		h = raw_take_request(&r);
		assert_int_equal(!!(h.flags & UET_PDS_F_AR), i < 64);
		raw_ack(&r, 2 + i, 2 + i);
	}
}

static void lazy_messages_complete(void **state)
{
	int i;

	(void)state;
	sim_free(&s);
	sim_two(&s, 3);
	s.drop_ppm = 30000;
	for (i = 0; i < 300; i++) {
		struct sim_msg *m = sim_msg(&s, 0, 1, (uint8_t)(i & 1), 1 + (uint32_t)i % 3, 10);

		m->lazy = true;
		assert_int_equal(sim_post_msg(&s, m), 0);
	}
	assert_true(sim_run_done(&s, 10 * SEC));
}

static void window_in_bytes_is_kept(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	uint32_t size;

	(void)state;
	for (size = 0; size <= 1000; size += 500) {
		uint32_t n = 0, charge = 12 + SIM_SES + size + 48;

		if (charge < 768)
			charge = 768;
		sim_free(&s);
		cfg.cms.window_init = 10000;
		raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
		sim_post(&s, 1, 0, UET_MODE_RUD, 100, size);
		raw_turn(&r);
		for (; !raw_silent(&r); n++)
			raw_take_request(&r);
		assert_int_equal(n, 10000 / charge);
		assert_int_equal(sim_pdc(&s, 1)->ccc->cms.inflight, n * charge);
	}
}

/* A window of one packet does not wait for a time-out after each. */
static void smallest_window_asks_for_acks(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	uint32_t i;

	(void)state;
	sim_free(&s);
	cfg.cms.window_init = cfg.cms.window_max = cfg.cms.mtu;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	sim_post(&s, 1, 0, UET_MODE_RUD, 20, 1000);
	for (i = 0; i < 20; i++) {
		raw_turn(&r);
		assert_true(raw_take_request(&r).flags & UET_PDS_F_AR);
		assert_true(raw_silent(&r));
		raw_ack(&r, i, i);
	}
}

/* Packets of two messages never mix on a PDC. */
static void messages_are_contiguous(void **state)
{
	uint8_t ses[4096];
	uint32_t last_id = 0, next_index = 0, cnt = 7, i;

	(void)state;
	for (i = 0; i < 10; i++)
		sim_post(&s, 1, 0, UET_MODE_RUD, 7, 100);
	raw_turn(&r);
	while (!raw_silent(&r)) {
		struct uet_pds_hdr h = raw_take(&r, ses);

		assert_int_equal(h.next_hdr, UET_HDR_REQUEST_STD);
		if (next_index == cnt) {
			next_index = 0;
			last_id++;
		}
		assert_int_equal(uet_get_be32(ses + 4), last_id);
		assert_int_equal(uet_get_be32(ses + 8), next_index++);
	}
	assert_int_equal(last_id, 9);
	assert_int_equal(next_index, 7);
}

static void ring_grows_and_shrinks(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_pdc *p;

	(void)state;
	sim_free(&s);
	sim_init(&s, 1);
	cfg.cms.window_init = cfg.cms.window_max = 4 << 20;
	cfg.idle_close = 10 * SEC;
	sim_add(&s, &cfg);
	sim_add(&s, &cfg);
	sim_post(&s, 0, 1, UET_MODE_RUD, 1, 10);
	p = sim_pdc(&s, 0);
	assert_int_equal(p->ring_mask, UET_PDS_RING_MIN - 1);
	sim_post(&s, 0, 1, UET_MODE_RUD, 3000, 10);
	assert_int_equal(p->ring_mask, UET_PDS_WINDOW - 1);
	assert_int_equal(p->tx_next - p->tx_base, UET_PDS_WINDOW);
	assert_true(sim_run_done(&s, 1 * SEC));
	sim_run_for(&s, 1 * SEC);
	assert_int_equal(p->ring_mask, UET_PDS_RING_MIN - 1);
	assert_null(sim_pdc(&s, 1)->ring);
	/* What an idle PDC costs. */
	assert_true(sizeof(*p) + UET_PDS_RING_MIN * sizeof(struct uet_txd) <= 2048);
}

static void psn_space_wraps(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;
	uint32_t back;

	(void)state;
	for (i = 0; i < 2; i++)
	for (back = 0; back < 300; back += 23) {
		struct sim_msg *g;
		struct uet_pdc *p;

		sim_free(&s);
		sim_two(&s, back);
		p = uet_pdc_open(s.end[0].pds, &s.end[1].nic.addr, modes[i]);
		assert_int_equal(uet_tx_renumber(s.end[0].pds, p, 0u - back), 0);
		s.drop_ppm = back % 2 ? 50000 : 0;
		sim_post(&s, 0, 1, modes[i], 200, 100);
		g = sim_msg(&s, 0, 1, modes[i], 20, 10);
		g->gtd = true;
		assert_int_equal(sim_post_msg(&s, g), 0);
		sim_post(&s, 0, 1, modes[i], 200, 100);
		assert_true(sim_run_done(&s, 10 * SEC));
		assert_int_equal(p->start_psn, 0u - back);
		assert_int_equal(p->tx_next, 420 - back);
		assert_int_equal(sim_pdc(&s, 1)->rx_next, 420 - back);
	}
}

/* Retransmissions leave before new packets. */
static void repetitions_go_first(void **state)
{
	struct sim_msg *m = sim_post(&s, 1, 0, UET_MODE_RUD, 300, 1000);
	struct uet_pds_hdr h;
	uint32_t sent;

	(void)state;
	raw_turn(&r);
	sim_take(&s, 0, &h, NULL, NULL);
	r.peer_id = h.spdcid;
	r.start = uet_pds_start_psn(&h);
	sent = m->m.next;
	sim_drain(&s, 0);
	/* 3 is missing, all the others arrived. */
	raw_ack_with(&r, 2, 2, 0, raw_ok, 12, 8, ~1ull);
	raw_turn(&r);
	r.id = r.tpdcid;
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), 3);
	assert_true(h.flags & UET_PDS_F_RETX);
	h = raw_take(&r, NULL);
	assert_int_equal(rel(h.psn), sent);
	assert_false(h.flags & UET_PDS_F_RETX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(syn_until_the_target_is_known),
		T(ack_is_requested_in_time),
		T(lazy_messages_do_not_ask),
		T(lazy_messages_complete),
		T(window_in_bytes_is_kept),
		T(smallest_window_asks_for_acks),
		T(messages_are_contiguous),
		T(ring_grows_and_shrinks),
		T(psn_space_wraps),
		T(repetitions_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
