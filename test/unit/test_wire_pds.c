/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * PDS headers against the vectors of test/data/vectors-pds.json in both directions (the
 * full_* ones with IP, UDP or entropy header, SES part and CRC), truncation, and seeded
 * properties. Some vectors are legal for the codec but not for the protocol.
 */
#include "test_wire_vectors.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/util.h"
#include "wire/pds.h"
#include "wire/ses.h"

/* CRC-32C register (no final inversion) after @len bytes. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

static void crc_of_the_test_is_right(void **state)
{
	static const uint8_t zeros[32];

	(void)state;
	assert_int_equal(~crc32c(~0u, (const uint8_t *)"123456789", 9), 0xe3069283);
	assert_int_equal(~crc32c(~0u, zeros, sizeof(zeros)), 0x8a9136aa);
}

/* Every member of the struct. */
static void hdr_equal(const char *who, const struct uet_pds_hdr *a, const struct uet_pds_hdr *b)
{
	EQ(who, a, b, type);
	EQ(who, a, b, next_hdr);
	EQ(who, a, b, ctl_type);
	EQ(who, a, b, flags);
	EQ(who, a, b, spdcid);
	EQ(who, a, b, dpdcid);
	EQ(who, a, b, psn);
	EQ(who, a, b, offset);
	EQ(who, a, b, probe_opaque);
	EQ(who, a, b, pdc_info);
	EQ(who, a, b, psn_offset);
	EQ(who, a, b, payload);
	EQ(who, a, b, nack_code);
	EQ(who, a, b, vendor_code);
	EQ(who, a, b, ccc_id);
	EQ(who, a, b, credit_target);
	EQ(who, a, b, cc_type);
	EQ(who, a, b, cc_flags);
	EQ(who, a, b, mpr);
	EQ(who, a, b, sack_psn_offset);
	EQ(who, a, b, sack_bitmap);
	EQ(who, a, b, cc.service_time);
	EQ(who, a, b, cc.restore_cwnd);
	EQ(who, a, b, cc.rcv_cwnd_pend);
	EQ(who, a, b, cc.rcvd_bytes);
	EQ(who, a, b, cc.credit);
	EQ(who, a, b, cc.ooo_count);
	assert_memory_equal(a->ccx_state, b->ccx_state, sizeof(a->ccx_state));
}

static uint8_t take_flag(struct vec *v, const char *key, uint8_t mask)
{
	uint64_t on = vec_opt(v, key);

	assert_true(on <= 1);
	return on ? mask : 0;
}

static void expected_flags(struct vec *v, struct uet_pds_hdr *h)
{
	/* Reserved fields are 0 in all vectors; the byte comparison of pack sees the bits. */
	if (h->type == UET_PDS_UUD_REQ)
		VEC_CHECK(v, "pds.flags", 0);
	else
		VEC_CHECK(v, "pds.flags.rsvd", 0);
	h->flags |= take_flag(v, "pds.flags.retx", UET_PDS_F_RETX);
	h->flags |= take_flag(v, "pds.flags.ar", UET_PDS_F_AR);
	h->flags |= take_flag(v, "pds.flags.syn", UET_PDS_F_SYN);
	h->flags |= take_flag(v, "pds.flags.isrod", UET_PDS_F_ISROD);
	h->flags |= take_flag(v, "pds.flags.p", UET_PDS_F_P);
	h->flags |= take_flag(v, "pds.flags.m", UET_PDS_F_M);
	h->flags |= take_flag(v, "pds.flags.nt", UET_PDS_F_NT);
	if (vec_has(v, "pds.flags.req"))
		h->flags |= (uint8_t)UET_PDS_F_ACK_REQ(vec_num(v, "pds.flags.req"));
}

