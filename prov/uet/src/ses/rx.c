/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inbound request packets: checks in the order of UEC 3.4.6, then placing, counting and
 * answering. A message-wide fault (wrong JobID, PID ...) needs no state, because each packet
 * of the message shows it; a fault of one packet leaves a FAILED message behind, so that the
 * others are not taken for a new one.
 */
#include <string.h>

#include "ses/rndv.h"

/* A request packet being looked at. */
struct pkt {
	const struct uet_pds_rx *rx;
	struct uet_ses_rxq *rxq;	/* behind the resource index */
	struct uet_ses_req req;
	const uint8_t *payload;
	size_t avail;		/* bytes at payload */
	uint32_t off;		/* where the payload belongs in the message */
	uint32_t len;		/* payload bytes by the header */
	uint32_t total;		/* payload bytes of all packets of the message */
	uint8_t queue;
	bool deferrable;
	bool ends_early;	/* EOM before the end of the message */
};

static void refuse(struct uet_ses *ses, const struct pkt *p, uint8_t rc,
		   struct uet_pds_answer *answer)
{
	uet_ses_refuse(ses, &p->req, rc, answer);
}

static void refuse_now(struct uet_ses *ses, uint8_t nack, struct uet_pds_answer *answer)
{
	ses->stats.unexpected_refused++;
	answer->nack = nack;
}

static void answer_default(const struct pkt *p, uint32_t modified, struct uet_pds_answer *answer)
{
	uet_ses_answer(answer, &p->req, UET_RESP_DEFAULT, UET_LIST_EXPECTED, UET_RC_OK, modified,
		       false);
}

static void answer_open(const struct pkt *p, struct uet_pds_answer *answer)
{
	uet_ses_answer(answer, &p->req, UET_RESP_NO_RESPONSE, UET_LIST_EXPECTED, UET_RC_NULL, 0,
		       false);
}

/* Which requests are served here, in which format; sets queue and total. */
static uint8_t check_op(const struct uet_ses *ses, struct pkt *p)
{
	bool std = p->req.format == UET_HDR_REQUEST_STD;

	p->total = p->req.request_length;
	if (p->req.version != 0 || p->rx->mode == UET_MODE_RUDI)
		return UET_RC_UNSUPPORTED_OP;
	switch (p->req.opcode) {
	case UET_OP_NO_OP:
		return UET_RC_OK;
	case UET_OP_SEND:
	case UET_OP_TAGGED_SEND:
		p->queue = p->req.opcode == UET_OP_SEND ? UET_SES_UNTAGGED : UET_SES_TAGGED;
		return p->req.format == UET_HDR_REQUEST_SMALL ? UET_RC_UNSUPPORTED_OP : UET_RC_OK;
	case UET_OP_DEFERRABLE_SEND:
	case UET_OP_DEFERRABLE_TSEND:
		p->queue = p->req.opcode == UET_OP_DEFERRABLE_SEND ? UET_SES_UNTAGGED :
								     UET_SES_TAGGED;
		p->deferrable = true;
		return std ? UET_RC_OK : UET_RC_UNSUPPORTED_OP;
	case UET_OP_RENDEZVOUS_SEND:
	case UET_OP_RENDEZVOUS_TSEND:
		p->queue = p->req.opcode == UET_OP_RENDEZVOUS_SEND ? UET_SES_UNTAGGED :
								     UET_SES_TAGGED;
		p->total = p->req.eager_length;
		return std ? uet_ses_rndv_judge(ses, &p->req) : UET_RC_UNSUPPORTED_OP;
	case UET_OP_MSG_ERROR:
		p->queue = UET_SES_QUEUES;	/* that of the broken message, whichever it is */
		return std ? UET_RC_OK : UET_RC_UNSUPPORTED_OP;
	default:
		return UET_RC_UNSUPPORTED_OP;
	}
}

/* Nothing receives at @index: not yet, if the endpoint has such a context. */
static uint8_t missing_index(const struct uet_ses *ses, uint16_t index)
{
	uint32_t i = (uint32_t)index - ses->cfg.resource_index;

	return i < ses->cfg.indices ? UET_RC_DISABLED : UET_RC_BAD_INDEX;
}

