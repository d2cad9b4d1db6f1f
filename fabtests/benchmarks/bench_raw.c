/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Bare UDP. The sockets have the options of the provider's; a message is cut into packets of
 * as much payload, behind as much room for headers, and put together from a staging buffer:
 *
 *   message   [ payload ][ payload ][ rest ]            one buffer on either side
 *   packets   [H payload][H payload][H rest]            one GSO send: iovecs H, payload, H, ...
 *   stage     [H payload H payload H rest  ]            one GRO receive, then a copy for each
 *
 * The receiver tells now and then how much has arrived, and the sender keeps so much less in
 * flight that the socket buffer cannot overflow.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define HEADERS 56		/* PDS and SES headers of an ordinary request */
#define HEADERS_MOST 100	/* what the provider leaves room for: extensions, a trailer */
#define SOCKET_BUFFER (4 << 20)
#define GSO_SEGMENTS 64
#define GSO_BYTES 65000
#define STAGES 4
#define STAGE_LEN 65536
#define IN_FLIGHT (1 << 20)
#define ACK_EVERY 8		/* acknowledgements for a full window */
#define KERNEL_COST 1024	/* bytes beside the data that a packet takes in a socket buffer */
#define PATIENCE 2e6		/* us without a packet after which one must have been lost */

struct raw {
	struct bench_run *r;
	int fd;
	size_t size;		/* of messages */
	size_t segment;		/* payload of a packet; the last one of a message may have less */
	int run;		/* most packets in one send */
	uint64_t buffer;	/* bytes of the smaller receive buffer */
	uint64_t window;	/* bytes in flight; as in buffer, KERNEL_COST counts */
	char *msg, *stage;
	char header[HEADERS];
	size_t tx_at, rx_at;	/* position in the message */
	uint64_t sent, acked;	/* packets */
	uint64_t received, told;
	int want;		/* datagrams to ask for */
};

/* What the receiver tells. */
struct ack {
	uint64_t packets;
	char rest[HEADERS - sizeof(uint64_t)];
};

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		bench_absent("socket option %d of level %d: %s", option, level, strerror(errno));
}

static void set_ip_options(int fd, int family)
{
	if (family == AF_INET) {
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
		set(fd, IPPROTO_IP, IP_RECVTOS, 1);
		set(fd, IPPROTO_IP, IP_RECVERR, 1);
		set(fd, IPPROTO_IP, IP_TOS, 2);
		return;
	}
	set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT);
	set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	set(fd, IPPROTO_IPV6, IPV6_TCLASS, 2);
}

/* Returns how many bytes of receive buffer were granted. */
static uint64_t set_buffers(int fd)
{
	int want = SOCKET_BUFFER, got = 0;
	socklen_t len = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof(want)))
		set(fd, SOL_SOCKET, SO_RCVBUF, want);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)))
		set(fd, SOL_SOCKET, SO_SNDBUF, want);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len))
		bench_fail("SO_RCVBUF: %s", strerror(errno));
	return (uint64_t)got;
}

static void bind_own(int fd, const char *address, struct sockaddr_storage *ss, socklen_t *len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM }, *ai;

	if (getaddrinfo(address, NULL, &hints, &ai))
		bench_fail("%s is no address", address);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen))
		bench_fail("binding to %s: %s", address, strerror(errno));
	freeaddrinfo(ai);
	*len = sizeof(*ss);
	memset(ss, 0, sizeof(*ss));
	if (getsockname(fd, (struct sockaddr *)ss, len))
		bench_fail("getsockname: %s", strerror(errno));
}

/* Payload of a packet on a path of that MTU, as the provider cuts messages. */
static size_t payload_of(const struct bench_run *r, int fd, int family)
{
	int mtu = 0, below = family == AF_INET ? 28 : 48;
	socklen_t len = sizeof(mtu);
	size_t payload = 8192;

	if (r->q.payload)
		return r->q.payload;
	if (family == AF_INET ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len) :
				getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &len))
		bench_fail("the path's MTU: %s", strerror(errno));
	while (payload > 1024 && payload + HEADERS_MOST + (size_t)below > (size_t)mtu)
		payload /= 2;
	return payload;
}

