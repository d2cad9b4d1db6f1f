/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Inbound packets: checks, placing, answers, hostile input. */
#include "test_ses_stub.h"

#define MTU 1024
#define CANARY 0xa5

static uint8_t data[32 * 1024];

static struct uet_addr src(void)
{
	return stub_addr(7, 5000);
}

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

/* Every check of the target, in the order of precedence: each fault plus all later ones. */
static void target_checks(void **state)
{
	static const uint8_t want[] = {
		UET_RC_UNSUPPORTED_OP, UET_RC_UNSUPPORTED_OP, UET_RC_BAD_JOB_ID, UET_RC_BAD_PID,
		UET_RC_BAD_INDEX, UET_RC_BAD_GENERATION, UET_RC_INITIATOR_ERROR,
		UET_RC_UNSUPPORTED_SIZE,
	};
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[64];
	size_t first, k;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	for (first = 0; first < UET_ARRAY_SIZE(want); first++) {
		struct uet_ses_req req = stub_req(UET_OP_SEND, (uint16_t)(10 + first), 64);
		size_t payload = 64;
		struct uet_pds_answer a;

		for (k = first; k < UET_ARRAY_SIZE(want); k++) {
			switch (k) {
			case 0: req.version = 1; break;
			case 1: req.opcode = UET_OP_DATAGRAM_SEND; break;
			case 2: req.job_id ^= 1; break;
			case 3: req.pid_on_fep ^= 1; break;
			case 4: req.resource_index ^= 1; break;
			case 5: req.ri_generation = 3; break;
			case 6: req.ie = true; break;
			default: payload = 63; break;
			}
		}
		a = side_req(s, &from, UET_MODE_RUD, &req, data, payload);
		assert_refused(a, want[first]);
		assert_int_equal(answer_resp(&a).message_id, 10 + first);
		assert_int_equal(answer_resp(&a).job_id, req.job_id);
		assert_int_equal(answer_resp(&a).modified_length, 0);
		assert_int_equal(answer_resp(&a).ri_generation, 0);
		assert_int_equal(uet_ses_stats(s->ses)->rc_sent[want[first]], first == 1 ? 2 : 1);
	}
	assert_int_equal(s->rx_cnt, 0);
	side_free(s);
}

/* Absolute addressing does not compare the JobID. */
static void absolute_addressing(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	struct uet_ses_req req = stub_req(UET_OP_SEND, 1, 0);
	struct uet_pds_answer a;

	(void)state;
	req.rel = false;
	req.job_id = 0x777777;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, NULL, 0, NULL);
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(answer_resp(&a).job_id, 0x777777);
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

static void opcodes(void **state)
{
	static const uint8_t served[] = {
		UET_OP_SEND, UET_OP_TAGGED_SEND, UET_OP_DEFERRABLE_SEND, UET_OP_DEFERRABLE_TSEND,
		UET_OP_RENDEZVOUS_SEND, UET_OP_RENDEZVOUS_TSEND,
	};
	struct side *s = new_side();
	struct uet_addr from = src();
	struct uet_pds_answer a;
	int op, fmt;
	size_t i;

	(void)state;
	for (op = 0; op < 64; op++) {
		for (fmt = UET_HDR_REQUEST_SMALL; fmt <= UET_HDR_REQUEST_STD; fmt++) {
			struct uet_ses_req req = stub_req((uint8_t)op, 1, 0);
			/* Looked at in test_ses_rma.c; here they find no region. */
			bool rma = op >= UET_OP_WRITE && op <= UET_OP_FETCHING_ATOMIC;
			/* Looked at in test_ses_defer_tx.c; here it finds no message. */
			bool rtr = op == UET_OP_DEFERRABLE_RTR;
			bool ok = op == UET_OP_NO_OP ||
				  (op == UET_OP_MSG_ERROR && fmt == UET_HDR_REQUEST_STD);

			req.format = (uint8_t)fmt;
			for (i = 0; i < UET_ARRAY_SIZE(served); i++)
				ok = ok || (op == served[i] &&
					    (fmt == UET_HDR_REQUEST_STD ||
					     (fmt == UET_HDR_REQUEST_MEDIUM && i < 2)));
			side_recv(s, UET_SES_UNTAGGED, 0, 0, NULL, 0, NULL);
			side_recv(s, UET_SES_TAGGED, 0, ~0ull, NULL, 0, NULL);
			a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
			if (!rma && !rtr && op != UET_OP_VENDOR_ATOMIC)
				assert_answer(a, ok ? UET_RESP_DEFAULT : UET_RESP_RESPONSE,
					      ok ? UET_RC_OK : UET_RC_UNSUPPORTED_OP);
			else
				assert_int_equal(answer_resp(&a).opcode, UET_RESP_RESPONSE);
			while (uet_ses_cancel(s->rxq, NULL))
				;
		}
	}
	side_free(s);
}

