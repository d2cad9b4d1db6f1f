/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rendezvous sends between two SES over the real PDS, on a net that loses, doubles and reorders:
 * everything arrives once and whole, on ROD in order; the sender is done when its message was
 * read, cut short or discarded, not before; and whatever either side waits for ends, should the
 * other die.
 */
#include "ses_world.h"

#define BIG 100000

static uint8_t out[8][BIG], in[8][BIG];

static const struct w_send rud = { .mode = UET_MODE_RUD };
static const struct w_send rod = { .mode = UET_MODE_ROD };
static const struct w_send *const modes[] = { &rud, &rod };

/* None; less than, exactly, and more than one packet; three. */
static const size_t eagers[] = { 0, 100, 1024, 1025, 3072 };

#define EAGERS UET_ARRAY_SIZE(eagers)

static void make_out(void)
{
	int i;

	for (i = 0; i < 8; i++)
		w_fill(out[i], BIG, (uint64_t)i);
}

static struct w_world *new_world(uint64_t seed, size_t eager)
{
	struct w_world *w = w_new(seed);

	w->cfg.rndv_size = 4096;
	w->cfg.rndv_eager = eager;
	make_out();
	memset(in, 0xee, sizeof(in));
	return w;
}

static uint64_t pulled(const struct w_node *n)
{
	return uet_ses_stats(n->ses)->rendezvous;
}

/* Post a receive for what waits, and stop in the midst of reading it. */
static void recv_half(struct w_world *w, struct w_node *n, uint8_t *buf, struct w_op *op)
{
	uint64_t before = pulled(n);

	w->sim.drop_ppm = 300000;	/* or it would be over in no time */
	w_recv(n, UET_SES_UNTAGGED, 0, buf, BIG, op);
	while (pulled(n) == before)
		w_step(w);
	w_run(w, 100 * USEC);
	assert_false(op->done);
	w->sim.drop_ppm = 0;
}

/* A receive waits for it. */
static void expected(void **state)
{
	static const size_t lens[] = { 4096, 4097, 5000, 8192, BIG };
	size_t e, l, m;

	(void)state;
	for (m = 0; m < 2; m++)
		for (e = 0; e < EAGERS; e++) {
			struct w_world *w = new_world(1 + e, eagers[e]);
			struct w_node *a = w_add(w), *b = w_add(w);
			struct w_send how = *modes[m];
			struct w_op s, r;

			how.tagged = true;
			how.has_data = true;
			for (l = 0; l < UET_ARRAY_SIZE(lens); l++) {
				how.tag = l;
				how.data = 1000 + l;
				w_recv(b, UET_SES_TAGGED, l, in[l], BIG, &r);
				w_post_send(a, b, out[l], lens[l], &how, &s);
				w_wait_ok(w, &r);
				w_wait_ok(w, &s);
				assert_int_equal(r.res.len, lens[l]);
				assert_int_equal(r.res.tag, l);
				assert_int_equal(r.res.data, 1000 + l);
				assert_int_equal(r.res.source.initiator, a->end->nic.addr.port);
				w_verify(in[l], lens[l], l);
				if (lens[l] < BIG)
					assert_int_equal(in[l][lens[l]], 0xee);
			}
			assert_int_equal(pulled(b), 4);		/* not the one of 4096 bytes */
			assert_int_equal(uet_ses_stats(b->ses)->rma_reads, 0);
			assert_true(uet_ses_idle(a->ses));
			w_free(w);
		}
}

/* Nobody asks for it: it takes hardly any room there, and holds up nothing. */
static void unexpected(void **state)
{
	size_t e, m;

	(void)state;
	for (m = 0; m < 2; m++)
		for (e = 0; e < EAGERS; e++) {
			struct w_world *w = new_world(10 + e, eagers[e]);
			struct w_node *a = w_add(w), *b = w_add(w);
			struct w_send how = *modes[m];
			struct w_op big[4], small, r;
			int i;

			how.tagged = true;
			for (i = 0; i < 4; i++)
				w_post_send(a, b, out[i], BIG, &how, &big[i]);
			how.tag = 2;
			w_post_send(a, b, out[4], 100, &how, &small);
			w_wait_ok(w, &small);
			w_run(w, 50 * MSEC);
			assert_int_equal(pulled(b), 0);
			w_recv(b, UET_SES_TAGGED, 2, in[4], BIG, &r);
			assert_true(r.done);
			for (i = 0; i < 4; i++) {
				assert_false(big[i].done);
				w_recv(b, UET_SES_TAGGED, 0, in[i], BIG, &r);
				w_wait_ok(w, &r);
				w_wait_ok(w, &big[i]);
				if (m == 1)		/* order is kept on ROD */
					w_verify(in[i], BIG, (uint64_t)i);
				assert_int_equal(r.res.len, BIG);
			}
			assert_int_equal(pulled(b), 4);
			w_free(w);
		}
}

