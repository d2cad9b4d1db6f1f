/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Receive queues: limits, several of one SES, one of several SES, and what detaching leaves. */
#include "test_ses_stub.h"

#define A 0
#define B 1

static const struct uet_addr peer = { .ip = { 127, 0, 0, 9 }, .port = 4793, .family = AF_INET };

/* Hand a whole message to resource index @index of @s. */
static struct uet_pds_answer whole(struct side *s, uint16_t index, uint16_t id, uint64_t tag,
				   const void *buf, uint32_t len)
{
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, id, len);

	req.resource_index = index;
	req.match_bits = tag;
	return side_req(s, &peer, UET_MODE_RUD, &req, buf, len);
}

/* Part of a message of 2000 bytes for resource index @index. */
static struct uet_pds_answer part(struct side *s, uint16_t index, uint16_t id, uint32_t off,
				  const uint8_t *buf)
{
	struct uet_ses_req req = stub_part(UET_OP_TAGGED_SEND, id, 2000, off, 1000);

	req.resource_index = index;
	return side_req(s, &peer, UET_MODE_RUD, &req, buf + off, 1000);
}

static bool peek(struct side *s, enum uet_ses_peek_action action, struct uet_ses_unex **claim)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .ignore = ~0ull };
	struct uet_ses_rx_result res;

	return uet_ses_peek(s->rxq, &pattern, action, &res, claim) == 0;
}

static void bad_configurations(void **state)
{
	struct uet_ses_rxq_cfg cfg = stub_rxq_cfg();
	struct uet_ses_rxq *rxq;

	(void)state;
	cfg.max_rx = 0;
	assert_int_equal(uet_ses_rxq_create(&cfg, &side_ops, NULL, &rxq), -EINVAL);
	cfg = stub_rxq_cfg();
	cfg.max_unexpected = UINT32_MAX;
	assert_int_equal(uet_ses_rxq_create(&cfg, &side_ops, NULL, &rxq), -EINVAL);
	uet_ses_rxq_destroy(NULL);
}

static void receive_descriptors(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_rx *rx[2];
	struct side *s;

	(void)state;
	rxq.max_rx = 2;
	s = side_new_rxq(&cfg, &rxq, 1);
	rx[0] = uet_ses_rx_get(s->rxq);
	rx[1] = uet_ses_rx_get(s->rxq);
	assert_non_null(rx[1]);
	assert_null(uet_ses_rx_get(s->rxq));
	uet_ses_rx_put(s->rxq, rx[0]);
	assert_non_null(uet_ses_rx_get(s->rxq));
	side_free(s);
}

static void indices(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);

	(void)state;
	assert_int_equal(uet_ses_rxq_attach(s->ses, 0, s->rxq), -EINVAL);
	assert_int_equal(uet_ses_rxq_attach(s->ses, 1, s->rxq), -EBUSY);
	assert_int_equal(uet_ses_rxq_attach(s->ses, UET_SES_INDICES, s->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(s->ses, UET_SES_INDICES + 1, s->rxq), -EINVAL);
	uet_ses_rxq_detach(s->ses, 1);
	uet_ses_rxq_detach(s->ses, 1);
	uet_ses_rxq_detach(s->ses, 0);
	uet_ses_rxq_detach(s->ses, 0xfff);
	assert_int_equal(uet_ses_rxq_attach(s->ses, 1, s->rxq), 0);
	side_free(s);
}

/* Two queues of one SES: each gets what is addressed to it, under the same message ids too. */
static void queues_of_one(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq_cfg = stub_rxq_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_ses_rxq *first = s->rxq, *second;
	struct uet_pds_answer a;
	uint8_t in[2][8] = { { 0 } };

	(void)state;
	assert_int_equal(uet_ses_rxq_create(&rxq_cfg, &side_ops, s, &second), 0);
	a = whole(s, 2, 1, 0, "two", 4);
	assert_refused(a, UET_RC_BAD_INDEX);
	assert_int_equal(uet_ses_rxq_attach(s->ses, 2, second), 0);
	side_recv(s, UET_SES_TAGGED, 0, ~0ull, in[0], 8, in[0]);
	s->rxq = second;
	side_recv(s, UET_SES_TAGGED, 0, ~0ull, in[1], 8, in[1]);
	a = whole(s, 2, 1, 0, "two", 4);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 1);
	assert_ptr_equal(s->rx[0].context, in[1]);
	assert_int_equal(s->rx[0].res.resource_index, 2);
	assert_string_equal((const char *)in[1], "two");
	/* The rest goes to the other one, which alone has a receive. */
	s->rxq = first;
	whole(s, 2, 2, 0, "2nd", 4);
	assert_int_equal(s->rx_cnt, 1);
	whole(s, 1, 2, 0, "one", 4);
	assert_int_equal(s->rx_cnt, 2);
	assert_ptr_equal(s->rx[1].context, in[0]);
	assert_int_equal(s->rx[1].res.resource_index, 1);
	assert_false(peek(s, UET_SES_PEEK, NULL));
	s->rxq = second;
	assert_true(peek(s, UET_SES_PEEK, NULL));
	/* A gone index is a wrong one; its messages went with it. */
	uet_ses_rxq_detach(s->ses, 2);
	assert_false(peek(s, UET_SES_PEEK, NULL));
	a = whole(s, 2, 3, 0, "two", 4);
	assert_refused(a, UET_RC_BAD_INDEX);
	s->rxq = first;
	side_free(s);
	uet_ses_rxq_destroy(second);
}

