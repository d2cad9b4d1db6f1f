/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The PROBEs that find out the base RTT of a new CCC (UEC 3.6.13.7). They take the control class's
 * way, past the queues of data; yet each may find a packet of those on the wire, which takes a few
 * per cent of the base RTT, and sources that differ by so much share a link unevenly. The least
 * of several does not.
 */
#include "pds/batch.h"
#include "pds/pdc.h"

void uet_probe_consider(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_ccc *ccc = pdc->ccc;
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP,
		.ctl_type = UET_CTL_PROBE,
		.flags = UET_PDS_F_AR,
		.spdcid = pdc->id,
		.dpdcid = pdc->peer_id,
		.payload = pdc->tx_base,
	};

	/* Who has sent everything needs no window. */
	if (!pdc->peer_id || !uet_pdc_busy(pdc))
		return;
	/* A full NIC must not swallow the question. */
	if (!uet_batch_room(pds) || !uet_cms_wants_probe(&ccc->cms, pds->now))
		return;
	/* 0 is what other PROBEs have. */
	ccc->probe_id = ccc->probe_id == UINT16_MAX ? 1 : ccc->probe_id + 1;
	h.probe_opaque = ccc->probe_id;
	if (!uet_batch_control(pds, &pdc->dst, &h, NULL, 0))
		return;
	ccc->probe_at = pds->now;
	pds->stats.tx_cp++;
}

void uet_probe_answered(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			const struct uet_pkt *pkt)
{
	struct uet_ccc *ccc = pdc->ccc;
	uint64_t rtt;

	if (!ccc->probe_at || h->probe_opaque != ccc->probe_id)
		return;
	rtt = uet_acked_network(pdc, h, pkt, pds->now - ccc->probe_at);
	ccc->probe_at = 0;
	if (rtt)
		uet_cms_on_probe(&ccc->cms, rtt);
}
