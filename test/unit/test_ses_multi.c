/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Multi-receive buffers: packing, retirement, release; against a model over random sizes. */
#include "test_ses_stub.h"

#define MTU 1024

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

static struct uet_ses_rx *post(struct side *s, uint8_t queue, uint8_t *buf, size_t len,
			       size_t min_free)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);

	rx->queue = queue;
	rx->multi = true;
	rx->min_free = min_free;
	rx->len = len;
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = buf;
	rx->iov[0].iov_len = len;
	rx->context = buf;
	uet_ses_recv(s->rxq, rx, 0);
	return rx;
}

/* A whole message of one packet, filled with @id. */
static struct uet_pds_answer message(struct side *s, uint16_t id, uint32_t len)
{
	struct uet_addr from = stub_addr(7, 1);
	struct uet_ses_req req = stub_req(UET_OP_SEND, id, len);
	uint8_t payload[MTU];

	memset(payload, id, sizeof(payload));
	return side_req(s, &from, UET_MODE_RUD, &req, payload, len);
}

/* One packet of a message of two. */
static struct uet_pds_answer part(struct side *s, uint16_t id, uint32_t len, uint32_t off)
{
	struct uet_addr from = stub_addr(7, 1);
	uint32_t n = off ? len - MTU : MTU;
	struct uet_ses_req req = stub_part(UET_OP_SEND, id, len, off, n);
	uint8_t payload[MTU];

	memset(payload, id, sizeof(payload));
	return side_req(s, &from, UET_MODE_RUD, &req, payload, n);
}

#define assert_part(s, i, at, n, rel) \
	do { \
		assert_ptr_equal((s)->rx_at[i], at); \
		assert_int_equal((s)->rx[i].res.err, 0); \
		assert_int_equal((s)->rx[i].res.len, n); \
		assert_int_equal((s)->rx[i].res.released, rel); \
		assert_false((s)->rx_multi[i]); \
	} while (0)

#define assert_release(s, i, buf, e) \
	do { \
		assert_true((s)->rx_multi[i]); \
		assert_ptr_equal((s)->rx[i].context, buf); \
		assert_int_equal((s)->rx[i].res.err, e); \
		assert_true((s)->rx[i].res.released); \
	} while (0)

/* Back to back; the last message that leaves less than the minimum tells the release. */
static void packs(void **state)
{
	struct side *s = new_side();
	uint8_t buf[300];

	(void)state;
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	message(s, 1, 100);
	message(s, 2, 7);
	message(s, 3, 0);
	message(s, 4, 129);	/* leaves 64 */
	message(s, 5, 1);
	assert_int_equal(s->rx_cnt, 5);
	assert_part(s, 0, buf, 100, false);
	assert_part(s, 1, buf + 100, 7, false);
	assert_part(s, 2, buf + 107, 0, false);
	assert_part(s, 3, buf + 107, 129, false);
	assert_part(s, 4, buf + 236, 1, true);
	assert_int_equal(buf[99], 1);
	assert_int_equal(buf[100], 2);
	assert_int_equal(buf[235], 4);
	assert_int_equal(buf[236], 5);
	message(s, 6, 1);
	assert_int_equal(s->rx_cnt, 5);		/* nobody takes it */
	side_free(s);
}

/* What does not fit behind others goes into the next buffer; the first is released bare. */
static void too_long_for_the_rest(void **state)
{
	struct side *s = new_side();
	uint8_t a[200], b[200];

	(void)state;
	post(s, UET_SES_UNTAGGED, a, sizeof(a), 1);
	post(s, UET_SES_UNTAGGED, b, sizeof(b), 1);
	message(s, 1, 150);
	message(s, 2, 51);
	assert_int_equal(s->rx_cnt, 3);
	assert_part(s, 0, a, 150, false);
	assert_release(s, 1, a, 0);
	assert_part(s, 2, b, 51, false);
	side_free(s);
}

/* Longer than a whole buffer: it is cut, in an empty buffer only. */
static void truncates_in_empty(void **state)
{
	struct side *s = new_side();
	struct uet_pds_answer ans;
	uint8_t a[200], b[200];

	(void)state;
	post(s, UET_SES_UNTAGGED, a, sizeof(a), 1);
	post(s, UET_SES_UNTAGGED, b, sizeof(b), 1);
	message(s, 1, 0);
	ans = message(s, 2, 201);
	assert_int_equal(answer_resp(&ans).modified_length, 200);
	assert_int_equal(s->rx_cnt, 2);
	assert_ptr_equal(s->rx_at[1], a);
	assert_int_equal(s->rx[1].res.err, -EMSGSIZE);
	assert_int_equal(s->rx[1].res.len, 200);
	assert_true(s->rx[1].res.released);
	message(s, 3, 1);
	assert_part(s, 2, b, 1, false);
	ans = message(s, 4, 201);	/* no third buffer: unexpected */
	assert_int_equal(answer_resp(&ans).list, UET_LIST_OVERFLOW);
	assert_release(s, 3, b, 0);
	assert_int_equal(s->rx_cnt, 4);
	side_free(s);
}

