/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ses/msg.h"

#define CHUNK 64	/* descriptors allocated at a time */

static const struct uet_pds_upper_ops pds_ops = {
	.fill = uet_ses_fill,
	.response = uet_ses_response,
	.done = uet_ses_done,
	.rx = uet_ses_rx_packet,
	.pdc_gone = uet_ses_pdc_gone,
};

static bool cfg_valid(const struct uet_ses_cfg *cfg)
{
	if (cfg->job_id >> 24 || cfg->pid_on_fep >> 12 || cfg->resource_index >> 12)
		return false;
	if (cfg->payload_mtu != 1024 && cfg->payload_mtu != 2048 && cfg->payload_mtu != 4096 &&
	    cfg->payload_mtu != 8192)
		return false;
	if ((uint64_t)cfg->max_rx + cfg->max_unexpected + UET_SES_SPARE_IN > UINT32_MAX)
		return false;
	return cfg->max_tx > 0 && cfg->max_rx > 0 && cfg->retry_time > 0;
}

static void pools_init(struct uet_ses *ses)
{
	const struct uet_ses_cfg *cfg = &ses->cfg;

	uet_pool_init(&ses->tx_pool, sizeof(struct uet_ses_tx), CHUNK, cfg->max_tx);
	uet_pool_init(&ses->copy_pool, uet_max_u64(cfg->inject_size, sizeof(void *)), CHUNK,
		      cfg->max_tx);
	uet_pool_init(&ses->hold_pool, sizeof(struct uet_ses_hold), CHUNK, 0);
	uet_pool_init(&ses->rx_pool, sizeof(struct uet_ses_rx), CHUNK, cfg->max_rx);
	uet_pool_init(&ses->in_pool, sizeof(struct uet_ses_in), CHUNK,
		      cfg->max_rx + cfg->max_unexpected + UET_SES_SPARE_IN);
	uet_pool_init(&ses->flow_pool, sizeof(struct uet_ses_flow), CHUNK, 0);
	uet_pool_init(&ses->small_pool, UET_SES_SMALL_BUF, CHUNK, 0);
}

static void lists_init(struct uet_ses *ses)
{
	int q;

	uet_list_init(&ses->active);
	uet_list_init(&ses->paused);
	uet_list_init(&ses->finished);
	uet_list_init(&ses->holds);
	uet_list_init(&ses->claimed);
	uet_list_init(&ses->spare);
	for (q = 0; q < UET_SES_QUEUES; q++) {
		uet_list_init(&ses->posted[q]);
		uet_list_init(&ses->unex[q]);
	}
}

int uet_ses_create(const struct uet_ses_cfg *cfg, struct uet_nic *nic,
		   const struct uet_ses_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_ses **out)
{
	struct uet_ses *ses;
	int ret;

	if (!cfg_valid(cfg))
		return -EINVAL;
	ses = calloc(1, sizeof(*ses));
	if (!ses)
		return -ENOMEM;
	ses->cfg = *cfg;
	ses->ops = ops;
	ses->upper = upper;
	ses->next = UET_TIME_NEVER;
	/* 0 ("no id") and 0xFFFF are never used (UEC 3.4.1, choice Q1 of the wire notes). */
	ses->ids[0] |= 1;
	ses->ids[UET_ARRAY_SIZE(ses->ids) - 1] |= 1ull << 63;
	pools_init(ses);
	lists_init(ses);
	ret = uet_pds_create(&cfg->pds, nic, &pds_ops, ses, now, &ses->pds);
	if (ret) {
		free(ses);
		return ret;
	}
	*out = ses;
	return 0;
}

/* Payload buffers are the only memory that does not come from a pool. */
static void free_unexpected(struct uet_ses *ses, struct uet_list *head)
{
	while (!uet_list_empty(head)) {
		struct uet_ses_unex *unex;

		unex = uet_list_entry(uet_list_first(head), struct uet_ses_unex, link);
		unex->claimed = false;
		uet_ses_unex_remove(ses, uet_ses_unex_in(unex));
	}
}

void uet_ses_destroy(struct uet_ses *ses)
{
	int q;

	if (!ses)
		return;
	uet_pds_destroy(ses->pds);
	for (q = 0; q < UET_SES_QUEUES; q++)
		free_unexpected(ses, &ses->unex[q]);
	free_unexpected(ses, &ses->claimed);
	uet_pool_destroy(&ses->tx_pool);
	uet_pool_destroy(&ses->copy_pool);
	uet_pool_destroy(&ses->hold_pool);
	uet_pool_destroy(&ses->rx_pool);
	uet_pool_destroy(&ses->in_pool);
	uet_pool_destroy(&ses->flow_pool);
	uet_pool_destroy(&ses->small_pool);
	free(ses);
}

struct uet_pds *uet_ses_pds(struct uet_ses *ses)
{
	return ses->pds;
}

const struct uet_ses_stats *uet_ses_stats(const struct uet_ses *ses)
{
	return &ses->stats;
}

bool uet_ses_idle(const struct uet_ses *ses)
{
	return ses->tx_open == 0;
}

struct uet_ses_tx *uet_ses_tx_get(struct uet_ses *ses)
{
	struct uet_ses_tx *tx = uet_pool_get(&ses->tx_pool);

	if (!tx)
		return NULL;
	memset(tx, 0, sizeof(*tx));
	uet_list_init(&tx->link);
	uet_list_init(&tx->msg.link);
	return tx;
}

void uet_ses_tx_put(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	if (tx->copy)
		uet_pool_put(&ses->copy_pool, tx->copy);
	uet_pool_put(&ses->tx_pool, tx);
}

struct uet_ses_rx *uet_ses_rx_get(struct uet_ses *ses)
{
	struct uet_ses_rx *rx = uet_pool_get(&ses->rx_pool);

	if (!rx)
		return NULL;
	memset(rx, 0, sizeof(*rx));
	uet_list_init(&rx->link);
	return rx;
}

void uet_ses_rx_put(struct uet_ses *ses, struct uet_ses_rx *rx)
{
	uet_pool_put(&ses->rx_pool, rx);
}
