/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Completion queues: formats, order, growth, errors, waiting. */
#include "test_ofi_objects.h"

#include <poll.h>

#include <rdma/fi_ext_uet.h>

#include "base/rand.h"
#include "wire/pds.h"

static struct fid_cq *open_cq(struct fake *f, enum fi_cq_format format, enum fi_wait_obj wait)
{
	struct fi_cq_attr attr = { .size = 4, .format = format, .wait_obj = wait };
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(fake_domain(f), &attr, &cq, f), 0);
	return cq;
}

static void close_cq(struct fid_cq *cq)
{
	assert_int_equal(fi_close(&cq->fid), 0);
}

static struct uet_cq *cq_of(struct fid_cq *cq)
{
	return (struct uet_cq *)cq;
}

static struct uet_cq_event event_of(uint64_t n)
{
	return (struct uet_cq_event){
		.op_context = (void *)(uintptr_t)n,
		.flags = FI_RECV | FI_TAGGED,
		.len = n + 1,
		.buf = (void *)(uintptr_t)(n + 2),
		.data = n + 3,
		.tag = n + 4,
		.src_addr = n + 5,
	};
}

static void write_ok(struct fid_cq *cq, uint64_t n)
{
	struct uet_cq_event event = event_of(n);

	uet_cq_write(cq_of(cq), &event);
}

static void write_err(struct fid_cq *cq, uint64_t n, const void *data, size_t size)
{
	struct uet_cq_event event = event_of(n);

	uet_cq_write_error(cq_of(cq), &event, n + 6, FI_EIO, (uint32_t)n, data, size);
}

/* The number of the entry read next. */
static uint64_t read_one(struct fid_cq *cq)
{
	struct fi_cq_tagged_entry entry;

	assert_int_equal(fi_cq_read(cq, &entry, 1), 1);
	return (uintptr_t)entry.op_context;
}

static void test_open(void **state)
{
	static const struct {
		struct fi_cq_attr attr;
		int ret;
	} cases[] = {
		{ { .wait_obj = FI_WAIT_NONE }, 0 },
		{ { .wait_obj = FI_WAIT_UNSPEC }, 0 },
		{ { .wait_obj = FI_WAIT_FD }, 0 },
		{ { .wait_obj = FI_WAIT_MUTEX_COND }, 0 },
		{ { .wait_obj = FI_WAIT_YIELD }, 0 },
		{ { .wait_obj = FI_WAIT_POLLFD }, 0 },
		{ { .size = 1 << 30 }, 0 },
		{ { .flags = FI_AFFINITY, .signaling_vector = 1 }, 0 },
		{ { .wait_obj = FI_WAIT_FD, .wait_cond = FI_CQ_COND_THRESHOLD }, 0 },
		{ { .wait_obj = FI_WAIT_NONE, .wait_cond = 9 }, 0 },
		{ { .wait_obj = FI_WAIT_FD, .wait_cond = 9 }, -FI_EINVAL },
		{ { .wait_obj = FI_WAIT_SET }, -FI_EINVAL },
		{ { .wait_obj = 99 }, -FI_ENOSYS },
		{ { .format = 99 }, -FI_ENOSYS },
		{ { .flags = FI_PEER }, -FI_EINVAL },
	};
	struct fake *f = *state;
	struct fi_cq_attr attr;
	struct fid_cq *cq;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		attr = cases[i].attr;
		assert_int_equal(fi_cq_open(fake_domain(f), &attr, &cq, f), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(cq->fid.fclass, FI_CLASS_CQ);
		assert_ptr_equal(cq->fid.context, f);
		assert_int_equal(fi_control(&cq->fid, FI_ENABLE, NULL), -FI_ENOSYS);
		close_cq(cq);
	}
	assert_int_equal(fi_cq_open(fake_domain(f), NULL, &cq, NULL), -FI_EINVAL);
}

