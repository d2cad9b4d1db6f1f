/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Named address vectors, fi_av(3): one table for all processes of a user that open the same name
 * on the same domain.
 *
 *   shared memory:  [ head | fi_addr_t of each index | name and references of each index ]
 *
 * Every process mirrors it in a table of its own (avtable.h), under the same indices, and looks
 * there; a version number tells when the mirror is out of date. What is in the memory is not
 * trusted: entries that make no sense do not exist. Locks on bytes of the file tell who is there
 * (so that what dead processes left is not mistaken for a vector) and who writes; they end with
 * their owner. Not thread safe: the AV's lock protects a share.
 */
#ifndef UET_OFI_AVSHARE_H
#define UET_OFI_AVSHARE_H

#include "ofi/avtable.h"

struct uet_avshare;

/*
 * Open the vector @name of @domain (an interface). @read_only: one that others have, else it is
 * created if need be, with room for @count entries if that is more than usual. Returns 0, the
 * object, and in @map the array that fi_av_attr.map_addr is to show (index -> fi_addr_t;
 * FI_ADDR_NOTAVAIL or 0 where there is none); or -FI_ENOENT (@read_only: nobody has it),
 * -FI_EINVAL (name too long or empty; the memory is no such vector), -FI_ENOMEM or -errno.
 */
int uet_avshare_open(const char *domain, const char *name, bool read_only, size_t count,
		     struct uet_avshare **share, void **map);

/* Close; who created the vector takes its name away. NULL is fine. */
void uet_avshare_close(struct uet_avshare *share);

/* Bring the mirror @t up to date. A load and a comparison when nothing has changed. */
void uet_avshare_sync(struct uet_avshare *share, struct uet_avtable *t);

/*
 * As uet_avtable_insert and uet_avtable_remove, on the vector and its mirror @t. A read-only
 * share refuses: UET_AV_NONE, false; so does removal when there is no such entry.
 */
uint32_t uet_avshare_insert(struct uet_avshare *share, struct uet_avtable *t,
			    const struct uet_name *name, bool *fresh);
bool uet_avshare_remove(struct uet_avshare *share, struct uet_avtable *t, uint64_t index);

/* True if @share was opened read-only. */
bool uet_avshare_read_only(const struct uet_avshare *share);

#endif /* UET_OFI_AVSHARE_H */
