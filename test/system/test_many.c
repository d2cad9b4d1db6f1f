/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Many processes at once: all to one, all to all, and one that does nothing for a while.
 */
#include "sys.h"

#include <poll.h>
#include <stdio.h>

#define WINDOW 32
#define LONGEST 120000

/* Messages of process @from have lengths that everybody can tell. */
static size_t length_of(int from, unsigned int i)
{
	uint64_t state = sys_seed() + (uint64_t)from * 1000003 + i;
	uint64_t kind = sys_rand_below(&state, 200);

	if (kind < 150)
		return sys_rand_below(&state, 200);
	return sys_rand_below(&state, kind < 198 ? 10000 : LONGEST);
}

static uint64_t id_of(int from, unsigned int i)
{
	return (uint64_t)from << 32 | i;
}

/* ---- a stream of messages from one process to another, tag = sender ---- */

struct stream {
	int peer;
	unsigned int cnt, next, done;
	struct sys_op *ops;		/* WINDOW of them */
	uint8_t *bufs[WINDOW];
};

static void stream_open(struct stream *st, int peer, unsigned int cnt)
{
	int i;

	*st = (struct stream){ .peer = peer, .cnt = cnt };
	st->ops = calloc(WINDOW, sizeof(*st->ops));
	for (i = 0; i < WINDOW; i++)
		st->bufs[i] = sys_alloc(LONGEST + SYS_GUARD);
}

static void stream_close(struct stream *st)
{
	int i;

	for (i = 0; i < WINDOW; i++)
		free(st->bufs[i]);
	free(st->ops);
}

static bool stream_ended(const struct stream *st)
{
	return st->done == st->cnt;
}

/* Post what fits, without waiting. */
static void stream_send(struct sys *s, struct sys_ep *e, struct stream *st)
{
	unsigned int w;
	ssize_t ret;

	while (st->done < st->next && st->ops[st->done % WINDOW].done) {
		sys_wait_ok(e, &st->ops[st->done % WINDOW]);
		st->done++;
	}
	while (st->next < st->cnt && st->next < st->done + WINDOW) {
		w = st->next % WINDOW;
		memset(&st->ops[w], 0, sizeof(*st->ops));
		sys_fill(st->bufs[w], length_of(s->rank, st->next), id_of(s->rank, st->next));
		ret = fi_tsend(e->ep, st->bufs[w], length_of(s->rank, st->next), NULL,
			       e->peer[st->peer], (uint64_t)s->rank, &st->ops[w]);
		if (ret == -FI_EAGAIN)
			return;
		expect_ret(ret, 0);
		st->next++;
	}
}

static void stream_recv(struct sys_ep *e, struct stream *st)
{
	unsigned int w;

	for (; st->done < st->next && st->ops[st->done % WINDOW].done; st->done++) {
		w = st->done % WINDOW;
		sys_wait_ok(e, &st->ops[w]);
		expect_eq(st->ops[w].src, e->peer[st->peer]);
		expect_eq(st->ops[w].entry.len, length_of(st->peer, st->done));
		sys_verify(st->bufs[w], st->ops[w].entry.len, id_of(st->peer, st->done));
		sys_check_guard(st->bufs[w], LONGEST);
	}
	for (; st->next < st->cnt && st->next < st->done + WINDOW; st->next++) {
		w = st->next % WINDOW;
		memset(&st->ops[w], 0, sizeof(*st->ops));
		sys_guard(st->bufs[w], LONGEST);
		sys_trecv(e, FI_ADDR_UNSPEC, st->bufs[w], LONGEST, (uint64_t)st->peer, 0,
			  &st->ops[w]);
	}
}

static const struct sys_opts ordered = { .caps = FI_SOURCE, .msg_order = FI_ORDER_SAS };

/* ---- all to one ---- */

