/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Inbound message state: ids used again, leftovers, bounds of what is remembered. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t data[4 * MTU], buf[4 * MTU];

static struct side *new_side(void)
{
	struct uet_ses_cfg cfg = stub_cfg();

	return side_new(&cfg, 1);
}

static struct uet_pds_answer part(struct side *s, const struct uet_addr *from, uint8_t mode,
				  uint16_t id, uint32_t length, uint32_t off)
{
	struct uet_ses_req req = stub_part(UET_OP_SEND, id, length, off, MTU);

	return side_req(s, from, mode, &req, data, MTU);
}

/* The same id on two PDCs names two messages. */
static void id_per_pdc(void **state)
{
	struct side *s = new_side();
	struct uet_addr from[2] = { stub_addr(7, 1), stub_addr(8, 1) };
	struct uet_pds_answer a;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), &from[0]);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), &from[1]);
	part(s, &from[0], UET_MODE_RUD, 5, 2 * MTU, 0);
	part(s, &from[1], UET_MODE_RUD, 5, 2 * MTU, 0);
	a = part(s, &from[1], UET_MODE_RUD, 5, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_ptr_equal(s->rx[0].context, &from[1]);
	a = part(s, &from[0], UET_MODE_RUD, 5, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_ptr_equal(s->rx[1].context, &from[0]);
	side_free(s);
}

/* A second first packet of an open id: its source has started a new message. */
static void id_used_again(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	struct uet_pds_answer a;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)1);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)2);
	part(s, &from, UET_MODE_RUD, 5, 2 * MTU, 0);
	part(s, &from, UET_MODE_RUD, 5, 2 * MTU, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_ptr_equal(s->rx[0].context, (void *)1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	a = part(s, &from, UET_MODE_RUD, 5, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx[1].res.err, 0);
	side_free(s);
}

/* The same for a message that was refused, and whose source went silent about the rest. */
static void id_of_failed_used_again(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	struct uet_ses_req req = stub_part(UET_OP_SEND, 5, 2 * MTU, 0, MTU);
	struct uet_pds_answer a;

	(void)state;
	req.ie = true;
	a = side_req(s, &from, UET_MODE_RUD, &req, data, MTU);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	a = part(s, &from, UET_MODE_RUD, 5, 2 * MTU, 0);
	assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
	a = part(s, &from, UET_MODE_RUD, 5, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 1);
	side_free(s);
}

/* On ROD messages follow each other: a new one ends one that was left open. */
static void rod_leftover(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	struct uet_pds_answer a;

	(void)state;
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)1);
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), (void *)2);
	part(s, &from, UET_MODE_ROD, 5, 3 * MTU, 0);
	part(s, &from, UET_MODE_ROD, 6, 2 * MTU, 0);
	assert_int_equal(s->rx_cnt, 1);
	assert_int_equal(s->rx[0].res.err, -EIO);
	a = part(s, &from, UET_MODE_ROD, 6, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_ptr_equal(s->rx[1].context, (void *)2);
	/* A middle packet out of nowhere cannot happen on an ordered PDC. */
	a = part(s, &from, UET_MODE_ROD, 5, 3 * MTU, MTU);
	assert_refused(a, UET_RC_UNSUPPORTED_OP);
	side_free(s);
}

/* On RUD messages do mix. */
static void rud_interleaved(void **state)
{
	struct side *s = new_side();
	struct uet_addr from = stub_addr(7, 1);
	uint32_t off;
	uint16_t id;

	(void)state;
	for (id = 1; id <= 50; id++)
		side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	for (off = 0; off < 4 * MTU; off += MTU)
		for (id = 1; id <= 50; id++)
			part(s, &from, UET_MODE_RUD, id, 4 * MTU, 3 * MTU - off);
	assert_int_equal(s->rx_cnt, 50);
	for (id = 0; id < 50; id++)
		assert_int_equal(s->rx[id].res.err, 0);
	side_free(s);
}

/* A flood of broken messages does not take the state that good ones need. */
static void failed_are_bounded(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_addr bad = stub_addr(6, 1), good = stub_addr(7, 1);
	struct uet_pds_answer a;
	struct side *s;
	int i;

	(void)state;
	rxq.max_rx = 1;
	rxq.max_unexpected = 1;
	s = side_new_rxq(&cfg, &rxq, 1);
	for (i = 1; i < 5000; i++) {
		struct uet_ses_req req = stub_part(UET_OP_SEND, (uint16_t)i, 4 * MTU, MTU, MTU);

		req.ie = true;
		a = side_req(s, &bad, UET_MODE_RUD, &req, data, MTU);
		assert_refused(a, UET_RC_INITIATOR_ERROR);
	}
	part(s, &good, UET_MODE_RUD, 1, 2 * MTU, 0);	/* unexpected, incomplete */
	side_recv(s, UET_SES_UNTAGGED, 0, 0, buf, sizeof(buf), NULL);
	a = part(s, &good, UET_MODE_RUD, 1, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	assert_int_equal(s->rx_cnt, 1);
	/* The latest of the bad ones are still remembered. */
	a = part(s, &bad, UET_MODE_RUD, 4999, 4 * MTU, 0);
	assert_refused(a, UET_RC_INITIATOR_ERROR);
	side_pdc_gone(s, &bad, UET_MODE_RUD, -EIO);
	side_free(s);
}

/* A flood of discarded, never finished messages is bounded as well. */
static void sinks_are_bounded(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct uet_ses_rxq_cfg rxq = stub_rxq_cfg();
	struct uet_ses_rx pattern = { .queue = UET_SES_UNTAGGED };
	struct uet_ses_rx_result res;
	struct uet_addr from = stub_addr(6, 1);
	struct uet_pds_answer a;
	struct side *s;
	int i;

	(void)state;
	rxq.max_unexpected = 1;
	s = side_new_rxq(&cfg, &rxq, 1);
	for (i = 1; i < 3000; i++) {
		a = part(s, &from, UET_MODE_RUD, (uint16_t)i, 2 * MTU, 0);
		assert_answer(a, UET_RESP_NO_RESPONSE, UET_RC_NULL);
		assert_int_equal(uet_ses_peek(s->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL),
				 0);
	}
	a = part(s, &from, UET_MODE_RUD, 2999, 2 * MTU, MTU);
	assert_answer(a, UET_RESP_DEFAULT, UET_RC_OK);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_per_pdc),
		cmocka_unit_test(id_used_again),
		cmocka_unit_test(id_of_failed_used_again),
		cmocka_unit_test(rod_leftover),
		cmocka_unit_test(rud_interleaved),
		cmocka_unit_test(failed_are_bounded),
		cmocka_unit_test(sinks_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
