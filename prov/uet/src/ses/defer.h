/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to ses/: deferrable sends (UEC 3.4.3.6.2, Figures 3-11 and 3-12), both sides.
 *
 *   source                                     target
 *   DEFERRABLE_SEND, source token  ----------> no receive: keeps the header,
 *                 <---------- OVERFLOW, 0 bytes  swallows the rest of this attempt
 *   zero-payload packet with EOM   ----------> first attempt is over
 *   (parked: keeps its buffer)                 a receive matches
 *                 <---------- DEFERRABLE_RTR, both tokens
 *   DEFERRABLE_SEND, both tokens   ----------> goes to that receive
 *
 * defer_tx.c is the left side, defer_rx.c the right one. While one side waits for the other
 * without a packet under way, watch.c asks for signs of life. note.c sends what SES itself has
 * to say.
 */
#ifndef UET_SES_DEFER_H
#define UET_SES_DEFER_H

#include "ses/msg.h"

/*
 * Source tokens are the source's to choose. Ours have this bit when the source must hear of
 * the match (FI_MATCH_COMPLETE): a target that knows it defers such a send rather than buffer
 * it. Others may buffer it, and ours may defer what a foreign token happens to ask for.
 */
#define UET_SES_TOKEN_MATCH (1u << 31)

/* ---- note.c: messages of one packet without payload ---- */

struct uet_ses_note {
	struct uet_ses_tx tx;		/* opcode DEFERRABLE_RTR or NO_OP */
	bool posted;			/* to PDS */
	uint32_t initiator_token;	/* RTR */
	uint32_t target_token;		/* RTR */
	uint32_t request_length;	/* RTR: of the message it asks for */
	struct uet_ses_in *in;		/* RTR: the message it asks for; NULL: given up */
	struct uet_ses_watch *watch;	/* NO_OP: who asks; NULL: nobody any more */
};

static inline bool uet_ses_is_note(const struct uet_ses_tx *tx)
{
	return tx->opcode == UET_OP_DEFERRABLE_RTR || tx->opcode == UET_OP_NO_OP;
}

/* The opcode of @tx, a deferrable send, on the wire. */
static inline uint8_t uet_ses_defer_opcode(const struct uet_ses_tx *tx)
{
	return tx->opcode == UET_OP_SEND ? UET_OP_DEFERRABLE_SEND : UET_OP_DEFERRABLE_TSEND;
}

static inline struct uet_ses_note *uet_ses_note_of(struct uet_ses_tx *tx)
{
	return uet_container_of(tx, struct uet_ses_note, tx);
}

/*
 * The mode in which notes and restarted messages travel: the one that @ses does not use for
 * sends, so that they have a PDC of their own. Behind sends that the target refuses for want of
 * memory, what would free that memory could not get through.
 */
uint8_t uet_ses_side_mode(const struct uet_ses *ses);

/*
 * Queue a note to @dest, sent by the next uet_ses_progress. Its end is told to
 * uet_ses_defer_noted or uet_ses_watch_noted. NULL without memory.
 */
struct uet_ses_note *uet_ses_note_send(struct uet_ses *ses, uint8_t opcode,
				       const struct uet_ses_dest *dest);

/* Forget @note if it still waits to be posted. */
void uet_ses_note_drop(struct uet_ses *ses, struct uet_ses_note *note);

/* Post notes that wait. */
void uet_ses_note_progress(struct uet_ses *ses, uint64_t now);

/* Add to @req what @tx, a note, says. */
void uet_ses_note_header(struct uet_ses_tx *tx, struct uet_ses_req *req);

/* A response to @tx, a note, arrived. */
void uet_ses_note_response(struct uet_ses_tx *tx, const struct uet_ses_resp *resp);

/* PDS has forgotten @tx, a note, with result @err. */
void uet_ses_note_done(struct uet_ses *ses, struct uet_ses_tx *tx, int err);

/* ---- watch.c: peers from which something is awaited ---- */

struct uet_ses_watch {
	struct uet_list link;		/* ses->watches; freed some time after nothing waits */
	struct uet_ses_dest dest;
	struct uet_list sends;		/* struct uet_ses_tx.link */
	struct uet_list ins;		/* struct uet_ses_in.wait */
	struct uet_ses_note *note;	/* the question under way, or NULL */
	const struct uet_pdc *pdc;	/* that the last question went over, or NULL */
	bool answered;			/* a question that went over pdc */
	uint64_t ask_at;		/* 0: pause not begun */
};

/*
 * @tx, which the target has deferred or shall read (then its defer_pdc or rndv->pdc tell over
 * which PDC it went, or NULL), waits for that, by its link. Returns false without memory.
 */
bool uet_ses_watch_send(struct uet_ses *ses, struct uet_ses_tx *tx);

