/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Address formats: reading, writing, round trips, rubbish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <rdma/fi_ext_uet.h>

#include "ofi/attr.h"

static struct uet_addr addr(const char *ip, uint32_t port)
{
	struct uet_addr a = { .family = strchr(ip, ':') ? AF_INET6 : AF_INET, .port = port };

	assert_int_equal(inet_pton((int)a.family, ip, a.ip), 1);
	return a;
}

static struct uet_name plain(const char *ip, uint32_t port)
{
	struct uet_addr a = addr(ip, port);
	struct uet_name n;

	uet_name_from_addr(&n, &a);
	return n;
}

static void assert_same(const struct uet_name *a, const struct uet_name *b)
{
	assert_true(uet_addr_equal(&a->addr, &b->addr));
	assert_int_equal(a->pid_on_fep, b->pid_on_fep);
	assert_int_equal(a->resource_index, b->resource_index);
	assert_int_equal(a->num_indices, b->num_indices);
	assert_int_equal(a->initiator, b->initiator);
	assert_int_equal(a->relative, b->relative);
}

static void derived_names(void **state)
{
	static const struct {
		uint32_t port;
		uint16_t pid;
	} cases[] = {
		{ 4793, 0 }, { 4794, 1 }, { 4793 + 4095, 4095 }, { 4793 + 4096, 0 },
		{ 4792, 4095 }, { 65535, (65535 - 4793) % 4096 },
		{ 1, (1 - 4793 + 8192) % 4096 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_name n = plain("192.0.2.1", cases[i].port);

		assert_int_equal(n.pid_on_fep, cases[i].pid);
		assert_int_equal(n.initiator, cases[i].port);
		assert_int_equal(n.resource_index, 1);
		assert_int_equal(n.num_indices, 1);
		assert_true(n.relative);
	}
}

static const uint32_t formats[] = {
	FI_FORMAT_UNSPEC, FI_SOCKADDR, FI_SOCKADDR_IN, FI_SOCKADDR_IN6, FI_ADDR_STR, FI_ADDR_UET,
};

static bool takes(uint32_t format, uint32_t family)
{
	return !(format == FI_SOCKADDR_IN && family == AF_INET6) &&
	       !(format == FI_SOCKADDR_IN6 && family == AF_INET);
}

static void round_trips(void **state)
{
	const struct uet_name names[] = {
		plain("192.0.2.1", 4793), plain("127.0.0.1", 1), plain("10.255.255.254", 65535),
		plain("2001:db8::1", 4800), plain("::1", 4793),
	};
	size_t i, f;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(names); i++) {
		for (f = 0; f < UET_ARRAY_SIZE(formats); f++) {
			uint32_t family = names[i].addr.family;
			char buf[UET_NAME_STRLEN + 1];
			size_t len = sizeof(buf) - 1;
			struct uet_name got;

			/* At an odd address: applications pack these into messages. */
			if (!takes(formats[f], family)) {
				assert_int_equal(uet_name_write(&names[i], formats[f], buf + 1,
								&len), -FI_EINVAL);
				continue;
			}
			assert_int_equal(uet_name_write(&names[i], formats[f], buf + 1, &len), 0);
			assert_true(len <= uet_name_size(formats[f], family));
			assert_true(len <= 64);
			assert_int_equal(uet_name_read(&got, formats[f], buf + 1, len), 0);
			assert_same(&got, &names[i]);
		}
	}
}

static void wrong_family(void **state)
{
	const struct uet_name v4 = plain("192.0.2.1", 4793), v6 = plain("2001:db8::1", 4793);
	struct uet_name got;
	char buf[64];
	size_t len = sizeof(buf);

	(void)state;
	assert_int_equal(uet_name_write(&v4, FI_SOCKADDR, buf, &len), 0);
	assert_int_equal(uet_name_read(&got, FI_SOCKADDR_IN6, buf, len), -FI_EINVAL);
	len = sizeof(buf);
	assert_int_equal(uet_name_write(&v6, FI_SOCKADDR, buf, &len), 0);
	assert_int_equal(uet_name_read(&got, FI_SOCKADDR_IN, buf, len), -FI_EINVAL);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(uet_name_read(&got, FI_SOCKADDR, buf, sizeof(buf)), -FI_EINVAL);
}

static void short_buffers(void **state)
{
	const struct uet_name n = plain("2001:db8::1", 4793);
	size_t f, room, len, full;
	char buf[UET_NAME_STRLEN], whole[UET_NAME_STRLEN];
	struct uet_name got;

	(void)state;
	for (f = 0; f < UET_ARRAY_SIZE(formats); f++) {
		if (!takes(formats[f], AF_INET6))
			continue;
		full = sizeof(whole);
		assert_int_equal(uet_name_write(&n, formats[f], whole, &full), 0);
		for (room = 0; room < full; room++) {
			memset(buf, 0x5a, sizeof(buf));
			len = room;
			assert_int_equal(uet_name_write(&n, formats[f], room ? buf : NULL, &len),
					 -FI_ETOOSMALL);
			assert_int_equal(len, full);
			assert_memory_equal(buf, whole, room);
			assert_int_equal(buf[room], 0x5a);
			if (formats[f] != FI_ADDR_STR)
				assert_int_equal(uet_name_read(&got, formats[f], whole, room),
						 -FI_EINVAL);
		}
	}
}

