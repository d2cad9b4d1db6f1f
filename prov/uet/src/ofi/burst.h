/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * When what was posted leaves. A message by itself leaves at once. Small ones to one peer that
 * follow each other closely, without a look at a queue or counter in between, are held until
 * there is such a look, or enough of them: the kernel takes a hundred nanoseconds for each
 * packet of a call, and microseconds for the call.
 *
 *   post  post  post post post ... read      time between posts < 10 us, one peer
 *   goes  goes  held held held     all go
 *
 * With automatic progress nothing is held: the application need not come back.
 */
#ifndef UET_OFI_BURST_H
#define UET_OFI_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include <rdma/fabric.h>

/* Posts since the last progress; zeroed by it. */
struct uet_burst {
	fi_addr_t dest;			/* of the last one */
	uint64_t when;			/* ns: of the last one */
	uint32_t count;			/* in quick succession to dest */
	uint32_t bytes;			/* held */
};

/*
 * An operation of @len bytes for @dest was posted at @now (ns). Returns whether the batch is to
 * be handed to the NIC; false: the next progress will do that.
 */
bool uet_burst_ends(struct uet_burst *b, fi_addr_t dest, size_t len, uint64_t now);

#endif /* UET_OFI_BURST_H */