/* PSN or packet id, and the 16-bit offset: they have a name for each kind of packet. */
static void expected_psn(struct vec *v, struct uet_pds_hdr *h)
{
	uint8_t type = h->type;

	if (uet_pds_is_request(type)) {
		h->psn = (uint32_t)vec_num(v, "pds.psn");
		h->offset = (int16_t)vec_num(v, "pds.clear_psn_offset");
	} else if (uet_pds_is_ack(type)) {
		h->psn = (uint32_t)vec_num(v, "pds.cack_psn");
		if (!(h->flags & UET_PDS_F_P))
			h->offset = (int16_t)vec_num(v, "pds.ack_psn_offset");
	} else if (type == UET_PDS_NACK || type == UET_PDS_NACK_CCX) {
		h->psn = (uint32_t)vec_num(v, h->flags & UET_PDS_F_NT ? "pds.nack_pkt_id" :
								       "pds.nack_psn");
	} else if (type == UET_PDS_CP) {
		h->psn = (uint32_t)vec_num(v, "pds.psn");
	} else {
		VEC_CHECK(v, "pds.rsvd16", 0);
		if (type != UET_PDS_UUD_REQ)
			h->psn = (uint32_t)vec_num(v, "pds.pkt_id");
	}
}

/* SACK and congestion fields of the CC and CCX types. */
static void expected_cc(struct vec *v, struct uet_pds_hdr *h)
{
	uint8_t type = h->type;

	if (type == UET_PDS_ACK_CC || type == UET_PDS_ACK_CCX) {
		h->cc_type = (uint8_t)vec_num(v, "pds.cc_type");
		h->cc_flags = (uint8_t)vec_num(v, "pds.cc_flags");
		h->mpr = (uint8_t)vec_num(v, "pds.mpr");
		h->sack_psn_offset = (int16_t)vec_num(v, "pds.sack_psn_offset");
		h->sack_bitmap = vec_num(v, "pds.sack_bitmap");
	}
	if (type == UET_PDS_ACK_CCX)
		vec_num128(v, "pds.ack_ccx_state", h->ccx_state);
	if (type == UET_PDS_NACK_CCX) {
		h->cc_type = (uint8_t)vec_num(v, "pds.nccx_type");
		vec_num128(v, "pds.nack_ccx_state", h->ccx_state);
	}
	if (type == UET_PDS_ACK_CC) {
		h->cc.ooo_count = (uint16_t)vec_num(v, "pds.ooo_count");
		if (h->cc_type == UET_CC_NSCC) {
			h->cc.service_time = (uint16_t)vec_num(v, "pds.service_time");
			h->cc.restore_cwnd = vec_num(v, "pds.restore_cwnd");
			h->cc.rcv_cwnd_pend = (uint8_t)vec_num(v, "pds.rcv_cwnd_pend");
			h->cc.rcvd_bytes = (uint32_t)vec_num(v, "pds.rcvd_bytes");
		} else {
			h->cc.credit = (uint32_t)vec_num(v, "pds.credit");
			VEC_CHECK(v, "pds.rsvd_cc", 0);
		}
	}
}

/* The struct that the vector's pds.* fields describe, by the reading of the specification. */
static void expected_pds(struct vec *v, struct uet_pds_hdr *h)
{
	memset(h, 0, sizeof(*h));
	h->type = (uint8_t)vec_num(v, "pds.type");
	if (h->type == UET_PDS_CP)
		h->ctl_type = (uint8_t)vec_num(v, "pds.ctl_type");
	else
		h->next_hdr = (uint8_t)vec_num(v, "pds.next_hdr");

	expected_flags(v, h);
	h->spdcid = (uint16_t)vec_opt(v, "pds.spdcid");
	h->dpdcid = (uint16_t)vec_opt(v, "pds.dpdcid");
	h->pdc_info = (uint8_t)vec_opt(v, "pds.pdc_info");
	h->psn_offset = (uint16_t)vec_opt(v, "pds.psn_offset");
	h->probe_opaque = (uint16_t)vec_opt(v, "pds.probe_opaque");
	h->ccc_id = (uint8_t)vec_opt(v, "pds.ccc_id");
	h->credit_target = (uint32_t)vec_opt(v, "pds.credit_target");
	h->nack_code = (uint8_t)vec_opt(v, "pds.nack_code");
	h->vendor_code = (uint8_t)vec_opt(v, "pds.vendor_code");
	h->payload = (uint32_t)vec_opt(v, "pds.payload");

	expected_psn(v, h);
	expected_cc(v, h);
	if (h->ctl_type == UET_CTL_NEGOTIATION)
		h->payload = (uint32_t)(vec_num(v, "pds.neg_type") << 24 |
					vec_num(v, "pds.neg_len") << 16 |
					vec_num(v, "pds.neg_rsvd"));
}

