/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/ack.h"
#include "pds/cp.h"

#include <errno.h>

#include "pds/ahead.h"

/* ---- stored answers and CACK ---- */

static struct uet_stored *first_stored(const struct uet_pdc *pdc)
{
	return uet_list_entry(uet_list_first(&pdc->stored), struct uet_stored, link);
}

/* CACK stops before an answer that was not cleared (UEC 3.5.20.2.2). */
static void update_cack(struct uet_pdc *pdc)
{
	uint32_t cack = pdc->rx_next - 1;

	if (uet_unlikely(!uet_list_empty(&pdc->stored)) &&
	    uet_psn_diff(first_stored(pdc)->psn, cack) <= 0)
		cack = first_stored(pdc)->psn - 1;
	pdc->rx_cack = cack;
}

struct uet_stored *uet_rx_stored(const struct uet_pdc *pdc, uint32_t psn)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &pdc->stored) {
		struct uet_stored *st = uet_list_entry(pos, struct uet_stored, link);

		if (st->psn == psn)
			return st;
	}
	return NULL;
}

static void free_stored(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_stored *st)
{
	uet_list_del(&st->link);
	pdc->stored_due -= st->due;
	uet_pool_put(&pds->storeds, st);
	if (uet_list_empty(&pdc->stored))
		uet_list_del(&pdc->storing);
}

void uet_rx_forget(struct uet_pds *pds, struct uet_pdc *pdc)
{
	while (!uet_list_empty(&pdc->stored))
		free_stored(pds, pdc, first_stored(pdc));
	update_cack(pdc);
}

void uet_rx_clear(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn)
{
	/* Values that are old, or that speak of packets which never arrived. */
	if (uet_psn_diff(psn, pdc->rx_clear) <= 0 || uet_psn_diff(psn, pdc->rx_next) >= 0)
		return;
	pdc->rx_clear = psn;
	if (uet_likely(uet_list_empty(&pdc->stored)))
		return;
	while (!uet_list_empty(&pdc->stored) &&
	       uet_psn_diff(first_stored(pdc)->psn, psn) <= 0)
		free_stored(pds, pdc, first_stored(pdc));
	update_cack(pdc);
}

/* Keep @answer to @psn in the spare entry, which exists. */
static void store(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t flags,
		  const struct uet_pds_answer *answer)
{
	struct uet_stored *st = pds->spare;
	struct uet_list *pos = pdc->stored.prev;

	pds->spare = NULL;
	st->psn = psn;
	st->due = true;
	st->asked = false;
	pdc->stored_due++;
	st->flags = flags;
	st->next_hdr = answer->next_hdr;
	st->len = answer->len;
	memcpy(st->ses, answer->ses, answer->len);
	while (pos != &pdc->stored &&
	       uet_psn_diff(uet_list_entry(pos, struct uet_stored, link)->psn, psn) > 0)
		pos = pos->prev;
	uet_list_add_after(pos, &st->link);
	if (uet_list_empty(&pdc->storing))
		uet_list_add_tail(&pds->storing, &pdc->storing);
}

/* ---- window ---- */

bool uet_rx_has(const struct uet_pdc *pdc, uint32_t psn)
{
	/* CACK decides first: of two PSNs 2^31 apart either may look like the older one. */
	if (uet_psn_diff(psn, pdc->rx_cack) <= 0 || uet_psn_diff(psn, pdc->rx_next) < 0)
		return true;
	return pdc->mode == UET_MODE_RUD && uet_psn_diff(psn, pdc->rx_hi) <= 0 &&
	       uet_bitmap_test(&pdc->rx_bits, psn);
}

void uet_rx_mark(struct uet_pdc *pdc, uint32_t psn)
{
	uint32_t run;

	if (uet_psn_diff(psn, pdc->rx_hi) > 0)
		pdc->rx_hi = psn;
	if (uet_unlikely(psn != pdc->rx_next)) {
		uet_bitmap_set(&pdc->rx_bits, psn);
		pdc->rx_ooo++;
		return;
	}
	pdc->rx_next++;
	if (uet_unlikely(pdc->rx_ooo) && pdc->mode == UET_MODE_RUD) {
		run = uet_bitmap_run(&pdc->rx_bits, pdc->rx_next, pdc->rx_ooo);
		uet_bitmap_clear_range(&pdc->rx_bits, pdc->rx_next, run);
		pdc->rx_next += run;
		pdc->rx_ooo -= run;
	}
	update_cack(pdc);
}

/*
 * Tell the source of a ROD PDC about a gap: once, and again only after a while, or when the
 * source has gone back and what fills the gap was lost once more.
 */
