/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomic operations: checked, cut at the borders of the target's segments, started.
 */
#include "ofi/hmem.h"
#include "ofi/mr.h"
#include "ofi/rma.h"

#define LEVEL_FLAGS (FI_COMPLETION | FI_INJECT_COMPLETE | FI_TRANSMIT_COMPLETE | \
		     FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE | FI_MORE | FI_INJECT | FI_FENCE)

static bool is_atomic(const struct uet_rma_op *op)
{
	return op->opcode == UET_OP_ATOMIC || op->opcode == UET_OP_FETCHING_ATOMIC;
}

/* Bits of the completion entry. */
static uint64_t entry_flags(const struct uet_rma_op *op)
{
	bool fetches = op->opcode == UET_OP_READ || op->opcode == UET_OP_FETCHING_ATOMIC;

	return (is_atomic(op) ? FI_ATOMIC : FI_RMA) | (fetches ? FI_READ : FI_WRITE);
}

static int check(const struct uet_ep *ep, const struct uet_rma_op *op)
{
	uint64_t legal = LEVEL_FLAGS;

	if (!(ep->caps & (is_atomic(op) ? FI_ATOMIC : FI_RMA)))
		return -FI_EOPNOTSUPP;
	if (op->opcode == UET_OP_WRITE)
		legal |= FI_REMOTE_CQ_DATA;
	if (op->flags & ~legal)
		return -FI_EBADFLAGS;
	/* A read gives nothing that could be copied. */
	if ((op->flags & FI_INJECT) && op->opcode != UET_OP_READ && op->len > ep->inject_size)
		return -FI_EMSGSIZE;
	return 0;
}

/* RUDI: no order, may happen twice, and nobody is told of it. */
static bool may_repeat(const struct uet_ep *ep, const struct uet_rma_op *op, uint64_t key)
{
	return ep->key_flags && (key & UET_MR_KEY_IDEMPOTENT) && uet_config.rudi &&
	       ep->mode == UET_MODE_RUD && !is_atomic(op) && !(op->flags & FI_REMOTE_CQ_DATA);
}

/* Operands of the piece at [@off, @off + @len). Returns 0 or -FI_EAGAIN. */
static int cut_operands(struct uet_ep *ep, const struct uet_rma_op *op, size_t off, size_t len,
			struct uet_ses_tx *tx)
{
	const struct uet_ses_amo *whole = &op->amo;
	struct uet_ses_amo *amo = uet_ses_amo_get(ep->fep->ses);

	if (!amo)
		return -FI_EAGAIN;
	tx->amo = amo;
	amo->op = whole->op;
	amo->type = whole->type;
	amo->size = whole->size;
	amo->compare_cnt = uet_iov_cut(whole->compare, whole->compare_cnt, off, len, amo->compare);
	amo->result_cnt = uet_iov_cut(whole->result, whole->result_cnt, off, len, amo->result);
	return 0;
}

/* @tx becomes the piece at [@off, @off + @seg->len). Returns 0 or -FI_EAGAIN. */
static int describe(struct uet_ep *ep, const struct uet_rma_op *op,
		    const struct uet_ses_dest *dest, const struct uet_rma_seg *seg, size_t off,
		    struct uet_ses_tx *tx)
{
	tx->owner = ep->base;
	tx->opcode = op->opcode;
	tx->mode = (uint8_t)ep->mode;
	tx->dest = *dest;
	tx->dest.small = dest->small && ep->key_flags && (seg->key & UET_MR_KEY_OPTIMIZED);
	/* Nothing is matched here: that level is no more than this one. */
	tx->dc = op->flags & (FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE);
	tx->inject = (op->flags & FI_INJECT) && op->opcode != UET_OP_READ;
	tx->lazy = op->silent;
	tx->fence = (op->flags & FI_FENCE) && off == 0;
	tx->key = seg->key;
	tx->offset = seg->addr;
	tx->len = seg->len;
	tx->iov_cnt = uet_iov_cut(op->iov, op->iov_cnt, off, seg->len, tx->iov);
	tx->flags |= entry_flags(op);
	return is_atomic(op) ? cut_operands(ep, op, off, seg->len, tx) : 0;
}

static int post_one(struct uet_ep *ep, const struct uet_rma_op *op,
		    const struct uet_ses_dest *dest, const struct uet_rma_seg *seg,
		    struct uet_hmem_stage *stages)
{
	struct uet_ses *ses = ep->fep->ses;
	struct uet_ses_tx *tx = uet_ses_tx_get(ses);
	int ret;

