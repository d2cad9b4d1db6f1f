/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The simulated network as a whole: configurations, exact times, timers, alarms. */
#include "test_sim_net.h"

static void impossible(enum uet_sim_topology topology, uint32_t hosts,
		       void (*spoil)(struct uet_sim_net_cfg *))
{
	struct uet_sim_net_cfg cfg = net_cfg(topology, hosts);
	struct uet_sim_net *net;

	if (spoil)
		spoil(&cfg);
	assert_int_equal(uet_sim_net_create(&cfg, &net_ops, NULL, &net), -EINVAL);
}

static void no_rate(struct uet_sim_net_cfg *c) { c->link_rate = 0; }
static void too_fast(struct uet_sim_net_cfg *c) { c->fabric_rate = 20000 * GBPS; }
static void no_mtu(struct uet_sim_net_cfg *c) { c->mtu = 0; }
static void huge_mtu(struct uet_sim_net_cfg *c) { c->mtu = 65508; c->queue = 1u << 20; }
static void small_queue(struct uet_sim_net_cfg *c) { c->queue = MTU; }
static void small_buffer(struct uet_sim_net_cfg *c) { c->host_buffer = MTU; }
static void trim_nothing(struct uet_sim_net_cfg *c) { c->trim_size = MTU; }
static void ecn_upside_down(struct uet_sim_net_cfg *c) { c->ecn_min = 2; c->ecn_max = 1; }
static void many_spines(struct uet_sim_net_cfg *c) { c->spines = 100; }
static void odd_cores(struct uet_sim_net_cfg *c) { c->spines = 4; c->cores = 6; }

static void impossible_configurations(void **state)
{
	(void)state;
	impossible(UET_SIM_PAIR, 3, NULL);
	impossible(UET_SIM_STAR, 1, NULL);
	impossible(UET_SIM_STAR, (1u << 20) + 1, NULL);
	impossible((enum uet_sim_topology)4, 8, NULL);
	impossible(UET_SIM_STAR, 8, no_rate);
	impossible(UET_SIM_CLOS2, 8, too_fast);
	impossible(UET_SIM_PAIR, 2, no_mtu);
	impossible(UET_SIM_PAIR, 2, huge_mtu);
	impossible(UET_SIM_STAR, 8, small_queue);
	impossible(UET_SIM_STAR, 8, small_buffer);
	impossible(UET_SIM_STAR, 8, trim_nothing);
	impossible(UET_SIM_STAR, 8, ecn_upside_down);
	impossible(UET_SIM_CLOS2, 8, many_spines);
	impossible(UET_SIM_CLOS3, 64, odd_cores);
}

static void addresses(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 70000);
	struct uet_addr a;
	struct net_world w;
	uint32_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < cfg.hosts; i += 997) {
		a = uet_sim_net_nic(w.net, i)->addr;
		assert_int_equal(a.port, 4793);
		assert_int_equal(a.ip[0], 10);
		a.port = 1;
		assert_int_equal(uet_sim_net_host(w.net, &a), i);
	}
	a = uet_sim_net_nic(w.net, 0)->addr;
	a.ip[3] = 0;
	assert_int_equal(uet_sim_net_host(w.net, &a), -1);
	a.ip[0] = 9;
	assert_int_equal(uet_sim_net_host(w.net, &a), -1);
	a = uet_sim_net_nic(w.net, 0)->addr;
	a.family = AF_INET6;
	assert_int_equal(uet_sim_net_host(w.net, &a), -1);
	net_end(&w);
}

/* One packet alone: serialisation and propagation of the one link. */
static void pair_times(void **state)
{
	static const uint64_t rates[] = { 1, 10, 100, 400, 800 };
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(rates); i++) {
		cfg.link_rate = rates[i] * GBPS;
		cfg.propagation = 1000 + 12345 * i;
		net_begin(&w, &cfg);
		uet_sim_net_run(w.net, 1000);
		net_send(&w, 0, 1, 7, MTU);
		net_finish(&w);
		assert_int_equal(w.cnt, 1);
		assert_int_equal(w.got[0].at, 1000 + net_ps(MTU, rates[i]) / 1000 + 12345 * i);
		assert_int_equal(w.got[0].host, 1);
		assert_int_equal(w.got[0].src, 0);
		assert_int_equal(w.got[0].id, 7);
		assert_int_equal(w.got[0].len, MTU);
		assert_int_equal(w.got[0].port, 4793);
		assert_int_equal(w.got[0].tos, UET_SIM_DSCP_DATA << 2 | UET_ECN_ECT0);
		net_end(&w);
	}
}

