/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Traces: pcapng blocks, frames with right headers, and the same bytes for the same seed. */
#include <fcntl.h>
#include <unistd.h>

#include "test_sim_net.h"

#define HEADERS (14 + 20 + 8)

struct file {
	uint8_t *data;
	size_t len;
};

static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/uet-sim-trace-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static struct file slurp(void)
{
	struct file f = { 0 };
	FILE *in = fopen(path, "rb");

	assert_non_null(in);
	assert_int_equal(fseek(in, 0, SEEK_END), 0);
	f.len = (size_t)ftell(in);
	rewind(in);
	f.data = malloc(f.len + 1);
	assert_non_null(f.data);
	assert_int_equal(fread(f.data, 1, f.len, in), f.len);
	fclose(in);
	return f;
}

static uint32_t word(const uint8_t *p, int i)
{
	uint32_t w;

	memcpy(&w, p + 4 * i, 4);
	return w;
}

/* The block at *@pos, which moves to the next one. */
static const uint8_t *block(const struct file *f, size_t *pos, uint32_t type)
{
	const uint8_t *b = f->data + *pos;
	uint32_t len;

	assert_true(*pos + 12 <= f->len);
	assert_int_equal(word(b, 0), type);
	len = word(b, 1);
	assert_int_equal(len % 4, 0);
	assert_true(*pos + len <= f->len);
	assert_int_equal(word(b, (int)len / 4 - 1), len);
	*pos += len;
	return b;
}

/* 0xffff if a checksum over it is right. */
static uint32_t sum(uint32_t start, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		start += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void check_ip(const uint8_t *ip, uint8_t proto, uint8_t tos, const struct uet_addr *src,
		     const struct uet_addr *dst, uint32_t len)
{
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], tos);
	assert_int_equal(uet_get_be16(ip + 2), len);
	assert_int_equal(ip[9], proto);
	assert_memory_equal(ip + 12, src->ip, 4);
	assert_memory_equal(ip + 16, dst->ip, 4);
	assert_int_equal(sum(0, ip, 20), 0xffff);
}

static void frames(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 3);
	const uint8_t *b, *eth, *ip;
	struct net_world w;
	struct file f;
	uint32_t links[2], len = 1001;
	size_t pos = 0;

	(void)state;
	net_begin(&w, &cfg);
	links[0] = net_link(&w, "sw0>h2");
	links[1] = net_link(&w, "h0>sw0");
	assert_int_equal(uet_sim_net_trace(w.net, path, links, 2), 0);
	net_send(&w, 1, 2, 1, 500);
	uet_sim_net_run(w.net, 10 * USEC);
	assert_int_equal(net_send_as(&w, 0, 2, 2, len, 5, UET_NIC_DATA), 1);
	net_finish(&w);
	assert_int_equal(uet_sim_net_trace(w.net, NULL, NULL, 0), 0);
	f = slurp();

	b = block(&f, &pos, 0x0a0d0d0a);
	assert_int_equal(word(b, 2), 0x1a2b3c4d);
	b = block(&f, &pos, 1);
	assert_int_equal(word(b, 2), 1);			/* Ethernet */
	assert_int_equal(word(b, 4), 2 | 6 << 16);		/* if_name */
	assert_memory_equal(b + 20, "sw0>h2\0", 8);
	assert_int_equal(word(b, 7), 9 | 1 << 16);		/* if_tsresol */
	assert_int_equal(word(b, 8), 9);
	b = block(&f, &pos, 1);
	assert_memory_equal(b + 20, "h0>sw0\0", 8);

	b = block(&f, &pos, 6);
	assert_int_equal(word(b, 2), 0);
	assert_int_equal(word(b, 4), net_ps(500, 100) / 1000);	/* when it leaves */
	assert_int_equal(word(b, 5), HEADERS + 500);

	b = block(&f, &pos, 6);
	assert_int_equal(word(b, 2), 1);
	assert_int_equal(word(b, 4), 10 * USEC);
	assert_int_equal(word(b, 5), HEADERS + len);
	assert_int_equal(word(b, 6), HEADERS + len);
	eth = b + 28;
	ip = eth + 14;
	assert_int_equal(uet_get_be16(eth + 12), 0x0800);
	assert_int_equal(eth[0] & 3, 2);			/* local, not a group */
	assert_memory_equal(eth + 2, uet_sim_net_nic(w.net, 2)->addr.ip, 4);
	assert_memory_equal(eth + 8, uet_sim_net_nic(w.net, 0)->addr.ip, 4);
	check_ip(ip, 17, UET_SIM_DSCP_DATA << 2 | UET_ECN_ECT0, &uet_sim_net_nic(w.net, 0)->addr,
		 &uet_sim_net_nic(w.net, 2)->addr, 28 + len);
	assert_int_equal(uet_get_be16(ip + 20), 49157);
	assert_int_equal(uet_get_be16(ip + 22), 4793);
	assert_int_equal(uet_get_be16(ip + 24), 8 + len);
	assert_int_equal(sum(17 + 8 + len + sum(0, ip + 12, 8), ip + 20, 8 + len), 0xffff);
	assert_int_equal(uet_get_be32(ip + 28), 2);
	assert_int_equal(ip[28 + 1000], net_byte(2, 1000));

	b = block(&f, &pos, 6);
	assert_int_equal(word(b, 2), 0);
	assert_int_equal(word(b, 4), 10 * USEC + net_ps(len, 100) / 1000);
	assert_int_equal(pos, f.len);
	free(f.data);
	net_end(&w);
}

