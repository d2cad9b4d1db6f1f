/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Control packets. */
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

static void noop_opens_pdc_of_its_mode(void **state)
{
	static const struct {
		uint8_t ctl;
		uint8_t flags;
		uint8_t mode;
	} cases[] = {
		{ UET_CTL_NOOP, 0, UET_MODE_RUD },
		{ UET_CTL_NOOP, UET_PDS_F_ISROD, UET_MODE_ROD },
		{ UET_CTL_NEGOTIATION, UET_PDS_F_ISROD, UET_MODE_ROD },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct sim_msg *m;
		struct uet_pds_hdr h;

		r.id++;
		r.peer_id = 0;
		r.mode = cases[i].mode;
		raw_ctl(&r, cases[i].ctl, cases[i].flags | UET_PDS_F_SYN | UET_PDS_F_AR, r.start,
			0);
		raw_turn(&r);
		h = raw_take(&r, NULL);
		assert_int_equal(h.type, UET_PDS_ACK_CC);
		assert_int_equal(h.next_hdr, UET_HDR_NONE);
		assert_int_equal(rel(h.psn), 0);
		r.peer_id = h.spdcid;
		/* It took a PSN; a request follows. */
		m = sim_msg(&s, 0, 1, r.mode, 1, 10);
		raw_request(&r, m, 0, 1, UET_PDS_F_AR, 0);
		raw_turn(&r);
		assert_int_equal(rel(raw_take(&r, NULL).psn), 1);
		/* A repeated one is acknowledged again. */
		raw_ctl(&r, cases[i].ctl, cases[i].flags | UET_PDS_F_RETX | UET_PDS_F_AR, r.start,
			0);
		raw_turn(&r);
		h = raw_take(&r, NULL);
		assert_int_equal(rel(uet_pds_offset_psn(&h)), 0);
	}
	assert_int_equal(sim_pdcs(&s, 1), 3);
}

static void only_some_may_carry_syn(void **state)
{
	static const struct {
		uint8_t ctl;
		bool nack;
	} cases[] = {
		{ UET_CTL_ACK_REQ, true }, { UET_CTL_CLEAR_CMD, false },
		{ UET_CTL_CLEAR_REQ, false }, { UET_CTL_CLOSE_CMD, true },
		{ UET_CTL_CLOSE_REQ, true }, { UET_CTL_PROBE, true },
		{ UET_CTL_CREDIT, false }, { UET_CTL_CREDIT_REQ, false },
		{ 10, false }, { 15, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		raw_ctl(&r, cases[i].ctl, UET_PDS_F_SYN, r.start, 0);
		raw_turn(&r);
		if (cases[i].nack)
			assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_INVALID_SYN);
		assert_true(raw_silent(&r));
	}
	assert_int_equal(sim_pdcs(&s, 1), 0);
}

static void unknown_pdc(void **state)
{
	static const struct {
		uint8_t ctl;
		bool nack;
	} cases[] = {
		{ UET_CTL_NOOP, true }, { UET_CTL_ACK_REQ, true }, { UET_CTL_CLEAR_CMD, false },
		{ UET_CTL_CLEAR_REQ, false }, { UET_CTL_CLOSE_CMD, true },
		{ UET_CTL_CLOSE_REQ, true }, { UET_CTL_PROBE, true },
		{ UET_CTL_CREDIT, false }, { UET_CTL_CREDIT_REQ, false },
	};
	size_t i;

	(void)state;
	r.peer_id = 0x4321;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		raw_ctl(&r, cases[i].ctl, UET_PDS_F_AR, r.start, 0);
		raw_turn(&r);
		if (cases[i].nack) {
			struct uet_pds_hdr h = raw_take(&r, NULL);

			assert_int_equal(h.nack_code, UET_NACK_INV_DPDCID);
			assert_int_equal(h.spdcid, 0);
			assert_int_equal(h.dpdcid, r.id);
			assert_int_equal(h.psn, r.start);
		}
		assert_true(raw_silent(&r));
	}
}

static void ack_req(void **state)
{
	struct sim_msg *m = sim_msg(&s, 0, 1, UET_MODE_RUD, 6, 10);
	struct sim_msg *g = sim_msg(&s, 0, 1, UET_MODE_RUD, 1, 10);
	struct uet_pds_hdr h;
	uint8_t ses[64];

	(void)state;
	g->gtd = true;
	raw_open(&r);
	raw_request(&r, m, 0, 1, 0, 0);
	raw_request(&r, m, 2, 3, 0, 0);
	raw_request(&r, g, 0, 4, 0, 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 1, 0);
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 1);
	assert_int_equal(ses[0], 0);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 3, 0);
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 3);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 4, 0);
	raw_turn(&r);
	h = raw_take(&r, ses);
	assert_int_equal(rel(uet_pds_offset_psn(&h)), 4);
	assert_int_equal(ses[0], 1);
	assert_int_equal(UET_PDS_ACK_REQ(h.flags), UET_ACK_REQ_CLEAR);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 2, 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_PKT_NOT_RCVD);
	raw_ctl(&r, UET_CTL_ACK_REQ, UET_PDS_F_AR, r.start + 1026, 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_PSN_OOR_WINDOW);
	assert_true(raw_silent(&r));
}

