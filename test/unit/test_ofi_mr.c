/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory regions: registration, keys, modes, bindings, raw keys. */
#include "test_ofi_objects.h"

#include <stdio.h>

#include "base/rand.h"

#define PROV_KEY (1ull << 48)	/* bit of keys that the provider chooses */

static const uint64_t access_bits[] = {
	FI_SEND, FI_RECV, FI_READ, FI_WRITE, FI_REMOTE_READ, FI_REMOTE_WRITE, FI_COLLECTIVE,
};

static char memory[4096];

static struct fid_mr *reg(struct fake *f, uint64_t key)
{
	struct fid_mr *mr;

	assert_int_equal(fi_mr_reg(fake_domain(f), memory, sizeof(memory), FI_REMOTE_WRITE, 0,
				   key, 0, &mr, f), 0);
	return mr;
}

static int try_reg(struct fake *f, uint64_t key)
{
	struct fid_mr *mr;
	int ret;

	ret = fi_mr_reg(fake_domain(f), memory, sizeof(memory), 0, 0, key, 0, &mr, NULL);
	if (!ret)
		assert_int_equal(fi_close(&mr->fid), 0);
	return ret;
}

static void close_mr(struct fid_mr *mr)
{
	assert_int_equal(fi_close(&mr->fid), 0);
}

static struct fid_cntr *open_cntr(struct fake *f)
{
	struct fi_cntr_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct fid_cntr *cntr;

	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, NULL), 0);
	return cntr;
}

static void test_access(void **state)
{
	struct fake *f = *state;
	struct fi_mr_attr attr = { .iov_count = 1 };
	const struct iovec iov = { memory, sizeof(memory) };
	uint64_t access;
	struct fid_mr *mr;
	size_t i, set;

	attr.mr_iov = &iov;
	for (set = 0; set < 1u << UET_ARRAY_SIZE(access_bits); set++) {
		access = 0;
		for (i = 0; i < UET_ARRAY_SIZE(access_bits); i++)
			if (set & 1u << i)
				access |= access_bits[i];
		assert_int_equal(fi_mr_reg(fake_domain(f), memory, set, access, 0, 0xc0de, 0, &mr,
					   f), 0);
		assert_int_equal(mr->fid.fclass, FI_CLASS_MR);
		assert_ptr_equal(mr->fid.context, f);
		assert_int_equal(fi_mr_key(mr), 0xc0de);
		assert_non_null(fi_mr_desc(mr));
		close_mr(mr);
		assert_int_equal(fi_mr_regv(fake_domain(f), &iov, 1, access, 0, set, 0, &mr, f),
				 0);
		assert_int_equal(fi_mr_key(mr), set);
		close_mr(mr);
		attr.access = access;
		attr.requested_key = ~(uint64_t)set << 1;
		attr.context = &attr;
		assert_int_equal(fi_mr_regattr(fake_domain(f), &attr, 0, &mr), 0);
		assert_int_equal(fi_mr_key(mr), attr.requested_key);
		assert_ptr_equal(mr->fid.context, &attr);
		close_mr(mr);
	}
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 1, FI_TAGGED, 0, 1, 0, &mr, f),
			 -FI_EINVAL);
}

