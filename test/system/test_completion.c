/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is reported, when, and how: entries, counters, levels, formats, errors.
 * Both endpoints live in one process, so that each side's progress is the test's choice.
 */
#include "sys.h"

#include <sched.h>
#include <stdio.h>

#include <rdma/fi_errno.h>

struct pair {
	struct sys_ep a, b;		/* a sends to b */
};

static void pair_open(struct pair *p, const struct sys_opts *a, const struct sys_opts *b)
{
	sys_open(&p->a, a);
	sys_open(&p->b, b);
	p->a.peer[0] = sys_insert(&p->a, p->b.name);
	p->b.peer[0] = sys_insert(&p->b, p->a.name);
}

static void pair_close(struct pair *p)
{
	sys_close(&p->a);
	sys_close(&p->b);
}

static void pair_poll(struct pair *p)
{
	unsigned int n = sys_poll(&p->a);

	n += sys_poll(&p->b);
	if (!n)
		sched_yield();
}

static void pair_wait(struct pair *p, struct sys_op *op)
{
	while (!op->done)
		pair_poll(p);
}

/* Both sides progress for a while, during which nothing that is forbidden may come. */
static void pair_drive(struct pair *p, unsigned int ms)
{
	uint64_t end = sys_now_ms() + ms;

	while (sys_now_ms() < end)
		pair_poll(p);
}

/* ---- which operations write an entry ---- */

enum call { C_SEND, C_SENDDATA, C_SENDMSG, C_INJECT, C_INJECTDATA, C_TSEND, C_TSENDMSG, C_TINJECT,
	    C_RECV, C_RECVMSG, C_TRECV, C_TRECVMSG };

static const char *const call_names[] = {
	"fi_send", "fi_senddata", "fi_sendmsg", "fi_inject", "fi_injectdata", "fi_tsend",
	"fi_tsendmsg", "fi_tinject", "fi_recv", "fi_recvmsg", "fi_trecv", "fi_trecvmsg",
};

static const struct row {
	enum call call;
	uint64_t flags;			/* of the *msg calls */
	bool plain;			/* entry wanted when bound normally */
	bool selective;			/* ... with FI_SELECTIVE_COMPLETION */
	bool op_flags;			/* ... and FI_COMPLETION in op_flags */
} rows[] = {
	{ C_SEND, 0, true, false, true },
	{ C_SENDDATA, 0, true, false, true },
	{ C_SENDMSG, 0, true, false, false },
	{ C_SENDMSG, FI_COMPLETION, true, true, true },
	{ C_SENDMSG, FI_INJECT, true, false, false },
	{ C_SENDMSG, FI_INJECT | FI_COMPLETION, true, true, true },
	{ C_INJECT, 0, false, false, false },
	{ C_INJECTDATA, 0, false, false, false },
	{ C_TSEND, 0, true, false, true },
	{ C_TSENDMSG, 0, true, false, false },
	{ C_TSENDMSG, FI_COMPLETION, true, true, true },
	{ C_TSENDMSG, FI_INJECT | FI_COMPLETION, true, true, true },
	{ C_TINJECT, 0, false, false, false },
	{ C_RECV, 0, true, false, true },
	{ C_RECVMSG, 0, true, false, false },
	{ C_RECVMSG, FI_COMPLETION, true, true, true },
	{ C_TRECV, 0, true, false, true },
	{ C_TRECVMSG, 0, true, false, false },
	{ C_TRECVMSG, FI_COMPLETION, true, true, true },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_tagged(enum call call)
{
	return call == C_TSEND || call == C_TSENDMSG || call == C_TINJECT || call == C_TRECV ||
	       call == C_TRECVMSG;
}

static ssize_t do_call(struct sys_ep *e, enum call call, uint64_t flags, uint64_t *word,
		       struct sys_op *op)
{
	fi_addr_t to = e->peer[0];
	struct iovec iov = { word, 8 };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = to, .context = op };
	struct fi_msg_tagged tmsg = { .msg_iov = &iov, .iov_count = 1, .addr = to, .tag = 9,
				      .context = op };

	switch (call) {
	case C_SEND:
		return fi_send(e->ep, word, 8, NULL, to, op);
	case C_SENDDATA:
		return fi_senddata(e->ep, word, 8, NULL, 5, to, op);
	case C_SENDMSG:
		return fi_sendmsg(e->ep, &msg, flags);
	case C_INJECT:
		return fi_inject(e->ep, word, 8, to);
	case C_INJECTDATA:
		return fi_injectdata(e->ep, word, 8, 5, to);
	case C_TSEND:
		return fi_tsend(e->ep, word, 8, NULL, to, 9, op);
	case C_TSENDMSG:
		return fi_tsendmsg(e->ep, &tmsg, flags);
	case C_TINJECT:
		return fi_tinject(e->ep, word, 8, to, 9);
	case C_RECV:
		return fi_recv(e->ep, word, 8, NULL, FI_ADDR_UNSPEC, op);
	case C_RECVMSG:
		return fi_recvmsg(e->ep, &msg, flags);
	case C_TRECV:
		return fi_trecv(e->ep, word, 8, NULL, FI_ADDR_UNSPEC, 9, 0, op);
	default:
		return fi_trecvmsg(e->ep, &tmsg, flags);
	}
}

