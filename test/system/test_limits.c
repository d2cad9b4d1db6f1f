/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * At the limits: queues that are full, contexts that are used up, early messages that find no
 * room, very many endpoints. The answer is -FI_EAGAIN or a slower sender, never a loss.
 */
#include "sys.h"

#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

/* ---- full queues ---- */

#define QUEUE 4
#define TOTAL 200

static void poll_both(struct sys_ep *a, struct sys_ep *b)
{
	unsigned int n = sys_poll(a);

	n += sys_poll(b);
	if (!n)
		sched_yield();
}

/* The sender's queue: the peer does nothing, so after a while there is no room. */
static void tx_full(struct sys *s, const void *arg)
{
	struct sys_opts small = { .tx_size = QUEUE }, big = { .caps = FI_SOURCE };
	struct sys_op send[TOTAL] = { 0 }, recv[TOTAL] = { 0 };
	uint64_t in[TOTAL], out[TOTAL];
	unsigned int i, full = 0;
	struct sys_ep a, b;
	fi_addr_t to;
	ssize_t ret;

	(void)s;
	(void)arg;
	sys_open(&a, &small);
	sys_open(&b, &big);
	expect(a.info->tx_attr->size >= QUEUE, "a queue as large as asked");
	to = sys_insert(&a, b.name);
	for (i = 0; i < TOTAL; i++)
		sys_trecv(&b, FI_ADDR_UNSPEC, &in[i], 8, i, 0, &recv[i]);
	for (i = 0; i < TOTAL; i++) {
		out[i] = i;
		sys_at(__FILE__, __LINE__);
		while ((ret = fi_tsend(a.ep, &out[i], 8, NULL, to, i, &send[i])) == -FI_EAGAIN) {
			full++;
			poll_both(&a, &b);
		}
		expect_ret(ret, 0);
	}
	for (i = 0; i < TOTAL; i++) {
		while (!send[i].done || !recv[i].done)
			poll_both(&a, &b);
		expect_eq(send[i].err + recv[i].err, 0);
		expect_eq(in[i], i);
	}
	expect(full, "-FI_EAGAIN at least once with room for %zu sends", a.info->tx_attr->size);
	sys_close(&a);
	sys_close(&b);
}

