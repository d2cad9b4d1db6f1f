/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Atomics between processes: every operation on every type in each of its forms, against
 * arithmetic done here; vectors, counters, what must be refused, and several peers at once.
 */
#include "sys_rma.h"

#include <complex.h>
#include <stdio.h>

#define SPACE	((size_t)64 << 10)
#define FRAGS	8
#define ELEM	32			/* bytes of the largest type */
#define OPS	24			/* a few more than any libfabric has */
#define TYPES	24

#define CAPS	(FI_RMA | FI_ATOMIC | FI_RMA_EVENT)
#define ACCESS	(FI_REMOTE_READ | FI_REMOTE_WRITE)

enum kind { BASE, FETCH, COMPARE, KINDS };

/* ---- the arithmetic, once more ---- */

/* *t = the new value; false: the type does not do that. */
typedef bool (*apply_fn)(int op, void *t, const void *o, const void *c);

#define COMMON_OPS(T) \
	case FI_SUM: t = (T)(t + o); break; \
	case FI_PROD: t = (T)(t * o); break; \
	case FI_LOR: t = (T)(t != 0 || o != 0); break; \
	case FI_LAND: t = (T)(t != 0 && o != 0); break; \
	case FI_LXOR: t = (T)((t != 0) != (o != 0)); break; \
	case FI_ATOMIC_READ: break; \
	case FI_ATOMIC_WRITE: t = o; break; \
	case FI_CSWAP: t = c == t ? o : t; break; \
	case FI_CSWAP_NE: t = c != t ? o : t; break; \
	case DIFF: t = (T)(t - o); break;
#define ORDER_OPS \
	case FI_MIN: t = o < t ? o : t; break; \
	case FI_MAX: t = o > t ? o : t; break; \
	case FI_CSWAP_LE: t = c <= t ? o : t; break; \
	case FI_CSWAP_LT: t = c < t ? o : t; break; \
	case FI_CSWAP_GE: t = c >= t ? o : t; break; \
	case FI_CSWAP_GT: t = c > t ? o : t; break;
#define BIT_OPS(T) \
	case FI_BOR: t = (T)(t | o); break; \
	case FI_BAND: t = (T)(t & o); break; \
	case FI_BXOR: t = (T)(t ^ o); break; \
	case FI_MSWAP: t = (T)((o & c) | (t & ~c)); break;

#define DIFF	19			/* FI_DIFF of libfabric 2 */

#define FUNCTIONS(T, name, cases) \
	static bool apply_##name(int op, void *tp, const void *op_, const void *cp) \
	{ \
		T t, o, c; \
		memcpy(&t, tp, sizeof(t)); \
		memcpy(&o, op_, sizeof(o)); \
		memcpy(&c, cp, sizeof(c)); \
		switch (op) { \
		cases \
		default: \
			return false; \
		} \
		memcpy(tp, &t, sizeof(t)); \
		return true; \
	} \
	static bool same_##name(const void *a, const void *b) \
	{ \
		T x, y; \
		memcpy(&x, a, sizeof(x)); \
		memcpy(&y, b, sizeof(y)); \
		return x == y; \
	} \
	static void set_##name(void *at, int value) \
	{ \
		T x = (T)value; \
		memset(at, 0, sizeof(x)); \
		memcpy(at, &x, sizeof(x)); \
	}

#define INTEGER(T, name) FUNCTIONS(T, name, COMMON_OPS(T) ORDER_OPS BIT_OPS(T))
#define REAL(T, name) FUNCTIONS(T, name, COMMON_OPS(T) ORDER_OPS)
#define COMPLEX(T, name) FUNCTIONS(T, name, COMMON_OPS(T))

INTEGER(int8_t, int8)
INTEGER(uint8_t, uint8)
INTEGER(int16_t, int16)
INTEGER(uint16_t, uint16)
INTEGER(int32_t, int32)
INTEGER(uint32_t, uint32)
INTEGER(int64_t, int64)
INTEGER(uint64_t, uint64)
INTEGER(__int128, int128)
INTEGER(unsigned __int128, uint128)
REAL(float, float)
REAL(double, double)
REAL(long double, long_double)
COMPLEX(float complex, float_complex)
COMPLEX(double complex, double_complex)
COMPLEX(long double complex, long_double_complex)

