/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_THREAD_SAFE: several threads on one endpoint and on several, with manual and automatic
 * progress; the weaker levels with an endpoint for each thread. Of most worth under the thread
 * sanitizer.
 */
#include "sys.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 4
#define MAX_MSGS 2000

struct variant {
	const char *name;
	enum fi_progress progress;
	bool shared;			/* one endpoint for all threads, or one for each */
	bool poll;			/* the threads drive the queues too */
};

static const struct variant variants[] = {
	{ "threads/one-endpoint", FI_PROGRESS_MANUAL, true, false },
	{ "threads/one-endpoint/all-poll", FI_PROGRESS_MANUAL, true, true },
	{ "threads/one-endpoint/auto", FI_PROGRESS_AUTO, true, false },
	{ "threads/endpoint-each", FI_PROGRESS_MANUAL, false, true },
	{ "threads/endpoint-each/auto", FI_PROGRESS_AUTO, false, true },
};

struct worker {
	const struct variant *v;
	struct sys *s;
	struct sys_ep *e;
	fi_addr_t peer;
	uint64_t tag;			/* of its messages: one stream per thread */
	unsigned int cnt;
	bool sends;
	pthread_t thread;
	struct sys_op *ops;
	uint64_t *bufs;
};

static atomic_uint waiting;		/* threads that still post */

static ssize_t post(struct worker *w, unsigned int i)
{
	struct fid_ep *ep = w->e->ep;
	uint64_t tag = w->tag << 32 | i;

	if (!w->sends)
		return fi_trecv(ep, &w->bufs[i], 8, NULL, FI_ADDR_UNSPEC, tag, 0, &w->ops[i]);
	w->bufs[i] = tag * 3;
	return fi_tsend(ep, &w->bufs[i], 8, NULL, w->peer, tag, &w->ops[i]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < w->cnt; i++) {
		while ((ret = post(w, i)) == -FI_EAGAIN)
			sched_yield();
		expect_ret(ret, 0);
		if (w->v->poll && i % 8 == 0) {
			fi_cq_read(w->e->txcq, NULL, 0);
			fi_cq_read(w->e->rxcq, NULL, 0);
		}
	}
	atomic_fetch_sub(&waiting, 1);
	return NULL;
}

static void worker_open(struct worker *w)
{
	w->ops = calloc(w->cnt, sizeof(*w->ops));
	w->bufs = calloc(w->cnt, sizeof(*w->bufs));
	expect(w->ops && w->bufs, "memory");
	expect_ok(pthread_create(&w->thread, NULL, work, w));
}

/* Only the first thread reads entries and looks at operations. */
static void poll_all(struct sys_ep *e, int eps)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < eps; i++)
		n += sys_poll(&e[i]);
	if (!n)
		sched_yield();
}

static void worker_close(struct worker *w, struct sys_ep *e, int eps)
{
	unsigned int i;

	for (i = 0; i < w->cnt; i++) {
		sys_at(__FILE__, __LINE__);
		/* All of them: the other process may wait for any. */
		while (!w->ops[i].done)
			poll_all(e, eps);
		sys_wait_ok(w->e, &w->ops[i]);
		expect_eq(w->bufs[i], (w->tag << 32 | i) * 3);
	}
	free(w->ops);
	free(w->bufs);
}

/* The other process is done with all of its endpoints; until then ours must answer. */
static void leave_together(struct sys *s, struct sys_ep *e, int eps)
{
	struct pollfd pfd = { .fd = s->fd[1 - s->rank], .events = POLLIN };
	char byte = 0;

	sys_tell(s, 1 - s->rank, &byte, 1);
	while (!poll(&pfd, 1, 0))
		poll_all(e, eps);
	sys_hear(s, 1 - s->rank, &byte, 1, NULL);
}

static void threads(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	struct sys_opts opts = { .caps = FI_SOURCE, .progress = v->progress };
	struct worker w[2 * THREADS] = { 0 };
	struct sys_ep e[THREADS];
	int i, eps = v->shared ? 1 : THREADS;

	for (i = 0; i < eps; i++) {
		sys_open(&e[i], &opts);
		sys_connect(s, &e[i]);
	}
	atomic_store(&waiting, 2 * THREADS);
	for (i = 0; i < 2 * THREADS; i++) {
		w[i] = (struct worker){
			.v = v, .s = s, .e = &e[i / 2 % eps], .tag = (uint64_t)i / 2 + 1,
			.cnt = sys_scaled(MAX_MSGS, MAX_MSGS / 10), .sends = i & 1,
		};
		w[i].peer = w[i].e->peer[1 - s->rank];
		worker_open(&w[i]);
	}
	while (atomic_load(&waiting))
		poll_all(e, eps);
	for (i = 0; i < 2 * THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (i = 0; i < 2 * THREADS; i++)
		worker_close(&w[i], e, eps);
	leave_together(s, e, eps);
	for (i = 0; i < eps; i++)
		sys_close(&e[i]);
}

/* Threads that sleep on one queue: each message wakes somebody. */
struct sleeper {
	struct fid_cq *cq;
	atomic_uint *left;
	pthread_t thread;
};

static void *sleep_on(void *arg)
{
	struct sleeper *sl = arg;
	struct fi_cq_tagged_entry entry;
	ssize_t n;

	while (atomic_load(sl->left)) {
		n = fi_cq_sread(sl->cq, &entry, 1, NULL, 100);
		if (n == 1)
			atomic_fetch_sub(sl->left, 1);
		else
			expect_ret(n, -FI_EAGAIN);
	}
	return NULL;
}

static void sleepers(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_SOURCE, .wait_obj = FI_WAIT_UNSPEC };
	unsigned int i, cnt = sys_scaled(2000, 200);
	struct sleeper sl[THREADS];
	atomic_uint left = cnt;
	uint64_t *buf = calloc(cnt, sizeof(*buf)), value = 9;
	struct sys_op *ops = calloc(cnt, sizeof(*ops));
	struct sys_ep e;

	(void)arg;
	sys_open(&e, &opts);
	sys_connect(s, &e);
	if (s->rank == 0) {
		for (i = 0; i < cnt; i++)
			sys_trecv(&e, FI_ADDR_UNSPEC, &buf[i], 8, 1, 0, &ops[i]);
		for (i = 0; i < THREADS; i++) {
			sl[i].cq = e.rxcq;
			sl[i].left = &left;
			expect_ok(pthread_create(&sl[i].thread, NULL, sleep_on, &sl[i]));
		}
		sys_barrier(s, NULL);
		for (i = 0; i < THREADS; i++)
			pthread_join(sl[i].thread, NULL);
		for (i = 0; i < cnt; i++)
			expect_eq(buf[i], value);
	} else {
		sys_barrier(s, NULL);
		for (i = 0; i < cnt; i++)
			sys_post(&e, fi_tinject(e.ep, &value, 8, e.peer[0], 1));
	}
	sys_barrier(s, &e);
	free(buf);
	free(ops);
	sys_close(&e);
}

