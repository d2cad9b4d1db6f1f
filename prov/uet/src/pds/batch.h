/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets on their way to the NIC, struct uet_batch: adding and sending them. */
#ifndef UET_PDS_BATCH_H
#define UET_PDS_BATCH_H

#include "pds/pdc.h"

/* Hand the batch to the NIC. */
void uet_batch_flush(struct uet_pds *pds);

/* True when a packet may be added; hands a full batch to the NIC first. */
static inline bool uet_batch_room(struct uet_pds *pds)
{
	if (uet_unlikely(pds->batch.count == UET_PDS_BATCH) && !pds->batch.stalled)
		uet_batch_flush(pds);
	return !pds->batch.stalled;
}

/* The next free entry; call only after uet_batch_room said yes. Its header room is iov[0]. */
static inline struct uet_nic_tx *uet_batch_slot(struct uet_pds *pds)
{
	struct uet_batch *b = &pds->batch;
	struct uet_nic_tx *t = &b->tx[b->count];

	t->iov[0].iov_base = b->hdr[b->count];
	return t;
}

/* Add the entry that uet_batch_slot returned; @msg owns its payload (NULL: none). */
static inline void uet_batch_add(struct uet_pds *pds, struct uet_pds_msg *msg)
{
	struct uet_batch *b = &pds->batch;

	assert(b->count < UET_PDS_BATCH && !b->stalled);
	pds->stats.tx_bytes += b->tx[b->count].len;
	b->msg[b->count++] = msg;
}

/* Add a packet of header @h and @len bytes at @ses for @dst. False when there is no room. */
bool uet_batch_control(struct uet_pds *pds, const struct uet_addr *dst,
		       const struct uet_pds_hdr *h, const uint8_t *ses, uint8_t len);

/*
 * Add a packet of header @h, @ses and payload @iov, all of which is copied. Returns 0, -EAGAIN
 * when there is no room, or -EMSGSIZE when the NIC sends no such long packets.
 */
int uet_batch_copy(struct uet_pds *pds, const struct uet_addr *dst, uint8_t tc,
		   const struct uet_pds_hdr *h, const void *ses, uint8_t ses_len,
		   const struct iovec *iov, uint8_t iov_cnt);

/* Drop the entries whose payload belongs to @msg, which is about to be finished. */
void uet_batch_scrub(struct uet_pds *pds, const struct uet_pds_msg *msg);

#endif /* UET_PDS_BATCH_H */
