/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A CUDA driver inside the test program, for the loader of ofi/hmem_cuda.h. Its device memory is
 * a static arena, whose addresses the program uses as device pointers; every fault can be set.
 */
#ifndef TEST_OFI_CUDA_H
#define TEST_OFI_CUDA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/hmem_cuda.h"
#include "ofi/ofi.h"

#define CUDA_ARENA	65536
#define CUDA_CONTEXTS	80

/* What cuPointerGetAttributes says of each part of the arena. */
enum { CUDA_PART = CUDA_ARENA / 4 };

static struct {
	uint8_t arena[CUDA_ARENA];	/* device, managed, pinned host, virtual memory */
	const char *missing;		/* symbol that the library lacks */
	bool no_library;
	int devices;
	int opened, started;
	/* Error codes that the calls answer with. */
	int init, count, attributes, retain, push, stream, put, get, sync;
	int put_after;			/* good copies to the device before cuda.put */
	int depth;			/* contexts pushed and not popped */
	int puts, gets, retains, streams;
	void *ctx;			/* of the arena's first half */
} fake_cuda;

static char fake_contexts[CUDA_CONTEXTS];

static int fake_init(unsigned int flags)
{
	assert_int_equal(flags, 0);
	fake_cuda.started++;
	return fake_cuda.init;
}

static int fake_count(int *count)
{
	*count = fake_cuda.devices;
	return fake_cuda.count;
}

static int fake_device(int *device, int ordinal)
{
	*device = ordinal + 10;
	return 0;
}

static int fake_error_name(int error, const char **name)
{
	*name = "FAKE_ERROR";
	return error == 1 ? 1 : 0;
}

static int fake_attributes(unsigned int cnt, int *attributes, void **data,
			   unsigned long long ptr)
{
	uintptr_t at = (uintptr_t)ptr - (uintptr_t)fake_cuda.arena;
	unsigned int i, part = at < CUDA_ARENA ? (unsigned int)(at / CUDA_PART) : 9;

	for (i = 0; i < cnt; i++) {
		if (attributes[i] == 1)
			*(void **)data[i] = part <= 1 ? fake_cuda.ctx : NULL;
		else if (attributes[i] == 2)
			*(unsigned int *)data[i] = part == 0 || part == 3 ? 2 : part <= 2 ? 1 : 0;
		else if (attributes[i] == 8)
			*(unsigned char *)data[i] = part == 1;
		else
			*(int *)data[i] = part == 9 ? -2 : 0;
	}
	return fake_cuda.attributes;
}

static int fake_retain(void **ctx, int device)
{
	assert_int_equal(device, 10);
	fake_cuda.retains++;
	*ctx = &fake_contexts[CUDA_CONTEXTS - 1];
	return fake_cuda.retain;
}

static int fake_push(void *ctx)
{
	assert_non_null(ctx);
	if (!fake_cuda.push)
		fake_cuda.depth++;
	return fake_cuda.push;
}

static int fake_pop(void **ctx)
{
	*ctx = NULL;
	fake_cuda.depth--;
	return 0;
}

static int fake_stream(void **stream, unsigned int flags)
{
	assert_int_equal(flags, 1);
	assert_int_equal(fake_cuda.depth, 1);
	*stream = &fake_contexts[0] + fake_cuda.streams++ + 1;
	return fake_cuda.stream;
}

static int fake_sync(void *stream)
{
	assert_non_null(stream);
	return fake_cuda.sync;
}

static int fake_put(unsigned long long dst, const void *src, size_t n, void *stream)
{
	assert_int_equal(fake_cuda.depth, 1);
	assert_non_null(stream);
	fake_cuda.puts++;
	if (fake_cuda.put && fake_cuda.puts > fake_cuda.put_after)
		return fake_cuda.put;
	memcpy((void *)(uintptr_t)dst, src, n);
	return 0;
}

static int fake_get(void *dst, unsigned long long src, size_t n, void *stream)
{
	assert_int_equal(fake_cuda.depth, 1);
	assert_non_null(stream);
	fake_cuda.gets++;
	if (!fake_cuda.get)
		memcpy(dst, (const void *)(uintptr_t)src, n);
	return fake_cuda.get;
}

static const struct {
	const char *name;
	void *function;
} fake_symbols[] = {
	{ "cuInit", fake_init },
	{ "cuDeviceGetCount", fake_count },
	{ "cuDeviceGet", fake_device },
	{ "cuGetErrorName", fake_error_name },
	{ "cuPointerGetAttributes", fake_attributes },
	{ "cuDevicePrimaryCtxRetain", fake_retain },
	{ "cuCtxPushCurrent_v2", fake_push },
	{ "cuCtxPopCurrent_v2", fake_pop },
	{ "cuStreamCreate", fake_stream },
	{ "cuStreamSynchronize", fake_sync },
	{ "cuMemcpyHtoDAsync_v2", fake_put },
	{ "cuMemcpyDtoHAsync_v2", fake_get },
};

static void *fake_open(const char *name)
{
	assert_string_equal(name, "libcuda.so.1");
	fake_cuda.opened++;
	return fake_cuda.no_library ? NULL : &fake_cuda;
}

static void *fake_symbol(void *library, const char *name)
{
	size_t i;

	assert_ptr_equal(library, &fake_cuda);
	if (fake_cuda.missing && strcmp(fake_cuda.missing, name) == 0)
		return NULL;
	for (i = 0; i < UET_ARRAY_SIZE(fake_symbols); i++)
		if (strcmp(fake_symbols[i].name, name) == 0)
			return fake_symbols[i].function;
	fail_msg("%s is none of the functions that are expected", name);
	return NULL;
}

/* A driver that works, with one device, not loaded yet. */
static inline void fake_cuda_reset(void)
{
	memset(&fake_cuda, 0, sizeof(fake_cuda));
	fake_cuda.devices = 1;
	fake_cuda.ctx = &fake_contexts[0];
	uet_cuda_loader.open = fake_open;
	uet_cuda_loader.symbol = fake_symbol;
	uet_cuda_forget();
}

/* An address in memory of the kinds above. */
static inline uint8_t *fake_cuda_at(int part, size_t offset)
{
	return fake_cuda.arena + part * CUDA_PART + offset;
}

#define FAKE_DEVICE	0
#define FAKE_MANAGED	1
#define FAKE_PINNED	2
#define FAKE_VIRTUAL	3

#endif /* TEST_OFI_CUDA_H */
