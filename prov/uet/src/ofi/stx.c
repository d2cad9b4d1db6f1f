/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared transmit contexts, fi_endpoint(3). Every endpoint has its own packet engine, so there is
 * nothing to multiplex: the context is an object that endpoints are bound to.
 */
#include <stdlib.h>

#include "ofi/ep.h"
#include "ofi/info.h"
#include "ofi/stubs.h"

struct uet_stx {
	struct fid_stx fid;
	struct uet_domain *domain;
	uet_ref ref;			/* endpoints bound */
};

static int stx_close(struct fid *fid)
{
	struct uet_stx *stx = uet_container_of(fid, struct uet_stx, fid.fid);

	if (uet_ref_busy(&stx->ref))
		return -FI_EBUSY;
	uet_ref_put(&stx->domain->ref);
	free(stx);
	return 0;
}

static struct fi_ops stx_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = stx_close,
	.bind = uet_no_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

int uet_stx_open(struct fid_domain *domain, struct fi_tx_attr *attr, struct fid_stx **out,
		 void *context)
{
	struct uet_stx *stx;

	if (uet_hints_check_tx(attr))
		return -FI_EINVAL;
	stx = calloc(1, sizeof(*stx));
	if (!stx)
		return -FI_ENOMEM;
	stx->domain = uet_container_of(domain, struct uet_domain, fid);
	uet_ref_get(&stx->domain->ref);
	stx->fid.fid.fclass = FI_CLASS_STX_CTX;
	stx->fid.fid.context = context;
	stx->fid.fid.ops = &stx_fid_ops;
	stx->fid.ops = &uet_no_ep_ops;
	*out = &stx->fid;
	return 0;
}

int uet_stx_bind(struct uet_ep *ep, struct fid *fid)
{
	struct uet_stx *stx = uet_container_of(fid, struct uet_stx, fid.fid);

	if (ep->stx || stx->domain != ep->domain ||
	    ep->info->ep_attr->tx_ctx_cnt != FI_SHARED_CONTEXT)
		return -FI_EINVAL;
	ep->stx = stx;
	uet_ref_get(&stx->ref);
	return 0;
}

void uet_stx_unbind(struct uet_ep *ep)
{
	if (ep->stx)
		uet_ref_put(&ep->stx->ref);
	ep->stx = NULL;
}
