/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/cms.h"
#include "cms/rccc.h"

#define MTU	1000u
#define MAX	12000u
#define USEC	UET_NSEC_PER_USEC
#define MSEC	UET_NSEC_PER_MSEC

/* One that has heard of its destination and has no credit. */
static void begun(struct uet_rccc *r)
{
	uet_rccc_init(r, MAX, MTU);
	uet_rccc_on_feedback(r);
	assert_int_equal(r->credit, 0);
}

static void totals_wrap(void **state)
{
	(void)state;
	assert_true(uet_credit_ahead(1, 0));
	assert_false(uet_credit_ahead(0, 0));
	assert_false(uet_credit_ahead(0, 1));
	assert_true(uet_credit_ahead(3, 0xfffffe));
	assert_false(uet_credit_ahead(0xfffffe, 3));
	assert_true(uet_credit_ahead(0x7fffff, 0));
	assert_false(uet_credit_ahead(0x800000, 0));
	assert_true(uet_credit_ahead(0xff000001, 0));	/* only 24 bits count */
	assert_int_equal(uet_credit_units(0), 0);
	assert_int_equal(uet_credit_units(1), 1);
	assert_int_equal(uet_credit_units(256), 1);
	assert_int_equal(uet_credit_units(257), 2);
}

static void limits_of_the_store(void **state)
{
	static const struct {
		uint64_t max;
		uint32_t mtu, expect;
	} cases[] = {
		{ MAX, MTU, MAX },
		{ 10, MTU, MTU },
		{ 1ull << 40, MTU, 1u << 30 },
	};
	struct uet_rccc r;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		uet_rccc_init(&r, cases[i].max, cases[i].mtu);
		assert_int_equal(r.max, cases[i].expect);
		assert_int_equal(r.credit, cases[i].expect);
	}
}

static void first_window_needs_no_grant(void **state)
{
	struct uet_rccc r;
	uint32_t sent = 0;

	(void)state;
	uet_rccc_init(&r, MAX, MTU);
	while (uet_rccc_can_send(&r)) {
		uet_rccc_on_send(&r, 700, 1);
		sent += 700;
	}
	/* Below zero by less than a packet. */
	assert_in_range(sent, MAX, MAX + 699);
	assert_in_range(-r.credit, 0, 699);
}

static void hearing_ends_speculation(void **state)
{
	struct uet_rccc r;

	(void)state;
	uet_rccc_init(&r, MAX, MTU);
	uet_rccc_on_send(&r, MTU, 1);
	uet_rccc_on_feedback(&r);
	assert_int_equal(r.credit, 0);
	assert_false(uet_rccc_can_send(&r));

	/* The first credit ends it, too, before it counts. */
	uet_rccc_init(&r, MAX, MTU);
	assert_true(uet_rccc_on_credit(&r, 2, 7));
	assert_int_equal(r.credit, 512);

	/* A debt stays; later feedback takes nothing away. */
	uet_rccc_init(&r, MAX, MTU);
	uet_rccc_on_send(&r, MAX + 100, 1);
	uet_rccc_on_feedback(&r);
	assert_int_equal(r.credit, -100);
	uet_rccc_on_credit(&r, 4, 7);
	uet_rccc_on_feedback(&r);
	assert_int_equal(r.credit, 924);
}

static void lost_grants_are_made_good(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	assert_true(uet_rccc_on_credit(&r, 4, 7));
	assert_true(uet_rccc_on_credit(&r, 12, 7));	/* 8 was lost */
	assert_int_equal(r.credit, 12 * 256);
	assert_false(uet_rccc_on_credit(&r, 8, 7));	/* or only late */
	assert_false(uet_rccc_on_credit(&r, 12, 7));
	assert_int_equal(r.credit, 12 * 256);
	assert_int_equal(r.granted, 12);
	uet_rccc_on_credit(&r, 12 + 1000, 7);		/* more than can be stored */
	assert_int_equal(r.credit, MAX);
	assert_int_equal(r.granted, 1012);
}

