/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Semantic sublayer (SES): messages, matching, unexpected messages, responses. UEC 1.0.x
 * section 3.4. This header is the floor's contract. Owned and locked like struct uet_pds,
 * which it creates and drives; time is an argument.
 *
 * Identity of a sender: {IP address, initiator id, JobID}. Requests name the target's PID and
 * RI, never the sender's (UEC 3.4.1.3.8), so directed receives and FI_SOURCE go by it.
 */
#ifndef UET_SES_SES_H
#define UET_SES_SES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/list.h"
#include "pds/pds.h"
#include "wire/ses.h"

struct uet_ses;
struct uet_ses_rxq;

#define UET_SES_IOV 8		/* fragments of one send or receive */
#define UET_SES_MAX_MSG UINT32_MAX
#define UET_SES_INDICES 64	/* receive queues that one SES may have */

/* Who sent a message. */
struct uet_ses_source {
	struct uet_addr host;	/* port 0 */
	uint32_t initiator;
};

/* Where to send. */
struct uet_ses_dest {
	struct uet_addr addr;
	uint16_t pid_on_fep;
	uint16_t resource_index;
	bool relative;		/* REL: parallel job addressing */
	bool small;		/* it takes optimized non-matching headers (SMALL) */
};

/* Private to ses/: a place in an iovec, kept between packets. */
struct uet_ses_cursor {
	size_t base;		/* offset in the whole at which fragment idx begins */
	uint8_t idx;
};

struct uet_ses_hold;
struct uet_ses_rndv;

/* Memory that the CPU cannot reach by itself. Both return 0 or a negative errno. */
struct uet_ses_mem {
	/* Copy @n bytes from host memory @src to @dst, an address of that memory. */
	int (*put)(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n);
	/* Copy @n bytes from @src, an address of that memory, to host memory @dst. */
	int (*get)(const struct uet_ses_mem *mem, void *dst, const void *src, size_t n);
};

/* Rights of peers on a region, bits. */
#define UET_SES_REMOTE_READ	0x1
#define UET_SES_REMOTE_WRITE	0x2

/* A region that peers may read and write; the floor above owns it. */
struct uet_ses_region {
	const struct iovec *iov;	/* segments, one after the other */
	size_t iov_cnt;
	uint64_t len;			/* sum of them */
	uint64_t base;			/* buffer_offset of the first byte (FI_MR_VIRT_ADDR) */
	uint64_t key;
	uint32_t job_id;		/* the only job that may use it; 0: any */
	uint8_t access;			/* UET_SES_REMOTE_* */
	bool idempotent;		/* RUDI requests are welcome (key bit 63) */
	const struct uet_ses_mem *mem;	/* NULL: ordinary memory */
};

/* Operands of an atomic. Taken from the SES's pool, returned with its uet_ses_tx. */
struct uet_ses_amo {
	uint8_t op;			/* enum uet_amo_op */
	uint8_t type;			/* enum uet_amo_type */
	uint8_t size;			/* bytes per element */
	uint8_t compare_cnt;		/* fragments; 0: no compare values */
	uint8_t result_cnt;		/* fragments; 0: nothing is fetched */
	struct iovec compare[UET_SES_IOV];
	struct iovec result[UET_SES_IOV];
};

/*
 * A send, RMA or atomic operation. Taken from and returned to the SES's pool; lives until
 * tx_done has returned.
 *
 *   opcode                  iov                     more
 *   SEND, TAGGED_SEND       what is sent            tag, data
 *   DATAGRAM_SEND           what is sent            data; one packet; mode UUD
 *   WRITE                   what is written         offset, key, data
 *   READ                    where it is read to     offset, key
 *   ATOMIC                  operands                offset, key, amo
 *   FETCHING_ATOMIC         operands (may be none)  offset, key, amo with result
 */
