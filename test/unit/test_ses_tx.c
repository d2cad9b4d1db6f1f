/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sending side over the stub: headers, ids, answers, results. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t data[64 * 1024];

static struct uet_addr peer(void)
{
	return stub_addr(9, 4793);
}

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

static void check_common(const struct uet_ses_req *r, const struct uet_ses_tx *tx)
{
	assert_int_equal(r->format, UET_HDR_REQUEST_STD);
	assert_int_equal(r->opcode, tx->opcode);
	assert_int_equal(r->version, 0);
	assert_int_equal(r->dc, tx->dc);
	assert_false(r->ie);
	assert_int_equal(r->rel, tx->dest.relative);
	assert_int_equal(r->ri_generation, 0);
	assert_int_equal(r->job_id, 0x0a0b0c);
	assert_int_equal(r->pid_on_fep, tx->dest.pid_on_fep);
	assert_int_equal(r->resource_index, tx->dest.resource_index);
	assert_int_equal(r->initiator, 0x4793);
	assert_int_equal(r->buffer_offset, 0);
	assert_int_equal(r->match_bits, tx->opcode == UET_OP_TAGGED_SEND ? tx->tag : 0);
	assert_int_equal(r->request_length, tx->len);
	assert_true(r->message_id != 0 && r->message_id != 0xffff);
}

/* Every header field, for lengths around the packet boundaries. */
static void headers(void **state)
{
	static const size_t lens[] = { 0, 1, MTU - 1, MTU, MTU + 1, 2 * MTU, 3 * MTU,
				       3 * MTU + 17 };
	struct side *s = new_side();
	struct uet_addr to = peer();
	struct stub_pkt p;
	size_t i, off, n;
	int variant;

	(void)state;
	fill_pattern(data, sizeof(data), 3);
	for (variant = 0; variant < 16; variant++) {
		for (i = 0; i < UET_ARRAY_SIZE(lens); i++) {
			struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);
			uint32_t k, pkts = lens[i] ? (uint32_t)((lens[i] + MTU - 1) / MTU) : 1;
			uint16_t id = 0;

			tx->dest.addr = to;
			tx->dest.pid_on_fep = (uint16_t)(0xf00 + variant);
			tx->dest.resource_index = 7;
			tx->dest.relative = variant & 1;
			tx->opcode = variant & 2 ? UET_OP_TAGGED_SEND : UET_OP_SEND;
			tx->dc = variant & 4;
			tx->lazy = variant & 1;
			tx->has_data = variant & 8;
			tx->data = 0x1122334455667788ull;
			tx->tag = 0xfedcba9876543210ull;
			tx->len = lens[i];
			tx->iov_cnt = 1;
			tx->iov[0].iov_base = data;
			tx->iov[0].iov_len = lens[i];
			assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
			assert_false(uet_ses_idle(s->ses));
			assert_int_equal(tx->msg.pkt_cnt, pkts);
			for (k = 0, off = 0; k < pkts; k++, off += n) {
				stub_next(s->pds, &tx->msg, &p);
				check_common(&p.req, tx);
				n = uet_min_u64(MTU, lens[i] - off);
				assert_int_equal(p.hdr_len, UET_SES_STD_LEN);
				assert_int_equal(p.req.som, k == 0);
				assert_int_equal(p.req.eom, k == pkts - 1);
				assert_int_equal(p.eom, k == pkts - 1);
				assert_int_equal(p.lazy, tx->lazy);
				assert_int_equal(p.req.hd, k == 0 && tx->has_data);
				assert_int_equal(p.req.header_data, p.req.hd ? tx->data : 0);
				assert_int_equal(p.req.message_offset, off);
				assert_int_equal(p.req.payload_length, k ? n : 0);
				assert_int_equal(p.len - p.hdr_len, n);
				assert_memory_equal(p.data + p.hdr_len, data + off, n);
				if (k == 0)
					id = p.req.message_id;
				assert_int_equal(p.req.message_id, id);
			}
			for (k = 0; k < pkts; k++)
				assert_true(stub_respond_rc(s->pds, &tx->msg, k,
							    k + 1 < pkts ? UET_RESP_NO_RESPONSE :
							    UET_RESP_DEFAULT,
							    k + 1 < pkts ? UET_RC_NULL :
							    UET_RC_OK));
			stub_done(s->pds, &tx->msg, 0, 0);
			assert_int_equal(s->tx[s->tx_cnt - 1].err, 0);
			assert_true(uet_ses_idle(s->ses));
		}
	}
	assert_int_equal(uet_ses_stats(s->ses)->tx_msgs, 16 * UET_ARRAY_SIZE(lens));
	side_free(s);
}

