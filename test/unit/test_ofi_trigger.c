/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations that wait for counters: when they start, in which order, what is copied, and what
 * becomes of those that cannot start. The endpoint records what it is asked to do.
 */
#include "test_ofi_objects.h"

#include <sched.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/work.h"

#define CALLS 64

/* What the endpoint was asked, in order. */
static struct {
	const char *name;
	void *context;
	uint64_t flags;
	uint64_t tag;
	struct iovec iov;
	uint8_t bytes[8];
	size_t iov_count;
	struct uet_ep *ep;
} calls[CALLS];

static int call_cnt;
static ssize_t answer;		/* of every call */

static ssize_t note(const char *name, struct fid_ep *fid, const struct iovec *iov, size_t count,
		    void *context, uint64_t tag, uint64_t flags)
{
	assert_true(call_cnt < CALLS);
	memset(&calls[call_cnt], 0, sizeof(calls[call_cnt]));
	calls[call_cnt].name = name;
	calls[call_cnt].context = context;
	calls[call_cnt].flags = flags;
	calls[call_cnt].tag = tag;
	calls[call_cnt].iov_count = count;
	calls[call_cnt].ep = uet_container_of(fid, struct uet_ep, fid);
	if (count)
		calls[call_cnt].iov = iov[0];
	if (count && (flags & FI_INJECT))
		memcpy(calls[call_cnt].bytes, iov[0].iov_base, uet_min_u64(iov[0].iov_len, 8));
	if (answer != -FI_EAGAIN)
		call_cnt++;
	return answer;
}

static ssize_t rec_sendmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	return note("sendmsg", fid, msg->msg_iov, msg->iov_count, msg->context, 0, flags);
}

static ssize_t rec_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
	return note("recvmsg", fid, msg->msg_iov, msg->iov_count, msg->context, 0, flags);
}

static ssize_t rec_tsendmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	return note("tsendmsg", fid, msg->msg_iov, msg->iov_count, msg->context, msg->tag, flags);
}

static ssize_t rec_trecvmsg(struct fid_ep *fid, const struct fi_msg_tagged *msg, uint64_t flags)
{
	return note("trecvmsg", fid, msg->msg_iov, msg->iov_count, msg->context, msg->tag, flags);
}

static ssize_t rec_readmsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return note("readmsg", fid, msg->msg_iov, msg->iov_count, msg->context,
		    msg->rma_iov[0].key, flags);
}

static ssize_t rec_writemsg(struct fid_ep *fid, const struct fi_msg_rma *msg, uint64_t flags)
{
	return note("writemsg", fid, msg->msg_iov, msg->iov_count, msg->context,
		    msg->rma_iov[0].key, flags);
}

static ssize_t rec_amo(struct fid_ep *fid, const struct fi_msg_atomic *msg, uint64_t flags)
{
	return note("atomic", fid, NULL, 0, msg->context, msg->rma_iov[0].key, flags);
}

static ssize_t rec_fetch(struct fid_ep *fid, const struct fi_msg_atomic *msg,
			 struct fi_ioc *resultv, void **result_desc, size_t result_count,
			 uint64_t flags)
{
	(void)result_desc;
	assert_int_equal(result_count, 1);
	return note("fetch", fid, NULL, 0, msg->context, (uintptr_t)resultv[0].addr, flags);
}

static ssize_t rec_compare(struct fid_ep *fid, const struct fi_msg_atomic *msg,
			   const struct fi_ioc *comparev, void **compare_desc,
			   size_t compare_count, struct fi_ioc *resultv, void **result_desc,
			   size_t result_count, uint64_t flags)
{
	(void)compare_desc;
	(void)result_desc;
	assert_int_equal(result_count, 1);
	assert_int_equal(compare_count, 1);
	assert_non_null(resultv[0].addr);
	return note("compare", fid, NULL, 0, msg->context, (uintptr_t)comparev[0].addr, flags);
}

static struct fi_ops_msg rec_msg_ops = { .sendmsg = rec_sendmsg, .recvmsg = rec_recvmsg };
static struct fi_ops_tagged rec_tagged_ops = { .sendmsg = rec_tsendmsg, .recvmsg = rec_trecvmsg };
static struct fi_ops_rma rec_rma_ops = { .readmsg = rec_readmsg, .writemsg = rec_writemsg };
static struct fi_ops_atomic rec_atomic_ops = {
	.writemsg = rec_amo, .readwritemsg = rec_fetch, .compwritemsg = rec_compare,
};

