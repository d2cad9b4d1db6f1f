/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Aliases, fences, triggered operations and deferred work. Both endpoints live in one process,
 * so that each side's progress is the test's choice.
 */
#include "sys.h"

#include <rdma/fi_rma.h>
#include <rdma/fi_trigger.h>

#define LEN 64

struct pair {
	struct sys_ep a, b;		/* a sends to b */
	fi_addr_t to;
};

static void pair_open(struct pair *p, const struct sys_opts *o)
{
	sys_open(&p->a, o);
	sys_open(&p->b, o);
	p->to = sys_insert(&p->a, p->b.name);
	sys_insert(&p->b, p->a.name);
}

static void pair_close(struct pair *p)
{
	sys_close(&p->a);
	sys_close(&p->b);
}

static void pair_wait(struct pair *p, struct sys_op *op)
{
	while (!op->done) {
		sys_poll(&p->a);
		sys_poll(&p->b);
	}
	expect_eq(op->err, 0);
}

static void pair_drive(struct pair *p, unsigned int ms)
{
	uint64_t end = sys_now_ms() + ms;

	while (sys_now_ms() < end) {
		sys_poll(&p->a);
		sys_poll(&p->b);
	}
}

/* Counters of @e drive both sides. */
static void pair_wait_cntr(struct pair *p, struct fid_cntr *cntr, uint64_t want)
{
	while (fi_cntr_read(cntr) < want) {
		sys_poll(&p->a);
		sys_poll(&p->b);
	}
	expect_eq(fi_cntr_read(cntr), want);
}

static struct fid_cntr *open_cntr(struct sys_ep *e, enum fi_wait_obj wait)
{
	struct fi_cntr_attr attr = { .events = FI_CNTR_EVENTS_COMP, .wait_obj = wait };
	struct fid_cntr *cntr;

	expect_ok(fi_cntr_open(e->domain, &attr, &cntr, NULL));
	return cntr;
}

/* ---- aliases ---- */

static void alias(struct sys *s, const void *arg)
{
	struct sys_opts o = { .tx_bind = FI_SELECTIVE_COMPLETION, .counters = true };
	struct sys_op op = { .done = 0 }, silent = { .done = 0 }, rx[3] = { { .done = 0 } };
	struct fid_ep *loud = NULL, *second = NULL;
	uint64_t flags, buf[8];
	struct pair p;
	int i;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	expect_ret(fi_ep_alias(p.a.ep, &loud, FI_COMPLETION), -FI_EINVAL);
	expect_ret(fi_ep_alias(p.a.ep, &loud, FI_TRANSMIT | FI_RECV), -FI_EINVAL);
	expect_ok(fi_ep_alias(p.a.ep, &loud, FI_TRANSMIT | FI_COMPLETION));
	expect_ok(fi_ep_alias(loud, &second, FI_RECV | FI_COMPLETION));
	flags = FI_TRANSMIT;
	expect_ok(fi_control(&second->fid, FI_GETOPSFLAG, &flags));
	expect_eq(flags, FI_COMPLETION);
	flags = FI_TRANSMIT;
	expect_ok(fi_control(&p.a.ep->fid, FI_GETOPSFLAG, &flags));
	expect_eq(flags & FI_COMPLETION, 0);
	expect_ret(fi_close(&p.a.ep->fid), -FI_EBUSY);
	for (i = 0; i < 3; i++)
		sys_trecv(&p.b, FI_ADDR_UNSPEC, &buf[i], 8, (uint64_t)i, 0, &rx[i]);
	sys_post(&p.a, fi_tsend(loud, &buf[4], 8, NULL, p.to, 0, &op));
	pair_wait(&p, &op);
	sys_post(&p.a, fi_tsend(p.a.ep, &buf[4], 8, NULL, p.to, 1, &silent));
	/* An operation outlives the alias that it was posted to. */
	op.done = 0;
	sys_post(&p.a, fi_tsend(second, &buf[4], 8, NULL, p.to, 2, &op));
	expect_ok(fi_close(&second->fid));
	pair_wait(&p, &op);
	pair_wait_cntr(&p, p.a.txcntr, 3);
	expect_eq(silent.done, 0);
	for (i = 0; i < 3; i++)
		pair_wait(&p, &rx[i]);
	expect_ret(fi_close(&p.a.ep->fid), -FI_EBUSY);
	expect_ok(fi_close(&loud->fid));
	pair_close(&p);
}

