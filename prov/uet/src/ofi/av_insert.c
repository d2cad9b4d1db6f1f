/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Insertion by name: fi_av_insertsvc and fi_av_insertsym, fi_av(3).
 */
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/av.h"

#define NODE_LEN 1026		/* NI_MAXHOST and a NUL; longer names cannot be resolved */

/* False for a number that is no port: the C library would cut it to 16 bits. */
static bool service_ok(const char *service)
{
	if (strspn(service, "0123456789") != strlen(service))
		return true;
	return strtoul(service, NULL, 10) <= UINT16_MAX;
}

/* Resolve to a UDP address of @av's family. Returns 0 or -FI_EINVAL, without memory -FI_ENOMEM. */
static int resolve(const struct uet_av *av, const char *node, const char *service, int flags,
		   struct sockaddr_storage *ss)
{
	const struct addrinfo hints = {
		.ai_family = uet_av_family(av),
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = flags,
	};
	struct addrinfo *res;
	int ret;

	if (service && !service_ok(service))
		return -FI_EINVAL;
	ret = getaddrinfo(node, service, &hints, &res);
	if (ret)
		return ret == EAI_MEMORY ? -FI_ENOMEM : -FI_EINVAL;
	memcpy(ss, res->ai_addr, res->ai_addrlen);
	freeaddrinfo(res);
	return 0;
}

static int name_of_sockaddr(struct uet_name *name, const struct sockaddr_storage *ss)
{
	return uet_name_read(name, FI_SOCKADDR, ss, sizeof(*ss));
}

/*
 * End an insertion of one entry, which failed with @err if not 0. A synchronous call says
 * -FI_EINVAL where "0 inserted" would not tell why.
 */
static int end_one(struct uet_av_insert *ins, int err)
{
	int ret = uet_av_insert_end(ins);

	if (ret || uet_av_is_async(ins->av) || ins->errors)
		return ret;
	return err ? err : -FI_EINVAL;
}

static bool is_empty(const char *s)
{
	return !s || !*s;
}

int uet_av_insertsvc(struct fid_av *fid, const char *node, const char *service,
		     fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	struct uet_av *av = (struct uet_av *)fid;
	struct sockaddr_storage ss;
	struct uet_av_insert ins;
	struct uet_name name;
	int ret;

	if (is_empty(node) || (service && !*service))
		return -FI_EINVAL;
	ret = uet_av_insert_begin(&ins, av, 1, fi_addr, flags, context);
	if (ret)
		return ret;
	if (service) {
		ret = resolve(av, node, service, 0, &ss);
		if (!ret)
			ret = name_of_sockaddr(&name, &ss);
	} else {
		ret = uet_name_read(&name, FI_ADDR_STR, node, strlen(node) + 1);
	}
	uet_av_insert_name(&ins, ret ? NULL : &name, -ret);
	return end_one(&ins, ret);
}

/* ---- ranges ---- */

/* Nodes in a row: numeric addresses count up, names count up their numeric suffix. */
struct range {
	struct uet_av *av;
	bool numeric;
	struct sockaddr_storage first;	/* numeric: address of the first node */
	const char *name;		/* otherwise: the first node's name */
	size_t prefix;			/* length of the name without the suffix */
	int width;			/* digits of the suffix, leading zeros included */
	uint64_t suffix;
	uint32_t port;			/* of the first service */
};

static int range_suffix(struct range *r, const char *node, size_t nodecnt)
{
	size_t len = strlen(node);
	size_t digits = 0;

	r->name = node;
	while (digits < len && node[len - digits - 1] >= '0' && node[len - digits - 1] <= '9')
		digits++;
	/* 18 digits and any count fit 64 bits. */
	if (digits > 18 || (!digits && nodecnt > 1) || len >= NODE_LEN - 21)
		return -FI_EINVAL;
	r->prefix = len - digits;
	r->width = (int)digits;
	r->suffix = digits ? strtoull(node + r->prefix, NULL, 10) : 0;
	return 0;
}

