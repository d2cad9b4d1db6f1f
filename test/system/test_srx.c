/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared contexts: endpoints of one process receive from one queue, whoever is addressed;
 * completions go to the endpoint that got the message.
 */
#include "sys.h"

#include <pthread.h>
#include <stdatomic.h>

#define EPS	4
#define MSGS	40
#define LEN	3000

/* A domain, a shared receive context and EPS endpoints with a receive queue each. */
struct group {
	struct sys_ep e;		/* everything but the endpoint and its receive queue */
	struct fid_ep *srx;
	struct fid_stx *stx;
	struct fid_ep *ep[EPS];
	struct fid_cq *rxcq[EPS];
	uint8_t name[EPS][SYS_NAME_MAX];
	fi_addr_t addr[EPS];
};

static void open_ep(struct group *g, int i)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED };
	size_t len = SYS_NAME_MAX;

	if (!g->rxcq[i])
		expect_ok(fi_cq_open(g->e.domain, &attr, &g->rxcq[i], NULL));
	expect_ok(fi_endpoint(g->e.domain, g->e.info, &g->ep[i], NULL));
	expect_ok(fi_ep_bind(g->ep[i], &g->e.av->fid, 0));
	expect_ok(fi_ep_bind(g->ep[i], &g->e.txcq->fid, FI_TRANSMIT));
	expect_ok(fi_ep_bind(g->ep[i], &g->rxcq[i]->fid, FI_RECV));
	expect_ret(fi_enable(g->ep[i]), -FI_EOPBADSTATE);
	expect_ok(fi_ep_bind(g->ep[i], &g->srx->fid, 0));
	expect_ret(fi_ep_bind(g->ep[i], &g->srx->fid, 0), -FI_EINVAL);
	expect_ok(fi_ep_bind(g->ep[i], &g->stx->fid, 0));
	expect_ok(fi_enable(g->ep[i]));
	expect_ok(fi_getname(&g->ep[i]->fid, g->name[i], &len));
	g->addr[i] = sys_insert(&g->e, g->name[i]);
}

static void open_group(struct group *g, const struct sys_opts *o)
{
	int i;

	memset(g, 0, sizeof(*g));
	sys_open_objects(&g->e, o);
	g->e.info->ep_attr->tx_ctx_cnt = FI_SHARED_CONTEXT;
	g->e.info->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
	expect_ok(fi_srx_context(g->e.domain, g->e.info->rx_attr, &g->srx, NULL));
	expect_ok(fi_stx_context(g->e.domain, g->e.info->tx_attr, &g->stx, NULL));
	for (i = 0; i < EPS; i++)
		open_ep(g, i);
}

static void close_group(struct group *g)
{
	int i;

	expect_ret(fi_close(&g->srx->fid), -FI_EBUSY);
	expect_ret(fi_close(&g->stx->fid), -FI_EBUSY);
	for (i = 0; i < EPS; i++) {
		if (g->ep[i])
			expect_ok(fi_close(&g->ep[i]->fid));
		expect_ok(fi_close(&g->rxcq[i]->fid));
	}
	expect_ok(fi_close(&g->srx->fid));
	expect_ok(fi_close(&g->stx->fid));
	sys_close(&g->e);
}

/* Read one entry, of operation @context, from receive queue @i; drives all endpoints. */
static void hear(struct group *g, int i, void *context, struct fi_cq_tagged_entry *entry)
{
	ssize_t ret;

	while ((ret = fi_cq_read(g->rxcq[i], entry, 1)) == -FI_EAGAIN)
		sys_poll(&g->e);
	expect_ret(ret, 1);
	expect(entry->op_context == context, "the wrong operation completed");
}

static void nothing_in(struct group *g, int i)
{
	struct fi_cq_tagged_entry entry;

	expect_ret(fi_cq_read(g->rxcq[i], &entry, 1), -FI_EAGAIN);
}

static void tsend(struct group *g, int from, int to, const void *buf, size_t len, uint64_t tag)
{
	struct sys_op op = { 0 };

	sys_post(&g->e, fi_tsend(g->ep[from], buf, len, NULL, g->addr[to], tag, &op));
	sys_wait_ok(&g->e, &op);
}

