/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Regions as targets: what registration makes of them, who finds them, who is told of their use. */
#include "test_ofi_objects.h"

#include <rdma/fi_ext_uet.h>

#include "ofi/mr.h"

static char memory[256];

/* ---- the endpoint's side ---- */

static uint64_t counted;
static struct uet_cq_event entry;
static int entries;

void uet_ep_count(struct uet_ep *ep, uint64_t kind, bool ok)
{
	(void)ep;
	assert_true(ok);
	counted |= kind;
}

void uet_ep_report_rx(struct uet_ep *ep, const struct uet_ses_source *source,
		      struct uet_cq_event *event)
{
	(void)ep;
	assert_int_equal(source->initiator, 4711);
	entry = *event;
	entries++;
}

struct uet_ep *uet_sep_rx_at(struct uet_ep *ep, uint16_t resource_index)
{
	return resource_index == 1 ? ep : NULL;
}

/* ---- registration ---- */

static struct fid_mr *reg(struct fake *f, uint64_t access, uint64_t key, uint64_t flags)
{
	struct fid_mr *mr;

	assert_int_equal(fi_mr_reg(fake_domain(f), memory, sizeof(memory), access, 0, key, flags,
				   &mr, NULL), 0);
	return mr;
}

static void close_mr(struct fid_mr *mr)
{
	assert_int_equal(fi_close(&mr->fid), 0);
}

static const struct uet_ses_region *find(struct fake *f, uint64_t key)
{
	return uet_target_region(&f->ep.fep, key, 1);
}

static void test_regions(void **state)
{
	struct iovec iov[2] = { { memory, 16 }, { memory + 100, 50 } };
	const struct uet_ses_region *r;
	struct fake *f = *state;
	struct fid_mr *mr;

	mr = reg(f, FI_REMOTE_READ | FI_SEND, UINT64_MAX - 1, 0);
	r = find(f, UINT64_MAX - 1);
	assert_non_null(r);
	assert_int_equal(r->access, UET_SES_REMOTE_READ);
	assert_int_equal(r->len, sizeof(memory));
	assert_int_equal(r->base, 0);
	assert_int_equal(r->job_id, 0);
	assert_false(r->idempotent);
	assert_null(find(f, UINT64_MAX - 2));
	close_mr(mr);
	assert_null(find(f, UINT64_MAX - 1));

	f->domain.mr_mode = FI_MR_VIRT_ADDR;
	assert_int_equal(fi_mr_regv(fake_domain(f), iov, 2, FI_REMOTE_WRITE | FI_REMOTE_READ, 0, 7,
				    0, &mr, NULL), 0);
	r = find(f, 7);
	assert_int_equal(r->access, UET_SES_REMOTE_READ | UET_SES_REMOTE_WRITE);
	assert_int_equal(r->len, 66);
	assert_int_equal(r->iov_cnt, 2);
	assert_ptr_equal(r->iov[1].iov_base, memory + 100);
	assert_int_equal(r->base, (uintptr_t)memory);
	close_mr(mr);
}

/* Before it is enabled, or through another endpoint than its own, it is not there. */
static void test_visibility(void **state)
{
	struct fake *f = *state;
	struct uet_fep other = { .domain = &f->domain };
	struct fid_mr *mr;

	f->domain.mr_mode = FI_MR_ENDPOINT;
	mr = reg(f, FI_REMOTE_READ, 5, 0);
	assert_null(find(f, 5));
	assert_int_equal(fi_mr_bind(mr, &f->ep.ep.fid.fid, 0), 0);
	assert_null(find(f, 5));
	assert_int_equal(fi_mr_enable(mr), 0);
	assert_non_null(find(f, 5));
	assert_null(uet_target_region(&other, 5, 1));
	close_mr(mr);
	f->domain.mr_mode = 0;
	mr = reg(f, FI_REMOTE_READ, 5, 0);
	assert_non_null(uet_target_region(&other, 5, 1));
	close_mr(mr);
}

