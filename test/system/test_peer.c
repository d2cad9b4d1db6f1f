/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Shared receive contexts with a peer provider, fi_peer(3): one process receives from uet and
 * from libfabric's shm through one context and one CQ, another sends over either.
 */
#include <config.h>

#include "sys.h"

#include <rdma/fi_ext.h>

#if defined(HAVE_STRUCT_FI_PEER_MATCH_ATTR_MSG_SIZE) && \
	defined(HAVE_STRUCT_FI_OPS_SRX_OWNER_FOREACH_UNSPEC_ADDR)
#define HAVE_PEER 1
#include <rdma/providers/fi_peer.h>
#else
#define HAVE_PEER 0
#endif

#define LONG	20000

/* uet with a shared receive context, opened but without peers. */
struct owner {
	struct sys_ep e;
	struct fid_ep *srx;
};

static void open_owner(struct owner *o, const struct sys_opts *opts)
{
	size_t len = SYS_NAME_MAX;

	memset(o, 0, sizeof(*o));
	sys_open_objects(&o->e, opts);
	o->e.info->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
	expect_ok(fi_srx_context(o->e.domain, o->e.info->rx_attr, &o->srx, NULL));
	expect_ok(fi_endpoint(o->e.domain, o->e.info, &o->e.ep, NULL));
	expect_ok(fi_ep_bind(o->e.ep, &o->e.av->fid, 0));
	expect_ok(fi_ep_bind(o->e.ep, &o->e.txcq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_ep_bind(o->e.ep, &o->srx->fid, 0));
	expect_ok(fi_enable(o->e.ep));
	expect_ok(fi_getname(&o->e.ep->fid, o->e.name, &len));
}

static void close_owner(struct owner *o)
{
	expect_ok(fi_close(&o->e.ep->fid));
	o->e.ep = NULL;
	expect_ok(fi_close(&o->srx->fid));
	sys_close(&o->e);
}

#if !HAVE_PEER

static void refused(struct sys *s, const void *arg)
{
	struct owner o;
	struct fid *fid;

	(void)s;
	open_owner(&o, arg);
	expect_ret(fi_export_fid(&o.srx->fid, 0, &fid, NULL), -FI_ENOSYS);
	expect_ret(fi_export_fid(&o.e.txcq->fid, 0, &fid, NULL), -FI_ENOSYS);
	close_owner(&o);
}

static void no_peers(struct sys *s, const void *arg)
{
	(void)s;
	(void)arg;
	sys_skip("this libfabric's headers do not have the peer API of 2.x");
}

int main(int argc, char **argv)
{
	static const struct sys_opts opts = { .one_cq = true };

	sys_begin(argc, argv);
	sys_case("peers are refused", 1, refused, &opts);
	sys_case("everything with a peer", 1, no_peers, NULL);
	return sys_end();
}

#else

#define SHM_NAME_MAX 256

/* An endpoint of shm: a peer of the context of @o, or one on its own. */
struct shm {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *srx, *ep;
	struct fid *peer_cq, *peer_srx;		/* exported by uet */
	char name[SHM_NAME_MAX];
};

static void open_shm_objects(struct shm *shm)
{
	struct fi_info *hints = fi_allocinfo();
	struct fi_av_attr av = { .type = FI_AV_TABLE };
	int ret;

	expect(hints, "out of memory");
	memset(shm, 0, sizeof(*shm));
	hints->caps = FI_MSG | FI_TAGGED | FI_DIRECTED_RECV | FI_SOURCE;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->fabric_attr->prov_name = strdup("shm");
	ret = fi_getinfo(fi_version(), NULL, NULL, 0, hints, &shm->info);
	fi_freeinfo(hints);
	if (ret)
		sys_skip("this libfabric has no shm provider");
	expect_ok(fi_fabric(shm->info->fabric_attr, &shm->fabric, NULL));
	expect_ok(fi_domain(shm->fabric, shm->info, &shm->domain, NULL));
	expect_ok(fi_av_open(shm->domain, &av, &shm->av, NULL));
	expect_ok(fi_endpoint(shm->domain, shm->info, &shm->ep, NULL));
	expect_ok(fi_ep_bind(shm->ep, &shm->av->fid, 0));
}

static void enable_shm(struct shm *shm)
{
	size_t len = sizeof(shm->name);

	expect_ok(fi_ep_bind(shm->ep, &shm->cq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_enable(shm->ep));
	expect_ok(fi_getname(&shm->ep->fid, shm->name, &len));
}

static void open_shm(struct shm *shm)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED };

	open_shm_objects(shm);
	expect_ok(fi_cq_open(shm->domain, &attr, &shm->cq, NULL));
	enable_shm(shm);
}

