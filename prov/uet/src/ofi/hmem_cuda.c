/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/hmem_cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ofi/ofi.h"

#define LIBRARY "libcuda.so.1"

#define MAX_SPACES 64

/* Values of the driver's interface, which never change. */
enum {
	CUDA_OK = 0,
	CUDA_BAD_CONTEXT = 201,
	CUDA_BAD_HANDLE = 400,
	CUDA_CONTEXT_GONE = 709,
};

enum {
	ATTR_CONTEXT = 1,
	ATTR_MEMORY_TYPE = 2,
	ATTR_IS_MANAGED = 8,
	ATTR_DEVICE_ORDINAL = 9,
};

#define MEMORY_DEVICE		2
#define STREAM_NON_BLOCKING	1

typedef unsigned long long device_ptr;

struct driver {
	int (*init)(unsigned int flags);
	int (*device_count)(int *count);
	int (*device_get)(int *device, int ordinal);
	int (*error_name)(int error, const char **name);
	int (*pointer_attributes)(unsigned int cnt, int *attributes, void **data, device_ptr ptr);
	int (*primary_retain)(void **ctx, int device);
	int (*ctx_push)(void *ctx);
	int (*ctx_pop)(void **ctx);
	int (*stream_create)(void **stream, unsigned int flags);
	int (*stream_sync)(void *stream);
	int (*to_device)(device_ptr dst, const void *src, size_t n, void *stream);
	int (*to_host)(void *dst, device_ptr src, size_t n, void *stream);
};

#define SYMBOL(member, name) { offsetof(struct driver, member), name }

static const struct {
	size_t offset;
	const char *name;
} symbols[] = {
	SYMBOL(init, "cuInit"),
	SYMBOL(device_count, "cuDeviceGetCount"),
	SYMBOL(device_get, "cuDeviceGet"),
	SYMBOL(error_name, "cuGetErrorName"),
	SYMBOL(pointer_attributes, "cuPointerGetAttributes"),
	SYMBOL(primary_retain, "cuDevicePrimaryCtxRetain"),
	SYMBOL(ctx_push, "cuCtxPushCurrent_v2"),
	SYMBOL(ctx_pop, "cuCtxPopCurrent_v2"),
	SYMBOL(stream_create, "cuStreamCreate"),
	SYMBOL(stream_sync, "cuStreamSynchronize"),
	SYMBOL(to_device, "cuMemcpyHtoDAsync_v2"),
	SYMBOL(to_host, "cuMemcpyDtoHAsync_v2"),
};

/* A CUDA context that memory belongs to. */
struct space {
	struct uet_ses_mem mem;
	void *ctx;
	void *stream;		/* under cuda.mutex */
	int primary_of;		/* ordinal of the device whose primary context it is, or -1 */
};

