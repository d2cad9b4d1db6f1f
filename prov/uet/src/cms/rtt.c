/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/rtt.h"

#include "base/util.h"
#include "cms/cms.h"

/* Base RTT before anything is known: the upper end of what UET is designed for. */
#define GUESS (20 * UET_NSEC_PER_USEC)

/* Full packets that a BDP must hold at least. */
#define BASE_PACKETS 8

static uint64_t effective(const struct uet_cms_cfg *cfg, uint64_t ns)
{
	double least = BASE_PACKETS * (double)cfg->mtu / uet_cms_rate(cfg);

	return uet_max_u64(uet_max_u64(ns, cfg->base_floor), (uint64_t)least);
}

void uet_rtt_init(struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg)
{
	*rtt = (struct uet_cms_rtt){
		.base = effective(cfg, cfg->base_rtt ? cfg->base_rtt : GUESS),
		.measured = cfg->base_rtt != 0,
	};
}

/* RFC 6298, section 2. */
void uet_rtt_elapsed(struct uet_cms_rtt *rtt, uint64_t elapsed)
{
	uint64_t err;

	if (rtt->srtt == 0) {
		rtt->srtt = elapsed;
		rtt->rttvar = elapsed / 2;
		return;
	}
	err = elapsed > rtt->srtt ? elapsed - rtt->srtt : rtt->srtt - elapsed;
	rtt->rttvar = (3 * rtt->rttvar + err) / 4;
	rtt->srtt = (7 * rtt->srtt + elapsed) / 8;
	if (rtt->srtt == 0)
		rtt->srtt = 1;
}

bool uet_rtt_network(struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg, uint64_t ns)
{
	uint64_t base = effective(cfg, ns);

	if (rtt->measured && base >= rtt->base)
		return false;
	rtt->measured = true;
	rtt->base = base;
	return true;
}

void uet_rtt_forget_base(struct uet_cms_rtt *rtt)
{
	rtt->measured = false;
}

uint64_t uet_rtt_rto(const struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg,
		     unsigned int retries)
{
	uint64_t rto = cfg->rto_min;

	if (rtt->srtt)
		rto = uet_max_u64(rto, rtt->srtt + uet_rtt_margin(rtt));
	if (rto >= cfg->rto_max)
		return cfg->rto_max;
	/* rto >= 1, so 63 doublings reach any ceiling without overflow before the check. */
	while (retries-- > 0 && rto < cfg->rto_max)
		rto = rto > UINT64_MAX / 2 ? UINT64_MAX : 2 * rto;
	return uet_min_u64(rto, cfg->rto_max);
}
