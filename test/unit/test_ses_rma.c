/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "test_ses_rma.h"
#include "test_wire_vectors.h"

#define RW (UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE)

static struct uet_rand rnd;

static struct side *target(struct mr *mr)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 2);

	if (mr)
		s->region[0] = &mr->region;
	return s;
}

static struct side *initiator(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	cfg.initiator = 99;
	return side_new(&cfg, 1);
}

/* Writes of all sizes, in any order, to any place, over segment borders: placed and told once. */
static void writes(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 1023, 1024, 1025, 3072, 9999 };
	struct mr *mr = mr_new(KEY, UET_SES_REMOTE_WRITE, 5000, 1, 7000);
	struct side *a = initiator(), *b = target(mr);
	static uint8_t buf[ROOM], got[ROOM];
	int mode, window, n = 0;
	size_t i;

	(void)state;
	mr->region.base = 1ull << 40;
	for (i = 0; i < UET_ARRAY_SIZE(sizes); i++) {
		for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
			uint64_t at = uet_rand_u64(&rnd) % (mr->region.len - sizes[i] + 1);
			struct uet_ses_tx *tx;

			window = mode == UET_MODE_ROD ? 1 : 7;
			fill_pattern(buf, sizes[i], (uint32_t)(i + 100));
			tx = side_rma(a, b, (uint8_t)mode, UET_OP_WRITE, KEY, mr->region.base + at,
				      buf, sizes[i]);
			tx->has_data = mode == UET_MODE_ROD;
			tx->data = 0x1122334455667788ull + i;
			tx->inject = sizes[i] == 15;
			side_start(a, tx);
			stub_carry(a, b, (uint32_t)window, &rnd);
			assert_int_equal(a->tx_cnt, ++n);
			assert_int_equal(a->tx[n - 1].err, 0);
			assert_int_equal(b->rma_cnt, n);
			assert_ptr_equal(b->rma[n - 1].region, &mr->region);
			assert_int_equal(b->rma[n - 1].event.opcode, UET_OP_WRITE);
			assert_int_equal(b->rma[n - 1].event.len, sizes[i]);
			assert_int_equal(b->rma[n - 1].event.offset, mr->region.base + at);
			assert_int_equal(b->rma[n - 1].event.has_data, mode == UET_MODE_ROD);
			if (mode == UET_MODE_ROD)
				assert_int_equal(b->rma[n - 1].event.data,
						 0x1122334455667788ull + i);
			assert_int_equal(b->rma[n - 1].event.resource_index, 1);
			assert_int_equal(b->rma[n - 1].event.source.initiator, 99);
			assert_true(uet_addr_same_host(&b->rma[n - 1].event.source.host, &a->addr));
			mr_read(mr, mr->memory, at, sizes[i], got);
			assert_memory_equal(got, buf, sizes[i]);
			mr_check(mr, at, sizes[i]);
		}
	}
	assert_int_equal(uet_ses_stats(b->ses)->rma_writes, n);
	side_free(a);
	side_free(b);
	mr_free(mr);
}

