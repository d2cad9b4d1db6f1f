/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A token bucket that spreads a window over the round trip: what is sent may be ahead of an even
 * rate by one burst. Kept in time instead of tokens, so that it needs no updates of its own. Once
 * empty it stays shut until it is half full: packets shall leave in bursts, not one by one.
 * Private to cms/.
 */
#ifndef UET_CMS_PACE_H
#define UET_CMS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

struct uet_pace {
	uint64_t full;		/* ns: when the bucket will be full again */
	bool shut;
};

/*
 * May a packet leave at @now, with a bucket that holds @burst ns of sending? Returns 0 if so,
 * else the time from which it may.
 */
static inline uint64_t uet_pace_check(struct uet_pace *pace, uint64_t burst, uint64_t now)
{
	uint64_t ahead = pace->full > now ? pace->full - now : 0;

	pace->shut = ahead > (pace->shut ? burst / 2 : burst);
	return pace->shut ? pace->full - burst / 2 : 0;
}

/* A packet that takes @ns at the even rate leaves at @now. */
static inline void uet_pace_take(struct uet_pace *pace, uint64_t ns, uint64_t now)
{
	pace->full = uet_max_u64(pace->full, now) + ns;
}

#endif /* UET_CMS_PACE_H */
