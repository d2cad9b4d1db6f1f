/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * RMA and atomic calls down to the descriptors that the SES gets: what they say, how calls with
 * several segments are cut and put together again, and what happens when the SES is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ofi/hmem.h"
#include "ofi/mr.h"
#include "ofi/rma.h"

#define MAX_TX 16

/* In place of config.c and prov.c, which know everything else. */
struct uet_config uet_config;
struct fi_provider uet_prov;

/* ---- the SES: descriptors from an array, sends refused at will ---- */

static struct uet_ses_tx txs[MAX_TX];
static struct uet_ses_amo amos[MAX_TX];
static bool tx_used[MAX_TX];
static struct uet_ses_tx *sent[MAX_TX];
static int sent_cnt, used_cnt, amo_cnt;
static int max_used, max_sent, max_amo;

struct uet_ses_tx *uet_ses_tx_get(struct uet_ses *ses)
{
	int i;

	(void)ses;
	if (used_cnt >= max_used)
		return NULL;
	for (i = 0; tx_used[i]; i++)
		;
	tx_used[i] = true;
	used_cnt++;
	memset(&txs[i], 0, sizeof(txs[i]));
	return &txs[i];
}

void uet_ses_tx_put(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	(void)ses;
	assert_true(tx_used[tx - txs]);
	tx_used[tx - txs] = false;
	used_cnt--;
	if (tx->amo)
		amo_cnt--;
}

struct uet_ses_amo *uet_ses_amo_get(struct uet_ses *ses)
{
	(void)ses;
	if (amo_cnt >= max_amo)
		return NULL;
	return &amos[amo_cnt++];
}

int uet_ses_send(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now)
{
	(void)ses;
	(void)now;
	if (sent_cnt >= max_sent)
		return -EAGAIN;
	sent[sent_cnt++] = tx;
	return 0;
}

bool uet_ses_idle(const struct uet_ses *ses)
{
	(void)ses;
	return false;
}

/* ---- the endpoint ---- */

static struct uet_domain domain;
static struct uet_fep fep;
static struct uet_ep ep;
static struct uet_cq_event reported;
static int reports, report_err;
static bool report_wanted, dest_small;

bool uet_ep_wants_entry(const struct uet_ep *e, uint64_t flags, bool silent)
{
	(void)e;
	return !silent && (flags & FI_COMPLETION);
}

void uet_ep_report_tx(struct uet_ep *e, const struct uet_cq_event *event, bool wanted, int err,
		      uint32_t prov_errno)
{
	assert_ptr_equal(e, &ep);
	(void)prov_errno;
	reported = *event;
	report_wanted = wanted;
	report_err = err;
	reports++;
}

ssize_t uet_ep_posted(struct uet_ep *e, ssize_t ret)
{
	uet_unlock(&e->fep->lock);
	return ret;
}

int uet_av_dest(struct uet_av *av, fi_addr_t addr, struct uet_ses_dest *dest)
{
	(void)av;
	memset(dest, 0, sizeof(*dest));
	dest->resource_index = (uint16_t)addr;
	dest->small = dest_small;
	return addr == 7 ? 0 : -FI_EINVAL;
}

void uet_fep_posted(struct uet_fep *to, fi_addr_t dest, size_t len, uint64_t flags,
		    uint64_t now)
{
	(void)to;
	(void)dest;
	(void)len;
	(void)flags;
	(void)now;
}

/* ---- staging: objects without memory behind them ---- */

#define MAX_STAGES 4

static struct staged {
	void *base, *desc;
	bool results;
} staged[MAX_STAGES];
static int staged_cnt, max_staged;
static int finished, finish_ret;	/* calls with something to finish, and what they answer */
static bool finished_ok;

int uet_hmem_stage(struct uet_ep *e, struct uet_hmem_stage **stages, struct iovec *iov,
		   uint8_t *cnt, void **desc, bool results)
{
	assert_ptr_equal(e, &ep);
	if (!*cnt)
		return 0;
	if (staged_cnt == max_staged)
		return -FI_EAGAIN;
	staged[staged_cnt] = (struct staged){ iov[0].iov_base, desc ? desc[0] : NULL, results };
	*stages = (void *)&staged[staged_cnt++];
	iov[0].iov_base = (char *)iov[0].iov_base + 500;
	return 0;
}