static void open_peer(struct shm *shm, struct owner *o)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED, .flags = FI_PEER };
	struct fi_rx_attr rx = { .op_flags = FI_PEER };
	struct fi_peer_cq_context cq = { .size = sizeof(cq) };
	struct fi_peer_srx_context srx = { .size = sizeof(srx) };

	open_shm_objects(shm);
	expect_ok(fi_export_fid(&o->e.txcq->fid, 0, &shm->peer_cq, NULL));
	expect_eq(shm->peer_cq->fclass, FI_CLASS_PEER_CQ);
	cq.cq = (struct fid_peer_cq *)shm->peer_cq;
	expect_ok(fi_cq_open(shm->domain, &attr, &shm->cq, &cq));
	expect_ok(fi_export_fid(&o->srx->fid, 0, &shm->peer_srx, shm));
	expect_eq(shm->peer_srx->fclass, FI_CLASS_PEER_SRX);
	expect(shm->peer_srx->context == shm, "the context that was given");
	srx.srx = (struct fid_peer_srx *)shm->peer_srx;
	expect_ok(fi_srx_context(shm->domain, &rx, &shm->srx, &srx));
	expect_ok(fi_ep_bind(shm->ep, &shm->srx->fid, 0));
	enable_shm(shm);
	expect_ok(fi_import_fid(shm->peer_srx, &shm->cq->fid, 0));
	expect_ret(fi_import_fid(shm->peer_srx, &shm->cq->fid, 0), -FI_EALREADY);
	expect_ret(fi_import_fid(shm->peer_srx, &shm->av->fid, 0), -FI_EINVAL);
}

static void close_shm(struct shm *shm)
{
	expect_ok(fi_close(&shm->ep->fid));
	if (shm->srx)
		expect_ok(fi_close(&shm->srx->fid));
	if (shm->peer_srx)
		expect_ok(fi_close(shm->peer_srx));
	expect_ok(fi_close(&shm->cq->fid));
	if (shm->peer_cq)
		expect_ok(fi_close(shm->peer_cq));
	expect_ok(fi_close(&shm->av->fid));
	expect_ok(fi_close(&shm->domain->fid));
	expect_ok(fi_close(&shm->fabric->fid));
	fi_freeinfo(shm->info);
}

/* ---- two processes: 0 receives, 1 sends ---- */

struct pair {
	struct sys *s;
	struct owner o;		/* of 0 */
	struct sys_ep e;	/* of 1 */
	struct shm shm;
	char shm_peer[SHM_NAME_MAX];
	fi_addr_t to_shm;	/* of 1 */
	fi_addr_t from;		/* of 0: process 1 in the vector of uet */
	fi_addr_t self;
};

/* Tell the peer that process 1 is whom uet knows by p->from. */
static void introduce(struct pair *p)
{
	fi_addr_t id = p->from;

	expect_ret(fi_av_insert(p->shm.av, p->shm_peer, 1, &id, FI_AV_USER_ID, NULL), 1);
}

static void open_pair(struct pair *p, struct sys *s, const struct sys_opts *opts, bool introduced)
{
	struct sys_ep *e = s->rank ? &p->e : &p->o.e;

	memset(p, 0, sizeof(*p));
	p->s = s;
	if (s->rank == 0) {
		open_owner(&p->o, opts);
		open_peer(&p->shm, &p->o);
	} else {
		sys_open(&p->e, opts);
		open_shm(&p->shm);
	}
	sys_connect(s, e);
	sys_tell(s, !s->rank, p->shm.name, SHM_NAME_MAX);
	sys_hear(s, !s->rank, p->shm_peer, SHM_NAME_MAX, e);
	p->from = e->peer[1];
	p->self = e->peer[0];
	if (s->rank == 1)
		expect_ret(fi_av_insert(p->shm.av, p->shm_peer, 1, &p->to_shm, 0, NULL), 1);
	else if (introduced)
		introduce(p);
	sys_barrier(s, e);
}

