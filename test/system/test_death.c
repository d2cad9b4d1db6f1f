/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Peers that die, never were, come back, or leave right after their last word.
 */
#include "death.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S		25

static const struct sys_opts plain = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				       .msg_order = FI_ORDER_SAS };

/* ---- a receiver dies ---- */

static const struct transfer {
	const char *name;
	unsigned int cnt;
	size_t len;
	uint64_t msg_order;
	bool sender;			/* also the sender's death: takes seconds to be noticed */
} transfers[] = {
	{ "small", 500, 100, FI_ORDER_SAS, true },
	{ "small/rud", 500, 100, 0, true },
	{ "64KiB", 50, 65536, FI_ORDER_SAS, true },
	{ "huge", 1, 128u << 20, FI_ORDER_SAS, false },
	{ "huge/rud", 1, 128u << 20, 0, true },
};

#define TRANSFERS (sizeof(transfers) / sizeof(transfers[0]))

/* Process 1 receives the first few, or a part of a huge one, and is no more. */
static _Noreturn void die_receiving(struct sys *s, struct sys_ep *e, const struct transfer *t)
{
	uint8_t *buf = sys_alloc(t->len);
	struct sys_op op;
	unsigned int i;

	for (i = 0; i < (t->cnt + 9) / 10; i++) {
		memset(&op, 0, sizeof(op));
		sys_trecv(e, e->peer[0], buf, t->len, 1, 0, &op);
		if (i == 0)
			sys_barrier_of(s, 3, e);
		/* One of several is waited for; of a single one only the beginning comes. */
		if (t->cnt > 1)
			sys_wait_ok(e, &op);
		else
			sys_drive(e, 10);
	}
	sys_die();
}

static void send_to_dying(struct sys *s, struct sys_ep *e, const struct transfer *t)
{
	struct sys_op *ops = calloc(t->cnt, sizeof(*ops));
	uint8_t *buf = sys_alloc(t->len);
	unsigned int i, failed = 0;

	sys_fill(buf, t->len, 1);
	sys_barrier_of(s, 3, e);
	for (i = 0; i < t->cnt; i++)
		sys_tsend(e, e->peer[1], buf, t->len, 1, &ops[i]);
	for (i = 0; i < t->cnt; i++) {
		sys_wait(e, &ops[i]);
		if (!ops[i].err)
			continue;
		death_expect(&ops[i]);
		failed++;
	}
	/* Of several, all may have arrived in time; a huge one has not. */
	if (t->cnt == 1)
		expect_eq(failed, 1);
	free(ops);
	free(buf);
}

/* Later ones to the dead peer fail too, and do not hold up anything else. */
static void send_to_dead(struct sys_ep *e)
{
	struct sys_op ops[10] = { 0 };
	size_t len = 100000;
	uint8_t *buf = sys_alloc(len);
	int i;

	memset(buf, 0, len);
	for (i = 0; i < 10; i++)
		sys_tsend(e, e->peer[1], buf, i % 2 ? len : 8, 1, &ops[i]);
	for (i = 0; i < 10; i++) {
		sys_wait(e, &ops[i]);
		death_expect(&ops[i]);
	}
	free(buf);
}

static void receiver_dies(struct sys *s, const void *arg)
{
	const struct transfer *t = arg;
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				 .msg_order = t->msg_order };
	struct sys_ep e;

	death_timeouts();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	switch (s->rank) {
	case 0:
		death_chat(&e, e.peer[2], true, 7);
		send_to_dying(s, &e, t);
		sys_hear_end(s, 1, &e);
		send_to_dead(&e);
		death_chat(&e, e.peer[2], true, 8);
		break;
	case 1:
		die_receiving(s, &e, t);
	default:
		death_chat(&e, e.peer[0], false, 7);
		death_chat(&e, e.peer[0], false, 8);
		break;
	}
	sys_barrier_of(s, 5, &e);
	sys_close(&e);
}

/* ---- a sender dies ---- */

static _Noreturn void die_sending(struct sys *s, struct sys_ep *e, const struct transfer *t)
{
	struct sys_op *ops = calloc(t->cnt, sizeof(*ops));
	uint8_t *buf = sys_alloc(t->len);
	unsigned int i;

	sys_fill(buf, t->len, 1);
	sys_barrier_of(s, 3, e);
	for (i = 0; i < t->cnt; i++)
		sys_tsend(e, e->peer[0], buf, t->len, 1, &ops[i]);
	if (t->cnt > 1)
		sys_wait_ok(e, &ops[t->cnt / 10]);
	else
		sys_drive(e, 5);
	sys_die();
}