/* Small and large messages between each other match in the order of sending. */
static void order(void **state)
{
	struct w_world *w = new_world(20, 1024);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s[8], r[8];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r[i]);
	for (i = 0; i < 8; i++)
		w_post_send(a, b, out[i], i & 1 ? 10 : BIG - (size_t)i, &rod, &s[i]);
	w_run(w, 5 * MSEC);
	for (i = 4; i < 8; i++)
		w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r[i]);
	for (i = 0; i < 8; i++) {
		w_wait_ok(w, &r[i]);
		w_wait_ok(w, &s[i]);
		assert_int_equal(r[i].res.len, i & 1 ? 10 : BIG - i);
		w_verify(in[i], r[i].res.len, (uint64_t)i);
	}
	w_free(w);
}

/* A receive that is too short gets what fits, whenever it comes, and the sender is done. */
static void truncated(void **state)
{
	static const size_t rooms[] = { 0, 50, 1024, 1500, 50000, BIG - 1 };
	size_t e, k;

	(void)state;
	for (e = 0; e < EAGERS; e++)
		for (k = 0; k < 2 * UET_ARRAY_SIZE(rooms); k++) {
			struct w_world *w = new_world(30 + k, eagers[e]);
			struct w_node *a = w_add(w), *b = w_add(w);
			size_t room = rooms[k / 2];
			struct w_op s, r;

			if (k & 1)
				w_recv(b, UET_SES_UNTAGGED, 0, in[0], room, &r);
			w_post_send(a, b, out[0], BIG, modes[k / 2 & 1], &s);
			w_run(w, 20 * MSEC);
			if (!(k & 1))
				w_recv(b, UET_SES_UNTAGGED, 0, in[0], room, &r);
			w_wait(w, &r);
			w_wait_ok(w, &s);
			assert_int_equal(r.err, -EMSGSIZE);
			assert_int_equal(r.res.len, room);
			assert_int_equal(r.res.msg_len, BIG);
			w_verify(in[0], room, 0);
			assert_int_equal(in[0][room], 0xee);
			w_free(w);
		}
}

/* Peek shows it, claim takes it aside, discard lets its source go. */
static void peek_claim_discard(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 1 };
	struct uet_ses_rx_result res;
	struct uet_ses_unex *claim;
	struct uet_ses_rx *rx;
	size_t e;

	(void)state;
	for (e = 0; e < EAGERS; e++) {
		struct w_world *w = new_world(50 + e, eagers[e]);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_send how = *modes[1];
		struct w_op s[3], r = { 0 };
		int i;

		how.tagged = true;
		how.tag = 1;
		for (i = 0; i < 3; i++)
			w_post_send(a, b, out[i], BIG, &how, &s[i]);
		w_run(w, 50 * MSEC);
		assert_int_equal(uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK, &res, NULL), 0);
		assert_int_equal(res.msg_len, BIG);
		assert_int_equal(uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL),
				 0);
		assert_int_equal(uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK_CLAIM, &res, &claim),
				 0);
		w_wait_ok(w, &s[0]);
		assert_false(s[1].done || s[2].done);
		rx = uet_ses_rx_get(b->rxq);
		rx->queue = UET_SES_TAGGED;
		rx->len = BIG;
		rx->iov_cnt = 2;
		rx->iov[0].iov_base = in[0];
		rx->iov[0].iov_len = 777;
		rx->iov[1].iov_base = in[0] + 777;
		rx->iov[1].iov_len = BIG - 777;
		rx->context = &r;
		uet_ses_claimed_recv(claim, rx, w->sim.now);
		w_wait_ok(w, &r);
		w_verify(in[0], BIG, 1);
		assert_int_equal(uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK_CLAIM, &res, &claim),
				 0);
		uet_ses_claimed_discard(claim);
		w_wait_ok(w, &s[1]);
		w_wait_ok(w, &s[2]);
		assert_true(uet_ses_idle(a->ses));
		w_free(w);
	}
}