/* The derived.* fields, from what was unpacked. */
static void check_derived(struct vec *v, const struct uet_pds_hdr *h)
{
	if (uet_pds_is_request(h->type))
		VEC_CHECK(v, "derived.clear_psn", uet_pds_offset_psn(h));
	if (uet_pds_is_ack(h->type) && !(h->flags & UET_PDS_F_P))
		VEC_CHECK(v, "derived.ack_psn", uet_pds_offset_psn(h));
	if (vec_has(v, "derived.start_psn"))
		VEC_CHECK(v, "derived.start_psn", uet_pds_start_psn(h));
	if (vec_has(v, "derived.sack_base_psn"))
		VEC_CHECK(v, "derived.sack_base_psn", uet_pds_sack_base(h));
	if (h->type != UET_PDS_CP)
		return;
	if (h->ctl_type == UET_CTL_ACK_REQ)
		VEC_CHECK(v, "derived.message_id", h->payload);
	if (h->ctl_type == UET_CTL_CREDIT) {
		VEC_CHECK(v, "derived.credit", h->payload >> 8);
		VEC_CHECK(v, "derived.rsvd8", h->payload & 0xff);
	}
	if (h->ctl_type == UET_CTL_CREDIT_REQ) {
		VEC_CHECK(v, "derived.ccc_id", h->payload >> 24);
		VEC_CHECK(v, "derived.credit_target", h->payload & 0xffffff);
	}
}

/* Check the IP and UDP or entropy headers; returns where the UET part begins. */
static size_t check_ip(struct vec *v, uint32_t *crc_from)
{
	const uint8_t *p = v->bytes;
	char text[INET6_ADDRSTRLEN], want[INET6_ADDRSTRLEN];
	bool v6 = p[0] >> 4 == 6;
	size_t at = v6 ? 40 : 20;
	uint8_t tos, proto;

	VEC_CHECK(v, "ip.version", p[0] >> 4);
	if (v6) {
		tos = (uint8_t)(uet_get_be16(p) >> 4);
		proto = p[6];
		VEC_CHECK(v, "ip.flow_label", uet_get_be32(p) & 0xfffff);
		VEC_CHECK(v, "ip.payload_length", uet_get_be16(p + 4));
		VEC_CHECK(v, "ip.next_header", proto);
		VEC_CHECK(v, "ip.hop_limit", p[7]);
		assert_int_equal(uet_get_be16(p + 4), v->len - at);
	} else {
		uint32_t sum = 0;

		tos = p[1];
		proto = p[9];
		VEC_CHECK(v, "ip.ihl", p[0] & 0xf);
		VEC_CHECK(v, "ip.total_length", uet_get_be16(p + 2));
		VEC_CHECK(v, "ip.id", uet_get_be16(p + 4));
		VEC_CHECK(v, "ip.df", p[6] >> 6 & 1);
		VEC_CHECK(v, "ip.frag_offset", uet_get_be16(p + 6) & 0x1fff);
		VEC_CHECK(v, "ip.ttl", p[8]);
		VEC_CHECK(v, "ip.protocol", proto);
		VEC_CHECK(v, "ip.checksum", uet_get_be16(p + 10));
		assert_int_equal(uet_get_be16(p + 2), v->len);
		for (size_t i = 0; i < at; i += 2)
			sum += uet_get_be16(p + i);
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	}
	VEC_CHECK(v, "ip.dscp", tos >> 2);
	VEC_CHECK(v, "ip.ecn", tos & 3);

	*crc_from = v6 ? 8 : 12;
	inet_ntop(v6 ? AF_INET6 : AF_INET, p + *crc_from, text, sizeof(text));
	vec_str(v, "ip.src", want, sizeof(want));
	assert_string_equal(text, want);
	inet_ntop(v6 ? AF_INET6 : AF_INET, p + *crc_from + (v6 ? 16 : 4), text, sizeof(text));
	vec_str(v, "ip.dst", want, sizeof(want));
	assert_string_equal(text, want);

	if (proto == IPPROTO_UDP) {
		VEC_CHECK(v, "udp.src_port", uet_get_be16(p + at));
		assert_int_equal(uet_get_be16(p + at + 2), UET_UDP_PORT);
		VEC_CHECK(v, "udp.dst_port", uet_get_be16(p + at + 2));
		VEC_CHECK(v, "udp.length", uet_get_be16(p + at + 4));
		VEC_CHECK(v, "udp.checksum", uet_get_be16(p + at + 6));
		return at + 8;
	}
	VEC_CHECK(v, "entropy.entropy", uet_get_be16(p + at));
	VEC_CHECK(v, "entropy.rsvd", uet_get_be16(p + at + 2));
	return at + 4;
}

