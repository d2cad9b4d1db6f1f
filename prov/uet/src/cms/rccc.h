/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receiver credit congestion control (RCCC, UEC 3.6.14), source side: a packet may leave while
 * there is credit, which the destination grants at the rate of its own link (pacer.h). Grants
 * and demands are running totals in units of 256 bytes modulo 2^24, so that one that is lost is
 * made good by the next. Part of struct uet_cms_ccc.
 *
 *            what the destination granted so far     what it was asked for so far
 *                        |                                    |
 *   ...================ granted .......................... target
 *
 * A source starts, and starts again after a pause, with one window of credit that nobody
 * granted (speculating), until it hears anything from the destination.
 */
#ifndef UET_CMS_RCCC_H
#define UET_CMS_RCCC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

#define UET_CREDIT_UNIT		256u		/* bytes */
#define UET_CREDIT_MASK		0xffffffu	/* totals have 24 bits */

/* ns: credit that was not used for so long is forgotten, at both ends. */
#define UET_CREDIT_STALE	(10 * UET_NSEC_PER_MSEC)

/* True when total @a is ahead of total @b. */
static inline bool uet_credit_ahead(uint32_t a, uint32_t b)
{
	uint32_t d = (a - b) & UET_CREDIT_MASK;

	return d && d < (UET_CREDIT_MASK + 1) / 2;
}

/* Bytes as units, rounded up. */
static inline uint32_t uet_credit_units(uint64_t bytes)
{
	return (uint32_t)((bytes + UET_CREDIT_UNIT - 1) / UET_CREDIT_UNIT);
}

struct uet_rccc {
	int64_t credit;		/* bytes; below zero by less than a packet */
	uint32_t max;		/* bytes: most credit that is stored, and the first window */
	uint32_t mtu;		/* nominal bytes of a full packet */
	uint32_t granted;	/* total of the newest grant */
	uint32_t target;	/* total of the furthest demand */
	bool speculating;	/* nothing was heard of the destination yet */
	bool heard;		/* it has granted something once */
	bool alive;		/* it has acknowledged something since the last starving */
	bool mute;		/* it grants nothing: it does not speak RCCC */
	uint8_t starved;	/* times in a row that credit failed to come */
	uint8_t asks;		/* CREDIT_REQs since the last grant */
	uint64_t sent_at;	/* ns: last packet */
	uint64_t asked_at;	/* ns: last CREDIT_REQ; 0 never */
	uint64_t told_at;	/* ns: last total heard, new or not */
	uint64_t waits_since;	/* ns: start of waiting for credit; 0 not waiting */
};

/*
 * Start @r: @max bytes of credit may be stored (up to 1 GiB, at least one packet), @mtu is the
 * nominal size of a full packet.
 */
void uet_rccc_init(struct uet_rccc *r, uint64_t max, uint32_t mtu);

/* The most credit that is stored is @max bytes now, limits as above. */
void uet_rccc_set_max(struct uet_rccc *r, uint64_t max);

/* May a packet be sent now? */
static inline bool uet_rccc_can_send(const struct uet_rccc *r)
{
	return r->credit > 0 || r->mute;
}

/* A packet of @bytes left at @now. */
void uet_rccc_on_send(struct uet_rccc *r, uint32_t bytes, uint64_t now);

/* An ACK or NACK arrived: the credit that nobody granted is over. */
void uet_rccc_on_feedback(struct uet_rccc *r);

/*
 * The destination says at @now that it has granted @total altogether (24 bits are read). Older
 * totals only show that it lives. Returns true when there is more credit than before.
 */
bool uet_rccc_on_credit(struct uet_rccc *r, uint32_t total, uint64_t now);

/* A retransmission time-out: one packet may go, credit or not. */
void uet_rccc_on_timeout(struct uet_rccc *r);

/*
 * Credit did not come for a whole time-out though data waits: as uet_rccc_on_timeout. After
 * four times in which the destination acknowledged packets and has never granted anything, it
 * is taken for one without RCCC, and no credit is needed until it grants some.
 */
void uet_rccc_starve(struct uet_rccc *r, uint64_t now);

/*
 * Data comes to a source that had none, at @now: credit that has not been used for 10 ms is
 * forgotten, and the source speculates again, with two thirds of its window.
 */
void uet_rccc_wake(struct uet_rccc *r, uint64_t now);

/*
 * The total to ask for: @backlog bytes wait (new and to be repeated) behind a packet of @bytes
 * that is about to leave (0: none); @limit is what other congestion control allows; the source
 * has @sharers >= 1 destinations that it asks for credit. Never behind an earlier one.
 */
uint32_t uet_rccc_target(struct uet_rccc *r, uint64_t backlog, uint32_t bytes, uint64_t limit,
			 uint32_t sharers);

/*
 * When a CREDIT_REQ is due for data that waits, ns; UET_TIME_NEVER when credit is not what is
 * missing. @rtt limits how often. Promised credit is waited for during @patience first, twice
 * as long after each CREDIT_REQ that brought none, up to @most (ns).
 */
uint64_t uet_rccc_ask_at(const struct uet_rccc *r, uint64_t rtt, uint64_t patience,
			 uint64_t most);

/* When uet_rccc_starve is due: after @rto ns in which the destination told no total. */
uint64_t uet_rccc_starve_at(const struct uet_rccc *r, uint64_t rto);

/* Data waits for credit, at @now. */
static inline void uet_rccc_on_block(struct uet_rccc *r, uint64_t now)
{
	if (!r->waits_since)
		r->waits_since = now;
}

/* A CREDIT_REQ left at @now. */
static inline void uet_rccc_on_ask(struct uet_rccc *r, uint64_t now)
{
	r->asked_at = now;
	if (r->asks < UINT8_MAX)
		r->asks++;
}

#endif /* UET_CMS_RCCC_H */
