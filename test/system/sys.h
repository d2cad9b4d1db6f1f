/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * System tests: real processes, the real libfabric, the provider under test on loopback.
 *
 * A case is a function that runs in each of N processes. They are forked before libfabric is
 * touched, are joined by socket pairs for names and barriers, and have a time limit. The first
 * failed expectation ends its process with a line that tells file, line, what was expected and
 * what was seen. A program prints one line per case and one line of totals.
 *
 * Environment: UET_TEST_PROVIDER (uet), UET_TEST_SHORT=1 (less work; implied by sanitizers),
 * UET_TEST_SEED (of random runs), UET_TIME_SCALE (multiplies time limits), UET_TEST_HOSTS (see
 * sys_host_enter). The arguments of a program pick cases by a part of their names.
 */
#ifndef UET_TEST_SYS_H
#define UET_TEST_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#define SYS_MAX_PROCS	10
#define SYS_NAME_MAX	64	/* bytes of an endpoint's address: what MPI libraries allow */
#define SYS_GUARD	16	/* bytes behind a receive buffer that nobody may touch */

/* ---- cases ---- */

/* One process of a case. */
struct sys {
	int rank;
	int size;
	int fd[SYS_MAX_PROCS];	/* stream to each other process, -1 to itself */
};

typedef void (*sys_body)(struct sys *s, const void *arg);

/* Begin a program: reads the environment, and names of cases from the arguments. */
void sys_begin(int argc, char **argv);

/* Run a case in @procs processes (at most SYS_MAX_PROCS) of at most @limit_s seconds each. */
void sys_case_limit(const char *name, int procs, unsigned int limit_s, sys_body body,
		    const void *arg);

/* As above, with the usual limit. */
void sys_case(const char *name, int procs, sys_body body, const void *arg);

/* Print the totals and return the exit status: 0, 1 (failures), 77 (everything skipped). */
int sys_end(void);

/* True when less work shall be done (UET_TEST_SHORT, sanitizers). */
bool sys_short(void);

/* @full, or @brief in a short run. */
static inline unsigned int sys_scaled(unsigned int full, unsigned int brief)
{
	return sys_short() ? brief : full;
}

/* True when the provider under test is uet: others may lack what the case needs. */
bool sys_is_uet(void);

/* Does the environment force rendezvous, so that no send completes before it is received? */
bool sys_is_rendezvous(void);

/* The name of the provider under test. */
const char *sys_provider(void);

/* Seed of random runs: UET_TEST_SEED or a fixed one. */
uint64_t sys_seed(void);

/* End this process: the whole case counts as skipped, unless another process failed. */
_Noreturn void sys_skip(const char *why);

/* End this process as kill -9 does; the case expects it. */
_Noreturn void sys_die(void);

/*
 * Fork a process from a process of a case that has not used libfabric: runs @body with @arg
 * and exits. Returns its id, for waitpid.
 */
int sys_fork(void (*body)(void *arg), void *arg);

/* ---- hosts ---- */

/*
 * UET_TEST_HOSTS=NAMESPACE=ADDRESS,...: go to the network namespace of process @rank, the list
 * repeating itself, so that what this process opens from now on belongs to it. Called once in
 * each process of a case, before libfabric is touched.
 */
void sys_host_enter(int rank);

/* The numeric address that this process opens endpoints at: of its host, or of loopback. */
const char *sys_host_node(bool ipv6);

/* True when this process has a host, whose address is of IPv6. */
bool sys_host_ipv6(void);

/* ---- expectations ---- */

_Noreturn void sys_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Note where this process is: told when its time is over or when the harness finds a fault. */
void sys_at(const char *file, int line);

