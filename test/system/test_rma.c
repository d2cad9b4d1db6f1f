/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA between two processes: every call, sizes around the borders, scattered memory on both
 * sides, keys and address modes, counters, data with writes, and what must be refused.
 */
#include "sys_rma.h"

#include <rdma/fi_ext_uet.h>

#define SPACE	((size_t)9 << 20)	/* bytes of the region */
#define AT	3			/* everything begins unaligned */
#define FRAGS	8

#define CAPS	(FI_RMA | FI_RMA_EVENT | FI_SOURCE)
#define ACCESS	(FI_REMOTE_READ | FI_REMOTE_WRITE)
#define VIRT	(FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)

struct variant {
	const char *name;
	struct sys_opts o;
	uint64_t key, flags;	/* of the region */
	bool event;		/* a counter is bound to it */
	bool dc;		/* FI_DELIVERY_COMPLETE */
	bool uncounted;		/* the target cannot tell how often it was reached */
};

enum call {
	WRITE, WRITEV, WRITEMSG, WRITE_SEGS, WRITEDATA, WRITEMSG_DATA, SEGS_DATA, INJECT,
	INJECTDATA, WRITES, READ = WRITES, READV, READMSG, READ_SEGS, CALLS,
};

static bool has_data(enum call call)
{
	return call == WRITEDATA || call == WRITEMSG_DATA || call == SEGS_DATA ||
	       call == INJECTDATA;
}

/* One side of a case. */
struct side {
	struct sys *s;
	struct sys_ep e;
	struct rma_cntrs c;
	struct rma_region region;
	struct rma_key key;
	uint8_t *buf;
	uint64_t rand;
	uint64_t writes, reads;	/* by this side */
	uint64_t flags;		/* of msg calls */
	bool uncounted;
	/* The target sees each segment as an operation of its own. */
	uint64_t remote_writes, remote_reads;
	unsigned int segs;	/* of the last call */
	size_t last_seg;	/* bytes of the last one */
};

/* Cut [0, @len) into at most FRAGS parts, some of them empty; returns their number. */
static size_t cut(uint64_t *rand, size_t len, size_t parts[FRAGS])
{
	size_t n = 1 + sys_rand_below(rand, FRAGS), i, left = len;

	for (i = 0; i + 1 < n; i++) {
		parts[i] = sys_rand_below(rand, left + 1);
		if (sys_rand_below(rand, 4) == 0)
			parts[i] = 0;
		left -= parts[i];
	}
	parts[n - 1] = left;
	return n;
}

static size_t cut_iov(struct side *me, uint8_t *buf, size_t len, struct iovec iov[FRAGS])
{
	size_t parts[FRAGS], n = cut(&me->rand, len, parts), i;

	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ parts[i] ? buf : NULL, parts[i] };
		buf += parts[i];
	}
	return n;
}

static size_t cut_rma(struct side *me, uint64_t addr, size_t len, struct fi_rma_iov rma[FRAGS])
{
	size_t parts[FRAGS], n = cut(&me->rand, len, parts), i;

	me->segs = len ? 0 : 1;
	for (i = 0; i < n; i++) {
		rma[i] = (struct fi_rma_iov){ addr, parts[i], me->key.key };
		addr += parts[i];
		if (!parts[i])
			continue;
		me->last_seg = parts[i];
		me->segs++;
	}
	return n;
}

static void post_msg(struct side *me, enum call call, uint8_t *buf, size_t len, uint64_t addr,
		     uint64_t data, struct sys_op *op)
{
	struct iovec iov[FRAGS];
	struct fi_rma_iov rma[FRAGS] = { { addr, len, me->key.key } };
	struct fi_msg_rma msg = {
		.msg_iov = iov,
		.iov_count = cut_iov(me, buf, len, iov),
		.addr = me->e.peer[TARGET],
		.rma_iov = rma,
		.rma_iov_count = 1,
		.context = op,
		.data = data,
	};
	uint64_t flags = me->flags | (has_data(call) ? FI_REMOTE_CQ_DATA : 0);

	me->last_seg = len;
	me->segs = 1;

	if (call == WRITE_SEGS || call == SEGS_DATA || call == READ_SEGS)
		msg.rma_iov_count = cut_rma(me, addr, len, rma);
	if (call >= READ)
		sys_post(&me->e, fi_readmsg(me->e.ep, &msg, flags));
	else
		sys_post(&me->e, fi_writemsg(me->e.ep, &msg, flags));
	/* The vectors are the caller's again. */
	memset(iov, 0xff, sizeof(iov));
	memset(rma, 0xff, sizeof(rma));
}

