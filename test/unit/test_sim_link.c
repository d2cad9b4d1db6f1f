/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Links: queues that are full, trim, mark and prefer; counters; failures and rates. */
#include "test_sim_net.h"

#define WIRE (MTU + UET_SIM_WIRE)

/* A star whose port to host 3 takes a second for 125 kB, so that it only ever fills. */
static void begin_slow(struct net_world *w, struct uet_sim_net_cfg *cfg)
{
	net_begin(w, cfg);
	assert_int_equal(uet_sim_net_link_rate(w->net, net_link(w, "sw0>h3"), 1000000), 0);
}

static void full_queue_drops(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	const struct uet_sim_link_stats *s;
	struct net_world w;
	uint32_t i;

	(void)state;
	begin_slow(&w, &cfg);
	for (i = 0; i < 20; i++)
		net_send(&w, 0, 3, i, MTU);
	uet_sim_net_run(w.net, 100 * USEC);
	assert_int_equal(uet_sim_net_link_queue(w.net, net_link(&w, "sw0>h3")), 10 * WIRE);
	s = net_stats(&w, "sw0>h3");
	assert_int_equal(s->dropped, 9);
	assert_int_equal(s->queue_max, 10 * WIRE);
	assert_int_equal(s->packets, 1);
	assert_true(uet_sim_net_memory(w.net) > 11 * MTU);

	/* The control class has room of its own, a byte more of data has not. */
	net_control(&w, 1, 3, 100, MTU);
	net_send(&w, 2, 3, 101, 4);
	net_finish(&w);
	assert_int_equal(s->dropped, 10);
	assert_int_equal(w.cnt, 12);
	assert_int_equal(w.got[0].id, 0);
	assert_int_equal(w.got[1].id, 100);
	assert_int_equal(w.got[1].tos, UET_SIM_DSCP_CONTROL << 2);
	for (i = 2; i < 12; i++) {
		assert_int_equal(w.got[i].id, i - 1);
		assert_int_equal(w.got[i].trim, UET_NIC_WHOLE);
	}
	assert_int_equal(s->trimmed, 0);
	assert_int_equal(s->marked, 0);
	net_end(&w);
}

static void full_queue_trims(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.trim_size = 60;
	cfg.control_queue = WIRE + 5 * (60 + UET_SIM_WIRE);
	begin_slow(&w, &cfg);
	for (i = 0; i < 20; i++)
		net_send(&w, 0, 3, i, MTU);
	net_send(&w, 0, 3, 20, 60);	/* as long as a trimmed one: nothing to cut off */
	net_finish(&w);
	assert_int_equal(net_stats(&w, "sw0>h3")->trimmed, 9);
	assert_int_equal(net_stats(&w, "sw0>h3")->dropped, 1);
	assert_int_equal(w.cnt, 20);
	assert_int_equal(w.got[0].id, 0);
	for (i = 1; i < 10; i++) {	/* the trimmed ones overtake */
		assert_int_equal(w.got[i].id, 10 + i);
		assert_int_equal(w.got[i].len, 60);
		assert_int_equal(w.got[i].trim, UET_NIC_TRIMMED_LASTHOP);
		assert_int_equal(w.got[i].tos, UET_SIM_DSCP_LASTHOP << 2 | UET_ECN_ECT0);
	}
	for (; i < 20; i++) {
		assert_int_equal(w.got[i].id, i - 9);
		assert_int_equal(w.got[i].len, MTU);
		assert_int_equal(w.got[i].trim, UET_NIC_WHOLE);
	}
	net_end(&w);
}

/* The urgent queue is bounded, too; control packets are never trimmed. */
static void full_control_queue_drops(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.trim_size = 60;
	cfg.control_queue = 5 * (60 + UET_SIM_WIRE);
	begin_slow(&w, &cfg);
	for (i = 0; i < 20; i++)
		net_send(&w, 0, 3, i, MTU);
	uet_sim_net_run(w.net, 100 * USEC);
	net_control(&w, 0, 3, 20, 61);
	net_finish(&w);
	assert_int_equal(net_stats(&w, "sw0>h3")->trimmed, 9);
	assert_int_equal(net_stats(&w, "sw0>h3")->dropped, 4 + 1);
	assert_int_equal(w.cnt, 1 + 10 + 5);
	net_end(&w);
}

