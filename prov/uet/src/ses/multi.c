/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Multi-receive buffers (FI_MULTI_RECV, fi_msg(3)): one posted receive that takes message after
 * message, packed without gaps.
 *
 *   [ part | part | part |        free        ]
 *                         ^ used
 *
 * Each message gets a part, a receive of its own inside struct uet_ses_in. The buffer retires
 * - takes no more - when less than min_free bytes are free, when a message does not fit behind
 * others, or when it is cancelled; it is released once the last part has ended.
 */
#include <errno.h>
#include <string.h>

#include "ses/msg.h"

/* @rx, on no list and with no part under way, is the caller's again. */
static void release(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx, int err)
{
	struct uet_ses_rx_result res = {
		.err = err, .queue = rx->queue, .tag = rx->tag, .released = true,
	};

	rxq->ops->rx_done(rxq->upper, rx, &res);
}

static void retire(struct uet_ses_rx *rx)
{
	uet_list_del(&rx->link);
	rx->retired = true;
}

static void make_part(struct uet_ses_rx *part, struct uet_ses_rx *rx, size_t len)
{
	memset(part, 0, sizeof(*part));
	uet_list_init(&part->link);
	part->queue = rx->queue;
	part->tag = rx->tag;
	part->ignore = rx->ignore;
	part->len = len;
	part->mem = rx->mem;
	part->iov_cnt = 1;
	part->mem = rx->mem;
	part->iov[0].iov_base = (char *)rx->iov[0].iov_base + rx->used;
	part->iov[0].iov_len = len;
	part->owner = rx->owner;
	part->context = rx->context;
	part->flags = rx->flags;
	part->parent = rx;
}

struct uet_ses_rx *uet_ses_multi_take(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx,
				      struct uet_ses_in *in)
{
	size_t room = rx->len - rx->used;
	size_t len = uet_min_u64(in->request_length, room);

	if (in->request_length > room && rx->used > 0) {
		retire(rx);
		if (!rx->parts)
			release(rxq, rx, 0);
		return NULL;
	}
	make_part(&in->part, rx, len);
	rx->used += len;
	rx->parts++;
	if (room - len < rx->min_free)
		retire(rx);
	return &in->part;
}

void uet_ses_multi_recv(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx)
{
	struct uet_ses_rx *part;
	struct uet_ses_in *in;
	bool last = false;

	while (!last && (in = uet_ses_match_unex(rxq, rx))) {
		part = uet_ses_multi_take(rxq, rx, in);
		/* Whatever ends the loop, @rx may be gone after it. */
		last = !part || rx->retired;
		if (part)
			uet_ses_attach(in, part);
	}
}

void uet_ses_multi_cancel(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx)
{
	retire(rx);
	rx->cancelled = true;
	if (!rx->parts)
		release(rxq, rx, -ECANCELED);
}

void uet_ses_multi_end(struct uet_ses_rxq *rxq, const struct uet_ses_rx *part)
{
	struct uet_ses_rx *rx = part->parent;

	rx->parts--;
	if (rx->retired && !rx->parts)
		release(rxq, rx, rx->cancelled ? -ECANCELED : 0);
}

void uet_ses_multi_drop(struct uet_ses_rxq *rxq, const struct uet_ses_rx *part)
{
	struct uet_ses_rx *rx = part->parent;
	char *end = (char *)rx->iov[0].iov_base + rx->used;

	if ((char *)part->iov[0].iov_base + part->len == end)
		rx->used -= part->len;
	uet_ses_multi_end(rxq, part);
}

static void tell(const struct uet_ses_in *in, struct uet_ses_rx *rx,
		 const struct uet_ses_rx_result *res)
{
	if (in->ses)
		in->ses->ops->rx_done(in->ses->upper, rx, res);
	else
		in->rxq->ops->rx_done(in->rxq->upper, rx, res);
}

void uet_ses_rx_report(const struct uet_ses_in *in, struct uet_ses_rx *rx,
		       struct uet_ses_rx_result *res)
{
	struct uet_ses_rx *whole = rx->parent;
	struct uet_ses_rxq *rxq = in->rxq;
	bool last;

	if (uet_likely(!whole)) {
		tell(in, rx, res);
		return;
	}
	whole->parts--;
	last = whole->retired && !whole->parts;
	res->released = last && !whole->cancelled;
	tell(in, rx, res);
	if (!last)
		return;
	if (whole->cancelled)
		release(rxq, whole, -ECANCELED);
	else
		uet_ses_rx_put(rxq, whole);
}
