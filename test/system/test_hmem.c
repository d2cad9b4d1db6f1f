/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_HMEM: messages from and to device memory, every byte checked, and what happens when there
 * is no device, no room or no luck.
 */
#include "sys_cuda.h"

#include <dlfcn.h>

#define PAD	32		/* bytes around a device buffer that nobody may touch */
#define BIG	((size_t)1 << 20)

/* ---- buffers in one memory or the other, at any offset ---- */

struct buf {
	bool device;
	uint8_t *whole, *at;
	size_t len;
};

static void buf_make(struct buf *b, bool device, size_t len, size_t offset)
{
	size_t whole = len + offset + 2 * PAD;
	uint8_t *pad = sys_alloc(whole);

	b->device = device;
	b->len = len;
	b->whole = device ? cuda_alloc(CUDA_DEVICE, whole) : sys_alloc(whole);
	b->at = b->whole + PAD + offset;
	memset(pad, 0x5a, whole);
	if (device)
		cuda_write(b->whole, pad, whole);
	else
		memcpy(b->whole, pad, whole);
	free(pad);
}

static void buf_fill(struct buf *b, uint64_t id)
{
	if (b->device)
		cuda_fill(b->at, b->len, id);
	else
		sys_fill(b->at, b->len, id);
}

/* The first @n bytes are those of @id, and nothing else was written. */
static void buf_verify(struct buf *b, size_t n, uint64_t id)
{
	size_t before = (size_t)(b->at - b->whole), whole = before + b->len + PAD, i;
	uint8_t *seen = sys_alloc(whole);

	if (b->device)
		cuda_read(seen, b->whole, whole);
	else
		memcpy(seen, b->whole, whole);
	sys_verify(seen + before, n, id);
	for (i = 0; i < whole; i++)
		if (i < before || i >= before + n)
			expect(seen[i] == 0x5a, "byte %zu of %zu untouched, not %#x", i, whole,
			       seen[i]);
	free(seen);
}

static void buf_drop(struct buf *b)
{
	if (b->device)
		cuda_free(b->whole);
	else
		free(b->whole);
}

/* ---- every size, from and to either memory ---- */

struct variant {
	uint64_t msg_order;
	enum fi_progress progress;
	bool expected;			/* the receive is there first */
};

static const size_t sizes[] = {
	0, 1, 7, 64, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 8193, 50000, BIG + 3,
};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void one_message(struct sys *s, struct sys_ep *e, const struct variant *v, size_t size,
			unsigned int round)
{
	bool mine = s->rank ? round & 1 : round & 2;
	bool tagged = round & 4;
	uint64_t id = round * 1000 + size;
	struct sys_op op = { 0 };
	struct buf b;

	buf_make(&b, mine, size, round % 4 + (s->rank ? 1 : 0));
	if (s->rank == 0) {
		buf_fill(&b, id);
		if (v->expected)
			sys_barrier(s, e);
		if (tagged)
			sys_tsend(e, e->peer[1], b.at, size, id, &op);
		else
			sys_post(e, fi_send(e->ep, b.at, size, NULL, e->peer[1], &op));
		if (!v->expected)
			sys_barrier(s, e);
		sys_wait_ok(e, &op);
	} else {
		if (!v->expected)
			sys_barrier(s, e);
		if (tagged)
			sys_trecv(e, FI_ADDR_UNSPEC, b.at, size, id, 0, &op);
		else
			sys_post(e, fi_recv(e->ep, b.at, size, NULL, FI_ADDR_UNSPEC, &op));
		if (v->expected)
			sys_barrier(s, e);
		sys_wait_ok(e, &op);
		expect_eq(op.entry.len, size);
		buf_verify(&b, size, id);
	}
	buf_drop(&b);
}