static int set_up(void **state)
{
	struct uet_ep *ep;

	fake_setup(state);
	ep = &((struct fake *)*state)->ep.ep;
	call_cnt = 0;
	answer = 0;
	ep->caps = FI_MSG | FI_TAGGED | FI_RMA | FI_ATOMIC | FI_TRIGGER;
	ep->enabled = true;
	ep->inject_size = 8;
	ep->fid.msg = &rec_msg_ops;
	ep->fid.tagged = &rec_tagged_ops;
	ep->fid.rma = &rec_rma_ops;
	ep->fid.atomic = &rec_atomic_ops;
	uet_list_init(&ep->aliases);
	uet_list_init(&ep->claims);
	uet_trigger_wrap(ep);
	return 0;
}

static struct fid_cntr *open_cntr(struct fake *f)
{
	struct fi_cntr_attr attr = { .wait_obj = FI_WAIT_NONE };
	struct fid_cntr *cntr;

	assert_int_equal(fi_cntr_open(&f->domain.fid, &attr, &cntr, NULL), 0);
	return cntr;
}

static void close_cntr(struct fid_cntr *cntr)
{
	assert_int_equal(fi_close(&cntr->fid), 0);
}

static struct uet_cntr *cntr_of(struct fid_cntr *cntr)
{
	return (struct uet_cntr *)cntr;
}

static struct fi_triggered_context condition(struct fid_cntr *cntr, size_t threshold)
{
	return (struct fi_triggered_context){
		.event_type = FI_TRIGGER_THRESHOLD,
		.trigger.threshold = { .cntr = cntr, .threshold = threshold },
	};
}

static int control(struct fake *f, int command, void *arg)
{
	return uet_trigger_control(&f->domain, command, arg);
}

/* As an SES callback would: the FEP's lock is held, so nothing may be started. */
static void complete_inside(struct fake *f, struct fid_cntr *cntr, bool ok)
{
	int before = call_cnt;

	uet_lock(&f->ep.fep.lock);
	uet_cntr_inc(cntr_of(cntr), ok);
	assert_int_equal(call_cnt, before);
	uet_unlock(&f->ep.fep.lock);
}

/* ---- FI_TRIGGER ---- */

static void test_threshold(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c[4];
	uint64_t word = 1;
	int i;

	static const size_t thresholds[] = { 3, 2, 2, 5 };
	static const int order[] = { 1, 2, 0, 3 };

	f->ep.ep.tx_op_flags = FI_TRIGGER | FI_MORE | FI_DELIVERY_COMPLETE;
	for (i = 0; i < 4; i++) {
		c[i] = condition(cntr, thresholds[i]);
		assert_int_equal(fi_tsend(&f->ep.ep.fid, &word, 8, NULL, 0, (uint64_t)i, &c[i]), 0);
	}
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 0);
	/* Errors are no successes. */
	assert_int_equal(fi_cntr_adderr(cntr, 7), 0);
	assert_int_equal(call_cnt, 0);
	assert_int_equal(fi_close(&cntr->fid), -FI_EBUSY);
	assert_int_equal(fi_cntr_add(cntr, 2), 0);
	assert_int_equal(call_cnt, 3);
	assert_int_equal(fi_cntr_set(cntr, 100), 0);
	assert_int_equal(call_cnt, 4);
	for (i = 0; i < 4; i++) {
		assert_string_equal(calls[i].name, "tsendmsg");
		assert_ptr_equal(calls[i].context, &c[order[i]]);
		assert_int_equal(calls[i].tag, order[i]);
		assert_int_equal(calls[i].flags, FI_DELIVERY_COMPLETE);
		assert_ptr_equal(calls[i].iov.iov_base, &word);
		assert_ptr_equal(calls[i].ep, &f->ep.ep);
	}
	close_cntr(cntr);
}

/* Met already: at once. */
static void test_met_already(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c = condition(cntr, 0);

	f->ep.ep.rx_op_flags = FI_TRIGGER;
	assert_int_equal(fi_recv(&f->ep.ep.fid, &c, 8, NULL, 0, &c), 0);
	assert_int_equal(call_cnt, 1);
	assert_string_equal(calls[0].name, "recvmsg");
	close_cntr(cntr);
}

