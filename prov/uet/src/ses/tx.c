/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sending: cutting messages into packets (UEC 3.4.1), ids, answers, completion.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "ses/rndv.h"
#include "wire/names.h"

#define PROV_ERRNO_NACK 0x100

static struct uet_ses_tx *tx_of(struct uet_pds_msg *msg)
{
	return uet_container_of(msg, struct uet_ses_tx, msg);
}

uint16_t uet_ses_id_get(struct uet_ses *ses)
{
	uint32_t words = UET_ARRAY_SIZE(ses->ids);
	uint32_t start = (uint16_t)(ses->id_last + 1);
	uint32_t i, w, bit;
	uint64_t free_bits;

	for (i = 0; i <= words; i++) {
		w = (start / 64 + i) % words;
		free_bits = ~ses->ids[w];
		if (i == 0)
			free_bits &= ~0ull << (start % 64);
		if (!free_bits)
			continue;
		bit = (uint32_t)__builtin_ctzll(free_bits);
		ses->ids[w] |= 1ull << bit;
		ses->ids_used++;
		ses->id_last = (uint16_t)(w * 64 + bit);
		return ses->id_last;
	}
	return 0;
}

void uet_ses_id_put(struct uet_ses *ses, uint16_t id)
{
	ses->ids[id / 64] &= ~(1ull << (id % 64));
	ses->ids_used--;
}

static uint32_t pkt_count(const struct uet_ses *ses, size_t len)
{
	if (len == 0)
		return 1;
	return (uint32_t)((len + ses->cfg.payload_mtu - 1) / ses->cfg.payload_mtu);
}

static uet_always_inline void fill_payload(struct uet_ses_tx *tx, size_t off, uint32_t n,
					   struct uet_pds_fill *out)
{
	const char *whole = tx->copy;

	if (!whole && tx->iov_cnt == 1)
		whole = tx->iov[0].iov_base;
	out->payload_len = n;
	if (uet_likely(whole && n > 0)) {
		out->iov_cnt = 1;
		out->iov[0].iov_base = (char *)(uintptr_t)whole + off;
		out->iov[0].iov_len = n;
		return;
	}
	out->iov_cnt = uet_ses_iov_slice(tx->iov, tx->iov_cnt, &tx->cur, off, n, out->iov);
}

/* The fields that all packets of a message share. */
static void fill_common(const struct uet_ses *ses, const struct uet_ses_tx *tx,
			struct uet_ses_req *req)
{
	memset(req, 0, sizeof(*req));
	req->format = UET_HDR_REQUEST_STD;
	req->opcode = tx->opcode;
	req->dc = tx->dc || tx->match;
	req->rel = tx->dest.relative;
	req->message_id = tx->message_id;
	req->ri_generation = tx->ri_generation;
	req->job_id = ses->cfg.job_id;
	req->pid_on_fep = tx->dest.pid_on_fep;
	req->resource_index = tx->dest.resource_index;
	req->initiator = ses->cfg.initiator;
	req->match_bits = tx->opcode == UET_OP_TAGGED_SEND ? tx->tag : 0;
	req->request_length = (uint32_t)tx->len;
}

/* The usual kinds of message, whose packets have headers as fill_usual writes them. */
static bool is_usual(const struct uet_ses_tx *tx)
{
	if (tx->stopped || tx->rndv)
		return false;
	if (tx->opcode == UET_OP_WRITE)
		return !(tx->key & UET_KEY_OPTIMIZED);
	return tx->opcode == UET_OP_SEND || tx->opcode == UET_OP_TAGGED_SEND;
}

/* uet_ses_fill for packet @index of a usual message. */
static uet_always_inline void fill_usual(const struct uet_ses *ses, struct uet_ses_tx *tx,
					 uint32_t index, struct uet_pds_fill *out)
{
	size_t off = tx->from + (size_t)index * ses->cfg.payload_mtu;
	uint32_t n = (uint32_t)uet_min_u64(tx->len - off, ses->cfg.payload_mtu);
	struct uet_ses_brief req = {
		.opcode = tx->opcode,
		.flags = tx->dc || tx->match ? UET_SES_F_DC : 0,
		.ri_generation = tx->ri_generation,
		.message_id = tx->message_id,
		.job_id = ses->cfg.job_id,
		.pid_on_fep = tx->dest.pid_on_fep,
		.resource_index = tx->dest.resource_index,
		.initiator = ses->cfg.initiator,
		.match_bits = tx->opcode == UET_OP_TAGGED_SEND ? tx->tag : 0,
		.request_length = (uint32_t)tx->len,
		.payload_length = (uint16_t)n,
		.message_offset = (uint32_t)off,
	};

	if (tx->dest.relative)
		req.flags |= UET_SES_F_REL;
	if (index == 0) {
		req.flags |= UET_SES_F_SOM | (tx->has_data ? UET_SES_F_HD : 0);
		req.header_data = tx->has_data ? tx->data : 0;
	}
	if (off + n == tx->len)
		req.flags |= UET_SES_F_EOM;
	if (tx->opcode == UET_OP_WRITE) {
		req.buffer_offset = tx->offset;
		req.match_bits = tx->key;
	} else if (tx->token) {
		req.opcode = uet_ses_defer_opcode(tx);
		req.buffer_offset = (uint64_t)tx->token << 32 | tx->target_token;
	}
	uet_ses_brief_pack(&req, out->ses);
	out->ses_len = UET_SES_STD_LEN;
	out->next_hdr = UET_HDR_REQUEST_STD;
	out->eom = req.flags & UET_SES_F_EOM;
	out->lazy = tx->lazy;
	fill_payload(tx, off, n, out);
}