static void odd_packets(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	struct uet_ses_req req = stub_req(UET_OP_NO_OP, 3, 0);
	uint8_t raw[UET_SES_STD_LEN] = { 0 };
	struct uet_pds_answer a;
	size_t len;

	(void)state;
	for (len = 0; len < UET_SES_STD_LEN; len++) {
		a = side_rx(s, &from, UET_MODE_RUD, UET_HDR_REQUEST_STD, raw, len);
		assert_refused(a, UET_RC_UNSUPPORTED_OP);
	}
	a = side_rx(s, &from, UET_MODE_RUD, UET_HDR_RESPONSE_DATA, raw, sizeof(raw));
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	a = side_rx(s, &from, UET_MODE_RUD, UET_HDR_NONE, raw, sizeof(raw));
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	req.request_length = 1;
	a = side_req(s, &from, UET_MODE_RUD, &req, raw, 1);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	side_free(s);
}

/* Lengths and offsets that contradict each other; nothing is written, nothing completes. */
static void inconsistent(void **state)
{
	static const struct {
		bool som, eom;
		uint16_t payload_length;
		uint32_t offset, request_length;
		uint64_t buffer_offset;
		size_t payload;
		uint8_t rc;
	} cases[] = {
		{ true, true, 0, 0, 100, 0, 99, UET_RC_UNSUPPORTED_SIZE },
		{ true, false, 0, 0, 100, 0, 101, UET_RC_UNSUPPORTED_SIZE },
		{ true, false, 0, 0, 100, 0, 0, UET_RC_UNSUPPORTED_SIZE },
		{ false, false, 100, 50, 149, 0, 100, UET_RC_UNSUPPORTED_SIZE },
		{ false, false, 100, 50, 1000, 0, 99, UET_RC_UNSUPPORTED_SIZE },
		{ false, false, 2, 0xffffffff, 0xffffffff, 0, 2, UET_RC_UNSUPPORTED_SIZE },
		{ false, true, 10, 50, 1000, 0, 10, UET_RC_UNSUPPORTED_SIZE },
		{ true, true, 0, 0, 100, 8, 100, UET_RC_UNSUPPORTED_OP },
	};
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[2048];
	size_t i, k;

	(void)state;
	memset(buf, CANARY, sizeof(buf));
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_ses_req req = stub_req(UET_OP_SEND, (uint16_t)(100 + i),
						  cases[i].request_length);
		struct uet_pds_answer a;

		req.som = cases[i].som;
		req.eom = cases[i].eom;
		req.payload_length = cases[i].payload_length;
		req.message_offset = cases[i].offset;
		req.buffer_offset = cases[i].buffer_offset;
		a = side_req(s, &from, UET_MODE_RUD, &req, data, cases[i].payload);
		assert_refused(a, cases[i].rc);
	}
	assert_int_equal(s->rx_cnt, 0);
	for (k = 0; k < sizeof(buf); k++)
		assert_int_equal(buf[k], CANARY);
	side_free(s);
}

