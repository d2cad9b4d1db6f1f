/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>

#include "pds/spray.h"

/*
 * Packets that a PDC sends before its target is known, where there are several paths: these all
 * take one, so that whole first windows would collide on some links while others lie idle.
 */
#define SYN_BURST	16u

/* What an idle PDC to a peer of its own needs: itself, its ring, its CCC. */
_Static_assert(sizeof(struct uet_pdc) + UET_PDS_RING_MIN * sizeof(struct uet_txd) +
	       sizeof(struct uet_ccc) <= 2048, "an idle PDC is small");

/* ---- ring ---- */

static uint32_t ring_class(uint32_t size)
{
	return (uint32_t)__builtin_ctz(size / UET_PDS_RING_MIN);
}

static struct uet_txd *ring_get(struct uet_pds *pds, uint32_t size)
{
	return uet_pool_get(&pds->rings[ring_class(size)]);
}

static void ring_put(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uet_pool_put(&pds->rings[ring_class(pdc->ring_mask + 1)], pdc->ring);
}

/* Use @ring of @size for @pdc in place of the present one, taking over what is open. */
static void ring_replace(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *ring,
			 uint32_t size)
{
	uint32_t psn;

	for (psn = pdc->tx_base; psn != pdc->tx_next; psn++)
		ring[psn & (size - 1)] = *uet_txd_at(pdc, psn);
	if (pdc->ring)
		ring_put(pds, pdc);
	pdc->ring = ring;
	pdc->ring_mask = size - 1;
}

int uet_tx_ring_create(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_txd *ring = ring_get(pds, UET_PDS_RING_MIN);

	if (!ring)
		return -ENOMEM;
	if (uet_spray_lanes(pds, pdc)) {
		uet_pool_put(&pds->rings[0], ring);
		return -ENOMEM;
	}
	ring_replace(pds, pdc, ring, UET_PDS_RING_MIN);
	return 0;
}

void uet_tx_ring_destroy(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!pdc->ring)
		return;
	ring_put(pds, pdc);
	pdc->ring = NULL;
	uet_spray_unlane(pds, pdc);
}

void uet_tx_ring_shrink(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_txd *ring;

	if (!pdc->ring || pdc->ring_mask < UET_PDS_RING_MIN || pdc->tx_base != pdc->tx_next)
		return;
	ring = ring_get(pds, UET_PDS_RING_MIN);
	if (ring)
		ring_replace(pds, pdc, ring, UET_PDS_RING_MIN);
}

/* Make room for one more descriptor. False when there is no memory, or the ring is as
 * large as the window. */
static bool ring_room(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint32_t size = pdc->ring_mask + 1;
	struct uet_txd *ring;

	if (uet_likely(pdc->ring && pdc->tx_next - pdc->tx_base < size))
		return true;
	if (!pdc->ring)
		return uet_tx_ring_create(pds, pdc) == 0;
	if (size >= UET_PDS_WINDOW)
		return false;
	ring = ring_get(pds, 2 * size);
	if (!ring)
		return false;
	ring_replace(pds, pdc, ring, 2 * size);
	return true;
}

int uet_tx_renumber(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t start)
{
	uint32_t size = pdc->ring_mask + 1, shift = start - pdc->start_psn, psn;
	struct uet_txd *ring = ring_get(pds, size);
	struct uet_list *pos;

	if (!ring)
		return -ENOMEM;
	uet_list_for_each(pos, &pdc->sent)
		uet_list_entry(pos, struct uet_pds_msg, link)->psn0 += shift;
	uet_list_for_each(pos, &pdc->queue)
		uet_list_entry(pos, struct uet_pds_msg, link)->psn0 += shift;
	for (psn = pdc->tx_base; psn != pdc->tx_next; psn++)
		ring[(psn + shift) & (size - 1)] = *uet_txd_at(pdc, psn);
	ring_put(pds, pdc);
	pdc->ring = ring;
	pdc->start_psn = start;
	pdc->tx_base += shift;
	pdc->tx_next += shift;
	pdc->tx_cack += shift;
	pdc->tx_clear += shift;
	pdc->tx_end += shift;
	pdc->run_psn += shift;
	pdc->retx_psn += shift;
	pdc->clear_sent += shift;
	pdc->rx_cack = pdc->rx_hi = pdc->rx_clear = start - 1;
	pdc->rx_next = start;
	return 0;
}

