/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SES over the real PDS, in virtual time: a net that loses, doubles and reorders packets lies
 * between two SES. Everything arrives once, whole, and on ROD in order.
 */
#include "pds_sim.h"

#include "ses/ses.h"

#define NODES	3
#define MSGS	300
#define LONGEST	20000
#define STEP	(20 * USEC)
#define STEPS	(60 * SEC / STEP)	/* as good as for ever */

struct node {
	struct world *world;
	struct sim_end *end;
	struct uet_ses *ses;
	struct uet_ses_rxq *rxq;
	int tx_done, rx_done;
	int next_msg;		/* next to be sent by this node */
	int next_recv;		/* next to be posted */
	int tx_err;		/* of the send that failed last */
	uint32_t tx_prov_errno;
	bool failed;		/* a send or receive ended with an error */
	int got[MSGS];		/* message that receive i got */
};

struct world {
	struct sim sim;
	bool rod;
	struct node n[NODES];
};

static uint8_t out[NODES][MSGS][LONGEST], in[NODES][MSGS][LONGEST];
static size_t len[NODES][MSGS];

static void on_tx(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct node *node = upper;

	if (err) {
		node->tx_err = err;
		node->tx_prov_errno = prov_errno;
	}
	node->failed = node->failed || err;
	node->tx_done++;
	uet_ses_tx_put(node->ses, tx);
}

static void on_rx(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct node *node = upper;
	int who = (int)(node - node->world->n), from = (int)res->source.initiator - 100;
	int slot = (int)(uintptr_t)rx->context, msg;

	if (res->err) {
		node->failed = true;
		return;
	}
	msg = (int)res->data;
	assert_true(msg >= 0 && msg < MSGS);
	assert_true(res->has_data);
	assert_true(from >= 0 && from < NODES && from != who);
	assert_int_equal(res->len, len[from][msg]);
	assert_memory_equal(in[who][slot], out[from][msg], len[from][msg]);
	node->got[slot] = msg;
	node->rx_done++;
	uet_ses_rx_put(node->rxq, rx);
}

static const struct uet_ses_upper_ops upper_ops = { .tx_done = on_tx, .rx_done = on_rx };

static struct uet_ses_cfg config(struct sim *s, int who)
{
	struct uet_ses_cfg cfg = {
		.pds = sim_cfg(),
		.job_id = 1, .pid_on_fep = (uint16_t)who, .resource_index = 1,
		.initiator = (uint32_t)(100 + who), .payload_mtu = 1024, .max_tx = 64,
		.inject_size = 256, .retry_time = 10 * MSEC, .retry_max = 100 * MSEC,
	};

	cfg.pds.max_stored = 64;
	cfg.pds.mp_range = 128;
	cfg.pds.seed = uet_rand_u64(&s->rand);
	return cfg;
}

