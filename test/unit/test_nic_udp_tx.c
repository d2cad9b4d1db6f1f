/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The UDP backend: sending. */
#include <sys/mman.h>

#include "test_nic_udp.h"

#define MAX_PKTS	512

/* --- data --------------------------------------------------------------------------- */

struct sequence {
	const char *name;
	int n;			/* packets, */
	uint32_t len;		/* of this size, */
	uint32_t last;		/* the last one of this size; */
	int step;		/* each this much longer than the one before */
	int iovs;
	uint64_t calls;		/* system calls that send them with segmentation offload */
};

static const struct sequence sequences[] = {
	{ "one",		1,	64,	64,	0,	1,	1 },
	{ "one byte",		1,	1,	1,	0,	1,	1 },
	{ "empty",		3,	0,	0,	0,	1,	1 },
	{ "empty last",		3,	50,	0,	0,	1,	1 },
	{ "run",		64,	1000,	1000,	0,	2,	1 },
	{ "two runs",		65,	900,	900,	0,	2,	1 },
	{ "shorter last",	20,	1200,	1,	0,	2,	1 },
	{ "longer last",	20,	1200,	1201,	0,	2,	1 },
	{ "large",		7,	8192,	100,	0,	2,	1 },
	{ "above 65000 bytes",	9,	8192,	8192,	0,	2,	1 },
	{ "mixed",		14,	500,	100,	10,	3,	1 },
	{ "falling",		6,	600,	100,	-100,	2,	1 },
	{ "short in the middle", 3,	700,	350,	-350,	2,	1 },
	{ "more messages",	33,	100,	300,	3,	1,	3 },
	{ "many iovecs",	64,	900,	450,	0,	9,	1 },
	{ "more iovecs",	100,	90,	90,	0,	9,	2 },
	{ "largest",		1,	65487,	65487,	0,	9,	1 },
};

static void run_sequences(uint32_t family, bool gso, bool gro)
{
	struct uet_udp_cfg cfg = config(family);
	const struct sequence *s;
	struct uet_nic *a, *b;
	uint32_t lens[MAX_PKTS];
	uint64_t calls;
	size_t k;
	int i;

	cfg.gso = gso;
	cfg.gro = gro;
	open_pair(&cfg, &a, &b);
	for (k = 0; k < UET_ARRAY_SIZE(sequences); k++) {
		s = &sequences[k];
		for (i = 0; i < s->n; i++)
			lens[i] = s->len + (uint32_t)(i * s->step);
		lens[s->n - 1] = s->last;
		calls = a->stats.tx_calls;
		exchange(a, b, lens, s->n, s->iovs, 64);
		if (gso && a->stats.tx_calls - calls != s->calls)
			fail_msg("%s: %d calls", s->name, (int)(a->stats.tx_calls - calls));
	}
	assert_int_equal(a->stats.tx_packets, b->stats.rx_packets);
	assert_int_equal(a->stats.tx_bytes, b->stats.rx_bytes);
	assert_int_equal(a->stats.tx_errors, 0);
	assert_int_equal(b->stats.rx_truncated, 0);
	close_pair(a, b);
}

static void test_ipv4(void **state)
{
	(void)state;
	run_sequences(AF_INET, true, true);
}

static void test_ipv4_plain(void **state)
{
	(void)state;
	run_sequences(AF_INET, true, false);
	run_sequences(AF_INET, false, true);
	run_sequences(AF_INET, false, false);
}

static void test_ipv6(void **state)
{
	(void)state;
	run_sequences(AF_INET6, true, true);
	run_sequences(AF_INET6, false, false);
}

/* Packets to several peers in turn, more than one system call takes. */
static void test_fan_out(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b[3];
	struct uet_nic_tx tx[60];
	uint8_t *mem[60];
	uint32_t lens[20];
	int i, peer;

	(void)state;
	open_pair(&cfg, &a, &b[0]);
	b[1] = open_nic(&cfg);
	b[2] = open_nic(&cfg);
	for (i = 0; i < 60; i++)
		mem[i] = make_pkt(&tx[i], i / 3, &b[i % 3]->addr, 128, 2, UET_NIC_DATA);
	for (i = 0; i < 20; i++)
		lens[i] = 128;
	assert_int_equal(a->ops->tx(a, tx, 60), 60);
	for (peer = 0; peer < 3; peer++)
		expect_pkts(b[peer], &a->addr, lens, 20, 16);
	free_all(mem, 60);
	close_pair(a, b[0]);
	close_pair(b[1], b[2]);
}

