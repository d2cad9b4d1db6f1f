/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Driving a FEP whose device is no network: when it has to be driven again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/ep.h"
#include "pds/pdc.h"

#define HOUR (3600 * UET_NSEC_PER_SEC)

/* A device that takes packets or not, and sends them nowhere. */
struct device {
	struct uet_nic nic;
	bool full;
	int calls;
	int taken;
	uint64_t looked;	/* ns: when it said last what has arrived */
	int packets;	/* that rx() still finds, one at a time, and that mean nothing */
};

static int device_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	struct device *d = uet_container_of(nic, struct device, nic);

	(void)pkts;
	d->calls++;
	if (d->full)
		return -EAGAIN;
	d->taken += n;
	return n;
}

static int device_rx(struct uet_nic *nic, struct uet_nic_rx *pkts, int max)
{
	struct device *d = uet_container_of(nic, struct device, nic);
	uint64_t begun = uet_clock_ns();

	assert_true(max > 0);
	do {
		d->looked = uet_clock_ns();
	} while (d->looked == begun);
	if (!d->packets)
		return 0;
	d->packets--;
	pkts[0] = (struct uet_nic_rx){ .data = (const uint8_t *)"\xff", .len = 1 };
	return 1;
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

struct bench {
	struct device device;
	struct uet_domain domain;
	struct uet_fep fep;
};

static int set_up(void **state)
{
	struct uet_ses_cfg cfg = {
		.job_id = 1,
		.resource_index = 1,
		.initiator = UET_PORT,
		.payload_mtu = 1024,
		.max_tx = 16,
	};
	struct bench *b = test_calloc(1, sizeof(*b));

	uet_config_read();
	/* No timer runs out while the test runs. */
	cfg.pds = uet_config.pds;
	cfg.pds.cms.rto_min = HOUR;
	cfg.pds.cms.rto_max = HOUR;
	cfg.pds.cms.mtu = 1024;
	cfg.pds.idle_close = HOUR;
	cfg.retry_time = HOUR;
	cfg.retry_max = HOUR;
	b->device.nic.ops = &device_ops;
	b->device.nic.mtu = 1400;
	b->device.nic.addr.family = AF_INET;
	b->fep.nic = &b->device.nic;
	b->fep.domain = &b->domain;
	uet_lock_init(&b->fep.lock, true);
	assert_int_equal(uet_ses_create(&cfg, b->fep.nic, &uet_ep_ses_ops, &b->fep,
					uet_clock_ns(), &b->fep.ses), 0);
	b->fep.pds = uet_ses_pds(b->fep.ses);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	uet_ses_destroy(b->fep.ses);
	uet_lock_destroy(&b->fep.lock);
	test_free(b);
	uet_config_free();
	return 0;
}

static void send_something(struct bench *b)
{
	struct uet_ses_tx *tx = uet_ses_tx_get(b->fep.ses);

	assert_non_null(tx);
	tx->opcode = UET_OP_SEND;
	tx->mode = UET_MODE_RUD;
	tx->dest.addr.family = AF_INET;
	tx->dest.addr.port = UET_PORT;
	tx->dest.resource_index = 1;
	tx->dest.relative = true;
	assert_int_equal(uet_ses_send(b->fep.ses, tx, uet_clock_ns()), 0);
}

static void test_rest(void **state)
{
	struct bench *b = *state;

	assert_true(uet_fep_settle(&b->fep) > uet_clock_ns() + HOUR / 2);
	send_something(b);
	assert_int_equal(uet_fep_next(&b->fep), 0);
	assert_true(uet_fep_settle(&b->fep) > uet_clock_ns() + HOUR / 2);
	assert_int_equal(b->device.taken, 1);
	assert_true(uet_fep_next(&b->fep) > uet_clock_ns() + HOUR / 2);
}

/* A round trip that ends with a packet is no shorter than it was, who ever ran in between. */
static void test_time_of_arrival(void **state)
{
	struct bench *b = *state;

	assert_int_equal(uet_fep_progress_locked(&b->fep), 0);
	assert_true(b->fep.pds->now >= b->device.looked);
}

/* No event tells when a full device takes packets again: the timer must. */
static void test_full_device(void **state)
{
	struct bench *b = *state;
	uint64_t next;

	b->device.full = true;
	send_something(b);
	next = uet_fep_settle(&b->fep);
	assert_int_equal(b->device.taken, 0);
	assert_true(b->device.calls > 0);
	assert_true(next < uet_clock_ns() + HOUR / 2);
	b->device.full = false;
	assert_true(uet_fep_settle(&b->fep) > uet_clock_ns() + HOUR / 2);
	assert_int_equal(b->device.taken, 1);
}

/* ACKs tell at once that the device fills up, and that it has room again when all have heard. */
static void test_pressure(void **state)
{
	struct bench *b = *state;
	struct uet_pds *pds = b->fep.pds;

	b->device.packets = 1;
	b->device.nic.fill = 40;
	assert_int_equal(uet_fep_progress_locked(&b->fep), 1);
	assert_int_equal(pds->penalty, 0);
	b->device.packets = 2;
	b->device.nic.fill = 100;
	assert_int_equal(uet_fep_progress_locked(&b->fep), 1);
	assert_int_equal(pds->penalty, 127);
	b->device.nic.fill = 0;
	assert_int_equal(uet_fep_progress_locked(&b->fep), 1);
	assert_int_equal(pds->penalty, 127);
	assert_false(pds->relaxed);
	assert_int_equal(uet_fep_progress_locked(&b->fep), 0);
	assert_int_equal(pds->penalty, 0);
	assert_true(pds->relaxed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_of_arrival, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pressure, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
