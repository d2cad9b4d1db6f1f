/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The UDP backend with several sockets to send from. */
#include <sys/resource.h>

#include "nic/drops.h"
#include "test_nic_udp.h"

#define PATHS	8u

static struct uet_udp_cfg many(uint32_t family, uint8_t paths)
{
	struct uet_udp_cfg cfg = config(family);

	cfg.paths = paths;
	return cfg;
}

static void open_two(uint32_t family, struct uet_nic **a, struct uet_nic **b)
{
	struct uet_udp_cfg cfg = many(family, PATHS);

	open_pair(&cfg, a, b);
	assert_int_equal((*a)->paths, PATHS);
	assert_int_equal((*b)->paths, PATHS);
}

static void send_one(struct uet_nic *nic, const struct uet_addr *dst, int i, uint8_t path,
		     uint8_t tc)
{
	struct uet_nic_tx tx;
	uint8_t *mem = make_pkt(&tx, i, dst, 200, 2, tc);

	tx.path = path;
	assert_int_equal(nic->ops->tx(nic, &tx, 1), 1);
	free(mem);
}

/* Take the next packet, number @i, and see that it is whole; returns where it came from. */
static struct uet_addr take_one(struct uet_nic *nic, int i, uint8_t tos)
{
	struct uet_nic_rx rx[4];
	uint32_t k;

	assert_int_equal(wait_rx(nic, rx, 4), 1);
	assert_int_equal(rx[0].err, 0);
	assert_int_equal(rx[0].tos, tos);
	assert_int_equal(rx[0].trim, UET_NIC_WHOLE);
	assert_int_equal(rx[0].len, 200);
	for (k = 0; k < 200; k++)
		assert_int_equal(rx[0].data[k], pattern(i, k));
	return rx[0].src;
}

/* Each path has a port, both classes their DSCP and ECN on it, and answers come back to it. */
static void check_ports(uint32_t family)
{
	const uint8_t data = DATA_DSCP << 2 | UET_ECN_ECT0, control = CONTROL_DSCP << 2;
	struct uet_addr src[PATHS];
	struct uet_nic *a, *b;
	uint8_t i, k;

	open_two(family, &a, &b);
	for (i = 0; i < PATHS; i++) {
		struct uet_addr again;

		send_one(a, &b->addr, i, i, UET_NIC_DATA);
		src[i] = take_one(b, i, data);
		assert_true(uet_addr_same_host(&src[i], &a->addr));
		for (k = 0; k < i; k++)
			assert_int_not_equal(src[i].port, src[k].port);
		send_one(a, &b->addr, i, i, UET_NIC_CONTROL);
		again = take_one(b, i, control);
		assert_true(uet_addr_equal(&again, &src[i]));
	}
	assert_true(uet_addr_equal(&src[0], &a->addr));
	for (i = 0; i < PATHS; i++) {
		struct uet_addr from;

		send_one(b, &src[i], i, 0, UET_NIC_CONTROL);
		from = take_one(a, i, control);
		assert_true(uet_addr_equal(&from, &b->addr));
		expect_nothing(a);
	}
	close_pair(a, b);
}

static void test_ports(void **state)
{
	(void)state;
	check_ports(AF_INET);
}

static void test_ports6(void **state)
{
	(void)state;
	check_ports(AF_INET6);
}

/* Learn the source ports of @a. */
static void learn(struct uet_nic *a, struct uet_nic *b, struct uet_addr src[PATHS])
{
	uint8_t i;

	for (i = 0; i < PATHS; i++) {
		send_one(a, &b->addr, i, i, UET_NIC_DATA);
		src[i] = take_one(b, i, DATA_DSCP << 2 | UET_ECN_ECT0);
	}
}

static void check_mark(uint32_t family)
{
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int opt = family == AF_INET ? IP_TOS : IPV6_TCLASS;
	int tos = DATA_DSCP << 2 | UET_ECN_CE, fd;
	const uint8_t want = DATA_DSCP << 2 | UET_ECN_CE;
	struct uet_addr src[PATHS];
	struct sockaddr_storage ss;
	struct uet_nic *a, *b;
	socklen_t len;
	uint8_t i;

	open_two(family, &a, &b);
	learn(a, b, src);
	fd = socket((int)family, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, level, opt, &tos, sizeof(tos)), 0);
	for (i = 0; i < PATHS; i++) {
		len = uet_addr_to_sockaddr(&src[i], &ss);
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&ss, len), 1);
		expect_tos(a, &want, 1);
	}
	close(fd);
	close_pair(a, b);
}

static void test_congestion_mark(void **state)
{
	(void)state;
	check_mark(AF_INET);
}

static void test_congestion_mark6(void **state)
{
	(void)state;
	check_mark(AF_INET6);
}

/* One system call per run of packets on a path; all arrive. */
static void test_runs(void **state)
{
	static const struct {
		uint8_t run;
		uint64_t calls;
	} cases[] = { { 32, 1 }, { 8, 4 }, { 1, 32 } };
	struct uet_nic_tx tx[32];
	struct uet_nic_rx rx[32];
	struct uet_nic *a, *b;
	uint8_t *mem[32];
	size_t k;
	int i, n, got;

	(void)state;
	open_two(AF_INET, &a, &b);
	for (k = 0; k < UET_ARRAY_SIZE(cases); k++) {
		uint64_t calls = a->stats.tx_calls;
		uint32_t seen = 0;

		for (i = 0; i < 32; i++) {
			mem[i] = make_pkt(&tx[i], i, &b->addr, 300, 1, UET_NIC_DATA);
			tx[i].path = (uint8_t)(i / cases[k].run) % PATHS;
		}
		assert_int_equal(a->ops->tx(a, tx, 32), 32);
		if (uet_udp_of(a)->gso)
			assert_int_equal(a->stats.tx_calls - calls, cases[k].calls);
		for (got = 0; got < 32; got += n) {
			n = wait_rx(b, rx, 32);
			for (i = 0; i < n; i++)
				seen += rx[i].len == 300 && rx[i].data[1] == pattern(got + i, 1);
		}
		assert_int_equal(seen, 32);
		free_all(mem, 32);
	}
	close_pair(a, b);
}

