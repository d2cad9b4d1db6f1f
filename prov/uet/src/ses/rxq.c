/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receive queues as objects, and the resource indices of a SES behind which they stand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ses/guest.h"
#include "ses/rndv.h"

#define CHUNK 64	/* descriptors allocated at a time */

static void init(struct uet_ses_rxq *rxq)
{
	const struct uet_ses_rxq_cfg *cfg = &rxq->cfg;
	int q;

	uet_pool_init(&rxq->rx_pool, sizeof(struct uet_ses_rx), CHUNK, cfg->max_rx);
	uet_pool_init(&rxq->in_pool, sizeof(struct uet_ses_in), CHUNK,
		      cfg->max_rx + cfg->max_unexpected + UET_SES_SPARE_IN);
	uet_pool_init(&rxq->small_pool, UET_SES_SMALL_BUF, CHUNK, 0);
	uet_pool_init(&rxq->guest_pool, uet_ses_guest_size(), CHUNK, 0);
	uet_list_init(&rxq->claimed);
	uet_list_init(&rxq->spare);
	for (q = 0; q < UET_SES_QUEUES; q++) {
		uet_list_init(&rxq->posted[q]);
		uet_list_init(&rxq->unex[q]);
	}
}

int uet_ses_rxq_create(const struct uet_ses_rxq_cfg *cfg, const struct uet_ses_upper_ops *ops,
		       void *upper, struct uet_ses_rxq **out)
{
	struct uet_ses_rxq *rxq;

	if (cfg->max_rx == 0 ||
	    (uint64_t)cfg->max_rx + cfg->max_unexpected + UET_SES_SPARE_IN > UINT32_MAX)
		return -EINVAL;
	rxq = calloc(1, sizeof(*rxq));
	if (!rxq)
		return -ENOMEM;
	rxq->cfg = *cfg;
	rxq->ops = ops;
	rxq->upper = upper;
	init(rxq);
	*out = rxq;
	return 0;
}

void uet_ses_rxq_destroy(struct uet_ses_rxq *rxq)
{
	if (!rxq)
		return;
	uet_pool_destroy(&rxq->rx_pool);
	uet_pool_destroy(&rxq->in_pool);
	uet_pool_destroy(&rxq->small_pool);
	uet_pool_destroy(&rxq->guest_pool);
	free(rxq);
}

int uet_ses_rxq_attach(struct uet_ses *ses, uint16_t resource_index, struct uet_ses_rxq *rxq)
{
	uint32_t i = (uint32_t)resource_index - ses->cfg.resource_index;

	if (i >= UET_SES_INDICES || resource_index >> 12)
		return -EINVAL;
	if (ses->rxq[i])
		return -EBUSY;
	ses->rxq[i] = rxq;
	return 0;
}

static bool serves(const struct uet_ses *ses, const struct uet_ses_in *in, int index)
{
	if (in->ses != ses)
		return false;
	return index < 0 || in->resource_index == ses->cfg.resource_index + index;
}

/* A message on @head that came to @ses by @index (< 0: any), or NULL. */
static struct uet_ses_in *first_of(struct uet_ses *ses, const struct uet_list *head, int index)
{
	struct uet_list *pos;

	uet_list_for_each(pos, head) {
		struct uet_ses_in *in;

		in = uet_ses_unex_in(uet_list_entry(pos, struct uet_ses_unex, link));
		if (serves(ses, in, index))
			return in;
	}
	return NULL;
}

static struct uet_ses_in *first_open(struct uet_ses *ses, int index)
{
	struct uet_list *f, *pos;

	uet_list_for_each(f, &ses->flows) {
		struct uet_ses_flow *flow = uet_list_entry(f, struct uet_ses_flow, link);

		uet_list_for_each(pos, &flow->open) {
			struct uet_ses_in *in = uet_list_entry(pos, struct uet_ses_in, open);

			if (serves(ses, in, index))
				return in;
		}
	}
	return NULL;
}

/* Complete messages first: no receive that is posted again shall find them. */
static void orphan_all(struct uet_ses *ses, struct uet_ses_rxq *rxq, int index)
{
	struct uet_ses_in *in;
	int q;

	for (q = 0; q < UET_SES_QUEUES; q++)
		while ((in = first_of(ses, &rxq->unex[q], index)))
			uet_ses_in_orphan(in);
	while ((in = first_of(ses, &rxq->claimed, index)))
		uet_ses_in_orphan(in);
	while ((in = first_open(ses, index)))
		uet_ses_in_orphan(in);
	while ((in = uet_ses_defer_any(ses, index)))
		uet_ses_in_orphan(in);
	while ((in = uet_ses_rndv_any(ses, index)))
		uet_ses_in_orphan(in);
}

void uet_ses_rxq_detach(struct uet_ses *ses, uint16_t resource_index)
{
	struct uet_ses_rxq *rxq = uet_ses_rxq_at(ses, resource_index);

	if (!rxq)
		return;
	ses->rxq[resource_index - ses->cfg.resource_index] = NULL;
	orphan_all(ses, rxq, resource_index - ses->cfg.resource_index);
}

void uet_ses_rxq_detach_all(struct uet_ses *ses)
{
	int i;

	for (i = 0; i < UET_SES_INDICES; i++)
		uet_ses_rxq_detach(ses, (uint16_t)(ses->cfg.resource_index + i));
}

struct uet_ses_rx *uet_ses_rx_get(struct uet_ses_rxq *rxq)
{
	struct uet_ses_rx *rx = uet_pool_get(&rxq->rx_pool);

	if (!rx)
		return NULL;
	uet_clear(rx, offsetof(struct uet_ses_rx, iov));
	uet_list_init(&rx->link);
	return rx;
}

void uet_ses_rx_put(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx)
{
	if (rx->parent)
		return;
	uet_pool_put(&rxq->rx_pool, rx);
}
