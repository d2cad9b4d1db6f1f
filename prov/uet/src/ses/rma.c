/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Regions as the target of peers: checks in the order of UEC 3.4.6 and 3.4.4, then placing
 * (WRITE), capturing (READ) or executing (atomics).
 *
 * Every packet carries all addressing, so a message of one packet needs no state. One of
 * several is a struct uet_ses_in in state RMA: its range and rights were checked as a whole on
 * the first packet that arrived, and region_gone finds it. Reads are answered packet by packet
 * with data copied at arrival, so that no later write and no closing of the region touches it.
 */
#include <string.h>

#include "base/log.h"
#include "ses/rndv.h"

static void answer_default(const struct uet_ses_rma_pkt *p, struct uet_pds_answer *answer)
{
	uet_ses_answer(answer, &p->req, UET_RESP_DEFAULT, UET_LIST_EXPECTED, UET_RC_OK, p->total,
		       false);
}

static void answer_open(const struct uet_ses_rma_pkt *p, struct uet_pds_answer *answer)
{
	uet_ses_answer(answer, &p->req, UET_RESP_NO_RESPONSE, UET_LIST_EXPECTED, UET_RC_NULL, 0,
		       false);
}

static uint8_t check_op(const struct uet_ses_rma_pkt *p)
{
	const struct uet_ses_req *req = &p->req;
	bool simple = req->opcode == UET_OP_READ || (req->opcode == UET_OP_WRITE && !req->hd);

	if (req->version != 0 || (p->rx->mode == UET_MODE_RUDI && !simple))
		return UET_RC_UNSUPPORTED_OP;
	if (req->opcode == UET_OP_VENDOR_ATOMIC && req->format != UET_HDR_REQUEST_STD)
		return UET_RC_UNSUPPORTED_OP;
	if (req->format != UET_HDR_REQUEST_STD && !(req->som && req->eom))
		return UET_RC_UNSUPPORTED_OP;
	return UET_RC_OK;
}

/* Work out which bytes of the message the packet is about; judge the packet alone. */
static uint8_t measure(const struct uet_ses *ses, struct uet_ses_rma_pkt *p)
{
	const struct uet_ses_req *req = &p->req;
	bool read = req->opcode == UET_OP_READ;
	uint32_t most = read ? ses->cfg.payload_mtu : (uint32_t)uet_min_u64(p->avail, UINT32_MAX);

	if (req->opcode != UET_OP_READ && req->opcode != UET_OP_WRITE)
		return uet_ses_amo_measure(ses, p);
	p->fetch = read;
	p->total = req->request_length;
	if (!req->som) {
		p->off = req->message_offset;
		p->len = req->payload_length;
	} else {
		p->len = req->eom ? p->total : (uint32_t)uet_min_u64(most, p->total);
	}
	if (p->len > most || (uint64_t)p->off + p->len > p->total || (read && p->avail))
		return UET_RC_UNSUPPORTED_SIZE;
	if (p->len == 0 && (p->total > 0 || !req->som))
		return UET_RC_UNSUPPORTED_SIZE;
	/* The packet that ends the message reaches its end, and no other does. */
	if (req->eom != (p->off + p->len == p->total))
		return UET_RC_UNSUPPORTED_SIZE;
	return UET_RC_OK;
}

static uint8_t rights_needed(const struct uet_ses_rma_pkt *p)
{
	switch (p->req.opcode) {
	case UET_OP_WRITE:
		return UET_SES_REMOTE_WRITE;
	case UET_OP_READ:
		return UET_SES_REMOTE_READ;
	default:
		return UET_SES_REMOTE_WRITE | UET_SES_REMOTE_READ;
	}
}

