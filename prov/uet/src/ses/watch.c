/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peers from which something is awaited while no packet is under way: a deferred send its RTR, a
 * matched receive the restart of its message. Such a wait may be long, but a dead peer must end
 * it. So each is asked now and then for a sign of life (NO_OP), over a PDC that is kept open for
 * that: a peer that lost its memory meanwhile shows by not knowing that PDC any more. A message
 * that is awaited depends on no PDC: its RTR itself is repeated, less often, and tells whether
 * it will ever come.
 */
#include <errno.h>

#include "base/log.h"
#include "ses/rndv.h"

static struct uet_ses_watch *get(struct uet_ses *ses, const struct uet_ses_dest *dest)
{
	struct uet_ses_watch *watch;
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->watches) {
		watch = uet_list_entry(pos, struct uet_ses_watch, link);
		if (uet_ses_same_dest(&watch->dest, dest))
			return watch;
	}
	watch = uet_pool_get(&ses->watch_pool);
	if (!watch)
		return NULL;
	watch->dest = *dest;
	watch->note = NULL;
	watch->pdc = NULL;
	watch->answered = false;
	watch->ask_at = 0;
	uet_list_init(&watch->sends);
	uet_list_init(&watch->ins);
	uet_list_init(&watch->link);
	uet_list_add_tail(&ses->watches, &watch->link);
	ses->next = 0;
	return watch;
}

static bool idle(const struct uet_ses_watch *watch)
{
	return uet_list_empty(&watch->sends) && uet_list_empty(&watch->ins);
}

static void put(struct uet_ses *ses, struct uet_ses_watch *watch)
{
	if (watch->note) {
		watch->note->watch = NULL;
		uet_ses_note_drop(ses, watch->note);
	}
	uet_list_del(&watch->link);
	uet_pool_put(&ses->watch_pool, watch);
}

static void take_all(struct uet_list *from, struct uet_list *to)
{
	while (!uet_list_empty(from)) {
		struct uet_list *first = uet_list_first(from);

		uet_list_del(first);
		uet_list_add_tail(to, first);
	}
}

/* Call for what is awaited again as soon as may be. */
static void call_soon(struct uet_ses *ses, struct uet_ses_watch *watch)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &watch->ins)
		uet_list_entry(pos, struct uet_ses_in, wait)->call_at = 1;
	ses->next = 0;
}

/*
 * Let go of what waits, and of the watch at last. Sends stay here until it is their turn, as who
 * hears of the first may start one with a fence, which counts all that are open. A peer that has
 * only forgotten (-ECONNRESET) may be in a new life, from which what is awaited comes.
 */
static void fail(struct uet_ses *ses, struct uet_ses_watch *watch, int err)
{
	struct uet_list ins;

	uet_info("a peer that was waited for is gone");
	while (!uet_list_empty(&watch->sends)) {
		struct uet_list *first = uet_list_first(&watch->sends);

		uet_list_del(first);
		uet_ses_tx_finish(ses, uet_list_entry(first, struct uet_ses_tx, link), err);
	}
	if (err == -ECONNRESET && !uet_list_empty(&watch->ins)) {
		call_soon(ses, watch);
		return;
	}
	uet_list_init(&ins);
	take_all(&watch->ins, &ins);
	put(ses, watch);
	while (!uet_list_empty(&ins)) {
		struct uet_list *first = uet_list_first(&ins);

		uet_list_del(first);
		uet_ses_in_fail(uet_list_entry(first, struct uet_ses_in, wait), UET_RC_NULL);
	}
}

bool uet_ses_watch_send(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_watch *watch = get(ses, &tx->dest);

	if (!watch)
		return false;
	uet_list_add_tail(&watch->sends, &tx->link);
	return true;
}

bool uet_ses_watch_in(struct uet_ses *ses, struct uet_ses_in *in)
{
	struct uet_ses_dest dest;
	struct uet_ses_watch *watch;

	uet_ses_reply_dest(in, &dest);
	watch = get(ses, &dest);
	if (!watch)
		return false;
	uet_list_add_tail(&watch->ins, &in->wait);
	return true;
}

/* Does @rc say that nobody keeps messages at the index that was asked? */
static bool nobody_there(uint8_t rc)
{
	switch (rc) {
	case UET_RC_BAD_GENERATION:
	case UET_RC_DISABLED:
	case UET_RC_DISABLED_GEN:
	case UET_RC_BAD_INDEX:
	case UET_RC_BAD_PID:
	case UET_RC_BAD_JOB_ID:
		return true;
	default:
		return false;
	}
}

