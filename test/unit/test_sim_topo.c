/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Topologies: links and their names, ways through them, ECMP and failed links. */
#include "test_sim_net.h"

static void shape(enum uet_sim_topology topology, uint32_t hosts, uint32_t links,
		  const char *const *names)
{
	struct uet_sim_net_cfg cfg = net_cfg(topology, hosts);
	struct net_world w;
	char buf[64];
	uint32_t i;

	net_begin(&w, &cfg);
	assert_int_equal(uet_sim_net_links(w.net), links);
	for (i = 0; i < links; i++)
		assert_int_equal(uet_sim_net_link_find(w.net,
				 uet_sim_net_link_name(w.net, i, buf, sizeof(buf))), i);
	for (; *names; names++)
		assert_string_equal(uet_sim_net_link_name(w.net, net_link(&w, *names), buf,
							  sizeof(buf)), *names);
	net_end(&w);
}

static void names(void **state)
{
	static const char *const pair[] = { "h0>h1", "h1>h0", NULL };
	static const char *const star[] = { "h4>sw0", "sw0>h0", NULL };
	static const char *const clos2[] = { "h15>leaf3", "leaf3>h15", "leaf2>spine3",
					     "spine0>leaf1", NULL };
	static const char *const clos3[] = { "h63>leaf15", "leaf15>h63", "leaf4>spine4",
					     "spine15>leaf12", "spine5>core7", "core15>spine3",
					     NULL };

	(void)state;
	shape(UET_SIM_PAIR, 2, 2, pair);
	shape(UET_SIM_STAR, 5, 10, star);
	shape(UET_SIM_CLOS2, 16, 32 + 2 * 4 * 4, clos2);
	/* 4 hosts a leaf, 4 leaves and spines in each of 4 pods, 4 cores above each spine */
	shape(UET_SIM_CLOS3, 64, 128 + 2 * 16 * 4 + 2 * 16 * 4, clos3);
}

static void names_of_nothing(void **state)
{
	static const char *const bad[] = { "", "h0", "h0>", "h0>leaf", "h0>leaf0x", "h0>leaf1",
					   "h99>leaf0", "leaf0>leaf1", "h0>sw0", "hx>leaf0",
					   "spine0>core0", " h0>leaf0",
					   "h4294967296>leaf0" };
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 16);
	struct net_world w;
	size_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		assert_int_equal(uet_sim_net_link_find(w.net, bad[i]), -1);
	net_end(&w);
}

/* Every host reaches every other one over as many links as there should be, in time. */
static void everybody_reaches_everybody(void **state)
{
	enum uet_sim_topology t;
	struct net_world w;
	uint32_t a, b;
	uint64_t at;

	(void)state;
	for (t = UET_SIM_STAR; t <= UET_SIM_CLOS3; t++) {
		struct uet_sim_net_cfg cfg = net_cfg(t, 23);	/* not all leaves are full */

		cfg.fabric_rate = 400 * GBPS;
		if (t == UET_SIM_CLOS3) {
			cfg.hosts_per_leaf = 3;
			cfg.leaves_per_pod = 3;
			cfg.spines = 2;
			cfg.cores = 6;
		}
		net_begin(&w, &cfg);
		for (a = 0; a < 23; a++)
			for (b = 0; b < 23; b++) {
				if (a == b)
					continue;
				net_forget(&w);
				at = uet_sim_net_now(w.net);
				net_send(&w, a, b, a * 23 + b, MTU);
				net_finish(&w);
				assert_int_equal(w.cnt, 1);
				assert_int_equal(w.got[0].host, b);
				assert_int_equal(w.got[0].src, a);
				assert_in_range(w.got[0].at - at,
						uet_sim_net_rtt(w.net, a, b, MTU, MTU) / 2 - 1,
						uet_sim_net_rtt(w.net, a, b, MTU, MTU) / 2 + 1);
			}
		net_end(&w);
	}
}

