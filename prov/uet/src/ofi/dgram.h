/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_EP_DGRAM in fi_getinfo: what datagram endpoints lack of what the offer (attr.h) has for
 * reliable ones.
 */
#ifndef UET_OFI_DGRAM_H
#define UET_OFI_DGRAM_H

#include "ofi/attr.h"

/*
 * True if @hints (NULL: anything goes), good for reliable endpoints, can be met by datagram
 * endpoints on @port (NULL: whichever); else a log line tells why not.
 */
bool uet_dgram_fits(const struct fi_info *hints, const struct uet_port *port);

/* Make of @info, an answer for reliable endpoints on @port, one for datagram endpoints. */
void uet_dgram_narrow(struct fi_info *info, const struct uet_port *port);

#endif /* UET_OFI_DGRAM_H */
