/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every size around every boundary, through every call that sends, with every byte checked.
 */
#include "sys.h"

#include <stdio.h>

#define MAX_SIZES	160
#define AHEAD		8		/* messages in flight */
#define BIG		((size_t)4 << 20)

struct variant {
	const char *name;
	uint64_t msg_order;
	bool ipv6;
	const char *mtu;		/* FI_UET_MTU, or NULL */
	bool brief;			/* part of a short run */
};

static const struct variant variants[] = {
	{ "sizes/rud/ipv4", 0, false, NULL, true },
	{ "sizes/rod/ipv4", FI_ORDER_SAS, false, NULL, true },
	{ "sizes/rud/ipv6", 0, true, NULL, true },
	{ "sizes/rod/ipv6", FI_ORDER_SAS, true, NULL, true },
	{ "sizes/rud/mtu-1024", 0, false, "1024", true },
	{ "sizes/rod/mtu-1024", FI_ORDER_SAS, false, "1024", false },
	{ "sizes/rud/mtu-2048", 0, false, "2048", false },
	{ "sizes/rod/mtu-4096", FI_ORDER_SAS, false, "4096", false },
};

enum call { SEND, SENDV, SENDMSG, SENDMSG_DATA, SENDDATA, INJECT, INJECTDATA, CALLS };

static const bool with_data[CALLS] = {
	[SENDMSG_DATA] = true, [SENDDATA] = true, [INJECTDATA] = true,
};

static const bool no_entry[CALLS] = { [INJECT] = true, [INJECTDATA] = true };

/* ---- the sizes ---- */

struct sizes {
	size_t v[MAX_SIZES];
	unsigned int cnt;
};

static void add(struct sizes *s, size_t size)
{
	unsigned int i;

	if (size > BIG)
		return;
	for (i = 0; i < s->cnt; i++)
		if (s->v[i] == size)
			return;
	expect(s->cnt < MAX_SIZES, "room for one more size");
	s->v[s->cnt++] = size;
}

static void add_around(struct sizes *s, size_t size)
{
	add(s, size - 1);
	add(s, size);
	add(s, size + 1);
}

static void all_sizes(struct sizes *s, size_t inject_size)
{
	static const size_t mtus[] = { 1024, 2048, 4096, 8192 };
	static const size_t multiples[] = { 1, 2, 3, 7, 8, 9 };
	static const size_t edges[] = { 65536, 262144, 1048576 };
	size_t i, j;

	s->cnt = 0;
	add(s, 0);
	add_around(s, 8);
	if (inject_size)
		add_around(s, inject_size);
	for (i = 0; i < 4; i++)
		for (j = 0; j < (sys_short() ? 2 : 6); j++)
			add_around(s, mtus[i] * multiples[j]);
	for (i = 0; i < (sys_short() ? 1 : 3); i++)
		add_around(s, edges[i]);
	add(s, sys_short() ? (size_t)1 << 20 : BIG);
}

/* ---- the plan: both sides walk through the same list of messages ---- */

struct msg {
	uint64_t id;
	enum call call;
	bool tagged;
	size_t size;
	uint8_t *buf;			/* the receiver's or the sender's */
	struct sys_op op;
};

static uint64_t data_of(const struct msg *m)
{
	return m->id * 0x0123456789abcdefu | 1;
}

/* Cut a buffer into uneven pieces, one of them empty. */
static size_t cut(struct iovec *iov, size_t limit, void *buf, size_t len)
{
	size_t first = len / 3, second = len ? 1 : 0;

	if (second > len - first)
		second = 0;
	if (limit < 4) {
		iov[0] = (struct iovec){ buf, len };
		return 1;
	}
	iov[0] = (struct iovec){ buf, first };
	iov[1] = (struct iovec){ NULL, 0 };
	iov[2] = (struct iovec){ (char *)buf + first, second };
	iov[3] = (struct iovec){ (char *)buf + first + second, len - first - second };
	return 4;
}

