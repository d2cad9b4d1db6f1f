/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet delivery sublayer (PDS): reliable delivery of single packets between FEPs over
 * packet delivery contexts (PDCs). UEC 1.0.x section 3.5. This header is the floor's
 * contract; pds/pdc.h and the rest of the folder are private.
 *
 * One struct uet_pds serves one software FEP and is driven by its owner under the owner's
 * lock: uet_pds_rx() with what the NIC received, uet_pds_post() with new messages,
 * uet_pds_progress() for time-outs and pending acknowledgements. It answers through its NIC
 * and through the upper ops. It never blocks, never reads a clock; time is an argument.
 *
 * Sending is pull: a posted message waits in its PDC's queue until window and congestion
 * state allow, then PDS asks the upper floor (fill) to describe packet 0, 1, 2 ... of it.
 * The same question may come again for a retransmission, so what fill() describes - header
 * values and the payload memory - must stay the same until the message is done. Packets of
 * two messages never interleave on a PDC (UEC 3.5.4).
 */
#ifndef UET_PDS_PDS_H
#define UET_PDS_PDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/hist.h"
#include "base/list.h"
#include "cms/cms.h"
#include "nic/nic.h"
#include "wire/pds.h"

struct uet_pds;
struct uet_pdc;

/* Delivery modes of a PDC (UEC 3.5.2). */
enum uet_pds_mode {
	UET_MODE_RUD = 0,	/* reliable, unordered */
	UET_MODE_ROD = 1,	/* reliable, ordered */
	UET_MODE_RUDI = 2,	/* reliable, unordered, may be delivered more than once; no PDC */
	UET_MODE_UUD = 3,	/* unreliable datagram; no PDC */
};

#define UET_PDS_SES_MAX		96	/* longest SES header with extension */
#define UET_PDS_ANSWER_MAX	40	/* SES response header with a little data */
#define UET_PDS_IOV		(UET_NIC_TX_IOV - 1)

/*
 * A message on its way out, embedded in the upper floor's descriptor. The upper floor sets
 * pkt_cnt and awaits; everything else belongs to PDS from uet_pds_post until done().
 */
struct uet_pds_msg {
	struct uet_list link;	/* in the PDC's send queue or list of unfinished ones */
	struct uet_pdc *pdc;	/* NULL when not posted, or posted without one (RUDI) */
	bool awaits;		/* acknowledged packets stay open until uet_pds_answered */
	uint32_t pkt_cnt;	/* packets of this message, >= 1 */
	uint32_t psn0;		/* PSN (RUDI: packet id) of packet 0, once it was sent */
	uint32_t next;		/* index of the next packet to send for the first time */
	uint32_t completed;	/* packets acknowledged */
};

/* What fill() tells about one packet. */
struct uet_pds_fill {
	uint8_t *ses;		/* in: room for UET_PDS_SES_MAX bytes of SES header */
	uint8_t ses_len;	/* out: bytes written there */
	uint8_t next_hdr;	/* out: enum uet_next_hdr */
	uint8_t iov_cnt;	/* out: 0 .. UET_PDS_IOV payload fragments */
	bool eom;		/* out: last packet of the message: PDS sets AR */
	bool lazy;		/* out: nobody waits for the message's end: no AR for eom */
	uint32_t payload_len;	/* out: sum of the fragments */
	struct iovec iov[UET_PDS_IOV];	/* out */
};

/* A request packet that arrived, in sequence as its mode promises, never twice. */
struct uet_pds_rx {
	struct uet_pdc *pdc;			/* NULL in modes RUDI and UUD */
	const struct uet_addr *src;	/* source address and port of this packet */
	uint32_t psn;
	uint8_t mode;			/* enum uet_pds_mode */
	uint8_t next_hdr;	/* UET_HDR_REQUEST_*, or RESPONSE_DATA* (return direction) */
	bool ce;			/* arrived CE-marked */
	uint64_t now;			/* for posting from inside the call */
	const uint8_t *data;		/* SES header and payload; valid during the call only */
	size_t len;
};

