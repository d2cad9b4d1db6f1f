/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Unexpected messages: storing, limits and back-pressure, peek, claim, discard. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t data[64 * 1024], got[64 * 1024];

static struct uet_addr src(void)
{
	return stub_addr(7, 5000);
}

static struct side *new_side(uint32_t max, size_t bytes)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();

	rxq.max_unexpected = max;
	rxq.max_unexpected_bytes = bytes;
	return side_new_rxq(&cfg, &rxq, 1);
}

static struct uet_pds_answer packet(struct side *s, uint8_t mode, uint16_t id, uint32_t length,
				    uint32_t off, uint64_t tag)
{
	struct uet_addr from = src();
	uint32_t n = (uint32_t)uet_min_u64(MTU, length - off);
	struct uet_ses_req req = stub_part(UET_OP_TAGGED_SEND, id, length, off, n);

	req.match_bits = tag;
	req.hd = req.som;
	req.header_data = req.som ? 1000 + id : 0;
	return side_req(s, &from, mode, &req, data + off, n);
}

static int peek(struct side *s, uint64_t tag, enum uet_ses_peek_action action,
		struct uet_ses_unex **claim, struct uet_ses_rx_result *res)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = tag };

	return uet_ses_peek(s->rxq, &pattern, action, res, claim);
}

static void check_last(const struct side *s, size_t len, uint16_t id)
{
	const struct uet_ses_rx_result *res = &s->rx[s->rx_cnt - 1].res;

	assert_int_equal(res->err, 0);
	assert_int_equal(res->len, len);
	assert_int_equal(res->msg_len, len);
	assert_true(res->has_data);
	assert_int_equal(res->data, 1000 + id);
	assert_memory_equal(got, data, len);
}

/* Complete before the receive comes: small, large, empty. */
static void stored(void **state)
{
	static const uint32_t lens[] = { 0, 1, 1000, 1024, 1025, 3 * MTU, 3 * MTU + 5 };
	struct side *s = new_side(10, 100000);
	struct uet_pds_answer a = { 0 };
	uint32_t off;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(lens); i++) {
		uint16_t id = (uint16_t)(i + 1);

		fill_pattern(data, lens[i], (uint32_t)i);
		off = 0;
		do {
			a = packet(s, UET_MODE_RUD, id, lens[i], off, 5);
			off += MTU;
			if (off < lens[i])
				assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		} while (off < lens[i]);
		assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
		assert_int_equal(answer_resp(&a).list, UET_LIST_OVERFLOW);
		assert_int_equal(answer_resp(&a).modified_length, lens[i]);
		side_recv(s, UET_SES_TAGGED, 6, 0, got, 1, s);
		assert_int_equal(s->rx_cnt, i);
		memset(got, 0, sizeof(got));
		side_recv(s, UET_SES_TAGGED, 5, 0, got, sizeof(got), NULL);
		assert_int_equal(s->rx_cnt, i + 1);
		check_last(s, lens[i], id);
	}
	assert_int_equal(uet_ses_stats(s->ses)->unexpected, UET_ARRAY_SIZE(lens));
	side_free(s);
}

/* The receive comes in the middle, for each order of four packets and each middle. */
static void matched_while_incomplete(void **state)
{
	struct side *s = new_side(10, 100000);
	int perm, cut, i, k, cnt = 0;

	(void)state;
	for (perm = 0; perm < 24; perm++) {
		for (cut = 0; cut <= 4; cut++) {
			int left[4] = { 0, 1, 2, 3 }, rest = perm;
			uint16_t id = (uint16_t)(1 + cnt);

			fill_pattern(data, 3 * MTU + 9, id);
			memset(got, 0, sizeof(got));
			for (i = 0; i < 4; i++) {
				struct uet_pds_answer a;
				bool late;

				if (i == cut)
					side_recv(s, UET_SES_TAGGED, 5, 0, got, sizeof(got), NULL);
				k = rest % (4 - i);
				rest /= 4 - i;
				a = packet(s, UET_MODE_RUD, id, 3 * MTU + 9,
					   (uint32_t)left[k] * MTU, 5);
				memmove(&left[k], &left[k + 1], (size_t)(3 - k) * sizeof(int));
				late = cut == 4;
				assert_int_equal(answer_resp(&a).opcode,
						 i < 3 ? UET_RESP_NO_RESPONSE :
						 late ? UET_RESP_RESPONSE : UET_RESP_DEFAULT);
			}
			if (cut == 4)
				side_recv(s, UET_SES_TAGGED, 5, 0, got, sizeof(got), NULL);
			assert_int_equal(s->rx_cnt, ++cnt);
			check_last(s, 3 * MTU + 9, id);
		}
	}
	side_free(s);
}

