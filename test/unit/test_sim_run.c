/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The simulator as a library: scenarios, that runs repeat themselves, and that what its checks
 * look for is found.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "sim/ep.h"
#include "sim/flow.h"
#include "sim/mixed.h"
#include "sim/sim.h"

#define SEEDS_SHORT 4		/* UET_TEST_SHORT: every fourth, where each takes seconds */

static char why[300];

/* A resolved scenario of @lines, separated by ';'. */
static struct uet_sim_scenario scenario(const char *lines)
{
	struct uet_sim_scenario sc;
	char *copy = strdup(lines), *line, *rest = copy;

	uet_sim_scenario_init(&sc);
	sc.check = true;
	while ((line = strsep(&rest, ";")))
		if (uet_sim_scenario_line(&sc, line, why, sizeof(why)))
			fail_msg("%s", why);
	if (uet_sim_scenario_resolve(&sc, why, sizeof(why)))
		fail_msg("%s", why);
	free(copy);
	return sc;
}

static struct uet_sim *prepare(const char *lines)
{
	struct uet_sim_scenario sc = scenario(lines);
	struct uet_sim *sim = NULL;

	if (uet_sim_create(&sc, &sim, why, sizeof(why)))
		fail_msg("%s", why);
	return sim;
}

/* Run @lines and see that nothing is complained of. */
static struct uet_sim *run(const char *lines)
{
	struct uet_sim *sim = prepare(lines);

	if (uet_sim_run(sim, NULL, NULL))
		fail_msg("%s: %s", lines, sim->complaint[0]);
	return sim;
}

static bool complained(const struct uet_sim *sim, const char *of)
{
	uint64_t i;

	for (i = 0; i < sim->complaints && i < UET_SIM_COMPLAINTS; i++)
		if (strstr(sim->complaint[i], of))
			return true;
	return false;
}

static int set(struct uet_sim_scenario *sc, const char *line)
{
	return uet_sim_scenario_line(sc, line, why, sizeof(why));
}

static void keys(void **state)
{
	struct uet_sim_scenario sc;

	(void)state;
	uet_sim_scenario_init(&sc);
	assert_int_equal(set(&sc, "  hosts = 12   # a dozen"), 0);
	assert_int_equal(set(&sc, "# only this"), 0);
	assert_int_equal(set(&sc, ""), 0);
	assert_int_equal(set(&sc, "propagation=1.5us"), 0);
	assert_int_equal(set(&sc, "rate = 400G"), 0);
	assert_int_equal(set(&sc, "size = 2M"), 0);
	assert_int_equal(set(&sc, "drop = 0.1%"), 0);
	assert_int_equal(set(&sc, "queue_bdp = 1.5"), 0);
	assert_int_equal(set(&sc, "work = ring"), 0);
	assert_int_equal(set(&sc, "fault = 1ms crash 3 2ms"), 0);
	assert_int_equal(set(&sc, "fault = 2ms rate leaf0>spine1 10G"), 0);
	assert_int_equal(set(&sc, "flow = 1 2 64k 3us"), 0);
	assert_int_equal(sc.net.hosts, 12);
	assert_int_equal(sc.net.propagation, 1500);
	assert_true(sc.net.link_rate == 400000000000ull);
	assert_int_equal(sc.work.size, 2 << 20);
	assert_int_equal(sc.net.faults.drop, 1000);
	assert_int_equal(sc.queue_bdp, 1500);
	assert_int_equal(sc.work.kind, UET_SIM_RING);
	assert_int_equal(sc.fault_cnt, 2);
	assert_int_equal(sc.faults[0].kind, UET_SIM_CRASH);
	assert_int_equal(sc.faults[0].host, 3);
	assert_int_equal(sc.faults[0].value, 2000000);
	assert_string_equal(sc.faults[1].link, "leaf0>spine1");
	assert_true(sc.faults[1].value == 10000000000ull);
	assert_int_equal(sc.list_cnt, 1);
	assert_int_equal(sc.list[0].bytes, 65536);
	assert_int_equal(sc.list[0].start, 3000);
}