static void all_sizes(struct sys *s, const void *arg)
{
	const struct variant *v = arg;
	struct sys_opts opts = {
		.caps = FI_HMEM,
		.msg_order = v->msg_order,
		.progress = v->progress,
	};
	struct sys_ep e;
	unsigned int round;
	size_t i;

	cuda_open_idle();
	sys_open(&e, &opts);
	expect(e.info->caps & FI_HMEM, "FI_HMEM to be returned");
	sys_connect(s, &e);
	for (i = 0; i < SIZES; i++)
		for (round = 1; round < 8; round++)
			one_message(s, &e, v, sizes[i], round);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- iovecs across memories ---- */

#define PIECES 4

static const size_t piece_len[PIECES] = { 3, 4096, 0, 9001 };

/* @mask: which pieces are the device's. */
static size_t make_pieces(struct buf *b, struct iovec *iov, unsigned int mask, size_t rotate)
{
	size_t i, total = 0;

	for (i = 0; i < PIECES; i++) {
		buf_make(&b[i], mask >> i & 1, piece_len[(i + rotate) % PIECES], i);
		iov[i] = (struct iovec){ b[i].len ? b[i].at : NULL, b[i].len };
		total += b[i].len;
	}
	return total;
}

/* Copy between the pieces and one host buffer. */
static void pieces_copy(struct buf *b, uint8_t *host, bool to_pieces)
{
	size_t i;

	for (i = 0; i < PIECES; host += b[i++].len) {
		if (b[i].device && to_pieces)
			cuda_write(b[i].at, host, b[i].len);
		else if (b[i].device)
			cuda_read(host, b[i].at, b[i].len);
		else
			memcpy(to_pieces ? b[i].at : host, to_pieces ? host : b[i].at, b[i].len);
	}
}

static void mixed(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM };
	struct iovec iov[PIECES];
	struct buf b[PIECES];
	struct sys_ep e;
	unsigned int mask;
	uint8_t *host;
	size_t total, i;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (mask = 0; mask < 1 << PIECES; mask++) {
		struct sys_op op = { 0 };

		total = make_pieces(b, iov, s->rank ? mask : ~mask, (size_t)s->rank);
		host = sys_alloc(total);
		if (s->rank == 0) {
			sys_fill(host, total, mask);
			pieces_copy(b, host, true);
			sys_post(&e, fi_tsendv(e.ep, iov, NULL, PIECES, e.peer[1], mask, &op));
		} else {
			sys_post(&e, fi_trecvv(e.ep, iov, NULL, PIECES, FI_ADDR_UNSPEC, mask, 0,
					       &op));
		}
		sys_wait_ok(&e, &op);
		if (s->rank) {
			pieces_copy(b, host, false);
			sys_verify(host, total, mask);
		}
		for (i = 0; i < PIECES; i++)
			buf_drop(&b[i]);
		free(host);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- special cases of messages ---- */

static void truncation(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM };
	struct sys_op op[2] = { { .done = 0 } };
	struct sys_ep e;
	struct buf b;
	int i;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < 2; i++) {
		buf_make(&b, true, s->rank ? 5000 : 20000, 3);
		if (s->rank == 0)
			buf_fill(&b, 5);
		if (s->rank && i == 0)
			sys_trecv(&e, FI_ADDR_UNSPEC, b.at, 5000, 1, 0, &op[i]);
		sys_barrier(s, &e);
		if (s->rank == 0) {
			sys_tsend(&e, e.peer[1], b.at, 20000, 1, &op[i]);
			sys_wait_ok(&e, &op[i]);
		}
		sys_barrier(s, &e);
		if (s->rank && i == 1)
			sys_trecv(&e, FI_ADDR_UNSPEC, b.at, 5000, 1, 0, &op[i]);
		if (s->rank) {
			sys_wait(&e, &op[i]);
			expect_eq(op[i].err, FI_ETRUNC);
			expect_eq(op[i].olen, 15000);
			buf_verify(&b, 5000, 5);
		}
		buf_drop(&b);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* Several messages in one buffer of the device. */
static void multi_recv(struct sys *s, const void *arg)
{
	const size_t len[3] = { 5000, 1, 9000 };
	struct sys_opts opts = { .caps = FI_HMEM | FI_MULTI_RECV };
	struct sys_op op = { 0 };
	struct fi_cq_tagged_entry entry;
	size_t i, at;
	struct sys_ep e;
	struct buf b;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	buf_make(&b, true, 14001, 1);
	if (s->rank) {
		struct iovec iov = { b.at, b.len };
		struct fi_msg msg = {
			.msg_iov = &iov, .iov_count = 1, .addr = FI_ADDR_UNSPEC, .context = &op,
		};

		sys_post(&e, fi_recvmsg(e.ep, &msg, FI_MULTI_RECV | FI_COMPLETION));
	}
	/* Not driven: what arrives now is for the loop below. */
	sys_barrier(s, NULL);
	for (at = 0, i = 0; i < 3; at += len[i++]) {
		struct sys_op sent = { 0 };

		if (!s->rank) {
			cuda_fill(b.at, len[i], i);
			sys_post(&e, fi_send(e.ep, b.at, len[i], NULL, e.peer[1], &sent));
			sys_wait_ok(&e, &sent);
			continue;
		}
		while (fi_cq_read(e.rxcq, &entry, 1) == -FI_EAGAIN)
			;
		expect_eq(entry.len, len[i]);
		expect(entry.buf == b.at + at, "message %zu behind the one before", i);
		cuda_verify(b.at + at, len[i], i);
	}
	sys_barrier(s, NULL);
	buf_drop(&b);
	sys_close(&e);
}

/* What was injected is the application's again at once. */
static void inject(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM };
	struct sys_op op[3] = { { .done = 0 } };
	struct sys_ep e;
	struct buf b[3];
	size_t len;
	int i;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	len = e.info->tx_attr->inject_size;
	for (i = 0; i < 3; i++)
		buf_make(&b[i], true, len, 1);
	if (s->rank == 0) {
		struct iovec iov = { b[2].at, len };
		struct fi_msg_tagged msg = {
			.msg_iov = &iov, .iov_count = 1, .addr = e.peer[1], .tag = 2,
			.context = &op[2],
		};

		for (i = 0; i < 3; i++)
			buf_fill(&b[i], (uint64_t)i);
		sys_post(&e, fi_tinject(e.ep, b[0].at, len, e.peer[1], 0));
		sys_post(&e, fi_tinjectdata(e.ep, b[1].at, len, 77, e.peer[1], 1));
		sys_post(&e, fi_tsendmsg(e.ep, &msg, FI_INJECT | FI_COMPLETION));
		for (i = 0; i < 3; i++)
			buf_fill(&b[i], 99);
		sys_barrier(s, &e);
		sys_wait_ok(&e, &op[2]);
	} else {
		sys_barrier(s, &e);
		for (i = 0; i < 3; i++) {
			sys_trecv(&e, FI_ADDR_UNSPEC, b[i].at, len, (uint64_t)i, 0, &op[i]);
			sys_wait_ok(&e, &op[i]);
			buf_verify(&b[i], len, (uint64_t)i);
		}
		expect_eq(op[1].entry.data, 77);
	}
	sys_barrier(s, &e);
	expect_eq(e.null_entries, 0);
	for (i = 0; i < 3; i++)
		buf_drop(&b[i]);
	sys_close(&e);
}

/* The endpoint closes with copies of unanswered messages; the sanitizer looks for leaks. */
static void close_early(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM };
	struct sys_op op = { 0 };
	struct sys_ep e;
	struct buf b;

	(void)arg;
	setenv("FI_UET_LINGER", "0", 1);
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	buf_make(&b, true, 100000, 0);
	if (s->rank == 0)
		sys_tsend(&e, e.peer[1], b.at, b.len, 1, &op);
	sys_close(&e);
	sys_barrier(s, NULL);
	expect_eq(op.done, 0);
	buf_drop(&b);
}