/* The upper floor's answer to a request packet. */
struct uet_pds_answer {
	uint8_t nack;		/* != 0: refuse with this NACK code; the packet is as if never
				 * received, and its source repeats it later (UEC Table 3-58) */
	bool gtd_del;		/* keep the answer until the source clears it (UEC 3.4.3.3) */
	bool complete;		/* ends a message: acknowledge by and by, even without AR */
	uint8_t next_hdr;	/* UET_HDR_RESPONSE normally */
	uint8_t len;		/* bytes in ses; 0: none (UET_HDR_NONE) */
	uint8_t ses[UET_PDS_ANSWER_MAX];
	uint32_t data_len;	/* RUDI only: bytes at data, which follow those of ses ... */
	const void *data;	/* ... read once rx() has returned, before anything else is asked */
};

/* What PDS asks of and tells the floor above. All run inside a call of the owner. */
struct uet_pds_upper_ops {
	/* Describe packet @index (0 .. pkt_cnt - 1) of @msg. Cannot fail. */
	void (*fill)(void *upper, struct uet_pds_msg *msg, uint32_t index,
		     struct uet_pds_fill *out);

	/*
	 * An explicit SES response for packet @index of @msg arrived (@len bytes at @ses, of
	 * format @next_hdr). Packets that only a cumulative or default acknowledgement covers
	 * are not reported. Return false to say "not an answer yet" (NO_RESPONSE for the last
	 * open packet; anything but the end of a packet that awaits more): PDS then keeps the
	 * packet open and asks again by and by. A RUDI response ends its packet in any case.
	 */
	bool (*response)(void *upper, struct uet_pds_msg *msg, uint32_t index, uint8_t next_hdr,
			 const uint8_t *ses, size_t len);

	/*
	 * @msg is finished and PDS has forgotten it: @err = 0 when every packet was
	 * acknowledged; otherwise a negative errno (-ETIMEDOUT no sign of life, -ECONNREFUSED
	 * the host says that nobody listens, -EHOSTUNREACH, -ECONNRESET the peer lost its
	 * state, -EIO fatal NACK, -ECANCELED) and @nack the NACK code or 0. May post again.
	 */
	void (*done)(void *upper, struct uet_pds_msg *msg, int err, uint8_t nack);

	/*
	 * A request packet arrived. Fill in @answer (zeroed before the call); in mode UUD
	 * nobody reads it. In mode RUDI the same packet may come again.
	 */
	void (*rx)(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *answer);

	/*
	 * @pdc is about to vanish, with err = 0 after an orderly close, else a negative errno.
	 * The upper floor drops what it keeps under it (uet_pdc_upper).
	 */
	void (*pdc_gone)(void *upper, struct uet_pdc *pdc, int err);

	/*
	 * Shall @pdc, an initiator without work for idle_close, stay open all the same? Its loss
	 * is then how the upper floor learns that the peer was restarted. It is asked again by
	 * and by; @pdc may close nevertheless, to make room or when its target asks. NULL: never.
	 */
	bool (*needed)(void *upper, const struct uet_pdc *pdc);
};

/* Limits and times; all have documented defaults in ofi/. */
struct uet_pds_cfg {
	uint32_t max_pdc;		/* PDCs of both roles together, 1 .. 65535 */
	uint32_t mp_range;		/* PSNs accepted beyond CACK: 128, 256 .. 1024 */
	uint32_t max_stored;		/* stored guaranteed-delivery responses per FEP */
	size_t max_ahead;		/* bytes for ROD packets that arrive ahead of others */
	uint32_t max_rudi;		/* RUDI packets without response, and messages; 0: none */
	uint32_t ack_trigger;		/* ACK_Gen_Trigger, bytes */
	uint32_t ack_min_add;		/* ACK_Gen_Min_Pkt_Add, bytes */
	uint64_t nack_retx_time;	/* ns: first delay after a resource NACK */
	uint64_t nack_retx_max;		/* ns: ceiling of its doubling */
	uint64_t peer_timeout;		/* ns of silence while an answer is due */
	uint64_t refused_timeout;	/* ns: the same once the host answered "port unreachable" */
	uint64_t idle_close;		/* ns without work before an initiator closes a PDC */
	uint64_t target_idle;		/* ns of silence before a target asks for closing */
	uint64_t linger;		/* ns that a closed target PDC is remembered */
	bool strict_port;		/* replies go to port 4793 (design decision D3) */
	uint64_t seed;			/* of PSN starts and PDCIDs */
	struct uet_cms_cfg cms;
};

