/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef UET_OFI_STRERROR_H
#define UET_OFI_STRERROR_H

#include <stddef.h>

/*
 * Explain @prov_errno of an error entry, as "BAD_JOB_ID: ...": 1-63 are SES return codes (UEC
 * Table 3-19), 0x100 + n is the PDS NACK code n (Table 3-58), 0x200 + n a cause
 * with errno n that this side found. The text goes to @buf of @len bytes, cut and
 * NUL-terminated; without @buf to a buffer of the calling thread, valid until its next call.
 * Never returns NULL: fi_cq(3), fi_eq(3).
 */
const char *uet_prov_strerror(int prov_errno, char *buf, size_t len);

#endif /* UET_OFI_STRERROR_H */
