/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/cms.h"
#include "wire/pds.h"

#define MSEC UET_NSEC_PER_MSEC

static const struct uet_cms_cfg cfg = {
	.mtu = 1000, .window_init = 4000, .window_max = 16000,
	.rto_min = 5 * MSEC, .rto_max = 1000 * MSEC,
};

static void ack(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t rtt, bool ecn, uint64_t now)
{
	struct uet_cms_ack a = { .bytes = bytes, .elapsed = rtt, .ecn = ecn };

	uet_cms_on_ack(ccc, &a, now);
}

static void starts_within_limits(void **state)
{
	static const struct {
		uint32_t init, max, expect;
	} cases[] = {
		{ 4000, 16000, 4000 },
		{ 32000, 16000, 16000 },
		{ 10, 16000, 1000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_cms_cfg c = cfg;
		struct uet_cms_ccc ccc;

		c.window_init = cases[i].init;
		c.window_max = cases[i].max;
		uet_cms_init(&ccc, &c);
		assert_int_equal(ccc.window.size, cases[i].expect);
		assert_int_equal(ccc.inflight, 0);
	}
}

static void window_bounds_flight(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_true(uet_cms_can_send(&ccc, 9000));	/* one is always allowed */
	uet_cms_on_send(&ccc, 1000, 0);
	assert_true(uet_cms_can_send(&ccc, 3000));
	assert_false(uet_cms_can_send(&ccc, 3001));
	uet_cms_forget(&ccc, 5000);
	assert_int_equal(ccc.inflight, 0);
	assert_int_equal(ccc.window.size, 4000);
}

static void last_packet_of_window_is_known(void **state)
{
	struct uet_cms_cfg c = cfg;
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_false(uet_cms_wants_ack(&ccc, 2000, 0, 0));
	assert_true(uet_cms_wants_ack(&ccc, 2001, 0, 0));
	uet_cms_on_send(&ccc, 2000, 0);
	assert_false(uet_cms_wants_ack(&ccc, 1000, 0, 0));
	assert_true(uet_cms_wants_ack(&ccc, 1001, 0, 0));
	/* Alone in a window that is smaller than the packet. */
	c.window_init = 1000;
	uet_cms_init(&ccc, &c);
	assert_true(uet_cms_can_send(&ccc, 1048));
	assert_true(uet_cms_wants_ack(&ccc, 1048, 0, 0));
}

static void doubles_in_slow_start(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	uet_cms_on_send(&ccc, 4000, 0);
	for (i = 0; i < 4; i++)
		ack(&ccc, 1000, 0, false, 0);
	/* The last ones came when less than half of the window was in use. */
	assert_in_range(ccc.window.size, 6000, 8000);
	assert_int_equal(ccc.inflight, 0);
}

static void idle_flow_does_not_grow(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	for (i = 0; i < 100; i++) {
		uet_cms_on_send(&ccc, 500, 0);
		ack(&ccc, 500, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 4000);
}

static void adds_one_step_per_window(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.ssthresh = 4000;
	for (i = 0; i < 4; i++) {
		ccc.inflight = 4000;
		ack(&ccc, 1000, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 5000);
	for (i = 0; i < 1000; i++) {
		ccc.inflight = 16000;
		ack(&ccc, 1000, 0, false, 0);
	}
	assert_int_equal(ccc.window.size, 16000);
}

static void halves_once_per_round_trip(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 3000, 0);
	ack(&ccc, 0, 2 * MSEC, false, 0);
	uet_cms_on_loss(&ccc, 1000, 10 * MSEC);
	assert_int_equal(ccc.window.size, 8000);
	assert_int_equal(ccc.inflight, 2000);
	uet_cms_on_loss(&ccc, 1000, 11 * MSEC);
	assert_int_equal(ccc.window.size, 8000);
	ack(&ccc, 1000, 0, true, 12 * MSEC);	/* ECN counts as well */
	assert_int_equal(ccc.window.size, 4000);
	uet_cms_on_loss(&ccc, 0, 20 * MSEC);
	uet_cms_on_loss(&ccc, 0, 30 * MSEC);
	uet_cms_on_loss(&ccc, 0, 40 * MSEC);
	assert_int_equal(ccc.window.size, 1000);	/* the floor is one packet */
}

static void timeout_falls_to_floor(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 16000, 0);
	uet_cms_on_timeout(&ccc, 16000, 100 * MSEC);
	assert_int_equal(ccc.window.size, 1000);
	assert_int_equal(ccc.window.ssthresh, 8000);
	assert_int_equal(ccc.inflight, 0);
	assert_true(uet_cms_can_send(&ccc, 1000));
}

/* The packets of one window time out one by one. */
static void window_collapses_once(void **state)
{
	struct uet_cms_ccc ccc;
	int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 16000;
	uet_cms_on_send(&ccc, 16000, 0);
	ack(&ccc, 1000, 100000, false, 0);
	for (i = 0; i < 8; i++) {
		uet_cms_on_timeout(&ccc, 1000, (uint64_t)(100 + i / 2) * MSEC);
		assert_int_equal(ccc.window.ssthresh, 8000);
		if (i == 0)
			assert_int_equal(ccc.window.size, 1000);
		ack(&ccc, 500, 0, false, (uint64_t)(100 + i / 2) * MSEC);
	}
	assert_true(ccc.window.size > 1000);
	uet_cms_on_timeout(&ccc, 0, 120 * MSEC);
	assert_int_equal(ccc.window.size, 1000);
	assert_true(ccc.window.ssthresh < 8000);
}

static void early_timeout_is_taken_back(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	ccc.window.size = 12000;
	ccc.window.ssthresh = 9000;
	uet_cms_on_spurious(&ccc);
	assert_int_equal(ccc.window.size, 12000);
	uet_cms_on_timeout(&ccc, 0, 100 * MSEC);
	uet_cms_on_timeout(&ccc, 0, 200 * MSEC);	/* its repetition, too */
	assert_int_equal(ccc.window.size, 1000);
	uet_cms_on_spurious(&ccc);
	assert_int_equal(ccc.window.size, 12000);
	assert_int_equal(ccc.window.ssthresh, 9000);
	uet_cms_on_loss(&ccc, 0, 300 * MSEC);
	uet_cms_on_spurious(&ccc);			/* only a time-out is undone */
	assert_int_equal(ccc.window.size, 6000);
}

static void rto_follows_samples_and_backs_off(void **state)
{
	struct uet_cms_ccc ccc;
	unsigned int i;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_int_equal(uet_cms_rto(&ccc, 0), 5 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 1), 10 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 3), 40 * MSEC);
	assert_int_equal(uet_cms_rto(&ccc, 255), 1000 * MSEC);
	/* RFC 6298: first sample R gives SRTT = R, RTTVAR = R / 2, RTO = 3 R. */
	ack(&ccc, 0, 20 * MSEC, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 60 * MSEC);
	for (i = 0; i < 100; i++)
		ack(&ccc, 0, 20 * MSEC, false, 0);
	assert_in_range(uet_cms_rto(&ccc, 0), 20 * MSEC, 21 * MSEC);
	for (i = 0; i < 100; i++)
		ack(&ccc, 0, 1, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 5 * MSEC);
	ack(&ccc, 0, UINT64_MAX / 16, false, 0);
	assert_int_equal(uet_cms_rto(&ccc, 0), 1000 * MSEC);
}