/* Beyond the byte limit a message is announced only; a receive lets it in. */
static void announced(void **state)
{
	struct side *s = new_side(10, 2 * MTU);
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;

	(void)state;
	fill_pattern(data, 4 * MTU, 1);
	a = packet(s, UET_MODE_RUD, 1, 2 * MTU, 0, 1);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	a = packet(s, UET_MODE_RUD, 2, 10, 0, 2);		/* one packet */
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	a = packet(s, UET_MODE_RUD, 3, 4 * MTU, MTU, 3);	/* not the first packet */
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	assert_int_equal(peek(s, 3, UET_SES_PEEK, NULL, &res), -ENOENT);
	a = packet(s, UET_MODE_RUD, 3, 4 * MTU, 0, 3);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	assert_int_equal(peek(s, 3, UET_SES_PEEK, NULL, &res), 0);
	assert_int_equal(res.len, 4 * MTU);
	assert_int_equal(res.data, 1003);
	assert_int_equal(peek(s, 2, UET_SES_PEEK, NULL, &res), 0);
	assert_int_equal(uet_ses_stats(s->ses)->unexpected, 3);
	assert_int_equal(uet_ses_stats(s->ses)->unexpected_refused, 3);
	/* An empty message needs no memory. */
	a = packet(s, UET_MODE_RUD, 4, 0, 0, 4);
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);

	side_recv(s, UET_SES_TAGGED, 3, 0, got, sizeof(got), NULL);
	assert_int_equal(s->rx_cnt, 0);
	a = packet(s, UET_MODE_RUD, 3, 4 * MTU, 2 * MTU, 3);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	packet(s, UET_MODE_RUD, 3, 4 * MTU, 3 * MTU, 3);
	packet(s, UET_MODE_RUD, 3, 4 * MTU, 0, 3);
	a = packet(s, UET_MODE_RUD, 3, 4 * MTU, MTU, 3);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 1);
	check_last(s, 4 * MTU, 3);

	/* Message 1 goes; its memory lets message 2 in before any receive for it. */
	side_recv(s, UET_SES_TAGGED, 1, 0, got, sizeof(got), NULL);
	a = packet(s, UET_MODE_RUD, 2, 10, 0, 2);
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
	a = packet(s, UET_MODE_RUD, 1, 2 * MTU, MTU, 1);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	check_last(s, 2 * MTU, 1);
	side_recv(s, UET_SES_TAGGED, 2, 0, got, sizeof(got), NULL);
	check_last(s, 10, 2);
	assert_int_equal(s->rx_cnt, 3);
	side_free(s);
}

/* Without a message id a refused packet cannot be recognised: no record is kept. */
static void medium_over_limit(void **state)
{
	struct side *s = new_side(10, 10);
	struct uet_addr from = src();
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, 0, 20);
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;

	(void)state;
	req.format = UET_HDR_REQUEST_MEDIUM;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, 20);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	assert_int_equal(peek(s, 0, UET_SES_PEEK, NULL, &res), -ENOENT);
	side_recv(s, UET_SES_TAGGED, 0, 0, got, 20, NULL);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, 20);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

