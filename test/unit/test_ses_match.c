/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Matching: order, wildcards, directed receives, cancel; against a simple model. */
#include "test_ses_stub.h"

#define MTU 1024

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

static void arrive(struct side *s, struct uet_addr *from, uint32_t initiator, uint8_t op,
		   uint64_t tag, uint32_t value)
{
	static uint16_t id;
	struct uet_ses_req req = stub_req(op, ++id, 4);
	struct uet_pds_answer a;

	req.initiator = initiator;
	req.match_bits = tag;
	a = side_req(s, from, UET_MODE_RUD, &req, &value, 4);
	assert_int_equal(a.nack, 0);
}

static void first_posted_wins(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	uint32_t buf[4];

	(void)state;
	side_recv(s, UET_SES_TAGGED, 0x10, 0, &buf[0], 4, &buf[0]);
	side_recv(s, UET_SES_TAGGED, 0x20, 0x0f, &buf[1], 4, &buf[1]);
	side_recv(s, UET_SES_TAGGED, 0, ~0ull, &buf[2], 4, &buf[2]);
	side_recv(s, UET_SES_UNTAGGED, 0x33, 0, &buf[3], 4, &buf[3]);
	arrive(s, &from, 1, UET_OP_TAGGED_SEND, 0x27, 100);
	arrive(s, &from, 1, UET_OP_TAGGED_SEND, 0x27, 101);
	arrive(s, &from, 1, UET_OP_TAGGED_SEND, 0x10, 102);
	arrive(s, &from, 1, UET_OP_SEND, 0, 103);
	assert_ptr_equal(s->rx[0].context, &buf[1]);
	assert_ptr_equal(s->rx[1].context, &buf[2]);
	assert_ptr_equal(s->rx[2].context, &buf[0]);
	assert_ptr_equal(s->rx[3].context, &buf[3]);
	assert_int_equal(buf[1], 100);
	assert_int_equal(buf[2], 101);
	assert_int_equal(buf[0], 102);
	assert_int_equal(buf[3], 103);
	side_free(s);
}

/* Host, initiator, both must fit; the port a packet came from does not matter. */
static void directed(void **state)
{
	struct side *s = new_side();
	struct uet_addr a = stub_addr(7, 1111), b = stub_addr(8, 1);
	struct uet_ses_rx *rx;
	uint32_t buf[3];
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		rx = uet_ses_rx_get(s->rxq);
		rx->queue = UET_SES_UNTAGGED;
		rx->directed = i == 0;
		rx->source.host = stub_addr(7, 0);
		rx->source.initiator = 77;
		rx->len = 4;
		rx->iov_cnt = 1;
		rx->iov[0].iov_base = &buf[i];
		rx->iov[0].iov_len = 4;
		rx->context = &buf[i];
		uet_ses_recv(s->rxq, rx, 0);
	}
	arrive(s, &b, 77, UET_OP_SEND, 0, 1);		/* other host */
	assert_ptr_equal(s->rx[0].context, &buf[1]);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, &buf[2], 4, &buf[2]);
	arrive(s, &a, 78, UET_OP_SEND, 0, 2);		/* other initiator */
	assert_ptr_equal(s->rx[1].context, &buf[2]);
	arrive(s, &a, 77, UET_OP_SEND, 0, 3);
	assert_ptr_equal(s->rx[2].context, &buf[0]);
	side_free(s);
}

static void cancel(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	uint32_t buf[3];

	(void)state;
	side_recv(s, UET_SES_TAGGED, 1, 0, &buf[0], 4, s);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, &buf[1], 4, s);
	side_recv(s, UET_SES_TAGGED, 1, 0, &buf[2], 4, s);
	assert_false(uet_ses_cancel(s->rxq, buf));
	assert_true(uet_ses_cancel(s->rxq, s));		/* oldest of both queues first */
	assert_int_equal(s->rx[0].res.err, -ECANCELED);
	assert_int_equal(s->rx[0].res.queue, UET_SES_TAGGED);
	assert_true(uet_ses_cancel(s->rxq, s));
	assert_int_equal(s->rx[1].res.queue, UET_SES_UNTAGGED);
	arrive(s, &from, 1, UET_OP_TAGGED_SEND, 1, 5);
	assert_int_equal(buf[2], 5);
	assert_false(uet_ses_cancel(s->rxq, s));
	assert_int_equal(s->rx_cnt, 3);
	side_free(s);
}

