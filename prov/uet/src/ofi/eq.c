/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Event queues, fi_eq(3): a list of events of any code and length, errors in order with them.
 */
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/strerror.h"
#include "ofi/stubs.h"
#include "ofi/waitable.h"

struct eq_event {
	struct uet_list link;
	bool is_error;
	uint32_t code;
	size_t len;
	_Alignas(max_align_t) uint8_t data[]; /* errors: a struct fi_eq_err_entry */
};

struct uet_eq {
	struct fid_eq fid;
	struct uet_fabric *fabric;
	struct uet_waitable w;		/* no endpoints: nothing to drive */
	bool writable;			/* FI_WRITE: fi_eq_write is allowed */
	struct uet_lock lock;		/* protects events */
	struct uet_list events;
};

static struct eq_event *new_event(size_t len)
{
	struct eq_event *ev;

	if (len > SIZE_MAX - sizeof(*ev))
		return NULL;
	ev = malloc(sizeof(*ev) + len);
	if (ev)
		ev->len = len;
	return ev;
}

static void append(struct uet_eq *eq, struct eq_event *ev)
{
	uet_lock(&eq->lock);
	uet_list_add_tail(&eq->events, &ev->link);
	uet_unlock(&eq->lock);
	uet_wait_notify(&eq->w.wait);
}

int uet_eq_put(struct uet_eq *eq, uint32_t event, const void *entry, size_t len)
{
	struct eq_event *ev = new_event(len);

	if (!ev)
		return -FI_ENOMEM;
	ev->is_error = false;
	ev->code = event;
	if (len)
		memcpy(ev->data, entry, len);
	append(eq, ev);
	return 0;
}

int uet_eq_put_error(struct uet_eq *eq, fid_t fid, void *context, uint64_t data, int err,
		     int prov_errno)
{
	const struct fi_eq_err_entry entry = {
		.fid = fid,
		.context = context,
		.data = data,
		.err = err,
		.prov_errno = prov_errno,
	};
	struct eq_event *ev = new_event(sizeof(entry));

	if (!ev)
		return -FI_ENOMEM;
	ev->is_error = true;
	ev->code = 0;
	memcpy(ev->data, &entry, sizeof(entry));
	append(eq, ev);
	return 0;
}

/* The oldest event, NULL if there is none. */
static struct eq_event *head(struct uet_eq *eq)
{
	if (uet_list_empty(&eq->events))
		return NULL;
	return uet_list_entry(uet_list_first(&eq->events), struct eq_event, link);
}

static void drop(struct eq_event *ev)
{
	uet_list_del(&ev->link);
	free(ev);
}

static ssize_t take(struct uet_eq *eq, uint32_t *event, void *buf, size_t len, uint64_t flags)
{
	struct eq_event *ev = head(eq);
	ssize_t ret;

	if (!ev)
		return -FI_EAGAIN;
	if (ev->is_error)
		return -FI_EAVAIL;
	if (len < ev->len)
		return -FI_ETOOSMALL;
	if (event)
		*event = ev->code;
	if (ev->len)
		memcpy(buf, ev->data, ev->len);
	ret = (ssize_t)ev->len;
	if (!(flags & FI_PEEK))
		drop(ev);
	return ret;
}

static ssize_t eq_read(struct fid_eq *fid, uint32_t *event, void *buf, size_t len,
		       uint64_t flags)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid);
	ssize_t ret;

	if (flags & ~FI_PEEK || (len && !buf))
		return -FI_EINVAL;
	uet_lock(&eq->lock);
	ret = take(eq, event, buf, len, flags);
	uet_unlock(&eq->lock);
	return ret;
}

/*
 * Bytes of struct fi_eq_err_entry that the application knows: err_data_size came with 1.5.
 */
static size_t err_entry_size(uint32_t api)
{
	if (FI_VERSION_LT(api, FI_VERSION(1, 5)))
		return offsetof(struct fi_eq_err_entry, err_data_size);
	return sizeof(struct fi_eq_err_entry);
}

static ssize_t eq_readerr(struct fid_eq *fid, struct fi_eq_err_entry *buf, uint64_t flags)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid);
	size_t size = err_entry_size(uet_fabric_api(eq->fabric));
	struct fi_eq_err_entry entry;
	struct eq_event *ev;
	ssize_t ret = -FI_EAGAIN;

	if (flags & ~FI_PEEK || !buf)
		return -FI_EINVAL;
	uet_lock(&eq->lock);
	ev = head(eq);
	if (ev && ev->is_error) {
		memcpy(&entry, ev->data, sizeof(entry));
		/* No event carries error data: the application's buffer stays as it is. */
		if (size == sizeof(*buf) && buf->err_data_size)
			entry.err_data = buf->err_data;
		memcpy(buf, &entry, size);
		if (!(flags & FI_PEEK))
			drop(ev);
		ret = (ssize_t)size;
	}
	uet_unlock(&eq->lock);
	return ret;
}

