/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A flow at its source: it waits in line, becomes an operation of the SES, ends, and lets its
 * successor begin. Its receive is in recv.c.
 */
#include "sim/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sim/ep.h"
#include "sim/mixed.h"

static bool is_amo(const struct uet_sim_flow *f)
{
	return f->op == UET_SIM_SUM || f->op == UET_SIM_FETCH;
}

static uint64_t now_of(const struct uet_sim *sim)
{
	return uet_sim_net_now(sim->net);
}

void uet_sim_flows_begin(struct uet_sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->flow_cnt; i++)
		if (!sim->flows[i].chained)
			uet_sim_due(sim, sim->flows[i].start, UET_SIM_DUE_FLOW, i);
}

static void enqueue(struct uet_sim_flow *f)
{
	struct uet_sim_ep *ep = &f->sim->eps[f->src];

	f->state = UET_SIM_QUEUED;
	f->queue_next = UET_SIM_NO_FLOW;
	if (ep->queue_head == UET_SIM_NO_FLOW)
		ep->queue_head = f->id;
	else
		f->sim->flows[ep->queue_tail].queue_next = f->id;
	ep->queue_tail = f->id;
}

void uet_sim_flow_begin(struct uet_sim *sim, uint32_t id)
{
	struct uet_sim_flow *f = &sim->flows[id];
	struct uet_sim_ep *ep = &sim->eps[f->src];

	/* Without a source that lives it begins when that returns. */
	if (f->state != UET_SIM_PLANNED || !ep->ses)
		return;
	f->start = now_of(sim);
	f->dst_life = sim->eps[f->dst].life;
	f->retx = uet_sim_ep_retx(ep);
	enqueue(f);
	if (uet_sim_is_send(f)) {
		if (f->late)
			uet_sim_recv_later(sim, f, f->start + f->late);
		else
			uet_sim_flow_recv(sim, id);
	}
	uet_sim_ep_step(ep);
}

/* ---- the operation ---- */

static void describe_send(const struct uet_sim_flow *f, struct uet_ses_tx *tx)
{
	bool mixed = f->sim->sc.work.kind == UET_SIM_MIXED;

	tx->opcode = f->op == UET_SIM_UNTAGGED ? UET_OP_SEND : UET_OP_TAGGED_SEND;
	tx->tag = uet_sim_tag(f);
	tx->has_data = f->op != UET_SIM_TAGGED || (mixed && f->id % 2);
	tx->data = f->id;
	if (!mixed)
		return;
	tx->dc = f->id % 5 == 0;
	tx->match = f->op == UET_SIM_TAGGED && f->id % 7 == 0;
	tx->inject = f->id % 3 == 0 && f->bytes <= f->sim->sc.ses.inject_size;
}

/* The payload, in two pieces if it is of the mixed kind. */
static void describe_iov(struct uet_sim_flow *f, struct uet_ses_tx *tx)
{
	uint8_t *at = f->op == UET_SIM_READ ? f->buf : f->sim->tape + f->tape;
	size_t part = f->sim->sc.work.kind == UET_SIM_MIXED ? f->bytes / 3 : 0;

	tx->len = f->bytes;
	if (part)
		tx->iov[tx->iov_cnt++] = (struct iovec){ .iov_base = at, .iov_len = part };
	if (f->bytes)
		tx->iov[tx->iov_cnt++] = (struct iovec){ .iov_base = at + part,
							 .iov_len = f->bytes - part };
}

static bool get_buffer(struct uet_sim_flow *f)
{
	if (f->op != UET_SIM_READ)
		return true;
	f->buf = f->sim->scratch;
	if (f->sim->sc.check)
		f->buf = calloc(1, f->bytes + 1ul);
	return f->buf != NULL;
}

static void put_buffer(struct uet_sim_flow *f)
{
	if (f->buf != f->sim->scratch)
		free(f->buf);
	f->buf = NULL;
}

