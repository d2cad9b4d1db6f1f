/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a PDC looks like from outside. Most of it follows from PSNs, so that counting costs the
 * data path next to nothing.
 */
#include "pds/pdc.h"

uint32_t uet_pds_pdc_count(const struct uet_pds *pds)
{
	return pds->pdcs.used;
}

struct uet_pds_nacks *uet_pdc_nacks(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->nacks)
		return pdc->nacks;
	pdc->nacks = uet_pool_get(&pds->nacks);
	if (pdc->nacks)
		memset(pdc->nacks, 0, sizeof(*pdc->nacks));
	return pdc->nacks;
}

static enum uet_pds_phase phase_of(const struct uet_pdc *pdc)
{
	if (!pdc->peer_id)
		return UET_PHASE_OPENING;
	switch (pdc->state) {
	case UET_PDC_OPEN:
		return UET_PHASE_OPEN;
	case UET_PDC_DRAIN:
		return UET_PHASE_DRAINING;
	default:
		return UET_PHASE_CLOSING;
	}
}

/* What all PDCs of the peer share. */
static void look_at_ccc(const struct uet_ccc *ccc, struct uet_pds_pdc *out)
{
	const struct uet_cms_ccc *cms = &ccc->cms;

	out->cwnd = uet_cms_cwnd(cms);
	out->inflight = cms->inflight;
	out->srtt = cms->rtt.srtt;
	out->base_rtt = cms->rtt.measured ? cms->rtt.base : 0;
	out->rtt = ccc->rtt;
	if (cms->cfg->algorithm & UET_CMS_RCCC && cms->rccc.credit > 0)
		out->credit = (uint64_t)cms->rccc.credit;
}

static void look_at(const struct uet_pdc *pdc, struct uet_pds_pdc *out)
{
	uint32_t first = pdc->tx_next - pdc->start_psn;

	*out = (struct uet_pds_pdc){
		.peer = pdc->peer,
		.id = pdc->id,
		.peer_id = pdc->peer_id,
		.initiator = pdc->initiator,
		.mode = pdc->mode,
		.phase = (uint8_t)phase_of(pdc),
		.start_psn = pdc->start_psn,
		.tx_psn = pdc->tx_next,
		.tx_cack = pdc->tx_cack,
		.rx_psn = pdc->rx_next,
		.rx_cack = pdc->rx_cack,
		.tx_unsent = pdc->tx_end - pdc->tx_next,
		.tx_flight = pdc->flight_cnt,
		.tx_refused = pdc->delay_cnt,
		.tx_packets = pdc->tx_sent,
		.tx_retx = pdc->tx_sent - first,
		.tx_bytes = pdc->tx_wire,
		.rx_packets = pdc->rx_next - pdc->start_psn + pdc->rx_ooo,
		.rx_bytes = pdc->rx_wire,
		.counts = pdc->counts,
		.nacks = pdc->nacks,
	};
	look_at_ccc(pdc->ccc, out);
}

void uet_pds_each_pdc(const struct uet_pds *pds,
		      void (*fn)(void *arg, const struct uet_pds_pdc *pdc), void *arg)
{
	const struct uet_list *pos;
	struct uet_pds_pdc out;

	for (pos = pds->all.next; pos != &pds->all; pos = pos->next) {
		look_at(uet_list_entry(pos, const struct uet_pdc, all), &out);
		fn(arg, &out);
	}
}