/* ---- kinds of memory ---- */

static void kinds(struct sys *s, const void *arg)
{
	static const enum cuda_kind all[] = { CUDA_DEVICE, CUDA_MANAGED, CUDA_HOST, CUDA_VIRTUAL };
	struct sys_opts opts = { .caps = FI_HMEM };
	const size_t len = 30000;
	struct sys_ep e;
	uint8_t *p;
	size_t i;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < (cuda_is_stub() ? 4 : 3); i++) {
		struct sys_op op = { 0 };

		p = cuda_alloc(all[i], len);
		if (s->rank == 0 && all[i] == CUDA_HOST)
			sys_fill(p, len, i);
		else if (s->rank == 0)
			cuda_fill(p, len, i);
		if (s->rank == 0)
			sys_tsend(&e, e.peer[1], p, len, i, &op);
		else
			sys_trecv(&e, FI_ADDR_UNSPEC, p, len, i, 0, &op);
		sys_wait_ok(&e, &op);
		if (s->rank && all[i] == CUDA_HOST)
			sys_verify(p, len, i);
		else if (s->rank)
			cuda_verify(p, len, i);
		cuda_free(p);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- limits and faults ---- */

static void staging_limit(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM };
	struct sys_op op[3] = { { .done = 0 } };
	struct sys_ep e;
	struct buf b[3];
	size_t len[] = { 40000, 40000, 300000 };
	int i;

	(void)arg;
	setenv("FI_UET_HMEM_STAGING", "65536", 1);
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	for (i = 0; i < 3; i++)
		buf_make(&b[i], true, len[i], 0);
	if (s->rank == 0) {
		for (i = 0; i < 3; i++)
			buf_fill(&b[i], (uint64_t)i);
		/* The peer does not answer yet. */
		expect_ok(fi_tsend(e.ep, b[0].at, len[0], NULL, e.peer[1], 0, &op[0]));
		for (i = 0; i < 10; i++)
			expect_ret(fi_tsend(e.ep, b[1].at, len[1], NULL, e.peer[1], 1, &op[1]),
				   -FI_EAGAIN);
		expect_ret(fi_tsend(e.ep, b[2].at, len[2], NULL, e.peer[1], 2, &op[2]),
			   -FI_EAGAIN);
		sys_barrier(s, &e);
		for (i = 1; i < 3; i++)
			sys_tsend(&e, e.peer[1], b[i].at, len[i], (uint64_t)i, &op[i]);
	} else {
		sys_barrier(s, NULL);
		for (i = 0; i < 3; i++)
			sys_trecv(&e, FI_ADDR_UNSPEC, b[i].at, len[i], (uint64_t)i, 0, &op[i]);
	}
	for (i = 0; i < 3; i++) {
		sys_wait_ok(&e, &op[i]);
		if (s->rank)
			buf_verify(&b[i], len[i], (uint64_t)i);
		buf_drop(&b[i]);
	}
	sys_barrier(s, &e);
	sys_close(&e);
}

