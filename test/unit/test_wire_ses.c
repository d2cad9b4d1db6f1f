/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SES headers against the vectors of test/data/vectors-ses.json in both directions,
 * truncation, and seeded properties.
 */
#include "test_wire_vectors.h"

#include <errno.h>

#include "base/rand.h"
#include "wire/names.h"
#include "wire/pds.h"
#include "wire/ses.h"

/* Every member of the struct. */
static void req_equal(const char *who, const struct uet_ses_req *a, const struct uet_ses_req *b)
{
	EQ(who, a, b, format);
	EQ(who, a, b, opcode);
	EQ(who, a, b, version);
	EQ(who, a, b, dc);
	EQ(who, a, b, ie);
	EQ(who, a, b, rel);
	EQ(who, a, b, hd);
	EQ(who, a, b, eom);
	EQ(who, a, b, som);
	EQ(who, a, b, message_id);
	EQ(who, a, b, ri_generation);
	EQ(who, a, b, job_id);
	EQ(who, a, b, pid_on_fep);
	EQ(who, a, b, resource_index);
	EQ(who, a, b, initiator);
	EQ(who, a, b, buffer_offset);
	EQ(who, a, b, initiator_token);
	EQ(who, a, b, target_token);
	EQ(who, a, b, match_bits);
	EQ(who, a, b, header_data);
	EQ(who, a, b, request_length);
	EQ(who, a, b, payload_length);
	EQ(who, a, b, message_offset);
	EQ(who, a, b, eager_length);
	EQ(who, a, b, read_ri_generation);
	EQ(who, a, b, read_pid_on_fep);
	EQ(who, a, b, read_resource_index);
	EQ(who, a, b, read_offset);
	EQ(who, a, b, read_memory_key);
	EQ(who, a, b, atomic_opcode);
	EQ(who, a, b, atomic_datatype);
	EQ(who, a, b, semantic_control);
	assert_memory_equal(a->compare_value, b->compare_value, sizeof(a->compare_value));
	assert_memory_equal(a->swap_value, b->swap_value, sizeof(a->swap_value));
}

/* Every member of the struct. */
static void resp_equal(const char *who, const struct uet_ses_resp *a, const struct uet_ses_resp *b)
{
	EQ(who, a, b, format);
	EQ(who, a, b, list);
	EQ(who, a, b, opcode);
	EQ(who, a, b, version);
	EQ(who, a, b, return_code);
	EQ(who, a, b, message_id);
	EQ(who, a, b, ri_generation);
	EQ(who, a, b, job_id);
	EQ(who, a, b, modified_length);
	EQ(who, a, b, read_request_message_id);
	EQ(who, a, b, payload_length);
	EQ(who, a, b, message_offset);
	EQ(who, a, b, original_request_psn);
}

