/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FEPs that run over a device which is no network: it takes every packet and gives none. For
 * tests of what can be seen of a FEP. Include once per program.
 */
#ifndef TEST_OFI_DEVICE_H
#define TEST_OFI_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/ep.h"
#include "ofi/stats.h"

#define HOUR (3600 * UET_NSEC_PER_SEC)
#define FEPS 2

struct bench {
	struct uet_domain domain;
	struct uet_nic nic[FEPS];
	struct uet_fep fep[FEPS];
	struct uet_ep ep[FEPS];
};

static int device_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	(void)nic;
	(void)pkts;
	return n;
}

static int device_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max)
{
	(void)nic;
	(void)pkts;
	(void)max;
	return 0;
}

static int device_fd(struct uet_nic *nic)
{
	(void)nic;
	return -1;
}

static const struct uet_nic_ops device_ops = {
	.tx = device_tx,
	.rx = device_rx,
	.fd = device_fd,
};

/* Bring FEP @i to life: 192.0.2.1, port 4793 + i. */
static void bench_start(struct bench *b, int i)
{
	static const uint8_t ip[4] = { 192, 0, 2, 1 };
	struct uet_ses_cfg cfg = {
		.job_id = 1,
		.resource_index = 1,
		.initiator = UET_PORT + (uint32_t)i,
		.payload_mtu = 1024,
		.max_tx = 64,
		.retry_time = HOUR,
		.retry_max = HOUR,
	};
	struct uet_fep *fep = &b->fep[i];

	/* No timer runs out while the test runs. */
	cfg.pds = uet_config.pds;
	cfg.pds.cms.rto_min = HOUR;
	cfg.pds.cms.rto_max = HOUR;
	cfg.pds.cms.mtu = 1024;
	cfg.pds.idle_close = HOUR;
	memcpy(fep->nic->addr.ip, ip, 4);
	fep->nic->addr.family = AF_INET;
	fep->nic->addr.port = UET_PORT + (uint32_t)i;
	uet_name_from_addr(&fep->name, &fep->nic->addr);
	assert_int_equal(uet_ses_create(&cfg, fep->nic, &uet_ep_ses_ops, fep, uet_clock_ns(),
					&fep->ses), 0);
	fep->pds = uet_ses_pds(fep->ses);
	uet_list_add_tail(&b->domain.feps, &fep->link);
	uet_stats_start(fep, uet_clock_ns());
}

/* FEPs that do not run yet. */
static int bench_setup(void **state)
{
	struct bench *b = test_calloc(1, sizeof(*b));
	int i;

	uet_config_read();
	b->domain.fid.fid.fclass = FI_CLASS_DOMAIN;
	uet_lock_init(&b->domain.feps_lock, true);
	uet_list_init(&b->domain.feps);
	for (i = 0; i < FEPS; i++) {
		b->nic[i].ops = &device_ops;
		b->nic[i].mtu = 1400;
		b->fep[i].nic = &b->nic[i];
		b->fep[i].domain = &b->domain;
		uet_lock_init(&b->fep[i].lock, true);
		b->ep[i].fid.fid.fclass = FI_CLASS_EP;
		b->ep[i].fep = &b->fep[i];
	}
	*state = b;
	return 0;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < FEPS; i++) {
		if (b->fep[i].ses)
			uet_ses_destroy(b->fep[i].ses);
		uet_lock_destroy(&b->fep[i].lock);
	}
	uet_lock_destroy(&b->domain.feps_lock);
	test_free(b);
	uet_config_free();
	return 0;
}

/* One message from FEP @i to 198.51.100.7 at @port. */
static void bench_send(struct bench *b, int i, uint32_t port)
{
	static const uint8_t ip[4] = { 198, 51, 100, 7 };
	struct uet_ses_tx *tx = uet_ses_tx_get(b->fep[i].ses);

	assert_non_null(tx);
	tx->opcode = UET_OP_SEND;
	tx->mode = UET_MODE_RUD;
	memcpy(tx->dest.addr.ip, ip, 4);
	tx->dest.addr.family = AF_INET;
	tx->dest.addr.port = port;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	assert_int_equal(uet_ses_send(b->fep[i].ses, tx, uet_clock_ns()), 0);
	uet_pds_progress(b->fep[i].pds, uet_clock_ns(), true);
}

/* A packet of @len bytes comes in at FEP @i, marked by the network. */
static void bench_receive(struct bench *b, int i, const void *data, uint32_t len)
{
	struct uet_nic_rx rx = { .data = data, .len = len, .src = b->nic[i].addr,
				 .tos = UET_ECN_CE };

	uet_pds_rx(b->fep[i].pds, &rx, 1, uet_clock_ns());
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif /* TEST_OFI_DEVICE_H */
