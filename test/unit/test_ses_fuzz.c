/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two SES over the real PDS do everything at once - sends short and deferrable, receives of all
 * kinds, RMA, atomics, RUDI, datagrams, regions that come and go - while a third party sends
 * packets of all opcodes that are nearly right: in its own name and in theirs, on their PDCs,
 * with message ids, keys, tokens and PSNs that are in use. Nothing may be touched after it was
 * given back (all memory is malloced for one operation), everything ends, and every pool is
 * whole in the end.
 */
#include "ses_world.h"

#include "ses/defer.h"
#include "ses/rma.h"

#define OPS	4000
#define REGIONS	6
#define OPEN	24		/* operations of one node under way */
#define MTU	1024
#ifndef SEEDS
#define SEEDS	8		/* more with make CPPFLAGS=-DSEEDS=... */
#endif

struct op {
	struct uet_list link;		/* fuzz.ops */
	struct fuzz *f;
	struct w_node *node;
	uint8_t *buf, *compare, *result;
};

struct region {
	struct uet_ses_region r;
	struct iovec iov[2];
	int node;
};

struct fuzz {
	struct w_world *w;
	struct region *regions[REGIONS];
	struct uet_list ops;
	uint64_t keys;
	int sends[2], recvs[2];		/* under way */
	int third;			/* end of the third party */
	int most_recvs;
	bool hostile;
	uint32_t events, errors;
};

static struct fuzz *current;

static uint32_t pick(struct fuzz *f, uint32_t n)
{
	return uet_rand_u32(&f->w->sim.rand) % n;
}

static bool chance(struct fuzz *f, uint32_t percent)
{
	return pick(f, 100) < percent;
}

static int index_of(const struct fuzz *f, const struct w_node *n)
{
	return (int)(n - f->w->n);
}

/* ---- the floor above ---- */

static void free_op(struct op *op)
{
	uet_list_del(&op->link);
	free(op->buf);
	free(op->compare);
	free(op->result);
	free(op);
}

static void on_tx(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct w_node *n = upper;
	struct op *op = tx->context;

	(void)prov_errno;
	op->f->sends[index_of(op->f, n)]--;
	op->f->errors += err != 0;
	if (!op->f->hostile)
		assert_true(err == 0 || err == -ENOKEY || err == -EFAULT || err == -EACCES ||
			    err == -EOPNOTSUPP || err == -EINVAL);
	uet_ses_tx_put(n->ses, tx);
	free_op(op);
}

static void on_rx(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct w_node *n = upper;
	struct op *op = rx->context;
	bool part = rx->parent;

	assert_true(res->len <= res->msg_len || res->err);
	if (res->err == 0 && !res->released)
		assert_true(rx->len >= res->len);
	op->f->events++;
	if (part && !res->released)
		return;
	uet_ses_rx_put(n->rxq, rx);
	op->f->recvs[index_of(op->f, n)]--;
	free_op(op);
}

static const struct uet_ses_region *on_region(void *upper, uint64_t key, uint16_t resource_index)
{
	struct w_node *n = upper;
	int i;

	(void)resource_index;
	for (i = 0; i < REGIONS; i++) {
		struct region *r = current->regions[i];

		if (r && r->r.key == key && r->node == index_of(current, n))
			return &r->r;
	}
	return NULL;
}

static void on_rma(void *upper, const struct uet_ses_region *region,
		   const struct uet_ses_rma_event *event)
{
	(void)upper;
	assert_true(event->len <= region->len);
	current->events++;
}

static const struct uet_ses_upper_ops ops = {
	.tx_done = on_tx, .rx_done = on_rx, .region = on_region, .rma_done = on_rma,
};

/* ---- regions ---- */

static void drop_region(struct fuzz *f, int i)
{
	struct region *r = f->regions[i];

	if (!r)
		return;
	f->regions[i] = NULL;
	if (f->w->n[r->node].ses)
		uet_ses_region_gone(f->w->n[r->node].ses, &r->r);
	free(r->iov[0].iov_base);
	free(r->iov[1].iov_base);
	free(r);
}