/* --- traffic classes ---------------------------------------------------------------- */

/* Six packets, one in three of the control class; @ctls of the messages name their TOS. */
static void check_classes(uint32_t family, uint8_t data, uint8_t control, bool ecn, int ctls)
{
	struct uet_udp_cfg cfg = config(family);
	struct uet_nic *a, *b;
	struct uet_nic_tx tx[6];
	uint8_t *mem[6], tos[6];
	int i;

	cfg.dscp_data = data;
	cfg.dscp_control = control;
	cfg.ecn = ecn;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 6; i++) {
		tos[i] = (uint8_t)(i % 3 == 1 ? control << 2 : data << 2 | (ecn ? 2 : 0));
		mem[i] = make_pkt(&tx[i], i, &b->addr, 100 + (uint32_t)i, 1,
				  i % 3 == 1 ? UET_NIC_CONTROL : UET_NIC_DATA);
	}
	assert_int_equal(a->ops->tx(a, tx, 6), 6);
	assert_int_equal(fault.with_ctl, ctls);
	expect_tos(b, tos, 6);
	free_all(mem, 6);
	close_pair(a, b);
}

static void test_classes(void **state)
{
	static const struct {
		uint8_t data, control;
		bool ecn;
		int ctls;
	} cases[] = {
		{ DATA_DSCP, CONTROL_DSCP, true, 2 },
		{ DATA_DSCP, CONTROL_DSCP, false, 2 },
		{ 0, 0, true, 2 },
		{ 0, 0, false, 0 },
		{ 63, 63, false, 0 },
		{ 63, 0, true, 2 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++)
		check_classes(AF_INET, cases[i].data, cases[i].control, cases[i].ecn,
			      cases[i].ctls);
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++)
		check_classes(AF_INET6, cases[i].data, cases[i].control, cases[i].ecn,
			      cases[i].ctls);
}

/* A run of one class next to a run of the other: each message has one TOS. */
static void test_class_runs(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	struct uet_nic_tx tx[12];
	uint8_t *mem[12], tos[12];
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 12; i++) {
		tos[i] = i < 6 ? DATA_DSCP << 2 | UET_ECN_ECT0 : CONTROL_DSCP << 2;
		mem[i] = make_pkt(&tx[i], i, &b->addr, 100, 2,
				  i < 6 ? UET_NIC_DATA : UET_NIC_CONTROL);
	}
	assert_int_equal(a->ops->tx(a, tx, 12), 12);
	assert_int_equal(fault.with_ctl, 2);
	expect_tos(b, tos, 12);
	free_all(mem, 12);
	close_pair(a, b);
}

/* --- failures ----------------------------------------------------------------------- */

/* Dead and living peers in one batch: the living ones get everything. */
static void test_refused_among_others(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_addr dead;
	struct uet_nic *a, *b;
	struct uet_nic_tx tx[24];
	uint8_t *mem[24];
	uint32_t lens[12];
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	dead = dead_address(&cfg);
	for (i = 0; i < 24; i++) {
		lens[i / 2] = 64;
		mem[i] = make_pkt(&tx[i], i / 2, i % 2 ? &b->addr : &dead, 64, 2, UET_NIC_DATA);
	}
	assert_int_equal(a->ops->tx(a, tx, 24), 24);
	assert_int_equal(a->stats.tx_errors, 0);
	expect_report(a, &dead, ECONNREFUSED);
	expect_pkts(b, &a->addr, lens, 12, 16);
	free_all(mem, 24);
	close_pair(a, b);
}

/* The error of one call comes back through the next, which is about another peer. */
static void test_refused_by_call(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_addr dead;
	struct uet_nic *a, *b;
	struct uet_nic_tx tx;
	uint32_t len = 64;
	uint8_t *mem;

	(void)state;
	open_pair(&cfg, &a, &b);
	dead = dead_address(&cfg);
	mem = make_pkt(&tx, 0, &dead, len, 2, UET_NIC_DATA);
	assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	tx.dst = b->addr;
	assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	expect_pkts(b, &a->addr, &len, 1, 4);
	expect_report(a, &dead, ECONNREFUSED);
	assert_int_equal(a->stats.tx_errors, 0);
	free(mem);
	close_pair(a, b);
}

