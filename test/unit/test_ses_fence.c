/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Fences: who waits for whom, and that nobody waits for ever. */
#include "test_ses_stub.h"

#define MTU 1024
#define MANY 200

static uint8_t data[8 * MTU];
static struct uet_addr peer;

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	peer = stub_addr(9, 4793);
	return side_new(&cfg, 1);
}

static int try_send(struct side *s, const struct uet_addr *to, uint8_t mode, bool fence,
		    struct uet_ses_tx **out)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);
	int ret;

	assert_non_null(tx);
	tx->dest = (struct uet_ses_dest){
		.addr = *to, .pid_on_fep = 0x123, .resource_index = 1, .relative = true,
	};
	tx->opcode = UET_OP_SEND;
	tx->mode = mode;
	tx->len = 10;
	tx->iov_cnt = 1;
	tx->iov[0] = (struct iovec){ .iov_base = data, .iov_len = 10 };
	tx->context = tx;
	tx->fence = fence;
	ret = uet_ses_send(s->ses, tx, 0);
	if (ret)
		uet_ses_tx_put(s->ses, tx);
	*out = tx;
	return ret;
}

static struct uet_ses_tx *post(struct side *s, const struct uet_addr *to, uint8_t mode, bool fence)
{
	struct uet_ses_tx *tx;

	assert_int_equal(try_send(s, to, mode, fence, &tx), 0);
	return tx;
}

static struct uet_ses_tx *plain(struct side *s)
{
	return post(s, &peer, UET_MODE_RUD, false);
}

static struct uet_ses_tx *fenced(struct side *s)
{
	return post(s, &peer, UET_MODE_RUD, true);
}

static bool started(const struct side *s, const struct uet_ses_tx *tx)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &s->pds->msgs)
		if (uet_list_entry(pos, struct uet_ses_tx, msg.link) == tx)
			return true;
	return false;
}

static void end(struct side *s, struct uet_ses_tx *tx, uint8_t rc, int err)
{
	struct stub_pkt p;

	while (tx->msg.next < tx->msg.pkt_cnt)
		stub_next(s->pds, &tx->msg, &p);
	if (!err)
		assert_true(stub_respond_rc(s->pds, &tx->msg, 0, rc == UET_RC_OK ?
					    UET_RESP_DEFAULT : UET_RESP_RESPONSE, rc));
	stub_done(s->pds, &tx->msg, err, 0);
}

static void succeed(struct side *s, struct uet_ses_tx *tx)
{
	end(s, tx, UET_RC_OK, 0);
}

/* A fence that has nobody before it starts at once. */
static void nobody_before(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *b;

	(void)state;
	a = fenced(s);
	assert_true(started(s, a));
	b = plain(s);
	assert_true(started(s, b));
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	succeed(s, a);
	succeed(s, b);
	assert_int_equal(s->tx_cnt, 2);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* It waits for all earlier ones, in whatever order they end; later ones follow it. */
static void waits_for_all(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *b, *f, *c;

	(void)state;
	a = plain(s);
	b = plain(s);
	f = fenced(s);
	c = plain(s);
	assert_false(started(s, f) || started(s, c));
	succeed(s, b);
	uet_ses_progress(s->ses, 1);
	assert_false(started(s, f) || started(s, c));
	assert_false(uet_ses_idle(s->ses));
	succeed(s, a);
	assert_true(uet_ses_next(s->ses) <= 1);
	uet_ses_progress(s->ses, 2);
	assert_true(started(s, f) && started(s, c));
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	/* Nothing waits for the fenced one itself. */
	a = plain(s);
	assert_true(started(s, a));
	succeed(s, c);
	succeed(s, f);
	succeed(s, a);
	assert_int_equal(s->tx_cnt, 5);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* Other peers, and other endpoints of the same host, are not concerned. */
static void other_peers_pass(void **state)
{
	struct side *s = new_side();
	struct uet_addr elsewhere = stub_addr(8, 4793), beside = stub_addr(9, 4794);
	struct uet_ses_tx *a, *f, *b, *c;

	(void)state;
	a = plain(s);
	f = fenced(s);
	b = post(s, &elsewhere, UET_MODE_RUD, true);
	c = post(s, &beside, UET_MODE_RUD, true);
	assert_true(started(s, b) && started(s, c));
	succeed(s, b);
	succeed(s, c);
	uet_ses_progress(s->ses, 1);
	assert_false(started(s, f));
	succeed(s, a);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, f));
	succeed(s, f);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* Fence after fence: one group at a time. */
static void groups(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *f, *b, *g, *c;

	(void)state;
	a = plain(s);
	f = fenced(s);
	b = plain(s);
	g = fenced(s);
	c = plain(s);
	succeed(s, a);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, f) && started(s, b));
	assert_false(started(s, g) || started(s, c));
	succeed(s, b);
	uet_ses_progress(s->ses, 1);
	assert_false(started(s, g));
	succeed(s, f);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, g) && started(s, c));
	succeed(s, g);
	succeed(s, c);
	assert_int_equal(s->tx_cnt, 5);
	side_free(s);
}

