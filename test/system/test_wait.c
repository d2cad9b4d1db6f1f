/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sleeping until something happens: sread, counters, descriptors, poll and wait sets, and
 * progress while the application does nothing.
 */
#include "sys.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Libfabric 2 calls poll and wait sets deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Two processes send each other one message after the other. */
static void send_one(struct sys_ep *e, fi_addr_t to, uint64_t value)
{
	sys_post(e, fi_tinject(e->ep, &value, sizeof(value), to, 1));
}

/* ---- sread ---- */

static const struct wait_kind {
	const char *name;
	enum fi_wait_obj obj;
} wait_kinds[] = {
	{ "wait/sread/unspec", FI_WAIT_UNSPEC },
	{ "wait/sread/fd", FI_WAIT_FD },
	{ "wait/sread/mutex-cond", FI_WAIT_MUTEX_COND },
	{ "wait/sread/yield", FI_WAIT_YIELD },
	{ "wait/sread/pollfd", FI_WAIT_POLLFD },
};

static void *signal_soon(void *arg)
{
	struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
	expect_ok(fi_cq_signal(arg));
	return NULL;
}

static void sread_nothing(struct sys_ep *e)
{
	struct fi_cq_tagged_entry entry;
	uint64_t begun = sys_now_ms();
	pthread_t thread;

	expect_ret(fi_cq_sread(e->rxcq, &entry, 1, NULL, 0), -FI_EAGAIN);
	expect_ret(fi_cq_sread(e->rxcq, &entry, 1, NULL, 100), -FI_EAGAIN);
	expect(sys_now_ms() - begun >= 99, "no early return: %llu ms instead of 100",
	       (unsigned long long)(sys_now_ms() - begun));
	if (!sys_is_uet())
		return;
	expect_ok(pthread_create(&thread, NULL, signal_soon, e->rxcq));
	expect_ret(fi_cq_sread(e->rxcq, &entry, 1, NULL, -1), -FI_EAGAIN);
	pthread_join(thread, NULL);
	/* A signal in advance is remembered, once. */
	expect_ok(fi_cq_signal(e->rxcq));
	expect_ret(fi_cq_sread(e->rxcq, &entry, 1, NULL, -1), -FI_EAGAIN);
	begun = sys_now_ms();
	expect_ret(fi_cq_sread(e->rxcq, &entry, 1, NULL, 50), -FI_EAGAIN);
	expect(sys_now_ms() - begun >= 49, "a signal to be remembered once, not twice");
}

static void sread_value(struct sys_ep *e, uint64_t *buf, struct sys_op *op, uint64_t value)
{
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	ssize_t n;

	do {
		sys_at(__FILE__, __LINE__);
		n = fi_cq_sreadfrom(e->rxcq, &entry, 1, &src, NULL, -1);
	} while (n == -FI_EAGAIN && !sys_is_uet());
	expect_ret(n, 1);
	expect(entry.op_context == op, "the context of the receive");
	expect_eq(*buf, value);
}

static void sread_ping(struct sys *s, struct sys_ep *e, unsigned int cnt)
{
	struct sys_op op[2] = { 0 };
	uint64_t buf[2];
	unsigned int i;

	sys_trecv(e, FI_ADDR_UNSPEC, &buf[0], 8, 1, 0, &op[0]);
	sys_barrier(s, NULL);
	for (i = 0; i < cnt; i++) {
		sys_trecv(e, FI_ADDR_UNSPEC, &buf[(i + 1) % 2], 8, 1, 0, &op[(i + 1) % 2]);
		if (s->rank == 0)
			send_one(e, e->peer[1], i);
		sread_value(e, &buf[i % 2], &op[i % 2], i);
		if (s->rank == 1)
			send_one(e, e->peer[0], i);
	}
}

