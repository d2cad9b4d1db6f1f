/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Objects: closing and binding in every order, calls at the wrong time, calls that uet does
 * not have, names, options, address vectors. Whatever was refused leaves everything usable.
 */
#include "sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include <rdma/fi_atomic.h>
#include <rdma/fi_collective.h>
#include <rdma/fi_rma.h>

/* Libfabric 2 calls poll sets and fi_av_bind deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static const struct sys_opts plain = { .caps = FI_SOURCE | FI_DIRECTED_RECV, .counters = true };

/* The endpoint works: it sends a message to itself. */
static void works(struct sys_ep *e)
{
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 42;

	e->peer[0] = sys_insert(e, e->name);
	sys_trecv(e, e->peer[0], &in, 8, 3, 0, &recv);
	sys_tsend(e, e->peer[0], &out, 8, 3, &send);
	sys_wait_ok(e, &send);
	sys_wait_ok(e, &recv);
	expect_eq(in, out);
	expect_eq(recv.src, e->peer[0]);
}

/* ---- closing ---- */

static void close_order(struct sys *s, const void *arg)
{
	struct fi_eq_attr eq_attr = { .wait_obj = FI_WAIT_NONE };
	struct fid_eq *eq;
	struct fid_mr *mr;
	struct sys_ep e;
	char byte;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &plain);
	expect_ok(fi_eq_open(e.fabric, &eq_attr, &eq, NULL));
	expect_ok(fi_mr_reg(e.domain, &byte, 1, FI_SEND, 0, 1, 0, &mr, NULL));
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	expect_ok(fi_ep_bind(e.ep, &eq->fid, 0));
	expect_ok(fi_ep_bind(e.ep, &e.av->fid, 0));
	expect_ok(fi_ep_bind(e.ep, &e.txcq->fid, FI_TRANSMIT));
	expect_ok(fi_ep_bind(e.ep, &e.rxcq->fid, FI_RECV));
	expect_ok(fi_ep_bind(e.ep, &e.txcntr->fid, FI_SEND));
	expect_ok(fi_ep_bind(e.ep, &e.rxcntr->fid, FI_RECV));
	expect_ok(fi_enable(e.ep));
	e.name_len = sizeof(e.name);
	expect_ok(fi_getname(&e.ep->fid, e.name, &e.name_len));
	works(&e);
	expect_ret(fi_close(&e.fabric->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.domain->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.av->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.txcq->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.rxcq->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.txcntr->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.rxcntr->fid), -FI_EBUSY);
	expect_ret(fi_close(&eq->fid), -FI_EBUSY);
	works(&e);
	expect_ok(fi_close(&e.ep->fid));
	e.ep = NULL;
	expect_ret(fi_close(&e.domain->fid), -FI_EBUSY);
	expect_ret(fi_close(&e.fabric->fid), -FI_EBUSY);
	expect_ok(fi_close(&mr->fid));
	expect_ok(fi_close(&eq->fid));
	sys_close(&e);
}

/* Each object alone keeps its parent. */
static void keeps_parent(struct sys *s, const void *arg)
{
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_CONTEXT };
	struct fi_cntr_attr cntr_attr = { .events = FI_CNTR_EVENTS_COMP };
	struct fi_av_attr av_attr = { .type = FI_AV_MAP };
	struct fi_poll_attr poll_attr = { 0 };
	struct fi_info *info = sys_getinfo(&plain);
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_poll *poll;
	struct fid_cntr *cntr;
	struct fid_ep *ep;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid *fids[5];
	int i;

	(void)s;
	(void)arg;
	expect_ok(fi_fabric(info->fabric_attr, &fabric, NULL));
	expect_ok(fi_domain(fabric, info, &domain, NULL));
	for (i = 0; i < 5; i++) {
		expect_ok(fi_cq_open(domain, &cq_attr, &cq, NULL));
		expect_ok(fi_cntr_open(domain, &cntr_attr, &cntr, NULL));
		expect_ok(fi_av_open(domain, &av_attr, &av, NULL));
		expect_ok(fi_poll_open(domain, &poll_attr, &poll));
		expect_ok(fi_endpoint(domain, info, &ep, NULL));
		fids[0] = &cq->fid;
		fids[1] = &cntr->fid;
		fids[2] = &av->fid;
		fids[3] = &poll->fid;
		fids[4] = &ep->fid;
		for (int j = 0; j < 5; j++) {
			expect_ret(fi_close(&domain->fid), -FI_EBUSY);
			expect_ok(fi_close(fids[(i + j) % 5]));
		}
	}
	expect_ret(fi_close(&fabric->fid), -FI_EBUSY);
	expect_ok(fi_close(&domain->fid));
	expect_ok(fi_close(&fabric->fid));
	fi_freeinfo(info);
}

