/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Deferrable sends between two SES over the real PDS, on a net that loses, doubles and reorders:
 * everything arrives once and whole, on ROD in order, within little unexpected memory; and
 * whatever either side waits for ends, should the other die.
 */
#include "ses_world.h"

#define BIG 100000

static uint8_t out[8][BIG], in[8][BIG];

static const struct w_send rud = { .mode = UET_MODE_RUD };
static const struct w_send rod = { .mode = UET_MODE_ROD };
static const struct w_send *const modes[] = { &rud, &rod };

static void make_out(void)
{
	int i;

	for (i = 0; i < 8; i++)
		w_fill(out[i], BIG, (uint64_t)i);
}

/* Nobody asks for a message far above the limit: its header waits, later ones come through. */
static void deferred_then_received(void **state)
{
	int m;

	(void)state;
	for (m = 0; m < 2; m++) {
		struct w_world *w = w_new(1 + (uint64_t)m);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_send how = *modes[m];
		struct w_op big, small, r1, r2;

		make_out();
		how.tagged = true;
		how.tag = 1;
		how.has_data = true;
		how.data = 99;
		w_post_send(a, b, out[0], BIG, &how, &big);
		how.tag = 2;
		w_post_send(a, b, out[1], 100, &how, &small);
		w_wait_ok(w, &small);
		w_run(w, 20 * MSEC);
		assert_false(big.done);
		assert_int_equal(uet_ses_stats(b->ses)->deferred, 1);
		w_recv(b, UET_SES_TAGGED, 2, in[1], BIG, &r2);
		assert_true(r2.done);
		w_recv(b, UET_SES_TAGGED, 1, in[0], BIG, &r1);
		w_wait_ok(w, &r1);
		w_wait_ok(w, &big);
		assert_int_equal(r1.res.len, BIG);
		assert_true(r1.res.has_data);
		assert_int_equal(r1.res.data, 99);
		assert_int_equal(r1.res.source.initiator, a->end->nic.addr.port);
		w_verify(in[0], BIG, 0);
		assert_true(uet_ses_idle(a->ses));
		w_free(w);
	}
}


/* With FI_MATCH_COMPLETE even nothing at all waits for its receive. */
static void match_complete(void **state)
{
	static const size_t lens[] = { 0, 1, 3000, 20000, BIG };
	size_t i;
	int m;

	(void)state;
	make_out();
	for (m = 0; m < 2; m++) {
		struct w_world *w = w_new(10 + (uint64_t)m);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_send how = *modes[m];
		struct w_op s, r;

		how.match = true;
		for (i = 0; i < UET_ARRAY_SIZE(lens); i++) {
			w_post_send(a, b, out[i], lens[i], &how, &s);
			w_run(w, 50 * MSEC);
			assert_false(s.done);
			w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r);
			w_wait_ok(w, &r);
			w_wait_ok(w, &s);
			assert_int_equal(r.res.len, lens[i]);
			w_verify(in[i], lens[i], i);
			/* Asked for before: nothing to wait for. */
			w_recv(b, UET_SES_UNTAGGED, 0, in[i], BIG, &r);
			w_post_send(a, b, out[i], lens[i], &how, &s);
			w_wait_ok(w, &s);
			w_wait_ok(w, &r);
		}
		assert_int_equal(uet_ses_stats(b->ses)->deferred, UET_ARRAY_SIZE(lens));
		w_free(w);
	}
}