static void test_close_busy(void **state)
{
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_TAGGED, FI_WAIT_NONE);

	uet_ref_get(uet_cq_ref(cq_of(cq)));
	assert_int_equal(fi_close(&cq->fid), -FI_EBUSY);
	write_ok(cq, 1);
	assert_int_equal(read_one(cq), 1);
	uet_ref_put(uet_cq_ref(cq_of(cq)));
	/* What is unread goes with the queue. */
	write_ok(cq, 2);
	write_err(cq, 3, "abc", 3);
	close_cq(cq);
}

static void test_formats(void **state)
{
	static const struct {
		enum fi_cq_format format;
		size_t size;
	} cases[] = {
		{ FI_CQ_FORMAT_UNSPEC, sizeof(struct fi_cq_entry) },
		{ FI_CQ_FORMAT_CONTEXT, sizeof(struct fi_cq_entry) },
		{ FI_CQ_FORMAT_MSG, sizeof(struct fi_cq_msg_entry) },
		{ FI_CQ_FORMAT_DATA, sizeof(struct fi_cq_data_entry) },
		{ FI_CQ_FORMAT_TAGGED, sizeof(struct fi_cq_tagged_entry) },
	};
	uint8_t got[4 * sizeof(struct fi_cq_tagged_entry)], want[sizeof(got)];
	struct fi_cq_tagged_entry entry;
	struct uet_cq_event event;
	struct fid_cq *cq;
	fi_addr_t src[4];
	uint64_t i, n;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		cq = open_cq(*state, cases[i].format, FI_WAIT_NONE);
		memset(got, 0xee, sizeof(got));
		memset(want, 0xee, sizeof(want));
		memset(src, 0xee, sizeof(src));
		for (n = 0; n < 3; n++) {
			write_ok(cq, n * 100);
			event = event_of(n * 100);
			entry = (struct fi_cq_tagged_entry){
				event.op_context, event.flags, event.len, event.buf, event.data,
				event.tag,
			};
			memcpy(want + n * cases[i].size, &entry, cases[i].size);
		}
		assert_int_equal(fi_cq_readfrom(cq, got, 4, src), 3);
		assert_memory_equal(got, want, sizeof(got));
		assert_int_equal(src[0], 5);
		assert_int_equal(src[2], 205);
		assert_int_equal(src[3], 0xeeeeeeeeeeeeeeee);
		close_cq(cq);
	}
}

static void test_count_zero(void **state)
{
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	struct fake *f = *state;

	assert_int_equal(uet_cq_add_fep(cq_of(cq), &f->ep.fep), 0);
	assert_int_equal(fi_cq_read(cq, NULL, 0), -FI_EAGAIN);
	assert_int_equal(f->ep.driven, 1);
	write_ok(cq, 1);
	assert_int_equal(fi_cq_read(cq, NULL, 0), 0);
	assert_int_equal(fi_cq_sread(cq, NULL, 0, NULL, -1), 0);
	assert_int_equal(f->ep.driven, 3);
	assert_int_equal(read_one(cq), 1);
	uet_cq_del_fep(cq_of(cq), &f->ep.fep);
	close_cq(cq);
}

static void complete_once(struct fake_ep *fake)
{
	if (fake->arg)
		write_ok(fake->arg, 42);
	fake->arg = NULL;
}

/* An empty queue drives its endpoints; one with entries hands them out first. */
static void test_progress(void **state)
{
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	struct fake *f = *state;
	struct fi_cq_err_entry err = { 0 };

	assert_int_equal(uet_cq_add_fep(cq_of(cq), &f->ep.fep), 0);
	f->ep.drive = complete_once;
	f->ep.arg = cq;
	write_ok(cq, 1);
	assert_int_equal(read_one(cq), 1);
	assert_int_equal(f->ep.driven, 0);
	assert_int_equal(read_one(cq), 42);
	assert_int_equal(f->ep.driven, 1);
	assert_int_equal(fi_cq_readerr(cq, &err, 0), -FI_EAGAIN);
	assert_int_equal(f->ep.driven, 2);
	uet_cq_del_fep(cq_of(cq), &f->ep.fep);
	close_cq(cq);
}

