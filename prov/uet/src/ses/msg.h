/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to ses/: the object behind struct uet_ses, inbound messages, and what the files of
 * this folder offer each other.
 *
 * The life of an inbound message (struct uet_ses_in):
 *
 *   first packet --- posted receive found -------------> MATCHED -- all bytes --> rx_done
 *        |                                                 ^  |
 *        `-- none: UNEX (stored, or only announced) -- recv'  `-- error --> FAILED
 *                 |  |                                                        ^
 *                 |  `------------- error ------------------------------------'
 *                 `-- discarded while incomplete --> SINK
 *
 * Deferrable and rendezvous sends have states of their own between, see defer_rx.c, rndv_rx.c.
 *
 * Reads and writes of regions that take more than one packet are RMA from the first packet
 * on, until all bytes are there or an error makes them FAILED; see rma.c.
 *
 * It hangs on its PDC's flow as long as packets are missing, and on a list of unexpected
 * messages as long as no receive took it; it is freed when it is on neither.
 */
#ifndef UET_SES_MSG_H
#define UET_SES_MSG_H

#include <string.h>

#include "base/list.h"
#include "base/pool.h"
#include "ses/ses.h"

/* Unexpected payloads up to this size come from a pool, longer ones from malloc. */
#define UET_SES_SMALL_BUF 1024

/*
 * Inbound messages in state FAILED or SINK that may exist besides useful ones. Beyond that
 * the oldest is forgotten: bad peers cannot exhaust the others' message state.
 */
#define UET_SES_SPARE_IN 1024

/* RMA messages of several packets under way to this side. Beyond that packets are refused. */
#define UET_SES_RMA_IN 1024

#define UET_SES_QUEUES 2
#define UET_SES_RMA_QUEUE (UET_SES_QUEUES + 1)	/* uet_ses_in.queue of those */

#define UET_SES_REPLIES 1024	/* uet_ses_cfg.max_replies by default */
#define UET_SES_READ_BUCKETS 256		/* a power of two */

#define UET_SES_TOKEN_BUCKETS 64	/* of restart tokens */

enum uet_ses_in_state {
	UET_IN_UNEX,	/* no receive yet */
	UET_IN_MATCHED,	/* bytes go to rx */
	UET_IN_AWAIT,	/* deferred and taken: its source shall restart it; defer_rx.c */
	UET_IN_PULL,	/* a rendezvous that is taken: the rest is read; rndv_rx.c */
	UET_IN_RMA,	/* bytes go to or come from region */
	UET_IN_SINK,	/* discarded: the rest is swallowed, answered with success */
	UET_IN_FAILED,	/* the rest is swallowed, answered with rc (NULL: with success) */
};

/* What an unexpected message needs; uet_ses_peek hands it out as the claim. */
struct uet_ses_unex {
	struct uet_list link;	/* rxq->unex[queue] by arrival, ->claimed, ->spare; ses->rma */
	uint8_t *buf;		/* payload of request_length bytes; NULL: announced or empty */
	uint32_t lo, hi;	/* the stored bytes lie in [lo, hi) */
	bool counted;		/* on unex[] or claimed, counted against max_unexpected */
	bool claimed;
};

struct uet_ses_flow;
struct uet_ses_note;
struct uet_ses_pull;