/* What small enough is is kept as ever, and needs no second attempt. */
static void kept_while_there_is_room(void **state)
{
	struct w_world *w = w_new(20);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s[3], r;

	(void)state;
	make_out();
	w_post_send(a, b, out[0], 7000, &rod, &s[0]);	/* a quarter of 30000 */
	w_wait_ok(w, &s[0]);
	w_post_send(a, b, out[1], 5000, &rod, &s[1]);	/* of 23000 */
	w_wait_ok(w, &s[1]);
	w_post_send(a, b, out[2], 5000, &rod, &s[2]);	/* of 18000: too much */
	w_run(w, 50 * MSEC);
	assert_false(s[2].done);
	assert_int_equal(uet_ses_stats(b->ses)->deferred, 1);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
	assert_true(r.done);
	w_verify(in[0], 7000, 0);
	w_recv(b, UET_SES_UNTAGGED, 0, in[1], BIG, &r);
	assert_true(r.done);
	w_recv(b, UET_SES_UNTAGGED, 0, in[2], BIG, &r);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s[2]);
	w_verify(in[2], 5000, 2);
	w_free(w);
}

/* Peek shows it, claim takes it aside, discard lets its source go. */
static void peek_claim_discard(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 1 };
	struct uet_ses_rx_result res;
	struct uet_ses_unex *claim;
	struct uet_ses_rx *rx;
	int m;

	(void)state;
	make_out();
	for (m = 0; m < 2; m++) {
		struct w_world *w = w_new(30 + (uint64_t)m);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_send how = *modes[m];
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
		rx->iov_cnt = 1;
		rx->iov[0].iov_base = in[0];
		rx->iov[0].iov_len = BIG;
		rx->context = &r;
		uet_ses_claimed_recv(claim, rx, w->sim.now);
		w_wait_ok(w, &r);
		w_verify(in[0], BIG, 1);
		assert_int_equal(uet_ses_peek(b->rxq, &pattern, UET_SES_PEEK_CLAIM, &res, &claim),
				 0);
		uet_ses_claimed_discard(claim);
		w_wait_ok(w, &s[2]);
		assert_true(uet_ses_idle(a->ses));
		w_free(w);
	}
}

/* A receive that is too short gets what fits, whenever it comes. */
static void truncated(void **state)
{
	struct w_world *w = w_new(40);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s, r;

	(void)state;
	make_out();
	memset(in[0], 0xee, BIG);
	w_post_send(a, b, out[0], BIG, &rud, &s);
	w_run(w, 20 * MSEC);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], 12345, &r);
	w_wait(w, &r);
	w_wait_ok(w, &s);
	assert_int_equal(r.err, -EMSGSIZE);
	assert_int_equal(r.res.len, 12345);
	assert_int_equal(r.res.msg_len, BIG);
	w_verify(in[0], 12345, 0);
	assert_int_equal(in[0][12345], 0xee);
	w_free(w);
}

/* The receive comes at any moment of the first attempt, of which much may be under way. */
static void any_moment(void **state)
{
	uint64_t seed;

	(void)state;
	make_out();
	for (seed = 100; seed < 180; seed++) {
		struct w_world *w = w_new(seed);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s, r;

		w->sim.drop_ppm = seed & 1 ? 30000 : 0;
		w->sim.dup_ppm = w->sim.drop_ppm / 2;
		w->sim.jitter = seed & 2 ? 200 * USEC : 0;
		w_post_send(a, b, out[0], BIG, modes[seed / 4 % 2], &s);
		sim_run_for(&w->sim, (seed - 100) * 20 * USEC);
		w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
		w_wait_ok(w, &r);
		w_wait_ok(w, &s);
		w_verify(in[0], BIG, 0);
		w_free(w);
	}
}

/* Small messages, for which there is no more room, behind a deferred one that is waited for. */
static void not_clogged(void **state)
{
	int m;

	(void)state;
	make_out();
	for (m = 0; m < 4; m++) {
		struct w_world *w = w_new(50 + (uint64_t)m);
		struct w_send how = *modes[m & 1];

		how.tagged = true;
		w_not_clogged(w, &how, m >= 2, out[0], BIG, out[1], in[0]);
		w_free(w);
	}
}

/* A long wait with both alive ends well. */
static void long_wait(void **state)
{
	struct w_world *w = w_new(60);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s, r;

	(void)state;
	make_out();
	w_post_send(a, b, out[0], BIG, &rud, &s);
	w_run(w, 5 * w->cfg.pds.peer_timeout);
	assert_false(s.done);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s);
	w_free(w);
}

