/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_tagged(3): each call becomes one description for transfer.c.
 */
#include "ofi/attr.h"
#include "ofi/ep.h"

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

static ssize_t tagged_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
		fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	/* Who asked for untagged multi-receive buffers did not mean these. */
	uint64_t not_meant = ep->caps & UET_TAGGED_MULTI_RECV ? 0 : FI_MULTI_RECV;
	struct uet_recv_args args = {
		.iov = iov,
		.desc = desc,
		.count = count,
		.src = src_addr,
		.tag = tag,
		.ignore = ignore,
		.flags = (ep->rx_op_flags & ~not_meant) | FI_TAGGED,
		.context = context,
	};

	return uet_ep_recv(ep, &args);
}

static ssize_t tagged_recv(struct fid_ep *fid, void *buf, size_t len, void *desc,
		fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return tagged_recvv(fid, &iov, &desc, 1, src_addr, tag, ignore, context);
}

static ssize_t tagged_recvmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	struct uet_recv_args args = {
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.count = msg->iov_count,
		.src = msg->addr,
		.tag = msg->tag,
		.ignore = msg->ignore,
		.flags = flags | FI_TAGGED,
		.context = msg->context,
	};

	return uet_ep_recv(ep_of(fid), &args);
}

static ssize_t tagged_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
		fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct uet_send_args args = {
		.iov = iov,
		.desc = desc,
		.count = count,
		.dest = dest_addr,
		.tag = tag,
		.flags = ep->tx_op_flags | FI_TAGGED,
		.context = context,
	};

	return uet_ep_send(ep, &args);
}

static ssize_t tagged_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
		fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

	return tagged_sendv(fid, &iov, &desc, 1, dest_addr, tag, context);
}

static ssize_t tagged_sendmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	struct uet_send_args args = {
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.count = msg->iov_count,
		.dest = msg->addr,
		.tag = msg->tag,
		.data = msg->data,
		.flags = flags | FI_TAGGED,
		.context = msg->context,
	};

	return uet_ep_send(ep_of(fid), &args);
}

static ssize_t tagged_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
		uint64_t data, fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct uet_send_args args = {
		.iov = &iov,
		.desc = &desc,
		.count = 1,
		.dest = dest_addr,
		.tag = tag,
		.data = data,
		.flags = ep->tx_op_flags | FI_REMOTE_CQ_DATA | FI_TAGGED,
		.context = context,
	};

	return uet_ep_send(ep, &args);
}

static ssize_t inject(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
		      fi_addr_t dest_addr, uint64_t tag, uint64_t flags)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct uet_send_args args = {
		.iov = &iov,
		.count = 1,
		.dest = dest_addr,
		.tag = tag,
		.data = data,
		.flags = FI_INJECT | FI_TAGGED | flags,
		.silent = true,
	};

	return uet_ep_send(ep_of(fid), &args);
}

static ssize_t tagged_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
		uint64_t tag)
{
	return inject(fid, buf, len, 0, dest_addr, tag, 0);
}

static ssize_t tagged_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
		fi_addr_t dest_addr, uint64_t tag)
{
	return inject(fid, buf, len, data, dest_addr, tag, FI_REMOTE_CQ_DATA);
}

struct fi_ops_tagged uet_tagged_ops = {
	.size = sizeof(struct fi_ops_tagged),
	.recv = tagged_recv,
	.recvv = tagged_recvv,
	.recvmsg = tagged_recvmsg,
	.send = tagged_send,
	.sendv = tagged_sendv,
	.sendmsg = tagged_sendmsg,
	.inject = tagged_inject,
	.senddata = tagged_senddata,
	.injectdata = tagged_injectdata,
};