struct uet_ses_in {
	struct uet_ses_unex unex;
	struct uet_list open;		/* flow->open */
	struct uet_ses_flow *flow;	/* NULL: no packet is missing, or the PDC is gone */
	struct uet_ses_rx *rx;		/* MATCHED; AWAIT, PULL: NULL if discarded */
	struct uet_ses *ses;		/* that it came to; NULL: gone, only a claim is left */
	struct uet_ses_rxq *rxq;
	const struct uet_ses_region *region;	/* RMA */
	uint64_t buffer_offset;		/* RMA */
	struct uet_ses_source source;
	uint64_t tag;
	uint64_t data;
	uint32_t request_length;
	uint32_t pushed;		/* bytes that its packets bring: less for a rendezvous */
	uint32_t expected;		/* the same: still less after an early end */
	uint32_t received;
	uint16_t message_id;
	uint16_t resource_index;
	uint8_t state;			/* enum uet_ses_in_state */
	uint8_t queue;			/* UET_SES_QUEUES: FAILED, and not known which */
	uint8_t opcode;			/* RMA */
	uint8_t rc;			/* FAILED */
	bool has_data;
	bool som_known;			/* the header of the first packet was seen */
	bool som_taken;			/* and the packet was accepted */
	bool guest;			/* came another way: part of a uet_ses_guest */
	/* Deferrable ones of which only the header is kept (UNEX, AWAIT). */
	bool deferred;
	bool told;			/* the source knows */
	bool relative;			/* REL of the request */
	uint32_t initiator_token;
	uint32_t target_token;		/* AWAIT; 0: none */
	struct uet_list token_link;	/* ses->awaits */
	struct uet_list wait;		/* a watch's ins */
	struct uet_ses_note *note;	/* its RTR, while under way */
	uint64_t call_at;		/* when that goes again; 0: pause not begun */
	uint8_t resets;			/* times that it met a PDC of an earlier life */
	/* Rendezvous: where the rest is. */
	bool rndv;			/* there is a rest */
	uint8_t read_generation;
	uint16_t read_pid, read_index;
	uint64_t read_offset, read_key;
	struct uet_ses_pull *pull;	/* its reading, while under way */
	struct uet_ses_rx part;		/* rx, when that is a part of a multi-receive buffer */
};

/* Open inbound messages of one PDC. */
struct uet_ses_flow {
	struct uet_list link;		/* ses->flows */
	struct uet_list open;
	struct uet_ses_in *last;	/* most recent hit, or NULL */
	bool known;			/* quick.c: header of an earlier packet of last ... */
	uint8_t head[UET_SES_STD_LEN];	/* ... in its midst that passed all checks */
};

/* A receive queue: see ses.h. All lists are of one lock, whatever SES the messages came to. */
struct uet_ses_rxq {
	struct uet_ses_rxq_cfg cfg;
	const struct uet_ses_upper_ops *ops;
	void *upper;
	struct uet_pool rx_pool;
	struct uet_pool in_pool;
	struct uet_pool small_pool;
	struct uet_pool guest_pool;
	struct uet_list posted[UET_SES_QUEUES];
	struct uet_list unex[UET_SES_QUEUES];
	struct uet_list claimed;
	struct uet_list spare;		/* FAILED and SINK, oldest first */
	uint32_t spare_count;
	uint64_t rx_seq;
	uint32_t unex_count;		/* claimed ones included */
	size_t unex_bytes;
};

/* A destination on ROD whose messages wait for a refused one; see retry.c. */
struct uet_ses_hold {
	struct uet_list link;		/* ses->holds */
	struct uet_list waiting;	/* sends, by seq */
	struct uet_ses_dest dest;
	uint64_t retry_at;		/* 0: pause not begun */
	uint32_t inflight;		/* members posted to PDS: refused ones, and the scout */
	uint8_t ri_generation;
	bool flowing;			/* the scout got through */
};

/* A destination with operations that a fence holds back; see fence.c. */
struct uet_ses_fence {
	struct uet_list link;		/* ses->fences */
	struct uet_list waiting;	/* operations not started, by seq */
	struct uet_ses_dest dest;
	uint64_t retry_at;		/* not to be started before: PDS had no room; 0: at once */
	uint32_t open;			/* operations to dest that are started and not finished */
};

/* A payload whose owner wanted his memory back; see disown.c. */
struct uet_ses_own {
	struct uet_list link;		/* ses->owns */
	char data[];
};

