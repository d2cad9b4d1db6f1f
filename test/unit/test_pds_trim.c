/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets that arrive trimmed; the test plays the initiator. */
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

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

/* The first @len bytes of packet @h, a message's, arrive. */
static void trimmed(const struct uet_pds_hdr *h, uint32_t len, uint8_t trim, uint8_t tos)
{
	uint8_t buf[UET_PDS_MAX_LEN + 64] = { 0 };
	struct uet_nic_rx rx = {
		.len = len, .src = s.end[0].nic.addr, .tos = tos, .trim = trim,
	};
	uint8_t *copy = malloc(len + 1);	/* so that a sanitizer sees its end */

	uet_pds_pack(h, buf);
	memcpy(copy, buf, len);
	rx.data = copy;
	uet_pds_rx(s.end[1].pds, &rx, 1, s.now);
	free(copy);
	raw_turn(&r);
}

static struct uet_pds_hdr request(int32_t at)
{
	return (struct uet_pds_hdr){
		.type = r.mode == UET_MODE_ROD ? UET_PDS_ROD_REQ : UET_PDS_RUD_REQ,
		.next_hdr = UET_HDR_REQUEST_STD, .psn = r.start + (uint32_t)at,
		.offset = (int16_t)(0 - at), .spdcid = r.id, .dpdcid = r.peer_id,
	};
}

static void is_refused(void **state)
{
	static const struct {
		uint8_t trim, tos, flags, code, nack_flags;
	} cases[] = {
		{ UET_NIC_TRIMMED, 0, 0, UET_NACK_TRIMMED, 0 },
		{ UET_NIC_TRIMMED_LASTHOP, 0, 0, UET_NACK_TRIMMED_LASTHOP, 0 },
		{ UET_NIC_TRIMMED, UET_ECN_CE, 0, UET_NACK_TRIMMED, UET_PDS_F_M },
		{ UET_NIC_TRIMMED, UET_ECN_ECT0, UET_PDS_F_RETX, UET_NACK_TRIMMED,
		  UET_PDS_F_RETX },
	};
	struct uet_pdc *pdc = sim_pdc(&s, 1);
	uint64_t bytes = pdc->rx_bytes;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_pds_hdr h = request(1 + (int32_t)i), n;

		h.flags = cases[i].flags;
		trimmed(&h, 16, cases[i].trim, cases[i].tos);
		n = raw_take(&r, NULL);
		assert_int_equal(n.type, UET_PDS_NACK);
		assert_int_equal(n.nack_code, cases[i].code);
		assert_int_equal(n.flags, cases[i].nack_flags);
		assert_int_equal(n.psn, h.psn);
		assert_int_equal(n.dpdcid, r.id);
		assert_int_equal(n.spdcid, r.peer_id);
		assert_true(raw_silent(&r));
	}
	/* Nothing has been received, and all of it may still come. */
	assert_int_equal(pdc->rx_bytes, bytes);
	assert_int_equal(pdc->rx_hi, r.start);
	assert_int_equal(s.end[1].rx_cnt, 1);
	assert_int_equal(sim_stats(&s, 1)->rx_trimmed, UET_ARRAY_SIZE(cases));
	raw_request(&r, sim_msg(&s, 0, 1, r.mode, 1, 100), 0, 1, UET_PDS_F_AR, 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).psn, r.start + 1);
}

static void copies_are_acknowledged(void **state)
{
	struct uet_pds_hdr h = request(0), a;

	(void)state;
	trimmed(&h, 12, UET_NIC_TRIMMED, UET_ECN_CE);
	a = raw_take(&r, NULL);
	assert_int_equal(a.type, UET_PDS_ACK_CC);
	assert_int_equal(uet_pds_offset_psn(&a), r.start);
	assert_int_equal(a.flags, UET_PDS_F_M);
	assert_int_equal(sim_stats(&s, 1)->rx_duplicate, 1);
}

