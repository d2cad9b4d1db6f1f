/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/cc.h"

#include "base/util.h"
#include "ofi/config.h"

/* SES standard header, and what nominal sizes add. */
#define HEADERS (UET_SES_STD_LEN + UET_CMS_EXTRA)

/*
 * Kernels and schedulers make round trips vary by more than a fast network takes for them. A
 * base RTT below this would make windows too small for a host that is not always at once there.
 */
#define HOST_RTT (100 * UET_NSEC_PER_USEC)

/* Where the user names a base RTT: what the scheduler adds to it now and then. */
#define HOST_JITTER (20 * UET_NSEC_PER_USEC)

uint8_t uet_cc_algorithm(const struct uet_port *port)
{
	if (uet_config.cc != UET_CC_BY_LINK)
		return uet_config.cc;
	return port && port->rank == UET_PORT_LOOPBACK ? UET_CMS_NONE : UET_CMS_NSCC;
}

/* A host talks to itself as fast as it copies; what is in the way is its scheduler. */
#define LOOPBACK_RATE 100000000000ull

static uint64_t rate_of(const struct uet_port *port)
{
	if (port->speed || port->rank != UET_PORT_LOOPBACK)
		return port->speed;
	return LOOPBACK_RATE;
}

void uet_cc_configure(struct uet_cms_cfg *cms, const struct uet_port *port, uint32_t payload)
{
	cms->algorithm = uet_cc_algorithm(port);
	cms->mtu = payload;
	if (cms->algorithm == UET_CMS_NONE)
		return;
	/* Peers report nominal sizes, and what they say must fit what we count. */
	cms->charge_min = 0;
	cms->mtu = payload + HEADERS + (cms->algorithm & UET_CMS_RCCC ? UET_PDS_CC_REQ_LEN :
									  UET_PDS_REQ_LEN);
	cms->target_floor = HOST_JITTER;
	cms->base_floor = cms->base_rtt ? 0 : HOST_RTT;
	if (!cms->link_rate && port)
		cms->link_rate = rate_of(port);
}
