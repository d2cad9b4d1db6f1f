/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_MULTI_RECV: buffers that take message after message. Every message is found where its
 * entry says, the places follow each other without gaps, and each buffer is released once, as
 * the last that is heard of it.
 */
#include "sys.h"

#include <stdio.h>

#define BUFS	4
#define LONGEST	9000

struct row {
	const char *name;
	struct sys_opts opts;
	bool tagged;		/* fi_trecvmsg */
	bool by_op_flags;	/* fi_recv with FI_MULTI_RECV in op_flags */
	bool silent;		/* selective completion, and no FI_COMPLETION */
	bool late;		/* the first buffer comes after the first messages */
	int senders;
	size_t longest;
	size_t size;		/* of each buffer */
	size_t min_free;	/* 0: the default of 64 */
};

static const struct row rows[] = {
	{ "small", .senders = 1, .longest = 100, .size = 2000 },
	{ "small, ordered", { .msg_order = FI_ORDER_SAS }, .senders = 1, .longest = 100,
	  .size = 2000 },
	{ "many packets", .senders = 1, .longest = LONGEST, .size = 40000, .min_free = 1 },
	{ "three senders", .senders = 3, .longest = LONGEST, .size = 60000, .min_free = 500 },
	{ "three senders, ordered", { .msg_order = FI_ORDER_SAS }, .senders = 3,
	  .longest = LONGEST, .size = 60000, .min_free = LONGEST },
	{ "tagged", .tagged = true, .senders = 2, .longest = 3000, .size = 20000 },
	{ "op_flags", { .rx_op_flags = FI_MULTI_RECV }, .by_op_flags = true, .senders = 1,
	  .longest = 3000, .size = 20000 },
	{ "selective", { .rx_bind = FI_SELECTIVE_COMPLETION }, .senders = 1, .longest = 500,
	  .size = 4000 },
	{ "suppressed", { .rx_bind = FI_SELECTIVE_COMPLETION, .counters = true },
	  .silent = true, .senders = 1, .longest = 500, .size = 4000 },
	{ "unexpected", .late = true, .senders = 2, .longest = 3000, .size = 20000 },
};

/* A buffer; its address is the context. */
struct buf {
	struct fi_context2 context;
	uint8_t *mem;
	size_t used;		/* ROD and one sender: where the next message must lie */
	uint8_t *map;		/* bytes that messages have claimed */
	size_t claimed;
	bool posted;
	unsigned int released;
};

struct state {
	const struct row *row;
	struct sys_ep e;
	struct buf bufs[BUFS];
	unsigned int total, got;
	uint32_t next[SYS_MAX_PROCS];	/* ROD: number of the next message, by sender */
	bool *seen;
};

/* Length of message @k of process @rank, at least 8: its head says who it is. */
static size_t length(const struct row *row, int rank, unsigned int k)
{
	uint64_t state = sys_seed() + (uint64_t)rank * 1000003 + k;

	return 8 + sys_rand_below(&state, row->longest - 7);
}

static uint64_t name_of(int rank, unsigned int k)
{
	return (uint64_t)rank << 32 | k;
}

static void post(struct state *st, struct buf *b)
{
	struct iovec iov = { .iov_base = b->mem, .iov_len = st->row->size };
	uint64_t flags = FI_MULTI_RECV | (st->row->silent ? 0 : FI_COMPLETION);
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC,
			      .context = b };
	struct fi_msg_tagged tmsg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC,
				      .tag = 0x70, .ignore = 0xf, .context = b };

	b->posted = true;
	b->used = b->claimed = 0;
	memset(b->map, 0, st->row->size);
	sys_guard(b->mem, st->row->size);
	if (st->row->by_op_flags)
		sys_post(&st->e, fi_recv(st->e.ep, b->mem, st->row->size, NULL, FI_ADDR_UNSPEC,
					 b));
	else if (st->row->tagged)
		sys_post(&st->e, fi_trecvmsg(st->e.ep, &tmsg, flags));
	else
		sys_post(&st->e, fi_recvmsg(st->e.ep, &msg, flags));
}

static void post_all(struct state *st)
{
	int i;

	for (i = 0; i < BUFS; i++) {
		st->bufs[i].mem = sys_alloc(st->row->size + SYS_GUARD);
		st->bufs[i].map = sys_alloc(st->row->size);
		post(st, &st->bufs[i]);
	}
}

