/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomics with device memory on either side: every byte checked, faults and limits.
 * Process 0 is the initiator; process 1 owns the region and drives its endpoint.
 */
#include "sys_cuda.h"

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#define REGION	((size_t)300000)
#define SKEW	3		/* of buffers, so that nothing is aligned */

struct side {
	struct sys_ep e;
	bool local_device, remote_device;
	uint8_t *region;	/* process 1 */
	struct fid_mr *mr;
	uint64_t key;
};

static void write_mem(bool device, void *to, const void *from, size_t n)
{
	if (device)
		cuda_write(to, from, n);
	else
		memcpy(to, from, n);
}

static void read_mem(bool device, void *to, const void *from, size_t n)
{
	if (device)
		cuda_read(to, from, n);
	else
		memcpy(to, from, n);
}

static uint8_t *make_mem(bool device, size_t n)
{
	uint8_t *zero = sys_alloc(n), *p = device ? cuda_alloc(CUDA_DEVICE, n) : sys_alloc(n);

	memset(zero, 0, n);
	write_mem(device, p, zero, n);
	free(zero);
	return p;
}

static void drop_mem(bool device, void *p)
{
	if (device)
		cuda_free(p);
	else
		free(p);
}

/* @mask: bit 0: local memory is the device's, bit 1: the region is. */
static void side_open(struct sys *s, struct side *d, unsigned int mask, uint64_t order)
{
	struct sys_opts opts = {
		.caps = FI_HMEM | FI_RMA | FI_ATOMIC,
		.msg_order = order,
		.mr_mode = FI_MR_HMEM,
		.one_cq = true,
	};
	struct iovec iov;
	struct fi_mr_attr attr = {
		.mr_iov = &iov, .iov_count = 1, .requested_key = 7,
		.access = FI_REMOTE_READ | FI_REMOTE_WRITE,
	};

	memset(d, 0, sizeof(*d));
	cuda_open_idle();
	d->local_device = mask & 1;
	d->remote_device = mask & 2;
	d->key = 7;
	sys_open(&d->e, &opts);
	sys_connect(s, &d->e);
	if (s->rank) {
		d->region = make_mem(d->remote_device, REGION);
		iov = (struct iovec){ d->region, REGION };
		attr.iface = d->remote_device ? FI_HMEM_CUDA : FI_HMEM_SYSTEM;
		expect_ok(fi_mr_regattr(d->e.domain, &attr, 0, &d->mr));
	}
	sys_barrier(s, &d->e);
}

static void side_close(struct sys *s, struct side *d)
{
	sys_barrier(s, &d->e);
	if (s->rank) {
		expect_ok(fi_close(&d->mr->fid));
		drop_mem(d->remote_device, d->region);
	}
	sys_close(&d->e);
}

/* The target looks at its region between two barriers. */
static void region_is(struct sys *s, struct side *d, size_t off, size_t n, uint64_t id)
{
	uint8_t *seen;

	sys_barrier(s, &d->e);
	if (s->rank) {
		seen = sys_alloc(REGION);
		read_mem(d->remote_device, seen, d->region, REGION);
		sys_verify(seen + off, n, id);
		free(seen);
	}
	sys_barrier(s, &d->e);
}

static const size_t sizes[] = { 1, 7, 8, 1023, 4096, 4097, 9000, 65536, 250001 };

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* ---- write and read ---- */

static void put_get(struct sys *s, struct side *d, size_t len, uint64_t id)
{
	uint8_t *local = make_mem(d->local_device, len + SKEW), *host = sys_alloc(len);
	struct sys_op wr = { 0 }, rd = { 0 };
	size_t off = len % 100;

	if (!s->rank) {
		sys_fill(host, len, id);
		write_mem(d->local_device, local + SKEW, host, len);
		sys_post(&d->e, fi_write(d->e.ep, local + SKEW, len, NULL, d->e.peer[1], off,
					 d->key, &wr));
		sys_wait_ok(&d->e, &wr);
	}
	region_is(s, d, off, len, id);
	if (!s->rank) {
		memset(host, 0, len);
		write_mem(d->local_device, local + SKEW, host, len);
		sys_post(&d->e, fi_read(d->e.ep, local + SKEW, len, NULL, d->e.peer[1], off,
					d->key, &rd));
		sys_wait_ok(&d->e, &rd);
		read_mem(d->local_device, host, local + SKEW, len);
		sys_verify(host, len, id);
	}
	free(host);
	drop_mem(d->local_device, local);
}

static void writes_and_reads(struct sys *s, const void *arg)
{
	const uint64_t *order = arg;
	unsigned int mask;
	struct side d;
	size_t i;

	for (mask = 0; mask < 4; mask++) {
		side_open(s, &d, mask, *order);
		for (i = 0; i < SIZES; i++)
			put_get(s, &d, sizes[i], mask * 100 + i);
		side_close(s, &d);
	}
}

/* ---- one call, several segments on both sides ---- */