static void test_error_order(void **state)
{
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	struct fi_cq_err_entry err = { 0 };
	struct fi_cq_entry entry[4];

	write_ok(cq, 1);
	write_ok(cq, 2);
	write_err(cq, 3, NULL, 0);
	write_ok(cq, 4);
	assert_int_equal(fi_cq_readerr(cq, &err, 0), -FI_EAGAIN);
	assert_int_equal(fi_cq_read(cq, entry, 4), 2);
	assert_int_equal(fi_cq_read(cq, entry, 4), -FI_EAVAIL);
	assert_int_equal(fi_cq_sread(cq, entry, 4, NULL, -1), -FI_EAVAIL);
	assert_int_equal(fi_cq_read(cq, NULL, 0), 0);
	assert_int_equal(fi_cq_readerr(cq, NULL, 0), -FI_EINVAL);
	assert_int_equal(fi_cq_readerr(cq, &err, 0), 1);
	assert_int_equal((uintptr_t)err.op_context, 3);
	assert_int_equal(err.flags, FI_RECV | FI_TAGGED);
	assert_int_equal(err.len, 4);
	assert_int_equal((uintptr_t)err.buf, 5);
	assert_int_equal(err.data, 6);
	assert_int_equal(err.tag, 7);
	assert_int_equal(err.olen, 9);
	assert_int_equal(err.err, FI_EIO);
	assert_int_equal(err.prov_errno, 3);
	assert_null(err.err_data);
	assert_int_equal(err.err_data_size, 0);
	assert_int_equal(fi_cq_readerr(cq, &err, 0), -FI_EAGAIN);
	assert_int_equal(read_one(cq), 4);
	close_cq(cq);
}

/* What readerr touches depends on the API version, and whose buffer the data is in. */
static void test_error_versions(void **state)
{
	static const struct {
		uint32_t api;
		size_t room;		/* err_data_size going in */
		size_t touched;		/* bytes of struct fi_cq_err_entry */
		bool lent;
	} cases[] = {
		{ FI_VERSION(1, 4), 0, offsetof(struct fi_cq_err_entry, err_data_size), true },
		{ FI_VERSION(1, 4), 8, offsetof(struct fi_cq_err_entry, err_data_size), true },
		{ FI_VERSION(1, 5), 0, offsetof(struct fi_cq_err_entry, err_data_size) + 8,
		  true },
		{ FI_VERSION(1, 5), 8, offsetof(struct fi_cq_err_entry, err_data_size) + 8,
		  false },
		{ FI_VERSION(1, 19), 3, offsetof(struct fi_cq_err_entry, err_data_size) + 8,
		  false },
		{ FI_VERSION(1, 20), 8, sizeof(struct fi_cq_err_entry), false },
	};
	struct fake *f = *state;
	struct {
		struct fi_cq_err_entry entry;
		uint8_t guard[16];
	} buf, before;
	uint8_t data[8];
	struct fid_cq *cq;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		f->fabric.fid.api_version = cases[i].api;
		cq = open_cq(f, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
		write_err(cq, 9, "hello", 5);
		memset(&buf, 0xee, sizeof(buf));
		memset(data, 0xdd, sizeof(data));
		buf.entry.err_data = data;
		buf.entry.err_data_size = cases[i].room;
		before = buf;
		/* The inline wrapper of libfabric 2 writes src_addr itself. */
		assert_int_equal(cq->ops->readerr(cq, &buf.entry, 0), 1);
		assert_int_equal((uintptr_t)buf.entry.op_context, 9);
		assert_memory_equal((uint8_t *)&buf + cases[i].touched,
				    (uint8_t *)&before + cases[i].touched,
				    sizeof(buf) - cases[i].touched);
		if (cases[i].lent) {
			assert_ptr_not_equal(buf.entry.err_data, data);
			assert_memory_equal(buf.entry.err_data, "hello", 5);
			assert_int_equal(data[0], 0xdd);
		} else {
			size_t n = uet_min_u64(cases[i].room, 5);

			assert_ptr_equal(buf.entry.err_data, data);
			assert_int_equal(buf.entry.err_data_size, n);
			assert_memory_equal(data, "hello", n);
			assert_int_equal(data[n], 0xdd);
		}
#ifdef HAVE_STRUCT_FI_CQ_ERR_ENTRY_SRC_ADDR
		if (cases[i].touched == sizeof(buf.entry))
			assert_int_equal(buf.entry.src_addr, 9 + 5);
#endif
		close_cq(cq);
	}
}

