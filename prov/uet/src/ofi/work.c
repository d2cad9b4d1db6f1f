/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations described now and posted later: the copy, and the posting of it through the
 * operations tables of the endpoint.
 */
#include "ofi/work.h"

#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "base/log.h"
#include "ofi/trigger.h"

/* Receives that do not end with one completion each. */
#define ODD_RECV_FLAGS (FI_PEEK | FI_CLAIM | FI_DISCARD | FI_MULTI_RECV)

/* ---- copying ---- */

static bool is_recv(enum fi_op_type op)
{
	return op == FI_OP_RECV || op == FI_OP_TRECV;
}

static bool is_atomic(enum fi_op_type op)
{
	return op == FI_OP_ATOMIC || op == FI_OP_FETCH_ATOMIC || op == FI_OP_COMPARE_ATOMIC;
}

static bool is_cntr_op(enum fi_op_type op)
{
	return op == FI_OP_CNTR_SET || op == FI_OP_CNTR_ADD;
}

/* Copy @cnt elements of @size bytes; 0 or -FI_EINVAL. */
static int copy_array(void *to, const void *from, size_t cnt, size_t size)
{
	if (cnt > UET_SES_IOV || (cnt && !from))
		return -FI_EINVAL;
	if (cnt)
		memcpy(to, from, cnt * size);
	return 0;
}

/* Memory descriptors are optional. */
static int copy_descs(void **to, void ***desc, size_t cnt)
{
	int ret = 0;

	if (*desc) {
		ret = copy_array(to, *desc, cnt, sizeof(void *));
		*desc = to;
	}
	return ret;
}

static int copy_msg(struct uet_work *w, const struct fi_msg *msg)
{
	w->u.msg = *msg;
	w->u.msg.msg_iov = w->local.iov;
	if (copy_array(w->local.iov, msg->msg_iov, msg->iov_count, sizeof(struct iovec)))
		return -FI_EINVAL;
	return copy_descs(w->descs[0], &w->u.msg.desc, msg->iov_count);
}

static int copy_tagged(struct uet_work *w, const struct fi_msg_tagged *msg)
{
	w->u.tagged = *msg;
	w->u.tagged.msg_iov = w->local.iov;
	if (copy_array(w->local.iov, msg->msg_iov, msg->iov_count, sizeof(struct iovec)))
		return -FI_EINVAL;
	return copy_descs(w->descs[0], &w->u.tagged.desc, msg->iov_count);
}

static int copy_rma(struct uet_work *w, const struct fi_msg_rma *msg)
{
	w->u.rma = *msg;
	w->u.rma.msg_iov = w->local.iov;
	w->u.rma.rma_iov = w->remote.iov;
	if (copy_array(w->local.iov, msg->msg_iov, msg->iov_count, sizeof(struct iovec)) ||
	    copy_array(w->remote.iov, msg->rma_iov, msg->rma_iov_count,
		       sizeof(struct fi_rma_iov)))
		return -FI_EINVAL;
	return copy_descs(w->descs[0], &w->u.rma.desc, msg->iov_count);
}

static int copy_operands(struct uet_work *w, const struct fi_msg_atomic *msg)
{
	w->u.atomic = *msg;
	w->u.atomic.msg_iov = w->local.ioc;
	w->u.atomic.rma_iov = w->remote.ioc;
	if (copy_array(w->local.ioc, msg->msg_iov, msg->iov_count, sizeof(struct fi_ioc)) ||
	    copy_array(w->remote.ioc, msg->rma_iov, msg->rma_iov_count,
		       sizeof(struct fi_rma_ioc)))
		return -FI_EINVAL;
	return copy_descs(w->descs[0], &w->u.atomic.desc, msg->iov_count);
}

static int copy_atomic(struct uet_work *w, const struct fi_msg_atomic *msg,
		       const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare)
{
	int ret = copy_operands(w, msg);

	if (!ret && fetch) {
		w->fetch = *fetch;
		w->fetch.msg_iov = w->results;
		ret = copy_array(w->results, fetch->msg_iov, fetch->iov_count,
				 sizeof(struct fi_ioc));
		if (!ret)
			ret = copy_descs(w->descs[1], &w->fetch.desc, fetch->iov_count);
	}
	if (!ret && compare) {
		w->compare = *compare;
		w->compare.msg_iov = w->compares;
		ret = copy_array(w->compares, compare->msg_iov, compare->iov_count,
				 sizeof(struct fi_ioc));
		if (!ret)
			ret = copy_descs(w->descs[2], &w->compare.desc, compare->iov_count);
	}
	return ret;
}

