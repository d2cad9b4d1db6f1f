/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>

#include "base/log.h"
#include "pds/ahead.h"
#include "wire/names.h"

/* ---- opening ---- */

/* Start both directions of a new PDC at @start. */
static void start(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t start_psn)
{
	pdc->start_psn = start_psn;
	pdc->tx_base = pdc->tx_next = pdc->tx_end = start_psn;
	pdc->run_psn = pdc->retx_psn = start_psn;
	pdc->tx_cack = pdc->tx_clear = pdc->clear_sent = start_psn - 1;
	pdc->tx_mpr = UET_PDS_WINDOW;
	pdc->rx_next = start_psn;
	pdc->rx_cack = pdc->rx_hi = pdc->rx_clear = start_psn - 1;
	pdc->heard = pdc->busy_since = pds->now;
}

/* Random, and far from what the last PDC in the same slot used. */
static uint32_t pick_start(struct uet_pds *pds, const struct uet_pdc *pdc)
{
	uint32_t last = pds->table.slots[pdc->id & pds->table.slot_mask].last_psn;
	uint32_t psn = uet_rand_u32(&pds->rand);

	if (psn - last < UET_PDS_PSN_APART || last - psn < UET_PDS_PSN_APART)
		psn += 3 * UET_PDS_PSN_APART;
	return psn;
}

/* A ROD PDC waits until an older one to the same peer has finished its messages. */
static void queue_behind(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pdc *p = NULL, *last = NULL;

	while ((p = uet_table_next_dst(pds, &pdc->dst, pdc->mode, p)))
		if (p->state == UET_PDC_DRAIN && uet_pdc_busy(p))
			last = p;
	if (!last)
		return;
	/* Who waits for it already has no work any more, and is about to vanish. */
	pdc->successor = last->successor;
	last->successor = pdc;
	pdc->blocked = true;
}

/*
 * PDCs kept free for requests of peers. Two peers whose tables were full of PDCs that each
 * wants to open to the other would refuse each other for ever.
 */
static uint32_t reserve(const struct uet_pds *pds)
{
	return (pds->cfg.max_pdc + 2) / 4;
}

struct uet_pdc *uet_pdc_open(struct uet_pds *pds, const struct uet_addr *dst, uint8_t mode)
{
	struct uet_pdc *pdc;

	if (pds->initiators + reserve(pds) >= pds->cfg.max_pdc)
		return NULL;
	pdc = uet_table_alloc(pds);
	if (!pdc)
		return NULL;
	pds->initiators++;
	pdc->initiator = true;
	pdc->dst = *dst;
	pdc->peer = *dst;
	pdc->mode = mode;
	start(pds, pdc, pick_start(pds, pdc));
	if (uet_ccc_attach(pds, pdc)) {
		pds->initiators--;
		uet_table_free(pds, pdc);
		return NULL;
	}
	if (mode == UET_MODE_ROD)
		queue_behind(pds, pdc);
	uet_table_insert(pds, pdc);
	if (uet_tx_ring_create(pds, pdc)) {
		uet_pdc_fail(pds, pdc, 0, 0, 0);
		return NULL;
	}
	uet_pdc_arm(pds, pdc, pds->now + pds->cfg.idle_close);
	pds->stats.pdc_opened++;
	return pdc;
}

struct uet_pdc *uet_pdc_accept(struct uet_pds *pds, const struct uet_pds_hdr *h,
			       const struct uet_addr *src, uint8_t mode)
{
	struct uet_pdc *pdc = uet_table_alloc(pds);

	if (!pdc)
		return NULL;
	pdc->dst = *src;
	pdc->peer = *src;
	if (pds->cfg.strict_port)
		pdc->dst.port = UET_UDP_PORT;
	pdc->mode = mode;
	pdc->peer_id = h->spdcid;
	pdc->strayed = h->flags & UET_PDS_F_RETX;
	start(pds, pdc, uet_pds_start_psn(h));
	if (uet_ccc_attach(pds, pdc)) {
		uet_table_free(pds, pdc);
		return NULL;
	}
	uet_table_insert(pds, pdc);
	uet_pdc_arm(pds, pdc, pds->now + uet_min_u64(pds->cfg.target_idle,
						     2 * pds->cfg.peer_timeout));
	pds->stats.pdc_accepted++;
	return pdc;
}

