/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peers that die while memory is read and written: the target in the middle of what others do
 * to it, and the initiator in the middle of what it does. The survivors go on.
 */
#include "death.h"

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>
#include <stdio.h>

#define LIMIT_S		25
#define KEY		7
#define LARGE		(64u << 20)

enum what { WRITE, WRITE_DATA, READ, ATOMIC, FETCH };

static const struct pattern {
	const char *name;
	enum what what;
	unsigned int cnt;
	size_t len;
	uint64_t msg_order;
} patterns[] = {
	{ "write/small", WRITE, 500, 100, FI_ORDER_SAS },
	{ "write/64KiB/rud", WRITE, 50, 65536, 0 },
	{ "write/huge", WRITE, 1, LARGE, FI_ORDER_SAS },
	{ "write/huge/rud", WRITE, 1, LARGE, 0 },
	{ "writedata/rud", WRITE_DATA, 200, 100, 0 },
	{ "read/small/rud", READ, 500, 100, 0 },
	{ "read/64KiB", READ, 50, 65536, FI_ORDER_SAS },
	{ "read/huge/rud", READ, 1, LARGE, 0 },
	{ "atomic/rud", ATOMIC, 500, 8, 0 },
	{ "fetch", FETCH, 200, 8, FI_ORDER_SAS },
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* A process of a case. */
struct party {
	struct sys *s;
	struct sys_ep e;
	const struct pattern *p;
	struct fid_mr *mr;
	uint8_t *region;
	uint64_t result;
};

static void party_open(struct party *pa, struct sys *s, const struct pattern *p)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV, .msg_order = p->msg_order };
	uint64_t wanted = p->what >= ATOMIC ? FI_RMA | FI_ATOMIC : FI_RMA;

	*pa = (struct party){ .s = s, .p = p };
	death_timeouts();
	if (!sys_offered(&opts, wanted))
		sys_skip("the provider does not offer FI_RMA and FI_ATOMIC");
	opts.caps |= wanted;
	sys_open(&pa->e, &opts);
	sys_connect(s, &pa->e);
	pa->region = sys_alloc(p->len);
	memset(pa->region, 0, p->len);
	expect_ok(fi_mr_reg(pa->e.domain, pa->region, p->len,
			    FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, 0, KEY, 0,
			    &pa->mr, NULL));
	sys_barrier(s, &pa->e);
}

static void party_close(struct party *pa)
{
	expect_ok(fi_close(&pa->mr->fid));
	sys_close(&pa->e);
	free(pa->region);
}

static ssize_t start(struct party *pa, uint8_t *buf, fi_addr_t to, struct sys_op *op)
{
	struct fid_ep *ep = pa->e.ep;
	size_t len = pa->p->len;

	switch (pa->p->what) {
	case WRITE:
		return fi_write(ep, buf, len, NULL, to, 0, KEY, op);
	case WRITE_DATA:
		return fi_writedata(ep, buf, len, NULL, 1, to, 0, KEY, op);
	case READ:
		return fi_read(ep, buf, len, NULL, to, 0, KEY, op);
	case ATOMIC:
		return fi_atomic(ep, buf, 1, NULL, to, 0, KEY, FI_UINT64, FI_SUM, op);
	default:
		return fi_fetch_atomic(ep, buf, 1, NULL, &pa->result, NULL, to, 0, KEY, FI_UINT64,
				       FI_SUM, op);
	}
}

/* CQ data of those that came before the end. */
static bool on_entry(struct sys_ep *e, const struct fi_cq_tagged_entry *entry, fi_addr_t src)
{
	(void)e;
	(void)src;
	return !entry->op_context;
}

/* ---- the target dies ---- */

/* It sees the beginning of what comes, and is no more. */
static _Noreturn void die_as_target(struct party *pa)
{
	pa->e.on_entry = on_entry;
	sys_barrier_of(pa->s, 3, &pa->e);
	sys_drive(&pa->e, 5);
	sys_die();
}

