/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every operation on every type against a reference that is written another way: integers in
 * 128-bit arithmetic with the width cut off by hand, short floats by search in a table of all
 * their values, complex numbers by their parts.
 */
#include <complex.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "base/util.h"
#include "ses/amo.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

#define ROUNDS	3000
#define COUNT	5

static struct uet_rand rnd;

/* ---- integers ---- */

static const struct {
	uint8_t type;
	uint8_t bits;
	bool sign;
} ints[] = {
	{ UET_AMO_INT8, 8, true }, { UET_AMO_UINT8, 8, false },
	{ UET_AMO_INT16, 16, true }, { UET_AMO_UINT16, 16, false },
	{ UET_AMO_INT32, 32, true }, { UET_AMO_UINT32, 32, false },
	{ UET_AMO_INT64, 64, true }, { UET_AMO_UINT64, 64, false },
	{ UET_AMO_INT128, 128, true }, { UET_AMO_UINT128, 128, false },
};

static uwide cut(uwide v, int bits)
{
	return bits == 128 ? v : v & (((uwide)1 << bits) - 1);
}

/* -1, 0 or 1: order of two numbers of @bits bits. */
static int order(uwide a, uwide b, int bits, bool sign)
{
	uwide flip = sign ? (uwide)1 << (bits - 1) : 0;

	a ^= flip;
	b ^= flip;
	return a < b ? -1 : a > b;
}

static uwide want_int(uint8_t op, uwide t, uwide i, uwide c, int bits, bool sign)
{
	int tc = order(c, t, bits, sign);

	switch (op) {
	case UET_AMO_MIN:
		return order(t, i, bits, sign) <= 0 ? t : i;
	case UET_AMO_MAX:
		return order(t, i, bits, sign) >= 0 ? t : i;
	case UET_AMO_SUM:
		return cut(t + i, bits);
	case UET_AMO_DIFF:
		return cut(t + ~i + 1, bits);
	case UET_AMO_PROD:
		return cut(t * i, bits);
	case UET_AMO_LOR:
		return t | i ? 1 : 0;
	case UET_AMO_LAND:
		return !t || !i ? 0 : 1;
	case UET_AMO_LXOR:
		return !t ^ !i;
	case UET_AMO_BOR:
		return cut(~(~t & ~i), bits);
	case UET_AMO_BAND:
		return cut(~(~t | ~i), bits);
	case UET_AMO_BXOR:
		return (t | i) & ~(t & i);
	case UET_AMO_READ:
		return t;
	case UET_AMO_WRITE:
		return i;
	case UET_AMO_CSWAP:
		return tc == 0 ? i : t;
	case UET_AMO_CSWAP_NE:
		return tc ? i : t;
	case UET_AMO_CSWAP_LE:
		return tc != 1 ? i : t;
	case UET_AMO_CSWAP_LT:
		return tc == -1 ? i : t;
	case UET_AMO_CSWAP_GE:
		return tc != -1 ? i : t;
	case UET_AMO_CSWAP_GT:
		return tc == 1 ? i : t;
	default:
		return (t & c) ^ i;
	}
}

/* Often small, equal or at the edge. */
static uwide random_int(int bits)
{
	uint32_t kind = uet_rand_u32(&rnd) % 5;
	uwide v = (uwide)uet_rand_u64(&rnd) << 64 | uet_rand_u64(&rnd);

	if (kind == 0)
		return uet_rand_u32(&rnd) % 3;
	if (kind == 1)
		return cut(-(uwide)(uet_rand_u32(&rnd) % 3), bits);
	if (kind == 2)
		return cut(((uwide)1 << (bits - 1)) + uet_rand_u32(&rnd) % 2 - 1, bits);
	return cut(v, bits);
}

static void put(void *to, uwide v, int bits)
{
	int k;

	for (k = 0; k < bits / 8; k++)
		((uint8_t *)to)[k] = (uint8_t)(v >> 8 * k);
}

static uwide get(const void *from, int bits)
{
	uwide v = 0;
	int k;

	for (k = 0; k < bits / 8; k++)
		v |= (uwide)((const uint8_t *)from)[k] << 8 * k;
	return v;
}

