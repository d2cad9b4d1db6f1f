/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/cp.h"
#include "pds/spray.h"

#define OVERTAKEN	5	/* later packets that arrived before an earlier one is lost */
#define ASK_BUDGET	8u	/* ACK_REQ packets per run of the timer */
#define NACK_DOUBLINGS	16u
#define EAGER_ACKS	64u	/* lazy messages to be sent with AR after a time-out */

uint32_t uet_txd_leave(struct uet_pdc *pdc, struct uet_txd *d)
{
	switch (d->state) {
	case UET_TXD_FLIGHT:
		assert(pdc->flight_cnt > 0 && pdc->flight_bytes >= d->bytes);
		pdc->flight_cnt--;
		pdc->flight_bytes -= d->bytes;
		return d->bytes;
	case UET_TXD_RETX:
		assert(pdc->retx_cnt > 0);
		pdc->retx_cnt--;
		d->timed_out = 0;
		return 0;
	case UET_TXD_DELAY:
		assert(pdc->delay_cnt > 0);
		pdc->delay_cnt--;
		return 0;
	default:
		return 0;
	}
}

uint32_t uet_txd_repeat(struct uet_pdc *pdc, uint32_t psn)
{
	struct uet_txd *d = uet_txd_at(pdc, psn);
	uint32_t bytes;

	if (d->state == UET_TXD_RETX)
		return 0;
	bytes = uet_txd_leave(pdc, d);
	d->state = UET_TXD_RETX;
	if (pdc->retx_cnt++ == 0 || uet_psn_diff(psn, pdc->retx_psn) < 0)
		pdc->retx_psn = psn;
	return bytes;
}

uint32_t uet_loss_go_back(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint32_t end)
{
	bool some = end != pdc->tx_next;
	uint32_t bytes = 0;

	for (; psn != end; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state != UET_TXD_FLIGHT && !d->timed_out)
			continue;
		bytes += uet_txd_repeat(pdc, psn);
		d->timed_out = 0;
		if (some)
			uet_pdc_count(pds, pdc, retx_nack);
		else
			uet_pdc_count(pds, pdc, retx_goback);
	}
	return bytes;
}

void uet_loss_repeat_from(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn)
{
	uet_ccc_forget(pds, pdc, uet_loss_go_back(pds, pdc, psn, pdc->tx_next));
}

/*
 * With several paths a bitmap has room for less than may be out of order. Known to be missing is
 * what all bitmaps show, and what stands behind CACK.
 */
static bool known_missing(struct uet_pdc *pdc, uint32_t psn)
{
	return !pdc->lanes || psn == pdc->tx_cack + 1 || pdc->tx_next - uet_tx_una(pdc) <= 64;
}

/*
 * Have later packets overtaken @psn, in flight, on its own path? With nothing more on the way
 * (@tail) no further one can: one is enough then, if the target says what it has.
 */
static bool overtaken(struct uet_pdc *pdc, uint32_t psn, bool tail)
{
	const struct uet_txd *d = uet_txd_at(pdc, psn);
	const struct uet_lane *lane = uet_lane(pdc, d->path);
	int32_t limit = tail && lane->acked == lane->order && known_missing(pdc, psn) ?
			1 : OVERTAKEN;

	return (int32_t)(lane->acked - d->order) >= limit;
}

/* Queue @psn, in flight and taken for lost, for repetition. */
static uint32_t lose(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn)
{
	uet_spray_tell(pds, pdc, uet_txd_at(pdc, psn), UET_CMS_PATH_LOST);
	uet_pdc_count(pds, pdc, retx_sack);
	return uet_txd_repeat(pdc, psn);
}

/*
 * A ROD target that keeps nothing has taken a packet that was sent after the oldest in flight: all
 * of these came behind a gap, or never.
 */
static void scan_rod(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint32_t psn = uet_tx_una(pdc), first, bytes;
	const struct uet_txd *d = uet_txd_at(pdc, psn);

	if (d->state != UET_TXD_FLIGHT || (int32_t)(uet_lane(pdc, d->path)->acked - d->order) <= 0)
		return;
	first = d->bytes;
	bytes = uet_loss_go_back(pds, pdc, psn, pdc->tx_next);
	/* One is lost; those behind it are only repeated with it. */
	uet_ccc_lost(pds, pdc, first);
	uet_ccc_forget(pds, pdc, bytes - first);
	uet_pdc_ready(pds, pdc);
}