static ssize_t eq_write(struct fid_eq *fid, uint32_t event, const void *buf, size_t len,
			uint64_t flags)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid);
	int ret;

	if (!eq->writable || flags || (len && !buf) || len > SSIZE_MAX)
		return -FI_EINVAL;
	ret = uet_eq_put(eq, event, buf, len);
	return ret ? ret : (ssize_t)len;
}

static bool eq_ready(void *owner)
{
	return uet_eq_ready(owner);
}

static ssize_t eq_sread(struct fid_eq *fid, uint32_t *event, void *buf, size_t len, int timeout,
			uint64_t flags)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid);
	uint64_t deadline = uet_deadline(timeout);
	ssize_t ret;
	int slept;

	do {
		slept = uet_wait_sleep(&eq->w.wait, &eq->w.progress,
				       uet_deadline_left(deadline), eq_ready, eq);
		ret = eq_read(fid, event, buf, len, flags);
		/* Ready and yet empty: another reader was faster. */
	} while (ret == -FI_EAGAIN && !slept);
	return ret;
}

static const char *eq_strerror(struct fid_eq *fid, int prov_errno, const void *err_data,
			       char *buf, size_t len)
{
	(void)fid;
	(void)err_data;
	return uet_prov_strerror(prov_errno, buf, len);
}

struct uet_wait *uet_eq_wait(struct uet_eq *eq)
{
	return &eq->w.wait;
}

struct uet_waitable *uet_eq_waitable(struct uet_eq *eq)
{
	return &eq->w;
}

bool uet_eq_ready(struct uet_eq *eq)
{
	bool ready;

	uet_lock(&eq->lock);
	ready = !uet_list_empty(&eq->events);
	uet_unlock(&eq->lock);
	return ready;
}

uet_ref *uet_eq_ref(struct uet_eq *eq)
{
	return &eq->w.ref;
}

static int eq_close(struct fid *fid)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid.fid);
	struct uet_list *pos, *tmp;

	if (uet_ref_busy(&eq->w.ref))
		return -FI_EBUSY;
	uet_waitable_close(&eq->w);
	uet_list_for_each_safe(pos, tmp, &eq->events)
		drop(uet_list_entry(pos, struct eq_event, link));
	uet_lock_destroy(&eq->lock);
	uet_ref_put(&eq->fabric->ref);
	free(eq);
	return 0;
}

static int eq_control(struct fid *fid, int command, void *arg)
{
	struct uet_eq *eq = uet_container_of(fid, struct uet_eq, fid.fid);

	return uet_waitable_control(&eq->w, command, arg);
}

static struct fi_ops eq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = eq_close,
	.bind = uet_no_bind,
	.control = eq_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_eq eq_ops = {
	.size = sizeof(struct fi_ops_eq),
	.read = eq_read,
	.readerr = eq_readerr,
	.write = eq_write,
	.sread = eq_sread,
	.strerror = eq_strerror,
};

int uet_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **out,
		void *context)
{
	struct uet_eq *eq;
	int ret;

	if (!attr || attr->flags & ~(FI_WRITE | FI_AFFINITY))
		return -FI_EINVAL;
	eq = calloc(1, sizeof(*eq));
	if (!eq)
		return -FI_ENOMEM;
	ret = uet_waitable_open(&eq->w, attr->wait_obj, attr->wait_set, eq_ready, eq);
	if (ret) {
		free(eq);
		return ret;
	}
	/* An EQ belongs to the fabric, whose threading level nothing limits: always locked. */
	uet_lock_init(&eq->lock, true);
	uet_list_init(&eq->events);
	eq->writable = attr->flags & FI_WRITE;
	eq->fabric = uet_container_of(fabric, struct uet_fabric, fid);
	uet_ref_get(&eq->fabric->ref);
	eq->fid.fid.fclass = FI_CLASS_EQ;
	eq->fid.fid.context = context;
	eq->fid.fid.ops = &eq_fid_ops;
	eq->fid.ops = &eq_ops;
	*out = &eq->fid;
	return 0;
}