/* The struct that the fields of a request vector describe. */
static void expected_req(struct vec *v, uint8_t next_hdr, struct uet_ses_req *r)
{
	memset(r, 0, sizeof(*r));
	r->format = next_hdr;
	r->opcode = (uint8_t)vec_num(v, "opcode");
	r->version = (uint8_t)vec_num(v, "version");
	r->dc = vec_num(v, "dc");
	r->ie = vec_num(v, "ie");
	r->rel = vec_num(v, "rel");
	r->hd = vec_num(v, "hd");
	r->eom = vec_num(v, "eom");
	r->som = vec_num(v, "som");
	r->message_id = (uint16_t)vec_opt(v, "message_id");
	r->ri_generation = (uint8_t)vec_num(v, "ri_generation");
	r->job_id = (uint32_t)vec_num(v, "job_id");
	r->pid_on_fep = (uint16_t)vec_num(v, "pid_on_fep");
	r->resource_index = (uint16_t)vec_num(v, "resource_index");
	r->initiator = (uint32_t)vec_opt(v, "initiator");
	r->buffer_offset = vec_opt(v, "buffer_offset");
	r->initiator_token = (uint32_t)vec_opt(v, "initiator_restart_token");
	r->target_token = (uint32_t)vec_opt(v, "target_restart_token");
	r->match_bits = vec_opt(v, "match_bits");
	r->header_data = vec_opt(v, "header_data");
	r->request_length = (uint32_t)vec_num(v, "request_length");
	r->payload_length = (uint16_t)vec_opt(v, "payload_length");
	r->message_offset = (uint32_t)vec_opt(v, "message_offset");
	r->eager_length = (uint32_t)vec_opt(v, "eager_length");
	r->read_ri_generation = (uint8_t)vec_opt(v, "read_ri_generation");
	r->read_pid_on_fep = (uint16_t)vec_opt(v, "read_pid_on_fep");
	r->read_resource_index = (uint16_t)vec_opt(v, "read_resource_index");
	r->read_offset = vec_opt(v, "read_offset");
	r->read_memory_key = vec_opt(v, "read_memory_key");
	r->atomic_opcode = (uint8_t)vec_opt(v, "atomic_opcode");
	r->atomic_datatype = (uint8_t)vec_opt(v, "atomic_datatype");
	r->semantic_control = (uint8_t)vec_opt(v, "semantic_control");
	if (vec_has(v, "compare_value"))
		vec_num128(v, "compare_value", r->compare_value);
	if (vec_has(v, "swap_value"))
		vec_num128(v, "swap_value", r->swap_value);
}

/* The struct that the fields of a response vector describe. */
static void expected_resp(struct vec *v, uint8_t next_hdr, struct uet_ses_resp *r)
{
	memset(r, 0, sizeof(*r));
	r->format = next_hdr;
	r->list = (uint8_t)vec_num(v, "list");
	r->opcode = (uint8_t)vec_num(v, "opcode");
	r->version = (uint8_t)vec_num(v, "version");
	r->return_code = (uint8_t)vec_num(v, "return_code");
	r->message_id = (uint16_t)(next_hdr == UET_HDR_RESPONSE_DATA ?
				   vec_num(v, "response_message_id") : vec_opt(v, "message_id"));
	r->ri_generation = (uint8_t)vec_opt(v, "ri_generation");
	r->job_id = (uint32_t)vec_num(v, "job_id");
	r->modified_length = (uint32_t)vec_opt(v, "modified_length");
	r->read_request_message_id = (uint16_t)vec_opt(v, "read_request_message_id");
	r->payload_length = (uint16_t)vec_opt(v, "payload_length");
	r->message_offset = (uint32_t)vec_opt(v, "message_offset");
	r->original_request_psn = (uint32_t)vec_opt(v, "original_request_psn");
}

static bool is_req(uint8_t next_hdr)
{
	return next_hdr >= UET_HDR_REQUEST_SMALL && next_hdr <= UET_HDR_REQUEST_STD;
}

/* Unpack either kind, for tests that only want the length. */
static int unpack_any(uint8_t next_hdr, const uint8_t *p, size_t len)
{
	struct uet_ses_resp resp;
	struct uet_ses_req req;

	return is_req(next_hdr) ? uet_ses_req_unpack(&req, next_hdr, p, len) :
				  uet_ses_resp_unpack(&resp, next_hdr, p, len);
}

/* The layout that a vector's "format" names must be the one that the header has. */
static void check_format(struct vec *v, const struct uet_ses_req *r)
{
	bool defer = r->opcode == UET_OP_DEFERRABLE_SEND || r->opcode == UET_OP_DEFERRABLE_TSEND;
	size_t ext = uet_ses_ext_len(r->opcode, r->atomic_opcode);
	char want[32], got[32];
	const char *base;

	if (r->format == UET_HDR_REQUEST_SMALL)
		base = "SMALL";
	else if (r->format == UET_HDR_REQUEST_MEDIUM)
		base = r->hd ? "MEDIUM_HD1" : "MEDIUM_HD0";
	else if (r->opcode == UET_OP_DEFERRABLE_RTR)
		base = "RTR";
	else if (defer)
		base = r->som ? "DEFER_SOM1" : "DEFER_SOM0";
	else
		base = r->som ? "STD_SOM1" : "STD_SOM0";
	snprintf(got, sizeof(got), "%s%s", base,
		 ext == UET_SES_EXT_CAS_LEN ? "+CSWAP_EXT" :
		 ext == UET_SES_EXT_ATOMIC_LEN ? "+AMO_EXT" :
		 ext == UET_SES_EXT_RNDV_LEN ? "+RDV_EXT" : "");
	vec_str(v, "format", want, sizeof(want));
	assert_string_equal(got, want);
}

