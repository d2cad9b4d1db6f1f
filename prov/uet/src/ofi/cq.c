/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Completion queues, fi_cq(3): a ring of entries in the widest format, successes and errors
 * in the order in which they happened. Reading cuts an entry down to the queue's format.
 *
 *   ring:  [ ... | head: oldest | ... | newest | tail: free | ... ]    head, tail run freely
 *
 * The ring doubles when it is full: with FI_RM_ENABLED nothing may be lost, and completions of
 * receives cannot be refused. Only when there is no memory for that the queue is overrun: it
 * delivers what it has, and then FI_EOVERRUN for ever.
 */
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ofi/peer.h"
#include "ofi/strerror.h"
#include "ofi/stubs.h"
#include "ofi/waitable.h"

#define CQ_SIZE_MIN 64u		/* entries; a power of two */
#define CQ_READS_PER_YIELD 64u	/* some 30 us of polling */
#define CQ_SIZE_FIRST 4096u	/* the most that is allocated before it is needed */

/* What an error entry has beyond a completion. */
struct cq_error {
	size_t olen;
	int err;
	int prov_errno;
	size_t data_size;
	uint8_t data[];
};

struct cq_entry {
	struct uet_cq_event event;
	struct cq_error *error;		/* NULL: success */
};

_Static_assert(sizeof(struct cq_entry) == 64, "an entry fills a cache line");

/* The formats of fi_cq(3) are prefixes of each other and of struct uet_cq_event. */
#define SAME_PLACE(member) \
	_Static_assert(offsetof(struct uet_cq_event, member) == \
		       offsetof(struct fi_cq_tagged_entry, member), #member)
SAME_PLACE(op_context);
SAME_PLACE(flags);
SAME_PLACE(len);
SAME_PLACE(buf);
SAME_PLACE(data);
SAME_PLACE(tag);

struct uet_cq {
	struct fid_cq fid;
	struct uet_domain *domain;
	struct uet_waitable w;
	size_t entry_size;		/* of the format that the application reads */
	enum fi_cq_wait_cond cond;
	atomic_uint empty_reads;	/* reads that found nothing */
	struct uet_lock lock;		/* protects what follows */
	struct cq_entry *ring;
	uint32_t mask;
	uint32_t head, tail;
	uint32_t errors;		/* error entries among them */
	bool overrun;
	struct cq_error *last;		/* its data was handed out by the last readerr */
};

static const size_t format_size[] = {
	/* Who does not say what the buffer is made of gets what fits any. */
	[FI_CQ_FORMAT_UNSPEC] = sizeof(struct fi_cq_entry),
	[FI_CQ_FORMAT_CONTEXT] = sizeof(struct fi_cq_entry),
	[FI_CQ_FORMAT_MSG] = sizeof(struct fi_cq_msg_entry),
	[FI_CQ_FORMAT_DATA] = sizeof(struct fi_cq_data_entry),
	[FI_CQ_FORMAT_TAGGED] = sizeof(struct fi_cq_tagged_entry),
};

/* ---- writing ---- */

/* Twice the room; entries move to the same places modulo the new size. */
static bool grow(struct uet_cq *cq)
{
	uint64_t size = 2 * ((uint64_t)cq->mask + 1);
	struct cq_entry *ring;
	uint32_t i;

	ring = size <= UINT32_MAX ? malloc(size * sizeof(*ring)) : NULL;
	if (!ring)
		return false;
	for (i = cq->head; i != cq->tail; i++)
		ring[i & (size - 1)] = cq->ring[i & cq->mask];
	free(cq->ring);
	cq->ring = ring;
	cq->mask = (uint32_t)(size - 1);
	return true;
}

/* False if the entry is lost. */
static bool put(struct uet_cq *cq, const struct uet_cq_event *event, struct cq_error *error)
{
	struct cq_entry *entry;

	if (uet_unlikely(cq->tail - cq->head > cq->mask) && !grow(cq)) {
		cq->overrun = true;
		return false;
	}
	entry = &cq->ring[cq->tail & cq->mask];
	entry->event = *event;
	entry->error = error;
	cq->errors += !!error;
	cq->tail++;
	return true;
}

void uet_cq_write(struct uet_cq *cq, const struct uet_cq_event *event)
{
	uet_lock(&cq->lock);
	put(cq, event, NULL);
	uet_unlock(&cq->lock);
	uet_wait_notify(&cq->w.wait);
}

void uet_cq_write_error(struct uet_cq *cq, const struct uet_cq_event *event, size_t olen, int err,
			uint32_t prov_errno, const void *err_data, size_t err_data_size)
{
	struct cq_error *error = malloc(sizeof(*error) + err_data_size);

	if (error) {
		error->olen = olen;
		error->err = err;
		error->prov_errno = (int)prov_errno;
		error->data_size = err_data_size;
		if (err_data_size)
			memcpy(error->data, err_data, err_data_size);
	}
	uet_lock(&cq->lock);
	if (!error)
		cq->overrun = true;
	else if (!put(cq, event, error))
		free(error);
	uet_unlock(&cq->lock);
	uet_wait_notify(&cq->w.wait);
}

/* ---- reading ---- */

/* Up to @count successes from the head; -FI_EAVAIL if an error is there, -FI_EAGAIN if none. */
static ssize_t take(struct uet_cq *cq, void *buf, size_t count, fi_addr_t *src_addr)
{
	const struct cq_entry *entry;
	uint8_t *dst = buf;
	size_t n = 0;

	while (n < count && cq->head != cq->tail) {
		entry = &cq->ring[cq->head & cq->mask];
		if (entry->error)
			break;
		memcpy(dst, &entry->event, cq->entry_size);
		dst += cq->entry_size;
		if (src_addr)
			src_addr[n] = entry->event.src_addr;
		n++;
		cq->head++;
	}
	if (n)
		return (ssize_t)n;
	return cq->head != cq->tail || cq->overrun ? -FI_EAVAIL : -FI_EAGAIN;
}

static ssize_t take_locked(struct uet_cq *cq, void *buf, size_t count, fi_addr_t *src_addr)
{
	ssize_t ret;

	uet_lock(&cq->lock);
	ret = take(cq, buf, count, src_addr);
	uet_unlock(&cq->lock);
	return ret;
}

/*
 * Nothing to read: now and then let others run. Where more threads spin than there are cores,
 * the peer that would send something may be one of them, and waits for the end of our slice.
 */
static void give_way(struct uet_cq *cq)
{
	if (atomic_fetch_add_explicit(&cq->empty_reads, 1, memory_order_relaxed) %
	    CQ_READS_PER_YIELD == CQ_READS_PER_YIELD - 1)
		sched_yield();
}

static ssize_t cq_readfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid);
	ssize_t ret;

	if (!count) {
		uet_progress_run(&cq->w.progress);
		return uet_cq_ready(cq) ? 0 : -FI_EAGAIN;
	}
	ret = take_locked(cq, buf, count, src_addr);
	if (ret != -FI_EAGAIN)
		return ret;
	uet_progress_run(&cq->w.progress);
	ret = take_locked(cq, buf, count, src_addr);
	if (ret == -FI_EAGAIN)
		give_way(cq);
	return ret;
}

