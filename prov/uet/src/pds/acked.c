/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"
#include "pds/spray.h"

#define SERVICE_MAX	0xffffu	/* so long or longer */

/* What one ACK brought. */
struct news {
	uint32_t bytes;		/* left the window */
	uint64_t elapsed;	/* ns since the named packet was sent; 0: not certain */
	uint64_t rtt;		/* of these, what the network took; 0: not known */
	bool vague;		/* elapsed may be since a question instead */
	bool any;		/* something arrived */
	bool scan;		/* something else is missing before it */
	bool early;		/* a time-out had given it up, wrongly */
	const struct uet_txd *marked; /* the named packet, if it met congestion */
};

void uet_acked_finish(struct uet_pds *pds, struct uet_pds_msg *msg)
{
	if (uet_unlikely(pds->batch.touched))
		uet_batch_scrub(pds, msg);
	uet_list_del(&msg->link);
	uet_list_add_tail(&pds->finished, &msg->link);
	msg->pdc = NULL;
}

void uet_acked_deliver(struct uet_pds *pds)
{
	while (!uet_list_empty(&pds->finished)) {
		struct uet_pds_msg *msg = uet_list_entry(uet_list_first(&pds->finished),
							 struct uet_pds_msg, link);

		uet_list_del(&msg->link);
		pds->msgs--;
		pds->ops->done(pds->upper, msg, 0, 0);
	}
}

/* The transmission of @d is known to have arrived, the only one that @d ever had. */
static void overtakes(struct uet_pdc *pdc, const struct uet_txd *d)
{
	struct uet_lane *lane = uet_lane(pdc, d->path);

	if ((int32_t)(d->order - lane->acked) > 0)
		lane->acked = d->order;
	if (uet_unlikely(pdc->lanes != NULL) && d->when > pdc->overtook)
		pdc->overtook = d->when;
}

/* @d has arrived, or its answer has: it leaves the state that it is in. */
static inline void arrived(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d,
			   struct news *news)
{
	if (uet_txd_sent_once(d)) {
		overtakes(pdc, d);
		/* A mark makes the target acknowledge by itself, so there was none. */
		if (d != news->marked)
			uet_spray_tell(pds, pdc, d, UET_CMS_PATH_GOOD);
	}
	if (uet_unlikely(d->timed_out) && d->retries == 0)
		news->early = true;
	news->any = true;
	if (uet_likely(d->state == UET_TXD_FLIGHT)) {
		assert(pdc->flight_cnt > 0 && pdc->flight_bytes >= d->bytes);
		pdc->flight_cnt--;
		pdc->flight_bytes -= d->bytes;
		news->bytes += d->bytes;
	} else {
		uet_txd_leave(pdc, d);
	}
}

static inline void complete(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d,
		     struct news *news)
{
	struct uet_pds_msg *msg = d->msg;

	arrived(pds, pdc, d, news);
	if (uet_unlikely(d->nacks))
		uet_loss_accepted(pds, pdc, d);
	d->state = UET_TXD_DONE;
	if (uet_unlikely(d->batch == pds->batch.seq && pds->batch.count))
		pds->batch.touched = true;
	if (uet_likely(msg)) {
		pds->stats.tx_acked++;
		if (++msg->completed == msg->pkt_cnt)
			uet_acked_finish(pds, msg);
	} else if (d->ctl == UET_CTL_CLOSE_CMD) {
		pdc->state = UET_PDC_CLOSED;
	}
}

/* @d has arrived, and its answer is still to come. */
static void arrive(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d,
		   struct news *news)
{
	arrived(pds, pdc, d, news);
	if (uet_unlikely(d->nacks))
		uet_loss_accepted(pds, pdc, d);
	if (d->state != UET_TXD_ARRIVED) {
		d->state = UET_TXD_ARRIVED;
		d->when = pds->now;
	}
}

/* @d is acknowledged, but that is not the end of it. */
static void keep_open(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d,
		      struct news *news)
{
	if (d->state != UET_TXD_ARRIVED)
		arrive(pds, pdc, d, news);
}

/* The ACK_CC state of @h is that of NSCC. */
static bool has_nscc_state(const struct uet_pds_hdr *h)
{
	return h->type == UET_PDS_ACK_CC && h->cc_type == UET_CC_NSCC;
}

/*
 * We have asked for @d since it left, so ACK @h may answer that: count from there, unless this is
 * too soon. A service time is told of packets only.
 */
