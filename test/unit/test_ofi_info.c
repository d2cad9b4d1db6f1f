/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* fi_getinfo: which candidates, in which order, with which addresses; consumers' hints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/info.h"
#include "ofi/registry.h"
#include "test_ofi_fake.h"

#define API FI_VERSION(1, 17)

/* True if the reliable endpoints of an answer end here: after them come datagrams only. */
static bool is_dgram(const struct fi_info *info)
{
	if (info->ep_attr->type != FI_EP_DGRAM)
		return false;
	for (; info; info = info->next)
		assert_int_equal(info->ep_attr->type, FI_EP_DGRAM);
	return true;
}

/* What the answer says, as text: "eth0 192.0.2.10:0" or "... > 192.0.2.1:5", "; " between. */
static void describe(const struct fi_info *info, char *buf, size_t len)
{
	char text[UET_ADDR_STRLEN];
	struct uet_name name;
	size_t used = 0;

	buf[0] = '\0';
	for (; info && !is_dgram(info); info = info->next) {
		assert_int_equal(uet_name_read_local(&name, info->addr_format, info->src_addr,
						     info->src_addrlen), 0);
		used += (size_t)snprintf(buf + used, len - used, "%s%s %s", used ? "; " : "",
					 info->domain_attr->name,
					 uet_addr_str(&name.addr, text, sizeof(text)));
		if (!info->dest_addr)
			continue;
		assert_int_equal(uet_name_read_local(&name, info->addr_format, info->dest_addr,
						     info->dest_addrlen), 0);
		used += (size_t)snprintf(buf + used, len - used, " > %s",
					 uet_addr_str(&name.addr, text, sizeof(text)));
	}
}

static const char everything[] =
	"eth0 192.0.2.10:0; eth0 [2001:db8::10]:0; eth0 [fe80::10%2]:0; eth1 203.0.113.10:0; "
	"bond0 [2001:db8:1::10]:0; lo 127.0.0.1:0; lo [::1]:0; docker0 192.0.2.130:0; "
	"eth2 203.0.113.130:0";

static void no_hints(void **state)
{
	static const uint32_t versions[] = { 0, FI_VERSION(1, 4), FI_VERSION(1, 5), API };
	struct fi_info *info, *i;
	char text[2048];
	size_t v;

	(void)state;
	for (v = 0; v < UET_ARRAY_SIZE(versions); v++) {
		assert_int_equal(uet_getinfo(versions[v], NULL, NULL, 0, NULL, &info), 0);
		describe(info, text, sizeof(text));
		assert_string_equal(text, everything);
		for (i = info; i; i = i->next) {
			assert_null(i->fabric_attr->prov_name);
			assert_string_equal(i->fabric_attr->name, "UET");
			assert_int_equal(i->fabric_attr->api_version, versions[v]);
			assert_int_equal(i->fabric_attr->prov_version, FI_VERSION(0, 1));
			assert_int_equal(i->domain_attr->mr_mode, v < 2 ? 1 : 0);
			assert_int_equal(i->addr_format, i->src_addrlen == 16 ? FI_SOCKADDR_IN :
									     FI_SOCKADDR_IN6);
		}
		fi_freeinfo(info);
	}
}

/* Hardware that works is shown; what is not hardware, or down, is not dealt out. */
static void nics(void **state)
{
	struct fi_info *info, *i;
	const char *name;
	bool want;

	(void)state;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), 0);
	for (i = info; i; i = i->next) {
		name = i->domain_attr->name;
		want = !strcmp(name, "eth0") || !strcmp(name, "eth1") || !strcmp(name, "bond0");
		assert_int_equal(i->nic != NULL, want);
		if (want)
			assert_string_equal(i->nic->device_attr->name, name);
	}
	fi_freeinfo(info);
}

#define LOCALHOST_SRC "lo 127.0.0.1:77; lo [::1]:77"

