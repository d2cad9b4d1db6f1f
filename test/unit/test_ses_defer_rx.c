/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Deferrable sends as their target, packet by packet: header kept, RTR, restart. */
#include "test_ses_stub.h"

#include "ses/msg.h"

#define MTU	1024
#define LEN	(4 * MTU)
#define PORT	4800	/* of the source, and its initiator id */
#define TOKEN	0x11112222
#define PROBE	(100 * MS)
#define PATIENCE (10 * PROBE)	/* peer_timeout */

static uint8_t data[LEN], buf[LEN];

/* Room for two packets, so that a message of four is deferred. */
static struct side *new_side(void)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_cfg cfg = stub_cfg();

	rxq.max_unexpected_bytes = 2 * MTU;
	return side_new_rxq(&cfg, &rxq, 1);
}

static struct uet_addr source(void)
{
	return stub_addr(2, 777);	/* packets may come from any port of it */
}

static struct uet_ses_req part_req(uint16_t id, uint32_t k, uint32_t target_token)
{
	struct uet_ses_req req = stub_part(UET_OP_DEFERRABLE_TSEND, id, LEN, k * MTU, MTU);

	req.initiator = PORT;
	req.match_bits = 7;
	req.initiator_token = TOKEN;
	req.target_token = target_token;
	if (k == 0) {
		req.hd = true;
		req.header_data = 0x42;
	}
	return req;
}

static struct uet_pds_answer part(struct side *s, uint16_t id, uint32_t k, uint32_t target_token)
{
	struct uet_ses_req req = part_req(id, k, target_token);
	struct uet_addr from = source();

	return side_req(s, &from, UET_MODE_RUD, &req, data + k * MTU, MTU);
}

/* The empty packet with which the source ends an attempt after @k packets. */
static struct uet_pds_answer halt(struct side *s, uint16_t id, uint32_t k)
{
	struct uet_ses_req req = part_req(id, k, 0);
	struct uet_addr from = source();

	req.som = false;
	req.eom = true;
	req.hd = false;
	req.payload_length = 0;
	req.message_offset = k * MTU;
	return side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
}

#define assert_deferred(a) \
	do { \
		assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK); \
		assert_int_equal(answer_resp(&(a)).list, UET_LIST_OVERFLOW); \
		assert_int_equal(answer_resp(&(a)).modified_length, 0); \
	} while (0)

static struct uet_pds_msg *oldest(struct side *s)
{
	assert_false(uet_list_empty(&s->pds->msgs));
	return uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link);
}

/* A message is deferred, and all of its first attempt is over. */
static void defer(struct side *s)
{
	struct uet_pds_answer a = part(s, 1, 0, 0);

	assert_deferred(a);
	a = halt(s, 1, 1);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
}

/* The RTR that is due; returns the target token. */
static uint32_t take_rtr(struct side *s)
{
	struct stub_pkt p;

	uet_ses_progress(s->ses, 1);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_RTR);
	assert_true(p.req.som && p.req.eom && p.req.rel);
	assert_int_equal(p.req.initiator_token, TOKEN);
	assert_int_equal(p.req.buffer_offset, 0);
	assert_int_equal(p.req.request_length, LEN);
	assert_int_equal(p.req.pid_on_fep, PORT - 4793);
	assert_int_equal(p.req.resource_index, 1);
	assert_int_equal(p.len, p.hdr_len);
	assert_int_equal(oldest(s)->pdc->peer.port, PORT);
	assert_int_equal(oldest(s)->pdc->peer.ip[3], 2);
	return p.req.target_token;
}

static void recv_it(struct side *s)
{
	memset(buf, 0, sizeof(buf));
	side_recv(s, UET_SES_TAGGED, 7, 0, buf, sizeof(buf), buf);
}

