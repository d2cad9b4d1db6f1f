/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <rdma/fi_errno.h>

#include "ofi/fep.h"

void uet_progress_init(struct uet_progress_set *set, struct uet_wait *wait)
{
	*set = (struct uet_progress_set){ .wait = wait };
	pthread_mutex_init(&set->lock, NULL);
}

void uet_progress_destroy(struct uet_progress_set *set)
{
	free(set->entries);
	pthread_mutex_destroy(&set->lock);
}

static struct uet_progress_entry *find_entry(struct uet_progress_set *set, struct uet_fep *fep)
{
	uint32_t i;

	for (i = 0; i < set->count; i++)
		if (set->entries[i].fep == fep)
			return &set->entries[i];
	return NULL;
}

static bool has_descriptors(const struct uet_progress_set *set, struct uet_fep *fep)
{
	return set->wait && set->wait->epfd >= 0 && uet_fep_fd(fep) >= 0;
}

static void unwatch(struct uet_progress_set *set, struct uet_fep *fep)
{
	if (!has_descriptors(set, fep))
		return;
	epoll_ctl(set->wait->epfd, EPOLL_CTL_DEL, uet_fep_fd(fep), NULL);
	epoll_ctl(set->wait->sleep_epfd, EPOLL_CTL_DEL, uet_fep_fd(fep), NULL);
}

static int watch(struct uet_progress_set *set, struct uet_fep *fep)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int err;

	if (!has_descriptors(set, fep))
		return 0;
	if (epoll_ctl(set->wait->epfd, EPOLL_CTL_ADD, uet_fep_fd(fep), &ev) == 0 &&
	    epoll_ctl(set->wait->sleep_epfd, EPOLL_CTL_ADD, uet_fep_fd(fep), &ev) == 0)
		return 0;
	err = -errno;
	unwatch(set, fep);
	return err;
}

static int grow(struct uet_progress_set *set)
{
	uint32_t size = set->size ? 2 * set->size : 4;
	struct uet_progress_entry *entries = realloc(set->entries, size * sizeof(*entries));

	if (!entries)
		return -FI_ENOMEM;
	set->entries = entries;
	set->size = size;
	return 0;
}

static int add_locked(struct uet_progress_set *set, struct uet_fep *fep)
{
	struct uet_progress_entry *entry = find_entry(set, fep);
	int ret;

	if (entry) {
		entry->refs++;
		return 0;
	}
	if (set->count == set->size) {
		ret = grow(set);
		if (ret)
			return ret;
	}
	ret = watch(set, fep);
	if (!ret)
		set->entries[set->count++] = (struct uet_progress_entry){ .fep = fep, .refs = 1 };
	return ret;
}

int uet_progress_add(struct uet_progress_set *set, struct uet_fep *fep)
{
	int ret;

	pthread_mutex_lock(&set->lock);
	ret = add_locked(set, fep);
	pthread_mutex_unlock(&set->lock);
	if (!ret && set->wait)
		uet_wait_notify(set->wait);
	return ret;
}

void uet_progress_del(struct uet_progress_set *set, struct uet_fep *fep)
{
	struct uet_progress_entry *entry;

	pthread_mutex_lock(&set->lock);
	entry = find_entry(set, fep);
	if (entry && --entry->refs == 0) {
		unwatch(set, fep);
		*entry = set->entries[--set->count];
	}
	pthread_mutex_unlock(&set->lock);
}

void uet_progress_run(struct uet_progress_set *set)
{
	uint32_t i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->count; i++)
		uet_fep_progress(set->entries[i].fep);
	pthread_mutex_unlock(&set->lock);
}

struct uet_progress_thread {
	pthread_t thread;
	struct uet_wait wait;
	struct uet_progress_set set;
	atomic_bool stop;
};

static bool thread_stopped(void *arg)
{
	struct uet_progress_thread *thread = arg;

	return atomic_load(&thread->stop);
}

static void *thread_main(void *arg)
{
	struct uet_progress_thread *thread = arg;

	/* An interrupted sleep ends early; only the stop flag ends the loop. */
	while (!thread_stopped(thread))
		uet_wait_sleep(&thread->wait, &thread->set, -1, thread_stopped, thread);
	return NULL;
}

/* Signals are the application's: the thread must not run its handlers. */
static int create_thread(struct uet_progress_thread *thread)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&thread->thread, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

int uet_progress_thread_start(struct uet_progress_thread **out)
{
	struct uet_progress_thread *thread = calloc(1, sizeof(*thread));
	int ret;

	if (!thread)
		return -FI_ENOMEM;
	ret = uet_wait_init(&thread->wait, FI_WAIT_FD);
	if (ret)
		goto free_thread;
	uet_progress_init(&thread->set, &thread->wait);
	ret = create_thread(thread);
	if (ret)
		goto destroy_set;
	*out = thread;
	return 0;

destroy_set:
	uet_progress_destroy(&thread->set);
	uet_wait_destroy(&thread->wait);
free_thread:
	free(thread);
	return ret;
}

void uet_progress_thread_stop(struct uet_progress_thread *thread)
{
	if (!thread)
		return;
	atomic_store(&thread->stop, true);
	uet_wait_signal(&thread->wait);
	pthread_join(thread->thread, NULL);
	uet_progress_destroy(&thread->set);
	uet_wait_destroy(&thread->wait);
	free(thread);
}

struct uet_progress_set *uet_progress_thread_set(struct uet_progress_thread *thread)
{
	return &thread->set;
}
