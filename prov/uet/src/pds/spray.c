/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet spraying (UEC 3.6.16). RUD packets go by all paths that the NIC has, ROD packets of a
 * PDC by one at a time, as they must not overtake each other. Where the NIC merges what follows
 * each other, a run of packets shares a path:
 *
 *     batch    [p p p p p p] [p p p p p p] [p p p]      runs of at most an eighth of the window
 *     path           3             0          7
 *
 * A path keeps the order of its packets, so losses are found on each path by itself. What is
 * the last packet on its path is given up when others that were sent later have long arrived.
 */
#include "pds/spray.h"

#include <errno.h>

#define RUN_MAX		65536u	/* bytes */
#define RUN_PART	8u	/* of the window */
#define RUN_PACKETS	2u	/* full ones, at least */
#define REROUTE_RTTS	10u	/* round trips of nothing but trouble before a ROD PDC moves */

/* ---- memory ---- */

void uet_spray_create(struct uet_pds *pds)
{
	uint32_t n = pds->nic->paths ? pds->nic->paths : 1;

	uet_pool_init(&pds->cccs.sprays, sizeof(struct uet_spray), 8, 2 * pds->cfg.max_pdc);
	uet_pool_init(&pds->lanes, n * sizeof(struct uet_lane), 8, pds->cfg.max_pdc);
}

void uet_spray_destroy(struct uet_pds *pds)
{
	uet_pool_destroy(&pds->cccs.sprays);
	uet_pool_destroy(&pds->lanes);
}

void uet_spray_attach(struct uet_pds *pds, struct uet_ccc *ccc)
{
	if (pds->nic->paths <= 1)
		return;
	if (!ccc->spray)
		ccc->spray = uet_pool_get(&pds->cccs.sprays);
	if (!ccc->spray)
		return;
	*ccc->spray = (struct uet_spray){ .left = 0 };
	uet_cms_paths_init(&ccc->spray->paths, pds->nic->paths,
			   pds->nic->merges ? UET_CMS_PATH_RUNS : UET_CMS_PATH_MIXED,
			   uet_rand_u64(&pds->rand));
}

void uet_spray_detach(struct uet_pds *pds, struct uet_ccc *ccc)
{
	if (ccc->spray)
		uet_pool_put(&pds->cccs.sprays, ccc->spray);
	ccc->spray = NULL;
}

int uet_spray_lanes(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!pdc->ccc->spray || pdc->mode != UET_MODE_RUD || pdc->lanes)
		return 0;
	pdc->lanes = uet_pool_get(&pds->lanes);
	if (!pdc->lanes)
		return -ENOMEM;
	memset(pdc->lanes, 0, sizeof(struct uet_lane) * pds->nic->paths);
	return 0;
}

void uet_spray_unlane(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->lanes)
		uet_pool_put(&pds->lanes, pdc->lanes);
	pdc->lanes = NULL;
}

/* ---- choosing ---- */

static uint32_t run_limit(const struct uet_pds *pds, const struct uet_ccc *ccc)
{
	uint64_t limit = uet_max_u64(uet_cms_cwnd(&ccc->cms) / RUN_PART,
				     RUN_PACKETS * pds->cfg.cms.mtu);

	return (uint32_t)uet_min_u64(limit, RUN_MAX);
}

/* The path of the run that a packet with @bytes joins or begins. */
static uint8_t join_run(struct uet_pds *pds, struct uet_ccc *ccc, uint32_t bytes)
{
	struct uet_spray *s = ccc->spray;

	if (!pds->nic->merges || s->batch != pds->batch.seq || s->left < bytes) {
		s->path = uet_cms_paths_next(&s->paths, pds->now);
		s->batch = pds->batch.seq;
		s->left = uet_max_u64(run_limit(pds, ccc), bytes);
	}
	s->left -= bytes;
	return s->path;
}

/* Another path than @old, if there is any choice. */
static uint8_t other_path(struct uet_pds *pds, const struct uet_pdc *pdc, uint8_t old)
{
	struct uet_cms_paths *paths = &pdc->ccc->spray->paths;
	uint8_t path = uet_cms_paths_next(paths, pds->now);

	if (path == old)
		path = uet_cms_paths_next(paths, pds->now);
	/* The end of one round and the start of the next may be the same. */
	return path == old ? (path + 1) % paths->cnt : path;
}

/* @pdc sends on its other path from now on. */
static void move(struct uet_pds *pds, struct uet_pdc *pdc)
{
	pdc->path = other_path(pds, pdc, pdc->path);
	pdc->move = false;
	pdc->trouble = 0;
}