static void bad_keys(void **state)
{
	static const char *const bad[] = {
		"nonsense = 1", "hosts", "hosts = many", "hosts = -1", "hosts = 99999999999",
		"paths = 256", "propagation = 3 weeks", "drop = 101%", "work = play",
		"check = perhaps", "fault = now", "fault = 1ms pause 3", "fault = 1ms burn 3 1ms",
		"flow = 1 2", "size = 1e30",
	};
	struct uet_sim_scenario sc;
	size_t i;

	(void)state;
	uet_sim_scenario_init(&sc);
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		if (set(&sc, bad[i]) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	uet_sim_scenario_init(&sc);
	sc.net.hosts = 1;
	assert_int_equal(uet_sim_scenario_resolve(&sc, why, sizeof(why)), -EINVAL);
	assert_int_equal(uet_sim_scenario_read(&sc, "/nonexistent", why, sizeof(why)), -ENOENT);
}

/* What cannot be in this network is refused when it is built. */
static void impossible(void **state)
{
	struct uet_sim_scenario sc = scenario("hosts=4; fault=1ms down spine7>leaf3");
	struct uet_sim *sim = NULL;

	(void)state;
	assert_int_equal(uet_sim_create(&sc, &sim, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "spine7"));
	sc = scenario("hosts=4; work=list; flow=0 4 1k");
	assert_int_equal(uet_sim_create(&sc, &sim, why, sizeof(why)), -EINVAL);
}

static void workloads(void **state)
{
	static const char *const all[] = {
		"topology=pair; work=list; flow=0 1 1M; flow=1 0 3000 5us",
		"work=permutation; hosts=16; size=300k; count=3",
		"work=permutation; op=write; hosts=5; size=300k",
		"work=permutation; op=read; hosts=5; size=300k",
		"work=permutation; mode=rod; hosts=5; size=300k",
		("work=incast; hosts=9; size=1M; joiners=2; join_time=100us; leavers=1; "
		 "leave_size=9"),
		"work=alltoall; hosts=8; size=20000; outstanding=3",
		"work=ring; hosts=6; size=100000; topology=clos2; hosts_per_leaf=2",
		"work=poisson; hosts=8; flows=300; sizes=pareto; size_max=1M; topology=clos3",
		"work=poisson; hosts=8; flows=50; sizes=websearch",
		"work=mixed; hosts=4; count=50; size_max=50000; late_max=50us",
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(all); i++) {
		struct uet_sim *sim = run(all[i]);

		assert_int_equal(sim->count.done, sim->flow_cnt);
		assert_int_equal(sim->count.open, 0);
		uet_sim_destroy(sim);
	}
}

/* A flow that is alone takes as long as it must, and the busiest link bounds an incast. */
static void ideal_times(void **state)
{
	struct uet_sim *sim = run("topology=pair; work=list; flow=0 1 2M; propagation=5us");
	const struct uet_sim_flow *f = &sim->flows[0];
	uint64_t ideal = uet_sim_scenario_ideal(&sim->sc, 0, 1, f->bytes);

	(void)state;
	assert_true(f->end - f->start >= ideal - 10 && f->end - f->start <= ideal + 2000);
	uet_sim_destroy(sim);
	sim = run("work=incast; hosts=5; size=4M");
	ideal = uet_sim_ideal(sim);
	assert_true(sim->last_end >= ideal && sim->last_end < 2 * ideal);
	assert_true(ideal > 4 * (4ull << 20) * 8 / 100);
	uet_sim_destroy(sim);
}

static void trouble(void **state)
{
	static const char *const all[] = {
		"work=permutation; hosts=8; size=1M; drop=1%; duplicate=1%; reorder=5%; "
		"reorder_time=30us; corrupt=0.5%",
		"work=permutation; hosts=8; size=4M; topology=clos2; hosts_per_leaf=2; spines=2; "
		"fault=50us down leaf0-spine1; fault=5ms up leaf0-spine1",
		"work=incast; hosts=8; size=1M; fault=30us pause 0 3ms; host_cost=200ns",
		"work=mixed; hosts=4; count=60; size_max=20000; skew=500; flaps=3; flap_max=1ms; "
		"pauses=3; pause_max=1ms; trouble_until=2ms",
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(all); i++) {
		struct uet_sim *sim = run(all[i]);

		assert_int_equal(sim->count.done, sim->flow_cnt);
		uet_sim_destroy(sim);
	}
}

/* Operations towards a host that stays dead fail; those of its own are counted as aborted. */
/*
 * A switch sends what it hashes to one of four ways into a link that is down, and never finds out:
 * for some pairs that is what their own ports hash to.
 */
static void black_hole(void **state)
{
	static const char *const kinds[] = {
		"permutation;mode = rud", "permutation;mode = rod", "alltoall;mode = rud",
		"alltoall;mode = rod;cc = both", "mixed;count = 40",
	};
	char lines[400];
	uint32_t i;

	(void)state;
	for (i = 0; i < 2 * UET_ARRAY_SIZE(kinds); i++) {
		snprintf(lines, sizeof(lines), "topology = clos2;hosts = 16;hosts_per_leaf = 8;"
			 "spines = 4;paths = 16;size = 100k;notice = 1000s;seed = %u;"
			 "fault = 1ns down leaf0-spine1;work = %s", i,
			 kinds[i % UET_ARRAY_SIZE(kinds)]);
		uet_sim_destroy(run(lines));
	}
}

static void death(void **state)
{
	struct uet_sim *sim = run("work=permutation; hosts=4; size=20M; fault=100us crash 2; "
				  "silent=true; pds.peer_timeout=20ms");
	uint32_t i, hit = 0;

	(void)state;
	assert_int_equal(sim->count.failed, 1);
	assert_int_equal(sim->count.aborted, 1);
	for (i = 0; i < sim->flow_cnt; i++) {
		const struct uet_sim_flow *f = &sim->flows[i];

		if (f->dst != 2)
			continue;
		hit++;
		assert_int_equal(f->err, -ETIMEDOUT);
		assert_true(f->end - f->start < 40 * UET_NSEC_PER_MSEC);
	}
	assert_int_equal(hit, 1);
	uet_sim_destroy(sim);
}

static void restart(void **state)
{
	struct uet_sim *sim = run("work=mixed; hosts=4; count=100; size_max=20000; gap_max=20us; "
				  "fault=300us crash 1 500us; fault=2ms crash 3 100us");

	(void)state;
	assert_int_equal(sim->crashes, 2);
	assert_int_equal(sim->eps[1].life, 2);
	assert_true(sim->count.done > sim->flow_cnt / 2);
	assert_true(sim->count.aborted > 0);
	uet_sim_destroy(sim);
}

/* ---- the same run again ---- */

static char *contents(FILE *f)
{
	char *text;
	long len;

	fflush(f);
	len = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)len + 1);
	assert_int_equal(fread(text, 1, (size_t)len, f), len);
	return text;
}

