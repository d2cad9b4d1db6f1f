/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Pseudo-random numbers for sequence starts and identifiers: small, seedable, so that a
 * simulation repeats. Not for secrets.
 */
#ifndef UET_BASE_RAND_H
#define UET_BASE_RAND_H

#include <stdint.h>

struct uet_rand {
	uint64_t state;
};

/* Start the sequence at @seed (any value). */
void uet_rand_seed(struct uet_rand *r, uint64_t seed);

/* Next 64 random bits. */
uint64_t uet_rand_u64(struct uet_rand *r);

/* Next 32 random bits. */
uint32_t uet_rand_u32(struct uet_rand *r);

#endif /* UET_BASE_RAND_H */