static ssize_t cq_read(struct fid_cq *fid, void *buf, size_t count)
{
	return cq_readfrom(fid, buf, count, NULL);
}

/* A sleeping reader, and the number of entries that it wants to be woken for. */
struct cq_sleeper {
	struct uet_cq *cq;
	uint32_t threshold;
};

/* An error wakes at once, wherever it is: waiting for more would only delay it. */
static bool enough(void *arg)
{
	const struct cq_sleeper *sleeper = arg;
	struct uet_cq *cq = sleeper->cq;
	bool found;

	uet_lock(&cq->lock);
	found = cq->tail - cq->head >= sleeper->threshold || cq->errors || cq->overrun;
	uet_unlock(&cq->lock);
	return found;
}

static uint32_t threshold(const struct uet_cq *cq, size_t count, const void *cond)
{
	size_t want = (size_t)(uintptr_t)cond;

	if (cq->cond != FI_CQ_COND_THRESHOLD || !want)
		return 1;
	return (uint32_t)uet_min_u64(uet_min_u64(want, count), INT32_MAX);
}

static ssize_t cq_sreadfrom(struct fid_cq *fid, void *buf, size_t count, fi_addr_t *src_addr,
			    const void *cond, int timeout)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid);
	struct cq_sleeper sleeper = { .cq = cq, .threshold = threshold(cq, count, cond) };
	uint64_t deadline = uet_deadline(timeout);
	ssize_t ret;
	int slept;

	if (!count)
		return cq_readfrom(fid, buf, 0, NULL);
	do {
		slept = uet_wait_sleep(&cq->w.wait, &cq->w.progress,
				       uet_deadline_left(deadline), enough, &sleeper);
		ret = take_locked(cq, buf, count, src_addr);
		/* Ready and yet empty: another reader was faster. */
	} while (ret == -FI_EAGAIN && !slept);
	return ret;
}

static ssize_t cq_sread(struct fid_cq *fid, void *buf, size_t count, const void *cond,
			int timeout)
{
	return cq_sreadfrom(fid, buf, count, NULL, cond, timeout);
}

/* ---- errors ---- */

