/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Device memory on offer or not, and staging: copies, limits, results, faults. */
#include <stdlib.h>

#include "test_ofi_cuda.h"

#include "ofi/hmem.h"

struct bench {
	struct fi_info info;
	struct uet_domain domain;
	struct uet_fep fep;
	struct uet_ep ep;
};

static char host[64];

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	fake_cuda_reset();
	uet_config.hmem_cuda = true;
	uet_config.hmem_staging = 1000;
	assert_true(uet_hmem_usable());
	b->info.caps = FI_HMEM;
	b->domain.info = &b->info;
	b->ep.domain = &b->domain;
	b->ep.fep = &b->fep;
	uet_list_init(&b->fep.stages);
	*state = b;
	return 0;
}

/* Whatever happened, no memory is left behind. */
static int tear_down(void **state)
{
	struct bench *b = *state;

	assert_true(uet_list_empty(&b->fep.stages));
	assert_int_equal(b->fep.staged, 0);
	free(b);
	return 0;
}

static void on_offer(void **state)
{
	(void)state;
	uet_cuda_forget();
	uet_config.hmem_cuda = false;
	fake_cuda.opened = 0;
	assert_false(uet_hmem_usable());
	assert_non_null(strstr(uet_hmem_why(), "FI_UET_HMEM_CUDA"));
	assert_int_equal(fake_cuda.opened, 0);
	uet_config.hmem_cuda = true;
	fake_cuda.devices = 0;
	assert_false(uet_hmem_usable());
	assert_non_null(strstr(uet_hmem_why(), "no device"));
}

static int stage(struct bench *b, struct uet_ses_tx *tx, bool results)
{
	struct uet_hmem_stage *stages = tx->stage;
	int ret = uet_hmem_stage(&b->ep, &stages, tx->iov, &tx->iov_cnt, NULL, results);

	tx->stage = stages;
	return ret;
}

static struct uet_ses_tx device_tx(size_t len)
{
	return (struct uet_ses_tx){
		.iov_cnt = 1, .iov[0] = { fake_cuda_at(FAKE_DEVICE, 0), len }, .len = len,
	};
}

static void host_stays(void **state)
{
	struct uet_ses_tx tx = { .iov_cnt = 2, .iov = { { host, 5 }, { NULL, 0 } } };
	struct bench *b = *state;

	assert_int_equal(stage(b, &tx, false), 0);
	assert_null(tx.stage);
	assert_int_equal(tx.iov_cnt, 2);
	assert_ptr_equal(tx.iov[0].iov_base, host);
	assert_int_equal(uet_hmem_finish(&b->fep, tx.stage, true), 0);
	tx.iov_cnt = 0;
	assert_int_equal(stage(b, &tx, false), 0);
	assert_null(tx.stage);
}

/* One fragment with all the bytes, whatever lay where. */
static void gathers(void **state)
{
	struct uet_ses_tx tx = {
		.iov_cnt = 4,
		.iov = { { host, 3 }, { fake_cuda_at(FAKE_DEVICE, 7), 4 }, { NULL, 0 },
			 { fake_cuda_at(FAKE_VIRTUAL, 1), 2 } },
	};
	struct bench *b = *state;

	memcpy(host, "abc", 3);
	memcpy(fake_cuda_at(FAKE_DEVICE, 7), "defg", 4);
	memcpy(fake_cuda_at(FAKE_VIRTUAL, 1), "hi", 2);
	assert_int_equal(stage(b, &tx, false), 0);
	assert_int_equal(tx.iov_cnt, 1);
	assert_int_equal(tx.iov[0].iov_len, 9);
	assert_memory_equal(tx.iov[0].iov_base, "abcdefghi", 9);
	assert_int_equal(fake_cuda.gets, 2);
	assert_int_equal(b->fep.staged, 9);
	assert_int_equal(uet_hmem_finish(&b->fep, tx.stage, true), 0);
	assert_int_equal(fake_cuda.puts, 0);
}

