/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Address formats. Socket addresses name an endpoint completely because everything else
 * follows from the port (design decision D2); the 32-byte form and the text form can name
 * endpoints of other implementations too.
 *
 *   fi_sockaddr_in://192.0.2.1:4793     fi_sockaddr_in6://[2001:db8::1]:4793
 *   uet://192.0.2.1:4793/<PIDonFEP>/<resource index>/<initiator>[?abs]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "base/bytes.h"
#include "ofi/attr.h"

#define UET_RESOURCE_INDEX	1	/* of endpoints like ours, in all three spaces */
#define UET_12BITS		0xfffu

_Static_assert(sizeof(struct fi_uet_addr) == 32, "the form of 32 bytes has no padding");

static uint16_t pid_of_port(uint32_t port)
{
	return (port - UET_PORT) & UET_12BITS;
}

void uet_name_from_addr(struct uet_name *name, const struct uet_addr *addr)
{
	*name = (struct uet_name){
		.addr = *addr,
		.pid_on_fep = addr->port ? pid_of_port(addr->port) : 0,
		.resource_index = UET_RESOURCE_INDEX,
		.num_indices = 1,
		.initiator = addr->port,
		.relative = true,
	};
}

/* Can the address alone say all of @name? */
static bool is_plain(const struct uet_name *name)
{
	struct uet_name plain;

	uet_name_from_addr(&plain, &name->addr);
	return name->pid_on_fep == plain.pid_on_fep && name->initiator == plain.initiator &&
	       name->resource_index == plain.resource_index &&
	       name->num_indices == plain.num_indices && name->relative == plain.relative;
}

/* ---- socket addresses ---- */

static int read_sockaddr(struct uet_name *name, uint32_t family, const void *addr, size_t len)
{
	struct uet_addr a;

	if (uet_addr_from_sockaddr(&a, addr, len) || (family && a.family != family))
		return -FI_EINVAL;
	uet_name_from_addr(name, &a);
	return 0;
}

static int put(void *buf, size_t *len, const void *data, size_t size)
{
	size_t room = *len;

	*len = size;
	if (room)
		memcpy(buf, data, uet_min_u64(room, size));
	return room < size ? -FI_ETOOSMALL : 0;
}

static int write_sockaddr(const struct uet_name *name, uint32_t family, void *buf, size_t *len)
{
	struct sockaddr_storage ss;
	socklen_t size;

	struct uet_name first = *name;

	/* How many indices follow the first one is not needed for sending. */
	first.num_indices = 1;
	if ((family && name->addr.family != family) || !is_plain(&first))
		return -FI_EINVAL;
	size = uet_addr_to_sockaddr(&name->addr, &ss);
	return size ? put(buf, len, &ss, size) : -FI_EINVAL;
}

/* ---- the 32-byte form ---- */

static void read_fa(struct uet_addr *a, const struct fi_uet_addr *w)
{
	bool v6 = w->flags & FI_UET_ADDR_IPV6;

	a->family = v6 ? AF_INET6 : AF_INET;
	memcpy(a->ip, w->fa, v6 ? 16 : 4);
	a->port = ntohs(w->port);
	/* Port 0 stands for 4793, unless no endpoint is named at all. */
	if (!a->port && (w->flags & FI_UET_ADDR_PID_VALID))
		a->port = UET_PORT;
}

static int read_uet(struct uet_name *name, const void *addr, size_t len)
{
	struct uet_addr a = { .family = AF_UNSPEC };
	struct fi_uet_addr w;

	if (len < sizeof(w))
		return -FI_EINVAL;
	memcpy(&w, addr, sizeof(w));
	/* Version 1 is in use elsewhere for the same layout. */
	if (w.version > 1 || !(w.flags & FI_UET_ADDR_FA_VALID))
		return -FI_EINVAL;
	read_fa(&a, &w);
	uet_name_from_addr(name, &a);
	name->relative = !(w.flags & FI_UET_ADDR_ABSOLUTE);
	if (w.flags & FI_UET_ADDR_CAPS_VALID)
		name->caps = w.caps;
	if (w.flags & FI_UET_ADDR_PID_VALID)
		name->pid_on_fep = ntohs(w.pid_on_fep) & UET_12BITS;
	if (w.flags & FI_UET_ADDR_RI_VALID) {
		name->resource_index = ntohs(w.resource_index) & UET_12BITS;
		name->num_indices = ntohs(w.num_indices) & UET_12BITS;
	}
	if (w.flags & FI_UET_ADDR_INITIATOR_VALID)
		name->initiator = ntohl(w.initiator);
	return 0;
}

