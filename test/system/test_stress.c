/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Four processes do random things of every kind to each other and to themselves, and each
 * result is compared with what the model (stress.h) says: messages of both kinds, by calls and
 * by vectors, injected, with CQ data; receives from one source or any, early and late; peeks,
 * claims, discards; multi-receive buffers; WRITE, READ, atomics.
 *
 * UET_STRESS_OPS=N: about so many operations in all (1000000 is the long form); with
 * UET_TEST_SEED=N a run is repeated, or another one tried. What the provider does not offer is
 * left out, and the case tells so.
 */
#include "stress.h"

#include <sched.h>
#include <stdio.h>

#define INCOMING	(STRESS_PROCS * STRESS_OPS)
#define BUFFERS		3		/* multi-receive buffers */
#define BUFFER_SIZE	100000
#define GUARD		64

/* A message that is to come, or came. */
struct incoming {
	struct stress_pair *pair;
	const struct stress_op *op;
	struct sys_op recv;
	uint8_t *buf;
	bool seen;			/* untagged, and WRITEs with CQ data */
};

/* An operation of this process. */
struct outgoing {
	struct stress_pair *pair;
	struct stress_op *op;
	struct sys_op done;
	uint8_t *buf, *result;
};

struct multi {
	uint8_t *base;
	size_t end, sum;		/* of the messages in it */
	bool released;
	struct sys_op op;
};

struct stress {
	struct sys_ep e;		/* first: on_entry gets its address */
	struct sys *s;
	struct stress_offer offer;
	bool multi_recv, delivery;	/* delivery: completions come when the target has all */
	uint64_t local;			/* random state of what has no influence on results */
	struct stress_pair *in[STRESS_PROCS], *out[STRESS_PROCS];
	struct incoming incoming[INCOMING];
	struct outgoing outgoing[INCOMING];
	unsigned int in_cnt, out_cnt;
	unsigned int untagged;		/* still to come in this round */
	struct multi multi[BUFFERS];
	/* the region, with guards around it, and what its counters shall be */
	uint8_t *memory, *region;
	uint64_t sums[STRESS_SUMS];
	struct fid_mr *mr;
	struct fi_rma_iov remote[STRESS_PROCS];
	unsigned int round;
};

static const char *const kind_names[] = { "tagged", "untagged", "write", "read", "atomic",
					  "fetch", "compare", "add" };

/* ---- calls ---- */

static void post_tagged(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;
	fi_addr_t to = st->e.peer[o->pair->dst];
	struct fid_ep *ep = st->e.ep;
	struct iovec iov[2] = { { o->buf, op->size / 3 },
				{ o->buf + op->size / 3, op->size - op->size / 3 } };
	struct fi_msg_tagged msg = { .msg_iov = iov, .iov_count = 2, .addr = to, .tag = op->tag,
				     .context = &o->done, .data = op->id };

	if (op->split)
		sys_post(&st->e, fi_tsendmsg(ep, &msg, FI_COMPLETION |
					     (op->with_data ? FI_REMOTE_CQ_DATA : 0)));
	else if (op->inject && op->with_data)
		sys_post(&st->e, fi_tinjectdata(ep, o->buf, op->size, op->id, to, op->tag));
	else if (op->inject)
		sys_post(&st->e, fi_tinject(ep, o->buf, op->size, to, op->tag));
	else if (op->with_data)
		sys_post(&st->e, fi_tsenddata(ep, o->buf, op->size, NULL, op->id, to, op->tag,
					      &o->done));
	else
		sys_post(&st->e, fi_tsend(ep, o->buf, op->size, NULL, to, op->tag, &o->done));
}

static void post_untagged(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;
	fi_addr_t to = st->e.peer[o->pair->dst];
	struct fid_ep *ep = st->e.ep;
	struct iovec iov[2] = { { o->buf, op->size / 3 },
				{ o->buf + op->size / 3, op->size - op->size / 3 } };
	struct fi_msg msg = { .msg_iov = iov, .iov_count = 2, .addr = to, .context = &o->done,
			      .data = op->id };

	if (op->split)
		sys_post(&st->e, fi_sendmsg(ep, &msg, FI_COMPLETION |
					    (op->with_data ? FI_REMOTE_CQ_DATA : 0)));
	else if (op->inject && op->with_data)
		sys_post(&st->e, fi_injectdata(ep, o->buf, op->size, op->id, to));
	else if (op->inject)
		sys_post(&st->e, fi_inject(ep, o->buf, op->size, to));
	else if (op->with_data)
		sys_post(&st->e, fi_senddata(ep, o->buf, op->size, NULL, op->id, to, &o->done));
	else
		sys_post(&st->e, fi_send(ep, o->buf, op->size, NULL, to, &o->done));
}

