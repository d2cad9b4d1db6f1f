/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Network signal-based congestion control (NSCC, UEC 3.6.13): the source keeps a window, which
 * the queueing delay on the path, ECN marks, trimmed and lost packets move. Private to cms/.
 *
 *                 no mark                           mark
 *   short delay   proportional (or fast) increase   nothing: a queue just begins to build
 *   long delay    fair increase: others own it      multiplicative decrease
 *
 * Where no switch marks packets, a long delay stands for the mark: without it nothing but loss
 * would ever shrink the window. Bytes are nominal sizes, times ns.
 */
#ifndef UET_CMS_NSCC_H
#define UET_CMS_NSCC_H

#include <stdbool.h>
#include <stdint.h>

struct uet_cms_cfg;
struct uet_cms_ack;

/* What follows from link rate, base RTT and packet size (UEC Table 3-76). */
struct uet_nscc_gains {
	double max_wnd;		/* bytes: 1.5 BDP, not above the configured ceiling */
	double bdp;		/* bytes */
	double target;		/* ns: queueing delay aimed at */
	double alpha;		/* bytes per ns: proportional gain */
	double fi;		/* bytes per RTT: fair increase */
	double eta;		/* bytes per period, always added */
	double fi_scale;	/* gain of the fast increase */
	double qa_threshold;	/* ns: delay that makes quick adapt act */
	double about_zero;	/* ns: delays below count as none */
	uint64_t period;	/* ns: least time between two additions of eta */
};

struct uet_nscc {
	struct uet_nscc_gains g;
	uint64_t base;		/* ns: base RTT */
	double cwnd;		/* bytes allowed in flight */
	double saved_cwnd;	/* before destination flow control set in; 0: it did not */
	double undo_cwnd;	/* before the last time-outs; 0: none */
	double inc_bytes;	/* square bytes to be added as inc_bytes / cwnd */
	double avg_delay;	/* ns */
	double fi_count;	/* bytes in a row without delay */
	double last_delay;	/* ns: the sample before */
	uint64_t received;	/* bytes since the last fulfilment */
	uint64_t achieved;	/* bytes in this quick-adapt period */
	uint64_t to_ignore;	/* bytes whose feedback tells of the time before a quick adapt */
	uint64_t ignored;	/* of these, how many have come in */
	uint64_t qa_end;	/* end of the period; 0: none began */
	uint64_t last_adjust;	/* last addition of eta */
	uint64_t last_dec;	/* last multiplicative decrease */
	uint64_t marked_at;	/* last real ECN mark */
	bool marked;		/* there was one */
	bool trigger_qa;	/* trimmed packets call for quick adapt */
	bool increase;		/* fast increase is on */
};

/* Start with the full window; @base = base RTT. */
void uet_nscc_init(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t base);

/*
 * The base RTT is @base now. With @first it replaces a guess, and the window is scaled with it.
 * A configured base RTT stays the measure of all gains but the greatest window.
 */
void uet_nscc_set_base(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t base,
		       bool first);

/* @ack arrived; its bytes are no longer among the @inflight. */
void uet_nscc_on_ack(struct uet_nscc *n, const struct uet_cms_cfg *cfg,
		     const struct uet_cms_ack *ack, int64_t inflight, uint64_t now);

/*
 * A packet of @bytes was refused with NACK @code: trimmed, or for lack of resources. It is no
 * longer among the @inflight.
 */
void uet_nscc_on_nack(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint8_t code,
		      uint32_t bytes, int64_t inflight, uint64_t now);

/* @bytes are presumed lost. */
void uet_nscc_on_loss(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint32_t bytes);

/* The same, as a time-out says so, which uet_nscc_on_spurious may take back. */
void uet_nscc_on_timeout(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint32_t bytes);
void uet_nscc_on_spurious(struct uet_nscc *n);

/*
 * There is something to send, for the first time in @idle ns: what was achieved meanwhile tells
 * nothing, and after a long while the window does not either. The latter only with nothing in
 * flight (@quiet).
 */
void uet_nscc_on_work(struct uet_nscc *n, const struct uet_cms_cfg *cfg, uint64_t idle,
		      bool quiet, uint64_t now);

#endif /* UET_CMS_NSCC_H */
