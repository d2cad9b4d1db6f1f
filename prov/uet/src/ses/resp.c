/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>

#include "base/log.h"
#include "ses/msg.h"
#include "wire/names.h"

void uet_ses_answer(struct uet_pds_answer *answer, const struct uet_ses_req *req, uint8_t opcode,
		    uint8_t list, uint8_t rc, uint32_t modified, bool gtd)
{
	answer->gtd_del = gtd;
	answer->complete = opcode != UET_RESP_NO_RESPONSE;
	answer->next_hdr = UET_HDR_RESPONSE;
	answer->len = UET_SES_RESP_LEN;
	uet_ses_resp_put(answer->ses, list, opcode, rc, req->message_id, req->job_id, modified);
}

void uet_ses_refuse(struct uet_ses *ses, const struct uet_ses_req *req, uint8_t rc,
		    struct uet_pds_answer *answer)
{
	ses->stats.rc_sent[rc & 63]++;
	uet_debug("%s of message %u refused: %s", uet_ses_op_name(req->opcode), req->message_id,
		  uet_rc_name(rc));
	uet_ses_answer(answer, req, UET_RESP_RESPONSE, UET_LIST_EXPECTED, rc, 0, true);
}

bool uet_ses_rc_repeat(uint8_t rc)
{
	switch (rc) {
	case UET_RC_BAD_GENERATION:
	case UET_RC_DISABLED:
	case UET_RC_DISABLED_GEN:
	case UET_RC_NO_MATCH:
	case UET_RC_UNCOR_TRNSNT:
	case UET_RC_DROPPED:
		return true;
	default:
		return false;
	}
}

static const int rc_errno[] = {
	[UET_RC_BAD_GENERATION]		= ENOBUFS,
	[UET_RC_DISABLED]		= ENOBUFS,
	[UET_RC_DISABLED_GEN]		= ENOBUFS,
	[UET_RC_NO_MATCH]		= ENOBUFS,
	[UET_RC_UNSUPPORTED_OP]		= EOPNOTSUPP,
	[UET_RC_UNSUPPORTED_SIZE]	= EMSGSIZE,
	[UET_RC_AT_INVALID]		= EFAULT,
	[UET_RC_AT_PERM]		= EACCES,
	[UET_RC_AT_ATS_ERROR]		= EFAULT,
	[UET_RC_AT_NO_TRANS]		= EFAULT,
	[UET_RC_AT_OUT_OF_RANGE]	= EFAULT,
	[UET_RC_HOST_POISONED]		= EREMOTEIO,
	[UET_RC_HOST_UNSUCCESS_CMPL]	= EREMOTEIO,
	[UET_RC_AMO_UNSUPPORTED_OP]	= EOPNOTSUPP,
	[UET_RC_AMO_UNSUPPORTED_DT]	= EOPNOTSUPP,
	[UET_RC_AMO_UNSUPPORTED_SIZE]	= EINVAL,
	[UET_RC_AMO_UNALIGNED]		= EINVAL,
	[UET_RC_AMO_FP_OVERFLOW]	= EOVERFLOW,
	[UET_RC_PERM_VIOLATION]		= EACCES,
	[UET_RC_OP_VIOLATION]		= EACCES,
	[UET_RC_BAD_INDEX]		= ECONNREFUSED,
	[UET_RC_BAD_PID]		= ECONNREFUSED,
	[UET_RC_BAD_JOB_ID]		= EKEYREJECTED,
	[UET_RC_BAD_MKEY]		= ENOKEY,
	[UET_RC_BAD_ADDR]		= EFAULT,
	[UET_RC_CANCELLED]		= ECANCELED,
	[UET_RC_UNDELIVERABLE]		= EHOSTUNREACH,
	[UET_RC_UNCOR]			= EREMOTEIO,
	[UET_RC_UNCOR_TRNSNT]		= EREMOTEIO,
	[UET_RC_TOO_LONG]		= EMSGSIZE,
	[UET_RC_INITIATOR_ERROR]	= EIO,
	[UET_RC_DROPPED]		= ENOBUFS,
};

int uet_ses_rc_errno(uint8_t rc)
{
	if (rc < UET_ARRAY_SIZE(rc_errno) && rc_errno[rc] != 0)
		return -rc_errno[rc];
	return -EPROTO;
}