/* The head if it is an error entry, taken off the ring; *@error is the caller's then. */
static bool take_error(struct uet_cq *cq, struct uet_cq_event *event, struct cq_error **error)
{
	struct cq_entry *entry = &cq->ring[cq->head & cq->mask];

	if (cq->head == cq->tail || !entry->error)
		return false;
	*event = entry->event;
	*error = entry->error;
	cq->errors--;
	cq->head++;
	return true;
}

/*
 * Bytes of struct fi_cq_err_entry that an application of @api knows: err_data_size came with
 * 1.5, src_addr with 1.20.
 */
static size_t err_entry_size(uint32_t api)
{
	if (FI_VERSION_LT(api, FI_VERSION(1, 5)))
		return offsetof(struct fi_cq_err_entry, err_data_size);
#ifdef HAVE_STRUCT_FI_CQ_ERR_ENTRY_SRC_ADDR
	if (FI_VERSION_LT(api, FI_VERSION(1, 20)))
		return offsetof(struct fi_cq_err_entry, src_addr);
#endif
	return sizeof(struct fi_cq_err_entry);
}

static void fill_err_entry(struct fi_cq_err_entry *entry, const struct uet_cq_event *event,
			   const struct cq_error *error)
{
	entry->op_context = event->op_context;
	entry->flags = event->flags;
	entry->len = event->len;
	entry->buf = event->buf;
	entry->data = event->data;
	entry->tag = event->tag;
	entry->olen = error->olen;
	entry->err = error->err;
	entry->prov_errno = error->prov_errno;
#ifdef HAVE_STRUCT_FI_CQ_ERR_ENTRY_SRC_ADDR
	entry->src_addr = event->src_addr;
#endif
}

/* Copy the error data to the application's buffer, or lend ours: fi_cq(3), err_data_size. */
static void give_err_data(struct uet_cq *cq, struct fi_cq_err_entry *entry,
			  const struct fi_cq_err_entry *asked, uint32_t api,
			  struct cq_error *error)
{
	bool lend = FI_VERSION_LT(api, FI_VERSION(1, 5)) || !asked->err_data_size;

	if (lend || !asked->err_data) {
		entry->err_data = error->data_size ? error->data : NULL;
		entry->err_data_size = error->data_size;
	} else {
		entry->err_data = asked->err_data;
		entry->err_data_size = uet_min_u64(asked->err_data_size, error->data_size);
		memcpy(entry->err_data, error->data, entry->err_data_size);
	}
	free(cq->last);
	cq->last = error;
}

static ssize_t report_overrun(struct fi_cq_err_entry *buf, size_t size)
{
	struct fi_cq_err_entry entry = { .err = FI_EOVERRUN };

	memcpy(buf, &entry, size);
	return 1;
}

static ssize_t cq_readerr(struct fid_cq *fid, struct fi_cq_err_entry *buf, uint64_t flags)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid);
	uint32_t api = uet_fabric_api(cq->domain->fabric);
	struct fi_cq_err_entry entry = { 0 }, asked = { 0 };
	size_t size = err_entry_size(api);
	struct uet_cq_event event;
	struct cq_error *error;
	ssize_t ret = 1;

	(void)flags;
	if (!buf)
		return -FI_EINVAL;
	if (!uet_cq_ready(cq))
		uet_progress_run(&cq->w.progress);
	memcpy(&asked, buf, size);
	uet_lock(&cq->lock);
	if (take_error(cq, &event, &error)) {
		fill_err_entry(&entry, &event, error);
		give_err_data(cq, &entry, &asked, api, error);
		memcpy(buf, &entry, size);
	} else if (cq->overrun && cq->head == cq->tail) {
		ret = report_overrun(buf, size);
	} else {
		ret = -FI_EAGAIN;
	}
	uet_unlock(&cq->lock);
	return ret;
}

static const char *cq_strerror(struct fid_cq *fid, int prov_errno, const void *err_data,
			       char *buf, size_t len)
{
	(void)fid;
	(void)err_data;
	return uet_prov_strerror(prov_errno, buf, len);
}

/* ---- the object ---- */

static int cq_signal(struct fid_cq *fid)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid);

	uet_wait_signal(&cq->w.wait);
	return 0;
}

int uet_cq_add_fep(struct uet_cq *cq, struct uet_fep *fep)
{
	return uet_progress_add(&cq->w.progress, fep);
}

void uet_cq_del_fep(struct uet_cq *cq, struct uet_fep *fep)
{
	uet_progress_del(&cq->w.progress, fep);
}

struct uet_progress_set *uet_cq_progress(struct uet_cq *cq)
{
	return &cq->w.progress;
}

