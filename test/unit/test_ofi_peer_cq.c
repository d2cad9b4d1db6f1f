/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* CQs that a peer provider writes to. */
#include "test_ofi_objects.h"

#include <rdma/fi_ext.h>

#include "ofi/peer.h"

static struct fid_cq *open_cq(struct fake *f)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED };
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(fake_domain(f), &attr, &cq, NULL), 0);
	return cq;
}

/* uet is no peer itself. */
static void no_import(void **state)
{
	struct fi_cq_attr attr = { .flags = FI_PEER };
	struct fid_cq *cq;
	int context;

	assert_int_equal(fi_cq_open(fake_domain(*state), &attr, &cq, &context), -FI_EINVAL);
}

#if UET_HAVE_PEER

#include <rdma/providers/fi_peer.h>

static void export_cq(void **state)
{
	struct fi_cq_err_entry err = { .op_context = state, .err = FI_ETRUNC, .prov_errno = -265,
				       .olen = 3, .flags = FI_RECV };
	struct fi_cq_err_entry got = { 0 };
	struct fi_cq_tagged_entry entry;
	struct fid_cq *cq = open_cq(*state);
	struct fid_peer_cq *peer;
	struct fid *fid;
	fi_addr_t src;
	ssize_t ret;
	int context;

	assert_int_equal(fi_export_fid(&cq->fid, 1, &fid, NULL), -FI_EINVAL);
	assert_int_equal(fi_export_fid(&cq->fid, 0, NULL, NULL), -FI_EINVAL);
	assert_int_equal(fi_export_fid(&cq->fid, 0, &fid, &context), 0);
	assert_int_equal(fid->fclass, FI_CLASS_PEER_CQ);
	assert_ptr_equal(fid->context, &context);
	assert_int_equal(fi_close(&cq->fid), -FI_EBUSY);
	peer = (struct fid_peer_cq *)fid;
	ret = peer->owner_ops->write(peer, &entry, FI_RECV | FI_TAGGED, 5, &err, 6, 7, 8);
	assert_int_equal(ret, 0);
	assert_int_equal(peer->owner_ops->writeerr(peer, &err), 0);
	assert_int_equal(fi_cq_readfrom(cq, &entry, 1, &src), 1);
	assert_ptr_equal(entry.op_context, &entry);
	assert_int_equal(entry.flags, FI_RECV | FI_TAGGED);
	assert_int_equal(entry.len, 5);
	assert_ptr_equal(entry.buf, &err);
	assert_int_equal(entry.data, 6);
	assert_int_equal(entry.tag, 7);
	assert_int_equal(src, 8);
	assert_int_equal(fi_cq_readfrom(cq, &entry, 1, &src), -FI_EAVAIL);
	assert_int_equal(fi_cq_readerr(cq, &got, 0), 1);
	assert_ptr_equal(got.op_context, state);
	assert_int_equal(got.err, FI_ETRUNC);
	assert_int_equal(got.prov_errno, -265);
	assert_int_equal(got.olen, 3);
	assert_int_equal(fi_close(fid), 0);
	assert_int_equal(fi_close(&cq->fid), 0);
}

#else

static void export_cq(void **state)
{
	struct fid_cq *cq = open_cq(*state);
	struct fid *fid;

	assert_int_equal(fi_export_fid(&cq->fid, 0, &fid, NULL), -FI_ENOSYS);
	assert_int_equal(fi_close(&cq->fid), 0);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_import, fake_setup, fake_teardown),
		cmocka_unit_test_setup_teardown(export_cq, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