static void integers(void **state)
{
	_Alignas(16) uint8_t t[COUNT * 16 + 16];
	uint8_t i[COUNT * 16 + 1], c[COUNT * 16 + 1], r[COUNT * 16 + 1];
	uwide vt[COUNT], vi[COUNT], vc[COUNT];
	size_t k, n;
	int round, op;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(ints); k++) {
		int bits = ints[k].bits, size = bits / 8;

		assert_int_equal(uet_amo_size(ints[k].type), size);
		for (op = UET_AMO_MIN; op <= UET_AMO_MSWAP; op++)
			for (round = 0; round < ROUNDS / 20; round++) {
				bool cmp = uet_amo_is_compare((uint8_t)op);

				assert_true(uet_amo_valid((uint8_t)op, ints[k].type, true, cmp));
				memset(t, 0xee, sizeof(t));
				for (n = 0; n < COUNT; n++) {
					vt[n] = random_int(bits);
					vi[n] = random_int(bits);
					vc[n] = uet_rand_u32(&rnd) % 2 ? vt[n] : random_int(bits);
					put(t + n * size, vt[n], bits);
					put(i + 1 + n * size, vi[n], bits);
					put(c + 1 + n * size, vc[n], bits);
				}
				uet_amo_apply((uint8_t)op, ints[k].type, t, i + 1,
					      cmp ? c + 1 : NULL, round % 4 ? r + 1 : NULL, COUNT);
				for (n = 0; n < COUNT; n++) {
					uwide w = want_int((uint8_t)op, vt[n], vi[n], vc[n], bits,
							   ints[k].sign);

					assert_true(get(t + n * size, bits) == w);
					if (round % 4)
						assert_true(get(r + 1 + n * size, bits) == vt[n]);
				}
				assert_int_equal(t[COUNT * size], 0xee);
			}
	}
}

/* ---- real numbers ---- */

static long double want_real(uint8_t op, long double t, long double i, long double c)
{
	switch (op) {
	case UET_AMO_MIN:
		return isless(i, t) ? i : t;
	case UET_AMO_MAX:
		return isgreater(i, t) ? i : t;
	case UET_AMO_LOR:
		return !(t == 0 && i == 0);
	case UET_AMO_LAND:
		return !(t == 0 || i == 0);
	case UET_AMO_LXOR:
		return (t == 0) == (i == 0) ? 0 : 1;
	case UET_AMO_READ:
		return t;
	case UET_AMO_WRITE:
		return i;
	case UET_AMO_CSWAP:
		return !islessgreater(c, t) && !isunordered(c, t) ? i : t;
	case UET_AMO_CSWAP_NE:
		return islessgreater(c, t) || isunordered(c, t) ? i : t;
	case UET_AMO_CSWAP_LE:
		return islessequal(c, t) ? i : t;
	case UET_AMO_CSWAP_LT:
		return isless(c, t) ? i : t;
	case UET_AMO_CSWAP_GE:
		return isgreaterequal(c, t) ? i : t;
	case UET_AMO_CSWAP_GT:
		return isgreater(c, t) ? i : t;
	default:
		fail();
		return 0;
	}
}

static bool arithmetic(int op)
{
	return op >= UET_AMO_SUM && op <= UET_AMO_PROD;
}

static long double random_real(void)
{
	static const long double some[] = { 0, -0.0L, 1, -1, 2, INFINITY, -INFINITY, 0.5L };
	uint32_t kind = uet_rand_u32(&rnd) % 20;

	if (kind < UET_ARRAY_SIZE(some))
		return some[kind];
	if (kind == UET_ARRAY_SIZE(some))
		return NAN;
	return (long double)((int32_t)uet_rand_u32(&rnd) >> uet_rand_u32(&rnd) % 30) / 64;
}

