/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Pool of equal objects. Memory comes in chunks and is returned when the pool is
 * destroyed; taking and returning an object is a pointer exchange. Not thread safe:
 * the owner's lock protects it. In sanitizer builds free objects are poisoned.
 *
 *   chunk: [ header | object | object | ... ]     free objects form a stack
 */
#ifndef UET_BASE_POOL_H
#define UET_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct uet_pool {
	void *free;		/* stack of free objects, linked through their first word */
	void *chunks;		/* list of chunks */
	size_t size;		/* bytes per object, rounded up to 16 */
	uint32_t per_chunk;	/* objects per chunk */
	uint32_t used;		/* objects handed out */
	uint32_t total;		/* objects that exist */
	uint32_t limit;		/* most objects that may exist; 0 = no limit */
};

/*
 * Prepare @pool for objects of @size bytes (16-byte aligned), @per_chunk at a time, at
 * most @limit (0: no limit). Allocates nothing yet.
 */
void uet_pool_init(struct uet_pool *pool, size_t size, uint32_t per_chunk, uint32_t limit);

/* Allocate up front so that @count objects exist. Returns 0 or -ENOMEM. */
int uet_pool_reserve(struct uet_pool *pool, uint32_t count);

/* Take an object (contents undefined); NULL when the limit or memory is exhausted. */
void *uet_pool_get(struct uet_pool *pool);

/* Return @obj, which came from this pool. */
void uet_pool_put(struct uet_pool *pool, void *obj);

/* Free all memory. Every object must have been returned, or is abandoned knowingly. */
void uet_pool_destroy(struct uet_pool *pool);

#endif /* UET_BASE_POOL_H */