/* ---- binding and enabling ---- */

static void binding(struct sys *s, const void *arg)
{
	struct sys_ep e, other;
	struct fid_av *av2;
	struct fi_av_attr av_attr = { .type = FI_AV_TABLE };

	(void)s;
	(void)arg;
	sys_open_objects(&e, &plain);
	sys_open_objects(&other, &plain);
	expect_ok(fi_av_open(e.domain, &av_attr, &av2, NULL));
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	expect_ret(fi_enable(e.ep), -FI_ENOAV);
	expect_ok(fi_ep_bind(e.ep, &e.av->fid, 0));
	expect_ret(fi_ep_bind(e.ep, &av2->fid, 0), -FI_EINVAL);
	expect_ret(fi_enable(e.ep), -FI_ENOCQ);
	expect_ret(fi_ep_bind(e.ep, &e.txcq->fid, 0), -FI_EINVAL);
	expect_ok(fi_ep_bind(e.ep, &e.txcq->fid, FI_TRANSMIT));
	expect_ret(fi_ep_bind(e.ep, &e.rxcq->fid, FI_TRANSMIT), -FI_EINVAL);
	expect_ret(fi_enable(e.ep), -FI_ENOCQ);
	expect_ret(fi_ep_bind(e.ep, &other.rxcq->fid, FI_RECV), -FI_EINVAL);
	expect_ret(fi_ep_bind(e.ep, &other.rxcntr->fid, FI_RECV), -FI_EINVAL);
	expect_ret(fi_ep_bind(e.ep, &e.fabric->fid, 0), -FI_EINVAL);
	expect_ret(fi_ep_bind(e.ep, &e.domain->fid, 0), -FI_EINVAL);
	expect_ok(fi_ep_bind(e.ep, &e.rxcq->fid, FI_RECV));
	expect_ok(fi_ep_bind(e.ep, &e.txcntr->fid, FI_SEND));
	expect_ok(fi_enable(e.ep));
	expect_ok(fi_enable(e.ep));
	expect_ret(fi_ep_bind(e.ep, &e.rxcntr->fid, FI_RECV), -FI_EOPBADSTATE);
	e.name_len = sizeof(e.name);
	expect_ok(fi_getname(&e.ep->fid, e.name, &e.name_len));
	works(&e);
	expect_ok(fi_close(&av2->fid));
	sys_close(&e);
	sys_close(&other);
}

/* An AV of another domain: alone, because an endpoint takes one. */
static void binding_foreign_av(struct sys *s, const void *arg)
{
	struct sys_ep e, other;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &plain);
	sys_open_objects(&other, &plain);
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	expect_ret(fi_ep_bind(e.ep, &other.av->fid, 0), -FI_EINVAL);
	sys_close(&e);
	sys_close(&other);
}

