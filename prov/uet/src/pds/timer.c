/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/pdc.h"

#include <errno.h>

#include "base/log.h"

/*
 * Unanswered rounds before silence counts: an owner that did not run for long, and so did
 * not receive, must not take its own absence for the peer's.
 */
#define SILENT_ROUNDS 2u

/*
 * Peer time-outs without anything being answered, though the peer speaks: its state and ours
 * contradict each other. A peer that asks to wait may do so for ever.
 */
#define STUCK_TIMEOUTS 4u

/* Last time from which silence counts. */
static uint64_t alive_at(const struct uet_pdc *pdc)
{
	return uet_max_u64(pdc->heard, pdc->busy_since);
}

static bool is_over(uint64_t now, uint64_t since, uint64_t limit)
{
	return now >= since && now - since >= limit;
}

/* The error with which a busy PDC ends now; 0 if its peer may still answer. */
static int verdict(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	if (pdc->silent >= SILENT_ROUNDS &&
	    is_over(pds->now, alive_at(pdc), pds->cfg.peer_timeout))
		return pdc->unreach ? -EHOSTUNREACH : -ETIMEDOUT;
	if (pdc->stuck >= SILENT_ROUNDS &&
	    is_over(pds->now, uet_max_u64(pdc->moved, pdc->busy_since),
		    STUCK_TIMEOUTS * pds->cfg.peer_timeout))
		return -ECONNRESET;
	return 0;
}

void uet_pdc_give_up(struct uet_pds *pds, struct uet_pdc *pdc, int err)
{
	char peer[UET_ADDR_STRLEN];
	bool closing = pdc->state >= UET_PDC_CLOSING;

	if (closing || !pdc->initiator) {
		pds->stats.pdc_closed++;
	} else {
		pds->stats.pdc_failed++;
		uet_info("no answer from %s: giving up its PDC",
			 uet_addr_str(&pdc->dst, peer, sizeof(peer)));
	}
	uet_pdc_fail(pds, pdc, err, 0, closing ? 0 : err);
}

/* The window is shut by answers that the target still keeps: clear them and ask. */
static uint64_t check_stuck(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!uet_tx_held_up(pdc))
		return UET_TIME_NEVER;
	pdc->clear_due = true;
	pdc->probe_due = true;
	uet_pdc_pend(pds, pdc);
	uet_pdc_unanswered(pdc);
	return pds->now + uet_cms_rto(&pdc->ccc->cms, pdc->silent);
}

/* Work is open. Returns the next deadline; 0 when the PDC has ended. */
static uint64_t run_busy(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t next, due;
	int err = pdc->blocked ? 0 : verdict(pds, pdc);

	if (err) {
		uet_pdc_give_up(pds, pdc, err);
		return 0;
	}
	/* Our own NIC takes nothing: that is silence, too. */
	if (pds->batch.stalled && pdc->flight_cnt == 0)
		uet_pdc_unanswered(pdc);
	next = uet_loss_timer(pds, pdc);
	next = uet_min_u64(next, check_stuck(pds, pdc));
	next = uet_min_u64(next, uet_credit_timer(pds, pdc));
	if (pdc->retx_cnt || !uet_list_empty(&pdc->queue))
		uet_pdc_ready(pds, pdc);
	due = alive_at(pdc) + pds->cfg.peer_timeout;
	if (due > pds->now)
		next = uet_min_u64(next, due);
	/* Whatever else keeps it waiting, it is looked at now and then. */
	return uet_min_u64(next, pds->now + pds->cfg.cms.rto_max);
}

/* Nothing to send at an initiator. */
static uint64_t run_idle_initiator(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uet_tx_ring_shrink(pds, pdc);
	if (pdc->state == UET_PDC_DRAIN && !pdc->peer_id) {
		pds->stats.pdc_closed++;
		uet_pdc_fail(pds, pdc, -ECANCELED, 0, 0);
		return 0;
	}
	if (pdc->state == UET_PDC_OPEN && !is_over(pds->now, alive_at(pdc), pds->cfg.idle_close))
		return alive_at(pdc) + pds->cfg.idle_close;
	if (pdc->state == UET_PDC_OPEN && pds->ops->needed && pds->ops->needed(pds->upper, pdc))
		return pds->now + pds->cfg.idle_close;
	if (pdc->state == UET_PDC_OPEN)
		uet_pdc_drain(pds, pdc);
	else if (pdc->state == UET_PDC_DRAIN)
		uet_pdc_try_close(pds, pdc);
	/* Both have armed the timer for what they need. */
	return UET_TIME_NEVER;
}

/* A target between requests. */
static uint64_t run_idle_target(struct uet_pds *pds, struct uet_pdc *pdc)
{
	uint64_t reap = 2 * pds->cfg.peer_timeout;

	uet_tx_ring_shrink(pds, pdc);
	if (is_over(pds->now, pdc->heard, pds->cfg.target_idle)) {
		if (!uet_tx_ctl(pds, pdc, UET_CTL_CLOSE_REQ))
			return pds->now + pds->cfg.cms.rto_min;
		return UET_TIME_NEVER;
	}
	if (is_over(pds->now, pdc->heard, reap)) {
		uet_pdc_give_up(pds, pdc, -ETIMEDOUT);
		return 0;
	}
	return pdc->heard + uet_min_u64(pds->cfg.target_idle, reap);
}

void uet_pdc_timer(struct uet_timer *timer, void *arg, uint64_t now)
{
	struct uet_pdc *pdc = uet_container_of(timer, struct uet_pdc, timer);
	struct uet_pds *pds = arg;
	uint64_t next;

	pds->now = now;
	if (uet_pdc_busy(pdc))
		next = run_busy(pds, pdc);
	else if (pdc->initiator)
		next = run_idle_initiator(pds, pdc);
	else
		next = run_idle_target(pds, pdc);
	if (next == 0 || next == UET_TIME_NEVER)
		return;
	/* Later than now, or the same run would come here again and again. */
	uet_pdc_arm(pds, pdc, uet_max_u64(next, now + 1));
}
