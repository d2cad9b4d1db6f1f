/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests of RMA and atomics share: an endpoint with counters for them, and a target
 * that does what the initiator tells it over their socket pair.
 */
#ifndef UET_TEST_SYS_RMA_H
#define UET_TEST_SYS_RMA_H

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#include "sys.h"

enum { INITIATOR, TARGET };

struct rma_cntrs {
	struct fid_cntr *read, *write, *remote_read, *remote_write;
};

/* Memory at the target. */
struct rma_region {
	uint8_t *mem;
	size_t len;
	struct fid_mr *mr;
	struct fid_cntr *cntr;	/* of remote writes, or NULL */
};

/* What the initiator knows of it. */
struct rma_key {
	uint64_t addr;		/* of the first byte */
	uint64_t key;
	size_t len;
};

enum rma_order {
	RMA_END,
	RMA_FILL,		/* [off, off + len) gets the pattern @value */
	RMA_CHECK,		/* and has it */
	RMA_ENTRY,		/* the entry of a write with data @value and @len bytes comes */
	RMA_REMOTE,		/* @value remote writes and @len remote reads were counted */
	RMA_CLOSE,		/* close the region; later nothing changes in it */
	RMA_UNCHANGED,		/* since then */
};

struct rma_cmd {
	enum rma_order order;
	uint64_t off, len, value;
};

static inline struct fid_cntr *rma_cntr(struct sys_ep *e)
{
	struct fi_cntr_attr attr = { .events = FI_CNTR_EVENTS_COMP };
	struct fid_cntr *cntr;

	expect_ok(fi_cntr_open(e->domain, &attr, &cntr, NULL));
	return cntr;
}

/* As sys_open, with counters for RMA and atomics in both roles. */
static inline void rma_open(struct sys_ep *e, const struct sys_opts *o, struct rma_cntrs *c)
{
	sys_open_objects(e, o);
	expect_ok(fi_endpoint(e->domain, e->info, &e->ep, NULL));
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT | o->tx_bind));
	expect_ok(fi_ep_bind(e->ep, &e->rxcq->fid, FI_RECV | o->rx_bind));
	c->read = rma_cntr(e);
	c->write = rma_cntr(e);
	c->remote_read = rma_cntr(e);
	c->remote_write = rma_cntr(e);
	expect_ok(fi_ep_bind(e->ep, &c->read->fid, FI_READ));
	expect_ok(fi_ep_bind(e->ep, &c->write->fid, FI_WRITE));
	expect_ok(fi_ep_bind(e->ep, &c->remote_read->fid, FI_REMOTE_READ));
	expect_ok(fi_ep_bind(e->ep, &c->remote_write->fid, FI_REMOTE_WRITE));
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
}

static inline void rma_close(struct sys_ep *e, struct rma_cntrs *c)
{
	expect_ok(fi_close(&e->ep->fid));
	e->ep = NULL;
	expect_ok(fi_close(&c->read->fid));
	expect_ok(fi_close(&c->write->fid));
	expect_ok(fi_close(&c->remote_read->fid));
	expect_ok(fi_close(&c->remote_write->fid));
	sys_close(e);
}

/* Register @len bytes, with a counter of remote writes if @event. */
static inline void rma_register(struct sys_ep *e, struct rma_region *r, size_t len,
				uint64_t access, uint64_t key, uint64_t flags, bool event)
{
	r->len = len;
	r->mem = sys_alloc(len + SYS_GUARD);
	r->cntr = NULL;
	memset(r->mem, 0, len);
	sys_guard(r->mem, len);
	expect_ok(fi_mr_reg(e->domain, r->mem, len, access, 0, key,
			    flags | (event ? FI_RMA_EVENT : 0), &r->mr, NULL));
	if (event) {
		r->cntr = rma_cntr(e);
		expect_ok(fi_mr_bind(r->mr, &r->cntr->fid, FI_REMOTE_WRITE));
	}
	if (e->info->domain_attr->mr_mode & FI_MR_ENDPOINT)
		expect_ok(fi_mr_bind(r->mr, &e->ep->fid, 0));
	if (fi_mr_key(r->mr) == FI_KEY_NOTAVAIL)
		expect_ok(fi_mr_enable(r->mr));
}

