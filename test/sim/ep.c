/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sim/ep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sim/mixed.h"

#define RX_BATCH	64
#define MAX_ROUNDS	4		/* as ofi/fep.c: acknowledgements wait no longer */
#define RETRY		(20 * UET_NSEC_PER_USEC)	/* when the SES takes no operation */
#define NOT_AT_ONCE	100		/* ns: what is due at once when nothing can be done now */
#define CLOCK_START	UET_NSEC_PER_SEC

/* What its clock shows when the network's time is @now. */
static uint64_t own_time(const struct uet_sim_ep *ep, uint64_t now)
{
	return ep->clock + now + (uint64_t)((int64_t)now * ep->skew / 1000000);
}

uint64_t uet_sim_ep_now(const struct uet_sim_ep *ep)
{
	return own_time(ep, uet_sim_net_now(ep->sim->net));
}

/* The network's time at which its clock shows @local. */
static uint64_t net_time(const struct uet_sim_ep *ep, uint64_t local)
{
	uint64_t now = uet_sim_net_now(ep->sim->net), mine = uet_sim_ep_now(ep), ahead;

	if (local == UET_TIME_NEVER)
		return local;
	if (local <= mine)
		return now;
	ahead = uet_min_u64(local - mine, 1000 * UET_NSEC_PER_SEC);
	if (ep->skew)
		ahead = ahead * 1000000 / (uint64_t)(1000000 + ep->skew) + 1;
	return now + ahead;
}

bool uet_sim_ep_runs(const struct uet_sim_ep *ep)
{
	return ep->ses && ep->paused_until <= uet_sim_net_now(ep->sim->net);
}

/* Charge the CPU for @received packets and those sent since the last time. */
static void charge(struct uet_sim_ep *ep, int received)
{
	uint64_t sent = ep->nic->stats.tx_packets, now = uet_sim_net_now(ep->sim->net);

	if (!ep->sim->sc.host_cost)
		return;
	ep->busy_until = now + ep->sim->sc.host_cost *
			 ((uint64_t)received + sent - ep->tx_seen);
	ep->tx_seen = sent;
}

/* Its kernel says when packets arrived, if congestion control wants to know. */
static void stamp(const struct uet_sim_ep *ep, struct uet_nic_rx *pkts, int n)
{
	bool wanted = ep->sim->sc.ses.pds.cms.algorithm != UET_CMS_NONE;

	for (; n > 0; n--, pkts++)
		pkts->when = wanted && pkts->when ? own_time(ep, pkts->when) : 0;
}

static void press(struct uet_sim_ep *ep)
{
	ep->fill = ep->nic->fill;
	uet_pds_set_pressure(ep->pds, ep->fill);
}

/* One round of progress. Returns true if another one must follow at once. */
static bool progress(struct uet_sim_ep *ep)
{
	struct uet_nic_rx pkts[RX_BATCH];
	uint64_t now = uet_sim_ep_now(ep);
	bool costs = ep->sim->sc.host_cost != 0, idle;
	int n = ep->nic->ops->rx(ep->nic, pkts, RX_BATCH);

	stamp(ep, pkts, n);
	if (ep->nic->fill > ep->fill)
		press(ep);
	if (n > 0) {
		uet_pds_rx(ep->pds, pkts, n, now);
		ep->rounds++;
	}
	uet_ses_progress(ep->ses, now);
	uet_sim_flow_start_queued(ep);
	idle = (costs ? n <= 0 : n < RX_BATCH) || ep->rounds >= MAX_ROUNDS;
	uet_pds_progress(ep->pds, now, idle);
	if (idle && ep->nic->fill < ep->fill)
		press(ep);
	if (idle)
		ep->rounds = 0;
	/* Nobody wakes us for what waits already: we take the next ones when the CPU is free. */
	ep->more = costs && n > 0;
	charge(ep, n > 0 ? n : 0);
	if (costs)
		return false;
	return n == RX_BATCH || (ep->queue_head != UET_SIM_NO_FLOW && !ep->blocked);
}

/* When it must be driven again, unless something arrives before. */
static void set_alarm(struct uet_sim_ep *ep)
{
	uint64_t now = uet_sim_net_now(ep->sim->net), at;
	uint64_t next = uet_min_u64(uet_pds_next(ep->pds), uet_ses_next(ep->ses));

	if (ep->more || (ep->queue_head != UET_SIM_NO_FLOW && !ep->blocked))
		at = uet_max_u64(ep->busy_until, now + 1);
	else
		at = uet_max_u64(net_time(ep, next), now + NOT_AT_ONCE);
	if (ep->blocked)
		at = uet_min_u64(at, now + RETRY);
	uet_sim_net_alarm(ep->sim->net, ep->index, uet_max_u64(at, ep->busy_until));
}

void uet_sim_ep_step(struct uet_sim_ep *ep)
{
	uint64_t now = uet_sim_net_now(ep->sim->net);

	/* From a callback of its own SES: the round that is under way sees to it. */
	if (!ep->ses || ep->stepping)
		return;
	if (uet_max_u64(ep->paused_until, ep->busy_until) > now) {
		uet_sim_net_alarm(ep->sim->net, ep->index,
				  uet_max_u64(ep->paused_until, ep->busy_until));
		return;
	}
	ep->stepping = true;
	while (progress(ep))
		;
	ep->stepping = false;
	set_alarm(ep);
}

