/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Atomics from post to result: the forms in which they travel, and both ends of each. */
#include "test_ses_rma.h"

#include "ses/amo.h"

#define RW (UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE)

static struct uet_rand rnd;
static struct side *a, *b;
static struct mr *mr;

static int up(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();

	(void)state;
	mr = mr_new(KEY, RW, 4096, 64, 4096);
	b = side_new(&cfg, 2);
	b->region[0] = &mr->region;
	cfg.initiator = 99;
	a = side_new(&cfg, 1);
	return 0;
}

static int down(void **state)
{
	(void)state;
	mr_check(mr, 0, 0);
	side_free(a);
	side_free(b);
	mr_free(mr);
	return 0;
}

/* An atomic of @count elements; @compare and @result may be NULL. */
static struct uet_ses_tx *amo(uint8_t op, uint8_t type, uint64_t at, void *operand, void *compare,
			      void *result, size_t count)
{
	size_t len = count * uet_amo_size(type);
	struct uet_ses_tx *tx = side_rma(a, b, UET_MODE_ROD,
					 result ? UET_OP_FETCHING_ATOMIC : UET_OP_ATOMIC, KEY, at,
					 operand, len);

	tx->amo = uet_ses_amo_get(a->ses);
	assert_non_null(tx->amo);
	tx->amo->op = op;
	tx->amo->type = type;
	tx->amo->size = (uint8_t)uet_amo_size(type);
	if (!operand)
		tx->iov_cnt = 0;
	if (compare) {
		tx->amo->compare_cnt = 2;
		tx->amo->compare[0] = (struct iovec){ compare, len / 2 };
		tx->amo->compare[1] = (struct iovec){ (char *)compare + len / 2, len - len / 2 };
	}
	if (result) {
		tx->amo->result_cnt = 2;
		tx->amo->result[0] = (struct iovec){ result, len / 4 };
		tx->amo->result[1] = (struct iovec){ (char *)result + len / 4, len - len / 4 };
	}
	return tx;
}

/* Start @tx; the packet that leaves is in @pkt. */
static void start(struct uet_ses_tx *tx, struct stub_pkt *pkt)
{
	side_start(a, tx);
	assert_int_equal(tx->msg.pkt_cnt, 1);
	stub_fill(a->pds, &tx->msg, 0, pkt);
	assert_true(pkt->req.som && pkt->req.eom);
	assert_int_equal(pkt->req.match_bits, KEY);
	assert_int_equal(pkt->req.semantic_control, 2);
}

static void carry(int err)
{
	int n = a->tx_cnt;

	stub_carry(a, b, 1, &rnd);
	assert_int_equal(a->tx_cnt, n + 1);
	assert_int_equal(a->tx[n].err, err);
}

static struct stub_pkt pkt;

static void plain(void **state)
{
	uint64_t value = 5, before, after;
	float four[4] = { 1, -2, 3, -4 }, got[4];
	struct uet_ses_tx *tx;

	(void)state;
	mr_read(mr, mr->memory, 8, 8, (uint8_t *)&before);
	tx = amo(UET_AMO_SUM, UET_AMO_UINT64, 8, &value, NULL, NULL, 1);
	start(tx, &pkt);
	value = 0;	/* the operands were copied */
	assert_int_equal(pkt.req.opcode, UET_OP_ATOMIC);
	assert_int_equal(pkt.req.buffer_offset, 8);
	assert_int_equal(pkt.req.request_length, 8);
	assert_int_equal(pkt.hdr_len, UET_SES_STD_LEN + 4);
	assert_memory_equal(pkt.data + pkt.hdr_len, "\0\0\0\0\0\0\0\5", 8);
	carry(0);
	mr_read(mr, mr->memory, 8, 8, (uint8_t *)&after);
	assert_int_equal(after, before + 5);
	mr_check(mr, 8, 8);
	assert_int_equal(b->rma_cnt, 1);
	assert_int_equal(b->rma[0].event.opcode, UET_OP_ATOMIC);
	assert_int_equal(b->rma[0].event.len, 8);
	assert_int_equal(uet_ses_stats(b->ses)->rma_atomics, 1);

	start(amo(UET_AMO_WRITE, UET_AMO_FLOAT, 16, four, NULL, NULL, 4), &pkt);
	assert_int_equal(pkt.req.request_length, 16);
	carry(0);
	mr_read(mr, mr->memory, 16, 16, (uint8_t *)got);
	assert_memory_equal(got, four, 16);
	mr_check(mr, 16, 16);
}

