/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What sysfs tells of a network interface:
 *
 *   class/net/eth0/device -> ../../../0000:03:00.0            a NIC on PCI
 *   class/net/eth0/device -> ../../../0000:00:03.0/virtio2    a device below one on PCI
 *   class/net/bond0, lo, veth12ab ...                         no device
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "nic/discover_priv.h"

#define MBIT	1000000ull

/* Read the first line of @dir/@name into @buf; false when there is none. */
static bool read_line(const char *dir, const char *name, char *buf, size_t len)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, len - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0] != '\0';
}

static bool read_number(const char *dir, const char *name, long long *value)
{
	char buf[32], *end;
	long long v;

	if (!read_line(dir, name, buf, sizeof(buf)))
		return false;
	errno = 0;
	v = strtoll(buf, &end, 10);
	if (errno || *end)
		return false;
	*value = v;
	return true;
}

static bool exists(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path) &&
	       !access(path, F_OK);
}

/* Resolve the link @dir/@name into @path of PATH_MAX bytes. */
static bool resolve(const char *dir, const char *name, char *path)
{
	char from[PATH_MAX];

	return snprintf(from, sizeof(from), "%s/%s", dir, name) < (int)sizeof(from) &&
	       realpath(from, path);
}

static bool parse_pci(const char *text, struct uet_port *port)
{
	unsigned int domain, bus, dev, fn;
	int end = 0;

	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end) != 4 || text[end])
		return false;
	port->has_pci = true;
	port->pci_domain = (uint16_t)domain;
	port->pci_bus = (uint8_t)bus;
	port->pci_device = (uint8_t)dev;
	port->pci_function = (uint8_t)fn;
	return true;
}

/* Cut @path back to its last component that is a PCI address. */
static bool find_pci(char *path, struct uet_port *port)
{
	char *slash;

	for (; (slash = strrchr(path, '/')); *slash = '\0')
		if (parse_pci(slash + 1, port))
			return true;
	return false;
}

static void fill_driver(const char *dev, struct uet_port *port)
{
	char path[PATH_MAX];

	if (port->driver[0] || !resolve(dev, "driver", path))
		return;
	snprintf(port->driver, sizeof(port->driver), "%.*s", (int)sizeof(port->driver) - 1,
		 strrchr(path, '/') + 1);
}

static void fill_device(const char *dir, struct uet_port *port)
{
	char dev[PATH_MAX], pci[PATH_MAX];
	long long node;

	if (!resolve(dir, "device", dev))
		return;
	fill_driver(dev, port);
	memcpy(pci, dev, strlen(dev) + 1);
	/* A virtio device has ids of its own; those on PCI are the ones that lspci shows. */
	if (find_pci(pci, port))
		memcpy(dev, pci, strlen(pci) + 1);
	(void)read_line(dev, "vendor", port->vendor_id, sizeof(port->vendor_id));
	(void)read_line(dev, "device", port->device_id, sizeof(port->device_id));
	(void)read_line(dev, "revision", port->device_version, sizeof(port->device_version));
	if (read_number(dev, "numa_node", &node) && node >= 0 && node <= INT_MAX)
		port->numa_node = (int)node;
}

/* The value of DEVTYPE in @dir/uevent, "" without one. */
static void read_devtype(const char *dir, char *type, size_t len)
{
	char path[PATH_MAX], line[128];
	FILE *f;

	type[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/uevent", dir) >= (int)sizeof(path))
		return;
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "DEVTYPE=", 8)) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(type, len, "%.*s", (int)len - 1, line + 8);
		}
	fclose(f);
}

static bool carrier_lost(const char *dir)
{
	static const char *const dead[] = { "down", "lowerlayerdown", "notpresent", "dormant" };
	char state[32];
	long long carrier;
	size_t i;

	if (read_number(dir, "carrier", &carrier) && !carrier)
		return true;
	if (!read_line(dir, "operstate", state, sizeof(state)))
		return false;
	for (i = 0; i < UET_ARRAY_SIZE(dead); i++)
		if (!strcmp(state, dead[i]))
			return true;
	return false;
}

void uet_sysfs_fill(const char *root, struct uet_port *port, struct uet_sysfs_link *link)
{
	char dir[PATH_MAX], type[16];
	long long v;

	memset(link, 0, sizeof(*link));
	if (snprintf(dir, sizeof(dir), "%s/class/net/%s", root, port->name) >= (int)sizeof(dir))
		return;
	if (!read_number(dir, "ifindex", &v) || v != port->index)
		return;
	if (read_number(dir, "speed", &v) && v > 0 && v < UINT32_MAX)
		port->speed = (uint64_t)v * MBIT;
	if (!port->mtu && read_number(dir, "mtu", &v) && v > 0 && v <= UINT32_MAX)
		port->mtu = (uint32_t)v;
	read_devtype(dir, type, sizeof(type));
	link->device = exists(dir, "device");
	link->bridge = exists(dir, "bridge") || !strcmp(type, "bridge");
	link->stacked = exists(dir, "bonding") || !strcmp(type, "bond") || !strcmp(type, "vlan");
	link->tun = exists(dir, "tun_flags");
	link->no_carrier = carrier_lost(dir);
	fill_device(dir, port);
}

int uet_sysfs_only_node(const char *root)
{
	char dir[PATH_MAX];
	long long node;

	if (snprintf(dir, sizeof(dir), "%s/devices/system/node", root) >= (int)sizeof(dir))
		return -1;
	/* A list or a range ("0-3", "0,2") is no number. */
	if (!read_number(dir, "online", &node) || node < 0 || node > INT_MAX)
		return -1;
	return (int)node;
}
