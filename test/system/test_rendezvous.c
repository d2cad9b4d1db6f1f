/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rendezvous sends through libfabric: what is longer than FI_UET_RENDEZVOUS_SIZE waits at its
 * sender until its receiver reads it. Applications must not see any other difference.
 */
#include "sys.h"

#include <stdio.h>

#define SIZE	"4096"		/* FI_UET_RENDEZVOUS_SIZE */
#define BIG	((size_t)8 << 20)

struct row {
	const char *name;
	uint64_t msg_order;
	enum fi_progress progress;
	const char *eager;	/* FI_UET_RENDEZVOUS_EAGER; NULL: default */
	uint64_t flags;
};

static void open_pair(struct sys *s, struct sys_ep *e, const struct row *row)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				 .msg_order = row->msg_order, .progress = row->progress };

	setenv("FI_UET_RENDEZVOUS_SIZE", SIZE, 1);
	if (row->eager)
		setenv("FI_UET_RENDEZVOUS_EAGER", row->eager, 1);
	setenv("FI_UET_PEER_TIMEOUT", "2000", 1);
	setenv("FI_UET_REFUSED_TIMEOUT", "500", 1);
	sys_open(e, &opts);
	sys_connect(s, e);
}

static void send_msg(struct sys_ep *e, const void *buf, size_t len, uint64_t tag, uint64_t flags,
		     struct sys_op *op)
{
	struct iovec iov[3] = {
		{ .iov_base = (void *)(uintptr_t)buf, .iov_len = len / 5 },
		{ .iov_base = (char *)(uintptr_t)buf + len / 5, .iov_len = len / 2 - len / 5 },
		{ .iov_base = (char *)(uintptr_t)buf + len / 2, .iov_len = len - len / 2 },
	};
	struct fi_msg_tagged msg = { .msg_iov = iov, .iov_count = 3, .addr = e->peer[0],
				     .tag = tag, .data = tag, .context = op };

	memset(op, 0, sizeof(*op));
	sys_post(e, fi_tsendmsg(e->ep, &msg, flags | FI_COMPLETION | FI_REMOTE_CQ_DATA));
}

/* ---- every size, asked for before and after ---- */

static const struct row sizes[] = {
	{ "rendezvous/sizes/rod", FI_ORDER_SAS, 0, NULL, 0 },
	{ "rendezvous/sizes/rud", 0, 0, NULL, 0 },
	{ "rendezvous/sizes/auto", FI_ORDER_SAS, FI_PROGRESS_AUTO, NULL, 0 },
	{ "rendezvous/sizes/no eager bytes", 0, 0, "0", 0 },
	{ "rendezvous/sizes/many eager bytes", FI_ORDER_SAS, 0, "100000", 0 },
	{ "rendezvous/sizes/delivery", FI_ORDER_SAS, 0, "1", FI_DELIVERY_COMPLETE },
};

static const size_t lens[] = {
	0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 16384, 16385, 65536, 100017, 1 << 20,
	(3 << 20) + 7, (size_t)8 << 20,
};

#define LENS (sizeof(lens) / sizeof(lens[0]))

static void sizes_send(struct sys *s, struct sys_ep *e, uint64_t flags)
{
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op;
	size_t i;

	for (i = 0; i < 2 * LENS; i++) {
		size_t len = lens[i / 2];

		sys_fill(buf, len, i);
		if (!(i & 1))
			sys_barrier(s, e);
		send_msg(e, buf, len, i, flags, &op);
		if (i & 1) {
			sys_barrier(s, e);
			expect(len <= 4096 || !op.done, "no completion before it is received");
			sys_barrier(s, e);
		}
		sys_wait_ok(e, &op);
		/* The buffer is the application's again. */
		memset(buf, 0xff, len);
	}
	free(buf);
}

static void sizes_receive(struct sys *s, struct sys_ep *e)
{
	uint8_t *buf = sys_alloc(BIG + SYS_GUARD);
	struct sys_op op;
	size_t i;

	for (i = 0; i < 2 * LENS; i++) {
		size_t len = lens[i / 2];

		sys_guard(buf, len);
		memset(&op, 0, sizeof(op));
		if (i & 1) {	/* unexpected: seen before it is asked for */
			struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .tag = i,
						     .context = &op };

			do {
				memset(&op, 0, sizeof(op));
				expect_ok(fi_trecvmsg(e->ep, &msg, FI_PEEK));
				sys_wait(e, &op);
			} while (op.err == FI_ENOMSG);
			expect_eq(op.entry.len, len);
			sys_barrier(s, e);
			sys_barrier(s, e);
			memset(&op, 0, sizeof(op));
		}
		sys_trecv(e, i & 2 ? e->peer[1] : FI_ADDR_UNSPEC, buf, len, i, 0, &op);
		if (!(i & 1))
			sys_barrier(s, e);
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, len);
		expect_eq(op.entry.data, i);
		expect_eq(op.src, e->peer[1]);
		sys_verify(buf, len, i);
		sys_check_guard(buf, len);
	}
	free(buf);
}

