/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scalable endpoints, fi_endpoint(3): one FEP, many contexts. Transmit contexts share its PDS;
 * receive context n is resource index 1 + n. The FEP runs from opening to closing, so that the
 * order in which contexts come and go does not matter.
 */
#include <stdlib.h>

#include "ofi/ep.h"
#include "ofi/info.h"
#include "ofi/rma.h"
#include "ofi/stats.h"
#include "ofi/stubs.h"

struct uet_sep {
	struct uet_ep ep;
	/* Under the FEP's lock. */
	struct uet_ep *tx[UET_SES_INDICES];
	struct uet_ep *rx[UET_SES_INDICES];
	struct uet_list closed;		/* contexts, by ep->link: sends may still name them */
};

static struct uet_sep *sep_of(struct fid *fid)
{
	return uet_container_of(fid, struct uet_sep, ep.fid.fid);
}

static size_t context_count(size_t asked)
{
	return asked ? asked : 1;
}

struct uet_ep *uet_sep_rx_at(struct uet_ep *ep, uint16_t resource_index)
{
	uint32_t i = (uint32_t)resource_index - ep->fep->name.resource_index;

	if (ep->fid.fid.fclass != FI_CLASS_SEP)
		return ep;
	return i < UET_SES_INDICES ? sep_of(&ep->fid.fid)->rx[i] : NULL;
}

/* ---- contexts ---- */

int uet_sep_lend_av(struct uet_ep *ep)
{
	if (ep->av)
		return 0;
	if (!ep->sep->ep.av)
		return -FI_ENOAV;
	ep->av = ep->sep->ep.av;
	uet_ref_get(uet_av_ref(ep->av));
	return 0;
}

static struct uet_ep **slot_of(struct uet_sep *sep, size_t fclass, uint16_t index)
{
	return fclass == FI_CLASS_TX_CTX ? &sep->tx[index] : &sep->rx[index];
}

/* Is @owner the context @arg, or deferred work that was queued to it? */
static bool is_his(const void *owner, const void *arg)
{
	const struct uet_ep *ep = owner, *context = arg;

	return ep == context || (ep->work && ep->sep == context->sep &&
				 ep->index == context->index &&
				 ep->fid.fid.fclass == context->fid.fid.fclass);
}

/* The memory of operations under way is the application's again. FEP lock held. */
static int give_memory_back(struct uet_ep *ep)
{
	ep->closed = true;
	uet_pieces_abandon(ep->fep, ep);
	/* Packets that the device did not take yet point to it. */
	uet_pds_progress(ep->fep->pds, uet_clock_ns(), true);
	if (uet_pds_pending(ep->fep->pds))
		return -FI_EBUSY;
	return uet_ses_disown(ep->fep->ses, is_his, ep);
}

/* Sends of the context that are under way end unseen; until then they refer to it. */
static int context_close(struct fid *fid)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);
	struct uet_sep *sep = ep->sep;
	int ret;

	if (uet_ref_busy(&ep->ref))
		return -FI_EBUSY;
	uet_ep_disable(ep);
	uet_lock(&ep->fep->lock);
	uet_trigger_orphan(ep);
	uet_ep_unbind(ep);
	ret = give_memory_back(ep);
	if (ret) {
		uet_unlock(&ep->fep->lock);
		return ret;
	}
	*slot_of(sep, fid->fclass, ep->index) = NULL;
	uet_list_add_tail(&sep->closed, &ep->link);
	uet_unlock(&ep->fep->lock);
	uet_ref_put(&sep->ep.ref);
	return 0;
}

static struct fi_ops context_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = context_close,
	.bind = uet_ep_bind,
	.control = uet_ep_control,
	.ops_open = uet_stats_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

/* Enter @ep as context @index of @sep. Returns false if there is one already. */
static bool enter(struct uet_sep *sep, struct uet_ep *ep, int index)
{
	struct uet_ep **slot = slot_of(sep, ep->fid.fid.fclass, (uint16_t)index);
	bool vacant;

	ep->sep = sep;
	ep->fep = sep->ep.fep;
	ep->index = (uint16_t)index;
	uet_lock(&ep->fep->lock);
	vacant = !*slot;
	if (vacant)
		*slot = ep;
	uet_unlock(&ep->fep->lock);
	if (vacant)
		uet_ref_get(&sep->ep.ref);
	return vacant;
}

static struct uet_ep *context_create(struct uet_sep *sep, const struct fi_info *info,
				     size_t fclass, void *context)
{
	struct uet_ep *ep = uet_ep_create(sep->ep.domain, info, fclass, &context_fid_ops, context,
					  sizeof(*ep));

	if (!ep)
		return NULL;
	ep->fid.cm = &uet_no_cm_ops;
	ep->max_msg_size = UET_SES_MAX_MSG;
	return ep;
}

/* Values of the SEP where the application leaves them open; returns false if they exceed it. */
static bool settle_tx(struct fi_tx_attr *attr, const struct fi_tx_attr *of_sep)
{
	if (!attr->caps)
		attr->caps = of_sep->caps;
	if (!attr->op_flags)
		attr->op_flags = of_sep->op_flags;
	if (!attr->inject_size)
		attr->inject_size = of_sep->inject_size;
	if (!attr->size)
		attr->size = of_sep->size;
	if (!attr->iov_limit)
		attr->iov_limit = of_sep->iov_limit;
	if (!attr->rma_iov_limit)
		attr->rma_iov_limit = of_sep->rma_iov_limit;
	attr->tclass = of_sep->tclass;
	return !(attr->caps & ~of_sep->caps) && attr->inject_size <= of_sep->inject_size &&
	       attr->size <= of_sep->size;
}

