/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Opening and closing the UDP backend: the socket, its options, its port.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/drops.h"
#include "nic/udp_priv.h"

#define IPV4_OVERHEAD	(20 + 8)	/* IP and UDP headers */
#define IPV6_OVERHEAD	(40 + 8)
#define IP_MAX_LEN	65535

static int set_int(int fd, int level, int opt, int value)
{
	return setsockopt(fd, level, opt, &value, sizeof(value)) ? -errno : 0;
}

struct sock_option {
	int level, opt, value;
};

static int set_options(int fd, const struct sock_option *o, size_t n)
{
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = set_int(fd, o[i].level, o[i].opt, o[i].value);
		if (ret) {
			uet_warn("socket option %d of level %d refused: %s", o[i].opt, o[i].level,
				 strerror(-ret));
			return ret;
		}
	}
	return 0;
}

/* What a UET socket cannot do without. */
static int set_ip_options(const struct uet_udp *u, int fd, uint32_t family)
{
	const struct sock_option v4[] = {
		{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT },
		{ IPPROTO_IP, IP_RECVTOS, 1 },
		{ IPPROTO_IP, IP_RECVERR, 1 },
		{ IPPROTO_IP, IP_TOS, u->tos[UET_NIC_DATA] },
	};
	const struct sock_option v6[] = {
		{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
		{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS, 1 },
		{ IPPROTO_IPV6, IPV6_RECVERR, 1 },
		{ IPPROTO_IPV6, IPV6_TCLASS, u->tos[UET_NIC_DATA] },
	};

	if (family == AF_INET)
		return set_options(fd, v4, UET_ARRAY_SIZE(v4));
	return set_options(fd, v6, UET_ARRAY_SIZE(v6));
}

static void set_offloads(struct uet_udp *u, int fd, const struct uet_udp_cfg *cfg)
{
	int value;
	socklen_t len = sizeof(value);

	u->gso = cfg->gso && !getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &len);
	if (cfg->gro && set_int(fd, IPPROTO_UDP, UDP_GRO, 1))
		uet_debug("no UDP_GRO: %s", strerror(errno));
}

/* Ask for a buffer of @want bytes and return how much of it was granted. */
static uint32_t set_buffer(int fd, int force, int opt, uint32_t want)
{
	/* The kernel doubles the value, to account for its own overhead. */
	int value = want < INT_MAX / 2 ? (int)want : INT_MAX / 2;
	socklen_t len = sizeof(value);

	if (!want)
		return 0;
	if (set_int(fd, SOL_SOCKET, force, value))
		(void)set_int(fd, SOL_SOCKET, opt, value);
	if (getsockopt(fd, SOL_SOCKET, opt, &value, &len) || value < 0)
		return 0;
	return (uint32_t)uet_min_u64((uint64_t)value / 2, want);
}

static void set_buffers(int fd, const struct uet_udp_cfg *cfg)
{
	static int told;
	uint32_t rcv = set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, cfg->rcvbuf);
	uint32_t snd = set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, cfg->sndbuf);
	bool far = rcv < cfg->rcvbuf / 4 || snd < cfg->sndbuf / 4;

	if (rcv >= cfg->rcvbuf && snd >= cfg->sndbuf)
		return;
	if (__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		return;
	uet_log_emit(far ? UET_LOG_WARN : UET_LOG_INFO, __func__, __LINE__,
		     "socket buffers smaller than wanted (receive %u of %u bytes, send %u of %u): "
		     "bursts may be lost and sent again; allow more with sysctl -w "
		     "net.core.rmem_max=%u net.core.wmem_max=%u",
		     rcv, cfg->rcvbuf, snd, cfg->sndbuf, cfg->rcvbuf, cfg->sndbuf);
}

static int bind_to(int fd, const struct uet_addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = uet_addr_to_sockaddr(addr, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) ? -errno : 0;
}

/* The FEP's own port. */
static int bind_port(int fd, const struct uet_udp_cfg *cfg)
{
	struct uet_addr addr = cfg->addr;
	int ret;

	if (addr.port)
		return bind_to(fd, &addr);
	for (addr.port = cfg->first_port; addr.port <= UINT16_MAX; addr.port++) {
		ret = bind_to(fd, &addr);
		if (ret != -EADDRINUSE)
			return ret;
	}
	uet_warn("no free UDP port from %u up", cfg->first_port);
	return -EADDRNOTAVAIL;
}

