/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Private structures of the packet delivery sublayer, and what its files offer each other.
 *
 *   pds.c    the floor's contract: create, post, receive, progress
 *   stats.c  what a PDC looks like from outside
 *   table.c  PDCs by identifier, by peer, and the memory of closed ones
 *   batch.c  packets on their way to the NIC
 *   tx.c     sending: the ring of sent packets, the pump
 *   loss.c   what is lost and must be repeated, and when
 *   rx.c     requests that arrive; stored answers
 *   ack.c    acknowledgements that leave         acked.c  acknowledgements that arrive
 *   nack.c   refusals, both ways                 cp.c     control packets, both ways
 *   life.c   opening, closing, failing           timer.c  the timer of a PDC
 *   rudi.c   RUDI, which knows no PDC            uud.c    UUD, which knows nothing
 *   ccc.c    what the PDCs of one peer share    probe.c   how long their path is
 *   trim.c   packets that a switch has cut off    credit.c  receiver credit, both ways
 *   spray.c  which way packets go            ahead.c  ROD packets that wait for others
 *
 * A PDC has two directions. At its initiator tx is the forward direction and rx the return
 * direction; at its target it is the other way round. Both use one struct:
 *
 *                 completed, maybe not cleared    in the ring               not sent yet
 *   tx PSNs   ... ........................... [base ............... next) ................
 *                          cack = last CACK seen, usually base - 1; beyond base where packets
 *                          are acknowledged but await more (all up to cack are ARRIVED or DONE)
 *
 *                 delivered             received, waiting for a clear    holes possible
 *   rx PSNs   ... ............... cack] (cack ................ next) [next ......... hi]
 *                                       only with stored answers      bitmap; ROD: kept
 */
#ifndef UET_PDS_PDC_H
#define UET_PDS_PDC_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bitmap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rand.h"
#include "base/timer.h"
#include "base/util.h"
#include "cms/cms.h"
#include "nic/nic.h"
#include "pds/ccc.h"
#include "pds/credit.h"
#include "pds/pds.h"
#include "pds/rudi.h"

#define UET_PDS_WINDOW		1024u	/* most PSNs tracked in one direction */
#define UET_PDS_MPR_UNIT	128u
#define UET_PDS_BATCH		64u
#define UET_PDS_HDR_ROOM	160u
#define UET_PDS_AR_BYTES	16384u	/* an ACK is asked for at least this often */
#define UET_PDS_ASK_PART	8u	/* of the least RTO: may just be somebody's scheduler */
#define UET_PDS_REISSUES	3u	/* times in a row that work moves to a new PDC */
#define UET_PDS_SYN_OFFSETS	4096u	/* PSNs that a SYN packet can name */
#define UET_PDS_PSN_APART	(1u << 16) /* distance that tells an old Start_PSN from a new one */
#define UET_PDS_PSN_LIMIT	((1u << 31) - 16) /* PSNs of a PDC, room for the close included */
#define UET_PDS_SYN_SAFETY	(100 * UET_NSEC_PER_MSEC) /* Syn_Retx_Safety_Time */
#define UET_PDS_SERVICE_UNIT	128u	/* ns: of service_time */
#define UET_PDS_RING_MIN	8u
#define UET_PDS_RING_SIZES	8	/* 8, 16 ... 1024 */

/* What is known about one sent packet. */
enum uet_txd_state {
	UET_TXD_FLIGHT,		/* sent, nothing heard; counted in the window */
	UET_TXD_RETX,		/* presumed lost, to be repeated as soon as the window allows */
	UET_TXD_DELAY,		/* refused for lack of resources, to be repeated later */
	UET_TXD_ARRIVED,	/* the peer has it, its answer is missing */
	UET_TXD_DONE,		/* answered */
};

/* One sent packet, 32 bytes; lives in the ring at psn & ring_mask. */
struct uet_txd {
	struct uet_pds_msg *msg;	/* NULL: control packet */
	uint64_t when;		/* FLIGHT: sent; ARRIVED: known or last asked; DELAY: due. ns */
	uint32_t index;		/* of the packet in its message */
	uint32_t order;		/* number of its last transmission, per PDC and path */
	uint16_t bytes;		/* charged to the window while in flight */
	uint16_t batch;		/* batch that it last went into */
	uint8_t state : 3;	/* enum uet_txd_state */
	uint8_t nacks : 5;	/* times that it was refused for lack of resources */
	uint8_t retries;	/* times that it was repeated or asked for */
	uint8_t path;		/* that its last transmission took */
	uint8_t ctl : 4;	/* enum uet_pds_ctl of a control packet */
	uint8_t held : 1;	/* answered NO_RESPONSE: CACK does not complete it */
	uint8_t timed_out : 1;	/* RETX for no other reason than a time-out */
	uint8_t awaits : 1;	/* of a message that awaits: no ACK completes it by itself */
	uint8_t again : 1;	/* was repeated */
};

