/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Timers in virtual time: a binary heap ordered by expiry. Moving a deadline later
 * only writes a field (the heap entry fires early and is put back), because transports
 * push their deadlines back with every packet and rarely let one expire.
 * Not thread safe: the owner's lock protects it.
 */
#ifndef UET_BASE_TIMER_H
#define UET_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct uet_timer;

typedef void (*uet_timer_fn)(struct uet_timer *timer, void *arg, uint64_t now);

struct uet_timer {
	uint64_t deadline;	/* ns; UET_TIME_NEVER = not armed */
	uint64_t key;		/* the time by which the heap is ordered, <= deadline */
	uint32_t pos;		/* 1 + index in the heap; 0 = not in the heap */
	uet_timer_fn fn;
};

struct uet_timers {
	struct uet_timer **heap;
	uint32_t count;
	uint32_t size;
};

/* Prepare an empty set. */
void uet_timers_init(struct uet_timers *set);

/* Free the set's memory. Timers that are still armed are forgotten. */
void uet_timers_destroy(struct uet_timers *set);

/* Make room for @count timers in all. Returns 0 or -ENOMEM. */
int uet_timers_reserve(struct uet_timers *set, uint32_t count);

/* Prepare @timer, not armed; @fn runs from uet_timers_run. */
void uet_timer_init(struct uet_timer *timer, uet_timer_fn fn);

/*
 * Arm @timer for @deadline, or move it. Room must have been reserved. With
 * UET_TIME_NEVER the timer is disarmed (its heap entry vanishes later by itself).
 */
void uet_timer_set(struct uet_timers *set, struct uet_timer *timer, uint64_t deadline);

/* Take @timer out of the set at once; call before freeing the memory around it. */
void uet_timer_del(struct uet_timers *set, struct uet_timer *timer);

/*
 * Run every timer whose deadline is <= @now, each once; a timer is disarmed before its
 * function runs and may arm itself again, for a later time. @arg is passed to each.
 */
void uet_timers_run(struct uet_timers *set, uint64_t now, void *arg);

/* May uet_timers_run have work at @now? */
static inline bool uet_timers_due(const struct uet_timers *set, uint64_t now)
{
	return set->count > 0 && set->heap[0]->key <= now;
}

/* Earliest time at which uet_timers_run may have work; UET_TIME_NEVER if none. */
uint64_t uet_timers_next(const struct uet_timers *set);

#endif /* UET_BASE_TIMER_H */
