/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sim/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_U8, KIND_U16, KIND_U32, KIND_U64,	/* plain numbers */
	KIND_BYTES, KIND_BYTES64,		/* 4096, 64k, 2M, 1G: powers of 1024 */
	KIND_SIZE,				/* the same in a size_t */
	KIND_TIME,				/* 500, 500ns, 10us, 1.5ms, 2s */
	KIND_RATE,				/* 1000000, 100M, 400G: powers of 1000 */
	KIND_PPM,				/* 100, 0.1% */
	KIND_MILLI,				/* 1.5: thousandths in a uint32_t */
	KIND_BOOL,
	KIND_ENUM, KIND_ENUM8,			/* one of names, in an int or a uint8_t */
	KIND_RANDOM,				/* KIND_BOOL, and drawn if true */
	KIND_FAULT, KIND_FLOW,			/* lines that add up */
};

struct key {
	const char *name;
	enum kind kind;
	size_t at;
	const char *help;
	const char *names;		/* KIND_ENUM: "a b c" */
};

#define AT(member) offsetof(struct uet_sim_scenario, member)

static const struct key keys[] = {
	{ "topology", KIND_ENUM, AT(net.topology), "pair, star, clos2 or clos3",
	  "pair star clos2 clos3" },
	{ "hosts", KIND_U32, AT(net.hosts), "endpoints", NULL },
	{ "hosts_per_leaf", KIND_U32, AT(net.hosts_per_leaf), "0: chosen", NULL },
	{ "leaves_per_pod", KIND_U32, AT(net.leaves_per_pod), "clos3; 0: chosen", NULL },
	{ "spines", KIND_U32, AT(net.spines), "clos2: all, clos3: per pod; 0: chosen", NULL },
	{ "cores", KIND_U32, AT(net.cores), "clos3; 0: chosen", NULL },
	{ "rate", KIND_RATE, AT(net.link_rate), "of hosts' links, bit/s", NULL },
	{ "fabric_rate", KIND_RATE, AT(net.fabric_rate), "between switches; 0: the same", NULL },
	{ "propagation", KIND_TIME, AT(net.propagation), "of each link", NULL },
	{ "paths", KIND_U8, AT(net.paths), "source ports of each endpoint", NULL },
	{ "queue", KIND_BYTES, AT(net.queue), "of a switch's port; 0: queue_bdp", NULL },
	{ "queue_bdp", KIND_MILLI, AT(queue_bdp), "the same in BDP, for queue = 0", NULL },
	{ "trim", KIND_BYTES, AT(net.trim_size), "bytes kept of a packet; 0: it is dropped", NULL },
	{ "ecn_min", KIND_BYTES, AT(net.ecn_min), "marks from here, ecn_max = 0: none", NULL },
	{ "ecn_max", KIND_BYTES, AT(net.ecn_max), "marks all from here", NULL },
	{ "ecn_min_bdp", KIND_MILLI, AT(ecn_min_bdp), "the same in BDP, for ecn_max = 0", NULL },
	{ "ecn_max_bdp", KIND_MILLI, AT(ecn_max_bdp), "", NULL },
	{ "drop", KIND_PPM, AT(net.faults.drop), "of packets, on each link", NULL },
	{ "duplicate", KIND_PPM, AT(net.faults.duplicate), "", NULL },
	{ "corrupt", KIND_PPM, AT(net.faults.corrupt), "", NULL },
	{ "reorder", KIND_PPM, AT(net.faults.reorder), "held back by up to reorder_time", NULL },
	{ "reorder_time", KIND_TIME, AT(net.faults.reorder_time), "", NULL },
	{ "corrupt_delivered", KIND_BOOL, AT(net.faults.corrupt_delivered), "past the UDP checksum",
	  NULL },
	{ "control_queue", KIND_BYTES, AT(net.control_queue), "of a port; 0: as queue", NULL },
	{ "host_queue", KIND_BYTES, AT(net.host_queue), "of a NIC, to send; 0: 16 packets", NULL },
	{ "host_buffer", KIND_BYTES, AT(net.host_buffer), "received, not read; 0: 4M", NULL },
	{ "notice", KIND_TIME, AT(notice), "until ECMP avoids a link that is down", NULL },
	{ "seed", KIND_U64, AT(net.seed), "of everything", NULL },

	{ "work", KIND_ENUM, AT(work.kind), "what is sent",
	  "list permutation incast alltoall ring poisson mixed" },
	{ "op", KIND_ENUM, AT(work.op), "how", "tagged write read" },
	{ "mode", KIND_ENUM, AT(work.mode), "rud or rod", "rud rod" },
	{ "sizes", KIND_ENUM, AT(work.sizes), "of messages", "fixed uniform websearch pareto" },
	{ "size", KIND_BYTES64, AT(work.size), "fixed", NULL },
	{ "size_min", KIND_BYTES64, AT(work.size_min), "uniform, pareto", NULL },
	{ "size_max", KIND_BYTES64, AT(work.size_max), "uniform, pareto, mixed", NULL },
	{ "count", KIND_U32, AT(work.count), "messages of a flow, one after the other; mixed: of a "
	  "host's lane", NULL },
	{ "outstanding", KIND_U32, AT(work.outstanding), "per host: alltoall, mixed",
	  NULL },
	{ "senders", KIND_U32, AT(work.senders), "incast; 0: all others", NULL },
	{ "joiners", KIND_U32, AT(work.joiners), "incast: so many begin at join_time", NULL },
	{ "join_time", KIND_TIME, AT(work.join_time), "", NULL },
	{ "leavers", KIND_U32, AT(work.leavers), "incast: so many send only leave_size", NULL },
	{ "leave_size", KIND_BYTES64, AT(work.leave_size), "", NULL },
	{ "start_gap", KIND_TIME, AT(work.start_gap), "between the starts of flows", NULL },
	{ "start_spread", KIND_TIME, AT(work.start_spread), "plus a random time up to this", NULL },
	{ "flows", KIND_U32, AT(work.flows), "poisson", NULL },
	{ "load", KIND_PPM, AT(work.load), "poisson: of the hosts' links", NULL },
	{ "late_max", KIND_TIME, AT(work.late_max), "mixed: receives come so much later", NULL },
	{ "gap_max", KIND_TIME, AT(work.gap_max), "mixed: pause between operations", NULL },
	{ "flow", KIND_FLOW, 0, "SRC DST BYTES [START]; adds one to work = list", NULL },

	{ "fault", KIND_FAULT, 0, "TIME down LINK [TIME], TIME up LINK, TIME rate LINK RATE, "
	  "TIME pause HOST TIME, "
	  "TIME crash HOST [TIME]; adds one. LINK: leaf0>spine1, or leaf0-spine1 for both ways",
	  NULL },
	{ "flaps", KIND_U32, AT(trouble.flaps), "links that go down at random times", NULL },
	{ "flap_max", KIND_TIME, AT(trouble.flap_max), "for up to", NULL },
	{ "pauses", KIND_U32, AT(trouble.pauses), "of endpoints, at random times", NULL },
	{ "pause_max", KIND_TIME, AT(trouble.pause_max), "for up to", NULL },
	{ "crashes", KIND_U32, AT(trouble.crashes), "of endpoints, at random times", NULL },
	{ "restart_max", KIND_TIME, AT(trouble.restart_max), "they return after up to; 0: never",
	  NULL },
	{ "trouble_from", KIND_TIME, AT(trouble.from), "the random times", NULL },
	{ "trouble_until", KIND_TIME, AT(trouble.until), "", NULL },
	{ "random", KIND_RANDOM, AT(random), "draw network, endpoints, mixed work and faults from "
	  "the seed, at once: keys that follow change them", NULL },

	{ "mtu", KIND_U32, AT(ses.payload_mtu), "payload of a packet", NULL },
	{ "host_cost", KIND_TIME, AT(host_cost), "CPU time of an endpoint per packet", NULL },
	{ "silent", KIND_BOOL, AT(silent), "crashed hosts do not even refuse packets", NULL },
	{ "skew", KIND_U32, AT(skew), "clocks of endpoints are off by up to so many ppm", NULL },
	{ "ses.max_tx", KIND_U32, AT(ses.max_tx), "operations outstanding", NULL },
	{ "ses.inject_size", KIND_U32, AT(ses.inject_size), "", NULL },
	{ "ses.max_replies", KIND_U32, AT(ses.max_replies), "", NULL },
	{ "ses.defer_size", KIND_SIZE, AT(ses.defer_size), "longer sends are deferrable", NULL },
	{ "ses.rndv_size", KIND_SIZE, AT(ses.rndv_size), "longer ones are rendezvous", NULL },
	{ "ses.rndv_eager", KIND_SIZE, AT(ses.rndv_eager), "", NULL },
	{ "ses.probe_time", KIND_TIME, AT(ses.probe_time), "", NULL },
	{ "ses.retry_time", KIND_TIME, AT(ses.retry_time), "", NULL },
	{ "ses.retry_max", KIND_TIME, AT(ses.retry_max), "", NULL },
	{ "ses.max_rx", KIND_U32, AT(rxq.max_rx), "receives posted", NULL },
	{ "ses.max_unexpected", KIND_U32, AT(rxq.max_unexpected), "messages", NULL },
	{ "ses.max_unexpected_bytes", KIND_SIZE, AT(rxq.max_unexpected_bytes), "", NULL },
	{ "pds.max_pdc", KIND_U32, AT(ses.pds.max_pdc), "PDCs of an endpoint", NULL },
	{ "pds.mp_range", KIND_U32, AT(ses.pds.mp_range), "", NULL },
	{ "pds.max_ahead", KIND_SIZE, AT(ses.pds.max_ahead),
	  "bytes: ROD packets ahead of others", NULL },
	{ "pds.max_stored", KIND_U32, AT(ses.pds.max_stored), "", NULL },
	{ "pds.max_rudi", KIND_U32, AT(ses.pds.max_rudi), "", NULL },
	{ "pds.ack_trigger", KIND_BYTES, AT(ses.pds.ack_trigger), "", NULL },
	{ "pds.ack_min_add", KIND_BYTES, AT(ses.pds.ack_min_add), "", NULL },
	{ "pds.nack_retx_time", KIND_TIME, AT(ses.pds.nack_retx_time), "", NULL },
	{ "pds.nack_retx_max", KIND_TIME, AT(ses.pds.nack_retx_max), "", NULL },
	{ "pds.peer_timeout", KIND_TIME, AT(ses.pds.peer_timeout), "", NULL },
	{ "pds.refused_timeout", KIND_TIME, AT(ses.pds.refused_timeout), "", NULL },
	{ "pds.idle_close", KIND_TIME, AT(ses.pds.idle_close), "", NULL },
	{ "pds.target_idle", KIND_TIME, AT(ses.pds.target_idle), "", NULL },
	{ "pds.linger", KIND_TIME, AT(ses.pds.linger), "", NULL },
	{ "cc", KIND_ENUM8, AT(ses.pds.cms.algorithm), "congestion control",
	  "none nscc rccc both" },
	{ "cms.link_rate", KIND_RATE, AT(ses.pds.cms.link_rate), "0: that of hosts' links", NULL },
	{ "cms.base_rtt", KIND_TIME, AT(ses.pds.cms.base_rtt), "0: measured", NULL },
	{ "cms.target_floor", KIND_TIME, AT(ses.pds.cms.target_floor), "", NULL },
	{ "cms.ecn_known", KIND_BOOL, AT(ses.pds.cms.ecn_known), "all switches mark", NULL },
	{ "cms.charge_min", KIND_BYTES, AT(ses.pds.cms.charge_min), "", NULL },
	{ "cms.window_init", KIND_BYTES, AT(ses.pds.cms.window_init), "", NULL },
	{ "cms.window_max", KIND_BYTES, AT(ses.pds.cms.window_max), "", NULL },
	{ "cms.rto_min", KIND_TIME, AT(ses.pds.cms.rto_min), "0: from RTT and queue", NULL },
	{ "cms.rto_max", KIND_TIME, AT(ses.pds.cms.rto_max), "", NULL },

	{ "check", KIND_BOOL, AT(check), "as --check", NULL },
	{ "time_limit", KIND_TIME, AT(time_limit), "for the workload", NULL },
	{ "deadline", KIND_TIME, AT(deadline), "of each flow, with --check", NULL },
	{ "sample", KIND_TIME, AT(sample), "period of the time series; 0: chosen", NULL },
	{ "sample_flows", KIND_U32, AT(sample_flows), "the first so many are in it", NULL },
	{ "measure_from", KIND_TIME, AT(measure_from), "window of queue and goodput", NULL },
	{ "measure_until", KIND_TIME, AT(measure_until), "0: until the first flow ends", NULL },
};

