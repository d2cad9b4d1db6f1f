/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counters, fi_cntr(3): a success and an error value of 64 bits, without locks.
 */
#include <stdlib.h>

#include "ofi/fep.h"
#include "ofi/stubs.h"
#include "ofi/waitable.h"

struct uet_cntr {
	struct fid_cntr fid;
	struct uet_domain *domain;
	struct uet_waitable w;
	_Atomic uint64_t value;
	_Atomic uint64_t errors;
	struct uet_trigger_queue triggers;
	struct uet_region_cntr all_feps; /* of the domain: it drives them */
	atomic_bool watches_all;
};

/* After a change of a value: the order is what lets a sleeper see it. */
static void changed(struct uet_cntr *cntr)
{
	atomic_fetch_add(&cntr->w.changes, 1);
	uet_wait_notify(&cntr->w.wait);
	if (uet_unlikely(atomic_load(&cntr->triggers.count)))
		uet_trigger_check(cntr);
}

/* The same for a change that the application made: no lock is held. */
static int changed_by_app(struct uet_cntr *cntr)
{
	changed(cntr);
	uet_trigger_poll(&cntr->domain->triggers);
	return 0;
}

void uet_cntr_inc(struct uet_cntr *cntr, bool ok)
{
	atomic_fetch_add(ok ? &cntr->value : &cntr->errors, 1);
	changed(cntr);
}

static uint64_t cntr_read(struct fid_cntr *fid)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	uet_progress_run(&cntr->w.progress);
	return atomic_load(&cntr->value);
}

static uint64_t cntr_readerr(struct fid_cntr *fid)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	uet_progress_run(&cntr->w.progress);
	return atomic_load(&cntr->errors);
}

static int cntr_add(struct fid_cntr *fid, uint64_t value)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	atomic_fetch_add(&cntr->value, value);
	return changed_by_app(cntr);
}

static int cntr_set(struct fid_cntr *fid, uint64_t value)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	atomic_store(&cntr->value, value);
	return changed_by_app(cntr);
}

static int cntr_adderr(struct fid_cntr *fid, uint64_t value)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	atomic_fetch_add(&cntr->errors, value);
	return changed_by_app(cntr);
}

static int cntr_seterr(struct fid_cntr *fid, uint64_t value)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);

	atomic_store(&cntr->errors, value);
	return changed_by_app(cntr);
}

struct cntr_sleeper {
	struct uet_cntr *cntr;
	uint64_t threshold;
	uint64_t errors;		/* at the beginning */
};

static bool reached(void *arg)
{
	const struct cntr_sleeper *sleeper = arg;

	return atomic_load(&sleeper->cntr->value) >= sleeper->threshold ||
	       atomic_load(&sleeper->cntr->errors) != sleeper->errors;
}

static int cntr_wait(struct fid_cntr *fid, uint64_t threshold, int timeout)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid);
	struct cntr_sleeper sleeper = {
		.cntr = cntr,
		.threshold = threshold,
		.errors = atomic_load(&cntr->errors),
	};
	uint64_t deadline = uet_deadline(timeout);
	int ret;

	/* fi_cntr(3) knows no early return: an interrupted sleep goes on. */
	do {
		ret = uet_wait_sleep(&cntr->w.wait, &cntr->w.progress,
				     uet_deadline_left(deadline), reached, &sleeper);
	} while (ret == -FI_EAGAIN);
	if (atomic_load(&cntr->value) >= threshold)
		return 0;
	return ret ? ret : -FI_EAVAIL;
}

int uet_cntr_add_fep(struct uet_cntr *cntr, struct uet_fep *fep)
{
	return uet_progress_add(&cntr->w.progress, fep);
}

void uet_cntr_del_fep(struct uet_cntr *cntr, struct uet_fep *fep)
{
	uet_progress_del(&cntr->w.progress, fep);
}

int uet_cntr_watch_all(struct uet_cntr *cntr)
{
	int ret;

	if (cntr->domain->auto_progress || atomic_exchange(&cntr->watches_all, true))
		return 0;
	cntr->all_feps.cntr = cntr;
	ret = uet_feps_watch(cntr->domain, &cntr->all_feps);
	if (ret)
		atomic_store(&cntr->watches_all, false);
	return ret;
}

