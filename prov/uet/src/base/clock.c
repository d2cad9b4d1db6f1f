/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/clock.h"

#include <time.h>

#include "base/util.h"

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * UET_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t uet_clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t uet_clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}
