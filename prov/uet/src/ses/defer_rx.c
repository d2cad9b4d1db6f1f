/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Deferrable sends as their target. Of a deferred message only the header is kept, in its place
 * among the unexpected ones. Life of such a struct uet_ses_in:
 *
 *   UNEX, deferred --- receive, or discard ---> AWAIT --- restart arrives ---> MATCHED, SINK
 *     first attempt's packets are swallowed       |  RTR, once the first attempt is over
 *
 * An RTR that was taken may come to nothing: its source died and is back, or could not send. So
 * it is repeated after long silence (watch.c); a source that has nothing to restart refuses it.
 */
#include <errno.h>

#include "base/log.h"
#include "ses/defer.h"

/* At most this part of the memory that is left is given to one message. */
#define SHARE 4

#define MOST_RESETS 3	/* times that an RTR goes again, as its source knows it by its tokens */

static struct uet_list *bucket(struct uet_ses *ses, uint32_t token)
{
	return &ses->awaits[token % UET_SES_TOKEN_BUCKETS];
}

static struct uet_ses_in *find(struct uet_ses *ses, uint32_t token)
{
	struct uet_list *pos;

	uet_list_for_each(pos, bucket(ses, token)) {
		struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, token_link);

		if (in->target_token == token)
			return in;
	}
	return NULL;
}

/* Requests do not tell their source's PID and index: they follow from its port (design D2). */
void uet_ses_reply_dest(const struct uet_ses_in *in, struct uet_ses_dest *dest)
{
	const struct uet_ses_cfg *cfg = &in->ses->cfg;

	*dest = (struct uet_ses_dest){ .addr = in->source.host, .relative = in->relative };
	dest->addr.port = UET_UDP_PORT;
	if (cfg->pds.strict_port)	/* the source finds the transfer by its token alone */
		return;
	dest->addr.port = in->source.initiator;
	dest->pid_on_fep = (in->source.initiator - UET_UDP_PORT) & 0xfff;
	dest->resource_index = cfg->resource_index;
}

static bool can_reply(const struct uet_ses_in *in)
{
	if (in->ses->cfg.pds.strict_port)
		return true;
	return in->source.initiator > 0 && in->source.initiator <= UINT16_MAX;
}

bool uet_ses_defer_begin(struct uet_ses_in *in, const struct uet_ses_req *req)
{
	const struct uet_ses_rxq *rxq = in->rxq;
	size_t left = rxq->cfg.max_unexpected_bytes - rxq->unex_bytes;

	if (!can_reply(in))
		return false;
	if (!(req->initiator_token & UET_SES_TOKEN_MATCH) &&
	    in->request_length <= left / SHARE && uet_ses_unex_store(in))
		return false;
	in->deferred = true;
	in->relative = req->rel;
	in->initiator_token = req->initiator_token;
	in->ses->stats.deferred++;
	return true;
}

void uet_ses_defer_packet(struct uet_ses_in *in, const struct uet_ses_req *req, uint32_t len,
			  uint32_t end, bool stops, struct uet_pds_answer *answer)
{
	bool first = !in->told;

	in->told = true;
	in->received += len;
	if (req->som)
		in->som_taken = true;
	if (stops)
		in->expected = end;
	if (first)
		uet_ses_answer(answer, req, UET_RESP_RESPONSE, UET_LIST_OVERFLOW, UET_RC_OK, 0,
			       true);
	else if (in->received < in->expected)
		uet_ses_answer(answer, req, UET_RESP_NO_RESPONSE, UET_LIST_EXPECTED, UET_RC_NULL,
			       0, false);
	else
		uet_ses_answer(answer, req, UET_RESP_DEFAULT, UET_LIST_EXPECTED, UET_RC_OK, 0,
			       false);
	if (in->received < in->expected)
		return;
	uet_ses_in_close(in);
	uet_ses_defer_over(in);
}