/* Find the region, and judge the whole message by it. */
static uint8_t check_region(struct uet_ses *ses, struct uet_ses_rma_pkt *p)
{
	const struct uet_ses_req *req = &p->req;
	const struct uet_ses_region *region = NULL;
	uint8_t rights = rights_needed(p);

	if (uet_unlikely(uet_ses_rndv_reads(req)))
		region = uet_ses_rndv_region(ses, req->match_bits, p->rx->src);
	else if (ses->ops->region)
		region = ses->ops->region(ses->upper, req->match_bits, req->resource_index);
	if (!region)
		return UET_RC_BAD_MKEY;
	if (region->job_id && region->job_id != req->job_id)
		return UET_RC_PERM_VIOLATION;
	if ((region->access & rights) != rights)
		return UET_RC_OP_VIOLATION;
	if (req->buffer_offset < region->base)
		return UET_RC_BAD_ADDR;
	p->at = req->buffer_offset - region->base;
	if (p->at > region->len || p->total > region->len - p->at)
		return UET_RC_BAD_ADDR;
	if (p->rx->mode == UET_MODE_RUDI && !region->idempotent)
		return UET_RC_OP_VIOLATION;
	p->region = region;
	return UET_RC_OK;
}

/* Does the packet belong to the message that is open under its id? */
static bool same_message(const struct uet_ses_in *in, const struct uet_ses_rma_pkt *p)
{
	if (in->request_length != p->req.request_length || in->tag != p->req.match_bits ||
	    in->source.initiator != p->req.initiator ||
	    in->resource_index != p->req.resource_index)
		return false;
	if (in->queue == UET_SES_QUEUES)	/* all that is known is that it was given up */
		return true;
	return in->queue == UET_SES_RMA_QUEUE && in->opcode == p->req.opcode &&
	       in->buffer_offset == p->req.buffer_offset;
}

/*
 * Find the open message of the packet. What does not fit is a leftover of an earlier use of
 * the id; on ROD so is any other open message, because messages do not interleave (UEC 3.5.4).
 */
static struct uet_ses_in *find(const struct uet_ses_rma_pkt *p)
{
	struct uet_pdc *pdc = p->rx->pdc;
	struct uet_ses_in *in = NULL;
	struct uet_ses_in *other;

	if (!pdc)
		return NULL;
	if (p->req.format == UET_HDR_REQUEST_STD)
		in = uet_ses_in_find(pdc, p->req.message_id);
	if (in && ((p->req.som && in->som_taken) || in->state < UET_IN_RMA ||
		   (in->state > UET_IN_RMA && !same_message(in, p)))) {
		uet_ses_in_abandon(in);
		in = NULL;
	}
	if (p->rx->mode != UET_MODE_ROD)
		return in;
	while ((other = uet_ses_in_other(pdc, in)))
		uet_ses_in_abandon(other);
	return in;
}

/* New state for the message of the packet, on its flow. NULL without memory. */
static struct uet_ses_in *remember(struct uet_ses *ses, const struct uet_ses_rma_pkt *p)
{
	struct uet_ses_in *in = uet_ses_in_new(ses, ses->rma_rxq, &p->req, p->rx->src);

	if (!in)
		return NULL;
	in->queue = UET_SES_RMA_QUEUE;
	in->opcode = p->req.opcode;
	in->buffer_offset = p->req.buffer_offset;
	if (uet_ses_in_open(ses, in, p->rx->pdc))
		return in;
	uet_ses_in_put(in);
	return NULL;
}

static struct uet_ses_in *begin(struct uet_ses *ses, const struct uet_ses_rma_pkt *p)
{
	struct uet_ses_in *in = remember(ses, p);

	if (!in)
		return NULL;
	in->state = UET_IN_RMA;
	in->region = p->region;
	uet_list_add_tail(&ses->rma, &in->unex.link);
	return in;
}

/* Count the packet's bytes. True with the last of them: the message has left its flow. */
static bool count(struct uet_ses_in *in, const struct uet_ses_rma_pkt *p)
{
	if (p->req.som) {
		in->som_taken = true;
		in->has_data = p->req.hd;
		in->data = p->req.header_data;
	}
	in->received += (uint32_t)uet_min_u64(p->len, in->expected - in->received);
	if (in->received < in->expected)
		return false;
	uet_ses_in_close(in);
	return true;
}