static void test_arguments(void **state)
{
	struct fake *f = *state;
	struct fid_domain *domain = fake_domain(f);
	const struct iovec iov[9] = { { memory, 1 } };
	struct fid_mr *mr;

	assert_int_equal(fi_mr_reg(domain, memory, 1, 0, 1, 1, 0, &mr, NULL), -FI_EINVAL);
	assert_int_equal(fi_mr_reg(domain, memory, 1, 0, 0, 1, FI_TAGGED, &mr, NULL),
			 -FI_EBADFLAGS);
	assert_int_equal(fi_mr_reg(domain, memory, 1, 0, 0, FI_KEY_NOTAVAIL, 0, &mr, NULL),
			 -FI_EKEYREJECTED);
	assert_int_equal(fi_mr_regv(domain, iov, 0, 0, 0, 1, 0, &mr, NULL), -FI_EINVAL);
	assert_int_equal(fi_mr_regv(domain, NULL, 1, 0, 0, 1, 0, &mr, NULL), -FI_EINVAL);
	assert_int_equal(fi_mr_regv(domain, iov, 9, 0, 0, 1, 0, &mr, NULL), -FI_EINVAL);
	assert_int_equal(fi_mr_regattr(domain, NULL, 0, &mr), -FI_EINVAL);
	/* The calls belong to domains. */
	assert_int_equal(domain->mr->reg(&f->fabric.fid.fid, memory, 1, 0, 0, 1, 0, &mr, NULL),
			 -FI_EINVAL);
	assert_int_equal(fi_mr_regv(domain, iov, 8, 0, 0, 1, 0, &mr, NULL), 0);
	close_mr(mr);
}

static void test_ranges(void **state)
{
	static const struct {
		struct iovec iov[3];
		size_t count;
		int ret;
	} cases[] = {
		{ { { NULL, SIZE_MAX } }, 1, 0 },	/* everything */
		{ { { (void *)1, SIZE_MAX } }, 1, 0 },	/* up to the last byte */
		{ { { (void *)2, SIZE_MAX } }, 1, -FI_EINVAL },
		{ { { (void *)UINTPTR_MAX, 1 } }, 1, 0 },
		{ { { (void *)UINTPTR_MAX, 2 } }, 1, -FI_EINVAL },
		{ { { NULL, 0 } }, 1, 0 },
		{ { { memory, 7 }, { memory + 100, 9 }, { NULL, 0 } }, 3, 0 },
		{ { { memory, 7 }, { NULL, SIZE_MAX } }, 2, -FI_EINVAL },
		{ { { NULL, SIZE_MAX }, { memory, 0 } }, 2, 0 },
	};
	struct fid_mr *mr;
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		assert_int_equal(fi_mr_regv(fake_domain(*state), cases[i].iov, cases[i].count,
					    FI_REMOTE_READ, 0, 1, 0, &mr, NULL), cases[i].ret);
		if (!cases[i].ret)
			close_mr(mr);
	}
}

static void test_user_keys(void **state)
{
	static const uint64_t keys[] = {
		0, 1, UINT32_MAX, PROV_KEY, 1ull << 63, 0x00007f1234567000, UINT64_MAX - 1,
	};
	struct fid_mr *mr[UET_ARRAY_SIZE(keys)];
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(keys); i++) {
		mr[i] = reg(*state, keys[i]);
		assert_int_equal(fi_mr_key(mr[i]), keys[i]);
		assert_int_equal(try_reg(*state, keys[i]), -FI_ENOKEY);
	}
	for (i = 0; i < UET_ARRAY_SIZE(keys); i++) {
		close_mr(mr[i]);
		assert_int_equal(try_reg(*state, keys[i]), 0);
	}
}

/* Keys taken and given back in random order, against an array. */
static void test_key_model(void **state)
{
	struct fid_mr *mr[500] = { NULL };
	struct uet_rand rnd;
	uint32_t i, k;

	uet_rand_seed(&rnd, 3);
	for (i = 0; i < 20000; i++) {
		k = uet_rand_u32(&rnd) % 500;
		if (mr[k]) {
			assert_int_equal(try_reg(*state, k * 4097ull), -FI_ENOKEY);
			close_mr(mr[k]);
			mr[k] = NULL;
		} else {
			mr[k] = reg(*state, k * 4097ull);
		}
	}
	for (k = 0; k < 500; k++)
		if (mr[k])
			close_mr(mr[k]);
}

