/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rendezvous sends as their target, packet by packet: eager bytes, READ, last byte, errors. */
#include "test_ses_stub.h"
#include "test_wire_vectors.h"

#define MTU	1024
#define LEN	(5 * MTU)
#define EAGER	(2 * MTU)
#define PORT	4800	/* of the source, and its initiator id */
#define KEY	0x123456789abull
#define BASE	0x4000	/* read_offset */

static uint8_t data[LEN], buf[LEN + 1];

static struct side *new_side(size_t room)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_cfg cfg = stub_cfg();

	rxq.max_unexpected_bytes = room;
	fill_pattern(data, LEN, 1);
	memset(buf, 0xee, sizeof(buf));
	return side_new_rxq(&cfg, &rxq, 1);
}

static struct uet_addr source(void)
{
	return stub_addr(2, 777);	/* packets may come from any port of it */
}

/* Packet @k of a message of which @eager bytes are sent. */
static struct uet_ses_req part_req(uint32_t k, uint32_t eager)
{
	struct uet_ses_req req = stub_part(UET_OP_RENDEZVOUS_TSEND, 1, LEN, k * MTU, MTU);

	req.eom = (k + 1) * MTU >= eager;
	req.initiator = PORT;
	req.match_bits = 7;
	req.eager_length = eager;
	req.read_ri_generation = 5;
	req.read_pid_on_fep = 0xabc;
	req.read_resource_index = 0xdef;
	req.read_offset = BASE;
	req.read_memory_key = KEY;
	if (k == 0) {
		req.hd = true;
		req.header_data = 0x42;
	}
	return req;
}

static struct uet_pds_answer part(struct side *s, uint32_t k, uint32_t eager)
{
	struct uet_ses_req req = part_req(k, eager);
	struct uet_addr from = source();
	size_t left = eager - k * MTU;

	return side_req(s, &from, UET_MODE_RUD, &req, data + k * MTU, left < MTU ? left : MTU);
}

static void recv_into(struct side *s, size_t room)
{
	side_recv(s, UET_SES_TAGGED, 7, 0, buf, room, buf);
}

#define assert_kept(a, where, bytes) \
	do { \
		assert_answer(a, UET_RESP_RESPONSE, UET_RC_OK); \
		assert_int_equal(answer_resp(&(a)).list, where); \
		assert_int_equal(answer_resp(&(a)).modified_length, bytes); \
	} while (0)

static struct uet_pds_msg *oldest(struct side *s)
{
	assert_false(uet_list_empty(&s->pds->msgs));
	return uet_list_entry(uet_list_first(&s->pds->msgs), struct uet_pds_msg, link);
}

/* The READ that leaves now, for bytes [from, to) of the message. */
static struct uet_pds_msg *read_of(struct side *s, uint32_t from, uint32_t to)
{
	struct uet_pds_msg *msg;
	struct stub_pkt p;

	uet_ses_progress(s->ses, 0);
	msg = oldest(s);
	assert_int_equal(msg->pkt_cnt, (to - from + MTU - 1) / MTU);
	stub_fill(s->pds, msg, 0, &p);
	assert_int_equal(p.req.opcode, UET_OP_READ);
	assert_int_equal(p.req.format, UET_HDR_REQUEST_STD);
	assert_int_equal(p.mode, UET_MODE_RUD);
	assert_true(p.req.rel);
	assert_int_equal(p.req.job_id, 0x0a0b0c);
	assert_int_equal(p.req.pid_on_fep, 0xabc);
	assert_int_equal(p.req.resource_index, 0xdef);
	assert_int_equal(p.req.ri_generation, 5);
	assert_int_equal(p.req.match_bits, KEY);
	assert_int_equal(p.req.buffer_offset, BASE + from);
	assert_int_equal(p.req.request_length, to - from);
	assert_int_equal(msg->pdc->peer.port, PORT);
	return msg;
}

