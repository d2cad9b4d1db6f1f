/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages for which the receiver has neither a receive nor room: only their header waits there,
 * nothing is held up behind them, and FI_MATCH_COMPLETE tells when they were taken.
 */
#include "sys.h"

#include <stdio.h>

#define ROOM	"65536"		/* FI_UET_UNEXPECTED_BYTES */
#define BIG	(4u << 20)

struct row {
	const char *name;
	uint64_t msg_order;
	enum fi_progress progress;
	uint64_t flags;
};

static void open_pair(struct sys *s, struct sys_ep *e, const struct row *row, uint64_t caps)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV | caps,
				 .msg_order = row->msg_order, .progress = row->progress };

	setenv("FI_UET_UNEXPECTED_BYTES", ROOM, 1);
	setenv("FI_UET_PEER_TIMEOUT", "2000", 1);
	setenv("FI_UET_REFUSED_TIMEOUT", "500", 1);
	sys_open(e, &opts);
	sys_connect(s, e);
}

static void send_msg(struct sys_ep *e, fi_addr_t to, const void *buf, size_t len, uint64_t tag,
		     uint64_t flags, struct sys_op *op)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct fi_msg_tagged msg = { .msg_iov = &iov, .iov_count = 1, .addr = to, .tag = tag,
				     .data = tag, .context = op };

	memset(op, 0, sizeof(*op));
	sys_post(e, fi_tsendmsg(e->ep, &msg, flags | FI_COMPLETION));
}

/* ---- larger than all the room there is ---- */

static const struct row larges[] = {
	{ "deferred/large/rod", FI_ORDER_SAS, 0, 0 },
	{ "deferred/large/rud", 0, 0, 0 },
	{ "deferred/large/auto", FI_ORDER_SAS, FI_PROGRESS_AUTO, 0 },
	{ "deferred/large/delivery", FI_ORDER_SAS, 0, FI_DELIVERY_COMPLETE },
	{ "deferred/large/match", 0, 0, FI_MATCH_COMPLETE },
};

#define LARGES	5
#define SMALLS	100

static void large_send(struct sys *s, struct sys_ep *e, const struct row *row)
{
	struct sys_op big[LARGES], small[SMALLS];
	uint8_t *bufs[LARGES];
	uint64_t id[SMALLS];
	unsigned int i;

	for (i = 0; i < LARGES; i++) {
		bufs[i] = sys_alloc(BIG);
		sys_fill(bufs[i], BIG, i);
		send_msg(e, e->peer[0], bufs[i], BIG, i, row->flags | FI_REMOTE_CQ_DATA, &big[i]);
	}
	for (i = 0; i < SMALLS; i++) {
		id[i] = i;
		send_msg(e, e->peer[0], &id[i], 8, 1000 + i, FI_REMOTE_CQ_DATA, &small[i]);
	}
	/* Those behind come through while nobody asks for those in front. */
	for (i = 0; i < SMALLS; i++)
		sys_wait_ok(e, &small[i]);
	sys_barrier(s, e);
	for (i = 0; i < LARGES; i++) {
		expect(!big[i].done, "the large sends to wait for their receives");
		sys_barrier(s, e);
		sys_wait_ok(e, &big[i]);
	}
	sys_barrier(s, e);
	for (i = 0; i < LARGES; i++)
		free(bufs[i]);
}

static void large_receive(struct sys *s, struct sys_ep *e)
{
	uint8_t *buf = sys_alloc(BIG + SYS_GUARD);
	struct sys_op op;
	unsigned int i;
	uint64_t id;

	for (i = 0; i < SMALLS; i++) {
		memset(&op, 0, sizeof(op));
		sys_trecv(e, FI_ADDR_UNSPEC, &id, 8, 1000 + i, 0, &op);
		sys_wait_ok(e, &op);
		expect_eq(id, i);
	}
	sys_barrier(s, e);
	for (i = 0; i < LARGES; i++) {
		sys_barrier(s, e);
		memset(&op, 0, sizeof(op));
		sys_guard(buf, BIG);
		sys_trecv(e, i & 1 ? e->peer[1] : FI_ADDR_UNSPEC, buf, BIG, i, 0, &op);
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, BIG);
		expect_eq(op.entry.data, i);
		expect_eq(op.src, e->peer[1]);
		sys_verify(buf, BIG, i);
		sys_check_guard(buf, BIG);
	}
	sys_barrier(s, e);
	free(buf);
}