static void grants_wrap(void **state)
{
	struct uet_rccc r;
	uint32_t total = 0;
	int i;

	(void)state;
	begun(&r);
	/* 2^24 units in large steps, and over. */
	for (i = 0; i < 40; i++) {
		total += 0x70000;
		assert_true(uet_rccc_on_credit(&r, total, 7));
		assert_int_equal(r.credit, MAX);
		uet_rccc_on_send(&r, MAX, 1);
	}
	assert_true(total > UET_CREDIT_MASK);
	assert_int_equal(r.granted, total & UET_CREDIT_MASK);

	begun(&r);
	r.granted = r.target = 0xfffff0;
	assert_int_equal(uet_rccc_target(&r, MAX, 0, UINT64_MAX, 1),
			 (0xfffff0 + 47) & UET_CREDIT_MASK);
	assert_true(uet_rccc_on_credit(&r, 4, 7));
	assert_int_equal(r.credit, 20 * 256);
	assert_false(uet_rccc_on_credit(&r, 0xfffffe, 7));
	assert_int_equal(uet_rccc_target(&r, MAX, 0, UINT64_MAX, 1), 31);
}

static void asks_for_what_waits(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	assert_int_equal(uet_rccc_target(&r, 0, 0, UINT64_MAX, 1), 0);
	assert_int_equal(uet_rccc_target(&r, 1000, 0, UINT64_MAX, 1), 4);
	/* Not more than can be stored, nor than the window of other congestion control. */
	assert_int_equal(uet_rccc_target(&r, 1 << 30, 0, 5000, 1), 20);
	assert_int_equal(uet_rccc_target(&r, 1 << 30, 0, UINT64_MAX, 1), 47);
	/* Never behind what was asked for before. */
	assert_int_equal(uet_rccc_target(&r, 1000, 0, UINT64_MAX, 1), 47);

	/* What is there already is not asked for, but what a packet takes with it is. */
	begun(&r);
	uet_rccc_on_credit(&r, 10, 7);
	assert_int_equal(uet_rccc_target(&r, 2560, 0, UINT64_MAX, 1), 0);
	assert_int_equal(uet_rccc_target(&r, 2560, 1000, UINT64_MAX, 1), 14);
	/* Debts are paid, too. */
	begun(&r);
	r.credit = -300;
	assert_int_equal(uet_rccc_target(&r, 1000, 0, UINT64_MAX, 1), 6);
}

static void shares_its_own_link(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	assert_int_equal(uet_rccc_target(&r, 1 << 30, 0, UINT64_MAX, 4), 12);
}

static void speculation_asks_early(void **state)
{
	struct uet_rccc r;

	(void)state;
	uet_rccc_init(&r, MAX, MTU);
	/* Plenty of its own, but that ends with the first answer. */
	assert_int_equal(uet_rccc_target(&r, 500, 0, UINT64_MAX, 1), 4);
	uet_rccc_init(&r, MAX, MTU);
	assert_int_equal(uet_rccc_target(&r, 0, 1000, UINT64_MAX, 1), 0);
	uet_rccc_on_send(&r, 6000, 1);
	assert_int_equal(uet_rccc_target(&r, MAX, 0, UINT64_MAX, 1), 24);
}

static void timeouts_let_one_packet_go(void **state)
{
	struct uet_rccc r;
	int i;

	(void)state;
	uet_rccc_init(&r, MAX, MTU);
	uet_rccc_on_send(&r, MTU, 1);
	/* Nobody answers: no second window of guesses. */
	for (i = 0; i < 3; i++) {
		uet_rccc_on_timeout(&r);
		assert_true(uet_rccc_can_send(&r));
		uet_rccc_on_send(&r, MTU, 2);
		assert_false(uet_rccc_can_send(&r));
		assert_in_range(-r.credit, 0, MTU);	/* debts do not pile up */
	}
	/* Credit that there is stays. */
	begun(&r);
	uet_rccc_on_credit(&r, 10, 7);
	uet_rccc_on_timeout(&r);
	assert_int_equal(r.credit, 2560);
}

/* The destination acknowledges and starves us @n times. */
static void starve(struct uet_rccc *r, int n)
{
	while (n--) {
		uet_rccc_starve(r, 5);
		assert_true(uet_rccc_can_send(r));
		uet_rccc_on_send(r, MTU, 6);
		uet_rccc_on_feedback(r);
	}
}

static void does_without_a_mute_destination(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	starve(&r, 3);
	assert_false(uet_rccc_can_send(&r));
	starve(&r, 1);
	assert_true(uet_rccc_can_send(&r));
	starve(&r, 100);
	assert_true(r.mute);
	/* No debts from that time when it grants something after all. */
	uet_rccc_on_credit(&r, 8, 7);
	assert_false(r.mute);
	assert_in_range(r.credit, 8 * 256 - MTU, 8 * 256 + 1);

	/* One that has granted before is only slow; so is one that acknowledges nothing. */
	starve(&r, 100);
	assert_false(r.mute);
	begun(&r);
	uet_rccc_starve(&r, 5);
	for (int i = 0; i < 100; i++)
		uet_rccc_starve(&r, 5);
	assert_false(r.mute);
}

