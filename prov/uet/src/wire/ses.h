/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Semantic sublayer (SES) headers: pure functions between bytes and structs.
 * UEC 1.0.x Tables 3-8 to 3-13, 3-17 to 3-23, Figures 3-11 to 3-18.
 */
#ifndef UET_WIRE_SES_H
#define UET_WIRE_SES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/pds.h"

/* Request opcodes, Table 3-17. */
enum uet_ses_op {
	UET_OP_NO_OP			= 0x00,
	UET_OP_WRITE			= 0x01,
	UET_OP_READ			= 0x02,
	UET_OP_ATOMIC			= 0x03,
	UET_OP_FETCHING_ATOMIC		= 0x04,
	UET_OP_SEND			= 0x05,
	UET_OP_RENDEZVOUS_SEND		= 0x06,
	UET_OP_DATAGRAM_SEND		= 0x07,
	UET_OP_DEFERRABLE_SEND		= 0x08,
	UET_OP_TAGGED_SEND		= 0x09,
	UET_OP_RENDEZVOUS_TSEND		= 0x0A,
	UET_OP_DEFERRABLE_TSEND		= 0x0B,
	UET_OP_DEFERRABLE_RTR		= 0x0C,
	UET_OP_TSEND_ATOMIC		= 0x0D,
	UET_OP_TSEND_FETCH_ATOMIC	= 0x0E,
	UET_OP_MSG_ERROR		= 0x0F,
	/* Vendor range: fetching atomics that the standard forms cannot express, docs/wire.md. */
	UET_OP_VENDOR_ATOMIC		= 0x30,
};

/* Byte 1 of a request. */
#define UET_SES_F_VERSION	0xc0
#define UET_SES_F_DC		0x20
#define UET_SES_F_IE		0x10
#define UET_SES_F_REL		0x08
#define UET_SES_F_HD		0x04
#define UET_SES_F_EOM		0x02
#define UET_SES_F_SOM		0x01

/* Response opcodes, Table 3-18. */
enum uet_ses_resp_op {
	UET_RESP_DEFAULT	= 0x00,
	UET_RESP_RESPONSE	= 0x01,
	UET_RESP_W_DATA		= 0x02,
	UET_RESP_NO_RESPONSE	= 0x03,
};

/* list field of responses, Table 3-20. */
enum uet_ses_list {
	UET_LIST_EXPECTED	= 0,
	UET_LIST_OVERFLOW	= 1,
};

/* Return codes, Table 3-19. */
enum uet_rc {
	UET_RC_NULL			= 0x00,
	UET_RC_OK			= 0x01,
	UET_RC_BAD_GENERATION		= 0x02,
	UET_RC_DISABLED			= 0x03,
	UET_RC_DISABLED_GEN		= 0x04,
	UET_RC_NO_MATCH			= 0x05,
	UET_RC_UNSUPPORTED_OP		= 0x06,
	UET_RC_UNSUPPORTED_SIZE		= 0x07,
	UET_RC_AT_INVALID		= 0x08,
	UET_RC_AT_PERM			= 0x09,
	UET_RC_AT_ATS_ERROR		= 0x0A,
	UET_RC_AT_NO_TRANS		= 0x0B,
	UET_RC_AT_OUT_OF_RANGE		= 0x0C,
	UET_RC_HOST_POISONED		= 0x0D,
	UET_RC_HOST_UNSUCCESS_CMPL	= 0x0E,
	UET_RC_AMO_UNSUPPORTED_OP	= 0x0F,
	UET_RC_AMO_UNSUPPORTED_DT	= 0x10,
	UET_RC_AMO_UNSUPPORTED_SIZE	= 0x11,
	UET_RC_AMO_UNALIGNED		= 0x12,
	UET_RC_AMO_FP_NAN		= 0x13,
	UET_RC_AMO_FP_UNDERFLOW		= 0x14,
	UET_RC_AMO_FP_OVERFLOW		= 0x15,
	UET_RC_AMO_FP_INEXACT		= 0x16,
	UET_RC_PERM_VIOLATION		= 0x17,
	UET_RC_OP_VIOLATION		= 0x18,
	UET_RC_BAD_INDEX		= 0x19,
	UET_RC_BAD_PID			= 0x1A,
	UET_RC_BAD_JOB_ID		= 0x1B,
	UET_RC_BAD_MKEY			= 0x1C,
	UET_RC_BAD_ADDR			= 0x1D,
	UET_RC_CANCELLED		= 0x1E,
	UET_RC_UNDELIVERABLE		= 0x1F,
	UET_RC_UNCOR			= 0x20,
	UET_RC_UNCOR_TRNSNT		= 0x21,
	UET_RC_TOO_LONG			= 0x22,
	UET_RC_INITIATOR_ERROR		= 0x23,
	UET_RC_DROPPED			= 0x24,
};