static struct {
	pthread_mutex_t mutex;
	bool tried;
	int result;
	char why[160];
	int devices;
	struct driver driver;
	struct space spaces[MAX_SPACES];
	int space_cnt;
} cuda = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void *open_library(const char *name)
{
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

struct uet_cuda_loader uet_cuda_loader = {
	.open = open_library,
	.symbol = dlsym,
};

static const char *error_name(int error)
{
	const char *name = NULL;

	if (cuda.driver.error_name(error, &name) != CUDA_OK || !name)
		return "unknown error";
	return name;
}

/* ---- loading ---- */

#define because(...) snprintf(cuda.why, sizeof(cuda.why), __VA_ARGS__)

static int find_symbols(void *library)
{
	void *symbol;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(symbols); i++) {
		symbol = uet_cuda_loader.symbol(library, symbols[i].name);
		if (!symbol) {
			because("%s has no %s", LIBRARY, symbols[i].name);
			return -FI_ENODEV;
		}
		memcpy((char *)&cuda.driver + symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}

static int load(void)
{
	void *library = uet_cuda_loader.open(LIBRARY);
	int ret;

	if (!library) {
		because("%s cannot be loaded", LIBRARY);
		return -FI_ENODEV;
	}
	if (find_symbols(library))
		return -FI_ENODEV;
	ret = cuda.driver.init(0);
	if (!ret)
		ret = cuda.driver.device_count(&cuda.devices);
	if (ret) {
		cuda.devices = 0;
		because("the CUDA driver does not start: %s (%d)", error_name(ret), ret);
		return -FI_EIO;
	}
	if (cuda.devices > 0)
		return 0;
	cuda.devices = 0;
	because("the CUDA driver finds no device");
	return -FI_ENODEV;
}

int uet_cuda_load(void)
{
	int ret;

	pthread_mutex_lock(&cuda.mutex);
	if (!cuda.tried) {
		cuda.result = load();
		cuda.tried = true;
		if (cuda.result)
			uet_info("no CUDA memory: %s", cuda.why);
	}
	ret = cuda.result;
	pthread_mutex_unlock(&cuda.mutex);
	return ret;
}

const char *uet_cuda_why(void)
{
	return cuda.why;
}

void uet_cuda_forget(void)
{
	pthread_mutex_lock(&cuda.mutex);
	cuda.tried = false;
	cuda.devices = 0;
	cuda.why[0] = 0;
	memset(cuda.spaces, 0, sizeof(cuda.spaces));
	cuda.space_cnt = 0;
	pthread_mutex_unlock(&cuda.mutex);
}

int uet_cuda_devices(void)
{
	return cuda.devices;
}

/* ---- copying ---- */

static int new_stream(void *ctx, void **stream)
{
	int ret = cuda.driver.ctx_push(ctx);

	if (ret)
		return ret;
	ret = cuda.driver.stream_create(stream, STREAM_NON_BLOCKING);
	cuda.driver.ctx_pop(&ctx);
	return ret;
}

static void *stream_of(struct space *space)
{
	void *stream;

	pthread_mutex_lock(&cuda.mutex);
	stream = space->stream;
	pthread_mutex_unlock(&cuda.mutex);
	return stream;
}

/* The application may have reset the device, and the stream with it. */
static int renew_stream(struct space *space)
{
	int ret;

	pthread_mutex_lock(&cuda.mutex);
	ret = new_stream(space->ctx, &space->stream);
	pthread_mutex_unlock(&cuda.mutex);
	return ret;
}

struct copy {
	void *dst;
	const void *src;
	size_t n;
	bool to_device;
};

static int copy_once(struct space *space, const struct copy *c)
{
	const struct driver *d = &cuda.driver;
	void *stream = stream_of(space);
	void *ctx;
	int ret = d->ctx_push(space->ctx);

	if (ret)
		return ret;
	if (c->to_device)
		ret = d->to_device((uintptr_t)c->dst, c->src, c->n, stream);
	else
		ret = d->to_host(c->dst, (uintptr_t)c->src, c->n, stream);
	if (!ret)
		ret = d->stream_sync(stream);
	d->ctx_pop(&ctx);
	return ret;
}

static int copy(const struct uet_ses_mem *mem, const struct copy *c)
{
	struct space *space = uet_container_of(mem, struct space, mem);
	int ret;

	if (!c->n)
		return 0;
	ret = copy_once(space, c);
	if ((ret == CUDA_BAD_CONTEXT || ret == CUDA_BAD_HANDLE || ret == CUDA_CONTEXT_GONE) &&
	    !renew_stream(space))
		ret = copy_once(space, c);
	if (!ret)
		return 0;
	uet_warn("copying %zu bytes %s CUDA memory fails: %s (%d)",
		c->n, c->to_device ? "to" : "from", error_name(ret), ret);
	return -FI_EIO;
}

static int cuda_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	return copy(mem, &(struct copy){ .dst = dst, .src = src, .n = n, .to_device = true });
}

static int cuda_get(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	return copy(mem, &(struct copy){ .dst = dst, .src = src, .n = n });
}

/* ---- whose memory ---- */

static int add_space(void *ctx, int primary_of, struct space **out)
{
	struct space *space = &cuda.spaces[cuda.space_cnt];
	int ret;

	if (cuda.space_cnt == MAX_SPACES) {
		uet_warn("memory of more than %d CUDA contexts",
			MAX_SPACES);
		return -FI_ENOSPC;
	}
	ret = new_stream(ctx, &space->stream);
	if (ret) {
		uet_warn("no stream in a CUDA context: %s (%d)",
			error_name(ret), ret);
		return -FI_EIO;
	}
	space->mem = (struct uet_ses_mem){ .put = cuda_put, .get = cuda_get };
	space->ctx = ctx;
	space->primary_of = primary_of;
	cuda.space_cnt++;
	*out = space;
	return 0;
}

static int space_of_context(void *ctx, struct space **out)
{
	int i;

	for (i = 0; i < cuda.space_cnt; i++) {
		if (cuda.spaces[i].ctx == ctx) {
			*out = &cuda.spaces[i];
			return 0;
		}
	}
	return add_space(ctx, -1, out);
}

/* Memory from the driver's virtual memory calls belongs to a device, not to a context. */
static int space_of_device(int ordinal, struct space **out)
{
	void *ctx;
	int i, ret, device;

	for (i = 0; i < cuda.space_cnt; i++) {
		if (cuda.spaces[i].primary_of == ordinal) {
			*out = &cuda.spaces[i];
			return 0;
		}
	}
	ret = cuda.driver.device_get(&device, ordinal);
	if (!ret)
		ret = cuda.driver.primary_retain(&ctx, device);
	if (!ret)
		return add_space(ctx, ordinal, out);
	uet_warn("no context on CUDA device %d: %s (%d)", ordinal,
		error_name(ret), ret);
	return -FI_EIO;
}

/* What the driver says of a pointer; all zero for one that it does not know. */
struct pointer {
	void *ctx;
	unsigned int type;
	uint64_t managed;	/* the driver writes one byte or four */
	int ordinal;
};

static int ask_driver(const void *ptr, struct pointer *p)
{
	int attributes[] = {
		ATTR_CONTEXT, ATTR_MEMORY_TYPE, ATTR_IS_MANAGED, ATTR_DEVICE_ORDINAL,
	};
	void *data[] = { &p->ctx, &p->type, &p->managed, &p->ordinal };
	int ret;

	memset(p, 0, sizeof(*p));
	ret = cuda.driver.pointer_attributes(UET_ARRAY_SIZE(attributes), attributes, data,
					     (uintptr_t)ptr);
	if (!ret)
		return 0;
	uet_warn("CUDA cannot tell what %p points to: %s (%d)", ptr,
		error_name(ret), ret);
	return -FI_EIO;
}

int uet_cuda_find(const void *ptr, const struct uet_ses_mem **mem)
{
	struct space *space;
	struct pointer p;
	int ret;

	*mem = NULL;
	if (!cuda.devices)
		return 0;
	ret = ask_driver(ptr, &p);
	if (ret)
		return ret;
	/* Managed memory moves: wherever it is at the moment, CUDA copies it best. */
	if (p.type != MEMORY_DEVICE && !p.managed)
		return 0;
	pthread_mutex_lock(&cuda.mutex);
	ret = p.ctx ? space_of_context(p.ctx, &space) : space_of_device(p.ordinal, &space);
	pthread_mutex_unlock(&cuda.mutex);
	if (!ret)
		*mem = &space->mem;
	return ret;
}
