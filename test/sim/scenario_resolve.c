/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Defaults of a scenario, what follows from others, and times that only need arithmetic.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "sim/scenario.h"
#include "wire/pds.h"
#include "wire/ses.h"

#define USEC	UET_NSEC_PER_USEC
#define MSEC	UET_NSEC_PER_MSEC
#define SEC	UET_NSEC_PER_SEC
#define HEADERS	(UET_PDS_REQ_LEN + UET_SES_STD_LEN)	/* of a packet of a longer message */
#define ACK	(UET_PDS_ACK_LEN + UET_SES_RESP_LEN)
#define MTU_ROOM 160	/* what headers may need beyond the payload */

void uet_sim_scenario_init(struct uet_sim_scenario *sc)
{
	*sc = (struct uet_sim_scenario){
		.name = "default",
		.net = {
			.topology = UET_SIM_STAR, .hosts = 8, .link_rate = 100000000000ull,
			.propagation = 1 * USEC, .paths = 1, .seed = 1,
		},
		.queue_bdp = 5000, .notice = 1 * MSEC,
		.work = {
			.kind = UET_SIM_PERMUTATION, .size = 2 << 20, .size_min = 1,
			.size_max = 1 << 20, .count = 1, .outstanding = 4, .flows = 1000,
			.load = 500000,
		},
		.ses = {
			.job_id = 1, .resource_index = 1, .payload_mtu = 4096, .max_tx = 1024,
			.inject_size = 1024, .defer_size = 65536, .rndv_eager = 8192,
			.retry_time = 1 * MSEC, .retry_max = 100 * MSEC,
			.pds = {
				.max_pdc = 1024, .mp_range = 1024, .max_stored = 65536,
				.max_ahead = 16 << 20,
				.max_rudi = 64, .ack_trigger = 16 << 10, .ack_min_add = 1 << 10,
				.nack_retx_time = 1 * MSEC, .nack_retx_max = 8 * MSEC,
				.peer_timeout = 2 * SEC, .refused_timeout = 1 * SEC,
				.idle_close = 100 * MSEC, .target_idle = 1 * SEC,
				.linger = 200 * MSEC,
				.cms = {
					.charge_min = 768, .window_init = 256 << 10,
					.window_max = 1 << 20, .rto_max = 100 * MSEC,
					.algorithm = UET_CMS_NSCC,
				},
			},
		},
		.rxq = {
			.max_rx = 65536, .max_unexpected = 4096,
			.max_unexpected_bytes = 64 << 20,
		},
		.time_limit = 60 * SEC, .deadline = 20 * SEC, .sample_flows = 64,
	};
}

static int refuse(char *why, size_t len, const char *what)
{
	snprintf(why, len, "%s", what);
	return -EINVAL;
}

/* Hosts per leaf and so on as uet_sim_net_create would choose them, so that both agree. */
static void choose_clos(struct uet_sim_net_cfg *net)
{
	uint32_t leaves;

	if (!net->hosts_per_leaf) {
		net->hosts_per_leaf = 4;
		while (net->hosts_per_leaf * net->hosts_per_leaf < net->hosts / 2)
			net->hosts_per_leaf *= 2;
	}
	if (!net->spines)
		net->spines = net->hosts_per_leaf;
	if (net->topology != UET_SIM_CLOS3)
		return;
	leaves = (net->hosts + net->hosts_per_leaf - 1) / net->hosts_per_leaf;
	if (!net->leaves_per_pod)
		net->leaves_per_pod = leaves < net->hosts_per_leaf ? leaves : net->hosts_per_leaf;
	if (!net->cores)
		net->cores = net->spines * net->leaves_per_pod;
}

static void choose_buffers(struct uet_sim_scenario *sc)
{
	struct uet_cms_cfg *cms = &sc->ses.pds.cms;
	uint64_t rtt, bdp;

	rtt = uet_sim_scenario_rtt(sc);
	bdp = (uint64_t)((double)rtt * (double)sc->net.link_rate / 8e9);
	if (!sc->net.queue)
		sc->net.queue = (uint32_t)uet_min_u64(uet_max_u64(sc->queue_bdp * bdp / 1000,
								  16 * sc->net.mtu), UINT32_MAX);
	if (!sc->net.ecn_max && sc->ecn_max_bdp) {
		sc->net.ecn_min = (uint32_t)uet_min_u64(sc->ecn_min_bdp * bdp / 1000, UINT32_MAX);
		sc->net.ecn_max = (uint32_t)uet_min_u64(sc->ecn_max_bdp * bdp / 1000, UINT32_MAX);
	}
	if (!cms->rto_min) {
		cms->rto_min = 50 * USEC + 3 * rtt +
			       3 * (uint64_t)((double)sc->net.queue * 8e9 /
					      (double)sc->net.link_rate);
		cms->rto_max = uet_max_u64(cms->rto_max, cms->rto_min);
	}
	if (!sc->sample)
		sc->sample = uet_max_u64(rtt, 1 * USEC);
}

