/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Between av.c (the table) and av_insert.c (what may be put in: names, ranges of names).
 */
#ifndef UET_OFI_AV_H
#define UET_OFI_AV_H

#include "ofi/ofi.h"

/*
 * An insertion under way. Results go where fi_av(3) says for the call: to an array of indices,
 * to an array of errors (FI_SYNC_ERR), or to the event queue (FI_EVENT).
 */
struct uet_av_insert {
	struct uet_av *av;
	fi_addr_t *fi_addr;		/* may be NULL; input too with FI_AV_USER_ID */
	int *errors;			/* FI_SYNC_ERR; else NULL */
	void *context;
	bool user_id;			/* FI_AV_USER_ID */
	uint64_t next;			/* entry to come */
	int done;			/* entries inserted */
	int ret;			/* first -FI_ENOMEM of the event queue */
};

/*
 * Begin to insert @count entries with the arguments of a fi_av_insert* call. Returns 0,
 * -FI_EBADFLAGS, -FI_EINVAL, or -FI_ENOEQ (FI_EVENT and no event queue).
 */
int uet_av_insert_begin(struct uet_av_insert *ins, struct uet_av *av, uint64_t count,
			fi_addr_t *fi_addr, uint64_t flags, void *context);

/* The next entry: @name, or with @name NULL one that failed with @err (positive fi_errno). */
void uet_av_insert_name(struct uet_av_insert *ins, const struct uet_name *name, int err);

/* End; the return value of the call: entries inserted, or 0 for FI_EVENT, or negative. */
int uet_av_insert_end(struct uet_av_insert *ins);

/* Address family of @av's addresses; AF_UNSPEC if its domain does not tell. */
int uet_av_family(const struct uet_av *av);

/* True if results of insertions go to an event queue (FI_EVENT). */
bool uet_av_is_async(const struct uet_av *av);

/* fi_ops_av.insertsvc: fi_av(3). */
int uet_av_insertsvc(struct fid_av *av, const char *node, const char *service,
		     fi_addr_t *fi_addr, uint64_t flags, void *context);

/* fi_ops_av.insertsym: fi_av(3). */
int uet_av_insertsym(struct fid_av *av, const char *node, size_t nodecnt, const char *service,
		     size_t svccnt, fi_addr_t *fi_addr, uint64_t flags, void *context);

#endif /* UET_OFI_AV_H */