static uet_noinline void fill_any(struct uet_ses *ses, struct uet_ses_tx *tx, uint32_t index,
				  struct uet_pds_fill *out)
{
	uint32_t mtu = ses->cfg.payload_mtu;
	size_t off = tx->from + (size_t)index * mtu;
	size_t len = uet_ses_pushed(tx);
	struct uet_ses_req req;
	uint32_t n = 0;

	if (uet_unlikely(tx->opcode == UET_SES_REPLY)) {
		uet_ses_reply_fill(tx, out);
		return;
	}
	fill_common(ses, tx, &req);
	if (uet_ses_is_note(tx)) {
		uet_ses_note_header(tx, &req);
	} else if (tx->stopped && off >= tx->sent_bytes) {
		if (!tx->halted)
			req.opcode = UET_OP_MSG_ERROR;
		req.message_offset = tx->sent_bytes;
		req.eom = true;
	} else {
		n = (uint32_t)uet_min_u64(len - off, mtu);
		req.som = index == 0;
		req.eom = off + n == len;
		req.hd = req.som && tx->has_data;
		req.header_data = req.hd ? tx->data : 0;
		req.message_offset = (uint32_t)off;
		req.payload_length = req.som ? 0 : (uint16_t)n;
	}
	if (uet_ses_is_rma(tx->opcode))
		n = uet_ses_rma_header(tx, &req, n);
	if (tx->token)
		uet_ses_defer_header(tx, &req);
	else if (tx->rndv)
		uet_ses_rndv_header(ses, tx, &req);
	out->ses_len = (uint8_t)uet_ses_req_pack(&req, out->ses);
	out->next_hdr = req.format;
	out->eom = req.eom;
	out->lazy = tx->lazy;
	fill_payload(tx, off, n, out);
}

void uet_ses_fill(void *upper, struct uet_pds_msg *msg, uint32_t index, struct uet_pds_fill *out)
{
	struct uet_ses_tx *tx = tx_of(msg);

	if (uet_likely(is_usual(tx)))
		fill_usual(upper, tx, index, out);
	else
		fill_any(upper, tx, index, out);
}

int uet_ses_tx_post(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	uint16_t id = uet_ses_id_get(ses);
	int ret;

	if (id == 0)
		return -EAGAIN;
	tx->message_id = id;
	tx->rc = UET_RC_OK;
	tx->garbled = false;
	tx->answered = false;
	tx->stopped = false;
	tx->halted = false;
	tx->deferred = false;
	tx->no_response = 0;
	memset(&tx->cur, 0, sizeof(tx->cur));
	memset(&tx->msg, 0, sizeof(tx->msg));
	uet_list_init(&tx->msg.link);
	tx->msg.pkt_cnt = pkt_count(ses, uet_ses_pushed(tx) - tx->from);
	tx->posted = true;
	if (uet_ses_is_rma(tx->opcode))
		uet_ses_rma_begin(ses, tx);
	uet_list_add_tail(&ses->active, &tx->link);
	ses->in_post = true;
	if (uet_unlikely(tx->mode == UET_MODE_RUDI))
		ret = uet_ses_rudi_post(ses, tx, now);
	else
		ret = uet_pds_post(ses->pds, &tx->dest.addr, tx->mode, &tx->msg, now);
	ses->in_post = false;
	if (ret)
		uet_ses_tx_unpost(ses, tx);
	return ret;
}

void uet_ses_tx_unpost(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	uet_list_del(&tx->link);
	uet_list_del(&tx->read_link);
	tx->posted = false;
	uet_ses_id_put(ses, tx->message_id);
}