struct uet_ses_tx {
	struct uet_pds_msg msg;
	/* Set by the caller. */
	struct uet_ses_dest dest;
	uint8_t opcode;		/* enum uet_ses_op, see above */
	uint8_t mode;		/* enum uet_pds_mode */
	bool dc;		/* delivery complete asked */
	bool match;		/* sends: done only when a receive has taken it, or discarded it */
	bool has_data;		/* header data (FI_REMOTE_CQ_DATA) */
	bool inject;		/* copy the payload: the caller's memory is free on return */
	bool lazy;		/* nobody waits for tx_done: the peer may acknowledge at leisure */
	bool fence;		/* FI_FENCE: it and later ones to @dest wait for all earlier ones */
	uint8_t iov_cnt;
	uint64_t tag;
	uint64_t data;
	uint64_t offset;	/* RMA, atomics: where in the region (buffer_offset) */
	uint64_t key;		/* RMA, atomics: of the region */
	struct uet_ses_amo *amo; /* atomics; from uet_ses_amo_get */
	size_t len;		/* sum of iov, <= UET_SES_MAX_MSG; FETCHING_ATOMIC: of the result */
	void *owner;		/* the caller's, untouched */
	void *context;		/* the same */
	void *stage;		/* the same */
	uint64_t flags;		/* the same */
	/* Private to ses/. */
	struct uet_list link;	/* active, paused, finished, a hold's, fence's or watch's list */
	struct uet_list read_link; /* ses->reads: data of the return direction is awaited */
	struct uet_list token_link;	/* ses->tokens, once it has a token */
	struct uet_ses_hold *hold;	/* it was refused and blocks later ones (ROD) */
	struct uet_ses_cursor cur;
	void *copy;		/* inject buffer, or the operands as they travel */
	struct uet_ses_own *own; /* payload in place of the caller's, who took his back */
	uint64_t seq;		/* order of uet_ses_send */
	uint64_t retry_at;	/* ns, while waiting to be repeated; 0: pause not begun */
	uint32_t no_response;	/* packets whose answer was NO_RESPONSE */
	uint32_t data_pkts;	/* packets whose data came */
	uint32_t sent_bytes;	/* at the moment it was stopped */
	int err;		/* PDS result, while its report is put off */
	uint8_t nack;		/* the same */
	uint16_t message_id;
	uint8_t rc;		/* first error that the target answered, UET_RC_OK otherwise */
	uint8_t ri_generation;	/* of the target, as it told with BAD_GENERATION */
	uint8_t retries;	/* times that the whole message was repeated (NO_MATCH ...) */
	bool answered;		/* a response other than NO_RESPONSE came */
	bool posted;		/* to PDS */
	bool stopped;		/* ended early; the last packet is a MSG_ERROR */
	bool garbled;		/* an answer came that is no answer to a send */
	/* Deferrable sends, defer_tx.c. */
	bool deferred;		/* the target keeps only the header of this attempt */
	bool halted;		/* stopped for that: the last packet is an empty one */
	bool parked;		/* waits for an RTR */
	bool recalled;		/* an RTR came, with what follows */
	bool restarted;		/* as an RTR asked */
	uint32_t token;		/* 0: not deferrable */
	uint32_t target_token;
	uint32_t from;		/* offset of the first byte of this attempt */
	uint32_t recall_from, recall_token;
	const struct uet_pdc *defer_pdc; /* over which it was deferred; to compare only */
	/* Rendezvous, rndv.h. */
	struct uet_ses_rndv *rndv;	/* a send of that kind */
	bool pull;			/* the read of such a send's rest */
	/* Set by the caller; not cleared by uet_ses_tx_get. */
	struct iovec iov[UET_SES_IOV];
};

/* Kinds of receive queue (RI spaces SEND and TAGGED, UEC 3.4.1.2). */
enum uet_ses_queue {
	UET_SES_UNTAGGED = 0,
	UET_SES_TAGGED = 1,
};

struct uet_ses_unex;

/*
 * A posted receive. Taken from and returned to its queue's pool; lives until rx_done returned.
 *
 * A multi-receive buffer (@multi, one fragment) takes many messages, one behind the other. Each
 * is reported by rx_done with a part: a receive with @parent, whose fragment is where the
 * message lies and whose owner, context and flags are the buffer's. See rx_done.
 */
