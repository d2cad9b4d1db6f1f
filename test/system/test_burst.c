/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Small messages in quick succession: the first ones need no further call, all are there after
 * the first look at a queue, in their order, and with FI_UET_BURST=0 each leaves at once. Both
 * endpoints live in one process, so that each side's progress is the test's choice.
 */
#include "sys.h"

#include <sched.h>

#define MSGS	200
#define LEN	64

struct pair {
	struct sys_ep a, b;		/* a sends to b */
	struct sys_op tx[MSGS], rx[MSGS];
	uint8_t out[MSGS][LEN], in[MSGS][LEN];
};

static struct pair *pair_open(const struct sys_opts *o)
{
	struct pair *p = calloc(1, sizeof(*p));
	unsigned int i;

	sys_open(&p->a, o);
	sys_open(&p->b, o);
	p->a.peer[0] = sys_insert(&p->a, p->b.name);
	p->b.peer[0] = sys_insert(&p->b, p->a.name);
	for (i = 0; i < MSGS; i++) {
		sys_fill(p->out[i], LEN, i);
		sys_trecv(&p->b, p->b.peer[0], p->in[i], LEN, 5, 0, &p->rx[i]);
	}
	return p;
}

/* The first @cnt messages arrive, each in the receive of its place, though only b progresses. */
static void arrive(struct pair *p, unsigned int cnt)
{
	unsigned int i;

	for (i = 0; i < cnt; i++) {
		while (!p->rx[i].done)
			if (!sys_poll(&p->b))
				sched_yield();
		sys_verify(p->in[i], LEN, i);
	}
}

static void pair_close(struct pair *p, unsigned int sent)
{
	unsigned int i;

	for (i = 0; i < sent; i++)
		while (!p->tx[i].done) {
			sys_poll(&p->a);
			sys_poll(&p->b);
		}
	sys_close(&p->a);
	sys_close(&p->b);
	free(p);
}

static void post(struct pair *p, unsigned int i)
{
	expect_ok(fi_tsend(p->a.ep, p->out[i], LEN, NULL, p->a.peer[0], 5, &p->tx[i]));
}

static void body_pair(struct sys *s, const void *arg)
{
	struct pair *p = pair_open(arg);

	(void)s;
	post(p, 0);
	post(p, 1);
	arrive(p, 2);
	pair_close(p, 2);
}

static void body_stream(struct sys *s, const void *arg)
{
	struct pair *p = pair_open(arg);
	struct fi_cq_tagged_entry entry;
	unsigned int i;

	(void)s;
	for (i = 0; i < MSGS; i++)
		post(p, i);
	/* The rest leaves with this, though the question is another one. */
	expect(fi_cq_read(p->a.txcq, &entry, 0) <= 0, "no entries for nobody");
	arrive(p, MSGS);
	pair_close(p, MSGS);
}

/* Another peer, and an operation of another kind, do not leave what is held behind. */
static void body_change(struct sys *s, const void *arg)
{
	struct pair *p = pair_open(arg);
	struct sys_ep c;
	uint8_t in[LEN];
	struct sys_op rx = { .done = 0 };
	unsigned int i;

	(void)s;
	sys_open(&c, arg);
	for (i = 0; i < 10; i++)
		post(p, i);
	sys_trecv(&c, FI_ADDR_UNSPEC, in, LEN, 5, 0, &rx);
	expect_ok(fi_tinject(p->a.ep, p->out[0], LEN, sys_insert(&p->a, c.name), 5));
	arrive(p, 10);
	while (!rx.done)
		sys_poll(&c);
	pair_close(p, 10);
	sys_close(&c);
}

static void body_each(struct sys *s, const void *arg)
{
	struct pair *p = pair_open(arg);
	unsigned int i;

	(void)s;
	for (i = 0; i < MSGS; i++)
		post(p, i);
	arrive(p, MSGS);
	pair_close(p, MSGS);
}

static void body_off(struct sys *s, const void *arg)
{
	setenv("FI_UET_BURST", "0", 1);
	body_each(s, arg);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = { .caps = 0 };
	static const struct sys_opts rod = { .msg_order = FI_ORDER_SAS };
	static const struct sys_opts automatic = { .progress = FI_PROGRESS_AUTO };

	sys_begin(argc, argv);
	sys_case("two/rud", 1, body_pair, &rud);
	sys_case("stream/rud", 1, body_stream, &rud);
	sys_case("stream/rod", 1, body_stream, &rod);
	sys_case("another-peer/rod", 1, body_change, &rod);
	sys_case("automatic", 1, body_each, &automatic);
	if (sys_is_uet())
		sys_case("off/rud", 1, body_off, &rud);
	return sys_end();
}