/* The message fails with @rc, whose state is @in unless that is NULL. */
static void fail(struct uet_ses *ses, struct uet_ses_in *in, const struct uet_ses_rma_pkt *p,
		 uint8_t rc, struct uet_pds_answer *answer)
{
	bool alone = p->req.format != UET_HDR_REQUEST_STD || (p->req.som && p->req.eom) ||
		     (p->req.eom && p->rx->mode != UET_MODE_RUD);

	uet_ses_refuse(ses, &p->req, rc, answer);
	if (in) {
		uet_ses_in_fail(in, rc);
	} else if (!alone && p->rx->pdc) {
		in = remember(ses, p);
		if (in)
			uet_ses_in_swallow(in, UET_IN_FAILED, rc);
	}
	if (in && count(in, p))
		uet_ses_in_put(in);
}

void uet_ses_rma_tell(struct uet_ses *ses, const struct uet_ses_region *region,
		      const struct uet_ses_rma_event *event, bool tell)
{
	if (event->opcode == UET_OP_WRITE)
		ses->stats.rma_writes++;
	else if (event->opcode == UET_OP_READ)
		ses->stats.rma_reads++;
	else
		ses->stats.rma_atomics++;
	ses->stats.rma_bytes += event->len;
	if (tell && ses->ops->rma_done)
		ses->ops->rma_done(ses->upper, region, event);
}

void uet_ses_rma_complete(struct uet_ses *ses, const struct uet_ses_rma_pkt *p, uint8_t opcode,
			  size_t len)
{
	struct uet_ses_rma_event event = {
		.opcode = opcode,
		.has_data = p->req.hd && opcode == UET_OP_WRITE,
		.len = len,
		.offset = p->req.buffer_offset,
		.resource_index = p->req.resource_index,
		.source = { .host = *p->rx->src, .initiator = p->req.initiator },
	};

	if (uet_unlikely(uet_ses_rndv_reads(&p->req))) {
		uet_ses_rndv_served(ses, p->req.match_bits, p->at + p->total);
		return;
	}
	if (event.has_data)
		event.data = p->req.header_data;
	event.source.host.port = 0;
	uet_ses_rma_tell(ses, p->region, &event, p->rx->mode != UET_MODE_RUDI);
}

/* Copy what the packet asks for and send it. Returns UET_RC_NULL if it was refused for now. */
static uint8_t capture(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
		       struct uet_pds_answer *answer)
{
	uint8_t little[UET_SES_ACK_DATA];
	struct uet_ses_reply *reply;

	if (uet_ses_reply_inline(p)) {
		uint8_t *data = p->rx->pdc ? little : ses->rudi_data;

		if (uet_ses_region_get(p->region, p->at + p->off, data, p->len))
			return UET_RC_HOST_UNSUCCESS_CMPL;
		uet_ses_reply_now(p, data, answer);
		return UET_RC_OK;
	}
	reply = uet_ses_reply_get(ses, p, answer);
	if (!reply)
		return UET_RC_NULL;
	if (uet_ses_region_get(p->region, p->at + p->off, reply->data, p->len)) {
		uet_ses_reply_put(ses, reply);
		return UET_RC_HOST_UNSUCCESS_CMPL;
	}
	uet_ses_reply_send(ses, p, reply, answer);
	return UET_RC_OK;
}

/* Do what the packet asks for; the state of its message is @in unless it is alone. */
static void execute(struct uet_ses *ses, struct uet_ses_in *in, struct uet_ses_rma_pkt *p,
		    struct uet_pds_answer *answer)
{
	uint8_t rc = UET_RC_OK;
	bool last;