/*
 * Atomic opcodes, Table 3-21. In those that compare, C stands on the left: CSWAP_LE swaps
 * when C <= T, T being the target's value.
 */
enum uet_amo_op {
	UET_AMO_MIN		= 0x00,
	UET_AMO_MAX		= 0x01,
	UET_AMO_SUM		= 0x02,
	UET_AMO_DIFF		= 0x03,
	UET_AMO_PROD		= 0x04,
	UET_AMO_LOR		= 0x05,
	UET_AMO_LAND		= 0x06,
	UET_AMO_BOR		= 0x07,
	UET_AMO_BAND		= 0x08,
	UET_AMO_LXOR		= 0x09,
	UET_AMO_BXOR		= 0x0A,
	UET_AMO_READ		= 0x0B,
	UET_AMO_WRITE		= 0x0C,
	UET_AMO_CSWAP		= 0x0D,
	UET_AMO_CSWAP_NE	= 0x0E,
	UET_AMO_CSWAP_LE	= 0x0F,
	UET_AMO_CSWAP_LT	= 0x10,
	UET_AMO_CSWAP_GE	= 0x11,
	UET_AMO_CSWAP_GT	= 0x12,
	UET_AMO_MSWAP		= 0x13,
	UET_AMO_INVAL		= 0x14,
};

/* Atomic datatypes, Table 3-22, and those of its vendor range that uet adds (0xE0 up). */
enum uet_amo_type {
	UET_AMO_INT8		= 0x00,
	UET_AMO_UINT8		= 0x01,
	UET_AMO_INT16		= 0x02,
	UET_AMO_UINT16		= 0x03,
	UET_AMO_INT32		= 0x04,
	UET_AMO_UINT32		= 0x05,
	UET_AMO_INT64		= 0x06,
	UET_AMO_UINT64		= 0x07,
	UET_AMO_INT128		= 0x08,
	UET_AMO_UINT128		= 0x09,
	UET_AMO_FLOAT		= 0x0A,
	UET_AMO_DOUBLE		= 0x0B,
	UET_AMO_FLOAT_COMPLEX	= 0x0C,
	UET_AMO_DOUBLE_COMPLEX	= 0x0D,
	UET_AMO_LONG_DOUBLE	= 0x0E,
	UET_AMO_LONG_DOUBLE_COMPLEX = 0x0F,
	UET_AMO_BF16		= 0x10,
	UET_AMO_FP16		= 0x11,
	UET_AMO_FP8_E4M3	= 0xE0,
	UET_AMO_FP8_E5M2	= 0xE1,
};

/* Header and extension sizes in bytes. */
#define UET_SES_SMALL_LEN	20
#define UET_SES_MEDIUM_LEN	32
#define UET_SES_STD_LEN		44
#define UET_SES_RESP_LEN	12
#define UET_SES_RESP_DATA_LEN	20
#define UET_SES_RESP_SMALL_LEN	12
#define UET_SES_EXT_ATOMIC_LEN	4
#define UET_SES_EXT_CAS_LEN	36
#define UET_SES_EXT_RNDV_LEN	24
#define UET_SES_REQ_MAX_LEN	(UET_SES_STD_LEN + UET_SES_EXT_CAS_LEN)

#define UET_SES_PAYLOAD_LEN_MAX	16383	/* 14-bit length fields */