/* Calculate in @T itself; @T's rounding is the compiler's. */
#define REAL_TEST(name, T, code)							\
static void name(void **state)								\
{											\
	int op, round;									\
											\
	(void)state;									\
	assert_int_equal(uet_amo_size(code), sizeof(T));				\
	for (op = UET_AMO_MIN; op < UET_AMO_MSWAP; op++)				\
		for (round = 0; round < ROUNDS; round++) {				\
			T t = (T)random_real(), i = (T)random_real(), was = t, r, w;	\
			T c = uet_rand_u32(&rnd) % 2 ? t : (T)random_real();		\
			bool cmp = uet_amo_is_compare((uint8_t)op);			\
											\
			if (op == UET_AMO_BOR || op == UET_AMO_BAND ||			\
			    op == UET_AMO_BXOR)						\
				continue;						\
			uet_amo_apply((uint8_t)op, code, &t, &i, cmp ? &c : NULL,	\
				      &r, 1);						\
			w = op == UET_AMO_SUM ? was + i : op == UET_AMO_DIFF ? was - i :\
			    op == UET_AMO_PROD ? was * i :				\
			    (T)want_real((uint8_t)op, was, i, c);			\
			assert_true(w == t || (isnan(w) && isnan(t)));			\
			assert_int_equal(!!signbit(w) && !isnan(w),			\
					 !!signbit(t) && !isnan(t));			\
			assert_true(r == was || (isnan(r) && isnan(was)));		\
		}									\
}

REAL_TEST(floats, float, UET_AMO_FLOAT)
REAL_TEST(doubles, double, UET_AMO_DOUBLE)
REAL_TEST(long_doubles, long double, UET_AMO_LONG_DOUBLE)

#define COMPLEX_TEST(name, T, R, code)							\
static void name(void **state)								\
{											\
	int op, round;									\
											\
	(void)state;									\
	assert_int_equal(uet_amo_size(code), sizeof(T));				\
	for (op = UET_AMO_SUM; op <= UET_AMO_CSWAP_NE; op++)				\
		for (round = 0; round < ROUNDS; round++) {				\
			R v[6], w[2], old[2];						\
			bool tz, iz, eq, cmp = uet_amo_is_compare((uint8_t)op);		\
			int k;								\
											\
			if (op == UET_AMO_BOR || op == UET_AMO_BAND ||			\
			    op == UET_AMO_BXOR)						\
				continue;						\
			for (k = 0; k < 6; k++)						\
				v[k] = (R)(int)(uet_rand_u32(&rnd) % 5) - 2;		\
			eq = v[4] == v[0] && v[5] == v[1];				\
			tz = v[0] == 0 && v[1] == 0;					\
			iz = v[2] == 0 && v[3] == 0;					\
			memcpy(w, v, sizeof(w));					\
			switch (op) {							\
			case UET_AMO_SUM:						\
				w[0] += v[2];						\
				w[1] += v[3];						\
				break;							\
			case UET_AMO_DIFF:						\
				w[0] -= v[2];						\
				w[1] -= v[3];						\
				break;							\
			case UET_AMO_PROD:						\
				w[0] = v[0] * v[2] - v[1] * v[3];			\
				w[1] = v[0] * v[3] + v[1] * v[2];			\
				break;							\
			case UET_AMO_LOR:						\
			case UET_AMO_LAND:						\
			case UET_AMO_LXOR:						\
				w[0] = op == UET_AMO_LOR ? !(tz && iz) :		\
				       op == UET_AMO_LAND ? !tz && !iz : tz != iz;	\
				w[1] = 0;						\
				break;							\
			case UET_AMO_READ:						\
				break;							\
			default:							\
				if (op == UET_AMO_WRITE || eq == (op == UET_AMO_CSWAP))	\
					memcpy(w, v + 2, sizeof(w));			\
			}								\
			memcpy(old, v, sizeof(old));					\
			R res[2];							\
			uet_amo_apply((uint8_t)op, code, v, v + 2,			\
				      cmp ? v + 4 : NULL, res, 1);			\
			assert_true(v[0] == w[0] && v[1] == w[1]);			\
			assert_true(res[0] == old[0] && res[1] == old[1]);		\
		}									\
}

COMPLEX_TEST(float_complexes, float complex, float, UET_AMO_FLOAT_COMPLEX)
COMPLEX_TEST(double_complexes, double complex, double, UET_AMO_DOUBLE_COMPLEX)
COMPLEX_TEST(long_complexes, long double complex, long double, UET_AMO_LONG_DOUBLE_COMPLEX)

/* ---- short floats ---- */

