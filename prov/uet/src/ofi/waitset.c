/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Waiting on several objects: wait sets and fi_trywait(3).
 *
 * A wait set is an epoll descriptor over the epoll descriptors of its members. Before it
 * sleeps, every member is prepared as for a sleep of its own, so a member's descriptor polls
 * readable when the member has something to read or to do.
 *
 * Lock order: the set's lock comes before every other lock of ofi.h's list.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "ofi/stubs.h"
#include "ofi/waitable.h"

struct uet_waitset {
	struct fid_wait fid;
	struct uet_fabric *fabric;
	uet_ref ref;
	struct uet_wait wait;		/* its epfd holds the members' epfds */
	pthread_mutex_t lock;		/* protects members */
	struct uet_list members;
};

int uet_waitable_open(struct uet_waitable *w, enum fi_wait_obj obj, struct fid_wait *set,
		      bool (*ready)(void *owner), void *owner)
{
	int ret;

	if (obj == FI_WAIT_SET && !set)
		return -FI_EINVAL;
	ret = uet_wait_init(&w->wait, obj);
	if (ret)
		return ret;
	uet_progress_init(&w->progress, &w->wait);
	atomic_init(&w->ref, 0);
	atomic_init(&w->changes, 0);
	atomic_init(&w->reported, 0);
	w->ready = ready;
	w->owner = owner;
	w->set = NULL;
	uet_list_init(&w->set_link);
	if (obj != FI_WAIT_SET)
		return 0;
	ret = uet_waitset_add(set, &w->wait);
	if (ret)
		uet_waitable_close(w);
	return ret;
}

void uet_waitable_close(struct uet_waitable *w)
{
	if (w->set)
		uet_waitset_del(w->set, &w->wait);
	uet_progress_destroy(&w->progress);
	uet_wait_destroy(&w->wait);
}

int uet_waitable_control(struct uet_waitable *w, int command, void *arg)
{
	if (command != FI_GETWAIT && command != FI_GETWAITOBJ)
		return -FI_ENOSYS;
	return uet_wait_control(&w->wait, command, arg);
}

void uet_waitable_report(struct uet_waitable *w)
{
	atomic_store(&w->reported, atomic_load(&w->changes));
}

struct uet_waitable *uet_waitable_of(struct fid *fid)
{
	switch (fid->fclass) {
	case FI_CLASS_CQ:
		return uet_cq_waitable((struct uet_cq *)fid);
	case FI_CLASS_CNTR:
		return uet_cntr_waitable((struct uet_cntr *)fid);
	case FI_CLASS_EQ:
		return uet_eq_waitable((struct uet_eq *)fid);
	default:
		return NULL;
	}
}

/* 0 if it is safe to sleep on @w, -FI_EAGAIN if there is something to read or to do. */
static int prepare(struct uet_waitable *w)
{
	int ret = uet_wait_prepare(&w->wait, &w->progress, w->ready, w->owner);

	if (ret) {
		/* The caller learns of both now; a second report would make it spin. */
		uet_wait_take_signal(&w->wait);
		uet_waitable_report(w);
	}
	return ret;
}