static ssize_t send_untagged(struct sys_ep *e, struct msg *m, fi_addr_t to)
{
	struct iovec iov[4];
	struct fi_msg msg = { .msg_iov = iov, .addr = to, .context = &m->op, .data = data_of(m) };

	switch (m->call) {
	case SEND:
		return fi_send(e->ep, m->buf, m->size, NULL, to, &m->op);
	case SENDV:
		return fi_sendv(e->ep, iov, NULL,
				cut(iov, e->info->tx_attr->iov_limit, m->buf, m->size), to, &m->op);
	case SENDMSG:
	case SENDMSG_DATA:
		msg.iov_count = cut(iov, e->info->tx_attr->iov_limit, m->buf, m->size);
		return fi_sendmsg(e->ep, &msg, m->call == SENDMSG ? 0 : FI_REMOTE_CQ_DATA);
	case SENDDATA:
		return fi_senddata(e->ep, m->buf, m->size, NULL, data_of(m), to, &m->op);
	case INJECT:
		return fi_inject(e->ep, m->buf, m->size, to);
	default:
		return fi_injectdata(e->ep, m->buf, m->size, data_of(m), to);
	}
}

static ssize_t send_tagged(struct sys_ep *e, struct msg *m, fi_addr_t to)
{
	struct iovec iov[4];
	struct fi_msg_tagged msg = {
		.msg_iov = iov,
		.addr = to,
		.tag = m->id,
		.context = &m->op,
		.data = data_of(m),
	};

	switch (m->call) {
	case SEND:
		return fi_tsend(e->ep, m->buf, m->size, NULL, to, m->id, &m->op);
	case SENDV:
		return fi_tsendv(e->ep, iov, NULL,
				 cut(iov, e->info->tx_attr->iov_limit, m->buf, m->size), to, m->id,
				 &m->op);
	case SENDMSG:
	case SENDMSG_DATA:
		msg.iov_count = cut(iov, e->info->tx_attr->iov_limit, m->buf, m->size);
		return fi_tsendmsg(e->ep, &msg, m->call == SENDMSG ? 0 : FI_REMOTE_CQ_DATA);
	case SENDDATA:
		return fi_tsenddata(e->ep, m->buf, m->size, NULL, data_of(m), to, m->id, &m->op);
	case INJECT:
		return fi_tinject(e->ep, m->buf, m->size, to, m->id);
	default:
		return fi_tinjectdata(e->ep, m->buf, m->size, data_of(m), to, m->id);
	}
}

static ssize_t receive(struct sys_ep *e, struct msg *m)
{
	struct iovec iov[4];
	size_t cnt = cut(iov, e->info->rx_attr->iov_limit, m->buf, m->size);
	struct fi_msg msg = { .msg_iov = iov, .iov_count = cnt, .context = &m->op,
			      .addr = FI_ADDR_UNSPEC };
	struct fi_msg_tagged tmsg = { .msg_iov = iov, .iov_count = cnt, .context = &m->op,
				      .addr = FI_ADDR_UNSPEC, .tag = m->id };

	switch (m->id % 3 + (m->tagged ? 3 : 0)) {
	case 0:
		return fi_recv(e->ep, m->buf, m->size, NULL, FI_ADDR_UNSPEC, &m->op);
	case 1:
		return fi_recvv(e->ep, iov, NULL, cnt, FI_ADDR_UNSPEC, &m->op);
	case 2:
		return fi_recvmsg(e->ep, &msg, 0);
	case 3:
		return fi_trecv(e->ep, m->buf, m->size, NULL, FI_ADDR_UNSPEC, m->id, 0, &m->op);
	case 4:
		return fi_trecvv(e->ep, iov, NULL, cnt, FI_ADDR_UNSPEC, m->id, 0, &m->op);
	default:
		return fi_trecvmsg(e->ep, &tmsg, 0);
	}
}

/* ---- one message at each side ---- */

static void post_receive(struct sys_ep *e, struct msg *m)
{
	m->buf = sys_alloc(m->size + SYS_GUARD);
	sys_guard(m->buf, m->size);
	sys_post(e, receive(e, m));
}

