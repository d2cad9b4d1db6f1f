/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_EP_DGRAM: one packet per message, nobody answers. On loopback, with receivers that read,
 * nothing is lost as long as no limit is reached; the tests count on that for short runs only.
 */
#include "sys.h"

#define MSGS	200
#define ROUNDS	12

/* Beyond what a queue of unexpected messages and a socket hold. */
#define FLOOD	100000

static struct fi_info *dgram_info(const struct sys_opts *o)
{
	struct fi_info *hints = sys_hints(o), *info = NULL;
	int ret;

	hints->caps &= ~FI_TAGGED;
	hints->ep_attr->type = FI_EP_DGRAM;
	ret = fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, FI_SOURCE | FI_NUMERICHOST, hints,
			 &info);
	fi_freeinfo(hints);
	if (ret == -FI_ENODATA && !sys_is_uet())
		sys_skip("the provider does not offer this");
	expect_ok(ret);
	return info;
}

/* Objects as for a reliable endpoint, then the endpoint of @info on them. */
static void open_on(struct sys_ep *e, struct fi_info *info)
{
	expect_ok(fi_endpoint(e->domain, info, &e->ep, NULL));
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT));
	expect_ok(fi_ep_bind(e->ep, &e->rxcq->fid, FI_RECV));
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
}

static void open_dgram(struct sys_ep *e, const struct sys_opts *o)
{
	sys_open_objects(e, o);
	fi_freeinfo(e->info);
	e->info = dgram_info(o);
	open_on(e, e->info);
}

static void attributes(struct sys *s, const void *arg)
{
	struct fi_info *hints, *info, *i;
	struct sys_opts plain = { 0 };
	bool dgram = false;

	(void)s;
	(void)arg;
	info = dgram_info(&plain);
	expect(info->ep_attr->type == FI_EP_DGRAM, "another type came back");
	expect_eq(info->caps & (FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC), FI_MSG);
	expect(info->ep_attr->max_msg_size >= 1024 && info->ep_attr->max_msg_size <= 8192,
	       "max_msg_size %zu", info->ep_attr->max_msg_size);
	expect_eq(info->tx_attr->msg_order, 0);
	expect_eq(info->ep_attr->msg_prefix_size, 0);
	fi_freeinfo(info);
	/* Without a type: reliable ones first. */
	hints = fi_allocinfo();
	hints->fabric_attr->prov_name = strdup(sys_provider());
	expect_ok(fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, &info));
	expect(info->ep_attr->type == FI_EP_RDM, "datagrams come first");
	for (i = info; i; i = i->next)
		dgram = dgram || i->ep_attr->type == FI_EP_DGRAM;
	expect(dgram, "no datagrams");
	fi_freeinfo(info);
	hints->ep_attr->type = FI_EP_MSG;
	expect_ret(fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, &info), -FI_ENODATA);
	fi_freeinfo(hints);
}

