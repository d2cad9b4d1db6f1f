/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Event queues: events of any kind, errors, peeking, waiting. */
#include "test_ofi_objects.h"

#include <sys/select.h>

static struct fid_eq *open_eq(struct fake *f, enum fi_wait_obj wait)
{
	struct fi_eq_attr attr = { .size = 1, .flags = FI_WRITE, .wait_obj = wait };
	struct fid_eq *eq;

	assert_int_equal(fi_eq_open(fake_fabric(f), &attr, &eq, f), 0);
	return eq;
}

static void close_eq(struct fid_eq *eq)
{
	assert_int_equal(fi_close(&eq->fid), 0);
}

static struct uet_eq *eq_of(struct fid_eq *eq)
{
	return (struct uet_eq *)eq;
}

static void test_open(void **state)
{
	static const struct {
		struct fi_eq_attr attr;
		int ret;
	} cases[] = {
		{ { .wait_obj = FI_WAIT_NONE }, 0 },
		{ { .wait_obj = FI_WAIT_UNSPEC, .size = 1 << 30 }, 0 },
		{ { .flags = FI_AFFINITY }, 0 },
		{ { .flags = FI_SEND }, -FI_EINVAL },
		{ { .wait_obj = FI_WAIT_SET }, -FI_EINVAL },
		{ { .wait_obj = 99 }, -FI_ENOSYS },
	};
	struct fi_eq_entry entry = { 0 };
	struct fake *f = *state;
	struct fi_eq_attr attr;
	struct fid_eq *eq;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		attr = cases[i].attr;
		assert_int_equal(fi_eq_open(fake_fabric(f), &attr, &eq, f), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(eq->fid.fclass, FI_CLASS_EQ);
		assert_ptr_equal(eq->fid.context, f);
		/* Without FI_WRITE the application may not write. */
		assert_int_equal(fi_eq_write(eq, FI_NOTIFY, &entry, sizeof(entry), 0),
				 -FI_EINVAL);
		assert_int_equal(fi_control(&eq->fid, FI_ENABLE, NULL), -FI_ENOSYS);
		uet_ref_get(uet_eq_ref(eq_of(eq)));
		assert_int_equal(fi_close(&eq->fid), -FI_EBUSY);
		uet_ref_put(uet_eq_ref(eq_of(eq)));
		assert_int_equal(uet_eq_put(eq_of(eq), 1, &entry, sizeof(entry)), 0);
		close_eq(eq);
	}
	assert_int_equal(fi_eq_open(fake_fabric(f), NULL, &eq, NULL), -FI_EINVAL);
}

static void test_events(void **state)
{
	static const struct {
		uint32_t code;
		size_t len;
	} cases[] = {
		{ FI_NOTIFY, sizeof(struct fi_eq_entry) }, { FI_AV_COMPLETE, 24 },
		{ 0xdeadbeef, 0 }, { UINT32_MAX, 1 }, { FI_CONNREQ, 5000 },
	};
	struct fid_eq *eq = open_eq(*state, FI_WAIT_NONE);
	uint8_t data[5004], got[5000];
	uint32_t event;
	size_t i, round;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(fi_eq_read(eq, &event, got, sizeof(got), 0), -FI_EAGAIN);
	for (round = 0; round < 100; round++)
		for (i = 0; i < UET_ARRAY_SIZE(cases); i++)
			assert_int_equal(fi_eq_write(eq, cases[i].code, data + i, cases[i].len, 0),
					 cases[i].len);
	for (round = 0; round < 100; round++)
		for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
			size_t len = cases[i].len;

			/* Too little room: the event stays. */
			if (len)
				assert_int_equal(fi_eq_read(eq, &event, got, len - 1, 0),
						 -FI_ETOOSMALL);
			event = 1;
			assert_int_equal(fi_eq_read(eq, &event, got, sizeof(got), FI_PEEK), len);
			assert_int_equal(event, cases[i].code);
			memset(got, 0, sizeof(got));
			assert_int_equal(fi_eq_read(eq, NULL, got, len, 0), len);
			if (len)
				assert_memory_equal(got, data + i, len);
		}
	assert_int_equal(fi_eq_read(eq, &event, got, sizeof(got), FI_PEEK), -FI_EAGAIN);
	assert_int_equal(fi_eq_read(eq, &event, NULL, 8, 0), -FI_EINVAL);
	assert_int_equal(fi_eq_read(eq, &event, got, 8, FI_SEND), -FI_EINVAL);
	assert_int_equal(fi_eq_write(eq, 1, NULL, 8, 0), -FI_EINVAL);
	assert_int_equal(fi_eq_write(eq, 1, got, 8, FI_SEND), -FI_EINVAL);
	close_eq(eq);
}

