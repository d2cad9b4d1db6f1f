/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rendezvous sends as their target. The eager bytes are received like those of a send. Then:
 *
 *   UNEX    --- receive, or discard ---.
 *   MATCHED ------ all eager bytes ----+--> PULL --- the rest has been read ---> rx_done
 *
 * One READ fetches what the receive has room for. Unless that ends with the message's last byte,
 * another one asks for this byte alone, last of all: its source then knows that it is over. A
 * message that is discarded gets only that.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "ses/rndv.h"

#define MOST_RESETS 3	/* times that a message is read again, because reading is idempotent */

void uet_ses_rndv_learn(struct uet_ses_in *in, const struct uet_ses_req *req)
{
	in->pushed = req->eager_length;
	in->expected = req->eager_length;
	in->rndv = req->eager_length < req->request_length;
	in->relative = req->rel;
	in->read_generation = req->read_ri_generation;
	in->read_pid = req->read_pid_on_fep;
	in->read_index = req->read_resource_index;
	in->read_offset = req->read_offset;
	in->read_key = req->read_memory_key;
}

uint8_t uet_ses_rndv_judge(const struct uet_ses *ses, const struct uet_ses_req *req)
{
	if (req->eager_length > req->request_length)
		return UET_RC_UNSUPPORTED_SIZE;
	if (ses->cfg.pds.strict_port || req->eager_length == req->request_length)
		return UET_RC_OK;
	/* Its UDP port is its initiator id (design D2). */
	if (req->initiator == 0 || req->initiator > UINT16_MAX)
		return UET_RC_UNSUPPORTED_OP;
	return UET_RC_OK;
}

void uet_ses_rndv_arrived(struct uet_ses_in *in, const struct uet_ses_req *req,
			  struct uet_pds_answer *answer)
{
	bool waits = in->state == UET_IN_UNEX;

	uet_ses_answer(answer, req, UET_RESP_RESPONSE,
		       waits ? UET_LIST_OVERFLOW : UET_LIST_EXPECTED, UET_RC_OK, in->pushed, true);
	if (!waits)
		uet_ses_rndv_take(in, in->rx);
}

/* Ask for bytes [from, to) of the message; they are posted by the next uet_ses_progress. */
static void ask(struct uet_ses_pull *pull, uint32_t from, uint32_t to)
{
	struct uet_ses_in *in = pull->in;
	struct uet_ses_tx *tx = &pull->tx;

	pull->from = from;
	tx->offset = in->read_offset + from;
	tx->len = to - from;
	uet_list_add_tail(&in->ses->pulls, &tx->link);
	/* Not at once: the caller may be in the midst of a packet. */
	in->ses->next = 0;
}

/* Offset of the first byte that @in has no room for. */
static uint32_t room_end(const struct uet_ses_in *in)
{
	return in->rx ? (uint32_t)uet_min_u64(in->rx->len, in->request_length) : 0;
}

static struct uet_ses_pull *new_pull(struct uet_ses_in *in)
{
	struct uet_ses_pull *pull = uet_pool_get(&in->ses->pull_pool);

	if (!pull)
		return NULL;
	memset(pull, 0, sizeof(*pull));
	uet_list_init(&pull->link);
	uet_list_init(&pull->tx.link);
	uet_list_init(&pull->tx.read_link);
	uet_list_init(&pull->tx.token_link);
	uet_list_init(&pull->tx.msg.link);
	uet_ses_reply_dest(in, &pull->tx.dest);
	pull->tx.dest.pid_on_fep = in->read_pid;
	pull->tx.dest.resource_index = in->read_index;
	pull->tx.ri_generation = in->read_generation;
	pull->tx.opcode = UET_OP_READ;
	pull->tx.key = in->read_key;
	pull->tx.pull = true;
	pull->in = in;
	in->pull = pull;
	uet_list_add_tail(&in->ses->pulling, &pull->link);
	return pull;
}

void uet_ses_rndv_take(struct uet_ses_in *in, struct uet_ses_rx *rx)
{
	struct uet_ses_pull *pull;
	uint32_t end;

	in->rx = rx;
	in->state = UET_IN_PULL;
	if (in->flow)
		return;
	pull = new_pull(in);
	if (!pull) {
		uet_ses_in_fail(in, UET_RC_NULL);
		return;
	}
	in->ses->stats.rendezvous++;
	end = room_end(in);
	if (end > in->pushed)
		ask(pull, in->pushed, end);
	else
		ask(pull, in->request_length - 1, in->request_length);
}

void uet_ses_rndv_progress(struct uet_ses *ses, uint64_t now)
{
	while (!uet_list_empty(&ses->pulls)) {
		struct uet_list *first = uet_list_first(&ses->pulls);
		struct uet_ses_tx *tx = uet_list_entry(first, struct uet_ses_tx, link);

		uet_list_del(first);
		tx->mode = uet_ses_side_mode(ses);
		/* Once posted it may end, and be gone, before the call returns. */
		if (uet_ses_tx_post(ses, tx, now) == 0)
			continue;
		uet_list_add_after(&ses->pulls, first);
		ses->next = uet_min_u64(ses->next, now + ses->cfg.retry_time);
		return;
	}
}

void uet_ses_rndv_place(struct uet_ses_tx *tx, size_t off, const void *data, size_t n)
{
	struct uet_ses_pull *pull = uet_container_of(tx, struct uet_ses_pull, tx);
	size_t at = pull->from + off;

	if (pull->in && at + n <= room_end(pull->in))
		uet_ses_rx_write(pull->in->rx, at, data, n);
}

static void free_pull(struct uet_ses *ses, struct uet_ses_pull *pull)
{
	uet_list_del(&pull->link);
	uet_pool_put(&ses->pull_pool, pull);
}

void uet_ses_rndv_pulled(struct uet_ses *ses, struct uet_ses_tx *tx, int err)
{
	struct uet_ses_pull *pull = uet_container_of(tx, struct uet_ses_pull, tx);
	struct uet_ses_in *in = pull->in;
	bool failed = err || tx->garbled || tx->rc != UET_RC_OK;
	uint8_t rc = tx->rc == UET_RC_OK ? UET_RC_NULL : tx->rc;

	if (in && !failed && pull->from + tx->len < in->request_length) {
		ask(pull, in->request_length - 1, in->request_length);
		return;
	}
	/* A new life of the source does not know our PDC; the key, though, may be its own. */
	if (in && err == -ECONNRESET && pull->resets++ < MOST_RESETS) {
		ask(pull, pull->from, pull->from + (uint32_t)tx->len);
		return;
	}
	free_pull(ses, pull);
	if (!in)
		return;
	in->pull = NULL;
	if (failed) {
		uet_info("the rest of a rendezvous of %u bytes cannot be read",
			 in->request_length);
		uet_ses_in_fail(in, rc);
	} else if (in->rx) {
		uet_ses_deliver(in);
	} else {
		uet_ses_in_put(in);
	}
}

void uet_ses_rndv_forget(struct uet_ses_in *in)
{
	struct uet_ses_pull *pull = in->pull;
	struct uet_ses *ses = in->ses;

	if (!pull)
		return;
	in->pull = NULL;
	pull->in = NULL;
	if (pull->tx.posted)
		return;
	uet_list_del(&pull->tx.link);
	free_pull(ses, pull);
}

struct uet_ses_in *uet_ses_rndv_any(struct uet_ses *ses, int index)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->pulling) {
		struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_pull, link)->in;

		if (in && (index < 0 || in->resource_index == ses->cfg.resource_index + index))
			return in;
	}
	return NULL;
}