static bool settle_rx(struct fi_rx_attr *attr, const struct fi_rx_attr *of_sep)
{
	if (!attr->caps)
		attr->caps = of_sep->caps;
	if (!attr->op_flags)
		attr->op_flags = of_sep->op_flags;
	if (!attr->size)
		attr->size = of_sep->size;
	if (!attr->iov_limit)
		attr->iov_limit = of_sep->iov_limit;
	return !(attr->caps & ~of_sep->caps);
}

int uet_sep_tx_ctx(struct fid_ep *fid, int index, struct fi_tx_attr *attr, struct fid_ep **out,
		   void *context)
{
	struct uet_sep *sep = sep_of(&fid->fid);
	struct fi_info info = *sep->ep.info;
	struct fi_tx_attr tx = attr ? *attr : *info.tx_attr;
	struct uet_ep *ep;

	if (fid->fid.fclass != FI_CLASS_SEP)
		return -FI_ENOSYS;
	if (index < 0 || (size_t)index >= context_count(info.ep_attr->tx_ctx_cnt))
		return -FI_EINVAL;
	if (uet_hints_check_tx(attr) || !settle_tx(&tx, info.tx_attr))
		return -FI_EINVAL;
	info.tx_attr = &tx;
	ep = context_create(sep, &info, FI_CLASS_TX_CTX, context);
	if (!ep)
		return -FI_ENOMEM;
	ep->caps &= ~(FI_RECV | FI_REMOTE_READ | FI_REMOTE_WRITE);
	if (!enter(sep, ep, index)) {
		uet_ep_free(ep);
		return -FI_EBUSY;
	}
	if (attr)
		*attr = tx;
	*out = &ep->fid;
	return 0;
}

int uet_sep_rx_ctx(struct fid_ep *fid, int index, struct fi_rx_attr *attr, struct fid_ep **out,
		   void *context)
{
	struct uet_sep *sep = sep_of(&fid->fid);
	struct fi_info info = *sep->ep.info;
	struct fi_rx_attr rx = attr ? *attr : *info.rx_attr;
	struct uet_ep *ep;

	if (fid->fid.fclass != FI_CLASS_SEP)
		return -FI_ENOSYS;
	if (index < 0 || (size_t)index >= context_count(info.ep_attr->rx_ctx_cnt))
		return -FI_EINVAL;
	if (uet_hints_check_rx(attr) || !settle_rx(&rx, info.rx_attr))
		return -FI_EINVAL;
	info.rx_attr = &rx;
	ep = context_create(sep, &info, FI_CLASS_RX_CTX, context);
	if (!ep)
		return -FI_ENOMEM;
	ep->caps &= ~(FI_SEND | FI_READ | FI_WRITE);
	if (!enter(sep, ep, index)) {
		uet_ep_free(ep);
		return -FI_EBUSY;
	}
	if (attr)
		*attr = rx;
	*out = &ep->fid;
	return 0;
}

/* ---- the scalable endpoint ---- */

static int sep_close(struct fid *fid)
{
	struct uet_sep *sep = sep_of(fid);
	struct uet_ep *ep;

	if (uet_ref_busy(&sep->ep.ref))
		return -FI_EBUSY;
	uet_fep_stop(sep->ep.fep);
	while (!uet_list_empty(&sep->closed)) {
		ep = uet_list_entry(uet_list_first(&sep->closed), struct uet_ep, link);
		uet_list_del(&ep->link);
		uet_ep_free(ep);
	}
	uet_fep_close(sep->ep.fep);
	uet_ep_free(&sep->ep);
	return 0;
}

static struct fi_ops sep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = sep_close,
	.bind = uet_ep_bind,
	.control = uet_ep_control,
	.ops_open = uet_stats_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static int start_fep(struct uet_ep *ep)
{
	int ret = uet_fep_open(ep->domain, ep->info, &ep->fep);

	if (ret)
		return ret;
	ep->fep->ep = ep;
	ep->fep->name.num_indices = (uint16_t)context_count(ep->info->ep_attr->rx_ctx_cnt);
	ret = uet_fep_start(ep->fep, ep->info, ep->inject_size);
	if (ret)
		uet_fep_close(ep->fep);
	return ret;
}

int uet_sep_open(struct fid_domain *domain_fid, struct fi_info *info, struct fid_ep **out,
		 void *context)
{
	struct uet_domain *domain = uet_container_of(domain_fid, struct uet_domain, fid);
	struct uet_sep *sep;
	struct uet_ep *ep;
	int ret;

	ret = uet_info_check(uet_fabric_api(domain->fabric), info);
	if (ret)
		return ret;
	/* A shared context stands for one queue, not for many; datagrams name no context. */
	if (info->ep_attr->tx_ctx_cnt == FI_SHARED_CONTEXT ||
	    info->ep_attr->rx_ctx_cnt == FI_SHARED_CONTEXT ||
	    info->ep_attr->type == FI_EP_DGRAM)
		return -FI_EINVAL;
	ep = uet_ep_create(domain, info, FI_CLASS_SEP, &sep_fid_ops, context, sizeof(*sep));
	if (!ep)
		return -FI_ENOMEM;
	sep = uet_container_of(ep, struct uet_sep, ep);
	uet_list_init(&sep->closed);
	ret = start_fep(ep);
	if (ret) {
		uet_ep_free(ep);
		return ret;
	}
	*out = &ep->fid;
	return 0;
}
