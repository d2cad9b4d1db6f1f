/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Atomics as their target (UEC 3.4.4): operands arrive big-endian, memory is in host order.
 */
#include <string.h>

#include "ses/rma.h"

#define CHUNK 1024	/* bytes of operands converted at a time */

uint8_t uet_ses_amo_measure(const struct uet_ses *ses, struct uet_ses_rma_pkt *p)
{
	const struct uet_ses_req *req = &p->req;
	size_t size = uet_amo_size(req->atomic_datatype);
	bool compare = uet_amo_is_compare(req->atomic_opcode);
	bool vendor = req->opcode == UET_OP_VENDOR_ATOMIC;
	size_t unit = compare && vendor ? 2 * size : size;

	p->fetch = req->opcode != UET_OP_ATOMIC;
	if (!req->som || !req->eom)
		return UET_RC_UNSUPPORTED_OP;
	if (size == 0)
		return UET_RC_AMO_UNSUPPORTED_DT;
	if (!uet_amo_valid(req->atomic_opcode, req->atomic_datatype, p->fetch, compare))
		return UET_RC_AMO_UNSUPPORTED_OP;
	if (compare && !vendor) {
		/* One pair of operands, in the extension. */
		if (size > sizeof(req->compare_value))
			return UET_RC_AMO_UNSUPPORTED_DT;
		if (req->request_length != 32 && req->request_length != size)
			return UET_RC_AMO_UNSUPPORTED_SIZE;
		p->len = (uint32_t)size;
	} else {
		if (req->request_length == 0 || req->request_length % unit)
			return UET_RC_AMO_UNSUPPORTED_SIZE;
		if (req->atomic_opcode != UET_AMO_READ && req->request_length > p->avail)
			return UET_RC_UNSUPPORTED_SIZE;
		p->len = req->request_length / (uint32_t)(unit / size);
	}
	p->total = p->len;
	return p->fetch && p->len > ses->cfg.payload_mtu ? UET_RC_UNSUPPORTED_SIZE : UET_RC_OK;
}

/* Does every element lie whole and aligned in one segment? */
static bool aligned(const struct uet_ses_rma_pkt *p)
{
	size_t size = uet_amo_size(p->req.atomic_datatype);
	size_t align = uet_amo_align(p->req.atomic_datatype);
	uint64_t off, run;

	for (off = 0; off < p->len; off += run) {
		uintptr_t at = (uintptr_t)uet_ses_region_at(p->region, p->at + off, &run);

		run = uet_min_u64(run, p->len - off);
		if (at % align || run % size)
			return false;
	}
	return true;
}

/* Part of an atomic that lies in one segment. */
struct part {
	const struct uet_ses_mem *mem;
	void *target;
	size_t n;		/* bytes, at most CHUNK */
};

static int part_get(void *arg, void *room)
{
	const struct part *part = arg;

	return part->mem->get(part->mem, room, part->target, part->n);
}

static int part_put(void *arg, const void *room)
{
	const struct part *part = arg;

	return part->mem->put(part->mem, part->target, room, part->n);
}

/* Operands of the packet in wire form: @swap (NULL: none) and @compare (the same). */
static void operands(const struct uet_ses_rma_pkt *p, const uint8_t **swap,
		     const uint8_t **compare)
{
	const struct uet_ses_req *req = &p->req;
	bool cas = uet_amo_is_compare(req->atomic_opcode);

	*swap = req->atomic_opcode == UET_AMO_READ ? NULL : p->payload;
	*compare = NULL;
	if (cas && req->opcode == UET_OP_VENDOR_ATOMIC) {
		*compare = p->payload + p->len;
	} else if (cas) {
		*swap = req->swap_value + sizeof(req->swap_value) - p->len;
		*compare = req->compare_value + sizeof(req->compare_value) - p->len;
	}
}

/* Execute @part, which begins @off bytes into the atomic; old values to @result unless NULL. */
static int apply_part(const struct uet_ses_rma_pkt *p, struct part *part, uint64_t off,
		      uint8_t *result)
{
	uint8_t type = p->req.atomic_datatype, op = p->req.atomic_opcode;
	uint8_t operand[CHUNK], compare[CHUNK], old[CHUNK], room[CHUNK];
	size_t count = part->n / uet_amo_size(type);
	const uint8_t *i, *c;
	int ret = 0;

	operands(p, &i, &c);
	if (i)
		uet_amo_swap(type, operand, i + off, count);
	if (c)
		uet_amo_swap(type, compare, c + off, count);
	if (part->mem)
		ret = uet_amo_apply_remote(op, type, part_get, part_put, part, room, operand,
					   c ? compare : NULL, old, count);
	else
		uet_amo_apply(op, type, part->target, operand, c ? compare : NULL, old, count);
	if (!ret && result)
		uet_amo_swap(type, result + off, old, count);
	return ret;
}

static int execute(const struct uet_ses_rma_pkt *p, uint8_t *result)
{
	size_t size = uet_amo_size(p->req.atomic_datatype);
	struct part part = { .mem = p->region->mem };
	uint64_t off, run;
	int ret;

	for (off = 0; off < p->len; off += part.n) {
		part.target = uet_ses_region_at(p->region, p->at + off, &run);
		part.n = uet_min_u64(uet_min_u64(run, p->len - off), CHUNK);
		part.n -= part.n % size;
		ret = apply_part(p, &part, off, result);
		if (ret)
			return ret;
	}
	return 0;
}

static uint8_t fetch(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
		     struct uet_pds_answer *answer)
{
	uint8_t little[UET_SES_ACK_DATA];
	struct uet_ses_reply *reply;

	if (uet_ses_reply_inline(p)) {
		if (execute(p, little))
			return UET_RC_UNCOR;
		uet_ses_reply_now(p, little, answer);
		return UET_RC_OK;
	}
	/* First of all: once executed, it cannot be refused any more. */
	reply = uet_ses_reply_get(ses, p, answer);
	if (!reply)
		return UET_RC_NULL;
	if (execute(p, reply->data)) {
		uet_ses_reply_put(ses, reply);
		return UET_RC_UNCOR;
	}
	uet_ses_reply_send(ses, p, reply, answer);
	return UET_RC_OK;
}

uint8_t uet_ses_amo_serve(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
			  struct uet_pds_answer *answer)
{
	uint8_t opcode = p->fetch ? UET_OP_FETCHING_ATOMIC : UET_OP_ATOMIC;
	uint8_t rc = UET_RC_OK;

	if (!aligned(p))
		return UET_RC_AMO_UNALIGNED;
	if (p->fetch)
		rc = fetch(ses, p, answer);
	else if (execute(p, NULL))
		rc = UET_RC_UNCOR;
	else
		uet_ses_answer(answer, &p->req, UET_RESP_DEFAULT, UET_LIST_EXPECTED, UET_RC_OK,
			       p->total, false);
	if (rc == UET_RC_NULL)
		return UET_RC_OK;
	if (rc == UET_RC_OK)
		uet_ses_rma_complete(ses, p, opcode, p->len);
	return rc;
}