/* A message of several packets; the copy of one of them fails. */
static void put_fails(struct sys *s, struct sys_ep *e, const char *which, bool expected)
{
	struct sys_op op = { 0 };
	struct buf b;

	buf_make(&b, s->rank, 20000, 0);
	if (s->rank && expected)
		sys_trecv(e, FI_ADDR_UNSPEC, b.at, b.len, 1, 0, &op);
	if (s->rank)
		setenv("STUB_CUDA_FAIL_PUT", which, 1);
	sys_barrier(s, e);
	if (!s->rank) {
		sys_tsend(e, e->peer[1], b.at, b.len, 1, &op);
		sys_wait(e, &op);
		/* Nobody can tell the sender what happens after its message was taken. */
		expect(!op.err == !expected, "an error if the receive was there first");
	}
	if (!expected)
		sys_barrier(s, e);
	if (s->rank && !expected)
		sys_trecv(e, FI_ADDR_UNSPEC, b.at, b.len, 1, 0, &op);
	if (s->rank) {
		sys_wait(e, &op);
		expect_eq(op.err, FI_EIO);
		unsetenv("STUB_CUDA_FAIL_PUT");
	}
	buf_drop(&b);
	sys_barrier(s, e);
}

static void faults(struct sys *s, const void *arg)
{
	const struct variant usual = { .expected = true };
	struct sys_opts opts = { .caps = FI_HMEM };
	struct sys_op op = { 0 };
	struct sys_ep e;
	struct buf b;

	(void)arg;
	cuda_open();
	if (!cuda_is_stub())
		sys_skip("a real device does not fail on demand");
	sys_open(&e, &opts);
	sys_connect(s, &e);
	put_fails(s, &e, "1", true);
	put_fails(s, &e, "3", true);
	put_fails(s, &e, "1", false);
	one_message(s, &e, &usual, 20000, 7);
	if (!s->rank) {
		buf_make(&b, true, 20000, 0);
		setenv("STUB_CUDA_FAIL_GET", "1", 1);
		expect_ret(fi_tsend(e.ep, b.at, b.len, NULL, e.peer[1], 1, &op), -FI_EIO);
		unsetenv("STUB_CUDA_FAIL_GET");
		expect_eq(op.done, 0);
		buf_drop(&b);
	}
	one_message(s, &e, &usual, 20000, 7);
	cuda_reset();
	one_message(s, &e, &usual, 20000, 7);
	sys_barrier(s, &e);
	sys_close(&e);
}

