/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two processes that make every kind of packet, for test_capture.sh, which records them: each
 * case tells what it does as lines of JSON in the file WIRE_LOG, so that a checker that knows
 * nothing of the provider can compare. Ports: WIRE_PORT and up, eight for each case.
 */
#include "sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_ITEMS	512
#define PORTS		8	/* per case */
#define BIG		((size_t)3 << 20)

/* What happens to a message at its target. */
enum fate { EXPECTED, UNEXPECTED, TRUNCATED, FOREIGN };

static const char *const fate_names[] = { "expected", "unexpected", "truncated", "foreign" };

struct item {
	bool tagged, data, dc, inject;
	size_t len;
	size_t room;		/* of the receive; len unless TRUNCATED */
};

struct plan {
	struct item item[MAX_ITEMS];
	unsigned int cnt;
};

struct script {
	const char *name;
	enum fate fate;
	void (*make)(struct plan *p, size_t mtu);
	unsigned int rounds;
	unsigned int idle_ms;	/* progress without work before closing */
	bool both;		/* rank 1 sends too, at the same time */
};

struct variant {
	const struct script *script;
	bool ipv6;
	bool rod;
	int port;
};

/* ---- the log ---- */

static int log_fd = -1;

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int len;

	if (log_fd < 0)
		log_fd = open(getenv("WIRE_LOG") ? getenv("WIRE_LOG") : "/dev/null",
			      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	expect(log_fd >= 0, "WIRE_LOG can be written");
	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	expect(write(log_fd, line, (size_t)len) == len, "a line goes into the log");
}

static unsigned int port_of(const void *name)
{
	const struct sockaddr_in *in = name;
	const struct sockaddr_in6 *in6 = name;

	return ntohs(in->sin_family == AF_INET ? in->sin_port : in6->sin6_port);
}

static void tell_ep(const struct variant *v, const struct sys *s, const struct sys_ep *e)
{
	const char *job = getenv("FI_UET_JOB_ID");

	tell("{\"case\":\"%s\",\"ep\":%u,\"addr\":\"%s\",\"job\":%s,\"rank\":%d}\n",
	     v->script->name, port_of(e->name), v->ipv6 ? "::1" : "127.0.0.1",
	     job ? job : "1", s->rank);
}

/* ---- what to send ---- */

static void add(struct plan *p, struct item item)
{
	expect(p->cnt < MAX_ITEMS, "room for one more message");
	item.room = item.len;
	p->item[p->cnt++] = item;
}

static void make_mix(struct plan *p, size_t mtu)
{
	const size_t len[] = { 0, 1, 64, 1000, mtu - 1, mtu, mtu + 1, 2 * mtu, 3 * mtu + 5,
			       20 * mtu + 17 };
	size_t i;
	int tagged;

	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++)
		for (tagged = 0; tagged < 2; tagged++) {
			add(p, (struct item){ .tagged = tagged, .len = len[i] });
			add(p, (struct item){ .tagged = tagged, .len = len[i], .data = true });
			add(p, (struct item){ .tagged = tagged, .len = len[i], .dc = true });
		}
	for (tagged = 0; tagged < 2; tagged++) {
		add(p, (struct item){ .tagged = tagged, .len = 64, .inject = true });
		add(p, (struct item){ .tagged = tagged, .inject = true });
	}
}

static void make_short(struct plan *p, size_t mtu)
{
	const size_t len[] = { 0, 8, mtu, mtu + 1, 5 * mtu + 3 };
	size_t i;

	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		add(p, (struct item){ .len = len[i], .tagged = i & 1 });
		add(p, (struct item){ .len = len[i], .tagged = !(i & 1), .data = true });
	}
}

static void make_truncated(struct plan *p, size_t mtu)
{
	const size_t len[] = { 1, 64, mtu, mtu + 1, 5 * mtu };
	size_t i;

	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		add(p, (struct item){ .len = len[i], .tagged = i & 1 });
		p->item[p->cnt - 1].room = len[i] / 2;
		add(p, (struct item){ .len = len[i], .tagged = i & 1 });
		p->item[p->cnt - 1].room = len[i] - 1;
	}
}

static void make_many(struct plan *p, size_t mtu)
{
	unsigned int i;

	(void)mtu;
	for (i = 0; i < 400; i++)
		add(p, (struct item){ .len = i & 63, .tagged = i & 1 });
}

