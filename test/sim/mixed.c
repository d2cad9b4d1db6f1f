/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sim/mixed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int tape_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	/* The target is part of the tape: it says itself what should arrive. */
	return memcmp(dst, src, n) ? -EIO : 0;
}

static int tape_get(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	(void)mem;
	memcpy(dst, src, n);
	return 0;
}

const struct uet_ses_mem uet_sim_tape_mem = { .put = tape_put, .get = tape_get };

static size_t memory_size(const struct uet_sim *sim)
{
	return (size_t)sim->sc.net.hosts * sim->sc.work.outstanding * UET_SIM_GENS * UET_SIM_SLOT;
}

int uet_sim_mixed_init(struct uet_sim_ep *ep)
{
	const struct uet_sim *sim = ep->sim;
	size_t size = memory_size(sim);
	void *mem;

	if (sim->sc.work.kind != UET_SIM_MIXED)
		return 0;
	mem = calloc(1, size);
	ep->memory_iov = (struct iovec){ .iov_base = mem, .iov_len = size };
	ep->stream_sent = calloc(sim->sc.net.hosts, sizeof(ep->stream_sent[0]));
	ep->streams = calloc(sim->sc.net.hosts, sizeof(ep->streams[0]));
	ep->slot_gen = calloc(sim->sc.work.outstanding, 1);
	if (!mem || !ep->stream_sent || !ep->streams || !ep->slot_gen)
		return -ENOMEM;
	ep->memory = (struct uet_ses_region){
		.iov = &ep->memory_iov, .iov_cnt = 1, .len = size, .key = UET_SIM_KEY_MEMORY,
		.access = UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE,
	};
	return 0;
}

static void forget_streams(struct uet_sim_ep *ep)
{
	uint32_t i;

	for (i = 0; i < ep->sim->sc.net.hosts; i++) {
		free(ep->streams[i].got);
		ep->streams[i] = (struct uet_sim_stream){ 0 };
	}
}

void uet_sim_mixed_fini(struct uet_sim_ep *ep)
{
	if (ep->streams)
		forget_streams(ep);
	free(ep->memory_iov.iov_base);
	free(ep->stream_sent);
	free(ep->streams);
	free(ep->slot_gen);
}

void uet_sim_mixed_forget(struct uet_sim_ep *ep)
{
	const struct uet_sim *sim = ep->sim;
	uint32_t i;

	if (!ep->memory_iov.iov_base)
		return;
	memset(ep->memory_iov.iov_base, 0, ep->memory_iov.iov_len);
	memset(ep->stream_sent, 0, sim->sc.net.hosts * sizeof(ep->stream_sent[0]));
	forget_streams(ep);
	for (i = 0; i < sim->sc.work.outstanding; i++)
		ep->slot_gen[i]++;
}

uint64_t uet_sim_slot(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	uint64_t lane = (uint64_t)f->src * sim->sc.work.outstanding + f->lane;

	return (lane * UET_SIM_GENS + f->gen % UET_SIM_GENS) * UET_SIM_SLOT;
}

static uint8_t *slot_memory(const struct uet_sim_flow *f)
{
	uint8_t *base = f->sim->eps[f->dst].memory_iov.iov_base;

	return base + uet_sim_slot(f->sim, f);
}

static uint64_t cell_value(const struct uet_sim_flow *f)
{
	uint64_t v;

	memcpy(&v, slot_memory(f), sizeof(v));
	return v;
}

static bool start_amo(struct uet_sim_flow *f, struct uet_ses_tx *tx)
{
	struct uet_ses_amo *amo = uet_ses_amo_get(f->sim->eps[f->src].ses);

	if (!amo)
		return false;
	f->value = cell_value(f);
	f->operand = uet_sim_below(f->sim, UINT64_MAX);
	amo->op = UET_AMO_SUM;
	amo->type = UET_AMO_UINT64;
	amo->size = sizeof(uint64_t);
	if (f->op == UET_SIM_FETCH) {
		f->result = UINT64_MAX;
		amo->result_cnt = 1;
		amo->result[0] = (struct iovec){ .iov_base = &f->result,
						 .iov_len = sizeof(f->result) };
	}
	tx->amo = amo;
	tx->len = sizeof(uint64_t);
	tx->iov_cnt = 1;
	tx->iov[0] = (struct iovec){ .iov_base = &f->operand, .iov_len = sizeof(f->operand) };
	return true;
}

