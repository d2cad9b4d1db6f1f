/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CQs that peer providers write to, fi_peer(3).
 */
#include "ofi/peer.h"

#include <stdlib.h>

#include <rdma/fi_ext.h>

#include "base/log.h"
#include "ofi/stubs.h"

#if UET_HAVE_PEER

#include <rdma/providers/fi_peer.h>

struct uet_peer_cq {
	struct fid_peer_cq fid;
	struct uet_cq *cq;
};

/* The interface is not stable: what was compiled must be what runs. */
static bool same_version(void)
{
	uint32_t version = fi_version();

	if (version == FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION))
		return true;
	uet_warn("no peer providers: built for libfabric %d.%d, running with %u.%u",
		 FI_MAJOR_VERSION, FI_MINOR_VERSION, FI_MAJOR(version), FI_MINOR(version));
	return false;
}

int uet_peer_check(void *arg)
{
	const struct fi_fid_export *export = arg;

	if (!same_version())
		return -FI_ENOSYS;
	return !export || !export->fid || export->flags ? -FI_EINVAL : 0;
}

static ssize_t cq_write(struct fid_peer_cq *fid, void *context, uint64_t flags, size_t len,
			void *buf, uint64_t data, uint64_t tag, fi_addr_t src)
{
	struct uet_cq_event event = {
		.op_context = context,
		.flags = flags,
		.len = len,
		.buf = buf,
		.data = data,
		.tag = tag,
		.src_addr = src,
	};

	uet_cq_write(uet_container_of(fid, struct uet_peer_cq, fid)->cq, &event);
	return 0;
}

static ssize_t cq_writeerr(struct fid_peer_cq *fid, const struct fi_cq_err_entry *err)
{
	struct uet_cq_event event = {
		.op_context = err->op_context,
		.flags = err->flags,
		.len = err->len,
		.buf = err->buf,
		.data = err->data,
		.tag = err->tag,
		.src_addr = err->src_addr,
	};

	uet_cq_write_error(uet_container_of(fid, struct uet_peer_cq, fid)->cq, &event, err->olen,
			   err->err, (uint32_t)err->prov_errno, err->err_data,
			   err->err_data ? err->err_data_size : 0);
	return 0;
}

static struct fi_ops_cq_owner cq_owner_ops = {
	.size = sizeof(struct fi_ops_cq_owner),
	.write = cq_write,
	.writeerr = cq_writeerr,
};

static int peer_cq_close(struct fid *fid)
{
	struct uet_peer_cq *peer = uet_container_of(fid, struct uet_peer_cq, fid.fid);

	uet_ref_put(uet_cq_ref(peer->cq));
	free(peer);
	return 0;
}

static struct fi_ops peer_cq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = peer_cq_close,
	.bind = uet_no_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

int uet_peer_export_cq(struct uet_cq *cq, void *arg)
{
	const struct fi_fid_export *export = arg;
	struct uet_peer_cq *peer;
	int ret;

	ret = uet_peer_check(arg);
	if (ret)
		return ret;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -FI_ENOMEM;
	peer->cq = cq;
	uet_ref_get(uet_cq_ref(cq));
	peer->fid.fid.fclass = FI_CLASS_PEER_CQ;
	peer->fid.fid.context = export->context;
	peer->fid.fid.ops = &peer_cq_fid_ops;
	peer->fid.owner_ops = &cq_owner_ops;
	*export->fid = &peer->fid.fid;
	return 0;
}

#else

int uet_peer_check(void *arg)
{
	(void)arg;
	return -FI_ENOSYS;
}

int uet_peer_export_cq(struct uet_cq *cq, void *arg)
{
	(void)cq;
	(void)arg;
	return -FI_ENOSYS;
}

#endif
