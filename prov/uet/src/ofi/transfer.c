/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sends and receives, from libfabric's words to SES's and back as completions.
 */
#include <stdlib.h>
#include <string.h>

#include <rdma/fi_ext_uet.h>

#include "ofi/hmem.h"
#include "ofi/mr.h"
#include "ofi/rma.h"

#define SEND_FLAGS (FI_INJECT | FI_COMPLETION | FI_REMOTE_CQ_DATA | FI_INJECT_COMPLETE | \
		    FI_TRANSMIT_COMPLETE | FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE | FI_MORE | \
		    FI_FENCE | FI_MSG | FI_TAGGED)
#define RECV_FLAGS (FI_COMPLETION | FI_MORE | FI_PEEK | FI_CLAIM | FI_DISCARD | FI_MSG | \
		    FI_TAGGED | FI_MULTI_RECV)

/* An unexpected message set aside by FI_PEEK | FI_CLAIM, found again by its context. */
struct uet_claim {
	struct uet_list link;
	void *context;
	struct uet_ses_unex *unex;
	struct uet_ses_rx_result res;	/* what the peek told, told again when it is dropped */
};

void uet_ep_count(struct uet_ep *ep, uint64_t kind, bool ok)
{
	uint32_t i;

	for (i = 0; i < ep->cntr_cnt; i++)
		if (ep->cntrs[i].flags & kind)
			uet_cntr_inc(ep->cntrs[i].cntr, ok);
}

static int copy_iov(struct iovec *dst, const struct iovec *src, size_t cnt, size_t *len)
{
	size_t total = 0;
	size_t i;

	if (cnt > UET_SES_IOV || (cnt && !src))
		return -FI_EINVAL;
	for (i = 0; i < cnt; i++) {
		if (__builtin_add_overflow(total, src[i].iov_len, &total))
			return -FI_EMSGSIZE;
		if (src[i].iov_len && !src[i].iov_base)
			return -FI_EINVAL;
		dst[i] = src[i];
	}
	*len = total;
	return 0;
}

/* ---- errors ---- */

/* libfabric's own errors for SES return codes that plain errno values cannot tell apart. */
static int rc_to_fi(uint8_t rc)
{
	switch (rc) {
	case UET_RC_BAD_GENERATION:
	case UET_RC_DISABLED:
	case UET_RC_DISABLED_GEN:
	case UET_RC_NO_MATCH:
	case UET_RC_DROPPED:
		return FI_ENORX;
	case UET_RC_UNSUPPORTED_OP:
	case UET_RC_AMO_UNSUPPORTED_OP:
	case UET_RC_AMO_UNSUPPORTED_DT:
		return FI_EOPNOTSUPP;
	case UET_RC_UNSUPPORTED_SIZE:
		return FI_EMSGSIZE;
	case UET_RC_AMO_UNSUPPORTED_SIZE:
	case UET_RC_AMO_UNALIGNED:
		return FI_EINVAL;
	case UET_RC_AT_PERM:
	case UET_RC_PERM_VIOLATION:
	case UET_RC_OP_VIOLATION:
		return FI_EACCES;
	case UET_RC_BAD_MKEY:
		return FI_ENOKEY;
	case UET_RC_BAD_JOB_ID:
		return FI_EKEYREJECTED;
	case UET_RC_TOO_LONG:
		return FI_ETRUNC;
	case UET_RC_AMO_FP_NAN:
	case UET_RC_AMO_FP_UNDERFLOW:
	case UET_RC_AMO_FP_INEXACT:
		return FI_EOTHER;
	case UET_RC_AMO_FP_OVERFLOW:
		return FI_EOVERFLOW;
	default:
		return 0;
	}
}

static int tx_error(int err, uint32_t prov_errno)
{
	int fi_err = prov_errno < 0x100 ? rc_to_fi((uint8_t)prov_errno) : 0;

	return fi_err ? fi_err : -err;
}

/* ---- send ---- */

