/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets in flight: what the network looks at, apart from the bytes that it only carries. */
#include <string.h>

#include "sim/net_priv.h"

#define LINE	64u
#define SMALL	192u	/* bytes that most control packets and trimmed ones fit into */
#define PAGE	4096u

void uet_sim_pkts_init(struct uet_sim_net *net, uint32_t mtu)
{
	uint32_t big = (mtu + LINE - 1) / LINE * LINE;

	/* Else the headers of all packets would share few sets of the cache. */
	if (big % PAGE == 0)
		big += LINE;
	uet_pool_init(&net->pkts, sizeof(struct uet_sim_pkt), 1024, 0);
	uet_pool_init(&net->small, SMALL, 512, 0);
	uet_pool_init(&net->big, big, 64, 0);
}

static size_t memory(const struct uet_sim_net *net, const struct uet_sim_pkt *p)
{
	if (!p->data)
		return net->pkts.size;
	return net->pkts.size + (p->big ? net->big.size : net->small.size);
}

static uint8_t *get_data(struct uet_sim_net *net, bool big)
{
	return uet_pool_get(big ? &net->big : &net->small);
}

void uet_sim_data_put(struct uet_sim_net *net, struct uet_sim_data d)
{
	if (d.data)
		uet_pool_put(d.big ? &net->big : &net->small, d.data);
}

struct uet_sim_pkt *uet_sim_pkt_get(struct uet_sim_net *net, uint32_t len)
{
	struct uet_sim_pkt *p = uet_pool_get(&net->pkts);

	if (!p)
		return NULL;
	p->big = len > SMALL;
	p->data = len ? get_data(net, p->big) : NULL;
	if (len && !p->data) {
		uet_pool_put(&net->pkts, p);
		return NULL;
	}
	p->len = len;
	net->memory += memory(net, p);
	return p;
}

struct uet_sim_data uet_sim_pkt_open(struct uet_sim_net *net, struct uet_sim_pkt *p)
{
	struct uet_sim_data d = { .data = p->data, .big = p->big };

	net->memory -= memory(net, p);
	uet_pool_put(&net->pkts, p);
	return d;
}

void uet_sim_pkt_put(struct uet_sim_net *net, struct uet_sim_pkt *p)
{
	uet_sim_data_put(net, uet_sim_pkt_open(net, p));
}

uint32_t uet_sim_pkt_drop(struct uet_sim_net *net, struct uet_sim_fifo *f)
{
	uint32_t n = 0;

	for (; f->head; n++)
		uet_sim_pkt_put(net, uet_sim_pop(f));
	return n;
}

struct uet_sim_pkt *uet_sim_pkt_copy(struct uet_sim_net *net, const struct uet_sim_pkt *p)
{
	struct uet_sim_pkt *c = uet_sim_pkt_get(net, p->data ? p->len : 0);
	uint8_t *data;
	bool big;

	if (!c)
		return NULL;
	data = c->data;
	big = c->big;
	*c = *p;
	c->data = data;
	c->big = big;
	if (data)
		memcpy(data, p->data, p->len);
	return c;
}

void uet_sim_pkt_cut(struct uet_sim_net *net, struct uet_sim_pkt *p, uint32_t len)
{
	struct uet_sim_data old = { .data = p->data, .big = true };
	uint8_t *data;

	p->len = len;
	if (!p->big || len > SMALL)
		return;
	data = get_data(net, false);
	if (!data)
		return;
	memcpy(data, p->data, len);
	net->memory -= memory(net, p);
	uet_sim_data_put(net, old);
	p->data = data;
	p->big = false;
	net->memory += memory(net, p);
}
