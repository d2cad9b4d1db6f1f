/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private to ses/: RMA, atomics and datagrams, both sides (UEC 3.4.4).
 *
 *   rma.c     target: checks, WRITE            region.c  bytes of a region
 *   reply.c   target: data for the reader      amo_rx.c  target: atomics
 *   read.c    initiator: headers, read data    amo_tx.c  initiator: atomics
 *   dgram.c   datagrams, both sides
 */
#ifndef UET_SES_RMA_H
#define UET_SES_RMA_H

#include "ses/amo.h"
#include "ses/msg.h"

/* A message of at most so many bytes is answered inside the ACK (Max_ACK_Data_Size). */
#define UET_SES_ACK_DATA 16

/* Memory keys, Table 2-13. */
#define UET_KEY_OPTIMIZED	(1ull << 62)
#define UET_KEY_OPTIMIZED_RKEY	0xfffull

/* uet_ses_tx.opcode of the messages of reply.c; no request opcode has this value. */
#define UET_SES_REPLY 0xff

/* An RMA or atomic request packet being looked at. */
struct uet_ses_rma_pkt {
	const struct uet_pds_rx *rx;
	struct uet_ses_req req;		/* with key and index as STD would have them */
	const uint8_t *payload;
	size_t avail;			/* bytes at payload */
	uint32_t off;			/* where the packet's bytes belong in the message */
	uint32_t len;			/* bytes written, read or modified by this packet */
	uint32_t total;			/* the same by the message */
	bool fetch;			/* data goes back */
	const struct uet_ses_region *region;
	uint64_t at;			/* where in the region the message begins */
};

/* ---- region.c ---- */

/* Copy @n bytes of host memory @src to offset @off of @region, which holds them. 0 or errno. */
int uet_ses_region_put(const struct uet_ses_region *region, uint64_t off, const void *src,
		       size_t n);

/* Copy @n bytes from offset @off of @region to host memory @dst. 0 or negative errno. */
int uet_ses_region_get(const struct uet_ses_region *region, uint64_t off, void *dst, size_t n);

/* Address of byte @off of @region; *@run is how many bytes follow there, itself included. */
void *uet_ses_region_at(const struct uet_ses_region *region, uint64_t off, uint64_t *run);

/* ---- rma.c ---- */

static inline bool uet_ses_is_rma(uint8_t opcode)
{
	return (opcode >= UET_OP_WRITE && opcode <= UET_OP_FETCHING_ATOMIC) ||
	       opcode == UET_OP_VENDOR_ATOMIC;
}

/* Serve the request @req of the packet @rx with @avail bytes of payload. */
void uet_ses_rma_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			const struct uet_ses_req *req, const uint8_t *payload, size_t avail,
			struct uet_pds_answer *answer);

/* Count the operation @event on @region, and tell the floor above if @tell. Last of all. */
void uet_ses_rma_tell(struct uet_ses *ses, const struct uet_ses_region *region,
		      const struct uet_ses_rma_event *event, bool tell);

/* Count the operation that @p completes, and tell the floor above. Last of all. */
void uet_ses_rma_complete(struct uet_ses *ses, const struct uet_ses_rma_pkt *p, uint8_t opcode,
			  size_t len);

/* ---- reply.c ---- */

/* One packet of data for a reader. */
struct uet_ses_reply {
	struct uet_ses_tx tx;		/* opcode UET_SES_REPLY */
	struct uet_ses_resp resp;	/* its header */
	struct uet_pdc *pdc;		/* where it goes, while it waits */
	uint64_t rndv_key;		/* of the rendezvous that is read; 0: none */
	uint8_t data[];			/* payload_mtu bytes */
};

/* Does the data that @p asks for travel inside the answer? The size of its message decides. */
static inline bool uet_ses_reply_inline(const struct uet_ses_rma_pkt *p)
{
	return p->total <= UET_SES_ACK_DATA || p->rx->mode == UET_MODE_RUDI;
}

/*
 * Answer @p with @data, p->len bytes, inside the ACK, or behind the RUDI response, for which it
 * must last until that is sent.
 */
void uet_ses_reply_now(const struct uet_ses_rma_pkt *p, const void *data,
		       struct uet_pds_answer *answer);

/*
 * Take a reply to @p; NULL, and a NACK in @answer, when max_replies are under way. The caller
 * puts p->len bytes into its data.
 */
struct uet_ses_reply *uet_ses_reply_get(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
					struct uet_pds_answer *answer);

/* Give back a reply that was not sent. */
void uet_ses_reply_put(struct uet_ses *ses, struct uet_ses_reply *reply);

/*
 * Send @reply, filled, in the return direction; @answer becomes NO_RESPONSE. If PDS has no
 * memory now, it waits for uet_ses_reply_progress.
 */