static void round_trips(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS3, 64);
	uint64_t far = net_ps(MTU, 100) + net_ps(34, 100), fabric;
	struct net_world w;

	(void)state;
	cfg.fabric_rate = 400 * GBPS;
	fabric = net_ps(MTU, 400) + net_ps(34, 400);
	net_begin(&w, &cfg);
	assert_int_equal(uet_sim_net_rtt(w.net, 0, 1, MTU, 34), 2 * far / 1000);
	assert_int_equal(uet_sim_net_rtt(w.net, 0, 4, MTU, 34), (2 * far + 2 * fabric) / 1000);
	assert_int_equal(uet_sim_net_rtt(w.net, 0, 16, MTU, 34), (2 * far + 4 * fabric) / 1000);
	net_end(&w);
}

/* The link into a spine that a packet of host 0 to host @to with @path takes. */
static uint32_t way(struct net_world *w, uint32_t to, uint8_t path, uint32_t spines)
{
	uint64_t before[16];
	char name[32];
	uint32_t i, found = UINT32_MAX;

	for (i = 0; i < spines; i++) {
		snprintf(name, sizeof(name), "leaf0>spine%u", i);
		before[i] = net_stats(w, name)->packets;
	}
	assert_int_equal(net_send_as(w, 0, to, 1, 100, path, UET_NIC_DATA), 1);
	net_finish(w);
	for (i = 0; i < spines; i++) {
		snprintf(name, sizeof(name), "leaf0>spine%u", i);
		if (net_stats(w, name)->packets > before[i]) {
			assert_int_equal(found, UINT32_MAX);
			found = i;
		}
	}
	return found;
}

static struct uet_sim_net_cfg clos8(void)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 16);

	cfg.hosts_per_leaf = 8;
	cfg.spines = 8;
	cfg.paths = 250;
	return cfg;
}

static void entropy_spreads(void **state)
{
	struct uet_sim_net_cfg cfg = clos8();
	uint32_t used[8] = { 0 }, first[250], again = 0, i;
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < 250; i++)
		used[first[i] = way(&w, 15, (uint8_t)i, 8)]++;
	for (i = 0; i < 8; i++)
		assert_in_range(used[i], 12, 56);	/* 31 on average */
	for (i = 0; i < 250; i++)
		assert_int_equal(way(&w, 15, (uint8_t)i, 8), first[i]);
	for (i = 0; i < 250; i++)			/* another flow: other ways */
		again += way(&w, 14, (uint8_t)i, 8) == first[i];
	assert_in_range(again, 10, 60);
	net_end(&w);
}

/* Two tiers of choices are independent: all 16 pairs of spine and core get used. */
static void tiers_choose_independently(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS3, 64);
	struct net_world w;
	char name[32];
	uint32_t i, j;

	(void)state;
	cfg.paths = 200;
	cfg.queue = 1u << 20;
	net_begin(&w, &cfg);
	for (i = 0; i < 200; i++)
		assert_int_equal(net_send_as(&w, 0, 63, i, 100, (uint8_t)i, UET_NIC_DATA), 1);
	net_finish(&w);
	assert_int_equal(w.cnt, 200);
	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++) {
			snprintf(name, sizeof(name), "spine%u>core%u", i, 4 * i + j);
			assert_in_range(net_stats(&w, name)->packets, 2, 30);
		}
	net_end(&w);
}

static void seeds_differ(void **state)
{
	struct uet_sim_net_cfg cfg = clos8();
	struct net_world a, b;
	uint32_t i, same = 0;

	(void)state;
	net_begin(&a, &cfg);
	cfg.seed = 2;
	net_begin(&b, &cfg);
	for (i = 0; i < 100; i++)
		same += way(&a, 15, (uint8_t)i, 8) == way(&b, 15, (uint8_t)i, 8);
	assert_in_range(same, 1, 40);
	net_end(&a);
	net_end(&b);
}

/* Packets are lost until the failure is noticed, then they go elsewhere; others do not move. */
static void failed_link_is_avoided(void **state)
{
	struct uet_sim_net_cfg cfg = clos8();
	uint32_t link, first, i, arrived;
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	first = way(&w, 15, 7, 8);
	link = net_link(&w, "leaf0>spine0") + 2 * first;
	net_forget(&w);
	uet_sim_net_link_set(w.net, link, false, 50 * USEC);
	for (i = 0; i < 10; i++) {
		uet_sim_net_run(w.net, uet_sim_net_now(w.net) + 10 * USEC);
		assert_int_equal(net_send_as(&w, 0, 15, i, 100, 7, UET_NIC_DATA), 1);
	}
	net_finish(&w);
	arrived = w.cnt;
	assert_int_equal(arrived, 6);		/* at 50 us it was known */
	assert_int_equal(w.got[0].id, 4);
	assert_int_equal(uet_sim_net_link_stats(w.net, link)->lost, 4);
	for (i = 0; i < 250; i++)
		assert_int_not_equal(way(&w, 15, (uint8_t)i, 8), first);

	uet_sim_net_link_set(w.net, link, true, 0);
	assert_int_equal(way(&w, 15, 7, 8), first);
	net_end(&w);
}