/*
 * Counters; all only grow. RUDI and UUD requests count as data, RUDI responses as ACKs. Bytes
 * are those above UDP.
 */
struct uet_pds_stats {
	uint64_t tx_data, tx_ack, tx_nack, tx_cp;
	uint64_t rx_data, rx_ack, rx_nack, rx_cp;
	uint64_t tx_bytes, rx_bytes;	/* of packets of every kind */
	uint64_t tx_retx;		/* those of tx_data that were repetitions */
	uint64_t tx_acked;		/* packets of messages that have been answered */
	uint64_t tx_sack, rx_sack;	/* ACKs with a bitmap */
	uint64_t rx_marked;		/* packets that arrived CE-marked */
	uint64_t tx_marked_ack, rx_marked_ack; /* ACKs that tell the source so (M) */
	uint64_t tx_slow_ack, rx_slow_ack; /* ACKs that ask it to slow down (rcv_cwnd_pend) */
	struct uet_hist rtt;		/* us, by samples */
	/* Packets queued for repetition, by cause; some are answered before they leave again. */
	uint64_t retx_rto, retx_sack, retx_nack, retx_goback;
	uint64_t retx_trim;		/* those of retx_nack that a switch had trimmed */
	uint64_t retx_needless;		/* those of tx_retx of which an ACK shows that they were */
	uint64_t rx_duplicate;		/* requests that had been received before */
	uint64_t drop_malformed;	/* too short, reserved type, impossible fields */
	uint64_t drop_unknown_pdc;	/* no PDC and no answer prescribed */
	uint64_t drop_stale;		/* ACK, NACK or CP that no longer fits the state */
	uint64_t drop_unsupported;	/* TSS and the like: not spoken here */
	uint64_t rx_trimmed;		/* packets that arrived cut off */
	uint64_t pdc_opened, pdc_accepted, pdc_closed, pdc_failed, pdc_restarted;
	uint64_t tx_credit, rx_credit;	/* CREDIT, among the CPs */
	uint64_t tx_credit_req, rx_credit_req;
	uint64_t nack_rx_code[32];	/* by code; 31 = all others */
	uint64_t nack_tx_code[32];
};

/* What is counted per PDC as well, under the same names; 32 bits outlast its 2^31 PSNs. */
struct uet_pds_pdc_counts {
	uint32_t retx_rto, retx_sack, retx_nack, retx_goback;
	uint32_t retx_trim, retx_needless;
	uint32_t tx_sack, rx_sack;
	uint32_t rx_marked, tx_marked_ack, rx_marked_ack;
	uint32_t tx_nack, rx_nack;
	uint32_t rx_duplicate, drop_stale;
};

/* NACKs by code; 31 = all others. */
struct uet_pds_nacks {
	uint32_t tx[32], rx[32];
};

/* Where a PDC stands in its life. */
enum uet_pds_phase {
	UET_PHASE_OPENING,	/* nothing was heard of the peer */
	UET_PHASE_OPEN,
	UET_PHASE_DRAINING,	/* no new messages; it closes when the rest is done */
	UET_PHASE_CLOSING,
};