static int copy_op(struct uet_work *w, const void *msg, const struct fi_msg_fetch *fetch,
		   const struct fi_msg_compare *compare)
{
	switch (w->op) {
	case FI_OP_RECV:
	case FI_OP_SEND:
		return copy_msg(w, msg);
	case FI_OP_TRECV:
	case FI_OP_TSEND:
		return copy_tagged(w, msg);
	case FI_OP_READ:
	case FI_OP_WRITE:
		return copy_rma(w, msg);
	default:
		return copy_atomic(w, msg, fetch, compare);
	}
}

void *uet_work_context(const struct uet_work *w)
{
	switch (w->op) {
	case FI_OP_RECV:
	case FI_OP_SEND:
		return w->u.msg.context;
	case FI_OP_TRECV:
	case FI_OP_TSEND:
		return w->u.tagged.context;
	case FI_OP_READ:
	case FI_OP_WRITE:
		return w->u.rma.context;
	default:
		return w->u.atomic.context;
	}
}

static struct uet_work *work_new(struct uet_domain *domain, enum fi_op_type op, uint64_t flags,
				 size_t payload)
{
	struct uet_work *w = calloc(1, sizeof(*w) + payload);

	if (!w)
		return NULL;
	w->domain = domain;
	w->op = op;
	/* Nothing need follow, so nothing must wait for it. */
	w->flags = flags & ~(FI_TRIGGER | FI_MORE);
	uet_list_init(&w->link);
	uet_list_init(&w->all);
	return w;
}

void uet_work_free(struct uet_work *w)
{
	if (w->done)
		uet_ref_put(uet_cntr_ref(w->done));
	free(w);
}

/* ---- FI_TRIGGER ---- */

/* Where the message struct keeps the fragments of local memory; not for atomics. */
static struct iovec *local_iov(enum fi_op_type op, void *msg, size_t **cnt, void ***desc)
{
	struct fi_msg_tagged *tagged = msg;
	struct fi_msg_rma *rma = msg;
	struct fi_msg *plain = msg;

	if (op == FI_OP_SEND) {
		*cnt = &plain->iov_count;
		*desc = plain->desc;
		return (struct iovec *)plain->msg_iov;
	}
	if (op == FI_OP_TSEND) {
		*cnt = &tagged->iov_count;
		*desc = tagged->desc;
		return (struct iovec *)tagged->msg_iov;
	}
	*cnt = &rma->iov_count;
	*desc = rma->desc;
	return (struct iovec *)rma->msg_iov;
}

/* Bytes that FI_INJECT makes us copy, in @len: -FI_EMSGSIZE, -FI_EINVAL, or -FI_ENOSYS. */
static int inject_len(const struct uet_ep *ep, enum fi_op_type op, const void *msg,
		      uint64_t flags, size_t *len)
{
	const struct iovec *iov;
	void **desc;
	size_t *cnt;
	size_t i;

	*len = 0;
	if (!(flags & FI_INJECT) || is_recv(op) || op == FI_OP_READ)
		return 0;
	if (is_atomic(op))
		return -FI_ENOSYS;
	iov = local_iov(op, (void *)msg, &cnt, &desc);
	/* Memory that the CPU may not reach. */
	if (desc && (ep->caps & FI_HMEM))
		return -FI_ENOSYS;
	if (*cnt > UET_SES_IOV || (*cnt && !iov))
		return -FI_EINVAL;
	for (i = 0; i < *cnt; i++) {
		if (iov[i].iov_len > ep->inject_size - *len)
			return -FI_EMSGSIZE;
		if (iov[i].iov_len && !iov[i].iov_base)
			return -FI_EINVAL;
		*len += iov[i].iov_len;
	}
	return 0;
}

