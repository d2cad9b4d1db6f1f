/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Matching (UEC 3.4.1.3.8): posted receives in the order of posting against messages in the
 * order of arrival, one pair of lists for untagged and one for tagged messages.
 */
#include <errno.h>
#include <string.h>

#include "ses/guest.h"
#include "ses/rndv.h"

/* Does @rx take a message with @tag of its queue from @initiator at @host? */
static bool suits(const struct uet_ses_rx *rx, uint64_t tag, const struct uet_addr *host,
		  uint32_t initiator)
{
	if (rx->queue == UET_SES_TAGGED && ((tag ^ rx->tag) & ~rx->ignore))
		return false;
	if (!rx->directed)
		return true;
	return rx->source.initiator == initiator && uet_addr_same_host(&rx->source.host, host);
}

static bool takes(const struct uet_ses_rx *rx, const struct uet_ses_in *in)
{
	return suits(rx, in->tag, &in->source.host, in->source.initiator);
}

struct uet_ses_rx *uet_ses_match_peek(struct uet_ses_rxq *rxq, uint8_t queue, uint64_t tag,
				      const struct uet_addr *host, uint32_t initiator)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &rxq->posted[queue]) {
		struct uet_ses_rx *rx = uet_list_entry(pos, struct uet_ses_rx, link);

		if (suits(rx, tag, host, initiator))
			return rx;
	}
	return NULL;
}

struct uet_ses_rx *uet_ses_match_posted(struct uet_ses_rxq *rxq, struct uet_ses_in *in)
{
	struct uet_list *head = &rxq->posted[in->queue];
	struct uet_list *pos;

	uet_list_for_each(pos, head) {
		struct uet_ses_rx *rx = uet_list_entry(pos, struct uet_ses_rx, link);

		if (!takes(rx, in))
			continue;
		if (!rx->multi) {
			uet_list_del(&rx->link);
			return rx;
		}
		rx = uet_ses_multi_take(rxq, rx, in);
		if (rx)
			return rx;
		/* Whom the release was told may have changed the queue. */
		pos = head;
	}
	return NULL;
}

struct uet_ses_in *uet_ses_match_unex(struct uet_ses_rxq *rxq, const struct uet_ses_rx *rx)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &rxq->unex[rx->queue]) {
		struct uet_ses_unex *unex = uet_list_entry(pos, struct uet_ses_unex, link);

		if (takes(rx, uet_ses_unex_in(unex)))
			return uet_ses_unex_in(unex);
	}
	return NULL;
}

void uet_ses_rx_fail(struct uet_ses_rx *rx, const struct uet_ses_in *in, uint8_t rc)
{
	struct uet_ses_rx_result res;

	uet_ses_in_result(in, &res);
	res.err = -EIO;
	res.rc = rc;
	res.len = 0;
	uet_ses_rx_report(in, rx, &res);
}

void uet_ses_deliver(struct uet_ses_in *in)
{
	struct uet_ses *ses = in->ses;
	struct uet_ses_rx *rx = in->rx;
	struct uet_ses_rx_result res;

	uet_ses_in_result(in, &res);
	if (res.msg_len > rx->len) {
		res.err = -EMSGSIZE;
		res.len = rx->len;
		ses->stats.truncated++;
	}
	if (uet_unlikely(rx->mem_err))
		res.err = rx->mem_err;
	ses->stats.rx_msgs++;
	ses->stats.rx_bytes += res.len;
	uet_ses_rx_report(in, rx, &res);
	uet_ses_in_put(in);
}

void uet_ses_attach(struct uet_ses_in *in, struct uet_ses_rx *rx)
{
	struct uet_ses_unex *unex = &in->unex;
	size_t hi = uet_min_u64(unex->hi, rx->len);

	if (uet_unlikely(in->guest)) {
		uet_ses_guest_start(in, rx);
		return;
	}
	memset(&rx->cur, 0, sizeof(rx->cur));
	if (unex->buf && unex->lo < hi)
		uet_ses_rx_write(rx, unex->lo, unex->buf + unex->lo, hi - unex->lo);
	uet_ses_unex_remove(in);
	if (in->deferred) {
		uet_ses_defer_take(in, rx);
		return;
	}
	if (in->rndv && !in->flow) {
		uet_ses_rndv_take(in, rx);
		return;
	}
	in->rx = rx;
	in->state = UET_IN_MATCHED;
	if (!in->flow)
		uet_ses_deliver(in);
}

void uet_ses_recv(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx, uint64_t now)
{
	struct uet_ses_in *in = NULL;

	(void)now;
	if (!rx->multi && !uet_list_empty(&rxq->unex[rx->queue]))
		in = uet_ses_match_unex(rxq, rx);
	if (in) {
		uet_ses_attach(in, rx);
		return;
	}
	memset(&rx->cur, 0, sizeof(rx->cur));
	rx->seq = rxq->rx_seq++;
	uet_list_add_tail(&rxq->posted[rx->queue], &rx->link);
	if (rx->multi)
		uet_ses_multi_recv(rxq, rx);
}

void uet_ses_rx_again(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx)
{
	struct uet_ses_in *in = uet_ses_match_unex(rxq, rx);

	rx->mem_err = 0;
	if (in)
		uet_ses_attach(in, rx);
	else
		uet_list_add_after(&rxq->posted[rx->queue], &rx->link);
}

static struct uet_ses_rx *find_context(struct uet_list *head, const void *context)
{
	struct uet_list *pos;

	uet_list_for_each(pos, head) {
		struct uet_ses_rx *rx = uet_list_entry(pos, struct uet_ses_rx, link);

		if (rx->context == context)
			return rx;
	}
	return NULL;
}

bool uet_ses_cancel(struct uet_ses_rxq *rxq, void *context)
{
	struct uet_ses_rx_result res = { .err = -ECANCELED };
	struct uet_ses_rx *oldest = NULL;
	int q;

	for (q = 0; q < UET_SES_QUEUES; q++) {
		struct uet_ses_rx *rx = find_context(&rxq->posted[q], context);

		if (rx && (!oldest || rx->seq < oldest->seq))
			oldest = rx;
	}
	if (!oldest)
		return false;
	if (oldest->multi) {
		uet_ses_multi_cancel(rxq, oldest);
		return true;
	}
	uet_list_del(&oldest->link);
	res.queue = oldest->queue;
	res.tag = oldest->tag;
	rxq->ops->rx_done(rxq->upper, oldest, &res);
	return true;
}