/* ---- packets ---- */

static uint16_t charge(const struct uet_pds *pds, uint32_t len)
{
	return (uint16_t)uet_min_u64(uet_cms_size(&pds->cfg.cms, len), UINT16_MAX);
}

/* Identifiers and SYN of a packet with PSN @h->psn (5.2 of the wire notes). */
static void stamp(const struct uet_pdc *pdc, struct uet_pds_hdr *h)
{
	h->spdcid = pdc->id;
	if (uet_likely(pdc->peer_id)) {
		h->dpdcid = pdc->peer_id;
		return;
	}
	assert(pdc->initiator && h->psn - pdc->start_psn < UET_PDS_SYN_OFFSETS);
	h->flags |= UET_PDS_F_SYN;
	h->psn_offset = (uint16_t)(h->psn - pdc->start_psn);
}

static uet_always_inline struct uet_nic_tx *
describe(struct uet_pds *pds, const struct uet_addr *dst, uint32_t hdr_len,
	 struct uet_pds_msg *msg, uint32_t index, struct uet_pds_fill *fill)
{
	struct uet_nic_tx *t = uet_batch_slot(pds);
	uint32_t i;

	fill->ses = (uint8_t *)t->iov[0].iov_base + hdr_len;
	fill->ses_len = 0;
	fill->next_hdr = UET_HDR_NONE;
	fill->iov_cnt = 0;
	fill->iov[0] = (struct iovec){ NULL, 0 };
	fill->eom = false;
	fill->lazy = false;
	fill->payload_len = 0;
	pds->ops->fill(pds->upper, msg, index, fill);
	assert(fill->iov_cnt <= UET_PDS_IOV && fill->ses_len <= UET_PDS_SES_MAX);

	t->dst = *dst;
	t->tc = UET_NIC_DATA;
	t->path = 0;
	t->iov[0].iov_len = hdr_len + fill->ses_len;
	t->iov[1] = fill->iov[0];
	for (i = 1; i < fill->iov_cnt; i++)
		t->iov[1 + i] = fill->iov[i];
	t->iov_cnt = 1 + fill->iov_cnt;
	t->len = hdr_len + fill->ses_len + fill->payload_len;
	return t;
}

struct uet_nic_tx *uet_tx_describe(struct uet_pds *pds, const struct uet_addr *dst,
				   uint32_t hdr_len, struct uet_pds_msg *msg, uint32_t index,
				   struct uet_pds_fill *fill)
{
	return describe(pds, dst, hdr_len, msg, index, fill);
}

/* The PDS header of a packet of @pdc that is not the usual one. */
static uet_noinline void put_header(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t *buf,
				    uint8_t type, uint32_t psn, uint8_t next_hdr, uint8_t flags)
{
	struct uet_pds_hdr h = {
		.type = type,
		.next_hdr = next_hdr,
		.flags = flags,
		.psn = psn,
		.offset = (int16_t)(uet_tx_clear(pdc) - psn),
	};

	stamp(pdc, &h);
	if (uet_credit_on(&pds->cfg))
		uet_credit_stamp(pds, pdc, &h, uet_txd_at(pdc, psn)->bytes);
	uet_pds_pack(&h, buf);
}

/* Write the PDS header of the described packet of @d and add it to the batch. */
static uet_always_inline void dispatch(struct uet_pds *pds, struct uet_pdc *pdc,
				       struct uet_nic_tx *t, struct uet_txd *d, uint32_t psn,
				       uint8_t next_hdr, uint8_t flags)
{
	uint8_t type = pdc->mode == UET_MODE_ROD ? UET_PDS_ROD_REQ : UET_PDS_RUD_REQ;
	uint8_t *buf = t->iov[0].iov_base;

	if (uet_likely(pdc->peer_id && !uet_credit_on(&pds->cfg)))
		uet_pds_req_put(buf, type, next_hdr, flags,
				(int16_t)(uet_tx_clear(pdc) - psn), psn, pdc->id, pdc->peer_id);
	else
		put_header(pds, pdc, buf, type, psn, next_hdr, flags);
	pdc->clear_sent = uet_tx_clear(pdc);
	pdc->clear_due = false;
	if (flags & UET_PDS_F_AR) {
		pdc->ar_bytes = 0;
		pdc->ar_psn = psn;
	} else {
		pdc->ar_bytes += t->len;
	}
	d->batch = pds->batch.seq;
	uet_batch_add(pds, d->msg);
	pdc->tx_wire += t->len;
	pds->stats.tx_data++;
}

