/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sleeping and waking.
 *
 * The race between a writer that queues an entry and a reader that goes to sleep is closed by
 * order: the reader drains its eventfd, sets its bit in `armed`, and only then looks at the
 * queue again; the writer queues the entry first and then looks at `armed`. Whoever is second
 * sees the other.
 *
 * Of several readers one leads: it alone sleeps on the descriptors. Before it goes to sleep and
 * when it wakes it makes the others look, because what is nothing for it may be for them: they
 * can wait for different thresholds.
 *
 * Locks: prepare_lock comes before the progress set's lock, lead_lock is a leaf.
 */
#include "ofi/progress.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <rdma/fi_errno.h>

#include "base/clock.h"
#include "base/util.h"
#include "ofi/fep.h"

static int watch(int epfd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* An epoll descriptor over a new eventfd and @timerfd. */
static int open_pair(int *epfd, int *evfd, int timerfd)
{
	int ret;

	*epfd = epoll_create1(EPOLL_CLOEXEC);
	*evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*epfd < 0 || *evfd < 0)
		return -errno;
	ret = watch(*epfd, *evfd);
	return ret ? ret : watch(*epfd, timerfd);
}

static int open_descriptors(struct uet_wait *wait)
{
	int ret;

	wait->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (wait->timerfd < 0)
		return -errno;
	ret = open_pair(&wait->epfd, &wait->evfd, wait->timerfd);
	return ret ? ret : open_pair(&wait->sleep_epfd, &wait->sleep_evfd, wait->timerfd);
}

static void close_descriptors(struct uet_wait *wait)
{
	const int fds[] = {
		wait->epfd, wait->evfd, wait->sleep_epfd, wait->sleep_evfd, wait->timerfd,
	};
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int uet_wait_init(struct uet_wait *wait, enum fi_wait_obj obj)
{
	int ret;

	*wait = (struct uet_wait){
		.obj = obj, .epfd = -1, .evfd = -1, .sleep_epfd = -1, .sleep_evfd = -1,
		.timerfd = -1, .timer = UET_TIME_NEVER,
	};
	switch (obj) {
	case FI_WAIT_NONE:
		break;
	case FI_WAIT_UNSPEC:
	case FI_WAIT_SET:
	case FI_WAIT_FD:
	case FI_WAIT_MUTEX_COND:
	case FI_WAIT_YIELD:
	case FI_WAIT_POLLFD:
		ret = open_descriptors(wait);
		if (ret) {
			close_descriptors(wait);
			return ret;
		}
		break;
	default:
		return -FI_ENOSYS;
	}
	pthread_mutex_init(&wait->mutex, NULL);
	pthread_cond_init(&wait->cond, NULL);
	pthread_mutex_init(&wait->prepare_lock, NULL);
	pthread_mutex_init(&wait->lead_lock, NULL);
	init_monotonic(&wait->lead_cond);
	return 0;
}

void uet_wait_destroy(struct uet_wait *wait)
{
	close_descriptors(wait);
	pthread_cond_destroy(&wait->lead_cond);
	pthread_mutex_destroy(&wait->lead_lock);
	pthread_mutex_destroy(&wait->prepare_lock);
	pthread_cond_destroy(&wait->cond);
	pthread_mutex_destroy(&wait->mutex);
}

static void write_event(int evfd)
{
	uint64_t one = 1;

	/* It can fail only when the counter is full, and then it is readable as wanted. */
	if (write(evfd, &one, sizeof(one)) < 0)
		return;
}

/* True if there was something. */
static bool drain_event(int evfd)
{
	uint64_t count;

	return read(evfd, &count, sizeof(count)) > 0;
}

/* Once for all who sleep now: each of them arms again before its next sleep. */
static void wake(struct uet_wait *wait)
{
	unsigned int kinds = atomic_exchange(&wait->armed, 0);

	if (kinds & UET_WAIT_POLLER)
		write_event(wait->evfd);
	if (kinds & UET_WAIT_SLEEPER)
		write_event(wait->sleep_evfd);
}

void uet_wait_notify(struct uet_wait *wait)
{
	if (wait->obj == FI_WAIT_MUTEX_COND) {
		pthread_mutex_lock(&wait->mutex);
		pthread_cond_broadcast(&wait->cond);
		pthread_mutex_unlock(&wait->mutex);
	}
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&wait->armed, memory_order_relaxed))
		wake(wait);
}

