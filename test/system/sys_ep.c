/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Endpoints with what belongs to them, completions, and patterns of data.
 */
#define SYS_HARNESS
#include "sys.h"

#include <sched.h>
#include <stdio.h>

#define BATCH 16

/* As expect(), at the place that the test noted. */
#define must(cond, ...) \
	do { \
		if (!(cond)) \
			sys_fail_here(__VA_ARGS__); \
	} while (0)

/* ---- opening and closing ---- */

static void hint_name(struct fi_info *hints, const struct sys_opts *o)
{
	hints->src_addr = malloc(o->name_len);
	expect(hints->src_addr, "out of memory");
	memcpy(hints->src_addr, o->name, o->name_len);
	hints->src_addrlen = o->name_len;
}

struct fi_info *sys_hints(const struct sys_opts *o)
{
	struct fi_info *hints = fi_allocinfo();

	expect(hints, "out of memory");
	hints->caps = FI_MSG | FI_TAGGED | o->caps;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->addr_format = o->ipv6 || sys_host_ipv6() ? FI_SOCKADDR_IN6 : FI_SOCKADDR_IN;
	if (o->addr_format)
		hints->addr_format = o->addr_format;
	hints->fabric_attr->prov_name = strdup(sys_provider());
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->threading = o->threading ? o->threading : FI_THREAD_SAFE;
	hints->domain_attr->data_progress = o->progress ? o->progress : FI_PROGRESS_MANUAL;
	hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
	hints->domain_attr->av_type = FI_AV_TABLE;
	hints->tx_attr->msg_order = o->msg_order;
	hints->rx_attr->msg_order = o->msg_order;
	hints->tx_attr->op_flags = o->tx_op_flags;
	hints->rx_attr->op_flags = o->rx_op_flags;
	hints->tx_attr->size = o->tx_size;
	hints->rx_attr->size = o->rx_size;
	if (o->name)
		hint_name(hints, o);
	return hints;
}

struct fi_info *sys_getinfo(const struct sys_opts *o)
{
	struct fi_info *hints = sys_hints(o);
	struct fi_info *info = NULL;
	const char *node = sys_host_node(o->ipv6);
	uint64_t flags = FI_SOURCE | FI_NUMERICHOST;
	int ret;

	if (o->name)
		node = NULL, flags = 0;
	ret = fi_getinfo(FI_VERSION(1, 17), node, NULL, flags, hints, &info);
	fi_freeinfo(hints);
	if (ret == -FI_ENODATA && !sys_is_uet())
		sys_skip("the provider does not offer this");
	expect_ok(ret);
	if (o->mr_mode)
		info->domain_attr->mr_mode = o->mr_mode;
	return info;
}

uint64_t sys_offered(const struct sys_opts *o, uint64_t caps)
{
	struct sys_opts more = *o;
	struct fi_info *hints, *info = NULL;
	int ret;

	more.caps |= caps;
	hints = sys_hints(&more);
	ret = fi_getinfo(FI_VERSION(1, 17), sys_host_node(o->ipv6), NULL,
			 FI_SOURCE | FI_NUMERICHOST, hints, &info);
	fi_freeinfo(hints);
	fi_freeinfo(info);
	return ret ? 0 : caps;
}

static void open_cntrs(struct sys_ep *e, const struct sys_opts *o)
{
	struct fi_cntr_attr attr = { .events = FI_CNTR_EVENTS_COMP, .wait_obj = o->wait_obj };

	expect_ok(fi_cntr_open(e->domain, &attr, &e->txcntr, NULL));
	expect_ok(fi_cntr_open(e->domain, &attr, &e->rxcntr, NULL));
}

static void open_cqs(struct sys_ep *e, const struct sys_opts *o)
{
	struct fi_cq_attr attr = {
		.format = o->format ? o->format : FI_CQ_FORMAT_TAGGED,
		.wait_obj = o->wait_obj,
	};

	expect_ok(fi_cq_open(e->domain, &attr, &e->txcq, NULL));
	e->rxcq = e->txcq;
	if (!o->one_cq)
		expect_ok(fi_cq_open(e->domain, &attr, &e->rxcq, NULL));
}

void sys_open_objects(struct sys_ep *e, const struct sys_opts *o)
{
	struct fi_av_attr av = { .type = FI_AV_TABLE };

	memset(e, 0, sizeof(*e));
	e->info = sys_getinfo(o);
	expect_ok(fi_fabric(e->info->fabric_attr, &e->fabric, NULL));
	expect_ok(fi_domain(e->fabric, e->info, &e->domain, NULL));
	expect_ok(fi_av_open(e->domain, &av, &e->av, NULL));
	if (!o->no_cq)
		open_cqs(e, o);
	if (o->counters || o->no_cq)
		open_cntrs(e, o);
}

