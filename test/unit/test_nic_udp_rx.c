/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The UDP backend: receiving packets and error reports. */
#include "test_nic_udp.h"

#include "base/clock.h"
#include "nic/drops.h"

/* A merged datagram with more packets than the caller has room for: nothing is lost. */
static void test_small_max(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	uint32_t lens[64];
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 64; i++)
		lens[i] = 700;
	exchange(a, b, lens, 64, 2, 10);
	exchange(a, b, lens, 64, 2, 1);
	assert_int_equal(b->stats.rx_calls, 2);
	assert_int_equal(b->stats.rx_packets, 128);
	close_pair(a, b);
}

/* Packets of one rx() stay what they are, whatever arrives, until the next rx(). */
static void test_validity(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic_rx first[8], second[8];
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	uint8_t *mem;
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 2; i++) {
		mem = make_pkt(&tx, i, &b->addr, 333, 1, UET_NIC_DATA);
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
		if (i == 0)
			assert_int_equal(wait_rx(b, first, 8), 1);
		free(mem);
	}
	check_pkt(&first[0], 0, &a->addr, 333);
	assert_int_equal(wait_rx(b, second, 8), 1);
	check_pkt(&second[0], 1, &a->addr, 333);
	close_pair(a, b);
}

/* What the network changed (here: a sender that marks its own packets) arrives. */
static void test_congestion_mark(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a = open_nic(&cfg);
	struct sockaddr_storage ss;
	socklen_t len = uet_addr_to_sockaddr(&a->addr, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), tos = DATA_DSCP << 2 | UET_ECN_CE;
	const uint8_t want = DATA_DSCP << 2 | UET_ECN_CE;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&ss, len), 1);
	expect_tos(a, &want, 1);
	close(fd);
	a->ops->close(a);
}

static void check_refused(uint32_t family)
{
	struct uet_udp_cfg cfg = config(family);
	struct uet_addr dead;
	struct uet_nic_tx tx;
	struct uet_nic *a, *b;
	uint8_t *mem;

	open_pair(&cfg, &a, &b);
	dead = dead_address(&cfg);
	mem = make_pkt(&tx, 0, &dead, 100, 2, UET_NIC_DATA);
	assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	expect_report(a, &dead, ECONNREFUSED);
	free(mem);
	close_pair(a, b);
}

static void test_refused(void **state)
{
	(void)state;
	check_refused(AF_INET);
	check_refused(AF_INET6);
}

/* A report and data at the same time: one rx() gives both. */
static void test_report_and_data(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_addr dead;
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	struct uet_nic_rx rx[8];
	uint8_t *mem;
	int i, n, reports = 0;

	(void)state;
	open_pair(&cfg, &a, &b);
	dead = dead_address(&cfg);
	mem = make_pkt(&tx, 0, &a->addr, 200, 1, UET_NIC_DATA);
	assert_int_equal(b->ops->tx(b, &tx, 1), 1);
	tx.dst = dead;
	assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	n = wait_rx(a, rx, 8);
	assert_int_equal(n, 2);
	for (i = 0; i < n; i++) {
		if (rx[i].err)
			reports++;
		else
			check_pkt(&rx[i], 0, &b->addr, 200);
	}
	assert_int_equal(reports, 1);
	free(mem);
	close_pair(a, b);
}

/* More peers fail than there is room for reports: bounded, and still in working order. */
static void test_many_reports(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	struct uet_nic_rx rx[7];
	struct uet_nic_tx tx;
	uint8_t *mem;
	int i, n, total = 0;
	uint32_t lens[1] = { 10 };

	(void)state;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 3 * UET_UDP_REPORTS; i++) {
		mem = make_pkt(&tx, 0, &b->addr, 10, 1, UET_NIC_DATA);
		tx.dst.port = 0;	/* EINVAL: reported as unreachable */
		tx.dst.ip[3] = (uint8_t)(i + 2);
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
		free(mem);
	}
	while ((n = a->ops->rx(a, rx, 7)) > 0) {
		for (i = 0; i < n; i++) {
			assert_int_equal(rx[i].err, EINVAL);
			assert_int_equal(rx[i].src.ip[3], total + i + 2);
		}
		total += n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, UET_UDP_REPORTS);
	exchange(a, b, lens, 1, 1, 1);
	close_pair(a, b);
}

/* Errors of a receive: ICMP of any kind is survived, only a broken descriptor is the end. */
static void test_receive_failures(void **state)
{
	static const int script[] = { EINTR, ECONNREFUSED, EPROTO, EHOSTDOWN, ENOPROTOOPT };
	static const int busy[] = { EAGAIN };
	static const int broken[] = { EBADF };
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	struct uet_nic_rx rx[4];
	uint32_t len = 77;

	(void)state;
	open_pair(&cfg, &a, &b);
	script_recv(5, script);
	exchange(a, b, &len, 1, 1, 4);
	assert_int_equal(fault.recvd, 5);
	script_recv(1, busy);
	assert_int_equal(b->ops->rx(b, rx, 4), 0);
	script_recv(1, broken);
	assert_int_equal(b->ops->rx(b, rx, 4), -EBADF);
	close_pair(a, b);
}