/* Parts of a ns are not lost: 800 bits at 750 Gb/s. */
static void back_to_back(void **state)
{
	enum { N = 1000 };
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	uint32_t len = 100 - UET_SIM_WIRE, i;
	struct net_world w;

	(void)state;
	cfg.link_rate = 750 * GBPS;
	net_begin(&w, &cfg);
	for (i = 0; i < N; i++)
		net_send(&w, 0, 1, i, len);
	net_finish(&w);
	assert_int_equal(w.cnt, N);
	for (i = 0; i < N; i++) {
		assert_int_equal(w.got[i].id, i);
		assert_in_range(w.got[i].at, 1000 + (i + 1) * 800 / 750 - 1,
				1000 + (i + 1) * 800 / 750);
	}
	net_end(&w);
}

/* Store and forward through one switch, both links at their own rates. */
static void star_times(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	uint64_t one = net_ps(MTU, 100), slow = net_ps(MTU, 10);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	net_send(&w, 0, 3, 1, MTU);
	net_finish(&w);
	assert_int_equal(w.got[0].at, 2 * one / 1000);
	assert_int_equal(uet_sim_net_rtt(w.net, 0, 3, MTU, MTU), 4 * one / 1000);

	net_forget(&w);
	assert_int_equal(uet_sim_net_link_rate(w.net, net_link(&w, "sw0>h3"), 10 * GBPS), 0);
	net_send(&w, 0, 3, 2, MTU);
	net_send(&w, 1, 3, 3, MTU);	/* waits for the one before */
	net_finish(&w);
	assert_int_equal(w.cnt, 2);
	assert_int_equal(w.got[0].at, (3 * one + slow) / 1000);
	assert_int_equal(w.got[1].at, (3 * one + 2 * slow) / 1000 - 1000);
	net_end(&w);
}

static void rates_out_of_range(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	assert_int_equal(uet_sim_net_link_rate(w.net, 0, 0), -EINVAL);
	assert_int_equal(uet_sim_net_link_rate(w.net, 0, 999999), -EINVAL);
	assert_int_equal(uet_sim_net_link_rate(w.net, 0, 1000000), 0);
	net_send(&w, 0, 1, 1, MTU);
	net_finish(&w);
	assert_int_equal(w.got[0].at, (MTU + UET_SIM_WIRE) * 8000 + 1000);
	net_end(&w);
}

static void timers(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	uint64_t i;

	(void)state;
	net_begin(&w, &cfg);
	assert_true(uet_sim_net_next(w.net) == UET_TIME_NEVER);
	for (i = 0; i < 200; i++)
		assert_int_equal(uet_sim_net_at(w.net, 1000 + i / 2, i), 0);
	assert_int_equal(uet_sim_net_next(w.net), 1000);
	assert_true(uet_sim_net_run(w.net, 999));
	assert_int_equal(w.timers, 0);
	assert_int_equal(uet_sim_net_now(w.net), 999);
	assert_true(uet_sim_net_run(w.net, 1000));
	assert_int_equal(w.timers, 2);
	assert_int_equal(w.cookie, 1);
	assert_true(uet_sim_net_run(w.net, 1049));
	assert_int_equal(w.timers, 100);
	assert_int_equal(uet_sim_net_at(w.net, 5, 777), 0);	/* in the past: now */
	assert_int_equal(uet_sim_net_next(w.net), 1049);
	assert_true(uet_sim_net_run(w.net, 1049));
	assert_int_equal(w.cookie, 777);
	assert_false(uet_sim_net_run(w.net, 2000));
	assert_int_equal(w.timers, 201);
	assert_int_equal(w.cookie, 199);
	assert_int_equal(uet_sim_net_now(w.net), 2000);
	net_end(&w);
}

static void alarms(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 3);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	uet_sim_net_alarm(w.net, 0, 500);
	uet_sim_net_alarm(w.net, 1, 600);
	uet_sim_net_alarm(w.net, 2, 700);
	uet_sim_net_alarm(w.net, 0, 650);		/* moved */
	uet_sim_net_alarm(w.net, 2, UET_TIME_NEVER);	/* taken back */
	uet_sim_net_run(w.net, 599);
	assert_int_equal(w.wakes, 0);
	uet_sim_net_run(w.net, 649);
	assert_int_equal(w.wakes, 1);
	assert_false(uet_sim_net_run(w.net, 650));
	assert_int_equal(w.wakes, 2);
	uet_sim_net_alarm(w.net, 0, 1);			/* past */
	assert_int_equal(uet_sim_net_next(w.net), 650);
	assert_false(uet_sim_net_run(w.net, 650));
	assert_int_equal(w.wakes, 3);
	net_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_configurations),
		cmocka_unit_test(addresses),
		cmocka_unit_test(pair_times),
		cmocka_unit_test(back_to_back),
		cmocka_unit_test(star_times),
		cmocka_unit_test(rates_out_of_range),
		cmocka_unit_test(timers),
		cmocka_unit_test(alarms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
