/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Named address vectors: one process inserts, the others of the node use the indices, through
 * the array that map_addr shows or by knowing them.
 */
#include "sys.h"

#include <stdio.h>
#include <unistd.h>

#define PROCS	3

/* The case's vector: named after the process that all others come from. */
static const char *av_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "test_shared_av %d", (int)getppid());
	return name;
}

/* Objects of an endpoint, with the named vector in place of their own. */
static int open_named(struct sys_ep *e, uint64_t flags, fi_addr_t **map)
{
	struct fi_av_attr attr = { .type = FI_AV_TABLE, .name = av_name(), .flags = flags };
	static const struct sys_opts plain = { .caps = FI_SOURCE | FI_SHARED_AV };
	int ret;

	sys_open_objects(e, &plain);
	expect_ok(fi_close(&e->av->fid));
	e->av = NULL;
	ret = fi_av_open(e->domain, &attr, &e->av, NULL);
	if (ret)
		return ret;
	expect(attr.map_addr, "no map_addr");
	*map = attr.map_addr;
	expect_ok(fi_endpoint(e->domain, e->info, &e->ep, NULL));
	expect_ok(fi_ep_bind(e->ep, &e->av->fid, 0));
	expect_ok(fi_ep_bind(e->ep, &e->txcq->fid, FI_TRANSMIT));
	expect_ok(fi_ep_bind(e->ep, &e->rxcq->fid, FI_RECV));
	expect_ok(fi_enable(e->ep));
	e->name_len = sizeof(e->name);
	expect_ok(fi_getname(&e->ep->fid, e->name, &e->name_len));
	return 0;
}

/* Everybody sends to everybody, and sees who sent. */
static void all_to_all(struct sys *s, struct sys_ep *e, const fi_addr_t *map, int base)
{
	struct sys_op recv[PROCS] = { 0 }, send[PROCS] = { 0 };
	uint64_t in[PROCS] = { 0 }, out = (uint64_t)s->rank;
	int i;

	for (i = 0; i < s->size; i++)
		sys_trecv(e, FI_ADDR_UNSPEC, &in[i], 8, (uint64_t)i, 0, &recv[i]);
	for (i = 0; i < s->size; i++)
		sys_tsend(e, map[base + i], &out, 8, out, &send[i]);
	for (i = 0; i < s->size; i++) {
		sys_wait_ok(e, &send[i]);
		sys_wait_ok(e, &recv[i]);
		expect_eq(in[i], i);
		expect_eq(recv[i].src, map[base + i]);
	}
	sys_barrier(s, e);
}

/* Rank 0 makes the vector and inserts; the others only read. */
static void readers(struct sys *s, const void *arg)
{
	uint8_t name[SYS_NAME_MAX];
	fi_addr_t *map, one;
	struct sys_ep e;
	int i;

	(void)arg;
	if (s->rank) {
		sys_barrier(s, NULL);
		expect_ok(open_named(&e, FI_READ, &map));
		sys_tell(s, 0, e.name, sizeof(e.name));
	} else {
		expect_ok(open_named(&e, 0, &map));
		sys_barrier(s, NULL);
		expect_eq(fi_av_insert(e.av, e.name, 1, &one, 0, NULL), 1);
		expect_eq(one, 0);
		for (i = 1; i < s->size; i++) {
			sys_hear(s, i, name, sizeof(name), &e);
			expect_eq(fi_av_insert(e.av, name, 1, &one, 0, NULL), 1);
			expect_eq(one, i);
		}
	}
	sys_barrier(s, &e);
	all_to_all(s, &e, map, 0);
	if (s->rank) {
		expect_ret(fi_av_insert(e.av, e.name, 1, &one, 0, NULL), -FI_EINVAL);
		one = 0;
		expect_ret(fi_av_remove(e.av, &one, 1, 0), -FI_EINVAL);
	}
	sys_barrier(s, &e);
	/* Removed by one, gone for all; the index is used again. */
	if (s->rank == 0) {
		one = 0;
		expect_ok(fi_av_remove(e.av, &one, 1, 0));
	}
	sys_barrier(s, &e);
	expect_ret(fi_tsend(e.ep, NULL, 0, NULL, 0, 0, NULL), -FI_EINVAL);
	sys_barrier(s, &e);
	if (s->rank == 0)
		expect_eq(fi_av_insert(e.av, e.name, 1, NULL, 0, NULL), 1);
	sys_barrier(s, &e);
	all_to_all(s, &e, map, 0);
	/* The others keep it when its creator goes. */
	if (s->rank == 0)
		sys_close(&e);
	sys_barrier(s, s->rank ? &e : NULL);
	if (s->rank) {
		size_t len = sizeof(name);

		expect_ok(fi_av_lookup(e.av, 1, name, &len));
		sys_close(&e);
	}
}

/* Everybody inserts himself. */
static void writers(struct sys *s, const void *arg)
{
	uint8_t name[SYS_NAME_MAX];
	fi_addr_t *map, own, all[PROCS];
	struct sys_ep e;
	int i;

	(void)arg;
	expect_ok(open_named(&e, 0, &map));
	sys_barrier(s, &e);
	expect_eq(fi_av_insert(e.av, e.name, 1, &own, 0, NULL), 1);
	for (i = 0; i < s->size; i++)
		if (i != s->rank)
			sys_tell(s, i, &own, sizeof(own));
	all[s->rank] = own;
	for (i = 0; i < s->size; i++)
		if (i != s->rank)
			sys_hear(s, i, &all[i], sizeof(all[i]), &e);
	for (i = 0; i < s->size; i++) {
		size_t len = sizeof(name);

		expect(all[i] < PROCS, "index %llu", (unsigned long long)all[i]);
		expect_eq(map[all[i]], all[i]);
		expect_ok(fi_av_lookup(e.av, all[i], name, &len));
	}
	all_to_all(s, &e, all, 0);
	sys_close(&e);
}

/* A vector that nobody has cannot be read; its name is free again afterwards. */
static void absent(struct sys *s, const void *arg)
{
	struct sys_ep e, reader;
	fi_addr_t *map;

	(void)s;
	(void)arg;
	expect_ret(open_named(&e, FI_READ, &map), -FI_ENOENT);
	sys_close(&e);
	expect_ok(open_named(&e, 0, &map));
	expect_ok(open_named(&reader, FI_READ, &map));
	sys_close(&reader);
	sys_close(&e);
	expect_ret(open_named(&e, FI_READ, &map), -FI_ENOENT);
	sys_close(&e);
}

int main(int argc, char **argv)
{
	sys_begin(argc, argv);
	sys_case("one inserts, others read", PROCS, readers, NULL);
	sys_case("all insert", PROCS, writers, NULL);
	sys_case("absent", 1, absent, NULL);
	return sys_end();
}