struct format {
	uint8_t type;
	int exp, man;
	uint32_t max;		/* code of the largest finite number */
	bool infinite;
};

static const struct format formats[] = {
	{ UET_AMO_FP16, 5, 10, 0x7bff, true },
	{ UET_AMO_BF16, 8, 7, 0x7f7f, true },
	{ UET_AMO_FP8_E4M3, 4, 3, 0x7e, false },
	{ UET_AMO_FP8_E5M2, 5, 2, 0x7b, true },
};

static double value(const struct format *f, uint32_t code)
{
	uint32_t sign = code >> (f->exp + f->man), mag = code & ((1u << (f->exp + f->man)) - 1);
	int bias = (1 << (f->exp - 1)) - 1;
	int e = (int)(mag >> f->man);
	double m = mag & ((1u << f->man) - 1), v;

	if (mag > f->max)
		v = f->infinite && m == 0 ? INFINITY : NAN;
	else if (e == 0)
		v = ldexp(m, 1 - bias - f->man);
	else
		v = ldexp(m + (1 << f->man), e - bias - f->man);
	return sign ? -v : v;
}

/* The code nearest to @v, by search. NaN: any code of a NaN, so compare with care. */
static uint32_t nearest(const struct format *f, double v)
{
	uint32_t sign = signbit(v) ? 1u << (f->exp + f->man) : 0, lo = 0, hi = f->max;
	double step = value(f, f->max) - value(f, f->max - 1), a, b;

	v = fabs(v);
	if (isnan(v))
		return sign | (f->max + (f->infinite ? 2 : 1));
	if (v > value(f, f->max) + step / 2 ||
	    (v == value(f, f->max) + step / 2 && (f->max & 1)))
		return sign | (f->max + 1);
	if (v >= value(f, f->max))
		return sign | f->max;
	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (value(f, mid) <= v)
			lo = mid;
		else
			hi = mid;
	}
	a = v - value(f, lo);
	b = value(f, hi) - v;
	if (a == b)
		return sign | (lo & 1 ? hi : lo);
	return sign | (a < b ? lo : hi);
}

static void check_short(const struct format *f, uint8_t op, uint32_t t, uint32_t i, uint32_t c)
{
	bool cmp = uet_amo_is_compare(op), byte = f->exp + f->man == 7;
	double vt = value(f, t), vi = value(f, i), v;
	uint16_t t16 = (uint16_t)t, i16 = (uint16_t)i, c16 = (uint16_t)c, r16 = 0;
	uint8_t t8 = (uint8_t)t, i8 = (uint8_t)i, c8 = (uint8_t)c, r8 = 0;
	uint32_t got, want;

	if (byte)
		uet_amo_apply(op, f->type, &t8, &i8, cmp ? &c8 : NULL, &r8, 1);
	else
		uet_amo_apply(op, f->type, &t16, &i16, cmp ? &c16 : NULL, &r16, 1);
	got = byte ? t8 : t16;
	assert_int_equal(byte ? r8 : r16, t);
	if (arithmetic(op))
		v = op == UET_AMO_SUM ? vt + vi : op == UET_AMO_DIFF ? vt - vi : vt * vi;
	else
		v = (double)want_real(op, vt, vi, value(f, c));
	/* Numbers below the normal ones of float are rounded twice. */
	if (f->exp == 8 && arithmetic(op) && fabs(v) < ldexp(1, -125))
		return;
	want = nearest(f, v);
	if (isnan(value(f, want)))
		assert_true(isnan(value(f, got)));
	else if (v != 0)
		assert_int_equal(got, want);
	else
		assert_true(value(f, got) == 0);
}

