/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Drawing the operations of the stress test, and their effects on memory.
 */
#include "stress.h"

#include <stddef.h>

/* The type of each lane's cells: what is there is always of that type. */
static const enum fi_datatype lane_type[STRESS_OPS] = {
	FI_INT8, FI_UINT16, FI_INT32, FI_UINT32, FI_INT64, FI_UINT64, FI_FLOAT, FI_DOUBLE,
};

size_t stress_type_size(enum fi_datatype type)
{
	static const size_t sizes[] = {
		[FI_INT8] = 1, [FI_UINT8] = 1, [FI_INT16] = 2, [FI_UINT16] = 2, [FI_INT32] = 4,
		[FI_UINT32] = 4, [FI_INT64] = 8, [FI_UINT64] = 8, [FI_FLOAT] = 4, [FI_DOUBLE] = 8,
	};

	return sizes[type];
}

void stress_pair_init(struct stress_pair *p, uint64_t seed, int src, int dst)
{
	memset(p, 0, sizeof(*p));
	p->src = src;
	p->dst = dst;
	p->rnd = seed * 1000 + (uint64_t)(src * STRESS_PROCS + dst);
	p->next_id = 1;
}

/* ---- messages ---- */

static size_t random_size(uint64_t *rnd, size_t max)
{
	static const size_t limits[] = { 64, 64, 64, 64, 64, 5000, 5000, 5000, 40000, SIZE_MAX };
	size_t limit = limits[sys_rand_below(rnd, 10)];

	return sys_rand_below(rnd, (limit < max ? limit : max) + 1);
}

static void plan_tagged(struct stress_pair *p, const struct stress_offer *offer,
			struct stress_op *op)
{
	uint64_t *rnd = &p->rnd;

	op->size = random_size(rnd, STRESS_TAGGED_MAX);
	op->room = op->size + sys_rand_below(rnd, 100);
	op->stream = sys_rand_below(rnd, 4) == 0 && offer->ordered;
	if (op->stream) {
		op->tag = STRESS_STREAM | (uint64_t)p->src;
		return;
	}
	op->ignore = sys_rand(rnd) & STRESS_NOISE;
	op->tag = (op->id & ~STRESS_NOISE) | (sys_rand(rnd) & op->ignore);
	op->any_source = sys_rand_below(rnd, 2);
	if (sys_rand_below(rnd, 8) == 0)
		op->room = sys_rand_below(rnd, op->size + 1);
	if (sys_rand_below(rnd, 4) == 0)
		op->late = STRESS_LATE + (offer->peek ? sys_rand_below(rnd, 4) : 0);
	if (op->late)
		op->room = op->size;
}

/* ---- memory ---- */

static void plan_lane(struct stress_pair *p, struct stress_op *op, unsigned int lane)
{
	op->size = random_size(&p->rnd, STRESS_LANE);
	op->offset = (uint64_t)p->src * STRESS_PART + lane * (uint64_t)STRESS_LANE +
		     sys_rand_below(&p->rnd, STRESS_LANE - op->size + 1);
}

static bool is_float(enum fi_datatype type)
{
	return type == FI_FLOAT || type == FI_DOUBLE;
}