struct uet_progress_set *uet_cntr_progress(struct uet_cntr *cntr)
{
	return &cntr->w.progress;
}

struct uet_wait *uet_cntr_wait_obj(struct uet_cntr *cntr)
{
	return &cntr->w.wait;
}

struct uet_waitable *uet_cntr_waitable(struct uet_cntr *cntr)
{
	return &cntr->w;
}

struct uet_domain *uet_cntr_domain(const struct uet_cntr *cntr)
{
	return cntr->domain;
}

struct fid_cntr *uet_cntr_fid(struct uet_cntr *cntr)
{
	return &cntr->fid;
}

struct uet_trigger_queue *uet_cntr_triggers(struct uet_cntr *cntr)
{
	return &cntr->triggers;
}

uint64_t uet_cntr_level(struct uet_cntr *cntr, bool errors)
{
	return atomic_load(&cntr->value) + (errors ? atomic_load(&cntr->errors) : 0);
}

uet_ref *uet_cntr_ref(struct uet_cntr *cntr)
{
	return &cntr->w.ref;
}

static bool cntr_ready(void *owner)
{
	struct uet_cntr *cntr = owner;

	return atomic_load(&cntr->w.changes) != atomic_load(&cntr->w.reported);
}

static int cntr_close(struct fid *fid)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid.fid);

	if (uet_ref_busy(&cntr->w.ref))
		uet_trigger_let_go(cntr->domain, cntr);
	if (uet_ref_busy(&cntr->w.ref))
		return -FI_EBUSY;
	if (atomic_load(&cntr->watches_all))
		uet_feps_unwatch(cntr->domain, &cntr->all_feps);
	uet_waitable_close(&cntr->w);
	uet_ref_put(&cntr->domain->ref);
	free(cntr);
	return 0;
}

static int cntr_control(struct fid *fid, int command, void *arg)
{
	struct uet_cntr *cntr = uet_container_of(fid, struct uet_cntr, fid.fid);

	return uet_waitable_control(&cntr->w, command, arg);
}

#ifdef HAVE_STRUCT_FI_OPS_CNTR_EXPORT_XPU
static int cntr_export_xpu(struct fid_cntr *fid, uint64_t flags, struct fid_xpu_cntr *xpu)
{
	(void)fid;
	(void)flags;
	(void)xpu;
	return -FI_ENOSYS;
}
#endif

static struct fi_ops cntr_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = cntr_close,
	.bind = uet_no_bind,
	.control = cntr_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_cntr cntr_ops = {
	.size = sizeof(struct fi_ops_cntr),
	.read = cntr_read,
	.readerr = cntr_readerr,
	.add = cntr_add,
	.set = cntr_set,
	.wait = cntr_wait,
	.adderr = cntr_adderr,
	.seterr = cntr_seterr,
#ifdef HAVE_STRUCT_FI_OPS_CNTR_EXPORT_XPU
	.export_xpu = cntr_export_xpu,
#endif
};

int uet_cntr_open(struct fid_domain *domain, struct fi_cntr_attr *attr, struct fid_cntr **out,
		  void *context)
{
	struct uet_cntr *cntr;
	int ret;

	if (!attr || attr->flags)
		return -FI_EINVAL;
	if (attr->events != FI_CNTR_EVENTS_COMP)
		return -FI_ENOSYS;
	cntr = calloc(1, sizeof(*cntr));
	if (!cntr)
		return -FI_ENOMEM;
	ret = uet_waitable_open(&cntr->w, attr->wait_obj, attr->wait_set, cntr_ready, cntr);
	if (ret) {
		free(cntr);
		return ret;
	}
	uet_trigger_queue_init(&cntr->triggers);
	cntr->domain = uet_container_of(domain, struct uet_domain, fid);
	uet_ref_get(&cntr->domain->ref);
	cntr->fid.fid.fclass = FI_CLASS_CNTR;
	cntr->fid.fid.context = context;
	cntr->fid.fid.ops = &cntr_fid_ops;
	cntr->fid.ops = &cntr_ops;
	*out = &cntr->fid;
	return 0;
}