	if (!tx)
		return -FI_EAGAIN;
	ret = describe(ep, op, dest, seg, 0, tx);
	tx->context = op->context;
	tx->stage = stages;
	tx->has_data = op->flags & FI_REMOTE_CQ_DATA;
	tx->data = op->data;
	if (may_repeat(ep, op, seg->key))
		tx->mode = UET_MODE_RUDI;
	if (uet_ep_wants_entry(ep, op->flags, op->silent))
		tx->flags |= FI_COMPLETION;
	if (op->silent)
		tx->flags |= UET_TX_DETACHED;
	if (!ret)
		ret = uet_ses_send(ses, tx, uet_clock_ns());
	if (ret)
		uet_ses_tx_put(ses, tx);
	else if (op->silent)
		ep->fep->detached++;
	return ret;
}

static int describe_pieces(struct uet_ep *ep, const struct uet_rma_op *op,
			   const struct uet_ses_dest *dest, struct uet_pieces *p)
{
	size_t off = 0;
	uint8_t i, n = 0;
	int ret;

	for (i = 0; i < op->seg_cnt; i++) {
		if (!op->seg[i].len)
			continue;
		ret = describe(ep, op, dest, &op->seg[i], off, p->tx[n++]);
		if (ret)
			return ret;
		off += op->seg[i].len;
	}
	p->ep = ep->base;
	p->wanted = uet_ep_wants_entry(ep, op->flags, op->silent);
	p->event = (struct uet_cq_event){
		.op_context = op->context,
		.flags = entry_flags(op),
		.len = op->len,
		.src_addr = FI_ADDR_NOTAVAIL,
	};
	if (!(op->flags & FI_REMOTE_CQ_DATA))
		return 0;
	p->tx[n - 1]->has_data = true;
	p->tx[n - 1]->data = op->data;
	p->last_waits = ep->mode != UET_MODE_ROD;
	return 0;
}

static int post_pieces(struct uet_ep *ep, struct uet_rma_op *op,
		       const struct uet_ses_dest *dest, uint8_t cnt,
		       struct uet_hmem_stage *stages)
{
	struct uet_pieces *p = uet_pieces_get(ep->fep, cnt);
	int ret = 0;

	if (!p)
		return -FI_EAGAIN;
	p->stage = stages;
	if ((op->flags & FI_INJECT) && op->opcode != UET_OP_READ)
		ret = uet_pieces_copy(ep->fep, p, op);
	if (!ret)
		ret = describe_pieces(ep, op, dest, p);
	if (!ret)
		ret = uet_pieces_start(ep->fep, p, uet_clock_ns());
	if (ret)
		uet_pieces_put(ep->fep, p);
	return ret;
}

/* Segments that are not empty. */
static uint8_t count_segs(const struct uet_rma_op *op, const struct uet_rma_seg **last)
{
	uint8_t i, n = 0;

	*last = &op->seg[0];
	for (i = 0; i < op->seg_cnt; i++) {
		if (!op->seg[i].len)
			continue;
		*last = &op->seg[i];
		n++;
	}
	return n;
}

/* Put host memory in the place of what of @op is device memory. */
static int stage(struct uet_ep *ep, struct uet_rma_op *op, struct uet_hmem_stage **stages)
{
	struct uet_ses_amo *amo = &op->amo;
	int ret;

	ret = uet_hmem_stage(ep, stages, op->iov, &op->iov_cnt, op->desc,
			     op->opcode == UET_OP_READ);
	if (!is_atomic(op))
		return ret;
	if (!ret)
		ret = uet_hmem_stage(ep, stages, amo->compare, &amo->compare_cnt,
				     op->compare_desc, false);
	if (!ret)
		ret = uet_hmem_stage(ep, stages, amo->result, &amo->result_cnt,
				     op->result_desc, true);
	return ret;
}

static int post_locked(struct uet_ep *ep, struct uet_rma_op *op)
{
	struct uet_hmem_stage *stages = NULL;
	const struct uet_rma_seg *seg;
	struct uet_ses_dest dest;
	uint8_t segs;
	int ret;

	ret = check(ep, op);
	if (!ret)
		ret = uet_av_dest(ep->av, op->dest, &dest);
	if (ret)
		return ret;
	if (uet_pieces_block(ep, op->flags))
		return -FI_EAGAIN;
	if (ep->caps & FI_HMEM)
		ret = stage(ep, op, &stages);
	segs = count_segs(op, &seg);
	if (!ret)
		ret = segs > 1 ? post_pieces(ep, op, &dest, segs, stages) :
				 post_one(ep, op, &dest, seg, stages);
	if (ret)
		uet_hmem_finish(ep->fep, stages, false);
	else
		uet_fep_posted(ep->fep, op->dest, op->opcode == UET_OP_READ ? 0 : op->len,
			       op->flags, uet_clock_ns());
	return ret;
}

ssize_t uet_rma_post(struct uet_ep *ep, struct uet_rma_op *op)
{
	if (uet_unlikely(!ep->tx_enabled))
		return -FI_EOPBADSTATE;
	/* A datagram finds no memory. */
	if (uet_unlikely(ep->mode == UET_MODE_UUD))
		return -FI_EOPNOTSUPP;
	uet_lock(&ep->fep->lock);
	return uet_ep_posted(ep, post_locked(ep, op));
}