static void post(struct side *me, enum call call, uint8_t *buf, size_t len, uint64_t off,
		 uint64_t data, struct sys_op *op)
{
	struct fid_ep *ep = me->e.ep;
	fi_addr_t to = me->e.peer[TARGET];
	uint64_t addr = me->key.addr + off, key = me->key.key;
	struct iovec iov[FRAGS];
	size_t n;

	me->segs = 1;
	switch (call) {
	case WRITE:
		sys_post(&me->e, fi_write(ep, buf, len, NULL, to, addr, key, op));
		break;
	case WRITEV:
		n = cut_iov(me, buf, len, iov);
		sys_post(&me->e, fi_writev(ep, iov, NULL, n, to, addr, key, op));
		break;
	case WRITEDATA:
		sys_post(&me->e, fi_writedata(ep, buf, len, NULL, data, to, addr, key, op));
		break;
	case INJECT:
		sys_post(&me->e, fi_inject_write(ep, buf, len, to, addr, key));
		break;
	case INJECTDATA:
		sys_post(&me->e, fi_inject_writedata(ep, buf, len, data, to, addr, key));
		break;
	case READ:
		sys_post(&me->e, fi_read(ep, buf, len, NULL, to, addr, key, op));
		break;
	case READV:
		n = cut_iov(me, buf, len, iov);
		sys_post(&me->e, fi_readv(ep, iov, NULL, n, to, addr, key, op));
		break;
	default:
		post_msg(me, call, buf, len, addr, data, op);
		break;
	}
	me->writes += call < WRITES;
	me->reads += call >= READ;
	me->remote_writes += call < WRITES ? me->segs : 0;
	me->remote_reads += call >= READ ? me->segs : 0;
}

static void finish(struct side *me, enum call call, size_t len, struct sys_op *op)
{
	uint64_t flags = FI_RMA | (call < WRITES ? FI_WRITE : FI_READ);

	if (call != INJECT && call != INJECTDATA) {
		sys_wait_ok(&me->e, op);
		expect_eq(op->entry.flags, flags);
		expect_eq(op->entry.len, len);
	}
	while (fi_cntr_read(me->c.write) < me->writes || fi_cntr_read(me->c.read) < me->reads)
		;
	expect_eq(fi_cntr_read(me->c.write), me->writes);
	expect_eq(fi_cntr_read(me->c.read), me->reads);
	expect_eq(fi_cntr_readerr(me->c.write) + fi_cntr_readerr(me->c.read), 0);
}

static void one_call(struct side *me, enum call call, size_t len)
{
	size_t inject = me->e.info->tx_attr->inject_size;
	uint64_t off = sys_rand_below(&me->rand, SPACE - len + 1);
	uint64_t id = sys_rand(&me->rand);
	struct sys_op op = { .done = 0 };
	uint8_t *buf = me->buf + AT;

	if ((call == INJECT || call == INJECTDATA) && len > inject)
		return;
	if (call < WRITES) {
		sys_fill(buf, len, id);
		post(me, call, buf, len, off, id, &op);
		if (call == INJECT || call == INJECTDATA)
			memset(buf, 0xee, len);
		finish(me, call, len, &op);
		rma_tell(me->s, &me->e, RMA_CHECK, off, len, id);
		if (has_data(call))
			rma_tell(me->s, &me->e, RMA_ENTRY, 0,
				 call == SEGS_DATA ? me->last_seg : len, id);
		return;
	}
	rma_tell(me->s, &me->e, RMA_FILL, off, len, id);
	memset(buf, 0xee, len);
	sys_guard(buf, len);
	post(me, call, buf, len, off, 0, &op);
	finish(me, call, len, &op);
	sys_verify(buf, len, id);
	sys_check_guard(buf, len);
}

static void all_calls(struct side *me)
{
	static const size_t sizes[] = {
		0, 1, 7, 8, 15, 16, 17, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8191, 8192, 8193,
		65536, 100003, 1 << 20, (1 << 20) + 1, 8 << 20,
	};
	size_t i, n = sizeof(sizes) / sizeof(sizes[0]) - (sys_short() ? 2 : 0);
	int call;

	for (call = 0; call < CALLS; call++)
		for (i = 0; i < n; i++)
			one_call(me, (enum call)call, sizes[i]);
	if (!me->uncounted)
		rma_tell(me->s, &me->e, RMA_REMOTE, 0, me->remote_reads, me->remote_writes);
}