/* Put an SES on a new end of the net. */
static void node_init(struct world *w, int who)
{
	struct uet_ses_cfg cfg = config(&w->sim, who);
	struct uet_ses_rxq_cfg rxq = {
		.max_rx = 512, .max_unexpected = 8, .max_unexpected_bytes = 30000,
	};
	struct node *n = &w->n[who];

	n->world = w;
	n->end = &w->sim.end[sim_add(&w->sim, NULL)];
	assert_int_equal(uet_ses_create(&cfg, &n->end->nic, &upper_ops, n, w->sim.now, &n->ses),
			 0);
	assert_int_equal(uet_ses_rxq_create(&rxq, &upper_ops, n, &n->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(n->ses, 1, n->rxq), 0);
	n->end->pds = uet_ses_pds(n->ses);
}

static struct world *world_new(uint64_t seed, bool rod, int nodes)
{
	struct world *w = calloc(1, sizeof(*w));
	int i;

	sim_init(&w->sim, seed);
	w->rod = rod;
	for (i = 0; i < nodes; i++)
		node_init(w, i);
	return w;
}

static void world_free(struct world *w)
{
	int i;

	sim_check(&w->sim);
	for (i = 0; i < NODES; i++) {
		if (!w->n[i].ses)
			continue;
		uet_ses_destroy(w->n[i].ses);
		uet_ses_rxq_destroy(w->n[i].rxq);
		w->n[i].end->pds = NULL;
	}
	sim_free(&w->sim);
	free(w);
}

/* Let the net and both PDS and SES work for a short while. */
static void step(struct world *w)
{
	int i;

	for (i = 0; i < NODES; i++)
		if (w->n[i].ses)
			uet_ses_progress(w->n[i].ses, w->sim.now);
	sim_run_for(&w->sim, STEP);
}

/* Start the next message, if descriptors allow. */
static void start(struct world *w, int who, uint8_t opcode)
{
	struct node *n = &w->n[who];
	int m = n->next_msg, to = who == 1 ? 0 : 1;
	struct uet_ses_tx *tx;
	uint8_t *from;

	if (m == MSGS)
		return;
	tx = uet_ses_tx_get(n->ses);
	if (!tx)
		return;
	from = out[who][m];
	tx->dest.addr = w->n[to].end->nic.addr;
	tx->dest.pid_on_fep = (uint16_t)to;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->mode = w->rod ? UET_MODE_ROD : UET_MODE_RUD;
	tx->opcode = opcode;
	tx->has_data = true;
	tx->data = (uint64_t)m;
	tx->tag = (uint64_t)m;
	tx->len = len[who][m];
	tx->iov_cnt = 2;
	tx->iov[0].iov_base = from;
	tx->iov[0].iov_len = tx->len / 3;
	tx->iov[1].iov_base = from + tx->len / 3;
	tx->iov[1].iov_len = tx->len - tx->len / 3;
	tx->inject = tx->len <= 256 && (m & 1);
	if (uet_ses_send(n->ses, tx, w->sim.now)) {
		uet_ses_tx_put(n->ses, tx);
		return;
	}
	n->next_msg++;
}

static void start_send(struct world *w, int who)
{
	start(w, who, UET_OP_SEND);
}

static void start_tagged(struct world *w, int who)
{
	start(w, who, UET_OP_TAGGED_SEND);
}

static void post_recv(struct world *w, int who, uint8_t queue, uint64_t tag)
{
	struct node *n = &w->n[who];
	struct uet_ses_rx *rx = uet_ses_rx_get(n->rxq);

	assert_non_null(rx);
	rx->queue = queue;
	rx->tag = tag;
	rx->len = LONGEST;
	rx->iov_cnt = 1;
	rx->iov[0].iov_base = in[who][n->next_recv];
	rx->iov[0].iov_len = LONGEST;
	rx->context = (void *)(uintptr_t)n->next_recv++;
	uet_ses_recv(n->rxq, rx, w->sim.now);
}

static void start_recv(struct world *w, int who)
{
	const struct node *n = &w->n[who];

	/* Few at a time, so that messages often come before their receive. */
	if (n->next_recv < MSGS && n->next_recv - n->rx_done < 3)
		post_recv(w, who, UET_SES_UNTAGGED, 0);
}

static bool finished(const struct world *w)
{
	return w->n[0].rx_done == MSGS && w->n[1].rx_done == MSGS && uet_ses_idle(w->n[0].ses) &&
	       uet_ses_idle(w->n[1].ses);
}

static void make_messages(struct world *w, uint64_t seed)
{
	size_t b;
	int i, k;

	for (i = 0; i < NODES; i++)
		for (k = 0; k < MSGS; k++) {
			uint32_t r = uet_rand_u32(&w->sim.rand);

			len[i][k] = r % 4 == 0 ? r / 4 % LONGEST : r / 4 % 2000;
			for (b = 0; b < len[i][k]; b++)
				out[i][k][b] = (uint8_t)(b * 13 + (size_t)k * 7 + (b >> 8) + seed);
		}
}

static void check_node(const struct node *n, bool rod)
{
	bool seen[MSGS] = { false };
	int k;

	assert_false(n->failed);
	assert_int_equal(n->tx_done, MSGS);
	for (k = 0; k < MSGS; k++) {
		assert_false(seen[n->got[k]]);
		seen[n->got[k]] = true;
		if (rod)	/* untagged receives match in the order of sending */
			assert_int_equal(n->got[k], k);
	}
	assert_true(uet_ses_stats(n->ses)->unexpected > 0);
}

static void run(uint64_t seed, bool rod, uint32_t loss_ppm, uint32_t jitter)
{
	struct world *w = world_new(seed, rod, 2);
	uint64_t k;
	int i;

	w->sim.drop_ppm = loss_ppm;
	w->sim.dup_ppm = loss_ppm / 2;
	w->sim.jitter = jitter;
	make_messages(w, seed);
	for (k = 0; k < STEPS && !finished(w); k++) {
		for (i = 0; i < 2; i++) {
			if (uet_rand_u32(&w->sim.rand) % 4 == 0)
				start_send(w, i);
			if (uet_rand_u32(&w->sim.rand) % 12 == 0)
				start_recv(w, i);
		}
		step(w);
	}
	if (!finished(w))
		print_error("seed %llu stalled: rx %d %d, tx %d %d\n", (unsigned long long)seed,
			    w->n[0].rx_done, w->n[1].rx_done, w->n[0].tx_done, w->n[1].tx_done);
	assert_true(finished(w));
	for (i = 0; i < 2; i++)
		check_node(&w->n[i], rod);
	world_free(w);
}

static void rud_clean(void **state)
{
	(void)state;
	run(1, false, 0, 0);
}

static void rod_clean(void **state)
{
	(void)state;
	run(2, true, 0, 0);
}

static void rud_reordered(void **state)
{
	(void)state;
	run(3, false, 0, 300 * USEC);
}

static void rud_lossy(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 10; seed < 16; seed++)
		run(seed, false, 30000, 200 * USEC);
}

