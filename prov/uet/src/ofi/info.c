/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo: one candidate per {interface, address} and way of addressing memory, in the
 * order of nic/discover.h, as far as node, service and hints admit it.
 */
#include "ofi/info.h"

#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "base/log.h"
#include "ofi/dgram.h"
#include "ofi/registry.h"

struct uet_info_sys uet_info_sys = {
	.discover = uet_ports_discover,
	.free = uet_ports_free,
	.route = uet_ports_route,
};

/* In the flags: a utility provider looks for something to run on (see fi_provider(7)). */
#define UET_CORE_PROVIDERS (1ull << 59)

/* One call of fi_getinfo. */
struct query {
	uint32_t version;
	const struct fi_info *hints;	/* or NULL */
	uint32_t format;		/* hints' address format */
	bool dgram;			/* FI_EP_DGRAM is being added, not FI_EP_RDM */
	bool layered;			/* for a provider that would run on this one */
	char domain[IF_NAMESIZE];	/* of the open domain in the hints, or "" */
	struct uet_lookup src;		/* where to be; empty: anywhere */
	struct uet_lookup dst;		/* whom to reach; empty: nobody in particular */
	struct uet_port *ports;
	size_t port_cnt;
	struct fi_info *head, *tail;
};

/* ---- addresses that were asked for ---- */

static int read_hint_addr(const char *what, uint32_t format, const void *addr, size_t len,
			  struct uet_lookup *found)
{
	if (!addr)
		return 0;
	if (uet_name_read_local(&found->names[0], format, addr, len)) {
		FI_INFO(&uet_prov, FI_LOG_CORE, "%s: %zu bytes that are no address of format "
			"0x%x\n", what, len, format);
		return -FI_ENODATA;
	}
	found->count = 1;
	return 0;
}

static int check_destinations(const struct uet_lookup *dst)
{
	size_t i;

	for (i = 0; i < dst->count; i++) {
		if (!uet_addr_is_any(&dst->names[i].addr))
			continue;
		uet_refuse("dest_addr", "the unspecified address is nobody's\n");
		return -FI_ENODATA;
	}
	return 0;
}

/* Node and service win over the address that the hints have for the same side. */
static int find_addresses(struct query *q, const char *node, const char *service, uint64_t flags)
{
	bool local = flags & FI_SOURCE;
	bool named = node || service;
	const struct fi_info *h = q->hints;
	int ret = 0;

	if (named)
		ret = uet_lookup(node, service, local, flags & FI_NUMERICHOST,
				 local ? &q->src : &q->dst);
	if (!ret && h && !(named && local))
		ret = read_hint_addr("src_addr", q->format, h->src_addr, h->src_addrlen, &q->src);
	if (!ret && h && !(named && !local))
		ret = read_hint_addr("dest_addr", q->format, h->dest_addr, h->dest_addrlen,
				     &q->dst);
	return ret ? ret : check_destinations(&q->dst);
}

/* ---- one candidate ---- */

static bool wants_nic(const struct uet_port *port)
{
	/* Consumers deal processes out over all NICs that they see: show working ones only. */
	return port->rank == UET_PORT_PHYSICAL || port->rank == UET_PORT_VIRTUAL;
}

/* Format of the answer's addresses on @port. */
static uint32_t answer_format(const struct query *q, const struct uet_port *port)
{
	if (q->format == FI_ADDR_STR || q->format == FI_ADDR_UET)
		return q->format;
	return port->addr.family == AF_INET ? FI_SOCKADDR_IN : FI_SOCKADDR_IN6;
}

static int set_addr(void **addr, size_t *len, uint32_t format, const struct uet_name *name)
{
	char buf[UET_NAME_STRLEN];
	size_t size = sizeof(buf);
	int ret = uet_name_write(name, format, buf, &size);

	if (ret)
		return ret;
	*addr = malloc(size);
	if (!*addr)
		return -FI_ENOMEM;
	memcpy(*addr, buf, size);
	*len = size;
	return 0;
}

static int set_names(struct fi_info *info, const struct query *q, const struct uet_port *port)
{
	struct fi_fabric_attr *fabric = info->fabric_attr;
	struct fi_domain_attr *domain = info->domain_attr;

	fabric->name = strdup(UET_FABRIC_NAME);
	domain->name = strdup(port->name);
	if (!fabric->name || !domain->name)
		return -FI_ENOMEM;
	fabric->prov_version = uet_prov.version;
	fabric->api_version = q->version;
	fabric->fabric = uet_registry_fabric();
	domain->domain = q->domain[0] ? q->hints->domain_attr->domain :
					uet_registry_domain(port->name);
	return 0;
}