/* Between switches the packet says so, and goes on as an urgent one. */
static void trimmed_inside(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 4);
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.hosts_per_leaf = 2;
	cfg.spines = 1;
	cfg.trim_size = 60;
	net_begin(&w, &cfg);
	assert_int_equal(uet_sim_net_link_rate(w.net, net_link(&w, "leaf0>spine0"), 1000000), 0);
	assert_int_equal(uet_sim_net_link_rate(w.net, net_link(&w, "leaf1>h3"), 1000000), 0);
	net_send(&w, 2, 3, 100, MTU);
	net_send(&w, 2, 3, 101, MTU);
	for (i = 0; i < 12; i++)
		net_send(&w, 0, 3, i, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 14);
	assert_int_equal(w.got[1].id, 101);
	assert_int_equal(w.got[2].id, 11);	/* came after 0, which waited for 101 */
	assert_int_equal(w.got[2].trim, UET_NIC_TRIMMED);
	assert_int_equal(w.got[2].tos, UET_SIM_DSCP_TRIMMED << 2 | UET_ECN_ECT0);
	assert_int_equal(w.got[2].len, 60);
	assert_int_equal(w.got[3].id, 0);
	assert_int_equal(net_stats(&w, "leaf0>spine0")->trimmed, 1);
	net_end(&w);
}

static bool is_marked(const struct net_got *g)
{
	return (g->tos & UET_ECN_MASK) == UET_ECN_CE;
}

/* With one threshold: marked while so much is left behind. */
static void ecn_threshold(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.ecn_min = cfg.ecn_max = 3 * WIRE;
	begin_slow(&w, &cfg);
	for (i = 0; i < 8; i++)
		net_send(&w, 0, 3, i, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 8);
	for (i = 0; i < 8; i++)
		assert_int_equal(is_marked(&w.got[i]), i >= 1 && i <= 4);
	assert_int_equal(net_stats(&w, "sw0>h3")->marked, 4);
	assert_int_equal(net_stats(&w, "h0>sw0")->marked, 0);	/* a NIC does not mark */

	net_forget(&w);
	for (i = 0; i < 8; i++)
		net_control(&w, 0, 3, i, MTU);
	net_finish(&w);
	assert_int_equal(net_stats(&w, "sw0>h3")->marked, 4);
	net_end(&w);
}

/* Between two thresholds the chance grows from 0 to 1. */
static void ecn_ramp(void **state)
{
	enum { RUNS = 500, N = 9 };
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 4);
	uint32_t marks[N] = { 0 }, i, expect;
	struct net_world w;

	(void)state;
	cfg.ecn_min = 2 * WIRE;
	cfg.ecn_max = 6 * WIRE;
	for (cfg.seed = 0; cfg.seed < RUNS; cfg.seed++) {
		begin_slow(&w, &cfg);
		for (i = 0; i < N; i++)
			net_send(&w, 0, 3, i, MTU);
		net_finish(&w);
		for (i = 0; i < N; i++)
			marks[i] += is_marked(&w.got[i]);
		net_end(&w);
	}
	assert_int_equal(marks[0], 0);
	for (i = 1; i < N; i++) {	/* packet i leaves 8 - i behind */
		expect = i <= 2 ? RUNS : i >= 6 ? 0 : (6 - i) * RUNS / 4;
		assert_in_range(marks[i], expect > 50 ? expect - 50 : 0, expect + 50);
		if (i <= 2 || i >= 6)
			assert_int_equal(marks[i], expect);
	}
}

