/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Life of an endpoint: open (its FEP's name is final then), bind, enable (the FEP starts), close;
 * and what the other kinds of endpoint have of it.
 */
#include "ofi/ep.h"

#include <stdlib.h>

#include "ofi/attr.h"
#include "ofi/stats.h"
#include "ofi/stubs.h"

void uet_ep_kick(struct uet_ep *ep, uint64_t when)
{
	uint32_t i;

	if (uet_unlikely(ep->fid.fid.fclass == FI_CLASS_SRX_CTX)) {
		uet_srx_kick(ep->srx, when);
		return;
	}
	if (ep->tx_cq)
		uet_wait_expect(uet_cq_wait(ep->tx_cq), when);
	if (ep->rx_cq && ep->rx_cq != ep->tx_cq)
		uet_wait_expect(uet_cq_wait(ep->rx_cq), when);
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_wait_expect(uet_cntr_wait_obj(ep->cntrs[i].cntr), when);
	if (ep->domain->thread)
		uet_wait_expect(uet_progress_thread_set(ep->domain->thread)->wait, when);
}

/* ---- binding ---- */

/* What a context of one direction has no use for. */
static uint64_t forbidden(const struct uet_ep *ep)
{
	switch (ep->fid.fid.fclass) {
	case FI_CLASS_TX_CTX:
		return FI_RECV | FI_REMOTE_READ | FI_REMOTE_WRITE;
	case FI_CLASS_RX_CTX:
		return FI_SEND | FI_READ | FI_WRITE;
	default:
		return 0;
	}
}

static int bind_cq(struct uet_ep *ep, struct uet_cq *cq, uint64_t flags)
{
	bool selective = flags & FI_SELECTIVE_COMPLETION;

	if (uet_cq_domain(cq) != ep->domain)
		return -FI_EINVAL;
	if (flags & ~(FI_TRANSMIT | FI_RECV | FI_SELECTIVE_COMPLETION))
		return -FI_EBADFLAGS;
	if (!(flags & (FI_TRANSMIT | FI_RECV)))
		return -FI_EINVAL;
	if (((flags & FI_TRANSMIT) && ep->tx_cq) || ((flags & FI_RECV) && ep->rx_cq))
		return -FI_EINVAL;
	if (flags & forbidden(ep) & (FI_TRANSMIT | FI_RECV))
		return -FI_EINVAL;
	if (flags & FI_TRANSMIT) {
		ep->tx_cq = cq;
		ep->tx_selective = selective;
		uet_ref_get(uet_cq_ref(cq));
	}
	if (flags & FI_RECV) {
		ep->rx_cq = cq;
		ep->rx_selective = selective;
		uet_ref_get(uet_cq_ref(cq));
	}
	return 0;
}

static int bind_cntr(struct uet_ep *ep, struct uet_cntr *cntr, uint64_t flags)
{
	const uint64_t kinds = FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ |
			       FI_REMOTE_WRITE;

	if (uet_cntr_domain(cntr) != ep->domain)
		return -FI_EINVAL;
	if (!(flags & kinds) || (flags & ~kinds))
		return -FI_EBADFLAGS;
	if (flags & forbidden(ep))
		return -FI_EINVAL;
	if (ep->cntr_cnt == UET_EP_CNTRS)
		return -FI_ENOSPC;
	ep->cntrs[ep->cntr_cnt++] = (struct uet_ep_cntr){ .cntr = cntr, .flags = flags };
	uet_ref_get(uet_cntr_ref(cntr));
	return 0;
}

static int bind_av(struct uet_ep *ep, struct uet_av *av)
{
	if (ep->av || uet_av_domain(av) != ep->domain)
		return -FI_EINVAL;
	ep->av = av;
	uet_ref_get(uet_av_ref(av));
	return 0;
}

static int bind_eq(struct uet_ep *ep, struct uet_eq *eq)
{
	if (ep->eq)
		return -FI_EINVAL;
	ep->eq = eq;
	uet_ref_get(uet_eq_ref(eq));
	return 0;
}

static bool is_context(const struct uet_ep *ep)
{
	return ep->fid.fid.fclass == FI_CLASS_TX_CTX || ep->fid.fid.fclass == FI_CLASS_RX_CTX;
}

/* Queues and counters belong to what carries data, the AV to what has a name. */
static bool may_bind(const struct uet_ep *ep, size_t fclass)
{
	switch (fclass) {
	case FI_CLASS_CQ:
	case FI_CLASS_CNTR:
		return ep->fid.fid.fclass != FI_CLASS_SEP;
	case FI_CLASS_SRX_CTX:
	case FI_CLASS_STX_CTX:
		return ep->fid.fid.fclass == FI_CLASS_EP;
	case FI_CLASS_AV:
		return !is_context(ep);
	default:
		return true;
	}
}

/* Every object begins with its fid, so the fid's address is the object's. */
static int bind_fid(struct uet_ep *ep, struct fid *bfid, uint64_t flags)
{
	if (!may_bind(ep, bfid->fclass))
		return -FI_EINVAL;
	switch (bfid->fclass) {
	case FI_CLASS_CQ:
		return bind_cq(ep, (struct uet_cq *)bfid, flags);
	case FI_CLASS_CNTR:
		return bind_cntr(ep, (struct uet_cntr *)bfid, flags);
	case FI_CLASS_AV:
		return bind_av(ep, (struct uet_av *)bfid);
	case FI_CLASS_EQ:
		return bind_eq(ep, (struct uet_eq *)bfid);
	case FI_CLASS_SRX_CTX:
		return uet_srx_bind(ep, bfid);
	case FI_CLASS_STX_CTX:
		return uet_stx_bind(ep, bfid);
	default:
		return -FI_EINVAL;
	}
}

int uet_ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);
	int ret;

	if (ep->enabled)
		return -FI_EOPBADSTATE;
	ret = bind_fid(ep, bfid, flags);
	uet_ep_sync_aliases(ep);
	return ret;
}

