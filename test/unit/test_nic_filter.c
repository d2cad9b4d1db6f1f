/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interface filter: what it admits, and what it says about words that it cannot read. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/util.h"
#include "nic/discover_priv.h"

#define A10 "aaaaaaaaaa"

static const struct {
	const char *name, *addr;
} few[] = {
	{ "eth0", "10.1.2.3" },
	{ "eth1", "10.2.2.3" },
	{ "eth10", "fd00:1::1" },
	{ "eth0.5", "192.168.5.1" },
	{ "ib0", "fe80::7" },
};

/* The names that @text admits, in order, separated by spaces. */
static void admitted(const char *text, char *out, size_t len)
{
	struct uet_filter *filter = NULL;
	struct uet_addr addr;
	size_t i, used = 0;

	out[0] = '\0';
	assert_int_equal(uet_filter_parse(text, &filter), 0);
	for (i = 0; i < UET_ARRAY_SIZE(few); i++) {
		memset(&addr, 0, sizeof(addr));
		addr.family = strchr(few[i].addr, ':') ? AF_INET6 : AF_INET;
		assert_int_equal(inet_pton((int)addr.family, few[i].addr, addr.ip), 1);
		if (uet_filter_admits(filter, few[i].name, &addr))
			used += (size_t)snprintf(out + used, len - used, "%s%s",
						 used ? " " : "", few[i].name);
	}
	uet_filter_free(filter);
}

static void test_filter(void **state)
{
	static const struct {
		const char *filter, *names;
	} cases[] = {
		{ NULL, "eth0 eth1 eth10 eth0.5 ib0" },
		{ "", "eth0 eth1 eth10 eth0.5 ib0" },
		{ "eth0", "eth0" },
		{ "eth", "" },
		{ "eth0,eth1", "eth0 eth1" },
		{ "ib0,eth0,eth0", "eth0 ib0" },
		{ "eth*", "eth0 eth1 eth10 eth0.5" },
		{ "eth?", "eth0 eth1" },
		{ "eth[1-9]*", "eth1 eth10" },
		{ "*", "eth0 eth1 eth10 eth0.5 ib0" },
		{ "^*", "" },
		{ "^eth0", "eth1 eth10 eth0.5 ib0" },
		{ "^eth*,fe80::/10", "" },
		{ "^eth0,ib*", "eth1 eth10 eth0.5" },
		{ "10.0.0.0/8", "eth0 eth1" },
		{ "10.1.0.0/16", "eth0" },
		{ "10.1.2.3/32", "eth0" },
		{ "10.1.2.2/31", "eth0" },
		{ "10.1.2.0/31", "" },
		{ "10.1.99.99/16", "eth0" },
		{ "0.0.0.0/0", "eth0 eth1 eth0.5" },
		{ "::/0", "eth10 ib0" },
		{ "fd00::/8", "eth10" },
		{ "fd00:1::/33", "eth10" },
		{ "fd00:1::1/128", "eth10" },
		{ "fd00:1::2/128", "" },
		{ "fe80::/10,192.168.4.0/23", "eth0.5 ib0" },
		{ "^10.0.0.0/8,fe80::/10", "eth10 eth0.5" },
		{ "nothere0", "" },
	};
	char names[256];
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		admitted(cases[i].filter, names, sizeof(names));
		if (strcmp(names, cases[i].names))
			fail_msg("%s: '%s' instead of '%s'", cases[i].filter, names,
				 cases[i].names);
	}
}

static char logged[512];
static int log_lines;

static void log_sink(enum uet_log_level level, const char *func, int line, const char *text)
{
	(void)func;
	(void)line;
	assert_int_equal(level, UET_LOG_WARN);
	snprintf(logged, sizeof(logged), "%s", text);
	log_lines++;
}

static bool log_all(enum uet_log_level level)
{
	(void)level;
	return true;
}

static void test_bad_filter(void **state)
{
	static const struct {
		const char *filter, *word;
	} cases[] = {
		{ ",", "''" },
		{ "eth0,", "''" },
		{ "eth0,,eth1", "''" },
		{ "^", "''" },
		{ "eth0,^eth1", "'^eth1'" },
		{ "^^eth0", "'^eth0'" },
		{ "eth0, eth1", "' eth1'" },
		{ "10.0.0.0/33", "'10.0.0.0/33'" },
		{ "10.0.0.0/", "'10.0.0.0/'" },
		{ "10.0.0.0/-1", "'10.0.0.0/-1'" },
		{ "10.0.0.0/8x", "'10.0.0.0/8x'" },
		{ "10.0.0.0/99999999999999999999", "'10.0.0.0/99999999999999999999'" },
		{ "10.0.0/8", "'10.0.0/8'" },
		{ "eth0/8", "'eth0/8'" },
		{ "/8", "'/8'" },
		{ "fd00::/129", "'fd00::/129'" },
		{ "ib0,10.0.0.1", "'10.0.0.1'" },
		{ "fd00::1", "'fd00::1'" },
		{ "eth[01", "'eth[01'" },
		{ "averylonginterfacename", "'averylonginterfacename'" },
		{ "*" A10 A10 A10 A10 A10 A10 A10, "'*" A10 A10 A10 A10 A10 A10 A10 "'" },
	};
	struct uet_filter *filter = NULL;
	size_t i;

	(void)state;
	uet_log_set_sink(log_sink, log_all);
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		log_lines = 0;
		assert_int_equal(uet_filter_parse(cases[i].filter, &filter), -EINVAL);
		assert_int_equal(log_lines, 1);
		if (!strstr(logged, cases[i].word))
			fail_msg("'%s' is not in: %s", cases[i].word, logged);
	}
	assert_null(filter);
	uet_filter_free(NULL);
	uet_log_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_bad_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
