/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/cp.h"

#include <errno.h>
#include <stdlib.h>

#include "pds/ahead.h"

#define MAX_PDC 65535u
#define MAX_RUDI 65536u

/* Destination flow control: percent of our buffers in use, and what sources are told. */
#define PRESSURE_NONE	25u
#define PRESSURE_LOW	50u
#define PRESSURE_HIGH	95u
#define PENALTY_LOW	32u
#define PENALTY_MAX	127u

static bool cfg_ok(const struct uet_pds_cfg *cfg)
{
	return cfg->max_pdc >= 1 && cfg->max_pdc <= MAX_PDC &&
	       cfg->mp_range >= UET_PDS_MPR_UNIT && cfg->mp_range <= UET_PDS_WINDOW &&
	       cfg->mp_range % UET_PDS_MPR_UNIT == 0 && cfg->max_stored >= 1 &&
	       cfg->max_stored <= UINT32_MAX / 2 && cfg->max_rudi <= MAX_RUDI &&
	       cfg->nack_retx_time && cfg->nack_retx_max >= cfg->nack_retx_time &&
	       cfg->nack_retx_max <= UET_TIME_NEVER / 4 &&
	       cfg->peer_timeout && cfg->peer_timeout <= UET_TIME_NEVER / 4 &&
	       cfg->refused_timeout <= UET_TIME_NEVER / 4 &&
	       cfg->idle_close && cfg->idle_close <= UET_TIME_NEVER / 4 &&
	       cfg->target_idle && cfg->target_idle <= UET_TIME_NEVER / 4 &&
	       cfg->linger <= UET_TIME_NEVER / 4 && cfg->cms.mtu && cfg->cms.window_max &&
	       cfg->cms.rto_min && cfg->cms.rto_max >= cfg->cms.rto_min &&
	       cfg->cms.rto_max <= UET_TIME_NEVER / 4 &&
	       cfg->cms.algorithm <= (UET_CMS_NSCC | UET_CMS_RCCC) &&
	       cfg->cms.base_rtt <= UET_NSEC_PER_SEC;
}

int uet_pds_create(const struct uet_pds_cfg *cfg, struct uet_nic *nic,
		   const struct uet_pds_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_pds **out)
{
	struct uet_pds *pds;
	uint32_t i;

	if (!cfg_ok(cfg))
		return -EINVAL;
	pds = calloc(1, sizeof(*pds));
	if (!pds)
		return -ENOMEM;
	pds->nic = nic;
	pds->ops = ops;
	pds->upper = upper;
	pds->now = now;
	pds->cfg = *cfg;
	uet_rand_seed(&pds->rand, cfg->seed);
	uet_timers_init(&pds->timers);
	uet_pool_init(&pds->storeds, sizeof(struct uet_stored), 64,
		      cfg->max_stored + cfg->max_pdc + 1);
	for (i = 0; i < UET_PDS_RING_SIZES; i++) {
		size_t size = (size_t)(UET_PDS_RING_MIN << i) * sizeof(struct uet_txd);

		uet_pool_init(&pds->rings[i], size, i < 4 ? 32u >> i : 1, 0);
	}
	uet_list_init(&pds->all);
	uet_list_init(&pds->ready);
	uet_list_init(&pds->pending);
	uet_list_init(&pds->idle);
	uet_list_init(&pds->storing);
	uet_list_init(&pds->lingers);
	uet_list_init(&pds->finished);
	pds->batch.seq = 1;	/* 0 marks descriptors that never were in a batch */
	uet_pool_init(&pds->copies, nic->mtu, 8, UET_PDS_BATCH);
	uet_pool_init(&pds->nacks, sizeof(struct uet_pds_nacks), 8, cfg->max_pdc);
	uet_credit_create(pds);
	uet_ahead_create(pds);
	if (uet_rudi_create(pds) || uet_table_create(pds) || uet_ccc_create(pds)) {
		uet_pds_destroy(pds);
		return -ENOMEM;
	}
	*out = pds;
	return 0;
}

void uet_pds_destroy(struct uet_pds *pds)
{
	uint32_t i;

	uet_table_destroy(pds);
	uet_ccc_destroy(pds);
	uet_credit_destroy(pds);
	uet_rudi_destroy(pds);
	uet_timers_destroy(&pds->timers);
	uet_pool_destroy(&pds->copies);
	uet_pool_destroy(&pds->nacks);
	uet_pool_destroy(&pds->storeds);
	uet_ahead_destroy(pds);
	for (i = 0; i < UET_PDS_RING_SIZES; i++)
		uet_pool_destroy(&pds->rings[i]);
	free(pds);
}

