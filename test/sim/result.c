/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Figures of a run. Nothing here depends on the machine that it ran on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/util.h"
#include "sim/ep.h"

static FILE *begin_file(const char *file)
{
	return *file == '-' && !file[1] ? stdout : fopen(file, "w");
}

static int end_file(FILE *f)
{
	int bad = ferror(f);

	if (f == stdout)
		return fflush(f) || bad ? -EIO : 0;
	return fclose(f) || bad ? -EIO : 0;
}

static const char *const ops[UET_SIM_OPS] = {
	[UET_SIM_TAGGED] = "tagged", [UET_SIM_WRITE] = "write", [UET_SIM_READ] = "read",
	[UET_SIM_UNTAGGED] = "untagged", [UET_SIM_STREAM] = "stream", [UET_SIM_SUM] = "sum",
	[UET_SIM_FETCH] = "fetch",
};

static const char *const states[] = {
	[UET_SIM_PLANNED] = "planned", [UET_SIM_QUEUED] = "queued", [UET_SIM_ACTIVE] = "active",
	[UET_SIM_DONE] = "done", [UET_SIM_FAILED] = "failed", [UET_SIM_ABORTED] = "aborted",
};

int uet_sim_write_flows(const struct uet_sim *sim, const char *file)
{
	FILE *out = begin_file(file);
	uint32_t i;

	if (!out)
		return -errno;
	fprintf(out, "flow,src,dst,op,bytes,start,end,fct,ideal,slowdown,retx,state\n");
	for (i = 0; i < sim->flow_cnt; i++) {
		const struct uet_sim_flow *f = &sim->flows[i];
		uint64_t ideal = uet_sim_scenario_ideal(&sim->sc, f->src, f->dst, f->bytes);
		uint64_t fct = f->end > f->start ? f->end - f->start : 0;

		fprintf(out, "%u,%u,%u,%s,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%.4f,%" PRIu64 ",%s\n", f->id, f->src, f->dst, ops[f->op], f->bytes,
			f->start, f->end, fct, ideal, (double)fct / (double)ideal, f->retx,
			states[f->state]);
	}
	return end_file(out);
}

/* ---- what would be possible ---- */

static double wire_time(double bytes, uint64_t rate)
{
	return bytes * 8e9 / (double)rate;
}

static uint32_t leaf_of(const struct uet_sim *sim, uint32_t host)
{
	return host / sim->sc.net.hosts_per_leaf;
}

/* ns that the most loaded link needs; load[] by host: in, out; by leaf: up, down. */
static double busiest(const struct uet_sim *sim)
{
	const struct uet_sim_net_cfg *net = &sim->sc.net;
	bool clos = net->topology == UET_SIM_CLOS2 || net->topology == UET_SIM_CLOS3;
	double *load = calloc(4ul * net->hosts, sizeof(*load)), most = 0, bytes;
	uint32_t i, n = net->hosts;

	if (!load)
		return 0;
	for (i = 0; i < sim->flow_cnt; i++) {
		const struct uet_sim_flow *f = &sim->flows[i];

		bytes = (double)uet_sim_scenario_wire(&sim->sc, f->bytes);
		load[f->src] += bytes;
		load[n + f->dst] += bytes;
		if (clos && leaf_of(sim, f->src) != leaf_of(sim, f->dst)) {
			load[2 * n + leaf_of(sim, f->src)] += bytes / net->spines;
			load[3 * n + leaf_of(sim, f->dst)] += bytes / net->spines;
		}
	}
	for (i = 0; i < 4 * n; i++) {
		double t = wire_time(load[i], i < 2 * n ? net->link_rate : net->fabric_rate);

		most = t > most ? t : most;
	}
	free(load);
	return most;
}

/* ns that the longest chain needs, if nothing else were there. */
static uint64_t longest_chain(const struct uet_sim *sim)
{
	uint64_t *begin = calloc(sim->flow_cnt, sizeof(*begin)), most = 0;
	uint32_t i;

	for (i = 0; begin && i < sim->flow_cnt; i++) {
		const struct uet_sim_flow *f = &sim->flows[i];
		uint64_t end = begin[i] +
			       uet_sim_scenario_ideal(&sim->sc, f->src, f->dst, f->bytes);

		most = uet_max_u64(most, end);
		if (f->after_rx)
			end = begin[i] + uet_sim_scenario_arrival(&sim->sc, f->src, f->dst,
								  f->bytes);
		if (f->next != UET_SIM_NO_FLOW)
			begin[f->next] = end + sim->flows[f->next].gap;
	}
	free(begin);
	return most;
}

uint64_t uet_sim_ideal(const struct uet_sim *sim)
{
	const struct uet_sim_flow *f = &sim->flows[0];
	uint64_t mtu = sim->sc.ses.payload_mtu;
	uint64_t rtt = uet_sim_scenario_ideal(&sim->sc, f->src, f->dst, mtu);
	uint64_t load = (uint64_t)(busiest(sim) -
				   wire_time((double)uet_sim_scenario_wire(&sim->sc, mtu),
					     sim->sc.net.link_rate)) + rtt;

	return uet_max_u64(load, longest_chain(sim));
}

