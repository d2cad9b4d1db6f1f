/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "wire/ses.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

#define F_VER_SHIFT	6	/* in byte 1 of a request */

/* Sets of opcodes: bit n stands for opcode n. */
#define OPS_ATOMIC	(1u << UET_OP_ATOMIC | 1u << UET_OP_FETCHING_ATOMIC |		\
			 1u << UET_OP_TSEND_ATOMIC | 1u << UET_OP_TSEND_FETCH_ATOMIC)
#define OPS_RNDV	(1u << UET_OP_RENDEZVOUS_SEND | 1u << UET_OP_RENDEZVOUS_TSEND)

/* Atomic opcodes that carry a compare value: CSWAP ... CSWAP_GT and MSWAP (4.5). */
#define AMO_CAS_FIRST	0x0d
#define AMO_CAS_LAST	0x13

#define LEN14		0x3fff	/* the 14-bit length fields */
#define ID12		0x0fff	/* PIDonFEP, resource index */

/* Where the members of the extensions begin. */
#define REQ_EXT_AT	offsetof(struct uet_ses_req, eager_length)

static bool op_in(uint8_t opcode, uint32_t set)
{
	return opcode < 32 && (set >> opcode & 1);
}

/* Does an extension follow requests with this opcode? */
static bool has_ext(uint8_t opcode)
{
	return op_in(opcode, OPS_ATOMIC | OPS_RNDV) || opcode == UET_OP_VENDOR_ATOMIC;
}

size_t uet_ses_ext_len(uint8_t opcode, uint8_t atomic_opcode)
{
	if (!has_ext(opcode))
		return 0;
	if (opcode == UET_OP_VENDOR_ATOMIC)
		return UET_SES_EXT_ATOMIC_LEN;
	if (op_in(opcode, OPS_RNDV))
		return UET_SES_EXT_RNDV_LEN;
	return atomic_opcode >= AMO_CAS_FIRST && atomic_opcode <= AMO_CAS_LAST ?
	       UET_SES_EXT_CAS_LEN : UET_SES_EXT_ATOMIC_LEN;
}

/* Bytes of a request header of format @next_hdr without extension; 0 if it is none. */
static size_t req_base_len(uint8_t next_hdr)
{
	switch (next_hdr) {
	case UET_HDR_REQUEST_STD:
		return UET_SES_STD_LEN;
	case UET_HDR_REQUEST_MEDIUM:
		return UET_SES_MEDIUM_LEN;
	case UET_HDR_REQUEST_SMALL:
		return UET_SES_SMALL_LEN;
	default:
		return 0;
	}
}

static void get_ext(struct uet_ses_req *r, const uint8_t *p, size_t ext)
{
	if (ext == UET_SES_EXT_RNDV_LEN) {
		uint32_t pid_ri = uet_get_be24(p + 5);

		r->eager_length = uet_get_be32(p);
		r->read_ri_generation = p[4];
		r->read_pid_on_fep = (uint16_t)(pid_ri >> 12);
		r->read_resource_index = pid_ri & ID12;
		r->read_offset = uet_get_be64(p + 8);
		r->read_memory_key = uet_get_be64(p + 16);
		return;
	}
	r->atomic_opcode = p[0];
	r->atomic_datatype = p[1];
	r->semantic_control = p[2];
	if (ext == UET_SES_EXT_CAS_LEN) {
		memcpy(r->compare_value, p + 4, sizeof(r->compare_value));
		memcpy(r->swap_value, p + 20, sizeof(r->swap_value));
	}
}

static void put_ext(const struct uet_ses_req *r, uint8_t *p, size_t ext)
{
	if (ext == UET_SES_EXT_RNDV_LEN) {
		uet_put_be32(p, r->eager_length);
		p[4] = r->read_ri_generation;
		uet_put_be24(p + 5, (uint32_t)(r->read_pid_on_fep & ID12) << 12 |
				    (r->read_resource_index & ID12));
		uet_put_be64(p + 8, r->read_offset);
		uet_put_be64(p + 16, r->read_memory_key);
		return;
	}
	p[0] = r->atomic_opcode;
	p[1] = r->atomic_datatype;
	p[2] = r->semantic_control;
	p[3] = 0;
	if (ext == UET_SES_EXT_CAS_LEN) {
		memcpy(p + 4, r->compare_value, sizeof(r->compare_value));
		memcpy(p + 20, r->swap_value, sizeof(r->swap_value));
	}
}

