/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets that a congested switch has trimmed: their headers arrive where the whole packet found
 * no room, so that the source hears of the loss at once (UEC 3.6.17). They move no state, and
 * what is not a request is not missed: time-outs and PROBEs make up for it.
 */
#include "pds/ahead.h"

/* The PDC of SYN packet @h, which is not opened for a packet that did not arrive. */
static struct uet_pdc *find_syn(struct uet_pds *pds, const struct uet_pds_hdr *h,
				const struct uet_pkt *pkt)
{
	uint32_t start = uet_pds_start_psn(h);
	struct uet_pdc *pdc = uet_table_by_peer(pds, pkt->src, h->spdcid, start);

	return pdc && pdc->start_psn == start ? pdc : NULL;
}

static void rx_request(struct uet_pds *pds, const struct uet_pds_hdr *h,
		       const struct uet_pkt *pkt, uint8_t code)
{
	bool syn = h->flags & UET_PDS_F_SYN;
	struct uet_pdc *pdc;

	if (h->spdcid == 0) {
		pds->stats.drop_malformed++;
		return;
	}
	pdc = syn ? find_syn(pds, h, pkt) : uet_rx_find(pds, h, pkt, UET_MODE_RUD);
	if (!pdc && !syn)
		return;
	if (pdc && uet_rx_has(pdc, h->psn)) {
		uet_pdc_count(pds, pdc, rx_duplicate);
		uet_ack_repeat(pds, pdc, h, pkt);
		return;
	}
	/* Whole or not, it would have been refused. */
	if (pdc && pdc->mode == UET_MODE_ROD && h->psn != pdc->rx_next) {
		if (uet_rx_judge(pds, pdc, h, pkt) == UET_RX_AHEAD)
			uet_rx_refuse_order(pds, pdc, h, pkt);
		return;
	}
	if (pdc)
		uet_credit_rx_trimmed(pds, pdc, h, code == UET_NACK_TRIMMED_LASTHOP);
	uet_nack_send(pds, pdc ? pdc->id : 0, h, pkt, code, 0);
}

void uet_trim_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt,
		 bool lasthop)
{
	uint8_t code = lasthop ? UET_NACK_TRIMMED_LASTHOP : UET_NACK_TRIMMED;

	pds->stats.rx_trimmed++;
	if (uet_pds_is_request(h->type))
		rx_request(pds, h, pkt, code);
	else if (h->type == UET_PDS_RUDI_REQ)
		uet_nack_send(pds, 0, h, pkt, code, 0);
}
