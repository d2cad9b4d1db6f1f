/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The PROBE that measures the base RTT of a new path; the test plays the target. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;
static struct uet_pds_cfg cfg;

static int setup(void **state)
{
	(void)state;
	cfg = sim_cfg();
	cfg.cms.algorithm = UET_CMS_NSCC;
	cfg.cms.charge_min = 0;
	cfg.cms.link_rate = 100000000000;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

static struct uet_cms_ccc *ccc(void)
{
	return &sim_pdc(&s, 1)->ccc->cms;
}

/* Post @cnt packets, and acknowledge the first after 200 us. Returns whether a PROBE came. */
static bool begin(uint32_t cnt, struct uet_pds_hdr *probe)
{
	struct uet_pds_hdr h;

	sim_post(&s, 1, 0, UET_MODE_RUD, cnt, 50);
	raw_turn(&r);
	while (!raw_silent(&r))
		raw_take_request(&r);
	s.now += 200 * USEC;
	raw_ack(&r, 0, 0);
	raw_turn(&r);
	while (!raw_silent(&r)) {
		h = raw_take(&r, NULL);
		if (h.type == UET_PDS_CP && h.ctl_type == UET_CTL_PROBE) {
			*probe = h;
			return true;
		}
	}
	return false;
}

static void answer(const struct uet_pds_hdr *probe, uint16_t opaque, uint16_t service)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC, .flags = UET_PDS_F_P, .psn = r.start,
		.spdcid = r.tpdcid, .dpdcid = r.peer_id, .mpr = 8, .sack_psn_offset = 1,
		.probe_opaque = opaque, .cc.service_time = service,
	};

	(void)probe;
	sim_speak(&s, 0, 1, &h, NULL, 0);
}

static void first_ack_prompts_it(void **state)
{
	struct uet_pds_hdr p = { 0 };

	(void)state;
	assert_true(begin(10, &p));
	assert_in_range(ccc()->rtt.base, 200 * USEC, 240 * USEC);
	assert_int_equal(p.spdcid, r.peer_id);
	assert_int_equal(p.dpdcid, r.tpdcid);
	assert_true(p.flags & UET_PDS_F_AR);
	assert_int_not_equal(p.probe_opaque, 0);
	assert_int_equal(p.payload, r.start + 1);
	answer(&p, (uint16_t)(p.probe_opaque + 1), 1);	/* of somebody else's */
	answer(&p, 0, 1);
	assert_true(ccc()->rtt.base >= 200 * USEC);
	s.now += 100 * USEC;
	answer(&p, p.probe_opaque, 500);		/* 64 us of service */
	assert_in_range(ccc()->rtt.base, 36 * USEC, 70 * USEC);
	/* Once: a copy of the answer is none. */
	ccc()->rtt.base = 1 * SEC;
	answer(&p, p.probe_opaque, 1);
	assert_int_equal(ccc()->rtt.base, 1 * SEC);
}

static void not_when_nobody_needs_it(void **state)
{
	struct uet_pds_hdr p;

	(void)state;
	assert_false(begin(1, &p));		/* everything is acknowledged */
	sim_free(&s);
	cfg.cms.base_rtt = 50 * USEC;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	assert_false(begin(10, &p));
	sim_free(&s);
	cfg.cms.base_rtt = 0;
	cfg.cms.algorithm = UET_CMS_NONE;
	raw_init_target(&r, &s, UET_MODE_RUD, &cfg);
	assert_false(begin(10, &p));
}

/* The measurements serve all PDCs of the peer. */
static void serve_all_pdcs(void **state)
{
	uint64_t cps;

	(void)state;
	sim_free(&s);
	sim_pair(&s, 1, &cfg);
	sim_post(&s, 0, 1, UET_MODE_RUD, 8000, 1000);
	assert_true(sim_run_done(&s, 1 * SEC));
	cps = sim_stats(&s, 1)->rx_cp;
	assert_int_equal(cps, 8);
	/* There and back takes 20 us, and each arrival up to one step of the raster more. */
	assert_in_range(sim_pdc(&s, 0)->ccc->cms.rtt.base, 20 * USEC, 24 * USEC);
	sim_post(&s, 0, 1, UET_MODE_ROD, 100, 1000);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_int_equal(sim_stats(&s, 1)->rx_cp, cps);
}

/* A NIC that takes no more at present puts it off. */
static void waits_for_the_nic(void **state)
{
	(void)state;
	sim_free(&s);
	sim_pair(&s, 1, &cfg);
	s.end[0].room_max = 1;
	sim_post(&s, 0, 1, UET_MODE_RUD, 200, 1000);
	assert_true(sim_run_done(&s, 1 * SEC));
	assert_in_range(sim_stats(&s, 1)->rx_cp, 1, 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_ack_prompts_it),
		T(not_when_nobody_needs_it),
		T(serve_all_pdcs),
		T(waits_for_the_nic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
