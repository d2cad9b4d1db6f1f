/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Device memory (FI_HMEM): which memory a buffer lies in, and how operations reach it.
 *
 * Packets are built from and received into host memory. What arrives for a posted receive or
 * a region is copied to the device as it comes (struct uet_ses_mem of ses.h). What leaves is
 * copied to host memory first, the whole message: its staging. Results of reads and fetching
 * atomics land in staging, too, and go to the device in one piece.
 */
#ifndef UET_OFI_HMEM_H
#define UET_OFI_HMEM_H

#include "ofi/ep.h"

/*
 * Can device memory be served in this process? The first call loads the driver library. When
 * it cannot, uet_hmem_why says why not.
 */
bool uet_hmem_usable(void);
const char *uet_hmem_why(void);

/*
 * Copy functions for the memory that @ptr points into, in @mem: NULL if it is ordinary memory.
 * Returns 0, -FI_EIO, or -FI_ENOSPC, logged. Only for what was opened with FI_HMEM.
 */
int uet_hmem_find(const void *ptr, const struct uet_ses_mem **mem);

/*
 * Copy functions for the memory that a region of @attr is in, registered on @domain with @flags,
 * in @mem: NULL if it is ordinary memory, or if the domain was opened without FI_HMEM, in
 * which case iface and device are ignored. Returns 0, -FI_ENOSYS (an interface other than CUDA),
 * -FI_EINVAL (no such device, segments in different memory), or what uet_hmem_find says.
 */
int uet_hmem_of_region(const struct uet_domain *domain, const struct fi_mr_attr *attr,
		       uint64_t flags, const struct uet_ses_mem **mem);

/*
 * Copy functions for the fragment at @base of an operation on @ep, in @mem. @desc: its descriptor
 * as the application gave it, or NULL; it counts if local registration was agreed (FI_MR_HMEM or
 * FI_MR_LOCAL). Returns 0, -FI_EINVAL (a descriptor that is none of this domain), or what
 * uet_hmem_find says.
 */
int uet_hmem_of_fragment(const struct uet_ep *ep, const void *base, void *desc,
			 const struct uet_ses_mem **mem);

/*
 * Find out which memory the fragments of @rx lie in, and set rx->mem. @desc: their descriptors, one
 * each, or NULL. Returns 0 or what uet_hmem_of_fragment says.
 */
int uet_hmem_recv(const struct uet_ep *ep, struct uet_ses_rx *rx, void **desc);

/* What of one operation is in staging: NULL, or private to hmem.c. */
struct uet_hmem_stage;

/*
 * The fragments @iov of an operation, *@cnt of them with descriptors @desc as above, are about to
 * be sent (@results: to receive results): if one lies in device memory, replace them by one
 * fragment in staging, which is filled (@results: emptied by uet_hmem_finish), and is added to
 * *@stages. To be called with the FEP's lock, as late as possible. Returns 0, -FI_EAGAIN (staging
 * is full, FI_UET_HMEM_STAGING), -FI_ENOMEM, -FI_EIO, or what uet_hmem_of_fragment says.
 */
int uet_hmem_stage(struct uet_ep *ep, struct uet_hmem_stage **stages, struct iovec *iov,
		   uint8_t *cnt, void **desc, bool results);

/*
 * The operation is over, well if @ok: copy results to where they belong, and free @stages, which
 * may be NULL. Returns 0, or -FI_EIO when the copying fails.
 */
int uet_hmem_finish(struct uet_fep *fep, struct uet_hmem_stage *stages, bool ok);

/* Free all staging of @fep, whose operations are forgotten. */
void uet_hmem_drop(struct uet_fep *fep);

#endif /* UET_OFI_HMEM_H */
