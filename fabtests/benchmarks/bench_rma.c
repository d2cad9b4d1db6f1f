/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One-sided operations of the client on the server's memory. The server only makes progress,
 * while it waits for the client to be done.
 */
#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include "bench_fabric.h"

static void swap_memory(struct bench_end *e)
{
	struct bench_remote mine = { .key = fi_mr_key(e->mr) };

	if (e->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR)
		mine.addr = (uintptr_t)e->buf;
	bench_put(e->run, 0, &mine, sizeof(mine));
	bench_get(e->run, 0, &e->remote, sizeof(e->remote));
}

static ssize_t write_one(struct bench_end *e, void *context)
{
	return fi_write(e->ep, e->buf, e->run->q.size, e->desc, e->peers[0], e->remote.addr,
			e->remote.key, context);
}

static ssize_t read_one(struct bench_end *e, void *context)
{
	return fi_read(e->ep, e->buf, e->run->q.size, e->desc, e->peers[0], e->remote.addr,
		       e->remote.key, context);
}

/* The operand is the buffer's first word; what was there before comes into the page behind. */
static ssize_t fetch_one(struct bench_end *e, void *context)
{
	return fi_fetch_atomic(e->ep, e->buf, 1, e->desc, e->buf + e->len, e->desc, e->peers[0],
			       e->remote.addr, e->remote.key, FI_UINT64, FI_SUM, context);
}

struct one_sided {
	struct bench_end e;
	ssize_t (*post)(struct bench_end *e, void *context);
	uint32_t window;
};

static void progress(void *arg)
{
	struct one_sided *o = arg;

	bench_progress(&o->e);
}

/* A round is a window. */
static void windows(void *arg, uint64_t n)
{
	struct one_sided *o = arg;
	struct bench_end *e = &o->e;
	void *context;
	uint32_t i;

	if (!e->run->client)
		return;
	while (n--) {
		for (i = 0; i < o->window; i++) {
			context = bench_context(e);
			while (bench_again(e, "one-sided operation", o->post(e, context)))
				;
			e->posted++;
		}
		bench_flush(e);
	}
}

static void check_atomic(struct bench_end *e)
{
	size_t count = 0;

	if (fi_fetch_atomicvalid(e->ep, FI_UINT64, FI_SUM, &count) || !count)
		bench_absent("no fetch-and-add of 64 bits");
}

/* Returns microseconds per operation. */
static double one_sided(struct bench_run *r, uint64_t caps, uint32_t window,
			ssize_t (*post)(struct bench_end *, void *))
{
	struct one_sided o = { .post = post, .window = window };
	struct bench_job job = { .batch = windows, .progress = progress, .arg = &o,
				 .first = window > 1 ? 2 : 20 };
	double usec;

	bench_open(&o.e, r, caps, r->q.size ? r->q.size : sizeof(uint64_t), NULL);
	if (caps & FI_ATOMIC)
		check_atomic(&o.e);
	bench_meet(&o.e);
	swap_memory(&o.e);
	usec = bench_measure(r, &job) / window;
	bench_close(&o.e);
	return usec;
}

double bench_write_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / one_sided(r, FI_RMA, r->q.window, write_one);
}

double bench_read_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / one_sided(r, FI_RMA, r->q.window, read_one);
}

double bench_write_latency(struct bench_run *r)
{
	return one_sided(r, FI_RMA, 1, write_one);
}

double bench_read_latency(struct bench_run *r)
{
	return one_sided(r, FI_RMA, 1, read_one);
}

double bench_atomic_rate(struct bench_run *r)
{
	return 1 / one_sided(r, FI_ATOMIC, r->q.window, fetch_one);
}

double bench_atomic_latency(struct bench_run *r)
{
	return one_sided(r, FI_ATOMIC, 1, fetch_one);
}
