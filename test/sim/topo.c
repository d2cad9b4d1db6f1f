/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which links there are, their names, and the way that packets take.
 *
 *   links: [ host 0 up, down | host 1 up, down ... | leaf 0: spine 0 up, down | spine 1 ...
 *          | spine 0: core 0 up, down ... ]     of a pair: [ h0>h1 | h1>h0 ]
 *
 * Spine j of every pod joins the same cores (a folded Clos), so the way down from a core is
 * the only one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net_priv.h"

#define MAX_HOSTS (1u << 20)

/* ---- shape ---- */

static bool sane(const struct uet_sim_net_cfg *c)
{
	if (c->hosts < 2 || c->hosts > MAX_HOSTS || (c->topology == UET_SIM_PAIR && c->hosts != 2))
		return false;
	if (c->hosts_per_leaf > c->hosts || c->spines > c->hosts || c->leaves_per_pod > c->hosts)
		return false;
	return c->topology <= UET_SIM_CLOS3;
}

/* The smallest power of two of which @tiers factors make @hosts. */
static uint32_t radix(uint32_t hosts, int tiers)
{
	uint64_t r = 1;

	while ((tiers == 2 ? r * r : r * r * r) < hosts)
		r *= 2;
	return (uint32_t)r;
}

static uint32_t parts(uint32_t all, uint32_t each)
{
	return (all + each - 1) / each;
}

static int shape_clos(const struct uet_sim_net_cfg *c, struct uet_sim_shape *s)
{
	int tiers = c->topology == UET_SIM_CLOS2 ? 2 : 3;
	uint64_t links;

	s->hosts_per_leaf = c->hosts_per_leaf ? c->hosts_per_leaf : radix(c->hosts, tiers);
	s->leaves = parts(c->hosts, s->hosts_per_leaf);
	s->spines = c->spines ? c->spines : s->hosts_per_leaf;
	s->leaves_per_pod = s->leaves;
	if (tiers == 3) {
		s->leaves_per_pod = c->leaves_per_pod ? c->leaves_per_pod : s->hosts_per_leaf;
		if (c->cores % s->spines)
			return -EINVAL;
		s->cores = c->cores ? c->cores / s->spines : s->leaves_per_pod;
	}
	s->pods = parts(s->leaves, s->leaves_per_pod);
	s->fabric1 = 2 * c->hosts;
	links = s->fabric1 + 2ull * s->leaves * s->spines;
	if (links >= UET_SIM_SOURCES / 2)
		return -EINVAL;
	s->fabric2 = (uint32_t)links;
	links += 2ull * s->pods * s->spines * s->cores;
	if (links >= UET_SIM_SOURCES / 2)
		return -EINVAL;
	s->links = (uint32_t)links;
	return 0;
}

int uet_sim_shape(struct uet_sim_net *net)
{
	const struct uet_sim_net_cfg *c = &net->cfg;
	struct uet_sim_shape *s = &net->shape;

	if (!sane(c))
		return -EINVAL;
	switch (c->topology) {
	case UET_SIM_PAIR:
		s->links = 2;
		return 0;
	case UET_SIM_STAR:
		s->hosts_per_leaf = c->hosts;
		s->leaves = 1;
		s->leaves_per_pod = 1;
		s->pods = 1;
		s->links = 2 * c->hosts;
		return 0;
	default:
		return shape_clos(c, s);
	}
}

/* ---- wiring ---- */

static void join(struct uet_sim_net *net, uint32_t up, enum uet_sim_kind kind, uint32_t lower,
		 uint32_t upper)
{
	/* In a pair there is nothing above a host. */
	enum uet_sim_kind above = net->cfg.topology == UET_SIM_PAIR ? kind : kind + 1;
	struct uet_sim_link *l = &net->links[up];

	l[0].from_kind = l[1].to_kind = (uint8_t)kind;
	l[0].to_kind = l[1].from_kind = (uint8_t)above;
	l[0].from = l[1].to = lower;
	l[0].to = l[1].from = upper;
}

/* The link up from leaf @leaf to spine @j of its pod; the next one comes down. */
static uint32_t leaf_up(const struct uet_sim_shape *s, uint32_t leaf, uint32_t j)
{
	return s->fabric1 + 2 * (leaf * s->spines + j);
}

/* The link up from spine @spine to its @k-th core; the next one comes down. */
static uint32_t spine_up(const struct uet_sim_shape *s, uint32_t spine, uint32_t k)
{
	return s->fabric2 + 2 * (spine * s->cores + k);
}