static void post_rma(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;
	const struct fi_rma_iov *r = &st->remote[o->pair->dst];
	uint64_t addr = r->addr + op->offset;
	fi_addr_t to = st->e.peer[o->pair->dst];
	struct fid_ep *ep = st->e.ep;
	struct iovec iov[2] = { { o->buf, op->size / 3 },
				{ o->buf + op->size / 3, op->size - op->size / 3 } };
	struct fi_rma_iov there = { addr, op->size, r->key };
	struct fi_msg_rma msg = { .msg_iov = iov, .iov_count = 2, .addr = to, .rma_iov = &there,
				  .rma_iov_count = 1, .context = &o->done, .data = op->id };

	if (op->kind == STRESS_READ && op->split)
		sys_post(&st->e, fi_readmsg(ep, &msg, FI_COMPLETION));
	else if (op->kind == STRESS_READ)
		sys_post(&st->e, fi_read(ep, o->buf, op->size, NULL, to, addr, r->key, &o->done));
	else if (op->split)
		sys_post(&st->e, fi_writemsg(ep, &msg, FI_COMPLETION |
					     (op->with_data ? FI_REMOTE_CQ_DATA : 0) |
					     (st->delivery ? FI_DELIVERY_COMPLETE : 0)));
	else if (op->inject && op->with_data)
		sys_post(&st->e, fi_inject_writedata(ep, o->buf, op->size, op->id, to, addr,
						     r->key));
	else if (op->inject)
		sys_post(&st->e, fi_inject_write(ep, o->buf, op->size, to, addr, r->key));
	else if (op->with_data)
		sys_post(&st->e, fi_writedata(ep, o->buf, op->size, NULL, op->id, to, addr,
					      r->key, &o->done));
	else
		sys_post(&st->e, fi_write(ep, o->buf, op->size, NULL, to, addr, r->key,
					  &o->done));
}

static void post_atomic(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;
	const struct fi_rma_iov *r = &st->remote[o->pair->dst];
	uint64_t addr = r->addr + op->offset;
	fi_addr_t to = st->e.peer[o->pair->dst];
	struct fid_ep *ep = st->e.ep;

	if (op->kind == STRESS_FETCH)
		sys_post(&st->e, fi_fetch_atomic(ep, op->operand, op->count, NULL, o->result,
						 NULL, to, addr, r->key, op->type, op->op,
						 &o->done));
	else if (op->kind == STRESS_COMPARE)
		sys_post(&st->e, fi_compare_atomic(ep, op->operand, op->count, NULL, op->compare,
						   NULL, o->result, NULL, to, addr, r->key,
						   op->type, op->op, &o->done));
	else if (op->inject)
		sys_post(&st->e, fi_inject_atomic(ep, op->operand, op->count, to, addr, r->key,
						  op->type, op->op));
	else
		sys_post(&st->e, fi_atomic(ep, op->operand, op->count, NULL, to, addr, r->key,
					   op->type, op->op, &o->done));
}

static void post(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;

	if (op->kind <= STRESS_READ) {
		o->buf = sys_alloc(op->size + SYS_GUARD);
		if (op->kind != STRESS_READ)
			stress_fill(op, o->buf);
		sys_guard(o->buf, op->size);
	} else {
		o->result = sys_alloc(op->size + SYS_GUARD);
		sys_guard(o->result, op->size);
	}
	if (op->kind == STRESS_TAGGED)
		post_tagged(st, o);
	else if (op->kind == STRESS_UNTAGGED)
		post_untagged(st, o);
	else if (op->kind <= STRESS_READ)
		post_rma(st, o);
	else
		post_atomic(st, o);
	if (op->inject && o->buf)
		memset(o->buf, 0xdd, op->size);
}

