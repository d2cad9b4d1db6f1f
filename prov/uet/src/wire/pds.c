/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "wire/pds.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"

/* The prologue: type (5 bits), next_hdr or ctl_type (4), flags (7). */
#define TYPE_SHIFT	11
#define NEXT_SHIFT	7
#define NEXT_MASK	0xf
#define FLAGS_MASK	0x7f

/* What a type has: the length of its header, and the bits of its prologue that mean something. */
struct form {
	uint8_t len;		/* 0: not a PDS header */
	uint16_t mask;
};

#define FORM(length, next, flags)						\
	{ .len = (length),							\
	  .mask = 0x1f << TYPE_SHIFT | (next) << NEXT_SHIFT | (flags) }

#define REQ_FLAGS	(UET_PDS_F_RETX | UET_PDS_F_AR | UET_PDS_F_SYN)
#define ACK_FLAGS	(UET_PDS_F_M | UET_PDS_F_RETX | UET_PDS_F_P | UET_PDS_F_ACK_REQ(3))
#define NACK_FLAGS	(UET_PDS_F_M | UET_PDS_F_RETX | UET_PDS_F_NT)
#define CP_FLAGS	(UET_PDS_F_ISROD | UET_PDS_F_RETX | UET_PDS_F_AR | UET_PDS_F_SYN)

static const struct form forms[32] = {
	[UET_PDS_RUD_REQ]	= FORM(UET_PDS_REQ_LEN, NEXT_MASK, REQ_FLAGS),
	[UET_PDS_ROD_REQ]	= FORM(UET_PDS_REQ_LEN, NEXT_MASK, REQ_FLAGS),
	[UET_PDS_RUDI_REQ]	= FORM(UET_PDS_RUDI_LEN, NEXT_MASK, UET_PDS_F_RETX),
	[UET_PDS_RUDI_RESP]	= FORM(UET_PDS_RUDI_LEN, NEXT_MASK, UET_PDS_F_M | UET_PDS_F_RETX),
	[UET_PDS_UUD_REQ]	= FORM(UET_PDS_UUD_LEN, NEXT_MASK, 0),
	[UET_PDS_ACK]		= FORM(UET_PDS_ACK_LEN, NEXT_MASK, ACK_FLAGS),
	[UET_PDS_ACK_CC]	= FORM(UET_PDS_ACK_CC_LEN, NEXT_MASK, ACK_FLAGS),
	[UET_PDS_ACK_CCX]	= FORM(UET_PDS_ACK_CCX_LEN, NEXT_MASK, ACK_FLAGS),
	[UET_PDS_NACK]		= FORM(UET_PDS_NACK_LEN, 0, NACK_FLAGS),
	[UET_PDS_CP]		= FORM(UET_PDS_CP_LEN, NEXT_MASK, CP_FLAGS),
	[UET_PDS_NACK_CCX]	= FORM(UET_PDS_NACK_CCX_LEN, 0, NACK_FLAGS),
	[UET_PDS_RUD_CC_REQ]	= FORM(UET_PDS_CC_REQ_LEN, NEXT_MASK, REQ_FLAGS),
	[UET_PDS_ROD_CC_REQ]	= FORM(UET_PDS_CC_REQ_LEN, NEXT_MASK, REQ_FLAGS),
};

/* Bytes 4-11 of requests and CPs: psn, spdcid, and dpdcid or {pdc_info, psn_offset}. */
static void get_psn_ids(struct uet_pds_hdr *h, const uint8_t *buf)
{
	uint16_t last = uet_get_be16(buf + 10);

	h->psn = uet_get_be32(buf + 4);
	h->spdcid = uet_get_be16(buf + 8);
	if (h->flags & UET_PDS_F_SYN) {
		h->pdc_info = (uint8_t)(last >> 12);
		h->psn_offset = last & 0xfff;
	} else {
		h->dpdcid = last;
	}
}

static void put_psn_ids(const struct uet_pds_hdr *h, uint8_t *buf)
{
	uint16_t last = h->dpdcid;

	if (h->flags & UET_PDS_F_SYN)
		last = (uint16_t)(h->pdc_info << 12 | (h->psn_offset & 0xfff));
	uet_put_be32(buf + 4, h->psn);
	uet_put_be16(buf + 8, h->spdcid);
	uet_put_be16(buf + 10, last);
}

/* Bytes 2-11 of ACKs. */
static void get_ack(struct uet_pds_hdr *h, const uint8_t *buf)
{
	uint16_t first = uet_get_be16(buf + 2);

	if (h->flags & UET_PDS_F_P)
		h->probe_opaque = first;
	else
		h->offset = (int16_t)first;
	h->psn = uet_get_be32(buf + 4);
	h->spdcid = uet_get_be16(buf + 8);
	h->dpdcid = uet_get_be16(buf + 10);
}

