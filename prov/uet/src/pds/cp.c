/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/cp.h"

#include <errno.h>

#include "pds/ahead.h"
#include "pds/spray.h"

#define BEG_MAX 8u	/* sources asked to clear at a time */
#define CLOSE_PATIENCE 8u /* CLOSE_CMDs that may overtake the ACKs of return data */

/* May @ctl be there because something was lost, or be lost without anybody noticing? */
static bool is_precarious(const struct uet_pdc *pdc, uint8_t ctl, uint32_t payload)
{
	switch (ctl) {
	case UET_CTL_CLEAR_CMD:
		return payload == pdc->clear_sent;
	case UET_CTL_ACK_REQ:
	case UET_CTL_CLEAR_REQ:
	case UET_CTL_CREDIT:
	case UET_CTL_CREDIT_REQ:
		return true;
	default:
		return pdc->silent || pdc->stuck;
	}
}

bool uet_cp_send(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t ctl, uint32_t psn,
		 uint32_t payload)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP,
		.ctl_type = ctl,
		.flags = ctl == UET_CTL_ACK_REQ || ctl == UET_CTL_PROBE ? UET_PDS_F_AR : 0,
		.psn = psn,
		.spdcid = pdc->id,
		.dpdcid = pdc->peer_id,
		.payload = payload,
	};

	assert(pdc->peer_id);
	if (!uet_batch_control(pds, &pdc->dst, &h, NULL, 0))
		return false;
	if (is_precarious(pdc, ctl, payload))
		uet_spray_control(pds, pdc);
	pds->stats.tx_cp++;
	return true;
}

bool uet_cp_clear(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!pdc->peer_id)
		return true;
	if (pdc->clear_due) {
		if (!uet_cp_send(pds, pdc, UET_CTL_CLEAR_CMD, 0, uet_tx_clear(pdc)))
			return false;
		pdc->clear_due = false;
		pdc->clear_sent = uet_tx_clear(pdc);
	}
	if (pdc->probe_due) {
		if (!uet_cp_send(pds, pdc, UET_CTL_PROBE, 0, pdc->tx_base))
			return false;
		pdc->probe_due = false;
		uet_pdc_arm(pds, pdc, pds->now + uet_cms_rto(&pdc->ccc->cms, 0));
	}
	return true;
}

void uet_cp_beg_clear(struct uet_pds *pds)
{
	const struct uet_pdc *first = NULL;
	uint32_t i;

	if (pds->begged_at && pds->now - pds->begged_at < pds->cfg.nack_retx_time)
		return;
	pds->begged_at = pds->now;
	for (i = 0; i < BEG_MAX && !uet_list_empty(&pds->storing); i++) {
		struct uet_pdc *pdc = uet_list_entry(uet_list_first(&pds->storing),
						     struct uet_pdc, storing);

		if (pdc == first)
			return;
		if (!first)
			first = pdc;
		/* To the end, so that all of them have their turn. */
		uet_list_del(&pdc->storing);
		uet_list_add_tail(&pds->storing, &pdc->storing);
		if (!uet_cp_send(pds, pdc, UET_CTL_CLEAR_REQ, 0, pdc->rx_next - 1))
			return;
	}
}

/* NOOP and NEGOTIATION: a request without a message. */
static void rx_noop(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc = uet_rx_find(pds, h, pkt, h->flags & UET_PDS_F_ISROD ?
						       UET_MODE_ROD : UET_MODE_RUD);

	if (!pdc)
		return;
	switch (uet_rx_judge(pds, pdc, h, pkt)) {
	case UET_RX_NEW:
		uet_rx_mark(pdc, h->psn);
		uet_ack_control(pds, pdc, h, pkt);
		uet_ack_advance(pds, pdc);
		if (pdc->mode == UET_MODE_ROD)
			uet_ahead_deliver(pds, pdc);
		break;
	case UET_RX_AHEAD:
		uet_rx_refuse_order(pds, pdc, h, pkt);
		break;
	case UET_RX_DUPLICATE:
		uet_ack_control(pds, pdc, h, pkt);
		break;
	case UET_RX_REFUSED:
		break;
	}
}

/*
 * CLOSE_CMD while return data is open (UEC 3.5.8.3). The usual reason is that ACKs were lost:
 * the data is repeated at once, and the initiator repeats the CLOSE_CMD.
 */
static void close_early(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			const struct uet_pkt *pkt)
{
	uint64_t since = uet_max_u64(pdc->moved, pdc->busy_since);

	/* A few that were lost in a row, or a link that is down for a while, prove nothing. */
	if (pdc->close_held < CLOSE_PATIENCE || pds->now - since < pds->cfg.peer_timeout) {
		pdc->close_held += pdc->close_held < CLOSE_PATIENCE;
		uet_pdc_count(pds, pdc, drop_stale);
		uet_loss_hurry(pds, pdc);
		return;
	}
	uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_CLOSING_IN_ERR, 0);
	pds->stats.pdc_closed++;
	uet_pdc_fail(pds, pdc, -ECONNRESET, 0, -ECONNRESET);
}

/* True when a message of @pdc is not finished. */
static bool has_msgs(const struct uet_pdc *pdc)
{
	return !uet_list_empty(&pdc->sent) || !uet_list_empty(&pdc->queue);
}

