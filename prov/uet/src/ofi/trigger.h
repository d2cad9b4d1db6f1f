/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations that wait for a counter, fi_trigger(3): FI_TRIGGER and the deferred work queue.
 *
 *   waiting at its counter --- threshold reached ---> due --- started ---> over
 *
 * A counter may change anywhere, mostly in a callback of the SES with a FEP's lock held. There
 * operations only become due. They are started at the next safe point, where no such lock is
 * held (uet_trigger_poll), by one thread at a time, in the order in which they became due. What
 * an endpoint cannot take now (-FI_EAGAIN) stays due, with all that follows on that endpoint,
 * and is tried again at the next safe point.
 */
#ifndef UET_OFI_TRIGGER_H
#define UET_OFI_TRIGGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rdma/fi_trigger.h>

#include "base/list.h"
#include "base/util.h"

struct uet_cntr;
struct uet_domain;
struct uet_ep;
struct uet_fep;
struct uet_work;

/* What a threshold is compared with. */
enum uet_trigger_kind {
	UET_TRIGGER_VALUE,	/* FI_TRIGGER: successes */
	UET_TRIGGER_SUM,	/* deferred work: successes and errors */
	UET_TRIGGER_KINDS,
};

/* What waits for one counter; a part of it. The lists are protected by uet_triggers.lock. */
struct uet_trigger_queue {
	atomic_uint count;
	struct uet_list waiting[UET_TRIGGER_KINDS];	/* by threshold, then by age */
};

/* The triggered operations of a domain; a part of it. */
struct uet_triggers {
	pthread_mutex_t lock;		/* protects the lists and queues; a leaf */
	pthread_mutex_t run_lock;	/* held while operations are started: before FEP locks */
	struct uet_list all;
	struct uet_list due;
	uint32_t count;			/* of all */
	atomic_uint due_count;
	atomic_bool fresh;		/* something became due since starting began */
	uint64_t round;			/* of starting, under run_lock */
};

/* ---- trigger.c ---- */

void uet_triggers_init(struct uet_triggers *t);

/* Nothing waits any more: every counter is closed. */
void uet_triggers_destroy(struct uet_triggers *t);

void uet_trigger_queue_init(struct uet_trigger_queue *queue);

/* @cntr has changed, and operations wait for it: those whose threshold is reached are due. */
void uet_trigger_check(struct uet_cntr *cntr);

/*
 * Start what is due, unless another thread, or this one further up the stack, is at it. Returns
 * true if something was started.
 */
bool uet_trigger_run(struct uet_triggers *t);

/* A safe point: no lock but those of progress sets is held. One load when nothing is due. */
static inline bool uet_trigger_poll(struct uet_triggers *t)
{
	return uet_unlikely(atomic_load_explicit(&t->due_count, memory_order_relaxed)) &&
	       uet_trigger_run(t);
}

/*
 * FI_TRIGGER: queue operation @op of @ep with @flags, whose context is a struct
 * fi_triggered_context. @msg is the message struct of that kind of operation, copied with what
 * it points to but the buffers (with FI_INJECT, those too); @fetch and @compare are those of
 * atomics, or NULL. Returns 0, -FI_EAGAIN (too many wait), -FI_ENOMEM, -FI_EINVAL, -FI_EMSGSIZE,
 * -FI_EOPBADSTATE, or -FI_ENOSYS (another condition than a threshold).
 */
int uet_trigger_op(struct uet_ep *ep, enum fi_op_type op, const void *msg,
		   const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare,
		   uint64_t flags);

/* fi_control(3) on a domain: FI_QUEUE_WORK, FI_CANCEL_WORK, FI_FLUSH_WORK; fi_trigger(3). */
int uet_trigger_control(struct uet_domain *domain, int command, const void *arg);

/*
 * fi_cancel: drop the oldest operation of @ep with FI_TRIGGER and @context that was not started,
 * and report it as cancelled. Returns true if there was one.
 */
bool uet_trigger_cancel(struct uet_ep *ep, const void *context);

/* @ep closes: drop silently what was posted to it and is not started. Nothing starts later. */
void uet_trigger_drop(struct uet_ep *ep);

/*
 * With the FEP's lock held: @ep closes, but not its FEP. Deferred work that was started on it
 * ends unseen.
 */
void uet_trigger_orphan(struct uet_ep *ep);

/* @fep has stopped: free deferred work that was started there and will not end. */
void uet_trigger_forget(struct uet_fep *fep);

/*
 * The deferred operation @work, which was started, has completed: to be told before it is
 * counted, and after all is reported, when the second call frees it. Before the first one, which
 * is when only a piece of it is done, the second has no effect.
 */
void uet_trigger_ending(struct uet_work *work);
void uet_trigger_done(struct uet_work *work);

/*
 * @cntr is referred to and shall close. Its last operation may have been counted, and the
 * thread that did so not yet have let go: wait for such threads.
 */
void uet_trigger_let_go(struct uet_domain *domain, const struct uet_cntr *cntr);

/* ---- triggerops.c ---- */

/*
 * Remember the operations tables of @ep; with FI_TRIGGER in its capabilities, look for that flag
 * in front of them. To be called again when it is asked for later.
 */
void uet_trigger_wrap(struct uet_ep *ep);

/* ---- triggerrma.c ---- */

extern struct fi_ops_rma uet_trigger_rma_ops;
extern struct fi_ops_atomic uet_trigger_atomic_ops;

#endif /* UET_OFI_TRIGGER_H */
