/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The address of a packet endpoint, as every floor sees it: 28 bytes, no padding,
 * unused bytes zero, so that two addresses are equal exactly when memcmp says so.
 *
 *   UDP:   ip = IPv6 address, or IPv4 in bytes 0-3;  port = UDP port;  zone = IPv6 scope id
 *   verbs: ip = GID;                                 port = QPN;       zone = Q-key
 */
#ifndef UET_BASE_ADDR_H
#define UET_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define UET_ADDR_STRLEN 72	/* longest text of uet_addr_str, with the final NUL */

struct uet_addr {
	uint8_t ip[16];
	uint32_t port;		/* host order */
	uint32_t zone;		/* host order */
	uint32_t family;	/* AF_INET, AF_INET6, AF_IB; 0 = no address */
};

/* True if @a and @b are the same host (port ignored). */
static inline bool uet_addr_same_host(const struct uet_addr *a, const struct uet_addr *b)
{
	uint64_t v[4];

	/* As words: for this, compilers call memcmp. */
	memcpy(v, a->ip, 16);
	memcpy(v + 2, b->ip, 16);
	return !((v[0] ^ v[2]) | (v[1] ^ v[3]) | (a->family ^ b->family) | (a->zone ^ b->zone));
}

/* True if @a and @b are the same address, port included. */
static inline bool uet_addr_equal(const struct uet_addr *a, const struct uet_addr *b)
{
	return a->port == b->port && uet_addr_same_host(a, b);
}

/* A hash of @a, mixed with @key; all bits are good. */
static inline uint32_t uet_addr_hash(const struct uet_addr *a, uint32_t key)
{
	uint64_t w[3], h;

	memcpy(w, a, sizeof(w));
	h = (w[0] ^ w[1] << 32 ^ w[1] >> 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29 ^ w[2] ^ (uint64_t)key << 40) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(h >> 32);
}

/*
 * Convert socket address @sa of @len bytes. Returns 0, or -EINVAL when the family is
 * neither AF_INET nor AF_INET6 or @len is too short; @a is written on success only.
 * The scope id is kept for link-local IPv6 addresses only (ip(7), ipv6(7)).
 */
int uet_addr_from_sockaddr(struct uet_addr *a, const struct sockaddr *sa, size_t len);

/*
 * Convert @a to a socket address in @ss; returns its length, 0 when @a is not an IP
 * address.
 */
socklen_t uet_addr_to_sockaddr(const struct uet_addr *a, struct sockaddr_storage *ss);

/*
 * Print @a as "192.0.2.1:4793" or "[2001:db8::1%2]:4793" into @buf of @len bytes,
 * always NUL-terminated. Returns @buf.
 */
char *uet_addr_str(const struct uet_addr *a, char *buf, size_t len);

/* True if @a is an unspecified ("any") address; the port does not matter. */
bool uet_addr_is_any(const struct uet_addr *a);

#endif /* UET_BASE_ADDR_H */