/* A counter that changes under a FEP's lock makes due; a safe point starts. */
static void test_safe_point(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c = condition(cntr, 1);
	struct fi_msg msg = { .context = &c };

	assert_int_equal(fi_sendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	complete_inside(f, cntr, true);
	assert_true(uet_trigger_poll(&f->domain.triggers));
	assert_int_equal(call_cnt, 1);
	assert_false(uet_trigger_poll(&f->domain.triggers));
	close_cntr(cntr);
}

/* The application's description may vanish after the call; with FI_INJECT, the data too. */
static void test_copies(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c = condition(cntr, 1);
	char a[] = "abc", b[] = "defgh";
	struct iovec iov[2] = { { a, 3 }, { b, 5 } };
	struct fi_msg_tagged msg = { .msg_iov = iov, .iov_count = 2, .tag = 7, .context = &c };

	assert_int_equal(fi_tsendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER | FI_INJECT), 0);
	assert_int_equal(fi_tsendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	memset(iov, 0, sizeof(iov));
	memset(&msg, 0, sizeof(msg));
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 2);
	assert_int_equal(calls[0].iov_count, 1);
	assert_int_equal(calls[0].iov.iov_len, 8);
	assert_memory_equal(calls[0].bytes, "abcdefgh", 8);
	assert_int_equal(calls[0].flags, FI_INJECT);
	assert_int_equal(calls[1].iov_count, 2);
	assert_ptr_equal(calls[1].iov.iov_base, a);
	assert_int_equal(calls[1].tag, 7);
	close_cntr(cntr);
}

static void test_bad_operations(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c = condition(NULL, 1);
	struct fake *other = fake_create();
	struct fid_cntr *foreign = open_cntr(other);
	uint64_t words[2];
	struct iovec iov[UET_SES_IOV + 1] = { { words, 16 } };
	struct fi_msg msg = { .msg_iov = iov, .iov_count = 1, .context = &c };
	struct fid_ep *ep = &f->ep.ep.fid;

	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_EINVAL);
	c = condition(foreign, 1);
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_EINVAL);
	c = condition(cntr, 1);
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER | FI_INJECT), -FI_EMSGSIZE);
	c.event_type = FI_TRIGGER_XPU;
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_ENOSYS);
	c = condition(cntr, 1);
	msg.iov_count = UET_SES_IOV + 1;
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_EINVAL);
	msg.iov_count = 1;
	msg.context = NULL;
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_EINVAL);
	msg.context = &c;
	f->ep.ep.enabled = false;
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER), -FI_EOPBADSTATE);
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 0);
	close_cntr(cntr);
	close_cntr(foreign);
	fake_destroy(other);
}

/* Lengths that have no sum, vectors and data that are not there: refused at once. */
static void test_bad_vectors(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c = condition(cntr, 1);
	char mem[8];
	struct iovec iov[2] = { { mem, SIZE_MAX - 4 }, { mem, 8 } }, none = { NULL, 8 };
	struct fi_ioc ioc[2] = { { mem, SIZE_MAX }, { mem, 2 } };
	struct fi_msg msg = { .msg_iov = &none, .iov_count = 1, .context = &c };
	struct fid_ep *ep = &f->ep.ep.fid;

	f->ep.ep.tx_op_flags = FI_TRIGGER;
	assert_int_equal(fi_readv(ep, iov, NULL, 2, 0, 0, 1, &c), -FI_EMSGSIZE);
	assert_int_equal(fi_writev(ep, iov, NULL, 2, 0, 0, 1, &c), -FI_EMSGSIZE);
	assert_int_equal(fi_writev(ep, NULL, NULL, 1, 0, 0, 1, &c), -FI_EINVAL);
	assert_int_equal(fi_readv(ep, iov, NULL, UET_SES_IOV + 1, 0, 0, 1, &c), -FI_EINVAL);
	assert_int_equal(fi_atomicv(ep, ioc, NULL, 2, 0, 0, 1, FI_UINT8, FI_SUM, &c), -FI_EINVAL);
	assert_int_equal(fi_atomicv(ep, NULL, NULL, 1, 0, 0, 1, FI_UINT8, FI_SUM, &c), -FI_EINVAL);
	assert_int_equal(fi_fetch_atomicv(ep, ioc, NULL, 1, ioc, NULL, 2, 0, 0, 1, FI_UINT8,
					  FI_SUM, &c), -FI_EINVAL);
	assert_int_equal(fi_compare_atomicv(ep, ioc, NULL, 1, ioc, NULL, 1, ioc, NULL,
					    UET_SES_IOV + 1, 0, 0, 1, FI_UINT8, FI_CSWAP, &c),
			 -FI_EINVAL);
	assert_int_equal(fi_sendmsg(ep, &msg, FI_TRIGGER | FI_INJECT), -FI_EINVAL);
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 0);
	iov[0].iov_len = 4;
	assert_int_equal(fi_readv(ep, iov, NULL, 1, 0, 0, 1, &c), 0);
	assert_int_equal(call_cnt, 1);
	close_cntr(cntr);
}