/* Every way to be refused; whichever packet comes first, nothing changes. */
static void refusals(void **state)
{
	static const struct {
		uint8_t opcode, access;
		uint64_t key, at;
		uint32_t job, len;
		uint8_t rc;
	} cases[] = {
		{ UET_OP_WRITE, RW, KEY + 1, 0, 0, 3000, UET_RC_BAD_MKEY },
		{ UET_OP_READ, RW, KEY + 1, 0, 0, 3000, UET_RC_BAD_MKEY },
		{ UET_OP_WRITE, RW, KEY, 0, 7, 3000, UET_RC_PERM_VIOLATION },
		{ UET_OP_WRITE, RW, KEY, 0, 0x0a0b0c, 3000, UET_RC_OK },
		{ UET_OP_WRITE, UET_SES_REMOTE_READ, KEY, 0, 0, 3000, UET_RC_OP_VIOLATION },
		{ UET_OP_READ, UET_SES_REMOTE_WRITE, KEY, 0, 0, 3000, UET_RC_OP_VIOLATION },
		{ UET_OP_WRITE, RW, KEY, 7001, 0, 3000, UET_RC_BAD_ADDR },
		{ UET_OP_WRITE, RW, KEY, 10001, 0, 3000, UET_RC_BAD_ADDR },
		{ UET_OP_WRITE, RW, KEY, 7000, 0, 3000, UET_RC_OK },
		{ UET_OP_WRITE, RW, KEY, UINT64_MAX, 0, 3000, UET_RC_BAD_ADDR },
		{ UET_OP_WRITE, RW, KEY, UINT64_MAX - 2999, 0, 3000, UET_RC_BAD_ADDR },
		{ UET_OP_READ, RW, KEY, 7001, 0, 3000, UET_RC_BAD_ADDR },
		{ UET_OP_WRITE, RW, KEY, 0, 0, UINT32_MAX, UET_RC_BAD_ADDR },
		{ UET_OP_READ, RW, KEY, 0, 0, UINT32_MAX, UET_RC_BAD_ADDR },
	};
	static uint8_t payload[1024];
	struct uet_addr from = stub_addr(1, 4793);
	struct uet_pds_answer a;
	uint32_t off;
	size_t i;

	(void)state;
	fill_pattern(payload, sizeof(payload), 5);
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		for (off = 0; off < 3072; off += 1024) {
			struct mr *mr = mr_new(KEY, cases[i].access, 10000, 0, 0);
			struct side *s = target(mr);
			uint32_t n = (uint32_t)uet_min_u64(1024, cases[i].len - off);
			struct uet_ses_req req = rma_part(cases[i].opcode, 9, cases[i].len, off, n,
							  cases[i].at);
			bool write = cases[i].opcode == UET_OP_WRITE;

			mr->region.job_id = cases[i].job;
			req.match_bits = cases[i].key;
			a = side_req(s, &from, UET_MODE_RUD, &req, payload, write ? n : 0);
			if (cases[i].rc == UET_RC_OK) {
				assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
				mr_check(mr, cases[i].at + off, n);
			} else {
				assert_refused(a, cases[i].rc);
				/* The rest of the message gets to hear the same. */
				req = rma_part(cases[i].opcode, 9, cases[i].len, 2048,
					       (uint32_t)uet_min_u64(1024, cases[i].len - 2048),
					       cases[i].at);
				req.match_bits = cases[i].key;
				a = side_req(s, &from, UET_MODE_RUD, &req, payload,
					     write ? uet_min_u64(1024, cases[i].len - 2048) : 0);
				assert_refused(a, cases[i].rc);
				assert_int_equal(s->rma_cnt, 0);
				mr_check(mr, 0, 0);
			}
			assert_int_equal(s->pds->returns, 0);
			side_free(s);
			mr_free(mr);
		}
	}
}

/* The right of a base address: what lies before it is no region. */
static void base_address(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 100, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	uint8_t payload[16] = { 0 };
	struct uet_pds_answer a;
	struct uet_ses_req req;

	(void)state;
	mr->region.base = 0x7f0000000000ull;
	req = rma_part(UET_OP_WRITE, 1, 16, 0, 16, mr->region.base - 1);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 16);
	assert_refused(a, UET_RC_BAD_ADDR);
	req.buffer_offset = mr->region.base + 84;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 16);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	mr_check(mr, 84, 16);
	side_free(s);
	mr_free(mr);
}

/* Headers that contradict themselves. */
static void odd_headers(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 10000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[4096];
	struct uet_ses_req good = rma_part(UET_OP_WRITE, 1, 100, 0, 100, 0), req;
	struct uet_pds_answer a;
	int i;

	(void)state;
	for (i = 0; i < 13; i++) {
		size_t avail = 100;
		uint8_t rc = UET_RC_UNSUPPORTED_SIZE;
		uint8_t mode = UET_MODE_RUD;

		req = good;
		req.message_id = (uint16_t)(i + 1);
		switch (i) {
		case 0:
			avail = 99;
			break;
		case 1:		/* does not end where it says */
			req.som = false;
			req.payload_length = 50;
			req.message_offset = 20;
			break;
		case 2:		/* beyond the end */
			req.som = false;
			req.payload_length = 60;
			req.message_offset = 50;
			break;
		case 3:		/* wraps */
			req.som = false;
			req.payload_length = 60;
			req.message_offset = UINT32_MAX - 10;
			break;
		case 4:		/* ends without EOM */
			req.eom = false;
			break;
		case 5:		/* an empty piece */
			req.som = false;
			req.message_offset = 100;
			break;
		case 6:
			req.version = 1;
			rc = UET_RC_UNSUPPORTED_OP;
			break;
		case 7:
			req.ie = true;
			rc = UET_RC_INITIATOR_ERROR;
			break;
		case 8:		/* a read with payload */
			req.opcode = UET_OP_READ;
			break;
		case 9:		/* a read of more than one packet carries */
			req.opcode = UET_OP_READ;
			req.request_length = 1025;
			avail = 0;
			break;
		case 10:	/* on ROD the first packet comes first */
			req.som = false;
			req.payload_length = 50;
			req.message_offset = 50;
			mode = UET_MODE_ROD;
			rc = UET_RC_UNSUPPORTED_OP;
			break;
		case 11:	/* MEDIUM is a packet alone */
			req.format = UET_HDR_REQUEST_MEDIUM;
			req.eom = false;
			rc = UET_RC_UNSUPPORTED_OP;
			break;
		default:
			req.som = false;
			req.eom = false;
			req.message_offset = 0;
			req.payload_length = 0;
			break;
		}
		a = side_req(s, &from, mode, &req, payload, avail);
		assert_refused(a, rc);
		mr_check(mr, 0, 0);
	}
	req = good;
	req.job_id = 5;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 100);
	assert_refused(a, UET_RC_BAD_JOB_ID);
	req = good;
	req.pid_on_fep++;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 100);
	assert_refused(a, UET_RC_BAD_PID);
	req = good;
	req.resource_index = 77;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 100);
	assert_refused(a, UET_RC_BAD_INDEX);
	assert_int_equal(s->rma_cnt, 0);
	mr_check(mr, 0, 0);
	side_free(s);
	mr_free(mr);
}