int uet_hmem_finish(struct uet_fep *f, struct uet_hmem_stage *stages, bool ok)
{
	assert_ptr_equal(f, &fep);
	if (!stages)
		return 0;
	finished++;
	finished_ok = ok;
	return finish_ret;
}

static int setup(void **state)
{
	(void)state;
	memset(&fep, 0, sizeof(fep));
	memset(&ep, 0, sizeof(ep));
	memset(tx_used, 0, sizeof(tx_used));
	sent_cnt = used_cnt = amo_cnt = reports = 0;
	staged_cnt = finished = finish_ret = 0;
	max_staged = MAX_STAGES;
	max_used = max_sent = max_amo = MAX_TX;
	dest_small = false;
	uet_lock_init(&fep.lock, true);
	uet_list_init(&fep.unsent);
	uet_pieces_init(&fep, 100);
	fep.domain = &domain;
	fep.payload_mtu = 4096;
	ep.fep = &fep;
	ep.base = &ep;
	ep.domain = &domain;
	ep.caps = FI_RMA | FI_ATOMIC;
	ep.inject_size = 100;
	ep.tx_enabled = true;
	ep.fid.rma = &uet_rma_ops;
	ep.fid.atomic = &uet_atomic_ops;
	uet_config.rudi = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uet_pieces_destroy(&fep);
	uet_lock_destroy(&fep.lock);
	return 0;
}

/* As the SES does it. */
static void finish(struct uet_ses_tx *tx, int err)
{
	if (tx->flags & UET_TX_PIECE)
		uet_pieces_done(&fep, tx, err, 0);
	uet_ses_tx_put(NULL, tx);
	uet_pieces_wake(&fep);
}

static char buf[1000];

/* ---- one descriptor ---- */

static void single_calls(void **state)
{
	struct iovec iov[2] = { { buf, 10 }, { buf + 50, 30 } };
	struct fid_ep *e = &ep.fid;
	struct uet_ses_tx *tx;

	(void)state;
	ep.tx_op_flags = FI_DELIVERY_COMPLETE | FI_COMPLETION;
	assert_int_equal(fi_write(e, buf, 40, NULL, 7, 0x1000, 0xabc, &ep), 0);
	tx = sent[0];
	assert_int_equal(tx->opcode, UET_OP_WRITE);
	assert_int_equal(tx->len, 40);
	assert_int_equal(tx->offset, 0x1000);
	assert_int_equal(tx->key, 0xabc);
	assert_int_equal(tx->dest.resource_index, 7);
	assert_ptr_equal(tx->owner, &ep);
	assert_ptr_equal(tx->context, &ep);
	assert_true(tx->dc && !tx->has_data && !tx->inject && !tx->lazy);
	assert_int_equal(tx->flags, FI_RMA | FI_WRITE | FI_COMPLETION);

	assert_int_equal(fi_readv(e, iov, NULL, 2, 7, 5, 6, NULL), 0);
	tx = sent[1];
	assert_int_equal(tx->opcode, UET_OP_READ);
	assert_int_equal(tx->len, 40);
	assert_int_equal(tx->iov_cnt, 2);
	assert_ptr_equal(tx->iov[1].iov_base, buf + 50);
	assert_int_equal(tx->flags, FI_RMA | FI_READ | FI_COMPLETION);

	assert_int_equal(fi_writedata(e, buf, 0, NULL, 0x77, 7, 5, 6, NULL), 0);
	assert_true(sent[2]->has_data);
	assert_int_equal(sent[2]->data, 0x77);
	assert_int_equal(sent[2]->len, 0);

	assert_int_equal(fi_inject_writedata(e, buf, 100, 0x78, 7, 5, 6), 0);
	tx = sent[3];
	assert_true(tx->inject && tx->lazy && tx->has_data && !tx->dc);
	assert_int_equal(tx->flags, FI_RMA | FI_WRITE | UET_TX_DETACHED);
	assert_int_equal(fep.detached, 1);

	/* A read has nothing that could be copied. */
	ep.tx_op_flags = FI_INJECT;
	assert_int_equal(fi_read(e, buf, 500, NULL, 7, 5, 6, NULL), 0);
	assert_false(sent[4]->inject);
}

