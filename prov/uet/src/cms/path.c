/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Choosing paths. The ring holds the paths of packets that arrived, to be used again:
 *
 *     ring   used  used  fresh  fresh  fresh  free
 *                        ^ next to be used    ^ head: written when a packet arrives
 */
#include "cms/path.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

#define SKIP_MARKED	1u
#define SKIP_TRIMMED	4u
#define SKIP_LOST	15u
#define SKIP_MAX	(SKIP_LOST << 4)	/* for a path that fails again and again */
#define ROUND_TURNS	8u	/* of UET_CMS_PATH_RUNS: each eighth is of the round */
#define MARKS_ONE	32768u			/* all packets are marked */
#define MARKS_MEAN	64u			/* packets that an average reaches back by */
#define MARKS_MANY	(MARKS_ONE / 16)
#define REPS_RING	8u
#define REPS_EXPLORE	16u
#define REPS_FAILURES	2u			/* losses of one path that freeze REPS */
#define REPS_FREEZE	(10 * UET_NSEC_PER_MSEC)

void uet_cms_paths_init(struct uet_cms_paths *p, uint8_t cnt, enum uet_cms_path_algo algo,
			uint64_t seed)
{
	assert(cnt >= 1 && cnt <= UET_CMS_PATHS_MAX);
	memset(p, 0, sizeof(*p));
	p->cnt = cnt;
	p->algo = (uint8_t)algo;
	while (p->mask < cnt - 1)
		p->mask = (uint8_t)(2 * p->mask + 1);
	uet_rand_seed(&p->rand, seed);
	p->mix = uet_rand_u32(&p->rand) & p->mask;
}

/* ---- in turn ---- */

static uint8_t any(struct uet_cms_paths *p)
{
	return (uint8_t)(uet_rand_u32(&p->rand) % p->cnt);
}

static uint8_t next_in_round(struct uet_cms_paths *p)
{
	uint8_t path;

	do {
		path = p->at ^ p->mix;
		if (p->at++ == p->mask) {
			p->at = 0;
			p->mix = uet_rand_u32(&p->rand) & p->mask;
		}
	} while (path >= p->cnt);
	return path;
}

/* The next one in the round that is not to miss its turn; one that does has missed it then. */
static uint8_t next_healthy(struct uet_cms_paths *p)
{
	uint8_t path = next_in_round(p), tries;
	bool missed = false;

	for (tries = 1; p->skip[path] && tries < p->cnt; tries++) {
		if (!missed)
			p->skip[path]--;
		missed = true;
		path = next_in_round(p);
	}
	if (p->skip[path] && !missed)
		p->skip[path]--;
	return path;
}

/* ---- the ring ---- */

static uint8_t ring_size(const struct uet_cms_paths *p)
{
	return p->algo == UET_CMS_PATH_REPS ? REPS_RING : UET_CMS_PATHS_MAX;
}

static uint8_t ring_index(const struct uet_cms_paths *p, uint8_t back)
{
	return (uint8_t)(p->head - back) & (ring_size(p) - 1);
}

static void recycle(struct uet_cms_paths *p, uint8_t path)
{
	uint8_t size = ring_size(p);

	/* A run that left together comes back as one. */
	if (p->fresh && p->ring[ring_index(p, 1)] == path)
		return;
	p->ring[p->head] = path;
	p->head = (p->head + 1) & (size - 1);
	if (p->fresh < size)
		p->fresh++;
	if (p->written < size)
		p->written++;
}

/* The oldest fresh entry of a path that is not in trouble. False: there is none. */
static bool reuse(struct uet_cms_paths *p, uint8_t *path)
{
	while (p->fresh) {
		*path = p->ring[ring_index(p, p->fresh--)];
		if (!p->skip[*path])
			return true;
	}
	return false;
}

static uint8_t next_mixed(struct uet_cms_paths *p)
{
	uint8_t path;

	if (!reuse(p, &path))
		return next_healthy(p);
	if (p->algo == UET_CMS_PATH_MIXED || ++p->reused < ROUND_TURNS)
		return path;
	p->reused = 0;
	return next_healthy(p);
}

