/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The two protocols of the NCCL plugin aws-ofi-nccl, played with the calls that it makes, in the
 * order in which it makes them, over two processes.
 */
#include "sys_cuda.h"

#include <rdma/fi_rma.h>

#include <sched.h>
#include <stdio.h>

#define CQ_SIZE		12288
#define CQ_BATCH	4
#define WINDOW		8		/* requests in flight that NCCL allows */
#define FLUSH_LEN	64

struct plan {
	uint32_t version;
	bool rdma;			/* else send/receive */
	bool gdr;			/* buffers are the device's */
};

/* A request: the plugin gives the address of a context inside it. */
struct req {
	struct fi_context2 context;
	unsigned int done;
	uint64_t flags;
	size_t len;
	uint64_t data;
};

struct net {
	const struct plan *plan;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_cq *cq;
	struct fid_av *av;
	struct fid_ep *ep;
	char name[SYS_NAME_MAX];
	fi_addr_t self, peer;
	uint64_t next_key;
	bool virt_addr;
	unsigned int immediates;	/* remote writes that were announced */
	uint64_t immediate[WINDOW * 16];
};

/* ---- opening ---- */

static struct fi_info *hints_of(const struct plan *p)
{
	struct fi_info *h = fi_allocinfo();

	expect(h, "out of memory");
	h->caps = FI_LOCAL_COMM | FI_REMOTE_COMM | FI_MSG;
	h->caps |= p->rdma ? FI_RMA | FI_HMEM : FI_TAGGED;
	if (p->gdr && !p->rdma)
		h->caps |= FI_HMEM | FI_RMA | FI_READ;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_ENDPOINT | FI_MR_VIRT_ADDR |
				  FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	if (p->gdr || p->rdma)
		h->domain_attr->mr_mode |= FI_MR_HMEM;
	h->domain_attr->mr_key_size = 2;
	h->domain_attr->threading = p->rdma ? FI_THREAD_COMPLETION : FI_THREAD_SAFE;
	if (p->rdma) {
		h->domain_attr->cq_data_size = 4;
	} else {
		h->tx_attr->msg_order = FI_ORDER_SAS;
		h->rx_attr->msg_order = FI_ORDER_SAS;
	}
	h->fabric_attr->prov_name = strdup(sys_provider());
	return h;
}

static void choose(struct net *n)
{
	struct fi_info *hints = hints_of(n->plan);
	int ret = fi_getinfo(n->plan->version, NULL, NULL, 0, hints, &n->info);

	fi_freeinfo(hints);
	if (ret == -FI_ENODATA && !sys_is_uet())
		sys_skip("the provider does not offer this");
	expect_ok(ret);
	n->virt_addr = n->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR;
	expect(!(n->info->domain_attr->mr_mode & FI_MR_ENDPOINT), "no FI_MR_ENDPOINT");
}

/* What it tries to set; only these answers let it go on. */
static void set_options(struct net *n)
{
	bool no = false;
	int ret = 0;

#if HAVE_DECL_FI_OPT_SHARED_MEMORY_PERMITTED
	ret = fi_setopt(&n->ep->fid, FI_OPT_ENDPOINT, FI_OPT_SHARED_MEMORY_PERMITTED, &no,
			sizeof(no));
	expect(!ret || ret == -FI_EOPNOTSUPP || ret == -FI_ENOPROTOOPT, "a known answer");
#endif
#if HAVE_DECL_FI_OPT_CUDA_API_PERMITTED
	if (n->info->caps & FI_HMEM)
		ret = fi_setopt(&n->ep->fid, FI_OPT_ENDPOINT, FI_OPT_CUDA_API_PERMITTED, &no,
				sizeof(no));
	expect(!ret || ret == -FI_EOPNOTSUPP || ret == -FI_ENOPROTOOPT, "a known answer");
#endif
#if HAVE_DECL_FI_OPT_INJECT_RMA_SIZE
	if (n->plan->rdma) {
		size_t size, len = sizeof(size);

		ret = fi_getopt(&n->ep->fid, FI_OPT_ENDPOINT, FI_OPT_INJECT_RMA_SIZE, &size,
				&len);
		expect(!ret || ret == -FI_ENOPROTOOPT, "a known answer");
	}
#endif
	(void)n;
	(void)no;
	(void)ret;
}

