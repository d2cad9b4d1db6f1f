/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What must be true, whatever happens to packets, links and endpoints.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/util.h"
#include "pds/pdc.h"
#include "ses/defer.h"
#include "ses/msg.h"
#include "sim/ep.h"
#include "sim/flow.h"

#define QUIET_STEP (10 * UET_NSEC_PER_MSEC)

void uet_sim_complain(struct uet_sim *sim, const char *fmt, ...)
{
	uint64_t now = uet_sim_net_now(sim->net);
	char what[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (sim->complaints < UET_SIM_COMPLAINTS)
		snprintf(sim->complaint[sim->complaints], sizeof(sim->complaint[0]),
			 "%llu.%03llu us: %s", (unsigned long long)(now / 1000),
			 (unsigned long long)(now % 1000), what);
	sim->complaints++;
}

bool uet_sim_excused(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	return sim->failures_expected || sim->eps[f->src].life || sim->eps[f->dst].life;
}

void uet_sim_check_bounds(struct uet_sim *sim)
{
	const struct uet_ses_cfg *cfg = &sim->sc.ses;
	uint32_t i;

	sim->peak_memory = uet_max_u64(sim->peak_memory, uet_sim_net_memory(sim->net));
	for (i = 0; i < sim->sc.net.hosts; i++) {
		const struct uet_sim_ep *ep = &sim->eps[i];

		if (!ep->ses)
			continue;
		sim->peak_pdcs = (uint32_t)uet_max_u64(sim->peak_pdcs, ep->pds->pdcs.used);
		sim->peak_unexpected = uet_max_u64(sim->peak_unexpected, ep->rxq->unex_bytes);
		if (ep->pds->pdcs.used > cfg->pds.max_pdc ||
		    ep->pds->storeds.used > cfg->pds.max_stored + cfg->pds.max_pdc + 1 ||
		    ep->pds->aheads.total > ep->pds->ahead_max ||
		    ep->rxq->unex_count > sim->sc.rxq.max_unexpected ||
		    ep->rxq->unex_bytes > sim->sc.rxq.max_unexpected_bytes)
			uet_sim_complain(sim, "host %u uses more memory than it may", i);
	}
}

static void check_flow(struct uet_sim *sim, const struct uet_sim_flow *f)
{
	const struct uet_sim_ep *dst = &sim->eps[f->dst];

	switch (f->state) {
	case UET_SIM_PLANNED:
	case UET_SIM_QUEUED:
	case UET_SIM_ACTIVE:
		uet_sim_complain(sim, "flow %u (%u > %u, op %u, %u bytes) has not ended: %s", f->id,
				 f->src, f->dst, f->op, f->bytes,
				 f->state == UET_SIM_PLANNED ? "not begun" :
				 f->state == UET_SIM_QUEUED ? "in line" : "under way");
		return;
	case UET_SIM_ABORTED:
		return;
	default:
		break;
	}
	if (f->end - f->start > sim->sc.deadline)
		uet_sim_complain(sim, "flow %u ended %llu us after its deadline", f->id,
				 (unsigned long long)(f->end - f->start - sim->sc.deadline) / 1000);
	if (f->state == UET_SIM_DONE && uet_sim_is_send(f) && !f->rx_cnt && !f->rx_err &&
	    f->dst_life == dst->life)
		uet_sim_complain(sim, "flow %u is complete, but was never received", f->id);
}

void uet_sim_check_flows(struct uet_sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->flow_cnt; i++)
		check_flow(sim, &sim->flows[i]);
}

/* ---- quiet ---- */

static bool is_quiet(const struct uet_sim_ep *ep)
{
	const struct uet_pds *pds = ep->pds;

	return !ep->ses || (uet_pds_idle(pds) && uet_ses_idle(ep->ses) && !pds->pdcs.used &&
			    pds->storeds.used == (pds->spare != NULL) && pds->aheads.used == 0);
}