static bool describe(struct uet_sim_flow *f, struct uet_ses_tx *tx)
{
	struct uet_sim *sim = f->sim;

	tx->dest.addr = sim->eps[f->dst].nic->addr;
	tx->dest.resource_index = sim->sc.ses.resource_index;
	tx->dest.relative = true;
	tx->dest.small = f->id % 2;
	tx->mode = f->mode;
	tx->context = f;
	tx->iov_cnt = 0;
	if (!get_buffer(f))
		return false;
	if (uet_sim_is_send(f)) {
		describe_send(f, tx);
		describe_iov(f, tx);
		return true;
	}
	tx->opcode = f->op == UET_SIM_WRITE ? UET_OP_WRITE : f->op == UET_SIM_READ ? UET_OP_READ :
		     f->op == UET_SIM_SUM ? UET_OP_ATOMIC : UET_OP_FETCHING_ATOMIC;
	tx->key = UET_SIM_KEY_TAPE;
	tx->offset = f->tape;
	if (!is_amo(f))
		describe_iov(f, tx);
	return sim->sc.work.kind != UET_SIM_MIXED || uet_sim_mixed_start(f, tx);
}

/* Give @f to the SES. False if that has no room now. */
static bool start(struct uet_sim_ep *ep, struct uet_sim_flow *f)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(ep->ses);

	if (!tx)
		return false;
	if (!describe(f, tx) || uet_ses_send(ep->ses, tx, uet_sim_ep_now(ep))) {
		uet_ses_tx_put(ep->ses, tx);
		put_buffer(f);
		return false;
	}
	if (f->op == UET_SIM_STREAM)
		f->value = (uint64_t)ep->life << 32 | ++ep->stream_sent[f->dst];
	f->tx = tx;
	f->state = UET_SIM_ACTIVE;
	return true;
}

bool uet_sim_flow_start_queued(struct uet_sim_ep *ep)
{
	bool any = false;

	ep->blocked = false;
	while (ep->queue_head != UET_SIM_NO_FLOW) {
		struct uet_sim_flow *f = &ep->sim->flows[ep->queue_head];

		if (!start(ep, f)) {
			ep->blocked = true;
			break;
		}
		ep->queue_head = f->queue_next;
		any = true;
	}
	return any;
}

uint64_t uet_sim_flow_acked(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	uint64_t bytes;

	if (f->state == UET_SIM_DONE)
		return f->bytes;
	if (f->state != UET_SIM_ACTIVE)
		return f->seen;
	bytes = (uint64_t)f->tx->msg.completed * sim->sc.ses.payload_mtu;
	return uet_max_u64(f->seen, uet_min_u64(bytes, f->bytes));
}

/* ---- its end ---- */

/* Nothing of the chain that begins with @id takes place. */
static void drop_chain(struct uet_sim *sim, uint32_t id)
{
	while (id != UET_SIM_NO_FLOW) {
		struct uet_sim_flow *f = &sim->flows[id];

		if (f->state != UET_SIM_PLANNED)
			return;
		f->state = UET_SIM_ABORTED;
		sim->count.aborted++;
		sim->count.open--;
		id = f->next;
	}
}

/* Let the successor of @f begin. */
static void follow(struct uet_sim_flow *f)
{
	struct uet_sim *sim = f->sim;
	struct uet_sim_flow *next;

	if (f->next == UET_SIM_NO_FLOW)
		return;
	next = &sim->flows[f->next];
	next->chained = false;
	next->start = now_of(sim) + next->gap;
	uet_sim_due(sim, next->start, UET_SIM_DUE_FLOW, next->id);
}

static void end(struct uet_sim_flow *f, uint8_t state)
{
	struct uet_sim *sim = f->sim;

	f->state = state;
	f->tx = NULL;
	f->end = now_of(sim);
	f->retx = uet_sim_ep_retx(&sim->eps[f->src]) - f->retx;
	sim->count.open--;
	if (state == UET_SIM_DONE) {
		sim->count.done++;
		sim->count.bytes += f->bytes;
		sim->last_end = uet_max_u64(sim->last_end, f->end);
		if (sim->measuring && !sim->sc.measure_until)
			uet_sim_measure(sim, false);
	} else if (state == UET_SIM_FAILED) {
		sim->count.failed++;
	} else {
		sim->count.aborted++;
	}
	put_buffer(f);
}

