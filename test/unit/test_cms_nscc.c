/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "cms/cms.h"
#include "wire/pds.h"

#define USEC UET_NSEC_PER_USEC
#define MSEC UET_NSEC_PER_MSEC
#define SEC UET_NSEC_PER_SEC

/* The reference network: 100 Gb/s, 12 us, marking and trimming switches. */
static const struct uet_cms_cfg reference = {
	.algorithm = UET_CMS_NSCC | UET_CMS_RCCC, .mtu = 4096, .window_max = 1 << 30,
	.rto_min = 5 * MSEC, .rto_max = 1000 * MSEC, .trimming = true, .ecn_known = true,
	.link_rate = 100000000000, .base_rtt = 12 * USEC,
};

/* The same network when nobody marks or trims. */
static struct uet_cms_cfg plain(void)
{
	struct uet_cms_cfg c = reference;

	c.algorithm = UET_CMS_NSCC;
	c.trimming = false;
	c.ecn_known = false;
	return c;
}

static void near(double value, double expect, double tolerance)
{
	if (fabs(value - expect) > tolerance)
		print_error("%f is not %f\n", value, expect);
	assert_true(fabs(value - expect) <= tolerance);
}

struct flow {
	struct uet_cms_cfg cfg;
	struct uet_nscc n;
	int64_t inflight;
	uint64_t now;
};

static void flow_init(struct flow *f, const struct uet_cms_cfg *cfg)
{
	*f = (struct flow){ .cfg = *cfg };
	uet_nscc_init(&f->n, &f->cfg, cfg->base_rtt);
}

/* ACK of @bytes at @us; @delay in us, -1: no RTT. */
static void ack_full(struct flow *f, double us, uint32_t bytes, double delay, bool ecn,
		     uint8_t pend, bool rc)
{
	struct uet_cms_ack a = { .bytes = bytes, .ecn = ecn, .penalty = pend, .restore = rc };

	if (delay >= 0)
		a.rtt = f->n.base + (uint64_t)(delay * 1000);
	f->inflight -= bytes;
	f->now = (uint64_t)(us * 1000);
	uet_nscc_on_ack(&f->n, &f->cfg, &a, f->inflight, f->now);
}

static void ack(struct flow *f, double us, uint32_t bytes, double delay, bool ecn)
{
	ack_full(f, us, bytes, delay, ecn, 0, false);
}

static void nack(struct flow *f, double us, uint8_t code, uint32_t bytes)
{
	f->inflight -= bytes;
	uet_nscc_on_nack(&f->n, &f->cfg, code, bytes, f->inflight, (uint64_t)(us * 1000));
}

static void expect(const struct flow *f, double cwnd, int64_t inflight)
{
	near(f->n.cwnd, cwnd, 1.0);
	assert_int_equal(f->inflight, inflight);
}

/* ---- parameters ---- */

static void gains_of_the_reference_network(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, &reference);
	near(f.n.g.target, 9000, 0.01);
	near(f.n.g.alpha * 1000, 1365.33, 0.01);
	near(f.n.g.fi, 20480, 0.01);
	near(f.n.g.eta, 614.4, 0.01);
	near(f.n.g.fi_scale, 0.25, 1e-6);
	near(f.n.g.max_wnd, 225000, 0.1);
	near(f.n.g.about_zero, 1000, 0.01);
	assert_true(isinf(f.n.g.qa_threshold));
	assert_int_equal(f.n.g.period, 12 * USEC);
	near(f.n.cwnd, 225000, 0.1);
}

/* The values of the UEC simulator for a base RTT of 14.02272 us. */
static void gains_of_the_simulator(void **state)
{
	struct uet_cms_cfg c = reference;
	struct flow f;

	(void)state;
	c.mtu = 4086;
	c.base_rtt = 14023;
	flow_init(&f, &c);
	near(f.n.g.bdp / 150000, 1.16856, 1e-4);
	near(f.n.g.target, 10517, 1);
	near(f.n.g.alpha * 1000, 1591.58, 0.1);
	near(f.n.g.fi, 23873.7, 1);
	near(f.n.g.eta, 716.21, 0.1);
	near(f.n.g.fi_scale, 0.29214, 1e-4);
	near(f.n.g.max_wnd, 262926, 10);
}

