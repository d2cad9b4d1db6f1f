/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two processes do random things to each other; a model predicts every result.
 *
 * A run is a sequence of rounds. In a round each process sends some messages and posts some
 * receives, in random order. Messages of one sender keep their order, receives are searched in
 * the order of posting: then who matches whom does not depend on which came first, and the
 * model can tell (both sides of the matching follow one common order of preference, so there
 * is exactly one stable result). At the end of a round a last message, matched by its own tag,
 * shows that all others have arrived; what is left over is then known too, and is cancelled,
 * peeked at, claimed or discarded at random.
 *
 * The seed is printed: UET_TEST_SEED=N repeats a run, or tries another.
 */
#include "sys.h"

#include <stdio.h>

#define MAX_ROUND	16		/* messages, and receives, of one round */
#define MAX_LEFT	48		/* left over per queue before something is cleared away */
#define MAX_LIST	(MAX_LEFT + 2 * MAX_ROUND)
#define MAX_OPEN	512		/* rendezvous sends that nobody has received */
#define MAX_SIZE	300000
#define FLUSH_TAG	(1ull << 63)	/* no ignore mask covers this bit */

struct message {
	uint64_t id;
	bool tagged, inject, with_data;
	uint64_t tag;
	size_t size;
	uint8_t *buf;			/* at the sender */
	struct sys_op op;
};

struct recv {
	bool tagged, matched;
	uint64_t tag, ignore;
	size_t room;
	struct message want;		/* the message that the model gave it */
	uint8_t *buf;
	struct sys_op op;
};

/* Per queue (untagged, tagged), in order. */
struct queue {
	struct recv *posted[MAX_LIST];
	unsigned int posted_cnt;
	struct message early[MAX_LIST];
	unsigned int early_cnt;
};

struct model {
	struct sys *s;
	struct sys_ep e;
	fi_addr_t peer;
	uint64_t mine, theirs;		/* random states of what either side sends */
	uint64_t local;			/* random state of everything else here */
	uint64_t sent_id, heard_id;	/* message numbers */
	unsigned int ops;
	struct queue q[2];
	struct message *out[MAX_ROUND];
	unsigned int out_cnt;
	struct message *open[MAX_OPEN];	/* of earlier rounds */
	unsigned int open_cnt;
};

/* ---- random things ---- */

static size_t random_size(uint64_t *rnd)
{
	static const size_t limits[] = { 64, 64, 64, 64, 64, 5000, 5000, 5000, 40000, MAX_SIZE };

	return sys_rand_below(rnd, limits[sys_rand_below(rnd, 10)] + 1);
}

/* Both processes call this with the sender's state, so it must use nothing else. */
static void random_message(uint64_t *rnd, uint64_t id, size_t inject, struct message *m)
{
	*m = (struct message){
		.id = id,
		.tagged = sys_rand_below(rnd, 10) < 7,
		.tag = sys_rand_below(rnd, 4) | sys_rand_below(rnd, 2) << 62,
		.with_data = sys_rand_below(rnd, 3) == 0,
		.size = random_size(rnd),
	};
	m->inject = sys_rand_below(rnd, 3) == 0 && m->size <= inject;
}

static struct recv *random_recv(struct model *m)
{
	static const uint64_t ignores[] = { 0, 0, 0, 1, 3, 1ull << 62, FLUSH_TAG - 1 };
	struct recv *r = calloc(1, sizeof(*r));

	expect(r, "out of memory");
	r->tagged = sys_rand_below(&m->local, 10) < 7;
	r->tag = sys_rand_below(&m->local, 4) | sys_rand_below(&m->local, 2) << 62;
	r->ignore = ignores[sys_rand_below(&m->local, 7)];
	r->room = sys_rand_below(&m->local, 3) ? MAX_SIZE : random_size(&m->local);
	r->buf = sys_alloc(r->room + SYS_GUARD);
	sys_guard(r->buf, r->room);
	return r;
}

/* ---- the model ---- */