static void before_enable(struct sys *s, const void *arg)
{
	struct fi_msg msg = { .addr = 0 };
	struct fi_msg_tagged tmsg = { .addr = 0 };
	struct sys_op op = { 0 };
	char buf[8] = "";
	struct sys_ep e;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &plain);
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	expect_ret(fi_send(e.ep, buf, 8, NULL, 0, &op), -FI_EOPBADSTATE);
	expect_ret(fi_sendmsg(e.ep, &msg, 0), -FI_EOPBADSTATE);
	expect_ret(fi_inject(e.ep, buf, 8, 0), -FI_EOPBADSTATE);
	expect_ret(fi_recv(e.ep, buf, 8, NULL, 0, &op), -FI_EOPBADSTATE);
	expect_ret(fi_recvmsg(e.ep, &msg, 0), -FI_EOPBADSTATE);
	expect_ret(fi_tsend(e.ep, buf, 8, NULL, 0, 1, &op), -FI_EOPBADSTATE);
	expect_ret(fi_tsendmsg(e.ep, &tmsg, 0), -FI_EOPBADSTATE);
	expect_ret(fi_tinject(e.ep, buf, 8, 0, 1), -FI_EOPBADSTATE);
	expect_ret(fi_trecv(e.ep, buf, 8, NULL, 0, 1, 0, &op), -FI_EOPBADSTATE);
	expect_ret(fi_trecvmsg(e.ep, &tmsg, FI_PEEK), -FI_EOPBADSTATE);
	expect_ret(e.ep->ops->tx_size_left(e.ep), -FI_EOPBADSTATE);
	expect_ret(e.ep->ops->rx_size_left(e.ep), -FI_EOPBADSTATE);
	/* The name is final before that. */
	e.name_len = sizeof(e.name);
	expect_ok(fi_getname(&e.ep->fid, e.name, &e.name_len));
	sys_close(&e);
}

/* ---- what uet does not have, or was not asked for ---- */

static void refused_ret(int line, const char *what, long long ret)
{
	if (ret != -FI_ENOSYS && ret != -FI_EOPNOTSUPP)
		sys_fail(__FILE__, line, "%s: expected -FI_ENOSYS or -FI_EOPNOTSUPP, got %lld",
			 what, ret);
}

#define refused(call) refused_ret(__LINE__, #call, (long long)(call))

static void no_rma(struct sys_ep *e, char *buf)
{
	struct iovec iov = { buf, 8 };
	struct fi_rma_iov rma = { .len = 8 };
	struct fi_msg_rma msg = { .msg_iov = &iov, .iov_count = 1, .rma_iov = &rma,
				  .rma_iov_count = 1 };

	refused(fi_read(e->ep, buf, 8, NULL, 0, 0, 0, NULL));
	refused(fi_readv(e->ep, &iov, NULL, 1, 0, 0, 0, NULL));
	refused(fi_readmsg(e->ep, &msg, 0));
	refused(fi_write(e->ep, buf, 8, NULL, 0, 0, 0, NULL));
	refused(fi_writev(e->ep, &iov, NULL, 1, 0, 0, 0, NULL));
	refused(fi_writemsg(e->ep, &msg, 0));
	refused(fi_inject_write(e->ep, buf, 8, 0, 0, 0));
	refused(fi_writedata(e->ep, buf, 8, NULL, 0, 0, 0, 0, NULL));
	refused(fi_inject_writedata(e->ep, buf, 8, 0, 0, 0, 0));
}

static void no_atomics(struct sys_ep *e, char *buf)
{
	struct fi_ioc ioc = { buf, 1 };
	struct fi_rma_ioc rma = { .count = 1 };
	struct fi_msg_atomic msg = { .msg_iov = &ioc, .iov_count = 1, .rma_iov = &rma,
				     .rma_iov_count = 1, .datatype = FI_UINT64, .op = FI_SUM };
	struct fi_atomic_attr attr;
	struct fid_ep *ep = e->ep;
	size_t count;

	refused(fi_atomic(ep, buf, 1, NULL, 0, 0, 0, FI_UINT64, FI_SUM, NULL));
	refused(fi_atomicv(ep, &ioc, NULL, 1, 0, 0, 0, FI_UINT64, FI_SUM, NULL));
	refused(fi_atomicmsg(ep, &msg, 0));
	refused(fi_inject_atomic(ep, buf, 1, 0, 0, 0, FI_UINT64, FI_SUM));
	refused(fi_fetch_atomic(ep, buf, 1, NULL, buf, NULL, 0, 0, 0, FI_UINT64, FI_SUM, NULL));
	refused(fi_fetch_atomicv(ep, &ioc, NULL, 1, &ioc, NULL, 1, 0, 0, 0, FI_UINT64, FI_SUM,
				 NULL));
	refused(fi_fetch_atomicmsg(ep, &msg, &ioc, NULL, 1, 0));
	refused(fi_compare_atomic(ep, buf, 1, NULL, buf, NULL, buf, NULL, 0, 0, 0, FI_UINT64,
				  FI_CSWAP, NULL));
	refused(fi_compare_atomicv(ep, &ioc, NULL, 1, &ioc, NULL, 1, &ioc, NULL, 1, 0, 0, 0,
				   FI_UINT64, FI_CSWAP, NULL));
	refused(fi_compare_atomicmsg(ep, &msg, &ioc, NULL, 1, &ioc, NULL, 1, 0));
	refused(fi_atomicvalid(ep, FI_UINT64, FI_SUM, &count));
	refused(fi_fetch_atomicvalid(ep, FI_UINT64, FI_SUM, &count));
	refused(fi_compare_atomicvalid(ep, FI_UINT64, FI_CSWAP, &count));
	refused(fi_atomicvalid(ep, (enum fi_datatype)999, (enum fi_op)999, &count));
	refused(fi_query_atomic(e->domain, FI_UINT64, FI_SUM, &attr, FI_TAGGED));
	expect_ok(fi_query_atomic(e->domain, FI_UINT64, FI_SUM, &attr, 0));
}