static void large(struct sys *s, const void *arg)
{
	struct sys_ep e;

	open_pair(s, &e, arg, 0);
	if (s->rank == 0)
		large_receive(s, &e);
	else
		large_send(s, &e, arg);
	sys_close(&e);
}

/* ---- FI_MATCH_COMPLETE ---- */

static const struct row matches[] = {
	{ "deferred/match/rod", FI_ORDER_SAS, 0, 0 },
	{ "deferred/match/rud", 0, 0, 0 },
};

static const size_t match_lens[] = { 0, 1, 2000, 70000, BIG };

#define MATCHES (sizeof(match_lens) / sizeof(match_lens[0]))

/* The receiver says so on the side before it posts; the completion must not come earlier. */
static void match_send(struct sys *s, struct sys_ep *e, uint64_t msg_flags)
{
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op;
	size_t i;

	for (i = 0; i < MATCHES; i++) {
		sys_fill(buf, match_lens[i], i);
		send_msg(e, e->peer[0], buf, match_lens[i], i, msg_flags | FI_MATCH_COMPLETE, &op);
		sys_barrier(s, e);
		sys_drive(e, 50);
		expect(!op.done, "no completion before the receive");
		sys_barrier(s, e);
		sys_wait_ok(e, &op);
	}
	free(buf);
}

static void match_receive(struct sys *s, struct sys_ep *e)
{
	struct sys_op op, peek;
	struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .context = &peek };
	uint8_t *buf = sys_alloc(BIG);
	size_t i;

	for (i = 0; i < MATCHES; i++) {
		sys_barrier(s, e);
		/* Seeing it is not taking it. */
		msg.tag = i;
		do {
			memset(&peek, 0, sizeof(peek));
			expect_ok(fi_trecvmsg(e->ep, &msg, FI_PEEK));
			sys_wait(e, &peek);
		} while (peek.err == FI_ENOMSG);
		expect_eq(peek.err, 0);
		expect_eq(peek.entry.len, match_lens[i]);
		sys_barrier(s, e);
		if (i & 1) {
			memset(&peek, 0, sizeof(peek));
			expect_ok(fi_trecvmsg(e->ep, &msg, FI_PEEK | FI_DISCARD));
			sys_wait_ok(e, &peek);
			continue;
		}
		memset(&op, 0, sizeof(op));
		sys_trecv(e, FI_ADDR_UNSPEC, buf, BIG, i, 0, &op);
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, match_lens[i]);
		sys_verify(buf, match_lens[i], i);
	}
	free(buf);
}

