/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/nscc.h"

#include <math.h>

#include "base/util.h"
#include "cms/cms.h"
#include "wire/pds.h"

/* The network for which UEC Table 3-76 gives the gains: 100 Gb/s, 12 us. */
#define REF_BDP		150000.0
#define REF_RTT		12000.0

#define GAMMA		0.8
#define MAX_MD_JUMP	0.5
#define QA_GATE		8.0	/* achieved less than this part of the greatest window */
#define ADJUST_PACKETS	8u	/* full packets after which increases take effect */
#define STEADY_PART	8.0	/* of a BDP: most that delay alone adds steadily, in all senders */
#define GROWTH_PART	8.0	/* of the window: most that delay alone adds at once */
#define DFC_SHIFT	7
#define UNMARKED_PART	0.25	/* of the base RTT: what an unmarked long delay counts for */
#define MARK_MEMORY	1000u	/* base RTTs: so long a mark says that switches do mark */
#define SHORT_IDLE	10u	/* base RTTs after which a window is out of date */
#define LONG_IDLE	(1 * UET_NSEC_PER_SEC) /* after which nothing of it holds */

static double at_least(double value, double min)
{
	return value < min ? min : value;
}

static double at_most(double value, double max)
{
	return value > max ? max : value;
}

/* ---- gains ---- */

static double greatest_window(const struct uet_cms_cfg *cfg, double bdp)
{
	return at_least(at_most(1.5 * bdp, cfg->window_max), cfg->mtu);
}

static void set_gains(struct uet_nscc_gains *g, const struct uet_cms_cfg *cfg, uint64_t base)
{
	double mtu = cfg->mtu, a;

	g->bdp = uet_cms_rate(cfg) * (double)base;
	g->max_wnd = greatest_window(cfg, g->bdp);
	a = g->bdp / REF_BDP;
	g->target = at_least((cfg->trimming ? 0.75 : 1.0) * (double)base,
			     (double)cfg->target_floor);
	g->alpha = 4.0 * a * mtu / REF_RTT;
	g->fi = 5.0 * mtu * a;
	g->eta = 0.15 * mtu * a;
	g->fi_scale = 0.25 * a;
	g->qa_threshold = cfg->trimming ? INFINITY : 4.0 * g->target;
	g->about_zero = (double)base / 12.0;
	g->period = base;
}

static void reset(struct uet_nscc *n, uint64_t now)
{
	struct uet_nscc_gains g = n->g;
	uint64_t base = n->base;

	*n = (struct uet_nscc){ .g = g, .base = base, .cwnd = g.max_wnd,
				.last_adjust = now, .last_dec = now, .marked_at = now };
}

void uet_nscc_init(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t base)
{
	n->base = base;
	set_gains(&n->g, cfg, base);
	reset(n, 0);
}

void uet_nscc_set_base(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t base,
		       bool first)
{
	double before = n->g.max_wnd;

	n->base = base;
	if (cfg->base_rtt)
		n->g.max_wnd = greatest_window(cfg, uet_cms_rate(cfg) * (double)base);
	else
		set_gains(&n->g, cfg, base);
	if (first)
		n->cwnd = at_least(n->cwnd * n->g.max_wnd / before, cfg->mtu);
}

/* ---- marks and delay ---- */

/* Do switches on the path mark packets, as far as is known? */
static bool trusts_marks(const struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t now)
{
	return cfg->ecn_known || (n->marked && now - n->marked_at < MARK_MEMORY * n->base);
}

/*
 * Is this packet marked, by a switch or by its delay? Of two samples the lower counts: a single
 * long one is the work of somebody's scheduler.
 */
static bool is_marked(struct uet_nscc *n, const struct uet_cms_cfg *cfg, bool ecn, double delay,
		      uint64_t now)
{
	double filtered = at_most(delay, n->last_delay);

	n->last_delay = delay;
	if (ecn || cfg->ecn_known)
		return ecn;
	return filtered >= (trusts_marks(n, cfg, now) ? 2 : 1) * n->g.target;
}

/* @bytes saw @delay. The average reaches back by about one round trip. */
static void update_avg(struct uet_nscc *n, double delay, double bytes)
{
	double weight = at_most(bytes / n->cwnd, 1.0);

	n->avg_delay += weight * (delay - n->avg_delay);
}