void uet_ses_tx_uncopy(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->amo)
		uet_ses_amo_uncopy(ses, tx);
	else if (tx->copy)
		uet_pool_put(&ses->copy_pool, tx->copy);
	tx->copy = NULL;
}

static int copy_payload(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	char *to;
	uint8_t i;

	assert(tx->len <= ses->cfg.inject_size);
	tx->copy = uet_pool_get(&ses->copy_pool);
	if (!tx->copy)
		return -EAGAIN;
	to = tx->copy;
	for (i = 0; i < tx->iov_cnt; i++) {
		if (tx->iov[i].iov_len == 0)
			continue;
		memcpy(to, tx->iov[i].iov_base, tx->iov[i].iov_len);
		to += tx->iov[i].iov_len;
	}
	return 0;
}

int uet_ses_tx_start(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	if (uet_unlikely(!uet_list_empty(&ses->holds)) && uet_ses_retry_enqueue(ses, tx))
		return 0;
	return uet_ses_tx_post(ses, tx, now);
}

int uet_ses_send(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	int ret;

	assert(tx->len <= UET_SES_MAX_MSG && tx->iov_cnt <= UET_SES_IOV);
	if (uet_unlikely(tx->mode == UET_MODE_UUD))
		return uet_ses_dgram_send(ses, tx, now);
	ret = 0;
	if (tx->amo)
		ret = uet_ses_amo_encode(ses, tx);
	else if (tx->inject && tx->len > 0)
		ret = copy_payload(ses, tx);
	if (!ret && uet_unlikely(ses->cfg.rndv_size))
		ret = uet_ses_rndv_init(ses, tx);
	if (ret)
		return ret;
	uet_ses_defer_init(ses, tx);
	tx->seq = ses->tx_seq++;
	ret = uet_unlikely(tx->fence | !uet_list_empty(&ses->fences)) ?
	      uet_ses_fence_hold(ses, tx) : 0;
	if (!ret)
		ret = uet_ses_tx_start(ses, tx, now);
	if (ret >= 0) {
		ses->tx_open++;
		return 0;
	}
	uet_ses_defer_end(tx);
	uet_ses_rndv_end(ses, tx);
	uet_ses_tx_uncopy(ses, tx);
	return ret;
}

/* The target is told by a MSG_ERROR (3.4.1), or by an empty packet that the attempt is over. */
void uet_ses_tx_stop(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->stopped || tx->msg.next >= tx->msg.pkt_cnt)
		return;
	tx->stopped = true;
	tx->halted = tx->deferred;
	tx->sent_bytes = tx->from + tx->msg.next * ses->cfg.payload_mtu;
	/* An end gets no data for an answer, and with RUDI targets know of no messages. */
	uet_pds_stop(ses->pds, &tx->msg, !tx->msg.awaits && tx->msg.pdc);
}

void uet_ses_tx_refused(struct uet_ses *ses, struct uet_ses_tx *tx,
			const struct uet_ses_resp *resp)
{
	ses->stats.rc_received[resp->return_code & 63]++;
	if (tx->rc != UET_RC_OK || tx->garbled)
		return;
	tx->rc = resp->return_code;
	tx->answered = true;
	if (tx->rc == UET_RC_BAD_GENERATION)
		tx->ri_generation = resp->ri_generation;
	uet_debug("message %u refused: %s", tx->message_id, uet_rc_name(tx->rc));
	/* First of all, as PDS goes on to the next message when this one is stopped. */
	if (uet_ses_rc_repeat(tx->rc) && !tx->pull)
		uet_ses_retry_refused(ses, tx);
	uet_ses_tx_stop(ses, tx);
}

void uet_ses_tx_garbled(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	/* Success cannot be claimed for a message whose answer nobody understands. */
	ses->stats.drop_malformed++;
	if (tx->rc != UET_RC_OK || tx->garbled)
		return;
	tx->garbled = true;
	uet_ses_tx_stop(ses, tx);
}

/*
 * NO_RESPONSE says that the packet is taken and the outcome open. That is no answer yet if
 * this is the last open packet and no other one brought an answer, an implicit one included.
 */
static bool no_response(struct uet_ses_tx *tx)
{
	const struct uet_pds_msg *msg = &tx->msg;
	bool last = msg->next >= msg->pkt_cnt && msg->completed + 1 >= msg->pkt_cnt;
	bool answered = tx->answered || tx->garbled || msg->completed > tx->no_response;

	if (last && !answered)
		return false;
	tx->no_response++;
	return true;
}