static void finish(struct stress *st, struct outgoing *o)
{
	const struct stress_op *op = o->op;

	if (!op->inject)
		sys_wait_ok(&st->e, &o->done);
	if (op->kind == STRESS_READ) {
		const uint8_t *want = stress_model(o->pair, op);

		expect(!memcmp(o->buf, want, op->size), "READ %#llx of %zu bytes from process "
		       "%d, offset %#llx, to give what was written there",
		       (unsigned long long)op->id, op->size, o->pair->dst,
		       (unsigned long long)op->offset);
	}
	if (op->kind == STRESS_FETCH || op->kind == STRESS_COMPARE)
		expect(!memcmp(o->result, stress_model(o->pair, op), op->size),
		       "%s %#llx (op %d, type %d, %zu elements) to give what was there before",
		       kind_names[op->kind], (unsigned long long)op->id, op->op, op->type,
		       op->count);
	sys_check_guard(o->buf ? o->buf : o->result, op->size);
	free(o->buf);
	free(o->result);
}

/* ---- what comes in ---- */

static bool is_in_multi(const struct multi *m, const void *context)
{
	return context == &m->op;
}

/* The untagged message, or WRITE, that carries number @id. */
static struct incoming *find_incoming(struct stress *st, enum stress_kind kind, uint64_t id)
{
	struct incoming *in;

	for (in = st->incoming; in < st->incoming + st->in_cnt; in++)
		if (in->op->id == id && in->op->kind == kind)
			return in;
	expect(false, "a number of this round's %s operations, not %#llx", kind_names[kind],
	       (unsigned long long)id);
	return NULL;
}

static void check_untagged(struct stress *st, const struct fi_cq_tagged_entry *entry,
			   const uint8_t *buf, fi_addr_t src)
{
	uint8_t want[STRESS_UNTAGGED_MAX];
	struct incoming *in;
	uint64_t id;

	expect(entry->len >= STRESS_UNTAGGED_MIN, "a message with a number");
	memcpy(&id, buf, sizeof(id));
	in = find_incoming(st, STRESS_UNTAGGED, id);
	expect(!in->seen, "message %#llx once", (unsigned long long)id);
	in->seen = true;
	expect_eq(entry->len, in->op->size);
	stress_fill(in->op, want);
	expect(!memcmp(buf, want, in->op->size), "the bytes of message %#llx",
	       (unsigned long long)id);
	expect_eq(src, st->e.peer[in->pair->src]);
	if (sys_is_uet())
		expect_eq(!!(entry->flags & FI_REMOTE_CQ_DATA), in->op->with_data);
	if (in->op->with_data)
		expect_eq(entry->data, in->op->id);
	st->untagged--;
}

static void post_multi(struct stress *st, struct multi *m)
{
	struct iovec iov = { m->base, BUFFER_SIZE };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC,
			      .context = &m->op };

	m->end = 0;
	m->sum = 0;
	m->released = false;
	sys_post(&st->e, fi_recvmsg(st->e.ep, &msg, FI_MULTI_RECV | FI_COMPLETION));
}

/* Messages in a buffer leave no gaps and do not overlap. */
static void on_multi(struct stress *st, struct multi *m, const struct fi_cq_tagged_entry *entry,
		     fi_addr_t src)
{
	size_t at;

	if (entry->len || !(entry->flags & FI_MULTI_RECV)) {
		at = (size_t)((uint8_t *)entry->buf - m->base);
		expect(at + entry->len <= BUFFER_SIZE, "a message inside its buffer");
		if (at + entry->len > m->end)
			m->end = at + entry->len;
		m->sum += entry->len;
		check_untagged(st, entry, entry->buf, src);
	}
	if (entry->flags & FI_MULTI_RECV) {
		expect(!m->released, "a buffer is released once");
		expect_eq(m->sum, m->end);
		m->released = true;
	}
}

static bool on_entry(struct sys_ep *e, const struct fi_cq_tagged_entry *entry, fi_addr_t src)
{
	struct stress *st = (struct stress *)e;
	struct incoming *in;
	unsigned int i;

	if (!entry->op_context && entry->flags & FI_REMOTE_WRITE) {
		expect(entry->flags & FI_REMOTE_CQ_DATA, "CQ data with a WRITE's entry");
		in = find_incoming(st, STRESS_WRITE, entry->data);
		expect(in->op->with_data && !in->seen, "an entry for a WRITE with data, once");
		in->seen = true;
		return true;
	}
	for (i = 0; i < BUFFERS; i++) {
		if (is_in_multi(&st->multi[i], entry->op_context)) {
			on_multi(st, &st->multi[i], entry, src);
			return true;
		}
	}
	return false;
}