_Static_assert(sizeof(struct uet_txd) == 32, "descriptors pack two to a cache line");

/* Transmissions of a PDC on one path, which keeps their order. */
struct uet_lane {
	uint32_t order;		/* transmissions so far */
	uint32_t acked;		/* latest one known to have arrived */
};

/* An answer that is kept until the source clears it; sorted by PSN in pdc->stored. */
struct uet_stored {
	struct uet_list link;
	uint32_t psn;
	uint8_t due : 1;	/* to be sent with the next ACKs */
	uint8_t asked : 1;	/* the source has asked for it again */
	uint8_t flags;		/* M and RETX of the packet that made it due */
	uint8_t next_hdr;
	uint8_t len;
	uint8_t ses[UET_PDS_ANSWER_MAX];
};

/* A closed PDC that is remembered, so that late packets of it find their answer. */
struct uet_linger {
	struct uet_list link;	/* in pds->lingers, oldest first */
	struct uet_linger *hash_next;
	struct uet_addr peer;
	uint64_t until;		/* ns */
	uint32_t start_psn;
	uint32_t close_psn;	/* PSN of the CLOSE_CMD; only with closed */
	uint16_t id;		/* own PDCID */
	uint16_t peer_id;
	bool closed;		/* target PDC that was closed in order */
};

enum uet_pdc_state {
	UET_PDC_OPEN,
	UET_PDC_DRAIN,		/* initiator: no new messages; closes when the rest is done */
	UET_PDC_CLOSING,	/* initiator: CLOSE_CMD is out */
	UET_PDC_CLOSED,		/* initiator: CLOSE_CMD was acknowledged */
};

struct uet_pdc {
	struct uet_addr dst;	/* where packets go */
	uint16_t id;		/* own PDCID */
	uint16_t peer_id;	/* the peer's PDCID; 0: not known yet, send SYN */
	uint8_t mode;		/* enum uet_pds_mode */
	uint8_t state;		/* enum uet_pdc_state */
	bool initiator;
	bool on_ready;		/* in pds->ready */
	bool on_pending;	/* in pds->pending */
	bool urgent;		/* the peer waits for what is pending */
	bool blocked;		/* waits until its predecessor is drained (ROD) */
	bool tells_service;	/* the peer's ACKs have told a service time */
	bool strayed;		/* target: opened by a repeated SYN, maybe not from its own port */
	uint8_t restore_left;	/* ACKs that are to say restore_cwnd once pressure is gone */
	uint8_t close_held;	/* target: CLOSE_CMDs not taken, as return data was open */

	/* Source side. */
	bool clear_due;		/* the peer waits for our CLEAR */
	bool clear_asked;	/* it asked for a clear up to clear_psn, which we cannot give yet */
	bool probe_due;		/* the window is shut by uncleared answers: ask for the CACK */
	uint8_t reissues;	/* fatal refusals in a row without any acknowledgement */
	uint8_t silent;		/* time-outs since the last sign of life */
	uint8_t stuck;		/* time-outs, questions and rewinds in vain since moved */
	uint16_t flight_cnt, retx_cnt, delay_cnt; /* descriptors in these states */
	uint16_t nacked_cnt;	/* open packets with nacks != 0 */
	uint16_t hold_cnt;	/* those of them that belong to the message being sent */
	uint32_t start_psn;	/* of both directions */
	uint32_t tx_base, tx_next, tx_cack;
	uint32_t tx_mpr;	/* the peer's MP_RANGE, not above UET_PDS_WINDOW */
	uint32_t tx_end;	/* tx_next once everything posted is sent */
	uint32_t run_psn;	/* first PSN sent when nothing else was open */
	uint32_t retx_psn;	/* no RETX descriptor below */
	struct uet_lane lane;
	struct uet_lane *lanes;	/* with packet spraying, by path, in place of lane */
	uint64_t overtook;	/* with lanes, ns: latest time of sending known to have arrived */
	uint32_t recovery_psn;	/* with lanes: last PSN sent when recovery began ... */
	bool recovery;		/* ... which has not arrived yet */
	bool keeps;		/* ROD: the target has kept packets that came ahead of others */
	bool move;		/* ROD: another path as soon as nothing is on the way */
	uint8_t path;		/* in use: of ROD, and of all while the target is not known */
	uint64_t trouble;	/* ROD, ns: since when all feedback is bad; 0: it is not */
	uint32_t clear_psn;
	uint32_t clear_sent;	/* CLEAR_PSN of the last CLEAR_CMD or request */
	uint32_t ar_bytes;	/* sent since the last AR */
	uint32_t ar_psn;	/* PSN of the last AR, meaningful while it is open */
	uint16_t eager_acks;	/* lazy messages that get AR all the same: the peer needs it */
	uint32_t flight_bytes;	/* this PDC's part of ccc->cms.inflight */
	uint32_t ring_mask;	/* with ring: size - 1 */
	struct uet_txd *ring;	/* NULL: nothing was ever sent */
	struct uet_list queue;	/* messages with packets that were never sent */
	struct uet_list sent;	/* messages whose packets were all sent */
	struct uet_ccc *ccc;	/* shared by all PDCs of the peer */
	struct uet_flow *flow;	/* credit for the peer's CCC that uses this PDC; NULL: none */
	uint64_t syn_retx;	/* ns: last repetition of a SYN packet; 0 never */

