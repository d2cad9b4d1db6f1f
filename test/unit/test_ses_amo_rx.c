/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "test_ses_rma.h"

#include "ses/amo.h"

#define RW (UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE)

static struct side *s;
static struct mr *mr;
static const struct uet_addr from = { .ip = { 127, 0, 0, 1 }, .port = 4793, .family = AF_INET };

static int up(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();

	(void)state;
	mr = mr_new(KEY, RW, 60, 512, 4096);
	s = side_new(&cfg, 2);
	s->region[0] = &mr->region;
	return 0;
}

static int down(void **state)
{
	(void)state;
	mr_check(mr, 0, 0);
	side_free(s);
	mr_free(mr);
	return 0;
}

static struct uet_ses_req request(uint8_t opcode, uint8_t op, uint8_t type, uint64_t at,
				  uint32_t len)
{
	struct uet_ses_req req = rma_part(opcode, 9, len, 0, len, at);

	req.atomic_opcode = op;
	req.atomic_datatype = type;
	return req;
}

static struct uet_pds_answer serve(const struct uet_ses_req *req, size_t avail)
{
	static const uint8_t payload[4096];

	return side_req(s, &from, UET_MODE_RUD, req, payload, avail);
}

/* All that is refused, with its code, and without a byte changed. */
static void refusals(void **state)
{
	static const struct {
		uint8_t opcode, op, type;
		uint32_t len;
		size_t avail;
		uint64_t at;
		uint8_t rc;
	} cases[] = {
		{ UET_OP_ATOMIC, UET_AMO_INVAL, UET_AMO_UINT32, 4, 4, 0,
		  UET_RC_AMO_UNSUPPORTED_OP },
		{ UET_OP_ATOMIC, UET_AMO_READ, UET_AMO_UINT32, 4, 4, 0,
		  UET_RC_AMO_UNSUPPORTED_OP },
		{ UET_OP_ATOMIC, 0xe0, UET_AMO_UINT32, 4, 4, 0, UET_RC_AMO_UNSUPPORTED_OP },
		{ UET_OP_ATOMIC, UET_AMO_BOR, UET_AMO_FLOAT, 4, 4, 0, UET_RC_AMO_UNSUPPORTED_OP },
		{ UET_OP_ATOMIC, UET_AMO_MIN, UET_AMO_FLOAT_COMPLEX, 8, 8, 0,
		  UET_RC_AMO_UNSUPPORTED_OP },
		{ UET_OP_ATOMIC, UET_AMO_SUM, 0x12, 4, 4, 0, UET_RC_AMO_UNSUPPORTED_DT },
		{ UET_OP_ATOMIC, UET_AMO_SUM, 0xe2, 4, 4, 0, UET_RC_AMO_UNSUPPORTED_DT },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 5, 5, 0,
		  UET_RC_AMO_UNSUPPORTED_SIZE },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 0, 0, 0,
		  UET_RC_AMO_UNSUPPORTED_SIZE },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 8, 7, 0, UET_RC_UNSUPPORTED_SIZE },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 4, 4, 2, UET_RC_AMO_UNALIGNED },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT64, 8, 8, 4, UET_RC_AMO_UNALIGNED },
		/* The first segment ends in the midst of an element. */
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT64, 64, 64, 0, UET_RC_AMO_UNALIGNED },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT128, 64, 64, 0, UET_RC_AMO_UNALIGNED },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 8, 8, 4660, UET_RC_OK },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 8, 8, 4661, UET_RC_BAD_ADDR },
		{ UET_OP_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 8, 8, UINT64_MAX - 3,
		  UET_RC_BAD_ADDR },
		{ UET_OP_FETCHING_ATOMIC, UET_AMO_CSWAP, UET_AMO_UINT32, 8, 0, 0,
		  UET_RC_AMO_UNSUPPORTED_SIZE },
		{ UET_OP_FETCHING_ATOMIC, UET_AMO_CSWAP, UET_AMO_LONG_DOUBLE_COMPLEX, 32, 0, 0,
		  UET_RC_AMO_UNSUPPORTED_DT },
		{ UET_OP_FETCHING_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 1028, 1028, 60,
		  UET_RC_UNSUPPORTED_SIZE },
		{ UET_OP_FETCHING_ATOMIC, UET_AMO_READ, UET_AMO_UINT8, 2048, 0, 60,
		  UET_RC_UNSUPPORTED_SIZE },
		{ UET_OP_VENDOR_ATOMIC, UET_AMO_CSWAP, UET_AMO_UINT32, 12, 12, 0,
		  UET_RC_AMO_UNSUPPORTED_SIZE },
		{ UET_OP_VENDOR_ATOMIC, UET_AMO_CSWAP, UET_AMO_UINT32, 16, 15, 0,
		  UET_RC_UNSUPPORTED_SIZE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_ses_req req = request(cases[i].opcode, cases[i].op, cases[i].type,
						 cases[i].at, cases[i].len);
		struct uet_pds_answer a = serve(&req, cases[i].avail);

		if (cases[i].rc == UET_RC_OK)
			assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
		else
			assert_refused(a, cases[i].rc);
		mr_check(mr, 0, 0);
	}
	assert_int_equal(s->rma_cnt, 1);
	assert_int_equal(s->pds->returns, 0);
}