bool uet_ses_defer_call(struct uet_ses_in *in)
{
	struct uet_ses_dest dest;

	if (in->note)
		return true;
	uet_ses_reply_dest(in, &dest);
	in->note = uet_ses_note_send(in->ses, UET_OP_DEFERRABLE_RTR, &dest);
	if (!in->note)
		return false;
	in->note->in = in;
	in->note->initiator_token = in->initiator_token;
	in->note->target_token = in->target_token;
	in->note->request_length = in->request_length;
	return true;
}

void uet_ses_defer_over(struct uet_ses_in *in)
{
	if (in->state != UET_IN_AWAIT || in->note)
		return;
	if (!uet_ses_defer_call(in) || !uet_ses_watch_in(in->ses, in))
		uet_ses_in_fail(in, UET_RC_NULL);
}

void uet_ses_defer_take(struct uet_ses_in *in, struct uet_ses_rx *rx)
{
	struct uet_ses *ses = in->ses;

	in->rx = rx;
	in->state = UET_IN_AWAIT;
	in->call_at = 0;
	in->resets = 0;
	do {
		in->target_token = ++ses->token_last;
	} while (in->target_token == 0 || find(ses, in->target_token));
	uet_list_add_tail(bucket(ses, in->target_token), &in->token_link);
	if (!in->flow)
		uet_ses_defer_over(in);
}

void uet_ses_defer_forget(struct uet_ses_in *in)
{
	uet_list_del(&in->token_link);
	uet_list_del(&in->wait);
	in->target_token = 0;
	if (!in->note)
		return;
	in->note->in = NULL;
	uet_ses_note_drop(in->ses, in->note);
	in->note = NULL;
}

/* Is @req from @src what @in awaits? */
static bool fits(const struct uet_ses_in *in, const struct uet_ses_req *req,
		 const struct uet_addr *src)
{
	bool tagged = req->opcode == UET_OP_DEFERRABLE_TSEND;

	return !in->flow && in->initiator_token == req->initiator_token &&
	       in->source.initiator == req->initiator && in->tag == req->match_bits &&
	       in->request_length == req->request_length &&
	       tagged == (in->queue == UET_SES_TAGGED) &&
	       uet_addr_same_host(&in->source.host, src);
}

struct uet_ses_in *uet_ses_defer_resume(struct uet_ses *ses, const struct uet_ses_req *req,
					const struct uet_addr *src, struct uet_pdc *pdc,
					bool whole, uint8_t *nack)
{
	struct uet_ses_in *in = find(ses, req->target_token);

	*nack = 0;
	if (!in || !fits(in, req, src))
		return NULL;
	in->message_id = req->message_id;
	if (!whole && !uet_ses_in_open(ses, in, pdc)) {
		*nack = UET_NACK_NO_SES_MSG_AVAIL;
		return NULL;
	}
	uet_ses_defer_forget(in);
	in->deferred = false;
	in->received = 0;
	in->expected = in->request_length;
	in->som_known = false;
	in->som_taken = false;
	in->state = in->rx ? UET_IN_MATCHED : UET_IN_SINK;
	if (!in->rx && in->flow)
		uet_ses_in_swallow(in, UET_IN_SINK, UET_RC_OK);
	return in;
}

void uet_ses_defer_noted(struct uet_ses_note *note, int err)
{
	struct uet_ses_in *in = note->in;

	if (!in)
		return;
	in->note = NULL;
	/* A new life of the source does not know our PDC; the message, though, may be its own. */
	if (err == -ECONNRESET && in->resets++ < MOST_RESETS && uet_ses_defer_call(in))
		return;
	if (err)
		uet_ses_in_fail(in, UET_RC_NULL);
	else if (note->tx.rc != UET_RC_OK)
		uet_ses_in_fail(in, note->tx.rc);
}

struct uet_ses_in *uet_ses_defer_any(struct uet_ses *ses, int index)
{
	struct uet_list *pos;
	int b;

	for (b = 0; b < UET_SES_TOKEN_BUCKETS; b++)
		uet_list_for_each(pos, &ses->awaits[b]) {
			struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, token_link);

			if (index < 0 || in->resource_index == ses->cfg.resource_index + index)
				return in;
		}
	return NULL;
}