static int learn_address(struct uet_udp *u)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(u->fds[0], (struct sockaddr *)&ss, &len))
		return -errno;
	return uet_addr_from_sockaddr(&u->nic.addr, (struct sockaddr *)&ss, len);
}

static uint32_t overhead(const struct uet_udp_cfg *cfg)
{
	return cfg->addr.family == AF_INET ? IPV4_OVERHEAD : IPV6_OVERHEAD;
}

static bool cfg_valid(const struct uet_udp_cfg *cfg)
{
	if (cfg->addr.family != AF_INET && cfg->addr.family != AF_INET6)
		return false;
	if (cfg->addr.port > UINT16_MAX || (!cfg->addr.port && !cfg->first_port))
		return false;
	return cfg->paths <= UET_NIC_PATHS_MAX && cfg->dscp_data < 64 && cfg->dscp_control < 64 &&
	       cfg->if_mtu > overhead(cfg);
}

static int udp_fd(struct uet_nic *nic)
{
	const struct uet_udp *u = uet_udp_of(nic);

	return u->epfd >= 0 ? u->epfd : u->fds[0];
}

static uint64_t udp_drops(struct uet_nic *nic)
{
	const struct uet_udp *u = uet_udp_of(nic);
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < nic->paths; i++)
		sum += uet_socket_drops(u->fds[i]);
	return sum;
}

static void udp_close(struct uet_nic *nic)
{
	struct uet_udp *u = uet_udp_of(nic);

	uint32_t i;

	for (i = 0; i < UET_NIC_PATHS_MAX; i++)
		if (u->fds[i] >= 0)
			close(u->fds[i]);
	if (u->epfd >= 0)
		close(u->epfd);
	if (u->area != MAP_FAILED)
		munmap(u->area, sizeof(*u->area));
	free(u);
}

static const struct uet_nic_ops udp_ops = {
	.tx = uet_udp_tx,
	.rx = uet_udp_rx,
	.fd = udp_fd,
	.drops = udp_drops,
	.close = udp_close,
};

int uet_udp_socket(struct uet_udp *u, uint32_t sock, const struct uet_udp_cfg *cfg,
		   const struct uet_addr *addr)
{
	int fd = socket((int)cfg->addr.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	u->fds[sock] = fd;
	if (fd < 0)
		return -errno;
	ret = set_ip_options(u, fd, cfg->addr.family);
	if (ret)
		return ret;
	set_offloads(u, fd, cfg);
	set_buffers(fd, cfg);
	/* All data comes to the first one. */
	if (sock == 0)
		(void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (cfg->stamps)
		u->stamped = !set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	/* Bound last, so that nothing arrives without its TOS. */
	return addr ? bind_to(fd, addr) : bind_port(fd, cfg);
}

static int set_up(struct uet_udp *u, const struct uet_udp_cfg *cfg)
{
	int ret;

	u->area = mmap(NULL, sizeof(*u->area), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (u->area == MAP_FAILED)
		return -ENOMEM;
	uet_udp_rx_init(u);
	ret = uet_udp_socket(u, 0, cfg, NULL);
	if (!ret)
		ret = learn_address(u);
	if (!ret && cfg->paths > 1)
		uet_udp_paths_open(u, cfg);
	return ret;
}

int uet_udp_open(const struct uet_udp_cfg *cfg, struct uet_nic **nic)
{
	uint32_t ip_len = cfg->if_mtu < IP_MAX_LEN ? cfg->if_mtu : IP_MAX_LEN;
	struct uet_udp *u;
	int ret;

	if (!cfg_valid(cfg))
		return -EINVAL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->nic.ops = &udp_ops;
	u->nic.mtu = ip_len - overhead(cfg);
	u->nic.paths = 1;
	u->nic.merges = true;
	memset(u->fds, -1, sizeof(u->fds));
	u->epfd = -1;
	u->area = MAP_FAILED;
	u->tos[UET_NIC_DATA] = (uint8_t)(cfg->dscp_data << 2 | (cfg->ecn ? UET_ECN_ECT0 : 0));
	u->tos[UET_NIC_CONTROL] = (uint8_t)(cfg->dscp_control << 2);
	ret = set_up(u, cfg);
	if (ret) {
		udp_close(&u->nic);
		return ret;
	}
	*nic = &u->nic;
	return 0;
}
