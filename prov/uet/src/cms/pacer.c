/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/pacer.h"

#include "base/util.h"
#include "cms/rccc.h"

#define MIN_TICK	(20 * UET_NSEC_PER_USEC)
#define TICK_PACKETS	4u
#define MAX_GAP		(10 * UET_NSEC_PER_MSEC) /* time not spent handing out that counts */
#define FAR		(1u << 16)	/* units: 16 MiB */
#define RATE_PERCENT	99u
#define MAX_QUIET	7u		/* doublings of the recovery of rel_rate */
#define MARK_LIMIT	(UET_PACER_ONE * 3 / 10)
#define RATE_STEP	(UET_PACER_ONE / 100)
#define RATE_MIN	(UET_PACER_ONE * 9 / 10 / 8) /* 8:1 oversubscription at worst */

uint64_t uet_pacer_tick(uint64_t rate, uint32_t mtu)
{
	return uet_max_u64(MIN_TICK, TICK_PACKETS * (uint64_t)mtu * UET_NSEC_PER_SEC / rate);
}

void uet_pacer_init(struct uet_pacer *p, const struct uet_pacer_cfg *cfg)
{
	*p = (struct uet_pacer){ .cfg = *cfg, .next = UET_TIME_NEVER, .rel_rate = UET_PACER_ONE };
	uet_list_init(&p->active);
	uet_list_init(&p->idle);
	uet_list_init(&p->due);
	p->tick = uet_pacer_tick(cfg->rate, cfg->mtu);
	p->step = uet_credit_units(cfg->mtu);
	uet_rand_seed(&p->rand, cfg->seed);
}

void uet_pacer_flow_init(struct uet_pacer_flow *f)
{
	*f = (struct uet_pacer_flow){ 0 };
	uet_list_init(&f->link);
	uet_list_init(&f->due);
}

void uet_pacer_flow_end(struct uet_pacer *p, struct uet_pacer_flow *f)
{
	p->actives -= f->active;
	uet_list_del(&f->link);
	uet_list_del(&f->due);
	f->active = false;
}

/* ---- the budget ---- */

/* Bytes that @ns are worth, and what one tick is. */
static int64_t worth(const struct uet_pacer *p, uint64_t ns)
{
	uint64_t rate = (p->cfg.rate / 100 * RATE_PERCENT * p->rel_rate) / UET_PACER_ONE;

	return (int64_t)(rate * uet_min_u64(ns, MAX_GAP) / UET_NSEC_PER_SEC);
}

static void earn(struct uet_pacer *p, int64_t limit, uint64_t now)
{
	p->budget += worth(p, now - p->last);
	if (p->budget > limit)
		p->budget = limit;
	p->last = now;
}

/* Somebody wants credit. What could have been handed out while nobody did is lost but a tick. */
static void start(struct uet_pacer *p, uint64_t now)
{
	if (p->next != UET_TIME_NEVER)
		return;
	earn(p, worth(p, p->tick), now);
	p->next = p->budget > 0 ? now : now + p->tick;
}

/* ---- flows ---- */

static void activate(struct uet_pacer *p, struct uet_pacer_flow *f, uint64_t now)
{
	if (f->active)
		return;
	uet_list_del(&f->link);
	uet_list_add_tail(&p->active, &f->link);
	f->active = true;
	p->actives++;
	start(p, now);
}

void uet_pacer_owe(struct uet_pacer *p, struct uet_pacer_flow *f)
{
	if (uet_list_empty(&f->due))
		uet_list_add_tail(&p->due, &f->due);
}

struct uet_pacer_flow *uet_pacer_take(struct uet_pacer *p)
{
	struct uet_list *first;

	if (uet_list_empty(&p->due))
		return NULL;
	first = uet_list_first(&p->due);
	uet_list_del(first);
	return uet_list_entry(first, struct uet_pacer_flow, due);
}

/* The source of @f lives. What it did not use for long, it has forgotten. */
static void touch(struct uet_pacer_flow *f, uint64_t now)
{
	if (now - f->used_at >= UET_CREDIT_STALE)
		f->unused = 0;
	f->used_at = now;
}

/* Is @total further from the last demand than windows and delays explain? */
static bool is_far(const struct uet_pacer *p, const struct uet_pacer_flow *f, uint32_t total)
{
	uint32_t off = (total - f->target) & UET_CREDIT_MASK;
	uint32_t limit = 2 * uet_credit_units(p->cfg.max);

	/* A source may reckon with a longer way than we do. */
	if (limit < FAR)
		limit = FAR;

	return off > limit && UET_CREDIT_MASK + 1 - off > limit;
}

void uet_pacer_demand(struct uet_pacer *p, struct uet_pacer_flow *f, uint32_t total, bool urgent,
		      uint64_t now)
{
	bool ahead = uet_credit_ahead(total, f->target);

	touch(f, now);
	if (urgent) {
		f->unused = 0;
		uet_pacer_owe(p, f);
	}
	if (uet_unlikely(is_far(p, f, total)) && (ahead || urgent)) {
		f->granted = (total - p->step) & UET_CREDIT_MASK;
		ahead = true;
	}
	if (ahead)
		f->target = total & UET_CREDIT_MASK;
	if (uet_credit_ahead(f->target, f->granted))
		activate(p, f, now);
}