static void test_too_long(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	uint32_t lens[2] = { 10, 10 };
	struct uet_nic_tx tx[3];
	struct uet_nic *a, *b;
	uint8_t *mem[3];

	(void)state;
	open_pair(&cfg, &a, &b);
	mem[0] = make_pkt(&tx[0], 0, &b->addr, 10, 1, UET_NIC_DATA);
	mem[1] = make_pkt(&tx[1], 0, &b->addr, 65508, 2, UET_NIC_DATA);
	mem[2] = make_pkt(&tx[2], 1, &b->addr, 10, 1, UET_NIC_DATA);
	assert_int_equal(a->ops->tx(a, tx, 3), 3);
	assert_int_equal(a->stats.tx_errors, 1);
	assert_int_equal(a->stats.tx_packets, 2);
	expect_report(a, &b->addr, EMSGSIZE);
	expect_pkts(b, &a->addr, lens, 2, 8);
	free(mem[0]);
	free(mem[1]);
	free(mem[2]);
	close_pair(a, b);
}

static void test_wrong_family(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_addr dst = loopback(AF_INET6);
	struct uet_nic_tx tx;
	struct uet_nic *a, *b;
	uint8_t *mem;

	(void)state;
	open_pair(&cfg, &a, &b);
	dst.port = 4793;
	mem = make_pkt(&tx, 0, &dst, 10, 1, UET_NIC_DATA);
	assert_int_equal(a->ops->tx(a, &tx, 1), 1);
	assert_int_equal(a->stats.tx_errors, 1);
	expect_report(a, &dst, EAFNOSUPPORT);
	free(mem);
	close_pair(a, b);
}

static bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/* One payload of a merged message is not there: only this packet is lost. */
static void test_bad_memory(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uet_nic_tx tx[5];
	struct uet_nic_rx rx[8];
	struct uet_nic *a, *b;
	uint8_t *mem[5];
	int i, got = 0, n;

	(void)state;
	if (under_valgrind())	/* it complains, rightly */
		skip();
	assert_true(hole != MAP_FAILED);
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 5; i++)
		mem[i] = make_pkt(&tx[i], i, &b->addr, 1000, 2, UET_NIC_DATA);
	tx[2].iov[1].iov_base = hole;
	assert_int_equal(a->ops->tx(a, tx, 5), 5);
	assert_int_equal(a->stats.tx_errors, 1);
	assert_int_equal(a->stats.tx_packets, 4);
	while (got < 4) {
		n = wait_rx(b, rx, 8);
		for (i = 0; i < n; i++, got++)
			check_pkt(&rx[i], got < 2 ? got : got + 1, &a->addr, 1000);
	}
	expect_nothing(b);
	expect_nothing(a);
	free_all(mem, 5);
	munmap(hole, 4096);
	close_pair(a, b);
}

