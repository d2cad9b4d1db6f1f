/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Circular bitmap over packet sequence numbers: PSN p lives in bit p % 1024, so a window
 * of up to 1024 consecutive PSNs has one bit each, and moving the window moves no data.
 *
 *   bit p & 1023  =  words[(p >> 6) & 15], bit p & 63
 *
 * The bitmap does not know where the window lies: PSNs that are 1024 apart share a bit.
 * The owner rejects PSNs outside its window first, and clears bits that leave the window
 * before their successors enter it. PSNs wrap from 2^32 - 1 to 0 like the bits do.
 */
#ifndef UET_BASE_BITMAP_H
#define UET_BASE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#define UET_BITMAP_BITS  1024
#define UET_BITMAP_WORDS (UET_BITMAP_BITS / 64)

struct uet_bitmap {
	uint64_t words[UET_BITMAP_WORDS];
};

/* Index of the word that holds @psn. */
static inline uint32_t uet_bitmap_word(uint32_t psn)
{
	return psn / 64 % UET_BITMAP_WORDS;
}

/* Mask of @psn within its word. */
static inline uint64_t uet_bitmap_mask(uint32_t psn)
{
	return 1ull << psn % 64;
}

/* Make @bm empty; also its initialization. */
static inline void uet_bitmap_init(struct uet_bitmap *bm)
{
	*bm = (struct uet_bitmap){ { 0 } };
}

/* Set the bit of @psn. */
static inline void uet_bitmap_set(struct uet_bitmap *bm, uint32_t psn)
{
	bm->words[uet_bitmap_word(psn)] |= uet_bitmap_mask(psn);
}

/* Clear the bit of @psn. */
static inline void uet_bitmap_clear(struct uet_bitmap *bm, uint32_t psn)
{
	bm->words[uet_bitmap_word(psn)] &= ~uet_bitmap_mask(psn);
}

/* True if the bit of @psn is set. */
static inline bool uet_bitmap_test(const struct uet_bitmap *bm, uint32_t psn)
{
	return bm->words[uet_bitmap_word(psn)] & uet_bitmap_mask(psn);
}

/*
 * Number of consecutive set bits that start at @psn: 0 when the bit of @psn is clear, at
 * most @max, and at most UET_BITMAP_BITS (every bit is set).
 */
static inline uint32_t uet_bitmap_run(const struct uet_bitmap *bm, uint32_t psn, uint32_t max)
{
	uint32_t n = 0;

	if (max > UET_BITMAP_BITS)
		max = UET_BITMAP_BITS;
	while (n < max) {
		uint32_t at = psn + n;
		uint64_t holes = ~bm->words[uet_bitmap_word(at)] >> at % 64;

		if (holes) {
			n += (uint32_t)__builtin_ctzll(holes);
			break;
		}
		n += 64 - at % 64;
	}
	return n < max ? n : max;
}

/*
 * The 64 bits that start at @psn; bit i of the result is that of PSN @psn + i (the order
 * of a SACK bitmap). Bits beyond the owner's window are the owner's to mask.
 */
static inline uint64_t uet_bitmap_read64(const struct uet_bitmap *bm, uint32_t psn)
{
	uint64_t lo = bm->words[uet_bitmap_word(psn)];
	uint64_t hi = bm->words[uet_bitmap_word(psn + 64)];

	/* Two shifts: with psn % 64 == 0 nothing of hi is wanted, and << 64 is undefined. */
	return lo >> psn % 64 | hi << 1 << (63 - psn % 64);
}

/* Clear the bits of @count PSNs from @psn on; all bits when @count >= UET_BITMAP_BITS. */
static inline void uet_bitmap_clear_range(struct uet_bitmap *bm, uint32_t psn, uint32_t count)
{
	if (count >= UET_BITMAP_BITS) {
		uet_bitmap_init(bm);
		return;
	}
	while (count) {
		uint32_t off = psn % 64;
		uint32_t n = count < 64 - off ? count : 64 - off;

		bm->words[uet_bitmap_word(psn)] &= ~(~0ull >> (64 - n) << off);
		psn += n;
		count -= n;
	}
}

#endif /* UET_BASE_BITMAP_H */
