/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_atomic(3): each call becomes one description for post.c.
 */
#include "ofi/rma.h"

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

/* Vectors of a call, in elements. */
struct vectors {
	const struct fi_ioc *operand;
	size_t operand_cnt;
	const struct fi_ioc *compare;
	size_t compare_cnt;
	const struct fi_ioc *result;
	size_t result_cnt;
	const struct fi_rma_ioc *rma;
	size_t rma_cnt;
	void **desc;		/* of operands, compare values and results, or NULL */
	void **compare_desc;
	void **result_desc;
};

/*
 * @ioc in bytes; @max elements of @size bytes at most. Returns their number, or -FI_EINVAL,
 * -FI_EMSGSIZE.
 */
static ssize_t set_iov(const struct fi_ioc *ioc, size_t cnt, size_t size, size_t max,
		       struct iovec *iov, uint8_t *iov_cnt)
{
	size_t i, total = 0;

	if (cnt > UET_SES_IOV || (cnt && !ioc))
		return -FI_EINVAL;
	for (i = 0; i < cnt; i++) {
		if (ioc[i].count > max - total)
			return -FI_EMSGSIZE;
		if (ioc[i].count && !ioc[i].addr)
			return -FI_EINVAL;
		iov[i].iov_base = ioc[i].addr;
		iov[i].iov_len = ioc[i].count * size;
		total += ioc[i].count;
	}
	*iov_cnt = (uint8_t)cnt;
	return (ssize_t)total;
}

/* The target's segments. Returns the elements in them, or -FI_EINVAL, -FI_EMSGSIZE. */
static ssize_t set_segs(struct uet_rma_op *op, const struct vectors *v, size_t max)
{
	size_t i, total = 0;

	if (!v->rma || !v->rma_cnt || v->rma_cnt > UET_RMA_SEGS)
		return -FI_EINVAL;
	for (i = 0; i < v->rma_cnt; i++) {
		if (v->rma[i].count > max - total)
			return -FI_EMSGSIZE;
		op->seg[i].addr = v->rma[i].addr;
		op->seg[i].key = v->rma[i].key;
		op->seg[i].len = v->rma[i].count * op->amo.size;
		total += v->rma[i].count;
	}
	op->seg_cnt = (uint8_t)v->rma_cnt;
	op->len = total * op->amo.size;
	return (ssize_t)total;
}

/* Number of elements of every vector that the operation has, which must be the same. */
static int set_vectors(struct uet_rma_op *op, enum uet_atomic_kind kind, const struct vectors *v,
		       size_t max)
{
	struct uet_ses_amo *amo = &op->amo;
	ssize_t n, total = set_segs(op, v, max);

	if (total <= 0)
		return total ? (int)total : -FI_EINVAL;
	if (amo->op != UET_AMO_READ) {
		n = set_iov(v->operand, v->operand_cnt, amo->size, max, op->iov, &op->iov_cnt);
		if (n != total)
			return n < 0 ? (int)n : -FI_EINVAL;
	}
	if (kind == UET_ATOMIC_COMPARE) {
		n = set_iov(v->compare, v->compare_cnt, amo->size, max, amo->compare,
			    &amo->compare_cnt);
		if (n != total)
			return n < 0 ? (int)n : -FI_EINVAL;
	}
	if (kind == UET_ATOMIC_BASE)
		return 0;
	n = set_iov(v->result, v->result_cnt, amo->size, max, amo->result, &amo->result_cnt);
	if (n != total)
		return n < 0 ? (int)n : -FI_EINVAL;
	return 0;
}

/* What a call says beside its vectors. */
struct call {
	enum uet_atomic_kind kind;
	bool silent;
	int type, op;
	fi_addr_t dest;
	uint64_t flags;
	void *context;
};

static ssize_t post(struct fid_ep *fid, const struct call *c, const struct vectors *v)
{
	struct uet_ep *ep = ep_of(fid);
	struct uet_rma_op op = {
		.opcode = c->kind == UET_ATOMIC_BASE ? UET_OP_ATOMIC : UET_OP_FETCHING_ATOMIC,
		.silent = c->silent,
		.dest = c->dest,
		.flags = c->flags,
		.context = c->context,
		.desc = v->desc,
		.compare_desc = v->compare_desc,
		.result_desc = v->result_desc,
	};
	int ret;

	ret = uet_amo_describe(c->kind, c->type, c->op, &op.amo);
	if (!ret)
		ret = set_vectors(&op, c->kind, v, uet_amo_count(c->kind, op.amo.size,
								 ep->fep->payload_mtu));
	return ret ? ret : uet_rma_post(ep, &op);
}