static int fill(struct fi_info *info, const struct query *q, const struct uet_port *port,
		const struct uet_name *src, const struct uet_name *dst)
{
	int ret;

	info->addr_format = answer_format(q, port);
	ret = uet_hints_apply(info, q->hints, port);
	if (q->dgram)
		uet_dgram_narrow(info, port);
	if (!ret)
		ret = set_addr(&info->src_addr, &info->src_addrlen, info->addr_format, src);
	if (!ret && dst)
		ret = set_addr(&info->dest_addr, &info->dest_addrlen, info->addr_format, dst);
	if (!ret)
		ret = set_names(info, q, port);
	if (ret || !wants_nic(port))
		return ret;
	info->nic = uet_nic_fid(port);
	return info->nic ? 0 : -FI_ENOMEM;
}

static void append(struct query *q, struct fi_info *info)
{
	if (q->tail)
		q->tail->next = info;
	else
		q->head = info;
	q->tail = info;
}

/* Add the answers for @port, one per way of addressing memory. */
static int add(struct query *q, const struct uet_port *port, uint32_t udp_port,
	       const struct uet_name *dst)
{
	struct uet_addr addr = port->addr;
	int modes[UET_MR_CHOICES];
	struct uet_name src;
	struct fi_info *info;
	size_t i, n;
	int ret;

	addr.port = udp_port;
	uet_name_from_addr(&src, &addr);
	n = uet_hints_mr_modes(q->version, q->hints, modes);
	for (i = 0; i < n; i++) {
		info = fi_allocinfo();
		if (!info)
			return -FI_ENOMEM;
		ret = fill(info, q, port, &src, dst);
		if (ret) {
			fi_freeinfo(info);
			/* The format cannot express this address. */
			return ret == -FI_EINVAL ? 0 : ret;
		}
		info->domain_attr->mr_mode = modes[i];
		append(q, info);
	}
	return 0;
}

/* ---- which candidates ---- */

/* Is @addr the address of @port? The unspecified one is everybody's. */
static bool is_at(const struct uet_port *port, const struct uet_addr *addr)
{
	if (addr->family != port->addr.family)
		return false;
	if (uet_addr_is_any(addr))
		return true;
	return memcmp(addr->ip, port->addr.ip, sizeof(addr->ip)) == 0 &&
	       (!addr->zone || addr->zone == port->addr.zone);
}

static bool is_loopback(const struct uet_addr *a)
{
	if (a->family == AF_INET)
		return a->ip[0] == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a->ip);
}

/* Can packets from @port arrive at @dst, as far as can be told without sending? */
static bool may_reach(const struct uet_port *port, const struct uet_addr *dst)
{
	if (port->addr.family != dst->family)
		return false;
	if (is_loopback(&port->addr) != is_loopback(dst))
		return false;
	return !dst->zone || dst->zone == port->index;
}

static bool fits(const struct query *q, const struct uet_port *port)
{
	if (q->domain[0] && strcmp(q->domain, port->name))
		return false;
	if (q->dgram && !uet_dgram_fits(q->hints, port))
		return false;
	return uet_port_usable(port) && uet_hints_check_port(q->hints, port);
}