/* Several messages under way: the release comes with the one that ends last. */
static void release_is_last(void **state)
{
	struct side *s = new_side();
	static uint8_t buf[4000];

	(void)state;
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	part(s, 1, 1500, 0);
	part(s, 2, 1600, 1024);
	message(s, 3, 850);		/* leaves 50: retired */
	assert_int_equal(s->rx_cnt, 1);
	assert_part(s, 0, buf + 3100, 850, false);
	part(s, 2, 1600, 0);
	assert_part(s, 1, buf + 1500, 1600, false);
	part(s, 1, 1500, 1024);
	assert_part(s, 2, buf, 1500, true);
	assert_int_equal(buf[1499], 1);
	assert_int_equal(buf[1500], 2);
	assert_int_equal(buf[3099], 2);
	side_free(s);
}

/* Retired by a message that does not fit, while one is under way. */
static void retired_while_under_way(void **state)
{
	struct side *s = new_side();
	static uint8_t a[2000], b[2000];

	(void)state;
	post(s, UET_SES_UNTAGGED, a, sizeof(a), 1);
	post(s, UET_SES_UNTAGGED, b, sizeof(b), 1);
	part(s, 1, 1500, 0);
	message(s, 2, 501);
	assert_int_equal(s->rx_cnt, 1);
	assert_part(s, 0, b, 501, false);
	part(s, 1, 1500, 1024);
	assert_part(s, 1, a, 1500, true);
	side_free(s);
}

/* Its source gives a message up: an error for this one, and the others are not hurt. */
static void part_fails(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	struct uet_ses_req req = stub_part(UET_OP_MSG_ERROR, 1, 1500, MTU, 0);
	static uint8_t buf[1600];

	(void)state;
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	part(s, 1, 1500, 0);
	message(s, 2, 50);
	assert_part(s, 0, buf + 1500, 50, false);
	req.eom = true;
	side_req(s, &from, UET_MODE_RUD, &req, NULL, 0);
	assert_int_equal(s->rx_cnt, 2);
	assert_int_equal(s->rx[1].res.err, -EIO);
	assert_ptr_equal(s->rx[1].context, buf);
	assert_true(s->rx[1].res.released);
	side_free(s);
}

/* Messages that wait go into a new buffer in order, as far as they fit. */
static void takes_unexpected(void **state)
{
	struct side *s = new_side();
	static uint8_t a[2000], b[2000];

	(void)state;
	message(s, 1, 300);
	part(s, 2, 1500, 0);
	message(s, 3, 201);
	message(s, 4, 10);
	post(s, UET_SES_UNTAGGED, a, sizeof(a), 64);
	assert_int_equal(s->rx_cnt, 1);
	assert_part(s, 0, a, 300, false);
	post(s, UET_SES_UNTAGGED, b, 1000, 1000);
	assert_int_equal(s->rx_cnt, 2);
	assert_part(s, 1, b, 201, true);
	post(s, UET_SES_UNTAGGED, b + 1000, 1000, 1);
	assert_part(s, 2, b + 1000, 10, false);
	part(s, 2, 1500, 1024);
	assert_part(s, 3, a + 300, 1500, true);
	assert_int_equal(a[300], 2);
	assert_int_equal(a[1799], 2);
	side_free(s);
}

/* The buffer that an unexpected message retires by filling it may be gone at once. */
static void filled_by_unexpected(void **state)
{
	struct side *s = new_side();
	uint8_t buf[100];

	(void)state;
	message(s, 1, 60);
	message(s, 2, 40);
	message(s, 3, 5);
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 1);
	assert_int_equal(s->rx_cnt, 2);
	assert_part(s, 0, buf, 60, false);
	assert_part(s, 1, buf + 60, 40, true);
	side_free(s);
}

static void tagged(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, 1, 4);
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);
	uint8_t buf[100];

	(void)state;
	rx->queue = UET_SES_TAGGED;
	rx->multi = true;
	rx->tag = 8;
	rx->ignore = 1;
	rx->len = sizeof(buf);
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = buf;
	rx->iov[0].iov_len = sizeof(buf);
	rx->context = buf;
	uet_ses_recv(s->rxq, rx, 0);
	req.match_bits = 10;
	side_req(s, &from, UET_MODE_RUD, &req, "aaaa", 4);
	assert_int_equal(s->rx_cnt, 0);
	req.match_bits = 9;
	req.message_id = 2;
	side_req(s, &from, UET_MODE_RUD, &req, "bbbb", 4);
	assert_part(s, 0, buf, 4, false);
	assert_int_equal(s->rx[0].res.tag, 9);
	side_free(s);
}

