/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/cms.h"

#include "base/util.h"

/* Granularity of the clock that RFC 6298 adds to the variance term: 100 us. */
#define RTO_GRANULE (100 * UET_NSEC_PER_USEC)

void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg)
{
	*ccc = (struct uet_cms_ccc){ .cfg = cfg };
	uet_cms_window_init(&ccc->window, cfg->window_init, cfg->mtu, cfg->window_max);
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

/* How long signs of one congestion event may keep coming. */
static uint64_t event_time(const struct uet_cms_ccc *ccc)
{
	return ccc->srtt ? ccc->srtt : ccc->cfg->rto_min;
}

bool uet_cms_can_send(const struct uet_cms_ccc *ccc, uint32_t bytes)
{
	return ccc->inflight == 0 || ccc->inflight + bytes <= ccc->window.size;
}

void uet_cms_on_send(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	(void)now;
	ccc->inflight += bytes;
}

void uet_cms_on_ack(struct uet_cms_ccc *ccc, const struct uet_cms_ack *ack, uint64_t now)
{
	/* A window that is not used says nothing about what the path could carry. */
	bool used = 2 * (uint64_t)ccc->inflight >= ccc->window.size;

	uet_cms_forget(ccc, ack->bytes);
	if (ack->rtt)
		take_rtt(ccc, ack->rtt);
	if (ack->ecn)
		uet_cms_window_halve(&ccc->window, event_time(ccc), now);
	else if (used)
		uet_cms_window_grow(&ccc->window, ack->bytes);
}

void uet_cms_on_loss(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	uet_cms_window_halve(&ccc->window, event_time(ccc), now);
}

void uet_cms_on_timeout(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	uet_cms_window_collapse(&ccc->window, event_time(ccc), uet_cms_rto(ccc, 0), now);
}

void uet_cms_on_spurious(struct uet_cms_ccc *ccc)
{
	uet_cms_window_undo(&ccc->window);
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