static void sread(struct sys *s, const void *arg)
{
	const struct wait_kind *kind = arg;
	struct sys_opts opts = { .wait_obj = kind->obj, .caps = FI_SOURCE,
				 .msg_order = FI_ORDER_SAS };
	struct sys_ep e;

	if (!sys_is_uet())
		sys_skip("not offered by all");
	sys_open(&e, &opts);
	sys_connect(s, &e);
	sread_nothing(&e);
	sread_ping(s, &e, sys_scaled(1000, 200));
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- the descriptor ---- */

struct fd_wait {
	struct sys_ep e;
	int epfd;
	uint64_t buf[2];
	struct sys_op op[2];
	unsigned int wakeups;
};

static void fd_open(struct fd_wait *w, struct sys *s, bool one_cq)
{
	struct sys_opts opts = { .wait_obj = FI_WAIT_FD, .one_cq = one_cq, .caps = FI_SOURCE,
				 .msg_order = FI_ORDER_SAS };
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = -1;

	memset(w, 0, sizeof(*w));
	sys_open(&w->e, &opts);
	sys_connect(s, &w->e);
	expect_ok(fi_control(&w->e.rxcq->fid, FI_GETWAIT, &fd));
	expect(fd >= 0, "a descriptor");
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	expect_ok(epoll_ctl(w->epfd, EPOLL_CTL_ADD, fd, &ev));
}

/* The next entry of the receive queue, sleeping as fi_poll(3) tells. */
static struct sys_op *fd_next(struct fd_wait *w)
{
	struct fid *fid = &w->e.rxcq->fid;
	struct fi_cq_tagged_entry entry;
	struct epoll_event ev;
	ssize_t n;
	int ret;

	for (;;) {
		n = fi_cq_read(w->e.rxcq, &entry, 1);
		if (n == 1)
			return entry.op_context;
		expect_ret(n, -FI_EAGAIN);
		ret = fi_trywait(w->e.fabric, &fid, 1);
		if (ret == -FI_EAGAIN)
			continue;
		expect_ok(ret);
		/* Long: nobody sends without being waited for, so it means a lost wake-up. */
		ret = epoll_wait(w->epfd, &ev, 1, 5000);
		expect(ret == 1, "a wake-up; the message must have come without one");
		w->wakeups++;
	}
}

static void fd_ping(struct sys *s, struct fd_wait *w, unsigned int cnt)
{
	struct sys_ep *e = &w->e;
	struct sys_op *got;
	unsigned int i;

	sys_trecv(e, FI_ADDR_UNSPEC, &w->buf[0], 8, 1, 0, &w->op[0]);
	sys_barrier(s, NULL);
	for (i = 0; i < cnt; i++) {
		sys_trecv(e, FI_ADDR_UNSPEC, &w->buf[(i + 1) % 2], 8, 1, 0, &w->op[(i + 1) % 2]);
		if (s->rank == 0)
			send_one(e, e->peer[1], i);
		got = fd_next(w);
		expect(got == &w->op[i % 2], "the entry of message %u", i);
		expect_eq(w->buf[i % 2], i);
		if (s->rank == 1)
			send_one(e, e->peer[0], i);
	}
}

/* Wake-ups of a second without traffic. Timers may want a few, a spinning descriptor far more. */
#define IDLE_WAKEUPS 25

static void fd_idle(struct fd_wait *w)
{
	struct fid *fid = &w->e.rxcq->fid;
	uint64_t end = sys_now_ms() + 1000;
	struct fi_cq_tagged_entry entry;
	unsigned int idle = 0, busy = 0;
	struct epoll_event ev;
	uint64_t now;

	while ((now = sys_now_ms()) < end) {
		expect_ret(fi_cq_read(w->e.rxcq, &entry, 1), -FI_EAGAIN);
		if (fi_trywait(w->e.fabric, &fid, 1) == -FI_EAGAIN) {
			busy++;
			continue;
		}
		idle += epoll_wait(w->epfd, &ev, 1, (int)(end - now)) > 0;
	}
	expect(idle + busy <= IDLE_WAKEUPS,
	       "at most %d wake-ups without traffic, not %u, and %u refused sleeps", IDLE_WAKEUPS,
	       idle, busy);
}

static void fd(struct sys *s, const void *arg)
{
	struct fd_wait w;

	fd_open(&w, s, *(const bool *)arg);
	fd_ping(s, &w, sys_scaled(10000, 1000));
	sys_barrier(s, &w.e);
	fd_idle(&w);
	sys_barrier(s, &w.e);
	close(w.epfd);
	sys_close(&w.e);
}

/* A large message to a receiver, and from a sender, that both sleep whenever they may. */
static void fd_large(struct sys *s, const void *arg)
{
	size_t len = sys_scaled(16u << 20, 2u << 20);
	uint8_t *buf = sys_alloc(len);
	struct sys_op op = { 0 };
	struct fd_wait w;
	int i;

	(void)arg;
	fd_open(&w, s, true);
	for (i = 0; i < 4; i++) {
		memset(&op, 0, sizeof(op));
		if (s->rank == i % 2) {
			sys_fill(buf, len, (uint64_t)i);
			sys_tsend(&w.e, w.e.peer[1 - s->rank], buf, len, 2, &op);
		} else {
			sys_trecv(&w.e, FI_ADDR_UNSPEC, buf, len, 2, 0, &op);
		}
		expect(fd_next(&w) == &op, "the entry of the large message");
		sys_verify(buf, len, (uint64_t)i);
		sys_barrier(s, &w.e);
	}
	free(buf);
	close(w.epfd);
	sys_close(&w.e);
}

/* ---- the descriptors of a queue, a counter, and something else in one epoll ---- */

enum { OTHER_CQ, OTHER_CNTR, OTHER_PIPE, OTHERS };

struct others {
	struct sys_ep e;
	int epfd;
	int pipe;			/* from the other process */
	uint64_t buf[2];
	struct sys_op op[2];
	unsigned int got;		/* messages */
	uint64_t counted;
	unsigned int bytes, due;	/* through the pipe: what came, and what must */
};

static void others_watch(struct others *o, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	expect_ok(epoll_ctl(o->epfd, EPOLL_CTL_ADD, fd, &ev));
}

static void others_open(struct others *o, struct sys *s)
{
	struct sys_opts opts = { .wait_obj = FI_WAIT_FD, .one_cq = true, .counters = true,
				 .msg_order = FI_ORDER_SAS };
	int fd = -1;

	memset(o, 0, sizeof(*o));
	sys_open(&o->e, &opts);
	sys_connect(s, &o->e);
	o->epfd = epoll_create1(EPOLL_CLOEXEC);
	o->pipe = s->fd[1 - s->rank];
	expect_ok(fi_control(&o->e.rxcq->fid, FI_GETWAIT, &fd));
	others_watch(o, fd);
	expect_ok(fi_control(&o->e.rxcntr->fid, FI_GETWAIT, &fd));
	others_watch(o, fd);
	others_watch(o, o->pipe);
}

/* Take what there is of everything; true if there was something. */
static bool others_look(struct others *o)
{
	uint64_t counted = fi_cntr_read(o->e.rxcntr);
	struct pollfd pfd = { .fd = o->pipe, .events = POLLIN };
	struct fi_cq_tagged_entry entry;
	bool found = counted != o->counted;
	char byte;

	o->counted = counted;
	while (fi_cq_read(o->e.rxcq, &entry, 1) == 1) {
		o->got += !!(entry.flags & FI_RECV);
		found = true;
	}
	while (o->bytes < o->due && poll(&pfd, 1, 0) == 1) {
		expect_eq(read(o->pipe, &byte, 1), 1);
		o->bytes++;
		found = true;
	}
	return found;
}

/* Sleep until there is something. */
static void others_wait(struct others *o)
{
	struct fid *fids[] = { &o->e.rxcq->fid, &o->e.rxcntr->fid };
	struct epoll_event ev;
	int ret;

	while (!others_look(o)) {
		ret = fi_trywait(o->e.fabric, fids, 2);
		if (ret == -FI_EAGAIN)
			continue;
		expect_ok(ret);
		expect(epoll_wait(o->epfd, &ev, 1, 5000) == 1, "a wake-up within 5 s");
	}
}

/* Ball by ball, a message or a byte through the pipe: none may come unnoticed. */
static void fd_others(struct sys *s, const void *arg)
{
	unsigned int i, cnt = sys_scaled(4000, 500), msgs = 0;
	uint64_t seed = sys_seed();
	struct others o;
	bool by_pipe;

	(void)arg;
	others_open(&o, s);
	sys_trecv(&o.e, FI_ADDR_UNSPEC, &o.buf[0], 8, 1, 0, &o.op[0]);
	sys_barrier(s, NULL);
	for (i = 0; i < cnt; i++) {
		/* The same sequence in both processes. */
		by_pipe = sys_rand_below(&seed, 3) == 0;
		if (s->rank == (int)(i % 2)) {
			if (by_pipe)
				expect_eq(write(o.pipe, "", 1), 1);
			else
				send_one(&o.e, o.e.peer[1 - s->rank], i);
			continue;
		}
		o.due += by_pipe;
		msgs += !by_pipe;
		while (o.bytes < o.due || o.got < msgs)
			others_wait(&o);
		expect_eq(o.got, msgs);
		if (!by_pipe)
			sys_trecv(&o.e, FI_ADDR_UNSPEC, &o.buf[msgs % 2], 8, 1, 0,
				  &o.op[msgs % 2]);
	}
	expect_eq(fi_cntr_read(o.e.rxcntr), msgs);
	sys_barrier(s, &o.e);
	close(o.epfd);
	sys_close(&o.e);
}

/* ---- what GETWAIT and trywait answer ---- */

static void wait_objects(struct sys *s, const void *arg)
{
	static const struct {
		enum fi_wait_obj obj, told;
		int ret;
	} rows[] = {
		{ FI_WAIT_NONE, FI_WAIT_NONE, -FI_ENODATA },
		{ FI_WAIT_UNSPEC, FI_WAIT_FD, 0 },
		{ FI_WAIT_FD, FI_WAIT_FD, 0 },
		{ FI_WAIT_MUTEX_COND, FI_WAIT_MUTEX_COND, 0 },
	};
	struct sys_opts opts = { .counters = true };
	enum fi_wait_obj told;
	union {
		int fd;
		struct fi_mutex_cond mc;
	} out;
	struct sys_ep e;
	struct fid *fid;
	size_t i;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("the answers are uet's");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		opts.wait_obj = rows[i].obj;
		sys_open(&e, &opts);
		expect_ret(fi_control(&e.rxcq->fid, FI_GETWAIT, &out), rows[i].ret);
		expect_ret(fi_control(&e.rxcntr->fid, FI_GETWAIT, &out), rows[i].ret);
		expect_ok(fi_control(&e.rxcq->fid, FI_GETWAITOBJ, &told));
		expect_eq(told, rows[i].told);
		fid = &e.rxcq->fid;
		if (rows[i].obj == FI_WAIT_FD)
			expect_ok(fi_trywait(e.fabric, &fid, 1));
		sys_close(&e);
	}
}

