/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A four-way heap of event sources. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/event.h"

__extension__ typedef unsigned __int128 uet_sim_key;

#define WAYS 4u
#define ROOT (WAYS - 1)	/* entries before the root: children share a cache line */

static uint32_t source_of(const struct uet_sim_event *e)
{
	return (uint32_t)e->order & (UET_SIM_SOURCES - 1);
}

/* One number to compare by: no branch for the processor to guess wrong. */
static uet_sim_key key(const struct uet_sim_event *e)
{
	return (uet_sim_key)e->time << 64 | e->order;
}

static bool before(const struct uet_sim_event *a, const struct uet_sim_event *b)
{
	return key(a) < key(b);
}

static int grow(struct uet_sim_events *ev, uint32_t room)
{
	struct uet_sim_event *mem;
	uint32_t *pos;

	if (room > UET_SIM_SOURCES ||
	    posix_memalign((void **)&mem, WAYS * sizeof(*mem), (room + ROOT) * sizeof(*mem)))
		return -ENOMEM;
	if (ev->count)
		memcpy(mem + ROOT, ev->heap, ev->count * sizeof(*mem));
	free(ev->memory);
	ev->memory = mem;
	ev->heap = mem + ROOT;
	pos = realloc(ev->pos, room * sizeof(*pos));
	if (!pos)
		return -ENOMEM;
	ev->pos = pos;
	memset(pos + ev->room, 0, (room - ev->room) * sizeof(*pos));
	ev->room = room;
	return 0;
}

int uet_sim_events_init(struct uet_sim_events *ev, uint32_t sources)
{
	int ret;

	memset(ev, 0, sizeof(*ev));
	ret = grow(ev, sources + 16);
	if (ret)
		uet_sim_events_destroy(ev);
	else
		ev->sources = sources;
	return ret;
}

void uet_sim_events_destroy(struct uet_sim_events *ev)
{
	free(ev->memory);
	free(ev->pos);
	memset(ev, 0, sizeof(*ev));
}

int64_t uet_sim_events_add(struct uet_sim_events *ev)
{
	int ret;

	if (ev->sources == ev->room) {
		ret = grow(ev, ev->room + ev->room / 2);
		if (ret)
			return ret;
	}
	return ev->sources++;
}

static void put(struct uet_sim_events *ev, uint32_t i, struct uet_sim_event e)
{
	ev->heap[i] = e;
	ev->pos[source_of(&e)] = i + 1;
}

static void sift_up(struct uet_sim_events *ev, uint32_t i, struct uet_sim_event e)
{
	uint32_t parent;

	while (i) {
		parent = (i - 1) / WAYS;
		if (!before(&e, &ev->heap[parent]))
			break;
		put(ev, i, ev->heap[parent]);
		i = parent;
	}
	put(ev, i, e);
}

/* The first one of the @cnt events at @e. */
static uint32_t first_of(const struct uet_sim_event *e, uint32_t cnt)
{
	uet_sim_key best = key(e), k;
	uint32_t i, first = 0;

	for (i = 1; i < cnt; i++) {
		k = key(&e[i]);
		first = k < best ? i : first;
		best = k < best ? k : best;
	}
	return first;
}

static void sift_down(struct uet_sim_events *ev, uint32_t i, struct uet_sim_event e)
{
	uint32_t child, best;

	while ((child = WAYS * i + 1) < ev->count) {
		if (uet_likely(child + WAYS <= ev->count))
			best = child + first_of(&ev->heap[child], WAYS);
		else
			best = child + first_of(&ev->heap[child], ev->count - child);
		if (!before(&ev->heap[best], &e))
			break;
		put(ev, i, ev->heap[best]);
		i = best;
	}
	put(ev, i, e);
}

static void take_out(struct uet_sim_events *ev, uint32_t i)
{
	struct uet_sim_event last = ev->heap[--ev->count];

	ev->pos[source_of(&ev->heap[i])] = 0;
	if (i == ev->count)
		return;
	if (before(&last, &ev->heap[i]))
		sift_up(ev, i, last);
	else
		sift_down(ev, i, last);
}

void uet_sim_events_set(struct uet_sim_events *ev, uint32_t source, uint64_t time)
{
	uint32_t pos = ev->pos[source];
	struct uet_sim_event e = { .time = time };

	if (time == UET_TIME_NEVER) {
		if (pos)
			take_out(ev, pos - 1);
		return;
	}
	if (pos && ev->heap[pos - 1].time == time)
		return;
	e.order = ev->order++ << 24 | source;
	if (!pos)
		sift_up(ev, ev->count++, e);
	else if (before(&e, &ev->heap[pos - 1]))
		sift_up(ev, pos - 1, e);
	else
		sift_down(ev, pos - 1, e);
}