static void no_collectives(struct sys_ep *e, char *buf)
{
	struct fi_collective_attr attr = { 0 };
	struct fi_av_set_attr set_attr = { 0 };
	struct fid_ep *ep = e->ep;
	struct fid_av_set *set;
	struct fid_mc *mc;

	refused(fi_barrier(ep, 0, NULL));
	refused(fi_barrier2(ep, 0, 0, NULL));
	refused(fi_broadcast(ep, buf, 1, NULL, 0, 0, FI_UINT64, 0, NULL));
	refused(fi_alltoall(ep, buf, 1, NULL, buf, NULL, 0, FI_UINT64, 0, NULL));
	refused(fi_allreduce(ep, buf, 1, NULL, buf, NULL, 0, FI_UINT64, FI_SUM, 0, NULL));
	refused(fi_allgather(ep, buf, 1, NULL, buf, NULL, 0, FI_UINT64, 0, NULL));
	refused(fi_reduce_scatter(ep, buf, 1, NULL, buf, NULL, 0, FI_UINT64, FI_SUM, 0, NULL));
	refused(fi_reduce(ep, buf, 1, NULL, buf, NULL, 0, 0, FI_UINT64, FI_SUM, 0, NULL));
	refused(fi_scatter(ep, buf, 1, NULL, buf, NULL, 0, 0, FI_UINT64, 0, NULL));
	refused(fi_gather(ep, buf, 1, NULL, buf, NULL, 0, 0, FI_UINT64, 0, NULL));
	refused(fi_query_collective(e->domain, FI_BARRIER, &attr, 0));
	refused(fi_av_set(e->av, &set_attr, &set, NULL));
	refused(fi_join(ep, e->name, 0, &mc, NULL));
}

static void no_connections(struct sys_ep *e)
{
	struct fid_pep *pep;
	size_t len = 0;

	refused(fi_connect(e->ep, e->name, NULL, 0));
	refused(fi_accept(e->ep, NULL, 0));
	refused(fi_shutdown(e->ep, 0));
	refused(fi_setname(&e->ep->fid, e->name, e->name_len));
	refused(fi_passive_ep(e->fabric, e->info, &pep, NULL));
	refused(e->ep->cm->listen(NULL));
	refused(e->ep->cm->reject(NULL, NULL, NULL, 0));
	expect_ret(fi_getpeer(e->ep, NULL, &len), -FI_ENOTCONN);
}

static void no_objects(struct sys_ep *e)
{
	struct fi_tx_attr tx_attr = { 0 };
	struct fi_rx_attr rx_attr = { 0 };
	struct fid_ep *ep;
	void *ops = NULL;

	refused(fi_tx_context(e->ep, 0, &tx_attr, &ep, NULL));
	refused(fi_rx_context(e->ep, 0, &rx_attr, &ep, NULL));
	refused(fi_set_ops(&e->ep->fid, "none", 0, &ops, NULL));
	refused(fi_open_ops(&e->ep->fid, "none", 0, &ops, NULL));
	refused(fi_open_ops(&e->domain->fid, "none", 0, &ops, NULL));
	refused(fi_open_ops(&e->fabric->fid, "none", 0, &ops, NULL));
}