/* Every port at one of the addresses asked for, in their order. */
static int add_sources(struct query *q, const struct uet_name *dst)
{
	size_t s, p;
	int ret;

	for (s = 0; s < q->src.count; s++) {
		const struct uet_addr *addr = &q->src.names[s].addr;

		for (p = 0; p < q->port_cnt; p++) {
			if (!is_at(&q->ports[p], addr) || !fits(q, &q->ports[p]))
				continue;
			if (dst && dst->addr.family != addr->family)
				continue;
			ret = add(q, &q->ports[p], addr->port, dst);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* The port that the routing table chooses for @dst first, then others that may do. */
static int add_routed(struct query *q, const struct uet_name *dst)
{
	char text[UET_ADDR_STRLEN];
	struct uet_addr src;
	bool routed;
	size_t i, p;
	int ret;

	ret = uet_info_sys.route(&dst->addr, &src);
	if (ret) {
		uet_refuse("dest_addr", "no route to %s: %s\n",
			   uet_addr_str(&dst->addr, text, sizeof(text)), fi_strerror(-ret));
		return 0;
	}
	for (i = 0; i < 2 * q->port_cnt; i++) {
		p = i % q->port_cnt;
		routed = is_at(&q->ports[p], &src);
		if (routed != (i < q->port_cnt) || !fits(q, &q->ports[p]))
			continue;
		if (!routed && !(q->ports[p].up && may_reach(&q->ports[p], &dst->addr)))
			continue;
		ret = add(q, &q->ports[p], 0, dst);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Does the caller want peers on other hosts, and is there a NIC that leads to them? Some use all
 * that they are shown at once (the NCCL plugin): loopback or a bridge is not for them then.
 */
static bool wants_nics_only(const struct query *q)
{
	size_t p;

	if (!q->hints || !(q->hints->caps & FI_REMOTE_COMM))
		return false;
	for (p = 0; p < q->port_cnt; p++)
		if (wants_nic(&q->ports[p]) && fits(q, &q->ports[p]))
			return true;
	return false;
}

static int add_all(struct query *q)
{
	bool nics_only = wants_nics_only(q);
	size_t p;
	int ret = 0;

	for (p = 0; p < q->port_cnt && !ret; p++)
		if (fits(q, &q->ports[p]) && (!nics_only || wants_nic(&q->ports[p])))
			ret = add(q, &q->ports[p], 0, NULL);
	return ret;
}

static int add_candidates(struct query *q)
{
	size_t d;
	int ret = 0;

	if (!q->dst.count)
		return q->src.count ? add_sources(q, NULL) : add_all(q);
	for (d = 0; d < q->dst.count && !ret; d++) {
		const struct uet_name *dst = &q->dst.names[d];

		ret = q->src.count ? add_sources(q, dst) : add_routed(q, dst);
	}
	return ret;
}

static enum fi_ep_type asked_type(const struct query *q)
{
	return q->hints && q->hints->ep_attr ? q->hints->ep_attr->type : FI_EP_UNSPEC;
}

/* Reliable endpoints first: who takes what comes first wants those. */
static int add_types(struct query *q)
{
	enum fi_ep_type type = asked_type(q);
	int ret = 0;

	if (type != FI_EP_DGRAM)
		ret = add_candidates(q);
	/* Reliability over these datagrams is there already: nobody needs ofi_rxd for it. */
	if (ret || type == FI_EP_RDM || q->layered)
		return ret;
	q->dgram = true;
	return add_candidates(q);
}

static void explain_empty(const struct query *q)
{
	const struct fi_info *h = q->hints;
	const char *name = h && h->domain_attr ? h->domain_attr->name : NULL;

	FI_INFO(&uet_prov, FI_LOG_CORE, "none of %zu ports fits: domain %s, address format 0x%x, "
		"%zu source and %zu destination addresses, FI_UET_IFACE %s\n", q->port_cnt,
		q->domain[0] ? q->domain : name ? name : "(any)", q->format, q->src.count,
		q->dst.count, uet_config.iface ? uet_config.iface : "(any)");
}

static int answer(struct query *q)
{
	int ret = uet_info_sys.discover(uet_config.iface, &q->ports, &q->port_cnt);

	/* A filter that cannot be parsed has been complained of, and leaves no port. */
	if (ret)
		return ret == -FI_ENOMEM ? ret : -FI_ENODATA;
	ret = add_types(q);
	uet_info_sys.free(q->ports);
	if (!ret && q->head)
		return 0;
	if (!ret)
		explain_empty(q);
	fi_freeinfo(q->head);
	q->head = NULL;
	return ret ? ret : -FI_ENODATA;
}

static int refuse_child(void)
{
	uet_warn_once("this process was forked while objects of its parent were open; only the "
		      "parent can use them, and uet offers nothing here. Start processes before "
		      "opening a fabric, or exec() after fork().");
	return -FI_ENODATA;
}

int uet_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags,
		const struct fi_info *hints, struct fi_info **info)
{
	struct query q = {
		.version = version, .hints = hints, .layered = flags & UET_CORE_PROVIDERS,
	};
	int ret;

	*info = NULL;
	if (flags & FI_PROV_ATTR_ONLY) {
		node = NULL;
		service = NULL;
		flags = 0;
	}
	/* Other bits are libfabric's own, or unknown: they change nothing here. */
	if ((flags & FI_SOURCE) && !node && !service)
		return -FI_EINVAL;
	if (uet_registry_forked())
		return refuse_child();
	ret = uet_hints_check(version, hints);
	if (ret)
		return ret;
	if (hints) {
		q.format = hints->addr_format;
		if (hints->domain_attr && hints->domain_attr->domain)
			uet_registry_domain_name(hints->domain_attr->domain, q.domain);
	}
	ret = find_addresses(&q, node, service, flags);
	if (!ret)
		ret = answer(&q);
	*info = q.head;
	return ret;
}

int uet_info_check(uint32_t version, const struct fi_info *info)
{
	if (!info || !info->tx_attr || !info->rx_attr || !info->ep_attr || !info->domain_attr ||
	    !info->domain_attr->name) {
		uet_refuse("info", "incomplete: fi_getinfo never leaves out attributes\n");
		return -FI_EINVAL;
	}
	if (info->ep_attr->type != FI_EP_RDM && info->ep_attr->type != FI_EP_DGRAM &&
	    info->ep_attr->type != FI_EP_UNSPEC) {
		uet_refuse("ep_attr->type", "only FI_EP_RDM and FI_EP_DGRAM offered\n");
		return -FI_ENOSYS;
	}
	if (info->ep_attr->type == FI_EP_DGRAM && !uet_dgram_fits(info, NULL))
		return -FI_EINVAL;
	return uet_hints_check(version, info) ? -FI_EINVAL : 0;
}