/* What a run of @lines writes; links 0 .. @traced - 1 are traced meanwhile. */
static char *figures_of_traced(const char *lines, uint32_t traced)
{
	char name[] = "/tmp/uet-sim-XXXXXX", *text;
	int fd = mkstemp(name);
	struct uet_sim *sim = prepare(lines);
	FILE *f = fdopen(fd, "r");
	uint32_t links[8], i;

	for (i = 0; i < traced; i++)
		links[i] = i;
	assert_int_equal(uet_sim_net_trace(sim->net, traced ? "/dev/null" : NULL, links, traced),
			 0);
	assert_int_equal(uet_sim_run(sim, NULL, NULL), 0);
	assert_int_equal(uet_sim_write_flows(sim, name), 0);
	fseek(f, 0, SEEK_END);
	text = contents(f);
	fclose(f);
	unlink(name);
	uet_sim_destroy(sim);
	return text;
}

static char *figures(const char *lines)
{
	return figures_of_traced(lines, 0);
}

static void repeats_itself(void **state)
{
	const char *lines = "seed=5; random=true; crashes=2; restart_max=1ms";
	char *a = figures(lines), *b = figures(lines);
	char *c = figures("seed=6; random=true; crashes=2; restart_max=1ms");

	(void)state;
	assert_true(strlen(a) > 1000);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	free(a);
	free(b);
	free(c);
}