/* Answer the whole READ @msg for bytes [from, to) with data, inside ACKs. */
static void serve(struct side *s, struct uet_pds_msg *msg, uint32_t from, uint32_t to)
{
	uint8_t raw[UET_SES_RESP_DATA_LEN + MTU];
	uint32_t k;

	msg->next = msg->pkt_cnt;
	for (k = 0; k < msg->pkt_cnt; k++) {
		uint32_t n = to - from - k * MTU < MTU ? to - from - k * MTU : MTU;
		struct uet_ses_resp resp = {
			.format = UET_HDR_RESPONSE_DATA, .opcode = UET_RESP_W_DATA,
			.return_code = UET_RC_OK, .payload_length = (uint16_t)n,
			.message_offset = k * MTU,
		};
		size_t len = uet_ses_resp_pack(&resp, raw);

		memcpy(raw + len, data + from + k * MTU, n);
		assert_true(stub_respond(s->pds, msg, k, resp.format, raw, len + n));
	}
	stub_done(s->pds, msg, 0, 0);
}

static void assert_received(struct side *s)
{
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, 0);
	assert_int_equal(s->rx[0].res.len, LEN);
	assert_int_equal(s->rx[0].res.data, 0x42);
	assert_int_equal(s->rx[0].res.source.initiator, PORT);
	assert_memory_equal(buf, data, LEN);
	assert_int_equal(buf[LEN], 0xee);
}

/* A receive waits: READ begins once the eager bytes are here, in whichever order they come. */
static void matched(void **state)
{
	struct side *s = new_side(0);
	struct uet_pds_answer a;

	(void)state;
	recv_into(s, LEN);
	a = part(s, 1, EAGER);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->pds->posts, 0);
	a = part(s, 0, EAGER);
	assert_kept(a, UET_LIST_EXPECTED, EAGER);
	serve(s, read_of(s, EAGER, LEN), EAGER, LEN);
	assert_received(s);
	assert_int_equal(uet_ses_stats(s->ses)->rendezvous, 1);
	side_free(s);
}

/* Nobody waits: only the eager bytes are kept. */
static void unexpected(void **state)
{
	static const uint32_t eagers[] = { 0, 1, MTU, EAGER, 3 * MTU };
	size_t e;

	(void)state;
	for (e = 0; e < UET_ARRAY_SIZE(eagers); e++) {
		struct side *s = new_side(3 * MTU);
		uint32_t eager = eagers[e], k, cnt = eager ? (eager + MTU - 1) / MTU : 1;
		struct uet_pds_answer a;

		for (k = 0; k < cnt; k++) {
			a = part(s, k, eager);
			if (k + 1 < cnt)
				assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		}
		assert_kept(a, UET_LIST_OVERFLOW, eager);
		uet_ses_progress(s->ses, 0);
		assert_int_equal(s->pds->posts, 0);
		recv_into(s, LEN);
		serve(s, read_of(s, eager, LEN), eager, LEN);
		assert_received(s);
		side_free(s);
	}
}

/* The receive comes between the eager packets. */
static void between(void **state)
{
	struct side *s = new_side(EAGER);
	struct uet_pds_answer a;

	(void)state;
	part(s, 0, EAGER);
	recv_into(s, LEN);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->pds->posts, 0);
	a = part(s, 1, EAGER);
	assert_kept(a, UET_LIST_EXPECTED, EAGER);
	serve(s, read_of(s, EAGER, LEN), EAGER, LEN);
	assert_received(s);
	side_free(s);
}

/* No room even for the eager bytes: refused until there is a receive. */
static void no_room(void **state)
{
	struct side *s = new_side(EAGER - 1);
	struct uet_pds_answer a;

	(void)state;
	a = part(s, 0, EAGER);
	assert_nack(a, UET_NACK_NO_PKT_BUFFER);
	recv_into(s, LEN);
	part(s, 0, EAGER);
	part(s, 1, EAGER);
	serve(s, read_of(s, EAGER, LEN), EAGER, LEN);
	assert_received(s);
	side_free(s);
}

/* What does not fit is not read, but for the last byte, last. */
static void truncated(void **state)
{
	static const uint32_t rooms[] = { 0, MTU, EAGER, EAGER + 1, LEN - 1 };
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(rooms); i++) {
		struct side *s = new_side(0);
		uint32_t room = rooms[i];

		recv_into(s, room);
		part(s, 0, EAGER);
		part(s, 1, EAGER);
		if (room > EAGER) {
			serve(s, read_of(s, EAGER, room), EAGER, room);
			assert_int_equal(s->rx_cnt, 0);
		}
		serve(s, read_of(s, LEN - 1, LEN), LEN - 1, LEN);
		assert_int_equal(s->rx_cnt, 1);
		assert_int_equal(s->rx[0].res.err, -EMSGSIZE);
		assert_int_equal(s->rx[0].res.len, room);
		assert_int_equal(s->rx[0].res.msg_len, LEN);
		assert_memory_equal(buf, data, room);
		assert_int_equal(buf[room], 0xee);
		side_free(s);
	}
}

