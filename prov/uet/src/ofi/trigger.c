/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Queues of operations that wait for counters, and the starting of those that are due.
 *
 * The race between an operation that is queued and a counter that reaches its threshold is
 * closed by order: the queue's count rises before the counter is read, and the counter rises
 * before the count is read.
 */
#include "ofi/trigger.h"

#include <sched.h>
#include <stdlib.h>

#include "ofi/work.h"

/* Operations of one domain that may wait. */
#define WORK_MAX 65536u

static struct uet_work *work_at(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_work, link);
}

static struct uet_work *any_work_at(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_work, all);
}

void uet_triggers_init(struct uet_triggers *t)
{
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->run_lock, NULL);
	uet_list_init(&t->all);
	uet_list_init(&t->due);
	atomic_init(&t->due_count, 0);
	atomic_init(&t->fresh, false);
	t->count = 0;
	t->round = 0;
}

void uet_triggers_destroy(struct uet_triggers *t)
{
	pthread_mutex_destroy(&t->run_lock);
	pthread_mutex_destroy(&t->lock);
}

void uet_trigger_queue_init(struct uet_trigger_queue *queue)
{
	int i;

	atomic_init(&queue->count, 0);
	for (i = 0; i < UET_TRIGGER_KINDS; i++)
		uet_list_init(&queue->waiting[i]);
}

/* ---- from waiting to due ---- */

/* Lock held. */
static void make_due(struct uet_triggers *t, struct uet_trigger_queue *queue, struct uet_work *work)
{
	uet_list_del(&work->link);
	atomic_fetch_sub(&queue->count, 1);
	uet_ref_put(uet_cntr_ref(work->trigger));
	work->trigger = NULL;
	work->state = UET_WORK_DUE;
	uet_list_add_tail(&t->due, &work->link);
	atomic_fetch_add(&t->due_count, 1);
	atomic_store(&t->fresh, true);
}

/* Lock held. */
static void collect(struct uet_triggers *t, struct uet_cntr *cntr)
{
	struct uet_trigger_queue *queue = uet_cntr_triggers(cntr);
	struct uet_list *list;
	uint64_t level;
	int kind;

	for (kind = 0; kind < UET_TRIGGER_KINDS; kind++) {
		list = &queue->waiting[kind];
		level = uet_cntr_level(cntr, kind == UET_TRIGGER_SUM);
		while (!uet_list_empty(list) && work_at(uet_list_first(list))->threshold <= level)
			make_due(t, queue, work_at(uet_list_first(list)));
	}
}

void uet_trigger_check(struct uet_cntr *cntr)
{
	struct uet_triggers *t = &uet_cntr_domain(cntr)->triggers;

	pthread_mutex_lock(&t->lock);
	collect(t, cntr);
	pthread_mutex_unlock(&t->lock);
}

static void insert(struct uet_list *waiting, struct uet_work *work)
{
	struct uet_list *pos = waiting->prev;

	while (pos != waiting && work_at(pos)->threshold > work->threshold)
		pos = pos->prev;
	uet_list_add_after(pos, &work->link);
}

/* Queue @work at @cntr; start it if it is due. 0 or -FI_EAGAIN. */
static int add(struct uet_work *work, struct uet_cntr *cntr, uint64_t threshold)
{
	struct uet_triggers *t = &work->domain->triggers;
	struct uet_trigger_queue *queue = uet_cntr_triggers(cntr);
	enum uet_trigger_kind kind = work->app ? UET_TRIGGER_SUM : UET_TRIGGER_VALUE;

	pthread_mutex_lock(&t->lock);
	if (t->count == WORK_MAX) {
		pthread_mutex_unlock(&t->lock);
		return -FI_EAGAIN;
	}
	t->count++;
	work->state = UET_WORK_WAITING;
	work->threshold = threshold;
	work->trigger = cntr;
	uet_ref_get(uet_cntr_ref(cntr));
	uet_list_add_tail(&t->all, &work->all);
	insert(&queue->waiting[kind], work);
	atomic_fetch_add(&queue->count, 1);
	collect(t, cntr);
	pthread_mutex_unlock(&t->lock);
	uet_trigger_poll(t);
	return 0;
}

/* ---- the end of an operation ---- */

/* Forget @work, which is on no queue; lock held. */
static void free_work(struct uet_triggers *t, struct uet_work *work)
{
	uet_list_del(&work->all);
	t->count--;
	if (work->trigger)
		uet_ref_put(uet_cntr_ref(work->trigger));
	uet_work_free(work);
}

void uet_trigger_ending(struct uet_work *work)
{
	struct uet_triggers *t = &work->domain->triggers;

	pthread_mutex_lock(&t->lock);
	work->counted = true;
	if (work->state == UET_WORK_RUNNING)
		work->state = UET_WORK_ENDING;
	pthread_mutex_unlock(&t->lock);
}