static bool all_quiet(const struct uet_sim *sim)
{
	uint32_t i;

	if (sim->recvs_due)
		return false;
	for (i = 0; i < sim->sc.net.hosts; i++)
		if (!is_quiet(&sim->eps[i]))
			return false;
	return uet_sim_net_memory(sim->net) == 0;
}

static void check_pool(struct uet_sim_ep *ep, const struct uet_pool *pool, const char *what)
{
	if (pool->used)
		uet_sim_complain(ep->sim, "host %u: %u %s are left", ep->index, pool->used, what);
}

/* Peers that nothing waits for any more are forgotten by and by. */
static void check_watches(struct uet_sim_ep *ep)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ep->ses->watches) {
		const struct uet_ses_watch *w = uet_list_entry(pos, struct uet_ses_watch, link);

		if (!uet_list_empty(&w->sends) || !uet_list_empty(&w->ins))
			uet_sim_complain(ep->sim, "host %u still waits for a peer", ep->index);
	}
}

/* Nothing that was taken for an operation or a message is still held. */
static void check_ses(struct uet_sim_ep *ep)
{
	const struct uet_ses *ses = ep->ses;

	check_pool(ep, &ses->tx_pool, "operations");
	check_pool(ep, &ses->copy_pool, "injected payloads");
	check_pool(ep, &ses->hold_pool, "holds");
	check_pool(ep, &ses->fence_pool, "fences");
	check_pool(ep, &ses->flow_pool, "flows");
	check_pool(ep, &ses->note_pool, "notes");
	check_pool(ep, &ses->rndv_pool, "rendezvous");
	check_pool(ep, &ses->pull_pool, "pulls");
	check_pool(ep, &ses->reply_pool, "replies");
	check_pool(ep, &ses->amo_pool, "atomics");
	check_pool(ep, &ses->operand_pool, "operands");
	check_pool(ep, &ep->rxq->rx_pool, "receives");
	check_watches(ep);
	if (ep->rxq->in_pool.used > ep->rxq->unex_count + ep->rxq->spare_count)
		uet_sim_complain(ep->sim, "host %u: %u inbound messages are left", ep->index,
				 ep->rxq->in_pool.used - ep->rxq->unex_count -
				 ep->rxq->spare_count);
	if (ses->ids_used)
		uet_sim_complain(ep->sim, "host %u: %u message ids are in use", ep->index,
				 ses->ids_used);
}

static void check_noisy(struct uet_sim_ep *ep)
{
	const struct uet_pds *pds = ep->pds;

	if (is_quiet(ep))
		return;
	uet_sim_complain(ep->sim, "host %u does not come to rest: %u messages, %u PDCs, %u answers",
			 ep->index, pds->msgs, pds->pdcs.used, pds->storeds.used);
}

void uet_sim_check_quiet(struct uet_sim *sim)
{
	const struct uet_pds_cfg *cfg = &sim->sc.ses.pds;
	uint64_t now = uet_sim_net_now(sim->net), left;
	uint64_t until = now + 4 * (cfg->idle_close + cfg->target_idle + cfg->linger +
				    cfg->peer_timeout + sim->sc.ses.probe_time + sim->sc.notice);
	uint32_t i;

	while (!all_quiet(sim) && now < until) {
		now += QUIET_STEP;
		uet_sim_net_run(sim->net, now);
		uet_sim_check_bounds(sim);
	}
	left = uet_sim_recv_cancel(sim);
	if (left)
		uet_sim_complain(sim, "%llu receives wait for messages that do not come",
				 (unsigned long long)left);
	for (i = 0; i < sim->sc.net.hosts; i++)
		if (sim->eps[i].ses) {
			check_noisy(&sim->eps[i]);
			check_ses(&sim->eps[i]);
		}
	if (uet_sim_net_memory(sim->net))
		uet_sim_complain(sim, "packets of %llu bytes are still in the network",
				 (unsigned long long)uet_sim_net_memory(sim->net));
}