static void close_cmd(void **state)
{
	struct sim_msg *m = sim_msg(&s, 0, 1, UET_MODE_RUD, 2, 10);
	struct uet_pds_hdr h;
	int i;

	(void)state;
	m->gtd = true;
	raw_open(&r);
	raw_request(&r, m, 0, 1, 0, 0);
	raw_turn(&r);
	sim_drain(&s, 0);
	/* Before its time: dropped. */
	raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start + 3, 0);
	raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start + 1, 0);
	raw_turn(&r);
	assert_true(raw_silent(&r));
	assert_int_equal(sim_pdcs(&s, 1), 1);
	/* It clears the stored answer; repeated, it finds the memory of the PDC. */
	for (i = 0; i < 2; i++) {
		raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR | (i ? UET_PDS_F_RETX : 0),
			r.start + 2, 0);
		raw_turn(&r);
		h = raw_take(&r, NULL);
		assert_int_equal(h.type, i ? UET_PDS_ACK : UET_PDS_ACK_CC);
		assert_int_equal(h.next_hdr, UET_HDR_NONE);
		assert_int_equal(h.spdcid, r.peer_id);
		assert_int_equal(rel(h.psn), 2);
		assert_int_equal(rel(uet_pds_offset_psn(&h)), 2);
		assert_int_equal(!!(h.flags & UET_PDS_F_RETX), i);
		assert_int_equal(sim_pdcs(&s, 1), 0);
	}
	assert_int_equal(s.end[1].gone, 1);
	assert_int_equal(s.end[1].gone_err, 0);
	/* Only for a while. */
	s.now += 3 * SEC;
	raw_ctl(&r, UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start + 2, 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_INV_DPDCID);
}

static void target_may_not_be_asked_to_close(void **state)
{
	(void)state;
	raw_open(&r);
	raw_ctl(&r, UET_CTL_CLOSE_REQ, UET_PDS_F_AR, r.start + 1, 0);
	raw_turn(&r);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_UNEXP_EVENT);
}

/* The test as target: packets that go the other way. */
static void speak_as_target(uint8_t ctl, uint8_t flags, uint32_t psn, uint32_t payload)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP, .ctl_type = ctl, .flags = flags, .psn = psn,
		.spdcid = r.tpdcid, .dpdcid = r.peer_id, .payload = payload,
	};

	sim_speak(&s, 0, 1, &h, NULL, 0);
	raw_turn(&r);
}

static void initiator_receives(void **state)
{
	struct uet_pds_hdr h;

	(void)state;
	r.tpdcid = 0x202;
	sim_post(&s, 1, 0, UET_MODE_RUD, 1, 10);
	raw_turn(&r);
	raw_take_request(&r);
	/* Before its first ACK the target's identifier is not known: no answer. */
	speak_as_target(UET_CTL_CLOSE_REQ, UET_PDS_F_AR, r.start, 0);
	assert_true(raw_silent(&r));
	raw_ack(&r, 0, 0);
	speak_as_target(UET_CTL_CLOSE_CMD, UET_PDS_F_AR, r.start, 0);
	assert_int_equal(raw_take(&r, NULL).nack_code, UET_NACK_UNEXP_EVENT);
	speak_as_target(UET_CTL_CREDIT, 0, 0, 0x100);
	assert_true(raw_silent(&r));
	speak_as_target(UET_CTL_CLEAR_REQ, 0, 0, r.start);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLEAR_CMD);
	assert_int_equal(h.payload, r.start);
	speak_as_target(UET_CTL_NOOP, UET_PDS_F_AR, r.start, 0);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(rel(h.psn), 0);
	/* Takes the next return PSN; acknowledged, and closing begins. */
	speak_as_target(UET_CTL_CLOSE_REQ, UET_PDS_F_AR, r.start + 1, 0);
	h = raw_take(&r, NULL);
	assert_int_equal(h.type, UET_PDS_ACK_CC);
	assert_int_equal(rel(h.psn), 1);
	h = raw_take(&r, NULL);
	assert_int_equal(h.ctl_type, UET_CTL_CLOSE_CMD);
	assert_int_equal(rel(h.psn), 1);
	speak_as_target(UET_CTL_CLOSE_REQ, UET_PDS_F_AR | UET_PDS_F_RETX, r.start + 1, 0);
	assert_int_equal(raw_take(&r, NULL).type, UET_PDS_ACK_CC);
	assert_true(raw_silent(&r));
	/* The target knows nothing of us: that ends it, too, but it is not the same any more. */
	raw_nack(&r, UET_NACK_INV_DPDCID, 1, 0, false);
	assert_int_equal(sim_pdcs(&s, 1), 0);
	assert_int_equal(s.end[1].gone_err, -ECONNRESET);
}

static void wrong_source_is_refused(void **state)
{
	struct uet_addr far = s.end[0].nic.addr;
	struct uet_pds_hdr h = { .type = UET_PDS_CP, .flags = UET_PDS_F_AR };
	uint64_t stale;
	uint8_t buf[64];

	(void)state;
	raw_open(&r);
	h.ctl_type = UET_CTL_CLEAR_CMD;
	h.spdcid = r.id;
	h.dpdcid = r.peer_id;
	stale = sim_stats(&s, 1)->drop_stale;
	far.ip[3]++;
	sim_inject(&s, &far, 1, buf, (uint32_t)uet_pds_pack(&h, buf), 0);
	h.spdcid++;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	assert_int_equal(sim_stats(&s, 1)->drop_stale, stale + 2);
	h.ctl_type = UET_CTL_PROBE;
	sim_speak(&s, 0, 1, &h, NULL, 0);
	raw_turn(&r);
	h = raw_take(&r, NULL);
	assert_int_equal(h.nack_code, UET_NACK_PDC_HDR_MISMATCH);
	assert_int_equal(h.spdcid, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(noop_opens_pdc_of_its_mode),
		T(only_some_may_carry_syn),
		T(unknown_pdc),
		T(ack_req),
		T(close_cmd),
		T(target_may_not_be_asked_to_close),
		T(initiator_receives),
		T(wrong_source_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
