/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which message ends up in which receive: tags, sources, early messages, order.
 */
#include "sys.h"

#include <stdio.h>

#define BUF 4096

static const struct sys_opts plain = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				       .msg_order = FI_ORDER_SAS };

/* A small message: its id is its content. */
static void send_id(struct sys_ep *e, fi_addr_t to, uint64_t tag, uint64_t id)
{
	struct sys_op op = { 0 };

	sys_tsend(e, to, &id, sizeof(id), tag, &op);
	sys_wait_ok(e, &op);
}

struct slot {
	struct sys_op op;
	uint64_t id;
};

static void expect_id(struct sys_ep *e, struct slot *slot, uint64_t id)
{
	sys_wait_ok(e, &slot->op);
	expect_eq(slot->op.entry.len, sizeof(id));
	expect_eq(slot->id, id);
}

/* ---- tags and masks ---- */

static const struct tag_row {
	uint64_t tag, ignore, sent;
	bool match;
} tag_rows[] = {
	{ 0, 0, 0, true },
	{ 0, 0, 1, false },
	{ 1, 0, 0, false },
	{ UINT64_MAX, 0, UINT64_MAX, true },
	{ UINT64_MAX, 0, UINT64_MAX - 1, false },
	{ 0x8000000000000000, 0, 0x8000000000000000, true },
	{ 0x8000000000000000, 0, 0, false },
	{ 0, UINT64_MAX, 0x123456789abcdef0, true },
	{ 0xffffffffffffffff, UINT64_MAX, 0, true },
	{ 0x00000000000000ff, 0xff, 0x00, true },
	{ 0x0000000000000000, 0xff, 0x100, false },
	{ 0xabcd000000000000, 0x0000ffffffffffff, 0xabcd123456789abc, true },
	{ 0xabcd000000000000, 0x0000ffffffffffff, 0xabce123456789abc, false },
	{ 0x0000000100000000, 0x8000000000000000, 0x8000000100000000, true },
	{ 0x0000000100000000, 0x8000000000000000, 0x8000000200000000, false },
	{ 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0xffffffffffffffff, true },
	{ 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0xfffffffffffffffe, false },
};

#define ROWS (sizeof(tag_rows) / sizeof(tag_rows[0]))

/* A message that must not match is followed by one that does; both must find their place. */
static void tags_receive(struct sys *s, struct sys_ep *e, const struct tag_row *row, bool late)
{
	struct slot first = { 0 }, second = { 0 };

	if (late)
		sys_barrier(s, e);
	sys_trecv(e, FI_ADDR_UNSPEC, &first.id, 8, row->tag, row->ignore, &first.op);
	if (!late)
		sys_barrier(s, e);
	expect_id(e, &first, row->match ? 1 : 2);
	expect_eq(first.op.entry.tag, row->match ? row->sent : row->tag);
	expect_eq(first.op.src, e->peer[1]);
	sys_trecv(e, FI_ADDR_UNSPEC, &second.id, 8, row->match ? row->tag : row->sent, 0,
		  &second.op);
	expect_id(e, &second, row->match ? 2 : 1);
	sys_barrier(s, e);
}

static void tags_send(struct sys *s, struct sys_ep *e, const struct tag_row *row, bool late)
{
	if (!late)
		sys_barrier(s, e);
	send_id(e, e->peer[0], row->sent, 1);
	send_id(e, e->peer[0], row->tag, 2);
	if (late)
		sys_barrier(s, e);
	sys_barrier(s, e);
}