static void all_sizes(struct sys *s, const void *arg)
{
	const struct row *row = arg;
	struct sys_ep e;

	open_pair(s, &e, row);
	if (s->rank == 0)
		sizes_receive(s, &e);
	else
		sizes_send(s, &e, row->flags);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- order, with short messages between, and hardly any room for unexpected ones ---- */

#define MANY	200
#define MAX_LEN	200000

static const struct row orders[] = {
	{ "rendezvous/order", FI_ORDER_SAS, 0, NULL, 0 },
	{ "rendezvous/order/no eager bytes", FI_ORDER_SAS, 0, "0", 0 },
};

static size_t order_len(uint64_t i)
{
	uint64_t state = i + 1;
	uint64_t r = sys_rand(&state);

	return r % 3 ? r / 3 % 3000 : r / 3 % MAX_LEN;
}

static void order_send(struct sys *s, struct sys_ep *e, unsigned int cnt)
{
	struct sys_op *ops = calloc(cnt, sizeof(*ops));
	uint8_t **bufs = calloc(cnt, sizeof(*bufs));
	unsigned int i;

	for (i = 0; i < cnt; i++) {
		bufs[i] = sys_alloc(order_len(i));
		sys_fill(bufs[i], order_len(i), i);
		send_msg(e, bufs[i], order_len(i), i, 0, &ops[i]);
		if (i == cnt / 2)
			sys_barrier(s, e);
	}
	for (i = 0; i < cnt; i++) {
		sys_wait_ok(e, &ops[i]);
		free(bufs[i]);
	}
	free(ops);
	free(bufs);
}

/* Receives that take anything, many at a time: the n-th gets the n-th message. */
static void order_receive(struct sys *s, struct sys_ep *e, unsigned int cnt)
{
	struct sys_op ops[8];
	uint8_t *buf[8];
	unsigned int i, k;

	for (k = 0; k < 8; k++)
		buf[k] = sys_alloc(MAX_LEN);
	sys_barrier(s, e);
	for (i = 0; i < cnt; i += 8) {
		for (k = 0; k < 8; k++) {
			memset(&ops[k], 0, sizeof(ops[k]));
			sys_trecv(e, FI_ADDR_UNSPEC, buf[k], MAX_LEN, 0, ~0ull, &ops[k]);
		}
		for (k = 0; k < 8; k++) {
			sys_wait_ok(e, &ops[k]);
			expect_eq(ops[k].entry.tag, i + k);
			expect_eq(ops[k].entry.len, order_len(i + k));
			sys_verify(buf[k], order_len(i + k), i + k);
		}
	}
	for (k = 0; k < 8; k++)
		free(buf[k]);
}

static void order(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(MANY, 64);
	struct sys_ep e;

	setenv("FI_UET_UNEXPECTED_BYTES", "100000", 1);
	open_pair(s, &e, arg);
	if (s->rank == 0)
		order_receive(s, &e, cnt);
	else
		order_send(s, &e, cnt);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- those that are not wanted as a whole ---- */

static const struct row unwanteds[] = {
	{ "rendezvous/unwanted/rod", FI_ORDER_SAS, 0, NULL, 0 },
	{ "rendezvous/unwanted/rud", 0, 0, "0", 0 },
};

static void peek(struct sys_ep *e, uint64_t tag, uint64_t flags, struct sys_op *op)
{
	struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .tag = tag, .context = op };

	do {
		memset(op, 0, sizeof(*op));
		expect_ok(fi_trecvmsg(e->ep, &msg, FI_PEEK | flags));
		sys_wait(e, op);
	} while (op->err == FI_ENOMSG);
	expect_eq(op->err, 0);
	expect_eq(op->entry.len, 1 << 20);
}

/* Truncated; discarded; claimed and received; claimed and discarded. */
static void unwanted_receive(struct sys_ep *e)
{
	uint8_t *buf = sys_alloc((1 << 20) + SYS_GUARD);
	struct sys_op op = { 0 };
	struct iovec iov = { .iov_base = buf, .iov_len = 1 << 20 };
	struct fi_msg_tagged msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC,
				     .context = &op };

	sys_guard(buf, 50000);
	sys_trecv(e, FI_ADDR_UNSPEC, buf, 50000, 0, 0, &op);
	sys_wait(e, &op);
	expect_eq(op.err, FI_ETRUNC);
	sys_verify(buf, 50000, 0);
	sys_check_guard(buf, 50000);
	peek(e, 1, FI_DISCARD, &op);
	peek(e, 2, FI_CLAIM, &op);
	memset(&op, 0, sizeof(op));
	msg.tag = 2;
	sys_guard(buf, 1 << 20);
	expect_ok(fi_trecvmsg(e->ep, &msg, FI_CLAIM));
	sys_wait_ok(e, &op);
	expect_eq(op.entry.len, 1 << 20);
	sys_verify(buf, 1 << 20, 2);
	sys_check_guard(buf, 1 << 20);
	peek(e, 3, FI_CLAIM, &op);
	memset(&op, 0, sizeof(op));
	msg.tag = 3;
	expect_ok(fi_trecvmsg(e->ep, &msg, FI_CLAIM | FI_DISCARD));
	sys_wait_ok(e, &op);
	free(buf);
}

