/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/rccc.h"

#include "base/util.h"

#define MAX_CREDIT	(1u << 30)	/* far below half the range of totals */
#define MUTE_AFTER	4u		/* starvings */
#define MAX_DOUBLINGS	10u

void uet_rccc_init(struct uet_rccc *r, uint64_t max, uint32_t mtu)
{
	*r = (struct uet_rccc){ .mtu = mtu, .speculating = true };
	uet_rccc_set_max(r, max);
	r->credit = r->max;
}

void uet_rccc_set_max(struct uet_rccc *r, uint64_t max)
{
	r->max = (uint32_t)uet_min_u64(uet_max_u64(max, r->mtu), MAX_CREDIT);
	if (r->credit > (int64_t)r->max)
		r->credit = r->max;
}

void uet_rccc_on_send(struct uet_rccc *r, uint32_t bytes, uint64_t now)
{
	r->sent_at = now;
	r->waits_since = 0;
	if (!r->mute)
		r->credit -= bytes;
}

static void end_speculation(struct uet_rccc *r)
{
	if (!r->speculating)
		return;
	r->speculating = false;
	if (r->credit > 0)
		r->credit = 0;
}

void uet_rccc_on_feedback(struct uet_rccc *r)
{
	r->alive = true;
	end_speculation(r);
}

bool uet_rccc_on_credit(struct uet_rccc *r, uint32_t total, uint64_t now)
{
	uint32_t units = (total - r->granted) & UET_CREDIT_MASK;

	uet_rccc_on_feedback(r);
	r->heard = true;
	r->mute = false;
	r->starved = 0;
	r->told_at = now;
	if (!uet_credit_ahead(total, r->granted))
		return false;
	r->granted = total & UET_CREDIT_MASK;
	r->credit += (int64_t)units * UET_CREDIT_UNIT;
	if (r->credit > (int64_t)r->max)
		r->credit = r->max;
	r->asks = 0;
	r->waits_since = 0;
	return true;
}

void uet_rccc_on_timeout(struct uet_rccc *r)
{
	end_speculation(r);
	if (r->credit <= 0)
		r->credit = 1;
}

void uet_rccc_starve(struct uet_rccc *r, uint64_t now)
{
	uet_rccc_on_timeout(r);
	r->waits_since = now;
	if (r->starved < UINT8_MAX)
		r->starved++;
	if (r->alive && !r->heard && r->starved >= MUTE_AFTER)
		r->mute = true;
	r->alive = false;
}

void uet_rccc_wake(struct uet_rccc *r, uint64_t now)
{
	if (r->speculating || r->waits_since || now - r->sent_at < UET_CREDIT_STALE)
		return;
	r->speculating = true;
	r->credit = (int64_t)uet_max_u64(r->max / 3 * 2, r->mtu);
	r->sent_at = now;
	r->waits_since = 0;
}

uint32_t uet_rccc_target(struct uet_rccc *r, uint64_t backlog, uint32_t bytes, uint64_t limit,
			 uint32_t sharers)
{
	int64_t want = (int64_t)uet_min_u64(uet_min_u64(backlog, limit), r->max);
	uint32_t total;

	want -= r->credit - bytes;
	if (r->speculating && backlog && want < (int64_t)r->mtu)
		want = r->mtu;
	if (want <= 0)
		return r->target;
	total = (r->granted + uet_credit_units((uint64_t)want / sharers)) & UET_CREDIT_MASK;
	if (uet_credit_ahead(total, r->target))
		r->target = total;
	return r->target;
}

uint64_t uet_rccc_ask_at(const struct uet_rccc *r, uint64_t rtt, uint64_t patience,
			 uint64_t most)
{
	if (uet_rccc_can_send(r))
		return UET_TIME_NEVER;
	if (!uet_credit_ahead(r->target, r->granted))
		return r->asked_at ? r->asked_at + rtt : 0;
	patience = uet_min_u64(patience << (r->asks < MAX_DOUBLINGS ? r->asks : MAX_DOUBLINGS),
			       most);
	return uet_max_u64(r->waits_since, r->asked_at) + uet_max_u64(patience, rtt);
}

uint64_t uet_rccc_starve_at(const struct uet_rccc *r, uint64_t rto)
{
	if (uet_rccc_can_send(r))
		return UET_TIME_NEVER;
	return uet_max_u64(r->waits_since, r->told_at) + rto;
}
