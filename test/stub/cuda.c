/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A CUDA driver library without a device, for tests. It has the names and types of the real
 * one, and is as strict as that: device memory cannot be touched by the CPU (its pages are
 * protected, and the copy functions use another mapping of them), copies need a current
 * context, and an asynchronous copy happens when its stream is synchronised, not earlier.
 *
 * Environment, read when it matters:
 *   STUB_CUDA_DEVICES=N     how many devices there are (1)
 *   STUB_CUDA_INIT=E        cuInit fails with error E
 *   STUB_CUDA_FAIL_PUT=N    the Nth copy to a device from now on fails, and those after it
 *   STUB_CUDA_FAIL_GET=N    the same for copies from a device
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

#define MAX_DEVICES	8
#define MAX_BLOCKS	256
#define MAX_QUEUED	64
#define MAX_STREAMS	256

enum {
	OK = 0,
	INVALID_VALUE = 1,
	OUT_OF_MEMORY = 2,
	NOT_INITIALIZED = 3,
	INVALID_DEVICE = 101,
	INVALID_CONTEXT = 201,
	INVALID_HANDLE = 400,
	LAUNCH_FAILED = 719,
};

enum kind { DEVICE, MANAGED, VIRTUAL, HOST };

struct context {
	int device;
	int reset;		/* times that the device was reset */
};

struct block {
	enum kind kind;
	char *base;		/* what the application has */
	char *shadow;		/* the same bytes, for the copy functions */
	size_t size;
	struct context *ctx;
};

struct queued {
	char *dst;
	const char *src;
	size_t n;
};

struct stream {
	struct context *ctx;
	int reset;
	struct queued queue[MAX_QUEUED];
	int count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int initialized;
static struct context contexts[MAX_DEVICES];
static struct block blocks[MAX_BLOCKS];
static struct stream streams[MAX_STREAMS];	/* never destroyed by the provider */
static int stream_count;
static _Thread_local struct context *stack[16];
static _Thread_local int depth;

static long number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 0) : otherwise;
}

static int devices(void)
{
	long n = number("STUB_CUDA_DEVICES", 1);

	return n > MAX_DEVICES ? MAX_DEVICES : (int)n;
}

/* Count down the environment's number; true from the moment on that it has come to one. */
static int fails(const char *name)
{
	long left = number(name, 0);
	char text[32];

	if (left > 1) {
		snprintf(text, sizeof(text), "%ld", left - 1);
		setenv(name, text, 1);
	}
	return left == 1;
}

PUBLIC int cuInit(unsigned int flags);
PUBLIC int cuInit(unsigned int flags)
{
	long error = number("STUB_CUDA_INIT", 0);
	int i;

	if (flags)
		return INVALID_VALUE;
	if (error)
		return (int)error;
	for (i = 0; i < MAX_DEVICES; i++)
		contexts[i].device = i;
	initialized = 1;
	return OK;
}

PUBLIC int cuDeviceGetCount(int *count);
PUBLIC int cuDeviceGetCount(int *count)
{
	if (!initialized)
		return NOT_INITIALIZED;
	*count = devices();
	return OK;
}

PUBLIC int cuDeviceGet(int *device, int ordinal);
PUBLIC int cuDeviceGet(int *device, int ordinal)
{
	if (ordinal < 0 || ordinal >= devices())
		return INVALID_DEVICE;
	*device = ordinal;
	return OK;
}

PUBLIC int cuGetErrorName(int error, const char **name);
PUBLIC int cuGetErrorName(int error, const char **name)
{
	*name = "STUB_CUDA_ERROR";
	return error ? OK : INVALID_VALUE;
}

/* ---- contexts ---- */

PUBLIC int cuDevicePrimaryCtxRetain(void **ctx, int device);
PUBLIC int cuDevicePrimaryCtxRetain(void **ctx, int device)
{
	if (device < 0 || device >= devices())
		return INVALID_DEVICE;
	*ctx = &contexts[device];
	return OK;
}

/* Streams of the context are gone; memory stays, which is kinder than the real one. */
PUBLIC int cuDevicePrimaryCtxReset_v2(int device);
PUBLIC int cuDevicePrimaryCtxReset_v2(int device)
{
	contexts[device].reset++;
	return OK;
}

PUBLIC int cuCtxPushCurrent_v2(void *ctx);
PUBLIC int cuCtxPushCurrent_v2(void *ctx)
{
	if (!ctx || depth == 16)
		return INVALID_CONTEXT;
	stack[depth++] = ctx;
	return OK;
}

