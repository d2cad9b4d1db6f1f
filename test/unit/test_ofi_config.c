/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The environment: defaults, ranges, rubbish, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/ofi.h"

#define MS UET_NSEC_PER_MSEC
#define U32(m) offsetof(struct uet_config, m), 4, 1
#define SZ(m) offsetof(struct uet_config, m), 8, 1
#define TIME(m) offsetof(struct uet_config, m), 8, MS

static const struct number {
	const char *name;
	size_t offset, bytes;
	uint64_t scale;
	uint64_t def, min, max;
} numbers[] = {
	{ "FI_UET_PORT", U32(port), 4793, 1, 65535 },
	{ "FI_UET_JOB_ID", U32(job_id), 1, 1, 0xffffff },
	{ "FI_UET_MTU", U32(mtu), 0, 0, 8192 },
	{ "FI_UET_INJECT_SIZE", SZ(inject_size), 4096, 0, 8192 },
	{ "FI_UET_SNDBUF", SZ(sndbuf), 4194304, 4096, 1 << 30 },
	{ "FI_UET_RCVBUF", SZ(rcvbuf), 4194304, 4096, 1 << 30 },
	{ "FI_UET_PATHS", U32(paths), 0, 0, 64 },
	{ "FI_UET_DSCP_DATA", U32(dscp_data), 0, 0, 63 },
	{ "FI_UET_DSCP_CONTROL", U32(dscp_control), 46, 0, 63 },
	{ "FI_UET_TX_SIZE", SZ(tx_size), 1024, 1, 65536 },
	{ "FI_UET_RX_SIZE", SZ(rx_size), 4096, 1, 65536 },
	{ "FI_UET_UNEXPECTED_COUNT", SZ(max_unexpected), 65536, 1, 1 << 24 },
	{ "FI_UET_UNEXPECTED_BYTES", SZ(max_unexpected_bytes), 1 << 30, 8192, 1ull << 40 },
	{ "FI_UET_REORDER_BYTES", SZ(pds.max_ahead), 16 << 20, 0, 1ull << 32 },
	{ "FI_UET_DEFER_SIZE", SZ(defer_size), 64 << 10, 0, 1ull << 32 },
	{ "FI_UET_RENDEZVOUS_SIZE", SZ(rndv_size), 0, 0, 1ull << 32 },
	{ "FI_UET_RENDEZVOUS_EAGER", SZ(rndv_eager), 8192, 0, 1 << 20 },
	{ "FI_UET_HMEM_STAGING", SZ(hmem_staging), 256 << 20, 65536, 1ull << 40 },
	{ "FI_UET_LINGER", TIME(linger), 5000, 0, 3600000 },
	{ "FI_UET_MAX_PDC", U32(pds.max_pdc), 4096, 2, 65535 },
	{ "FI_UET_WINDOW", U32(pds.cms.window_max), 1 << 20, 8192, 1 << 30 },
	{ "FI_UET_BASE_RTT", offsetof(struct uet_config, pds.cms.base_rtt), 8, 1000, 0, 0,
	  1000000 },
	{ "FI_UET_LINK_SPEED", offsetof(struct uet_config, pds.cms.link_rate), 8, 1000000, 0, 0,
	  1600000 },
	{ "FI_UET_RTO", TIME(pds.cms.rto_min), 5, 1, 60000 },
	{ "FI_UET_RTO_MAX", TIME(pds.cms.rto_max), 1000, 1, 600000 },
	{ "FI_UET_PEER_TIMEOUT", TIME(pds.peer_timeout), 60000, 1, 86400000 },
	{ "FI_UET_REFUSED_TIMEOUT", TIME(pds.refused_timeout), 3000, 1, 86400000 },
};

static const struct {
	const char *name;
	size_t offset;
	bool def;
} flags[] = {
	{ "FI_UET_BURST", offsetof(struct uet_config, burst), true },
	{ "FI_UET_GSO", offsetof(struct uet_config, gso), true },
	{ "FI_UET_GRO", offsetof(struct uet_config, gro), true },
	{ "FI_UET_HMEM_CUDA", offsetof(struct uet_config, hmem_cuda), true },
	{ "FI_UET_STRICT_PORT", offsetof(struct uet_config, pds.strict_port), false },
};

