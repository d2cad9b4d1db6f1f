/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a run of the simulator is made of: network, endpoints, workload, faults, checks. Written
 * as lines of `key = value` (uet_sim --help lists the keys); later lines win.
 */
#ifndef UET_SIM_SCENARIO_H
#define UET_SIM_SCENARIO_H

#include <stdio.h>

#include "sim/net.h"
#include "ses/ses.h"

#define UET_SIM_FAULTS	32	/* lines `fault = ...` */
#define UET_SIM_LIST	256	/* lines `flow = ...` */
#define UET_SIM_NAME	32

enum uet_sim_workload {
	UET_SIM_LISTED,		/* the lines `flow = ...` */
	UET_SIM_PERMUTATION,	/* each host sends to one other, and receives from one */
	UET_SIM_INCAST,		/* hosts 1 .. senders send to host 0 */
	UET_SIM_ALLTOALL,
	UET_SIM_RING,		/* allreduce: 2 (n - 1) steps round a ring */
	UET_SIM_POISSON,	/* random pairs at random times, at a given load */
	UET_SIM_MIXED,		/* operations of all kinds between random pairs */
};

enum uet_sim_sizes {
	UET_SIM_FIXED,
	UET_SIM_UNIFORM,	/* size_min .. size_max */
	UET_SIM_WEBSEARCH,	/* many small, few of up to 30 MB */
	UET_SIM_PARETO,		/* heavy tail between size_min and size_max, shape 1.2 */
};

/* What a flow does. Those from UNTAGGED on occur in the mixed workload only. */
enum uet_sim_op {
	UET_SIM_TAGGED,		/* a tag of its own */
	UET_SIM_WRITE,
	UET_SIM_READ,
	UET_SIM_UNTAGGED,
	UET_SIM_STREAM,		/* ROD, one tag per pair: matched in order */
	UET_SIM_SUM,		/* atomic */
	UET_SIM_FETCH,		/* fetching atomic */
	UET_SIM_OPS,
};

enum uet_sim_fault_kind {
	UET_SIM_LINK_DOWN,
	UET_SIM_LINK_UP,
	UET_SIM_LINK_RATE,
	UET_SIM_PAUSE,
	UET_SIM_CRASH,
};

struct uet_sim_fault {
	uint64_t time;
	enum uet_sim_fault_kind kind;
	char link[UET_SIM_NAME];	/* LINK_*: by its name, one way; a-b: both ways */
	uint32_t host;
	uint64_t value;			/* ns (LINK_DOWN, CRASH: 0 for ever) or bit/s */
};

struct uet_sim_listed {
	uint32_t src, dst;
	uint64_t bytes, start;
};

struct uet_sim_work {
	int kind;			/* enum uet_sim_workload */
	int sizes;			/* enum uet_sim_sizes */
	int op;				/* TAGGED, WRITE or READ */
	int mode;			/* enum uet_pds_mode: RUD or ROD */
	uint64_t size, size_min, size_max;
	uint32_t count;			/* messages of a flow (MIXED: lane), in turn */
	uint32_t outstanding;		/* ALLTOALL, MIXED: at a time per host */
	uint32_t senders;		/* INCAST; 0: all others */
	uint32_t joiners;		/* INCAST: the last so many begin at join_time */
	uint32_t leavers;		/* INCAST: the first so many send only leave_size */
	uint64_t join_time, leave_size;
	uint64_t start_gap;		/* flow i begins i times this later */
	uint64_t start_spread;		/* plus a random time up to this */
	uint32_t flows;			/* POISSON */
	uint32_t load;			/* POISSON: ppm of the hosts' links */
	uint64_t late_max;		/* MIXED: receives are posted up to so much later */
	uint64_t gap_max;		/* MIXED: pause between operations */
};

struct uet_sim_trouble {		/* random faults */
	uint32_t flaps, pauses, crashes;
	uint64_t flap_max, pause_max, restart_max; /* longest of each; restart 0: never */
	uint64_t from, until;		/* when they begin */
};

struct uet_sim_scenario {
	char name[64];
	struct uet_sim_net_cfg net;
	uint32_t queue_bdp, ecn_min_bdp, ecn_max_bdp;	/* thousandths */
	uint64_t notice;		/* ns after which ECMP knows a link is down or up */
	struct uet_ses_cfg ses;
	struct uet_ses_rxq_cfg rxq;
	uint64_t host_cost;		/* CPU time per packet received or sent, ns */
	bool silent;			/* crashed hosts do not even refuse packets */
	uint32_t skew;			/* ppm: clocks of hosts run so much fast or slow at most */
	struct uet_sim_work work;
	struct uet_sim_trouble trouble;
	struct uet_sim_fault faults[UET_SIM_FAULTS];
	uint32_t fault_cnt;
	struct uet_sim_listed list[UET_SIM_LIST];
	uint32_t list_cnt;
	bool random;			/* it was drawn from the seed */
	bool check;
	uint64_t time_limit;		/* of the workload */
	uint64_t deadline;		/* of each flow, checked */
	uint64_t sample;		/* period of the time series */
	uint32_t sample_flows;		/* the first so many are in it */
	uint64_t measure_from, measure_until;	/* window of queue and goodput; 0, 0: all */
};

/* The defaults: a star of 8 hosts, 100 Gb/s, permutation of 2 MB. */
void uet_sim_scenario_init(struct uet_sim_scenario *sc);

/*
 * Set one key. Returns 0 or -EINVAL, with a message in @why (of @len bytes).
 */
int uet_sim_scenario_set(struct uet_sim_scenario *sc, const char *key, const char *value,
			 char *why, size_t len);

/* The same for "key = value" or "key=value"; empty text and comments (#) do nothing. */
int uet_sim_scenario_line(struct uet_sim_scenario *sc, const char *line, char *why, size_t len);

/* Read @file. Returns 0, -EINVAL or the -errno of opening it, with a message in @why. */
int uet_sim_scenario_read(struct uet_sim_scenario *sc, const char *file, char *why, size_t len);

/*
 * Fill in what was left to be chosen (0), and see that all of it fits together. Once,
 * after the last key. Returns 0 or -EINVAL with a message in @why.
 */
int uet_sim_scenario_resolve(struct uet_sim_scenario *sc, char *why, size_t len);

/* Draw a scenario full of faults from sc->net.seed: what the key `random` does. */
void uet_sim_scenario_draw(struct uet_sim_scenario *sc);

/* List all keys with their present values and meanings. */
void uet_sim_scenario_help(const struct uet_sim_scenario *sc, FILE *out);

/* ---- topo of the scenario, for ideal times ---- */

/* Links between two hosts: 1, 2, 4 or 6; of them @fabric are links between switches. */
uint32_t uet_sim_scenario_hops(const struct uet_sim_scenario *sc, uint32_t a, uint32_t b,
			       uint32_t *fabric);

/* Bytes on the wire of a message with @bytes of payload. */
uint64_t uet_sim_scenario_wire(const struct uet_sim_scenario *sc, uint64_t bytes);

/* ns that a message takes alone, until its last byte has arrived. */
uint64_t uet_sim_scenario_arrival(const struct uet_sim_scenario *sc, uint32_t src, uint32_t dst,
				  uint64_t bytes);

/* The same, until its source knows that. */
uint64_t uet_sim_scenario_ideal(const struct uet_sim_scenario *sc, uint32_t src, uint32_t dst,
				uint64_t bytes);

/* ns of a round trip of a full packet and its ACK between the two hosts that are farthest apart. */
uint64_t uet_sim_scenario_rtt(const struct uet_sim_scenario *sc);

#endif /* UET_SIM_SCENARIO_H */