static bool fits(const struct recv *r, const struct message *msg)
{
	return !r->tagged || ((r->tag ^ msg->tag) & ~r->ignore) == 0;
}

static void remove_early(struct queue *q, unsigned int i)
{
	q->early_cnt--;
	memmove(&q->early[i], &q->early[i + 1], (q->early_cnt - i) * sizeof(q->early[0]));
}

static void remove_posted(struct queue *q, unsigned int i)
{
	q->posted_cnt--;
	memmove(&q->posted[i], &q->posted[i + 1], (q->posted_cnt - i) * sizeof(q->posted[0]));
}

/* Index of the first early message for @r, or -1. */
static int find_early(const struct queue *q, const struct recv *r)
{
	unsigned int i;

	for (i = 0; i < q->early_cnt; i++)
		if (fits(r, &q->early[i]))
			return (int)i;
	return -1;
}

static void model_recv(struct model *m, struct recv *r)
{
	struct queue *q = &m->q[r->tagged];
	int i = find_early(q, r);

	if (i >= 0) {
		r->matched = true;
		r->want = q->early[i];
		remove_early(q, (unsigned int)i);
	}
	expect(q->posted_cnt < MAX_LIST, "room in the model");
	q->posted[q->posted_cnt++] = r;
}

static void model_message(struct model *m, const struct message *msg)
{
	struct queue *q = &m->q[msg->tagged];
	unsigned int i;

	for (i = 0; i < q->posted_cnt; i++) {
		if (!q->posted[i]->matched && fits(q->posted[i], msg)) {
			q->posted[i]->matched = true;
			q->posted[i]->want = *msg;
			return;
		}
	}
	expect(q->early_cnt < MAX_LIST, "room in the model");
	q->early[q->early_cnt++] = *msg;
}

/* ---- doing it ---- */

static void do_send(struct model *m, struct message *msg)
{
	struct fid_ep *ep = m->e.ep;
	uint64_t data = msg->id ^ UINT64_MAX;

	msg->buf = sys_alloc(msg->size);
	sys_fill(msg->buf, msg->size, msg->id);
	if (msg->inject && msg->tagged && msg->with_data)
		sys_post(&m->e, fi_tinjectdata(ep, msg->buf, msg->size, data, m->peer, msg->tag));
	else if (msg->inject && msg->tagged)
		sys_post(&m->e, fi_tinject(ep, msg->buf, msg->size, m->peer, msg->tag));
	else if (msg->inject && msg->with_data)
		sys_post(&m->e, fi_injectdata(ep, msg->buf, msg->size, data, m->peer));
	else if (msg->inject)
		sys_post(&m->e, fi_inject(ep, msg->buf, msg->size, m->peer));
	else if (msg->tagged && msg->with_data)
		sys_post(&m->e, fi_tsenddata(ep, msg->buf, msg->size, NULL, data, m->peer,
					     msg->tag, &msg->op));
	else if (msg->tagged)
		sys_tsend(&m->e, m->peer, msg->buf, msg->size, msg->tag, &msg->op);
	else if (msg->with_data)
		sys_post(&m->e, fi_senddata(ep, msg->buf, msg->size, NULL, data, m->peer,
					    &msg->op));
	else
		sys_post(&m->e, fi_send(ep, msg->buf, msg->size, NULL, m->peer, &msg->op));
	if (msg->inject)
		memset(msg->buf, 0xdd, msg->size);
	m->ops++;
}

static void do_recv(struct model *m, struct recv *r)
{
	fi_addr_t from = sys_rand_below(&m->local, 2) ? m->peer : FI_ADDR_UNSPEC;

	if (r->tagged)
		sys_trecv(&m->e, from, r->buf, r->room, r->tag, r->ignore, &r->op);
	else
		sys_post(&m->e, fi_recv(m->e.ep, r->buf, r->room, NULL, from, &r->op));
	m->ops++;
}

