/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet delivery sublayer (PDS) headers: pure functions between bytes and structs.
 * UEC 1.0.x Tables 3-31 to 3-42, 3-44, 3-58, 3-64, 3-65.
 */
#ifndef UET_WIRE_PDS_H
#define UET_WIRE_PDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define UET_UDP_PORT 4793	/* UDP_Dest_Port, Table 3-28 */

/* Packet types, Table 3-32. */
enum uet_pds_type {
	UET_PDS_TSS		= 1,
	UET_PDS_RUD_REQ		= 2,
	UET_PDS_ROD_REQ		= 3,
	UET_PDS_RUDI_REQ	= 4,
	UET_PDS_RUDI_RESP	= 5,
	UET_PDS_UUD_REQ		= 6,
	UET_PDS_ACK		= 7,
	UET_PDS_ACK_CC		= 8,
	UET_PDS_ACK_CCX		= 9,
	UET_PDS_NACK		= 10,
	UET_PDS_CP		= 11,
	UET_PDS_NACK_CCX	= 12,
	UET_PDS_RUD_CC_REQ	= 13,
	UET_PDS_ROD_CC_REQ	= 14,
};

/* next_hdr values, Table 3-16: which SES header follows. */
enum uet_next_hdr {
	UET_HDR_NONE			= 0,
	UET_HDR_REQUEST_SMALL		= 1,
	UET_HDR_REQUEST_MEDIUM		= 2,
	UET_HDR_REQUEST_STD		= 3,
	UET_HDR_RESPONSE		= 4,
	UET_HDR_RESPONSE_DATA		= 5,
	UET_HDR_RESPONSE_DATA_SMALL	= 6,
};

/* Flag masks of the 7-bit flags field; which apply depends on the type. */
#define UET_PDS_F_SYN	0x04	/* requests, CP: last field is pdc_info + psn_offset */
#define UET_PDS_F_AR	0x08	/* requests, CP: acknowledge at once */
#define UET_PDS_F_RETX	0x10	/* all: (answer to) a retransmission */
#define UET_PDS_F_ISROD	0x20	/* CP: the PDC is ROD */
#define UET_PDS_F_P	0x08	/* ACK: answers a PROBE */
#define UET_PDS_F_M	0x20	/* ACK, NACK, RUDI response: request came CE-marked */
#define UET_PDS_F_NT	0x08	/* NACK: of a RUDI packet */
#define UET_PDS_ACK_REQ(flags)	(((flags) >> 1) & 3)	/* ACK: enum uet_pds_ack_req */
#define UET_PDS_F_ACK_REQ(req)	(((req) & 3) << 1)

/* What an ACK asks of the source, Table 3-44. */
enum uet_pds_ack_req {
	UET_ACK_REQ_NONE	= 0,
	UET_ACK_REQ_CLEAR	= 1,
	UET_ACK_REQ_CLOSE	= 2,
};

/* Control packet types, Table 3-38. */
enum uet_pds_ctl {
	UET_CTL_NOOP		= 0,
	UET_CTL_ACK_REQ		= 1,
	UET_CTL_CLEAR_CMD	= 2,
	UET_CTL_CLEAR_REQ	= 3,
	UET_CTL_CLOSE_CMD	= 4,
	UET_CTL_CLOSE_REQ	= 5,
	UET_CTL_PROBE		= 6,
	UET_CTL_CREDIT		= 7,
	UET_CTL_CREDIT_REQ	= 8,
	UET_CTL_NEGOTIATION	= 9,
};

