/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The second half of triggerops.c: RMA and atomics.
 */
#include "ofi/rma.h"

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

/* Has an operation with @flags to wait? */
static bool triggered(uint64_t flags)
{
	return flags & FI_TRIGGER;
}

/* ---- fi_rma(3) ---- */

static ssize_t rma_readmsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.rma->readmsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_READ, msg, NULL, NULL, flags);
}

static ssize_t rma_readv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_rma_iov remote = { .addr = addr, .key = key };
	struct fi_msg_rma msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = src_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .context = context,
	};
	int ret;

	if (!triggered(ep->tx_op_flags))
		return ep->tables.rma->readv(fid, iov, desc, count, src_addr, addr, key, context);
	ret = uet_iov_len(iov, count, &remote.len);
	return ret ? ret : rma_readmsg(fid, &msg, ep->tx_op_flags);
}

static ssize_t rma_read(struct fid_ep *fid, void *buf, size_t len, void *desc,
			fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.rma->read(fid, buf, len, desc, src_addr, addr, key, context);
	return rma_readv(fid, &iov, &desc, 1, src_addr, addr, key, context);
}

static ssize_t rma_writemsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.rma->writemsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_WRITE, msg, NULL, NULL, flags);
}

static ssize_t rma_writev(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			  fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_rma_iov remote = { .addr = addr, .key = key };
	struct fi_msg_rma msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .context = context,
	};
	int ret;

	if (!triggered(ep->tx_op_flags))
		return ep->tables.rma->writev(fid, iov, desc, count, dest_addr, addr, key,
				context);
	ret = uet_iov_len(iov, count, &remote.len);
	return ret ? ret : rma_writemsg(fid, &msg, ep->tx_op_flags);
}

static ssize_t rma_write(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			 fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.rma->write(fid, buf, len, desc, dest_addr, addr, key, context);
	return rma_writev(fid, &iov, &desc, 1, dest_addr, addr, key, context);
}

static ssize_t rma_writedata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			     uint64_t data, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct fi_rma_iov remote = { .addr = addr, .len = len, .key = key };
	struct fi_msg_rma msg = {
		.msg_iov = &iov, .desc = &desc, .iov_count = 1, .addr = dest_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .context = context, .data = data,
	};

	if (!triggered(ep->tx_op_flags))
		return ep->tables.rma->writedata(fid, buf, len, desc, data, dest_addr, addr, key,
				   context);
	return rma_writemsg(fid, &msg, ep->tx_op_flags | FI_REMOTE_CQ_DATA);
}

static ssize_t rma_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
			  uint64_t addr, uint64_t key)
{
	return ep_of(fid)->tables.rma->inject(fid, buf, len, dest_addr, addr, key);
}

static ssize_t rma_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr, uint64_t addr, uint64_t key)
{
	return ep_of(fid)->tables.rma->injectdata(fid, buf, len, data, dest_addr, addr, key);
}

struct fi_ops_rma uet_trigger_rma_ops = {
	.size = sizeof(struct fi_ops_rma),
	.read = rma_read,
	.readv = rma_readv,
	.readmsg = rma_readmsg,
	.write = rma_write,
	.writev = rma_writev,
	.writemsg = rma_writemsg,
	.inject = rma_inject,
	.writedata = rma_writedata,
	.injectdata = rma_injectdata,
};

/* ---- fi_atomic(3) ---- */

/* Elements of @ioc in *@n. Returns 0 or -FI_EINVAL. */
static int ioc_count(const struct fi_ioc *ioc, size_t count, size_t *n)
{
	size_t i;

	if (count > UET_SES_IOV || (count && !ioc))
		return -FI_EINVAL;
	for (*n = 0, i = 0; i < count; i++)
		if (__builtin_add_overflow(*n, ioc[i].count, n))
			return -FI_EINVAL;
	return 0;
}

static ssize_t atomic_writemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
			       uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.atomic->writemsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_ATOMIC, msg, NULL, NULL, flags);
}

static ssize_t atomic_writev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
			     size_t count, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     enum fi_datatype datatype, enum fi_op op, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_rma_ioc remote = { .addr = addr, .key = key };
	struct fi_msg_atomic msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .datatype = datatype, .op = op,
		.context = context,
	};
	int ret;

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->writev(fid, iov, desc, count, dest_addr, addr, key,
				   datatype, op, context);
	ret = ioc_count(iov, count, &remote.count);
	return ret ? ret : atomic_writemsg(fid, &msg, ep->tx_op_flags);
}

static ssize_t atomic_write(struct fid_ep *fid, const void *buf, size_t count, void *desc,
			    fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			    enum fi_datatype datatype, enum fi_op op, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_ioc iov = { .addr = (void *)buf, .count = count };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->write(fid, buf, count, desc, dest_addr, addr, key,
				  datatype, op, context);
	return atomic_writev(fid, &iov, &desc, 1, dest_addr, addr, key, datatype, op, context);
}

static ssize_t atomic_readwritemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
				   struct fi_ioc *resultv, void **result_desc,
				   size_t result_count, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg_fetch fetch = {
		.msg_iov = resultv, .desc = result_desc, .iov_count = result_count,
	};

	if (!triggered(flags))
		return ep->tables.atomic->readwritemsg(fid, msg, resultv, result_desc,
					 result_count, flags);
	return uet_trigger_op(ep, FI_OP_FETCH_ATOMIC, msg, &fetch, NULL, flags);
}