/* A request of any format (SMALL, MEDIUM, STD). Fields a format lacks are 0. */
struct uet_ses_req {
	uint8_t format;		/* enum uet_next_hdr: REQUEST_SMALL, _MEDIUM or _STD */
	uint8_t opcode;		/* enum uet_ses_op */
	uint8_t version;	/* 0 */
	bool dc;		/* delivery complete */
	bool ie;		/* initiator error */
	bool rel;		/* relative addressing */
	bool hd;		/* header data present */
	bool eom;
	bool som;
	uint16_t message_id;	/* STD only */
	uint8_t ri_generation;
	uint32_t job_id;	/* 24 bits */
	uint16_t pid_on_fep;	/* 12 bits */
	uint16_t resource_index; /* 12 bits */
	uint32_t initiator;
	uint64_t buffer_offset;	/* not in deferrable sends */
	uint32_t initiator_token; /* DEFERRABLE_SEND, _TSEND, _RTR */
	uint32_t target_token;	/* the same */
	uint64_t match_bits;	/* or memory key; not in RTR */
	uint64_t header_data;	/* SOM=1 and HD=1 */
	uint32_t request_length; /* whole message; 14 bits in SMALL and MEDIUM */
	uint16_t payload_length; /* SOM=0: 14 bits */
	uint32_t message_offset; /* SOM=0 */
	/* Rendezvous extension, Figure 3-15. */
	uint32_t eager_length;
	uint8_t read_ri_generation;
	uint16_t read_pid_on_fep;
	uint16_t read_resource_index;
	uint64_t read_offset;
	uint64_t read_memory_key;
	/* Atomic and compare-and-swap extensions, Figures 3-16 and 3-17. */
	uint8_t atomic_opcode;
	uint8_t atomic_datatype;
	uint8_t semantic_control;
	uint8_t compare_value[16];	/* big-endian, value in the low-order bytes */
	uint8_t swap_value[16];
};

/* A response of any format. Fields a format lacks are 0. */
struct uet_ses_resp {
	uint8_t format;		/* enum uet_next_hdr: RESPONSE, _DATA or _DATA_SMALL */
	uint8_t list;		/* enum uet_ses_list */
	uint8_t opcode;		/* enum uet_ses_resp_op */
	uint8_t version;
	uint8_t return_code;	/* enum uet_rc */
	uint16_t message_id;	/* RESPONSE: of the request; DATA: response_message_id */
	uint8_t ri_generation;	/* RESPONSE */
	uint32_t job_id;
	uint32_t modified_length;	/* RESPONSE, DATA */
	uint16_t read_request_message_id; /* DATA */
	uint16_t payload_length;	/* DATA, DATA_SMALL */
	uint32_t message_offset;	/* DATA */
	uint32_t original_request_psn;	/* DATA_SMALL */
};

/*
 * What most requests are: standard headers without extension. The fields that sends and writes
 * look at, of which a compiler leaves out what nobody reads.
 */
struct uet_ses_brief {
	uint8_t opcode;
	uint8_t flags;		/* UET_SES_F_* */
	uint8_t ri_generation;
	uint16_t message_id;
	uint32_t job_id;
	uint16_t pid_on_fep;
	uint16_t resource_index;
	uint64_t buffer_offset;	/* deferrable sends: both tokens, the initiator's above */
	uint32_t initiator;
	uint64_t match_bits;
	uint64_t header_data;	/* SOM=1; means something with HD=1 */
	uint32_t request_length;
	uint16_t payload_length; /* SOM=0 */
	uint32_t message_offset; /* SOM=0 */
};

/*
 * Parse the header at @buf as uet_ses_req_unpack does. False, and @b undefined, for all but
 * standard headers of version 0 without IE; whether an extension follows is not looked at.
 */
static inline bool uet_ses_brief_unpack(struct uet_ses_brief *b, uint8_t next_hdr,
					const uint8_t *buf, size_t len)
{
	if (next_hdr != UET_HDR_REQUEST_STD || len < UET_SES_STD_LEN)
		return false;
	b->opcode = buf[0] & 0x3f;
	b->flags = buf[1];
	b->message_id = uet_get_be16(buf + 2);
	b->ri_generation = buf[4];
	b->job_id = uet_get_be32(buf + 4) & 0xffffff;
	b->pid_on_fep = uet_get_be16(buf + 8) & 0xfff;
	b->resource_index = uet_get_be16(buf + 10) & 0xfff;
	b->buffer_offset = uet_get_be64(buf + 12);
	b->initiator = uet_get_be32(buf + 20);
	b->match_bits = uet_get_be64(buf + 24);
	b->header_data = uet_get_be64(buf + 32);
	b->payload_length = uet_get_be16(buf + 34) & 0x3fff;
	b->message_offset = uet_get_be32(buf + 36);
	b->request_length = uet_get_be32(buf + 40);
	return !(b->flags & (UET_SES_F_VERSION | UET_SES_F_IE));
}