/*
 * The endpoint's lock orders this: a sleeper that drove the endpoint before the work was posted
 * has armed before, and one that drives it afterwards sees the work.
 */
void uet_wait_expect(struct uet_wait *wait, uint64_t when)
{
	if (atomic_load_explicit(&wait->armed, memory_order_relaxed) &&
	    when < atomic_load_explicit(&wait->timer, memory_order_relaxed))
		wake(wait);
}

void uet_wait_signal(struct uet_wait *wait)
{
	atomic_store(&wait->signalled, true);
	if (wait->epfd < 0)
		return;
	write_event(wait->evfd);
	write_event(wait->sleep_evfd);
}

bool uet_wait_take_signal(struct uet_wait *wait)
{
	return atomic_load_explicit(&wait->signalled, memory_order_relaxed) &&
	       atomic_exchange(&wait->signalled, false);
}

static int get_pollfd(struct uet_wait *wait, struct fi_wait_pollfd *arg)
{
	size_t room = arg->nfds;

	arg->nfds = 1;
	if (room < 1)
		return -FI_ETOOSMALL;
	arg->fd[0].fd = wait->epfd;
	arg->fd[0].events = POLLIN;
	arg->fd[0].revents = 0;
	arg->change_index = 1;
	return 0;
}

static int get_wait(struct uet_wait *wait, void *arg)
{
	struct fi_mutex_cond *mc = arg;

	switch (wait->obj) {
	case FI_WAIT_UNSPEC:
	case FI_WAIT_FD:
		*(int *)arg = wait->epfd;
		return 0;
	case FI_WAIT_MUTEX_COND:
		mc->mutex = &wait->mutex;
		mc->cond = &wait->cond;
		return 0;
	case FI_WAIT_POLLFD:
		return get_pollfd(wait, arg);
	default:
		return -FI_ENODATA;
	}
}

int uet_wait_control(struct uet_wait *wait, int command, void *arg)
{
	switch (command) {
	case FI_GETWAIT:
		return arg ? get_wait(wait, arg) : -FI_EINVAL;
	case FI_GETWAITOBJ:
		if (!arg)
			return -FI_EINVAL;
		*(enum fi_wait_obj *)arg = wait->obj == FI_WAIT_UNSPEC ? FI_WAIT_FD : wait->obj;
		return 0;
	default:
		return -FI_ENOSYS;
	}
}

static void arm_timer(struct uet_wait *wait, uint64_t deadline)
{
	struct itimerspec its = { 0 };

	atomic_store(&wait->timer, deadline);
	if (deadline != UET_TIME_NEVER) {
		/* A zero value would disarm the timer. */
		deadline = uet_max_u64(deadline, 1);
		its.it_value.tv_sec = (time_t)(deadline / UET_NSEC_PER_SEC);
		its.it_value.tv_nsec = (long)(deadline % UET_NSEC_PER_SEC);
	}
	timerfd_settime(wait->timerfd, TFD_TIMER_ABSTIME, &its, NULL);
}

/* Drive every endpoint of @set until it rests; the earliest of their time-outs. */
static uint64_t settle(struct uet_progress_set *set)
{
	uint64_t next = UET_TIME_NEVER;
	uint32_t i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->count; i++)
		next = uet_min_u64(next, uet_fep_settle(set->entries[i].fep));
	pthread_mutex_unlock(&set->lock);
	return next;
}

/* uet_wait_prepare for readers of @kind. */
static int prepare(struct uet_wait *wait, unsigned int kind, struct uet_progress_set *set,
		   bool (*ready)(void *arg), void *arg)
{
	int evfd = kind == UET_WAIT_POLLER ? wait->evfd : wait->sleep_evfd;
	bool drained;

	if (ready(arg))
		return -FI_EAGAIN;
	if (wait->epfd < 0)
		return 0;
	pthread_mutex_lock(&wait->prepare_lock);
	drained = drain_event(evfd);
	/* Armed before the endpoints are driven: a send posted meanwhile moves time-outs. */
	atomic_store(&wait->timer, UET_TIME_NEVER);
	atomic_fetch_or(&wait->armed, kind);
	arm_timer(wait, settle(set));
	pthread_mutex_unlock(&wait->prepare_lock);
	if (!ready(arg) && !atomic_load(&wait->signalled))
		return 0;
	/* Somebody else may sleep on the descriptors: neither disarm, nor keep the event. */
	if (drained)
		write_event(evfd);
	return -FI_EAGAIN;
}

