/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Congestion management: how many bytes a source may have in flight towards one peer, and
 * how long to wait for an acknowledgement. One congestion control context (CCC, UEC 3.6.12)
 * is a pure state machine: it is told what was sent, acknowledged or lost, and asked.
 *
 * What is here is a loss-driven byte window (slow start, additive increase, one halving per
 * round trip with loss) between a floor and a configured ceiling. It keeps many senders from
 * drowning one receiver's socket buffer.
 */
#ifndef UET_CMS_CMS_H
#define UET_CMS_CMS_H

#include <stdbool.h>
#include <stdint.h>

struct uet_cms_cfg {
	uint32_t mtu;		/* bytes of a full packet: the floor of the window, and its step */
	uint32_t window_init;	/* bytes in flight allowed at the start */
	uint32_t window_max;	/* ceiling in bytes */
	uint64_t rto_min;	/* ns: RTO_Init_Time, before any sample and as a floor */
	uint64_t rto_max;	/* ns: ceiling of a backed-off RTO */
};

struct uet_cms_ccc {
	const struct uet_cms_cfg *cfg;
	uint32_t window;	/* bytes allowed in flight */
	uint32_t inflight;	/* bytes in flight */
	uint32_t ssthresh;	/* slow start below, additive increase above */
	uint32_t acked_credit;	/* bytes acknowledged towards the next additive step */
	uint64_t recover_until;	/* ns: losses before this time belong to the last halving */
	uint64_t timeout_until;	/* ns: time-outs before this time belong to the last collapse */
	uint32_t undo_window;	/* window and ssthresh before the last collapse; 0: none */
	uint32_t undo_ssthresh;
	uint64_t srtt;		/* ns, 0 = no sample yet (RFC 6298 arithmetic) */
	uint64_t rttvar;	/* ns */
};

/* Start @ccc; @cfg must outlive it. */
void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg);

/* May @bytes more be sent now? One packet is always allowed when nothing is in flight. */
static inline bool uet_cms_can_send(const struct uet_cms_ccc *ccc, uint32_t bytes)
{
	return ccc->inflight == 0 || ccc->inflight + bytes <= ccc->window;
}

/* @bytes left (first transmission or retransmission). */
static inline void uet_cms_on_send(struct uet_cms_ccc *ccc, uint32_t bytes)
{
	ccc->inflight += bytes;
}

/*
 * @bytes arrived at the peer. @rtt in ns is the sample taken from this acknowledgement, 0 if
 * none is valid (UEC 3.6.13.1); @ecn: the packet was CE-marked.
 */
void uet_cms_on_ack(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t rtt, bool ecn, uint64_t now);

/* @bytes are known or presumed lost and no longer in flight; shrinks the window. */
void uet_cms_on_loss(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/*
 * As uet_cms_on_loss, after a retransmission time-out: the window falls to its floor, once for
 * all packets that were in flight then, each of which may time out by itself a little later.
 */
void uet_cms_on_timeout(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/* The last time-out was too early, nothing was lost: take back what it did to the window. */
void uet_cms_on_spurious(struct uet_cms_ccc *ccc);

/* @bytes are no longer in flight for a reason that says nothing about the network. */
static inline void uet_cms_forget(struct uet_cms_ccc *ccc, uint32_t bytes)
{
	ccc->inflight -= bytes < ccc->inflight ? bytes : ccc->inflight;
}

/* Retransmission time-out in ns for a packet that was already repeated @retries times. */
uint64_t uet_cms_rto(const struct uet_cms_ccc *ccc, unsigned int retries);

#endif /* UET_CMS_CMS_H */
