/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Usual packets are taken in the quick way, and it leaves alone whatever is unusual. */
#include "test_ses_stub.h"

#include "ses/msg.h"

static uint8_t data[4096], buf[4096];
static struct side *s;
static struct uet_addr from;

static int setup(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();

	(void)state;
	s = side_new(&cfg, 1);
	from = stub_addr(7, 5000);
	fill_pattern(data, sizeof(data), 1);
	memset(buf, 0, sizeof(buf));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	side_free(s);
	return 0;
}

/* Hand the packet to the quick way alone. */
static bool quick(uint8_t mode, const struct uet_ses_req *req, size_t len,
		  struct uet_pds_answer *answer)
{
	uint8_t pkt[UET_SES_REQ_MAX_LEN + sizeof(data)];
	size_t n = uet_ses_req_pack(req, pkt);
	struct uet_pds_rx rx = {
		.pdc = stub_pdc(s->pds, &from, mode), .src = &from, .mode = mode,
		.next_hdr = req->format, .data = pkt, .len = n + len,
	};

	memcpy(pkt + n, data, len);
	memset(answer, 0, sizeof(*answer));
	return uet_ses_quick_packet(s->ses, &rx, answer);
}

static void send_in_one_packet(void **state)
{
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, 5, 100);
	struct uet_pds_answer a;

	(void)state;
	req.match_bits = 0x77;
	req.hd = true;
	req.header_data = 0x1234;
	side_recv(s, UET_SES_TAGGED, 0x78, 0, buf + 1000, 200, NULL);
	side_recv(s, UET_SES_TAGGED, 0x77, 0, buf, 200, &a);
	assert_true(quick(UET_MODE_RUD, &req, 100, &a));
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_true(a.complete && !a.gtd_del);
	assert_int_equal(answer_resp(&a).message_id, 5);
	assert_int_equal(answer_resp(&a).job_id, req.job_id);
	assert_int_equal(answer_resp(&a).modified_length, 100);
	assert_int_equal(s->rx_cnt, 1);
	assert_ptr_equal(s->rx[0].context, &a);
	assert_int_equal(s->rx[0].res.err, 0);
	assert_int_equal(s->rx[0].res.len, 100);
	assert_int_equal(s->rx[0].res.msg_len, 100);
	assert_int_equal(s->rx[0].res.tag, 0x77);
	assert_true(s->rx[0].res.has_data && !s->rx[0].res.released);
	assert_int_equal(s->rx[0].res.data, 0x1234);
	assert_int_equal(s->rx[0].res.source.initiator, 0x4793);
	assert_int_equal(s->rx[0].res.source.host.port, 0);
	assert_true(uet_addr_same_host(&s->rx[0].res.source.host, &from));
	assert_memory_equal(buf, data, 100);
	assert_int_equal(uet_ses_stats(s->ses)->rx_bytes, 100);
	/* The receive is used up. */
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));
}

/* What makes a packet unusual, one thing at a time. */
static bool bend(struct uet_ses_req *req, size_t *len, int what)
{
	switch (what) {
	case 0: req->version = 1; return true;
	case 1: req->ie = true; return true;
	case 2: req->job_id ^= 1; return true;
	case 3: req->pid_on_fep ^= 1; return true;
	case 4: req->resource_index ^= 2; return true;
	case 5: req->ri_generation = 1; return true;
	case 6: req->buffer_offset = 1 << 20; return true;
	case 7: *len -= 1; return true;
	case 8: req->som = false; return true;
	case 9: req->eom = false; return true;
	case 10: req->opcode = UET_OP_DATAGRAM_SEND; return true;
	case 11: req->opcode = UET_OP_RENDEZVOUS_SEND; return true;
	case 12: req->opcode = UET_OP_MSG_ERROR; return true;
	case 13: req->format = UET_HDR_REQUEST_MEDIUM; return true;
	case 14: req->opcode = UET_OP_ATOMIC; return true;
	default: return false;
	}
}

static void unusual_packets(void **state)
{
	static const struct iovec iov = { buf, 1000 };
	static const struct uet_ses_region region = {
		.iov = &iov, .iov_cnt = 1, .len = 1000, .key = 9,
		.access = UET_SES_REMOTE_WRITE,
	};
	static const uint8_t ops[] = { UET_OP_SEND, UET_OP_WRITE };
	struct uet_pds_answer a;
	size_t i, len = 100;
	int what;

	(void)state;
	s->region[0] = &region;
	for (i = 0; i < UET_ARRAY_SIZE(ops); i++) {
		struct uet_ses_req req = stub_req(ops[i], 5, 100);

		req.match_bits = ops[i] == UET_OP_WRITE ? 9 : 0;
		side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, 200, NULL);
		for (what = 0; bend(&req, &len, what); what++) {
			assert_false(quick(UET_MODE_RUD, &req, len, &a));
			assert_int_equal(a.len, 0);
			assert_int_equal(s->rx_cnt + s->rma_cnt, (int)i);
			req = stub_req(ops[i], 5, 100);
			req.match_bits = ops[i] == UET_OP_WRITE ? 9 : 0;
			len = 100;
		}
		assert_true(quick(UET_MODE_RUD, &req, len, &a));
	}
}