/* ---- on offer or not ---- */

static int ask(uint64_t caps, struct fi_info **info)
{
	struct sys_opts opts = { .caps = caps };
	struct fi_info *hints = sys_hints(&opts);
	int ret = fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, FI_SOURCE | FI_NUMERICHOST,
			     hints, info);

	fi_freeinfo(hints);
	return ret;
}

static bool library_loaded(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);

	if (library)
		dlclose(library);
	return library != NULL;
}

/* Who does not ask for it sees neither the capability nor the library. */
static void on_request(struct sys *s, const void *arg)
{
	struct fi_info *info, *i;

	(void)s;
	(void)arg;
	expect_ok(fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, NULL, &info));
	for (i = info; i; i = i->next)
		expect(strcmp(i->fabric_attr->prov_name, "uet") || !(i->caps & FI_HMEM),
		       "no FI_HMEM for who does not ask");
	fi_freeinfo(info);
	expect_ok(ask(0, &info));
	expect(!(info->caps & FI_HMEM), "no FI_HMEM for who does not ask");
	fi_freeinfo(info);
	if (getenv("LD_LIBRARY_PATH") && strstr(getenv("LD_LIBRARY_PATH"), "stub"))
		expect(!library_loaded(), "CUDA not to be loaded for who does not ask");
	cuda_open();
	expect_ok(ask(FI_HMEM, &info));
	expect(info->caps & FI_HMEM, "FI_HMEM");
	expect(info->tx_attr->caps & FI_HMEM, "FI_HMEM in tx_attr->caps");
	expect(info->rx_attr->caps & FI_HMEM, "FI_HMEM in rx_attr->caps");
	fi_freeinfo(info);
}

static void refused(struct sys *s, const void *arg)
{
	const char *const *setting = arg;
	struct fi_info *info;

	(void)s;
	setenv(setting[0], setting[1], 1);
	expect_ret(ask(FI_HMEM, &info), -FI_ENODATA);
	expect_ok(ask(0, &info));
	fi_freeinfo(info);
}

/* ---- registration and descriptors ---- */

static int reg(struct sys_ep *e, const struct buf *b, enum fi_hmem_iface iface, int device,
	       uint64_t flags, uint64_t key, struct fid_mr **mr)
{
	struct iovec iov = { b->at, b->len };
	struct fi_mr_attr attr = {
		.mr_iov = &iov, .iov_count = 1, .access = FI_SEND | FI_RECV,
		.requested_key = key, .iface = iface, .device.cuda = device,
	};

	return fi_mr_regattr(e->domain, &attr, flags, mr);
}

