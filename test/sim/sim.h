/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The simulator as a library: a scenario becomes hosts on a network and flows between them, runs
 * in virtual time, is checked, and leaves figures.
 *
 *   uet_sim_create -> uet_sim_run -> uet_sim_write_* -> uet_sim_destroy
 *
 *   scenario*.c  keys, defaults, random scenarios      fault.c   links, pauses, crashes
 *   ep.c         an endpoint: the core, driven         check.c   what must be true
 *   workload.c   which flows there are                 result.c  CSV, JSON
 *   flow.c       what a flow does at both its ends     series.c  what is seen while it runs
 */
#ifndef UET_SIM_SIM_H
#define UET_SIM_SIM_H

#include "base/rand.h"
#include "sim/net.h"
#include "sim/scenario.h"
#include "ses/ses.h"

#define UET_SIM_NO_FLOW	UINT32_MAX
#define UET_SIM_COMPLAINTS 16		/* kept in words; all are counted */

enum uet_sim_flow_state {
	UET_SIM_PLANNED,
	UET_SIM_QUEUED,		/* at its source: begins as soon as that runs and has room */
	UET_SIM_ACTIVE,		/* given to the SES */
	UET_SIM_DONE,
	UET_SIM_FAILED,		/* ended with an error */
	UET_SIM_ABORTED,	/* its source crashed, or it never began because of that */
};

struct uet_sim_flow {
	struct uet_ses_mem mem;		/* of the receive bound to it */
	struct uet_ses_tx *tx;		/* ACTIVE */
	struct uet_sim *sim;
	uint8_t *buf;			/* READ: what is read */
	uint8_t *rx_buf;		/* where the bound receive goes, if not to the tape */
	uint64_t start, end;		/* network time, ns; end of the source's operation */
	uint64_t rx_end;		/* sends: when the target had all */
	uint64_t seen;			/* bytes acknowledged at the last sample */
	uint64_t mark_from, mark_until;	/* the same when measuring began and ended */
	uint64_t got;			/* bytes compared with the tape */
	uint64_t gap;			/* ns between the predecessor's end and the start */
	uint64_t late;			/* ns between the start and the posting of the receive */
	uint64_t retx;			/* repetitions of its source meanwhile */
	uint64_t value;			/* SUM, FETCH: cell before; STREAM: life << 32 | number */
	uint64_t operand, result;	/* SUM, FETCH */
	uint32_t id, src, dst;
	uint32_t bytes;
	uint32_t tape;			/* where its bytes are on the tape */
	uint32_t next;			/* flow that follows at the same host, or NO_FLOW */
	uint32_t queue_next;
	uint32_t lane;			/* MIXED: chain of operations of the source */
	uint32_t dst_life;		/* when it began */
	int err;
	uint8_t op, mode, state;
	uint8_t gen;			/* MIXED: mixed.h */
	uint8_t tx_cnt, rx_cnt;		/* completions */
	uint8_t rx_err;			/* receives that failed */
	bool after_rx;			/* next follows the arrival, not the completion */
	bool chained;			/* begins after another one */
	bool rx_posted;			/* in the present life of the target */
};

/* A receive that is not bound to a flow. */
struct uet_sim_recv {
	struct uet_sim_recv *prev, *next;	/* of the host's */
	struct uet_sim_ep *ep;
	uint32_t src;			/* STREAM: from whom */
	uint32_t place;			/* STREAM: among the receives posted for it */
	uint8_t op;
	uint8_t buf[];
};

/* What receives for a stream got, in the order of their posting. */
struct uet_sim_stream {
	uint64_t *got;			/* life of the source << 32 | number; 0: nothing */
	uint32_t posted, room;
};

