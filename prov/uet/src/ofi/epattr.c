/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoint options, names and cancellation.
 */
#include <string.h>

#include "ofi/ep.h"
#include "ofi/hmem.h"
#include "ofi/stubs.h"

static struct uet_ep *ep_of(struct fid *fid)
{
	return uet_container_of(fid, struct uet_ep, fid.fid);
}

static ssize_t ep_cancel(struct fid *fid, void *context)
{
	struct uet_ep *ep = ep_of(fid);

	if (!ep->enabled)
		return -FI_EOPBADSTATE;
	/* Consumers take "nothing found" for success: the operation is finished or will be. */
	if ((ep->caps & FI_TRIGGER) && uet_trigger_cancel(ep, context))
		return 0;
	/* A transmit context has nothing that could be found. */
	if (!ep->rxq)
		return 0;
	uet_lock(&ep->fep->lock);
	uet_ses_cancel(ep->rxq, context);
	uet_unlock(&ep->fep->lock);
	uet_trigger_poll(&ep->domain->triggers);
	return 0;
}

static int put_opt(void *optval, size_t *optlen, const void *value, size_t len)
{
	if (!optval || !optlen)
		return -FI_EINVAL;
	if (*optlen < len) {
		*optlen = len;
		return -FI_ETOOSMALL;
	}
	memcpy(optval, value, len);
	*optlen = len;
	return 0;
}

/* Options that tell a size: fi_endpoint(3). False: no such option. */
static bool size_opt(const struct uet_ep *ep, int optname, size_t *size)
{
	switch (optname) {
#if HAVE_DECL_FI_OPT_MAX_MSG_SIZE
	case FI_OPT_MAX_MSG_SIZE:
	case FI_OPT_MAX_TAGGED_SIZE:
	case FI_OPT_MAX_RMA_SIZE:
		*size = ep->max_msg_size;
		return true;
	case FI_OPT_MAX_ATOMIC_SIZE:
		*size = ep->fep->payload_mtu;
		return true;
	case FI_OPT_INJECT_MSG_SIZE:
	case FI_OPT_INJECT_TAGGED_SIZE:
	case FI_OPT_INJECT_RMA_SIZE:
	case FI_OPT_INJECT_ATOMIC_SIZE:
		*size = ep->inject_size;
		return true;
#endif
	default:
		(void)ep;
		(void)size;
		return false;
	}
}

static int ep_getopt(struct fid *fid, int level, int optname, void *optval, size_t *optlen)
{
	struct uet_ep *ep = ep_of(fid);
	size_t size;
	int p2p = FI_HMEM_P2P_DISABLED;

	if (level != FI_OPT_ENDPOINT)
		return -FI_ENOPROTOOPT;
	if (size_opt(ep, optname, &size))
		return put_opt(optval, optlen, &size, sizeof(size));
	switch (optname) {
	case FI_OPT_FI_HMEM_P2P:
		return put_opt(optval, optlen, &p2p, sizeof(p2p));
	case FI_OPT_MIN_MULTI_RECV:
		return put_opt(optval, optlen, &ep->min_multi_recv, sizeof(ep->min_multi_recv));
	default:
		return -FI_ENOPROTOOPT;
	}
}

static int set_p2p(const void *optval, size_t optlen)
{
	int p2p;

	if (optlen < sizeof(p2p))
		return -FI_ETOOSMALL;
	memcpy(&p2p, optval, sizeof(p2p));
	switch (p2p) {
	case FI_HMEM_P2P_ENABLED:
	case FI_HMEM_P2P_PREFERRED:
	case FI_HMEM_P2P_DISABLED:
		return 0;
	case FI_HMEM_P2P_REQUIRED:
		return -FI_EOPNOTSUPP;
	default:
		return -FI_EINVAL;
	}
}

/* Counts for receives posted from now on, on an endpoint that is enabled as well. */
static int set_min_multi_recv(struct uet_ep *ep, const void *optval, size_t optlen)
{
	if (optlen < sizeof(ep->min_multi_recv))
		return -FI_ETOOSMALL;
	uet_lock(&ep->fep->lock);
	memcpy(&ep->min_multi_recv, optval, sizeof(ep->min_multi_recv));
	uet_unlock(&ep->fep->lock);
	uet_ep_sync_aliases(ep);
	return 0;
}