uint8_t uet_ses_check_target(const struct uet_ses *ses, const struct uet_ses_req *req)
{
	if (req->rel && req->job_id != ses->cfg.job_id)
		return UET_RC_BAD_JOB_ID;
	if (req->pid_on_fep != ses->cfg.pid_on_fep)
		return UET_RC_BAD_PID;
	if (!uet_ses_rxq_at(ses, req->resource_index))
		return missing_index(ses, req->resource_index);
	if (req->ri_generation != 0)
		return UET_RC_BAD_GENERATION;
	return UET_RC_OK;
}

/* Work out where the payload belongs and how long it is; judge the packet alone. */
static uint8_t measure(struct pkt *p)
{
	const struct uet_ses_req *req = &p->req;

	if (req->format == UET_HDR_REQUEST_MEDIUM && !(req->som && req->eom))
		return UET_RC_UNSUPPORTED_OP;
	if (req->som) {
		p->off = 0;
		p->len = req->eom ? p->total : (uint32_t)uet_min_u64(p->avail, UINT32_MAX);
	} else {
		p->off = req->message_offset;
		p->len = req->payload_length;
	}
	p->ends_early = req->eom && (uint64_t)p->off + p->len < p->total;
	if (req->ie)
		return UET_RC_OK;
	if (p->len > p->avail || (uint64_t)p->off + p->len > p->total)
		return UET_RC_UNSUPPORTED_SIZE;
	if (req->som && p->len == 0 && p->total > 0)
		return UET_RC_UNSUPPORTED_SIZE;
	if (p->ends_early && !(p->deferrable && p->len == 0))
		return UET_RC_UNSUPPORTED_SIZE;
	/* The format has no use for an offset in sends; who sets one wants something else. */
	return req->buffer_offset ? UET_RC_UNSUPPORTED_OP : UET_RC_OK;
}

/* Count the packet's bytes without using them; frees @in with the last one. */
static void swallow(struct uet_ses_in *in, const struct pkt *p)
{
	uint64_t end = (uint64_t)p->off + p->len;

	in->som_taken = in->som_taken || p->req.som;
	in->received += (uint32_t)uet_min_u64(p->len, in->expected - in->received);
	if (p->ends_early && end < in->expected)
		in->expected = (uint32_t)end;
	if (in->received < in->expected)
		return;
	uet_ses_in_close(in);
	uet_ses_in_put(in);
}

static struct uet_ses_in *new_message(struct uet_ses *ses, const struct pkt *p)
{
	struct uet_ses_in *in = uet_ses_in_new(ses, p->rxq, &p->req, p->rx->src);

	if (!in)
		return NULL;
	in->queue = p->queue;
	if (uet_unlikely(uet_ses_is_rndv(p->req.opcode)))
		uet_ses_rndv_learn(in, &p->req);
	return in;
}

/* May packets of the message still come that would be taken for another one? */
static bool others_may_come(const struct pkt *p)
{
	bool last = p->req.eom || p->ends_early;

	if (p->req.format != UET_HDR_REQUEST_STD)
		return false;
	return !last || (!p->req.som && p->rx->mode == UET_MODE_RUD);
}

/* Remember that the message of the packet is lost, for the sake of its other packets. */
static void remember_lost(struct uet_ses *ses, const struct pkt *p, uint8_t rc)
{
	struct uet_ses_in *in;

	if (!others_may_come(p))
		return;
	in = new_message(ses, p);
	if (!in)
		return;
	if (!uet_ses_in_open(ses, in, p->rx->pdc)) {
		uet_ses_in_put(in);
		return;
	}
	/* Evicts the oldest, never this one. */
	uet_ses_in_swallow(in, UET_IN_FAILED, rc);
	swallow(in, p);
}

/* The message of the packet, open as @in unless that is NULL, is lost for reason @rc. */
static void lose(struct uet_ses *ses, struct uet_ses_in *in, const struct pkt *p, uint8_t rc)
{
	if (!in) {
		remember_lost(ses, p, rc);
		return;
	}
	uet_ses_in_fail(in, rc);
	in = uet_ses_in_find(p->rx->pdc, p->req.message_id);
	if (in)
		swallow(in, p);
}