static void ports_and_any(void **state)
{
	const struct {
		struct uet_name name;
		int peer;
	} cases[] = {
		{ plain("192.0.2.1", 0), -FI_EINVAL },
		{ plain("0.0.0.0", 4793), -FI_EINVAL },
		{ plain("::", 4793), -FI_EINVAL },
		{ plain("0.0.0.0", 0), -FI_EINVAL },
		{ plain("192.0.2.1", 4793), 0 },
	};
	size_t i, f;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		for (f = 0; f < UET_ARRAY_SIZE(formats); f++) {
			struct uet_name got;
			char buf[UET_NAME_STRLEN];
			size_t len = sizeof(buf);

			if (!takes(formats[f], cases[i].name.addr.family))
				continue;
			assert_int_equal(uet_name_write(&cases[i].name, formats[f], buf, &len), 0);
			assert_int_equal(uet_name_read(&got, formats[f], buf, len), cases[i].peer);
			assert_int_equal(uet_name_read_local(&got, formats[f], buf, len), 0);
			assert_same(&got, &cases[i].name);
		}
	}
	assert_int_equal(uet_name_read_local(&(struct uet_name){ 0 }, FI_SOCKADDR, NULL, 16),
			 -FI_EINVAL);
}

/* An endpoint of another implementation: only the forms with room for it can say it. */
static void foreign_names(void **state)
{
	struct uet_name n = plain("2001:db8::1", 4793), got;
	char buf[UET_NAME_STRLEN];
	size_t len = sizeof(buf);

	(void)state;
	n.pid_on_fep = 0x123;
	n.resource_index = 15;
	n.initiator = 0xcafe0001;
	n.relative = false;
	assert_int_equal(uet_name_write(&n, FI_SOCKADDR_IN6, buf, &len), -FI_EINVAL);
	len = sizeof(buf);
	assert_int_equal(uet_name_write(&n, FI_ADDR_STR, buf, &len), 0);
	assert_string_equal(buf, "uet://[2001:db8::1]:4793/291/15/3405643777?abs");
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, buf, len), 0);
	assert_same(&got, &n);
	n.num_indices = 4;
	len = sizeof(buf);
	assert_int_equal(uet_name_write(&n, FI_ADDR_UET, buf, &len), 0);
	assert_int_equal(len, 32);
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, len), 0);
	assert_same(&got, &n);
}

static void bytes_of_the_uet_form(void **state)
{
	static const uint8_t v4[32] = {
		0, 0x1e, 0, 0, 0x00, 0x07, 0x00, 0x01, 0x00, 0x01, 0x12, 0xc0,
		0, 0, 0x12, 0xc0, 192, 0, 2, 1,
	};
	struct uet_name n = plain("192.0.2.1", 4800), got;
	uint8_t buf[32];
	size_t len = sizeof(buf);

	(void)state;
	assert_int_equal(uet_name_write(&n, FI_ADDR_UET, buf, &len), 0);
	assert_memory_equal(buf, v4, 32);

	/* Version 1 has the same layout; version 2 is not known. */
	buf[0] = 1;
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, 32), 0);
	buf[0] = 2;
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, 32), -FI_EINVAL);
	buf[0] = 0;
	/* Without an address nobody is named. */
	buf[1] &= (uint8_t)~FI_UET_ADDR_FA_VALID;
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, 32), -FI_EINVAL);
	buf[1] |= FI_UET_ADDR_FA_VALID;
	/* Port 0 is the standard's. Upper bits of 12-bit fields are not looked at. */
	buf[10] = buf[11] = 0;
	buf[4] = 0xf1;
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, 32), 0);
	assert_int_equal(got.addr.port, 4793);
	assert_int_equal(got.pid_on_fep, 0x107);
	/* What is not valid is derived. */
	buf[1] = FI_UET_ADDR_FA_VALID;
	buf[10] = 0x12;
	buf[11] = 0xba;
	assert_int_equal(uet_name_read(&got, FI_ADDR_UET, buf, 32), 0);
	n = plain("192.0.2.1", 4794);
	assert_same(&got, &n);
}