static void unwanted(struct sys *s, const void *arg)
{
	uint8_t *buf[4];
	struct sys_op op[4];
	struct sys_ep e;
	uint64_t i;

	open_pair(s, &e, arg);
	if (s->rank == 0)
		unwanted_receive(&e);
	for (i = 0; s->rank == 1 && i < 4; i++) {
		buf[i] = sys_alloc(1 << 20);
		sys_fill(buf[i], 1 << 20, i);
		send_msg(&e, buf[i], 1 << 20, i, 0, &op[i]);
	}
	for (i = 0; s->rank == 1 && i < 4; i++) {
		sys_wait_ok(&e, &op[i]);
		free(buf[i]);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- both ways at once ---- */

#define EACH	8

static const struct row exchanges[] = {
	{ "rendezvous/exchange/rod", FI_ORDER_SAS, 0, NULL, 0 },
	{ "rendezvous/exchange/rud", 0, 0, NULL, 0 },
};

static void exchange(struct sys *s, const void *arg)
{
	fi_addr_t peer;
	struct sys_op tx[EACH], rx[EACH];
	uint8_t *out[EACH], *in[EACH];
	struct sys_ep e;
	uint64_t i, base;

	open_pair(s, &e, arg);
	peer = e.peer[1 - s->rank];
	base = (uint64_t)s->rank * EACH;
	for (i = 0; i < EACH; i++) {
		out[i] = sys_alloc(1 << 20);
		in[i] = sys_alloc(1 << 20);
		sys_fill(out[i], 1 << 20, base + i);
		memset(&tx[i], 0, sizeof(tx[i]));
		memset(&rx[i], 0, sizeof(rx[i]));
		sys_tsend(&e, peer, out[i], 1 << 20, i, &tx[i]);
	}
	for (i = 0; i < EACH; i++)
		sys_trecv(&e, peer, in[i], 1 << 20, i, 0, &rx[i]);
	for (i = 0; i < EACH; i++) {
		sys_wait_ok(&e, &rx[i]);
		sys_wait_ok(&e, &tx[i]);
		sys_verify(in[i], 1 << 20, EACH - base + i);
		free(in[i]);
		free(out[i]);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- death ---- */

static const struct row deaths[] = {
	{ "rendezvous/death/rod", FI_ORDER_SAS, 0, NULL, 0 },
	{ "rendezvous/death/rud", 0, 0, NULL, 0 },
};

static void receiver_dies(struct sys *s, const void *arg)
{
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op;
	struct sys_ep e;

	open_pair(s, &e, arg);
	if (s->rank == 0) {
		sys_barrier(s, &e);
		sys_die();
	}
	sys_fill(buf, BIG, 1);
	send_msg(&e, buf, BIG, 1, 0, &op);
	sys_drive(&e, 200);
	sys_barrier(s, &e);
	sys_wait(&e, &op);
	expect(op.err > 0, "an error for what the dead process did not read");
	sys_close(&e);
	free(buf);
}

static void sender_dies(struct sys *s, const void *arg)
{
	uint8_t *buf = sys_alloc(BIG);
	struct sys_op op = { 0 };
	struct sys_ep e;

	open_pair(s, &e, arg);
	if (s->rank == 1) {
		sys_fill(buf, BIG, 1);
		send_msg(&e, buf, BIG, 1, 0, &op);
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

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		sys_case(sizes[i].name, 2, all_sizes, &sizes[i]);
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		sys_case(orders[i].name, 2, order, &orders[i]);
	for (i = 0; i < sizeof(unwanteds) / sizeof(unwanteds[0]); i++)
		sys_case(unwanteds[i].name, 2, unwanted, &unwanteds[i]);
	for (i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++)
		sys_case(exchanges[i].name, 2, exchange, &exchanges[i]);
	for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		sys_case(deaths[i].name, 2, receiver_dies, &deaths[i]);
		sys_case(deaths[i].name, 2, sender_dies, &deaths[i]);
	}
	return sys_end();
}