/* The entry of @op is what @want says, with @room bytes for it. */
static void check_entry(struct model *m, struct sys_op *op, const struct message *want, size_t room)
{
	sys_wait(&m->e, op);
	expect_eq(op->err, want->size > room ? FI_ETRUNC : 0);
	if (want->size > room)
		expect_eq(op->olen, want->size - room);
	else
		expect_eq(op->src, m->peer);
	if (want->size <= room || sys_is_uet())
		expect_eq(op->entry.len, want->size > room ? room : want->size);
	expect_eq(sys_flags(op->entry.flags),
		  sys_flags(FI_RECV | (want->tagged ? FI_TAGGED : FI_MSG) |
			    (want->with_data ? FI_REMOTE_CQ_DATA : 0)));
	if (want->tagged)
		expect_eq(op->entry.tag, want->tag);
	if (want->with_data && (!op->err || sys_is_uet()))
		expect_eq(op->entry.data, want->id ^ UINT64_MAX);
}

static void finish_recv(struct model *m, struct recv *r)
{
	size_t len = r->want.size < r->room ? r->want.size : r->room;

	check_entry(m, &r->op, &r->want, r->room);
	sys_verify(r->buf, r->want.size > r->room ? len / 8 * 8 : len, r->want.id);
	sys_check_guard(r->buf, r->room);
	free(r->buf);
	free(r);
}

/* ---- a round ---- */

static void round_traffic(struct model *m)
{
	size_t inject = m->e.info->tx_attr->inject_size;
	unsigned int recvs = (unsigned int)sys_rand_below(&m->local, MAX_ROUND + 1);
	unsigned int sent = 0;
	unsigned int i;

	m->out_cnt = (unsigned int)sys_rand_below(&m->mine, MAX_ROUND + 1);
	for (i = 0; i < m->out_cnt; i++) {
		m->out[i] = malloc(sizeof(*m->out[i]));
		expect(m->out[i], "out of memory");
		random_message(&m->mine, m->sent_id++, inject, m->out[i]);
	}
	while (sent < m->out_cnt || recvs) {
		if (sent < m->out_cnt && (!recvs || sys_rand_below(&m->local, 2))) {
			do_send(m, m->out[sent++]);
		} else {
			struct recv *r = random_recv(m);

			do_recv(m, r);
			model_recv(m, r);
			recvs--;
		}
		if (sys_rand_below(&m->local, 4) == 0)
			sys_poll(&m->e);
	}
}

/* What the other process sends in this round, for the model. */
static void round_theirs(struct model *m)
{
	size_t inject = m->e.info->tx_attr->inject_size;
	unsigned int cnt = (unsigned int)sys_rand_below(&m->theirs, MAX_ROUND + 1);
	struct message msg;
	unsigned int i;

	for (i = 0; i < cnt; i++) {
		random_message(&m->theirs, m->heard_id++, inject, &msg);
		model_message(m, &msg);
	}
}

static void finish_send(struct model *m, struct message *msg)
{
	if (!msg->inject)
		sys_wait_ok(&m->e, &msg->op);
	free(msg->buf);
	free(msg);
}

/* A rendezvous ends when it is received, which may be much later. */
static void leave_open(struct model *m, struct message *msg)
{
	unsigned int i = 0;

	while (m->open_cnt == MAX_OPEN && i < m->open_cnt) {
		struct message *old = m->open[i];

		if (!old->op.done) {
			i++;
			continue;
		}
		finish_send(m, old);
		m->open[i] = m->open[--m->open_cnt];
	}
	expect(m->open_cnt < MAX_OPEN, "an end of sends that were received");
	m->open[m->open_cnt++] = msg;
}

static void round_flush(struct model *m)
{
	struct sys_op in = { 0 }, out = { 0 };
	unsigned int i;

	sys_trecv(&m->e, m->peer, NULL, 0, FLUSH_TAG, 0, &in);
	sys_tsend(&m->e, m->peer, NULL, 0, FLUSH_TAG, &out);
	sys_wait_ok(&m->e, &in);
	sys_wait_ok(&m->e, &out);
	for (i = 0; i < m->out_cnt; i++) {
		if (sys_is_rendezvous() && !m->out[i]->inject)
			leave_open(m, m->out[i]);
		else
			finish_send(m, m->out[i]);
	}
}