static const struct lookup_case {
	const char *node, *service;
	uint64_t flags;
	uint32_t format;
	const char *src, *dst;	/* in the hints, as text */
	const char *domain;
	const char *want;	/* NULL: -FI_ENODATA */
} lookups[] = {
	/* Local node and service. */
	{ "192.0.2.10", "77", FI_SOURCE, 0, NULL, NULL, NULL, "eth0 192.0.2.10:77" },
	{ "192.0.2.10", NULL, FI_SOURCE, 0, NULL, NULL, NULL, "eth0 192.0.2.10:0" },
	{ "127.0.0.1", "77", FI_SOURCE | FI_NUMERICHOST, 0, NULL, NULL, NULL,
	  "lo 127.0.0.1:77" },
	{ "2001:db8::10", "77", FI_SOURCE, 0, NULL, NULL, NULL, "eth0 [2001:db8::10]:77" },
	{ "0.0.0.0", "77", FI_SOURCE, 0, NULL, NULL, "eth0", "eth0 192.0.2.10:77" },
	{ NULL, "77", FI_SOURCE, 0, NULL, NULL, NULL,
	  "eth0 192.0.2.10:77; eth1 203.0.113.10:77; lo 127.0.0.1:77; docker0 192.0.2.130:77; "
	  "eth2 203.0.113.130:77; eth0 [2001:db8::10]:77; eth0 [fe80::10%2]:77; "
	  "bond0 [2001:db8:1::10]:77; lo [::1]:77" },
	{ NULL, "77", FI_SOURCE, FI_SOCKADDR_IN, NULL, NULL, "eth0", "eth0 192.0.2.10:77" },
	{ "192.0.2.99", "77", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "192.0.2.20", "77", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "192.0.2.10", "77", FI_SOURCE, FI_SOCKADDR_IN6, NULL, NULL, NULL, NULL },
	{ "192.0.2.10", "77", FI_SOURCE, 0, NULL, NULL, "eth1", NULL },
	{ "eth0", "77", FI_SOURCE | FI_NUMERICHOST, 0, NULL, NULL, NULL, NULL },
	{ "192.0.2.10", "65536", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "192.0.2.10", "99999999999999999999", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "192.0.2.10", "-1", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "fi_sockaddr://192.0.2.10:77", NULL, FI_SOURCE, 0, NULL, NULL, NULL,
	  "eth0 192.0.2.10:77" },
	{ "uet://192.0.2.10:77", NULL, FI_SOURCE, 0, NULL, NULL, NULL, "eth0 192.0.2.10:77" },
	{ "fi_sockaddr://192.0.2.10:77", "78", FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	{ "ib://192.0.2.10:77", NULL, FI_SOURCE, 0, NULL, NULL, NULL, NULL },
	/* The local node, and whom to reach from the hints. */
	{ "192.0.2.10", "77", FI_SOURCE, 0, NULL, "fi_sockaddr://192.0.2.1:5", NULL,
	  "eth0 192.0.2.10:77 > 192.0.2.1:5" },
	{ "192.0.2.10", "77", FI_SOURCE, 0, "fi_sockaddr://203.0.113.10:1",
	  "fi_sockaddr://192.0.2.1:5", NULL, "eth0 192.0.2.10:77 > 192.0.2.1:5" },
	{ "192.0.2.10", "77", FI_SOURCE, 0, NULL, "fi_sockaddr://[::1]:5", NULL, NULL },

	/* A remote node: the routing table names the best port, others may do. */
	{ "203.0.113.1", "5", 0, 0, NULL, NULL, NULL,
	  "eth1 203.0.113.10:0 > 203.0.113.1:5; eth0 192.0.2.10:0 > 203.0.113.1:5; "
	  "docker0 192.0.2.130:0 > 203.0.113.1:5" },
	{ "203.0.113.1", "5", 0, 0, NULL, NULL, "eth0", "eth0 192.0.2.10:0 > 203.0.113.1:5" },
	{ "203.0.113.1", "5", 0, 0, NULL, NULL, "lo", NULL },
	{ "203.0.113.1", NULL, 0, 0, NULL, NULL, "eth1", "eth1 203.0.113.10:0 > 203.0.113.1:0" },
	{ "127.0.0.1", "5", 0, 0, NULL, NULL, NULL, "lo 127.0.0.1:0 > 127.0.0.1:5" },
	{ "127.0.0.9", "5", 0, 0, NULL, NULL, NULL, "lo 127.0.0.1:0 > 127.0.0.9:5" },
	{ "::1", "5", 0, 0, NULL, NULL, NULL, "lo [::1]:0 > [::1]:5" },
	{ "2001:db8:1::1", "5", 0, FI_SOCKADDR_IN6, NULL, NULL, "bond0",
	  "bond0 [2001:db8:1::10]:0 > [2001:db8:1::1]:5" },
	{ "fe80::1%2", "5", 0, 0, NULL, NULL, NULL,
	  "eth0 [fe80::10%2]:0 > [fe80::1%2]:5; eth0 [2001:db8::10]:0 > [fe80::1%2]:5" },
	{ "127.0.0.1", "5", 0, FI_SOCKADDR_IN6, NULL, NULL, NULL, NULL },
	{ "0.0.0.0", "5", 0, 0, NULL, NULL, NULL, NULL },
	{ FAKE_NO_ROUTE, "5", 0, 0, NULL, NULL, NULL, NULL },
	{ NULL, "5", 0, FI_SOCKADDR_IN, NULL, NULL, NULL, "lo 127.0.0.1:0 > 127.0.0.1:5" },
	{ "uet://192.0.2.1:5/9/15/1", NULL, 0, FI_ADDR_UET, NULL, NULL, "eth0",
	  "eth0 192.0.2.10:0 > 192.0.2.1:5" },
	/* The same with a local address in the hints. */
	{ "203.0.113.1", "5", 0, 0, "fi_sockaddr://192.0.2.10:6", NULL, NULL,
	  "eth0 192.0.2.10:6 > 203.0.113.1:5" },
	{ "203.0.113.1", "5", 0, 0, "fi_sockaddr://[::1]:6", NULL, NULL, NULL },
	{ "203.0.113.1", "5", 0, 0, "fi_sockaddr://192.0.2.10:6", "fi_sockaddr://[::1]:9", NULL,
	  "eth0 192.0.2.10:6 > 203.0.113.1:5" },

	/* Hints alone. */
	{ NULL, NULL, 0, 0, "fi_sockaddr://203.0.113.10:8", NULL, NULL, "eth1 203.0.113.10:8" },
	{ NULL, NULL, 0, 0, "fi_sockaddr://[fe80::10%2]:8", NULL, NULL, "eth0 [fe80::10%2]:8" },
	{ NULL, NULL, 0, 0, "fi_sockaddr://[fe80::10]:8", NULL, NULL, "eth0 [fe80::10%2]:8" },
	{ NULL, NULL, 0, 0, "fi_sockaddr://[fe80::10%3]:8", NULL, NULL, NULL },
	{ NULL, NULL, 0, 0, "fi_sockaddr://198.51.100.1:8", NULL, NULL, NULL },
	{ NULL, NULL, 0, FI_SOCKADDR_IN6, "fi_sockaddr://203.0.113.10:8", NULL, NULL, NULL },
	{ NULL, NULL, 0, 0, NULL, "fi_sockaddr://127.0.0.1:9", NULL,
	  "lo 127.0.0.1:0 > 127.0.0.1:9" },
	{ NULL, NULL, 0, 0, "fi_sockaddr://127.0.0.1:8", "fi_sockaddr://127.0.0.1:9", NULL,
	  "lo 127.0.0.1:8 > 127.0.0.1:9" },
	{ NULL, NULL, 0, 0, NULL, "fi_sockaddr://0.0.0.0:9", NULL, NULL },
	{ NULL, NULL, 0, FI_ADDR_STR, "fi_sockaddr://127.0.0.1:8", "uet://127.0.0.1:9/1/2/3",
	  NULL, "lo 127.0.0.1:8 > 127.0.0.1:9" },
	{ NULL, NULL, 0, FI_ADDR_STR, NULL, NULL, "bond0", "bond0 [2001:db8:1::10]:0" },
	{ NULL, NULL, 0, FI_ADDR_UET, NULL, NULL, "eth0",
	  "eth0 192.0.2.10:0; eth0 [2001:db8::10]:0" },
	{ NULL, NULL, 0, FI_SOCKADDR_IN, NULL, NULL, "eth0", "eth0 192.0.2.10:0" },
	{ NULL, NULL, 0, FI_SOCKADDR_IN6, NULL, NULL, "lo", "lo [::1]:0" },
	{ NULL, NULL, 0, 0, NULL, NULL, "thin0", NULL },
	{ NULL, NULL, 0, 0, NULL, NULL, "docker0", "docker0 192.0.2.130:0" },
	{ NULL, NULL, 0, 0, NULL, NULL, "nosuch", NULL },

	/* Only attributes: addresses are not looked at. */
	{ "nonsense", "65536", FI_PROV_ATTR_ONLY | FI_SOURCE, 0, NULL, NULL, "lo",
	  "lo 127.0.0.1:0; lo [::1]:0" },
	/* Bits that libfabric uses inside, and unknown ones. */
	{ NULL, NULL, 0xfull << 58 | 1ull << 35 | 1, 0, NULL, NULL, "lo",
	  "lo 127.0.0.1:0; lo [::1]:0" },
};

static void hint_addr(uint32_t format, const char *text, void **addr, size_t *len)
{
	struct uet_name name;
	char buf[UET_NAME_STRLEN];

	if (!text)
		return;
	assert_int_equal(uet_name_read_local(&name, FI_ADDR_STR, text, 0), 0);
	*len = sizeof(buf);
	if (uet_name_write(&name, format, buf, len)) {
		/* The wrong family on purpose. */
		*len = sizeof(buf);
		assert_int_equal(uet_name_write(&name, FI_SOCKADDR, buf, len), 0);
	}
	*addr = malloc(*len);
	memcpy(*addr, buf, *len);
}

static void check_lookup(const struct lookup_case *c)
{
	struct fi_info *hints = fi_allocinfo(), *info;
	char text[2048];
	int ret;

	hints->addr_format = c->format;
	hint_addr(c->format, c->src, &hints->src_addr, &hints->src_addrlen);
	hint_addr(c->format, c->dst, &hints->dest_addr, &hints->dest_addrlen);
	if (c->domain)
		hints->domain_attr->name = strdup(c->domain);
	ret = uet_getinfo(API, c->node, c->service, c->flags, hints, &info);
	if (ret != (c->want ? 0 : -FI_ENODATA))
		print_error("case %zu: %d\n", (size_t)(c - lookups), ret);
	assert_int_equal(ret, c->want ? 0 : -FI_ENODATA);
	if (c->want) {
		describe(info, text, sizeof(text));
		assert_string_equal(text, c->want);
		if (c->format > FI_SOCKADDR)
			assert_int_equal(info->addr_format, c->format);
	} else {
		assert_null(info);
	}
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

static void node_and_service(void **state)
{
	struct fi_info *info = (struct fi_info *)1;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(lookups); i++)
		check_lookup(&lookups[i]);
	assert_int_equal(uet_getinfo(API, NULL, NULL, FI_SOURCE, NULL, &info), -FI_EINVAL);
	assert_null(info);
}

/* A name may have addresses of both kinds; IPv4 comes first, here and among the ports. */
static void names(void **state)
{
	struct fi_info *info;
	char text[1024];

	(void)state;
	assert_int_equal(uet_getinfo(API, "localhost", "77", FI_SOURCE, NULL, &info), 0);
	describe(info, text, sizeof(text));
	assert_int_equal(strncmp(text, LOCALHOST_SRC, strlen("lo 127.0.0.1:77")), 0);
	fi_freeinfo(info);
	assert_int_equal(uet_getinfo(API, "localhost", "77", 0, NULL, &info), 0);
	describe(info, text, sizeof(text));
	assert_int_equal(strncmp(text, "lo 127.0.0.1:0 > 127.0.0.1:77", 29), 0);
	fi_freeinfo(info);
	assert_int_equal(uet_getinfo(API, "localhost", "77", FI_NUMERICHOST, NULL, &info),
			 -FI_ENODATA);
}

static void rubbish_addresses(void **state)
{
	static const uint32_t formats[] = {
		0, FI_SOCKADDR, FI_SOCKADDR_IN, FI_SOCKADDR_IN6, FI_ADDR_UET, FI_ADDR_STR,
	};
	struct fi_info *hints = fi_allocinfo(), *info;
	size_t f, len;

	(void)state;
	for (f = 0; f < UET_ARRAY_SIZE(formats); f++) {
		for (len = 1; len <= 64; len++) {
			hints->addr_format = formats[f];
			hints->src_addr = malloc(len);
			hints->src_addrlen = len;
			memset(hints->src_addr, 0xff, len);
			assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info),
					 -FI_ENODATA);
			hints->dest_addr = hints->src_addr;
			hints->dest_addrlen = len;
			hints->src_addr = NULL;
			assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info),
					 -FI_ENODATA);
			free(hints->dest_addr);
			hints->dest_addr = NULL;
		}
	}
	fi_freeinfo(hints);
}