static uint32_t port_of(const struct sockaddr_storage *ss)
{
	struct uet_addr addr;

	return uet_addr_from_sockaddr(&addr, (const struct sockaddr *)ss, sizeof(*ss)) ?
	       0 : addr.port;
}

static int range_init(struct range *r, struct uet_av *av, const char *node, size_t nodecnt,
		      const char *service)
{
	struct sockaddr_storage ss;
	int ret;

	*r = (struct range){ .av = av };
	ret = resolve(av, NULL, service, AI_PASSIVE, &ss);
	if (ret)
		return ret;
	r->port = port_of(&ss);
	if (!r->port)
		return -FI_EINVAL;
	if (!resolve(av, node, service, AI_NUMERICHOST, &r->first)) {
		r->numeric = true;
		return 0;
	}
	return range_suffix(r, node, nodecnt);
}

/* Add @n to the address of @len bytes at @ip, big-endian; false when it overflows. */
static bool add_to_ip(uint8_t *ip, size_t len, uint64_t n)
{
	while (len-- && n) {
		n += ip[len];
		ip[len] = (uint8_t)n;
		n >>= 8;
	}
	return !n;
}

static int numeric_node(const struct range *r, uint64_t i, struct uet_addr *addr)
{
	if (uet_addr_from_sockaddr(addr, (const struct sockaddr *)&r->first, sizeof(r->first)))
		return -FI_EINVAL;
	return add_to_ip(addr->ip, addr->family == AF_INET ? 4 : 16, i) ? 0 : -FI_EINVAL;
}

static int named_node(const struct range *r, uint64_t i, struct uet_addr *addr)
{
	struct sockaddr_storage ss;
	char node[NODE_LEN];
	int ret;

	if (r->width)
		snprintf(node, sizeof(node), "%.*s%0*llu", (int)r->prefix, r->name, r->width,
			 (unsigned long long)(r->suffix + i));
	else
		snprintf(node, sizeof(node), "%s", r->name);
	ret = resolve(r->av, node, NULL, 0, &ss);
	if (ret)
		return ret;
	return uet_addr_from_sockaddr(addr, (const struct sockaddr *)&ss, sizeof(ss)) ?
	       -FI_EINVAL : 0;
}

/* All services of node @i. */
static void insert_node(struct uet_av_insert *ins, const struct range *r, uint64_t i,
			size_t svccnt)
{
	struct sockaddr_storage ss;
	struct uet_addr addr;
	struct uet_name name;
	size_t j;
	int node_ret, ret;

	node_ret = r->numeric ? numeric_node(r, i, &addr) : named_node(r, i, &addr);
	for (j = 0; j < svccnt; j++) {
		ret = node_ret;
		if (!ret && r->port + (uint64_t)j > UINT16_MAX)
			ret = -FI_EINVAL;
		if (!ret) {
			addr.port = r->port + (uint32_t)j;
			uet_addr_to_sockaddr(&addr, &ss);
			ret = name_of_sockaddr(&name, &ss);
		}
		uet_av_insert_name(ins, ret ? NULL : &name, -ret);
	}
}

int uet_av_insertsym(struct fid_av *fid, const char *node, size_t nodecnt, const char *service,
		     size_t svccnt, fi_addr_t *fi_addr, uint64_t flags, void *context)
{
	struct uet_av *av = (struct uet_av *)fid;
	struct uet_av_insert ins;
	struct range range;
	uint64_t i, count;
	int ret;

	if (is_empty(node) || is_empty(service) ||
	    __builtin_mul_overflow(nodecnt, svccnt, &count))
		return -FI_EINVAL;
	ret = range_init(&range, av, node, nodecnt, service);
	if (!ret)
		ret = uet_av_insert_begin(&ins, av, count, fi_addr, flags, context);
	if (ret)
		return ret;
	for (i = 0; svccnt && i < nodecnt; i++)
		insert_node(&ins, &range, i, svccnt);
	return uet_av_insert_end(&ins);
}