static void round_results(struct model *m, struct queue *q)
{
	unsigned int i = 0;

	while (i < q->posted_cnt) {
		if (q->posted[i]->matched) {
			finish_recv(m, q->posted[i]);
			remove_posted(q, i);
		} else {
			expect(!q->posted[i]->op.done, "no message for a receive with tag %#llx",
			       (unsigned long long)q->posted[i]->tag);
			i++;
		}
	}
}

/* ---- between rounds: what is left over ---- */

static void cancel_one(struct model *m, struct queue *q, unsigned int i)
{
	struct recv *r = q->posted[i];

	expect_ok(fi_cancel(&m->e.ep->fid, &r->op));
	sys_wait(&m->e, &r->op);
	expect_eq(r->op.err, FI_ECANCELED);
	sys_check_guard(r->buf, r->room);
	free(r->buf);
	free(r);
	remove_posted(q, i);
	m->ops++;
}

static ssize_t look(struct model *m, const struct recv *r, void *buf, size_t len, uint64_t flags,
		    struct sys_op *op)
{
	struct iovec iov = { buf, len };
	struct fi_msg_tagged tmsg = {
		.msg_iov = &iov, .iov_count = buf ? 1 : 0, .addr = FI_ADDR_UNSPEC,
		.tag = r->tag, .ignore = r->ignore, .context = op,
	};
	struct fi_msg msg = {
		.msg_iov = &iov, .iov_count = buf ? 1 : 0, .addr = FI_ADDR_UNSPEC, .context = op,
	};

	memset(op, 0, sizeof(*op));
	m->ops++;
	return r->tagged ? fi_trecvmsg(m->e.ep, &tmsg, flags | FI_COMPLETION) :
			   fi_recvmsg(m->e.ep, &msg, flags | FI_COMPLETION);
}

/* Take the claimed message, into a buffer that may be too small, or drop it. */
static void settle_claim(struct model *m, const struct recv *r, struct message *want,
			 struct sys_op *op)
{
	size_t len = want->size < r->room ? want->size : r->room;

	if (sys_rand_below(&m->local, 3) == 0) {
		sys_post(&m->e, look(m, r, NULL, 0, FI_CLAIM | FI_DISCARD, op));
		sys_wait_ok(&m->e, op);
		return;
	}
	sys_post(&m->e, look(m, r, r->buf, r->room, FI_CLAIM, op));
	check_entry(m, op, want, r->room);
	sys_verify(r->buf, want->size > r->room ? len / 8 * 8 : len, want->id);
	sys_check_guard(r->buf, r->room);
}

static void peek_one(struct model *m)
{
	static const uint64_t flags[] = { FI_PEEK, FI_PEEK | FI_DISCARD, FI_PEEK | FI_CLAIM };
	uint64_t flag = flags[sys_rand_below(&m->local, 3)];
	struct recv *r = random_recv(m);
	struct queue *q = &m->q[r->tagged];
	int found = find_early(q, r);
	struct message want;
	struct sys_op op;

	sys_post(&m->e, look(m, r, NULL, 0, flag, &op));
	if (found < 0) {
		sys_wait(&m->e, &op);
		expect_eq(op.err, FI_ENOMSG);
	} else {
		want = q->early[found];
		check_entry(m, &op, &want, SIZE_MAX);
		if (flag != FI_PEEK)
			remove_early(q, (unsigned int)found);
		if (flag & FI_CLAIM)
			settle_claim(m, r, &want, &op);
	}
	free(r->buf);
	free(r);
}

/* Receive the oldest early message of a queue. */
static void take_oldest(struct model *m, struct queue *q)
{
	struct recv *r = random_recv(m);

	r->tagged = q == &m->q[1];
	r->tag = q->early[0].tag;
	r->ignore = 0;
	do_recv(m, r);
	model_recv(m, r);
	expect(r->matched, "a match in the model");
	round_results(m, q);
}