/* One packet, each format and queue, with and without header data. */
static void single_packet(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[100];
	int v;

	(void)state;
	fill_pattern(data, 100, 9);
	for (v = 0; v < 8; v++) {
		bool tagged = v & 1, hd = v & 2;
		uint8_t fmt = v & 4 ? UET_HDR_REQUEST_MEDIUM : UET_HDR_REQUEST_STD;
		struct uet_ses_req req = stub_req(tagged ? UET_OP_TAGGED_SEND : UET_OP_SEND, 5,
						  100);
		const struct uet_ses_rx_result *res = &s->rx[v].res;
		struct uet_pds_answer a;

		req.format = fmt;
		req.hd = hd;
		req.header_data = hd ? 0xabcdef0123456789ull : 0;
		req.match_bits = 0x1234;
		memset(buf, 0, sizeof(buf));
		side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)1);
		side_recv(s, UET_SES_TAGGED, 0x1234, 0, buf, sizeof(buf), (void *)2);
		a = side_req(s, &from, UET_MODE_RUD, &req, data, 100);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
		assert_int_equal(answer_resp(&a).modified_length, 100);
		assert_int_equal(answer_resp(&a).message_id, v & 4 ? 0 : 5);
		assert_int_equal(s->rx_cnt, v + 1);
		assert_ptr_equal(s->rx[v].context, tagged ? (void *)2 : (void *)1);
		assert_memory_equal(buf, data, 100);
		assert_int_equal(res->err, 0);
		assert_int_equal(res->queue, tagged);
		assert_int_equal(res->len, 100);
		assert_int_equal(res->msg_len, 100);
		assert_int_equal(res->has_data, hd);
		assert_int_equal(res->data, hd ? 0xabcdef0123456789ull : 0);
		assert_int_equal(res->tag, 0x1234);
		assert_int_equal(res->source.initiator, 0x4793);
		assert_int_equal(res->source.host.port, 0);
		assert_true(uet_addr_same_host(&res->source.host, &from));
		s->rx_cnt++;
		uet_ses_cancel(s->rxq, tagged ? (void *)1 : (void *)2);
		s->rx_cnt = v + 1;
	}
	side_free(s);
}

/* Five packets in each of the 120 orders; each answer as Table 7.1 has it. */
static void every_order(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	const uint32_t len = 4 * MTU + 100;
	static uint8_t buf[5 * MTU];
	int perm, order[5], i, k;

	(void)state;
	for (perm = 0; perm < 120; perm++) {
		int left[5] = { 0, 1, 2, 3, 4 }, rest = perm;

		for (i = 0; i < 5; i++) {
			k = rest % (5 - i);
			rest /= 5 - i;
			order[i] = left[k];
			memmove(&left[k], &left[k + 1], (size_t)(4 - k) * sizeof(int));
		}
		fill_pattern(data, len, (uint32_t)perm);
		memset(buf, CANARY, sizeof(buf));
		side_recv(s, UET_SES_TAGGED, 5, 0, buf, sizeof(buf), NULL);
		for (i = 0; i < 5; i++) {
			uint32_t off = (uint32_t)order[i] * MTU;
			uint32_t n = order[i] == 4 ? 100 : MTU;
			struct uet_ses_req req = stub_part(UET_OP_TAGGED_SEND, 77, len, off, n);
			struct uet_pds_answer a;

			req.match_bits = 5;
			req.hd = true;
			req.header_data = req.som ? 0x99 : 0;
			a = side_req(s, &from, UET_MODE_RUD, &req, data + off, n);
			if (i < 4) {
				assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
				assert_int_equal(s->rx_cnt, perm);
			} else {
				assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
				assert_int_equal(answer_resp(&a).modified_length, len);
			}
		}
		assert_int_equal(s->rx_cnt, perm + 1);
		assert_memory_equal(buf, data, len);
		assert_int_equal(buf[len], CANARY);
		assert_true(s->rx[perm].res.has_data);
		assert_int_equal(s->rx[perm].res.data, 0x99);
	}
	side_free(s);
}

static void truncation(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[4 * MTU];
	struct uet_pds_answer a;
	uint32_t room, off;
	int i, cnt = 0;

	(void)state;
	fill_pattern(data, 3 * MTU, 4);
	for (room = 0; room < 3 * MTU; room += 700) {
		for (i = 0; i < 2; i++) {	/* posted before, posted after */
			struct uet_ses_req req;

			memset(buf, CANARY, sizeof(buf));
			if (i == 0)
				side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, room, NULL);
			for (off = 0; off < 3 * MTU; off += MTU) {
				req = stub_part(UET_OP_SEND, 9, 3 * MTU, off, MTU);
				a = side_req(s, &from, UET_MODE_ROD, &req, data + off, MTU);
			}
			assert_refused(a, UET_RC_OK);
			assert_int_equal(answer_resp(&a).list, i);
			assert_int_equal(answer_resp(&a).modified_length, i ? 3 * MTU : room);
			if (i == 1)
				side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, room, NULL);
			assert_int_equal(s->rx_cnt, ++cnt);
			assert_int_equal(s->rx[cnt - 1].res.err, -EMSGSIZE);
			assert_int_equal(s->rx[cnt - 1].res.len, room);
			assert_int_equal(s->rx[cnt - 1].res.msg_len, 3 * MTU);
			assert_memory_equal(buf, data, room);
			assert_int_equal(buf[room], CANARY);
		}
	}
	assert_int_equal(uet_ses_stats(s->ses)->truncated, cnt);
	side_free(s);
}