static uet_noinline void count_from_question(struct uet_pds *pds, struct uet_pdc *pdc,
					     const struct uet_pds_hdr *h, struct news *news)
{
	uint64_t elapsed = pds->now - pdc->asked;

	if (!news->elapsed || h->flags & UET_PDS_F_RETX ||
	    (has_nscc_state(h) && h->cc.service_time))
		return;
	news->vague = true;
	if (elapsed >= pdc->ccc->cms.rtt.srtt / 2)
		news->elapsed = uet_max_u64(1, elapsed);
}

/* The packet that the ACK names, with the answer that came along. */
static void take_named(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		       const struct uet_pkt *pkt, struct news *news)
{
	uint32_t psn = uet_pds_offset_psn(h);
	bool taken, final;
	struct uet_txd *d;

	if (!uet_tx_open(pdc, psn))
		return;
	d = uet_txd_at(pdc, psn);
	if (d->state == UET_TXD_DONE)
		return;
	news->elapsed = uet_txd_elapsed(pds, d, h->flags & UET_PDS_F_RETX);
	if (news->elapsed)
		overtakes(pdc, d);
	/* A repetition left after all that was lost with it, and may be the last to tell so. */
	if (news->elapsed && h->flags & UET_PDS_F_RETX)
		news->scan = true;
	if (uet_unlikely(pdc->asked > d->when) && psn == pdc->asked_psn)
		count_from_question(pds, pdc, h, news);
	/* The target speaks of the first transmission, after another one has left. */
	if (uet_unlikely(d->again) && d->state == UET_TXD_FLIGHT && !(h->flags & UET_PDS_F_RETX))
		uet_pdc_count(pds, pdc, retx_needless);
	if (uet_unlikely(h->flags & UET_PDS_F_M)) {
		news->marked = d;
		uet_spray_tell(pds, pdc, d, UET_CMS_PATH_MARKED);
	}
	taken = d->msg && h->next_hdr != UET_HDR_NONE && pkt->len;
	final = !d->awaits;
	if (taken) {
		final = pds->ops->response(pds->upper, d->msg, d->index, h->next_hdr, pkt->data,
					   pkt->len);
		d = uet_txd_at(pdc, psn);
		if (uet_unlikely(d->state == UET_TXD_DONE))
			return;
	}
	if (final) {
		complete(pds, pdc, d, news);
		return;
	}
	if (taken)
		d->held = true;
	/* A peer that says "not yet" once more asks to wait; one that only repeats itself not. */
	if (d->awaits)
		keep_open(pds, pdc, d, news);
	else
		arrive(pds, pdc, d, news);
}

static void take_cack(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t cack, struct news *news)
{
	uint32_t psn;

	for (psn = uet_tx_una(pdc); uet_psn_diff(psn, cack) <= 0; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state == UET_TXD_DONE)
			continue;
		if (uet_unlikely(d->held || d->awaits))
			keep_open(pds, pdc, d, news);
		else
			complete(pds, pdc, d, news);
	}
	pdc->tx_cack = cack;
}

/* PSNs in the bitmap have arrived; their answers are still to come. */
static void take_sack(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		      struct news *news)
{
	uint64_t bits = h->sack_bitmap;
	uint32_t base = uet_pds_sack_base(h);

	for (; bits; bits &= bits - 1) {
		uint32_t psn = base + (uint32_t)__builtin_ctzll(bits);
		struct uet_txd *d;

		if (!uet_tx_open(pdc, psn))
			continue;
		d = uet_txd_at(pdc, psn);
		if (d->state == UET_TXD_DONE || d->state == UET_TXD_ARRIVED)
			continue;
		arrive(pds, pdc, d, news);
		news->scan = true;
	}
}

/* REQ_CLEAR, and clears that could not be given when they were asked for. */
static void consider_clear(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h)
{
	uint32_t clear = uet_tx_clear(pdc);
	bool asked = UET_PDS_ACK_REQ(h->flags) == UET_ACK_REQ_CLEAR;

	if (asked && (!pdc->clear_asked ||
		      uet_psn_diff(uet_pds_offset_psn(h), pdc->clear_psn) > 0)) {
		pdc->clear_asked = true;
		pdc->clear_psn = uet_pds_offset_psn(h);
	}
	if (!pdc->clear_asked)
		return;
	if (uet_psn_diff(clear, h->psn) > 0 && (asked || clear != pdc->clear_sent)) {
		pdc->clear_due = true;
		uet_pdc_pend(pds, pdc);
	}
	if (uet_psn_diff(clear, pdc->clear_psn) >= 0)
		pdc->clear_asked = false;
}