static void check_vector(struct vec *v)
{
	uint8_t next_hdr = (uint8_t)vec_num(v, "pds_next_hdr");
	uint8_t out[UET_SES_REQ_MAX_LEN];
	char text[32];
	size_t len;
	int n;

	if (is_req(next_hdr)) {
		struct uet_ses_req want, got;

		expected_req(v, next_hdr, &want);
		check_format(v, &want);
		vec_str(v, "opcode_name", text, sizeof(text));
		assert_string_equal(uet_ses_op_name(want.opcode), text);
		memset(&got, 0xff, sizeof(got));
		n = uet_ses_req_unpack(&got, next_hdr, v->bytes, v->len);
		VEC_CHECK(v, "header_bytes", n);
		req_equal(v->name, &got, &want);
		len = uet_ses_req_pack(&want, out);
	} else {
		static const char *const ops[] = {
			[UET_RESP_DEFAULT] = "DEFAULT_RESPONSE", [UET_RESP_RESPONSE] = "RESPONSE",
			[UET_RESP_W_DATA] = "RESPONSE_W_DATA",
			[UET_RESP_NO_RESPONSE] = "NO_RESPONSE",
		};
		static const char *const formats[] = {
			[UET_HDR_RESPONSE] = "RESPONSE", [UET_HDR_RESPONSE_DATA] = "RESPONSE_DATA",
			[UET_HDR_RESPONSE_DATA_SMALL] = "RESPONSE_DATA_SMALL",
		};
		struct uet_ses_resp want, got;

		expected_resp(v, next_hdr, &want);
		vec_str(v, "format", text, sizeof(text));
		assert_string_equal(formats[next_hdr], text);
		vec_str(v, "opcode_name", text, sizeof(text));
		assert_true(want.opcode <= UET_RESP_NO_RESPONSE);
		assert_string_equal(ops[want.opcode], text);
		memset(&got, 0xff, sizeof(got));
		n = uet_ses_resp_unpack(&got, next_hdr, v->bytes, v->len);
		VEC_CHECK(v, "header_bytes", n);
		resp_equal(v->name, &got, &want);
		len = uet_ses_resp_pack(&want, out);
	}
	assert_int_equal(n, v->len);	/* headers only: every byte was looked at */
	assert_int_equal(len, v->len);
	assert_memory_equal(out, v->bytes, len);
}

static void vectors_both_ways(void **state)
{
	json_t *all = vec_load("vectors-ses.json");
	uint32_t formats = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vec v;

		vec_open(&v, all, i);
		formats |= 1u << json_integer_value(json_object_get(v.fields, "pds_next_hdr"));
		check_vector(&v);
		vec_close(&v);
	}
	assert_int_equal(formats, 0x7e);	/* all six were there */
	json_decref(all);
}

static void every_prefix_is_safe(void **state)
{
	json_t *all = vec_load("vectors-ses.json");

	(void)state;
	for (size_t i = 0; i < json_array_size(all); i++) {
		uint8_t next_hdr;
		struct vec v;

		vec_open(&v, all, i);
		next_hdr = (uint8_t)vec_num(&v, "pds_next_hdr");
		for (size_t len = 0; len <= v.len; len++) {
			int want = len < v.len ? -EBADMSG : (int)len;
			void *mem;
			uint8_t *p = vec_exact(v.bytes, len, &mem);

			/* The short default response (Q5). */
			if (next_hdr == UET_HDR_RESPONSE && (v.bytes[0] & 0x3f) == 0 && len == 8)
				want = 8;
			assert_int_equal(unpack_any(next_hdr, p, len), want);
			free(mem);
		}
		json_decref(v.fields);
	}
	json_decref(all);
}

