/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "wire/names.h"

#include "base/util.h"
#include "wire/pds.h"
#include "wire/ses.h"

/* A code's name and, for codes that people meet in messages, what it means. */
struct code {
	const char *name;
	const char *text;
};

/* For values inside the field for which the specification defines nothing. */
static const char reserved[] = "reserved";
/* For values that the field cannot hold, and for vendor-defined ones. */
static const char unknown[] = "unknown";

/* Entry of a table of names; @values: how many values the wire field can hold. */
static const char *lookup(const char *const *names, size_t count, uint8_t value,
			  unsigned int values)
{
	if (value < count && names[value])
		return names[value];
	return value < values ? reserved : unknown;
}

const char *uet_pds_type_name(uint8_t type)
{
	static const char *const names[] = {
		[UET_PDS_TSS]		= "TSS",
		[UET_PDS_RUD_REQ]	= "RUD_REQ",
		[UET_PDS_ROD_REQ]	= "ROD_REQ",
		[UET_PDS_RUDI_REQ]	= "RUDI_REQ",
		[UET_PDS_RUDI_RESP]	= "RUDI_RESP",
		[UET_PDS_UUD_REQ]	= "UUD_REQ",
		[UET_PDS_ACK]		= "ACK",
		[UET_PDS_ACK_CC]	= "ACK_CC",
		[UET_PDS_ACK_CCX]	= "ACK_CCX",
		[UET_PDS_NACK]		= "NACK",
		[UET_PDS_CP]		= "CP",
		[UET_PDS_NACK_CCX]	= "NACK_CCX",
		[UET_PDS_RUD_CC_REQ]	= "RUD_CC_REQ",
		[UET_PDS_ROD_CC_REQ]	= "ROD_CC_REQ",
	};

	return lookup(names, UET_ARRAY_SIZE(names), type, 32);
}

const char *uet_pds_ctl_name(uint8_t ctl_type)
{
	static const char *const names[] = {
		[UET_CTL_NOOP]		= "NOOP",
		[UET_CTL_ACK_REQ]	= "ACK_REQ",
		[UET_CTL_CLEAR_CMD]	= "CLEAR_CMD",
		[UET_CTL_CLEAR_REQ]	= "CLEAR_REQ",
		[UET_CTL_CLOSE_CMD]	= "CLOSE_CMD",
		[UET_CTL_CLOSE_REQ]	= "CLOSE_REQ",
		[UET_CTL_PROBE]		= "PROBE",
		[UET_CTL_CREDIT]	= "CREDIT",
		[UET_CTL_CREDIT_REQ]	= "CREDIT_REQ",
		[UET_CTL_NEGOTIATION]	= "NEGOTIATION",
	};

	return lookup(names, UET_ARRAY_SIZE(names), ctl_type, 16);
}