/* The PDC that an ACK is for, or NULL. Learns the target's PDCID from the first one. */
static struct uet_pdc *find(struct uet_pds *pds, const struct uet_pds_hdr *h,
			    const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc = uet_table_by_id(pds, h->dpdcid);
	uint32_t newest;

	if (!pdc) {
		pds->stats.drop_unknown_pdc++;
		return NULL;
	}
	newest = pdc->tx_next - 1;
	if (h->spdcid == 0 || !uet_addr_same_host(&pdc->peer, pkt->src) ||
	    (pdc->peer_id ? pdc->peer_id != h->spdcid : pdc->tx_base == pdc->tx_next) ||
	    uet_psn_diff(h->psn, newest) > 0 ||
	    uet_psn_diff(h->psn, pdc->start_psn - 1) < 0) {
		uet_pdc_count(pds, pdc, drop_stale);
		return NULL;
	}
	pdc->peer_id = h->spdcid;
	if (uet_unlikely(pdc->strayed) && !(h->flags & UET_PDS_F_RETX)) {
		pdc->strayed = false;
		pdc->peer.port = pkt->src->port;
		if (!pds->cfg.strict_port)
			pdc->dst.port = pkt->src->port;
	}
	return pdc;
}

static void take_window(struct uet_pdc *pdc, const struct uet_pds_hdr *h)
{
	uint32_t range = h->mpr ? h->mpr * UET_PDS_MPR_UNIT : UET_PDS_MPR_UNIT;

	if (h->type != UET_PDS_ACK)
		pdc->tx_mpr = range < UET_PDS_WINDOW ? range : UET_PDS_WINDOW;
}

/* The peer keeps no answer to @psn, which is open, that we have not seen. */
static bool needs_no_answer(const struct uet_pdc *pdc, uint32_t psn)
{
	const struct uet_txd *d = uet_txd_at(pdc, psn);

	if (d->state == UET_TXD_DONE)
		return true;
	return d->awaits && d->state == UET_TXD_ARRIVED &&
	       (d->held || uet_psn_diff(psn, pdc->tx_cack) <= 0);
}

/* Move past what is done. What awaits more does not keep the answers behind it alive. */
static void advance(struct uet_pdc *pdc)
{
	while (pdc->tx_base != pdc->tx_next &&
	       uet_txd_at(pdc, pdc->tx_base)->state == UET_TXD_DONE)
		pdc->tx_base++;
	if (uet_psn_diff(pdc->tx_base - 1, pdc->tx_clear) > 0)
		pdc->tx_clear = pdc->tx_base - 1;
	if (uet_likely(pdc->tx_base == pdc->tx_next || !uet_txd_at(pdc, pdc->tx_base)->awaits))
		return;
	while (pdc->tx_clear + 1 != pdc->tx_next && needs_no_answer(pdc, pdc->tx_clear + 1))
		pdc->tx_clear++;
}

uint64_t uet_acked_network(struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   const struct uet_pkt *pkt, uint64_t elapsed)
{
	uint16_t units = has_nscc_state(h) ? h->cc.service_time : 0;
	uint64_t hosts = (uint64_t)units * UET_PDS_SERVICE_UNIT + pkt->waited;

	if (units)
		pdc->tells_service = true;
	else if (pdc->tells_service)
		return 0;
	return units < SERVICE_MAX && hosts < elapsed ? elapsed - hosts : 0;
}

/* Tell the CCC what the ACK with header @h (NULL: none) says about the network. */
static void tell_cms(struct uet_pds *pds, struct uet_pdc *pdc, const struct news *news,
		     const struct uet_pds_hdr *h)
{
	struct uet_cms_ack ack = {
		.bytes = news->bytes, .elapsed = news->elapsed, .rtt = news->rtt,
	};

	if (h) {
		ack.ecn = h->flags & UET_PDS_F_M;
		if (has_nscc_state(h) && h->psn == pdc->tx_cack) {
			ack.penalty = h->cc.rcv_cwnd_pend;
			ack.restore = h->cc.restore_cwnd;
		}
	}
	/* Without news of packets a loss-driven window has nothing to learn. */
	if (!news->any && !(pds->cfg.cms.algorithm && (ack.ecn || ack.penalty || ack.restore)))
		return;
	uet_cms_on_ack(&pdc->ccc->cms, &ack, pds->now);
	uet_ccc_wake(pds, pdc->ccc);
	uet_probe_consider(pds, pdc);
}

/* Act on @news, which ACK @h (NULL: none) brought. @una: what was the oldest PSN in doubt. */
static void digest(struct uet_pds *pds, struct uet_pdc *pdc, struct news *news, uint32_t una,
		   const struct uet_pds_hdr *h)
{
	if (news->any) {
		uet_pdc_moved(pds, pdc);
		pdc->acked = pds->now;
		if (uet_unlikely(news->early))
			uet_loss_undo(pdc);
		pdc->reissues = 0;
		/* Answered, yet the oldest is still open: maybe it was overtaken. */
		if (uet_tx_una(pdc) == una && pdc->flight_cnt)
			news->scan = true;
	}
	tell_cms(pds, pdc, news, h);
	if (news->scan && pdc->flight_cnt)
		uet_loss_scan(pds, pdc, h && h->sack_bitmap);
}