/* The PDC for a message of @pkt_cnt packets, or NULL when none is free. */
static struct uet_pdc *pdc_for(struct uet_pds *pds, const struct uet_addr *dst, uint8_t mode,
			       uint32_t pkt_cnt)
{
	struct uet_pdc *pdc = pds->table.latest;

	if (!pdc || pdc->mode != mode || pdc->state != UET_PDC_OPEN ||
	    !uet_addr_equal(&pdc->dst, dst))
		pdc = pds->table.latest = uet_table_by_dst(pds, dst, mode);
	if (uet_likely(pdc)) {
		uint64_t used = (uint64_t)(pdc->tx_end - pdc->start_psn) + pkt_cnt;

		if (uet_likely(used <= UET_PDS_PSN_LIMIT))
			return pdc;
		/* Limit_PSN_Range: this one has used up its numbers. */
		uet_pdc_drain(pds, pdc);
	}
	pdc = uet_pdc_open(pds, dst, mode);
	if (!pdc)
		uet_pdc_evict(pds);
	return pdc;
}

int uet_pds_post(struct uet_pds *pds, const struct uet_addr *dst, enum uet_pds_mode mode,
		 struct uet_pds_msg *msg, uint64_t now)
{
	struct uet_pdc *pdc;

	assert(msg->pkt_cnt >= 1 && msg->pkt_cnt <= UET_PDS_PSN_LIMIT);
	pds->now = now;
	pdc = pdc_for(pds, dst, (uint8_t)mode, msg->pkt_cnt);
	if (uet_unlikely(!pdc))
		return -EAGAIN;
	msg->next = 0;
	msg->completed = 0;
	pds->msgs++;
	uet_pdc_enqueue(pds, pdc, msg);
	uet_tx_pump(pds, pdc);
	return 0;
}

int uet_pds_post_return(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_msg *msg,
			uint64_t now)
{
	assert(!pdc->initiator && msg->pkt_cnt >= 1);
	pds->now = now;
	if (!pdc->ring && uet_tx_ring_create(pds, pdc))
		return -EAGAIN;
	msg->next = 0;
	msg->completed = 0;
	pds->msgs++;
	uet_pdc_enqueue(pds, pdc, msg);
	/* Not at once: what is being received shall be acknowledged first. */
	uet_pdc_ready(pds, pdc);
	return 0;
}

bool uet_pds_stop(struct uet_pds *pds, struct uet_pds_msg *msg, bool last)
{
	struct uet_pdc *pdc = msg->pdc;
	uint32_t cnt = msg->next + last;

	if (!pdc)
		return uet_rudi_stop(pds, msg, last);
	if (cnt >= msg->pkt_cnt)
		return false;
	pdc->tx_end -= msg->pkt_cnt - cnt;
	msg->pkt_cnt = cnt;
	if (cnt > msg->next) {
		uet_tx_pump(pds, pdc);
		return false;
	}
	/* Nothing more to send: it gives way to the next message. */
	uet_list_del(&msg->link);
	pdc->hold_cnt = 0;
	if (cnt == 0) {
		msg->pdc = NULL;
		pds->msgs--;
	} else {
		uet_list_add_tail(&pdc->sent, &msg->link);
		if (msg->completed == cnt)
			uet_acked_finish(pds, msg);
	}
	uet_pdc_settle(pds, pdc);
	return cnt == 0;
}

static void rx_one(struct uet_pds *pds, const struct uet_nic_rx *p)
{
	struct uet_pds_hdr h;
	struct uet_pkt pkt;
	int n;

	if (uet_unlikely(p->err)) {
		uet_pdc_report(pds, &p->src, p->err);
		return;
	}
	pds->stats.rx_bytes += p->len;
	pds->stats.rx_marked += (p->tos & UET_ECN_MASK) == UET_ECN_CE;
	n = uet_pds_unpack(&h, p->data, p->len);
	if (uet_unlikely(n < 0)) {
		if (p->len && p->data[0] >> 3 == UET_PDS_TSS)
			pds->stats.drop_unsupported++;
		else
			pds->stats.drop_malformed++;
		return;
	}
	pkt = (struct uet_pkt){
		.src = &p->src,
		.data = p->data + n,
		.len = p->len - (uint32_t)n,
		.when = pds->now,
		.wire_len = p->len,
		.ce = (p->tos & UET_ECN_MASK) == UET_ECN_CE,
		.waited = p->when && p->when < pds->now ? pds->now - p->when : 0,
	};
	if (uet_unlikely(p->trim))
		uet_trim_rx(pds, &h, &pkt, p->trim == UET_NIC_TRIMMED_LASTHOP);
	else if (uet_pds_is_request(h.type))
		uet_rx_request(pds, &h, &pkt);
	else if (uet_pds_is_ack(h.type))
		uet_acked_rx(pds, &h, &pkt);
	else if (h.type == UET_PDS_NACK || h.type == UET_PDS_NACK_CCX)
		uet_nack_rx(pds, &h, &pkt);
	else if (h.type == UET_PDS_CP)
		uet_cp_rx(pds, &h, &pkt);
	else if (h.type == UET_PDS_RUDI_REQ)
		uet_rudi_rx_request(pds, &h, &pkt);
	else if (h.type == UET_PDS_RUDI_RESP)
		uet_rudi_rx_response(pds, &h, &pkt);
	else if (h.type == UET_PDS_UUD_REQ)
		uet_uud_rx(pds, &h, &pkt);
	else
		pds->stats.drop_unsupported++;
}