/* Fail at the noted place. */
_Noreturn void sys_fail_here(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void sys_check_eq(const char *file, int line, const char *what, long long got, long long want);
void sys_check_ret(const char *file, int line, const char *what, long long got, long long want);

/* The condition holds; else the printf text says what was expected. */
#define expect(cond, ...) \
	do { \
		sys_at(__FILE__, __LINE__); \
		if (!(cond)) \
			sys_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* Two integers are equal. */
#define expect_eq(got, want) \
	sys_check_eq(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))

/* A libfabric call returns @want: 0, a count, or -FI_E...; both are shown by name. */
#define expect_ret(call, want) \
	do { \
		sys_at(__FILE__, __LINE__); \
		sys_check_ret(__FILE__, __LINE__, #call, (long long)(call), (long long)(want)); \
	} while (0)

/* A libfabric call returns 0. */
#define expect_ok(call) expect_ret(call, 0)

/* ---- endpoints ---- */

/* What to ask for; zero everywhere is a usable endpoint. */
struct sys_opts {
	uint64_t caps;			/* beyond FI_MSG and FI_TAGGED */
	uint64_t msg_order;		/* 0 (RUD) or e.g. FI_ORDER_SAS (ROD) */
	uint64_t tx_op_flags, rx_op_flags;
	uint64_t tx_bind, rx_bind;	/* FI_SELECTIVE_COMPLETION */
	enum fi_cq_format format;	/* UNSPEC: tagged */
	enum fi_wait_obj wait_obj;	/* of CQs and counters; 0 (NONE) unless given */
	enum fi_progress progress;	/* UNSPEC: manual */
	enum fi_threading threading;	/* UNSPEC: safe */
	size_t tx_size, rx_size;	/* 0: the provider's choice */
	int mr_mode;			/* to open the domain with */
	uint32_t addr_format;		/* 0: socket addresses */
	bool ipv6;
	bool one_cq;			/* for both directions */
	bool counters;			/* bound for sends and receives */
	bool no_cq;			/* counters only */
	const void *name;		/* address to bind to, or NULL */
	size_t name_len;
};

/* An endpoint with everything around it. */
struct sys_ep {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *txcq, *rxcq;	/* the same with one_cq */
	struct fid_cntr *txcntr, *rxcntr;
	struct fid_ep *ep;
	uint8_t name[SYS_NAME_MAX];
	size_t name_len;
	fi_addr_t peer[SYS_MAX_PROCS];	/* by rank, after sys_connect */
	unsigned int null_entries;	/* completions without context that were seen */
	struct fi_cq_tagged_entry null_entry;	/* the last of them */
	fi_addr_t null_src;
	/* Sees each entry that is no error first; true if it is none of an operation's. */
	bool (*on_entry)(struct sys_ep *e, const struct fi_cq_tagged_entry *entry, fi_addr_t src);
};

/*
 * One operation; its address is the operation's context, and the completion is kept here.
 * More than one completion for it is a failure.
 */
struct sys_op {
	struct fi_context2 context;
	unsigned int done;
	int err;			/* 0 or a positive fi_errno */
	int prov_errno;
	size_t olen;
	struct fi_cq_tagged_entry entry;
	fi_addr_t src;
	uint8_t err_data[SYS_NAME_MAX];
	size_t err_data_size;
};

/* Hints for @o; free with fi_freeinfo. */
struct fi_info *sys_hints(const struct sys_opts *o);

/* fi_getinfo for @o. Skips the case if there is none and the provider is not uet. */
struct fi_info *sys_getinfo(const struct sys_opts *o);

/* @caps if they are offered together with what @o asks for, else 0. */
uint64_t sys_offered(const struct sys_opts *o, uint64_t caps);

/* Open fabric, domain, AV, queues and counters as @o says; the endpoint stays closed. */
void sys_open_objects(struct sys_ep *e, const struct sys_opts *o);

/* Open everything, bind, enable, and take the endpoint's name. */
void sys_open(struct sys_ep *e, const struct sys_opts *o);

/* Close everything that is open; each fi_close must succeed. */
void sys_close(struct sys_ep *e);

/* Insert one address; returns its fi_addr_t. */
fi_addr_t sys_insert(struct sys_ep *e, const void *name);

/* Exchange names among all processes of the case and fill e->peer. */
void sys_connect(struct sys *s, struct sys_ep *e);

/* ---- talking beside the network ---- */

/*
 * Bytes to or from another process. Receiving drives @e meanwhile (may be NULL). An end of
 * the peer is a failure.
 */
void sys_tell(struct sys *s, int to, const void *buf, size_t len);
void sys_hear(struct sys *s, int from, void *buf, size_t len, struct sys_ep *e);

/* Wait until process @from has ended. Drives @e meanwhile (may be NULL). */
void sys_hear_end(struct sys *s, int from, struct sys_ep *e);

/* All processes of the case have come here. Drives @e meanwhile (may be NULL). */
void sys_barrier(struct sys *s, struct sys_ep *e);

/* The processes whose bit is set in @ranks have come here. */
void sys_barrier_of(struct sys *s, unsigned int ranks, struct sys_ep *e);

/* ---- completions ---- */

/* Read what is in the queues into the operations. Returns how many entries there were. */
unsigned int sys_poll(struct sys_ep *e);

/* Poll until @op is done. */
void sys_wait(struct sys_ep *e, struct sys_op *op);

/* As sys_wait, and the operation must have succeeded. */
void sys_wait_ok(struct sys_ep *e, struct sys_op *op);

/* Poll until @op is done or @ms have passed; true if done. */
bool sys_wait_ms(struct sys_ep *e, struct sys_op *op, unsigned int ms);

/* Poll for @ms: progress without expecting anything. */
void sys_drive(struct sys_ep *e, unsigned int ms);

/* Repeat a call that answers -FI_EAGAIN, with progress in between; it must end with 0. */
#define sys_post(e, call) \
	do { \
		ssize_t ret_; \
		sys_at(__FILE__, __LINE__); \
		while ((ret_ = (call)) == -FI_EAGAIN) \
			sys_poll(e); \
		sys_check_ret(__FILE__, __LINE__, #call, ret_, 0); \
	} while (0)

/* Short forms: tagged messages with @op as context, repeated while -FI_EAGAIN. */
void sys_tsend(struct sys_ep *e, fi_addr_t to, const void *buf, size_t len, uint64_t tag,
	       struct sys_op *op);
void sys_trecv(struct sys_ep *e, fi_addr_t from, void *buf, size_t len, uint64_t tag,
	       uint64_t ignore, struct sys_op *op);

/*
 * Entry flags as far as they can be compared: FI_COMPLETION may come or not, and providers
 * other than uet are precise about the direction only.
 */
uint64_t sys_flags(uint64_t flags);

/* ---- data ---- */

/* Fill @buf so that every byte depends on its position and on @id. */
void sys_fill(void *buf, size_t len, uint64_t id);

/* @buf holds the pattern of @id; a difference fails with the offset. */
void sys_verify(const void *buf, size_t len, uint64_t id);

/* Write the guard behind a buffer of @len bytes; check that it is untouched. */
void sys_guard(void *buf, size_t len);
void sys_check_guard(const void *buf, size_t len);

/* malloc that cannot fail. */
void *sys_alloc(size_t len);

/* Next number of the seeded sequence @state. */
uint64_t sys_rand(uint64_t *state);

/* A number below @bound. */
static inline uint64_t sys_rand_below(uint64_t *state, uint64_t bound)
{
	return sys_rand(state) % bound;
}

/* Milliseconds of the monotonic clock. */
uint64_t sys_now_ms(void);

#ifndef SYS_HARNESS
/* So that a failure or the end of time inside is told with the caller's line. */
#define SYS_HERE(call) (sys_at(__FILE__, __LINE__), call)
#define sys_hear(...)		SYS_HERE((sys_hear)(__VA_ARGS__))
#define sys_hear_end(...)	SYS_HERE((sys_hear_end)(__VA_ARGS__))
#define sys_barrier(...)	SYS_HERE((sys_barrier)(__VA_ARGS__))
#define sys_barrier_of(...)	SYS_HERE((sys_barrier_of)(__VA_ARGS__))
#define sys_poll(...)		SYS_HERE((sys_poll)(__VA_ARGS__))
#define sys_wait(...)		SYS_HERE((sys_wait)(__VA_ARGS__))
#define sys_wait_ok(...)	SYS_HERE((sys_wait_ok)(__VA_ARGS__))
#define sys_wait_ms(...)	SYS_HERE((sys_wait_ms)(__VA_ARGS__))
#define sys_drive(...)		SYS_HERE((sys_drive)(__VA_ARGS__))
#define sys_tsend(...)		SYS_HERE((sys_tsend)(__VA_ARGS__))
#define sys_trecv(...)		SYS_HERE((sys_trecv)(__VA_ARGS__))
#define sys_verify(...)		SYS_HERE((sys_verify)(__VA_ARGS__))
#define sys_check_guard(...)	SYS_HERE((sys_check_guard)(__VA_ARGS__))
#endif

#endif /* UET_TEST_SYS_H */
