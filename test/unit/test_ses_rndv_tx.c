/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rendezvous sends as their source, packet by packet: eager bytes, being read, completion. */
#include "test_ses_stub.h"

#define MTU 1024
#define LEN (6 * MTU + 7)

static uint8_t data[LEN];

static struct side *new_side(size_t eager)
{
	struct uet_ses_cfg cfg = stub_cfg();

	cfg.rndv_size = 2 * MTU;
	cfg.rndv_eager = eager;
	cfg.defer_size = MTU;
	cfg.probe_time = 100 * MS;
	fill_pattern(data, LEN, 3);
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

static struct uet_ses_tx *make(struct side *s, uint8_t opcode, size_t len)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);

	tx->dest.addr = target();
	tx->dest.pid_on_fep = 0x123;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = opcode;
	tx->mode = UET_MODE_ROD;
	tx->tag = 0x77;
	tx->has_data = true;
	tx->data = 5;
	tx->len = len;
	tx->iov_cnt = 2;
	tx->iov[0].iov_base = data;
	tx->iov[0].iov_len = len / 3;
	tx->iov[1].iov_base = data + len / 3;
	tx->iov[1].iov_len = len - len / 3;
	tx->context = tx;
	return tx;
}

/* Start a send of all of data; its first packet goes to @p. */
static struct uet_pds_msg *start(struct side *s, struct stub_pkt *p)
{
	assert_int_equal(uet_ses_send(s->ses, make(s, UET_OP_TAGGED_SEND, LEN), 0), 0);
	stub_next(s->pds, oldest(s), p);
	return oldest(s);
}

/* The same, and the target has kept the eager bytes, of one packet. */
static void park(struct side *s, struct stub_pkt *p)
{
	struct uet_pds_msg *msg = start(s, p);

	assert_true(p->req.eom);
	assert_true(stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_OK));
	stub_done(s->pds, msg, 0, 0);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 0);
	assert_false(uet_ses_idle(s->ses));
}

/* Packet @k of a READ @id of bytes [from, to) of the message that @p began. */
static struct uet_ses_req read_req(const struct stub_pkt *p, uint16_t id, uint32_t from,
				   uint32_t to, uint32_t k)
{
	uint32_t n = (uint32_t)uet_min_u64(to - from - k * MTU, MTU);
	struct uet_ses_req req = stub_part(UET_OP_READ, id, to - from, k * MTU, n);

	req.pid_on_fep = p->req.read_pid_on_fep;
	req.resource_index = p->req.read_resource_index;
	req.match_bits = p->req.read_memory_key;
	req.buffer_offset = p->req.read_offset + from;
	return req;
}

static struct uet_pds_answer read_pkt(struct side *s, const struct stub_pkt *p, uint16_t id,
				      uint32_t from, uint32_t to, uint32_t k)
{
	struct uet_ses_req req = read_req(p, id, from, to, k);
	struct uet_addr from_addr = target();

	return side_req(s, &from_addr, UET_MODE_RUD, &req, NULL, 0);
}

/* The reply that waits in PDS has the bytes from @off on, and is acknowledged. */
static void acknowledge(struct side *s, uint32_t off, size_t n)
{
	struct uet_pds_msg *msg = oldest(s);
	struct stub_pkt p;

	stub_next(s->pds, msg, &p);
	assert_int_equal(p.next_hdr, UET_HDR_RESPONSE_DATA);
	assert_int_equal(p.len - p.hdr_len, n);
	assert_memory_equal(p.data + p.hdr_len, data + off, n);
	stub_done(s->pds, msg, 0, 0);
}

static void assert_done(struct side *s, int err)
{
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, err);
	assert_true(uet_ses_idle(s->ses));
}