/* This packet is faulty: its message fails with @rc. */
static void fail_packet(struct uet_ses *ses, struct uet_ses_in *in, const struct pkt *p,
			uint8_t rc, struct uet_pds_answer *answer)
{
	refuse(ses, p, rc, answer);
	lose(ses, in, p, rc);
}

/* The source gives the message up after the first p->off bytes. */
static void end_early(struct uet_ses *ses, struct uet_ses_in *in, struct pkt *p,
		      struct uet_pds_answer *answer)
{
	p->off = p->req.som ? 0 : p->req.message_offset;
	p->len = 0;
	p->ends_early = true;
	answer_default(p, 0, answer);
	lose(ses, in, p, UET_RC_NULL);
}

static void learn_header(struct uet_ses_in *in, const struct pkt *p)
{
	if (!p->req.som || in->som_known)
		return;
	in->som_known = true;
	in->has_data = p->req.hd;
	in->data = p->req.hd ? p->req.header_data : 0;
}

static void place(struct uet_ses_in *in, const struct pkt *p)
{
	struct uet_ses_unex *unex = &in->unex;
	struct uet_ses_rx *rx = in->rx;

	if (p->len == 0)
		return;
	if (in->state == UET_IN_UNEX) {
		memcpy(unex->buf + p->off, p->payload, p->len);
		unex->lo = (uint32_t)uet_min_u64(unex->lo, p->off);
		unex->hi = (uint32_t)uet_max_u64(unex->hi, p->off + p->len);
	} else if (in->state == UET_IN_MATCHED && p->off < rx->len) {
		uet_ses_rx_write(rx, p->off, p->payload, uet_min_u64(p->len, rx->len - p->off));
	}
}

/* The last byte of @in is here: final answer, Table 7.1 of the wire notes. */
static void complete(struct uet_ses_in *in, const struct pkt *p, struct uet_pds_answer *answer)
{
	uet_ses_in_close(in);
	if (uet_unlikely(in->rndv)) {
		uet_ses_rndv_arrived(in, &p->req, answer);
		return;
	}
	switch (in->state) {
	case UET_IN_MATCHED:
		if (uet_unlikely(in->rx->mem_err))
			uet_ses_refuse(in->ses, &p->req, UET_RC_UNCOR, answer);
		else if (in->rx->len < in->request_length)
			uet_ses_answer(answer, &p->req, UET_RESP_RESPONSE, UET_LIST_EXPECTED,
				       UET_RC_OK, (uint32_t)in->rx->len, true);
		else
			answer_default(p, in->request_length, answer);
		uet_ses_deliver(in);
		return;
	case UET_IN_UNEX:
		uet_ses_answer(answer, &p->req, UET_RESP_RESPONSE, UET_LIST_OVERFLOW, UET_RC_OK,
			       in->request_length, true);
		return;
	default:
		answer_default(p, in->request_length, answer);
		uet_ses_in_put(in);
	}
}

static void accept_packet(struct uet_ses *ses, struct uet_ses_in *in, const struct pkt *p,
			  struct uet_pds_answer *answer)
{
	if (in->state == UET_IN_FAILED) {
		if (in->rc == UET_RC_NULL)
			answer_default(p, 0, answer);
		else
			refuse(ses, p, in->rc, answer);
		swallow(in, p);
		return;
	}
	if (p->len > in->expected - in->received) {
		ses->stats.drop_malformed++;
		fail_packet(ses, in, p, UET_RC_UNSUPPORTED_SIZE, answer);
		return;
	}
	learn_header(in, p);
	if (in->deferred) {
		uet_ses_defer_packet(in, &p->req, p->len, p->off + p->len, p->ends_early, answer);
		return;
	}
	if (in->state == UET_IN_UNEX && !uet_ses_unex_store(in)) {
		refuse_now(ses, UET_NACK_NO_PKT_BUFFER, answer);
		return;
	}
	place(in, p);
	in->received += p->len;
	if (p->req.som)
		in->som_taken = true;
	if (in->received < in->expected)
		answer_open(p, answer);
	else
		complete(in, p, answer);
}