/* Unknown commands to every object. */
static void no_commands(struct sys_ep *e)
{
	struct fid *fids[] = { &e->fabric->fid, &e->domain->fid, &e->av->fid, &e->txcq->fid,
			       &e->txcntr->fid, &e->ep->fid };
	uint64_t arg[8] = { 0 };
	size_t i;

	for (i = 0; i < sizeof(fids) / sizeof(fids[0]); i++) {
		refused(fi_control(fids[i], 9999, arg));
		refused(fi_control(fids[i], -1, arg));
		/* Queues are exported to peer providers, where libfabric knows these. */
		if (fids[i] != &e->txcq->fid)
			refused(fi_control(fids[i], FI_EXPORT_FID, arg));
	}
}

static void unsupported(struct sys *s, const void *arg)
{
	struct sys_ep e;
	char buf[64] = "";

	(void)s;
	(void)arg;
	sys_open(&e, &plain);
	no_rma(&e, buf);
	no_atomics(&e, buf);
	no_collectives(&e, buf);
	no_connections(&e);
	no_objects(&e);
	no_commands(&e);
	works(&e);
	sys_close(&e);
}

/* ---- names and options ---- */

static void names(struct sys *s, const void *arg)
{
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;
	size_t len, cut;

	(void)s;
	(void)arg;
	sys_open(&e, &plain);
	expect_eq(e.name_len, sizeof(struct sockaddr_in));
	len = 0;
	expect_ret(fi_getname(&e.ep->fid, NULL, &len), -FI_ETOOSMALL);
	expect_eq(len, e.name_len);
	for (cut = 1; cut < e.name_len; cut++) {
		memset(name, 0xaa, sizeof(name));
		len = cut;
		expect_ret(fi_getname(&e.ep->fid, name, &len), -FI_ETOOSMALL);
		expect_eq(len, e.name_len);
		expect(!memcmp(name, e.name, cut), "as much of the name as fits %zu bytes", cut);
		expect_eq(name[cut], 0xaa);
	}
	expect(ntohs(((struct sockaddr_in *)e.name)->sin_port) >= 4793, "a port from 4793 up");
	sys_close(&e);
}

static void options(struct sys *s, const void *arg)
{
	struct sys_ep e;
	uint64_t value = 0;
	size_t len = sizeof(value);

	(void)s;
	(void)arg;
	sys_open(&e, &plain);
	expect_ret(fi_getopt(&e.ep->fid, FI_OPT_ENDPOINT, 9999, &value, &len), -FI_ENOPROTOOPT);
	expect_ret(fi_setopt(&e.ep->fid, FI_OPT_ENDPOINT, 9999, &value, len), -FI_ENOPROTOOPT);
	expect_ret(fi_getopt(&e.ep->fid, 77, FI_OPT_FI_HMEM_P2P, &value, &len), -FI_ENOPROTOOPT);
	expect_ret(fi_setopt(&e.ep->fid, 77, FI_OPT_FI_HMEM_P2P, &value, len), -FI_ENOPROTOOPT);
	expect_ret(fi_getopt(&e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_CM_DATA_SIZE, &value, &len),
		   -FI_ENOPROTOOPT);
	len = 1;
	expect_ret(fi_getopt(&e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_FI_HMEM_P2P, &value, &len),
		   -FI_ETOOSMALL);
	expect_eq(len, sizeof(int));
	expect_ok(fi_getopt(&e.ep->fid, FI_OPT_ENDPOINT, FI_OPT_FI_HMEM_P2P, &value, &len));
	expect(e.ep->ops->tx_size_left(e.ep) > 0, "room for sends");
	expect(e.ep->ops->rx_size_left(e.ep) > 0, "room for receives");
	sys_close(&e);
}