static void vectors(struct sys *s, const void *arg)
{
	const size_t len[3] = { 5000, 1, 9999 };
	struct iovec iov[3];
	struct fi_rma_iov rma[2] = {
		{ .addr = 100, .len = 7000, .key = 7 }, { .addr = 20000, .len = 8000, .key = 7 },
	};
	struct fi_msg_rma msg = {
		.msg_iov = iov, .iov_count = 3, .rma_iov = rma, .rma_iov_count = 2,
	};
	struct sys_op op[2] = { { .done = 0 } };
	uint8_t host[15000], *at = host;
	struct side d;
	size_t i;

	(void)arg;
	side_open(s, &d, 2, 0);
	if (d.e.info->tx_attr->rma_iov_limit < 2)
		rma[0].len = 15000, msg.rma_iov_count = 1;
	msg.addr = d.e.peer[1];
	for (i = 0; i < 3; i++)
		iov[i] = (struct iovec){ make_mem(i != 1, len[i]), len[i] };
	if (!s->rank) {
		sys_fill(host, sizeof(host), 3);
		for (i = 0; i < 3; at += len[i++])
			write_mem(i != 1, iov[i].iov_base, at, len[i]);
		msg.context = &op[0];
		sys_post(&d.e, fi_writemsg(d.e.ep, &msg, FI_COMPLETION));
		sys_wait_ok(&d.e, &op[0]);
		for (i = 0; i < 3; i++)
			write_mem(i != 1, iov[i].iov_base, memset(host, 0, 10000), len[i]);
		msg.context = &op[1];
		sys_post(&d.e, fi_readmsg(d.e.ep, &msg, FI_COMPLETION));
		sys_wait_ok(&d.e, &op[1]);
		for (at = host, i = 0; i < 3; at += len[i++])
			read_mem(i != 1, at, iov[i].iov_base, len[i]);
		sys_verify(host, sizeof(host), 3);
	}
	for (i = 0; i < 3; i++)
		drop_mem(i != 1, iov[i].iov_base);
	side_close(s, &d);
}

/* What was injected is the application's again at once. */
static void inject(struct sys *s, const void *arg)
{
	struct side d;
	uint8_t *local, host[64];

	(void)arg;
	side_open(s, &d, 3, 0);
	local = make_mem(true, sizeof(host));
	if (!s->rank) {
		sys_fill(host, sizeof(host), 4);
		cuda_write(local, host, sizeof(host));
		sys_post(&d.e, fi_inject_write(d.e.ep, local, sizeof(host), d.e.peer[1], 11, 7));
		cuda_write(local, memset(host, 0, sizeof(host)), sizeof(host));
		/* Closing waits for what was injected; here, a read after it tells. */
		do {
			struct sys_op op = { 0 };

			sys_post(&d.e, fi_read(d.e.ep, local, sizeof(host), NULL, d.e.peer[1], 11,
					       7, &op));
			sys_wait_ok(&d.e, &op);
			cuda_read(host, local, sizeof(host));
		} while (!host[0] && !host[1] && !host[2]);
	}
	region_is(s, &d, 11, sizeof(host), 4);
	cuda_free(local);
	side_close(s, &d);
}

/* ---- atomics ---- */

#define COUNT 50

static void fill_u64(bool device, void *p, uint64_t first, uint64_t step)
{
	uint64_t v[COUNT];
	size_t i;

	for (i = 0; i < COUNT; i++)
		v[i] = first + step * i;
	write_mem(device, p, v, sizeof(v));
}

static void check_u64(bool device, const void *p, uint64_t first, uint64_t step)
{
	uint64_t v[COUNT];
	size_t i;

	read_mem(device, v, p, sizeof(v));
	for (i = 0; i < COUNT; i++)
		expect_eq(v[i], first + step * i);
}

static void one_set(struct side *d)
{
	const size_t n = COUNT * sizeof(uint64_t);
	uint8_t *arg = make_mem(d->local_device, n), *cmp = make_mem(d->local_device, n);
	uint8_t *res = make_mem(d->local_device, n);
	struct sys_op op[3] = { { .done = 0 } };
	struct fid_ep *ep = d->e.ep;
	fi_addr_t to = d->e.peer[1];
	bool dev = d->local_device;

	/* region[i] = 0 -> 5 + i -> 5 + i + 10 -> 1000 */
	fill_u64(dev, arg, 5, 1);
	sys_post(&d->e, fi_atomic(ep, arg, COUNT, NULL, to, 64, 7, FI_UINT64, FI_SUM, &op[0]));
	sys_wait_ok(&d->e, &op[0]);
	fill_u64(dev, arg, 10, 0);
	sys_post(&d->e, fi_fetch_atomic(ep, arg, COUNT, NULL, res, NULL, to, 64, 7, FI_UINT64,
					FI_SUM, &op[1]));
	sys_wait_ok(&d->e, &op[1]);
	check_u64(dev, res, 5, 1);
	fill_u64(dev, cmp, 15, 1);
	fill_u64(dev, arg, 1000, 0);
	sys_post(&d->e, fi_compare_atomic(ep, arg, COUNT, NULL, cmp, NULL, res, NULL, to, 64, 7,
					  FI_UINT64, FI_CSWAP, &op[2]));
	sys_wait_ok(&d->e, &op[2]);
	check_u64(dev, res, 15, 1);
	drop_mem(dev, arg);
	drop_mem(dev, cmp);
	drop_mem(dev, res);
}

