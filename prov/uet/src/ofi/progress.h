/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Progress and waiting.
 *
 * A progress set is the list of endpoints that a CQ, counter or poll set drives. A wait object
 * is what a reader sleeps on: an epoll descriptor over
 *   - an eventfd, written when an entry is queued or the reader is signalled,
 *   - the NIC descriptors of the endpoints in the set,
 *   - a timerfd for the earliest time-out of those endpoints,
 * so it becomes readable when the queue has something, a signal is pending, or progress is
 * needed, and not otherwise (fi_trywait(3) contract). There are two of them, each with an
 * eventfd of its own: one for the application's poll, one for threads that sleep in calls like
 * fi_cq_sread. Whoever wakes empties the eventfd, and must not take it from the other kind.
 */
#ifndef UET_OFI_PROGRESS_H
#define UET_OFI_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rdma/fi_eq.h>

#include "base/list.h"

struct uet_fep;
struct uet_domain;

/* Kinds of readers, bits. */
#define UET_WAIT_POLLER		0x1	/* the application polls epfd */
#define UET_WAIT_SLEEPER	0x2	/* a thread inside uet_wait_sleep */

struct uet_wait {
	enum fi_wait_obj obj;	/* FI_WAIT_NONE: nothing below is open */
	int epfd;		/* what FI_GETWAIT hands out, with evfd */
	int evfd;
	int sleep_epfd;		/* what sleepers use, with sleep_evfd */
	int sleep_evfd;
	int timerfd;
	atomic_bool signalled;	/* fi_cq_signal came and was not yet consumed */
	atomic_uint armed;	/* kinds that sleep or are about to: writers write their eventfd */
	_Atomic uint64_t timer;	/* what timerfd is set to; UET_TIME_NEVER: not, or not yet */
	atomic_int sleepers;	/* threads inside uet_wait_sleep */
	pthread_mutex_t mutex;	/* FI_WAIT_MUTEX_COND: what FI_GETWAIT hands out */
	pthread_cond_t cond;
	pthread_mutex_t prepare_lock;	/* one thread at a time sets the timer */
	/* Of the sleepers one leads: it sleeps on sleep_epfd, the others on lead_cond. */
	pthread_mutex_t lead_lock;
	pthread_cond_t lead_cond;
	bool led;
	atomic_uint news;	/* grows when followers have to look again */
};

/*
 * Prepare @wait. FI_WAIT_UNSPEC, FI_WAIT_MUTEX_COND, FI_WAIT_YIELD and FI_WAIT_SET all get
 * descriptors too (so that sleeping works the same way everywhere); FI_WAIT_NONE gets none.
 * Returns 0, -FI_ENOSYS for an unknown object, or -errno.
 */
int uet_wait_init(struct uet_wait *wait, enum fi_wait_obj obj);

/* Release descriptors. */
void uet_wait_destroy(struct uet_wait *wait);

/*
 * Something was queued: wake a sleeper or a poller if there is one. Any thread; two loads when
 * nobody waits.
 */
void uet_wait_notify(struct uet_wait *wait);

/*
 * An endpoint that @wait's sleepers drive has work at time @when (ns; 0: now): wake one of them
 * if it would come too late. To be called after the endpoint's lock was held to post that work.
 */
void uet_wait_expect(struct uet_wait *wait, uint64_t when);

/* fi_cq_signal: remember it and wake a sleeper. */
void uet_wait_signal(struct uet_wait *wait);

/* Take a pending signal; true if there was one. */
bool uet_wait_take_signal(struct uet_wait *wait);

/* fi_control FI_GETWAIT / FI_GETWAITOBJ on @wait: fi_cq(3), fi_eq(3). */
int uet_wait_control(struct uet_wait *wait, int command, void *arg);

struct uet_progress_entry {
	struct uet_fep *fep;
	uint32_t refs;		/* an endpoint may be bound in several roles */
};

/* Endpoints driven by one object. */
struct uet_progress_set {
	pthread_mutex_t lock;
	struct uet_progress_entry *entries;
	uint32_t count;
	uint32_t size;
	struct uet_wait *wait;	/* gets the endpoints' descriptors; NULL or FI_WAIT_NONE: none */
};

/* Prepare an empty set whose sleepers use @wait (may be NULL). */
void uet_progress_init(struct uet_progress_set *set, struct uet_wait *wait);

/* Free an empty set. */
void uet_progress_destroy(struct uet_progress_set *set);

/* Add or remove @fep (counted: an endpoint may be bound twice). 0, -FI_ENOMEM or -errno. */
int uet_progress_add(struct uet_progress_set *set, struct uet_fep *fep);
void uet_progress_del(struct uet_progress_set *set, struct uet_fep *fep);

/* Drive every endpoint in @set once. */
void uet_progress_run(struct uet_progress_set *set);

/*
 * Get ready to poll @wait's descriptor: drive @set until nothing moves, arm the timer for its next
 * time-out and the eventfd for writers, and ask @ready(arg) once more. Returns 0 when the
 * caller may sleep, -FI_EAGAIN when there is something to read or to do. fi_trywait(3).
 */
int uet_wait_prepare(struct uet_wait *wait, struct uet_progress_set *set,
		     bool (*ready)(void *arg), void *arg);

/*
 * Sleep until @ready(arg), a signal, or @timeout ms (< 0: for ever), driving @set meanwhile.
 * Works without descriptors too (FI_WAIT_NONE: by spinning with sched_yield). Returns 0 when
 * ready, -FI_EAGAIN on signal or an interrupted system call, -FI_ETIMEDOUT.
 */
int uet_wait_sleep(struct uet_wait *wait, struct uet_progress_set *set, int timeout,
		   bool (*ready)(void *arg), void *arg);

/* Deadline (ns) of a wait of @timeout ms from now, UET_TIME_NEVER if negative. */
uint64_t uet_deadline(int timeout);

/* Milliseconds until @deadline, rounded up; -1 for UET_TIME_NEVER, 0 when it has passed. */
int uet_deadline_left(uint64_t deadline);

/* Thread that drives all endpoints of a domain (FI_PROGRESS_AUTO). */
struct uet_progress_thread;

/* Start one. Returns 0, -FI_ENOMEM or -errno. */
int uet_progress_thread_start(struct uet_progress_thread **thread);

/* Stop and join it; its set must be empty. NULL is fine. */
void uet_progress_thread_stop(struct uet_progress_thread *thread);

/* The set that the thread drives, for uet_progress_add and _del. */
struct uet_progress_set *uet_progress_thread_set(struct uet_progress_thread *thread);

#endif /* UET_OFI_PROGRESS_H */
