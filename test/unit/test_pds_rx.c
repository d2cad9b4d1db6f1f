/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Requests that arrive at a target: checks, windows, order, storage. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int setup(void **state)
{
	(void)state;
	raw_init(&r, &s, UET_MODE_RUD, NULL);
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

/* Expect one NACK. */
static void expect_nack(uint8_t code, bool has_pdc)
{
	struct uet_pds_hdr h;

	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_NACK);
	assert_int_equal(h.nack_code, code);
	assert_int_equal(h.dpdcid, r.id);
	assert_int_equal(h.spdcid != 0, has_pdc);
	assert_true(raw_silent(&r));
}

static struct sim_msg *msg(uint32_t cnt)
{
	return sim_msg(&s, 0, 1, r.mode, cnt, 20);
}

static void window_ends_at_mp_range(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim_msg *m;

	(void)state;
	sim_free(&s);
	cfg.mp_range = 256;
	raw_init(&r, &s, UET_MODE_RUD, &cfg);
	raw_open(&r);
	m = msg(1000);
	raw_request(&r, m, 256, 256, 0, 0);	/* CACK + 256 */
	assert_int_equal(m->seen[256], 1);
	raw_request(&r, m, 257, 257, 0, 0);
	assert_int_equal(m->seen[257], 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	raw_request(&r, m, 258, 258, 0, 0);
	expect_nack(UET_NACK_PSN_OOR_WINDOW, true);
	raw_request(&r, m, 257, 30000, 0, 0);
	expect_nack(UET_NACK_PSN_OOR_WINDOW, true);
}

/* Half the number space away, old and new look alike: never deliver. */
static void far_away_is_never_new(void **state)
{
	static const uint32_t away[] = { 0x7fffffff, 0x80000000, 0x80000001, 0x80000005,
					 0x80000400, 0x80000401, 0xffff0000, 0xfffffffe };
	struct sim_msg *m;
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_REQUEST_STD, .flags = UET_PDS_F_AR,
		.offset = -1,
	};
	uint8_t ses[64];
	uint32_t len;
	int32_t i;
	size_t j;

	(void)state;
	raw_open(&r);
	m = msg(600);
	m->gtd = true;		/* so CACK stays at 0 */
	for (i = 1; i < 20; i += i == 5 ? 3 : 1)	/* a hole at 6 and 7 */
		raw_request(&r, m, (uint32_t)i, i, 0, 0);
	len = sim_ses(m, 500, ses);
	h.spdcid = r.id;
	h.dpdcid = r.peer_id;
	for (j = 0; j < UET_ARRAY_SIZE(away); j++)
		for (i = -20; i < 20; i++) {
			h.psn = r.start + away[j] + (uint32_t)i;
			if (uet_psn_diff(h.psn, r.start) >= 0 && h.psn - r.start < 1024)
				continue;
			sim_speak(&s, 0, 1, &h, ses, len);
			raw_ctl(&r, UET_CTL_NOOP, UET_PDS_F_AR, h.psn, 0);
		}
	assert_int_equal(m->seen[500], 0);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_hi), 19);
}

static void syn_packets_in_any_order(void **state)
{
	struct sim_msg *m = msg(5);
	static const int32_t order[] = { 3, 0, 4, 1, 2 };
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++)
		raw_request(&r, m, (uint32_t)order[i], order[i], 0, -1);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	assert_int_equal(sim_stats(&s, 1)->pdc_accepted, 1);
	for (i = 0; i < 5; i++)
		assert_int_equal(m->seen[i], 1);
	raw_turn(&r);
	assert_int_equal(rel(raw_take(&r, NULL).psn), 4);
}