static void check_tagged(struct stress *st, struct incoming *in)
{
	const struct stress_op *op = in->op;
	struct sys_op *r = &in->recv;
	bool cut = op->size > op->room;
	size_t len = cut ? op->room : op->size;

	sys_wait(&st->e, r);
	expect_eq(r->err, cut ? FI_ETRUNC : 0);
	if (!cut)
		expect_eq(r->src, st->e.peer[in->pair->src]);
	else if (sys_is_uet())
		expect_eq(r->olen, op->size - op->room);
	if (!cut || sys_is_uet())
		expect_eq(r->entry.len, len);
	expect_eq(r->entry.tag, op->tag);
	if (sys_is_uet())
		expect_eq(!!(r->entry.flags & FI_REMOTE_CQ_DATA), op->with_data);
	if (op->with_data && !cut)
		expect_eq(r->entry.data, op->id);
	/* The last word of a message that was cut differs from the pattern's end. */
	sys_verify(in->buf, cut ? len / 8 * 8 : len, op->id);
	sys_check_guard(in->buf, op->room);
}

static void post_recv(struct stress *st, struct incoming *in)
{
	const struct stress_op *op = in->op;
	fi_addr_t from = op->any_source ? FI_ADDR_UNSPEC : st->e.peer[in->pair->src];
	size_t room = op->kind == STRESS_TAGGED ? op->room : STRESS_UNTAGGED_MAX;

	in->buf = sys_alloc(room + SYS_GUARD);
	sys_guard(in->buf, room);
	if (op->kind == STRESS_TAGGED)
		sys_trecv(&st->e, from, in->buf, room, op->tag ^ (op->ignore & op->id << 60),
			  op->ignore, &in->recv);
	else
		sys_post(&st->e, fi_recv(st->e.ep, in->buf, room, NULL, FI_ADDR_UNSPEC,
					 &in->recv));
}

/* ---- messages that wait for somebody to look at them ---- */

static void look(struct stress *st, struct incoming *in, void *buf, uint64_t flags)
{
	struct iovec iov = { buf, in->op->room };
	struct fi_msg_tagged msg = {
		.msg_iov = &iov, .iov_count = buf ? 1 : 0, .addr = st->e.peer[in->pair->src],
		.tag = in->op->tag, .context = &in->recv,
	};

	memset(&in->recv, 0, sizeof(in->recv));
	sys_post(&st->e, fi_trecvmsg(st->e.ep, &msg, flags | FI_COMPLETION));
	sys_wait(&st->e, &in->recv);
}

static void late_message(struct stress *st, struct incoming *in)
{
	static const uint64_t first[] = {
		[STRESS_PEEK] = FI_PEEK, [STRESS_CLAIM] = FI_PEEK | FI_CLAIM,
		[STRESS_DISCARD] = FI_PEEK | FI_DISCARD,
	};
	enum stress_late late = in->op->late;

	if (late != STRESS_LATE) {
		do {
			look(st, in, NULL, first[late]);
			expect(!in->recv.err || in->recv.err == FI_ENOMSG,
			       "a peek to find something or nothing, not error %d", in->recv.err);
		} while (in->recv.err);
		expect_eq(in->recv.entry.len, in->op->size);
	}
	if (late == STRESS_DISCARD)
		return;
	if (late != STRESS_CLAIM) {
		memset(&in->recv, 0, sizeof(in->recv));
		post_recv(st, in);
		return;
	}
	in->buf = sys_alloc(in->op->room + SYS_GUARD);
	sys_guard(in->buf, in->op->room);
	look(st, in, in->buf, FI_CLAIM);
}

/* ---- a round ---- */