static void match(struct sys *s, const void *arg)
{
	struct sys_ep e;

	open_pair(s, &e, arg, 0);
	if (s->rank == 0)
		match_receive(s, &e);
	else
		match_send(s, &e, 0);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- death ---- */

static const struct row deaths[] = {
	{ "deferred/receiver dies/rod", FI_ORDER_SAS, 0, 0 },
	{ "deferred/receiver dies/rud", 0, 0, 0 },
};

static void receiver_dies(struct sys *s, const void *arg)
{
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op;
	struct sys_ep e;

	open_pair(s, &e, arg, 0);
	if (s->rank == 0) {
		sys_barrier(s, &e);
		sys_die();
	}
	sys_fill(buf, BIG, 1);
	send_msg(&e, e.peer[0], buf, BIG, 1, 0, &op);
	sys_drive(&e, 200);
	sys_barrier(s, &e);
	sys_wait(&e, &op);
	expect(op.err > 0, "an error for what the dead process did not take");
	sys_close(&e);
	free(buf);
}

static void sender_dies(struct sys *s, const void *arg)
{
	static const struct row row = { "", FI_ORDER_SAS, 0, 0 };
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op = { 0 };
	struct sys_ep e;

	(void)arg;
	open_pair(s, &e, &row, 0);
	if (s->rank == 1) {
		sys_fill(buf, BIG, 1);
		send_msg(&e, e.peer[0], buf, BIG, 1, 0, &op);
		sys_drive(&e, 200);
		sys_barrier(s, &e);
		sys_die();
	}
	sys_barrier(s, &e);
	sys_hear_end(s, 1, &e);
	sys_trecv(&e, FI_ADDR_UNSPEC, buf, BIG, 1, 0, &op);
	sys_wait(&e, &op);
	expect(op.err > 0, "an error for a message whose sender is dead");
	sys_close(&e);
	free(buf);
}

/* ---- many senders at a receiver with hardly any room ---- */

#define SENDERS	6

static const struct row floods[] = {
	{ "deferred/flood/rod", FI_ORDER_SAS, 0, 0 },
	{ "deferred/flood/rud", 0, 0, 0 },
};

static size_t flood_len(unsigned int rank, unsigned int i)
{
	uint64_t state = rank * 7919 + i;
	uint64_t r = sys_rand(&state);

	return r % 8 == 0 ? r / 8 % 200000 : r / 8 % 2000;
}

static void flood_send(struct sys *s, struct sys_ep *e, unsigned int cnt)
{
	struct sys_op *ops = calloc(cnt, sizeof(*ops));
	uint8_t **bufs = calloc(cnt, sizeof(*bufs));
	unsigned int i;

	for (i = 0; i < cnt; i++) {
		size_t len = flood_len((unsigned int)s->rank, i);

		bufs[i] = sys_alloc(len);
		sys_fill(bufs[i], len, (uint64_t)s->rank << 32 | i);
		sys_tsend(e, e->peer[0], bufs[i], len, (uint64_t)s->rank << 32 | i, &ops[i]);
	}
	for (i = 0; i < cnt; i++) {
		sys_wait_ok(e, &ops[i]);
		free(bufs[i]);
	}
	free(ops);
	free(bufs);
}

/* From the senders in turn, late and one after the other: every message is here some time. */
static void flood_receive(struct sys_ep *e, unsigned int cnt)
{
	uint8_t *buf = sys_alloc(200000);
	unsigned int i, rank;

	sys_drive(e, 300);
	for (i = 0; i < cnt; i++)
		for (rank = 1; rank <= SENDERS; rank++) {
			uint64_t id = (uint64_t)rank << 32 | i;
			struct sys_op op = { 0 };

			sys_trecv(e, e->peer[rank], buf, 200000, id, 0, &op);
			sys_wait_ok(e, &op);
			expect_eq(op.entry.len, flood_len(rank, i));
			sys_verify(buf, op.entry.len, id);
		}
	free(buf);
}

static void flood(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(60, 20);
	struct sys_ep e;

	setenv("FI_UET_UNEXPECTED_COUNT", "20", 1);
	setenv("FI_UET_DEFER_SIZE", "20000", 1);
	open_pair(s, &e, arg, 0);
	if (s->rank == 0)
		flood_receive(&e, cnt);
	else
		flood_send(s, &e, cnt);
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(larges) / sizeof(larges[0]); i++)
		sys_case(larges[i].name, 2, large, &larges[i]);
	for (i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
		sys_case(matches[i].name, 2, match, &matches[i]);
	for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++)
		sys_case(deaths[i].name, 2, receiver_dies, &deaths[i]);
	sys_case("deferred/sender dies", 2, sender_dies, NULL);
	for (i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		sys_case(floods[i].name, SENDERS + 1, flood, &floods[i]);
	return sys_end();
}