PUBLIC int cuCtxPopCurrent_v2(void **ctx);
PUBLIC int cuCtxPopCurrent_v2(void **ctx)
{
	if (!depth)
		return INVALID_CONTEXT;
	*ctx = stack[--depth];
	return OK;
}

static struct context *current(void)
{
	return depth ? stack[depth - 1] : NULL;
}

/* ---- memory ---- */

static int make_block(struct block *b, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t whole = (size + page - 1) / page * page;
	int fd = memfd_create("stub-cuda", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)whole))
		abort();
	b->base = mmap(NULL, whole, PROT_NONE, MAP_SHARED, fd, 0);
	b->shadow = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (b->base == MAP_FAILED || b->shadow == MAP_FAILED)
		abort();
	b->size = whole;
	return OK;
}

static int alloc(void **ptr, size_t size, enum kind kind, struct context *ctx)
{
	struct block *b;
	int i, ret = OUT_OF_MEMORY;

	if (!size)
		return INVALID_VALUE;
	pthread_mutex_lock(&mutex);
	for (i = 0; i < MAX_BLOCKS && ret; i++) {
		b = &blocks[i];
		if (b->base)
			continue;
		b->kind = kind;
		b->ctx = ctx;
		b->size = size;
		if (kind == HOST)
			b->base = b->shadow = malloc(size);
		ret = kind == HOST ? OK : make_block(b, size);
		*ptr = b->base;
	}
	pthread_mutex_unlock(&mutex);
	return ret;
}

PUBLIC int cuMemAlloc_v2(unsigned long long *ptr, size_t size);
PUBLIC int cuMemAlloc_v2(unsigned long long *ptr, size_t size)
{
	void *p = NULL;
	int ret = current() ? alloc(&p, size, DEVICE, current()) : INVALID_CONTEXT;

	*ptr = (uintptr_t)p;
	return ret;
}

PUBLIC int cuMemAllocManaged(unsigned long long *ptr, size_t size, unsigned int flags);
PUBLIC int cuMemAllocManaged(unsigned long long *ptr, size_t size, unsigned int flags)
{
	void *p = NULL;
	int ret = current() ? alloc(&p, size, MANAGED, current()) : INVALID_CONTEXT;

	(void)flags;
	*ptr = (uintptr_t)p;
	return ret;
}

PUBLIC int cuMemAllocHost_v2(void **ptr, size_t size);
PUBLIC int cuMemAllocHost_v2(void **ptr, size_t size)
{
	return current() ? alloc(ptr, size, HOST, current()) : INVALID_CONTEXT;
}

/* Not in the real library: memory as cuMemCreate and cuMemMap give it, without a context. */
PUBLIC int stubMemAllocVirtual(unsigned long long *ptr, size_t size);
PUBLIC int stubMemAllocVirtual(unsigned long long *ptr, size_t size)
{
	void *p = NULL;
	int ret = alloc(&p, size, VIRTUAL, NULL);

	*ptr = (uintptr_t)p;
	return ret;
}

static struct block *find(const void *ptr)
{
	const char *p = ptr;
	int i;

	for (i = 0; i < MAX_BLOCKS; i++)
		if (blocks[i].base && p >= blocks[i].base && p < blocks[i].base + blocks[i].size)
			return &blocks[i];
	return NULL;
}

static int release(void *ptr)
{
	struct block *b;

	pthread_mutex_lock(&mutex);
	b = find(ptr);
	if (b && b->kind == HOST)
		free(b->base);
	else if (b) {
		munmap(b->base, b->size);
		munmap(b->shadow, b->size);
	}
	if (b)
		memset(b, 0, sizeof(*b));
	pthread_mutex_unlock(&mutex);
	return b ? OK : INVALID_VALUE;
}

PUBLIC int cuMemFree_v2(unsigned long long ptr);
PUBLIC int cuMemFree_v2(unsigned long long ptr)
{
	return release((void *)(uintptr_t)ptr);
}

PUBLIC int cuMemFreeHost(void *ptr);
PUBLIC int cuMemFreeHost(void *ptr)
{
	return release(ptr);
}

static void answer(int attribute, void *data, const struct block *b)
{
	switch (attribute) {
	case 1:
		*(void **)data = b ? b->ctx : NULL;
		break;
	case 2:
		*(unsigned int *)data = !b ? 0 : b->kind == HOST ? 1 : 2;
		break;
	case 8:
		*(unsigned char *)data = b && b->kind == MANAGED;
		break;
	case 9:
		*(int *)data = !b ? -2 : b->ctx ? b->ctx->device : 0;
		break;
	default:
		abort();
	}
}

PUBLIC int cuPointerGetAttributes(unsigned int count, int *attributes, void **data,
				  unsigned long long ptr);