/* Take the data over; the application may reuse its memory. */
static void copy_payload(struct uet_work *w)
{
	struct iovec *iov;
	uint8_t *to = w->payload;
	void **desc;
	size_t *cnt;
	size_t i;

	iov = local_iov(w->op, &w->u, &cnt, &desc);
	for (i = 0; i < *cnt; i++) {
		if (iov[i].iov_len)
			memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	iov[0] = (struct iovec){ .iov_base = w->payload, .iov_len = (size_t)(to - w->payload) };
	*cnt = 1;
}

int uet_work_from_op(struct uet_ep *ep, enum fi_op_type op, const void *msg,
		     const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare,
		     uint64_t flags, struct uet_work **out)
{
	struct uet_work *w;
	size_t len;
	int ret;

	ret = inject_len(ep, op, msg, flags, &len);
	if (ret)
		return ret;
	w = work_new(ep->domain, op, flags, len);
	if (!w)
		return -FI_ENOMEM;
	w->ep = ep;
	ret = copy_op(w, msg, fetch, compare);
	if (ret) {
		free(w);
		return ret;
	}
	if (len)
		copy_payload(w);
	*out = w;
	return 0;
}

/* ---- deferred work ---- */

static int set_done(struct uet_work *w, struct fid_cntr *fid)
{
	struct uet_cntr *cntr = (struct uet_cntr *)fid;

	if (!cntr)
		return 0;
	if (uet_cntr_domain(cntr) != w->domain)
		return -FI_EINVAL;
	w->done = cntr;
	uet_ref_get(uet_cntr_ref(cntr));
	return 0;
}

/* Has the endpoint the operations that @op is one of? */
static bool ep_has(const struct uet_ep *ep, enum fi_op_type op)
{
	if (is_atomic(op))
		return ep->caps & FI_ATOMIC;
	if (op == FI_OP_READ || op == FI_OP_WRITE)
		return ep->caps & FI_RMA;
	return true;
}

static int check_ep(const struct uet_work *w, uint64_t flags)
{
	if (w->ep->domain != w->domain)
		return -FI_EINVAL;
	if (!w->ep->enabled)
		return -FI_EOPBADSTATE;
	if (!ep_has(w->ep, w->op) || (is_recv(w->op) && (flags & ODD_RECV_FLAGS)))
		return -FI_ENOSYS;
	return 0;
}

static int fill_op(struct uet_work *w, struct fid_ep *ep, const void *msg,
		   const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare,
		   struct fid_cntr *done)
{
	int ret;

	if (!ep)
		return -FI_EINVAL;
	w->ep = uet_container_of(ep, struct uet_ep, fid);
	ret = check_ep(w, w->flags);
	if (!ret)
		ret = copy_op(w, msg, fetch, compare);
	return ret ? ret : set_done(w, done);
}

static int fill_cntr_op(struct uet_work *w, const struct fi_deferred_work *app)
{
	if (app->completion_cntr || !app->op.cntr->cntr)
		return -FI_EINVAL;
	w->value = app->op.cntr->value;
	return set_done(w, app->op.cntr->cntr);
}

static int fill(struct uet_work *w, const struct fi_deferred_work *app)
{
	struct fid_cntr *done = app->completion_cntr;

	switch (w->op) {
	case FI_OP_RECV:
	case FI_OP_SEND:
		w->flags = app->op.msg->flags;
		return fill_op(w, app->op.msg->ep, &app->op.msg->msg, NULL, NULL, done);
	case FI_OP_TRECV:
	case FI_OP_TSEND:
		w->flags = app->op.tagged->flags;
		return fill_op(w, app->op.tagged->ep, &app->op.tagged->msg, NULL, NULL, done);
	case FI_OP_READ:
	case FI_OP_WRITE:
		w->flags = app->op.rma->flags;
		return fill_op(w, app->op.rma->ep, &app->op.rma->msg, NULL, NULL, done);
	case FI_OP_ATOMIC:
		w->flags = app->op.atomic->flags;
		return fill_op(w, app->op.atomic->ep, &app->op.atomic->msg, NULL, NULL, done);
	case FI_OP_FETCH_ATOMIC:
		w->flags = app->op.fetch_atomic->flags;
		return fill_op(w, app->op.fetch_atomic->ep, &app->op.fetch_atomic->msg,
			       &app->op.fetch_atomic->fetch, NULL, done);
	case FI_OP_COMPARE_ATOMIC:
		w->flags = app->op.compare_atomic->flags;
		return fill_op(w, app->op.compare_atomic->ep, &app->op.compare_atomic->msg,
			       &app->op.compare_atomic->fetch, &app->op.compare_atomic->compare,
			       done);
	case FI_OP_CNTR_SET:
	case FI_OP_CNTR_ADD:
		return fill_cntr_op(w, app);
	default:
		return -FI_ENOSYS;
	}
}

int uet_work_from_app(struct uet_domain *domain, const struct fi_deferred_work *app,
		      struct uet_work **out)
{
	struct uet_work *w;
	int ret;

	if (!app->op.msg)
		return -FI_EINVAL;
	w = work_new(domain, app->op_type, 0, 0);
	if (!w)
		return -FI_ENOMEM;
	w->app = app;
	ret = fill(w, app);
	w->flags &= ~(FI_TRIGGER | FI_MORE);
	if (ret) {
		uet_work_free(w);
		return ret;
	}
	*out = w;
	return 0;
}

/* ---- posting ---- */

static ssize_t post(struct uet_work *w, const struct uet_ep_tables *tables, struct fid_ep *ep)
{
	switch (w->op) {
	case FI_OP_RECV:
		return tables->msg->recvmsg(ep, &w->u.msg, w->flags);
	case FI_OP_SEND:
		return tables->msg->sendmsg(ep, &w->u.msg, w->flags);
	case FI_OP_TRECV:
		return tables->tagged->recvmsg(ep, &w->u.tagged, w->flags);
	case FI_OP_TSEND:
		return tables->tagged->sendmsg(ep, &w->u.tagged, w->flags);
	case FI_OP_READ:
		return tables->rma->readmsg(ep, &w->u.rma, w->flags);
	case FI_OP_WRITE:
		return tables->rma->writemsg(ep, &w->u.rma, w->flags);
	case FI_OP_ATOMIC:
		return tables->atomic->writemsg(ep, &w->u.atomic, w->flags);
	case FI_OP_FETCH_ATOMIC:
		return tables->atomic->readwritemsg(ep, &w->u.atomic, w->fetch.msg_iov,
						    w->fetch.desc, w->fetch.iov_count, w->flags);
	default:
		return tables->atomic->compwritemsg(ep, &w->u.atomic, w->compare.msg_iov,
						    w->compare.desc, w->compare.iov_count,
						    w->fetch.msg_iov, w->fetch.desc,
						    w->fetch.iov_count, w->flags);
	}
}

/* Counters of @from but @not, which is going to be added for every kind of operation. */
static void copy_cntrs(struct uet_ep *ep, const struct uet_ep *from, const struct uet_cntr *not)
{
	uint32_t i;

	ep->cntr_cnt = 0;
	for (i = 0; i < from->cntr_cnt; i++)
		if (from->cntrs[i].cntr != not)
			ep->cntrs[ep->cntr_cnt++] = from->cntrs[i];
}

/* The endpoint as the deferred operation shall see it. */
static void make_private_ep(struct uet_work *w)
{
	const struct uet_ep *base = w->ep->base;
	struct uet_ep *ep = &w->private_ep;

	*ep = *base;
	ep->base = ep;
	ep->work = w;
	atomic_init(&ep->ref, 0);
	uet_list_init(&ep->aliases);
	uet_list_init(&ep->alias_link);
	uet_list_init(&ep->claims);
	uet_list_init(&ep->link);
	ep->cntr_cnt = 0;
	if (w->flags & FI_COMPLETION) {
		copy_cntrs(ep, base, w->done);
	} else {
		ep->tx_cq = NULL;
		ep->rx_cq = NULL;
	}
	if (w->done)
		ep->cntrs[ep->cntr_cnt++] = (struct uet_ep_cntr){
			.cntr = w->done, .flags = FI_SEND | FI_RECV | FI_READ | FI_WRITE,
		};
	/* It outlives the alias that it was posted to. */
	w->ep = w->ep->base;
}

/* Whoever sleeps for the endpoint drives the operation as well. */
static void kick_base(struct uet_ep *base)
{
	uint64_t next;

	uet_lock(&base->fep->lock);
	next = uet_fep_next(base->fep);
	uet_unlock(&base->fep->lock);
	uet_ep_kick(base, next);
}

static enum uet_work_result start_op(struct uet_work *w)
{
	struct uet_ep *base = w->ep->base;
	ssize_t ret;

	if (!w->app) {
		ret = post(w, &w->ep->tables, &w->ep->fid);
	} else {
		make_private_ep(w);
		ret = post(w, &base->tables, &w->private_ep.fid);
	}
	if (ret == -FI_EAGAIN)
		return UET_WORK_AGAIN;
	if (ret) {
		uet_work_fail(w, (int)-ret);
		return UET_WORK_OVER;
	}
	if (!w->app)
		return UET_WORK_OVER;
	if (!is_recv(w->op))
		kick_base(base);
	return UET_WORK_STARTED;
}

enum uet_work_result uet_work_start(struct uet_work *w)
{
	if (!is_cntr_op(w->op))
		return start_op(w);
	if (w->op == FI_OP_CNTR_SET)
		fi_cntr_set(uet_cntr_fid(w->done), w->value);
	else
		fi_cntr_add(uet_cntr_fid(w->done), w->value);
	return UET_WORK_OVER;
}

void uet_work_orphan(struct uet_work *w)
{
	w->private_ep.tx_cq = NULL;
	w->private_ep.rx_cq = NULL;
	w->private_ep.cntr_cnt = 0;
	if (w->done)
		uet_ref_put(uet_cntr_ref(w->done));
	w->done = NULL;
}

/* ---- failing ---- */

/* What the completion says: direction and kind of transfer. */
static uint64_t event_flags(enum fi_op_type op)
{
	switch (op) {
	case FI_OP_RECV:
		return FI_RECV | FI_MSG;
	case FI_OP_SEND:
		return FI_SEND | FI_MSG;
	case FI_OP_TRECV:
		return FI_RECV | FI_TAGGED;
	case FI_OP_TSEND:
		return FI_SEND | FI_TAGGED;
	case FI_OP_READ:
		return FI_READ | FI_RMA;
	case FI_OP_WRITE:
		return FI_WRITE | FI_RMA;
	case FI_OP_ATOMIC:
		return FI_WRITE | FI_ATOMIC;
	default:
		return FI_READ | FI_ATOMIC;
	}
}

/* Whose queue and counters are told: as with what no message ended at a shared context. */
static const struct uet_ep *told(const struct uet_work *w)
{
	const struct uet_ep *ep = w->ep;

	if (w->app)
		return &w->private_ep;
	return ep->fid.fid.fclass == FI_CLASS_SRX_CTX ? ep->fep->ep : ep;
}

static void report(const struct uet_work *w, const struct uet_ep *ep, int err)
{
	struct uet_cq *cq = is_recv(w->op) ? ep->rx_cq : ep->tx_cq;
	struct uet_cq_event event = {
		.op_context = uet_work_context(w),
		.flags = event_flags(w->op),
		.src_addr = FI_ADDR_NOTAVAIL,
	};
	uint32_t prov_errno = err == FI_ECANCELED ? 0 : (uint32_t)(FI_UET_ERR_LOCAL + err);
	uint32_t i;

	for (i = 0; i < ep->cntr_cnt; i++)
		if (ep->cntrs[i].flags & event.flags)
			uet_cntr_inc(ep->cntrs[i].cntr, false);
	if (cq)
		uet_cq_write_error(cq, &event, 0, err, prov_errno, NULL, 0);
}

void uet_work_fail(const struct uet_work *w, int err)
{
	const struct uet_ep *ep;

	if (err != FI_ECANCELED)
		uet_info("a triggered operation was refused: %s", fi_strerror(err));
	uet_lock(&w->ep->fep->lock);
	ep = told(w);
	if (ep)
		report(w, ep, err);
	uet_unlock(&w->ep->fep->lock);
}