static void new_region(struct fuzz *f, int i)
{
	struct region *r = calloc(1, sizeof(*r));
	size_t first = 16 + 16 * pick(f, 300), second = 16 + 16 * pick(f, 300);

	drop_region(f, i);
	r->node = i % 2;
	r->iov[0] = (struct iovec){ calloc(1, first), first };
	r->iov[1] = (struct iovec){ calloc(1, second), second };
	r->r.iov = r->iov;
	r->r.iov_cnt = 2;
	r->r.len = first + second;
	r->r.base = chance(f, 50) ? 0 : 1000;
	/* Now and then the key of one that has just gone. */
	r->r.key = chance(f, 30) ? f->keys : ++f->keys;
	if (chance(f, 30))
		r->r.key = UET_KEY_OPTIMIZED | (uint32_t)i;
	r->r.access = chance(f, 90) ? UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE :
				      UET_SES_REMOTE_READ;
	r->r.idempotent = chance(f, 80);
	f->regions[i] = r;
}

/* ---- operations of the two ---- */

static struct op *new_op(struct fuzz *f, struct w_node *n, size_t len)
{
	struct op *op = calloc(1, sizeof(*op));

	op->f = f;
	op->node = n;
	uet_list_init(&op->link);
	uet_list_add_tail(&f->ops, &op->link);
	op->buf = calloc(1, len ? len : 1);
	return op;
}

static size_t some_len(struct fuzz *f)
{
	static const uint32_t most[] = { 1, 17, 100, 1025, 3000, 12000, 40000 };

	return pick(f, most[pick(f, UET_ARRAY_SIZE(most))]);
}

static void post_recv(struct fuzz *f, struct w_node *n)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(n->rxq);
	struct op *op;

	if (!rx)
		return;
	rx->queue = (uint8_t)pick(f, 2);
	rx->tag = pick(f, 3);
	rx->ignore = chance(f, 50) ? ~0ull : 0;
	rx->len = chance(f, 70) ? 40000 : some_len(f);
	rx->multi = chance(f, 30);
	rx->min_free = rx->multi ? pick(f, 3000) : 0;
	op = new_op(f, n, rx->len);
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ op->buf, rx->len };
	rx->context = op;
	f->recvs[index_of(f, n)]++;
	uet_ses_recv(n->rxq, rx, f->w->sim.now);
}

static void peek(struct fuzz *f, struct w_node *n)
{
	struct uet_ses_rx pattern = { .queue = (uint8_t)pick(f, 2), .ignore = ~0ull };
	enum uet_ses_peek_action action = (enum uet_ses_peek_action)pick(f, 3);
	struct uet_ses_rx_result res;
	struct uet_ses_unex *claim;
	struct uet_ses_rx *rx;
	struct op *op;

	if (uet_ses_peek(n->rxq, &pattern, action, &res, &claim) || action != UET_SES_PEEK_CLAIM)
		return;
	w_run(f->w, pick(f, 10) * W_STEP);
	rx = chance(f, 50) ? uet_ses_rx_get(n->rxq) : NULL;
	if (!rx) {
		uet_ses_claimed_discard(claim);
		return;
	}
	op = new_op(f, n, res.len);
	rx->queue = pattern.queue;
	rx->len = res.len;
	rx->iov_cnt = 1;
	rx->iov[0] = (struct iovec){ op->buf, rx->len };
	rx->context = op;
	f->recvs[index_of(f, n)]++;
	uet_ses_claimed_recv(claim, rx, f->w->sim.now);
}

static void cut(struct fuzz *f, struct uet_ses_tx *tx, uint8_t *buf)
{
	size_t first = tx->len ? pick(f, (uint32_t)tx->len + 1) : 0;

	tx->iov_cnt = 2;
	tx->iov[0] = (struct iovec){ buf, first };
	tx->iov[1] = (struct iovec){ buf + first, tx->len - first };
}

/* Of a region of node @i, mostly. */
static uint64_t some_key(struct fuzz *f, int i)
{
	struct region *r = f->regions[pick(f, REGIONS / 2) * 2 + (uint32_t)i];

	return r && chance(f, 95) ? r->r.key : f->keys + pick(f, 2);
}