static void whole_story(void **state)
{
	struct side *s = new_side();
	struct uet_pds_answer a = part(s, 1, 0, 0);
	uint32_t token, k;

	(void)state;
	assert_deferred(a);
	a = part(s, 1, 1, 0);		/* it was under way */
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	recv_it(s);
	uet_ses_progress(s->ses, 1);
	assert_true(uet_list_empty(&s->pds->msgs));	/* the first attempt goes on */
	a = halt(s, 1, 2);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	token = take_rtr(s);
	assert_int_not_equal(token, 0);
	stub_done(s->pds, oldest(s), 0, 0);
	for (k = 4; k-- > 0; ) {	/* in any order, under the new id */
		assert_int_equal(s->rx_cnt, 0);
		a = part(s, 2, k, token);
		assert_answer(a, k ? UET_RESP_NO_RESPONSE : UET_RESP_DEFAULT,
			      k ? UET_RC_NULL : UET_RC_OK);
	}
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, 0);
	assert_int_equal(s->rx[0].res.len, LEN);
	assert_int_equal(s->rx[0].res.data, 0x42);
	assert_memory_equal(buf, data, LEN);
	side_free(s);
}

/* The whole first attempt arrived before anybody noticed. */
static void no_halt_needed(void **state)
{
	struct side *s = new_side();
	struct uet_pds_answer a;
	uint32_t k;

	(void)state;
	for (k = 0; k < 4; k++)
		a = part(s, 1, k, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	recv_it(s);
	take_rtr(s);
	side_free(s);
}

/* A receive that is there makes it an ordinary send; so does room; DC wants a receive. */
static void plain(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = new_side();
	struct uet_addr from = source();
	struct uet_ses_req req = part_req(3, 0, 0);
	struct uet_pds_answer a;
	uint32_t k;

	(void)state;
	recv_it(s);
	for (k = 0; k < 4; k++)
		a = part(s, 1, k, 0);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_memory_equal(buf, data, LEN);
	side_free(s);
	s = side_new(&cfg, 1);		/* 1 MiB */
	for (k = 0; k < 4; k++)
		a = part(s, 1, k, 0);
	assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK);
	assert_int_equal(answer_resp(&a).modified_length, LEN);
	/* Delivery complete is no reason to defer; who must hear of the match says so. */
	req.eom = true;
	req.dc = true;
	req.request_length = 0;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_int_equal(uet_ses_stats(s->ses)->deferred, 0);
	req.message_id++;
	req.initiator_token = 1u << 31 | 5;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_deferred(a);
	assert_int_equal(uet_ses_stats(s->ses)->deferred, 1);
	side_free(s);
}

/* Whose initiator id is no port cannot be called back: its message is refused for now. */
static void nowhere_to_call(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = source();
	struct uet_ses_req req = part_req(1, 0, 0);
	struct uet_pds_answer a;

	(void)state;
	req.initiator = 65536;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	side_free(s);
}

/* A restart that nobody asked for, or that does not fit, is refused for good. */
static void bad_restart(void **state)
{
	struct side *s = new_side();
	struct uet_addr other = stub_addr(9, 777), from = source();
	struct uet_ses_req req;
	struct uet_pds_answer a;
	uint32_t token;

	(void)state;
	a = part(s, 5, 0, 0x999);
	assert_refused(a, UET_RC_CANCELLED);
	a = part(s, 5, 1, 0x999);		/* and so are its other packets */
	assert_refused(a, UET_RC_CANCELLED);
	defer(s);
	recv_it(s);
	token = take_rtr(s);
	a = part(s, 6, 0, token + 1);
	assert_refused(a, UET_RC_CANCELLED);
	req = part_req(7, 0, token);
	a = side_req(s, &other, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_CANCELLED);
	req = part_req(8, 0, token);
	req.initiator_token++;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_CANCELLED);
	req = part_req(9, 0, token);
	req.match_bits++;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_CANCELLED);
	req = part_req(10, 0, token);
	req.opcode = UET_OP_DEFERRABLE_SEND;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_CANCELLED);
	assert_int_equal(s->rx_cnt, 0);
	a = part(s, 11, 0, token);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	a = part(s, 12, 0, token);		/* a token is good once */
	assert_refused(a, UET_RC_CANCELLED);
	side_free(s);
}