/* The known-good bytes of three packets of 10000 bytes with an MTU of 4096. */
static void wire_vector(void **state)
{
	static const uint8_t want[3][UET_SES_STD_LEN] = {
		{ 0x05, 0x09, 0x00, 0x01, 0x00, 0x0a, 0x0b, 0x0c, 0x01, 0x23, 0x00, 0x0f,
		  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
		  0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0x27, 0x10 },
		{ 0x05, 0x08, 0x00, 0x01, 0x00, 0x0a, 0x0b, 0x0c, 0x01, 0x23, 0x00, 0x0f,
		  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
		  0, 0, 0x10, 0x00, 0, 0, 0x10, 0x00, 0x00, 0x00, 0x27, 0x10 },
		{ 0x05, 0x0a, 0x00, 0x01, 0x00, 0x0a, 0x0b, 0x0c, 0x01, 0x23, 0x00, 0x0f,
		  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
		  0, 0, 0x07, 0x10, 0, 0, 0x20, 0x00, 0x00, 0x00, 0x27, 0x10 },
	};
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_addr to = peer();
	struct uet_ses_tx *tx;
	struct stub_pkt p;
	struct side *s;
	int k;

	(void)state;
	cfg.payload_mtu = 4096;
	cfg.initiator = 0x10;
	s = side_new(&cfg, 1);
	tx = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10000);
	tx->dest.resource_index = 0x0f;
	for (k = 0; k < 3; k++) {
		stub_next(s->pds, &tx->msg, &p);
		assert_memory_equal(p.data, want[k], UET_SES_STD_LEN);
	}
	side_free(s);
}

/* 2^32-1 bytes: numbers only, the memory does not exist. */
static void longest_message(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();
	char *base = (char *)(uintptr_t)0x100000;
	uint8_t ses[UET_PDS_SES_MAX];
	struct uet_ses_req r;
	struct uet_pds_fill f = { .ses = ses };
	struct uet_ses_tx *tx;

	(void)state;
	tx = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, base, UET_SES_MAX_MSG);
	assert_int_equal(tx->msg.pkt_cnt, 1u << 22);
	s->pds->ops->fill(s->pds->upper, &tx->msg, (1u << 22) - 1, &f);
	assert_int_equal(f.payload_len, MTU - 1);
	assert_int_equal(f.iov_cnt, 1);
	assert_ptr_equal(f.iov[0].iov_base, base + (0xffffffffull - (MTU - 1)));
	assert_int_equal(uet_ses_req_unpack(&r, f.next_hdr, ses, f.ses_len), UET_SES_STD_LEN);
	assert_int_equal(r.message_offset, 0xfffffc00u);
	assert_int_equal(r.payload_length, MTU - 1);
	assert_int_equal(r.request_length, 0xffffffffu);
	assert_true(r.eom);
	s->pds->ops->fill(s->pds->upper, &tx->msg, 1u << 21, &f);
	assert_ptr_equal(f.iov[0].iov_base, base + 0x80000000ull);
	assert_int_equal(f.payload_len, MTU);
	side_free(s);
}

