/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Open fabrics and domains, for fi_getinfo: an answer names the first open instance of its
 * fabric and domain, and hints may restrict the answer to one (fi_getinfo(3)).
 */
#ifndef UET_OFI_REGISTRY_H
#define UET_OFI_REGISTRY_H

#include "ofi/ofi.h"

/* Enter an object (class FI_CLASS_FABRIC or FI_CLASS_DOMAIN). Returns 0 or -FI_ENOMEM. */
int uet_registry_add(struct fid *fid);

/* Take an object out, before it is freed; no effect if it was never entered. */
void uet_registry_del(struct fid *fid);

/* The fabric opened first among those that are open, or NULL. */
struct fid_fabric *uet_registry_fabric(void);

/* The domain named @name opened first among those that are open, or NULL. */
struct fid_domain *uet_registry_domain(const char *name);

/*
 * True if @domain is open; its interface is then written to @name. The pointer may be anything:
 * it is compared, never followed.
 */
bool uet_registry_domain_name(const struct fid_domain *domain, char name[IF_NAMESIZE]);

/*
 * Make a child process that inherits open objects refuse service (uet_registry_forked): its
 * sockets, and the peers' view of them, belong to the parent. Call once.
 */
void uet_registry_watch_fork(void);

/* True in a child that was forked while objects were open. */
bool uet_registry_forked(void);

#endif /* UET_OFI_REGISTRY_H */
