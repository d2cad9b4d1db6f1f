/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rdma/fi_cm.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>

#include "bench_fabric.h"

#define PAGE 4096
#define MR_MODES (FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)
#define CHECK_EVERY 65536	/* polls without anything */

/* libfabric loads its providers once in a process: no more than this one needs. */
static void choose_provider(const char *name)
{
	char list[BENCH_NAME], *p;

	snprintf(list, sizeof(list), "%s", name);
	for (p = list; *p; p++)
		if (*p == ';')
			*p = ',';
	setenv("FI_PROVIDER", list, 1);
	/* A library of Debian's turns crashes into hangs without this. */
	setenv("IPATH_NO_BACKTRACE", "1", 0);
}

struct fi_info *bench_find_info(const char *name, const char *address, uint64_t caps,
				enum fi_threading threading)
{
	struct fi_info *hints = fi_allocinfo(), *info = NULL;
	int ret;

	if (!hints)
		return NULL;
	choose_provider(name);
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = caps;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	if (address)
		hints->addr_format = strchr(address, ':') ? FI_SOCKADDR_IN6 : FI_SOCKADDR_IN;
	hints->domain_attr->threading = threading;
	hints->domain_attr->mr_mode = caps & (FI_RMA | FI_ATOMIC) ? MR_MODES : FI_MR_LOCAL;
	hints->fabric_attr->prov_name = strdup(name);
	ret = fi_getinfo(FI_VERSION(1, 17), address, NULL, address ? FI_SOURCE : 0, hints, &info);
	fi_freeinfo(hints);
	if (!ret && strcmp(info->fabric_attr->prov_name, name)) {
		fi_freeinfo(info);
		return NULL;
	}
	return ret ? NULL : info;
}

/* In a process of its own, because of choose_provider(). */
bool bench_fabric_available(const char *name, const char *address)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(!bench_find_info(name, address, FI_TAGGED, FI_THREAD_DOMAIN));
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static void check(const char *what, int ret)
{
	if (ret)
		bench_fail("%s: %s", what, fi_strerror(-ret));
}

static void open_domain(struct bench_end *e, uint64_t caps, const struct bench_end *host)
{
	const struct bench_run *r = e->run;

	if (host) {
		e->guest = true;
		e->info = host->info;
		e->fabric = host->fabric;
		e->domain = host->domain;
		return;
	}
	e->info = bench_find_info(r->q.contender, r->address, caps,
				  r->threads ? FI_THREAD_SAFE : FI_THREAD_DOMAIN);
	if (!e->info)
		bench_absent("fi_getinfo offers nothing for that");
	check("fi_fabric", fi_fabric(e->info->fabric_attr, &e->fabric, NULL));
	check("fi_domain", fi_domain(e->fabric, e->info, &e->domain, NULL));
}

static void open_buffer(struct bench_end *e, uint64_t caps, size_t len)
{
	uint64_t access = FI_SEND | FI_RECV;
	uint64_t key = (uintptr_t)e >> 4 & 0xffff;
	bool local = e->info->domain_attr->mr_mode & FI_MR_LOCAL;

	e->len = (len + PAGE - 1) / PAGE * PAGE;
	e->buf = aligned_alloc(PAGE, e->len + PAGE);
	e->contexts = calloc(e->context_cnt, sizeof(*e->contexts));
	if (!e->buf || !e->contexts)
		bench_fail("no memory");
	memset(e->buf, 0, e->len + PAGE);
	if (!local && !(caps & (FI_RMA | FI_ATOMIC)))
		return;
	if (caps & (FI_RMA | FI_ATOMIC))
		access |= FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
	check("fi_mr_reg", fi_mr_reg(e->domain, e->buf, e->len + PAGE, access, 0, key, 0, &e->mr,
				     NULL));
	if (local)
		e->desc = fi_mr_desc(e->mr);
}

void bench_open(struct bench_end *e, struct bench_run *r, uint64_t caps, size_t len,
		const struct bench_end *host)
{
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_TAGGED };
	struct fi_av_attr av_attr = { .type = FI_AV_UNSPEC };

	memset(e, 0, sizeof(*e));
	e->run = r;
	e->tagged = caps & FI_TAGGED;
	/* Sent and received ones, of this window and the next. */
	e->context_cnt = 4 * (r->q.window + 1) * r->q.clients;
	cq_attr.size = e->context_cnt;
	open_domain(e, caps, host);
	av_attr.type = e->info->domain_attr->av_type;
	check("fi_cq_open", fi_cq_open(e->domain, &cq_attr, &e->cq, NULL));
	check("fi_av_open", fi_av_open(e->domain, &av_attr, &e->av, NULL));
	check("fi_endpoint", fi_endpoint(e->domain, e->info, &e->ep, NULL));
	check("fi_ep_bind", fi_ep_bind(e->ep, &e->cq->fid, FI_TRANSMIT | FI_RECV));
	check("fi_ep_bind", fi_ep_bind(e->ep, &e->av->fid, 0));
	check("fi_enable", fi_enable(e->ep));
	open_buffer(e, caps, len);
}

