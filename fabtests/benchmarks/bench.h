/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the benchmark programs share. A program has a table of tests; one measurement is one
 * test of one contender (a libfabric provider, or "raw": bare UDP) in processes of its own, a
 * server and one client or more, joined by sockets for what is not measured:
 *
 *   main ---fork---> server <==socks==> client 0 ... n      both on this host, or the server's
 *     ^                                    |                side on another (--server, --connect)
 *     +------------ outcome (a pipe) ------+
 *
 * Contenders take turns within each round, so that what the machine does meanwhile hits all.
 */
#ifndef UET_BENCH_H
#define UET_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_PEERS 64		/* most clients of one server, and endpoints of one process */
#define BENCH_WINDOW 1024	/* most messages in flight */
#define BENCH_LIST 32		/* most items of a list in the arguments */
#define BENCH_NAME 64		/* room for a contender's name */
#define BENCH_ROUNDS 1000
#define BENCH_MSEC 10000
#define BENCH_LIMIT 3600

/* What a client tells its server. */
struct bench_request {
	uint32_t magic;
	uint32_t run;		/* the same for all clients of one measurement */
	uint32_t client;	/* number of this client, from 0 */
	uint32_t clients;
	uint32_t count;		/* as struct bench_test.counts says */
	uint32_t window;	/* messages in flight */
	uint32_t msec;		/* time to fill */
	uint32_t limit;		/* seconds after which the measurement is given up */
	uint32_t payload;	/* of raw's packets, 0: as the provider chooses */
	uint64_t size;		/* bytes per message */
	char test[32];
	char contender[BENCH_NAME];
};

/* One measurement, as one of its processes sees it. */
struct bench_run {
	struct bench_request q;
	bool client;
	bool threads;		/* as struct bench_test.threads */
	int socks[BENCH_PEERS];	/* to the other side: one, or on the server one per client */
	int sock_cnt;
	const char *address;	/* own address, as text; NULL: the provider's choice */
};

/* A test. Functions return the figure in the test's unit, on the client and on the server. */
struct bench_test {
	const char *name;
	const char *what;
	const char *unit;
	bool lower;		/* the less, the better */
	bool spread;		/* a client process for each one counted */
	bool threads;		/* several in a process, which are left to the scheduler */
	const char *sizes;	/* list that is used without -s; NULL: a test without sizes */
	const char *counts;	/* list that is used without -c; NULL: nothing to count */
	uint32_t most;		/* largest count */
	const char *counted;
	double (*fabric)(struct bench_run *r);
	double (*raw)(struct bench_run *r);	/* NULL: bare UDP has nothing like it */
};

struct bench_program {
	const char *name;
	const struct bench_test *tests;		/* up to one without a name */
	const char *contenders;		/* used without -p, as far as they are available */
	/* NULL, or: can this contender be measured from @address (NULL: any)? */
	bool (*available)(const char *contender, const char *address);
};

struct bench_options {
	const struct bench_program *program;
	char contenders[BENCH_LIST][BENCH_NAME];
	int contender_cnt;
	const struct bench_test *tests[BENCH_LIST];
	int test_cnt;
	uint64_t sizes[BENCH_LIST];
	int size_cnt;			/* 0: each test's own */
	uint64_t counts[BENCH_LIST];
	int count_cnt;			/* 0: each test's own */
	uint32_t rounds, window, msec, limit, payload, port;
	const char *address;		/* own */
	const char *connect;		/* the server's; NULL: both sides are here */
	const char *csv, *json;		/* file names, "-": standard output */
	bool server, available;
	bool own_choice;		/* contenders are the program's, not the user's */
};

enum bench_status {
	BENCH_OK,
	BENCH_ABSENT,		/* this contender cannot do that, or is not there */
	BENCH_FAILED,
	BENCH_ORPHANED,		/* the other side has ended, and knows why */
};

struct bench_outcome {
	int status;		/* enum bench_status */
	double value;
	char why[160];
};

/* ---- bench_main.c ---- */

/* A whole program. Returns its exit status. */
int bench_main(const struct bench_program *program, int argc, char **argv);

/* ---- bench_options.c ---- */

/*
 * Read the arguments into @o, whose program is set. Returns -1 to go on, or the exit status with
 * which the program ends now (2 for bad arguments, after a line about them).
 */
int bench_options(struct bench_options *o, int argc, char **argv);

/*
 * Read @text, numbers with commas between them (k and m: times 1024 and 1024 * 1024), into
 * @list, which has room for BENCH_LIST. Returns how many, or -1 if it is none of that.
 */
int bench_numbers(const char *text, uint64_t *list);

