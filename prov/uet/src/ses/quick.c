/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The usual request packets, each with as little ado as it needs:
 *
 *   - a send in one packet for which a plain receive is posted, and a write in one packet
 *   - a packet in the midst of a send that has its receive, or of a write
 *
 * What is unusual in any way is left to rx.c and rma.c, which can do these, too, and say what
 * is checked and why.
 */
#include "ses/rndv.h"

/* A packet being looked at. */
struct quick {
	struct uet_ses_brief req;
	const uint8_t *payload;
	size_t avail;		/* bytes at payload */
};

static uet_always_inline void answer_with(const struct quick *q, uint8_t opcode, uint8_t rc,
					  uint32_t modified, struct uet_pds_answer *answer)
{
	answer->complete = opcode != UET_RESP_NO_RESPONSE;
	answer->next_hdr = UET_HDR_RESPONSE;
	answer->len = UET_SES_RESP_LEN;
	uet_ses_resp_put(answer->ses, UET_LIST_EXPECTED, opcode, rc, q->req.message_id,
			 q->req.job_id, modified);
}

static bool is_for_us(const struct uet_ses *ses, const struct quick *q)
{
	return q->req.pid_on_fep == ses->cfg.pid_on_fep && q->req.ri_generation == 0 &&
	       (!(q->req.flags & UET_SES_F_REL) || q->req.job_id == ses->cfg.job_id);
}

/* Is no message open on the PDC of @rx that a packet of @message_id is part of, or ends? */
static bool is_alone(const struct uet_pds_rx *rx, uint16_t message_id)
{
	const struct uet_ses_flow *flow = *uet_pdc_upper(rx->pdc);

	if (uet_likely(!flow || uet_list_empty(&flow->open)))
		return true;
	return rx->mode == UET_MODE_RUD && !uet_ses_in_find(rx->pdc, message_id);
}

/* ---- sends ---- */

static bool send_whole(struct uet_ses *ses, const struct uet_pds_rx *pds_rx, const struct quick *q,
		       struct uet_pds_answer *answer)
{
	struct uet_ses_rxq *rxq = uet_ses_rxq_at(ses, q->req.resource_index);
	uint8_t queue = q->req.opcode == UET_OP_SEND ? UET_SES_UNTAGGED : UET_SES_TAGGED;
	uint32_t len = q->req.request_length;
	struct uet_ses_rx_result res;
	struct uet_ses_rx *rx;

	if (!rxq || q->req.buffer_offset || len > q->avail ||
	    !is_alone(pds_rx, q->req.message_id))
		return false;
	rx = uet_ses_match_peek(rxq, queue, q->req.match_bits, pds_rx->src, q->req.initiator);
	if (!rx || rx->multi || rx->mem || rx->len < len)
		return false;
	uet_list_del(&rx->link);
	uet_ses_rx_write(rx, 0, q->payload, len);
	answer_with(q, UET_RESP_DEFAULT, UET_RC_OK, len, answer);
	ses->stats.rx_msgs++;
	ses->stats.rx_bytes += len;
	res.err = 0;
	res.rc = 0;
	res.queue = queue;
	res.has_data = q->req.flags & UET_SES_F_HD;
	res.released = false;
	res.len = len;
	res.msg_len = len;
	res.tag = q->req.match_bits;
	res.data = res.has_data ? q->req.header_data : 0;
	res.resource_index = q->req.resource_index;
	res.source.host = *pds_rx->src;
	res.source.host.port = 0;
	res.source.initiator = q->req.initiator;
	ses->ops->rx_done(ses->upper, rx, &res);
	return true;
}

static bool same_send(const struct uet_ses *ses, const struct uet_ses_in *in,
		      const struct quick *q)
{
	uint8_t queue = UET_SES_TAGGED;

	switch (q->req.opcode) {
	case UET_OP_SEND:
		queue = UET_SES_UNTAGGED;
		__attribute__((fallthrough));
	case UET_OP_TAGGED_SEND:
		if (q->req.buffer_offset)
			return false;
		break;
	case UET_OP_DEFERRABLE_SEND:
		queue = UET_SES_UNTAGGED;
		break;
	case UET_OP_DEFERRABLE_TSEND:
		break;
	default:
		return false;
	}
	return in->queue == queue && in->pushed == q->req.request_length && !in->deferred &&
	       in->rxq == uet_ses_rxq_at(ses, q->req.resource_index);
}

/* ---- writes ---- */

/* The region of a write in one packet that passes all checks, or NULL. */
static const struct uet_ses_region *region_of(const struct uet_ses *ses, const struct quick *q)
{
	const struct uet_ses_region *region = NULL;
	uint64_t at;

	if (ses->ops->region)
		region = ses->ops->region(ses->upper, q->req.match_bits, q->req.resource_index);
	if (!region || region->mem || !(region->access & UET_SES_REMOTE_WRITE) ||
	    (region->job_id && region->job_id != q->req.job_id) ||
	    q->req.buffer_offset < region->base)
		return NULL;
	at = q->req.buffer_offset - region->base;
	if (at > region->len || q->req.request_length > region->len - at)
		return NULL;
	return region;
}

static void put(const struct uet_ses_region *region, uint64_t off, const uint8_t *payload,
		uint32_t len)
{
	if (uet_likely(region->iov_cnt == 1 && len > 0))
		memcpy((char *)region->iov[0].iov_base + off, payload, len);
	else
		uet_ses_region_put(region, off, payload, len);
}

static bool write_whole(struct uet_ses *ses, const struct uet_pds_rx *rx, const struct quick *q,
			struct uet_pds_answer *answer)
{
	const struct uet_ses_region *region;
	struct uet_ses_rma_event event;
	uint32_t len = q->req.request_length;
	bool has_data = q->req.flags & UET_SES_F_HD;

