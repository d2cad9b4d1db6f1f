/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which memory a region or the fragments of an operation lie in.
 */
#include <string.h>

#include "base/log.h"
#include "ofi/hmem.h"
#include "ofi/hmem_cuda.h"

int uet_hmem_find(const void *ptr, const struct uet_ses_mem **mem)
{
	return uet_cuda_find(ptr, mem);
}

/* ---- regions ---- */

static int check_iface(const struct fi_mr_attr *attr)
{
	if (attr->iface == FI_HMEM_SYSTEM)
		return 0;
	if (attr->iface != FI_HMEM_CUDA || !uet_cuda_devices()) {
		uet_info("memory of interface %d is not served here", (int)attr->iface);
		return -FI_ENOSYS;
	}
	if (attr->device.cuda >= 0 && attr->device.cuda < uet_cuda_devices())
		return 0;
	uet_info("CUDA device %d: there are %d", attr->device.cuda, uet_cuda_devices());
	return -FI_EINVAL;
}

int uet_hmem_of_region(const struct uet_domain *domain, const struct fi_mr_attr *attr,
		       uint64_t flags, const struct uet_ses_mem **mem)
{
	const struct uet_ses_mem *other;
	size_t i;
	int ret;

	*mem = NULL;
	if (!(domain->info->caps & FI_HMEM))
		return 0;
	ret = check_iface(attr);
	/* Pinned host memory may be called CUDA's; for the driver, too, it is the CPU's. */
	if (ret || flags & FI_HMEM_HOST_ALLOC)
		return ret;
	for (i = 0; i < attr->iov_count; i++) {
		ret = uet_hmem_find(attr->mr_iov[i].iov_base, &other);
		if (ret)
			return ret;
		if (i && other != *mem) {
			uet_info("a region in different memories");
			return -FI_EINVAL;
		}
		*mem = other;
	}
	return 0;
}

/* ---- operations ---- */

int uet_hmem_of_fragment(const struct uet_ep *ep, const void *base, void *desc,
			 const struct uet_ses_mem **mem)
{
	const struct uet_domain *domain = ep->domain;

	if (desc && domain->info->caps & FI_HMEM && domain->mr_mode & (FI_MR_HMEM | FI_MR_LOCAL))
		return uet_mr_desc_mem(domain, desc, mem);
	return uet_hmem_find(base, mem);
}

/* For iovecs that cross from one memory to another: each piece is looked at. */
static int mixed_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	int ret = uet_hmem_find(dst, &mem);

	if (ret)
		return ret;
	if (mem)
		return mem->put(mem, dst, src, n);
	memcpy(dst, src, n);
	return 0;
}

static int mixed_get(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	int ret = uet_hmem_find(src, &mem);

	if (ret)
		return ret;
	if (mem)
		return mem->get(mem, dst, src, n);
	memcpy(dst, src, n);
	return 0;
}

static const struct uet_ses_mem mixed = { .put = mixed_put, .get = mixed_get };

int uet_hmem_recv(const struct uet_ep *ep, struct uet_ses_rx *rx, void **desc)
{
	const struct uet_ses_mem *mem;
	bool first = true;
	uint8_t i;
	int ret;

	for (i = 0; i < rx->iov_cnt; i++) {
		if (!rx->iov[i].iov_len)
			continue;
		ret = uet_hmem_of_fragment(ep, rx->iov[i].iov_base, desc ? desc[i] : NULL, &mem);
		if (ret)
			return ret;
		if (first)
			rx->mem = mem;
		else if (rx->mem != mem)
			rx->mem = &mixed;
		first = false;
	}
	return 0;
}
