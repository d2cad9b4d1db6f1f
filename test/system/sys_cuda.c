/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sys_cuda.h"

#include <dlfcn.h>

typedef unsigned long long device_ptr;

static struct {
	void *library;
	int (*init)(unsigned int flags);
	int (*count)(int *count);
	int (*retain)(void **ctx, int device);
	int (*push)(void *ctx);
	int (*pop)(void **ctx);
	int (*reset)(int device);
	int (*alloc)(device_ptr *ptr, size_t size);
	int (*alloc_managed)(device_ptr *ptr, size_t size, unsigned int flags);
	int (*alloc_host)(void **ptr, size_t size);
	int (*alloc_virtual)(device_ptr *ptr, size_t size);
	int (*free)(device_ptr ptr);
	int (*free_host)(void *ptr);
	int (*put)(device_ptr dst, const void *src, size_t n);
	int (*get)(void *dst, device_ptr src, size_t n);
	void *ctx;
} cuda;

#define LOAD(member, name) (*(void **)&cuda.member = dlsym(cuda.library, name))

void cuda_open_idle(void)
{
	int count = 0;

	cuda.library = dlopen("libcuda.so.1", RTLD_NOW);
	if (!cuda.library)
		sys_skip("there is no CUDA driver library");
	LOAD(init, "cuInit");
	LOAD(count, "cuDeviceGetCount");
	LOAD(retain, "cuDevicePrimaryCtxRetain");
	LOAD(push, "cuCtxPushCurrent_v2");
	LOAD(pop, "cuCtxPopCurrent_v2");
	LOAD(reset, "cuDevicePrimaryCtxReset_v2");
	LOAD(alloc, "cuMemAlloc_v2");
	LOAD(alloc_managed, "cuMemAllocManaged");
	LOAD(alloc_host, "cuMemAllocHost_v2");
	LOAD(alloc_virtual, "stubMemAllocVirtual");
	LOAD(free, "cuMemFree_v2");
	LOAD(free_host, "cuMemFreeHost");
	LOAD(put, "cuMemcpyHtoD_v2");
	LOAD(get, "cuMemcpyDtoH_v2");
	if (cuda.init(0) || cuda.count(&count) || !count)
		sys_skip("there is no CUDA device");
	expect_eq(cuda.retain(&cuda.ctx, 0), 0);
}

void cuda_open(void)
{
	cuda_open_idle();
	expect_eq(cuda.push(cuda.ctx), 0);
}

bool cuda_is_stub(void)
{
	return cuda.alloc_virtual != NULL;
}

static bool is_host(const void *ptr, bool forget)
{
	static const void *host[64];
	int i;

	for (i = 0; i < 64; i++) {
		if (host[i] != (forget ? ptr : NULL))
			continue;
		host[i] = forget ? NULL : ptr;
		return true;
	}
	return false;
}

/* The calls work with whatever is current in this thread; nothing stays so. */
static int alloc_device(enum cuda_kind kind, device_ptr *ptr, size_t size)
{
	void *ctx;
	int ret;

	expect_eq(cuda.push(cuda.ctx), 0);
	if (kind == CUDA_DEVICE)
		ret = cuda.alloc(ptr, size);
	else if (kind == CUDA_MANAGED)
		ret = cuda.alloc_managed(ptr, size, 1);
	else if (cuda.alloc_virtual)
		ret = cuda.alloc_virtual(ptr, size);
	else
		sys_skip("only the stub makes memory without a context");
	cuda.pop(&ctx);
	return ret;
}

void *cuda_alloc(enum cuda_kind kind, size_t size)
{
	device_ptr ptr;
	void *host, *ctx;

	if (kind != CUDA_HOST) {
		expect_eq(alloc_device(kind, &ptr, size ? size : 1), 0);
		return (void *)(uintptr_t)ptr;
	}
	expect_eq(cuda.push(cuda.ctx), 0);
	expect_eq(cuda.alloc_host(&host, size ? size : 1), 0);
	cuda.pop(&ctx);
	expect(is_host(host, false), "room to remember one more host buffer");
	return host;
}

void cuda_free(void *ptr)
{
	void *ctx;

	expect_eq(cuda.push(cuda.ctx), 0);
	if (is_host(ptr, true))
		expect_eq(cuda.free_host(ptr), 0);
	else
		expect_eq(cuda.free((uintptr_t)ptr), 0);
	cuda.pop(&ctx);
}

void cuda_write(void *ptr, const void *src, size_t n)
{
	void *ctx;

	if (!n)
		return;
	expect_eq(cuda.push(cuda.ctx), 0);
	expect_eq(cuda.put((uintptr_t)ptr, src, n), 0);
	cuda.pop(&ctx);
}

void cuda_read(void *dst, const void *ptr, size_t n)
{
	void *ctx;

	if (!n)
		return;
	expect_eq(cuda.push(cuda.ctx), 0);
	expect_eq(cuda.get(dst, (uintptr_t)ptr, n), 0);
	cuda.pop(&ctx);
}

void cuda_fill(void *ptr, size_t n, uint64_t id)
{
	void *host = sys_alloc(n);

	sys_fill(host, n, id);
	cuda_write(ptr, host, n);
	free(host);
}

void cuda_verify(const void *ptr, size_t n, uint64_t id)
{
	void *host = sys_alloc(n);

	cuda_read(host, ptr, n);
	sys_verify(host, n, id);
	free(host);
}

void cuda_reset(void)
{
	expect_eq(cuda.reset(0), 0);
}
