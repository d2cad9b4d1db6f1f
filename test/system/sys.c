/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Processes, cases, expectations, and the streams between processes.
 */
#define SYS_HARNESS
#include "sys.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_LIMIT_S	30
#define EXIT_SKIP	77

/* What the processes of a case share. */
struct shared {
	atomic_int failed;			/* somebody told why */
	atomic_int dying[SYS_MAX_PROCS];	/* this one will be killed on purpose */
	char skip[128];
};

static struct {
	char **names;
	int name_cnt;
	int passed, failed, skipped;
	unsigned int time_scale;
	bool brief;
} run;

static struct shared *shared;
static const char *case_name = "?";
static int my_rank = -1;
static _Atomic(const char *) at_file = "?";
static atomic_int at_line;

/* ---- the environment ---- */

static bool env_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value && strcmp(value, "0") != 0;
}

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
#else
	return false;
#endif
#else
	return false;
#endif
}

const char *sys_provider(void)
{
	const char *name = getenv("UET_TEST_PROVIDER");

	return name && *name ? name : "uet";
}

bool sys_is_rendezvous(void)
{
	return env_set("FI_UET_RENDEZVOUS_SIZE");
}

bool sys_is_uet(void)
{
	return !strcmp(sys_provider(), "uet");
}

bool sys_short(void)
{
	return run.brief;
}

uint64_t sys_seed(void)
{
	const char *text = getenv("UET_TEST_SEED");

	return text && *text ? strtoull(text, NULL, 0) : 20260101;
}

/*
 * Another run on this machine must not answer in the place of a peer that died: ports and
 * JobID of one's own, as far as possible.
 */
static void own_corner(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", 5000 + getpid() % 400 * 64);
	setenv("FI_UET_PORT", text, 0);
	snprintf(text, sizeof(text), "%d", getpid() % 0xfffff0 + 1);
	setenv("FI_UET_JOB_ID", text, 0);
}

void sys_begin(int argc, char **argv)
{
	const char *scale = getenv("UET_TIME_SCALE");

	setvbuf(stdout, NULL, _IOLBF, 0);
	run.names = argv + 1;
	run.name_cnt = argc - 1;
	run.time_scale = scale && atoi(scale) > 0 ? (unsigned int)atoi(scale) : 1;
	run.brief = sanitized() || env_set("UET_TEST_SHORT") || env_set("UET_SANITIZE");
	/* Other providers only cost time, and some print. */
	setenv("FI_PROVIDER", sys_provider(), 0);
	own_corner();
	signal(SIGPIPE, SIG_IGN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
}

int sys_end(void)
{
	printf("%d passed, %d failed, %d skipped\n", run.passed, run.failed, run.skipped);
	if (run.failed)
		return 1;
	return run.passed ? 0 : EXIT_SKIP;
}

/* ---- expectations ---- */

void sys_at(const char *file, int line)
{
	atomic_store_explicit(&at_file, file, memory_order_relaxed);
	atomic_store_explicit(&at_line, line, memory_order_relaxed);
}

static _Noreturn void fail(const char *file, int line, const char *fmt, va_list ap)
{
	const char *base = strrchr(file, '/');
	char text[512];

	/* The others only suffer from what the first one found. */
	if (atomic_exchange(&shared->failed, 1))
		_exit(1);
	vsnprintf(text, sizeof(text), fmt, ap);
	printf("not ok %s: %s:%d: process %d: %s\n", case_name, base ? base + 1 : file, line,
	       my_rank, text);
	fflush(stdout);
	_exit(1);
}

void sys_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(file, line, fmt, ap);
}

void sys_fail_here(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(atomic_load(&at_file), atomic_load(&at_line), fmt, ap);
}

void sys_check_eq(const char *file, int line, const char *what, long long got, long long want)
{
	sys_at(file, line);
	if (got != want)
		sys_fail(file, line, "%s: expected %lld (%#llx), got %lld (%#llx)", what, want,
			 want, got, got);
}

static const char *ret_name(long long ret, char *buf, size_t len)
{
	if (ret < 0)
		snprintf(buf, len, "%lld (%s)", ret, fi_strerror((int)-ret));
	else
		snprintf(buf, len, "%lld", ret);
	return buf;
}

