/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What users of other providers complained about and no other test looks at: descriptors that
 * grow with the number of peers, address vectors that end at some round number, and forks.
 * test/README.md lists the rest.
 */
#include "sys.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sys_opts plain = { .caps = FI_SOURCE | FI_DIRECTED_RECV };

/* ---- descriptors ---- */

#define CROWD 100

static unsigned int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	expect(dir, "/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Process 1 is a hundred peers, one after the other; all are there until the end. */
static void be_a_crowd(struct sys *s)
{
	struct sys_ep *e = calloc(CROWD, sizeof(*e));
	uint8_t name[SYS_NAME_MAX];
	struct sys_op send, recv;
	uint64_t in;
	unsigned int i;

	sys_hear(s, 0, name, sizeof(name), NULL);
	for (i = 0; i < CROWD; i++) {
		memset(&send, 0, sizeof(send));
		memset(&recv, 0, sizeof(recv));
		sys_open(&e[i], &plain);
		e[i].peer[0] = sys_insert(&e[i], name);
		sys_tell(s, 0, e[i].name, sizeof(e[i].name));
		sys_trecv(&e[i], e[i].peer[0], &in, 8, i, 0, &recv);
		sys_tsend(&e[i], e[i].peer[0], &(uint64_t){ i }, 8, i, &send);
		sys_wait_ok(&e[i], &send);
		sys_wait_ok(&e[i], &recv);
	}
	sys_barrier(s, &e[0]);
	for (i = 0; i < CROWD; i++)
		sys_close(&e[i]);
	free(e);
}

static void descriptors(struct sys *s, const void *arg)
{
	unsigned int i, before = 0;
	uint8_t name[SYS_NAME_MAX];
	struct sys_op send, recv;
	struct sys_ep e;
	fi_addr_t peer;
	uint64_t in;

	(void)arg;
	if (s->rank == 1) {
		be_a_crowd(s);
		return;
	}
	sys_open(&e, &plain);
	sys_tell(s, 1, e.name, sizeof(e.name));
	for (i = 0; i < CROWD; i++) {
		memset(&send, 0, sizeof(send));
		memset(&recv, 0, sizeof(recv));
		sys_hear(s, 1, name, sizeof(name), &e);
		peer = sys_insert(&e, name);
		sys_trecv(&e, peer, &in, 8, i, 0, &recv);
		sys_wait_ok(&e, &recv);
		expect_eq(in, i);
		sys_tsend(&e, peer, &in, 8, i, &send);
		sys_wait_ok(&e, &send);
		if (i == 0)
			before = open_descriptors();
	}
	expect_eq(open_descriptors(), before);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- address vectors ---- */

#define ADDRESSES	100000
#define CHUNK		1000

/* Address number @i: ten thousand hosts, ports from 10000 up. */
static struct sockaddr_in address(unsigned int i)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(10000 + i / 10000)),
		.sin_addr.s_addr = htonl(0x0a000001 + i % 10000),
	};
}

static void insert_range(struct sys_ep *e, fi_addr_t *addrs, unsigned int from, unsigned int to)
{
	struct sockaddr_in sin[CHUNK];
	unsigned int i, k;

	for (i = from; i < to; i += CHUNK) {
		for (k = 0; k < CHUNK; k++)
			sin[k] = address(i + k);
		expect_ret(fi_av_insert(e->av, sin, CHUNK, addrs + i, 0, NULL), CHUNK);
	}
}

static void check_range(struct sys_ep *e, const fi_addr_t *addrs, unsigned int cnt)
{
	struct sockaddr_in sin, want;
	unsigned int i;
	size_t len;

	for (i = 0; i < cnt; i++) {
		len = sizeof(sin);
		want = address(i);
		expect_ok(fi_av_lookup(e->av, addrs[i], &sin, &len));
		expect(len == sizeof(sin) && sin.sin_port == want.sin_port &&
		       sin.sin_addr.s_addr == want.sin_addr.s_addr, "address %u", i);
	}
}