/* Which sends go so, and what their packets say. */
static void headers(void **state)
{
	struct side *s = new_side(MTU + 100);
	struct uet_ses_tx *tx;
	struct stub_pkt p;
	uint64_t key;

	(void)state;
	start(s, &p);
	assert_int_equal(p.req.opcode, UET_OP_RENDEZVOUS_TSEND);
	assert_true(p.req.som && p.req.hd && !p.req.eom && !p.req.dc);
	assert_int_equal(p.hdr_len, UET_SES_STD_LEN + UET_SES_EXT_RNDV_LEN);
	assert_int_equal(p.len - p.hdr_len, MTU);
	assert_int_equal(p.req.request_length, LEN);
	assert_int_equal(p.req.match_bits, 0x77);
	assert_int_equal(p.req.header_data, 5);
	assert_int_equal(p.req.eager_length, MTU + 100);
	assert_int_equal(p.req.read_pid_on_fep, 0x123);
	assert_int_equal(p.req.read_resource_index, 0);
	assert_int_equal(p.req.read_ri_generation, 0);
	assert_int_equal(p.req.read_offset, 0);
	key = p.req.read_memory_key;
	assert_true(key && !(key >> 62));
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(oldest(s)->pkt_cnt, 2);
	assert_true(p.req.eom && !p.req.som);
	assert_int_equal(p.req.payload_length, 100);
	assert_int_equal(p.req.eager_length, MTU + 100);
	assert_int_equal(p.req.read_memory_key, key);
	stub_done(s->pds, oldest(s), -EIO, 0);
	assert_done(s, -EIO);
	/* Too short, injected, or to be matched: those go otherwise. */
	uet_ses_send(s->ses, make(s, UET_OP_SEND, 2 * MTU), 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	stub_done(s->pds, oldest(s), 0, 0);
	tx = make(s, UET_OP_SEND, LEN);
	tx->match = true;
	uet_ses_send(s->ses, tx, 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_DEFERRABLE_SEND);
	stub_done(s->pds, oldest(s), 0, 0);
	uet_ses_send(s->ses, make(s, UET_OP_SEND, 2 * MTU + 1), 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_RENDEZVOUS_SEND);
	assert_int_not_equal(p.req.read_memory_key, key);
	side_free(s);
}

/* Something worth a reply of its own is always left to be read. */
static void eager_sizes(void **state)
{
	struct side *s = new_side(0);
	struct uet_ses_cfg cfg = stub_cfg();
	struct stub_pkt p;

	(void)state;
	start(s, &p);
	assert_true(p.req.som && p.req.eom);
	assert_int_equal(p.req.eager_length, 0);
	assert_int_equal(p.len, p.hdr_len);
	side_free(s);
	cfg.rndv_size = 1;
	cfg.rndv_eager = 1 << 20;
	s = side_new(&cfg, 1);
	uet_ses_send(s->ses, make(s, UET_OP_SEND, 16), 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.opcode, UET_OP_SEND);
	stub_done(s->pds, oldest(s), 0, 0);
	uet_ses_send(s->ses, make(s, UET_OP_SEND, 17), 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.eager_length, 0);
	stub_done(s->pds, oldest(s), -EIO, 0);
	uet_ses_send(s->ses, make(s, UET_OP_SEND, 1000), 0);
	stub_next(s->pds, oldest(s), &p);
	assert_int_equal(p.req.eager_length, 1000 - 17);
	side_free(s);
}

/* Done when the last reply is acknowledged, and not a moment before. */
static void read_once(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_answer a;
	struct stub_pkt p;
	uint32_t k;

	(void)state;
	park(s, &p);
	for (k = 6; k-- > 0; ) {	/* in any order */
		a = read_pkt(s, &p, 1, MTU, LEN, k);
		assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	}
	for (k = 6; k-- > 0; ) {
		uet_ses_progress(s->ses, 0);
		assert_int_equal(s->tx_cnt, 0);
		acknowledge(s, (k + 1) * MTU, k == 5 ? 7 : MTU);
	}
	assert_done(s, 0);
	assert_int_equal(s->rma_cnt, 0);	/* nobody's region was read */
	assert_int_equal(uet_ses_stats(s->ses)->rma_reads, 0);
	a = read_pkt(s, &p, 2, 0, LEN, 0);
	assert_refused(a, UET_RC_BAD_MKEY);
	side_free(s);
}

/* A reader with several READs, and one that wants only a part and then the last byte. */
static void read_in_parts(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_answer a;
	struct stub_pkt p;

	(void)state;
	park(s, &p);
	/* The last part is over before an earlier one. */
	read_pkt(s, &p, 1, MTU, 3 * MTU, 0);
	acknowledge(s, MTU, MTU);
	read_pkt(s, &p, 2, 5 * MTU, LEN, 0);
	acknowledge(s, 5 * MTU, MTU);
	read_pkt(s, &p, 2, 5 * MTU, LEN, 1);
	acknowledge(s, 6 * MTU, 7);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 0);
	read_pkt(s, &p, 1, MTU, 3 * MTU, 1);
	acknowledge(s, 2 * MTU, MTU);
	assert_done(s, 0);
	side_free(s);
	s = new_side(MTU);
	park(s, &p);
	read_pkt(s, &p, 1, MTU, MTU + 100, 0);
	acknowledge(s, MTU, 100);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 0);
	a = read_pkt(s, &p, 2, LEN - 1, LEN, 0);	/* one byte: inside the ACK */
	assert_int_equal(a.next_hdr, UET_HDR_RESPONSE_DATA);
	assert_int_equal(a.ses[a.len - 1], data[LEN - 1]);
	assert_done(s, 0);
	side_free(s);
}

