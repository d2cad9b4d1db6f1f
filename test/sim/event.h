/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * When something happens next: a heap of sources of events (links, alarms, timers), each with
 * the time of its next one. There are as many entries as sources that have something to do,
 * however many packets are under way.
 *
 *   heap: [ time | order << 24 + source ]     the children of n are 4n + 1 .. 4n + 4
 *   pos:  source -> 1 + index in the heap; 0: it has nothing to do
 *
 * Of equal times the one that was set first comes first.
 */
#ifndef UET_SIM_EVENT_H
#define UET_SIM_EVENT_H

#include <stdint.h>

#include "base/util.h"

#define UET_SIM_SOURCES (1u << 24)	/* most sources */

struct uet_sim_event {
	uint64_t time;		/* ps */
	uint64_t order;		/* of setting << 24 | source */
};

struct uet_sim_events {
	struct uet_sim_event *heap, *memory;
	uint32_t *pos;
	uint32_t count;		/* in the heap */
	uint32_t sources;	/* that exist */
	uint32_t room;
	uint64_t order;
};

/* Prepare for the sources 0 .. @sources - 1, all idle. Returns 0 or -ENOMEM. */
int uet_sim_events_init(struct uet_sim_events *ev, uint32_t sources);

/* Free all memory. */
void uet_sim_events_destroy(struct uet_sim_events *ev);

/* Add one more source, idle. Returns its number, or -ENOMEM. */
int64_t uet_sim_events_add(struct uet_sim_events *ev);

/* The next event of @source is at @time (ps); UET_TIME_NEVER: there is none. */
void uet_sim_events_set(struct uet_sim_events *ev, uint32_t source, uint64_t time);

/* Time of the earliest event, in ps; UET_TIME_NEVER if there is none. */
static inline uint64_t uet_sim_events_next(const struct uet_sim_events *ev)
{
	return ev->count ? ev->heap[0].time : UET_TIME_NEVER;
}

/* The source of the earliest event; there must be one. */
static inline uint32_t uet_sim_events_first(const struct uet_sim_events *ev)
{
	return (uint32_t)ev->heap[0].order & (UET_SIM_SOURCES - 1);
}

/* Time of the next event of @source, in ps; UET_TIME_NEVER if it has none. */
static inline uint64_t uet_sim_events_time(const struct uet_sim_events *ev, uint32_t source)
{
	return ev->pos[source] ? ev->heap[ev->pos[source] - 1].time : UET_TIME_NEVER;
}

#endif /* UET_SIM_EVENT_H */