static void short_floats(void **state)
{
	size_t k;
	int op;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(formats); k++) {
		const struct format *f = &formats[k];
		uint32_t codes = 2u << (f->exp + f->man), a, b, c;
		bool byte = codes == 256;

		assert_int_equal(uet_amo_size(f->type), byte ? 1 : 2);
		for (op = UET_AMO_MIN; op < UET_AMO_MSWAP; op++) {
			if (op == UET_AMO_BOR || op == UET_AMO_BAND || op == UET_AMO_BXOR)
				continue;
			/* All pairs of the short ones, some of the others. */
			for (a = 0; a < (byte ? codes : ROUNDS); a++)
				for (b = 0; b < (byte ? codes : 4); b++) {
					uint32_t t = byte ? a : uet_rand_u32(&rnd) % codes;
					uint32_t i = byte ? b : uet_rand_u32(&rnd) % codes;

					if (!byte && b == 0)	/* near each other */
						i = (t ^ (codes / 2)) + uet_rand_u32(&rnd) % 64;
					i %= codes;
					c = uet_rand_u32(&rnd) % 2 ? t :
					    uet_rand_u32(&rnd) % codes;
					check_short(f, (uint8_t)op, t, i, c);
				}
		}
	}
}

/* ---- what is valid ---- */

static void validity(void **state)
{
	int op, type, form;

	(void)state;
	for (op = 0; op < 256; op++)
		for (type = 0; type < 256; type++)
			for (form = 0; form < 4; form++) {
				bool fetch = form & 1, cmp = form & 2;
				bool known = type <= 0x11 || type == 0xe0 || type == 0xe1;
				bool integer = type <= UET_AMO_UINT128;
				bool cplx = type == 0x0c || type == 0x0d || type == 0x0f;
				bool swap = op >= 0x0d && op <= 0x13;
				bool bits = (op >= 0x07 && op != 0x09 && op <= 0x0a) ||
					    op == 0x13;
				bool ordered = op <= 0x01 || (op >= 0x0f && op <= 0x12);
				bool want = known && op <= 0x13 && swap == cmp;

				want = want && !(op == UET_AMO_READ && !fetch);
				want = want && !(bits && !integer) && !(ordered && cplx);
				assert_int_equal(uet_amo_valid((uint8_t)op, (uint8_t)type, fetch,
							       cmp), want);
				if (!known)
					assert_int_equal(uet_amo_size((uint8_t)type), 0);
			}
	assert_int_equal(uet_amo_align(UET_AMO_DOUBLE), 8);
	assert_int_equal(uet_amo_align(UET_AMO_FP16), 2);
	assert_int_equal(uet_amo_align(UET_AMO_INT128), 1);
	assert_int_equal(uet_amo_align(UET_AMO_FLOAT_COMPLEX), 1);
}