static const struct code nacks[256] = {
	[UET_NACK_TRIMMED] = {
		"TRIMMED", "a switch cut the packet's payload because of congestion" },
	[UET_NACK_TRIMMED_LASTHOP] = {
		"TRIMMED_LASTHOP", "the last switch cut the packet: the receiver is congested" },
	[UET_NACK_TRIMMED_ACK] = {
		"TRIMMED_ACK", "a switch cut the data that an ACK carried" },
	[UET_NACK_NO_PDC_AVAIL] = {
		"NO_PDC_AVAIL", "the peer has no free packet delivery context" },
	[UET_NACK_NO_CCC_AVAIL] = {
		"NO_CCC_AVAIL", "the peer has no free congestion control context" },
	[UET_NACK_NO_BITMAP] = {
		"NO_BITMAP", "the peer has no memory to track received packets" },
	[UET_NACK_NO_PKT_BUFFER] = {
		"NO_PKT_BUFFER", "the peer has no free packet buffer" },
	[UET_NACK_NO_GTD_DEL_AVAIL] = {
		"NO_GTD_DEL_AVAIL", "the peer has no room to store a guaranteed response" },
	[UET_NACK_NO_SES_MSG_AVAIL] = {
		"NO_SES_MSG_AVAIL", "the peer has no free message state" },
	[UET_NACK_NO_RESOURCE] = {
		"NO_RESOURCE", "the peer is short of some resource" },
	[UET_NACK_PSN_OOR_WINDOW] = {
		"PSN_OOR_WINDOW", "the packet's sequence number is outside the peer's window" },
	[UET_NACK_ROD_OOO] = {
		"ROD_OOO", "an ordered packet arrived out of order" },
	[UET_NACK_INV_DPDCID] = {
		"INV_DPDCID", "the peer does not know the packet delivery context" },
	[UET_NACK_PDC_HDR_MISMATCH] = {
		"PDC_HDR_MISMATCH", "the packet does not belong to the context that it names" },
	[UET_NACK_CLOSING] = {
		"CLOSING", "the peer is closing the packet delivery context" },
	[UET_NACK_CLOSING_IN_ERR] = {
		"CLOSING_IN_ERR", "the peer is closing the delivery context after an error" },
	[UET_NACK_PKT_NOT_RCVD] = {
		"PKT_NOT_RCVD", "the packet whose ACK was asked for never arrived" },
	[UET_NACK_GTD_RESP_UNAVAIL] = {
		"GTD_RESP_UNAVAIL", "the peer lost a guaranteed response" },
	[UET_NACK_ACK_WITH_DATA] = {
		"ACK_WITH_DATA", "the ACK that was asked for carried data and cannot be repeated" },
	[UET_NACK_INVALID_SYN] = {
		"INVALID_SYN", "the packet that opens a context is inconsistent" },
	[UET_NACK_PDC_MODE_MISMATCH] = {
		"PDC_MODE_MISMATCH", "an ordered packet on an unordered context, or the reverse" },
	[UET_NACK_NEW_START_PSN] = {
		"NEW_START_PSN", "the peer demands another first sequence number" },
	[UET_NACK_RCVD_SES_PROCG] = {
		"RCVD_SES_PROCG", "the packet arrived, its answer is not ready" },
	[UET_NACK_UNEXP_EVENT] = {
		"UNEXP_EVENT", "the peer met an unexpected event" },
	[UET_NACK_RCVR_INFER_LOSS] = {
		"RCVR_INFER_LOSS", "the peer believes that the packet was lost" },
	[UET_NACK_EXP_NORMAL] = {
		"EXP_NACK_NORMAL", "experimental code: the packet may be sent again" },
	[UET_NACK_EXP_ERR] = {
		"EXP_NACK_ERR", "experimental code: error on the packet delivery context" },
	[UET_NACK_EXP_FATAL] = {
		"EXP_NACK_FATAL", "experimental code: the packet delivery context is lost" },
};

const char *uet_nack_name(uint8_t code)
{
	return nacks[code].name ? nacks[code].name : reserved;
}

const char *uet_nack_text(uint8_t code)
{
	return nacks[code].text ? nacks[code].text : reserved;
}

#define OP_VENDOR_FIRST	0x30
#define OP_VENDOR_LAST	0x3e

const char *uet_ses_op_name(uint8_t opcode)
{
	static const char *const names[] = {
		[UET_OP_NO_OP]			= "NO_OP",
		[UET_OP_WRITE]			= "WRITE",
		[UET_OP_READ]			= "READ",
		[UET_OP_ATOMIC]			= "ATOMIC",
		[UET_OP_FETCHING_ATOMIC]	= "FETCHING_ATOMIC",
		[UET_OP_SEND]			= "SEND",
		[UET_OP_RENDEZVOUS_SEND]	= "RENDEZVOUS_SEND",
		[UET_OP_DATAGRAM_SEND]		= "DATAGRAM_SEND",
		[UET_OP_DEFERRABLE_SEND]	= "DEFERRABLE_SEND",
		[UET_OP_TAGGED_SEND]		= "TAGGED_SEND",
		[UET_OP_RENDEZVOUS_TSEND]	= "RENDEZVOUS_TSEND",
		[UET_OP_DEFERRABLE_TSEND]	= "DEFERRABLE_TSEND",
		[UET_OP_DEFERRABLE_RTR]		= "DEFERRABLE_RTR",
		[UET_OP_TSEND_ATOMIC]		= "TSEND_ATOMIC",
		[UET_OP_TSEND_FETCH_ATOMIC]	= "TSEND_FETCH_ATOMIC",
		[UET_OP_MSG_ERROR]		= "MSG_ERROR",
	};

	if (opcode == UET_OP_VENDOR_ATOMIC)
		return "VENDOR_ATOMIC";
	if (opcode >= OP_VENDOR_FIRST && opcode <= OP_VENDOR_LAST)
		return unknown;
	return lookup(names, UET_ARRAY_SIZE(names), opcode, 64);
}