/* Packets that do not fit to the message open under their id, and ids used again. */
static void mixed_up(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 10000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req;
	struct uet_pds_answer a;

	(void)state;
	/* Another length half way: the message fails as a whole. */
	req = rma_part(UET_OP_WRITE, 4, 3000, 0, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	mr_check(mr, 0, 1024);
	req = rma_part(UET_OP_WRITE, 4, 2999, 1024, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	req = rma_part(UET_OP_WRITE, 4, 3000, 2048, 952, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 952);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	mr_check(mr, 0, 0);
	/* The id again, from its beginning: a new message. */
	req = rma_part(UET_OP_WRITE, 4, 2000, 0, 1024, 100);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	/* The source gives it up. */
	req = rma_part(UET_OP_MSG_ERROR, 4, 2000, 1024, 0, 100);
	req.eom = true;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	mr_check(mr, 100, 1024);
	/* On ROD another message says the same. */
	req = rma_part(UET_OP_WRITE, 5, 2000, 0, 1024, 100);
	a = side_req(s, &from, UET_MODE_ROD, &req, payload, 1024);
	req = rma_part(UET_OP_WRITE, 6, 8, 0, 8, 0);
	a = side_req(s, &from, UET_MODE_ROD, &req, payload, 8);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	req = rma_part(UET_OP_WRITE, 5, 2000, 1024, 976, 100);
	a = side_req(s, &from, UET_MODE_ROD, &req, payload, 976);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	assert_int_equal(s->rma_cnt, 1);
	side_free(s);
	mr_free(mr);
}

/* The header data of a long write is in the packet that may come last. */
static void data_comes_last(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 10000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req;
	struct uet_pds_answer a;

	(void)state;
	req = rma_part(UET_OP_WRITE, 4, 2000, 1024, 976, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 976);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	assert_int_equal(s->rma_cnt, 0);
	req = rma_part(UET_OP_WRITE, 4, 2000, 0, 1024, 0);
	req.hd = true;
	req.header_data = 42;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(answer_resp(&a).modified_length, 2000);
	assert_int_equal(s->rma_cnt, 1);
	assert_true(s->rma[0].event.has_data);
	assert_int_equal(s->rma[0].event.data, 42);
	side_free(s);
	mr_free(mr);
}

/* Message state has a bound of its own, and refusing is not for ever. */
static void bounded(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 10000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req;
	struct uet_pds_answer a;
	uint16_t id = 0;

	(void)state;
	do {
		req = rma_part(UET_OP_WRITE, ++id, 2000, 0, 1024, 0);
		a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	} while (a.nack == 0 && id < 10000);
	assert_nack(a, UET_NACK_NO_SES_MSG_AVAIL);
	assert_true(id > 1000);
	/* Messages and single packets go on. */
	req = rma_part(UET_OP_WRITE, 20000, 8, 0, 8, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 8);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	req = stub_part(UET_OP_SEND, 20001, 2000, 0, 1024);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	/* One ends, one may begin. */
	req = rma_part(UET_OP_WRITE, 1, 2000, 1024, 976, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 976);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	req = rma_part(UET_OP_WRITE, id, 2000, 0, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	side_pdc_gone(s, &from, UET_MODE_RUD, 0);
	side_free(s);
	mr_free(mr);
}

/* A region closes under a message: its memory is not touched any more. */
static void region_gone(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 10000, 0, 0), *other = mr_new(KEY + 1, RW, 5000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req;
	struct uet_pds_answer a;

	(void)state;
	s->region[1] = &other->region;
	req = rma_part(UET_OP_WRITE, 4, 3000, 0, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	req = rma_part(UET_OP_WRITE, 5, 2000, 0, 1024, 0);
	req.match_bits = KEY + 1;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	s->region[0] = NULL;
	uet_ses_region_gone(s->ses, &mr->region);
	mr_free(mr);
	req = rma_part(UET_OP_WRITE, 4, 3000, 1024, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 1024);
	assert_refused(a, UET_RC_BAD_MKEY);
	req = rma_part(UET_OP_WRITE, 5, 2000, 1024, 976, 0);
	req.match_bits = KEY + 1;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 976);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	side_free(s);
	mr_free(other);
}

/* Optimized headers name the key by its index; MEDIUM ones need no id. */
static void short_headers(void **state)
{
	struct mr *mr = mr_new(1ull << 62 | 0xabc, RW, 1000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	struct uet_ses_req req = rma_part(UET_OP_WRITE, 0, 64, 0, 64, 0x40);
	uint8_t payload[64] = { 1, 2, 3 };
	struct uet_pds_answer a;
	struct uet_ses_resp resp;
	const uint8_t *data;

	(void)state;
	req.format = UET_HDR_REQUEST_SMALL;
	req.resource_index = 0xabc;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 64);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	mr_check(mr, 0x40, 64);
	req.resource_index = 0xabd;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 64);
	assert_refused(a, UET_RC_BAD_MKEY);
	req.resource_index = 0xabc;
	req.opcode = UET_OP_READ;
	req.request_length = 3;
	s->pds->rx_psn = 0x4711;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	resp = answer_data(&a, &data);
	assert_int_equal(resp.format, UET_HDR_RESPONSE_DATA_SMALL);
	assert_int_equal(resp.original_request_psn, 0x4711);
	assert_memory_equal(data, payload, 3);
	req.format = UET_HDR_REQUEST_MEDIUM;
	req.resource_index = 1;
	req.match_bits = mr->region.key;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	resp = answer_data(&a, &data);
	assert_memory_equal(data, payload, 3);
	side_free(s);
	mr_free(mr);
}

/* RUDI: only what may repeat itself, only where it may. */
static void rudi(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 5000, 0, 0);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req = rma_part(UET_OP_WRITE, 3, 2000, 1024, 976, 0);
	struct uet_pds_answer a;
	int i;

	(void)state;
	fill_pattern(payload, sizeof(payload), 6);
	a = side_req(s, &from, UET_MODE_RUDI, &req, payload, 976);
	assert_refused(a, UET_RC_OP_VIOLATION);
	mr->region.idempotent = true;
	for (i = 0; i < 3; i++) {
		a = side_req(s, &from, UET_MODE_RUDI, &req, payload, 976);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	}
	mr_check(mr, 1024, 976);
	/* Data follows the header of the response, whatever its length. */
	req = rma_part(UET_OP_READ, 3, 3000, 1024, 1024, 0);
	a = side_req(s, &from, UET_MODE_RUDI, &req, NULL, 0);
	assert_int_equal(a.next_hdr, UET_HDR_RESPONSE_DATA);
	assert_int_equal(a.len, UET_SES_RESP_DATA_LEN);
	assert_int_equal(a.data_len, 1024);
	assert_memory_equal(a.data, payload, 976);
	req = rma_part(UET_OP_WRITE, 3, 16, 0, 16, 0);
	req.hd = true;
	a = side_req(s, &from, UET_MODE_RUDI, &req, payload, 16);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	req = rma_part(UET_OP_SEND, 3, 16, 0, 16, 0);
	a = side_req(s, &from, UET_MODE_RUDI, &req, payload, 16);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	req = rma_part(UET_OP_ATOMIC, 3, 4, 0, 4, 0);
	req.atomic_datatype = UET_AMO_UINT32;
	a = side_req(s, &from, UET_MODE_RUDI, &req, payload, 4);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	assert_int_equal(s->rma_cnt, 0);
	side_free(s);
	mr_free(mr);
}

/* Memory out of the CPU's reach: all goes through its functions, and their errors are told. */
static int fake_err;

static int fake_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	if (!fake_err)
		memcpy(dst, src, n);
	return fake_err;
}