static void gains_of_software_senders(void **state)
{
	static const struct {
		uint64_t gbps, base_us;
		uint32_t mtu;
		double base, bdp, max_wnd, alpha, fi, eta;
	} rows[] = {
		{ 1, 5, 1500, 96.0, 12000, 18000, 40.0, 600, 18 },
		{ 1, 100, 1500, 100.0, 12500, 18750, 41.7, 625, 19 },
		{ 10, 5, 1500, 9.6, 12000, 18000, 40.0, 600, 18 },
		{ 10, 100, 1500, 100.0, 125000, 187500, 416.7, 6250, 188 },
		{ 25, 10, 4096, 10.486, 32768, 49152, 298.3, 4474, 134 },
		{ 25, 50, 4096, 50.0, 156250, 234375, 1422.2, 21333, 640 },
		{ 40, 5, 4096, 6.554, 32768, 49152, 298.3, 4474, 134 },
		{ 40, 100, 4096, 100.0, 500000, 750000, 4551.1, 68267, 2048 },
		{ 100, 5, 4096, 5.0, 62500, 93750, 568.9, 8533, 256 },
		{ 100, 10, 4096, 10.0, 125000, 187500, 1137.8, 17067, 512 },
		{ 100, 100, 4096, 100.0, 1250000, 1875000, 11377.8, 170667, 5120 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(rows); i++) {
		struct uet_cms_cfg c = plain();
		struct uet_cms_ccc ccc;

		c.mtu = rows[i].mtu;
		c.link_rate = rows[i].gbps * 1000000000;
		c.base_rtt = rows[i].base_us * USEC;
		uet_cms_init(&ccc, &c);
		near((double)ccc.rtt.base / 1000, rows[i].base, 0.01);
		near(ccc.nscc.g.bdp, rows[i].bdp, 10);
		near(ccc.nscc.g.max_wnd, rows[i].max_wnd, 15);
		near(ccc.nscc.g.target / 1000, rows[i].base, 0.01);
		near(ccc.nscc.g.alpha * 1000, rows[i].alpha, 0.15);
		near(ccc.nscc.g.fi, rows[i].fi, 1.5);
		near(ccc.nscc.g.eta, rows[i].eta, 1);
		near(ccc.nscc.g.qa_threshold, 4 * ccc.nscc.g.target, 0.01);
	}
}

/* eta_sw of the same table, as the first addition of a quiet flow shows it. */
static void software_adds_more(void **state)
{
	static const struct {
		uint64_t gbps, base_us;
		uint32_t mtu;
		double eta_sw;
	} rows[] = {
		{ 10, 10, 1500, 94 }, { 10, 20, 1500, 150 }, { 10, 100, 1500, 750 },
		{ 25, 20, 4096, 1024 }, { 100, 10, 4096, 2048 }, { 100, 100, 4096, 20480 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(rows); i++) {
		struct uet_cms_cfg c = plain();
		struct flow f;
		double before;

		c.mtu = rows[i].mtu;
		c.link_rate = rows[i].gbps * 1000000000;
		c.base_rtt = rows[i].base_us * USEC;
		flow_init(&f, &c);
		f.n.cwnd = before = f.n.g.max_wnd / 2;
		ack(&f, (double)rows[i].base_us, 0, 0.9, false);
		near(f.n.cwnd - before, rows[i].eta_sw, 1);
	}
}

/* With very many senders their additions must not fill the queue. */
static void many_senders_add_less(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;

	(void)state;
	c.mtu = 1500;
	flow_init(&f, &c);
	f.n.cwnd = 6000;
	ack(&f, 12, 0, 0.9, false);
	near(f.n.cwnd, 6000 + 150000 / 8.0 * 6000 / 225000, 1);
	f.n.cwnd = 6000;
	f.n.g.bdp = 0;
	ack(&f, 24, 0, 0.9, false);
	near(f.n.cwnd, 6000 + f.n.g.eta, 1);
}

/* Nor must they all take at once what each of them sees to be free. */
static void small_windows_grow_in_proportion(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;

	(void)state;
	c.mtu = 1500;
	flow_init(&f, &c);
	f.n.g.eta = f.n.g.bdp = 0;
	f.n.cwnd = 6000;
	ack(&f, 12, 6000, 2, false);
	near(f.n.cwnd, 6000 * 1.125, 1);
	/* Marks say so much earlier, and the gain is the published one then. */
	c.ecn_known = true;
	flow_init(&f, &c);
	f.n.g.eta = 0;
	f.n.cwnd = 6000;
	ack(&f, 12, 6000, 2, false);
	near(f.n.cwnd, 6000 + f.n.g.alpha * (f.n.g.target - 2000), 1);
	assert_true(f.n.cwnd > 10000);
}

static void window_has_a_ceiling(void **state)
{
	struct uet_cms_cfg c = reference;
	struct flow f;

	(void)state;
	c.window_max = 100000;
	flow_init(&f, &c);
	near(f.n.cwnd, 100000, 0.1);
	c.window_max = 1000;
	flow_init(&f, &c);
	near(f.n.cwnd, 4096, 0.1);	/* but one packet always fits */
}

/* ---- the published numbers ---- */

static void the_numeric_table(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, &reference);
	f.n.cwnd = 100000;
	f.inflight = 100000;
	ack(&f, 1, 16384, 3, false);
	ack(&f, 2, 16384, 3, false);
	expect(&f, 100000.0, 67232);
	ack(&f, 3, 16384, 3, false);
	expect(&f, 104026.5, 50848);
	ack(&f, 4, 16384, 12, false);
	ack(&f, 5, 16384, 12, false);
	expect(&f, 104026.5, 18080);
	ack(&f, 6, 16384, 12, false);
	expect(&f, 113703.2, 1696);
	f.inflight = 100000;
	ack(&f, 13, 16384, 12, true);
	expect(&f, 114317.6, 83616);
	ack(&f, 14, 16384, 24, true);
	near(f.n.avg_delay, 6350, 10);
	ack(&f, 15, 16384, 24, true);
	near(f.n.avg_delay, 8880, 10);
	expect(&f, 114317.6, 50848);
	ack(&f, 16, 16384, 3, true);
	expect(&f, 114317.6, 34464);
	ack(&f, 17, 4096, -1, false);
	expect(&f, 114317.6, 30368);
	f.inflight = 100000;
	ack_full(&f, 18, 4096, 3, false, 64, false);
	expect(&f, 93856.0, 95904);
	ack_full(&f, 19, 4096, 3, false, 0, true);
	expect(&f, 114317.6, 91808);
	nack(&f, 20, UET_NACK_TRIMMED, 4096);
	expect(&f, 110221.6, 87712);
	nack(&f, 21, UET_NACK_TRIMMED_LASTHOP, 4096);
	expect(&f, 106125.6, 83616);
	f.n.achieved = 8192;
	nack(&f, 60, UET_NACK_TRIMMED, 4096);
	expect(&f, 8192.0, 79520);
	ack(&f, 61, 16384, 3, true);
	expect(&f, 8192.0, 63136);
}

/* ---- behaviours ---- */

static void decrease_is_proportional_and_bounded(void **state)
{
	static const struct {
		double avg, expect;
	} cases[] = { { 8999, 100000 }, { 12000, 80000 }, { 90000, 50000 } };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct flow f;

		flow_init(&f, &reference);
		f.n.cwnd = 100000;
		f.n.avg_delay = cases[i].avg;
		ack(&f, 12.1, 0, 20, true);
		/* The period is over, too. */
		near(f.n.cwnd, cases[i].expect + f.n.g.eta, 1);
	}
}