static void two_ways_of_addressing_memory(void **state)
{
	const int virt = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	struct fi_info *hints = fi_allocinfo(), *info, *i;
	size_t n = 0;

	(void)state;
	hints->domain_attr->mr_mode = virt | FI_MR_LOCAL;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	for (i = info; i && !is_dgram(i); i = i->next, n++) {
		assert_int_equal(i->domain_attr->mr_mode, n % 2 ? virt : 0);
		if (n % 2 == 0)
			assert_string_equal(i->domain_attr->name, i->next->domain_attr->name);
	}
	assert_int_equal(n, 2 * FAKE_USABLE);
	fi_freeinfo(info);
	hints->domain_attr->mr_mode = virt | FI_MR_LOCAL | FI_MR_ENDPOINT;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	for (n = 0, i = info; i && !is_dgram(i); i = i->next, n++)
		assert_int_equal(i->domain_attr->mr_mode, 0);
	assert_int_equal(n, FAKE_USABLE);
	fi_freeinfo(info);
	fi_freeinfo(hints);
}

/* ---- datagrams ---- */

/* Number of answers of @type to @hints with @flags. */
static size_t count_type(const struct fi_info *hints, uint64_t flags, enum fi_ep_type type)
{
	struct fi_info *info, *i;
	size_t n = 0;
	int ret = uet_getinfo(API, NULL, NULL, flags, hints, &info);

	assert_true(ret == 0 || ret == -FI_ENODATA);
	for (i = info; i; i = i->next)
		n += i->ep_attr->type == type;
	fi_freeinfo(info);
	return n;
}