static uint64_t value_of(const struct number *n)
{
	const char *at = (const char *)&uet_config + n->offset;

	if (n->bytes == 4)
		return *(const uint32_t *)at;
	return *(const uint64_t *)at;
}

static uint64_t read_as(const struct number *n, const char *text)
{
	uint64_t value;

	/* RTO_MAX is raised to RTO: keep that out of the way. */
	if (strcmp(n->name, "FI_UET_RTO_MAX") == 0)
		setenv("FI_UET_RTO", "1", 1);
	if (strcmp(n->name, "FI_UET_RTO") == 0)
		setenv("FI_UET_RTO_MAX", "600000", 1);
	setenv(n->name, text, 1);
	uet_config_read();
	value = value_of(n);
	unsetenv(n->name);
	unsetenv("FI_UET_RTO");
	unsetenv("FI_UET_RTO_MAX");
	return value;
}

static uint64_t read_number(const struct number *n, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return read_as(n, text);
}

static void defaults(void **state)
{
	size_t i;

	(void)state;
	uet_config_read();
	for (i = 0; i < UET_ARRAY_SIZE(numbers); i++)
		assert_int_equal(value_of(&numbers[i]), numbers[i].def * numbers[i].scale);
	for (i = 0; i < UET_ARRAY_SIZE(flags); i++)
		assert_int_equal(*((const bool *)&uet_config + flags[i].offset), flags[i].def);
	assert_null(uet_config.iface);
	assert_int_equal(uet_config.pds.mp_range % 128, 0);
	assert_true(uet_config.pds.cms.window_init <= uet_config.pds.cms.window_max);
}

static void ranges(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(numbers); i++) {
		const struct number *n = &numbers[i];

		assert_int_equal(read_number(n, n->min), n->min * n->scale);
		assert_int_equal(read_number(n, n->max), n->max * n->scale);
		assert_int_equal(read_number(n, n->max + 1), n->def * n->scale);
		if (n->min)
			assert_int_equal(read_number(n, n->min - 1), n->def * n->scale);
		assert_int_equal(read_as(n, "-1"), n->def * n->scale);
	}
}

static void rubbish(void **state)
{
	static const char *const words[] = {
		"", " ", "all", "4k", "1.5", "8192 bytes", "0x", "99999999999999999999999",
	};
	size_t i, w;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(numbers); i++)
		for (w = 0; w < UET_ARRAY_SIZE(words); w++)
			assert_int_equal(read_as(&numbers[i], words[w]),
					 numbers[i].def * numbers[i].scale);
	assert_int_equal(read_as(&numbers[0], "0x12b9"), 4793);
}

static void mtu_is_a_power_of_two(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
	} cases[] = {
		{ "0", 0 }, { "1024", 1024 }, { "2048", 2048 }, { "4096", 4096 },
		{ "8192", 8192 }, { "512", 0 }, { "1500", 0 }, { "8191", 0 }, { "1", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++)
		assert_int_equal(read_as(&numbers[2], cases[i].text), cases[i].value);
}

static void dependent_values(void **state)
{
	(void)state;
	setenv("FI_UET_WINDOW", "16384", 1);
	setenv("FI_UET_RTO", "50", 1);
	setenv("FI_UET_RTO_MAX", "20", 1);
	uet_config_read();
	assert_int_equal(uet_config.pds.cms.window_max, 16384);
	assert_int_equal(uet_config.pds.cms.window_init, 16384);
	assert_int_equal(uet_config.pds.cms.rto_max, 50 * MS);
	unsetenv("FI_UET_WINDOW");
	unsetenv("FI_UET_RTO");
	unsetenv("FI_UET_RTO_MAX");
	uet_config_read();
	assert_int_equal(uet_config.pds.cms.window_init, 256 << 10);
}