/* Callers that loop on the call alone, without reading a queue, get on too. */
static void tx_full_loop(struct sys *s, const void *arg)
{
	struct sys_opts small = { .tx_size = QUEUE };
	unsigned int i, cnt = sys_scaled(5000, 1000);
	struct sys_op op = { 0 };
	struct sys_ep e;
	uint64_t value;
	ssize_t ret;

	(void)arg;
	sys_open(&e, &small);
	sys_connect(s, &e);
	for (i = 0; i < cnt; i++) {
		value = i;
		if (s->rank == 1) {
			sys_at(__FILE__, __LINE__);
			while ((ret = fi_tinject(e.ep, &value, 8, e.peer[0], i)) == -FI_EAGAIN)
				;
			expect_ret(ret, 0);
		} else {
			memset(&op, 0, sizeof(op));
			sys_trecv(&e, FI_ADDR_UNSPEC, &value, 8, i, 0, &op);
			sys_wait_ok(&e, &op);
			expect_eq(value, i);
		}
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* The receiver's queue. */
static void rx_full(struct sys *s, const void *arg)
{
	struct sys_opts small = { .rx_size = QUEUE }, big = { .caps = FI_SOURCE };
	struct sys_op send[TOTAL] = { 0 }, recv[TOTAL] = { 0 };
	uint64_t in[TOTAL], out[TOTAL];
	unsigned int i, full = 0;
	struct sys_ep a, b;
	fi_addr_t to;
	ssize_t ret;

	(void)s;
	(void)arg;
	sys_open(&a, &big);
	sys_open(&b, &small);
	to = sys_insert(&a, b.name);
	for (i = 0; i < TOTAL; i++) {
		sys_at(__FILE__, __LINE__);
		while ((ret = fi_trecv(b.ep, &in[i], 8, NULL, FI_ADDR_UNSPEC, i, 0, &recv[i])) ==
		       -FI_EAGAIN) {
			/* One message makes room for one receive. */
			out[full] = full;
			sys_tsend(&a, to, &out[full], 8, full, &send[full]);
			while (!recv[full].done)
				poll_both(&a, &b);
			full++;
		}
		expect_ret(ret, 0);
	}
	expect(full, "-FI_EAGAIN at least once with room for %zu receives",
	       b.info->rx_attr->size);
	for (i = 0; i < full; i++) {
		while (!send[i].done)
			poll_both(&a, &b);
		expect_eq(send[i].err + recv[i].err, 0);
		expect_eq(in[i], i);
	}
	for (i = full; i < TOTAL; i++)
		expect_eq(recv[i].done, 0);
	sys_close(&a);
	sys_close(&b);
}

/* ---- packet delivery contexts ---- */

#define PEERS 12

/* More peers than contexts: sends wait for their turn. */
static void few_contexts(struct sys *s, const void *arg)
{
	static const char *const limit = "4";
	struct sys_opts opts = { .caps = FI_SOURCE };
	struct sys_ep hub, peers[PEERS];
	struct sys_op send[PEERS], recv[PEERS];
	uint64_t in[PEERS], out;
	fi_addr_t to[PEERS];
	int i, j, round;
	ssize_t ret;

	(void)s;
	(void)arg;
	setenv("FI_UET_MAX_PDC", limit, 1);
	sys_open(&hub, &opts);
	for (i = 0; i < PEERS; i++) {
		sys_open(&peers[i], &opts);
		to[i] = sys_insert(&hub, peers[i].name);
	}
	for (round = 0; round < 2; round++) {
		memset(send, 0, sizeof(send));
		memset(recv, 0, sizeof(recv));
		out = (uint64_t)round + 5;
		for (i = 0; i < PEERS; i++)
			sys_trecv(&peers[i], FI_ADDR_UNSPEC, &in[i], 8, 1, 0, &recv[i]);
		for (i = 0; i < PEERS; i++) {
			sys_at(__FILE__, __LINE__);
			while ((ret = fi_tsend(hub.ep, &out, 8, NULL, to[i], 1, &send[i])) ==
			       -FI_EAGAIN)
				for (j = 0; j < PEERS; j++)
					poll_both(&hub, &peers[j]);
			expect_ret(ret, 0);
		}
		for (i = 0; i < PEERS; i++) {
			while (!send[i].done || !recv[i].done)
				for (j = 0; j < PEERS; j++)
					poll_both(&hub, &peers[j]);
			expect_eq(send[i].err + recv[i].err, 0);
			expect_eq(in[i], out);
		}
	}
	sys_close(&hub);
	for (i = 0; i < PEERS; i++)
		sys_close(&peers[i]);
}

/* ---- early messages ---- */

static const struct flood {
	const char *name;
	const char *count, *bytes;	/* FI_UET_UNEXPECTED_COUNT, _BYTES */
	uint64_t msg_order;
	unsigned int small, large;	/* messages */
} floods[] = {
	{ "limits/flood/rod", NULL, "32768", FI_ORDER_SAS, 20000, 8 },
	{ "limits/flood/rud", NULL, "32768", 0, 4000, 8 },
	{ "limits/flood/count/rod", "16", NULL, FI_ORDER_SAS, 2000, 2 },
	{ "limits/flood/count/rud", "16", NULL, 0, 400, 2 },
};

#define LARGE 300000
#define FLIGHT 1000

static size_t flood_len(const struct flood *f, unsigned int i, unsigned int cnt)
{
	uint64_t state = i;
	unsigned int every = cnt / (f->large + 1);

	return i && i % every == 0 ? LARGE : sys_rand_below(&state, 200);
}

static void flood_send(struct sys *s, struct sys_ep *e, const struct flood *f, unsigned int cnt)
{
	struct sys_op *ops = calloc(FLIGHT, sizeof(*ops));
	uint8_t *bufs[FLIGHT];
	unsigned int i, w;
	size_t len;
	char byte = 0;

	for (i = 0; i < cnt + FLIGHT; i++) {
		w = i % FLIGHT;
		if (i == FLIGHT)
			/* As much as may be in flight has been sent to somebody who sleeps. */
			sys_tell(s, 0, &byte, 1);
		if (i >= FLIGHT && i - FLIGHT < cnt) {
			sys_wait_ok(e, &ops[w]);
			free(bufs[w]);
		}
		if (i >= cnt)
			continue;
		len = flood_len(f, i, cnt);
		memset(&ops[w], 0, sizeof(*ops));
		bufs[w] = sys_alloc(len);
		sys_fill(bufs[w], len, i);
		sys_tsend(e, e->peer[0], bufs[w], len, f->msg_order ? 1 : i, &ops[w]);
	}
	free(ops);
}

/* With order, one receive after the other; without, each by its tag. */
static void flood_receive(struct sys *s, struct sys_ep *e, const struct flood *f, unsigned int cnt)
{
	uint8_t *buf = sys_alloc(LARGE + SYS_GUARD);
	unsigned int i;
	char byte;

	/* Asleep, then polling without a receive: both must leave nothing behind. */
	sys_hear(s, 1, &byte, 1, NULL);
	sys_drive(e, 100);
	for (i = 0; i < cnt; i++) {
		struct sys_op op = { 0 };

		sys_guard(buf, LARGE);
		sys_trecv(e, FI_ADDR_UNSPEC, buf, LARGE, f->msg_order ? 1 : i, 0, &op);
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, flood_len(f, i, cnt));
		sys_verify(buf, op.entry.len, i);
		sys_check_guard(buf, LARGE);
	}
	free(buf);
}

static void flood(struct sys *s, const void *arg)
{
	const struct flood *f = arg;
	struct sys_opts opts = { .caps = FI_SOURCE, .msg_order = f->msg_order };
	unsigned int cnt = f->small + f->large;
	struct sys_ep e;

	if (sys_short())
		cnt = cnt / 10 + f->large + 1;
	if (f->count)
		setenv("FI_UET_UNEXPECTED_COUNT", f->count, 1);
	if (f->bytes)
		setenv("FI_UET_UNEXPECTED_BYTES", f->bytes, 1);
	sys_open(&e, &opts);
	sys_connect(s, &e);
	if (s->rank == 0)
		flood_receive(s, &e, f, cnt);
	else
		flood_send(s, &e, f, cnt);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- very many endpoints ---- */

struct crowd {
	struct sys_ep base;		/* what all share */
	struct fid_ep **eps;
	fi_addr_t *addrs;
	unsigned int cnt;
};

static unsigned int allowed_endpoints(unsigned int wanted)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 0;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	getrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur < 2 * wanted + 100)
		return (unsigned int)(lim.rlim_cur - 100) / 2;
	return wanted;
}