void uet_loss_scan(struct uet_pds *pds, struct uet_pdc *pdc, bool sacked)
{
	bool tail = sacked && uet_list_empty(&pdc->queue);
	uint64_t all = pdc->lanes ? ~0ull >> (64 - pds->nic->paths) : 1, seen = 0;
	uint64_t late = UET_TIME_NEVER, at;
	uint32_t psn, lost = 0, bytes = 0;

	if (pdc->mode == UET_MODE_ROD && !pdc->keeps) {
		scan_rod(pds, pdc);
		return;
	}
	for (psn = uet_tx_una(pdc); psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state != UET_TXD_FLIGHT)
			continue;
		at = uet_spray_late(pdc, d);
		if (overtaken(pdc, psn, tail) || at <= pds->now) {
			bytes += lose(pds, pdc, psn);
			lost++;
			continue;
		}
		late = uet_min_u64(late, at);
		/* First transmissions are in the order of their PSNs, on each path. */
		seen |= d->retries == 0 ? 1ull << d->path : 0;
		if (seen == all)
			break;
	}
	if (uet_unlikely(late != UET_TIME_NEVER))
		uet_pdc_arm(pds, pdc, late);
	if (lost == 0)
		return;
	uet_ccc_lost(pds, pdc, bytes);
	uet_pdc_ready(pds, pdc);
}

void uet_loss_ooo(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t ooo)
{
	uint32_t psn = pdc->tx_cack + 1, n = uet_spray_recover(pdc, ooo), bytes = 0, lost = 0;

	for (; n > 0; psn++, n--) {
		struct uet_txd *d;

		if (!uet_tx_open(pdc, psn))
			continue;
		d = uet_txd_at(pdc, psn);
		if (d->state != UET_TXD_FLIGHT || d->retries)
			continue;
		bytes += lose(pds, pdc, psn);
		lost++;
	}
	if (lost == 0)
		return;
	uet_ccc_lost(pds, pdc, bytes);
	uet_pdc_ready(pds, pdc);
}

void uet_loss_delay(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t code)
{
	struct uet_txd *d = uet_txd_at(pdc, psn);

	/* What a ROD target has kept it may yet refuse, when its turn comes. */
	if (d->state != UET_TXD_FLIGHT && d->state != UET_TXD_RETX &&
	    (d->state != UET_TXD_ARRIVED || !pdc->keeps))
		return;
	uet_pdc_moved(pds, pdc);
	/* It was behind a refused packet, and waits with it. */
	if (pdc->mode == UET_MODE_ROD && d->state == UET_TXD_RETX && !d->nacks && pdc->nacked_cnt)
		return;
	uet_ccc_refused(pds, pdc, code, uet_txd_leave(pdc, d), 0);
	d->state = UET_TXD_DELAY;
	d->when = pds->now + uet_nack_pause(pds, d->nacks);
	pdc->delay_cnt++;
	uet_pdc_count(pds, pdc, retx_nack);
	if (d->nacks == 0) {
		pdc->nacked_cnt++;
		if (d->msg && !uet_list_empty(&pdc->queue) &&
		    uet_list_first(&pdc->queue) == &d->msg->link)
			pdc->hold_cnt++;
	}
	if (d->nacks < NACK_DOUBLINGS)
		d->nacks++;
	if (pdc->mode == UET_MODE_ROD)
		uet_loss_repeat_from(pds, pdc, psn + 1);
	uet_pdc_arm(pds, pdc, d->when);
}

void uet_loss_accepted(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d)
{
	assert(pdc->nacked_cnt > 0);
	d->nacks = 0;
	pdc->nacked_cnt--;
	if (pdc->hold_cnt > 0 && d->msg && !uet_list_empty(&pdc->queue) &&
	    uet_list_first(&pdc->queue) == &d->msg->link)
		pdc->hold_cnt--;
	if (pdc->nacked_cnt == 0 || pdc->hold_cnt == 0)
		uet_pdc_ready(pds, pdc);
}

uint64_t uet_loss_rto(const struct uet_pds *pds, const struct uet_pdc *pdc, uint8_t retries)
{
	uint64_t rto = uet_cms_rto(&pdc->ccc->cms, retries);

	/* Nobody listens there at present: see often enough whether that has changed. */
	if (uet_unlikely(pdc->refused_at))
		rto = uet_min_u64(rto, uet_max_u64(pds->cfg.refused_timeout / 4,
						   pds->cfg.cms.rto_min));
	return rto;
}

/* Queue @psn, whose time is over. */
static uint32_t time_out(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn)
{
	uint32_t bytes;

	uet_spray_tell(pds, pdc, uet_txd_at(pdc, psn), UET_CMS_PATH_LOST);
	bytes = uet_txd_repeat(pdc, psn);

	uet_txd_at(pdc, psn)->timed_out = 1;
	return bytes;
}