/* A PDC at one moment. */
struct uet_pds_pdc {
	struct uet_addr peer;
	uint16_t id, peer_id;	/* PDCIDs; peer_id 0: not known yet */
	bool initiator;		/* this side opened it */
	uint8_t mode;		/* enum uet_pds_mode */
	uint8_t phase;		/* enum uet_pds_phase */
	uint32_t start_psn;	/* of both directions */
	uint32_t tx_psn;	/* the next one */
	uint32_t tx_cack;	/* last CACK seen */
	uint32_t rx_psn;	/* the first that did not arrive */
	uint32_t rx_cack;	/* CACK that we tell */
	uint32_t tx_unsent;	/* packets posted that never left */
	uint32_t tx_flight;	/* packets of which nothing was heard */
	uint32_t tx_refused;	/* packets that wait because the peer refused them */
	uint64_t tx_packets;	/* with a PSN, repetitions included */
	uint64_t tx_retx;	/* the repetitions among them */
	uint64_t tx_bytes;	/* above UDP, of those of messages */
	uint64_t rx_packets;	/* with a PSN, taken in once each */
	uint64_t rx_bytes;
	struct uet_pds_pdc_counts counts;
	const struct uet_pds_nacks *nacks; /* NULL: none in either direction */
	/* Of the CCC, which all PDCs of the peer share. */
	uint64_t cwnd;		/* bytes that may be in flight */
	uint64_t inflight;	/* bytes in flight */
	uint64_t credit;	/* bytes that the peer has granted; 0 without RCCC */
	uint64_t srtt;		/* ns; 0: no sample yet */
	uint64_t base_rtt;	/* ns; 0: not measured */
	const uint32_t *rtt;	/* us: buckets of a struct uet_hist */
};

/*
 * Create a PDS that sends through @nic (borrowed; must outlive it). @cfg is copied.
 * Returns 0 and the object in @pds, -EINVAL for limits out of range, or -ENOMEM.
 */
int uet_pds_create(const struct uet_pds_cfg *cfg, struct uet_nic *nic,
		   const struct uet_pds_upper_ops *ops, void *upper, uint64_t now,
		   struct uet_pds **pds);

/*
 * Free everything. Messages still posted are forgotten without done(); the upper floor must
 * not use them as posted any more. No packet is sent (see uet_pds_close).
 */
void uet_pds_destroy(struct uet_pds *pds);

/*
 * Queue @msg (pkt_cnt set) for @dst in @mode, on an existing PDC or on a new one that its
 * first packets open (SYN, UEC 3.5.8). Packets that window and congestion state allow are
 * put into the tx batch; they leave with uet_pds_flush, or earlier when the batch is full.
 * Messages for one {dst, mode} go out in the order of their posting. Returns 0, or -EAGAIN
 * when no PDC is free (after progress it may be), with no effect.
 */
int uet_pds_post(struct uet_pds *pds, const struct uet_addr *dst, enum uet_pds_mode mode,
		 struct uet_pds_msg *msg, uint64_t now);

/*
 * Queue @msg in the return direction of @pdc, which a peer opened (uet_pds_rx.pdc): read data,
 * UEC 3.5.4. It leaves behind the ACKs of what is being received, with uet_pds_progress at the
 * latest. The PDC is the peer's to close, and it does not while it waits for this. Returns 0,
 * or -EAGAIN when there is no memory for it, with no effect.
 */
int uet_pds_post_return(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_msg *msg,
			uint64_t now);

/*
 * Packet @index of @msg, which awaits, has its answer: an acknowledged read whose data came as
 * a request of the return direction. No effect if it had one. done() may follow, not inside.
 */
void uet_pds_answered(struct uet_pds *pds, struct uet_pds_msg *msg, uint32_t index);

/*
 * The message and (in *@index) the packet that @psn of the PDC, in the direction in which we
 * send, carries; NULL if it is not open. For responses that name a PSN (UEC Table 3-13).
 */
struct uet_pds_msg *uet_pdc_msg_at(struct uet_pdc *pdc, uint32_t psn, uint32_t *index);

/*
 * Send @msg as UET_MODE_RUDI requests to @dst: each packet on its own, repeated until its
 * RUDI response arrives, which response() gets, whatever it says. At most cfg.max_rudi packets
 * are out at a time, the oldest message's first. Returns 0 (done() follows, with err as for
 * uet_pds_post), or -EAGAIN when cfg.max_rudi messages are.
 */
int uet_pds_post_rudi(struct uet_pds *pds, const struct uet_addr *dst, struct uet_pds_msg *msg,
		      uint64_t now);