void uet_ep_report_tx(struct uet_ep *ep, const struct uet_cq_event *event, bool wanted, int err,
		      uint32_t prov_errno)
{
	if (uet_unlikely(ep->work != NULL))
		uet_trigger_ending(ep->work);
	if (err && !prov_errno)
		prov_errno = (uint32_t)(FI_UET_ERR_LOCAL - err);
	uet_ep_count(ep, event->flags & (FI_SEND | FI_READ | FI_WRITE), !err);
	if (ep->tx_cq && err)
		uet_cq_write_error(ep->tx_cq, event, 0, tx_error(err, prov_errno), prov_errno,
				   NULL, 0);
	else if (ep->tx_cq && wanted)
		uet_cq_write(ep->tx_cq, event);
}

static void on_tx_done(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno)
{
	struct uet_ep *ep = tx->owner;
	struct uet_cq_event event = {
		.op_context = tx->context,
		.flags = tx->flags & UET_TX_ENTRY,
		.len = tx->len,
		.tag = tx->tag,
		.src_addr = FI_ADDR_NOTAVAIL,
	};
	bool over = true;

	(void)upper;
	if (tx->flags & UET_TX_DETACHED)
		ep->fep->detached--;
	if (uet_unlikely(tx->stage) && uet_hmem_finish(ep->fep, tx->stage, !err && !ep->closed))
		err = -FI_EIO;
	if (tx->flags & UET_TX_PIECE)
		over = uet_pieces_done(ep->fep, tx, err, prov_errno);
	else
		uet_ep_report_tx(ep, &event, tx->flags & FI_COMPLETION, err, prov_errno);
	uet_ses_tx_put(ep->fep->ses, tx);
	uet_pieces_wake(ep->fep);
	if (uet_unlikely(ep->work != NULL) && over)
		uet_trigger_done(ep->work);
}

static int check_send(const struct uet_ep *ep, const struct uet_send_args *args, size_t len)
{
	if (args->flags & ~SEND_FLAGS)
		return -FI_EBADFLAGS;
	/* Nobody would tell of the delivery of a datagram. */
	if ((args->flags & (FI_DELIVERY_COMPLETE | FI_MATCH_COMPLETE)) && ep->mode == UET_MODE_UUD)
		return -FI_EBADFLAGS;
	if (len > ep->max_msg_size)
		return -FI_EMSGSIZE;
	if ((args->flags & FI_INJECT) && len > ep->inject_size)
		return -FI_EMSGSIZE;
	return 0;
}

bool uet_ep_wants_entry(const struct uet_ep *ep, uint64_t flags, bool silent)
{
	return !silent && (!ep->tx_selective || (flags & FI_COMPLETION));
}

static uint8_t send_opcode(const struct uet_ep *ep, uint64_t flags)
{
	if (ep->mode == UET_MODE_UUD)
		return UET_OP_DATAGRAM_SEND;
	return flags & FI_TAGGED ? UET_OP_TAGGED_SEND : UET_OP_SEND;
}

/* What was staged is a copy already. */
static int stage_send(struct uet_ep *ep, const struct uet_send_args *args, struct uet_ses_tx *tx)
{
	struct uet_hmem_stage *stages = NULL;
	int ret = uet_hmem_stage(ep, &stages, tx->iov, &tx->iov_cnt, args->desc, false);

	tx->stage = stages;
	if (stages)
		tx->inject = false;
	return ret;
}

static int describe_send(struct uet_ep *ep, const struct uet_send_args *args,
			 struct uet_ses_tx *tx)
{
	int ret;