bool uet_ses_response(void *upper, struct uet_pds_msg *msg, uint32_t index, uint8_t next_hdr,
		      const uint8_t *hdr, size_t len)
{
	struct uet_ses *ses = upper;
	struct uet_ses_tx *tx = tx_of(msg);
	struct uet_ses_resp resp;

	if (uet_unlikely(tx->opcode == UET_SES_REPLY))
		return true;
	if (uet_unlikely(uet_ses_is_fetch(tx)))
		return uet_ses_read_response(ses, tx, index, next_hdr, hdr, len);
	if (uet_ses_resp_unpack(&resp, next_hdr, hdr, len) < 0 || resp.version != 0 ||
	    (resp.opcode != UET_RESP_DEFAULT && resp.opcode != UET_RESP_RESPONSE &&
	     resp.opcode != UET_RESP_NO_RESPONSE)) {
		uet_ses_tx_garbled(ses, tx);
		return true;
	}
	if (uet_unlikely(uet_ses_is_note(tx))) {
		uet_ses_note_response(tx, &resp);
		return true;
	}
	if (resp.opcode == UET_RESP_NO_RESPONSE)
		return no_response(tx);
	if (resp.return_code != UET_RC_OK && resp.return_code != UET_RC_NULL) {
		uet_ses_tx_refused(ses, tx, &resp);
		return true;
	}
	tx->answered = true;
	if (tx->token)
		uet_ses_defer_response(ses, tx, &resp);
	return true;
}

static void succeed(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	ses->tx_open--;
	ses->stats.tx_msgs++;
	ses->stats.tx_bytes += tx->len;
	ses->ops->tx_done(ses->upper, tx, 0, 0);
}

static void finish(struct uet_ses *ses, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	uet_ses_retry_ended(ses, tx, !err);
	if (uet_unlikely(!uet_list_empty(&ses->fences)))
		uet_ses_fence_ended(ses, tx);
	uet_ses_defer_end(tx);
	uet_ses_rndv_end(ses, tx);
	if (!err) {
		succeed(ses, tx);
		return;
	}
	ses->tx_open--;
	ses->ops->tx_done(ses->upper, tx, err, prov_errno);
}

void uet_ses_tx_finish(struct uet_ses *ses, struct uet_ses_tx *tx, int err)
{
	finish(ses, tx, err, 0);
}

void uet_ses_tx_end(struct uet_ses *ses, struct uet_ses_tx *tx, int err, uint8_t nack)
{
	bool repeat = uet_ses_rc_repeat(tx->rc);

	if (repeat && !err && uet_ses_retry_later(ses, tx))
		return;
	if (tx->rc != UET_RC_OK && !(repeat && err))
		finish(ses, tx, uet_ses_rc_errno(tx->rc), tx->rc);
	else if (err)
		finish(ses, tx, err, nack ? PROV_ERRNO_NACK + nack : 0);
	else if (tx->deferred && !tx->garbled)
		uet_ses_defer_park(ses, tx);
	else if (tx->rndv && !tx->garbled)
		uet_ses_rndv_park(ses, tx);
	else
		finish(ses, tx, tx->garbled ? -EIO : 0, 0);
}

/* A usual message of which nothing more has to be said than that it is done. */
static bool ends_well(const struct uet_ses *ses, const struct uet_ses_tx *tx)
{
	return is_usual(tx) && tx->rc == UET_RC_OK && !tx->token && !tx->hold &&
	       !(tx->garbled | tx->pull | ses->in_post) && uet_list_empty(&ses->fences);
}

void uet_ses_done(void *upper, struct uet_pds_msg *msg, int err, uint8_t nack)
{
	struct uet_ses *ses = upper;
	struct uet_ses_tx *tx = tx_of(msg);

	if (uet_likely(!err && ends_well(ses, tx))) {
		uet_ses_tx_unpost(ses, tx);
		succeed(ses, tx);
		return;
	}
	if (uet_unlikely(tx->opcode == UET_SES_REPLY)) {
		uet_ses_reply_done(ses, tx, err);
		return;
	}
	uet_ses_tx_unpost(ses, tx);
	if (uet_unlikely(uet_ses_is_note(tx))) {
		uet_ses_note_done(ses, tx, err);
		return;
	}
	if (uet_unlikely(uet_ses_is_fetch(tx)) && !err)
		uet_ses_read_ended(ses, tx);
	if (uet_unlikely(tx->pull)) {
		uet_ses_rndv_pulled(ses, tx, err);
		return;
	}
	if (!ses->in_post) {
		uet_ses_tx_end(ses, tx, err, nack);
		return;
	}
	/* The caller of uet_ses_send is not prepared for tx_done yet: uet_ses_progress. */
	tx->err = err;
	tx->nack = nack;
	uet_list_add_tail(&ses->finished, &tx->link);
	ses->next = 0;
}
