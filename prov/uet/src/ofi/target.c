/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The target's side of RMA and atomics: which region a request means, and who is told when it
 * has been served.
 */
#include "ofi/mr.h"

static struct uet_mr *mr_of(const struct uet_ses_region *region)
{
	return uet_container_of(region, struct uet_mr, region);
}

const struct uet_ses_region *uet_target_region(void *upper, uint64_t key,
					       uint16_t resource_index)
{
	struct uet_fep *fep = upper;
	struct uet_domain *domain = fep->domain;
	struct uet_mr *mr;

	(void)resource_index;
	uet_lock(&domain->lock);
	mr = uet_mr_map_find(domain->mrs, key);
	if (mr && (!mr->enabled || (mr->ep && mr->ep->fep != fep)))
		mr = NULL;
	uet_unlock(&domain->lock);
	return mr ? &mr->region : NULL;
}

static void count(const struct uet_mr *mr, struct uet_ep *ep, uint64_t kind)
{
	uint32_t i, n = atomic_load_explicit(&mr->cntr_cnt, memory_order_acquire);

	for (i = 0; i < n; i++)
		if (mr->cntrs[i].flags & kind)
			uet_cntr_inc(mr->cntrs[i].cntr, true);
	if (ep)
		uet_ep_count(ep, kind, true);
}

void uet_target_rma_done(void *upper, const struct uet_ses_region *region,
			 const struct uet_ses_rma_event *event)
{
	struct uet_fep *fep = upper;
	struct uet_ep *ep = uet_sep_rx_at(fep->ep, event->resource_index);
	bool write = event->opcode == UET_OP_WRITE || event->opcode == UET_OP_ATOMIC;
	struct uet_cq_event entry = {
		.flags = FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA,
		.len = event->len,
		.data = event->data,
	};

	/* An atomic with a result is a write too, but counted once: as what gives the result. */
	count(mr_of(region), ep, write ? FI_REMOTE_WRITE : FI_REMOTE_READ);
	if (event->has_data && ep && ep->rx_cq)
		uet_ep_report_rx(ep, &event->source, &entry);
}
