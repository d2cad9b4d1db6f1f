/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How fast the simulated network alone is: 4 KiB packets from every host to one on the other
 * side, sprayed, each host with a window of packets under way.
 *
 *   test/sim/net_speed [TOPOLOGY [HOSTS [PACKETS [WINDOW]]]]
 *
 * with TOPOLOGY 0 pair, 1 star, 2 and 3 Clos; WINDOW 0: as many as the NIC takes, so that all
 * queues are full. Prints packet-hops per second of processor time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/util.h"
#include "sim/net.h"

#define LEN	4096u
#define PATHS	64u

struct speed {
	struct uet_sim_net *net;
	uint32_t hosts, window;
	uint64_t left;		/* packets to send */
	uint32_t *flying;	/* packets of each host under way */
	uint8_t *next;		/* path of each host */
	uint8_t data[2 * LEN];
};

static void fill(struct speed *s, uint32_t host)
{
	struct uet_nic *nic = uet_sim_net_nic(s->net, host);
	struct uet_nic_tx t = {
		.dst = uet_sim_net_nic(s->net, (host + s->hosts / 2) % s->hosts)->addr,
		.len = LEN, .iov_cnt = 2,
		.iov = { { s->data, 56 }, { s->data + LEN, LEN - 56 } },
	};

	while (s->left && (!s->window || s->flying[host] < s->window)) {
		t.path = s->next[host];
		if (nic->ops->tx(nic, &t, 1) < 1)
			return;
		s->next[host] = (uint8_t)((t.path + 1) % PATHS);
		s->flying[host]++;
		s->left--;
	}
}

static void wake(void *owner, uint32_t host, uint64_t now)
{
	struct speed *s = owner;
	struct uet_nic *nic = uet_sim_net_nic(s->net, host);
	struct uet_nic_rx rx[32];
	uint32_t src;
	int n, i;

	(void)now;
	do {
		n = nic->ops->rx(nic, rx, 32);
		for (i = 0; i < n; i++) {
			src = (uint32_t)uet_sim_net_host(s->net, &rx[i].src);
			s->flying[src]--;
			if (s->window)
				fill(s, src);
		}
	} while (n == 32);
	fill(s, host);
}

static void run(struct speed *s)
{
	uint32_t host;
	clock_t start;
	double sec;

	for (host = 0; host < s->hosts; host++)
		fill(s, host);
	start = clock();
	uet_sim_net_run(s->net, UET_TIME_NEVER);
	sec = (double)(clock() - start) / CLOCKS_PER_SEC;
	printf("%u hosts, window %u: %.2f million packets, %.2f million hops a second\n", s->hosts,
	       s->window, (double)uet_sim_net_packets(s->net) / sec / 1e6,
	       (double)uet_sim_net_hops(s->net) / sec / 1e6);
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise)
{
	return i < argc ? strtoull(argv[i], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	struct uet_sim_net_cfg cfg = {
		.topology = (enum uet_sim_topology)number(argc, argv, 1, UET_SIM_CLOS2),
		.hosts = (uint32_t)number(argc, argv, 2, 128),
		.link_rate = 100000000000, .propagation = 1000, .mtu = LEN, .paths = PATHS,
		.queue = 300000, .trim_size = 64, .ecn_min = 60000, .ecn_max = 240000, .seed = 1,
	};
	static const struct uet_sim_net_ops ops = { .wake = wake };
	static struct speed s;

	s.hosts = cfg.hosts;
	s.left = number(argc, argv, 3, 500000);
	s.window = (uint32_t)number(argc, argv, 4, 32);
	s.flying = calloc(s.hosts, sizeof(s.flying[0]));
	s.next = calloc(s.hosts, sizeof(s.next[0]));
	if (!s.flying || !s.next || uet_sim_net_create(&cfg, &ops, &s, &s.net)) {
		fprintf(stderr, "net_speed: no such network\n");
		return 2;
	}
	run(&s);
	uet_sim_net_destroy(s.net);
	free(s.flying);
	free(s.next);
	return 0;
}
