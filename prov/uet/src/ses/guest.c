/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Guests of a receive queue. Each is an inbound message (struct uet_ses_in) without a SES, in state
 * UNEX until it has a receive, MATCHED then, and FAILED when only a claim of it is left. They do
 * not count against the limits of the queue: what they need is kept where they came from.
 */
#include <string.h>

#include "ses/guest.h"
#include "ses/msg.h"

struct uet_ses_guest {
	struct uet_ses_in in;
	const struct uet_ses_guest_ops *ops;
	void *owner;
};

static struct uet_ses_guest *guest_of(struct uet_ses_in *in)
{
	return uet_container_of(in, struct uet_ses_guest, in);
}

size_t uet_ses_guest_size(void)
{
	return sizeof(struct uet_ses_guest);
}

struct uet_ses_guest *uet_ses_guest_new(struct uet_ses_rxq *rxq,
					const struct uet_ses_guest_msg *msg,
					const struct uet_ses_guest_ops *ops, void *owner)
{
	struct uet_ses_guest *guest = uet_pool_get(&rxq->guest_pool);
	struct uet_ses_in *in;

	if (!guest)
		return NULL;
	memset(guest, 0, sizeof(*guest));
	guest->ops = ops;
	guest->owner = owner;
	in = &guest->in;
	in->guest = true;
	uet_list_init(&in->unex.link);
	in->rxq = rxq;
	in->state = UET_IN_UNEX;
	in->queue = msg->queue;
	in->tag = msg->tag;
	in->source = msg->source;
	in->request_length = (uint32_t)uet_min_u64(msg->len, UET_SES_MAX_MSG);
	return guest;
}

static void take(struct uet_ses_in *in, struct uet_ses_rx *rx)
{
	in->rx = rx;
	in->state = UET_IN_MATCHED;
}

struct uet_ses_rx *uet_ses_guest_match(struct uet_ses_guest *guest)
{
	struct uet_ses_rx *rx = uet_ses_match_posted(guest->in.rxq, &guest->in);

	if (rx)
		take(&guest->in, rx);
	return rx;
}

void uet_ses_guest_queue(struct uet_ses_guest *guest, bool has_data, uint64_t data)
{
	struct uet_ses_in *in = &guest->in;

	in->has_data = has_data;
	in->data = data;
	uet_list_add_tail(&in->rxq->unex[in->queue], &in->unex.link);
}

void uet_ses_guest_start(struct uet_ses_in *in, struct uet_ses_rx *rx)
{
	struct uet_ses_guest *guest = guest_of(in);

	uet_list_del(&in->unex.link);
	take(in, rx);
	guest->ops->start(guest->owner, rx);
}

void uet_ses_guest_known(struct uet_ses_guest *guest, const struct uet_ses_source *source)
{
	struct uet_ses_in *in = &guest->in;
	struct uet_ses_rx *rx;

	in->source = *source;
	if (in->unex.claimed)
		return;
	rx = uet_ses_match_posted(in->rxq, in);
	if (rx)
		uet_ses_guest_start(in, rx);
}

static void put(struct uet_ses_in *in)
{
	uet_list_del(&in->unex.link);
	uet_pool_put(&in->rxq->guest_pool, guest_of(in));
}

void uet_ses_guest_discard(struct uet_ses_in *in)
{
	struct uet_ses_guest *guest = guest_of(in);
	const struct uet_ses_guest_ops *ops = guest->ops;
	bool gone = in->state == UET_IN_FAILED;
	void *owner = guest->owner;

	put(in);
	if (!gone)
		ops->drop(owner);
}

void uet_ses_guest_end(struct uet_ses_guest *guest)
{
	struct uet_ses_in *in = &guest->in;
	struct uet_ses_rxq *rxq = in->rxq;
	struct uet_ses_rx *rx = in->rx;

	if (in->unex.claimed) {
		in->state = UET_IN_FAILED;
		in->rc = UET_RC_NULL;
		return;
	}
	if (rx && rx->parent)
		uet_ses_multi_end(rxq, rx);
	else if (rx)
		uet_ses_rx_put(rxq, rx);
	put(in);
}