/* An alias of an endpoint that is not enabled yet follows it. */
static void early_alias(struct sys *s, const void *arg)
{
	struct sys_opts o = { .one_cq = true };
	struct fid_ep *alias_ep = NULL;
	struct sys_op tx = { .done = 0 }, rx = { .done = 0 };
	uint64_t word = 7, got = 0;
	struct sys_ep e;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &o);
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	expect_ok(fi_ep_alias(e.ep, &alias_ep, FI_TRANSMIT));
	expect_ret(fi_tsend(alias_ep, &word, 8, NULL, 0, 1, &tx), -FI_EOPBADSTATE);
	expect_ok(fi_ep_bind(alias_ep, &e.av->fid, 0));
	expect_ok(fi_ep_bind(e.ep, &e.txcq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_enable(alias_ep));
	e.name_len = sizeof(e.name);
	expect_ok(fi_getname(&alias_ep->fid, e.name, &e.name_len));
	e.peer[0] = sys_insert(&e, e.name);
	sys_post(&e, fi_trecv(e.ep, &got, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &rx));
	sys_post(&e, fi_tsend(alias_ep, &word, 8, NULL, e.peer[0], 1, &tx));
	sys_wait_ok(&e, &tx);
	sys_wait_ok(&e, &rx);
	expect_eq(got, 7);
	expect_ok(fi_close(&alias_ep->fid));
	sys_close(&e);
}

/* ---- fences ---- */

/*
 * Many small messages after a large one, every few of them fenced. RUD promises no order, but
 * when a fenced message arrives all earlier ones have, and none of the later ones.
 */
static void fence(struct sys *s, const void *arg)
{
	enum { N = 64, EVERY = 8, BIG = 1 << 20 };
	struct sys_opts o = { .caps = FI_FENCE };
	struct sys_op tx[N] = { { .done = 0 } }, rx[N] = { { .done = 0 } };
	uint8_t *big = sys_alloc(BIG), *into = sys_alloc(BIG);
	uint64_t seen = 0;
	struct iovec iov;
	struct fi_msg_tagged msg = { .msg_iov = &iov, .iov_count = 1 };
	struct pair p;
	int i, k;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	expect_eq(p.a.info->caps & FI_FENCE, FI_FENCE);
	for (i = 0; i < N; i++)
		sys_trecv(&p.b, FI_ADDR_UNSPEC, into, i % EVERY == 1 ? BIG : LEN, (uint64_t)i, 0,
			  &rx[i]);
	msg.addr = p.to;
	for (i = 0; i < N; i++) {
		iov = (struct iovec){ big, i % EVERY == 1 ? BIG : LEN };
		msg.tag = (uint64_t)i;
		msg.context = &tx[i];
		sys_post(&p.a, fi_tsendmsg(p.a.ep, &msg, i % EVERY == 0 ? FI_FENCE : 0));
	}
	for (i = 0; i < N; i++) {
		while (!rx[i].done || !tx[i].done) {
			sys_poll(&p.a);
			sys_poll(&p.b);
			/* What came: a fenced one only after all before it. */
			for (k = 0; k < N; k++)
				if (rx[k].done)
					seen |= 1ull << k;
			for (k = 0; k < N; k += EVERY)
				expect(seen >> k == 0 || (seen & ((1ull << k) - 1)) ==
				       (1ull << k) - 1, "nothing passes the fence at %d, but %#llx "
				       "came", k, (unsigned long long)seen);
		}
	}
	pair_close(&p);
	free(big);
	free(into);
}

