/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/cp.h"

#include "base/log.h"

#define PEER_FLOWS	4u	/* CCCs of one peer that are told apart */
#define PATIENCE	4u	/* round trips, and ticks, in which promised credit may come */

void uet_credit_create(struct uet_pds *pds)
{
	const struct uet_cms_cfg *cms = &pds->cfg.cms;
	uint64_t base = uet_cms_first_base(cms);
	struct uet_pacer_cfg cfg = {
		.rate = uet_cms_link_bytes(cms),
		.mtu = cms->mtu,
		.max = (uint32_t)uet_min_u64(uet_cms_credit_max(cms, base), INT32_MAX),
		.base_rtt = base,
		.seed = uet_rand_u64(&pds->rand),
	};

	uet_pacer_init(&pds->credit.pacer, &cfg);
	uet_pool_init(&pds->credit.flows, sizeof(struct uet_flow), 8, 2 * pds->cfg.max_pdc);
	pds->credit.next_id = (uint8_t)uet_rand_u32(&pds->rand);
}

void uet_credit_destroy(struct uet_pds *pds)
{
	uet_pool_destroy(&pds->credit.flows);
}

static void set_asking(struct uet_pds *pds, struct uet_ccc *ccc, bool asking)
{
	if (ccc->credit.asking == asking)
		return;
	ccc->credit.asking = asking;
	pds->credit.asking += asking ? 1u : -1u;
}

void uet_credit_reset(struct uet_pds *pds, struct uet_ccc *ccc)
{
	struct uet_flow *f;

	set_asking(pds, ccc, false);
	ccc->credit.id = pds->credit.next_id++;
	while ((f = ccc->credit.flows)) {
		ccc->credit.flows = f->next;
		uet_pacer_flow_end(&pds->credit.pacer, &f->pace);
		uet_pool_put(&pds->credit.flows, f);
	}
}

void uet_credit_renew(struct uet_pds *pds, struct uet_ccc *ccc)
{
	set_asking(pds, ccc, false);
	ccc->credit.id = pds->credit.next_id++;
	uet_cms_renew_credit(&ccc->cms);
}

/* @pdc has no flow any more. Whoever still wants credit there asks by another PDC. */
static void leave_flow(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->flow && pdc->flow->pdc == pdc) {
		uet_pacer_flow_end(&pds->credit.pacer, &pdc->flow->pace);
		pdc->flow->pdc = NULL;
	}
	pdc->flow = NULL;
}

void uet_credit_detach(struct uet_pds *pds, struct uet_pdc *pdc)
{
	leave_flow(pds, pdc);
	if (pdc->ccc->users == 1)
		set_asking(pds, pdc->ccc, false);
}

/* ---- source ---- */

static uint32_t unsent(const struct uet_pdc *pdc)
{
	return pdc->tx_end - pdc->tx_next + pdc->retx_cnt;
}

/* Packets that wait in the CCC of @pdc, for the first time or again; no more than matter. */
static uint64_t backlog(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	const struct uet_ccc *ccc = pdc->ccc;
	uint64_t enough = ccc->cms.rccc.max / pds->cfg.cms.mtu + 2, packets = unsent(pdc);
	struct uet_list *pos;

	for (pos = ccc->waiting.next; packets < enough && pos != &ccc->waiting; pos = pos->next) {
		const struct uet_pdc *p = uet_list_entry(pos, struct uet_pdc, waiting);

		if (p != pdc)
			packets += unsent(p);
	}
	return packets;
}

/* The total to ask for when @packets wait behind one of @bytes. */
static uint32_t target(struct uet_pds *pds, struct uet_ccc *ccc, uint64_t packets,
		       uint32_t bytes)
{
	set_asking(pds, ccc, packets);
	return uet_cms_credit_target(&ccc->cms, packets * ccc->cms.rccc.mtu, bytes,
				     pds->credit.asking ? pds->credit.asking : 1);
}

void uet_credit_stamp(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_hdr *h,
		      uint32_t bytes)
{
	h->type = h->type == UET_PDS_ROD_REQ ? UET_PDS_ROD_CC_REQ : UET_PDS_RUD_CC_REQ;
	h->ccc_id = pdc->ccc->credit.id;
	/* The packet itself still counts as waiting. */
	h->credit_target = target(pds, pdc->ccc, backlog(pds, pdc) - 1, bytes);
}