static void close_pair(struct pair *p)
{
	sys_barrier(p->s, p->s->rank ? &p->e : &p->o.e);
	close_shm(&p->shm);
	if (p->s->rank == 0)
		close_owner(&p->o);
	else
		sys_close(&p->e);
}

/* Where both processes have to be; both ways are driven in 0. */
static void step(struct pair *p)
{
	sys_barrier(p->s, p->s->rank ? &p->e : &p->o.e);
}

/* Send over shm, until the buffer is free again. */
static void shm_send(struct pair *p, const void *buf, size_t len, bool tagged, uint64_t tag)
{
	struct fi_cq_tagged_entry entry;
	int context;
	ssize_t ret;

	do {
		if (tagged)
			ret = fi_tsend(p->shm.ep, buf, len, NULL, p->to_shm, tag, &context);
		else
			ret = fi_send(p->shm.ep, buf, len, NULL, p->to_shm, &context);
		if (ret == -FI_EAGAIN)
			fi_cq_read(p->shm.cq, NULL, 0);
	} while (ret == -FI_EAGAIN);
	expect_ret(ret, 0);
	while ((ret = fi_cq_read(p->shm.cq, &entry, 1)) == -FI_EAGAIN)
		;
	expect_ret(ret, 1);
	expect(entry.op_context == &context, "the completion of another operation");
}

static void uet_send(struct pair *p, const void *buf, size_t len, bool tagged, uint64_t tag)
{
	struct sys_op op = { 0 };
	fi_addr_t to = p->e.peer[0];

	if (tagged)
		sys_post(&p->e, fi_tsend(p->e.ep, buf, len, NULL, to, tag, &op));
	else
		sys_post(&p->e, fi_send(p->e.ep, buf, len, NULL, to, &op));
	sys_wait_ok(&p->e, &op);
}

enum way { UET, SHM };

/* Process 1 sends a tagged message with the pattern @id. */
static void send_id(struct pair *p, enum way way, size_t len, uint64_t tag, uint64_t id)
{
	static uint8_t buf[LONG];

	sys_fill(buf, len, id);
	if (way == UET)
		uet_send(p, buf, len, true, tag);
	else
		shm_send(p, buf, len, true, tag);
}

static void trecv(struct pair *p, void *buf, size_t len, fi_addr_t src, uint64_t tag,
		  uint64_t ignore, struct sys_op *op)
{
	*op = (struct sys_op){ 0 };
	sys_post(&p->o.e, fi_trecv(p->o.srx, buf, len, NULL, src, tag, ignore, op));
}

/* @op has received @len bytes with the pattern @id from process 1. */
static void received(struct pair *p, struct sys_op *op, const void *buf, size_t len,
		     uint64_t tag, uint64_t id)
{
	sys_wait_ok(&p->o.e, op);
	expect_eq(op->entry.len, len);
	expect_eq(op->entry.tag, tag);
	expect_eq(op->entry.flags & (FI_RECV | FI_TAGGED), FI_RECV | FI_TAGGED);
	expect_eq(op->src, p->from);
	sys_verify(buf, len, id);
}

/* Wait until an unexpected message with @tag is there. */
static void arrived(struct pair *p, uint64_t tag)
{
	struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .tag = tag };
	struct sys_op op;

	do {
		op = (struct sys_op){ 0 };
		msg.context = &op;
		expect_ok(fi_trecvmsg(p->o.srx, &msg, FI_PEEK | FI_COMPLETION));
		sys_wait(&p->o.e, &op);
	} while (op.err == FI_ENOMSG);
	expect_eq(op.err, 0);
	expect_eq(op.entry.tag, tag);
}

/* ---- cases ---- */

static const struct {
	enum way way;
	size_t len;
	uint64_t tag;
} plan[] = {
	{ SHM, 8, 3 }, { UET, 8, 1 }, { SHM, LONG, 4 }, { UET, LONG, 2 }, { SHM, 0, 5 },
	{ SHM, 3000, 6 },
};

#define PLAN (int)(sizeof(plan) / sizeof(plan[0]))

