/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Notes: what SES itself has to say, and when it is said. */
#include "test_ses_stub.h"

#include "ses/defer.h"

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

static struct uet_ses_dest dest(void)
{
	struct uet_ses_dest d = { .addr = stub_addr(2, 4793), .pid_on_fep = 3,
				  .resource_index = 1 };

	return d;
}

static void on_the_side(void **state)
{
	struct side *s = new_side();
	struct uet_addr to = stub_addr(2, 4793);

	(void)state;
	assert_int_equal(uet_ses_side_mode(s->ses), UET_MODE_RUD);
	side_send(s, &to, UET_MODE_ROD, UET_OP_SEND, 0, "x", 1);
	assert_int_equal(uet_ses_side_mode(s->ses), UET_MODE_RUD);
	side_free(s);
	s = new_side();
	side_send(s, &to, UET_MODE_RUD, UET_OP_SEND, 0, "x", 1);
	assert_int_equal(uet_ses_side_mode(s->ses), UET_MODE_ROD);
	side_free(s);
}

/* They wait for progress, keep their order, and wait again while there is no PDC. */
static void posted_by_progress(void **state)
{
	struct side *s = new_side();
	struct uet_ses_dest d = dest();
	struct uet_ses_note *a, *b, *c;
	struct stub_pkt p;

	(void)state;
	a = uet_ses_note_send(s->ses, UET_OP_NO_OP, &d);
	b = uet_ses_note_send(s->ses, UET_OP_DEFERRABLE_RTR, &d);
	b->initiator_token = 5;
	b->target_token = 6;
	b->request_length = 7;
	c = uet_ses_note_send(s->ses, UET_OP_NO_OP, &d);
	assert_int_equal(uet_ses_next(s->ses), 0);
	assert_true(uet_list_empty(&s->pds->msgs));
	uet_ses_note_drop(s->ses, c);
	s->pds->refuse = 1;
	uet_ses_progress(s->ses, 1);
	assert_true(uet_list_empty(&s->pds->msgs));
	assert_int_equal(uet_ses_next(s->ses), 1 + 50 * MS);
	uet_ses_progress(s->ses, 1 + 50 * MS);
	assert_int_equal(s->pds->posts, 2);
	stub_next(s->pds, &a->tx.msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_NO_OP);
	assert_int_equal(p.req.pid_on_fep, 3);
	stub_next(s->pds, &b->tx.msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_RTR);
	assert_int_equal(p.req.initiator_token, 5);
	assert_int_equal(p.req.target_token, 6);
	assert_int_equal(p.req.request_length, 7);
	assert_true(p.eom);
	uet_ses_note_drop(s->ses, b);		/* too late: it is on its way */
	stub_done(s->pds, &a->tx.msg, 0, 0);
	stub_done(s->pds, &b->tx.msg, -EIO, 0);
	assert_true(uet_ses_idle(s->ses));
	assert_int_equal(s->tx_cnt, 0);
	side_free(s);
}

/* PDS may end one inside the post. */
static void ends_at_once(void **state)
{
	struct side *s = new_side();
	struct uet_ses_dest d = dest();

	(void)state;
	s->pds->done_in_post = 2;
	uet_ses_note_send(s->ses, UET_OP_NO_OP, &d);
	uet_ses_note_send(s->ses, UET_OP_DEFERRABLE_RTR, &d);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(uet_ses_next(s->ses), UET_TIME_NEVER);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
}

/* None of them is repeated or held because of its answer. */
static void answers(void **state)
{
	struct side *s = new_side();
	struct uet_ses_dest d = dest();
	struct uet_ses_note *n = uet_ses_note_send(s->ses, UET_OP_DEFERRABLE_RTR, &d);

	(void)state;
	uet_ses_progress(s->ses, 1);
	n->tx.msg.next = 1;
	stub_respond_rc(s->pds, &n->tx.msg, 0, UET_RESP_RESPONSE, UET_RC_NO_MATCH);
	assert_int_equal(n->tx.rc, UET_RC_NO_MATCH);
	stub_done(s->pds, &n->tx.msg, 0, 0);
	uet_ses_progress(s->ses, 1000 * MS);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_side),
		cmocka_unit_test(posted_by_progress),
		cmocka_unit_test(ends_at_once),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