static void test_errors(void **state)
{
	struct fid_eq *eq = open_eq(*state, FI_WAIT_NONE);
	struct fi_eq_err_entry err = { 0 };
	struct fi_eq_entry entry = { .data = 5 };
	uint32_t event;
	char room[4];

	assert_int_equal(fi_eq_readerr(eq, &err, 0), -FI_EAGAIN);
	fi_eq_write(eq, FI_NOTIFY, &entry, sizeof(entry), 0);
	assert_int_equal(uet_eq_put_error(eq_of(eq), &eq->fid, state, 77, FI_EIO, 9), 0);
	fi_eq_write(eq, FI_NOTIFY, &entry, sizeof(entry), 0);
	assert_int_equal(fi_eq_readerr(eq, &err, 0), -FI_EAGAIN);
	assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), -FI_EAVAIL);
	assert_int_equal(fi_eq_sread(eq, &event, &entry, sizeof(entry), -1, 0), -FI_EAVAIL);
	assert_int_equal(fi_eq_readerr(eq, NULL, 0), -FI_EINVAL);
	assert_int_equal(fi_eq_readerr(eq, &err, FI_PEEK), sizeof(err));
	memset(&err, 0, sizeof(err));
	err.err_data = room;
	err.err_data_size = sizeof(room);
	assert_int_equal(fi_eq_readerr(eq, &err, 0), sizeof(err));
	assert_ptr_equal(err.fid, &eq->fid);
	assert_ptr_equal(err.context, state);
	assert_int_equal(err.data, 77);
	assert_int_equal(err.err, FI_EIO);
	assert_int_equal(err.prov_errno, 9);
	assert_ptr_equal(err.err_data, room);
	assert_int_equal(err.err_data_size, 0);
	assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0), sizeof(entry));
	assert_non_null(fi_eq_strerror(eq, err.prov_errno, NULL, NULL, 0));
	close_eq(eq);
}

/* Before API 1.5 the structure ended before err_data_size. */
static void test_error_old_api(void **state)
{
	struct fake *f = *state;
	const size_t old = offsetof(struct fi_eq_err_entry, err_data_size);
	struct fi_eq_err_entry err;
	struct fid_eq *eq;

	f->fabric.fid.api_version = FI_VERSION(1, 4);
	eq = open_eq(f, FI_WAIT_NONE);
	uet_eq_put_error(eq_of(eq), &eq->fid, state, 77, FI_EIO, 9);
	memset(&err, 0xee, sizeof(err));
	assert_int_equal(fi_eq_readerr(eq, &err, 0), old);
	assert_int_equal(err.err, FI_EIO);
	assert_null(err.err_data);
	assert_int_equal(err.err_data_size, 0xeeeeeeeeeeeeeeee);
	close_eq(eq);
}

static const enum fi_wait_obj wait_objs[] = {
	FI_WAIT_NONE, FI_WAIT_UNSPEC, FI_WAIT_FD, FI_WAIT_MUTEX_COND, FI_WAIT_YIELD,
};

struct pong {
	struct fid_eq *in, *out;
	uint64_t rounds;
};

static void *pong_main(void *arg)
{
	struct pong *p = arg;
	struct fi_eq_entry entry;
	uint32_t event;
	uint64_t n;

	for (n = 0; n < p->rounds; n++) {
		if (fi_eq_sread(p->in, &event, &entry, sizeof(entry), -1, 0) != sizeof(entry))
			return (void *)(uintptr_t)"sread";
		if (event != (uint32_t)n)
			return (void *)(uintptr_t)"wrong event";
		if (uet_eq_put(eq_of(p->out), event, &entry, sizeof(entry)))
			return (void *)(uintptr_t)"put";
	}
	return NULL;
}

static void test_sread(void **state)
{
	struct fi_eq_entry entry = { 0 };
	struct pong pong;
	pthread_t thread;
	uint32_t event;
	uint64_t n;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(wait_objs); i++) {
		pong.rounds = wait_objs[i] == FI_WAIT_NONE ? 100 : 1000;
		pong.in = open_eq(*state, wait_objs[i]);
		pong.out = open_eq(*state, wait_objs[i]);
		assert_int_equal(fi_eq_sread(pong.in, &event, &entry, sizeof(entry), 0, 0),
				 -FI_EAGAIN);
		assert_int_equal(fi_eq_sread(pong.in, &event, &entry, sizeof(entry), 1, 0),
				 -FI_EAGAIN);
		thread = start(pong_main, &pong);
		for (n = 0; n < pong.rounds; n++) {
			uet_eq_put(eq_of(pong.in), (uint32_t)n, &entry, sizeof(entry));
			assert_int_equal(fi_eq_sread(pong.out, &event, &entry, sizeof(entry), -1,
						     FI_PEEK), sizeof(entry));
			assert_int_equal(fi_eq_sread(pong.out, &event, &entry, sizeof(entry), -1,
						     0), sizeof(entry));
			assert_int_equal(event, n);
		}
		join(thread);
		close_eq(pong.in);
		close_eq(pong.out);
	}
}

static bool select_now(int fd)
{
	struct timeval none = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &none) == 1;
}

static void test_fd(void **state)
{
	struct fid_eq *eq = open_eq(*state, FI_WAIT_FD);
	struct fid *fids[] = { &eq->fid };
	struct fi_eq_entry entry = { 0 };
	enum fi_wait_obj obj;
	uint32_t event;
	int fd, i;

	assert_int_equal(fi_control(&eq->fid, FI_GETWAITOBJ, &obj), 0);
	assert_int_equal(obj, FI_WAIT_FD);
	assert_int_equal(fi_control(&eq->fid, FI_GETWAIT, &fd), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(fi_trywait(fake_fabric(*state), fids, 1), 0);
		assert_false(select_now(fd));
		fi_eq_write(eq, FI_NOTIFY, &entry, sizeof(entry), 0);
		assert_true(select_now(fd));
		assert_int_equal(fi_trywait(fake_fabric(*state), fids, 1), -FI_EAGAIN);
		assert_int_equal(fi_eq_read(eq, &event, &entry, sizeof(entry), 0),
				 sizeof(entry));
	}
	assert_int_equal(fi_trywait(fake_fabric(*state), fids, 1), 0);
	assert_false(select_now(fd));
	close_eq(eq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_open),
		FAKE_TEST(test_events),
		FAKE_TEST(test_errors),
		FAKE_TEST(test_error_old_api),
		FAKE_TEST(test_sread),
		FAKE_TEST(test_fd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