/* Trimmed packets are as short as on the wire, reports are ICMP. */
static void trimmed_and_refused(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_STAR, 3);
	struct uet_addr *a, *b;
	const uint8_t *ip;
	struct net_world w;
	struct file f;
	uint32_t i, links[2];
	size_t pos = 0;

	(void)state;
	cfg.trim_size = 64;
	net_begin(&w, &cfg);
	links[0] = net_link(&w, "sw0>h2");
	links[1] = net_link(&w, "h2>sw0");
	assert_int_equal(uet_sim_net_link_rate(w.net, links[0], GBPS), 0);
	uet_sim_net_host_set(w.net, 2, UET_SIM_HOST_REFUSES);
	assert_int_equal(uet_sim_net_trace(w.net, path, links, 2), 0);
	for (i = 0; i < 12; i++)
		net_send(&w, 0, 2, i, MTU);
	net_finish(&w);
	a = &uet_sim_net_nic(w.net, 0)->addr;
	b = &uet_sim_net_nic(w.net, 2)->addr;
	assert_int_equal(uet_sim_net_trace(w.net, NULL, NULL, 0), 0);
	f = slurp();
	block(&f, &pos, 0x0a0d0d0a);
	block(&f, &pos, 1);
	block(&f, &pos, 1);
	block(&f, &pos, 6);		/* the first packet */
	ip = block(&f, &pos, 6) + 28 + 14;
	check_ip(ip, 17, UET_SIM_DSCP_LASTHOP << 2 | UET_ECN_ECT0, a, b, 28 + 64);
	assert_int_equal(sum(17 + 8 + 64 + sum(0, ip + 12, 8), ip + 20, 8 + 64), 0xffff);
	assert_int_equal(uet_get_be32(ip + 28), 11);
	ip = block(&f, &pos, 6) + 28 + 14;
	check_ip(ip, 1, 0, b, a, 20 + 8 + 28);
	assert_int_equal(ip[20], 3);
	assert_int_equal(ip[21], 3);
	assert_int_equal(sum(0, ip + 20, 36), 0xffff);
	check_ip(ip + 28, 17, 0, a, b, 28);
	assert_int_equal(uet_get_be16(ip + 48), 4793);
	assert_int_equal(uet_get_be16(ip + 50), 4793);
	free(f.data);
	net_end(&w);
}