void uet_loss_undo(struct uet_pdc *pdc)
{
	const struct uet_txd *last = NULL;
	bool back = uet_spray_may_return(pdc);
	uint32_t psn;

	for (psn = uet_tx_una(pdc); back && pdc->retx_cnt && psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (!d->timed_out || d->retries)
			continue;
		uet_txd_leave(pdc, d);
		d->state = UET_TXD_FLIGHT;
		pdc->flight_cnt++;
		pdc->flight_bytes += d->bytes;
		uet_cms_unforget(&pdc->ccc->cms, d->bytes);
		last = d->msg ? d : last;
	}
	uet_cms_on_spurious(&pdc->ccc->cms);
	uet_spray_forgive(pdc, last);
}

void uet_loss_hurry(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint32_t psn, bytes = 0;

	for (psn = uet_tx_una(pdc); psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state == UET_TXD_DONE || d->state == UET_TXD_RETX)
			continue;
		bytes += uet_txd_repeat(pdc, psn);
		uet_pdc_count(pds, pdc, retx_goback);
	}
	uet_ccc_forget(pds, pdc, bytes);
	uet_pdc_ready(pds, pdc);
}

/*
 * When the RTO of @d, in flight, passes. While the peer works through what came before, it is not
 * late (RFC 6298, 5.3); but what refusals say about others is no news of this one.
 */
static uint64_t due_at(const struct uet_pds *pds, const struct uet_pdc *pdc,
		       const struct uet_txd *d)
{
	return uet_max_u64(d->when, pdc->acked) + uet_loss_rto(pds, pdc, d->retries);
}

/*
 * A ROD target takes nothing behind what it misses, unless it keeps that. So one packet that is
 * late speaks for all, those before it too, which may wait longer because they were repeated.
 * Where there is another path, all leave the one that they took.
 */
static bool all_late(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	uint32_t psn;

	if (pdc->mode != UET_MODE_ROD || (pdc->keeps && !pdc->ccc->spray))
		return false;
	for (psn = uet_tx_una(pdc); psn != pdc->tx_next; psn++) {
		const struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state == UET_TXD_FLIGHT && due_at(pds, pdc, d) <= pds->now)
			return true;
	}
	return false;
}

/* Packets in flight whose RTO has passed. Returns when the next one does. */
static uint64_t check_flight(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t next = UET_TIME_NEVER;
	uint32_t psn, bytes = 0;
	bool all = all_late(pds, pdc), lost = false;

	for (psn = uet_tx_una(pdc); psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);
		uint64_t due;

		if (d->state != UET_TXD_FLIGHT)
			continue;
		due = due_at(pds, pdc, d);
		if (due <= pds->now || all) {
			lost = true;
			bytes += time_out(pds, pdc, psn);
			continue;
		}
		next = uet_min_u64(next, due);
	}
	if (!lost)
		return next;
	pdc->eager_acks = EAGER_ACKS;
	uet_spray_timeout(pds, pdc);
	uet_pdc_unanswered(pdc);
	uet_cms_on_timeout(&pdc->ccc->cms, bytes, pds->now);
	uet_ccc_wake(pds, pdc->ccc);
	uet_pdc_ready(pds, pdc);
	return next;
}

/*
 * Silence that is long for this path, though not as long as an RTO: an ACK is lost, or what it
 * would have answered (as RFC 8985, 7.2, whose probe is data). Where few packets fill the window,
 * or at the end of all messages, nothing else goes out that could show which it is.
 */
static bool may_ask(const struct uet_pdc *pdc)
{
	return pdc->peer_id && pdc->ccc->cms.rtt.srtt && !pdc->hold_cnt;
}

/* So much silence, ns. */
static uint64_t suspicious(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	const struct uet_cms_rtt *rtt = &pdc->ccc->cms.rtt;
	uint64_t wait = uet_max_u64(2 * rtt->srtt, rtt->srtt + uet_rtt_margin(rtt));

	return uet_max_u64(wait, pds->cfg.cms.rto_min / UET_PDS_ASK_PART);
}

uint64_t uet_loss_patience(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	uint64_t rto = uet_cms_rto(&pdc->ccc->cms, 0);

	return may_ask(pdc) ? uet_min_u64(rto, suspicious(pds, pdc)) : rto;
}

/*
 * Ask what became of the oldest packet in flight; if that, or what it brings, is lost too, ask
 * again, each time after three times as much silence, until the RTO. Pauses double as the RTO
 * does, for a packet may be one that never arrives. Returns when to do so.
 */
