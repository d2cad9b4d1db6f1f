/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A host's NIC: copies what is sent, collects what arrives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/net_priv.h"

#define PORT	4793u
#define SPRAY	49152u		/* + path: source ports of the paths above 0 */
#define REPORT	8u		/* bytes of an ICMP message without what it quotes */

static struct uet_addr addr_of(uint32_t index, uint32_t port)
{
	struct uet_addr a = { .family = AF_INET, .port = port };

	uet_put_be32(a.ip, uet_sim_host_ip(index));
	return a;
}

int64_t uet_sim_net_host(const struct uet_sim_net *net, const struct uet_addr *addr)
{
	uint32_t index = uet_get_be32(addr->ip) - uet_sim_host_ip(0);

	if (addr->family != AF_INET || index >= net->cfg.hosts)
		return -1;
	return index;
}

struct uet_nic *uet_sim_net_nic(struct uet_sim_net *net, uint32_t host)
{
	return &net->hosts[host].nic;
}

/* ---- sending ---- */

/* What ECMP looks at: addresses and ports. */
static uint32_t flow_hash(const struct uet_sim_pkt *p)
{
	uint64_t h = ((uint64_t)p->src << 32 | p->dst) * 0x9e3779b97f4a7c15ull;

	h ^= h >> 31;
	h = (h ^ ((uint64_t)p->sport << 16 | p->dport)) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(h >> 32);
}

/* Put @p, whose ports and ends are filled in, on its way. */
static void launch(struct uet_sim_net *net, struct uet_sim_pkt *p)
{
	struct uet_sim_timer t = { .kind = UET_SIM_LOCAL, .pkt = p };

	p->leaf = net->hosts[p->dst].leaf;
	p->hash = flow_hash(p);
	p->trim = UET_NIC_WHOLE;
	if (p->src != p->dst)
		uet_sim_link_send(net, uet_sim_host_link(net, p->src), p);
	else if (uet_sim_timer_add(net, &t, net->now))
		uet_sim_pkt_put(net, p);
}

static void gather(uint8_t *data, const struct uet_nic_tx *t)
{
	int i;

	for (i = 0; i < t->iov_cnt; i++) {
		memcpy(data, t->iov[i].iov_base, t->iov[i].iov_len);
		data += t->iov[i].iov_len;
	}
}

static bool sendable(const struct uet_sim_host *h, const struct uet_nic_tx *t)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < t->iov_cnt; i++)
		sum += t->iov[i].iov_len;
	return t->len && t->len <= h->nic.mtu && sum == t->len && t->path < h->nic.paths &&
	       uet_sim_net_host(h->net, &t->dst) >= 0 && t->dst.port && t->dst.port <= UINT16_MAX;
}

/* Take one packet. Returns false if there is no room for it. */
static bool take(struct uet_sim_host *h, const struct uet_nic_tx *t)
{
	struct uet_sim_net *net = h->net;
	uint8_t prio = t->tc == UET_NIC_CONTROL ? UET_SIM_HIGH : UET_SIM_LOW;
	uint32_t link = uet_sim_host_link(net, h->index);
	struct uet_sim_pkt *p;

	if (!sendable(h, t)) {
		h->nic.stats.tx_errors++;
		return true;
	}
	if (net->links[link].queued[prio] >= net->cfg.host_queue) {
		h->blocked |= (uint8_t)(1 << prio);
		uet_sim_link_eager(net, link, true);
		return false;
	}
	p = uet_sim_pkt_get(net, t->len);
	if (!p)
		return false;
	gather(p->data, t);
	p->src = h->index;
	p->dst = (uint32_t)uet_sim_net_host(net, &t->dst);
	p->sport = (uint16_t)(t->path ? SPRAY + t->path : PORT);
	p->dport = (uint16_t)t->dst.port;
	p->err = 0;
	p->prio = prio;
	p->tos = prio == UET_SIM_HIGH ? UET_SIM_DSCP_CONTROL << 2 :
					UET_SIM_DSCP_DATA << 2 | UET_ECN_ECT0;
	h->nic.stats.tx_packets++;
	h->nic.stats.tx_bytes += t->len;
	launch(net, p);
	return true;
}

static int host_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	struct uet_sim_host *h = (struct uet_sim_host *)nic;
	int i;

	nic->stats.tx_calls++;
	uet_sim_link_settle(h->net, &h->net->links[uet_sim_host_link(h->net, h->index)]);
	for (i = 0; i < n; i++)
		if (!take(h, &pkts[i])) {
			nic->stats.tx_again++;
			return i ? i : -EAGAIN;
		}
	return n;
}

void uet_sim_host_room(struct uet_sim_net *net, uint32_t index)
{
	struct uet_sim_host *h = &net->hosts[index];
	uint32_t link = uet_sim_host_link(net, index);
	int prio;

	if (!h->blocked)
		return;
	for (prio = 0; prio < UET_SIM_PRIOS; prio++)
		if (h->blocked & 1 << prio &&
		    net->links[link].queued[prio] > net->cfg.host_queue / 2)
			return;
	h->blocked = 0;
	uet_sim_link_eager(net, link, false);
	net->ops.wake(net->owner, index, uet_sim_net_now(net));
}

