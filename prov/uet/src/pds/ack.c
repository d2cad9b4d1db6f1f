/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/ack.h"
#include "pds/ahead.h"
#include "pds/batch.h"
#include "pds/spray.h"

#define RCVD_UNIT	256u	/* bytes */
#define RESTORE_ACKS	3u	/* ACKs that say restore_cwnd: one of them will arrive */
#define HOLE_ACKS	48u	/* packets per ACK while there are holes: the bitmap sees 64 */

/* One ACK about to be sent. */
struct ack {
	uint32_t psn;
	uint8_t flags;		/* M, RETX, P, REQ */
	uint8_t next_hdr;
	uint8_t len;
	const uint8_t *ses;
	uint16_t opaque;	/* with P */
	uint32_t base;		/* with P: wanted base of the bitmap */
	uint64_t arrived;	/* ns; 0: service time not known */
	uint32_t top;		/* last PSN for the bitmap to show */
	uint32_t port;		/* that the packet came from; 0: the peer's own */
	bool again;		/* one like it may have been lost on its way */
};

/* Received PSNs from @base on; bits at or below CACK carry no information (UEC 3.5.11.14). */
static uint64_t sack_bits(const struct uet_pdc *pdc, uint32_t base)
{
	int32_t in_order = uet_psn_diff(pdc->rx_next, base);
	int32_t seen = uet_psn_diff(pdc->rx_hi, base) + 1;
	uint64_t bits = 0;

	if (seen <= 0)
		return 0;
	if (pdc->rx_ooo && uet_psn_diff(base, pdc->rx_cack) > 0)
		bits = uet_bitmap_read64(&pdc->rx_bits, base);
	if (in_order > 0)
		bits |= in_order >= 64 ? ~0ull : (1ull << in_order) - 1;
	if (seen < 64)
		bits &= (1ull << seen) - 1;
	return bits;
}

static uint32_t sack_base(const struct uet_pdc *pdc, const struct ack *ack)
{
	uint32_t base = (pdc->mode == UET_MODE_ROD ? pdc->rx_hi : ack->top) - 63;

	if (ack->flags & UET_PDS_F_P)
		base = ack->base;
	if (uet_psn_diff(base, pdc->rx_cack) <= 0 ||
	    base - pdc->rx_cack > UET_PDS_WINDOW)
		base = pdc->rx_cack + 1;
	return base;
}

/* Destination flow control: ask sources to slow down while our buffers fill up. */
static void put_pressure(struct uet_pds *pds, struct uet_pdc *pdc,
			 struct uet_ack_cc_state *cc)
{
	cc->rcv_cwnd_pend = pds->penalty;
	if (pds->penalty) {
		pdc->restore_left = RESTORE_ACKS;
		pds->stats.tx_slow_ack++;
	} else if (pdc->restore_left && pds->relaxed) {
		cc->restore_cwnd = true;
		pdc->restore_left--;
	}
}

static bool emit(struct uet_pds *pds, struct uet_pdc *pdc, const struct ack *ack)
{
	const struct uet_addr *dst = &pdc->dst;
	struct uet_addr to;
	int32_t offset = uet_psn_diff(ack->psn, pdc->rx_cack);
	struct uet_pds_hdr h = {
		.type = UET_PDS_ACK_CC,
		.next_hdr = ack->next_hdr,
		.flags = ack->flags,
		.spdcid = pdc->id,
		.dpdcid = pdc->peer_id,
		.psn = pdc->rx_cack,
		.offset = (int16_t)offset,
		.probe_opaque = ack->opaque,
		.cc_type = UET_CC_NSCC,
		.mpr = (uint8_t)(pds->cfg.mp_range / UET_PDS_MPR_UNIT),
		.sack_psn_offset = 1,
	};

	if (offset != (int16_t)offset)
		h.offset = 0;
	if (pdc->rx_hi != pdc->rx_cack && (pdc->mode == UET_MODE_RUD || pdc->rx_ooo)) {
		uint32_t base = sack_base(pdc, ack);

		h.sack_psn_offset = (int16_t)(base - pdc->rx_cack);
		h.sack_bitmap = sack_bits(pdc, base);
	}
	h.cc.rcvd_bytes = (uint32_t)((pdc->rx_bytes + RCVD_UNIT - 1) / RCVD_UNIT) & 0xffffff;
	h.cc.ooo_count = (uint16_t)pdc->rx_ooo;
	put_pressure(pds, pdc, &h.cc);
	if (ack->arrived) {
		uint64_t units = (pds->now - ack->arrived) / UET_PDS_SERVICE_UNIT;

		h.cc.service_time = (uint16_t)uet_max_u64(1, uet_min_u64(units, UINT16_MAX));
	}
	/*
	 * The way back varies with the port, so that one failed path does not cut off all ACKs.
	 * The port is that of the packet before: if marks of one path were always lost on the
	 * same way back, it would be the path without marks, which sources prefer.
	 */
	if (uet_unlikely(ack->port && ack->port != pdc->peer.port) && !pds->cfg.strict_port) {
		to = pdc->dst;
		to.port = ack->port;
		dst = &to;
	}
	if (!uet_batch_control(pds, dst, &h, ack->ses, ack->len))
		return false;
	if (uet_unlikely(ack->again))
		uet_spray_control(pds, pdc);
	pdc->ack_gen = 0;
	pdc->ahead_new = 0;
	pdc->ahead_due = false;
	pds->stats.tx_ack++;
	if (uet_unlikely(h.sack_bitmap))
		uet_pdc_count(pds, pdc, tx_sack);
	if (uet_unlikely(h.flags & UET_PDS_F_M))
		uet_pdc_count(pds, pdc, tx_marked_ack);
	return true;
}

