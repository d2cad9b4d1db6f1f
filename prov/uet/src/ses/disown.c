/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Operations that outlive the right to use their memory: their context is closed, while the SES
 * goes on for others. Targets have part of what is being sent, so the rest must be kept.
 */
#include <errno.h>
#include <stdlib.h>

#include "ses/defer.h"
#include "ses/rma.h"
#include "ses/rndv.h"

struct owner {
	bool (*is_his)(const void *owner, const void *arg);
	const void *arg;
};

void uet_ses_own_free(struct uet_ses_tx *tx)
{
	uet_list_del(&tx->own->link);
	free(tx->own);
	tx->own = NULL;
}

void uet_ses_own_free_all(struct uet_ses *ses)
{
	while (!uet_list_empty(&ses->owns)) {
		struct uet_ses_own *own;

		own = uet_list_entry(uet_list_first(&ses->owns), struct uet_ses_own, link);
		uet_list_del(&own->link);
		free(own);
	}
}

static int keep_payload(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_own *own = malloc(sizeof(*own) + tx->len);
	struct uet_ses_cursor cur = { 0 };

	if (!own)
		return -ENOMEM;
	uet_ses_iov_read(tx->iov, tx->iov_cnt, &cur, 0, own->data, tx->len);
	tx->cur = (struct uet_ses_cursor){ 0 };
	tx->iov[0] = (struct iovec){ .iov_base = own->data, .iov_len = tx->len };
	tx->iov_cnt = 1;
	if (tx->rndv)
		tx->rndv->region.iov_cnt = 1;
	tx->own = own;
	uet_list_add_tail(&ses->owns, &own->link);
	return 0;
}

static int disown(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	/* The operands of an atomic travel as a copy anyway. */
	if (tx->amo)
		tx->amo->result_cnt = 0;
	else if (tx->opcode == UET_OP_READ)
		tx->iov_cnt = 0;
	else if (!tx->copy && !tx->own && tx->len)
		return keep_payload(ses, tx);
	return 0;
}

static int disown_list(struct uet_ses *ses, const struct uet_list *list, const struct owner *o)
{
	struct uet_list *pos;
	int ret = 0;

	for (pos = list->next; pos != list && !ret; pos = pos->next) {
		struct uet_ses_tx *tx = uet_list_entry(pos, struct uet_ses_tx, link);

		/* What SES posts on its own behalf has no such owner. */
		if (tx->opcode == UET_SES_REPLY || uet_ses_is_note(tx) || tx->pull)
			continue;
		if (o->is_his(tx->owner, o->arg))
			ret = disown(ses, tx);
	}
	return ret;
}

/* Those that wait to be read are on a list without a head. */
static int disown_rndvs(struct uet_ses *ses, const struct owner *o)
{
	struct uet_list *pos;
	int i, ret = 0;

	for (i = 0; i < UET_SES_TOKEN_BUCKETS; i++) {
		const struct uet_list *list = &ses->rndvs[i];

		for (pos = list->next; pos != list && !ret; pos = pos->next) {
			struct uet_ses_rndv *rndv = uet_list_entry(pos, struct uet_ses_rndv, link);

			if (o->is_his(rndv->tx->owner, o->arg))
				ret = disown(ses, rndv->tx);
		}
	}
	return ret;
}

int uet_ses_disown(struct uet_ses *ses, bool (*is_his)(const void *owner, const void *arg),
		   const void *arg)
{
	const struct owner o = { .is_his = is_his, .arg = arg };
	struct uet_list *pos;
	int ret;

	ret = disown_list(ses, &ses->active, &o);
	ret = ret ? ret : disown_list(ses, &ses->paused, &o);
	ret = ret ? ret : disown_list(ses, &ses->finished, &o);
	for (pos = ses->holds.next; pos != &ses->holds && !ret; pos = pos->next)
		ret = disown_list(ses, &uet_list_entry(pos, struct uet_ses_hold, link)->waiting,
				  &o);
	for (pos = ses->watches.next; pos != &ses->watches && !ret; pos = pos->next)
		ret = disown_list(ses, &uet_list_entry(pos, struct uet_ses_watch, link)->sends,
				  &o);
	for (pos = ses->fences.next; pos != &ses->fences && !ret; pos = pos->next)
		ret = disown_list(ses, &uet_list_entry(pos, struct uet_ses_fence, link)->waiting,
				  &o);
	return ret ? ret : disown_rndvs(ses, &o);
}
