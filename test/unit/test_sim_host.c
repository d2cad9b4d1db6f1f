/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Hosts and their NICs: batches, back-pressure, bad packets, reports, death. */
#include "test_sim_net.h"

#define WIRE (MTU + UET_SIM_WIRE)

static struct uet_nic_tx packet(struct net_world *w, uint32_t to, uint8_t *data, uint32_t len)
{
	return (struct uet_nic_tx){
		.dst = uet_sim_net_nic(w->net, to)->addr, .len = len, .iov_cnt = 1,
		.iov = { { data, len } },
	};
}

/* Refused packets are asked for again when half of the queue has left. */
static void back_pressure(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct uet_nic_tx t[10];
	uint8_t data[MTU] = { 0 };
	struct net_world w;
	struct uet_nic *nic;
	int i;

	(void)state;
	cfg.host_queue = 4 * WIRE;
	net_begin(&w, &cfg);
	w.intact = false;
	nic = uet_sim_net_nic(w.net, 0);
	for (i = 0; i < 10; i++)
		t[i] = packet(&w, 1, data, MTU);
	assert_int_equal(nic->ops->tx(nic, t, 10), 5);	/* one is being sent already */
	assert_int_equal(nic->ops->tx(nic, t + 5, 5), -EAGAIN);
	assert_int_equal(nic->stats.tx_again, 2);
	net_control(&w, 0, 1, 1, 100);			/* has a queue of its own */
	uet_sim_net_run(w.net, 2 * (WIRE * 8 / 100));
	assert_int_equal(w.wakes, 0);
	/* The control packet, and two of data. */
	uet_sim_net_run(w.net, (3 * WIRE + 166) * 8 / 100);
	assert_int_equal(w.wakes, 1);
	assert_int_equal(w.cnt, 0);
	assert_int_equal(nic->ops->tx(nic, t + 5, 5), 2);
	net_finish(&w);
	assert_int_equal(w.cnt, 8);
	assert_int_equal(nic->stats.tx_packets, 8);
	assert_int_equal(nic->stats.tx_bytes, 7 * MTU + 100);
	net_end(&w);
}

/* A NIC that is emptied by force has room, too. */
static void room_after_flush(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	uint32_t i;
	int way;

	(void)state;
	cfg.host_queue = WIRE;
	for (way = 0; way < 2; way++) {
		net_begin(&w, &cfg);
		for (i = 0; i < 2; i++)
			net_send(&w, 0, 1, i, MTU);
		assert_int_equal(net_send_as(&w, 0, 1, 2, MTU, 0, UET_NIC_DATA), -EAGAIN);
		if (way == 0)
			uet_sim_net_flush_host(w.net, 0);
		else
			uet_sim_net_link_set(w.net, 0, false, 0);
		assert_int_equal(w.wakes, 0);		/* not from within the call */
		uet_sim_net_run(w.net, 1);
		assert_int_equal(w.wakes, 1);
		net_finish(&w);
		assert_int_equal(w.cnt, way == 0 ? 1 : 0);	/* what was on the wire */
		net_end(&w);
	}
}

static void receives_in_batches(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct uet_nic_rx rx[200];
	struct uet_nic *nic;
	struct net_world w;
	int i;

	(void)state;
	net_begin(&w, &cfg);
	w.deaf = true;
	for (i = 0; i < 150; i++)
		net_send(&w, 0, 1, (uint32_t)i, MTU);
	uet_sim_net_run(w.net, MSEC);
	assert_int_equal(w.wakes, 1);		/* once while it does not read */
	nic = uet_sim_net_nic(w.net, 1);
	assert_int_equal(nic->ops->rx(nic, rx, 7), 7);
	for (i = 0; i < 7; i++)
		assert_int_equal(uet_get_be32(rx[i].data), i);
	assert_int_equal(nic->ops->rx(nic, rx, 200), 143);
	for (i = 0; i < 143; i++)
		assert_int_equal(uet_get_be32(rx[i].data), 7 + i);
	assert_int_equal(uet_sim_net_memory(w.net), 0);		/* handed out */
	assert_int_equal(nic->ops->rx(nic, rx, 200), 0);
	assert_int_equal(nic->stats.rx_packets, 150);
	assert_int_equal(nic->stats.rx_bytes, 150 * MTU);
	assert_int_equal(nic->stats.rx_calls, 3);
	assert_int_equal(nic->ops->fd(nic), -1);
	net_send(&w, 0, 1, 1, MTU);
	uet_sim_net_run(w.net, 2 * MSEC);
	assert_int_equal(w.wakes, 2);
	net_end(&w);
}

static void full_buffer_overruns(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.host_buffer = 5 * WIRE;
	net_begin(&w, &cfg);
	w.deaf = true;
	for (i = 0; i < 8; i++)
		net_send(&w, 0, 1, i, MTU);
	uet_sim_net_run(w.net, MSEC);
	assert_int_equal(net_stats(&w, "h0>h1")->overrun, 3);
	net_read(&w, 1);
	assert_int_equal(w.cnt, 5);
	assert_int_equal(w.got[4].id, 4);
	net_send(&w, 0, 1, 8, MTU);
	w.deaf = false;
	net_finish(&w);
	assert_int_equal(w.cnt, 6);
	net_end(&w);
}