void uet_rx_refuse_order(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt)
{
	bool known = pdc->gap_known && pdc->gap_psn == pdc->rx_next;
	bool again = h->flags & UET_PDS_F_RETX && uet_psn_diff(h->psn, pdc->gap_last) <= 0;

	pdc->gap_last = h->psn;
	if (known && !again && pds->now - pdc->gap_when < pds->cfg.nack_retx_time)
		return;
	pdc->gap_known = true;
	pdc->gap_psn = pdc->rx_next;
	pdc->gap_when = pds->now;
	/* First of all, so that the source knows what it need not repeat. */
	if (pdc->rx_ooo)
		uet_ack_show(pds, pdc);
	uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_ROD_OOO, pdc->rx_next);
}

enum uet_rx_verdict uet_rx_judge(struct uet_pds *pds, struct uet_pdc *pdc,
				 const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	int32_t ahead = uet_psn_diff(h->psn, pdc->rx_cack);

	if (uet_likely(h->psn == pdc->rx_next && ahead <= (int32_t)pds->cfg.mp_range))
		return UET_RX_NEW;
	if (ahead > (int32_t)pds->cfg.mp_range) {
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_PSN_OOR_WINDOW, 0);
		return UET_RX_REFUSED;
	}
	if (uet_rx_has(pdc, h->psn)) {
		uet_pdc_count(pds, pdc, rx_duplicate);
		return UET_RX_DUPLICATE;
	}
	return pdc->mode == UET_MODE_ROD ? UET_RX_AHEAD : UET_RX_NEW;
}

/* ---- whose packet ---- */

/* The target PDC for a SYN packet. */
static struct uet_pdc *find_syn(struct uet_pds *pds, const struct uet_pds_hdr *h,
				const struct uet_pkt *pkt, uint8_t mode)
{
	uint32_t start = uet_pds_start_psn(h);
	struct uet_pdc *pdc = uet_table_by_peer(pds, pkt->src, h->spdcid, start);

	if (pdc && pdc->start_psn == start)
		return pdc;
	if (uet_linger_match(pds, pkt->src, h->spdcid, start)) {
		pds->stats.drop_stale++;
		return NULL;
	}
	if (h->psn_offset >= pds->cfg.mp_range) {
		/* A source that has not heard our range yet uses the default one lawfully. */
		uet_nack_send(pds, 0, h, pkt, h->psn_offset < UET_PDS_WINDOW ?
			      UET_NACK_PSN_OOR_WINDOW : UET_NACK_INVALID_SYN, 0);
		return NULL;
	}
	if (pdc) {
		uint32_t apart = start - pdc->start_psn;

		/* The peer has restarted and counts from elsewhere, unless work is going on. */
		if (pdc->rx_ooo || !uet_list_empty(&pdc->stored) ||
		    apart < UET_PDS_PSN_APART || 0 - apart < UET_PDS_PSN_APART) {
			uet_nack_send(pds, 0, h, pkt, UET_NACK_INVALID_SYN, 0);
			return NULL;
		}
		pds->stats.pdc_restarted++;
		uet_pdc_fail(pds, pdc, -ECONNRESET, 0, -ECONNRESET);
	}
	if (mode == UET_MODE_ROD && h->psn_offset) {
		uet_nack_send(pds, 0, h, pkt, UET_NACK_ROD_OOO, start);
		return NULL;
	}
	pdc = uet_pdc_accept(pds, h, pkt->src, mode);
	if (!pdc) {
		uet_pdc_evict(pds);
		uet_nack_send(pds, 0, h, pkt, UET_NACK_NO_PDC_AVAIL, 0);
	}
	return pdc;
}

/* Forward packets carry requests, return packets carry read data (UEC 3.5.4). */
static bool direction_ok(const struct uet_pds_hdr *h, bool forward)
{
	if (forward)
		return uet_rx_is_request(h);
	return h->next_hdr == UET_HDR_RESPONSE_DATA || h->next_hdr == UET_HDR_RESPONSE_DATA_SMALL;
}

/* Return data tells the target's PDCID as well as an ACK does, which it has overtaken. */
static bool introduces(const struct uet_pdc *pdc, const struct uet_pds_hdr *h)
{
	return uet_pds_is_request(h->type) && direction_ok(h, false) &&
	       pdc->tx_base != pdc->tx_next && h->psn - pdc->start_psn < UET_PDS_WINDOW;
}

