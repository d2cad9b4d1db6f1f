/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ses/amo.h"

#include <complex.h>
#include <endian.h>
#include <float.h>
#include <string.h>

#include "base/util.h"

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
typedef long double ldouble;
typedef float complex fcomplex;
typedef double complex dcomplex;
typedef long double complex lcomplex;

/* ---- numbers of 8 and 16 bits ---- */

struct small {
	uint8_t exp_bits, man_bits;
	bool infinite;		/* has infinities; otherwise only the last code is NaN */
};

static const struct small bf16 = { 8, 7, true };
static const struct small fp16 = { 5, 10, true };
static const struct small e4m3 = { 4, 3, false };
static const struct small e5m2 = { 5, 2, true };

static float float_of_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static float small_decode(const struct small *s, uint32_t v)
{
	uint32_t top = (1u << s->exp_bits) - 1, bias = top >> 1;
	uint32_t exp = v >> s->man_bits & top;
	uint32_t man = v & ((1u << s->man_bits) - 1);
	uint32_t sign = v >> (s->exp_bits + s->man_bits) << 31;
	uint32_t wide = man << (23 - s->man_bits);
	float f;

	if (s->exp_bits == 8)		/* the exponent of float */
		return float_of_bits(sign | exp << 23 | wide);
	if (exp == top && (s->infinite || man == (1u << s->man_bits) - 1))
		return float_of_bits(sign | 0xffu << 23 | wide);
	if (exp > 0)
		return float_of_bits(sign | (exp - bias + 127) << 23 | wide);
	f = (float)man * float_of_bits((128 - bias - s->man_bits) << 23);
	return sign ? -f : f;
}

/* @m / 2^@shift, to nearest, ties to even. */
static uint32_t round_shift(uint32_t m, uint32_t shift)
{
	uint32_t half, rest, q;

	if (shift == 0)
		return m;
	if (shift > 25)
		return 0;
	half = 1u << (shift - 1);
	rest = m & ((half << 1) - 1);
	q = m >> shift;
	return q + (rest > half || (rest == half && (q & 1)));
}

static uint32_t small_encode(const struct small *s, float f)
{
	uint32_t top = (1u << s->exp_bits) - 1, bias = top >> 1;
	uint32_t infinity = top << s->man_bits, code, bits, sign, man;
	uint32_t nan = infinity | (s->infinite ? 1u << (s->man_bits - 1) : (1u << s->man_bits) - 1);
	int32_t exp;

	memcpy(&bits, &f, sizeof(bits));
	sign = bits >> 31 << (s->exp_bits + s->man_bits);
	exp = (int32_t)(bits >> 23 & 0xff);
	man = bits & 0x7fffff;
	if (exp == 0xff)
		return sign | (man || !s->infinite ? nan : infinity);
	if (exp > 0)
		man |= 1u << 23;
	exp = (exp > 0 ? exp : 1) - 127 + (int32_t)bias;
	if (exp > (int32_t)top)
		return sign | (s->infinite ? infinity : nan);
	/* The leading one of @man carries into the exponent, as does rounding up. */
	if (exp > 0)
		code = ((uint32_t)(exp - 1) << s->man_bits) + round_shift(man, 23u - s->man_bits);
	else
		code = round_shift(man, 23u - s->man_bits + (uint32_t)(1 - exp));
	if (s->infinite)
		return sign | (code >= infinity ? infinity : code);
	return sign | (code >= nan ? nan : code);
}

/* ---- operations ---- */

/* @V makes a value to compare of an element, @A one to calculate with, @E an element of it. */
#define CASES_ORDER(V)								\
	case UET_AMO_MIN:							\
		t = V(i) < V(t) ? i : t;					\
		break;								\
	case UET_AMO_MAX:							\
		t = V(i) > V(t) ? i : t;					\
		break;								\
	case UET_AMO_CSWAP_LE:							\
		t = V(c) <= V(t) ? i : t;					\
		break;								\
	case UET_AMO_CSWAP_LT:							\
		t = V(c) < V(t) ? i : t;					\
		break;								\
	case UET_AMO_CSWAP_GE:							\
		t = V(c) >= V(t) ? i : t;					\
		break;								\
	case UET_AMO_CSWAP_GT:							\
		t = V(c) > V(t) ? i : t;					\
		break;