static void limit(void **state)
{
	struct uet_ses_tx a = device_tx(600), c = device_tx(401), d = device_tx(400);
	struct uet_ses_tx big = device_tx(5000);
	struct bench *b = *state;

	assert_int_equal(stage(b, &a, false), 0);
	assert_int_equal(stage(b, &c, false), -FI_EAGAIN);
	assert_null(c.stage);
	assert_int_equal(c.iov[0].iov_len, 401);
	assert_ptr_equal(c.iov[0].iov_base, fake_cuda.arena);
	assert_int_equal(stage(b, &d, false), 0);
	assert_int_equal(b->fep.staged, 1000);
	assert_int_equal(stage(b, &c, false), -FI_EAGAIN);
	assert_int_equal(uet_hmem_finish(&b->fep, a.stage, false), 0);
	assert_int_equal(stage(b, &big, false), -FI_EAGAIN);
	assert_int_equal(uet_hmem_finish(&b->fep, d.stage, true), 0);
	/* Alone, even one that is longer than the limit goes, and then nothing else. */
	assert_int_equal(stage(b, &big, false), 0);
	c = device_tx(1);
	assert_int_equal(stage(b, &c, false), -FI_EAGAIN);
	assert_int_equal(uet_hmem_finish(&b->fep, big.stage, true), 0);
	assert_int_equal(stage(b, &c, false), 0);
	assert_int_equal(uet_hmem_finish(&b->fep, c.stage, true), 0);
}

static void results(void **state)
{
	struct uet_ses_tx tx = {
		.iov_cnt = 2, .iov = { { fake_cuda_at(FAKE_DEVICE, 0), 4 }, { host, 4 } },
	};
	struct bench *b = *state;
	char *landing;

	memset(host, 'x', 4);
	assert_int_equal(stage(b, &tx, true), 0);
	assert_int_equal(fake_cuda.gets, 0);
	landing = tx.iov[0].iov_base;
	memcpy(landing, "abcdefgh", 8);
	assert_int_equal(uet_hmem_finish(&b->fep, tx.stage, true), 0);
	assert_memory_equal(fake_cuda_at(FAKE_DEVICE, 0), "abcd", 4);
	assert_memory_equal(host, "efgh", 4);
	/* A failed operation leaves the application's memory alone. */
	tx = device_tx(4);
	assert_int_equal(stage(b, &tx, true), 0);
	memcpy(tx.iov[0].iov_base, "0000", 4);
	assert_int_equal(uet_hmem_finish(&b->fep, tx.stage, false), 0);
	assert_memory_equal(fake_cuda_at(FAKE_DEVICE, 0), "abcd", 4);
}

/* Operands and results of one operation. */
static void several(void **state)
{
	struct uet_ses_tx tx = device_tx(4);
	struct iovec result = { fake_cuda_at(FAKE_DEVICE, 100), 4 };
	struct bench *b = *state;
	struct uet_hmem_stage *stages;
	uint8_t cnt = 1;

	memcpy(fake_cuda.arena, "abcd", 4);
	assert_int_equal(stage(b, &tx, false), 0);
	stages = tx.stage;
	assert_int_equal(uet_hmem_stage(&b->ep, &stages, &result, &cnt, NULL, true), 0);
	assert_int_equal(b->fep.staged, 8);
	memcpy(result.iov_base, "efgh", 4);
	assert_int_equal(uet_hmem_finish(&b->fep, stages, true), 0);
	assert_memory_equal(fake_cuda.arena, "abcd", 4);
	assert_memory_equal(fake_cuda_at(FAKE_DEVICE, 100), "efgh", 4);
}

static void failures(void **state)
{
	struct uet_ses_tx tx = device_tx(4);
	struct bench *b = *state;

	fake_cuda.get = 719;
	assert_int_equal(stage(b, &tx, false), -FI_EIO);
	assert_null(tx.stage);
	assert_int_equal(b->fep.staged, 0);
	fake_cuda.attributes = 4;
	assert_int_equal(stage(b, &tx, true), -FI_EIO);
	fake_cuda.attributes = 0;
	fake_cuda.put = 719;
	assert_int_equal(stage(b, &tx, true), 0);
	assert_int_equal(uet_hmem_finish(&b->fep, tx.stage, true), -FI_EIO);
}

static void forgotten(void **state)
{
	struct uet_ses_tx a = device_tx(4), c = device_tx(5);
	struct bench *b = *state;

	assert_int_equal(stage(b, &a, false), 0);
	assert_int_equal(stage(b, &c, true), 0);
	uet_hmem_drop(&b->fep);
	assert_int_equal(fake_cuda.puts, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(on_offer),
		TEST(host_stays),
		TEST(gathers),
		TEST(limit),
		TEST(results),
		TEST(several),
		TEST(failures),
		TEST(forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
