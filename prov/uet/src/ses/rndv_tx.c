/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Rendezvous sends as their source. Their buffers are regions of a kind of their own: found by a
 * key that no application knows, at resource index 0, and only by the host that the send is for.
 *
 * A send is done when a read that reaches its last byte is complete, no other read of it is under
 * way, and all replies are acknowledged: so a reader that wants everything gets it, one that does
 * not (truncation, discard) says so by reading the last byte last, and success means arrival.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "ses/rndv.h"

/* Reads of fewer bytes are answered inside the ACK, of whose arrival nobody tells. */
#define LEAST_REST (UET_SES_ACK_DATA + 1)

/* Bits 62 and 63 of a key have a meaning, Table 2-13. */
#define KEY_MASK (UET_KEY_OPTIMIZED - 1)

static struct uet_list *bucket(struct uet_ses *ses, uint64_t key)
{
	return &ses->rndvs[key % UET_SES_TOKEN_BUCKETS];
}

static struct uet_ses_rndv *find(struct uet_ses *ses, uint64_t key)
{
	struct uet_list *pos;

	uet_list_for_each(pos, bucket(ses, key)) {
		struct uet_ses_rndv *rndv = uet_list_entry(pos, struct uet_ses_rndv, link);

		if (rndv->region.key == key)
			return rndv;
	}
	return NULL;
}

/* An injected or lazy send is not to wait for anything; one of FI_MATCH_COMPLETE is deferrable. */
static bool suits(const struct uet_ses *ses, const struct uet_ses_tx *tx)
{
	if (tx->opcode != UET_OP_SEND && tx->opcode != UET_OP_TAGGED_SEND)
		return false;
	if (tx->len <= ses->cfg.rndv_size || tx->len < LEAST_REST)
		return false;
	return !tx->inject && !tx->lazy && !tx->match;
}

static void expose(struct uet_ses *ses, struct uet_ses_rndv *rndv)
{
	struct uet_ses_tx *tx = rndv->tx;

	do {
		ses->rndv_key = (ses->rndv_key + 1) & KEY_MASK;
	} while (ses->rndv_key == 0 || find(ses, ses->rndv_key));
	rndv->region.iov = tx->iov;
	rndv->region.iov_cnt = tx->iov_cnt;
	rndv->region.len = tx->len;
	rndv->region.key = ses->rndv_key;
	rndv->region.job_id = ses->cfg.job_id;
	rndv->region.access = UET_SES_REMOTE_READ;
	uet_list_add_tail(bucket(ses, ses->rndv_key), &rndv->link);
}

int uet_ses_rndv_init(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_rndv *rndv;

	if (uet_likely(ses->cfg.rndv_size == 0) || tx->rndv || !suits(ses, tx))
		return 0;
	rndv = uet_pool_get(&ses->rndv_pool);
	if (!rndv)
		return -EAGAIN;
	memset(rndv, 0, sizeof(*rndv));
	uet_list_init(&rndv->link);
	rndv->tx = tx;
	rndv->eager = (uint32_t)uet_min_u64(ses->cfg.rndv_eager, tx->len - LEAST_REST);
	tx->rndv = rndv;
	expose(ses, rndv);
	return 0;
}

void uet_ses_rndv_header(const struct uet_ses *ses, const struct uet_ses_tx *tx,
			 struct uet_ses_req *req)
{
	if (req->opcode == UET_OP_MSG_ERROR)
		return;
	req->opcode = tx->opcode == UET_OP_SEND ? UET_OP_RENDEZVOUS_SEND :
						  UET_OP_RENDEZVOUS_TSEND;
	req->eager_length = tx->rndv->eager;
	req->read_pid_on_fep = ses->cfg.pid_on_fep;
	req->read_resource_index = UET_SES_CONTROL_INDEX;
	req->read_memory_key = tx->rndv->region.key;
	tx->rndv->pdc = tx->msg.pdc;
}

