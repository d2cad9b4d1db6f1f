/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Deferrable sends as their source, packet by packet: tokens, deferral, RTR, restart. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t data[10 * MTU];

static struct side *new_side(size_t defer_size)
{
	struct uet_ses_cfg cfg = stub_cfg();

	cfg.defer_size = defer_size;
	cfg.probe_time = 100 * MS;
	return side_new(&cfg, 1);
}

static struct uet_addr target(void)
{
	return stub_addr(2, 4793);
}

static struct uet_pds_msg *oldest(struct side *s)
{
	assert_false(uet_list_empty(&s->pds->msgs));
	return uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link);
}

static struct uet_ses_tx *send_to(struct side *s, uint8_t opcode, size_t len, bool match)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);

	tx->dest.addr = target();
	tx->dest.pid_on_fep = 0x123;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = opcode;
	tx->match = match;
	tx->tag = 0x77;
	tx->has_data = true;
	tx->data = 5;
	tx->len = len;
	tx->iov_cnt = len ? 1 : 0;
	tx->iov[0].iov_base = data;
	tx->iov[0].iov_len = len;
	tx->context = tx;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
	return tx;
}

static void overflow(struct side *s, struct uet_pds_msg *msg, uint32_t index, uint32_t modified)
{
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE, .opcode = UET_RESP_RESPONSE,
		.list = UET_LIST_OVERFLOW, .return_code = UET_RC_OK,
		.modified_length = modified,
	};
	uint8_t buf[UET_SES_RESP_DATA_LEN];

	assert_true(stub_respond(s->pds, msg, index, UET_HDR_RESPONSE, buf,
				 uet_ses_resp_pack(&resp, buf)));
}

static struct uet_ses_req rtr_for(uint32_t token, uint32_t length)
{
	struct uet_ses_req req = stub_req(UET_OP_DEFERRABLE_RTR, 9, length);

	req.pid_on_fep = 0xabc;			/* a guess, and a wrong one */
	req.resource_index = 0;
	req.initiator_token = token;
	req.target_token = 0x33334444;
	return req;
}

static uint8_t rtr(struct side *s, const struct uet_ses_req *req)
{
	struct uet_addr from = target();
	struct uet_pds_answer a = side_req(s, &from, UET_MODE_RUD, req, NULL, 0);

	return answer_resp(&a).return_code;
}

/* Which sends are deferrable, and what their packets say. */
static void headers(void **state)
{
	struct side *s = new_side(2 * MTU);
	struct stub_pkt p;
	uint32_t token;

	(void)state;
	send_to(s, UET_OP_TAGGED_SEND, 2 * MTU, false);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_TAGGED_SEND);
	stub_done(s->pds, oldest(s), 0, 0);
	send_to(s, UET_OP_TAGGED_SEND, 2 * MTU + 1, false);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_TSEND);
	assert_true(p.req.som && p.req.hd && !p.req.eom && !p.req.dc);
	assert_int_equal(p.req.header_data, 5);
	assert_int_equal(p.req.match_bits, 0x77);
	assert_int_equal(p.req.request_length, 2 * MTU + 1);
	assert_int_equal(p.req.target_token, 0);
	token = p.req.initiator_token;
	assert_false(token >> 31);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.initiator_token, token);
	assert_int_equal(p.req.message_offset, MTU);
	stub_next(s->pds, oldest(s), &p);
	assert_true(p.req.eom);
	assert_int_equal(p.req.payload_length, 1);
	stub_done(s->pds, oldest(s), 0, 0);
	send_to(s, UET_OP_SEND, 0, true);	/* match complete: at any size */
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	assert_true(p.req.dc && p.req.som && p.req.eom);
	assert_true(p.req.initiator_token >> 31);
	side_free(s);
	s = new_side(0);			/* never */
	send_to(s, UET_OP_SEND, sizeof(data), false);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_SEND);
	side_free(s);
}

/* Deferred in the midst: one empty packet of the same kind ends the attempt. */
static void halts(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_msg *msg;
	struct stub_pkt p;

	(void)state;
	send_to(s, UET_OP_SEND, sizeof(data), false);
	msg = oldest(s);
	stub_next(s->pds, msg, &p);
	stub_next(s->pds, msg, &p);
	stub_next(s->pds, msg, &p);
	overflow(s, msg, 0, 0);
	assert_int_equal(msg->pkt_cnt, 4);
	stub_next(s->pds, msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	assert_true(p.req.eom && !p.req.som);
	assert_int_equal(p.req.message_offset, 3 * MTU);
	assert_int_equal(p.req.payload_length, 0);
	assert_int_equal(p.req.request_length, sizeof(data));
	assert_int_equal(p.len, p.hdr_len);
	stub_done(s->pds, msg, 0, 0);
	assert_int_equal(s->tx_cnt, 0);
	assert_false(uet_ses_idle(s->ses));
	side_free(s);
}

/* OVERFLOW with all bytes is no deferral, but for an empty message that wants a match. */
static void buffered(void **state)
{
	struct side *s = new_side(MTU);
	struct stub_pkt p;

	(void)state;
	send_to(s, UET_OP_SEND, 2 * MTU, false);
	stub_next(s->pds, oldest(s), &p);
	stub_next(s->pds, oldest(s), &p);
	overflow(s, oldest(s), 1, 2 * MTU);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 1);
	send_to(s, UET_OP_SEND, 100, true);
	stub_next(s->pds, oldest(s), &p);
	overflow(s, oldest(s), 0, 100);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 2);
	send_to(s, UET_OP_SEND, 0, true);
	stub_next(s->pds, oldest(s), &p);
	overflow(s, oldest(s), 0, 0);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_int_equal(s->tx_cnt, 2);
	side_free(s);
}