static void cancel(void **state)
{
	struct side *s = new_side();
	static uint8_t buf[4000];

	(void)state;
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	assert_true(uet_ses_cancel(s->rxq, buf));
	assert_release(s, 0, buf, -ECANCELED);
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	message(s, 1, 10);
	part(s, 2, 1500, 0);
	assert_true(uet_ses_cancel(s->rxq, buf));
	assert_int_equal(s->rx_cnt, 2);
	assert_false(uet_ses_cancel(s->rxq, buf));
	message(s, 3, 10);			/* not into this one */
	assert_int_equal(s->rx_cnt, 2);
	part(s, 2, 1500, 1024);
	assert_part(s, 2, buf + 10, 1500, false);
	assert_release(s, 3, buf, -ECANCELED);
	assert_int_equal(s->rx_cnt, 4);
	side_free(s);
}

/* One of two that share a queue goes: its messages vanish, the place of the last is free again. */
static void sharer_goes(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1), *b = side_new_shared(&cfg, s, 2);
	static uint8_t buf[5000];

	(void)state;
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	message(s, 1, 10);
	part(b, 2, 1500, 0);
	message(s, 3, 10);
	part(b, 4, 1600, 0);
	side_free(b);
	assert_int_equal(s->rx_cnt, 2);
	message(s, 5, 10);
	assert_part(s, 2, buf + 1520, 10, false);
	b = side_new_shared(&cfg, s, 2);
	part(b, 1, 1500, 0);
	message(s, 6, 1000);
	message(s, 7, 950);			/* leaves 10: retired */
	assert_part(s, 4, buf + 4030, 950, false);
	side_free(b);
	assert_int_equal(s->rx_cnt, 6);
	assert_release(s, 5, buf, 0);
	side_free(s);
}

/* Far more messages at a time than there are receive descriptors. */
static void no_descriptor_needed(void **state)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_cfg cfg = stub_cfg();
	static uint8_t buf[20 * 1500];
	struct side *s;
	uint16_t i;

	(void)state;
	rxq.max_rx = 1;
	s = side_new_rxq(&cfg, &rxq, 1);
	post(s, UET_SES_UNTAGGED, buf, sizeof(buf), 64);
	assert_null(uet_ses_rx_get(s->rxq));
	for (i = 1; i <= 20; i++)
		assert_int_equal(part(s, i, 1500, 0).nack, 0);
	for (i = 1; i <= 20; i++)
		assert_int_equal(part(s, i, 1500, 1024).nack, 0);
	assert_int_equal(s->rx_cnt, 20);
	assert_true(s->rx[19].res.released);
	assert_non_null(uet_ses_rx_get(s->rxq));
	side_free(s);
}

/*
 * The model. One sender, messages of random length in one or two packets, whose packets come in
 * random order, and buffers of random size posted now and then, before or after the messages.
 * A message is matched when its first packet comes; from there its place is known.
 */
enum { MSGS = 300, BUFS = 400, ROOM = 3000 };

static struct m_msg {
	uint32_t len;
	bool sent[2];
	bool begun, placed, ended;
	int buf;
	size_t off;
} msgs[MSGS + 1];

static struct m_buf {
	uint8_t mem[ROOM];
	size_t len, used, min_free;
	bool retired, released;
	int parts;
} bufs[BUFS];

static int n_bufs, wait_list[MSGS], n_wait;

/* Give message @m to the first buffer that takes it; false: none. */
static bool m_place(int m)
{
	int i;

	for (i = 0; i < n_bufs; i++) {
		struct m_buf *b = &bufs[i];
		size_t left = b->len - b->used, n = msgs[m].len < left ? msgs[m].len : left;

		if (b->retired)
			continue;
		if (msgs[m].len > left && b->used) {
			b->retired = true;
			continue;
		}
		msgs[m].placed = true;
		msgs[m].buf = i;
		msgs[m].off = b->used;
		b->used += n;
		b->parts++;
		b->retired = b->len - b->used < b->min_free;
		return true;
	}
	return false;
}

static void m_post(struct side *s, struct uet_rand *rnd)
{
	struct m_buf *b = &bufs[n_bufs];
	int i, left = 0;

	b->len = 1 + uet_rand_u32(rnd) % ROOM;
	b->min_free = uet_rand_u32(rnd) % 2 ? uet_rand_u32(rnd) % 100 : 1;
	n_bufs++;
	for (i = 0; i < n_wait; i++)
		if (!m_place(wait_list[i]))
			wait_list[left++] = wait_list[i];
	n_wait = left;
	post(s, UET_SES_UNTAGGED, b->mem, b->len, b->min_free);
}