static void test_keys_with_meaning(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr;
	struct fi_cntr_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct fid_mr *mr;
	uint64_t key;

	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 1, 0, 0, 1, FI_UET_MR_IDEMPOTENT, &mr,
				   NULL), -FI_EINVAL);
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 1, 0, 0, 1, FI_UET_MR_OPTIMIZED, &mr,
				   NULL), -FI_EINVAL);
	f->domain.mr_mode = FI_MR_PROV_KEY;
	mr = reg(f, FI_REMOTE_READ, 0, FI_UET_MR_IDEMPOTENT);
	key = fi_mr_key(mr);
	assert_int_equal(key >> 48, 0x8001);
	assert_true(find(f, key)->idempotent);
	assert_null(find(f, key & ~UET_MR_KEY_IDEMPOTENT));
	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, NULL), 0);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_WRITE), -FI_EINVAL);
	assert_int_equal(fi_close(&cntr->fid), 0);
	close_mr(mr);
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 1, 0, 0, 1,
				   FI_UET_MR_IDEMPOTENT | FI_RMA_EVENT, &mr, NULL), -FI_EINVAL);

	/* A small header shows the lower bits only. */
	mr = reg(f, FI_REMOTE_READ, 0, FI_UET_MR_IDEMPOTENT | FI_UET_MR_OPTIMIZED);
	key = fi_mr_key(mr);
	assert_int_equal(key & ~0xfffull, 3ull << 62);
	assert_ptr_equal(find(f, key), find(f, key & ~UET_MR_KEY_IDEMPOTENT));
	assert_non_null(find(f, key));
	assert_null(find(f, (key & ~UET_MR_KEY_IDEMPOTENT) ^ 1));
	assert_null(find(f, key & 0xfff));
	close_mr(mr);
	assert_null(find(f, key & ~UET_MR_KEY_IDEMPOTENT));
}

/* There are 4096 short keys; one given back is the last to come again. */
static void test_short_keys(void **state)
{
	static struct fid_mr *mr[4096];
	struct fake *f = *state;
	struct fid_mr *more;
	uint64_t first;
	int i;

	f->domain.mr_mode = FI_MR_PROV_KEY;
	more = reg(f, 0, 0, FI_UET_MR_OPTIMIZED);
	first = fi_mr_key(more);
	close_mr(more);
	for (i = 0; i < 4096; i++) {
		mr[i] = reg(f, 0, 0, FI_UET_MR_OPTIMIZED);
		assert_int_equal(fi_mr_key(mr[i]) == first, i == 4095);
	}
	assert_int_equal(fi_mr_reg(fake_domain(f), memory, 1, 0, 0, 1, FI_UET_MR_OPTIMIZED, &more,
				   NULL), -FI_ENOKEY);
	more = reg(f, 0, 0, 0);
	close_mr(more);
	first = fi_mr_key(mr[77]);
	close_mr(mr[77]);
	mr[77] = reg(f, 0, 0, FI_UET_MR_OPTIMIZED);
	assert_int_equal(fi_mr_key(mr[77]), first);
	for (i = 0; i < 4096; i++)
		close_mr(mr[i]);
}

static void test_jobs(void **state)
{
	static const struct {
		uint32_t job;
		size_t size;
		int ret;
	} cases[] = {
		{ 5, 4, 0 }, { 0xffffff, 4, 0 }, { 0, 4, -FI_EINVAL }, { 1 << 24, 4, -FI_EINVAL },
		{ 5, 3, -FI_EINVAL }, { 5, 8, -FI_EINVAL }, { 5, 0, 0 },
	};
	const struct iovec iov = { memory, 8 };
	struct fake *f = *state;
	struct fid_mr *mr;
	uint8_t key[8];
	size_t i;

	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct fi_mr_attr attr = {
			.iov_count = 1, .requested_key = 1, .access = FI_REMOTE_READ,
			.auth_key = key, .auth_key_size = cases[i].size,
		};

		attr.mr_iov = &iov;
		memset(key, 0, sizeof(key));
		memcpy(key, &cases[i].job, 4);
		assert_int_equal(fi_mr_regattr(fake_domain(f), &attr, 0, &mr), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(find(f, 1)->job_id, cases[i].size ? cases[i].job : 0);
		close_mr(mr);
	}
}

/* ---- events ---- */