int uet_wait_prepare(struct uet_wait *wait, struct uet_progress_set *set,
		     bool (*ready)(void *arg), void *arg)
{
	return prepare(wait, UET_WAIT_POLLER, set, ready, arg);
}

uint64_t uet_deadline(int timeout)
{
	if (timeout < 0)
		return UET_TIME_NEVER;
	return uet_clock_ns() + (uint64_t)timeout * UET_NSEC_PER_MSEC;
}

int uet_deadline_left(uint64_t deadline)
{
	uint64_t now;

	if (deadline == UET_TIME_NEVER)
		return -1;
	now = uet_clock_ns();
	if (now >= deadline)
		return 0;
	return (int)uet_min_u64((deadline - now + UET_NSEC_PER_MSEC - 1) / UET_NSEC_PER_MSEC,
				INT32_MAX);
}

/* Make the followers look again. */
static void announce(struct uet_wait *wait, bool lead_on)
{
	pthread_mutex_lock(&wait->lead_lock);
	wait->led = lead_on;
	atomic_fetch_add(&wait->news, 1);
	pthread_cond_broadcast(&wait->lead_cond);
	pthread_mutex_unlock(&wait->lead_lock);
}

/* Sleep on lead_cond until @deadline; false when it has passed. */
static bool follow(struct uet_wait *wait, uint64_t deadline)
{
	struct timespec ts;

	if (deadline == UET_TIME_NEVER)
		return !pthread_cond_wait(&wait->lead_cond, &wait->lead_lock);
	ts.tv_sec = (time_t)(deadline / UET_NSEC_PER_SEC);
	ts.tv_nsec = (long)(deadline % UET_NSEC_PER_SEC);
	return !pthread_cond_timedwait(&wait->lead_cond, &wait->lead_lock, &ts);
}

/* Become the leader (true), or sleep until there are other news than @seen, or @deadline. */
static bool lead(struct uet_wait *wait, unsigned int seen, uint64_t deadline)
{
	bool leader;

	pthread_mutex_lock(&wait->lead_lock);
	leader = !wait->led;
	wait->led = true;
	while (!leader && atomic_load(&wait->news) == seen && follow(wait, deadline))
		;
	pthread_mutex_unlock(&wait->lead_lock);
	return leader;
}

/* The leader's sleep. Returns 0, or -FI_EAGAIN for an interrupted one. */
static int sleep_once(struct uet_wait *wait, struct uet_progress_set *set, uint64_t deadline,
		      bool (*ready)(void *arg), void *arg)
{
	struct epoll_event ev;
	int ret = 0;

	if (!prepare(wait, UET_WAIT_SLEEPER, set, ready, arg)) {
		announce(wait, true);
		if (epoll_wait(wait->sleep_epfd, &ev, 1, uet_deadline_left(deadline)) < 0 &&
		    errno == EINTR)
			ret = -FI_EAGAIN;
	}
	announce(wait, false);
	return ret;
}

static int sleep_loop(struct uet_wait *wait, struct uet_progress_set *set, uint64_t deadline,
		      bool (*ready)(void *arg), void *arg)
{
	unsigned int seen;

	for (;;) {
		seen = atomic_load(&wait->news);
		if (ready(arg))
			return 0;
		if (uet_wait_take_signal(wait))
			return -FI_EAGAIN;
		uet_progress_run(set);
		if (ready(arg))
			return 0;
		if (!uet_deadline_left(deadline))
			return -FI_ETIMEDOUT;
		if (wait->epfd < 0)
			sched_yield();
		else if (lead(wait, seen, deadline) &&
			 sleep_once(wait, set, deadline, ready, arg))
			return -FI_EAGAIN;
	}
}

int uet_wait_sleep(struct uet_wait *wait, struct uet_progress_set *set, int timeout,
		   bool (*ready)(void *arg), void *arg)
{
	int ret;

	atomic_fetch_add(&wait->sleepers, 1);
	ret = sleep_loop(wait, set, uet_deadline(timeout), ready, arg);
	atomic_fetch_sub(&wait->sleepers, 1);
	return ret;
}