struct uet_wait *uet_cq_wait(struct uet_cq *cq)
{
	return &cq->w.wait;
}

struct uet_waitable *uet_cq_waitable(struct uet_cq *cq)
{
	return &cq->w;
}

struct uet_domain *uet_cq_domain(const struct uet_cq *cq)
{
	return cq->domain;
}

uet_ref *uet_cq_ref(struct uet_cq *cq)
{
	return &cq->w.ref;
}

bool uet_cq_ready(struct uet_cq *cq)
{
	bool ready;

	uet_lock(&cq->lock);
	ready = cq->head != cq->tail || cq->overrun;
	uet_unlock(&cq->lock);
	return ready;
}

static bool cq_ready(void *owner)
{
	return uet_cq_ready(owner);
}

static int cq_close(struct fid *fid)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid.fid);

	if (uet_ref_busy(&cq->w.ref))
		return -FI_EBUSY;
	uet_waitable_close(&cq->w);
	for (; cq->head != cq->tail; cq->head++)
		free(cq->ring[cq->head & cq->mask].error);
	free(cq->last);
	free(cq->ring);
	uet_lock_destroy(&cq->lock);
	uet_ref_put(&cq->domain->ref);
	free(cq);
	return 0;
}

static int cq_control(struct fid *fid, int command, void *arg)
{
	struct uet_cq *cq = uet_container_of(fid, struct uet_cq, fid.fid);

	if (command == FI_EXPORT_FID)
		return uet_peer_export_cq(cq, arg);
	return uet_waitable_control(&cq->w, command, arg);
}

#ifdef HAVE_STRUCT_FI_OPS_CQ_EXPORT_XPU
static int cq_export_xpu(struct fid_cq *fid, uint64_t flags, struct fid_xpu_cq *xpu)
{
	(void)fid;
	(void)flags;
	(void)xpu;
	return -FI_ENOSYS;
}
#endif

static struct fi_ops cq_fid_ops = {
	.size = sizeof(struct fi_ops),
	.close = cq_close,
	.bind = uet_no_bind,
	.control = cq_control,
	.ops_open = uet_no_ops_open,
	.tostr = uet_no_tostr,
	.ops_set = uet_no_ops_set,
};

static struct fi_ops_cq cq_ops = {
	.size = sizeof(struct fi_ops_cq),
	.read = cq_read,
	.readfrom = cq_readfrom,
	.readerr = cq_readerr,
	.sread = cq_sread,
	.sreadfrom = cq_sreadfrom,
	.signal = cq_signal,
	.strerror = cq_strerror,
#ifdef HAVE_STRUCT_FI_OPS_CQ_EXPORT_XPU
	.export_xpu = cq_export_xpu,
#endif
};

static int check_attr(const struct fi_cq_attr *attr)
{
	if (!attr || attr->flags & ~FI_AFFINITY)
		return -FI_EINVAL;
	if ((unsigned int)attr->format >= UET_ARRAY_SIZE(format_size))
		return -FI_ENOSYS;
	if (attr->wait_obj != FI_WAIT_NONE && attr->wait_cond != FI_CQ_COND_NONE &&
	    attr->wait_cond != FI_CQ_COND_THRESHOLD)
		return -FI_EINVAL;
	return 0;
}

static bool alloc_ring(struct uet_cq *cq, size_t want)
{
	uint32_t size = CQ_SIZE_MIN;

	while (size < want && size < CQ_SIZE_FIRST)
		size *= 2;
	cq->ring = malloc(size * sizeof(*cq->ring));
	cq->mask = size - 1;
	return cq->ring;
}

int uet_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **out,
		void *context)
{
	struct uet_cq *cq;
	int ret;

	ret = check_attr(attr);
	if (ret)
		return ret;
	cq = calloc(1, sizeof(*cq));
	if (!cq || !alloc_ring(cq, attr->size)) {
		free(cq);
		return -FI_ENOMEM;
	}
	cq->domain = uet_container_of(domain, struct uet_domain, fid);
	uet_lock_init(&cq->lock, cq->domain->locked);
	ret = uet_waitable_open(&cq->w, attr->wait_obj, attr->wait_set, cq_ready, cq);
	if (ret) {
		uet_lock_destroy(&cq->lock);
		free(cq->ring);
		free(cq);
		return ret;
	}
	cq->entry_size = format_size[attr->format];
	cq->cond = attr->wait_cond;
	uet_ref_get(&cq->domain->ref);
	cq->fid.fid.fclass = FI_CLASS_CQ;
	cq->fid.fid.context = context;
	cq->fid.fid.ops = &cq_fid_ops;
	cq->fid.ops = &cq_ops;
	*out = &cq->fid;
	return 0;
}