/* Check the CRC trailer, sent least significant byte first. */
static void check_crc(struct vec *v, uint32_t from)
{
	const uint8_t *t = v->bytes + v->len - 4;
	uint32_t crc = ~crc32c(~0u, v->bytes + from, v->len - 4 - from);

	VEC_CHECK(v, "derived.crc_first_byte_offset", from);
	VEC_CHECK(v, "crc32c", crc);
	assert_int_equal(crc, t[0] | t[1] << 8 | t[2] << 16 | (uint32_t)t[3] << 24);
	assert_int_equal(~crc32c(~0u, v->bytes + from, v->len - from), 0x48674bc7);
}

/* Check a SES request or response at @p both ways; returns its length. */
static size_t check_ses(struct vec *v, uint8_t next_hdr, const uint8_t *p, size_t len)
{
	uint8_t out[UET_SES_REQ_MAX_LEN];
	int n;

	if (next_hdr <= UET_HDR_REQUEST_STD) {
		struct uet_ses_req r;

		n = uet_ses_req_unpack(&r, next_hdr, p, len);
		assert_true(n > 0);
		VEC_CHECK(v, "ses.opcode", r.opcode);
		VEC_CHECK(v, "ses.ver", r.version);
		VEC_CHECK(v, "ses.dc", r.dc);
		VEC_CHECK(v, "ses.ie", r.ie);
		VEC_CHECK(v, "ses.rel", r.rel);
		VEC_CHECK(v, "ses.hd", r.hd);
		VEC_CHECK(v, "ses.eom", r.eom);
		VEC_CHECK(v, "ses.som", r.som);
		VEC_CHECK(v, "ses.message_id", r.message_id);
		VEC_CHECK(v, "ses.ri_generation", r.ri_generation);
		VEC_CHECK(v, "ses.job_id", r.job_id);
		VEC_CHECK(v, "ses.pid_on_fep", r.pid_on_fep);
		VEC_CHECK(v, "ses.resource_index", r.resource_index);
		VEC_CHECK(v, "ses.buffer_offset", r.buffer_offset);
		VEC_CHECK(v, "ses.initiator", r.initiator);
		VEC_CHECK(v, "ses.match_bits", r.match_bits);
		VEC_CHECK(v, "ses.header_data", r.header_data);
		VEC_CHECK(v, "ses.request_length", r.request_length);
		assert_int_equal(uet_ses_req_pack(&r, out), n);
	} else {
		struct uet_ses_resp r;

		n = uet_ses_resp_unpack(&r, next_hdr, p, len);
		assert_true(n > 0);
		VEC_CHECK(v, "ses.list", r.list);
		VEC_CHECK(v, "ses.opcode", r.opcode);
		VEC_CHECK(v, "ses.ver", r.version);
		VEC_CHECK(v, "ses.return_code", r.return_code);
		VEC_CHECK(v, "ses.message_id", r.message_id);
		VEC_CHECK(v, "ses.ri_generation", r.ri_generation);
		VEC_CHECK(v, "ses.job_id", r.job_id);
		VEC_CHECK(v, "ses.modified_length", r.modified_length);
		if (next_hdr == UET_HDR_RESPONSE_DATA) {
			VEC_CHECK(v, "ses.read_request_message_id", r.read_request_message_id);
			VEC_CHECK(v, "ses.payload_length", r.payload_length);
			VEC_CHECK(v, "ses.message_offset", r.message_offset);
		}
		assert_int_equal(uet_ses_resp_pack(&r, out), n);
	}
	assert_memory_equal(out, p, (size_t)n);
	return (size_t)n;
}

