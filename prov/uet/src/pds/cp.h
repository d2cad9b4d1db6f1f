/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Control packets: those that arrive, and those that take no PSN. */
#ifndef UET_PDS_CP_H
#define UET_PDS_CP_H

#include "pds/pdc.h"

/* A control packet arrived. */
void uet_cp_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt);

/* Send a control packet that takes no PSN. False when there is no room. */
bool uet_cp_send(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t ctl, uint32_t psn,
		 uint32_t payload);

/* Send the CLEAR_CMD (and PROBE) of @pdc if no request took it along. False: no room. */
bool uet_cp_clear(struct uet_pds *pds, struct uet_pdc *pdc);

/* Stored answers have run out: ask a few sources to clear. */
void uet_cp_beg_clear(struct uet_pds *pds);

#endif /* UET_PDS_CP_H */
