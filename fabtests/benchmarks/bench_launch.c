/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Starting the processes of a measurement. On one host they are joined by socket pairs. With
 * --connect each client dials the server's TCP port and says what it wants; the server starts a
 * process when all clients of a measurement have come.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MAGIC 0x75626e32u	/* changes with struct bench_request */
#define DIAL_TRIES 100
#define DIAL_PAUSE 100000	/* us */
#define HELLO_SECONDS 10	/* for a client to say what it wants, and for the others to come */

/* Process number @nr of a measurement onto a processor of its own, while there are enough. */
static void pin(int nr)
{
	cpu_set_t all, one;
	int cpu, seen = 0;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return;
	CPU_ZERO(&one);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && seen++ == nr % CPU_COUNT(&all))
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void __attribute__((noreturn)) measure(const struct bench_test *test, struct bench_run *r)
{
	bool raw = !strcmp(r->q.contender, "raw");
	double (*function)(struct bench_run *) = raw ? test->raw : test->fabric;
	bool crowded = test->spread && r->q.clients > 1;
	double value;

	if (!function)
		bench_absent("%s has no %s", r->q.contender, test->name);
	r->threads = test->threads;
	if (!test->threads && !crowded)
		pin(r->client ? 0 : 1);
	value = function(r);
	if (r->client && !r->q.client)
		bench_succeed(value);
	_exit(0);
}

/* ---- the client's side ---- */

static int dial(const char *host, uint32_t port, char own[64])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char text[16];
	int fd = -1, i, on = 1;

	snprintf(text, sizeof(text), "%u", port);
	if (getaddrinfo(host, text, &hints, &ai))
		bench_fail("%.80s: no such host", host);
	for (i = 0; i < DIAL_TRIES; i++) {
		fd = socket(ai->ai_family, SOCK_STREAM, 0);
		if (fd >= 0 && !connect(fd, ai->ai_addr, ai->ai_addrlen))
			break;
		close(fd);
		fd = -1;
		usleep(DIAL_PAUSE);
	}
	freeaddrinfo(ai);
	if (fd < 0)
		bench_fail("nobody serves at port %u of %.80s", port, host);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) ||
	    getnameinfo((struct sockaddr *)&ss, len, own, 64, NULL, 0, NI_NUMERICHOST))
		bench_fail("own address: %s", strerror(errno));
	return fd;
}

static const char *own_address(const struct bench_options *o, const char *fallback)
{
	if (!o->address)
		return fallback;
	return strcmp(o->address, "any") ? o->address : NULL;
}

/* One process of a measurement: @nr -1 is the server, @sock what joins it to the others. */
static void __attribute__((noreturn))
member(const struct bench_options *o, const struct bench_test *test, const struct bench_request *q,
       int nr, const int *socks, int outcome)
{
	struct bench_run r = { .q = *q, .client = nr >= 0, .address = own_address(o, "127.0.0.1") };
	char own[64];

	bench_child_begin(o->program, outcome, q->limit);
	r.q.client = nr < 0 ? 0 : (uint32_t)nr;
	r.sock_cnt = nr < 0 ? (int)q->clients : 1;
	if (o->connect) {
		r.socks[0] = dial(o->connect, o->port, own);
		r.address = own_address(o, own);
		bench_put(&r, 0, &r.q, sizeof(r.q));
	} else {
		memcpy(r.socks, nr < 0 ? socks : socks + nr, (size_t)r.sock_cnt * sizeof(*socks));
	}
	measure(test, &r);
}

