/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The sockets beside the first: source ports to send from, so that routers that choose by port
 * send packets different ways. Peers send to the FEP's own port; only what answers a packet
 * comes back to the port that the packet came from.
 *
 *   socket 0      own port   <== data, ACKs            read by every rx()
 *   socket 1..    any port   <== ACKs, NACKs           read when epoll names them
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/udp_priv.h"

/* Descriptors are for the application: at most half of them go to extra ports. */
static bool too_many(int fd)
{
	struct rlimit lim;

	return getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur / 2 <= (rlim_t)fd;
}

static int watch(const struct uet_udp *u, uint32_t sock)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = sock };

	return epoll_ctl(u->epfd, EPOLL_CTL_ADD, u->fds[sock], &ev) ? -errno : 0;
}

/* Open socket number @sock. Returns 0 or a negative errno, with no socket left behind. */
static int open_one(struct uet_udp *u, uint32_t sock, const struct uet_udp_cfg *cfg)
{
	struct uet_addr addr = u->nic.addr;
	int ret;

	addr.port = 0;
	ret = uet_udp_socket(u, sock, cfg, &addr);
	if (!ret)
		ret = too_many(u->fds[sock]) ? -EMFILE : watch(u, sock);
	if (ret && u->fds[sock] >= 0) {
		close(u->fds[sock]);
		u->fds[sock] = -1;
	}
	return ret;
}

void uet_udp_paths_open(struct uet_udp *u, const struct uet_udp_cfg *cfg)
{
	int ret;

	u->epfd = epoll_create1(EPOLL_CLOEXEC);
	ret = u->epfd < 0 ? -errno : watch(u, 0);
	while (!ret && u->nic.paths < cfg->paths) {
		ret = open_one(u, u->nic.paths, cfg);
		u->nic.paths += !ret;
	}
	if (ret)
		uet_info("packets leave from %u ports instead of %u: %s", u->nic.paths, cfg->paths,
			 strerror(-ret));
	if (u->nic.paths > 1 || u->epfd < 0)
		return;
	close(u->epfd);
	u->epfd = -1;
}

int uet_udp_paths_ready(struct uet_udp *u, uint32_t socks[UET_UDP_READY])
{
	struct epoll_event ev[UET_UDP_READY];
	int i, n, cnt = 0;

	n = epoll_wait(u->epfd, ev, UET_UDP_READY, 0);
	for (i = 0; i < n; i++) {
		uint32_t sock = ev[i].data.u32;

		if (sock == 0)
			continue;
		if (uet_unlikely(ev[i].events & EPOLLERR))
			uet_udp_drain_errors(u, sock);
		socks[cnt++] = sock;
	}
	return cnt;
}