/*
 * What had begun to arrive ends with an error; what never began stays posted, and can be
 * cancelled or matched by somebody else.
 */
static void receive_from_dying(struct sys *s, struct sys_ep *e, const struct transfer *t)
{
	struct sys_op *ops = calloc(t->cnt + 1, sizeof(*ops));
	uint8_t *buf = sys_alloc((t->cnt + 1) * t->len);
	unsigned int i, ended = 0;

	for (i = 0; i < t->cnt + 1; i++)
		sys_trecv(e, FI_ADDR_UNSPEC, buf + i * t->len, t->len, 1, 0, &ops[i]);
	sys_barrier_of(s, 3, e);
	sys_hear_end(s, 1, e);
	if (t->cnt == 1) {
		sys_wait(e, &ops[0]);
		expect(ops[0].err, "an error for a message that ended in the middle");
	}
	/* A last message from the living one gets past what the dead one left. */
	sys_tell(s, 2, "go", 2);
	for (i = 0; i < t->cnt + 1; i++) {
		if (i >= ended && !ops[i].done && !sys_wait_ms(e, &ops[i], i ? 1 : 3000))
			break;
		ended = i + 1;
		if (ops[i].src == e->peer[2])
			break;
		if (!ops[i].err)
			sys_verify(buf + i * t->len, ops[i].entry.len, 1);
	}
	for (i = 0; i < t->cnt + 1; i++) {
		if (ops[i].done)
			continue;
		expect_ok(fi_cancel(&e->ep->fid, &ops[i]));
		sys_wait(e, &ops[i]);
	}
	free(ops);
	free(buf);
}

static void sender_dies(struct sys *s, const void *arg)
{
	const struct transfer *t = arg;
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				 .msg_order = t->msg_order };
	uint64_t word = 0;
	struct sys_ep e;
	char go[2];

	death_timeouts();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	switch (s->rank) {
	case 0:
		receive_from_dying(s, &e, t);
		death_chat(&e, e.peer[2], true, 8);
		break;
	case 1:
		die_sending(s, &e, t);
	default:
		sys_hear(s, 0, go, 2, &e);
		sys_post(&e, fi_tinject(e.ep, &word, 8, e.peer[0], 1));
		death_chat(&e, e.peer[0], false, 8);
		break;
	}
	sys_barrier_of(s, 5, &e);
	sys_close(&e);
}

/* ---- peers that never were ---- */

/* An address where nobody is (@bound 0), or somebody who never answers. */
static int nobody(struct sys_ep *e, bool bound, struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(*sin);

	(void)e;
	*sin = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	expect_ok(bind(fd, (struct sockaddr *)sin, sizeof(*sin)));
	expect_ok(getsockname(fd, (struct sockaddr *)sin, &len));
	if (bound)
		return fd;
	close(fd);
	return -1;
}

static void never_was(struct sys *s, const void *arg)
{
	bool silent = *(const bool *)arg;
	struct sys_op ops[20] = { 0 }, send = { 0 }, recv = { 0 };
	size_t len = 1 << 20;
	uint8_t *buf = sys_alloc(len);
	struct sockaddr_in sin;
	uint64_t in = 0, out = 3;
	struct sys_ep e, other;
	fi_addr_t to, alive;
	int i, fd;

	(void)s;
	death_timeouts();
	memset(buf, 0, len);
	sys_open(&e, &plain);
	sys_open(&other, &plain);
	alive = sys_insert(&e, other.name);
	fd = nobody(&e, silent, &sin);
	to = sys_insert(&e, &sin);
	for (i = 0; i < 20; i++)
		sys_tsend(&e, to, buf, i % 2 ? len : 10, 1, &ops[i]);
	/* Others are not held up. */
	sys_trecv(&other, FI_ADDR_UNSPEC, &in, 8, 1, 0, &recv);
	sys_tsend(&e, alive, &out, 8, 1, &send);
	sys_at(__FILE__, __LINE__);
	while (!send.done || !recv.done)
		sys_poll(&e), sys_poll(&other);
	expect_eq(send.err + recv.err, 0);
	for (i = 0; i < 20; i++) {
		sys_wait(&e, &ops[i]);
		death_expect(&ops[i]);
		expect(ops[i].prov_errno >= 0, "a prov_errno that is not negative");
	}
	/* fi_inject reports errors too: an entry without context. */
	expect_eq(e.null_entries, 0);
	sys_post(&e, fi_tinject(e.ep, &out, 8, to, 1));
	sys_at(__FILE__, __LINE__);
	while (!e.null_entries)
		sys_poll(&e);
	if (fd >= 0)
		close(fd);
	free(buf);
	sys_close(&e);
	sys_close(&other);
}