static void finish_receive(struct sys *s, struct sys_ep *e, struct msg *m)
{
	sys_wait_ok(e, &m->op);
	expect_eq(m->op.entry.len, m->size);
	expect_eq(sys_flags(m->op.entry.flags),
		  sys_flags(FI_RECV | (m->tagged ? FI_TAGGED : FI_MSG) |
			    (with_data[m->call] ? FI_REMOTE_CQ_DATA : 0)));
	if (m->tagged)
		expect_eq(m->op.entry.tag, m->id);
	if (with_data[m->call])
		expect_eq(m->op.entry.data, data_of(m));
	expect_eq(m->op.src, e->peer[1 - s->rank]);
	sys_verify(m->buf, m->size, m->id);
	sys_check_guard(m->buf, m->size);
	free(m->buf);
}

static void start_send(struct sys *s, struct sys_ep *e, struct msg *m)
{
	fi_addr_t to = e->peer[1 - s->rank];

	m->buf = sys_alloc(m->size);
	sys_fill(m->buf, m->size, m->id);
	sys_post(e, m->tagged ? send_tagged(e, m, to) : send_untagged(e, m, to));
	/* The buffer belongs to the caller again. */
	if (no_entry[m->call])
		memset(m->buf, 0xee, m->size);
}

static void finish_send(struct sys_ep *e, struct msg *m)
{
	if (!no_entry[m->call]) {
		sys_wait_ok(e, &m->op);
		expect_eq(sys_flags(m->op.entry.flags),
			  sys_flags(FI_SEND | (m->tagged ? FI_TAGGED : FI_MSG)));
		sys_verify(m->buf, m->size, m->id);
	}
	free(m->buf);
}

/* ---- all messages of one call ---- */

/*
 * @ahead messages are in flight. Untagged ones without order could overtake one another, and
 * then nobody knows which is which: these go one by one.
 */
static void sender(struct sys *s, struct sys_ep *e, struct msg *m, unsigned int cnt,
		   unsigned int ahead)
{
	unsigned int i;
	char byte;

	for (i = 0; i < cnt + ahead; i++) {
		if (i >= ahead) {
			finish_send(e, &m[i - ahead]);
			sys_hear(s, 0, &byte, 1, e);
		}
		if (i < cnt)
			start_send(s, e, &m[i]);
	}
}

static void receiver(struct sys *s, struct sys_ep *e, struct msg *m, unsigned int cnt,
		     unsigned int ahead)
{
	unsigned int i;
	char byte = 'r';

	for (i = 0; i < cnt + ahead; i++) {
		if (i >= ahead) {
			finish_receive(s, e, &m[i - ahead]);
			sys_tell(s, 1, &byte, 1);
		}
		if (i < cnt)
			post_receive(e, &m[i]);
	}
}

static void one_call(struct sys *s, struct sys_ep *e, enum call call, bool tagged)
{
	size_t inject = e->info->tx_attr->inject_size;
	struct msg *m = calloc(MAX_SIZES, sizeof(*m));
	unsigned int cnt = 0, i, ahead;
	struct sizes sizes;

	expect(m, "out of memory");
	all_sizes(&sizes, inject);
	for (i = 0; i < sizes.cnt; i++) {
		if (no_entry[call] && sizes.v[i] > inject)
			continue;
		m[cnt] = (struct msg){
			.id = (uint64_t)call << 40 | (uint64_t)tagged << 32 | i,
			.call = call,
			.tagged = tagged,
			.size = sizes.v[i],
		};
		cnt++;
	}
	ahead = tagged || e->info->tx_attr->msg_order & FI_ORDER_SAS ? AHEAD : 1;
	if (s->rank == 0)
		receiver(s, e, m, cnt, ahead);
	else
		sender(s, e, m, cnt, ahead);
	free(m);
}

