/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Data for readers (UEC 3.4.4.2): inside the ACK when the whole message is tiny, else as a
 * message of one packet in the return direction, whose buffer lives until it is acknowledged.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "ses/rndv.h"

static void header(const struct uet_ses_rma_pkt *p, struct uet_ses_resp *resp)
{
	bool std = p->req.format == UET_HDR_REQUEST_STD;

	memset(resp, 0, sizeof(*resp));
	resp->format = std ? UET_HDR_RESPONSE_DATA : UET_HDR_RESPONSE_DATA_SMALL;
	resp->list = UET_LIST_EXPECTED;
	resp->opcode = UET_RESP_W_DATA;
	resp->return_code = UET_RC_OK;
	resp->job_id = p->req.job_id;
	resp->read_request_message_id = p->req.message_id;
	resp->payload_length = (uint16_t)p->len;
	resp->modified_length = p->total;
	resp->message_offset = p->off;
	resp->original_request_psn = p->rx->psn;
}

void uet_ses_reply_now(const struct uet_ses_rma_pkt *p, const void *data,
		       struct uet_pds_answer *answer)
{
	struct uet_ses_resp resp;
	size_t n;

	header(p, &resp);
	n = uet_ses_resp_pack(&resp, answer->ses);
	answer->len = (uint8_t)n;
	if (p->rx->mode == UET_MODE_RUDI) {
		answer->data = data;
		answer->data_len = p->len;
	} else if (p->len > 0) {
		memcpy(answer->ses + n, data, p->len);
		answer->len = (uint8_t)(n + p->len);
	}
	answer->next_hdr = resp.format;
	answer->gtd_del = true;
	answer->complete = true;
}

void uet_ses_reply_refuse(struct uet_ses *ses, uint8_t nack, struct uet_pds_answer *answer)
{
	ses->stats.rma_refused++;
	answer->nack = nack;
}

struct uet_ses_reply *uet_ses_reply_get(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
					struct uet_pds_answer *answer)
{
	struct uet_ses_reply *reply = uet_pool_get(&ses->reply_pool);

	if (!reply) {
		uet_ses_reply_refuse(ses, UET_NACK_NO_PKT_BUFFER, answer);
		return NULL;
	}
	memset(reply, 0, sizeof(*reply));
	uet_list_init(&reply->tx.link);
	uet_list_init(&reply->tx.msg.link);
	reply->tx.opcode = UET_SES_REPLY;
	reply->tx.msg.pkt_cnt = 1;
	reply->tx.message_id = uet_ses_id_get(ses);
	if (reply->tx.message_id == 0) {
		uet_pool_put(&ses->reply_pool, reply);
		uet_ses_reply_refuse(ses, UET_NACK_NO_RESOURCE, answer);
		return NULL;
	}
	header(p, &reply->resp);
	reply->resp.message_id = reply->tx.message_id;
	reply->pdc = p->rx->pdc;
	return reply;
}

void uet_ses_reply_put(struct uet_ses *ses, struct uet_ses_reply *reply)
{
	uet_list_del(&reply->tx.link);
	uet_ses_id_put(ses, reply->tx.message_id);
	uet_pool_put(&ses->reply_pool, reply);
}

void uet_ses_reply_send(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
			struct uet_ses_reply *reply, struct uet_pds_answer *answer)
{
	uet_ses_answer(answer, &p->req, UET_RESP_NO_RESPONSE, UET_LIST_EXPECTED, UET_RC_NULL, 0,
		       false);
	if (uet_unlikely(uet_ses_rndv_reads(&p->req))) {
		reply->rndv_key = p->req.match_bits;
		uet_ses_rndv_reply(ses, reply->rndv_key);
	}
	if (uet_list_empty(&ses->replies) &&
	    uet_pds_post_return(ses->pds, reply->pdc, &reply->tx.msg, p->rx->now) == 0)
		return;
	/* What was read or fetched cannot be had again, so it waits here. */
	uet_list_add_tail(&ses->replies, &reply->tx.link);
	ses->next = 0;
}

void uet_ses_reply_progress(struct uet_ses *ses, uint64_t now)
{
	while (!uet_list_empty(&ses->replies)) {
		struct uet_list *first = uet_list_first(&ses->replies);
		struct uet_ses_tx *tx = uet_list_entry(first, struct uet_ses_tx, link);
		struct uet_ses_reply *reply = uet_container_of(tx, struct uet_ses_reply, tx);

		uet_list_del(first);
		if (uet_pds_post_return(ses->pds, reply->pdc, &tx->msg, now) == 0)
			continue;
		uet_list_add_after(&ses->replies, first);
		ses->next = uet_min_u64(ses->next, now + ses->cfg.retry_time);
		return;
	}
}

void uet_ses_reply_pdc_gone(struct uet_ses *ses, const struct uet_pdc *pdc)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->replies) {
		struct uet_ses_tx *tx = uet_list_entry(pos, struct uet_ses_tx, link);
		struct uet_ses_reply *reply = uet_container_of(tx, struct uet_ses_reply, tx);

		if (reply->pdc == pdc)
			uet_ses_reply_done(ses, tx, -EIO);
	}
}

void uet_ses_reply_fill(const struct uet_ses_tx *tx, struct uet_pds_fill *out)
{
	struct uet_ses_reply *reply = uet_container_of(tx, struct uet_ses_reply, tx);

	out->ses_len = (uint8_t)uet_ses_resp_pack(&reply->resp, out->ses);
	out->next_hdr = reply->resp.format;
	out->eom = true;
	out->lazy = true;
	out->payload_len = reply->resp.payload_length;
	out->iov_cnt = 1;
	out->iov[0].iov_base = reply->data;
	out->iov[0].iov_len = reply->resp.payload_length;
}

void uet_ses_reply_done(struct uet_ses *ses, struct uet_ses_tx *tx, int err)
{
	struct uet_ses_reply *reply = uet_container_of(tx, struct uet_ses_reply, tx);
	uint64_t key = reply->rndv_key;

	uet_ses_reply_put(ses, reply);
	if (uet_unlikely(key))
		uet_ses_rndv_replied(ses, key, err);
}