/* NACK codes, Table 3-58. */
enum uet_nack {
	UET_NACK_TRIMMED		= 0x01,
	UET_NACK_TRIMMED_LASTHOP	= 0x02,
	UET_NACK_TRIMMED_ACK		= 0x03,
	UET_NACK_NO_PDC_AVAIL		= 0x04,
	UET_NACK_NO_CCC_AVAIL		= 0x05,
	UET_NACK_NO_BITMAP		= 0x06,
	UET_NACK_NO_PKT_BUFFER		= 0x07,
	UET_NACK_NO_GTD_DEL_AVAIL	= 0x08,
	UET_NACK_NO_SES_MSG_AVAIL	= 0x09,
	UET_NACK_NO_RESOURCE		= 0x0A,
	UET_NACK_PSN_OOR_WINDOW		= 0x0B,
	UET_NACK_ROD_OOO		= 0x0D,
	UET_NACK_INV_DPDCID		= 0x0E,
	UET_NACK_PDC_HDR_MISMATCH	= 0x0F,
	UET_NACK_CLOSING		= 0x10,
	UET_NACK_CLOSING_IN_ERR		= 0x11,
	UET_NACK_PKT_NOT_RCVD		= 0x12,
	UET_NACK_GTD_RESP_UNAVAIL	= 0x13,
	UET_NACK_ACK_WITH_DATA		= 0x14,
	UET_NACK_INVALID_SYN		= 0x15,
	UET_NACK_PDC_MODE_MISMATCH	= 0x16,
	UET_NACK_NEW_START_PSN		= 0x17,
	UET_NACK_RCVD_SES_PROCG		= 0x18,
	UET_NACK_UNEXP_EVENT		= 0x19,
	UET_NACK_RCVR_INFER_LOSS	= 0x1A,
	UET_NACK_EXP_NORMAL		= 0xFD,
	UET_NACK_EXP_ERR		= 0xFE,
	UET_NACK_EXP_FATAL		= 0xFF,
};

/* Header sizes in bytes. */
#define UET_PDS_REQ_LEN		12
#define UET_PDS_CC_REQ_LEN	16
#define UET_PDS_ACK_LEN		12
#define UET_PDS_ACK_CC_LEN	32
#define UET_PDS_ACK_CCX_LEN	40
#define UET_PDS_NACK_LEN	16
#define UET_PDS_NACK_CCX_LEN	32
#define UET_PDS_CP_LEN		16	/* with its 4 bytes of payload */
#define UET_PDS_RUDI_LEN	8
#define UET_PDS_UUD_LEN		4
#define UET_PDS_MAX_LEN		UET_PDS_ACK_CCX_LEN

/* cc_type of ACK_CC, Table 3-36. */
enum uet_cc_type {
	UET_CC_NSCC	= 0,
	UET_CC_CREDIT	= 1,
};

/* ack_cc_state, both interpretations (only those of cc_type are valid). */
struct uet_ack_cc_state {
	uint16_t service_time;	/* NSCC: units of 128 ns, 0 = not valid */
	bool restore_cwnd;	/* NSCC */
	uint8_t rcv_cwnd_pend;	/* NSCC: 0-127 */
	uint32_t rcvd_bytes;	/* NSCC: units of 256 bytes, modulo 2^24 */
	uint32_t credit;	/* CREDIT: 24 bits */
	uint16_t ooo_count;	/* both */
};

/*
 * A PDS header of any type. Fields that the type does not have are 0 after unpacking and
 * ignored when packing. Offsets are kept as on the wire; the helpers below derive PSNs.
 */
struct uet_pds_hdr {
	uint8_t type;		/* enum uet_pds_type */
	uint8_t next_hdr;	/* enum uet_next_hdr; 0 for CP */
	uint8_t ctl_type;	/* enum uet_pds_ctl, CP only */
	uint8_t flags;		/* UET_PDS_F_* */
	uint16_t spdcid;
	uint16_t dpdcid;	/* 0 when SYN is set */
	uint32_t psn;		/* ACK: cack_psn; NACK: nack_psn; RUDI: pkt_id; else psn */
	int16_t offset;		/* requests: clear_psn_offset; ACK (P=0): ack_psn_offset */
	uint16_t probe_opaque;	/* CP PROBE; ACK with P=1 */
	uint8_t pdc_info;	/* SYN=1: 4 bits */
	uint16_t psn_offset;	/* SYN=1: 12 bits */
	uint32_t payload;	/* CP, NACK */
	uint8_t nack_code;	/* NACK */
	uint8_t vendor_code;	/* NACK */
	uint8_t ccc_id;		/* *_CC_REQ */
	uint32_t credit_target;	/* *_CC_REQ: 24 bits */
	uint8_t cc_type;	/* ACK_CC: enum uet_cc_type; ACK_CCX, NACK_CCX: their own */
	uint8_t cc_flags;	/* ACK_CC, ACK_CCX: 4 bits */
	uint8_t mpr;		/* ACK_CC, ACK_CCX: units of 128 PSNs */
	int16_t sack_psn_offset; /* ACK_CC, ACK_CCX */
	uint64_t sack_bitmap;	/* ACK_CC, ACK_CCX: bit i = PSN base + i */
	struct uet_ack_cc_state cc;	/* ACK_CC */
	uint8_t ccx_state[16];	/* ACK_CCX; NACK_CCX (low 124 bits, right-aligned) */
};