/* ---- NSCC ---- */

static const struct uet_cms_cfg nscc = {
	.algorithm = UET_CMS_NSCC, .mtu = 4000, .window_max = 1 << 20,
	.rto_min = 5 * MSEC, .rto_max = 1000 * MSEC, .link_rate = 100000000000,
};

static void nscc_window_counts(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &nscc);
	/* 20 us are guessed: 1.5 * 250000 bytes. */
	assert_int_equal(uet_cms_cwnd(&ccc), 375000);
	assert_true(uet_cms_can_send(&ccc, 1 << 20));
	uet_cms_on_send(&ccc, 300000, 0);
	assert_true(uet_cms_can_send(&ccc, 75000));
	assert_false(uet_cms_can_send(&ccc, 75001));
	uet_cms_forget(&ccc, 300000);
	/* The first sample replaces the guess. */
	uet_cms_on_ack(&ccc, &(struct uet_cms_ack){ .rtt = 10000, .elapsed = 50000 }, 0);
	assert_int_equal(uet_cms_cwnd(&ccc), 187500);
	assert_int_equal(ccc.rtt.base, 10000);
	assert_int_equal(ccc.rtt.srtt, 50000);
}

static void acks_are_asked_for_when_it_matters(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_false(uet_cms_wants_ack(&ccc, 2000, 0, 16384));
	uet_cms_on_send(&ccc, 1000, 0);
	assert_true(uet_cms_wants_ack(&ccc, 2000, 0, 16384));
	assert_false(uet_cms_wants_ack(&ccc, 1500, 0, 16384));

	uet_cms_init(&ccc, &nscc);
	uet_cms_on_send(&ccc, 370000, 0);
	assert_false(uet_cms_wants_ack(&ccc, 1000, 0, 16384));
	assert_true(uet_cms_wants_ack(&ccc, 1001, 0, 16384));	/* no full packet behind it */
	uet_cms_forget(&ccc, 370000);
	assert_int_equal(uet_cms_ack_spacing(&ccc, 16384), 8000);
	/* A small window asks for each quarter of it. */
	ccc.nscc.cwnd = 40000;
	assert_false(uet_cms_wants_ack(&ccc, 1000, 8999, 16384));
	assert_true(uet_cms_wants_ack(&ccc, 1000, 9000, 16384));
	ccc.nscc.cwnd = 65536;
	assert_false(uet_cms_wants_ack(&ccc, 1000, 60000, 16384));
	ccc.nscc.cwnd = 16000;
	assert_true(uet_cms_wants_ack(&ccc, 1, 0, 16384));
	assert_int_equal(uet_cms_ack_spacing(&ccc, 16384), 0);
	uet_cms_init(&ccc, &cfg);
	assert_int_equal(uet_cms_ack_spacing(&ccc, 16384), 0);
}

