/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Receiver credit between FEPs (RCCC, UEC 3.6.14): demands and grants on their way from and to
 * the state machines of cms/. Private to pds/.
 *
 *   source                                         destination
 *   rccc  -- request with ccc_id, credit_target -->  flow of {peer, ccc_id}
 *         -- CREDIT_REQ: the same, when no      -->    |
 *            request may leave                       pacer: so much per tick
 *         <-- CREDIT: total granted ------------       |
 */
#ifndef UET_PDS_CREDIT_H
#define UET_PDS_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "cms/pacer.h"
#include "pds/pds.h"
#include "wire/pds.h"

struct uet_ccc;
struct uet_pkt;

/* A CCC of a peer that asks us for credit. */
struct uet_flow {
	struct uet_pacer_flow pace;
	struct uet_flow *next;	/* of the same peer */
	struct uet_pdc *pdc;	/* by which it last asked; NULL: that PDC has gone */
	uint8_t ccc_id;
};

/* Of a CCC. */
struct uet_ccc_credit {
	struct uet_flow *flows;	/* those of the peer's CCCs that ask for credit */
	uint8_t id;		/* ccc_id: tells a new life of the context from an old one */
	bool asking;		/* counted in uet_credit.asking */
};

/* Receiver credit of this FEP, where cfg.cms.algorithm has UET_CMS_RCCC. */
struct uet_credit {
	struct uet_pacer pacer;	/* as destination */
	struct uet_pool flows;
	uint32_t asking;	/* as source: CCCs with data that waits */
	uint8_t next_id;	/* ccc_id of the next CCC */
};

/* True when receiver credit is on at a FEP with @cfg. */
static inline bool uet_credit_on(const struct uet_pds_cfg *cfg)
{
	return cfg->cms.algorithm & UET_CMS_RCCC;
}

/* Bytes of the PDS header of our requests. */
static inline uint32_t uet_credit_req_len(const struct uet_pds_cfg *cfg)
{
	return uet_credit_on(cfg) ? UET_PDS_CC_REQ_LEN : UET_PDS_REQ_LEN;
}

/* Prepare, and free, what belongs to the FEP. */
void uet_credit_create(struct uet_pds *pds);
void uet_credit_destroy(struct uet_pds *pds);

/* @ccc begins a new life, as source and as destination. */
void uet_credit_reset(struct uet_pds *pds, struct uet_ccc *ccc);

/* The peer has lost its memory of @ccc: begin a new life as source. */
void uet_credit_renew(struct uet_pds *pds, struct uet_ccc *ccc);

/* @pdc is about to vanish. */
void uet_credit_detach(struct uet_pds *pds, struct uet_pdc *pdc);

/* Make @h, a request of @pdc that is charged @bytes and leaves now, one that asks for credit. */
void uet_credit_stamp(struct uet_pds *pds, struct uet_pdc *pdc, struct uet_pds_hdr *h,
		      uint32_t bytes);

/* Packets of @pdc may wait for credit: ask for it, and look again in time. */
void uet_credit_wait(struct uet_pds *pds, struct uet_pdc *pdc);

/* The same from the timer of @pdc. Returns when to look again, UET_TIME_NEVER: no need. */
uint64_t uet_credit_timer(struct uet_pds *pds, struct uet_pdc *pdc);

/* The peer has granted @total altogether to the CCC of @pdc. */
void uet_credit_take(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t total);

/* A request of the peer arrived on @pdc, whatever becomes of it. */
void uet_credit_rx_request(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   const struct uet_pkt *pkt);

/*
 * As uet_credit_rx_request for a trimmed one, of which only the header is there: credit for its
 * repetition. @lasthop: trimmed at the queue to this host.
 */
void uet_credit_rx_trimmed(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   bool lasthop);

/* CREDIT or CREDIT_REQ @h arrived on @pdc. */
void uet_credit_rx_ctl(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h);

/* Hand out credit if it is time, and tell the sources. */
void uet_credit_run(struct uet_pds *pds);

/* When uet_credit_run has something to do, ns; UET_TIME_NEVER: nothing. */
uint64_t uet_credit_next(const struct uet_pds *pds);

#endif /* UET_PDS_CREDIT_H */