static int fake_get(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	return fake_put(mem, dst, src, n);
}

static void far_memory(void **state)
{
	static const struct uet_ses_mem mem = { .put = fake_put, .get = fake_get };
	struct mr *mr = mr_new(KEY, RW, 100, 300, 5000);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[1024];
	struct uet_ses_req req = rma_part(UET_OP_WRITE, 3, 500, 0, 500, 10);
	struct uet_pds_answer a;
	const uint8_t *data;

	(void)state;
	mr->region.mem = &mem;
	fill_pattern(payload, sizeof(payload), 9);
	fake_err = 0;
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 500);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	req = rma_part(UET_OP_READ, 3, 16, 0, 16, 95);
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	answer_data(&a, &data);
	assert_memory_equal(data, payload + 85, 16);
	mr_check(mr, 10, 500);
	fake_err = -EIO;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_HOST_UNSUCCESS_CMPL);
	req.request_length = 700;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_HOST_UNSUCCESS_CMPL);
	assert_int_equal(s->pds->returns, 0);
	req = rma_part(UET_OP_WRITE, 3, 500, 0, 500, 10);
	a = side_req(s, &from, UET_MODE_RUD, &req, payload, 500);
	assert_refused(a, UET_RC_UNCOR);
	assert_int_equal(s->rma_cnt, 2);
	side_free(s);
	mr_free(mr);
}