/* A flow without demand gets slow credit once half of its window is used up. */
static void consider_idle(struct uet_pacer *p, struct uet_pacer_flow *f, uint64_t now)
{
	if (!uet_list_empty(&f->link) || f->unused > p->cfg.max / 2)
		return;
	uet_list_add_tail(&p->idle, &f->link);
	start(p, now);
}

/* The first window of one source fills the link until its credit comes; others' are a queue. */
static void charge_uncredited(struct uet_pacer *p, uint32_t bytes)
{
	if (uet_likely(!bytes || p->actives < 2))
		return;
	p->budget -= bytes;
	if (p->budget < -(int64_t)p->cfg.max)
		p->budget = -(int64_t)p->cfg.max;
}

void uet_pacer_arrived(struct uet_pacer *p, struct uet_pacer_flow *f, uint32_t bytes, bool ce,
		       uint64_t now)
{
	uint32_t credited;

	touch(f, now);
	credited = bytes < f->unused ? bytes : f->unused;
	f->unused -= credited;
	charge_uncredited(p, bytes - credited);
	p->bytes += bytes;
	p->ce_bytes += ce ? bytes : 0;
	p->packets++;
	consider_idle(p, f, now);
}

void uet_pacer_trimmed(struct uet_pacer *p, struct uet_pacer_flow *f, bool lasthop, uint64_t now)
{
	touch(f, now);
	f->unused -= p->cfg.mtu < f->unused ? p->cfg.mtu : f->unused;
	p->packets++;
	p->trims += !lasthop;
	if (uet_credit_ahead(f->granted, f->target))
		f->target = f->granted;
	f->target = (f->target + p->step) & UET_CREDIT_MASK;
	activate(p, f, now);
}

/* ---- the rate ---- */

static void adapt(struct uet_pacer *p)
{
	uint64_t bytes = uet_max_u64(p->bytes, 1);
	uint32_t fraction = (uint32_t)(p->ce_bytes * UET_PACER_ONE / bytes);
	uint32_t cut = (uint32_t)(p->trims * UET_PACER_ONE / p->packets), rate = p->rel_rate;

	p->marked = (p->marked + fraction) / 2;
	p->quiet = p->ce_bytes || p->trims ? 0 : p->quiet + 1;
	rate -= cut < rate ? cut : rate;
	if (p->marked > MARK_LIMIT)
		rate -= (uint32_t)((uint64_t)rate * (p->marked - MARK_LIMIT) / 2 / UET_PACER_ONE);
	else if (p->trims == 0)
		rate += RATE_STEP << (p->quiet < MAX_QUIET ? p->quiet : MAX_QUIET);
	p->rel_rate = (uint32_t)uet_min_u64(uet_max_u64(rate, RATE_MIN), UET_PACER_ONE);
}

/* Judge the network every one and a half round trips, not in step with other receivers. */
static void judge(struct uet_pacer *p, uint64_t now)
{
	uint64_t period = uet_max_u64(p->cfg.base_rtt, p->tick) * 3 / 2;

	if (now < p->period_end)
		return;
	if (p->period_end && p->packets)
		adapt(p);
	p->bytes = p->ce_bytes = p->packets = p->trims = 0;
	p->period_end = now + period * 3 / 4 + uet_rand_u32(&p->rand) % (period / 2 + 1);
}

/* ---- handing out ---- */

static void grant(struct uet_pacer *p, struct uet_pacer_flow *f, uint32_t units)
{
	uint32_t bytes = units * UET_CREDIT_UNIT;

	f->granted = (f->granted + units) & UET_CREDIT_MASK;
	f->unused = (uint32_t)uet_min_u64((uint64_t)f->unused + bytes, 2 * (uint64_t)p->cfg.max);
	p->budget -= bytes;
	uet_pacer_owe(p, f);
}

/* One step for the first active flow. */
static void serve_active(struct uet_pacer *p, uint64_t now)
{
	struct uet_list *first = uet_list_first(&p->active);
	struct uet_pacer_flow *f = uet_list_entry(first, struct uet_pacer_flow, link);
	uint32_t want = (f->target - f->granted) & UET_CREDIT_MASK;

	uet_list_del(first);
	grant(p, f, want < p->step ? want : p->step);
	if (uet_credit_ahead(f->target, f->granted)) {
		uet_list_add_tail(&p->active, first);
		return;
	}
	f->active = false;
	p->actives--;
	consider_idle(p, f, now);
}

/* One step for the first idle flow. */
static void serve_idle(struct uet_pacer *p, uint64_t now)
{
	struct uet_list *first = uet_list_first(&p->idle);
	struct uet_pacer_flow *f = uet_list_entry(first, struct uet_pacer_flow, link);

	uet_list_del(first);
	if (now - f->used_at >= UET_CREDIT_STALE) {
		f->unused = 0;
		return;
	}
	grant(p, f, p->step);
	if (f->unused < p->cfg.max)
		uet_list_add_tail(&p->idle, first);
}

void uet_pacer_run(struct uet_pacer *p, uint64_t now)
{
	if (now < p->next)
		return;
	judge(p, now);
	earn(p, (int64_t)uet_max_u64(p->cfg.max, 2 * (uint64_t)worth(p, p->tick)), now);
	while (p->budget > 0 && !uet_list_empty(&p->active))
		serve_active(p, now);
	while (p->budget > 0 && !uet_list_empty(&p->idle))
		serve_idle(p, now);
	p->next = UET_TIME_NEVER;
	if (!uet_list_empty(&p->active) || !uet_list_empty(&p->idle))
		p->next = now + p->tick;
}
