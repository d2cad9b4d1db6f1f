/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A domain's regions by key. Keys chosen by the application are taken as they are, all 64 bits.
 * Those chosen here say so in bit 48 or, the short ones, in bit 62.
 */
#include <stdlib.h>

#include "ofi/mr.h"

struct uet_mr_map {
	struct uet_mr *regions;
	uint64_t next_key;		/* where the search for a free one begins */
	uint32_t next_small;
	uint32_t small_cnt;
	struct uet_mr *small[UET_MR_KEY_SMALL + 1];	/* by optimized key */
};

struct uet_mr_map *uet_mr_map_create(void)
{
	return calloc(1, sizeof(struct uet_mr_map));
}

void uet_mr_map_destroy(struct uet_mr_map *map)
{
	free(map);
}

static struct uet_mr *find(const struct uet_mr_map *map, uint64_t key)
{
	struct uet_mr *mr;

	HASH_FIND(hh, map->regions, &key, sizeof(key), mr);
	return mr;
}

static int enter(struct uet_mr_map *map, struct uet_mr *mr)
{
	HASH_ADD(hh, map->regions, region.key, sizeof(mr->region.key), mr);
	return mr->hh.tbl ? 0 : -FI_ENOMEM;
}

int uet_mr_map_add(struct uet_mr_map *map, struct uet_mr *mr)
{
	if (mr->region.key == FI_KEY_NOTAVAIL)
		return -FI_EKEYREJECTED;
	return find(map, mr->region.key) ? -FI_ENOKEY : enter(map, mr);
}

static uint64_t flags_of(const struct uet_mr *mr)
{
	return mr->region.idempotent ? UET_MR_KEY_IDEMPOTENT : 0;
}

/* Short keys are few: the one that was given back longest ago is taken. */
static int add_small(struct uet_mr_map *map, struct uet_mr *mr)
{
	uint32_t i;
	int ret;

	if (map->small_cnt > UET_MR_KEY_SMALL)
		return -FI_ENOKEY;
	do {
		i = map->next_small++ & UET_MR_KEY_SMALL;
	} while (map->small[i]);
	mr->region.key = flags_of(mr) | UET_MR_KEY_OPTIMIZED | i;
	ret = enter(map, mr);
	if (ret)
		return ret;
	map->small[i] = mr;
	map->small_cnt++;
	return 0;
}

int uet_mr_map_add_prov(struct uet_mr_map *map, struct uet_mr *mr, bool optimized)
{
	if (optimized)
		return add_small(map, mr);
	do {
		mr->region.key = flags_of(mr) | UET_MR_KEY_PROV |
				 (map->next_key++ & UET_MR_KEY_MASK);
	} while (find(map, mr->region.key));
	return enter(map, mr);
}

void uet_mr_map_del(struct uet_mr_map *map, struct uet_mr *mr)
{
	uint32_t i = mr->region.key & UET_MR_KEY_SMALL;

	HASH_DEL(map->regions, mr);
	if (map->small[i] == mr) {
		map->small[i] = NULL;
		map->small_cnt--;
	}
}

struct uet_mr *uet_mr_map_find(const struct uet_mr_map *map, uint64_t key)
{
	struct uet_mr *mr = find(map, key);

	if (!mr && (key & ~(uint64_t)UET_MR_KEY_SMALL) == UET_MR_KEY_OPTIMIZED)
		mr = map->small[key & UET_MR_KEY_SMALL];
	return mr;
}