/* Receives that are there first, by tag; and the other kind of message. */
static void expected(struct sys *s, const void *arg)
{
	static uint8_t in[PLAN][LONG];
	struct sys_op op[PLAN];
	struct pair p;
	int i;

	open_pair(&p, s, arg, true);
	if (s->rank == 0) {
		for (i = 0; i < PLAN; i++)
			trecv(&p, in[i], LONG, FI_ADDR_UNSPEC, (uint64_t)i + 1, 0, &op[i]);
		step(&p);
		for (i = 0; i < PLAN; i++) {
			uint64_t t = plan[i].tag;

			received(&p, &op[t - 1], in[t - 1], plan[i].len, t, (uint64_t)i);
		}
		op[0] = op[1] = (struct sys_op){ 0 };
		for (i = 0; i < 2; i++)
			expect_ok(fi_recv(p.o.srx, in[i], 8, NULL, FI_ADDR_UNSPEC, &op[i]));
		step(&p);
		for (i = 0; i < 2; i++) {
			sys_wait_ok(&p.o.e, &op[i]);
			expect_eq(op[i].entry.flags & (FI_RECV | FI_MSG), FI_RECV | FI_MSG);
			expect_eq(in[i][0], i);
			step(&p);
		}
	} else {
		step(&p);
		for (i = 0; i < PLAN; i++)
			send_id(&p, plan[i].way, plan[i].len, plan[i].tag, (uint64_t)i);
		step(&p);
		shm_send(&p, "\0", 1, false, 0);
		step(&p);
		uet_send(&p, "\1", 1, false, 0);
		step(&p);
	}
	close_pair(&p);
}

/* A long one over shm keeps its sender until it is received: that has a place of its own. */
static bool later(int i)
{
	return plan[i].way == SHM && plan[i].len == LONG;
}

/* Nobody waits for what comes: it is taken in the order of arrival, whichever way it took. */
static void unexpected(struct sys *s, const void *arg)
{
	static uint8_t in[LONG];
	struct sys_op op;
	struct pair p;
	int i;

	open_pair(&p, s, arg, true);
	for (i = 0; i < PLAN; i++) {
		if (later(i))
			continue;
		if (s->rank == 1)
			send_id(&p, plan[i].way, plan[i].len, plan[i].tag, (uint64_t)i);
		else
			arrived(&p, plan[i].tag);
		step(&p);
	}
	for (i = 0; s->rank == 0 && i < PLAN; i++) {
		if (later(i))
			continue;
		trecv(&p, in, LONG, FI_ADDR_UNSPEC, 0, ~0ull, &op);
		received(&p, &op, in, plan[i].len, plan[i].tag, (uint64_t)i);
	}
	step(&p);
	if (s->rank == 1) {
		send_id(&p, SHM, LONG, 9, 99);
	} else {
		arrived(&p, 9);
		trecv(&p, in, LONG, p.from, 9, 0, &op);
		received(&p, &op, in, LONG, 9, 99);
	}
	close_pair(&p);
}

/* Directed receives, also for a sender whose address the peer learns only afterwards. */
static void directed(struct sys *s, const void *arg)
{
	uint64_t in[3] = { 0 };
	struct sys_op op[3];
	struct pair p;

	open_pair(&p, s, arg, false);
	if (s->rank == 1) {
		step(&p);
		send_id(&p, SHM, 8, 7, 1);
		step(&p);
		step(&p);
		send_id(&p, SHM, 8, 7, 2);
		step(&p);
		send_id(&p, UET, 8, 7, 3);
		close_pair(&p);
		return;
	}
	trecv(&p, &in[0], 8, p.self, 7, 0, &op[0]);
	trecv(&p, &in[1], 8, p.from, 7, 0, &op[1]);
	step(&p);
	arrived(&p, 7);
	expect_eq(op[0].done + op[1].done, 0);
	introduce(&p);
	sys_wait_ok(&p.o.e, &op[1]);
	sys_verify(&in[1], 8, 1);
	step(&p);
	trecv(&p, &in[1], 8, p.from, 7, 0, &op[1]);
	trecv(&p, &in[2], 8, p.from, 0, ~0ull, &op[2]);
	step(&p);
	received(&p, &op[1], &in[1], 8, 7, 2);
	step(&p);
	received(&p, &op[2], &in[2], 8, 7, 3);
	expect_eq(op[0].done, 0);
	expect_ok(fi_cancel(&p.o.srx->fid, &op[0]));
	sys_wait(&p.o.e, &op[0]);
	close_pair(&p);
}