static void fetch_one(void **state)
{
	uint32_t one = 1, zero = 0, old = 0xdead, want;
	uint64_t old64, want64;

	(void)state;
	mr_read(mr, mr->memory, 4, 4, (uint8_t *)&want);
	start(amo(UET_AMO_SUM, UET_AMO_UINT32, 4, &one, NULL, &old, 1), &pkt);
	assert_int_equal(pkt.req.opcode, UET_OP_FETCHING_ATOMIC);
	assert_int_equal(pkt.hdr_len, UET_SES_STD_LEN + 4);
	assert_int_equal(pkt.req.request_length, 4);
	assert_memory_equal(pkt.data + pkt.hdr_len, "\0\0\0\1", 4);
	carry(0);
	assert_int_equal(old, want);
	mr_read(mr, mr->memory, 4, 4, (uint8_t *)&zero);
	assert_int_equal(zero, want + 1);
	mr_check(mr, 4, 4);
	assert_int_equal(b->pds->returns, 0);
	assert_int_equal(b->rma[0].event.opcode, UET_OP_FETCHING_ATOMIC);
	/* READ has no operand; zeros travel. */
	mr_read(mr, mr->memory, 8, 8, (uint8_t *)&want64);
	start(amo(UET_AMO_READ, UET_AMO_UINT64, 8, NULL, NULL, &old64, 1), &pkt);
	assert_int_equal(pkt.req.request_length, 8);
	assert_int_equal(pkt.len, pkt.hdr_len + 8);
	carry(0);
	assert_true(old64 == want64);
	mr_check(mr, 0, 0);
}

static void compare_one(void **state)
{
	uint64_t swap = 0xbb, compare, old = 0, now;
	uint8_t be[16] = { 0 };

	(void)state;
	mr_read(mr, mr->memory, 8, 8, (uint8_t *)&compare);
	start(amo(UET_AMO_CSWAP, UET_AMO_UINT64, 8, &swap, &compare, &old, 1), &pkt);
	assert_int_equal(pkt.req.opcode, UET_OP_FETCHING_ATOMIC);
	assert_int_equal(pkt.hdr_len, UET_SES_STD_LEN + 36);
	assert_int_equal(pkt.len, pkt.hdr_len);
	assert_int_equal(pkt.req.request_length, 32);
	be[15] = 0xbb;
	assert_memory_equal(pkt.req.swap_value, be, 16);
	carry(0);
	assert_true(old == compare);
	mr_read(mr, mr->memory, 8, 8, (uint8_t *)&now);
	assert_int_equal(now, 0xbb);
	mr_check(mr, 8, 8);
	/* Once more: no match, no change, the value comes back. */
	start(amo(UET_AMO_CSWAP, UET_AMO_UINT64, 8, &compare, &compare, &old, 1), &pkt);
	carry(0);
	assert_int_equal(old, 0xbb);
	mr_check(mr, 0, 0);
}

/* libfabric's mask: T = (i & c) | (T & ~c). */
static void masked_swap(void **state)
{
	uint32_t i[3] = { 0xffffffff, 0x12345678, 0 }, c[3] = { 0xff, 0xffff0000, 0xf };
	uint32_t before[3], after[3], old[3];
	int k, n;

	(void)state;
	for (n = 1; n <= 3; n += 2) {
		mr_read(mr, mr->memory, 32, 12, (uint8_t *)before);
		start(amo(UET_AMO_MSWAP, UET_AMO_UINT32, 32, i, c, old, (size_t)n), &pkt);
		carry(0);
		mr_read(mr, mr->memory, 32, 12, (uint8_t *)after);
		for (k = 0; k < n; k++) {
			assert_int_equal(after[k], (i[k] & c[k]) | (before[k] & ~c[k]));
			assert_int_equal(old[k], before[k]);
		}
		mr_check(mr, 32, 4u * (unsigned int)n);
	}
}