/* Bytes 12-43 of a STD request: what they hold depends on the opcode and on SOM. */
static void get_std(struct uet_ses_req *r, const uint8_t *buf)
{
	r->message_id = uet_get_be16(buf + 2);
	r->initiator = uet_get_be32(buf + 20);
	r->request_length = uet_get_be32(buf + 40);

	switch (r->opcode) {
	case UET_OP_DEFERRABLE_SEND:
	case UET_OP_DEFERRABLE_TSEND:
		r->initiator_token = uet_get_be32(buf + 12);
		r->target_token = uet_get_be32(buf + 16);
		r->match_bits = uet_get_be64(buf + 24);
		break;
	case UET_OP_DEFERRABLE_RTR:
		r->buffer_offset = uet_get_be64(buf + 12);
		r->initiator_token = uet_get_be32(buf + 24);
		r->target_token = uet_get_be32(buf + 28);
		break;
	default:
		r->buffer_offset = uet_get_be64(buf + 12);
		r->match_bits = uet_get_be64(buf + 24);
		break;
	}

	if (!r->som) {
		r->hd = false;	/* only the first packet has header data */
		r->payload_length = uet_get_be16(buf + 34) & LEN14;
		r->message_offset = uet_get_be32(buf + 36);
	} else if (r->hd) {
		r->header_data = uet_get_be64(buf + 32);
	}
}

static void put_std(const struct uet_ses_req *r, uint8_t *buf)
{
	uet_put_be16(buf + 2, r->message_id);
	uet_put_be32(buf + 20, r->initiator);
	uet_put_be32(buf + 40, r->request_length);

	switch (r->opcode & 0x3f) {
	case UET_OP_DEFERRABLE_SEND:
	case UET_OP_DEFERRABLE_TSEND:
		uet_put_be32(buf + 12, r->initiator_token);
		uet_put_be32(buf + 16, r->target_token);
		uet_put_be64(buf + 24, r->match_bits);
		break;
	case UET_OP_DEFERRABLE_RTR:
		uet_put_be64(buf + 12, r->buffer_offset);
		uet_put_be32(buf + 24, r->initiator_token);
		uet_put_be32(buf + 28, r->target_token);
		break;
	default:
		uet_put_be64(buf + 12, r->buffer_offset);
		uet_put_be64(buf + 24, r->match_bits);
		break;
	}

	if (r->som) {
		uet_put_be64(buf + 32, r->hd ? r->header_data : 0);
	} else {
		uet_put_be32(buf + 32, r->payload_length & LEN14);
		uet_put_be32(buf + 36, r->message_offset);
	}
}

int uet_ses_req_unpack(struct uet_ses_req *r, uint8_t next_hdr, const uint8_t *buf, size_t len)
{
	size_t base = req_base_len(next_hdr), ext = 0;
	uint8_t opcode, flags;

	if (uet_unlikely(base == 0))
		return -EPROTONOSUPPORT;
	if (uet_unlikely(len < base))
		return -EBADMSG;
	opcode = buf[0] & 0x3f;
	if (has_ext(opcode)) {
		if (len < base + UET_SES_EXT_ATOMIC_LEN)
			return -EBADMSG;
		ext = uet_ses_ext_len(opcode, buf[base]);
		if (len < base + ext)
			return -EBADMSG;
	}

	flags = buf[1];
	/* Two clears that become a few stores each; one of this size becomes a slow rep stos. */
	memset(r, 0, REQ_EXT_AT);
	memset((char *)r + REQ_EXT_AT, 0, sizeof(*r) - REQ_EXT_AT);
	r->format = next_hdr;
	r->opcode = opcode;
	r->version = flags >> F_VER_SHIFT;
	r->dc = flags & UET_SES_F_DC;
	r->ie = flags & UET_SES_F_IE;
	r->rel = flags & UET_SES_F_REL;
	r->hd = flags & UET_SES_F_HD;
	r->eom = flags & UET_SES_F_EOM;
	r->som = flags & UET_SES_F_SOM;
	r->ri_generation = buf[4];
	r->job_id = uet_get_be24(buf + 5);
	r->pid_on_fep = uet_get_be16(buf + 8) & ID12;
	r->resource_index = uet_get_be16(buf + 10) & ID12;

	switch (next_hdr) {
	case UET_HDR_REQUEST_STD:
		get_std(r, buf);
		break;
	case UET_HDR_REQUEST_MEDIUM:
		r->request_length = uet_get_be16(buf + 2) & LEN14;
		if (r->hd)
			r->header_data = uet_get_be64(buf + 12);
		else
			r->buffer_offset = uet_get_be64(buf + 12);
		r->initiator = uet_get_be32(buf + 20);
		r->match_bits = uet_get_be64(buf + 24);
		break;
	case UET_HDR_REQUEST_SMALL:
		r->hd = false;	/* a reserved bit here */
		r->request_length = uet_get_be16(buf + 2) & LEN14;
		r->buffer_offset = uet_get_be64(buf + 12);
		break;
	}
	if (uet_unlikely(ext > 0))
		get_ext(r, buf + base, ext);
	return (int)(base + ext);
}