static void rod_lossy(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 20; seed < 26; seed++)
		run(seed, true, 20000, 20 * USEC);
}

static void await_recv(struct world *w, int who, int cnt)
{
	uint64_t k;

	for (k = 0; k < STEPS && w->n[who].rx_done < cnt; k++)
		step(w);
	assert_int_equal(w->n[who].rx_done, cnt);
}

/*
 * Two messages, of which the second finds no memory, and a third one behind them. The second
 * can be seen, holds up nobody else's messages, and comes whole once there is a receive.
 */
static void over_limit(void **state)
{
	struct uet_ses_rx pattern = { .queue = UET_SES_TAGGED, .tag = 1 };
	struct uet_ses_rx_result res;
	struct world *w;
	int rod, i, m;

	(void)state;
	for (rod = 0; rod < 2; rod++) {
		w = world_new(70 + (uint64_t)rod, rod, 3);
		make_messages(w, 3);
		len[0][0] = len[0][1] = LONGEST;
		for (m = 0; m < 3; m++)
			start_tagged(w, 0);
		for (i = 0; i < 1000; i++)
			step(w);
		assert_int_equal(uet_ses_peek(w->n[1].rxq, &pattern, UET_SES_PEEK, &res, NULL), 0);
		assert_int_equal(res.msg_len, LONGEST);
		for (i = 1; i <= 20; i++) {
			start_recv(w, 1);
			start_send(w, 2);
			await_recv(w, 1, i);
		}
		for (m = 1; m < 4; m++, i++) {
			post_recv(w, 1, UET_SES_TAGGED, (uint64_t)(m % 3));
			await_recv(w, 1, i);
		}
		assert_false(w->n[1].failed);
		assert_true(uet_ses_stats(w->n[1].ses)->unexpected_refused > 0);
		world_free(w);
	}
}

/* A wrong PIDonFEP: the message is cut short, the error reported, the PDC still good. */
static void refused_for_good(void **state)
{
	uint64_t k;
	int rod;

	(void)state;
	for (rod = 0; rod < 2; rod++) {
		struct world *w = world_new(40 + (uint64_t)rod, rod, 2);
		struct uet_ses_tx *tx = uet_ses_tx_get(w->n[0].ses);

		make_messages(w, 1);
		tx->dest.addr = w->n[1].end->nic.addr;
		tx->dest.pid_on_fep = 0x777;
		tx->dest.resource_index = 1;
		tx->opcode = UET_OP_SEND;
		tx->mode = rod ? UET_MODE_ROD : UET_MODE_RUD;
		tx->len = sizeof(out[0]);	/* all messages as one */
		tx->iov_cnt = 1;
		tx->iov[0].iov_base = out[0];
		tx->iov[0].iov_len = tx->len;
		assert_int_equal(uet_ses_send(w->n[0].ses, tx, w->sim.now), 0);
		start_send(w, 0);
		start_recv(w, 1);
		for (k = 0; k < STEPS && w->n[1].rx_done < 1; k++)
			step(w);
		assert_int_equal(w->n[1].rx_done, 1);
		for (k = 0; k < STEPS && w->n[0].tx_done < 2; k++)
			step(w);
		assert_int_equal(w->n[0].tx_err, -ECONNREFUSED);
		assert_int_equal(w->n[0].tx_prov_errno, UET_RC_BAD_PID);
		assert_int_equal(uet_ses_stats(w->n[1].ses)->unexpected, 0);
		world_free(w);
	}
}

/* The peer vanishes in the middle: the receive that was matched fails, and so do sends. */
static void peer_dies(void **state)
{
	struct world *w = world_new(50, false, 2);
	uint64_t k;

	(void)state;
	make_messages(w, 1);
	len[0][0] = sizeof(out[0]);
	w->sim.end[0].deaf = true;	/* one window gets through, no answer comes back */
	start_recv(w, 1);
	start_send(w, 0);
	for (k = 0; k < STEPS && w->n[1].end->pds->stats.rx_data < 3; k++)
		sim_run_for(&w->sim, SIM_GRID);
	w->sim.end[1].deaf = true;
	for (k = 0; k < STEPS && w->n[0].tx_done == 0; k++)
		sim_run_for(&w->sim, 100 * MSEC);
	assert_int_equal(w->n[0].tx_err, -ETIMEDOUT);
	assert_true(uet_ses_idle(w->n[0].ses));
	for (k = 0; k < STEPS && !w->n[1].failed; k++)
		sim_run_for(&w->sim, 100 * MSEC);
	assert_true(w->n[1].failed);
	world_free(w);
}