/*
 * Parse the PDS header at @buf. Returns its length in bytes (a CP includes its first 4
 * payload bytes; the rest of a NEGOTIATION payload is not parsed), -EBADMSG when @len is
 * too short, -EPROTONOSUPPORT for type 0, TSS, or a reserved type. Reserved bits are
 * ignored. @h is undefined on error.
 */
int uet_pds_unpack(struct uet_pds_hdr *h, const uint8_t *buf, size_t len);

/*
 * Write @h at @buf, which has room for UET_PDS_MAX_LEN bytes. Reserved bits are 0.
 * Returns the length; 0 for a type that cannot be packed (TSS, reserved).
 */
size_t uet_pds_pack(const struct uet_pds_hdr *h, uint8_t *buf);

/*
 * Write a request of type RUD_REQ or ROD_REQ at @buf, UET_PDS_REQ_LEN bytes, as uet_pds_pack does.
 * @last: dpdcid, or with SYN in @flags the psn_offset.
 */
static inline void uet_pds_req_put(uint8_t *buf, uint8_t type, uint8_t next_hdr, uint8_t flags,
				   int16_t clear_psn_offset, uint32_t psn, uint16_t spdcid,
				   uint16_t last)
{
	uet_put_be16(buf, (uint16_t)(type << 11 | next_hdr << 7 | flags));
	uet_put_be16(buf + 2, (uint16_t)clear_psn_offset);
	uet_put_be32(buf + 4, psn);
	uet_put_be16(buf + 8, spdcid);
	uet_put_be16(buf + 10, last);
}

/*
 * Parse the header at @buf as uet_pds_unpack does if it is a RUD_REQ or ROD_REQ without SYN. False,
 * and @h undefined, if not. Fields that such a header has not are left as they are.
 */
static inline bool uet_pds_req_get(struct uet_pds_hdr *h, const uint8_t *buf, size_t len)
{
	uint16_t w;

	if (len < UET_PDS_REQ_LEN)
		return false;
	w = uet_get_be16(buf);
	h->type = (uint8_t)(w >> 11);
	h->next_hdr = w >> 7 & 0xf;
	h->flags = w & (UET_PDS_F_RETX | UET_PDS_F_AR);
	h->offset = (int16_t)uet_get_be16(buf + 2);
	h->psn = uet_get_be32(buf + 4);
	h->spdcid = uet_get_be16(buf + 8);
	h->dpdcid = uet_get_be16(buf + 10);
	return !(w & UET_PDS_F_SYN) && (h->type == UET_PDS_RUD_REQ || h->type == UET_PDS_ROD_REQ);
}

/* True for the NACK codes of requests that a switch has trimmed. */
static inline bool uet_nack_is_trim(uint8_t code)
{
	return code == UET_NACK_TRIMMED || code == UET_NACK_TRIMMED_LASTHOP;
}

/* True for RUD_REQ, ROD_REQ and their CC forms. */
static inline bool uet_pds_is_request(uint8_t type)
{
	return type == UET_PDS_RUD_REQ || type == UET_PDS_ROD_REQ ||
	       type == UET_PDS_RUD_CC_REQ || type == UET_PDS_ROD_CC_REQ;
}

/* True for ACK, ACK_CC and ACK_CCX. */
static inline bool uet_pds_is_ack(uint8_t type)
{
	return type == UET_PDS_ACK || type == UET_PDS_ACK_CC || type == UET_PDS_ACK_CCX;
}

/* a - b in the circular PSN space; negative when a is older. */
static inline int32_t uet_psn_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* CLEAR_PSN of a request, or ACK_PSN of an ACK: psn plus the signed offset (4.4, 4.6). */
static inline uint32_t uet_pds_offset_psn(const struct uet_pds_hdr *h)
{
	return h->psn + (uint32_t)(int32_t)h->offset;
}

/* Start_PSN that a SYN packet names. */
static inline uint32_t uet_pds_start_psn(const struct uet_pds_hdr *h)
{
	return h->psn - h->psn_offset;
}

/* PSN of bit 0 of the SACK bitmap. */
static inline uint32_t uet_pds_sack_base(const struct uet_pds_hdr *h)
{
	return h->psn + (uint32_t)(int32_t)h->sack_psn_offset;
}

#endif /* UET_WIRE_PDS_H */