static void short_default_response(void **state)
{
	static const uint8_t wire[] = { 0x00, 0x01, 0x12, 0x34, 0x07, 0x0a, 0x0b, 0x0c };
	static const struct uet_ses_resp want = {
		.format = UET_HDR_RESPONSE, .opcode = UET_RESP_DEFAULT, .return_code = UET_RC_OK,
		.message_id = 0x1234, .ri_generation = 7, .job_id = 0x0a0b0c,
	};
	uint8_t other[8] = { UET_RESP_RESPONSE };
	struct uet_ses_resp got;
	void *mem;
	uint8_t *p = vec_exact(wire, sizeof(wire), &mem);

	(void)state;
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(uet_ses_resp_unpack(&got, UET_HDR_RESPONSE, p, 8), 8);
	resp_equal("short_default_response", &got, &want);
	assert_int_equal(uet_ses_resp_unpack(&got, UET_HDR_RESPONSE_DATA_SMALL, p, 8), -EBADMSG);
	assert_int_equal(uet_ses_resp_unpack(&got, UET_HDR_RESPONSE, other, 8), -EBADMSG);
	free(mem);
}

static void formats_of_the_other_kind(void **state)
{
	struct uet_ses_resp resp = { 0 };
	struct uet_ses_req req = { 0 };
	uint8_t buf[128] = { 0 };

	(void)state;
	for (unsigned int f = 0; f < 256; f++) {
		uint8_t next = (uint8_t)f;
		bool is_resp = f >= UET_HDR_RESPONSE && f <= UET_HDR_RESPONSE_DATA_SMALL;

		if (!is_req(next)) {
			assert_int_equal(uet_ses_req_unpack(&req, next, buf, sizeof(buf)),
					 -EPROTONOSUPPORT);
			req.format = next;
			assert_int_equal(uet_ses_req_pack(&req, buf), 0);
		}
		if (!is_resp) {
			assert_int_equal(uet_ses_resp_unpack(&resp, next, buf, sizeof(buf)),
					 -EPROTONOSUPPORT);
			resp.format = next;
			assert_int_equal(uet_ses_resp_pack(&resp, buf), 0);
		}
	}
}

static void extension_lengths(void **state)
{
	(void)state;
	for (unsigned int op = 0; op < 256; op++) {
		bool atomic = op == 0x03 || op == 0x04 || op == 0x0d || op == 0x0e;
		bool rndv = op == 0x06 || op == 0x0a;

		for (unsigned int amo = 0; amo < 256; amo++) {
			size_t want = rndv ? 24 : !atomic ? 0 : amo >= 0x0d && amo <= 0x13 ? 36 : 4;

			if (op == UET_OP_VENDOR_ATOMIC)
				want = 4;
			assert_int_equal(uet_ses_ext_len((uint8_t)op, (uint8_t)amo), want);
		}
	}
}

static uint64_t bits(struct uet_rand *r, unsigned int n)
{
	return uet_rand_u64(r) >> (64 - n);
}