static void refusals_by_code(void **state)
{
	static const struct {
		uint8_t code;
		bool cuts, loss;	/* with NSCC; without */
	} cases[] = {
		{ UET_NACK_TRIMMED, true, true }, { UET_NACK_TRIMMED_LASTHOP, true, true },
		{ UET_NACK_TRIMMED_ACK, false, false }, { UET_NACK_NO_BITMAP, true, false },
		{ UET_NACK_NO_RESOURCE, true, false }, { UET_NACK_PSN_OOR_WINDOW, false, false },
		{ UET_NACK_NO_PDC_AVAIL, false, false }, { UET_NACK_PKT_NOT_RCVD, true, true },
		{ UET_NACK_RCVR_INFER_LOSS, true, true }, { UET_NACK_ROD_OOO, true, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_cms_nack nack = { .code = cases[i].code, .bytes = 4000 };
		struct uet_cms_ccc ccc;

		uet_cms_init(&ccc, &nscc);
		uet_cms_on_send(&ccc, 8000, 0);
		uet_cms_on_nack(&ccc, &nack, 0);
		assert_int_equal(ccc.inflight, 4000);
		assert_int_equal(uet_cms_cwnd(&ccc), cases[i].cuts ? 371000 : 375000);
		uet_cms_init(&ccc, &cfg);
		uet_cms_on_send(&ccc, 8000, 0);
		uet_cms_on_nack(&ccc, &nack, 0);
		assert_int_equal(ccc.inflight, 4000);
		assert_int_equal(uet_cms_cwnd(&ccc), cases[i].loss ? 2000 : 4000);
	}
}

/* A quarter of the window at once, then bursts of an eighth at 1.25 windows per RTT. */
static void bursts_are_spread(void **state)
{
	uint64_t now = 1000000, later, sent = 0, bursts = 0, start = now;
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &nscc);
	while (!uet_cms_burst_over(&ccc, now)) {
		uet_cms_on_send(&ccc, 4000, now);
		sent += 4000;
	}
	assert_in_range(sent, 375000 / 4, 375000 / 4 + 4000);
	while (sent < 375000) {
		later = uet_cms_burst_over(&ccc, now);
		assert_true(later > now);
		assert_true(uet_cms_burst_over(&ccc, later - 1) == later);
		now = later;
		for (bursts++; !uet_cms_burst_over(&ccc, now); sent += 4000)
			uet_cms_on_send(&ccc, 4000, now);
	}
	assert_in_range(bursts, 5, 7);
	assert_in_range(now - start, 10000, 16000);
	/* After a pause all of a burst may go again, but no more. */
	now += 1000000;
	for (sent = 0; !uet_cms_burst_over(&ccc, now); sent += 4000)
		uet_cms_on_send(&ccc, 4000, now);
	assert_in_range(sent, 375000 / 4, 375000 / 4 + 4000);
	/* Two packets always go together. */
	ccc.nscc.cwnd = 4000;
	now += 1000000;
	for (sent = 0; !uet_cms_burst_over(&ccc, now); sent += 4000)
		uet_cms_on_send(&ccc, 4000, now);
	assert_in_range(sent, 8000, 12000);
	/* None of this without congestion control. */
	uet_cms_init(&ccc, &cfg);
	uet_cms_on_send(&ccc, 1 << 30, 0);
	assert_int_equal(uet_cms_burst_over(&ccc, 0), 0);
}