static int check_work(struct uet_sim_scenario *sc, char *why, size_t len)
{
	struct uet_sim_work *w = &sc->work;
	uint64_t most = w->sizes == UET_SIM_FIXED ? w->size : w->size_max;

	if (!w->count || !w->outstanding)
		return refuse(why, len, "count and outstanding must not be 0");
	if (w->size_min > w->size_max || !w->size_min)
		return refuse(why, len, "size_min must be from 1 to size_max");
	if (most > 1u << 30 || w->leave_size > most)
		return refuse(why, len, "messages of at most 1G, and leave_size below size");
	if (!w->senders || w->senders >= sc->net.hosts)
		w->senders = sc->net.hosts - 1;
	if (w->kind == UET_SIM_MIXED && (w->size_max > 1 << 20 || sc->net.hosts > 64))
		return refuse(why, len, "mixed work: at most 64 hosts and size_max = 1M");
	if (w->kind == UET_SIM_LISTED && !sc->list_cnt)
		return refuse(why, len, "work = list needs lines `flow = ...`");
	if (w->kind == UET_SIM_POISSON && (!w->load || !w->flows))
		return refuse(why, len, "poisson needs load and flows");
	return 0;
}

int uet_sim_scenario_resolve(struct uet_sim_scenario *sc, char *why, size_t len)
{
	struct uet_sim_net_cfg *net = &sc->net;

	if (net->topology == UET_SIM_PAIR)
		net->hosts = 2;
	if (net->hosts < 2 || net->hosts > 1u << 16)
		return refuse(why, len, "hosts must be 2 to 65536");
	if (!net->link_rate)
		return refuse(why, len, "rate must not be 0");
	if (!net->paths || net->paths > UET_NIC_PATHS_MAX)
		return refuse(why, len, "paths: from 1 to what the core can keep apart");
	if (!net->fabric_rate)
		net->fabric_rate = net->link_rate;
	if (net->topology == UET_SIM_CLOS2 || net->topology == UET_SIM_CLOS3)
		choose_clos(net);
	if (!net->mtu)
		net->mtu = sc->ses.payload_mtu + MTU_ROOM;
	if (net->faults.reorder && !net->faults.reorder_time)
		return refuse(why, len, "reorder needs reorder_time");
	sc->ses.pds.cms.mtu = sc->ses.payload_mtu + HEADERS + UET_CMS_EXTRA;
	choose_buffers(sc);
	if (!sc->ses.pds.cms.link_rate)
		sc->ses.pds.cms.link_rate = net->link_rate;
	sc->ses.pds.cms.trimming = net->trim_size != 0;
	return check_work(sc, why, len);
}

/* ---- times ---- */

uint32_t uet_sim_scenario_hops(const struct uet_sim_scenario *sc, uint32_t a, uint32_t b,
			       uint32_t *fabric)
{
	const struct uet_sim_net_cfg *net = &sc->net;
	uint32_t leaf_a, leaf_b;

	*fabric = 0;
	if (net->topology == UET_SIM_PAIR)
		return 1;
	if (net->topology == UET_SIM_STAR)
		return 2;
	leaf_a = a / net->hosts_per_leaf;
	leaf_b = b / net->hosts_per_leaf;
	if (leaf_a == leaf_b)
		return 2;
	*fabric = 2;
	if (net->topology == UET_SIM_CLOS3 &&
	    leaf_a / net->leaves_per_pod != leaf_b / net->leaves_per_pod)
		*fabric = 4;
	return *fabric + 2;
}

static double wire_time(uint64_t bytes, uint64_t rate)
{
	return (double)bytes * 8e9 / (double)rate;
}

uint64_t uet_sim_scenario_wire(const struct uet_sim_scenario *sc, uint64_t bytes)
{
	uint64_t mtu = sc->ses.payload_mtu;
	uint64_t pkts = bytes ? (bytes + mtu - 1) / mtu : 1;

	return bytes + pkts * (HEADERS + UET_SIM_WIRE);
}

/* ns of a packet of @bytes on the wire over all links between two hosts. */
static double trip(const struct uet_sim_scenario *sc, uint32_t src, uint32_t dst, uint64_t bytes)
{
	uint32_t fabric, hops = uet_sim_scenario_hops(sc, src, dst, &fabric);

	return hops * (double)sc->net.propagation +
	       (hops - fabric) * wire_time(bytes, sc->net.link_rate) +
	       fabric * wire_time(bytes, sc->net.fabric_rate);
}

uint64_t uet_sim_scenario_arrival(const struct uet_sim_scenario *sc, uint32_t src, uint32_t dst,
				  uint64_t bytes)
{
	uint64_t all = uet_sim_scenario_wire(sc, bytes), first;

	first = uet_min_u64(all, uet_sim_scenario_wire(sc, sc->ses.payload_mtu));
	return (uint64_t)(trip(sc, src, dst, first) + wire_time(all - first, sc->net.link_rate));
}

uint64_t uet_sim_scenario_ideal(const struct uet_sim_scenario *sc, uint32_t src, uint32_t dst,
				uint64_t bytes)
{
	return uet_sim_scenario_arrival(sc, src, dst, bytes) +
	       (uint64_t)trip(sc, dst, src, ACK + UET_SIM_WIRE);
}

uint64_t uet_sim_scenario_rtt(const struct uet_sim_scenario *sc)
{
	uint32_t last = sc->net.hosts - 1;

	return uet_sim_scenario_ideal(sc, 0, last, sc->ses.payload_mtu);
}