/* The call of @row at its side, the plain call at the other; both counters count both. */
static void one_row(struct pair *p, const struct row *row, bool want, uint64_t n)
{
	enum call other;
	bool sends = row->call < C_RECV;
	struct sys_op op = { 0 }, other_op = { 0 };
	uint64_t out = 0x1234, in = 0;

	if (sends)
		other = is_tagged(row->call) ? C_TRECV : C_RECV;
	else
		other = is_tagged(row->call) ? C_TSEND : C_SEND;
	sys_post(&p->b, do_call(&p->b, sends ? other : row->call, row->flags, &in,
				sends ? &other_op : &op));
	sys_post(&p->a, do_call(&p->a, sends ? row->call : other, row->flags, &out,
				sends ? &op : &other_op));
	sys_at(__FILE__, __LINE__);
	while (fi_cntr_read(p->a.txcntr) + fi_cntr_read(p->b.rxcntr) < 2 * n)
		pair_poll(p);
	pair_poll(p);
	pair_poll(p);
	expect_eq(in, out);
	expect_eq(fi_cntr_read(p->a.txcntr), n);
	expect_eq(fi_cntr_read(p->b.rxcntr), n);
	expect_eq(fi_cntr_readerr(p->a.txcntr) + fi_cntr_readerr(p->b.rxcntr), 0);
	expect(op.done == want, "%s entry for %s with flags %#llx", want ? "an" : "no",
	       call_names[row->call], (unsigned long long)row->flags);
}

struct mode {
	const char *name;
	uint64_t bind, op_flags;
};

static const struct mode modes[] = {
	{ "completion/entries/plain", 0, 0 },
	{ "completion/entries/plain+op_flags", 0, FI_COMPLETION },
	{ "completion/entries/selective", FI_SELECTIVE_COMPLETION, 0 },
	{ "completion/entries/selective+op_flags", FI_SELECTIVE_COMPLETION, FI_COMPLETION },
};

static bool wanted(const struct row *row, const struct mode *mode)
{
	if (!mode->bind)
		return row->plain;
	return mode->op_flags ? row->op_flags : row->selective;
}

static void entries(struct sys *s, const void *arg)
{
	const struct mode *mode = arg;
	struct sys_opts opts = { .counters = true, .tx_bind = mode->bind, .rx_bind = mode->bind,
				 .tx_op_flags = mode->op_flags, .rx_op_flags = mode->op_flags };
	struct pair p;
	size_t i;

	(void)s;
	pair_open(&p, &opts, &opts);
	for (i = 0; i < ROWS; i++)
		one_row(&p, &rows[i], wanted(&rows[i], mode), i + 1);
	expect_eq(p.a.null_entries + p.b.null_entries, 0);
	pair_close(&p);
}