/* The source does not know what the RTR is about, or is gone: the receive must not wait. */
static void rtr_fails(void **state)
{
	struct side *s = new_side();
	uint32_t token;
	struct uet_pds_answer a;

	(void)state;
	defer(s);
	recv_it(s);
	take_rtr(s);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_RESPONSE, UET_RC_NO_MATCH);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	assert_int_equal(s->rx[0].res.rc, UET_RC_NO_MATCH);
	defer(s);
	recv_it(s);
	token = take_rtr(s);
	stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
	assert_int_equal(s->rx_cnt, 2);
	assert_int_equal(s->rx[1].res.err, -EIO);
	a = part(s, 3, 0, token);
	assert_refused(a, UET_RC_CANCELLED);
	side_free(s);
}

/* The only message under way must be a sign of life, which is given. */
static void alive(struct side *s)
{
	struct stub_pkt p;

	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_NO_OP);
	stub_done(s->pds, oldest(s), 0, 0);
}

/* One RTR was taken, and nothing has come since, though the host lives; returns its token. */
static uint32_t wait_in_vain(struct side *s, uint64_t *now)
{
	uint32_t token;

	defer(s);
	recv_it(s);
	token = take_rtr(s);
	stub_done(s->pds, oldest(s), 0, 0);
	uet_ses_progress(s->ses, *now);
	for (; *now < PATIENCE; *now += PROBE) {
		uet_ses_progress(s->ses, *now + PROBE);
		uet_ses_progress(s->ses, *now + PROBE);
		alive(s);
		assert_true(uet_list_empty(&s->pds->msgs));
		uet_ses_progress(s->ses, *now + PROBE);
	}
	*now += PROBE;
	uet_ses_progress(s->ses, *now);
	return token;
}

static struct side *new_patient(void)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_cfg cfg = stub_cfg();

	rxq.max_unexpected_bytes = 2 * MTU;
	cfg.probe_time = PROBE;
	cfg.pds.peer_timeout = PATIENCE;
	return side_new_rxq(&cfg, &rxq, 1);
}

/* A restart that does not come is asked for again, which tells whether it will. */
static void rtr_again(void **state)
{
	uint64_t now;
	uint32_t k;
	int come;

	(void)state;
	for (come = 0; come < 2; come++) {
		struct side *s = new_patient();
		uint32_t token;

		now = 1;
		token = wait_in_vain(s, &now);
		uet_ses_progress(s->ses, now + PROBE);
		uet_ses_progress(s->ses, now + PROBE);
		alive(s);
		assert_int_equal(take_rtr(s), token);
		/* That is all: the next one must wait for the answer. */
		uet_ses_progress(s->ses, now + 2 * PATIENCE);
		uet_ses_progress(s->ses, now + 3 * PATIENCE);
		assert_int_equal(s->ses->note_pool.used, 2);
		stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_RESPONSE,
				come ? UET_RC_OK : UET_RC_NO_MATCH);
		stub_done(s->pds, oldest(s), 0, 0);
		assert_int_equal(s->rx_cnt, come ? 0 : 1);
		for (k = 0; come && k < 4; k++)
			part(s, 2, k, token);
		assert_int_equal(s->rx_cnt, 1);
		assert_int_equal(s->rx[0].res.err, come ? 0 : -EIO);
		assert_int_equal(s->rx[0].res.rc, come ? UET_RC_NULL : UET_RC_NO_MATCH);
		side_free(s);
	}
}

