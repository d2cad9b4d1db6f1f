/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared receive contexts, fi_endpoint(3): one receive queue for messages to several endpoints.
 * Those have one lock, that of the context. Completions go to the queue of the endpoint that
 * got the message; what no message ended (cancelled, peeked at) to that of the endpoint which
 * has been there longest.
 */
#include <stdlib.h>

#include "ofi/ep.h"
#include "ofi/info.h"
#include "ofi/peer.h"
#include "ofi/stubs.h"

struct uet_srx {
	struct uet_ep ep;
	struct uet_fep fep;		/* lends its lock; fep.ep: the first of eps, or NULL */
	struct uet_list eps;		/* that are enabled, under the lock */
	struct uet_peers peers;
};

static struct uet_srx *srx_of(struct fid *fid)
{
	return uet_container_of(fid, struct uet_srx, ep.fid.fid);
}

static struct uet_ep *first_ep(struct uet_srx *srx)
{
	if (uet_list_empty(&srx->eps))
		return NULL;
	return uet_list_entry(uet_list_first(&srx->eps), struct uet_ep, link);
}

int uet_srx_bind(struct uet_ep *ep, struct fid *fid)
{
	struct uet_srx *srx = srx_of(fid);

	if (ep->srx || srx->ep.domain != ep->domain ||
	    ep->info->ep_attr->rx_ctx_cnt != FI_SHARED_CONTEXT)
		return -FI_EINVAL;
	ep->srx = srx;
	uet_lock_share(&ep->fep->lock, &srx->fep.lock);
	uet_ref_get(&srx->ep.ref);
	return 0;
}

void uet_srx_unbind(struct uet_ep *ep)
{
	if (ep->srx && &ep->srx->ep != ep)
		uet_ref_put(&ep->srx->ep.ref);
	ep->srx = NULL;
}

static int join_locked(struct uet_srx *srx, struct uet_ep *ep)
{
	int ret;

	/* Directed receives name their source by an index of the one vector that all have. */
	if (srx->fep.ep && srx->ep.av != ep->av)
		return -FI_EINVAL;
	ret = uet_ses_rxq_attach(ep->fep->ses, ep->fep->name.resource_index, srx->ep.rxq);
	if (ret)
		return ret;
	srx->ep.av = ep->av;
	ep->fep->peers = &srx->peers;
	uet_list_add_tail(&srx->eps, &ep->link);
	srx->fep.ep = first_ep(srx);
	return 0;
}

int uet_srx_join(struct uet_ep *ep)
{
	int ret;

	uet_lock(&ep->fep->lock);
	ret = join_locked(ep->srx, ep);
	uet_unlock(&ep->fep->lock);
	return ret;
}

void uet_srx_leave(struct uet_ep *ep)
{
	struct uet_srx *srx = ep->srx;

	uet_lock(&ep->fep->lock);
	uet_list_del(&ep->link);
	ep->fep->peers = NULL;
	srx->fep.ep = first_ep(srx);
	if (!srx->fep.ep)
		srx->ep.av = NULL;
	uet_unlock(&ep->fep->lock);
}

void uet_srx_kick(struct uet_srx *srx, uint64_t when)
{
	struct uet_list *pos;

	uet_lock(&srx->fep.lock);
	uet_list_for_each(pos, &srx->eps)
		uet_ep_kick(uet_list_entry(pos, struct uet_ep, link), when);
	uet_unlock(&srx->fep.lock);
}

void uet_srx_progress_locked(struct uet_srx *srx)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &srx->eps)
		uet_fep_progress_locked(uet_list_entry(pos, struct uet_ep, link)->fep);
}

uint64_t uet_srx_call_locked(struct uet_srx *srx)
{
	uint64_t next = UET_TIME_NEVER;
	struct uet_list *pos;

	uet_list_for_each(pos, &srx->eps)
		next = uet_min_u64(next, uet_fep_call_locked(
					   uet_list_entry(pos, struct uet_ep, link)->fep));
	return next;
}

static int srx_close(struct fid *fid)
{
	struct uet_srx *srx = srx_of(fid);

	if (uet_ref_busy(&srx->ep.ref))
		return -FI_EBUSY;
	uet_trigger_drop(&srx->ep);
	uet_ep_drop_claims(&srx->ep);
	uet_ses_rxq_destroy(srx->ep.rxq);
	uet_trigger_forget(&srx->fep);
	uet_lock_destroy(&srx->fep.lock);
	uet_ep_free(&srx->ep);
	return 0;
}

/* It has no queues of its own: completions go to those of the endpoints. */
static int srx_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	(void)fid;
	(void)bfid;
	(void)flags;
	return -FI_EINVAL;
}

static int srx_control(struct fid *fid, int command, void *arg)
{
	struct uet_srx *srx = srx_of(fid);

	switch (command) {
	case FI_ENABLE:
		/* It takes receives from the beginning. */
		return 0;
	case FI_EXPORT_FID:
		return uet_peer_export_srx(&srx->ep, &srx->peers, arg);
	default:
		return uet_ep_control(fid, command, arg);
	}
}

static struct fi_ops srx_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = srx_close,
	.bind = srx_bind,
	.control = srx_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

/* What the application says of the context in place of the domain's own attributes. */
static void use_attr(struct uet_ep *ep, const struct fi_rx_attr *attr)
{
	if (!attr)
		return;
	*ep->info->rx_attr = *attr;
	if (!attr->size)
		ep->info->rx_attr->size = uet_config.rx_size;
	ep->rx_op_flags = attr->op_flags;
	ep->caps |= attr->caps;
}

int uet_srx_open(struct fid_domain *domain_fid, struct fi_rx_attr *attr, struct fid_ep **out,
		 void *context)
{
	struct uet_domain *domain = uet_container_of(domain_fid, struct uet_domain, fid);
	struct uet_srx *srx;
	struct uet_ep *ep;
	int ret;

	if (uet_hints_check_rx(attr))
		return -FI_EINVAL;
	ep = uet_ep_create(domain, domain->info, FI_CLASS_SRX_CTX, &srx_fid_ops, context,
			   sizeof(*srx));
	if (!ep)
		return -FI_ENOMEM;
	srx = uet_container_of(ep, struct uet_srx, ep);
	uet_list_init(&srx->eps);
	uet_list_init(&srx->peers.list);
	use_attr(ep, attr);
	uet_trigger_wrap(ep);
	srx->fep.domain = domain;
	ret = uet_ep_create_rxq(ep, &srx->fep);
	if (ret) {
		uet_ep_free(ep);
		return ret;
	}
	uet_lock_init(&srx->fep.lock, domain->locked);
	ep->fep = &srx->fep;
	ep->srx = srx;
	ep->enabled = true;
	ep->rx_enabled = true;
	*out = &ep->fid;
	return 0;
}
