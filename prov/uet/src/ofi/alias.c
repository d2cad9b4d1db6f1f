/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoint aliases, fi_endpoint(3): the same endpoint with other default operation flags.
 */
#include <stdlib.h>

#include "ofi/ep.h"
#include "ofi/stats.h"
#include "ofi/stubs.h"

static struct uet_ep *ep_of(struct fid *fid)
{
	return uet_container_of(fid, struct uet_ep, fid.fid);
}

static struct uet_ep *alias_at(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_ep, alias_link);
}

/* Make @alias, which has a base and flags of its own, equal to its base in all the rest. */
static void copy_base(struct uet_ep *alias)
{
	struct fid_ep fid = alias->fid;
	struct uet_list link = alias->alias_link;
	uint64_t tx_op_flags = alias->tx_op_flags;
	uint64_t rx_op_flags = alias->rx_op_flags;

	*alias = *alias->base;
	alias->fid = fid;
	alias->alias_link = link;
	alias->tx_op_flags = tx_op_flags;
	alias->rx_op_flags = rx_op_flags;
	atomic_init(&alias->ref, 0);
	uet_list_init(&alias->aliases);
	uet_list_init(&alias->claims);
	uet_list_init(&alias->link);
}

void uet_ep_sync_aliases(struct uet_ep *ep)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ep->base->aliases)
		copy_base(alias_at(pos));
}

static int alias_close(struct fid *fid)
{
	struct uet_ep *alias = ep_of(fid);

	uet_trigger_drop(alias);
	uet_list_del(&alias->alias_link);
	uet_ref_put(&alias->base->ref);
	free(alias);
	return 0;
}

static int alias_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
	struct fid *base = &ep_of(fid)->base->fid.fid;

	return base->ops->bind(base, bfid, flags);
}

static int alias_control(struct fid *fid, int command, void *arg)
{
	struct uet_ep *alias = ep_of(fid);
	struct fid *base = &alias->base->fid.fid;

	switch (command) {
	case FI_GETOPSFLAG:
	case FI_SETOPSFLAG:
		return arg ? uet_ep_opsflag(alias, command, arg) : -FI_EINVAL;
	case FI_ALIAS:
		return uet_ep_alias(alias, arg);
	default:
		return base->ops->control(base, command, arg);
	}
}

static struct fi_ops alias_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = alias_close,
	.bind = alias_bind,
	.control = alias_control,
	.ops_open = uet_stats_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

int uet_ep_alias(struct uet_ep *ep, const struct fi_alias *arg)
{
	struct uet_ep *alias;
	uint64_t flags;
	int ret;

	if (!arg || !arg->fid)
		return -FI_EINVAL;
	if (ep->fid.fid.fclass == FI_CLASS_SEP || ep->fid.fid.fclass == FI_CLASS_SRX_CTX)
		return -FI_ENOSYS;
	alias = calloc(1, sizeof(*alias));
	if (!alias)
		return -FI_ENOMEM;
	alias->base = ep->base;
	alias->fid = ep->fid;
	alias->fid.fid.ops = &alias_fid_ops;
	alias->tx_op_flags = ep->tx_op_flags;
	alias->rx_op_flags = ep->rx_op_flags;
	flags = arg->flags;
	ret = uet_ep_opsflag(alias, FI_SETOPSFLAG, &flags);
	if (ret) {
		free(alias);
		return ret;
	}
	uet_list_add_tail(&ep->base->aliases, &alias->alias_link);
	uet_ref_get(&ep->base->ref);
	copy_base(alias);
	*arg->fid = &alias->fid.fid;
	return 0;
}
