/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "nic/stamp.h"

#include "base/util.h"

/* A jump is what no drift and hardly any pause between two reads explains. */
#define JUMP (50 * (int64_t)UET_NSEC_PER_USEC)

void uet_stamps_read(struct uet_stamps *s, uint64_t wall, uint64_t now)
{
	int64_t offset = (int64_t)(wall - now), moved = offset - s->offset;

	if (!s->now || moved > JUMP || moved < -JUMP)
		s->since = now;
	s->offset = offset;
	s->now = now;
}

uint64_t uet_stamps_when(const struct uet_stamps *s, uint64_t wall)
{
	uint64_t when = wall - (uint64_t)s->offset;

	return when >= s->since && when <= s->now ? when : 0;
}
