/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "ofi/cc.h"

#include "base/util.h"
#include "ofi/config.h"

/* SES standard header, and what nominal sizes add. */
#define HEADERS (UET_SES_STD_LEN + UET_CMS_EXTRA)

/* Delay that the kernel's scheduler causes now and then, on an idle network. */
#define KERNEL_JITTER (20 * UET_NSEC_PER_USEC)

void uet_cc_configure(struct uet_cms_cfg *cms, const struct uet_port *port, uint32_t payload)
{
	bool loopback = port && port->rank == UET_PORT_LOOPBACK;

	cms->algorithm = uet_config.cc;
	if (cms->algorithm == UET_CC_BY_LINK)
		cms->algorithm = loopback ? UET_CMS_NONE : UET_CMS_NSCC;
	cms->mtu = payload;
	if (cms->algorithm == UET_CMS_NONE)
		return;
	/* Peers report nominal sizes, and what they say must fit what we count. */
	cms->charge_min = 0;
	cms->mtu = payload + HEADERS + (cms->algorithm & UET_CMS_RCCC ? UET_PDS_CC_REQ_LEN :
									  UET_PDS_REQ_LEN);
	cms->target_floor = KERNEL_JITTER;
	if (!cms->link_rate && port)
		cms->link_rate = port->speed;
}