/* It is read before the acknowledgement of the eager bytes is here. */
static void read_early(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_msg *msg;
	struct stub_pkt p;

	(void)state;
	msg = start(s, &p);
	read_pkt(s, &p, 1, LEN - 1, LEN, 0);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 0);
	stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_OK);
	stub_done(s->pds, msg, 0, 0);
	assert_done(s, 0);
	side_free(s);
}

/* Who may not read, and what cannot be read. */
static void not_readable(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_addr other = stub_addr(3, 4793), from = target();
	struct uet_pds_answer a;
	struct uet_ses_req req;
	struct stub_pkt p;

	(void)state;
	park(s, &p);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	a = side_req(s, &other, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_MKEY);
	req.match_bits++;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_MKEY);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	req.pid_on_fep++;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_PID);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	req.job_id++;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_JOB_ID);
	req.rel = false;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_PERM_VIOLATION);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	req.ri_generation = 1;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_GENERATION);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	req.buffer_offset = LEN - MTU + 1;
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_ADDR);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	a = side_req(s, &from, UET_MODE_RUDI, &req, NULL, 0);
	assert_refused(a, UET_RC_OP_VIOLATION);
	req.resource_index = 1;			/* no key of the application's */
	a = side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_refused(a, UET_RC_BAD_MKEY);
	req = read_req(&p, 1, MTU, 2 * MTU, 0);
	req.opcode = UET_OP_WRITE;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_BAD_INDEX);
	uet_ses_progress(s->ses, 0);
	assert_int_equal(s->tx_cnt, 0);
	side_free(s);
}

/* The target refuses the eager bytes: for good, or for now. */
static void refused(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_msg *msg;
	struct stub_pkt p, q;

	(void)state;
	msg = start(s, &p);
	stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_NO_MATCH);
	stub_done(s->pds, msg, 0, 0);
	uet_ses_progress(s->ses, 0);
	uet_ses_progress(s->ses, 50 * MS);
	msg = oldest(s);
	stub_next(s->pds, msg, &q);
	assert_int_equal(q.req.opcode, UET_OP_RENDEZVOUS_TSEND);
	assert_int_equal(q.req.read_memory_key, p.req.read_memory_key);
	assert_int_not_equal(q.req.message_id, p.req.message_id);
	stub_respond_rc(s->pds, msg, 0, UET_RESP_RESPONSE, UET_RC_UNSUPPORTED_OP);
	stub_done(s->pds, msg, 0, 0);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].prov_errno, UET_RC_UNSUPPORTED_OP);
	side_free(s);
}