/* ---- counters ---- */

static void *add_soon(void *arg)
{
	struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
	expect_ok(fi_cntr_add(arg, 5));
	return NULL;
}

static void *adderr_soon(void *arg)
{
	struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
	expect_ok(fi_cntr_adderr(arg, 1));
	return NULL;
}

static void cntr_local(struct fid_cntr *cntr)
{
	uint64_t begun = sys_now_ms();
	pthread_t thread;

	expect_ok(fi_cntr_wait(cntr, 0, 0));
	expect_ret(fi_cntr_wait(cntr, 1, 50), -FI_ETIMEDOUT);
	expect(sys_now_ms() - begun >= 49, "no early return");
	expect_ok(pthread_create(&thread, NULL, add_soon, cntr));
	expect_ok(fi_cntr_wait(cntr, 5, -1));
	pthread_join(thread, NULL);
	expect_ok(pthread_create(&thread, NULL, adderr_soon, cntr));
	expect_ret(fi_cntr_wait(cntr, 6, -1), -FI_EAVAIL);
	pthread_join(thread, NULL);
	expect_ok(fi_cntr_set(cntr, 0));
	expect_ok(fi_cntr_seterr(cntr, 0));
}

static void cntr(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .counters = true, .wait_obj = *(const enum fi_wait_obj *)arg,
				 .msg_order = FI_ORDER_SAS };
	unsigned int i, cnt = sys_scaled(500, 100);
	struct sys_op op[2] = { 0 };
	uint64_t buf[2];
	struct sys_ep e;

	if (!sys_is_uet())
		sys_skip("the details are uet's");
	sys_open(&e, &opts);
	sys_connect(s, &e);
	cntr_local(e.rxcntr);
	sys_trecv(&e, FI_ADDR_UNSPEC, &buf[0], 8, 1, 0, &op[0]);
	sys_barrier(s, NULL);
	for (i = 0; i < cnt; i++) {
		op[(i + 1) % 2].done = 0;
		sys_trecv(&e, FI_ADDR_UNSPEC, &buf[(i + 1) % 2], 8, 1, 0, &op[(i + 1) % 2]);
		if (s->rank == 0)
			send_one(&e, e.peer[1], i);
		expect_ok(fi_cntr_wait(e.rxcntr, i + 1, -1));
		expect_eq(buf[i % 2], i);
		sys_wait_ok(&e, &op[i % 2]);
		if (s->rank == 1)
			send_one(&e, e.peer[0], i);
	}
	expect_ok(fi_cntr_wait(e.txcntr, cnt, -1));
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- poll sets ---- */