static const struct type {
	size_t size;
	apply_fn apply;
	bool (*same)(const void *a, const void *b);
	void (*set)(void *at, int value);
} types[TYPES] = {
#define TYPE(code, T, name) [code] = { sizeof(T), apply_##name, same_##name, set_##name }
	TYPE(FI_INT8, int8_t, int8),
	TYPE(FI_UINT8, uint8_t, uint8),
	TYPE(FI_INT16, int16_t, int16),
	TYPE(FI_UINT16, uint16_t, uint16),
	TYPE(FI_INT32, int32_t, int32),
	TYPE(FI_UINT32, uint32_t, uint32),
	TYPE(FI_INT64, int64_t, int64),
	TYPE(FI_UINT64, uint64_t, uint64),
	TYPE(FI_INT128, __int128, int128),
	TYPE(FI_UINT128, unsigned __int128, uint128),
	TYPE(FI_FLOAT, float, float),
	TYPE(FI_DOUBLE, double, double),
	TYPE(FI_LONG_DOUBLE, long double, long_double),
	TYPE(FI_FLOAT_COMPLEX, float complex, float_complex),
	TYPE(FI_DOUBLE_COMPLEX, double complex, double_complex),
	TYPE(FI_LONG_DOUBLE_COMPLEX, long double complex, long_double_complex),
};

/* ---- one operation ---- */

struct side {
	struct sys *s;
	struct sys_ep e;
	struct rma_cntrs c;
	struct rma_region region;
	struct rma_key key;
	uint64_t rand;
	uint64_t reads, writes;
	uint8_t *before, *operand, *compare, *result, *after;
};

static int valid(struct side *me, enum kind kind, int type, int op, size_t *count)
{
	struct fid_ep *ep = me->e.ep;
	enum fi_datatype t = (enum fi_datatype)type;
	enum fi_op o = (enum fi_op)op;

	if (kind == BASE)
		return fi_atomicvalid(ep, t, o, count);
	if (kind == FETCH)
		return fi_fetch_atomicvalid(ep, t, o, count);
	return fi_compare_atomicvalid(ep, t, o, count);
}

static size_t cut_ioc(struct side *me, void *buf, size_t count, size_t size, struct fi_ioc *ioc)
{
	size_t n = 1 + sys_rand_below(&me->rand, FRAGS), i, take;
	uint8_t *at = buf;

	for (i = 0; i < n; i++) {
		take = i + 1 < n ? sys_rand_below(&me->rand, count + 1) : count;
		ioc[i] = (struct fi_ioc){ take ? at : NULL, take };
		at += take * size;
		count -= take;
	}
	return n;
}

static size_t cut_rma(struct side *me, size_t count, size_t size, struct fi_rma_ioc *rma)
{
	size_t n = 1 + sys_rand_below(&me->rand, FRAGS), i, take;
	uint64_t at = me->key.addr;

	for (i = 0; i < n; i++) {
		take = i + 1 < n ? sys_rand_below(&me->rand, count + 1) : count;
		rma[i] = (struct fi_rma_ioc){ at, take, me->key.key };
		at += take * size;
		count -= take;
	}
	return n;
}

static void post_msg(struct side *me, enum kind kind, int type, int op, size_t count,
		     struct sys_op *done)
{
	size_t size = types[type].size, res_cnt, cmp_cnt;
	struct fi_ioc ioc[FRAGS], res[FRAGS], cmp[FRAGS];
	struct fi_rma_ioc rma[FRAGS];
	struct fi_msg_atomic msg = {
		.msg_iov = ioc,
		.iov_count = cut_ioc(me, me->operand, count, size, ioc),
		.addr = me->e.peer[TARGET],
		.rma_iov = rma,
		.rma_iov_count = cut_rma(me, count, size, rma),
		.datatype = (enum fi_datatype)type,
		.op = (enum fi_op)op,
		.context = done,
	};

