/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a peer costs: the time of the first message and its answer, the memory of a table entry,
 * the memory of a peer with whom messages were exchanged.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_errno.h>

#include "bench_fabric.h"

#define NEW_PEERS 16		/* per sample of the first message's time */
#define WARM_PEERS 4		/* before memory is looked at */
#define BLOCK 1000		/* addresses per call */

/* ---- first messages ---- */

/* The client: one message to the server and its answer. Returns microseconds. */
static double first_message(struct bench_end *e)
{
	uint64_t target = e->got[0] + 1;
	double start;

	bench_recv(e, e->run->q.size, 0);
	start = bench_now();
	bench_send(e, 0, e->run->q.size, 0);
	bench_await(e, &e->got[0], target);
	start = bench_now() - start;
	bench_flush(e);
	return start;
}

static void answer_first(struct bench_end *e, int peer)
{
	uint64_t target = e->got[0] + 1;

	bench_recv(e, e->run->q.size, 0);
	bench_await(e, &e->got[0], target);
	bench_send(e, peer, e->run->q.size, 0);
	bench_flush(e);
}

/* Both sides meet: endpoint @e and, on the server, its next peer. */
static void meet(struct bench_end *e, int peer)
{
	struct bench_name name;

	bench_name(e, &name);
	bench_put(e->run, 0, &name, sizeof(name));
	bench_get(e->run, 0, &name, sizeof(name));
	bench_insert(e, &name, peer);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double connect_server(struct bench_run *r)
{
	struct bench_end e;
	struct bench_job job = { .progress = bench_progress, .arg = &e };
	int i;

	bench_open(&e, r, FI_TAGGED, r->q.size, NULL);
	for (i = 0; i < NEW_PEERS; i++) {
		meet(&e, 0);
		bench_sync(r, &job);
		answer_first(&e, 0);
		bench_sync(r, &job);
	}
	bench_close(&e);
	return 0;
}

double bench_connect(struct bench_run *r)
{
	struct bench_end e;
	struct bench_job job = { .progress = bench_progress, .arg = &e };
	double usec[NEW_PEERS];
	int i;

	if (!r->client)
		return connect_server(r);
	for (i = 0; i < NEW_PEERS; i++) {
		bench_open(&e, r, FI_TAGGED, r->q.size, NULL);
		meet(&e, 0);
		bench_sync(r, &job);
		usec[i] = first_message(&e);
		bench_sync(r, &job);
		bench_close(&e);
	}
	qsort(usec, NEW_PEERS, sizeof(usec[0]), compare_double);
	return (usec[NEW_PEERS / 2 - 1] + usec[NEW_PEERS / 2]) / 2;
}

/* ---- memory of active peers ---- */

/* Endpoints of the client, all open until the end. */
struct crowd {
	struct bench_end *ends;
	uint32_t cnt, next;
};

/* The newest has something to do more often than the others, which have their turns. */
static void progress_crowd(void *arg)
{
	struct crowd *c = arg;

	bench_progress(&c->ends[c->cnt - 1]);
	bench_progress(&c->ends[c->next++ % c->cnt]);
}

/* The server's: resident bytes that every peer after the first few has added. */
static double memory_server(struct bench_run *r)
{
	struct bench_end e;
	struct bench_job job = { .progress = bench_progress, .arg = &e };
	size_t before = 0, after;
	double each;
	uint32_t i;

	bench_open(&e, r, FI_TAGGED, r->q.size, NULL);
	for (i = 0; i < WARM_PEERS + r->q.count; i++) {
		if (i == WARM_PEERS)
			before = bench_resident();
		meet(&e, 0);
		bench_sync(r, &job);
		answer_first(&e, 0);
		bench_sync(r, &job);
	}
	after = bench_resident();
	each = after > before ? (double)(after - before) / r->q.count : 0;
	bench_share(r, &job, &each, sizeof(each), true);
	bench_sync(r, &job);
	bench_close(&e);
	return each;
}

double bench_peer_memory(struct bench_run *r)
{
	struct crowd c = { 0 };
	struct bench_job job = { .progress = progress_crowd, .arg = &c };
	double each;

	if (!r->client)
		return memory_server(r);
	c.ends = calloc(WARM_PEERS + r->q.count, sizeof(*c.ends));
	if (!c.ends)
		bench_fail("no memory");
	while (c.cnt < WARM_PEERS + r->q.count) {
		bench_open(&c.ends[c.cnt], r, FI_TAGGED, r->q.size, c.cnt ? &c.ends[0] : NULL);
		meet(&c.ends[c.cnt], 0);
		c.cnt++;
		bench_sync(r, &job);
		first_message(&c.ends[c.cnt - 1]);
		bench_sync(r, &job);
	}
	bench_share(r, &job, &each, sizeof(each), false);
	bench_sync(r, &job);
	while (c.cnt)
		bench_close(&c.ends[--c.cnt]);
	free(c.ends);
	return each;
}

/* ---- the address vector ---- */

/* Address number @nr of a network that nobody asks for anything. */
static void make_address(struct sockaddr_in *sin, uint32_t nr)
{
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)(4793 + nr % 16));
	sin->sin_addr.s_addr = htonl(0x0a000001 + nr / 16);
}

static void insert_many(struct bench_end *e, struct sockaddr_in *block, fi_addr_t *fi_addrs,
			uint32_t cnt)
{
	uint32_t nr, i, n;

	for (nr = 0; nr < cnt; nr += n) {
		n = cnt - nr < BLOCK ? cnt - nr : BLOCK;
		for (i = 0; i < n; i++)
			make_address(&block[i], nr + i);
		if (fi_av_insert(e->av, block, n, fi_addrs, 0, NULL) != (int)n)
			bench_fail("fi_av_insert failed at entry %u", nr);
	}
}

/* Fill a table on the client; @usec and @bytes for all entries. */
static void fill_table(struct bench_run *r, double *usec, double *bytes)
{
	struct sockaddr_in *block = calloc(BLOCK, sizeof(*block));
	fi_addr_t *fi_addrs = calloc(BLOCK, sizeof(*fi_addrs));
	struct bench_end e;
	size_t before;
	double start;

	if (!block || !fi_addrs)
		bench_fail("no memory");
	bench_open(&e, r, FI_TAGGED, 0, NULL);
	if (e.info->addr_format != FI_SOCKADDR_IN)
		bench_absent("the addresses of this table are IPv4 only");
	memset(fi_addrs, 1, BLOCK * sizeof(*fi_addrs));
	memset(block, 1, BLOCK * sizeof(*block));
	before = bench_resident();
	start = bench_now();
	insert_many(&e, block, fi_addrs, r->q.count);
	*usec = bench_now() - start;
	*bytes = (double)bench_resident() - (double)before;
	bench_close(&e);
	free(block);
	free(fi_addrs);
}

double bench_av_memory(struct bench_run *r)
{
	double usec, bytes;

	if (!r->client)
		return 0;
	fill_table(r, &usec, &bytes);
	return bytes < 0 ? 0 : bytes / r->q.count;
}

double bench_av_insert(struct bench_run *r)
{
	double usec, bytes;

	if (!r->client)
		return 0;
	fill_table(r, &usec, &bytes);
	return r->q.count / usec;
}