/* A failure is an end too, be it the target's or the network's. */
static void failures_count(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *b, *f;

	(void)state;
	a = plain(s);
	b = plain(s);
	f = fenced(s);
	end(s, a, UET_RC_PERM_VIOLATION, 0);
	end(s, b, 0, -EIO);
	assert_int_equal(s->tx_cnt, 2);
	assert_int_not_equal(s->tx[0].err, 0);
	assert_int_equal(s->tx[1].err, -EIO);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, f));
	succeed(s, f);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* A message that the target wants again has not ended; on RUD and on ROD. */
static void repetition_is_no_end(uint8_t mode)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *b, *f, *c;

	a = post(s, &peer, mode, false);
	b = post(s, &peer, mode, false);
	f = post(s, &peer, mode, true);
	c = post(s, &peer, mode, false);
	end(s, a, UET_RC_NO_MATCH, 0);
	if (started(s, b))
		succeed(s, b);
	uet_ses_progress(s->ses, 1);
	assert_false(started(s, f) || started(s, c));
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_true(started(s, a));
	assert_false(started(s, f) || started(s, c));
	succeed(s, a);
	uet_ses_progress(s->ses, 2 + 50 * MS);
	if (started(s, b))
		succeed(s, b);
	uet_ses_progress(s->ses, 3 + 50 * MS);
	uet_ses_progress(s->ses, 3 + 50 * MS);
	assert_true(started(s, f) && started(s, c));
	succeed(s, f);
	succeed(s, c);
	assert_int_equal(s->tx_cnt, 4);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

static void repetition_on_rud(void **state)
{
	(void)state;
	repetition_is_no_end(UET_MODE_RUD);
}

static void repetition_on_rod(void **state)
{
	(void)state;
	repetition_is_no_end(UET_MODE_ROD);
}