/* The first packet of a PDC: refused without opening one. */
static void syn_opens_nothing(void **state)
{
	struct uet_pds_hdr h = request(0), n;

	(void)state;
	h.spdcid = 0x333;
	h.flags = UET_PDS_F_SYN | UET_PDS_F_AR;
	trimmed(&h, 12, UET_NIC_TRIMMED, 0);
	n = raw_take(&r, NULL);
	assert_int_equal(n.nack_code, UET_NACK_TRIMMED);
	assert_int_equal(n.spdcid, 0);
	assert_int_equal(n.dpdcid, 0x333);
	assert_int_equal(sim_pdcs(&s, 1), 1);
	/* One of a PDC that is open already. */
	h.spdcid = r.id;
	h.psn += 5;
	h.psn_offset = 5;
	trimmed(&h, 12, UET_NIC_TRIMMED_LASTHOP, 0);
	n = raw_take(&r, NULL);
	assert_int_equal(n.nack_code, UET_NACK_TRIMMED_LASTHOP);
	assert_int_equal(n.spdcid, r.peer_id);
	h.spdcid = 0;
	trimmed(&h, 12, UET_NIC_TRIMMED_LASTHOP, 0);
	assert_true(raw_silent(&r));
}

static void rod_counts_in_order(void **state)
{
	struct uet_pds_hdr h, n;

	(void)state;
	sim_free(&s);
	raw_init(&r, &s, UET_MODE_ROD, NULL);
	raw_open(&r);
	h = request(1);
	trimmed(&h, 16, UET_NIC_TRIMMED, 0);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_TRIMMED);
	h = request(3);
	trimmed(&h, 16, UET_NIC_TRIMMED, 0);
	n = raw_take(&r, NULL);
	assert_int_equal(n.nack_code, UET_NACK_ROD_OOO);
	assert_int_equal(n.payload, r.start + 1);
}

static void others_are_not_missed(void **state)
{
	static const uint8_t types[] = {
		UET_PDS_ACK, UET_PDS_ACK_CC, UET_PDS_NACK, UET_PDS_CP, UET_PDS_UUD_REQ,
		UET_PDS_RUDI_RESP,
	};
	struct uet_pds_hdr h;
	uint64_t malformed;
	uint32_t len;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(types); i++) {
		h = request(1);
		h.type = types[i];
		h.ctl_type = UET_CTL_PROBE;
		trimmed(&h, 40, UET_NIC_TRIMMED, 0);
	}
	assert_true(raw_silent(&r));
	/* RUDI has no PDC, and is told all the same. */
	h = request(77);
	h.type = UET_PDS_RUDI_REQ;
	trimmed(&h, 16, UET_NIC_TRIMMED, 0);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_TRIMMED);
	assert_int_equal(h.flags, UET_PDS_F_NT);
	assert_int_equal(h.psn, r.start + 77);
	/* Less than a header. */
	malformed = sim_stats(&s, 1)->drop_malformed;
	h = request(1);
	for (len = 0; len < UET_PDS_REQ_LEN; len++)
		trimmed(&h, len, UET_NIC_TRIMMED, 0);
	assert_true(raw_silent(&r));
	assert_int_equal(sim_stats(&s, 1)->drop_malformed, malformed + UET_PDS_REQ_LEN);
}

/* A source that is told repeats, and everything arrives. */
static void both_sides(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct uet_pds_cfg cfg = sim_cfg();

		sim_free(&s);
		sim_init(&s, (uint64_t)i);
		cfg.cms.algorithm = i & 1 ? UET_CMS_NSCC : UET_CMS_NONE;
		cfg.cms.trimming = true;
		sim_add(&s, &cfg);
		sim_add(&s, &cfg);
		s.trim_ppm = 100000;
		sim_post(&s, 0, 1, i & 2 ? UET_MODE_ROD : UET_MODE_RUD, 500, 1000);
		sim_read(&s, 0, 1, UET_MODE_RUD, 20, 1000);
		sim_post(&s, 1, 0, UET_MODE_RUDI, 20, 1000);
		assert_true(sim_run_done(&s, 10 * SEC));
		assert_true(sim_stats(&s, 1)->nack_tx_code[UET_NACK_TRIMMED] > 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(is_refused),
		T(copies_are_acknowledged),
		T(syn_opens_nothing),
		T(rod_counts_in_order),
		T(others_are_not_missed),
		T(both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
