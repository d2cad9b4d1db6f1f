/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Addresses: conversion both ways, text, comparisons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "base/addr.h"

static struct sockaddr_in v4(const char *ip, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
	return in;
}

static struct sockaddr_in6 v6(const char *ip, uint16_t port, uint32_t scope)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope,
	};

	assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
	return in6;
}

static struct uet_addr from(const void *sa, size_t len)
{
	struct uet_addr a;

	memset(&a, 0xee, sizeof(a));	/* unused bytes must become 0 */
	assert_int_equal(uet_addr_from_sockaddr(&a, sa, len), 0);
	return a;
}

static void check_text(const struct uet_addr *a, const char *want)
{
	char buf[UET_ADDR_STRLEN];

	assert_ptr_equal(uet_addr_str(a, buf, sizeof(buf)), buf);
	assert_string_equal(buf, want);
}

static void ipv4(void **state)
{
	struct sockaddr_in in = v4("192.0.2.1", 4793), *out;
	struct sockaddr_storage ss;
	static const uint8_t ip[16] = { 192, 0, 2, 1 };
	struct uet_addr a;

	(void)state;
	memset(in.sin_zero, 0x77, sizeof(in.sin_zero));
	a = from(&in, sizeof(in));
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.port, 4793);
	assert_int_equal(a.zone, 0);
	assert_memory_equal(a.ip, ip, sizeof(ip));
	check_text(&a, "192.0.2.1:4793");

	memset(&ss, 0xee, sizeof(ss));
	assert_int_equal(uet_addr_to_sockaddr(&a, &ss), sizeof(in));
	out = (struct sockaddr_in *)&ss;
	memset(in.sin_zero, 0, sizeof(in.sin_zero));
	assert_memory_equal(out, &in, sizeof(in));
}

static void ipv6(void **state)
{
	struct sockaddr_in6 in6 = v6("2001:db8::1", 65535, 9);
	struct sockaddr_storage ss;
	struct uet_addr a;

	(void)state;
	in6.sin6_flowinfo = 0x12345;
	a = from(&in6, sizeof(in6));
	assert_int_equal(a.family, AF_INET6);
	assert_int_equal(a.port, 65535);
	assert_int_equal(a.zone, 0);	/* global address: the scope id means nothing */
	assert_memory_equal(a.ip, &in6.sin6_addr, 16);
	check_text(&a, "[2001:db8::1]:65535");

	memset(&ss, 0xee, sizeof(ss));
	assert_int_equal(uet_addr_to_sockaddr(&a, &ss), sizeof(in6));
	in6.sin6_flowinfo = 0;
	in6.sin6_scope_id = 0;
	assert_memory_equal(&ss, &in6, sizeof(in6));
}

static void link_local_keeps_its_scope(void **state)
{
	struct sockaddr_in6 in6 = v6("fe80::1", 1, 2);
	struct sockaddr_storage ss;
	struct uet_addr a = from(&in6, sizeof(in6)), b;

	(void)state;
	assert_int_equal(a.zone, 2);
	check_text(&a, "[fe80::1%2]:1");
	assert_int_equal(uet_addr_to_sockaddr(&a, &ss), sizeof(in6));
	assert_memory_equal(&ss, &in6, sizeof(in6));

	in6.sin6_scope_id = 3;	/* the same digits on another link are another host */
	b = from(&in6, sizeof(in6));
	assert_false(uet_addr_equal(&a, &b));
	assert_false(uet_addr_same_host(&a, &b));
}

static void errors_leave_the_result_alone(void **state)
{
	struct sockaddr_in in = v4("192.0.2.1", 1);
	struct sockaddr_in6 in6 = v6("::1", 1, 0);
	struct sockaddr_storage un = { .ss_family = AF_UNIX }, ss;
	struct uet_addr a, before;

	(void)state;
	memset(&a, 0xee, sizeof(a));
	before = a;
	for (size_t len = 0; len < sizeof(in); len++) {
		/* Exactly len bytes, so that a sanitizer sees any read beyond. */
		void *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, &in, len);
		assert_int_equal(uet_addr_from_sockaddr(&a, copy, len), -EINVAL);
		free(copy);
	}
	for (size_t len = 0; len < sizeof(in6); len++)
		assert_int_equal(uet_addr_from_sockaddr(&a, (struct sockaddr *)&in6, len), -EINVAL);
	assert_int_equal(uet_addr_from_sockaddr(&a, NULL, 0), -EINVAL);
	assert_int_equal(uet_addr_from_sockaddr(&a, (struct sockaddr *)&un, sizeof(un)), -EINVAL);
	un.ss_family = AF_UNSPEC;
	assert_int_equal(uet_addr_from_sockaddr(&a, (struct sockaddr *)&un, sizeof(un)), -EINVAL);
	assert_memory_equal(&a, &before, sizeof(a));

	a = (struct uet_addr){ .family = AF_IB };
	assert_int_equal(uet_addr_to_sockaddr(&a, &ss), 0);
	a.family = 0;
	assert_int_equal(uet_addr_to_sockaddr(&a, &ss), 0);
}