static void m_send(struct side *s, int m, int k)
{
	struct m_msg *msg = &msgs[m];

	if (msg->sent[k])
		return;
	msg->sent[k] = true;
	if (!msg->begun && !m_place(m))
		wait_list[n_wait++] = m;
	msg->begun = true;
	if (msg->len > MTU)
		assert_int_equal(part(s, (uint16_t)m, msg->len, k ? MTU : 0).nack, 0);
	else
		assert_int_equal(message(s, (uint16_t)m, msg->len).nack, 0);
}

/* Which message lies at @at: by the model, as lengths may be 0. */
static int m_find(const uint8_t *at, size_t len)
{
	int m;

	for (m = 1; m <= MSGS; m++) {
		const struct m_msg *msg = &msgs[m];

		if (msg->placed && !msg->ended && bufs[msg->buf].mem + msg->off == at &&
		    msg->len == len)
			return m;
	}
	return 0;
}

static void m_part_done(struct side *s, int i)
{
	const struct uet_ses_rx_result *res = &s->rx[i].res;
	int m = m_find(s->rx_at[i], res->msg_len);
	struct m_msg *msg = &msgs[m];
	struct m_buf *b = &bufs[msg->buf];
	size_t k, n;

	assert_int_not_equal(m, 0);
	assert_ptr_equal(s->rx[i].context, b->mem);
	n = msg->len < b->len - msg->off ? msg->len : b->len - msg->off;
	assert_int_equal(res->len, n);
	assert_int_equal(res->err, n < msg->len ? -EMSGSIZE : 0);
	for (k = 0; k < n; k++)
		assert_int_equal(b->mem[msg->off + k], (uint8_t)m);
	assert_false(b->released);
	msg->ended = true;
	b->parts--;
	b->released = res->released;
	if (res->released)
		assert_true(b->retired && b->parts == 0);
}

static void m_check(struct side *s, int from)
{
	int i, k;

	for (i = from; i < s->rx_cnt; i++) {
		if (!s->rx_multi[i]) {
			m_part_done(s, i);
			continue;
		}
		for (k = 0; bufs[k].mem != (uint8_t *)s->rx[i].context; k++)
			;
		assert_release(s, i, bufs[k].mem, 0);
		assert_true(bufs[k].retired && !bufs[k].released && bufs[k].parts == 0);
		bufs[k].released = true;
	}
	for (k = 0; k < n_bufs; k++)
		assert_int_equal(bufs[k].released, bufs[k].retired && !bufs[k].parts);
}

static void m_run(uint64_t seed)
{
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_rand rnd;
	int i, first = 1, seen = 0;
	struct side *s;

	rxq.max_unexpected = MSGS;
	s = side_new_rxq(&cfg, &rxq, 1);
	uet_rand_seed(&rnd, seed);
	memset(msgs, 0, sizeof(msgs));
	memset(bufs, 0, sizeof(bufs));
	n_bufs = n_wait = 0;
	for (i = 1; i <= MSGS; i++) {
		msgs[i].len = uet_rand_u32(&rnd) % (i % 3 ? 150 : 2 * MTU);
		msgs[i].sent[1] = msgs[i].len <= MTU;
	}
	while (first <= MSGS || n_wait) {
		if (uet_rand_u32(&rnd) % 4 == 0 && n_bufs < BUFS)
			m_post(s, &rnd);
		i = first + (int)(uet_rand_u32(&rnd) % 5);
		if (i <= MSGS)
			m_send(s, i, (int)(uet_rand_u32(&rnd) % 2));
		while (first <= MSGS && msgs[first].sent[0] && msgs[first].sent[1])
			first++;
		m_check(s, seen);
		seen = s->rx_cnt;
	}
	for (i = 1; i <= MSGS; i++)
		assert_true(msgs[i].ended);
	side_free(s);
}

static void against_model(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 40; seed++)
		m_run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs),
		cmocka_unit_test(too_long_for_the_rest),
		cmocka_unit_test(truncates_in_empty),
		cmocka_unit_test(release_is_last),
		cmocka_unit_test(retired_while_under_way),
		cmocka_unit_test(part_fails),
		cmocka_unit_test(takes_unexpected),
		cmocka_unit_test(filled_by_unexpected),
		cmocka_unit_test(tagged),
		cmocka_unit_test(cancel),
		cmocka_unit_test(sharer_goes),
		cmocka_unit_test(no_descriptor_needed),
		cmocka_unit_test(against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