static void on_message(struct state *st, struct buf *b, const struct fi_cq_tagged_entry *entry)
{
	const uint8_t *at = entry->buf;
	unsigned int k, i;
	uint64_t name;
	int rank;

	expect(at >= b->mem && at + entry->len <= b->mem + st->row->size,
	       "a message inside its buffer");
	memcpy(&name, at, sizeof(name));
	rank = (int)(name >> 32);
	k = (uint32_t)name;
	expect(rank >= 1 && rank <= st->row->senders && k < st->total, "a message that was sent");
	expect_eq(entry->len, length(st->row, rank, k));
	sys_verify(at + 8, entry->len - 8, name);
	expect(!st->seen[(unsigned int)rank * st->total + k], "each message once");
	st->seen[(unsigned int)rank * st->total + k] = true;
	for (i = 0; i < entry->len; i++)
		expect(!b->map[at - b->mem + i]++, "messages that do not overlap");
	b->claimed += entry->len;
	if (st->row->opts.msg_order)
		expect_eq(k, st->next[rank]++);
	if (st->row->opts.msg_order && st->row->senders == 1) {
		expect_eq(at - b->mem, b->used);
		b->used += entry->len;
	}
	st->got++;
}

/* The messages of @b, all of which have been reported, lie without gaps from the start on. */
static void on_release(struct state *st, struct buf *b)
{
	size_t i;

	expect(b->posted, "one release for each buffer");
	if (!st->row->silent)
		for (i = 0; i < b->claimed; i++)
			expect(b->map[i], "no gap, but there is one at %zu of %zu", i, b->claimed);
	sys_check_guard(b->mem, st->row->size);
	b->posted = false;
	b->released++;
	post(st, b);
}

static void take_entry(struct state *st, const struct fi_cq_tagged_entry *entry)
{
	uint64_t kind = st->row->tagged ? FI_RECV | FI_TAGGED : FI_RECV | FI_MSG;
	struct buf *b = entry->op_context;

	if (entry->flags & FI_RECV) {
		expect(!st->row->silent, "no entry for a message");
		expect_eq(sys_flags(entry->flags & ~FI_MULTI_RECV), sys_flags(kind));
		on_message(st, b, entry);
	} else {
		expect_eq(entry->flags, FI_MULTI_RECV);
	}
	if (entry->flags & FI_MULTI_RECV)
		on_release(st, b);
}

static void take_entries(struct state *st)
{
	struct fi_cq_tagged_entry entries[8];
	ssize_t n, i;

	n = fi_cq_read(st->e.rxcq, entries, 8);
	expect(n > 0 || n == -FI_EAGAIN, "entries or -FI_EAGAIN, not %zd", n);
	for (i = 0; i < n; i++)
		take_entry(st, &entries[i]);
}

static void set_min(struct state *st)
{
	size_t value = 1, len = sizeof(value);

	expect_ok(fi_getopt(&st->e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &value, &len));
	expect_eq(value, 64);
	len = 1;
	expect_ret(fi_getopt(&st->e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &value, &len),
		   -FI_ETOOSMALL);
	if (!st->row->min_free)
		return;
	value = st->row->min_free;
	expect_ok(fi_setopt(&st->e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &value,
			    sizeof(value)));
	value = 0;
	len = sizeof(value);
	expect_ok(fi_getopt(&st->e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &value, &len));
	expect_eq(value, st->row->min_free);
}

static void receive(struct sys *s, struct state *st)
{
	unsigned int all = st->total * (unsigned int)st->row->senders, released = 0;
	int i;

	set_min(st);
	st->seen = calloc((size_t)(st->row->senders + 1) * st->total, sizeof(bool));
	if (!st->row->late)
		post_all(st);
	sys_barrier(s, &st->e);
	if (st->row->late) {
		sys_barrier(s, &st->e);
		post_all(st);
	}
	while (st->row->silent ? fi_cntr_read(st->e.rxcntr) < all : st->got < all)
		take_entries(st);
	for (i = 0; i < BUFS; i++)
		released += st->bufs[i].released;
	expect(released > BUFS, "buffers to go round, not %u releases", released);
	/* What is left of the buffers comes back with an error. */
	for (i = 0; i < BUFS; i++) {
		struct fi_cq_err_entry err = { 0 };
		struct buf *b = &st->bufs[i];

		while (fi_cq_readerr(st->e.rxcq, &err, 0) != -FI_EAGAIN)
			expect(false, "no error entry yet");
		take_entries(st);
		expect_ok(fi_cancel(&st->e.ep->fid, b));
		expect_ret(fi_cq_readerr(st->e.rxcq, &err, 0), 1);
		expect_eq(err.err, FI_ECANCELED);
		expect(err.op_context == b, "the context of the buffer");
		expect(err.flags & FI_MULTI_RECV, "FI_MULTI_RECV with the cancelled buffer");
		free(b->mem);
		free(b->map);
	}
	free(st->seen);
}