	/* Destination side. */
	uint32_t rx_cack, rx_next, rx_hi, rx_clear;
	uint32_t rx_ooo;	/* bits set: packets received beyond the first hole */
	struct uet_list ahead;	/* ROD: struct uet_ahead, of the same packets */
	uint32_t ahead_new;	/* those of them that no ACK has shown */
	bool ahead_due;		/* an ACK shall show them */
	uint32_t gap_psn;	/* ROD: expected PSN of the last ROD_OOO */
	uint32_t gap_last;	/* ROD: the last PSN that was refused */
	bool gap_known;		/* the source was told of gap_psn */
	uint32_t tx_clear;	/* source side: the peer keeps no answer up to here that we need */
	uint64_t gap_when;	/* ns */
	uint64_t rx_bytes;
	struct uet_bitmap rx_bits; /* PSNs [rx_next, rx_cack + 1024] */
	struct uet_list stored;	/* struct uet_stored */
	uint32_t stored_due;	/* those of them that are due */
	struct uet_list storing; /* in pds->storing while stored is not empty */

	/* The ACK in preparation. */
	bool ack_due;
	bool ack_again;		/* acknowledge once more when CACK reaches rx_hi */
	uint8_t ack_flags;	/* M, RETX */
	uint8_t ack_hdr;	/* answer to ack_psn: next_hdr, length, bytes */
	uint8_t ack_len;
	uint8_t ack_ses[UET_PDS_ANSWER_MAX];
	uint32_t ack_psn;
	uint32_t ack_cnt;	/* packets with plain answers since the last ACK */
	uint32_t ack_gen;	/* ACK_GEN_COUNT, bytes */
	uint16_t ack_port, last_port; /* where the ACK goes; where ack_psn came from */
	uint32_t ack_lo, ack_hi; /* with ack_cnt: range of the PSNs that it counts */
	uint64_t ack_when;	/* ns: arrival of ack_psn */

	/* Life. */
	uint64_t heard;		/* ns: last valid packet of the peer */
	uint64_t busy_since;	/* ns: end of the last time without work */
	uint64_t moved;		/* ns: last packet that answered something or asked to wait */
	uint64_t acked;		/* ns: last packet that answered something */
	uint64_t asked;		/* ns: when silence made us ask what has arrived, ... */
	uint32_t asked_psn;	/* ... and for which PSN */
	uint64_t refused_at;	/* ns: first "port unreachable" since heard; 0 none */
	bool unreach;		/* "host unreachable" since heard */
	struct uet_timer timer;
	struct uet_pdc *successor; /* ROD PDC that waits for this one */
	struct uet_pdc *hash_next;
	struct uet_list all, ready, pending, idle;
	struct uet_list waiting; /* in ccc->waiting: the window held it up */
	void *upper;
	/* Counters: see struct uet_pds_pdc. */
	uint64_t tx_sent;	/* packets with a PSN, repetitions included */
	uint64_t tx_wire, rx_wire; /* bytes above UDP */
	struct uet_pds_pdc_counts counts;
	struct uet_pds_nacks *nacks; /* NULL until there is one: most PDCs never need it */
	struct uet_addr peer;	/* where its packets come from */
};

_Static_assert(sizeof(struct uet_pdc) <= 1024, "2 KiB with the smallest ring: an idle PDC");