/* tx_done is due, by and by: the caller may be in the midst of a packet. */
static void unpark(struct uet_ses *ses, struct uet_ses_rndv *rndv)
{
	rndv->parked = false;
	rndv->tx->err = rndv->err;
	rndv->tx->nack = 0;
	uet_list_del(&rndv->tx->link);
	uet_list_add_tail(&ses->finished, &rndv->tx->link);
	ses->next = 0;
}

static bool being_read(const struct uet_ses *ses, const struct uet_ses_rndv *rndv)
{
	struct uet_list *pos;

	uet_list_for_each(pos, &ses->rma) {
		struct uet_ses_unex *unex = uet_list_entry(pos, struct uet_ses_unex, link);

		if (uet_ses_unex_in(unex)->region == &rndv->region)
			return true;
	}
	return false;
}

static bool over(const struct uet_ses *ses, const struct uet_ses_rndv *rndv)
{
	if (rndv->err)
		return true;
	return rndv->read && rndv->replies == 0 && !being_read(ses, rndv);
}

static void check(struct uet_ses *ses, struct uet_ses_rndv *rndv)
{
	if (rndv->parked && over(ses, rndv))
		unpark(ses, rndv);
}

void uet_ses_rndv_park(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_rndv *rndv = tx->rndv;

	/* It holds its place at the target: what comes after it may go. */
	uet_ses_retry_ended(ses, tx, true);
	if (over(ses, rndv))
		uet_ses_tx_finish(ses, tx, rndv->err);
	else if (uet_ses_watch_send(ses, tx))
		rndv->parked = true;
	else
		uet_ses_tx_finish(ses, tx, -ENOBUFS);
}

void uet_ses_rndv_lost(struct uet_ses_tx *tx)
{
	tx->rndv->parked = false;
	tx->rndv->read = false;
}

void uet_ses_rndv_end(struct uet_ses *ses, struct uet_ses_tx *tx)
{
	struct uet_ses_rndv *rndv = tx->rndv;

	if (uet_likely(!rndv))
		return;
	tx->rndv = NULL;
	uet_list_del(&rndv->link);
	uet_ses_region_gone(ses, &rndv->region);
	uet_pool_put(&ses->rndv_pool, rndv);
}

uint8_t uet_ses_rndv_check(const struct uet_ses *ses, const struct uet_ses_req *req)
{
	if (req->rel && req->job_id != ses->cfg.job_id)
		return UET_RC_BAD_JOB_ID;
	if (req->pid_on_fep != ses->cfg.pid_on_fep)
		return UET_RC_BAD_PID;
	return req->ri_generation ? UET_RC_BAD_GENERATION : UET_RC_OK;
}

const struct uet_ses_region *uet_ses_rndv_region(struct uet_ses *ses, uint64_t key,
						 const struct uet_addr *src)
{
	struct uet_ses_rndv *rndv = find(ses, key);

	if (!rndv || !uet_addr_same_host(&rndv->tx->dest.addr, src))
		return NULL;
	return &rndv->region;
}

void uet_ses_rndv_reply(struct uet_ses *ses, uint64_t key)
{
	struct uet_ses_rndv *rndv = find(ses, key);

	if (rndv)
		rndv->replies++;
}

void uet_ses_rndv_replied(struct uet_ses *ses, uint64_t key, int err)
{
	struct uet_ses_rndv *rndv = find(ses, key);

	if (!rndv)
		return;
	rndv->replies--;
	if (err && !rndv->err)
		rndv->err = err;
	check(ses, rndv);
}

void uet_ses_rndv_served(struct uet_ses *ses, uint64_t key, uint64_t end)
{
	struct uet_ses_rndv *rndv = find(ses, key);

	if (!rndv)
		return;
	if (end == rndv->region.len)
		rndv->read = true;
	check(ses, rndv);
}

void uet_ses_rndv_broken(struct uet_ses *ses, uint64_t key)
{
	struct uet_ses_rndv *rndv = find(ses, key);

	if (!rndv)
		return;
	uet_info("a read of a rendezvous has failed");
	if (!rndv->err)
		rndv->err = -EIO;
	check(ses, rndv);
}