void sys_check_ret(const char *file, int line, const char *what, long long got, long long want)
{
	char g[80], w[80];

	if (got != want)
		sys_fail(file, line, "%s: expected %s, got %s", what,
			 ret_name(want, w, sizeof(w)), ret_name(got, g, sizeof(g)));
}

void sys_skip(const char *why)
{
	snprintf(shared->skip, sizeof(shared->skip), "%s", why);
	_exit(EXIT_SKIP);
}

void sys_die(void)
{
	if (my_rank >= 0)
		atomic_store(&shared->dying[my_rank], 1);
	raise(SIGKILL);
	_exit(1);
}

/* Formatting is not allowed in a signal handler, but the process ends here anyway. */
static void on_alarm(int sig)
{
	(void)sig;
	sys_fail_here("time is over; this was the last thing that was expected or waited for");
}

/* ---- processes ---- */

static void process_begin(unsigned int limit_s)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGALRM, &sa, NULL);
	alarm(limit_s * run.time_scale);
}

int sys_fork(void (*body)(void *arg), void *arg)
{
	int pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		sys_fail_here("fork: %s", strerror(errno));
	if (pid)
		return pid;
	my_rank = -1;
	process_begin(CASE_LIMIT_S);
	body(arg);
	exit(0);
}

struct mesh {
	int fd[SYS_MAX_PROCS][SYS_MAX_PROCS];
};

static bool mesh_open(struct mesh *mesh, int procs)
{
	int pair[2];
	int i, j;

	memset(mesh, -1, sizeof(*mesh));
	for (i = 0; i < procs; i++) {
		for (j = i + 1; j < procs; j++) {
			if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
				return false;
			mesh->fd[i][j] = pair[0];
			mesh->fd[j][i] = pair[1];
		}
	}
	return true;
}

/* Close everything but the row of @rank; -1 closes all. */
static void mesh_keep(struct mesh *mesh, int procs, int rank)
{
	int i, j;

	for (i = 0; i < procs; i++)
		for (j = 0; j < procs; j++)
			if (i != rank && mesh->fd[i][j] >= 0)
				close(mesh->fd[i][j]);
}

static void child(struct mesh *mesh, int procs, int rank, unsigned int limit_s, sys_body body,
		  const void *arg)
{
	struct sys s = { .rank = rank, .size = procs };

	my_rank = rank;
	process_begin(limit_s);
	mesh_keep(mesh, procs, rank);
	memcpy(s.fd, mesh->fd[rank], sizeof(s.fd));
	sys_host_enter(rank);
	body(&s, arg);
	exit(0);
}

static int rank_of(const pid_t *pids, int procs, pid_t pid)
{
	int i;

	for (i = 0; i < procs; i++)
		if (pids[i] == pid)
			return i;
	return -1;
}

