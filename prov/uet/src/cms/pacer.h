/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receiver credit congestion control (RCCC, UEC 3.6.14), destination side: hands out the rate
 * of its own link, as credit, to the sources that ask for it, so that what arrives is what the
 * link carries. One pacer per FEP, one flow per congestion control context of a source.
 *
 * Every tick the credit that the time since the last one is worth goes to the active flows,
 * round robin in steps of a packet; if none is active, to the idle ones, which so keep one
 * window of credit to start with ("slow credit") for 10 ms. Each flow that was given some
 * becomes due: its total is to be sent to the source. Totals are those of rccc.h.
 *
 * What arrives without credit - first windows, mostly - fills the link as well: where several
 * sources are active, the credit of that time is not handed out, so that the queue drains.
 *
 *   active:  those whose demand is ahead of what they were granted
 *   idle:    those without demand that lack slow credit
 *   (none):  all others
 */
#ifndef UET_CMS_PACER_H
#define UET_CMS_PACER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rand.h"

struct uet_pacer_cfg {
	uint64_t rate;		/* of the link, bytes per second */
	uint32_t mtu;		/* nominal bytes of a full packet */
	uint32_t max;		/* bytes: most credit that a source stores */
	uint64_t base_rtt;	/* ns */
	uint64_t seed;
};

struct uet_pacer_flow {
	struct uet_list link;	/* in pacer->active or pacer->idle */
	struct uet_list due;	/* in pacer->due */
	uint32_t target;	/* total of the furthest demand */
	uint32_t granted;	/* total granted */
	uint32_t unused;	/* bytes granted that did not arrive, 0 .. 2 max */
	uint64_t used_at;	/* ns: last packet or demand */
	bool active;		/* in pacer->active */
};

struct uet_pacer {
	struct uet_pacer_cfg cfg;
	struct uet_list active, idle, due;
	uint32_t actives;	/* flows in active */
	uint64_t tick;		/* ns between ticks */
	uint64_t last;		/* ns: budget is up to date */
	uint64_t next;		/* ns: next tick; UET_TIME_NEVER while nobody wants credit */
	int64_t budget;		/* bytes, -max .. max or two ticks' worth */
	uint32_t step;		/* units of 256 bytes per turn */

	/* How much of the link the network in front of it can fill. Fractions are of 2^16. */
	uint32_t rel_rate;	/* share of the rate that is handed out */
	uint32_t marked;	/* average fraction of bytes with CE */
	uint32_t quiet;		/* periods in a row without CE */
	uint64_t period_end;	/* ns; 0: none under way */
	uint64_t bytes, ce_bytes, packets, trims; /* of this period */
	struct uet_rand rand;
};

#define UET_PACER_ONE 65536u	/* rel_rate and marked: all of it */

/* ns between ticks for a link of @rate bytes/s and packets of @mtu bytes. */
uint64_t uet_pacer_tick(uint64_t rate, uint32_t mtu);

/* Start @p; @cfg, of which no size is 0, is copied. */
void uet_pacer_init(struct uet_pacer *p, const struct uet_pacer_cfg *cfg);

/* Prepare @f, which asked for nothing yet. */
void uet_pacer_flow_init(struct uet_pacer_flow *f);

/* Take @f, which may be in any list, out of all of them. */
void uet_pacer_flow_end(struct uet_pacer *p, struct uet_pacer_flow *f);

/*
 * The source of @f asks for @total altogether (24 bits are read), at @now. @urgent: by a
 * CREDIT_REQ, because it cannot send; it is then told its total in any case. A total that is
 * impossibly far from the last one comes of a source or destination that lost its memory: it is
 * believed, if ahead or urgent, and counting starts anew from there.
 */
void uet_pacer_demand(struct uet_pacer *p, struct uet_pacer_flow *f, uint32_t total, bool urgent,
		      uint64_t now);

/* A packet of @bytes of @f's source arrived at @now, with or without mark. */
void uet_pacer_arrived(struct uet_pacer *p, struct uet_pacer_flow *f, uint32_t bytes, bool ce,
		       uint64_t now);

/*
 * A trimmed packet of @f's source arrived at @now: a packet's worth of credit for its
 * repetition. @lasthop: trimmed by the queue to this link, which says nothing of the network.
 */
void uet_pacer_trimmed(struct uet_pacer *p, struct uet_pacer_flow *f, bool lasthop, uint64_t now);

/* Hand out credit if it is time. */
void uet_pacer_run(struct uet_pacer *p, uint64_t now);

/* When uet_pacer_run has something to do, ns; UET_TIME_NEVER: not before the next call here. */
static inline uint64_t uet_pacer_next(const struct uet_pacer *p)
{
	return p->next;
}

/* Let the source of @f be told its total. */
void uet_pacer_owe(struct uet_pacer *p, struct uet_pacer_flow *f);

/* Take the next flow whose source is to be told its total; NULL if there is none. */
struct uet_pacer_flow *uet_pacer_take(struct uet_pacer *p);

#endif /* UET_CMS_PACER_H */