/* A kernel that takes no segmented sends on this socket: everything goes, one by one. */
static void test_gso_refused(void **state)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic *a, *b;
	uint32_t lens[10];
	uint64_t calls;
	int i, on = 1;

	(void)state;
	open_pair(&cfg, &a, &b);
	if (!uet_udp_of(a)->gso)
		skip();
	assert_int_equal(setsockopt(a->ops->fd(a), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	for (i = 0; i < 10; i++)
		lens[i] = 100;
	exchange(a, b, lens, 10, 2, 16);
	assert_false(uet_udp_of(a)->gso);
	calls = a->stats.tx_calls;
	exchange(a, b, lens, 10, 2, 16);
	assert_int_equal(a->stats.tx_calls - calls, 1);	/* still one sendmmsg */
	assert_int_equal(a->stats.tx_errors, 0);
	close_pair(a, b);
}

/* What tx() makes of each failure, for two equal packets that would leave as one message. */
struct send_case {
	const char *name;
	int n;
	int script[5];
	int ret;		/* of tx() */
	int sent;		/* packets that arrive */
	int again, errors;
	int report;		/* errno in the report, 0 = none */
	bool gso;		/* still in use afterwards */
};

static const struct send_case send_cases[] = {
	{ "again",		1, { EAGAIN },			-EAGAIN, 0, 1, 0, 0, true },
	{ "no buffers",		1, { ENOBUFS },			-EAGAIN, 0, 1, 0, 0, true },
	{ "no memory",		1, { ENOMEM },			-EAGAIN, 0, 1, 0, 0, true },
	{ "interrupted",	2, { EINTR, EINTR },		2, 2, 0, 0, 0, true },
	{ "refused before",	1, { ECONNREFUSED },		2, 2, 0, 0, 0, true },
	{ "no host before",	1, { EHOSTUNREACH },		2, 2, 0, 0, 0, true },
	{ "odd one before",	1, { EPROTO },			2, 2, 0, 0, 0, true },
	{ "size before",	1, { EMSGSIZE },		2, 2, 0, 0, 0, true },
	{ "busy afterwards",	2, { ECONNREFUSED, EAGAIN },	-EAGAIN, 0, 1, 0, 0, true },
	{ "filtered",		1, { EPERM },			2, 0, 0, 2, 0, true },
	{ "device",		2, { EIO, EIO },		2, 2, 0, 0, 0, false },
	{ "kernel",		2, { EINVAL, EINVAL },		2, 2, 0, 0, 0, false },
	{ "size of merged",	2, { EMSGSIZE, EMSGSIZE },	2, 2, 0, 0, 0, true },
	{ "no route",		4, { ENETUNREACH, ENETUNREACH, ENETUNREACH, ENETUNREACH },
								2, 1, 0, 1, ENETUNREACH, true },
	{ "apart, then busy",	5, { EIO, EIO, OK, EAGAIN, EAGAIN },
								1, 1, 2, 0, 0, false },
	{ "refused for good",	4, { ECONNREFUSED, ECONNREFUSED, ECONNREFUSED, ECONNREFUSED },
								2, 1, 0, 1, 0, true },
	{ "apart, busy at once", 3, { EMSGSIZE, EMSGSIZE, EAGAIN }, -EAGAIN, 0, 1, 0, 0, true },
};

static void run_send_case(const struct send_case *c)
{
	struct uet_udp_cfg cfg = config(AF_INET);
	struct uet_nic_rx rx[4];
	struct uet_nic_tx tx[2];
	struct uet_nic *a, *b;
	uint8_t *mem[2];
	int i, ret, got = 0;

	open_pair(&cfg, &a, &b);
	uet_udp_of(a)->gso = true;	/* the script plays a kernel that has it */
	for (i = 0; i < 2; i++)
		mem[i] = make_pkt(&tx[i], i, &b->addr, 500, 2, UET_NIC_DATA);
	script_send(c->n, c->script);
	ret = a->ops->tx(a, tx, 2);
	if (ret != c->ret || a->stats.tx_again != (uint64_t)c->again ||
	    a->stats.tx_errors != (uint64_t)c->errors || uet_udp_of(a)->gso != c->gso)
		fail_msg("%s: %d, again %u, errors %u", c->name, ret,
			 (unsigned int)a->stats.tx_again, (unsigned int)a->stats.tx_errors);
	assert_int_equal(fault.done, c->n);
	assert_int_equal(a->stats.tx_packets, c->sent);
	while (got < c->sent)
		got += wait_rx(b, rx, 4);
	expect_nothing(b);
	if (c->report)
		expect_report(a, &b->addr, c->report);
	else
		expect_nothing(a);
	free(mem[0]);
	free(mem[1]);
	close_pair(a, b);
}

static void test_send_failures(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(send_cases); i++)
		run_send_case(&send_cases[i]);
}

/* The kernel takes the first message of several, then is busy, then goes on. */
static void test_short_count(void **state)
{
	static const int script[] = { PART, EAGAIN };
	struct uet_udp_cfg cfg = config(AF_INET);
	uint32_t lens[4] = { 10, 20, 30, 40 };
	struct uet_nic_tx tx[4];
	struct uet_nic *a, *b;
	uint8_t *mem[4];
	int i;

	(void)state;
	open_pair(&cfg, &a, &b);
	for (i = 0; i < 4; i++)
		mem[i] = make_pkt(&tx[i], i, &b->addr, lens[i], 1, UET_NIC_DATA);
	script_send(2, script);
	assert_int_equal(a->ops->tx(a, tx, 4), 1);
	assert_int_equal(a->stats.tx_again, 1);
	assert_int_equal(a->ops->tx(a, tx + 1, 3), 3);
	expect_pkts(b, &a->addr, lens, 4, 8);
	expect_nothing(a);
	free_all(mem, 4);
	close_pair(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv4_plain),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_fan_out),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_class_runs),
		cmocka_unit_test(test_refused_among_others),
		cmocka_unit_test(test_refused_by_call),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_wrong_family),
		cmocka_unit_test(test_bad_memory),
		cmocka_unit_test(test_gso_refused),
		cmocka_unit_test(test_send_failures),
		cmocka_unit_test(test_short_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
