/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The functions of <string.h> that the core calls, in place of the C library's, which have as
 * many forms as there are processors and releases, and instructions accordingly. Long copies
 * are payload: it is the cost of a message that matters here, not of its bytes.
 *
 * Include once per test program.
 */
#ifndef UET_TEST_PERF_MEM_H
#define UET_TEST_PERF_MEM_H

#include <stddef.h>
#include <stdint.h>

#define MEM_COUNTED	256u	/* bytes: longer copies are not counted */

#if defined(__clang__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEM_OWN	0	/* not measured, and the library's functions have to stay */
#else
#define MEM_OWN	1
#endif

#define MEM_FN	__attribute__((used, noinline, optimize("no-tree-loop-distribute-patterns")))

typedef uint64_t mem_word __attribute__((aligned(1), may_alias));
typedef uint64_t mem_vec __attribute__((vector_size(16), aligned(1), may_alias));

static inline void mem_copy(char *d, const char *s, size_t n)
{
	size_t i = 0;

	if (n < 16) {
		for (; i + 8 <= n; i += 8)
			*(mem_word *)(d + i) = *(const mem_word *)(s + i);
		for (; i < n; i++)
			d[i] = s[i];
		return;
	}
	for (; i + 16 < n; i += 16)
		*(mem_vec *)(d + i) = *(const mem_vec *)(s + i);
	*(mem_vec *)(d + n - 16) = *(const mem_vec *)(s + n - 16);
}

#if MEM_OWN

/* The compiler knows the real names, and what <string.h> makes of them, too well. */
void *mem_memcpy(void *dst, const void *src, size_t n) __asm__("memcpy");
void *mem_memmove(void *dst, const void *src, size_t n) __asm__("memmove");
void *mem_memset(void *dst, int c, size_t n) __asm__("memset");
int mem_memcmp(const void *a, const void *b, size_t n) __asm__("memcmp");
void *mem_memcpy_chk(void *dst, const void *src, size_t n, size_t room) __asm__("__memcpy_chk");
void *mem_memset_chk(void *dst, int c, size_t n, size_t room) __asm__("__memset_chk");

static MEM_FN void gate_copy(char *d, const char *s, size_t n)
{
	mem_copy(d, s, n);
}

MEM_FN void *mem_memcpy(void *dst, const void *src, size_t n)
{
	if (n > MEM_COUNTED)
		gate_copy(dst, src, n);
	else
		mem_copy(dst, src, n);
	return dst;
}

MEM_FN void *mem_memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
	if (n > room)
		__builtin_trap();
	return mem_memcpy(dst, src, n);
}

MEM_FN void *mem_memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return mem_memcpy(dst, src, n);
	while (n--)
		d[n] = s[n];
	return dst;
}

MEM_FN void *mem_memset(void *dst, int c, size_t n)
{
	uint64_t word = (uint8_t)c * 0x0101010101010101ull;
	mem_vec v = { word, word };
	char *d = dst;
	size_t i = 0;

	if (n < 16) {
		for (; i < n; i++)
			d[i] = (char)c;
		return dst;
	}
	for (; i + 16 < n; i += 16)
		*(mem_vec *)(d + i) = v;
	*(mem_vec *)(d + n - 16) = v;
	return dst;
}

MEM_FN void *mem_memset_chk(void *dst, int c, size_t n, size_t room)
{
	if (n > room)
		__builtin_trap();
	return mem_memset(dst, c, n);
}

MEM_FN int mem_memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;
	size_t i = 0;

	while (i + 8 <= n && *(const mem_word *)(p + i) == *(const mem_word *)(q + i))
		i += 8;
	for (; i < n; i++)
		if (p[i] != q[i])
			return p[i] - q[i];
	return 0;
}

#endif /* MEM_OWN */
#endif /* UET_TEST_PERF_MEM_H */