size_t uet_ses_req_pack(const struct uet_ses_req *r, uint8_t *buf)
{
	size_t base = req_base_len(r->format), ext;
	bool hd = r->hd;

	switch (r->format) {
	case UET_HDR_REQUEST_STD:
		hd = r->hd && r->som;
		put_std(r, buf);
		break;
	case UET_HDR_REQUEST_MEDIUM:
		uet_put_be16(buf + 2, r->request_length & LEN14);
		uet_put_be64(buf + 12, r->hd ? r->header_data : r->buffer_offset);
		uet_put_be32(buf + 20, r->initiator);
		uet_put_be64(buf + 24, r->match_bits);
		break;
	case UET_HDR_REQUEST_SMALL:
		hd = false;
		uet_put_be16(buf + 2, r->request_length & LEN14);
		uet_put_be64(buf + 12, r->buffer_offset);
		break;
	default:
		return 0;
	}

	buf[0] = r->opcode & 0x3f;
	buf[1] = (uint8_t)(r->version << F_VER_SHIFT |
			   r->dc * UET_SES_F_DC | r->ie * UET_SES_F_IE | r->rel * UET_SES_F_REL |
			   hd * UET_SES_F_HD | r->eom * UET_SES_F_EOM | r->som * UET_SES_F_SOM);
	buf[4] = r->ri_generation;
	uet_put_be24(buf + 5, r->job_id);
	uet_put_be16(buf + 8, r->pid_on_fep & ID12);
	uet_put_be16(buf + 10, r->resource_index & ID12);

	ext = uet_ses_ext_len(r->opcode & 0x3f, r->atomic_opcode);
	if (uet_unlikely(ext > 0))
		put_ext(r, buf + base, ext);
	return base + ext;
}

int uet_ses_resp_unpack(struct uet_ses_resp *r, uint8_t next_hdr, const uint8_t *buf, size_t len)
{
	size_t need;

	switch (next_hdr) {
	case UET_HDR_RESPONSE:
		need = UET_SES_RESP_LEN;
		/* Some peers' default response ends before modified_length. */
		if (len == 8 && (buf[0] & 0x3f) == UET_RESP_DEFAULT)
			need = 8;
		break;
	case UET_HDR_RESPONSE_DATA:
		need = UET_SES_RESP_DATA_LEN;
		break;
	case UET_HDR_RESPONSE_DATA_SMALL:
		need = UET_SES_RESP_SMALL_LEN;
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (uet_unlikely(len < need))
		return -EBADMSG;

	*r = (struct uet_ses_resp){ 0 };
	r->format = next_hdr;
	r->list = buf[0] >> 6;
	r->opcode = buf[0] & 0x3f;
	r->version = buf[1] >> 6;
	r->return_code = buf[1] & 0x3f;
	r->job_id = uet_get_be24(buf + 5);

	switch (next_hdr) {
	case UET_HDR_RESPONSE:
		r->message_id = uet_get_be16(buf + 2);
		r->ri_generation = buf[4];
		if (uet_likely(need == UET_SES_RESP_LEN))
			r->modified_length = uet_get_be32(buf + 8);
		break;
	case UET_HDR_RESPONSE_DATA:
		r->message_id = uet_get_be16(buf + 2);
		r->read_request_message_id = uet_get_be16(buf + 8);
		r->payload_length = uet_get_be16(buf + 10) & LEN14;
		r->modified_length = uet_get_be32(buf + 12);
		r->message_offset = uet_get_be32(buf + 16);
		break;
	case UET_HDR_RESPONSE_DATA_SMALL:
		r->payload_length = uet_get_be16(buf + 2) & LEN14;
		r->original_request_psn = uet_get_be32(buf + 8);
		break;
	}
	return (int)need;
}

size_t uet_ses_resp_pack(const struct uet_ses_resp *r, uint8_t *buf)
{
	size_t len;

	switch (r->format) {
	case UET_HDR_RESPONSE:
		len = UET_SES_RESP_LEN;
		uet_put_be16(buf + 2, r->message_id);
		buf[4] = r->ri_generation;
		uet_put_be32(buf + 8, r->modified_length);
		break;
	case UET_HDR_RESPONSE_DATA:
		len = UET_SES_RESP_DATA_LEN;
		uet_put_be16(buf + 2, r->message_id);
		buf[4] = 0;
		uet_put_be16(buf + 8, r->read_request_message_id);
		uet_put_be16(buf + 10, r->payload_length & LEN14);
		uet_put_be32(buf + 12, r->modified_length);
		uet_put_be32(buf + 16, r->message_offset);
		break;
	case UET_HDR_RESPONSE_DATA_SMALL:
		len = UET_SES_RESP_SMALL_LEN;
		uet_put_be16(buf + 2, r->payload_length & LEN14);
		buf[4] = 0;
		uet_put_be32(buf + 8, r->original_request_psn);
		break;
	default:
		return 0;
	}
	buf[0] = (uint8_t)(r->list << 6 | (r->opcode & 0x3f));
	buf[1] = (uint8_t)(r->version << 6 | (r->return_code & 0x3f));
	uet_put_be24(buf + 5, r->job_id);
	return len;
}
