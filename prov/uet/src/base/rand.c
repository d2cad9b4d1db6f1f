/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/rand.h"

void uet_rand_seed(struct uet_rand *r, uint64_t seed)
{
	r->state = seed;
}

/* SplitMix64 (Steele, Lea, Flood 2014): every seed is as good as any other. */
uint64_t uet_rand_u64(struct uet_rand *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t uet_rand_u32(struct uet_rand *r)
{
	return (uint32_t)(uet_rand_u64(r) >> 32);
}
