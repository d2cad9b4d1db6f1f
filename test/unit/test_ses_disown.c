/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Operations whose memory is taken away while they are under way. */
#include "test_ses_stub.h"

#define MTU 1024

static uint8_t mine[4 * MTU], others[4 * MTU];

static struct uet_ses_tx *start(struct side *s, uint8_t opcode, uint8_t *buf, void *owner,
				bool fence)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(s->ses);

	assert_non_null(tx);
	tx->dest = (struct uet_ses_dest){
		.addr = stub_addr(9, 4793), .pid_on_fep = 0x123, .resource_index = 1,
		.relative = true,
	};
	tx->opcode = opcode;
	tx->mode = UET_MODE_RUD;
	tx->len = sizeof(mine);
	tx->iov_cnt = 2;
	tx->iov[0] = (struct iovec){ .iov_base = buf, .iov_len = MTU + 1 };
	tx->iov[1] = (struct iovec){ .iov_base = buf + MTU + 1, .iov_len = 3 * MTU - 1 };
	tx->context = tx;
	tx->owner = owner;
	tx->fence = fence;
	assert_int_equal(uet_ses_send(s->ses, tx, 0), 0);
	return tx;
}

static bool is_same(const void *owner, const void *arg)
{
	return owner == arg;
}

static bool is_within(const struct iovec *iov, const uint8_t *buf, size_t len)
{
	const uint8_t *at = iov->iov_base;

	return at >= buf && at < buf + len;
}

/* What is sent later comes from a copy, other owners' operations are left alone. */
static void sends(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_ses_tx *a, *b, *waiting;
	uint8_t copy[sizeof(mine)];

	(void)state;
	fill_pattern(mine, sizeof(mine), 1);
	memcpy(copy, mine, sizeof(mine));
	a = start(s, UET_OP_SEND, mine, mine, false);
	b = start(s, UET_OP_SEND, others, others, false);
	waiting = start(s, UET_OP_WRITE, mine, mine, true);
	assert_int_equal(uet_ses_disown(s->ses, is_same, mine), 0);
	memset(mine, 0xee, sizeof(mine));
	assert_true(is_within(&b->iov[0], others, sizeof(others)));
	assert_int_equal(a->iov_cnt, 1);
	assert_false(is_within(&a->iov[0], mine, sizeof(mine)));
	assert_memory_equal(a->iov[0].iov_base, copy, sizeof(copy));
	assert_memory_equal(waiting->iov[0].iov_base, copy, sizeof(copy));
	/* A second time changes nothing. */
	assert_int_equal(uet_ses_disown(s->ses, is_same, mine), 0);
	assert_memory_equal(a->iov[0].iov_base, copy, sizeof(copy));
	/* One ends, the others are forgotten with the SES. */
	stub_done(s->pds, &a->msg, -ETIMEDOUT, 0);
	assert_int_equal(s->tx_cnt, 1);
	side_free(s);
}

static void reads(void **state)
{
	struct uet_ses_cfg cfg = stub_cfg();
	struct side *s = side_new(&cfg, 1);
	struct uet_ses_tx *a, *b;

	(void)state;
	a = start(s, UET_OP_READ, mine, mine, false);
	b = start(s, UET_OP_READ, others, others, false);
	assert_int_equal(uet_ses_disown(s->ses, is_same, mine), 0);
	assert_int_equal(a->iov_cnt, 0);
	assert_int_equal(b->iov_cnt, 2);
	side_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
