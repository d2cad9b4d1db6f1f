/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory that the mixed workload reads, writes and counts in. Every endpoint has a part for each
 * peer, which has a slot for each lane (chain of operations, one at a time):
 *
 *   memory of an endpoint:  [ peer 0: slot 0 | slot 1 | ... ][ peer 1: ... ] ...
 *
 * A slot is a cell of 64 bits for atomics, and room for one WRITE or READ. There are GENS slots
 * for a lane, because what is left of an operation that failed may still arrive.
 */
#ifndef UET_SIM_MIXED_H
#define UET_SIM_MIXED_H

#include "sim/sim.h"

#define UET_SIM_KEY_TAPE	1
#define UET_SIM_KEY_MEMORY	2
#define UET_SIM_GENS		4u
#define UET_SIM_CELL		64u		/* bytes before the data of a slot */
#define UET_SIM_SLOT		(UET_SIM_CELL + 16384u)

/* Compares what is written to the tape with what is there. */
extern const struct uet_ses_mem uet_sim_tape_mem;

/* The memory of @ep, if the workload needs one. Returns 0 or -ENOMEM. */
int uet_sim_mixed_init(struct uet_sim_ep *ep);
void uet_sim_mixed_fini(struct uet_sim_ep *ep);

/* @ep lives again: its memory is empty, its streams begin anew. */
void uet_sim_mixed_forget(struct uet_sim_ep *ep);

/* Where @f works in the memory of its target. */
uint64_t uet_sim_slot(const struct uet_sim *sim, const struct uet_sim_flow *f);

/* Before an operation of @f on the target's memory; @tx is filled in but for its amo. */
bool uet_sim_mixed_start(struct uet_sim_flow *f, struct uet_ses_tx *tx);

/* It has succeeded: see what it did. */
void uet_sim_mixed_verify(struct uet_sim_flow *f);

/* @f has failed: what is left of it may still reach its slot. */
void uet_sim_mixed_failed(struct uet_sim_flow *f);

/* @place of a new receive among those of the stream from @src. False without memory. */
bool uet_sim_stream_post(struct uet_sim_ep *ep, uint32_t src, uint32_t *place);

/* @r got the message of @f: receives of a stream get messages in the order of their sending. */
void uet_sim_stream_got(struct uet_sim_ep *ep, const struct uet_sim_recv *r,
			const struct uet_sim_flow *f);

/* Free the records of receives of @ep (flow.c). */
void uet_sim_recv_free_all(struct uet_sim_ep *ep);

#endif /* UET_SIM_MIXED_H */
