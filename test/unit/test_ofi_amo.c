/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Operations and types of libfabric in UET's codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/rma.h"
#include "ses/amo.h"

#define BASE UET_ATOMIC_BASE
#define FETCH UET_ATOMIC_FETCH
#define COMPARE UET_ATOMIC_COMPARE

static const struct {
	int type;
	uint8_t code, size;
} types[] = {
	{ FI_INT8, UET_AMO_INT8, 1 }, { FI_UINT8, UET_AMO_UINT8, 1 },
	{ FI_INT16, UET_AMO_INT16, 2 }, { FI_UINT16, UET_AMO_UINT16, 2 },
	{ FI_INT32, UET_AMO_INT32, 4 }, { FI_UINT32, UET_AMO_UINT32, 4 },
	{ FI_INT64, UET_AMO_INT64, 8 }, { FI_UINT64, UET_AMO_UINT64, 8 },
	{ FI_INT128, UET_AMO_INT128, 16 }, { FI_UINT128, UET_AMO_UINT128, 16 },
	{ FI_FLOAT, UET_AMO_FLOAT, 4 }, { FI_DOUBLE, UET_AMO_DOUBLE, 8 },
	{ FI_FLOAT_COMPLEX, UET_AMO_FLOAT_COMPLEX, 8 },
	{ FI_DOUBLE_COMPLEX, UET_AMO_DOUBLE_COMPLEX, 16 },
	{ FI_LONG_DOUBLE, UET_AMO_LONG_DOUBLE, sizeof(long double) },
#if HAVE_DECL_FI_FLOAT16
	{ FI_FLOAT16, UET_AMO_FP16, 2 }, { FI_BFLOAT16, UET_AMO_BF16, 2 },
	{ FI_FLOAT8_E4M3, UET_AMO_FP8_E4M3, 1 }, { FI_FLOAT8_E5M2, UET_AMO_FP8_E5M2, 1 },
#endif
};

static const struct {
	int op;
	uint8_t code;
	enum uet_atomic_kind kind;
	bool both;		/* base and fetch */
} ops[] = {
	{ FI_MIN, UET_AMO_MIN, BASE, true }, { FI_MAX, UET_AMO_MAX, BASE, true },
	{ FI_SUM, UET_AMO_SUM, BASE, true }, { FI_PROD, UET_AMO_PROD, BASE, true },
	{ FI_LOR, UET_AMO_LOR, BASE, true }, { FI_LAND, UET_AMO_LAND, BASE, true },
	{ FI_BOR, UET_AMO_BOR, BASE, true }, { FI_BAND, UET_AMO_BAND, BASE, true },
	{ FI_LXOR, UET_AMO_LXOR, BASE, true }, { FI_BXOR, UET_AMO_BXOR, BASE, true },
	{ FI_ATOMIC_READ, UET_AMO_READ, FETCH, false },
	{ FI_ATOMIC_WRITE, UET_AMO_WRITE, BASE, true },
	{ FI_CSWAP, UET_AMO_CSWAP, COMPARE, false },
	{ FI_CSWAP_NE, UET_AMO_CSWAP_NE, COMPARE, false },
	{ FI_CSWAP_LE, UET_AMO_CSWAP_LE, COMPARE, false },
	{ FI_CSWAP_LT, UET_AMO_CSWAP_LT, COMPARE, false },
	{ FI_CSWAP_GE, UET_AMO_CSWAP_GE, COMPARE, false },
	{ FI_CSWAP_GT, UET_AMO_CSWAP_GT, COMPARE, false },
	{ FI_MSWAP, UET_AMO_MSWAP, COMPARE, false },
#if HAVE_DECL_FI_DIFF
	{ FI_DIFF, UET_AMO_DIFF, BASE, true },
#endif
};