static void many_to_one(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(1000, 150);
	struct stream st[SYS_MAX_PROCS];
	struct sys_ep e;
	int i, left = s->size - 1;

	(void)arg;
	sys_open(&e, &ordered);
	sys_connect(s, &e);
	sys_barrier(s, &e);
	if (s->rank) {
		stream_open(&st[0], 0, cnt);
		while (!stream_ended(&st[0])) {
			stream_send(s, &e, &st[0]);
			sys_poll(&e);
		}
		stream_close(&st[0]);
	} else {
		for (i = 1; i < s->size; i++)
			stream_open(&st[i], i, cnt);
		while (left) {
			for (left = 0, i = 1; i < s->size; i++) {
				stream_recv(&e, &st[i]);
				left += !stream_ended(&st[i]);
			}
			sys_poll(&e);
		}
		for (i = 1; i < s->size; i++)
			stream_close(&st[i]);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* Untagged, from anyone: the source of each message tells whose turn it is. */
static void any_source(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(1000, 150), seen[SYS_MAX_PROCS] = { 0 };
	unsigned int i, total = cnt * (unsigned int)(s->size - 1);
	struct sys_ep e;
	int from;

	(void)arg;
	sys_open(&e, &ordered);
	sys_connect(s, &e);
	for (i = 0; s->rank == 0 && i < total; i++) {
		struct sys_op op = { 0 };
		uint64_t id = 0;

		sys_post(&e, fi_recv(e.ep, &id, 8, NULL, FI_ADDR_UNSPEC, &op));
		sys_wait_ok(&e, &op);
		from = (int)(id >> 32);
		expect(from > 0 && from < s->size, "a known sender, not %d", from);
		expect_eq(op.src, e.peer[from]);
		expect_eq(id, id_of(from, seen[from]));
		seen[from]++;
	}
	for (i = 0; s->rank && i < cnt; i++) {
		uint64_t id = id_of(s->rank, i);

		sys_post(&e, fi_inject(e.ep, &id, 8, e.peer[0]));
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- all to all ---- */

static void all_to_all(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(300, 60);
	struct stream out[SYS_MAX_PROCS], in[SYS_MAX_PROCS];
	struct sys_ep e;
	int i, left = 1;

	(void)arg;
	sys_open(&e, &ordered);
	sys_connect(s, &e);
	for (i = 0; i < s->size; i++) {
		stream_open(&out[i], i, cnt);
		stream_open(&in[i], i, cnt);
	}
	while (left) {
		/* To itself too. */
		for (left = 0, i = 0; i < s->size; i++) {
			stream_send(s, &e, &out[i]);
			stream_recv(&e, &in[i]);
			left += !stream_ended(&out[i]) + !stream_ended(&in[i]);
		}
		sys_poll(&e);
	}
	for (i = 0; i < s->size; i++) {
		stream_close(&out[i]);
		stream_close(&in[i]);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- a receiver that does nothing for a while, in the middle of everything ---- */

#define ABSENT_MS 2000

static void absent(struct sys *s, const void *arg)
{
	unsigned int cnt = sys_scaled(2000, 300);
	struct pollfd pfd = { .fd = s->fd[1 - s->rank], .events = POLLIN };
	struct stream st;
	struct sys_ep e;
	bool rested = false;
	char byte = 0;

	(void)arg;
	sys_open(&e, &ordered);
	sys_connect(s, &e);
	stream_open(&st, 1 - s->rank, cnt);
	while (!stream_ended(&st)) {
		if (s->rank == 1)
			stream_send(s, &e, &st);
		else
			stream_recv(&e, &st);
		if (s->rank == 0 && !rested && st.done > cnt / 2) {
			/* The other side says nothing before its end: this is the time-out. */
			expect_ret(poll(&pfd, 1, ABSENT_MS), 0);
			rested = true;
		}
		sys_poll(&e);
	}
	stream_close(&st);
	if (s->rank == 1)
		sys_tell(s, 0, &byte, 1);
	else
		sys_hear(s, 1, &byte, 1, &e);
	sys_barrier(s, &e);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	sys_begin(argc, argv);
	sys_case("many/8-to-1", 9, many_to_one, NULL);
	sys_case("many/any-source", 9, any_source, NULL);
	sys_case("many/all-to-all", 6, all_to_all, NULL);
	sys_case("many/absent-receiver", 2, absent, NULL);
	return sys_end();
}