/* Sends know whom they wait for; messages that are awaited know only the host of their source. */
static void turn_away(struct uet_ses *ses, struct uet_ses_watch *watch, uint8_t rc)
{
	while (!uet_list_empty(&watch->sends)) {
		struct uet_list *first = uet_list_first(&watch->sends);

		uet_list_del(first);
		uet_ses_defer_lost(ses, uet_list_entry(first, struct uet_ses_tx, link), rc);
	}
}

void uet_ses_watch_noted(struct uet_ses *ses, struct uet_ses_note *note, int err)
{
	struct uet_ses_watch *watch = note->watch;

	if (!watch)
		return;
	watch->note = NULL;
	watch->answered = watch->pdc && !err;
	watch->ask_at = 0;
	ses->next = 0;
	if (err)
		fail(ses, watch, err);
	else if (nobody_there(note->tx.rc))
		turn_away(ses, watch, note->tx.rc);
}

bool uet_ses_watch_holds(const struct uet_ses_note *note)
{
	return note->watch && note->watch->pdc && !uet_pdc_is_open(note->watch->pdc);
}

void uet_ses_watch_asked(struct uet_ses_note *note, const struct uet_pdc *pdc)
{
	struct uet_ses_watch *watch = note->watch;

	if (watch->pdc != pdc)
		watch->answered = false;
	watch->pdc = pdc;
}

/* The PDC over which @tx, a send that waits, went, while that one is there. */
static const struct uet_pdc **went_over(struct uet_ses_tx *tx)
{
	return tx->rndv ? &tx->rndv->pdc : &tx->defer_pdc;
}

/*
 * Between two PDCs that follow each other a restart of the peer would show nowhere. So that of the
 * questions stays, and that of a send until a question has been answered.
 */
bool uet_ses_watch_needs(void *upper, const struct uet_pdc *pdc)
{
	const struct uet_ses *ses = upper;
	const struct uet_list *pos, *send;

	uet_list_for_each(pos, &ses->watches) {
		const struct uet_ses_watch *watch = uet_list_entry(pos, struct uet_ses_watch, link);

		if (idle(watch))
			continue;
		if (watch->pdc == pdc)
			return true;
		if (watch->answered)
			continue;
		uet_list_for_each(send, &watch->sends)
			if (*went_over(uet_list_entry(send, struct uet_ses_tx, link)) == pdc)
				return true;
	}
	return false;
}

/* Forget that @watch or what waits there depends on @pdc. Returns whether anything did. */
static bool depends(struct uet_ses_watch *watch, const struct uet_pdc *pdc)
{
	bool any = watch->pdc == pdc;
	struct uet_list *pos;

	if (any) {
		watch->pdc = NULL;
		watch->answered = false;
	}
	uet_list_for_each(pos, &watch->sends) {
		const struct uet_pdc **over = went_over(uet_list_entry(pos, struct uet_ses_tx,
								       link));

		if (*over != pdc)
			continue;
		any = true;
		*over = NULL;
	}
	return any;
}

void uet_ses_watch_pdc_gone(struct uet_ses *ses, const struct uet_pdc *pdc, int err)
{
	struct uet_list *pos = uet_list_first(&ses->watches);

	while (pos != &ses->watches) {
		struct uet_ses_watch *watch = uet_list_entry(pos, struct uet_ses_watch, link);

		pos = pos->next;
		if (!depends(watch, pdc))
			continue;
		/* The next PDC had better follow soon. */
		if (!watch->answered)
			watch->ask_at = 1;
		ses->next = 0;
		if (!err)
			continue;
		fail(ses, watch, err);
		pos = uet_list_first(&ses->watches);
	}
}

/* RTRs whose messages have not come for long go again, without memory the next time. */
static void call_again(struct uet_ses *ses, struct uet_ses_watch *watch, uint64_t now)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &watch->ins) {
		struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, wait);

		if (in->note)
			continue;
		if (in->call_at && (now < in->call_at || !uet_ses_defer_call(in)))
			continue;
		in->call_at = now + ses->cfg.pds.peer_timeout;
	}
}

static void ask(struct uet_ses *ses, struct uet_ses_watch *watch, uint64_t now)
{
	if (watch->note)
		return;
	if (watch->ask_at == 0)
		watch->ask_at = now + ses->cfg.probe_time;
	if (now >= watch->ask_at) {
		watch->note = uet_ses_note_send(ses, UET_OP_NO_OP, &watch->dest);
		watch->ask_at = now + ses->cfg.probe_time;
		call_again(ses, watch, now);
	}
	if (watch->note)
		watch->note->watch = watch;
	else
		ses->next = uet_min_u64(ses->next, watch->ask_at);
}

void uet_ses_watch_progress(struct uet_ses *ses, uint64_t now)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->watches) {
		struct uet_ses_watch *watch = uet_list_entry(pos, struct uet_ses_watch, link);

		if (idle(watch))
			put(ses, watch);
		else
			ask(ses, watch, now);
	}
}
