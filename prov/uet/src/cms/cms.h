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
 */
#ifndef UET_CMS_CMS_H
#define UET_CMS_CMS_H

#include <stdbool.h>
#include <stdint.h>

#include "cms/window.h"

/* UDP header and the allowance for IP and Ethernet in nominal sizes (UEC 3.6.12). */
#define UET_CMS_EXTRA	48u

struct uet_cms_cfg {
	uint32_t mtu;		/* nominal bytes of a full packet: the floor of the window */
	uint32_t charge_min;	/* least bytes that a packet is charged with */
	uint32_t window_init;	/* bytes in flight allowed at the start */
	uint32_t window_max;	/* ceiling in bytes */
	uint64_t rto_min;	/* ns: RTO_Init_Time, before any sample and as a floor */
	uint64_t rto_max;	/* ns: ceiling of a backed-off RTO */
};

struct uet_cms_ccc {
	const struct uet_cms_cfg *cfg;
	uint32_t inflight;	/* bytes in flight */
	struct uet_cms_window window;
	uint64_t srtt;		/* ns, 0 = no sample yet (RFC 6298 arithmetic) */
	uint64_t rttvar;	/* ns */
};

/* What an acknowledgement says about the network. */
struct uet_cms_ack {
	uint32_t bytes;		/* arrived, and not known before to have done so */
	uint64_t rtt;		/* ns, without the target's service time; 0: no valid sample */
	bool ecn;		/* the packet it names was CE-marked (M) */
	uint8_t penalty;	/* rcv_cwnd_pend, 0 .. 127 (UEC Table 3-74) */
	bool restore;		/* restore_cwnd */
};

/* Start @ccc; @cfg must outlive it. */
void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg);

/* Nominal size of a packet with @len bytes above UDP, as windows and peers count it. */
static inline uint32_t uet_cms_size(const struct uet_cms_cfg *cfg, uint32_t len)
{
	return len + UET_CMS_EXTRA < cfg->charge_min ? cfg->charge_min : len + UET_CMS_EXTRA;
}

/* May @bytes more be sent now? One packet is always allowed when nothing is in flight. */
bool uet_cms_can_send(const struct uet_cms_ccc *ccc, uint32_t bytes);

/* @bytes left (first transmission or retransmission) at @now. */
void uet_cms_on_send(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now);

/* An acknowledgement arrived at @now. */
void uet_cms_on_ack(struct uet_cms_ccc *ccc, const struct uet_cms_ack *ack, uint64_t now);

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

/* Retransmission time-out in ns for a packet that was already repeated @retries times. */
uint64_t uet_cms_rto(const struct uet_cms_ccc *ccc, unsigned int retries);

#endif /* UET_CMS_CMS_H */