/* The count limit: refuse, keep nothing; posted receives still work. */
static void count_limit(void **state)
{
	struct side *s = new_side(2, 100000);
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;

	(void)state;
	packet(s, UET_MODE_RUD, 1, 10, 0, 1);
	packet(s, UET_MODE_RUD, 2, 2 * MTU, 0, 2);
	a = packet(s, UET_MODE_RUD, 3, 10, 0, 3);
	assert_nack(a, UET_NACK_NO_SES_MSG_AVAIL);
	a = packet(s, UET_MODE_RUD, 3, 2 * MTU, 0, 3);
	assert_nack(a, UET_NACK_NO_SES_MSG_AVAIL);
	assert_int_equal(peek(s, 3, UET_SES_PEEK, NULL, &res), -ENOENT);
	side_recv(s, UET_SES_TAGGED, 4, 0, got, 10, NULL);
	a = packet(s, UET_MODE_RUD, 4, 10, 0, 4);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	a = packet(s, UET_MODE_RUD, 2, 2 * MTU, MTU, 2);	/* known: goes on */
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
	assert_int_equal(peek(s, 1, UET_SES_PEEK_DISCARD, NULL, &res), 0);
	a = packet(s, UET_MODE_RUD, 3, 10, 0, 3);
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
	side_free(s);
}

/* Discarded while incomplete or announced: the rest is swallowed with success. */
static void discard(void **state)
{
	struct side *s = new_side(3, 2 * MTU);
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;

	(void)state;
	packet(s, UET_MODE_RUD, 1, 2 * MTU, 0, 1);
	a = packet(s, UET_MODE_RUD, 2, 20, 0, 2);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	assert_int_equal(peek(s, 1, UET_SES_PEEK_DISCARD, NULL, &res), 0);
	assert_int_equal(res.len, 2 * MTU);
	assert_int_equal(peek(s, 1, UET_SES_PEEK, NULL, &res), -ENOENT);
	assert_int_equal(peek(s, 2, UET_SES_PEEK_DISCARD, NULL, &res), 0);
	side_recv(s, UET_SES_TAGGED, 0, ~0ull, got, 10, NULL);
	a = packet(s, UET_MODE_RUD, 1, 2 * MTU, MTU, 1);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	a = packet(s, UET_MODE_RUD, 2, 20, 0, 2);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 0);
	/* Both are forgotten: their ids name new messages. */
	packet(s, UET_MODE_RUD, 1, 10, 0, 1);
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

/* Claimed messages: complete, incomplete, announced; delivered and discarded. */
static void claims(void **state)
{
	struct side *s = new_side(3, 3 * MTU);
	struct uet_ses_unex *claim[3];
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;
	struct uet_ses_rx *rx;
	int k;

	(void)state;
	fill_pattern(data, 4 * MTU, 77);
	for (k = 0; k < 2; k++) {	/* deliver, then discard */
		uint16_t base = (uint16_t)(10 * k);
		int i;

		packet(s, UET_MODE_RUD, base + 1, 100, 0, 1);
		packet(s, UET_MODE_RUD, base + 2, 2 * MTU, 0, 2);
		a = packet(s, UET_MODE_RUD, base + 3, 4 * MTU, 0, 3);
		assert_nack(a, UET_NACK_NO_PKT_BUFFER);
		for (i = 0; i < 3; i++) {
			assert_int_equal(peek(s, (uint64_t)i + 1, UET_SES_PEEK_CLAIM, &claim[i],
					      &res), 0);
			assert_int_equal(peek(s, (uint64_t)i + 1, UET_SES_PEEK, NULL, &res),
					 -ENOENT);
		}
		/* Claimed ones count. */
		a = packet(s, UET_MODE_RUD, base + 4, 0, 0, 4);
		assert_nack(a, UET_NACK_NO_SES_MSG_AVAIL);
		if (k == 1) {
			for (i = 0; i < 3; i++)
				uet_ses_claimed_discard(claim[i]);
			a = packet(s, UET_MODE_RUD, base + 2, 2 * MTU, MTU, 2);
			assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
			continue;
		}
		for (i = 0; i < 3; i++) {
			rx = uet_ses_rx_get(s->rxq);
			rx->queue = UET_SES_TAGGED;
			rx->len = sizeof(got);
			rx->iov_cnt = 1;
			rx->iov[0].iov_base = got;
			rx->iov[0].iov_len = sizeof(got);
			memset(got, 0, sizeof(got));
			if (i == 2)	/* matched before its first packet got in */
				assert_int_equal(s->rx_cnt, 2);
			uet_ses_claimed_recv(claim[i], rx, 0);
			assert_int_equal(s->rx_cnt, i == 0 ? 1 : i);
			if (i == 1)
				packet(s, UET_MODE_RUD, base + 2, 2 * MTU, MTU, 2);
			if (i == 2) {
				uint32_t off;

				for (off = 0; off < 4 * MTU; off += MTU)
					a = packet(s, UET_MODE_RUD, base + 3, 4 * MTU, off, 3);
				assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
			}
			check_last(s, i == 0 ? 100 : i == 1 ? 2 * MTU : 4 * MTU,
				   (uint16_t)(base + i + 1));
		}
	}
	side_free(s);
}