static inline void rma_unregister(struct rma_region *r)
{
	if (r->mr)
		expect_ok(fi_close(&r->mr->fid));
	if (r->cntr)
		expect_ok(fi_close(&r->cntr->fid));
	sys_check_guard(r->mem, r->len);
	free(r->mem);
}

static inline void rma_tell_key(struct sys *s, struct sys_ep *e, const struct rma_region *r)
{
	bool virt = e->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR;
	struct rma_key key = {
		.addr = virt ? (uintptr_t)r->mem : 0,
		.key = fi_mr_key(r->mr),
		.len = r->len,
	};

	sys_tell(s, INITIATOR, &key, sizeof(key));
}

static inline struct rma_key rma_hear_key(struct sys *s, struct sys_ep *e)
{
	struct rma_key key;

	sys_hear(s, TARGET, &key, sizeof(key), e);
	return key;
}

/* The initiator has the target do something, and waits until it is done. */
static inline void rma_tell(struct sys *s, struct sys_ep *e, enum rma_order order, uint64_t off,
			    uint64_t len, uint64_t value)
{
	const struct rma_cmd cmd = { order, off, len, value };
	char done;

	sys_tell(s, TARGET, &cmd, sizeof(cmd));
	sys_hear(s, TARGET, &done, 1, e);
}

static inline void rma_wait_entry(struct sys_ep *e, const struct rma_cmd *cmd, unsigned int *seen)
{
	const struct fi_cq_tagged_entry *entry = &e->null_entry;

	while (e->null_entries == *seen)
		sys_poll(e);
	expect_eq(e->null_entries, ++*seen);
	expect_eq(entry->flags, FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA);
	expect_eq(entry->data, cmd->value);
	expect_eq(entry->len, cmd->len);
	expect_eq(entry->buf == NULL, 1);
	if (e->info->caps & FI_SOURCE)
		expect_eq(e->null_src, e->peer[INITIATOR]);
}

/* Serve until RMA_END. */
static inline void rma_serve(struct sys *s, struct sys_ep *e, struct rma_region *r,
			     const struct rma_cntrs *c)
{
	unsigned int seen = e->null_entries;
	uint8_t *copy = NULL;
	struct rma_cmd cmd;

	do {
		sys_hear(s, INITIATOR, &cmd, sizeof(cmd), e);
		switch (cmd.order) {
		case RMA_FILL:
			sys_fill(r->mem + cmd.off, cmd.len, cmd.value);
			break;
		case RMA_CHECK:
			sys_verify(r->mem + cmd.off, cmd.len, cmd.value);
			sys_check_guard(r->mem, r->len);
			break;
		case RMA_ENTRY:
			rma_wait_entry(e, &cmd, &seen);
			break;
		case RMA_REMOTE:
			while (fi_cntr_read(c->remote_write) < cmd.value ||
			       fi_cntr_read(c->remote_read) < cmd.len)
				;
			expect_eq(fi_cntr_read(c->remote_write), cmd.value);
			expect_eq(fi_cntr_read(c->remote_read), cmd.len);
			break;
		case RMA_CLOSE:
			expect_ok(fi_close(&r->mr->fid));
			r->mr = NULL;
			copy = sys_alloc(r->len);
			memcpy(copy, r->mem, r->len);
			break;
		case RMA_UNCHANGED:
			expect(!memcmp(copy, r->mem, r->len), "nothing written after fi_close");
			break;
		case RMA_END:
			break;
		}
		sys_tell(s, INITIATOR, "", 1);
	} while (cmd.order != RMA_END);
	free(copy);
}

#endif /* UET_TEST_SYS_RMA_H */