	if (!uet_ses_rxq_at(ses, q->req.resource_index) || len > q->avail ||
	    !is_alone(rx, q->req.message_id))
		return false;
	region = region_of(ses, q);
	if (!region)
		return false;
	put(region, q->req.buffer_offset - region->base, q->payload, len);
	answer_with(q, UET_RESP_DEFAULT, UET_RC_OK, len, answer);
	event = (struct uet_ses_rma_event){
		.opcode = UET_OP_WRITE,
		.has_data = has_data,
		.data = has_data ? q->req.header_data : 0,
		.len = len,
		.offset = q->req.buffer_offset,
		.resource_index = q->req.resource_index,
		.source = { .host = *rx->src, .initiator = q->req.initiator },
	};
	event.source.host.port = 0;
	uet_ses_rma_tell(ses, region, &event, true);
	return true;
}

static bool same_write(const struct uet_ses *ses, const struct uet_ses_in *in,
		       const struct quick *q)
{
	return q->req.opcode == UET_OP_WRITE && in->queue == UET_SES_RMA_QUEUE &&
	       in->opcode == UET_OP_WRITE && in->resource_index == q->req.resource_index &&
	       in->buffer_offset == q->req.buffer_offset && !in->region->mem &&
	       uet_ses_rxq_at(ses, q->req.resource_index);
}

/* ---- packets ---- */

/* The open message of a packet in its midst: the last one looked for, and on ROD the only one. */
static struct uet_ses_in *message_of(const struct uet_pds_rx *rx, const struct quick *q)
{
	const struct uet_ses_flow *flow = *uet_pdc_upper(rx->pdc);
	struct uet_ses_in *in = flow ? flow->last : NULL;

	if (!in || in->message_id != q->req.message_id ||
	    (rx->mode == UET_MODE_ROD && flow->open.next != flow->open.prev))
		return NULL;
	if (in->request_length != q->req.request_length || in->tag != q->req.match_bits ||
	    in->source.initiator != q->req.initiator)
		return NULL;
	return in;
}

/* Is its header, but for length and offset, that of an earlier packet that passed all checks? */
static bool is_known(const struct uet_pds_rx *rx)
{
	const struct uet_ses_flow *flow = *uet_pdc_upper(rx->pdc);

	return flow && flow->known && rx->next_hdr == UET_HDR_REQUEST_STD &&
	       rx->len >= UET_SES_STD_LEN && uet_ses_brief_same(flow->head, rx->data) &&
	       (rx->mode != UET_MODE_ROD || flow->open.next == flow->open.prev);
}

/* Place the bytes of a packet in the midst of @in, and count them, if they are as they must be. */
static uet_always_inline bool place(struct uet_ses_in *in, const struct quick *q,
				    struct uet_pds_answer *answer)
{
	uint32_t off = q->req.message_offset, len = q->req.payload_length;
	uint64_t end = (uint64_t)off + len;
	bool last = q->req.flags & UET_SES_F_EOM;

	if (len == 0 || len > q->avail || len >= in->expected - in->received ||
	    end > in->request_length || last != (end == in->request_length))
		return false;
	if (in->state == UET_IN_RMA)
		put(in->region, in->buffer_offset - in->region->base + off, q->payload, len);
	else if (off < in->rx->len)
		uet_ses_rx_write(in->rx, off, q->payload, uet_min_u64(len, in->rx->len - off));
	in->received += len;
	answer_with(q, UET_RESP_NO_RESPONSE, UET_RC_NULL, 0, answer);
	return true;
}

static bool in_the_midst(const struct uet_ses *ses, const struct uet_pds_rx *rx,
			 const struct quick *q, struct uet_pds_answer *answer)
{
	struct uet_ses_in *in = message_of(rx, q);

	if (!in || !(in->state == UET_IN_MATCHED ? same_send(ses, in, q) :
		     in->state == UET_IN_RMA && same_write(ses, in, q)) ||
	    !place(in, q, answer))
		return false;
	in->flow->known = true;
	memcpy(in->flow->head, rx->data, UET_SES_STD_LEN);
	return true;
}

/* One more packet in the midst of the message to which the last one belonged. */
static bool one_more(const struct uet_pds_rx *rx, struct uet_pds_answer *answer)
{
	const struct uet_ses_flow *flow = *uet_pdc_upper(rx->pdc);
	struct uet_ses_in *in = flow->last;
	struct quick q;

	if (in->state != UET_IN_RMA && (in->state != UET_IN_MATCHED || in->deferred))
		return false;
	uet_ses_brief_unpack(&q.req, UET_HDR_REQUEST_STD, rx->data, UET_SES_STD_LEN);
	q.payload = rx->data + UET_SES_STD_LEN;
	q.avail = rx->len - UET_SES_STD_LEN;
	return place(in, &q, answer);
}

bool uet_ses_quick_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			  struct uet_pds_answer *answer)
{
	struct quick q;

	if (rx->mode > UET_MODE_ROD)
		return false;
	if (is_known(rx))
		return one_more(rx, answer);
	if (!uet_ses_brief_unpack(&q.req, rx->next_hdr, rx->data, rx->len) || !is_for_us(ses, &q))
		return false;
	q.payload = rx->data + UET_SES_STD_LEN;
	q.avail = rx->len - UET_SES_STD_LEN;
	if (!(q.req.flags & UET_SES_F_SOM))
		return in_the_midst(ses, rx, &q, answer);
	if (!(q.req.flags & UET_SES_F_EOM))
		return false;
	if (q.req.opcode == UET_OP_TAGGED_SEND || q.req.opcode == UET_OP_SEND)
		return send_whole(ses, rx, &q, answer);
	return q.req.opcode == UET_OP_WRITE && write_whole(ses, rx, &q, answer);
}