/* The PDC vanishes: what happens to a message in each state. */
static void pdc_gone(void **state)
{
	struct side *s = new_side(10, 100000);
	struct uet_addr from = src();
	struct uet_ses_unex *claim;
	struct uet_ses_rx_result res;
	struct uet_ses_rx *rx;

	(void)state;
	fill_pattern(data, 4 * MTU, 5);
	side_recv(s, UET_SES_TAGGED, 1, 0, got, sizeof(got), NULL);
	packet(s, UET_MODE_RUD, 1, 3 * MTU, 0, 1);	/* matched, incomplete */
	packet(s, UET_MODE_RUD, 2, 3 * MTU, 0, 2);	/* unexpected, incomplete */
	packet(s, UET_MODE_RUD, 3, MTU, 0, 3);		/* unexpected, complete */
	packet(s, UET_MODE_RUD, 4, 3 * MTU, 0, 4);	/* claimed, incomplete */
	packet(s, UET_MODE_RUD, 5, 3 * MTU, 0, 5);	/* discarded, incomplete */
	packet(s, UET_MODE_RUD, 6, 200000, 0, 6);	/* announced */
	assert_int_equal(peek(s, 4, UET_SES_PEEK_CLAIM, &claim, &res), 0);
	assert_int_equal(peek(s, 5, UET_SES_PEEK_DISCARD, NULL, &res), 0);
	side_pdc_gone(s, &from, UET_MODE_RUD, -ECONNRESET);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	assert_int_equal(s->rx[0].res.tag, 1);
	assert_int_equal(peek(s, 2, UET_SES_PEEK, NULL, &res), -ENOENT);
	assert_int_equal(peek(s, 6, UET_SES_PEEK, NULL, &res), -ENOENT);
	side_recv(s, UET_SES_TAGGED, 3, 0, got, sizeof(got), NULL);
	check_last(s, MTU, 3);
	rx = uet_ses_rx_get(s->rxq);
	rx->queue = UET_SES_TAGGED;
	uet_ses_claimed_recv(claim, rx, 0);
	assert_int_equal(s->rx_cnt, 3);
	assert_int_equal(s->rx[2].res.err, -EIO);
	side_pdc_gone(s, &from, UET_MODE_RUD, 0);	/* nothing open: no news */
	assert_int_equal(s->rx_cnt, 3);
	/* A claimed one that died is discarded without trouble, too. */
	packet(s, UET_MODE_RUD, 7, 3 * MTU, 0, 7);
	assert_int_equal(peek(s, 7, UET_SES_PEEK_CLAIM, &claim, &res), 0);
	side_pdc_gone(s, &from, UET_MODE_RUD, -EIO);
	uet_ses_claimed_discard(claim);
	side_free(s);
}

