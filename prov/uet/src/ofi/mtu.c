/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/ofi.h"

/* PDS request with congestion state, SES standard header, largest extension, CRC trailer. */
#define MTU_HEADERS (UET_PDS_CC_REQ_LEN + UET_SES_REQ_MAX_LEN + 4)

uint32_t uet_payload_mtu(uint32_t packet, uint32_t wanted)
{
	uint32_t mtu = 8192;

	while (mtu > 1024 && (mtu + MTU_HEADERS > packet || (wanted && mtu > wanted)))
		mtu /= 2;
	return mtu;
}