/* The delay that counts for the average. */
static double sample(const struct uet_nscc *n, double delay, bool marked, bool trust)
{
	if (!trust)
		return at_most(delay, 4.0 * n->g.target);
	/* A long delay without a mark is not our doing. */
	if (!marked && delay > n->g.target)
		return UNMARKED_PART * (double)n->base;
	return delay;
}

/* ---- increase and decrease ---- */

static void proportional(struct uet_nscc *n, double bytes, double delay)
{
	if (delay < n->g.about_zero) {
		n->fi_count += bytes;
		if (n->fi_count > n->cwnd || n->increase) {
			n->cwnd = at_most(n->cwnd + n->g.fi_scale * bytes, n->g.max_wnd);
			n->increase = true;
			return;
		}
	} else {
		n->fi_count = 0;
	}
	n->increase = false;
	n->inc_bytes += n->g.alpha * bytes * (n->g.target - delay);
}

static void multiplicative(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t now)
{
	double excess = n->avg_delay - n->g.target;

	n->increase = false;
	n->fi_count = 0;
	if (excess <= 0 || now - n->last_dec <= n->base)
		return;
	n->cwnd *= at_least(1.0 - GAMMA * excess / n->avg_delay, MAX_MD_JUMP);
	n->cwnd = at_least(n->cwnd, cfg->mtu);
	n->last_dec = now;
}

/*
 * What is added in every period evens flows out. Delay alone needs more of it than marks do,
 * but not so much that all senders together, as many as a window is part of the greatest one,
 * fill more than an eighth of a BDP.
 */
static double steady_increase(const struct uet_nscc *n, const struct uet_cms_cfg *cfg, bool trust)
{
	double eta = n->g.eta, more;

	if (trust)
		return eta;
	more = at_least(4.0 * eta, cfg->mtu / 16.0);
	return at_least(at_most(more, n->g.bdp / STEADY_PART * n->cwnd / n->g.max_wnd), eta);
}

/*
 * The increase that has come together. Its gain is one for few flows. Many with small windows
 * would overshoot by several BDP together, again and again, if each did not keep in proportion
 * where no mark tells them early.
 */
static double increase(const struct uet_nscc *n, bool trust)
{
	double more = n->inc_bytes / n->cwnd;

	return trust ? more : at_most(more, n->cwnd / GROWTH_PART);
}

static void fulfil(struct uet_nscc *n, const struct uet_cms_cfg *cfg, bool trust, uint64_t now)
{
	bool over = now - n->last_adjust >= n->g.period;

	if (!over && n->received <= (uint64_t)ADJUST_PACKETS * cfg->mtu)
		return;
	n->cwnd += increase(n, trust);
	if (over) {
		n->cwnd += steady_increase(n, cfg, trust);
		n->last_adjust = now;
	}
	n->cwnd = at_least(at_most(n->cwnd, n->g.max_wnd), cfg->mtu);
	n->inc_bytes = 0;
	n->received = 0;
}

static void new_qa_period(struct uet_nscc *n, uint64_t now)
{
	n->achieved = 0;
	n->qa_end = now + n->base + (uint64_t)n->g.target;
}

/* Fall to what really arrived, if that was little. True when the feedback counts for nothing. */
static bool quick_adapt(struct uet_nscc *n, const struct uet_cms_cfg *cfg, bool loss, bool marked,
			double delay, int64_t inflight, uint64_t now)
{
	bool done = false;

	if (n->ignored < n->to_ignore && marked) {
		done = true;
	} else if (now >= n->qa_end) {
		if (n->qa_end && (n->trigger_qa || loss || delay > n->g.qa_threshold) &&
		    (double)n->achieved < n->g.max_wnd / QA_GATE) {
			n->cwnd = at_least((double)n->achieved, cfg->mtu);
			n->to_ignore = inflight > 0 ? (uint64_t)inflight : 0;
			n->ignored = 0;
			n->trigger_qa = false;
			done = true;
		}
		new_qa_period(n, now);
	}
	if (done) {
		n->inc_bytes = 0;
		n->received = 0;
	}
	return done;
}

