/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Common to the tests of the UDP backend, which run over loopback. The system calls that it
 * uses are defined here again, in front of the C library's, so that a test can look at the
 * messages or inject failures: include this in one file per program.
 */
#ifndef TEST_NIC_UDP_H
#define TEST_NIC_UDP_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/udp.h"
#include "nic/udp_priv.h"

#define PATIENCE_MS	5000	/* a packet over loopback never takes that long */
#define FIRST_PORT	21000
#define DATA_DSCP	10
#define CONTROL_DSCP	46

/* --- system calls ------------------------------------------------------------------- */

#define OK	0	/* in a script: pass the call on */
#define PART	1000	/* pass on the first message only */

static struct {
	int send[8];		/* what the next sends return: errno, OK or PART */
	int sends;		/* entries in it */
	int done;		/* entries used */
	int recv[8];
	int recvs, recvd;
	int recv_flags;		/* added to the flags of each message received */
	bool no_force;		/* SO_*BUFFORCE is not permitted */
	int with_ctl;		/* messages sent with control data */
} fault;

static inline void script_send(int n, const int *errs)
{
	memset(&fault, 0, sizeof(fault));
	memcpy(fault.send, errs, (size_t)n * sizeof(*errs));
	fault.sends = n;
}

static inline void script_recv(int n, const int *errs)
{
	memset(&fault, 0, sizeof(fault));
	memcpy(fault.recv, errs, (size_t)n * sizeof(*errs));
	fault.recvs = n;
}

static inline int next_send(void)
{
	return fault.done < fault.sends ? fault.send[fault.done++] : OK;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int err = next_send();

	fault.with_ctl += !!msg->msg_control;
	if (err != OK && err != PART) {
		errno = err;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, msg, flags);
}

int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	int err = next_send();
	unsigned int i;

	for (i = 0; i < n; i++)
		fault.with_ctl += !!msgs[i].msg_hdr.msg_control;
	if (err != OK && err != PART) {
		errno = err;
		return -1;
	}
	return (int)syscall(SYS_sendmmsg, fd, msgs, err == PART ? 1 : n, flags);
}

int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags, struct timespec *timeout)
{
	int err = fault.recvd < fault.recvs ? fault.recv[fault.recvd++] : OK;
	int i, ret;

	if (err != OK) {
		errno = err;
		return -1;
	}
	ret = (int)syscall(SYS_recvmmsg, fd, msgs, n, flags, timeout);
	for (i = 0; i < ret; i++)
		msgs[i].msg_hdr.msg_flags |= fault.recv_flags;
	return ret;
}

int setsockopt(int fd, int level, int opt, const void *val, socklen_t len)
{
	if (fault.no_force && level == SOL_SOCKET &&
	    (opt == SO_RCVBUFFORCE || opt == SO_SNDBUFFORCE)) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, opt, val, len);
}

/* --- helpers ------------------------------------------------------------------------ */

static inline struct uet_addr loopback(uint32_t family)
{
	struct uet_addr a = { .family = family };

	if (family == AF_INET) {
		a.ip[0] = 127;
		a.ip[3] = 1;
	} else {
		a.ip[15] = 1;
	}
	return a;
}

static inline struct uet_udp_cfg config(uint32_t family)
{
	struct uet_udp_cfg cfg = {
		.addr = loopback(family),
		.first_port = FIRST_PORT,
		.if_mtu = 65536,
		.sndbuf = 200000,	/* below every kernel's default limit */
		.rcvbuf = 200000,
		.dscp_data = DATA_DSCP,
		.dscp_control = CONTROL_DSCP,
		.ecn = true,
		.gso = true,
		.gro = true,
	};

	return cfg;
}

static inline struct uet_nic *open_nic(const struct uet_udp_cfg *cfg)
{
	struct uet_nic *nic = NULL;
	int ret = uet_udp_open(cfg, &nic);

	if (cfg->addr.family == AF_INET6 && (ret == -EAFNOSUPPORT || ret == -EADDRNOTAVAIL))
		skip();
	assert_int_equal(ret, 0);
	return nic;
}

static inline void open_pair(const struct uet_udp_cfg *cfg, struct uet_nic **a,
			     struct uet_nic **b)
{
	memset(&fault, 0, sizeof(fault));
	*a = open_nic(cfg);
	*b = open_nic(cfg);
}

static inline void close_pair(struct uet_nic *a, struct uet_nic *b)
{
	a->ops->close(a);
	b->ops->close(b);
}

/* Bytes that tell packets and positions apart. */
static inline uint8_t pattern(int packet, uint32_t offset)
{
	return (uint8_t)(packet * 37 + (int)(offset * 7) + (int)(offset >> 8));
}

