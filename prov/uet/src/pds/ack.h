/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What becomes of the answer to a request that was taken in: the steps of uet_ack_note. */
#ifndef UET_PDS_ACK_H
#define UET_PDS_ACK_H

#include "pds/pdc.h"

/* A packet of @wire_len bytes came: add it to ACK_GEN_COUNT. */
static inline void uet_ack_count(const struct uet_pds *pds, struct uet_pdc *pdc, uint32_t wire_len)
{
	pdc->ack_gen += wire_len > pds->cfg.ack_min_add ? wire_len : pds->cfg.ack_min_add;
}

/* Does the source of a packet with @flags wait for an ACK, or has enough arrived for one? */
static inline bool uet_ack_wanted(const struct uet_pds *pds, const struct uet_pdc *pdc,
				  uint8_t flags)
{
	return flags & (UET_PDS_F_AR | UET_PDS_F_SYN) || pdc->ack_gen >= pds->cfg.ack_trigger;
}

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
	uet_ack_count(pds, pdc, pkt->wire_len);
}

/*
 * See when to acknowledge what was taken, @answer to a packet with @flags the last of it. True:
 * the source waits for it.
 */
static inline bool uet_ack_schedule(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t flags,
				    const struct uet_pds_answer *answer)
{
	if (uet_ack_wanted(pds, pdc, flags)) {
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