static void check_vector(struct vec *v)
{
	bool full = strncmp(v->name, "full_", 5) == 0;
	struct uet_pds_hdr want, got;
	uint8_t out[UET_PDS_MAX_LEN], payload[VEC_MAX_LEN];
	uint32_t crc_from = 0;
	size_t at = 0, end = v->len;
	int n;

	if (full)
		at = check_ip(v, &crc_from);
	if (vec_has(v, "crc32c")) {
		check_crc(v, crc_from);
		end -= 4;
	}

	expected_pds(v, &want);
	n = uet_pds_unpack(&got, v->bytes + at, end - at);
	assert_true(n > 0);
	hdr_equal(v->name, &got, &want);
	assert_int_equal(uet_pds_pack(&want, out), n);
	assert_memory_equal(out, v->bytes + at, (size_t)n);
	check_derived(v, &got);
	at += (size_t)n;

	if (want.ctl_type == UET_CTL_NEGOTIATION) {	/* the part beyond the codec */
		VEC_CHECK(v, "pds.feature_mask", uet_get_be32(v->bytes + at));
		at += 4;
	}
	/* Some vectors name the SES header that follows but stop before it. */
	if (want.next_hdr != UET_HDR_NONE && at < end)
		at += check_ses(v, want.next_hdr, v->bytes + at, end - at);
	if (vec_has(v, "payload")) {
		char hex[2 * VEC_MAX_LEN + 1];
		size_t len;

		vec_str(v, "payload", hex, sizeof(hex));
		len = vec_unhex(hex, payload);
		assert_int_equal(len, end - at);
		assert_memory_equal(payload, v->bytes + at, len);
		at += len;
	}
	assert_int_equal(at, end);	/* every byte was compared */
}

static void vectors_both_ways(void **state)
{
	json_t *all = vec_load("vectors-pds.json");
	uint32_t types = 0, ctls = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct uet_pds_hdr h;
		struct vec v;

		vec_open(&v, all, i);
		check_vector(&v);
		if (uet_pds_unpack(&h, v.bytes, v.len) > 0) {
			types |= 1u << h.type;
			ctls |= h.type == UET_PDS_CP ? 1u << h.ctl_type : 0;
		}
		vec_close(&v);
	}
	assert_int_equal(types & 0x7ffc, 0x7ffc);	/* all 13 types were there */
	assert_int_equal(ctls & 0x3ff, 0x3ff);		/* and all control types */
	json_decref(all);
}

/* Lengths by type, from Table 3-32; 0 where there is no PDS header. */
static const uint8_t type_len[32] = {
	[2] = 12, [3] = 12, [4] = 8, [5] = 8, [6] = 4, [7] = 12, [8] = 32, [9] = 40,
	[10] = 16, [11] = 16, [12] = 32, [13] = 16, [14] = 16,
};

static int need_of(const uint8_t *bytes)
{
	return type_len[bytes[0] >> 3];
}

/* The SES part of a cut packet: too short, or parsed within its bytes. */
static void ses_prefix(uint8_t next_hdr, const uint8_t *p, size_t len)
{
	struct uet_ses_resp resp;
	struct uet_ses_req req;
	int n = next_hdr <= UET_HDR_REQUEST_STD ? uet_ses_req_unpack(&req, next_hdr, p, len) :
						  uet_ses_resp_unpack(&resp, next_hdr, p, len);

	assert_true(n == -EBADMSG || (n > 0 && (size_t)n <= len));
}

static void every_prefix_is_safe(void **state)
{
	json_t *all = vec_load("vectors-pds.json");

	(void)state;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vec v;
		size_t at = 0;

		vec_open(&v, all, i);
		if (strncmp(v.name, "full_", 5) == 0) {
			uint32_t from;

			at = check_ip(&v, &from);
		}
		for (size_t len = 0; at + len <= v.len; len++) {
			struct uet_pds_hdr h;
			void *mem;
			uint8_t *p = vec_exact(v.bytes + at, len, &mem);
			int need = need_of(v.bytes + at);
			int n = uet_pds_unpack(&h, p, len);

			assert_int_equal(n, (int)len < need ? -EBADMSG : need);
			if (n > 0 && h.next_hdr != UET_HDR_NONE)
				ses_prefix(h.next_hdr, p + n, len - (size_t)n);
			free(mem);
		}
		json_decref(v.fields);
	}
	json_decref(all);
}