/* A full endpoint keeps what follows on it waiting, in order, and is asked again. */
static void test_full_endpoint(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f), *other = open_cntr(f);
	struct fi_triggered_context c[2] = { condition(cntr, 1), condition(cntr, 2) };
	struct fi_op_cntr op = { .cntr = other, .value = 3 };
	struct fi_deferred_work work = {
		.threshold = 2, .triggering_cntr = cntr, .op_type = FI_OP_CNTR_ADD, .op.cntr = &op,
	};
	struct fi_msg msg = { .context = &c[0] };

	answer = -FI_EAGAIN;
	assert_int_equal(fi_sendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	msg.context = &c[1];
	assert_int_equal(fi_sendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &work), 0);
	assert_int_equal(fi_cntr_add(cntr, 2), 0);
	/* That needs no endpoint. */
	assert_int_equal(fi_cntr_read(other), 3);
	assert_int_equal(call_cnt, 0);
	assert_false(uet_trigger_poll(&f->domain.triggers));
	answer = 0;
	assert_true(uet_trigger_poll(&f->domain.triggers));
	assert_int_equal(call_cnt, 2);
	assert_ptr_equal(calls[0].context, &c[0]);
	assert_ptr_equal(calls[1].context, &c[1]);
	close_cntr(cntr);
	close_cntr(other);
}

static struct fid_cq *open_cq(struct fake *f)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_TAGGED, .wait_obj = FI_WAIT_NONE };
	struct fid_cq *cq;

	assert_int_equal(fi_cq_open(&f->domain.fid, &attr, &cq, NULL), 0);
	return cq;
}

static void expect_error(struct fid_cq *cq, void *context, uint64_t flags, int err)
{
	struct fi_cq_err_entry entry = { 0 };
	struct fi_cq_tagged_entry none;

	assert_int_equal(fi_cq_read(cq, &none, 1), -FI_EAVAIL);
	assert_int_equal(fi_cq_readerr(cq, &entry, 0), 1);
	assert_ptr_equal(entry.op_context, context);
	assert_int_equal(entry.flags, flags);
	assert_int_equal(entry.err, err);
	assert_int_equal(fi_cq_read(cq, &none, 1), -FI_EAGAIN);
}

/* What is refused when it starts ends as any operation that fails. */
static void test_refused_later(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f), *bound = open_cntr(f);
	struct fid_cq *cq = open_cq(f);
	struct fi_triggered_context c = condition(cntr, 1);
	struct fi_msg_tagged msg = { .context = &c };

	f->ep.ep.tx_cq = (struct uet_cq *)cq;
	f->ep.ep.cntrs[0] = (struct uet_ep_cntr){ cntr_of(bound), FI_SEND };
	f->ep.ep.cntr_cnt = 1;
	assert_int_equal(fi_tsendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	answer = -FI_EINVAL;
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	expect_error(cq, &c, FI_SEND | FI_TAGGED, FI_EINVAL);
	assert_int_equal(fi_cntr_read(bound), 0);
	assert_int_equal(fi_cntr_readerr(bound), 1);
	assert_int_equal(fi_close(&cq->fid), 0);
	close_cntr(cntr);
	close_cntr(bound);
}