/* The default response (UEC 3.5.10.13): RC_OK, for nobody in particular. */
static const uint8_t default_answer[12] = { 0, 1 };

/* The default response to several packets: it names the message of the newest. */
static void merged_answer(const struct uet_pdc *pdc, uint8_t ses[12])
{
	memcpy(ses, default_answer, 12);
	if (pdc->ack_cnt && pdc->ack_hdr == UET_HDR_RESPONSE && pdc->ack_len >= 12) {
		memcpy(ses + 2, pdc->ack_ses + 2, 2);
		memcpy(ses + 5, pdc->ack_ses + 5, 3);
	}
}

/* Send the ACK in preparation: for one packet with its answer, for several with the default. */
static bool send_plain(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint8_t ses[12];
	struct ack ack = {
		.psn = pdc->ack_psn,
		.top = pdc->ack_cnt ? pdc->ack_hi : pdc->ack_psn,
		.flags = pdc->ack_flags,
		.next_hdr = pdc->ack_hdr,
		.len = pdc->ack_len,
		.ses = pdc->ack_ses,
		.arrived = pdc->ack_when,
		.port = pdc->ack_port,
	};

	if (pdc->ack_cnt != 1) {
		merged_answer(pdc, ses);
		ack.next_hdr = UET_HDR_RESPONSE;
		ack.len = sizeof(ses);
		ack.ses = ses;
	}
	if (!emit(pds, pdc, &ack))
		return false;
	/* Plain packets beyond CACK that no ACK named stay open at the source. */
	if (pdc->rx_cack != pdc->rx_hi)
		pdc->ack_again = true;
	pdc->ack_due = false;
	pdc->ack_cnt = 0;
	return true;
}

static bool send_stored(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_stored *st)
{
	struct ack ack = {
		.psn = st->psn,
		.top = st->psn,
		.flags = st->flags | UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLEAR),
		.next_hdr = st->next_hdr,
		.len = st->len,
		.ses = st->ses,
		.again = st->asked,
	};

	if (!emit(pds, pdc, &ack))
		return false;
	st->due = false;
	pdc->stored_due--;
	return true;
}

static struct uet_stored *stored_at(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_stored, link);
}

/* The first stored answer that is due, of which there is one. They are mostly the last ones. */
static struct uet_list *first_due(const struct uet_pdc *pdc)
{
	struct uet_list *pos = pdc->stored.prev;
	uint32_t left = pdc->stored_due - stored_at(pos)->due;

	while (left) {
		pos = pos->prev;
		left -= stored_at(pos)->due;
	}
	return pos;
}

bool uet_ack_send(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_list *pos = pdc->stored_due ? first_due(pdc) : &pdc->stored;

	/* In the order of PSNs, as ROD wants. */
	for (; pos != &pdc->stored && pdc->stored_due; pos = pos->next) {
		struct uet_stored *st = stored_at(pos);

		if (!st->due)
			continue;
		if (pdc->ack_due && uet_psn_diff(pdc->ack_psn, st->psn) < 0 &&
		    !send_plain(pds, pdc))
			return false;
		if (!send_stored(pds, pdc, st))
			return false;
	}
	if (pdc->ack_due)
		return send_plain(pds, pdc);
	return !pdc->ahead_due || uet_ack_show(pds, pdc);
}

bool uet_ack_flush(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->ack_cnt)
		pdc->ack_due = true;
	return uet_ack_send(pds, pdc);
}

