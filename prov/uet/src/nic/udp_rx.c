/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receiving from a UDP socket. The kernel merges packets of one flow (UDP_GRO) into one
 * datagram, which lands in a staging buffer and is handed out as the packets it was:
 *
 *   stage 0  [p p p p p q]      stage 1  [r]      stages 2, 3  unused
 *                  ^ pos: the caller had room for three; the rest waits for its next call
 *
 * Stages are filled from 0 upwards, so that with little traffic one stays in the cache. The
 * socket with the FEP's own port, which all data comes to, is read first, then any others.
 */
#include <errno.h>
#include <time.h>
#include <linux/errqueue.h>	/* needs time.h before it */

#include "base/clock.h"
#include "nic/drops.h"
#include "nic/udp_priv.h"

#define MAX_TRIES	8	/* errors taken from the socket per call, so that a call ends */
#define MAX_DRAIN	128	/* error queue entries looked at per call, likewise */
#define FILL_BURSTS	4	/* full reads between two looks at how full the socket is */
#define MAX_SPARED	3	/* rx() calls in a row that look at the first socket only */

void uet_udp_rx_init(struct uet_udp *u)
{
	int i;

	u->want = 1;
	for (i = 0; i < UET_UDP_STAGES; i++) {
		u->rx_iov[i].iov_base = u->area->stage[i];
		u->rx_iov[i].iov_len = UET_UDP_STAGE_LEN;
		u->rx_msgs[i].msg_hdr.msg_iov = &u->rx_iov[i];
		u->rx_msgs[i].msg_hdr.msg_iovlen = 1;
		u->rx_msgs[i].msg_hdr.msg_name = &u->rx_names[i];
		u->rx_msgs[i].msg_hdr.msg_control = u->rx_ctls[i].buf;
	}
}

void uet_udp_report(struct uet_udp *u, const struct uet_addr *dst, int err)
{
	uint32_t i;

	for (i = 0; i < u->report_cnt; i++)
		if (u->reports[i].err == err && uet_addr_equal(&u->reports[i].dst, dst))
			return;
	if (u->report_cnt == UET_UDP_REPORTS)
		return;
	u->reports[u->report_cnt].dst = *dst;
	u->reports[u->report_cnt++].err = err;
}

/* Turn one entry of the error queue into a report if it tells about a peer. */
static void report_queued(struct uet_udp *u, struct msghdr *h)
{
	struct sock_extended_err ee;
	struct uet_addr dst;
	struct cmsghdr *c;

	if (uet_addr_from_sockaddr(&dst, h->msg_name, h->msg_namelen))
		return;
	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		if (c->cmsg_len < CMSG_LEN(sizeof(ee)))
			continue;
		memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		/* Failures of our own sends are reported where they happen, with the port. */
		if (ee.ee_errno && (ee.ee_origin == SO_EE_ORIGIN_ICMP ||
				    ee.ee_origin == SO_EE_ORIGIN_ICMP6))
			uet_udp_report(u, &dst, (int)ee.ee_errno);
	}
}

void uet_udp_drain_errors(struct uet_udp *u, uint32_t sock)
{
	struct sockaddr_storage name;
	union {
		struct cmsghdr align;
		char buf[256];
	} ctl;
	struct msghdr h;
	int i;

	u->check_errors |= 1ull << sock;
	for (i = 0; i < MAX_DRAIN && u->report_cnt < UET_UDP_REPORTS; i++) {
		memset(&h, 0, sizeof(h));
		h.msg_name = &name;
		h.msg_namelen = sizeof(name);
		h.msg_control = &ctl;
		h.msg_controllen = sizeof(ctl);
		if (recvmsg(u->fds[sock], &h, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
			report_queued(u, &h);
		} else if (errno != EINTR) {
			u->check_errors &= ~(1ull << sock);
			return;
		}
	}
}

/* Hand out kept reports, oldest first. */
static int take_reports(struct uet_udp *u, struct uet_nic_rx *pkts, int max)
{
	uint32_t i, n = u->report_cnt;

	if (n > (uint32_t)max)
		n = (uint32_t)max;
	for (i = 0; i < n; i++) {
		memset(&pkts[i], 0, sizeof(pkts[i]));
		pkts[i].err = u->reports[i].err;
		pkts[i].src = u->reports[i].dst;
	}
	u->report_cnt -= n;
	memmove(u->reports, u->reports + n, u->report_cnt * sizeof(u->reports[0]));
	return (int)n;
}

/* The 1-byte or int value that the kernel wrote (IPv4 and IPv6 differ). */
static int cmsg_value(const struct cmsghdr *c)
{
	int v = 0;

	if (c->cmsg_len >= CMSG_LEN(sizeof(v)))
		memcpy(&v, CMSG_DATA(c), sizeof(v));
	else if (c->cmsg_len >= CMSG_LEN(1))
		v = *CMSG_DATA(c);
	return v;
}

/* The time that the kernel wrote, on our clock. */
static uint64_t cmsg_when(const struct uet_udp *u, const struct cmsghdr *c)
{
	struct timespec ts;

	if (c->cmsg_len < CMSG_LEN(sizeof(ts)))
		return 0;
	memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return uet_stamps_when(&u->stamps, (uint64_t)ts.tv_sec * UET_NSEC_PER_SEC +
					   (uint64_t)ts.tv_nsec);
}

/* The kernel has dropped so many until this datagram arrived. */
static void note_drops(struct uet_udp *u, uint32_t dropped)
{
	if (dropped == u->dropped)
		return;
	u->dropped = dropped;
	u->nic.fill = 100;
}

/* Read what came with stage cur; false if it has to be dropped. */
static bool open_stage(struct uet_udp *u)
{
	struct mmsghdr *m = &u->rx_msgs[u->cur];
	struct cmsghdr *c;
	int gro = 0;

	if (m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		u->nic.stats.rx_truncated++;
		return false;
	}
	if (uet_addr_from_sockaddr(&u->src, m->msg_hdr.msg_name, m->msg_hdr.msg_namelen))
		return false;
	u->src_tos = 0;
	u->src_when = 0;
	for (c = CMSG_FIRSTHDR(&m->msg_hdr); c; c = CMSG_NXTHDR(&m->msg_hdr, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			gro = cmsg_value(c);
		else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
			 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS))
			u->src_tos = (uint8_t)cmsg_value(c);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			u->src_when = cmsg_when(u, c);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			note_drops(u, (uint32_t)cmsg_value(c));
	}
	u->pos = u->area->stage[u->cur];
	u->left = m->msg_len;
	u->seg = gro > 0 ? (uint32_t)gro : UET_UDP_STAGE_LEN;
	return true;
}

