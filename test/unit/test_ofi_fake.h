/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A host that is the same everywhere, for the tests of fi_getinfo. */
#ifndef TEST_OFI_FAKE_H
#define TEST_OFI_FAKE_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/info.h"

#define FAKE_NO_ROUTE "198.51.100.66"

static const struct fake_port {
	const char *name;
	unsigned int index;
	enum uet_port_rank rank;
	uint32_t mtu;
	const char *ip;
} fake_ports[] = {
	{ "eth0", 2, UET_PORT_PHYSICAL, 1500, "192.0.2.10" },
	{ "eth0", 2, UET_PORT_PHYSICAL, 1500, "2001:db8::10" },
	{ "eth0", 2, UET_PORT_PHYSICAL, 1500, "fe80::10" },
	{ "eth1", 3, UET_PORT_PHYSICAL, 9000, "203.0.113.10" },
	{ "bond0", 4, UET_PORT_VIRTUAL, 4500, "2001:db8:1::10" },
	{ "thin0", 5, UET_PORT_VIRTUAL, 1100, "192.0.2.20" },	/* of no use */
	{ "lo", 1, UET_PORT_LOOPBACK, 65536, "127.0.0.1" },
	{ "lo", 1, UET_PORT_LOOPBACK, 65536, "::1" },
	{ "docker0", 6, UET_PORT_CONTAINER, 1500, "192.0.2.130" },
	{ "eth2", 7, UET_PORT_DOWN, 1500, "203.0.113.130" },
};

#define FAKE_PORTS UET_ARRAY_SIZE(fake_ports)
#define FAKE_USABLE (FAKE_PORTS - 1)

static inline struct uet_addr fake_addr(const char *ip)
{
	struct uet_addr a = { .family = strchr(ip, ':') ? AF_INET6 : AF_INET };

	if (inet_pton((int)a.family, ip, a.ip) != 1)
		abort();
	return a;
}

static inline void fake_fill(const struct fake_port *f, struct uet_port *p)
{
	snprintf(p->name, sizeof(p->name), "%s", f->name);
	p->index = f->index;
	p->rank = f->rank;
	p->mtu = f->mtu;
	p->up = f->rank != UET_PORT_DOWN;
	p->addr = fake_addr(f->ip);
	if (strncmp(f->ip, "fe80", 4) == 0)
		p->addr.zone = f->index;
	p->numa_node = -1;
}

static inline int fake_discover(const char *filter, struct uet_port **ports, size_t *count)
{
	size_t i;

	if (filter && strcmp(filter, "none") == 0) {
		*ports = NULL;
		*count = 0;
		return 0;
	}
	if (filter && strcmp(filter, "bad/") == 0)
		return -EINVAL;
	*ports = calloc(FAKE_PORTS, sizeof(**ports));
	if (!*ports)
		return -ENOMEM;
	for (i = 0; i < FAKE_PORTS; i++)
		fake_fill(&fake_ports[i], &(*ports)[i]);
	*count = FAKE_PORTS;
	return 0;
}

static inline void fake_free(struct uet_port *ports)
{
	free(ports);
}

/* Longest prefix does not matter here: the first that fits. */
static inline int fake_route(const struct uet_addr *dst, struct uet_addr *src)
{
	static const struct {
		const char *net;
		size_t bytes;
		const char *src;
	} routes[] = {
		{ "127.0.0.0", 1, "127.0.0.1" },
		{ "203.0.113.0", 3, "203.0.113.10" },
		{ "192.0.2.10", 4, "192.0.2.10" },
		{ "192.0.2.0", 3, "192.0.2.10" },
		{ "::1", 16, "::1" },
		{ "fe80::", 8, "fe80::10" },
		{ "2001:db8:1::", 6, "2001:db8:1::10" },
		{ "2001:db8::", 4, "2001:db8::10" },
	};
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(routes); i++) {
		struct uet_addr net = fake_addr(routes[i].net);

		if (net.family != dst->family || memcmp(net.ip, dst->ip, routes[i].bytes))
			continue;
		*src = fake_addr(routes[i].src);
		return 0;
	}
	return -ENETUNREACH;
}

/* Put the fake host in place of the real one. */
static inline void fake_host(void)
{
	uet_info_sys = (struct uet_info_sys){
		.discover = fake_discover,
		.free = fake_free,
		.route = fake_route,
	};
}

#endif /* TEST_OFI_FAKE_H */
