/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>
#include <stdlib.h>

#define SILENT_ROUNDS	2u	/* as for a PDC: our own absence is not the peer's */
#define NACK_DOUBLINGS	16u
#define SMALL_DATA	256u	/* responses with more go in the data class */

int uet_rudi_create(struct uet_pds *pds)
{
	struct uet_rudi *r = &pds->rudi;
	uint32_t max = pds->cfg.max_rudi, buckets = 16;

	uet_list_init(&r->queue);
	uet_list_init(&r->sent);
	uet_list_init(&r->out);
	uet_list_init(&r->repeat);
	uet_timer_init(&r->timer, uet_rudi_timer);
	uet_pool_init(&r->msgs, sizeof(struct uet_rudi_msg), 8, max);
	uet_pool_init(&r->txds, sizeof(struct uet_rudi_txd), 16, max);
	if (max == 0)
		return 0;
	while (buckets < 2 * max)
		buckets *= 2;
	r->bucket_mask = buckets - 1;
	r->next_id = uet_rand_u32(&pds->rand);
	r->buckets = calloc(buckets, sizeof(r->buckets[0]));
	return r->buckets ? uet_timers_reserve(&pds->timers, 1) : -ENOMEM;
}

void uet_rudi_destroy(struct uet_pds *pds)
{
	struct uet_rudi *r = &pds->rudi;

	free(r->buckets);
	uet_pool_destroy(&r->msgs);
	uet_pool_destroy(&r->txds);
}

/* ---- packets without response ---- */

static struct uet_rudi_txd **bucket(struct uet_rudi *r, uint32_t id)
{
	return &r->buckets[id & r->bucket_mask];
}

/* The packet that @h, which came from @src, speaks about; NULL: none of ours. */
static struct uet_rudi_txd *find(struct uet_pds *pds, const struct uet_pds_hdr *h,
				 const struct uet_addr *src)
{
	struct uet_rudi_txd *d;

	if (!pds->rudi.buckets)
		return NULL;
	for (d = *bucket(&pds->rudi, h->psn); d; d = d->hash_next)
		if (d->id == h->psn)
			return uet_addr_same_host(&d->rm->dst, src) ? d : NULL;
	return NULL;
}

static void forget(struct uet_pds *pds, struct uet_rudi_txd *d)
{
	struct uet_rudi_txd **p = bucket(&pds->rudi, d->id);

	while (*p != d)
		p = &(*p)->hash_next;
	*p = d->hash_next;
	uet_list_del(&d->link);
	d->rm->out--;
	uet_pool_put(&pds->rudi.txds, d);
}

static void release(struct uet_pds *pds, struct uet_rudi_msg *rm)
{
	uet_list_del(&rm->link);
	uet_pool_put(&pds->rudi.msgs, rm);
}

static void heard(struct uet_pds *pds, struct uet_rudi_msg *rm)
{
	rm->heard = pds->now;
	rm->silent = 0;
	rm->refused_at = 0;
	rm->unreach = false;
}

/* ---- sending ---- */

/* Time-out after @retries of them, ns. */
static uint64_t pause_for(const struct uet_pds *pds, const struct uet_rudi_msg *rm,
			  uint8_t retries)
{
	const struct uet_pds_cfg *cfg = &pds->cfg;
	uint64_t pause = cfg->cms.rto_min, limit = cfg->cms.rto_max;

	limit = uet_min_u64(limit, uet_max_u64(cfg->peer_timeout / 4, cfg->cms.rto_min));
	/* Nobody listens there at present: see often enough whether that has changed. */
	if (rm->refused_at)
		limit = uet_min_u64(limit, uet_max_u64(cfg->refused_timeout / 4,
						       cfg->cms.rto_min));
	for (; retries && pause < limit; retries--)
		pause *= 2;
	return uet_min_u64(pause, limit);
}

static void arm(struct uet_pds *pds, uint64_t deadline)
{
	if (deadline < pds->rudi.timer.deadline)
		uet_timer_set(&pds->timers, &pds->rudi.timer, deadline);
}

/* Send @d; the batch has room. */
static void send_packet(struct uet_pds *pds, struct uet_rudi_txd *d, uint8_t flags)
{
	struct uet_rudi_msg *rm = d->rm;
	struct uet_pds_fill fill;
	struct uet_nic_tx *t = uet_tx_describe(pds, &rm->dst, UET_PDS_RUDI_LEN, rm->msg,
					       d->index, &fill);
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUDI_REQ,
		.next_hdr = fill.next_hdr,
		.flags = flags,
		.psn = d->id,
	};

	/* A packet that stands alone may take any path. */
	if (uet_unlikely(d->retries) && pds->nic->paths > 1)
		t->path = (uint8_t)(uet_rand_u32(&pds->rand) % pds->nic->paths);
	uet_pds_pack(&h, t->iov[0].iov_base);
	d->batch = pds->batch.seq;
	uet_batch_add(pds, rm->msg);
	pds->rudi.stuck_at = 0;
	pds->rudi.stuck = 0;
	pds->stats.tx_data++;
	pds->stats.tx_retx += (flags & UET_PDS_F_RETX) != 0;
	d->refused = false;
	d->due = pds->now + pause_for(pds, rm, d->retries);
	uet_list_add_tail(&pds->rudi.out, &d->link);
	arm(pds, d->due);
}