static void rights_and_form(void **state)
{
	struct uet_ses_req req = request(UET_OP_ATOMIC, UET_AMO_WRITE, UET_AMO_UINT32, 0, 4);
	struct uet_pds_answer a;

	(void)state;
	mr->region.access = UET_SES_REMOTE_WRITE;
	a = serve(&req, 4);
	assert_refused(a, UET_RC_OP_VIOLATION);
	mr->region.access = UET_SES_REMOTE_READ;
	req = request(UET_OP_FETCHING_ATOMIC, UET_AMO_READ, UET_AMO_UINT32, 0, 4);
	a = serve(&req, 4);
	assert_refused(a, UET_RC_OP_VIOLATION);
	mr->region.access = RW;
	req.eom = false;
	a = serve(&req, 4);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	req.eom = true;
	req.ie = true;
	a = serve(&req, 4);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	req = request(UET_OP_VENDOR_ATOMIC, UET_AMO_SUM, UET_AMO_UINT32, 0, 4);
	req.format = UET_HDR_REQUEST_MEDIUM;
	a = serve(&req, 4);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
}

/* Forms that we accept and do not send. */
static void accepted(void **state)
{
	struct uet_ses_req req = request(UET_OP_FETCHING_ATOMIC, UET_AMO_READ, UET_AMO_UINT32, 4,
					 4);
	struct uet_pds_answer a = serve(&req, 0);	/* no zeros */
	const uint8_t *data;
	uint8_t want[4];

	(void)state;
	answer_data(&a, &data);
	mr_read(mr, mr->memory, 4, 4, want);
	assert_int_equal(data[0], want[3]);
	assert_int_equal(data[3], want[0]);
	/* The length of a swap as that of its element; nothing to fetch; MEDIUM. */
	req = request(UET_OP_FETCHING_ATOMIC, UET_AMO_CSWAP_NE, UET_AMO_UINT32, 4, 4);
	memset(req.swap_value + 12, 0x42, 4);
	a = serve(&req, 0);
	answer_data(&a, &data);
	mr_read(mr, mr->memory, 4, 4, want);
	assert_memory_equal(want, "\x42\x42\x42\x42", 4);
	mr_check(mr, 4, 4);
	req.opcode = UET_OP_ATOMIC;
	req.format = UET_HDR_REQUEST_MEDIUM;
	memset(req.swap_value + 12, 0x43, 4);
	a = serve(&req, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	mr_read(mr, mr->memory, 4, 4, want);
	assert_memory_equal(want, "\x43\x43\x43\x43", 4);
	mr_check(mr, 4, 4);
	/* Over a border of segments, element by element. */
	req = request(UET_OP_ATOMIC, UET_AMO_WRITE, UET_AMO_UINT32, 0, 1024);
	a = serve(&req, 1024);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	mr_check(mr, 0, 1024);
}

/* Without a buffer for the result nothing is executed: the source repeats the request. */
static void no_buffer(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_req req = request(UET_OP_VENDOR_ATOMIC, UET_AMO_WRITE, UET_AMO_UINT32, 60,
					 20);
	struct uet_pds_answer a;

	(void)state;
	side_free(s);
	cfg.max_replies = 1;
	s = side_new(&cfg, 2);
	s->region[0] = &mr->region;
	a = serve(&req, 20);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	mr_check(mr, 60, 20);
	req.buffer_offset = 100;
	a = serve(&req, 20);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	mr_check(mr, 0, 0);
	assert_int_equal(s->rma_cnt, 1);
	stub_done(s->pds, uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link),
		  -ECONNRESET, 0);
	a = serve(&req, 20);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	mr_check(mr, 100, 20);
}

static int calls, fail_at;

static int far_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	if (++calls == fail_at)
		return -EIO;
	memcpy(dst, src, n);
	return 0;
}

static int far_get(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	return far_put(mem, dst, src, n);
}

static void far_memory(void **state)
{
	static const struct uet_ses_mem mem = { .put = far_put, .get = far_get };
	struct uet_ses_req req = request(UET_OP_ATOMIC, UET_AMO_WRITE, UET_AMO_UINT16, 0, 100);
	struct uet_pds_answer a;
	const uint8_t *data;

	(void)state;
	mr->region.mem = &mem;
	calls = fail_at = 0;
	a = serve(&req, 100);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(calls, 4);	/* two segments, there and back */
	mr_check(mr, 0, 100);
	req = request(UET_OP_FETCHING_ATOMIC, UET_AMO_SUM, UET_AMO_UINT16, 0, 2);
	a = serve(&req, 2);
	answer_data(&a, &data);
	for (fail_at = 1; fail_at <= 2; fail_at++) {
		calls = 0;
		a = serve(&req, 2);
		assert_refused(a, UET_RC_UNCOR);
	}
	calls = 0;
	fail_at = 1;
	req = request(UET_OP_VENDOR_ATOMIC, UET_AMO_SUM, UET_AMO_UINT16, 0, 32);
	a = serve(&req, 32);
	assert_refused(a, UET_RC_UNCOR);
	assert_int_equal(s->rma_cnt, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refusals, up, down),
		cmocka_unit_test_setup_teardown(rights_and_form, up, down),
		cmocka_unit_test_setup_teardown(accepted, up, down),
		cmocka_unit_test_setup_teardown(no_buffer, up, down),
		cmocka_unit_test_setup_teardown(far_memory, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