/* Operands of @tx; false: the combination makes no sense. */
static bool make_amo(struct fuzz *f, struct uet_ses_tx *tx, struct op *op)
{
	bool fetch = tx->opcode == UET_OP_FETCHING_ATOMIC, compare;
	uint8_t type = (uint8_t)pick(f, 0x12), code = (uint8_t)pick(f, 0x14);
	size_t size = uet_amo_size(type), max;

	compare = uet_amo_is_compare(code);
	if ((compare && !fetch) || !uet_amo_valid(code, type, fetch, compare))
		return false;
	tx->amo = uet_ses_amo_get(op->node->ses);
	if (!tx->amo)
		return false;
	max = uet_ses_amo_max(op->node->ses, size, fetch, compare);
	tx->len = size * (chance(f, 50) ? 1 : 1 + pick(f, (uint32_t)max));
	tx->amo->op = code;
	tx->amo->type = type;
	tx->amo->size = (uint8_t)size;
	op->compare = calloc(1, tx->len);
	op->result = calloc(1, tx->len);
	tx->amo->compare_cnt = compare;
	tx->amo->compare[0] = (struct iovec){ op->compare, tx->len };
	tx->amo->result_cnt = fetch && chance(f, 90);
	tx->amo->result[0] = (struct iovec){ op->result, tx->len };
	tx->iov_cnt = 1;
	tx->iov[0] = (struct iovec){ op->buf, tx->len };
	return true;
}

static const uint8_t opcodes[] = {
	UET_OP_SEND, UET_OP_TAGGED_SEND, UET_OP_DATAGRAM_SEND, UET_OP_WRITE, UET_OP_READ,
	UET_OP_ATOMIC, UET_OP_FETCHING_ATOMIC,
};

static bool make_tx(struct fuzz *f, struct uet_ses_tx *tx, struct op *op)
{
	tx->mode = (uint8_t)pick(f, 2);
	if ((tx->opcode == UET_OP_WRITE || tx->opcode == UET_OP_READ) && chance(f, 30))
		tx->mode = UET_MODE_RUDI;
	if (tx->opcode == UET_OP_DATAGRAM_SEND) {
		tx->mode = UET_MODE_UUD;
		tx->len = uet_min_u64(tx->len, MTU);
	}
	tx->has_data = chance(f, 20);
	tx->tag = pick(f, 3);
	tx->match = tx->opcode == UET_OP_SEND && chance(f, 20);
	tx->inject = chance(f, 20) && tx->len <= 256;
	tx->lazy = chance(f, 20);
	tx->fence = chance(f, 5);
	tx->key = some_key(f, 1 - index_of(f, op->node));
	tx->offset = chance(f, 50) ? 1000 : 16 * pick(f, 20);
	if (tx->opcode == UET_OP_ATOMIC || tx->opcode == UET_OP_FETCHING_ATOMIC)
		return make_amo(f, tx, op);
	cut(f, tx, op->buf);
	return true;
}

static void post_send(struct fuzz *f, struct w_node *n, struct w_node *to)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(n->ses);
	struct op *op;

	if (!tx)
		return;
	tx->dest.addr = to->end->nic.addr;
	tx->dest.pid_on_fep = (uint16_t)(tx->dest.addr.port - 4793);
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	tx->dest.small = chance(f, 50);
	tx->opcode = opcodes[pick(f, UET_ARRAY_SIZE(opcodes))];
	tx->len = some_len(f);
	op = new_op(f, n, 40000);
	tx->context = op;
	if (make_tx(f, tx, op) && uet_ses_send(n->ses, tx, f->w->sim.now) == 0) {
		f->sends[index_of(f, n)]++;
		if (tx->inject && !tx->amo)
			memset(op->buf, 0xee, 256);
		return;
	}
	uet_ses_tx_put(n->ses, tx);
	free_op(op);
}

/* ---- the third party ---- */

static uint32_t some_size(struct fuzz *f)
{
	static const uint32_t sizes[] = { 0, 1, 8, 16, 17, 32, 1024, 1025, 3000, 5000, 20000,
					  UINT32_MAX - 1, UINT32_MAX };

	return chance(f, 80) ? sizes[pick(f, UET_ARRAY_SIZE(sizes))] : pick(f, 50000);
}