static void refusals(void **state)
{
	struct iovec iov[9] = { { buf, 8 } };
	struct fi_rma_iov rma[9] = { { 0, 8, 1 } };
	struct fi_msg_rma msg = { .msg_iov = iov, .iov_count = 1, .addr = 7, .rma_iov = rma,
				  .rma_iov_count = 1 };
	struct fid_ep *e = &ep.fid;

	(void)state;
	assert_int_equal(fi_write(e, buf, 8, NULL, 6, 0, 0, NULL), -FI_EINVAL);
	assert_int_equal(fi_write(e, NULL, 8, NULL, 7, 0, 0, NULL), -FI_EINVAL);
	assert_int_equal(fi_write(e, buf, 1ull << 32, NULL, 7, 0, 0, NULL), -FI_EMSGSIZE);
	assert_int_equal(fi_inject_write(e, buf, 101, 7, 0, 0), -FI_EMSGSIZE);
	assert_int_equal(fi_writemsg(e, &msg, FI_PEEK), -FI_EBADFLAGS);
	assert_int_equal(fi_readmsg(e, &msg, FI_REMOTE_CQ_DATA), -FI_EBADFLAGS);
	rma[0].len = 7;
	assert_int_equal(fi_writemsg(e, &msg, 0), -FI_EINVAL);
	rma[1].len = SIZE_MAX;
	msg.rma_iov_count = 2;
	assert_int_equal(fi_writemsg(e, &msg, 0), -FI_EINVAL);
	rma[0].len = 8;
	rma[1].len = 0;
	msg.rma_iov_count = 9;
	assert_int_equal(fi_writemsg(e, &msg, 0), -FI_EINVAL);
	msg.rma_iov_count = 0;
	assert_int_equal(fi_writemsg(e, &msg, 0), -FI_EINVAL);
	msg.rma_iov_count = 1;
	msg.iov_count = 9;
	assert_int_equal(fi_writemsg(e, &msg, 0), -FI_EINVAL);
	ep.caps = FI_MSG;
	assert_int_equal(fi_write(e, buf, 8, NULL, 7, 0, 0, NULL), -FI_EOPNOTSUPP);
	ep.caps = FI_RMA;
	max_used = 0;
	assert_int_equal(fi_write(e, buf, 8, NULL, 7, 0, 0, NULL), -FI_EAGAIN);
	max_used = MAX_TX;
	max_sent = 0;
	assert_int_equal(fi_inject_write(e, buf, 8, 7, 0, 0), -FI_EAGAIN);
	ep.tx_enabled = false;
	assert_int_equal(fi_write(e, buf, 8, NULL, 7, 0, 0, NULL), -FI_EOPBADSTATE);
	assert_int_equal(sent_cnt + used_cnt, 0);
	assert_int_equal(fep.detached, 0);
}

/* What the bits of a provider's key change, and when they do not count. */
static void key_flags(void **state)
{
	const uint64_t idem = UET_MR_KEY_IDEMPOTENT | 5, opt = UET_MR_KEY_OPTIMIZED | 5;
	struct fid_ep *e = &ep.fid;

	(void)state;
	dest_small = true;
	fi_write(e, buf, 8, NULL, 7, 0, idem | opt, NULL);
	assert_int_equal(sent[0]->mode, UET_MODE_RUD);
	assert_false(sent[0]->dest.small);
	ep.key_flags = true;
	fi_write(e, buf, 8, NULL, 7, 0, idem, NULL);
	assert_int_equal(sent[1]->mode, UET_MODE_RUDI);
	assert_false(sent[1]->dest.small);
	fi_read(e, buf, 8, NULL, 7, 0, idem | opt, NULL);
	assert_int_equal(sent[2]->mode, UET_MODE_RUDI);
	assert_true(sent[2]->dest.small);
	fi_writedata(e, buf, 8, NULL, 1, 7, 0, idem, NULL);
	assert_int_equal(sent[3]->mode, UET_MODE_RUD);
	fi_atomic(e, buf, 1, NULL, 7, 0, idem, FI_INT8, FI_SUM, NULL);
	assert_int_equal(sent[4]->mode, UET_MODE_RUD);
	ep.mode = UET_MODE_ROD;
	fi_write(e, buf, 8, NULL, 7, 0, idem, NULL);
	assert_int_equal(sent[5]->mode, UET_MODE_ROD);
	ep.mode = UET_MODE_RUD;
	uet_config.rudi = false;
	fi_write(e, buf, 8, NULL, 7, 0, idem | opt, NULL);
	assert_int_equal(sent[6]->mode, UET_MODE_RUD);
	assert_true(sent[6]->dest.small);
	dest_small = false;
	fi_write(e, buf, 8, NULL, 7, 0, opt, NULL);
	assert_false(sent[7]->dest.small);
}

