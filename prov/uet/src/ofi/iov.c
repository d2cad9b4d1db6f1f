/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/rma.h"

int uet_iov_len(const struct iovec *iov, size_t cnt, size_t *len)
{
	size_t total = 0;
	size_t i;

	if (cnt > UET_SES_IOV || (cnt && !iov))
		return -FI_EINVAL;
	for (i = 0; i < cnt; i++) {
		if (__builtin_add_overflow(total, iov[i].iov_len, &total))
			return -FI_EMSGSIZE;
		if (iov[i].iov_len && !iov[i].iov_base)
			return -FI_EINVAL;
	}
	*len = total;
	return total > UET_SES_MAX_MSG ? -FI_EMSGSIZE : 0;
}

uint8_t uet_iov_cut(const struct iovec *iov, uint8_t cnt, size_t off, size_t len,
		    struct iovec *out)
{
	uint8_t i, n = 0;
	size_t here;

	for (i = 0; i < cnt && len; i++) {
		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		here = uet_min_u64(iov[i].iov_len - off, len);
		out[n].iov_base = (char *)iov[i].iov_base + off;
		out[n++].iov_len = here;
		len -= here;
		off = 0;
	}
	return n;
}
