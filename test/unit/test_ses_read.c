/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "test_ses_rma.h"

#define RW (UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE)

static struct uet_rand rnd;

/* An initiator @a and a target @b with the region @mr. */
struct pair {
	struct side *a, *b;
	struct mr *mr;
};

static struct pair pair_new(void)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct pair p;

	p.mr = mr_new(KEY, RW, 5000, 3, 10000);
	p.b = side_new(&cfg, 2);
	p.b->region[0] = &p.mr->region;
	cfg.initiator = 99;
	p.a = side_new(&cfg, 1);
	return p;
}

static void pair_free(struct pair *p)
{
	mr_check(p->mr, 0, 0);
	side_free(p->a);
	side_free(p->b);
	mr_free(p->mr);
}

static struct uet_ses_tx *start_read(struct pair *p, uint8_t mode, uint64_t at, void *buf,
				     size_t len)
{
	struct uet_ses_tx *tx = side_rma(p->a, p->b, mode, UET_OP_READ, KEY, at, buf, len);

	side_start(p->a, tx);
	return tx;
}

/* The message of the operation that is under way. */
static struct uet_pds_msg *first_msg(struct side *s)
{
	assert_false(uet_list_empty(&s->pds->msgs));
	return uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link);
}

/* Let the first message of @s send everything to @to, whose answers go back. */
static void send_all(struct side *s, struct side *to)
{
	struct uet_pds_msg *msg = first_msg(s);
	struct uet_pds_answer ans;
	static struct stub_pkt pkt;

	while (msg->next < msg->pkt_cnt) {
		stub_next(s->pds, msg, &pkt);
		to->pds->rx_psn = pkt.psn;
		ans = side_rx(to, &s->addr, pkt.mode, pkt.next_hdr, pkt.data, pkt.len);
		assert_int_equal(ans.nack, 0);
		stub_respond(s->pds, msg, pkt.index, ans.next_hdr, ans.ses, ans.len);
	}
}

static void sizes(void **state)
{
	static const size_t lens[] = { 0, 1, 16, 17, 1023, 1024, 1025, 4096, 9999 };
	struct pair p = pair_new();
	static uint8_t buf[ROOM], want[ROOM];
	int mode, n = 0;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(lens); i++) {
		for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
			uint64_t at = uet_rand_u64(&rnd) % (p.mr->region.len - lens[i] + 1);
			uint32_t returns = p.b->pds->returns;
			size_t pkts = (lens[i] + 1023) / 1024;

			memset(buf, 0xee, sizeof(buf));
			start_read(&p, (uint8_t)mode, at, buf, lens[i]);
			stub_carry(p.a, p.b, mode == UET_MODE_ROD ? 1 : 6, &rnd);
			assert_int_equal(p.a->tx_cnt, ++n);
			assert_int_equal(p.a->tx[n - 1].err, 0);
			mr_read(p.mr, p.mr->memory, at, lens[i], want);
			assert_memory_equal(buf, want, lens[i]);
			assert_int_equal(buf[lens[i]], 0xee);
			/* Tiny ones travel inside the ACK, each packet of others by itself. */
			assert_int_equal(p.b->pds->returns - returns, lens[i] <= 16 ? 0 : pkts);
			assert_int_equal(p.b->rma_cnt, n);
			assert_int_equal(p.b->rma[n - 1].event.opcode, UET_OP_READ);
			assert_int_equal(p.b->rma[n - 1].event.len, lens[i]);
		}
	}
	assert_int_equal(uet_ses_stats(p.b->ses)->rma_reads, n);
	assert_true(uet_list_empty(&p.b->pds->msgs));
	pair_free(&p);
}