/* ---- enabling ---- */

static bool has_cntr(const struct uet_ep *ep, uint64_t flag)
{
	uint32_t i;

	for (i = 0; i < ep->cntr_cnt; i++)
		if (ep->cntrs[i].flags & flag)
			return true;
	return false;
}

static int check_bound(const struct uet_ep *ep)
{
	const uint64_t starts = FI_SEND | FI_READ | FI_WRITE;

	if (!ep->av)
		return -FI_ENOAV;
	if ((ep->caps & starts) && !ep->tx_cq && !has_cntr(ep, ep->caps & starts))
		return -FI_ENOCQ;
	if ((ep->caps & FI_RECV) && !ep->rx_cq && !has_cntr(ep, FI_RECV))
		return -FI_ENOCQ;
	/* Shared contexts that were asked for must be there: fi_enable(3). */
	if (ep->fid.fid.fclass != FI_CLASS_EP)
		return 0;
	if ((ep->info->ep_attr->rx_ctx_cnt == FI_SHARED_CONTEXT && !ep->srx) ||
	    (ep->info->ep_attr->tx_ctx_cnt == FI_SHARED_CONTEXT && !ep->stx)) {
		FI_WARN(&uet_prov, FI_LOG_EP_CTRL, "a shared context was asked for, but none is "
			"bound\n");
		return -FI_EOPBADSTATE;
	}
	return 0;
}

/* ---- progress sets: those of the queues and counters, and of the domain's thread ---- */

static int join_thread(struct uet_ep *ep)
{
	struct uet_domain *domain = ep->domain;
	int ret = 0;

	if (!domain->auto_progress)
		return 0;
	uet_lock(&domain->lock);
	if (!domain->thread)
		ret = uet_progress_thread_start(&domain->thread);
	uet_unlock(&domain->lock);
	return ret ? ret : uet_progress_add(uet_progress_thread_set(domain->thread), ep->fep);
}

/* Join set @i: 0 and 1 are the queues, then come the counters and the thread. */
static int join_set(struct uet_ep *ep, uint32_t i)
{
	if (i == 0)
		return ep->tx_cq ? uet_cq_add_fep(ep->tx_cq, ep->fep) : 0;
	if (i == 1)
		return ep->rx_cq ? uet_cq_add_fep(ep->rx_cq, ep->fep) : 0;
	if (i - 2 < ep->cntr_cnt)
		return uet_cntr_add_fep(ep->cntrs[i - 2].cntr, ep->fep);
	return join_thread(ep);
}

static void leave_set(struct uet_ep *ep, uint32_t i)
{
	if (i == 0 && ep->tx_cq)
		uet_cq_del_fep(ep->tx_cq, ep->fep);
	if (i == 1 && ep->rx_cq)
		uet_cq_del_fep(ep->rx_cq, ep->fep);
	if (i < 2)
		return;
	if (i - 2 < ep->cntr_cnt)
		uet_cntr_del_fep(ep->cntrs[i - 2].cntr, ep->fep);
	else if (ep->domain->thread)
		uet_progress_del(uet_progress_thread_set(ep->domain->thread), ep->fep);
}

/* Leave the first @cnt sets. */
static void leave_sets(struct uet_ep *ep, uint32_t cnt)
{
	while (cnt-- > 0)
		leave_set(ep, cnt);
}