/* Cancelled receives take nothing; peeks, claims and discards; what does not fit. */
static void leftovers(struct sys *s, const void *arg)
{
	struct fi_msg_tagged msg = { .addr = FI_ADDR_UNSPEC, .tag = 2 };
	uint64_t in[2] = { 0 };
	struct iovec iov = { .iov_base = in, .iov_len = 8 };
	struct sys_op op, more;
	struct pair p;

	open_pair(&p, s, arg, true);
	if (s->rank == 1) {
		step(&p);
		send_id(&p, SHM, 8, 1, 1);
		send_id(&p, SHM, 8, 2, 2);
		send_id(&p, SHM, 8, 2, 3);
		step(&p);
		send_id(&p, SHM, 64, 4, 4);
		step(&p);
		send_id(&p, SHM, 8, 5, 5);
		close_pair(&p);
		return;
	}
	trecv(&p, &in[1], 8, FI_ADDR_UNSPEC, 1, 0, &op);
	expect_ok(fi_cancel(&p.o.srx->fid, &op));
	sys_wait(&p.o.e, &op);
	expect_eq(op.err, FI_ECANCELED);
	step(&p);
	arrived(&p, 2);
	expect_eq(in[1], 0);
	/* The first with tag 2 is set aside, the second dropped. */
	op = more = (struct sys_op){ 0 };
	msg.context = &op;
	expect_ok(fi_trecvmsg(p.o.srx, &msg, FI_PEEK | FI_CLAIM | FI_COMPLETION));
	sys_wait_ok(&p.o.e, &op);
	expect_eq(op.entry.len, 8);
	arrived(&p, 2);
	msg.context = &more;
	expect_ok(fi_trecvmsg(p.o.srx, &msg, FI_PEEK | FI_DISCARD | FI_COMPLETION));
	sys_wait_ok(&p.o.e, &more);
	op = (struct sys_op){ 0 };
	msg.context = &op;
	msg.msg_iov = &iov;
	msg.iov_count = 1;
	expect_ok(fi_trecvmsg(p.o.srx, &msg, FI_CLAIM | FI_COMPLETION));
	received(&p, &op, in, 8, 2, 2);
	trecv(&p, in, 8, FI_ADDR_UNSPEC, 0, ~0ull, &op);
	received(&p, &op, in, 8, 1, 1);
	trecv(&p, in, 8, FI_ADDR_UNSPEC, 0, ~0ull, &op);
	step(&p);
	sys_wait(&p.o.e, &op);
	expect_eq(op.err, FI_ETRUNC);
	/* Claimed, and then its endpoint goes away. */
	step(&p);
	arrived(&p, 5);
	op = (struct sys_op){ 0 };
	msg.tag = 5;
	expect_ok(fi_trecvmsg(p.o.srx, &msg, FI_PEEK | FI_CLAIM | FI_COMPLETION));
	sys_wait_ok(&p.o.e, &op);
	sys_barrier(s, &p.o.e);
	close_shm(&p.shm);
	op = (struct sys_op){ 0 };
	expect_ok(fi_trecvmsg(p.o.srx, &msg, FI_CLAIM | FI_COMPLETION));
	sys_wait(&p.o.e, &op);
	expect_eq(op.err, FI_EIO);
	close_owner(&p.o);
}

static struct {
	int messages, releases;
} multi_seen;

static bool count_multi(struct sys_ep *e, const struct fi_cq_tagged_entry *entry, fi_addr_t src)
{
	(void)e;
	(void)src;
	multi_seen.messages += !!(entry->flags & FI_RECV);
	multi_seen.releases += !!(entry->flags & FI_MULTI_RECV);
	return true;
}