/* Small numbers where rounding or overflow would need care, any bits elsewhere. */
static void random_operand(uint64_t *rnd, enum fi_datatype type, uint8_t *to, size_t count)
{
	float f[STRESS_CELLS / sizeof(float)];
	double d[STRESS_CELLS / sizeof(double)];
	uint64_t word[STRESS_CELLS / 8];
	size_t i;

	for (i = 0; i < STRESS_CELLS / 8; i++)
		word[i] = sys_rand(rnd);
	for (i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		f[i] = (float)(word[i / 2] >> (i % 2 * 8) & 15);
	for (i = 0; i < sizeof(d) / sizeof(d[0]); i++)
		d[i] = (double)(word[i] & 15);
	memcpy(to, type == FI_FLOAT ? (void *)f : type == FI_DOUBLE ? (void *)d : (void *)word,
	       count * stress_type_size(type));
}

static enum fi_op random_atomic(uint64_t *rnd, enum stress_kind kind, bool is_real)
{
	static const enum fi_op real[] = { FI_MIN, FI_MAX, FI_SUM, FI_ATOMIC_WRITE };

	if (kind == STRESS_COMPARE)
		return FI_CSWAP + sys_rand_below(rnd, is_real ? 6 : 7);
	if (kind == STRESS_FETCH && sys_rand_below(rnd, 6) == 0)
		return FI_ATOMIC_READ;
	if (is_real)
		return real[sys_rand_below(rnd, 4)];
	/* FI_ATOMIC_READ lies between the last two. */
	return sys_rand_below(rnd, 11) < 10 ? FI_MIN + sys_rand_below(rnd, 10) : FI_ATOMIC_WRITE;
}

/* False if the provider does not offer what was drawn. */
static bool plan_atomic(struct stress_pair *p, const struct stress_offer *offer,
			struct stress_op *op, unsigned int lane)
{
	size_t most = STRESS_CELLS / stress_type_size(lane_type[lane]);
	size_t valid;

	op->type = lane_type[lane];
	op->op = random_atomic(&p->rnd, op->kind, is_float(op->type));
	valid = offer->valid[op->kind - STRESS_ATOMIC][op->op][op->type];
	op->count = 1 + sys_rand_below(&p->rnd, most);
	op->offset = (uint64_t)p->src * STRESS_PART + STRESS_LANES_SIZE +
		     lane * (uint64_t)STRESS_CELLS;
	random_operand(&p->rnd, op->type, op->operand, op->count);
	random_operand(&p->rnd, op->type, op->compare, op->count);
	if (!valid)
		return false;
	if (op->count > valid)
		op->count = valid;
	op->size = op->count * stress_type_size(op->type);
	if (op->kind == STRESS_COMPARE && sys_rand_below(&p->rnd, 2))
		memcpy(op->compare, stress_model(p, op), op->size);
	return true;
}

static bool plan_add(struct stress_pair *p, const struct stress_offer *offer, struct stress_op *op)
{
	uint64_t amount = sys_rand_below(&p->rnd, 1000);

	op->type = FI_UINT64;
	op->op = FI_SUM;
	op->count = 1;
	op->size = sizeof(amount);
	op->offset = STRESS_SUMS_AT + sys_rand_below(&p->rnd, STRESS_SUMS) * sizeof(amount);
	memcpy(op->operand, &amount, sizeof(amount));
	return offer->valid[0][FI_SUM][FI_UINT64] > 0;
}

/* ---- a round ---- */

static bool offered(const struct stress_offer *offer, enum stress_kind kind)
{
	switch (kind) {
	case STRESS_TAGGED:
	case STRESS_UNTAGGED:
		return true;
	case STRESS_WRITE:
	case STRESS_READ:
		return offer->rma;
	default:
		return offer->atomic;
	}
}

static bool plan_op(struct stress_pair *p, const struct stress_offer *offer, struct stress_op *op,
		    unsigned int lane)
{
	uint64_t *rnd = &p->rnd;

	*op = (struct stress_op){ .kind = sys_rand_below(rnd, STRESS_KINDS) };
	if (!offered(offer, op->kind))
		op->kind = sys_rand_below(rnd, STRESS_UNTAGGED + 1);
	op->id = (uint64_t)(p->src + 1) << 52 | (uint64_t)(p->dst + 1) << 48 | p->next_id++;
	switch (op->kind) {
	case STRESS_TAGGED:
		plan_tagged(p, offer, op);
		break;
	case STRESS_UNTAGGED:
		op->size = STRESS_UNTAGGED_MIN +
			   random_size(rnd, STRESS_UNTAGGED_MAX - STRESS_UNTAGGED_MIN);
		break;
	case STRESS_WRITE:
	case STRESS_READ:
		plan_lane(p, op, lane);
		break;
	case STRESS_ADD:
		if (!plan_add(p, offer, op))
			return false;
		break;
	default:
		if (!plan_atomic(p, offer, op, lane))
			return false;
	}
	op->with_data = sys_rand_below(rnd, 3) == 0 && op->kind <= STRESS_WRITE;
	op->inject = sys_rand_below(rnd, 3) == 0 && op->size <= offer->inject &&
		     op->kind != STRESS_READ && op->kind != STRESS_FETCH &&
		     op->kind != STRESS_COMPARE;
	op->split = sys_rand_below(rnd, 4) == 0 && !op->inject && op->kind <= STRESS_READ;
	return true;
}

void stress_pair_plan(struct stress_pair *p, const struct stress_offer *offer)
{
	unsigned int lane, cnt = (unsigned int)sys_rand_below(&p->rnd, STRESS_OPS + 1);

	p->cnt = 0;
	for (lane = 0; lane < cnt; lane++)
		if (plan_op(p, offer, &p->op[p->cnt], lane))
			p->cnt++;
}

/* ---- effects ---- */

size_t stress_touched(const struct stress_op *op)
{
	return op->kind == STRESS_WRITE || op->kind == STRESS_ATOMIC ||
	       op->kind == STRESS_FETCH || op->kind == STRESS_COMPARE ? op->size : 0;
}

const uint8_t *stress_model(const struct stress_pair *p, const struct stress_op *op)
{
	return p->part + (op->offset - (uint64_t)p->src * STRESS_PART);
}

void stress_fill(const struct stress_op *op, void *buf)
{
	sys_fill(buf, op->size, op->id);
	if (op->kind == STRESS_UNTAGGED)
		memcpy(buf, &op->id, sizeof(op->id));
}

/* One element: target @t, operand @o, comparison value @c. Arithmetic is modulo the width. */
#define INTEGER_OP(op, type, wide, t, o, c) \
	do { \
		switch (op) { \
		case FI_MIN: t = o < t ? o : t; break; \
		case FI_MAX: t = o > t ? o : t; break; \
		case FI_SUM: t = (type)((wide)t + (wide)o); break; \
		case FI_PROD: t = (type)((wide)t * (wide)o); break; \
		case FI_LOR: t = t || o; break; \
		case FI_LAND: t = t && o; break; \
		case FI_BOR: t |= o; break; \
		case FI_BAND: t &= o; break; \
		case FI_LXOR: t = !t != !o; break; \
		case FI_BXOR: t ^= o; break; \
		case FI_MSWAP: t = (type)((o & c) | (t & (type)~c)); break; \
		default: COMMON_OP(op, t, o, c); \
		} \
	} while (0)

#define REAL_OP(op, type, wide, t, o, c) \
	do { \
		switch (op) { \
		case FI_MIN: t = o < t ? o : t; break; \
		case FI_MAX: t = o > t ? o : t; break; \
		case FI_SUM: t = (type)((wide)t + (wide)o); break; \
		default: COMMON_OP(op, t, o, c); \
		} \
	} while (0)

#define COMMON_OP(op, t, o, c) \
	do { \
		bool store = op == FI_ATOMIC_WRITE || (op == FI_CSWAP && c == t) || \
			     (op == FI_CSWAP_NE && c != t) || (op == FI_CSWAP_LE && c <= t) || \
			     (op == FI_CSWAP_LT && c < t) || (op == FI_CSWAP_GE && c >= t) || \
			     (op == FI_CSWAP_GT && c > t); \
		if (store) \
			t = o; \
	} while (0)

#define EFFECT(name, type, wide, apply) \
	static void name(enum fi_op op, uint8_t *at, const uint8_t *operand, \
			 const uint8_t *compare, size_t count) \
	{ \
		type t, o, c; \
		size_t i; \
\
		for (i = 0; i < count; i++) { \
			memcpy(&t, at + i * sizeof(t), sizeof(t)); \
			memcpy(&o, operand + i * sizeof(o), sizeof(o)); \
			memcpy(&c, compare + i * sizeof(c), sizeof(c)); \
			apply(op, type, wide, t, o, c); \
			memcpy(at + i * sizeof(t), &t, sizeof(t)); \
		} \
	}

#if defined(__GNUC__)
/* Equality is meant: the numbers are small integers. */
#pragma GCC diagnostic ignored "-Wfloat-equal"
#endif

EFFECT(effect_int8, int8_t, uint32_t, INTEGER_OP)
EFFECT(effect_uint16, uint16_t, uint32_t, INTEGER_OP)
EFFECT(effect_int32, int32_t, uint32_t, INTEGER_OP)
EFFECT(effect_uint32, uint32_t, uint32_t, INTEGER_OP)
EFFECT(effect_int64, int64_t, uint64_t, INTEGER_OP)
EFFECT(effect_uint64, uint64_t, uint64_t, INTEGER_OP)
EFFECT(effect_float, float, float, REAL_OP)
EFFECT(effect_double, double, double, REAL_OP)

static void apply_atomic(struct stress_pair *p, const struct stress_op *op)
{
	static void (*const effects[])(enum fi_op op, uint8_t *at, const uint8_t *operand,
				       const uint8_t *compare, size_t count) = {
		[FI_INT8] = effect_int8, [FI_UINT16] = effect_uint16, [FI_INT32] = effect_int32,
		[FI_UINT32] = effect_uint32, [FI_INT64] = effect_int64,
		[FI_UINT64] = effect_uint64, [FI_FLOAT] = effect_float,
		[FI_DOUBLE] = effect_double,
	};

	effects[op->type](op->op, p->part + (stress_model(p, op) - p->part), op->operand,
			  op->compare, op->count);
}

void stress_pair_apply(struct stress_pair *p, uint64_t *sums)
{
	const struct stress_op *op;
	uint64_t amount;

	for (op = p->op; op < p->op + p->cnt; op++) {
		switch (op->kind) {
		case STRESS_WRITE:
			stress_fill(op, p->part + (stress_model(p, op) - p->part));
			break;
		case STRESS_ATOMIC:
		case STRESS_FETCH:
		case STRESS_COMPARE:
			apply_atomic(p, op);
			break;
		case STRESS_ADD:
			memcpy(&amount, op->operand, sizeof(amount));
			sums[(op->offset - STRESS_SUMS_AT) / sizeof(amount)] += amount;
			break;
		default:
			break;
		}
	}
}