static void switches(void **state)
{
	static const struct {
		const char *text;
		bool good, value;
	} words[] = {
		{ "1", true, true }, { "0", true, false }, { "yes", true, true },
		{ "no", true, false }, { "true", true, true }, { "off", true, false },
		{ "perhaps", false, false },
	};
	size_t i, w;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(flags); i++) {
		for (w = 0; w < UET_ARRAY_SIZE(words); w++) {
			setenv(flags[i].name, words[w].text, 1);
			uet_config_read();
			assert_int_equal(*((const bool *)&uet_config + flags[i].offset),
					 words[w].good ? words[w].value : flags[i].def);
		}
		unsetenv(flags[i].name);
	}
}

static void other_job_id(void **state)
{
	static const struct {
		const char *other, *own;
		uint32_t value;
	} cases[] = {
		{ "77", NULL, 77 }, { "77", "5", 5 }, { "0x10", NULL, 16 },
		{ "16777216", NULL, 1 }, { "0", NULL, 1 }, { "job", NULL, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		setenv("UET_JOB_ID", cases[i].other, 1);
		if (cases[i].own)
			setenv("FI_UET_JOB_ID", cases[i].own, 1);
		uet_config_read();
		assert_int_equal(uet_config.job_id, cases[i].value);
		unsetenv("UET_JOB_ID");
		unsetenv("FI_UET_JOB_ID");
	}
}

static void interface_filter(void **state)
{
	(void)state;
	setenv("FI_UET_IFACE", "^docker*,192.0.2.0/24", 1);
	uet_config_read();
	assert_string_equal(uet_config.iface, "^docker*,192.0.2.0/24");
	setenv("FI_UET_IFACE", "", 1);
	uet_config_read();
	assert_null(uet_config.iface);
	unsetenv("FI_UET_IFACE");
	uet_config_free();
	uet_config_free();
}

static void statistics(void **state)
{
	static const struct {
		const char *text;
		bool on;
		uint64_t seconds;
	} cases[] = {
		{ "", false, 0 }, { "exit", true, 0 }, { "1", true, 1 }, { "0x10", true, 16 },
		{ "86400", true, 86400 }, { "86401", false, 0 }, { "0", false, 0 },
		{ "-1", false, 0 }, { "10s", false, 0 }, { "Exit", false, 0 }, { "yes", false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		setenv("FI_UET_STATS", cases[i].text, 1);
		uet_config_read();
		assert_int_equal(uet_config.stats, cases[i].on);
		assert_int_equal(uet_config.stats_period, cases[i].seconds * UET_NSEC_PER_SEC);
	}
	unsetenv("FI_UET_STATS");
	uet_config_read();
	assert_false(uet_config.stats);
}

/* Every variable is listed once, with its default, for fi_info -e. */
static void help(void **state)
{
	struct fi_param *params;
	size_t i;
	int count, p, seen;

	(void)state;
	assert_int_equal(fi_getparams(&params, &count), 0);
	for (i = 0; i < UET_ARRAY_SIZE(numbers); i++) {
		for (p = 0, seen = 0; p < count; p++) {
			if (strcmp(params[p].name, numbers[i].name))
				continue;
			seen++;
			assert_non_null(strstr(params[p].help_string, "(default: "));
			assert_non_null(strstr(params[p].help_string, "range: "));
		}
		assert_int_equal(seen, 1);
	}
	fi_freeparams(params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(ranges),
		cmocka_unit_test(rubbish),
		cmocka_unit_test(mtu_is_a_power_of_two),
		cmocka_unit_test(dependent_values),
		cmocka_unit_test(switches),
		cmocka_unit_test(other_job_id),
		cmocka_unit_test(interface_filter),
		cmocka_unit_test(statistics),
		cmocka_unit_test(help),
	};

	struct fi_param *params;
	int count;

	unsetenv("UET_JOB_ID");
	unsetenv("FI_UET_IFACE");
	/* The plugin, loaded beside the provider under test, would define everything twice. */
	setenv("FI_PROVIDER_PATH", "/nonexistent", 1);
	/* The first call into libfabric empties its list of parameters. */
	if (fi_getparams(&params, &count) == 0)
		fi_freeparams(params);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