/* Packets that wait for the NIC: entries [head, count). */
struct uet_batch {
	uint32_t head, count;
	uint16_t seq;		/* number of this batch; grows when it has been emptied */
	bool stalled;		/* the NIC is full: nothing may be added until it took the rest */
	bool touched;		/* a packet in it was answered meanwhile: mind its payload */
	struct uet_pds_msg *msg[UET_PDS_BATCH];	/* whose payload it points to */
	struct uet_nic_tx tx[UET_PDS_BATCH];
	uint8_t hdr[UET_PDS_BATCH][UET_PDS_HDR_ROOM];
	uint8_t *copy[UET_PDS_BATCH];	/* payload memory of the entry; NULL until needed */
};

struct uet_slot {
	struct uet_pdc *pdc;
	struct uet_linger *linger;
	uint32_t last_psn;	/* of the PDC that had the slot before */
};

struct uet_table {
	struct uet_slot *slots;	/* PDCID & slot_mask */
	struct uet_pdc **buckets;
	struct uet_linger **linger_buckets;
	struct uet_pdc *latest;	/* of those that messages were posted to; NULL: gone */
	uint32_t slot_mask, bucket_mask;
	uint16_t next_id;
};

struct uet_pds {
	struct uet_nic *nic;
	const struct uet_pds_upper_ops *ops;
	void *upper;
	uint64_t now;		/* of the call in progress */
	uint64_t timers_by;	/* run timers by then even if packets keep coming */
	struct uet_pds_cfg cfg;
	struct uet_pds_stats stats;
	struct uet_rand rand;
	struct uet_timers timers;
	struct uet_table table;
	struct uet_cccs cccs;
	struct uet_credit credit;
	struct uet_pool pdcs, storeds, lingers_pool, rings[UET_PDS_RING_SIZES];
	struct uet_pool lanes;	/* of nic->paths lanes each */
	struct uet_pool nacks;	/* struct uet_pds_nacks */
	struct uet_pool aheads;
	uint32_t ahead_room;	/* bytes behind the PDS header that can be kept of one */
	uint32_t ahead_max;	/* 0: ROD packets ahead of others are dropped */
	struct uet_stored *spare; /* taken before a request is delivered */
	struct uet_list all;	/* every PDC */
	struct uet_list ready;	/* PDCs that may have something to send */
	struct uet_list pending; /* PDCs that owe their peer an ACK or CLEAR_CMD */
	struct uet_list idle;	/* initiator PDCs without work, longest idle first */
	struct uet_list storing; /* PDCs with stored answers */
	struct uet_list lingers;
	struct uet_list finished; /* messages whose done() is due */
	uint64_t begged_at;	/* ns: last CLEAR_REQ for lack of stored answers */
	bool urgent;		/* some PDC in pending is urgent */
	bool relaxed;		/* no pressure worth mentioning: sources may restore windows */
	uint8_t penalty;	/* rcv_cwnd_pend for ACKs */
	uint32_t msgs;		/* posted and not done */
	uint32_t initiators;	/* PDCs that this side opened */
	struct uet_rudi rudi;
	struct uet_pool copies;	/* payload memory of the batch */
	struct uet_batch batch;
};

/* A packet that is being received. */
struct uet_pkt {
	const struct uet_addr *src;
	const uint8_t *data;	/* what follows the PDS header */
	size_t len;
	uint64_t when;		/* ns: arrival */
	uint32_t wire_len;	/* all of it */
	uint64_t waited;	/* ns since it arrived, as far as known */
	bool ce;
};

/* ---- small helpers ---- */

static inline struct uet_txd *uet_txd_at(const struct uet_pdc *pdc, uint32_t psn)
{
	return &pdc->ring[psn & pdc->ring_mask];
}

/* Where transmissions of @pdc on @path are counted. */
static inline struct uet_lane *uet_lane(struct uet_pdc *pdc, uint8_t path)
{
	return uet_unlikely(pdc->lanes != NULL) ? &pdc->lanes[path] : &pdc->lane;
}

/* True when @psn has a descriptor in the ring. */
static inline bool uet_tx_open(const struct uet_pdc *pdc, uint32_t psn)
{
	return psn - pdc->tx_base < pdc->tx_next - pdc->tx_base;
}

/* True when @d was sent once, at @d->when, as far as anybody can tell. */
static inline bool uet_txd_sent_once(const struct uet_txd *d)
{
	return (d->state == UET_TXD_FLIGHT || d->timed_out) && d->retries == 0;
}

/*
 * Time since the transmission of @d that an answer speaks of, which says whether that one was a
 * repetition (@retx), 0 if it is not certain which one it was (UEC 3.6.13.1).
 */
static inline uint64_t uet_txd_elapsed(const struct uet_pds *pds, const struct uet_txd *d,
				       bool retx)
{
	if (retx ? d->state != UET_TXD_FLIGHT || d->retries != 1 : !uet_txd_sent_once(d))
		return 0;
	return uet_max_u64(1, pds->now - d->when);
}