static bool unit_of(const char *text, const char *const *names, const double *factors, double *f)
{
	for (; *names; names++, factors++)
		if (strcmp(text, *names) == 0) {
			*f = *factors;
			return true;
		}
	return false;
}

/* "1.5ms" and the like. */
static bool scaled(const char *text, enum kind kind, uint64_t *out)
{
	static const char *const times[] = { "", "ns", "us", "ms", "s", NULL };
	static const double ns[] = { 1, 1, 1e3, 1e6, 1e9 };
	static const char *const sizes[] = { "", "B", "k", "kB", "M", "MB", "G", NULL };
	static const double bytes[] = { 1, 1, 1024, 1024, 1048576, 1048576, 1073741824 };
	static const char *const rates[] = { "", "k", "M", "G", "T", NULL };
	static const double bits[] = { 1, 1e3, 1e6, 1e9, 1e12 };
	static const char *const parts[] = { "", "%", NULL };
	static const double ppm[] = { 1, 1e4 };
	static const char *const plain[] = { "", NULL };
	static const double milli[] = { 1000 };
	double value, f;
	char *end;
	bool ok;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || errno || value < 0 || value > 1e18)
		return false;
	while (isspace((unsigned char)*end))
		end++;
	if (kind == KIND_TIME)
		ok = unit_of(end, times, ns, &f);
	else if (kind == KIND_RATE)
		ok = unit_of(end, rates, bits, &f);
	else if (kind == KIND_PPM)
		ok = unit_of(end, parts, ppm, &f);
	else if (kind == KIND_MILLI)
		ok = unit_of(end, plain, milli, &f);
	else
		ok = unit_of(end, sizes, bytes, &f);
	if (!ok || value * f > 1e18)
		return false;
	*out = (uint64_t)(value * f + 0.5);
	return true;
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return end != text && !*end && !errno && text[0] != '-';
}

