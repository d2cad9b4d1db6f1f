/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Deferrable sends as their source. A deferred send keeps message memory and token, but no
 * message id and no place in PDS, until its RTR comes; nothing that was sent counts then.
 */
#include <errno.h>

#include "base/log.h"
#include "ses/rndv.h"

static struct uet_list *bucket(struct uet_ses *ses, uint32_t token)
{
	return &ses->tokens[token % UET_SES_TOKEN_BUCKETS];
}

static struct uet_ses_tx *find(struct uet_ses *ses, uint32_t token)
{
	struct uet_list *pos;

	uet_list_for_each(pos, bucket(ses, token)) {
		struct uet_ses_tx *tx = uet_list_entry(pos, struct uet_ses_tx, token_link);

		if (tx->token == token)
			return tx;
	}
	return NULL;
}

static bool is_send(const struct uet_ses_tx *tx)
{
	return tx->opcode == UET_OP_SEND || tx->opcode == UET_OP_TAGGED_SEND;
}

void uet_ses_defer_init(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	bool longer = ses->cfg.defer_size && tx->len > ses->cfg.defer_size;

	if (!is_send(tx))
		return;
	ses->sent_modes |= (uint8_t)(1 << tx->mode);
	if (uet_likely(!longer && !tx->match) || tx->lazy || tx->token || tx->rndv)
		return;
	do {
		tx->token = ++ses->token_last & ~UET_SES_TOKEN_MATCH;
		if (tx->match)
			tx->token |= UET_SES_TOKEN_MATCH;
	} while (tx->token == 0 || find(ses, tx->token));
	uet_list_add_tail(bucket(ses, tx->token), &tx->token_link);
}

void uet_ses_defer_header(const struct uet_ses_tx *tx, struct uet_ses_req *req)
{
	if (req->opcode == UET_OP_MSG_ERROR)
		return;
	req->opcode = uet_ses_defer_opcode(tx);
	req->initiator_token = tx->token;
	req->target_token = tx->target_token;
}

/* No more packets of this attempt; the target is told that it is over, not that it failed. */
static void defer(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->deferred)
		return;
	tx->deferred = true;
	tx->defer_pdc = tx->msg.pdc;
	uet_debug("message %u is deferred", tx->message_id);
	uet_ses_tx_stop(ses, tx);
}

void uet_ses_defer_response(struct uet_ses *ses, struct uet_ses_tx *tx,
			    const struct uet_ses_resp *resp)
{
	bool all = resp->modified_length >= tx->len;

	if (resp->opcode != UET_RESP_RESPONSE || resp->list != UET_LIST_OVERFLOW)
		return;
	/* Nothing can be missing of an empty message, but the match that was asked for can. */
	if (all && !(tx->match && tx->len == 0))
		return;
	if (tx->rc == UET_RC_OK && !tx->garbled)
		defer(ses, tx);
}

/* Send @tx again as the RTR wants it, by and by: the caller may be in the midst of a packet. */
static void restart(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	tx->recalled = false;
	tx->restarted = true;
	tx->from = tx->recall_from;
	tx->target_token = tx->recall_token;
	tx->mode = uet_ses_side_mode(ses);
	tx->retry_at = 1;
	uet_list_add_tail(&ses->paused, &tx->link);
	ses->next = 0;
}

void uet_ses_defer_park(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	/* It holds its place at the target: what comes after it may go. */
	uet_ses_retry_ended(ses, tx, true);
	if (tx->recalled) {
		restart(ses, tx);
		return;
	}
	tx->parked = true;
	if (!uet_ses_watch_send(ses, tx))
		uet_ses_tx_finish(ses, tx, -ENOBUFS);
}

void uet_ses_defer_lost(struct uet_ses *ses, struct uet_ses_tx *tx, uint8_t rc)
{
	tx->parked = false;
	tx->restarted = false;
	tx->from = 0;
	tx->target_token = 0;
	tx->rc = rc;
	if (tx->rndv)
		uet_ses_rndv_lost(tx);
	if (uet_ses_rc_repeat(rc))
		uet_ses_retry_refused(ses, tx);
	uet_ses_tx_end(ses, tx, 0, 0);
}

void uet_ses_defer_end(struct uet_ses_tx *tx)
{
	uet_list_del(&tx->token_link);
}

/* May an RTR ask for @tx now? Either it is parked, or its OVERFLOW is still on the way. */
static bool recallable(const struct uet_ses_tx *tx)
{
	if (tx->recalled)
		return false;
	if (tx->parked)
		return true;
	return tx->posted && tx->rc == UET_RC_OK && !tx->garbled &&
	       (tx->deferred || !tx->restarted);
}

/* Is @tx already being restarted as the RTR @req, sent again, says? */
static bool obeyed(const struct uet_ses_tx *tx, const struct uet_ses_req *req)
{
	uint32_t token = tx->recalled ? tx->recall_token : tx->target_token;

	return (tx->recalled || tx->restarted) && token == req->target_token;
}

uint8_t uet_ses_defer_recall(struct uet_ses *ses, const struct uet_ses_req *req,
			     const struct uet_addr *src)
{
	struct uet_ses_tx *tx = find(ses, req->initiator_token);

	if (!tx || !uet_addr_same_host(&tx->dest.addr, src))
		return UET_RC_NO_MATCH;
	if (req->request_length != tx->len)
		return UET_RC_UNSUPPORTED_SIZE;
	if (!recallable(tx))
		return obeyed(tx, req) ? UET_RC_OK : UET_RC_NO_MATCH;
	if (req->buffer_offset > tx->len)
		return UET_RC_BAD_ADDR;
	tx->recalled = true;
	tx->recall_from = (uint32_t)req->buffer_offset;
	tx->recall_token = req->target_token;
	if (!tx->parked) {
		tx->answered = true;
		defer(ses, tx);
		return UET_RC_OK;
	}
	tx->parked = false;
	uet_list_del(&tx->link);
	restart(ses, tx);
	return UET_RC_OK;
}