/* ---- both sides ---- */

static void begin(struct side *me, struct sys *s, const struct variant *v)
{
	memset(me, 0, sizeof(*me));
	me->s = s;
	me->rand = sys_seed();
	me->flags = v->dc ? FI_DELIVERY_COMPLETE : 0;
	me->uncounted = v->uncounted;
	me->buf = sys_alloc(SPACE + AT + SYS_GUARD);
	rma_open(&me->e, &v->o, &me->c);
	sys_connect(s, &me->e);
	if (s->rank == TARGET) {
		rma_register(&me->e, &me->region, SPACE, ACCESS, v->key, v->flags, v->event);
		rma_tell_key(s, &me->e, &me->region);
	} else {
		me->key = rma_hear_key(s, &me->e);
	}
}

static void end(struct side *me)
{
	if (me->s->rank == TARGET)
		rma_unregister(&me->region);
	sys_barrier(me->s, &me->e);
	rma_close(&me->e, &me->c);
	free(me->buf);
}

static void calls(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	struct side me;

	begin(&me, s, v);
	if (s->rank == INITIATOR) {
		all_calls(&me);
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_serve(s, &me.e, &me.region, &me.c);
		if (v->event)
			expect_eq(fi_cntr_read(me.region.cntr), fi_cntr_read(me.c.remote_write));
	}
	end(&me);
}

/* ---- order ---- */

static void order_round(struct side *me, size_t len)
{
	struct sys_op op[5] = { { .done = 0 } };
	uint8_t *first = me->buf, *second = first + len, *third = second + len;
	uint8_t *got = third + len, *late = got + len;
	uint64_t id = sys_rand(&me->rand);

	sys_fill(first, len, id);
	sys_fill(second, len, id + 1);
	sys_fill(third, len, id + 2);
	/* Write, write over it, read, write again, read: each sees what came before only. */
	post(me, WRITE, first, len, 5, 0, &op[0]);
	post(me, WRITE, second, len, 5, 0, &op[1]);
	post(me, READ, got, len, 5, 0, &op[2]);
	post(me, WRITE, third, len, 5, 0, &op[3]);
	post(me, READ, late, len, 5, 0, &op[4]);
	sys_wait_ok(&me->e, &op[0]);
	sys_wait_ok(&me->e, &op[1]);
	sys_wait_ok(&me->e, &op[2]);
	sys_wait_ok(&me->e, &op[3]);
	sys_wait_ok(&me->e, &op[4]);
	sys_verify(got, len, id + 1);
	sys_verify(late, len, id + 2);
	rma_tell(me->s, &me->e, RMA_CHECK, 5, len, id + 2);
}

static void ordered(struct sys *s, const void *arg)
{
	unsigned int i, rounds = sys_scaled(200, 30);
	struct side me;

	begin(&me, s, arg);
	if (s->rank == INITIATOR) {
		for (i = 0; i < rounds; i++)
			order_round(&me, 1 + sys_rand_below(&me.rand, i % 8 ? 20000 : 1000000));
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_serve(s, &me.e, &me.region, &me.c);
	}
	end(&me);
}

/* ---- what is refused ---- */

static void refused(struct side *me, enum call call, uint64_t addr, size_t len, uint64_t key,
		    int err)
{
	struct rma_key good = me->key;
	struct sys_op op = { .done = 0 };
	uint64_t errors = fi_cntr_readerr(call < WRITES ? me->c.write : me->c.read);

	memset(me->buf, 0xaa, len);
	me->key.addr = 0;
	me->key.key = key;
	post(me, call, me->buf, len, addr, 1, &op);
	me->key = good;
	sys_wait(&me->e, &op);
	expect_eq(op.err, err);
	expect(op.prov_errno > 0, "a reason, not prov_errno %d", op.prov_errno);
	expect_eq(fi_cntr_readerr(call < WRITES ? me->c.write : me->c.read), errors + 1);
	if (call >= READ)
		expect(me->buf[0] == 0xaa, "the reader's memory untouched");
	rma_tell(me->s, &me->e, RMA_CHECK, 0, SPACE, 4711);
}

