/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages that the target refused with a code that asks for repetition (no buffer, resource
 * index disabled, other generation, transient trouble). The whole message is sent again with
 * a new id after a pause that doubles up to a ceiling, as often as it takes: a slow receiver
 * is no error (FI_RM_ENABLED).
 *
 * On RUD each message repeats on its own (ses->paused). On ROD no later message may overtake
 * the refused one: its destination gets a hold, in which refused and later messages wait in
 * the order of uet_ses_send. When all refused ones have left PDS, the first of the hold goes
 * alone; once it got through, the others follow.
 */
#include "ses/rndv.h"

bool uet_ses_same_dest(const struct uet_ses_dest *a, const struct uet_ses_dest *b)
{
	return a->pid_on_fep == b->pid_on_fep && a->resource_index == b->resource_index &&
	       a->relative == b->relative && uet_addr_equal(&a->addr, &b->addr);
}

static struct uet_ses_hold *hold_find(struct uet_ses *ses, const struct uet_ses_dest *dest)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->holds) {
		struct uet_ses_hold *hold = uet_list_entry(pos, struct uet_ses_hold, link);

		if (uet_ses_same_dest(&hold->dest, dest))
			return hold;
	}
	return NULL;
}

static struct uet_ses_hold *hold_get(struct uet_ses *ses, const struct uet_ses_dest *dest)
{
	struct uet_ses_hold *hold = hold_find(ses, dest);

	if (hold)
		return hold;
	hold = uet_pool_get(&ses->hold_pool);
	if (!hold)
		return NULL;
	uet_list_init(&hold->waiting);
	hold->dest = *dest;
	hold->retry_at = 0;
	hold->inflight = 0;
	hold->ri_generation = 0;
	hold->flowing = false;
	uet_list_add_tail(&ses->holds, &hold->link);
	return hold;
}

static void hold_put_if_done(struct uet_ses *ses, struct uet_ses_hold *hold)
{
	if (hold->inflight || !uet_list_empty(&hold->waiting))
		return;
	uet_list_del(&hold->link);
	uet_pool_put(&ses->hold_pool, hold);
}

static void hold_insert(struct uet_ses_hold *hold, struct uet_ses_tx *tx)
{
	struct uet_list *pos = hold->waiting.prev;

	while (pos != &hold->waiting &&
	       uet_list_entry(pos, struct uet_ses_tx, link)->seq > tx->seq)
		pos = pos->prev;
	uet_list_add_after(pos, &tx->link);
}

static void hold_join(struct uet_ses_hold *hold, struct uet_ses_tx *tx)
{
	if (tx->hold)
		return;
	tx->hold = hold;
	hold->inflight++;
}

static void hold_leave(struct uet_ses_tx *tx)
{
	if (!tx->hold)
		return;
	tx->hold->inflight--;
	tx->hold = NULL;
}

bool uet_ses_retry_enqueue(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_hold *hold;

	if (uet_likely(uet_list_empty(&ses->holds)) || tx->mode != UET_MODE_ROD)
		return false;
	hold = hold_find(ses, &tx->dest);
	if (!hold)
		return false;
	uet_list_add_tail(&hold->waiting, &tx->link);
	return true;
}

/* Take back what was posted after @tx to the same destination and has not begun to leave. */
static void take_back_later(struct uet_ses *ses, struct uet_ses_hold *hold,
			    const struct uet_ses_tx *tx)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->active) {
		struct uet_ses_tx *later = uet_list_entry(pos, struct uet_ses_tx, link);

		if (later->mode != UET_MODE_ROD || later->seq <= tx->seq || later->msg.next > 0 ||
		    !uet_ses_same_dest(&later->dest, &tx->dest))
			continue;
		if (!uet_pds_stop(ses->pds, &later->msg, false))
			continue;
		uet_ses_tx_unpost(ses, later);
		hold_leave(later);
		hold_insert(hold, later);
	}
}

void uet_ses_retry_refused(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_hold *hold;

	if (tx->mode != UET_MODE_ROD)
		return;
	hold = hold_get(ses, &tx->dest);
	if (!hold)
		return;
	hold_join(hold, tx);
	hold->flowing = false;
	hold->retry_at = 0;
	if (tx->rc == UET_RC_BAD_GENERATION)
		hold->ri_generation = tx->ri_generation;
	take_back_later(ses, hold, tx);
}

bool uet_ses_retry_later(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_hold *hold = tx->hold;

	ses->next = 0;
	if (tx->mode != UET_MODE_ROD) {
		tx->retry_at = 0;
		uet_list_add_tail(&ses->paused, &tx->link);
		return true;
	}
	if (!hold)
		return false;
	hold_leave(tx);
	hold_insert(hold, tx);
	return true;
}