static fi_addr_t insert(struct net *n, const void *name)
{
	fi_addr_t addr;

	expect_ret(fi_av_insert(n->av, name, 1, &addr, 0, NULL), 1);
	return addr;
}

static void net_open(struct sys *s, struct net *n, const struct plan *plan)
{
	struct fi_cq_attr cq_attr = {
		.size = CQ_SIZE,
		.format = plan->rdma ? FI_CQ_FORMAT_DATA : FI_CQ_FORMAT_TAGGED,
	};
	struct fi_av_attr av_attr = { 0 };
	char peer[SYS_NAME_MAX];
	size_t len = sizeof(n->name);

	*n = (struct net){ .plan = plan };
	cuda_open_idle();
	choose(n);
	expect_ok(fi_fabric(n->info->fabric_attr, &n->fabric, NULL));
	expect_ok(fi_domain(n->fabric, n->info, &n->domain, NULL));
	expect_ok(fi_av_open(n->domain, &av_attr, &n->av, NULL));
	expect_ok(fi_cq_open(n->domain, &cq_attr, &n->cq, NULL));
	expect_ok(fi_endpoint(n->domain, n->info, &n->ep, NULL));
	expect_ok(fi_ep_bind(n->ep, &n->cq->fid, FI_TRANSMIT | FI_RECV));
	expect_ok(fi_ep_bind(n->ep, &n->av->fid, 0));
	set_options(n);
	expect_ok(fi_enable(n->ep));
	expect_ok(fi_getname(&n->ep->fid, n->name, &len));
	n->self = insert(n, n->name);
	sys_tell(s, !s->rank, n->name, sizeof(n->name));
	sys_hear(s, !s->rank, peer, sizeof(peer), NULL);
	n->peer = insert(n, peer);
}

static void net_close(struct net *n)
{
	expect_ok(fi_close(&n->ep->fid));
	expect_ok(fi_close(&n->av->fid));
	expect_ok(fi_close(&n->cq->fid));
	expect_ok(fi_close(&n->domain->fid));
	expect_ok(fi_close(&n->fabric->fid));
	fi_freeinfo(n->info);
}

/* ---- progress ---- */

static void take(struct net *n, void *context, uint64_t flags, size_t len, uint64_t data)
{
	struct req *req = context;

	if (flags & FI_REMOTE_WRITE) {
		expect(flags & FI_REMOTE_CQ_DATA, "data with a remote write");
		expect(n->immediates < WINDOW * 16, "not so many remote writes");
		n->immediate[n->immediates++] = data;
		return;
	}
	expect(req, "a context in every other entry");
	expect_eq(req->done, 0);
	req->done = 1;
	req->flags = flags;
	req->len = len;
	req->data = data;
}

static void take_error(struct net *n)
{
	struct fi_cq_err_entry err = { 0 };
	char text[256];

	expect_ret(fi_cq_readerr(n->cq, &err, 0), 1);
	expect(false, "no error: %s, %s", fi_strerror(err.err),
	       fi_cq_strerror(n->cq, err.prov_errno, err.err_data, text, sizeof(text)));
}

static void progress(struct net *n)
{
	struct fi_cq_tagged_entry tagged[CQ_BATCH];
	struct fi_cq_data_entry plain[CQ_BATCH];
	ssize_t got, i;

	got = fi_cq_read(n->cq, n->plan->rdma ? (void *)plain : (void *)tagged, CQ_BATCH);
	if (got == -FI_EAVAIL)
		take_error(n);
	if (got == -FI_EAGAIN) {
		sched_yield();
		return;
	}
	expect(got > 0 && got <= CQ_BATCH, "1 to %d entries, not %zd", CQ_BATCH, got);
	for (i = 0; i < got; i++) {
		if (n->plan->rdma)
			take(n, plain[i].op_context, plain[i].flags, plain[i].len, plain[i].data);
		else
			take(n, tagged[i].op_context, tagged[i].flags, tagged[i].len,
			     tagged[i].data);
	}
}