/* Discarded, before or after the eager bytes are all here: the last byte frees its source. */
static void discarded(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 7 };
	struct uet_ses_rx_result res;
	int early;

	(void)state;
	for (early = 0; early < 2; early++) {
		struct side *s = new_side(EAGER);
		struct uet_pds_answer a;

		part(s, 0, EAGER);
		if (!early)
			part(s, 1, EAGER);
		assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL),
				 0);
		assert_int_equal(res.msg_len, LEN);
		if (early) {
			uet_ses_progress(s->ses, 0);
			assert_int_equal(s->pds->posts, 0);
			a = part(s, 1, EAGER);
			assert_kept(a, UET_LIST_EXPECTED, EAGER);
		}
		serve(s, read_of(s, LEN - 1, LEN), LEN - 1, LEN);
		assert_int_equal(s->rx_cnt, 0);
		assert_true(uet_list_empty(&s->pds->msgs));
		side_free(s);
	}
}

/* All of it is eager: a plain send in other words. */
static void all_eager(void **state)
{
	struct side *s = new_side(0);
	struct uet_ses_req req = part_req(0, 100);
	struct uet_addr from = source();
	struct uet_pds_answer a;

	(void)state;
	req.request_length = 100;
	recv_into(s, LEN);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, 100);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx[0].res.len, 100);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->pds->posts, 0);
	side_free(s);
}

/* Parts of a multi-receive buffer are filled like other receives. */
static void multi(void **state)
{
	struct side *s = new_side(0);
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);

	(void)state;
	rx->queue = UET_SES_TAGGED;
	rx->ignore = ~0ull;
	rx->multi = true;
	rx->min_free = 1;
	rx->len = LEN;
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = buf;
	rx->iov[0].iov_len = LEN;
	uet_ses_recv(s->rxq, rx, 0);
	part(s, 0, EAGER);
	part(s, 1, EAGER);
	serve(s, read_of(s, EAGER, LEN), EAGER, LEN);
	assert_received(s);
	assert_true(s->rx[0].res.released);
	side_free(s);
}

/* The READ fails: the receive does, with what the source answered. */
static void read_fails(void **state)
{
	int how;

	(void)state;
	for (how = 0; how < 3; how++) {
		struct side *s = new_side(0);
		struct uet_pds_msg *msg;

		recv_into(s, LEN);
		part(s, 0, EAGER);
		part(s, 1, EAGER);
		if (how == 2)	/* it ends inside the call that posts it */
			s->pds->done_in_post = 1;
		else
			msg = read_of(s, EAGER, LEN);
		if (how == 0) {
			msg->next = 1;
			stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_BAD_MKEY);
			stub_done(s->pds, msg, 0, 0);
		} else if (how == 1) {
			stub_done(s->pds, msg, -ETIMEDOUT, 0);
		} else {
			uet_ses_progress(s->ses, 0);
		}
		assert_int_equal(s->rx_cnt, 1);
		assert_int_equal(s->rx[0].res.err, -EIO);
		assert_int_equal(s->rx[0].res.rc, how == 0 ? UET_RC_BAD_MKEY : 0);
		assert_int_equal(s->rx[0].res.len, 0);
		side_free(s);
	}
}

/* PDS takes no more for now: the READ is posted by and by. */
static void posted_later(void **state)
{
	struct side *s = new_side(0);

	(void)state;
	recv_into(s, LEN);
	part(s, 0, EAGER);
	part(s, 1, EAGER);
	s->pds->refuse = 1;
	uet_ses_progress(s->ses, 0);
	assert_true(uet_list_empty(&s->pds->msgs));
	assert_int_equal(uet_ses_next(s->ses), 50 * MS);
	uet_ses_progress(s->ses, 50 * MS);
	serve(s, oldest(s), EAGER, LEN);
	assert_received(s);
	side_free(s);
}

