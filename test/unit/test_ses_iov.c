/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "ses/msg.h"

#define FLAT 4096

/* Cut @flat into random fragments, some empty; returns their number and the total. */
static uint8_t cut(struct uet_rand *rnd, uint8_t *flat, struct iovec *iov, size_t *total)
{
	uint8_t cnt = (uint8_t)(1 + uet_rand_u32(rnd) % UET_SES_IOV);
	uint8_t i;

	*total = 0;
	for (i = 0; i < cnt; i++) {
		iov[i].iov_base = flat + *total;
		iov[i].iov_len = uet_rand_u32(rnd) % 4 ? uet_rand_u32(rnd) % 500 : 0;
		*total += iov[i].iov_len;
	}
	return cnt;
}

/* Whatever was asked before, the slice shows exactly the bytes of the flat copy. */
static void slices_equal_flat(void **state)
{
	static uint8_t flat[FLAT];
	struct iovec iov[UET_SES_IOV], out[UET_SES_IOV];
	struct uet_rand rnd;
	size_t total, off, n, at;
	int round, i, k;

	(void)state;
	uet_rand_seed(&rnd, 42);
	for (round = 0; round < 2000; round++) {
		struct uet_ses_cursor cur = { 0 };
		uint8_t cnt = cut(&rnd, flat, iov, &total);

		for (k = 0; k < 20; k++) {
			uint8_t parts;

			off = total ? uet_rand_u32(&rnd) % (total + 1) : 0;
			n = total - off ? uet_rand_u32(&rnd) % (total - off + 1) : 0;
			parts = uet_ses_iov_slice(iov, cnt, &cur, off, n, out);
			assert_true(parts <= cnt);
			for (at = off, i = 0; i < parts; i++) {
				assert_true(out[i].iov_len > 0);
				assert_ptr_equal(out[i].iov_base, flat + at);
				at += out[i].iov_len;
			}
			assert_int_equal(at, off + n);
		}
	}
}

static void writes_equal_flat(void **state)
{
	static uint8_t mem[FLAT], want[FLAT], src[FLAT];
	struct iovec iov[UET_SES_IOV];
	struct uet_rand rnd;
	size_t total, off, n, i;
	int round;

	(void)state;
	uet_rand_seed(&rnd, 7);
	for (round = 0; round < 2000; round++) {
		struct uet_ses_cursor cur = { 0 };
		uint8_t cnt = cut(&rnd, mem, iov, &total);

		for (i = 0; i < FLAT; i++)
			src[i] = (uint8_t)uet_rand_u32(&rnd);
		off = total ? uet_rand_u32(&rnd) % total : 0;
		n = total - off ? uet_rand_u32(&rnd) % (total - off + 1) : 0;
		memcpy(want + off, src, n);
		uet_ses_iov_write(iov, cnt, &cur, off, src, n);
		assert_memory_equal(mem, want, FLAT);
	}
}

/* Offsets near 4 GiB, where 32-bit arithmetic would wrap; nothing is dereferenced. */
static void far_offsets(void **state)
{
	struct iovec iov[2] = {
		{ (void *)(uintptr_t)0x10000, 0x80000000u },
		{ (void *)(uintptr_t)0x20000, 0x7fffffffu },
	};
	struct uet_ses_cursor cur = { 0 };
	struct iovec out[2];

	(void)state;
	assert_int_equal(uet_ses_iov_slice(iov, 2, &cur, 0x7fffffffu, 2, out), 2);
	assert_ptr_equal(out[0].iov_base, (void *)(uintptr_t)(0x10000 + 0x7fffffffull));
	assert_int_equal(out[0].iov_len, 1);
	assert_ptr_equal(out[1].iov_base, (void *)(uintptr_t)0x20000);
	assert_int_equal(uet_ses_iov_slice(iov, 2, &cur, 0xfffffffeu, 1, out), 1);
	assert_ptr_equal(out[0].iov_base, (void *)(uintptr_t)(0x20000 + 0x7ffffffeull));
	assert_int_equal(uet_ses_iov_slice(iov, 2, &cur, 5, 1, out), 1);
	assert_ptr_equal(out[0].iov_base, (void *)(uintptr_t)0x10005);
}

static void nothing_to_slice(void **state)
{
	struct uet_ses_cursor cur = { 0 };

	(void)state;
	assert_int_equal(uet_ses_iov_slice(NULL, 0, &cur, 0, 0, NULL), 0);
}

/* ---- memory that the CPU cannot reach ---- */

struct device {
	struct uet_ses_mem mem;
	int puts, good;			/* calls, and how many of them work */
};

static int device_put(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n)
{
	struct device *d = uet_container_of(mem, struct device, mem);

	if (d->puts++ == d->good)
		return -EIO;
	memcpy(dst, src, n);
	return 0;
}

static struct uet_ses_rx device_rx(struct device *d, uint8_t *to)
{
	*d = (struct device){ .mem.put = device_put, .good = 100 };
	memset(to, 0, 16);
	return (struct uet_ses_rx){
		.mem = &d->mem,
		.iov_cnt = 3,
		.iov = { { to, 3 }, { NULL, 0 }, { to + 8, 5 } },
		.len = 8,
	};
}

static void receives_by_put(void **state)
{
	uint8_t to[16];
	struct device d;
	struct uet_ses_rx rx = device_rx(&d, to);

	(void)state;
	uet_ses_rx_write(&rx, 4, "efgh", 4);
	uet_ses_rx_write(&rx, 0, "abcd", 4);
	assert_int_equal(rx.mem_err, 0);
	assert_int_equal(d.puts, 3);
	assert_memory_equal(to, "abc\0\0\0\0\0defgh\0\0\0", 16);
	rx.mem = NULL;
	uet_ses_rx_write(&rx, 2, "xy", 2);
	assert_int_equal(d.puts, 3);
	assert_memory_equal(to, "abx\0\0\0\0\0yefgh\0\0\0", 16);
}

/* The first error stays, and nothing is written after it. */
static void failing_put(void **state)
{
	uint8_t to[16];
	struct device d;
	struct uet_ses_rx rx = device_rx(&d, to);

	(void)state;
	d.good = 1;
	uet_ses_rx_write(&rx, 2, "cdef", 4);
	assert_int_equal(rx.mem_err, -EIO);
	uet_ses_rx_write(&rx, 0, "ab", 2);
	assert_int_equal(rx.mem_err, -EIO);
	assert_int_equal(d.puts, 2);
	assert_memory_equal(to, "\0\0c\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_equal_flat),
		cmocka_unit_test(writes_equal_flat),
		cmocka_unit_test(far_offsets),
		cmocka_unit_test(nothing_to_slice),
		cmocka_unit_test(receives_by_put),
		cmocka_unit_test(failing_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