/* Whatever ends a READ half way ends the send: nobody would come for the rest. */
static void read_breaks(void **state)
{
	struct uet_addr from = target();
	int how;

	(void)state;
	for (how = 0; how < 3; how++) {
		struct side *s = new_side(MTU);
		struct stub_pkt p;

		park(s, &p);
		read_pkt(s, &p, 1, MTU, LEN, 0);
		if (how == 0) {			/* its PDC vanishes */
			acknowledge(s, MTU, MTU);
			side_pdc_gone(s, &from, UET_MODE_RUD, -ETIMEDOUT);
		} else if (how == 1) {		/* a reply is lost for good */
			stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
		} else {			/* and one that still waited for PDS */
			s->pds->refuse_return = 2;
			read_pkt(s, &p, 1, MTU, LEN, 1);
			stub_done(s->pds, oldest(s), 0, 0);
			side_pdc_gone(s, &from, UET_MODE_RUD, -ETIMEDOUT);
		}
		uet_ses_progress(s->ses, 0);
		assert_int_equal(s->tx_cnt, 1);
		assert_true(s->tx[0].err == -EIO || s->tx[0].err == -ETIMEDOUT);
		assert_true(uet_ses_idle(s->ses));
		side_free(s);
	}
}

/* Nobody comes: signs of life are asked for, and without them it is over. */
static void nobody_reads(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_pds_answer a;
	struct stub_pkt p, q;

	(void)state;
	park(s, &p);
	uet_ses_progress(s->ses, 1);
	uet_ses_progress(s->ses, 200 * MS);
	uet_ses_progress(s->ses, 201 * MS);
	stub_next(s->pds, oldest(s), &q);
	assert_int_equal(q.req.opcode, UET_OP_NO_OP);
	read_pkt(s, &p, 1, MTU, LEN, 0);	/* half a READ, and a reply under way */
	stub_done(s->pds, oldest(s), -ETIMEDOUT, 0);
	assert_int_equal(s->tx_cnt, 1);
	assert_int_equal(s->tx[0].err, -ETIMEDOUT);
	a = read_pkt(s, &p, 1, MTU, LEN, 1);
	assert_refused(a, UET_RC_BAD_MKEY);
	acknowledge(s, MTU, MTU);
	assert_int_equal(s->tx_cnt, 1);
	side_free(s);
}

/* PDS takes no message: the send did not happen, and nothing of it is left. */
static void not_started(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_ses_tx *tx = make(s, UET_OP_SEND, LEN);
	struct stub_pkt p;
	struct uet_pds_answer a;

	(void)state;
	s->pds->refuse = 1;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), -EAGAIN);
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
	stub_next(s->pds, oldest(s), &p);
	p.req.read_memory_key--;
	a = read_pkt(s, &p, 1, MTU, LEN, 0);
	assert_refused(a, UET_RC_BAD_MKEY);
	side_free(s);
}

/* The target lost what it kept: the send begins anew, and who still reads does not end it. */
static void begins_anew(void **state)
{
	struct side *s = new_side(MTU);
	struct uet_addr from = target();
	struct uet_ses_req req;
	struct stub_pkt p, ask;
	struct uet_pds_msg *msg;
	uint64_t now = 0;
	int i;

	(void)state;
	park(s, &p);
	msg = p.msg;
	for (i = 0; i < 2; i++)
		uet_ses_progress(s->ses, now += 100 * MS);
	uet_ses_progress(s->ses, now);
	stub_next(s->pds, oldest(s), &ask);
	assert_int_equal(ask.req.opcode, UET_OP_NO_OP);
	stub_respond_rc(s->pds, oldest(s), 0, UET_RESP_RESPONSE, UET_RC_DISABLED);
	stub_done(s->pds, oldest(s), 0, 0);
	for (i = 0; i < 2; i++)
		uet_ses_progress(s->ses, now += 400 * MS);
	assert_ptr_equal(oldest(s), msg);
	req = read_req(&p, 3, LEN - 1, LEN, 0);
	side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	uet_ses_progress(s->ses, now);
	assert_int_equal(s->tx_cnt, 0);
	stub_next(s->pds, msg, &p);
	assert_true(p.req.som);
	stub_done(s->pds, msg, -EIO, 0);
	assert_int_equal(s->tx_cnt, 1);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(eager_sizes),
		cmocka_unit_test(read_once),
		cmocka_unit_test(read_in_parts),
		cmocka_unit_test(read_early),
		cmocka_unit_test(not_readable),
		cmocka_unit_test(refused),
		cmocka_unit_test(read_breaks),
		cmocka_unit_test(nobody_reads),
		cmocka_unit_test(begins_anew),
		cmocka_unit_test(not_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
