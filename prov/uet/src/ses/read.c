/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomics as their initiator: headers, and the data that comes back (UEC 3.4.4.2).
 *
 * A read is cut into requests of one payload MTU. Each has its answer when its data is here -
 * inside the ACK or in the return direction - or an error; until then its message awaits.
 */
#include "base/log.h"
#include "ses/rndv.h"

/* May @tx travel under the optimized header? UEC 3.4.1, Table 3-10. */
static bool goes_small(const struct uet_ses_tx *tx)
{
	return tx->dest.small && (tx->key & UET_KEY_OPTIMIZED) && !tx->has_data &&
	       tx->opcode != UET_OP_FETCHING_ATOMIC && tx->msg.pkt_cnt == 1 &&
	       tx->len <= UET_SES_PAYLOAD_LEN_MAX;
}

/* RUDI carries reads, and writes that tell nobody. */
static bool goes_rudi(const struct uet_ses_tx *tx)
{
	return tx->opcode == UET_OP_READ || (tx->opcode == UET_OP_WRITE && !tx->has_data);
}

int uet_ses_rudi_post(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	if (!goes_rudi(tx))
		return uet_pds_post(ses->pds, &tx->dest.addr, UET_MODE_RUD, &tx->msg, now);
	return uet_pds_post_rudi(ses->pds, &tx->dest.addr, &tx->msg, now);
}

static struct uet_list *bucket(struct uet_ses *ses, uint16_t id)
{
	return &ses->reads[id % UET_SES_READ_BUCKETS];
}

void uet_ses_rma_begin(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->amo)
		tx->msg.pkt_cnt = 1;
	tx->msg.awaits = uet_ses_is_fetch(tx) && !(tx->mode == UET_MODE_RUDI && goes_rudi(tx));
	tx->data_pkts = 0;
	if (tx->msg.awaits)
		uet_list_add_tail(bucket(ses, tx->message_id), &tx->read_link);
}

uint32_t uet_ses_rma_header(const struct uet_ses_tx *tx, struct uet_ses_req *req, uint32_t n)
{
	req->buffer_offset = tx->offset;
	req->match_bits = tx->key;
	if (req->opcode == UET_OP_MSG_ERROR)
		return 0;
	if (tx->amo)
		n = uet_ses_amo_header(tx, req);
	else if (tx->opcode == UET_OP_READ)
		n = 0;
	if (goes_small(tx)) {
		req->format = UET_HDR_REQUEST_SMALL;
		req->resource_index = (uint16_t)(tx->key & UET_KEY_OPTIMIZED_RKEY);
	}
	return n;
}

/* Put the data of packet @index where it belongs. False: it is not what was asked for. */
static bool place(const struct uet_ses *ses, struct uet_ses_tx *tx, uint32_t index,
		  const struct uet_ses_resp *resp, const uint8_t *data, size_t avail)
{
	size_t off = (size_t)index * ses->cfg.payload_mtu;
	size_t n = resp->payload_length;

	if (n > avail ||
	    (resp->format == UET_HDR_RESPONSE_DATA && resp->message_offset != off))
		return false;
	if (tx->amo)
		return uet_ses_amo_result(tx, data, n);
	if (n != uet_min_u64(tx->len - off, ses->cfg.payload_mtu))
		return false;
	if (uet_unlikely(tx->pull))
		uet_ses_rndv_place(tx, off, data, n);
	else if (n > 0 && tx->iov_cnt > 0)
		uet_ses_iov_write(tx->iov, tx->iov_cnt, &tx->cur, off, data, n);
	return true;
}

/* A response with data for packet @index of @tx, wherever it came from. */
static void take_data(struct uet_ses *ses, struct uet_ses_tx *tx, uint32_t index,
		      const struct uet_ses_resp *resp, const uint8_t *data, size_t avail)
{
	if (resp->return_code != UET_RC_OK)
		uet_ses_tx_refused(ses, tx, resp);
	else if (tx->rc != UET_RC_OK || tx->garbled)
		return;
	else if (place(ses, tx, index, resp, data, avail))
		tx->data_pkts++;
	else
		uet_ses_tx_garbled(ses, tx);
}

