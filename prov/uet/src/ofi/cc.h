/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What congestion control of an endpoint depends on: FI_UET_CC and the link. */
#ifndef UET_OFI_CC_H
#define UET_OFI_CC_H

#include <stdint.h>

#include "cms/cms.h"
#include "nic/discover.h"

/* The enum uet_cms_algorithm of an endpoint on @port (NULL: not known). */
uint8_t uet_cc_algorithm(const struct uet_port *port);

/*
 * Complete @cms, which has the settings of the environment, for an endpoint on @port (NULL: not
 * known) that sends packets of up to @payload bytes.
 */
void uet_cc_configure(struct uet_cms_cfg *cms, const struct uet_port *port, uint32_t payload);

#endif /* UET_OFI_CC_H */