/*
 * @in waits for its source to restart it, by its wait. Whenever that has not happened for
 * peer_timeout, or the source may have lost what it knew, the RTR goes again: a source that has
 * nothing to restart refuses it. Returns false without memory.
 */
bool uet_ses_watch_in(struct uet_ses *ses, struct uet_ses_in *in);

/* The note of a watch has ended: a peer that does not answer fails all that waits for it. */
void uet_ses_watch_noted(struct uet_ses *ses, struct uet_ses_note *note, int err);

/*
 * @pdc vanishes; with @err < 0 its peer has lost what it knew. Sends that depended on that fail.
 * What is awaited may be of the peer's new life, if there is one: it is asked for again.
 */
void uet_ses_watch_pdc_gone(struct uet_ses *ses, const struct uet_pdc *pdc, int err);

/*
 * May the question @note not be posted yet? While the PDC of the last one is closing, another
 * would open a new PDC, perhaps to a new life of the peer, before that close has told.
 */
bool uet_ses_watch_holds(const struct uet_ses_note *note);

/* The question @note is in line at @pdc. */
void uet_ses_watch_asked(struct uet_ses_note *note, const struct uet_pdc *pdc);

/* PDS upper op: does a watch rest on @pdc? */
bool uet_ses_watch_needs(void *upper, const struct uet_pdc *pdc);

/* Send the questions that are due. */
void uet_ses_watch_progress(struct uet_ses *ses, uint64_t now);

/* ---- defer_tx.c ---- */

/* Shall @tx, a send that is about to start, be deferrable? Gives it a token then. */
void uet_ses_defer_init(struct uet_ses *ses, struct uet_ses_tx *tx);

/* The part of the header @req of @tx that is peculiar to deferrable sends. */
void uet_ses_defer_header(const struct uet_ses_tx *tx, struct uet_ses_req *req);

/* A positive response to @tx, which is deferrable: has the target deferred it? */
void uet_ses_defer_response(struct uet_ses *ses, struct uet_ses_tx *tx,
			    const struct uet_ses_resp *resp);

/* The attempt at @tx, deferred, has ended well: wait for the RTR, or follow it. */
void uet_ses_defer_park(struct uet_ses *ses, struct uet_ses_tx *tx);

/* @tx has ended for good: its token names nothing any more. */
void uet_ses_defer_end(struct uet_ses_tx *tx);

/* The peer answered with @rc that what kept @tx, which waited for its RTR, is not there. */
void uet_ses_defer_lost(struct uet_ses *ses, struct uet_ses_tx *tx, uint8_t rc);

/* An RTR @req came from @src. Returns the code to answer. */
uint8_t uet_ses_defer_recall(struct uet_ses *ses, const struct uet_ses_req *req,
			     const struct uet_addr *src);

/* ---- defer_rx.c ---- */

/*
 * Shall the new unexpected message @in, deferrable, with header @req, be deferred rather than
 * buffered? If not, its memory is there. If so, @in is marked.
 */
bool uet_ses_defer_begin(struct uet_ses_in *in, const struct uet_ses_req *req);

/*
 * A packet of the first attempt at the deferred message @in with @len bytes up to @end; @stops:
 * it ends there. Fills @answer. @in may be gone afterwards.
 */
void uet_ses_defer_packet(struct uet_ses_in *in, const struct uet_ses_req *req, uint32_t len,
			  uint32_t end, bool stops, struct uet_pds_answer *answer);

/* No more packets of the first attempt at @in, deferred, which is on no flow, will come. */
void uet_ses_defer_over(struct uet_ses_in *in);

/* Send the RTR of @in, AWAIT, unless one is under way. Returns false without memory. */
bool uet_ses_defer_call(struct uet_ses_in *in);

/* The deferred message @in, on no unexpected list, goes to @rx; NULL: it is discarded. */
void uet_ses_defer_take(struct uet_ses_in *in, struct uet_ses_rx *rx);

/*
 * The message that @req from @src restarts, on the flow of @pdc unless @whole; NULL when there
 * is none, or (with *@nack set) no memory.
 */
struct uet_ses_in *uet_ses_defer_resume(struct uet_ses *ses, const struct uet_ses_req *req,
					const struct uet_addr *src, struct uet_pdc *pdc,
					bool whole, uint8_t *nack);

/* Where the source of @in is reached. */
void uet_ses_reply_dest(const struct uet_ses_in *in, struct uet_ses_dest *dest);

/* The RTR @note has ended. */
void uet_ses_defer_noted(struct uet_ses_note *note, int err);

/* @in awaits its restart no more: no token, no watch, no note leads to it. */
void uet_ses_defer_forget(struct uet_ses_in *in);

/* Any message of @ses that awaits its restart, at @index of the resource indices (< 0: any). */
struct uet_ses_in *uet_ses_defer_any(struct uet_ses *ses, int index);

#endif /* UET_SES_DEFER_H */