/* The packet of @d leaves now. */
static uet_always_inline void take_off(struct uet_pds *pds, struct uet_pdc *pdc,
				       struct uet_txd *d)
{
	d->state = UET_TXD_FLIGHT;
	d->when = pds->now;
	d->order = ++uet_lane(pdc, d->path)->order;
	pdc->flight_cnt++;
	pdc->flight_bytes += d->bytes;
	pdc->tx_sent++;
	uet_cms_on_send(&pdc->ccc->cms, d->bytes, pds->now);
}

/* Send the control packet of @psn, which has a descriptor. */
static bool dispatch_ctl(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t flags)
{
	struct uet_txd *d = uet_txd_at(pdc, psn);
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP,
		.ctl_type = d->ctl,
		.flags = flags | UET_PDS_F_AR,
		.psn = psn,
	};

	stamp(pdc, &h);
	if (!uet_batch_control(pds, &pdc->dst, &h, NULL, 0))
		return false;
	if (flags & UET_PDS_F_RETX)
		uet_spray_control(pds, pdc);
	pds->stats.tx_cp++;
	return true;
}

bool uet_tx_ctl(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t ctl)
{
	struct uet_txd *d;

	if (!ring_room(pds, pdc) || !uet_batch_room(pds))
		return false;
	d = uet_txd_at(pdc, pdc->tx_next);
	*d = (struct uet_txd){ .ctl = ctl & 0xf };
	if (!dispatch_ctl(pds, pdc, pdc->tx_next, 0))
		return false;
	if (pdc->tx_base == pdc->tx_next) {
		pdc->run_psn = pdc->tx_next;
		pdc->busy_since = pds->now;
	}
	pdc->tx_next++;
	pdc->tx_end++;
	take_off(pds, pdc, d);
	uet_pdc_arm(pds, pdc, pds->now + uet_cms_rto(&pdc->ccc->cms, 0));
	return true;
}

/* ---- pump ---- */

/* What became of an attempt to send a packet. */
enum sent { SENT, WINDOW_SHUT, OTHERWISE_HELD };

/* An ACK will come that a packet on its way has asked for, unless one of them is lost. */
static bool ack_is_due(const struct uet_pdc *pdc)
{
	return uet_tx_open(pdc, pdc->ar_psn) &&
	       uet_txd_at(pdc, pdc->ar_psn)->state == UET_TXD_FLIGHT;
}

/* And there is not much behind it. */
static bool ack_is_near(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	return pdc->ar_bytes < uet_cms_ack_spacing(&pdc->ccc->cms, pds->cfg.ack_trigger) &&
	       ack_is_due(pdc);
}

/*
 * The window has shrunk to what was sent without AR, of which the target may say nothing: ask.
 */
static void break_silence(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!(pds->cfg.cms.algorithm & UET_CMS_NSCC) || !pdc->peer_id || !pdc->flight_cnt ||
	    !pdc->ar_bytes || ack_is_due(pdc) ||
	    uet_cms_window_has(&pdc->ccc->cms, pds->cfg.cms.mtu))
		return;
	pdc->probe_due = true;
	pdc->ar_bytes = 0;
	pdc->ar_psn = pdc->tx_next - 1;
	uet_pdc_urge(pds, pdc);
}