static void syn_that_cannot_open(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim_msg *m;

	(void)state;
	sim_free(&s);
	cfg.mp_range = 128;
	raw_init(&r, &s, UET_MODE_RUD, &cfg);
	m = msg(2000);
	raw_request(&r, m, 128, 128, 0, -1);	/* lawful, beyond our range */
	expect_nack(UET_NACK_PSN_OOR_WINDOW, false);
	raw_request(&r, m, 1024, 1024, 0, -1);	/* beyond the default range */
	expect_nack(UET_NACK_INVALID_SYN, false);
	r.mode = UET_MODE_ROD;
	m = msg(2000);
	raw_request(&r, m, 2, 2, 0, -1);
	raw_turn(&r);
	{
		struct uet_pds_hdr h = raw_take(&r, NULL);

		assert_int_equal(h.nack_code, UET_NACK_ROD_OOO);
		assert_int_equal(h.payload, r.start);
		assert_int_equal(h.spdcid, 0);
	}
	assert_int_equal(sim_pdcs(&s, 1), 0);
}

static void identity_is_checked(void **state)
{
	struct sim_msg *m = msg(3);
	uint16_t id = r.id;

	(void)state;
	raw_open(&r);
	r.id++;
	raw_request(&r, m, 0, 1, 0, 0);
	expect_nack(UET_NACK_PDC_HDR_MISMATCH, false);
	r.id = id;
	r.peer_id++;
	raw_request(&r, m, 0, 1, 0, 0);
	expect_nack(UET_NACK_INV_DPDCID, false);
	r.peer_id--;
	r.mode = UET_MODE_ROD;
	raw_request(&r, m, 0, 1, 0, 0);
	expect_nack(UET_NACK_PDC_MODE_MISMATCH, true);
	assert_int_equal(m->seen[0], 0);
}

/* Responses never travel forward, and headers of unknown format nowhere. */
static void direction_is_checked(void **state)
{
	static const uint8_t hdrs[] = { UET_HDR_NONE, UET_HDR_RESPONSE, UET_HDR_RESPONSE_DATA,
					UET_HDR_RESPONSE_DATA_SMALL, 7, 15 };
	uint64_t before;
	size_t i;

	(void)state;
	raw_open(&r);
	before = sim_stats(&s, 1)->drop_malformed;
	for (i = 0; i < UET_ARRAY_SIZE(hdrs); i++) {
		struct uet_pds_hdr h = {
			.type = UET_PDS_RUD_REQ, .next_hdr = hdrs[i], .psn = r.start + 1,
			.offset = -1, .spdcid = r.id, .dpdcid = r.peer_id,
			.flags = UET_PDS_F_AR,
		};

		sim_speak(&s, 0, 1, &h, "abcdefgh", 8);
	}
	assert_int_equal(sim_stats(&s, 1)->drop_malformed, before + UET_ARRAY_SIZE(hdrs));
	raw_turn(&r);
	assert_true(raw_silent(&r));
}

static void cc_forms_are_requests_too(void **state)
{
	static const uint8_t types[] = { UET_PDS_RUD_CC_REQ, UET_PDS_ROD_CC_REQ };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct sim_msg *m;
		struct uet_pds_hdr h = {
			.type = types[i], .next_hdr = UET_HDR_REQUEST_STD, .psn = 1000,
			.offset = -1, .spdcid = (uint16_t)(9 + i), .flags = UET_PDS_F_SYN,
		};
		uint8_t ses[64];

		r.mode = (uint8_t)i;
		m = msg(1);
		sim_speak(&s, 0, 1, &h, ses, sim_ses(m, 0, ses));
		assert_int_equal(m->seen[0], 1);
	}
}

static void rod_refuses_gaps_once(void **state)
{
	struct sim_msg *m;
	struct uet_pds_hdr h;
	int32_t i;

	(void)state;
	r.mode = UET_MODE_ROD;
	raw_open(&r);
	m = msg(10);
	for (i = 2; i < 6; i++)
		raw_request(&r, m, (uint32_t)i - 1, i, 0, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_ROD_OOO);
	assert_int_equal(rel(h.payload), 1);
	assert_int_equal(rel(h.psn), 2);
	assert_true(raw_silent(&r));
	/* The source has gone back, and what fills the gap is lost once more. */
	raw_request(&r, m, 1, 2, UET_PDS_F_RETX, 0);
	raw_request(&r, m, 2, 3, UET_PDS_F_RETX, 0);
	expect_nack(UET_NACK_ROD_OOO, true);
	assert_true(raw_silent(&r));
	/* Again after a while, and at once for another gap. */
	s.now += 2 * MSEC;
	raw_request(&r, m, 5, 6, 0, 0);
	expect_nack(UET_NACK_ROD_OOO, true);
	raw_request(&r, m, 0, 1, 0, 0);
	raw_request(&r, m, 2, 3, 0, 0);
	expect_nack(UET_NACK_ROD_OOO, true);
	assert_int_equal(m->seen[0], 1);
	assert_int_equal(m->seen[1] + m->seen[2], 0);
}

