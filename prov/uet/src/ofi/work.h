/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An operation that is posted on the application's behalf later: a copy of its description.
 */
#ifndef UET_OFI_WORK_H
#define UET_OFI_WORK_H

#include "ofi/ep.h"

enum uet_work_state {
	UET_WORK_WAITING,	/* in its counter's queue */
	UET_WORK_DUE,
	UET_WORK_STARTING,	/* being posted, or cancelled */
	UET_WORK_RUNNING,	/* deferred work: posted, and not complete */
	UET_WORK_ENDING,	/* being counted */
};

struct uet_work {
	/* Of trigger.c. */
	struct uet_list link;		/* a counter's waiting list, or due; else unlinked */
	struct uet_list all;		/* uet_triggers.all */
	uint64_t threshold;
	struct uet_cntr *trigger;	/* while it waits, with a reference; else NULL */
	enum uet_work_state state;
	bool counted;			/* all of it is complete, and told */
	bool ended;			/* ... while it was being started */
	/* Of work.c. */
	struct uet_domain *domain;
	const struct fi_deferred_work *app;	/* what was queued; NULL: FI_TRIGGER */
	struct uet_ep *ep;		/* NULL: a counter operation */
	struct uet_cntr *done;		/* completion counter or operand, with a reference */
	enum fi_op_type op;
	uint64_t flags;
	uint64_t value;			/* of a counter operation */
	union {
		struct fi_msg msg;
		struct fi_msg_tagged tagged;
		struct fi_msg_rma rma;
		struct fi_msg_atomic atomic;
	} u;
	struct fi_msg_fetch fetch;
	struct fi_msg_compare compare;
	union {
		struct iovec iov[UET_SES_IOV];
		struct fi_ioc ioc[UET_SES_IOV];
	} local;
	union {
		struct fi_rma_iov iov[UET_SES_IOV];
		struct fi_rma_ioc ioc[UET_SES_IOV];
	} remote;
	struct fi_ioc results[UET_SES_IOV], compares[UET_SES_IOV];
	void *descs[3][UET_SES_IOV];	/* of local memory, results, compare values */
	/*
	 * Deferred work runs on a private copy of the endpoint, which completes as it wants to:
	 * to the completion counter, and to what is bound to the endpoint only when asked.
	 */
	struct uet_ep private_ep;
	uint8_t payload[];		/* FI_TRIGGER with FI_INJECT: the data */
};

/*
 * Copy operation @op of @ep as uet_trigger_op has it. Returns 0 with the object in @work, or
 * -FI_ENOMEM, -FI_EINVAL (too many fragments), -FI_EMSGSIZE (FI_INJECT).
 */
int uet_work_from_op(struct uet_ep *ep, enum fi_op_type op, const void *msg,
		     const struct fi_msg_fetch *fetch, const struct fi_msg_compare *compare,
		     uint64_t flags, struct uet_work **work);

/*
 * Copy what @app describes, after checking that its objects belong to @domain. Returns 0 with
 * the object in @work, or -FI_ENOMEM, -FI_EINVAL, -FI_EOPBADSTATE (endpoint not enabled), or
 * -FI_ENOSYS (kind of operation, or one that the endpoint does not have).
 */
int uet_work_from_app(struct uet_domain *domain, const struct fi_deferred_work *app,
		      struct uet_work **work);

/* Free @work and its reference to the completion counter. */
void uet_work_free(struct uet_work *work);

enum uet_work_result {
	UET_WORK_STARTED,	/* uet_trigger_done will follow, or came already */
	UET_WORK_OVER,		/* posted without such a report, or refused and reported so */
	UET_WORK_AGAIN,		/* nothing happened: the endpoint is full */
};

/* Post @work. */
enum uet_work_result uet_work_start(struct uet_work *work);

/* @work, which is started, shall tell nobody of its end: give its completion counter back. */
void uet_work_orphan(struct uet_work *work);

/* Report @work, which has an endpoint, as failed with @err (positive errno). */
void uet_work_fail(const struct uet_work *work, int err);

/* The operation's context. */
void *uet_work_context(const struct uet_work *work);

#endif /* UET_OFI_WORK_H */
