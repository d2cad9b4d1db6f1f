/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Datagrams (UEC 3.4.4, DATAGRAM_SEND): one packet of mode UUD, of which nobody tells what
 * became. One that finds no receive waits for one as long as there is room, else is dropped.
 */
#include <assert.h>
#include <string.h>

#include "ses/rma.h"

int uet_ses_dgram_send(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	uint16_t id = uet_ses_id_get(ses);
	uint8_t hdr[UET_PDS_SES_MAX];
	struct uet_ses_req req = {
		.format = UET_HDR_REQUEST_STD,
		.opcode = UET_OP_DATAGRAM_SEND,
		.som = true, .eom = true,
		.rel = tx->dest.relative,
		.hd = tx->has_data,
		.header_data = tx->data,
		.message_id = id,
		.job_id = ses->cfg.job_id,
		.pid_on_fep = tx->dest.pid_on_fep,
		.resource_index = tx->dest.resource_index,
		.initiator = ses->cfg.initiator,
		.request_length = (uint32_t)tx->len,
	};
	size_t n = uet_ses_req_pack(&req, hdr);
	int ret;

	assert(tx->len <= ses->cfg.payload_mtu);
	/* The id is for people who read traces: nothing refers to it. */
	if (id)
		uet_ses_id_put(ses, id);
	ret = uet_pds_send_uud(ses->pds, &tx->dest.addr, req.format, hdr, n, tx->iov, tx->iov_cnt,
			       now);
	if (ret)
		return ret;
	ses->tx_open++;
	tx->rc = UET_RC_OK;
	tx->garbled = false;
	tx->err = 0;
	tx->nack = 0;
	tx->rc = UET_RC_OK;
	uet_list_add_tail(&ses->finished, &tx->link);
	ses->next = 0;
	return 0;
}

static bool acceptable(const struct uet_ses *ses, const struct uet_ses_req *req, size_t avail)
{
	return req->opcode == UET_OP_DATAGRAM_SEND && req->version == 0 && !req->ie &&
	       req->format != UET_HDR_REQUEST_SMALL && req->som && req->eom &&
	       req->request_length <= avail && uet_ses_check_target(ses, req) == UET_RC_OK;
}

/* No receive waits for @in: make it an unexpected message, within the limits for these. */
static void keep(struct uet_ses *ses, struct uet_ses_in *in, const uint8_t *payload)
{
	if (!uet_ses_unex_admit(in->rxq) || !uet_ses_unex_store(in)) {
		ses->stats.drop_datagram++;
		uet_ses_in_put(in);
		return;
	}
	if (in->request_length) {
		memcpy(in->unex.buf, payload, in->request_length);
		in->unex.lo = 0;
		in->unex.hi = in->request_length;
	}
	in->received = in->request_length;
	uet_ses_unex_add(in);
}

void uet_ses_dgram_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			  const struct uet_ses_req *req, const uint8_t *payload, size_t avail)
{
	struct uet_ses_rxq *rxq = uet_ses_rxq_at(ses, req->resource_index);
	struct uet_ses_in *in = NULL;

	if (acceptable(ses, req, avail))
		in = uet_ses_in_new(ses, rxq, req, rx->src);
	if (!in) {
		ses->stats.drop_datagram++;
		return;
	}
	in->queue = UET_SES_UNTAGGED;
	in->som_known = true;
	in->has_data = req->hd;
	in->data = req->header_data;
	in->rx = uet_ses_match_posted(rxq, in);
	if (!in->rx) {
		keep(ses, in, payload);
		return;
	}
	in->state = UET_IN_MATCHED;
	uet_ses_rx_write(in->rx, 0, payload, uet_min_u64(req->request_length, in->rx->len));
	uet_ses_deliver(in);
}