static void bad_requests(struct side *me)
{
	uint64_t base = me->key.addr, key = me->key.key;
	static const enum call kinds[] = { WRITE, WRITEMSG_DATA, READ };
	size_t i;

	for (i = 0; i < 3; i++) {
		enum call k = kinds[i];

		refused(me, k, base, 8, key ^ 0x10, FI_ENOKEY);
		refused(me, k, base, 100000, key ^ 0x10, FI_ENOKEY);
		refused(me, k, base + SPACE - 7, 8, key, FI_EFAULT);
		refused(me, k, base - 1, 8, key, FI_EFAULT);
		refused(me, k, base + SPACE, 1, key, FI_EFAULT);
		refused(me, k, base + SPACE - 99999, 100000, key, FI_EFAULT);
		refused(me, k, base - 1, 100000, key, FI_EFAULT);
		refused(me, k, base + (1ull << 63), 8, key, FI_EFAULT);
	}
}

static void local_refusals(struct side *me)
{
	struct fid_ep *ep = me->e.ep;
	size_t inject = me->e.info->tx_attr->inject_size;
	fi_addr_t to = me->e.peer[TARGET];
	struct iovec iov[FRAGS + 1] = { { me->buf, 8 } };
	struct fi_rma_iov rma[FRAGS + 1] = { { me->key.addr, 8, me->key.key } };
	struct fi_msg_rma msg = { .msg_iov = iov, .iov_count = 1, .addr = to, .rma_iov = rma,
				  .rma_iov_count = 1 };

	expect_ret(fi_write(ep, me->buf, 1ull << 32, NULL, to, 0, 0, NULL), -FI_EMSGSIZE);
	expect_ret(fi_read(ep, me->buf, 1ull << 32, NULL, to, 0, 0, NULL), -FI_EMSGSIZE);
	expect_ret(fi_inject_write(ep, me->buf, inject + 1, to, 0, 0), -FI_EMSGSIZE);
	expect_ret(fi_write(ep, NULL, 8, NULL, to, 0, 0, NULL), -FI_EINVAL);
	expect_ret(fi_write(ep, me->buf, 8, NULL, 77, 0, 0, NULL), -FI_EINVAL);
	expect_ret(fi_writemsg(ep, &msg, FI_TAGGED), -FI_EBADFLAGS);
	expect_ret(fi_readmsg(ep, &msg, FI_REMOTE_CQ_DATA), -FI_EBADFLAGS);
	msg.iov_count = FRAGS + 1;
	expect_ret(fi_writemsg(ep, &msg, 0), -FI_EINVAL);
	msg.iov_count = 1;
	msg.rma_iov_count = FRAGS + 1;
	expect_ret(fi_writemsg(ep, &msg, 0), -FI_EINVAL);
	msg.rma_iov_count = 0;
	expect_ret(fi_writemsg(ep, &msg, 0), -FI_EINVAL);
	msg.rma_iov_count = 1;
	rma[0].len = 9;
	expect_ret(fi_writemsg(ep, &msg, 0), -FI_EINVAL);
}

static void refusals(struct sys *s, const void *arg)
{
	struct rma_region ro, wo;
	struct rma_key ro_key, wo_key;
	struct side me;

	begin(&me, s, arg);
	if (s->rank == INITIATOR) {
		ro_key = rma_hear_key(s, &me.e);
		wo_key = rma_hear_key(s, &me.e);
		rma_tell(s, &me.e, RMA_FILL, 0, SPACE, 4711);
		local_refusals(&me);
		bad_requests(&me);
		refused(&me, WRITE, ro_key.addr, 8, ro_key.key, FI_EACCES);
		refused(&me, WRITE_SEGS, ro_key.addr, 64, ro_key.key, FI_EACCES);
		refused(&me, READ, wo_key.addr, 8, wo_key.key, FI_EACCES);
		refused(&me, READ_SEGS, wo_key.addr, 64, wo_key.key, FI_EACCES);
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_register(&me.e, &ro, 64, FI_REMOTE_READ, 1001, 0, false);
		rma_register(&me.e, &wo, 64, FI_REMOTE_WRITE, 1002, 0, false);
		rma_tell_key(s, &me.e, &ro);
		rma_tell_key(s, &me.e, &wo);
		rma_serve(s, &me.e, &me.region, &me.c);
		rma_unregister(&ro);
		rma_unregister(&wo);
	}
	end(&me);
}

/* ---- a region that goes while it is used ---- */

#define FLOOD	64