	ret = copy_iov(tx->iov, args->iov, args->count, &tx->len);
	if (!ret)
		ret = check_send(ep, args, tx->len);
	if (!ret)
		ret = uet_av_dest(ep->av, args->dest, &tx->dest);
	if (ret)
		return ret;
	tx->owner = ep->base;
	tx->iov_cnt = (uint8_t)args->count;
	tx->opcode = send_opcode(ep, args->flags);
	tx->mode = (uint8_t)ep->mode;
	tx->dc = args->flags & FI_DELIVERY_COMPLETE;
	tx->match = args->flags & FI_MATCH_COMPLETE;
	tx->has_data = args->flags & FI_REMOTE_CQ_DATA;
	tx->inject = args->flags & FI_INJECT;
	tx->lazy = args->silent;
	tx->fence = args->flags & FI_FENCE;
	tx->tag = args->tag;
	tx->data = args->data;
	tx->context = args->context;
	/* Kept for the completion: kind, entry wanted, and "the application thinks it is done". */
	tx->flags = FI_SEND | (args->flags & (FI_MSG | FI_TAGGED));
	if (uet_ep_wants_entry(ep, args->flags, args->silent))
		tx->flags |= FI_COMPLETION;
	if (args->silent)
		tx->flags |= UET_TX_DETACHED;
	return ep->caps & FI_HMEM ? stage_send(ep, args, tx) : 0;
}

static ssize_t send_locked(struct uet_ep *ep, const struct uet_send_args *args)
{
	uint64_t now = uet_clock_ns();
	struct uet_ses_tx *tx;
	size_t len;
	int ret;

	if (uet_pieces_block(ep, args->flags))
		return -FI_EAGAIN;
	tx = uet_ses_tx_get(ep->fep->ses);
	if (!tx)
		return -FI_EAGAIN;
	ret = describe_send(ep, args, tx);
	len = tx->len;
	if (!ret)
		ret = uet_ses_send(ep->fep->ses, tx, now);
	if (ret) {
		uet_hmem_finish(ep->fep, tx->stage, false);
		uet_ses_tx_put(ep->fep->ses, tx);
		return ret;
	}
	if (args->silent)
		ep->fep->detached++;
	uet_fep_posted(ep->fep, args->dest, len, args->flags, now);
	return 0;
}

ssize_t uet_ep_posted(struct uet_ep *ep, ssize_t ret)
{
	uint64_t next;

	if (ret == -FI_EAGAIN)
		uet_fep_progress_locked(ep->fep);
	/* A failing call must not hold back what FI_MORE delayed. */
	else if (ret)
		uet_pds_flush(ep->fep->pds);
	next = uet_fep_next(ep->fep);
	uet_unlock(&ep->fep->lock);
	if (!ret)
		uet_ep_kick(ep, next);
	uet_trigger_poll(&ep->domain->triggers);
	return ret;
}

ssize_t uet_ep_send(struct uet_ep *ep, const struct uet_send_args *args)
{
	if (uet_unlikely(!ep->tx_enabled))
		return -FI_EOPBADSTATE;
	uet_lock(&ep->fep->lock);
	return uet_ep_posted(ep, send_locked(ep, args));
}

void uet_ep_progress_locked(struct uet_ep *ep)
{
	if (ep->srx)
		uet_srx_progress_locked(ep->srx);
	else
		uet_fep_progress_locked(ep->fep);
}

/* ---- receive ---- */

static fi_addr_t source_addr(struct uet_ep *ep, const struct uet_ses_source *source)
{
	return ep->caps & FI_SOURCE ? uet_av_find(ep->av, source) : FI_ADDR_NOTAVAIL;
}

static void fill_rx_event(struct uet_ep *ep, const struct uet_ses_rx_result *res,
			  struct uet_cq_event *event)
{
	event->flags = FI_RECV | (res->queue == UET_SES_TAGGED ? FI_TAGGED : FI_MSG);
	if (res->has_data)
		event->flags |= FI_REMOTE_CQ_DATA;
	event->len = res->len;
	event->data = res->has_data ? res->data : 0;
	event->tag = res->tag;
	event->src_addr = source_addr(ep, &res->source);
}

/* The sender's address for FI_SOURCE_ERR, in the endpoint's format. */
static size_t source_name(struct uet_ep *ep, const struct uet_ses_source *source, void *buf,
			  size_t len)
{
	struct uet_addr addr = source->host;
	struct uet_name name;

	addr.port = source->initiator;
	uet_name_from_addr(&name, &addr);
	return uet_name_write(&name, ep->addr_format, buf, &len) ? 0 : len;
}