static void wait_for(struct net *n, struct req *req)
{
	while (!req->done)
		progress(n);
}

#define post(n, call) \
	do { \
		ssize_t ret_; \
		while ((ret_ = (call)) == -FI_EAGAIN) \
			progress(n); \
		expect_ret(ret_, 0); \
	} while (0)

/* ---- registered memory ---- */

struct mem {
	bool device;
	uint8_t *at;
	size_t len;
	struct fid_mr *mr;
	void *desc;
	uint64_t base;			/* that peers add offsets to */
};

static void mem_make(struct net *n, struct mem *m, bool device, size_t len, uint64_t access)
{
	struct iovec iov;
	struct fi_mr_attr attr = { .mr_iov = &iov, .iov_count = 1, .access = access };

	m->device = device;
	m->len = len;
	m->at = device ? cuda_alloc(CUDA_DEVICE, len) : sys_alloc(len);
	iov = (struct iovec){ m->at, len };
	attr.iface = device ? FI_HMEM_CUDA : FI_HMEM_SYSTEM;
	attr.device.cuda = 0;
	if (!(n->info->domain_attr->mr_mode & FI_MR_PROV_KEY))
		attr.requested_key = n->next_key++;
	expect_ok(fi_mr_regattr(n->domain, &attr, 0, &m->mr));
	m->desc = fi_mr_desc(m->mr);
	expect(fi_mr_key(m->mr) != FI_KEY_NOTAVAIL, "a key at once");
	m->base = n->virt_addr ? (uintptr_t)m->at : 0;
}

static void mem_drop(struct mem *m)
{
	expect_ok(fi_close(&m->mr->fid));
	if (m->device)
		cuda_free(m->at);
	else
		free(m->at);
}

static void mem_fill(struct mem *m, size_t len, uint64_t id)
{
	if (m->device)
		cuda_fill(m->at, len, id);
	else
		sys_fill(m->at, len, id);
}

static void mem_verify(struct mem *m, size_t len, uint64_t id)
{
	if (m->device)
		cuda_verify(m->at, len, id);
	else
		sys_verify(m->at, len, id);
}

static const size_t msg_sizes[] = { 0, 1, 8, 4096, 65536, 131072, 1 << 20, 3000001 };

#define MSG_SIZES (sizeof(msg_sizes) / sizeof(msg_sizes[0]))
#define MSG_MAX 3000001
#define MESSAGES 64

/* Connection manager: an untagged message each way with registered buffers. */
static void connect_both(struct net *n, int rank)
{
	struct mem out, in;
	struct req sent = { .done = 0 }, got = { .done = 0 };

	mem_make(n, &out, false, 200, FI_SEND);
	mem_make(n, &in, false, 200, FI_RECV);
	mem_fill(&out, out.len, (uint64_t)rank);
	post(n, fi_recv(n->ep, in.at, in.len, in.desc, FI_ADDR_UNSPEC, &got));
	post(n, fi_send(n->ep, out.at, out.len, out.desc, n->peer, &sent));
	wait_for(n, &sent);
	wait_for(n, &got);
	expect(got.flags & FI_RECV, "FI_RECV");
	expect_eq(got.len, 200);
	mem_verify(&in, in.len, !rank);
	mem_drop(&out);
	mem_drop(&in);
}

/* ---- the send/receive protocol ---- */

static void flush_read(struct net *n, struct mem *target, struct mem *host)
{
	struct req req = { .done = 0 };

	post(n, fi_read(n->ep, host->at, FLUSH_LEN, host->desc, n->self, target->base,
			fi_mr_key(target->mr), &req));
	wait_for(n, &req);
	expect(req.flags & FI_READ, "FI_READ");
}