/* Defer a send of ten packets of which one was sent; returns its token. */
static uint32_t deferred(struct side *s)
{
	struct uet_pds_msg *msg;
	struct stub_pkt p;
	uint32_t token;

	send_to(s, UET_OP_SEND, sizeof(data), false);
	msg = oldest(s);
	stub_next(s->pds, msg, &p);
	token = p.req.initiator_token;
	overflow(s, msg, 0, 0);
	stub_next(s->pds, msg, &p);
	stub_done(s->pds, msg, 0, 0);
	return token;
}

static void restarts(void **state)
{
	struct side *s = new_side(MTU);
	uint32_t token = deferred(s), i;
	struct uet_ses_req req = rtr_for(token, sizeof(data));
	struct uet_pds_msg *msg;
	struct stub_pkt p;

	(void)state;
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_true(uet_list_empty(&s->pds->msgs));
	uet_ses_progress(s->ses, 1);
	msg = oldest(s);
	assert_int_equal(msg->pkt_cnt, 10);
	/* Not behind sends that may be refused. */
	assert_int_equal(msg->pdc->mode, UET_MODE_ROD);
	for (i = 0; i < 10; i++) {
		stub_next(s->pds, msg, &p);
		assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
		assert_int_equal(p.req.initiator_token, token);
		assert_int_equal(p.req.target_token, 0x33334444);
		assert_int_equal(p.req.som, i == 0);
		assert_int_equal(p.req.hd, i == 0);
		assert_int_equal(p.req.eom, i == 9);
		assert_int_equal(p.len - p.hdr_len, MTU);
	}
	assert_int_equal(rtr(s, &req), UET_RC_OK);	/* no news: repeated_rtr */
	stub_done(s->pds, msg, 0, 0);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, 0);
	assert_true(uet_ses_idle(s->ses));
	assert_int_equal(rtr(s, &req), UET_RC_NO_MATCH);
	side_free(s);
}

/* The target kept a part and asks for the rest: numbering goes on from the start of the whole. */
static void restarts_in_the_midst(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_ses_req req = rtr_for(deferred(s), sizeof(data));
	struct uet_pds_msg *msg;
	struct stub_pkt p;

	(void)state;
	req.buffer_offset = 8 * MTU + 100;
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	uet_ses_progress(s->ses, 1);
	msg = oldest(s);
	assert_int_equal(msg->pkt_cnt, 2);
	stub_next(s->pds, msg, &p);
	assert_true(p.req.som && !p.req.eom);
	assert_int_equal(p.req.request_length, sizeof(data));
	assert_int_equal(p.len - p.hdr_len, MTU);
	assert_memory_equal(p.data + p.hdr_len, data + 8 * MTU + 100, MTU);
	stub_next(s->pds, msg, &p);
	assert_true(p.req.eom && !p.req.som);
	assert_int_equal(p.req.message_offset, 9 * MTU + 100);
	assert_int_equal(p.req.payload_length, MTU - 100);
	stub_done(s->pds, msg, 0, 0);
	assert_int_equal(s->tx[0].err, 0);
	side_free(s);
}

/* An RTR may overtake the answer that says why. */
static void recalled_early(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_msg *msg;
	struct uet_ses_req req;
	struct stub_pkt p;

	(void)state;
	send_to(s, UET_OP_SEND, sizeof(data), false);
	msg = oldest(s);
	stub_next(s->pds, msg, &p);
	req = rtr_for(p.req.initiator_token, sizeof(data));
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_int_equal(msg->pkt_cnt, 2);
	overflow(s, msg, 0, 0);
	stub_next(s->pds, msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	stub_done(s->pds, msg, 0, 0);
	uet_ses_progress(s->ses, 1);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.target_token, 0x33334444);
	side_free(s);
}