/* Packet @i of @len bytes for @dst in @iovs pieces, in memory that the caller frees. */
static inline uint8_t *make_pkt(struct uet_nic_tx *p, int i, const struct uet_addr *dst,
				uint32_t len, int iovs, uint8_t tc)
{
	uint8_t *mem = malloc(len ? len : 1);
	uint32_t off = 0, step, k;

	assert_non_null(mem);
	for (k = 0; k < len; k++)
		mem[k] = pattern(i, k);
	memset(p, 0, sizeof(*p));
	p->dst = *dst;
	p->tc = tc;
	p->len = len;
	p->iov_cnt = (uint8_t)iovs;
	for (k = 0; k < (uint32_t)iovs; k++) {
		step = k + 1 < (uint32_t)iovs ? len / (uint32_t)iovs : len - off;
		p->iov[k].iov_base = mem + off;
		p->iov[k].iov_len = step;
		off += step;
	}
	return mem;
}

static inline void free_all(uint8_t **mem, int n)
{
	int i;

	for (i = 0; i < n; i++)
		free(mem[i]);
}

/* Wait until @nic has work and take it; fails the test when nothing comes. */
static inline int wait_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max)
{
	struct pollfd pfd = { .fd = nic->ops->fd(nic), .events = POLLIN };
	int tries, n;

	for (tries = 0; tries < 100; tries++) {
		n = nic->ops->rx(nic, pkts, max);
		if (n)
			return n;
		assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	}
	fail();
	return 0;
}

static inline void check_pkt(const struct uet_nic_rx *p, int i, const struct uet_addr *src,
			     uint32_t len)
{
	uint32_t k;

	assert_int_equal(p->err, 0);
	assert_int_equal(p->len, len);
	assert_true(uet_addr_equal(&p->src, src));
	for (k = 0; k < len; k++)
		if (p->data[k] != pattern(i, k))
			fail_msg("packet %d differs at byte %u", i, k);
}

static inline void expect_nothing(struct uet_nic *nic)
{
	struct pollfd pfd = { .fd = nic->ops->fd(nic), .events = POLLIN };
	struct uet_nic_rx rx[4];

	assert_int_equal(nic->ops->rx(nic, rx, 4), 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

/* Take @n packets of @lens from @nic, @max at a time, and check all of them. */
static inline void expect_pkts(struct uet_nic *nic, const struct uet_addr *src,
			       const uint32_t *lens, int n, int max)
{
	struct uet_nic_rx rx[64];
	int got = 0, ret, i;

	while (got < n) {
		ret = wait_rx(nic, rx, max);
		assert_in_range(ret, 1, max);
		assert_true(got + ret <= n);
		for (i = 0; i < ret; i++)
			check_pkt(&rx[i], got + i, src, lens[got + i]);
		got += ret;
	}
	expect_nothing(nic);
}

/* Send @n packets of @lens bytes from @a to @b in one tx(), and see them arrive. */
static inline void exchange(struct uet_nic *a, struct uet_nic *b, const uint32_t *lens, int n,
			    int iovs, int max)
{
	struct uet_nic_tx *tx = calloc((unsigned int)n, sizeof(*tx));
	uint8_t **mem = calloc((unsigned int)n, sizeof(*mem));
	int i;

	for (i = 0; i < n; i++)
		mem[i] = make_pkt(&tx[i], i, &b->addr, lens[i], iovs, UET_NIC_DATA);
	assert_int_equal(a->ops->tx(a, tx, n), n);
	expect_pkts(b, &a->addr, lens, n, max);
	free_all(mem, n);
	free(mem);
	free(tx);
}

static inline void expect_tos(struct uet_nic *b, const uint8_t *tos, int n)
{
	struct uet_nic_rx rx[16];
	int got = 0, ret, i;

	while (got < n) {
		ret = wait_rx(b, rx, 16);
		for (i = 0; i < ret; i++)
			assert_int_equal(rx[i].tos, tos[got + i]);
		got += ret;
	}
}

/* An address where nothing listens. */
static inline struct uet_addr dead_address(const struct uet_udp_cfg *cfg)
{
	struct uet_nic *nic = open_nic(cfg);
	struct uet_addr addr = nic->addr;

	nic->ops->close(nic);
	return addr;
}

static inline void expect_report(struct uet_nic *nic, const struct uet_addr *dst, int err)
{
	struct uet_nic_rx rx[4];

	assert_int_equal(wait_rx(nic, rx, 4), 1);
	assert_int_equal(rx[0].err, err);
	assert_int_equal(rx[0].len, 0);
	assert_true(uet_addr_equal(&rx[0].src, dst));
	expect_nothing(nic);
}

#endif /* TEST_NIC_UDP_H */
