/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Signs of life of peers that are waited for, and the notes that ask for them. */
#include "test_ses_stub.h"

#include "ses/msg.h"

#define MTU	1024
#define PROBE	(100 * MS)

static uint8_t data[4 * MTU];

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	cfg.defer_size = MTU;
	cfg.probe_time = PROBE;
	return side_new(&cfg, 1);
}

static struct uet_pds_msg *oldest(struct side *s)
{
	assert_false(uet_list_empty(&s->pds->msgs));
	return uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link);
}

/* A send to @to that waits for its RTR. */
static struct uet_ses_tx *park_in(struct side *s, const struct uet_addr *to, uint8_t mode)
{
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE, .opcode = UET_RESP_RESPONSE,
		.list = UET_LIST_OVERFLOW, .return_code = UET_RC_OK,
	};
	uint8_t buf[UET_SES_RESP_DATA_LEN];
	struct uet_ses_tx *tx;
	struct stub_pkt p;

	tx = side_send(s, to, mode, UET_OP_SEND, 0, data, sizeof(data));
	stub_next(s->pds, &tx->msg, &p);
	stub_respond(s->pds, &tx->msg, 0, UET_HDR_RESPONSE, buf, uet_ses_resp_pack(&resp, buf));
	stub_next(s->pds, &tx->msg, &p);
	stub_done(s->pds, &tx->msg, 0, 0);
	return tx;
}

static struct uet_ses_tx *park(struct side *s, const struct uet_addr *to)
{
	return park_in(s, to, UET_MODE_RUD);
}

/* One question at a time to each peer, for as long as something is awaited. */
static void asks(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793), other = stub_addr(3, 4793);
	uint64_t now = 1;
	struct stub_pkt p;
	int i;

	(void)state;
	park(s, &to);
	park(s, &to);
	uet_ses_progress(s->ses, now);
	assert_true(uet_list_empty(&s->pds->msgs));
	assert_int_equal(uet_ses_next(s->ses), now + PROBE);
	for (i = 0; i < 5; i++) {
		now += PROBE;
		uet_ses_progress(s->ses, now);
		uet_ses_progress(s->ses, now);
		stub_next(s->pds, oldest(s), &p);
		assert_int_equal(p.req.opcode, UET_OP_NO_OP);
		assert_int_equal(p.req.request_length, 0);
		assert_true(p.req.som && p.req.eom);
		assert_int_equal(p.len, p.hdr_len);
		uet_ses_progress(s->ses, now + 10 * PROBE);	/* it is under way */
		stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_DEFAULT, UET_RC_OK);
		stub_done(s->pds, oldest(s), 0, 0);
		assert_true(uet_list_empty(&s->pds->msgs));
		now += 10 * PROBE;
		uet_ses_progress(s->ses, now);
	}
	assert_int_equal(s->tx_cnt, 0);
	park(s, &other);
	now += PROBE;
	uet_ses_progress(s->ses, now);
	now += PROBE;
	uet_ses_progress(s->ses, now);
	uet_ses_progress(s->ses, now);
	assert_int_equal(oldest(s)->pdc->peer.ip[3], 2);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(oldest(s)->pdc->peer.ip[3], 3);
	side_free(s);
}

/* Even a refusal is a sign of life; none is the end of all that waits for this peer. */
static void no_answer(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793), other = stub_addr(3, 4793);
	struct stub_pkt p;

	(void)state;
	park(s, &to);
	park(s, &other);
	park(s, &to);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	stub_next(s->pds, oldest(s), &p);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_RESPONSE, UET_RC_UNSUPPORTED_OP);
	stub_done(s->pds, oldest(s), 0, 0);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 0);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
	assert_int_equal(s->tx_cnt, 2);
	assert_int_equal(s->tx[0].err, -ETIMEDOUT);
	assert_int_equal(s->tx[1].err, -ETIMEDOUT);
	assert_false(uet_ses_idle(s->ses));
	side_free(s);
}

static void answer_question(struct side *s, uint64_t now, uint8_t rc)
{
	struct stub_pkt p;

	uet_ses_progress(s->ses, now);
	uet_ses_progress(s->ses, now + PROBE);
	uet_ses_progress(s->ses, now + PROBE);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_NO_OP);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_RESPONSE, rc);
	stub_done(s->pds, oldest(s), 0, 0);
}