static void all_calls(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	struct sys_opts opts = {
		.caps = FI_SOURCE | FI_DIRECTED_RECV,
		.msg_order = v->msg_order,
		.ipv6 = v->ipv6,
	};
	struct sys_ep e;
	enum call call;

	if (v->mtu)
		setenv("FI_UET_MTU", v->mtu, 1);
	sys_open(&e, &opts);
	if (sys_is_uet())
		expect_eq(e.info->tx_attr->msg_order, v->msg_order);
	sys_connect(s, &e);
	for (call = SEND; call < CALLS; call++) {
		one_call(s, &e, call, false);
		one_call(s, &e, call, true);
	}
	expect_eq(e.null_entries, 0);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- what does not fit ---- */

static void too_long(struct sys *s, const void *arg)
{
	struct sys_ep e;
	struct sys_opts opts = { 0 };
	struct sys_op op = { 0 };
	struct iovec iov[64] = { 0 };
	size_t inject;
	char *buf;

	(void)s;
	(void)arg;
	if (!sys_is_uet())
		sys_skip("the codes are uet's");
	sys_open(&e, &opts);
	e.peer[0] = sys_insert(&e, e.name);
	inject = e.info->tx_attr->inject_size;
	buf = sys_alloc(inject + 1);
	memset(buf, 0, inject + 1);
	expect_ret(fi_inject(e.ep, buf, inject + 1, e.peer[0]), -FI_EMSGSIZE);
	expect_ret(fi_tinject(e.ep, buf, inject + 1, e.peer[0], 1), -FI_EMSGSIZE);
	expect_ret(fi_injectdata(e.ep, buf, inject + 1, 1, e.peer[0]), -FI_EMSGSIZE);
	expect_ret(fi_send(e.ep, buf, e.info->ep_attr->max_msg_size + 1, NULL, e.peer[0], &op),
		   -FI_EMSGSIZE);
	expect_ret(fi_tsend(e.ep, buf, SIZE_MAX, NULL, e.peer[0], 1, &op), -FI_EMSGSIZE);
	expect(e.info->tx_attr->iov_limit < 64, "an iov_limit below 64");
	expect_ret(fi_sendv(e.ep, iov, NULL, e.info->tx_attr->iov_limit + 1, e.peer[0], &op),
		   -FI_EINVAL);
	expect_ret(fi_recvv(e.ep, iov, NULL, e.info->rx_attr->iov_limit + 1, FI_ADDR_UNSPEC, &op),
		   -FI_EINVAL);
	sys_drive(&e, 20);
	expect_eq(op.done, 0);
	free(buf);
	sys_close(&e);
}

/* ---- one very large message ---- */

#define HUGE ((size_t)1 << 30)

static bool memory_for(size_t bytes)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024 > bytes;
}

static void huge(struct sys *s, const void *arg)
{
	struct sys_ep e;
	struct sys_opts opts = { .caps = FI_SOURCE };
	struct sys_op op = { 0 };
	uint8_t *buf;

	(void)arg;
	if (sys_short())
		sys_skip("a short run");
	if (!memory_for(3 * HUGE))
		sys_skip("less than 3 GiB of memory");
	sys_open(&e, &opts);
	sys_connect(s, &e);
	buf = sys_alloc(HUGE + SYS_GUARD);
	if (s->rank == 0) {
		sys_guard(buf, HUGE);
		sys_trecv(&e, FI_ADDR_UNSPEC, buf, HUGE, 1, 0, &op);
		sys_barrier(s, &e);
		sys_wait_ok(&e, &op);
		expect_eq(op.entry.len, HUGE);
		sys_check_guard(buf, HUGE);
		sys_verify(buf, HUGE, 77);
	} else {
		sys_fill(buf, HUGE, 77);
		sys_barrier(s, &e);
		sys_tsend(&e, e.peer[0], buf, HUGE, 1, &op);
		sys_wait_ok(&e, &op);
	}
	sys_barrier(s, &e);
	free(buf);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variants[i].brief || !sys_short())
			sys_case(variants[i].name, 2, all_calls, &variants[i]);
	sys_case("sizes/too-long", 1, too_long, NULL);
	sys_case("sizes/1GiB", 2, huge, NULL);
	return sys_end();
}