static void atomics(struct sys *s, const void *arg)
{
	unsigned int mask;
	struct side d;

	(void)arg;
	for (mask = 0; mask < 4; mask++) {
		side_open(s, &d, mask, 0);
		if (!s->rank)
			one_set(&d);
		sys_barrier(s, &d.e);
		if (s->rank)
			check_u64(d.remote_device, d.region + 64, 1000, 0);
		side_close(s, &d);
	}
}

/* ---- limits and faults ---- */

static void staging_limit(struct sys *s, const void *arg)
{
	struct sys_op op[3] = { { .done = 0 } };
	struct side d;
	uint8_t *local;
	int i;

	(void)arg;
	setenv("FI_UET_HMEM_STAGING", "65536", 1);
	side_open(s, &d, 3, 0);
	local = make_mem(true, 120000);
	if (!s->rank) {
		/* The target does not answer before the stream tells it to. */
		expect_ok(fi_read(d.e.ep, local, 40000, NULL, d.e.peer[1], 0, 7, &op[0]));
		for (i = 0; i < 5; i++) {
			expect_ret(fi_read(d.e.ep, local + 40000, 40000, NULL, d.e.peer[1], 0, 7,
					   &op[1]), -FI_EAGAIN);
			expect_ret(fi_write(d.e.ep, local + 40000, 40000, NULL, d.e.peer[1], 0, 7,
					    &op[1]), -FI_EAGAIN);
		}
		sys_barrier(s, &d.e);
		sys_post(&d.e, fi_read(d.e.ep, local + 40000, 40000, NULL, d.e.peer[1], 0, 7,
				       &op[1]));
		sys_post(&d.e, fi_read(d.e.ep, local, 120000, NULL, d.e.peer[1], 0, 7, &op[2]));
		for (i = 0; i < 3; i++)
			sys_wait_ok(&d.e, &op[i]);
	} else {
		sys_barrier(s, NULL);
	}
	sys_barrier(s, &d.e);
	cuda_free(local);
	side_close(s, &d);
}

static void one_fault(struct sys *s, struct side *d, int culprit, const char *what, bool read)
{
	uint8_t *local = make_mem(true, 20000);
	struct sys_op op = { 0 };

	sys_barrier(s, &d->e);
	if (s->rank == culprit)
		setenv(what, "1", 1);
	sys_barrier(s, &d->e);
	if (!s->rank) {
		if (read)
			sys_post(&d->e, fi_read(d->e.ep, local, 20000, NULL, d->e.peer[1], 0, 7,
						&op));
		else
			sys_post(&d->e, fi_write(d->e.ep, local, 20000, NULL, d->e.peer[1], 0, 7,
						 &op));
		sys_wait(&d->e, &op);
		expect(op.err, "an error when %s of process %d is set", what, culprit);
	}
	sys_barrier(s, &d->e);
	unsetenv(what);
	sys_barrier(s, &d->e);
	cuda_free(local);
	put_get(s, d, 20000, 9);
}

static void faults(struct sys *s, const void *arg)
{
	struct sys_op op = { 0 };
	struct side d;
	uint8_t *local;

	(void)arg;
	side_open(s, &d, 3, 0);
	if (!cuda_is_stub())
		sys_skip("a real device does not fail on demand");
	one_fault(s, &d, 0, "STUB_CUDA_FAIL_PUT", true);	/* results do not get home */
	one_fault(s, &d, 1, "STUB_CUDA_FAIL_GET", true);
	one_fault(s, &d, 1, "STUB_CUDA_FAIL_PUT", false);
	if (!s->rank) {
		local = make_mem(true, 100);
		setenv("STUB_CUDA_FAIL_GET", "1", 1);
		expect_ret(fi_write(d.e.ep, local, 100, NULL, d.e.peer[1], 0, 7, &op), -FI_EIO);
		unsetenv("STUB_CUDA_FAIL_GET");
		cuda_free(local);
	}
	side_close(s, &d);
}

int main(int argc, char **argv)
{
	static const uint64_t rud = 0, rod = FI_ORDER_SAS | FI_ORDER_RMA_WAW;

	sys_begin(argc, argv);
	sys_case("hmem-rma/write-read/rud", 2, writes_and_reads, &rud);
	sys_case("hmem-rma/write-read/rod", 2, writes_and_reads, &rod);
	sys_case("hmem-rma/vectors", 2, vectors, NULL);
	sys_case("hmem-rma/inject", 2, inject, NULL);
	sys_case("hmem-rma/atomics", 2, atomics, NULL);
	sys_case("hmem-rma/staging-limit", 2, staging_limit, NULL);
	sys_case("hmem-rma/faults", 2, faults, NULL);
	return sys_end();
}