#if HAVE_DECL_FI_OPT_CUDA_API_PERMITTED
/* Copies to and from the device are calls of CUDA: with FI_HMEM there is no doing without. */
static int set_cuda_permitted(const struct uet_ep *ep, const void *optval, size_t optlen)
{
	bool permitted;

	if (optlen < sizeof(permitted))
		return -FI_ETOOSMALL;
	if (!uet_hmem_usable())
		return -FI_EINVAL;
	permitted = *(const unsigned char *)optval != 0;
	return ep->caps & FI_HMEM && !permitted ? -FI_EOPNOTSUPP : 0;
}
#endif

static int ep_setopt(struct fid *fid, int level, int optname, const void *optval, size_t optlen)
{
	if (level != FI_OPT_ENDPOINT)
		return -FI_ENOPROTOOPT;
	if (!optval)
		return -FI_EINVAL;
	switch (optname) {
	case FI_OPT_FI_HMEM_P2P:
		return set_p2p(optval, optlen);
	case FI_OPT_MIN_MULTI_RECV:
		return set_min_multi_recv(ep_of(fid)->base, optval, optlen);
#if HAVE_DECL_FI_OPT_CUDA_API_PERMITTED
	case FI_OPT_CUDA_API_PERMITTED:
		return set_cuda_permitted(ep_of(fid), optval, optlen);
#endif
#if HAVE_DECL_FI_OPT_SHARED_MEMORY_PERMITTED
	case FI_OPT_SHARED_MEMORY_PERMITTED:
		/* None is used, whatever is permitted. */
		return optlen < sizeof(bool) ? -FI_ETOOSMALL : 0;
#endif
	default:
		return -FI_ENOPROTOOPT;
	}
}

static ssize_t rx_size_left(struct fid_ep *fid)
{
	struct uet_ep *ep = ep_of(&fid->fid);

	return ep->enabled ? (ssize_t)ep->info->rx_attr->size : -FI_EOPBADSTATE;
}

static ssize_t tx_size_left(struct fid_ep *fid)
{
	struct uet_ep *ep = ep_of(&fid->fid);

	return ep->enabled ? (ssize_t)ep->info->tx_attr->size : -FI_EOPBADSTATE;
}

struct fi_ops_ep uet_ep_ops = {
	.size = sizeof(struct fi_ops_ep),
	.cancel = ep_cancel,
	.getopt = ep_getopt,
	.setopt = ep_setopt,
	.tx_ctx = uet_sep_tx_ctx,
	.rx_ctx = uet_sep_rx_ctx,
	.rx_size_left = rx_size_left,
	.tx_size_left = tx_size_left,
};

int uet_ep_opsflag(struct uet_ep *ep, int command, uint64_t *flags)
{
	uint64_t dir = *flags & (FI_TRANSMIT | FI_RECV);
	uint64_t *op_flags = dir == FI_TRANSMIT ? &ep->tx_op_flags : &ep->rx_op_flags;

	if (dir != FI_TRANSMIT && dir != FI_RECV)
		return -FI_EINVAL;
	if (command == FI_SETOPSFLAG)
		*op_flags = *flags & ~dir;
	else
		*flags = *op_flags;
	return 0;
}

static int ep_getname(struct fid *fid, void *addr, size_t *addrlen)
{
	struct uet_ep *ep = ep_of(fid);

	if (!addrlen || (!addr && *addrlen))
		return -FI_EINVAL;
	return uet_name_write(&ep->fep->name, ep->addr_format, addr, addrlen);
}

static int ep_getpeer(struct fid_ep *fid, void *addr, size_t *addrlen)
{
	(void)fid;
	(void)addr;
	(void)addrlen;
	return -FI_ENOTCONN;
}

struct fi_ops_cm uet_ep_cm_ops = {
	.size = sizeof(struct fi_ops_cm),
	.setname = uet_no_setname,
	.getname = ep_getname,
	.getpeer = ep_getpeer,
	.connect = uet_no_connect,
	.listen = uet_no_listen,
	.accept = uet_no_accept,
	.reject = uet_no_reject,
	.shutdown = uet_no_shutdown,
	.join = uet_no_join,
};