/* Any order of fill() over random fragments gives the same bytes as the flat message. */
static void fragments(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();
	struct uet_rand rnd;
	struct stub_pkt p;
	int round, i;

	(void)state;
	uet_rand_seed(&rnd, 5);
	fill_pattern(data, sizeof(data), 1);
	for (round = 0; round < 200; round++) {
		struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);
		uint32_t k;

		tx->dest.addr = to;
		tx->opcode = UET_OP_SEND;
		tx->iov_cnt = (uint8_t)(uet_rand_u32(&rnd) % (UET_SES_IOV + 1));
		for (i = 0; i < tx->iov_cnt; i++) {
			tx->iov[i].iov_base = data + tx->len;
			tx->iov[i].iov_len = uet_rand_u32(&rnd) % 3000 * (uet_rand_u32(&rnd) % 2);
			tx->len += tx->iov[i].iov_len;
		}
		assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
		for (k = 0; k < tx->msg.pkt_cnt; k++) {
			stub_next(s->pds, &tx->msg, &p);
			assert_memory_equal(p.data + p.hdr_len, data + k * MTU,
					    p.len - p.hdr_len);
		}
		for (i = 0; i < 20; i++) {	/* retransmissions */
			k = uet_rand_u32(&rnd) % tx->msg.pkt_cnt;
			stub_fill(s->pds, &tx->msg, k, &p);
			assert_memory_equal(p.data + p.hdr_len, data + k * MTU,
					    p.len - p.hdr_len);
			assert_int_equal(p.req.message_offset, k * MTU);
		}
		stub_done(s->pds, &tx->msg, 0, 0);
	}
	side_free(s);
}

static void inject_copies(void **state)
{
	struct side *s = new_side();
	uint8_t mine[100], want[100];
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);
	struct stub_pkt p;

	(void)state;
	fill_pattern(want, sizeof(want), 8);
	memcpy(mine, want, sizeof(mine));
	tx->dest.addr = peer();
	tx->opcode = UET_OP_SEND;
	tx->inject = true;
	tx->len = sizeof(mine);
	tx->iov_cnt = 3;
	tx->iov[0].iov_base = mine;
	tx->iov[0].iov_len = 30;
	tx->iov[1].iov_len = 0;
	tx->iov[2].iov_base = mine + 30;
	tx->iov[2].iov_len = 70;
	s->pds->refuse = 1;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), -EAGAIN);
	assert_true(uet_ses_idle(s->ses));
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
	memset(mine, 0xee, sizeof(mine));
	stub_next(s->pds, &tx->msg, &p);
	assert_int_equal(p.len - p.hdr_len, sizeof(want));
	assert_memory_equal(p.data + p.hdr_len, want, sizeof(want));
	stub_done(s->pds, &tx->msg, 0, 0);
	assert_int_equal(s->tx_cnt, 1);
	side_free(s);
}

/* 65534 ids and not one more; each one different; free again after the end. */
static void message_ids(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	static bool seen[65536];
	struct uet_addr to = peer();
	struct uet_ses_tx *tx, *extra;
	struct uet_list *first;
	struct side *s;
	uint16_t freed;
	int i;

	(void)state;
	cfg.max_tx = 70000;
	s = side_new(&cfg, 1);
	for (i = 0; i < 65534; i++) {
		tx = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, NULL, 0);
		assert_false(seen[tx->message_id]);
		seen[tx->message_id] = true;
	}
	assert_false(seen[0]);
	assert_false(seen[0xffff]);
	extra = uet_ses_tx_get(s->ses);
	extra->dest.addr = to;
	extra->opcode = UET_OP_SEND;
	assert_int_equal(uet_ses_send(s->ses, extra, 0), -EAGAIN);
	first = uet_list_first(&s->pds->msgs)->next->next;
	tx = uet_container_of(uet_list_entry(first, struct uet_pds_msg, link), struct uet_ses_tx,
			      msg);
	freed = tx->message_id;
	stub_done(s->pds, &tx->msg, 0, 0);
	assert_int_equal(uet_ses_send(s->ses, extra, 0), 0);
	assert_int_equal(extra->message_id, freed);
	side_free(s);
}

static void descriptor_limit(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_tx *tx[3];
	struct side *s;

	(void)state;
	cfg.max_tx = 2;
	s = side_new(&cfg, 1);
	tx[0] = uet_ses_tx_get(s->ses);
	tx[1] = uet_ses_tx_get(s->ses);
	assert_non_null(tx[1]);
	assert_null(uet_ses_tx_get(s->ses));
	uet_ses_tx_put(s->ses, tx[0]);
	tx[2] = uet_ses_tx_get(s->ses);
	assert_non_null(tx[2]);
	side_free(s);
}