/* Closing with something unanswered does not take longer than FI_UET_LINGER. */
static void close_unanswered(struct sys *s, const void *arg)
{
	struct sockaddr_in sin;
	uint64_t out = 3;
	struct sys_op op = { 0 };
	struct sys_ep e;
	fi_addr_t to;
	int fd;

	(void)s;
	(void)arg;
	setenv("FI_UET_LINGER", "300", 1);
	sys_open(&e, &plain);
	fd = nobody(&e, true, &sin);
	to = sys_insert(&e, &sin);
	sys_post(&e, fi_tinject(e.ep, &out, 8, to, 1));
	sys_tsend(&e, to, &out, 8, 1, &op);
	sys_close(&e);
	close(fd);
	expect_eq(op.done, 0);
}

/* The peer closes politely in the middle. */
static void polite_end(struct sys *s, const void *arg)
{
	size_t len = 1 << 20;
	struct sys_op ops[10] = { 0 };
	uint8_t *buf = sys_alloc(len);
	struct sys_ep e;
	int i;

	(void)arg;
	death_timeouts();
	memset(buf, 0, len);
	sys_open(&e, &plain);
	sys_connect(s, &e);
	if (s->rank == 1) {
		sys_trecv(&e, FI_ADDR_UNSPEC, buf, len, 1, 0, &ops[0]);
		sys_wait_ok(&e, &ops[0]);
	} else {
		for (i = 0; i < 10; i++)
			sys_tsend(&e, e.peer[1], buf, len, 1, &ops[i]);
		for (i = 0; i < 10; i++) {
			sys_wait(&e, &ops[i]);
			if (ops[i].err)
				death_expect(&ops[i]);
		}
	}
	free(buf);
	sys_close(&e);
}

/* ---- a peer that comes back at the same place ---- */

static const struct comeback {
	const char *name;
	bool killed;			/* or it closes and exits */
	bool pending;			/* with messages on their way */
} comebacks[] = {
	{ "death/restart/killed", true, false },
	{ "death/restart/killed-busy", true, true },
	{ "death/restart/closed", false, false },
};

static void first_life(struct sys *s, const struct comeback *c)
{
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;

	sys_open(&e, &plain);
	sys_tell(s, 2, e.name, sizeof(e.name));
	sys_tell(s, 0, e.name, sizeof(e.name));
	sys_hear(s, 0, name, sizeof(name), NULL);
	e.peer[0] = sys_insert(&e, name);
	death_chat(&e, e.peer[0], false, 1);
	if (c->pending)
		sys_drive(&e, 5);
	if (c->killed)
		sys_die();
	sys_close(&e);
}

/* The kernel closes the streams of a killed process before it gives its port back. */
static void await_free_port(const void *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	expect(fd >= 0, "a socket");
	while (bind(fd, name, sizeof(struct sockaddr_in)))
		sched_yield();
	close(fd);
}

static void second_life(struct sys *s)
{
	uint8_t name[SYS_NAME_MAX];
	struct sys_opts opts = plain;
	struct sys_ep e;

	sys_hear(s, 1, name, sizeof(name), NULL);
	sys_hear_end(s, 1, NULL);
	await_free_port(name);
	opts.name = name;
	opts.name_len = sizeof(struct sockaddr_in);
	sys_open(&e, &opts);
	expect(!memcmp(e.name, name, sizeof(struct sockaddr_in)), "the same address and port");
	sys_tell(s, 0, e.name, 1);
	sys_hear(s, 0, name, sizeof(name), NULL);
	e.peer[0] = sys_insert(&e, name);
	/* Now one begins, now the other. */
	death_chat(&e, e.peer[0], false, 2);
	death_chat(&e, e.peer[0], true, 3);
	sys_barrier_of(s, 5, &e);
	sys_close(&e);
}

#define TRIES 5

/* The first words to the new one may fail, because they were meant for the old one. */
static void say_again(struct sys_ep *e, uint64_t tag)
{
	struct sys_op send, recv = { 0 };
	uint64_t in = 0, out = tag * 2;
	int i;

	sys_trecv(e, e->peer[1], &in, 8, tag, 0, &recv);
	for (i = 0; i < TRIES; i++) {
		memset(&send, 0, sizeof(send));
		sys_tsend(e, e->peer[1], &out, 8, tag, &send);
		sys_wait(e, &send);
		if (!send.err)
			break;
		death_expect(&send);
	}
	expect(i < TRIES, "one of %d messages to get through", TRIES);
	sys_wait_ok(e, &recv);
	expect_eq(in, out);
}