static void count_rtt(struct uet_pds *pds, struct uet_ccc *ccc, uint64_t us)
{
	unsigned int bucket = uet_hist_bucket(us);

	pds->stats.rtt.count[bucket]++;
	ccc->rtt[bucket]++;
}

/* Everything that an ACK says about packets. */
static void take(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		 const struct uet_pkt *pkt)
{
	struct news news = { 0 };
	bool stale = uet_psn_diff(h->psn, pdc->tx_cack) < 0;
	uint32_t una = uet_tx_una(pdc);

	if (h->flags & UET_PDS_F_P)
		uet_probe_answered(pds, pdc, h, pkt);
	else
		take_named(pds, pdc, h, pkt, &news);
	if (uet_likely(!news.vague))
		news.rtt = uet_acked_network(pdc, h, pkt, news.elapsed);
	if (!stale) {
		if (h->psn != pdc->tx_cack)
			take_cack(pds, pdc, h->psn, &news);
		take_window(pdc, h);
	}
	if (h->sack_bitmap) {
		pdc->keeps = pdc->mode == UET_MODE_ROD;
		take_sack(pds, pdc, h, &news);
	}
	if (news.rtt)
		count_rtt(pds, pdc->ccc, news.rtt / UET_NSEC_PER_USEC);
	advance(pdc);
	digest(pds, pdc, &news, una, h);
	if (uet_unlikely(pdc->lanes != NULL) && h->type == UET_PDS_ACK_CC)
		uet_loss_ooo(pds, pdc, h->cc.ooo_count);
	consider_clear(pds, pdc, h);
}

void uet_pds_answered(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index)
{
	struct uet_pdc *pdc = msg->pdc;
	struct news news = { 0 };
	struct uet_txd *d;
	uint32_t una;

	if (!pdc || index >= msg->next || !uet_tx_open(pdc, msg->psn0 + index))
		return;
	d = uet_txd_at(pdc, msg->psn0 + index);
	assert(d->msg == msg && d->index == index);
	if (d->state == UET_TXD_DONE)
		return;
	una = uet_tx_una(pdc);
	complete(pds, pdc, d, &news);
	advance(pdc);
	digest(pds, pdc, &news, una, NULL);
	/* The answer must be acknowledged before the PDC is closed; the timer comes after that. */
	if (uet_unlikely(pdc->state == UET_PDC_DRAIN) && !uet_pdc_busy(pdc))
		uet_pdc_arm(pds, pdc, pds->now);
	else
		uet_pdc_settle(pds, pdc);
}

struct uet_pds_msg *uet_pdc_msg_at(struct uet_pdc *pdc, uint32_t psn, uint32_t *index)
{
	const struct uet_txd *d;

	if (!uet_tx_open(pdc, psn))
		return NULL;
	d = uet_txd_at(pdc, psn);
	if (!d->msg || d->state == UET_TXD_DONE)
		return NULL;
	*index = d->index;
	return d->msg;
}

void uet_acked_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc;

	pds->stats.rx_ack++;
	pds->stats.rx_sack += h->sack_bitmap != 0;
	pds->stats.rx_marked_ack += (h->flags & UET_PDS_F_M) != 0;
	if (uet_unlikely(has_nscc_state(h) && h->cc.rcv_cwnd_pend))
		pds->stats.rx_slow_ack++;
	/* The length of the extension is disputed, so what follows it cannot be found. */
	if (h->type == UET_PDS_ACK_CCX && h->next_hdr != UET_HDR_NONE) {
		pds->stats.drop_unsupported++;
		return;
	}
	pdc = find(pds, h, pkt);
	if (!pdc)
		return;
	uet_pdc_heard(pds, pdc);
	if (uet_unlikely(h->sack_bitmap))
		pdc->counts.rx_sack++;
	if (uet_unlikely(h->flags & UET_PDS_F_M))
		pdc->counts.rx_marked_ack++;
	take(pds, pdc, h, pkt);
	if (uet_unlikely(h->type == UET_PDS_ACK_CC && h->cc_type == UET_CC_CREDIT))
		uet_credit_take(pds, pdc, h->cc.credit);
	if (uet_unlikely(UET_PDS_ACK_REQ(h->flags) == UET_ACK_REQ_CLOSE) && pdc->initiator)
		uet_pdc_drain(pds, pdc);
	uet_acked_deliver(pds);
	uet_pdc_settle(pds, pdc);
}