static const struct code rcs[] = {
	[UET_RC_NULL] = {
		"NULL", "no outcome reported" },
	[UET_RC_OK] = {
		"OK", "success" },
	[UET_RC_BAD_GENERATION] = {
		"BAD_GENERATION", "the target's resource index has another generation" },
	[UET_RC_DISABLED] = {
		"DISABLED", "the target's resource index is disabled" },
	[UET_RC_DISABLED_GEN] = {
		"DISABLED_GEN", "the target's index is disabled until its next generation" },
	[UET_RC_NO_MATCH] = {
		"NO_MATCH", "the target has no buffer for the message" },
	[UET_RC_UNSUPPORTED_OP] = {
		"UNSUPPORTED_OP", "the target does not support the operation" },
	[UET_RC_UNSUPPORTED_SIZE] = {
		"UNSUPPORTED_SIZE", "the message is larger than the target supports" },
	[UET_RC_AT_INVALID] = {
		"AT_INVALID", "invalid address-translation context at the target" },
	[UET_RC_AT_PERM] = {
		"AT_PERM", "address translation at the target denied the access" },
	[UET_RC_AT_ATS_ERROR] = {
		"AT_ATS_ERROR", "address-translation request failed at the target" },
	[UET_RC_AT_NO_TRANS] = {
		"AT_NO_TRANS", "no address translation at the target" },
	[UET_RC_AT_OUT_OF_RANGE] = {
		"AT_OUT_OF_RANGE", "virtual address out of range at the target" },
	[UET_RC_HOST_POISONED] = {
		"HOST_POISONED", "host memory read returned poisoned data" },
	[UET_RC_HOST_UNSUCCESS_CMPL] = {
		"HOST_UNSUCCESS_CMPL", "host memory read did not complete" },
	[UET_RC_AMO_UNSUPPORTED_OP] = {
		"AMO_UNSUPPORTED_OP", "the target does not support the atomic operation" },
	[UET_RC_AMO_UNSUPPORTED_DT] = {
		"AMO_UNSUPPORTED_DT", "the target does not support the atomic datatype" },
	[UET_RC_AMO_UNSUPPORTED_SIZE] = {
		"AMO_UNSUPPORTED_SIZE", "atomic length is not a multiple of the datatype" },
	[UET_RC_AMO_UNALIGNED] = {
		"AMO_UNALIGNED", "atomic address is not naturally aligned" },
	[UET_RC_AMO_FP_NAN] = {
		"AMO_FP_NAN", "atomic operation produced a NaN" },
	[UET_RC_AMO_FP_UNDERFLOW] = {
		"AMO_FP_UNDERFLOW", "atomic floating-point underflow" },
	[UET_RC_AMO_FP_OVERFLOW] = {
		"AMO_FP_OVERFLOW", "atomic floating-point overflow" },
	[UET_RC_AMO_FP_INEXACT] = {
		"AMO_FP_INEXACT", "inexact atomic floating-point result" },
	[UET_RC_PERM_VIOLATION] = {
		"PERM_VIOLATION", "the target does not allow this job or initiator" },
	[UET_RC_OP_VIOLATION] = {
		"OP_VIOLATION", "the memory region does not allow this kind of access" },
	[UET_RC_BAD_INDEX] = {
		"BAD_INDEX", "no endpoint at the target has this resource index" },
	[UET_RC_BAD_PID] = {
		"BAD_PID", "no process at the target has this PIDonFEP" },
	[UET_RC_BAD_JOB_ID] = {
		"BAD_JOB_ID", "the target does not know the JobID; both sides must use the same" },
	[UET_RC_BAD_MKEY] = {
		"BAD_MKEY", "the memory key names no region at the target" },
	[UET_RC_BAD_ADDR] = {
		"BAD_ADDR", "bad address, for example an offset past the memory region" },
	[UET_RC_CANCELLED] = {
		"CANCELLED", "the target cancelled the message" },
	[UET_RC_UNDELIVERABLE] = {
		"UNDELIVERABLE", "the message could not be delivered" },
	[UET_RC_UNCOR] = {
		"UNCOR", "uncorrectable error at the target" },
	[UET_RC_UNCOR_TRNSNT] = {
		"UNCOR_TRNSNT", "uncorrectable error at the target, probably transient" },
	[UET_RC_TOO_LONG] = {
		"TOO_LONG", "the message is longer than the buffer at the target" },
	[UET_RC_INITIATOR_ERROR] = {
		"INITIATOR_ERROR", "the initiator could not provide the data" },
	[UET_RC_DROPPED] = {
		"DROPPED", "the target dropped the message" },
};

/* What to say of a return code that is not in the table. */
static const char *rc_other(uint8_t rc)
{
	bool vendor = rc >= 0x30 && rc <= 0x37;

	return vendor || rc >= 64 ? unknown : reserved;
}

const char *uet_rc_name(uint8_t rc)
{
	return rc < UET_ARRAY_SIZE(rcs) ? rcs[rc].name : rc_other(rc);
}

const char *uet_rc_text(uint8_t rc)
{
	return rc < UET_ARRAY_SIZE(rcs) ? rcs[rc].text : rc_other(rc);
}