static int join_sets(struct uet_ep *ep)
{
	uint32_t i;
	int ret;

	for (i = 0; i < ep->cntr_cnt + 3; i++) {
		ret = join_set(ep, i);
		if (ret) {
			leave_sets(ep, i);
			return ret;
		}
	}
	return 0;
}

/* ---- the receive queue ---- */

int uet_ep_create_rxq(struct uet_ep *ep, struct uet_fep *upper)
{
	struct uet_ses_rxq_cfg cfg = {
		.max_rx = (uint32_t)ep->info->rx_attr->size,
		.max_unexpected = (uint32_t)uet_config.max_unexpected,
		.max_unexpected_bytes = uet_config.max_unexpected_bytes,
	};

	return uet_ses_rxq_create(&cfg, &uet_ep_ses_ops, upper, &ep->rxq);
}

static int start_rx(struct uet_ep *ep)
{
	int ret;

	if (ep->srx)
		return uet_srx_join(ep);
	ret = uet_ep_create_rxq(ep, ep->fep);
	if (ret)
		return ret;
	uet_lock(&ep->fep->lock);
	ret = uet_ses_rxq_attach(ep->fep->ses, (uint16_t)(ep->fep->name.resource_index + ep->index),
				 ep->rxq);
	uet_unlock(&ep->fep->lock);
	return ret;
}

static void stop_rx(struct uet_ep *ep)
{
	if (ep->srx) {
		uet_srx_leave(ep);
	} else if (ep->rxq) {
		uet_ses_rxq_destroy(ep->rxq);
		ep->rxq = NULL;
	}
}

/* ---- enabling, continued ---- */

static int start(struct uet_ep *ep)
{
	int ret;

	if (ep->fid.fid.fclass == FI_CLASS_TX_CTX)
		return 0;
	if (ep->fid.fid.fclass == FI_CLASS_RX_CTX)
		return start_rx(ep);
	ep->fep->ep = ep;
	ret = uet_fep_start(ep->fep, ep->info, ep->inject_size);
	return ret ? ret : start_rx(ep);
}

/* Undo start, whatever of it was done. */
static void stop(struct uet_ep *ep)
{
	uet_lock(&ep->fep->lock);
	if (ep->rxq)
		uet_ep_drop_claims(ep);
	if (ep->fid.fid.fclass == FI_CLASS_RX_CTX)
		uet_ses_rxq_detach(ep->fep->ses,
				   (uint16_t)(ep->fep->name.resource_index + ep->index));
	uet_unlock(&ep->fep->lock);
	if (ep->fid.fid.fclass == FI_CLASS_EP && ep->fep->ses)
		uet_fep_stop(ep->fep);
	stop_rx(ep);
}

static int ep_enable(struct uet_ep *ep)
{
	int ret;

	if (ep->enabled)
		return 0;
	if (ep->fid.fid.fclass == FI_CLASS_SEP) {
		ep->enabled = ep->av;
		return ep->av ? 0 : -FI_ENOAV;
	}
	if (is_context(ep)) {
		ret = uet_sep_lend_av(ep);
		if (ret)
			return ret;
	}
	ret = check_bound(ep);
	if (ret)
		return ret;
	ret = start(ep);
	if (!ret)
		ret = join_sets(ep);
	if (ret) {
		stop(ep);
		return ret;
	}
	ep->enabled = true;
	ep->tx_enabled = ep->fid.fid.fclass != FI_CLASS_RX_CTX;
	ep->rx_enabled = ep->fid.fid.fclass != FI_CLASS_TX_CTX && !ep->srx;
	uet_ep_sync_aliases(ep);
	return 0;
}

int uet_ep_control(struct fid *fid, int command, void *arg)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	switch (command) {
	case FI_ENABLE:
		return ep_enable(ep);
	case FI_GETOPSFLAG:
	case FI_SETOPSFLAG:
		return arg ? uet_ep_opsflag(ep, command, arg) : -FI_EINVAL;
	case FI_ALIAS:
		return uet_ep_alias(ep, arg);
	default:
		return -FI_ENOSYS;
	}
}

/* ---- closing ---- */

void uet_ep_unbind(struct uet_ep *ep)
{
	uint32_t i;

	if (ep->tx_cq)
		uet_ref_put(uet_cq_ref(ep->tx_cq));
	if (ep->rx_cq)
		uet_ref_put(uet_cq_ref(ep->rx_cq));
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_ref_put(uet_cntr_ref(ep->cntrs[i].cntr));
	if (ep->av)
		uet_ref_put(uet_av_ref(ep->av));
	if (ep->eq)
		uet_ref_put(uet_eq_ref(ep->eq));
	ep->tx_cq = NULL;
	ep->rx_cq = NULL;
	ep->cntr_cnt = 0;
	ep->av = NULL;
	ep->eq = NULL;
}