static size_t make_request(struct fuzz *f, struct w_node *to, uint8_t *buf, uint8_t *hdr)
{
	struct uet_ses *peer = f->w->n[1 - index_of(f, to)].ses;
	struct uet_ses_req req = {
		.format = chance(f, 80) ? UET_HDR_REQUEST_STD :
					  (uint8_t)(1 + pick(f, 2)),
		.opcode = chance(f, 5) ? UET_OP_VENDOR_ATOMIC : (uint8_t)pick(f, 17),
		.version = chance(f, 2), .dc = chance(f, 30), .ie = chance(f, 3),
		.rel = chance(f, 90), .hd = chance(f, 20), .eom = chance(f, 50),
		.som = chance(f, 60),
		.message_id = (uint16_t)((peer ? peer->id_last : 0) - pick(f, 6)),
		.ri_generation = chance(f, 2),
		.job_id = chance(f, 97) ? 1 : 2,
		.pid_on_fep = (uint16_t)(to->end->nic.addr.port - 4793),
		.resource_index = chance(f, 97) ? 1 : (uint16_t)pick(f, 100),
		.initiator = f->w->n[pick(f, 2)].end->nic.addr.port,
		.match_bits = chance(f, 60) ? some_key(f, index_of(f, to)) : pick(f, 3),
		.header_data = 1,
		.request_length = some_size(f),
		.payload_length = (uint16_t)pick(f, 1100),
		.message_offset = chance(f, 70) ? MTU * pick(f, 5) : some_size(f),
		.atomic_opcode = (uint8_t)pick(f, 0x16),
		.atomic_datatype = (uint8_t)pick(f, 0x14),
	};
	struct uet_ses *tokens = chance(f, 50) ? to->ses : peer;
	uint8_t op = req.opcode;

	if (op == UET_OP_DEFERRABLE_SEND || op == UET_OP_DEFERRABLE_TSEND ||
	    op == UET_OP_DEFERRABLE_RTR) {
		req.initiator_token = tokens ? tokens->token_last - pick(f, 8) : 0;
		req.target_token = chance(f, 50) ? to->ses->token_last - pick(f, 8) : 0;
		req.match_bits = pick(f, 3);
		if (op == UET_OP_DEFERRABLE_RTR)
			req.som = req.eom = true;
	}
	if (uet_ses_is_rma(op) || op == UET_OP_DEFERRABLE_RTR)
		req.buffer_offset = chance(f, 80) ? 1000 : (uint64_t)some_size(f) << pick(f, 40);
	*hdr = req.format;
	return uet_ses_req_pack(&req, buf);
}

static size_t make_response(struct fuzz *f, struct w_node *to, uint8_t *buf, uint8_t *hdr)
{
	struct uet_ses_resp resp = {
		.format = (uint8_t)(UET_HDR_RESPONSE + pick(f, 3)),
		.list = (uint8_t)pick(f, 2),
		.opcode = (uint8_t)pick(f, 4),
		.return_code = chance(f, 70) ? UET_RC_OK : (uint8_t)pick(f, 0x28),
		.message_id = (uint16_t)pick(f, 70),
		.job_id = 1,
		.modified_length = some_size(f),
		.read_request_message_id = (uint16_t)(to->ses->id_last - pick(f, 6)),
		.payload_length = chance(f, 50) ? MTU : (uint16_t)pick(f, 1100),
		.message_offset = chance(f, 80) ? MTU * pick(f, 5) : some_size(f),
	};
	struct uet_pdc *pdc = sim_pdc(&f->w->sim, index_of(f, to));

	if (pdc)
		resp.original_request_psn = pdc->tx_next - pick(f, 6);
	if (resp.format != UET_HDR_RESPONSE && chance(f, 90))
		resp.opcode = UET_RESP_W_DATA;
	*hdr = resp.format;
	return uet_ses_resp_pack(&resp, buf);
}

/* Any PDC of @to, or NULL. */
static struct uet_pdc *some_pdc(struct fuzz *f, const struct w_node *to)
{
	struct uet_list *all = &to->end->pds->all, *pos = all->next;
	uint32_t k = pick(f, 6);

	if (uet_list_empty(all))
		return NULL;
	while (k--)
		pos = pos->next == all ? all->next : pos->next;
	return uet_list_entry(pos, struct uet_pdc, all);
}