void bench_close(struct bench_end *e)
{
	fi_close(&e->ep->fid);
	fi_close(&e->av->fid);
	fi_close(&e->cq->fid);
	if (e->mr)
		fi_close(&e->mr->fid);
	free(e->buf);
	free(e->contexts);
	if (e->guest)
		return;
	fi_close(&e->domain->fid);
	fi_close(&e->fabric->fid);
	fi_freeinfo(e->info);
}

void bench_name(struct bench_end *e, struct bench_name *name)
{
	size_t len = sizeof(name->name);

	memset(name, 0, sizeof(*name));
	check("fi_getname", fi_getname(&e->ep->fid, name->name, &len));
	name->len = len;
}

void bench_insert(struct bench_end *e, const struct bench_name *name, int peer)
{
	if (fi_av_insert(e->av, name->name, 1, &e->peers[peer], 0, NULL) != 1)
		bench_fail("fi_av_insert failed");
}

void bench_meet(struct bench_end *e)
{
	struct bench_name name;
	int i;

	bench_name(e, &name);
	for (i = 0; i < e->run->sock_cnt; i++)
		bench_put(e->run, i, &name, sizeof(name));
	for (i = 0; i < e->run->sock_cnt; i++) {
		bench_get(e->run, i, &name, sizeof(name));
		bench_insert(e, &name, i);
	}
}

static void __attribute__((noreturn)) cq_error(struct bench_end *e)
{
	struct fi_cq_err_entry err = { 0 };

	if (fi_cq_readerr(e->cq, &err, 0) < 0)
		bench_fail("fi_cq_readerr failed");
	bench_fail("an operation failed: %s", fi_strerror(err.err));
}

static void count(struct bench_end *e, const struct fi_cq_tagged_entry *entry)
{
	uint64_t tag = entry->flags & FI_TAGGED ? entry->tag : 0;

	if (!(entry->flags & FI_RECV))
		e->sent++;
	else if (tag < BENCH_TAGS)
		e->got[tag]++;
}

void bench_progress(void *end)
{
	struct bench_end *e = end;
	struct fi_cq_tagged_entry entry[16];
	ssize_t i, n = fi_cq_read(e->cq, entry, 16);

	if (n == -FI_EAGAIN) {
		if (++e->idle % CHECK_EVERY == 0)
			bench_check_peer(e->run);
		return;
	}
	e->idle = 0;
	if (n == -FI_EAVAIL)
		cq_error(e);
	if (n < 0)
		check("fi_cq_read", (int)n);
	for (i = 0; i < n; i++)
		count(e, &entry[i]);
}

void bench_await(struct bench_end *e, const uint64_t *counter, uint64_t target)
{
	while (*counter < target)
		bench_progress(e);
}

void bench_flush(struct bench_end *e)
{
	bench_await(e, &e->sent, e->posted);
}

void *bench_context(struct bench_end *e)
{
	return &e->contexts[e->next_context++ % e->context_cnt];
}

bool bench_again(struct bench_end *e, const char *what, ssize_t ret)
{
	if (!ret)
		return false;
	if (ret != -FI_EAGAIN)
		check(what, (int)ret);
	bench_progress(e);
	return true;
}

static ssize_t recv_once(struct bench_end *e, void *buf, size_t len, uint64_t tag, void *context)
{
	if (e->tagged)
		return fi_trecv(e->ep, buf, len, e->desc, FI_ADDR_UNSPEC, tag, 0, context);
	return fi_recv(e->ep, buf, len, e->desc, FI_ADDR_UNSPEC, context);
}

void bench_recv(struct bench_end *e, size_t len, uint64_t tag)
{
	char *buf = tag == BENCH_TAG_ACK ? e->buf + e->len : e->buf;
	void *context = bench_context(e);
	ssize_t ret;

	do {
		ret = recv_once(e, buf, len, tag, context);
	} while (bench_again(e, "fi_recv", ret));
}

static ssize_t send_once(struct bench_end *e, fi_addr_t to, const void *buf, size_t len,
			 uint64_t tag, void *context)
{
	if (!context)
		return e->tagged ? fi_tinject(e->ep, buf, len, to, tag) :
				   fi_inject(e->ep, buf, len, to);
	return e->tagged ? fi_tsend(e->ep, buf, len, e->desc, to, tag, context) :
			   fi_send(e->ep, buf, len, e->desc, to, context);
}

void bench_send(struct bench_end *e, int peer, size_t len, uint64_t tag)
{
	const char *buf = tag == BENCH_TAG_ACK ? e->buf + e->len : e->buf;
	void *context = len <= e->info->tx_attr->inject_size ? NULL : bench_context(e);
	ssize_t ret;

	do {
		ret = send_once(e, e->peers[peer], buf, len, tag, context);
	} while (bench_again(e, "fi_send", ret));
	if (context)
		e->posted++;
}