static void errors(void **state)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_PAIR, 2);
	uint32_t link = 0, none = 2, i;
	struct net_world w;

	(void)state;
	net_begin(&w, &cfg);
	assert_int_equal(uet_sim_net_trace(w.net, "/nonexistent/x", &link, 1), -ENOENT);
	assert_int_equal(uet_sim_net_trace(w.net, path, &none, 1), -EINVAL);
	assert_int_equal(uet_sim_net_trace(w.net, NULL, NULL, 0), 0);
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(uet_sim_net_trace(w.net, "/dev/full", &link, 1), 0);
		for (i = 0; i < 100; i++)
			net_send(&w, 0, 1, i, MTU);
		net_finish(&w);
		assert_int_equal(uet_sim_net_trace(w.net, NULL, NULL, 0), -ENOSPC);
	}
	net_end(&w);
}

/* A run with every kind of trouble, traced everywhere; watched all the time if @nosy. */
static struct file troubled(uint64_t seed, bool nosy)
{
	struct uet_sim_net_cfg cfg = net_cfg(UET_SIM_CLOS2, 16);
	uint32_t links[512], i, a, n;
	struct net_world w;
	struct uet_rand r;

	cfg.seed = seed;
	cfg.trim_size = 64;
	cfg.ecn_min = 8000;
	cfg.ecn_max = 30000;
	cfg.host_queue = 20000;
	cfg.faults = (struct uet_sim_faults){ .drop = 5000, .duplicate = 5000, .corrupt = 5000,
					      .corrupt_delivered = true,
					      .reorder = 5000, .reorder_time = 3000 };
	net_begin(&w, &cfg);
	w.intact = false;
	n = uet_sim_net_links(w.net);
	assert_true(n <= UET_ARRAY_SIZE(links));
	for (i = 0; i < n; i++)
		links[i] = i;
	assert_int_equal(uet_sim_net_trace(w.net, path, links, n), 0);
	assert_int_equal(uet_sim_net_link_rate(w.net, net_link(&w, "leaf0>h0"), 20 * GBPS), 0);
	uet_rand_seed(&r, 1);
	for (i = 0; i < 1000; i++) {
		a = uet_rand_u32(&r) % 16;
		if (a)
			net_send_as(&w, a, i % 3 ? 0 : (a + 5) % 16, i, 4 + uet_rand_u32(&r) % 4000,
				    (uint8_t)(uet_rand_u32(&r) % 64), i % 5 == 0);
		if (i == 300)
			uet_sim_net_link_set(w.net, net_link(&w, "leaf1>spine2"), false, 5000);
		if (nosy && i % 4 == 0 && i)
			uet_sim_net_run(w.net, (uint64_t)i * 250 - 333);
		if (i % 4 == 0)
			uet_sim_net_run(w.net, (uint64_t)i * 250);
		for (a = 0; nosy && a < n; a++)
			uet_sim_net_link_stats(w.net, a);
	}
	net_finish(&w);
	assert_true(net_stats(&w, "leaf0>h0")->marked > 0);
	assert_true(net_stats(&w, "leaf0>h0")->trimmed > 0);
	net_end(&w);
	return slurp();
}

static void same_seed_same_bytes(void **state)
{
	struct file a = troubled(1, false), b = troubled(1, false), c = troubled(1, true);
	struct file d = troubled(2, false);

	(void)state;
	assert_true(a.len > 100000);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(a.len, c.len);		/* looking changes nothing */
	assert_memory_equal(a.data, c.data, a.len);
	assert_true(a.len != d.len || memcmp(a.data, d.data, a.len));
	free(a.data);
	free(b.data);
	free(c.data);
	free(d.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames, setup, teardown),
		cmocka_unit_test_setup_teardown(trimmed_and_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
		cmocka_unit_test_setup_teardown(same_seed_same_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