void uet_pdc_enqueue(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_msg *msg)
{
	if (!uet_pdc_busy(pdc)) {
		pdc->busy_since = pds->now;
		pdc->refused_at = 0;
		pdc->unreach = false;
		pdc->silent = 0;
		pdc->stuck = 0;
		uet_list_del(&pdc->idle);
	}
	if (uet_list_empty(&pdc->queue) && !pdc->retx_cnt && uet_list_empty(&pdc->ccc->waiting))
		uet_cms_on_work(&pdc->ccc->cms, pds->now);
	msg->pdc = pdc;
	uet_list_add_tail(&pdc->queue, &msg->link);
	pdc->tx_end += msg->pkt_cnt;
}

/* ---- closing ---- */

static void release_successor(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pdc *next = pdc->successor;

	if (!next)
		return;
	pdc->successor = NULL;
	next->blocked = false;
	next->busy_since = pds->now;
	uet_pdc_ready(pds, next);
}

void uet_pdc_settle(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (uet_unlikely(pdc->state == UET_PDC_CLOSED)) {
		pds->stats.pdc_closed++;
		uet_pdc_fail(pds, pdc, -ECANCELED, 0, 0);
		return;
	}
	if (uet_pdc_busy(pdc)) {
		if (pdc->retx_cnt || !uet_list_empty(&pdc->queue))
			uet_pdc_ready(pds, pdc);
		return;
	}
	if (!pdc->initiator)
		return;
	if (uet_unlikely(pdc->state == UET_PDC_DRAIN))
		uet_pdc_try_close(pds, pdc);
	else if (uet_list_empty(&pdc->idle))
		uet_list_add_tail(&pds->idle, &pdc->idle);
}

void uet_pdc_drain(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (pdc->state != UET_PDC_OPEN)
		return;
	pdc->state = UET_PDC_DRAIN;
	uet_list_del(&pdc->idle);
	if (!uet_pdc_busy(pdc))
		uet_pdc_try_close(pds, pdc);
}

void uet_pdc_try_close(struct uet_pds *pds, struct uet_pdc *pdc)
{
	assert(pdc->state == UET_PDC_DRAIN && !uet_pdc_busy(pdc));
	release_successor(pds, pdc);
	if (!pdc->peer_id) {
		/* The peer never heard of it; the timer forgets it, as callers still use it. */
		uet_pdc_arm(pds, pdc, pds->now);
	} else if (!uet_pdc_may_close(pds, pdc)) {
		uet_pdc_arm(pds, pdc, pdc->syn_retx + UET_PDS_SYN_SAFETY);
	} else if (uet_ack_flush(pds, pdc) && uet_tx_ctl(pds, pdc, UET_CTL_CLOSE_CMD)) {
		pdc->state = UET_PDC_CLOSING;
		pdc->silent = 0;
	} else {
		uet_pdc_arm(pds, pdc, pds->now + pds->cfg.cms.rto_min);
	}
}

void uet_pdc_evict(struct uet_pds *pds)
{
	if (uet_list_empty(&pds->idle))
		return;
	uet_pdc_drain(pds, uet_list_entry(uet_list_first(&pds->idle), struct uet_pdc, idle));
}

/* ---- ending ---- */

/* Take the messages of @list aside into @to; their payload leaves the batch. */
static void take_messages(struct uet_pds *pds, struct uet_list *list, struct uet_list *to)
{
	while (!uet_list_empty(list)) {
		struct uet_pds_msg *msg = uet_list_entry(uet_list_first(list),
							 struct uet_pds_msg, link);

		uet_batch_scrub(pds, msg);
		uet_list_del(&msg->link);
		uet_list_add_tail(to, &msg->link);
		msg->pdc = NULL;
	}
}