/* A failure behind the spine is known to the leaf before it, for the destinations concerned. */
static void failure_further_on(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 12);
	uint32_t used[2][4] = { { 0 } }, i;
	struct net_world w;

	(void)state;
	cfg.hosts_per_leaf = 4;
	cfg.spines = 4;
	net_begin(&w, &cfg);
	uet_sim_net_link_set(w.net, net_link(&w, "spine2>leaf1"), false, 0);
	for (i = 0; i < 64; i++) {
		used[0][way(&w, 4, (uint8_t)i, 4)]++;
		used[1][way(&w, 8, (uint8_t)i, 4)]++;
	}
	assert_int_equal(used[0][2], 0);
	for (i = 0; i < 4; i++) {
		assert_true(i == 2 || used[0][i] > 0);
		assert_true(used[1][i] > 0);
	}
	assert_int_equal(w.cnt, 128);
	net_end(&w);
}

static void failure_between_pods(void **state)
{
	static const char *const dead[] = { "core0>spine4", "spine1>core5", "spine6>leaf4" };
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS3, 64);
	struct net_world w;
	uint32_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < UET_ARRAY_SIZE(dead); i++)
		uet_sim_net_link_set(w.net, net_link(&w, dead[i]), false, 0);
	for (i = 0; i < 64; i++) {
		assert_int_equal(net_send_as(&w, 0, 16, i, 100, (uint8_t)i, UET_NIC_DATA), 1);
		net_finish(&w);
	}
	assert_int_equal(w.cnt, 64);		/* over what is left, in pod 1 leaf 4 */
	assert_int_equal(net_stats(&w, "leaf0>spine2")->packets, 0);
	assert_true(net_stats(&w, "core1>spine4")->packets > 0);
	assert_true(net_stats(&w, "spine1>core4")->packets > 0);
	net_end(&w);
}

static void no_way_left(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 4);
	struct net_world w;

	(void)state;
	cfg.hosts_per_leaf = 2;
	net_begin(&w, &cfg);
	uet_sim_net_link_set(w.net, net_link(&w, "leaf0>spine0"), false, 0);
	uet_sim_net_link_set(w.net, net_link(&w, "spine1>leaf1"), false, 0);
	net_send(&w, 0, 3, 1, MTU);
	net_send(&w, 0, 1, 2, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 1);
	assert_int_equal(w.got[0].id, 2);
	assert_int_equal(net_stats(&w, "h0>leaf0")->lost, 1);
	net_end(&w);
}

/* 8 hosts share 2 spines: over-subscribed four times. */
static void over_subscription(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 16);
	struct net_world w;
	uint32_t i, h;

	(void)state;
	cfg.hosts_per_leaf = 8;
	cfg.spines = 2;
	cfg.queue = 1u << 30;
	net_begin(&w, &cfg);
	for (i = 0; i < 64; i++)
		for (h = 0; h < 8; h++)
			assert_int_equal(net_send_as(&w, h, h + 8, i, MTU, (uint8_t)i,
						     UET_NIC_DATA), 1);
	net_finish(&w);
	assert_int_equal(w.cnt, 512);
	assert_in_range(w.got[511].at, 256 * (MTU + UET_SIM_WIRE) * 8 / 100,
			320 * (MTU + UET_SIM_WIRE) * 8 / 100);
	net_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(names_of_nothing),
		cmocka_unit_test(everybody_reaches_everybody),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(entropy_spreads),
		cmocka_unit_test(tiers_choose_independently),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(failed_link_is_avoided),
		cmocka_unit_test(failure_further_on),
		cmocka_unit_test(failure_between_pods),
		cmocka_unit_test(no_way_left),
		cmocka_unit_test(over_subscription),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