/* FI_SETOPSFLAG at run time has the effect of op_flags at the start. */
static void set_op_flags(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .counters = true, .tx_bind = FI_SELECTIVE_COMPLETION,
				 .rx_bind = FI_SELECTIVE_COMPLETION };
	static const struct row off = { C_SEND, 0, true, false, true };
	uint64_t flags = FI_TRANSMIT | FI_COMPLETION;
	struct pair p;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("few others do it");
	pair_open(&p, &opts, &opts);
	one_row(&p, &off, false, 1);
	expect_ok(fi_control(&p.a.ep->fid, FI_SETOPSFLAG, &flags));
	one_row(&p, &off, true, 2);
	flags = FI_TRANSMIT;
	expect_ok(fi_control(&p.a.ep->fid, FI_GETOPSFLAG, &flags));
	expect_eq(flags & FI_COMPLETION, FI_COMPLETION);
	flags = FI_TRANSMIT | FI_RECV;
	expect_ret(fi_control(&p.a.ep->fid, FI_GETOPSFLAG, &flags), -FI_EINVAL);
	flags = 0;
	expect_ret(fi_control(&p.a.ep->fid, FI_SETOPSFLAG, &flags), -FI_EINVAL);
	pair_close(&p);
}

/* Errors are written, selective or not, and count as errors. */
static void selective_error(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .counters = true, .rx_bind = FI_SELECTIVE_COMPLETION };
	struct sys_op op = { 0 };
	struct pair p;
	char small[4];

	(void)s;
	(void)arg;
	pair_open(&p, &opts, &opts);
	sys_trecv(&p.b, FI_ADDR_UNSPEC, small, sizeof(small), 1, 0, &op);
	sys_post(&p.a, fi_tinject(p.a.ep, "too long", 8, p.a.peer[0], 1));
	pair_wait(&p, &op);
	expect_eq(op.err, FI_ETRUNC);
	if (sys_is_uet()) {
		expect_eq(fi_cntr_readerr(p.b.rxcntr), 1);
		expect_eq(fi_cntr_read(p.b.rxcntr), 0);
	}
	pair_close(&p);
}

/* ---- levels ---- */

static const struct level {
	const char *name;
	uint64_t flag;
	bool by_op_flags;
	bool needs_peer;		/* not complete before the peer made progress */
} levels[] = {
	{ "completion/level/default", 0, true, true },
	{ "completion/level/inject", FI_INJECT_COMPLETE, true, false },
	{ "completion/level/transmit", FI_TRANSMIT_COMPLETE, true, true },
	{ "completion/level/delivery", FI_DELIVERY_COMPLETE, true, true },
	{ "completion/level/inject/msg", FI_INJECT_COMPLETE, false, false },
	{ "completion/level/transmit/msg", FI_TRANSMIT_COMPLETE, false, true },
	{ "completion/level/delivery/msg", FI_DELIVERY_COMPLETE, false, true },
};

static void level_send(struct pair *p, const struct level *l, const void *buf, size_t len,
		       struct sys_op *op)
{
	struct iovec iov = { (void *)buf, len };
	struct fi_msg_tagged msg = { .msg_iov = &iov, .iov_count = 1, .addr = p->a.peer[0],
				     .tag = 1, .context = op };

	if (l->by_op_flags)
		sys_tsend(&p->a, p->a.peer[0], buf, len, 1, op);
	else
		sys_post(&p->a, fi_tsendmsg(p->a.ep, &msg, l->flag));
}

static void level(struct sys *s, const void *arg)
{
	const struct level *l = arg;
	struct sys_opts opts = { .tx_op_flags = l->by_op_flags ? l->flag : 0 };
	struct sys_opts other = { 0 };
	static const size_t lens[] = { 0, 8, 5000, 300000 };
	uint8_t *in = sys_alloc(300000), *out = sys_alloc(300000);
	struct pair p;
	size_t i;

	(void)s;
	pair_open(&p, &opts, &other);
	for (i = 0; i < 8; i++) {
		struct sys_op send = { 0 }, recv = { 0 };
		size_t len = lens[i / 2];
		bool early = i & 1;

		sys_fill(out, len, i);
		if (!early)
			sys_trecv(&p.b, FI_ADDR_UNSPEC, in, len, 1, 0, &recv);
		level_send(&p, l, out, len, &send);
		sys_drive(&p.a, 10);
		if (sys_is_uet() && l->needs_peer)
			expect_eq(send.done, 0);
		/* The sender needs no posted receive, only a peer that is alive. */
		if (early && len < 10000)
			pair_wait(&p, &send);
		if (early)
			sys_trecv(&p.b, FI_ADDR_UNSPEC, in, len, 1, 0, &recv);
		pair_wait(&p, &recv);
		pair_wait(&p, &send);
		expect_eq(send.err, 0);
		expect_eq(recv.err, 0);
		sys_verify(in, len, i);
	}
	free(in);
	free(out);
	pair_close(&p);
}