/* Who does not know the message, or asks for what is not in it, gets nothing. */
static void bad_rtr(void **state)
{
	struct side *s = new_side(MTU);
	uint32_t token = deferred(s);
	struct uet_addr other = stub_addr(3, 4793);
	struct uet_ses_req req = rtr_for(token, sizeof(data));
	struct uet_pds_answer a;

	(void)state;
	a = side_req(s, &other, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_NO_MATCH);
	req.initiator_token++;
	assert_int_equal(rtr(s, &req), UET_RC_NO_MATCH);
	req = rtr_for(token, sizeof(data) - 1);
	assert_int_equal(rtr(s, &req), UET_RC_UNSUPPORTED_SIZE);
	req = rtr_for(token, sizeof(data));
	req.buffer_offset = sizeof(data) + 1;
	assert_int_equal(rtr(s, &req), UET_RC_BAD_ADDR);
	req = rtr_for(token, sizeof(data));
	req.som = false;
	assert_int_equal(rtr(s, &req), UET_RC_UNSUPPORTED_OP);
	req = rtr_for(token, sizeof(data));
	req.version = 1;
	assert_int_equal(rtr(s, &req), UET_RC_UNSUPPORTED_OP);
	req = rtr_for(token, sizeof(data));
	req.job_id++;
	assert_int_equal(rtr(s, &req), UET_RC_BAD_JOB_ID);
	req = rtr_for(token, sizeof(data));
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	side_free(s);
}

/* Refused for good, or the peer is gone, while deferred: an error, and the token is dead. */
static void fails(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_msg *msg;
	struct uet_ses_req req;
	struct stub_pkt p;

	(void)state;
	send_to(s, UET_OP_SEND, sizeof(data), false);
	msg = oldest(s);
	stub_next(s->pds, msg, &p);
	overflow(s, msg, 0, 0);
	stub_done(s->pds, msg, -ETIMEDOUT, 0);
	assert_int_equal(s->tx[0].err, -ETIMEDOUT);
	req = rtr_for(p.req.initiator_token, sizeof(data));
	assert_int_equal(rtr(s, &req), UET_RC_NO_MATCH);
	send_to(s, UET_OP_SEND, sizeof(data), false);
	msg = oldest(s);
	stub_next(s->pds, msg, &p);
	stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_BAD_PID);
	stub_next(s->pds, msg, &p);
	assert_int_equal(p.req.opcode, UET_OP_MSG_ERROR);
	stub_done(s->pds, msg, 0, 0);
	assert_int_equal(s->tx[1].err, -ECONNREFUSED);
	side_free(s);
}

/* The same RTR again is no news; another one, though, comes too late. */
static void repeated_rtr(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_ses_req req = rtr_for(deferred(s), sizeof(data)), late = req;

	(void)state;
	late.target_token++;
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_int_equal(rtr(s, &req), UET_RC_OK);	/* not yet posted again */
	assert_int_equal(rtr(s, &late), UET_RC_NO_MATCH);
	uet_ses_progress(s->ses, 1);
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_int_equal(rtr(s, &late), UET_RC_NO_MATCH);
	uet_ses_progress(s->ses, 2);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_DEFAULT, UET_RC_OK);
	stub_done(s->pds, oldest(s), 0, 0);
	assert_true(uet_list_empty(&s->pds->msgs));
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, 0);
	assert_int_equal(rtr(s, &req), UET_RC_NO_MATCH);
	/* One that came early is kept until the attempt is over. */
	send_to(s, UET_OP_SEND, sizeof(data), false);
	req = rtr_for(0, sizeof(data));
	req.initiator_token = uet_container_of(oldest(s), struct uet_ses_tx, msg)->token;
	late = req;
	late.target_token++;
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_int_equal(rtr(s, &req), UET_RC_OK);
	assert_int_equal(rtr(s, &late), UET_RC_NO_MATCH);
	side_free(s);
}

/* Deferred once more after its restart: it waits for the next RTR. */
static void deferred_again(void **state)
{
	struct side *s = new_side(MTU);
	uint32_t token = deferred(s);
	struct uet_ses_req req = rtr_for(token, sizeof(data));
	struct stub_pkt p;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		req.target_token = (uint32_t)(i + 1);
		assert_int_equal(rtr(s, &req), UET_RC_OK);
		uet_ses_progress(s->ses, 1);
		stub_next(s->pds, oldest(s), &p);
		assert_int_equal(p.req.target_token, i + 1);
		overflow(s, oldest(s), 0, 0);
		stub_next(s->pds, oldest(s), &p);
		stub_done(s->pds, oldest(s), 0, 0);
		assert_int_equal(s->tx_cnt, 0);
	}
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(halts),
		cmocka_unit_test(buffered),
		cmocka_unit_test(restarts),
		cmocka_unit_test(restarts_in_the_midst),
		cmocka_unit_test(recalled_early),
		cmocka_unit_test(bad_rtr),
		cmocka_unit_test(fails),
		cmocka_unit_test(repeated_rtr),
		cmocka_unit_test(deferred_again),
	};

	fill_pattern(data, sizeof(data), 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