static uint64_t check_silence(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint32_t psn = uet_tx_una(pdc);
	struct uet_txd *d;
	uint64_t since, pause, due;

	if (!may_ask(pdc))
		return UET_TIME_NEVER;
	while (psn != pdc->tx_next && uet_txd_at(pdc, psn)->state != UET_TXD_FLIGHT)
		psn++;
	if (psn == pdc->tx_next)
		return UET_TIME_NEVER;
	d = uet_txd_at(pdc, psn);
	/* Who has taken a CLOSE_CMD knows nothing that could be asked any more. */
	if (!d->msg)
		return UET_TIME_NEVER;
	since = uet_max_u64(d->when, pdc->acked);
	pause = suspicious(pds, pdc) << uet_min_u64(d->retries, NACK_DOUBLINGS);
	due = pdc->asked > since ? pdc->asked + 2 * (pdc->asked - since) : since + pause;
	if (due >= since + uet_loss_rto(pds, pdc, d->retries))
		return UET_TIME_NEVER;
	if (due > pds->now)
		return due;
	if (uet_cp_send(pds, pdc, UET_CTL_ACK_REQ, psn, 0)) {
		pdc->asked = pds->now;
		pdc->asked_psn = psn;
	}
	if (d->retries)
		uet_pdc_retried(pdc);
	return pds->now + pause;
}

/* Refused packets whose pause is over. Returns when the next one is. */
static uint64_t check_delayed(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t next = UET_TIME_NEVER;
	uint32_t psn;

	for (psn = uet_tx_una(pdc); pdc->delay_cnt && psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);

		if (d->state != UET_TXD_DELAY)
			continue;
		if (d->when > pds->now) {
			next = uet_min_u64(next, d->when);
			continue;
		}
		uet_txd_repeat(pdc, psn);
		uet_pdc_ready(pds, pdc);
	}
	return next;
}

/*
 * When to ask for @d, which has arrived. What it awaits when the CACK covers it (@covered)
 * comes by itself; asking is only to see that the peer lives.
 */
static uint64_t ask_at(const struct uet_pds *pds, const struct uet_pdc *pdc,
		       const struct uet_txd *d, bool covered)
{
	uint64_t pause = uet_loss_rto(pds, pdc, d->retries);

	if (!covered)
		return d->when + pause;
	pause = uet_min_u64(pause, uet_max_u64(pds->cfg.peer_timeout / 4, pds->cfg.cms.rto_min));
	return uet_max_u64(d->when, pdc->moved) + pause;
}

/*
 * Ask for the answers of packets that are known to have arrived. Returns the next time. A ROD
 * target has none behind a gap, and where few packets find room a question takes that of the one
 * that is missing.
 */
static uint64_t check_arrived(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t next = UET_TIME_NEVER;
	uint32_t psn, asked = 0;
	bool awaiting = false;

	for (psn = pdc->tx_base; psn != pdc->tx_next; psn++) {
		struct uet_txd *d = uet_txd_at(pdc, psn);
		bool covered = d->awaits && uet_psn_diff(psn, pdc->tx_cack) <= 0;
		uint64_t due;

		if (pdc->mode == UET_MODE_ROD && d->state != UET_TXD_ARRIVED &&
		    d->state != UET_TXD_DONE)
			break;
		if (d->state != UET_TXD_ARRIVED)
			continue;
		/* No answer to these is stored that could be asked for: the oldest will do. */
		if (covered && awaiting)
			continue;
		awaiting |= covered;
		due = ask_at(pds, pdc, d, covered);
		if (due <= pds->now && asked < ASK_BUDGET && pdc->peer_id &&
		    uet_cp_send(pds, pdc, UET_CTL_ACK_REQ, psn, 0)) {
			asked++;
			d->when = pds->now;
			if (d->retries < UINT8_MAX)
				d->retries++;
			due = ask_at(pds, pdc, d, covered);
		}
		if (due <= pds->now)
			due = pds->now + pds->cfg.cms.rto_min;
		next = uet_min_u64(next, due);
	}
	if (asked)
		uet_pdc_unanswered(pdc);
	return next;
}

uint64_t uet_loss_timer(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t next = UET_TIME_NEVER;

	if (uet_unlikely(pdc->lanes != NULL) && pdc->flight_cnt)
		uet_loss_scan(pds, pdc, false);
	if (pdc->flight_cnt)
		next = check_flight(pds, pdc);
	if (pdc->flight_cnt)
		next = uet_min_u64(next, check_silence(pds, pdc));
	if (pdc->delay_cnt)
		next = uet_min_u64(next, check_delayed(pds, pdc));
	if (pdc->tx_next - pdc->tx_base > (uint32_t)pdc->flight_cnt + pdc->retx_cnt +
					  pdc->delay_cnt)
		next = uet_min_u64(next, check_arrived(pds, pdc));
	return next;
}