/* Grows past any round number, takes removed places again, and still talks. */
static void big_av(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(ADDRESSES, 10000);
	fi_addr_t *addrs = calloc(cnt, sizeof(*addrs)), most = 0;
	struct sys_op send = { 0 }, recv = { 0 };
	uint64_t in = 0, out = 5;
	unsigned int i, round;
	struct sys_ep e;

	(void)arg;
	(void)s;
	sys_open(&e, &plain);
	insert_range(&e, addrs, 0, cnt);
	check_range(&e, addrs, cnt);
	for (i = 0; i < cnt; i++)
		if (addrs[i] > most)
			most = addrs[i];
	for (round = 0; round < 3; round++) {
		expect_ok(fi_av_remove(e.av, addrs + cnt / 2, cnt / 2, 0));
		insert_range(&e, addrs, cnt / 2, cnt);
		for (i = cnt / 2; i < cnt; i++)
			expect(addrs[i] <= most, "places to be used again, not %llu",
			       (unsigned long long)addrs[i]);
	}
	check_range(&e, addrs, cnt);
	e.peer[0] = sys_insert(&e, e.name);
	sys_trecv(&e, e.peer[0], &in, 8, 1, 0, &recv);
	sys_tsend(&e, e.peer[0], &out, 8, 1, &send);
	sys_wait_ok(&e, &send);
	sys_wait_ok(&e, &recv);
	expect_eq(in, out);
	free(addrs);
	sys_close(&e);
}

/* ---- forks ---- */

static const struct fork_kind {
	enum fi_progress progress;
	bool asks;			/* the child wants information of its own */
} fork_kinds[] = {
	{ FI_PROGRESS_MANUAL, false },
	{ FI_PROGRESS_AUTO, false },
	{ FI_PROGRESS_MANUAL, true },
	{ FI_PROGRESS_AUTO, true },
};

static void ping(struct sys *s, struct sys_ep *e, unsigned int cnt)
{
	fi_addr_t peer = e->peer[1 - s->rank];
	struct sys_op send, recv;
	uint64_t in, i;

	for (i = 0; i < cnt; i++) {
		memset(&send, 0, sizeof(send));
		memset(&recv, 0, sizeof(recv));
		sys_trecv(e, peer, &in, 8, 1, 0, &recv);
		sys_tsend(e, peer, &i, 8, 1, &send);
		sys_wait_ok(e, &send);
		sys_wait_ok(e, &recv);
		expect_eq(in, i);
	}
}

static _Noreturn void child(const struct fork_kind *kind, const struct sys_opts *opts)
{
	/* The parent's threads and sockets are not the child's to use: it gets no service. */
	if (kind->asks)
		expect_eq(sys_offered(opts, FI_MSG), 0);
	/* As system() and daemons do: everything that runs at an exit runs. */
	exit(0);
}

/* A process with an open endpoint forks, the child ends; the parent's traffic goes on. */
static void forks(struct sys *s, const void *arg)
{
	const struct fork_kind *kind = arg;
	struct sys_opts opts = plain;
	struct sys_ep e;
	int i, status;
	pid_t pid;

	opts.progress = kind->progress;
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < 3; i++) {
		ping(s, &e, 20);
		if (s->rank == 0) {
			fflush(NULL);
			pid = fork();
			expect(pid >= 0, "a child");
			if (!pid)
				child(kind, &opts);
			ping(s, &e, 20);
			expect_eq(waitpid(pid, &status, 0), pid);
			expect(WIFEXITED(status) && !WEXITSTATUS(status),
			       "an orderly end of the child, not status %#x", status);
		} else {
			ping(s, &e, 20);
		}
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	sys_begin(argc, argv);
	if (!sys_is_uet())
		return sys_end();
	sys_case("complaints/descriptors", 2, descriptors, NULL);
	sys_case_limit("complaints/100000-addresses", 1, 60, big_av, NULL);
	sys_case("complaints/fork/manual", 2, forks, &fork_kinds[0]);
	sys_case("complaints/fork/auto", 2, forks, &fork_kinds[1]);
	sys_case("complaints/fork/manual/child-asks", 2, forks, &fork_kinds[2]);
	sys_case("complaints/fork/auto/child-asks", 2, forks, &fork_kinds[3]);
	return sys_end();
}
