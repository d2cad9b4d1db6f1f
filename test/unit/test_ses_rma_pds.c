/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomics over the real PDS, in virtual time, through a net that loses, doubles and
 * reorders: what was written is there, what was read is what was there, and every atomic
 * was executed once.
 */
#include "pds_sim.h"

#include "ses/amo.h"
#include "ses/ses.h"

#define NODES	2
#define OPS	240
#define SLOT	12000		/* longest read or write */
#define STEP	(20 * USEC)
#define STEPS	(60 * SEC / STEP)
#define ELEMENTS 200		/* of the long atomic */

enum { SLOTS, SOURCE, COUNTERS, REGIONS };

struct counters {
	uint64_t fetched, added;
	uint32_t many[ELEMENTS];
};

struct op {
	uint8_t opcode;
	uint8_t buf[SLOT];	/* written from, or read to */
	uint64_t fetched;
	uint64_t operand;
	uint32_t many[ELEMENTS], ones[ELEMENTS];
	size_t len;
	bool done;
};

struct node {
	struct world *world;
	struct sim_end *end;
	struct uet_ses *ses;
	struct uet_ses_rxq *rxq;
	int started, done, events, errors;
	uint8_t slots[OPS][SLOT], source[SLOT];
	struct counters counters;
	struct iovec iov[REGIONS];
	struct uet_ses_region region[REGIONS];
	struct op op[OPS];
};

struct world {
	struct sim sim;
	uint8_t mode;
	struct node n[NODES];
};

static void on_tx(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct node *n = upper;
	struct op *op = tx->context;

	(void)prov_errno;
	n->errors += err != 0;
	assert_false(op->done);
	op->done = true;
	n->done++;
	uet_ses_tx_put(n->ses, tx);
}

static void on_rx(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	(void)upper;
	(void)rx;
	(void)res;
	fail();
}

static const struct uet_ses_region *on_region(void *upper, uint64_t key, uint16_t resource_index)
{
	struct node *n = upper;

	(void)resource_index;
	return key < REGIONS ? &n->region[key] : NULL;
}

static void on_rma(void *upper, const struct uet_ses_region *region,
		   const struct uet_ses_rma_event *event)
{
	struct node *n = upper;

	(void)region;
	(void)event;
	n->events++;
}

static const struct uet_ses_upper_ops upper_ops = {
	.tx_done = on_tx, .rx_done = on_rx, .region = on_region, .rma_done = on_rma,
};

static void node_init(struct world *w, int who)
{
	struct node *n = &w->n[who];
	struct uet_ses_rxq_cfg rxq = { .max_rx = 1, .max_unexpected = 1 };
	struct uet_ses_cfg cfg = {
		.pds = sim_cfg(),
		.job_id = 1, .pid_on_fep = (uint16_t)who, .resource_index = 1,
		.initiator = (uint32_t)(100 + who), .payload_mtu = 1024, .max_tx = 32,
		.inject_size = 256, .max_replies = 10, .retry_time = 10 * MSEC,
		.retry_max = 100 * MSEC,
	};
	size_t len[REGIONS] = { sizeof(n->slots), sizeof(n->source), sizeof(n->counters) };
	void *base[REGIONS] = { n->slots, n->source, &n->counters };
	size_t i;

	cfg.pds.max_stored = 64;
	cfg.pds.mp_range = 128;
	cfg.pds.max_rudi = 16;
	cfg.pds.seed = uet_rand_u64(&w->sim.rand);
	n->world = w;
	n->end = &w->sim.end[sim_add(&w->sim, NULL)];
	assert_int_equal(uet_ses_create(&cfg, &n->end->nic, &upper_ops, n, w->sim.now, &n->ses),
			 0);
	assert_int_equal(uet_ses_rxq_create(&rxq, &upper_ops, n, &n->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(n->ses, 1, n->rxq), 0);
	n->end->pds = uet_ses_pds(n->ses);
	for (i = 0; i < REGIONS; i++) {
		n->iov[i] = (struct iovec){ base[i], len[i] };
		n->region[i] = (struct uet_ses_region){
			.iov = &n->iov[i], .iov_cnt = 1, .len = len[i], .key = i,
			.access = UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE,
			.idempotent = true,
		};
	}
	for (i = 0; i < SLOT; i++)
		n->source[i] = (uint8_t)(i * 7 + (i >> 8) + (size_t)who);
}

static struct world *world_new(uint64_t seed, uint8_t mode)
{
	struct world *w = calloc(1, sizeof(*w));
	int i;

	sim_init(&w->sim, seed);
	w->mode = mode;
	for (i = 0; i < NODES; i++)
		node_init(w, i);
	return w;
}

static void world_free(struct world *w)
{
	int i;

	sim_check(&w->sim);
	for (i = 0; i < NODES; i++) {
		uet_ses_destroy(w->n[i].ses);
		uet_ses_rxq_destroy(w->n[i].rxq);
		w->n[i].end->pds = NULL;
	}
	sim_free(&w->sim);
	free(w);
}

static void step(struct world *w)
{
	int i;

	for (i = 0; i < NODES; i++)
		uet_ses_progress(w->n[i].ses, w->sim.now);
	sim_run_for(&w->sim, STEP);
}

static struct uet_ses_tx *new_tx(struct world *w, int who, uint8_t opcode, uint64_t key,
				 uint64_t offset, void *buf, size_t len)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(w->n[who].ses);
	int to = !who;

	if (!tx)
		return NULL;
	tx->dest.addr = w->n[to].end->nic.addr;
	tx->dest.pid_on_fep = (uint16_t)to;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->mode = w->mode;
	tx->opcode = opcode;
	tx->key = key;
	tx->offset = offset;
	tx->len = len;
	tx->iov_cnt = len ? 1 : 0;
	tx->iov[0] = (struct iovec){ buf, len };
	return tx;
}