/* What the standard forms cannot say goes in our own. */
static void vendor_form(void **state)
{
	static uint8_t i[1024], c[1024], old[1024], before[1024], after[1024];
	static const struct {
		uint8_t op, type;
		size_t count;
	} cases[] = {
		{ UET_AMO_SUM, UET_AMO_UINT32, 2 }, { UET_AMO_SUM, UET_AMO_UINT32, 256 },
		{ UET_AMO_READ, UET_AMO_UINT8, 1024 }, { UET_AMO_BXOR, UET_AMO_UINT16, 512 },
		{ UET_AMO_CSWAP, UET_AMO_UINT64, 64 }, { UET_AMO_CSWAP_NE, UET_AMO_UINT8, 512 },
		{ UET_AMO_WRITE, UET_AMO_FP8_E4M3, 1 }, { UET_AMO_CSWAP, UET_AMO_FP8_E5M2, 1 },
		{ UET_AMO_WRITE, UET_AMO_LONG_DOUBLE_COMPLEX, 1 },
		{ UET_AMO_CSWAP_GE, UET_AMO_INT128, 32 },
	};
	size_t k;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(cases); k++) {
		bool cmp = uet_amo_is_compare(cases[k].op);
		size_t size = uet_amo_size(cases[k].type), len = size * cases[k].count;
		uint64_t at = 4096 - 1024 + (k & 1) * 0;

		fill_pattern(i, sizeof(i), (uint32_t)k + 1);
		mr_read(mr, mr->memory, at, len, before);
		memcpy(c, before, len);
		c[0] ^= 1;
		memset(old, 0xee, sizeof(old));
		assert_true(cases[k].count <= uet_ses_amo_max(a->ses, size, true, cmp));
		start(amo(cases[k].op, cases[k].type, at, i, cmp ? c : NULL, old, cases[k].count),
		      &pkt);
		assert_int_equal(pkt.req.opcode, UET_OP_VENDOR_ATOMIC);
		assert_int_equal(pkt.hdr_len, UET_SES_STD_LEN + 4);
		assert_int_equal(pkt.req.request_length, cmp ? 2 * len : len);
		assert_int_equal(pkt.len - pkt.hdr_len, cmp ? 2 * len : len);
		carry(0);
		/* Locally, the same gives the same. */
		memcpy(after, before, len);
		uet_amo_apply(cases[k].op, cases[k].type, after, i, cmp ? c : NULL, NULL,
			      cases[k].count);
		mr_read(mr, mr->memory, at, len, c);
		assert_memory_equal(c, after, len);
		assert_memory_equal(old, before, len);
		assert_int_equal(b->pds->returns, len <= 16 ? 0 : 1);
		b->pds->returns = 0;
		mr_check(mr, at, len);
	}
}

/* Every pair that is valid, through the wire, against the same done locally. */
static void all_through(void **state)
{
	int op, type, count;

	(void)state;
	for (op = 0; op <= UET_AMO_MSWAP; op++)
		for (type = 0; type <= UET_AMO_FP8_E5M2; type++)
			for (count = 1; count <= 3; count += 2) {
				bool cmp = uet_amo_is_compare((uint8_t)op);
				size_t n = uet_amo_size((uint8_t)type) * (size_t)count;
				uint8_t i[96] = { 0 }, c[96] = { 0 }, old[96] = { 0 };
				_Alignas(16) uint8_t t[96] = { 0 };
				size_t k;

				if (!uet_amo_valid((uint8_t)op, (uint8_t)type, true, cmp))
					continue;
				/* Bits that are no long double are no values. */
				if (type == UET_AMO_LONG_DOUBLE ||
				    type == UET_AMO_LONG_DOUBLE_COMPLEX)
					continue;
				for (k = 0; k < n; k++) {
					i[k] = (uint8_t)(uet_rand_u32(&rnd) & 0x33);
					c[k] = (uint8_t)(uet_rand_u32(&rnd) & 0x11);
				}
				mr_read(mr, mr->memory, 4096 + 64, n, t);
				start(amo((uint8_t)op, (uint8_t)type, 4096 + 64, i, cmp ? c : NULL,
					  old, (size_t)count), &pkt);
				carry(0);
				assert_memory_equal(old, t, n);
				if (op == UET_AMO_MSWAP)
					for (k = 0; k < n; k++)
						t[k] = (uint8_t)((i[k] & c[k]) | (t[k] & ~c[k]));
				else
					uet_amo_apply((uint8_t)op, (uint8_t)type, t, i,
						      cmp ? c : NULL, NULL, (size_t)count);
				mr_read(mr, mr->memory, 4096 + 64, n, c);
				assert_memory_equal(c, t, n);
				mr_check(mr, 4096 + 64, n);
				a->tx_cnt = 0;
				b->rma_cnt = 0;
			}
}

