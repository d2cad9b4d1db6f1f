/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Poll sets: what is reported, how often, and that members are driven. */
#include "test_ofi_objects.h"

/* Libfabric 2 calls poll sets deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct fid_poll *open_poll(struct fake *f)
{
	struct fi_poll_attr attr = { 0 };
	struct fid_poll *poll;

	assert_int_equal(fi_poll_open(fake_domain(f), &attr, &poll), 0);
	return poll;
}

static struct fid_cq *open_cq(struct fake *f, void *context)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_CONTEXT };
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(fake_domain(f), &attr, &cq, context), 0);
	return cq;
}

static struct fid_cntr *open_cntr(struct fake *f, void *context)
{
	struct fi_cntr_attr attr = { .events = FI_CNTR_EVENTS_COMP };
	struct fid_cntr *cntr;

	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, context), 0);
	return cntr;
}

static void write_cq(struct fid_cq *cq)
{
	const struct uet_cq_event event = { .op_context = cq };

	uet_cq_write((struct uet_cq *)cq, &event);
}

static void test_members(void **state)
{
	struct fi_poll_attr bad = { .flags = FI_SEND };
	struct fid_poll *poll = open_poll(*state), *none;
	struct fid_cq *cq = open_cq(*state, NULL);

	assert_int_equal(fi_poll_open(fake_domain(*state), &bad, &none), -FI_EINVAL);
	assert_int_equal(fi_poll_add(poll, &poll->fid, 0), -FI_EINVAL);
	assert_int_equal(fi_poll_add(poll, &cq->fid, FI_SEND), -FI_EBADFLAGS);
	assert_int_equal(fi_poll_add(poll, &cq->fid, 0), 0);
	assert_int_equal(fi_poll_add(poll, &cq->fid, 0), -FI_EALREADY);
	assert_int_equal(fi_close(&cq->fid), -FI_EBUSY);
	assert_int_equal(fi_poll_del(poll, &cq->fid, FI_SEND), -FI_EBADFLAGS);
	assert_int_equal(fi_poll_del(poll, &cq->fid, 0), 0);
	assert_int_equal(fi_poll_del(poll, &cq->fid, 0), -FI_EINVAL);
	assert_int_equal(fi_poll(poll, NULL, 0), 0);
	/* Closing a set lets its members go. */
	assert_int_equal(fi_poll_add(poll, &cq->fid, 0), 0);
	assert_int_equal(fi_close(&poll->fid), 0);
	assert_int_equal(fi_close(&cq->fid), 0);
}

static void test_report(void **state)
{
	struct fid_poll *poll = open_poll(*state);
	struct fi_cq_entry entry;
	struct fid_cntr *cntr;
	void *context[4];
	struct fid_cq *cq;
	int a, b;

	cq = open_cq(*state, &a);
	cntr = open_cntr(*state, &b);
	fi_poll_add(poll, &cq->fid, 0);
	fi_poll_add(poll, &cntr->fid, 0);
	assert_int_equal(fi_poll(poll, context, 4), 0);
	assert_int_equal(fi_poll(poll, NULL, 4), -FI_EINVAL);
	assert_int_equal(fi_poll(poll, context, -1), -FI_EINVAL);
	/* A queue as long as it has entries; errors are entries. */
	write_cq(cq);
	assert_int_equal(fi_poll(poll, context, 4), 1);
	assert_ptr_equal(context[0], &a);
	assert_int_equal(fi_poll(poll, context, 4), 1);
	assert_int_equal(fi_cq_read(cq, &entry, 1), 1);
	assert_int_equal(fi_poll(poll, context, 4), 0);
	/* A counter once for each change, of either value. */
	uet_cntr_inc((struct uet_cntr *)cntr, true);
	assert_int_equal(fi_poll(poll, context, 4), 1);
	assert_ptr_equal(context[0], &b);
	assert_int_equal(fi_poll(poll, context, 4), 0);
	uet_cntr_inc((struct uet_cntr *)cntr, false);
	assert_int_equal(fi_poll(poll, context, 4), 1);
	assert_int_equal(fi_poll(poll, context, 4), 0);
	assert_int_equal(fi_close(&poll->fid), 0);
	assert_int_equal(fi_close(&cq->fid), 0);
	assert_int_equal(fi_close(&cntr->fid), 0);
}

/* Room for one context: members take turns. */
static void test_turns(void **state)
{
	struct fid_poll *poll = open_poll(*state);
	struct fid_cq *cq[3];
	int seen[3] = { 0 };
	void *context;
	size_t i;

	for (i = 0; i < 3; i++) {
		cq[i] = open_cq(*state, &seen[i]);
		fi_poll_add(poll, &cq[i]->fid, 0);
		write_cq(cq[i]);
	}
	for (i = 0; i < 30; i++) {
		assert_int_equal(fi_poll(poll, &context, 1), 1);
		++*(int *)context;
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(seen[i], 10);
	assert_int_equal(fi_close(&poll->fid), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(fi_close(&cq[i]->fid), 0);
}

static void complete(struct fake_ep *fake)
{
	write_cq(fake->arg);
}

static void test_drives(void **state)
{
	struct fid_poll *poll = open_poll(*state);
	struct fid_cq *cq = open_cq(*state, &cq);
	struct fake *f = *state;
	void *context;

	assert_int_equal(uet_cq_add_fep((struct uet_cq *)cq, &f->ep.fep), 0);
	fi_poll_add(poll, &cq->fid, 0);
	assert_int_equal(fi_poll(poll, NULL, 0), 0);
	assert_int_equal(f->ep.driven, 1);
	f->ep.drive = complete;
	f->ep.arg = cq;
	assert_int_equal(fi_poll(poll, &context, 1), 1);
	assert_ptr_equal(context, &cq);
	assert_int_equal(f->ep.driven, 2);
	uet_cq_del_fep((struct uet_cq *)cq, &f->ep.fep);
	assert_int_equal(fi_close(&poll->fid), 0);
	assert_int_equal(fi_close(&cq->fid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_members),
		FAKE_TEST(test_report),
		FAKE_TEST(test_turns),
		FAKE_TEST(test_drives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