static void plan_round(struct stress *st)
{
	unsigned int i, j;

	st->in_cnt = 0;
	st->out_cnt = 0;
	st->untagged = 0;
	for (i = 0; i < STRESS_PROCS; i++) {
		stress_pair_plan(st->in[i], &st->offer);
		stress_pair_plan(st->out[i], &st->offer);
		for (j = 0; j < st->in[i]->cnt; j++) {
			st->incoming[st->in_cnt++] =
				(struct incoming){ .pair = st->in[i], .op = &st->in[i]->op[j] };
			st->untagged += st->in[i]->op[j].kind == STRESS_UNTAGGED;
		}
		for (j = 0; j < st->out[i]->cnt; j++)
			st->outgoing[st->out_cnt++] =
				(struct outgoing){ .pair = st->out[i], .op = &st->out[i]->op[j] };
	}
}

static bool is_early(const struct stress *st, const struct incoming *in)
{
	if (in->op->kind == STRESS_UNTAGGED)
		return !st->multi_recv;
	return in->op->kind == STRESS_TAGGED && in->op->late == STRESS_EARLY;
}

/* Receives and own operations in the order of either, mixed at random. */
static void post_round(struct stress *st)
{
	unsigned int i = 0, o = 0;

	while (i < st->in_cnt || o < st->out_cnt) {
		if (i < st->in_cnt && (o == st->out_cnt || sys_rand_below(&st->local, 2))) {
			if (is_early(st, &st->incoming[i]))
				post_recv(st, &st->incoming[i]);
			i++;
		} else {
			post(st, &st->outgoing[o++]);
		}
		if (sys_rand_below(&st->local, 4) == 0)
			sys_poll(&st->e);
	}
	for (i = 0; i < st->in_cnt; i++)
		if (st->incoming[i].op->kind == STRESS_TAGGED && st->incoming[i].op->late)
			late_message(st, &st->incoming[i]);
}

static void untagged_round(struct stress *st)
{
	struct incoming *in;
	unsigned int i;

	while (st->multi_recv && st->untagged) {
		sys_poll(&st->e);
		for (i = 0; i < BUFFERS; i++)
			if (st->multi[i].released)
				post_multi(st, &st->multi[i]);
	}
	for (in = st->incoming; in < st->incoming + st->in_cnt; in++) {
		if (in->op->kind != STRESS_UNTAGGED || st->multi_recv)
			continue;
		sys_wait_ok(&st->e, &in->recv);
		check_untagged(st, &in->recv.entry, in->buf, in->recv.src);
		sys_check_guard(in->buf, STRESS_UNTAGGED_MAX);
	}
}

static void finish_round(struct stress *st)
{
	struct incoming *in;
	unsigned int i;

	untagged_round(st);
	for (in = st->incoming; in < st->incoming + st->in_cnt; in++) {
		if (in->op->kind == STRESS_TAGGED && in->op->late != STRESS_DISCARD)
			check_tagged(st, in);
		while (in->op->kind == STRESS_WRITE && in->op->with_data && !in->seen)
			if (!sys_poll(&st->e))
				sched_yield();
		free(in->buf);
	}
	for (i = 0; i < st->out_cnt; i++)
		finish(st, &st->outgoing[i]);
}

/* ---- memory ---- */

/* The first byte of @want that is not in the region at @at, or @len. */
static size_t differs(const struct stress *st, size_t at, const void *want, size_t len)
{
	const uint8_t *w = want;
	size_t i;

	if (!memcmp(st->region + at, want, len))
		return len;
	for (i = 0; st->region[at + i] == w[i]; i++)
		;
	return i;
}

/*
 * What others did to this region. A completion that tells of delivery was waited for before;
 * anything else is on its way.
 */
static void check_memory(struct stress *st)
{
	struct incoming *in;
	size_t len, at;

	for (in = st->incoming; in < st->incoming + st->in_cnt; in++) {
		const uint8_t *want = in->op->kind >= STRESS_WRITE && in->op->kind != STRESS_ADD ?
				      stress_model(in->pair, in->op) : NULL;

		len = stress_touched(in->op);
		if (!len)
			continue;
		while ((at = differs(st, in->op->offset, want, len)) < len) {
			expect(!st->delivery || in->op->inject, "round %u: byte %zu of %zu of "
			       "%s %#llx from process %d (op %d, type %d) to be there",
			       st->round, at, len, kind_names[in->op->kind],
			       (unsigned long long)in->op->id, in->pair->src, in->op->op,
			       in->op->type);
			if (!sys_poll(&st->e))
				sched_yield();
		}
	}
	while (differs(st, STRESS_SUMS_AT, st->sums, sizeof(st->sums)) < sizeof(st->sums))
		if (!sys_poll(&st->e))
			sched_yield();
}