/* A call with one segment at the target, as large as the vectors of elements. */
static ssize_t post_v(struct fid_ep *fid, const struct call *c, struct vectors *v, uint64_t addr,
		      uint64_t key)
{
	struct fi_rma_ioc rma = { .addr = addr, .key = key };
	bool reads = c->op == FI_ATOMIC_READ && c->kind == UET_ATOMIC_FETCH;
	const struct fi_ioc *ioc = reads ? v->result : v->operand;
	size_t i, cnt = reads ? v->result_cnt : v->operand_cnt;

	if (cnt > UET_SES_IOV || !ioc)
		return -FI_EINVAL;
	for (i = 0; i < cnt; i++)
		if (__builtin_add_overflow(rma.count, ioc[i].count, &rma.count))
			return -FI_EMSGSIZE;
	v->rma = &rma;
	v->rma_cnt = 1;
	return post(fid, c, v);
}

static ssize_t post_msg(struct fid_ep *fid, enum uet_atomic_kind kind,
			const struct fi_msg_atomic *msg, struct vectors *v, uint64_t flags)
{
	const struct call c = {
		.kind = kind,
		.type = (int)msg->datatype,
		.op = (int)msg->op,
		.dest = msg->addr,
		.flags = flags,
		.context = msg->context,
	};

	v->operand = msg->msg_iov;
	v->operand_cnt = msg->iov_count;
	v->desc = msg->desc;
	v->rma = msg->rma_iov;
	v->rma_cnt = msg->rma_iov_count;
	return post(fid, &c, v);
}

/* ---- base ---- */

static ssize_t atomic_writev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
			     size_t count, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     enum fi_datatype type, enum fi_op op, void *context)
{
	struct vectors v = { .operand = iov, .operand_cnt = count, .desc = desc };
	const struct call c = {
		.kind = UET_ATOMIC_BASE,
		.type = (int)type,
		.op = (int)op,
		.dest = dest_addr,
		.flags = ep_of(fid)->tx_op_flags,
		.context = context,
	};

	return post_v(fid, &c, &v, addr, key);
}

static ssize_t atomic_write(struct fid_ep *fid, const void *buf, size_t count, void *desc,
			    fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			    enum fi_datatype type, enum fi_op op, void *context)
{
	const struct fi_ioc ioc = { .addr = (void *)(uintptr_t)buf, .count = count };

	return atomic_writev(fid, &ioc, &desc, 1, dest_addr, addr, key, type, op, context);
}

static ssize_t atomic_writemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
			       uint64_t flags)
{
	struct vectors v = { .operand = NULL };

	return post_msg(fid, UET_ATOMIC_BASE, msg, &v, flags);
}

static ssize_t atomic_inject(struct fid_ep *fid, const void *buf, size_t count,
			     fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     enum fi_datatype type, enum fi_op op)
{
	const struct fi_ioc ioc = { .addr = (void *)(uintptr_t)buf, .count = count };
	struct vectors v = { .operand = &ioc, .operand_cnt = 1 };
	const struct call c = {
		.kind = UET_ATOMIC_BASE,
		.silent = true,
		.type = (int)type,
		.op = (int)op,
		.dest = dest_addr,
		.flags = FI_INJECT,
	};

	return post_v(fid, &c, &v, addr, key);
}

/* ---- fetch ---- */

static ssize_t atomic_readwritev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
				 size_t count, struct fi_ioc *resultv, void **result_desc,
				 size_t result_count, fi_addr_t dest_addr, uint64_t addr,
				 uint64_t key, enum fi_datatype type, enum fi_op op,
				 void *context)
{
	struct vectors v = {
		.operand = iov, .operand_cnt = count, .desc = desc,
		.result = resultv, .result_cnt = result_count, .result_desc = result_desc,
	};
	const struct call c = {
		.kind = UET_ATOMIC_FETCH,
		.type = (int)type,
		.op = (int)op,
		.dest = dest_addr,
		.flags = ep_of(fid)->tx_op_flags,
		.context = context,
	};

	return post_v(fid, &c, &v, addr, key);
}

static ssize_t atomic_readwrite(struct fid_ep *fid, const void *buf, size_t count, void *desc,
				void *result, void *result_desc, fi_addr_t dest_addr,
				uint64_t addr, uint64_t key, enum fi_datatype type,
				enum fi_op op, void *context)
{
	const struct fi_ioc ioc = { .addr = (void *)(uintptr_t)buf, .count = count };
	struct fi_ioc res = { .addr = result, .count = count };

	return atomic_readwritev(fid, &ioc, &desc, 1, &res, &result_desc, 1, dest_addr, addr, key,
				 type, op, context);
}

