/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Port discovery: every address that the filter admits becomes a port, with what is known
 * of its interface; then they are put in the order of offering.
 */
#include <errno.h>
#include <fnmatch.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "nic/discover_priv.h"

/* A port and its place in the system's list, where primary addresses come first. */
struct found {
	struct uet_port port;
	size_t seq;
};

struct search {
	const struct uet_host *host;
	struct ifaddrs *list;
	int only_node;
	struct found *found;
	size_t count;
};

/* Names that container runtimes, hypervisors and tunnels give to what they make. */
static bool is_container_name(const char *name)
{
	static const char *const globs[] = {
		"docker*", "br-*", "virbr*", "vnet*", "veth*", "lxc*", "lxd*", "podman*",
		"cni*", "flannel*", "cali*", "cilium*", "weave*", "kube-*", "nodelocaldns",
		"tun*", "tap*",
	};
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(globs); i++)
		if (!fnmatch(globs[i], name, 0))
			return true;
	return false;
}

static bool is_container_driver(const char *driver)
{
	return !strcmp(driver, "veth") || !strcmp(driver, "tun") ||
	       !strcmp(driver, "bridge") || !strcmp(driver, "openvswitch");
}

/* Facts before names: a NIC or bond may be called anything. */
static enum uet_port_rank rank_of(const struct uet_port *port, const struct uet_sysfs_link *link,
				  unsigned int flags)
{
	if (!port->up)
		return UET_PORT_DOWN;
	if (flags & IFF_LOOPBACK)
		return UET_PORT_LOOPBACK;
	if (link->device)
		return UET_PORT_PHYSICAL;
	if (link->bridge || link->tun || is_container_driver(port->driver))
		return UET_PORT_CONTAINER;
	if (!link->stacked && is_container_name(port->name))
		return UET_PORT_CONTAINER;
	return UET_PORT_VIRTUAL;
}

/* The interface that @label belongs to: "eth0" for an old-style alias "eth0:1". */
static void base_name(const char *label, char *name)
{
	size_t len = strcspn(label, ":");

	memset(name, 0, IF_NAMESIZE);
	memcpy(name, label, len < IF_NAMESIZE ? len : IF_NAMESIZE - 1);
}

static void fill_link_layer(const struct search *s, struct uet_port *port)
{
	const struct sockaddr_ll *ll;
	const struct ifaddrs *ifa;

	for (ifa = s->list; ifa; ifa = ifa->ifa_next) {
		if (!ifa->ifa_addr || ifa->ifa_addr->sa_family != AF_PACKET ||
		    strcmp(ifa->ifa_name, port->name))
			continue;
		ll = (const struct sockaddr_ll *)(const void *)ifa->ifa_addr;
		port->index = (unsigned int)ll->sll_ifindex;
		if (ll->sll_halen == sizeof(port->mac))
			memcpy(port->mac, ll->sll_addr, sizeof(port->mac));
		return;
	}
	port->index = if_nametoindex(port->name);
}

static void fill_interface(const struct search *s, const struct ifaddrs *ifa,
			   struct uet_port *port)
{
	const unsigned int up = IFF_UP | IFF_RUNNING;
	struct uet_sysfs_link link;

	port->numa_node = -1;
	port->near = true;
	fill_link_layer(s, port);
	s->host->ask_kernel(port);
	uet_sysfs_fill(s->host->sysfs, port, &link);
	port->up = (ifa->ifa_flags & up) == up && !link.no_carrier;
	port->rank = rank_of(port, &link, ifa->ifa_flags);
	/* With one NUMA node everything is near: no need to load a topology. */
	if (s->only_node < 0)
		s->host->locate(port);
	else if (port->has_pci && port->numa_node < 0)
		port->numa_node = s->only_node;
}

