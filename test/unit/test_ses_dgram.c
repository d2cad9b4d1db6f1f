/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "test_ses_stub.h"

static struct side *a, *b;

static int up(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();

	(void)state;
	b = side_new(&cfg, 2);
	cfg.initiator = 99;
	a = side_new(&cfg, 1);
	return 0;
}

static int down(void **state)
{
	(void)state;
	side_free(a);
	side_free(b);
	return 0;
}

static struct uet_ses_tx *datagram(const void *buf, size_t len)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(a->ses);

	tx->dest.addr = b->addr;
	tx->dest.pid_on_fep = 0x123;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->opcode = UET_OP_DATAGRAM_SEND;
	tx->mode = UET_MODE_UUD;
	tx->iov_cnt = 2;
	tx->iov[0] = (struct iovec){ (void *)(uintptr_t)buf, len / 2 };
	tx->iov[1] = (struct iovec){ (char *)(uintptr_t)buf + len / 2, len - len / 2 };
	tx->len = len;
	return tx;
}

static void deliver(void)
{
	side_rx(b, &a->addr, UET_MODE_UUD, a->pds->uud.next_hdr, a->pds->uud.data,
		a->pds->uud.len);
}

static void there(void **state)
{
	static uint8_t buf[1024], got[1024];
	static const size_t lens[] = { 0, 1, 1024 };
	struct uet_ses_tx *tx;
	size_t i;

	(void)state;
	fill_pattern(buf, sizeof(buf), 4);
	for (i = 0; i < UET_ARRAY_SIZE(lens); i++) {
		tx = datagram(buf, lens[i]);
		tx->has_data = true;
		tx->data = 0x1234 + i;
		assert_int_equal(uet_ses_send(a->ses, tx, 0), 0);
		/* Never from inside, but with the next progress. */
		assert_int_equal(a->tx_cnt, i);
		assert_false(uet_ses_idle(a->ses));
		assert_int_equal(uet_ses_next(a->ses), 0);
		uet_ses_progress(a->ses, 1);
		assert_int_equal(a->tx_cnt, i + 1);
		assert_int_equal(a->tx[i].err, 0);
		assert_true(uet_ses_idle(a->ses));
		side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL);
		deliver();
		assert_int_equal(b->rx_cnt, i + 1);
		assert_int_equal(b->rx[i].res.err, 0);
		assert_int_equal(b->rx[i].res.len, lens[i]);
		assert_true(b->rx[i].res.has_data);
		assert_int_equal(b->rx[i].res.data, 0x1234 + i);
		assert_int_equal(b->rx[i].res.source.initiator, 99);
		assert_memory_equal(got, buf, lens[i]);
	}
	assert_int_equal(a->pds->uuds, 3);
	assert_int_equal(a->pds->posts, 0);
	assert_int_equal(uet_ses_stats(b->ses)->drop_datagram, 0);
}

static void no_room(void **state)
{
	struct uet_ses_tx *tx = datagram("x", 1);

	(void)state;
	a->pds->refuse = 1;
	assert_int_equal(uet_ses_send(a->ses, tx, 0), -EAGAIN);
	assert_true(uet_ses_idle(a->ses));
	assert_int_equal(uet_ses_send(a->ses, tx, 0), 0);
	uet_ses_progress(a->ses, 1);
	assert_int_equal(a->tx_cnt, 1);
}

/* Without a receive it waits, as long as there is room; tagged receives do not take it. */
static void unexpected(void **state)
{
	const uint32_t room = stub_rxq_cfg().max_unexpected;
	uint8_t got[8];
	uint32_t i;

	(void)state;
	side_recv(b, UET_SES_TAGGED, 0, ~0ull, got, sizeof(got), NULL);
	for (i = 0; i <= room; i++) {
		uint8_t byte = (uint8_t)i;

		assert_int_equal(uet_ses_send(a->ses, datagram(&byte, i ? 1 : 0), 0), 0);
		deliver();
		uet_ses_progress(a->ses, 1);
	}
	assert_int_equal(b->rx_cnt, 0);
	assert_int_equal(uet_ses_stats(b->ses)->drop_datagram, 1);
	assert_int_equal(uet_ses_stats(b->ses)->unexpected, room);
	for (i = 0; i < room; i++) {
		side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL);
		assert_int_equal(b->rx_cnt, i + 1);
		assert_int_equal(b->rx[i].res.len, i ? 1 : 0);
		assert_true(i == 0 || got[0] == i);
	}
	side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL);
	assert_int_equal(b->rx_cnt, room);
	assert_int_equal(uet_ses_send(a->ses, datagram("again", 5), 0), 0);
	deliver();
	assert_int_equal(b->rx_cnt, room + 1);
	uet_ses_progress(a->ses, 1);
}