struct uet_ses {
	struct uet_ses_cfg cfg;
	const struct uet_ses_upper_ops *ops;
	void *upper;
	struct uet_pds *pds;
	struct uet_ses_stats stats;
	/* Sending. */
	struct uet_pool tx_pool;
	struct uet_pool copy_pool;	/* inject buffers */
	struct uet_pool hold_pool;
	struct uet_pool fence_pool;
	struct uet_list active;		/* posted to PDS */
	struct uet_list paused;		/* refused on RUD: to be repeated */
	struct uet_list finished;	/* tx_done is due */
	struct uet_list holds;		/* destinations that wait on ROD */
	struct uet_list fences;		/* destinations with a fence */
	struct uet_list owns;
	/* Deferrable sends, defer.h. */
	struct uet_pool note_pool;
	struct uet_pool watch_pool;
	struct uet_list notes;		/* to be posted */
	struct uet_list watches;
	struct uet_list tokens[UET_SES_TOKEN_BUCKETS];	/* sends, by token */
	struct uet_list awaits[UET_SES_TOKEN_BUCKETS];	/* inbound ones, by target token */
	uint32_t token_last;
	/* Rendezvous, rndv.h. */
	struct uet_pool rndv_pool;
	struct uet_pool pull_pool;
	struct uet_list rndvs[UET_SES_TOKEN_BUCKETS];	/* sends, by key */
	struct uet_list pulls;		/* to be posted */
	struct uet_list pulling;	/* all of them */
	uint64_t rndv_key;		/* the last one given out */
	uint8_t sent_modes;		/* bits: enum uet_pds_mode of sends so far */
	uint64_t tx_seq;
	uint64_t next;			/* earliest timed work of the lists above */
	uint32_t tx_open;		/* taken by uet_ses_send, tx_done not yet called */
	uint32_t tx_fenced;		/* of these: not started, on a fence's waiting list */
	uint32_t ids_used;
	uint16_t id_last;
	bool in_post;			/* inside uet_pds_post: put results off */
	uint64_t ids[65536 / 64];	/* message ids in use */
	struct uet_list reads[UET_SES_READ_BUCKETS];	/* those that await data, by id */
	struct uet_pool amo_pool;
	struct uet_pool operand_pool;	/* payloads of long atomics */
	/* Serving RMA. */
	struct uet_pool reply_pool;
	struct uet_list replies;	/* that PDS did not take yet */
	uint8_t *rudi_data;		/* of the RUDI response being made; payload_mtu bytes */
	struct uet_list rma;		/* messages in state UET_IN_RMA */
	struct uet_ses_rxq *rma_rxq;	/* theirs: without receives, with memory of its own */
	/* Receiving. */
	struct uet_pool flow_pool;
	struct uet_list flows;
	struct uet_ses_rxq *rxq[UET_SES_INDICES]; /* by resource index; NULL: none there */
};

/* iov.c */

/*
 * Describe bytes [@off, @off + @n) of the concatenation of @iov (@cnt fragments, which hold
 * them) in @out, which has room for @cnt fragments. @cur is the place of the last call and is
 * moved. Returns the number of fragments written.
 */
uint8_t uet_ses_iov_slice(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
			  size_t off, size_t n, struct iovec *out);

/* Copy @n bytes from @src to offset @off of the concatenation of @iov, as above. */
void uet_ses_iov_write(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
		       size_t off, const void *src, size_t n);

/* Copy @n bytes from offset @off of the concatenation of @iov to @dst, as above. */
void uet_ses_iov_read(const struct iovec *iov, uint8_t cnt, struct uet_ses_cursor *cur,
		      size_t off, void *dst, size_t n);

/* uet_ses_rx_write for memory of any kind, in any number of fragments. */
void uet_ses_rx_scatter(struct uet_ses_rx *rx, size_t off, const void *src, size_t n);

/*
 * Copy @n bytes from @src to offset @off of the memory of @rx, which holds them, whichever kind
 * of memory it is. An error is kept in rx->mem_err, and nothing is copied after one.
 */
static inline void uet_ses_rx_write(struct uet_ses_rx *rx, size_t off, const void *src, size_t n)
{
	if (uet_likely(!rx->mem && rx->iov_cnt == 1 && n > 0))
		memcpy((char *)rx->iov[0].iov_base + off, src, n);
	else
		uet_ses_rx_scatter(rx, off, src, n);
}