#if HAVE_DECL_FI_OPT_MAX_MSG_SIZE
/* What an endpoint can do is not what the application left in its info. */
static void size_options(struct sys *s, const void *arg)
{
	static const int names[] = {
		FI_OPT_MAX_MSG_SIZE, FI_OPT_MAX_TAGGED_SIZE, FI_OPT_MAX_RMA_SIZE,
		FI_OPT_MAX_ATOMIC_SIZE, FI_OPT_INJECT_MSG_SIZE, FI_OPT_INJECT_TAGGED_SIZE,
		FI_OPT_INJECT_RMA_SIZE, FI_OPT_INJECT_ATOMIC_SIZE,
	};
	struct sys_ep e;
	size_t value, len, i, max;

	(void)s;
	(void)arg;
	sys_open_objects(&e, &plain);
	max = e.info->ep_attr->max_msg_size;
	e.info->ep_attr->max_msg_size = 0;
	e.info->tx_attr->inject_size = 0;
	expect_ok(fi_endpoint(e.domain, e.info, &e.ep, NULL));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = 1;
		len = sizeof(value);
		expect_ok(fi_getopt(&e.ep->fid, FI_OPT_ENDPOINT, names[i], &value, &len));
		expect_eq(len, sizeof(value));
		if (i < 3)
			expect_eq(value, max);
		else if (i > 3)
			expect_eq(value, 0);
	}
	sys_close(&e);
}
#endif

/* ---- address vectors ---- */

/* a sends to b, whose address comes and goes. */
static void av_remove(struct sys *s, const void *arg)
{
	struct sys_op send = { 0 }, recv = { 0 }, lost = { 0 };
	struct sys_ep a, b;
	fi_addr_t to, again;
	uint64_t in, out = 1;

	(void)s;
	(void)arg;
	sys_open(&a, &plain);
	sys_open(&b, &plain);
	expect_ret(fi_tsend(a.ep, &out, 8, NULL, 0, 1, &lost), -FI_EINVAL);
	expect_ret(fi_tsend(a.ep, &out, 8, NULL, 12345678, 1, &lost), -FI_EINVAL);
	expect_ret(fi_tsend(a.ep, &out, 8, NULL, FI_ADDR_UNSPEC, 1, &lost), -FI_EINVAL);
	expect_ret(fi_tinject(a.ep, &out, 8, FI_ADDR_NOTAVAIL, 1), -FI_EINVAL);
	sys_insert(&a, a.name);
	to = sys_insert(&a, b.name);
	expect_eq(to, 1);
	for (out = 1; out < 20; out++) {
		memset(&send, 0, sizeof(send));
		memset(&recv, 0, sizeof(recv));
		sys_trecv(&b, FI_ADDR_UNSPEC, &in, 8, 1, 0, &recv);
		sys_tsend(&a, to, &out, 8, 1, &send);
		while (!send.done || !recv.done)
			sys_poll(&a), sys_poll(&b);
		expect_eq(send.err + recv.err, 0);
		expect_eq(in, out);
		expect_ok(fi_av_remove(a.av, &to, 1, 0));
		expect_ret(fi_tsend(a.ep, &out, 8, NULL, to, 1, &lost), -FI_EINVAL);
		expect_ret(fi_av_remove(a.av, &to, 1, 0), -FI_EINVAL);
		again = sys_insert(&a, b.name);
		expect_eq(again, to);
	}
	sys_drive(&a, 10);
	expect_eq(lost.done, 0);
	sys_close(&a);
	sys_close(&b);
}

/* The peer is removed while messages to it are on their way: they end, one way or the other. */
static void av_remove_pending(struct sys *s, const void *arg)
{
	size_t len = 1 << 20;
	uint8_t *out = sys_alloc(len), *in = sys_alloc(len);
	struct sys_op send = { 0 }, recv = { 0 };
	struct sys_ep a, b;
	fi_addr_t to;

	(void)s;
	(void)arg;
	sys_open(&a, &plain);
	sys_open(&b, &plain);
	to = sys_insert(&a, b.name);
	sys_fill(out, len, 1);
	sys_trecv(&b, FI_ADDR_UNSPEC, in, len, 1, 0, &recv);
	sys_tsend(&a, to, out, len, 1, &send);
	expect_ok(fi_av_remove(a.av, &to, 1, 0));
	sys_at(__FILE__, __LINE__);
	while (!send.done)
		sys_poll(&a), sys_poll(&b);
	if (!send.err) {
		sys_wait_ok(&b, &recv);
		sys_verify(in, len, 1);
	}
	free(in);
	free(out);
	sys_close(&a);
	sys_close(&b);
}

