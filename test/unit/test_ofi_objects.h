/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A fabric and a domain that exist only so far as AVs, queues, counters and regions need them,
 * behind libfabric's own inline calls; and an endpoint that is nothing but a descriptor and a
 * function to run when it is driven.
 *
 * Include once per test program, which links the files of ofi/ under test, wait.c, progress.c
 * and stubs.c, but not fep.c or ep.c.
 */
#ifndef TEST_OFI_OBJECTS_H
#define TEST_OFI_OBJECTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/ep.h"
#include "ofi/waitable.h"

/* ---- the endpoint ---- */

struct fake_ep {
	struct uet_ep ep;
	struct uet_fep fep;
	void (*drive)(struct fake_ep *fake);	/* may be NULL */
	void *arg;
	int fd;
	atomic_int driven;
	uint64_t next;				/* time-out that settling reports */
};

static void fake_drive(struct uet_fep *fep)
{
	struct fake_ep *fake = uet_container_of(fep, struct fake_ep, fep);

	atomic_fetch_add(&fake->driven, 1);
	if (fake->drive)
		fake->drive(fake);
}

void uet_fep_progress(struct uet_fep *fep)
{
	fake_drive(fep);
}

uint64_t uet_fep_settle(struct uet_fep *fep)
{
	fake_drive(fep);
	return uet_container_of(fep, struct fake_ep, fep)->next;
}

int uet_fep_fd(struct uet_fep *fep)
{
	return uet_container_of(fep, struct fake_ep, fep)->fd;
}

uint64_t uet_fep_next(const struct uet_fep *fep)
{
	return uet_container_of(fep, const struct fake_ep, fep)->next;
}

void uet_ep_kick(struct uet_ep *ep, uint64_t when)
{
	(void)ep;
	(void)when;
}

/* ---- the fabric and the domain ---- */

struct fake {
	struct uet_fabric fabric;
	struct uet_domain domain;
	struct fi_info info;
	struct fi_domain_attr domain_attr;
	struct fake_ep ep;
};

static int fake_domain_control(struct fid *fid, int command, void *arg)
{
	return uet_mr_control(uet_container_of(fid, struct uet_domain, fid.fid), command, arg);
}

static struct fi_ops fake_domain_fid_ops = {
	.size = sizeof(struct fi_ops),
	.control = fake_domain_control,
};

static struct fi_ops_domain fake_domain_ops = {
	.size = sizeof(struct fi_ops_domain),
	.av_open = uet_av_open,
	.cq_open = uet_cq_open,
	.cntr_open = uet_cntr_open,
	.poll_open = uet_poll_open,
};

static struct fi_ops_fabric fake_fabric_ops = {
	.size = sizeof(struct fi_ops_fabric),
	.eq_open = uet_eq_open,
	.wait_open = uet_waitset_open,
	.trywait = uet_trywait,
};

static inline struct fid_domain *fake_domain(struct fake *f)
{
	return &f->domain.fid;
}

static inline struct fid_fabric *fake_fabric(struct fake *f)
{
	return &f->fabric.fid;
}

static struct fake *fake_create(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->fabric.fid.fid.fclass = FI_CLASS_FABRIC;
	f->fabric.fid.ops = &fake_fabric_ops;
	f->fabric.fid.api_version = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION);
	f->domain_attr.mr_iov_limit = 8;
	f->info.domain_attr = &f->domain_attr;
	f->info.addr_format = FI_SOCKADDR_IN;
	f->domain.fid.fid.fclass = FI_CLASS_DOMAIN;
	f->domain.fid.fid.ops = &fake_domain_fid_ops;
	f->domain.fid.ops = &fake_domain_ops;
	f->domain.fid.mr = &uet_mr_ops;
	f->domain.fabric = &f->fabric;
	f->domain.info = &f->info;
	f->domain.locked = true;
	f->domain.mrs = uet_mr_map_create();
	assert_non_null(f->domain.mrs);
	uet_lock_init(&f->domain.lock, true);
	uet_triggers_init(&f->domain.triggers);
	uet_lock_init(&f->ep.fep.lock, true);
	uet_lock_init(&f->domain.feps_lock, true);
	uet_list_init(&f->domain.feps);
	uet_list_init(&f->domain.region_cntrs);
	f->ep.ep.fid.fid.fclass = FI_CLASS_EP;
	f->ep.ep.base = &f->ep.ep;
	f->ep.ep.domain = &f->domain;
	f->ep.ep.fep = &f->ep.fep;
	f->ep.fep.domain = &f->domain;
	f->ep.fd = -1;
	f->ep.next = UET_TIME_NEVER;
	return f;
}

/* Every object must have given its reference back. */
static void fake_destroy(struct fake *f)
{
	assert_int_equal(atomic_load(&f->domain.ref), 0);
	assert_int_equal(atomic_load(&f->fabric.ref), 0);
	uet_mr_map_destroy(f->domain.mrs);
	uet_triggers_destroy(&f->domain.triggers);
	uet_lock_destroy(&f->ep.fep.lock);
	uet_lock_destroy(&f->domain.feps_lock);
	uet_lock_destroy(&f->domain.lock);
	free(f);
}

static int fake_setup(void **state)
{
	*state = fake_create();
	return 0;
}

static int fake_teardown(void **state)
{
	fake_destroy(*state);
	return 0;
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

/* ---- threads ---- */

static inline pthread_t start(void *(*main_fn)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, main_fn, arg), 0);
	return thread;
}

/* cmocka's asserts work in the main thread only: others return NULL or what went wrong. */
static inline void join(pthread_t thread)
{
	void *failure;

	assert_int_equal(pthread_join(thread, &failure), 0);
	if (failure)
		fail_msg("thread: %s", (const char *)failure);
}

#endif /* TEST_OFI_OBJECTS_H */