static bool one_of(const char *names, const char *text, uint64_t *out)
{
	size_t n = strlen(text);

	for (*out = 0; *names; (*out)++) {
		size_t len = strcspn(names, " ");

		if (len == n && strncmp(names, text, n) == 0)
			return true;
		names += len + (names[len] == ' ');
	}
	return false;
}

static bool read_bool(const char *text, uint64_t *out)
{
	*out = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0;
	return *out || strcmp(text, "false") == 0 || strcmp(text, "no") == 0 ||
	       strcmp(text, "0") == 0;
}

static bool add_fault(struct uet_sim_scenario *sc, const char *text)
{
	char time[32], what[16], which[UET_SIM_NAME], more[32] = "0";
	struct uet_sim_fault f = { 0 };
	uint64_t kind, host = 0;
	int n = sscanf(text, "%31s %15s %31s %31s", time, what, which, more);

	if (n < 3 || sc->fault_cnt == UET_SIM_FAULTS || !scaled(time, KIND_TIME, &f.time) ||
	    !one_of("down up rate pause crash", what, &kind))
		return false;
	f.kind = (enum uet_sim_fault_kind)kind;
	if (n < 4 && (f.kind == UET_SIM_LINK_RATE || f.kind == UET_SIM_PAUSE))
		return false;
	if (f.kind == UET_SIM_PAUSE || f.kind == UET_SIM_CRASH) {
		if (!number(which, &host) || host > UINT32_MAX)
			return false;
		f.host = (uint32_t)host;
	} else {
		memcpy(f.link, which, sizeof(f.link));
	}
	if (!scaled(more, f.kind == UET_SIM_LINK_RATE ? KIND_RATE : KIND_TIME, &f.value))
		return false;
	sc->faults[sc->fault_cnt++] = f;
	return true;
}