/* A new life of the source does not know our PDC, but the message may be its own. */
static void rtr_meets_new_life(void **state)
{
	struct side *s = new_side();
	uint32_t token;
	int i;

	(void)state;
	defer(s);
	recv_it(s);
	token = take_rtr(s);
	for (i = 0; i < 3; i++) {
		stub_done(s->pds, oldest(s), -ECONNRESET, 0);
		assert_int_equal(s->rx_cnt, 0);
		assert_int_equal(take_rtr(s), token);
	}
	stub_done(s->pds, oldest(s), -ECONNRESET, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	side_free(s);
}

/* A question that meets one only makes us call for what is awaited, without waiting for long. */
static void question_meets_new_life(void **state)
{
	struct side *s = new_patient();
	uint32_t token;
	struct stub_pkt p;

	(void)state;
	defer(s);
	recv_it(s);
	token = take_rtr(s);
	stub_done(s->pds, oldest(s), 0, 0);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + PROBE);
	stub_next(s->pds, oldest(s), &p);
	stub_done(s->pds, oldest(s), -ECONNRESET, 0);
	assert_int_equal(s->rx_cnt, 0);
	uet_ses_progress(s->ses, 1 + PROBE);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	alive(s);
	assert_int_equal(take_rtr(s), token);
	/* But silence is the end. */
	stub_done(s->pds, oldest(s), 0, 0);
	uet_ses_progress(s->ses, 1 + 2 * PROBE);
	uet_ses_progress(s->ses, 1 + 3 * PROBE);
	uet_ses_progress(s->ses, 1 + 3 * PROBE);
	stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	side_free(s);
}

/* No PDC for the RTR: it is tried again. */
static void rtr_waits(void **state)
{
	struct side *s = new_side();

	(void)state;
	defer(s);
	recv_it(s);
	s->pds->refuse = 2;
	uet_ses_progress(s->ses, 1);
	assert_true(uet_list_empty(&s->pds->msgs));
	assert_int_equal(uet_ses_next(s->ses), 1 + 50 * MS);
	uet_ses_progress(s->ses, 51 * MS);
	assert_true(uet_list_empty(&s->pds->msgs));
	uet_ses_progress(s->ses, 102 * MS);
	oldest(s);
	side_free(s);
}

/* Discarded: all of the restart is swallowed, and its source hears of success. */
static void discarded(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 7 };
	struct uet_ses_rx_result res;
	struct side *s = new_side();
	struct uet_pds_answer a;
	uint32_t token, k;

	(void)state;
	defer(s);
	assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL), 0);
	assert_int_equal(res.msg_len, LEN);
	assert_int_equal(res.data, 0x42);
	token = take_rtr(s);
	for (k = 0; k < 4; k++)
		a = part(s, 2, k, token);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	recv_it(s);
	assert_int_equal(s->rx_cnt, 0);
	side_free(s);
}

/* On RUD the first packet may come late; until then nobody knows of header data. */
static void headless(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 7 };
	struct uet_ses_rx_result res;
	struct side *s = new_side();
	struct uet_pds_answer a = part(s, 1, 1, 0);

	(void)state;
	assert_deferred(a);
	assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK, &res, NULL), -ENOENT);
	a = part(s, 1, 0, 0);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK, &res, NULL), 0);
	assert_int_equal(res.data, 0x42);
	side_free(s);
}

/* The PDC of the first attempt goes: in order it takes nothing along, else the message. */
static void pdc_goes(void **state)
{
	struct uet_addr from = source();
	struct side *s = new_side();

	(void)state;
	part(s, 1, 0, 0);
	side_pdc_gone(s, &from, UET_MODE_RUD, 0);
	recv_it(s);
	take_rtr(s);
	side_free(s);
	s = new_side();
	part(s, 1, 0, 0);
	side_pdc_gone(s, &from, UET_MODE_RUD, -ECONNRESET);
	recv_it(s);
	uet_ses_progress(s->ses, 1);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
	s = new_side();
	part(s, 1, 0, 0);
	recv_it(s);
	side_pdc_gone(s, &from, UET_MODE_RUD, -ECONNRESET);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	side_free(s);
}

