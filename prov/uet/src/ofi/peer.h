/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queues that providers of other ways to a destination (shared memory) share with uet: fi_peer(3).
 * uet is the owner: fi_export_fid on a shared receive context or a CQ gives an object
 * for the peer's fi_srx_context or fi_cq_open with FI_PEER.
 *
 * That interface changes between versions of libfabric, and both sides must be of the same one:
 * without <rdma/providers/fi_peer.h> as 2.x has it, or with a library of another version than
 * the headers, every export is refused with -FI_ENOSYS.
 */
#ifndef UET_OFI_PEER_H
#define UET_OFI_PEER_H

#include "ofi/ofi.h"

#if defined(HAVE_STRUCT_FI_PEER_MATCH_ATTR_MSG_SIZE) && \
	defined(HAVE_STRUCT_FI_OPS_SRX_OWNER_FOREACH_UNSPEC_ADDR)
#define UET_HAVE_PEER 1
#else
#define UET_HAVE_PEER 0
#endif

struct uet_ep;

/* Peers of a shared receive context, under its lock. */
struct uet_peers {
	struct uet_list list;		/* struct uet_peer_srx */
	uint32_t driven;		/* of them, those with a CQ */
};

/* ---- peer.c ---- */

/*
 * FI_EXPORT_FID on @srx, a shared receive context with peers @peers: arg is a struct
 * fi_fid_export, flags 0; the fid is a new struct fid_peer_srx. Returns 0, -FI_ENOSYS,
 * -FI_EINVAL, -FI_ENOMEM, or -FI_EOPNOTSUPP (automatic progress, device memory).
 */
int uet_peer_export_srx(struct uet_ep *srx, struct uet_peers *peers, void *arg);

/* Drive the CQs of @peers that are known. With the lock of the context held. */
void uet_peers_drive(struct uet_peers *peers);

/* @next (ns), or earlier if a CQ of @peers has to be looked at before. */
uint64_t uet_peers_next(const struct uet_peers *peers, uint64_t next);

/* ---- peer_cq.c ---- */

/* Check what fi_export_fid passes as @arg. Returns 0, -FI_ENOSYS or -FI_EINVAL. */
int uet_peer_check(void *arg);

/* FI_EXPORT_FID on @cq: gives a struct fid_peer_cq. 0, -FI_ENOSYS, -FI_EINVAL or -FI_ENOMEM. */
int uet_peer_export_cq(struct uet_cq *cq, void *arg);


#endif /* UET_OFI_PEER_H */