struct uet_sim_ep {
	struct uet_sim *sim;
	struct uet_nic *nic;
	struct uet_ses *ses;		/* NULL: it is down */
	struct uet_ses_rxq *rxq;
	struct uet_pds *pds;
	struct uet_ses_region tape, memory;
	struct iovec tape_iov, memory_iov;
	struct uet_sim_recv *recvs;	/* posted and not bound to a flow */
	uint32_t *stream_sent;		/* MIXED, by peer: messages sent on the stream to it */
	struct uet_sim_stream *streams;	/* MIXED, by peer: from it */
	uint8_t *slot_gen;		/* MIXED, by lane: changes when an operation failed */
	uint64_t clock;			/* local time at network time 0 */
	int64_t skew;			/* ppm */
	uint64_t busy_until, paused_until;
	uint64_t tx_seen;		/* packets sent, already charged */
	uint8_t fill;			/* nic->fill that the PDS knows */
	uint32_t index;
	uint32_t life;			/* changes when it dies and when it comes back */
	uint32_t queue_head, queue_tail; /* flows that are to begin */
	uint8_t rounds;			/* since acknowledgements were sent */
	bool more;			/* packets may be waiting that arrived while it was busy */
	bool stepping;
	bool blocked;			/* the SES takes no operations now */
	bool gone;			/* it has crashed and does not return */
	struct uet_pds_stats past_pds;	/* of earlier lives */
	struct uet_ses_stats past_ses;
};

struct uet_sim_counts {
	uint64_t planned, open, done, failed, aborted;	/* flows; open: begun or to begin */
	uint64_t bytes;			/* of those done */
};

/* Sums over links. */
struct uet_sim_links {
	uint64_t packets, bytes, marked, trimmed, dropped, overrun, lost;
	uint64_t duplicated, corrupted, reordered;
};

struct uet_sim {
	struct uet_sim_scenario sc;
	struct uet_sim_net *net;
	struct uet_rand rand;
	struct uet_sim_ep *eps;
	struct uet_sim_flow *flows;
	uint32_t flow_cnt;
	struct uet_sim_counts count;
	struct uet_sim_fault *faults;	/* those of the scenario, and random ones */
	uint32_t fault_cnt;
	uint8_t *tape;			/* what messages consist of: each flow has a part of it */
	size_t tape_len;
	uint8_t *scratch;		/* where reads go that nobody checks */
	uint64_t last_end;
	uint32_t crashes;
	uint32_t recvs_due;		/* receives that are still to be posted */
	uint64_t outage;		/* longest planned one, ns */
	bool failures_expected;		/* faults explain errors */
	char complaint[UET_SIM_COMPLAINTS][256];
	uint64_t complaints;
	/* series.c */
	FILE *flow_series, *queue_series;
	uint64_t samples;
	double *queue_from, *queue_until; /* queue_time of links when measuring began and ended */
	uint64_t *queue_last;		/* bytes queued at links at the last sample */
	uint64_t time_from, time_until;
	bool measuring, measured;
	uint64_t peak_memory;		/* packets under way, bytes */
	uint32_t peak_pdcs;		/* of one host */
	uint64_t peak_unexpected;	/* bytes of one host */
};

/* What uet_sim_run tells while it runs; may be NULL. Returns false to give up. */
typedef bool (*uet_sim_report_fn)(struct uet_sim *sim, void *arg);

/*
 * Build everything that @sc, which is resolved, asks for. Returns 0, -EINVAL or -ENOMEM, with a
 * message in @why.
 */
int uet_sim_create(const struct uet_sim_scenario *sc, struct uet_sim **sim, char *why, size_t len);

void uet_sim_destroy(struct uet_sim *sim);

/*
 * Run the workload to its end, or to time_limit; with sc.check then wait until all is quiet, close
 * everything and look for what is wrong. Returns the number of complaints. @report is called
 * every few thousand events.
 */
uint64_t uet_sim_run(struct uet_sim *sim, uet_sim_report_fn report, void *arg);

/* Note something that must not be. */
__attribute__((format(printf, 2, 3)))
void uet_sim_complain(struct uet_sim *sim, const char *fmt, ...);

/* Write the flows as CSV, and the summary as JSON. Return 0 or -errno. */
int uet_sim_write_flows(const struct uet_sim *sim, const char *file);
int uet_sim_write_summary(const struct uet_sim *sim, const char *file);

/* Write the time series to @prefix-series.csv and @prefix-queues.csv. Before the run. */
int uet_sim_open_series(struct uet_sim *sim, const char *prefix);

/* ---- between the files of the library ---- */

