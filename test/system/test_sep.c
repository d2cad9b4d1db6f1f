/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scalable endpoints: one name, several transmit and receive contexts, each receive context
 * addressable by fi_rx_addr.
 */
#include "sys.h"

#include <sys/mman.h>

#include <rdma/fi_rma.h>

#define CTX	5
#define BITS	3
#define LEN	5000

struct sep {
	struct sys_ep e;		/* fabric, domain, AV, and one transmit queue for all */
	struct fid_ep *sep;
	struct fid_ep *tx[CTX], *rx[CTX];
	struct fid_cq *rxcq[CTX];
	struct fid_cntr *cntr;		/* of receives of context 0 */
	uint8_t name[SYS_NAME_MAX];
	fi_addr_t peer;
};

static void open_rx(struct sep *p, int i)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED };

	expect_ok(fi_rx_context(p->sep, i, NULL, &p->rx[i], NULL));
	if (!p->rxcq[i])
		expect_ok(fi_cq_open(p->e.domain, &attr, &p->rxcq[i], NULL));
	expect_ret(fi_ep_bind(p->rx[i], &p->rxcq[i]->fid, FI_TRANSMIT), -FI_EINVAL);
	expect_ret(fi_enable(p->rx[i]), -FI_ENOCQ);
	expect_ok(fi_ep_bind(p->rx[i], &p->rxcq[i]->fid, FI_RECV));
	if (i == 0)
		expect_ok(fi_ep_bind(p->rx[i], &p->cntr->fid, FI_RECV));
	expect_ok(fi_enable(p->rx[i]));
}

static void open_tx(struct sep *p, int i)
{
	expect_ok(fi_tx_context(p->sep, i, NULL, &p->tx[i], NULL));
	expect_ret(fi_ep_bind(p->tx[i], &p->e.txcq->fid, FI_RECV), -FI_EINVAL);
	expect_ok(fi_ep_bind(p->tx[i], &p->e.txcq->fid, FI_TRANSMIT));
	expect_ok(fi_enable(p->tx[i]));
}

/* Everything but the receive contexts. */
static void open_sep(struct sep *p, const struct sys_opts *o)
{
	struct fi_cntr_attr cntr_attr = { .events = FI_CNTR_EVENTS_COMP };
	struct fi_av_attr av_attr = { .type = FI_AV_TABLE, .rx_ctx_bits = BITS };
	size_t len = SYS_NAME_MAX;
	int i;

	memset(p, 0, sizeof(*p));
	sys_open_objects(&p->e, o);
	expect(p->e.info->domain_attr->max_ep_rx_ctx >= CTX, "too few contexts");
	expect_ok(fi_close(&p->e.av->fid));
	expect_ok(fi_av_open(p->e.domain, &av_attr, &p->e.av, NULL));
	expect_ok(fi_cntr_open(p->e.domain, &cntr_attr, &p->cntr, NULL));
	p->e.info->ep_attr->tx_ctx_cnt = CTX;
	p->e.info->ep_attr->rx_ctx_cnt = CTX;
	expect_ok(fi_scalable_ep(p->e.domain, p->e.info, &p->sep, NULL));
	expect_ret(fi_enable(p->sep), -FI_ENOAV);
	expect_ok(fi_scalable_ep_bind(p->sep, &p->e.av->fid, 0));
	for (i = 0; i < CTX; i++)
		open_tx(p, i);
	expect_ok(fi_enable(p->sep));
	expect_ok(fi_getname(&p->sep->fid, p->name, &len));
}

static void open_all(struct sep *p, const struct sys_opts *o)
{
	int i;

	open_sep(p, o);
	for (i = 0; i < CTX; i++)
		open_rx(p, i);
}

static void close_sep(struct sep *p)
{
	int i;

	expect_ret(fi_close(&p->sep->fid), -FI_EBUSY);
	for (i = 0; i < CTX; i++) {
		if (p->rx[i])
			expect_ok(fi_close(&p->rx[i]->fid));
		if (p->tx[i])
			expect_ok(fi_close(&p->tx[i]->fid));
		if (p->rxcq[i])
			expect_ok(fi_close(&p->rxcq[i]->fid));
	}
	expect_ok(fi_close(&p->sep->fid));
	expect_ok(fi_close(&p->cntr->fid));
	sys_close(&p->e);
}