/* Posted first or afterwards, tagged or not: the endpoint that is addressed tells. */
static void who_tells(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	static uint8_t in[EPS][LEN], out[LEN];
	struct sys_op op[EPS] = { 0 }, sent = { 0 };
	struct group g;
	int i;

	(void)s;
	open_group(&g, arg);
	for (i = 0; i < EPS; i++)
		sys_post(&g.e, fi_trecv(g.srx, in[i], LEN, NULL, FI_ADDR_UNSPEC, 5, 0, &op[i]));
	for (i = EPS - 1; i >= 0; i--) {
		sys_fill(out, LEN, (uint64_t)i);
		tsend(&g, (i + 1) % EPS, i, out, LEN, 5);
		hear(&g, i, &op[EPS - 1 - i], &entry);
		expect_eq(entry.len, LEN);
		sys_verify(in[EPS - 1 - i], LEN, (uint64_t)i);
	}
	/* Unexpected, and untagged. */
	for (i = 0; i < EPS; i++) {
		out[0] = (uint8_t)i;
		sys_post(&g.e, fi_send(g.ep[0], out, 1, NULL, g.addr[i], &sent));
		sys_wait_ok(&g.e, &sent);
		sent = (struct sys_op){ 0 };
	}
	for (i = 0; i < EPS; i++) {
		sys_post(&g.e, fi_recv(g.srx, in[i], LEN, NULL, FI_ADDR_UNSPEC, &op[i]));
		hear(&g, i, &op[i], &entry);
		expect_eq(in[i][0], i);
	}
	for (i = 0; i < EPS; i++)
		nothing_in(&g, i);
	close_group(&g);
}

/* What belongs to no message is told by the endpoint that is there longest. */
static void cancel_and_peek(struct sys *s, const void *arg)
{
	struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .ignore = ~0ull };
	struct fi_cq_err_entry err = { 0 };
	struct fi_cq_tagged_entry entry;
	struct sys_op op[2] = { 0 };
	struct group g;
	uint64_t in = 0, out = 77;

	(void)s;
	open_group(&g, arg);
	expect_ok(fi_trecv(g.srx, &in, 8, NULL, FI_ADDR_UNSPEC, 5, 0, &op[0]));
	expect_ok(fi_cancel(&g.srx->fid, &op[1]));
	expect_ok(fi_cancel(&g.srx->fid, &op[0]));
	expect_ret(fi_cq_read(g.rxcq[0], &entry, 1), -FI_EAVAIL);
	expect_ret(fi_cq_readerr(g.rxcq[0], &err, 0), 1);
	expect_eq(err.err, FI_ECANCELED);
	expect(err.op_context == &op[0], "the wrong operation was cancelled");
	msg.context = &op[0];
	expect_ok(fi_trecvmsg(g.srx, &msg, FI_PEEK | FI_COMPLETION));
	err = (struct fi_cq_err_entry){ 0 };
	expect_ret(fi_cq_readerr(g.rxcq[0], &err, 0), 1);
	expect_eq(err.err, FI_ENOMSG);
	tsend(&g, 0, 2, &out, 8, 9);
	expect_ok(fi_trecvmsg(g.srx, &msg, FI_PEEK | FI_CLAIM | FI_COMPLETION));
	hear(&g, 0, &op[0], &entry);
	expect_eq(entry.tag, 9);
	msg.msg_iov = &(struct iovec){ .iov_base = &in, .iov_len = 8 };
	msg.iov_count = 1;
	expect_ok(fi_trecvmsg(g.srx, &msg, FI_CLAIM | FI_COMPLETION));
	hear(&g, 2, &op[0], &entry);
	expect_eq(in, 77);
	/* The endpoints themselves receive nothing. */
	expect_ret(fi_trecv(g.ep[0], &in, 8, NULL, FI_ADDR_UNSPEC, 5, 0, &op[1]), -FI_EOPBADSTATE);
	expect_ret(fi_tsend(g.srx, &in, 8, NULL, g.addr[0], 5, &op[1]), -FI_EOPBADSTATE);
	close_group(&g);
}

