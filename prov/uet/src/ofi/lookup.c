/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/info.h"

static bool has(const struct uet_lookup *found, const struct uet_addr *a)
{
	size_t i;

	for (i = 0; i < found->count; i++)
		if (uet_addr_equal(&found->names[i].addr, a))
			return true;
	return false;
}

static void add_family(const struct addrinfo *list, int family, struct uet_lookup *found)
{
	struct uet_addr a;

	for (; list; list = list->ai_next) {
		if (list->ai_family != family || found->count == UET_LOOKUP_MAX)
			continue;
		if (uet_addr_from_sockaddr(&a, list->ai_addr, list->ai_addrlen) || has(found, &a))
			continue;
		uet_name_from_addr(&found->names[found->count++], &a);
	}
}

/* getaddrinfo(3) may take the low 16 bits of a larger number. */
static bool is_service(const char *service)
{
	return service[strspn(service, "0123456789")] ||
	       (strlen(service) < 10 && strtoul(service, NULL, 10) <= UINT16_MAX);
}

static int lookup_text(const char *node, const char *service, struct uet_lookup *found)
{
	if (service || uet_name_read_local(&found->names[0], FI_ADDR_STR, node, 0)) {
		uet_refuse("node", "%s is not an address, or has a service beside it\n", node);
		return -FI_ENODATA;
	}
	found->count = 1;
	return 0;
}

int uet_lookup(const char *node, const char *service, bool local, bool numeric,
	       struct uet_lookup *found)
{
	struct addrinfo ask = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = (local ? AI_PASSIVE : 0) | (numeric ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *list;
	int ret;

	found->count = 0;
	if (node && strstr(node, "://"))
		return lookup_text(node, service, found);
	if (service && !is_service(service)) {
		uet_refuse("service", "%s is above 65535\n", service);
		return -FI_ENODATA;
	}
	ret = getaddrinfo(node, service, &ask, &list);
	if (ret == EAI_MEMORY)
		return -FI_ENOMEM;
	if (ret) {
		uet_refuse("node", "%s, service %s: %s\n", node ? node : "(none)",
			   service ? service : "(none)", gai_strerror(ret));
		return -FI_ENODATA;
	}
	add_family(list, AF_INET, found);
	add_family(list, AF_INET6, found);
	freeaddrinfo(list);
	return found->count ? 0 : -FI_ENODATA;
}
