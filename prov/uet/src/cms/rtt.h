/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Round-trip times of a CCC: the smoothed one, from which time-outs follow (RFC 6298), and the
 * least one, which is what the path takes when nothing queues (base RTT, UEC 3.6.13.7).
 * Private to cms/.
 */
#ifndef UET_CMS_RTT_H
#define UET_CMS_RTT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

/* Granularity of the clock that RFC 6298 adds to the variance term: 100 us. */
#define UET_RTT_GRANULE (100 * UET_NSEC_PER_USEC)

struct uet_cms_cfg;

struct uet_cms_rtt {
	uint64_t srtt;		/* ns, 0 = no sample yet */
	uint64_t rttvar;	/* ns */
	uint64_t base;		/* ns: base RTT as congestion control reckons with, never 0 */
	bool measured;		/* base is configured or comes from a sample */
};

/* Start without samples: the base RTT is @cfg's, else what this network may be guessed to have. */
void uet_rtt_init(struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg);

/* @elapsed ns passed between a packet and its acknowledgement, whatever the reasons. */
void uet_rtt_elapsed(struct uet_cms_rtt *rtt, uint64_t elapsed);

/*
 * The network took @ns for the way there and back. Returns true if that changed the base RTT:
 * the first sample replaces a guess, later ones only lower it. It never falls below the time
 * that 8 full packets take on the link, with less of which windows would be too coarse to share,
 * nor below @cfg's floor.
 */
bool uet_rtt_network(struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg, uint64_t ns);

/* Forget the base RTT: the route may have changed. The next sample is the new one. */
void uet_rtt_forget_base(struct uet_cms_rtt *rtt);

/* ns by which an acknowledgement may be later than the smoothed round trip (RFC 6298, 2.3). */
static inline uint64_t uet_rtt_margin(const struct uet_cms_rtt *rtt)
{
	return uet_max_u64(UET_RTT_GRANULE, 4 * rtt->rttvar);
}

/* Retransmission time-out in ns for a packet that was already repeated @retries times. */
uint64_t uet_rtt_rto(const struct uet_cms_rtt *rtt, const struct uet_cms_cfg *cfg,
		     unsigned int retries);

#endif /* UET_CMS_RTT_H */