/* True when something of @pdc is unsent or unanswered. */
static inline bool uet_pdc_busy(const struct uet_pdc *pdc)
{
	return pdc->tx_base != pdc->tx_next || !uet_list_empty(&pdc->queue);
}

/* CLEAR_PSN that our next packet may carry: no answer up to it is missed. */
static inline uint32_t uet_tx_clear(const struct uet_pdc *pdc)
{
	return pdc->tx_clear;
}

/* Oldest PSN that may not have arrived: what awaits an answer below it is acknowledged. */
static inline uint32_t uet_tx_una(const struct uet_pdc *pdc)
{
	return uet_psn_diff(pdc->tx_base, pdc->tx_cack) > 0 ? pdc->tx_base : pdc->tx_cack + 1;
}

/* True when MP_RANGE allows no new PSN. */
static inline bool uet_tx_window_shut(const struct uet_pdc *pdc)
{
	return pdc->tx_next - pdc->tx_cack > pdc->tx_mpr;
}

/* True when only answers that the target still keeps forbid to send what is next. */
static inline bool uet_tx_held_up(const struct uet_pdc *pdc)
{
	if (pdc->retx_cnt ? pdc->retx_psn - pdc->tx_cack <= pdc->tx_mpr :
			    uet_list_empty(&pdc->queue) || !uet_tx_window_shut(pdc))
		return false;
	return uet_psn_diff(uet_tx_clear(pdc), pdc->tx_cack) > 0;
}

/* A valid packet of the peer arrived. */
static inline void uet_pdc_heard(struct uet_pds *pds, struct uet_pdc *pdc)
{
	pdc->heard = pds->now;
	pdc->silent = 0;
	pdc->refused_at = 0;
	pdc->unreach = false;
}

/* The peer answered something, or asked to wait. */
static inline void uet_pdc_moved(struct uet_pds *pds, struct uet_pdc *pdc)
{
	pdc->moved = pds->now;
	pdc->stuck = 0;
}

/* Something was tried once more, and may be in vain again. */
static inline void uet_pdc_retried(struct uet_pdc *pdc)
{
	if (pdc->stuck < UINT8_MAX)
		pdc->stuck++;
}

/* A time-out passed without an answer. */
static inline void uet_pdc_unanswered(struct uet_pdc *pdc)
{
	if (pdc->silent < UINT8_MAX)
		pdc->silent++;
	uet_pdc_retried(pdc);
}

/* Make sure that the timer of @pdc fires at @deadline or earlier. */
static inline void uet_pdc_arm(struct uet_pds *pds, struct uet_pdc *pdc, uint64_t deadline)
{
	if (deadline < pdc->timer.deadline)
		uet_timer_set(&pds->timers, &pdc->timer, deadline);
}

/* Let @pdc be pumped by the next uet_pds_progress or at the end of uet_pds_rx. */
static inline void uet_pdc_ready(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!pdc->on_ready) {
		pdc->on_ready = true;
		uet_list_add_tail(&pds->ready, &pdc->ready);
	}
}

/* Let @pdc send its ACK or CLEAR_CMD in the next idle uet_pds_progress. */
static inline void uet_pdc_pend(struct uet_pds *pds, struct uet_pdc *pdc)
{
	if (!pdc->on_pending) {
		pdc->on_pending = true;
		uet_list_add_tail(&pds->pending, &pdc->pending);
	}
}

/* Let @pdc send its ACK in the next uet_pds_progress. */
static inline void uet_pdc_urge(struct uet_pds *pds, struct uet_pdc *pdc)
{
	pds->urgent = true;
	pdc->urgent = true;
	uet_pdc_pend(pds, pdc);
}

/* One more @field, of @pdc and of all. */
#define uet_pdc_count(pds, pdc, field) ((pds)->stats.field++, (pdc)->counts.field++)

/* Index in the per-code counters. */
static inline uint8_t uet_nack_slot(uint8_t code)
{
	return code < 31 ? code : 31;
}

/* False while a repeated SYN packet may still arrive and open the PDC again (UEC 3.5.8). */
static inline bool uet_pdc_may_close(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	return !pdc->syn_retx || pds->now >= pdc->syn_retx + UET_PDS_SYN_SAFETY;
}

/* ---- stats.c ---- */

/* Counts of NACKs by code of @pdc; NULL without memory for them. */
struct uet_pds_nacks *uet_pdc_nacks(struct uet_pds *pds, struct uet_pdc *pdc);

