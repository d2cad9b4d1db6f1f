/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Port discovery on made-up hosts (a sysfs tree in a temporary folder, a table instead of
 * getifaddrs), and a look at the real one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "nic/discover_priv.h"

#define ON	(IFF_UP | IFF_RUNNING)
#define MAX_FAKES 40

/* --- a made-up host ----------------------------------------------------------------- */

struct fake {
	const char *name;
	unsigned int flags;
	const char *addr;	/* with prefix length */
	const char *device;	/* below devices/ of sysfs; NULL = no hardware */
	const char *mark;	/* file in the interface's folder that tells its kind */
	const char *devtype;
	const char *driver;	/* as ethtool names it */
	const char *speed;
	const char *operstate;
	const char *carrier;
	enum uet_port_rank rank;
};

#define PCI_A	"pci0000:00/0000:03:00.0"
#define PCI_B	"pci0000:80/0001:81:1f.7"
#define VIRTIO	"pci0000:00/0000:00:03.0/virtio2"
#define USB	"platform/usb1/1-1"

/* In the order of getifaddrs, the worst first. */
static const struct fake zoo[] = {
	{ .name = "lo", .flags = ON | IFF_LOOPBACK, .addr = "127.0.0.1/8",
	  .operstate = "unknown", .rank = UET_PORT_LOOPBACK },
	{ .name = "docker0", .flags = ON, .addr = "172.17.0.1/16", .mark = "bridge",
	  .devtype = "bridge", .driver = "bridge", .rank = UET_PORT_CONTAINER },
	{ .name = "br-0123456789ab", .flags = ON, .addr = "172.18.0.1/16", .devtype = "bridge",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "lan", .flags = ON, .addr = "172.19.0.1/16", .mark = "bridge",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "virbr0", .flags = ON, .addr = "192.168.122.1/24",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "veth12ab", .flags = ON, .addr = "169.254.3.4/16", .rank = UET_PORT_CONTAINER },
	{ .name = "eth9", .flags = ON, .addr = "10.88.0.2/16", .driver = "veth",
	  .speed = "10000", .rank = UET_PORT_CONTAINER },
	{ .name = "cni0", .flags = ON, .addr = "10.42.0.1/24", .rank = UET_PORT_CONTAINER },
	{ .name = "flannel.1", .flags = ON, .addr = "10.42.0.0/32", .devtype = "vxlan",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "cali0a1b2c", .flags = ON, .addr = "169.254.1.1/32",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "vpn", .flags = ON, .addr = "10.8.0.2/24", .mark = "tun_flags",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "corp", .flags = ON, .addr = "10.9.0.2/24", .driver = "tun",
	  .rank = UET_PORT_CONTAINER },
	{ .name = "tun3", .flags = ON, .addr = "10.10.0.2/24", .rank = UET_PORT_CONTAINER },
	{ .name = "tap0", .flags = ON, .addr = "10.11.0.2/24", .rank = UET_PORT_CONTAINER },
	{ .name = "lxcbr0", .flags = ON, .addr = "10.0.3.1/24", .rank = UET_PORT_CONTAINER },
	{ .name = "podman0", .flags = ON, .addr = "10.89.0.1/24", .rank = UET_PORT_CONTAINER },
	{ .name = "bond0", .flags = ON, .addr = "10.1.0.1/24", .mark = "bonding",
	  .driver = "bonding", .speed = "50000", .rank = UET_PORT_VIRTUAL },
	{ .name = "tap-bond", .flags = ON, .addr = "10.1.1.1/24", .devtype = "bond",
	  .rank = UET_PORT_VIRTUAL },
	{ .name = "br-x.7", .flags = ON, .addr = "10.1.2.1/24", .devtype = "vlan",
	  .rank = UET_PORT_VIRTUAL },
	{ .name = "macvlan0", .flags = ON, .addr = "10.1.3.1/24", .driver = "macvlan",
	  .rank = UET_PORT_VIRTUAL },
	{ .name = "eth0", .flags = ON, .addr = "10.2.0.1/24", .device = PCI_A,
	  .driver = "ice", .speed = "25000", .operstate = "up", .carrier = "1",
	  .rank = UET_PORT_PHYSICAL },
	{ .name = "docker7", .flags = ON, .addr = "10.2.1.1/24", .device = PCI_B,
	  .driver = "mlx5_core", .speed = "100000", .rank = UET_PORT_PHYSICAL },
	{ .name = "veth", .flags = ON, .addr = "10.2.2.1/24", .device = VIRTIO, .speed = "-1",
	  .rank = UET_PORT_PHYSICAL },
	{ .name = "enx0", .flags = ON, .addr = "10.2.3.1/24", .device = USB, .speed = "1000",
	  .rank = UET_PORT_PHYSICAL },
	{ .name = "eth1", .flags = IFF_UP, .addr = "10.3.0.1/24", .device = PCI_A,
	  .rank = UET_PORT_DOWN },
	{ .name = "eth2", .flags = IFF_RUNNING, .addr = "10.3.1.1/24", .device = PCI_A,
	  .rank = UET_PORT_DOWN },
	{ .name = "eth3", .flags = ON, .addr = "10.3.2.1/24", .device = PCI_A,
	  .operstate = "lowerlayerdown", .rank = UET_PORT_DOWN },
	{ .name = "eth4", .flags = ON, .addr = "10.3.3.1/24", .device = PCI_A, .carrier = "0",
	  .operstate = "unknown", .rank = UET_PORT_DOWN },
	{ .name = "docker1", .flags = IFF_UP, .addr = "172.20.0.1/16", .mark = "bridge",
	  .rank = UET_PORT_DOWN },
	{ .name = "lo1", .flags = IFF_LOOPBACK, .addr = "127.0.0.2/8", .rank = UET_PORT_DOWN },
};