/* One buffer for messages from both sides; it is released once, when the last one fills it. */
static void multi_receive(struct sys *s, const void *arg)
{
	uint64_t buf[5] = { 0 }, out;
	struct iovec iov = { .iov_base = buf, .iov_len = 4 * 8 };
	struct fi_msg msg = { .msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC };
	size_t min = 8;
	struct pair p;
	int i;

	open_pair(&p, s, arg, true);
	if (s->rank == 0) {
		expect_ok(fi_setopt(&p.o.srx->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &min,
				    sizeof(min)));
		p.o.e.on_entry = count_multi;
	}
	for (i = 0; i < 4; i++) {
		out = (uint64_t)i + 100;
		/* The first one is unexpected. */
		if (s->rank == 0 && i == 1)
			expect_ok(fi_recvmsg(p.o.srx, &msg, FI_MULTI_RECV));
		step(&p);
		if (s->rank == 1 && i % 2)
			uet_send(&p, &out, 8, false, 0);
		else if (s->rank == 1)
			shm_send(&p, &out, 8, false, 0);
		while (s->rank == 0 && i > 0 && multi_seen.messages <= i)
			sys_poll(&p.o.e);
		step(&p);
	}
	while (s->rank == 0 && !multi_seen.releases)
		sys_poll(&p.o.e);
	for (i = 0; s->rank == 0 && i < 4; i++)
		expect_eq(buf[i], 100 + i);
	close_pair(&p);
	if (s->rank == 0)
		expect_eq(multi_seen.releases * 10 + multi_seen.messages, 14);
}

/* A reader that sleeps hears of messages that came over the peer. */
static void sleeping(struct sys *s, const void *arg)
{
	struct fi_cq_tagged_entry entry;
	uint64_t in = 0;
	struct sys_op op;
	struct pair p;
	ssize_t ret;

	open_pair(&p, s, arg, true);
	if (s->rank == 0) {
		trecv(&p, &in, 8, FI_ADDR_UNSPEC, 1, 0, &op);
		step(&p);
		do {
			ret = fi_cq_sread(p.o.e.txcq, &entry, 1, NULL, -1);
		} while (ret == -FI_EAGAIN);
		expect_ret(ret, 1);
		expect(entry.op_context == &op, "the receive's context");
		sys_verify(&in, 8, 1);
	} else {
		step(&p);
		/* Late enough for it to sleep; if not the case proves less, and passes. */
		sys_drive(&p.e, 20);
		send_id(&p, SHM, 8, 1, 1);
	}
	close_pair(&p);
}

#define MIX	400
#define TAGS	3

/* Both ways at random: each way keeps its order within a tag. */
static void mixture(struct sys *s, const void *arg)
{
	uint64_t seed = sys_seed(), sent[TAGS] = { 0 }, seen[2][TAGS] = { { 0 } };
	static uint64_t in[TAGS][500], out[500];
	struct sys_op op[TAGS];
	struct pair p;
	int i, t;

	open_pair(&p, s, arg, true);
	for (t = 0; s->rank == 0 && t < TAGS; t++)
		trecv(&p, in[t], sizeof(in[t]), p.from, (uint64_t)t, 0, &op[t]);
	for (i = 0; i < MIX && s->rank == 1; i++) {
		uint64_t tag = sys_rand_below(&seed, TAGS);
		enum way way = sys_rand_below(&seed, 2) ? SHM : UET;
		size_t len = 16 + 8 * sys_rand_below(&seed, 400);

		out[0] = way;
		out[1] = ++sent[tag];
		if (way == SHM)
			shm_send(&p, out, len, true, tag);
		else
			uet_send(&p, out, len, true, tag);
	}
	for (i = 0; i < MIX && s->rank == 0; i++) {
		for (t = 0; !op[t].done; t = (t + 1) % TAGS)
			sys_poll(&p.o.e);
		expect_eq(op[t].err, 0);
		expect_eq(op[t].entry.tag, t);
		expect(in[t][0] < 2, "a way: 0 or 1");
		expect(in[t][1] > seen[in[t][0]][t], "message %llu behind %llu",
		       (unsigned long long)in[t][1], (unsigned long long)seen[in[t][0]][t]);
		seen[in[t][0]][t] = in[t][1];
		trecv(&p, in[t], sizeof(in[t]), p.from, (uint64_t)t, 0, &op[t]);
	}
	for (t = 0; s->rank == 0 && t < TAGS; t++) {
		expect_eq(op[t].done, 0);
		expect_ok(fi_cancel(&p.o.srx->fid, &op[t]));
	}
	close_pair(&p);
}

