/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/strerror.h"

#include <stdint.h>
#include <stdio.h>

#include <rdma/fi_errno.h>
#include <rdma/fi_ext_uet.h>

#include "wire/names.h"

#define RC_LAST 63
#define NACK_LAST (FI_UET_ERR_NACK + 0xff)

/* What stopped an operation without a word from the peer. */
static const char *local_text(int err)
{
	switch (err) {
	case FI_ETIMEDOUT:
		return "no sign of life from the peer for FI_UET_PEER_TIMEOUT";
	case FI_ECONNREFUSED:
		return "the peer's host answers that nothing listens on its port";
	case FI_EHOSTUNREACH:
		return "the network answers that the peer's host cannot be reached";
	case FI_ECONNRESET:
		return "the peer closed its endpoint or was restarted in the middle";
	default:
		return fi_strerror(err);
	}
}

const char *uet_prov_strerror(int prov_errno, char *buf, size_t len)
{
	static _Thread_local char own[160];

	if (!buf || !len) {
		buf = own;
		len = sizeof(own);
	}
	if (prov_errno >= 1 && prov_errno <= RC_LAST)
		snprintf(buf, len, "%s: %s", uet_rc_name((uint8_t)prov_errno),
			 uet_rc_text((uint8_t)prov_errno));
	else if (prov_errno >= FI_UET_ERR_NACK && prov_errno <= NACK_LAST)
		snprintf(buf, len, "%s: %s", uet_nack_name(prov_errno & 0xff),
			 uet_nack_text(prov_errno & 0xff));
	else if (prov_errno > FI_UET_ERR_LOCAL)
		snprintf(buf, len, "%s", local_text(prov_errno - FI_UET_ERR_LOCAL));
	else if (!prov_errno)
		snprintf(buf, len, "no further detail");
	else
		snprintf(buf, len, "unknown provider error %d", prov_errno);
	return buf;
}