static void datagrams(void **state)
{
	const uint64_t layered = 1ull << 59;
	struct fi_info *hints = fi_allocinfo(), *info;

	(void)state;
	assert_int_equal(count_type(NULL, 0, FI_EP_RDM), FAKE_USABLE);
	assert_int_equal(count_type(NULL, 0, FI_EP_DGRAM), FAKE_USABLE);
	assert_int_equal(count_type(hints, 0, FI_EP_DGRAM), FAKE_USABLE);
	assert_int_equal(count_type(hints, layered, FI_EP_DGRAM), 0);
	assert_int_equal(count_type(hints, layered, FI_EP_RDM), FAKE_USABLE);
	hints->caps = FI_TAGGED;
	assert_int_equal(count_type(hints, 0, FI_EP_DGRAM), 0);
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = FI_MSG;
	assert_int_equal(count_type(hints, 0, FI_EP_DGRAM), 0);
	hints->ep_attr->type = FI_EP_DGRAM;
	assert_int_equal(count_type(hints, 0, FI_EP_DGRAM), FAKE_USABLE);
	assert_int_equal(count_type(hints, 0, FI_EP_RDM), 0);
	assert_int_equal(uet_getinfo(API, NULL, NULL, layered, hints, &info), -FI_ENODATA);
	/* Only some ports have packets of that size. */
	hints->ep_attr->max_msg_size = 2048;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	assert_string_equal(info->domain_attr->name, "eth1");
	assert_int_equal(info->ep_attr->max_msg_size, 8192);
	fi_freeinfo(info);
	hints->ep_attr->max_msg_size = 16384;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), -FI_ENODATA);
	fi_freeinfo(hints);
}