static void sendrecv(struct sys *s, const void *arg)
{
	const struct plan *plan = arg;
	uint64_t host_access = FI_SEND | FI_RECV | (plan->gdr ? FI_READ : 0);
	uint64_t access = FI_SEND | FI_RECV | (plan->gdr ? FI_REMOTE_READ : 0);
	const uint64_t tag = 0x80000001;
	struct req req[WINDOW];
	struct mem m[WINDOW], host;
	struct net n;
	unsigned int i, slot;

	net_open(s, &n, plan);
	connect_both(&n, s->rank);
	mem_make(&n, &host, false, 4096, host_access);
	for (i = 0; i < WINDOW; i++)
		mem_make(&n, &m[i], plan->gdr, MSG_MAX, access);
	for (i = 0; i < MESSAGES + WINDOW; i++) {
		slot = i % WINDOW;
		if (i >= WINDOW) {
			wait_for(&n, &req[slot]);
			if (s->rank) {
				expect_eq(req[slot].len, msg_sizes[(i - WINDOW) % MSG_SIZES]);
				if (plan->gdr)
					flush_read(&n, &m[slot], &host);
				mem_verify(&m[slot], req[slot].len, i - WINDOW);
			}
		}
		if (i >= MESSAGES)
			continue;
		req[slot] = (struct req){ .done = 0 };
		if (!s->rank)
			mem_fill(&m[slot], msg_sizes[i % MSG_SIZES], i);
		if (s->rank)
			post(&n, fi_trecv(n.ep, m[slot].at, MSG_MAX, m[slot].desc, FI_ADDR_UNSPEC,
					  tag, 0, &req[slot]));
		else
			post(&n, fi_tsend(n.ep, m[slot].at, msg_sizes[i % MSG_SIZES],
					  m[slot].desc, n.peer, tag, &req[slot]));
	}
	sys_barrier(s, NULL);
	for (i = 0; i < WINDOW; i++)
		mem_drop(&m[i]);
	mem_drop(&host);
	net_close(&n);
}

/* ---- the RDMA protocol ---- */

/* Receiver to sender, by fi_write into the sender's mailbox. */
struct ctrl {
	uint64_t addr, key, len;
	uint32_t seq;			/* last, and written last by a single packet */
};

#define MAILBOX 64

static void post_control_buffers(struct net *n, struct mem *m, struct req *req, unsigned int cnt)
{
	size_t part = m->len / cnt;
	unsigned int i;

	for (i = 0; i < cnt; i++) {
		struct iovec iov = { m->at + i * part, part };
		struct fi_msg msg = {
			.msg_iov = &iov, .desc = &m->desc, .iov_count = 1,
			.addr = FI_ADDR_UNSPEC, .context = &req[i],
		};

		req[i] = (struct req){ .done = 0 };
		post(n, fi_recvmsg(n->ep, &msg, i + 1 < cnt ? FI_MORE : 0));
	}
}

struct rdma {
	struct net n;
	struct mem mailbox, ctrl, data[WINDOW], flush, device_flush, rx, header;
	struct req rx_req[WINDOW];
	uint64_t peer_mailbox, peer_key;
};