static void forge_header(struct fuzz *f, struct w_node *to, struct uet_pds_hdr *h,
			 struct uet_addr *src)
{
	static const uint8_t types[] = {
		UET_PDS_RUD_REQ, UET_PDS_ROD_REQ, UET_PDS_RUDI_REQ, UET_PDS_RUDI_RESP,
		UET_PDS_UUD_REQ, UET_PDS_ACK, UET_PDS_ACK_CC, UET_PDS_NACK, UET_PDS_CP,
	};
	struct uet_pdc *pdc = chance(f, 85) ? some_pdc(f, to) : NULL;

	*h = (struct uet_pds_hdr){ .type = types[pick(f, chance(f, 90) ? 7 :
							       UET_ARRAY_SIZE(types))] };
	*src = f->w->sim.end[chance(f, 50) ? f->third : 1 - index_of(f, to)].nic.addr;
	h->flags = (uint8_t)(chance(f, 50) * UET_PDS_F_AR);
	h->psn = (uint32_t)pick(f, 4);
	h->spdcid = (uint16_t)(1 + pick(f, 4));
	h->nack_code = (uint8_t)pick(f, 0x1c);
	h->ctl_type = (uint8_t)pick(f, 10);
	h->offset = -1;
	if (h->type == UET_PDS_RUDI_REQ || h->type == UET_PDS_RUDI_RESP || h->type == UET_PDS_NACK)
		h->psn = to->end->pds->rudi.next_id - pick(f, 20);
	if (h->type == UET_PDS_NACK && chance(f, 30)) {
		h->flags = UET_PDS_F_NT;
		return;
	}
	if (!pdc) {
		h->flags |= UET_PDS_F_SYN;
		return;
	}
	*src = pdc->peer;
	h->spdcid = pdc->peer_id ? pdc->peer_id : (uint16_t)(1 + pick(f, 4));
	h->dpdcid = pdc->id;
	h->mpr = 8;
	if (uet_pds_is_request(h->type)) {
		h->type = pdc->mode == UET_MODE_ROD ? UET_PDS_ROD_REQ : UET_PDS_RUD_REQ;
		h->psn = pdc->rx_next + (chance(f, 70) ? 0 : pick(f, 20) - 5);
	} else if (uet_pds_is_ack(h->type)) {
		h->psn = chance(f, 50) ? pdc->tx_cack : pdc->tx_base + pick(f, 8) - 1;
		h->offset = (int16_t)pick(f, 8);
		h->sack_psn_offset = 1;
		h->sack_bitmap = chance(f, 30) ? uet_rand_u64(&f->w->sim.rand) : 0;
	} else if (h->type == UET_PDS_NACK) {
		h->psn = pdc->tx_base + pick(f, 8);
		h->payload = pdc->tx_base + pick(f, 4);
	} else if (h->type == UET_PDS_CP) {
		h->psn = pdc->rx_next;
		h->payload = pdc->rx_next - pick(f, 10);
	}
}

static void forge(struct fuzz *f)
{
	struct w_node *to = &f->w->n[pick(f, 2)];
	struct uet_pds_hdr h;
	struct uet_addr src;
	struct sim_pkt *p;
	uint8_t ses[128];
	size_t n = 0, pds, payload = chance(f, 30) ? 0 : pick(f, 1100);
	uint8_t buf[UET_PDS_MAX_LEN];
	bool back;

	if (!to->ses)
		return;
	forge_header(f, to, &h, &src);
	back = uet_pds_is_ack(h.type) || h.type == UET_PDS_RUDI_RESP ||
	       (uet_pds_is_request(h.type) && chance(f, 40));
	if (h.type != UET_PDS_NACK && h.type != UET_PDS_CP)
		n = back ? make_response(f, to, ses, &h.next_hdr) :
			   make_request(f, to, ses, &h.next_hdr);
	if (!n)
		payload = 0;
	if (h.type == UET_PDS_ACK || h.type == UET_PDS_ACK_CC)
		payload = uet_min_u64(payload, 40);
	pds = uet_pds_pack(&h, buf);
	p = sim_pkt(&f->w->sim, &src, index_of(f, to), (uint32_t)(pds + n + payload), 0);
	memcpy(p->data, buf, pds);
	memcpy(p->data + pds, ses, n);
	memset(p->data + pds + n, 0x11, payload);
	sim_fly(&f->w->sim, p);
}