/* ---- whatever came back is good to be asked for ---- */

static void feed_back(uint32_t version, const struct fi_info *hints)
{
	struct fi_info *info, *again, *i, *copy;
	char want[256], got[2048];

	assert_int_equal(uet_getinfo(version, NULL, NULL, 0, hints, &info), 0);
	for (i = info; i; i = i->next) {
		copy = fi_dupinfo(i);
		describe(copy, want, sizeof(want));
		assert_int_equal(uet_info_check(version, copy), 0);
		assert_int_equal(uet_getinfo(version, NULL, NULL, 0, copy, &again), 0);
		describe(again, got, sizeof(got));
		assert_int_equal(strncmp(got, want, strlen(want)), 0);
		assert_int_equal(again->caps, copy->caps);
		assert_int_equal(again->tx_attr->caps, copy->tx_attr->caps);
		assert_int_equal(again->rx_attr->caps, copy->rx_attr->caps);
		assert_int_equal(again->tx_attr->msg_order, copy->tx_attr->msg_order);
		assert_int_equal(again->rx_attr->msg_order, copy->rx_attr->msg_order);
		assert_int_equal(again->tx_attr->op_flags, copy->tx_attr->op_flags);
		assert_int_equal(again->tx_attr->inject_size, copy->tx_attr->inject_size);
		assert_int_equal(again->domain_attr->threading, copy->domain_attr->threading);
		assert_int_equal(again->domain_attr->mr_mode & ~copy->domain_attr->mr_mode, 0);
		fi_freeinfo(again);
		fi_freeinfo(copy);
	}
	fi_freeinfo(info);
}