static int open_socket(struct bench_run *r, int *family, uint64_t *granted)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	if (!r->address)
		bench_absent("raw needs an --address");
	*family = strchr(r->address, ':') ? AF_INET6 : AF_INET;
	fd = socket(*family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		bench_fail("UDP socket: %s", strerror(errno));
	set_ip_options(fd, *family);
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	*granted = set_buffers(fd);
	bind_own(fd, r->address, &ss, &len);
	bench_put(r, 0, &ss, sizeof(ss));
	bench_get(r, 0, &ss, sizeof(ss));
	if (connect(fd, (struct sockaddr *)&ss, len))
		bench_fail("UDP connect: %s", strerror(errno));
	return fd;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void open_raw(struct raw *w, struct bench_run *r)
{
	uint64_t mine[2], other[2];	/* receive buffer, payload */
	int family;

	memset(w, 0, sizeof(*w));
	w->r = r;
	w->want = 1;
	w->fd = open_socket(r, &family, &mine[0]);
	mine[1] = payload_of(r, w->fd, family);
	/* Both sides go by the smaller ones. */
	bench_put(r, 0, mine, sizeof(mine));
	bench_get(r, 0, other, sizeof(other));
	w->buffer = smaller(mine[0], other[0]);
	w->window = smaller(w->buffer / 4, IN_FLIGHT);
	w->size = r->q.size;
	w->segment = smaller(smaller(mine[1], other[1]), w->size);
	w->run = GSO_BYTES / (int)(w->segment + HEADERS);
	if (w->run > GSO_SEGMENTS)
		w->run = GSO_SEGMENTS;
	set(w->fd, IPPROTO_UDP, UDP_SEGMENT, (int)(w->segment + HEADERS));
	w->msg = aligned_alloc(4096, (w->size + 4095) / 4096 * 4096);
	w->stage = aligned_alloc(4096, STAGES * STAGE_LEN);
	if (!w->msg || !w->stage)
		bench_fail("no memory");
	memset(w->msg, 1, w->size);
}

static void close_raw(struct raw *w)
{
	close(w->fd);
	free(w->msg);
	free(w->stage);
}

static bool transient(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == EINTR || err == ECONNREFUSED;
}

/* Send up to @most packets, the next ones of the message, with one call. Returns how many. */
static int send_run(struct raw *w, int most)
{
	struct iovec iov[2 * GSO_SEGMENTS];
	struct msghdr h = { .msg_iov = iov };
	size_t len;
	int k = 0;

	while (k < most) {
		len = w->size - w->tx_at;
		if (len > w->segment)
			len = w->segment;
		iov[2 * k] = (struct iovec){ w->header, HEADERS };
		iov[2 * k + 1] = (struct iovec){ w->msg + w->tx_at, len };
		k++;
		w->tx_at += len;
		if (w->tx_at == w->size)
			w->tx_at = 0;
		if (len < w->segment)
			break;
	}
	h.msg_iovlen = 2 * (size_t)k;
	while (sendmsg(w->fd, &h, 0) < 0)
		if (!transient(errno))
			bench_fail("sending UDP: %s", strerror(errno));
	w->sent += (uint64_t)k;
	return k;
}

/* Copy the packets of a merged datagram of @len bytes to where they belong. */
static void unpack(struct raw *w, const char *p, size_t len)
{
	size_t part, room;

	while (len > HEADERS) {
		part = len < w->segment + HEADERS ? len : w->segment + HEADERS;
		room = w->size - w->rx_at;
		if (part - HEADERS > room)
			bench_fail("packets were lost; see net.core.rmem_max");
		memcpy(w->msg + w->rx_at, p + HEADERS, part - HEADERS);
		w->rx_at += part - HEADERS;
		if (w->rx_at == w->size)
			w->rx_at = 0;
		w->received++;
		p += part;
		len -= part;
	}
}

/* Receive what is there. Returns the number of datagrams. */
static int receive(struct raw *w)
{
	struct mmsghdr m[STAGES];
	struct iovec iov[STAGES];
	int i, n;

	memset(m, 0, (size_t)w->want * sizeof(m[0]));
	for (i = 0; i < w->want; i++) {
		iov[i] = (struct iovec){ w->stage + (size_t)i * STAGE_LEN, STAGE_LEN };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(w->fd, m, (unsigned int)w->want, MSG_DONTWAIT, NULL);
	if (n < 0 && !transient(errno))
		bench_fail("receiving UDP: %s", strerror(errno));
	w->want = n < w->want ? 1 : STAGES;
	for (i = 0; i < n; i++)
		unpack(w, iov[i].iov_base, m[i].msg_len);
	return n;
}

/* Nothing has come since @since (0: only now): give up after a while. */
static void be_patient(struct raw *w, double *since, unsigned int *tries)
{
	if (++*tries % 65536)
		return;
	if (*since == 0)
		*since = bench_now();
	bench_check_peer(w->r);
	if (bench_now() - *since > PATIENCE)
		bench_fail("packets were lost; see net.core.rmem_max");
}

/* Receive until there were @target packets in all. */
static void receive_until(struct raw *w, uint64_t target)
{
	unsigned int tries = 0;
	double since = 0;

	while (w->received < target) {
		if (receive(w) > 0) {
			since = 0;
			tries = 0;
		} else {
			be_patient(w, &since, &tries);
		}
	}
}

/* ---- ping-pong ---- */

static uint64_t packets_of(const struct raw *w)
{
	return (w->size + w->segment - 1) / w->segment;
}

static void send_message(struct raw *w)
{
	uint64_t left = packets_of(w);

	while (left)
		left -= (uint64_t)send_run(w, left < (uint64_t)w->run ? (int)left : w->run);
}

static void ping_pong(void *arg, uint64_t n)
{
	struct raw *w = arg;
	uint64_t i;

	for (i = 0; i < n; i++) {
		if (w->r->client)
			send_message(w);
		receive_until(w, w->received + packets_of(w));
		if (!w->r->client)
			send_message(w);
	}
}

double bench_raw_latency(struct bench_run *r)
{
	struct raw w;
	struct bench_job job = { .batch = ping_pong, .arg = &w, .first = 20 };
	double usec;

	open_raw(&w, r);
	if (packets_of(&w) * (w.segment + HEADERS + KERNEL_COST) > w.buffer / 2)
		bench_absent("the socket buffer is too small for a message without answers");
	usec = bench_measure(r, &job) / 2;
	close_raw(&w);
	return usec;
}

/* ---- streams ---- */

static uint64_t window_packets(const struct raw *w)
{
	uint64_t n = w->window / (w->segment + HEADERS + KERNEL_COST);

	return n < ACK_EVERY ? ACK_EVERY : n;
}

static void take_acks(struct raw *w)
{
	struct ack ack;

	while (recv(w->fd, &ack, sizeof(ack), MSG_DONTWAIT) == (ssize_t)sizeof(ack))
		if (ack.packets > w->acked)
			w->acked = ack.packets;
}

/* Wait for room for @n packets. */
static void wait_for_room(struct raw *w, uint64_t n, uint64_t window)
{
	unsigned int tries = 0;
	double since = 0;
	uint64_t before;

	while (w->sent + n > w->acked + window) {
		before = w->acked;
		take_acks(w);
		if (w->acked == before)
			be_patient(w, &since, &tries);
	}
}

static void stream_out(struct raw *w, uint64_t packets)
{
	uint64_t window = window_packets(w), left = packets, n;

	while (left) {
		n = left < (uint64_t)w->run ? left : (uint64_t)w->run;
		if (n > window)
			n = window;
		wait_for_room(w, n, window);
		left -= (uint64_t)send_run(w, (int)n);
	}
	wait_for_room(w, window, window);
}

static void tell(struct raw *w)
{
	struct ack ack = { .packets = w->received };

	while (send(w->fd, &ack, sizeof(ack), 0) < 0)
		if (!transient(errno))
			bench_fail("sending UDP: %s", strerror(errno));
	w->told = w->received;
}

static void stream_in(struct raw *w, uint64_t packets)
{
	uint64_t end = w->received + packets, every = window_packets(w) / ACK_EVERY, next;

	while (w->received < end) {
		next = w->told + every < end ? w->told + every : end;
		receive_until(w, next);
		tell(w);
	}
}

/* A round is a message. */
static void stream(void *arg, uint64_t n)
{
	struct raw *w = arg;

	if (w->r->client)
		stream_out(w, n * packets_of(w));
	else
		stream_in(w, n * packets_of(w));
}

static double stream_usec(struct bench_run *r, int run)
{
	struct raw w;
	struct bench_job job = { .batch = stream, .arg = &w, .first = 1000 };
	double usec;

	open_raw(&w, r);
	if (run)
		w.run = run;
	if (w.size > w.segment)
		job.first = 16;
	usec = bench_measure(r, &job);
	close_raw(&w);
	return usec;
}

double bench_raw_bandwidth(struct bench_run *r)
{
	return (double)r->q.size / stream_usec(r, 0);
}

double bench_raw_rate(struct bench_run *r)
{
	return 1 / stream_usec(r, 0);
}

double bench_raw_rate_single(struct bench_run *r)
{
	return 1 / stream_usec(r, 1);
}