static int write_uet(const struct uet_name *name, void *buf, size_t *len)
{
	const struct uet_addr *a = &name->addr;
	struct fi_uet_addr w = { .flags = FI_UET_ADDR_FA_VALID | FI_UET_ADDR_RI_VALID };

	/* There is no room for the zone of a link-local address. */
	if ((a->family != AF_INET && a->family != AF_INET6) || a->zone)
		return -FI_EINVAL;
	if (a->family == AF_INET6)
		w.flags |= FI_UET_ADDR_IPV6;
	if (!name->relative)
		w.flags |= FI_UET_ADDR_ABSOLUTE;
	if (name->caps) {
		w.flags |= FI_UET_ADDR_CAPS_VALID;
		w.caps = name->caps;
	}
	if (a->port) {
		w.flags |= FI_UET_ADDR_PID_VALID | FI_UET_ADDR_INITIATOR_VALID;
		w.pid_on_fep = htons(name->pid_on_fep);
		w.initiator = htonl(name->initiator);
	}
	w.port = htons((uint16_t)a->port);
	w.resource_index = htons(name->resource_index);
	w.num_indices = htons(name->num_indices);
	memcpy(w.fa, a->ip, a->family == AF_INET ? 4 : 16);
	return put(buf, len, &w, sizeof(w));
}

/* ---- text ---- */

/* Read a number up to @max at *@text and step over it. */
static int read_number(const char **text, uint32_t max, uint32_t *value)
{
	unsigned long n;
	char *end;

	if (**text < '0' || **text > '9')
		return -FI_EINVAL;
	errno = 0;
	n = strtoul(*text, &end, 10);
	if (errno || n > max)
		return -FI_EINVAL;
	*text = end;
	*value = (uint32_t)n;
	return 0;
}

static int read_zone(struct uet_addr *a, const char *zone)
{
	uint32_t index;

	if (*zone >= '0' && *zone <= '9') {
		if (read_number(&zone, UINT32_MAX, &index) || *zone)
			return -FI_EINVAL;
	} else {
		index = if_nametoindex(zone);
		if (!index)
			return -FI_EINVAL;
	}
	if (IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)a->ip))
		a->zone = index;
	return 0;
}

/* "[2001:db8::1%eth0]" at *@text. */
static int read_ipv6(struct uet_addr *a, const char **text)
{
	const char *end = strchr(*text, ']');
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
	struct in6_addr in6;
	char *zone;
	size_t len;

	if (!end)
		return -FI_EINVAL;
	len = (size_t)(end - *text) - 1;
	if (len >= sizeof(host))
		return -FI_EINVAL;
	memcpy(host, *text + 1, len);
	host[len] = '\0';
	zone = strchr(host, '%');
	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, &in6) != 1)
		return -FI_EINVAL;
	*text = end + 1;
	a->family = AF_INET6;
	memcpy(a->ip, &in6, sizeof(a->ip));
	return zone ? read_zone(a, zone) : 0;
}

/* "192.0.2.1" at *@text. */
static int read_ipv4(struct uet_addr *a, const char **text)
{
	size_t len = strspn(*text, "0123456789.");
	char host[INET_ADDRSTRLEN];

	if (len >= sizeof(host))
		return -FI_EINVAL;
	memcpy(host, *text, len);
	host[len] = '\0';
	*text += len;
	a->family = AF_INET;
	return inet_pton(AF_INET, host, a->ip) == 1 ? 0 : -FI_EINVAL;
}

/* "host:port" or "host" at *@text. */
static int read_host(struct uet_addr *a, const char **text)
{
	int ret = **text == '[' ? read_ipv6(a, text) : read_ipv4(a, text);

	if (ret || **text != ':')
		return ret;
	(*text)++;
	return read_number(text, UINT16_MAX, &a->port);
}

/* "/pid/ri/initiator[?abs]" at *@text. */
static int read_parts(struct uet_name *name, const char **text)
{
	static const uint32_t max[] = { UET_12BITS, UET_12BITS, UINT32_MAX };
	uint32_t part[UET_ARRAY_SIZE(max)];
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(max); i++) {
		if (**text != '/')
			return -FI_EINVAL;
		(*text)++;
		if (read_number(text, max[i], &part[i]))
			return -FI_EINVAL;
	}
	name->pid_on_fep = (uint16_t)part[0];
	name->resource_index = (uint16_t)part[1];
	name->initiator = part[2];
	if (strcmp(*text, "?abs") == 0) {
		name->relative = false;
		*text += strlen("?abs");
	}
	return 0;
}

static const struct scheme {
	const char *prefix;
	uint32_t family;	/* 0: either */
	bool parts;		/* PID, RI and initiator may follow */
} schemes[] = {
	{ "fi_sockaddr://", 0, false },
	{ "fi_sockaddr_in://", AF_INET, false },
	{ "fi_sockaddr_in6://", AF_INET6, false },
	{ "fi_addr_uet://", 0, true },
	{ "uet://", 0, true },
};