/* A packet that names another index than its message is no part of it. */
static void index_changes(void **state)
{
	static uint8_t data[2000], in[2000];
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_ses_rxq_cfg rxq_cfg = stub_rxq_cfg();
	struct uet_ses_rxq *second;
	struct uet_pds_answer a;

	(void)state;
	assert_int_equal(uet_ses_rxq_create(&rxq_cfg, &side_ops, s, &second), 0);
	assert_int_equal(uet_ses_rxq_attach(s->ses, 2, second), 0);
	side_recv(s, UET_SES_TAGGED, 0, ~0ull, in, 2000, in);
	a = part(s, 1, 7, 0, data);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	a = part(s, 2, 7, 1000, data);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	side_free(s);
	uet_ses_rxq_destroy(second);
}

/* One queue of two SES: posting and arrival have one order, and the right SES is told. */
static void shared(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s[2];
	uint8_t in[4][8];
	int i;

	(void)state;
	s[A] = side_new(&cfg, 1);
	s[B] = side_new_shared(&cfg, s[A], 2);
	for (i = 0; i < 2; i++)
		side_recv(s[A], UET_SES_TAGGED, 5, 0, in[i], 8, in[i]);
	whole(s[B], 1, 1, 5, "b", 2);
	assert_int_equal(s[B]->rx_cnt, 1);
	assert_ptr_equal(s[B]->rx[0].context, in[0]);
	whole(s[A], 1, 1, 5, "a", 2);
	assert_int_equal(s[A]->rx_cnt, 1);
	assert_ptr_equal(s[A]->rx[0].context, in[1]);
	whole(s[B], 1, 2, 5, "b2", 3);
	whole(s[A], 1, 2, 5, "a2", 3);
	for (i = 2; i < 4; i++)
		side_recv(s[B], UET_SES_TAGGED, 5, 0, in[i], 8, in[i]);
	assert_string_equal((const char *)in[2], "b2");
	assert_string_equal((const char *)in[3], "a2");
	assert_ptr_equal(s[B]->rx[1].context, in[2]);
	assert_ptr_equal(s[A]->rx[1].context, in[3]);
	/* The queue's own upper hears of what no message ended. */
	side_recv(s[B], UET_SES_TAGGED, 5, 0, in[0], 8, in[0]);
	assert_true(uet_ses_cancel(s[B]->rxq, in[0]));
	assert_int_equal(s[A]->rx[2].res.err, -ECANCELED);
	assert_int_equal(s[A]->rx[2].res.resource_index, 0);
	side_free(s[B]);
	side_free(s[A]);
}