static void decreases_once_per_round_trip(void **state)
{
	struct flow f;
	double cut;

	(void)state;
	flow_init(&f, &reference);
	f.n.cwnd = 100000;
	f.n.avg_delay = 90000;
	ack(&f, 12.1, 0, 90, true);
	cut = f.n.cwnd;
	near(cut, 50000 + f.n.g.eta, 1);
	ack(&f, 23, 0, 90, true);
	near(f.n.cwnd, cut, 0.1);
	ack(&f, 24.2, 0, 90, true);
	near(f.n.cwnd, cut / 2 + f.n.g.eta, 1);
}

static void never_below_one_packet(void **state)
{
	struct flow f;
	int i;

	(void)state;
	flow_init(&f, &reference);
	for (i = 0; i < 200; i++)
		nack(&f, 1, UET_NACK_NO_PKT_BUFFER, 4096);
	near(f.n.cwnd, 4096, 0.1);
	uet_nscc_on_loss(&f.n, &f.cfg, 1 << 20);
	near(f.n.cwnd, 4096, 0.1);
	ack_full(&f, 2, 4096, 3, false, 127, false);
	near(f.n.cwnd, 4096, 0.1);
	for (i = 1; i < 50; i++)
		ack(&f, 40.0 * i, 4096, 200, true);
	assert_true(f.n.cwnd >= 4096);
}

