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

static void put(struct uet_sim_events *ev, uint32_t i, uet_sim_key k)
{
	struct uet_sim_event e = { .time = (uint64_t)(k >> 64), .order = (uint64_t)k };

	ev->heap[i] = e;
	ev->pos[source_of(&e)] = i + 1;
}

static void sift_up(struct uet_sim_events *ev, uint32_t i, uet_sim_key k)
{
	uint32_t parent;

	while (i) {
		parent = (i - 1) / WAYS;
		if (k > key(&ev->heap[parent]))
			break;
		put(ev, i, key(&ev->heap[parent]));
		i = parent;
	}
	put(ev, i, k);
}

/* The first one of the @cnt events at @e, and its key. */
static uint32_t first_of(const struct uet_sim_event *e, uint32_t cnt, uet_sim_key *best)
{
	uint32_t i, first = 0;
	uet_sim_key k;

	*best = key(e);
	for (i = 1; i < cnt; i++) {
		k = key(&e[i]);
		first = k < *best ? i : first;
		*best = k < *best ? k : *best;
	}
	return first;
}

static void sift_down(struct uet_sim_events *ev, uint32_t i, uet_sim_key k)
{
	uint32_t child, best;
	uet_sim_key b;

	while ((child = WAYS * i + 1) < ev->count) {
		if (uet_likely(child + WAYS <= ev->count))
			best = child + first_of(&ev->heap[child], WAYS, &b);
		else
			best = child + first_of(&ev->heap[child], ev->count - child, &b);
		if (b > k)
			break;
		put(ev, i, b);
		i = best;
	}
	put(ev, i, k);
}

static void take_out(struct uet_sim_events *ev, uint32_t i)
{
	uet_sim_key last = key(&ev->heap[--ev->count]), old = key(&ev->heap[i]);

	ev->pos[source_of(&ev->heap[i])] = 0;
	if (i == ev->count)
		return;
	if (last < old)
		sift_up(ev, i, last);
	else
		sift_down(ev, i, last);
}

void uet_sim_events_set(struct uet_sim_events *ev, uint32_t source, uint64_t time)
{
	uint32_t pos = ev->pos[source];
	uet_sim_key k;

	if (time == UET_TIME_NEVER) {
		if (pos)
			take_out(ev, pos - 1);
		return;
	}
	if (pos && ev->heap[pos - 1].time == time)
		return;
	k = (uet_sim_key)time << 64 | ev->order++ << 24 | source;
	if (!pos)
		sift_up(ev, ev->count++, k);
	else if (k < key(&ev->heap[pos - 1]))
		sift_up(ev, pos - 1, k);
	else
		sift_down(ev, pos - 1, k);
}