typedef void (*edit_fn)(struct fi_info *hints);

static void mpich(struct fi_info *h)
{
	h->caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_MULTI_RECV | FI_SEND | FI_RECV |
		  FI_LOCAL_COMM | FI_REMOTE_COMM;
	h->mode = FI_CONTEXT | FI_CONTEXT2 | FI_ASYNC_IOV | FI_RX_CQ_DATA;
	h->tx_attr->op_flags = FI_COMPLETION | FI_DELIVERY_COMPLETE;
	h->tx_attr->msg_order = FI_ORDER_SAS | FI_ORDER_ATOMIC_RAR | FI_ORDER_ATOMIC_RAW |
				FI_ORDER_ATOMIC_WAR | FI_ORDER_ATOMIC_WAW;
	h->rx_attr->op_flags = FI_COMPLETION;
	h->ep_attr->mem_tag_format = 0x007000007fffffff;
	h->domain_attr->threading = FI_THREAD_DOMAIN;
	h->domain_attr->control_progress = FI_PROGRESS_MANUAL;
	h->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->av_type = FI_AV_TABLE;
	h->domain_attr->cq_data_size = 4;
	h->domain_attr->mode = 1ull << 53;	/* FI_RESTRICTED_COMP */
}

static void mpich_main(struct fi_info *h)
{
	mpich(h);
	h->domain_attr->mr_mode = FI_MR_ENDPOINT;
}

/* Its last try takes the mr_mode that version 0.0 answered. */
static void mpich_last_try(struct fi_info *h)
{
	mpich(h);
	h->domain_attr->mr_mode = UET_MR_BASIC;
}

static void open_mpi_mtl(struct fi_info *h)
{
	h->caps = FI_TAGGED | FI_LOCAL_COMM | FI_REMOTE_COMM | FI_DIRECTED_RECV;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->tx_attr->op_flags = FI_COMPLETION;
	h->rx_attr->op_flags = FI_COMPLETION;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	h->domain_attr->threading = FI_THREAD_DOMAIN;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->av_type = FI_AV_MAP;
	h->domain_attr->cq_data_size = 4;
}

static void aws_ofi_nccl(struct fi_info *h)
{
	h->caps = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_TAGGED | FI_MSG;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	h->domain_attr->threading = FI_THREAD_SAFE;
	h->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_ENDPOINT | FI_MR_VIRT_ADDR |
				  FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	h->domain_attr->mr_key_size = 2;
}

static void mercury_without_rma(struct fi_info *h)
{
	h->caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE | FI_SOURCE_ERR;
	h->mode = FI_ASYNC_IOV | FI_CONTEXT;
	h->addr_format = FI_SOCKADDR_IN;
	h->ep_attr->protocol = FI_PROTO_UET;
	h->tx_attr->op_flags = FI_INJECT_COMPLETE;
	h->tx_attr->size = 512;
	h->rx_attr->size = 4096;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->data_progress = FI_PROGRESS_AUTO;
	h->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY |
				  FI_MR_LOCAL | FI_MR_ENDPOINT;
}

static void everything_possible(struct fi_info *h)
{
	h->mode = ~0ull;
	h->domain_attr->mode = ~0ull;
	h->domain_attr->mr_mode = ~3;
}

static void text_addresses(struct fi_info *h)
{
	h->addr_format = FI_ADDR_STR;
}

static void uet_addresses(struct fi_info *h)
{
	h->addr_format = FI_ADDR_UET;
}