/* What one SES leaves behind when it goes: nothing of its own, and no receive is lost. */
static void sharer_goes(void **state)
{
	static uint8_t data[2000], in[3][2000];
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rx_result res;
	struct uet_ses_unex *claim;
	struct side *s[2];

	(void)state;
	fill_pattern(data, sizeof(data), 1);
	s[A] = side_new(&cfg, 1);
	s[B] = side_new_shared(&cfg, s[A], 2);
	/* Claimed, unexpected whole, unexpected in part, and matched in part. */
	whole(s[B], 1, 1, 5, "claimed", 8);
	assert_true(peek(s[A], UET_SES_PEEK_CLAIM, &claim));
	whole(s[B], 1, 2, 5, "b", 2);
	part(s[B], 1, 3, 0, data);
	assert_true(peek(s[A], UET_SES_PEEK_DISCARD, NULL));
	whole(s[B], 1, 4, 5, "b", 2);
	side_recv(s[A], UET_SES_TAGGED, 0, 0, in[0], 2000, in[0]);
	part(s[B], 1, 5, 1000, data);
	side_recv(s[A], UET_SES_TAGGED, 0, 0, in[1], 2000, in[1]);
	side_recv(s[A], UET_SES_TAGGED, 0, 0, in[2], 2000, in[2]);
	whole(s[A], 1, 6, 77, "kept", 5);
	assert_int_equal(s[A]->rx_cnt + s[B]->rx_cnt, 0);
	side_free(s[B]);
	assert_int_equal(s[A]->rx_cnt, 0);
	/* Receives 0 and 1 were in use and stand in front again. */
	part(s[A], 1, 7, 1000, data);
	part(s[A], 1, 7, 0, data);
	assert_int_equal(s[A]->rx_cnt, 1);
	assert_ptr_not_equal(s[A]->rx[0].context, in[2]);
	assert_memory_equal(s[A]->rx[0].context, data, 2000);
	part(s[A], 1, 8, 0, data);
	part(s[A], 1, 8, 1000, data);
	assert_ptr_not_equal(s[A]->rx[1].context, in[2]);
	assert_memory_equal(s[A]->rx[1].context, data, 2000);
	/* Of the messages only the other's is left; the claim has failed. */
	assert_true(peek(s[A], UET_SES_PEEK_DISCARD, NULL));
	assert_false(peek(s[A], UET_SES_PEEK, NULL));
	assert_true(uet_ses_cancel(s[A]->rxq, in[2]));
	{
		struct uet_ses_rx *rx = uet_ses_rx_get(s[A]->rxq);

		rx->queue = UET_SES_TAGGED;
		uet_ses_claimed_recv(claim, rx, 0);
		res = s[A]->rx[3].res;
		assert_int_equal(res.err, -EIO);
		assert_int_equal(res.len, 0);
	}
	side_free(s[A]);
}

/* A receive that is posted again may find a message of another SES. */
static void again_matches(void **state)
{
	static uint8_t data[2000], in[2000];
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s[2];

	(void)state;
	s[A] = side_new(&cfg, 1);
	s[B] = side_new_shared(&cfg, s[A], 2);
	side_recv(s[A], UET_SES_TAGGED, 0, 0, in, 2000, in);
	part(s[B], 1, 5, 0, data);
	whole(s[A], 1, 6, 0, "other", 6);
	assert_int_equal(s[A]->rx_cnt, 0);
	side_free(s[B]);
	assert_int_equal(s[A]->rx_cnt, 1);
	assert_int_equal(s[A]->rx[0].res.err, 0);
	assert_string_equal((const char *)in, "other");
	side_free(s[A]);
}

static int put_err;

static int errant_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	memcpy(dst, src, n);
	return put_err;
}

/* What went wrong with the message that vanished is not the next one's fault. */
static void again_without_errors(void **state)
{
	static const struct uet_ses_mem mem = { .put = errant_put };
	static uint8_t data[2000], in[2000];
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s[2];

	(void)state;
	s[A] = side_new(&cfg, 1);
	s[B] = side_new_shared(&cfg, s[A], 2);
	side_recv(s[A], UET_SES_TAGGED, 0, 0, in, 2000, in)->mem = &mem;
	put_err = -EIO;
	part(s[B], 1, 5, 0, data);
	side_free(s[B]);
	put_err = 0;
	whole(s[A], 1, 6, 0, "other", 6);
	assert_int_equal(s[A]->rx_cnt, 1);
	assert_int_equal(s[A]->rx[0].res.err, 0);
	assert_string_equal((const char *)in, "other");
	side_free(s[A]);
}

/* The limits are those of the queue, not of each SES. */
static void common_limits(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_pds_answer a;
	struct side *s[2];

	(void)state;
	rxq.max_unexpected = 2;
	s[A] = side_new_rxq(&cfg, &rxq, 1);
	s[B] = side_new_shared(&cfg, s[A], 2);
	whole(s[A], 1, 1, 0, "a", 2);
	whole(s[B], 1, 1, 0, "b", 2);
	a = whole(s[A], 1, 2, 0, "a", 2);
	assert_nack(a, UET_NACK_NO_SES_MSG_AVAIL);
	side_free(s[B]);
	a = whole(s[A], 1, 2, 0, "a", 2);
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
	side_free(s[A]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(receive_descriptors),
		cmocka_unit_test(indices),
		cmocka_unit_test(queues_of_one),
		cmocka_unit_test(index_changes),
		cmocka_unit_test(shared),
		cmocka_unit_test(sharer_goes),
		cmocka_unit_test(again_matches),
		cmocka_unit_test(again_without_errors),
		cmocka_unit_test(common_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