/*
 * Write the entry for a message, if @wanted. False when none was written in which the release
 * of its buffer could be told.
 */
static bool report_success(struct uet_ep *ep, const struct uet_ses_source *source, bool wanted,
			   struct uet_cq_event *event)
{
	uint8_t name[128];
	size_t len;

	if ((ep->caps & FI_SOURCE_ERR) && event->src_addr == FI_ADDR_NOTAVAIL) {
		len = source_name(ep, source, name, sizeof(name));
		event->flags &= ~FI_MULTI_RECV;
		uet_cq_write_error(ep->rx_cq, event, 0, FI_EADDRNOTAVAIL, 0, name, len);
		return false;
	}
	if (wanted)
		uet_cq_write(ep->rx_cq, event);
	return wanted;
}

/* The entry that belongs to no message: fi_cq(3), FI_MULTI_RECV. */
static void report_release(struct uet_ep *ep, void *context)
{
	struct uet_cq_event event = {
		.op_context = context,
		.flags = FI_MULTI_RECV,
		.src_addr = FI_ADDR_NOTAVAIL,
	};

	uet_cq_write(ep->rx_cq, &event);
}

void uet_ep_report_rx(struct uet_ep *ep, const struct uet_ses_source *source,
		      struct uet_cq_event *event)
{
	event->src_addr = source_addr(ep, source);
	report_success(ep, source, true, event);
}

static int rx_error(int err)
{
	return err == -EMSGSIZE ? FI_ETRUNC : -err;
}

static size_t lost_bytes(const struct uet_ses_rx_result *res)
{
	return res->err == -EMSGSIZE ? res->msg_len - res->len : 0;
}

/* Returns false when the release of its buffer was not told. */
static bool report_error(struct uet_ep *ep, const struct uet_ses_rx_result *res,
			 struct uet_cq_event *event)
{
	bool cancelled = res->released && res->err == -ECANCELED;

	if (cancelled)
		event->flags |= FI_MULTI_RECV;
	uet_cq_write_error(ep->rx_cq, event, lost_bytes(res), rx_error(res->err), res->rc, NULL,
			   0);
	return cancelled;
}

static void report_rx(struct uet_ep *ep, const struct uet_ses_rx *rx,
		      const struct uet_ses_rx_result *res)
{
	struct uet_cq_event event = {
		.op_context = rx->context,
		.buf = rx->iov_cnt ? rx->iov[0].iov_base : NULL,
	};
	bool wanted = !ep->rx_selective || (rx->flags & FI_COMPLETION);
	bool told;

	fill_rx_event(ep, res, &event);
	if (res->err) {
		told = report_error(ep, res, &event);
	} else {
		if (res->released && wanted)
			event.flags |= FI_MULTI_RECV;
		told = report_success(ep, &res->source, wanted, &event);
	}
	if (res->released && !told)
		report_release(ep, rx->context);
}

/*
 * Who tells of the end of a receive that @owner posted: with a shared receive context the
 * endpoint to which the message came; NULL: there is none (cancelled while none was bound).
 * Deferred work tells in its own way.
 */
static struct uet_ep *receiver(const struct uet_fep *fep, struct uet_ep *owner)
{
	return owner->srx && !owner->work ? fep->ep : owner;
}

static void on_rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res)
{
	struct uet_ep *owner = rx->owner;
	struct uet_ep *ep = receiver(upper, owner);
	bool no_message = rx->multi && !res->err;

	if (!ep)
		goto put;
	if (uet_unlikely(owner->work != NULL))
		uet_trigger_ending(owner->work);
	if (!no_message)
		uet_ep_count(ep, FI_RECV, !res->err);
	if (ep->rx_cq && no_message)
		report_release(ep, rx->context);
	else if (ep->rx_cq)
		report_rx(ep, rx, res);
put:
	uet_ses_rx_put(owner->rxq, rx);
	if (uet_unlikely(owner->work != NULL))
		uet_trigger_done(owner->work);
}