/* Exchange names between the two processes of a case. */
static void meet(struct sys *s, struct sep *p)
{
	uint8_t name[SYS_NAME_MAX];

	sys_tell(s, !s->rank, p->name, sizeof(p->name));
	sys_hear(s, !s->rank, name, sizeof(name), NULL);
	p->peer = sys_insert(&p->e, name);
}

static void hear(struct sep *p, int i, void *context, fi_addr_t from)
{
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	ssize_t ret;

	while ((ret = fi_cq_readfrom(p->rxcq[i], &entry, 1, &src)) == -FI_EAGAIN)
		sys_poll(&p->e);
	expect_ret(ret, 1);
	expect(entry.op_context == context, "the wrong operation completed");
	expect_eq(src, from);
}

static void send_to(struct sep *p, int tx, int rx, const void *buf, size_t len)
{
	struct sys_op op = { 0 };

	sys_post(&p->e, fi_tsend(p->tx[tx], buf, len, NULL, fi_rx_addr(p->peer, rx, BITS), 1,
				 &op));
	sys_wait_ok(&p->e, &op);
}

/* Every transmit context sends to every receive context, and no message goes astray. */
static void all_to_all(struct sys *s, const void *arg)
{
	static uint8_t in[CTX][LEN], out[LEN];
	struct sys_op op[CTX] = { 0 };
	struct sep p;
	int t, r;

	open_all(&p, arg);
	meet(s, &p);
	for (t = 0; t < CTX; t++) {
		for (r = 0; r < CTX; r++)
			expect_ok(fi_trecv(p.rx[r], in[r], LEN, NULL, FI_ADDR_UNSPEC, 1, 0,
					   &op[r]));
		for (r = CTX - 1; r >= 0; r--) {
			sys_fill(out, LEN, (uint64_t)(t * CTX + r));
			send_to(&p, t, r, out, LEN);
		}
		for (r = 0; r < CTX; r++) {
			hear(&p, r, &op[r], p.peer);
			sys_verify(in[r], LEN, (uint64_t)(t * CTX + r));
		}
		sys_barrier(s, &p.e);
	}
	expect_eq(fi_cntr_read(p.cntr), CTX);
	close_sep(&p);
}

/* Each context has a queue of unexpected messages of its own; the bare address is context 0. */
static void unexpected(struct sys *s, const void *arg)
{
	struct sys_op op = { 0 };
	struct sep p;
	uint64_t in = 0;
	uint64_t r;

	open_all(&p, arg);
	meet(s, &p);
	for (r = 0; r < CTX; r++)
		send_to(&p, 0, (int)r, &r, 8);
	sys_post(&p.e, fi_tsend(p.tx[1], &r, 8, NULL, p.peer, 1, &op));
	sys_wait_ok(&p.e, &op);
	sys_barrier(s, &p.e);
	for (r = CTX; r-- > 0;) {
		expect_ok(fi_trecv(p.rx[r], &in, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &op));
		hear(&p, (int)r, &op, p.peer);
		expect_eq(in, r);
	}
	expect_ok(fi_trecv(p.rx[0], &in, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &op));
	hear(&p, 0, &op, p.peer);
	expect_eq(in, CTX);
	sys_barrier(s, &p.e);
	close_sep(&p);
}

