/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What flow.c (the source of a flow) and recv.c (its target) share.
 */
#ifndef UET_SIM_FLOW_H
#define UET_SIM_FLOW_H

#include "sim/sim.h"

#define UET_SIM_STREAM_TAG	(1ull << 63)

/* Does @f need a receive? */
static inline bool uet_sim_is_send(const struct uet_sim_flow *f)
{
	return f->op == UET_SIM_TAGGED || f->op == UET_SIM_UNTAGGED || f->op == UET_SIM_STREAM;
}

static inline uint64_t uet_sim_tag(const struct uet_sim_flow *f)
{
	return f->op == UET_SIM_STREAM ? UET_SIM_STREAM_TAG | f->src :
	       f->op == UET_SIM_TAGGED ? f->id : 0;
}

/* The bytes of @f are all at its target. */
void uet_sim_flow_arrived(struct uet_sim_flow *f);

/* The receive of @f is to be posted at @time. */
void uet_sim_recv_later(struct uet_sim *sim, const struct uet_sim_flow *f, uint64_t time);

/* struct uet_ses_upper_ops */
void uet_sim_rx_done(void *upper, struct uet_ses_rx *rx, const struct uet_ses_rx_result *res);

#endif /* UET_SIM_FLOW_H */
