/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table behind an address vector: names under small indices, and found by who sends.
 *
 *   chunks: [ 1024 entries ] [ 1024 entries ] ...      entries do not move
 *   used:   one bit per entry; the lowest free index is given out first
 *   hash:   open addressing with linear probing over {host, initiator}; holds index + 1
 *
 * Names of the same sender keep the order of their insertion in the hash: the first wins.
 * Not thread safe: the owner's lock protects it.
 */
#ifndef UET_OFI_AVTABLE_H
#define UET_OFI_AVTABLE_H

#include "ofi/ofi.h"

#define UET_AV_NONE UINT32_MAX

struct uet_av_entry {
	struct uet_name name;
	uint32_t refs;			/* insertions of the same name; 0: free */
	/* Reported as the source of messages. Aligned so that it needs no gap. */
	uint64_t user_id __attribute__((packed, aligned(4)));
};

struct uet_avtable {
	struct uet_av_entry **chunks;
	uint32_t chunk_cnt;
	uint32_t count;			/* entries in use */
	uint64_t *used;			/* bitmap over all chunks */
	uint32_t lowest;		/* no free index is below */
	uint32_t *hash;
	uint32_t hash_mask;
};

/* Prepare an empty table. Returns 0 or -FI_ENOMEM. */
int uet_avtable_init(struct uet_avtable *t);

/* Free all memory. */
void uet_avtable_destroy(struct uet_avtable *t);

/*
 * Index of @name, with one more reference if it is there already, else at the lowest free
 * index with user_id = index; *@fresh tells which. UET_AV_NONE when out of memory.
 */
uint32_t uet_avtable_insert(struct uet_avtable *t, const struct uet_name *name, bool *fresh);

/* Drop a reference of entry @index, which exists; the entry goes with the last one. */
void uet_avtable_remove(struct uet_avtable *t, uint32_t index);

/*
 * Make entry @index (< 2^30) be @name with @refs references, whatever it was before; it keeps its
 * user_id if the name stays. Returns false when out of memory.
 */
bool uet_avtable_place(struct uet_avtable *t, uint32_t index, const struct uet_name *name,
		       uint32_t refs);

/* Let there be no entry @index, whatever its references. */
void uet_avtable_clear(struct uet_avtable *t, uint64_t index);

/* Entry @index; NULL if there is none. Valid until it is removed. */
struct uet_av_entry *uet_avtable_get(const struct uet_avtable *t, uint64_t index);

/* The first entry that sends as @initiator from @host (its port does not matter); or NULL. */
struct uet_av_entry *uet_avtable_find(const struct uet_avtable *t, const struct uet_addr *host,
				      uint32_t initiator);

#endif /* UET_OFI_AVTABLE_H */