/* Are the standard headers at @a and @b equal but for payload_length and message_offset? */
static inline bool uet_ses_brief_same(const uint8_t *a, const uint8_t *b)
{
	uint64_t v[8];
	uint32_t w[2];

	memcpy(v, a, 32);
	memcpy(v + 4, b, 32);
	memcpy(w, a + 40, 4);
	memcpy(w + 1, b + 40, 4);
	return !((v[0] ^ v[4]) | (v[1] ^ v[5]) | (v[2] ^ v[6]) | (v[3] ^ v[7]) | (w[0] ^ w[1]));
}

/* Write @b at @buf, UET_SES_STD_LEN bytes. Its fields are in range. */
static inline void uet_ses_brief_pack(const struct uet_ses_brief *b, uint8_t *buf)
{
	buf[0] = b->opcode;
	buf[1] = b->flags;
	uet_put_be16(buf + 2, b->message_id);
	uet_put_be32(buf + 4, (uint32_t)b->ri_generation << 24 | b->job_id);
	uet_put_be16(buf + 8, b->pid_on_fep);
	uet_put_be16(buf + 10, b->resource_index);
	uet_put_be64(buf + 12, b->buffer_offset);
	uet_put_be32(buf + 20, b->initiator);
	uet_put_be64(buf + 24, b->match_bits);
	if (b->flags & UET_SES_F_SOM)
		uet_put_be64(buf + 32, b->header_data);
	else
		uet_put_be64(buf + 32, (uint64_t)b->payload_length << 32 | b->message_offset);
	uet_put_be32(buf + 40, b->request_length);
}

/* Bytes of the extension that follows a request with these opcodes: 0, 4, 24 or 36. */
size_t uet_ses_ext_len(uint8_t opcode, uint8_t atomic_opcode);

/*
 * Parse a request header of format @next_hdr (Table 3-16) with its extension. Returns the
 * bytes consumed (payload follows), -EBADMSG when @len is too short, -EPROTONOSUPPORT when
 * @next_hdr is not a request format. Reserved bits are ignored; values are not judged.
 */
int uet_ses_req_unpack(struct uet_ses_req *r, uint8_t next_hdr, const uint8_t *buf, size_t len);

/*
 * Write @r in the format r->format at @buf, which has room for UET_SES_REQ_MAX_LEN bytes.
 * Returns the length; 0 for an unknown format.
 */
size_t uet_ses_req_pack(const struct uet_ses_req *r, uint8_t *buf);

/*
 * Parse a response header of format @next_hdr. Accepts the 8-byte default response that
 * some peers send. Returns the bytes consumed, -EBADMSG, or -EPROTONOSUPPORT as above.
 */
int uet_ses_resp_unpack(struct uet_ses_resp *r, uint8_t next_hdr, const uint8_t *buf, size_t len);

/* Write a response of format RESPONSE, generation 0, at @buf: UET_SES_RESP_LEN bytes. */
static inline void uet_ses_resp_put(uint8_t *buf, uint8_t list, uint8_t opcode, uint8_t return_code,
				    uint16_t message_id, uint32_t job_id, uint32_t modified_length)
{
	buf[0] = (uint8_t)(list << 6 | opcode);
	buf[1] = return_code;
	uet_put_be16(buf + 2, message_id);
	uet_put_be32(buf + 4, job_id & 0xffffff);
	uet_put_be32(buf + 8, modified_length);
}

/* Write @r in the format r->format at @buf (20 bytes of room). Returns the length, 0 if unknown. */
size_t uet_ses_resp_pack(const struct uet_ses_resp *r, uint8_t *buf);

#endif /* UET_WIRE_SES_H */