/* ---- each thread alone with its endpoint and queues, in one domain or in its own ---- */

struct level {
	const char *name;
	enum fi_threading threading;
	bool own_domain;
};

static const struct level levels[] = {
	{ "threads/alone/safe", FI_THREAD_SAFE, false },
	{ "threads/alone/completion", FI_THREAD_COMPLETION, false },
	{ "threads/alone/fid", FI_THREAD_FID, false },
	{ "threads/alone/endpoint", FI_THREAD_ENDPOINT, false },
	{ "threads/alone/domain", FI_THREAD_DOMAIN, true },
};

struct player {
	struct sys *s;
	struct sys_ep e;
	unsigned int cnt;
	uint64_t tag;
	pthread_t thread;
};

/* Another endpoint, with queues of its own, in the domain of @first. */
static void open_beside(struct sys_ep *e, const struct sys_ep *first)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED };

	*e = (struct sys_ep){ .info = first->info, .domain = first->domain, .av = first->av };
	expect_ok(fi_cq_open(e->domain, &attr, &e->txcq, NULL));
	e->rxcq = e->txcq;
	expect_ok(fi_endpoint(e->domain, e->info, &e->ep, NULL));
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
}

static void close_beside(struct sys_ep *e)
{
	expect_ok(fi_close(&e->ep->fid));
	expect_ok(fi_close(&e->txcq->fid));
}

static atomic_uint playing;		/* threads that are not through */
static atomic_bool all_through;		/* those of the other process, too */

/* Messages to and fro with the thread of the same number in the other process. */
static bool play_all(struct player *p)
{
	fi_addr_t to = p->e.peer[1 - p->s->rank];
	struct sys_op tx, rx;
	uint64_t in, out;
	unsigned int i;

	for (i = 0; i < p->cnt; i++) {
		memset(&tx, 0, sizeof(tx));
		memset(&rx, 0, sizeof(rx));
		out = p->tag << 32 | i;
		(sys_trecv)(&p->e, FI_ADDR_UNSPEC, &in, 8, p->tag, 0, &rx);
		(sys_tsend)(&p->e, to, &out, 8, p->tag, &tx);
		(sys_wait_ok)(&p->e, &tx);
		(sys_wait_ok)(&p->e, &rx);
		if (in != out)
			return false;
	}
	return true;
}

static void *play(void *arg)
{
	struct player *p = arg;
	bool ok = play_all(p);

	atomic_fetch_sub(&playing, 1);
	/* Nobody else may drive this endpoint, and its partner may still want an answer. */
	while (!atomic_load(&all_through))
		if (!(sys_poll)(&p->e))
			sched_yield();
	return ok ? NULL : p;
}

static void alone(struct sys *s, const void *arg)
{
	const struct level *l = arg;
	struct sys_opts opts = { .one_cq = true, .threading = l->threading };
	struct player p[THREADS] = { 0 };
	void *failure;
	int i;

	for (i = 0; i < THREADS; i++) {
		if (i == 0 || l->own_domain)
			sys_open(&p[i].e, &opts);
		else
			open_beside(&p[i].e, &p[0].e);
		sys_connect(s, &p[i].e);
		p[i].s = s;
		p[i].tag = (uint64_t)i + 1;
		p[i].cnt = sys_scaled(MAX_MSGS, MAX_MSGS / 10);
	}
	atomic_store(&playing, THREADS);
	for (i = 0; i < THREADS; i++)
		expect_ok(pthread_create(&p[i].thread, NULL, play, &p[i]));
	while (atomic_load(&playing))
		sched_yield();
	sys_barrier(s, NULL);
	atomic_store(&all_through, true);
	for (i = 0; i < THREADS; i++) {
		expect_ok(pthread_join(p[i].thread, &failure));
		expect(!failure, "each thread to get what its partner sent");
	}
	for (i = THREADS - 1; i >= 0; i--) {
		if (i == 0 || l->own_domain)
			sys_close(&p[i].e);
		else
			close_beside(&p[i].e);
	}
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		sys_case(variants[i].name, 2, threads, &variants[i]);
	for (i = 0; sys_is_uet() && i < sizeof(levels) / sizeof(levels[0]); i++)
		sys_case(levels[i].name, 2, alone, &levels[i]);
	if (sys_is_uet())
		sys_case("threads/sleepers", 2, sleepers, NULL);
	return sys_end();
}
