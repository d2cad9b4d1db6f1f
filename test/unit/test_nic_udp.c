/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The UDP backend: opening, ports, options, MTU. */
#include <fcntl.h>

#include "base/log.h"

#include "test_nic_udp.h"

static void test_ports(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *nic[4], *none = NULL;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		nic[i] = open_nic(&cfg);
		assert_true(nic[i]->addr.port >= FIRST_PORT);
		assert_true(uet_addr_same_host(&nic[i]->addr, &cfg.addr));
		if (i)
			assert_true(nic[i]->addr.port > nic[i - 1]->addr.port);
	}
	cfg.addr.port = nic[1]->addr.port;
	assert_int_equal(uet_udp_open(&cfg, &none), -EADDRINUSE);
	/* Free again: exactly this one, and the first one that a search finds. */
	nic[1]->ops->close(nic[1]);
	nic[1] = open_nic(&cfg);
	assert_int_equal(nic[1]->addr.port, cfg.addr.port);
	nic[1]->ops->close(nic[1]);
	cfg.addr.port = 0;
	cfg.first_port = nic[0]->addr.port;
	nic[1] = open_nic(&cfg);
	assert_true(nic[1]->addr.port < nic[2]->addr.port);
	for (i = 0; i < 4; i++)
		nic[i]->ops->close(nic[i]);
}

static void test_no_port_left(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *last = NULL, *none = NULL;

	(void)state;
	cfg.first_port = 65535;
	(void)uet_udp_open(&cfg, &last);	/* someone else may have it already */
	assert_int_equal(uet_udp_open(&cfg, &none), -EADDRNOTAVAIL);
	assert_null(none);
	if (last)
		last->ops->close(last);
	cfg.first_port = 65536;
	assert_int_equal(uet_udp_open(&cfg, &none), -EADDRNOTAVAIL);
}

static void test_bad_config(void **state)
{
	struct uet_udp_cfg good = config(AF_INET), bad[8];
	struct uet_nic *none = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].addr.family = AF_UNIX;
	bad[1].addr.family = 0;
	bad[2].addr.port = 65536;
	bad[3].first_port = 0;
	bad[4].dscp_data = 64;
	bad[5].dscp_control = 64;
	bad[6].if_mtu = 28;
	bad[7] = config(AF_INET6);
	bad[7].if_mtu = 48;
	for (i = 0; i < UET_ARRAY_SIZE(bad); i++)
		assert_int_equal(uet_udp_open(&bad[i], &none), -EINVAL);
	good.addr.ip[0] = 203;	/* 203.0.113.1: documentation, nobody's address */
	good.addr.ip[2] = 113;
	assert_int_equal(uet_udp_open(&good, &none), -EADDRNOTAVAIL);
	assert_null(none);
}

static int get_int(int fd, int level, int opt)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, opt, &value, &len), 0);
	return value;
}

static void test_socket_options(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *nic = open_nic(&cfg);
	int fd = nic->ops->fd(nic);

	(void)state;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(get_int(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_REUSEPORT), 0);
	assert_true(get_int(fd, SOL_SOCKET, SO_RCVBUF) >= 200000);
	nic->ops->close(nic);

	cfg = config(AF_INET6);
	nic = open_nic(&cfg);
	fd = nic->ops->fd(nic);
	assert_int_equal(get_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_WANT);
	assert_int_equal(get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	nic->ops->close(nic);
}

static void test_mtu(void **state)
{
	static const struct {
		uint32_t family, if_mtu, mtu;
	} cases[] = {
		{ AF_INET, 1500, 1472 },
		{ AF_INET, 9000, 8972 },
		{ AF_INET, 65536, 65507 },
		{ AF_INET, 100000, 65507 },
		{ AF_INET, 65535, 65507 },
		{ AF_INET, 65534, 65506 },
		{ AF_INET6, 1500, 1452 },
		{ AF_INET6, 65536, 65487 },
	};
	struct uet_udp_cfg cfg;
	struct uet_nic *nic;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		cfg = config(cases[i].family);
		cfg.if_mtu = cases[i].if_mtu;
		nic = open_nic(&cfg);
		assert_int_equal(nic->mtu, cases[i].mtu);
		nic->ops->close(nic);
	}
}

static struct {
	int lines[3];
	char text[512];
} logged;

static void log_sink(enum uet_log_level level, const char *func, int line, const char *text)
{
	(void)func;
	(void)line;
	logged.lines[level]++;
	snprintf(logged.text, sizeof(logged.text), "%s", text);
}

static bool log_all(enum uet_log_level level)
{
	(void)level;
	return true;
}

/* Buffers far smaller than wanted: said once, with the remedy. */
static void test_buffer_report(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;

	(void)state;
	memset(&fault, 0, sizeof(fault));
	fault.no_force = true;
	cfg.rcvbuf = UINT32_MAX;	/* more than any kernel grants */
	uet_log_set_sink(log_sink, log_all);
	a = open_nic(&cfg);
	b = open_nic(&cfg);
	uet_log_set_sink(NULL, NULL);
	assert_int_equal(logged.lines[UET_LOG_WARN] + logged.lines[UET_LOG_INFO], 1);
	assert_non_null(strstr(logged.text, "net.core.rmem_max"));
	assert_non_null(strstr(logged.text, "net.core.wmem_max"));
	close_pair(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_no_port_left),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_socket_options),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_buffer_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