static void poll_set(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .counters = true };
	struct fi_poll_attr attr = { 0 };
	struct fid_poll *set;
	struct sys_op op = { 0 };
	void *context[4];
	struct sys_ep e;
	uint64_t in = 0;
	int n;

	(void)arg;
	sys_open(&e, &opts);
	sys_connect(s, &e);
	e.rxcq->fid.context = &e.rxcq;
	e.txcntr->fid.context = &e.txcntr;
	expect_ok(fi_poll_open(e.domain, &attr, &set));
	expect_ok(fi_poll_add(set, &e.rxcq->fid, 0));
	expect_ok(fi_poll_add(set, &e.txcntr->fid, 0));
	expect_ret(fi_close(&e.rxcq->fid), -FI_EBUSY);
	if (s->rank == 0) {
		expect_ret(fi_poll(set, context, 4), 0);
		sys_trecv(&e, FI_ADDR_UNSPEC, &in, 8, 1, 0, &op);
		sys_barrier(s, NULL);
		sys_at(__FILE__, __LINE__);
		while ((n = fi_poll(set, context, 4)) == 0)
			sched_yield();
		expect_ret(n, 1);
		expect(context[0] == &e.rxcq, "the context of the queue");
		sys_wait_ok(&e, &op);
		expect_ret(fi_poll(set, context, 4), 0);
	} else {
		sys_barrier(s, NULL);
		send_one(&e, e.peer[0], 1);
		sys_at(__FILE__, __LINE__);
		while ((n = fi_poll(set, context, 4)) == 0)
			sched_yield();
		expect_ret(n, 1);
		expect(context[0] == &e.txcntr, "the context of the counter");
	}
	expect_ok(fi_poll_del(set, &e.rxcq->fid, 0));
	expect_ok(fi_poll_del(set, &e.txcntr->fid, 0));
	sys_barrier(s, &e);
	expect_ok(fi_close(&set->fid));
	sys_close(&e);
}