/* Send a CREDIT_REQ if it is time. */
static void ask(struct uet_pds *pds, struct uet_pdc *pdc, uint64_t at)
{
	uint32_t total;

	/* A target that has no PDC yet is told by SYN packets alone. */
	if (pds->now < at || !pdc->peer_id)
		return;
	total = target(pds, pdc->ccc, backlog(pds, pdc), 0);
	if (!uet_cp_send(pds, pdc, UET_CTL_CREDIT_REQ, 0,
			 (uint32_t)pdc->ccc->credit.id << 24 | total))
		return;
	uet_rccc_on_ask(&pdc->ccc->cms.rccc, pds->now);
	pds->stats.tx_credit_req++;
}

static uint64_t ask_at(const struct uet_pds *pds, const struct uet_ccc *ccc)
{
	uint64_t rtt = uet_cms_usual_rtt(&ccc->cms);

	return uet_rccc_ask_at(&ccc->cms.rccc, rtt, PATIENCE * (rtt + pds->credit.pacer.tick),
			       uet_cms_rto(&ccc->cms, 0) / 2);
}

static uint64_t starve_at(const struct uet_ccc *ccc)
{
	return uet_rccc_starve_at(&ccc->cms.rccc, uet_cms_rto(&ccc->cms, ccc->cms.rccc.starved));
}

static bool waits_for_credit(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	return uet_credit_on(&pds->cfg) && !uet_list_empty(&pdc->waiting) &&
	       !uet_rccc_can_send(&pdc->ccc->cms.rccc);
}

/* When @pdc, which waits for credit, is to be looked at again. */
static uint64_t look_again(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	uint64_t next = starve_at(pdc->ccc), soon = 1;

	if (pdc->peer_id)
		next = uet_min_u64(next, ask_at(pds, pdc->ccc));
	/* Our own NIC takes nothing: no need to hurry. */
	if (pds->batch.stalled)
		soon = uet_cms_usual_rtt(&pdc->ccc->cms);
	return uet_max_u64(next, pds->now + soon);
}

void uet_credit_wait(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_likely(!waits_for_credit(pds, pdc)))
		return;
	uet_rccc_on_block(&pdc->ccc->cms.rccc, pds->now);
	ask(pds, pdc, ask_at(pds, pdc->ccc));
	uet_pdc_arm(pds, pdc, look_again(pds, pdc));
}

static void starve(struct uet_pds *pds, struct uet_ccc *ccc)
{
	struct uet_rccc *r = &ccc->cms.rccc;
	char peer[UET_ADDR_STRLEN];

	uet_rccc_starve(r, pds->now);
	if (r->mute)
		uet_info("no credit from %s: it does not seem to use receiver credit (RCCC)",
			 uet_addr_str(&ccc->peer, peer, sizeof(peer)));
	uet_ccc_wake(pds, ccc);
}

uint64_t uet_credit_timer(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_likely(!waits_for_credit(pds, pdc)))
		return UET_TIME_NEVER;
	ask(pds, pdc, ask_at(pds, pdc->ccc));
	if (pds->now >= starve_at(pdc->ccc)) {
		starve(pds, pdc->ccc);
		return UET_TIME_NEVER;
	}
	return look_again(pds, pdc);
}

void uet_credit_take(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t total)
{
	if (uet_credit_on(&pds->cfg) && uet_rccc_on_credit(&pdc->ccc->cms.rccc, total, pds->now))
		uet_ccc_wake(pds, pdc->ccc);
}

/* ---- destination ---- */

/* Which of the peer's flows may be used anew: the one that has been quiet longest. */
static struct uet_flow *quietest(const struct uet_ccc *ccc)
{
	struct uet_flow *f, *found = ccc->credit.flows;

	for (f = ccc->credit.flows; f; f = f->next)
		if (f->pace.used_at < found->pace.used_at)
			found = f;
	return found;
}

/* A flow for a CCC of the peer that has not asked before, or NULL. */
static struct uet_flow *new_flow(struct uet_pds *pds, struct uet_ccc *ccc, uint32_t count)
{
	struct uet_flow *f = NULL;