/* A fence waits for a message that has no receive yet only as long as that is not accepted. */
static void fence_and_failure(struct sys *s, const void *arg)
{
	struct sys_opts o = { .caps = FI_FENCE };
	struct sys_op tx[2] = { { .done = 0 } }, rx[2] = { { .done = 0 } };
	uint64_t words[4] = { 1, 2, 0, 0 };
	struct iovec iov = { words, 16 };
	struct fi_msg_tagged msg = { .msg_iov = &iov, .iov_count = 1 };
	struct pair p;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	/* The first is truncated: an error at one side at least. */
	sys_trecv(&p.b, FI_ADDR_UNSPEC, &words[2], 8, 1, 0, &rx[0]);
	sys_trecv(&p.b, FI_ADDR_UNSPEC, &words[3], 8, 2, 0, &rx[1]);
	msg.addr = p.to;
	msg.tag = 1;
	msg.context = &tx[0];
	sys_post(&p.a, fi_tsendmsg(p.a.ep, &msg, FI_DELIVERY_COMPLETE));
	iov.iov_len = 8;
	msg.tag = 2;
	msg.context = &tx[1];
	sys_post(&p.a, fi_tsendmsg(p.a.ep, &msg, FI_FENCE | FI_INJECT));
	words[0] = 99;
	pair_wait(&p, &tx[1]);
	pair_wait(&p, &rx[1]);
	expect_eq(words[3], 1);
	expect(tx[0].done && rx[0].done, "what was before the fence to have ended");
	expect_eq(rx[0].err, FI_ETRUNC);
	pair_close(&p);
}

/* ---- FI_TRIGGER ---- */

static struct fi_triggered_context condition(struct fid_cntr *cntr, size_t threshold)
{
	return (struct fi_triggered_context){
		.event_type = FI_TRIGGER_THRESHOLD,
		.trigger.threshold = { .cntr = cntr, .threshold = threshold },
	};
}

/* A context that is a condition and a struct sys_op. */
union trigger_op {
	struct fi_triggered_context2 trigger;
	struct sys_op op;
};

static void arm(union trigger_op *t, struct fid_cntr *cntr, size_t threshold)
{
	struct fi_triggered_context c = condition(cntr, threshold);

	memset(t, 0, sizeof(*t));
	memcpy(&t->trigger, &c, sizeof(c));
}

/* A ping-pong that needs the application at one side only: a reply is sent on reception. */
static void trigger(struct sys *s, const void *arg)
{
	const struct sys_opts *asked = arg;
	struct sys_opts o = *asked;
	union trigger_op reply, later;
	struct sys_op tx = { .done = 0 }, rx[2] = { { .done = 0 } }, back = { .done = 0 };
	struct fid_ep *alias_ep = NULL;
	uint64_t word = 5, got = 0, answer = 0;
	struct pair p;

	(void)s;
	pair_open(&p, &o);
	p.b.peer[0] = sys_insert(&p.b, p.a.name);
	expect_eq(p.b.info->caps & FI_TRIGGER, FI_TRIGGER);
	expect_ok(fi_ep_alias(p.b.ep, &alias_ep, FI_TRANSMIT | FI_TRIGGER));
	arm(&reply, p.b.rxcntr, 1);
	arm(&later, p.b.rxcntr, 2);
	sys_post(&p.b, fi_trecv(p.b.ep, &got, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &rx[0]));
	sys_post(&p.b, fi_tsend(alias_ep, &got, 8, NULL, p.b.peer[0], 3, &later));
	sys_post(&p.b, fi_tsend(alias_ep, &got, 8, NULL, p.b.peer[0], 2, &reply));
	sys_trecv(&p.a, FI_ADDR_UNSPEC, &answer, 8, 2, 0, &back);
	pair_drive(&p, 20);
	expect_eq(back.done, 0);
	sys_tsend(&p.a, p.to, &word, 8, 1, &tx);
	pair_wait(&p, &back);
	expect_eq(answer, 5);
	pair_wait(&p, &reply.op);
	expect_eq(later.op.done, 0);
	pair_wait(&p, &rx[0]);
	/* Not started, so it can be cancelled; and a pending one does not stop a close. */
	expect_ok(fi_cancel(&alias_ep->fid, &later));
	while (!later.op.done)
		sys_poll(&p.b);
	expect_eq(later.op.err, FI_ECANCELED);
	arm(&later, p.b.rxcntr, 9);
	sys_post(&p.b, fi_tsend(alias_ep, &got, 8, NULL, p.b.peer[0], 3, &later));
	expect_ret(fi_close(&p.b.rxcntr->fid), -FI_EBUSY);
	expect_ok(fi_close(&alias_ep->fid));
	pair_close(&p);
}

