/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the kernel tells of an interface by ioctl. Unlike sysfs, which may belong to
 * another network namespace, this is always about the caller's own interface.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "nic/discover_priv.h"

static void ask_mtu(int fd, struct uet_port *port)
{
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, port->name, sizeof(ifr.ifr_name));
	if (!ioctl(fd, SIOCGIFMTU, &ifr) && ifr.ifr_mtu > 0)
		port->mtu = (uint32_t)ifr.ifr_mtu;
}

static void ask_driver(int fd, struct uet_port *port)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, port->name, sizeof(ifr.ifr_name));
	ifr.ifr_data = (char *)&info;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		return;
	snprintf(port->driver, sizeof(port->driver), "%.*s", (int)sizeof(info.driver),
		 info.driver);
	/* Some drivers have nothing to say, and say it. */
	if (strncmp(info.fw_version, "N/A", sizeof(info.fw_version)))
		snprintf(port->firmware, sizeof(port->firmware), "%.*s",
			 (int)sizeof(info.fw_version), info.fw_version);
}

void uet_link_ask(struct uet_port *port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	ask_mtu(fd, port);
	ask_driver(fd, port);
	close(fd);
}