static void types_that_are_no_pds_header(void **state)
{
	struct uet_pds_hdr h;
	uint8_t buf[64];

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		memset(buf, 0, sizeof(buf));
		memset(&h, 0, sizeof(h));
		h.type = (uint8_t)type;
		if (type < 32 && type_len[type]) {
			assert_int_equal(uet_pds_pack(&h, buf), type_len[type]);
			continue;
		}
		assert_int_equal(uet_pds_pack(&h, buf), 0);
		for (size_t i = 0; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0);
		if (type >= 32)
			continue;
		buf[0] = (uint8_t)(type << 3);
		assert_int_equal(uet_pds_unpack(&h, buf, sizeof(buf)), -EPROTONOSUPPORT);
		assert_int_equal(uet_pds_unpack(&h, buf, 2), -EPROTONOSUPPORT);
		assert_int_equal(uet_pds_unpack(&h, buf, 1), -EBADMSG);
	}
}

static uint64_t bits(struct uet_rand *r, unsigned int n)
{
	return uet_rand_u64(r) >> (64 - n);
}

/* Flag bits that each type has (4.1). */
static uint8_t type_flags(uint8_t type)
{
	if (uet_pds_is_request(type))
		return 0x1c;
	if (uet_pds_is_ack(type))
		return 0x3e;
	switch (type) {
	case UET_PDS_NACK:
	case UET_PDS_NACK_CCX:
		return 0x38;
	case UET_PDS_CP:
		return 0x3c;
	case UET_PDS_RUDI_REQ:
		return 0x10;
	case UET_PDS_RUDI_RESP:
		return 0x30;
	default:
		return 0;
	}
}

/* Every member random, whether the type has it or not, beyond the width of its field too. */
static void noise(struct uet_rand *r, struct uet_pds_hdr *h)
{
	*h = (struct uet_pds_hdr){
		.next_hdr = (uint8_t)bits(r, 8), .ctl_type = (uint8_t)bits(r, 8),
		.flags = (uint8_t)bits(r, 8), .spdcid = (uint16_t)bits(r, 16),
		.dpdcid = (uint16_t)bits(r, 16), .psn = (uint32_t)bits(r, 32),
		.offset = (int16_t)bits(r, 16), .probe_opaque = (uint16_t)bits(r, 16),
		.pdc_info = (uint8_t)bits(r, 8), .psn_offset = (uint16_t)bits(r, 16),
		.payload = (uint32_t)bits(r, 32), .nack_code = (uint8_t)bits(r, 8),
		.vendor_code = (uint8_t)bits(r, 8), .ccc_id = (uint8_t)bits(r, 8),
		.credit_target = (uint32_t)bits(r, 32), .cc_type = (uint8_t)bits(r, 2),
		.cc_flags = (uint8_t)bits(r, 8), .mpr = (uint8_t)bits(r, 8),
		.sack_psn_offset = (int16_t)bits(r, 16), .sack_bitmap = bits(r, 64),
		.cc.service_time = (uint16_t)bits(r, 16), .cc.restore_cwnd = bits(r, 1),
		.cc.rcv_cwnd_pend = (uint8_t)bits(r, 8), .cc.rcvd_bytes = (uint32_t)bits(r, 32),
		.cc.credit = (uint32_t)bits(r, 32), .cc.ooo_count = (uint16_t)bits(r, 16),
	};
	for (size_t i = 0; i < sizeof(h->ccx_state); i++)
		h->ccx_state[i] = (uint8_t)bits(r, 8);
}

/* What remains of @h on the wire: members that the type has, cut to their widths. */
static struct uet_pds_hdr canonical(const struct uet_pds_hdr *h)
{
	struct uet_pds_hdr c = { .type = h->type, .flags = h->flags & type_flags(h->type) };
	bool request = uet_pds_is_request(h->type), ack = uet_pds_is_ack(h->type);
	bool nack = h->type == UET_PDS_NACK || h->type == UET_PDS_NACK_CCX;
	bool cp = h->type == UET_PDS_CP;

