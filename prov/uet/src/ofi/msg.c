/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_msg(3): each call becomes one description for transfer.c.
 */
#include "ofi/ep.h"

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

static ssize_t msg_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
		fi_addr_t src_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct uet_recv_args args = {
		.iov = iov,
		.desc = desc,
		.count = count,
		.src = src_addr,
		.flags = ep->rx_op_flags | FI_MSG,
		.context = context,
	};

	return uet_ep_recv(ep, &args);
}

static ssize_t msg_recv(struct fid_ep *fid, void *buf, size_t len, void *desc,
		fi_addr_t src_addr, void *context)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return msg_recvv(fid, &iov, &desc, 1, src_addr, context);
}

static ssize_t msg_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	struct uet_recv_args args = {
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.count = msg->iov_count,
		.src = msg->addr,
		.flags = flags | FI_MSG,
		.context = msg->context,
	};

	return uet_ep_recv(ep_of(fid), &args);
}

static ssize_t msg_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
		fi_addr_t dest_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct uet_send_args args = {
		.iov = iov,
		.desc = desc,
		.count = count,
		.dest = dest_addr,
		.flags = ep->tx_op_flags | FI_MSG,
		.context = context,
	};

	return uet_ep_send(ep, &args);
}

static ssize_t msg_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
		fi_addr_t dest_addr, void *context)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

	return msg_sendv(fid, &iov, &desc, 1, dest_addr, context);
}

static ssize_t msg_sendmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	struct uet_send_args args = {
		.iov = msg->msg_iov,
		.desc = msg->desc,
		.count = msg->iov_count,
		.dest = msg->addr,
		.data = msg->data,
		.flags = flags | FI_MSG,
		.context = msg->context,
	};

	return uet_ep_send(ep_of(fid), &args);
}

static ssize_t msg_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
		uint64_t data, fi_addr_t dest_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct uet_send_args args = {
		.iov = &iov,
		.desc = &desc,
		.count = 1,
		.dest = dest_addr,
		.data = data,
		.flags = ep->tx_op_flags | FI_REMOTE_CQ_DATA | FI_MSG,
		.context = context,
	};

	return uet_ep_send(ep, &args);
}

static ssize_t inject(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
		      fi_addr_t dest_addr, uint64_t flags)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct uet_send_args args = {
		.iov = &iov,
		.count = 1,
		.dest = dest_addr,
		.data = data,
		.flags = FI_INJECT | FI_MSG | flags,
		.silent = true,
	};

	return uet_ep_send(ep_of(fid), &args);
}

static ssize_t msg_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr)
{
	return inject(fid, buf, len, 0, dest_addr, 0);
}

static ssize_t msg_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
		fi_addr_t dest_addr)
{
	return inject(fid, buf, len, data, dest_addr, FI_REMOTE_CQ_DATA);
}

struct fi_ops_msg uet_msg_ops = {
	.size = sizeof(struct fi_ops_msg),
	.recv = msg_recv,
	.recvv = msg_recvv,
	.recvmsg = msg_recvmsg,
	.send = msg_send,
	.sendv = msg_sendv,
	.sendmsg = msg_sendmsg,
	.inject = msg_inject,
	.senddata = msg_senddata,
	.injectdata = msg_injectdata,
};