/* The queue goes away: whatever comes of the READ is nobody's, and the receive waits again. */
static void detached(void **state)
{
	int posted;

	(void)state;
	for (posted = 0; posted < 2; posted++) {
		struct side *s = new_side(0);

		recv_into(s, LEN);
		part(s, 0, EAGER);
		part(s, 1, EAGER);
		if (posted)
			read_of(s, EAGER, LEN);
		uet_ses_rxq_detach(s->ses, 1);
		memset(buf, 0xee, sizeof(buf));
		uet_ses_progress(s->ses, 0);
		if (posted)
			serve(s, oldest(s), EAGER, LEN);
		assert_true(uet_list_empty(&s->pds->msgs));
		assert_int_equal(s->rx_cnt, 0);
		assert_int_equal(buf[EAGER], 0xee);
		assert_true(uet_ses_cancel(s->rxq, buf));
		side_free(s);
	}
}

/* Headers that contradict themselves, sources that cannot be read from. */
static void bad_headers(void **state)
{
	struct side *s = new_side(LEN);
	struct uet_addr from = source();
	struct uet_pds_answer a;
	struct uet_ses_req req;

	(void)state;
	req = part_req(0, LEN + 1);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	req = part_req(0, MTU);
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU - 1);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	req = part_req(1, MTU);			/* beyond what is eager */
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	req = part_req(0, MTU);
	req.initiator = 0x10000;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	req = part_req(0, MTU);
	req.format = UET_HDR_REQUEST_MEDIUM;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	/* One packet says otherwise than the first: the message is lost. */
	side_recv(s, UET_SES_TAGGED, 7, 0, buf, LEN, buf);
	part(s, 0, EAGER);
	a = part(s, 1, EAGER + 1);
	assert_refused(a, UET_RC_UNSUPPORTED_SIZE);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->pds->posts, 0);
	side_free(s);
}

/* The vectors of the wire notes, received and answered by a READ. */
static void vectors(void **state)
{
	json_t *all = vec_load("vectors-ses.json");
	static uint8_t payload[4096], to[1 << 20];
	struct uet_ses_cfg cfg = stub_cfg();
	int seen = 0;
	struct vec v;
	size_t i;

	(void)state;
	for (i = 0; i < json_array_size(all); i++, json_decref(v.fields)) {
		struct uet_addr from = source();
		struct uet_pds_answer a;
		struct uet_ses_req req;
		struct stub_pkt p;
		struct side *s;

		vec_open(&v, all, i);
		if (strncmp(v.name, "rendezvous_", 11))
			continue;
		seen++;
		assert_true(uet_ses_req_unpack(&req, UET_HDR_REQUEST_STD, v.bytes, v.len) > 0);
		cfg.pid_on_fep = req.pid_on_fep;
		cfg.resource_index = req.resource_index;
		cfg.payload_mtu = 4096;
		cfg.pds.strict_port = true;
		s = side_new(&cfg, 1);
		side_recv(s, req.opcode == UET_OP_RENDEZVOUS_TSEND ? UET_SES_TAGGED :
								     UET_SES_UNTAGGED,
			  req.match_bits, 0, to, sizeof(to), to);
		a = side_req(s, &from, UET_MODE_ROD, &req, payload,
			     (size_t)vec_num(&v, "eager_length"));
		assert_kept(a, UET_LIST_EXPECTED, req.eager_length);
		uet_ses_progress(s->ses, 0);
		stub_fill(s->pds, oldest(s), 0, &p);
		assert_int_equal(p.req.pid_on_fep, vec_num(&v, "read_pid_on_fep"));
		assert_int_equal(p.req.resource_index, vec_num(&v, "read_resource_index"));
		assert_int_equal(p.req.ri_generation, vec_opt(&v, "read_ri_generation"));
		assert_int_equal(p.req.match_bits, vec_num(&v, "read_memory_key"));
		assert_int_equal(p.req.buffer_offset,
				 vec_opt(&v, "read_offset") + req.eager_length);
		assert_int_equal(p.req.request_length, req.request_length - req.eager_length);
		assert_int_equal(oldest(s)->pdc->peer.port, 4793);
		side_free(s);
	}
	assert_int_equal(seen, 2);
	json_decref(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matched),
		cmocka_unit_test(unexpected),
		cmocka_unit_test(between),
		cmocka_unit_test(no_room),
		cmocka_unit_test(truncated),
		cmocka_unit_test(discarded),
		cmocka_unit_test(all_eager),
		cmocka_unit_test(multi),
		cmocka_unit_test(read_fails),
		cmocka_unit_test(posted_later),
		cmocka_unit_test(detached),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
