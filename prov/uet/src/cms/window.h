/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A loss-driven byte window: slow start, additive increase, one halving per round trip with
 * loss, between one packet and a ceiling. It keeps many senders from drowning one receiver's
 * socket buffer where no congestion control of UET runs (UET_CMS_NONE). Private to cms/.
 */
#ifndef UET_CMS_WINDOW_H
#define UET_CMS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct uet_cms_window {
	uint32_t size;		/* bytes allowed in flight */
	uint32_t max, min;	/* limits of size */
	uint32_t ssthresh;	/* slow start below, additive increase above */
	uint32_t acked_credit;	/* bytes acknowledged towards the next additive step */
	uint32_t undo_size;	/* size and ssthresh before the last collapse; 0: none */
	uint32_t undo_ssthresh;
	uint64_t recover_until;	/* ns: losses before this time belong to the last halving */
	uint64_t timeout_until;	/* ns: time-outs before this time belong to the last collapse */
};

/* Start with @size bytes, not below @min nor above @max (or @min, if that is more). */
void uet_cms_window_init(struct uet_cms_window *w, uint32_t size, uint32_t min, uint32_t max);

/* @bytes arrived while the window was in full use. */
void uet_cms_window_grow(struct uet_cms_window *w, uint32_t bytes);

/* A loss or mark at @now; @rtt in ns: for so long others count as the same event. */
void uet_cms_window_halve(struct uet_cms_window *w, uint64_t rtt, uint64_t now);

/* A time-out at @now: fall to the floor, once in @rto ns; @rtt as above. */
void uet_cms_window_collapse(struct uet_cms_window *w, uint64_t rtt, uint64_t rto, uint64_t now);

/* The last collapse was a mistake: take it back. */
void uet_cms_window_undo(struct uet_cms_window *w);

#endif /* UET_CMS_WINDOW_H */