/* ---- FI_MORE ---- */

#define BURST 300

static void more(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .msg_order = FI_ORDER_SAS };
	struct sys_op send[BURST] = { 0 }, recv[BURST] = { 0 };
	uint64_t in[BURST], out[BURST];
	struct pair p;
	int i;

	(void)s;
	(void)arg;
	pair_open(&p, &opts, &opts);
	for (i = 0; i < BURST; i++) {
		struct iovec iov = { &out[i], 8 };
		struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = p.a.peer[0],
				      .context = &send[i] };

		out[i] = (uint64_t)i;
		sys_post(&p.b, fi_recv(p.b.ep, &in[i], 8, NULL, FI_ADDR_UNSPEC, &recv[i]));
		/* The last one has FI_MORE too: polling must send it off. */
		sys_post(&p.a, fi_sendmsg(p.a.ep, &msg, FI_MORE | FI_COMPLETION));
	}
	for (i = 0; i < BURST; i++) {
		pair_wait(&p, &recv[i]);
		pair_wait(&p, &send[i]);
		expect_eq(in[i], i);
	}
	pair_close(&p);
}

/* A failing call must not hold back what was delayed. */
static void more_and_failure(struct sys *s, const void *arg)
{
	struct sys_opts opts = { 0 };
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 5;
	struct iovec iov = { &out, 8 };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .context = &send };
	char *buf;
	struct pair p;
	size_t len;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("the codes are uet's");
	pair_open(&p, &opts, &opts);
	len = p.a.info->tx_attr->inject_size + 1;
	buf = sys_alloc(len);
	memset(buf, 0, len);
	msg.addr = p.a.peer[0];
	sys_post(&p.b, fi_recv(p.b.ep, &in, 8, NULL, FI_ADDR_UNSPEC, &recv));
	sys_post(&p.a, fi_sendmsg(p.a.ep, &msg, FI_MORE));
	expect_ret(fi_inject(p.a.ep, buf, len, p.a.peer[0]), -FI_EMSGSIZE);
	sys_wait_ok(&p.b, &recv);
	pair_wait(&p, &send);
	free(buf);
	pair_close(&p);
}

/* ---- formats ---- */

static const struct format {
	const char *name;
	enum fi_cq_format format;
	size_t size;
} formats[] = {
	{ "completion/format/context", FI_CQ_FORMAT_CONTEXT, sizeof(struct fi_cq_entry) },
	{ "completion/format/msg", FI_CQ_FORMAT_MSG, sizeof(struct fi_cq_msg_entry) },
	{ "completion/format/data", FI_CQ_FORMAT_DATA, sizeof(struct fi_cq_data_entry) },
	{ "completion/format/tagged", FI_CQ_FORMAT_TAGGED, sizeof(struct fi_cq_tagged_entry) },
};

/* Read @cnt entries in the format, in as few calls as they need. */
static void read_raw(struct pair *p, const struct format *f, uint8_t *entries_at, size_t cnt)
{
	size_t got = 0;
	ssize_t n;

	memset(entries_at, 0x5c, (cnt + 1) * f->size);
	while (got < cnt) {
		fi_cq_read(p->a.txcq, NULL, 0);
		n = fi_cq_read(p->b.rxcq, entries_at + got * f->size, cnt - got);
		if (n == -FI_EAGAIN)
			continue;
		expect(n > 0, "entries, not %zd", n);
		got += (size_t)n;
	}
	expect(entries_at[cnt * f->size] == 0x5c, "nothing behind the last entry");
}

