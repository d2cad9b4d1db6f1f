/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Congestion control contexts: found by peer, shared by its PDCs, and remembered for a while
 * when the last of them has gone, because what was learnt about the path still holds.
 *
 * PDCs of one context take turns. Whoever finds the window shut waits in line; who comes later
 * waits behind, even if there is room for it:
 *
 *     window opens ---> first of waiting ---> sends TURN packets ---> to the end of the line
 */
#include "pds/pdc.h"

#include <errno.h>
#include <stdlib.h>

#include "pds/spray.h"

#define TURN		16u			/* packets per turn while others wait */
#define REMEMBERED	(10 * UET_NSEC_PER_SEC)	/* a path is known for so long after its use */
#define MIN_BUCKETS	16u

int uet_ccc_create(struct uet_pds *pds)
{
	struct uet_cccs *t = &pds->cccs;
	uint32_t buckets = MIN_BUCKETS;

	while (buckets < pds->cfg.max_pdc / 2)
		buckets *= 2;
	t->bucket_mask = buckets - 1;
	uet_list_init(&t->unused);
	uet_pool_init(&t->pool, sizeof(struct uet_ccc), 8, 2 * pds->cfg.max_pdc);
	uet_spray_create(pds);
	t->buckets = calloc(buckets, sizeof(t->buckets[0]));
	return t->buckets ? 0 : -ENOMEM;
}

void uet_ccc_destroy(struct uet_pds *pds)
{
	free(pds->cccs.buckets);
	uet_pool_destroy(&pds->cccs.pool);
	uet_spray_destroy(pds);
}

static struct uet_ccc **place_of(struct uet_pds *pds, const struct uet_addr *peer)
{
	struct uet_ccc **pos;

	pos = &pds->cccs.buckets[uet_addr_hash(peer, 0) & pds->cccs.bucket_mask];
	while (*pos && !uet_addr_equal(&(*pos)->peer, peer))
		pos = &(*pos)->hash_next;
	return pos;
}

/* Take the one that has been out of use longest out of the table. */
static struct uet_ccc *recycle(struct uet_pds *pds)
{
	struct uet_ccc *ccc;

	if (uet_list_empty(&pds->cccs.unused))
		return NULL;
	ccc = uet_list_entry(uet_list_first(&pds->cccs.unused), struct uet_ccc, unused);
	uet_list_del(&ccc->unused);
	*place_of(pds, &ccc->peer) = ccc->hash_next;
	uet_credit_reset(pds, ccc);
	uet_spray_detach(pds, ccc);
	return ccc;
}

/* The next burst may go. */
static void burst_over(struct uet_timer *timer, void *arg, uint64_t now)
{
	(void)now;
	uet_ccc_wake(arg, uet_container_of(timer, struct uet_ccc, burst));
}

/* Nothing is known of the path to the peer of @ccc. */
static void begin(struct uet_pds *pds, struct uet_ccc *ccc)
{
	uet_cms_init(&ccc->cms, &pds->cfg.cms);
	uet_credit_reset(pds, ccc);
	uet_spray_attach(pds, ccc);
}

static struct uet_ccc *create(struct uet_pds *pds, const struct uet_addr *peer)
{
	struct uet_ccc *ccc = uet_pool_get(&pds->cccs.pool);
	struct uet_ccc **pos;

	if (!ccc)
		ccc = recycle(pds);
	if (!ccc)
		return NULL;
	memset(ccc, 0, sizeof(*ccc));
	ccc->peer = *peer;
	uet_list_init(&ccc->waiting);
	uet_list_init(&ccc->unused);
	uet_timer_init(&ccc->burst, burst_over);
	begin(pds, ccc);
	pos = place_of(pds, peer);
	*pos = ccc;
	return ccc;
}

int uet_ccc_attach(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_ccc *ccc = *place_of(pds, &pdc->dst);

	if (!ccc)
		ccc = create(pds, &pdc->dst);
	if (!ccc)
		return -ENOMEM;
	if (ccc->users == 0 && !uet_list_empty(&ccc->unused)) {
		uet_list_del(&ccc->unused);
		if (pds->now - ccc->unused_since > REMEMBERED)
			begin(pds, ccc);
	}
	ccc->users++;
	pdc->ccc = ccc;
	return 0;
}

void uet_ccc_detach(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_ccc *ccc = pdc->ccc;

	uet_ccc_leave_line(pds, pdc);
	uet_credit_detach(pds, pdc);
	assert(ccc->users > 0);
	if (--ccc->users)
		return;
	assert(ccc->cms.inflight == 0);
	ccc->unused_since = pds->now;
	ccc->probe_at = 0;
	uet_timer_del(&pds->timers, &ccc->burst);
	uet_list_add_tail(&pds->cccs.unused, &ccc->unused);
}

/* ---- turns ---- */

static struct uet_pdc *first_waiting(const struct uet_ccc *ccc)
{
	return uet_list_entry(uet_list_first(&ccc->waiting), struct uet_pdc, waiting);
}

bool uet_ccc_my_turn(struct uet_pds *pds, const struct uet_pdc *pdc, uint32_t sent)
{
	struct uet_ccc *ccc = pdc->ccc;
	uint64_t later = uet_cms_burst_over(&ccc->cms, pds->now);

	if (uet_cms_is_closed(&ccc->cms))
		return false;
	if (later) {
		uet_timer_set(&pds->timers, &ccc->burst, later);
		return false;
	}
	if (uet_likely(uet_list_empty(&ccc->waiting)))
		return true;
	if (first_waiting(ccc) != pdc)
		return false;
	return sent < TURN || ccc->waiting.next == ccc->waiting.prev;
}

void uet_ccc_stand_in_line(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t sent)
{
	struct uet_ccc *ccc = pdc->ccc;

	uet_cms_on_full(&ccc->cms);
	/* Its turn is over only if it sent something. */
	if (!uet_list_empty(&pdc->waiting) && (first_waiting(ccc) != pdc || !sent))
		return;
	uet_list_del(&pdc->waiting);
	uet_list_add_tail(&ccc->waiting, &pdc->waiting);
	if (first_waiting(ccc) != pdc)
		uet_pdc_ready(pds, first_waiting(ccc));
}

void uet_ccc_leave_line(struct uet_pds *pds, struct uet_pdc *pdc)
{
	bool first;

	if (uet_likely(uet_list_empty(&pdc->waiting)))
		return;
	first = first_waiting(pdc->ccc) == pdc;
	uet_list_del(&pdc->waiting);
	if (first)
		uet_ccc_wake(pds, pdc->ccc);
}

void uet_ccc_lost(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes)
{
	uet_cms_on_loss(&pdc->ccc->cms, bytes, pds->now);
	uet_ccc_wake(pds, pdc->ccc);
}

void uet_ccc_forget(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t bytes)
{
	uet_cms_forget(&pdc->ccc->cms, bytes);
	uet_ccc_wake(pds, pdc->ccc);
}

void uet_ccc_refused(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t code, uint32_t bytes,
		     uint64_t rtt)
{
	struct uet_cms_nack nack = { .code = code, .bytes = bytes, .rtt = rtt };

	uet_cms_on_nack(&pdc->ccc->cms, &nack, pds->now);
	uet_ccc_wake(pds, pdc->ccc);
}

void uet_ccc_wake(struct uet_pds *pds, struct uet_ccc *ccc)
{
	if (uet_unlikely(!uet_list_empty(&ccc->waiting)))
		uet_pdc_ready(pds, first_waiting(ccc));
}