static void test_cancel(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fid_cq *cq = open_cq(f);
	struct fi_triggered_context c[2] = { condition(cntr, 1), condition(cntr, 1) };
	struct fi_msg msg = { .context = &c[0] };

	f->ep.ep.rx_cq = (struct uet_cq *)cq;
	assert_int_equal(fi_recvmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	msg.context = &c[1];
	assert_int_equal(fi_recvmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	assert_false(uet_trigger_cancel(&f->ep.ep, cntr));
	assert_true(uet_trigger_cancel(&f->ep.ep, &c[0]));
	expect_error(cq, &c[0], FI_RECV | FI_MSG, FI_ECANCELED);
	assert_false(uet_trigger_cancel(&f->ep.ep, &c[0]));
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 1);
	assert_ptr_equal(calls[0].context, &c[1]);
	assert_int_equal(fi_close(&cq->fid), 0);
	close_cntr(cntr);
}

/* A closing endpoint takes its operations with it, waiting or due; others stay. */
static void test_drop(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_triggered_context c[2] = { condition(cntr, 1), condition(cntr, 2) };
	struct fi_msg msg = { .context = &c[0] };
	struct uet_ep alias = f->ep.ep;

	answer = -FI_EAGAIN;
	assert_int_equal(fi_sendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	msg.context = &c[1];
	assert_int_equal(fi_sendmsg(&f->ep.ep.fid, &msg, FI_TRIGGER), 0);
	assert_int_equal(fi_sendmsg(&alias.fid, &msg, FI_TRIGGER), 0);
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	uet_trigger_drop(&f->ep.ep);
	assert_int_equal(fi_close(&cntr->fid), -FI_EBUSY);
	answer = 0;
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(call_cnt, 1);
	assert_ptr_equal(calls[0].ep, &alias);
	close_cntr(cntr);
}

/* ---- deferred work ---- */

struct plan {
	struct fi_deferred_work work;
	struct fi_op_msg op;
	struct iovec iov;
};

static void plan_send(struct plan *p, struct fake *f, struct fid_cntr *trigger,
		      uint64_t threshold, struct fid_cntr *done, uint64_t flags)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){ p, 8 };
	p->op = (struct fi_op_msg){
		.ep = &f->ep.ep.fid,
		.msg = { .msg_iov = &p->iov, .iov_count = 1, .context = &p->work.context },
		.flags = flags,
	};
	p->work.threshold = threshold;
	p->work.triggering_cntr = trigger;
	p->work.completion_cntr = done;
	p->work.op_type = FI_OP_SEND;
	p->work.op.msg = &p->op;
}

/* As transfer.c does when the operation is over. */
static void end_call(int i, bool ok)
{
	struct uet_ep *ep = calls[i].ep;
	uint32_t k;

	for (k = 0; k < ep->cntr_cnt; k++)
		if (ep->cntrs[k].flags & FI_SEND)
			uet_cntr_inc(ep->cntrs[k].cntr, ok);
	assert_non_null(ep->work);
	/* A piece of it is done. */
	uet_trigger_done(ep->work);
	uet_trigger_ending(ep->work);
	uet_trigger_done(ep->work);
}

/* A counter that closes waits for the thread that counts with it, and for nothing else. */
static void *count_late(void *arg)
{
	struct uet_work *work = arg;
	struct uet_cntr *done = work->done;

	uet_cntr_inc(done, true);
	sched_yield();
	uet_trigger_done(work);
	return NULL;
}

