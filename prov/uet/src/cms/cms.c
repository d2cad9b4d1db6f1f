/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/cms.h"

#include "base/util.h"

/* Granularity of the clock that RFC 6298 adds to the variance term: 100 us. */
#define RTO_GRANULE (100 * UET_NSEC_PER_USEC)

void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg)
{
	*ccc = (struct uet_cms_ccc){
		.cfg = cfg,
		.window = cfg->window_init,
		.ssthresh = cfg->window_max,
	};
	if (ccc->window > cfg->window_max)
		ccc->window = cfg->window_max;
	if (ccc->window < cfg->mtu)
		ccc->window = cfg->mtu;
}

/* RFC 6298, section 2. */
static void take_rtt(struct uet_cms_ccc *ccc, uint64_t rtt)
{
	uint64_t err;

	if (ccc->srtt == 0) {
		ccc->srtt = rtt;
		ccc->rttvar = rtt / 2;
		return;
	}
	err = rtt > ccc->srtt ? rtt - ccc->srtt : ccc->srtt - rtt;
	ccc->rttvar = (3 * ccc->rttvar + err) / 4;
	ccc->srtt = (7 * ccc->srtt + rtt) / 8;
	if (ccc->srtt == 0)
		ccc->srtt = 1;
}

static void shrink(struct uet_cms_ccc *ccc, uint32_t window)
{
	if (window < ccc->cfg->mtu)
		window = ccc->cfg->mtu;
	ccc->window = window;
	ccc->acked_credit = 0;
}

/* At most one halving per round trip: what was in flight then may still be reported lost. */
static void halve(struct uet_cms_ccc *ccc, uint64_t now)
{
	if (now < ccc->recover_until)
		return;
	shrink(ccc, ccc->window / 2);
	ccc->ssthresh = ccc->window;
	ccc->recover_until = now + (ccc->srtt ? ccc->srtt : ccc->cfg->rto_min);
}

static void grow(struct uet_cms_ccc *ccc, uint32_t bytes)
{
	uint64_t window = ccc->window;

	if (ccc->window < ccc->ssthresh) {
		window += bytes;
	} else {
		uint64_t credit = (uint64_t)ccc->acked_credit + bytes;

		if (credit >= ccc->window) {
			credit -= ccc->window;
			window += ccc->cfg->mtu;
		}
		ccc->acked_credit = credit > UINT32_MAX ? UINT32_MAX : (uint32_t)credit;
	}
	ccc->window = (uint32_t)uet_min_u64(window, uet_max_u64(ccc->cfg->window_max,
								ccc->cfg->mtu));
}

void uet_cms_on_ack(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t rtt, bool ecn, uint64_t now)
{
	/* A window that is not used says nothing about what the path could carry. */
	bool used = 2 * (uint64_t)ccc->inflight >= ccc->window;

	uet_cms_forget(ccc, bytes);
	if (rtt)
		take_rtt(ccc, rtt);
	if (ecn)
		halve(ccc, now);
	else if (used && ccc->window < ccc->cfg->window_max)
		grow(ccc, bytes);
}

void uet_cms_on_loss(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	halve(ccc, now);
}

void uet_cms_on_timeout(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	if (now < ccc->timeout_until || ccc->window <= ccc->cfg->mtu)
		return;
	ccc->undo_window = ccc->window;
	ccc->undo_ssthresh = ccc->ssthresh;
	if (now >= ccc->recover_until)
		ccc->ssthresh = ccc->window / 2 > ccc->cfg->mtu ? ccc->window / 2 :
								  ccc->cfg->mtu;
	shrink(ccc, ccc->cfg->mtu);
	ccc->recover_until = now + (ccc->srtt ? ccc->srtt : ccc->cfg->rto_min);
	ccc->timeout_until = now + uet_cms_rto(ccc, 0);
}

void uet_cms_on_spurious(struct uet_cms_ccc *ccc)
{
	if (!ccc->undo_window)
		return;
	if (ccc->window < ccc->undo_window)
		ccc->window = ccc->undo_window;
	ccc->ssthresh = ccc->undo_ssthresh;
	ccc->undo_window = 0;
	ccc->timeout_until = 0;
}

uint64_t uet_cms_rto(const struct uet_cms_ccc *ccc, unsigned int retries)
{
	uint64_t rto = ccc->cfg->rto_min;

	if (ccc->srtt)
		rto = uet_max_u64(rto, ccc->srtt + uet_max_u64(RTO_GRANULE, 4 * ccc->rttvar));
	if (rto >= ccc->cfg->rto_max)
		return ccc->cfg->rto_max;
	/* rto >= 1, so 63 doublings reach any ceiling without overflow before the check. */
	while (retries-- > 0 && rto < ccc->cfg->rto_max)
		rto = rto > UINT64_MAX / 2 ? UINT64_MAX : 2 * rto;
	return uet_min_u64(rto, ccc->cfg->rto_max);
}
