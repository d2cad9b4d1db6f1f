/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/pool.h"

#include <errno.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif

#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define poison(p, n)	__asan_poison_memory_region(p, n)
#define unpoison(p, n)	__asan_unpoison_memory_region(p, n)
#else
#define poison(p, n)	((void)(p), (void)(n))
#define unpoison(p, n)	((void)(p), (void)(n))
#endif

#define OBJ_ALIGN	16
#define CHUNK_ALIGN	64	/* a cache line: objects of whole lines stay on whole lines */

struct chunk {
	_Alignas(CHUNK_ALIGN) struct chunk *next;
	size_t bytes;		/* of the objects that follow */
};

/* Free objects are poisoned except while the pool itself touches their link. */
static void push(struct uet_pool *pool, void *obj)
{
	*(void **)obj = pool->free;
	pool->free = obj;
	poison(obj, pool->size);
}

void uet_pool_init(struct uet_pool *pool, size_t size, uint32_t per_chunk, uint32_t limit)
{
	/* A size that overflows becomes one that no allocation can satisfy. */
	if (size > SIZE_MAX - OBJ_ALIGN)
		size = SIZE_MAX - OBJ_ALIGN;
	if (size == 0)
		size = 1;
	*pool = (struct uet_pool){
		.size = (size + OBJ_ALIGN - 1) / OBJ_ALIGN * OBJ_ALIGN,
		.per_chunk = per_chunk ? per_chunk : 1,
		.limit = limit,
	};
}

/* Add one chunk, smaller than usual where the limit is near. Returns 0 or -ENOMEM. */
static int grow(struct uet_pool *pool)
{
	uint32_t room = (pool->limit ? pool->limit : UINT32_MAX) - pool->total;
	uint32_t n = pool->per_chunk < room ? pool->per_chunk : room;
	struct chunk *chunk;
	size_t bytes, all;
	char *obj;
	void *mem;

	if (n == 0)
		return -ENOMEM;
	if (__builtin_mul_overflow(pool->size, (size_t)n, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*chunk), &all) ||
	    posix_memalign(&mem, CHUNK_ALIGN, all))
		return -ENOMEM;

	chunk = mem;
	chunk->next = pool->chunks;
	chunk->bytes = bytes;
	pool->chunks = chunk;
	pool->total += n;
	/* Last object first, so that objects are handed out in the order of addresses. */
	for (obj = (char *)(chunk + 1) + bytes; n > 0; n--) {
		obj -= pool->size;
		push(pool, obj);
	}
	return 0;
}

int uet_pool_reserve(struct uet_pool *pool, uint32_t count)
{
	if (pool->limit && count > pool->limit)
		return -ENOMEM;
	while (pool->total < count) {
		int ret = grow(pool);

		if (ret)
			return ret;
	}
	return 0;
}

void *uet_pool_get(struct uet_pool *pool)
{
	void *obj;

	if (!pool->free && grow(pool))
		return NULL;
	obj = pool->free;
	unpoison(obj, pool->size);
	pool->free = *(void **)obj;
	pool->used++;
	return obj;
}

void uet_pool_put(struct uet_pool *pool, void *obj)
{
	push(pool, obj);
	pool->used--;
}

void uet_pool_destroy(struct uet_pool *pool)
{
	struct chunk *chunk, *next;

	for (chunk = pool->chunks; chunk; chunk = next) {
		next = chunk->next;
		unpoison(chunk + 1, chunk->bytes);
		free(chunk);
	}
	pool->chunks = NULL;
	pool->free = NULL;
	pool->used = 0;
	pool->total = 0;
}