/* "SRC DST BYTES [START]" */
static bool add_flow(struct uet_sim_scenario *sc, const char *text)
{
	char bytes[32], start[32] = "0";
	struct uet_sim_listed l = { 0 };
	int n = sscanf(text, "%" SCNu32 " %" SCNu32 " %31s %31s", &l.src, &l.dst, bytes, start);

	if (n < 3 || sc->list_cnt == UET_SIM_LIST || !scaled(bytes, KIND_BYTES, &l.bytes) ||
	    !scaled(start, KIND_TIME, &l.start))
		return false;
	sc->list[sc->list_cnt++] = l;
	return true;
}

static bool store(const struct key *k, struct uet_sim_scenario *sc, uint64_t v)
{
	char *at = (char *)sc + k->at;

	switch (k->kind) {
	case KIND_U8:
	case KIND_ENUM8:
		*(uint8_t *)at = (uint8_t)v;
		return v <= UINT8_MAX;
	case KIND_U16:
		*(uint16_t *)at = (uint16_t)v;
		return v <= UINT16_MAX;
	case KIND_U32:
	case KIND_BYTES:
	case KIND_PPM:
	case KIND_MILLI:
		*(uint32_t *)at = (uint32_t)v;
		return v <= (k->kind == KIND_PPM ? 1000000u : UINT32_MAX);
	case KIND_ENUM:
		*(int *)at = (int)v;
		return true;
	case KIND_BOOL:
	case KIND_RANDOM:
		*(bool *)at = v != 0;
		return true;
	case KIND_SIZE:
		*(size_t *)at = v;
		return true;
	default:
		*(uint64_t *)at = v;
		return true;
	}
}