/* tx.c: the PDS upper ops of the sending side (pds/pds.h), and the posting of messages. */

void uet_ses_fill(void *upper, struct uet_pds_msg *msg, uint32_t index, struct uet_pds_fill *out);
bool uet_ses_response(void *upper, struct uet_pds_msg *msg, uint32_t index, uint8_t next_hdr,
		      const uint8_t *hdr, size_t len);
void uet_ses_done(void *upper, struct uet_pds_msg *msg, int err, uint8_t nack);

/* Forget the copy of the payload of @tx, if there is one. */
void uet_ses_tx_uncopy(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Next free message id after the last one given, or 0 if none is left. */
uint16_t uet_ses_id_get(struct uet_ses *ses);

/* @id is free again. */
void uet_ses_id_put(struct uet_ses *ses, uint16_t id);

/* The target answered @tx with the error in @resp: the first one counts, the rest stays unsent. */
void uet_ses_tx_refused(struct uet_ses *ses, struct uet_ses_tx *tx,
			const struct uet_ses_resp *resp);

/* An answer came that @tx cannot have: it fails, unless it has failed before. */
void uet_ses_tx_garbled(struct uet_ses *ses, struct uet_ses_tx *tx);

/*
 * Give @tx a message id and hand it to PDS, the first time or again. Returns 0, or -EAGAIN
 * without effect.
 */
int uet_ses_tx_post(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now);

/* Take @tx, which PDS has forgotten, off the active list and free its message id. */
void uet_ses_tx_unpost(struct uet_ses *ses, struct uet_ses_tx *tx);

/* PDS has forgotten @tx with result @err and NACK code @nack: repeat it, or call tx_done. */
void uet_ses_tx_end(struct uet_ses *ses, struct uet_ses_tx *tx, int err, uint8_t nack);

/* Start @tx: post it, or queue it at the hold of its destination. 0, or -EAGAIN, as above. */
int uet_ses_tx_start(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now);

/* Let no further packet of @tx, posted, go; the target is told where it ends. */
void uet_ses_tx_stop(struct uet_ses *ses, struct uet_ses_tx *tx);

/* @tx, on no list, has failed with @err: tx_done. */
void uet_ses_tx_finish(struct uet_ses *ses, struct uet_ses_tx *tx, int err);

/* disown.c */

/* Free the payload that @tx owns. */
void uet_ses_own_free(struct uet_ses_tx *tx);

/* Free all such payloads. */
void uet_ses_own_free_all(struct uet_ses *ses);

/* fence.c */

/*
 * New @tx, not yet started and on no list: if it must wait, because of its own fence or behind
 * an earlier one, queue it and return 1. Returns 0 when it may start now, or -EAGAIN.
 */
int uet_ses_fence_hold(struct uet_ses *ses, struct uet_ses_tx *tx);

/* @tx, which was started, has ended for good. */
void uet_ses_fence_ended(struct uet_ses *ses, const struct uet_ses_tx *tx);

/* Start operations whose fence is down. Lowers ses->next to the time of the next attempt. */
void uet_ses_fence_run(struct uet_ses *ses, uint64_t now);

/* retry.c: messages that the target wants repeated, UEC 3.4.6.3.2 and 10.4 of the notes. */

/* Do both name the same endpoint? */
bool uet_ses_same_dest(const struct uet_ses_dest *a, const struct uet_ses_dest *b);

/* If messages for the destination of @tx (ROD) are held, queue @tx there and return true. */
bool uet_ses_retry_enqueue(struct uet_ses *ses, struct uet_ses_tx *tx);

/*
 * @tx, still posted, was refused with a code that asks for repetition. On ROD later messages
 * to the same destination of which nothing was sent are taken back and held.
 */
void uet_ses_retry_refused(struct uet_ses *ses, struct uet_ses_tx *tx);

/* @tx, refused before, is now unposted: put it aside. Returns false without memory. */
bool uet_ses_retry_later(struct uet_ses *ses, struct uet_ses_tx *tx);

/* @tx has ended for good, with success if @ok: let messages go that waited for it. */
void uet_ses_retry_ended(struct uet_ses *ses, struct uet_ses_tx *tx, bool ok);

/* rx.c: the PDS upper ops of the receiving side. */

void uet_ses_rx_packet(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *answer);
void uet_ses_pdc_gone(void *upper, struct uet_pdc *pdc, int err);

/*
 * Is @req for this endpoint? The code of UEC 3.4.6. The three RI spaces hold the same indices.
 */
uint8_t uet_ses_check_target(const struct uet_ses *ses, const struct uet_ses_req *req);

/* quick.c */

/*
 * Take in the request packet @rx and fill @answer if it is one of the usual ones. False: it is
 * not, and nothing has happened.
 */
bool uet_ses_quick_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			  struct uet_pds_answer *answer);