	if (cp)
		c.ctl_type = h->ctl_type & 0xf;
	else if (!nack)
		c.next_hdr = h->next_hdr & 0xf;
	if (h->type != UET_PDS_UUD_REQ)
		c.psn = h->psn;
	if (request || ack || nack || cp)
		c.spdcid = h->spdcid;
	if ((request || cp) && c.flags & UET_PDS_F_SYN) {
		c.pdc_info = h->pdc_info & 0xf;
		c.psn_offset = h->psn_offset & 0xfff;
	} else if (request || ack || nack || cp) {
		c.dpdcid = h->dpdcid;
	}
	if (request || (ack && !(c.flags & UET_PDS_F_P)))
		c.offset = h->offset;
	if ((ack && c.flags & UET_PDS_F_P) || (cp && c.ctl_type == UET_CTL_PROBE))
		c.probe_opaque = h->probe_opaque;
	if (nack || cp)
		c.payload = h->payload;
	if (nack) {
		c.nack_code = h->nack_code;
		c.vendor_code = h->vendor_code;
	}
	if (h->type == UET_PDS_RUD_CC_REQ || h->type == UET_PDS_ROD_CC_REQ) {
		c.ccc_id = h->ccc_id;
		c.credit_target = h->credit_target & 0xffffff;
	}
	if (h->type == UET_PDS_ACK_CC || h->type == UET_PDS_ACK_CCX) {
		c.cc_type = h->cc_type & 0xf;
		c.cc_flags = h->cc_flags & 0xf;
		c.mpr = h->mpr;
		c.sack_psn_offset = h->sack_psn_offset;
		c.sack_bitmap = h->sack_bitmap;
	}
	if (h->type == UET_PDS_ACK_CC && c.cc_type == UET_CC_NSCC) {
		c.cc = h->cc;
		c.cc.credit = 0;
		c.cc.rcv_cwnd_pend &= 0x7f;
		c.cc.rcvd_bytes &= 0xffffff;
	} else if (h->type == UET_PDS_ACK_CC && c.cc_type == UET_CC_CREDIT) {
		c.cc.credit = h->cc.credit & 0xffffff;
		c.cc.ooo_count = h->cc.ooo_count;
	}
	if (h->type == UET_PDS_ACK_CCX || h->type == UET_PDS_NACK_CCX)
		memcpy(c.ccx_state, h->ccx_state, sizeof(c.ccx_state));
	if (h->type == UET_PDS_NACK_CCX) {
		c.cc_type = h->cc_type & 0xf;
		c.ccx_state[0] &= 0xf;
	}
	return c;
}

/* unpack(pack(h)) == canonical(h), and pack writes its length and not a byte more. */
static void struct_round_trip(void **state)
{
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		struct uet_pds_hdr h, c, back;
		uint8_t out[UET_PDS_MAX_LEN], again[UET_PDS_MAX_LEN], *p;
		size_t n;
		void *mem;

		noise(&r, &h);
		h.type = (uint8_t)(2 + i % 13);
		c = canonical(&h);
		memset(out, 0xa5, sizeof(out));
		n = uet_pds_pack(&h, out);
		assert_int_equal(n, type_len[h.type]);
		for (size_t j = n; j < sizeof(out); j++)
			assert_int_equal(out[j], 0xa5);

		memset(again, 0x5a, sizeof(again));
		assert_int_equal(uet_pds_pack(&c, again), n);
		assert_memory_equal(again, out, n);

		p = vec_exact(out, n, &mem);
		memset(&back, 0xff, sizeof(back));
		assert_int_equal(uet_pds_unpack(&back, p, n), n);
		hdr_equal("struct_round_trip", &back, &c);
		free(mem);
	}
}

/* Any bytes: no access beyond; what is accepted survives another pack and unpack. */
static void byte_round_trip(void **state)
{
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 2);
	for (unsigned int i = 0; i < 50000; i++) {
		struct uet_pds_hdr h, back;
		uint8_t in[64], out[UET_PDS_MAX_LEN], *p;
		size_t len = bits(&r, 6);
		void *mem;
		int n;

		for (size_t j = 0; j < sizeof(in); j++)
			in[j] = (uint8_t)bits(&r, 8);
		p = vec_exact(in, len, &mem);
		n = uet_pds_unpack(&h, p, len);
		if (n >= 0) {
			assert_int_equal(n, need_of(in));
			assert_true(n > 0 && (size_t)n <= len);
			assert_int_equal(uet_pds_pack(&h, out), n);
			assert_int_equal(uet_pds_unpack(&back, out, (size_t)n), n);
			hdr_equal("byte_round_trip", &back, &h);
		} else if (len < 2) {
			assert_int_equal(n, -EBADMSG);
		} else {
			assert_int_equal(n, need_of(in) ? -EBADMSG : -EPROTONOSUPPORT);
		}
		free(mem);
	}
}