/* ---- several ---- */

static struct iovec iov3[] = { { buf, 10 }, { buf + 100, 0 }, { buf + 200, 20 } };
static struct fi_rma_iov rma4[] = {
	{ 0x100, 4, 1 }, { 0x200, 0, 2 }, { 0x300, 16, 3 }, { 0x400, 10, 4 },
};

static ssize_t write4(uint64_t flags)
{
	const struct fi_msg_rma msg = {
		.msg_iov = iov3, .iov_count = 3, .addr = 7, .rma_iov = rma4, .rma_iov_count = 4,
		.context = &ep, .data = 99,
	};

	return fi_writemsg(&ep.fid, &msg, flags);
}

static void pieces(void **state)
{
	(void)state;
	ep.mode = UET_MODE_ROD;
	assert_int_equal(write4(FI_COMPLETION | FI_REMOTE_CQ_DATA), 0);
	assert_int_equal(sent_cnt, 3);
	assert_int_equal(sent[0]->len, 4);
	assert_int_equal(sent[0]->key, 1);
	assert_int_equal(sent[0]->iov_cnt, 1);
	assert_int_equal(sent[1]->offset, 0x300);
	assert_int_equal(sent[1]->len, 16);
	assert_int_equal(sent[1]->iov_cnt, 2);
	assert_ptr_equal(sent[1]->iov[0].iov_base, buf + 4);
	assert_int_equal(sent[1]->iov[0].iov_len, 6);
	assert_ptr_equal(sent[1]->iov[1].iov_base, buf + 200);
	assert_int_equal(sent[1]->iov[1].iov_len, 10);
	assert_ptr_equal(sent[2]->iov[0].iov_base, buf + 210);
	assert_true(!sent[0]->has_data && !sent[1]->has_data && sent[2]->has_data);
	assert_int_equal(sent[2]->data, 99);
	finish(sent[1], 0);
	finish(sent[2], 0);
	assert_int_equal(reports, 0);
	finish(sent[0], 0);
	assert_int_equal(reports, 1);
	assert_true(report_wanted);
	assert_int_equal(report_err, 0);
	assert_ptr_equal(reported.op_context, &ep);
	assert_int_equal(reported.flags, FI_RMA | FI_WRITE);
	assert_int_equal(reported.len, 30);
	assert_int_equal(used_cnt, 0);
}

static void first_error_wins(void **state)
{
	(void)state;
	assert_int_equal(write4(0), 0);
	finish(sent[2], -EIO);
	finish(sent[0], -EACCES);
	assert_int_equal(reports, 0);
	finish(sent[1], 0);
	assert_int_equal(reports, 1);
	assert_int_equal(report_err, -EIO);
	assert_false(report_wanted);
	assert_int_equal(used_cnt, 0);
}

/* Refused as a whole, whatever is missing. */
static void nothing_half_done(void **state)
{
	(void)state;
	for (max_used = 0; max_used < 3; max_used++) {
		assert_int_equal(write4(0), -FI_EAGAIN);
		assert_int_equal(used_cnt, 0);
	}
	max_used = MAX_TX;
	max_sent = 0;
	assert_int_equal(write4(0), -FI_EAGAIN);
	assert_int_equal(used_cnt + sent_cnt, 0);
	assert_true(uet_list_empty(&fep.unsent));
}

/* What the SES cannot take yet follows later; nothing ordered overtakes it. */
static void backlog(void **state)
{
	(void)state;
	ep.mode = UET_MODE_ROD;
	max_sent = 1;
	assert_int_equal(write4(0), 0);
	assert_int_equal(sent_cnt, 1);
	assert_false(uet_list_empty(&fep.unsent));
	max_sent = MAX_TX;
	assert_int_equal(fi_write(&ep.fid, buf, 8, NULL, 7, 0, 0, NULL), -FI_EAGAIN);
	ep.mode = UET_MODE_RUD;
	assert_int_equal(fi_write(&ep.fid, buf, 8, NULL, 7, 0, 0, NULL), 0);
	ep.mode = UET_MODE_ROD;
	assert_false(fep.unsent_due);
	finish(sent[1], 0);
	assert_true(fep.unsent_due);
	max_sent = 3;
	uet_pieces_progress(&fep, 0);
	assert_false(fep.unsent_due);
	assert_int_equal(sent_cnt, 3);
	finish(sent[0], 0);
	max_sent = MAX_TX;
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 4);
	assert_true(uet_list_empty(&fep.unsent));
	finish(sent[2], 0);
	finish(sent[3], 0);
	assert_int_equal(reports, 1);
	assert_int_equal(fi_write(&ep.fid, buf, 8, NULL, 7, 0, 0, NULL), 0);
}