/* More operations due at once than the endpoint can take: all go, in order. */
static void trigger_many(struct sys *s, const void *arg)
{
	enum { N = 200 };
	struct sys_opts o = {
		.caps = FI_TRIGGER, .counters = true, .tx_size = 8, .rx_size = 256,
		.msg_order = FI_ORDER_SAS,
	};
	union trigger_op *tx = sys_alloc(N * sizeof(*tx));
	struct sys_op *rx = sys_alloc(N * sizeof(*rx));
	uint64_t got[N], word;
	struct iovec iov = { &word, 8 };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1 };
	struct fid_cntr *go;
	struct pair p;
	int i;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	go = open_cntr(&p.a, FI_WAIT_NONE);
	memset(rx, 0, N * sizeof(*rx));
	msg.addr = p.to;
	for (i = 0; i < N; i++) {
		sys_post(&p.b, fi_recv(p.b.ep, &got[i], 8, NULL, FI_ADDR_UNSPEC, &rx[i]));
		arm(&tx[i], go, 1);
		msg.context = &tx[i];
		word = (uint64_t)i;
		sys_post(&p.a, fi_sendmsg(p.a.ep, &msg, FI_TRIGGER | FI_INJECT));
	}
	pair_drive(&p, 10);
	expect_eq(rx[0].done, 0);
	expect_ok(fi_cntr_add(go, 1));
	for (i = 0; i < N; i++) {
		pair_wait(&p, &tx[i].op);
		pair_wait(&p, &rx[i]);
		expect_eq(got[i], i);
	}
	expect_ok(fi_close(&go->fid));
	pair_close(&p);
	free(tx);
	free(rx);
}

/* ---- deferred work ---- */

struct plan {
	struct fi_deferred_work work;
	union {
		struct fi_op_tagged op;
		struct fi_op_cntr count;
	} u;
	struct iovec iov;
};

static void plan(struct plan *w, struct sys_ep *e, enum fi_op_type type, fi_addr_t peer, void *buf,
		 uint64_t tag, struct fid_cntr *when, uint64_t threshold, struct fid_cntr *done)
{
	memset(w, 0, sizeof(*w));
	w->iov = (struct iovec){ buf, 8 };
	w->u.op = (struct fi_op_tagged){
		.ep = e->ep,
		.msg = { .msg_iov = &w->iov, .iov_count = 1, .addr = peer, .tag = tag,
			 .context = &w->work.context },
	};
	w->work.threshold = threshold;
	w->work.triggering_cntr = when;
	w->work.completion_cntr = done;
	w->work.op_type = type;
	w->work.op.tagged = &w->u.op;
	expect_ok(fi_control(&e->domain->fid, FI_QUEUE_WORK, &w->work));
}

/*
 * A message goes to the peer and back @HOPS times by deferred work alone; who started it sleeps
 * on a counter that is bound to no endpoint.
 */