PUBLIC int cuPointerGetAttributes(unsigned int count, int *attributes, void **data,
				  unsigned long long ptr)
{
	unsigned int i;

	if (!initialized)
		return NOT_INITIALIZED;
	pthread_mutex_lock(&mutex);
	for (i = 0; i < count; i++)
		answer(attributes[i], data[i], find((void *)(uintptr_t)ptr));
	pthread_mutex_unlock(&mutex);
	return OK;
}

/* ---- copies ---- */

PUBLIC int cuStreamCreate(void **stream, unsigned int flags);
PUBLIC int cuStreamCreate(void **stream, unsigned int flags)
{
	struct stream *s;

	(void)flags;
	if (!current())
		return INVALID_CONTEXT;
	pthread_mutex_lock(&mutex);
	s = stream_count < MAX_STREAMS ? &streams[stream_count++] : NULL;
	pthread_mutex_unlock(&mutex);
	if (!s)
		return OUT_OF_MEMORY;
	s->ctx = current();
	s->reset = s->ctx->reset;
	*stream = s;
	return OK;
}

static int usable(const struct stream *s)
{
	if (!current())
		return INVALID_CONTEXT;
	return s->ctx == current() && s->reset == s->ctx->reset ? OK : INVALID_HANDLE;
}

PUBLIC int cuStreamSynchronize(void *stream);
PUBLIC int cuStreamSynchronize(void *stream)
{
	struct stream *s = stream;
	int i, ret;

	pthread_mutex_lock(&mutex);
	ret = usable(s);
	for (i = 0; i < s->count && !ret; i++)
		memcpy(s->queue[i].dst, s->queue[i].src, s->queue[i].n);
	s->count = 0;
	pthread_mutex_unlock(&mutex);
	return ret;
}

/* The place of device memory [@ptr, @ptr + @n) where the CPU reaches it, or NULL. */
static char *shadow(unsigned long long ptr, size_t n)
{
	char *p = (char *)(uintptr_t)ptr;
	struct block *b = find(p);

	if (!b || n > (size_t)(b->base + b->size - p))
		return NULL;
	return b->shadow + (p - b->base);
}

static int enqueue(struct stream *s, char *dst, const char *src, size_t n)
{
	int ret = usable(s);

	if (ret)
		return ret;
	if (!dst || !src)
		return INVALID_VALUE;
	if (s->count == MAX_QUEUED)
		return LAUNCH_FAILED;
	s->queue[s->count++] = (struct queued){ dst, src, n };
	return OK;
}

PUBLIC int cuMemcpyHtoDAsync_v2(unsigned long long dst, const void *src, size_t n, void *stream);
PUBLIC int cuMemcpyHtoDAsync_v2(unsigned long long dst, const void *src, size_t n, void *stream)
{
	int ret;

	pthread_mutex_lock(&mutex);
	ret = fails("STUB_CUDA_FAIL_PUT") ? LAUNCH_FAILED :
	      enqueue(stream, shadow(dst, n), src, n);
	pthread_mutex_unlock(&mutex);
	return ret;
}

PUBLIC int cuMemcpyDtoHAsync_v2(void *dst, unsigned long long src, size_t n, void *stream);
PUBLIC int cuMemcpyDtoHAsync_v2(void *dst, unsigned long long src, size_t n, void *stream)
{
	int ret;

	pthread_mutex_lock(&mutex);
	ret = fails("STUB_CUDA_FAIL_GET") ? LAUNCH_FAILED :
	      enqueue(stream, dst, shadow(src, n), n);
	pthread_mutex_unlock(&mutex);
	return ret;
}

PUBLIC int cuMemcpyHtoD_v2(unsigned long long dst, const void *src, size_t n);
PUBLIC int cuMemcpyHtoD_v2(unsigned long long dst, const void *src, size_t n)
{
	char *to;

	pthread_mutex_lock(&mutex);
	to = current() ? shadow(dst, n) : NULL;
	if (to)
		memcpy(to, src, n);
	pthread_mutex_unlock(&mutex);
	return to ? OK : current() ? INVALID_VALUE : INVALID_CONTEXT;
}

PUBLIC int cuMemcpyDtoH_v2(void *dst, unsigned long long src, size_t n);
PUBLIC int cuMemcpyDtoH_v2(void *dst, unsigned long long src, size_t n)
{
	char *from;

	pthread_mutex_lock(&mutex);
	from = current() ? shadow(src, n) : NULL;
	if (from)
		memcpy(dst, from, n);
	pthread_mutex_unlock(&mutex);
	return from ? OK : current() ? INVALID_VALUE : INVALID_CONTEXT;
}
