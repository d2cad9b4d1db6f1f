/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inside a measuring process: its end, its talk with the other side, its clock.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MOST_ROUNDS (1ull << 26)

static const char *program_name;
static int outcome_fd = -1;
static struct bench_outcome late = { .status = BENCH_FAILED };

static void tell(const struct bench_outcome *out)
{
	if (outcome_fd >= 0) {
		if (write(outcome_fd, out, sizeof(*out)) == (ssize_t)sizeof(*out))
			return;
	}
	if (out->status != BENCH_OK)
		fprintf(stderr, "%s: %s\n", program_name, out->why);
}

static void on_alarm(int sig)
{
	ssize_t n = 0;

	(void)sig;
	if (outcome_fd >= 0)
		n = write(outcome_fd, &late, sizeof(late));
	_exit(n < 0 ? 2 : 1);
}

void bench_child_begin(const struct bench_program *program, int outcome, uint32_t limit)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	size_t i;

	program_name = program->name;
	outcome_fd = outcome;
	/* Libraries that libfabric uses have handlers that hang, or hide what happened. */
	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], SIG_DFL);
	snprintf(late.why, sizeof(late.why), "took longer than %u s", limit);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	alarm(limit);
}

static void __attribute__((noreturn, format(printf, 2, 0)))
stop(enum bench_status status, const char *format, va_list args)
{
	struct bench_outcome out = { .status = (int)status };

	vsnprintf(out.why, sizeof(out.why), format, args);
	tell(&out);
	_exit(1);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	stop(BENCH_FAILED, format, args);
}

void bench_absent(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	stop(BENCH_ABSENT, format, args);
}

static void __attribute__((noreturn, format(printf, 1, 2))) orphan(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	stop(BENCH_ORPHANED, format, args);
}

void bench_orphaned(void)
{
	orphan("the other side has ended");
}

void bench_succeed(double value)
{
	struct bench_outcome out = { .status = BENCH_OK, .value = value };

	tell(&out);
	_exit(0);
}

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

void bench_put(struct bench_run *r, int sock, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = send(r->socks[sock], p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			bench_orphaned();
		p += n;
		len -= (size_t)n;
	}
}

/* Read with @flags; calls the job's progress, if any, when there is nothing yet. */
static void get(struct bench_run *r, int sock, void *buf, size_t len, const struct bench_job *job)
{
	bool poll = job && job->progress;
	char *p = buf;
	ssize_t n;
	int i;

	while (len) {
		n = recv(r->socks[sock], p, len, poll ? MSG_DONTWAIT : 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && poll && errno == EAGAIN) {
			for (i = 0; i < 16; i++)
				job->progress(job->arg);
			continue;
		}
		if (n <= 0)
			bench_orphaned();
		p += n;
		len -= (size_t)n;
	}
}

void bench_get(struct bench_run *r, int sock, void *buf, size_t len)
{
	get(r, sock, buf, len, NULL);
}

void bench_check_peer(struct bench_run *r)
{
	char c;
	int i;

	for (i = 0; i < r->sock_cnt; i++)
		if (recv(r->socks[i], &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
			bench_orphaned();
}

void bench_share(struct bench_run *r, const struct bench_job *job, void *buf, size_t len,
		 bool mine)
{
	int i;

	if (!mine) {
		get(r, 0, buf, len, job);
		return;
	}
	for (i = 0; i < r->sock_cnt; i++)
		bench_put(r, i, buf, len);
}

/* All report to the server, which then lets them go. */
void bench_sync(struct bench_run *r, const struct bench_job *job)
{
	char c = 0;
	int i;

	if (r->client)
		bench_put(r, 0, &c, 1);
	else
		for (i = 0; i < r->sock_cnt; i++)
			get(r, i, &c, 1, job);
	bench_share(r, job, &c, 1, !r->client);
}

static double timed_batch(struct bench_run *r, const struct bench_job *job, uint64_t n)
{
	double start;

	bench_sync(r, job);
	start = bench_now();
	job->batch(job->arg, n);
	return bench_now() - start;
}

double bench_measure(struct bench_run *r, const struct bench_job *job)
{
	bool clock = r->client != job->server_clock;
	double usec, want = (double)r->q.msec * 1e3;
	uint64_t n = 0;

	usec = timed_batch(r, job, job->first);
	if (clock) {
		want *= (double)job->first / (usec > 0.1 ? usec : 0.1);
		n = want > (double)MOST_ROUNDS ? MOST_ROUNDS : (uint64_t)want;
		n = n ? n : 1;
	}
	bench_share(r, job, &n, sizeof(n), clock);
	usec = timed_batch(r, job, n) / (double)n;
	bench_share(r, job, &usec, sizeof(usec), clock);
	bench_sync(r, job);
	return usec;
}

size_t bench_resident(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2)
		bench_absent("/proc/self/statm cannot be read");
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}