	res_cnt = cut_ioc(me, me->result, count, size, res);
	cmp_cnt = cut_ioc(me, me->compare, count, size, cmp);
	if (op == FI_ATOMIC_READ)
		msg.msg_iov = NULL, msg.iov_count = 0;
	if (kind == BASE)
		sys_post(&me->e, fi_atomicmsg(me->e.ep, &msg, FI_DELIVERY_COMPLETE));
	else if (kind == FETCH)
		sys_post(&me->e, fi_fetch_atomicmsg(me->e.ep, &msg, res, NULL, res_cnt, 0));
	else
		sys_post(&me->e, fi_compare_atomicmsg(me->e.ep, &msg, cmp, NULL, cmp_cnt, res,
						      NULL, res_cnt, 0));
}

static void post_simple(struct side *me, enum kind kind, int type, int op, size_t count,
			struct sys_op *done)
{
	struct fid_ep *ep = me->e.ep;
	fi_addr_t to = me->e.peer[TARGET];
	uint64_t addr = me->key.addr, key = me->key.key;
	enum fi_datatype t = (enum fi_datatype)type;
	enum fi_op o = (enum fi_op)op;
	const void *buf = op == FI_ATOMIC_READ ? NULL : me->operand;

	if (kind == BASE)
		sys_post(&me->e, fi_atomic(ep, buf, count, NULL, to, addr, key, t, o, done));
	else if (kind == FETCH)
		sys_post(&me->e, fi_fetch_atomic(ep, buf, count, NULL, me->result, NULL, to, addr,
						 key, t, o, done));
	else
		sys_post(&me->e, fi_compare_atomic(ep, buf, count, NULL, me->compare, NULL,
						   me->result, NULL, to, addr, key, t, o, done));
}

static void post_v(struct side *me, enum kind kind, int type, int op, size_t count,
		   struct sys_op *done)
{
	size_t size = types[type].size;
	struct fi_ioc ioc[FRAGS], res[FRAGS], cmp[FRAGS];
	size_t n = cut_ioc(me, me->operand, count, size, ioc);
	size_t r = cut_ioc(me, me->result, count, size, res);
	size_t c = cut_ioc(me, me->compare, count, size, cmp);
	struct fid_ep *ep = me->e.ep;
	fi_addr_t to = me->e.peer[TARGET];
	uint64_t addr = me->key.addr, key = me->key.key;
	enum fi_datatype t = (enum fi_datatype)type;
	enum fi_op o = (enum fi_op)op;

	if (kind == BASE)
		sys_post(&me->e, fi_atomicv(ep, ioc, NULL, n, to, addr, key, t, o, done));
	else if (kind == FETCH)
		sys_post(&me->e, fi_fetch_atomicv(ep, ioc, NULL, n, res, NULL, r, to, addr, key, t,
						  o, done));
	else
		sys_post(&me->e, fi_compare_atomicv(ep, ioc, NULL, n, cmp, NULL, c, res, NULL, r,
						    to, addr, key, t, o, done));
}

/* Values small enough for exact results in every type. */
static void set_all(struct side *me, const struct type *t, uint8_t *at, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		t->set(at + i * t->size, (int)sys_rand_below(&me->rand, 11));
}

static void rma(struct side *me, bool write, void *buf, size_t len)
{
	struct sys_op op = { .done = 0 };

	if (write)
		sys_post(&me->e, fi_write(me->e.ep, buf, len, NULL, me->e.peer[TARGET],
					  me->key.addr, me->key.key, &op));
	else
		sys_post(&me->e, fi_read(me->e.ep, buf, len, NULL, me->e.peer[TARGET],
					 me->key.addr, me->key.key, &op));
	sys_wait_ok(&me->e, &op);
	me->writes += write;
	me->reads += !write;
}

static void check_values(struct side *me, enum kind kind, int type, int op, size_t count)
{
	const struct type *t = &types[type];
	size_t i;

	rma(me, false, me->after, count * t->size);
	for (i = 0; i < count; i++) {
		uint8_t *was = me->before + i * t->size;

		if (kind != BASE)
			expect(t->same(me->result + i * t->size, was),
			       "type %d op %d: element %zu of the result is the old value", type,
			       op, i);
		expect(t->apply(op, was, me->operand + i * t->size, me->compare + i * t->size),
		       "type %d has no operation %d here", type, op);
		expect(t->same(me->after + i * t->size, was),
		       "type %d op %d kind %d: element %zu of %zu has the new value", type, op,
		       kind, i, count);
	}
}