static void closing(struct sys *s, const void *arg)
{
	const size_t len = 100000;
	struct sys_op op[FLOOD] = { { .done = 0 } };
	unsigned int i, failed = 0;
	struct side me;

	begin(&me, s, arg);
	if (s->rank == INITIATOR) {
		for (i = 0; i < FLOOD; i++) {
			post(&me, i % 4 ? WRITE : READ, me.buf + i % 4 * len, len, i * len, 0,
			     &op[i]);
			if (i == FLOOD / 2)
				rma_tell(s, &me.e, RMA_CLOSE, 0, 0, 0);
		}
		for (i = 0; i < FLOOD; i++) {
			sys_wait(&me.e, &op[i]);
			expect(!op[i].err || op[i].err == FI_ENOKEY, "FI_ENOKEY, not %d",
			       op[i].err);
			failed += op[i].err != 0;
		}
		expect(failed >= FLOOD / 2 - 1, "what came later to fail, not %u of it", failed);
		rma_tell(s, &me.e, RMA_UNCHANGED, 0, 0, 0);
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_serve(s, &me.e, &me.region, &me.c);
	}
	end(&me);
}

/* ---- FI_INJECT over several segments: the buffer is the caller's on return ---- */

static void inject_segs(struct sys *s, const void *arg)
{
	struct side me;
	unsigned int i;
	size_t len;

	begin(&me, s, arg);
	if (s->rank == INITIATOR) {
		len = me.e.info->tx_attr->inject_size;
		for (i = 0; i < sys_scaled(200, 50); i++) {
			struct sys_op op = { .done = 0 };
			uint64_t id = sys_rand(&me.rand);

			me.flags = FI_INJECT;
			sys_fill(me.buf, len, id);
			post(&me, i % 2 ? SEGS_DATA : WRITE_SEGS, me.buf, len, i, id, &op);
			memset(me.buf, 0xee, len);
			finish(&me, WRITE_SEGS, len, &op);
			rma_tell(s, &me.e, RMA_CHECK, i, len, id);
			if (i % 2)
				rma_tell(s, &me.e, RMA_ENTRY, 0, me.last_seg, id);
		}
		rma_tell(s, &me.e, RMA_END, 0, 0, 0);
	} else {
		rma_serve(s, &me.e, &me.region, &me.c);
	}
	end(&me);
}

#define VARIANT(n, ...) .name = n, .o = { .caps = CAPS, __VA_ARGS__ }

static const struct variant variants[] = {
	{ VARIANT("rma/rud", .mr_mode = 0), .key = 0 },
	{ VARIANT("rma/rod", .msg_order = FI_ORDER_RAW), .key = UINT64_MAX - 1 },
	{ VARIANT("rma/rud/virt", .mr_mode = VIRT) },
	{ VARIANT("rma/rod/delivery", .msg_order = FI_ORDER_SAS), .dc = true },
	{ VARIANT("rma/rud/event", .mr_mode = FI_MR_RMA_EVENT), .event = true },
	{ VARIANT("rma/rud/endpoint", .mr_mode = FI_MR_ENDPOINT | FI_MR_PROV_KEY) },
	{ VARIANT("rma/rud/auto", .progress = FI_PROGRESS_AUTO) },
	{ VARIANT("rma/rod/ipv6", .ipv6 = true, .msg_order = FI_ORDER_WAW) },
	{ VARIANT("rma/rod/optimized", .mr_mode = FI_MR_PROV_KEY, .addr_format = FI_ADDR_UET,
		  .msg_order = FI_ORDER_WAW), .flags = FI_UET_MR_OPTIMIZED },
	{ VARIANT("rma/rudi", .mr_mode = FI_MR_PROV_KEY), .flags = FI_UET_MR_IDEMPOTENT,
	  .uncounted = true },
	{ VARIANT("rma/rudi/optimized", .mr_mode = FI_MR_PROV_KEY, .addr_format = FI_ADDR_UET),
	  .flags = FI_UET_MR_IDEMPOTENT | FI_UET_MR_OPTIMIZED, .uncounted = true },
};

int main(int argc, char **argv)
{
	static const struct variant rod = { VARIANT("", .msg_order = FI_ORDER_RMA_WAR) };
	static const struct variant rud = { VARIANT("", .mr_mode = 0) };
	static const struct variant virt = { VARIANT("", .mr_mode = VIRT) };
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		sys_case(variants[i].name, 2, calls, &variants[i]);
	sys_case("rma/order", 2, ordered, &rod);
	sys_case("rma/inject/rud", 2, inject_segs, &rud);
	sys_case("rma/inject/rod", 2, inject_segs, &rod);
	sys_case("rma/refused/rud", 2, refusals, &rud);
	sys_case("rma/refused/rod", 2, refusals, &rod);
	sys_case("rma/refused/virt", 2, refusals, &virt);
	sys_case("rma/closing/rud", 2, closing, &rud);
	sys_case("rma/closing/rod", 2, closing, &rod);
	return sys_end();
}