static void restart(struct sys *s, const void *arg)
{
	const struct comeback *c = arg;
	struct sys_op ops[50] = { 0 };
	static uint8_t buf[20000];
	uint8_t name[SYS_NAME_MAX];
	struct sys_ep e;
	char byte;
	int i;

	death_timeouts();
	if (s->rank == 1) {
		first_life(s, c);
		return;
	}
	if (s->rank == 2) {
		second_life(s);
		return;
	}
	sys_open(&e, &plain);
	sys_hear(s, 1, name, sizeof(name), NULL);
	e.peer[1] = sys_insert(&e, name);
	sys_tell(s, 1, e.name, sizeof(e.name));
	death_chat(&e, e.peer[1], true, 1);
	for (i = 0; c->pending && i < 50; i++)
		sys_tsend(&e, e.peer[1], buf, sizeof(buf), 99, &ops[i]);
	sys_hear(s, 2, &byte, 1, &e);
	sys_tell(s, 2, e.name, sizeof(e.name));
	say_again(&e, 2);
	death_chat(&e, e.peer[1], false, 3);
	for (i = 0; c->pending && i < 50; i++)
		sys_wait(&e, &ops[i]);
	sys_barrier_of(s, 5, &e);
	sys_close(&e);
}

/* ---- the last word before the end ---- */

static const struct lives {
	const char *name;
	unsigned int cnt, brief;	/* lives */
	unsigned int words;		/* messages of each */
	size_t len;			/* of a message; an id is in front */
} lives[] = {
	{ "death/last-word", 1000, 50, 3, 8 },
	/* More than fits the window: the end of a life must wait for the rest to leave. */
	{ "death/last-word/many", 40, 8, 300, 4000 },
};

#define LONGEST_WORD 4096

struct life {
	const struct lives *of;
	struct fi_info *info;
	uint8_t to[SYS_NAME_MAX];
	uint64_t id;
};

/* Open, speak, close, exit: nothing is waited for. */
static void short_life(void *arg)
{
	struct life *life = arg;
	struct fi_av_attr av_attr = { .type = FI_AV_TABLE };
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_TAGGED };
	uint8_t word[LONGEST_WORD];
	struct sys_ep e = { 0 };
	unsigned int i;
	uint64_t id;

	expect_ok(fi_fabric(life->info->fabric_attr, &e.fabric, NULL));
	expect_ok(fi_domain(e.fabric, life->info, &e.domain, NULL));
	expect_ok(fi_av_open(e.domain, &av_attr, &e.av, NULL));
	expect_ok(fi_cq_open(e.domain, &cq_attr, &e.txcq, NULL));
	e.rxcq = e.txcq;
	expect_ok(fi_endpoint(e.domain, life->info, &e.ep, NULL));
	expect_ok(fi_ep_bind(e.ep, &e.av->fid, 0));
	expect_ok(fi_ep_bind(e.ep, &e.txcq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_enable(e.ep));
	e.peer[0] = sys_insert(&e, life->to);
	for (i = 0; i < life->of->words; i++) {
		id = life->id * life->of->words + i;
		sys_fill(word, life->of->len, id);
		memcpy(word, &id, sizeof(id));
		sys_post(&e, fi_tinject(e.ep, word, life->of->len, e.peer[0], 1));
	}
	e.info = fi_dupinfo(life->info);
	sys_close(&e);
	exit(0);
}

/*
 * This process asks libfabric for information once and opens nothing; its children do the
 * rest. Loading libfabric anew each time would take most of the test's time.
 */
static void many_lives(struct sys *s, const struct lives *of, unsigned int cnt)
{
	struct life life = { .of = of };
	int status, pid;

	sys_hear(s, 0, life.to, sizeof(life.to), NULL);
	life.info = sys_getinfo(&plain);
	for (life.id = 0; life.id < cnt; life.id++) {
		pid = sys_fork(short_life, &life);
		expect_eq(waitpid(pid, &status, 0), pid);
		expect(WIFEXITED(status) && !WEXITSTATUS(status), "an orderly end of life %llu",
		       (unsigned long long)life.id);
	}
	fi_freeinfo(life.info);
}