/* FI_MR_PROV_KEY, also by its old name FI_MR_BASIC: the asked key does not count. */
static void test_provider_keys(void **state)
{
	static const int modes[] = { FI_MR_PROV_KEY, 1 << 0 /* FI_MR_BASIC */ };
	struct fake *f = *state;
	struct fid_mr *mr[100];
	uint64_t last = 0, key;
	size_t i, m;

	for (m = 0; m < UET_ARRAY_SIZE(modes); m++) {
		f->domain.mr_mode = modes[m];
		for (i = 0; i < 100; i++) {
			mr[i] = reg(f, FI_KEY_NOTAVAIL);
			key = fi_mr_key(mr[i]);
			assert_int_equal(key & ~(PROV_KEY - 1), PROV_KEY);
			assert_true(key > last);
			last = key;
		}
		for (i = 0; i < 100; i++)
			close_mr(mr[i]);
		/* A key that was given back does not come again. */
		mr[0] = reg(f, 1);
		assert_true(fi_mr_key(mr[0]) > last);
		last = fi_mr_key(mr[0]);
		close_mr(mr[0]);
	}
}

static void test_endpoint_mode(void **state)
{
	struct fake *f = *state;
	struct fake_ep other = { .ep.fid.fid.fclass = FI_CLASS_EP };
	struct fid_mr *mr;
	uint8_t raw[8];
	size_t size = sizeof(raw);

	f->domain.mr_mode = FI_MR_ENDPOINT;
	mr = reg(f, 5);
	assert_int_equal(fi_mr_key(mr), FI_KEY_NOTAVAIL);
	assert_int_equal(try_reg(f, 5), -FI_ENOKEY);
	assert_int_equal(fi_mr_raw_attr(mr, NULL, raw, &size, 0), -FI_EOPBADSTATE);
	assert_int_equal(fi_mr_enable(mr), -FI_EOPBADSTATE);
	assert_int_equal(fi_mr_bind(mr, &other.ep.fid.fid, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_bind(mr, &f->ep.ep.fid.fid, FI_SEND), -FI_EBADFLAGS);
	assert_int_equal(fi_mr_bind(mr, &mr->fid, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_bind(mr, &f->ep.ep.fid.fid, 0), 0);
	assert_int_equal(fi_mr_bind(mr, &f->ep.ep.fid.fid, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_enable(mr), 0);
	assert_int_equal(fi_mr_key(mr), 5);
	assert_int_equal(fi_mr_enable(mr), 0);
	close_mr(mr);

	/* Without the mode a region is live at once and has no place for an endpoint. */
	f->domain.mr_mode = 0;
	mr = reg(f, 5);
	assert_int_equal(fi_mr_key(mr), 5);
	assert_int_equal(fi_mr_bind(mr, &f->ep.ep.fid.fid, 0), -FI_EOPBADSTATE);
	assert_int_equal(fi_mr_enable(mr), 0);
	close_mr(mr);
}

static void test_counters(void **state)
{
	struct fake *f = *state;
	struct fake *other = fake_create();
	struct fid_cntr *cntr = open_cntr(f);
	struct fid_cntr *foreign = open_cntr(other);
	struct fid_mr *mr;

	f->domain.mr_mode = FI_MR_RMA_EVENT;
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 8, FI_REMOTE_WRITE, 0, 3, FI_RMA_EVENT,
				   &mr, NULL), 0);
	assert_int_equal(fi_mr_key(mr), FI_KEY_NOTAVAIL);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, 0), -FI_EBADFLAGS);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_SEND), -FI_EBADFLAGS);
	assert_int_equal(fi_mr_bind(mr, &foreign->fid, FI_REMOTE_WRITE), -FI_EINVAL);
	assert_int_equal(fi_close(&foreign->fid), 0);
	fake_destroy(other);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_WRITE), 0);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_READ), 0);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_READ), -FI_EINVAL);
	assert_int_equal(fi_close(&cntr->fid), -FI_EBUSY);
	assert_int_equal(fi_mr_enable(mr), 0);
	assert_int_equal(fi_mr_key(mr), 3);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_WRITE), -FI_EOPBADSTATE);
	close_mr(mr);

	/* A region that asks for no events, or a domain without the mode: live at once. */
	mr = reg(f, 3);
	assert_int_equal(fi_mr_key(mr), 3);
	close_mr(mr);
	f->domain.mr_mode = 0;
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 8, FI_REMOTE_WRITE, 0, 3, FI_RMA_EVENT,
				   &mr, NULL), 0);
	assert_int_equal(fi_mr_key(mr), 3);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_WRITE), 0);
	close_mr(mr);
	assert_int_equal(fi_close(&cntr->fid), 0);
}