/* The target dies, or dies and starts again, while sends wait for their RTR. */
static void target_dies(void **state)
{
	int m;

	(void)state;
	make_out();
	for (m = 0; m < 4; m++) {
		struct w_world *w = w_new(70 + (uint64_t)m);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s[3], r;
		uint64_t begin;
		int i;

		for (i = 0; i < 3; i++)
			w_post_send(a, b, out[i], BIG, modes[m & 1], &s[i]);
		w_run(w, 300 * MSEC);
		w_kill(b);
		begin = w->sim.now;
		if (m >= 2) {
			w_run(w, 10 * MSEC);
			w_start(w, 1);
		}
		for (i = 0; i < 3; i++) {
			w_wait(w, &s[i]);
			assert_int_not_equal(s[i].err, 0);
		}
		assert_true(w->sim.now - begin < w->cfg.pds.peer_timeout + 1 * SEC);
		assert_true(uet_ses_idle(a->ses));
		if (m >= 2) {	/* and with the new one all is well */
			w_post_send(a, b, out[0], BIG, modes[m & 1], &s[0]);
			w_run(w, 50 * MSEC);
			w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
			w_wait_ok(w, &r);
			w_wait_ok(w, &s[0]);
		}
		w_free(w);
	}
}

/*
 * The source dies: before the receive comes, or when its RTR is there and it does not follow it
 * (deaf: nothing it sends counts as followed).
 */
static void source_dies(void **state)
{
	int m;

	(void)state;
	make_out();
	for (m = 0; m < 4; m++) {
		struct w_world *w = w_new(80 + (uint64_t)m);
		struct w_node *a = w_add(w), *b = w_add(w);
		struct w_op s, r;
		uint64_t begin;

		w_post_send(a, b, out[0], BIG, modes[m & 1], &s);
		w_run(w, 50 * MSEC);
		if (m < 2) {
			w_kill(a);
			w_run(w, 10 * MSEC);
			w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
		} else {
			w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
			uet_ses_progress(b->ses, w->sim.now);
			sim_run_for(&w->sim, 100 * USEC);
			w_kill(a);
		}
		begin = w->sim.now;
		w_wait(w, &r);
		assert_int_equal(r.err, -EIO);
		assert_true(w->sim.now - begin < w->cfg.pds.peer_timeout + 1 * SEC);
		w_free(w);
	}
}

/* A source that was started again does not know what its earlier life promised. */
static void source_restarts(void **state)
{
	struct w_world *w = w_new(90);
	struct w_node *a = w_add(w), *b = w_add(w);
	struct w_op s, r;

	(void)state;
	make_out();
	w_post_send(a, b, out[0], BIG, &rod, &s);
	w_run(w, 50 * MSEC);
	w_kill(a);
	w_start(w, 0);
	w_post_send(a, b, out[1], BIG, &rod, &s);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
	w_wait(w, &r);
	assert_int_equal(r.err, -EIO);
	w_recv(b, UET_SES_UNTAGGED, 0, in[0], BIG, &r);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s);
	w_verify(in[0], BIG, 1);
	w_free(w);
}

/* ---- everything at once ---- */

enum { MSGS = 150, LONGEST = 60000 };

static struct side {
	uint8_t out[MSGS][LONGEST], in[MSGS][LONGEST];
	size_t len[MSGS];
	bool match[MSGS];
	struct w_op send[MSGS], recv[MSGS];
	int sent, posted;
} sides[2];

static void soak_make(struct w_world *w, struct side *s, int who)
{
	int i;

	memset(s->send, 0, sizeof(s->send));
	memset(s->recv, 0, sizeof(s->recv));
	s->sent = s->posted = 0;
	for (i = 0; i < MSGS; i++) {
		uint32_t r = uet_rand_u32(&w->sim.rand);

		s->len[i] = r % 3 == 0 ? r / 4 % LONGEST : r / 4 % 1500;
		s->match[i] = r >> 28 == 0;
		w_fill(s->out[i], s->len[i], (uint64_t)(i + who * 1000));
	}
}