/* The packet with @bytes is the last one that the window allows for now. */
static bool is_last_allowed(const struct uet_pds *pds, const struct uet_pdc *pdc, uint32_t bytes)
{
	if (pdc->tx_next + 1 - pdc->tx_cack > pdc->tx_mpr)
		return true;
	return uet_cms_wants_ack(&pdc->ccc->cms, bytes, pdc->ar_bytes, pds->cfg.ack_trigger) &&
	       !ack_is_near(pds, pdc);
}

/* True when the described packet must carry AR. */
static bool asks_for_ack(const struct uet_pds *pds, struct uet_pdc *pdc,
			 const struct uet_pds_fill *fill, uint32_t len, uint32_t bytes)
{
	if (fill->eom && !fill->lazy)
		return true;
	if (pdc->ar_bytes + len >= UET_PDS_AR_BYTES || is_last_allowed(pds, pdc, bytes))
		return true;
	if (!fill->eom)
		return false;
	/* Our own targets acknowledge the end of a message when they are idle; others may not. */
	if (pdc->eager_acks == 0)
		return false;
	pdc->eager_acks--;
	return true;
}

/* True when the rules for refused packets allow repeating @d now. */
static bool may_repeat(const struct uet_pdc *pdc)
{
	/* While the target refuses all that comes, one packet at a time asks for the end. */
	if (pdc->nacked_cnt && (pdc->mode == UET_MODE_ROD || !pdc->peer_id))
		return pdc->delay_cnt == 0 && pdc->flight_cnt == 0;
	return true;
}

/* Repeat the lowest packet that waits for it. */
static uet_noinline enum sent send_repeat(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pds_fill fill;
	struct uet_nic_tx *t;
	struct uet_txd *d;

	if (!may_repeat(pdc))
		return OTHERWISE_HELD;
	if (uet_psn_diff(pdc->retx_psn, uet_tx_una(pdc)) < 0)
		pdc->retx_psn = uet_tx_una(pdc);
	while (uet_txd_at(pdc, pdc->retx_psn)->state != UET_TXD_RETX)
		pdc->retx_psn++;
	d = uet_txd_at(pdc, pdc->retx_psn);
	if (pdc->retx_psn - pdc->tx_cack > pdc->tx_mpr)
		return OTHERWISE_HELD;

	if (d->msg) {
		if (!uet_cms_can_send(&pdc->ccc->cms, d->bytes))
			return WINDOW_SHUT;
		t = uet_tx_describe(pds, &pdc->dst, uet_credit_req_len(&pds->cfg), d->msg,
				    d->index, &fill);
		t->path = d->path = uet_spray_again(pds, pdc, d->path);
		dispatch(pds, pdc, t, d, pdc->retx_psn, fill.next_hdr,
			 UET_PDS_F_RETX | UET_PDS_F_AR);
		pds->stats.tx_retx++;
	} else if (!dispatch_ctl(pds, pdc, pdc->retx_psn, UET_PDS_F_RETX)) {
		return OTHERWISE_HELD;
	}
	if (!pdc->peer_id)
		pdc->syn_retx = pds->now;
	if (d->retries < UINT8_MAX)
		d->retries++;
	d->again = 1;
	if (d->timed_out)
		uet_pdc_count(pds, pdc, retx_rto);
	uet_txd_leave(pdc, d);
	take_off(pds, pdc, d);
	return SENT;
}

/* True when a packet may be sent for the first time, as far as its PDC is concerned. */
static bool may_send_new(const struct uet_pdc *pdc)
{
	if (uet_list_empty(&pdc->queue) || pdc->blocked)
		return false;
	/* On its new path it must not overtake what is still on the old one. */
	if (uet_unlikely(pdc->move) && pdc->flight_cnt)
		return false;
	if (pdc->mode == UET_MODE_ROD || !pdc->peer_id ? pdc->nacked_cnt : pdc->hold_cnt)
		return false;
	if (uet_unlikely(!pdc->peer_id) && pdc->ccc->spray &&
	    pdc->tx_next - pdc->start_psn >= SYN_BURST)
		return false;
	return pdc->retx_cnt == 0 && !uet_tx_window_shut(pdc);
}