/* Directed receives go by the one address vector that all endpoints have. */
static void directed(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	struct sys_op op[2] = { 0 };
	uint64_t in[2] = { 0 }, out;
	struct group g;

	(void)s;
	open_group(&g, arg);
	expect_ok(fi_trecv(g.srx, &in[0], 8, NULL, g.addr[2], 0, ~0ull, &op[0]));
	expect_ok(fi_trecv(g.srx, &in[1], 8, NULL, g.addr[1], 0, ~0ull, &op[1]));
	out = 1;
	tsend(&g, 1, 0, &out, 8, 7);
	hear(&g, 0, &op[1], &entry);
	out = 2;
	tsend(&g, 2, 3, &out, 8, 7);
	hear(&g, 3, &op[0], &entry);
	expect_eq(in[0], 2);
	expect_eq(in[1], 1);
	close_group(&g);
}

/* An endpoint leaves: its messages are gone, the receives stay, and another may come. */
static void one_leaves(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	struct sys_op op = { 0 };
	struct group g;
	uint64_t in = 0, out = 3;

	(void)s;
	open_group(&g, arg);
	tsend(&g, 1, 0, &out, 8, 7);
	expect_ok(fi_close(&g.ep[0]->fid));
	g.ep[0] = NULL;
	expect_ok(fi_trecv(g.srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op));
	out = 4;
	tsend(&g, 1, 2, &out, 8, 7);
	hear(&g, 2, &op, &entry);
	expect_eq(in, 4);
	open_ep(&g, 0);
	expect_ok(fi_trecv(g.srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op));
	out = 5;
	tsend(&g, 3, 0, &out, 8, 7);
	hear(&g, 0, &op, &entry);
	expect_eq(in, 5);
	close_group(&g);
}

/* The context may exist and take receives before any endpoint does; wrong uses are refused. */
static void wrong_uses(struct sys *s, const void *arg)
{
	struct fi_rx_attr rx = { .size = 1 << 20 };
	struct fid_ep *srx, *ep;
	struct fid_stx *stx;
	struct sys_ep e;
	struct sys_op op = { 0 };
	uint64_t in;

	(void)s;
	sys_open_objects(&e, arg);
	expect_ret(fi_srx_context(e.domain, &rx, &srx, NULL), -FI_EINVAL);
	rx = *e.info->rx_attr;
	rx.size = 2;
	expect_ok(fi_srx_context(e.domain, &rx, &srx, NULL));
	expect_ok(fi_stx_context(e.domain, NULL, &stx, NULL));
	expect_ret(fi_ep_bind(srx, &e.rxcq->fid, FI_RECV), -FI_EINVAL);
	expect_ok(fi_enable(srx));
	expect_ok(fi_trecv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op));
	expect_ok(fi_trecv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op));
	expect_ret(fi_trecv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op), -FI_EAGAIN);
	expect_ok(fi_cancel(&srx->fid, &op));
	expect_ok(fi_trecv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, 7, 0, &op));
	/* An endpoint that did not ask for shared contexts gets none. */
	expect_ok(fi_endpoint(e.domain, e.info, &ep, NULL));
	expect_ret(fi_ep_bind(ep, &srx->fid, 0), -FI_EINVAL);
	expect_ret(fi_ep_bind(ep, &stx->fid, 0), -FI_EINVAL);
	expect_ok(fi_close(&ep->fid));
	expect_ret(fi_close(&e.domain->fid), -FI_EBUSY);
	expect_ok(fi_close(&srx->fid));
	expect_ok(fi_close(&stx->fid));
	sys_close(&e);
}