/* The peer lives, but the context that kept the header of the message does not. */
static void context_is_gone(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);
	struct uet_ses_tx *tx = park(s, &to);
	struct stub_pkt p;

	(void)state;
	/* One that may come back gets the message again, from the beginning. */
	answer_question(s, 1, UET_RC_DISABLED);
	assert_int_equal(s->tx_cnt, 0);
	uet_ses_progress(s->ses, 10 * PROBE);
	uet_ses_progress(s->ses, 20 * PROBE);
	assert_ptr_equal(oldest(s), &tx->msg);
	stub_next(s->pds, &tx->msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	assert_int_equal(p.req.target_token, 0);
	assert_true(p.req.som);
	stub_done(s->pds, &tx->msg, -EIO, 0);
	assert_int_equal(s->tx_cnt, 1);
	/* One that will not ends it. */
	park(s, &to);
	park(s, &to);
	answer_question(s, 30 * PROBE, UET_RC_BAD_INDEX);
	assert_int_equal(s->tx_cnt, 3);
	assert_int_equal(s->tx[1].err, -ECONNREFUSED);
	assert_int_equal(s->tx[2].err, -ECONNREFUSED);
	assert_true(uet_ses_idle(s->ses));
	side_free(s);
}

static void send_fenced(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct side *s = upper;
	struct uet_ses_dest dest = tx->dest;
	bool first = !tx->fence;

	side_tx_done(upper, tx, err, prov_errno);
	if (!first)
		return;
	tx = uet_ses_tx_get(s->ses);
	tx->dest = dest;
	tx->opcode = UET_OP_SEND;
	tx->fence = true;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
}

/* Who hears that his send has failed may start others, and fences know of all that is open. */
static void done_may_send(void **state)
{
	struct uet_ses_upper_ops ops = side_ops;
	struct uet_addr to = stub_addr(2, 4793);
	int i;

	(void)state;
	ops.tx_done = send_fenced;
	for (i = 0; i < 2; i++) {
		struct side *s = new_side();

		s->ses->ops = &ops;
		park(s, &to);
		park(s, &to);
		if (i == 0)
			side_pdc_gone(s, &to, UET_MODE_RUD, -ECONNRESET);
		else
			answer_question(s, 1, UET_RC_BAD_INDEX);
		assert_int_equal(s->tx_cnt, 2);
		uet_ses_progress(s->ses, PROBE);
		assert_int_equal(uet_ses_stats(s->ses)->tx_msgs, 0);
		while (!uet_list_empty(&s->pds->msgs)) {
			stub_done(s->pds, oldest(s), 0, 0);
			uet_ses_progress(s->ses, PROBE);
		}
		assert_int_equal(s->tx_cnt, 4);
		assert_true(uet_ses_idle(s->ses));
		side_free(s);
	}
}

/* A PDC that is lost says that the peer has forgotten; one that closes says nothing. */
static void forgotten(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);
	struct stub_pkt p;

	(void)state;
	park(s, &to);
	side_pdc_gone(s, &to, UET_MODE_RUD, -ECONNRESET);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, -ECONNRESET);
	park(s, &to);
	side_pdc_gone(s, &to, UET_MODE_RUD, 0);
	assert_int_equal(s->tx_cnt, 1);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(oldest(s)->pdc->mode, UET_MODE_ROD);
	stub_done(s->pds, oldest(s), 0, 0);
	side_pdc_gone(s, &to, UET_MODE_ROD, -ECONNRESET);
	assert_int_equal(s->tx_cnt, 2);
	side_free(s);
}

/*
 * A question that is still in line at a PDC which the peer has forgotten goes to its new life, and
 * gets an answer: what was parked in the old one must not take that for a sign of life.
 */
static void forgotten_before_asked(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);

	(void)state;
	park(s, &to);
	side_pdc_gone(s, &to, UET_MODE_RUD, 0);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	assert_int_equal(oldest(s)->pdc->mode, UET_MODE_ROD);
	side_pdc_gone(s, &to, UET_MODE_ROD, -ECONNRESET);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, -ECONNRESET);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
}

static bool needed(const struct side *s, const struct uet_pdc *pdc)
{
	return s->pds->ops->needed(s->pds->upper, pdc);
}

