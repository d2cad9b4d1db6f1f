/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ofi/rma.h"

static char mem[64];

static void test_sum(void **state)
{
	struct iovec iov[UET_SES_IOV + 1] = { { mem, 10 }, { NULL, 0 }, { mem + 20, 5 } };
	size_t len = 77;

	(void)state;
	assert_int_equal(uet_iov_len(iov, 3, &len), 0);
	assert_int_equal(len, 15);
	assert_int_equal(uet_iov_len(NULL, 0, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(uet_iov_len(NULL, 1, &len), -FI_EINVAL);
	assert_int_equal(uet_iov_len(iov, UET_SES_IOV + 1, &len), -FI_EINVAL);
	iov[1].iov_len = 1;
	assert_int_equal(uet_iov_len(iov, 3, &len), -FI_EINVAL);
	iov[1] = (struct iovec){ mem, SIZE_MAX - 9 };
	assert_int_equal(uet_iov_len(iov, 2, &len), -FI_EMSGSIZE);
	iov[1].iov_len = UET_SES_MAX_MSG - 10;
	assert_int_equal(uet_iov_len(iov, 2, &len), 0);
	assert_int_equal(len, UET_SES_MAX_MSG);
	iov[1].iov_len++;
	assert_int_equal(uet_iov_len(iov, 2, &len), -FI_EMSGSIZE);
}

static void test_cut(void **state)
{
	const struct iovec iov[] = {
		{ mem, 10 }, { mem + 12, 0 }, { mem + 20, 5 }, { mem + 30, 3 },
	};
	struct iovec out[4];

	(void)state;
	assert_int_equal(uet_iov_cut(iov, 4, 0, 18, out), 3);
	assert_ptr_equal(out[1].iov_base, mem + 20);
	assert_int_equal(out[2].iov_len, 3);
	assert_int_equal(uet_iov_cut(iov, 4, 8, 5, out), 2);
	assert_ptr_equal(out[0].iov_base, mem + 8);
	assert_int_equal(out[0].iov_len, 2);
	assert_ptr_equal(out[1].iov_base, mem + 20);
	assert_int_equal(out[1].iov_len, 3);
	assert_int_equal(uet_iov_cut(iov, 4, 10, 5, out), 1);
	assert_ptr_equal(out[0].iov_base, mem + 20);
	assert_int_equal(uet_iov_cut(iov, 4, 17, 1, out), 1);
	assert_ptr_equal(out[0].iov_base, mem + 32);
	assert_int_equal(uet_iov_cut(iov, 4, 3, 0, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