/* Packets that come to all ports at once are all there after a few calls. */
static void test_all_at_once(void **state)
{
	struct uet_nic_rx rx[64];
	struct uet_addr src[PATHS];
	struct uet_nic *a, *b;
	uint32_t got = 0;
	uint8_t i;
	int n, k;

	(void)state;
	open_two(AF_INET, &a, &b);
	learn(a, b, src);
	for (k = 0; k < 4; k++)
		for (i = 0; i < PATHS; i++)
			send_one(b, &src[i], i, 0, UET_NIC_CONTROL);
	while (got < 4 * PATHS) {
		n = wait_rx(a, rx, 64);
		for (k = 0; k < n; k++)
			assert_int_equal(rx[k].len, 200);
		got += (uint32_t)n;
	}
	assert_int_equal(got, 4 * PATHS);
	expect_nothing(a);
	close_pair(a, b);
}

/* A first socket that never runs dry does not hide what the others have. */
static void test_busy_first(void **state)
{
	struct uet_udp_cfg cfg = many(AF_INET, PATHS);
	struct uet_addr src[PATHS];
	struct uet_nic_rx rx[2];
	struct uet_nic *a, *b;
	int calls, k, n, other = 0;

	(void)state;
	cfg.gro = false;
	open_pair(&cfg, &a, &b);
	learn(a, b, src);
	send_one(b, &src[5], 77, 0, UET_NIC_CONTROL);
	for (calls = 0; !other && calls < 8; calls++) {
		send_one(b, &a->addr, 1, 0, UET_NIC_DATA);
		n = wait_rx(a, rx, 2);
		for (k = 0; k < n; k++)
			other += rx[k].data[0] == pattern(77, 0);
	}
	assert_int_equal(other, 1);
	close_pair(a, b);
}

/* Nobody listens there: the report comes whatever the path was. */
static void test_refused(void **state)
{
	struct uet_udp_cfg cfg = many(AF_INET, PATHS);
	struct uet_nic *a = open_nic(&cfg);
	struct uet_addr dead = dead_address(&cfg);
	uint8_t i;

	(void)state;
	for (i = 0; i < PATHS; i++) {
		send_one(a, &dead, i, i, UET_NIC_DATA);
		expect_report(a, &dead, ECONNREFUSED);
	}
	a->ops->close(a);
}

/* Where descriptors are short there are fewer ports, and the rest works. */
static void test_few_descriptors(void **state)
{
	struct rlimit old, low;
	struct uet_nic *a, *b;
	struct uet_udp_cfg cfg = many(AF_INET, UET_NIC_PATHS_MAX);
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	a = open_nic(&cfg);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_in_range(a->paths, 2, 20);
	b = open_nic(&cfg);
	assert_true(b->paths > a->paths);
	send_one(a, &b->addr, 1, (uint8_t)(a->paths - 1), UET_NIC_DATA);
	take_one(b, 1, DATA_DSCP << 2 | UET_ECN_ECT0);
	close_pair(a, b);
	/* Not even for one more. */
	fd = dup(0);
	assert_true(fd >= 0);
	close(fd);
	low.rlim_cur = (rlim_t)fd + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	a = open_nic(&cfg);
	assert_int_equal(a->paths, 1);
	assert_int_equal(a->ops->fd(a), uet_udp_of(a)->fds[0]);
	a->ops->close(a);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_too_many(void **state)
{
	struct uet_udp_cfg cfg = many(AF_INET, UET_NIC_PATHS_MAX + 1);
	struct uet_nic *nic;

	(void)state;
	assert_int_equal(uet_udp_open(&cfg, &nic), -EINVAL);
	cfg.paths = UET_NIC_PATHS_MAX;
	nic = open_nic(&cfg);
	assert_int_equal(nic->paths, UET_NIC_PATHS_MAX);
	nic->ops->close(nic);
}

/* What finds no room counts, whichever socket it came to. */
static void test_drops(void **state)
{
	struct uet_udp_cfg cfg = many(AF_INET, PATHS), one = config(AF_INET);
	uint64_t first, both;
	struct uet_nic *a, *b;
	struct uet_addr src;
	int i;

	(void)state;
	cfg.rcvbuf = 4096;
	a = open_nic(&cfg);
	b = open_nic(&one);
	send_one(a, &b->addr, 0, 3, UET_NIC_DATA);
	src = take_one(b, 0, DATA_DSCP << 2 | UET_ECN_ECT0);
	assert_int_not_equal(src.port, a->addr.port);
	assert_int_equal(uet_nic_drops(a), 0);
	for (i = 0; i < 200; i++)
		send_one(b, &src, i, 0, UET_NIC_CONTROL);
	first = uet_nic_drops(a);
	assert_in_range(first, 1, 199);
	for (i = 0; i < 200; i++)
		send_one(b, &a->addr, i, 0, UET_NIC_CONTROL);
	both = uet_nic_drops(a);
	assert_in_range(both, first + 1, first + 199);
	assert_int_equal(uet_nic_drops(b), 0);
	close_pair(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_ports6),
		cmocka_unit_test(test_congestion_mark),
		cmocka_unit_test(test_congestion_mark6),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_busy_first),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_few_descriptors),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