static void bind_all(struct sys_ep *e, const struct sys_opts *o)
{
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	if (e->txcq && o->one_cq) {
		expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT | FI_RECV | o->tx_bind));
	} else if (e->txcq) {
		expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT | o->tx_bind));
		expect_ok(fi_ep_bind(e->ep, &e->rxcq->fid, FI_RECV | o->rx_bind));
	}
	if (e->txcntr) {
		expect_ok(fi_ep_bind(e->ep, &e->txcntr->fid, FI_SEND));
		expect_ok(fi_ep_bind(e->ep, &e->rxcntr->fid, FI_RECV));
	}
}

void sys_open(struct sys_ep *e, const struct sys_opts *o)
{
	sys_open_objects(e, o);
	expect_ok(fi_endpoint(e->domain, e->info, &e->ep, NULL));
	bind_all(e, o);
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
}

void sys_close(struct sys_ep *e)
{
	if (e->ep)
		expect_ok(fi_close(&e->ep->fid));
	if (e->txcntr)
		expect_ok(fi_close(&e->txcntr->fid));
	if (e->rxcntr)
		expect_ok(fi_close(&e->rxcntr->fid));
	if (e->rxcq && e->rxcq != e->txcq)
		expect_ok(fi_close(&e->rxcq->fid));
	if (e->txcq)
		expect_ok(fi_close(&e->txcq->fid));
	if (e->av)
		expect_ok(fi_close(&e->av->fid));
	if (e->domain)
		expect_ok(fi_close(&e->domain->fid));
	if (e->fabric)
		expect_ok(fi_close(&e->fabric->fid));
	fi_freeinfo(e->info);
	memset(e, 0, sizeof(*e));
}

fi_addr_t sys_insert(struct sys_ep *e, const void *name)
{
	fi_addr_t addr = FI_ADDR_NOTAVAIL;

	expect_ret(fi_av_insert(e->av, name, 1, &addr, 0, NULL), 1);
	return addr;
}

void sys_connect(struct sys *s, struct sys_ep *e)
{
	uint8_t name[SYS_NAME_MAX];
	int i;

	for (i = 0; i < s->size; i++)
		if (i != s->rank)
			sys_tell(s, i, e->name, sizeof(e->name));
	for (i = 0; i < s->size; i++) {
		if (i != s->rank)
			sys_hear(s, i, name, sizeof(name), NULL);
		e->peer[i] = sys_insert(e, i == s->rank ? e->name : name);
	}
}

/* ---- completions ---- */

static struct sys_op *op_of(struct sys_ep *e, void *context)
{
	struct sys_op *op = context;

	if (!op) {
		e->null_entries++;
		return NULL;
	}
	must(op->done == 0, "one completion per operation; a second one came");
	op->done++;
	return op;
}

static unsigned int read_error(struct sys_ep *e, struct fid_cq *cq)
{
	uint8_t data[SYS_NAME_MAX];
	struct fi_cq_err_entry err = { .err_data = data, .err_data_size = sizeof(data) };
	struct sys_op *op;

	must(fi_cq_readerr(cq, &err, 0) == 1, "fi_cq_readerr to return 1");
	must(err.err > 0, "a positive err in an error entry, not %d", err.err);
	op = op_of(e, err.op_context);
	if (!op)
		return 1;
	op->err = err.err;
	op->prov_errno = err.prov_errno;
	op->olen = err.olen;
	op->src = FI_ADDR_NOTAVAIL;
	op->entry = (struct fi_cq_tagged_entry){
		.op_context = err.op_context,
		.flags = err.flags,
		.len = err.len,
		.buf = err.buf,
		.data = err.data,
		.tag = err.tag,
	};
	op->err_data_size = err.err_data_size;
	if (err.err_data && err.err_data_size <= sizeof(op->err_data))
		memcpy(op->err_data, err.err_data, err.err_data_size);
	return 1;
}