static void one(struct side *me, enum kind kind, int type, int op, size_t count, int form)
{
	const struct type *t = &types[type];
	struct sys_op done = { .done = 0 };

	set_all(me, t, me->before, count);
	set_all(me, t, me->operand, count);
	set_all(me, t, me->compare, count);
	memset(me->result, 0xee, count * t->size);
	sys_guard(me->result, count * t->size);
	rma(me, true, me->before, count * t->size);
	if (form == 0)
		post_simple(me, kind, type, op, count, &done);
	else if (form == 1)
		post_v(me, kind, type, op, count, &done);
	else
		post_msg(me, kind, type, op, count, &done);
	me->writes += kind == BASE;
	me->reads += kind != BASE;
	sys_wait_ok(&me->e, &done);
	expect_eq(done.entry.flags, FI_ATOMIC | (kind == BASE ? FI_WRITE : FI_READ));
	expect_eq(fi_cntr_read(me->c.write), me->writes);
	expect_eq(fi_cntr_read(me->c.read), me->reads);
	sys_check_guard(me->result, count * t->size);
	check_values(me, kind, type, op, count);
}

static void every_operation(struct side *me)
{
	unsigned int done[KINDS] = { 0 };
	int type, op, kind;
	size_t max;

	for (type = 0; type < TYPES; type++) {
		for (op = 0; op < OPS; op++) {
			for (kind = 0; kind < KINDS; kind++) {
				if (valid(me, (enum kind)kind, type, op, &max))
					continue;
				/* The smallest formats have unit tests of their own. */
				if (!types[type].size)
					continue;
				expect(max > 0, "room for an element");
				one(me, (enum kind)kind, type, op, 1, 0);
				one(me, (enum kind)kind, type, op, max, 0);
				one(me, (enum kind)kind, type, op, 1 + max / 3, 1);
				one(me, (enum kind)kind, type, op, 1 + max / 3, 2);
				one(me, (enum kind)kind, type, op, max, 2);
				done[kind]++;
			}
		}
	}
	/* At least: 10 integer types with 11 base operations, and so on. */
	expect(done[BASE] >= 110 && done[FETCH] >= 120 && done[COMPARE] >= 70,
	       "the usual operations, not only %u, %u, %u", done[BASE], done[FETCH],
	       done[COMPARE]);
}

/* ---- what is there, and what is refused ---- */

static void check_query(struct side *me, int type, int op)
{
	static const uint64_t flags[KINDS] = { 0, FI_FETCH_ATOMIC, FI_COMPARE_ATOMIC };
	struct fi_atomic_attr attr = { 0 };
	size_t count = 0;
	int kind, ret;

	for (kind = 0; kind < KINDS; kind++) {
		ret = valid(me, (enum kind)kind, type, op, &count);
		expect(ret == 0 || ret == -FI_EOPNOTSUPP, "0 or -FI_EOPNOTSUPP, not %d", ret);
		expect_ret(fi_query_atomic(me->e.domain, (enum fi_datatype)type, (enum fi_op)op,
					   &attr, flags[kind]), ret);
		if (!ret && type < TYPES && types[type].size) {
			expect_eq(attr.size, types[type].size);
			expect(attr.count >= 1 && count >= attr.count,
			       "what any endpoint can, %zu, within %zu", attr.count, count);
		}
	}
}