static uint8_t prefix_len_of(const struct sockaddr *mask, uint32_t family)
{
	const uint8_t *p;
	size_t i, n;
	uint8_t bits = 0;

	if (!mask)
		return family == AF_INET ? 32 : 128;
	if (family == AF_INET) {
		p = (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
		n = 4;
	} else {
		p = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
		n = 16;
	}
	for (i = 0; i < n; i++)
		bits = (uint8_t)(bits + __builtin_popcount(p[i]));
	return bits;
}

static bool read_addr(const struct ifaddrs *ifa, struct uet_addr *addr)
{
	size_t len = 0;

	if (ifa->ifa_addr && ifa->ifa_addr->sa_family == AF_INET)
		len = sizeof(struct sockaddr_in);
	else if (ifa->ifa_addr && ifa->ifa_addr->sa_family == AF_INET6)
		len = sizeof(struct sockaddr_in6);
	if (!len || uet_addr_from_sockaddr(addr, ifa->ifa_addr, len))
		return false;
	addr->port = 0;
	return true;
}

/* A port of the same interface that was found earlier. */
static const struct uet_port *sibling(const struct search *s, const char *name)
{
	size_t i;

	for (i = s->count; i-- > 0;)
		if (!strcmp(s->found[i].port.name, name))
			return &s->found[i].port;
	return NULL;
}

static void collect(struct search *s, const struct uet_filter *filter)
{
	const struct uet_port *known;
	const struct ifaddrs *ifa;
	struct uet_addr addr;
	struct uet_port *port;
	char name[IF_NAMESIZE];

	for (ifa = s->list; ifa; ifa = ifa->ifa_next) {
		base_name(ifa->ifa_name, name);
		if (!read_addr(ifa, &addr) || !uet_filter_admits(filter, name, &addr))
			continue;
		port = &s->found[s->count].port;
		known = sibling(s, name);
		if (known) {
			*port = *known;
		} else {
			memcpy(port->name, name, sizeof(port->name));
			fill_interface(s, ifa, port);
		}
		port->addr = addr;
		port->prefix_len = prefix_len_of(ifa->ifa_netmask, addr.family);
		s->found[s->count].seq = s->count;
		s->count++;
	}
}

static bool is_link_local(const struct uet_addr *a)
{
	if (a->family == AF_INET)
		return a->ip[0] == 169 && a->ip[1] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static int compare_found(const void *x, const void *y)
{
	const struct found *fx = x, *fy = y;
	const struct uet_port *a = &fx->port, *b = &fy->port;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->near != b->near)
		return a->near ? -1 : 1;
	if (a->speed != b->speed)
		return a->speed > b->speed ? -1 : 1;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->addr.family != b->addr.family)
		return a->addr.family == AF_INET ? -1 : 1;
	if (is_link_local(&a->addr) != is_link_local(&b->addr))
		return is_link_local(&b->addr) ? -1 : 1;
	return fx->seq < fy->seq ? -1 : fx->seq > fy->seq;
}

static int hand_over(const struct search *s, struct uet_port **ports, size_t *count)
{
	struct uet_port *p = calloc(s->count ? s->count : 1, sizeof(*p));
	size_t i;

	if (!p)
		return -ENOMEM;
	for (i = 0; i < s->count; i++)
		p[i] = s->found[i].port;
	*ports = p;
	*count = s->count;
	return 0;
}

static int search_host(struct search *s, const struct uet_filter *filter,
		       struct uet_port **ports, size_t *count)
{
	const struct ifaddrs *ifa;
	size_t n = 1;
	int ret;

	for (ifa = s->list; ifa; ifa = ifa->ifa_next)
		n++;
	s->found = calloc(n, sizeof(*s->found));
	if (!s->found)
		return -ENOMEM;
	s->only_node = uet_sysfs_only_node(s->host->sysfs);
	collect(s, filter);
	qsort(s->found, s->count, sizeof(*s->found), compare_found);
	ret = hand_over(s, ports, count);
	free(s->found);
	return ret;
}

int uet_ports_discover_on(const struct uet_host *host, const char *filter,
			  struct uet_port **ports, size_t *count)
{
	struct search s = { .host = host };
	struct uet_filter *f;
	int ret = uet_filter_parse(filter, &f);

	if (ret)
		return ret;
	if (host->get_addrs(&s.list)) {
		uet_warn("cannot list network interfaces: %s", strerror(errno));
		ret = -ENOMEM;
	} else {
		ret = search_host(&s, f, ports, count);
		host->free_addrs(s.list);
	}
	uet_filter_free(f);
	return ret;
}

int uet_ports_discover(const char *filter, struct uet_port **ports, size_t *count)
{
	static const struct uet_host this_host = {
		.sysfs = "/sys",
		.get_addrs = getifaddrs,
		.free_addrs = freeifaddrs,
		.ask_kernel = uet_link_ask,
		.locate = uet_topo_locate,
	};

	return uet_ports_discover_on(&this_host, filter, ports, count);
}

void uet_ports_free(struct uet_port *ports)
{
	free(ports);
}

static int source_of(int fd, const struct uet_addr *dst, struct uet_addr *src)
{
	struct sockaddr_storage ss;
	socklen_t len = uet_addr_to_sockaddr(dst, &ss);
	int ret;

	if (connect(fd, (struct sockaddr *)&ss, len))
		return -errno;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	ret = uet_addr_from_sockaddr(src, (struct sockaddr *)&ss, len);
	if (!ret)
		src->port = 0;
	return ret;
}

int uet_ports_route(const struct uet_addr *dst, struct uet_addr *src)
{
	struct uet_addr to = *dst;
	int fd, ret;

	if (to.family != AF_INET && to.family != AF_INET6)
		return -EINVAL;
	to.port = 4793;		/* routes do not depend on it, but 0 may be refused */
	fd = socket((int)to.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = source_of(fd, &to, src);
	close(fd);
	return ret;
}
