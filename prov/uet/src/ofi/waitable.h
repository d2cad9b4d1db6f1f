/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What CQs, counters and EQs have in common: something to read, a wait object to sleep on,
 * endpoints that reading drives, and a count of the objects that refer to them. Poll sets,
 * wait sets and fi_trywait handle all three through this.
 */
#ifndef UET_OFI_WAITABLE_H
#define UET_OFI_WAITABLE_H

#include "ofi/ofi.h"

struct uet_waitable {
	struct uet_wait wait;
	struct uet_progress_set progress;
	uet_ref ref;
	bool (*ready)(void *owner);	/* true if something can be read; takes a leaf lock */
	void *owner;
	/*
	 * A counter is "ready" when it changed since the application was last told so.
	 * Queues leave both at zero.
	 */
	_Atomic uint64_t changes;
	_Atomic uint64_t reported;
	struct fid_wait *set;		/* FI_WAIT_SET: the wait set, with a reference on it */
	struct uet_list set_link;
};

/*
 * Prepare @w for @owner with wait object @obj; @set is used with FI_WAIT_SET only. Returns 0,
 * -FI_EINVAL (FI_WAIT_SET without a set), -FI_ENOSYS (unknown object) or -errno.
 */
int uet_waitable_open(struct uet_waitable *w, enum fi_wait_obj obj, struct fid_wait *set,
		      bool (*ready)(void *owner), void *owner);

/* Leave the wait set and release descriptors. */
void uet_waitable_close(struct uet_waitable *w);

/* fi_control(3): FI_GETWAIT and FI_GETWAITOBJ; -FI_ENOSYS for anything else. */
int uet_waitable_control(struct uet_waitable *w, int command, void *arg);

/* Tell the application that @w has news: what a counter counted up to now is no news later. */
void uet_waitable_report(struct uet_waitable *w);

/* The waitable behind a CQ, counter or EQ; NULL for any other class. */
struct uet_waitable *uet_waitable_of(struct fid *fid);

/* The waitable of each class (cq.c, cntr.c, eq.c). */
struct uet_waitable *uet_cq_waitable(struct uet_cq *cq);
struct uet_waitable *uet_cntr_waitable(struct uet_cntr *cntr);
struct uet_waitable *uet_eq_waitable(struct uet_eq *eq);

#endif /* UET_OFI_WAITABLE_H */