/* A fence set while a message waits in a hold counts that one as well. */
static void fence_behind_hold(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *b, *f;

	(void)state;
	a = post(s, &peer, UET_MODE_ROD, false);
	end(s, a, UET_RC_NO_MATCH, 0);
	b = post(s, &peer, UET_MODE_ROD, false);
	f = post(s, &peer, UET_MODE_ROD, true);
	assert_false(started(s, b) || started(s, f));
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	succeed(s, a);
	uet_ses_progress(s->ses, 2 + 50 * MS);
	assert_true(started(s, b));
	assert_false(started(s, f));
	succeed(s, b);
	uet_ses_progress(s->ses, 3 + 50 * MS);
	assert_true(started(s, f));
	succeed(s, f);
	assert_int_equal(s->tx_cnt, 3);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* No PDC when the fence is down: tried again, in order, and without spinning. */
static void no_room_when_down(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *f, *b, *g;

	(void)state;
	a = plain(s);
	f = fenced(s);
	b = plain(s);
	g = fenced(s);
	succeed(s, a);
	s->pds->refuse = 1;
	uet_ses_progress(s->ses, 1);
	assert_false(started(s, f) || started(s, b));
	assert_int_equal(uet_ses_next(s->ses), 1 + 50 * MS);
	uet_ses_progress(s->ses, 50 * MS);
	assert_false(started(s, f));
	s->pds->refuse = 0;
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_true(started(s, f) && started(s, b));
	assert_false(started(s, g));
	succeed(s, f);
	succeed(s, b);
	uet_ses_progress(s->ses, 2 + 50 * MS);
	assert_true(started(s, g));
	succeed(s, g);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* A message that ends while it is posted is not reported from inside, and counts. */
static void ends_while_posted(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *f, *g;

	(void)state;
	a = plain(s);
	f = fenced(s);
	g = fenced(s);
	s->pds->done_in_post = 1;
	succeed(s, a);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(s->tx_cnt, 1);
	assert_false(started(s, f) || started(s, g));
	uet_ses_progress(s->ses, 1);
	assert_int_equal(s->tx_cnt, 2);
	assert_ptr_equal(s->tx[1].tx, f);
	assert_int_equal(s->tx[1].err, -EIO);
	assert_true(started(s, g));
	succeed(s, g);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* A refused send leaves no trace, fenced or not. */
static void refused_send(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *a, *f;

	(void)state;
	s->pds->refuse = 1;
	assert_int_equal(try_send(s, &peer, UET_MODE_RUD, true, &f), -EAGAIN);
	assert_true(uet_ses_idle(s->ses));
	a = plain(s);
	f = fenced(s);
	assert_false(started(s, f));
	succeed(s, a);
	uet_ses_progress(s->ses, 1);
	succeed(s, f);
	assert_int_equal(s->tx_cnt, 2);
	side_free(s);
}

/* Random fences and ends: nothing passes a fence, everything ends. */
static void random_fences(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *tx[MANY] = { NULL };
	bool fence[MANY], over[MANY] = { false };
	struct uet_rand rnd;
	uint64_t now = 1;
	int sent = 0, done = 0, i, j;

	(void)state;
	uet_rand_seed(&rnd, 4793);
	while (done < MANY) {
		if (sent < MANY && uet_rand_u32(&rnd) % 2) {
			fence[sent] = uet_rand_u32(&rnd) % 4 == 0;
			tx[sent] = post(s, &peer, UET_MODE_RUD, fence[sent]);
			sent++;
		}
		s->pds->refuse = uet_rand_u32(&rnd) % 16 == 0;
		uet_ses_progress(s->ses, now);
		s->pds->refuse = 0;
		now += 20 * MS;
		for (i = 0; i < sent; i++) {
			if (over[i] || !started(s, tx[i]))
				continue;
			/* The last fence up to it is down: all before that one have ended. */
			for (j = i; j >= 0 && !fence[j]; j--)
				;
			for (j--; j >= 0; j--)
				assert_true(over[j]);
			if (uet_rand_u32(&rnd) % 3)
				continue;
			succeed(s, tx[i]);
			over[i] = true;
			done++;
		}
	}
	assert_int_equal(s->tx_cnt, MANY);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* What a peer's rendezvous makes us read is no operation of ours. */
static void pulls_pass(void **state)
{
	struct side *s = new_side();
	struct uet_ses_req req = stub_req(UET_OP_RENDEZVOUS_SEND, 1, 100);
	struct uet_ses_tx *first, *second;
	uint8_t got[100];

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL);
	req.initiator = 4793;
	req.read_memory_key = 1;
	side_req(s, &peer, UET_MODE_RUD, &req, NULL, 0);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(s->pds->posts, 1);
	first = plain(s);
	second = fenced(s);
	assert_false(started(s, second));
	end(s, first, UET_RC_OK, 0);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, second));
	end(s, second, UET_RC_OK, 0);
	side_free(s);
}

/* Datagrams neither wait nor are waited for. */
static void datagrams_pass(void **state)
{
	struct side *s = new_side();
	struct uet_ses_tx *first, *second;
	int i;

	(void)state;
	for (i = 0; i < 2; i++)
		post(s, &peer, UET_MODE_UUD, i);
	first = plain(s);
	second = fenced(s);
	for (i = 0; i < 2; i++)
		post(s, &peer, UET_MODE_UUD, i);
	assert_int_equal(s->pds->uuds, 4);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(s->tx_cnt, 4);
	assert_false(started(s, second));
	end(s, first, UET_RC_OK, 0);
	uet_ses_progress(s->ses, 1);
	assert_true(started(s, second));
	end(s, second, UET_RC_OK, 0);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_before),
		cmocka_unit_test(waits_for_all),
		cmocka_unit_test(other_peers_pass),
		cmocka_unit_test(groups),
		cmocka_unit_test(failures_count),
		cmocka_unit_test(repetition_on_rud),
		cmocka_unit_test(repetition_on_rod),
		cmocka_unit_test(fence_behind_hold),
		cmocka_unit_test(no_room_when_down),
		cmocka_unit_test(ends_while_posted),
		cmocka_unit_test(refused_send),
		cmocka_unit_test(datagrams_pass),
		cmocka_unit_test(pulls_pass),
		cmocka_unit_test(random_fences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