static void wire_fabric(struct uet_sim_net *net)
{
	const struct uet_sim_shape *s = &net->shape;
	uint32_t leaf, spine, n, pod;

	for (leaf = 0; leaf < s->leaves; leaf++) {
		pod = leaf / s->leaves_per_pod;
		for (n = 0; n < s->spines; n++)
			join(net, leaf_up(s, leaf, n), UET_SIM_LEAF, leaf, pod * s->spines + n);
	}
	for (spine = 0; spine < s->pods * s->spines; spine++)
		for (n = 0; n < s->cores; n++)
			join(net, spine_up(s, spine, n), UET_SIM_SPINE, spine,
			     spine % s->spines * s->cores + n);
}

void uet_sim_wire_up(struct uet_sim_net *net)
{
	uint32_t h;

	if (net->cfg.topology == UET_SIM_PAIR) {
		join(net, 0, UET_SIM_HOST, 0, 1);
		return;
	}
	for (h = 0; h < net->cfg.hosts; h++) {
		net->hosts[h].leaf = h / net->shape.hosts_per_leaf;
		join(net, 2 * h, UET_SIM_HOST, h, net->hosts[h].leaf);
	}
	wire_fabric(net);
}

/* ---- ways ---- */

static bool routed(const struct uet_sim_net *net, uint32_t link)
{
	return net->links[link].routed;
}

/* Whether a packet can come from @spine down to @leaf of any pod. */
static bool spine_reaches(const struct uet_sim_net *net, uint32_t spine, uint32_t leaf)
{
	const struct uet_sim_shape *s = &net->shape;
	uint32_t pod = leaf / s->leaves_per_pod, j = spine % s->spines;
	uint32_t there = pod * s->spines + j, k;

	if (!routed(net, leaf_up(s, leaf, j) + 1))
		return false;
	if (there == spine)
		return true;
	for (k = 0; k < s->cores; k++)
		if (routed(net, spine_up(s, spine, k)) && routed(net, spine_up(s, there, k) + 1))
			return true;
	return false;
}

static bool leaf_choice(const struct uet_sim_net *net, uint32_t leaf, uint32_t j, uint32_t dst)
{
	const struct uet_sim_shape *s = &net->shape;

	return routed(net, leaf_up(s, leaf, j)) &&
	       spine_reaches(net, leaf / s->leaves_per_pod * s->spines + j, dst);
}

static bool spine_choice(const struct uet_sim_net *net, uint32_t spine, uint32_t k, uint32_t dst)
{
	const struct uet_sim_shape *s = &net->shape;
	uint32_t there = dst / s->leaves_per_pod * s->spines + spine % s->spines;

	return routed(net, spine_up(s, spine, k)) && routed(net, spine_up(s, there, k) + 1);
}

/* A number below @cnt by the packet's flow, differently for each switch. */
static uint32_t pick(uint32_t hash, uint32_t salt, uint32_t cnt)
{
	uint64_t h = (hash ^ salt) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
	return (uint32_t)((h >> 32) * cnt >> 32);
}

/* ECMP: one of @cnt ways on from switch @at to leaf @dst of which ok() is true; -1: none is. */
static int64_t choose(const struct uet_sim_net *net, uint32_t at, uint32_t salt, uint32_t cnt,
		      const struct uet_sim_pkt *p,
		      bool (*ok)(const struct uet_sim_net *, uint32_t, uint32_t, uint32_t))
{
	uint32_t n, live = 0;

	if (uet_likely(!net->unrouted))
		return pick(p->hash, net->salt[salt], cnt);
	for (n = 0; n < cnt; n++)
		live += ok(net, at, n, p->leaf);
	if (!live)
		return -1;
	live = pick(p->hash, net->salt[salt], live);
	for (n = 0; n < cnt; n++)
		if (ok(net, at, n, p->leaf) && !live--)
			return n;
	return -1;
}

static int64_t route_leaf(const struct uet_sim_net *net, uint32_t leaf,
			  const struct uet_sim_pkt *p)
{
	int64_t j;

	if (p->leaf == leaf)
		return 2ll * p->dst + 1;
	j = choose(net, leaf, leaf, net->shape.spines, p, leaf_choice);
	return j < 0 ? j : (int64_t)leaf_up(&net->shape, leaf, (uint32_t)j);
}

static int64_t route_spine(const struct uet_sim_net *net, uint32_t spine,
			   const struct uet_sim_pkt *p)
{
	const struct uet_sim_shape *s = &net->shape;
	int64_t k;

	if (s->pods == 1 || p->leaf / s->leaves_per_pod == spine / s->spines)
		return leaf_up(s, p->leaf, spine % s->spines) + 1;
	k = choose(net, spine, s->leaves + spine, s->cores, p, spine_choice);
	return k < 0 ? k : (int64_t)spine_up(s, spine, (uint32_t)k);
}