const struct uet_ses_upper_ops uet_ep_ses_ops = {
	.tx_done = on_tx_done,
	.rx_done = on_rx_done,
	.region = uet_target_region,
	.rma_done = uet_target_rma_done,
};

static int describe_pattern(struct uet_ep *ep, const struct uet_recv_args *args,
			    struct uet_ses_rx *rx)
{
	rx->owner = ep->base;
	rx->queue = args->flags & FI_TAGGED ? UET_SES_TAGGED : UET_SES_UNTAGGED;
	rx->tag = args->tag;
	rx->ignore = args->ignore;
	rx->context = args->context;
	rx->flags = args->flags;
	rx->directed = (ep->caps & FI_DIRECTED_RECV) && args->src != FI_ADDR_UNSPEC;
	if (rx->directed && !ep->av)
		return -FI_ENOAV;
	return rx->directed ? uet_av_source(ep->av, args->src, &rx->source) : 0;
}

static int describe_recv(struct uet_ep *ep, const struct uet_recv_args *args,
			 struct uet_ses_rx *rx)
{
	int ret = copy_iov(rx->iov, args->iov, args->count, &rx->len);

	if (ret)
		return ret;
	rx->iov_cnt = (uint8_t)args->count;
	if (args->flags & FI_MULTI_RECV) {
		if (rx->iov_cnt != 1 || !rx->len)
			return -FI_EINVAL;
		rx->multi = true;
		rx->min_free = ep->min_multi_recv;
	}
	if (ep->caps & FI_HMEM)
		ret = uet_hmem_recv(ep, rx, args->desc);
	return ret ? ret : describe_pattern(ep, args, rx);
}

static ssize_t post_recv(struct uet_ep *ep, const struct uet_recv_args *args)
{
	struct uet_ses_rx *rx = uet_ses_rx_get(ep->rxq);
	int ret;

	if (!rx)
		return -FI_EAGAIN;
	ret = describe_recv(ep, args, rx);
	if (ret) {
		uet_ses_rx_put(ep->rxq, rx);
		return ret;
	}
	uet_ses_recv(ep->rxq, rx, uet_clock_ns());
	return 0;
}

/* ---- peek, claim, discard ---- */

static struct uet_claim *take_claim(struct uet_ep *ep, void *context)
{
	struct uet_list *pos;
	struct uet_claim *claim;

	uet_list_for_each(pos, &ep->base->claims) {
		claim = uet_list_entry(pos, struct uet_claim, link);
		if (claim->context == context) {
			uet_list_del(&claim->link);
			return claim;
		}
	}
	return NULL;
}

void uet_ep_drop_claims(struct uet_ep *ep)
{
	struct uet_claim *claim;

	while (!uet_list_empty(&ep->claims)) {
		claim = uet_list_entry(uet_list_first(&ep->claims), struct uet_claim, link);
		uet_list_del(&claim->link);
		uet_ses_claimed_discard(claim->unex);
		free(claim);
	}
}

/* Endpoint whose queue gets the answer to a peek; NULL: none yet. */
static struct uet_ep *peeker(struct uet_ep *ep)
{
	return ep->srx ? ep->fep->ep : ep;
}

static void write_peek_entry(struct uet_ep *ep, const struct uet_recv_args *args,
			     const struct uet_ses_rx_result *res)
{
	struct uet_cq_event event = { .op_context = args->context };

	if (!ep->rx_cq || (ep->rx_selective && !(args->flags & FI_COMPLETION)))
		return;
	fill_rx_event(ep, res, &event);
	uet_cq_write(ep->rx_cq, &event);
}