/* What goes over the wire, against the vectors' form. */
static void headers(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[3000];
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0x200, buf, 3000);
	static struct stub_pkt pkt;
	struct uet_ses_resp resp;

	(void)state;
	assert_int_equal(tx->msg.pkt_cnt, 3);
	assert_true(tx->msg.awaits);
	stub_next(p.a->pds, &tx->msg, &pkt);
	assert_int_equal(pkt.len, UET_SES_STD_LEN);
	assert_int_equal(pkt.req.opcode, UET_OP_READ);
	assert_true(pkt.req.som && !pkt.req.eom);
	assert_int_equal(pkt.req.match_bits, KEY);
	assert_int_equal(pkt.req.buffer_offset, 0x200);
	assert_int_equal(pkt.req.request_length, 3000);
	stub_next(p.a->pds, &tx->msg, &pkt);
	assert_int_equal(pkt.req.payload_length, 1024);
	assert_int_equal(pkt.req.message_offset, 1024);
	stub_next(p.a->pds, &tx->msg, &pkt);
	assert_true(pkt.req.eom);
	assert_int_equal(pkt.req.payload_length, 952);
	assert_int_equal(pkt.len, UET_SES_STD_LEN);
	side_rx(p.b, &p.a->addr, UET_MODE_RUD, pkt.next_hdr, pkt.data, pkt.len);
	stub_next(p.b->pds, first_msg(p.b), &pkt);
	resp = pkt.resp;
	assert_int_equal(resp.format, UET_HDR_RESPONSE_DATA);
	assert_int_equal(resp.read_request_message_id, tx->message_id);
	assert_int_not_equal(resp.message_id, 0);
	assert_int_equal(resp.message_offset, 2048);
	assert_int_equal(resp.payload_length, 952);
	assert_int_equal(resp.modified_length, 3000);
	assert_int_equal(resp.job_id, 0x0a0b0c);
	assert_true(pkt.eom);
	pair_free(&p);
}

/* Data is captured when it is asked for: later writes and a closing region do not matter. */
static void captured(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[4000], before[4000], zero[4000];

	(void)state;
	mr_read(p.mr, p.mr->memory, 0, 4000, before);
	start_read(&p, UET_MODE_ROD, 0, buf, 4000);
	send_all(p.a, p.b);
	assert_int_equal(p.b->rma_cnt, 1);
	assert_int_equal(p.a->tx_cnt, 0);
	side_start(p.a, side_rma(p.a, p.b, UET_MODE_ROD, UET_OP_WRITE, KEY, 0, zero, 4000));
	stub_pump(p.a, p.b, 1, 0, &rnd);
	uet_ses_region_gone(p.b->ses, &p.mr->region);
	p.b->region[0] = NULL;
	memset(p.mr->memory, 0xdd, p.mr->size);
	memcpy(p.mr->before, p.mr->memory, p.mr->size);
	stub_carry(p.a, p.b, 1, &rnd);
	assert_int_equal(p.a->tx_cnt, 2);
	assert_int_equal(p.a->tx[0].err | p.a->tx[1].err, 0);
	assert_memory_equal(buf, before, 4000);
	pair_free(&p);
}

/* Buffers for replies are bounded: beyond them the requests are refused and come again. */
static void few_replies(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct pair p = pair_new();
	static uint8_t buf[9000], want[9000];
	struct uet_ses_req req;
	struct uet_pds_answer ans;

	(void)state;
	side_free(p.b);
	cfg.max_replies = 3;
	p.b = side_new(&cfg, 2);
	p.b->region[0] = &p.mr->region;
	start_read(&p, UET_MODE_RUD, 7, buf, 9000);
	assert_true(stub_pump(p.a, p.b, 4, 20, &rnd) > 20);
	assert_int_equal(p.b->pds->returns, 3);
	assert_true(uet_ses_stats(p.b->ses)->rma_refused > 0);
	req = rma_part(UET_OP_READ, 500, 16, 0, 16, 0);
	ans = side_req(p.b, &p.a->addr, UET_MODE_RUD, &req, NULL, 0);
	assert_int_equal(ans.nack, 0);
	req.request_length = 17;
	ans = side_req(p.b, &p.a->addr, UET_MODE_RUD, &req, NULL, 0);
	assert_nack(ans, UET_NACK_NO_PKT_BUFFER);
	while (p.a->tx_cnt == 0) {
		stub_pump(p.b, p.a, 8, 0, &rnd);
		stub_pump(p.a, p.b, 2, 5, &rnd);
		stub_finish(p.a);
	}
	assert_int_equal(p.a->tx[0].err, 0);
	mr_read(p.mr, p.mr->memory, 7, 9000, want);
	assert_memory_equal(buf, want, 9000);
	pair_free(&p);
}

