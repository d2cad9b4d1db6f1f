/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ROD packets that arrive ahead of others, which are missing. A target without memory drops them,
 * and its source sends all of them again. This one keeps them:
 *
 *     delivered   missing   kept        the NACK (ROD_OOO) names what is missing,
 *     ........... x x ..... k k k k     the bitmap of ACKs what is kept
 *
 * A source that looks at the bitmap repeats what is missing only. Another one goes back as ever,
 * and what it repeats needlessly are duplicates.
 */
#include "pds/ahead.h"

#define CHUNK 16u	/* packets allocated at a time */

void uet_ahead_create(struct uet_pds *pds)
{
	size_t size;

	pds->ahead_room = pds->cfg.cms.mtu + UET_PDS_SES_MAX;
	size = sizeof(struct uet_ahead) + pds->ahead_room;
	pds->ahead_max = (uint32_t)uet_min_u64(pds->cfg.max_ahead / size, UINT32_MAX);
	uet_pool_init(&pds->aheads, size, CHUNK, pds->ahead_max);
}

void uet_ahead_destroy(struct uet_pds *pds)
{
	uet_pool_destroy(&pds->aheads);
}

static struct uet_ahead *first(const struct uet_pdc *pdc)
{
	return uet_list_entry(uet_list_first(&pdc->ahead), struct uet_ahead, link);
}

bool uet_ahead_has(const struct uet_pdc *pdc, uint32_t psn)
{
	return pdc->mode == UET_MODE_ROD && pdc->rx_ooo &&
	       psn - pdc->rx_next <= pdc->rx_hi - pdc->rx_next &&
	       uet_bitmap_test(&pdc->rx_bits, psn);
}

static bool keep(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		 const struct uet_pkt *pkt)
{
	struct uet_list *pos = pdc->ahead.prev;
	struct uet_ahead *a = NULL;

	if (pds->ahead_max && pkt->len <= pds->ahead_room)
		a = uet_pool_get(&pds->aheads);
	if (!a)
		return false;
	a->h = *h;
	a->src = *pkt->src;
	a->when = pkt->when;
	a->wire_len = pkt->wire_len;
	a->len = (uint32_t)pkt->len;
	a->ce = pkt->ce;
	memcpy(a->data, pkt->data, pkt->len);
	while (pos != &pdc->ahead &&
	       uet_psn_diff(uet_list_entry(pos, struct uet_ahead, link)->h.psn, h->psn) > 0)
		pos = pos->prev;
	uet_list_add_after(pos, &a->link);
	uet_bitmap_set(&pdc->rx_bits, h->psn);
	pdc->rx_ooo++;
	if (uet_psn_diff(h->psn, pdc->rx_hi) > 0)
		pdc->rx_hi = h->psn;
	return true;
}

/* Take the first one out of what @pdc keeps. */
static struct uet_ahead *take(struct uet_pdc *pdc)
{
	struct uet_ahead *a = first(pdc);

	uet_list_del(&a->link);
	uet_bitmap_clear(&pdc->rx_bits, a->h.psn);
	pdc->rx_ooo--;
	return a;
}

static struct uet_pkt packet(const struct uet_ahead *a)
{
	return (struct uet_pkt){
		.src = &a->src, .data = a->data, .len = a->len, .wire_len = a->wire_len,
		.when = a->when, .ce = a->ce,
	};
}

void uet_ahead_rx(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		  const struct uet_pkt *pkt)
{
	if (uet_ahead_has(pdc, h->psn)) {
		uet_pdc_count(pds, pdc, rx_duplicate);
		uet_ack_ahead(pds, pdc, h, pkt);
		return;
	}
	if (keep(pds, pdc, h, pkt))
		uet_ack_ahead(pds, pdc, h, pkt);
	uet_rx_refuse_order(pds, pdc, h, pkt);
}

void uet_ahead_deliver(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pkt pkt;

	/* By itself, as it alone tells a source that knows of the others how long the way is. */
	if (pdc->ack_due)
		uet_ack_send(pds, pdc);
	while (pdc->rx_ooo && first(pdc)->h.psn == pdc->rx_next) {
		struct uet_ahead *a = take(pdc);

		uint32_t psn = a->h.psn;

		pkt = packet(a);
		uet_rx_deliver(pds, pdc, &a->h, &pkt);
		uet_pool_put(&pds->aheads, a);
		/* It was refused, so it comes again. */
		if (pdc->rx_next == psn)
			return;
	}
	if (!pdc->rx_ooo)
		return;
	pkt = packet(first(pdc));
	uet_rx_refuse_order(pds, pdc, &first(pdc)->h, &pkt);
}

void uet_ahead_forget(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->mode != UET_MODE_ROD)
		return;
	while (pdc->rx_ooo)
		uet_pool_put(&pds->aheads, take(pdc));
}