struct uet_ses_rx {
	/* Set by the caller. */
	uint8_t queue;		/* enum uet_ses_queue */
	uint8_t iov_cnt;
	bool directed;		/* only from @source */
	bool multi;		/* a multi-receive buffer */
	uint64_t tag;
	uint64_t ignore;
	size_t len;		/* sum of iov */
	size_t min_free;	/* multi: released when fewer bytes are free */
	struct uet_ses_source source;
	const struct uet_ses_mem *mem;	/* what @iov lies in; NULL: ordinary memory */
	void *owner;		/* the caller's, untouched */
	void *context;		/* the same */
	uint64_t flags;		/* the same */
	/* Private to ses/. */
	struct uet_list link;
	struct uet_ses_cursor cur;
	int mem_err;		/* first error of mem->put: how the receive will end */
	uint64_t seq;		/* order of posting over both queues */
	struct uet_ses_rx *parent;	/* a part: its buffer */
	size_t used;		/* multi: bytes given to parts */
	uint32_t parts;		/* multi: those that have not ended */
	bool retired;		/* multi: takes no more messages */
	bool cancelled;		/* multi: while parts were under way */
	/* Set by the caller; not cleared by uet_ses_rx_get. */
	struct iovec iov[UET_SES_IOV];
};

/* How a receive ended. */
struct uet_ses_rx_result {
	int err;		/* 0, or negative errno: -EMSGSIZE truncated, -ECANCELED, -EIO;
				 * or what mem->put answered */
	uint8_t rc;		/* UET return code behind an error, or 0 */
	uint8_t queue;
	bool has_data;
	bool released;		/* with this the multi-receive buffer is the caller's again */
	size_t len;		/* bytes placed */
	size_t msg_len;		/* length of the message; > len when truncated */
	uint64_t tag;
	uint64_t data;
	uint16_t resource_index; /* that the message was addressed to; 0: there is none */
	struct uet_ses_source source;
};

/* An RMA or atomic operation of a peer that is complete here. */
struct uet_ses_rma_event {
	uint8_t opcode;		/* UET_OP_WRITE, _READ, _ATOMIC or _FETCHING_ATOMIC */
	bool has_data;		/* WRITE with header data */
	uint64_t data;
	size_t len;		/* bytes written, read or modified */
	uint64_t offset;	/* buffer_offset of the request */
	uint16_t resource_index; /* that it was addressed to */
	struct uet_ses_source source;
};

/* What SES asks of and tells the floor above. All run inside a call of the owner. */
struct uet_ses_upper_ops {
	/*
	 * @tx is finished: @err = 0, or a negative errno with @prov_errno = SES return code
	 * (1-63), or 0x100 + PDS NACK code, or 0. The caller returns @tx with uet_ses_tx_put
	 * (may be done inside).
	 */
	void (*tx_done)(void *upper, struct uet_ses_tx *tx, int err, uint32_t prov_errno);

	/*
	 * @rx is finished. The caller returns it with uet_ses_rx_put (may be done inside).
	 * A part of a multi-receive buffer is gone when the call returns, put or not; the
	 * report of the last part may tell that the buffer is released, which is then gone too.
	 * Otherwise the release is a call of its own for the buffer: no message, err 0 or, when
	 * it was cancelled, -ECANCELED.
	 */
	void (*rx_done)(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res);

	/*
	 * The region that @key names for requests to @resource_index; NULL: none. It stays valid
	 * until uet_ses_region_gone says otherwise. May be NULL: no regions.
	 */
	const struct uet_ses_region *(*region)(void *upper, uint64_t key,
					       uint16_t resource_index);

	/*
	 * A peer's operation on @region is complete (not for RUDI, which may repeat itself).
	 * May be NULL.
	 */
	void (*rma_done)(void *upper, const struct uet_ses_region *region,
			 const struct uet_ses_rma_event *event);
};

struct uet_ses_cfg {
	struct uet_pds_cfg pds;
	uint32_t job_id;		/* 24 bits */
	uint16_t pid_on_fep;		/* own, 12 bits */
	uint16_t resource_index;	/* own, the first one, in all three RI spaces */
	uint16_t indices;		/* how many from there on exist; 0: one */
	uint32_t initiator;		/* own */
	uint32_t payload_mtu;		/* 1024, 2048, 4096 or 8192 */
	uint32_t max_tx;		/* sends outstanding */
	uint32_t inject_size;		/* largest copied payload, bytes */
	uint32_t max_replies;		/* packets of data on their way to readers; 0: 1024 */
	size_t defer_size;		/* longer sends are deferrable; 0: none */
	size_t rndv_size;		/* longer ones are rendezvous sends; 0: none */
	size_t rndv_eager;		/* bytes of those that are sent, not read */
	uint64_t probe_time;		/* ns between signs of life asked of a peer; 0: 500 ms */
	uint64_t retry_time;		/* ns: first pause before a refused message is repeated */
	uint64_t retry_max;		/* ns: ceiling of its doubling */
};