/* ---- the run ---- */

static void step(struct fuzz *f, uint64_t ns)
{
	struct sim_end *third = &f->w->sim.end[f->third];
	struct sim_pkt *p;
	int i;

	for (i = 0; i < 2; i++)
		if (f->w->n[i].ses)
			uet_ses_progress(f->w->n[i].ses, f->w->sim.now);
	sim_run_for(&f->w->sim, ns);
	while ((p = third->inbox)) {
		third->inbox = p->next;
		free(p);
	}
	third->inbox_tail = &third->inbox;
}

static void act(struct fuzz *f)
{
	struct w_node *n = &f->w->n[pick(f, 2)];
	int i = index_of(f, n);
	uint32_t what = pick(f, 20);

	if (what < 10 && f->sends[i] < OPEN)
		post_send(f, n, &f->w->n[1 - i]);
	else if (what < 16 && f->recvs[i] < f->most_recvs)
		post_recv(f, n);
	else if (what == 16)
		peek(f, n);
	else if (what == 17)
		new_region(f, (int)pick(f, REGIONS));
	else if (what == 18 && chance(f, 20))
		drop_region(f, (int)pick(f, REGIONS));
	else if (f->hostile)
		forge(f);
}

/* Receives that never found a message are the application's again. */
static void cancel_all(struct fuzz *f, struct w_node *n)
{
	int q;

	for (q = 0; q < 2; q++)
		while (!uet_list_empty(&n->rxq->posted[q])) {
			struct uet_list *pos = uet_list_first(&n->rxq->posted[q]);

			uet_ses_cancel(n->rxq, uet_list_entry(pos, struct uet_ses_rx,
							      link)->context);
		}
	(void)f;
}

/* Take what is there and what still comes. */
static void absorb(struct fuzz *f, struct w_node *n)
{
	struct uet_ses_rx pattern = { .ignore = ~0ull };
	struct uet_ses_rx_result res;

	(void)f;
	for (pattern.queue = 0; pattern.queue < 2; pattern.queue++)
		while (uet_ses_peek(n->rxq, &pattern, UET_SES_PEEK_DISCARD, &res, NULL) == 0)
			;
}

static bool at_rest(const struct fuzz *f, const struct w_node *n)
{
	return n->ses->tx_open == 0 && f->recvs[index_of(f, n)] == 0 &&
	       n->end->pds->msgs == 0 && n->end->pds->pdcs.used == 0 &&
	       uet_list_empty(&n->rxq->unex[0]) && uet_list_empty(&n->rxq->unex[1]) &&
	       n->rxq->in_pool.used == 0;
}

static void drain(struct fuzz *f)
{
	int k, i;

	for (k = 0; k < 120000; k++) {
		bool rest = true;

		for (i = 0; i < 2; i++) {
			struct w_node *n = &f->w->n[i];

			if (!n->ses)
				continue;
			absorb(f, n);
			cancel_all(f, n);
			rest &= at_rest(f, n);
		}
		if (rest)
			return;
		step(f, 1 * MSEC);
	}
}

