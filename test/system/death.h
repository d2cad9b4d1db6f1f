/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests about dying processes share.
 */
#ifndef UET_TEST_DEATH_H
#define UET_TEST_DEATH_H

#include "sys.h"

/* Make uet take peers for dead early; before libfabric is used. */
void death_timeouts(void);

/* The operation ended with an error that tells of a dead peer. */
void death_expect(const struct sys_op *op);

/* A tagged message there and back between two processes, of which one is @first. */
void death_chat(struct sys_ep *e, fi_addr_t peer, bool first, uint64_t tag);

#endif /* UET_TEST_DEATH_H */
