/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Guests of a receive queue: matching among the messages of a SES, and every way to end. */
#include "test_ses_stub.h"

#include "ses/guest.h"

/* What the owner of a guest was told. */
struct owner {
	struct uet_ses_guest *guest;
	struct uet_ses_rx *rx;
	int started, dropped;
	bool end_inside;
};

static int order;	/* of starts over all owners */

static void on_start(void *arg, struct uet_ses_rx *rx)
{
	struct owner *owner = arg;

	owner->rx = rx;
	owner->started = ++order;
	if (owner->end_inside)
		uet_ses_guest_end(owner->guest);
}

static void on_drop(void *arg)
{
	((struct owner *)arg)->dropped++;
}

static const struct uet_ses_guest_ops ops = { .start = on_start, .drop = on_drop };

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	order = 0;
	return side_new(&cfg, 1);
}

static struct uet_ses_source source_of(uint8_t host)
{
	return (struct uet_ses_source){ .host = stub_addr(host, 0), .initiator = 7 };
}

static void come(struct side *s, struct owner *owner, uint8_t queue, uint64_t tag, size_t len,
		 uint8_t host)
{
	struct uet_ses_guest_msg msg = { .queue = queue, .tag = tag, .len = len };

	memset(owner, 0, sizeof(*owner));
	if (host)
		msg.source = source_of(host);
	owner->guest = uet_ses_guest_new(s->rxq, &msg, &ops, owner);
	assert_non_null(owner->guest);
	owner->rx = uet_ses_guest_match(owner->guest);
	if (!owner->rx)
		uet_ses_guest_queue(owner->guest, true, tag + 1);
}

/* A whole message of the SES. */
static void native(struct side *s, uint16_t id, uint64_t tag)
{
	struct uet_addr from = stub_addr(9, 1);
	struct uet_ses_req req = stub_req(UET_OP_TAGGED_SEND, id, 4);

	req.match_bits = tag;
	side_req(s, &from, UET_MODE_RUD, &req, "ses", 4);
}

static struct uet_ses_rx *recv_from(struct side *s, uint8_t host, uint64_t tag, void *context)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);

	assert_non_null(rx);
	rx->queue = UET_SES_TAGGED;
	rx->tag = tag;
	rx->directed = true;
	rx->source = source_of(host);
	rx->context = context;
	uet_ses_recv(s->rxq, rx, 0);
	return rx;
}

static int peek(struct side *s, enum uet_ses_peek_action action, struct uet_ses_rx_result *res,
		struct uet_ses_unex **claim)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .ignore = ~0ull };

	return uet_ses_peek(s->rxq, &pattern, action, res, claim);
}