/* A message to a context that is not enabled yet waits for it; one that cannot be is an error. */
static void late_context(struct sys *s, const void *arg)
{
	struct sys_op op = { 0 }, wrong = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 12;
	struct sep p;

	if (s->rank)
		open_all(&p, arg);
	else
		open_sep(&p, arg);
	meet(s, &p);
	if (s->rank) {
		sys_post(&p.e, fi_tsend(p.tx[0], &out, 8, NULL, fi_rx_addr(p.peer, 2, BITS), 1,
					&op));
		sys_post(&p.e, fi_tsend(p.tx[1], &out, 8, NULL, fi_rx_addr(p.peer, CTX, BITS), 1,
					&wrong));
		sys_wait(&p.e, &wrong);
		expect_eq(wrong.err, FI_ECONNREFUSED);
		expect_eq(op.done, 0);
		sys_barrier(s, &p.e);
		sys_wait_ok(&p.e, &op);
	} else {
		sys_barrier(s, &p.e);
		open_rx(&p, 2);
		expect_ok(fi_trecv(p.rx[2], &in, 8, NULL, FI_ADDR_UNSPEC, 1, 0, &recv));
		hear(&p, 2, &recv, p.peer);
		expect_eq(in, 12);
	}
	sys_barrier(s, &p.e);
	close_sep(&p);
}

/* Contexts close and open again while others work, with operations outstanding. */
static void come_and_go(struct sys *s, const void *arg)
{
	static uint8_t in[LEN], out[LEN];
	struct sys_op op = { 0 }, gone = { 0 };
	struct sep p;
	int round;

	open_all(&p, arg);
	meet(s, &p);
	for (round = 0; round < 10; round++) {
		expect_ok(fi_trecv(p.rx[1], in, LEN, NULL, FI_ADDR_UNSPEC, 99, 0, &gone));
		sys_barrier(s, &p.e);
		/* Goes to a context that may vanish: told by nobody, as its own one does. */
		sys_post(&p.e, fi_tsend(p.tx[4], out, LEN, NULL, fi_rx_addr(p.peer, 1, BITS),
					99, &gone));
		expect_ok(fi_close(&p.tx[4]->fid));
		expect_ok(fi_close(&p.rx[1]->fid));
		open_tx(&p, 4);
		open_rx(&p, 1);
		expect_ok(fi_trecv(p.rx[3], in, LEN, NULL, FI_ADDR_UNSPEC, 1, 0, &op));
		sys_barrier(s, &p.e);
		sys_fill(out, LEN, (uint64_t)round);
		send_to(&p, 4, 3, out, LEN);
		hear(&p, 3, &op, p.peer);
		sys_verify(in, LEN, (uint64_t)round);
		sys_barrier(s, &p.e);
	}
	expect_eq(gone.done, 0);
	close_sep(&p);
}

/* One-sided operations: any receive context's address will do, and its queue tells of data. */
static void one_sided(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	uint64_t memory[CTX] = { 0 }, out, peer_base = 0;
	struct sys_op op;
	struct fid_mr *mr;
	struct sep p;
	ssize_t ret;
	int i;

	open_all(&p, arg);
	meet(s, &p);
	if (p.e.info->domain_attr->mr_mode & FI_MR_VIRT_ADDR)
		peer_base = (uintptr_t)memory;
	sys_tell(s, !s->rank, &peer_base, 8);
	sys_hear(s, !s->rank, &peer_base, 8, NULL);
	expect_ok(fi_mr_reg(p.e.domain, memory, sizeof(memory), FI_REMOTE_WRITE | FI_REMOTE_READ,
			    0, 77, 0, &mr, NULL));
	sys_barrier(s, &p.e);
	for (i = 0; i < CTX; i++) {
		op = (struct sys_op){ 0 };
		out = (uint64_t)i + 1;
		sys_post(&p.e, fi_writedata(p.tx[CTX - 1 - i], &out, 8, NULL, (uint64_t)i + 50,
					    fi_rx_addr(p.peer, i, BITS),
					    peer_base + 8 * (uint64_t)i, 77, &op));
		sys_wait_ok(&p.e, &op);
	}
	for (i = 0; i < CTX; i++) {
		while ((ret = fi_cq_read(p.rxcq[i], &entry, 1)) == -FI_EAGAIN)
			sys_poll(&p.e);
		expect_ret(ret, 1);
		expect_eq(entry.data, i + 50);
		expect_eq(memory[i], i + 1);
	}
	sys_barrier(s, &p.e);
	expect_ok(fi_close(&mr->fid));
	close_sep(&p);
}

