/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The CUDA driver library, loaded at run time: this provider is built without CUDA, and hosts
 * without a GPU never see it. Only what hmem.c needs: whose memory a pointer is, and copies.
 *
 * Copies go through a private stream that does not wait for the application's work on the
 * device: a kernel that itself waits for data from the network cannot block them.
 */
#ifndef UET_OFI_HMEM_CUDA_H
#define UET_OFI_HMEM_CUDA_H

#include <stddef.h>

#include "ses/ses.h"

/* How the library is found: dlopen(3) and dlsym(3). Tests put their own functions here. */
struct uet_cuda_loader {
	void *(*open)(const char *name);
	void *(*symbol)(void *library, const char *name);
};

extern struct uet_cuda_loader uet_cuda_loader;

/*
 * Load the driver and look for devices, the first time only; later calls answer the same.
 * Returns 0, or -FI_ENODEV (no library, a library that lacks functions, no device) or -FI_EIO
 * (the driver does not start). Any thread may call it.
 */
int uet_cuda_load(void);

/* Why uet_cuda_load failed, as text; "" if it did not. */
const char *uet_cuda_why(void);

/* Forget what was loaded: the next uet_cuda_load begins anew. No memory may be in use. */
void uet_cuda_forget(void);

/* Number of devices; 0 when nothing is loaded. */
int uet_cuda_devices(void);

/*
 * Copy functions for the memory that @ptr points into, in @mem: NULL if the CPU can reach it,
 * which is so for all memory that CUDA does not know, and for all when nothing is loaded. Valid
 * as long as the process lives. Returns 0, -FI_EIO (the driver fails), or -FI_ENOSPC (memory of
 * too many CUDA contexts); logged.
 */
int uet_cuda_find(const void *ptr, const struct uet_ses_mem **mem);

#endif /* UET_OFI_HMEM_CUDA_H */