static void crowd_open(struct crowd *c, unsigned int cnt)
{
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV, .one_cq = true };
	uint8_t name[SYS_NAME_MAX];
	bool *seen = calloc(65536, sizeof(*seen));
	struct sockaddr_in *sin = (struct sockaddr_in *)name;
	unsigned int i;
	size_t len;

	sys_open_objects(&c->base, &opts);
	c->cnt = cnt;
	c->eps = calloc(cnt, sizeof(*c->eps));
	c->addrs = calloc(cnt, sizeof(*c->addrs));
	for (i = 0; i < cnt; i++) {
		expect_ok(fi_endpoint(c->base.domain, c->base.info, &c->eps[i], NULL));
		expect_ok(fi_ep_bind(c->eps[i], &c->base.av->fid, 0));
		expect_ok(fi_ep_bind(c->eps[i], &c->base.txcq->fid, FI_TRANSMIT | FI_RECV));
		expect_ok(fi_enable(c->eps[i]));
		len = sizeof(name);
		expect_ok(fi_getname(&c->eps[i]->fid, name, &len));
		expect(!seen[sin->sin_port], "a port of its own for endpoint %u", i);
		seen[sin->sin_port] = true;
		c->addrs[i] = sys_insert(&c->base, name);
	}
	free(seen);
}