void uet_ses_reply_send(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
			struct uet_ses_reply *reply, struct uet_pds_answer *answer);

/* Post replies that wait. */
void uet_ses_reply_progress(struct uet_ses *ses, uint64_t now);

/* @pdc vanishes, and replies that wait to go there with it. */
void uet_ses_reply_pdc_gone(struct uet_ses *ses, const struct uet_pdc *pdc);

/* Refuse @p for want of a resource: its source repeats it. */
void uet_ses_reply_refuse(struct uet_ses *ses, uint8_t nack, struct uet_pds_answer *answer);

/* PDS upper ops for @tx, a reply. */
void uet_ses_reply_fill(const struct uet_ses_tx *tx, struct uet_pds_fill *out);
void uet_ses_reply_done(struct uet_ses *ses, struct uet_ses_tx *tx, int err);

/* ---- amo_rx.c ---- */

/* Judge the header of an atomic alone, and work out p->len, p->total, p->fetch. */
uint8_t uet_ses_amo_measure(const struct uet_ses *ses, struct uet_ses_rma_pkt *p);

/*
 * Execute the atomic of @p, all checks of addressing and range passed. Returns OK with @answer
 * filled, or the code with which to refuse it.
 */
uint8_t uet_ses_amo_serve(struct uet_ses *ses, const struct uet_ses_rma_pkt *p,
			  struct uet_pds_answer *answer);

/* ---- read.c ---- */

static inline bool uet_ses_is_fetch(const struct uet_ses_tx *tx)
{
	return tx->opcode == UET_OP_READ || tx->opcode == UET_OP_FETCHING_ATOMIC;
}

/* Number of packets of @tx, an RMA operation, and whether it awaits data; before each post. */
void uet_ses_rma_begin(struct uet_ses *ses, struct uet_ses_tx *tx);

/* uet_pds_post for @tx of mode RUDI; what RUDI cannot carry goes by RUD. */
int uet_ses_rudi_post(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now);

/*
 * Complete the header @req of @tx, an RMA operation, whose packet covers @n bytes of the
 * message. Returns the bytes of payload that it carries.
 */
uint32_t uet_ses_rma_header(const struct uet_ses_tx *tx, struct uet_ses_req *req, uint32_t n);

/* The PDS upper op response() for @tx, a read or fetching atomic. */
bool uet_ses_read_response(struct uet_ses *ses, struct uet_ses_tx *tx, uint32_t index,
			   uint8_t next_hdr, const uint8_t *hdr, size_t len);

/* PDS has finished @tx, a read or fetching atomic, without error: was it answered in full? */
void uet_ses_read_ended(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Data of the return direction arrived. */
void uet_ses_read_data(struct uet_ses *ses, const struct uet_pds_rx *rx,
		       struct uet_pds_answer *answer);

/* ---- amo_tx.c ---- */

/* Longest payload of an atomic that needs no buffer of its own. */
#define UET_SES_AMO_SMALL 64

/* Where the floor above gets its struct uet_ses_amo, and what is made of it for the wire. */
struct uet_ses_amo_buf {
	struct uet_ses_amo amo;
	struct uet_ses_cursor cur;	/* in amo.result */
	uint8_t opcode;			/* on the wire */
	uint32_t request_length;
	uint32_t wire_len;		/* payload bytes */
	uint8_t compare_value[16];
	uint8_t swap_value[16];
	uint8_t small[UET_SES_AMO_SMALL];	/* the payload, if it is no longer */
};

static inline struct uet_ses_amo_buf *uet_ses_amo_buf(const struct uet_ses_tx *tx)
{
	return uet_container_of(tx->amo, struct uet_ses_amo_buf, amo);
}

/*
 * Put the operands of @tx into the form in which they travel; tx->copy points there. Returns 0
 * or -EAGAIN (no memory).
 */
int uet_ses_amo_encode(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Undo uet_ses_amo_encode, if it was called. */
void uet_ses_amo_uncopy(struct uet_ses *ses, struct uet_ses_tx *tx);

/* The part of the header that is peculiar to atomics. Returns the bytes of payload. */
uint32_t uet_ses_amo_header(const struct uet_ses_tx *tx, struct uet_ses_req *req);

/* The result of @tx arrived: @n bytes at @data in wire form. False: not what was asked for. */
bool uet_ses_amo_result(struct uet_ses_tx *tx, const uint8_t *data, size_t n);

/* ---- dgram.c ---- */

/* uet_ses_send for mode UUD. */
int uet_ses_dgram_send(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now);

/* A packet of mode UUD arrived, of which @req was parsed. */
void uet_ses_dgram_packet(struct uet_ses *ses, const struct uet_pds_rx *rx,
			  const struct uet_ses_req *req, const uint8_t *payload, size_t avail);

#endif /* UET_SES_RMA_H */
