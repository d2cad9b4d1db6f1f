/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inbound messages and the flows (one per PDC) on which they hang while packets are missing.
 */
#include <stddef.h>
#include <string.h>

#include "ses/rndv.h"

struct uet_ses_in *uet_ses_in_new(struct uet_ses *ses, struct uet_ses_rxq *rxq,
				  const struct uet_ses_req *req, const struct uet_addr *src)
{
	struct uet_ses_in *in = uet_pool_get(&rxq->in_pool);

	if (!in)
		return NULL;
	memset(in, 0, offsetof(struct uet_ses_in, part));
	uet_list_init(&in->unex.link);
	uet_list_init(&in->open);
	uet_list_init(&in->token_link);
	uet_list_init(&in->wait);
	in->unex.lo = UINT32_MAX;
	in->ses = ses;
	in->rxq = rxq;
	in->resource_index = req->resource_index;
	in->source.host = *src;
	in->source.host.port = 0;
	in->source.initiator = req->initiator;
	in->tag = req->match_bits;
	in->request_length = req->request_length;
	in->pushed = req->request_length;
	in->expected = req->request_length;
	in->message_id = req->message_id;
	in->state = UET_IN_UNEX;
	return in;
}

/* Take @in off the spare ones, or off ses->rma, if it is there. */
static void leave_list(struct uet_ses_in *in)
{
	if (in->unex.counted || uet_list_empty(&in->unex.link))
		return;
	uet_list_del(&in->unex.link);
	if (in->state != UET_IN_RMA)
		in->rxq->spare_count--;
}

void uet_ses_in_put(struct uet_ses_in *in)
{
	if (in->flow || in->unex.counted || in->target_token || in->pull)
		return;
	leave_list(in);
	uet_pool_put(&in->rxq->in_pool, in);
}

static struct uet_ses_flow *flow_of(struct uet_pdc *pdc)
{
	return *uet_pdc_upper(pdc);
}

static void set_last(struct uet_ses_flow *flow, struct uet_ses_in *in)
{
	flow->last = in;
	flow->known = false;
}

struct uet_ses_in *uet_ses_in_find(struct uet_pdc *pdc, uint16_t message_id)
{
	struct uet_ses_flow *flow = flow_of(pdc);
	struct uet_list *pos;

	if (!flow)
		return NULL;
	if (flow->last && flow->last->message_id == message_id)
		return flow->last;
	uet_list_for_each(pos, &flow->open) {
		struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, open);

		if (in->message_id == message_id) {
			set_last(flow, in);
			return in;
		}
	}
	return NULL;
}

static struct uet_ses_flow *flow_get(struct uet_ses *ses, struct uet_pdc *pdc)
{
	struct uet_ses_flow *flow = flow_of(pdc);

	if (flow)
		return flow;
	flow = uet_pool_get(&ses->flow_pool);
	if (!flow)
		return NULL;
	uet_list_init(&flow->open);
	uet_list_init(&flow->link);
	uet_list_add_tail(&ses->flows, &flow->link);
	set_last(flow, NULL);
	*uet_pdc_upper(pdc) = flow;
	return flow;
}

bool uet_ses_in_open(struct uet_ses *ses, struct uet_ses_in *in, struct uet_pdc *pdc)
{
	struct uet_ses_flow *flow = flow_get(ses, pdc);

	if (!flow)
		return false;
	in->flow = flow;
	set_last(flow, in);
	uet_list_add_tail(&flow->open, &in->open);
	return true;
}

void uet_ses_in_close(struct uet_ses_in *in)
{
	if (!in->flow)
		return;
	if (in->flow->last == in)
		set_last(in->flow, NULL);
	in->flow = NULL;
	uet_list_del(&in->open);
}

struct uet_ses_in *uet_ses_in_other(struct uet_pdc *pdc, const struct uet_ses_in *except)
{
	struct uet_ses_flow *flow = flow_of(pdc);
	struct uet_list *pos;

	if (!flow)
		return NULL;
	uet_list_for_each(pos, &flow->open) {
		struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, open);

		if (in != except)
			return in;
	}
	return NULL;
}

static void evict_spare(struct uet_ses_rxq *rxq)
{
	struct uet_ses_unex *oldest;

	oldest = uet_list_entry(uet_list_first(&rxq->spare), struct uet_ses_unex, link);
	uet_ses_in_close(uet_ses_unex_in(oldest));
	uet_ses_in_put(uet_ses_unex_in(oldest));
}