static void crowd_close(struct crowd *c)
{
	unsigned int i;

	for (i = 0; i < c->cnt; i++)
		expect_ok(fi_close(&c->eps[i]->fid));
	free(c->eps);
	free(c->addrs);
	sys_close(&c->base);
}

/* Everybody sends to the next one, all at once. */
static void crowd_ring(struct crowd *c)
{
	struct sys_op *send = calloc(c->cnt, sizeof(*send));
	struct sys_op *recv = calloc(c->cnt, sizeof(*recv));
	uint64_t *in = calloc(c->cnt, sizeof(*in)), *out = calloc(c->cnt, sizeof(*out));
	unsigned int i, next;

	for (i = 0; i < c->cnt; i++) {
		next = (i + 1) % c->cnt;
		out[i] = i;
		sys_post(&c->base, fi_trecv(c->eps[next], &in[next], 8, NULL, c->addrs[i], 1, 0,
					    &recv[next]));
		sys_post(&c->base, fi_tsend(c->eps[i], &out[i], 8, NULL, c->addrs[next], 1,
					    &send[i]));
	}
	for (i = 0; i < c->cnt; i++) {
		sys_wait_ok(&c->base, &send[i]);
		sys_wait_ok(&c->base, &recv[i]);
		expect_eq(in[(i + 1) % c->cnt], i);
		expect_eq(recv[(i + 1) % c->cnt].src, c->addrs[i]);
	}
	free(send);
	free(recv);
	free(in);
	free(out);
}

/* One message goes from one to the next, through all. */
static void crowd_token(struct crowd *c)
{
	uint64_t token = 0;
	unsigned int i, next;

	for (i = 0; i < c->cnt; i++) {
		struct sys_op recv = { 0 };

		next = (i + 1) % c->cnt;
		sys_post(&c->base, fi_trecv(c->eps[next], &token, 8, NULL, FI_ADDR_UNSPEC, 2, 0,
					    &recv));
		token++;
		sys_post(&c->base, fi_tinject(c->eps[i], &token, 8, c->addrs[next], 2));
		token = 0;
		sys_wait_ok(&c->base, &recv);
		expect_eq(token, i + 1);
	}
}

static void crowd(struct sys *s, const void *arg)
{
	unsigned int cnt = allowed_endpoints(sys_scaled(1000, 200));
	struct crowd c;

	(void)s;
	(void)arg;
	if (cnt < 100)
		sys_skip("too few descriptors allowed (ulimit -Hn)");
	crowd_open(&c, cnt);
	crowd_ring(&c);
	crowd_token(&c);
	crowd_close(&c);
}

/* A thousand times open and close leaves no descriptor and no port behind. */
static void again(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_SOURCE };
	struct rlimit lim = { 64, 64 };
	unsigned int i;
	struct sys_ep e;

	(void)s;
	(void)arg;
	setrlimit(RLIMIT_NOFILE, &lim);
	sys_open_objects(&e, &opts);
	for (i = 0; i < sys_scaled(1000, 200); i++) {
		expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
		expect_ok(fi_ep_bind(e.ep, &e.av->fid, 0));
		expect_ok(fi_ep_bind(e.ep, &e.txcq->fid, FI_TRANSMIT));
		expect_ok(fi_ep_bind(e.ep, &e.rxcq->fid, FI_RECV));
		expect_ok(fi_enable(e.ep));
		expect_ok(fi_close(&e.ep->fid));
	}
	e.ep = NULL;
	sys_close(&e);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	sys_case("limits/tx-full", 1, tx_full, NULL);
	if (sys_is_uet()) {
		sys_case("limits/tx-full/loop", 2, tx_full_loop, NULL);
		sys_case("limits/rx-full", 1, rx_full, NULL);
		sys_case("limits/contexts", 1, few_contexts, NULL);
	}
	for (i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		sys_case(floods[i].name, 2, flood, &floods[i]);
	if (sys_is_uet()) {
		sys_case("limits/1000-endpoints", 1, crowd, NULL);
		sys_case("limits/open-close", 1, again, NULL);
	}
	return sys_end();
}