/* A matched receive cannot be cancelled any more. */
static void cancel_matched(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	static uint8_t buf[2 * MTU];
	struct uet_ses_req req = stub_part(UET_OP_SEND, 1, 2 * MTU, 0, MTU);

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), s);
	side_req(s, &from, UET_MODE_RUD, &req, buf, MTU);
	assert_false(uet_ses_cancel(s->rxq, s));
	assert_int_equal(s->rx_cnt, 0);
	side_free(s);
}

/*
 * The model: two lists per queue. Messages have one to three packets, which arrive in random
 * order, mixed with those of other messages, with new receives and with peeks.
 */
enum { MSGS = 400, RECVS = 400 };

static struct m_msg {
	struct uet_addr from;
	struct uet_ses_req req;
	bool sent[3], unexpected;
	int pkts, left, taken_by;	/* receive, -1: none yet */
} msgs[MSGS];

static struct m_recv {
	struct uet_ses_rx pattern;
	bool posted;
	int got;			/* message, -1: none yet */
	uint8_t buf[3 * MTU];
} recvs[RECVS];

static int n_msgs, n_recvs, order[MSGS], n_order;

static bool m_match(const struct m_recv *r, const struct m_msg *m)
{
	const struct uet_ses_rx *p = &r->pattern;

	if ((p->queue == UET_SES_TAGGED) != (m->req.opcode == UET_OP_TAGGED_SEND))
		return false;
	if (p->queue == UET_SES_TAGGED && (p->tag & ~p->ignore) != (m->req.match_bits & ~p->ignore))
		return false;
	return !p->directed || (p->source.initiator == m->req.initiator &&
				p->source.host.ip[3] == m->from.ip[3]);
}

static void m_new_message(struct uet_rand *rnd)
{
	struct m_msg *m = &msgs[n_msgs];
	uint32_t r = uet_rand_u32(rnd);

	m->from = stub_addr((uint8_t)(7 + r % 2), 1);
	m->pkts = m->left = 1 + r / 2 % 3;
	m->req = stub_req(r & 64 ? UET_OP_TAGGED_SEND : UET_OP_SEND, (uint16_t)(n_msgs + 1),
			  (uint32_t)(m->pkts * MTU));
	m->req.initiator = 1 + r / 128 % 2;
	m->req.match_bits = r / 256 % 4;
	m->taken_by = -1;
	memset(m->sent, 0, sizeof(m->sent));
	m->unexpected = false;
	n_msgs++;
}

/* Deliver a random packet of a random unfinished message. */
static void m_packet(struct side *s, struct uet_rand *rnd)
{
	struct m_msg *m = &msgs[uet_rand_u32(rnd) % (uint32_t)n_msgs];
	uint8_t payload[MTU];
	struct uet_ses_req req;
	uint32_t k = uet_rand_u32(rnd) % (uint32_t)m->pkts;
	int i, before = s->rx_cnt;

	if (m->left == 0 || m->sent[k])
		return;
	if (m->left == m->pkts) {	/* the first to arrive: it is matched now */
		order[n_order++] = (int)(m - msgs);
		for (i = 0; i < n_recvs && m->taken_by < 0; i++) {
			if (!recvs[i].posted || !m_match(&recvs[i], m))
				continue;
			recvs[i].posted = false;
			recvs[i].got = (int)(m - msgs);
			m->taken_by = i;
		}
		m->unexpected = m->taken_by < 0;
	}
	m->sent[k] = true;
	m->left--;
	req = stub_part(m->req.opcode, m->req.message_id, m->req.request_length, k * MTU, MTU);
	req.initiator = m->req.initiator;
	req.match_bits = m->req.match_bits;
	fill_pattern(payload, MTU, m->req.message_id * 3u + k);
	assert_int_equal(side_req(s, &m->from, UET_MODE_RUD, &req, payload, MTU).nack, 0);
	assert_int_equal(s->rx_cnt, before + (m->left == 0 && m->taken_by >= 0));
}