/* The vectors of the wire notes as requests to a target that has their regions. */
static void vectors(void **state)
{
	json_t *all = vec_load("vectors-ses.json");
	struct uet_ses_cfg cfg = stub_cfg();
	static uint8_t payload[8192];
	size_t i, served = 0;
	struct vec v;

	(void)state;
	for (i = 0; i < json_array_size(all); i++, json_decref(v.fields)) {
		struct uet_addr from = stub_addr(1, 4793);
		struct uet_ses_req req;
		struct uet_pds_answer a;
		struct side *s;
		struct mr *mr;
		uint8_t fmt;
		size_t n;

		vec_open(&v, all, i);
		fmt = (uint8_t)vec_num(&v, "pds_next_hdr");
		if (fmt > UET_HDR_REQUEST_STD ||
		    uet_ses_req_unpack(&req, fmt, v.bytes, v.len) < 0 ||
		    req.opcode < UET_OP_WRITE || req.opcode > UET_OP_FETCHING_ATOMIC)
			continue;
		cfg.pid_on_fep = req.pid_on_fep;
		cfg.resource_index = fmt == UET_HDR_REQUEST_SMALL ? 15 : req.resource_index;
		cfg.payload_mtu = 4096;
		mr = mr_new(fmt == UET_HDR_REQUEST_SMALL ? 1ull << 62 | req.resource_index :
							   req.match_bits, RW, 16384, 0, 0);
		mr->region.base = req.buffer_offset & ~0xffffull;
		s = side_new(&cfg, 2);
		s->region[0] = &mr->region;
		n = req.opcode == UET_OP_READ || req.opcode == UET_OP_FETCHING_ATOMIC ? 0 :
		    !req.som ? req.payload_length :
		    req.eom ? req.request_length : 4096;
		if (req.opcode == UET_OP_FETCHING_ATOMIC && req.atomic_opcode != UET_AMO_CSWAP)
			n = req.request_length;
		a = side_req(s, &from, UET_MODE_RUD, &req, payload, n);
		if (a.nack || a.len == 0)
			fail_msg("%s: no answer", v.name);
		assert_int_not_equal(a.ses[0] & 0x3f, UET_RESP_RESPONSE);
		served++;
		side_free(s);
		mr_free(mr);
	}
	assert_true(served >= 14);
	json_decref(all);
}