/* Peers reach the memory by way of a context that opens, is bound, and closes meanwhile. */
static void under_fire(struct sys *s, const void *arg)
{
	struct fi_cntr_attr attr = { .events = FI_CNTR_EVENTS_COMP };
	unsigned int i, rounds = sys_scaled(200, 50);
	uint64_t memory = 0, out = 1;
	struct fid_cntr *cntr;
	struct fid_mr *mr;
	struct sys_op op;
	struct sep p;
	char done = 0;

	open_all(&p, arg);
	meet(s, &p);
	expect_ok(fi_cntr_open(p.e.domain, &attr, &cntr, NULL));
	expect_ok(fi_mr_reg(p.e.domain, &memory, sizeof(memory), FI_REMOTE_WRITE, 0, 77, 0, &mr,
			    NULL));
	sys_barrier(s, &p.e);
	for (i = 0; s->rank == 0 && i < 10 * rounds; i++) {
		op = (struct sys_op){ 0 };
		sys_post(&p.e, fi_write(p.tx[0], &out, 8, NULL, fi_rx_addr(p.peer, 1, BITS), 0, 77,
					&op));
		sys_wait_ok(&p.e, &op);
	}
	for (i = 0; s->rank == 1 && i < rounds; i++) {
		expect_ok(fi_close(&p.rx[1]->fid));
		expect_ok(fi_rx_context(p.sep, 1, NULL, &p.rx[1], NULL));
		expect_ok(fi_ep_bind(p.rx[1], &p.rxcq[1]->fid, FI_RECV));
		expect_ok(fi_ep_bind(p.rx[1], &cntr->fid, FI_REMOTE_WRITE));
		expect_ok(fi_enable(p.rx[1]));
	}
	sys_tell(s, !s->rank, &done, 1);
	sys_hear(s, !s->rank, &done, 1, &p.e);
	expect_ok(fi_close(&mr->fid));
	expect_ok(fi_close(&p.rx[1]->fid));
	expect_ok(fi_close(&cntr->fid));
	p.rx[1] = NULL;
	sys_barrier(s, &p.e);
	close_sep(&p);
}

#define BIG	((size_t)1 << 20)

static uint8_t *map_big(void)
{
	uint8_t *mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(mem != MAP_FAILED, "memory");
	return mem;
}

/* The memory of operations is the application's again when their context has been closed. */
static void memory_after_close(struct sys *s, const void *arg)
{
	uint8_t *out = map_big(), *in = map_big(), *there = map_big(), *got = map_big();
	struct sys_op op[3] = { 0 }, recv = { 0 };
	struct fid_mr *mr;
	struct sep p;

	open_all(&p, arg);
	meet(s, &p);
	expect_ok(fi_mr_reg(p.e.domain, there, BIG, FI_REMOTE_WRITE | FI_REMOTE_READ, 0, 77, 0,
			    &mr, NULL));
	if (s->rank == 1)
		expect_ok(fi_trecv(p.rx[2], got, BIG, NULL, FI_ADDR_UNSPEC, 5, 0, &recv));
	sys_barrier(s, NULL);
	if (s->rank == 0) {
		sys_fill(out, BIG, 3);
		sys_post(&p.e, fi_tsend(p.tx[1], out, BIG, NULL, fi_rx_addr(p.peer, 2, BITS), 5,
					&op[0]));
		sys_post(&p.e, fi_read(p.tx[1], in, BIG, NULL, p.peer, 0, 77, &op[1]));
		sys_post(&p.e, fi_write(p.tx[1], out, BIG, NULL, p.peer, 0, 77, &op[2]));
		expect_ok(fi_close(&p.tx[1]->fid));
		p.tx[1] = NULL;
		munmap(out, BIG);
		munmap(in, BIG);
	} else {
		hear(&p, 2, &recv, p.peer);
		sys_verify(got, BIG, 3);
	}
	sys_barrier(s, &p.e);
	expect_eq(op[0].done + op[1].done + op[2].done, 0);
	expect_ok(fi_close(&mr->fid));
	close_sep(&p);
	munmap(got, BIG);
	munmap(there, BIG);
}