/* Send the next packet of the oldest message. False when too many are out. */
static bool send_new(struct uet_pds *pds)
{
	struct uet_rudi *r = &pds->rudi;
	struct uet_rudi_msg *rm = uet_list_entry(uet_list_first(&r->queue),
						 struct uet_rudi_msg, link);
	struct uet_rudi_txd *d = uet_pool_get(&r->txds);

	if (!d)
		return false;
	if (rm->msg->next == 0) {
		rm->msg->psn0 = r->next_id;
		r->next_id += rm->msg->pkt_cnt;
	}
	if (rm->out++ == 0)
		heard(pds, rm);
	*d = (struct uet_rudi_txd){
		.rm = rm,
		.index = rm->msg->next,
		.id = rm->msg->psn0 + rm->msg->next,
	};
	d->hash_next = *bucket(r, d->id);
	*bucket(r, d->id) = d;
	send_packet(pds, d, 0);
	if (++rm->msg->next == rm->msg->pkt_cnt) {
		uet_list_del(&rm->link);
		uet_list_add_tail(&r->sent, &rm->link);
	}
	return true;
}

bool uet_rudi_ready(const struct uet_pds *pds)
{
	const struct uet_rudi *r = &pds->rudi;

	return !uet_list_empty(&r->repeat) ||
	       (!uet_list_empty(&r->queue) && r->txds.used < pds->cfg.max_rudi);
}

/* Something waits and our own NIC takes nothing: see whether that lasts. */
static void mind_stall(struct uet_pds *pds)
{
	if (!pds->batch.stalled || !uet_rudi_ready(pds))
		return;
	if (!pds->rudi.stuck_at)
		pds->rudi.stuck_at = uet_max_u64(pds->now, 1);
	arm(pds, pds->now + uet_min_u64(pds->cfg.cms.rto_max, pds->cfg.peer_timeout));
}

static void pump(struct uet_pds *pds)
{
	struct uet_rudi *r = &pds->rudi;

	while (!uet_list_empty(&r->repeat) && uet_batch_room(pds)) {
		struct uet_list *pos = uet_list_first(&r->repeat);

		uet_list_del(pos);
		send_packet(pds, uet_list_entry(pos, struct uet_rudi_txd, link),
			    UET_PDS_F_RETX);
	}
	while (!uet_list_empty(&r->queue) && uet_batch_room(pds))
		if (!send_new(pds))
			return;
}

void uet_rudi_pump(struct uet_pds *pds)
{
	pump(pds);
	mind_stall(pds);
}

int uet_pds_post_rudi(struct uet_pds *pds, const struct uet_addr *dst, struct uet_pds_msg *msg,
		      uint64_t now)
{
	struct uet_rudi_msg *rm;

	assert(msg->pkt_cnt >= 1);
	pds->now = now;
	rm = pds->cfg.max_rudi ? uet_pool_get(&pds->rudi.msgs) : NULL;
	if (!rm)
		return -EAGAIN;
	*rm = (struct uet_rudi_msg){ .msg = msg, .dst = *dst };
	uet_list_add_tail(&pds->rudi.queue, &rm->link);
	uet_list_init(&msg->link);
	msg->pdc = NULL;
	msg->next = 0;
	msg->completed = 0;
	pds->msgs++;
	uet_rudi_pump(pds);
	return 0;
}

/* ---- ending ---- */

bool uet_rudi_stop(struct uet_pds *pds, struct uet_pds_msg *msg, bool last)
{
	struct uet_rudi *r = &pds->rudi;
	struct uet_rudi_msg *rm = NULL;
	uint32_t cnt = msg->next + last;
	struct uet_list *pos;

	uet_list_for_each(pos, &r->queue) {
		rm = uet_list_entry(pos, struct uet_rudi_msg, link);
		if (rm->msg == msg)
			break;
	}
	if (pos == &r->queue || cnt >= msg->pkt_cnt)
		return false;
	msg->pkt_cnt = cnt;
	if (cnt > msg->next)
		return false;
	uet_list_del(&rm->link);
	uet_list_add_tail(&r->sent, &rm->link);
	if (msg->completed < cnt)
		return false;
	release(pds, rm);
	if (cnt == 0)
		pds->msgs--;
	else
		uet_acked_finish(pds, msg);
	return cnt == 0;
}

