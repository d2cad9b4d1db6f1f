/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SES over the real PDS in virtual time, for protocols in which both sides take turns: nodes on
 * the net of pds_sim.h, with operations that tests keep and look at. The initiator id of a node
 * is its UDP port, as the endpoints of ofi/ have it.
 *
 * Include once per test program.
 */
#ifndef UET_TEST_SES_WORLD_H
#define UET_TEST_SES_WORLD_H

#include "pds_sim.h"

#include "ses/ses.h"

#define W_NODES	4
#define W_STEP	(20 * USEC)
#define W_STEPS	(100 * SEC / W_STEP)	/* as good as for ever */

struct w_op {
	bool done;
	int err;
	uint32_t prov_errno;
	struct uet_ses_rx_result res;
	uint64_t seq;			/* order in which operations of the node ended */
};

struct w_node {
	struct w_world *world;
	struct sim_end *end;
	struct uet_ses *ses;
	struct uet_ses_rxq *rxq;
	uint64_t seq;
};

struct w_world {
	struct sim sim;
	struct uet_ses_cfg cfg;		/* of nodes that are added */
	struct uet_ses_rxq_cfg rxq;
	struct w_node n[W_NODES];
	int nodes;
};

static void w_tx_done(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct w_node *n = upper;
	struct w_op *op = tx->context;

	assert_false(op->done);
	op->done = true;
	op->err = err;
	op->prov_errno = prov_errno;
	op->seq = ++n->seq;
	uet_ses_tx_put(n->ses, tx);
}

static void w_rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct w_node *n = upper;
	struct w_op *op = rx->context;

	assert_false(op->done);
	op->done = true;
	op->err = res->err;
	op->res = *res;
	op->seq = ++n->seq;
	uet_ses_rx_put(n->rxq, rx);
}

static const struct uet_ses_upper_ops w_ops = { .tx_done = w_tx_done, .rx_done = w_rx_done };

static inline struct w_world *w_new(uint64_t seed)
{
	struct w_world *w = calloc(1, sizeof(*w));

	sim_init(&w->sim, seed);
	w->cfg = (struct uet_ses_cfg){
		.pds = sim_cfg(), .job_id = 1, .resource_index = 1, .payload_mtu = 1024,
		.max_tx = 64, .inject_size = 256, .defer_size = 4096,
		.retry_time = 10 * MSEC, .retry_max = 100 * MSEC, .probe_time = 100 * MSEC,
	};
	w->cfg.pds.max_stored = 64;
	w->cfg.pds.mp_range = 128;
	w->rxq = (struct uet_ses_rxq_cfg){
		.max_rx = 256, .max_unexpected = 32, .max_unexpected_bytes = 30000,
	};
	return w;
}