/* What contexts take from their endpoint, and what is refused. */
static void attributes(struct sys *s, const void *arg)
{
	struct fi_tx_attr tx = { .size = 4, .op_flags = FI_COMPLETION };
	struct fi_rx_attr rx = { .size = 2 };
	struct fid_ep *ep, *same;
	struct sep p;
	uint64_t byte;

	(void)s;
	open_sep(&p, arg);
	expect_ret(fi_rx_context(p.sep, CTX, NULL, &ep, NULL), -FI_EINVAL);
	expect_ret(fi_rx_context(p.sep, -1, NULL, &ep, NULL), -FI_EINVAL);
	expect_ret(fi_tx_context(p.sep, CTX, NULL, &ep, NULL), -FI_EINVAL);
	expect_ret(fi_tx_context(p.sep, 0, NULL, &ep, NULL), -FI_EBUSY);
	expect_ok(fi_close(&p.tx[0]->fid));
	expect_ok(fi_tx_context(p.sep, 0, &tx, &ep, NULL));
	expect_eq(tx.size, 4);
	expect_eq(tx.inject_size, p.e.info->tx_attr->inject_size);
	expect_ok(fi_close(&ep->fid));
	tx.inject_size = p.e.info->tx_attr->inject_size + 1;
	expect_ret(fi_tx_context(p.sep, 0, &tx, &ep, NULL), -FI_EINVAL);
	p.tx[0] = NULL;
	expect_ok(fi_rx_context(p.sep, 0, &rx, &ep, NULL));
	expect_ret(fi_rx_context(p.sep, 0, &rx, &same, NULL), -FI_EBUSY);
	expect_eq(rx.size, 2);
	expect_ret(fi_trecv(ep, &byte, 8, NULL, FI_ADDR_UNSPEC, 0, 0, NULL), -FI_EOPBADSTATE);
	expect_ok(fi_close(&ep->fid));
	/* The endpoint itself carries no data and has no queues. */
	expect_ret(fi_trecv(p.sep, &byte, 8, NULL, FI_ADDR_UNSPEC, 0, 0, NULL), -FI_EOPBADSTATE);
	expect_ret(fi_tinject(p.sep, &byte, 8, 0, 0), -FI_EOPBADSTATE);
	expect_ret(fi_ep_bind(p.sep, &p.e.txcq->fid, FI_TRANSMIT), -FI_EOPBADSTATE);
	close_sep(&p);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = { .caps = FI_SOURCE | FI_NAMED_RX_CTX };
	static const struct sys_opts rod = {
		.caps = FI_SOURCE | FI_NAMED_RX_CTX, .msg_order = FI_ORDER_SAS,
	};
	static const struct sys_opts rma = { .caps = FI_SOURCE | FI_RMA | FI_NAMED_RX_CTX };
	static const struct sys_opts automatic = {
		.caps = FI_SOURCE | FI_NAMED_RX_CTX, .progress = FI_PROGRESS_AUTO,
	};

	static const struct sys_opts auto_rma = {
		.caps = FI_SOURCE | FI_RMA | FI_NAMED_RX_CTX, .progress = FI_PROGRESS_AUTO,
	};

	sys_begin(argc, argv);
	sys_case("all to all", 2, all_to_all, &rud);
	sys_case("all to all, ordered", 2, all_to_all, &rod);
	sys_case("all to all, automatic progress", 2, all_to_all, &automatic);
	sys_case("unexpected messages", 2, unexpected, &rud);
	sys_case("late context", 2, late_context, &rud);
	sys_case("contexts come and go", 2, come_and_go, &rud);
	sys_case("one-sided operations", 2, one_sided, &rma);
	sys_case("one-sided operations under way", 2, under_fire, &auto_rma);
	sys_case("memory after close", 2, memory_after_close, &rma);
	sys_case("attributes", 1, attributes, &rud);
	return sys_end();
}