/* Take the packets of @rm off @list. */
static void drop_packets(struct uet_pds *pds, struct uet_list *list,
			 const struct uet_rudi_msg *rm)
{
	struct uet_list *pos, *tmp;

	uet_list_for_each_safe(pos, tmp, list) {
		struct uet_rudi_txd *d = uet_list_entry(pos, struct uet_rudi_txd, link);

		if (d->rm == rm)
			forget(pds, d);
	}
}

static void fail(struct uet_pds *pds, struct uet_rudi_msg *rm, int err, uint8_t nack)
{
	struct uet_pds_msg *msg = rm->msg;

	drop_packets(pds, &pds->rudi.out, rm);
	drop_packets(pds, &pds->rudi.repeat, rm);
	uet_batch_scrub(pds, msg);
	release(pds, rm);
	pds->msgs--;
	pds->ops->done(pds->upper, msg, err, nack);
}

/* The error with which @rm ends now; 0 if its peer may still answer. */
static int verdict(const struct uet_pds *pds, const struct uet_rudi_msg *rm)
{
	const struct uet_rudi *r = &pds->rudi;

	if (r->stuck >= SILENT_ROUNDS && pds->now - r->stuck_at >= pds->cfg.peer_timeout)
		return -ETIMEDOUT;
	if (rm->out == 0 || rm->silent < SILENT_ROUNDS || pds->now < rm->heard ||
	    pds->now - rm->heard < pds->cfg.peer_timeout)
		return 0;
	return rm->unreach ? -EHOSTUNREACH : -ETIMEDOUT;
}

/* Fail one message of @list whose peer is dead. False if there is none. */
static bool fail_one(struct uet_pds *pds, struct uet_list *list)
{
	struct uet_list *pos;

	uet_list_for_each(pos, list) {
		struct uet_rudi_msg *rm = uet_list_entry(pos, struct uet_rudi_msg, link);
		int err = verdict(pds, rm);

		if (err) {
			fail(pds, rm, err, 0);
			return true;
		}
	}
	return false;
}

/* ---- time ---- */

static void time_out(struct uet_pds *pds, struct uet_rudi_txd *d)
{
	struct uet_rudi_msg *rm = d->rm;

	uet_list_del(&d->link);
	uet_list_add_tail(&pds->rudi.repeat, &d->link);
	if (d->refused)
		return;
	pds->stats.retx_rto++;
	if (d->retries < UINT8_MAX)
		d->retries++;
	if (rm->round_at != pds->now && rm->silent < UINT8_MAX)
		rm->silent++;
	rm->round_at = pds->now;
}

void uet_rudi_timer(struct uet_timer *timer, void *arg, uint64_t now)
{
	struct uet_pds *pds = arg;
	struct uet_rudi *r = &pds->rudi;
	struct uet_list *pos, *tmp;
	uint64_t next = UET_TIME_NEVER;

	(void)timer;
	pds->now = now;
	uet_list_for_each_safe(pos, tmp, &r->out) {
		struct uet_rudi_txd *d = uet_list_entry(pos, struct uet_rudi_txd, link);

		if (d->due <= now)
			time_out(pds, d);
		else
			next = uet_min_u64(next, d->due);
	}
	if (next != UET_TIME_NEVER)
		arm(pds, next);
	if (!pds->batch.stalled)
		r->stuck_at = r->stuck = 0;
	else if (r->stuck_at && r->stuck < UINT8_MAX)
		r->stuck++;
	/* done() may post more: look again from the start. */
	while (fail_one(pds, &r->sent) || fail_one(pds, &r->queue))
		;
	uet_rudi_pump(pds);
}

/* Nobody listens at the peer of @rm: what is far from its time-out tries again earlier. */
static void ask_sooner(struct uet_pds *pds, const struct uet_rudi_msg *rm)
{
	uint64_t due = pds->now + pause_for(pds, rm, UINT8_MAX);
	struct uet_list *pos;

	uet_list_for_each(pos, &pds->rudi.out) {
		struct uet_rudi_txd *d = uet_list_entry(pos, struct uet_rudi_txd, link);

		if (d->rm == rm)
			d->due = uet_min_u64(d->due, due);
	}
	arm(pds, due);
}

/* True when @rm has failed, and others must be looked for from the start. */
static bool report_one(struct uet_pds *pds, struct uet_rudi_msg *rm, int err)
{
	if (err != ECONNREFUSED) {
		rm->unreach = true;
	} else if (!rm->refused_at) {
		rm->refused_at = uet_max_u64(pds->now, 1);
		ask_sooner(pds, rm);
	} else if (pds->now - rm->refused_at >= pds->cfg.refused_timeout) {
		fail(pds, rm, -ECONNREFUSED, 0);
		return true;
	}
	return false;
}

