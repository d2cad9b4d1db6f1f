/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Congestion control contexts (CCC, UEC 3.6.12): what the PDCs of one peer share. Private to
 * pds/.
 */
#ifndef UET_PDS_CCC_H
#define UET_PDS_CCC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/timer.h"
#include "cms/cms.h"
#include "pds/credit.h"
#include "pds/pds.h"

struct uet_spray;

/*
 * A congestion control context (UEC 3.6.12): what all PDCs to and from one peer FEP share. There
 * is one traffic class, that of the endpoint.
 */
struct uet_ccc {
	struct uet_addr peer;	/* where its PDCs' packets go */
	uint32_t users;		/* PDCs */
	struct uet_cms_ccc cms;
	struct uet_list waiting; /* PDCs that the window holds up, in the order of their turns */
	struct uet_ccc_credit credit;
	struct uet_timer burst;	/* lets those that wait go on */
	uint64_t probe_at;	/* ns: when a PROBE for the base RTT left; 0: none is out */
	uint16_t probe_id;	/* its opaque value */
	struct uet_list unused;	/* in cccs.unused while it has no users */
	uint64_t unused_since;	/* ns */
	struct uet_ccc *hash_next;
	struct uet_spray *spray; /* its paths; NULL: one */
	uint32_t rtt[UET_HIST_BUCKETS]; /* us: samples by uet_hist_bucket */
};

struct uet_cccs {
	struct uet_ccc **buckets;
	uint32_t bucket_mask;
	struct uet_pool pool, sprays;
	struct uet_list unused;	/* longest out of use first */
};

/* Allocate the table of CCCs. Returns 0 or -ENOMEM (then uet_ccc_destroy). */
int uet_ccc_create(struct uet_pds *pds);

/* Free all CCCs. */
void uet_ccc_destroy(struct uet_pds *pds);

/* Give @pdc the CCC of pdc->dst, new or known from before. Returns 0 or -ENOMEM. */
int uet_ccc_attach(struct uet_pds *pds, struct uet_pdc *pdc);

/* @pdc, which has nothing in flight any more, is about to vanish. */
void uet_ccc_detach(struct uet_pds *pds, struct uet_pdc *pdc);

/* May @pdc, which has sent @sent packets in a row, use the window now? If not, see below. */
bool uet_ccc_my_turn(struct uet_pds *pds, const struct uet_pdc *pdc, uint32_t sent);

/* True only if uet_ccc_my_turn is, at @now, for whoever asks: nobody waits for @ccc. */
static inline bool uet_ccc_is_free(const struct uet_ccc *ccc, uint64_t now)
{
	return uet_list_empty(&ccc->waiting) && !ccc->cms.closed && ccc->cms.pace.full <= now;
}

/* The window, or others' turns, hold @pdc up after @sent packets: it is pumped again in turn. */
void uet_ccc_stand_in_line(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t sent);

/* @pdc does not wait for the window (any more). */
void uet_ccc_leave_line(struct uet_pds *pds, struct uet_pdc *pdc);

/* The window of @ccc may have opened: let the first that waits for it be pumped. */
void uet_ccc_wake(struct uet_pds *pds, struct uet_ccc *ccc);

/* uet_cms_on_loss and uet_cms_forget for packets of @pdc, and what follows for those who wait. */
void uet_ccc_lost(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes);
void uet_ccc_forget(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes);

/* The same for uet_cms_on_nack; @rtt = time since the packet was sent, 0: not certain. */
void uet_ccc_refused(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t code, uint32_t bytes,
		     uint64_t rtt);

#endif /* UET_PDS_CCC_H */