static void set_amo(struct world *w, int who, struct uet_ses_tx *tx, uint8_t type, void *result)
{
	tx->amo = uet_ses_amo_get(w->n[who].ses);
	assert_non_null(tx->amo);
	tx->amo->op = UET_AMO_SUM;
	tx->amo->type = type;
	tx->amo->size = (uint8_t)uet_amo_size(type);
	if (result) {
		tx->amo->result_cnt = 1;
		tx->amo->result[0] = (struct iovec){ result, tx->len };
	}
}

/* The operation of number @k. */
static struct uet_ses_tx *describe(struct world *w, int who, int k, struct op *op)
{
	bool idempotent = w->mode == UET_MODE_RUDI;
	struct uet_ses_tx *tx;
	size_t i;

	op->len = uet_rand_u32(&w->sim.rand) % (k % 3 ? 2000 : SLOT);
	op->operand = 1;
	op->opcode = UET_OP_READ;
	for (i = 0; i < ELEMENTS; i++)
		op->ones[i] = 1;
	switch (idempotent ? k % 2 : k % 5) {
	case 0:
		op->opcode = UET_OP_WRITE;
		for (i = 0; i < op->len; i++)
			op->buf[i] = (uint8_t)(i * 13 + (size_t)k * 7 + (i >> 8));
		return new_tx(w, who, op->opcode, SLOTS, (uint64_t)k * SLOT, op->buf, op->len);
	case 1:
		return new_tx(w, who, op->opcode, SOURCE, SLOT - op->len, op->buf, op->len);
	case 2:
		op->opcode = UET_OP_FETCHING_ATOMIC;
		tx = new_tx(w, who, op->opcode, COUNTERS, offsetof(struct counters, fetched),
			    &op->operand, 8);
		if (tx)
			set_amo(w, who, tx, UET_AMO_UINT64, &op->fetched);
		return tx;
	case 3:
		op->opcode = UET_OP_ATOMIC;
		tx = new_tx(w, who, op->opcode, COUNTERS, offsetof(struct counters, added),
			    &op->operand, 8);
		if (tx)
			set_amo(w, who, tx, UET_AMO_UINT64, NULL);
		return tx;
	default:
		op->opcode = UET_OP_VENDOR_ATOMIC;
		tx = new_tx(w, who, UET_OP_FETCHING_ATOMIC, COUNTERS,
			    offsetof(struct counters, many), op->ones, sizeof(op->ones));
		if (tx)
			set_amo(w, who, tx, UET_AMO_UINT32, op->many);
		return tx;
	}
}

static void start(struct world *w, int who)
{
	struct node *n = &w->n[who];
	struct op *op = &n->op[n->started];
	struct uet_ses_tx *tx;

	if (n->started == OPS)
		return;
	tx = describe(w, who, n->started, op);
	if (!tx)
		return;
	tx->context = op;
	if (uet_ses_send(n->ses, tx, w->sim.now))
		uet_ses_tx_put(n->ses, tx);
	else
		n->started++;
}

/* What @n started has had its effect at @peer, once. */
static void check(const struct node *n, const struct node *peer, bool rudi)
{
	bool seen[OPS] = { false }, seen_many[OPS] = { false };
	uint32_t fetched = 0, added = 0, many = 0;
	size_t i, k;

	assert_int_equal(n->errors, 0);
	assert_int_equal(peer->events, rudi ? 0 : OPS);
	for (k = 0; k < OPS; k++) {
		const struct op *op = &n->op[k];

		if (op->opcode == UET_OP_WRITE) {
			assert_memory_equal(peer->slots[k], op->buf, op->len);
			assert_int_equal(peer->slots[k][op->len], 0);
		} else if (op->opcode == UET_OP_READ) {
			assert_memory_equal(op->buf, peer->source + SLOT - op->len, op->len);
		} else if (op->opcode == UET_OP_ATOMIC) {
			added++;
		} else if (op->opcode == UET_OP_FETCHING_ATOMIC) {
			assert_true(op->fetched < OPS && !seen[op->fetched]);
			seen[op->fetched] = true;
			fetched++;
		} else {
			assert_true(op->many[0] < OPS && !seen_many[op->many[0]]);
			seen_many[op->many[0]] = true;
			for (i = 1; i < ELEMENTS; i++)
				assert_int_equal(op->many[i], op->many[0]);
			many++;
		}
	}
	assert_int_equal(peer->counters.fetched, fetched);
	assert_int_equal(peer->counters.added, added);
	assert_int_equal(peer->counters.many[ELEMENTS - 1], many);
	assert_true(rudi || (added > 0 && fetched > 0 && many > 0));
}