static void bad_packets(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	uint8_t data[MTU + 1] = { 0 };
	struct uet_nic_tx t[8];
	struct net_world w;
	struct uet_nic *nic;
	int i;

	(void)state;
	cfg.paths = 4;
	net_begin(&w, &cfg);
	w.intact = false;
	for (i = 0; i < 8; i++)
		t[i] = packet(&w, 1, data, MTU);
	t[0].len = 0;
	t[1].len = MTU - 1;				/* not what the parts sum up to */
	t[2] = packet(&w, 1, data, MTU + 1);
	t[3].path = 4;
	t[4].dst.ip[3] = 77;
	t[5].dst.port = 0;
	t[6].dst.port = 65536;
	nic = uet_sim_net_nic(w.net, 0);
	assert_int_equal(nic->ops->tx(nic, t, 8), 8);
	assert_int_equal(nic->stats.tx_errors, 7);
	net_finish(&w);
	assert_int_equal(w.cnt, 1);
	net_end(&w);
}

static void paths_are_ports(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	uint8_t data[MTU] = { 0 };
	struct uet_nic_tx t;
	struct net_world w;
	struct uet_nic *nic;

	(void)state;
	cfg.paths = 4;
	net_begin(&w, &cfg);
	w.intact = false;
	assert_int_equal(net_send_as(&w, 0, 1, 1, MTU, 3, UET_NIC_DATA), 1);
	net_finish(&w);
	assert_int_equal(w.got[0].port, 49155);

	/* An answer to the port that it came from. */
	nic = uet_sim_net_nic(w.net, 1);
	t = packet(&w, 0, data, MTU);
	t.dst.port = 49155;
	assert_int_equal(nic->ops->tx(nic, &t, 1), 1);
	net_finish(&w);
	assert_int_equal(w.cnt, 2);
	assert_int_equal(w.got[1].host, 0);
	assert_int_equal(w.got[1].err, 0);

	/* Ports at which nobody is. */
	t.dst.port = 49156;
	assert_int_equal(nic->ops->tx(nic, &t, 1), 1);
	net_finish(&w);
	assert_int_equal(w.cnt, 3);
	assert_int_equal(w.got[2].host, 1);
	assert_int_equal(w.got[2].err, ECONNREFUSED);
	assert_int_equal(w.got[2].src, 0);
	assert_int_equal(w.got[2].port, 49156);
	assert_int_equal(w.got[2].len, 0);
	net_end(&w);
}

static void to_itself(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 2);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	net_send(&w, 1, 1, 5, MTU);
	assert_int_equal(w.cnt, 0);		/* not from within the call */
	net_finish(&w);
	assert_int_equal(w.cnt, 1);
	assert_int_equal(w.got[0].src, 1);
	assert_int_equal(w.got[0].at, 0);
	assert_int_equal(uet_sim_net_hops(w.net), 0);
	net_end(&w);
}

static void dead_hosts(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 3);
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	uet_sim_net_host_set(w.net, 1, UET_SIM_HOST_REFUSES);
	net_send(&w, 0, 1, 1, MTU);
	net_control(&w, 2, 1, 2, 100);
	net_finish(&w);
	assert_int_equal(w.cnt, 2);		/* the shorter one first */
	assert_int_equal(w.got[0].host, 2);
	assert_int_equal(w.got[1].host, 0);
	assert_int_equal(w.got[1].err, ECONNREFUSED);
	assert_int_equal(w.got[1].src, 1);
	assert_int_equal(w.got[1].port, 4793);
	assert_int_equal(uet_sim_net_packets(w.net), 0);

	uet_sim_net_host_set(w.net, 1, UET_SIM_HOST_SILENT);
	net_send(&w, 0, 1, 3, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 2);
	assert_int_equal(net_stats(&w, "sw0>h1")->lost, 1);

	uet_sim_net_host_set(w.net, 1, UET_SIM_HOST_UP);
	net_send(&w, 0, 1, 4, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 3);
	assert_int_equal(w.got[2].id, 4);

	/* Two dead ones do not report to each other for ever. */
	uet_sim_net_host_set(w.net, 0, UET_SIM_HOST_REFUSES);
	uet_sim_net_host_set(w.net, 1, UET_SIM_HOST_REFUSES);
	net_send(&w, 0, 1, 5, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 3);
	net_end(&w);
}

static void flushed_host(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	struct uet_nic_rx rx[2];
	struct net_world w;
	struct uet_nic *nic;
	uint32_t i, next = 1;

	(void)state;
	net_begin(&w, &cfg);
	w.deaf = true;
	for (i = 0; i < 8; i++) {
		net_send(&w, 0, 1, i, MTU);
		net_send(&w, 1, 0, i, MTU);
	}
	uet_sim_net_run(w.net, net_ps(MTU, 100) / 1000);	/* one of each has arrived */
	nic = uet_sim_net_nic(w.net, 1);
	assert_int_equal(nic->ops->rx(nic, rx, 2), 1);
	uet_sim_net_flush_host(w.net, 1);
	w.deaf = false;
	net_read(&w, 0);
	net_finish(&w);
	for (i = 0; i < w.cnt; i++)
		if (w.got[i].host == 1)
			assert_int_equal(w.got[i].id, next++);
	/* Host 1 goes on to receive; of what it sent, the rest waited in its NIC. */
	assert_int_equal(next, 8);
	assert_int_equal(w.cnt, 7 + 8 - net_stats(&w, "h1>h0")->lost);
	assert_in_range(net_stats(&w, "h1>h0")->lost, 3, 4);
	net_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(room_after_flush),
		cmocka_unit_test(receives_in_batches),
		cmocka_unit_test(full_buffer_overruns),
		cmocka_unit_test(bad_packets),
		cmocka_unit_test(paths_are_ports),
		cmocka_unit_test(to_itself),
		cmocka_unit_test(dead_hosts),
		cmocka_unit_test(flushed_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