/*
 * Packets of several paths arrive far apart in PSNs, and a bitmap has 64. What was noted and would
 * not be shown together with @psn is acknowledged first.
 */
static void note_range(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn)
{
	uint32_t lo = pdc->ack_lo, hi = pdc->ack_hi;

	if (uet_psn_diff(psn, lo) < 0)
		lo = psn;
	if (uet_psn_diff(psn, hi) > 0)
		hi = psn;
	if (uet_unlikely(pdc->rx_ooo) && pdc->ack_cnt && hi - lo >= 64)
		send_plain(pds, pdc);
	if (pdc->ack_cnt == 0)
		lo = hi = psn;
	pdc->ack_lo = lo;
	pdc->ack_hi = hi;
}

void uet_ack_note(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t flags,
		  const struct uet_pkt *pkt, const struct uet_pds_answer *answer)
{
	if (uet_unlikely(pkt->ce)) {
		/* It must not share its ACK: the mark belongs to it alone. */
		if (pdc->ack_due)
			send_plain(pds, pdc);
		pdc->ack_cnt = 0;
	}
	note_range(pds, pdc, psn);
	uet_ack_take(pds, pdc, psn, flags, pkt, answer);
	if (uet_unlikely(pkt->ce)) {
		pdc->ack_due = true;
		pdc->ack_flags |= UET_PDS_F_M;
		if (!send_plain(pds, pdc))
			uet_pdc_urge(pds, pdc);
		return;
	}
	if (uet_ack_schedule(pds, pdc, flags, answer) && pdc->rx_ooo && pdc->ack_cnt >= HOLE_ACKS)
		send_plain(pds, pdc);
	if (uet_unlikely(pdc->ack_again))
		uet_ack_advance(pds, pdc);
}

bool uet_ack_show(struct uet_pds *pds, struct uet_pdc *pdc)
{
	/* What is kept has no answer yet, so the ACK names the last packet that has. */
	struct ack ack = {
		.psn = pdc->rx_cack,
		.next_hdr = UET_HDR_RESPONSE,
		.len = sizeof(default_answer),
		.ses = default_answer,
	};

	if (uet_psn_diff(pdc->rx_cack, pdc->start_psn) < 0)
		return true;
	return emit(pds, pdc, &ack);
}

void uet_ack_ahead(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		   const struct uet_pkt *pkt)
{
	pdc->ahead_new++;
	uet_ack_count(pds, pdc, pkt->wire_len);
	if (pdc->ahead_new >= HOLE_ACKS && uet_ack_show(pds, pdc))
		return;
	if (uet_ack_wanted(pds, pdc, h->flags)) {
		pdc->ahead_due = true;
		uet_pdc_urge(pds, pdc);
	}
}

void uet_ack_advance(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_likely(!pdc->ack_again) || pdc->rx_cack != pdc->rx_hi)
		return;
	pdc->ack_again = false;
	if (!pdc->ack_due) {
		pdc->ack_due = true;
		if (pdc->ack_cnt != 1) {
			/* What is covered now is not one packet. */
			pdc->ack_psn = pdc->rx_cack;
			pdc->ack_flags = 0;
			pdc->ack_hdr = UET_HDR_NONE;
			pdc->ack_when = 0;
		}
	}
	uet_pdc_urge(pds, pdc);
}

void uet_ack_repeat(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		    const struct uet_pkt *pkt)
{
	struct uet_stored *st = uet_rx_stored(pdc, h->psn);
	struct ack ack = {
		.psn = h->psn,
		.top = h->psn,
		.flags = (h->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0),
		.next_hdr = UET_HDR_RESPONSE,
		.len = sizeof(default_answer),
		.ses = default_answer,
		.port = pkt->src->port,
		.again = pds->cfg.strict_port,
	};

	if (st) {
		pdc->stored_due += !st->due;
		st->due = true;
		st->asked = true;
		st->flags = ack.flags;
		uet_pdc_urge(pds, pdc);
		return;
	}
	emit(pds, pdc, &ack);
}

bool uet_ack_control(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		     const struct uet_pkt *pkt)
{
	struct ack ack = {
		.psn = h->psn,
		.top = h->psn,
		.flags = (h->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0),
		.next_hdr = UET_HDR_NONE,
		.arrived = pds->now,
		.port = pkt->src->port,
	};

	if (h->ctl_type == UET_CTL_PROBE) {
		ack.flags |= UET_PDS_F_P;
		ack.psn = pdc->rx_cack;
		ack.opaque = h->probe_opaque;
		ack.base = h->payload;
	}
	return emit(pds, pdc, &ack);
}