static void put_ack(const struct uet_pds_hdr *h, uint8_t *buf)
{
	uet_put_be16(buf + 2, h->flags & UET_PDS_F_P ? h->probe_opaque : (uint16_t)h->offset);
	uet_put_be32(buf + 4, h->psn);
	uet_put_be16(buf + 8, h->spdcid);
	uet_put_be16(buf + 10, h->dpdcid);
}

/* Bytes 12-23 of ACK_CC and ACK_CCX. */
static void get_sack(struct uet_pds_hdr *h, const uint8_t *buf)
{
	h->cc_type = buf[12] >> 4;
	h->cc_flags = buf[12] & 0xf;
	h->mpr = buf[13];
	h->sack_psn_offset = (int16_t)uet_get_be16(buf + 14);
	h->sack_bitmap = uet_get_be64(buf + 16);
}

static void put_sack(const struct uet_pds_hdr *h, uint8_t *buf)
{
	buf[12] = (uint8_t)(h->cc_type << 4 | (h->cc_flags & 0xf));
	buf[13] = h->mpr;
	uet_put_be16(buf + 14, (uint16_t)h->sack_psn_offset);
	uet_put_be64(buf + 16, h->sack_bitmap);
}

/* ack_cc_state, the last 8 bytes of ACK_CC at @buf. Reserved cc_types have no known fields. */
static void get_cc_state(struct uet_pds_hdr *h, const uint8_t *buf)
{
	if (h->cc_type == UET_CC_NSCC) {
		h->cc.service_time = uet_get_be16(buf);
		h->cc.restore_cwnd = buf[2] >> 7;
		h->cc.rcv_cwnd_pend = buf[2] & 0x7f;
		h->cc.rcvd_bytes = uet_get_be24(buf + 3);
		h->cc.ooo_count = uet_get_be16(buf + 6);
	} else if (h->cc_type == UET_CC_CREDIT) {
		h->cc.credit = uet_get_be24(buf);
		h->cc.ooo_count = uet_get_be16(buf + 6);
	}
}

static void put_cc_state(const struct uet_pds_hdr *h, uint8_t *buf)
{
	uint8_t cc_type = h->cc_type & 0xf;

	uet_put_be64(buf, 0);
	if (cc_type == UET_CC_NSCC) {
		uet_put_be16(buf, h->cc.service_time);
		buf[2] = (uint8_t)(h->cc.restore_cwnd << 7 | (h->cc.rcv_cwnd_pend & 0x7f));
		uet_put_be24(buf + 3, h->cc.rcvd_bytes);
		uet_put_be16(buf + 6, h->cc.ooo_count);
	} else if (cc_type == UET_CC_CREDIT) {
		uet_put_be24(buf, h->cc.credit);
		uet_put_be16(buf + 6, h->cc.ooo_count);
	}
}

/* Bytes 2-15 of NACKs. */
static void get_nack(struct uet_pds_hdr *h, const uint8_t *buf)
{
	h->nack_code = buf[2];
	h->vendor_code = buf[3];
	h->psn = uet_get_be32(buf + 4);
	h->spdcid = uet_get_be16(buf + 8);
	h->dpdcid = uet_get_be16(buf + 10);
	h->payload = uet_get_be32(buf + 12);
}

static void put_nack(const struct uet_pds_hdr *h, uint8_t *buf)
{
	buf[2] = h->nack_code;
	buf[3] = h->vendor_code;
	uet_put_be32(buf + 4, h->psn);
	uet_put_be16(buf + 8, h->spdcid);
	uet_put_be16(buf + 10, h->dpdcid);
	uet_put_be32(buf + 12, h->payload);
}