/* The whole region, and what is around it. */
static void check_region(struct stress *st)
{
	unsigned int i;

	for (i = 0; i < STRESS_PROCS; i++)
		expect_eq(differs(st, i * STRESS_PART, st->in[i]->part, STRESS_PART), STRESS_PART);
	for (i = 0; i < GUARD; i++)
		expect(st->memory[i] == 0xa5 && st->region[STRESS_REGION + i] == 0xa5,
		       "nothing written around the region");
}

static void one_round(struct stress *st)
{
	unsigned int i;

	post_round(st);
	finish_round(st);
	sys_barrier(st->s, &st->e);
	for (i = 0; i < STRESS_PROCS; i++) {
		uint64_t ignored[STRESS_SUMS] = { 0 };

		stress_pair_apply(st->in[i], st->sums);
		stress_pair_apply(st->out[i], ignored);
	}
	check_memory(st);
	st->round++;
	/* The next round may begin to come in before this process leaves the barrier. */
	plan_round(st);
	sys_barrier(st->s, &st->e);
}

/* ---- a run ---- */

static const struct variant {
	const char *name;
	uint64_t msg_order, op_flags;
	enum fi_progress progress;
	int mr_mode;
	bool multi_recv;
	unsigned int share;		/* percent of the operations */
	const char *var, *value;	/* a setting of uet, or NULL */
} variants[] = {
	{ "stress/rud/manual", 0, 0, FI_PROGRESS_MANUAL, 0, false, 25, NULL, NULL },
	{ "stress/rud/auto", 0, FI_DELIVERY_COMPLETE, FI_PROGRESS_AUTO,
	  FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY, true, 20, NULL, NULL },
	{ "stress/rod/manual", FI_ORDER_SAS, FI_DELIVERY_COMPLETE, FI_PROGRESS_MANUAL,
	  FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY, true, 25, NULL, NULL },
	{ "stress/rod/auto", FI_ORDER_SAS, 0, FI_PROGRESS_AUTO, 0, false, 20, NULL, NULL },
	/* The kernel throws packets away that find no room: losses on loopback. */
	{ "stress/lossy", 0, 0, FI_PROGRESS_MANUAL, 0, true, 5, "FI_UET_RCVBUF", "40000" },
	{ "stress/rod/lossy", FI_ORDER_SAS, 0, FI_PROGRESS_MANUAL, 0, false, 5,
	  "FI_UET_RCVBUF", "40000" },
};

static unsigned int total_ops(void)
{
	const char *text = getenv("UET_STRESS_OPS");

	return text && atoi(text) > 0 ? (unsigned int)atoi(text) : sys_scaled(60000, 6000);
}

static void ask_valid(struct stress *st)
{
	struct fid_ep *ep = st->e.ep;
	unsigned int op, type;
	size_t cnt;

	for (op = 0; op <= FI_MSWAP; op++) {
		for (type = 0; type <= FI_DOUBLE; type++) {
			if (!fi_atomicvalid(ep, type, op, &cnt))
				st->offer.valid[0][op][type] = cnt;
			if (!fi_fetch_atomicvalid(ep, type, op, &cnt))
				st->offer.valid[1][op][type] = cnt;
			if (!fi_compare_atomicvalid(ep, type, op, &cnt))
				st->offer.valid[2][op][type] = cnt;
		}
	}
}

/* Register the region and exchange where it is. */
static void open_region(struct stress *st)
{
	struct fi_info *info = st->e.info;
	struct fi_rma_iov mine = { 0 };
	int i;

	st->memory = sys_alloc(STRESS_REGION + 2 * GUARD);
	st->region = st->memory + GUARD;
	memset(st->memory, 0xa5, STRESS_REGION + 2 * GUARD);
	memset(st->region, 0, STRESS_REGION);
	if (!st->offer.rma && !st->offer.atomic)
		return;
	expect_ok(fi_mr_reg(st->e.domain, st->region, STRESS_REGION,
			    FI_REMOTE_READ | FI_REMOTE_WRITE, 0, 77, 0, &st->mr, NULL));
	mine.key = fi_mr_key(st->mr);
	if (info->domain_attr->mr_mode & FI_MR_VIRT_ADDR)
		mine.addr = (uintptr_t)st->region;
	for (i = 0; i < STRESS_PROCS; i++)
		if (i != st->s->rank)
			sys_tell(st->s, i, &mine, sizeof(mine));
	st->remote[st->s->rank] = mine;
	for (i = 0; i < STRESS_PROCS; i++)
		if (i != st->s->rank)
			sys_hear(st->s, i, &st->remote[i], sizeof(mine), &st->e);
}