/* The receive, or a discard, comes at any moment, on a bad net. */
static void any_moment(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_UNTAGGED };
	struct uet_ses_rx_result res;
	uint64_t seed;

	(void)state;
	for (seed = 100; seed < 180; seed++) {
		struct w_world *w = new_world(seed, eagers[seed % EAGERS]);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s, r;

		w->sim.drop_ppm = seed & 1 ? 30000 : 0;
		w->sim.dup_ppm = w->sim.drop_ppm / 2;
		w->sim.jitter = seed & 2 ? 200 * USEC : 0;
		w_post_send(a, b, out[0], BIG, modes[seed / 4 % 2], &s);
		sim_run_for(&w->sim, (seed - 100) % 40 * 20 * USEC);
		if (seed >= 140) {
			while (uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL))
				w_step(w);
			w_wait_ok(w, &s);
		} else {
			w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
			w_wait_ok(w, &r);
			w_wait_ok(w, &s);
			w_verify(in[0], BIG, 0);
		}
		assert_true(uet_ses_idle(a->ses));
		w_free(w);
	}
}

/* Small messages, for which there is no room, must not keep the reads from their way. */
static void not_clogged(void **state)
{
	size_t m;

	(void)state;
	for (m = 0; m < 4; m++) {
		struct w_world *w = new_world(60 + m, 1024);
		struct w_send how = *modes[m & 1];

		how.tagged = true;
		w_not_clogged(w, &how, m >= 2, out[0], BIG, out[1], in[0]);
		w_free(w);
	}
}

/* Both ways at once, more than the replies that may be under way. */
static void both_ways(void **state)
{
	size_t m;

	(void)state;
	for (m = 0; m < 2; m++) {
		struct w_world *w = new_world(70 + m, 1024);
		struct w_op s[2][8], r[2][8];
		struct w_node *a, *b;
		int i, k;

		w->cfg.max_replies = 4;
		a = w_add(w);
		b = w_add(w);
		for (i = 0; i < 8; i++) {
			w_post_send(a, b, out[i], BIG - 1, modes[m], &s[0][i]);
			w_post_send(b, a, out[i], BIG - 1, modes[m], &s[1][i]);
		}
		for (i = 0; i < 8; i++) {
			/* Same contents, same places: nothing to race for. */
			w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r[0][i]);
			w_recv(a, UET_SES_UNTAGGED, 0, in[i], BIG, &r[1][i]);
		}
		for (k = 0; k < 2; k++)
			for (i = 0; i < 8; i++) {
				w_wait_ok(w, &r[k][i]);
				w_wait_ok(w, &s[k][i]);
				assert_int_equal(r[k][i].res.len, BIG - 1);
			}
		for (i = 0; m == 1 && i < 8; i++)
			w_verify(in[i], BIG - 1, (uint64_t)i);
		w_free(w);
	}
}

/* A long wait with both alive ends well. */
static void long_wait(void **state)
{
	struct w_world *w = new_world(80, 1024);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s, r;

	(void)state;
	w_post_send(a, b, out[0], BIG, &rud, &s);
	w_run(w, 5 * w->cfg.pds.peer_timeout);
	assert_false(s.done);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s);
	w_free(w);
}

