/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For tests of the simulated network: hosts that write down what they receive, and when.
 * Packets carry a number in their first four bytes. Include once per test program.
 */
#ifndef UET_TEST_SIM_NET_H
#define UET_TEST_SIM_NET_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/util.h"
#include "sim/net.h"

#define USEC	UET_NSEC_PER_USEC
#define MSEC	UET_NSEC_PER_MSEC
#define GBPS	1000000000ull
#define MTU	4096u

struct net_got {
	uint64_t at;
	uint32_t host, id, len;
	uint32_t src, port;
	int err;
	uint8_t tos, trim;
};

struct net_world {
	struct uet_sim_net *net;
	struct net_got *got;
	uint32_t cnt, room;
	uint32_t wakes, timers;
	uint64_t cookie;
	bool deaf;		/* hosts do not read */
	bool intact;		/* check the bytes of each packet */
};

static inline uint8_t net_byte(uint32_t id, uint32_t off)
{
	return (uint8_t)(id * 13 + off);
}

static inline void net_read(struct net_world *w, uint32_t host)
{
	struct uet_nic *nic = uet_sim_net_nic(w->net, host);
	struct uet_nic_rx rx[4];
	struct net_got *g;
	uint32_t off;
	int n, i;

	while ((n = nic->ops->rx(nic, rx, 4)) > 0)
		for (i = 0; i < n; i++) {
			if (w->cnt == w->room) {
				w->room = w->room ? 2 * w->room : 64;
				w->got = realloc(w->got, w->room * sizeof(*w->got));
				assert_non_null(w->got);
			}
			g = &w->got[w->cnt++];
			*g = (struct net_got){
				.at = uet_sim_net_now(w->net), .host = host,
				.len = rx[i].len, .err = rx[i].err, .tos = rx[i].tos,
				.trim = rx[i].trim, .port = rx[i].src.port,
				.src = (uint32_t)uet_sim_net_host(w->net, &rx[i].src),
			};
			if (rx[i].len >= 4)
				g->id = uet_get_be32(rx[i].data);
			for (off = 4; w->intact && off < rx[i].len; off++)
				assert_int_equal(rx[i].data[off], net_byte(g->id, off));
		}
}

static inline void net_wake(void *owner, uint32_t host, uint64_t now)
{
	struct net_world *w = owner;

	assert_int_equal(now, uet_sim_net_now(w->net));
	w->wakes++;
	if (!w->deaf)
		net_read(w, host);
}

static inline void net_timer(void *owner, uint64_t cookie, uint64_t now)
{
	struct net_world *w = owner;

	assert_int_equal(now, uet_sim_net_now(w->net));
	w->timers++;
	w->cookie = cookie;
}

static const struct uet_sim_net_ops net_ops = { .wake = net_wake, .timer = net_timer };

/* 100 Gb/s and 1 us everywhere, no faults; queues of ten packets. */
static inline struct uet_sim_net_cfg net_cfg(enum uet_sim_topology topology, uint32_t hosts)
{
	return (struct uet_sim_net_cfg){
		.topology = topology,
		.hosts = hosts,
		.link_rate = 100 * GBPS,
		.propagation = 1 * USEC,
		.mtu = MTU,
		.paths = 64,
		.queue = 10 * (MTU + UET_SIM_WIRE),
		.host_queue = 1u << 30,
		.host_buffer = 1u << 30,
		.seed = 1,
	};
}

static inline void net_begin(struct net_world *w, const struct uet_sim_net_cfg *cfg)
{
	memset(w, 0, sizeof(*w));
	w->intact = true;
	assert_int_equal(uet_sim_net_create(cfg, &net_ops, w, &w->net), 0);
}

/* Run until nothing happens any more; nothing may be left then. */
static inline void net_finish(struct net_world *w)
{
	assert_false(uet_sim_net_run(w->net, UET_TIME_NEVER));
	assert_int_equal(uet_sim_net_memory(w->net), 0);
}

static inline void net_end(struct net_world *w)
{
	uet_sim_net_destroy(w->net);
	free(w->got);
}

static inline void net_forget(struct net_world *w)
{
	w->cnt = 0;
	w->wakes = 0;
}

/* Send packet @id of @len bytes; returns what tx() returned. */
static inline int net_send_as(struct net_world *w, uint32_t from, uint32_t to, uint32_t id,
			      uint32_t len, uint8_t path, uint8_t tc)
{
	struct uet_nic *nic = uet_sim_net_nic(w->net, from);
	uint8_t data[MTU + 8];
	uint32_t off;
	struct uet_nic_tx t = {
		.dst = uet_sim_net_nic(w->net, to)->addr, .tc = tc, .path = path,
		.len = len, .iov_cnt = 2,
		.iov = { { data, 4 }, { data + 4, len - 4 } },
	};

	uet_put_be32(data, id);
	for (off = 4; off < len; off++)
		data[off] = net_byte(id, off);
	return nic->ops->tx(nic, &t, 1);
}

static inline void net_send(struct net_world *w, uint32_t from, uint32_t to, uint32_t id,
			    uint32_t len)
{
	assert_int_equal(net_send_as(w, from, to, id, len, 0, UET_NIC_DATA), 1);
}

static inline void net_control(struct net_world *w, uint32_t from, uint32_t to, uint32_t id,
			       uint32_t len)
{
	assert_int_equal(net_send_as(w, from, to, id, len, 0, UET_NIC_CONTROL), 1);
}

static inline uint32_t net_link(struct net_world *w, const char *name)
{
	int64_t link = uet_sim_net_link_find(w->net, name);

	assert_true(link >= 0);
	return (uint32_t)link;
}

static inline const struct uet_sim_link_stats *net_stats(struct net_world *w, const char *name)
{
	return uet_sim_net_link_stats(w->net, net_link(w, name));
}

/* Time that a packet of @len bytes takes over a link of @gbps and 1 us, in ps. */
static inline uint64_t net_ps(uint32_t len, uint64_t gbps)
{
	return (len + UET_SIM_WIRE) * 8000 / gbps + 1000000;
}

#endif /* UET_TEST_SIM_NET_H */