/*
 * A target that disables its resource index now and then, as UEC 3.4.6.3.2 wants it on ROD:
 * it refuses whole messages, each packet of them, for a while, and after that those which do
 * not know the new generation. It stands on a bare PDS.
 */
struct refuser {
	struct sim *sim;
	uint64_t enabled_at;
	uint8_t generation;
	uint8_t verdict;		/* on the message that is under way */
	uint32_t refused_cnt, msg_errors;
	uint32_t accepted;		/* also the number of the message that has to come */
};

static void refuser_answer(const struct refuser *r, struct uet_pds_answer *a,
			   const struct uet_ses_req *req, uint8_t op, uint8_t rc)
{
	struct uet_ses_resp resp = {
		.format = UET_HDR_RESPONSE, .opcode = op, .return_code = rc,
		.message_id = req->message_id, .job_id = req->job_id,
		.ri_generation = rc == UET_RC_BAD_GENERATION ? r->generation : 0,
	};

	a->next_hdr = UET_HDR_RESPONSE;
	a->gtd_del = op == UET_RESP_RESPONSE;
	a->len = (uint8_t)uet_ses_resp_pack(&resp, a->ses);
}

/* What becomes of a new message. */
static uint8_t refuser_judge(struct refuser *r, const struct uet_ses_req *req)
{
	if (r->sim->now < r->enabled_at)
		return UET_RC_DISABLED_GEN;
	if (req->ri_generation != r->generation)
		return UET_RC_BAD_GENERATION;
	if (r->generation == UINT8_MAX || uet_rand_u32(&r->sim->rand) % 8)
		return UET_RC_OK;
	r->enabled_at = r->sim->now + 3 * MSEC;
	r->generation++;
	return UET_RC_DISABLED_GEN;
}

static void refuser_rx(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *a)
{
	struct refuser *r = upper;
	struct uet_ses_req req;
	int m;

	assert_int_equal(uet_ses_req_unpack(&req, rx->next_hdr, rx->data, rx->len),
			 UET_SES_STD_LEN);
	m = (int)req.match_bits;
	if (req.opcode == UET_OP_MSG_ERROR) {
		r->msg_errors++;
		refuser_answer(r, a, &req, UET_RESP_DEFAULT, UET_RC_OK);
		return;
	}
	if (req.som) {
		r->verdict = refuser_judge(r, &req);
		if (r->verdict == UET_RC_OK) {
			assert_int_equal(m, r->accepted);
			r->accepted++;
		}
	}
	if (r->verdict != UET_RC_OK) {
		r->refused_cnt++;
		refuser_answer(r, a, &req, UET_RESP_RESPONSE, r->verdict);
		return;
	}
	refuser_answer(r, a, &req, req.eom ? UET_RESP_DEFAULT : UET_RESP_NO_RESPONSE,
		       req.eom ? UET_RC_OK : UET_RC_NULL);
}

static void refuser_gone(void *upper, struct uet_pdc *pdc, int err)
{
	(void)upper;
	(void)pdc;
	(void)err;
}

/* On ROD no message overtakes one that was refused, however it goes. */
static void disabled_keeps_order(void **state)
{
	static const struct uet_pds_upper_ops ops = { .rx = refuser_rx, .pdc_gone = refuser_gone };
	uint64_t seed;

	(void)state;
	for (seed = 60; seed < 70; seed++) {
		struct world *w = world_new(seed, true, 1);
		struct refuser r = { .sim = &w->sim };
		struct uet_pds_cfg cfg = sim_cfg();
		struct sim_end *e = &w->sim.end[sim_add(&w->sim, NULL)];
		uint64_t k;

		assert_int_equal(uet_pds_create(&cfg, &e->nic, &ops, &r, w->sim.now, &e->pds), 0);
		w->n[1].end = e;
		w->sim.drop_ppm = 10000;
		make_messages(w, seed);
		for (k = 0; k < STEPS && w->n[0].tx_done < MSGS; k++) {
			if (uet_rand_u32(&w->sim.rand) % 4 == 0)
				start_tagged(w, 0);
			step(w);
		}
		assert_int_equal(w->n[0].tx_done, MSGS);
		assert_false(w->n[0].failed);
		assert_int_equal(r.accepted, MSGS);
		assert_true(r.refused_cnt > 5);
		assert_true(r.msg_errors > 0);
		assert_true(uet_ses_idle(w->n[0].ses));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rud_clean),
		cmocka_unit_test(rod_clean),
		cmocka_unit_test(rud_reordered),
		cmocka_unit_test(rud_lossy),
		cmocka_unit_test(rod_lossy),
		cmocka_unit_test(over_limit),
		cmocka_unit_test(refused_for_good),
		cmocka_unit_test(peer_dies),
		cmocka_unit_test(disabled_keeps_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