/* PDS has no memory for the return direction: the data waits, in order, and is not lost. */
static void replies_wait(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[3000], want[3000];

	(void)state;
	p.b->pds->refuse_return = 2;
	start_read(&p, UET_MODE_ROD, 7, buf, 3000);
	send_all(p.a, p.b);
	assert_int_equal(p.b->pds->returns, 0);
	assert_true(uet_ses_next(p.b->ses) == 0);
	uet_ses_progress(p.b->ses, MS);
	assert_int_equal(p.b->pds->returns, 0);
	assert_true(uet_ses_next(p.b->ses) > MS);
	assert_true(uet_ses_next(p.b->ses) < UET_TIME_NEVER);
	uet_ses_progress(p.b->ses, uet_ses_next(p.b->ses));
	assert_int_equal(p.b->pds->returns, 3);
	stub_carry(p.a, p.b, 1, &rnd);
	assert_int_equal(p.a->tx_cnt, 1);
	assert_int_equal(p.a->tx[0].err, 0);
	mr_read(p.mr, p.mr->memory, 7, 3000, want);
	assert_memory_equal(buf, want, 3000);
	/* The PDC goes away before. */
	p.b->pds->refuse_return = 1;
	start_read(&p, UET_MODE_ROD, 7, buf, 100);
	send_all(p.a, p.b);
	side_pdc_gone(p.b, &p.a->addr, UET_MODE_ROD, -ECONNRESET);
	uet_ses_progress(p.b->ses, uet_ses_next(p.b->ses));
	assert_int_equal(p.b->pds->returns, 3);
	pair_free(&p);
}

/* An error half way fails the read with that error, and nothing more is asked for. */
static void fails(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[9000];
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0, buf, 9000);
	static struct stub_pkt pkt;

	(void)state;
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_next(p.a->pds, &tx->msg, &pkt);
	/* Data is to come for packet 0; this is no answer. */
	assert_false(stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	assert_false(stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_DEFAULT, UET_RC_OK));
	assert_true(stub_respond_rc(p.a->pds, &tx->msg, 1, UET_RESP_RESPONSE, UET_RC_BAD_ADDR));
	assert_int_equal(tx->msg.pkt_cnt, 3);
	assert_true(stub_respond_rc(p.a->pds, &tx->msg, 2, UET_RESP_RESPONSE, UET_RC_BAD_MKEY));
	assert_int_equal(tx->msg.completed, 2);
	/* A target that gave up may say no more than this. */
	assert_false(stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_NO_RESPONSE, UET_RC_NULL));
	assert_true(stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_DEFAULT, UET_RC_OK));
	stub_finish(p.a);
	assert_int_equal(p.a->tx_cnt, 1);
	assert_int_equal(p.a->tx[0].err, -EFAULT);
	assert_int_equal(p.a->tx[0].prov_errno, UET_RC_BAD_ADDR);
	/* And end to end. */
	start_read(&p, UET_MODE_RUD, 14000, buf, 9000);
	stub_carry(p.a, p.b, 4, &rnd);
	assert_int_equal(p.a->tx_cnt, 2);
	assert_int_equal(p.a->tx[1].prov_errno, UET_RC_BAD_ADDR);
	assert_int_equal(p.b->pds->returns, 0);
	pair_free(&p);
}

/* A packet of the return direction, as from @p->b. */
static struct uet_pds_answer data_in(struct pair *p, const struct uet_addr *from,
				     const struct uet_ses_resp *resp, size_t avail)
{
	uint8_t raw[UET_SES_RESP_DATA_LEN + 4096];
	size_t n = uet_ses_resp_pack(resp, raw);

	memset(raw + n, 0x5a, sizeof(raw) - n);
	return side_rx(p->a, from, UET_MODE_RUD, resp->format, raw, n + avail);
}