struct uet_pdc *uet_rx_find(struct uet_pds *pds, const struct uet_pds_hdr *h,
			    const struct uet_pkt *pkt, uint8_t mode)
{
	struct uet_pdc *pdc;

	if (uet_unlikely(h->spdcid == 0)) {
		pds->stats.drop_malformed++;
		return NULL;
	}
	if (uet_unlikely(h->flags & UET_PDS_F_SYN)) {
		pdc = find_syn(pds, h, pkt, mode);
		if (pdc)
			uet_pdc_heard(pds, pdc);
		return pdc;
	}
	pdc = uet_table_by_id(pds, h->dpdcid);
	if (uet_unlikely(!pdc)) {
		uet_nack_send(pds, 0, h, pkt, UET_NACK_INV_DPDCID, 0);
		return NULL;
	}
	if (uet_unlikely(!pdc->peer_id && uet_addr_same_host(&pdc->peer, pkt->src))) {
		/* The target speaks before its first ACK arrived. */
		if (!introduces(pdc, h)) {
			uet_pdc_count(pds, pdc, drop_stale);
			return NULL;
		}
		pdc->peer_id = h->spdcid;
	}
	if (uet_unlikely(pdc->peer_id != h->spdcid ||
			 !uet_addr_same_host(&pdc->peer, pkt->src))) {
		uet_nack_send(pds, 0, h, pkt, UET_NACK_PDC_HDR_MISMATCH, 0);
		return NULL;
	}
	uet_pdc_heard(pds, pdc);
	return pdc;
}

/* ---- requests ---- */

/*
 * Room for one more answer that must be kept? Needed before the upper floor is asked. The
 * oldest packet that a source waits for always finds room: no answer behind it can be cleared
 * before it is in, so refusing it could last for ever. That is at most one more per PDC.
 */
static bool have_room(struct uet_pds *pds, const struct uet_pdc *pdc, uint32_t psn)
{
	uint32_t used = pds->storeds.used - (pds->spare ? 1 : 0);

	if (uet_unlikely(used >= pds->cfg.max_stored) &&
	    (psn != pdc->rx_next || psn != pdc->rx_cack + 1))
		return false;
	if (!pds->spare)
		pds->spare = uet_pool_get(&pds->storeds);
	return pds->spare;
}

/* Act on @answer to @h, which was delivered just now. */
static void take_in(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		    const struct uet_pkt *pkt, const struct uet_pds_answer *answer)
{
	assert(answer->len <= UET_PDS_ANSWER_MAX);
	if (uet_unlikely(answer->nack)) {
		uet_nack_send(pds, pdc->id, h, pkt, answer->nack, 0);
		/* What follows on a ROD PDC is out of order; the source knows that. */
		pdc->gap_known = pdc->mode == UET_MODE_ROD;
		pdc->gap_psn = pdc->gap_last = h->psn;
		pdc->gap_when = pds->now;
		return;
	}
	pdc->rx_bytes += pkt->wire_len + UET_CMS_EXTRA;
	if (pdc->initiator)
		uet_pdc_moved(pds, pdc);
	pdc->rx_wire += pkt->wire_len;
	/* Data cannot be replaced by a default response, so it is kept as well. */
	if (answer->gtd_del || answer->next_hdr > UET_HDR_RESPONSE) {
		uint8_t flags = (h->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0);

		store(pds, pdc, h->psn, flags, answer);
		if (h->flags & (UET_PDS_F_AR | UET_PDS_F_SYN))
			uet_pdc_urge(pds, pdc);
		else
			uet_pdc_pend(pds, pdc);
		uet_rx_mark(pdc, h->psn);
		uet_ack_advance(pds, pdc);
		return;
	}
	uet_rx_mark(pdc, h->psn);
	uet_ack_note(pds, pdc, h->psn, h->flags, pkt, answer);
}

/* Give @h to the floor above, which fills in @answer. */
static uet_always_inline void hand_up(struct uet_pds *pds, struct uet_pdc *pdc,
				      const struct uet_pds_hdr *h, const struct uet_pkt *pkt,
				      struct uet_pds_answer *answer)
{
	struct uet_pds_rx rx = {
		.pdc = pdc,
		.src = pkt->src,
		.psn = h->psn,
		.mode = pdc->mode,
		.next_hdr = h->next_hdr,
		.ce = pkt->ce,
		.now = pds->now,
		.data = pkt->data,
		.len = pkt->len,
	};

	memset(answer, 0, sizeof(*answer));
	pds->ops->rx(pds->upper, &rx, answer);
}

void uet_rx_deliver(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		    const struct uet_pkt *pkt)
{
	struct uet_pds_answer answer;

	if (uet_unlikely(!have_room(pds, pdc, h->psn))) {
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_NO_GTD_DEL_AVAIL, 0);
		uet_cp_beg_clear(pds);
		return;
	}
	hand_up(pds, pdc, h, pkt, &answer);
	take_in(pds, pdc, h, pkt, &answer);
}