/* Which answers and PDS results give which report. */
static void results(void **state)
{
	static const struct {
		uint8_t opcode, rc;
		int pds_err;
		uint8_t nack;
		int err;
		uint32_t prov_errno;
	} cases[] = {
		{ UET_RESP_DEFAULT, UET_RC_OK, 0, 0, 0, 0 },
		{ UET_RESP_DEFAULT, UET_RC_NULL, 0, 0, 0, 0 },
		{ UET_RESP_RESPONSE, UET_RC_OK, 0, 0, 0, 0 },
		{ UET_RESP_RESPONSE, UET_RC_BAD_JOB_ID, 0, 0, -EKEYREJECTED, 0x1b },
		{ UET_RESP_RESPONSE, UET_RC_UNSUPPORTED_OP, 0, 0, -EOPNOTSUPP, 0x06 },
		{ UET_RESP_RESPONSE, UET_RC_TOO_LONG, 0, 0, -EMSGSIZE, 0x22 },
		{ UET_RESP_RESPONSE, 0x3f, 0, 0, -EPROTO, 0x3f },
		{ UET_RESP_RESPONSE, UET_RC_BAD_PID, -ETIMEDOUT, 0, -ECONNREFUSED, 0x1a },
		{ UET_RESP_RESPONSE, UET_RC_NO_MATCH, -ETIMEDOUT, 0, -ETIMEDOUT, 0 },
		{ UET_RESP_W_DATA, UET_RC_OK, 0, 0, -EIO, 0 },
		{ 0x20, UET_RC_OK, 0, 0, -EIO, 0 },
		{ UET_RESP_NO_RESPONSE, UET_RC_NULL, -EIO, 0x17, -EIO, 0x117 },
		{ UET_RESP_NO_RESPONSE, UET_RC_NULL, -ECONNREFUSED, 0, -ECONNREFUSED, 0 },
	};
	struct side *s = new_side();
	struct uet_addr to = peer();
	struct stub_pkt p;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_ses_tx *tx = side_send(s, &to, 0, UET_OP_SEND, 0, data, 10);

		stub_next(s->pds, &tx->msg, &p);
		stub_respond_rc(s->pds, &tx->msg, 0, cases[i].opcode, cases[i].rc);
		assert_int_equal(s->tx_cnt, i);
		stub_done(s->pds, &tx->msg, cases[i].pds_err, cases[i].nack);
		assert_int_equal(s->tx_cnt, i + 1);
		assert_ptr_equal(s->tx[i].tx, tx);
		assert_int_equal(s->tx[i].err, cases[i].err);
		assert_int_equal(s->tx[i].prov_errno, cases[i].prov_errno);
	}
	assert_int_equal(uet_ses_stats(s->ses)->rc_received[UET_RC_BAD_JOB_ID], 1);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* A response that is too short or of a wrong format fails the message, it never succeeds. */
static void garbled_answers(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();
	uint8_t junk[4] = { 1, 1, 0, 0 };
	struct stub_pkt p;
	struct uet_ses_tx *tx;

	(void)state;
	tx = side_send(s, &to, 0, UET_OP_SEND, 0, data, 3 * MTU);
	stub_next(s->pds, &tx->msg, &p);
	assert_true(stub_respond(s->pds, &tx->msg, 0, UET_HDR_RESPONSE, junk, sizeof(junk)));
	assert_int_equal(tx->msg.pkt_cnt, 2);	/* the rest is cut off by a MSG_ERROR */
	stub_next(s->pds, &tx->msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_MSG_ERROR);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_DEFAULT, UET_RC_OK));
	stub_done(s->pds, &tx->msg, 0, 0);
	assert_int_equal(s->tx[0].err, -EIO);
	assert_int_equal(uet_ses_stats(s->ses)->drop_malformed, 1);
	side_free(s);
}