static const struct fake *fakes;
static size_t fake_count;
static char root[64];
static const char *far_name;	/* the interface that is on the other side of the machine */
static int located;

static void make_dirs(const char *path)
{
	char buf[512];
	char *p;

	snprintf(buf, sizeof(buf), "%s", path);
	for (p = buf + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(buf, 0755);
		*p = '/';
	}
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	make_dirs(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void put_link(const char *dir, const char *name, const char *target)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	make_dirs(path);
	assert_int_equal(symlink(target, path), 0);
}

static void put_device(const char *where)
{
	char dir[256], pci[512];

	snprintf(dir, sizeof(dir), "%s/devices/%s", root, where);
	put(dir, "vendor", "0xffff");
	if (strcmp(where, USB)) {
		snprintf(pci, sizeof(pci), "%s", dir);
		if (!strcmp(where, VIRTIO))
			*strrchr(pci, '/') = '\0';
		put(pci, "vendor", "0x15b3");
		put(pci, "device", "0x1017");
		put(pci, "revision", "0x01");
		put(pci, "numa_node", !strcmp(where, PCI_B) ? "1" : "-1");
	}
	snprintf(pci, sizeof(pci), "%s/drivers/some_driver/x", root);
	make_dirs(pci);
	snprintf(pci, sizeof(pci), "%s/driver", dir);
	if (access(pci, F_OK)) {
		snprintf(pci, sizeof(pci), "%s/drivers/some_driver", root);
		put_link(dir, "driver", pci);
	}
}

static void put_fake(const struct fake *f, int index)
{
	char dir[256], text[300];

	snprintf(dir, sizeof(dir), "%s/class/net/%s", root, f->name);
	snprintf(text, sizeof(text), "%d", index);
	put(dir, "ifindex", text);
	put(dir, "mtu", "4321");
	snprintf(text, sizeof(text), "INTERFACE=%s\nIFINDEX=%d%s%s", f->name, index,
		 f->devtype ? "\nDEVTYPE=" : "", f->devtype ? f->devtype : "");
	put(dir, "uevent", text);
	if (f->speed)
		put(dir, "speed", f->speed);
	if (f->operstate)
		put(dir, "operstate", f->operstate);
	if (f->carrier)
		put(dir, "carrier", f->carrier);
	if (f->mark)
		put(dir, f->mark, "");
	if (f->device) {
		put_device(f->device);
		snprintf(text, sizeof(text), "%s/devices/%s", root, f->device);
		put_link(dir, "device", text);
	}
}

static void build_host(const struct fake *table, size_t n)
{
	char dir[128];
	size_t i;

	fakes = table;
	fake_count = n;
	far_name = NULL;
	located = 0;
	snprintf(root, sizeof(root), "/tmp/test_nic_discover.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/devices/system/node", root);
	put(dir, "online", "0-1");
	for (i = 0; i < n; i++)
		if (!strchr(table[i].name, ':'))
			put_fake(&table[i], (int)i + 1);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void drop_host(void)
{
	assert_int_equal(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct sockaddr *fake_addr(const char *text, struct sockaddr **mask)
{
	struct sockaddr_storage *ss = calloc(2, sizeof(*ss));
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	char ip[64];
	uint8_t *bits;
	int len, i;

	assert_int_equal(sscanf(text, "%63[^/]/%d", ip, &len), 2);
	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		bits = (uint8_t *)&((struct sockaddr_in *)(ss + 1))->sin_addr;
	} else {
		assert_int_equal(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
		in6->sin6_scope_id = 1;
		bits = (uint8_t *)&((struct sockaddr_in6 *)(ss + 1))->sin6_addr;
	}
	for (i = 0; i < len; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	*mask = (struct sockaddr *)(ss + 1);
	return (struct sockaddr *)ss;
}

static struct sockaddr *fake_link(size_t index)
{
	struct sockaddr_ll *ll = calloc(1, sizeof(*ll));

	ll->sll_family = AF_PACKET;
	ll->sll_ifindex = (int)index;
	ll->sll_halen = 6;
	ll->sll_addr[0] = 2;
	ll->sll_addr[5] = (uint8_t)index;
	return (struct sockaddr *)ll;
}

/* Links first, then addresses, and an entry without address, as the C library does it. */
static int fake_get_addrs(struct ifaddrs **list)
{
	struct ifaddrs *all = calloc(2 * fake_count + 1, sizeof(*all));
	size_t i;

	assert_non_null(all);
	for (i = 0; i < fake_count; i++) {
		all[i].ifa_name = (char *)(uintptr_t)fakes[i].name;
		all[i].ifa_flags = fakes[i].flags;
		all[i].ifa_addr = fake_link(i + 1);
		all[fake_count + i] = all[i];
		all[fake_count + i].ifa_addr = fake_addr(fakes[i].addr,
							 &all[fake_count + i].ifa_netmask);
	}
	all[2 * fake_count].ifa_name = (char *)(uintptr_t)"ppp0";
	for (i = 0; i < 2 * fake_count; i++)
		all[i].ifa_next = &all[i + 1];
	*list = all;
	return 0;
}

static void fake_free_addrs(struct ifaddrs *list)
{
	struct ifaddrs *i;

	for (i = list; i; i = i->ifa_next)
		free(i->ifa_addr);
	free(list);
}

static void fake_ask_kernel(struct uet_port *port)
{
	size_t i;

	for (i = 0; i < fake_count; i++)
		if (!strcmp(fakes[i].name, port->name) && fakes[i].driver)
			snprintf(port->driver, sizeof(port->driver), "%s", fakes[i].driver);
}

static void fake_locate(struct uet_port *port)
{
	located++;
	port->near = !far_name || strcmp(far_name, port->name);
}

static const struct uet_host host = {
	.sysfs = root,
	.get_addrs = fake_get_addrs,
	.free_addrs = fake_free_addrs,
	.ask_kernel = fake_ask_kernel,
	.locate = fake_locate,
};

static struct uet_port *find(struct uet_port *ports, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(ports[i].name, name))
			return &ports[i];
	fail_msg("%s is not listed", name);
	return NULL;
}

/* The names of what discovery lists for @filter, in order, separated by spaces. */
static void list_names(const char *filter, char *out, size_t len)
{
	struct uet_port *ports = NULL;
	size_t n, i, used = 0;

	out[0] = '\0';
	assert_int_equal(uet_ports_discover_on(&host, filter, &ports, &n), 0);
	for (i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, len - used, "%s%s", i ? " " : "",
					 ports[i].name);
	uet_ports_free(ports);
}

/* --- ranks, facts, order ------------------------------------------------------------ */

static void test_ranks(void **state)
{
	struct uet_port *ports, *p;
	size_t n, i;

	(void)state;
	build_host(zoo, UET_ARRAY_SIZE(zoo));
	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(n, UET_ARRAY_SIZE(zoo));
	for (i = 0; i < n; i++) {
		p = find(ports, n, zoo[i].name);
		if (p->rank != zoo[i].rank)
			fail_msg("%s: rank %d instead of %d", p->name, p->rank, zoo[i].rank);
		assert_int_equal(p->up, zoo[i].rank != UET_PORT_DOWN);
		if (i)
			assert_true(ports[i].rank >= ports[i - 1].rank);
	}
	assert_int_equal(located, n);
	uet_ports_free(ports);
	drop_host();
}

static void test_facts(void **state)
{
	struct uet_port *ports, *p;
	size_t n;

	(void)state;
	build_host(zoo, UET_ARRAY_SIZE(zoo));
	assert_int_equal(uet_ports_discover_on(&host, "", &ports, &n), 0);

	p = find(ports, n, "docker7");
	assert_int_equal(p->index, 22);
	assert_int_equal(p->mtu, 4321);
	assert_int_equal(p->speed, 100000000000ull);
	assert_int_equal(p->mac[0], 2);
	assert_int_equal(p->mac[5], 22);
	assert_string_equal(p->driver, "mlx5_core");
	assert_string_equal(p->firmware, "");
	assert_string_equal(p->vendor_id, "0x15b3");
	assert_string_equal(p->device_id, "0x1017");
	assert_string_equal(p->device_version, "0x01");
	assert_true(p->has_pci);
	assert_int_equal(p->pci_domain, 1);
	assert_int_equal(p->pci_bus, 0x81);
	assert_int_equal(p->pci_device, 0x1f);
	assert_int_equal(p->pci_function, 7);
	assert_int_equal(p->numa_node, 1);
	assert_int_equal(p->addr.family, AF_INET);
	assert_int_equal(p->addr.ip[2], 1);
	assert_int_equal(p->addr.port, 0);
	assert_int_equal(p->prefix_len, 24);

	p = find(ports, n, "veth");	/* virtio: ids and address of the PCI device */
	assert_string_equal(p->driver, "some_driver");
	assert_string_equal(p->vendor_id, "0x15b3");
	assert_true(p->has_pci);
	assert_int_equal(p->pci_device, 3);
	assert_int_equal(p->speed, 0);
	assert_int_equal(p->numa_node, -1);

	p = find(ports, n, "enx0");	/* not on PCI */
	assert_false(p->has_pci);
	assert_string_equal(p->vendor_id, "0xffff");
	assert_string_equal(p->device_id, "");

	p = find(ports, n, "lo");
	assert_false(p->has_pci);
	assert_string_equal(p->driver, "");
	assert_int_equal(p->prefix_len, 8);
	uet_ports_free(ports);
	drop_host();
}

static const struct fake four[] = {
	{ .name = "slow", .flags = ON, .addr = "fe80::1/64", .device = PCI_A, .speed = "1000" },
	{ .name = "far", .flags = ON, .addr = "10.0.1.1/24", .device = PCI_A, .speed = "400000" },
	{ .name = "fast2", .flags = ON, .addr = "10.0.2.1/24", .device = PCI_A,
	  .speed = "100000" },
	{ .name = "lo", .flags = ON | IFF_LOOPBACK, .addr = "::1/128" },
	{ .name = "fast5", .flags = ON, .addr = "10.0.3.1/24", .device = PCI_A,
	  .speed = "100000" },
	{ .name = "unknown", .flags = ON, .addr = "10.0.4.1/24", .device = PCI_A },
};

static void test_order(void **state)
{
	char names[256];

	(void)state;
	build_host(four, UET_ARRAY_SIZE(four));
	list_names(NULL, names, sizeof(names));
	assert_string_equal(names, "far fast2 fast5 slow unknown lo");
	far_name = "far";
	list_names(NULL, names, sizeof(names));
	assert_string_equal(names, "fast2 fast5 slow unknown far lo");
	drop_host();
}

static void test_filtered(void **state)
{
	struct uet_port *ports = NULL;
	char names[256];
	size_t n;

	(void)state;
	build_host(four, UET_ARRAY_SIZE(four));
	list_names("^fast*,fe80::/10", names, sizeof(names));
	assert_string_equal(names, "far unknown lo");
	list_names("nothere0", names, sizeof(names));
	assert_string_equal(names, "");
	assert_int_equal(located, 3);	/* nobody looks at what is not wanted */
	assert_int_equal(uet_ports_discover_on(&host, "far,", &ports, &n), -EINVAL);
	assert_null(ports);
	drop_host();
}

/* One interface with many addresses: aliases belong to it, the primary one stays first. */
static void test_addresses(void **state)
{
	static const struct fake table[] = {
		{ .name = "eth0", .flags = ON, .addr = "fe80::5/64", .device = PCI_A },
		{ .name = "eth0", .flags = ON, .addr = "fd00::9/64" },
		{ .name = "eth0", .flags = ON, .addr = "169.254.7.7/16" },
		{ .name = "eth0", .flags = ON, .addr = "10.0.0.9/24" },
		{ .name = "eth0:1", .flags = ON, .addr = "10.0.0.5/24" },
	};
	static const char *const want[] = { "10.0.0.9:0", "10.0.0.5:0", "169.254.7.7:0",
					    "[fd00::9]:0", "[fe80::5%1]:0" };
	char text[UET_ADDR_STRLEN];
	struct uet_port *ports;
	size_t n, i;

	(void)state;
	build_host(table, 1);
	fake_count = UET_ARRAY_SIZE(table);
	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(n, UET_ARRAY_SIZE(want));
	for (i = 0; i < n; i++) {
		assert_string_equal(ports[i].name, "eth0");
		assert_int_equal(ports[i].index, 1);
		assert_int_equal(ports[i].rank, UET_PORT_PHYSICAL);
		assert_string_equal(uet_addr_str(&ports[i].addr, text, sizeof(text)), want[i]);
	}
	assert_int_equal(ports[3].prefix_len, 64);
	assert_int_equal(located, 1);
	uet_ports_free(ports);
	drop_host();
}

/* sysfs of another network namespace has an entry of the same name. */
static void test_foreign_sysfs(void **state)
{
	struct uet_port *ports;
	char dir[128];
	size_t n;

	(void)state;
	build_host(&zoo[20], 1);
	snprintf(dir, sizeof(dir), "%s/class/net/eth0", root);
	put(dir, "ifindex", "77");
	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ports[0].rank, UET_PORT_VIRTUAL);
	assert_false(ports[0].has_pci);
	assert_int_equal(ports[0].speed, 0);
	assert_string_equal(ports[0].vendor_id, "");
	uet_ports_free(ports);
	drop_host();
}

/* No sysfs at all, or nonsense in it. */
static void test_broken_sysfs(void **state)
{
	struct uet_port *ports;
	char dir[128];
	size_t n;

	(void)state;
	build_host(&zoo[20], 1);
	snprintf(dir, sizeof(dir), "%s/class/net/eth0", root);
	put(dir, "speed", "99999999999999999999999");
	put(dir, "operstate", "");
	put(dir, "mtu", "many");
	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(ports[0].speed, 0);
	assert_int_equal(ports[0].mtu, 0);
	assert_true(ports[0].up);
	uet_ports_free(ports);
	drop_host();

	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ports[0].rank, UET_PORT_VIRTUAL);
	uet_ports_free(ports);
}

/* One NUMA node: everything is near, without asking for a topology. */
static void test_one_node(void **state)
{
	struct uet_port *ports;
	char dir[128];
	size_t n;

	(void)state;
	build_host(zoo, UET_ARRAY_SIZE(zoo));
	far_name = "eth0";
	snprintf(dir, sizeof(dir), "%s/devices/system/node", root);
	put(dir, "online", "0");
	assert_int_equal(uet_ports_discover_on(&host, NULL, &ports, &n), 0);
	assert_int_equal(located, 0);
	assert_true(find(ports, n, "eth0")->near);
	assert_int_equal(find(ports, n, "eth0")->numa_node, 0);
	assert_int_equal(find(ports, n, "docker7")->numa_node, 1);
	assert_int_equal(find(ports, n, "lo")->numa_node, -1);
	uet_ports_free(ports);
	drop_host();
}

static int no_addrs(struct ifaddrs **list)
{
	(void)list;
	errno = EMFILE;
	return -1;
}

static void test_no_list(void **state)
{
	struct uet_host poor = host;
	struct uet_port *ports = NULL;
	size_t n;

	(void)state;
	poor.get_addrs = no_addrs;
	assert_int_equal(uet_ports_discover_on(&poor, NULL, &ports, &n), -ENOMEM);
	assert_null(ports);
}

/* --- this host ---------------------------------------------------------------------- */

static void test_this_host(void **state)
{
	struct uet_port *ports, *lo;
	size_t n;

	(void)state;
	assert_int_equal(uet_ports_discover("127.0.0.1/32", &ports, &n), 0);
	assert_int_equal(n, 1);
	lo = &ports[0];
	assert_true(lo->mtu >= 1500);
	assert_true(lo->up);
	assert_true(lo->near);
	assert_int_equal(lo->rank, UET_PORT_LOOPBACK);
	assert_int_equal(lo->index, if_nametoindex(lo->name));
	assert_int_equal(lo->prefix_len, 8);
	assert_false(lo->has_pci);
	uet_ports_free(ports);
	assert_int_equal(uet_ports_discover(NULL, &ports, &n), 0);
	assert_true(n >= 1);
	uet_ports_free(ports);
	uet_ports_free(NULL);
}

/*
 * A machine of two NUMA nodes with one processor each, which hwloc plays on any machine
 * (see main), and a thread that is bound to the first.
 */
static void test_locality(void **state)
{
	static const struct {
		bool has_pci;
		int node;
		bool near;
	} cases[] = {
		{ false, -1, true },
		{ false, 0, true },
		{ false, 1, false },
		{ true, 1, false },	/* hwloc's machine has no such device: its node counts */
		{ true, -1, true },
		{ true, 4000, true },
	};
	struct uet_port port;
	cpu_set_t old, first;
	size_t i;

	(void)state;
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	if (sched_setaffinity(0, sizeof(first), &first))
		skip();
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		memset(&port, 0, sizeof(port));
		port.has_pci = cases[i].has_pci;
		port.pci_bus = 0xfe;
		port.numa_node = cases[i].node;
		uet_topo_locate(&port);
		if (port.near != cases[i].near)
			fail_msg("node %d: near %d", cases[i].node, port.near);
		assert_int_equal(port.numa_node, cases[i].node);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
}

static void test_route(void **state)
{
	struct uet_addr dst = { .family = AF_INET, .ip = { 127, 0, 0, 1 }, .port = 4793 };
	struct uet_addr dst6 = { .family = AF_INET6, .ip = { [15] = 1 } };
	struct uet_addr none = { .family = 0 }, src;
	int ret;

	(void)state;
	memset(&src, 0xff, sizeof(src));
	assert_int_equal(uet_ports_route(&dst, &src), 0);
	dst.port = 0;
	assert_true(uet_addr_equal(&src, &dst));
	assert_int_equal(uet_ports_route(&dst, &src), 0);
	assert_true(uet_addr_equal(&src, &dst));
	assert_int_equal(uet_ports_route(&none, &src), -EINVAL);
	ret = uet_ports_route(&dst6, &src);
	if (ret == -EAFNOSUPPORT || ret == -EADDRNOTAVAIL || ret == -ENETUNREACH)
		skip();
	assert_int_equal(ret, 0);
	assert_true(uet_addr_equal(&src, &dst6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_filtered),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_foreign_sysfs),
		cmocka_unit_test(test_broken_sysfs),
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_this_host),
		cmocka_unit_test(test_locality),
		cmocka_unit_test(test_route),
	};

	setenv("HWLOC_SYNTHETIC", "node:2 core:1 pu:1", 1);
	setenv("HWLOC_THISSYSTEM", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
