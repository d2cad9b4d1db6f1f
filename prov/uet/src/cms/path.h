/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet spraying (UEC 3.6.16): which of the paths to a peer a packet takes. A path is an
 * entropy value, here the number of a source port; what lies behind it is known only from what
 * became of earlier packets. A pure state machine: same seed and events, same choices.
 */
#ifndef UET_CMS_PATH_H
#define UET_CMS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"

#define UET_CMS_PATHS_MAX 64u

enum uet_cms_path_algo {
	UET_CMS_PATH_MIXED,	/* recycled paths that worked, else the bitmap's: the default, as
				 * it also does well when one ACK stands for several packets */
	UET_CMS_PATH_RUNS,	/* the same where runs of packets share a path: few of them fill
				 * the window, which would soon be of few paths, so each eighth
				 * that worked gives its turn to one of the bitmap's */
	UET_CMS_PATH_OBLIVIOUS,	/* all in turn, in a new order each round */
	UET_CMS_PATH_BITMAP,	/* the same, leaving out those in trouble for a while */
	UET_CMS_PATH_REPS,	/* recycled ones, else random; frozen when a path fails */
};

/* What became of a packet. */
enum uet_cms_path_event {
	UET_CMS_PATH_GOOD,	/* arrived unmarked */
	UET_CMS_PATH_MARKED,	/* arrived with a CE mark */
	UET_CMS_PATH_TRIMMED,	/* was trimmed inside the network */
	UET_CMS_PATH_LOST,	/* is taken for lost */
};

/* The paths of one CCC. */
struct uet_cms_paths {
	uint8_t cnt;		/* 1 .. UET_CMS_PATHS_MAX */
	uint8_t algo;		/* enum uet_cms_path_algo */
	uint8_t mask;		/* the round visits at ^ mix for at = 0 .. mask, if below cnt */
	uint8_t at, mix;
	uint8_t head;		/* the ring's next entry to be written */
	uint8_t fresh;		/* entries before head that were not used again */
	uint8_t reused;		/* entries used again since one gave its turn away */
	uint8_t written;	/* entries that hold anything */
	uint8_t replay;		/* next one to be used while frozen */
	uint8_t explore;	/* random choices to come */
	bool frozen;
	uint16_t marks;		/* part of late packets that was marked */
	uint64_t frozen_until;	/* ns */
	struct uet_rand rand;
	uint8_t skip[UET_CMS_PATHS_MAX];	/* turns that the path is to miss */
	uint8_t strikes[UET_CMS_PATHS_MAX];	/* times that it failed since it last worked */
	uint8_t ring[UET_CMS_PATHS_MAX];	/* paths that worked, in that order */
};

/* Start with @cnt paths, 1 .. UET_CMS_PATHS_MAX. */
void uet_cms_paths_init(struct uet_cms_paths *p, uint8_t cnt, enum uet_cms_path_algo algo,
			uint64_t seed);

/* The path of the next packet (or run of packets) at @now: 0 .. cnt - 1. */
uint8_t uet_cms_paths_next(struct uet_cms_paths *p, uint64_t now);

/* @event befell a packet on @path. Several that left in one run may be told one by one. */
void uet_cms_paths_feedback(struct uet_cms_paths *p, uint8_t path, enum uet_cms_path_event event,
			    uint64_t now);

/* What was taken for losses were none (the peer paused): no path is in trouble. */
void uet_cms_paths_forgive(struct uet_cms_paths *p);

#endif /* UET_CMS_PATH_H */
