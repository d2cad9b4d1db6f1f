/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Calls that uet does not have. The inline wrappers of libfabric's headers call through most
 * slots without looking, so every slot of every table is filled; these answer -FI_ENOSYS
 * (and the *valid calls -FI_EOPNOTSUPP). Signatures: the ops tables in <rdma/fi_*.h>.
 */
#ifndef UET_OFI_STUBS_H
#define UET_OFI_STUBS_H

#include "ofi/ofi.h"

/* Whole tables of which nothing is supported. */
extern struct fi_ops_msg uet_no_msg_ops;
extern struct fi_ops_tagged uet_no_tagged_ops;
extern struct fi_ops_collective uet_no_collective_ops;
extern struct fi_ops_ep uet_no_ep_ops;
extern struct fi_ops_cm uet_no_cm_ops;

/* Single slots; uet_no_tostr prints the object's class. */
int uet_no_bind(struct fid *fid, struct fid *bfid, uint64_t flags);
int uet_no_control(struct fid *fid, int command, void *arg);
int uet_no_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		void *context);
int uet_no_tostr(const struct fid *fid, char *buf, size_t len);
int uet_no_ops_set(struct fid *fid, const char *name, uint64_t flags, void *ops,
		void *context);
int uet_no_passive_ep(struct fid_fabric *fabric, struct fi_info *info,
		struct fid_pep **pep, void *context);
int uet_no_domain2(struct fid_fabric *fabric, struct fi_info *info,
		struct fid_domain **dom, uint64_t flags, void *context);
int uet_no_query_collective(struct fid_domain *domain, enum fi_collective_op coll,
		struct fi_collective_attr *attr, uint64_t flags);
int uet_no_endpoint2(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep,
		uint64_t flags, void *context);
int uet_no_setname(fid_t fid, void *addr, size_t addrlen);
int uet_no_connect(struct fid_ep *ep, const void *addr, const void *param,
		size_t paramlen);
int uet_no_listen(struct fid_pep *pep);
int uet_no_accept(struct fid_ep *ep, const void *param, size_t paramlen);
int uet_no_reject(struct fid_pep *pep, fid_t handle, const void *param,
		size_t paramlen);
int uet_no_shutdown(struct fid_ep *ep, uint64_t flags);
int uet_no_join(struct fid_ep *ep, const void *addr, uint64_t flags, struct fid_mc **mc,
		void *context);
int uet_no_av_set(struct fid_av *av, struct fi_av_set_attr *attr,
		struct fid_av_set **av_set, void *context);

#endif /* UET_OFI_STUBS_H */
