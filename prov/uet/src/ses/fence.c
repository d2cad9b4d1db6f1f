/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Fences (FI_FENCE): an operation with a fence, and all later ones to the same peer, are not
 * started before every earlier one to it has ended, whatever became of it.
 *
 * A destination gets an entry with the first fenced operation that has to wait. From then on
 * all operations to it queue there, and the entry knows how many are under way. When none is,
 * the first of the queue starts, and those behind it follow up to the next fence. The entry
 * vanishes with its queue: who uses no fences pays one comparison per operation.
 */
#include <assert.h>
#include <errno.h>

#include "ses/defer.h"
#include "ses/msg.h"
#include "ses/rma.h"

static struct uet_ses_tx *tx_at(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_ses_tx, link);
}

static struct uet_ses_fence *find(struct uet_ses *ses, const struct uet_ses_dest *dest)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->fences) {
		struct uet_ses_fence *fence = uet_list_entry(pos, struct uet_ses_fence, link);

		if (uet_ses_same_dest(&fence->dest, dest))
			return fence;
	}
	return NULL;
}

/* Fences mean nothing to datagrams: they end when they start. */
static bool fenceable(const struct uet_ses_tx *tx)
{
	return tx->mode != UET_MODE_UUD;
}

/* What SES posts on its own behalf ends no operation of the floor above. */
static bool is_operation(const struct uet_ses_tx *tx)
{
	return tx->opcode != UET_SES_REPLY && !uet_ses_is_note(tx) && !tx->pull;
}

/* Operations to @dest on @list; @all counts every one. */
static uint32_t count_list(const struct uet_list *list, const struct uet_ses_dest *dest,
			   uint32_t *all)
{
	struct uet_list *pos;
	uint32_t n = 0;

	uet_list_for_each(pos, list) {
		if (!is_operation(tx_at(pos)))
			continue;
		if (fenceable(tx_at(pos)) && uet_ses_same_dest(&tx_at(pos)->dest, dest))
			n++;
		(*all)++;
	}
	return n;
}

/* Operations to @dest that are started and not finished. */
static uint32_t count_open(const struct uet_ses *ses, const struct uet_ses_dest *dest)
{
	struct uet_list *pos;
	uint32_t all = 0;
	uint32_t n;

	n = count_list(&ses->active, dest, &all);
	n += count_list(&ses->paused, dest, &all);
	n += count_list(&ses->finished, dest, &all);
	uet_list_for_each(pos, &ses->holds)
		n += count_list(&uet_list_entry(pos, struct uet_ses_hold, link)->waiting, dest,
				&all);
	uet_list_for_each(pos, &ses->watches)
		n += count_list(&uet_list_entry(pos, struct uet_ses_watch, link)->sends, dest,
				&all);
	/* One that is on none of these lists would go unnoticed. */
	assert(all + ses->tx_fenced == ses->tx_open);
	return n;
}

static struct uet_ses_fence *fence_new(struct uet_ses *ses, const struct uet_ses_dest *dest,
				       uint32_t open)
{
	struct uet_ses_fence *fence = uet_pool_get(&ses->fence_pool);

	if (!fence)
		return NULL;
	uet_list_init(&fence->waiting);
	fence->dest = *dest;
	fence->retry_at = 0;
	fence->open = open;
	uet_list_add_tail(&ses->fences, &fence->link);
	return fence;
}

int uet_ses_fence_hold(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_fence *fence = find(ses, &tx->dest);
	uint32_t open;

	if (!fence) {
		open = tx->fence ? count_open(ses, &tx->dest) : 0;
		if (!open)
			return 0;
		fence = fence_new(ses, &tx->dest, open);
		if (!fence)
			return -EAGAIN;
	}
	uet_list_add_tail(&fence->waiting, &tx->link);
	ses->tx_fenced++;
	return 1;
}

void uet_ses_fence_ended(struct uet_ses *ses, const struct uet_ses_tx *tx)
{
	struct uet_ses_fence *fence = fenceable(tx) ? find(ses, &tx->dest) : NULL;

	if (!fence)
		return;
	assert(fence->open > 0);
	if (--fence->open == 0)
		ses->next = 0;
}

/* Start the first operation that waits at @fence. Returns false when PDS has no room. */
static bool start_first(struct uet_ses *ses, struct uet_ses_fence *fence, uint64_t now)
{
	struct uet_ses_tx *tx = tx_at(uet_list_first(&fence->waiting));

	uet_list_del(&tx->link);
	if (uet_ses_tx_start(ses, tx, now)) {
		uet_list_add_after(&fence->waiting, &tx->link);
		fence->retry_at = now + ses->cfg.retry_time;
		return false;
	}
	ses->tx_fenced--;
	fence->open++;
	return true;
}

static void run_fence(struct uet_ses *ses, struct uet_ses_fence *fence, uint64_t now)
{
	while (!uet_list_empty(&fence->waiting)) {
		if (fence->open && tx_at(uet_list_first(&fence->waiting))->fence)
			return;
		if (now < fence->retry_at || !start_first(ses, fence, now)) {
			ses->next = uet_min_u64(ses->next, fence->retry_at);
			return;
		}
	}
	uet_list_del(&fence->link);
	uet_pool_put(&ses->fence_pool, fence);
}

void uet_ses_fence_run(struct uet_ses *ses, uint64_t now)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->fences)
		run_fence(ses, uet_list_entry(pos, struct uet_ses_fence, link), now);
}