static void make_big(struct plan *p, size_t mtu)
{
	(void)mtu;
	add(p, (struct item){ .len = BIG + 1, .tagged = true, .data = true });
	add(p, (struct item){ .len = BIG });
}

static void make_foreign(struct plan *p, size_t mtu)
{
	(void)mtu;
	add(p, (struct item){ .len = 100, .tagged = true });
	add(p, (struct item){ .len = 0 });
}

/* ---- one side ---- */

struct side {
	struct plan plan;
	struct sys_op rx[MAX_ITEMS], tx[MAX_ITEMS];
	uint8_t *in[MAX_ITEMS], *out[MAX_ITEMS];
	unsigned int base;	/* number of the round's first message, for tags and contents */
};

/* Tags and contents are unique within a case: sender, round and place in the plan. */
static uint64_t ident(const struct side *d, int sender, unsigned int i)
{
	return 0x5eed000000000000 | (uint64_t)sender << 32 | (d->base + i);
}

static void post_recvs(struct side *d, struct sys_ep *e, int sender)
{
	unsigned int i;

	for (i = 0; i < d->plan.cnt; i++) {
		const struct item *t = &d->plan.item[i];

		d->rx[i] = (struct sys_op){ 0 };
		if (t->tagged)
			sys_trecv(e, FI_ADDR_UNSPEC, d->in[i], t->room, ident(d, sender, i), 0,
				  &d->rx[i]);
		else
			sys_post(e, fi_recv(e->ep, d->in[i], t->room, NULL, FI_ADDR_UNSPEC,
					    &d->rx[i].context));
	}
}

static void await_recvs(struct side *d, struct sys_ep *e, int sender)
{
	unsigned int i;

	for (i = 0; i < d->plan.cnt; i++) {
		const struct item *t = &d->plan.item[i];

		sys_wait(e, &d->rx[i]);
		expect_eq(d->rx[i].err, t->room < t->len ? FI_ETRUNC : 0);
		sys_verify(d->in[i], t->room, ident(d, sender, i));
	}
}

static void send_one(struct side *d, struct sys_ep *e, fi_addr_t to, int rank, unsigned int i)
{
	const struct item *t = &d->plan.item[i];
	uint64_t id = ident(d, rank, i);
	uint64_t flags = FI_COMPLETION | (t->data ? FI_REMOTE_CQ_DATA : 0) |
			 (t->dc ? FI_DELIVERY_COMPLETE : 0);
	struct iovec iov = { d->out[i], t->len };
	struct fi_msg_tagged tmsg = { &iov, NULL, 1, to, id, 0, &d->tx[i].context, ~id };
	struct fi_msg msg = { &iov, NULL, 1, to, &d->tx[i].context, ~id };

	if (t->inject && t->tagged)
		sys_post(e, fi_tinject(e->ep, d->out[i], t->len, to, id));
	else if (t->inject)
		sys_post(e, fi_inject(e->ep, d->out[i], t->len, to));
	else if (t->tagged)
		sys_post(e, fi_tsendmsg(e->ep, &tmsg, flags));
	else
		sys_post(e, fi_sendmsg(e->ep, &msg, flags));
}

static void send_all(const struct variant *v, struct side *d, const struct sys *s,
		     struct sys_ep *e)
{
	unsigned int from = port_of(e->name);
	uint64_t id;
	unsigned int i;

	for (i = 0; i < d->plan.cnt; i++) {
		const struct item *t = &d->plan.item[i];

		id = ident(d, s->rank, i);
		sys_fill(d->out[i], t->len, id);
		d->tx[i] = (struct sys_op){ 0 };
		tell("{\"case\":\"%s\",\"op\":\"%s\",\"from\":%u,\"peer\":%d,\"id\":%llu,"
		     "\"len\":%zu,\"room\":%zu,\"data\":%s,\"dc\":%d,\"want\":\"%s\","
		     "\"inject\":%s,\"rod\":%d}\n",
		     v->script->name, t->tagged ? "tsend" : "send", from, !s->rank,
		     (unsigned long long)id, t->len, t->room, t->data ? "true" : "false", t->dc,
		     fate_names[v->script->fate], t->inject ? "true" : "false", v->rod);
		send_one(d, e, e->peer[!s->rank], s->rank, i);
	}
}