/* Limits of a receive queue. */
struct uet_ses_rxq_cfg {
	uint32_t max_rx;		/* receives posted */
	uint32_t max_unexpected;	/* unexpected messages kept */
	size_t max_unexpected_bytes;	/* payload bytes kept for them */
};

struct uet_ses_stats {
	uint64_t tx_msgs, tx_bytes, rx_msgs, rx_bytes;
	uint64_t unexpected;		/* messages that found no receive */
	uint64_t unexpected_refused;	/* packets refused because the limits were reached */
	uint64_t deferred;		/* of them, those of which only the header was kept */
	uint64_t rendezvous;		/* messages whose rest was read from their sources */
	uint64_t truncated;
	uint64_t drop_malformed;	/* headers that contradict themselves */
	uint64_t drop_datagram;		/* datagrams that found no receive, or were not for us */
	uint64_t rma_writes, rma_reads, rma_atomics;	/* of peers, complete here */
	uint64_t rma_bytes;		/* that they wrote, read or modified */
	uint64_t rma_refused;		/* packets refused for want of message state or buffers */
	uint64_t rc_sent[64];		/* error responses by return code */
	uint64_t rc_received[64];
};

/* Create an SES, and its PDS over @nic (borrowed). Returns 0, -EINVAL or -ENOMEM. */
int uet_ses_create(const struct uet_ses_cfg *cfg, struct uet_nic *nic,
		   const struct uet_ses_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_ses **ses);

/*
 * Free everything; sends are forgotten without callbacks. Receive queues are detached, and the
 * unexpected messages of @ses leave them (claimed ones count as failed). Receives that @ses
 * was filling are posted again, for others that share the queue: rx_done of those may run.
 */
void uet_ses_destroy(struct uet_ses *ses);

/* The PDS below, for driving: uet_pds_rx, _progress, _flush, _next, _idle, _close. */
struct uet_pds *uet_ses_pds(struct uet_ses *ses);

/* Take a send descriptor; NULL when max_tx are out (-FI_EAGAIN). All but iov is 0 or private. */
struct uet_ses_tx *uet_ses_tx_get(struct uet_ses *ses);

/* Give a descriptor back: after tx_done, or when uet_ses_send refused it. */
void uet_ses_tx_put(struct uet_ses *ses, struct uet_ses_tx *tx);

/* Take operands for a tx; NULL when max_tx are out. uet_ses_tx_put returns them. */
struct uet_ses_amo *uet_ses_amo_get(struct uet_ses *ses);

/*
 * Most elements of @size bytes that one atomic may have: @fetch for those with a result,
 * @compare for those with compare values.
 */
size_t uet_ses_amo_max(const struct uet_ses *ses, size_t size, bool fetch, bool compare);

/*
 * @region is about to vanish: nothing touches its memory after this call. Messages under way
 * to it fail with BAD_MKEY at their sources. The floor above no longer finds it.
 */
void uet_ses_region_gone(struct uet_ses *ses, const struct uet_ses_region *region);

/*
 * Start @tx. Returns 0 (tx_done will follow, possibly from a later call, never from inside
 * this one), or -EAGAIN without effect (no PDC, no message id, no memory). Packets leave with
 * uet_pds_flush; those of a message that a fence holds back, after a later uet_ses_progress.
 * With @tx->inject the payload (<= inject_size) is copied.
 */
int uet_ses_send(struct uet_ses *ses, struct uet_ses_tx *tx, uint64_t now);

/*
 * Operations of which @is_his(their owner, @arg) says so give their memory back: what is still
 * to be sent is copied, what still comes is dropped. tx_done follows as always. No packet waits
 * in the PDS for the device. Returns 0, or -ENOMEM, after which the call is to be repeated.
 */
