/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Congestion management sublayer (CMS, UEC 3.6): how much a source may send towards one peer,
 * on which path, and how long it waits for an acknowledgement. This header is the floor's
 * contract; the others in cms/ are private to it.
 *
 * One congestion control context (CCC, UEC 3.6.12) serves all PDCs between two FEPs in one
 * traffic class. It is a pure state machine: it is told what was sent, acknowledged, refused or
 * lost, and asked. All byte counts are nominal packet sizes (uet_cms_size).
 *
 *   cms.c     the contract: what an event means for each part
 *   window.c  UET_CMS_NONE: a loss-driven window
 *   nscc.c    UET_CMS_NSCC: the window of network signal-based congestion control
 *   rtt.c     round-trip times: base RTT, RTO
 *   pace.h    bursts
 *   rccc.c    UET_CMS_RCCC: credit that the destination grants
 *   pacer.c   UET_CMS_RCCC: a destination that grants it, in a struct of its own
 */
#ifndef UET_CMS_CMS_H
#define UET_CMS_CMS_H

#include <stdbool.h>
#include <stdint.h>

#include "cms/nscc.h"
#include "cms/pace.h"
#include "cms/pacer.h"
#include "cms/rccc.h"
#include "cms/rtt.h"
#include "cms/window.h"

/* UDP header and the allowance for IP and Ethernet in nominal sizes (UEC 3.6.12). */
#define UET_CMS_EXTRA	48u

/* Link rate, bits per second, where none is known: low for a fabric, so that bursts are small. */
#define UET_CMS_LINK_RATE 10000000000ull

/* Congestion control algorithms; NSCC and RCCC may be on together. */
enum uet_cms_algorithm {
	UET_CMS_NONE = 0,	/* the loss-driven window */
	UET_CMS_NSCC = 1,	/* UEC 3.6.13 */
	UET_CMS_RCCC = 2,	/* UEC 3.6.14 */
};

struct uet_cms_cfg {
	uint32_t mtu;		/* nominal bytes of a full packet: the floor of the window */
	uint32_t charge_min;	/* least bytes that a packet is charged with */
	uint32_t window_init;	/* UET_CMS_NONE: bytes in flight allowed at the start */
	uint32_t window_max;	/* ceiling in bytes, of any algorithm */
	uint64_t rto_min;	/* ns: RTO_Init_Time, before any sample and as a floor */
	uint64_t rto_max;	/* ns: ceiling of a backed-off RTO */
	uint8_t algorithm;	/* enum uet_cms_algorithm, or'ed */
	bool trimming;		/* NSCC: switches trim what they have no room for */
	bool ecn_known;		/* NSCC: all switches mark, so that a delay alone is no sign */
	uint64_t link_rate;	/* bits per second of our link; 0: UET_CMS_LINK_RATE */
	uint64_t base_rtt;	/* ns: RTT of a full packet on the longest path; 0: measure it */
	uint64_t base_floor;	/* ns: least base RTT to reckon with: what hosts need at times */
	uint64_t target_floor;	/* ns: NSCC: queueing delay that is nothing but our own jitter */
};

struct uet_cms_ccc {
	const struct uet_cms_cfg *cfg;
	uint32_t inflight;	/* bytes in flight */
	uint8_t probes;		/* sent to find out the base RTT */
	bool closed;		/* the window was full, and is to open by a part before use */
	uint64_t probe_next;	/* ns: not before */
	uint64_t active;	/* ns: last time that something was sent or came back */
	struct uet_cms_window window;	/* UET_CMS_NONE */
	struct uet_nscc nscc;		/* UET_CMS_NSCC */
	struct uet_rccc rccc;		/* UET_CMS_RCCC */
	struct uet_cms_rtt rtt;
	struct uet_pace pace;
};

/* What an acknowledgement says about the network. */
struct uet_cms_ack {
	uint32_t bytes;		/* arrived, and not known before to have done so */
	uint64_t elapsed;	/* ns since the packet that it names was sent; 0: not certain */
	uint64_t rtt;		/* the same without the target's service time; 0: no valid sample */
	bool ecn;		/* the packet it names was CE-marked (M) */
	uint8_t penalty;	/* rcv_cwnd_pend, 0 .. 127 (UEC Table 3-74) */
	bool restore;		/* restore_cwnd */
};

/* A refusal of one packet. */
struct uet_cms_nack {
	uint8_t code;		/* enum uet_nack */
	uint32_t bytes;		/* of the packet; they are no longer in flight */
	uint64_t rtt;		/* ns; 0: no valid sample */
};

/* Start @ccc; @cfg must outlive it. */
void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg);

/* Nominal size of a packet with @len bytes above UDP, as windows and peers count it. */
static inline uint32_t uet_cms_size(const struct uet_cms_cfg *cfg, uint32_t len)
{
	return len + UET_CMS_EXTRA < cfg->charge_min ? cfg->charge_min : len + UET_CMS_EXTRA;
}

/* Bytes per ns of our link. */
static inline double uet_cms_rate(const struct uet_cms_cfg *cfg)
{
	return (double)(cfg->link_rate ? cfg->link_rate : UET_CMS_LINK_RATE) / 8e9;
}

/* Bytes per second of our link, at least 1. */
static inline uint64_t uet_cms_link_bytes(const struct uet_cms_cfg *cfg)
{
	return ((cfg->link_rate ? cfg->link_rate : UET_CMS_LINK_RATE) + 7) / 8;
}

/* uet_cms_can_send with any algorithm but UET_CMS_NONE. */
bool uet_cms_allows(const struct uet_cms_ccc *ccc, uint32_t bytes);