static void refusal_of_the_upper_floor(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct sim_msg *m;

		teardown(NULL);
		setup(NULL);
		r.mode = modes[i];
		raw_open(&r);
		m = msg(3);
		s.end[1].nack_code = UET_NACK_NO_SES_MSG_AVAIL;
		s.end[1].nack_left = 1;
		raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
		if (modes[i] == UET_MODE_ROD) {
			/* What follows is out of order; there is nothing more to say. */
			raw_request(&r, m, 1, 2, 0, 0);
			assert_int_equal(m->seen[1], 0);
		}
		expect_nack(UET_NACK_NO_SES_MSG_AVAIL, true);
		raw_request(&r, m, 0, 1, UET_PDS_F_AR | UET_PDS_F_RETX, 0);
		raw_turn(&r);
		assert_int_equal(rel(raw_take(&r, NULL).psn), 1);
		assert_int_equal(m->seen[0], 1);
	}
}

static void storage_of_answers_is_bounded(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim_msg *m;
	struct uet_pds_hdr h;
	int32_t i;

	(void)state;
	sim_free(&s);
	cfg.max_stored = 3;
	raw_init(&r, &s, UET_MODE_RUD, &cfg);
	raw_open(&r);
	m = msg(20);
	m->gtd = true;
	for (i = 2; i <= 4; i++)
		raw_request(&r, m, (uint32_t)i, i, 0, 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	raw_request(&r, m, 5, 5, 0, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_NO_GTD_DEL_AVAIL);
	assert_int_equal(m->seen[5], 0);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLEAR_REQ);
	assert_true(raw_silent(&r));
	/* Packet 1 must get in, or nothing could ever be cleared. */
	raw_request(&r, m, 1, 1, 0, 0);
	assert_int_equal(m->seen[1], 1);
	raw_request(&r, m, 5, 5, UET_PDS_F_RETX, 0);
	assert_int_equal(m->seen[5], 0);
	raw_request(&r, m, 5, 5, UET_PDS_F_RETX, 4);
	assert_int_equal(m->seen[5], 1);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_cack), 4);
}

static void clear_values_are_checked(void **state)
{
	struct sim_msg *m;

	(void)state;
	raw_open(&r);
	m = msg(9);
	m->gtd = true;
	raw_request(&r, m, 1, 1, 0, 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	raw_request(&r, m, 2, 2, 0, 2);		/* itself: not possible */
	expect_nack(UET_NACK_UNEXP_EVENT, true);
	raw_request(&r, m, 2, 2, 0, 30);	/* the future */
	expect_nack(UET_NACK_UNEXP_EVENT, true);
	assert_int_equal(m->seen[2], 0);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_clear), 0);
	raw_request(&r, m, 2, 2, 0, 0);
	raw_request(&r, m, 3, 3, 0, 2);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_cack), 2);
	raw_request(&r, m, 4, 4, 0, 1);		/* older than what is known */
	assert_int_equal(m->seen[4], 1);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_clear), 2);
	assert_int_equal(rel(sim_pdc(&s, 1)->rx_cack), 2);
}

