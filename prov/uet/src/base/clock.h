/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The only place below ofi/ that reads a clock. The core gets the time as an argument.
 */
#ifndef UET_BASE_CLOCK_H
#define UET_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time in nanoseconds (clock_gettime(2), CLOCK_MONOTONIC). */
uint64_t uet_clock_ns(void);

/* Time of day in nanoseconds, which may be set at any moment (CLOCK_REALTIME). */
uint64_t uet_clock_wall_ns(void);

#endif /* UET_BASE_CLOCK_H */