/* Put the new message @in on the unexpected list, if limits and memory allow. */
static bool begin_unexpected(struct uet_ses *ses, struct uet_ses_in *in, const struct pkt *p,
			     uint8_t *nack)
{
	if (!uet_ses_unex_admit(p->rxq)) {
		*nack = UET_NACK_NO_SES_MSG_AVAIL;
		return false;
	}
	if (p->deferrable && uet_ses_defer_begin(in, &p->req)) {
		uet_ses_unex_add(in);
		return true;
	}
	if (!uet_ses_unex_store(in) && !in->flow) {
		/* Without an id the repeated packet could not be tied to a record. */
		*nack = UET_NACK_NO_PKT_BUFFER;
		if (p->req.format != UET_HDR_REQUEST_STD ||
		    !uet_ses_in_open(ses, in, p->rx->pdc))
			return false;
	}
	uet_ses_unex_add(in);
	return true;
}

/* First packet of a message to arrive: find its place. NULL after a refusal. */
static struct uet_ses_in *begin(struct uet_ses *ses, const struct pkt *p,
				struct uet_pds_answer *answer)
{
	bool whole = p->len == p->total;
	uint8_t nack = UET_NACK_NO_SES_MSG_AVAIL;
	struct uet_ses_in *in = new_message(ses, p);

	if (!in) {
		refuse_now(ses, nack, answer);
		return NULL;
	}
	if (!whole && !uet_ses_in_open(ses, in, p->rx->pdc))
		goto refused;
	in->rx = uet_ses_match_posted(p->rxq, in);
	if (in->rx) {
		in->state = UET_IN_MATCHED;
		return in;
	}
	if (begin_unexpected(ses, in, p, &nack))
		return in;
refused:
	uet_ses_in_close(in);
	uet_ses_in_put(in);
	refuse_now(ses, nack, answer);
	return NULL;
}

/* First packet to arrive of a message that was deferred and is sent again. */
static struct uet_ses_in *resume(struct uet_ses *ses, const struct pkt *p,
				 struct uet_pds_answer *answer)
{
	bool whole = p->len == p->req.request_length;
	struct uet_ses_in *in;
	uint8_t nack;

	in = uet_ses_defer_resume(ses, &p->req, p->rx->src, p->rx->pdc, whole, &nack);
	if (in)
		return in;
	if (nack)
		refuse_now(ses, nack, answer);
	else
		fail_packet(ses, NULL, p, UET_RC_CANCELLED, answer);
	return NULL;
}

/* Does the packet belong to the message that is open under its id? */
static bool same_message(const struct uet_ses_in *in, const struct pkt *p)
{
	if (in->queue != UET_SES_QUEUES && (in->queue != p->queue || in->pushed != p->total))
		return false;
	return in->request_length == p->req.request_length && in->rxq == p->rxq &&
	       in->source.initiator == p->req.initiator && in->tag == p->req.match_bits;
}

/*
 * Find the open message of the packet. One whose first packet comes a second time, or which
 * was only swallowed and does not fit, is a leftover of an earlier use of the id. On ROD any
 * other open message has been given up by its source: messages do not interleave (UEC 3.5.4).
 */
static struct uet_ses_in *find(const struct pkt *p)
{
	struct uet_pdc *pdc = p->rx->pdc;
	struct uet_ses_in *in = NULL;
	struct uet_ses_in *other;

	if (p->req.format == UET_HDR_REQUEST_STD)
		in = uet_ses_in_find(pdc, p->req.message_id);
	if (in && p->req.opcode != UET_OP_MSG_ERROR &&
	    ((p->req.som && in->som_taken) ||
	     (in->state >= UET_IN_SINK && !same_message(in, p)))) {
		uet_ses_in_abandon(in);
		in = NULL;
	}
	if (p->rx->mode != UET_MODE_ROD)
		return in;
	while ((other = uet_ses_in_other(pdc, in)))
		uet_ses_in_abandon(other);
	return in;
}