/* Datagrams, or what the kernel says about them, that did not arrive whole. */
static void test_truncated(void **state)
{
	static const int flags[] = { MSG_TRUNC, MSG_CTRUNC };
	struct uet_udp_cfg cfg = config(AF_INET);
	struct pollfd pfd = { .events = POLLIN };
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	struct uet_nic_rx rx[4];
	uint8_t *mem;
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	pfd.fd = b->ops->fd(b);
	for (i = 0; i < 2; i++) {
		mem = make_pkt(&tx, 0, &b->addr, 77, 1, UET_NIC_DATA);
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
		free(mem);
		assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
		fault.recv_flags = flags[i];
		assert_int_equal(b->ops->rx(b, rx, 4), 0);
		assert_int_equal(b->stats.rx_truncated, i + 1);
	}
	fault.recv_flags = 0;
	assert_int_equal(b->stats.rx_packets, 0);
	exchange(a, b, &tx.len, 1, 1, 4);
	close_pair(a, b);
}

/* With stamps packets tell when they arrived, however late they are read. */
static void check_stamps(uint32_t family, uint8_t paths)
{
	struct uet_udp_cfg cfg = config(family);
	struct uet_nic_rx rx[8];
	uint64_t sent, arrived;
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	uint8_t *mem;
	bool known = false;
	int i;

	cfg.stamps = true;
	cfg.paths = paths;
	open_pair(&cfg, &a, &b);
	mem = make_pkt(&tx, 0, &b->addr, 333, 1, UET_NIC_DATA);
	/*
	 * The first read learns how the clocks differ, a clock that is set spoils one, and the
	 * kernel begins to stamp a little later: what it reads before gets the time of reading.
	 */
	for (i = 0; i < 100 && !known; i++) {
		struct pollfd pfd = { .fd = b->ops->fd(b), .events = POLLIN };

		sent = uet_clock_ns();
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
		assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
		arrived = uet_clock_ns();
		while (uet_clock_ns() < arrived + UET_NSEC_PER_MSEC)
			;
		assert_int_equal(wait_rx(b, rx, 8), 1);
		if (!rx[0].when)
			continue;
		assert_true(i > 0);
		assert_in_range(rx[0].when, sent, uet_clock_ns());
		known = rx[0].when < arrived + 100 * UET_NSEC_PER_USEC;
	}
	assert_true(known);
	free(mem);
	close_pair(a, b);
}

static void test_stamps(void **state)
{
	(void)state;
	check_stamps(AF_INET, 1);
	check_stamps(AF_INET, 3);
	check_stamps(AF_INET6, 1);
}

static void test_no_stamps(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic_rx rx[8];
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	uint8_t *mem;
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	mem = make_pkt(&tx, 0, &b->addr, 333, 1, UET_NIC_DATA);
	for (i = 0; i < 3; i++) {
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
		assert_int_equal(wait_rx(b, rx, 8), 1);
		assert_int_equal(rx[0].when, 0);
	}
	free(mem);
	close_pair(a, b);
}

/* Read all that waits, one datagram at a time; the highest fill seen. */
static uint32_t read_all(struct uet_nic *b, uint32_t *cnt)
{
	struct uet_nic_rx rx[4];
	uint32_t most = 0;
	int n;

	*cnt = 0;
	while ((n = b->ops->rx(b, rx, 4)) > 0) {
		*cnt += (uint32_t)n;
		most = b->fill > most ? b->fill : most;
	}
	return most;
}

static void send_many(struct uet_nic *a, const struct uet_nic *b, uint32_t cnt)
{
	struct uet_nic_tx tx;
	uint8_t *mem = make_pkt(&tx, 0, &b->addr, 2000, 1, UET_NIC_DATA);

	while (cnt--)
		assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	free(mem);
}

/* How full the socket is shows while it is read. */
static void test_fill(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	uint32_t cnt;

	(void)state;
	cfg.gro = false;
	open_pair(&cfg, &a, &b);
	assert_int_equal(b->fill, 0);
	send_many(a, b, 3);
	assert_in_range(read_all(b, &cnt), 0, 10);
	assert_int_equal(cnt, 3);
	/* The kernel keeps at least their bytes, and its room is twice 200 kB. */
	send_many(a, b, 60);
	assert_in_range(read_all(b, &cnt), 20, 99);
	assert_int_equal(cnt, 60);
	assert_int_equal(b->fill, 0);
	/* Now most of them find no room. The next one that does tells. */
	send_many(a, b, 600);
	read_all(b, &cnt);
	assert_true(cnt < 600);
	assert_true(uet_nic_drops(b) > 0);
	send_many(a, b, 1);
	assert_int_equal(read_all(b, &cnt), 100);
	assert_int_equal(cnt, 1);
	/* It tells once. */
	send_many(a, b, 1);
	assert_int_equal(read_all(b, &cnt), 0);
	close_pair(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_max),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_congestion_mark),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_report_and_data),
		cmocka_unit_test(test_many_reports),
		cmocka_unit_test(test_receive_failures),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_no_stamps),
		cmocka_unit_test(test_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