static void format(struct sys *s, const void *arg)
{
	const struct format *f = arg;
	struct sys_opts opts = { .format = f->format, .msg_order = FI_ORDER_SAS };
	struct sys_opts sender = { .msg_order = FI_ORDER_SAS };
	struct sys_op send[3] = { 0 }, recv[3];
	uint8_t raw[4 * sizeof(struct fi_cq_tagged_entry)];
	struct fi_cq_tagged_entry entry;
	char in[3][100], out[100] = { 0 };
	struct pair p;
	int i;

	(void)s;
	pair_open(&p, &sender, &opts);
	for (i = 0; i < 3; i++) {
		sys_post(&p.b, fi_trecv(p.b.ep, in[i], 100, NULL, FI_ADDR_UNSPEC, 40 + i, 0,
					&recv[i]));
		sys_post(&p.a, fi_tsenddata(p.a.ep, out, 10 + i, NULL, 70 + i, p.a.peer[0], 40 + i,
					    &send[i]));
	}
	read_raw(&p, f, raw, 3);
	for (i = 0; i < 3; i++) {
		memcpy(&entry, raw + i * f->size, f->size);
		expect(entry.op_context == &recv[i], "the context of receive %d", i);
		if (f->format >= FI_CQ_FORMAT_MSG) {
			expect_eq(entry.len, 10 + i);
			expect_eq(sys_flags(entry.flags),
				  sys_flags(FI_RECV | FI_TAGGED | FI_REMOTE_CQ_DATA));
		}
		if (f->format >= FI_CQ_FORMAT_DATA)
			expect_eq(entry.data, 70 + i);
		if (f->format == FI_CQ_FORMAT_TAGGED)
			expect_eq(entry.tag, 40 + i);
	}
	pair_wait(&p, &send[2]);
	pair_close(&p);
}

/* ---- reading ---- */

/* Reading with count 0 drives both sides and takes nothing. */
static void count_zero(struct sys *s, const void *arg)
{
	struct sys_opts opts = { 0 };
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 6;
	uint64_t end;
	struct pair p;
	ssize_t n;

	(void)s;
	(void)arg;
	pair_open(&p, &opts, &opts);
	sys_trecv(&p.b, FI_ADDR_UNSPEC, &in, 8, 1, 0, &recv);
	sys_tsend(&p.a, p.a.peer[0], &out, 8, 1, &send);
	end = sys_now_ms() + 50;
	sys_at(__FILE__, __LINE__);
	/* The pattern in memory is all there is to see: the entry is not to be taken. */
	while (*(volatile uint64_t *)&in != out || sys_now_ms() < end) {
		n = fi_cq_read(p.b.rxcq, NULL, 0);
		expect(n == 0 || n == -FI_EAGAIN, "0 or -FI_EAGAIN from an empty read, not %zd", n);
		fi_cq_read(p.a.txcq, NULL, 0);
	}
	expect_ret(sys_poll(&p.b), 1);
	expect_eq(recv.done, 1);
	pair_wait(&p, &send);
	pair_close(&p);
}

/* Entries before an error come first, then -FI_EAVAIL until the error has been read. */
static void error_in_line(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .msg_order = FI_ORDER_SAS };
	struct sys_op recv[3] = { 0 };
	struct fi_cq_err_entry err = { .err_data_size = 0 };
	struct fi_cq_tagged_entry entry[4];
	uint64_t in[3], out[3] = { 1, 2, 3 };
	struct pair p;
	int i;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("others do not place what follows a truncated message");
	pair_open(&p, &opts, &opts);
	expect_ret(fi_cq_readerr(p.b.rxcq, &err, 0), -FI_EAGAIN);
	for (i = 0; i < 3; i++)
		sys_trecv(&p.b, FI_ADDR_UNSPEC, &in[i], i == 1 ? 4 : 8, 1, 0, &recv[i]);
	for (i = 0; i < 3; i++)
		sys_post(&p.a, fi_tinject(p.a.ep, &out[i], 8, p.a.peer[0], 1));
	sys_at(__FILE__, __LINE__);
	while (*(volatile uint64_t *)&in[2] != 3) {
		fi_cq_read(p.a.txcq, NULL, 0);
		fi_cq_read(p.b.rxcq, NULL, 0);
	}
	expect_ret(fi_cq_read(p.b.rxcq, entry, 4), 1);
	expect(entry[0].op_context == &recv[0], "the first receive's entry");
	expect_ret(fi_cq_read(p.b.rxcq, entry, 4), -FI_EAVAIL);
	expect_ret(fi_cq_read(p.b.rxcq, entry, 4), -FI_EAVAIL);
	expect_ret(fi_cq_readerr(p.b.rxcq, &err, 0), 1);
	expect(err.op_context == &recv[1], "the second receive's error");
	expect_eq(err.err, FI_ETRUNC);
	expect_ret(fi_cq_readerr(p.b.rxcq, &err, 0), -FI_EAGAIN);
	expect_ret(fi_cq_read(p.b.rxcq, entry, 4), 1);
	expect(entry[0].op_context == &recv[2], "the third receive's entry");
	expect_ret(fi_cq_read(p.b.rxcq, entry, 4), -FI_EAGAIN);
	pair_close(&p);
}

