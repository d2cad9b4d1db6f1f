/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The NIC behind a port, as fi_nic(3) describes it. One block of memory holds everything, so
 * that copying and freeing need no list of parts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/ofi.h"
#include "ofi/stubs.h"

struct nic_block {
	struct fid_nic nic;	/* first: libfabric sees nothing else */
	struct fi_device_attr device;
	struct fi_bus_attr bus;
	struct fi_link_attr link;
	char name[IF_NAMESIZE];
	char device_id[16];
	char device_version[16];
	char vendor_id[16];
	char driver[64];
	char firmware[64];
	char address[sizeof("00:00:00:00:00:00")];
	char network_type[sizeof("Ethernet")];
};

static struct fi_ops nic_ops;

static struct nic_block *block_of(const struct fid *fid)
{
	return uet_container_of(fid, struct nic_block, nic.fid);
}

static char *text(char *s)
{
	return *s ? s : NULL;
}

/* Make the pointers of @b point into @b. */
static void tie(struct nic_block *b)
{
	b->nic = (struct fid_nic){
		.fid = { .fclass = FI_CLASS_NIC, .ops = &nic_ops },
		.device_attr = &b->device,
		.bus_attr = &b->bus,
		.link_attr = &b->link,
	};
	b->device = (struct fi_device_attr){
		.name = text(b->name),
		.device_id = text(b->device_id),
		.device_version = text(b->device_version),
		.vendor_id = text(b->vendor_id),
		.driver = text(b->driver),
		.firmware = text(b->firmware),
	};
	b->link.address = text(b->address);
	b->link.network_type = text(b->network_type);
}

static int nic_close(struct fid *fid)
{
	free(block_of(fid));
	return 0;
}

static int nic_control(struct fid *fid, int command, void *arg)
{
	struct fid_nic **out = arg;
	struct nic_block *copy;

	if (command != FI_DUP)
		return -FI_ENOSYS;
	if (!out)
		return -FI_EINVAL;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -FI_ENOMEM;
	*copy = *block_of(fid);
	tie(copy);
	*out = &copy->nic;
	return 0;
}

/* ---- text ---- */

struct out {
	char *buf;
	size_t len, used;
};

__attribute__((format(printf, 2, 3)))
static void say(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (o->used >= o->len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->used, o->len - o->used, fmt, ap);
	va_end(ap);
	o->used += n > 0 ? (size_t)n : 0;
}

static const char *known(const char *s)
{
	return s ? s : "(unknown)";
}

static const char *state_name(enum fi_link_state state)
{
	switch (state) {
	case FI_LINK_UP:
		return "FI_LINK_UP";
	case FI_LINK_DOWN:
		return "FI_LINK_DOWN";
	default:
		return "FI_LINK_UNKNOWN";
	}
}

static void say_bus(struct out *o, const struct fi_bus_attr *bus)
{
	const struct fi_pci_attr *pci = &bus->attr.pci;

	say(o, "        fi_bus_attr:\n");
	if (bus->bus_type != FI_BUS_PCI) {
		say(o, "            bus_type: FI_BUS_UNKNOWN\n");
		return;
	}
	say(o, "            bus_type: FI_BUS_PCI\n");
	say(o, "            fi_pci_attr: %04x:%02x:%02x.%x\n", pci->domain_id, pci->bus_id,
	    pci->device_id, pci->function_id);
}

/* fi_tostr(3) has begun to fill @buf: append. */
static int nic_tostr(const struct fid *fid, char *buf, size_t len)
{
	const struct nic_block *b = block_of(fid);
	struct out o = { .buf = buf, .len = len, .used = strnlen(buf, len) };

	say(&o, "    nic:\n");
	say(&o, "        fi_device_attr:\n");
	say(&o, "            name: %s\n", known(b->device.name));
	say(&o, "            device_id: %s\n", known(b->device.device_id));
	say(&o, "            device_version: %s\n", known(b->device.device_version));
	say(&o, "            vendor_id: %s\n", known(b->device.vendor_id));
	say(&o, "            driver: %s\n", known(b->device.driver));
	say(&o, "            firmware: %s\n", known(b->device.firmware));
	say_bus(&o, &b->bus);
	say(&o, "        fi_link_attr:\n");
	say(&o, "            address: %s\n", known(b->link.address));
	say(&o, "            mtu: %zu\n", b->link.mtu);
	say(&o, "            speed: %zu\n", b->link.speed);
	say(&o, "            state: %s\n", state_name(b->link.state));
	say(&o, "            network_type: %s\n", known(b->link.network_type));
	return o.used < len ? 0 : -FI_ETOOSMALL;
}

static struct fi_ops nic_ops = {
	.size = sizeof(struct fi_ops),
	.close = nic_close,
	.bind = uet_no_bind,
	.control = nic_control,
	.ops_open = uet_no_ops_open,
	.tostr = nic_tostr,
	.ops_set = uet_no_ops_set,
};

/* ---- building ---- */

static void copy_text(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", from);
}

static void set_bus(struct fi_bus_attr *bus, const struct uet_port *port)
{
	if (!port->has_pci)
		return;
	bus->bus_type = FI_BUS_PCI;
	bus->attr.pci = (struct fi_pci_attr){
		.domain_id = port->pci_domain,
		.bus_id = port->pci_bus,
		.device_id = port->pci_device,
		.function_id = port->pci_function,
	};
}

static void set_link(struct nic_block *b, const struct uet_port *port)
{
	static const uint8_t none[sizeof(port->mac)];
	const uint8_t *m = port->mac;

	b->link.mtu = port->mtu;
	b->link.speed = port->speed;
	b->link.state = port->up ? FI_LINK_UP : FI_LINK_DOWN;
	copy_text(b->network_type, sizeof(b->network_type), "Ethernet");
	if (memcmp(m, none, sizeof(none)))
		snprintf(b->address, sizeof(b->address), "%02x:%02x:%02x:%02x:%02x:%02x", m[0],
			 m[1], m[2], m[3], m[4], m[5]);
}

struct fid_nic *uet_nic_fid(const struct uet_port *port)
{
	struct nic_block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	copy_text(b->name, sizeof(b->name), port->name);
	copy_text(b->device_id, sizeof(b->device_id), port->device_id);
	copy_text(b->device_version, sizeof(b->device_version), port->device_version);
	copy_text(b->vendor_id, sizeof(b->vendor_id), port->vendor_id);
	copy_text(b->driver, sizeof(b->driver), port->driver);
	copy_text(b->firmware, sizeof(b->firmware), port->firmware);
	set_bus(&b->bus, port);
	set_link(b, port);
	tie(b);
	return &b->nic;
}
