/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The bytes of a region: segments one after the other, in ordinary memory or behind uet_ses_mem.
 */
#include <assert.h>
#include <string.h>

#include "ses/rma.h"

void *uet_ses_region_at(const struct uet_ses_region *region, uint64_t off, uint64_t *run)
{
	const struct iovec *seg = region->iov;

	assert(off < region->len);
	while (off >= seg->iov_len) {
		off -= seg->iov_len;
		seg++;
	}
	*run = seg->iov_len - off;
	return (char *)seg->iov_base + off;
}

int uet_ses_region_put(const struct uet_ses_region *region, uint64_t off, const void *src,
		       size_t n)
{
	const char *from = src;

	while (n > 0) {
		uint64_t run;
		void *to = uet_ses_region_at(region, off, &run);
		size_t take = uet_min_u64(run, n);
		int ret = 0;

		if (region->mem)
			ret = region->mem->put(region->mem, to, from, take);
		else
			memcpy(to, from, take);
		if (ret)
			return ret;
		off += take;
		from += take;
		n -= take;
	}
	return 0;
}

int uet_ses_region_get(const struct uet_ses_region *region, uint64_t off, void *dst, size_t n)
{
	char *to = dst;

	while (n > 0) {
		uint64_t run;
		const void *from = uet_ses_region_at(region, off, &run);
		size_t take = uet_min_u64(run, n);
		int ret = 0;

		if (region->mem)
			ret = region->mem->get(region->mem, to, from, take);
		else
			memcpy(to, from, take);
		if (ret)
			return ret;
		off += take;
		to += take;
		n -= take;
	}
	return 0;
}