bool uet_ses_read_response(struct uet_ses *ses, struct uet_ses_tx *tx, uint32_t index,
			   uint8_t next_hdr, const uint8_t *hdr, size_t len)
{
	struct uet_ses_resp resp;
	int n = uet_ses_resp_unpack(&resp, next_hdr, hdr, len);
	bool failed = tx->rc != UET_RC_OK || tx->garbled;

	if (n < 0 || resp.version != 0 || resp.opcode > UET_RESP_NO_RESPONSE ||
	    (resp.opcode == UET_RESP_W_DATA) != (next_hdr != UET_HDR_RESPONSE)) {
		uet_ses_tx_garbled(ses, tx);
		return true;
	}
	if (resp.opcode == UET_RESP_W_DATA) {
		take_data(ses, tx, index, &resp, hdr + n, len - (size_t)n);
		return true;
	}
	if (resp.return_code != UET_RC_OK && resp.return_code != UET_RC_NULL) {
		uet_ses_tx_refused(ses, tx, &resp);
		return true;
	}
	/* The data comes by itself, unless the target has given up; RUDI has no other way. */
	if (tx->msg.awaits)
		return failed && resp.opcode != UET_RESP_NO_RESPONSE;
	uet_ses_tx_garbled(ses, tx);
	return true;
}

void uet_ses_read_ended(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	/* RUDI ends a packet with any response; the return direction only with its data. */
	if (tx->rc == UET_RC_OK && tx->data_pkts < tx->msg.pkt_cnt)
		uet_ses_tx_garbled(ses, tx);
}

/* The read that @resp, which came over @pdc, has data for, and the packet; NULL: none. */
static struct uet_ses_tx *find_read(struct uet_ses *ses, struct uet_pdc *pdc,
				    const struct uet_ses_resp *resp, uint32_t *index)
{
	struct uet_pds_msg *msg;
	struct uet_list *pos;

	if (resp->format == UET_HDR_RESPONSE_DATA_SMALL) {
		struct uet_ses_tx *tx;

		msg = uet_pdc_msg_at(pdc, resp->original_request_psn, index);
		tx = msg ? uet_container_of(msg, struct uet_ses_tx, msg) : NULL;
		return tx && msg->awaits && uet_ses_is_fetch(tx) ? tx : NULL;
	}
	*index = resp->message_offset / ses->cfg.payload_mtu;
	uet_list_for_each(pos, bucket(ses, resp->read_request_message_id)) {
		struct uet_ses_tx *tx = uet_list_entry(pos, struct uet_ses_tx, read_link);

		if (tx->message_id == resp->read_request_message_id && tx->msg.pdc == pdc)
			return tx;
	}
	return NULL;
}

void uet_ses_read_data(struct uet_ses *ses, const struct uet_pds_rx *rx,
		       struct uet_pds_answer *answer)
{
	struct uet_ses_req req = { 0 };		/* as what is answered */
	struct uet_ses_resp resp;
	struct uet_ses_tx *tx;
	uint32_t index;
	int n = uet_ses_resp_unpack(&resp, rx->next_hdr, rx->data, rx->len);

	if (n < 0 || resp.version != 0 || resp.opcode != UET_RESP_W_DATA || !rx->pdc) {
		ses->stats.drop_malformed++;
		uet_ses_refuse(ses, &req, UET_RC_UNSUPPORTED_OP, answer);
		return;
	}
	req.message_id = resp.message_id;
	req.job_id = resp.job_id;
	uet_ses_answer(answer, &req, UET_RESP_DEFAULT, UET_LIST_EXPECTED, UET_RC_OK,
		       resp.payload_length, false);
	tx = find_read(ses, rx->pdc, &resp, &index);
	if (!tx || index >= tx->msg.next) {
		uet_debug("data for message %u, which awaits none", resp.read_request_message_id);
		return;
	}
	take_data(ses, tx, index, &resp, rx->data + n, rx->len - (size_t)n);
	uet_pds_answered(ses->pds, &tx->msg, index);
}