/* A fault in the middle fails the receive once; the rest is refused and not written. */
static void fault_in_the_middle(void **state)
{
	static const uint8_t faults[] = { UET_RC_INITIATOR_ERROR, UET_RC_UNSUPPORTED_SIZE,
					  UET_RC_UNSUPPORTED_OP };
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[4 * MTU];
	struct uet_pds_answer a;
	size_t f;

	(void)state;
	fill_pattern(data, sizeof(data), 1);
	for (f = 0; f < UET_ARRAY_SIZE(faults); f++) {
		uint16_t id = (uint16_t)(20 + f);
		struct uet_ses_req req = stub_part(UET_OP_SEND, id, 4 * MTU, 0, MTU);

		memset(buf, CANARY, sizeof(buf));
		side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)3);
		a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
		assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		req = stub_part(UET_OP_SEND, id, 4 * MTU, MTU, MTU);
		req.ie = f == 0;
		req.request_length = f == 1 ? 2 * MTU : 4 * MTU;
		req.buffer_offset = f == 2 ? 1 : 0;
		a = side_req(s, &from, UET_MODE_RUD, &req, data + MTU, MTU);
		assert_refused(a, faults[f]);
		assert_int_equal(s->rx_cnt, f + 1);
		assert_int_equal(s->rx[f].res.err, -EIO);
		assert_int_equal(s->rx[f].res.rc, faults[f]);
		assert_int_equal(s->rx[f].res.len, 0);
		req = stub_part(UET_OP_SEND, id, 4 * MTU, 2 * MTU, MTU);
		a = side_req(s, &from, UET_MODE_RUD, &req, data + 2 * MTU, MTU);
		assert_refused(a, faults[f]);
		req = stub_part(UET_OP_SEND, id, 4 * MTU, 3 * MTU, MTU);
		a = side_req(s, &from, UET_MODE_RUD, &req, data + 3 * MTU, MTU);
		assert_refused(a, faults[f]);
		assert_int_equal(buf[MTU], CANARY);
		assert_int_equal(buf[3 * MTU], CANARY);
		/* The id is free for a new message now. */
		side_recv(s, UET_SES_TAGGED, 0, ~0ull, buf, sizeof(buf), NULL);
		req = stub_part(UET_OP_TAGGED_SEND, id, 2 * MTU, MTU, MTU);
		a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
		assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		req = stub_part(UET_OP_TAGGED_SEND, id, 2 * MTU, 0, MTU);
		a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
		s->rx_cnt = (int)f + 1;
	}
	side_free(s);
}

/* The faulty packet is the first to arrive: the message takes no receive. */
static void fault_first(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[2 * MTU];
	struct uet_ses_req req = stub_part(UET_OP_SEND, 5, 3 * MTU, MTU, MTU);
	struct uet_pds_answer a;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	req.ie = true;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	req = stub_part(UET_OP_SEND, 5, 3 * MTU, 0, MTU);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	req = stub_part(UET_OP_SEND, 5, 3 * MTU, 2 * MTU, MTU);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	assert_int_equal(s->rx_cnt, 0);
	assert_true(uet_ses_cancel(s->rxq, NULL));
	side_free(s);
}

/* MSG_ERROR in each place among the packets that were sent before it. */
static void msg_error_of(uint8_t opcode, uint8_t queue)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[4 * MTU];
	struct uet_pds_answer a;
	uint32_t at, k;

	for (at = 0; at <= 2; at++) {
		uint16_t id = (uint16_t)(at + 1);
		struct uet_ses_req req;

		s->rx_cnt = 0;
		side_recv(s, queue, 0, 0, buf, sizeof(buf), NULL);
		for (k = 0; k < 2; k++) {
			if (k == at) {
				req = stub_part(UET_OP_MSG_ERROR, id, 4 * MTU, 2 * MTU, 0);
				req.eom = true;
				a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
				assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
			}
			req = stub_part(opcode, id, 4 * MTU, k * MTU, MTU);
			a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
			assert_answer(a, k >= at ? UET_RESP_DEFAULT : UET_RESP_NO_RESPONSE,
				      k >= at ? UET_RC_OK : UET_RC_NULL);
		}
		if (at == 2) {
			req = stub_part(UET_OP_MSG_ERROR, id, 4 * MTU, 2 * MTU, 0);
			req.eom = true;
			a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
			assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
		}
		if (at == 0) {		/* never matched anything */
			assert_int_equal(s->rx_cnt, 0);
			assert_true(uet_ses_cancel(s->rxq, NULL));
		} else {
			assert_int_equal(s->rx_cnt, 1);
			assert_int_equal(s->rx[0].res.err, -EIO);
		}
		/* All that was sent has come: the id is forgotten, this is a new message. */
		req = stub_part(opcode, id, 4 * MTU, MTU, MTU);
		a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
		assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		side_pdc_gone(s, &from, UET_MODE_RUD, 0);
	}
	/* A lone one on ROD leaves nothing. */
	{
		struct uet_ses_req req = stub_part(UET_OP_MSG_ERROR, 9, 4 * MTU, MTU, 0);

		req.eom = true;
		a = side_req(s, &from, UET_MODE_ROD, &req, NULL, 0);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	}
	side_free(s);
}