void uet_trigger_done(struct uet_work *work)
{
	struct uet_triggers *t = &work->domain->triggers;

	pthread_mutex_lock(&t->lock);
	/* Whoever is starting it frees it. */
	if (work->state == UET_WORK_STARTING)
		work->ended = work->counted;
	else if (work->counted)
		free_work(t, work);
	pthread_mutex_unlock(&t->lock);
}

/* Is some thread counting an operation with @cntr at this moment? */
static bool is_counting(struct uet_triggers *t, const struct uet_cntr *cntr)
{
	struct uet_list *pos;
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (pos = t->all.next; pos != &t->all && !found; pos = pos->next) {
		const struct uet_work *work = any_work_at(pos);

		found = work->done == cntr && (work->state == UET_WORK_STARTING ||
					       work->state == UET_WORK_ENDING);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

void uet_trigger_let_go(struct uet_domain *domain, const struct uet_cntr *cntr)
{
	while (is_counting(&domain->triggers, cntr))
		sched_yield();
}

/* ---- starting ---- */

/* Has an operation of this round found the endpoint of @work full? */
static bool is_blocked(const struct uet_triggers *t, const struct uet_work *work)
{
	return work->ep && work->ep->fep->trigger_round == t->round;
}

/*
 * Start @work, which is due. The lock is held, but not meanwhile: until it is taken again
 * @work stays on its list, where nobody else touches it. Returns its successor there.
 */
static struct uet_list *start(struct uet_triggers *t, struct uet_work *work, bool *moved)
{
	enum uet_work_result result;
	struct uet_list *next;

	work->state = UET_WORK_STARTING;
	pthread_mutex_unlock(&t->lock);
	result = uet_work_start(work);
	pthread_mutex_lock(&t->lock);
	next = work->link.next;
	if (result == UET_WORK_AGAIN) {
		work->state = UET_WORK_DUE;
		work->ep->fep->trigger_round = t->round;
		return next;
	}
	*moved = true;
	uet_list_del(&work->link);
	atomic_fetch_sub(&t->due_count, 1);
	work->state = UET_WORK_RUNNING;
	if (result == UET_WORK_OVER || work->ended)
		free_work(t, work);
	return next;
}

static bool start_due(struct uet_triggers *t)
{
	struct uet_list *pos;
	bool moved = false;

	t->round++;
	pthread_mutex_lock(&t->lock);
	for (pos = t->due.next; pos != &t->due;)
		pos = is_blocked(t, work_at(pos)) ? pos->next : start(t, work_at(pos), &moved);
	pthread_mutex_unlock(&t->lock);
	return moved;
}

bool uet_trigger_run(struct uet_triggers *t)
{
	bool moved = false;

	do {
		if (pthread_mutex_trylock(&t->run_lock))
			return moved;
		atomic_store(&t->fresh, false);
		moved |= start_due(t);
		pthread_mutex_unlock(&t->run_lock);
		/* Who came meanwhile went away again. */
	} while (atomic_load(&t->fresh));
	return moved;
}

/* ---- taking back ---- */

static bool not_started(const struct uet_work *work)
{
	return work->state == UET_WORK_WAITING || work->state == UET_WORK_DUE;
}

/* Take @work, which was not started, off its queue; lock held. */
static void dequeue(struct uet_triggers *t, struct uet_work *work)
{
	atomic_fetch_sub(work->state == UET_WORK_DUE ? &t->due_count :
			 &uet_cntr_triggers(work->trigger)->count, 1);
	uet_list_del(&work->link);
}

static int cancel_work(struct uet_triggers *t, const struct fi_deferred_work *app)
{
	struct uet_list *pos, *tmp;
	int ret = -FI_ENOENT;

	pthread_mutex_lock(&t->lock);
	uet_list_for_each_safe(pos, tmp, &t->all) {
		struct uet_work *work = any_work_at(pos);

		if (work->app != app || !not_started(work))
			continue;
		dequeue(t, work);
		free_work(t, work);
		ret = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return ret;
}

/* Drop deferred work that waits for @cntr, or all that was not started if that is NULL. */
static void flush_work(struct uet_triggers *t, const struct fid_cntr *cntr)
{
	struct uet_list *pos, *tmp;

	pthread_mutex_lock(&t->lock);
	uet_list_for_each_safe(pos, tmp, &t->all) {
		struct uet_work *work = any_work_at(pos);

		if (!work->app || !not_started(work))
			continue;
		if (cntr && (!work->trigger || uet_cntr_fid(work->trigger) != cntr))
			continue;
		dequeue(t, work);
		free_work(t, work);
	}
	pthread_mutex_unlock(&t->lock);
}

bool uet_trigger_cancel(struct uet_ep *ep, const void *context)
{
	struct uet_triggers *t = &ep->domain->triggers;
	struct uet_work *work = NULL;
	struct uet_list *pos;

	pthread_mutex_lock(&t->lock);
	uet_list_for_each(pos, &t->all) {
		work = any_work_at(pos);
		if (!work->app && not_started(work) && work->ep->base == ep->base &&
		    uet_work_context(work) == context)
			break;
	}
	if (pos == &t->all) {
		pthread_mutex_unlock(&t->lock);
		return false;
	}
	dequeue(t, work);
	/* Nobody else can find it now. */
	work->state = UET_WORK_STARTING;
	pthread_mutex_unlock(&t->lock);
	uet_work_fail(work, FI_ECANCELED);
	pthread_mutex_lock(&t->lock);
	free_work(t, work);
	pthread_mutex_unlock(&t->lock);
	return true;
}

void uet_trigger_drop(struct uet_ep *ep)
{
	struct uet_triggers *t = &ep->domain->triggers;
	struct uet_list *pos, *tmp;

	/* Nothing is being started meanwhile. */
	pthread_mutex_lock(&t->run_lock);
	pthread_mutex_lock(&t->lock);
	uet_list_for_each_safe(pos, tmp, &t->all) {
		struct uet_work *work = any_work_at(pos);

		if (work->ep != ep || !not_started(work))
			continue;
		dequeue(t, work);
		free_work(t, work);
	}
	pthread_mutex_unlock(&t->lock);
	pthread_mutex_unlock(&t->run_lock);
	uet_trigger_poll(t);
}

void uet_trigger_orphan(struct uet_ep *ep)
{
	struct uet_triggers *t = &ep->domain->triggers;
	struct uet_list *pos;

	pthread_mutex_lock(&t->lock);
	uet_list_for_each(pos, &t->all)
		if (any_work_at(pos)->ep == ep)
			uet_work_orphan(any_work_at(pos));
	pthread_mutex_unlock(&t->lock);
}

void uet_trigger_forget(struct uet_fep *fep)
{
	struct uet_triggers *t = &fep->domain->triggers;
	struct uet_list *pos, *tmp;

	pthread_mutex_lock(&t->lock);
	uet_list_for_each_safe(pos, tmp, &t->all) {
		struct uet_work *work = any_work_at(pos);

		if (work->ep && work->ep->fep == fep)
			free_work(t, work);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- what the application asks for ---- */

static struct uet_cntr *own_cntr(const struct uet_domain *domain, struct fid_cntr *fid)
{
	struct uet_cntr *cntr = (struct uet_cntr *)fid;

	return cntr && uet_cntr_domain(cntr) == domain ? cntr : NULL;
}

int uet_trigger_op(struct uet_ep *ep, enum fi_op_type op, const void *msg,
		   const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare,
		   uint64_t flags)
{
	struct fi_triggered_context *context;
	struct uet_cntr *cntr;
	struct uet_work *work;
	int ret;

	if (!ep->enabled)
		return -FI_EOPBADSTATE;
	ret = uet_work_from_op(ep, op, msg, fetch, compare, flags, &work);
	if (ret)
		return ret;
	context = uet_work_context(work);
	cntr = context ? own_cntr(ep->domain, context->trigger.threshold.cntr) : NULL;
	if (context && context->event_type != FI_TRIGGER_THRESHOLD)
		ret = -FI_ENOSYS;
	else
		ret = cntr ? add(work, cntr, context->trigger.threshold.threshold) : -FI_EINVAL;
	if (ret)
		uet_work_free(work);
	return ret;
}

static int queue_work(struct uet_domain *domain, const struct fi_deferred_work *app)
{
	struct uet_cntr *trigger = own_cntr(domain, app->triggering_cntr);
	struct uet_work *work;
	int ret;

	if (!trigger)
		return -FI_EINVAL;
	ret = uet_work_from_app(domain, app, &work);
	if (ret)
		return ret;
	/* Who waits for them drives the endpoints, though they need not be bound. */
	ret = uet_cntr_watch_all(trigger);
	if (!ret && work->done)
		ret = uet_cntr_watch_all(work->done);
	if (!ret)
		ret = add(work, trigger, app->threshold);
	if (ret)
		uet_work_free(work);
	return ret;
}

int uet_trigger_control(struct uet_domain *domain, int command, const void *arg)
{
	const struct fi_deferred_work *app = arg;

	if (command == FI_FLUSH_WORK) {
		flush_work(&domain->triggers, app ? app->triggering_cntr : NULL);
		return 0;
	}
	if (!app)
		return -FI_EINVAL;
	return command == FI_QUEUE_WORK ? queue_work(domain, app) :
					  cancel_work(&domain->triggers, app);
}
