/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Between mr.c (registration), mrmap.c (the table of a domain) and target.c (what peers do with
 * regions).
 */
#ifndef UET_OFI_MR_H
#define UET_OFI_MR_H

/* Without memory for the table HASH_ADD leaves the element out instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "ofi/ep.h"

/* Keys that the provider chooses, UEC Table 2-13. */
#define UET_MR_KEY_IDEMPOTENT	(1ull << 63)
#define UET_MR_KEY_OPTIMIZED	(1ull << 62)
#define UET_MR_KEY_PROV		(1ull << 48)	/* the vendor's to use: chosen by the provider */
#define UET_MR_KEY_MASK		(UET_MR_KEY_PROV - 1)
#define UET_MR_KEY_SMALL	0xfffu		/* of optimized ones */

#define UET_MR_CNTRS	2u	/* counters bound to one region */

struct uet_mr {
	struct fid_mr fid;
	struct uet_domain *domain;
	struct uet_ep *ep;		/* FI_MR_ENDPOINT: the endpoint that it is bound to */
	struct uet_region_cntr cntrs[UET_MR_CNTRS];
	atomic_uint cntr_cnt;		/* grows while peers use the region */
	bool enabled;			/* peers may find it; under domain->lock */
	struct uet_ses_region region;	/* region.key: fid.key shows it when enabled */
	UT_hash_handle hh;
	struct iovec iov[];		/* region.iov */
};

/*
 * Enter @mr under region.key. Returns 0, -FI_EKEYREJECTED (no key), -FI_ENOKEY (in use) or
 * -FI_ENOMEM. The domain's lock is held here and below.
 */
int uet_mr_map_add(struct uet_mr_map *map, struct uet_mr *mr);

/*
 * Enter @mr under a key chosen here, put into region.key: never twice the same one before 2^48
 * have been given out. @optimized: a short one; -FI_ENOKEY when all are in use. -FI_ENOMEM.
 */
int uet_mr_map_add_prov(struct uet_mr_map *map, struct uet_mr *mr, bool optimized);

/* Take @mr out. */
void uet_mr_map_del(struct uet_mr_map *map, struct uet_mr *mr);

/*
 * The region that a request names by @key; NULL if none. A small header shows no more of an
 * optimized key than UET_MR_KEY_OPTIMIZED and its low bits.
 */
struct uet_mr *uet_mr_map_find(const struct uet_mr_map *map, uint64_t key);

/* ---- target.c: the upper ops of the SES for what peers do (ses/ses.h) ---- */

const struct uet_ses_region *uet_target_region(void *upper, uint64_t key,
					       uint16_t resource_index);
void uet_target_rma_done(void *upper, const struct uet_ses_region *region,
			 const struct uet_ses_rma_event *event);

#endif /* UET_OFI_MR_H */