static bool set(const struct key *k, struct uet_sim_scenario *sc, const char *text)
{
	uint64_t v;

	switch (k->kind) {
	case KIND_FAULT:
		return add_fault(sc, text);
	case KIND_FLOW:
		return add_flow(sc, text);
	case KIND_U8:
	case KIND_U16:
	case KIND_U32:
	case KIND_U64:
		return number(text, &v) && store(k, sc, v);
	case KIND_BOOL:
	case KIND_RANDOM:
		if (!read_bool(text, &v) || !store(k, sc, v))
			return false;
		if (k->kind == KIND_RANDOM && v)
			uet_sim_scenario_draw(sc);
		return true;
	case KIND_ENUM:
	case KIND_ENUM8:
		return one_of(k->names, text, &v) && store(k, sc, v);
	default:
		return scaled(text, k->kind, &v) && store(k, sc, v);
	}
}

int uet_sim_scenario_set(struct uet_sim_scenario *sc, const char *key, const char *value,
			 char *why, size_t len)
{
	const struct key *k;

	for (k = keys; k < keys + UET_ARRAY_SIZE(keys); k++) {
		if (strcmp(k->name, key))
			continue;
		if (set(k, sc, value))
			return 0;
		snprintf(why, len, "%s = %s: not what %s can be (%s)", key, value, key,
			 k->names ? k->names : k->help);
		return -EINVAL;
	}
	snprintf(why, len, "%s: no such key; --help lists them", key);
	return -EINVAL;
}

