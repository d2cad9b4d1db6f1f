/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the makers of flows share.
 */
#ifndef UET_SIM_WORKLOAD_H
#define UET_SIM_WORKLOAD_H

#include "sim/sim.h"

/* Make @cnt flows of sizes as sc.work asks, between nobody. Returns 0, -EINVAL or -ENOMEM. */
int uet_sim_flows_make(struct uet_sim *sim, uint64_t cnt);

/* A size as sc.work asks. */
uint32_t uet_sim_draw_size(struct uet_sim *sim);

/* Flow @id goes from @src to @dst. */
void uet_sim_flow_between(struct uet_sim *sim, uint32_t id, uint32_t src, uint32_t dst);

/*
 * Flow @then, of the same host, begins when the operation of @first has ended; or (@after_rx),
 * of the target of @first, when that has the message.
 */
void uet_sim_flow_chain(struct uet_sim *sim, uint32_t first, uint32_t then, bool after_rx);

#endif /* UET_SIM_WORKLOAD_H */