/* Data that was not asked for, or not from there, does no harm. */
static void stray_data(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[3000];
	struct uet_addr stranger = stub_addr(9, 4793);
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0, buf, 3000);
	static struct stub_pkt pkt;
	struct uet_ses_resp good = {
		.format = UET_HDR_RESPONSE_DATA, .opcode = UET_RESP_W_DATA,
		.return_code = UET_RC_OK, .message_id = 77, .job_id = 5,
		.read_request_message_id = tx->message_id, .payload_length = 1024,
	};
	struct uet_ses_resp resp;
	struct uet_pds_answer a;
	int i;

	(void)state;
	memset(buf, 0xee, sizeof(buf));
	stub_next(p.a->pds, &tx->msg, &pkt);
	for (i = 0; i < 4; i++) {
		resp = good;
		if (i == 0)	/* of another message */
			resp.read_request_message_id++;
		if (i == 1)	/* not asked for yet */
			resp.message_offset = 1024;
		if (i == 2)	/* the same by PSN */
			resp.format = UET_HDR_RESPONSE_DATA_SMALL;
		resp.original_request_psn = tx->msg.psn0 + 1;
		a = data_in(&p, i == 3 ? &stranger : &p.b->addr, &resp, 1024);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
		assert_int_equal(tx->msg.completed, 0);
		assert_int_equal(buf[0], 0xee);
	}
	assert_int_equal(answer_resp(&a).message_id, 77);
	assert_int_equal(answer_resp(&a).job_id, 5);
	/* Right, and then again. */
	a = data_in(&p, &p.b->addr, &good, 1024);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(tx->msg.completed, 1);
	data_in(&p, &p.b->addr, &good, 1024);
	assert_int_equal(tx->msg.completed, 1);
	assert_int_equal(buf[1023], 0x5a);
	assert_int_equal(buf[1024], 0xee);
	/* By PSN, for the next one. */
	stub_next(p.a->pds, &tx->msg, &pkt);
	resp = good;
	resp.format = UET_HDR_RESPONSE_DATA_SMALL;
	resp.original_request_psn = tx->msg.psn0 + 1;
	data_in(&p, &p.b->addr, &resp, 1024);
	assert_int_equal(tx->msg.completed, 2);
	assert_int_equal(buf[2047], 0x5a);
	assert_int_equal(buf[2048], 0xee);
	/* Not a header at all. */
	a = side_rx(p.a, &p.b->addr, UET_MODE_RUD, UET_HDR_RESPONSE_DATA, buf, 5);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	pair_free(&p);
}

/* Data that belongs to the read but is not what was asked for fails it; memory stays. */
static void wrong_data(void **state)
{
	static const struct {
		uint32_t off;
		uint16_t len;
		size_t avail;
	} cases[] = {
		{ 0, 1023, 1023 }, { 0, 1024, 1000 }, { 0, 2048, 2048 }, { 1, 1024, 1024 },
		{ 1023, 1024, 1024 }, { 1024, 1023, 1023 },
	};
	static uint8_t buf[3000];
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct pair p = pair_new();
		struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0, buf, 3000);
		static struct stub_pkt pkt;
		struct uet_ses_resp resp = {
			.format = UET_HDR_RESPONSE_DATA, .opcode = UET_RESP_W_DATA,
			.return_code = UET_RC_OK, .message_id = 77,
			.read_request_message_id = tx->message_id,
			.payload_length = cases[i].len, .message_offset = cases[i].off,
		};

		memset(buf, 0xee, sizeof(buf));
		stub_next(p.a->pds, &tx->msg, &pkt);
		stub_next(p.a->pds, &tx->msg, &pkt);
		data_in(&p, &p.b->addr, &resp, cases[i].avail);
		assert_int_equal(tx->msg.completed, 1);
		assert_int_equal(buf[0], 0xee);
		assert_int_equal(buf[1024], 0xee);
		/* The other one comes right, and is not used any more. */
		resp.message_offset = cases[i].off >= 1024 ? 0 : 1024;
		resp.payload_length = 1024;
		data_in(&p, &p.b->addr, &resp, 1024);
		stub_finish(p.a);
		assert_int_equal(buf[0], 0xee);
		assert_int_equal(p.a->tx_cnt, 1);
		assert_int_equal(p.a->tx[0].err, -EIO);
		pair_free(&p);
	}
}

/* An error may come in the place of data as well. */
static void error_data(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[100];
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0, buf, 100);
	static struct stub_pkt pkt;
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE_DATA, .opcode = UET_RESP_W_DATA,
		.return_code = UET_RC_HOST_POISONED, .message_id = 77,
		.read_request_message_id = tx->message_id,
	};

	(void)state;
	stub_next(p.a->pds, &tx->msg, &pkt);
	data_in(&p, &p.b->addr, &resp, 0);
	stub_finish(p.a);
	assert_int_equal(p.a->tx_cnt, 1);
	assert_int_equal(p.a->tx[0].prov_errno, UET_RC_HOST_POISONED);
	pair_free(&p);
}

