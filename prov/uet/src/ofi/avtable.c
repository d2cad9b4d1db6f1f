/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/avtable.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK		1024u		/* entries, a multiple of 64 */
#define WORDS		(CHUNK / 64)	/* of the bitmap, per chunk */
#define MAX_CHUNKS	(1u << 20)	/* 2^30 entries: the hash has twice as many places */
#define FIRST_HASH	64u

/* With its two places in the hash that makes 60 bytes when the table is full. */
_Static_assert(sizeof(struct uet_av_entry) == 52, "entries have no gaps");

int uet_avtable_init(struct uet_avtable *t)
{
	*t = (struct uet_avtable){ .hash_mask = FIRST_HASH - 1 };
	t->hash = calloc(FIRST_HASH, sizeof(*t->hash));
	return t->hash ? 0 : -FI_ENOMEM;
}

void uet_avtable_destroy(struct uet_avtable *t)
{
	uint32_t i;

	for (i = 0; i < t->chunk_cnt; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->used);
	free(t->hash);
}

static struct uet_av_entry *entry_at(const struct uet_avtable *t, uint32_t index)
{
	return &t->chunks[index / CHUNK][index % CHUNK];
}

struct uet_av_entry *uet_avtable_get(const struct uet_avtable *t, uint64_t index)
{
	struct uet_av_entry *entry;

	if (index >= (uint64_t)t->chunk_cnt * CHUNK)
		return NULL;
	entry = entry_at(t, (uint32_t)index);
	return entry->refs ? entry : NULL;
}

/* ---- the hash ---- */

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint32_t home(const struct uet_avtable *t, const struct uet_addr *host, uint32_t initiator)
{
	uint64_t ip[2];
	uint64_t h;

	memcpy(ip, host->ip, sizeof(ip));
	h = mix(ip[0]);
	h = mix(h ^ ip[1]);
	h = mix(h ^ ((uint64_t)host->zone << 32 | initiator));
	return (uint32_t)h & t->hash_mask;
}

static uint32_t home_of(const struct uet_avtable *t, uint32_t index)
{
	const struct uet_name *name = &entry_at(t, index)->name;

	return home(t, &name->addr, name->initiator);
}

static void hash_put(struct uet_avtable *t, uint32_t index)
{
	uint32_t i = home_of(t, index);

	while (t->hash[i])
		i = (i + 1) & t->hash_mask;
	t->hash[i] = index + 1;
}

/* Close the gap that taking @index out leaves, so that every probe still ends where it must. */
static void hash_del(struct uet_avtable *t, uint32_t index)
{
	uint32_t mask = t->hash_mask;
	uint32_t gap = home_of(t, index);
	uint32_t i;

	while (t->hash[gap] != index + 1)
		gap = (gap + 1) & mask;
	for (i = (gap + 1) & mask; t->hash[i]; i = (i + 1) & mask) {
		/* May move back only if its own place is not between gap and here. */
		if (((i - home_of(t, t->hash[i] - 1)) & mask) < ((i - gap) & mask))
			continue;
		t->hash[gap] = t->hash[i];
		gap = i;
	}
	t->hash[gap] = 0;
}

/* Double the hash. Starting behind a free place keeps the order of equal senders. */
static int hash_grow(struct uet_avtable *t)
{
	uint32_t *old = t->hash;
	uint32_t old_mask = t->hash_mask;
	uint32_t start = 0;
	uint32_t i;

	t->hash = calloc(2 * ((size_t)old_mask + 1), sizeof(*t->hash));
	if (!t->hash) {
		t->hash = old;
		return -FI_ENOMEM;
	}
	t->hash_mask = 2 * old_mask + 1;
	while (old[start])
		start++;
	for (i = start + 1; i <= start + old_mask; i++)
		if (old[i & old_mask])
			hash_put(t, old[i & old_mask] - 1);
	free(old);
	return 0;
}

struct uet_av_entry *uet_avtable_find(const struct uet_avtable *t, const struct uet_addr *host,
				      uint32_t initiator)
{
	struct uet_av_entry *entry;
	uint32_t i;

	for (i = home(t, host, initiator); t->hash[i]; i = (i + 1) & t->hash_mask) {
		entry = entry_at(t, t->hash[i] - 1);
		if (entry->name.initiator == initiator &&
		    uet_addr_same_host(&entry->name.addr, host))
			return entry;
	}
	return NULL;
}

