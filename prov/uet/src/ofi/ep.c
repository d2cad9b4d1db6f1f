/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Life of an endpoint: open (its FEP's name is final then), bind, enable (the FEP starts), close.
 */
#include "ofi/ep.h"

#include <stdlib.h>

#include "ofi/stubs.h"

void uet_ep_kick(struct uet_ep *ep, uint64_t when)
{
	uint32_t i;

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

/* Every object begins with its fid, so the fid's address is the object's. */
static int ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	if (ep->enabled)
		return -FI_EOPBADSTATE;
	switch (bfid->fclass) {
	case FI_CLASS_CQ:
		return bind_cq(ep, (struct uet_cq *)bfid, flags);
	case FI_CLASS_CNTR:
		return bind_cntr(ep, (struct uet_cntr *)bfid, flags);
	case FI_CLASS_AV:
		return bind_av(ep, (struct uet_av *)bfid);
	case FI_CLASS_EQ:
		return bind_eq(ep, (struct uet_eq *)bfid);
	default:
		return -FI_EINVAL;
	}
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
	if (!ep->av)
		return -FI_ENOAV;
	if ((ep->caps & FI_SEND) && !ep->tx_cq && !has_cntr(ep, FI_SEND))
		return -FI_ENOCQ;
	if ((ep->caps & FI_RECV) && !ep->rx_cq && !has_cntr(ep, FI_RECV))
		return -FI_ENOCQ;
	return 0;
}

static void leave_sets(struct uet_ep *ep)
{
	uint32_t i;

	if (ep->tx_cq)
		uet_cq_del_fep(ep->tx_cq, ep->fep);
	if (ep->rx_cq)
		uet_cq_del_fep(ep->rx_cq, ep->fep);
	for (i = 0; i < ep->cntr_cnt; i++)
		uet_cntr_del_fep(ep->cntrs[i].cntr, ep->fep);
	if (ep->domain->thread)
		uet_progress_del(uet_progress_thread_set(ep->domain->thread), ep->fep);
}

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

static int join_sets(struct uet_ep *ep)
{
	uint32_t i;
	int ret = 0;

	if (ep->tx_cq)
		ret = uet_cq_add_fep(ep->tx_cq, ep->fep);
	if (!ret && ep->rx_cq)
		ret = uet_cq_add_fep(ep->rx_cq, ep->fep);
	for (i = 0; !ret && i < ep->cntr_cnt; i++)
		ret = uet_cntr_add_fep(ep->cntrs[i].cntr, ep->fep);
	if (!ret)
		ret = join_thread(ep);
	return ret;
}

static int ep_enable(struct uet_ep *ep)
{
	int ret;

	if (ep->enabled)
		return 0;
	ret = check_bound(ep);
	if (!ret)
		ret = uet_fep_start(ep->fep, ep->info, ep->inject_size);
	if (ret)
		return ret;
	ret = join_sets(ep);
	if (ret) {
		leave_sets(ep);
		uet_fep_stop(ep->fep);
		return ret;
	}
	ep->enabled = true;
	return 0;
}

static int ep_control(struct fid *fid, int command, void *arg)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	switch (command) {
	case FI_ENABLE:
		return ep_enable(ep);
	case FI_GETOPSFLAG:
	case FI_SETOPSFLAG:
		return arg ? uet_ep_opsflag(ep, command, arg) : -FI_EINVAL;
	default:
		return -FI_ENOSYS;
	}
}

/* ---- closing ---- */

static void unbind_all(struct uet_ep *ep)
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
}

static int ep_close(struct fid *fid)
{
	struct uet_ep *ep = uet_container_of(fid, struct uet_ep, fid.fid);

	if (uet_ref_busy(&ep->ref))
		return -FI_EBUSY;
	if (ep->enabled) {
		leave_sets(ep);
		uet_lock(&ep->fep->lock);
		uet_ep_drop_claims(ep);
		uet_unlock(&ep->fep->lock);
		uet_fep_stop(ep->fep);
	}
	uet_fep_close(ep->fep);
	unbind_all(ep);
	fi_freeinfo(ep->info);
	uet_ref_put(&ep->domain->ref);
	free(ep);
	return 0;
}

/* ---- opening ---- */

static struct fi_ops ep_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = ep_close,
	.bind = ep_bind,
	.control = ep_control,
	.ops_open = uet_no_ops_open,
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
	ep->mode = info->tx_attr->msg_order ? UET_MODE_ROD : UET_MODE_RUD;
	ep->addr_format = info->addr_format;
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
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return -FI_ENOMEM;
	ep->domain = domain;
	ep->info = fi_dupinfo(info);
	ret = ep->info ? uet_fep_open(domain, ep->info, &ep->fep) : -FI_ENOMEM;
	if (ret) {
		fi_freeinfo(ep->info);
		free(ep);
		return ret;
	}
	ep_attrs(ep);
	uet_list_init(&ep->claims);
	ep->fid = (struct fid_ep){
		.fid = { .fclass = FI_CLASS_EP, .context = context, .ops = &ep_fid_ops },
		.ops = &uet_ep_ops,
		.cm = &uet_ep_cm_ops,
		.msg = &uet_msg_ops,
		.rma = &uet_no_rma_ops,
		.tagged = &uet_tagged_ops,
		.atomic = &uet_no_atomic_ops,
		.collective = &uet_no_collective_ops,
	};
	uet_ref_get(&domain->ref);
	*out = &ep->fid;
	return 0;
}