static void tell_failed(struct uet_pds *pds, struct uet_list *dead, int err, uint8_t nack)
{
	while (!uet_list_empty(dead)) {
		struct uet_pds_msg *msg = uet_list_entry(uet_list_first(dead),
							 struct uet_pds_msg, link);

		uet_list_del(&msg->link);
		pds->msgs--;
		pds->ops->done(pds->upper, msg, err, nack);
	}
}

/* Nobody may wait for @pdc, or be waited for by it, any more. */
static void unlink_successors(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pdc *p = NULL;

	/* Who waits for one that waits goes on waiting for the one in front. */
	while (pdc->blocked && (p = uet_table_next_dst(pds, &pdc->dst, pdc->mode, p))) {
		if (p->successor != pdc)
			continue;
		p->successor = pdc->successor;
		pdc->successor = NULL;
		break;
	}
	release_successor(pds, pdc);
}

/* Free @pdc, whose messages are gone. */
static void release(struct uet_pds *pds, struct uet_pdc *pdc, int gone)
{
	pdc->state = UET_PDC_CLOSED;
	unlink_successors(pds, pdc);
	uet_rx_forget(pds, pdc);
	uet_ahead_forget(pds, pdc);
	uet_ccc_leave_line(pds, pdc);
	uet_ccc_forget(pds, pdc, pdc->flight_bytes);
	uet_ccc_detach(pds, pdc);
	uet_list_del(&pdc->ready);
	uet_list_del(&pdc->pending);
	uet_list_del(&pdc->idle);
	uet_tx_ring_destroy(pds, pdc);
	if (!uet_linger_by_id(pds, pdc->id))
		uet_linger_add(pds, pdc, false, 0);
	pds->ops->pdc_gone(pds->upper, pdc, gone);
	pds->initiators -= pdc->initiator;
	uet_table_free(pds, pdc);
}

void uet_pdc_fail(struct uet_pds *pds, struct uet_pdc *pdc, int err, uint8_t nack, int gone)
{
	struct uet_list dead;

	uet_list_init(&dead);
	take_messages(pds, &pdc->sent, &dead);
	take_messages(pds, &pdc->queue, &dead);
	release(pds, pdc, gone);
	tell_failed(pds, &dead, err, nack);
}

/*
 * True when the peer cannot have seen anything that is open now: nothing of what was sent
 * since the last quiet moment was ever answered.
 */
static bool run_unanswered(const struct uet_pdc *pdc)
{
	uint32_t psn;

	if (pdc->tx_base != pdc->run_psn)
		return false;
	for (psn = pdc->tx_base; psn != pdc->tx_next; psn++) {
		uint8_t state = uet_txd_at(pdc, psn)->state;

		if (state == UET_TXD_DONE || state == UET_TXD_ARRIVED)
			return false;
	}
	return true;
}

/*
 * True when the target has had the time to take in what is open and then, as it heard nothing
 * more of us, to forget it.
 */
static bool may_be_forgotten(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	return pds->now - pdc->busy_since >= pds->cfg.peer_timeout;
}

/* Move those of @from that may be sent (again) from the start to @again. */
static void pick_again(struct uet_list *from, struct uet_list *again, bool sent_too)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, from) {
		struct uet_pds_msg *msg = uet_list_entry(pos, struct uet_pds_msg, link);

		if (msg->completed || (msg->next && !sent_too))
			continue;
		msg->next = 0;
		uet_list_del(pos);
		uet_list_add_tail(again, pos);
	}
}

/* May @pdc, which has not begun, take the messages of @again as well? */
static bool has_psns_for(const struct uet_pdc *pdc, const struct uet_list *again)
{
	uint64_t used = pdc->tx_end - pdc->start_psn;
	struct uet_list *pos;

	uet_list_for_each(pos, again)
		used += uet_list_entry(pos, struct uet_pds_msg, link)->pkt_cnt;
	return used <= UET_PDS_PSN_LIMIT;
}

/*
 * Give the messages of @again to the PDC that carries on for {@dst, @mode}: to @next, which
 * waited for their old one and has what was posted after them, or to the open one.
 */
static bool carry_on(struct uet_pds *pds, const struct uet_addr *dst, uint8_t mode,
		     struct uet_list *again, uint8_t reissues, struct uet_pdc *next)
{
	struct uet_pdc *pdc = next ? next : uet_table_by_dst(pds, dst, mode);
	struct uet_list newer;

