/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/util.h"

_Static_assert(sizeof(struct uet_addr) == 28, "uet_addr_equal compares bytes: no padding");

int uet_addr_from_sockaddr(struct uet_addr *a, const struct sockaddr *sa, size_t len)
{
	sa_family_t family;

	/* Copies throughout: the caller's bytes may be unaligned. */
	if (len < offsetof(struct sockaddr, sa_family) + sizeof(family))
		return -EINVAL;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));

	if (family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		*a = (struct uet_addr){ .family = AF_INET, .port = ntohs(in.sin_port) };
		memcpy(a->ip, &in.sin_addr, sizeof(in.sin_addr));
		return 0;
	}
	if (family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		*a = (struct uet_addr){ .family = AF_INET6, .port = ntohs(in6.sin6_port) };
		memcpy(a->ip, &in6.sin6_addr, sizeof(a->ip));
		if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
			a->zone = in6.sin6_scope_id;
		return 0;
	}
	return -EINVAL;
}

socklen_t uet_addr_to_sockaddr(const struct uet_addr *a, struct sockaddr_storage *ss)
{
	if (a->family == AF_INET) {
		struct sockaddr_in in = {
			.sin_family = AF_INET,
			.sin_port = htons((uint16_t)a->port),
		};

		memcpy(&in.sin_addr, a->ip, sizeof(in.sin_addr));
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == AF_INET6) {
		struct sockaddr_in6 in6 = {
			.sin6_family = AF_INET6,
			.sin6_port = htons((uint16_t)a->port),
			.sin6_scope_id = a->zone,
		};

		memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
		memcpy(ss, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

char *uet_addr_str(const struct uet_addr *a, char *buf, size_t len)
{
	char ip[INET6_ADDRSTRLEN];

	switch (a->family) {
	case AF_INET:
		inet_ntop(AF_INET, a->ip, ip, sizeof(ip));
		snprintf(buf, len, "%s:%u", ip, a->port);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		if (a->zone)
			snprintf(buf, len, "[%s%%%u]:%u", ip, a->zone, a->port);
		else
			snprintf(buf, len, "[%s]:%u", ip, a->port);
		break;
	case AF_IB:	/* GID and QPN; the Q-key is not for logs */
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		snprintf(buf, len, "ib[%s]:%u", ip, a->port);
		break;
	case AF_UNSPEC:
		snprintf(buf, len, "none");
		break;
	default:
		snprintf(buf, len, "family %u", a->family);
		break;
	}
	return buf;
}

bool uet_addr_is_any(const struct uet_addr *a)
{
	static const uint8_t any[sizeof(a->ip)];

	return a->family != AF_UNSPEC && memcmp(a->ip, any, sizeof(any)) == 0;
}