static void mutate(struct uet_ses_req *req)
{
	uint32_t r = uet_rand_u32(&rnd);

	switch (r % 14) {
	case 0:
		req->buffer_offset = uet_rand_u64(&rnd);
		break;
	case 1:
		req->buffer_offset += uet_rand_u32(&rnd) % 12000;
		break;
	case 2:
		req->request_length = uet_rand_u32(&rnd) >> uet_rand_u32(&rnd) % 32;
		break;
	case 3:
		req->message_offset = uet_rand_u32(&rnd) >> uet_rand_u32(&rnd) % 32;
		break;
	case 4:
		req->payload_length = (uint16_t)uet_rand_u32(&rnd);
		break;
	case 5:
		req->som = !req->som;
		break;
	case 6:
		req->eom = !req->eom;
		break;
	case 7:
		req->opcode = (uint8_t)(uet_rand_u32(&rnd) % 5);
		break;
	case 8:
		req->opcode = UET_OP_VENDOR_ATOMIC;
		break;
	case 9:
		req->atomic_opcode = (uint8_t)(uet_rand_u32(&rnd) % 24);
		break;
	case 10:
		req->atomic_datatype = (uint8_t)(uet_rand_u32(&rnd) % 20);
		break;
	case 11:
		req->format = (uint8_t)(UET_HDR_REQUEST_SMALL + uet_rand_u32(&rnd) % 3);
		break;
	case 12:
		req->message_id = (uint16_t)(uet_rand_u32(&rnd) % 8);
		break;
	default:
		req->atomic_datatype = (uint8_t)(0xe0 + uet_rand_u32(&rnd) % 3);
		break;
	}
}

/* Random requests: whatever they say, only bytes of the region change. */
static void fuzz(void **state)
{
	struct mr *mr = mr_new(KEY, RW, 5000, 3, 5005);
	struct side *s = target(mr);
	struct uet_addr from = stub_addr(1, 4793);
	static uint8_t payload[2048];
	uint32_t i, k, changed = 0;

	(void)state;
	s->region[1] = &mr->region;
	for (i = 0; i < 60000; i++) {
		static const uint8_t ops[] = { UET_OP_WRITE, UET_OP_READ, UET_OP_ATOMIC,
					       UET_OP_FETCHING_ATOMIC };
		uint32_t len = uet_rand_u32(&rnd) % 3 ? 8 : uet_rand_u32(&rnd) % 3000;
		uint32_t off = len > 1024 ? uet_rand_u32(&rnd) % 3 * 1024 : 0;
		uint32_t n = (uint32_t)uet_min_u64(1024, len - uet_min_u64(off, len));
		struct uet_ses_req req = rma_part(ops[uet_rand_u32(&rnd) % 4], (uint16_t)(i % 5),
						  len, off, n, uet_rand_u32(&rnd) % 10020);
		uint8_t raw[UET_SES_REQ_MAX_LEN + 2048], mode;
		size_t h, total;

		req.atomic_opcode = (uint8_t)(uet_rand_u32(&rnd) % 20);
		req.atomic_datatype = (uint8_t)(uet_rand_u32(&rnd) % 18);
		for (k = uet_rand_u32(&rnd) % 4; k > 0; k--)
			mutate(&req);
		mr->region.idempotent = i & 1;
		mr->region.base = i % 7 ? 0 : UINT64_MAX - 10000;
		mode = (uint8_t)(uet_rand_u32(&rnd) % 3);
		h = uet_ses_req_pack(&req, raw);
		fill_pattern(payload, sizeof(payload), i);
		memcpy(raw + h, payload, sizeof(payload));
		total = h + (uet_rand_u32(&rnd) % 8 ? n : uet_rand_u32(&rnd) % 2048);
		if (uet_rand_u32(&rnd) % 16 == 0)
			raw[uet_rand_u32(&rnd) % h] ^= (uint8_t)(1 << uet_rand_u32(&rnd) % 8);
		side_rx(s, &from, mode, req.format, raw, total);
		if (memcmp(mr->memory, mr->before, mr->size)) {
			changed++;
			mr_check(mr, 0, mr->region.len);
		}
		while (!uet_list_empty(&s->pds->msgs))
			stub_done(s->pds, uet_list_entry(uet_list_first(&s->pds->msgs),
							 struct uet_pds_msg, link), 0, 0);
		s->rma_cnt = 0;
	}
	assert_true(changed > 2000);
	side_free(s);
	mr_free(mr);
}

static int seed(void **state)
{
	(void)state;
	uet_rand_seed(&rnd, 4793);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(refusals),
		cmocka_unit_test(base_address),
		cmocka_unit_test(odd_headers),
		cmocka_unit_test(mixed_up),
		cmocka_unit_test(data_comes_last),
		cmocka_unit_test(bounded),
		cmocka_unit_test(region_gone),
		cmocka_unit_test(short_headers),
		cmocka_unit_test(rudi),
		cmocka_unit_test(far_memory),
		cmocka_unit_test(vectors),
		cmocka_unit_test(fuzz),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