static void rdma_open(struct sys *s, struct rdma *r, const struct plan *plan)
{
	uint64_t mine[2], theirs[2];
	unsigned int i;

	net_open(s, &r->n, plan);
	mem_make(&r->n, &r->mailbox, false, MAILBOX * sizeof(struct ctrl),
		 FI_SEND | FI_RECV | FI_REMOTE_WRITE);
	memset(r->mailbox.at, 0, r->mailbox.len);
	mem_make(&r->n, &r->ctrl, false, MAILBOX * sizeof(struct ctrl),
		 FI_SEND | FI_RECV | FI_WRITE);
	mem_make(&r->n, &r->flush, false, 4096, FI_READ);
	mem_make(&r->n, &r->device_flush, plan->gdr, 4096, FI_REMOTE_READ);
	mem_make(&r->n, &r->rx, false, WINDOW * 8192, FI_RECV | FI_REMOTE_READ);
	mem_make(&r->n, &r->header, false, 64, FI_SEND);
	for (i = 0; i < WINDOW; i++)
		mem_make(&r->n, &r->data[i], plan->gdr, MSG_MAX,
			 FI_SEND | FI_RECV | FI_WRITE | FI_READ | FI_REMOTE_WRITE |
			 FI_REMOTE_READ);
	connect_both(&r->n, s->rank);
	post_control_buffers(&r->n, &r->rx, r->rx_req, WINDOW);
	mine[0] = r->mailbox.base;
	mine[1] = fi_mr_key(r->mailbox.mr);
	sys_tell(s, !s->rank, mine, sizeof(mine));
	sys_hear(s, !s->rank, theirs, sizeof(theirs), NULL);
	r->peer_mailbox = theirs[0];
	r->peer_key = theirs[1];
}

static void rdma_close(struct sys *s, struct rdma *r)
{
	unsigned int i;

	while (!r->rx_req[0].done && s->rank == 0)
		progress(&r->n);
	sys_barrier(s, NULL);
	for (i = 0; i < WINDOW; i++)
		mem_drop(&r->data[i]);
	mem_drop(&r->mailbox);
	mem_drop(&r->ctrl);
	mem_drop(&r->flush);
	mem_drop(&r->device_flush);
	mem_drop(&r->rx);
	mem_drop(&r->header);
	net_close(&r->n);
}

/* The receiver names a buffer of its own for message @seq. */
static void send_ctrl(struct rdma *r, uint32_t seq, struct mem *m, struct req *req)
{
	struct ctrl *c = (struct ctrl *)r->ctrl.at + seq % MAILBOX;

	*c = (struct ctrl){
		.addr = m->base, .key = fi_mr_key(m->mr), .len = MSG_MAX, .seq = seq + 1,
	};
	*req = (struct req){ .done = 0 };
	post(&r->n, fi_write(r->n.ep, c, sizeof(*c), r->ctrl.desc, r->n.peer,
			     r->peer_mailbox + seq % MAILBOX * sizeof(*c), r->peer_key, req));
}

static struct ctrl await_ctrl(struct rdma *r, uint32_t seq)
{
	volatile struct ctrl *c = (struct ctrl *)r->mailbox.at + seq % MAILBOX;

	while (c->seq != seq + 1)
		progress(&r->n);
	return *c;
}

static bool announced(const struct net *n, uint64_t data)
{
	unsigned int i;

	for (i = 0; i < n->immediates; i++)
		if (n->immediate[i] == data)
			return true;
	return false;
}

/* 32 bits of immediate data, all of them used. */
static uint32_t immediate_of(uint32_t seq)
{
	return 0xf1000000u | seq;
}

static void rdma_sender(struct rdma *r)
{
	struct req req[WINDOW];
	uint32_t seq, slot;
	struct ctrl c;

	for (seq = 0; seq < MESSAGES + WINDOW; seq++) {
		slot = seq % WINDOW;
		if (seq >= WINDOW) {
			wait_for(&r->n, &req[slot]);
			expect(req[slot].flags & FI_WRITE, "FI_WRITE");
		}
		if (seq >= MESSAGES)
			continue;
		req[slot] = (struct req){ .done = 0 };
		mem_fill(&r->data[slot], msg_sizes[seq % MSG_SIZES], seq);
		c = await_ctrl(r, seq);
		post(&r->n, fi_writedata(r->n.ep, r->data[slot].at, msg_sizes[seq % MSG_SIZES],
					 r->data[slot].desc, immediate_of(seq), r->n.peer, c.addr,
					 c.key, &req[slot]));
	}
}