/* Every member random, whether the format has it or not, beyond its width too. */
static void noise_req(struct uet_rand *r, struct uet_ses_req *q)
{
	*q = (struct uet_ses_req){
		.opcode = (uint8_t)bits(r, bits(r, 1) ? 4 : 8), .version = (uint8_t)bits(r, 8),
		.dc = bits(r, 1), .ie = bits(r, 1), .rel = bits(r, 1),
		.hd = bits(r, 1), .eom = bits(r, 1), .som = bits(r, 1),
		.message_id = (uint16_t)bits(r, 16), .ri_generation = (uint8_t)bits(r, 8),
		.job_id = (uint32_t)bits(r, 32), .pid_on_fep = (uint16_t)bits(r, 16),
		.resource_index = (uint16_t)bits(r, 16), .initiator = (uint32_t)bits(r, 32),
		.buffer_offset = bits(r, 64), .initiator_token = (uint32_t)bits(r, 32),
		.target_token = (uint32_t)bits(r, 32), .match_bits = bits(r, 64),
		.header_data = bits(r, 64), .request_length = (uint32_t)bits(r, 32),
		.payload_length = (uint16_t)bits(r, 16), .message_offset = (uint32_t)bits(r, 32),
		.eager_length = (uint32_t)bits(r, 32), .read_ri_generation = (uint8_t)bits(r, 8),
		.read_pid_on_fep = (uint16_t)bits(r, 16),
		.read_resource_index = (uint16_t)bits(r, 16),
		.read_offset = bits(r, 64), .read_memory_key = bits(r, 64),
		.atomic_opcode = (uint8_t)bits(r, bits(r, 1) ? 5 : 8),
		.atomic_datatype = (uint8_t)bits(r, 8), .semantic_control = (uint8_t)bits(r, 8),
	};
	for (size_t i = 0; i < sizeof(q->compare_value); i++) {
		q->compare_value[i] = (uint8_t)bits(r, 8);
		q->swap_value[i] = (uint8_t)bits(r, 8);
	}
}

/* What remains of @q on the wire (sections 3.1 to 3.11). */
static struct uet_ses_req canonical_req(const struct uet_ses_req *q)
{
	struct uet_ses_req c = {
		.format = q->format, .opcode = q->opcode & 0x3f, .version = q->version & 3,
		.dc = q->dc, .ie = q->ie, .rel = q->rel, .eom = q->eom, .som = q->som,
		.ri_generation = q->ri_generation, .job_id = q->job_id & 0xffffff,
		.pid_on_fep = q->pid_on_fep & 0xfff, .resource_index = q->resource_index & 0xfff,
	};
	bool defer = c.opcode == 0x08 || c.opcode == 0x0b, rtr = c.opcode == 0x0c;
	size_t ext;

	if (q->format == UET_HDR_REQUEST_STD) {
		c.message_id = q->message_id;
		c.initiator = q->initiator;
		c.request_length = q->request_length;
		c.hd = q->hd && q->som;
		if (!defer)
			c.buffer_offset = q->buffer_offset;
		if (!rtr)
			c.match_bits = q->match_bits;
		if (defer || rtr) {
			c.initiator_token = q->initiator_token;
			c.target_token = q->target_token;
		}
		if (!q->som) {
			c.payload_length = q->payload_length & 0x3fff;
			c.message_offset = q->message_offset;
		} else if (q->hd) {
			c.header_data = q->header_data;
		}
	} else {
		c.request_length = q->request_length & 0x3fff;
		c.buffer_offset = q->buffer_offset;
	}
	if (q->format == UET_HDR_REQUEST_MEDIUM) {
		c.hd = q->hd;
		c.initiator = q->initiator;
		c.match_bits = q->match_bits;
		if (q->hd) {
			c.header_data = q->header_data;
			c.buffer_offset = 0;
		}
	}

	ext = uet_ses_ext_len(c.opcode, q->atomic_opcode);
	if (ext == 24) {
		c.eager_length = q->eager_length;
		c.read_ri_generation = q->read_ri_generation;
		c.read_pid_on_fep = q->read_pid_on_fep & 0xfff;
		c.read_resource_index = q->read_resource_index & 0xfff;
		c.read_offset = q->read_offset;
		c.read_memory_key = q->read_memory_key;
	} else if (ext) {
		c.atomic_opcode = q->atomic_opcode;
		c.atomic_datatype = q->atomic_datatype;
		c.semantic_control = q->semantic_control;
	}
	if (ext == 36) {
		memcpy(c.compare_value, q->compare_value, sizeof(c.compare_value));
		memcpy(c.swap_value, q->swap_value, sizeof(c.swap_value));
	}
	return c;
}