/* Writes and reads of random length against a counter: nothing lost, nothing twice, in order. */
static void test_growth(void **state)
{
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	struct fi_cq_err_entry err = { 0 };
	struct fi_cq_entry entry[97];
	uint64_t written = 0, got = 0;
	struct uet_rand rnd;
	uint32_t n, round;
	ssize_t ret, i;

	uet_rand_seed(&rnd, 7);
	for (round = 0; round < 4000; round++) {
		for (n = uet_rand_u32(&rnd) % (round % 200 < 100 ? 150 : 50); n; n--, written++) {
			if (written % 13)
				write_ok(cq, written);
			else
				write_err(cq, written, &written, sizeof(written));
		}
		for (n = uet_rand_u32(&rnd) % 8; n && got < written; n--) {
			ret = fi_cq_read(cq, entry, 1 + uet_rand_u32(&rnd) % 97);
			if (ret == -FI_EAVAIL) {
				err.err_data_size = 0;
				assert_int_equal(fi_cq_readerr(cq, &err, 0), 1);
				assert_int_equal((uintptr_t)err.op_context, got);
				assert_memory_equal(err.err_data, &got, sizeof(got));
				assert_int_equal(got++ % 13, 0);
				continue;
			}
			assert_true(ret > 0);
			for (i = 0; i < ret; i++, got++) {
				assert_int_equal((uintptr_t)entry[i].op_context, got);
				assert_int_not_equal(got % 13, 0);
			}
		}
	}
	assert_true(written > 100000 && written - got > 1000);
	close_cq(cq);
}

static void test_strerror(void **state)
{
	static const struct {
		int prov_errno;
		const char *begin;
	} cases[] = {
		{ UET_RC_BAD_JOB_ID, "BAD_JOB_ID: " },
		{ 0x100 + UET_NACK_NO_PDC_AVAIL, "NO_PDC_AVAIL: " },
		{ 0, "no further" },
		{ -7, "unknown provider error -7" }, { 64, "unknown" },
		{ FI_UET_ERR_LOCAL, "unknown" },
		{ FI_UET_ERR_LOCAL + FI_ETIMEDOUT, "no sign of life" },
	};
	struct fid_cq *cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	char buf[128];
	const char *s;
	size_t i;
	int n;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		s = fi_cq_strerror(cq, cases[i].prov_errno, NULL, buf, sizeof(buf));
		assert_ptr_equal(s, buf);
		if (strncmp(s, cases[i].begin, strlen(cases[i].begin)))
			fail_msg("%d: %s", cases[i].prov_errno, s);
	}
	for (n = -10; n < 0x400; n++) {
		s = fi_cq_strerror(cq, n, NULL, NULL, 0);
		assert_non_null(s);
		assert_true(strlen(s) >= 8);
		assert_ptr_equal(fi_cq_strerror(cq, n, NULL, buf, 5), buf);
		assert_int_equal(strlen(buf), 4);
	}
	close_cq(cq);
}

/* ---- waiting ---- */

static const enum fi_wait_obj wait_objs[] = {
	FI_WAIT_NONE, FI_WAIT_UNSPEC, FI_WAIT_FD, FI_WAIT_MUTEX_COND, FI_WAIT_YIELD,
	FI_WAIT_POLLFD,
};

static void test_signal(void **state)
{
	struct fi_cq_entry entry;
	struct fid_cq *cq;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(wait_objs); i++) {
		cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, wait_objs[i]);
		assert_int_equal(fi_cq_sread(cq, &entry, 1, NULL, 0), -FI_EAGAIN);
		assert_int_equal(fi_cq_sread(cq, &entry, 1, NULL, 1), -FI_EAGAIN);
		/* Remembered once, however often it came. */
		assert_int_equal(fi_cq_signal(cq), 0);
		assert_int_equal(fi_cq_signal(cq), 0);
		assert_int_equal(fi_cq_sread(cq, &entry, 1, NULL, -1), -FI_EAGAIN);
		assert_int_equal(fi_cq_sread(cq, &entry, 1, NULL, 1), -FI_EAGAIN);
		/* Entries come before it. */
		write_ok(cq, 5);
		assert_int_equal(fi_cq_sread(cq, &entry, 1, NULL, -1), 1);
		close_cq(cq);
	}
}