static void descriptors(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = FI_HMEM, .mr_mode = FI_MR_HMEM | FI_MR_LOCAL };
	struct sys_op op = { 0 };
	struct fid_mr *mr, *host_mr;
	struct buf b, host;
	struct iovec iov[2];
	void *desc[2];
	struct sys_ep e;

	(void)arg;
	cuda_open();
	sys_open(&e, &opts);
	sys_connect(s, &e);
	buf_make(&b, true, 70000, 5);
	buf_make(&host, false, 100, 0);
	expect_ret(reg(&e, &b, FI_HMEM_ROCR, 0, 0, 1, &mr), -FI_ENOSYS);
	expect_ret(reg(&e, &b, FI_HMEM_CUDA, 99, 0, 1, &mr), -FI_EINVAL);
	expect_ret(reg(&e, &b, FI_HMEM_CUDA, -1, 0, 1, &mr), -FI_EINVAL);
#ifdef FI_MR_DMABUF
	expect_ret(reg(&e, &b, FI_HMEM_CUDA, 0, FI_MR_DMABUF, 1, &mr), -FI_ENOSYS);
#endif
	expect_ok(reg(&e, &b, FI_HMEM_CUDA, 0, FI_HMEM_DEVICE_ONLY, 1, &mr));
	expect_ok(reg(&e, &host, FI_HMEM_SYSTEM, 0, 0, 2, &host_mr));
	iov[0] = (struct iovec){ host.at, host.len };
	iov[1] = (struct iovec){ b.at, b.len };
	desc[0] = fi_mr_desc(host_mr);
	desc[1] = fi_mr_desc(mr);
	if (s->rank == 0) {
		buf_fill(&host, 1);
		buf_fill(&b, 2);
		sys_post(&e, fi_tsendv(e.ep, iov, desc, 2, e.peer[1], 9, &op));
		sys_wait_ok(&e, &op);
		expect_ret(fi_send(e.ep, b.at, b.len, e.ep, e.peer[1], &op), -FI_EINVAL);
	} else {
		sys_post(&e, fi_trecvv(e.ep, iov, desc, 2, FI_ADDR_UNSPEC, 9, 0, &op));
		sys_wait_ok(&e, &op);
		buf_verify(&host, host.len, 1);
		buf_verify(&b, b.len, 2);
	}
	sys_barrier(s, &e);
	expect_ok(fi_close(&mr->fid));
	expect_ok(fi_close(&host_mr->fid));
	buf_drop(&b);
	buf_drop(&host);
	sys_close(&e);
}

/* Without FI_HMEM neither interface nor descriptor is looked at. */
static void not_asked(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .mr_mode = FI_MR_HMEM | FI_MR_LOCAL };
	struct sys_op op[2] = { { .done = 0 } };
	struct fid_mr *mr;
	struct sys_ep e;
	struct buf b, to;

	(void)s;
	(void)arg;
	sys_open(&e, &opts);
	e.peer[0] = sys_insert(&e, e.name);
	buf_make(&b, false, 100, 0);
	buf_make(&to, false, 100, 0);
	expect_ok(reg(&e, &b, FI_HMEM_CUDA, 99, 0, 1, &mr));
	expect_ret(reg(&e, &to, FI_HMEM_CUDA, 0, FI_HMEM_DEVICE_ONLY, 2, &mr), -FI_EBADFLAGS);
	buf_fill(&b, 1);
	sys_post(&e, fi_recv(e.ep, to.at, to.len, &e, FI_ADDR_UNSPEC, &op[0]));
	sys_post(&e, fi_send(e.ep, b.at, b.len, &e, e.peer[0], &op[1]));
	sys_wait_ok(&e, &op[0]);
	sys_wait_ok(&e, &op[1]);
	buf_verify(&to, to.len, 1);
	expect_ok(fi_close(&mr->fid));
	buf_drop(&b);
	buf_drop(&to);
	sys_close(&e);
}

/* ---- endpoint options ---- */

static int set(struct sys_ep *e, int name, const void *value, size_t len)
{
	return fi_setopt(&e->ep->fid, FI_OPT_ENDPOINT, name, value, len);
}