/* As prepare() for all members; fi_trywait on a wait set. */
static int prepare_members(struct uet_waitset *set)
{
	struct uet_list *pos;
	int ret = 0;

	pthread_mutex_lock(&set->lock);
	uet_list_for_each(pos, &set->members) {
		ret = prepare(uet_list_entry(pos, struct uet_waitable, set_link));
		if (ret)
			break;
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

/* Drive the members; true if one of them has news, which is reported thereby. */
static bool members_ready(struct uet_waitset *set)
{
	struct uet_waitable *w;
	struct uet_list *pos;
	bool ready = false;

	pthread_mutex_lock(&set->lock);
	uet_list_for_each(pos, &set->members) {
		w = uet_list_entry(pos, struct uet_waitable, set_link);
		if (!w->ready(w->owner))
			uet_progress_run(&w->progress);
		if (w->ready(w->owner) || uet_wait_take_signal(&w->wait)) {
			uet_waitable_report(w);
			ready = true;
		}
	}
	pthread_mutex_unlock(&set->lock);
	return ready;
}

/* As prepare_members(), for a sleep of our own: what there is to report stays unreported. */
static bool may_sleep(struct uet_waitset *set)
{
	struct uet_waitable *w;
	struct uet_list *pos;
	int ret = 0;

	pthread_mutex_lock(&set->lock);
	uet_list_for_each(pos, &set->members) {
		w = uet_list_entry(pos, struct uet_waitable, set_link);
		ret = uet_wait_prepare(&w->wait, &w->progress, w->ready, w->owner);
		if (ret)
			break;
	}
	pthread_mutex_unlock(&set->lock);
	return !ret;
}

static int waitset_wait(struct fid_wait *fid, int timeout)
{
	struct uet_waitset *set = uet_container_of(fid, struct uet_waitset, fid);
	uint64_t deadline = uet_deadline(timeout);
	struct epoll_event ev;
	int left;

	for (;;) {
		if (members_ready(set))
			return 0;
		left = uet_deadline_left(deadline);
		if (!left)
			return -FI_ETIMEDOUT;
		if (may_sleep(set) && epoll_wait(set->wait.epfd, &ev, 1, left) < 0)
			return -errno;
	}
}

int uet_trywait(struct fid_fabric *fabric, struct fid **fids, int count)
{
	struct uet_waitable *w;
	int i, ret;

	(void)fabric;
	if (count < 0 || (count && !fids))
		return -FI_EINVAL;
	for (i = 0; i < count; i++) {
		if (fids[i]->fclass == FI_CLASS_WAIT) {
			ret = prepare_members(uet_container_of(fids[i], struct uet_waitset,
							       fid.fid));
		} else {
			w = uet_waitable_of(fids[i]);
			if (!w || w->wait.obj == FI_WAIT_NONE)
				return -FI_EINVAL;
			ret = prepare(w);
		}
		if (ret)
			return ret;
	}
	return 0;
}

int uet_waitset_add(struct fid_wait *fid, struct uet_wait *wait)
{
	struct uet_waitset *set = uet_container_of(fid, struct uet_waitset, fid);
	struct uet_waitable *w = uet_container_of(wait, struct uet_waitable, wait);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = w };
	int ret = 0;

	if (fid->fid.fclass != FI_CLASS_WAIT)
		return -FI_EINVAL;
	pthread_mutex_lock(&set->lock);
	if (epoll_ctl(set->wait.epfd, EPOLL_CTL_ADD, wait->epfd, &ev)) {
		ret = -errno;
	} else {
		uet_list_add_tail(&set->members, &w->set_link);
		uet_ref_get(&set->ref);
		w->set = fid;
	}
	pthread_mutex_unlock(&set->lock);
	return ret;
}

void uet_waitset_del(struct fid_wait *fid, struct uet_wait *wait)
{
	struct uet_waitset *set = uet_container_of(fid, struct uet_waitset, fid);
	struct uet_waitable *w = uet_container_of(wait, struct uet_waitable, wait);

	pthread_mutex_lock(&set->lock);
	epoll_ctl(set->wait.epfd, EPOLL_CTL_DEL, wait->epfd, NULL);
	uet_list_del(&w->set_link);
	w->set = NULL;
	uet_ref_put(&set->ref);
	pthread_mutex_unlock(&set->lock);
}

static int waitset_close(struct fid *fid)
{
	struct uet_waitset *set = uet_container_of(fid, struct uet_waitset, fid.fid);

	if (uet_ref_busy(&set->ref))
		return -FI_EBUSY;
	uet_wait_destroy(&set->wait);
	pthread_mutex_destroy(&set->lock);
	uet_ref_put(&set->fabric->ref);
	free(set);
	return 0;
}

static int waitset_control(struct fid *fid, int command, void *arg)
{
	struct uet_waitset *set = uet_container_of(fid, struct uet_waitset, fid.fid);

	if (command != FI_GETWAIT && command != FI_GETWAITOBJ)
		return -FI_ENOSYS;
	return uet_wait_control(&set->wait, command, arg);
}

static struct fi_ops waitset_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = waitset_close,
	.bind = uet_no_bind,
	.control = waitset_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_wait waitset_ops = {
	.size = sizeof(struct fi_ops_wait),
	.wait = waitset_wait,
};

int uet_waitset_open(struct fid_fabric *fabric, struct fi_wait_attr *attr, struct fid_wait **out)
{
	struct uet_waitset *set;
	int ret;

	if (!attr || attr->flags || attr->wait_obj == FI_WAIT_NONE ||
	    attr->wait_obj == FI_WAIT_SET)
		return -FI_EINVAL;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -FI_ENOMEM;
	ret = uet_wait_init(&set->wait, attr->wait_obj);
	if (ret) {
		free(set);
		return ret;
	}
	pthread_mutex_init(&set->lock, NULL);
	uet_list_init(&set->members);
	set->fabric = uet_container_of(fabric, struct uet_fabric, fid);
	uet_ref_get(&set->fabric->ref);
	set->fid.fid.fclass = FI_CLASS_WAIT;
	set->fid.fid.ops = &waitset_fid_ops;
	set->fid.ops = &waitset_ops;
	*out = &set->fid;
	return 0;
}