static void rx_close_cmd(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt)
{
	if (pdc->initiator) {
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_UNEXP_EVENT, 0);
		return;
	}
	/* It is sent when everything else has been answered: anything else is out of time. */
	if (h->psn != pdc->rx_next || pdc->rx_ooo) {
		uet_pdc_count(pds, pdc, drop_stale);
		return;
	}
	if (!uet_batch_room(pds))
		return;
	if (uet_unlikely(has_msgs(pdc))) {
		close_early(pds, pdc, h, pkt);
		return;
	}
	uet_rx_forget(pds, pdc);
	uet_rx_mark(pdc, h->psn);
	uet_ack_control(pds, pdc, h, pkt);
	uet_linger_add(pds, pdc, true, h->psn);
	pds->stats.pdc_closed++;
	uet_pdc_fail(pds, pdc, -ECANCELED, 0, 0);
}

static void rx_close_req(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt)
{
	enum uet_rx_verdict verdict;

	if (!pdc->initiator) {
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_UNEXP_EVENT, 0);
		return;
	}
	verdict = uet_rx_judge(pds, pdc, h, pkt);
	if (verdict == UET_RX_AHEAD)
		uet_rx_refuse_order(pds, pdc, h, pkt);
	if (verdict >= UET_RX_AHEAD)
		return;
	if (verdict == UET_RX_NEW)
		uet_rx_mark(pdc, h->psn);
	uet_ack_control(pds, pdc, h, pkt);
	uet_pdc_drain(pds, pdc);
}

/* The peer misses the ACK of a packet. */
static void rx_ack_req(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		       const struct uet_pkt *pkt)
{
	if (uet_rx_has(pdc, h->psn))
		uet_ack_repeat(pds, pdc, h, pkt);
	else if (uet_ahead_has(pdc, h->psn))
		uet_ack_ahead(pds, pdc, h, pkt);
	else if (h->psn - pdc->rx_cack > pds->cfg.mp_range)
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_PSN_OOR_WINDOW, 0);
	else
		uet_nack_send(pds, pdc->id, h, pkt, UET_NACK_PKT_NOT_RCVD, 0);
}

/*
 * A repeated CLOSE_CMD whose ACK was lost. The answer is a plain ACK: what an ACK_CC tells of
 * the PDC's receive state is gone.
 */
static bool answer_closed(struct uet_pds *pds, const struct uet_pds_hdr *h,
			  const struct uet_pkt *pkt)
{
	const struct uet_linger *l = uet_linger_by_id(pds, h->dpdcid);
	struct uet_pds_hdr ack = {
		.type = UET_PDS_ACK,
		.flags = (h->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0),
		.psn = h->psn,
	};
	struct uet_addr dst = *pkt->src;

	if (h->ctl_type != UET_CTL_CLOSE_CMD || !l || !l->closed || l->peer_id != h->spdcid ||
	    l->close_psn != h->psn || !uet_addr_same_host(&l->peer, pkt->src))
		return false;
	ack.spdcid = l->id;
	ack.dpdcid = l->peer_id;
	if (pds->cfg.strict_port)
		dst.port = UET_UDP_PORT;
	if (uet_batch_control(pds, &dst, &ack, NULL, 0))
		pds->stats.tx_ack++;
	return true;
}

/* Control packets that are not acknowledged: silently dropped when they fit nothing. */
static struct uet_pdc *find_quiet(struct uet_pds *pds, const struct uet_pds_hdr *h,
				  const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc = uet_table_by_id(pds, h->dpdcid);

	if (!pdc) {
		pds->stats.drop_unknown_pdc++;
		return NULL;
	}
	if (pdc->peer_id != h->spdcid || !h->spdcid ||
	    !uet_addr_same_host(&pdc->peer, pkt->src)) {
		uet_pdc_count(pds, pdc, drop_stale);
		return NULL;
	}
	uet_pdc_heard(pds, pdc);
	return pdc;
}

static void rx_quiet(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc = find_quiet(pds, h, pkt);

	if (!pdc)
		return;
	if (h->ctl_type == UET_CTL_CLEAR_CMD) {
		uet_rx_clear(pds, pdc, h->payload);
		uet_ack_advance(pds, pdc);
	} else if (h->ctl_type == UET_CTL_CLEAR_REQ) {
		pdc->clear_due = true;
		uet_pdc_pend(pds, pdc);
	} else {
		uet_credit_rx_ctl(pds, pdc, h);
	}
}

void uet_cp_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc;

	pds->stats.rx_cp++;
	switch (h->ctl_type) {
	case UET_CTL_NOOP:
	case UET_CTL_NEGOTIATION:
		rx_noop(pds, h, pkt);
		return;
	case UET_CTL_CLEAR_CMD:
	case UET_CTL_CLEAR_REQ:
	case UET_CTL_CREDIT:
	case UET_CTL_CREDIT_REQ:
		rx_quiet(pds, h, pkt);
		return;
	case UET_CTL_ACK_REQ:
	case UET_CTL_CLOSE_CMD:
	case UET_CTL_CLOSE_REQ:
	case UET_CTL_PROBE:
		break;
	default:
		pds->stats.drop_malformed++;
		return;
	}

	if (h->flags & UET_PDS_F_SYN) {
		uet_nack_send(pds, 0, h, pkt, UET_NACK_INVALID_SYN, 0);
		return;
	}
	if (!uet_table_by_id(pds, h->dpdcid) && answer_closed(pds, h, pkt))
		return;
	pdc = uet_rx_find(pds, h, pkt, UET_MODE_RUD);
	if (!pdc)
		return;
	if (h->ctl_type == UET_CTL_ACK_REQ)
		rx_ack_req(pds, pdc, h, pkt);
	else if (h->ctl_type == UET_CTL_CLOSE_CMD)
		rx_close_cmd(pds, pdc, h, pkt);
	else if (h->ctl_type == UET_CTL_CLOSE_REQ)
		rx_close_req(pds, pdc, h, pkt);
	else
		uet_ack_control(pds, pdc, h, pkt);
}