/* A control packet waits for the one that is being sent, and for no other. */
static void control_goes_first(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	uint32_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < 5; i++)
		net_send(&w, 0, 1, i, MTU);
	net_control(&w, 0, 1, 100, 34);
	net_control(&w, 0, 1, 101, 34);
	net_finish(&w);
	assert_int_equal(w.got[0].id, 0);
	assert_int_equal(w.got[1].id, 100);
	assert_int_equal(w.got[1].at, (net_ps(MTU, 100) + 8000) / 1000);
	assert_int_equal(w.got[2].id, 101);
	assert_int_equal(w.got[3].id, 1);
	assert_int_equal(w.got[3].at, (2 * net_ps(MTU, 100) - 1000000 + 2 * 8000) / 1000);
	net_end(&w);
}

static void counters(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	const struct uet_sim_link_stats *s;
	double slot = WIRE * 0.08;	/* ns at 100 Gb/s */
	struct net_world w;
	uint32_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < 3; i++)
		net_send(&w, 0, 1, i, MTU);
	s = net_stats(&w, "h0>h1");
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->queue_max, 2 * WIRE);
	/* In the middle of the second one: read from outside, though no event is due. */
	uet_sim_net_run(w.net, 500);
	s = net_stats(&w, "h0>h1");
	assert_int_equal(s->packets, 2);
	assert_true(s->queue_time > WIRE * (slot + 500) - 1 &&
		    s->queue_time < WIRE * (slot + 500) + 1);
	net_finish(&w);
	s = net_stats(&w, "h0>h1");
	assert_int_equal(s->packets, 3);
	assert_int_equal(s->bytes, 3 * WIRE);
	assert_true(s->queue_time > WIRE * 3 * slot - 1 && s->queue_time < WIRE * 3 * slot + 1);
	assert_int_equal(uet_sim_net_packets(w.net), 3);
	assert_int_equal(uet_sim_net_hops(w.net), 3);
	assert_int_equal(net_stats(&w, "h1>h0")->packets, 0);
	net_end(&w);
}

/* The packet that is being sent keeps its pace. */
static void rate_changes(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	net_send(&w, 0, 1, 0, MTU);
	net_send(&w, 0, 1, 1, MTU);
	uet_sim_net_run(w.net, 100);
	assert_int_equal(uet_sim_net_link_rate(w.net, 0, 10 * GBPS), 0);
	net_finish(&w);
	assert_int_equal(w.got[0].at, net_ps(MTU, 100) / 1000);
	assert_int_equal(w.got[1].at, (net_ps(MTU, 100) - 1000000 + net_ps(MTU, 10)) / 1000);
	net_end(&w);
}

/* What waits, what is being sent and what is on the way: all lost. */
static void failure_loses_everything(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	uint32_t i;

	(void)state;
	net_begin(&w, &cfg);
	for (i = 0; i < 10; i++)
		net_send(&w, 0, 1, i, MTU);
	uet_sim_net_run(w.net, net_ps(MTU, 100) / 1000);	/* one has arrived */
	assert_int_equal(w.cnt, 1);
	uet_sim_net_link_set(w.net, 0, false, 0);
	assert_int_equal(uet_sim_net_memory(w.net), 0);
	assert_int_equal(net_stats(&w, "h0>h1")->lost, 9);
	net_send(&w, 0, 1, 10, MTU);
	assert_int_equal(net_stats(&w, "h0>h1")->lost, 10);
	net_send(&w, 1, 0, 11, MTU);		/* the other way is another link */
	uet_sim_net_run(w.net, 10000);
	uet_sim_net_link_set(w.net, 0, true, 0);
	net_send(&w, 0, 1, 12, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 3);
	assert_int_equal(w.got[1].id, 11);
	assert_int_equal(w.got[2].id, 12);
	assert_int_equal(w.got[2].at, 10000 + net_ps(MTU, 100) / 1000);
	net_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_queue_drops),
		cmocka_unit_test(full_queue_trims),
		cmocka_unit_test(full_control_queue_drops),
		cmocka_unit_test(trimmed_inside),
		cmocka_unit_test(ecn_threshold),
		cmocka_unit_test(ecn_ramp),
		cmocka_unit_test(control_goes_first),
		cmocka_unit_test(counters),
		cmocka_unit_test(rate_changes),
		cmocka_unit_test(failure_loses_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