/* ---- table.c ---- */

/* Allocate the tables for cfg.max_pdc. Returns 0 or -ENOMEM (then uet_table_destroy). */
int uet_table_create(struct uet_pds *pds);

/* Free the tables; PDCs in them are forgotten. */
void uet_table_destroy(struct uet_pds *pds);

/* A zeroed PDC with an identifier, in pds->all but in no hash; NULL when none is free. */
struct uet_pdc *uet_table_alloc(struct uet_pds *pds);

/* Take @pdc, which is in no list but pds->all, out of the tables and free it. */
void uet_table_free(struct uet_pds *pds, struct uet_pdc *pdc);

/* Make @pdc known to the lookups below by its role, dst, mode, peer and peer_id. */
void uet_table_insert(struct uet_pds *pds, struct uet_pdc *pdc);

/* The PDC whose own identifier is @id, or NULL. */
static inline struct uet_pdc *uet_table_by_id(const struct uet_pds *pds, uint16_t id)
{
	struct uet_pdc *pdc = pds->table.slots[id & pds->table.slot_mask].pdc;

	return pdc && pdc->id == id ? pdc : NULL;
}

/* The open initiator PDC for @dst and @mode, or NULL. */
struct uet_pdc *uet_table_by_dst(const struct uet_pds *pds, const struct uet_addr *dst,
				 uint8_t mode);

/*
 * Next initiator PDC towards @dst in @mode in any state, @after the given one (NULL: the
 * first), or NULL.
 */
struct uet_pdc *uet_table_next_dst(const struct uet_pds *pds, const struct uet_addr *dst,
				   uint8_t mode, const struct uet_pdc *after);

/*
 * The target PDC that the peer at @src calls @spdcid, with @start_psn: whatever port of that host
 * its SYN came from (design decision D12). Failing that the one with another Start_PSN that came
 * from this very port (with strict ports: from that host), or NULL.
 */
struct uet_pdc *uet_table_by_peer(const struct uet_pds *pds, const struct uet_addr *src,
				  uint16_t spdcid, uint32_t start_psn);

/*
 * Remember @pdc for cfg.linger; @closed: a target PDC closed by CLOSE_CMD @close_psn. The oldest is
 * forgotten earlier where more than 2 * cfg.max_pdc (at least 1024) would be remembered.
 */
void uet_linger_add(struct uet_pds *pds, const struct uet_pdc *pdc, bool closed,
		    uint32_t close_psn);

/* The remembered PDC with own identifier @id, or NULL. */
const struct uet_linger *uet_linger_by_id(const struct uet_pds *pds, uint16_t id);

/* True when a target PDC with this identity, from any port, was closed a short time ago. */
bool uet_linger_match(const struct uet_pds *pds, const struct uet_addr *src, uint16_t spdcid,
		      uint32_t start_psn);

/* ---- probe.c ---- */

/* Ask for the RTT without queueing if the CCC of @pdc wants to know it. */
void uet_probe_consider(struct uet_pds *pds, struct uet_pdc *pdc);

/* The ACK of a PROBE arrived. */
void uet_probe_answered(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			const struct uet_pkt *pkt);

/* ---- trim.c ---- */

/* What a switch has left of a packet arrived, with header @h; @lasthop: the switch before us. */
void uet_trim_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt,
		 bool lasthop);

/* ---- tx.c ---- */

/* Give @pdc its first ring. Returns 0 or -ENOMEM. */
int uet_tx_ring_create(struct uet_pds *pds, struct uet_pdc *pdc);

/* Give back the ring of @pdc. */
void uet_tx_ring_destroy(struct uet_pds *pds, struct uet_pdc *pdc);

/* Give back what an idle PDC does not need of its ring. */
void uet_tx_ring_shrink(struct uet_pds *pds, struct uet_pdc *pdc);

/* Move the open descriptors and PSNs of @pdc to @start, as NEW_START_PSN demands. */
int uet_tx_renumber(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t start);

/*
 * Ask the upper floor for packet @index of @msg: SES header behind @hdr_len bytes of room, and
 * payload, in the next entry of the batch, which has room. Its PDS header is still to be written.
 */
struct uet_nic_tx *uet_tx_describe(struct uet_pds *pds, const struct uet_addr *dst,
				   uint32_t hdr_len, struct uet_pds_msg *msg, uint32_t index,
				   struct uet_pds_fill *fill);

/* Send what windows allow: repetitions first, then new packets. */
void uet_tx_pump(struct uet_pds *pds, struct uet_pdc *pdc);

/* Pump every PDC that is ready, and RUDI. */
void uet_tx_pump_ready(struct uet_pds *pds);