static void link_local(void **state)
{
	struct uet_name n = plain("fe80::1", 4793), got;
	char buf[UET_NAME_STRLEN];
	size_t len = sizeof(buf);

	(void)state;
	n.addr.zone = 1;
	assert_int_equal(uet_name_write(&n, FI_ADDR_UET, buf, &len), -FI_EINVAL);
	len = sizeof(buf);
	assert_int_equal(uet_name_write(&n, FI_ADDR_STR, buf, &len), 0);
	assert_string_equal(buf, "fi_sockaddr_in6://[fe80::1%1]:4793");
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, buf, len), 0);
	assert_same(&got, &n);
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, "fi_sockaddr://[fe80::1%lo]:4793", 0), 0);
	assert_int_equal(got.addr.zone, 1);
	/* Only link-local addresses have a zone. */
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, "uet://[2001:db8::1%lo]:4793", 0), 0);
	assert_int_equal(got.addr.zone, 0);
}

static void text(void **state)
{
	static const struct {
		const char *text;
		int ret;
		const char *ip;
		uint32_t port;
	} cases[] = {
		{ "fi_sockaddr://192.0.2.1:7471", 0, "192.0.2.1", 7471 },
		{ "fi_sockaddr_in://192.0.2.1:7471", 0, "192.0.2.1", 7471 },
		{ "fi_sockaddr_in6://[2001:db8::6:12]:7471", 0, "2001:db8::6:12", 7471 },
		{ "fi_sockaddr://[2001:db8::6:12]:7471", 0, "2001:db8::6:12", 7471 },
		{ "uet://192.0.2.1:4800", 0, "192.0.2.1", 4800 },
		{ "uet://192.0.2.1", 0, "192.0.2.1", 4793 },
		{ "fi_addr_uet://192.0.2.1:4793/0/1/4793", 0, "192.0.2.1", 4793 },
		{ "fi_sockaddr_in://[2001:db8::1]:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr_in6://192.0.2.1:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:0", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:65536", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:-1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1: 1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:1x", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:99999999999999999999", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1:1/0/1/1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.256:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://192.0.2.1.1.1.1.1.1.1.1:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[2001:db8::1:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[]:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[fe80::1%]:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[fe80::1%nosuchif]:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[fe80::1%1x]:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr://[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1",
		  -FI_EINVAL, NULL, 0 },
		{ "uet://192.0.2.1:1/4096/1/1", -FI_EINVAL, NULL, 0 },
		{ "uet://192.0.2.1:1/1/4096/1", -FI_EINVAL, NULL, 0 },
		{ "uet://192.0.2.1:1/1/1/4294967296", -FI_EINVAL, NULL, 0 },
		{ "uet://192.0.2.1:1/1/1", -FI_EINVAL, NULL, 0 },
		{ "uet://192.0.2.1:1/1/1/1?rel", -FI_EINVAL, NULL, 0 },
		{ "uet://host:1", -FI_EINVAL, NULL, 0 },
		{ "fi_sockaddr_ib://192.0.2.1:1", -FI_EINVAL, NULL, 0 },
		{ "192.0.2.1:4793", -FI_EINVAL, NULL, 0 },
		{ "", -FI_EINVAL, NULL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct uet_name got, want;

		assert_int_equal(uet_name_read(&got, FI_ADDR_STR, cases[i].text, 0),
				 cases[i].ret);
		assert_int_equal(uet_name_read(&got, FI_ADDR_STR, cases[i].text,
					       strlen(cases[i].text) + 1), cases[i].ret);
		if (cases[i].ret)
			continue;
		want = plain(cases[i].ip, cases[i].port);
		assert_same(&got, &want);
	}
}

/* The length given bounds what is read, with or without a final NUL. */
static void text_without_nul(void **state)
{
	static const char text_in[] = "fi_sockaddr://192.0.2.1:4793";
	size_t len = sizeof(text_in) - 1;
	char *exact = malloc(len);
	char *long_text = malloc(300);
	struct uet_name got;

	(void)state;
	memcpy(exact, text_in, len);
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, exact, len), 0);
	assert_int_equal(got.addr.port, 4793);
	free(exact);
	memset(long_text, '1', 300);
	memcpy(long_text, "uet://", 6);
	assert_int_equal(uet_name_read(&got, FI_ADDR_STR, long_text, 300), -FI_EINVAL);
	free(long_text);
}

static void unknown_formats(void **state)
{
	static const uint32_t unknown[] = { FI_SOCKADDR_IB, FI_ADDR_EFA, 0x80000001, 0xffffffff };
	const struct uet_name n = plain("192.0.2.1", 4793);
	struct uet_name got;
	char buf[64];
	size_t i, len;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(unknown); i++) {
		len = sizeof(buf);
		assert_int_equal(uet_name_write(&n, unknown[i], buf, &len), -FI_EINVAL);
		memset(buf, 0, sizeof(buf));
		assert_int_equal(uet_name_read(&got, unknown[i], buf, sizeof(buf)), -FI_EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived_names),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(wrong_family),
		cmocka_unit_test(short_buffers),
		cmocka_unit_test(ports_and_any),
		cmocka_unit_test(foreign_names),
		cmocka_unit_test(bytes_of_the_uet_form),
		cmocka_unit_test(link_local),
		cmocka_unit_test(text),
		cmocka_unit_test(text_without_nul),
		cmocka_unit_test(unknown_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