/* Everything after the prologue, by type. */
static void get_fields(struct uet_pds_hdr *h, const uint8_t *buf)
{
	switch (h->type) {
	case UET_PDS_RUD_CC_REQ:
	case UET_PDS_ROD_CC_REQ:
		h->ccc_id = buf[12];
		h->credit_target = uet_get_be24(buf + 13);
		__attribute__((fallthrough));
	case UET_PDS_RUD_REQ:
	case UET_PDS_ROD_REQ:
		h->offset = (int16_t)uet_get_be16(buf + 2);
		get_psn_ids(h, buf);
		break;
	case UET_PDS_ACK:
		get_ack(h, buf);
		break;
	case UET_PDS_ACK_CC:
		get_ack(h, buf);
		get_sack(h, buf);
		get_cc_state(h, buf + 24);
		break;
	case UET_PDS_ACK_CCX:
		get_ack(h, buf);
		get_sack(h, buf);
		memcpy(h->ccx_state, buf + 24, sizeof(h->ccx_state));
		break;
	case UET_PDS_NACK:
		get_nack(h, buf);
		break;
	case UET_PDS_NACK_CCX:
		get_nack(h, buf);
		memcpy(h->ccx_state, buf + 16, sizeof(h->ccx_state));
		h->cc_type = h->ccx_state[0] >> 4;
		h->ccx_state[0] &= 0xf;
		break;
	case UET_PDS_CP:
		h->ctl_type = h->next_hdr;
		h->next_hdr = UET_HDR_NONE;
		if (h->ctl_type == UET_CTL_PROBE)
			h->probe_opaque = uet_get_be16(buf + 2);
		get_psn_ids(h, buf);
		h->payload = uet_get_be32(buf + 12);
		break;
	case UET_PDS_RUDI_REQ:
	case UET_PDS_RUDI_RESP:
		h->psn = uet_get_be32(buf + 4);
		break;
	}
}

int uet_pds_unpack(struct uet_pds_hdr *h, const uint8_t *buf, size_t len)
{
	const struct form *form;
	uint16_t w;

	if (uet_unlikely(len < 2))
		return -EBADMSG;
	w = uet_get_be16(buf);
	form = &forms[w >> TYPE_SHIFT];
	if (uet_unlikely(form->len == 0))
		return -EPROTONOSUPPORT;
	if (uet_unlikely(len < form->len))
		return -EBADMSG;

	w &= form->mask;
	*h = (struct uet_pds_hdr){ 0 };
	h->type = (uint8_t)(w >> TYPE_SHIFT);
	h->next_hdr = w >> NEXT_SHIFT & NEXT_MASK;
	h->flags = w & FLAGS_MASK;

	get_fields(h, buf);
	return form->len;
}

static void put_fields(const struct uet_pds_hdr *h, uint8_t *buf)
{
	switch (h->type) {
	case UET_PDS_RUD_CC_REQ:
	case UET_PDS_ROD_CC_REQ:
		buf[12] = h->ccc_id;
		uet_put_be24(buf + 13, h->credit_target);
		__attribute__((fallthrough));
	case UET_PDS_RUD_REQ:
	case UET_PDS_ROD_REQ:
		uet_put_be16(buf + 2, (uint16_t)h->offset);
		put_psn_ids(h, buf);
		break;
	case UET_PDS_ACK:
		put_ack(h, buf);
		break;
	case UET_PDS_ACK_CC:
		put_ack(h, buf);
		put_sack(h, buf);
		put_cc_state(h, buf + 24);
		break;
	case UET_PDS_ACK_CCX:
		put_ack(h, buf);
		put_sack(h, buf);
		memcpy(buf + 24, h->ccx_state, sizeof(h->ccx_state));
		break;
	case UET_PDS_NACK:
		put_nack(h, buf);
		break;
	case UET_PDS_NACK_CCX:
		put_nack(h, buf);
		memcpy(buf + 16, h->ccx_state, sizeof(h->ccx_state));
		buf[16] = (uint8_t)(h->cc_type << 4 | (h->ccx_state[0] & 0xf));
		break;
	case UET_PDS_CP:
		uet_put_be16(buf + 2, (h->ctl_type & NEXT_MASK) == UET_CTL_PROBE ?
				      h->probe_opaque : 0);
		put_psn_ids(h, buf);
		uet_put_be32(buf + 12, h->payload);
		break;
	case UET_PDS_RUDI_REQ:
	case UET_PDS_RUDI_RESP:
		uet_put_be16(buf + 2, 0);
		uet_put_be32(buf + 4, h->psn);
		break;
	case UET_PDS_UUD_REQ:
		uet_put_be16(buf + 2, 0);
		break;
	}
}

size_t uet_pds_pack(const struct uet_pds_hdr *h, uint8_t *buf)
{
	const struct form *form;
	uint8_t next;

	if (uet_unlikely(h->type >= UET_ARRAY_SIZE(forms)))
		return 0;
	form = &forms[h->type];
	if (uet_unlikely(form->len == 0))
		return 0;

	next = (h->type == UET_PDS_CP ? h->ctl_type : h->next_hdr) & NEXT_MASK;
	uet_put_be16(buf, form->mask & (uint16_t)(h->type << TYPE_SHIFT |
						  next << NEXT_SHIFT |
						  (h->flags & FLAGS_MASK)));

	put_fields(h, buf);
	return form->len;
}