static void one_word(struct sys_ep *e, const struct lives *of, unsigned int total, bool *seen)
{
	uint8_t word[LONGEST_WORD], want[LONGEST_WORD];
	struct sys_op op = { 0 };
	uint64_t id;

	sys_trecv(e, FI_ADDR_UNSPEC, word, of->len, 1, 0, &op);
	sys_wait_ok(e, &op);
	expect_eq(op.entry.len, of->len);
	memcpy(&id, word, sizeof(id));
	expect(id < total && !seen[id], "a message that was sent, once");
	sys_fill(want, of->len, id);
	expect(!memcmp(word + 8, want + 8, of->len - 8), "the data of that message");
	/* The words of one life keep their order. */
	expect(id % of->words == 0 || seen[id - 1], "message %llu before the next one",
	       (unsigned long long)id - 1);
	seen[id] = true;
}

static void last_word(struct sys *s, const void *arg)
{
	const struct lives *of = arg;
	unsigned int i, cnt = sys_scaled(of->cnt, of->brief), total = cnt * of->words;
	struct sys_ep e;
	bool *seen;

	if (s->rank == 1) {
		many_lives(s, of, cnt);
		return;
	}
	seen = calloc(total, sizeof(*seen));
	sys_open(&e, &plain);
	sys_tell(s, 1, e.name, sizeof(e.name));
	for (i = 0; i < total; i++)
		one_word(&e, of, total, seen);
	free(seen);
	sys_close(&e);
}

/* ---- sleeping while a peer is silent ---- */

struct sleeper {
	struct sys_ep *e;
	struct sys_op *op;
	pthread_t thread;
};

static void *await_error(void *arg)
{
	struct sleeper *sl = arg;
	struct fi_cq_tagged_entry entry;
	struct fi_cq_err_entry err = { .err_data_size = 0 };

	expect_ret(fi_cq_sread(sl->e->txcq, &entry, 1, NULL, -1), -FI_EAVAIL);
	expect_ret(fi_cq_readerr(sl->e->txcq, &err, 0), 1);
	expect(err.op_context == sl->op, "the context of the send");
	sl->op->err = err.err;
	death_expect(sl->op);
	return NULL;
}

/* The sleeper knows no deadline when it falls asleep; the send brings one. */
static void sleep_till_error(struct sys *s, const void *arg)
{
	struct sys_opts opts = plain;
	struct timespec ts = { .tv_nsec = 50000000 };
	struct sys_op op = { 0 };
	struct sockaddr_in sin;
	struct sleeper sl;
	uint64_t word = 1;
	struct sys_ep e;
	fi_addr_t to;
	int fd;

	(void)s;
	(void)arg;
	death_timeouts();
	setenv("FI_UET_PEER_TIMEOUT", "500", 1);
	opts.wait_obj = FI_WAIT_UNSPEC;
	sys_open(&e, &opts);
	fd = nobody(&e, true, &sin);
	to = sys_insert(&e, &sin);
	sl = (struct sleeper){ .e = &e, .op = &op };
	expect_ok(pthread_create(&sl.thread, NULL, await_error, &sl));
	/* It likely sleeps by then; if not, the case is an easier one. */
	nanosleep(&ts, NULL);
	expect_ok((int)fi_tsend(e.ep, &word, 8, NULL, to, 1, &op));
	pthread_join(sl.thread, NULL);
	close(fd);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const bool yes = true, no = false;
	char names[2 * TRANSFERS][64];
	size_t i;

	sys_begin(argc, argv);
	if (!sys_is_uet())
		return sys_end();
	for (i = 0; i < TRANSFERS; i++) {
		snprintf(names[i], sizeof(names[i]), "death/receiver/%s", transfers[i].name);
		sys_case_limit(names[i], 3, LIMIT_S, receiver_dies, &transfers[i]);
	}
	for (i = 0; i < TRANSFERS; i++) {
		if (!transfers[i].sender)
			continue;
		snprintf(names[TRANSFERS + i], sizeof(names[0]), "death/sender/%s",
			 transfers[i].name);
		sys_case_limit(names[TRANSFERS + i], 3, LIMIT_S, sender_dies, &transfers[i]);
	}
	sys_case_limit("death/never-was/refused", 1, LIMIT_S, never_was, &no);
	sys_case_limit("death/never-was/silent", 1, LIMIT_S, never_was, &yes);
	sys_case_limit("death/close-unanswered", 1, LIMIT_S, close_unanswered, NULL);
	sys_case_limit("death/polite-end", 2, LIMIT_S, polite_end, NULL);
	for (i = 0; i < sizeof(comebacks) / sizeof(comebacks[0]); i++)
		sys_case_limit(comebacks[i].name, 3, LIMIT_S, restart, &comebacks[i]);
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		sys_case_limit(lives[i].name, 2, 60, last_word, &lives[i]);
	sys_case_limit("death/asleep", 1, LIMIT_S, sleep_till_error, NULL);
	return sys_end();
}