/* unpack(pack(q)) == canonical(q), and pack writes its length and not a byte more. */
static void req_struct_round_trip(void **state)
{
	static const size_t base[] = { 0, 20, 32, 44 };
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 3);
	for (unsigned int i = 0; i < 30000; i++) {
		uint8_t out[UET_SES_REQ_MAX_LEN], again[UET_SES_REQ_MAX_LEN], *p;
		struct uet_ses_req q, c, back;
		size_t n;
		void *mem;

		noise_req(&r, &q);
		q.format = (uint8_t)(1 + i % 3);
		c = canonical_req(&q);
		memset(out, 0xa5, sizeof(out));
		n = uet_ses_req_pack(&q, out);
		assert_int_equal(n, base[q.format] + uet_ses_ext_len(c.opcode, q.atomic_opcode));
		for (size_t j = n; j < sizeof(out); j++)
			assert_int_equal(out[j], 0xa5);

		memset(again, 0x5a, sizeof(again));
		assert_int_equal(uet_ses_req_pack(&c, again), n);
		assert_memory_equal(again, out, n);

		p = vec_exact(out, n, &mem);
		memset(&back, 0xff, sizeof(back));
		assert_int_equal(uet_ses_req_unpack(&back, q.format, p, n), n);
		req_equal("req_struct_round_trip", &back, &c);
		free(mem);
	}
}

static void resp_struct_round_trip(void **state)
{
	static const size_t lens[] = { [4] = 12, [5] = 20, [6] = 12 };
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 4);
	for (unsigned int i = 0; i < 30000; i++) {
		struct uet_ses_resp q = {
			.format = (uint8_t)(4 + i % 3), .list = (uint8_t)bits(&r, 8),
			.opcode = (uint8_t)bits(&r, 8), .version = (uint8_t)bits(&r, 8),
			.return_code = (uint8_t)bits(&r, 8), .message_id = (uint16_t)bits(&r, 16),
			.ri_generation = (uint8_t)bits(&r, 8), .job_id = (uint32_t)bits(&r, 32),
			.modified_length = (uint32_t)bits(&r, 32),
			.read_request_message_id = (uint16_t)bits(&r, 16),
			.payload_length = (uint16_t)bits(&r, 16),
			.message_offset = (uint32_t)bits(&r, 32),
			.original_request_psn = (uint32_t)bits(&r, 32),
		};
		struct uet_ses_resp c = {
			.format = q.format, .list = q.list & 3, .opcode = q.opcode & 0x3f,
			.version = q.version & 3, .return_code = q.return_code & 0x3f,
			.job_id = q.job_id & 0xffffff,
		};
		struct uet_ses_resp back;
		uint8_t out[UET_SES_RESP_DATA_LEN], *p;
		void *mem;
		size_t n;

		if (q.format != UET_HDR_RESPONSE_DATA_SMALL) {
			c.message_id = q.message_id;
			c.modified_length = q.modified_length;
		}
		if (q.format == UET_HDR_RESPONSE)
			c.ri_generation = q.ri_generation;
		else
			c.payload_length = q.payload_length & 0x3fff;
		if (q.format == UET_HDR_RESPONSE_DATA) {
			c.read_request_message_id = q.read_request_message_id;
			c.message_offset = q.message_offset;
		}
		if (q.format == UET_HDR_RESPONSE_DATA_SMALL)
			c.original_request_psn = q.original_request_psn;

		memset(out, 0xa5, sizeof(out));
		n = uet_ses_resp_pack(&q, out);
		assert_int_equal(n, lens[q.format]);
		for (size_t j = n; j < sizeof(out); j++)
			assert_int_equal(out[j], 0xa5);
		p = vec_exact(out, n, &mem);
		memset(&back, 0xff, sizeof(back));
		assert_int_equal(uet_ses_resp_unpack(&back, q.format, p, n), n);
		resp_equal("resp_struct_round_trip", &back, &c);
		free(mem);
	}
}