/* Unordered, the data may not be seen before the rest was written. */
static void data_comes_last(void **state)
{
	(void)state;
	assert_int_equal(write4(FI_REMOTE_CQ_DATA), 0);
	assert_int_equal(sent_cnt, 2);
	finish(sent[0], 0);
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 2);
	finish(sent[1], 0);
	assert_int_equal(reports, 0);
	assert_true(fep.unsent_due);
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 3);
	assert_true(sent[2]->has_data);
	finish(sent[2], 0);
	assert_int_equal(reports, 1);
	assert_int_equal(report_err, 0);

	/* And not at all when something failed. */
	assert_int_equal(write4(FI_REMOTE_CQ_DATA), 0);
	assert_int_equal(sent_cnt, 5);
	finish(sent[4], -EIO);
	finish(sent[3], 0);
	assert_int_equal(reports, 2);
	assert_int_equal(report_err, -EIO);
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 5);
	assert_int_equal(used_cnt, 0);
	assert_true(uet_list_empty(&fep.unsent));
}

/* ---- atomics ---- */

static void atomics(void **state)
{
	struct fi_ioc op[] = { { buf, 1 }, { buf + 100, 3 } };
	struct fi_ioc cmp[] = { { buf + 200, 4 } }, res[] = { { buf + 300, 2 }, { buf + 400, 2 } };
	struct fi_rma_ioc rma[] = { { 0x10, 2, 1 }, { 0x20, 2, 2 } };
	const struct fi_msg_atomic msg = {
		.msg_iov = op, .iov_count = 2, .addr = 7, .rma_iov = rma, .rma_iov_count = 2,
		.datatype = FI_UINT32, .op = FI_CSWAP, .context = &ep,
	};
	struct uet_ses_tx *tx;

	(void)state;
	assert_int_equal(fi_compare_atomicmsg(&ep.fid, &msg, cmp, NULL, 1, res, NULL, 2, 0), 0);
	assert_int_equal(sent_cnt, 2);
	tx = sent[0];
	assert_int_equal(tx->opcode, UET_OP_FETCHING_ATOMIC);
	assert_int_equal(tx->len, 8);
	assert_int_equal(tx->iov_cnt, 2);
	assert_ptr_equal(tx->iov[1].iov_base, buf + 100);
	assert_int_equal(tx->amo->op, UET_AMO_CSWAP);
	assert_int_equal(tx->amo->type, UET_AMO_UINT32);
	assert_int_equal(tx->amo->size, 4);
	assert_ptr_equal(tx->amo->compare[0].iov_base, buf + 200);
	assert_int_equal(tx->amo->compare[0].iov_len, 8);
	assert_ptr_equal(sent[1]->amo->result[0].iov_base, buf + 400);
	assert_int_equal(sent[1]->offset, 0x20);
	finish(sent[0], 0);
	finish(sent[1], 0);
	assert_int_equal(reported.flags, FI_ATOMIC | FI_READ);
	assert_int_equal(reported.len, 16);

	/* A read has no operand; nobody looks at what stands in its place. */
	assert_int_equal(fi_fetch_atomic(&ep.fid, NULL, 2, NULL, buf, NULL, 7, 0, 0, FI_INT64,
					 FI_ATOMIC_READ, NULL), 0);
	assert_int_equal(sent[2]->iov_cnt, 0);
	assert_int_equal(sent[2]->len, 16);
	finish(sent[2], 0);

	/* Without room for operands nothing happens. */
	for (max_amo = 0; max_amo < 2; max_amo++)
		assert_int_equal(fi_compare_atomicmsg(&ep.fid, &msg, cmp, NULL, 1, res, NULL, 2,
						      0), -FI_EAGAIN);
	assert_int_equal(used_cnt + amo_cnt, 0);
}

