/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sending through a UDP socket. Packets that follow each other to one peer become one
 * message that the kernel, or the hardware, cuts apart again:
 *
 *   pkts      A1 A1 A1 A2 B1 A1          (peer, length class)
 *   messages  [A1 A1 A1 A2] [B1] [A1]    one sendmmsg; a shorter packet may end a message
 *
 * Each path is a socket of its own, so a change of path ends the system call, too.
 */
#include <assert.h>
#include <errno.h>

#include "base/log.h"
#include "nic/udp_priv.h"

static bool may_join(const struct uet_nic_tx *first, const struct uet_nic_tx *p)
{
	return p->len && p->len <= first->len && p->tc == first->tc &&
	       p->path == first->path && uet_addr_equal(&p->dst, &first->dst);
}

/* How many of the @n packets from @p on can leave as one message of at most @room iovecs. */
static int run_length(const struct uet_udp *u, const struct uet_nic_tx *p, int n, uint32_t room)
{
	uint32_t total = p->len, iovs = p->iov_cnt;
	int k;

	if (!u->gso || !p->len)
		return 1;
	for (k = 1; k < n && k < UET_UDP_TX_SEGS; k++) {
		total += p[k].len;
		iovs += p[k].iov_cnt;
		if (p[k - 1].len != p->len || !may_join(p, &p[k]) ||
		    total > UET_UDP_TX_BYTES || iovs > room)
			break;
	}
	return k;
}

static void add_cmsg(struct msghdr *h, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)h->msg_control + h->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	h->msg_controllen += CMSG_SPACE(len);
}