static void truncated(void **state)
{
	uint8_t got[4] = { 0, 0, 0, 0xee };

	(void)state;
	side_recv(b, UET_SES_UNTAGGED, 0, 0, got, 3, NULL);
	assert_int_equal(uet_ses_send(a->ses, datagram("hello", 5), 0), 0);
	deliver();
	assert_int_equal(b->rx[0].res.err, -EMSGSIZE);
	assert_int_equal(b->rx[0].res.len, 3);
	assert_int_equal(b->rx[0].res.msg_len, 5);
	assert_int_equal(got[3], 0xee);
	uet_ses_progress(a->ses, 1);
}

/* Only datagrams on UUD, and datagrams on nothing else. */
static void only_there(void **state)
{
	struct uet_ses_req good = stub_req(UET_OP_DATAGRAM_SEND, 3, 4), req;
	uint8_t got[8] = { 0 };
	struct uet_pds_answer ans;
	int i;

	(void)state;
	side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL);
	for (i = 0; i < 10; i++) {
		size_t avail = 4;

		req = good;
		if (i == 0)
			req.opcode = UET_OP_SEND;
		if (i == 1)
			req.opcode = UET_OP_WRITE;
		if (i == 2)
			req.version = 1;
		if (i == 3)
			req.som = false;
		if (i == 4)
			req.eom = false;
		if (i == 5)
			avail = 3;
		if (i == 6)
			req.format = UET_HDR_REQUEST_SMALL;
		if (i == 7)
			req.job_id++;
		if (i == 8)
			req.resource_index = 99;
		if (i == 9)
			req.ie = true;
		side_req(b, &a->addr, UET_MODE_UUD, &req, "data", avail);
		assert_int_equal(b->rx_cnt, 0);
		assert_int_equal(uet_ses_stats(b->ses)->drop_datagram, i + 1);
	}
	ans = side_req(b, &a->addr, UET_MODE_RUD, &good, "data", 4);
	assert_refused(ans, UET_RC_UNSUPPORTED_OP);
	good.format = UET_HDR_REQUEST_MEDIUM;
	side_req(b, &a->addr, UET_MODE_UUD, &good, "data", 4);
	assert_int_equal(b->rx_cnt, 1);
	assert_memory_equal(got, "data", 4);
}

static int put_calls, put_err;

static int counted_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	put_calls++;
	if (!put_err)
		memcpy(dst, src, n);
	return put_err;
}

/* A receive in memory that the CPU cannot reach gets its bytes by the memory's own copy. */
static void other_memory(void **state)
{
	static const struct uet_ses_mem mem = { .put = counted_put };
	uint8_t got[8] = { 0 };

	(void)state;
	put_calls = put_err = 0;
	side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL)->mem = &mem;
	assert_int_equal(uet_ses_send(a->ses, datagram("hello", 5), 0), 0);
	deliver();
	assert_int_equal(put_calls, 1);
	assert_int_equal(b->rx[0].res.err, 0);
	assert_memory_equal(got, "hello", 5);
	put_err = -EIO;
	side_recv(b, UET_SES_UNTAGGED, 0, 0, got, sizeof(got), NULL)->mem = &mem;
	deliver();
	assert_int_equal(b->rx[1].res.err, -EIO);
	uet_ses_progress(a->ses, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there, up, down),
		cmocka_unit_test_setup_teardown(no_room, up, down),
		cmocka_unit_test_setup_teardown(unexpected, up, down),
		cmocka_unit_test_setup_teardown(truncated, up, down),
		cmocka_unit_test_setup_teardown(only_there, up, down),
		cmocka_unit_test_setup_teardown(other_memory, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