/* Kinds of timer, in the highest byte of a cookie. */
enum uet_sim_due {
	UET_SIM_DUE_FLOW,		/* begins */
	UET_SIM_DUE_RECV,		/* its receive is to be posted */
	UET_SIM_DUE_FAULT,
	UET_SIM_DUE_FAULT_END,
	UET_SIM_DUE_SAMPLE,
	UET_SIM_DUE_MEASURE,
};

/* Let @kind of @index happen at @time. */
void uet_sim_due(struct uet_sim *sim, uint64_t time, enum uet_sim_due kind, uint32_t index);

/* A random number below @n. */
uint64_t uet_sim_below(struct uet_sim *sim, uint64_t n);

/* tape.c: make sim->tape of at least @len bytes. Returns 0 or -errno. */
int uet_sim_tape_create(struct uet_sim *sim, size_t len);
void uet_sim_tape_destroy(struct uet_sim *sim);

/* workload.c: make the flows. Returns 0, -EINVAL or -ENOMEM. */
int uet_sim_plan(struct uet_sim *sim, char *why, size_t len);

/* workload_mixed.c */
int uet_sim_plan_mixed(struct uet_sim *sim);

/* flow.c */

/* Let the flows that do not wait for others begin at their times. */
void uet_sim_flows_begin(struct uet_sim *sim);

/* Its time has come: queue it at its source. */
void uet_sim_flow_begin(struct uet_sim *sim, uint32_t id);

/* Give what @ep has queued to its SES, as far as that takes it. Returns whether any went. */
bool uet_sim_flow_start_queued(struct uet_sim_ep *ep);

/* Post the receive of flow @id, unless its target is down. */
void uet_sim_flow_recv(struct uet_sim *sim, uint32_t id);

/* Bytes that the source of @f knows to have arrived. */
uint64_t uet_sim_flow_acked(const struct uet_sim *sim, const struct uet_sim_flow *f);

/* @ep has lost its state: what it sent is aborted, receives are forgotten. */
void uet_sim_flow_ep_down(struct uet_sim_ep *ep);

/* @ep is back: it posts receives for what is on its way to it, and continues its chains. */
void uet_sim_flow_ep_up(struct uet_sim_ep *ep);

/* @ep never comes back: nothing more begins there. */
void uet_sim_flow_ep_gone(struct uet_sim_ep *ep);

/* Cancel all receives; returns how many could not be, because a message is on its way into them. */
uint32_t uet_sim_recv_cancel(struct uet_sim *sim);

extern const struct uet_ses_upper_ops uet_sim_upper_ops;

/* The byte pattern of flow @f. */
static inline const uint8_t *uet_sim_bytes(const struct uet_sim *sim, const struct uet_sim_flow *f)
{
	return sim->tape + f->tape;
}

/* fault.c: make the list of faults, begin one, end one. */
int uet_sim_faults_plan(struct uet_sim *sim, char *why, size_t len);
void uet_sim_fault(struct uet_sim *sim, uint32_t index);
void uet_sim_fault_end(struct uet_sim *sim, uint32_t index);

/* check.c */

/* May operations of @f fail? */
bool uet_sim_excused(const struct uet_sim *sim, const struct uet_sim_flow *f);

/* Look at limits while it runs. */
void uet_sim_check_bounds(struct uet_sim *sim);

/* After the workload: see how all flows ended. */
void uet_sim_check_flows(struct uet_sim *sim);

/* Run until everybody is idle, and see that nothing is left. */
void uet_sim_check_quiet(struct uet_sim *sim);

/* series.c: note the state of flows and queues; begin or end the measured window. */
void uet_sim_sample(struct uet_sim *sim);
void uet_sim_measure(struct uet_sim *sim, bool begin);

/* Statistics of all lives of @ep. */
void uet_sim_ep_stats(const struct uet_sim_ep *ep, struct uet_pds_stats *pds,
			struct uet_ses_stats *ses);

/* Repetitions of @ep in all its lives. */
uint64_t uet_sim_ep_retx(const struct uet_sim_ep *ep);

/* result.c: the least time in which all flows can end, by the links' rates. */
uint64_t uet_sim_ideal(const struct uet_sim *sim);

void uet_sim_sum_links(const struct uet_sim *sim, struct uet_sim_links *sum);

#endif /* UET_SIM_SIM_H */