static void close_all(const int *fds, int cnt)
{
	int i;

	for (i = 0; i < cnt; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Children's outcomes, until all have ended or one has failed; the most telling one is @out. */
static void collect(int fd, struct bench_outcome *out)
{
	static const int weight[] = { [BENCH_OK] = 0, [BENCH_ORPHANED] = 1, [BENCH_FAILED] = 2,
				      [BENCH_ABSENT] = 3 };
	struct bench_outcome one;
	bool any = false;

	while (read(fd, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
		if (!any || weight[one.status] > weight[out->status])
			*out = one;
		any = true;
	}
	if (any)
		return;
	memset(out, 0, sizeof(*out));
	out->status = BENCH_ORPHANED;
	snprintf(out->why, sizeof(out->why), "all processes ended without a word");
}

/* Wait for the children; one that died of a signal spoils a result. */
static void reap(const pid_t *pids, int cnt, struct bench_outcome *out)
{
	int i, status;

	for (i = 0; i < cnt; i++) {
		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		if (WIFSIGNALED(status) && (out->status == BENCH_OK ||
					    out->status == BENCH_ORPHANED)) {
			out->status = BENCH_FAILED;
			snprintf(out->why, sizeof(out->why), "a process crashed: %s",
				 strsignal(WTERMSIG(status)));
		}
	}
}

/* Sockets between the processes of this host, -1 where none are needed. */
static int socket_pairs(const struct bench_options *o, int *here, int *there, uint32_t cnt)
{
	int pair[2];
	uint32_t i;

	memset(here, -1, cnt * sizeof(*here));
	memset(there, -1, cnt * sizeof(*there));
	for (i = 0; i < cnt && !o->connect; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return -errno;
		here[i] = pair[0];
		there[i] = pair[1];
	}
	return 0;
}

/* Fork the server (unless it is elsewhere) and the clients; returns how many processes. */
static int fork_members(const struct bench_options *o, const struct bench_test *test,
			const struct bench_request *q, int *const socks[2], int outcome[2],
			pid_t *pids)
{
	int nr, i, cnt = 0;

	for (nr = o->connect ? 0 : -1; nr < (int)q->clients; nr++) {
		pids[cnt] = fork();
		if (pids[cnt] < 0)
			return cnt;
		if (pids[cnt++] > 0)
			continue;
		/* The other ends must close when their owners end. */
		close(outcome[0]);
		close_all(socks[nr >= 0], (int)q->clients);
		for (i = 0; nr >= 0 && i < (int)q->clients; i++)
			if (i != nr && socks[0][i] >= 0)
				close(socks[0][i]);
		member(o, test, q, nr, socks[nr < 0 ? 1 : 0], outcome[1]);
	}
	return cnt;
}

void bench_launch(const struct bench_options *o, const struct bench_test *test,
		  struct bench_request *q, struct bench_outcome *out)
{
	int here[BENCH_PEERS], there[BENCH_PEERS], outcome[2], cnt;
	int *const socks[2] = { here, there };
	pid_t pids[BENCH_PEERS + 1];
	static uint32_t runs;

	memset(out, 0, sizeof(*out));
	q->magic = MAGIC;
	q->run = (uint32_t)getpid() << 12 ^ runs++;
	if (socket_pairs(o, here, there, q->clients) || pipe(outcome)) {
		close_all(here, (int)q->clients);
		close_all(there, (int)q->clients);
		out->status = BENCH_FAILED;
		snprintf(out->why, sizeof(out->why), "no sockets: %s", strerror(errno));
		return;
	}
	fflush(stdout);
	cnt = fork_members(o, test, q, socks, outcome, pids);
	close_all(here, (int)q->clients);
	close_all(there, (int)q->clients);
	close(outcome[1]);
	collect(outcome[0], out);
	close(outcome[0]);
	reap(pids, cnt, out);
}

/* ---- the server's side ---- */

static int listen_at(const struct bench_options *o)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *ai;
	char text[16];
	int fd, on = 1, ret;

	snprintf(text, sizeof(text), "%u", o->port);
	if (getaddrinfo(o->address, text, &hints, &ai))
		return -EINVAL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ret = fd;
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BENCH_PEERS))
		ret = -errno;
	freeaddrinfo(ai);
	return ret;
}

static bool sane(const struct bench_program *program, const struct bench_request *q)
{
	return q->magic == MAGIC && q->clients && q->clients <= BENCH_PEERS &&
	       q->client < q->clients && q->window && q->window <= BENCH_WINDOW &&
	       q->size <= 1ull << 30 && q->msec <= BENCH_MSEC && q->limit <= BENCH_LIMIT &&
	       memchr(q->test, 0, sizeof(q->test)) &&
	       memchr(q->contender, 0, sizeof(q->contender)) && bench_find(program, q->test);
}

/* Take one client's connection and wish. Returns the socket, or -1. */
static int welcome(int listener, const struct bench_program *program, struct bench_request *q)
{
	struct timeval limit = { .tv_sec = HELLO_SECONDS }, none = { 0 };
	int fd = accept(listener, NULL, NULL), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (recv(fd, q, sizeof(*q), MSG_WAITALL) != (ssize_t)sizeof(*q) || !sane(program, q)) {
		fprintf(stderr, "%s: a stranger's connection refused\n", program->name);
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* All clients of one measurement, into @r. Of several measurements, the newest counts. */
static void gather(int listener, const struct bench_program *program, struct bench_run *r)
{
	struct bench_request q;
	uint32_t have = 0;
	int fd;

	memset(r->socks, -1, sizeof(r->socks));
	do {
		fd = welcome(listener, program, &q);
		if (fd < 0)
			continue;
		if (have && (q.run != r->q.run || q.clients != r->q.clients ||
			     r->socks[q.client] >= 0)) {
			close_all(r->socks, BENCH_PEERS);
			memset(r->socks, -1, sizeof(r->socks));
			have = 0;
		}
		r->q = q;
		r->socks[q.client] = fd;
		have++;
	} while (!have || have < r->q.clients);
	r->sock_cnt = (int)r->q.clients;
}

int bench_serve(const struct bench_options *o)
{
	struct bench_run r = { .address = o->address };
	int listener = listen_at(o), status;
	pid_t pid;

	if (listener < 0) {
		fprintf(stderr, "%s: cannot serve at %s, port %u: %s\n", o->program->name,
			o->address, o->port, strerror(-listener));
		return 1;
	}
	printf("%s: serving at %s, port %u\n", o->program->name, o->address, o->port);
	fflush(stdout);
	for (;;) {
		gather(listener, o->program, &r);
		pid = fork();
		if (pid == 0) {
			close(listener);
			bench_child_begin(o->program, -1, r.q.limit);
			measure(bench_find(o->program, r.q.test), &r);
		}
		close_all(r.socks, r.sock_cnt);
		if (pid < 0)
			perror(o->program->name);
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
}