/* Hand out up to @max packets from the stages. */
static int split(struct uet_udp *u, struct uet_nic_rx *pkts, int max)
{
	int n = 0;

	while (n < max && u->cur < u->filled) {
		if (!u->seg && !open_stage(u)) {
			u->cur++;
			continue;
		}
		pkts[n].data = u->pos;
		pkts[n].len = u->left < u->seg ? u->left : u->seg;
		pkts[n].err = 0;
		pkts[n].src = u->src;
		pkts[n].tos = u->src_tos;
		pkts[n].trim = UET_NIC_WHOLE;
		pkts[n].when = u->src_when;
		u->pos += pkts[n].len;
		u->left -= pkts[n].len;
		u->nic.stats.rx_bytes += pkts[n].len;
		n++;
		if (!u->left) {
			u->seg = 0;
			u->cur++;
		}
	}
	u->nic.stats.rx_packets += (uint64_t)n;
	return n;
}

/* Everything else that a receive returns is an ICMP error, which any host can send us. */
static bool is_fatal(int err)
{
	return err == EBADF || err == ENOTSOCK || err == EFAULT || err == EINVAL;
}

/*
 * Ask socket @sock for up to @want datagrams, for the stages behind those filled. Returns their
 * number, or a negative errno.
 */
static int fill_from(struct uet_udp *u, uint32_t sock, int want)
{
	struct mmsghdr *msgs = u->rx_msgs + u->filled;
	int i, tries, ret;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		for (i = 0; i < want; i++) {
			msgs[i].msg_hdr.msg_namelen = sizeof(u->rx_names[0]);
			msgs[i].msg_hdr.msg_controllen = sizeof(u->rx_ctls[0]);
		}
		ret = recvmmsg(u->fds[sock], msgs, (unsigned int)want, MSG_DONTWAIT, NULL);
		if (ret > 0) {
			u->nic.stats.rx_calls++;
			u->filled += ret;
			return ret;
		}
		want = 1;
		if (ret == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		if (is_fatal(errno))
			return -errno;
		if (errno != EINTR)
			uet_udp_drain_errors(u, sock);
	}
	return 0;
}

/* Only ACKs come in by the other sockets: a busy first one can have a few turns more. */
static void fill_from_others(struct uet_udp *u, bool busy)
{
	uint32_t socks[UET_UDP_READY];
	int i, n;

	if (busy && ++u->spared <= MAX_SPARED)
		return;
	u->spared = 0;
	n = uet_udp_paths_ready(u, socks);
	for (i = 0; i < n; i++)
		fill_from(u, socks[i], 1);
}

/*
 * Asking how full the socket is costs a system call: only where bursts follow each other, and then
 * now and then. A socket that had less than was wanted is empty.
 */
static void note_fill(struct uet_udp *u, bool burst)
{
	if (uet_likely(!burst)) {
		u->bursts = 0;
		u->nic.fill = 0;
	} else if (++u->bursts % FILL_BURSTS == 2) {
		u->nic.fill = uet_socket_fill(u->fds[0]);
	}
}

/* Receive from the sockets; returns what the first one had, or a negative errno. */
static int fill_stages(struct uet_udp *u)
{
	int ret;

	u->cur = 0;
	u->filled = 0;
	ret = fill_from(u, 0, u->want);
	note_fill(u, ret == u->want);
	/* Looking for a second datagram costs time: do so in bursts only. */
	u->want = ret <= 0 || ret < u->want ? 1 : UET_UDP_BURST;
	if (uet_unlikely(u->epfd >= 0))
		fill_from_others(u, ret > 0);
	if (uet_unlikely(u->stamped) && u->filled) {
		uint64_t wall = uet_clock_wall_ns();

		uet_stamps_read(&u->stamps, wall, uet_clock_ns());
	}
	return ret;
}

static void drain_all(struct uet_udp *u)
{
	uint32_t sock;

	for (sock = 0; sock < u->nic.paths; sock++)
		if (u->check_errors >> sock & 1)
			uet_udp_drain_errors(u, sock);
}

int uet_udp_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max)
{
	struct uet_udp *u = uet_udp_of(nic);
	int n = 0, ret = 0;

	if (uet_unlikely(u->check_errors))
		drain_all(u);
	if (uet_unlikely(u->report_cnt))
		n = take_reports(u, pkts, max);
	/* Stages that still hold packets must not be overwritten. */
	if (u->cur == u->filled && n < max)
		ret = fill_stages(u);
	n += split(u, pkts + n, max - n);
	if (uet_unlikely(u->report_cnt))
		n += take_reports(u, pkts + n, max - n);
	return n || ret > 0 ? n : ret;
}