static void speculates_again_after_a_pause(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	uet_rccc_on_credit(&r, 20, 7);
	uet_rccc_on_send(&r, MTU, 100 * MSEC);
	uet_rccc_wake(&r, 109 * MSEC);
	assert_false(r.speculating);
	assert_int_equal(r.credit, 20 * 256 - 1000);
	uet_rccc_wake(&r, 110 * MSEC);
	assert_true(r.speculating);
	assert_int_equal(r.credit, MAX / 3 * 2);
	/* Totals go on, and so does speculation until something is heard. */
	assert_int_equal(r.granted, 20);
	uet_rccc_on_send(&r, MTU, 111 * MSEC);
	uet_rccc_wake(&r, 130 * MSEC);
	assert_int_equal(r.credit, MAX / 3 * 2 - 1000);
	uet_rccc_on_feedback(&r);
	assert_int_equal(r.credit, 0);

	/* Waiting for credit is no pause. */
	uet_rccc_on_block(&r, 140 * MSEC);
	uet_rccc_wake(&r, 200 * MSEC);
	assert_false(r.speculating);
	assert_int_equal(r.credit, 0);
}

static uint64_t ask_at(const struct uet_rccc *r)
{
	return uet_rccc_ask_at(r, 10, 40, 200);
}

static void asks_when_it_must(void **state)
{
	struct uet_rccc r;

	(void)state;
	begun(&r);
	r.credit = 1;
	assert_true(ask_at(&r) == UET_TIME_NEVER);
	r.credit = 0;
	/* Nothing is promised: at once, then once per round trip. */
	uet_rccc_on_block(&r, 1000);
	assert_int_equal(ask_at(&r), 0);
	uet_rccc_on_ask(&r, 1000);
	assert_int_equal(ask_at(&r), 1010);
	/* Promised: wait for it first, ever longer. */
	r.asks = 0;
	uet_rccc_target(&r, MTU, 0, UINT64_MAX, 1);
	assert_int_equal(ask_at(&r), 1040);
	uet_rccc_on_ask(&r, 1040);
	assert_int_equal(ask_at(&r), 1120);
	uet_rccc_on_ask(&r, 1120);
	assert_int_equal(ask_at(&r), 1280);
	uet_rccc_on_ask(&r, 1280);
	assert_int_equal(ask_at(&r), 1480);
	for (int i = 0; i < 300; i++)
		uet_rccc_on_ask(&r, 1480);
	assert_int_equal(ask_at(&r), 1680);
	assert_int_equal(uet_rccc_ask_at(&r, 300, 40, 200), 1780);
	/* A grant begins the wait anew; so does a packet. */
	uet_rccc_on_credit(&r, 1, 1990);
	r.credit = 0;
	uet_rccc_on_block(&r, 2000);
	uet_rccc_on_block(&r, 2010);
	assert_int_equal(ask_at(&r), 2040);
	uet_rccc_on_send(&r, 100, 2020);
	uet_rccc_on_block(&r, 2030);
	assert_int_equal(ask_at(&r), 2070);
}

static void starves_only_in_silence(void **state)
{
	struct uet_rccc r;

	(void)state;
	uet_rccc_init(&r, MAX, MTU);
	assert_true(uet_rccc_starve_at(&r, 500) == UET_TIME_NEVER);
	uet_rccc_on_feedback(&r);
	uet_rccc_on_block(&r, 1000);
	assert_int_equal(uet_rccc_starve_at(&r, 500), 1500);
	/* The destination has nothing for us yet, and says so. */
	uet_rccc_on_credit(&r, 0, 1400);
	assert_int_equal(uet_rccc_starve_at(&r, 500), 1900);
	uet_rccc_starve(&r, 1900);
	assert_true(uet_rccc_starve_at(&r, 500) == UET_TIME_NEVER);
	uet_rccc_on_send(&r, MTU, 1900);
	uet_rccc_on_block(&r, 1910);
	assert_int_equal(uet_rccc_starve_at(&r, 500), 2410);
}