static void deferred(struct sys *s, const void *arg)
{
	enum { HOPS = 10 };
	const struct sys_opts *asked = arg;
	struct sys_opts o = *asked;
	struct fid_cntr *got, *sent, *begin;
	struct plan rx[HOPS], tx[HOPS];
	uint64_t word[HOPS], first = 41;
	struct sys_ep e;
	uint64_t i;

	sys_open(&e, &o);
	sys_connect(s, &e);
	got = open_cntr(&e, FI_WAIT_UNSPEC);
	sent = open_cntr(&e, FI_WAIT_UNSPEC);
	begin = open_cntr(&e, FI_WAIT_UNSPEC);
	for (i = 0; i < HOPS; i++) {
		plan(&rx[i], &e, FI_OP_TRECV, FI_ADDR_UNSPEC, &word[i], i, begin, 0, got);
		if (s->rank == 1)	/* back */
			plan(&tx[i], &e, FI_OP_TSEND, e.peer[0], &word[i], i, got, i + 1, sent);
		else if (i == 0)
			plan(&tx[i], &e, FI_OP_TSEND, e.peer[1], &first, i, begin, 1, sent);
		else			/* and forth again */
			plan(&tx[i], &e, FI_OP_TSEND, e.peer[1], &word[i - 1], i, got, i, sent);
	}
	expect_eq(fi_cntr_read(got), 0);
	sys_barrier(s, NULL);
	if (s->rank == 0)
		expect_ok(fi_cntr_add(begin, 1));
	expect_ok(fi_cntr_wait(got, HOPS, -1));
	expect_ok(fi_cntr_wait(sent, HOPS, -1));
	expect_eq(fi_cntr_read(sent), HOPS);
	expect_eq(word[HOPS - 1], 41);
	/* Nothing of it reached the endpoint's own queues and counters. */
	expect_eq(sys_poll(&e), 0);
	expect_eq(fi_cntr_read(e.rxcntr) + fi_cntr_read(e.txcntr), 0);
	sys_barrier(s, &e);
	expect_ok(fi_close(&got->fid));
	expect_ok(fi_close(&sent->fid));
	expect_ok(fi_close(&begin->fid));
	sys_close(&e);
}

/* FI_COMPLETION, counter operations, cancelling, flushing, refusals. */
static void deferred_rest(struct sys *s, const void *arg)
{
	struct sys_opts o = { .caps = FI_TRIGGER, .counters = true };
	struct sys_op rx = { .done = 0 };
	struct fid_cntr *when, *done;
	struct plan w[4];
	uint64_t word = 3, got = 0;
	struct pair p;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	when = open_cntr(&p.a, FI_WAIT_NONE);
	done = open_cntr(&p.a, FI_WAIT_NONE);
	sys_trecv(&p.b, FI_ADDR_UNSPEC, &got, 8, 1, 0, &rx);
	memset(&w[0], 0, sizeof(w[0]));
	w[0].u.count = (struct fi_op_cntr){ .cntr = done, .value = 40 };
	w[0].work.op.cntr = &w[0].u.count;
	w[0].work.op_type = FI_OP_CNTR_SET;
	w[0].work.triggering_cntr = when;
	w[0].work.threshold = 2;
	expect_ok(fi_control(&p.a.domain->fid, FI_QUEUE_WORK, &w[0].work));
	plan(&w[1], &p.a, FI_OP_TSEND, p.to, &word, 1, when, 3, done);
	plan(&w[2], &p.a, FI_OP_TSEND, p.to, &word, 2, when, 3, done);
	plan(&w[3], &p.a, FI_OP_TSEND, p.to, &word, 2, when, 9, done);
	expect_ok(fi_control(&p.a.domain->fid, FI_CANCEL_WORK, &w[2].work));
	expect_ret(fi_control(&p.a.domain->fid, FI_CANCEL_WORK, &w[2].work), -FI_ENOENT);
	/* Successes and errors together make the threshold. */
	expect_ok(fi_cntr_add(when, 1));
	expect_ok(fi_cntr_adderr(when, 1));
	expect_eq(fi_cntr_read(done), 40);
	expect_ok(fi_cntr_add(when, 1));
	pair_wait_cntr(&p, done, 41);
	pair_wait(&p, &rx);
	expect_eq(got, 3);
	expect_ok(fi_control(&p.a.domain->fid, FI_FLUSH_WORK, NULL));
	expect_ok(fi_cntr_add(when, 10));
	pair_drive(&p, 10);
	expect_eq(fi_cntr_read(done), 41);
	/* An endpoint closes with deferred work waiting and running on it. */
	plan(&w[1], &p.b, FI_OP_TRECV, FI_ADDR_UNSPEC, &got, 7, p.b.txcntr, 0, p.b.txcntr);
	plan(&w[2], &p.b, FI_OP_TRECV, FI_ADDR_UNSPEC, &got, 7, p.b.txcntr, 5, p.b.txcntr);
	expect_ok(fi_close(&when->fid));
	expect_ok(fi_close(&done->fid));
	pair_close(&p);
}