/* One buffer for messages to all endpoints, one behind the other; the last one releases it. */
static void multi_receive(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	struct sys_op op = { 0 };
	uint64_t buf[EPS + 1], out;
	size_t min = 9, len = sizeof(min);
	struct iovec iov = { .iov_base = buf, .iov_len = EPS * 8 + 8 };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC };
	struct group g;
	int i;

	(void)s;
	open_group(&g, arg);
	expect_ok(fi_setopt(&g.srx->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &min, len));
	min = 0;
	expect_ok(fi_getopt(&g.srx->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &min, &len));
	expect_eq(min, 9);
	msg.context = &op;
	expect_ok(fi_recvmsg(g.srx, &msg, FI_MULTI_RECV));
	for (i = 0; i < EPS; i++) {
		struct sys_op sent = { 0 };

		out = (uint64_t)i + 100;
		sys_post(&g.e, fi_send(g.ep[0], &out, 8, NULL, g.addr[i], &sent));
		sys_wait_ok(&g.e, &sent);
		hear(&g, i, &op, &entry);
		expect(entry.buf == &buf[i], "at offset %td", (char *)entry.buf - (char *)buf);
		expect_eq(buf[i], out);
		expect_eq(!!(entry.flags & FI_MULTI_RECV), i == EPS - 1);
	}
	close_group(&g);
}

/* ---- threads ---- */

struct sender {
	struct group *g;
	int ep;
};

static atomic_int broken;

static void *sender_main(void *arg)
{
	struct sender *sender = arg;
	struct group *g = sender->g;
	uint64_t n;
	ssize_t ret;

	for (n = 0; n < MSGS; n++) {
		uint64_t out = (uint64_t)sender->ep << 32 | n;

		do {
			ret = fi_tinject(g->ep[sender->ep], &out, 8, g->addr[n % EPS], 1);
		} while (ret == -FI_EAGAIN);
		if (ret)
			atomic_store(&broken, 1);
	}
	return NULL;
}

/* All endpoints send to all at once, each from a thread; one thread receives. */
static void threads(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	uint64_t next[EPS][EPS] = { { 0 } };
	struct sys_op op = { 0 };
	struct sender sender[EPS];
	pthread_t thread[EPS];
	uint64_t in, from;
	struct group g;
	int i, got;

	(void)s;
	open_group(&g, arg);
	for (i = 0; i < EPS; i++) {
		sender[i] = (struct sender){ .g = &g, .ep = i };
		expect_eq(pthread_create(&thread[i], NULL, sender_main, &sender[i]), 0);
	}
	for (got = 0; got < EPS * MSGS; got++) {
		sys_post(&g.e, fi_trecv(g.srx, &in, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &op));
		for (i = 0; fi_cq_read(g.rxcq[i], &entry, 1) != 1; i = (i + 1) % EPS)
			;
		from = in >> 32;
		expect(from < EPS, "from nowhere: %llx", (unsigned long long)in);
		expect_eq((in & 0xffffffff) % EPS, i);
		next[from][i]++;
	}
	for (i = 0; i < EPS * EPS; i++)
		expect_eq(next[i / EPS][i % EPS], MSGS / EPS);
	for (i = 0; i < EPS; i++)
		expect_eq(pthread_join(thread[i], NULL), 0);
	expect_eq(atomic_load(&broken), 0);
	close_group(&g);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = { .caps = FI_DIRECTED_RECV };
	static const struct sys_opts rod = { .caps = FI_DIRECTED_RECV, .msg_order = FI_ORDER_SAS };
	static const struct sys_opts multi = { .caps = FI_MULTI_RECV };
	static const struct sys_opts automatic = { .progress = FI_PROGRESS_AUTO };
	static const struct sys_opts domain = {
		.caps = FI_DIRECTED_RECV, .threading = FI_THREAD_DOMAIN,
	};

	sys_begin(argc, argv);
	sys_case("who tells", 1, who_tells, &rud);
	sys_case("who tells, ordered", 1, who_tells, &rod);
	sys_case("who tells, no locks", 1, who_tells, &domain);
	sys_case("cancel and peek", 1, cancel_and_peek, &rud);
	sys_case("directed receives", 1, directed, &rud);
	sys_case("an endpoint leaves", 1, one_leaves, &rud);
	sys_case("multi-receive", 1, multi_receive, &multi);
	sys_case("wrong uses", 1, wrong_uses, &rud);
	sys_case("threads", 1, threads, &rud);
	sys_case("threads, automatic progress", 1, threads, &automatic);
	return sys_end();
}