/* All sizes up to the limit, with data, from several fragments, injected; both ways. */
static void sizes(struct sys *s, const void *arg)
{
	static const size_t lens[] = { 0, 1, 63, 64, 65, 1000, 1023, 1024 };
	struct sys_ep e;
	uint8_t *in, *out;
	size_t max, i, len;

	open_dgram(&e, arg);
	sys_connect(s, &e);
	max = e.info->ep_attr->max_msg_size;
	in = sys_alloc(max + SYS_GUARD);
	out = sys_alloc(max + 1);
	for (i = 0; i <= ROUNDS; i++) {
		struct sys_op send = { 0 }, recv = { 0 };
		struct iovec iov[3];

		len = i < sizeof(lens) / sizeof(lens[0]) ? lens[i] : max;
		sys_fill(out, len, i);
		sys_guard(in, len);
		expect_ok(fi_recv(e.ep, in, len, NULL, FI_ADDR_UNSPEC, &recv));
		sys_barrier(s, &e);
		iov[0] = (struct iovec){ out, len / 3 };
		iov[1] = (struct iovec){ out + len / 3, len / 3 };
		iov[2] = (struct iovec){ out + len / 3 * 2, len - len / 3 * 2 };
		if (len && len <= 64)
			sys_post(&e, fi_inject(e.ep, out, len, e.peer[!s->rank]));
		else if (i % 2)
			sys_post(&e, fi_senddata(e.ep, out, len, NULL, 7777, e.peer[!s->rank],
						 &send));
		else
			sys_post(&e, fi_sendv(e.ep, iov, NULL, 3, e.peer[!s->rank], &send));
		sys_wait_ok(&e, &recv);
		expect_eq(recv.entry.len, len);
		expect_eq(recv.src, e.peer[!s->rank]);
		expect_eq(recv.entry.flags & FI_MSG, FI_MSG);
		if (i % 2 && !(len && len <= 64))
			expect_eq(recv.entry.data, 7777);
		sys_verify(in, len, i);
		sys_check_guard(in, len);
		if (!(len && len <= 64))
			sys_wait_ok(&e, &send);
	}
	expect_ret(fi_send(e.ep, out, max + 1, NULL, e.peer[!s->rank], NULL), -FI_EMSGSIZE);
	free(in);
	free(out);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* Messages that come before their receives wait; a short receive truncates. */
static void unexpected(struct sys *s, const void *arg)
{
	struct sys_op op = { 0 };
	struct sys_ep e;
	uint64_t in[2], i;

	open_dgram(&e, arg);
	sys_connect(s, &e);
	if (s->rank == 0) {
		for (i = 0; i < MSGS; i++) {
			in[0] = in[1] = i;
			sys_post(&e, fi_inject(e.ep, in, 16, e.peer[1]));
		}
		sys_barrier(s, &e);
	} else {
		sys_barrier(s, &e);
		for (i = 0; i < MSGS; i++) {
			op = (struct sys_op){ 0 };
			expect_ok(fi_recv(e.ep, in, i == 10 ? 8 : 16, NULL, FI_ADDR_UNSPEC, &op));
			sys_wait(&e, &op);
			expect_eq(op.err, i == 10 ? FI_ETRUNC : 0);
			expect_eq(in[0], i);
		}
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* A receiver that does not look loses messages, but nothing else; it goes on afterwards. */
static void flood(struct sys *s, const void *arg)
{
	struct sys_op op = { 0 };
	unsigned int n = sys_scaled(FLOOD, FLOOD / 10), i, got = 0;
	struct sys_ep e;
	uint64_t in = 0;

	open_dgram(&e, arg);
	sys_connect(s, &e);
	if (s->rank == 0) {
		for (i = 0; i < n; i++) {
			in = i;
			sys_post(&e, fi_inject(e.ep, &in, 8, e.peer[1]));
		}
		sys_barrier(s, &e);
		sys_barrier(s, &e);
		in = UINT64_MAX;
		sys_post(&e, fi_inject(e.ep, &in, 8, e.peer[1]));
	} else {
		sys_barrier(s, NULL);
		expect_ok(fi_recv(e.ep, &in, 8, NULL, FI_ADDR_UNSPEC, &op));
		while (sys_wait_ms(&e, &op, 200)) {
			expect_eq(op.err, 0);
			got++;
			op = (struct sys_op){ 0 };
			expect_ok(fi_recv(e.ep, &in, 8, NULL, FI_ADDR_UNSPEC, &op));
		}
		expect(got > 0, "nothing came");
		sys_barrier(s, &e);
		sys_wait_ok(&e, &op);
		expect_eq(in, UINT64_MAX);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* Sends to nobody succeed; what an endpoint cannot do is refused. */
static void no_answer(struct sys *s, const void *arg)
{
	struct fi_msg msg = { 0 };
	struct sys_op op = { 0 };
	struct sys_ep e, gone;
	uint64_t byte = 0;
	fi_addr_t to;

	(void)s;
	open_dgram(&e, arg);
	open_dgram(&gone, arg);
	to = sys_insert(&e, gone.name);
	sys_close(&gone);
	sys_post(&e, fi_send(e.ep, &byte, 8, NULL, to, &op));
	sys_wait_ok(&e, &op);
	expect_ret(fi_tsend(e.ep, &byte, 8, NULL, to, 1, NULL), -FI_ENOSYS);
	expect_ret(fi_trecv(e.ep, &byte, 8, NULL, to, 1, 0, NULL), -FI_ENOSYS);
	msg.addr = to;
	expect_ret(fi_sendmsg(e.ep, &msg, FI_DELIVERY_COMPLETE), -FI_EBADFLAGS);
	sys_close(&e);
}

/* One domain, one AV and one pair of queues for endpoints of both types. */
static void both_types(struct sys *s, const void *arg)
{
	struct sys_op op[2] = { 0 }, sent[2] = { 0 };
	struct fi_info *info = dgram_info(arg);
	struct fid_ep *rdm;
	uint8_t name[SYS_NAME_MAX];
	uint64_t in[2] = { 0 }, out[2] = { 11, 22 };
	size_t len = sizeof(name);
	fi_addr_t to[2];
	struct sys_ep e;

	(void)s;
	sys_open(&e, arg);
	rdm = e.ep;
	to[0] = sys_insert(&e, e.name);
	open_on(&e, info);
	expect_ok(fi_getname(&e.ep->fid, name, &len));
	to[1] = sys_insert(&e, name);
	expect_ok(fi_recv(rdm, &in[0], 8, NULL, FI_ADDR_UNSPEC, &op[0]));
	expect_ok(fi_recv(e.ep, &in[1], 8, NULL, FI_ADDR_UNSPEC, &op[1]));
	/* Each type to the other: an endpoint takes whatever is addressed to it. */
	sys_post(&e, fi_send(e.ep, &out[0], 8, NULL, to[0], &sent[0]));
	sys_post(&e, fi_send(rdm, &out[1], 8, NULL, to[1], &sent[1]));
	sys_wait_ok(&e, &op[0]);
	sys_wait_ok(&e, &op[1]);
	sys_wait_ok(&e, &sent[0]);
	sys_wait_ok(&e, &sent[1]);
	expect_eq(in[0], 11);
	expect_eq(in[1], 22);
	expect_eq(op[0].src, to[1]);
	expect_eq(op[1].src, to[0]);
	expect_ok(fi_close(&e.ep->fid));
	e.ep = rdm;
	fi_freeinfo(info);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const struct sys_opts source = { .caps = FI_SOURCE };
	static const struct sys_opts automatic = {
		.caps = FI_SOURCE, .progress = FI_PROGRESS_AUTO,
	};

	sys_begin(argc, argv);
	sys_case("attributes", 1, attributes, NULL);
	sys_case("sizes", 2, sizes, &source);
	sys_case("sizes, automatic progress", 2, sizes, &automatic);
	sys_case("unexpected messages", 2, unexpected, &source);
	sys_case("flood", 2, flood, &source);
	sys_case("no answer", 1, no_answer, &source);
	sys_case("both types in one domain", 1, both_types, &source);
	return sys_end();
}