/* Bring node @i to life, on its end. */
static inline void w_start(struct w_world *w, int i)
{
	struct w_node *n = &w->n[i];
	struct uet_ses_cfg cfg = w->cfg;

	cfg.pds.seed = uet_rand_u64(&w->sim.rand);
	cfg.initiator = n->end->nic.addr.port;
	cfg.pid_on_fep = (uint16_t)(cfg.initiator - 4793);
	assert_int_equal(uet_ses_create(&cfg, &n->end->nic, &w_ops, n, w->sim.now, &n->ses), 0);
	assert_int_equal(uet_ses_rxq_create(&w->rxq, &w_ops, n, &n->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(n->ses, 1, n->rxq), 0);
	n->end->pds = uet_ses_pds(n->ses);
}

static inline struct w_node *w_add(struct w_world *w)
{
	int i = w->nodes++;

	w->n[i].world = w;
	w->n[i].end = &w->sim.end[sim_add(&w->sim, NULL)];
	w_start(w, i);
	return &w->n[i];
}

/* The process of @n ends without a word; its end of the net stays. */
static inline void w_kill(struct w_node *n)
{
	uet_ses_destroy(n->ses);
	uet_ses_rxq_destroy(n->rxq);
	n->ses = NULL;
	n->rxq = NULL;
	n->end->pds = NULL;
}

static inline void w_free(struct w_world *w)
{
	int i;

	sim_check(&w->sim);
	for (i = 0; i < w->nodes; i++)
		if (w->n[i].ses)
			w_kill(&w->n[i]);
	sim_free(&w->sim);
	free(w);
}

static inline void w_step(struct w_world *w)
{
	int i;

	for (i = 0; i < w->nodes; i++)
		if (w->n[i].ses)
			uet_ses_progress(w->n[i].ses, w->sim.now);
	sim_run_for(&w->sim, W_STEP);
}

static inline void w_run(struct w_world *w, uint64_t ns)
{
	uint64_t end = w->sim.now + ns;

	while (w->sim.now < end)
		w_step(w);
}

/* Until @op has ended. */
static inline void w_wait(struct w_world *w, const struct w_op *op)
{
	uint64_t k;

	for (k = 0; k < W_STEPS && !op->done; k++)
		w_step(w);
	assert_true(op->done);
}

static inline void w_wait_ok(struct w_world *w, const struct w_op *op)
{
	w_wait(w, op);
	assert_int_equal(op->err, 0);
}

/* What a test may want otherwise than usual. */
struct w_send {
	uint8_t mode;
	bool tagged, match, dc, has_data, inject;
	uint64_t tag, data;
};

static inline int w_try_send(struct w_node *from, const struct w_node *to, const void *buf,
			     size_t len, const struct w_send *how, struct w_op *op)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(from->ses);
	int ret;

	if (!tx)
		return -EAGAIN;
	tx->dest.addr = to->end->nic.addr;
	tx->dest.pid_on_fep = (uint16_t)(tx->dest.addr.port - 4793);
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->mode = how->mode;
	tx->opcode = how->tagged ? UET_OP_TAGGED_SEND : UET_OP_SEND;
	tx->match = how->match;
	tx->dc = how->dc;
	tx->inject = how->inject;
	tx->has_data = how->has_data;
	tx->data = how->data;
	tx->tag = how->tag;
	tx->len = len;
	tx->iov_cnt = 2;
	tx->iov[0].iov_base = (void *)(uintptr_t)buf;
	tx->iov[0].iov_len = len / 3;
	tx->iov[1].iov_base = (char *)(uintptr_t)buf + len / 3;
	tx->iov[1].iov_len = len - len / 3;
	tx->context = op;
	memset(op, 0, sizeof(*op));
	ret = uet_ses_send(from->ses, tx, from->world->sim.now);
	if (ret)
		uet_ses_tx_put(from->ses, tx);
	return ret;
}

static inline void w_post_send(struct w_node *from, const struct w_node *to, const void *buf,
			       size_t len, const struct w_send *how, struct w_op *op)
{
	assert_int_equal(w_try_send(from, to, buf, len, how, op), 0);
}

/* A receive in queue @queue for any source. */
static inline void w_recv(struct w_node *n, uint8_t queue, uint64_t tag, void *buf, size_t len,
			  struct w_op *op)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(n->rxq);

	assert_non_null(rx);
	memset(op, 0, sizeof(*op));
	rx->queue = queue;
	rx->tag = tag;
	rx->len = len;
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = buf;
	rx->iov[0].iov_len = len;
	rx->context = op;
	uet_ses_recv(n->rxq, rx, n->world->sim.now);
}

static inline void w_fill(uint8_t *buf, size_t len, uint64_t id)
{
	size_t b;

	for (b = 0; b < len; b++)
		buf[b] = (uint8_t)(b * 13 + id * 7 + (b >> 8) + (b >> 16));
}

static inline void w_verify(const uint8_t *buf, size_t len, uint64_t id)
{
	size_t b;

	for (b = 0; b < len; b++)
		if (buf[b] != (uint8_t)(b * 13 + id * 7 + (b >> 8) + (b >> 16)))
			fail_msg("byte %zu of message %llu differs", b, (unsigned long long)id);
}

/*
 * A long message, sent as @how says from @first, that finds no room at its target, with small ones
 * of @small behind it (and with @both as many the other way): the last waits until a
 * receive at @to is posted for the long one, and then it does. @w is empty; @len bytes.
 */
static inline void w_not_clogged(struct w_world *w, struct w_send *how, bool both,
				 uint8_t *first, size_t len, uint8_t *small, uint8_t *to)
{
	struct w_node *a, *b;
	struct w_op s[40], back[40], r;
	int i;

	w->rxq.max_unexpected = 8;
	a = w_add(w);
	b = w_add(w);
	w_post_send(a, b, first, len, how, &s[0]);
	how->tag = 1;
	for (i = 1; i < 40; i++)
		w_post_send(a, b, small, 500, how, &s[i]);
	for (i = 0; both && i < 40; i++)
		w_post_send(b, a, small, 500, how, &back[i]);
	w_run(w, 100 * MSEC);
	assert_false(s[39].done);
	w_recv(b, UET_SES_TAGGED, 0, to, len, &r);
	w_wait_ok(w, &r);
	w_wait_ok(w, &s[0]);
	w_verify(to, len, 0);
}

#endif /* UET_TEST_SES_WORLD_H */