/* Any bytes: no access beyond; what is accepted survives another pack and unpack. */
static void byte_round_trip(void **state)
{
	struct uet_rand r;

	(void)state;
	uet_rand_seed(&r, 5);
	for (unsigned int i = 0; i < 100000; i++) {
		uint8_t in[128], out[UET_SES_REQ_MAX_LEN], *p;
		uint8_t next = (uint8_t)bits(&r, 3);
		size_t len = bits(&r, 7);
		void *mem;
		int n;

		for (size_t j = 0; j < sizeof(in); j++)
			in[j] = (uint8_t)bits(&r, 8);
		if (bits(&r, 1))	/* the opcodes that mean something, more often */
			in[0] &= 0xcf;
		p = vec_exact(in, len, &mem);
		if (is_req(next)) {
			struct uet_ses_req q, back;

			n = uet_ses_req_unpack(&q, next, p, len);
			if (n >= 0) {
				assert_int_equal(uet_ses_req_pack(&q, out), n);
				assert_int_equal(uet_ses_req_unpack(&back, next, out,
								    (size_t)n), n);
				req_equal("byte_round_trip", &back, &q);
			} else {
				assert_int_equal(n, -EBADMSG);
			}
		} else {
			struct uet_ses_resp q, back;
			size_t full;

			n = uet_ses_resp_unpack(&q, next, p, len);
			if (n >= 0) {
				full = uet_ses_resp_pack(&q, out);
				assert_true(full == (size_t)n || (n == 8 && full == 12));
				assert_int_equal(uet_ses_resp_unpack(&back, next, out, full), full);
				resp_equal("byte_round_trip", &back, &q);
			} else {
				assert_int_equal(n, next >= 4 && next <= 6 ? -EBADMSG :
								      -EPROTONOSUPPORT);
			}
		}
		assert_true(n < 0 || (size_t)n <= len);
		free(mem);
	}
}

/* HD means nothing in SMALL (3.4) and in packets without SOM (Q25). */
static void header_data_flag_where_it_has_no_meaning(void **state)
{
	uint8_t std[44] = { UET_OP_SEND, 0x0e }, small[20] = { UET_OP_WRITE, 0x0f };
	struct uet_ses_req r;

	(void)state;
	memset(std + 32, 0xff, 8);
	assert_int_equal(uet_ses_req_unpack(&r, UET_HDR_REQUEST_STD, std, sizeof(std)), 44);
	assert_false(r.hd);
	assert_int_equal(r.header_data, 0);
	assert_int_equal(r.payload_length, 0x3fff);
	assert_int_equal(r.message_offset, 0xffffffff);
	small[12] = 0x80;
	assert_int_equal(uet_ses_req_unpack(&r, UET_HDR_REQUEST_SMALL, small, sizeof(small)), 20);
	assert_false(r.hd);
	assert_int_equal(r.buffer_offset, 1ull << 63);
	assert_int_equal(r.header_data, 0);
}

/* Rendezvous and atomic extensions also follow the short formats. */
static void extensions_after_short_formats(void **state)
{
	struct uet_ses_req r, q = {
		.format = UET_HDR_REQUEST_SMALL, .opcode = UET_OP_ATOMIC, .som = true, .eom = true,
		.request_length = 8, .buffer_offset = 16, .atomic_opcode = 2, .atomic_datatype = 7,
	};
	uint8_t out[UET_SES_REQ_MAX_LEN];

	(void)state;
	assert_int_equal(uet_ses_req_pack(&q, out), 24);
	assert_int_equal(uet_ses_req_unpack(&r, q.format, out, 24), 24);
	req_equal("small", &r, &q);
	assert_int_equal(uet_ses_req_unpack(&r, q.format, out, 23), -EBADMSG);
	q.format = UET_HDR_REQUEST_MEDIUM;
	q.opcode = UET_OP_FETCHING_ATOMIC;
	q.atomic_opcode = 0x0d;
	q.swap_value[15] = 1;
	assert_int_equal(uet_ses_req_pack(&q, out), 68);
	assert_int_equal(uet_ses_req_unpack(&r, q.format, out, 68), 68);
	req_equal("medium", &r, &q);
	assert_int_equal(uet_ses_req_unpack(&r, q.format, out, 67), -EBADMSG);
}