/* Reserved bits are ignored on receipt (Q23, Q26, Q27). */
static void reserved_bits_are_ignored(void **state)
{
	uint8_t ack[12] = { 0x3a, 0x41 }, nack[16] = { 0x52, 0x47 }, rudi[8] = { 0x21, 0xef, 1, 2 };
	struct uet_pds_hdr h;

	(void)state;
	assert_int_equal(uet_pds_unpack(&h, ack, sizeof(ack)), 12);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(uet_pds_unpack(&h, nack, sizeof(nack)), 16);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.next_hdr, UET_HDR_NONE);
	assert_int_equal(uet_pds_unpack(&h, rudi, sizeof(rudi)), 8);
	assert_int_equal(h.flags, 0);
	assert_int_equal(h.offset, 0);
}

static void psn_arithmetic_wraps(void **state)
{
	struct uet_pds_hdr h = { .psn = 2, .offset = -5, .psn_offset = 4, .sack_psn_offset = -3 };

	(void)state;
	assert_int_equal(uet_psn_diff(1, 0xffffffff), 2);
	assert_int_equal(uet_psn_diff(0xffffffff, 1), -2);
	assert_int_equal(uet_psn_diff(7, 7), 0);
	assert_int_equal(uet_pds_offset_psn(&h), 0xfffffffd);
	assert_int_equal(uet_pds_start_psn(&h), 0xfffffffe);
	assert_int_equal(uet_pds_sack_base(&h), 0xffffffff);
	assert_int_equal(UET_PDS_ACK_REQ(UET_PDS_F_ACK_REQ(UET_ACK_REQ_CLOSE) | UET_PDS_F_M),
			 UET_ACK_REQ_CLOSE);
}

/* The short ways say of random bytes, and write, what the long ones do. */
static void brief_requests(void **state)
{
	struct uet_pds_hdr h, q;
	struct uet_rand r;
	uint8_t buf[UET_PDS_MAX_LEN], a[UET_PDS_MAX_LEN], b[UET_PDS_MAX_LEN];
	size_t k;
	int i, n, usual = 0;

	(void)state;
	uet_rand_seed(&r, 5);
	for (i = 0; i < 20000; i++) {
		for (k = 0; k < sizeof(buf); k++)
			buf[k] = (uint8_t)uet_rand_u32(&r);
		n = uet_pds_unpack(&h, buf, sizeof(buf));
		if (n < 0 || (h.type != UET_PDS_RUD_REQ && h.type != UET_PDS_ROD_REQ) ||
		    h.flags & UET_PDS_F_SYN) {
			assert_false(uet_pds_req_get(&q, buf, sizeof(buf)));
			continue;
		}
		usual++;
		memset(&q, 0, sizeof(q));
		assert_true(uet_pds_req_get(&q, buf, UET_PDS_REQ_LEN));
		assert_memory_equal(&q, &h, sizeof(h));
		assert_false(uet_pds_req_get(&q, buf, UET_PDS_REQ_LEN - 1));
		assert_int_equal(uet_pds_pack(&h, a), UET_PDS_REQ_LEN);
		uet_pds_req_put(b, h.type, h.next_hdr, h.flags, h.offset, h.psn, h.spdcid,
				h.dpdcid);
		assert_memory_equal(a, b, UET_PDS_REQ_LEN);
	}
	assert_true(usual > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_of_the_test_is_right),
		cmocka_unit_test(vectors_both_ways),
		cmocka_unit_test(every_prefix_is_safe),
		cmocka_unit_test(types_that_are_no_pds_header),
		cmocka_unit_test(struct_round_trip),
		cmocka_unit_test(byte_round_trip),
		cmocka_unit_test(reserved_bits_are_ignored),
		cmocka_unit_test(psn_arithmetic_wraps),
		cmocka_unit_test(brief_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
