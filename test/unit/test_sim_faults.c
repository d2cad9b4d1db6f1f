/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Links that lose, duplicate, corrupt and reorder. */
#include "test_sim_net.h"

#define ALL 1000000u	/* ppm */
#define N 2000u

static void send_all(struct net_world *w)
{
	uint32_t i;

	for (i = 0; i < N; i++)
		net_send(w, 0, 1, i, 200);
}

static void begin(struct net_world *w, struct uet_sim_faults faults)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);

	cfg.faults = faults;
	net_begin(w, &cfg);
}

static void loss(void **state)
{
	struct net_world w;
	uint32_t i;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .drop = ALL / 4 });
	send_all(&w);
	net_finish(&w);
	assert_in_range(w.cnt, N * 3 / 4 - 100, N * 3 / 4 + 100);
	assert_int_equal(net_stats(&w, "h0>h1")->lost, N - w.cnt);
	assert_int_equal(net_stats(&w, "h0>h1")->packets, N);
	for (i = 1; i < w.cnt; i++)
		assert_true(w.got[i].id > w.got[i - 1].id);
	net_end(&w);
}

static void total_loss(void **state)
{
	struct net_world w;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .drop = ALL });
	send_all(&w);
	net_finish(&w);
	assert_int_equal(w.cnt, 0);
	net_end(&w);
}

static void duplicates(void **state)
{
	struct net_world w;
	uint32_t i;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .duplicate = ALL });
	send_all(&w);
	net_finish(&w);
	assert_int_equal(w.cnt, 2 * N);
	for (i = 0; i < 2 * N; i++)
		assert_int_equal(w.got[i].id, i / 2);
	assert_int_equal(net_stats(&w, "h0>h1")->duplicated, N);
	assert_int_equal(net_stats(&w, "h0>h1")->packets, N);
	net_end(&w);
}

static void corruption_that_udp_sees(void **state)
{
	struct net_world w;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .corrupt = ALL / 2 });
	send_all(&w);
	net_finish(&w);
	assert_in_range(w.cnt, N / 2 - 150, N / 2 + 150);
	assert_int_equal(net_stats(&w, "h0>h1")->corrupted, N - w.cnt);
	net_end(&w);
}

/* Bits of @data that are not as net_send made them. */
static uint32_t flipped(const uint8_t *data, uint32_t len, uint32_t id)
{
	uint8_t head[4];
	uint32_t i, bits = 0;

	uet_put_be32(head, id);
	for (i = 0; i < len; i++)
		bits += (uint32_t)__builtin_popcount((data[i] ^ (i < 4 ? head[i] :
								       net_byte(id, i))) & 0xff);
	return bits;
}

static void corruption_that_arrives(void **state)
{
	struct uet_nic_rx rx[N];
	uint32_t i, bits, changed = 0;
	struct uet_nic *nic;
	struct net_world w;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .corrupt = ALL / 2, .corrupt_delivered = true });
	w.deaf = true;
	send_all(&w);
	uet_sim_net_run(w.net, MSEC);
	nic = uet_sim_net_nic(w.net, 1);
	assert_int_equal(nic->ops->rx(nic, rx, N), N);
	for (i = 0; i < N; i++) {
		assert_int_equal(rx[i].len, 200);
		bits = flipped(rx[i].data, 200, i);
		assert_in_range(bits, 0, 3);
		changed += bits > 0;
	}
	assert_in_range(changed, N / 2 - 150, N / 2 + 150);
	assert_in_range(net_stats(&w, "h0>h1")->corrupted, changed, changed + 5);
	net_finish(&w);
	net_end(&w);
}

