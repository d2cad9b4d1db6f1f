/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"

void uet_timers_init(struct uet_timers *set)
{
	*set = (struct uet_timers){ 0 };
}

void uet_timers_destroy(struct uet_timers *set)
{
	free(set->heap);
	uet_timers_init(set);
}

int uet_timers_reserve(struct uet_timers *set, uint32_t count)
{
	struct uet_timer **heap;
	uint32_t size = set->size;

	if (count <= size)
		return 0;
	/* Doubling keeps reserving one more at a time cheap. */
	size = size > UINT32_MAX / 2 || count > 2 * size ? count : 2 * size;
	heap = reallocarray(set->heap, size, sizeof(heap[0]));
	if (!heap)
		return -ENOMEM;
	set->heap = heap;
	set->size = size;
	return 0;
}

void uet_timer_init(struct uet_timer *timer, uet_timer_fn fn)
{
	*timer = (struct uet_timer){ .deadline = UET_TIME_NEVER, .fn = fn };
}

static void place(struct uet_timers *set, struct uet_timer *timer, uint32_t at)
{
	set->heap[at] = timer;
	timer->pos = at + 1;
}

/* Put @timer at index @at or nearer to the root. */
static void sift_up(struct uet_timers *set, struct uet_timer *timer, uint32_t at)
{
	while (at > 0) {
		struct uet_timer *parent = set->heap[(at - 1) / 2];

		if (parent->key <= timer->key)
			break;
		place(set, parent, at);
		at = (at - 1) / 2;
	}
	place(set, timer, at);
}

/* Put @timer at index @at or nearer to the leaves. */
static void sift_down(struct uet_timers *set, struct uet_timer *timer, uint32_t at)
{
	for (;;) {
		size_t child = 2 * (size_t)at + 1;

		if (child >= set->count)
			break;
		if (child + 1 < set->count &&
		    set->heap[child + 1]->key < set->heap[child]->key)
			child++;
		if (set->heap[child]->key >= timer->key)
			break;
		place(set, set->heap[child], at);
		at = (uint32_t)child;
	}
	place(set, timer, at);
}

/* Take @timer, which is in the heap, out of it. */
static void take_out(struct uet_timers *set, struct uet_timer *timer)
{
	uint32_t at = timer->pos - 1;
	struct uet_timer *last = set->heap[--set->count];

	timer->pos = 0;
	if (last == timer)
		return;
	if (last->key < timer->key)
		sift_up(set, last, at);
	else
		sift_down(set, last, at);
}

void uet_timer_set(struct uet_timers *set, struct uet_timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	if (timer->pos) {
		/* Later or never: the entry comes up at its old key and is put right then. */
		if (deadline >= timer->key)
			return;
		timer->key = deadline;
		sift_up(set, timer, timer->pos - 1);
	} else if (deadline != UET_TIME_NEVER) {
		assert(set->count < set->size);
		timer->key = deadline;
		sift_up(set, timer, set->count++);
	}
}

void uet_timer_del(struct uet_timers *set, struct uet_timer *timer)
{
	if (timer->pos)
		take_out(set, timer);
	timer->deadline = UET_TIME_NEVER;
}

void uet_timers_run(struct uet_timers *set, uint64_t now, void *arg)
{
	/*
	 * No more calls than timers: one that arms itself for a time that is not later,
	 * against the contract, waits for the next run instead of hanging this one.
	 */
	uint32_t calls = set->size;

	while (set->count > 0 && set->heap[0]->key <= now) {
		struct uet_timer *timer = set->heap[0];

		if (timer->deadline == UET_TIME_NEVER) {
			take_out(set, timer);
		} else if (timer->deadline > timer->key) {
			timer->key = timer->deadline;
			sift_down(set, timer, 0);
		} else {
			if (calls-- == 0)
				return;
			uet_timer_del(set, timer);
			timer->fn(timer, arg, now);	/* may free the timer */
		}
	}
}

uint64_t uet_timers_next(const struct uet_timers *set)
{
	return set->count ? set->heap[0]->key : UET_TIME_NEVER;
}