static ssize_t atomic_readwritemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
				   struct fi_ioc *resultv, void **result_desc,
				   size_t result_count, uint64_t flags)
{
	struct vectors v = {
		.result = resultv, .result_cnt = result_count, .result_desc = result_desc,
	};

	return post_msg(fid, UET_ATOMIC_FETCH, msg, &v, flags);
}

/* ---- compare ---- */

static ssize_t atomic_compwritev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
				 size_t count, const struct fi_ioc *comparev,
				 void **compare_desc, size_t compare_count,
				 struct fi_ioc *resultv, void **result_desc, size_t result_count,
				 fi_addr_t dest_addr, uint64_t addr, uint64_t key,
				 enum fi_datatype type, enum fi_op op, void *context)
{
	struct vectors v = {
		.operand = iov, .operand_cnt = count, .desc = desc,
		.compare = comparev, .compare_cnt = compare_count, .compare_desc = compare_desc,
		.result = resultv, .result_cnt = result_count, .result_desc = result_desc,
	};
	const struct call c = {
		.kind = UET_ATOMIC_COMPARE,
		.type = (int)type,
		.op = (int)op,
		.dest = dest_addr,
		.flags = ep_of(fid)->tx_op_flags,
		.context = context,
	};

	return post_v(fid, &c, &v, addr, key);
}

static ssize_t atomic_compwrite(struct fid_ep *fid, const void *buf, size_t count, void *desc,
				const void *compare, void *compare_desc, void *result,
				void *result_desc, fi_addr_t dest_addr, uint64_t addr,
				uint64_t key, enum fi_datatype type, enum fi_op op,
				void *context)
{
	const struct fi_ioc ioc = { .addr = (void *)(uintptr_t)buf, .count = count };
	const struct fi_ioc cmp = { .addr = (void *)(uintptr_t)compare, .count = count };
	struct fi_ioc res = { .addr = result, .count = count };

	return atomic_compwritev(fid, &ioc, &desc, 1, &cmp, &compare_desc, 1, &res, &result_desc,
				 1, dest_addr, addr, key, type, op, context);
}

static ssize_t atomic_compwritemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
				   const struct fi_ioc *comparev, void **compare_desc,
				   size_t compare_count, struct fi_ioc *resultv,
				   void **result_desc, size_t result_count, uint64_t flags)
{
	struct vectors v = {
		.compare = comparev, .compare_cnt = compare_count, .compare_desc = compare_desc,
		.result = resultv, .result_cnt = result_count, .result_desc = result_desc,
	};

	return post_msg(fid, UET_ATOMIC_COMPARE, msg, &v, flags);
}

/* ---- what is there ---- */

static int valid(struct fid_ep *fid, enum uet_atomic_kind kind, enum fi_datatype type,
		 enum fi_op op, size_t *count)
{
	struct uet_ep *ep = ep_of(fid);
	struct uet_ses_amo amo;
	int ret;

	ret = ep->caps & FI_ATOMIC ? uet_amo_describe(kind, (int)type, (int)op, &amo) :
				     -FI_EOPNOTSUPP;
	if (ret)
		return ret;
	if (count)
		*count = uet_amo_count(kind, amo.size, ep->fep->payload_mtu);
	return 0;
}

static int atomic_writevalid(struct fid_ep *fid, enum fi_datatype type, enum fi_op op,
			     size_t *count)
{
	return valid(fid, UET_ATOMIC_BASE, type, op, count);
}

static int atomic_readwritevalid(struct fid_ep *fid, enum fi_datatype type, enum fi_op op,
				 size_t *count)
{
	return valid(fid, UET_ATOMIC_FETCH, type, op, count);
}

static int atomic_compwritevalid(struct fid_ep *fid, enum fi_datatype type, enum fi_op op,
				 size_t *count)
{
	return valid(fid, UET_ATOMIC_COMPARE, type, op, count);
}

struct fi_ops_atomic uet_atomic_ops = {
	.size = sizeof(struct fi_ops_atomic),
	.write = atomic_write,
	.writev = atomic_writev,
	.writemsg = atomic_writemsg,
	.inject = atomic_inject,
	.readwrite = atomic_readwrite,
	.readwritev = atomic_readwritev,
	.readwritemsg = atomic_readwritemsg,
	.compwrite = atomic_compwrite,
	.compwritev = atomic_compwritev,
	.compwritemsg = atomic_compwritemsg,
	.writevalid = atomic_writevalid,
	.readwritevalid = atomic_readwritevalid,
	.compwritevalid = atomic_compwritevalid,
};
