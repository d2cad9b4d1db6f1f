/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What becomes of the answer to a request that was taken in: the steps of uet_ack_note. */
#ifndef UET_PDS_ACK_H
#define UET_PDS_ACK_H

#include "pds/pdc.h"

/* Take @answer to @psn, which came as @pkt with @flags, as the newest plain one, and count it. */
static inline void uet_ack_take(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn,
				uint8_t flags, const struct uet_pkt *pkt,
				const struct uet_pds_answer *answer)
{
	pdc->ack_psn = psn;
	pdc->ack_port = pdc->last_port;
	pdc->last_port = (uint16_t)pkt->src->port;
	pdc->ack_flags = flags & UET_PDS_F_RETX;
	pdc->ack_when = pkt->when;
	pdc->ack_hdr = answer->len ? answer->next_hdr : UET_HDR_NONE;
	pdc->ack_len = answer->len;
	memcpy(pdc->ack_ses, answer->ses, sizeof(pdc->ack_ses));
	pdc->ack_cnt++;
	pdc->ack_gen += pkt->wire_len > pds->cfg.ack_min_add ? pkt->wire_len :
							      pds->cfg.ack_min_add;
}

/*
 * See when to acknowledge what was taken, @answer to a packet with @flags the last of it. True:
 * the source waits for it.
 */
static inline bool uet_ack_schedule(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t flags,
				    const struct uet_pds_answer *answer)
{
	if (flags & (UET_PDS_F_AR | UET_PDS_F_SYN) || pdc->ack_gen >= pds->cfg.ack_trigger) {
		pdc->ack_due = true;
		uet_pdc_urge(pds, pdc);
		return true;
	}
	if (answer->complete) {
		pdc->ack_due = true;
		uet_pdc_pend(pds, pdc);
	}
	return false;
}

#endif /* UET_PDS_ACK_H */