static void send_one(struct state *st, int rank, unsigned int k, struct sys_op *op, uint8_t *buf)
{
	size_t len = length(st->row, rank, k);
	uint64_t name = name_of(rank, k);

	memcpy(buf, &name, 8);
	sys_fill(buf + 8, len - 8, name);
	memset(op, 0, sizeof(*op));
	if (st->row->tagged)
		sys_tsend(&st->e, st->e.peer[0], buf, len, 0x70 + (k & 0xf), op);
	else
		sys_post(&st->e, fi_send(st->e.ep, buf, len, NULL, st->e.peer[0], op));
}

#define FLIGHT 16	/* sends at a time */

static void send_all(struct sys *s, struct state *st)
{
	uint8_t *bufs = sys_alloc(FLIGHT * LONGEST);
	struct sys_op ops[FLIGHT];
	unsigned int k;

	sys_barrier(s, &st->e);
	for (k = 0; k < st->total + FLIGHT; k++) {
		if (k >= FLIGHT && k - FLIGHT < st->total)
			sys_wait_ok(&st->e, &ops[k % FLIGHT]);
		if (k < st->total)
			send_one(st, s->rank, k, &ops[k % FLIGHT], bufs + k % FLIGHT * LONGEST);
		if (k == 20 && st->row->late)
			sys_barrier(s, &st->e);
	}
	free(bufs);
}

static void run_row(struct sys *s, const void *arg)
{
	const struct row *row = arg;
	struct state st = { .row = row, .total = sys_scaled(600, 300) };
	struct sys_opts opts = row->opts;

	opts.caps |= FI_MULTI_RECV;
	if (s->rank) {
		opts.rx_bind = 0;
		opts.counters = false;
	}
	sys_open(&st.e, &opts);
	sys_connect(s, &st.e);
	if (s->rank == 0)
		receive(s, &st);
	else
		send_all(s, &st);
	sys_barrier(s, &st.e);
	sys_close(&st.e);
}

/* Wrong uses are told at once. */
static void refusals(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_MULTI_RECV };
	uint8_t mem[100];
	struct iovec iov[2] = { { mem, 50 }, { mem + 50, 50 } };
	struct fi_msg msg = { .msg_iov = iov, .iov_count = 2, .addr = FI_ADDR_UNSPEC };
	struct sys_ep e;

	(void)s;
	(void)arg;
	sys_open(&e, &opts);
	expect_ret(fi_recvmsg(e.ep, &msg, FI_MULTI_RECV), -FI_EINVAL);
	msg.iov_count = 0;
	expect_ret(fi_recvmsg(e.ep, &msg, FI_MULTI_RECV), -FI_EINVAL);
	msg.iov_count = 1;
	expect_ret(fi_recvmsg(e.ep, &msg, FI_MULTI_RECV | FI_PEEK), -FI_EBADFLAGS);
	sys_close(&e);
}

/* A message longer than the whole buffer, and the buffer that it leaves behind. */
static void truncated(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_MULTI_RECV, .msg_order = FI_ORDER_SAS };
	uint8_t mem[2][256], out[300];
	struct fi_cq_tagged_entry entry;
	struct fi_cq_err_entry err = { 0 };
	struct sys_op op = { 0 };
	struct sys_ep e;
	ssize_t n;
	int i;

	(void)arg;
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; s->rank == 0 && i < 2; i++) {
		struct iovec iov = { mem[i], sizeof(mem[i]) };
		struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC,
				      .context = mem[i] };

		expect_ok(fi_recvmsg(e.ep, &msg, FI_MULTI_RECV));
	}
	sys_barrier(s, &e);
	if (s->rank == 1) {
		sys_fill(out, sizeof(out), 5);
		sys_post(&e, fi_send(e.ep, out, sizeof(out), NULL, e.peer[0], &op));
		sys_wait_ok(&e, &op);
	} else {
		while ((n = fi_cq_read(e.rxcq, &entry, 1)) == -FI_EAGAIN)
			;
		expect_ret(n, -FI_EAVAIL);
		expect_ret(fi_cq_readerr(e.rxcq, &err, 0), 1);
		expect_eq(err.err, FI_ETRUNC);
		expect_eq(err.len, sizeof(mem[0]));
		expect_eq(err.olen, sizeof(out) - sizeof(mem[0]));
		sys_verify(mem[0], sizeof(mem[0]), 5);
		expect_ret(fi_cq_read(e.rxcq, &entry, 1), 1);
		expect_eq(entry.flags, FI_MULTI_RECV);
		expect(entry.op_context == mem[0], "the context of the buffer");
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		sys_case(rows[i].name, rows[i].senders + 1, run_row, &rows[i]);
	sys_case("refusals", 1, refusals, NULL);
	sys_case("truncated", 2, truncated, NULL);
	return sys_end();
}
