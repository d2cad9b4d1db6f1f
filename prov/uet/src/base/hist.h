/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A histogram with logarithmic buckets: how often a value was seen, to a factor of two.
 *
 *   bucket   0    1    2     3     ...   n            ...   last
 *   values   0    1    2-3   4-7         2^(n-1) ..         all that is larger
 */
#ifndef UET_BASE_HIST_H
#define UET_BASE_HIST_H

#include <stdint.h>

#define UET_HIST_BUCKETS 24

struct uet_hist {
	uint64_t count[UET_HIST_BUCKETS];
};

/* The bucket of @value. */
static inline unsigned int uet_hist_bucket(uint64_t value)
{
	unsigned int bits = value ? 64 - (unsigned int)__builtin_clzll(value) : 0;

	return bits < UET_HIST_BUCKETS ? bits : UET_HIST_BUCKETS - 1;
}

/* One more @value. */
static inline void uet_hist_add(struct uet_hist *h, uint64_t value)
{
	h->count[uet_hist_bucket(value)]++;
}

/* The smallest value that @bucket counts. */
static inline uint64_t uet_hist_from(unsigned int bucket)
{
	return bucket ? 1ull << (bucket - 1) : 0;
}

/* How many values there are. */
static inline uint64_t uet_hist_total(const struct uet_hist *h)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < UET_HIST_BUCKETS; i++)
		total += h->count[i];
	return total;
}

/*
 * The bucket in which the @permille-th (0 .. 1000) of all values lies when they are sorted, the
 * smallest being the 0th; 0 if there are none.
 */
static inline unsigned int uet_hist_quantile(const struct uet_hist *h, unsigned int permille)
{
	uint64_t total = uet_hist_total(h), rank = 0, below = 0;
	unsigned int i;

	if (!total)
		return 0;
	rank = (total - 1) / 1000 * permille + (total - 1) % 1000 * permille / 1000;
	for (i = 0; i < UET_HIST_BUCKETS - 1; i++) {
		below += h->count[i];
		if (below > rank)
			break;
	}
	return i;
}

#endif /* UET_BASE_HIST_H */