static void wire_order(void **state)
{
	static const uint8_t be[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	uint64_t v;
	uint32_t two[2];
	uint16_t four[4];
	uint8_t ld[32], out[32], same[8];
	int k;

	(void)state;
	uet_amo_swap(UET_AMO_UINT64, &v, be, 1);
	assert_true(v == 0x1122334455667788ull);
	uet_amo_swap(UET_AMO_FLOAT, two, be, 2);
	assert_int_equal(two[0], 0x11223344);
	assert_int_equal(two[1], 0x55667788);
	memset(two, 0, sizeof(two));
	uet_amo_swap(UET_AMO_FLOAT_COMPLEX, two, be, 1);	/* real part first */
	assert_int_equal(two[0], 0x11223344);
	assert_int_equal(two[1], 0x55667788);
	uet_amo_swap(UET_AMO_BF16, four, be, 4);
	assert_int_equal(four[3], 0x7788);
	uet_amo_swap(UET_AMO_INT8, same, be, 8);
	assert_memory_equal(same, be, 8);
	for (k = 0; k < 32; k++)
		ld[k] = (uint8_t)k;
	uet_amo_swap(UET_AMO_LONG_DOUBLE, out, ld, 1);
	uet_amo_swap(UET_AMO_LONG_DOUBLE, ld, out, 1);
	for (k = 0; k < 16; k++)
		assert_int_equal(ld[k], k);
}

/* ---- atomicity ---- */

#define THREADS	4
#define TIMES	20000

static union {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	float f;
	double d;
	uwide u128;
	_Alignas(16) uint8_t raw[16];
} shared;

static uint8_t shared_type;

/* Adds one, again and again; every other thread as the application would. */
static void *adder(void *arg)
{
	uint8_t one[16] = { 0 };
	size_t size = uet_amo_size(shared_type);
	float f = 1;
	double d = 1;
	int k;

	one[0] = 1;
	if (shared_type == UET_AMO_FLOAT)
		memcpy(one, &f, sizeof(f));
	if (shared_type == UET_AMO_DOUBLE)
		memcpy(one, &d, sizeof(d));
	for (k = 0; k < TIMES; k++) {
		if (!arg || size > 8 || shared_type > UET_AMO_UINT64)
			uet_amo_apply(UET_AMO_SUM, shared_type, shared.raw, one, NULL, NULL, 1);
		else if (size == 1)
			__atomic_fetch_add(&shared.u8, 1, __ATOMIC_RELAXED);
		else if (size == 2)
			__atomic_fetch_add(&shared.u16, 1, __ATOMIC_RELAXED);
		else if (size == 4)
			__atomic_fetch_add(&shared.u32, 1, __ATOMIC_RELAXED);
		else
			__atomic_fetch_add(&shared.u64, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void atomicity(void **state)
{
	static const uint8_t types[] = {
		UET_AMO_UINT8, UET_AMO_UINT16, UET_AMO_INT32, UET_AMO_UINT64, UET_AMO_FLOAT,
		UET_AMO_DOUBLE, UET_AMO_UINT128,
	};
	size_t k, n;

	(void)state;
	for (k = 0; k < UET_ARRAY_SIZE(types); k++) {
		uint64_t sum = THREADS * TIMES;
		pthread_t th[THREADS];

		memset(&shared, 0, sizeof(shared));
		shared_type = types[k];
		for (n = 0; n < THREADS; n++)
			assert_int_equal(pthread_create(&th[n], NULL, adder,
							n & 1 ? &shared : NULL), 0);
		for (n = 0; n < THREADS; n++)
			pthread_join(th[n], NULL);
		if (types[k] == UET_AMO_FLOAT)
			assert_true(shared.f == (float)sum);
		else if (types[k] == UET_AMO_DOUBLE)
			assert_true(shared.d == (double)sum);
		else
			assert_true(get(shared.raw, 8 * (int)uet_amo_size(types[k])) ==
				    cut(sum, 8 * (int)uet_amo_size(types[k])));
	}
}

/* ---- memory behind functions ---- */

static uint32_t far_value;
static int far_gets, far_puts, far_err;

static int far_get(void *arg, void *room)
{
	(void)arg;
	far_gets++;
	memcpy(room, &far_value, sizeof(far_value));
	return far_err;
}

static int far_put(void *arg, const void *room)
{
	(void)arg;
	far_puts++;
	memcpy(&far_value, room, sizeof(far_value));
	return 0;
}

static void far_memory(void **state)
{
	uint32_t one = 1, room, old;

	(void)state;
	far_value = 41;
	assert_int_equal(uet_amo_apply_remote(UET_AMO_SUM, UET_AMO_UINT32, far_get, far_put, NULL,
					      &room, &one, NULL, &old, 1), 0);
	assert_int_equal(far_value, 42);
	assert_int_equal(old, 41);
	assert_int_equal(uet_amo_apply_remote(UET_AMO_READ, UET_AMO_UINT32, far_get, far_put,
					      NULL, &room, NULL, NULL, &old, 1), 0);
	assert_int_equal(old, 42);
	assert_int_equal(far_puts, 1);
	far_err = -EIO;
	assert_int_equal(uet_amo_apply_remote(UET_AMO_SUM, UET_AMO_UINT32, far_get, far_put, NULL,
					      &room, &one, NULL, NULL, 1), -EIO);
	assert_int_equal(far_gets, 3);
	assert_int_equal(far_puts, 1);
	/* And the lock is free again. */
	far_err = 0;
	assert_int_equal(uet_amo_apply_remote(UET_AMO_SUM, UET_AMO_UINT32, far_get, far_put, NULL,
					      &room, &one, NULL, NULL, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(floats),
		cmocka_unit_test(doubles),
		cmocka_unit_test(long_doubles),
		cmocka_unit_test(float_complexes),
		cmocka_unit_test(double_complexes),
		cmocka_unit_test(long_complexes),
		cmocka_unit_test(short_floats),
		cmocka_unit_test(validity),
		cmocka_unit_test(wire_order),
		cmocka_unit_test(atomicity),
		cmocka_unit_test(far_memory),
	};

	uet_rand_seed(&rnd, 1789);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