/* A full window is used again when an eighth of it is free. */
static void windows_open_by_parts(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &nscc);
	ccc.nscc.cwnd = 80000;
	uet_cms_on_send(&ccc, 70000, 0);
	uet_cms_on_full(&ccc);
	assert_false(uet_cms_is_closed(&ccc));		/* it was not the window */
	uet_cms_on_send(&ccc, 8000, 0);
	uet_cms_on_full(&ccc);
	assert_true(uet_cms_is_closed(&ccc));
	uet_cms_forget(&ccc, 7999);
	assert_true(uet_cms_is_closed(&ccc));
	uet_cms_forget(&ccc, 1);
	assert_false(uet_cms_is_closed(&ccc));
	uet_cms_on_send(&ccc, 4000, 0);
	assert_false(uet_cms_is_closed(&ccc));		/* until it is full */
	/* 64 KiB are enough of a large one. */
	uet_cms_init(&ccc, &nscc);
	ccc.nscc.cwnd = 1 << 20;
	uet_cms_on_send(&ccc, 1 << 20, 0);
	uet_cms_on_full(&ccc);
	uet_cms_forget(&ccc, 65535);
	assert_true(uet_cms_is_closed(&ccc));
	uet_cms_forget(&ccc, 1);
	assert_false(uet_cms_is_closed(&ccc));
	/* With nothing in flight nothing would ever open it. */
	ccc.nscc.cwnd = 4000;
	ccc.inflight = 4000;
	uet_cms_on_full(&ccc);
	uet_cms_forget(&ccc, 4000);
	assert_false(uet_cms_is_closed(&ccc));
	uet_cms_init(&ccc, &cfg);
	uet_cms_on_send(&ccc, 4000, 0);
	uet_cms_on_full(&ccc);
	assert_false(uet_cms_is_closed(&ccc));
}

/* Eight of them, a round trip apart, and again when the route may have changed. */
static void probes_each_path(void **state)
{
	struct uet_cms_cfg c = nscc;
	struct uet_cms_ccc ccc;
	uint64_t now = 1000, n;

	(void)state;
	uet_cms_init(&ccc, &cfg);
	assert_false(uet_cms_wants_probe(&ccc, now));
	uet_cms_init(&ccc, &c);
	assert_true(uet_cms_wants_probe(&ccc, now));
	uet_cms_on_probe(&ccc, 8000);
	assert_int_equal(ccc.rtt.base, 8000);
	uet_cms_on_ack(&ccc, &(struct uet_cms_ack){ .rtt = 9000, .elapsed = 9000 }, now);
	for (n = 1; n < 20; n++) {
		now += n == 1 ? uet_cms_first_base(&c) - 1 : 8999;
		assert_false(uet_cms_wants_probe(&ccc, now));
		if (!uet_cms_wants_probe(&ccc, ++now))
			break;
	}
	assert_int_equal(n, 8);
	uet_cms_on_probe(&ccc, 7000);
	assert_int_equal(ccc.rtt.base, 7000);
	/* After ten seconds of silence the route may be another one, and longer. */
	uet_cms_on_work(&ccc, 9 * UET_NSEC_PER_SEC);
	assert_false(uet_cms_wants_probe(&ccc, 9 * UET_NSEC_PER_SEC));
	uet_cms_on_work(&ccc, 11 * UET_NSEC_PER_SEC);
	assert_true(uet_cms_wants_probe(&ccc, 11 * UET_NSEC_PER_SEC));
	uet_cms_on_probe(&ccc, 16000);
	assert_int_equal(ccc.rtt.base, 16000);
	c.base_rtt = 12000;
	uet_cms_init(&ccc, &c);
	assert_false(uet_cms_wants_probe(&ccc, now));
}

static void nscc_takes_early_timeouts_back(void **state)
{
	struct uet_cms_ccc ccc;

	(void)state;
	uet_cms_init(&ccc, &nscc);
	uet_cms_on_send(&ccc, 400000, 0);
	uet_cms_on_timeout(&ccc, 400000, MSEC);
	assert_int_equal(uet_cms_cwnd(&ccc), 4000);
	assert_int_equal(ccc.inflight, 0);
	uet_cms_on_spurious(&ccc);
	assert_int_equal(uet_cms_cwnd(&ccc), 375000);
	uet_cms_on_loss(&ccc, 5000, MSEC);
	assert_int_equal(uet_cms_cwnd(&ccc), 370000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_within_limits),
		cmocka_unit_test(window_bounds_flight),
		cmocka_unit_test(last_packet_of_window_is_known),
		cmocka_unit_test(doubles_in_slow_start),
		cmocka_unit_test(idle_flow_does_not_grow),
		cmocka_unit_test(adds_one_step_per_window),
		cmocka_unit_test(halves_once_per_round_trip),
		cmocka_unit_test(timeout_falls_to_floor),
		cmocka_unit_test(window_collapses_once),
		cmocka_unit_test(early_timeout_is_taken_back),
		cmocka_unit_test(rto_follows_samples_and_backs_off),
		cmocka_unit_test(nscc_window_counts),
		cmocka_unit_test(acks_are_asked_for_when_it_matters),
		cmocka_unit_test(refusals_by_code),
		cmocka_unit_test(bursts_are_spread),
		cmocka_unit_test(windows_open_by_parts),
		cmocka_unit_test(probes_each_path),
		cmocka_unit_test(nscc_takes_early_timeouts_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