/* Deferred writes to several segments are one operation each, also when they fail. */
static void deferred_segs(struct sys *s, const void *arg)
{
	enum { N = 4, SEG = 3000 };
	const struct sys_opts o = { .caps = FI_TRIGGER | FI_RMA, .counters = true };
	static uint8_t from[N * SEG], mem[N * SEG];
	struct fi_rma_iov rma[N];
	struct iovec iov = { from, sizeof(from) };
	struct fid_cntr *when, *done;
	struct fi_op_rma op[2];
	struct fi_deferred_work work[2];
	struct fid_mr *mr;
	struct pair p;
	int i;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	when = open_cntr(&p.a, FI_WAIT_NONE);
	done = open_cntr(&p.a, FI_WAIT_NONE);
	expect_ok(fi_mr_reg(p.b.domain, mem, sizeof(mem), FI_REMOTE_WRITE, 0, 7, 0, &mr, NULL));
	sys_fill(from, sizeof(from), 1);
	for (i = 0; i < N; i++)
		rma[i] = (struct fi_rma_iov){ (uint64_t)i * SEG, SEG, 7 };
	memset(work, 0, sizeof(work));
	for (i = 0; i < 2; i++) {
		op[i] = (struct fi_op_rma){
			.ep = p.a.ep,
			.msg = { .msg_iov = &iov, .iov_count = 1, .addr = p.to, .rma_iov = rma,
				 .rma_iov_count = N, .data = 9, .context = &work[i].context },
			.flags = i ? 0 : FI_REMOTE_CQ_DATA,
		};
		work[i].threshold = 1;
		work[i].triggering_cntr = when;
		work[i].completion_cntr = done;
		work[i].op_type = FI_OP_WRITE;
		work[i].op.rma = &op[i];
		/* The last piece of the second one is refused. */
		rma[N - 1].key += (uint64_t)i;
		expect_ok(fi_control(&p.a.domain->fid, FI_QUEUE_WORK, &work[i]));
	}
	expect_ok(fi_cntr_add(when, 1));
	pair_wait_cntr(&p, done, 1);
	while (!fi_cntr_readerr(done))
		pair_drive(&p, 1);
	pair_drive(&p, 10);
	expect_eq(fi_cntr_read(done), 1);
	expect_eq(fi_cntr_readerr(done), 1);
	sys_verify(mem, sizeof(mem), 1);
	expect_eq(p.b.null_entries, 1);
	expect_eq(p.b.null_entry.data, 9);
	expect_ok(fi_close(&mr->fid));
	expect_ok(fi_close(&when->fid));
	expect_ok(fi_close(&done->fid));
	pair_close(&p);
}

/*
 * A deferred write in two pieces, counted once; behind it a fenced read of what it wrote, and a
 * triggered write by way of a default flag.
 */