static void m_random_pattern(struct uet_ses_rx *p, struct uet_rand *rnd)
{
	uint32_t r = uet_rand_u32(rnd);

	memset(p, 0, sizeof(*p));
	p->queue = r & 1;
	p->tag = r / 2 % 4;
	p->ignore = r / 8 % 4;
	p->directed = r & 32;
	p->source.host = stub_addr((uint8_t)(7 + r / 64 % 2), 0);
	p->source.initiator = 1 + r / 128 % 2;
}

static struct m_msg *m_first_unexpected(const struct m_recv *r)
{
	int i;

	for (i = 0; i < n_order; i++)
		if (msgs[order[i]].unexpected && m_match(r, &msgs[order[i]]))
			return &msgs[order[i]];
	return NULL;
}

static void m_receive(struct side *s, struct uet_rand *rnd)
{
	struct m_recv *r = &recvs[n_recvs];
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);
	struct m_msg *m;
	int before = s->rx_cnt;

	m_random_pattern(&r->pattern, rnd);
	*rx = r->pattern;
	uet_list_init(&rx->link);
	rx->len = sizeof(r->buf);
	rx->iov_cnt = 2;
	rx->iov[0].iov_base = r->buf;
	rx->iov[0].iov_len = 1500;
	rx->iov[1].iov_base = r->buf + 1500;
	rx->iov[1].iov_len = sizeof(r->buf) - 1500;
	rx->context = r;
	r->got = -1;
	m = m_first_unexpected(r);
	r->posted = !m;
	if (m) {
		m->unexpected = false;
		m->taken_by = n_recvs;
		r->got = (int)(m - msgs);
	}
	n_recvs++;
	uet_ses_recv(s->rxq, rx, 0);
	assert_int_equal(s->rx_cnt, before + (m && m->left == 0));
}

static void m_peek(struct side *s, struct uet_rand *rnd)
{
	static struct m_recv probe;
	struct uet_ses_rx_result res;
	struct m_msg *m;
	int ret;

	m_random_pattern(&probe.pattern, rnd);
	m = m_first_unexpected(&probe);
	ret = uet_ses_peek(s->rxq, &probe.pattern, UET_SES_PEEK, &res, NULL);
	assert_int_equal(ret, m && m->sent[0] ? 0 : -ENOENT);
	if (ret)
		return;
	assert_int_equal(res.len, m->req.request_length);
	assert_int_equal(res.msg_len, m->req.request_length);
	assert_int_equal(res.tag, m->req.match_bits);
	assert_int_equal(res.source.initiator, m->req.initiator);
}

static void m_check_deliveries(const struct side *s)
{
	uint8_t want[MTU];
	int i, k;

	for (i = 0; i < s->rx_cnt; i++) {
		const struct m_recv *r = s->rx[i].context;
		const struct m_msg *m;

		assert_true(r->got >= 0);
		m = &msgs[r->got];
		assert_int_equal(m->left, 0);
		assert_int_equal(s->rx[i].res.err, 0);
		assert_int_equal(s->rx[i].res.msg_len, m->pkts * MTU);
		for (k = 0; k < m->pkts; k++) {
			fill_pattern(want, MTU, m->req.message_id * 3u + (uint32_t)k);
			assert_memory_equal(r->buf + k * MTU, want, MTU);
		}
	}
}

static void against_model(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	uint64_t seed;

	(void)state;
	rxq.max_rx = RECVS;
	rxq.max_unexpected = MSGS;
	rxq.max_unexpected_bytes = 64 << 20;
	for (seed = 1; seed <= 30; seed++) {
		struct side *s = side_new_rxq(&cfg, &rxq, 1);
		struct uet_rand rnd;

		uet_rand_seed(&rnd, seed);
		n_msgs = n_recvs = n_order = 0;
		m_new_message(&rnd);
		while (n_msgs < MSGS || n_recvs < RECVS) {
			switch (uet_rand_u32(&rnd) % 6) {
			case 0:
				if (n_msgs < MSGS)
					m_new_message(&rnd);
				break;
			case 1:
				if (n_recvs < RECVS)
					m_receive(s, &rnd);
				break;
			case 2:
				m_peek(s, &rnd);
				break;
			default:
				m_packet(s, &rnd);
			}
		}
		assert_true(s->rx_cnt > 50);
		m_check_deliveries(s);
		side_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_posted_wins),
		cmocka_unit_test(directed),
		cmocka_unit_test(cancel),
		cmocka_unit_test(cancel_matched),
		cmocka_unit_test(against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
