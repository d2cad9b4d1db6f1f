/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/burst.h"

/* Posts further apart than this do not belong together (includes the system call of one). */
#define BURST_GAP 10000u
/* So many leave at once: a pair of messages before a computation is not the start of a stream. */
#define BURST_AT_ONCE 2u
/* What the kernel takes in one call; more would only leave the receiver idle. */
#define BURST_BYTES 60000u

bool uet_burst_ends(struct uet_burst *b, fi_addr_t dest, size_t len, uint64_t now)
{
	bool follows = b->count && b->dest == dest && now - b->when < BURST_GAP;

	b->dest = dest;
	b->when = now;
	b->count = follows ? b->count + 1 : 1;
	if (b->count <= BURST_AT_ONCE || len >= BURST_BYTES - b->bytes) {
		b->bytes = 0;
		return true;
	}
	b->bytes += (uint32_t)len;
	return false;
}