/* With strict ports a peer is its host, and answers go to the standard port (D3). */
static void strict_ports(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct sim_msg *m;
	struct uet_addr odd;
	uint8_t buf[256];
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_REQUEST_STD,
		.flags = UET_PDS_F_SYN | UET_PDS_F_AR, .psn = r.start, .offset = -1,
		.spdcid = 77,
	};
	int i;

	(void)state;
	sim_free(&s);
	cfg.strict_port = true;
	raw_init(&r, &s, UET_MODE_RUD, &cfg);
	m = msg(3);
	odd = s.end[0].nic.addr;
	assert_int_equal(odd.port, UET_UDP_PORT);
	for (i = 0; i < 3; i++) {
		size_t n;

		odd.port = 50000 + (uint32_t)i;	/* entropy */
		h.psn = r.start + (uint32_t)i;
		h.psn_offset = (uint16_t)i;
		n = uet_pds_pack(&h, buf);
		n += sim_ses(m, (uint32_t)i, buf + n);
		sim_inject(&s, &odd, 1, buf, (uint32_t)n, 0);
	}
	assert_int_equal(sim_pdcs(&s, 1), 1);
	raw_turn(&r);
	assert_int_equal(rel(raw_take(&r, NULL).psn), 2);
	h = (struct uet_pds_hdr){ .type = UET_PDS_CP, .ctl_type = UET_CTL_PROBE,
				  .flags = UET_PDS_F_AR, .spdcid = 5, .dpdcid = 6 };
	sim_inject(&s, &odd, 1, buf, (uint32_t)uet_pds_pack(&h, buf), 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_INV_DPDCID);
}

/* Several software FEPs of one host may use the same PDCID (D12). */
static void ports_tell_peers_apart(void **state)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_REQUEST_STD,
		.flags = UET_PDS_F_SYN | UET_PDS_F_AR, .psn = 5000, .offset = -1, .spdcid = 77,
	};
	struct uet_addr src = s.end[0].nic.addr;
	uint8_t buf[256];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct sim_msg *m = msg(1);
		size_t n = uet_pds_pack(&h, buf);

		n += sim_ses(m, 0, buf + n);
		src.port++;
		h.psn += 100;
		sim_inject(&s, &src, 1, buf, (uint32_t)n, 0);
		assert_int_equal(m->seen[0], 1);
	}
	assert_int_equal(sim_pdcs(&s, 1), 3);
}

/* Return direction: read data from the target of our PDC. */
static void return_data_is_delivered(void **state)
{
	struct uet_pds_hdr h;
	struct sim_msg *m;
	uint8_t ses[64];

	(void)state;
	r.tpdcid = 0x202;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	raw_take_request(&r);
	raw_ack(&r, 0, 0);
	m = msg(1);
	h = (struct uet_pds_hdr){
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_RESPONSE_DATA, .psn = r.start,
		.offset = -1, .spdcid = r.tpdcid, .dpdcid = r.peer_id, .flags = UET_PDS_F_AR,
	};
	sim_speak(&s, 0, 1, &h, ses, sim_ses(m, 0, ses));
	assert_int_equal(m->seen[0], 1);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(h.psn, r.start);
	assert_int_equal(h.spdcid, r.peer_id);
	assert_int_equal(h.dpdcid, r.tpdcid);
	/* A request has no business there. */
	h = (struct uet_pds_hdr){
		.type = UET_PDS_RUD_REQ, .next_hdr = UET_HDR_REQUEST_STD, .psn = r.start + 1,
		.offset = -1, .spdcid = r.tpdcid, .dpdcid = r.peer_id, .flags = UET_PDS_F_AR,
	};
	sim_speak(&s, 0, 1, &h, ses, sim_ses(m, 0, ses));
	assert_int_equal(m->seen[0], 1);
	assert_int_equal(sim_stats(&s, 1)->drop_malformed, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(window_ends_at_mp_range),
		T(far_away_is_never_new),
		T(syn_packets_in_any_order),
		T(syn_that_cannot_open),
		T(identity_is_checked),
		T(direction_is_checked),
		T(cc_forms_are_requests_too),
		T(rod_refuses_gaps_once),
		T(refusal_of_the_upper_floor),
		T(storage_of_answers_is_bounded),
		T(clear_values_are_checked),
		T(strict_ports),
		T(ports_tell_peers_apart),
		T(return_data_is_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