static void codes(void **state)
{
	struct uet_ses_amo amo;
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(types); i++) {
		if (!uet_amo_size(types[i].code))
			continue;
		assert_int_equal(uet_amo_describe(BASE, types[i].type, FI_ATOMIC_WRITE, &amo), 0);
		assert_int_equal(amo.type, types[i].code);
		assert_int_equal(amo.size, types[i].size);
	}
	for (i = 0; i < UET_ARRAY_SIZE(ops); i++) {
		assert_int_equal(uet_amo_describe(ops[i].kind, FI_UINT32, ops[i].op, &amo), 0);
		assert_int_equal(amo.op, ops[i].code);
		assert_int_equal(amo.type, UET_AMO_UINT32);
		assert_int_equal(uet_amo_describe(FETCH, FI_UINT32, ops[i].op, &amo),
				 ops[i].both || ops[i].kind == FETCH ? 0 : -FI_EOPNOTSUPP);
		assert_int_equal(uet_amo_describe(COMPARE, FI_UINT32, ops[i].op, &amo),
				 ops[i].kind == COMPARE ? 0 : -FI_EOPNOTSUPP);
	}
}

static void nonsense(void **state)
{
	static const int odd[] = { -1, INT32_MIN, INT32_MAX, 20, 21, 255, 256, 0x10000,
				   FI_VOID, FI_NOOP };
	struct uet_ses_amo amo;
	size_t i;
	int k;

	(void)state;
	for (k = BASE; k <= COMPARE; k++) {
		for (i = 0; i < UET_ARRAY_SIZE(odd); i++) {
			assert_int_equal(uet_amo_describe((enum uet_atomic_kind)k, odd[i], FI_SUM,
							  &amo), -FI_EOPNOTSUPP);
			assert_int_equal(uet_amo_describe((enum uet_atomic_kind)k, FI_INT32,
							  odd[i], &amo), -FI_EOPNOTSUPP);
		}
	}
	assert_int_equal(uet_amo_describe(BASE, FI_FLOAT, FI_BXOR, &amo), -FI_EOPNOTSUPP);
	assert_int_equal(uet_amo_describe(BASE, FI_DOUBLE_COMPLEX, FI_MIN, &amo), -FI_EOPNOTSUPP);
	assert_int_equal(uet_amo_describe(COMPARE, FI_FLOAT, FI_MSWAP, &amo), -FI_EOPNOTSUPP);
}

static void counts(void **state)
{
	(void)state;
	assert_int_equal(uet_amo_count(BASE, 8, 4096), 512);
	assert_int_equal(uet_amo_count(FETCH, 8, 4096), 512);
	assert_int_equal(uet_amo_count(COMPARE, 8, 4096), 256);
	assert_int_equal(uet_amo_count(COMPARE, 32, 1024), 16);
}

static void query(void **state)
{
	struct uet_port ports[] = {
		{ .mtu = 9000, .addr.family = AF_INET }, { .mtu = 1500, .addr.family = AF_INET },
		{ .mtu = 100, .addr.family = AF_INET },	/* carries nothing */
	};
	struct uet_domain domain = { .ports = ports, .port_cnt = 3 };
	struct fi_atomic_attr attr;

	(void)state;
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_SUM, &attr, 0), 0);
	assert_int_equal(attr.size, 2);
	assert_int_equal(attr.count, 512);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_CSWAP, &attr,
					  FI_COMPARE_ATOMIC), 0);
	assert_int_equal(attr.count, 256);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_ATOMIC_READ, &attr,
					  FI_FETCH_ATOMIC), 0);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_ATOMIC_READ, &attr, 0),
			 -FI_EOPNOTSUPP);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_SUM, &attr, FI_TAGGED),
			 -FI_EOPNOTSUPP);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_SUM, &attr,
					  FI_FETCH_ATOMIC | FI_COMPARE_ATOMIC), -FI_EINVAL);
	assert_int_equal(uet_query_atomic(&domain.fid, FI_INT16, FI_SUM, NULL, 0), -FI_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(counts),
		cmocka_unit_test(query),
	};

	uet_config_read();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