static void msg_error(void **state)
{
	(void)state;
	msg_error_of(UET_OP_SEND, UET_SES_UNTAGGED);
	msg_error_of(UET_OP_TAGGED_SEND, UET_SES_TAGGED);
}

/* A deferrable send is a plain one; its source may stop it early with an empty packet. */
static void deferrable(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[2 * MTU];
	struct uet_ses_req req = stub_part(UET_OP_DEFERRABLE_TSEND, 4, 2 * MTU, 0, MTU);
	struct uet_pds_answer a;

	(void)state;
	req.initiator_token = 0x55556666;
	req.match_bits = 3;
	side_recv(s, UET_SES_TAGGED, 3, 0, buf, sizeof(buf), NULL);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	req = stub_part(UET_OP_DEFERRABLE_TSEND, 4, 2 * MTU, MTU, MTU);
	req.initiator_token = 0x55556666;
	req.match_bits = 3;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx[0].res.err, 0);

	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	req = stub_part(UET_OP_DEFERRABLE_SEND, 5, 2 * MTU, 0, MTU);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	req = stub_part(UET_OP_DEFERRABLE_SEND, 5, 2 * MTU, MTU, 0);
	req.eom = true;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 2);
	assert_int_equal(s->rx[1].res.err, -EIO);
	side_free(s);
}

/* More bytes than the message has: the overlap is refused, the receive fails. */
static void overlapping_packets(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = src();
	uint8_t buf[2 * MTU];
	struct uet_ses_req req = stub_part(UET_OP_SEND, 4, 2 * MTU, 0, MTU + 10);
	struct uet_pds_answer a;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU + 10);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	req = stub_part(UET_OP_SEND, 4, 2 * MTU, MTU, MTU);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	side_free(s);
}

/*
 * Random headers with live state of all kinds. Valid id, length and queue values come often,
 * so that deep paths are reached. Every byte outside the posted buffers must stay.
 */