/*
 * Send one UUD datagram to @dst: SES header @ses of @ses_len bytes and format @next_hdr, and
 * payload @iov, both copied or sent before the call returns. Nobody tells what became of it.
 * Returns 0, -EAGAIN when the batch is full and the NIC takes nothing, or -EMSGSIZE when it
 * does not fit one packet.
 */
int uet_pds_send_uud(struct uet_pds *pds, const struct uet_addr *dst, uint8_t next_hdr,
		     const uint8_t *ses, size_t ses_len, const struct iovec *iov, uint8_t iov_cnt,
		     uint64_t now);

/*
 * Stop @msg: no packet beyond those already sent, except that with @last the next index
 * (== the old msg->next) is still sent as the final one, for which fill() describes an early
 * end (UEC MSG_ERROR). pkt_cnt changes accordingly. If nothing of @msg was ever sent and
 * @last is false, the message is taken back and forgotten at once without done(), and the
 * return value is true; otherwise done() follows and the return value is false.
 */
bool uet_pds_stop(struct uet_pds *pds, struct uet_pds_msg *msg, bool last);

/*
 * Take in @n packets and reports from the NIC. Calls upper ops. Acknowledgements are noted,
 * one per PDC, and leave with the uet_pds_progress that must follow (immediate ones too:
 * nothing that arrives in one batch needs to be answered twice), or earlier when the batch is
 * full.
 */
void uet_pds_rx(struct uet_pds *pds, const struct uet_nic_rx *pkts, int n, uint64_t now);

/*
 * Run timers that are due, send what windows allow and the acknowledgements that their source
 * waits for (AR, SYN ...), and - when @idle - those that nobody waits for too; then hand the
 * batch to the NIC. The owner passes idle = false while it still finds packets to receive: the
 * application may want to answer them with data first.
 */
void uet_pds_progress(struct uet_pds *pds, uint64_t now, bool idle);

/* Hand the tx batch to the NIC. Cheap when it is empty. */
void uet_pds_flush(struct uet_pds *pds);

/* Earliest time at which uet_pds_progress has timed work; `now` or less: at once. */
uint64_t uet_pds_next(const struct uet_pds *pds);

/* True when an ACK is pending or the batch holds packets that the NIC did not take yet. */
bool uet_pds_pending(const struct uet_pds *pds);

/* True when no message is queued or unacknowledged (an endpoint may close without loss). */
bool uet_pds_idle(const struct uet_pds *pds);

/*
 * Say goodbye: one CLOSE_CMD on every idle PDC that this side opened, REQ_CLOSE on none. Not
 * repeated and not waited for; the owner destroys the PDS afterwards.
 */
void uet_pds_close(struct uet_pds *pds, uint64_t now);

/*
 * Say how full the buffers are in which packets wait to be received: @percent, 0 .. 100. From 50
 * on ACKs ask sources to slow down (destination flow control, UEC 3.6.13), the more the fuller;
 * below 25 they may go on as before. 0 at first.
 */
void uet_pds_set_pressure(struct uet_pds *pds, uint32_t percent);

/* Counters of this FEP; valid until destroy. */
const struct uet_pds_stats *uet_pds_stats(const struct uet_pds *pds);

/* Number of PDCs of both roles. */
uint32_t uet_pds_pdc_count(const struct uet_pds *pds);

/*
 * Show every PDC to @fn, the oldest first. The description is valid during the call, which must
 * not call into the PDS.
 */
void uet_pds_each_pdc(const struct uet_pds *pds,
		      void (*fn)(void *arg, const struct uet_pds_pdc *pdc), void *arg);

/* Slot for the upper floor's per-PDC state; NULL at first. */
void **uet_pdc_upper(struct uet_pdc *pdc);

/* Does @pdc take new messages? One that does not is on its way to pdc_gone(). */
bool uet_pdc_is_open(const struct uet_pdc *pdc);

/* Delivery mode of @pdc, enum uet_pds_mode. */
uint8_t uet_pdc_mode(const struct uet_pdc *pdc);

/* Peer of @pdc: the address its packets come from (port of the SYN packet). */
const struct uet_addr *uet_pdc_peer(const struct uet_pdc *pdc);

#endif /* UET_PDS_PDS_H */