/* NO_RESPONSE is no answer for the last open packet, unless another packet brought one. */
static void no_response(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();
	struct stub_pkt p;
	struct uet_ses_tx *tx;

	(void)state;
	tx = side_send(s, &to, 0, UET_OP_SEND, 0, data, 2 * MTU);
	stub_next(s->pds, &tx->msg, &p);
	/* One packet is not sent yet: this cannot be the last one. */
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	stub_next(s->pds, &tx->msg, &p);
	assert_false(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_NO_RESPONSE, UET_RC_OK));
	assert_false(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	assert_true(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_RESPONSE, UET_RC_OK));
	stub_done(s->pds, &tx->msg, 0, 0);

	/* A packet that a cumulative acknowledgement covered counts as answered. */
	tx = side_send(s, &to, 0, UET_OP_SEND, 0, data, 2 * MTU);
	stub_next(s->pds, &tx->msg, &p);
	stub_next(s->pds, &tx->msg, &p);
	tx->msg.completed = 1;
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	stub_done(s->pds, &tx->msg, 0, 0);

	/* So does an explicit answer. */
	tx = side_send(s, &to, 0, UET_OP_SEND, 0, data, 2 * MTU);
	stub_next(s->pds, &tx->msg, &p);
	stub_next(s->pds, &tx->msg, &p);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_DEFAULT, UET_RC_NULL));
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	stub_done(s->pds, &tx->msg, 0, 0);
	assert_int_equal(s->tx_cnt, 3);
	assert_int_equal(s->tx[2].err, 0);
	side_free(s);
}

/* The first error stops the message with a MSG_ERROR behind what was sent. */
static void stop_on_error(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();
	struct stub_pkt p;
	struct uet_ses_tx *tx;

	(void)state;
	tx = side_send(s, &to, 0, UET_OP_TAGGED_SEND, 77, data, 10 * MTU);
	tx->has_data = true;
	tx->dc = true;
	stub_next(s->pds, &tx->msg, &p);
	stub_next(s->pds, &tx->msg, &p);
	stub_next(s->pds, &tx->msg, &p);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 1, UET_RESP_RESPONSE, UET_RC_BAD_PID));
	assert_int_equal(tx->msg.pkt_cnt, 4);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_RESPONSE, UET_RC_BAD_INDEX));
	stub_next(s->pds, &tx->msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_MSG_ERROR);
	assert_false(p.req.som);
	assert_true(p.req.eom);
	assert_true(p.eom);
	assert_int_equal(p.req.message_id, tx->message_id);
	assert_int_equal(p.req.message_offset, 3 * MTU);
	assert_int_equal(p.req.payload_length, 0);
	assert_int_equal(p.req.request_length, 10 * MTU);
	assert_int_equal(p.req.pid_on_fep, 0x123);
	assert_int_equal(p.len, p.hdr_len);
	stub_fill(s->pds, &tx->msg, 2, &p);	/* retransmission of a real packet */
	assert_int_equal(p.req.opcode, UET_OP_TAGGED_SEND);
	assert_false(p.req.eom);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 2, UET_RESP_DEFAULT, UET_RC_OK));
	assert_true(stub_respond_rc(s->pds, &tx->msg, 3, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	stub_done(s->pds, &tx->msg, 0, 0);
	assert_int_equal(s->tx[0].err, -ECONNREFUSED);
	assert_int_equal(s->tx[0].prov_errno, UET_RC_BAD_PID);
	side_free(s);
}

/* A message that PDS ends inside uet_pds_post is reported from a later call. */
static void never_inside_send(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = peer();

	(void)state;
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	s->pds->done_in_post = 1;
	side_send(s, &to, 0, UET_OP_SEND, 0, data, 10);
	assert_int_equal(s->tx_cnt, 0);
	assert_false(uet_ses_idle(s->ses));
	assert_int_equal(uet_ses_next(s->ses), 0);
	uet_ses_progress(s->ses, 5);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, -EIO);
	assert_true(uet_ses_idle(s->ses));
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(wire_vector),
		cmocka_unit_test(longest_message),
		cmocka_unit_test(fragments),
		cmocka_unit_test(inject_copies),
		cmocka_unit_test(message_ids),
		cmocka_unit_test(descriptor_limit),
		cmocka_unit_test(results),
		cmocka_unit_test(garbled_answers),
		cmocka_unit_test(no_response),
		cmocka_unit_test(stop_on_error),
		cmocka_unit_test(never_inside_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