/* ---- receiving ---- */

/* Answer @p, which nobody wants. */
static void refuse(struct uet_sim_net *net, struct uet_sim_pkt *p)
{
	struct uet_sim_pkt *r = p->err ? NULL : uet_sim_pkt_get(net, 0);

	if (r) {
		r->len = REPORT;
		r->src = p->dst;
		r->dst = p->src;
		r->sport = p->sport;
		r->dport = p->dport;
		r->err = ECONNREFUSED;
		r->prio = UET_SIM_HIGH;
		r->tos = 0;
		launch(net, r);
	}
	uet_sim_pkt_put(net, p);
}

static bool listens(const struct uet_sim_host *h, const struct uet_sim_pkt *p)
{
	return h->state == UET_SIM_HOST_UP &&
	       (p->err || p->dport == PORT ||
		(p->dport > SPRAY && p->dport < SPRAY + h->nic.paths));
}

void uet_sim_host_arrive(struct uet_sim_net *net, int64_t id, struct uet_sim_pkt *p)
{
	struct uet_sim_host *h = &net->hosts[p->dst];
	bool idle = !h->inbox.head;

	if (h->state == UET_SIM_HOST_SILENT) {
		if (id >= 0)
			net->links[id].stats.lost++;
		uet_sim_pkt_put(net, p);
		return;
	}
	if (!listens(h, p)) {
		refuse(net, p);
		return;
	}
	if (h->waiting + uet_sim_wire(p) > net->cfg.host_buffer) {
		if (id >= 0)
			net->links[id].stats.overrun++;
		h->overrun = true;
		uet_sim_pkt_put(net, p);
		return;
	}
	net->packets += !p->err;
	h->waiting += uet_sim_wire(p);
	uet_sim_push(&h->inbox, p);
	if (idle)
		net->ops.wake(net->owner, h->index, uet_sim_net_now(net));
}

static void take_back(struct uet_sim_host *h)
{
	while (h->lent_cnt)
		uet_sim_data_put(h->net, h->lent[--h->lent_cnt]);
}

static void hand_out(struct uet_sim_host *h, struct uet_nic_rx *rx)
{
	struct uet_sim_pkt *p = uet_sim_pop(&h->inbox);

	h->waiting -= uet_sim_wire(p);
	if (p->err) {
		*rx = (struct uet_nic_rx){ .err = p->err, .src = addr_of(p->src, p->dport) };
	} else {
		*rx = (struct uet_nic_rx){
			.data = p->data, .len = p->len, .tos = p->tos, .trim = p->trim,
			.src = addr_of(p->src, p->sport), .when = p->at / PSEC,
		};
		h->nic.stats.rx_packets++;
		h->nic.stats.rx_bytes += p->len;
	}
	h->lent[h->lent_cnt++] = uet_sim_pkt_open(h->net, p);
}

static int make_room(struct uet_sim_host *h, int max)
{
	struct uet_sim_data *lent;

	if (max <= (int)h->lent_room)
		return 0;
	lent = realloc(h->lent, (size_t)max * sizeof(*lent));
	if (!lent)
		return -ENOMEM;
	h->lent = lent;
	h->lent_room = (uint32_t)max;
	return 0;
}

static int host_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max)
{
	struct uet_sim_host *h = (struct uet_sim_host *)nic;
	int n, ret = make_room(h, max);

	if (ret)
		return ret;
	nic->stats.rx_calls++;
	take_back(h);
	for (n = 0; n < max && h->inbox.head; n++)
		hand_out(h, &pkts[n]);
	nic->fill = h->overrun ? 100 : (uint8_t)(h->waiting * 100 / h->net->cfg.host_buffer);
	h->overrun = false;
	return n;
}

static int host_fd(struct uet_nic *nic)
{
	(void)nic;
	return -1;
}

static void host_close(struct uet_nic *nic)
{
	(void)nic;
}

static const struct uet_nic_ops host_ops = {
	.tx = host_tx,
	.rx = host_rx,
	.fd = host_fd,
	.close = host_close,
};

/* ---- life ---- */

void uet_sim_host_init(struct uet_sim_net *net, uint32_t index)
{
	struct uet_sim_host *h = &net->hosts[index];

	h->net = net;
	h->index = index;
	h->nic.ops = &host_ops;
	h->nic.addr = addr_of(index, PORT);
	h->nic.mtu = net->cfg.mtu;
	h->nic.paths = net->cfg.paths;
}

void uet_sim_host_free(struct uet_sim_net *net, uint32_t index)
{
	take_back(&net->hosts[index]);
	free(net->hosts[index].lent);
}

void uet_sim_net_flush_host(struct uet_sim_net *net, uint32_t host)
{
	struct uet_sim_host *h = &net->hosts[host];

	take_back(h);
	uet_sim_pkt_drop(net, &h->inbox);
	h->waiting = 0;
	uet_sim_link_flush(net, uet_sim_host_link(net, host));
}

void uet_sim_net_host_set(struct uet_sim_net *net, uint32_t host, enum uet_sim_host_state state)
{
	net->hosts[host].state = (uint8_t)state;
}