/* The first receive that fits, of its own queue; the end gives it back in silence. */
static void expected(void **state)
{
	struct side *s = new_side();
	struct uet_ses_rx *rx[3];
	uint32_t used = 0;
	struct owner o;

	(void)state;
	rx[0] = side_recv(s, UET_SES_UNTAGGED, 0, 0, &used, 4, &rx[0]);
	rx[1] = side_recv(s, UET_SES_TAGGED, 1, 0, &used, 4, &rx[1]);
	rx[2] = side_recv(s, UET_SES_TAGGED, 2, 0, &used, 4, &rx[2]);
	come(s, &o, UET_SES_TAGGED, 2, 4, 0);
	assert_ptr_equal(o.rx, rx[2]);
	assert_int_equal(o.started, 0);
	uet_ses_guest_end(o.guest);
	come(s, &o, UET_SES_UNTAGGED, 2, 4, 0);
	assert_ptr_equal(o.rx, rx[0]);
	uet_ses_guest_end(o.guest);
	assert_int_equal(s->rx_cnt, 0);
	/* Taken ones cannot be cancelled, the other can. */
	assert_false(uet_ses_cancel(s->rxq, &rx[0]));
	assert_true(uet_ses_cancel(s->rxq, &rx[1]));
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

/* Unexpected ones stand among those of the SES in the order in which they came. */
static void order_of_arrival(void **state)
{
	struct side *s = new_side();
	struct owner o[2];
	char in[4][4];
	int i;

	(void)state;
	come(s, &o[0], UET_SES_TAGGED, 1, 4, 0);
	native(s, 1, 2);
	come(s, &o[1], UET_SES_TAGGED, 3, 4, 0);
	o[1].end_inside = true;
	for (i = 0; i < 3; i++) {
		side_recv(s, UET_SES_TAGGED, 0, ~0ull, in[i], 4, in[i]);
		assert_int_equal(o[0].started, 1);
		assert_int_equal(s->rx_cnt, i > 0);
		assert_int_equal(o[1].started, i > 1 ? 2 : 0);
	}
	assert_ptr_equal(s->rx[0].context, in[1]);
	assert_ptr_equal(o[0].rx->context, in[0]);
	uet_ses_guest_end(o[0].guest);
	side_free(s);
}

static void directed(void **state)
{
	struct uet_ses_source source = source_of(4);
	struct side *s = new_side();
	struct owner o[3];
	int a, b;

	(void)state;
	recv_from(s, 5, 1, &a);
	recv_from(s, 4, 1, &b);
	come(s, &o[0], UET_SES_TAGGED, 1, 4, 0);
	assert_null(o[0].rx);
	come(s, &o[1], UET_SES_TAGGED, 1, 4, 5);
	assert_ptr_equal(o[1].rx->context, &a);
	uet_ses_guest_end(o[1].guest);
	/* Its sender becomes known: the receive that waits has it. */
	uet_ses_guest_known(o[0].guest, &source);
	assert_int_equal(o[0].started, 1);
	assert_ptr_equal(o[0].rx->context, &b);
	uet_ses_guest_end(o[0].guest);
	/* Known before the receive comes. */
	come(s, &o[2], UET_SES_TAGGED, 1, 4, 0);
	uet_ses_guest_known(o[2].guest, &source);
	recv_from(s, 5, 1, &a);
	assert_int_equal(o[2].started, 0);
	recv_from(s, 4, 1, &b);
	assert_int_equal(o[2].started, 2);
	uet_ses_guest_end(o[2].guest);
	side_free(s);
}

static void peeks(void **state)
{
	struct uet_ses_rx_result res;
	struct side *s = new_side();
	struct uet_ses_unex *claim;
	struct owner o[3];
	struct uet_ses_rx *rx;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		come(s, &o[i], UET_SES_TAGGED, (uint64_t)i, 100 + i, 4);
	assert_int_equal(peek(s, UET_SES_PEEK, &res, NULL), 0);
	assert_int_equal(res.len, 100);
	assert_true(res.has_data);
	assert_int_equal(res.data, 1);
	assert_int_equal(res.source.initiator, 7);
	assert_int_equal(peek(s, UET_SES_PEEK_DISCARD, &res, NULL), 0);
	assert_int_equal(o[0].dropped, 1);
	assert_int_equal(peek(s, UET_SES_PEEK_CLAIM, &res, &claim), 0);
	assert_int_equal(res.tag, 1);
	/* A claimed one is nobody's but the claim's. */
	uet_ses_guest_known(o[1].guest, &res.source);
	rx = uet_ses_rx_get(s->rxq);
	rx->queue = UET_SES_TAGGED;
	uet_ses_claimed_recv(claim, rx, 0);
	assert_ptr_equal(o[1].rx, rx);
	uet_ses_guest_end(o[1].guest);
	assert_int_equal(peek(s, UET_SES_PEEK_CLAIM, &res, &claim), 0);
	uet_ses_claimed_discard(claim);
	assert_int_equal(o[2].dropped, 1);
	assert_int_equal(peek(s, UET_SES_PEEK, &res, NULL), -ENOENT);
	side_free(s);
}

/* Its transport goes away: it is not there any more, and who claimed it learns that. */
static void gone(void **state)
{
	struct uet_ses_rx_result res;
	struct side *s = new_side();
	struct uet_ses_unex *claim;
	struct uet_ses_rx *rx;
	struct owner o;

	(void)state;
	come(s, &o, UET_SES_TAGGED, 1, 4, 0);
	uet_ses_guest_end(o.guest);
	assert_int_equal(peek(s, UET_SES_PEEK, &res, NULL), -ENOENT);
	come(s, &o, UET_SES_TAGGED, 1, 4, 0);
	assert_int_equal(peek(s, UET_SES_PEEK_CLAIM, &res, &claim), 0);
	uet_ses_guest_end(o.guest);
	rx = uet_ses_rx_get(s->rxq);
	rx->queue = UET_SES_TAGGED;
	uet_ses_claimed_recv(claim, rx, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	come(s, &o, UET_SES_TAGGED, 1, 4, 0);
	assert_int_equal(peek(s, UET_SES_PEEK_CLAIM, &res, &claim), 0);
	uet_ses_guest_end(o.guest);
	uet_ses_claimed_discard(claim);
	assert_int_equal(o.started + o.dropped, 0);
	side_free(s);
}

/* The SES goes away: its own messages go with it, guests stay. */
static void ses_goes(void **state)
{
	struct uet_ses_rx_result res;
	struct side *s = new_side();
	struct owner o;

	(void)state;
	native(s, 1, 1);
	come(s, &o, UET_SES_TAGGED, 2, 4, 0);
	uet_ses_rxq_detach(s->ses, 1);
	assert_int_equal(peek(s, UET_SES_PEEK, &res, NULL), 0);
	assert_int_equal(res.tag, 2);
	uet_ses_guest_end(o.guest);
	side_free(s);
}

/* Parts of a multi-receive buffer, among those of the SES; the release is told once. */
static void multi(void **state)
{
	struct side *s = new_side();
	struct uet_ses_rx *rx = uet_ses_rx_get(s->rxq);
	struct owner o[3];
	uint8_t buf[64];

	(void)state;
	come(s, &o[0], UET_SES_TAGGED, 1, 20, 0);
	rx->queue = UET_SES_TAGGED;
	rx->ignore = ~0ull;
	rx->multi = true;
	rx->min_free = 11;
	rx->len = sizeof(buf);
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ .iov_base = buf, .iov_len = sizeof(buf) };
	rx->context = buf;
	uet_ses_recv(s->rxq, rx, 0);
	assert_int_equal(o[0].started, 1);
	assert_ptr_equal(o[0].rx->iov[0].iov_base, buf);
	assert_int_equal(o[0].rx->iov[0].iov_len, 20);
	native(s, 1, 1);
	assert_int_equal(s->rx_cnt, 1);
	assert_ptr_equal(s->rx_at[0], buf + 20);
	come(s, &o[1], UET_SES_TAGGED, 1, 30, 0);
	assert_ptr_equal(o[1].rx->iov[0].iov_base, buf + 24);
	/* Full; over when the last one is. */
	come(s, &o[2], UET_SES_TAGGED, 1, 1, 0);
	assert_null(o[2].rx);
	uet_ses_guest_end(o[1].guest);
	assert_int_equal(s->rx_cnt, 1);
	uet_ses_guest_end(o[0].guest);
	assert_int_equal(s->rx_cnt, 2);
	assert_true(s->rx_multi[1]);
	assert_true(s->rx[1].res.released);
	assert_int_equal(s->rx[1].res.err, 0);
	uet_ses_guest_end(o[2].guest);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expected),
		cmocka_unit_test(order_of_arrival),
		cmocka_unit_test(directed),
		cmocka_unit_test(peeks),
		cmocka_unit_test(gone),
		cmocka_unit_test(ses_goes),
		cmocka_unit_test(multi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