/* The PDC of the send stays open until a question is answered, that of the questions always. */
static void keeps_open(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);
	struct uet_ses_tx *tx = park(s, &to);
	struct uet_pdc *rud = stub_pdc(s->pds, &to, UET_MODE_RUD);
	struct uet_pdc *rod = stub_pdc(s->pds, &to, UET_MODE_ROD);
	struct uet_ses_req req = stub_req(UET_OP_DEFERRABLE_RTR, 9, sizeof(data));

	(void)state;
	assert_true(needed(s, rud));
	assert_false(needed(s, rod));
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	assert_ptr_equal(oldest(s)->pdc, rod);
	assert_true(needed(s, rud));
	assert_true(needed(s, rod));
	stub_done(s->pds, oldest(s), 0, 0);
	assert_false(needed(s, rud));
	assert_true(needed(s, rod));
	req.initiator_token = tx->token;
	side_req(s, &to, UET_MODE_RUD, &req, NULL, 0);
	assert_false(needed(s, rod));
	uet_ses_progress(s->ses, 2 + PROBE);
	stub_done(s->pds, oldest(s), 0, 0);
	side_free(s);
}

/* A PDC for questions that begins to close, with one of its sends parked. */
static struct uet_pdc *close_asked(struct side *s, const struct uet_addr *to)
{
	struct uet_pdc *rod = stub_pdc(s->pds, to, UET_MODE_ROD);

	park(s, to);
	answer_question(s, 1, UET_RC_OK);
	side_pdc_gone(s, to, UET_MODE_RUD, 0);
	rod->closing = true;
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	uet_ses_progress(s->ses, 1 + 3 * PROBE);
	uet_ses_progress(s->ses, 1 + 4 * PROBE);
	assert_true(uet_list_empty(&s->pds->msgs));
	return rod;
}

/*
 * A question does not open a new PDC, perhaps to a new life of the peer, while the close of the
 * last one may still tell of the old life's end.
 */
static void waits_for_close(void **state)
{
	struct uet_addr to = stub_addr(2, 4793);
	struct side *s = new_side();
	struct uet_pdc *rod = close_asked(s, &to);

	(void)state;
	s->pds->ops->pdc_gone(s->pds->upper, rod, 0);
	rod->used = false;
	assert_int_equal(s->tx_cnt, 0);
	uet_ses_progress(s->ses, 1 + 4 * PROBE);	/* at once */
	assert_int_equal(oldest(s)->pdc->mode, UET_MODE_ROD);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 0);
	side_free(s);

	s = new_side();
	rod = close_asked(s, &to);
	s->pds->ops->pdc_gone(s->pds->upper, rod, -ECONNRESET);
	rod->used = false;
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, -ECONNRESET);
	side_free(s);
}

/* What the sends' mode is may change; questions keep to the PDC that they had. */
static void keeps_mode(void **state)
{
	struct uet_addr to = stub_addr(2, 4793);
	struct side *s = new_side();
	struct uet_ses_tx *tx;

	(void)state;
	park_in(s, &to, UET_MODE_ROD);
	answer_question(s, 1, UET_RC_OK);
	tx = side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, data, 1);
	stub_respond_rc(s->pds, &tx->msg, 0, UET_RESP_DEFAULT, UET_RC_OK);
	stub_done(s->pds, &tx->msg, 0, 0);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	uet_ses_progress(s->ses, 1 + 3 * PROBE);
	uet_ses_progress(s->ses, 1 + 3 * PROBE);
	assert_int_equal(oldest(s)->pdc->mode, UET_MODE_RUD);
	stub_done(s->pds, oldest(s), 0, 0);
	side_free(s);
}

/* When nothing is awaited any more the questions end, one that was under way included. */
static void ends(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);
	struct uet_ses_tx *tx = park(s, &to);
	struct uet_ses_req req = stub_req(UET_OP_DEFERRABLE_RTR, 9, sizeof(data));

	(void)state;
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	req.initiator_token = tx->token;
	side_req(s, &to, UET_MODE_RUD, &req, NULL, 0);
	uet_ses_progress(s->ses, 2 + PROBE);	/* posts the restart, drops the watch */
	stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
	assert_int_equal(s->tx_cnt, 0);		/* nobody waited for that any more */
	assert_ptr_equal(oldest(s), &tx->msg);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_DEFAULT, UET_RC_OK);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, 0);
	uet_ses_progress(s->ses, 10 * PROBE);
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(context_is_gone),
		cmocka_unit_test(done_may_send),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(forgotten_before_asked),
		cmocka_unit_test(keeps_open),
		cmocka_unit_test(waits_for_close),
		cmocka_unit_test(keeps_mode),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