/* The target dies, or dies and starts again, while sends wait to be read, or are being read. */
static void target_dies(void **state)
{
	size_t m;

	(void)state;
	for (m = 0; m < 8; m++) {
		struct w_world *w = new_world(90 + m, eagers[m % EAGERS]);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s[3], r;
		uint64_t begin;
		int i;

		for (i = 0; i < 3; i++)
			w_post_send(a, b, out[i], BIG, modes[m & 1], &s[i]);
		w_run(w, 300 * MSEC);
		if (m >= 4)
			recv_half(w, b, in[0], &r);
		w_kill(b);
		begin = w->sim.now;
		if (m & 2) {
			w_run(w, 10 * MSEC);
			w_start(w, 1);
		}
		for (i = 0; i < 3; i++) {
			w_wait(w, &s[i]);
			assert_int_not_equal(s[i].err, 0);
		}
		assert_true(w->sim.now - begin < w->cfg.pds.peer_timeout + 1 * SEC);
		assert_true(uet_ses_idle(a->ses));
		if (m & 2) {	/* and with the new one all is well */
			w_post_send(a, b, out[0], BIG, modes[m & 1], &s[0]);
			w_run(w, 50 * MSEC);
			w_recv(b, UET_SES_UNTAGGED, 0, in[1], BIG, &r);
			w_wait_ok(w, &r);
			w_wait_ok(w, &s[0]);
			w_verify(in[1], BIG, 0);
		}
		w_free(w);
	}
}

/* The source dies, or dies and starts again, before or while it is read. */
static void source_dies(void **state)
{
	size_t m;

	(void)state;
	for (m = 0; m < 8; m++) {
		struct w_world *w = new_world(110 + m, eagers[m % EAGERS]);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s, r;
		uint64_t begin;

		w_post_send(a, b, out[0], BIG, modes[m & 1], &s);
		w_run(w, 50 * MSEC);
		if (m >= 4)
			recv_half(w, b, in[0], &r);
		w_kill(a);
		begin = w->sim.now;
		if (m & 2)
			w_start(w, 0);
		if (m < 4)
			w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
		w_wait(w, &r);
		assert_int_equal(r.err, -EIO);
		if (m == 2 || m == 3)
			assert_int_equal(r.res.rc, UET_RC_BAD_MKEY);
		assert_true(w->sim.now - begin < w->cfg.pds.peer_timeout + 1 * SEC);
		w_free(w);
	}
}

/* The receiver goes away in the midst of reading, the queue that it shares with others stays. */
static void receiver_closes(void **state)
{
	struct w_world *w = new_world(130, 1024);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s[2], r;

	(void)state;
	w_post_send(a, b, out[0], BIG, &rud, &s[0]);
	w_run(w, 50 * MSEC);
	recv_half(w, b, in[0], &r);
	uet_ses_rxq_detach(b->ses, 1);
	w_run(w, 50 * MSEC);
	assert_false(r.done);		/* posted again, and nothing is written to it */
	memset(in[0], 0xee, BIG);
	assert_int_equal(uet_ses_rxq_attach(b->ses, 1, b->rxq), 0);
	w_post_send(a, b, out[1], BIG, &rud, &s[1]);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s[1]);
	w_verify(in[0], BIG, 1);
	w_free(w);
}

/* Bad nets of all kinds, many messages. */
static void soak(void **state)
{
	uint64_t seed;
	int i, k;

	(void)state;
	for (seed = 200; seed < 230; seed++) {
		struct w_world *w = new_world(seed, eagers[seed % EAGERS]);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s[8], r[8];

		w->sim.drop_ppm = 50000;
		w->sim.dup_ppm = 20000;
		w->sim.jitter = 300 * USEC;
		for (k = 0; k < 3; k++) {
			for (i = 0; i < 8; i++) {
				size_t len = 4000 + (seed * 97 + (size_t)i * 331) % 4000;

				w_post_send(a, b, out[i], len, modes[1], &s[i]);
			}
			w_run(w, seed % 5 * MSEC);
			for (i = 0; i < 8; i++)
				w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r[i]);
			for (i = 0; i < 8; i++) {
				w_wait_ok(w, &r[i]);
				w_wait_ok(w, &s[i]);
				w_verify(in[i], r[i].res.len, (uint64_t)i);
			}
		}
		w_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expected),
		cmocka_unit_test(unexpected),
		cmocka_unit_test(order),
		cmocka_unit_test(truncated),
		cmocka_unit_test(peek_claim_discard),
		cmocka_unit_test(any_moment),
		cmocka_unit_test(not_clogged),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(long_wait),
		cmocka_unit_test(target_dies),
		cmocka_unit_test(source_dies),
		cmocka_unit_test(receiver_closes),
		cmocka_unit_test(soak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