/* Pump what is ready, if anything may be: mostly nothing is. */
static inline void pump_ready(struct uet_pds *pds)
{
	if (!uet_list_empty(&pds->ready) || !uet_list_empty(&pds->rudi.repeat) ||
	    !uet_list_empty(&pds->rudi.queue))
		uet_tx_pump_ready(pds);
}

static inline void flush(struct uet_pds *pds)
{
	if (pds->batch.count)
		uet_batch_flush(pds);
}

void uet_pds_rx(struct uet_pds *pds, const struct uet_nic_rx *pkts, int n, uint64_t now)
{
	int i;

	pds->now = now;
	for (i = 0; i < n; i++)
		if (!uet_rx_quick(pds, &pkts[i]))
			rx_one(pds, &pkts[i]);
	pump_ready(pds);
}

/* Send ACKs and CLEAR_CMDs that are pending; unless @all only those that a peer waits for. */
static void send_pending(struct uet_pds *pds, bool all)
{
	struct uet_list *pos, *tmp;

	if (!all && uet_likely(!pds->urgent))
		return;
	uet_list_for_each_safe(pos, tmp, &pds->pending) {
		struct uet_pdc *pdc = uet_list_entry(pos, struct uet_pdc, pending);

		if (!all && !pdc->urgent)
			continue;
		if (!uet_ack_send(pds, pdc) || !uet_cp_clear(pds, pdc))
			return;
		uet_list_del(&pdc->pending);
		pdc->on_pending = false;
		pdc->urgent = false;
	}
	pds->urgent = false;
}

void uet_pds_progress(struct uet_pds *pds, uint64_t now, bool idle)
{
	pds->now = now;
	flush(pds);
	/* While packets wait to be received, a time-out may only be a late answer. */
	if (idle || now >= pds->timers_by) {
		if (uet_timers_due(&pds->timers, now))
			uet_timers_run(&pds->timers, now, pds);
		pds->timers_by = now + pds->cfg.cms.rto_min;
	}
	if (!uet_list_empty(&pds->finished))
		uet_acked_deliver(pds);
	pump_ready(pds);
	if (!uet_list_empty(&pds->pending))
		send_pending(pds, idle);
	if (uet_unlikely(uet_credit_on(&pds->cfg)))
		uet_credit_run(pds);
	flush(pds);
}

void uet_pds_flush(struct uet_pds *pds)
{
	uet_batch_flush(pds);
}

uint64_t uet_pds_next(const struct uet_pds *pds)
{
	if (!uet_list_empty(&pds->finished) ||
	    ((!uet_list_empty(&pds->ready) || uet_rudi_ready(pds)) && !pds->batch.stalled))
		return 0;
	return uet_min_u64(uet_timers_next(&pds->timers), uet_credit_next(pds));
}

bool uet_pds_pending(const struct uet_pds *pds)
{
	return pds->batch.count != 0 || !uet_list_empty(&pds->pending);
}

bool uet_pds_idle(const struct uet_pds *pds)
{
	return pds->msgs == 0;
}

void uet_pds_close(struct uet_pds *pds, uint64_t now)
{
	struct uet_list *pos, *tmp;

	pds->now = now;
	uet_list_for_each_safe(pos, tmp, &pds->all) {
		struct uet_pdc *pdc = uet_list_entry(pos, struct uet_pdc, all);

		if (pdc->initiator && pdc->peer_id && pdc->state <= UET_PDC_DRAIN &&
		    !uet_pdc_busy(pdc) && uet_pdc_may_close(pds, pdc) &&
		    uet_ack_flush(pds, pdc) && uet_tx_ctl(pds, pdc, UET_CTL_CLOSE_CMD)) {
			uet_list_del(&pdc->idle);
			pdc->state = UET_PDC_CLOSING;
		}
	}
	uet_batch_flush(pds);
}

void uet_pds_set_pressure(struct uet_pds *pds, uint32_t percent)
{
	pds->relaxed = percent < PRESSURE_NONE;
	if (percent < PRESSURE_LOW)
		pds->penalty = 0;
	else if (percent >= PRESSURE_HIGH)
		pds->penalty = PENALTY_MAX;
	else
		pds->penalty = (uint8_t)(PENALTY_LOW + (percent - PRESSURE_LOW) *
					 (PENALTY_MAX - PENALTY_LOW) /
					 (PRESSURE_HIGH - PRESSURE_LOW));
}

const struct uet_pds_stats *uet_pds_stats(const struct uet_pds *pds)
{
	return &pds->stats;
}

void **uet_pdc_upper(struct uet_pdc *pdc)
{
	return &pdc->upper;
}

bool uet_pdc_is_open(const struct uet_pdc *pdc)
{
	return pdc->state == UET_PDC_OPEN;
}

uint8_t uet_pdc_mode(const struct uet_pdc *pdc)
{
	return pdc->mode;
}

const struct uet_addr *uet_pdc_peer(const struct uet_pdc *pdc)
{
	return &pdc->peer;
}