static void await_sends(const struct variant *v, struct side *d, struct sys_ep *e)
{
	unsigned int i;

	for (i = 0; i < d->plan.cnt; i++) {
		if (d->plan.item[i].inject)
			continue;
		sys_wait(e, &d->tx[i]);
		if (v->script->fate == FOREIGN)
			expect(d->tx[i].err, "a message for another job is refused");
		else
			expect_eq(d->tx[i].err, 0);
	}
}

static void round_of(const struct variant *v, struct side *d, struct sys *s, struct sys_ep *e)
{
	bool sends = s->rank == 0 || v->script->both;
	bool receives = s->rank == 1 || v->script->both;
	enum fate fate = v->script->fate;

	if (receives && fate != UNEXPECTED && fate != FOREIGN)
		post_recvs(d, e, !s->rank);
	sys_barrier(s, e);
	if (sends) {
		send_all(v, d, s, e);
		await_sends(v, d, e);
	}
	if (fate == UNEXPECTED)
		sys_barrier(s, e);
	if (receives && fate == UNEXPECTED)
		post_recvs(d, e, !s->rank);
	if (receives && fate != FOREIGN)
		await_recvs(d, e, !s->rank);
	sys_barrier(s, e);
}

static void set_number(const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	setenv(name, text, 1);
}

static void play(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	const char *mtu = getenv("FI_UET_MTU");
	struct side *d = sys_alloc(sizeof(*d));
	struct sys_opts opts = { .ipv6 = v->ipv6, .msg_order = v->rod ? FI_ORDER_SAS : 0 };
	struct sys_ep e;
	unsigned int i;

	set_number("FI_UET_PORT", (unsigned int)v->port);
	if (v->script->fate == FOREIGN)
		set_number("FI_UET_JOB_ID", 0xabc000 + (unsigned int)s->rank);
	memset(d, 0, sizeof(*d));
	v->script->make(&d->plan, mtu ? (size_t)atoi(mtu) : 8192);
	for (i = 0; i < d->plan.cnt; i++) {
		d->in[i] = sys_alloc(d->plan.item[i].room + 1);
		d->out[i] = sys_alloc(d->plan.item[i].len + 1);
	}
	sys_open(&e, &opts);
	tell_ep(v, s, &e);
	sys_connect(s, &e);
	for (i = 0; i < v->script->rounds; i++) {
		d->base = i * d->plan.cnt;
		round_of(v, d, s, &e);
	}
	sys_drive(&e, v->script->idle_ms);
	sys_barrier(s, &e);
	sys_close(&e);
	for (i = 0; i < d->plan.cnt; i++) {
		free(d->in[i]);
		free(d->out[i]);
	}
	free(d);
}

/* ---- the cases ---- */

static const struct script scripts[] = {
	{ "mix", EXPECTED, make_mix, 2, 0, false },
	{ "both", EXPECTED, make_mix, 1, 0, true },
	{ "unexpected", UNEXPECTED, make_short, 2, 0, false },
	{ "truncated", TRUNCATED, make_truncated, 2, 0, false },
	{ "many", EXPECTED, make_many, 1, 0, false },
	{ "big", EXPECTED, make_big, 1, 0, false },
	{ "foreign", FOREIGN, make_foreign, 1, 0, false },
	{ "idle", EXPECTED, make_short, 1, 1300, true },
};

#define N_SCRIPTS (sizeof(scripts) / sizeof(scripts[0]))

/* Arguments: names such as mix/rud/ipv4; none: all. */
int main(int argc, char **argv)
{
	int port = getenv("WIRE_PORT") ? atoi(getenv("WIRE_PORT")) : 20000;
	char name[64];
	size_t i;
	int rod, ipv6;

	sys_begin(argc, argv);
	for (i = 0; i < N_SCRIPTS; i++)
		for (rod = 0; rod < 2; rod++)
			for (ipv6 = 0; ipv6 < 2; ipv6++) {
				struct variant v = { &scripts[i], ipv6, rod, port };

				snprintf(name, sizeof(name), "%s/%s/%s", scripts[i].name,
					 rod ? "rod" : "rud", ipv6 ? "ipv6" : "ipv4");
				sys_case(name, 2, play, &v);
				port += PORTS;
			}
	return sys_end();
}