static void rma(struct sys *s, const void *arg)
{
	enum { KEY = 77 };
	struct sys_opts o = { .caps = FI_RMA | FI_TRIGGER | FI_FENCE, .counters = true };
	uint64_t target[4] = { 0 }, words[2] = { 11, 22 }, back[4] = { 0 }, last = 33;
	struct fi_rma_iov to[2] = { { 0, 8, KEY }, { 16, 8, KEY } };
	struct iovec iov = { words, 16 };
	struct fi_op_rma op = {
		.msg = { .msg_iov = &iov, .iov_count = 1, .rma_iov = to, .rma_iov_count = 2 },
	};
	struct fi_deferred_work work = { .op_type = FI_OP_WRITE, .threshold = 1 };
	struct sys_op read_op = { .done = 0 };
	struct fid_ep *alias_ep = NULL;
	struct fid_cntr *when, *done;
	union trigger_op write_op;
	struct fid_mr *mr = NULL;
	struct fi_msg_rma msg;
	struct pair p;

	(void)s;
	(void)arg;
	pair_open(&p, &o);
	when = open_cntr(&p.a, FI_WAIT_NONE);
	done = open_cntr(&p.a, FI_WAIT_NONE);
	expect_ok(fi_mr_reg(p.b.domain, target, sizeof(target), FI_REMOTE_READ | FI_REMOTE_WRITE,
			    0, KEY, 0, &mr, NULL));
	op.ep = p.a.ep;
	op.msg.addr = p.to;
	work.op.rma = &op;
	work.triggering_cntr = when;
	work.completion_cntr = done;
	expect_ok(fi_control(&p.a.domain->fid, FI_QUEUE_WORK, &work));
	expect_ok(fi_ep_alias(p.a.ep, &alias_ep, FI_TRANSMIT | FI_TRIGGER));
	arm(&write_op, done, 1);
	sys_post(&p.a, fi_write(alias_ep, &last, 8, NULL, p.to, 24, KEY, &write_op));
	pair_drive(&p, 10);
	expect_eq(target[0], 0);
	expect_ok(fi_cntr_add(when, 1));
	/* The write is under way: a read without the fence might come before it. */
	iov = (struct iovec){ back, sizeof(back) };
	to[0].len = sizeof(back);
	msg = (struct fi_msg_rma){
		.msg_iov = &iov, .iov_count = 1, .addr = p.to, .rma_iov = to, .rma_iov_count = 1,
		.context = &read_op,
	};
	sys_post(&p.a, fi_readmsg(p.a.ep, &msg, FI_FENCE));
	pair_wait(&p, &read_op);
	expect_eq(back[0], 11);
	expect_eq(back[2], 22);
	pair_wait(&p, &write_op.op);
	expect_eq(target[3], 33);
	expect_eq(fi_cntr_read(done), 1);
	expect_ok(fi_close(&mr->fid));
	expect_ok(fi_close(&alias_ep->fid));
	expect_ok(fi_close(&when->fid));
	expect_ok(fi_close(&done->fid));
	pair_close(&p);
}

int main(int argc, char **argv)
{
	static const struct sys_opts manual = { .caps = FI_TRIGGER, .counters = true };
	static const struct sys_opts automatic = {
		.caps = FI_TRIGGER, .counters = true, .progress = FI_PROGRESS_AUTO,
		.wait_obj = FI_WAIT_UNSPEC,
	};
	static const struct sys_opts domain = {
		.caps = FI_TRIGGER, .counters = true, .threading = FI_THREAD_DOMAIN,
	};

	sys_begin(argc, argv);
	sys_case("trigger/alias", 1, alias, NULL);
	sys_case("trigger/alias/early", 1, early_alias, NULL);
	sys_case("trigger/fence", 1, fence, NULL);
	sys_case("trigger/fence/failure", 1, fence_and_failure, NULL);
	sys_case("trigger/send", 1, trigger, &manual);
	sys_case("trigger/send/auto", 1, trigger, &automatic);
	sys_case("trigger/send/no-locks", 1, trigger, &domain);
	sys_case("trigger/send/more-than-fits", 1, trigger_many, NULL);
	sys_case("trigger/deferred/manual", 2, deferred, &manual);
	sys_case("trigger/deferred/auto", 2, deferred, &automatic);
	sys_case("trigger/deferred/no-locks", 2, deferred, &domain);
	sys_case("trigger/deferred/rest", 1, deferred_rest, NULL);
	sys_case("trigger/deferred/segments", 1, deferred_segs, NULL);
	sys_case("trigger/rma", 1, rma, NULL);
	return sys_end();
}