void uet_sim_sum_links(const struct uet_sim *sim, struct uet_sim_links *sum)
{
	uint32_t i;

	*sum = (struct uet_sim_links){ 0 };
	for (i = 0; i < uet_sim_net_links(sim->net); i++) {
		const struct uet_sim_link_stats *s = uet_sim_net_link_stats(sim->net, i);

		sum->packets += s->packets;
		sum->bytes += s->bytes;
		sum->marked += s->marked;
		sum->trimmed += s->trimmed;
		sum->dropped += s->dropped;
		sum->overrun += s->overrun;
		sum->lost += s->lost;
		sum->duplicated += s->duplicated;
		sum->corrupted += s->corrupted;
		sum->reordered += s->reordered;
	}
}

/* ---- the summary ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double fct_of(const struct uet_sim_flow *f)
{
	return (double)(f->end - f->start);
}

/* Jain's index of what @share tells of each flow; NaN is left out. */
static double jain(const struct uet_sim *sim, double (*share)(const struct uet_sim *sim,
							       const struct uet_sim_flow *f))
{
	double sum = 0, squares = 0;
	uint32_t i, n = 0;

	for (i = 0; i < sim->flow_cnt; i++) {
		double x = share(sim, &sim->flows[i]);

		if (x < 0)
			continue;
		sum += x;
		squares += x * x;
		n++;
	}
	return squares > 0 ? sum * sum / (n * squares) : 1;
}

static double whole_share(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	(void)sim;
	return f->state == UET_SIM_DONE && f->end > f->start ? f->bytes / fct_of(f) : -1;
}

static double window_share(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	if (f->start > sim->time_from || (f->end && f->end < sim->time_until))
		return -1;
	return (double)(f->mark_until - f->mark_from);
}

static void write_times(const struct uet_sim *sim, FILE *out)
{
	double *slow = malloc(sim->flow_cnt * sizeof(*slow)), sum = 0;
	double first = 0, last = 0, ideal = (double)uet_sim_ideal(sim);
	uint32_t i, n = 0;

	for (i = 0; slow && i < sim->flow_cnt; i++) {
		const struct uet_sim_flow *f = &sim->flows[i];
		double fct = fct_of(f);

		if (f->state != UET_SIM_DONE)
			continue;
		slow[n] = fct / (double)uet_sim_scenario_ideal(&sim->sc, f->src, f->dst, f->bytes);
		sum += slow[n++];
		first = n == 1 || fct < first ? fct : first;
		last = fct > last ? fct : last;
	}
	if (n)
		qsort(slow, n, sizeof(*slow), ascending);
	fprintf(out, "  \"ideal_ns\": %.0f,\n  \"time_ns\": %" PRIu64 ",\n"
		"  \"time_over_ideal\": %.4f,\n  \"first_fct_ns\": %.0f,\n"
		"  \"last_fct_ns\": %.0f,\n", ideal, sim->last_end,
		(double)sim->last_end / ideal, first, last);
	if (n)
		fprintf(out, "  \"slowdown\": {\"mean\": %.4f, \"p50\": %.4f, \"p99\": %.4f, "
			"\"max\": %.4f},\n", sum / n, slow[n / 2],
			slow[(uint32_t)(0.99 * (n - 1) + 0.5)], slow[n - 1]);
	free(slow);
}

/* The link whose queue was longest on average in the measured window. */
static uint32_t fullest(const struct uet_sim *sim)
{
	uint32_t i, most = 0;

	for (i = 0; i < uet_sim_net_links(sim->net); i++) {
		char name[UET_SIM_NAME];

		/* A NIC's own queue is the host's affair. */
		uet_sim_net_link_name(sim->net, i, name, sizeof(name));
		if (name[0] == 'h' && sim->sc.net.topology != UET_SIM_PAIR)
			continue;
		if (sim->queue_until[i] - sim->queue_from[i] >
		    sim->queue_until[most] - sim->queue_from[most])
			most = i;
	}
	return most;
}

static void write_window(const struct uet_sim *sim, FILE *out)
{
	double ns = (double)(sim->time_until - sim->time_from), bytes = 0, queue, bdp;
	uint32_t i, link = fullest(sim);
	char name[UET_SIM_NAME];

	if (!sim->measured || ns <= 0) {
		fprintf(out, "  \"window\": null,\n");
		return;
	}
	for (i = 0; i < sim->flow_cnt; i++)
		bytes += (double)(sim->flows[i].mark_until - sim->flows[i].mark_from);
	queue = (sim->queue_until[link] - sim->queue_from[link]) / ns;
	bdp = (double)uet_sim_scenario_rtt(&sim->sc) * (double)sim->sc.net.link_rate / 8e9;
	fprintf(out, "  \"window\": {\"from_ns\": %" PRIu64 ", \"until_ns\": %" PRIu64
		", \"goodput_bps\": %.0f, \"jain\": %.4f,\n"
		"    \"queue\": {\"link\": \"%s\", \"mean\": %.0f, \"mean_bdp\": %.3f, "
		"\"max\": %" PRIu64 "}},\n", sim->time_from, sim->time_until, bytes * 8e9 / ns,
		jain(sim, window_share),
		uet_sim_net_link_name(sim->net, link, name, sizeof(name)), queue, queue / bdp,
		uet_sim_net_link_stats(sim->net, link)->queue_max);
}