	if (count < PEER_FLOWS)
		f = uet_pool_get(&pds->credit.flows);
	if (f) {
		f->next = ccc->credit.flows;
		ccc->credit.flows = f;
	} else {
		f = quietest(ccc);
		if (!f)
			return NULL;
		uet_pacer_flow_end(&pds->credit.pacer, &f->pace);
	}
	uet_pacer_flow_init(&f->pace);
	return f;
}

/* The flow of the peer's CCC @ccc_id, which uses @pdc; NULL when there is no memory for it. */
static struct uet_flow *flow_of(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t ccc_id)
{
	struct uet_flow *f = pdc->flow;
	uint32_t count = 0;

	if (uet_unlikely(!f || f->ccc_id != ccc_id)) {
		for (f = pdc->ccc->credit.flows; f && f->ccc_id != ccc_id; f = f->next)
			count++;
		if (!f)
			f = new_flow(pds, pdc->ccc, count);
		if (!f)
			return NULL;
		f->ccc_id = ccc_id;
		leave_flow(pds, pdc);
		pdc->flow = f;
	}
	f->pdc = pdc;
	return f;
}

static bool asks_for_credit(const struct uet_pds_hdr *h)
{
	return h->type == UET_PDS_RUD_CC_REQ || h->type == UET_PDS_ROD_CC_REQ;
}

void uet_credit_rx_request(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   const struct uet_pkt *pkt)
{
	struct uet_pacer *pacer = &pds->credit.pacer;
	struct uet_flow *f;

	if (uet_likely(!uet_credit_on(&pds->cfg)) || !asks_for_credit(h))
		return;
	f = flow_of(pds, pdc, h->ccc_id);
	if (!f)
		return;
	uet_pacer_demand(pacer, &f->pace, h->credit_target, false, pds->now);
	uet_pacer_arrived(pacer, &f->pace, uet_cms_size(&pds->cfg.cms, pkt->wire_len), pkt->ce,
			  pds->now);
}

void uet_credit_rx_trimmed(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   bool lasthop)
{
	struct uet_flow *f;

	if (!uet_credit_on(&pds->cfg) || !asks_for_credit(h))
		return;
	f = flow_of(pds, pdc, h->ccc_id);
	if (f)
		uet_pacer_trimmed(&pds->credit.pacer, &f->pace, lasthop, pds->now);
}

/* CREDIT_REQ: ccc_id and credit_target, as in a request (UEC Table 3-65). */
static void rx_credit_req(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t payload)
{
	struct uet_flow *f = flow_of(pds, pdc, (uint8_t)(payload >> 24));

	if (f)
		uet_pacer_demand(&pds->credit.pacer, &f->pace, payload & UET_CREDIT_MASK, true,
				 pds->now);
}

void uet_credit_rx_ctl(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h)
{
	if (h->ctl_type == UET_CTL_CREDIT) {
		pds->stats.rx_credit++;
		/* UEC Table 3-64. */
		uet_credit_take(pds, pdc, h->payload >> 8);
		return;
	}
	pds->stats.rx_credit_req++;
	if (uet_credit_on(&pds->cfg))
		rx_credit_req(pds, pdc, h->payload);
}

void uet_credit_run(struct uet_pds *pds)
{
	struct uet_pacer *pacer = &pds->credit.pacer;
	struct uet_pacer_flow *p;

	if (uet_likely(!uet_credit_on(&pds->cfg)))
		return;
	uet_pacer_run(pacer, pds->now);
	while (uet_batch_room(pds) && (p = uet_pacer_take(pacer))) {
		struct uet_flow *f = uet_container_of(p, struct uet_flow, pace);

		if (f->pdc && f->pdc->peer_id &&
		    uet_cp_send(pds, f->pdc, UET_CTL_CREDIT, 0, p->granted << 8))
			pds->stats.tx_credit++;
	}
}

uint64_t uet_credit_next(const struct uet_pds *pds)
{
	const struct uet_pacer *pacer = &pds->credit.pacer;

	if (uet_unlikely(!uet_list_empty(&pacer->due)) && !pds->batch.stalled)
		return 0;
	return uet_pacer_next(pacer);
}