/* Destination flow control: the target's buffers fill up (UEC 3.6.13, rcv_cwnd_pend). */
static bool flow_control(struct uet_nscc *n, const struct uet_cms_cfg *cfg,
			 const struct uet_cms_ack *ack, int64_t inflight)
{
	if (ack->penalty) {
		double dec = (double)(((uint64_t)ack->penalty * ack->bytes) >> DFC_SHIFT);

		if (n->saved_cwnd <= 0)
			n->saved_cwnd = n->cwnd;
		n->cwnd = at_least(at_most(n->cwnd, (double)inflight) - dec, cfg->mtu);
	} else if (ack->restore && n->saved_cwnd > 0) {
		n->cwnd = at_most(n->saved_cwnd, n->g.max_wnd);
		n->saved_cwnd = 0;
	}
	return ack->penalty > 0;
}

/* ---- events ---- */

void uet_nscc_on_ack(struct uet_nscc *n, const struct uet_cms_cfg *cfg,
		     const struct uet_cms_ack *ack, int64_t inflight, uint64_t now)
{
	bool limited, marked, trust;
	double delay;

	n->ignored += ack->bytes;
	n->received += ack->bytes;
	n->achieved += ack->bytes;
	if (ack->bytes)
		n->undo_cwnd = 0;
	if (ack->ecn) {
		n->marked = true;
		n->marked_at = now;
	}
	limited = flow_control(n, cfg, ack, inflight);
	if (!ack->rtt)
		return;
	delay = ack->rtt > n->base ? (double)(ack->rtt - n->base) : 0;
	trust = trusts_marks(n, cfg, now);
	marked = is_marked(n, cfg, ack->ecn, delay, now);
	update_avg(n, sample(n, delay, marked, trust), ack->bytes);
	if (quick_adapt(n, cfg, false, marked, delay, inflight, now))
		return;
	if (!marked && !limited) {
		if (delay >= n->g.target)
			n->inc_bytes += n->g.fi * ack->bytes;
		else
			proportional(n, ack->bytes, delay);
	} else if (marked && delay >= n->g.target) {
		multiplicative(n, cfg, now);
	}
	fulfil(n, cfg, trust, now);
}

void uet_nscc_on_nack(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint8_t code,
		      uint32_t bytes, int64_t inflight, uint64_t now)
{
	if (uet_nack_is_trim(code)) {
		update_avg(n, (double)(cfg->base_rtt ? cfg->base_rtt : n->base), bytes);
		n->ignored += bytes;
		/* With credits the target schedules the last hop itself. */
		if (code == UET_NACK_TRIMMED || !(cfg->algorithm & UET_CMS_RCCC))
			n->trigger_qa = true;
	}
	n->undo_cwnd = 0;
	if (!quick_adapt(n, cfg, true, true, 0, inflight, now))
		n->cwnd = at_least(n->cwnd - bytes, cfg->mtu);
}

void uet_nscc_on_loss(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint32_t bytes)
{
	n->cwnd = at_least(n->cwnd - bytes, cfg->mtu);
	n->ignored += bytes;
}

void uet_nscc_on_timeout(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint32_t bytes)
{
	double before = n->cwnd;

	uet_nscc_on_loss(n, cfg, bytes);
	n->undo_cwnd = at_least(n->undo_cwnd, before);
}

void uet_nscc_on_spurious(struct uet_nscc *n)
{
	n->cwnd = at_most(at_least(n->cwnd, n->undo_cwnd), n->g.max_wnd);
	n->undo_cwnd = 0;
}

void uet_nscc_on_work(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t idle,
		      bool quiet, uint64_t now)
{
	if (quiet && idle >= LONG_IDLE) {
		reset(n, now);
	} else if (quiet && idle >= SHORT_IDLE * n->base) {
		double usual = at_most(n->g.bdp, n->g.max_wnd);

		n->cwnd = at_least(at_least(n->cwnd, usual), cfg->mtu);
		n->avg_delay = n->last_delay = n->fi_count = n->saved_cwnd = 0;
		n->to_ignore = n->ignored = 0;
		n->increase = n->trigger_qa = false;
		n->last_adjust = n->last_dec = now;
	}
	new_qa_period(n, now);
}