/* ---- wait sets ---- */

static void wait_set_open(struct sys_ep *e, struct fid_wait **set)
{
	struct sys_opts opts = { .no_cq = true };
	struct fi_wait_attr wattr = { .wait_obj = FI_WAIT_FD };
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED, .wait_obj = FI_WAIT_SET };

	sys_open_objects(e, &opts);
	expect_ok(fi_close(&e->txcntr->fid));
	expect_ok(fi_close(&e->rxcntr->fid));
	e->txcntr = e->rxcntr = NULL;
	expect_ok(fi_wait_open(e->fabric, &wattr, set));
	attr.wait_set = *set;
	expect_ok(fi_cq_open(e->domain, &attr, &e->rxcq, NULL));
	expect_ok(fi_cq_open(e->domain, &attr, &e->txcq, NULL));
	expect_ok(fi_endpoint(e->domain, e->info, &e->ep, NULL));
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	expect_ok(fi_ep_bind(e->ep, &e->rxcq->fid, FI_RECV));
	expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT));
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
	expect_ret(fi_close(&(*set)->fid), -FI_EBUSY);
}

static void wait_set_close(struct sys_ep *e, struct fid_wait *set)
{
	expect_ok(fi_close(&e->ep->fid));
	expect_ok(fi_close(&e->rxcq->fid));
	expect_ok(fi_close(&e->txcq->fid));
	e->ep = NULL;
	e->txcq = e->rxcq = NULL;
	expect_ok(fi_close(&set->fid));
	sys_close(e);
}