/* A source with @algorithm, windows of 100000 and 5000 bytes, that has heard something. */
static void context(struct uet_cms_ccc *ccc, struct uet_cms_cfg *cfg, uint8_t algorithm)
{
	*cfg = (struct uet_cms_cfg){
		.mtu = MTU, .window_init = 5000, .window_max = 100000, .rto_min = MSEC,
		.rto_max = MSEC, .algorithm = algorithm, .base_rtt = 20 * USEC,
		.link_rate = 8000000000,
	};
	uet_cms_init(ccc, cfg);
	uet_rccc_on_feedback(&ccc->rccc);
}

static void credit_decides_alone(void **state)
{
	struct uet_cms_cfg cfg;
	struct uet_cms_ccc ccc;

	(void)state;
	context(&ccc, &cfg, UET_CMS_RCCC);
	/* Base RTT and tick are 20 us each. */
	assert_int_equal(ccc.rccc.max, 60000);
	assert_false(uet_cms_can_send(&ccc, 100));
	uet_rccc_on_credit(&ccc.rccc, 400, 1);
	uet_cms_on_send(&ccc, 50000, 1);
	assert_true(uet_cms_can_send(&ccc, MTU));	/* though the other window is small */
	assert_int_equal(ccc.rccc.credit, 10000);
	assert_true(uet_cms_wants_ack(&ccc, 10000, 0, 0));
	assert_false(uet_cms_wants_ack(&ccc, 1000, 0, 0));
	assert_int_equal(uet_cms_ack_spacing(&ccc, 0), 2 * MTU);
	/* What was given up too early takes no credit when it is in flight again. */
	uet_cms_on_timeout(&ccc, 50000, 2);
	uet_cms_unforget(&ccc, 50000);
	assert_int_equal(ccc.inflight, 50000);
	assert_int_equal(ccc.rccc.credit, 10000);
	/* Unless the peer does not speak RCCC. */
	ccc.rccc.mute = true;
	assert_false(uet_cms_can_send(&ccc, MTU));
	uet_cms_forget(&ccc, 50000);
	assert_true(uet_cms_can_send(&ccc, MTU));
	uet_cms_renew_credit(&ccc);
	assert_true(ccc.rccc.speculating);
	assert_false(ccc.rccc.mute);
	assert_int_equal(ccc.rccc.credit, 60000);
}

static void both_must_permit(void **state)
{
	struct uet_cms_ack ack = { .bytes = 1, .elapsed = 15000, .rtt = 15000 };
	struct uet_cms_cfg cfg;
	struct uet_cms_ccc ccc;

	(void)state;
	context(&ccc, &cfg, UET_CMS_NSCC | UET_CMS_RCCC);
	assert_false(uet_cms_can_send(&ccc, MTU));
	uet_rccc_on_credit(&ccc.rccc, 200, 1);
	assert_true(uet_cms_can_send(&ccc, MTU));
	ccc.nscc.cwnd = 4000;
	uet_cms_on_send(&ccc, 3500, 1);
	assert_false(uet_cms_can_send(&ccc, MTU));
	/* Credit beyond the window is not asked for. */
	ccc.rccc.credit = 0;
	assert_int_equal(uet_cms_credit_target(&ccc, 1 << 20, 0, 1) - 200,
			 uet_credit_units(4000 + MTU));
	/* A shorter way needs less stored credit. */
	uet_cms_on_ack(&ccc, &ack, 20000);
	assert_int_equal(ccc.rccc.max, 35000 * 3 / 2);
	assert_int_equal(uet_cms_usual_rtt(&ccc), 15000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_wrap),
		cmocka_unit_test(limits_of_the_store),
		cmocka_unit_test(first_window_needs_no_grant),
		cmocka_unit_test(hearing_ends_speculation),
		cmocka_unit_test(lost_grants_are_made_good),
		cmocka_unit_test(grants_wrap),
		cmocka_unit_test(asks_for_what_waits),
		cmocka_unit_test(shares_its_own_link),
		cmocka_unit_test(speculation_asks_early),
		cmocka_unit_test(timeouts_let_one_packet_go),
		cmocka_unit_test(does_without_a_mute_destination),
		cmocka_unit_test(speculates_again_after_a_pause),
		cmocka_unit_test(asks_when_it_must),
		cmocka_unit_test(starves_only_in_silence),
		cmocka_unit_test(credit_decides_alone),
		cmocka_unit_test(both_must_permit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