/* The short ways say of random bytes what the long ones say. */
static void brief_headers(void **state)
{
	struct uet_ses_brief b;
	struct uet_ses_req q;
	struct uet_rand r;
	uint8_t buf[UET_SES_STD_LEN], out[UET_SES_REQ_MAX_LEN];
	int i;

	(void)state;
	uet_rand_seed(&r, 6);
	for (i = 0; i < 20000; i++) {
		size_t k;
		bool usual;

		for (k = 0; k < sizeof(buf); k++)
			buf[k] = (uint8_t)uet_rand_u32(&r);
		buf[0] = i % 2 ? UET_OP_TAGGED_SEND : UET_OP_WRITE;
		assert_int_equal(uet_ses_req_unpack(&q, UET_HDR_REQUEST_STD, buf, sizeof(buf)), 44);
		usual = q.version == 0 && !q.ie;
		assert_int_equal(uet_ses_brief_unpack(&b, UET_HDR_REQUEST_STD, buf, sizeof(buf)),
				 usual);
		assert_false(uet_ses_brief_unpack(&b, UET_HDR_REQUEST_STD, buf, 43));
		assert_false(uet_ses_brief_unpack(&b, UET_HDR_REQUEST_MEDIUM, buf, sizeof(buf)));
		if (!usual)
			continue;
		uet_ses_brief_unpack(&b, UET_HDR_REQUEST_STD, buf, sizeof(buf));
		assert_int_equal(b.opcode, q.opcode);
		assert_int_equal(b.ri_generation, q.ri_generation);
		assert_int_equal(b.message_id, q.message_id);
		assert_int_equal(b.job_id, q.job_id);
		assert_int_equal(b.pid_on_fep, q.pid_on_fep);
		assert_int_equal(b.resource_index, q.resource_index);
		assert_true(b.buffer_offset == q.buffer_offset && b.match_bits == q.match_bits);
		assert_int_equal(b.initiator, q.initiator);
		assert_int_equal(b.request_length, q.request_length);
		assert_int_equal(!!(b.flags & UET_SES_F_SOM), q.som);
		assert_int_equal(!!(b.flags & UET_SES_F_EOM), q.eom);
		if (q.som) {
			assert_true(!q.hd || b.header_data == q.header_data);
			b.header_data = q.hd ? b.header_data : 0;
		} else {
			assert_int_equal(b.payload_length, q.payload_length);
			assert_int_equal(b.message_offset, q.message_offset);
			b.flags &= (uint8_t)~UET_SES_F_HD;
		}
		assert_int_equal(uet_ses_req_pack(&q, out), 44);
		uet_ses_brief_pack(&b, buf);
		assert_memory_equal(buf, out, 44);
		assert_true(uet_ses_brief_same(buf, out));
		k = uet_rand_u32(&r) % 44;
		out[k] ^= 1;
		assert_int_equal(uet_ses_brief_same(buf, out), k >= 32 && k < 40);
	}
}

static void brief_response(void **state)
{
	struct uet_ses_resp q = {
		.format = UET_HDR_RESPONSE, .list = UET_LIST_OVERFLOW, .opcode = UET_RESP_RESPONSE,
		.return_code = UET_RC_TOO_LONG, .message_id = 0x1234, .job_id = 0xabcdef,
		.modified_length = 0x12345678,
	};
	uint8_t a[20], b[20];

	(void)state;
	assert_int_equal(uet_ses_resp_pack(&q, a), UET_SES_RESP_LEN);
	uet_ses_resp_put(b, q.list, q.opcode, q.return_code, q.message_id, q.job_id,
			 q.modified_length);
	assert_memory_equal(a, b, UET_SES_RESP_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_both_ways),
		cmocka_unit_test(every_prefix_is_safe),
		cmocka_unit_test(short_default_response),
		cmocka_unit_test(formats_of_the_other_kind),
		cmocka_unit_test(extension_lengths),
		cmocka_unit_test(req_struct_round_trip),
		cmocka_unit_test(resp_struct_round_trip),
		cmocka_unit_test(byte_round_trip),
		cmocka_unit_test(header_data_flag_where_it_has_no_meaning),
		cmocka_unit_test(extensions_after_short_formats),
		cmocka_unit_test(brief_headers),
		cmocka_unit_test(brief_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