static void test_close_while_counted(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *trigger = open_cntr(f), *done = open_cntr(f);
	pthread_t thread;
	struct plan p;

	plan_send(&p, f, trigger, 0, done, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	assert_int_equal(fi_close(&trigger->fid), 0);
	assert_int_equal(fi_close(&done->fid), -FI_EBUSY);
	uet_trigger_ending(calls[0].ep->work);
	thread = start(count_late, calls[0].ep->work);
	assert_int_equal(fi_close(&done->fid), 0);
	join(thread);
}


/* Successes and errors together reach the threshold; the counter of its own counts. */
static void test_deferred(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *trigger = open_cntr(f), *done = open_cntr(f), *bound = open_cntr(f);
	struct fid_cq *cq = open_cq(f);
	struct plan p;

	f->ep.ep.tx_cq = (struct uet_cq *)cq;
	f->ep.ep.cntrs[0] = (struct uet_ep_cntr){ cntr_of(bound), FI_SEND };
	f->ep.ep.cntr_cnt = 1;
	plan_send(&p, f, trigger, 2, done, FI_TRANSMIT_COMPLETE);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	complete_inside(f, trigger, true);
	complete_inside(f, trigger, false);
	assert_true(uet_trigger_poll(&f->domain.triggers));
	assert_int_equal(call_cnt, 1);
	assert_string_equal(calls[0].name, "sendmsg");
	assert_ptr_equal(calls[0].context, &p.work.context);
	assert_int_equal(calls[0].flags, FI_TRANSMIT_COMPLETE);
	assert_null(calls[0].ep->tx_cq);
	assert_ptr_equal(calls[0].ep->base, calls[0].ep);
	assert_int_equal(fi_close(&done->fid), -FI_EBUSY);
	end_call(0, true);
	assert_int_equal(fi_cntr_read(done), 1);
	assert_int_equal(fi_cntr_read(bound), 0);
	/* With FI_COMPLETION what is bound is told as well. */
	plan_send(&p, f, trigger, 0, done, FI_COMPLETION);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	assert_int_equal(call_cnt, 2);
	assert_ptr_equal(calls[1].ep->tx_cq, cq);
	end_call(1, false);
	assert_int_equal(fi_cntr_readerr(done), 1);
	assert_int_equal(fi_cntr_readerr(bound), 1);
	/* A bound counter that is the completion counter counts once. */
	plan_send(&p, f, trigger, 0, bound, FI_COMPLETION);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	end_call(2, true);
	assert_int_equal(fi_cntr_read(bound), 1);
	assert_int_equal(fi_close(&cq->fid), 0);
	close_cntr(trigger);
	close_cntr(done);
	close_cntr(bound);
}

/* One struct may describe several pieces of work; each kind of operation reaches its call. */
static void test_every_kind(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *trigger = open_cntr(f), *sum = open_cntr(f);
	struct fi_deferred_work work = { .threshold = 1, .triggering_cntr = trigger };
	struct fi_rma_iov rma_iov = { .key = 5 };
	struct fi_rma_ioc rma_ioc = { .key = 6 };
	struct fi_ioc ioc = { .addr = &work, .count = 1 }, res = ioc, cmp = ioc;
	struct fi_msg_atomic amo = {
		.msg_iov = &ioc, .iov_count = 1, .rma_iov = &rma_ioc, .rma_iov_count = 1,
	};
	struct fi_op_msg msg = { .ep = &f->ep.ep.fid };
	struct fi_op_tagged tagged = { .ep = &f->ep.ep.fid, .msg.tag = 4 };
	struct fi_op_rma rma = {
		.ep = &f->ep.ep.fid, .msg = { .rma_iov = &rma_iov, .rma_iov_count = 1 },
	};
	struct fi_op_atomic atomic = { .ep = &f->ep.ep.fid, .msg = amo };
	struct fi_op_fetch_atomic fetch = {
		.ep = &f->ep.ep.fid, .msg = amo, .fetch = { .msg_iov = &res, .iov_count = 1 },
	};
	struct fi_op_compare_atomic compare = {
		.ep = &f->ep.ep.fid, .msg = amo, .fetch = { .msg_iov = &res, .iov_count = 1 },
		.compare = { .msg_iov = &cmp, .iov_count = 1 },
	};
	struct fi_op_cntr set = { .cntr = sum, .value = 10 }, add = { .cntr = sum, .value = 5 };
	const struct {
		enum fi_op_type type;
		void *op;
		const char *name;
		uint64_t tag;
	} kinds[] = {
		{ FI_OP_CNTR_SET, &set, NULL, 0 },
		{ FI_OP_RECV, &msg, "recvmsg", 0 },
		{ FI_OP_SEND, &msg, "sendmsg", 0 },
		{ FI_OP_TRECV, &tagged, "trecvmsg", 4 },
		{ FI_OP_TSEND, &tagged, "tsendmsg", 4 },
		{ FI_OP_READ, &rma, "readmsg", 5 },
		{ FI_OP_WRITE, &rma, "writemsg", 5 },
		{ FI_OP_ATOMIC, &atomic, "atomic", 6 },
		{ FI_OP_FETCH_ATOMIC, &fetch, "fetch", (uintptr_t)&work },
		{ FI_OP_COMPARE_ATOMIC, &compare, "compare", (uintptr_t)&work },
		{ FI_OP_CNTR_ADD, &add, NULL, 0 },
	};
	size_t i;
	int n = 0;

	for (i = 0; i < UET_ARRAY_SIZE(kinds); i++) {
		work.op_type = kinds[i].type;
		work.op.msg = kinds[i].op;
		assert_int_equal(control(f, FI_QUEUE_WORK, &work), 0);
	}
	memset(&rma_iov, 0, sizeof(rma_iov));
	memset(&rma_ioc, 0, sizeof(rma_ioc));
	memset(&res, 0, sizeof(res));
	memset(&cmp, 0, sizeof(cmp));
	assert_int_equal(fi_cntr_add(trigger, 1), 0);
	for (i = 0; i < UET_ARRAY_SIZE(kinds); i++) {
		if (!kinds[i].name)
			continue;
		assert_string_equal(calls[n].name, kinds[i].name);
		assert_int_equal(calls[n].tag, kinds[i].tag);
		uet_trigger_ending(calls[n].ep->work);
		uet_trigger_done(calls[n].ep->work);
		n++;
	}
	assert_int_equal(call_cnt, n);
	assert_int_equal(fi_cntr_read(sum), 15);
	close_cntr(trigger);
	close_cntr(sum);
}

/* Counter operations set off one another, without end of stack or queue. */
static void test_chain(void **state)
{
	enum { LEN = 1000 };
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct fi_op_cntr op = { .cntr = cntr, .value = 1 };
	struct fi_deferred_work work[LEN];
	int i;

	for (i = 0; i < LEN; i++) {
		work[i] = (struct fi_deferred_work){
			.threshold = (uint64_t)i + 1, .triggering_cntr = cntr,
			.op_type = FI_OP_CNTR_ADD, .op.cntr = &op,
		};
		assert_int_equal(control(f, FI_QUEUE_WORK, &work[i]), 0);
	}
	assert_int_equal(fi_cntr_add(cntr, 1), 0);
	assert_int_equal(fi_cntr_read(cntr), LEN + 1);
	close_cntr(cntr);
}

static void test_bad_work(void **state)
{
	struct fake *f = *state, *other = fake_create();
	struct fid_cntr *cntr = open_cntr(f), *foreign = open_cntr(other);
	struct fi_op_cntr op = { .cntr = cntr };
	struct fi_op_rma rma = { .ep = &f->ep.ep.fid };
	struct plan p;

	assert_int_equal(control(f, FI_QUEUE_WORK, NULL), -FI_EINVAL);
	assert_int_equal(control(f, FI_CANCEL_WORK, NULL), -FI_EINVAL);
	plan_send(&p, f, NULL, 1, cntr, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	plan_send(&p, f, foreign, 1, cntr, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	plan_send(&p, f, cntr, 1, foreign, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	plan_send(&p, f, cntr, 1, cntr, 0);
	p.work.op_type = 99;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_ENOSYS);
	p.work.op_type = FI_OP_CNTR_ADD;
	p.work.op.cntr = &op;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	p.work.completion_cntr = NULL;
	op.cntr = foreign;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	p.work.op.cntr = NULL;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	plan_send(&p, f, cntr, 1, cntr, FI_MULTI_RECV);
	p.work.op_type = FI_OP_RECV;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_ENOSYS);
	p.op.ep = NULL;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EINVAL);
	f->ep.ep.caps &= ~FI_RMA;
	p.work.op_type = FI_OP_READ;
	p.work.op.rma = &rma;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_ENOSYS);
	plan_send(&p, f, cntr, 1, cntr, 0);
	f->ep.ep.enabled = false;
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), -FI_EOPBADSTATE);
	close_cntr(cntr);
	close_cntr(foreign);
	fake_destroy(other);
}