static void consumers(void **state)
{
	static const struct {
		edit_fn edit;
		uint32_t version;
	} cases[] = {
		{ mpich, API }, { mpich_main, API }, { mpich_last_try, API },
		{ open_mpi_mtl, FI_VERSION(1, 5) }, { aws_ofi_nccl, FI_VERSION(1, 6) },
		{ aws_ofi_nccl, API }, { mercury_without_rma, FI_VERSION(1, 13) },
		{ everything_possible, FI_VERSION(1, 9) }, { text_addresses, API },
		{ uet_addresses, API },
	};
	struct fi_info *hints;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		hints = fi_allocinfo();
		cases[i].edit(hints);
		feed_back(cases[i].version, hints);
		fi_freeinfo(hints);
	}
	feed_back(0, NULL);
	feed_back(FI_VERSION(1, 4), NULL);
	feed_back(API, NULL);
}

/* MPICH copies the caps of an answer to no hints into the rest of its hints. */
static void answers_mixed_with_hints(void **state)
{
	struct fi_info *first, *hints, *info;

	(void)state;
	assert_int_equal(uet_getinfo(0, NULL, NULL, 0, NULL, &first), 0);
	hints = fi_allocinfo();
	mpich(hints);
	hints->caps = first->caps;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	assert_int_equal(info->domain_attr->threading, FI_THREAD_DOMAIN);
	assert_int_equal(info->caps, first->caps);
	fi_freeinfo(info);
	hints->tx_attr->msg_order = first->tx_attr->msg_order;
	hints->domain_attr->mr_mode = first->domain_attr->mr_mode;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	fi_freeinfo(info);
	fi_freeinfo(hints);
	fi_freeinfo(first);
}

/* rxm and rxd must not find anything to sit on. */
static void layers_above(void **state)
{
	struct fi_info *hints = fi_allocinfo(), *info;

	(void)state;
	hints->ep_attr->type = FI_EP_MSG;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 1ull << 59, hints, &info), -FI_ENODATA);
	hints->ep_attr->type = FI_EP_DGRAM;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 1ull << 59, hints, &info), -FI_ENODATA);
	fi_freeinfo(hints);
}

static void interface_filter(void **state)
{
	struct fi_info *info;

	(void)state;
	uet_config.iface = strdup("none");
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), -FI_ENODATA);
	free(uet_config.iface);
	uet_config.iface = strdup("bad/");
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), -FI_ENODATA);
	uet_config_free();
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), 0);
	fi_freeinfo(info);
}

/* ---- open objects ---- */

static struct fid_fabric *open_fabric(void)
{
	struct fi_fabric_attr attr = { .name = (char *)"UET", .api_version = API };
	struct fid_fabric *fabric;
	int context;

	assert_int_equal(uet_fabric_open(&attr, &fabric, &context), 0);
	assert_ptr_equal(fabric->fid.context, &context);
	assert_int_equal(fabric->fid.fclass, FI_CLASS_FABRIC);
	assert_int_equal(uet_fabric_api(uet_container_of(fabric, struct uet_fabric, fid)), API);
	return fabric;
}

static void fabrics(void **state)
{
	struct fi_fabric_attr other = { .name = (char *)"IB" };
	struct fid_fabric *fabric = open_fabric();
	struct uet_fabric *own = uet_container_of(fabric, struct uet_fabric, fid);
	void **slot = (void **)&fabric->ops->domain;
	void **end = (void **)((char *)fabric->ops + fabric->ops->size);
	struct fid_fabric *none;

	(void)state;
	assert_int_equal(uet_fabric_open(&other, &none, NULL), -FI_EINVAL);
	for (; slot < end; slot++)
		assert_non_null(*slot);
	slot = (void **)&fabric->fid.ops->close;
	end = (void **)((char *)fabric->fid.ops + fabric->fid.ops->size);
	for (; slot < end; slot++)
		assert_non_null(*slot);
	uet_ref_get(&own->ref);
	assert_int_equal(fi_close(&fabric->fid), -FI_EBUSY);
	uet_ref_put(&own->ref);
	assert_int_equal(fi_close(&fabric->fid), 0);
}