static const struct scheme *find_scheme(const char **text)
{
	const struct scheme *s;
	size_t len;

	for (s = schemes; s < schemes + UET_ARRAY_SIZE(schemes); s++) {
		len = strlen(s->prefix);
		if (strncmp(*text, s->prefix, len))
			continue;
		*text += len;
		return s;
	}
	return NULL;
}

static int read_text(struct uet_name *name, const char *addr, size_t len)
{
	struct uet_addr a = { .family = AF_UNSPEC };
	char copy[UET_NAME_STRLEN];
	const char *text = copy;
	const struct scheme *s;

	len = len ? strnlen(addr, len) : strlen(addr);
	if (len >= sizeof(copy))
		return -FI_EINVAL;
	memcpy(copy, addr, len);
	copy[len] = '\0';
	s = find_scheme(&text);
	if (!s || read_host(&a, &text) || (s->family && s->family != a.family))
		return -FI_EINVAL;
	if (s->parts && !a.port)
		a.port = UET_PORT;
	uet_name_from_addr(name, &a);
	if (s->parts && *text && read_parts(name, &text))
		return -FI_EINVAL;
	return *text ? -FI_EINVAL : 0;
}

static int write_text(const struct uet_name *name, void *buf, size_t *len)
{
	const struct uet_addr *a = &name->addr;
	char host[UET_ADDR_STRLEN], text[UET_NAME_STRLEN];

	if (a->family != AF_INET && a->family != AF_INET6)
		return -FI_EINVAL;
	uet_addr_str(a, host, sizeof(host));
	if (is_plain(name))
		snprintf(text, sizeof(text), "fi_sockaddr_in%s://%s",
			 a->family == AF_INET ? "" : "6", host);
	else
		snprintf(text, sizeof(text), "uet://%s/%u/%u/%u%s", host, name->pid_on_fep,
			 name->resource_index, name->initiator,
			 name->relative ? "" : "?abs");
	return put(buf, len, text, strlen(text) + 1);
}

/* ---- all formats ---- */

static int read_any(struct uet_name *name, uint32_t format, const void *addr, size_t len)
{
	if (!addr)
		return -FI_EINVAL;
	switch (format) {
	case FI_FORMAT_UNSPEC:
	case FI_SOCKADDR:
#if HAVE_DECL_FI_SOCKADDR_IP
	case FI_SOCKADDR_IP:
#endif
		return read_sockaddr(name, 0, addr, len);
	case FI_SOCKADDR_IN:
		return read_sockaddr(name, AF_INET, addr, len);
	case FI_SOCKADDR_IN6:
		return read_sockaddr(name, AF_INET6, addr, len);
	case FI_ADDR_STR:
		return read_text(name, addr, len);
	case FI_ADDR_UET:
		return read_uet(name, addr, len);
	default:
		return -FI_EINVAL;
	}
}

int uet_name_read(struct uet_name *name, uint32_t format, const void *addr, size_t len)
{
	struct uet_name n;

	if (read_any(&n, format, addr, len) || !n.addr.port || uet_addr_is_any(&n.addr))
		return -FI_EINVAL;
	*name = n;
	return 0;
}

int uet_name_read_local(struct uet_name *name, uint32_t format, const void *addr, size_t len)
{
	struct uet_name n;

	if (read_any(&n, format, addr, len))
		return -FI_EINVAL;
	*name = n;
	return 0;
}

int uet_name_write(const struct uet_name *name, uint32_t format, void *buf, size_t *len)
{
	switch (format) {
	case FI_FORMAT_UNSPEC:
	case FI_SOCKADDR:
#if HAVE_DECL_FI_SOCKADDR_IP
	case FI_SOCKADDR_IP:
#endif
		return write_sockaddr(name, 0, buf, len);
	case FI_SOCKADDR_IN:
		return write_sockaddr(name, AF_INET, buf, len);
	case FI_SOCKADDR_IN6:
		return write_sockaddr(name, AF_INET6, buf, len);
	case FI_ADDR_STR:
		return write_text(name, buf, len);
	case FI_ADDR_UET:
		return write_uet(name, buf, len);
	default:
		return -FI_EINVAL;
	}
}

size_t uet_name_size(uint32_t format, uint32_t family)
{
	switch (format) {
	case FI_SOCKADDR_IN:
		return sizeof(struct sockaddr_in);
	case FI_SOCKADDR_IN6:
		return sizeof(struct sockaddr_in6);
	case FI_ADDR_STR:
		return UET_NAME_STRLEN;
	case FI_ADDR_UET:
		return sizeof(struct fi_uet_addr);
	default:
		return family == AF_INET ? sizeof(struct sockaddr_in) :
					   sizeof(struct sockaddr_in6);
	}
}