static void open_multi(struct stress *st)
{
	size_t min = STRESS_UNTAGGED_MAX;
	unsigned int i;

	expect_ok(fi_setopt(&st->e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &min,
			    sizeof(min)));
	for (i = 0; i < BUFFERS; i++) {
		st->multi[i].base = sys_alloc(BUFFER_SIZE);
		post_multi(st, &st->multi[i]);
	}
}

static void open_run(struct stress *st, const struct variant *v)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				 .msg_order = v->msg_order, .tx_op_flags = v->op_flags,
				 .progress = v->progress, .mr_mode = v->mr_mode };
	uint64_t rma = sys_offered(&opts, FI_RMA);
	uint64_t atomic = sys_offered(&opts, rma | FI_ATOMIC);
	uint64_t multi = v->multi_recv ? sys_offered(&opts, FI_MULTI_RECV) : 0;

	opts.caps |= rma | atomic | multi;
	if (st->s->rank == 0)
		printf("# %s: %s%s%s%s\n", v->name, "messages", rma ? ", RMA" : "",
		       atomic ? ", atomics" : "", multi ? ", multi-receive" : "");
	sys_open(&st->e, &opts);
	sys_connect(st->s, &st->e);
	st->e.on_entry = on_entry;
	st->offer.rma = rma;
	st->offer.atomic = atomic;
	st->offer.ordered = v->msg_order & FI_ORDER_SAS;
	st->offer.peek = sys_is_uet();
	st->offer.inject = st->e.info->tx_attr->inject_size;
	st->delivery = v->op_flags & FI_DELIVERY_COMPLETE;
	st->multi_recv = multi;
	if (atomic)
		ask_valid(st);
	open_region(st);
	if (multi)
		open_multi(st);
}

static void close_run(struct stress *st)
{
	unsigned int i;

	if (st->mr)
		expect_ok(fi_close(&st->mr->fid));
	sys_close(&st->e);
	for (i = 0; i < BUFFERS; i++)
		free(st->multi[i].base);
	for (i = 0; i < STRESS_PROCS; i++) {
		free(st->in[i]);
		free(st->out[i]);
	}
	free(st->memory);
	free(st);
}

static void stress_run(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	struct stress *st = calloc(1, sizeof(*st));
	uint64_t done = 0, goal = (uint64_t)total_ops() * v->share / 100;
	int i;

	if (v->var)
		setenv(v->var, v->value, 1);
	expect(st, "out of memory");
	st->s = s;
	st->local = sys_seed() + (uint64_t)s->rank;
	for (i = 0; i < STRESS_PROCS; i++) {
		st->in[i] = sys_alloc(sizeof(*st->in[i]));
		st->out[i] = sys_alloc(sizeof(*st->out[i]));
		stress_pair_init(st->in[i], sys_seed(), i, s->rank);
		stress_pair_init(st->out[i], sys_seed(), s->rank, i);
	}
	open_run(st, v);
	plan_round(st);
	sys_barrier(s, &st->e);
	/* All do the same number of rounds; the mean of a pair is half of the most. */
	for (done = 0; done < goal; done += STRESS_PROCS * STRESS_PROCS * STRESS_OPS / 2)
		one_round(st);
	check_region(st);
	expect_eq(st->e.null_entries, 0);
	sys_barrier(s, &st->e);
	close_run(st);
}

int main(int argc, char **argv)
{
	size_t i;
	int rc;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		sys_case_limit(variants[i].name, STRESS_PROCS, 60 + total_ops() / 500, stress_run,
			       &variants[i]);
	rc = sys_end();
	if (rc == 1)
		printf("to repeat: UET_TEST_SEED=%llu UET_STRESS_OPS=%u %s [name of a case]\n",
		       (unsigned long long)sys_seed(), total_ops(), argv[0]);
	return rc;
}