static void start_and_fail(struct party *pa)
{
	struct sys_op *ops = calloc(pa->p->cnt, sizeof(*ops)), late[4] = { 0 };
	uint8_t *buf = sys_alloc(pa->p->len);
	unsigned int i;

	memset(buf, 1, pa->p->len);
	sys_barrier_of(pa->s, 3, &pa->e);
	for (i = 0; i < pa->p->cnt; i++)
		sys_post(&pa->e, start(pa, buf, pa->e.peer[1], &ops[i]));
	for (i = 0; i < pa->p->cnt; i++) {
		sys_wait(&pa->e, &ops[i]);
		if (ops[i].err)
			death_expect(&ops[i]);
	}
	sys_hear_end(pa->s, 1, &pa->e);
	for (i = 0; i < 4; i++)
		sys_post(&pa->e, start(pa, buf, pa->e.peer[1], &late[i]));
	for (i = 0; i < 4; i++) {
		sys_wait(&pa->e, &late[i]);
		death_expect(&late[i]);
	}
	free(ops);
	free(buf);
}

static void target_dies(struct sys *s, const void *arg)
{
	struct party pa;

	party_open(&pa, s, arg);
	if (s->rank == 1)
		die_as_target(&pa);
	if (s->rank == 0) {
		start_and_fail(&pa);
		death_chat(&pa.e, pa.e.peer[2], true, 8);
	} else {
		death_chat(&pa.e, pa.e.peer[0], false, 8);
	}
	sys_barrier_of(s, 5, &pa.e);
	party_close(&pa);
}

/* ---- the initiator dies ---- */

static _Noreturn void die_as_initiator(struct party *pa)
{
	struct sys_op *ops = calloc(pa->p->cnt, sizeof(*ops));
	uint8_t *buf = sys_alloc(pa->p->len);
	unsigned int i;

	memset(buf, 1, pa->p->len);
	sys_barrier_of(pa->s, 3, &pa->e);
	for (i = 0; i < pa->p->cnt; i++)
		sys_post(&pa->e, start(pa, buf, pa->e.peer[0], &ops[i]));
	if (pa->p->cnt > 1)
		sys_wait_ok(&pa->e, &ops[pa->p->cnt / 10]);
	else
		sys_drive(&pa->e, 5);
	sys_die();
}

static void initiator_dies(struct sys *s, const void *arg)
{
	struct party pa;
	struct sys_op op = { 0 };
	uint8_t *buf;

	party_open(&pa, s, arg);
	pa.e.on_entry = on_entry;
	if (s->rank == 1)
		die_as_initiator(&pa);
	if (s->rank == 0) {
		sys_barrier_of(s, 3, &pa.e);
		sys_hear_end(s, 1, &pa.e);
		death_chat(&pa.e, pa.e.peer[2], true, 8);
		/* Until somebody else has been served by the same region. */
		sys_barrier_of(s, 5, &pa.e);
	} else {
		death_chat(&pa.e, pa.e.peer[0], false, 8);
		buf = sys_alloc(pa.p->len);
		memset(buf, 2, pa.p->len);
		sys_post(&pa.e, start(&pa, buf, pa.e.peer[0], &op));
		sys_wait_ok(&pa.e, &op);
		free(buf);
		sys_barrier_of(s, 5, &pa.e);
	}
	party_close(&pa);
}

int main(int argc, char **argv)
{
	char name[64];
	size_t i;

	sys_begin(argc, argv);
	if (!sys_is_uet())
		return sys_end();
	for (i = 0; i < PATTERNS; i++) {
		snprintf(name, sizeof(name), "death/target/%s", patterns[i].name);
		sys_case_limit(name, 3, LIMIT_S, target_dies, &patterns[i]);
		snprintf(name, sizeof(name), "death/initiator/%s", patterns[i].name);
		sys_case_limit(name, 3, LIMIT_S, initiator_dies, &patterns[i]);
	}
	return sys_end();
}