static void wait_set(struct sys *s, const void *arg)
{
	unsigned int i, cnt = sys_scaled(500, 100);
	struct sys_op op[2] = { 0 };
	struct fid_wait *set;
	struct sys_ep e;
	uint64_t buf[2];
	int fd = -1;

	(void)arg;
	if (!sys_is_uet())
		sys_skip("the details are uet's");
	wait_set_open(&e, &set);
	sys_connect(s, &e);
	expect_ret(fi_wait(set, 20), -FI_ETIMEDOUT);
	expect_ok(fi_control(&set->fid, FI_GETWAIT, &fd));
	sys_trecv(&e, FI_ADDR_UNSPEC, &buf[0], 8, 1, 0, &op[0]);
	sys_barrier(s, NULL);
	for (i = 0; i < cnt; i++) {
		op[(i + 1) % 2].done = 0;
		sys_trecv(&e, FI_ADDR_UNSPEC, &buf[(i + 1) % 2], 8, 1, 0, &op[(i + 1) % 2]);
		if (s->rank == 0)
			send_one(&e, e.peer[1], i);
		while (!sys_poll(&e))
			expect_ok(fi_wait(set, 5000));
		expect_eq(op[i % 2].done, 1);
		expect_eq(buf[i % 2], i);
		if (s->rank == 1)
			send_one(&e, e.peer[0], i);
	}
	sys_barrier(s, &e);
	wait_set_close(&e, set);
}

/* ---- progress without the application ---- */

static const struct absent {
	const char *name;
	bool sender;			/* who is absent */
	bool early;			/* the message comes before the receive */
	size_t len;
} absents[] = {
	{ "wait/auto/receiver-absent/small", false, false, 8 },
	{ "wait/auto/receiver-absent/1MiB", false, false, 1 << 20 },
	{ "wait/auto/receiver-absent/early", false, true, 100000 },
	{ "wait/auto/sender-absent/small", true, false, 8 },
	{ "wait/auto/sender-absent/4MiB", true, false, 4 << 20 },
};

static void auto_send(struct sys *s, struct sys_ep *e, const struct absent *t, uint8_t *buf)
{
	struct sys_op op = { 0 };
	char byte = 0;

	sys_fill(buf, t->len, 1);
	sys_tsend(e, e->peer[0], buf, t->len, 1, &op);
	if (t->sender) {
		/* Asleep, without a call into libfabric, until the receiver has it all. */
		sys_hear(s, 0, &byte, 1, NULL);
	} else {
		sys_wait_ok(e, &op);
		sys_tell(s, 0, &byte, 1);
	}
	sys_wait_ok(e, &op);
}

static void auto_receive(struct sys *s, struct sys_ep *e, const struct absent *t, uint8_t *buf)
{
	struct sys_op op = { 0 };
	char byte = 0;

	if (!t->sender && t->early)
		sys_hear(s, 1, &byte, 1, NULL);
	sys_trecv(e, FI_ADDR_UNSPEC, buf, t->len, 1, 0, &op);
	if (!t->early)
		sys_barrier(s, NULL);
	if (!t->sender && !t->early)
		sys_hear(s, 1, &byte, 1, NULL);
	sys_wait_ok(e, &op);
	sys_verify(buf, t->len, 1);
	if (t->sender)
		sys_tell(s, 1, &byte, 1);
}

static void auto_progress(struct sys *s, const void *arg)
{
	const struct absent *t = arg;
	struct sys_opts opts = {
		.progress = t->sender == (s->rank == 1) ? FI_PROGRESS_AUTO : FI_PROGRESS_MANUAL,
		.tx_op_flags = FI_DELIVERY_COMPLETE,
	};
	uint8_t *buf = sys_alloc(t->len);
	struct sys_ep e;
	int i;

	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < 5; i++) {
		if (s->rank == 0) {
			auto_receive(s, &e, t, buf);
		} else {
			if (!t->early)
				sys_barrier(s, NULL);
			auto_send(s, &e, t, buf);
		}
		sys_barrier(s, &e);
	}
	free(buf);
	sys_close(&e);
}