static void limits(void **state)
{
	struct uet_ses_amo *held[300];
	struct uet_ses_tx *tx;
	int n = 0;

	(void)state;
	assert_int_equal(uet_ses_amo_max(a->ses, 8, false, false), 128);
	assert_int_equal(uet_ses_amo_max(a->ses, 8, true, false), 128);
	assert_int_equal(uet_ses_amo_max(a->ses, 8, true, true), 64);
	assert_int_equal(uet_ses_amo_max(a->ses, 32, true, true), 16);
	assert_int_equal(uet_ses_amo_max(a->ses, 0, true, true), 0);
	while (n < 300 && (held[n] = uet_ses_amo_get(a->ses)))
		n++;
	assert_int_equal(n, 256);
	/* They go back with their tx. */
	while (n > 0) {
		tx = uet_ses_tx_get(a->ses);
		tx->amo = held[--n];
		uet_ses_tx_put(a->ses, tx);
	}
	assert_non_null(held[0] = uet_ses_amo_get(a->ses));
	tx = uet_ses_tx_get(a->ses);
	tx->amo = held[0];
	uet_ses_tx_put(a->ses, tx);
}

/* A post that PDS refuses leaves all as it was; a refusal of the target is told. */
static void refused(void **state)
{
	uint32_t v = 1, old = 7;
	struct uet_ses_tx *tx = amo(UET_AMO_SUM, UET_AMO_UINT32, 2, &v, NULL, &old, 1);

	(void)state;
	a->pds->refuse = 1;
	assert_int_equal(uet_ses_send(a->ses, tx, 0), -EAGAIN);
	start(tx, &pkt);
	carry(-EINVAL);
	assert_int_equal(a->tx[0].prov_errno, UET_RC_AMO_UNALIGNED);
	assert_int_equal(old, 7);
	mr_check(mr, 0, 0);
}

/* A result that is not what was asked for does not reach the caller's memory. */
static void odd_result(void **state)
{
	uint32_t v = 1, old = 7;
	struct uet_ses_tx *tx = amo(UET_AMO_SUM, UET_AMO_UINT32, 4, &v, NULL, &old, 1);
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE_DATA, .opcode = UET_RESP_W_DATA,
		.return_code = UET_RC_OK, .payload_length = 8,
	};
	uint8_t raw[64] = { 0 };
	size_t n = uet_ses_resp_pack(&resp, raw);

	(void)state;
	start(tx, &pkt);
	stub_next(a->pds, &tx->msg, &pkt);
	assert_true(stub_respond(a->pds, &tx->msg, 0, UET_HDR_RESPONSE_DATA, raw, n + 8));
	stub_finish(a);
	assert_int_equal(a->tx[0].err, -EIO);
	assert_int_equal(old, 7);
}

/* Small headers carry plain atomics on optimized keys. */
static void small_header(void **state)
{
	uint32_t v = 1;
	struct uet_ses_tx *tx = amo(UET_AMO_SUM, UET_AMO_UINT32, 4, &v, NULL, NULL, 1);

	(void)state;
	mr->region.key = 1ull << 62 | 5;
	tx->key = mr->region.key;
	tx->dest.small = true;
	side_start(a, tx);
	stub_fill(a->pds, &tx->msg, 0, &pkt);
	assert_int_equal(pkt.next_hdr, UET_HDR_REQUEST_SMALL);
	assert_int_equal(pkt.hdr_len, UET_SES_SMALL_LEN + 4);
	carry(0);
	mr_check(mr, 4, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain, up, down),
		cmocka_unit_test_setup_teardown(fetch_one, up, down),
		cmocka_unit_test_setup_teardown(compare_one, up, down),
		cmocka_unit_test_setup_teardown(masked_swap, up, down),
		cmocka_unit_test_setup_teardown(vendor_form, up, down),
		cmocka_unit_test_setup_teardown(all_through, up, down),
		cmocka_unit_test_setup_teardown(limits, up, down),
		cmocka_unit_test_setup_teardown(refused, up, down),
		cmocka_unit_test_setup_teardown(odd_result, up, down),
		cmocka_unit_test_setup_teardown(small_header, up, down),
	};

	uet_rand_seed(&rnd, 42);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