/* MSG_ERROR ends an unexpected message: it is seen no more, and fails its claimer. */
static void ended_by_source(void **state)
{
	struct side *s = new_side(10, 100000);
	struct uet_addr from = src();
	struct uet_ses_unex *claim;
	struct uet_ses_rx_result res;
	struct uet_pds_answer a;
	struct uet_ses_rx *rx;
	int k;

	(void)state;
	for (k = 0; k < 2; k++) {
		uint16_t id = (uint16_t)(k + 1);
		struct uet_ses_req req = stub_part(UET_OP_MSG_ERROR, id, 3 * MTU, 2 * MTU, 0);

		packet(s, UET_MODE_RUD, id, 3 * MTU, 0, 1);
		if (k == 1)
			assert_int_equal(peek(s, 1, UET_SES_PEEK_CLAIM, &claim, &res), 0);
		req.eom = true;
		side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
		assert_int_equal(peek(s, 1, UET_SES_PEEK, NULL, &res), -ENOENT);
		if (k == 1) {
			rx = uet_ses_rx_get(s->rxq);
			uet_ses_claimed_recv(claim, rx, 0);
			assert_int_equal(s->rx_cnt, 1);
			assert_int_equal(s->rx[0].res.err, -EIO);
		}
		/* The packet that was under way is swallowed. */
		a = packet(s, UET_MODE_RUD, id, 3 * MTU, MTU, 1);
		assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	}
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

/*
 * Two SES over a net that reorders: a hundred messages against tight limits, receives posted
 * late and in another order. Nothing is lost, nothing exceeds the limits.
 */
static void back_pressure(void **state)
{
	static uint8_t out[100][6000], in[100][6000];
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_rand rnd;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 40; seed++) {
		bool rod = seed % 4 == 0;
		uint32_t window = rod ? 1 : 16, len[100];
		struct side *a, *b;
		int i, posted = 0;

		rxq.max_unexpected = 5;
		rxq.max_unexpected_bytes = 8000;
		a = side_new_rxq(&cfg, &rxq, 1);
		b = side_new_rxq(&cfg, &rxq, 2);
		uet_rand_seed(&rnd, seed);
		for (i = 0; i < 100; i++) {
			len[i] = uet_rand_u32(&rnd) % 4 ? uet_rand_u32(&rnd) % 6000 : 0;
			fill_pattern(out[i], len[i], (uint32_t)(i + 100 * (int)seed));
			memset(in[i], 0, sizeof(in[i]));
			side_send(a, &b->addr, rod, UET_OP_TAGGED_SEND, (uint64_t)i, out[i],
				  len[i]);
		}
		while (posted < 100) {
			int burst = (int)(uet_rand_u32(&rnd) % 8);

			stub_pump(a, b, window, 50, &rnd);
			while (burst-- && posted < 100) {
				side_recv(b, UET_SES_TAGGED, rod ? (uint64_t)posted :
					  (uint64_t)(posted ^ 1), 0, in[rod ? posted : posted ^ 1],
					  6000, NULL);
				posted++;
			}
		}
		assert_true(uet_ses_stats(b->ses)->unexpected_refused > 0);
		stub_pump(a, b, window, 0xffffffff, &rnd);
		assert_int_equal(b->rx_cnt, 100);
		assert_int_equal(a->tx_cnt, 100);
		for (i = 0; i < 100; i++) {
			assert_int_equal(a->tx[i].err, 0);
			assert_int_equal(b->rx[i].res.err, 0);
			assert_int_equal(b->rx[i].res.len, len[b->rx[i].res.tag]);
			assert_memory_equal(in[i], out[i], len[i]);
		}
		side_free(a);
		side_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored),
		cmocka_unit_test(matched_while_incomplete),
		cmocka_unit_test(announced),
		cmocka_unit_test(medium_over_limit),
		cmocka_unit_test(count_limit),
		cmocka_unit_test(discard),
		cmocka_unit_test(claims),
		cmocka_unit_test(pdc_gone),
		cmocka_unit_test(ended_by_source),
		cmocka_unit_test(back_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
