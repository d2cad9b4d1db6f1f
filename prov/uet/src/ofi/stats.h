/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters for people and programs: stats.c answers fi_open_ops(3) with the interface of
 * rdma/fi_ext_uet.h, statslog.c writes them to the log (FI_UET_STATS).
 */
#ifndef UET_OFI_STATS_H
#define UET_OFI_STATS_H

#include <rdma/fi_ext_uet.h>

#include "ofi/fep.h"

/*
 * fi_ops.ops_open of endpoints, contexts of scalable endpoints, aliases and domains. Returns 0,
 * -FI_ENOSYS (no such name), -FI_EBADFLAGS or -FI_EINVAL (no place for the answer).
 */
int uet_stats_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context);

/* Add the counters of @fep, which runs and whose lock is held, to @out. */
void uet_stats_add(const struct uet_fep *fep, struct fi_uet_stats *out);

/* Describe @pdc of @fep. */
void uet_stats_describe(const struct uet_fep *fep, const struct uet_pds_pdc *pdc,
			struct fi_uet_pdc_stats *out);

/* @fep is about to run: note when its counters are due in the log, if they are. */
void uet_stats_start(struct uet_fep *fep, uint64_t now);

/* fep->stats_at has come. The lock of @fep is held. */
void uet_stats_tick(struct uet_fep *fep, uint64_t now);

/* @fep, whose lock is held, is about to stop: log its counters if that is asked for. */
void uet_stats_stop(const struct uet_fep *fep, uint64_t now);

#endif /* UET_OFI_STATS_H */