static void reordering(void **state)
{
	uint64_t slot = 266 * 8 / 100, due;
	uint32_t i, late = 0, ids = 0;
	struct net_world w;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .reorder = ALL / 10, .reorder_time = 5000 });
	send_all(&w);
	net_finish(&w);
	assert_int_equal(w.cnt, N);
	for (i = 0; i < N; i++) {
		due = 1000 + (w.got[i].id + 1ull) * 2128 / 100;
		assert_in_range(w.got[i].at, due, due + 5001);
		late += w.got[i].at > due + slot;
		ids += w.got[i].id;
		if (i)
			assert_true(w.got[i].at >= w.got[i - 1].at);
	}
	assert_int_equal(ids, N * (N - 1) / 2);
	assert_in_range(late, N / 10 - 60, N / 10 + 60);
	assert_in_range(net_stats(&w, "h0>h1")->reordered, late, late + 10);
	net_end(&w);
}

/* What is held back belongs to the link: it is lost with it, even if that comes back. */
static void held_back_and_lost(void **state)
{
	struct net_world w;

	(void)state;
	begin(&w, (struct uet_sim_faults){ .reorder = ALL, .reorder_time = MSEC });
	send_all(&w);
	uet_sim_net_run(w.net, 500 * USEC);
	assert_in_range(w.cnt, N / 4, 3 * N / 4);
	uet_sim_net_link_set(w.net, 0, false, 0);
	uet_sim_net_link_set(w.net, 0, true, 0);
	uet_sim_net_link_faults(w.net, 0, &(struct uet_sim_faults){ 0 });
	net_send(&w, 0, 1, N, MTU);
	net_finish(&w);
	assert_int_equal(net_stats(&w, "h0>h1")->lost, N + 1 - w.cnt);
	assert_int_equal(w.got[w.cnt - 1].id, N);
	net_end(&w);
}

static void one_bad_link(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 3);
	const struct uet_sim_faults bad = { .drop = ALL };
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	uet_sim_net_link_faults(w.net, net_link(&w, "sw0>h1"), &bad);
	net_send(&w, 0, 1, 1, MTU);
	net_send(&w, 0, 2, 2, MTU);
	net_send(&w, 1, 2, 3, MTU);
	net_finish(&w);
	assert_int_equal(w.cnt, 2);
	assert_int_equal(net_stats(&w, "sw0>h1")->lost, 1);
	net_end(&w);
}

/* All at once, over several hops: everything sent is accounted for. */
static void everything(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS3, 27);
	const struct uet_sim_link_stats *s;
	uint64_t lost = 0, more = 0, sent = 0;
	struct uet_rand r;
	struct net_world w;
	uint32_t i;

	(void)state;
	cfg.faults = (struct uet_sim_faults){ .drop = 10000, .duplicate = 20000, .corrupt = 5000,
					      .reorder = 30000, .reorder_time = 20000 };
	cfg.trim_size = 64;
	net_begin(&w, &cfg);
	uet_rand_seed(&r, 3);
	for (i = 0; i < 20000; i++) {
		uint32_t a = uet_rand_u32(&r) % 27, b = uet_rand_u32(&r) % 26;

		net_send_as(&w, a, b + (b >= a), i, 4 + uet_rand_u32(&r) % (MTU - 4),
			    (uint8_t)(uet_rand_u32(&r) % 64), uet_rand_u32(&r) % 2);
		sent++;
		if (i % 500 == 0)
			uet_sim_net_run(w.net, uet_sim_net_now(w.net) + 10 * USEC);
	}
	net_finish(&w);
	for (i = 0; i < uet_sim_net_links(w.net); i++) {
		s = uet_sim_net_link_stats(w.net, i);
		lost += s->lost + s->dropped + s->corrupted + s->overrun;
		more += s->duplicated;
	}
	assert_true(lost > 1000 && more > 1000);
	assert_int_equal(w.cnt, sent + more - lost);
	assert_int_equal(uet_sim_net_packets(w.net), w.cnt);
	net_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss),
		cmocka_unit_test(total_loss),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(corruption_that_udp_sees),
		cmocka_unit_test(corruption_that_arrives),
		cmocka_unit_test(reordering),
		cmocka_unit_test(held_back_and_lost),
		cmocka_unit_test(one_bad_link),
		cmocka_unit_test(everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