/* May @bytes more be sent now? One packet is always allowed when nothing is in flight. */
static inline bool uet_cms_can_send(const struct uet_cms_ccc *ccc, uint32_t bytes)
{
	if (ccc->cfg->algorithm != UET_CMS_NONE)
		return uet_cms_allows(ccc, bytes);
	return ccc->inflight == 0 || ccc->inflight + bytes <= ccc->window.size;
}

/*
 * May something be sent at @now, whatever the window says, or has a burst just gone? Returns 0
 * if it may, else the time in ns from which it may. Always 0 without NSCC.
 */
uint64_t uet_cms_burst_over(struct uet_cms_ccc *ccc, uint64_t now);

/* The same, as far as windows are concerned, not credit. */
bool uet_cms_window_has(const struct uet_cms_ccc *ccc, uint32_t bytes);

/*
 * Something had to wait for the window. With NSCC it then stays closed until a part of it is
 * free: what ACKs release one by one shall not leave one by one.
 */
void uet_cms_on_full(struct uet_cms_ccc *ccc);

/* Does the window stay closed for that reason? */
bool uet_cms_is_closed(struct uet_cms_ccc *ccc);

/*
 * Shall a packet of @bytes, about to be sent, ask for its ACK? Yes if the window has no room for
 * another one behind it, or is too small for a target that acknowledges every @trigger bytes. One
 * that is not much larger would run dry each time, so a quarter of it may pass unasked: @unasked
 * is what has been sent since an ACK was asked for.
 */
bool uet_cms_wants_ack(const struct uet_cms_ccc *ccc, uint32_t bytes, uint32_t unasked,
		       uint32_t trigger);

/*
 * Bytes that should lie between two packets that ask for an ACK only because the window is full:
 * a window that is always full would otherwise cost one ACK per packet. @trigger as above.
 */
uint32_t uet_cms_ack_spacing(const struct uet_cms_ccc *ccc, uint32_t trigger);

/* What follows of the next two with any algorithm but UET_CMS_NONE. */
void uet_cms_begin(struct uet_cms_ccc *ccc, uint64_t now);
void uet_cms_charge(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/* There is something to send at @now where there was nothing before. */
static inline void uet_cms_on_work(struct uet_cms_ccc *ccc, uint64_t now)
{
	if (ccc->cfg->algorithm != UET_CMS_NONE)
		uet_cms_begin(ccc, now);
}

/* @bytes left (first transmission or retransmission) at @now. */
static inline void uet_cms_on_send(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	ccc->inflight += bytes;
	if (ccc->cfg->algorithm != UET_CMS_NONE)
		uet_cms_charge(ccc, bytes, now);
}

/* An acknowledgement arrived at @now. */
void uet_cms_on_ack(struct uet_cms_ccc *ccc, const struct uet_cms_ack *ack, uint64_t now);

/* A packet was refused in a way that its repetition may cure, and the news came at @now. */
void uet_cms_on_nack(struct uet_cms_ccc *ccc, const struct uet_cms_nack *nack, uint64_t now);

/* @bytes are known or presumed lost and no longer in flight. */
void uet_cms_on_loss(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/*
 * As uet_cms_on_loss, after a retransmission time-out: once for all packets that were in flight
 * then, each of which may time out by itself a little later.
 */
void uet_cms_on_timeout(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/* The last time-out was too early, nothing was lost: take back what it did. */
void uet_cms_on_spurious(struct uet_cms_ccc *ccc);

/* @bytes are no longer in flight for a reason that says nothing about the network. */
static inline void uet_cms_forget(struct uet_cms_ccc *ccc, uint32_t bytes)
{
	ccc->inflight -= bytes < ccc->inflight ? bytes : ccc->inflight;
}

/*
 * Is a PROBE wanted at @now, because the RTT without queueing is not known well (UEC 3.6.13.7)?
 * Says so a few times, a round trip apart; the answers go to uet_cms_on_probe.
 */
bool uet_cms_wants_probe(struct uet_cms_ccc *ccc, uint64_t now);

/* The answer to a PROBE took @rtt ns without the target's service time. */
void uet_cms_on_probe(struct uet_cms_ccc *ccc, uint64_t rtt);

/* Bytes that the source may have in flight now: for statistics. */
uint32_t uet_cms_cwnd(const struct uet_cms_ccc *ccc);

/* @bytes given up before are in flight after all: no packet leaves. */
static inline void uet_cms_unforget(struct uet_cms_ccc *ccc, uint32_t bytes)
{
	ccc->inflight += bytes;
}

/* The base RTT that a source with @cfg reckons with before it knows better, ns. */
uint64_t uet_cms_first_base(const struct uet_cms_cfg *cfg);

/* RCCC: most credit that a source with @cfg stores, bytes, for a base RTT of @base ns. */
uint64_t uet_cms_credit_max(const struct uet_cms_cfg *cfg, uint64_t base);

/*
 * RCCC: the credit to ask for, as uet_rccc_target, which see for the parameters; limited by the
 * window of NSCC where that is on.
 */
uint32_t uet_cms_credit_target(struct uet_cms_ccc *ccc, uint64_t backlog, uint32_t bytes,
			       uint32_t sharers);

/* RCCC: the destination has lost its memory: begin anew with it. */
void uet_cms_renew_credit(struct uet_cms_ccc *ccc);

/* How long a round trip takes, ns: measured, configured or guessed. */
uint64_t uet_cms_usual_rtt(const struct uet_cms_ccc *ccc);

/* Retransmission time-out in ns for a packet that was already repeated @retries times. */
uint64_t uet_cms_rto(const struct uet_cms_ccc *ccc, unsigned int retries);

#endif /* UET_CMS_CMS_H */