static unsigned int read_queue(struct sys_ep *e, struct fid_cq *cq)
{
	struct fi_cq_tagged_entry entries[BATCH];
	fi_addr_t src[BATCH];
	struct sys_op *op;
	ssize_t n, i;

	n = fi_cq_readfrom(cq, entries, BATCH, src);
	if (n == -FI_EAGAIN)
		return 0;
	if (n == -FI_EAVAIL)
		return read_error(e, cq);
	must(n > 0 && n <= BATCH, "fi_cq_readfrom gives 1 to %d entries, not %zd", BATCH, n);
	for (i = 0; i < n; i++) {
		if (e->on_entry && e->on_entry(e, &entries[i], src[i]))
			continue;
		op = op_of(e, entries[i].op_context);
		if (!op) {
			e->null_entry = entries[i];
			e->null_src = src[i];
			continue;
		}
		op->entry = entries[i];
		op->src = src[i];
	}
	return (unsigned int)n;
}

unsigned int sys_poll(struct sys_ep *e)
{
	unsigned int n = 0;

	if (e->txcq)
		n += read_queue(e, e->txcq);
	if (e->rxcq != e->txcq)
		n += read_queue(e, e->rxcq);
	if (!e->txcq) {
		fi_cntr_read(e->txcntr);
		fi_cntr_read(e->rxcntr);
	}
	return n;
}

void sys_wait(struct sys_ep *e, struct sys_op *op)
{
	unsigned int idle = 0;

	while (!op->done) {
		idle = sys_poll(e) ? 0 : idle + 1;
		if (idle > 100)
			sched_yield();
	}
}

void sys_wait_ok(struct sys_ep *e, struct sys_op *op)
{
	sys_wait(e, op);
	must(!op->err, "success, not the error completion %d (%s), prov_errno %d", op->err,
	       fi_strerror(op->err), op->prov_errno);
}

bool sys_wait_ms(struct sys_ep *e, struct sys_op *op, unsigned int ms)
{
	uint64_t end = sys_now_ms() + ms;

	while (!op->done && sys_now_ms() < end)
		if (!sys_poll(e))
			sched_yield();
	return op->done;
}

void sys_drive(struct sys_ep *e, unsigned int ms)
{
	struct sys_op never = { .done = 0 };

	sys_wait_ms(e, &never, ms);
}

void sys_tsend(struct sys_ep *e, fi_addr_t to, const void *buf, size_t len, uint64_t tag,
	       struct sys_op *op)
{
	ssize_t ret;

	while ((ret = fi_tsend(e->ep, buf, len, NULL, to, tag, op)) == -FI_EAGAIN)
		sys_poll(e);
	must(!ret, "fi_tsend to return 0, not %zd (%s)", ret, fi_strerror((int)-ret));
}

void sys_trecv(struct sys_ep *e, fi_addr_t from, void *buf, size_t len, uint64_t tag,
	       uint64_t ignore, struct sys_op *op)
{
	ssize_t ret;

	while ((ret = fi_trecv(e->ep, buf, len, NULL, from, tag, ignore, op)) == -FI_EAGAIN)
		sys_poll(e);
	must(!ret, "fi_trecv to return 0, not %zd (%s)", ret, fi_strerror((int)-ret));
}

uint64_t sys_flags(uint64_t flags)
{
	flags &= ~(uint64_t)FI_COMPLETION;
	return sys_is_uet() ? flags : flags & (FI_SEND | FI_RECV);
}

/* ---- data ---- */

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t sys_rand(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return mix(*state);
}

void sys_fill(void *buf, size_t len, uint64_t id)
{
	uint64_t seed = mix(id), word;
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		word = mix(seed + i);
		memcpy(p + i, &word, 8);
	}
	word = mix(seed + i);
	if (i < len)
		memcpy(p + i, &word, len - i);
}

void sys_verify(const void *buf, size_t len, uint64_t id)
{
	uint64_t seed = mix(id), word, got;
	const uint8_t *p = buf;
	size_t i, n;

	for (i = 0; i < len; i += 8) {
		n = len - i < 8 ? len - i : 8;
		word = mix(seed + i);
		got = word;
		memcpy(&got, p + i, n);
		must(got == word, "the data of message %#llx from offset %zu of %zu on, not "
		       "other bytes", (unsigned long long)id, i, len);
	}
}

void sys_guard(void *buf, size_t len)
{
	memset((uint8_t *)buf + len, 0xa5, SYS_GUARD);
}

void sys_check_guard(const void *buf, size_t len)
{
	const uint8_t *p = (const uint8_t *)buf + len;
	size_t i;

	for (i = 0; i < SYS_GUARD; i++)
		must(p[i] == 0xa5, "nothing written behind a buffer of %zu bytes, but byte %zu "
		       "there is %#x", len, i, p[i]);
}

void *sys_alloc(size_t len)
{
	void *p = malloc(len ? len : 1);

	must(p, "%zu bytes of memory", len);
	return p;
}
