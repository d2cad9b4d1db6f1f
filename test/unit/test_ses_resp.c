/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ses/msg.h"

/* Table 3-19 with the errno column of the notes; libfabric's own numbers as documented. */
static const struct {
	uint8_t rc;
	bool repeat;
	int err;
} table[] = {
	{ 0x02, true, ENOBUFS }, { 0x03, true, ENOBUFS }, { 0x04, true, ENOBUFS },
	{ 0x05, true, ENOBUFS }, { 0x06, false, EOPNOTSUPP }, { 0x07, false, EMSGSIZE },
	{ 0x08, false, EFAULT }, { 0x09, false, EACCES }, { 0x0a, false, EFAULT },
	{ 0x0b, false, EFAULT }, { 0x0c, false, EFAULT }, { 0x0d, false, EREMOTEIO },
	{ 0x0e, false, EREMOTEIO }, { 0x0f, false, EOPNOTSUPP }, { 0x10, false, EOPNOTSUPP },
	{ 0x11, false, EINVAL }, { 0x12, false, EINVAL }, { 0x13, false, EPROTO },
	{ 0x14, false, EPROTO }, { 0x15, false, EOVERFLOW }, { 0x16, false, EPROTO },
	{ 0x17, false, EACCES }, { 0x18, false, EACCES }, { 0x19, false, ECONNREFUSED },
	{ 0x1a, false, ECONNREFUSED }, { 0x1b, false, EKEYREJECTED }, { 0x1c, false, ENOKEY },
	{ 0x1d, false, EFAULT }, { 0x1e, false, ECANCELED }, { 0x1f, false, EHOSTUNREACH },
	{ 0x20, false, EREMOTEIO }, { 0x21, true, EREMOTEIO }, { 0x22, false, EMSGSIZE },
	{ 0x23, false, EIO }, { 0x24, true, ENOBUFS }, { 0x25, false, EPROTO },
	{ 0x30, false, EPROTO }, { 0x3e, false, EPROTO }, { 0x3f, false, EPROTO },
	{ 0xff, false, EPROTO },
};

static void return_codes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(table); i++) {
		assert_int_equal(uet_ses_rc_repeat(table[i].rc), table[i].repeat);
		assert_int_equal(uet_ses_rc_errno(table[i].rc), -table[i].err);
	}
	assert_false(uet_ses_rc_repeat(UET_RC_OK));
	assert_false(uet_ses_rc_repeat(UET_RC_NULL));
}

static void answer_fields(void **state)
{
	struct uet_ses_req req = { .message_id = 0x1234, .job_id = 0xabcdef, .ri_generation = 9 };
	static const uint8_t want[] = {
		0x41, 0x01, 0x12, 0x34, 0x00, 0xab, 0xcd, 0xef, 0x00, 0x00, 0x1f, 0x40,
	};
	struct uet_pds_answer answer = { 0 };

	(void)state;
	uet_ses_answer(&answer, &req, UET_RESP_RESPONSE, UET_LIST_OVERFLOW, UET_RC_OK, 8000, true);
	assert_true(answer.gtd_del);
	assert_int_equal(answer.next_hdr, UET_HDR_RESPONSE);
	assert_int_equal(answer.len, sizeof(want));
	assert_memory_equal(answer.ses, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(return_codes),
		cmocka_unit_test(answer_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
