/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Poll sets, fi_poll(3): a list of CQs and counters that one call drives and looks at.
 */
#include <stdlib.h>

#include "ofi/stubs.h"
#include "ofi/waitable.h"

struct poll_member {
	struct uet_list link;
	struct fid *fid;
	struct uet_waitable *w;
	uint64_t seen;			/* counters: changes that were reported */
};

struct uet_poll {
	struct fid_poll fid;
	struct uet_domain *domain;
	struct uet_lock lock;		/* protects members; before all locks of ofi.h's list */
	struct uet_list members;
	uint32_t count;
};

static struct poll_member *find_member(struct uet_poll *poll, const struct fid *fid)
{
	struct poll_member *m;
	struct uet_list *pos;

	uet_list_for_each(pos, &poll->members) {
		m = uet_list_entry(pos, struct poll_member, link);
		if (m->fid == fid)
			return m;
	}
	return NULL;
}

static int poll_add(struct fid_poll *fid, struct fid *event_fid, uint64_t flags)
{
	struct uet_poll *poll = uet_container_of(fid, struct uet_poll, fid);
	struct poll_member *m;
	int ret = 0;

	if (flags)
		return -FI_EBADFLAGS;
	if (event_fid->fclass != FI_CLASS_CQ && event_fid->fclass != FI_CLASS_CNTR)
		return -FI_EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -FI_ENOMEM;
	m->fid = event_fid;
	m->w = uet_waitable_of(event_fid);
	uet_lock(&poll->lock);
	if (find_member(poll, event_fid)) {
		ret = -FI_EALREADY;
	} else {
		uet_list_add_tail(&poll->members, &m->link);
		poll->count++;
		uet_ref_get(&m->w->ref);
	}
	uet_unlock(&poll->lock);
	if (ret)
		free(m);
	return ret;
}

static void drop_member(struct uet_poll *poll, struct poll_member *m)
{
	uet_list_del(&m->link);
	poll->count--;
	uet_ref_put(&m->w->ref);
	free(m);
}

static int poll_del(struct fid_poll *fid, struct fid *event_fid, uint64_t flags)
{
	struct uet_poll *poll = uet_container_of(fid, struct uet_poll, fid);
	struct poll_member *m;

	if (flags)
		return -FI_EBADFLAGS;
	uet_lock(&poll->lock);
	m = find_member(poll, event_fid);
	if (m)
		drop_member(poll, m);
	uet_unlock(&poll->lock);
	return m ? 0 : -FI_EINVAL;
}

static bool member_ready(struct poll_member *m)
{
	uint64_t changes;

	if (m->fid->fclass == FI_CLASS_CQ)
		return m->w->ready(m->w->owner);
	changes = atomic_load(&m->w->changes);
	if (changes == m->seen)
		return false;
	m->seen = changes;
	return true;
}

static struct poll_member *rotate(struct uet_poll *poll)
{
	struct uet_list *first = uet_list_first(&poll->members);

	uet_list_del(first);
	uet_list_add_tail(&poll->members, first);
	return uet_list_entry(first, struct poll_member, link);
}

static int poll_poll(struct fid_poll *fid, void **context, int count)
{
	struct uet_poll *poll = uet_container_of(fid, struct uet_poll, fid);
	struct poll_member *m;
	struct uet_list *pos;
	uint32_t i;
	int found = 0;

	if (count < 0 || (count && !context))
		return -FI_EINVAL;
	uet_lock(&poll->lock);
	uet_list_for_each(pos, &poll->members)
		uet_progress_run(&uet_list_entry(pos, struct poll_member, link)->w->progress);
	/* Who was looked at goes to the end: with a short @context all get their turn. */
	for (i = 0; i < poll->count && found < count; i++) {
		m = rotate(poll);
		if (member_ready(m))
			context[found++] = m->fid->context;
	}
	uet_unlock(&poll->lock);
	return found;
}

static int poll_close(struct fid *fid)
{
	struct uet_poll *poll = uet_container_of(fid, struct uet_poll, fid.fid);
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, &poll->members)
		drop_member(poll, uet_list_entry(pos, struct poll_member, link));
	uet_lock_destroy(&poll->lock);
	uet_ref_put(&poll->domain->ref);
	free(poll);
	return 0;
}

static struct fi_ops poll_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = poll_close,
	.bind = uet_no_bind,
	.control = uet_no_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_poll poll_ops = {
	.size = sizeof(struct fi_ops_poll),
	.poll = poll_poll,
	.poll_add = poll_add,
	.poll_del = poll_del,
};

int uet_poll_open(struct fid_domain *domain, struct fi_poll_attr *attr, struct fid_poll **out)
{
	struct uet_poll *poll;

	if (attr && attr->flags)
		return -FI_EINVAL;
	poll = calloc(1, sizeof(*poll));
	if (!poll)
		return -FI_ENOMEM;
	poll->domain = uet_container_of(domain, struct uet_domain, fid);
	uet_ref_get(&poll->domain->ref);
	uet_lock_init(&poll->lock, poll->domain->locked);
	uet_list_init(&poll->members);
	poll->fid.fid.fclass = FI_CLASS_POLL;
	poll->fid.fid.ops = &poll_fid_ops;
	poll->fid.ops = &poll_ops;
	*out = &poll->fid;
	return 0;
}