static void unusual_receives(void **state)
{
	struct uet_ses_req req = stub_req(UET_OP_SEND, 5, 100);
	struct uet_pds_answer a;
	struct uet_ses_rx *rx;

	(void)state;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* none */
	rx = side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, 99, NULL);
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* too short */
	rx->len = rx->iov[0].iov_len = 100;
	rx->directed = true;
	rx->source.host = from;
	rx->source.initiator = 1;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* of somebody else */
	rx->source.initiator = req.initiator;
	assert_true(quick(UET_MODE_RUD, &req, 100, &a));
	assert_int_equal(s->rx_cnt, 1);
}

static void unusual_regions(void **state)
{
	struct iovec iov[2] = { { buf, 50 }, { buf + 100, 50 } };
	struct uet_ses_region region = { .iov = iov, .iov_cnt = 2, .len = 100, .key = 9 };
	struct uet_ses_req req = stub_req(UET_OP_WRITE, 5, 100);
	struct uet_pds_answer a;

	(void)state;
	req.match_bits = 9;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* unknown */
	s->region[0] = &region;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* no right */
	region.access = UET_SES_REMOTE_WRITE;
	region.job_id = 1;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* of another job */
	region.job_id = 0;
	region.base = 1;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* before its beginning */
	region.base = 0;
	region.len = 99;
	assert_false(quick(UET_MODE_RUD, &req, 100, &a));	/* beyond its end */
	region.len = 100;
	assert_int_equal(s->rma_cnt, 0);
	assert_true(quick(UET_MODE_RUD, &req, 100, &a));
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rma_cnt, 1);
	assert_int_equal(s->rma[0].event.len, 100);
	assert_int_equal(s->rma[0].event.opcode, UET_OP_WRITE);
	assert_memory_equal(buf, data, 50);
	assert_memory_equal(buf + 100, data + 50, 50);
	s->region[0] = NULL;
}

/* Packets in the midst, out of order and twice the last one: the slow way does first and last. */
static void midst(uint8_t mode, uint8_t opcode)
{
	struct iovec iov = { buf, sizeof(buf) };
	struct uet_ses_region region = {
		.iov = &iov, .iov_cnt = 1, .len = sizeof(buf), .key = 9,
		.access = UET_SES_REMOTE_WRITE,
	};
	struct uet_ses_req req;
	struct uet_pds_answer a;
	uint32_t off;

	s->region[0] = &region;
	memset(data, 0x5a, sizeof(data));
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, 4000, NULL);
	for (off = 0; off < 4000; off += 1000) {
		req = stub_part(opcode, 6, 4000, off, 1000);
		req.match_bits = opcode == UET_OP_WRITE ? 9 : 0;
		assert_int_equal(quick(mode, &req, 1000, &a), off == 1000 || off == 2000);
		if (off == 1000 || off == 2000) {
			assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
			assert_false(a.complete);
			continue;
		}
		if (off == 0)
			side_req(s, &from, mode, &req, data, 1000);
	}
	/* Another message, another sender, or too much: not quick. */
	req = stub_part(opcode, 7, 4000, 2000, 500);
	assert_false(quick(mode, &req, 500, &a));
	req = stub_part(opcode, 6, 4000, 2000, 500);
	req.match_bits = opcode == UET_OP_WRITE ? 9 : 1;
	req.initiator++;
	assert_false(quick(mode, &req, 500, &a));
	req = stub_part(opcode, 6, 4000, 2000, 1001);
	req.match_bits = opcode == UET_OP_WRITE ? 9 : 0;
	assert_false(quick(mode, &req, 1001, &a));
	req = stub_part(opcode, 6, 4000, 3000, 1000);
	req.match_bits = opcode == UET_OP_WRITE ? 9 : 0;
	side_req(s, &from, mode, &req, data, 1000);
	assert_int_equal(s->rx_cnt + s->rma_cnt, 1);
	assert_memory_equal(buf, data, 4000);
	/* The message is over: a late packet finds nothing of it. */
	req = stub_part(opcode, 6, 4000, 1000, 1000);
	req.match_bits = opcode == UET_OP_WRITE ? 9 : 0;
	assert_false(quick(mode, &req, 1000, &a));
	s->region[0] = NULL;
}

static void midst_of_send(void **state)
{
	(void)state;
	midst(UET_MODE_RUD, UET_OP_SEND);
}

static void midst_of_ordered_send(void **state)
{
	(void)state;
	midst(UET_MODE_ROD, UET_OP_SEND);
}

static void midst_of_deferrable_send(void **state)
{
	(void)state;
	midst(UET_MODE_RUD, UET_OP_DEFERRABLE_SEND);
}

static void midst_of_write(void **state)
{
	(void)state;
	midst(UET_MODE_RUD, UET_OP_WRITE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(send_in_one_packet),
		T(unusual_packets),
		T(unusual_receives),
		T(unusual_regions),
		T(midst_of_send),
		T(midst_of_ordered_send),
		T(midst_of_deferrable_send),
		T(midst_of_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
