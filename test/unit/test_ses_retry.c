/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages that the target wants repeated; order on ROD. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t data[8 * MTU];

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

/* Send all of @tx, refuse its first packet with @rc, and end it. */
static void refuse_all(struct side *s, struct uet_ses_tx *tx, uint8_t rc)
{
	struct stub_pkt p;

	while (tx->msg.next < tx->msg.pkt_cnt)
		stub_next(s->pds, &tx->msg, &p);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_RESPONSE, rc));
	stub_done(s->pds, &tx->msg, 0, 0);
}

static void succeed(struct side *s, struct uet_ses_tx *tx)
{
	struct stub_pkt p;

	while (tx->msg.next < tx->msg.pkt_cnt)
		stub_next(s->pds, &tx->msg, &p);
	assert_true(stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_DEFAULT, UET_RC_OK));
	stub_done(s->pds, &tx->msg, 0, 0);
}

static uint32_t posted(const struct side *s)
{
	struct uet_list *pos;
	uint32_t n = 0;

	uet_list_for_each(pos, &s->pds->msgs)
		n++;
	return n;
}

/* Each code of the kind; pauses double from 50 ms to the ceiling of 300 ms. */
static void pauses_double(void **state)
{
	static const uint8_t codes[] = {
		UET_RC_NO_MATCH, UET_RC_DISABLED, UET_RC_DISABLED_GEN, UET_RC_BAD_GENERATION,
		UET_RC_DROPPED, UET_RC_UNCOR_TRNSNT, UET_RC_NO_MATCH, UET_RC_NO_MATCH,
	};
	static const uint64_t want[] = { 50, 100, 200, 300, 300, 300, 300, 300 };
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *tx;
	uint64_t now = 1000 * MS;
	uint16_t id;
	size_t i;

	(void)state;
	tx = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 3 * MTU);
	for (i = 0; i < UET_ARRAY_SIZE(codes); i++) {
		id = tx->message_id;
		refuse_all(s, tx, codes[i]);
		assert_int_equal(s->tx_cnt, 0);
		assert_false(uet_ses_idle(s->ses));
		assert_true(uet_ses_next(s->ses) <= now);
		uet_ses_progress(s->ses, now);
		assert_int_equal(uet_ses_next(s->ses), now + want[i] * MS);
		uet_ses_progress(s->ses, now + want[i] * MS - 1);
		assert_int_equal(posted(s), 0);
		now += want[i] * MS;
		uet_ses_progress(s->ses, now);
		assert_int_equal(posted(s), 1);
		assert_int_not_equal(tx->message_id, id);
		assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	}
	succeed(s, tx);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, 0);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* On RUD a refused message holds back nobody. */
static void rud_does_not_wait(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *a, *b, *c;

	(void)state;
	a = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10);
	b = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10);
	refuse_all(s, a, UET_RC_NO_MATCH);
	succeed(s, b);
	c = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10);
	succeed(s, c);
	assert_int_equal(s->tx_cnt, 2);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	succeed(s, a);
	assert_int_equal(s->tx_cnt, 3);
	side_free(s);
}

/* A repetition that finds no PDC waits, and is not lost. */
static void repost_again(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *a, *b;

	(void)state;
	a = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10);
	refuse_all(s, a, UET_RC_NO_MATCH);
	b = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	refuse_all(s, b, UET_RC_NO_MATCH);
	uet_ses_progress(s->ses, 1);
	s->pds->refuse = 2;
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_int_equal(s->pds->refuse, 0);
	assert_int_equal(posted(s), 0);
	assert_int_equal(uet_ses_next(s->ses), 1 + 100 * MS);
	uet_ses_progress(s->ses, 1 + 100 * MS);
	assert_int_equal(posted(s), 2);
	succeed(s, a);
	succeed(s, b);
	assert_int_equal(s->tx_cnt, 2);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* Stopping a refused message makes room in the window: not for those that must wait for it. */
static void rod_stop_lets_nobody_pass(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *a, *b;
	struct stub_pkt p;

	(void)state;
	a = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 3 * MTU);
	b = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	stub_next(s->pds, &a->msg, &p);
	s->pds->pump_in_stop = true;
	assert_true(stub_respond_rc(s->pds, &a->msg, 0, UET_RESP_RESPONSE, UET_RC_DISABLED));
	assert_int_equal(posted(s), 1);
	assert_int_equal(b->msg.next, 0);
	stub_fill(s->pds, &a->msg, 1, &p);
	assert_int_equal(p.req.opcode, UET_OP_MSG_ERROR);
	stub_done(s->pds, &a->msg, 0, 0);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_int_equal(posted(s), 1);
	succeed(s, a);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	succeed(s, b);
	assert_int_equal(s->tx_cnt, 2);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