/* ---- REPS (arXiv 2407.21625) ---- */

static void thaw(struct uet_cms_paths *p)
{
	p->frozen = false;
	p->head = p->fresh = p->written = p->replay = 0;
	p->explore = REPS_EXPLORE;
}

static uint8_t next_reps(struct uet_cms_paths *p, uint64_t now)
{
	uint8_t path;

	if (p->frozen && now >= p->frozen_until)
		thaw(p);
	if (p->explore) {
		p->explore--;
		return any(p);
	}
	if (!p->frozen)
		return reuse(p, &path) ? path : any(p);
	if (!p->written)
		return any(p);
	if (p->replay >= p->written)
		p->replay = 0;
	return p->ring[p->replay++];
}

uint8_t uet_cms_paths_next(struct uet_cms_paths *p, uint64_t now)
{
	switch (p->algo) {
	case UET_CMS_PATH_OBLIVIOUS:
		return next_in_round(p);
	case UET_CMS_PATH_BITMAP:
		return next_healthy(p);
	case UET_CMS_PATH_REPS:
		return next_reps(p, now);
	default:
		return next_mixed(p);
	}
}

/* ---- feedback ---- */

static void penalize(struct uet_cms_paths *p, uint8_t path, uint32_t turns)
{
	if (p->skip[path] < SKIP_LOST)
		p->skip[path] = (uint8_t)uet_min_u64(p->skip[path] + turns, SKIP_LOST);
}

/*
 * A path that failed is tried again after a while; each time that it fails then, the while is
 * twice as long. What else was lost before it is tried again is the same failure.
 */
static void lost(struct uet_cms_paths *p, uint8_t path)
{
	if (p->skip[path] >= SKIP_LOST)
		return;
	p->skip[path] = (uint8_t)uet_min_u64(SKIP_LOST << p->strikes[path], SKIP_MAX);
	if (SKIP_LOST << p->strikes[path] < SKIP_MAX)
		p->strikes[path]++;
}

static void lost_reps(struct uet_cms_paths *p, uint8_t path, uint64_t now)
{
	if (++p->strikes[path] < REPS_FAILURES)
		return;
	p->strikes[path] = 0;
	if (p->frozen || p->explore)
		return;
	p->frozen = true;
	p->frozen_until = now + REPS_FREEZE;
	p->replay = 0;
}

/*
 * Does a mark tell this path from others? Not where many are marked: all that is left is full
 * then. To leave paths that carry what they can for others makes load uneven, which marks more.
 */
static bool tells_apart(struct uet_cms_paths *p, enum uet_cms_path_event event)
{
	uint32_t mark = event == UET_CMS_PATH_MARKED ? MARKS_ONE : 0;

	if (event > UET_CMS_PATH_MARKED)
		return true;
	p->marks = (uint16_t)(p->marks + mark / MARKS_MEAN - p->marks / MARKS_MEAN);
	return p->marks <= MARKS_MANY;
}

void uet_cms_paths_feedback(struct uet_cms_paths *p, uint8_t path, enum uet_cms_path_event event,
			    uint64_t now)
{
	bool reps = p->algo == UET_CMS_PATH_REPS;

	assert(path < p->cnt);
	if (!tells_apart(p, event))
		event = UET_CMS_PATH_GOOD;
	if (event == UET_CMS_PATH_GOOD) {
		p->strikes[path] = 0;
		if (reps || p->algo == UET_CMS_PATH_MIXED || p->algo == UET_CMS_PATH_RUNS)
			recycle(p, path);
	} else if (event == UET_CMS_PATH_LOST && reps) {
		lost_reps(p, path, now);
	} else if (event == UET_CMS_PATH_LOST) {
		lost(p, path);
	} else if (!reps) {
		/* REPS just does not use the path again. */
		penalize(p, path, event == UET_CMS_PATH_MARKED ? SKIP_MARKED : SKIP_TRIMMED);
	}
}

void uet_cms_paths_forgive(struct uet_cms_paths *p)
{
	memset(p->skip, 0, sizeof(p->skip));
	memset(p->strikes, 0, sizeof(p->strikes));
	if (p->frozen)
		thaw(p);
}