int64_t uet_sim_route(const struct uet_sim_net *net, const struct uet_sim_link *l,
		      const struct uet_sim_pkt *p)
{
	const struct uet_sim_shape *s = &net->shape;
	uint32_t j;

	switch (l->to_kind) {
	case UET_SIM_LEAF:
		return route_leaf(net, l->to, p);
	case UET_SIM_SPINE:
		return route_spine(net, l->to, p);
	default:
		j = l->to / s->cores;
		return spine_up(s, p->leaf / s->leaves_per_pod * s->spines + j,
				l->to % s->cores) + 1;
	}
}

/* ---- what the outside may ask ---- */

uint32_t uet_sim_net_links(const struct uet_sim_net *net)
{
	return net->shape.links;
}

static const char *kind_name(const struct uet_sim_net *net, uint8_t kind)
{
	static const char *const names[] = { "h", "leaf", "spine", "core" };

	if (kind == UET_SIM_LEAF && net->cfg.topology == UET_SIM_STAR)
		return "sw";
	return names[kind];
}

const char *uet_sim_net_link_name(const struct uet_sim_net *net, uint32_t link, char *buf,
				  size_t len)
{
	const struct uet_sim_link *l = &net->links[link];

	snprintf(buf, len, "%s%u>%s%u", kind_name(net, l->from_kind), l->from,
		 kind_name(net, l->to_kind), l->to);
	return buf;
}

/* Read a node's name at *@text and step over it; false if it is none. */
static bool parse(const struct uet_sim_net *net, const char **text, uint8_t *kind, uint32_t *index)
{
	unsigned long n;
	const char *name;
	size_t len;
	char *end;

	for (*kind = UET_SIM_HOST; *kind <= UET_SIM_CORE; ++*kind) {
		name = kind_name(net, *kind);
		len = strlen(name);
		if (strncmp(*text, name, len) || (*text)[len] < '0' || (*text)[len] > '9')
			continue;
		n = strtoul(*text + len, &end, 10);
		*index = (uint32_t)n;
		*text = end;
		return n <= UINT32_MAX;
	}
	return false;
}

int64_t uet_sim_net_link_find(const struct uet_sim_net *net, const char *name)
{
	uint8_t from_kind, to_kind;
	const struct uet_sim_link *l;
	uint32_t from, to, i;

	if (!parse(net, &name, &from_kind, &from) || *name++ != '>' ||
	    !parse(net, &name, &to_kind, &to) || *name)
		return -1;
	for (i = 0; i < net->shape.links; i++) {
		l = &net->links[i];
		if (l->from_kind == from_kind && l->from == from && l->to_kind == to_kind &&
		    l->to == to)
			return i;
	}
	return -1;
}

/* Links between switches on the way from host @a to host @b. */
static uint32_t fabric_links(const struct uet_sim_net *net, uint32_t a, uint32_t b)
{
	uint32_t leaf_a = net->hosts[a].leaf, leaf_b = net->hosts[b].leaf;

	if (net->cfg.topology == UET_SIM_PAIR || leaf_a == leaf_b)
		return 0;
	if (leaf_a / net->shape.leaves_per_pod == leaf_b / net->shape.leaves_per_pod)
		return 2;
	return 4;
}

static uint64_t across(const struct uet_sim_net *net, uint32_t link, uint32_t len)
{
	return ((len + UET_SIM_WIRE) * net->links[link].ps_byte >> 16) +
	       net->cfg.propagation * PSEC;
}

/* One way, in ps. */
static uint64_t one_way(const struct uet_sim_net *net, uint32_t a, uint32_t b, uint32_t len)
{
	uint64_t bits = (len + UET_SIM_WIRE) * 8ull;
	uint64_t fabric = bits * 1000000000000ull / net->cfg.fabric_rate +
			  net->cfg.propagation * PSEC;

	if (net->cfg.topology == UET_SIM_PAIR)
		return across(net, a, len);
	return across(net, 2 * a, len) + across(net, 2 * b + 1, len) +
	       fabric_links(net, a, b) * fabric;
}

uint64_t uet_sim_net_rtt(const struct uet_sim_net *net, uint32_t a, uint32_t b, uint32_t len,
			 uint32_t reply)
{
	return (one_way(net, a, b, len) + one_way(net, b, a, reply)) / PSEC;
}