static void queries(struct side *me)
{
	static const int odd[] = { -1, 23, 64, 0xfe, 0xff, 0x100, FI_VOID, FI_NOOP, INT32_MIN,
				   INT32_MAX };
	struct fi_atomic_attr attr;
	size_t i, j;
	int type, op;

	for (type = 0; type < TYPES; type++)
		for (op = 0; op < OPS; op++)
			check_query(me, type, op);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (j = 0; j < KINDS; j++) {
			expect_ret(valid(me, (enum kind)j, FI_INT32, odd[i], NULL),
				   -FI_EOPNOTSUPP);
			expect_ret(valid(me, (enum kind)j, odd[i], FI_SUM, NULL), -FI_EOPNOTSUPP);
			expect_ret(valid(me, (enum kind)j, odd[i], odd[i], NULL), -FI_EOPNOTSUPP);
		}
	}
	expect_ret(fi_query_atomic(me->e.domain, FI_INT32, FI_SUM, &attr,
				   FI_FETCH_ATOMIC | FI_COMPARE_ATOMIC), -FI_EINVAL);
}

static void fails(struct side *me, int type, int op, uint64_t addr, uint64_t key, int err)
{
	struct sys_op done = { .done = 0 };

	sys_post(&me->e, fi_fetch_atomic(me->e.ep, me->operand, 1, NULL, me->result, NULL,
					 me->e.peer[TARGET], addr, key, (enum fi_datatype)type,
					 (enum fi_op)op, &done));
	sys_wait(&me->e, &done);
	expect_eq(done.err, err);
}

static void refusals(struct side *me, const struct rma_key *ro)
{
	struct fid_ep *ep = me->e.ep;
	fi_addr_t to = me->e.peer[TARGET];
	uint64_t addr = me->key.addr, key = me->key.key;
	struct sys_op done = { .done = 0 };
	size_t max;

	expect_ok(fi_atomicvalid(ep, FI_INT32, FI_SUM, &max));
	expect_ret(fi_atomic(ep, me->operand, max + 1, NULL, to, addr, key, FI_INT32, FI_SUM,
			     NULL), -FI_EMSGSIZE);
	expect_ret(fi_atomic(ep, me->operand, SIZE_MAX, NULL, to, addr, key, FI_INT32, FI_SUM,
			     NULL), -FI_EMSGSIZE);
	expect_ret(fi_atomic(ep, me->operand, 0, NULL, to, addr, key, FI_INT32, FI_SUM, NULL),
		   -FI_EINVAL);
	expect_ret(fi_atomic(ep, NULL, 1, NULL, to, addr, key, FI_INT32, FI_SUM, NULL),
		   -FI_EINVAL);
	expect_ret(fi_atomic(ep, me->operand, 1, NULL, to, addr, key, FI_INT32, FI_ATOMIC_READ,
			     NULL), -FI_EOPNOTSUPP);
	expect_ret(fi_atomic(ep, me->operand, 1, NULL, to, addr, key, FI_FLOAT, FI_BOR, NULL),
		   -FI_EOPNOTSUPP);
	expect_ret(fi_fetch_atomic(ep, me->operand, 1, NULL, NULL, NULL, to, addr, key, FI_INT32,
				   FI_SUM, NULL), -FI_EINVAL);
	expect_ret(fi_compare_atomic(ep, me->operand, 1, NULL, NULL, NULL, me->result, NULL, to,
				     addr, key, FI_INT32, FI_CSWAP, NULL), -FI_EINVAL);
	fails(me, FI_INT32, FI_SUM, addr, key ^ 0x10, FI_ENOKEY);
	fails(me, FI_INT32, FI_SUM, addr + 1, key, FI_EINVAL);
	fails(me, FI_INT32, FI_SUM, addr + SPACE, key, FI_EFAULT);
	fails(me, FI_INT64, FI_SUM, addr + SPACE - 4, key, FI_EFAULT);
	fails(me, FI_INT32, FI_SUM, ro->addr, ro->key, FI_EACCES);
	sys_post(&me->e, fi_atomic(ep, me->operand, 1, NULL, to, ro->addr, ro->key, FI_INT32,
				   FI_SUM, &done));
	sys_wait(&me->e, &done);
	expect_eq(done.err, FI_EACCES);
}

/* ---- the cases ---- */