static bool soak_done(void)
{
	int k, i;

	for (k = 0; k < 2; k++)
		for (i = 0; i < MSGS; i++)
			if (!sides[k].send[i].done || !sides[k].recv[i].done)
				return false;
	return true;
}

/* Sides send to each other; receive i of a side is for message i of the other one. */
static void soak_turn(struct w_world *w, int who, bool ordered)
{
	struct side *me = &sides[who], *other = &sides[!who];
	struct w_send how = { .mode = ordered ? UET_MODE_ROD : UET_MODE_RUD, .has_data = true };
	uint32_t r = uet_rand_u32(&w->sim.rand);
	int i = me->sent;

	if (i < MSGS && r % 4 == 0) {
		how.match = me->match[i];
		how.data = (uint64_t)i;
		how.tagged = !ordered;
		how.tag = (uint64_t)i;
		if (w_try_send(&w->n[who], &w->n[!who], me->out[i], me->len[i], &how,
			       &me->send[i]) == 0)
			me->sent++;
	}
	if (me->posted < MSGS && r / 4 % 60 == 0) {
		i = me->posted++;
		w_recv(&w->n[who], ordered ? UET_SES_UNTAGGED : UET_SES_TAGGED, (uint64_t)i,
		       me->in[i], LONGEST, &me->recv[i]);
	}
	for (i = 0; i < MSGS; i++)
		if (me->match[i] && me->send[i].done)
			assert_true(i < other->posted);
}

static void soak(uint64_t seed, bool ordered, uint32_t loss, uint32_t jitter)
{
	struct w_world *w = w_new(seed);
	uint64_t k, deferred = 0;
	int i, who;

	w_add(w);
	w_add(w);
	w->sim.drop_ppm = loss;
	w->sim.dup_ppm = loss / 2;
	w->sim.jitter = jitter;
	soak_make(w, &sides[0], 0);
	soak_make(w, &sides[1], 1);
	for (k = 0; k < W_STEPS && !soak_done(); k++) {
		soak_turn(w, 0, ordered);
		soak_turn(w, 1, ordered);
		w_step(w);
	}
	if (!soak_done())
		fail_msg("seed %llu stalled", (unsigned long long)seed);
	for (who = 0; who < 2; who++) {
		struct side *me = &sides[who], *other = &sides[!who];

		for (i = 0; i < MSGS; i++) {
			assert_int_equal(me->send[i].err, 0);
			assert_int_equal(me->recv[i].err, 0);
			assert_int_equal(me->recv[i].res.data, i);
			assert_int_equal(me->recv[i].res.len, other->len[i]);
			w_verify(me->in[i], other->len[i], (uint64_t)(i + !who * 1000));
		}
		assert_true(uet_ses_idle(w->n[who].ses));
		deferred += uet_ses_stats(w->n[who].ses)->deferred;
	}
	assert_true(deferred > 0);
	w_free(w);
}

static void soaks(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 200; seed < 204; seed++) {
		soak(seed, false, 0, 0);
		soak(seed, true, 0, 0);
		soak(seed, false, 20000, 200 * USEC);
		soak(seed, true, 20000, 20 * USEC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deferred_then_received),
		cmocka_unit_test(match_complete),
		cmocka_unit_test(kept_while_there_is_room),
		cmocka_unit_test(peek_claim_discard),
		cmocka_unit_test(truncated),
		cmocka_unit_test(any_moment),
		cmocka_unit_test(not_clogged),
		cmocka_unit_test(long_wait),
		cmocka_unit_test(target_dies),
		cmocka_unit_test(source_dies),
		cmocka_unit_test(source_restarts),
		cmocka_unit_test(soaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