static ssize_t atomic_readwritev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
				 size_t count, struct fi_ioc *resultv, void **result_desc,
				 size_t result_count, fi_addr_t dest_addr, uint64_t addr,
				 uint64_t key, enum fi_datatype datatype, enum fi_op op,
				 void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_rma_ioc remote = { .addr = addr, .key = key };
	struct fi_msg_atomic msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .datatype = datatype, .op = op,
		.context = context,
	};
	int ret;

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->readwritev(fid, iov, desc, count, resultv, result_desc,
				       result_count, dest_addr, addr, key, datatype, op, context);
	ret = ioc_count(resultv, result_count, &remote.count);
	return ret ? ret : atomic_readwritemsg(fid, &msg, resultv, result_desc, result_count,
					       ep->tx_op_flags);
}

static ssize_t atomic_readwrite(struct fid_ep *fid, const void *buf, size_t count, void *desc,
				void *result, void *result_desc, fi_addr_t dest_addr,
				uint64_t addr, uint64_t key, enum fi_datatype datatype,
				enum fi_op op, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_ioc iov = { .addr = (void *)buf, .count = count };
	struct fi_ioc resultv = { .addr = result, .count = count };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->readwrite(fid, buf, count, desc, result, result_desc,
				      dest_addr, addr, key, datatype, op, context);
	return atomic_readwritev(fid, &iov, &desc, 1, &resultv, &result_desc, 1, dest_addr, addr,
			  key, datatype, op, context);
}

static ssize_t atomic_compwritemsg(struct fid_ep *fid, const struct fi_msg_atomic *msg,
				   const struct fi_ioc *comparev, void **compare_desc,
				   size_t compare_count, struct fi_ioc *resultv,
				   void **result_desc, size_t result_count, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg_fetch fetch = {
		.msg_iov = resultv, .desc = result_desc, .iov_count = result_count,
	};
	struct fi_msg_compare compare = {
		.msg_iov = comparev, .desc = compare_desc, .iov_count = compare_count,
	};

	if (!triggered(flags))
		return ep->tables.atomic->compwritemsg(fid, msg, comparev, compare_desc,
					 compare_count, resultv, result_desc, result_count,
					 flags);
	return uet_trigger_op(ep, FI_OP_COMPARE_ATOMIC, msg, &fetch, &compare, flags);
}

static ssize_t atomic_compwritev(struct fid_ep *fid, const struct fi_ioc *iov, void **desc,
				 size_t count, const struct fi_ioc *comparev,
				 void **compare_desc, size_t compare_count,
				 struct fi_ioc *resultv, void **result_desc, size_t result_count,
				 fi_addr_t dest_addr, uint64_t addr, uint64_t key,
				 enum fi_datatype datatype, enum fi_op op, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_rma_ioc remote = { .addr = addr, .key = key };
	struct fi_msg_atomic msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr,
		.rma_iov = &remote, .rma_iov_count = 1, .datatype = datatype, .op = op,
		.context = context,
	};
	int ret;

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->compwritev(fid, iov, desc, count, comparev,
				       compare_desc, compare_count, resultv, result_desc,
				       result_count, dest_addr, addr, key, datatype, op, context);
	ret = ioc_count(resultv, result_count, &remote.count);
	return ret ? ret : atomic_compwritemsg(fid, &msg, comparev, compare_desc, compare_count,
					       resultv, result_desc, result_count,
					       ep->tx_op_flags);
}

static ssize_t atomic_compwrite(struct fid_ep *fid, const void *buf, size_t count, void *desc,
				const void *compare, void *compare_desc, void *result,
				void *result_desc, fi_addr_t dest_addr, uint64_t addr,
				uint64_t key, enum fi_datatype datatype, enum fi_op op,
				void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_ioc iov = { .addr = (void *)buf, .count = count };
	struct fi_ioc comparev = { .addr = (void *)compare, .count = count };
	struct fi_ioc resultv = { .addr = result, .count = count };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.atomic->compwrite(fid, buf, count, desc, compare, compare_desc,
				      result, result_desc, dest_addr, addr, key, datatype, op,
				      context);
	return atomic_compwritev(fid, &iov, &desc, 1, &comparev, &compare_desc, 1, &resultv,
			  &result_desc, 1, dest_addr, addr, key, datatype, op, context);
}

static ssize_t atomic_inject(struct fid_ep *fid, const void *buf, size_t count,
			     fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     enum fi_datatype datatype, enum fi_op op)
{
	return ep_of(fid)->tables.atomic->inject(fid, buf, count, dest_addr, addr, key, datatype,
					  op);
}

static int atomic_writevalid(struct fid_ep *fid, enum fi_datatype datatype, enum fi_op op,
			     size_t *count)
{
	return ep_of(fid)->tables.atomic->writevalid(fid, datatype, op, count);
}

static int atomic_readwritevalid(struct fid_ep *fid, enum fi_datatype datatype, enum fi_op op,
				 size_t *count)
{
	return ep_of(fid)->tables.atomic->readwritevalid(fid, datatype, op, count);
}

static int atomic_compwritevalid(struct fid_ep *fid, enum fi_datatype datatype, enum fi_op op,
				 size_t *count)
{
	return ep_of(fid)->tables.atomic->compwritevalid(fid, datatype, op, count);
}

struct fi_ops_atomic uet_trigger_atomic_ops = {
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