static void strerrors(struct sys *s, const void *arg)
{
	struct sys_opts opts = { 0 };
	struct sys_ep e;
	const char *text;
	char buf[8];
	int i;

	(void)s;
	(void)arg;
	sys_open(&e, &opts);
	for (i = -5; i < 0x400; i++) {
		text = fi_cq_strerror(e.rxcq, i, NULL, NULL, 0);
		expect(text && *text, "a text for prov_errno %d", i);
		memset(buf, 'x', sizeof(buf));
		text = fi_cq_strerror(e.rxcq, i, NULL, buf, sizeof(buf) - 1);
		expect(text && *text, "a text for prov_errno %d", i);
		if (sys_is_uet())
			expect(buf[7] == 'x' && memchr(buf, 0, 7), "a short buffer respected");
	}
	sys_close(&e);
}

/* ---- counters alone ---- */

static void counters_only(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .no_cq = true };
	struct sys_op op = { 0 };
	struct pair p;
	uint64_t in[100], out = 3;
	int i;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("others insist on a CQ");
	pair_open(&p, &opts, &opts);
	for (i = 0; i < 100; i++) {
		sys_trecv(&p.b, FI_ADDR_UNSPEC, &in[i], 8, 1, 0, &op);
		sys_tsend(&p.a, p.a.peer[0], &out, 8, 1, &op);
	}
	sys_at(__FILE__, __LINE__);
	while (fi_cntr_read(p.a.txcntr) + fi_cntr_read(p.b.rxcntr) < 200)
		;
	pair_drive(&p, 5);
	expect_eq(fi_cntr_read(p.a.txcntr), 100);
	expect_eq(fi_cntr_read(p.b.rxcntr), 100);
	for (i = 0; i < 100; i++)
		expect_eq(in[i], 3);
	pair_close(&p);
}

static void counter_calls(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .counters = true };
	struct sys_ep e;

	(void)s;
	(void)arg;
	sys_open(&e, &opts);
	expect_ok(fi_cntr_set(e.txcntr, 40));
	expect_ok(fi_cntr_add(e.txcntr, 2));
	expect_ok(fi_cntr_seterr(e.txcntr, 5));
	expect_ok(fi_cntr_adderr(e.txcntr, 6));
	expect_eq(fi_cntr_read(e.txcntr), 42);
	expect_eq(fi_cntr_readerr(e.txcntr), 11);
	expect_ok(fi_cntr_set(e.txcntr, 0));
	expect_eq(fi_cntr_read(e.txcntr), 0);
	expect_eq(fi_cntr_read(e.rxcntr), 0);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		sys_case(modes[i].name, 1, entries, &modes[i]);
	sys_case("completion/set-op-flags", 1, set_op_flags, NULL);
	sys_case("completion/selective-error", 1, selective_error, NULL);
	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		sys_case(levels[i].name, 1, level, &levels[i]);
	sys_case("completion/more", 1, more, NULL);
	sys_case("completion/more-and-failure", 1, more_and_failure, NULL);
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		sys_case(formats[i].name, 1, format, &formats[i]);
	sys_case("completion/count-zero", 1, count_zero, NULL);
	sys_case("completion/error-in-line", 1, error_in_line, NULL);
	sys_case("completion/strerror", 1, strerrors, NULL);
	sys_case("completion/counters-only", 1, counters_only, NULL);
	sys_case("completion/counter-calls", 1, counter_calls, NULL);
	return sys_end();
}