struct pong {
	struct fid_cq *in, *out;
	uint64_t rounds;
};

/* Read n, answer n. */
static void *pong_main(void *arg)
{
	struct pong *p = arg;
	struct fi_cq_entry entry;
	uint64_t n;

	for (n = 0; n < p->rounds; n++) {
		if (fi_cq_sread(p->in, &entry, 1, NULL, -1) != 1)
			return (void *)(uintptr_t)"sread";
		if ((uintptr_t)entry.op_context != n)
			return (void *)(uintptr_t)"wrong entry";
		write_ok(p->out, n);
	}
	return NULL;
}

/* Two threads that sleep for each other: one lost wake-up, and nothing moves any more. */
static void test_no_lost_wakeup(void **state)
{
	struct fi_cq_entry entry;
	struct pong pong;
	pthread_t thread;
	uint64_t n;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(wait_objs); i++) {
		pong.rounds = wait_objs[i] == FI_WAIT_NONE ? 100 : 2000;
		pong.in = open_cq(*state, FI_CQ_FORMAT_CONTEXT, wait_objs[i]);
		pong.out = open_cq(*state, FI_CQ_FORMAT_CONTEXT, wait_objs[i]);
		thread = start(pong_main, &pong);
		for (n = 0; n < pong.rounds; n++) {
			write_ok(pong.in, n);
			assert_int_equal(fi_cq_sread(pong.out, &entry, 1, NULL, -1), 1);
			assert_int_equal((uintptr_t)entry.op_context, n);
		}
		join(thread);
		close_cq(pong.in);
		close_cq(pong.out);
	}
}

#define CROWD_READERS	4
#define CROWD_WRITERS	2
#define CROWD_EACH	5000u

struct crowd {
	struct fid_cq *cq;
	atomic_uchar seen[CROWD_WRITERS * CROWD_EACH];
	atomic_uint next_writer;
	atomic_uint left;
};

static void *crowd_reader(void *arg)
{
	struct crowd *c = arg;
	struct fi_cq_entry entry[3];
	ssize_t ret, i;

	while (atomic_load(&c->left)) {
		ret = fi_cq_sread(c->cq, entry, 3, NULL, -1);
		/* Nothing but the signal at the end ends a wait without entries. */
		if (ret == -FI_EAGAIN && !atomic_load(&c->left))
			break;
		if (ret < 1)
			return (void *)(uintptr_t)"sread";
		for (i = 0; i < ret; i++)
			atomic_fetch_add(&c->seen[(uintptr_t)entry[i].op_context], 1);
		if (atomic_fetch_sub(&c->left, (unsigned int)ret) == (unsigned int)ret)
			break;
	}
	/* Each one wakes the next: a signal wakes one reader. */
	fi_cq_signal(c->cq);
	return NULL;
}

static void *crowd_writer(void *arg)
{
	struct crowd *c = arg;
	unsigned int base = atomic_fetch_add(&c->next_writer, 1) * CROWD_EACH;
	unsigned int i;

	for (i = 0; i < CROWD_EACH; i++)
		write_ok(c->cq, base + i);
	return NULL;
}

static void test_crowd(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	pthread_t thread[CROWD_READERS + CROWD_WRITERS];
	size_t i;

	c->cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_FD);
	atomic_store(&c->left, CROWD_WRITERS * CROWD_EACH);
	for (i = 0; i < UET_ARRAY_SIZE(thread); i++)
		thread[i] = start(i < CROWD_READERS ? crowd_reader : crowd_writer, c);
	for (i = 0; i < UET_ARRAY_SIZE(thread); i++)
		join(thread[i]);
	for (i = 0; i < UET_ARRAY_SIZE(c->seen); i++)
		assert_int_equal(c->seen[i], 1);
	close_cq(c->cq);
	free(c);
}

