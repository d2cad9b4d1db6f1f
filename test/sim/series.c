/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What can be seen from outside while it runs: windows, goodput, queues.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/util.h"
#include "pds/pdc.h"
#include "sim/ep.h"
#include "sim/flow.h"

/* The context of @pds for packets to @peer, or NULL. */
static const struct uet_ccc *ccc_of(const struct uet_pds *pds, const struct uet_addr *peer)
{
	const struct uet_ccc *c;

	c = pds->cccs.buckets[uet_addr_hash(peer, 0) & pds->cccs.bucket_mask];
	while (c && !uet_addr_equal(&c->peer, peer))
		c = c->hash_next;
	return c;
}

static FILE *open_csv(const char *prefix, const char *what, const char *head)
{
	char name[512];
	FILE *f;

	if (snprintf(name, sizeof(name), "%s-%s.csv", prefix, what) >= (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	f = fopen(name, "w");
	if (f)
		fprintf(f, "%s\n", head);
	return f;
}

int uet_sim_open_series(struct uet_sim *sim, const char *prefix)
{
	sim->queue_last = calloc(uet_sim_net_links(sim->net), sizeof(sim->queue_last[0]));
	if (!sim->queue_last)
		return -ENOMEM;
	sim->flow_series = open_csv(prefix, "series",
				    "t_ns,flow,src,dst,cwnd,inflight,rtt_ns,goodput_bps,acked");
	if (!sim->flow_series)
		return -errno;
	sim->queue_series = open_csv(prefix, "queues", "t_ns,link,bytes");
	if (!sim->queue_series)
		return -errno;
	uet_sim_due(sim, sim->sc.sample, UET_SIM_DUE_SAMPLE, 0);
	return 0;
}

static void sample_flow(struct uet_sim *sim, struct uet_sim_flow *f, uint64_t now)
{
	const struct uet_sim_ep *src = &sim->eps[f->src];
	const struct uet_ccc *ccc;
	uint64_t acked;

	if (f->state != UET_SIM_ACTIVE)
		return;
	ccc = ccc_of(src->pds, &sim->eps[f->dst].nic->addr);
	if (!ccc)
		return;
	acked = uet_sim_flow_acked(sim, f);
	fprintf(sim->flow_series, "%" PRIu64 ",%u,%u,%u,%u,%u,%" PRIu64 ",%.0f,%" PRIu64 "\n", now,
		f->id, f->src, f->dst, uet_cms_cwnd(&ccc->cms), ccc->cms.inflight,
		ccc->cms.rtt.srtt, (double)(acked - f->seen) * 8e9 / (double)sim->sc.sample, acked);
	f->seen = acked;
}

void uet_sim_sample(struct uet_sim *sim)
{
	uint64_t now = uet_sim_net_now(sim->net), bytes;
	uint32_t i, links = uet_sim_net_links(sim->net);
	char name[UET_SIM_NAME];

	for (i = 0; i < sim->flow_cnt && i < sim->sc.sample_flows; i++)
		sample_flow(sim, &sim->flows[i], now);
	for (i = 0; i < links; i++) {
		bytes = uet_sim_net_link_queue(sim->net, i);
		if (bytes || sim->queue_last[i])
			fprintf(sim->queue_series, "%" PRIu64 ",%s,%" PRIu64 "\n", now,
				uet_sim_net_link_name(sim->net, i, name, sizeof(name)), bytes);
		sim->queue_last[i] = bytes;
	}
	sim->samples++;
	if (sim->count.open)
		uet_sim_due(sim, now + sim->sc.sample, UET_SIM_DUE_SAMPLE, 0);
}

void uet_sim_measure(struct uet_sim *sim, bool begin)
{
	double *queue = begin ? sim->queue_from : sim->queue_until;
	uint32_t i;

	/* Once, and not when all is over before it begins. */
	if (sim->measured || begin == sim->measuring || (begin && sim->count.done &&
							 !sim->sc.measure_until))
		return;
	for (i = 0; i < uet_sim_net_links(sim->net); i++)
		queue[i] = uet_sim_net_link_stats(sim->net, i)->queue_time;
	for (i = 0; i < sim->flow_cnt; i++) {
		struct uet_sim_flow *f = &sim->flows[i];

		*(begin ? &f->mark_from : &f->mark_until) = uet_sim_flow_acked(sim, f);
	}
	*(begin ? &sim->time_from : &sim->time_until) = uet_sim_net_now(sim->net);
	sim->measuring = begin;
	sim->measured = !begin;
}