/* What is traced is the run that was to be looked into. */
static void is_the_same_when_traced(void **state)
{
	const char *lines = "topology=clos2; hosts=16; hosts_per_leaf=4; spines=4; paths=16; "
			    "size=300k; fault=10us down leaf0-spine1";
	char *a = figures(lines), *b = figures_of_traced(lines, 8);

	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

/* ---- the checks themselves ---- */

/* Let host 0 get a message with one byte that nobody sent. */
static bool spoil(struct uet_sim *sim, void *arg)
{
	bool *done = arg;

	if (!*done)
		sim->tape[sim->flows[0].tape + 100000] ^= 1;
	*done = true;
	return true;
}

static void finds_wrong_bytes(void **state)
{
	struct uet_sim *sim = prepare("topology=pair; work=list; flow=0 1 20M; ses.inject_size=0");
	bool done = false;

	(void)state;
	/* A receive with memory of its own is compared at its end. */
	sim->flows[0].late = 10;
	uet_sim_run(sim, spoil, &done);
	assert_true(done);
	assert_true(complained(sim, "other bytes"));
	uet_sim_destroy(sim);
}

static void finds_what_never_ends(void **state)
{
	struct uet_sim *sim = prepare("topology=pair; work=list; flow=0 1 20M; time_limit=100us");

	(void)state;
	assert_true(uet_sim_run(sim, NULL, NULL) > 0);
	assert_true(complained(sim, "has not ended"));
	uet_sim_destroy(sim);
}

static void finds_missed_deadlines(void **state)
{
	struct uet_sim *sim = prepare("topology=pair; work=list; flow=0 1 20M; deadline=100us");

	(void)state;
	assert_int_equal(uet_sim_run(sim, NULL, NULL), 1);
	assert_true(complained(sim, "deadline"));
	uet_sim_destroy(sim);
}

static void finds_errors_without_reason(void **state)
{
	/* For so long no link is down; but the PDS takes less for death. */
	struct uet_sim *sim = prepare("topology=pair; work=list; flow=0 1 20M; "
				      "pds.peer_timeout=1s; fault=100us down h0-h1");

	(void)state;
	uet_sim_run(sim, NULL, NULL);
	assert_int_equal(sim->count.failed, 1);
	assert_false(complained(sim, "no reason"));
	uet_sim_destroy(sim);
	sim = prepare("topology=pair; work=list; flow=0 1 20M; drop=100%; pds.peer_timeout=100ms");
	uet_sim_run(sim, NULL, NULL);
	assert_true(complained(sim, "no reason"));
	uet_sim_destroy(sim);
}

static void receive_again(struct uet_sim *sim)
{
	struct uet_ses_rx_result res = { .len = 1000, .msg_len = 1000, .tag = 0 };
	struct uet_sim_ep *ep = &sim->eps[1];
	struct uet_ses_rx *rx = uet_ses_rx_get(ep->rxq);

	rx->flags = 1;
	rx->context = &sim->flows[0];
	sim->flows[0].got = 1000;
	res.source.host = sim->eps[0].nic->addr;
	uet_sim_rx_done(ep, rx, &res);
}

static void finds_second_deliveries(void **state)
{
	struct uet_sim *sim = run("topology=pair; work=list; flow=0 1 1000");

	(void)state;
	receive_again(sim);
	assert_true(complained(sim, "received 2 times"));
	uet_sim_destroy(sim);
}

static void finds_leaks(void **state)
{
	struct uet_sim *sim = prepare("topology=pair; work=list; flow=0 1 1000");

	(void)state;
	assert_non_null(uet_ses_tx_get(sim->eps[0].ses));
	assert_int_equal(uet_sim_run(sim, NULL, NULL), 1);
	assert_true(complained(sim, "operations are left"));
	uet_sim_destroy(sim);
}

static void finds_disorder(void **state)
{
	struct uet_sim *sim = run("work=mixed; hosts=2; count=2; outstanding=1; size_max=10");
	struct uet_sim_flow a = { .sim = sim, .op = UET_SIM_STREAM, .dst = 1, .value = 2 };
	struct uet_sim_flow b = a;
	struct uet_sim_recv r[2] = { { .src = 0 }, { .src = 0 } };

	(void)state;
	uet_sim_mixed_forget(&sim->eps[1]);
	assert_true(uet_sim_stream_post(&sim->eps[1], 0, &r[0].place));
	assert_true(uet_sim_stream_post(&sim->eps[1], 0, &r[1].place));
	b.value = 1;
	sim->failures_expected = true;
	uet_sim_stream_got(&sim->eps[1], &r[0], &a);
	assert_int_equal(sim->complaints, 0);
	uet_sim_stream_got(&sim->eps[1], &r[1], &b);
	assert_true(complained(sim, "out of order"));
	uet_sim_destroy(sim);
}

/* ---- seeds that once showed something ---- */

static void random_faults(void **state)
{
	/*
	 * Mostly operations that waited for ever for a peer that had been restarted:
	 * docs/congestion.md.
	 */
	static const uint64_t seeds[] = {
		1, 2, 3, 4, 15, 64, 82, 99, 159, 186, 362, 1028, 1412, 1543, 1606, 2160, 2262,
		40614, 50086, 51121, 53704, 54932, 57150, 59433, 2004433, 2005453, 2006323,
		3000109, 3005424, 6007449, 8004793,
		1795532086012,
	};
	size_t i, step = getenv("UET_TEST_SHORT") ? SEEDS_SHORT : 1;
	char lines[64];

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(seeds); i += step) {
		snprintf(lines, sizeof(lines), "seed=%" PRIu64 "; random=true", seeds[i]);
		uet_sim_destroy(run(lines));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(bad_keys),
		cmocka_unit_test(impossible),
		cmocka_unit_test(workloads),
		cmocka_unit_test(ideal_times),
		cmocka_unit_test(trouble),
		cmocka_unit_test(black_hole),
		cmocka_unit_test(death),
		cmocka_unit_test(restart),
		cmocka_unit_test(repeats_itself),
		cmocka_unit_test(is_the_same_when_traced),
		cmocka_unit_test(finds_wrong_bytes),
		cmocka_unit_test(finds_what_never_ends),
		cmocka_unit_test(finds_missed_deadlines),
		cmocka_unit_test(finds_errors_without_reason),
		cmocka_unit_test(finds_second_deliveries),
		cmocka_unit_test(finds_leaks),
		cmocka_unit_test(finds_disorder),
		cmocka_unit_test(random_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