/*
 * A ROD PDC changes its path only while nothing is on the way, and unless it must, only when it
 * has been idle.
 */
static uint8_t rod_path(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->move ? pdc->flight_cnt || pdc->retx_cnt || pdc->delay_cnt :
			pdc->tx_base != pdc->tx_next || pdc->busy_since != pds->now)
		return pdc->path;
	move(pds, pdc);
	return pdc->path;
}

uint8_t uet_spray_choose(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes)
{
	if (!pdc->peer_id)
		return pdc->path;
	if (pdc->mode == UET_MODE_ROD)
		return rod_path(pds, pdc);
	return pdc->lanes ? join_run(pds, pdc->ccc, bytes) : 0;
}

uint8_t uet_spray_again(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t old)
{
	if (uet_likely(!pdc->ccc->spray))
		return 0;
	if (pdc->mode == UET_MODE_ROD || !pdc->peer_id)
		return pdc->path;
	return pdc->lanes ? other_path(pds, pdc, old) : 0;
}

void uet_spray_control(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_likely(!pdc->ccc->spray))
		return;
	pds->batch.tx[pds->batch.count - 1].path = pdc->peer_id ? other_path(pds, pdc, 0) :
								  pdc->path;
}

/* ---- feedback ---- */

/* What happens to a ROD PDC says little about other paths than its own. */
static void rod_told(struct uet_pds *pds, struct uet_pdc *pdc, enum uet_cms_path_event event)
{
	uint64_t rtts = REROUTE_RTTS * pdc->ccc->cms.rtt.srtt;

	if (event == UET_CMS_PATH_GOOD)
		pdc->trouble = 0;
	else if (!pdc->trouble)
		pdc->trouble = uet_max_u64(pds->now, 1);
	else if (rtts && pds->now - pdc->trouble >= rtts)
		pdc->move = true;
}

void uet_spray_told(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_txd *d,
		    enum uet_cms_path_event event)
{
	if (!d->msg)
		return;
	if (pdc->mode == UET_MODE_ROD)
		rod_told(pds, pdc, event);
	if (pdc->mode == UET_MODE_RUD || event == UET_CMS_PATH_LOST)
		uet_cms_paths_feedback(&pdc->ccc->spray->paths, d->path, event, pds->now);
}

bool uet_spray_may_return(const struct uet_pdc *pdc)
{
	return uet_likely(!pdc->ccc->spray) || pdc->mode != UET_MODE_ROD || !pdc->flight_cnt;
}

void uet_spray_forgive(struct uet_pdc *pdc, const struct uet_txd *d)
{
	if (uet_likely(!pdc->ccc->spray))
		return;
	uet_cms_paths_forgive(&pdc->ccc->spray->paths);
	if (pdc->mode == UET_MODE_ROD && d)
		pdc->path = d->path;
}

bool uet_spray_timeout(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_likely(!pdc->ccc->spray) || (pdc->mode != UET_MODE_ROD && pdc->peer_id))
		return false;
	move(pds, pdc);
	return true;
}

/* ---- losses ---- */

uint64_t uet_spray_late(const struct uet_pdc *pdc, const struct uet_txd *d)
{
	const struct uet_cms_rtt *rtt = &pdc->ccc->cms.rtt;

	if (uet_likely(!pdc->lanes) || pdc->overtook < d->when || !rtt->srtt)
		return UET_TIME_NEVER;
	return d->when + 2 * rtt->srtt + uet_rtt_margin(rtt);
}

uint32_t uet_spray_recover(struct uet_pdc *pdc, uint32_t ooo)
{
	const struct uet_cms_cfg *cfg = pdc->ccc->cms.cfg;
	uint64_t cwnd = uet_cms_cwnd(&pdc->ccc->cms), limit;

	if (pdc->recovery && uet_psn_diff(pdc->tx_cack, pdc->recovery_psn) < 0)
		return 0;
	pdc->recovery = false;
	limit = uet_max_u64(uet_min_u64(cwnd + cwnd / 2, cfg->window_max), 5 * cfg->mtu);
	if (ooo == UINT16_MAX || ooo * (uint64_t)cfg->mtu < limit)
		return 0;
	pdc->recovery = true;
	pdc->recovery_psn = pdc->tx_next - 1;
	return (uint32_t)uet_min_u64(cwnd / cfg->mtu, pdc->tx_next - pdc->tx_cack - 1);
}