/* What is left when the peer goes away, and the order in which objects can be closed. */
static void closing(struct sys *s, const void *arg)
{
	uint64_t in = 0;
	struct sys_op op;
	struct pair p;

	open_pair(&p, s, arg, true);
	if (s->rank == 1) {
		send_id(&p, SHM, 8, 1, 1);
		send_id(&p, SHM, 3000, 2, 2);
		step(&p);
		send_id(&p, UET, 8, 3, 3);
		close_pair(&p);
		return;
	}
	arrived(&p, 1);
	arrived(&p, 2);
	step(&p);
	arrived(&p, 3);
	sys_barrier(s, &p.o.e);
	expect_ret(fi_close(p.shm.peer_srx), -FI_EBUSY);
	expect_ret(fi_close(&p.o.srx->fid), -FI_EBUSY);
	expect_ret(fi_close(&p.o.e.txcq->fid), -FI_EBUSY);
	close_shm(&p.shm);
	trecv(&p, &in, 8, FI_ADDR_UNSPEC, 0, ~0ull, &op);
	received(&p, &op, &in, 8, 3, 3);
	close_owner(&p.o);
}

static void refusals(struct sys *s, const void *arg)
{
	struct sys_opts automatic = *(const struct sys_opts *)arg;
	struct fi_cq_attr attr = { .flags = FI_PEER };
	struct fi_rx_attr rx = { .op_flags = FI_PEER };
	struct fi_peer_srx_context context = { .size = sizeof(context) };
	struct fid *fid = NULL;
	struct fid_ep *srx;
	struct fid_cq *cq;
	struct owner o;
	uint64_t in;

	(void)s;
	open_owner(&o, arg);
	expect_ret(fi_export_fid(&o.srx->fid, FI_PEER, &fid, NULL), -FI_EINVAL);
	expect_ret(fi_export_fid(&o.srx->fid, 0, NULL, NULL), -FI_EINVAL);
	expect_ret(fi_export_fid(&o.e.ep->fid, 0, &fid, NULL), -FI_ENOSYS);
	expect_ok(fi_export_fid(&o.srx->fid, 0, &fid, NULL));
	/* It is for a provider, not for the application's receives. */
	srx = &((struct fid_peer_srx *)fid)->ep_fid;
	expect_ret(fi_recv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, NULL), -FI_ENOSYS);
	expect_ret(fi_trecv(srx, &in, 8, NULL, FI_ADDR_UNSPEC, 1, 0, NULL), -FI_ENOSYS);
	/* uet is no peer of others. */
	expect_ret(fi_cq_open(o.e.domain, &attr, &cq, &context), -FI_EINVAL);
	context.srx = (struct fid_peer_srx *)fid;
	expect_ret(fi_srx_context(o.e.domain, &rx, &srx, &context), -FI_EINVAL);
	expect_ok(fi_close(fid));
	close_owner(&o);
	automatic.progress = FI_PROGRESS_AUTO;
	open_owner(&o, &automatic);
	expect_ret(fi_export_fid(&o.srx->fid, 0, &fid, NULL), -FI_EOPNOTSUPP);
	close_owner(&o);
}

int main(int argc, char **argv)
{
	static const struct sys_opts rud = {
		.caps = FI_DIRECTED_RECV | FI_SOURCE, .one_cq = true,
	};
	static const struct sys_opts rod = {
		.caps = FI_DIRECTED_RECV | FI_SOURCE, .one_cq = true, .msg_order = FI_ORDER_SAS,
		.threading = FI_THREAD_DOMAIN,
	};
	static const struct sys_opts multi = { .caps = FI_MULTI_RECV, .one_cq = true };
	static const struct sys_opts wait = { .caps = FI_SOURCE, .one_cq = true,
					      .wait_obj = FI_WAIT_UNSPEC };

	setenv("FI_PROVIDER", "uet,shm", 0);
	sys_begin(argc, argv);
	sys_case("expected messages", 2, expected, &rud);
	sys_case("expected messages, ordered, no locks", 2, expected, &rod);
	sys_case("unexpected messages", 2, unexpected, &rud);
	sys_case("directed receives", 2, directed, &rud);
	sys_case("cancelled, claimed, discarded", 2, leftovers, &rud);
	sys_case("multi-receive", 2, multi_receive, &multi);
	sys_case("sleeping", 2, sleeping, &wait);
	sys_case("a mixture", 2, mixture, &rod);
	sys_case("closing", 2, closing, &rud);
	sys_case("refusals", 1, refusals, &rud);
	return sys_end();
}

#endif