/* Its source gives it up for good. */
static void given_up(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = source();
	struct uet_ses_req req = part_req(1, 1, 0);

	(void)state;
	req.opcode = UET_OP_MSG_ERROR;
	req.eom = true;
	part(s, 1, 0, 0);
	recv_it(s);
	side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	uet_ses_progress(s->ses, 1);
	assert_true(uet_list_empty(&s->pds->msgs));
	side_free(s);
}

/* A shared queue: the SES that called for the message goes, and the receive is free again. */
static void ses_goes(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = new_side(), *b = side_new_shared(&cfg, s, 3);
	struct uet_addr from = source();
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, 1, 10);

	(void)state;
	defer(b);
	recv_it(s);
	take_rtr(b);
	side_free(b);
	assert_int_equal(s->rx_cnt, 0);
	req.match_bits = 7;
	side_req(s, &from, UET_MODE_RUD, &req, data, 10);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.len, 10);
	side_free(s);
}

/* Into a multi-receive buffer, whose place is held meanwhile. */
static void into_multi(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = source();
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, 9, 10);
	static uint8_t room[LEN + 100];
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);
	uint32_t token, k;

	(void)state;
	defer(s);
	rx->queue = UET_SES_TAGGED;
	rx->tag = 7;
	rx->multi = true;
	rx->min_free = 95;
	rx->len = sizeof(room);
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = room;
	rx->iov[0].iov_len = sizeof(room);
	rx->context = room;
	uet_ses_recv(s->rxq, rx, 0);
	req.match_bits = 7;
	side_req(s, &from, UET_MODE_RUD, &req, data, 10);
	assert_int_equal(s->rx_cnt, 1);
	assert_ptr_equal(s->rx_at[0], room + LEN);
	token = take_rtr(s);
	for (k = 0; k < 4; k++)
		part(s, 2, k, token);
	assert_int_equal(s->rx_cnt, 2);
	assert_ptr_equal(s->rx_at[1], room);
	assert_true(s->rx[1].res.released);
	assert_memory_equal(room, data, LEN);
	side_free(s);
}

/* A deferred message that has failed keeps no memory once no packet of it can come. */
static void failed_leaves_nothing(void **state)
{
	struct uet_addr from = source();
	struct uet_pds_answer a;
	struct uet_ses_req req;
	int err;

	(void)state;
	for (err = -1; err <= 0; err++) {
		struct side *s = new_side();

		a = part(s, 1, 0, 0);
		assert_deferred(a);
		assert_int_equal(s->rxq->in_pool.used, 1);
		req = part_req(1, 1, 0);
		req.ie = true;
		a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
		assert_refused(a, UET_RC_INITIATOR_ERROR);
		assert_int_equal(s->rxq->spare_count, 1);
		side_pdc_gone(s, &from, UET_MODE_RUD, err);
		assert_int_equal(s->rxq->in_pool.used, 0);
		assert_int_equal(s->rxq->spare_count, 0);
		side_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_story),
		cmocka_unit_test(no_halt_needed),
		cmocka_unit_test(plain),
		cmocka_unit_test(nowhere_to_call),
		cmocka_unit_test(bad_restart),
		cmocka_unit_test(rtr_fails),
		cmocka_unit_test(rtr_again),
		cmocka_unit_test(rtr_meets_new_life),
		cmocka_unit_test(question_meets_new_life),
		cmocka_unit_test(rtr_waits),
		cmocka_unit_test(discarded),
		cmocka_unit_test(headless),
		cmocka_unit_test(pdc_goes),
		cmocka_unit_test(given_up),
		cmocka_unit_test(failed_leaves_nothing),
		cmocka_unit_test(ses_goes),
		cmocka_unit_test(into_multi),
	};

	fill_pattern(data, sizeof(data), 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
