/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sleeping and waking.
 *
 * The race between a writer that queues an entry and a reader that goes to sleep is closed by
 * order: the reader drains evfd, sets `armed`, and only then looks at the queue again; the
 * writer queues the entry first and then looks at `armed`. Whoever is second sees the other.
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
#include "ofi/ep.h"

static int watch(int epfd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_descriptors(struct uet_wait *wait)
{
	int ret;

	wait->epfd = epoll_create1(EPOLL_CLOEXEC);
	wait->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wait->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (wait->epfd < 0 || wait->evfd < 0 || wait->timerfd < 0)
		return -errno;
	ret = watch(wait->epfd, wait->evfd);
	return ret ? ret : watch(wait->epfd, wait->timerfd);
}

static void close_descriptors(struct uet_wait *wait)
{
	if (wait->epfd >= 0)
		close(wait->epfd);
	if (wait->evfd >= 0)
		close(wait->evfd);
	if (wait->timerfd >= 0)
		close(wait->timerfd);
}

int uet_wait_init(struct uet_wait *wait, enum fi_wait_obj obj)
{
	int ret;

	*wait = (struct uet_wait){ .obj = obj, .epfd = -1, .evfd = -1, .timerfd = -1 };
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
	return 0;
}

void uet_wait_destroy(struct uet_wait *wait)
{
	close_descriptors(wait);
	pthread_cond_destroy(&wait->cond);
	pthread_mutex_destroy(&wait->mutex);
}

static void write_event(struct uet_wait *wait)
{
	uint64_t one = 1;

	/* It can fail only when the counter is full, and then it is readable as wanted. */
	if (write(wait->evfd, &one, sizeof(one)) < 0)
		return;
}

static void drain_event(struct uet_wait *wait)
{
	uint64_t count;

	if (read(wait->evfd, &count, sizeof(count)) < 0)
		return;
}

void uet_wait_notify(struct uet_wait *wait)
{
	if (wait->obj == FI_WAIT_MUTEX_COND) {
		pthread_mutex_lock(&wait->mutex);
		pthread_cond_broadcast(&wait->cond);
		pthread_mutex_unlock(&wait->mutex);
	}
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&wait->armed, memory_order_relaxed))
		return;
	if (atomic_exchange(&wait->armed, false))
		write_event(wait);
}

void uet_wait_signal(struct uet_wait *wait)
{
	atomic_store(&wait->signalled, true);
	if (wait->evfd >= 0)
		write_event(wait);
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
		next = uet_min_u64(next, uet_ep_settle(set->entries[i].ep));
	pthread_mutex_unlock(&set->lock);
	return next;
}

int uet_wait_prepare(struct uet_wait *wait, struct uet_progress_set *set,
		     bool (*ready)(void *arg), void *arg)
{
	if (ready(arg))
		return -FI_EAGAIN;
	if (wait->epfd < 0)
		return 0;
	/* Armed before the endpoints are driven: a send posted meanwhile moves time-outs. */
	drain_event(wait);
	atomic_store(&wait->armed, true);
	arm_timer(wait, settle(set));
	if (ready(arg) || atomic_load(&wait->signalled)) {
		atomic_store(&wait->armed, false);
		return -FI_EAGAIN;
	}
	return 0;
}

static int remaining_ms(uint64_t deadline)
{
	uint64_t now = uet_clock_ns();
	uint64_t ms;

	if (deadline == UET_TIME_NEVER)
		return -1;
	if (now >= deadline)
		return 0;
	ms = (deadline - now + UET_NSEC_PER_MSEC - 1) / UET_NSEC_PER_MSEC;
	return (int)uet_min_u64(ms, INT32_MAX);
}

static int sleep_loop(struct uet_wait *wait, struct uet_progress_set *set, uint64_t deadline,
		      bool (*ready)(void *arg), void *arg)
{
	struct epoll_event ev;

	for (;;) {
		if (ready(arg))
			return 0;
		if (uet_wait_take_signal(wait))
			return -FI_EAGAIN;
		uet_progress_run(set);
		if (ready(arg))
			return 0;
		if (!remaining_ms(deadline))
			return -FI_ETIMEDOUT;
		if (wait->epfd < 0) {
			sched_yield();
			continue;
		}
		if (uet_wait_prepare(wait, set, ready, arg))
			continue;
		if (epoll_wait(wait->epfd, &ev, 1, remaining_ms(deadline)) < 0 && errno == EINTR)
			return -FI_EAGAIN;
	}
}

int uet_wait_sleep(struct uet_wait *wait, struct uet_progress_set *set, int timeout,
		   bool (*ready)(void *arg), void *arg)
{
	uint64_t deadline = UET_TIME_NEVER;
	int ret;

	if (timeout >= 0)
		deadline = uet_clock_ns() + (uint64_t)timeout * UET_NSEC_PER_MSEC;
	atomic_fetch_add(&wait->sleepers, 1);
	ret = sleep_loop(wait, set, deadline, ready, arg);
	/* Another sleeper may have missed the event that this one drained. */
	if (atomic_fetch_sub(&wait->sleepers, 1) > 1 && wait->evfd >= 0)
		write_event(wait);
	return ret;
}