/* Send the next packet of the first message. */
static enum sent send_new(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pds_msg *msg = uet_list_entry(uet_list_first(&pdc->queue),
						 struct uet_pds_msg, link);
	struct uet_pds_fill fill;
	struct uet_nic_tx *t;
	struct uet_txd *d;
	uint16_t bytes;
	uint8_t flags = 0;

	t = describe(pds, &pdc->dst, uet_credit_req_len(&pds->cfg), msg, msg->next, &fill);
	bytes = charge(pds, t->len);
	if (!uet_cms_can_send(&pdc->ccc->cms, bytes))
		return WINDOW_SHUT;
	if (!ring_room(pds, pdc))
		return OTHERWISE_HELD;
	if (asks_for_ack(pds, pdc, &fill, t->len, bytes))
		flags = UET_PDS_F_AR;

	d = uet_txd_at(pdc, pdc->tx_next);
	*d = (struct uet_txd){ .msg = msg, .index = msg->next, .bytes = bytes,
			       .awaits = msg->awaits };
	if (msg->next == 0)
		msg->psn0 = pdc->tx_next;
	if (pdc->tx_base == pdc->tx_next)
		pdc->run_psn = pdc->tx_next;
	t->path = d->path = uet_spray_new(pds, pdc, bytes);
	dispatch(pds, pdc, t, d, pdc->tx_next, fill.next_hdr, flags);
	pdc->tx_next++;
	take_off(pds, pdc, d);
	if (++msg->next == msg->pkt_cnt) {
		uet_list_del(&msg->link);
		uet_list_add_tail(&pdc->sent, &msg->link);
		pdc->hold_cnt = 0;
	}
	return SENT;
}

/* Send what @pdc has as long as its turn lasts. Returns the number of packets. */
static uint32_t take_turn(struct uet_pds *pds, struct uet_pdc *pdc)
{
	enum sent result = SENT;
	uint32_t sent = 0;

	while (pdc->retx_cnt || may_send_new(pdc)) {
		if (!uet_batch_room(pds)) {
			uet_pdc_ready(pds, pdc);
			return sent;
		}
		result = WINDOW_SHUT;
		if (uet_likely(uet_ccc_is_free(pdc->ccc, pds->now)) ||
		    uet_ccc_my_turn(pds, pdc, sent))
			result = pdc->retx_cnt ? send_repeat(pds, pdc) : send_new(pds, pdc);
		if (result != SENT)
			break;
		sent++;
	}
	if (result == WINDOW_SHUT) {
		uet_ccc_stand_in_line(pds, pdc, sent);
		uet_credit_wait(pds, pdc);
		break_silence(pds, pdc);
	} else {
		uet_ccc_leave_line(pds, pdc);
	}
	return sent;
}

void uet_tx_pump(struct uet_pds *pds, struct uet_pdc *pdc)
{
	/* The initiator learns our PDCID from an ACK: that goes before return data. */
	if (uet_unlikely(!pdc->initiator && pdc->urgent) && !uet_ack_send(pds, pdc)) {
		uet_pdc_ready(pds, pdc);
		return;
	}
	/* Patience is never shorter: mostly the timer runs early enough as it is. */
	if (take_turn(pds, pdc) &&
	    pdc->timer.deadline > pds->now + pds->cfg.cms.rto_min / UET_PDS_ASK_PART)
		uet_pdc_arm(pds, pdc, pds->now + uet_loss_patience(pds, pdc));
	if (uet_unlikely(uet_tx_held_up(pdc)) && pdc->clear_sent != uet_tx_clear(pdc)) {
		/* Only answers that we have not cleared keep the window shut. */
		pdc->clear_due = true;
		pdc->probe_due = true;
		uet_pdc_pend(pds, pdc);
	}
}

void uet_tx_pump_ready(struct uet_pds *pds)
{
	while (!uet_list_empty(&pds->ready) && uet_batch_room(pds)) {
		struct uet_pdc *pdc = uet_list_entry(uet_list_first(&pds->ready),
						     struct uet_pdc, ready);

		uet_list_del(&pdc->ready);
		pdc->on_ready = false;
		uet_tx_pump(pds, pdc);
	}
	if (uet_unlikely(uet_rudi_ready(pds)))
		uet_rudi_pump(pds);
}