static void options(struct sys *s, const void *arg)
{
	struct sys_opts opts = { .caps = arg ? FI_HMEM : 0 };
	int p2p = FI_HMEM_P2P_REQUIRED;
	bool no = false, yes = true;
	struct sys_ep e;

	(void)s;
	if (arg)
		cuda_open();
	else
		setenv("FI_UET_HMEM_CUDA", "0", 1);
	sys_open(&e, &opts);
	expect_ret(set(&e, FI_OPT_FI_HMEM_P2P, &p2p, sizeof(p2p)), -FI_EOPNOTSUPP);
	for (p2p = FI_HMEM_P2P_ENABLED; p2p <= FI_HMEM_P2P_DISABLED; p2p++)
		if (p2p != FI_HMEM_P2P_REQUIRED)
			expect_ok(set(&e, FI_OPT_FI_HMEM_P2P, &p2p, sizeof(p2p)));
	expect_ret(set(&e, FI_OPT_FI_HMEM_P2P, &p2p, 1), -FI_ETOOSMALL);
#if HAVE_DECL_FI_OPT_CUDA_API_PERMITTED
	expect_ret(set(&e, FI_OPT_CUDA_API_PERMITTED, &no, sizeof(no)),
		   arg ? -FI_EOPNOTSUPP : -FI_EINVAL);
	expect_ret(set(&e, FI_OPT_CUDA_API_PERMITTED, &yes, sizeof(yes)), arg ? 0 : -FI_EINVAL);
	expect_ret(set(&e, FI_OPT_CUDA_API_PERMITTED, &yes, 0), -FI_ETOOSMALL);
#endif
#if HAVE_DECL_FI_OPT_SHARED_MEMORY_PERMITTED
	expect_ok(set(&e, FI_OPT_SHARED_MEMORY_PERMITTED, &no, sizeof(no)));
	expect_ok(set(&e, FI_OPT_SHARED_MEMORY_PERMITTED, &yes, sizeof(yes)));
#endif
	expect_ret(set(&e, 12345, &yes, sizeof(yes)), -FI_ENOPROTOOPT);
	expect_ret(set(&e, 12345, &no, sizeof(no)), -FI_ENOPROTOOPT);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	static const struct variant rud = { .expected = true };
	static const struct variant unexpected = { .expected = false };
	static const struct variant rod = { .msg_order = FI_ORDER_SAS, .expected = true };
	static const struct variant thread = { .progress = FI_PROGRESS_AUTO, .expected = true };
	static const char *const off[] = { "FI_UET_HMEM_CUDA", "no" };
	static const char *const no_device[] = { "STUB_CUDA_DEVICES", "0" };
	static const char *const broken[] = { "STUB_CUDA_INIT", "100" };

	sys_begin(argc, argv);
	sys_case("hmem/sizes/rud", 2, all_sizes, &rud);
	sys_case("hmem/sizes/unexpected", 2, all_sizes, &unexpected);
	sys_case("hmem/sizes/rod", 2, all_sizes, &rod);
	sys_case("hmem/sizes/thread", 2, all_sizes, &thread);
	sys_case("hmem/mixed", 2, mixed, NULL);
	sys_case("hmem/truncation", 2, truncation, NULL);
	sys_case("hmem/multi-recv", 2, multi_recv, NULL);
	sys_case("hmem/inject", 2, inject, NULL);
	sys_case("hmem/close-early", 2, close_early, NULL);
	sys_case("hmem/kinds", 2, kinds, NULL);
	sys_case("hmem/staging-limit", 2, staging_limit, NULL);
	sys_case("hmem/faults", 2, faults, NULL);
	sys_case("hmem/on-request", 1, on_request, NULL);
	sys_case("hmem/refused/off", 1, refused, off);
	sys_case("hmem/refused/no-device", 1, refused, no_device);
	sys_case("hmem/refused/broken", 1, refused, broken);
	sys_case("hmem/descriptors", 2, descriptors, NULL);
	sys_case("hmem/not-asked", 1, not_asked, NULL);
	sys_case("hmem/options/hmem", 1, options, "hmem");
	sys_case("hmem/options/without", 1, options, NULL);
	return sys_end();
}