int uet_sim_scenario_line(struct uet_sim_scenario *sc, const char *line, char *why, size_t len)
{
	char buf[256], *key = buf, *value, *end;

	if (snprintf(buf, sizeof(buf), "%s", line) >= (int)sizeof(buf)) {
		snprintf(why, len, "a line of more than %zu characters", sizeof(buf) - 1);
		return -EINVAL;
	}
	buf[strcspn(buf, "#\r\n")] = '\0';
	while (isspace((unsigned char)*key))
		key++;
	if (!*key)
		return 0;
	value = strchr(key, '=');
	if (!value) {
		snprintf(why, len, "%s: not of the form key = value", key);
		return -EINVAL;
	}
	for (end = value; end > key && isspace((unsigned char)end[-1]); end--)
		;
	*value++ = '\0';
	*end = '\0';
	while (isspace((unsigned char)*value))
		value++;
	for (end = value + strlen(value); end > value && isspace((unsigned char)end[-1]); end--)
		;
	*end = '\0';
	return uet_sim_scenario_set(sc, key, value, why, len);
}

int uet_sim_scenario_read(struct uet_sim_scenario *sc, const char *file, char *why, size_t len)
{
	const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	FILE *f = fopen(file, "r");
	char line[300], said[200];
	int ret = 0, nr = 0;

	if (!f) {
		ret = -errno;
		snprintf(why, len, "%s: %s", file, strerror(-ret));
		return ret;
	}
	snprintf(sc->name, sizeof(sc->name), "%.*s", (int)strcspn(name, "."), name);
	while (!ret && fgets(line, sizeof(line), f)) {
		nr++;
		ret = uet_sim_scenario_line(sc, line, said, sizeof(said));
	}
	fclose(f);
	if (ret)
		snprintf(why, len, "%s:%d: %s", file, nr, said);
	return ret;
}

static void print_value(const struct key *k, const struct uet_sim_scenario *sc, FILE *out)
{
	const char *at = (const char *)sc + k->at, *names = k->names;
	int i = 0;

	switch (k->kind) {
	case KIND_U8:
		fprintf(out, "%u", *(const uint8_t *)at);
		return;
	case KIND_U16:
		fprintf(out, "%u", *(const uint16_t *)at);
		return;
	case KIND_U32:
	case KIND_BYTES:
	case KIND_PPM:
		fprintf(out, "%" PRIu32, *(const uint32_t *)at);
		return;
	case KIND_MILLI:
		fprintf(out, "%.3f", *(const uint32_t *)at / 1e3);
		return;
	case KIND_BOOL:
	case KIND_RANDOM:
		fputs(*(const bool *)at ? "true" : "false", out);
		return;
	case KIND_ENUM:
	case KIND_ENUM8:
		i = k->kind == KIND_ENUM ? *(const int *)at : *(const uint8_t *)at;
		for (; i > 0 && *names; i--)
			names += strcspn(names, " ") + 1;
		fprintf(out, "%.*s", (int)strcspn(names, " "), names);
		return;
	case KIND_SIZE:
		fprintf(out, "%zu", *(const size_t *)at);
		return;
	case KIND_TIME:
		fprintf(out, "%" PRIu64 "ns", *(const uint64_t *)at);
		return;
	case KIND_FAULT:
	case KIND_FLOW:
		fputs("...", out);
		return;
	default:
		fprintf(out, "%" PRIu64, *(const uint64_t *)at);
	}
}

void uet_sim_scenario_help(const struct uet_sim_scenario *sc, FILE *out)
{
	const struct key *k;

	for (k = keys; k < keys + UET_ARRAY_SIZE(keys); k++) {
		fprintf(out, "  %s = ", k->name);
		print_value(k, sc, out);
		if (*k->help)
			fprintf(out, "\t# %s", k->help);
		fputc('\n', out);
	}
}
