/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>

static void emptied(struct uet_batch *b)
{
	b->head = 0;
	b->count = 0;
	b->seq++;
	b->stalled = false;
	b->touched = false;
}

void uet_batch_flush(struct uet_pds *pds)
{
	struct uet_batch *b = &pds->batch;
	int left = (int)(b->count - b->head), taken;

	if (left == 0)
		return;
	taken = pds->nic->ops->tx(pds->nic, b->tx + b->head, left);
	if (taken > 0)
		b->head += (uint32_t)(taken < left ? taken : left);
	b->stalled = true;
	if (b->head == b->count)
		emptied(b);
}

bool uet_batch_control(struct uet_pds *pds, const struct uet_addr *dst,
		       const struct uet_pds_hdr *h, const uint8_t *ses, uint8_t len)
{
	struct uet_nic_tx *t;
	uint8_t *hdr;
	size_t n;

	if (!uet_batch_room(pds))
		return false;
	t = uet_batch_slot(pds);
	hdr = t->iov[0].iov_base;
	n = uet_pds_pack(h, hdr);
	if (len)
		memcpy(hdr + n, ses, len);
	t->dst = *dst;
	t->tc = UET_NIC_CONTROL;
	t->path = 0;
	t->iov_cnt = 1;
	t->len = (uint32_t)(n + len);
	t->iov[0].iov_len = t->len;
	uet_batch_add(pds, NULL);
	return true;
}

/* Copy @iov to the payload memory of the next entry. Returns its length or a negative errno. */
static int copy_payload(struct uet_pds *pds, const struct iovec *iov, uint8_t iov_cnt)
{
	uint8_t **copy = &pds->batch.copy[pds->batch.count];
	size_t n = 0;
	uint8_t i;

	for (i = 0; i < iov_cnt; i++) {
		if (iov[i].iov_len > pds->nic->mtu || n + iov[i].iov_len > pds->copies.size)
			return -EMSGSIZE;
		if (!*copy)
			*copy = uet_pool_get(&pds->copies);
		if (!*copy)
			return -EAGAIN;
		memcpy(*copy + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	return (int)n;
}

int uet_batch_copy(struct uet_pds *pds, const struct uet_addr *dst, uint8_t tc,
		   const struct uet_pds_hdr *h, const void *ses, uint8_t ses_len,
		   const struct iovec *iov, uint8_t iov_cnt)
{
	struct uet_nic_tx *t;
	uint8_t *hdr;
	size_t n;
	int len;

	if (!uet_batch_room(pds))
		return -EAGAIN;
	len = copy_payload(pds, iov, iov_cnt);
	if (len < 0)
		return len;
	t = uet_batch_slot(pds);
	hdr = t->iov[0].iov_base;
	n = uet_pds_pack(h, hdr);
	if (ses_len)
		memcpy(hdr + n, ses, ses_len);
	t->dst = *dst;
	t->tc = tc;
	t->path = 0;
	t->iov[0].iov_len = n + ses_len;
	t->iov[1] = (struct iovec){ pds->batch.copy[pds->batch.count], (size_t)len };
	t->iov_cnt = len ? 2 : 1;
	t->len = (uint32_t)(n + ses_len) + (uint32_t)len;
	if (t->len > pds->nic->mtu)
		return -EMSGSIZE;
	uet_batch_add(pds, NULL);
	return 0;
}

void uet_batch_scrub(struct uet_pds *pds, const struct uet_pds_msg *msg)
{
	struct uet_batch *b = &pds->batch;
	uint32_t from, to = b->head;

	for (from = b->head; from < b->count; from++) {
		if (b->msg[from] == msg)
			continue;
		if (from != to) {
			uint8_t *copy = b->copy[to];

			b->copy[to] = b->copy[from];
			b->copy[from] = copy;
			b->msg[to] = b->msg[from];
			b->tx[to] = b->tx[from];
			b->tx[to].iov[0].iov_base = b->hdr[to];
			memcpy(b->hdr[to], b->hdr[from], UET_PDS_HDR_ROOM);
		}
		to++;
	}
	b->count = to;
	if (b->head == b->count)
		emptied(b);
}