static void hostile(void **state)
{
	enum { BUFS = 32, SIZE = 3000, GAP = 64 };
	static uint8_t arena[BUFS][GAP + SIZE + GAP];
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_addr from[3] = { stub_addr(5, 1), stub_addr(6, 2), stub_addr(7, 3) };
	struct uet_ses_unex *claims[8];
	struct uet_ses_rx_result res;
	struct uet_rand rnd;
	struct side *s;
	int round, b = 0, n_claims = 0, i, k;

	(void)state;
	rxq.max_unexpected = 20;
	rxq.max_unexpected_bytes = 20000;
	s = side_new_rxq(&cfg, &rxq, 1);
	uet_rand_seed(&rnd, 99);
	memset(arena, CANARY, sizeof(arena));
	for (round = 0; round < 60000; round++) {
		uint32_t r = uet_rand_u32(&rnd);
		struct uet_ses_req req = stub_req((uint8_t)(r % 3 ? 5 + 4 * (r % 2) : r >> 8),
						  (uint16_t)(1 + r % 7), 0);
		struct uet_addr *a = &from[uet_rand_u32(&rnd) % 3];
		size_t payload = uet_rand_u32(&rnd) % 1500;

		s->rx_cnt = 0;
		switch (uet_rand_u32(&rnd) % 40) {
		case 0:
			side_pdc_gone(s, a, r & 1, -EIO);
			continue;
		case 1:
			if (n_claims == 8 || uet_ses_peek(s->rxq, &(struct uet_ses_rx){
				.queue = r & 1, .ignore = ~0ull }, UET_SES_PEEK_CLAIM, &res,
				&claims[n_claims]))
				continue;
			n_claims++;
			continue;
		case 2:
			if (n_claims)
				uet_ses_claimed_discard(claims[--n_claims]);
			continue;
		case 3:
			uet_ses_peek(s->rxq, &(struct uet_ses_rx){ .queue = r & 1,
				     .ignore = ~0ull }, UET_SES_PEEK_DISCARD, &res, NULL);
			continue;
		case 4:
		case 5: {
			struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);

			if (!rx) {
				while (uet_ses_cancel(s->rxq, NULL))
					s->rx_cnt = 0;
				continue;
			}
			rx->queue = r & 1;
			rx->tag = r % 4;
			rx->ignore = r % 3;
			rx->iov_cnt = 3;
			for (i = 0; i < 3; i++) {
				rx->iov[i].iov_base = &arena[b][GAP + i * 1000];
				rx->iov[i].iov_len = uet_rand_u32(&rnd) % 1001;
				rx->len += rx->iov[i].iov_len;
			}
			b = (b + 1) % BUFS;
			if (n_claims && (r & 0x700) == 0)
				uet_ses_claimed_recv(claims[--n_claims], rx, 0);
			else
				uet_ses_recv(s->rxq, rx, 0);
			continue;
		}
		default:
			break;
		}
		r = uet_rand_u32(&rnd);
		req.som = r & 1;
		req.eom = r & 2;
		req.hd = r & 4;
		req.ie = (r >> 3) % 64 == 0;
		req.rel = (r >> 9) % 16;
		req.format = (r >> 13) % 16 ? UET_HDR_REQUEST_STD : (uint8_t)(1 + r % 3);
		req.match_bits = r % 4;
		r = uet_rand_u32(&rnd);
		req.request_length = r % 5 ? (uint32_t)(1000 * (r % 4)) : uet_rand_u32(&rnd);
		req.message_offset = r % 11 ? (uint32_t)(1000 * (r % 4)) : uet_rand_u32(&rnd);
		req.payload_length = r % 7 ? (uint16_t)payload : (uint16_t)(r % 16384);
		req.version = r % 101 == 0;
		if (r % 3)
			payload = 1000;
		if (r % 3 == 1)
			req.payload_length = 1000;
		side_req(s, a, (r >> 20) & 1, &req, data, payload);
	}
	for (i = 0; i < BUFS; i++)
		for (k = 0; k < GAP; k++) {
			assert_int_equal(arena[i][k], CANARY);
			assert_int_equal(arena[i][GAP + SIZE + k], CANARY);
		}
	assert_true(uet_ses_stats(s->ses)->rx_msgs > 100);
	assert_true(uet_ses_stats(s->ses)->unexpected > 100);
	assert_true(uet_ses_stats(s->ses)->unexpected_refused > 100);
	side_free(s);
}

/* ---- memory that the CPU cannot reach ---- */

static int failing_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	(void)dst;
	(void)src;
	(void)n;
	return -EIO;
}

/* The sender learns it with the last packet, the application with its receive. */
static void memory_fails(void **state)
{
	static const struct uet_ses_mem mem = { .put = failing_put };
	static uint8_t buf[2048], zero[2048], bytes[1024];
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_addr from = stub_addr(7, 1);
	struct uet_ses_req req = stub_part(UET_OP_SEND, 1, 2048, 0, 1024);
	struct uet_pds_answer a;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), s)->mem = &mem;
	a = side_req(s, &from, UET_MODE_RUD, &req, bytes, 1024);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	assert_int_equal(s->rx_cnt, 0);
	req = stub_part(UET_OP_SEND, 1, 2048, 1024, 1024);
	a = side_req(s, &from, UET_MODE_RUD, &req, bytes, 1024);
	assert_refused(a, UET_RC_UNCOR);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	assert_memory_equal(buf, zero, sizeof(buf));
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_checks),
		cmocka_unit_test(absolute_addressing),
		cmocka_unit_test(opcodes),
		cmocka_unit_test(odd_packets),
		cmocka_unit_test(inconsistent),
		cmocka_unit_test(single_packet),
		cmocka_unit_test(every_order),
		cmocka_unit_test(truncation),
		cmocka_unit_test(fault_in_the_middle),
		cmocka_unit_test(fault_first),
		cmocka_unit_test(msg_error),
		cmocka_unit_test(deferrable),
		cmocka_unit_test(overlapping_packets),
		cmocka_unit_test(hostile),
		cmocka_unit_test(memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
