/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Many processes that send to one, and many endpoints in one process, each with a thread.
 */
#include <pthread.h>
#include <stdlib.h>

#include "bench_fabric.h"

/* ---- many to one ---- */

static void post_window(struct bench_end *e, uint64_t tag)
{
	uint32_t i;

	for (i = 0; i < e->run->q.window; i++)
		bench_recv(e, e->run->q.size, tag);
}

static void send_windows(struct bench_end *e, uint64_t tag, uint64_t n)
{
	uint64_t target = e->got[BENCH_TAG_ACK];
	uint32_t i;

	while (n--) {
		bench_recv(e, BENCH_ACK_LEN, BENCH_TAG_ACK);
		for (i = 0; i < e->run->q.window; i++)
			bench_send(e, 0, e->run->q.size, tag);
		bench_await(e, &e->got[BENCH_TAG_ACK], ++target);
		bench_flush(e);
	}
}

/* What the receiver has of one sender. */
struct sender {
	uint64_t target;	/* messages received at the end of its window */
	uint64_t windows;	/* to come after this one */
	bool done;
};

/* Returns true when the sender's last window is in. */
static bool serve_sender(struct bench_end *e, struct sender *s, int nr)
{
	bool last = !s->windows;

	if (e->got[nr] < s->target)
		return false;
	if (!last) {
		s->windows--;
		s->target += e->run->q.window;
		post_window(e, (uint64_t)nr);
	}
	bench_send(e, nr, BENCH_ACK_LEN, BENCH_TAG_ACK);
	return last;
}

static void receive_windows(struct bench_end *e, int senders, uint64_t n)
{
	struct sender s[BENCH_PEERS] = { { 0 } };
	int i, left = senders;

	for (i = 0; i < senders; i++) {
		s[i].target = e->got[i] + e->run->q.window;
		s[i].windows = n - 1;
		post_window(e, (uint64_t)i);
	}
	while (left) {
		bench_progress(e);
		for (i = 0; i < senders; i++) {
			if (s[i].done || !serve_sender(e, &s[i], i))
				continue;
			s[i].done = true;
			left--;
		}
	}
	bench_flush(e);
}

/* A round is a window of every sender. */
static void incast_batch(void *arg, uint64_t n)
{
	struct bench_end *e = arg;

	if (e->run->client)
		send_windows(e, e->run->q.client, n);
	else
		receive_windows(e, e->run->sock_cnt, n);
}

/* Returns microseconds per message. */
static double incast(struct bench_run *r)
{
	struct bench_end e;
	struct bench_job job = { .batch = incast_batch, .progress = bench_progress, .arg = &e,
				 .first = 2, .server_clock = true };
	double usec;

	bench_open(&e, r, FI_TAGGED, r->q.size, NULL);
	bench_meet(&e);
	usec = bench_measure(r, &job) / r->q.window / r->q.clients;
	bench_close(&e);
	return usec;
}

double bench_incast_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / incast(r);
}

double bench_incast_rate(struct bench_run *r)
{
	return 1 / incast(r);
}

/* ---- endpoints in threads ---- */

struct endpoints {
	struct bench_end *ends;
	uint32_t cnt;
	uint64_t windows;
};

struct worker {
	pthread_t thread;
	struct bench_end *e;
	uint64_t windows;
};

static void progress_all(void *arg)
{
	struct endpoints *all = arg;
	uint32_t i;

	for (i = 0; i < all->cnt; i++)
		bench_progress(&all->ends[i]);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	if (w->e->run->client)
		send_windows(w->e, 0, w->windows);
	else
		receive_windows(w->e, 1, w->windows);
	return NULL;
}

/* A round is a window of every endpoint. */
static void endpoints_batch(void *arg, uint64_t n)
{
	struct endpoints *all = arg;
	struct worker w[BENCH_PEERS];
	uint32_t i;

	for (i = 0; i < all->cnt; i++) {
		w[i].e = &all->ends[i];
		w[i].windows = n;
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			bench_fail("no thread");
	}
	for (i = 0; i < all->cnt; i++)
		pthread_join(w[i].thread, NULL);
}

double bench_endpoints_rate(struct bench_run *r)
{
	struct endpoints all = { .cnt = r->q.count };
	struct bench_job job = { .batch = endpoints_batch, .progress = progress_all, .arg = &all,
				 .first = 2 };
	double usec;
	uint32_t i;

	all.ends = calloc(all.cnt, sizeof(*all.ends));
	if (!all.ends)
		bench_fail("no memory");
	for (i = 0; i < all.cnt; i++) {
		bench_open(&all.ends[i], r, FI_TAGGED, r->q.size, i ? &all.ends[0] : NULL);
		bench_meet(&all.ends[i]);
	}
	usec = bench_measure(r, &job);
	for (i = all.cnt; i--;)
		bench_close(&all.ends[i]);
	free(all.ends);
	return r->q.window * all.cnt / usec;
}