static bool same_name(const struct uet_name *a, const struct uet_name *b)
{
	return uet_addr_equal(&a->addr, &b->addr) && a->initiator == b->initiator &&
	       a->pid_on_fep == b->pid_on_fep && a->resource_index == b->resource_index &&
	       a->num_indices == b->num_indices && a->relative == b->relative &&
	       a->caps == b->caps;
}

static uint32_t find_name(const struct uet_avtable *t, const struct uet_name *name)
{
	uint32_t i = home(t, &name->addr, name->initiator);

	for (; t->hash[i]; i = (i + 1) & t->hash_mask)
		if (same_name(&entry_at(t, t->hash[i] - 1)->name, name))
			return t->hash[i] - 1;
	return UET_AV_NONE;
}

/* ---- indices ---- */

static int add_chunk(struct uet_avtable *t)
{
	struct uet_av_entry **chunks;
	uint64_t *used;

	if (t->chunk_cnt == MAX_CHUNKS)
		return -FI_ENOMEM;
	chunks = realloc(t->chunks, (t->chunk_cnt + 1) * sizeof(*chunks));
	if (!chunks)
		return -FI_ENOMEM;
	t->chunks = chunks;
	used = realloc(t->used, (t->chunk_cnt + 1) * WORDS * sizeof(*used));
	if (!used)
		return -FI_ENOMEM;
	t->used = used;
	chunks[t->chunk_cnt] = calloc(CHUNK, sizeof(**chunks));
	if (!chunks[t->chunk_cnt])
		return -FI_ENOMEM;
	memset(&used[t->chunk_cnt * WORDS], 0, WORDS * sizeof(*used));
	t->chunk_cnt++;
	return 0;
}

/* The lowest free index; UET_AV_NONE when there is no memory for one more. */
static uint32_t lowest_free(struct uet_avtable *t)
{
	uint32_t word = t->lowest / 64;

	while (word < t->chunk_cnt * WORDS && t->used[word] == UINT64_MAX)
		word++;
	if (word == t->chunk_cnt * WORDS && add_chunk(t))
		return UET_AV_NONE;
	t->lowest = word * 64 + (uint32_t)__builtin_ctzll(~t->used[word]);
	return t->lowest;
}

/* Use entry @index, which is free. */
static void fill(struct uet_avtable *t, uint32_t index, const struct uet_name *name,
		 uint32_t refs)
{
	*entry_at(t, index) = (struct uet_av_entry){
		.name = *name, .refs = refs, .user_id = index,
	};
	t->used[index / 64] |= 1ull << (index % 64);
	t->count++;
	hash_put(t, index);
}

uint32_t uet_avtable_insert(struct uet_avtable *t, const struct uet_name *name, bool *fresh)
{
	uint32_t index = find_name(t, name);

	*fresh = index == UET_AV_NONE;
	if (!*fresh) {
		entry_at(t, index)->refs++;
		return index;
	}
	if (2 * (uint64_t)t->count > t->hash_mask && hash_grow(t))
		return UET_AV_NONE;
	index = lowest_free(t);
	if (index == UET_AV_NONE)
		return UET_AV_NONE;
	fill(t, index, name, 1);
	return index;
}

void uet_avtable_remove(struct uet_avtable *t, uint32_t index)
{
	struct uet_av_entry *entry = entry_at(t, index);

	if (--entry->refs)
		return;
	hash_del(t, index);
	t->used[index / 64] &= ~(1ull << (index % 64));
	t->count--;
	if (index < t->lowest)
		t->lowest = index;
}

bool uet_avtable_place(struct uet_avtable *t, uint32_t index, const struct uet_name *name,
		       uint32_t refs)
{
	struct uet_av_entry *entry = uet_avtable_get(t, index);

	if (entry && same_name(&entry->name, name)) {
		entry->refs = refs;
		return true;
	}
	uet_avtable_clear(t, index);
	if (2 * (uint64_t)t->count > t->hash_mask && hash_grow(t))
		return false;
	while (index / CHUNK >= t->chunk_cnt)
		if (add_chunk(t))
			return false;
	fill(t, index, name, refs);
	return true;
}

void uet_avtable_clear(struct uet_avtable *t, uint64_t index)
{
	struct uet_av_entry *entry = uet_avtable_get(t, index);

	if (!entry)
		return;
	entry->refs = 1;
	uet_avtable_remove(t, (uint32_t)index);
}