/* Send control packet @ctl, which takes a PSN. False when that is not possible now. */
bool uet_tx_ctl(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t ctl);

/* ---- loss.c ---- */

/*
 * Take @d out of the state it is in, on the way to another one, and keep the counters right.
 * Returns the bytes that the caller must account for in the CCC (0 unless FLIGHT).
 */
uint32_t uet_txd_leave(struct uet_pdc *pdc, struct uet_txd *d);

/* Queue @psn, in any state but DONE, for repetition; returns bytes as uet_txd_leave. */
uint32_t uet_txd_repeat(struct uet_pdc *pdc, uint32_t psn);

/* The last time-out was too early: what it queued for repetition is on its way still. */
void uet_loss_undo(struct uet_pdc *pdc);

/*
 * Queue every packet in flight from @psn on, before @end, for repetition (go-back-N with @end =
 * tx_next), for good if a time-out did so before; bytes as above.
 */
uint32_t uet_loss_go_back(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint32_t end);

/* The same with all from @psn on, none of which the window takes for lost. */
void uet_loss_repeat_from(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn);

/*
 * Find packets that were overtaken by later ones (UEC 3.5: SACK-based, optional). @sacked:
 * the ACK that prompts this has a bitmap.
 */
void uet_loss_scan(struct uet_pds *pds, struct uet_pdc *pdc, bool sacked);

/* An ACK says that the target holds @ooo packets out of order: see uet_spray_recover. */
void uet_loss_ooo(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t ooo);

/* Refuse @psn for a while, as a resource NACK with @code wants. */
void uet_loss_delay(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t code);

/* Repeat all that is not acknowledged, as soon as the window allows. */
void uet_loss_hurry(struct uet_pds *pds, struct uet_pdc *pdc);

/* A packet with nacks != 0 is answered: its message may go on. */
void uet_loss_accepted(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_txd *d);

/* Time-out of a packet that was repeated @retries times, ns. */
uint64_t uet_loss_rto(const struct uet_pds *pds, const struct uet_pdc *pdc, uint8_t retries);

/* When to look at @pdc after it has sent something, ns from now. */
uint64_t uet_loss_patience(const struct uet_pds *pds, const struct uet_pdc *pdc);

/* Act on every descriptor whose time has come; returns when the next one is due. */
uint64_t uet_loss_timer(struct uet_pds *pds, struct uet_pdc *pdc);

/* ---- rx.c ---- */

/* True when a SES request follows @h. */
static inline bool uet_rx_is_request(const struct uet_pds_hdr *h)
{
	return h->next_hdr >= UET_HDR_REQUEST_SMALL && h->next_hdr <= UET_HDR_REQUEST_STD;
}