void uet_sim_ep_pause(struct uet_sim_ep *ep, uint64_t ns)
{
	ep->paused_until = uet_max_u64(ep->paused_until, uet_sim_net_now(ep->sim->net) + ns);
	if (ep->ses)
		uet_sim_net_alarm(ep->sim->net, ep->index, ep->paused_until);
}

/* ---- life ---- */

static int create_ses(struct uet_sim_ep *ep)
{
	struct uet_ses_cfg cfg = ep->sim->sc.ses;
	int ret;

	cfg.pds.seed = uet_rand_u64(&ep->sim->rand);
	cfg.initiator = ep->nic->addr.port;
	ret = uet_ses_create(&cfg, ep->nic, &uet_sim_upper_ops, ep, uet_sim_ep_now(ep), &ep->ses);
	if (ret)
		return ret;
	ep->pds = uet_ses_pds(ep->ses);
	ep->fill = 0;
	ret = uet_ses_rxq_create(&ep->sim->sc.rxq, &uet_sim_upper_ops, ep, &ep->rxq);
	if (!ret)
		ret = uet_ses_rxq_attach(ep->ses, cfg.resource_index, ep->rxq);
	return ret;
}

/* Add the counters of @more (an array of @n) to @sum. */
static void add(void *sum, const void *more, size_t n)
{
	const uint64_t *from = more;
	uint64_t *to = sum;
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += from[i];
}

static void destroy_ses(struct uet_sim_ep *ep)
{
	uet_sim_ep_stats(ep, &ep->past_pds, &ep->past_ses);
	uet_ses_destroy(ep->ses);
	uet_ses_rxq_destroy(ep->rxq);
	ep->ses = NULL;
	ep->rxq = NULL;
	ep->pds = NULL;
	ep->rounds = 0;
	ep->more = false;
	ep->blocked = false;
}

void uet_sim_ep_stats(const struct uet_sim_ep *ep, struct uet_pds_stats *pds,
		      struct uet_ses_stats *ses)
{
	struct uet_pds_stats p = ep->past_pds;
	struct uet_ses_stats s = ep->past_ses;

	if (ep->ses) {
		add(&p, uet_pds_stats(ep->pds), sizeof(p) / sizeof(uint64_t));
		add(&s, uet_ses_stats(ep->ses), sizeof(s) / sizeof(uint64_t));
	}
	*pds = p;
	*ses = s;
}

uint64_t uet_sim_ep_retx(const struct uet_sim_ep *ep)
{
	return ep->past_pds.tx_retx + (ep->ses ? uet_pds_stats(ep->pds)->tx_retx : 0);
}

int uet_sim_ep_init(struct uet_sim *sim, uint32_t index)
{
	struct uet_sim_ep *ep = &sim->eps[index];
	int ret;

	ep->sim = sim;
	ep->index = index;
	ep->nic = uet_sim_net_nic(sim->net, index);
	ep->queue_head = UET_SIM_NO_FLOW;
	ep->clock = CLOCK_START + uet_sim_below(sim, UET_NSEC_PER_SEC);
	if (sim->sc.skew)
		ep->skew = (int64_t)uet_sim_below(sim, 2ull * sim->sc.skew + 1) - sim->sc.skew;
	ep->tape_iov = (struct iovec){ .iov_base = sim->tape, .iov_len = sim->tape_len };
	ep->tape = (struct uet_ses_region){
		.iov = &ep->tape_iov, .iov_cnt = 1, .len = sim->tape_len,
		.key = UET_SIM_KEY_TAPE, .mem = &uet_sim_tape_mem,
		.access = UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE,
	};
	ret = uet_sim_mixed_init(ep);
	return ret ? ret : create_ses(ep);
}

void uet_sim_ep_fini(struct uet_sim_ep *ep)
{
	if (ep->ses)
		destroy_ses(ep);
	uet_sim_recv_free_all(ep);
	uet_sim_mixed_fini(ep);
}

void uet_sim_ep_crash(struct uet_sim_ep *ep)
{
	uet_sim_flow_ep_down(ep);
	destroy_ses(ep);
	uet_sim_recv_free_all(ep);
	uet_sim_net_flush_host(ep->sim->net, ep->index);
	uet_sim_net_host_set(ep->sim->net, ep->index,
			     ep->sim->sc.silent ? UET_SIM_HOST_SILENT : UET_SIM_HOST_REFUSES);
	uet_sim_net_alarm(ep->sim->net, ep->index, UET_TIME_NEVER);
	ep->sim->crashes++;
	ep->life++;
}

int uet_sim_ep_restart(struct uet_sim_ep *ep)
{
	int ret;

	uet_sim_net_flush_host(ep->sim->net, ep->index);
	uet_sim_net_host_set(ep->sim->net, ep->index, UET_SIM_HOST_UP);
	uet_sim_mixed_forget(ep);
	ep->life++;
	ret = create_ses(ep);
	if (ret)
		return ret;
	uet_sim_flow_ep_up(ep);
	uet_sim_ep_step(ep);
	return 0;
}
