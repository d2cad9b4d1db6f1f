/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ses/rndv.h"

#define CHUNK 64	/* descriptors allocated at a time */
#define PROBE_TIME (500 * UET_NSEC_PER_MSEC)

static const struct uet_pds_upper_ops pds_ops = {
	.fill = uet_ses_fill,
	.response = uet_ses_response,
	.done = uet_ses_done,
	.rx = uet_ses_rx_packet,
	.pdc_gone = uet_ses_pdc_gone,
	.needed = uet_ses_watch_needs,
};

static bool cfg_valid(const struct uet_ses_cfg *cfg)
{
	if (cfg->job_id >> 24 || cfg->pid_on_fep >> 12 || cfg->resource_index >> 12)
		return false;
	if (cfg->payload_mtu != 1024 && cfg->payload_mtu != 2048 && cfg->payload_mtu != 4096 &&
	    cfg->payload_mtu != 8192)
		return false;
	return cfg->max_tx > 0 && cfg->retry_time > 0 && cfg->indices <= UET_SES_INDICES;
}

static void pools_init(struct uet_ses *ses)
{
	const struct uet_ses_cfg *cfg = &ses->cfg;

	uet_pool_init(&ses->tx_pool, sizeof(struct uet_ses_tx), CHUNK, cfg->max_tx);
	uet_pool_init(&ses->copy_pool, uet_max_u64(cfg->inject_size, sizeof(void *)), CHUNK,
		      cfg->max_tx);
	uet_pool_init(&ses->hold_pool, sizeof(struct uet_ses_hold), CHUNK, 0);
	uet_pool_init(&ses->fence_pool, sizeof(struct uet_ses_fence), CHUNK, 0);
	uet_pool_init(&ses->flow_pool, sizeof(struct uet_ses_flow), CHUNK, 0);
	uet_pool_init(&ses->amo_pool, sizeof(struct uet_ses_amo_buf), CHUNK, cfg->max_tx);
	uet_pool_init(&ses->operand_pool, cfg->payload_mtu, CHUNK, cfg->max_tx);
	uet_pool_init(&ses->reply_pool, sizeof(struct uet_ses_reply) + cfg->payload_mtu, CHUNK,
		      cfg->max_replies ? cfg->max_replies : UET_SES_REPLIES);
	uet_pool_init(&ses->note_pool, sizeof(struct uet_ses_note), CHUNK, 0);
	uet_pool_init(&ses->watch_pool, sizeof(struct uet_ses_watch), CHUNK, 0);
	uet_pool_init(&ses->rndv_pool, sizeof(struct uet_ses_rndv), CHUNK, cfg->max_tx);
	uet_pool_init(&ses->pull_pool, sizeof(struct uet_ses_pull), CHUNK, 0);
}

static void lists_init(struct uet_ses *ses)
{
	int i;

	uet_list_init(&ses->rma);
	uet_list_init(&ses->replies);
	for (i = 0; i < UET_SES_READ_BUCKETS; i++)
		uet_list_init(&ses->reads[i]);
	uet_list_init(&ses->active);
	uet_list_init(&ses->paused);
	uet_list_init(&ses->finished);
	uet_list_init(&ses->holds);
	uet_list_init(&ses->fences);
	uet_list_init(&ses->owns);
	uet_list_init(&ses->flows);
	uet_list_init(&ses->notes);
	uet_list_init(&ses->watches);
	uet_list_init(&ses->pulls);
	uet_list_init(&ses->pulling);
	for (i = 0; i < UET_SES_TOKEN_BUCKETS; i++) {
		uet_list_init(&ses->tokens[i]);
		uet_list_init(&ses->rndvs[i]);
		uet_list_init(&ses->awaits[i]);
	}
}

int uet_ses_create(const struct uet_ses_cfg *cfg, struct uet_nic *nic,
		   const struct uet_ses_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_ses **out)
{
	static const struct uet_ses_rxq_cfg rma_cfg = {
		.max_rx = 1, .max_unexpected = UET_SES_RMA_IN,
	};
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
	if (ses->cfg.probe_time == 0)
		ses->cfg.probe_time = PROBE_TIME;
	/* Not what an earlier life on the same port has given out. */
	ses->token_last = (uint32_t)(cfg->pds.seed ^ cfg->pds.seed >> 32);
	ses->rndv_key = cfg->pds.seed;
	/* 0 ("no id") and 0xFFFF are never used (UEC 3.4.1, choice Q1 of the wire notes). */
	ses->ids[0] |= 1;
	ses->ids[UET_ARRAY_SIZE(ses->ids) - 1] |= 1ull << 63;
	pools_init(ses);
	lists_init(ses);
	ses->rudi_data = malloc(cfg->payload_mtu);
	ret = ses->rudi_data ? uet_ses_rxq_create(&rma_cfg, ops, upper, &ses->rma_rxq) : -ENOMEM;
	if (!ret)
		ret = uet_pds_create(&cfg->pds, nic, &pds_ops, ses, now, &ses->pds);
	if (ret) {
		uet_ses_rxq_destroy(ses->rma_rxq);
		free(ses->rudi_data);
		free(ses);
		return ret;
	}
	*out = ses;
	return 0;
}

void uet_ses_destroy(struct uet_ses *ses)
{
	if (!ses)
		return;
	uet_pds_destroy(ses->pds);
	uet_ses_rxq_detach_all(ses);
	uet_ses_own_free_all(ses);
	uet_pool_destroy(&ses->tx_pool);
	uet_pool_destroy(&ses->copy_pool);
	uet_pool_destroy(&ses->hold_pool);
	uet_pool_destroy(&ses->fence_pool);
	uet_pool_destroy(&ses->flow_pool);
	uet_pool_destroy(&ses->amo_pool);
	uet_pool_destroy(&ses->operand_pool);
	uet_pool_destroy(&ses->reply_pool);
	uet_ses_rxq_destroy(ses->rma_rxq);
	free(ses->rudi_data);
	uet_pool_destroy(&ses->note_pool);
	uet_pool_destroy(&ses->watch_pool);
	uet_pool_destroy(&ses->rndv_pool);
	uet_pool_destroy(&ses->pull_pool);
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
	uet_clear(tx, offsetof(struct uet_ses_tx, iov));
	uet_list_init(&tx->link);
	uet_list_init(&tx->read_link);
	uet_list_init(&tx->token_link);
	uet_list_init(&tx->msg.link);
	return tx;
}

void uet_ses_tx_put(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	uet_ses_tx_uncopy(ses, tx);
	if (uet_unlikely(tx->own != NULL))
		uet_ses_own_free(tx);
	if (tx->amo)
		uet_pool_put(&ses->amo_pool, uet_ses_amo_buf(tx));
	uet_pool_put(&ses->tx_pool, tx);
}