static void first_instances(void **state)
{
	struct uet_domain domain = { .name = "eth1" };
	struct fid_fabric *fabric = open_fabric(), *second = open_fabric();
	struct fi_info *info, *i, *hints = fi_allocinfo();
	char text[512];

	(void)state;
	domain.fid.fid.fclass = FI_CLASS_DOMAIN;
	assert_int_equal(uet_registry_add(&domain.fid.fid), 0);
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), 0);
	for (i = info; i; i = i->next) {
		assert_ptr_equal(i->fabric_attr->fabric, fabric);
		assert_ptr_equal(i->domain_attr->domain,
				 strcmp(i->domain_attr->name, "eth1") ? NULL : &domain.fid);
	}
	fi_freeinfo(info);

	hints->domain_attr->domain = &domain.fid;
	hints->fabric_attr->fabric = second;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	describe(info, text, sizeof(text));
	assert_string_equal(text, "eth1 203.0.113.10:0");
	fi_freeinfo(info);

	/* Closed since, or another provider's: never followed. */
	uet_registry_del(&domain.fid.fid);
	uet_registry_del(&domain.fid.fid);
	hints->domain_attr->domain = (struct fid_domain *)16;
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, hints, &info), 0);
	assert_null(info->domain_attr->domain);
	fi_freeinfo(info);
	fi_freeinfo(hints);
	assert_int_equal(fi_close(&fabric->fid), 0);
	assert_ptr_equal(uet_registry_fabric(), second);
	assert_int_equal(fi_close(&second->fid), 0);
	assert_null(uet_registry_fabric());
}

static int getinfo_in_child(void)
{
	struct fi_info *info;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int ret = uet_getinfo(API, NULL, NULL, 0, NULL, &info);

		fi_freeinfo(info);
		_exit(ret == 0 ? 1 : ret == -FI_ENODATA ? 2 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void forked_processes(void **state)
{
	struct fid_fabric *fabric;
	struct fi_info *info;

	(void)state;
	assert_int_equal(getinfo_in_child(), 1);
	fabric = open_fabric();
	assert_int_equal(getinfo_in_child(), 2);
	assert_int_equal(uet_getinfo(API, NULL, NULL, 0, NULL, &info), 0);
	fi_freeinfo(info);
	fi_close(&fabric->fid);
	assert_int_equal(getinfo_in_child(), 1);
}

static void provider(void **state)
{
	(void)state;
	assert_string_equal(uet_prov.name, "uet");
	assert_int_equal(uet_prov.version, FI_VERSION(0, 1));
	assert_int_equal(uet_prov.fi_version, FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION));
	assert_ptr_equal(uet_prov.getinfo, uet_getinfo);
	assert_ptr_equal(uet_prov.fabric, uet_fabric_open);
	assert_non_null(uet_prov.cleanup);
}

/* ---- several threads ---- */

#define THREADS 4
#define ROUNDS 50

static void *ask_often(void *arg)
{
	static const char *const nodes[] = { NULL, "127.0.0.1", "localhost", "192.0.2.10" };
	struct fi_fabric_attr attr = { .name = (char *)"UET", .api_version = API };
	size_t *answers = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct fi_info *hints = fi_allocinfo(), *info = NULL;
		struct fid_fabric *fabric = NULL;

		mpich(hints);
		if (i % 4 == 3)
			hints->caps |= FI_MULTICAST;
		if (uet_fabric_open(&attr, &fabric, NULL) == 0 &&
		    uet_getinfo(API, nodes[i % 4], NULL, 0, hints, &info) == 0)
			(*answers)++;
		if (fabric)
			fi_close(&fabric->fid);
		fi_freeinfo(info);
		fi_freeinfo(hints);
	}
	return NULL;
}

static void threads(void **state)
{
	size_t answers[THREADS] = { 0 };
	pthread_t id[THREADS];
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&id[i], NULL, ask_often, &answers[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(answers[i], ROUNDS - ROUNDS / 4);
}

FI_EXT_INI;

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_hints),
		cmocka_unit_test(nics),
		cmocka_unit_test(node_and_service),
		cmocka_unit_test(names),
		cmocka_unit_test(rubbish_addresses),
		cmocka_unit_test(two_ways_of_addressing_memory),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(consumers),
		cmocka_unit_test(answers_mixed_with_hints),
		cmocka_unit_test(layers_above),
		cmocka_unit_test(interface_filter),
		cmocka_unit_test(fabrics),
		cmocka_unit_test(first_instances),
		cmocka_unit_test(forked_processes),
		cmocka_unit_test(provider),
		cmocka_unit_test(threads),
	};

	assert_ptr_equal(fi_prov_ini(), &uet_prov);
	assert_ptr_equal(fi_prov_ini(), &uet_prov);
	fake_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
