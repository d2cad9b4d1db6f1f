/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How fast bytes get from one process to another, and that they are the right ones. Prints
 * "goodput PROVIDER MBIT/S" for each transfer, timed at the sender from its first call to the
 * receiver's answer that all is there.
 *
 * UET_TEST_HOSTS, UET_TEST_PROVIDER: where and by what. UET_LAB_MIB (64): bytes of a transfer;
 * UET_LAB_MESSAGE (1048576): bytes of its messages; UET_LAB_REPEAT (1): how many transfers;
 * UET_LAB_ORDERED: with FI_ORDER_SAS, as MPI has it, although each message has a tag of its own.
 */
#include "system/sys.h"

#include <stdio.h>

#define SLOTS 16	/* messages on their way at a time */

struct transfer {
	size_t size, messages;
	uint8_t *buf;
	struct sys_op op[SLOTS];
};

static size_t setting(const char *name, size_t value)
{
	const char *text = getenv(name);

	if (text && *text)
		value = strtoull(text, NULL, 0);
	expect(value > 0, "%s to be more than nothing", name);
	return value;
}

static void start(struct sys_ep *e, struct transfer *t, int rank, size_t i)
{
	struct sys_op *op = &t->op[i % SLOTS];

	memset(op, 0, sizeof(*op));
	if (rank == 0)
		sys_tsend(e, e->peer[1], t->buf + i * t->size, t->size, i, op);
	else
		sys_trecv(e, e->peer[0], t->buf + i * t->size, t->size, i, 0, op);
}

static void all_messages(struct sys_ep *e, struct transfer *t, int rank)
{
	size_t i;

	for (i = 0; i < t->messages + SLOTS; i++) {
		if (i >= SLOTS && i - SLOTS < t->messages)
			sys_wait_ok(e, &t->op[i % SLOTS]);
		if (i < t->messages)
			start(e, t, rank, i);
	}
}

/* One byte from @from to the other process; whoever has it knows that all before is done. */
static void token(struct sys_ep *e, int rank, int from)
{
	struct sys_op op = { .done = 0 };
	uint8_t byte = 0;

	if (rank == from)
		sys_tsend(e, e->peer[!rank], &byte, 1, UINT64_MAX, &op);
	else
		sys_trecv(e, e->peer[!rank], &byte, 1, UINT64_MAX, 0, &op);
	sys_wait_ok(e, &op);
}

static void once(struct sys *s, struct sys_ep *e, struct transfer *t, uint64_t id)
{
	size_t bytes = t->size * t->messages;
	uint64_t begun, ms;

	if (s->rank == 0)
		sys_fill(t->buf, bytes, id);
	else
		memset(t->buf, 0, bytes);
	sys_barrier(s, e);
	begun = sys_now_ms();
	all_messages(e, t, s->rank);
	token(e, s->rank, 1);
	ms = sys_now_ms() - begun;
	if (s->rank == 1)
		sys_verify(t->buf, bytes, id);
	else
		printf("goodput %s %.1f\n", sys_provider(),
		       (double)bytes * 8 / 1000 / (double)(ms ? ms : 1));
	sys_barrier(s, e);
}

static void transfer(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .msg_order = getenv("UET_LAB_ORDERED") ? FI_ORDER_SAS : 0 };
	size_t repeat = setting("UET_LAB_REPEAT", 1), bytes = setting("UET_LAB_MIB", 64) << 20;
	struct transfer t = { .size = setting("UET_LAB_MESSAGE", 1 << 20) };
	struct sys_ep e;
	size_t i;

	(void)arg;
	t.messages = (bytes + t.size - 1) / t.size;
	t.buf = sys_alloc(t.size * t.messages);
	sys_open(&e, &opts);
	sys_connect(s, &e);
	sys_barrier(s, &e);
	/* Addresses are found, and connections made, before the clock runs. */
	token(&e, s->rank, 0);
	token(&e, s->rank, 1);
	for (i = 0; i < repeat; i++)
		once(s, &e, &t, i + 1);
	sys_barrier(s, &e);
	sys_close(&e);
	free(t.buf);
}

int main(int argc, char **argv)
{
	sys_begin(argc, argv);
	sys_case_limit("transfer", 2, 600, transfer, NULL);
	return sys_end();
}