static void write_no_message(struct uet_ep *ep, const struct uet_recv_args *args)
{
	struct uet_cq_event event = {
		.op_context = args->context,
		.flags = FI_RECV | (args->flags & (FI_MSG | FI_TAGGED)),
		.tag = args->tag,
		.src_addr = FI_ADDR_NOTAVAIL,
	};

	if (ep->rx_cq)
		uet_cq_write_error(ep->rx_cq, &event, 0, FI_ENOMSG, 0, NULL, 0);
}

static ssize_t peek(struct uet_ep *ep, const struct uet_recv_args *args)
{
	enum uet_ses_peek_action action = UET_SES_PEEK;
	struct uet_ses_rx pattern = { 0 };
	struct uet_ses_rx_result res;
	struct uet_claim *claim = NULL;
	struct uet_ses_unex *unex;
	int ret;

	if (!peeker(ep))
		return -FI_EOPBADSTATE;
	ret = describe_pattern(ep, args, &pattern);
	if (ret)
		return ret;
	if (args->flags & FI_DISCARD) {
		action = UET_SES_PEEK_DISCARD;
	} else if (args->flags & FI_CLAIM) {
		action = UET_SES_PEEK_CLAIM;
		claim = malloc(sizeof(*claim));
		if (!claim)
			return -FI_EAGAIN;
	}
	uet_ep_progress_locked(ep);
	if (uet_ses_peek(ep->rxq, &pattern, action, &res, &unex)) {
		free(claim);
		write_no_message(peeker(ep), args);
		return 0;
	}
	if (claim) {
		*claim = (struct uet_claim){ .context = args->context, .unex = unex, .res = res };
		uet_list_add_tail(&ep->base->claims, &claim->link);
	}
	write_peek_entry(peeker(ep), args, &res);
	return 0;
}

static ssize_t recv_claimed(struct uet_ep *ep, const struct uet_recv_args *args)
{
	struct uet_claim *claim = take_claim(ep, args->context);
	struct uet_ses_rx *rx;
	int ret;

	if (!claim)
		return -FI_EINVAL;
	if (args->flags & FI_DISCARD) {
		uet_ses_claimed_discard(claim->unex);
		if (peeker(ep))
			write_peek_entry(peeker(ep), args, &claim->res);
		free(claim);
		return 0;
	}
	rx = uet_ses_rx_get(ep->rxq);
	ret = rx ? describe_recv(ep, args, rx) : -FI_EAGAIN;
	if (ret) {
		if (rx)
			uet_ses_rx_put(ep->rxq, rx);
		uet_list_add_after(&ep->base->claims, &claim->link);
		return ret;
	}
	uet_ses_claimed_recv(claim->unex, rx, uet_clock_ns());
	free(claim);
	return 0;
}

static ssize_t recv_locked(struct uet_ep *ep, const struct uet_recv_args *args)
{
	if ((args->flags & FI_MULTI_RECV) && (args->flags & (FI_PEEK | FI_CLAIM | FI_DISCARD)))
		return -FI_EBADFLAGS;
	if (args->flags & FI_PEEK)
		return peek(ep, args);
	if (args->flags & FI_CLAIM)
		return recv_claimed(ep, args);
	if (args->flags & FI_DISCARD)
		return -FI_EBADFLAGS;
	return post_recv(ep, args);
}

ssize_t uet_ep_recv(struct uet_ep *ep, const struct uet_recv_args *args)
{
	uint64_t next;
	ssize_t ret;

	if (uet_unlikely(!ep->rx_enabled))
		return -FI_EOPBADSTATE;
	if (args->flags & ~RECV_FLAGS)
		return -FI_EBADFLAGS;
	uet_lock(&ep->fep->lock);
	ret = recv_locked(ep, args);
	if (ret == -FI_EAGAIN)
		uet_ep_progress_locked(ep);
	next = ep->srx ? uet_srx_call_locked(ep->srx) : uet_fep_call_locked(ep->fep);
	uet_unlock(&ep->fep->lock);
	if (next != UET_TIME_NEVER)
		uet_ep_kick(ep, next);
	uet_trigger_poll(&ep->domain->triggers);
	return ret;
}
