/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Insertion into address vectors by name: fi_av_insertsvc, fi_av_insertsym. */
#include "test_ofi_av.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>

/*
 * Names "nodeN" resolve to 10.9.0.N without asking anybody; everything else is left to the C
 * library.
 */
static char own_result[] = "own";

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct {
		struct addrinfo ai;
		struct sockaddr_in sin;
	} *own;
	unsigned int n;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!node || sscanf(node, "node%u", &n) != 1)
		return real(node, service, hints, res);
	if (hints->ai_flags & AI_NUMERICHOST || n > 255 || hints->ai_family == AF_INET6)
		return EAI_NONAME;
	own = calloc(1, sizeof(*own));
	own->sin.sin_family = AF_INET;
	own->sin.sin_addr.s_addr = htonl(0x0a090000 + n);
	own->sin.sin_port = htons(service ? (uint16_t)atoi(service) : 0);
	own->ai.ai_addr = (struct sockaddr *)&own->sin;
	own->ai.ai_addrlen = sizeof(own->sin);
	own->ai.ai_canonname = own_result;
	*res = &own->ai;
	return 0;
}

void freeaddrinfo(struct addrinfo *res)
{
	void (*real)(struct addrinfo *);

	*(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
	if (res->ai_canonname == own_result)
		free(res);
	else
		real(res);
}

static void test_insertsvc(void **state)
{
	static const struct {
		const char *node, *service;
		int ret;
		uint32_t ip;
		uint16_t port;
	} cases[] = {
		{ "10.1.2.3", "5000", 1, 0x0a010203, 5000 },
		{ "node7", "5001", 1, 0x0a090007, 5001 },
		{ "fi_sockaddr_in://10.0.0.9:77", NULL, 1, 0x0a000009, 77 },
		{ "10.1.2.3", "0", -FI_EINVAL, 0, 0 },
		{ "10.1.2.3", "70000", -FI_EINVAL, 0, 0 },
		{ "10.1.2.3", "", -FI_EINVAL, 0, 0 },
		{ "10.1.2.3", NULL, -FI_EINVAL, 0, 0 },
		{ "node999", "5000", -FI_EINVAL, 0, 0 },
		{ "::1", "5000", -FI_EINVAL, 0, 0 },
		{ "0.0.0.0", "5000", -FI_EINVAL, 0, 0 },
		{ "", "5000", -FI_EINVAL, 0, 0 },
		{ NULL, "5000", -FI_EINVAL, 0, 0 },
	};
	struct fid_av *av = open_av(*state, 0);
	fi_addr_t addr, next = 0;
	int error = 77;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		addr = 99;
		assert_int_equal(fi_av_insertsvc(av, cases[i].node, cases[i].service, &addr, 0,
						 NULL), cases[i].ret);
		if (cases[i].ret != 1)
			continue;
		assert_int_equal(addr, next++);
		check_lookup(av, addr, cases[i].ip, cases[i].port);
	}
	/* With an array for the error the count says 0. */
	assert_int_equal(fi_av_insertsvc(av, "10.1.2.3", "0", &addr, FI_SYNC_ERR, &error), 0);
	assert_int_equal(error, FI_EINVAL);
	assert_int_equal(addr, FI_ADDR_NOTAVAIL);
	close_av(av);
}

static void test_insertsym(void **state)
{
	static const struct {
		const char *node;
		size_t nodecnt;
		const char *service;
		size_t svccnt;
		int ret;
		uint32_t last_ip;	/* of the last entry, if all came in */
		uint16_t last_port;
	} cases[] = {
		{ "10.1.1.1", 2, "5000", 2, 4, 0x0a010102, 5001 },
		{ "10.0.0.1", 4, "5000", 3, 12, 0x0a000004, 5002 },
		{ "10.0.0.254", 4, "5000", 1, 4, 0x0a000101, 5000 },
		{ "node9", 3, "5000", 2, 6, 0x0a09000b, 5001 },
		{ "node098", 3, "5000", 1, 3, 0x0a090064, 5000 },
		{ "10.0.0.1", 0, "5000", 3, 0, 0, 0 },
		{ "10.0.0.1", 3, "5000", 0, 0, 0, 0 },
		/* What is beyond the end of the range fails alone. */
		{ "10.0.0.1", 1, "65534", 4, 2, 0, 0 },
		{ "255.255.255.254", 4, "5000", 1, 2, 0, 0 },
		{ "node254", 4, "5000", 1, 2, 0, 0 },
		{ "10.0.0.1", 1, "0", 1, -FI_EINVAL, 0, 0 },
		{ "10.0.0.1", 1, "x-no-such", 1, -FI_EINVAL, 0, 0 },
		{ "", 1, "5000", 1, -FI_EINVAL, 0, 0 },
		{ "node", 2, "5000", 1, -FI_EINVAL, 0, 0 },
		{ "node12345678901234567890", 2, "5000", 1, -FI_EINVAL, 0, 0 },
		{ "10.0.0.1", SIZE_MAX, "5000", 2, -FI_EINVAL, 0, 0 },
		{ "10.0.0.1", 1u << 20, "5000", 1u << 20, -FI_EINVAL, 0, 0 },
	};
	struct fid_av *av;
	fi_addr_t addr[16];
	size_t i, n, j;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		av = open_av(*state, 0);
		assert_int_equal(fi_av_insertsym(av, cases[i].node, cases[i].nodecnt,
						 cases[i].service, cases[i].svccnt, addr, 0,
						 NULL), cases[i].ret);
		n = cases[i].nodecnt * cases[i].svccnt;
		if (cases[i].ret > 0 && (size_t)cases[i].ret == n) {
			for (j = 0; j < n; j++)
				assert_int_equal(addr[j], j);
			check_lookup(av, n - 1, cases[i].last_ip, cases[i].last_port);
		}
		close_av(av);
	}
	/* Node-major. */
	av = open_av(*state, 0);
	assert_int_equal(fi_av_insertsym(av, "10.1.1.1", 2, "5000", 2, NULL, 0, NULL), 4);
	check_lookup(av, 1, 0x0a010101, 5001);
	check_lookup(av, 2, 0x0a010102, 5000);
	close_av(av);
}

static void test_insertsym_ipv6(void **state)
{
	struct fake *f = *state;
	struct sockaddr_in6 got;
	size_t len = sizeof(got);
	struct fid_av *av;
	char text[INET6_ADDRSTRLEN];

	f->info.addr_format = FI_SOCKADDR_IN6;
	av = open_av(f, 0);
	assert_int_equal(fi_av_insertsym(av, "2001:db8::ffff", 2, "5000", 1, NULL, 0, NULL), 2);
	assert_int_equal(fi_av_lookup(av, 1, &got, &len), 0);
	assert_string_equal(inet_ntop(AF_INET6, &got.sin6_addr, text, sizeof(text)),
			    "2001:db8::1:0");
	close_av(av);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_insertsvc),
		FAKE_TEST(test_insertsym),
		FAKE_TEST(test_insertsym_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
