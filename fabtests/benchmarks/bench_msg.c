/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Messages between two endpoints. Receives are posted before their messages may come, except at
 * the very start, so that what is measured is the transport and not its queue of unexpected ones.
 */
#include "bench_fabric.h"

/* Where answers are counted: messages without tags are all alike. */
static uint64_t *answers(struct bench_end *e)
{
	return &e->got[e->tagged ? BENCH_TAG_ACK : 0];
}

/* ---- ping-pong ---- */

static void ping_pong(void *arg, uint64_t n)
{
	struct bench_end *e = arg;
	size_t size = e->run->q.size;
	uint64_t i, target = e->got[0];

	for (i = 0; i < n; i++) {
		bench_recv(e, size, 0);
		if (e->run->client)
			bench_send(e, 0, size, 0);
		bench_await(e, &e->got[0], ++target);
		bench_flush(e);
		if (!e->run->client)
			bench_send(e, 0, size, 0);
	}
	bench_flush(e);
}

static double latency(struct bench_run *r, uint64_t caps)
{
	struct bench_end e;
	struct bench_job job = { .batch = ping_pong, .progress = bench_progress, .arg = &e,
				 .first = 20 };
	double usec;

	bench_open(&e, r, caps, r->q.size, NULL);
	bench_meet(&e);
	usec = bench_measure(r, &job) / 2;
	bench_close(&e);
	return usec;
}

double bench_tagged_latency(struct bench_run *r)
{
	return latency(r, FI_TAGGED);
}

double bench_msg_latency(struct bench_run *r)
{
	return latency(r, FI_MSG);
}

/* ---- windows ---- */

static void post_window(struct bench_end *e)
{
	uint32_t i;

	for (i = 0; i < e->run->q.window; i++)
		bench_recv(e, e->run->q.size, 0);
}

static void send_window(struct bench_end *e)
{
	uint32_t i;

	for (i = 0; i < e->run->q.window; i++)
		bench_send(e, 0, e->run->q.size, 0);
}

static void windows_out(struct bench_end *e, uint64_t n)
{
	uint64_t target = *answers(e);

	while (n--) {
		bench_recv(e, BENCH_ACK_LEN, BENCH_TAG_ACK);
		send_window(e);
		bench_await(e, answers(e), ++target);
		bench_flush(e);
	}
}

/* The receives of the next window are there before the answer lets it come. */
static void windows_in(struct bench_end *e, uint64_t n)
{
	uint64_t target = e->got[0];

	post_window(e);
	while (n--) {
		target += e->run->q.window;
		bench_await(e, &e->got[0], target);
		if (n)
			post_window(e);
		bench_send(e, 0, BENCH_ACK_LEN, BENCH_TAG_ACK);
	}
	bench_flush(e);
}

/* A round is a window. */
static void one_way(void *arg, uint64_t n)
{
	struct bench_end *e = arg;

	if (e->run->client)
		windows_out(e, n);
	else
		windows_in(e, n);
}

/* Both sides send, and answer each other's windows. */
static void both_ways(void *arg, uint64_t n)
{
	struct bench_end *e = arg;
	uint64_t data = e->got[0], target = *answers(e);

	post_window(e);
	while (n--) {
		bench_recv(e, BENCH_ACK_LEN, BENCH_TAG_ACK);
		send_window(e);
		data += e->run->q.window;
		bench_await(e, &e->got[0], data);
		if (n)
			post_window(e);
		bench_send(e, 0, BENCH_ACK_LEN, BENCH_TAG_ACK);
		bench_await(e, answers(e), ++target);
		bench_flush(e);
	}
}

/* Returns microseconds per message. */
static double windowed(struct bench_run *r, uint64_t caps, void (*batch)(void *, uint64_t))
{
	struct bench_end e;
	struct bench_job job = { .batch = batch, .progress = bench_progress, .arg = &e,
				 .first = 2 };
	double usec;

	bench_open(&e, r, caps, r->q.size, NULL);
	bench_meet(&e);
	usec = bench_measure(r, &job) / r->q.window;
	bench_close(&e);
	return usec;
}

double bench_tagged_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / windowed(r, FI_TAGGED, one_way);
}

double bench_msg_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / windowed(r, FI_MSG, one_way);
}

double bench_tagged_rate(struct bench_run *r)
{
	return 1 / windowed(r, FI_TAGGED, one_way);
}

double bench_msg_rate(struct bench_run *r)
{
	return 1 / windowed(r, FI_MSG, one_way);
}

double bench_bidir_rate(struct bench_run *r)
{
	return 2 / windowed(r, FI_TAGGED, both_ways);
}