#define CASES_ANY(T, V, A, E)							\
	case UET_AMO_SUM:							\
		t = (T)E(A(t) + A(i));						\
		break;								\
	case UET_AMO_DIFF:							\
		t = (T)E(A(t) - A(i));						\
		break;								\
	case UET_AMO_PROD:							\
		t = (T)E(A(t) * A(i));						\
		break;								\
	case UET_AMO_LOR:							\
		t = (T)E(V(t) != 0 || V(i) != 0);				\
		break;								\
	case UET_AMO_LAND:							\
		t = (T)E(V(t) != 0 && V(i) != 0);				\
		break;								\
	case UET_AMO_LXOR:							\
		t = (T)E((V(t) != 0) != (V(i) != 0));				\
		break;								\
	case UET_AMO_WRITE:							\
		t = i;								\
		break;								\
	case UET_AMO_CSWAP:							\
		t = V(c) == V(t) ? i : t;					\
		break;								\
	case UET_AMO_CSWAP_NE:							\
		t = V(c) != V(t) ? i : t;					\
		break;

#define CASES_BITS(T)								\
	case UET_AMO_BOR:							\
		t = (T)(t | i);							\
		break;								\
	case UET_AMO_BAND:							\
		t = (T)(t & i);							\
		break;								\
	case UET_AMO_BXOR:							\
		t = (T)(t ^ i);							\
		break;								\
	case UET_AMO_MSWAP:							\
		t = (T)((t & c) ^ i);						\
		break;

/* Copy a value; of the 16 bytes of an x87 number (or two) only the ten that it consists of. */
static void store(void *to, const void *from, size_t size, bool x87)
{
	size_t at;

	if (!x87) {
		memcpy(to, from, size);
		return;
	}
	for (at = 0; at < size; at += 16)
		memcpy((char *)to + at, (const char *)from + at, 10);
}

#define APPLY(name, T, cases)							\
static void apply_##name(uint8_t op, void *target, const void *operand,		\
			 const void *compare)					\
{										\
	T t, i, c;								\
										\
	memcpy(&t, target, sizeof(t));						\
	memcpy(&i, operand, sizeof(i));						\
	memcpy(&c, compare, sizeof(c));						\
	switch (op) {								\
	cases									\
	default:								\
		return;								\
	}									\
	store(target, &t, sizeof(t), X87(T));					\
}

/* Is @T long double, or a complex of two, in the 80-bit format of x87? */
#define X87(T) (LDBL_MANT_DIG == 64 && sizeof(ldouble) == 16 &&			\
		_Generic((T)0, ldouble: true, lcomplex: true, default: false))

#define SAME(x)		(x)
/* Unsigned, so that arithmetic wraps; the short ones as well, which C would make int. */
#define U32(x)		((uint32_t)(x))
#define U64(x)		((uint64_t)(x))
#define U128(x)		((uint128)(x))

#define APPLY_INT(T, U)	APPLY(T, T, CASES_ORDER(SAME) CASES_ANY(T, SAME, U, SAME) CASES_BITS(T))
#define APPLY_FLOAT(T)	APPLY(T, T, CASES_ORDER(SAME) CASES_ANY(T, SAME, SAME, SAME))
#define APPLY_COMPLEX(T) APPLY(T, T, CASES_ANY(T, SAME, SAME, SAME))
#define APPLY_SMALL(name, T, V, E) APPLY(name, T, CASES_ORDER(V) CASES_ANY(T, V, V, E))

#define BF16_V(x)	small_decode(&bf16, x)
#define BF16_E(x)	small_encode(&bf16, (float)(x))
#define FP16_V(x)	small_decode(&fp16, x)
#define FP16_E(x)	small_encode(&fp16, (float)(x))
#define E4M3_V(x)	small_decode(&e4m3, x)
#define E4M3_E(x)	small_encode(&e4m3, (float)(x))
#define E5M2_V(x)	small_decode(&e5m2, x)
#define E5M2_E(x)	small_encode(&e5m2, (float)(x))