static void add_ctl(struct uet_udp *u, int slot, const struct uet_nic_tx *p, int run)
{
	struct msghdr *h = &u->area->tx_msgs[slot].msg_hdr;
	int tos = u->tos[p->tc];
	uint16_t seg = (uint16_t)p->len;

	h->msg_control = u->area->tx_ctls[slot].buf;
	h->msg_controllen = 0;
	if (tos != u->tos[UET_NIC_DATA] && p->dst.family == AF_INET)
		add_cmsg(h, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (tos != u->tos[UET_NIC_DATA])
		add_cmsg(h, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	if (run > 1)
		add_cmsg(h, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof(seg));
	if (!h->msg_controllen)
		h->msg_control = NULL;
}

/* Make message @slot of @run packets; returns the end of the iovecs used. */
static struct iovec *fill_msg(struct uet_udp *u, int slot, const struct uet_nic_tx *p, int run,
			      struct iovec *iov)
{
	struct uet_udp_area *area = u->area;
	struct msghdr *h = &area->tx_msgs[slot].msg_hdr;
	int k;

	h->msg_name = &area->tx_names[slot];
	h->msg_namelen = uet_addr_to_sockaddr(&p->dst, &area->tx_names[slot]);
	h->msg_flags = 0;
	h->msg_iov = iov;
	for (k = 0; k < run; k++) {
		memcpy(iov, p[k].iov, p[k].iov_cnt * sizeof(*iov));
		iov += p[k].iov_cnt;
	}
	h->msg_iovlen = (size_t)(iov - h->msg_iov);
	add_ctl(u, slot, p, run);
	area->tx_counts[slot] = run;
	return iov;
}

/* Turn the first packets into messages; returns their number, 0 if not even one fits. */
static int build(struct uet_udp *u, const struct uet_nic_tx *p, int n)
{
	struct iovec *iov = u->area->tx_iov;
	struct iovec *end = iov + UET_UDP_TX_IOV;
	int m = 0, run;

	u->tx_sock = p->path;
	while (n > 0 && m < UET_UDP_TX_MSGS && p->iov_cnt <= end - iov) {
		assert(p->iov_cnt >= 1 && p->iov_cnt <= UET_NIC_TX_IOV);
		assert(p->tc <= UET_NIC_CONTROL && p->path < u->nic.paths);
		if (p->path != u->tx_sock)
			break;
		if (p->dst.family != u->nic.addr.family || p->dst.port > UINT16_MAX)
			break;
		run = run_length(u, p, n, (uint32_t)(end - iov));
		iov = fill_msg(u, m++, p, run, iov);
		p += run;
		n -= run;
	}
	return m;
}

/* Send the first @m messages; returns how many left, or a negative errno. */
static int send_msgs(struct uet_udp *u, int m)
{
	struct mmsghdr *msgs = u->area->tx_msgs;
	int fd = u->fds[u->tx_sock], ret;

	do {
		u->nic.stats.tx_calls++;
		if (m > 1)
			ret = sendmmsg(fd, msgs, (unsigned int)m, MSG_DONTWAIT);
		else
			ret = sendmsg(fd, &msgs[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* Count what left with the first @m messages; returns the number of packets in them. */
static int account(struct uet_udp *u, const struct uet_nic_tx *p, int m)
{
	int i, packets = 0;

	for (i = 0; i < m; i++)
		packets += u->area->tx_counts[i];
	for (i = 0; i < packets; i++)
		u->nic.stats.tx_bytes += p[i].len;
	u->nic.stats.tx_packets += (uint64_t)packets;
	return packets;
}

/* Give up on @cnt packets to one peer. */
static void refuse(struct uet_udp *u, const struct uet_nic_tx *p, int cnt, int err)
{
	u->nic.stats.tx_errors += (uint64_t)cnt;
	/* The kernel keeps a copy of its own for this one; it would keep poll() awake. */
	if (err == EMSGSIZE)
		u->check_errors |= 1ull << u->tx_sock;
	/*
	 * Not the peer's fault: a local filter (EPERM), memory that is not there (EFAULT), an
	 * answer to some other packet, which the error queue tells about (ECONNREFUSED).
	 */
	if (err != EPERM && err != EFAULT && err != ECONNREFUSED)
		uet_udp_report(u, &p->dst, err);
}

static bool is_transient(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS || err == ENOMEM;
}

static void stop_gso(struct uet_udp *u, int err)
{
	static int told;

	u->gso = false;
	if (!__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		uet_info("UDP segmentation offload refused (%s): packets leave one by one, at a "
			 "higher cost", strerror(err));
}

static int tx_some(struct uet_udp *u, const struct uet_nic_tx *p, int n);

/* A merged message failed for reason @err: send its packets one by one. */
static int tx_apart(struct uet_udp *u, const struct uet_nic_tx *p, int cnt, int err)
{
	uint64_t errors = u->nic.stats.tx_errors;
	int k;

	if (err == EIO)
		stop_gso(u, err);
	for (k = 0; k < cnt && tx_some(u, p + k, 1) > 0; k++)
		;
	/* Packets that are fine by themselves: the merging is what the kernel rejects. */
	if (err == EINVAL && k && u->nic.stats.tx_errors == errors)
		stop_gso(u, err);
	return k ? k : -EAGAIN;
}

/*
 * Message 0, of @cnt packets, failed for reason @err. The reason may belong to an earlier
 * packet (ICMP errors come back through the next call), so a second try tells.
 */
static int tx_failed(struct uet_udp *u, const struct uet_nic_tx *p, int cnt, int err)
{
	int ret;

	if (!is_transient(err) && err != EPERM && err != EFAULT) {
		uet_udp_drain_errors(u, u->tx_sock);
		ret = send_msgs(u, 1);
		if (ret > 0)
			return account(u, p, 1);
		err = -ret;
	}
	if (is_transient(err)) {
		u->nic.stats.tx_again++;
		return -EAGAIN;
	}
	if (cnt > 1 && err != EPERM)
		return tx_apart(u, p, cnt, err);
	refuse(u, p, cnt, err);
	return cnt;
}

/* Send as many of the @n packets as one system call takes; as struct uet_nic_ops.tx. */
static int tx_some(struct uet_udp *u, const struct uet_nic_tx *p, int n)
{
	int m = build(u, p, n), ret;

	if (!m) {
		refuse(u, p, 1, EAFNOSUPPORT);
		return 1;
	}
	ret = send_msgs(u, m);
	if (ret < 0)
		return tx_failed(u, p, u->area->tx_counts[0], -ret);
	/* The call swallowed the error that stopped it; only the error queue knows now. */
	if (ret < m)
		u->check_errors |= 1ull << u->tx_sock;
	return account(u, p, ret);
}

int uet_udp_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	struct uet_udp *u = uet_udp_of(nic);
	int done = 0, ret;

	while (done < n) {
		ret = tx_some(u, pkts + done, n - done);
		if (ret < 0)
			return done ? done : ret;
		done += ret;
	}
	return done;
}