	if (!pdc)
		pdc = uet_pdc_open(pds, dst, mode);
	if (!pdc || (next && !has_psns_for(next, again)))
		return false;
	pdc->reissues = reissues;
	uet_list_init(&newer);
	if (pdc->tx_next == pdc->start_psn) {
		/* It has not begun: what was posted before goes first. */
		take_messages(pds, &pdc->queue, &newer);
		pdc->tx_end = pdc->tx_next;
	}
	for (; !uet_list_empty(again) || !uet_list_empty(&newer);) {
		struct uet_list *from = !uet_list_empty(again) ? again : &newer;
		struct uet_list *pos = uet_list_first(from);

		uet_list_del(pos);
		uet_pdc_enqueue(pds, pdc, uet_list_entry(pos, struct uet_pds_msg, link));
	}
	uet_pdc_ready(pds, pdc);
	return true;
}

void uet_pdc_reset(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t nack, bool retry, int err)
{
	struct uet_addr dst = pdc->dst;
	uint8_t mode = pdc->mode, reissues = pdc->reissues + 1;
	struct uet_pdc *next = pdc->successor;
	bool may = pdc->reissues < UET_PDS_REISSUES;
	bool sent_too = retry && may && run_unanswered(pdc) && !may_be_forgotten(pds, pdc);
	struct uet_list dead, again;

	if (!pdc->initiator || pdc->state >= UET_PDC_CLOSING) {
		/*
		 * Who took the close remembers it for a while: one that knows nothing of it has
		 * lost more. Or its ACKs were lost for as long: that looks the same, and an error
		 * is better than to wait for ever for what was lost.
		 */
		bool closed = pdc->initiator && pdc->state == UET_PDC_CLOSED;
		int gone = closed ? 0 : -ECONNRESET;

		pds->stats.pdc_closed++;
		uet_pdc_fail(pds, pdc, err, nack, gone);
		return;
	}
	uet_info("peer gave up a PDC: %s (%s)", uet_nack_name(nack), uet_nack_text(nack));
	pds->stats.pdc_failed++;
	uet_credit_renew(pds, pdc->ccc);
	uet_list_init(&dead);
	uet_list_init(&again);
	take_messages(pds, &pdc->sent, &dead);
	take_messages(pds, &pdc->queue, &dead);
	if (may)
		pick_again(&dead, &again, sent_too);
	release(pds, pdc, -ECONNRESET);
	if (!uet_list_empty(&again) && !carry_on(pds, &dst, mode, &again, reissues, next))
		tell_failed(pds, &again, err, nack);
	tell_failed(pds, &dead, err, nack);
}

/* ---- reports of the NIC ---- */

static void report_one(struct uet_pds *pds, struct uet_pdc *pdc, int err)
{
	if (!uet_pdc_busy(pdc))
		return;
	if (err != ECONNREFUSED) {
		pdc->unreach = true;
	} else if (!pdc->refused_at) {
		pdc->refused_at = uet_max_u64(pds->now, 1);
		uet_pdc_arm(pds, pdc, pds->now + uet_loss_rto(pds, pdc, UINT8_MAX));
	} else if (pds->now - pdc->refused_at >= pds->cfg.refused_timeout) {
		uet_pdc_give_up(pds, pdc, -ECONNREFUSED);
	}
}

void uet_pdc_report(struct uet_pds *pds, const struct uet_addr *dst, int err)
{
	uint8_t mode;

	if (err == EMSGSIZE) {
		uet_warn_once("a packet was larger than the path allows; use a smaller payload "
			      "MTU, or look for a link with a smaller MTU on the way");
		return;
	}
	if (err != ECONNREFUSED && err != EHOSTUNREACH && err != ENETUNREACH)
		return;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		struct uet_pdc *pdc = uet_table_next_dst(pds, dst, mode, NULL), *next;

		for (; pdc; pdc = next) {
			next = uet_table_next_dst(pds, dst, mode, pdc);
			report_one(pds, pdc, err);
		}
	}
	uet_rudi_report(pds, dst, err);
}
