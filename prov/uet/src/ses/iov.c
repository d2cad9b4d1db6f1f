/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <assert.h>
#include <string.h>

#include "ses/msg.h"

/* Move @cur to the fragment that holds byte @off (the last one when @off is the end). */
static void seek(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur, size_t off)
{
	if (off < cur->base) {
		cur->base = 0;
		cur->idx = 0;
	}
	while (cur->idx + 1 < cnt && off - cur->base >= iov[cur->idx].iov_len) {
		cur->base += iov[cur->idx].iov_len;
		cur->idx++;
	}
}

uint8_t uet_ses_iov_slice(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
			  size_t off, size_t n, struct iovec *out)
{
	uint8_t out_cnt = 0;
	size_t skip, take;
	uint8_t i;

	if (n == 0)
		return 0;
	seek(iov, cnt, cur, off);
	skip = off - cur->base;
	for (i = cur->idx; n > 0; i++, skip = 0) {
		assert(i < cnt && skip <= iov[i].iov_len);
		take = uet_min_u64(iov[i].iov_len - skip, n);
		if (take == 0)
			continue;
		out[out_cnt].iov_base = (char *)iov[i].iov_base + skip;
		out[out_cnt].iov_len = take;
		out_cnt++;
		n -= take;
	}
	return out_cnt;
}

void uet_ses_iov_write(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
		       size_t off, const void *src, size_t n)
{
	struct iovec part[UET_SES_IOV];
	const char *from = src;
	uint8_t parts, i;

	parts = uet_ses_iov_slice(iov, cnt, cur, off, n, part);
	for (i = 0; i < parts; i++) {
		memcpy(part[i].iov_base, from, part[i].iov_len);
		from += part[i].iov_len;
	}
}

void uet_ses_iov_read(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
		      size_t off, void *dst, size_t n)
{
	struct iovec part[UET_SES_IOV];
	char *to = dst;
	uint8_t parts, i;

	parts = uet_ses_iov_slice(iov, cnt, cur, off, n, part);
	for (i = 0; i < parts; i++) {
		memcpy(to, part[i].iov_base, part[i].iov_len);
		to += part[i].iov_len;
	}
}

static void put(struct uet_ses_rx *rx, size_t off, const char *src, size_t n)
{
	struct iovec part[UET_SES_IOV];
	uint8_t parts, i;

	parts = uet_ses_iov_slice(rx->iov, rx->iov_cnt, &rx->cur, off, n, part);
	for (i = 0; i < parts && !rx->mem_err; i++) {
		rx->mem_err = rx->mem->put(rx->mem, part[i].iov_base, src, part[i].iov_len);
		src += part[i].iov_len;
	}
}

void uet_ses_rx_scatter(struct uet_ses_rx *rx, size_t off, const void *src, size_t n)
{
	if (uet_likely(!rx->mem))
		uet_ses_iov_write(rx->iov, rx->iov_cnt, &rx->cur, off, src, n);
	else
		put(rx, off, src, n);
}