void uet_ses_in_swallow(struct uet_ses_in *in, uint8_t state, uint8_t rc)
{
	struct uet_ses_rxq *rxq = in->rxq;

	if (in->state == UET_IN_RMA)
		leave_list(in);
	in->state = state;
	in->rc = rc;
	if (!in->flow || in->unex.counted) {
		uet_ses_in_put(in);
		return;
	}
	if (!uet_list_empty(&in->unex.link))
		return;
	uet_list_add_tail(&rxq->spare, &in->unex.link);
	if (++rxq->spare_count > UET_SES_SPARE_IN)
		evict_spare(rxq);
}

void uet_ses_in_fail(struct uet_ses_in *in, uint8_t rc)
{
	struct uet_ses_in copy = *in;

	if (in->state == UET_IN_FAILED)
		return;
	if (in->state == UET_IN_UNEX)
		uet_ses_unex_remove(in);
	else if (in->state == UET_IN_AWAIT)
		uet_ses_defer_forget(in);
	else if (in->state == UET_IN_PULL)
		uet_ses_rndv_forget(in);
	else if (in->state == UET_IN_RMA && in->resource_index == UET_SES_CONTROL_INDEX)
		uet_ses_rndv_broken(in->ses, in->tag);
	if (copy.rx == &in->part)
		copy.rx = &copy.part;
	in->rx = NULL;
	in->deferred = false;
	uet_ses_in_swallow(in, UET_IN_FAILED, rc);
	/* Last, because the callback may change every list. */
	if (copy.rx)
		uet_ses_rx_fail(copy.rx, &copy, rc);
}

void uet_ses_in_abandon(struct uet_ses_in *in)
{
	uet_ses_in_close(in);
	if (in->deferred)
		uet_ses_defer_over(in);
	else if (in->state == UET_IN_FAILED)
		uet_ses_in_put(in);
	else
		uet_ses_in_fail(in, UET_RC_NULL);
}

void uet_ses_in_orphan(struct uet_ses_in *in)
{
	struct uet_ses_rxq *rxq = in->rxq;
	struct uet_ses_rx *rx = in->rx;
	struct uet_ses_rx part;

	if (rx == &in->part) {
		part = *rx;
		rx = &part;
	}
	uet_ses_in_close(in);
	if (in->state == UET_IN_UNEX)
		uet_ses_unex_remove(in);
	else if (in->state == UET_IN_AWAIT)
		uet_ses_defer_forget(in);
	else if (in->state == UET_IN_PULL)
		uet_ses_rndv_forget(in);
	in->rx = NULL;
	in->ses = NULL;
	uet_ses_in_swallow(in, UET_IN_FAILED, UET_RC_NULL);
	if (rx && rx->parent)
		uet_ses_multi_drop(rxq, rx);
	else if (rx)
		uet_ses_rx_again(rxq, rx);
}

void uet_ses_in_result(const struct uet_ses_in *in, struct uet_ses_rx_result *res)
{
	memset(res, 0, sizeof(*res));
	res->queue = in->queue;
	res->has_data = in->has_data;
	res->len = in->request_length;
	res->msg_len = in->request_length;
	res->tag = in->tag;
	res->data = in->data;
	res->resource_index = in->resource_index;
	res->source = in->source;
}

/* What is incomplete stays so, whatever the reason; but of a deferred one nothing is missing. */
static void leave(struct uet_ses_in *in, int err)
{
	if (in->deferred && err) {
		uet_ses_in_close(in);
		uet_ses_in_fail(in, UET_RC_NULL);
	} else {
		uet_ses_in_abandon(in);
	}
}

void uet_ses_pdc_gone(void *upper, struct uet_pdc *pdc, int err)
{
	struct uet_ses *ses = upper;
	struct uet_ses_flow *flow = flow_of(pdc);

	uet_ses_reply_pdc_gone(ses, pdc);
	uet_ses_watch_pdc_gone(ses, pdc, err);
	if (!flow)
		return;
	while (!uet_list_empty(&flow->open))
		leave(uet_list_entry(uet_list_first(&flow->open), struct uet_ses_in, open), err);
	*uet_pdc_upper(pdc) = NULL;
	uet_list_del(&flow->link);
	uet_pool_put(&ses->flow_pool, flow);
}