/* The test of that name in @program, or NULL. */
const struct bench_test *bench_find(const struct bench_program *program, const char *name);

/* ---- bench_launch.c ---- */

/* Run one measurement as @o says; @q without magic, run, client. */
void bench_launch(const struct bench_options *o, const struct bench_test *test,
		  struct bench_request *q, struct bench_outcome *out);

/* Serve clients on other hosts or in other namespaces; returns an exit status on failure only. */
int bench_serve(const struct bench_options *o);

/* ---- bench_child.c: inside a measuring process ---- */

/* @outcome: where to write how this process ends, -1: standard error; @limit: in seconds. */
void bench_child_begin(const struct bench_program *program, int outcome, uint32_t limit);

/* End this process: the measurement is impossible (bench_absent) or went wrong. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void bench_absent(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* End this process with a result. */
void bench_succeed(double value) __attribute__((noreturn));

/* The reason that bench_check_peer, bench_put and bench_get give. */
void bench_orphaned(void) __attribute__((noreturn));

double bench_now(void);		/* microseconds */

/* Write to and read from the other side; any failure ends this process. */
void bench_put(struct bench_run *r, int sock, const void *buf, size_t len);
void bench_get(struct bench_run *r, int sock, void *buf, size_t len);

/* What both sides measure: @batch does its share of @n rounds. */
struct bench_job {
	void (*batch)(void *arg, uint64_t n);
	void (*progress)(void *arg);	/* called while waiting for the other side; or NULL */
	void *arg;
	uint64_t first;			/* rounds of warming up, which also tell how many follow */
	bool server_clock;		/* the server counts the time; otherwise the client does */
};

/* Wait until all processes of the measurement are here. */
void bench_sync(struct bench_run *r, const struct bench_job *job);

/* Hand @buf on from the side that has it (@mine) to the other. */
void bench_share(struct bench_run *r, const struct bench_job *job, void *buf, size_t len,
		 bool mine);

/*
 * Warm up, agree on a number of rounds that takes as long as was asked for, and do these.
 * Returns microseconds per round, the same on both sides.
 */
double bench_measure(struct bench_run *r, const struct bench_job *job);

/* Ends this process if the other side has ended. Costs a system call. */
void bench_check_peer(struct bench_run *r);

/* Bytes of physical memory that this process uses. */
size_t bench_resident(void);

/* ---- bench_report.c ---- */

struct bench_report;

/* Keeps the samples of all rounds. Ends the program when there is no memory. */
struct bench_report *bench_report_new(const struct bench_options *o);

void bench_report_add(struct bench_report *rep, const struct bench_test *test,
		      const struct bench_request *q, uint32_t round,
		      const struct bench_outcome *out);

/* Print what @o asks for. Returns 0 if something was measured and nothing failed, otherwise 1. */
int bench_report_print(struct bench_report *rep, const struct bench_options *o);

void bench_report_free(struct bench_report *rep);

/* ---- bench_raw.c: bare UDP, with the provider's socket options and packet sizes ---- */

double bench_raw_latency(struct bench_run *r);		/* us, one way */
double bench_raw_bandwidth(struct bench_run *r);	/* MB/s */
double bench_raw_rate(struct bench_run *r);		/* M packets/s, merged by GSO and GRO */
double bench_raw_rate_single(struct bench_run *r);	/* M packets/s, a system call for each */

/* ---- bench_msg.c: messages ---- */

double bench_tagged_latency(struct bench_run *r);
double bench_msg_latency(struct bench_run *r);
double bench_tagged_bandwidth(struct bench_run *r);
double bench_msg_bandwidth(struct bench_run *r);
double bench_tagged_rate(struct bench_run *r);
double bench_msg_rate(struct bench_run *r);
double bench_bidir_rate(struct bench_run *r);

/* ---- bench_many.c: many senders, many endpoints ---- */

double bench_incast_bandwidth(struct bench_run *r);
double bench_incast_rate(struct bench_run *r);
double bench_endpoints_rate(struct bench_run *r);

/* ---- bench_rma.c ---- */

double bench_write_bandwidth(struct bench_run *r);
double bench_read_bandwidth(struct bench_run *r);
double bench_write_latency(struct bench_run *r);
double bench_read_latency(struct bench_run *r);
double bench_atomic_rate(struct bench_run *r);
double bench_atomic_latency(struct bench_run *r);

/* ---- bench_peers.c: what a new peer costs ---- */

double bench_connect(struct bench_run *r);
double bench_peer_memory(struct bench_run *r);
double bench_av_memory(struct bench_run *r);
double bench_av_insert(struct bench_run *r);

#endif /* UET_BENCH_H */
