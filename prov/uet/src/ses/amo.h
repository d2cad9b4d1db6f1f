/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Atomic operations on memory, UEC Tables 3-21 and 3-22: pure functions, host byte order.
 *
 * What is atomic against what: elements of 1, 2, 4 and 8 bytes, FLOAT_COMPLEX excepted, are
 * changed by the CPU's own atomic instructions, so also against atomic accesses of the
 * application. All others (FLOAT_COMPLEX, DOUBLE_COMPLEX, LONG_DOUBLE, 128-bit integers) are
 * changed under one lock of the process, so against operations that come through uet only.
 */
#ifndef UET_SES_AMO_H
#define UET_SES_AMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ses.h"

#define UET_AMO_SIZE_MAX 32	/* bytes of the largest type */

/* Bytes per element of enum uet_amo_type @type; 0: not supported. */
size_t uet_amo_size(uint8_t type);

/* Alignment that an element of @type must have in memory. */
size_t uet_amo_align(uint8_t type);

/* True for the operations that take compare values (for MSWAP: the mask). */
bool uet_amo_is_compare(uint8_t op);

/*
 * Does enum uet_amo_op @op make sense on @type, in the form that has a result (@fetch) and
 * compare values (@compare)?  READ needs a result; the operations of uet_amo_is_compare need
 * compare values and the others must not have them; bitwise ones want integers, ordered ones no
 * complex numbers. INVAL is never valid.
 */
bool uet_amo_valid(uint8_t op, uint8_t type, bool fetch, bool compare);

/*
 * Apply @op to @count elements at @target, which has the alignment of uet_amo_align. @operand
 * (not for READ), @compare (only with uet_amo_is_compare) and @result (NULL: not wanted; gets
 * the old values) may lie anywhere. The combination must be valid. MSWAP is that of Table 3-21:
 * target = (target & compare) ^ operand. Integers wrap; floating point rounds to nearest.
 */
void uet_amo_apply(uint8_t op, uint8_t type, void *target, const void *operand,
		   const void *compare, void *result, size_t count);

/*
 * As uet_amo_apply, for memory to which no instruction reaches: under the lock, call @get,
 * operate on its copy and, unless @op only reads, call @put. Both get @arg and the room for
 * @count elements and return 0 or a negative errno, which ends it and is returned.
 */
int uet_amo_apply_remote(uint8_t op, uint8_t type, int (*get)(void *arg, void *room),
			 int (*put)(void *arg, const void *room), void *arg, void *room,
			 const void *operand, const void *compare, void *result, size_t count);

/*
 * Copy @count elements of @type from @src to @dst (not overlapping), from host order to that of
 * the wire or back: each number big-endian, the two of a complex one by one.
 */
void uet_amo_swap(uint8_t type, void *dst, const void *src, size_t count);

#endif /* UET_SES_AMO_H */