static void atomic_refusals(void **state)
{
	struct fid_ep *e = &ep.fid;
	size_t max = 0;

	(void)state;
	assert_int_equal(fi_atomicvalid(e, FI_INT64, FI_SUM, &max), 0);
	assert_int_equal(max, 512);
	assert_int_equal(fi_compare_atomicvalid(e, FI_INT64, FI_CSWAP, &max), 0);
	assert_int_equal(max, 256);
	assert_int_equal(fi_atomic(e, buf, 513, NULL, 7, 0, 0, FI_INT64, FI_SUM, NULL),
			 -FI_EMSGSIZE);
	assert_int_equal(fi_atomic(e, buf, 0, NULL, 7, 0, 0, FI_INT64, FI_SUM, NULL), -FI_EINVAL);
	assert_int_equal(fi_atomic(e, buf, SIZE_MAX, NULL, 7, 0, 0, FI_INT64, FI_SUM, NULL),
			 -FI_EMSGSIZE);
	assert_int_equal(fi_atomic(e, NULL, 1, NULL, 7, 0, 0, FI_INT64, FI_SUM, NULL),
			 -FI_EINVAL);
	assert_int_equal(fi_atomic(e, buf, 1, NULL, 7, 0, 0, FI_INT64, FI_CSWAP, NULL),
			 -FI_EOPNOTSUPP);
	assert_int_equal(fi_fetch_atomic(e, buf, 1, NULL, NULL, NULL, 7, 0, 0, FI_INT64, FI_SUM,
					 NULL), -FI_EINVAL);
	assert_int_equal(fi_inject_atomic(e, buf, 13, 7, 0, 0, FI_INT64, FI_SUM), -FI_EMSGSIZE);
	assert_int_equal(fi_inject_atomic(e, buf, 12, 7, 0, 0, FI_INT64, FI_SUM), 0);
	assert_int_equal(sent[0]->opcode, UET_OP_ATOMIC);
	assert_true(sent[0]->inject);
	ep.caps = FI_RMA;
	assert_int_equal(fi_atomic(e, buf, 1, NULL, 7, 0, 0, FI_INT64, FI_SUM, NULL),
			 -FI_EOPNOTSUPP);
	assert_int_equal(fi_atomicvalid(e, FI_INT64, FI_SUM, &max), -FI_EOPNOTSUPP);
	assert_int_equal(sent_cnt, 1);
}

/* A piece that starts later must not look at a buffer that is the caller's again. */
static void injected_pieces(void **state)
{
	struct iovec iov = { buf, 40 };
	struct fi_rma_iov rma[2] = { { 0, 10, 1 }, { 100, 30, 1 } };
	struct fi_msg_rma msg = { .msg_iov = &iov, .iov_count = 1, .addr = 7, .rma_iov = rma,
				  .rma_iov_count = 2 };
	char *at;

	(void)state;
	memset(buf, 'a', 40);
	max_sent = 1;
	assert_int_equal(fi_writemsg(&ep.fid, &msg, FI_INJECT), 0);
	memset(buf, 'b', 40);
	max_sent = MAX_TX;
	finish(sent[0], 0);
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 2);
	assert_int_equal(sent[1]->iov_cnt, 1);
	assert_int_equal(sent[1]->iov[0].iov_len, 30);
	at = sent[1]->iov[0].iov_base;
	assert_int_equal(at[0], 'a');
	assert_int_equal(at[29], 'a');
	finish(sent[1], 0);
	assert_int_equal(reports, 1);
	assert_int_equal(fep.copies.used, 0);
	/* A read has nothing to copy. */
	assert_int_equal(fi_readmsg(&ep.fid, &msg, FI_INJECT), 0);
	assert_int_equal(fep.copies.used, 0);
}

