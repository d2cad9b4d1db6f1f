/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which NICs and ports this host has: interfaces, their addresses, what sysfs and hwloc
 * know of the hardware behind them, and the order in which to offer them.
 */
#ifndef UET_NIC_DISCOVER_H
#define UET_NIC_DISCOVER_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* Order of offering: lower is better. */
enum uet_port_rank {
	UET_PORT_PHYSICAL,	/* backed by hardware, up */
	UET_PORT_VIRTUAL,	/* bond, vlan, macvlan ... , up */
	UET_PORT_LOOPBACK,
	UET_PORT_CONTAINER,	/* bridges, veth, tap/tun and others of container runtimes */
	UET_PORT_DOWN,		/* no link, or not up */
};

/* One {interface, address} pair. Strings are empty when the system does not tell. */
struct uet_port {
	char name[IF_NAMESIZE];
	unsigned int index;
	struct uet_addr addr;	/* port 0 */
	uint8_t prefix_len;
	uint32_t mtu;
	uint64_t speed;		/* bits per second; 0 = unknown */
	bool up;		/* administratively up and carrier present */
	enum uet_port_rank rank;
	uint8_t mac[6];
	char driver[64];
	char firmware[64];
	char vendor_id[16];	/* "0x8086" */
	char device_id[16];
	char device_version[16];
	bool has_pci;
	uint16_t pci_domain;
	uint8_t pci_bus, pci_device, pci_function;
	int numa_node;		/* -1 = unknown */
	bool near;		/* on the NUMA node(s) this process is bound to, or unknown */
};

/*
 * List the ports of this host that @filter admits, best first: rank, then near the calling
 * process's CPU binding, then speed (fast first), then interface index, IPv4 before IPv6,
 * global before link-local. @filter (NULL or "" = everything) is a comma-separated list of
 * interface names, globs ("eth*"), or subnets ("10.0.0.0/8", "fd00::/8"); a leading '^'
 * makes the whole list an exclusion. Returns 0 with an array in @ports (freed by
 * uet_ports_free) and its length in @count (0 is possible), -EINVAL when @filter cannot be
 * parsed (with a log line naming the bad word), or -ENOMEM.
 */
int uet_ports_discover(const char *filter, struct uet_port **ports, size_t *count);

/* Free the array of uet_ports_discover; NULL is fine. */
void uet_ports_free(struct uet_port *ports);

/*
 * Find the address that the routing table would use as source towards @dst (a connected,
 * never used UDP socket tells). Returns 0 and @src with port 0, or a negative errno.
 */
int uet_ports_route(const struct uet_addr *dst, struct uet_addr *src);

#endif /* UET_NIC_DISCOVER_H */