	if (p->fetch)
		rc = capture(ses, p, answer);
	else if (uet_ses_region_put(p->region, p->at + p->off, p->payload, p->len))
		rc = UET_RC_UNCOR;
	if (rc == UET_RC_NULL)
		return;
	if (rc != UET_RC_OK) {
		fail(ses, in, p, rc, answer);
		return;
	}
	last = !in || count(in, p);
	if (!p->fetch && last)
		answer_default(p, answer);
	else if (!p->fetch)
		answer_open(p, answer);
	if (!last)
		return;
	if (in) {
		p->req.hd = in->has_data;
		p->req.header_data = in->data;
		uet_ses_in_put(in);
	}
	/* Packets of RUDI count by themselves: nobody knows when their message is complete. */
	uet_ses_rma_complete(ses, p, p->req.opcode, p->rx->pdc ? p->total : p->len);
}

/* Judge the packet, and tie it to its region. */
static uint8_t judge(struct uet_ses *ses, const struct uet_ses_in *in, struct uet_ses_rma_pkt *p)
{
	uint8_t rc = measure(ses, p);

	if (rc == UET_RC_OK && in && (!same_message(in, p) ||
				      p->len > in->expected - in->received))
		rc = UET_RC_UNSUPPORTED_SIZE;
	if (rc == UET_RC_OK && !in && !p->req.som && p->rx->mode == UET_MODE_ROD)
		rc = UET_RC_UNSUPPORTED_OP;
	if (rc != UET_RC_OK) {
		ses->stats.drop_malformed++;
		return rc;
	}
	if (p->req.ie)
		return UET_RC_INITIATOR_ERROR;
	if (!in)
		return check_region(ses, p);
	if (in->state == UET_IN_FAILED)
		return in->rc == UET_RC_NULL ? UET_RC_CANCELLED : in->rc;
	p->region = in->region;
	p->at = in->buffer_offset - in->region->base;
	return UET_RC_OK;
}

static void serve(struct uet_ses *ses, struct uet_ses_rma_pkt *p, struct uet_pds_answer *answer)
{
	struct uet_ses_in *in = find(p);
	bool rdma = p->req.opcode == UET_OP_READ || p->req.opcode == UET_OP_WRITE;
	uint8_t rc = judge(ses, in, p);

	if (rc != UET_RC_OK) {
		fail(ses, in, p, rc, answer);
		return;
	}
	if (!rdma) {
		rc = uet_ses_amo_serve(ses, p, answer);
		if (rc != UET_RC_OK)
			fail(ses, in, p, rc, answer);
		return;
	}
	if (!in && p->len < p->total && p->rx->pdc) {
		in = begin(ses, p);
		if (!in) {
			uet_ses_reply_refuse(ses, UET_NACK_NO_SES_MSG_AVAIL, answer);
			return;
		}
	}
	execute(ses, in, p, answer);
}

void uet_ses_rma_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			const struct uet_ses_req *req, const uint8_t *payload, size_t avail,
			struct uet_pds_answer *answer)
{
	struct uet_ses_rma_pkt p = {
		.rx = rx, .req = *req, .payload = payload, .avail = avail,
	};
	uint8_t rc = check_op(&p);

	if (req->format == UET_HDR_REQUEST_SMALL) {
		/* The index is the key's; the region belongs to the endpoint as such. */
		p.req.match_bits = UET_KEY_OPTIMIZED | req->resource_index;
		p.req.resource_index = ses->cfg.resource_index;
	}
	if (rc == UET_RC_OK && uet_unlikely(uet_ses_rndv_reads(&p.req)))
		rc = uet_ses_rndv_check(ses, &p.req);
	else if (rc == UET_RC_OK)
		rc = uet_ses_check_target(ses, &p.req);
	if (rc != UET_RC_OK)
		uet_ses_refuse(ses, &p.req, rc, answer);
	else
		serve(ses, &p, answer);
}

void uet_ses_region_gone(struct uet_ses *ses, const struct uet_ses_region *region)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &ses->rma) {
		struct uet_ses_unex *unex = uet_list_entry(pos, struct uet_ses_unex, link);
		struct uet_ses_in *in = uet_ses_unex_in(unex);

		if (in->region == region)
			uet_ses_in_fail(in, UET_RC_BAD_MKEY);
	}
}