/* Optimized keys: the short header where the peer takes it. */
static void small_header(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[2000];
	static struct stub_pkt pkt;
	uint64_t key = 1ull << 62 | 0xabc;
	int i, n = 0;

	(void)state;
	p.mr->region.key = key;
	for (i = 0; i < 6; i++) {
		uint8_t op = i == 1 || i == 5 ? UET_OP_WRITE : UET_OP_READ;
		struct uet_ses_tx *tx = side_rma(p.a, p.b, UET_MODE_RUD, op, key, 8, buf,
						 i == 4 ? 2000 : i == 0 ? 9 : 1000);
		bool small = i < 2 || i == 3;

		tx->dest.small = i != 2;
		tx->has_data = i == 5;
		side_start(p.a, tx);
		stub_fill(p.a->pds, &tx->msg, 0, &pkt);
		assert_int_equal(pkt.next_hdr, small ? UET_HDR_REQUEST_SMALL :
						       UET_HDR_REQUEST_STD);
		if (small)
			assert_int_equal(pkt.req.resource_index, 0xabc);
		stub_carry(p.a, p.b, 4, &rnd);
		assert_int_equal(p.a->tx_cnt, ++n);
		assert_int_equal(p.a->tx[n - 1].err, 0);
		if (op == UET_OP_WRITE)
			mr_check(p.mr, 8, 1000);
	}
	pair_free(&p);
}

/* RUDI carries reads, and writes without data; the rest goes by RUD. */
static void rudi(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[3000], got[3000];
	struct uet_ses_tx *tx;

	(void)state;
	p.mr->region.idempotent = true;
	fill_pattern(buf, sizeof(buf), 3);
	side_start(p.a, side_rma(p.a, p.b, UET_MODE_RUDI, UET_OP_WRITE, KEY, 5, buf, 3000));
	stub_carry(p.a, p.b, 3, &rnd);
	assert_int_equal(p.a->pds->rudis, 1);
	mr_read(p.mr, p.mr->memory, 5, 3000, got);
	assert_memory_equal(got, buf, 3000);
	mr_check(p.mr, 5, 3000);
	memset(got, 0, sizeof(got));
	start_read(&p, UET_MODE_RUDI, 5, got, 3000);
	stub_carry(p.a, p.b, 3, &rnd);
	assert_int_equal(p.a->pds->rudis, 2);
	assert_memory_equal(got, buf, 3000);
	tx = side_rma(p.a, p.b, UET_MODE_RUDI, UET_OP_WRITE, KEY, 5, buf, 16);
	tx->has_data = true;
	side_start(p.a, tx);
	stub_carry(p.a, p.b, 3, &rnd);
	assert_int_equal(p.a->pds->rudis, 2);
	assert_int_equal(p.a->pds->posts, 1);
	assert_int_equal(p.a->tx_cnt, 3);
	assert_int_equal(p.a->tx[0].err | p.a->tx[1].err | p.a->tx[2].err, 0);
	assert_int_equal(p.b->rma_cnt, 1);
	pair_free(&p);
}

static void rudi_fails(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[9000];
	static struct stub_pkt pkt;
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUDI, 0, buf, 3000);

	(void)state;
	/* A response that brings no data. */
	while (tx->msg.next < tx->msg.pkt_cnt) {
		stub_next(p.a->pds, &tx->msg, &pkt);
		tx->msg.completed++;
	}
	stub_finish(p.a);
	assert_int_equal(p.a->tx_cnt, 1);
	assert_int_equal(p.a->tx[0].err, -EIO);
	tx = start_read(&p, UET_MODE_RUDI, 0, buf, 10);
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_DEFAULT, UET_RC_OK);
	stub_finish(p.a);
	assert_int_equal(p.a->tx[1].err, -EIO);
	/* An error stops it; there is no MSG_ERROR. */
	tx = side_rma(p.a, p.b, UET_MODE_RUDI, UET_OP_WRITE, KEY, 5, buf, 9000);
	side_start(p.a, tx);
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_RESPONSE, UET_RC_OP_VIOLATION);
	assert_int_equal(tx->msg.pkt_cnt, 1);
	stub_finish(p.a);
	assert_int_equal(p.a->tx[2].prov_errno, UET_RC_OP_VIOLATION);
	pair_free(&p);
}

