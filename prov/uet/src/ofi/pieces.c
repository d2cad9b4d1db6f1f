/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Several requests that are one operation to the application.
 *
 * All descriptors are there before the first piece starts, so that the call can still be
 * refused as a whole. A later piece that the SES cannot take yet waits on fep->unsent. So does
 * the last one of an unordered write with data until the others are done: the data may not be
 * seen before everything was written. The first error counts; what has not started by then
 * never does.
 */
#include <string.h>

#include "ofi/hmem.h"
#include "ofi/rma.h"

#define PIECES_CHUNK 16	/* objects allocated at a time */

#define COPIES_CHUNK 4

void uet_pieces_init(struct uet_fep *fep, size_t inject_size)
{
	/* Each takes descriptors, which are limited. */
	uet_pool_init(&fep->pieces, sizeof(struct uet_pieces), PIECES_CHUNK, 0);
	/* Operands and as many compare values. */
	uet_pool_init(&fep->copies, 2 * inject_size, COPIES_CHUNK, 0);
}

void uet_pieces_destroy(struct uet_fep *fep)
{
	uet_pool_destroy(&fep->pieces);
	uet_pool_destroy(&fep->copies);
	uet_list_init(&fep->unsent);
}

/* Copy @iov, *@cnt fragments, to @to, and let it name the copy. Returns the number of bytes. */
static size_t copy_iov(struct iovec *iov, uint8_t *cnt, char *to)
{
	size_t len = 0;
	uint8_t i;

	for (i = 0; i < *cnt; i++) {
		if (!iov[i].iov_len)
			continue;
		memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	iov[0] = (struct iovec){ .iov_base = to, .iov_len = len };
	*cnt = len > 0;
	return len;
}

int uet_pieces_copy(struct uet_fep *fep, struct uet_pieces *p, struct uet_rma_op *op)
{
	size_t len;

	p->copy = uet_pool_get(&fep->copies);
	if (!p->copy)
		return -FI_EAGAIN;
	len = copy_iov(op->iov, &op->iov_cnt, p->copy);
	if (op->opcode == UET_OP_FETCHING_ATOMIC)
		copy_iov(op->amo.compare, &op->amo.compare_cnt, (char *)p->copy + len);
	op->flags &= ~FI_INJECT;
	return 0;
}

static void put_object(struct uet_fep *fep, struct uet_pieces *p)
{
	if (p->copy)
		uet_pool_put(&fep->copies, p->copy);
	uet_pool_put(&fep->pieces, p);
}

static void put_unstarted(struct uet_fep *fep, struct uet_pieces *p)
{
	while (p->cnt > p->started)
		uet_ses_tx_put(fep->ses, p->tx[--p->cnt]);
}

struct uet_pieces *uet_pieces_get(struct uet_fep *fep, uint8_t cnt)
{
	struct uet_pieces *p = uet_pool_get(&fep->pieces);
	struct uet_ses_tx *tx;

	if (!p)
		return NULL;
	*p = (struct uet_pieces){ .cnt = 0 };
	uet_list_init(&p->link);
	while (p->cnt < cnt) {
		tx = uet_ses_tx_get(fep->ses);
		if (!tx) {
			uet_pieces_put(fep, p);
			return NULL;
		}
		tx->flags = UET_TX_PIECE;
		tx->context = p;
		p->tx[p->cnt++] = tx;
	}
	return p;
}

void uet_pieces_put(struct uet_fep *fep, struct uet_pieces *p)
{
	put_unstarted(fep, p);
	put_object(fep, p);
}

static int start(struct uet_fep *fep, struct uet_pieces *p, uint64_t now)
{
	int ret;

	while (p->started < p->cnt) {
		if (p->last_waits && p->started + 1 == p->cnt && p->open)
			return 0;
		ret = uet_ses_send(fep->ses, p->tx[p->started], now);
		if (ret)
			return ret;
		p->started++;
		p->open++;
	}
	return 0;
}

int uet_pieces_start(struct uet_fep *fep, struct uet_pieces *p, uint64_t now)
{
	int ret = start(fep, p, now);

	if (!p->started)
		return ret;
	if (p->started < p->cnt)
		uet_list_add_tail(&fep->unsent, &p->link);
	return 0;
}

/* Nothing of @p is under way or will be. */
static void finish(struct uet_fep *fep, struct uet_pieces *p)
{
	if (uet_hmem_finish(fep, p->stage, !p->err && !p->ep->closed))
		p->err = -FI_EIO;
	uet_ep_report_tx(p->ep, &p->event, p->wanted, p->err, p->prov_errno);
	put_object(fep, p);
}

/* What has not started never does. */
static void fail(struct uet_fep *fep, struct uet_pieces *p, int err, uint32_t prov_errno)
{
	p->err = err;
	p->prov_errno = prov_errno;
	put_unstarted(fep, p);
	uet_list_del(&p->link);
}

bool uet_pieces_done(struct uet_fep *fep, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct uet_pieces *p = tx->context;

	p->open--;
	if (err && !p->err)
		fail(fep, p, err, prov_errno);
	if (p->open || p->started < p->cnt)
		return false;
	finish(fep, p);
	return true;
}

void uet_pieces_abandon(struct uet_fep *fep, const struct uet_ep *ep)
{
	struct uet_list *pos, *next;
	struct uet_pieces *p;

	uet_list_for_each_safe(pos, next, &fep->unsent) {
		p = uet_list_entry(pos, struct uet_pieces, link);
		if (p->ep != ep)
			continue;
		fail(fep, p, -FI_ECANCELED, 0);
		if (!p->open)
			finish(fep, p);
	}
}

void uet_pieces_progress(struct uet_fep *fep, uint64_t now)
{
	struct uet_list *pos, *next;
	struct uet_pieces *p;

	fep->unsent_due = false;
	uet_list_for_each_safe(pos, next, &fep->unsent) {
		p = uet_list_entry(pos, struct uet_pieces, link);
		if (start(fep, p, now)) {
			/* Normally what is under way makes room, and says so when it is done. */
			fep->unsent_due = uet_ses_idle(fep->ses);
			return;
		}
		if (p->started == p->cnt)
			uet_list_del(&p->link);
	}
}