static void test_raw_keys(void **state)
{
	struct fake *f = *state;
	struct fid_mr *mr = reg(f, 0x1122334455667788);
	uint64_t base = 1, key = 0;
	uint8_t raw[9];
	size_t size = 3;

	memset(raw, 0xee, sizeof(raw));
	assert_int_equal(fi_mr_raw_attr(mr, &base, raw, &size, 0), -FI_ETOOSMALL);
	assert_int_equal(size, 8);
	assert_int_equal(raw[0], 0xee);
	size = sizeof(raw);
	assert_int_equal(fi_mr_raw_attr(mr, &base, raw, &size, 0), 0);
	assert_int_equal(size, 8);
	assert_int_equal(raw[0], 0x11);
	assert_int_equal(raw[7], 0x88);
	assert_int_equal(raw[8], 0xee);
	assert_int_equal(base, 0);
	close_mr(mr);
	f->domain.mr_mode = FI_MR_VIRT_ADDR;
	mr = reg(f, 0x1122334455667788);
	assert_int_equal(fi_mr_raw_attr(mr, &base, raw, &size, 0), 0);
	assert_int_equal(base, (uintptr_t)memory);
	assert_int_equal(fi_mr_raw_attr(mr, NULL, raw, &size, 0), 0);
	assert_int_equal(fi_mr_raw_attr(mr, &base, raw, NULL, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_raw_attr(mr, &base, NULL, &size, 0), -FI_EINVAL);

	assert_int_equal(fi_mr_map_raw(fake_domain(f), base, raw, 8, &key, 0), 0);
	assert_int_equal(key, 0x1122334455667788);
	assert_int_equal(fi_mr_map_raw(fake_domain(f), base, raw, 9, &key, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_map_raw(fake_domain(f), base, NULL, 8, &key, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_map_raw(fake_domain(f), base, raw, 8, NULL, 0), -FI_EINVAL);
	assert_int_equal(fi_mr_unmap_key(fake_domain(f), key), 0);
	assert_int_equal(fi_mr_refresh(mr, NULL, 0, 0), 0);
	assert_int_equal(fi_control(&mr->fid, FI_GETWAIT, &key), -FI_ENOSYS);
	assert_int_equal(fi_control(&f->domain.fid.fid, FI_QUEUE_WORK, NULL), -FI_ENOSYS);
	close_mr(mr);
}

struct worker {
	struct fake *f;
	uint64_t first;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct fid_mr *mr[4];
	uint64_t i, k;

	for (i = 0; i < 2000; i++) {
		for (k = 0; k < 4; k++)
			if (fi_mr_reg(fake_domain(w->f), memory, 1, 0, 0, w->first + k, 0, &mr[k],
				      NULL))
				return (void *)(uintptr_t)"reg";
		for (k = 0; k < 4; k++)
			if (fi_close(&mr[k]->fid))
				return (void *)(uintptr_t)"close";
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker worker[4];
	pthread_t thread[4];
	uint64_t i;

	for (i = 0; i < 4; i++) {
		worker[i] = (struct worker){ .f = *state, .first = 100 * i };
		thread[i] = start(work, &worker[i]);
	}
	for (i = 0; i < 4; i++)
		join(thread[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_access),
		FAKE_TEST(test_arguments),
		FAKE_TEST(test_ranges),
		FAKE_TEST(test_user_keys),
		FAKE_TEST(test_key_model),
		FAKE_TEST(test_provider_keys),
		FAKE_TEST(test_endpoint_mode),
		FAKE_TEST(test_counters),
		FAKE_TEST(test_raw_keys),
		FAKE_TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
