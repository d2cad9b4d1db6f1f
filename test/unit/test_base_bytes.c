/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Big-endian loads and stores at every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void loads_and_stores(void **state)
{
	static const uint8_t in[16] = { 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };

	(void)state;
	for (size_t at = 0; at < 8; at++) {
		uint8_t buf[24], want[24];

		memset(buf, 0, sizeof(buf));
		memcpy(buf + at, in, 8);
		assert_int_equal(uet_get_be16(buf + at), 0xfedc);
		assert_int_equal(uet_get_be24(buf + at), 0xfedcba);
		assert_int_equal(uet_get_be32(buf + at), 0xfedcba98);
		assert_true(uet_get_be64(buf + at) == 0xfedcba9876543210);

#define STORE(bits, value)								\
		do {									\
			memset(buf, 0x5a, sizeof(buf));					\
			memset(want, 0x5a, sizeof(want));				\
			memcpy(want + at, in, (bits) / 8);				\
			uet_put_be##bits(buf + at, value);				\
			assert_memory_equal(buf, want, sizeof(buf));			\
		} while (0)
		STORE(16, 0xfedc);
		STORE(24, 0xa5fedcba);	/* the low 24 bits only */
		STORE(32, 0xfedcba98);
		STORE(64, 0xfedcba9876543210);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_and_stores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
