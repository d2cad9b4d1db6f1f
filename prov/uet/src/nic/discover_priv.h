/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of port discovery share, and where they get their facts, so that a test
 * can put a made-up host in place of this one.
 */
#ifndef UET_NIC_DISCOVER_PRIV_H
#define UET_NIC_DISCOVER_PRIV_H

#include <ifaddrs.h>
#include <stddef.h>

#include "nic/discover.h"

/* Sources of facts about a host. */
struct uet_host {
	const char *sysfs;				/* where sysfs is mounted */
	int (*get_addrs)(struct ifaddrs **list);	/* getifaddrs(3) */
	void (*free_addrs)(struct ifaddrs *list);
	void (*ask_kernel)(struct uet_port *port);	/* uet_link_ask */
	void (*locate)(struct uet_port *port);		/* uet_topo_locate */
};

/* As uet_ports_discover, on @host. */
int uet_ports_discover_on(const struct uet_host *host, const char *filter,
			  struct uet_port **ports, size_t *count);

/* filter.c: which interfaces and addresses a user wants */

struct uet_filter;

/*
 * Parse @text as uet_ports_discover describes; NULL or "" admits everything. Returns 0 and
 * the object in @filter (to be freed with uet_filter_free), -EINVAL with a log line that
 * names the bad word, or -ENOMEM.
 */
int uet_filter_parse(const char *text, struct uet_filter **filter);

/* True if interface @name with address @addr passes. */
bool uet_filter_admits(const struct uet_filter *filter, const char *name,
		       const struct uet_addr *addr);

/* Free @filter; NULL is fine. */
void uet_filter_free(struct uet_filter *filter);

/* sysfs.c: /sys/class/net (sysfs(5)) */

/* What sysfs knows of an interface beyond the fields of struct uet_port. */
struct uet_sysfs_link {
	bool device;		/* hardware stands behind it */
	bool bridge;
	bool stacked;		/* a bond or VLAN */
	bool tun;
	bool no_carrier;
};

/*
 * Fill what sysfs (mounted at @root) knows of the interface with @port's name and index:
 * speed, driver, ids, PCI address, NUMA node, and MTU where that is still 0. An entry of
 * another interface of the same name (sysfs of another network namespace) is ignored.
 * What is not known stays as it was.
 */
void uet_sysfs_fill(const char *root, struct uet_port *port, struct uet_sysfs_link *link);

/* The only NUMA node of the host with sysfs at @root; -1 if there are several, or unknown. */
int uet_sysfs_only_node(const char *root);

/* link.c */

/*
 * Ask the kernel for MTU, driver and firmware version of the interface @port->name
 * (netdevice(7), ETHTOOL_GDRVINFO). What it does not tell stays as it was.
 */
void uet_link_ask(struct uet_port *port);

/* topo.c */

/*
 * Set @port->near: whether the PCI device of @port, or else its NUMA node, is local to the
 * processors that the calling thread may use (hwloc). True when nobody knows. Sets
 * numa_node too if it is -1 and hwloc knows it. Thread safe.
 */
void uet_topo_locate(struct uet_port *port);

#endif /* UET_NIC_DISCOVER_PRIV_H */