static void serve(struct uet_ses *ses, struct pkt *p, struct uet_pds_answer *answer)
{
	struct uet_ses_in *in = find(p);
	uint8_t rc;

	if (p->req.opcode == UET_OP_MSG_ERROR) {
		end_early(ses, in, p, answer);
		return;
	}
	rc = measure(p);
	if (p->req.ie) {
		fail_packet(ses, in, p, UET_RC_INITIATOR_ERROR, answer);
		return;
	}
	if (rc == UET_RC_OK && in && !same_message(in, p))
		rc = UET_RC_UNSUPPORTED_SIZE;
	if (rc == UET_RC_OK && !in && !p->req.som && p->rx->mode == UET_MODE_ROD)
		rc = UET_RC_UNSUPPORTED_OP;
	if (rc != UET_RC_OK) {
		ses->stats.drop_malformed++;
		fail_packet(ses, in, p, rc, answer);
		return;
	}
	if (p->ends_early && !(in && in->deferred)) {
		end_early(ses, in, p, answer);
		return;
	}
	if (!in && p->req.target_token)
		in = resume(ses, p, answer);
	else if (!in)
		in = begin(ses, p, answer);
	if (in)
		accept_packet(ses, in, p, answer);
}

/* Its target address is a guess of its source: the token tells what it is about. */
static void serve_rtr(struct uet_ses *ses, const struct pkt *p, struct uet_pds_answer *answer)
{
	const struct uet_ses_req *req = &p->req;
	uint8_t rc = UET_RC_UNSUPPORTED_OP;

	if (req->rel && req->job_id != ses->cfg.job_id)
		rc = UET_RC_BAD_JOB_ID;
	else if (req->version == 0 && req->format == UET_HDR_REQUEST_STD && req->som && req->eom)
		rc = uet_ses_defer_recall(ses, req, p->rx->src);
	if (rc == UET_RC_OK)
		answer_default(p, 0, answer);
	else
		refuse(ses, p, rc, answer);
}

static uet_noinline void any_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
				    struct uet_pds_answer *answer)
{
	struct pkt p = { .rx = rx };
	uint8_t rc;
	int n;

	if (uet_unlikely(rx->next_hdr > UET_HDR_RESPONSE)) {
		uet_ses_read_data(ses, rx, answer);
		return;
	}
	n = uet_ses_req_unpack(&p.req, rx->next_hdr, rx->data, rx->len);
	if (n < 0) {
		memset(&p.req, 0, sizeof(p.req));
		ses->stats.drop_malformed++;
		refuse(ses, &p, UET_RC_UNSUPPORTED_OP, answer);
		return;
	}
	p.payload = rx->data + n;
	p.avail = rx->len - (size_t)n;
	if (uet_unlikely(rx->mode == UET_MODE_UUD)) {
		uet_ses_dgram_packet(ses, rx, &p.req, p.payload, p.avail);
		return;
	}
	if (uet_ses_is_rma(p.req.opcode)) {
		uet_ses_rma_packet(ses, rx, &p.req, p.payload, p.avail, answer);
		return;
	}
	if (p.req.opcode == UET_OP_DEFERRABLE_RTR) {
		serve_rtr(ses, &p, answer);
		return;
	}
	rc = check_op(ses, &p);
	if (rc == UET_RC_OK)
		rc = uet_ses_check_target(ses, &p.req);
	p.rxq = uet_ses_rxq_at(ses, p.req.resource_index);
	if (rc == UET_RC_OK && p.req.opcode == UET_OP_NO_OP && p.req.request_length)
		rc = UET_RC_UNSUPPORTED_SIZE;
	if (rc != UET_RC_OK)
		refuse(ses, &p, rc, answer);
	else if (p.req.opcode == UET_OP_NO_OP)
		answer_default(&p, 0, answer);
	else
		serve(ses, &p, answer);
}

void uet_ses_rx_packet(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *answer)
{
	if (!uet_ses_quick_packet(upper, rx, answer))
		any_packet(upper, rx, answer);
}