int uet_ses_disown(struct uet_ses *ses, bool (*is_his)(const void *owner, const void *arg),
		   const void *arg);

/*
 * Create a receive queue: posted receives and unexpected messages, tagged and untagged, behind
 * one or more resource indices. Those of several SES (a shared receive context) must share
 * one lock. @ops->rx_done tells with @upper of receives that end without a message. Returns 0,
 * -EINVAL or -ENOMEM.
 */
int uet_ses_rxq_create(const struct uet_ses_rxq_cfg *cfg, const struct uet_ses_upper_ops *ops,
		       void *upper, struct uet_ses_rxq **rxq);

/*
 * Free @rxq, attached nowhere; receives still posted and messages claimed are forgotten without
 * callbacks. NULL is fine.
 */
void uet_ses_rxq_destroy(struct uet_ses_rxq *rxq);

/*
 * Messages of @ses for @resource_index (the first one + 0 .. UET_SES_INDICES - 1) go to @rxq from
 * now on, which outlives @ses or its detachment. Returns 0, -EINVAL (out of range) or -EBUSY
 * (another queue is there).
 */
int uet_ses_rxq_attach(struct uet_ses *ses, uint16_t resource_index, struct uet_ses_rxq *rxq);

/* As uet_ses_destroy does with all queues: @ses has none at @resource_index any more. */
void uet_ses_rxq_detach(struct uet_ses *ses, uint16_t resource_index);

/* Take a receive descriptor; NULL when max_rx are posted. */
struct uet_ses_rx *uet_ses_rx_get(struct uet_ses_rxq *rxq);

/* Give a descriptor back. */
void uet_ses_rx_put(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx);

/*
 * Post @rx: matched against unexpected messages in the order of their arrival, else queued.
 * rx_done may run inside (message already complete).
 */
void uet_ses_recv(struct uet_ses_rxq *rxq, struct uet_ses_rx *rx, uint64_t now);

/*
 * Cancel the oldest posted receive whose context is @context and that is not yet matched:
 * rx_done with -ECANCELED runs inside; for a multi-receive buffer only when the messages that
 * go into it have ended. Not to be called from rx_done. Returns true if one was found.
 */
bool uet_ses_cancel(struct uet_ses_rxq *rxq, void *context);

enum uet_ses_peek_action {
	UET_SES_PEEK,		/* look only */
	UET_SES_PEEK_CLAIM,	/* take the message aside for uet_ses_claimed_* */
	UET_SES_PEEK_DISCARD,	/* drop it */
};

/*
 * Look for the first unexpected message (complete, or announced with known length) that a
 * receive described by @pattern (queue, directed, source, tag, ignore) would match. Returns 0
 * with @res filled (len = msg_len = the message's length), and for CLAIM the message in
 * @claim (owned by the queue, valid until claimed_recv or claimed_discard), or -ENOENT.
 */
int uet_ses_peek(struct uet_ses_rxq *rxq, const struct uet_ses_rx *pattern,
		 enum uet_ses_peek_action action, struct uet_ses_rx_result *res,
		 struct uet_ses_unex **claim);

/*
 * Deliver the claimed message into @rx, of the same queue and no multi-receive buffer, as
 * uet_ses_recv would.
 */
void uet_ses_claimed_recv(struct uet_ses_unex *claim, struct uet_ses_rx *rx, uint64_t now);

/* Drop the claimed message. */
void uet_ses_claimed_discard(struct uet_ses_unex *claim);

/*
 * Repeat messages that the target asked to repeat and whose pause is over, and start those
 * whose fence is down. To be called with each round of progress; cheap when there are none.
 */
void uet_ses_progress(struct uet_ses *ses, uint64_t now);

/* Earliest time of such work; UET_TIME_NEVER if none. */
uint64_t uet_ses_next(const struct uet_ses *ses);

/* True when no send is outstanding, refused ones that wait included. */
bool uet_ses_idle(const struct uet_ses *ses);

/* Counters; valid until destroy. */
const struct uet_ses_stats *uet_ses_stats(const struct uet_ses *ses);

#endif /* UET_SES_SES_H */