void uet_rx_request(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	uint8_t mode = h->type == UET_PDS_ROD_REQ || h->type == UET_PDS_ROD_CC_REQ ?
		       UET_MODE_ROD : UET_MODE_RUD;
	struct uet_pdc *pdc;

	pds->stats.rx_data++;
	if (uet_unlikely(h->flags & UET_PDS_F_SYN) && !direction_ok(h, true)) {
		pds->stats.drop_malformed++;
		return;
	}
	pdc = uet_rx_find(pds, h, pkt, mode);
	if (!pdc)
		return;
	if (uet_unlikely(pdc->mode != mode)) {
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_PDC_MODE_MISMATCH, 0);
		return;
	}
	if (uet_unlikely(!direction_ok(h, !pdc->initiator))) {
		pds->stats.drop_malformed++;
		return;
	}
	if (uet_unlikely(uet_psn_diff(uet_pds_offset_psn(h), pdc->rx_next) >= 0)) {
		/* Answers to packets that never arrived were seen: one of us has gone astray. */
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_UNEXP_EVENT, 0);
		return;
	}
	if (uet_unlikely(pkt->ce))
		pdc->counts.rx_marked++;
	uet_rx_clear(pds, pdc, uet_pds_offset_psn(h));
	uet_credit_rx_request(pds, pdc, h, pkt);
	switch (uet_rx_judge(pds, pdc, h, pkt)) {
	case UET_RX_NEW:
		uet_rx_deliver(pds, pdc, h, pkt);
		if (uet_unlikely(pdc->rx_ooo) && pdc->mode == UET_MODE_ROD)
			uet_ahead_deliver(pds, pdc);
		break;
	case UET_RX_AHEAD:
		uet_ahead_rx(pds, pdc, h, pkt);
		break;
	case UET_RX_DUPLICATE:
		/* A copy that the network made needs no answer; a repetition does. */
		if (h->flags & (UET_PDS_F_RETX | UET_PDS_F_AR))
			uet_ack_repeat(pds, pdc, h, pkt);
		break;
	case UET_RX_REFUSED:
		break;
	}
}

/* ---- the usual ---- */

/* The PDC for which @h is the next request, if nothing is held back, missing or kept on it. */
static struct uet_pdc *quick_find(const struct uet_pds *pds, const struct uet_pds_hdr *h,
				  const struct uet_addr *src)
{
	struct uet_pdc *pdc = uet_table_by_id(pds, h->dpdcid);
	uint8_t mode = h->type == UET_PDS_ROD_REQ ? UET_MODE_ROD : UET_MODE_RUD;

	if (!pdc || pdc->initiator || pdc->mode != mode || pdc->peer_id != h->spdcid ||
	    pdc->rx_next != h->psn || pdc->rx_ooo || !uet_list_empty(&pdc->stored) ||
	    uet_psn_diff(uet_pds_offset_psn(h), h->psn) >= 0 ||
	    !uet_addr_same_host(&pdc->peer, src))
		return NULL;
	return pdc;
}

bool uet_rx_quick(struct uet_pds *pds, const struct uet_nic_rx *p)
{
	struct uet_pds_answer answer;
	struct uet_pds_hdr h;
	struct uet_pkt pkt;
	struct uet_pdc *pdc;

	if (p->err || p->trim || (p->tos & UET_ECN_MASK) == UET_ECN_CE ||
	    uet_credit_on(&pds->cfg) || !uet_pds_req_get(&h, p->data, p->len) ||
	    !uet_rx_is_request(&h))
		return false;
	pdc = quick_find(pds, &h, &p->src);
	if (!pdc || !pds->spare || pds->storeds.used > pds->cfg.max_stored)
		return false;
	pds->stats.rx_bytes += p->len;
	pds->stats.rx_data++;
	uet_pdc_heard(pds, pdc);
	if (uet_psn_diff(uet_pds_offset_psn(&h), pdc->rx_clear) > 0)
		pdc->rx_clear = uet_pds_offset_psn(&h);
	pkt.src = &p->src;
	pkt.when = pds->now;
	pkt.waited = 0;
	pkt.wire_len = p->len;
	pkt.ce = false;
	pkt.data = p->data + UET_PDS_REQ_LEN;
	pkt.len = p->len - UET_PDS_REQ_LEN;
	hand_up(pds, pdc, &h, &pkt, &answer);
	if (uet_unlikely(answer.nack || answer.gtd_del || answer.next_hdr > UET_HDR_RESPONSE)) {
		take_in(pds, pdc, &h, &pkt, &answer);
		return true;
	}
	pdc->rx_bytes += p->len + UET_CMS_EXTRA;
	pdc->rx_wire += p->len;
	pdc->rx_next = h.psn + 1;
	pdc->rx_cack = pdc->rx_hi = h.psn;
	if (pdc->ack_cnt == 0)
		pdc->ack_lo = h.psn;
	pdc->ack_hi = h.psn;
	uet_ack_take(pds, pdc, h.psn, h.flags, &pkt, &answer);
	uet_ack_schedule(pds, pdc, h.flags, &answer);
	if (uet_unlikely(pdc->ack_again))
		uet_ack_advance(pds, pdc);
	return true;
}
