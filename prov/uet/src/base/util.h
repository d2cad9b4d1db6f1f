/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Small macros that every floor uses. Nothing here knows of UET or libfabric.
 */
#ifndef UET_BASE_UTIL_H
#define UET_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define uet_container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define uet_likely(x)	__builtin_expect(!!(x), 1)
#define uet_unlikely(x)	__builtin_expect(!!(x), 0)

/* On paths that every packet takes: worth its place twice, or none in the midst of others. */
#define uet_always_inline	inline __attribute__((always_inline))
#define uet_noinline		__attribute__((noinline))

#define UET_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define UET_NSEC_PER_USEC 1000ull
#define UET_NSEC_PER_MSEC 1000000ull
#define UET_NSEC_PER_SEC  1000000000ull

/* "Never": a deadline that does not come. */
#define UET_TIME_NEVER UINT64_MAX

/* Clear @n bytes at @p, a constant number: a few stores, where compilers make slow loops. */
static inline void uet_clear(void *p, size_t n)
{
	char *at = (char *)p;
	size_t i;

	for (i = 0; i + 64 <= n; i += 64)
		memset(at + i, 0, 64);
	if (n % 64)
		memset(at + n / 64 * 64, 0, n % 64);
}

static inline uint64_t uet_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t uet_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif /* UET_BASE_UTIL_H */