static void tags(struct sys *s, const void *arg)
{
	struct sys_ep e;
	size_t i;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	for (i = 0; i < 2 * ROWS; i++) {
		if (s->rank == 0)
			tags_receive(s, &e, &tag_rows[i / 2], i & 1);
		else
			tags_send(s, &e, &tag_rows[i / 2], i & 1);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- directed receive ---- */

/* Posted in this order: from 2, from anyone, from 1. Process 1 sends two before process 2. */
static void directed_receive(struct sys *s, struct sys_ep *e, bool late)
{
	struct slot two = { 0 }, any = { 0 }, one = { 0 };

	if (late) {
		sys_barrier(s, e);
		sys_barrier(s, e);
	}
	sys_trecv(e, e->peer[2], &two.id, 8, 5, 0, &two.op);
	sys_trecv(e, FI_ADDR_UNSPEC, &any.id, 8, 5, 0, &any.op);
	sys_trecv(e, e->peer[1], &one.id, 8, 0, UINT64_MAX, &one.op);
	if (!late) {
		sys_barrier(s, e);
		sys_barrier(s, e);
	}
	expect_id(e, &two, 20);
	expect_id(e, &any, 10);
	expect_id(e, &one, 11);
	expect_eq(two.op.src, e->peer[2]);
	expect_eq(any.op.src, e->peer[1]);
	expect_eq(one.op.src, e->peer[1]);
	sys_barrier(s, e);
}

static void directed_send(struct sys *s, struct sys_ep *e, bool late)
{
	if (!late)
		sys_barrier(s, e);
	if (s->rank == 1) {
		send_id(e, e->peer[0], 5, 10);
		send_id(e, e->peer[0], 5, 11);
	}
	sys_barrier(s, e);
	if (s->rank == 2)
		send_id(e, e->peer[0], 5, 20);
	if (late)
		sys_barrier(s, e);
	sys_barrier(s, e);
}

static void untagged_directed(struct sys *s, struct sys_ep *e)
{
	struct slot two = { 0 }, one = { 0 };
	struct sys_op op = { 0 };
	uint64_t id = (uint64_t)s->rank;

	if (s->rank == 0) {
		sys_post(e, fi_recv(e->ep, &two.id, 8, NULL, e->peer[2], &two.op));
		sys_post(e, fi_recv(e->ep, &one.id, 8, NULL, e->peer[1], &one.op));
		sys_barrier(s, e);
		expect_id(e, &one, 1);
		expect_id(e, &two, 2);
	} else {
		sys_barrier(s, e);
		sys_post(e, fi_send(e->ep, &id, 8, NULL, e->peer[0], &op));
		sys_wait_ok(e, &op);
	}
	sys_barrier(s, e);
}

static void directed(struct sys *s, const void *arg)
{
	struct sys_ep e;
	int i;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	for (i = 0; i < 20; i++) {
		if (s->rank == 0)
			directed_receive(s, &e, i & 1);
		else
			directed_send(s, &e, i & 1);
		untagged_directed(s, &e);
	}
	sys_close(&e);
}

/* ---- messages before their receives ---- */

static const struct early {
	const char *name;
	unsigned int count;
	size_t size;
	bool tagged;
} earlies[] = {
	{ "match/early/empty", 1, 0, true },
	{ "match/early/1-byte", 1, 1, true },
	{ "match/early/8KiB+1", 1, 8193, true },
	{ "match/early/64KiB", 1, 65536, true },
	{ "match/early/1MiB", 1, 1048576, true },
	{ "match/early/8MiB", 1, 8u << 20, true },
	{ "match/early/many-small", 1000, 64, true },
	{ "match/early/many-small-untagged", 1000, 64, false },
	{ "match/early/many-8KiB", 200, 8192, true },
	{ "match/early/many-256KiB", 16, 262144, true },
	{ "match/early/many-1MiB-untagged", 6, 1048577, false },
};

static void early_send(struct sys *s, struct sys_ep *e, const struct early *t)
{
	struct sys_op *ops = calloc(t->count, sizeof(*ops));
	uint8_t *buf = sys_alloc(t->size * t->count);
	unsigned int i;

	for (i = 0; i < t->count; i++) {
		sys_fill(buf + i * t->size, t->size, i);
		if (t->tagged)
			sys_tsend(e, e->peer[0], buf + i * t->size, t->size, i, &ops[i]);
		else
			sys_post(e, fi_send(e->ep, buf + i * t->size, t->size, NULL, e->peer[0],
					    &ops[i]));
	}
	sys_drive(e, 20);
	sys_barrier(s, e);
	for (i = 0; i < t->count; i++)
		sys_wait_ok(e, &ops[i]);
	free(ops);
	free(buf);
}

static void early_receive(struct sys *s, struct sys_ep *e, const struct early *t)
{
	uint8_t *buf = sys_alloc(t->size + SYS_GUARD);
	unsigned int i;

	sys_barrier(s, e);
	sys_drive(e, 20);
	for (i = 0; i < t->count; i++) {
		struct sys_op op = { 0 };

		memset(buf, 0, t->size);
		sys_guard(buf, t->size);
		if (t->tagged)
			sys_trecv(e, FI_ADDR_UNSPEC, buf, t->size, 0, UINT64_MAX, &op);
		else
			sys_post(e, fi_recv(e->ep, buf, t->size, NULL, FI_ADDR_UNSPEC, &op));
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, t->size);
		if (t->tagged)
			expect_eq(op.entry.tag, i);
		expect_eq(op.src, e->peer[1]);
		sys_verify(buf, t->size, i);
		sys_check_guard(buf, t->size);
	}
	free(buf);
}

static void early(struct sys *s, const void *arg)
{
	const struct early *t = arg;
	struct sys_ep e;

	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 0)
		early_receive(s, &e, t);
	else
		early_send(s, &e, t);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- peek, claim, discard ---- */

static ssize_t look(struct sys_ep *e, bool tagged, uint64_t tag, uint64_t ignore, void *buf,
		    size_t len, uint64_t flags, struct sys_op *op)
{
	struct iovec iov = { buf, len };
	struct fi_msg_tagged tmsg = { .msg_iov = buf ? &iov : NULL, .iov_count = buf ? 1 : 0,
				      .addr = FI_ADDR_UNSPEC, .tag = tag, .ignore = ignore,
				      .context = op };
	struct fi_msg msg = { .msg_iov = tmsg.msg_iov, .iov_count = tmsg.iov_count,
			      .addr = FI_ADDR_UNSPEC, .context = op };

	memset(op, 0, sizeof(*op));
	flags |= FI_COMPLETION;
	return tagged ? fi_trecvmsg(e->ep, &tmsg, flags) : fi_recvmsg(e->ep, &msg, flags);
}

static void expect_found(struct sys_ep *e, bool tagged, uint64_t tag, uint64_t flags, size_t len,
			 struct sys_op *op)
{
	sys_post(e, look(e, tagged, tag, 0, NULL, 0, flags, op));
	sys_wait_ok(e, op);
	expect_eq(op->entry.len, len);
	if (tagged)
		expect_eq(op->entry.tag, tag);
	expect_eq(sys_flags(op->entry.flags),
		  sys_flags(FI_RECV | FI_REMOTE_CQ_DATA | (tagged ? FI_TAGGED : FI_MSG)));
	expect_eq(op->entry.data, tag + 1000);
	expect_eq(op->src, e->peer[1]);
}

static void expect_none(struct sys_ep *e, bool tagged, uint64_t tag, uint64_t flags)
{
	struct sys_op op;

	sys_post(e, look(e, tagged, tag, 0, NULL, 0, flags, &op));
	sys_wait(e, &op);
	expect_eq(op.err, FI_ENOMSG);
	if (tagged)
		expect_eq(op.entry.tag, tag);
}

/* Messages 1 to 5 of 100 times their tag bytes (and one of 20000) came unexpected. */
#define PEEK_BIG 20000

static size_t peek_len(uint64_t tag)
{
	return tag == 5 ? PEEK_BIG : tag * 100;
}

static void peek_receive(struct sys_ep *e, bool tagged)
{
	struct sys_op op, claim;
	uint8_t *buf = sys_alloc(PEEK_BIG);

	expect_found(e, tagged, 1, FI_PEEK, peek_len(1), &op);
	expect_found(e, tagged, 1, FI_PEEK, peek_len(1), &op);
	/* Claimed: nobody else finds it. */
	expect_found(e, tagged, 1, FI_PEEK | FI_CLAIM, peek_len(1), &claim);
	if (tagged)
		expect_none(e, tagged, 1, FI_PEEK);
	expect_found(e, tagged, 2, FI_PEEK | FI_DISCARD, peek_len(2), &op);
	if (tagged)
		expect_none(e, tagged, 2, FI_PEEK);
	sys_post(e, look(e, tagged, 1, 0, buf, PEEK_BIG, FI_CLAIM, &claim));
	sys_wait_ok(e, &claim);
	expect_eq(claim.entry.len, peek_len(1));
	sys_verify(buf, peek_len(1), 1);
	expect_found(e, tagged, 3, FI_PEEK | FI_CLAIM, peek_len(3), &claim);
	sys_post(e, look(e, tagged, 3, 0, NULL, 0, FI_CLAIM | FI_DISCARD, &claim));
	sys_wait_ok(e, &claim);
	/* The others are still there, in their order. */
	sys_post(e, look(e, tagged, 0, UINT64_MAX, buf, PEEK_BIG, 0, &op));
	sys_wait_ok(e, &op);
	sys_verify(buf, peek_len(4), 4);
	expect_found(e, tagged, 5, FI_PEEK | FI_CLAIM, peek_len(5), &claim);
	sys_post(e, look(e, tagged, 5, 0, buf, PEEK_BIG, FI_CLAIM, &claim));
	sys_wait_ok(e, &claim);
	sys_verify(buf, peek_len(5), 5);
	expect_none(e, tagged, 5, FI_PEEK);
	expect_none(e, tagged, 5, FI_PEEK | FI_CLAIM);
	expect_none(e, tagged, 5, FI_PEEK | FI_DISCARD);
	free(buf);
}

static void peek_send(struct sys_ep *e, bool tagged)
{
	uint8_t *buf = sys_alloc(PEEK_BIG);
	uint64_t tag;

	for (tag = 1; tag <= 5; tag++) {
		struct sys_op op = { 0 };

		sys_fill(buf, peek_len(tag), tag);
		if (tagged)
			sys_post(e, fi_tsenddata(e->ep, buf, peek_len(tag), NULL, tag + 1000,
						 e->peer[0], tag, &op));
		else
			sys_post(e, fi_senddata(e->ep, buf, peek_len(tag), NULL, tag + 1000,
						e->peer[0], &op));
		sys_wait_ok(e, &op);
	}
	free(buf);
}

static void peek(struct sys *s, const void *arg)
{
	bool tagged = *(const bool *)arg;
	struct sys_ep e;

	if (!sys_is_uet() || sys_is_rendezvous())
		sys_skip("needs a peek right after the sender's completion");
	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 0)
		expect_none(&e, tagged, 1, FI_PEEK);
	sys_barrier(s, &e);
	if (s->rank == 1)
		peek_send(&e, tagged);
	sys_barrier(s, &e);
	if (s->rank == 0)
		peek_receive(&e, tagged);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* A message that was claimed and never received goes with the endpoint, without a leak. */
static void claim_and_close(struct sys *s, const void *arg)
{
	struct sys_op op;
	struct sys_ep e;

	(void)arg;
	if (!sys_is_uet() || sys_is_rendezvous())
		sys_skip("needs a peek right after the sender's completion");
	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 1)
		peek_send(&e, true);
	sys_barrier(s, &e);
	if (s->rank == 0)
		expect_found(&e, true, 5, FI_PEEK | FI_CLAIM, peek_len(5), &op);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- cancel ---- */

#define POSTED 10

static void cancel_receive(struct sys *s, struct sys_ep *e)
{
	struct slot slot[POSTED] = { 0 };
	int i;

	for (i = 0; i < POSTED; i++)
		sys_trecv(e, FI_ADDR_UNSPEC, &slot[i].id, 8, 7, 0, &slot[i].op);
	for (i = 0; i < POSTED; i += 3) {
		expect_ok(fi_cancel(&e->ep->fid, &slot[i].op));
		sys_wait(e, &slot[i].op);
		expect_eq(slot[i].op.err, FI_ECANCELED);
		expect_eq(sys_flags(slot[i].op.entry.flags), sys_flags(FI_RECV | FI_TAGGED));
	}
	sys_barrier(s, e);
	for (i = 0; i < POSTED; i++) {
		if (i % 3)
			expect_id(e, &slot[i], (uint64_t)(i - i / 3 - 1));
		else
			expect_eq(slot[i].id, 0);
	}
	/* A second time, and after the match: nothing more comes. */
	for (i = 0; i < POSTED && sys_is_uet(); i++)
		expect_ok(fi_cancel(&e->ep->fid, &slot[i].op));
	sys_drive(e, 20);
	for (i = 0; i < POSTED; i++)
		expect_eq(slot[i].op.done, 1);
}

static void cancel_untagged(struct sys_ep *e)
{
	struct slot slot = { 0 };

	sys_post(e, fi_recv(e->ep, &slot.id, 8, NULL, FI_ADDR_UNSPEC, &slot.op));
	expect_ok(fi_cancel(&e->ep->fid, &slot.op));
	sys_wait(e, &slot.op);
	expect_eq(slot.op.err, FI_ECANCELED);
	expect_eq(sys_flags(slot.op.entry.flags), sys_flags(FI_RECV | FI_MSG));
}

static void cancel(struct sys *s, const void *arg)
{
	struct sys_ep e;
	uint64_t i;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 0) {
		cancel_receive(s, &e);
		cancel_untagged(&e);
	} else {
		sys_barrier(s, &e);
		for (i = 0; i < POSTED - (POSTED + 2) / 3; i++)
			send_id(&e, e.peer[0], 7, i);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- truncation ---- */

static const struct cut {
	size_t sent, room;
} cuts[] = {
	{ 1, 0 }, { 100, 10 }, { 100, 99 }, { 4097, 4096 }, { 8193, 8192 }, { 20000, 8192 },
	{ 20000, 8193 }, { 20000, 0 }, { 1048576, 1 }, { 1048576, 500000 },
};

#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

static void truncated(struct sys *s, struct sys_ep *e, const struct cut *c, bool tagged, bool late)
{
	uint8_t *buf = sys_alloc(c->room + SYS_GUARD);
	struct sys_op op = { 0 };

	sys_guard(buf, c->room);
	if (late)
		sys_barrier(s, e);
	if (tagged)
		sys_trecv(e, FI_ADDR_UNSPEC, buf, c->room, 1, 0, &op);
	else
		sys_post(e, fi_recv(e->ep, buf, c->room, NULL, FI_ADDR_UNSPEC, &op));
	if (!late)
		sys_barrier(s, e);
	sys_wait(e, &op);
	expect_eq(op.err, FI_ETRUNC);
	expect_eq(op.olen, c->sent - c->room);
	if (sys_is_uet()) {
		expect_eq(op.entry.len, c->room);
		expect_eq(sys_flags(op.entry.flags), FI_RECV | (tagged ? FI_TAGGED : FI_MSG));
	}
	if (tagged)
		expect_eq(op.entry.tag, 1);
	sys_verify(buf, c->room / 8 * 8, c->sent);
	sys_check_guard(buf, c->room);
	free(buf);
	sys_barrier(s, e);
}

static void truncated_send(struct sys *s, struct sys_ep *e, const struct cut *c, bool tagged,
			   bool late)
{
	uint8_t *buf = sys_alloc(c->sent);
	struct sys_op op = { 0 };

	sys_fill(buf, c->sent, c->sent);
	if (!late)
		sys_barrier(s, e);
	if (tagged)
		sys_tsend(e, e->peer[0], buf, c->sent, 1, &op);
	else
		sys_post(e, fi_send(e->ep, buf, c->sent, NULL, e->peer[0], &op));
	if (late) {
		sys_drive(e, 5);
		sys_barrier(s, e);
	}
	/* That the receiver has less room is no fault of the sender. */
	sys_wait_ok(e, &op);
	free(buf);
	sys_barrier(s, e);
}

static void truncation(struct sys *s, const void *arg)
{
	struct sys_ep e;
	size_t i;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	for (i = 0; i < 4 * CUTS; i++) {
		if (s->rank == 0)
			truncated(s, &e, &cuts[i / 4], i & 1, i & 2);
		else
			truncated_send(s, &e, &cuts[i / 4], i & 1, i & 2);
	}
	sys_close(&e);
}

/* ---- senders that the AV does not know ---- */

static void get_name(struct sys *s, int from, uint8_t *name)
{
	sys_hear(s, from, name, SYS_NAME_MAX, NULL);
}

static void unknown_sender(struct sys *s, struct sys_ep *e)
{
	uint8_t name[SYS_NAME_MAX];

	get_name(s, 0, name);
	e->peer[0] = sys_insert(e, name);
	sys_tell(s, 0, e->name, sizeof(e->name));
	send_id(e, e->peer[0], 1, 11);
	send_id(e, e->peer[0], 2, 12);
	sys_barrier(s, e);
	send_id(e, e->peer[0], 3, 13);
	sys_barrier(s, e);
}

/* A receive from a peer that the AV learned after its message came finds that message. */
static void late_insert(struct sys *s, const void *arg)
{
	struct slot any = { 0 }, from = { 0 }, posted = { 0 };
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;

	(void)arg;
	if (!sys_is_uet())
		sys_skip("few others do it");
	sys_open(&e, &plain);
	if (s->rank == 1) {
		unknown_sender(s, &e);
		sys_close(&e);
		return;
	}
	/* An entry of somebody else, so that index 0 is not the sender by chance. */
	sys_insert(&e, e.name);
	sys_tell(s, 1, e.name, sizeof(e.name));
	get_name(s, 1, name);
	sys_trecv(&e, FI_ADDR_UNSPEC, &any.id, 8, 1, 0, &any.op);
	expect_id(&e, &any, 11);
	expect(any.op.src == FI_ADDR_NOTAVAIL, "no source index for an unknown sender");
	sys_drive(&e, 20);
	e.peer[1] = sys_insert(&e, name);
	sys_trecv(&e, e.peer[1], &from.id, 8, 2, 0, &from.op);
	sys_trecv(&e, e.peer[1], &posted.id, 8, 3, 0, &posted.op);
	expect_id(&e, &from, 12);
	expect_eq(from.op.src, e.peer[1]);
	sys_barrier(s, &e);
	expect_id(&e, &posted, 13);
	expect_eq(posted.op.src, e.peer[1]);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* FI_SOURCE_ERR: the entry of a message from an unknown sender carries its address. */
static void source_err(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_SOURCE_ERR | FI_DIRECTED_RECV,
				 .msg_order = FI_ORDER_SAS };
	struct slot one = { 0 }, two = { 0 }, three = { 0 };
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;

	(void)arg;
	if (!sys_is_uet())
		sys_skip("few others do it");
	sys_open(&e, &opts);
	if (s->rank == 1) {
		unknown_sender(s, &e);
		sys_close(&e);
		return;
	}
	sys_tell(s, 1, e.name, sizeof(e.name));
	get_name(s, 1, name);
	sys_trecv(&e, FI_ADDR_UNSPEC, &one.id, 8, 1, 0, &one.op);
	sys_wait(&e, &one.op);
	expect_eq(one.op.err, FI_EADDRNOTAVAIL);
	expect_eq(one.op.entry.len, 8);
	expect_eq(one.op.entry.tag, 1);
	expect_eq(one.id, 11);
	expect_eq(one.op.err_data_size, e.name_len);
	expect(!memcmp(one.op.err_data, name, e.name_len), "the sender's address as error data");
	e.peer[1] = sys_insert(&e, one.op.err_data);
	sys_trecv(&e, FI_ADDR_UNSPEC, &two.id, 8, 2, 0, &two.op);
	expect_id(&e, &two, 12);
	expect_eq(two.op.src, e.peer[1]);
	sys_trecv(&e, e.peer[1], &three.id, 8, 3, 0, &three.op);
	sys_barrier(s, &e);
	expect_id(&e, &three, 13);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- order ---- */

#define WINDOW 64
#define ORDER_MAX 100000

static size_t order_len(uint64_t i)
{
	uint64_t state = sys_seed() + i;
	uint64_t kind = sys_rand_below(&state, 100);

	if (kind < 80)
		return sys_rand_below(&state, 300);
	return sys_rand_below(&state, kind < 98 ? 20000 : ORDER_MAX);
}

static void order_send(struct sys_ep *e, unsigned int cnt)
{
	struct sys_op *ops = calloc(WINDOW, sizeof(*ops));
	uint8_t *buf[WINDOW];
	unsigned int i;

	for (i = 0; i < WINDOW; i++)
		buf[i] = sys_alloc(ORDER_MAX);
	for (i = 0; i < cnt + WINDOW; i++) {
		unsigned int w = i % WINDOW;

		if (i >= WINDOW)
			sys_wait_ok(e, &ops[w]);
		if (i >= cnt)
			continue;
		memset(&ops[w], 0, sizeof(ops[w]));
		sys_fill(buf[w], order_len(i), i);
		sys_tsend(e, e->peer[0], buf[w], order_len(i), 1, &ops[w]);
	}
	for (i = 0; i < WINDOW; i++)
		free(buf[i]);
	free(ops);
}

/* Now many receives are ahead of the messages, now few. */
static void order_receive(struct sys_ep *e, unsigned int cnt)
{
	struct sys_op *ops = calloc(WINDOW, sizeof(*ops));
	uint8_t *buf[WINDOW];
	unsigned int i, posted = 0, ahead;

	for (i = 0; i < WINDOW; i++)
		buf[i] = sys_alloc(ORDER_MAX);
	for (i = 0; i < cnt; i++) {
		unsigned int w = i % WINDOW;

		ahead = i / 500 % 2 ? 1 : WINDOW;
		for (; posted < cnt && posted < i + ahead; posted++) {
			memset(&ops[posted % WINDOW], 0, sizeof(*ops));
			sys_trecv(e, FI_ADDR_UNSPEC, buf[posted % WINDOW], ORDER_MAX, 1, 0,
				  &ops[posted % WINDOW]);
		}
		sys_wait_ok(e, &ops[w]);
		expect_eq(ops[w].entry.len, order_len(i));
		sys_verify(buf[w], order_len(i), i);
	}
	for (i = 0; i < WINDOW; i++)
		free(buf[i]);
	free(ops);
}

static void order(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(10000, 2000);
	struct sys_ep e;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 0)
		order_receive(&e, cnt);
	else
		order_send(&e, cnt);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- remote CQ data ---- */

static const uint64_t datas[] = { 0, 1, 0xff, 0x80000000, 0xffffffff, 0x123456789abcdef0,
				  0x8000000000000000, UINT64_MAX };

static void cq_data(struct sys *s, const void *arg)
{
	struct slot slot;
	struct sys_ep e;
	size_t i;

	(void)arg;
	sys_open(&e, &plain);
	sys_connect(s, &e);
	for (i = 0; i < sizeof(datas) / sizeof(datas[0]); i++) {
		memset(&slot, 0, sizeof(slot));
		if (s->rank == 0) {
			sys_trecv(&e, FI_ADDR_UNSPEC, &slot.id, 8, i, 0, &slot.op);
			expect_id(&e, &slot, i);
			expect(slot.op.entry.flags & FI_REMOTE_CQ_DATA, "FI_REMOTE_CQ_DATA");
			expect_eq(slot.op.entry.data, datas[i]);
		} else {
			slot.id = i;
			sys_post(&e, fi_tsenddata(e.ep, &slot.id, 8, NULL, datas[i], e.peer[0], i,
						  &slot.op));
			sys_wait_ok(&e, &slot.op);
		}
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const bool yes = true, no = false;
	size_t i;

	sys_begin(argc, argv);
	sys_case("match/tags", 2, tags, NULL);
	sys_case("match/directed", 3, directed, NULL);
	for (i = 0; i < sizeof(earlies) / sizeof(earlies[0]); i++)
		sys_case(earlies[i].name, 2, early, &earlies[i]);
	sys_case("match/peek/tagged", 2, peek, &yes);
	sys_case("match/peek/untagged", 2, peek, &no);
	sys_case("match/peek/claim-and-close", 2, claim_and_close, NULL);
	sys_case("match/cancel", 2, cancel, NULL);
	sys_case("match/truncation", 2, truncation, NULL);
	sys_case("match/cq-data", 2, cq_data, NULL);
	sys_case("match/late-insert", 2, late_insert, NULL);
	sys_case("match/source-err", 2, source_err, NULL);
	sys_case("match/order", 2, order, NULL);
	return sys_end();
}
