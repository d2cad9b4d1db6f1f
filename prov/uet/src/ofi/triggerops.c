/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations tables of endpoints with FI_TRIGGER: a call with that flag is put into the form of
 * a message struct and queued, any other goes on to the endpoint's own table. Calls that inject
 * have neither flags nor a context that could name a condition: they go on, too.
 */
#include "ofi/ep.h"

static struct uet_ep *ep_of(struct fid_ep *fid)
{
	return uet_container_of(fid, struct uet_ep, fid);
}

/* Has an operation with @flags to wait? */
static bool triggered(uint64_t flags)
{
	return flags & FI_TRIGGER;
}

/* ---- fi_msg(3) ---- */

static ssize_t msg_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.msg->recvmsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_RECV, msg, NULL, NULL, flags);
}

static ssize_t msg_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t src_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = src_addr,
		.context = context,
	};

	if (!triggered(ep->rx_op_flags))
		return ep->tables.msg->recvv(fid, iov, desc, count, src_addr, context);
	return msg_recvmsg(fid, &msg, ep->rx_op_flags);
}

static ssize_t msg_recv(struct fid_ep *fid, void *buf, size_t len, void *desc,
			fi_addr_t src_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	if (!triggered(ep->rx_op_flags))
		return ep->tables.msg->recv(fid, buf, len, desc, src_addr, context);
	return msg_recvv(fid, &iov, &desc, 1, src_addr, context);
}

static ssize_t msg_sendmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.msg->sendmsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_SEND, msg, NULL, NULL, flags);
}

static ssize_t msg_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			 fi_addr_t dest_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr,
		.context = context,
	};

	if (!triggered(ep->tx_op_flags))
		return ep->tables.msg->sendv(fid, iov, desc, count, dest_addr, context);
	return msg_sendmsg(fid, &msg, ep->tx_op_flags);
}

static ssize_t msg_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			fi_addr_t dest_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.msg->send(fid, buf, len, desc, dest_addr, context);
	return msg_sendv(fid, &iov, &desc, 1, dest_addr, context);
}

static ssize_t msg_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			    uint64_t data, fi_addr_t dest_addr, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct fi_msg msg = {
		.msg_iov = &iov, .desc = &desc, .iov_count = 1, .addr = dest_addr,
		.context = context, .data = data,
	};

	if (!triggered(ep->tx_op_flags))
		return ep->tables.msg->senddata(fid, buf, len, desc, data, dest_addr, context);
	return msg_sendmsg(fid, &msg, ep->tx_op_flags | FI_REMOTE_CQ_DATA);
}

static ssize_t msg_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr)
{
	return ep_of(fid)->tables.msg->inject(fid, buf, len, dest_addr);
}

static ssize_t msg_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
			      fi_addr_t dest_addr)
{
	return ep_of(fid)->tables.msg->injectdata(fid, buf, len, data, dest_addr);
}

static struct fi_ops_msg trigger_msg_ops = {
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

/* ---- fi_tagged(3) ---- */

static ssize_t tagged_recvmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.tagged->recvmsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_TRECV, msg, NULL, NULL, flags);
}

static ssize_t tagged_recvv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			    fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg_tagged msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = src_addr, .tag = tag,
		.ignore = ignore, .context = context,
	};

	if (!triggered(ep->rx_op_flags))
		return ep->tables.tagged->recvv(fid, iov, desc, count, src_addr, tag, ignore,
						context);
	return tagged_recvmsg(fid, &msg, ep->rx_op_flags);
}

static ssize_t tagged_recv(struct fid_ep *fid, void *buf, size_t len, void *desc,
			   fi_addr_t src_addr, uint64_t tag, uint64_t ignore, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	if (!triggered(ep->rx_op_flags))
		return ep->tables.tagged->recv(fid, buf, len, desc, src_addr, tag, ignore,
					       context);
	return tagged_recvv(fid, &iov, &desc, 1, src_addr, tag, ignore, context);
}

static ssize_t tagged_sendmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	struct uet_ep *ep = ep_of(fid);

	if (!triggered(flags))
		return ep->tables.tagged->sendmsg(fid, msg, flags);
	return uet_trigger_op(ep, FI_OP_TSEND, msg, NULL, NULL, flags);
}

static ssize_t tagged_sendv(struct fid_ep *fid, const struct iovec *iov, void **desc, size_t count,
			    fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct fi_msg_tagged msg = {
		.msg_iov = iov, .desc = desc, .iov_count = count, .addr = dest_addr, .tag = tag,
		.context = context,
	};

	if (!triggered(ep->tx_op_flags))
		return ep->tables.tagged->sendv(fid, iov, desc, count, dest_addr, tag, context);
	return tagged_sendmsg(fid, &msg, ep->tx_op_flags);
}

static ssize_t tagged_send(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			   fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

	if (!triggered(ep->tx_op_flags))
		return ep->tables.tagged->send(fid, buf, len, desc, dest_addr, tag, context);
	return tagged_sendv(fid, &iov, &desc, 1, dest_addr, tag, context);
}

static ssize_t tagged_senddata(struct fid_ep *fid, const void *buf, size_t len, void *desc,
			       uint64_t data, fi_addr_t dest_addr, uint64_t tag, void *context)
{
	struct uet_ep *ep = ep_of(fid);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct fi_msg_tagged msg = {
		.msg_iov = &iov, .desc = &desc, .iov_count = 1, .addr = dest_addr, .tag = tag,
		.context = context, .data = data,
	};

	if (!triggered(ep->tx_op_flags))
		return ep->tables.tagged->senddata(fid, buf, len, desc, data, dest_addr, tag,
						   context);
	return tagged_sendmsg(fid, &msg, ep->tx_op_flags | FI_REMOTE_CQ_DATA);
}

static ssize_t tagged_inject(struct fid_ep *fid, const void *buf, size_t len, fi_addr_t dest_addr,
			     uint64_t tag)
{
	return ep_of(fid)->tables.tagged->inject(fid, buf, len, dest_addr, tag);
}

static ssize_t tagged_injectdata(struct fid_ep *fid, const void *buf, size_t len, uint64_t data,
				 fi_addr_t dest_addr, uint64_t tag)
{
	return ep_of(fid)->tables.tagged->injectdata(fid, buf, len, data, dest_addr, tag);
}

static struct fi_ops_tagged trigger_tagged_ops = {
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

void uet_trigger_wrap(struct uet_ep *ep)
{
	if (!ep->tables.msg)
		ep->tables = (struct uet_ep_tables){
			.msg = ep->fid.msg,
			.tagged = ep->fid.tagged,
			.rma = ep->fid.rma,
			.atomic = ep->fid.atomic,
		};
	if (!(ep->caps & FI_TRIGGER))
		return;
	ep->fid.msg = &trigger_msg_ops;
	ep->fid.tagged = &trigger_tagged_ops;
	ep->fid.rma = &uet_trigger_rma_ops;
	ep->fid.atomic = &uet_trigger_atomic_ops;
}