static void av_calls(struct sys *s, const void *arg)
{
	struct sockaddr_in bad = { .sin_family = AF_INET };
	struct sockaddr_in sin, list[3];
	fi_addr_t addr[12];
	struct sys_ep e;
	int errors[3];
	char text[64];
	size_t len;

	(void)s;
	(void)arg;
	sys_open(&e, &plain);
	expect_ret(fi_av_insertsvc(e.av, "127.0.0.1", "5000", addr, 0, NULL), 1);
	expect_eq(addr[0], 0);
	expect_ret(fi_av_insertsvc(e.av, "127.0.0.1", "", addr, 0, NULL), -FI_EINVAL);
	expect_ret(fi_av_insertsym(e.av, "127.0.0.2", 4, "6000", 3, addr, 0, NULL), 12);
	len = sizeof(sin);
	expect_ok(fi_av_lookup(e.av, addr[4], &sin, &len));
	expect_eq(len, sizeof(sin));
	expect_eq(ntohl(sin.sin_addr.s_addr), 0x7f000003);
	expect_eq(ntohs(sin.sin_port), 6001);
	expect_ret(fi_av_lookup(e.av, 999, &sin, &len), -FI_EINVAL);
	len = sizeof(text);
	expect(fi_av_straddr(e.av, &sin, text, &len) && strstr(text, "127.0.0.3"),
	       "the address as text, not '%s'", text);
	list[0] = sin;
	list[0].sin_port = htons(7000);
	list[1] = bad;
	list[2] = sin;
	list[2].sin_port = htons(7002);
	expect_ret(fi_av_insert(e.av, list, 3, addr, FI_SYNC_ERR, errors), 2);
	expect(addr[1] == FI_ADDR_NOTAVAIL, "no index for a bad address");
	expect_eq(errors[0], 0);
	expect(errors[1] > 0, "an error for a bad address");
	expect_eq(errors[2], 0);
	expect_eq(addr[2], addr[0] + 1);
	sys_close(&e);
}

/* Asynchronous insertion tells by the event queue. */
static void av_async(struct sys *s, const void *arg)
{
	struct fi_eq_attr eq_attr = { .wait_obj = FI_WAIT_UNSPEC };
	struct fi_av_attr attr = { .type = FI_AV_TABLE, .flags = FI_EVENT };
	struct fi_eq_entry entry;
	struct fid_eq *eq;
	struct fid_av *av;
	struct sys_ep e;
	fi_addr_t addr = FI_ADDR_NOTAVAIL;
	uint32_t event;
	int context;

	(void)s;
	(void)arg;
	sys_open(&e, &plain);
	expect_ok(fi_eq_open(e.fabric, &eq_attr, &eq, NULL));
	expect_ok(fi_av_open(e.domain, &attr, &av, NULL));
	expect_ret(fi_av_insert(av, e.name, 1, &addr, 0, &context), -FI_ENOEQ);
	expect_ok(fi_av_bind(av, &eq->fid, 0));
	expect_ret(fi_av_insert(av, e.name, 1, &addr, 0, &context), 0);
	expect_ret(fi_eq_sread(eq, &event, &entry, sizeof(entry), 5000, 0), sizeof(entry));
	expect_eq(event, FI_AV_COMPLETE);
	expect_eq(entry.data, 1);
	expect(entry.context == &context, "the context of the insertion");
	expect_eq(addr, 0);
	expect_ret(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAGAIN);
	expect_ok(fi_close(&av->fid));
	expect_ok(fi_close(&eq->fid));
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		sys_body body;
		bool any;
	} cases[] = {
		{ "objects/close-order", close_order, false },
		{ "objects/keeps-parent", keeps_parent, false },
		{ "objects/binding", binding, false },
		{ "objects/binding-foreign-av", binding_foreign_av, false },
		{ "objects/before-enable", before_enable, false },
		{ "objects/unsupported", unsupported, false },
		{ "objects/names", names, false },
		{ "objects/options", options, false },
#if HAVE_DECL_FI_OPT_MAX_MSG_SIZE
		{ "objects/size-options", size_options, false },
#endif
		{ "objects/av-remove", av_remove, false },
		{ "objects/av-remove-pending", av_remove_pending, true },
		{ "objects/av-calls", av_calls, false },
		{ "objects/av-async", av_async, false },
	};
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cases[i].any || sys_is_uet())
			sys_case(cases[i].name, 1, cases[i].body, NULL);
	return sys_end();
}