bool uet_sim_mixed_start(struct uet_sim_flow *f, struct uet_ses_tx *tx)
{
	f->gen = f->sim->eps[f->src].slot_gen[f->lane];
	tx->key = UET_SIM_KEY_MEMORY;
	tx->offset = uet_sim_slot(f->sim, f);
	if (f->op == UET_SIM_SUM || f->op == UET_SIM_FETCH)
		return start_amo(f, tx);
	tx->offset += UET_SIM_CELL;
	/* What is read must have been there; what is written must not. */
	if (f->op == UET_SIM_READ)
		memcpy(slot_memory(f) + UET_SIM_CELL, uet_sim_bytes(f->sim, f), f->bytes);
	else
		memset(slot_memory(f) + UET_SIM_CELL, 0, f->bytes);
	return true;
}

void uet_sim_mixed_verify(struct uet_sim_flow *f)
{
	struct uet_sim *sim = f->sim;
	/* Another life of the target has other memory. */
	bool same = f->dst_life == sim->eps[f->dst].life;

	switch (f->op) {
	case UET_SIM_WRITE:
		if (same && memcmp(slot_memory(f) + UET_SIM_CELL, uet_sim_bytes(sim, f), f->bytes))
			uet_sim_complain(sim, "flow %u: WRITE left other bytes", f->id);
		break;
	case UET_SIM_SUM:
		if (same && cell_value(f) != f->value + f->operand)
			uet_sim_complain(sim, "flow %u: SUM was not done once", f->id);
		break;
	case UET_SIM_FETCH:
		if (same && (cell_value(f) != f->value + f->operand || f->result != f->value))
			uet_sim_complain(sim, "flow %u: fetching SUM was not done once, or "
					 "fetched something else", f->id);
		break;
	default:
		break;
	}
}

void uet_sim_mixed_failed(struct uet_sim_flow *f)
{
	struct uet_sim_ep *ep = &f->sim->eps[f->src];

	if (ep->slot_gen)
		ep->slot_gen[f->lane]++;
}

bool uet_sim_stream_post(struct uet_sim_ep *ep, uint32_t src, uint32_t *place)
{
	struct uet_sim_stream *s = &ep->streams[src];
	uint32_t room = s->room ? 2 * s->room : 16;
	uint64_t *got = s->got;

	if (s->posted == s->room) {
		got = realloc(got, room * sizeof(*got));
		if (!got)
			return false;
		s->got = got;
		s->room = room;
	}
	s->got[s->posted] = 0;
	*place = s->posted++;
	return true;
}

/* Did a receive beside @place, in direction @step, get a message of the other side? */
static bool disordered(const struct uet_sim_stream *s, uint32_t place, int step)
{
	uint64_t mine = s->got[place];
	uint32_t i;

	for (i = place + (uint32_t)step; i < s->posted; i += (uint32_t)step)
		if (s->got[i] >> 32 == mine >> 32 && s->got[i])
			return step > 0 ? s->got[i] <= mine : s->got[i] >= mine;
	return false;
}

void uet_sim_stream_got(struct uet_sim_ep *ep, const struct uet_sim_recv *r,
			const struct uet_sim_flow *f)
{
	struct uet_sim_stream *s = &ep->streams[r->src];

	s->got[r->place] = f->value;
	if (disordered(s, r->place, 1) || disordered(s, r->place, -1))
		uet_sim_complain(ep->sim, "flow %u: message %llu of its stream is out of order",
				 f->id, (unsigned long long)f->value & UINT32_MAX);
	else if (r->place + 1 != f->value && !uet_sim_excused(ep->sim, f))
		uet_sim_complain(ep->sim, "flow %u: receive %u got message %llu of its stream",
				 f->id, r->place + 1, (unsigned long long)f->value);
}