/* A RUD or ROD request arrived. */
void uet_rx_request(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/*
 * Take in @p, received, if it is the next request of a PDC on which nothing unusual is going on.
 * False: it is not, and nothing has happened.
 */
bool uet_rx_quick(struct uet_pds *pds, const struct uet_nic_rx *p);

/*
 * Find the PDC that @h (request or CP that wants an ACK) belongs to, opening one for a SYN.
 * Refuses the packet with the prescribed NACK and returns NULL if there is none. @mode is
 * that of a PDC to be opened.
 */
struct uet_pdc *uet_rx_find(struct uet_pds *pds, const struct uet_pds_hdr *h,
			    const struct uet_pkt *pkt, uint8_t mode);

enum uet_rx_verdict {
	UET_RX_NEW,
	UET_RX_DUPLICATE,
	UET_RX_AHEAD,		/* ROD: others before it are missing */
	UET_RX_REFUSED,		/* answered or dropped, nothing more to do */
};

/* Where @h->psn stands in the window of @pdc. */
enum uet_rx_verdict uet_rx_judge(struct uet_pds *pds, struct uet_pdc *pdc,
				 const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/* True when @psn was received, and delivered. */
bool uet_rx_has(const struct uet_pdc *pdc, uint32_t psn);

/* Record @psn as received. */
void uet_rx_mark(struct uet_pdc *pdc, uint32_t psn);

/* The source has seen all answers up to @psn (UEC 3.5: CLEAR). */
void uet_rx_clear(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn);

/* The stored answer to @psn, or NULL. */
struct uet_stored *uet_rx_stored(const struct uet_pdc *pdc, uint32_t psn);

/* Free every stored answer of @pdc. */
void uet_rx_forget(struct uet_pds *pds, struct uet_pdc *pdc);

/* ---- ack.c ---- */

/*
 * Request @psn with @flags and a plain @answer was taken in: count it, and note the ACK if one is
 * due.
 */
void uet_ack_note(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t psn, uint8_t flags,
		  const struct uet_pkt *pkt, const struct uet_pds_answer *answer);

/* CACK has moved: acknowledge once more if the source waits for it. */
void uet_ack_advance(struct uet_pds *pds, struct uet_pdc *pdc);

/* The answer to @psn is asked for again: send the stored or the default one. */
void uet_ack_repeat(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		    const struct uet_pkt *pkt);

/* Acknowledge control packet @h at once (no SES part). False when there is no room. */
bool uet_ack_control(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		     const struct uet_pkt *pkt);

/* Send everything that @pdc has noted. False when room ran out. */
bool uet_ack_send(struct uet_pds *pds, struct uet_pdc *pdc);

/* The same, and acknowledge what no ACK is due for yet. */
bool uet_ack_flush(struct uet_pds *pds, struct uet_pdc *pdc);

/* ---- acked.c ---- */

/* An ACK, ACK_CC or ACK_CCX arrived. */
void uet_acked_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/* Call done() for finished messages. */
void uet_acked_deliver(struct uet_pds *pds);

/*
 * Of the @elapsed ns until ACK @h of @pdc was read as @pkt, what the network took, without the
 * service time of the target (UEC 3.6.13.1) and the time that @pkt waited here; 0: not known.
 */
uint64_t uet_acked_network(struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   const struct uet_pkt *pkt, uint64_t elapsed);

/* @msg has all its answers: take it from its PDC and let done() follow. */
void uet_acked_finish(struct uet_pds *pds, struct uet_pds_msg *msg);

/* ---- nack.c ---- */

/*
 * Refuse the packet with header @h that came as @pkt; @spdcid is our PDCID or 0. Dropped
 * when there is no room: the packet will come again.
 */
void uet_nack_send(struct uet_pds *pds, uint16_t spdcid, const struct uet_pds_hdr *h,
		   const struct uet_pkt *pkt, uint8_t code, uint32_t payload);

/* Does @code, which came with a NACK, refuse for good what it refuses? */
bool uet_nack_is_fatal(uint8_t code);

/* How long to wait in ns after a refusal for lack of resources, the last of @nacks + 1. */
uint64_t uet_nack_pause(const struct uet_pds *pds, uint8_t nacks);

/* A NACK arrived. */
void uet_nack_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/* ---- life.c ---- */

/* Open an initiator PDC; NULL when none is free. */
struct uet_pdc *uet_pdc_open(struct uet_pds *pds, const struct uet_addr *dst, uint8_t mode);

/* Accept the PDC that SYN packet @h wants; NULL when none is free. */
struct uet_pdc *uet_pdc_accept(struct uet_pds *pds, const struct uet_pds_hdr *h,
			       const struct uet_addr *src, uint8_t mode);

/* Put @msg, whose counters are 0, at the end of @pdc's queue. */
void uet_pdc_enqueue(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_msg *msg);

/* Something of @pdc has been answered or taken back: see whether that was the last. */
void uet_pdc_settle(struct uet_pds *pds, struct uet_pdc *pdc);

/* Take no new messages; close when the rest is done. Only for initiators. */
void uet_pdc_drain(struct uet_pds *pds, struct uet_pdc *pdc);

/* Send CLOSE_CMD if it is time. */
void uet_pdc_try_close(struct uet_pds *pds, struct uet_pdc *pdc);

/* Start closing the initiator PDC that has been idle longest, to make room. */
void uet_pdc_evict(struct uet_pds *pds);

/* Forget @pdc: messages fail with @err and @nack, pdc_gone(@gone). */
void uet_pdc_fail(struct uet_pds *pds, struct uet_pdc *pdc, int err, uint8_t nack, int gone);

/*
 * The peer does not know @pdc (any more): forget it, and carry on with a new one where that
 * is safe. @retry = false: what was sent fails with @err.
 */
void uet_pdc_reset(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t nack, bool retry, int err);

/* The NIC reports that packets to @dst met error @err (positive errno). */
void uet_pdc_report(struct uet_pds *pds, const struct uet_addr *dst, int err);

/* ---- uud.c ---- */

/* A UUD request arrived. */
void uet_uud_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/* ---- timer.c ---- */

/* @pdc fails with @err because its peer does not answer. */
void uet_pdc_give_up(struct uet_pds *pds, struct uet_pdc *pdc, int err);

/* The timer of a PDC. @arg is the struct uet_pds. */
void uet_pdc_timer(struct uet_timer *timer, void *arg, uint64_t now);

#endif /* UET_PDS_PDC_H */