static void unaligned_and_oversized_input(void **state)
{
	struct sockaddr_in6 in6 = v6("::1", 7, 0);
	char raw[1 + sizeof(in6) + 100] = { 0 };
	struct uet_addr a, b = from(&in6, sizeof(in6));

	(void)state;
	memcpy(raw + 1, &in6, sizeof(in6));
	a = from(raw + 1, sizeof(raw) - 1);
	assert_true(uet_addr_equal(&a, &b));
}

static void text_is_always_terminated(void **state)
{
	struct uet_addr a = { .family = AF_INET6, .port = UINT32_MAX, .zone = UINT32_MAX };
	char full[UET_ADDR_STRLEN], cut[UET_ADDR_STRLEN + 1];

	(void)state;
	memset(a.ip, 0xff, sizeof(a.ip));
	check_text(&a, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:4294967295");
	uet_addr_str(&a, full, sizeof(full));
	for (size_t len = 1; len <= sizeof(full); len++) {
		memset(cut, 0x7f, sizeof(cut));
		uet_addr_str(&a, cut, len);
		assert_true(memchr(cut, 0, len) != NULL);
		assert_memory_equal(cut, full, strlen(cut));
		assert_int_equal(cut[len], 0x7f);
	}
	memset(cut, 0x7f, sizeof(cut));
	uet_addr_str(&a, cut, 0);
	assert_int_equal(cut[0], 0x7f);
}

static void text_of_other_families(void **state)
{
	struct uet_addr a = { .family = AF_IB, .port = 17, .zone = 0x11111111 };

	(void)state;
	a.ip[0] = 0xfe;
	a.ip[1] = 0x80;
	a.ip[15] = 1;
	check_text(&a, "ib[fe80::1]:17");	/* without the Q-key */
	a.family = 0;
	check_text(&a, "none");
	a.family = 12345;
	check_text(&a, "family 12345");
}

static void comparisons(void **state)
{
	struct sockaddr_in x = v4("10.0.0.1", 1), y = v4("10.0.0.1", 2), z = v4("10.0.0.2", 1);
	struct uet_addr a = from(&x, sizeof(x)), b = from(&y, sizeof(y)), c = from(&z, sizeof(z));

	(void)state;
	assert_true(uet_addr_equal(&a, &a));
	assert_false(uet_addr_equal(&a, &b));
	assert_true(uet_addr_same_host(&a, &b));
	assert_false(uet_addr_same_host(&a, &c));
	assert_int_equal(sizeof(struct uet_addr), 28);
}

static void any(void **state)
{
	struct sockaddr_in z4 = v4("0.0.0.0", 5), one = v4("0.0.0.1", 5);
	struct sockaddr_in6 z6 = v6("::", 5, 0), six = v6("::1", 5, 0);
	struct uet_addr a, none = { .family = 0 };

	(void)state;
	a = from(&z4, sizeof(z4));
	assert_true(uet_addr_is_any(&a));
	a = from(&z6, sizeof(z6));
	assert_true(uet_addr_is_any(&a));
	a = from(&one, sizeof(one));
	assert_false(uet_addr_is_any(&a));
	a = from(&six, sizeof(six));
	assert_false(uet_addr_is_any(&a));
	assert_false(uet_addr_is_any(&none));	/* no address is not every address */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(link_local_keeps_its_scope),
		cmocka_unit_test(errors_leave_the_result_alone),
		cmocka_unit_test(unaligned_and_oversized_input),
		cmocka_unit_test(text_is_always_terminated),
		cmocka_unit_test(text_of_other_families),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
