/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packet spraying: which path each packet of a PDC takes, what its fate says about the path, and
 * what is lost when packets go by several.
 */
#ifndef UET_PDS_SPRAY_H
#define UET_PDS_SPRAY_H

#include "cms/path.h"
#include "pds/pdc.h"

/* The paths of a CCC, and the run of packets that shares one, as the NIC likes it. */
struct uet_spray {
	struct uet_cms_paths paths;
	uint32_t left;		/* bytes that the run may still have */
	uint16_t batch;		/* that the run is in */
	uint8_t path;
};

/* What the NIC offers: prepare for it. */
void uet_spray_create(struct uet_pds *pds);

/* Free everything. */
void uet_spray_destroy(struct uet_pds *pds);

/* Give @ccc, which is new or whose network is unknown again, its paths if the NIC has several. */
void uet_spray_attach(struct uet_pds *pds, struct uet_ccc *ccc);

/* Take them back. */
void uet_spray_detach(struct uet_pds *pds, struct uet_ccc *ccc);

/* Give @pdc lanes if it sprays. Returns 0 or -ENOMEM. */
int uet_spray_lanes(struct uet_pds *pds, struct uet_pdc *pdc);

/* Take them back. */
void uet_spray_unlane(struct uet_pds *pds, struct uet_pdc *pdc);

/* uet_spray_new where there are several paths. */
uint8_t uet_spray_choose(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes);

/*
 * The path of a request of @pdc with @bytes, to be sent for the first time. Where the target's
 * PDCID is not known yet: the FEP's own port, until a time-out (design decision D12).
 */
static inline uint8_t uet_spray_new(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes)
{
	return uet_likely(!pdc->ccc->spray) ? 0 : uet_spray_choose(pds, pdc, bytes);
}

/* The path of a request to be repeated that took path @old before. */
uint8_t uet_spray_again(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t old);

/*
 * The control packet of @pdc that was just added to the batch goes by another path than usual: one
 * like it may have been lost.
 */
void uet_spray_control(struct uet_pds *pds, struct uet_pdc *pdc);

/* uet_spray_tell where there are several paths. */
void uet_spray_told(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_txd *d,
		    enum uet_cms_path_event event);

/* @event befell the last transmission of @d. */
static inline void uet_spray_tell(struct uet_pds *pds, struct uet_pdc *pdc,
				  const struct uet_txd *d, enum uet_cms_path_event event)
{
	if (uet_unlikely(pdc->ccc->spray != NULL))
		uet_spray_told(pds, pdc, d, event);
}

/*
 * The time-outs of @pdc were too early: may it go on behind the packets that they gave up? Not if
 * it has one path at a time and others are on the new one, which it would overtake on the old.
 */
bool uet_spray_may_return(const struct uet_pdc *pdc);

/*
 * The time-outs of @pdc were too early, no path is to blame: if it has one path at a time, it goes
 * on where @d is on its way still (NULL: nothing is), behind it.
 */
void uet_spray_forgive(struct uet_pdc *pdc, const struct uet_txd *d);

/*
 * A time-out of @pdc: if it has one path at a time, as before its target is known, it changes.
 * Returns whether it did.
 */
bool uet_spray_timeout(struct uet_pds *pds, struct uet_pdc *pdc);

/*
 * With lanes: when @d, in flight, is late because packets that were sent later by other ways have
 * arrived, ns. UET_TIME_NEVER: none has.
 */
uint64_t uet_spray_late(const struct uet_pdc *pdc, const struct uet_txd *d);

/*
 * With lanes: an ACK says that the target holds @ooo packets out of order. More than reordering
 * explains are a loss (UEC 3.5, SACK-based, optional): returns how many PSNs from the CACK on are
 * to be repeated if they did not arrive, else 0.
 */
uint32_t uet_spray_recover(struct uet_pdc *pdc, uint32_t ooo);

#endif /* UET_PDS_SPRAY_H */