APPLY_INT(int8_t, U32)
APPLY_INT(uint8_t, U32)
APPLY_INT(int16_t, U32)
APPLY_INT(uint16_t, U32)
APPLY_INT(int32_t, U32)
APPLY_INT(uint32_t, U32)
APPLY_INT(int64_t, U64)
APPLY_INT(uint64_t, U64)
APPLY_INT(int128, U128)
APPLY_INT(uint128, U128)
APPLY_FLOAT(float)
APPLY_FLOAT(double)
APPLY_FLOAT(ldouble)
APPLY_COMPLEX(fcomplex)
APPLY_COMPLEX(dcomplex)
APPLY_COMPLEX(lcomplex)
APPLY_SMALL(bf16, uint16_t, BF16_V, BF16_E)
APPLY_SMALL(fp16, uint16_t, FP16_V, FP16_E)
APPLY_SMALL(e4m3, uint8_t, E4M3_V, E4M3_E)
APPLY_SMALL(e5m2, uint8_t, E5M2_V, E5M2_E)

/* ---- types ---- */

enum kind { INTEGER, REAL, COMPLEX };

/* Make *@t what @op makes of it with operand @i and compare value @c, all of one type. */
typedef void (*apply_fn)(uint8_t op, void *t, const void *i, const void *c);

static const struct type {
	apply_fn apply;
	uint8_t size;
	uint8_t kind;		/* enum kind */
} types[] = {
	[UET_AMO_INT8]		= { apply_int8_t, 1, INTEGER },
	[UET_AMO_UINT8]		= { apply_uint8_t, 1, INTEGER },
	[UET_AMO_INT16]		= { apply_int16_t, 2, INTEGER },
	[UET_AMO_UINT16]	= { apply_uint16_t, 2, INTEGER },
	[UET_AMO_INT32]		= { apply_int32_t, 4, INTEGER },
	[UET_AMO_UINT32]	= { apply_uint32_t, 4, INTEGER },
	[UET_AMO_INT64]		= { apply_int64_t, 8, INTEGER },
	[UET_AMO_UINT64]	= { apply_uint64_t, 8, INTEGER },
	[UET_AMO_INT128]	= { apply_int128, 16, INTEGER },
	[UET_AMO_UINT128]	= { apply_uint128, 16, INTEGER },
	[UET_AMO_FLOAT]		= { apply_float, 4, REAL },
	[UET_AMO_DOUBLE]	= { apply_double, 8, REAL },
	[UET_AMO_FLOAT_COMPLEX]	= { apply_fcomplex, 8, COMPLEX },
	[UET_AMO_DOUBLE_COMPLEX] = { apply_dcomplex, 16, COMPLEX },
	[UET_AMO_LONG_DOUBLE]	= { apply_ldouble, sizeof(ldouble), REAL },
	[UET_AMO_LONG_DOUBLE_COMPLEX] = { apply_lcomplex, sizeof(lcomplex), COMPLEX },
	[UET_AMO_BF16]		= { apply_bf16, 2, REAL },
	[UET_AMO_FP16]		= { apply_fp16, 2, REAL },
	[UET_AMO_FP8_E4M3]	= { apply_e4m3, 1, REAL },
	[UET_AMO_FP8_E5M2]	= { apply_e5m2, 1, REAL },
};

static const struct type none;

static const struct type *type_of(uint8_t type)
{
	return type < UET_ARRAY_SIZE(types) ? &types[type] : &none;
}

/* Can the CPU change an element by one instruction? */
static bool by_cpu(const struct type *t)
{
	return t->size <= 8 && t->kind != COMPLEX;
}

size_t uet_amo_size(uint8_t type)
{
	return type_of(type)->size;
}

size_t uet_amo_align(uint8_t type)
{
	const struct type *t = type_of(type);

	return by_cpu(t) ? t->size : 1;
}

bool uet_amo_is_compare(uint8_t op)
{
	return op >= UET_AMO_CSWAP && op <= UET_AMO_MSWAP;
}

