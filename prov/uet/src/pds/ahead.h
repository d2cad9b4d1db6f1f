/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Private to pds/: ROD packets that arrive ahead of others. Included after pdc.h. */
#ifndef UET_PDS_AHEAD_H
#define UET_PDS_AHEAD_H

#include "pds/pdc.h"

/* A ROD packet that waits for others before it; sorted by PSN in pdc->ahead. */
struct uet_ahead {
	struct uet_list link;
	struct uet_pds_hdr h;
	struct uet_addr src;
	uint64_t when;		/* ns: arrival */
	uint32_t wire_len;
	uint32_t len;
	bool ce;
	uint8_t data[];		/* what follows the PDS header */
};

/* Prepare to keep packets, and the end of it. */
void uet_ahead_create(struct uet_pds *pds);
void uet_ahead_destroy(struct uet_pds *pds);

/* Does @pdc keep @psn, of ROD, until others have come? */
bool uet_ahead_has(const struct uet_pdc *pdc, uint32_t psn);

/* Request @h of @pdc, of ROD, is ahead of others: keep it if there is room, and ask for those. */
void uet_ahead_rx(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		  const struct uet_pkt *pkt);

/* Packets of @pdc, of ROD, were delivered: so are those that waited for them. */
void uet_ahead_deliver(struct uet_pds *pds, struct uet_pdc *pdc);

/* Drop what @pdc keeps. */
void uet_ahead_forget(struct uet_pds *pds, struct uet_pdc *pdc);

/* ---- rx.c ---- */

/* Tell the source of ROD packet @h of @pdc, that is ahead, what is missing; not every time. */
void uet_rx_refuse_order(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt);

/* Give @h, which is new, to the floor above, and record it unless that refuses it. */
void uet_rx_deliver(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		    const struct uet_pkt *pkt);

/* ---- ack.c ---- */

/* Request @h, of ROD, is kept until others have come: note the ACK that shows it. */
void uet_ack_ahead(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		   const struct uet_pkt *pkt);

/*
 * Show at once what @pdc, of ROD, keeps; nothing before a packet was delivered. False when there
 * is no room.
 */
bool uet_ack_show(struct uet_pds *pds, struct uet_pdc *pdc);

#endif /* UET_PDS_AHEAD_H */