static void test_cancel_and_flush(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *a = open_cntr(f), *b = open_cntr(f), *sum = open_cntr(f);
	struct fi_op_cntr op = { .cntr = sum, .value = 1 };
	struct fi_deferred_work work[4];
	struct fi_deferred_work which = { .triggering_cntr = a };
	int i;

	for (i = 0; i < 4; i++) {
		work[i] = (struct fi_deferred_work){
			.threshold = 1, .triggering_cntr = i < 3 ? a : b,
			.op_type = FI_OP_CNTR_ADD, .op.cntr = &op,
		};
		assert_int_equal(control(f, FI_QUEUE_WORK, &work[i]), 0);
	}
	assert_int_equal(control(f, FI_CANCEL_WORK, &work[1]), 0);
	assert_int_equal(control(f, FI_CANCEL_WORK, &work[1]), -FI_ENOENT);
	assert_int_equal(control(f, FI_FLUSH_WORK, &which), 0);
	assert_int_equal(fi_cntr_add(a, 1), 0);
	assert_int_equal(fi_cntr_read(sum), 0);
	assert_int_equal(fi_cntr_add(b, 1), 0);
	assert_int_equal(fi_cntr_read(sum), 1);
	assert_int_equal(fi_cntr_set(b, 0), 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &work[3]), 0);
	assert_int_equal(control(f, FI_FLUSH_WORK, NULL), 0);
	assert_int_equal(fi_cntr_set(b, 5), 0);
	assert_int_equal(fi_cntr_read(sum), 1);
	close_cntr(a);
	close_cntr(b);
	close_cntr(sum);
}