static void grows_fast_on_an_empty_path(void **state)
{
	struct flow f;
	int i;

	(void)state;
	flow_init(&f, &reference);
	f.n.cwnd = 10000;
	for (i = 0; i < 3; i++)
		ack(&f, 1 + i, 4096, 0.5, false);
	/* More than a window without any delay: a quarter of what arrives is added. */
	near(f.n.cwnd, 10000 + 1024, 1);
	ack(&f, 4, 4096, 0.5, false);
	near(f.n.cwnd, 10000 + 2048, 1);
	ack(&f, 5, 4096, 5, false);
	assert_false(f.n.increase);
	near(f.n.fi_count, 0, 0.1);
	for (i = 0; i < 1000; i++)
		ack(&f, 6 + i, 16384, 0.5, false);
	near(f.n.cwnd, 225000, 0.1);
}

/* A sender that saw less than an eighth of its window arrive falls to that. */
static void quick_adapt_needs_a_reason(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;

	(void)state;
	flow_init(&f, &c);
	f.inflight = 100000;
	ack(&f, 1, 4096, 3, false);		/* starts a period that ends at 25 us */
	ack(&f, 20, 8192, 60, false);		/* too early */
	assert_true(f.n.cwnd > 200000);
	ack(&f, 26, 4096, 60, false);		/* 5 targets of delay, and nearly nothing came */
	near(f.n.cwnd, 12288, 1);
	assert_int_equal(f.n.to_ignore, 100000 - 16384);
	ack(&f, 27, 4096, 60, true);
	near(f.n.cwnd, 12288, 1);		/* of the time before */

	flow_init(&f, &c);
	ack(&f, 1, 4096, 3, false);
	ack(&f, 26, 4096, 40, false);		/* little came, but the delay is bearable */
	assert_true(f.n.cwnd > 100000);

	flow_init(&f, &c);
	ack(&f, 1, 4096, 3, false);
	ack(&f, 2, 65536, 3, false);
	ack(&f, 26, 4096, 60, false);		/* enough came */
	assert_true(f.n.cwnd > 100000);
}

static void trims_near_the_target_matter_without_credits(void **state)
{
	struct uet_cms_cfg c = reference;
	struct flow f;

	(void)state;
	flow_init(&f, &c);
	nack(&f, 1, UET_NACK_TRIMMED_LASTHOP, 4096);
	assert_false(f.n.trigger_qa);
	nack(&f, 1, UET_NACK_NO_PKT_BUFFER, 4096);
	assert_false(f.n.trigger_qa);
	nack(&f, 1, UET_NACK_TRIMMED, 4096);
	assert_true(f.n.trigger_qa);
	c.algorithm = UET_CMS_NSCC;
	flow_init(&f, &c);
	nack(&f, 1, UET_NACK_TRIMMED_LASTHOP, 4096);
	assert_true(f.n.trigger_qa);
}

static void destination_penalty(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, &reference);
	f.n.cwnd = 100000;
	f.inflight = 100000;
	ack_full(&f, 1, 4096, -1, false, 127, false);
	near(f.n.cwnd, 95904 - 4064, 0.1);
	near(f.n.saved_cwnd, 100000, 0.1);
	ack_full(&f, 2, 4096, 3, false, 64, false);	/* no increase meanwhile */
	near(f.n.inc_bytes, 0, 0.1);
	near(f.n.saved_cwnd, 100000, 0.1);
	ack_full(&f, 3, 4096, -1, false, 0, false);	/* over, but not to be restored */
	assert_true(f.n.cwnd < 90000);
	ack_full(&f, 4, 0, -1, false, 0, true);
	near(f.n.cwnd, 100000, 0.1);
	ack_full(&f, 5, 0, -1, false, 0, true);
	near(f.n.cwnd, 100000, 0.1);
}

static void delay_stands_for_marks(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;
	int i;

	(void)state;
	flow_init(&f, &c);
	f.n.cwnd = 100000;
	f.inflight = 1 << 20;
	ack(&f, 13, 16384, 2, false);
	ack(&f, 14, 16384, 200, false);		/* one hiccup is not a queue */
	near(f.n.last_delay, 200000, 1);
	assert_int_equal(f.n.last_dec, 0);
	ack(&f, 15, 16384, 2, false);
	assert_int_equal(f.n.last_dec, 0);
	/* Its share in the average is bounded. */
	assert_true(f.n.avg_delay < 0.2 * 48000);
	for (i = 0; i < 8; i++)
		ack(&f, 30 + i, 16384, 30, false);
	assert_true(f.n.last_dec >= 30000);
}