/* Waiting pieces of an endpoint that goes away never start. */
static void abandoned_pieces(void **state)
{
	struct iovec iov = { buf, 40 };
	struct fi_rma_iov rma[2] = { { 0, 10, 1 }, { 100, 30, 1 } };
	struct fi_msg_rma msg = { .msg_iov = &iov, .iov_count = 1, .addr = 7, .rma_iov = rma,
				  .rma_iov_count = 2 };
	struct uet_ep other;

	(void)state;
	max_sent = 1;
	assert_int_equal(fi_writemsg(&ep.fid, &msg, 0), 0);
	max_sent = MAX_TX;
	uet_pieces_abandon(&fep, &other);
	assert_false(uet_list_empty(&fep.unsent));
	uet_pieces_abandon(&fep, &ep);
	assert_true(uet_list_empty(&fep.unsent));
	uet_pieces_progress(&fep, 0);
	assert_int_equal(sent_cnt, 1);
	assert_int_equal(reports, 0);
	finish(sent[0], 0);
	assert_int_equal(reports, 1);
	assert_int_equal(report_err, -FI_ECANCELED);
	assert_int_equal(used_cnt, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- device memory ---- */

static void staging(void **state)
{
	struct fid_ep *e = &ep.fid;

	(void)state;
	assert_int_equal(fi_write(e, buf, 8, &reports, 7, 0, 1, NULL), 0);
	assert_int_equal(staged_cnt, 0);
	ep.caps |= FI_HMEM;
	assert_int_equal(fi_write(e, buf, 8, &reports, 7, 0, 1, NULL), 0);
	assert_int_equal(staged_cnt, 1);
	assert_ptr_equal(staged[0].base, buf);
	assert_ptr_equal(staged[0].desc, &reports);
	assert_false(staged[0].results);
	assert_ptr_equal(sent[1]->iov[0].iov_base, buf + 500);
	assert_ptr_equal(sent[1]->stage, &staged[0]);
	assert_int_equal(fi_read(e, buf, 8, NULL, 7, 0, 1, NULL), 0);
	assert_true(staged[1].results);
	assert_int_equal(finished, 0);
}

static void staging_of_atomics(void **state)
{
	static uint64_t operand, compare, result;
	struct fid_ep *e = &ep.fid;
	int i;

	(void)state;
	ep.caps |= FI_HMEM;
	assert_int_equal(fi_compare_atomic(e, &operand, 1, &operand, &compare, &compare, &result,
					   &result, 7, 0, 1, FI_UINT64, FI_CSWAP, NULL), 0);
	assert_int_equal(staged_cnt, 3);
	assert_ptr_equal(staged[0].base, &operand);
	assert_ptr_equal(staged[1].base, &compare);
	assert_ptr_equal(staged[2].base, &result);
	for (i = 0; i < 3; i++) {
		assert_ptr_equal(staged[i].desc, staged[i].base);
		assert_int_equal(staged[i].results, i == 2);
	}
	/* No room for one of them: nothing is left of the others. */
	staged_cnt = 2;
	assert_int_equal(fi_compare_atomic(e, &operand, 1, NULL, &compare, NULL, &result, NULL, 7,
					   0, 1, FI_UINT64, FI_CSWAP, NULL), -FI_EAGAIN);
	assert_int_equal(finished, 1);
	assert_false(finished_ok);
	assert_int_equal(sent_cnt, 1);
}

/* The SES refuses what was staged; a call in pieces has its results when all are done. */
static void staging_ends(void **state)
{
	struct iovec iov = { buf, 100 };
	struct fi_rma_iov rma[2] = { { 0, 60, 1 }, { 100, 40, 2 } };
	struct fi_msg_rma msg = {
		.msg_iov = &iov, .iov_count = 1, .addr = 7, .rma_iov = rma, .rma_iov_count = 2,
	};

	(void)state;
	ep.caps |= FI_HMEM;
	max_sent = 0;
	assert_int_equal(fi_read(&ep.fid, buf, 8, NULL, 7, 0, 1, NULL), -FI_EAGAIN);
	assert_int_equal(finished, 1);
	assert_false(finished_ok);
	max_sent = MAX_TX;
	assert_int_equal(fi_readmsg(&ep.fid, &msg, FI_COMPLETION), 0);
	assert_int_equal(sent_cnt, 2);
	assert_ptr_equal(sent[1]->iov[0].iov_base, buf + 560);
	finish(sent[0], 0);
	assert_int_equal(finished, 1);
	finish_ret = -FI_EIO;
	finish(sent[1], 0);
	assert_int_equal(finished, 2);
	assert_true(finished_ok);
	assert_int_equal(reports, 1);
	assert_int_equal(report_err, -FI_EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(single_calls),
		TEST(refusals),
		TEST(key_flags),
		TEST(pieces),
		TEST(first_error_wins),
		TEST(nothing_half_done),
		TEST(backlog),
		TEST(data_comes_last),
		TEST(atomics),
		TEST(atomic_refusals),
		TEST(staging),
		TEST(staging_of_atomics),
		TEST(staging_ends),
		TEST(injected_pieces),
		TEST(abandoned_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