/* An endpoint that stops while deferred work runs on it leaves nothing behind. */
static void test_forget(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f);
	struct plan p;

	plan_send(&p, f, cntr, 0, cntr, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	assert_int_equal(call_cnt, 1);
	uet_trigger_drop(&f->ep.ep);
	assert_int_equal(fi_close(&cntr->fid), -FI_EBUSY);
	uet_trigger_forget(&f->ep.fep);
	close_cntr(cntr);
}

/* Who waits for a counter of deferred work drives all endpoints, bound or not. */
static void test_progress(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *a = open_cntr(f), *b = open_cntr(f), *c = open_cntr(f), *d = open_cntr(f);
	struct fi_op_cntr op = { .cntr = c, .value = 1 };
	struct fi_deferred_work count = {
		.threshold = 9, .triggering_cntr = b, .op_type = FI_OP_CNTR_ADD, .op.cntr = &op,
	};
	struct plan p;
	int driven;

	assert_int_equal(uet_feps_join(&f->ep.fep), 0);
	plan_send(&p, f, a, 9, b, 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &p.work), 0);
	assert_int_equal(control(f, FI_QUEUE_WORK, &count), 0);
	driven = atomic_load(&f->ep.driven);
	fi_cntr_read(a);
	fi_cntr_read(b);
	fi_cntr_read(c);
	assert_int_equal(atomic_load(&f->ep.driven), driven + 3);
	fi_cntr_read(d);
	assert_int_equal(atomic_load(&f->ep.driven), driven + 3);
	assert_int_equal(control(f, FI_FLUSH_WORK, NULL), 0);
	close_cntr(a);
	uet_feps_leave(&f->ep.fep);
	fi_cntr_read(b);
	assert_int_equal(atomic_load(&f->ep.driven), driven + 3);
	close_cntr(b);
	close_cntr(c);
	close_cntr(d);
}

/* ---- threads ---- */

enum { ROUNDS = 2000, ADDERS = 3 };

static void *adder(void *arg)
{
	struct fid_cntr *cntr = arg;
	int i;

	for (i = 0; i < ROUNDS; i++)
		fi_cntr_add(cntr, 1);
	return NULL;
}

/* Queueing races with counting: every operation starts once, none is forgotten. */
static void test_threads(void **state)
{
	struct fake *f = *state;
	struct fid_cntr *cntr = open_cntr(f), *sum = open_cntr(f);
	struct fi_op_cntr op = { .cntr = sum, .value = 1 };
	struct fi_deferred_work work = {
		.triggering_cntr = cntr, .op_type = FI_OP_CNTR_ADD, .op.cntr = &op,
	};
	pthread_t threads[ADDERS];
	int i;

	for (i = 0; i < ADDERS; i++)
		threads[i] = start(adder, cntr);
	for (i = 0; i < ROUNDS * ADDERS; i++) {
		work.threshold = (uint64_t)i + 1;
		assert_int_equal(control(f, FI_QUEUE_WORK, &work), 0);
	}
	for (i = 0; i < ADDERS; i++)
		join(threads[i]);
	assert_int_equal(fi_cntr_read(sum), ROUNDS * ADDERS);
	close_cntr(cntr);
	close_cntr(sum);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_threshold),
		TEST(test_met_already),
		TEST(test_safe_point),
		TEST(test_copies),
		TEST(test_bad_operations),
		TEST(test_bad_vectors),
		TEST(test_full_endpoint),
		TEST(test_refused_later),
		TEST(test_cancel),
		TEST(test_drop),
		TEST(test_deferred),
		TEST(test_close_while_counted),
		TEST(test_every_kind),
		TEST(test_chain),
		TEST(test_bad_work),
		TEST(test_cancel_and_flush),
		TEST(test_forget),
		TEST(test_progress),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
