/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Device memory for system tests: the CUDA driver library that the provider would find, which
 * is test/stub/cuda.c when a script has put it into LD_LIBRARY_PATH, or that of a real GPU.
 */
#ifndef UET_TEST_SYS_CUDA_H
#define UET_TEST_SYS_CUDA_H

#include "sys.h"

enum cuda_kind { CUDA_DEVICE, CUDA_MANAGED, CUDA_VIRTUAL, CUDA_HOST };

/* Load the library and make the first device's context current; skips the case without one. */
void cuda_open(void);

/* As above, but nothing is current in this thread afterwards. */
void cuda_open_idle(void);

/* True when the library is the stub: faults can be injected by its environment. */
bool cuda_is_stub(void);

/* Allocate and free memory that cannot be had in smaller pieces than pages. */
void *cuda_alloc(enum cuda_kind kind, size_t size);
void cuda_free(void *ptr);

/* Copy from and to host memory. */
void cuda_write(void *ptr, const void *src, size_t n);
void cuda_read(void *dst, const void *ptr, size_t n);

/* As sys_fill and sys_verify. */
void cuda_fill(void *ptr, size_t n, uint64_t id);
void cuda_verify(const void *ptr, size_t n, uint64_t id);

/* The stub forgets its streams, as a real driver does with a reset of the device. */
void cuda_reset(void);

#endif /* UET_TEST_SYS_CUDA_H */