static void real_marks_take_over(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;
	int i;

	(void)state;
	flow_init(&f, &c);
	f.inflight = 1 << 20;
	ack(&f, 100, 4096, 3, true);
	/* Now 20 us without a mark is somebody else's queue: fair increase. */
	f.n.cwnd = 100000;
	for (i = 0; i < 40; i++)
		ack(&f, 101 + i, 4096, 20, false);
	assert_int_equal(f.n.last_dec, 0);
	assert_true(f.n.cwnd > 100000);
	/* Twice the target is too much all the same. */
	for (i = 0; i < 80; i++)
		ack(&f, 150 + i, 4096, 26, false);
	assert_true(f.n.last_dec > 150000);
	/* Marks of long ago do not count. */
	f.n.last_dec = 0;
	for (i = 0; i < 40; i++)
		ack(&f, 100000 + i, 16384, 20, false);
	assert_true(f.n.last_dec >= 100000000);
}

static void early_timeouts_are_taken_back(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, &reference);
	f.n.cwnd = 100000;
	uet_nscc_on_timeout(&f.n, &f.cfg, 30000);
	uet_nscc_on_timeout(&f.n, &f.cfg, 30000);
	near(f.n.cwnd, 40000, 0.1);
	uet_nscc_on_spurious(&f.n);
	near(f.n.cwnd, 100000, 0.1);
	uet_nscc_on_timeout(&f.n, &f.cfg, 30000);
	ack(&f, 1, 4096, -1, false);		/* not early, it seems */
	uet_nscc_on_spurious(&f.n);
	near(f.n.cwnd, 70000, 0.1);
}

static void idle_window_is_forgotten(void **state)
{
	static const struct {
		uint64_t idle;
		bool quiet;
		double expect;
	} cases[] = {
		{ 119 * USEC, true, 10000 },
		{ 121 * USEC, true, 150000 },
		{ 121 * USEC, false, 10000 },
		{ 2 * SEC, false, 10000 },
		{ 1 * SEC, true, 225000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct flow f;

		flow_init(&f, &reference);
		f.n.cwnd = 10000;
		f.n.avg_delay = 5000;
		f.n.achieved = 77;
		uet_nscc_on_work(&f.n, &f.cfg, cases[i].idle, cases[i].quiet, 5 * SEC);
		near(f.n.cwnd, cases[i].expect, 0.1);
		/* A pause achieves nothing: that is no reason to adapt. */
		assert_int_equal(f.n.achieved, 0);
		assert_int_equal(f.n.qa_end, 5 * SEC + 21 * USEC);
	}
}

static void base_rtt_moves_the_window(void **state)
{
	struct uet_cms_cfg c = plain();
	struct flow f;

	(void)state;
	/* Configured: a shorter path lowers only the ceiling. */
	flow_init(&f, &c);
	uet_nscc_set_base(&f.n, &f.cfg, 6 * USEC, false);
	near(f.n.g.max_wnd, 112500, 0.1);
	near(f.n.g.target, 12000, 0.1);
	/* Measured: it is the measure of all things; the first sample scales a guess. */
	c.base_rtt = 0;
	f.cfg = c;
	uet_nscc_init(&f.n, &f.cfg, 20 * USEC);
	near(f.n.cwnd, 375000, 0.1);
	uet_nscc_set_base(&f.n, &f.cfg, 40 * USEC, true);
	near(f.n.cwnd, 750000, 0.1);
	near(f.n.g.target, 40000, 0.1);
	f.cfg.target_floor = 50 * USEC;
	uet_nscc_set_base(&f.n, &f.cfg, 30 * USEC, false);
	near(f.n.g.target, 50000, 0.1);
	near(f.n.g.max_wnd, 562500, 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gains_of_the_reference_network),
		cmocka_unit_test(gains_of_the_simulator),
		cmocka_unit_test(gains_of_software_senders),
		cmocka_unit_test(software_adds_more),
		cmocka_unit_test(many_senders_add_less),
		cmocka_unit_test(small_windows_grow_in_proportion),
		cmocka_unit_test(window_has_a_ceiling),
		cmocka_unit_test(the_numeric_table),
		cmocka_unit_test(decrease_is_proportional_and_bounded),
		cmocka_unit_test(decreases_once_per_round_trip),
		cmocka_unit_test(never_below_one_packet),
		cmocka_unit_test(grows_fast_on_an_empty_path),
		cmocka_unit_test(quick_adapt_needs_a_reason),
		cmocka_unit_test(trims_near_the_target_matter_without_credits),
		cmocka_unit_test(destination_penalty),
		cmocka_unit_test(delay_stands_for_marks),
		cmocka_unit_test(real_marks_take_over),
		cmocka_unit_test(early_timeouts_are_taken_back),
		cmocka_unit_test(idle_window_is_forgotten),
		cmocka_unit_test(base_rtt_moves_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
