/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/clock.h"

#include <time.h>

#include "base/util.h"

uint64_t uet_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UET_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