static void write_endpoints(const struct uet_sim *sim, FILE *out)
{
	struct uet_pds_stats sum = { 0 }, p;
	struct uet_ses_stats ses;
	uint32_t i;

	for (i = 0; i < sim->sc.net.hosts; i++) {
		uet_sim_ep_stats(&sim->eps[i], &p, &ses);
		sum.tx_retx += p.tx_retx;
		sum.retx_rto += p.retx_rto;
		sum.retx_sack += p.retx_sack;
		sum.retx_nack += p.retx_nack;
		sum.retx_goback += p.retx_goback;
		sum.tx_data += p.tx_data;
		sum.tx_ack += p.tx_ack;
		sum.tx_nack += p.tx_nack;
		sum.tx_cp += p.tx_cp;
		sum.rx_duplicate += p.rx_duplicate;
	}
	fprintf(out, "  \"sent\": {\"data\": %" PRIu64 ", \"ack\": %" PRIu64 ", \"nack\": %" PRIu64
		", \"cp\": %" PRIu64 "},\n  \"retransmitted\": {\"packets\": %" PRIu64
		", \"rto\": %" PRIu64
		", \"sack\": %" PRIu64 ", \"nack\": %" PRIu64 ", \"goback\": %" PRIu64
		", \"needless\": %" PRIu64 "},\n", sum.tx_data, sum.tx_ack, sum.tx_nack, sum.tx_cp,
		sum.tx_retx, sum.retx_rto, sum.retx_sack, sum.retx_nack, sum.retx_goback,
		sum.rx_duplicate);
}

static void write_network(const struct uet_sim *sim, FILE *out)
{
	struct uet_sim_links l;

	uet_sim_sum_links(sim, &l);
	fprintf(out, "  \"network\": {\"delivered\": %" PRIu64 ", \"hops\": %" PRIu64
		", \"marked\": %" PRIu64 ", \"trimmed\": %" PRIu64 ", \"dropped\": %" PRIu64
		", \"overrun\": %" PRIu64 ",\n    \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"corrupted\": %" PRIu64 ", \"reordered\": %" PRIu64 "},\n",
		uet_sim_net_packets(sim->net), l.packets, l.marked, l.trimmed, l.dropped, l.overrun,
		l.lost, l.duplicated, l.corrupted, l.reordered);
}

/* Hosts that get something. */
static uint32_t receivers(const struct uet_sim *sim)
{
	bool *gets = calloc(sim->sc.net.hosts, sizeof(*gets));
	uint32_t i, n = 0;

	for (i = 0; gets && i < sim->flow_cnt; i++) {
		n += !gets[sim->flows[i].dst];
		gets[sim->flows[i].dst] = true;
	}
	free(gets);
	return n;
}

int uet_sim_write_summary(const struct uet_sim *sim, const char *file)
{
	const struct uet_sim_counts *c = &sim->count;
	FILE *out = begin_file(file);

	if (!out)
		return -errno;
	fprintf(out, "{\n  \"scenario\": \"%s\",\n  \"seed\": %" PRIu64 ",\n  \"hosts\": %u,\n",
		sim->sc.name, sim->sc.net.seed, sim->sc.net.hosts);
	fprintf(out, "  \"receivers\": %u,\n  \"link_bps\": %" PRIu64 ",\n", receivers(sim),
		sim->sc.net.link_rate);
	fprintf(out, "  \"flows\": {\"planned\": %" PRIu64 ", \"done\": %" PRIu64
		", \"failed\": %" PRIu64 ", \"aborted\": %" PRIu64 ", \"open\": %" PRIu64 "},\n",
		c->planned, c->done, c->failed, c->aborted, c->open);
	fprintf(out, "  \"bytes\": %" PRIu64 ",\n  \"goodput_bps\": %.0f,\n  \"jain\": %.4f,\n",
		c->bytes, sim->last_end ? (double)c->bytes * 8e9 / (double)sim->last_end : 0.0,
		jain(sim, whole_share));
	write_times(sim, out);
	write_window(sim, out);
	write_network(sim, out);
	write_endpoints(sim, out);
	fprintf(out, "  \"peak\": {\"packet_bytes\": %" PRIu64 ", \"pdcs\": %u, "
		"\"unexpected_bytes\": %" PRIu64 "},\n  \"crashes\": %u,\n  \"complaints\": %"
		PRIu64 "\n}\n", sim->peak_memory, sim->peak_pdcs, sim->peak_unexpected,
		sim->crashes, sim->complaints);
	return end_file(out);
}
