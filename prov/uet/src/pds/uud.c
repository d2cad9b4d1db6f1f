/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* UUD (UEC 3.5.7): datagrams, sent once and never answered. */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>

int uet_pds_send_uud(struct uet_pds *pds, const struct uet_addr *dst, uint8_t next_hdr,
		     const uint8_t *ses, size_t ses_len, const struct iovec *iov, uint8_t iov_cnt,
		     uint64_t now)
{
	struct uet_pds_hdr h = { .type = UET_PDS_UUD_REQ, .next_hdr = next_hdr };
	int ret;

	assert(ses_len <= UET_PDS_SES_MAX);
	pds->now = now;
	ret = uet_batch_copy(pds, dst, UET_NIC_DATA, &h, ses, (uint8_t)ses_len, iov, iov_cnt);
	pds->stats.tx_data += ret == 0;
	return ret;
}

void uet_uud_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pds_rx rx = {
		.src = pkt->src,
		.mode = UET_MODE_UUD,
		.next_hdr = h->next_hdr,
		.ce = pkt->ce,
		.data = pkt->data,
		.len = pkt->len,
	};
	struct uet_pds_answer unused = { 0 };

	pds->stats.rx_data++;
	if (!uet_rx_is_request(h)) {
		pds->stats.drop_malformed++;
		return;
	}
	pds->ops->rx(pds->upper, &rx, &unused);
}