static void kill_rest(const pid_t *pids, int procs)
{
	int i;

	for (i = 0; i < procs; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

/* Tell about an end that nobody explained. */
static void tell_end(int rank, int status)
{
	if (atomic_exchange(&shared->failed, 1))
		return;
	if (WIFSIGNALED(status))
		printf("not ok %s: process %d: killed by signal %d (%s)\n", case_name, rank,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		printf("not ok %s: process %d: exit status %d\n", case_name, rank,
		       WEXITSTATUS(status));
}

static bool ended_well(int rank, int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL && atomic_load(&shared->dying[rank]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Wait for all; a process that fails ends the others. Returns 0, 1 or EXIT_SKIP. */
static int reap(pid_t *pids, int procs)
{
	int left = procs, rank, status, result = 0;
	pid_t pid;

	while (left) {
		pid = waitpid(-1, &status, 0);
		if (pid < 0)
			return 1;
		rank = rank_of(pids, procs, pid);
		if (rank < 0)
			continue;
		pids[rank] = 0;
		left--;
		if (result || ended_well(rank, status))
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
			result = EXIT_SKIP;
		} else {
			tell_end(rank, status);
			result = 1;
		}
		kill_rest(pids, procs);
	}
	return result;
}

static bool chosen(const char *name)
{
	int i;

	for (i = 0; i < run.name_cnt; i++)
		if (strstr(name, run.names[i]))
			return true;
	return run.name_cnt == 0;
}

static int run_procs(int procs, unsigned int limit_s, sys_body body, const void *arg)
{
	pid_t pids[SYS_MAX_PROCS];
	struct mesh mesh;
	int i;

	memset(shared, 0, sizeof(*shared));
	if (!mesh_open(&mesh, procs)) {
		printf("not ok %s: socketpair: %s\n", case_name, strerror(errno));
		return 1;
	}
	fflush(NULL);
	for (i = 0; i < procs; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			child(&mesh, procs, i, limit_s, body, arg);
		if (pids[i] < 0) {
			printf("not ok %s: fork: %s\n", case_name, strerror(errno));
			kill_rest(pids, i);
			return 1;
		}
	}
	mesh_keep(&mesh, procs, -1);
	return reap(pids, procs);
}

void sys_case_limit(const char *name, int procs, unsigned int limit_s, sys_body body,
		    const void *arg)
{
	uint64_t begun = sys_now_ms();
	int ret;

	if (!chosen(name))
		return;
	case_name = name;
	ret = run_procs(procs, limit_s, body, arg);
	if (ret == 0) {
		run.passed++;
		printf("ok     %-40s %6llu ms\n", name, (unsigned long long)(sys_now_ms() - begun));
	} else if (ret == EXIT_SKIP) {
		run.skipped++;
		printf("skip   %s: %s\n", name, shared->skip);
	} else {
		run.failed++;
	}
}

void sys_case(const char *name, int procs, sys_body body, const void *arg)
{
	sys_case_limit(name, procs, CASE_LIMIT_S, body, arg);
}

/* ---- streams ---- */

void sys_tell(struct sys *s, int to, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = send(s->fd[to], p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			sys_fail_here("process %d is gone", to);
		p += n;
		len -= (size_t)n;
	}
}

/* Wait for the stream, not long: the caller drives its endpoint in between. */
static void await_stream(int fd, struct sys_ep *e, unsigned int *idle)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (!e) {
		poll(&pfd, 1, -1);
		return;
	}
	*idle = sys_poll(e) ? 0 : *idle + 1;
	if (*idle > 100)
		poll(&pfd, 1, 1);
}

/* One piece; 0 at the end of the stream. */
static size_t hear_some(struct sys *s, int from, void *buf, size_t len, struct sys_ep *e)
{
	unsigned int idle = 0;
	ssize_t n;

	for (;;) {
		n = recv(s->fd[from], buf, len, MSG_DONTWAIT);
		if (n >= 0)
			return (size_t)n;
		if (errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			sys_fail_here("recv: %s", strerror(errno));
		await_stream(s->fd[from], e, &idle);
	}
}

void sys_hear(struct sys *s, int from, void *buf, size_t len, struct sys_ep *e)
{
	char *p = buf;
	size_t n;

	while (len) {
		n = hear_some(s, from, p, len, e);
		if (!n)
			sys_fail_here("process %d ended while this one waited for it", from);
		p += n;
		len -= n;
	}
}

void sys_hear_end(struct sys *s, int from, struct sys_ep *e)
{
	char byte;

	while (hear_some(s, from, &byte, 1, e))
		;
}

void sys_barrier_of(struct sys *s, unsigned int ranks, struct sys_ep *e)
{
	int root = __builtin_ctz(ranks);
	char byte = 'b';
	int i;

	if (s->rank != root) {
		sys_tell(s, root, &byte, 1);
		sys_hear(s, root, &byte, 1, e);
		return;
	}
	for (i = root + 1; i < s->size; i++)
		if (ranks & 1u << i)
			sys_hear(s, i, &byte, 1, e);
	for (i = root + 1; i < s->size; i++)
		if (ranks & 1u << i)
			sys_tell(s, i, &byte, 1);
}

void sys_barrier(struct sys *s, struct sys_ep *e)
{
	sys_barrier_of(s, (1u << s->size) - 1, e);
}

uint64_t sys_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