/* Threads of this process went to sleep so many times. */
static long sleeps(void)
{
	struct rusage usage;

	expect_ok(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_nvcsw;
}

/* After traffic, a progress thread with nothing to do sleeps, and so does a reader. */
static void auto_idle(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .progress = FI_PROGRESS_AUTO, .wait_obj = FI_WAIT_FD };
	struct sys_op rx = { 0 };
	struct fi_cq_tagged_entry entry;
	uint64_t in = 0;
	struct sys_ep e;
	long before;

	(void)arg;
	sys_open(&e, &opts);
	sys_connect(s, &e);
	sys_trecv(&e, FI_ADDR_UNSPEC, &in, 8, 1, 0, &rx);
	sys_barrier(s, NULL);
	send_one(&e, e.peer[1 - s->rank], 7);
	sys_wait_ok(&e, &rx);
	sys_barrier(s, &e);
	before = sleeps();
	expect_ret(fi_cq_sread(e.rxcq, &entry, 1, NULL, 1000), -FI_EAGAIN);
	expect(sleeps() - before <= IDLE_WAKEUPS, "at most %d sleeps in an idle second, not %ld",
	       IDLE_WAKEUPS, sleeps() - before);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- fork ---- */

/* The child of a process with open objects is told so, and ends like any process. */
static void forked_child(void)
{
	struct fi_info *info = NULL;
	struct sys_opts opts = { 0 };
	struct fi_info *hints = sys_hints(&opts);
	int ret = fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, FI_SOURCE, hints, &info);

	fi_freeinfo(hints);
	exit(ret == -FI_ENODATA ? 0 : 1);
}

static void fork_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		forked_child();
	expect(pid > 0, "fork");
	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "the child to be refused, and to end by itself: status %#x", status);
}

static void forking(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .progress = *(const enum fi_progress *)arg };
	struct sys_op rx[2] = { 0 };
	uint64_t in[2];
	struct sys_ep e;
	int i;

	if (!sys_is_uet())
		sys_skip("others promise nothing");
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < 2; i++) {
		sys_trecv(&e, FI_ADDR_UNSPEC, &in[i], 8, 1, 0, &rx[i]);
		sys_barrier(s, &e);
		send_one(&e, e.peer[1 - s->rank], 7);
		sys_wait_ok(&e, &rx[i]);
		if (i == 0)
			fork_child();
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const enum fi_wait_obj fd_obj = FI_WAIT_FD, none = FI_WAIT_NONE,
				      unspec = FI_WAIT_UNSPEC;
	static const enum fi_progress manual = FI_PROGRESS_MANUAL, automatic = FI_PROGRESS_AUTO;
	static const bool one = true, two = false;
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(wait_kinds) / sizeof(wait_kinds[0]); i++)
		sys_case(wait_kinds[i].name, 2, sread, &wait_kinds[i]);
	sys_case("wait/fd/one-queue", 2, fd, &one);
	sys_case("wait/fd/two-queues", 2, fd, &two);
	sys_case("wait/fd/large", 2, fd_large, NULL);
	sys_case("wait/fd/others", 2, fd_others, NULL);
	sys_case("wait/objects", 1, wait_objects, NULL);
	sys_case("wait/cntr/fd", 2, cntr, &fd_obj);
	sys_case("wait/cntr/none", 2, cntr, &none);
	sys_case("wait/cntr/unspec", 2, cntr, &unspec);
	sys_case("wait/poll-set", 2, poll_set, NULL);
	sys_case("wait/wait-set", 2, wait_set, NULL);
	for (i = 0; i < sizeof(absents) / sizeof(absents[0]); i++)
		sys_case(absents[i].name, 2, auto_progress, &absents[i]);
	sys_case("wait/auto/idle", 2, auto_idle, NULL);
	sys_case("wait/fork/manual", 2, forking, &manual);
	sys_case("wait/fork/auto", 2, forking, &automatic);
	return sys_end();
}
