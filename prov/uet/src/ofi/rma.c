/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_rma(3): each call becomes one description for post.c.
 */
#include "ofi/rma.h"

#include <string.h>

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

/* Local memory and target segments, which must hold as much. */
static int set_memory(struct uet_rma_op *op, const struct iovec *iov, size_t count,
		      const struct fi_rma_iov *rma, size_t rma_count)
{
	size_t i, local, total = 0;
	int ret;

	if (!rma || !rma_count || rma_count > UET_RMA_SEGS)
		return -FI_EINVAL;
	ret = uet_iov_len(iov, count, &local);
	if (ret)
		return ret;
	for (i = 0; i < rma_count; i++) {
		op->seg[i] = (struct uet_rma_seg){ rma[i].addr, rma[i].key, rma[i].len };
		if (__builtin_add_overflow(total, rma[i].len, &total))
			return -FI_EINVAL;
	}
	if (total != local)
		return -FI_EINVAL;
	if (count)
		memcpy(op->iov, iov, count * sizeof(*iov));
	op->iov_cnt = (uint8_t)count;
	op->seg_cnt = (uint8_t)rma_count;
	op->len = total;
	return 0;
}

static ssize_t post(struct fid_ep *fid, struct uet_rma_op *op, const struct iovec *iov,
		    size_t count, uint64_t addr, uint64_t key)
{
	struct fi_rma_iov rma = { .addr = addr, .key = key };
	int ret = uet_iov_len(iov, count, &rma.len);

	if (!ret)
		ret = set_memory(op, iov, count, &rma, 1);
	return ret ? ret : uet_rma_post(ep_of(fid), op);
}

static ssize_t post_msg(struct fid_ep *fid, uint8_t opcode, const struct fi_msg_rma *msg,
			uint64_t flags)
{
	struct uet_rma_op op;
	int ret;

	op.opcode = opcode;
	op.desc = msg->desc;
	op.silent = false;
	op.dest = msg->addr;
	op.data = msg->data;
	op.flags = flags;
	op.context = msg->context;
	ret = set_memory(&op, msg->msg_iov, msg->iov_count, msg->rma_iov, msg->rma_iov_count);
	return ret ? ret : uet_rma_post(ep_of(fid), &op);
}

static ssize_t rma_readv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_rma_op op;

	op.opcode = UET_OP_READ;
	op.desc = desc;
	op.silent = false;
	op.dest = src_addr;
	op.data = 0;
	op.flags = ep_of(fid)->tx_op_flags;
	op.context = context;
	return post(fid, &op, iov, count, addr, key);
}

static ssize_t rma_read(struct fid_ep *fid, void *buf, size_t len, void *desc,
			fi_addr_t src_addr, uint64_t addr, uint64_t key, void *context)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return rma_readv(fid, &iov, &desc, 1, src_addr, addr, key, context);
}

static ssize_t rma_readmsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return post_msg(fid, UET_OP_READ, msg, flags);
}

static ssize_t rma_writev(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			  fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	struct uet_rma_op op;

	op.opcode = UET_OP_WRITE;
	op.desc = desc;
	op.silent = false;
	op.dest = dest_addr;
	op.data = 0;
	op.flags = ep_of(fid)->tx_op_flags;
	op.context = context;
	return post(fid, &op, iov, count, addr, key);
}

static ssize_t rma_write(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			 fi_addr_t dest_addr, uint64_t addr, uint64_t key, void *context)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return rma_writev(fid, &iov, &desc, 1, dest_addr, addr, key, context);
}

static ssize_t rma_writemsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return post_msg(fid, UET_OP_WRITE, msg, flags);
}

static ssize_t rma_writedata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			     uint64_t data, fi_addr_t dest_addr, uint64_t addr, uint64_t key,
			     void *context)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct uet_rma_op op;

	op.opcode = UET_OP_WRITE;
	op.desc = &desc;
	op.silent = false;
	op.dest = dest_addr;
	op.data = data;
	op.flags = ep_of(fid)->tx_op_flags | FI_REMOTE_CQ_DATA;
	op.context = context;
	return post(fid, &op, &iov, 1, addr, key);
}

static ssize_t inject(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
		      fi_addr_t dest_addr, uint64_t addr, uint64_t key, uint64_t flags)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct uet_rma_op op;

	op.opcode = UET_OP_WRITE;
	op.desc = NULL;
	op.silent = true;
	op.dest = dest_addr;
	op.data = data;
	op.flags = flags | FI_INJECT;
	op.context = NULL;
	return post(fid, &op, &iov, 1, addr, key);
}

static ssize_t rma_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
			  uint64_t addr, uint64_t key)
{
	return inject(fid, buf, len, 0, dest_addr, addr, key, 0);
}

static ssize_t rma_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr, uint64_t addr, uint64_t key)
{
	return inject(fid, buf, len, data, dest_addr, addr, key, FI_REMOTE_CQ_DATA);
}

struct fi_ops_rma uet_rma_ops = {
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