static bool finished(const struct world *w)
{
	return w->n[0].done == OPS && w->n[1].done == OPS;
}

static void run(uint64_t seed, uint8_t mode, uint32_t loss_ppm, uint32_t jitter)
{
	struct world *w = world_new(seed, mode);
	uint64_t k;
	int i;

	w->sim.drop_ppm = loss_ppm;
	w->sim.dup_ppm = loss_ppm / 2;
	w->sim.jitter = jitter;
	for (k = 0; k < STEPS && !finished(w); k++) {
		for (i = 0; i < NODES; i++)
			if (uet_rand_u32(&w->sim.rand) % 3 == 0)
				start(w, i);
		step(w);
	}
	if (!finished(w))
		print_error("seed %llu stalled at %d and %d\n", (unsigned long long)seed,
			    w->n[0].done, w->n[1].done);
	assert_true(finished(w));
	for (i = 0; i < NODES; i++)
		check(&w->n[i], &w->n[!i], mode == UET_MODE_RUDI);
	world_free(w);
}

static void clean(void **state)
{
	(void)state;
	run(1, UET_MODE_RUD, 0, 0);
	run(2, UET_MODE_ROD, 0, 0);
	run(3, UET_MODE_RUDI, 0, 0);
}

static void rud(void **state)
{
	uint64_t seed;

	(void)state;
	run(4, UET_MODE_RUD, 0, 300 * USEC);
	for (seed = 10; seed < 15; seed++)
		run(seed, UET_MODE_RUD, 30000, 200 * USEC);
}

static void rod(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 20; seed < 25; seed++)
		run(seed, UET_MODE_ROD, 20000, 20 * USEC);
}

static void rudi(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 30; seed < 34; seed++)
		run(seed, UET_MODE_RUDI, 30000, 100 * USEC);
}

/* On ROD a read sees the writes before it and none behind it. */
static void rod_order(void **state)
{
	struct world *w = world_new(40, UET_MODE_ROD);
	struct node *n = &w->n[0];
	uint64_t k;
	int i;

	(void)state;
	w->sim.drop_ppm = 30000;
	w->sim.jitter = 20 * USEC;
	for (i = 0; i < 30; i++) {
		struct op *op = &n->op[i];
		struct uet_ses_tx *tx;

		op->opcode = i & 1 ? UET_OP_READ : UET_OP_WRITE;
		memset(op->buf, i + 1, 5000);
		tx = new_tx(w, 0, op->opcode, SLOTS, 0, op->buf, 5000);
		tx->context = op;
		assert_int_equal(uet_ses_send(n->ses, tx, w->sim.now), 0);
	}
	for (k = 0; k < STEPS && n->done < 30; k++)
		step(w);
	assert_int_equal(n->done, 30);
	assert_int_equal(n->errors, 0);
	for (i = 1; i < 30; i += 2)
		assert_memory_equal(n->op[i].buf, n->op[i - 1].buf, 5000);
	world_free(w);
}

/* Refused operations fail with their errors, long ones half way, and do not block others. */
static void refusals(void **state)
{
	struct world *w = world_new(50, UET_MODE_RUD);
	struct node *n = &w->n[0];
	uint64_t k;
	int i;

	(void)state;
	w->sim.drop_ppm = 30000;
	w->sim.dup_ppm = 10000;
	w->sim.jitter = 100 * USEC;
	for (i = 0; i < 24; i++) {
		struct op *op = &n->op[i];
		struct uet_ses_tx *tx;

		op->opcode = i & 1 ? UET_OP_READ : UET_OP_WRITE;
		tx = new_tx(w, 0, op->opcode, i % 3 ? SOURCE : REGIONS + 1, i % 3 == 1 ? 1 : 0,
			    op->buf, SLOT);
		tx->context = op;
		assert_int_equal(uet_ses_send(n->ses, tx, w->sim.now), 0);
	}
	for (k = 0; k < STEPS && n->done < 24; k++)
		step(w);
	assert_int_equal(n->done, 24);
	assert_int_equal(n->errors, 16);
	assert_int_equal(w->n[1].events, 8);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean),
		cmocka_unit_test(rud),
		cmocka_unit_test(rod),
		cmocka_unit_test(rudi),
		cmocka_unit_test(rod_order),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