/* A write that is refused half way stops with a MSG_ERROR that names the region's message. */
static void write_stops(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[9000];
	struct uet_ses_tx *tx = side_rma(p.a, p.b, UET_MODE_ROD, UET_OP_WRITE, KEY, 9, buf, 9000);
	static struct stub_pkt pkt;

	(void)state;
	side_start(p.a, tx);
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_RESPONSE, UET_RC_OP_VIOLATION);
	assert_int_equal(tx->msg.pkt_cnt, 2);
	stub_next(p.a->pds, &tx->msg, &pkt);
	assert_int_equal(pkt.req.opcode, UET_OP_MSG_ERROR);
	assert_int_equal(pkt.req.match_bits, KEY);
	assert_int_equal(pkt.req.buffer_offset, 9);
	assert_int_equal(pkt.len, UET_SES_STD_LEN);
	pair_free(&p);
}

/* A target without memory for it says "again", and the read is repeated. */
static void repeated(void **state)
{
	struct pair p = pair_new();
	static uint8_t buf[100], want[100];
	struct uet_ses_tx *tx = start_read(&p, UET_MODE_ROD, 3, buf, 100);
	static struct stub_pkt pkt;

	(void)state;
	stub_next(p.a->pds, &tx->msg, &pkt);
	stub_respond_rc(p.a->pds, &tx->msg, 0, UET_RESP_RESPONSE, UET_RC_DROPPED);
	stub_finish(p.a);
	assert_int_equal(p.a->tx_cnt, 0);
	uet_ses_progress(p.a->ses, 1);
	uet_ses_progress(p.a->ses, uet_ses_next(p.a->ses));
	stub_carry(p.a, p.b, 1, &rnd);
	assert_int_equal(p.a->tx_cnt, 1);
	assert_int_equal(p.a->tx[0].err, 0);
	mr_read(p.mr, p.mr->memory, 3, 100, want);
	assert_memory_equal(buf, want, 100);
	pair_free(&p);
}

/* Random data packets against open reads: only their buffers change. */
static void fuzz(void **state)
{
	static uint8_t room[4096 + 2 * GUARD], before[sizeof(room)];
	struct pair p = pair_new();
	static struct stub_pkt pkt;
	int i, k;

	(void)state;
	memset(room, 0xee, sizeof(room));
	for (i = 0; i < 4000; i++) {
		size_t len = 1 + uet_rand_u32(&rnd) % 4000;
		struct uet_ses_tx *tx = start_read(&p, UET_MODE_RUD, 0, room + GUARD, len);

		while (tx->msg.next < tx->msg.pkt_cnt && uet_rand_u32(&rnd) % 4)
			stub_next(p.a->pds, &tx->msg, &pkt);
		for (k = 0; k < 6; k++) {
			struct uet_ses_resp resp = {
				.format = (uint8_t)(UET_HDR_RESPONSE_DATA + (k & 1)),
				.opcode = UET_RESP_W_DATA, .return_code = UET_RC_OK,
				.read_request_message_id = tx->message_id,
				.payload_length = (uint16_t)(uet_rand_u32(&rnd) % 3 ?
							     uet_min_u64(1024, len) :
							     uet_rand_u32(&rnd) % 1100),
				.message_offset = uet_rand_u32(&rnd) % 6 * 1024,
				.original_request_psn = tx->msg.psn0 + uet_rand_u32(&rnd) % 6,
			};

			if (uet_rand_u32(&rnd) % 8 == 0)
				resp.message_offset = uet_rand_u32(&rnd);
			memcpy(before, room, sizeof(room));
			data_in(&p, &p.b->addr, &resp, uet_rand_u32(&rnd) % 1200);
			assert_memory_equal(room, before, GUARD);
			assert_memory_equal(room + GUARD + len, before + GUARD + len,
					    sizeof(room) - GUARD - len);
		}
		stub_done(p.a->pds, &tx->msg, -ECANCELED, 0);
		p.a->tx_cnt = 0;
	}
	pair_free(&p);
}

static int seed(void **state)
{
	(void)state;
	uet_rand_seed(&rnd, 4794);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(headers),
		cmocka_unit_test(captured),
		cmocka_unit_test(few_replies),
		cmocka_unit_test(replies_wait),
		cmocka_unit_test(fails),
		cmocka_unit_test(stray_data),
		cmocka_unit_test(wrong_data),
		cmocka_unit_test(error_data),
		cmocka_unit_test(small_header),
		cmocka_unit_test(rudi),
		cmocka_unit_test(rudi_fails),
		cmocka_unit_test(write_stops),
		cmocka_unit_test(repeated),
		cmocka_unit_test(fuzz),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