static void test_events(void **state)
{
	static const struct {
		uint8_t opcode;
		uint64_t kind;
	} cases[] = {
		{ UET_OP_WRITE, FI_REMOTE_WRITE }, { UET_OP_ATOMIC, FI_REMOTE_WRITE },
		{ UET_OP_READ, FI_REMOTE_READ }, { UET_OP_FETCHING_ATOMIC, FI_REMOTE_READ },
	};
	struct fi_cntr_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct uet_ses_rma_event event = { .len = 8, .resource_index = 1,
					   .source.initiator = 4711 };
	struct fake *f = *state;
	struct fid_cntr *writes, *reads;
	struct fid_mr *mr = reg(f, FI_REMOTE_READ | FI_REMOTE_WRITE, 9, 0);
	struct uet_mr *own = uet_container_of(mr, struct uet_mr, fid);
	size_t i;

	f->ep.fep.ep = &f->ep.ep;
	f->ep.ep.rx_cq = (struct uet_cq *)&f;
	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &writes, NULL), 0);
	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &reads, NULL), 0);
	assert_int_equal(fi_mr_bind(mr, &writes->fid, FI_REMOTE_WRITE), 0);
	assert_int_equal(fi_mr_bind(mr, &reads->fid, FI_REMOTE_READ), 0);
	entries = 0;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		counted = 0;
		event.opcode = cases[i].opcode;
		uet_target_rma_done(&f->ep.fep, &own->region, &event);
		assert_int_equal(counted, cases[i].kind);
	}
	assert_int_equal(entries, 0);
	event.opcode = UET_OP_WRITE;
	event.has_data = true;
	event.data = 0x1234567890abcdef;
	uet_target_rma_done(&f->ep.fep, &own->region, &event);
	assert_int_equal(entries, 1);
	assert_int_equal(entry.flags, FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA);
	assert_int_equal(entry.data, 0x1234567890abcdef);
	assert_int_equal(entry.len, 8);
	assert_null(entry.op_context);
	/* To a receive context that is closed: the region's counters tell, nobody else. */
	counted = 0;
	event.resource_index = 2;
	uet_target_rma_done(&f->ep.fep, &own->region, &event);
	assert_int_equal(counted, 0);
	assert_int_equal(entries, 1);
	assert_int_equal(fi_cntr_read(writes), 4);
	assert_int_equal(fi_cntr_read(reads), 2);
	close_mr(mr);
	assert_int_equal(fi_close(&writes->fid), 0);
	assert_int_equal(fi_close(&reads->fid), 0);
}

/* A counter of a region drives the FEPs of the domain, those that come later included. */
static void test_driving(void **state)
{
	struct fi_cntr_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct fake *f = *state;
	struct fake_ep second = { .fep.domain = &f->domain, .fd = -1, .next = UET_TIME_NEVER };
	struct fid_mr *mr = reg(f, FI_REMOTE_WRITE, 9, 0);
	struct fid_cntr *cntr;

	uet_list_init(&f->ep.fep.link);
	uet_list_init(&second.fep.link);
	assert_int_equal(uet_feps_join(&f->ep.fep), 0);
	assert_int_equal(fi_cntr_open(fake_domain(f), &attr, &cntr, NULL), 0);
	assert_int_equal(fi_mr_bind(mr, &cntr->fid, FI_REMOTE_WRITE), 0);
	assert_int_equal(uet_feps_join(&second.fep), 0);
	fi_cntr_read(cntr);
	assert_int_equal(atomic_load(&f->ep.driven), 1);
	assert_int_equal(atomic_load(&second.driven), 1);
	uet_lock(&f->domain.feps_lock);
	uet_feps_leave(&second.fep);
	uet_unlock(&f->domain.feps_lock);
	fi_cntr_read(cntr);
	assert_int_equal(atomic_load(&f->ep.driven), 2);
	assert_int_equal(atomic_load(&second.driven), 1);
	uet_lock(&f->domain.feps_lock);
	uet_feps_leave(&f->ep.fep);
	uet_unlock(&f->domain.feps_lock);
	close_mr(mr);
	fi_cntr_read(cntr);
	assert_int_equal(atomic_load(&f->ep.driven), 2);
	assert_int_equal(fi_close(&cntr->fid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_regions),
		FAKE_TEST(test_visibility),
		FAKE_TEST(test_keys_with_meaning),
		FAKE_TEST(test_short_keys),
		FAKE_TEST(test_jobs),
		FAKE_TEST(test_events),
		FAKE_TEST(test_driving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
