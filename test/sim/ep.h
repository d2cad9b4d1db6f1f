/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An endpoint: one SES with its receive queue over a simulated NIC, driven as the FEPs of ofi/
 * drive theirs, but by events: when packets arrive, when a time-out is due, when the application
 * asks for something. It may need CPU time for packets, stop for a while, die, and come back.
 */
#ifndef UET_SIM_EP_H
#define UET_SIM_EP_H

#include "sim/sim.h"

/* Prepare endpoint @index of @sim and bring it to life. Returns 0 or -errno. */
int uet_sim_ep_init(struct uet_sim *sim, uint32_t index);

/* Free everything of @ep. */
void uet_sim_ep_fini(struct uet_sim_ep *ep);

/* Its own time. */
uint64_t uet_sim_ep_now(const struct uet_sim_ep *ep);

/* True when it is up and neither paused nor busy. */
bool uet_sim_ep_runs(const struct uet_sim_ep *ep);

/* Drive it now if it runs, else when it does. */
void uet_sim_ep_step(struct uet_sim_ep *ep);

/* Stop polling for @ns. */
void uet_sim_ep_pause(struct uet_sim_ep *ep, uint64_t ns);

/* Die without a word, and come back with the same address and no memory. */
void uet_sim_ep_crash(struct uet_sim_ep *ep);
int uet_sim_ep_restart(struct uet_sim_ep *ep);

#endif /* UET_SIM_EP_H */