static void *write_ten(void *arg)
{
	uint64_t n;

	for (n = 0; n < 10; n++)
		write_ok(arg, n);
	return NULL;
}

static void test_threshold(void **state)
{
	struct fi_cq_attr attr = {
		.format = FI_CQ_FORMAT_CONTEXT,
		.wait_obj = FI_WAIT_FD,
		.wait_cond = FI_CQ_COND_THRESHOLD,
	};
	struct fi_cq_entry entry[16];
	pthread_t thread;
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(fake_domain(*state), &attr, &cq, NULL), 0);
	thread = start(write_ten, cq);
	assert_true(fi_cq_sread(cq, entry, 16, (void *)(uintptr_t)8, -1) >= 8);
	join(thread);
	while (fi_cq_read(cq, entry, 16) > 0)
		;
	/* Too few when the time is up: those. None asked for: one is enough. */
	write_ok(cq, 1);
	assert_int_equal(fi_cq_sread(cq, entry, 16, (void *)(uintptr_t)8, 1), 1);
	write_ok(cq, 1);
	assert_int_equal(fi_cq_sread(cq, entry, 16, NULL, -1), 1);
	/* No more than there is room for. */
	write_ok(cq, 1);
	write_ok(cq, 2);
	assert_int_equal(fi_cq_sread(cq, entry, 2, (void *)(uintptr_t)8, -1), 2);
	/* An error does not wait, and neither does what is before it. */
	write_ok(cq, 1);
	write_err(cq, 2, NULL, 0);
	assert_int_equal(fi_cq_sread(cq, entry, 16, (void *)(uintptr_t)8, -1), 1);
	assert_int_equal(fi_cq_sread(cq, entry, 16, (void *)(uintptr_t)8, -1), -FI_EAVAIL);
	close_cq(cq);
}

static int readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0);
}

static void test_getwait(void **state)
{
	struct fi_mutex_cond mc = { 0 };
	struct fi_wait_pollfd wp = { 0 };
	enum fi_wait_obj obj;
	struct pollfd pfd;
	struct fid_cq *cq;
	int fd = -1;

	cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_FD);
	assert_int_equal(fi_control(&cq->fid, FI_GETWAIT, &fd), 0);
	assert_int_equal(fi_control(&cq->fid, FI_GETWAITOBJ, &obj), 0);
	assert_int_equal(obj, FI_WAIT_FD);
	assert_int_equal(readable(fd), 0);
	close_cq(cq);
	cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_MUTEX_COND);
	assert_int_equal(fi_control(&cq->fid, FI_GETWAIT, &mc), 0);
	assert_non_null(mc.mutex);
	assert_non_null(mc.cond);
	close_cq(cq);
	cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_POLLFD);
	assert_int_equal(fi_control(&cq->fid, FI_GETWAIT, &wp), -FI_ETOOSMALL);
	assert_int_equal(wp.nfds, 1);
	wp.fd = &pfd;
	assert_int_equal(fi_control(&cq->fid, FI_GETWAIT, &wp), 0);
	assert_int_equal(readable(pfd.fd), 0);
	close_cq(cq);
	cq = open_cq(*state, FI_CQ_FORMAT_CONTEXT, FI_WAIT_NONE);
	assert_int_equal(fi_control(&cq->fid, FI_GETWAIT, &fd), -FI_ENODATA);
	close_cq(cq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_open),
		FAKE_TEST(test_close_busy),
		FAKE_TEST(test_formats),
		FAKE_TEST(test_count_zero),
		FAKE_TEST(test_progress),
		FAKE_TEST(test_error_order),
		FAKE_TEST(test_error_versions),
		FAKE_TEST(test_growth),
		FAKE_TEST(test_strerror),
		FAKE_TEST(test_signal),
		FAKE_TEST(test_no_lost_wakeup),
		FAKE_TEST(test_crowd),
		FAKE_TEST(test_threshold),
		FAKE_TEST(test_getwait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
