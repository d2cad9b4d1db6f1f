/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * fi_getinfo from inside: info.c finds candidates and builds the answer, lookup.c turns names
 * into addresses, hints.c compares what is asked with what is offered.
 */
#ifndef UET_OFI_INFO_H
#define UET_OFI_INFO_H

#include "ofi/attr.h"

/* What fi_getinfo asks of the system: nic/discover.h. Tests put their own functions here. */
struct uet_info_sys {
	int (*discover)(const char *filter, struct uet_port **ports, size_t *count);
	void (*free)(struct uet_port *ports);
	int (*route)(const struct uet_addr *dst, struct uet_addr *src);
};

extern struct uet_info_sys uet_info_sys;

/* ---- hints.c ---- */

/* Log why a request is refused: "<attribute>: <asked> asked, <offered> offered". */
#define uet_refuse(attribute, ...) \
	FI_INFO(&uet_prov, FI_LOG_CORE, attribute ": " __VA_ARGS__)

/*
 * Compare the parts of @hints (NULL: anything goes) that do not depend on a port with the
 * offer, by the rules of fi_getinfo(3) for an application of API @version. Any part of @hints
 * may be NULL. Returns 0, or -FI_ENODATA with a log line naming the attribute, what was asked,
 * and what is offered.
 */
int uet_hints_check(uint32_t version, const struct fi_info *hints);

/* As uet_hints_check, for the attributes (or NULL) of one direction. */
int uet_hints_check_tx(const struct fi_tx_attr *tx);
int uet_hints_check_rx(const struct fi_rx_attr *rx);

/*
 * The parts that do depend on @port: domain name, address format and inject size. Returns
 * true if @port fits.
 */
bool uet_hints_check_port(const struct fi_info *hints, const struct uet_port *port);

#define UET_MR_CHOICES 2

/*
 * The mr_mode values that an answer to @hints, which uet_hints_check found good, can have, the
 * one to offer first in front. Returns their number, 1 or 2.
 */
size_t uet_hints_mr_modes(uint32_t version, const struct fi_info *hints,
			  int modes[UET_MR_CHOICES]);

/*
 * Fill in the attributes of @info, fresh from fi_allocinfo, for @port: the offer, as @hints
 * (found good) narrow it. Names, addresses, mr_mode and nic are left alone. Returns 0 or
 * -FI_ENOMEM.
 */
int uet_hints_apply(struct fi_info *info, const struct fi_info *hints,
		    const struct uet_port *port);

/* ---- lookup.c ---- */

#define UET_LOOKUP_MAX 16	/* addresses of one node that are considered */

struct uet_lookup {
	struct uet_name names[UET_LOOKUP_MAX];
	size_t count;
};

/*
 * Find the addresses of @node and @service (either may be NULL, not both; @node may also be an
 * address as text, FI_ADDR_STR). @local: without @node, the unspecified addresses instead of
 * the loopback ones. @numeric: @node is not a name. IPv4 comes before IPv6, as among the ports
 * of an interface, so that a client that names a server and a server that names nothing speak
 * the same. Returns 0, -FI_ENODATA with a log line, or -FI_ENOMEM.
 */
int uet_lookup(const char *node, const char *service, bool local, bool numeric,
	       struct uet_lookup *found);

#endif /* UET_OFI_INFO_H */
