/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to ses/: rendezvous sends (UEC 3.4.3.6, Figure 3-15), both sides.
 *
 *   source                                     target
 *   RENDEZVOUS_SEND, eager bytes   ----------> keeps them and the header, or has a receive
 *                 <---------- OK, EXPECTED or OVERFLOW, eager bytes kept
 *   (parked: its buffer is readable)           a receive matches
 *                 <---------- READ of the rest
 *   data                           ----------> straight into that receive
 *   done, once the last byte was read and everything sent is acknowledged
 *
 * rndv_tx.c is the left side, rndv_rx.c the right one.
 */
#ifndef UET_SES_RNDV_H
#define UET_SES_RNDV_H

#include "ses/defer.h"
#include "ses/rma.h"

/*
 * The resource index of what providers do among themselves: no endpoint is there, and keys of
 * requests to it are none of the application's.
 */
#define UET_SES_CONTROL_INDEX 0

static inline bool uet_ses_is_rndv(uint8_t opcode)
{
	return opcode == UET_OP_RENDEZVOUS_SEND || opcode == UET_OP_RENDEZVOUS_TSEND;
}

/* ---- rndv_tx.c ---- */

/* What a rendezvous send has besides its uet_ses_tx. From ses->rndv_pool. */
struct uet_ses_rndv {
	struct uet_list link;		/* ses->rndvs, by key */
	struct uet_ses_tx *tx;
	struct uet_ses_region region;	/* all of its buffer */
	uint32_t eager;			/* bytes that are sent; the others are read */
	uint32_t replies;		/* on their way to the reader */
	int err;			/* the reader will not come again: how the send ends */
	bool read;			/* the last byte was */
	bool parked;			/* tx waits to be read */
	const struct uet_pdc *pdc;	/* over which it was sent; to compare only */
};

/*
 * Shall @tx, a send that is about to start, be a rendezvous? Then its buffer is readable from
 * now on. Returns 0, or -EAGAIN without memory.
 */
int uet_ses_rndv_init(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Bytes of @tx that its own packets carry, whichever operation it is. */
static inline size_t uet_ses_pushed(const struct uet_ses_tx *tx)
{
	return uet_unlikely(tx->rndv != NULL) ? tx->rndv->eager : tx->len;
}

/* The part of the header @req of @tx that is peculiar to rendezvous sends. */
void uet_ses_rndv_header(const struct uet_ses *ses, const struct uet_ses_tx *tx,
			 struct uet_ses_req *req);

/* What @tx had to send has arrived: it is done once it has been read. */
void uet_ses_rndv_park(struct uet_ses *ses, struct uet_ses_tx *tx);

/* What the target kept of @tx, parked, is lost: it is sent again, or fails. */
void uet_ses_rndv_lost(struct uet_ses_tx *tx);

/* @tx has ended for good, or did not start: its buffer is no longer readable. */
void uet_ses_rndv_end(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Is the request @req, of RMA, about the buffer of a rendezvous? */
static inline bool uet_ses_rndv_reads(const struct uet_ses_req *req)
{
	return req->resource_index == UET_SES_CONTROL_INDEX && req->opcode == UET_OP_READ;
}

/* Is such a request for this endpoint? The code of UEC 3.4.6. */
uint8_t uet_ses_rndv_check(const struct uet_ses *ses, const struct uet_ses_req *req);

/* The buffer that @key names for a reader at @src; NULL: none. */
const struct uet_ses_region *uet_ses_rndv_region(struct uet_ses *ses, uint64_t key,
						 const struct uet_addr *src);

/* A reply to the reader of @key leaves. */
void uet_ses_rndv_reply(struct uet_ses *ses, uint64_t key);

/* A reply to the reader of @key has ended: acknowledged, or lost with @err < 0. */
void uet_ses_rndv_replied(struct uet_ses *ses, uint64_t key, int err);

/* A read of bytes up to @end of the buffer that @key names is complete. */
void uet_ses_rndv_served(struct uet_ses *ses, uint64_t key, uint64_t end);

/* A read of the buffer that @key names has failed: its reader knows, and gives up. */
void uet_ses_rndv_broken(struct uet_ses *ses, uint64_t key);

/* ---- rndv_rx.c ---- */

/* The reading of the rest of a message. From ses->pull_pool. */
struct uet_ses_pull {
	struct uet_ses_tx tx;		/* a READ; its link: ses->pulls until PDS has it */
	struct uet_list link;		/* ses->pulling */
	struct uet_ses_in *in;		/* NULL: nobody wants it any more */
	uint32_t from;			/* offset in the message of the first byte read */
	uint8_t resets;			/* times that the PDC was unknown to the source */
};

/*
 * @in is new, and @req, of a rendezvous, its header: note what is needed to read the rest. The
 * message is one without a rest if all of it is eager.
 */
void uet_ses_rndv_learn(struct uet_ses_in *in, const struct uet_ses_req *req);

/* Can the source of @req, a rendezvous, be read from, and is its header sound? A return code. */
uint8_t uet_ses_rndv_judge(const struct uet_ses *ses, const struct uet_ses_req *req);

/* The eager bytes of @in, on no flow, are here. Fills @answer; @in may be gone afterwards. */
void uet_ses_rndv_arrived(struct uet_ses_in *in, const struct uet_ses_req *req,
			  struct uet_pds_answer *answer);

/*
 * @in, on no unexpected list, goes to @rx, or nowhere (NULL: it is discarded): read the rest,
 * once the eager bytes are here.
 */
void uet_ses_rndv_take(struct uet_ses_in *in, struct uet_ses_rx *rx);

/* Post reads that wait. */
void uet_ses_rndv_progress(struct uet_ses *ses, uint64_t now);

/* @n bytes at offset @off of the read @tx, of a rendezvous, arrived. */
void uet_ses_rndv_place(struct uet_ses_tx *tx, size_t off, const void *data, size_t n);

/* PDS has forgotten the read @tx, of a rendezvous, with result @err. */
void uet_ses_rndv_pulled(struct uet_ses *ses, struct uet_ses_tx *tx, int err);

/* @in is no longer interested in the rest. */
void uet_ses_rndv_forget(struct uet_ses_in *in);

/* Any message of @ses that is being read, at @index of the resource indices (< 0: any). */
struct uet_ses_in *uet_ses_rndv_any(struct uet_ses *ses, int index);

#endif /* UET_SES_RNDV_H */
