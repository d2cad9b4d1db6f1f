/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A token bucket that spreads a window over the round trip: what is sent may be ahead of an even
 * rate by one burst. Kept in time instead of tokens, so that it needs no updates of its own.
 * Private to cms/.
 */
#ifndef UET_CMS_PACE_H
#define UET_CMS_PACE_H

#include <stdint.h>

#include "base/util.h"

struct uet_pace {
	uint64_t full;		/* ns: when the bucket will be full again */
};

/* Time from which the next packet may leave, for a bucket that holds @burst ns of sending. */
static inline uint64_t uet_pace_next(const struct uet_pace *pace, uint64_t burst)
{
	return pace->full > burst ? pace->full - burst : 0;
}

/* A packet that takes @ns at the even rate leaves at @now. */
static inline void uet_pace_take(struct uet_pace *pace, uint64_t ns, uint64_t now)
{
	pace->full = uet_max_u64(pace->full, now) + ns;
}

#endif /* UET_CMS_PACE_H */