static void between_rounds(struct model *m)
{
	unsigned int i, n = (unsigned int)sys_rand_below(&m->local, 6);
	struct queue *q;

	for (i = 0; i < n; i++) {
		q = &m->q[sys_rand_below(&m->local, 2)];
		if (sys_rand_below(&m->local, 3) == 0 && q->posted_cnt)
			cancel_one(m, q, (unsigned int)sys_rand_below(&m->local, q->posted_cnt));
		else if (sys_is_uet())
			peek_one(m);
	}
	for (i = 0; i < 2; i++) {
		while (m->q[i].posted_cnt > MAX_LEFT)
			cancel_one(m, &m->q[i], 0);
		while (m->q[i].early_cnt > MAX_LEFT)
			take_oldest(m, &m->q[i]);
	}
}

static void finish(struct model *m)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		while (m->q[i].posted_cnt)
			cancel_one(m, &m->q[i], 0);
		while (m->q[i].early_cnt)
			take_oldest(m, &m->q[i]);
	}
	while (m->open_cnt)
		finish_send(m, m->open[--m->open_cnt]);
}

/* One run. */
static const struct variant {
	const char *name;
	unsigned int offset;		/* of the seed */
	unsigned int ops, brief;	/* about so many operations of each process */
	const char *var, *value;	/* a setting of uet, or NULL */
	const char *rendezvous;		/* FI_UET_RENDEZVOUS_SIZE, or NULL */
} variants[] = {
	{ "model/1", 0, 10000, 1500, NULL, NULL, NULL },
	{ "model/2", 1, 10000, 1500, NULL, NULL, NULL },
	{ "model/rendezvous", 4, 5000, 1000, NULL, NULL, "4096" },
	{ "model/small-window", 2, 5000, 1000, "FI_UET_WINDOW", "8192", NULL },
	/* The kernel throws packets away that find no room: losses on loopback. */
	{ "model/lossy", 3, 1500, 500, "FI_UET_RCVBUF", "20000", NULL },
	{ "model/lossy-rendezvous", 5, 1500, 500, "FI_UET_RCVBUF", "20000", "4096" },
};

static void model_run(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	uint64_t seed = sys_seed() + v->offset;
	struct sys_opts opts = { .caps = FI_SOURCE | FI_DIRECTED_RECV,
				 .msg_order = FI_ORDER_SAS };
	struct model *m = calloc(1, sizeof(*m));
	unsigned int round, rounds = sys_scaled(v->ops, v->brief) / 20;

	if (v->var)
		setenv(v->var, v->value, 1);
	if (v->rendezvous)
		setenv("FI_UET_RENDEZVOUS_SIZE", v->rendezvous, 1);
	expect(m, "out of memory");
	*m = (struct model){ .s = s, .mine = seed * 2 + (uint64_t)s->rank,
			     .theirs = seed * 2 + 1 - (uint64_t)s->rank,
			     .local = seed * 1000 + (uint64_t)s->rank };
	sys_open(&m->e, &opts);
	sys_connect(s, &m->e);
	m->peer = m->e.peer[1 - s->rank];
	/* Both must do the same number of rounds; one has about 20 operations. */
	for (round = 0; round < rounds; round++) {
		round_traffic(m);
		round_theirs(m);
		round_flush(m);
		round_results(m, &m->q[0]);
		round_results(m, &m->q[1]);
		between_rounds(m);
		/* Nothing of the next round may come into what is known now. */
		sys_barrier(s, &m->e);
	}
	finish(m);
	expect_eq(m->e.null_entries, 0);
	sys_barrier(s, &m->e);
	sys_close(&m->e);
	free(m);
}

int main(int argc, char **argv)
{
	size_t i;

	sys_begin(argc, argv);
	printf("UET_TEST_SEED=%llu\n", (unsigned long long)sys_seed());
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		sys_case(variants[i].name, 2, model_run, &variants[i]);
	return sys_end();
}