static void check_pools(struct fuzz *f, struct w_node *n)
{
	struct uet_ses *ses = n->ses;
	struct uet_pds *pds = n->end->pds;

	assert_int_equal(f->sends[index_of(f, n)], 0);
	assert_int_equal(f->recvs[index_of(f, n)], 0);
	assert_int_equal(ses->tx_open, 0);
	assert_int_equal(ses->ids_used, 0);
	assert_int_equal(ses->tx_pool.used, 0);
	assert_int_equal(ses->copy_pool.used, 0);
	assert_int_equal(ses->amo_pool.used, 0);
	assert_int_equal(ses->operand_pool.used, 0);
	assert_int_equal(ses->reply_pool.used, 0);
	assert_int_equal(ses->note_pool.used, 0);
	assert_int_equal(ses->watch_pool.used, 0);
	assert_int_equal(ses->hold_pool.used, 0);
	assert_int_equal(ses->fence_pool.used, 0);
	assert_int_equal(ses->flow_pool.used, 0);
	assert_int_equal(ses->rndv_pool.used, 0);
	assert_int_equal(ses->pull_pool.used, 0);
	assert_true(uet_list_empty(&ses->rma) && uet_list_empty(&ses->replies));
	assert_int_equal(ses->rma_rxq->in_pool.used, 0);
	assert_int_equal(ses->rma_rxq->spare_count, 0);
	assert_int_equal(n->rxq->in_pool.used, 0);
	assert_int_equal(n->rxq->rx_pool.used, 0);
	assert_int_equal(n->rxq->small_pool.used, 0);
	assert_int_equal(n->rxq->unex_count, 0);
	assert_int_equal(n->rxq->unex_bytes, 0);
	assert_int_equal(n->rxq->spare_count, 0);
	assert_int_equal(pds->msgs, 0);
	assert_int_equal(pds->pdcs.used, 0);
	assert_int_equal(pds->rudi.msgs.used, 0);
	assert_int_equal(pds->rudi.txds.used, 0);
	assert_int_equal(pds->storeds.used, pds->spare ? 1 : 0);
}

static void start_node(struct fuzz *f, int i)
{
	struct w_node *n = &f->w->n[i];
	struct uet_ses_cfg cfg = f->w->cfg;

	n->world = f->w;
	n->end = &f->w->sim.end[sim_add(&f->w->sim, NULL)];
	cfg.pds.seed = uet_rand_u64(&f->w->sim.rand);
	cfg.initiator = n->end->nic.addr.port;
	cfg.pid_on_fep = (uint16_t)(cfg.initiator - 4793);
	assert_int_equal(uet_ses_create(&cfg, &n->end->nic, &ops, n, f->w->sim.now, &n->ses), 0);
	assert_int_equal(uet_ses_rxq_create(&f->w->rxq, &ops, n, &n->rxq), 0);
	assert_int_equal(uet_ses_rxq_attach(n->ses, 1, n->rxq), 0);
	n->end->pds = uet_ses_pds(n->ses);
	f->w->nodes++;
}

static void run(uint64_t seed, bool hostile)
{
	struct fuzz f = { .w = w_new(seed), .hostile = hostile };
	int i, k;

	current = &f;
	uet_list_init(&f.ops);
	f.w->sim.drop_ppm = f.w->sim.dup_ppm = f.w->sim.late_ppm = seed % 3 * 20000;
	f.most_recvs = seed % 2 ? OPEN : 2;
	f.w->cfg.rndv_size = seed % 4 < 2 ? 2000 : 0;
	f.w->cfg.rndv_eager = seed % 3 * 700;
	f.w->cfg.max_replies = seed % 4 == 1 ? 4 : 0;
	f.w->cfg.pds.target_idle = 3 * SEC;
	f.w->rxq.max_unexpected = 8;
	f.w->rxq.max_rx = OPEN + 4;
	for (i = 0; i < 2; i++)
		start_node(&f, i);
	f.third = sim_add(&f.w->sim, NULL);
	for (i = 0; i < REGIONS; i++)
		new_region(&f, i);
	for (k = 0; k < OPS; k++) {
		act(&f);
		if (chance(&f, 30))
			step(&f, chance(&f, 3) ? 3 * MSEC : W_STEP);
	}
	assert_true(f.events > 10);
	drain(&f);
	/*
	 * Who believes forged answers may wait for what will never come, as long as the peer
	 * lives; but not longer.
	 */
	if (hostile) {
		w_kill(&f.w->n[seed % 2]);
		drain(&f);
	}
	for (i = 0; i < 2; i++)
		if (f.w->n[i].ses)
			check_pools(&f, &f.w->n[i]);
	for (i = 0; i < REGIONS; i++)
		drop_region(&f, i);
	w_free(f.w);
	while (!uet_list_empty(&f.ops))
		free_op(uet_list_entry(uet_list_first(&f.ops), struct op, link));
}

static void friendly(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < SEEDS; seed++)
		run(seed, false);
}

static void hostile(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < SEEDS; seed++)
		run(100 + seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(friendly),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