/* ROD: later messages to the same target wait and keep their order; others do not. */
static void rod_keeps_order(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793), elsewhere = stub_addr(8, 4793);
	struct uet_ses_tx *t[4], *other, *rud;
	struct stub_pkt p;

	(void)state;
	t[0] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 5 * MTU);
	t[1] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	t[2] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	other = side_send(s, &elsewhere, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	stub_next(s->pds, &t[0]->msg, &p);
	/* The refusal comes while the rest and the later ones have not left. */
	assert_true(stub_respond_rc(s->pds, &t[0]->msg, 0, UET_RESP_RESPONSE, UET_RC_DISABLED));
	assert_int_equal(posted(s), 2);
	t[3] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	rud = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 10);
	assert_int_equal(posted(s), 3);
	succeed(s, rud);
	succeed(s, other);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(posted(s), 1);		/* t[0] is still being stopped */
	stub_next(s->pds, &t[0]->msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_MSG_ERROR);
	stub_done(s->pds, &t[0]->msg, 0, 0);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(uet_ses_next(s->ses), 1 + 50 * MS);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_int_equal(posted(s), 1);		/* the first one goes alone */
	refuse_all(s, t[0], UET_RC_DISABLED);
	uet_ses_progress(s->ses, 1000 * MS);
	assert_int_equal(uet_ses_next(s->ses), 1100 * MS);
	uet_ses_progress(s->ses, 1100 * MS);
	assert_int_equal(posted(s), 1);
	succeed(s, t[0]);
	uet_ses_progress(s->ses, 1101 * MS);
	assert_int_equal(posted(s), 3);
	succeed(s, t[1]);
	succeed(s, t[2]);
	succeed(s, t[3]);
	assert_ptr_equal(s->tx[2].context, t[0]);
	assert_int_equal(s->tx_cnt, 6);
	assert_true(uet_ses_idle(s->ses));
	/* The hold is over: the next one goes at once. */
	side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	assert_int_equal(posted(s), 1);
	side_free(s);
}

/* Several messages were in flight when the target began to refuse: first one first. */
static void rod_all_refused(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *t[3];
	struct stub_pkt p;
	struct uet_list *pos;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		t[i] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
		stub_next(s->pds, &t[i]->msg, &p);
	}
	refuse_all(s, t[2], UET_RC_DISABLED);
	refuse_all(s, t[0], UET_RC_DISABLED);
	uet_ses_progress(s->ses, 1);
	refuse_all(s, t[1], UET_RC_DISABLED);
	uet_ses_progress(s->ses, 2);
	uet_ses_progress(s->ses, 2 + 50 * MS);
	assert_int_equal(posted(s), 1);
	succeed(s, t[0]);
	uet_ses_progress(s->ses, 2 + 51 * MS);
	i = 1;
	uet_list_for_each(pos, &s->pds->msgs) {
		assert_ptr_equal(pos, &t[i]->msg.link);
		i++;
	}
	assert_int_equal(i, 3);
	succeed(s, t[1]);
	refuse_all(s, t[2], UET_RC_NO_MATCH);
	uet_ses_progress(s->ses, 100 * MS);
	uet_ses_progress(s->ses, 500 * MS);
	succeed(s, t[2]);
	assert_int_equal(s->tx_cnt, 3);
	side_free(s);
}

/* The repeated message dies: the held ones are tried in turn, none hangs. */
static void rod_peer_dies(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *t[3];

	(void)state;
	t[0] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	refuse_all(s, t[0], UET_RC_NO_MATCH);
	t[1] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	t[2] = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	assert_int_equal(posted(s), 0);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	stub_done(s->pds, &t[0]->msg, -ETIMEDOUT, 0);
	assert_int_equal(s->tx[0].err, -ETIMEDOUT);
	uet_ses_progress(s->ses, 100 * MS);
	uet_ses_progress(s->ses, 200 * MS);
	assert_int_equal(posted(s), 1);
	stub_done(s->pds, &t[1]->msg, -ETIMEDOUT, 0);
	assert_int_equal(s->tx_cnt, 2);
	uet_ses_progress(s->ses, 300 * MS);
	uet_ses_progress(s->ses, 400 * MS);
	assert_int_equal(posted(s), 1);
	succeed(s, t[2]);
	assert_int_equal(s->tx_cnt, 3);
	assert_true(uet_ses_idle(s->ses));
	assert_int_equal(s->pds->posts, 4);
	side_free(s);
}

/* A held message is copied when injected, and repeats carry the generation asked for. */
static void generation_and_inject(void **state)
{
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE, .opcode = UET_RESP_RESPONSE,
		.return_code = UET_RC_BAD_GENERATION, .ri_generation = 43,
	};
	uint8_t buf[UET_SES_RESP_DATA_LEN], mine[4] = { 1, 2, 3, 4 };
	struct side *s = new_side();
	struct uet_addr to = stub_addr(9, 4793);
	struct uet_ses_tx *a, *b;
	struct stub_pkt p;
	size_t n;

	(void)state;
	a = side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, data, 10);
	stub_next(s->pds, &a->msg, &p);
	assert_int_equal(p.req.ri_generation, 0);
	n = uet_ses_resp_pack(&resp, buf);
	stub_respond(s->pds, &a->msg, 0, UET_HDR_RESPONSE, buf, n);
	stub_done(s->pds, &a->msg, 0, 0);
	b = uet_ses_tx_get(s->ses);
	b->dest = a->dest;
	b->opcode = UET_OP_SEND;
	b->mode = UET_MODE_ROD;
	b->inject = true;
	b->len = 4;
	b->iov_cnt = 1;
	b->iov[0].iov_base = mine;
	b->iov[0].iov_len = 4;
	assert_int_equal(uet_ses_send(s->ses, b, 0), 0);
	memset(mine, 0, sizeof(mine));
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	stub_fill(s->pds, &a->msg, 0, &p);
	assert_int_equal(p.req.ri_generation, 43);
	succeed(s, a);
	uet_ses_progress(s->ses, 60 * MS);
	stub_fill(s->pds, &b->msg, 0, &p);
	assert_int_equal(p.req.ri_generation, 43);
	assert_memory_equal(p.data + p.hdr_len, "\1\2\3\4", 4);
	succeed(s, b);
	assert_int_equal(s->tx_cnt, 2);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double),
		cmocka_unit_test(rud_does_not_wait),
		cmocka_unit_test(repost_again),
		cmocka_unit_test(rod_stop_lets_nobody_pass),
		cmocka_unit_test(rod_keeps_order),
		cmocka_unit_test(rod_all_refused),
		cmocka_unit_test(rod_peer_dies),
		cmocka_unit_test(generation_and_inject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