void uet_ses_retry_ended(struct uet_ses *ses, struct uet_ses_tx *tx, bool ok)
{
	struct uet_ses_hold *hold = tx->hold;

	if (uet_likely(!hold))
		return;
	hold_leave(tx);
	hold->flowing = ok && hold->inflight == 0;
	hold->retry_at = 0;
	ses->next = 0;
	hold_put_if_done(ses, hold);
}

/* Length of the pause before the next repetition of @tx. */
static uint64_t pause_of(const struct uet_ses *ses, const struct uet_ses_tx *tx)
{
	uint64_t pause = ses->cfg.retry_time;
	uint8_t i;

	for (i = 0; i < tx->retries && pause < ses->cfg.retry_max; i++)
		pause *= 2;
	return uet_min_u64(pause, uet_max_u64(ses->cfg.retry_max, ses->cfg.retry_time));
}

static void count_retry(struct uet_ses_tx *tx)
{
	if (tx->retries < UINT8_MAX)
		tx->retries++;
}

static void run_paused(struct uet_ses *ses, uint64_t now)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->paused) {
		struct uet_ses_tx *tx = uet_list_entry(pos, struct uet_ses_tx, link);

		if (tx->retry_at == 0)
			tx->retry_at = now + pause_of(ses, tx);
		if (now >= tx->retry_at) {
			uet_list_del(&tx->link);
			if (uet_ses_tx_post(ses, tx, now) == 0) {
				count_retry(tx);
				continue;
			}
			uet_list_add_after(tmp->prev, &tx->link);
			tx->retry_at = now + ses->cfg.retry_time;
		}
		ses->next = uet_min_u64(ses->next, tx->retry_at);
	}
}

/* Post the first message that waits in @hold. */
static bool hold_post_first(struct uet_ses *ses, struct uet_ses_hold *hold, bool scout,
			    uint64_t now)
{
	struct uet_list *first = uet_list_first(&hold->waiting);
	struct uet_ses_tx *tx = uet_list_entry(first, struct uet_ses_tx, link);

	tx->ri_generation = hold->ri_generation;
	uet_list_del(&tx->link);
	if (scout)
		hold_join(hold, tx);
	if (uet_ses_tx_post(ses, tx, now)) {
		hold_leave(tx);
		uet_list_add_after(&hold->waiting, &tx->link);
		hold->retry_at = now + ses->cfg.retry_time;
		return false;
	}
	if (scout)
		count_retry(tx);
	return true;
}

static void run_hold(struct uet_ses *ses, struct uet_ses_hold *hold, uint64_t now)
{
	struct uet_list *first = uet_list_first(&hold->waiting);

	if (first == &hold->waiting || (hold->inflight && !hold->flowing))
		return;
	if (!hold->flowing && hold->retry_at == 0)
		hold->retry_at = now + pause_of(ses, uet_list_entry(first, struct uet_ses_tx,
								      link));
	if (now < hold->retry_at) {
		ses->next = uet_min_u64(ses->next, hold->retry_at);
		return;
	}
	if (!hold->flowing) {
		if (!hold_post_first(ses, hold, true, now))
			ses->next = uet_min_u64(ses->next, hold->retry_at);
		return;
	}
	while (!uet_list_empty(&hold->waiting)) {
		if (!hold_post_first(ses, hold, false, now)) {
			ses->next = uet_min_u64(ses->next, hold->retry_at);
			return;
		}
	}
	hold_put_if_done(ses, hold);
}

static void run_finished(struct uet_ses *ses)
{
	while (!uet_list_empty(&ses->finished)) {
		struct uet_list *first = uet_list_first(&ses->finished);
		struct uet_ses_tx *tx = uet_list_entry(first, struct uet_ses_tx, link);

		uet_list_del(first);
		uet_ses_tx_end(ses, tx, tx->err, tx->nack);
	}
}

void uet_ses_progress(struct uet_ses *ses, uint64_t now)
{
	struct uet_list *pos, *tmp;

	if (uet_likely(now < ses->next))
		return;
	ses->next = UET_TIME_NEVER;
	run_finished(ses);
	uet_ses_reply_progress(ses, now);
	run_paused(ses, now);
	uet_ses_note_progress(ses, now);
	uet_ses_rndv_progress(ses, now);
	uet_ses_watch_progress(ses, now);
	uet_list_for_each_safe(pos, tmp, &ses->holds)
		run_hold(ses, uet_list_entry(pos, struct uet_ses_hold, link), now);
	if (uet_unlikely(!uet_list_empty(&ses->fences)))
		uet_ses_fence_run(ses, now);
}

uint64_t uet_ses_next(const struct uet_ses *ses)
{
	return ses->next;
}
