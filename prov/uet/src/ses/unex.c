/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Unexpected messages: records in order of arrival, payload memory within limits, and the
 * peek, claim and discard of the application.
 *
 * A message whose payload does not fit is only announced: the record keeps its place in the
 * order, its packets are refused (NACK NO_PKT_BUFFER) and so come again until there is memory
 * or a receive.
 */
#include <errno.h>
#include <stdlib.h>

#include "ses/guest.h"
#include "ses/rndv.h"

bool uet_ses_unex_admit(const struct uet_ses_rxq *rxq)
{
	return rxq->unex_count < rxq->cfg.max_unexpected;
}

void uet_ses_unex_add(struct uet_ses_in *in)
{
	struct uet_ses_rxq *rxq = in->rxq;

	in->unex.counted = true;
	rxq->unex_count++;
	in->ses->stats.unexpected++;
	uet_list_add_tail(&rxq->unex[in->queue], &in->unex.link);
}

bool uet_ses_unex_store(struct uet_ses_in *in)
{
	struct uet_ses_rxq *rxq = in->rxq;
	size_t len = in->pushed;

	if (len == 0 || in->unex.buf)
		return true;
	if (len > rxq->cfg.max_unexpected_bytes ||
	    rxq->unex_bytes > rxq->cfg.max_unexpected_bytes - len)
		return false;
	if (len <= UET_SES_SMALL_BUF)
		in->unex.buf = uet_pool_get(&rxq->small_pool);
	else
		in->unex.buf = malloc(len);
	if (!in->unex.buf)
		return false;
	rxq->unex_bytes += len;
	return true;
}

static void release_payload(struct uet_ses_in *in)
{
	struct uet_ses_rxq *rxq = in->rxq;

	if (!in->unex.buf)
		return;
	if (in->pushed <= UET_SES_SMALL_BUF)
		uet_pool_put(&rxq->small_pool, in->unex.buf);
	else
		free(in->unex.buf);
	in->unex.buf = NULL;
	rxq->unex_bytes -= in->pushed;
}

void uet_ses_unex_remove(struct uet_ses_in *in)
{
	release_payload(in);
	if (in->unex.claimed || !in->unex.counted)
		return;
	uet_list_del(&in->unex.link);
	in->unex.counted = false;
	in->rxq->unex_count--;
}

/* Drop @in, claimed no more; packets that still come are swallowed. */
static void discard(struct uet_ses_in *in)
{
	if (uet_unlikely(in->guest)) {
		uet_ses_guest_discard(in);
		return;
	}
	uet_ses_unex_remove(in);
	if (in->state == UET_IN_FAILED)
		uet_ses_in_swallow(in, UET_IN_FAILED, in->rc);
	else if (in->deferred)
		uet_ses_defer_take(in, NULL);
	else if (in->rndv)
		uet_ses_rndv_take(in, NULL);
	else
		uet_ses_in_swallow(in, UET_IN_SINK, UET_RC_OK);
}

static struct uet_ses_unex *claim_message(struct uet_ses_in *in)
{
	uet_list_del(&in->unex.link);
	uet_list_add_tail(&in->rxq->claimed, &in->unex.link);
	in->unex.claimed = true;
	return &in->unex;
}

int uet_ses_peek(struct uet_ses_rxq *rxq, const struct uet_ses_rx *pattern,
		 enum uet_ses_peek_action action, struct uet_ses_rx_result *res,
		 struct uet_ses_unex **claim)
{
	struct uet_ses_in *in = uet_ses_match_unex(rxq, pattern);

	/* Only the first packet tells of header data: until it came there is nothing to show. */
	if (!in || (!in->som_known && in->flow))
		return -ENOENT;
	uet_ses_in_result(in, res);
	if (action == UET_SES_PEEK_CLAIM)
		*claim = claim_message(in);
	else if (action == UET_SES_PEEK_DISCARD)
		discard(in);
	return 0;
}

void uet_ses_claimed_recv(struct uet_ses_unex *claim, struct uet_ses_rx *rx, uint64_t now)
{
	struct uet_ses_in *in = uet_ses_unex_in(claim);
	struct uet_ses_in copy = *in;

	(void)now;
	claim->claimed = false;
	if (in->state != UET_IN_FAILED) {
		uet_ses_attach(in, rx);
		return;
	}
	discard(in);
	uet_ses_rx_fail(rx, &copy, copy.rc);
}

void uet_ses_claimed_discard(struct uet_ses_unex *claim)
{
	claim->claimed = false;
	discard(uet_ses_unex_in(claim));
}