/* in.c: inbound messages and flows. */

/*
 * New inbound message for the request @req from @src to @rxq of @ses, in state UNEX, on no
 * list. NULL when their limit is reached.
 */
struct uet_ses_in *uet_ses_in_new(struct uet_ses *ses, struct uet_ses_rxq *rxq,
				  const struct uet_ses_req *req, const struct uet_addr *src);

/* Free @in if neither its flow nor a list of unexpected messages holds it. */
void uet_ses_in_put(struct uet_ses_in *in);

/* Open message @message_id of @pdc, or NULL. */
struct uet_ses_in *uet_ses_in_find(struct uet_pdc *pdc, uint16_t message_id);

/* Put @in, of which packets are missing, on the flow of @pdc. Returns false without memory. */
bool uet_ses_in_open(struct uet_ses *ses, struct uet_ses_in *in, struct uet_pdc *pdc);

/* No packet of @in is missing any more: take it off its flow, if it is on one. */
void uet_ses_in_close(struct uet_ses_in *in);

/* Any open message of @pdc other than @except, or NULL. */
struct uet_ses_in *uet_ses_in_other(struct uet_pdc *pdc, const struct uet_ses_in *except);

/*
 * Keep @in only to swallow what still comes: in @state (SINK or FAILED) with code @rc. The
 * caller has taken it off the unexpected list. May free @in, or another such message.
 */
void uet_ses_in_swallow(struct uet_ses_in *in, uint8_t state, uint8_t rc);

/*
 * End @in with return code @rc (NULL: its source gave it up, or vanished). A matched receive
 * fails with -EIO, stored payload is freed, the rest will be swallowed. May free @in.
 */
void uet_ses_in_fail(struct uet_ses_in *in, uint8_t rc);

/* As uet_ses_in_fail, when no further packet is expected. @in is gone but for a claim. */
void uet_ses_in_abandon(struct uet_ses_in *in);

/*
 * The SES that @in came to is going away: no callback. A receive that it matched is put in front
 * of its queue again. @in is gone but for a claim.
 */
void uet_ses_in_orphan(struct uet_ses_in *in);

/* What the receiver of @in is told, as a success. */
void uet_ses_in_result(const struct uet_ses_in *in, struct uet_ses_rx_result *res);

/* match.c */

/*
 * First posted receive that takes the message @in; taken off its queue. NULL: none. Multi-
 * receive buffers that are too full for @in retire.
 */
struct uet_ses_rx *uet_ses_match_posted(struct uet_ses_rxq *rxq, struct uet_ses_in *in);

/*
 * First posted receive of @queue that takes a message with @tag from @initiator at @host (port
 * ignored), left where it is; NULL: none. Whether a multi-receive buffer has room is not asked.
 */
struct uet_ses_rx *uet_ses_match_peek(struct uet_ses_rxq *rxq, uint8_t queue, uint64_t tag,
				      const struct uet_addr *host, uint32_t initiator);

/* First unexpected message that @rx takes, left where it is; NULL: none. */
struct uet_ses_in *uet_ses_match_unex(struct uet_ses_rxq *rxq, const struct uet_ses_rx *rx);

/*
 * Tie the unexpected message @in to @rx: what arrived is copied, the rest will go there. If
 * nothing is missing, rx_done runs and @in is freed.
 */