static void rdma_receiver(struct rdma *r)
{
	struct req req[WINDOW];
	uint32_t seq, slot;

	for (seq = 0; seq < MESSAGES + WINDOW; seq++) {
		slot = seq % WINDOW;
		if (seq >= WINDOW) {
			wait_for(&r->n, &req[slot]);
			while (!announced(&r->n, immediate_of(seq - WINDOW)))
				progress(&r->n);
			flush_read(&r->n, &r->device_flush, &r->flush);
			mem_verify(&r->data[slot], msg_sizes[(seq - WINDOW) % MSG_SIZES],
				   seq - WINDOW);
		}
		if (seq < MESSAGES)
			send_ctrl(r, seq, &r->data[slot], &req[slot]);
	}
	expect_eq(r->n.immediates, MESSAGES);
}

/* Small messages: header and payload in one send, copied from the bounce buffer by fi_read. */
static void eager_sender(struct rdma *r, size_t len)
{
	struct iovec iov[2] = { { r->header.at, 16 }, { r->data[0].at, len } };
	void *desc[2] = { r->header.desc, r->data[0].desc };
	struct req req = { .done = 0 };
	struct fi_msg msg = {
		.msg_iov = iov, .desc = desc, .iov_count = 2, .addr = r->n.peer,
		.context = &req, .data = immediate_of(len),
	};

	sys_fill(r->header.at, 16, 5);
	mem_fill(&r->data[0], len, 6);
	post(&r->n, fi_sendmsg(r->n.ep, &msg, FI_REMOTE_CQ_DATA));
	wait_for(&r->n, &req);
	expect(req.flags & FI_SEND, "FI_SEND");
}

static void eager_receiver(struct rdma *r, struct req *rx, size_t bounce, size_t len)
{
	struct req req = { .done = 0 };

	wait_for(&r->n, rx);
	expect(rx->flags & FI_RECV, "FI_RECV");
	expect(rx->flags & FI_REMOTE_CQ_DATA, "FI_REMOTE_CQ_DATA");
	expect_eq(rx->data, immediate_of(len));
	expect_eq(rx->len, 16 + len);
	sys_verify(r->rx.at + bounce, 16, 5);
	post(&r->n, fi_read(r->n.ep, r->data[0].at, len, r->data[0].desc, r->n.self,
			    r->rx.base + bounce + 16, fi_mr_key(r->rx.mr), &req));
	wait_for(&r->n, &req);
	mem_verify(&r->data[0], len, 6);
}

static void rdma(struct sys *s, const void *arg)
{
	static const size_t eager[] = { 1, 100, 4000, 8000 };
	struct req close_req = { .done = 0 };
	struct rdma r;
	size_t i;

	rdma_open(s, &r, arg);
	if (s->rank == 0)
		rdma_sender(&r);
	else
		rdma_receiver(&r);
	for (i = 0; i < 4; i++) {
		if (s->rank == 0)
			eager_sender(&r, eager[i]);
		else
			eager_receiver(&r, &r.rx_req[i], i * 8192, eager[i]);
	}
	/* The close message of the receiver. */
	if (s->rank) {
		post(&r.n, fi_send(r.n.ep, r.header.at, 16, r.header.desc, r.n.peer, &close_req));
		wait_for(&r.n, &close_req);
	}
	rdma_close(s, &r);
}

int main(int argc, char **argv)
{
	static const struct plan host = { .version = FI_VERSION(1, 6) };
	static const struct plan device = { .version = FI_VERSION(1, 6), .gdr = true };
	static const struct plan rdma_host = { .version = FI_VERSION(1, 17), .rdma = true };
	static const struct plan rdma_device = {
		.version = FI_VERSION(1, 17), .rdma = true, .gdr = true,
	};

	sys_begin(argc, argv);
	sys_case("nccl/sendrecv/host", 2, sendrecv, &host);
	sys_case("nccl/sendrecv/device", 2, sendrecv, &device);
	sys_case("nccl/rdma/host", 2, rdma, &rdma_host);
	sys_case("nccl/rdma/device", 2, rdma, &rdma_device);
	return sys_end();
}