static void verify(struct uet_sim_flow *f)
{
	struct uet_sim *sim = f->sim;

	if (!sim->sc.check)
		return;
	if (f->op == UET_SIM_READ && memcmp(f->buf, uet_sim_bytes(sim, f), f->bytes) &&
	    f->dst_life == sim->eps[f->dst].life)
		uet_sim_complain(sim, "flow %u: READ brought other bytes", f->id);
	if (sim->sc.work.kind == UET_SIM_MIXED)
		uet_sim_mixed_verify(f);
}

static void tx_done(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct uet_sim_ep *ep = upper;
	struct uet_sim_flow *f = tx->context;
	struct uet_sim *sim = ep->sim;

	if (f->state != UET_SIM_ACTIVE || f->tx != tx) {
		uet_sim_complain(sim, "flow %u: a second completion (error %d)", f->id, err);
		return;
	}
	f->err = err;
	if (err && !uet_sim_excused(sim, f))
		uet_sim_complain(sim, "flow %u (%u > %u, op %u): error %d, %#x, with no reason",
				 f->id, f->src, f->dst, f->op, err, prov_errno);
	if (err)
		uet_sim_mixed_failed(f);
	else
		verify(f);
	uet_ses_tx_put(ep->ses, tx);
	end(f, err ? UET_SIM_FAILED : UET_SIM_DONE);
	if (!f->after_rx)
		follow(f);
	else if (err)
		drop_chain(sim, f->next);
}

void uet_sim_flow_arrived(struct uet_sim_flow *f)
{
	f->rx_end = now_of(f->sim);
	if (f->after_rx)
		follow(f);
}

/* ---- sources that die ---- */

void uet_sim_flow_ep_down(struct uet_sim_ep *ep)
{
	struct uet_sim *sim = ep->sim;
	uint32_t i;

	ep->queue_head = UET_SIM_NO_FLOW;
	for (i = 0; i < sim->flow_cnt; i++) {
		struct uet_sim_flow *f = &sim->flows[i];

		if (f->dst == ep->index)
			f->rx_posted = false;
		if (f->src != ep->index ||
		    (f->state != UET_SIM_QUEUED && f->state != UET_SIM_ACTIVE))
			continue;
		end(f, UET_SIM_ABORTED);
		if (f->after_rx)
			drop_chain(sim, f->next);
		else
			follow(f);
	}
}

/* Is @f on its way? What a source that died has sent may still be, and takes a receive. */
static bool may_come(const struct uet_sim_flow *f)
{
	return f->state == UET_SIM_QUEUED || f->state == UET_SIM_ACTIVE ||
	       (f->state == UET_SIM_ABORTED && f->start && f->op != UET_SIM_TAGGED);
}

void uet_sim_flow_ep_up(struct uet_sim_ep *ep)
{
	struct uet_sim *sim = ep->sim;
	uint64_t now = now_of(sim);
	uint32_t i;

	for (i = 0; i < sim->flow_cnt; i++) {
		struct uet_sim_flow *f = &sim->flows[i];

		if (f->src == ep->index && f->state == UET_SIM_PLANNED && !f->chained &&
		    f->start <= now)
			uet_sim_due(sim, now + f->gap, UET_SIM_DUE_FLOW, i);
		if (f->dst != ep->index || !uet_sim_is_send(f))
			continue;
		/* Once per life of the target: a late copy of a SYN is new to the next one. */
		f->rx_cnt = 0;
		if (f->start + f->late <= now && may_come(f))
			uet_sim_flow_recv(sim, i);
	}
}

void uet_sim_flow_ep_gone(struct uet_sim_ep *ep)
{
	struct uet_sim *sim = ep->sim;
	uint32_t i;

	ep->gone = true;
	for (i = 0; i < sim->flow_cnt; i++)
		if (sim->flows[i].src == ep->index)
			drop_chain(sim, i);
}

static const struct uet_ses_region *region(void *upper, uint64_t key, uint16_t resource_index)
{
	struct uet_sim_ep *ep = upper;

	(void)resource_index;
	if (key == UET_SIM_KEY_TAPE)
		return &ep->tape;
	return key == UET_SIM_KEY_MEMORY && ep->memory.len ? &ep->memory : NULL;
}

const struct uet_ses_upper_ops uet_sim_upper_ops = {
	.tx_done = tx_done,
	.rx_done = uet_sim_rx_done,
	.region = region,
};