void uet_ses_attach(struct uet_ses_in *in, struct uet_ses_rx *rx);

/* All of @in (on no flow) is in the memory of its receive: report it and free @in. */
void uet_ses_deliver(struct uet_ses_in *in);

/* Report @rx as failed with -EIO and @rc; @in tells which message. */
void uet_ses_rx_fail(struct uet_ses_rx *rx, const struct uet_ses_in *in, uint8_t rc);

/* Post @rx, taken before and not filled, in front of the others, as uet_ses_recv. */
void uet_ses_rx_again(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx);

/* multi.c */

/*
 * The part of the multi-receive buffer @rx that the message @in gets. NULL when it does not
 * fit behind others: then @rx is on no queue any more, and rx_done may have run.
 */
struct uet_ses_rx *uet_ses_multi_take(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx,
				      struct uet_ses_in *in);

/* Give the posted multi-receive buffer @rx the unexpected messages that it takes. */
void uet_ses_multi_recv(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx);

/* Cancel the posted multi-receive buffer @rx. */
void uet_ses_multi_cancel(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx);

/* The message of @part will not come, and nobody is told. */
void uet_ses_multi_drop(struct uet_ses_rxq *rxq, const struct uet_ses_rx *part);

/* The message of @part is over, and somebody else tells of it. */
void uet_ses_multi_end(struct uet_ses_rxq *rxq, const struct uet_ses_rx *part);

/*
 * rx_done for @rx, which the message @in had, and the release of its multi-receive buffer if
 * that is due.
 */
void uet_ses_rx_report(const struct uet_ses_in *in, struct uet_ses_rx *rx,
		       struct uet_ses_rx_result *res);

/* unex.c */

/* May one more unexpected message come? False when max_unexpected is reached. */
bool uet_ses_unex_admit(const struct uet_ses_rxq *rxq);

/* Queue @in as the latest unexpected message. */
void uet_ses_unex_add(struct uet_ses_in *in);

/* True when @in has its payload memory, or got it now; false when it stays announced. */
bool uet_ses_unex_store(struct uet_ses_in *in);

/* Free the payload of @in and take it off its list; a claimed one stays on that list. */
void uet_ses_unex_remove(struct uet_ses_in *in);

/* rxq.c */

/* The queue behind @resource_index; NULL: none. */
static inline struct uet_ses_rxq *uet_ses_rxq_at(const struct uet_ses *ses, uint16_t resource_index)
{
	uint32_t i = (uint32_t)resource_index - ses->cfg.resource_index;

	return i < UET_SES_INDICES ? ses->rxq[i] : NULL;
}

/* Take every queue away from @ses, as uet_ses_rxq_detach. */
void uet_ses_rxq_detach_all(struct uet_ses *ses);

/* resp.c */

/* Write the SES response to @req into @answer; @gtd: guaranteed delivery. */
void uet_ses_answer(struct uet_pds_answer *answer, const struct uet_ses_req *req, uint8_t opcode,
		    uint8_t list, uint8_t rc, uint32_t modified, bool gtd);

/* Answer @req with the error @rc. */
void uet_ses_refuse(struct uet_ses *ses, const struct uet_ses_req *req, uint8_t rc,
		    struct uet_pds_answer *answer);

/* True if a message refused with @rc shall be repeated as a whole (Table 3-19, "R"). */
bool uet_ses_rc_repeat(uint8_t rc);

/*
 * Negative errno for the error @rc that a target answered (Table 3-19). Codes for which only
 * libfabric has a number: TOO_LONG gives -EMSGSIZE (FI_ETRUNC), reserved codes and
 * floating-point exceptions -EPROTO (FI_EOTHER). Codes of uet_ses_rc_repeat never get here
 * but for want of memory; they give -ENOBUFS (FI_ENORX).
 */
int uet_ses_rc_errno(uint8_t rc);

static inline struct uet_ses_in *uet_ses_unex_in(struct uet_ses_unex *unex)
{
	return uet_container_of(unex, struct uet_ses_in, unex);
}

#endif /* UET_SES_MSG_H */
