/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What SES itself has to say to a peer: messages of one packet without payload.
 */
#include <string.h>

#include "ses/defer.h"

uint8_t uet_ses_side_mode(const struct uet_ses *ses)
{
	return ses->sent_modes & 1 << UET_MODE_RUD ? UET_MODE_ROD : UET_MODE_RUD;
}

struct uet_ses_note *uet_ses_note_send(struct uet_ses *ses, uint8_t opcode,
				       const struct uet_ses_dest *dest)
{
	struct uet_ses_note *note = uet_pool_get(&ses->note_pool);

	if (!note)
		return NULL;
	memset(note, 0, sizeof(*note));
	uet_list_init(&note->tx.link);
	uet_list_init(&note->tx.read_link);
	uet_list_init(&note->tx.msg.link);
	note->tx.opcode = opcode;
	note->tx.dest = *dest;
	uet_list_add_tail(&ses->notes, &note->tx.link);
	/* Not at once: the caller may be in the midst of a packet. */
	ses->next = 0;
	return note;
}

void uet_ses_note_drop(struct uet_ses *ses, struct uet_ses_note *note)
{
	if (uet_list_empty(&note->tx.link) || note->posted)
		return;
	uet_list_del(&note->tx.link);
	uet_pool_put(&ses->note_pool, note);
}

/*
 * A watch depends on the PDC of its question as soon as that is in line there: if the peer has
 * forgotten the PDC, the question may go to a new life of it, which says nothing of the old one.
 */
static void goes_over(struct uet_ses_tx *tx)
{
	struct uet_ses_note *note = uet_ses_note_of(tx);

	if (note->watch)
		uet_ses_watch_asked(note, tx->msg.pdc);
}

/* A question keeps to the mode, and so to the PDC, of the last one. */
static uint8_t note_mode(const struct uet_ses *ses, const struct uet_ses_note *note)
{
	if (note->watch && note->watch->pdc)
		return uet_pdc_mode(note->watch->pdc);
	return uet_ses_side_mode(ses);
}

/* Returns false if there is no room at present: @note waits where it did. */
static bool post(struct uet_ses *ses, struct uet_ses_note *note, uint64_t now)
{
	struct uet_list *before = note->tx.link.prev;
	struct uet_list *link = &note->tx.link;

	uet_list_del(link);
	note->posted = true;
	note->tx.mode = note_mode(ses, note);
	/* Once posted it may end, and be gone, before the call returns. */
	if (uet_ses_tx_post(ses, &note->tx, now) == 0) {
		if (ses->active.prev == link)
			goes_over(&note->tx);
		return true;
	}
	note->posted = false;
	uet_list_add_after(before, link);
	ses->next = uet_min_u64(ses->next, now + ses->cfg.retry_time);
	return false;
}

static struct uet_ses_note *first_due(struct uet_ses *ses)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->notes) {
		struct uet_ses_note *note = uet_list_entry(pos, struct uet_ses_note, tx.link);

		if (!uet_ses_watch_holds(note))
			return note;
	}
	return NULL;
}

void uet_ses_note_progress(struct uet_ses *ses, uint64_t now)
{
	struct uet_ses_note *note;

	/* From the start each time: what posting one brings about may drop others. */
	while ((note = first_due(ses)) != NULL)
		if (!post(ses, note, now))
			return;
}

void uet_ses_note_header(struct uet_ses_tx *tx, struct uet_ses_req *req)
{
	const struct uet_ses_note *note = uet_ses_note_of(tx);

	goes_over(tx);
	req->som = true;
	req->eom = true;
	req->initiator_token = note->initiator_token;
	req->target_token = note->target_token;
	req->request_length = note->request_length;
}

void uet_ses_note_response(struct uet_ses_tx *tx, const struct uet_ses_resp *resp)
{
	if (resp->opcode == UET_RESP_RESPONSE && resp->return_code != UET_RC_NULL)
		tx->rc = resp->return_code;
}

void uet_ses_note_done(struct uet_ses *ses, struct uet_ses_tx *tx, int err)
{
	struct uet_ses_note *note = uet_ses_note_of(tx);

	if (tx->opcode == UET_OP_NO_OP)
		uet_ses_watch_noted(ses, note, err);
	else
		uet_ses_defer_noted(note, err);
	uet_pool_put(&ses->note_pool, note);
}