static void begin(struct side *me, struct sys *s, const struct sys_opts *o)
{
	uint8_t **bufs[] = { &me->before, &me->operand, &me->compare, &me->result, &me->after };
	size_t i;

	memset(me, 0, sizeof(*me));
	me->s = s;
	me->rand = sys_seed() + (uint64_t)s->rank;
	for (i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		*bufs[i] = sys_alloc(SPACE + SYS_GUARD);
	memset(me->operand, 0, SPACE);
	rma_open(&me->e, o, &me->c);
	sys_connect(s, &me->e);
	if (s->rank == TARGET)
		rma_register(&me->e, &me->region, SPACE, ACCESS, 3, 0, false);
}

static void end(struct side *me)
{
	if (me->s->rank == TARGET)
		rma_unregister(&me->region);
	sys_barrier(me->s, &me->e);
	rma_close(&me->e, &me->c);
	free(me->before);
	free(me->operand);
	free(me->compare);
	free(me->result);
	free(me->after);
}

static void operations(struct sys *s, const void *arg)
{
	struct rma_region ro;
	struct rma_key ro_key;
	struct side me;

	begin(&me, s, arg);
	if (s->rank == INITIATOR) {
		me.key = rma_hear_key(s, &me.e);
		ro_key = rma_hear_key(s, &me.e);
		queries(&me);
		every_operation(&me);
		refusals(&me, &ro_key);
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_register(&me.e, &ro, 64, FI_REMOTE_READ, 4, 0, false);
		rma_tell_key(s, &me.e, &me.region);
		rma_tell_key(s, &me.e, &ro);
		rma_serve(s, &me.e, &me.region, &me.c);
		rma_unregister(&ro);
	}
	end(&me);
}

#define PEERS	3			/* besides the target */
#define ADDS	500

/* Everybody adds to the same number: no sum is lost, and no old value is seen twice. */
static void adding(struct side *me)
{
	fi_addr_t to = me->e.peer[TARGET];
	uint64_t one_more = 1, old, last = 0;
	unsigned int i;

	for (i = 0; i < ADDS; i++) {
		struct sys_op op = { .done = 0 };

		sys_post(&me->e, fi_inject_atomic(me->e.ep, &one_more, 1, to, me->key.addr + 8,
						  me->key.key, FI_UINT64, FI_SUM));
		sys_post(&me->e, fi_fetch_atomic(me->e.ep, &one_more, 1, NULL, &old, NULL, to,
						 me->key.addr, me->key.key, FI_UINT64, FI_SUM,
						 &op));
		sys_wait_ok(&me->e, &op);
		expect(i == 0 || old > last, "a growing number, not %llu after %llu",
		       (unsigned long long)old, (unsigned long long)last);
		last = old;
	}
	while (fi_cntr_read(me->c.write) < ADDS)
		;
}

static void together(struct sys *s, const void *arg)
{
	uint64_t sum[2];
	struct side me;
	int i;

	begin(&me, s, arg);
	if (s->rank == TARGET) {
		struct rma_key key = { 0, fi_mr_key(me.region.mr), SPACE };

		for (i = 0; i < s->size; i++)
			if (i != TARGET)
				sys_tell(s, i, &key, sizeof(key));
	} else {
		sys_hear(s, TARGET, &me.key, sizeof(me.key), &me.e);
		adding(&me);
	}
	sys_barrier(s, &me.e);
	if (s->rank == TARGET) {
		memcpy(sum, me.region.mem, sizeof(sum));
		expect_eq(sum[0], PEERS * ADDS);
		expect_eq(sum[1], PEERS * ADDS);
		expect_eq(fi_cntr_read(me.c.remote_write), PEERS * ADDS);
		expect_eq(fi_cntr_read(me.c.remote_read), PEERS * ADDS);
	}
	end(&me);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = { .caps = CAPS };
	static const struct sys_opts rod = { .caps = CAPS, .msg_order = FI_ORDER_ATOMIC_WAW };
	static const struct sys_opts automatic = { .caps = CAPS, .progress = FI_PROGRESS_AUTO };

	sys_begin(argc, argv);
	sys_case("atomic/rud", 2, operations, &rud);
	sys_case("atomic/rod", 2, operations, &rod);
	sys_case("atomic/auto", 2, operations, &automatic);
	sys_case("atomic/together/rud", PEERS + 1, together, &rud);
	sys_case("atomic/together/rod", PEERS + 1, together, &rod);
	return sys_end();
}