void uet_ep_free(struct uet_ep *ep)
{
	uet_ep_unbind(ep);
	uet_srx_unbind(ep);
	uet_stx_unbind(ep);
	fi_freeinfo(ep->info);
	uet_ref_put(&ep->domain->ref);
	free(ep);
}

void uet_ep_disable(struct uet_ep *ep)
{
	if (!ep->enabled)
		return;
	uet_trigger_drop(ep);
	leave_sets(ep, ep->cntr_cnt + 3);
	stop(ep);
	ep->enabled = false;
	ep->tx_enabled = false;
	ep->rx_enabled = false;
}

static int ep_close(struct fid *fid)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	if (uet_ref_busy(&ep->ref))
		return -FI_EBUSY;
	uet_ep_disable(ep);
	uet_fep_close(ep->fep);
	uet_ep_free(ep);
	return 0;
}

/* ---- opening ---- */

static struct fi_ops ep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = ep_close,
	.bind = uet_ep_bind,
	.control = uet_ep_control,
	.ops_open = uet_stats_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static void ep_attrs(struct uet_ep *ep)
{
	struct fi_info *info = ep->info;

	/* Applications may edit an info and leave a size 0: the default. */
	if (!info->tx_attr->size)
		info->tx_attr->size = uet_config.tx_size;
	if (!info->rx_attr->size)
		info->rx_attr->size = uet_config.rx_size;
	ep->caps = info->caps | info->tx_attr->caps | info->rx_attr->caps;
	ep->tx_op_flags = info->tx_attr->op_flags;
	ep->rx_op_flags = info->rx_attr->op_flags;
	ep->inject_size = info->tx_attr->inject_size;
	ep->min_multi_recv = UET_MIN_MULTI_RECV;
	ep->mode = info->tx_attr->msg_order ? UET_MODE_ROD : UET_MODE_RUD;
	ep->key_flags = uet_mr_mode_bits(ep->domain->mr_mode) & FI_MR_PROV_KEY;
	if (info->ep_attr->type == FI_EP_DGRAM)
		ep->mode = UET_MODE_UUD;
	ep->addr_format = info->addr_format;
}

struct uet_ep *uet_ep_create(struct uet_domain *domain, const struct fi_info *info, size_t fclass,
			     struct fi_ops *ops, void *context, size_t size)
{
	struct uet_ep *ep = calloc(1, size);

	if (!ep)
		return NULL;
	ep->info = fi_dupinfo(info);
	if (!ep->info) {
		free(ep);
		return NULL;
	}
	ep->domain = domain;
	ep_attrs(ep);
	ep->base = ep;
	uet_list_init(&ep->aliases);
	uet_list_init(&ep->alias_link);
	uet_list_init(&ep->claims);
	uet_list_init(&ep->link);
	ep->fid = (struct fid_ep){
		.fid = { .fclass = fclass, .context = context, .ops = ops },
		.ops = &uet_ep_ops,
		.cm = &uet_ep_cm_ops,
		.msg = &uet_msg_ops,
		.rma = &uet_rma_ops,
		.tagged = &uet_tagged_ops,
		.atomic = &uet_atomic_ops,
		.collective = &uet_no_collective_ops,
	};
	uet_trigger_wrap(ep);
	uet_ref_get(&domain->ref);
	return ep;
}

int uet_ep_open(struct fid_domain *domain_fid, struct fi_info *info, struct fid_ep **out,
		void *context)
{
	struct uet_domain *domain = uet_container_of(domain_fid, struct uet_domain, fid);
	struct uet_ep *ep;
	int ret;

	ret = uet_info_check(uet_fabric_api(domain->fabric), info);
	if (ret)
		return ret;
	ep = uet_ep_create(domain, info, FI_CLASS_EP, &ep_fid_ops, context, sizeof(*ep));
	if (!ep)
		return -FI_ENOMEM;
	ret = uet_fep_open(domain, ep->info, &ep->fep);
	if (ret) {
		uet_ep_free(ep);
		return ret;
	}
	ep->max_msg_size = UET_SES_MAX_MSG;
	if (ep->mode == UET_MODE_UUD) {
		ep->max_msg_size = ep->fep->payload_mtu;
		ep->fid.tagged = &uet_no_tagged_ops;
	}
	*out = &ep->fid;
	return 0;
}