bool uet_amo_valid(uint8_t op, uint8_t type, bool fetch, bool compare)
{
	const struct type *t = type_of(type);

	if (t->size == 0 || op > UET_AMO_MSWAP || compare != uet_amo_is_compare(op))
		return false;
	switch (op) {
	case UET_AMO_READ:
		return fetch;
	case UET_AMO_MIN:
	case UET_AMO_MAX:
	case UET_AMO_CSWAP_LE:
	case UET_AMO_CSWAP_LT:
	case UET_AMO_CSWAP_GE:
	case UET_AMO_CSWAP_GT:
		return t->kind != COMPLEX;
	case UET_AMO_BOR:
	case UET_AMO_BAND:
	case UET_AMO_BXOR:
	case UET_AMO_MSWAP:
		return t->kind == INTEGER;
	default:
		return true;
	}
}

/* ---- memory ---- */

/* One element by compare and exchange; *@old gets what was there. */
#define BY_CPU(bits)								\
static void cpu_##bits(apply_fn apply, uint8_t op, void *target, const void *i,	\
		       const void *c, void *old)				\
{										\
	uint##bits##_t *p = target;						\
	uint##bits##_t was = __atomic_load_n(p, __ATOMIC_SEQ_CST), now;		\
										\
	do {									\
		now = was;							\
		apply(op, &now, i, c);						\
	} while (now != was &&							\
		 !__atomic_compare_exchange_n(p, &was, now, true,		\
					      __ATOMIC_SEQ_CST,			\
					      __ATOMIC_SEQ_CST));		\
	memcpy(old, &was, sizeof(was));						\
}

BY_CPU(8)
BY_CPU(16)
BY_CPU(32)
BY_CPU(64)

static void apply_cpu(const struct type *t, uint8_t op, void *target, const void *i,
		      const void *c, void *old)
{
	switch (t->size) {
	case 1:
		cpu_8(t->apply, op, target, i, c, old);
		return;
	case 2:
		cpu_16(t->apply, op, target, i, c, old);
		return;
	case 4:
		cpu_32(t->apply, op, target, i, c, old);
		return;
	default:
		cpu_64(t->apply, op, target, i, c, old);
	}
}

/* Held for as long as it takes to change what a packet names. */
static char lock;

static void lock_take(void)
{
	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED))
			;
}

static void lock_drop(void)
{
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}

/* All elements one by one; the caller keeps others off @target unless @cpu does. */
static void apply_all(const struct type *t, bool cpu, uint8_t op, char *target,
		      const char *operand, const char *compare, char *result, size_t count)
{
	static const char zero[UET_AMO_SIZE_MAX];
	char old[UET_AMO_SIZE_MAX];
	size_t at, end = count * t->size;

	for (at = 0; at < end; at += t->size) {
		const char *i = op == UET_AMO_READ ? zero : operand + at;
		const char *c = compare ? compare + at : zero;

		if (cpu) {
			apply_cpu(t, op, target + at, i, c, old);
		} else {
			memcpy(old, target + at, t->size);
			t->apply(op, target + at, i, c);
		}
		if (result)
			memcpy(result + at, old, t->size);
	}
}

void uet_amo_apply(uint8_t op, uint8_t type, void *target, const void *operand,
		   const void *compare, void *result, size_t count)
{
	const struct type *t = type_of(type);

	if (by_cpu(t)) {
		apply_all(t, true, op, target, operand, compare, result, count);
		return;
	}
	lock_take();
	apply_all(t, false, op, target, operand, compare, result, count);
	lock_drop();
}

int uet_amo_apply_remote(uint8_t op, uint8_t type, int (*get)(void *arg, void *room),
			 int (*put)(void *arg, const void *room), void *arg, void *room,
			 const void *operand, const void *compare, void *result, size_t count)
{
	int ret;

	lock_take();
	ret = get(arg, room);
	if (!ret) {
		apply_all(type_of(type), false, op, room, operand, compare, result, count);
		if (op != UET_AMO_READ)
			ret = put(arg, room);
	}
	lock_drop();
	return ret;
}

void uet_amo_swap(uint8_t type, void *dst, const void *src, size_t count)
{
	const struct type *t = type_of(type);
	size_t unit = t->kind == COMPLEX ? t->size / 2 : t->size;
	size_t end = count * t->size, at, k;
	const char *from = src;
	char *to = dst;

	if (BYTE_ORDER == BIG_ENDIAN) {
		memcpy(to, from, end);
		return;
	}
	for (at = 0; at < end; at += unit)
		for (k = 0; k < unit; k++)
			to[at + k] = from[at + unit - 1 - k];
}