static void report_list(struct uet_pds *pds, struct uet_list *list, const struct uet_addr *dst,
			int err)
{
	struct uet_list *pos;

again:
	uet_list_for_each(pos, list) {
		struct uet_rudi_msg *rm = uet_list_entry(pos, struct uet_rudi_msg, link);

		if (rm->out && uet_addr_equal(&rm->dst, dst) && report_one(pds, rm, err))
			goto again;
	}
}

void uet_rudi_report(struct uet_pds *pds, const struct uet_addr *dst, int err)
{
	report_list(pds, &pds->rudi.sent, dst, err);
	report_list(pds, &pds->rudi.queue, dst, err);
}

/* ---- receiving, as source ---- */

void uet_rudi_rx_response(struct uet_pds *pds, const struct uet_pds_hdr *h,
			  const struct uet_pkt *pkt)
{
	struct uet_rudi_txd *d = find(pds, h, pkt->src);
	struct uet_rudi_msg *rm;
	struct uet_pds_msg *msg;

	pds->stats.rx_ack++;
	if (!d) {
		pds->stats.drop_stale++;
		return;
	}
	rm = d->rm;
	msg = rm->msg;
	heard(pds, rm);
	if (h->next_hdr != UET_HDR_NONE && pkt->len)
		pds->ops->response(pds->upper, msg, d->index, h->next_hdr, pkt->data, pkt->len);
	if (d->batch == pds->batch.seq && pds->batch.count)
		pds->batch.touched = true;
	forget(pds, d);
	pds->stats.tx_acked++;
	if (++msg->completed < msg->pkt_cnt)
		return;
	release(pds, rm);
	uet_acked_finish(pds, msg);
}

void uet_rudi_rx_nack(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_rudi_txd *d = find(pds, h, pkt->src);
	uint64_t pause = 0;

	if (!d) {
		pds->stats.drop_stale++;
		return;
	}
	pds->stats.nack_rx_code[uet_nack_slot(h->nack_code)]++;
	/* There is no state at the target that could be set up anew, as with a PDC. */
	if (uet_nack_is_fatal(h->nack_code)) {
		fail(pds, d->rm, -EIO, h->nack_code);
		return;
	}
	heard(pds, d->rm);
	if (d->refused)
		return;		/* a copy, or the refusal of an earlier transmission */
	if (!uet_nack_is_trim(h->nack_code)) {
		pause = uet_nack_pause(pds, d->nacks);
		if (d->nacks < NACK_DOUBLINGS)
			d->nacks++;
	}
	pds->stats.retx_nack++;
	pds->stats.retx_trim += h->nack_code <= UET_NACK_TRIMMED_ACK;
	d->refused = true;
	d->due = pds->now + pause;
	uet_list_del(&d->link);
	uet_list_add_tail(pause ? &pds->rudi.out : &pds->rudi.repeat, &d->link);
	arm(pds, d->due);
}

/* ---- receiving, as target ---- */

static void respond(struct uet_pds *pds, const struct uet_pds_hdr *req,
		    const struct uet_pkt *pkt, const struct uet_pds_answer *answer)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUDI_RESP,
		.next_hdr = answer->len ? answer->next_hdr : UET_HDR_NONE,
		.flags = (req->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0),
		.psn = req->psn,
	};
	struct iovec data = { (void *)(uintptr_t)answer->data, answer->data_len };
	struct uet_addr to = *pkt->src;

	if (pds->cfg.strict_port)
		to.port = UET_UDP_PORT;
	if (uet_batch_copy(pds, &to,
			   answer->data_len > SMALL_DATA ? UET_NIC_DATA : UET_NIC_CONTROL, &h,
			   answer->ses, answer->len, &data, answer->data_len ? 1 : 0) == 0)
		pds->stats.tx_ack++;
}

void uet_rudi_rx_request(struct uet_pds *pds, const struct uet_pds_hdr *h,
			 const struct uet_pkt *pkt)
{
	struct uet_pds_rx rx = {
		.src = pkt->src,
		.psn = h->psn,
		.mode = UET_MODE_RUDI,
		.next_hdr = h->next_hdr,
		.ce = pkt->ce,
		.data = pkt->data,
		.len = pkt->len,
	};
	struct uet_pds_answer answer = { 0 };

	pds->stats.rx_data++;
	if (!uet_rx_is_request(h)) {
		pds->stats.drop_malformed++;
		return;
	}
	/* What cannot be answered need not be done: it will come again. */
	if (!uet_batch_room(pds))
		return;
	pds->ops->rx(pds->upper, &rx, &answer);
	assert(answer.len <= UET_PDS_ANSWER_MAX);
	if (answer.nack)
		uet_nack_send(pds, 0, h, pkt, answer.nack, 0);
	else
		respond(pds, h, pkt, &answer);
}
