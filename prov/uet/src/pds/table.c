/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/pdc.h"

#include <errno.h>
#include <stdlib.h>

#define ROLE_INITIATOR	0x10000u	/* in a hash key; target keys are plain PDCIDs */
#define MIN_SLOTS	1024u
#define ID_COUNT	65536u

static uint32_t pow2_at_least(uint32_t n, uint32_t min, uint32_t max)
{
	uint32_t size = min;

	while (size < n && size < max)
		size *= 2;
	return size;
}

int uet_table_create(struct uet_pds *pds)
{
	struct uet_table *t = &pds->table;
	uint32_t slots = pow2_at_least(2 * pds->cfg.max_pdc, MIN_SLOTS, ID_COUNT);
	uint32_t buckets = pow2_at_least(pds->cfg.max_pdc / 2, 16, ID_COUNT);

	t->slot_mask = slots - 1;
	t->bucket_mask = buckets - 1;
	t->next_id = (uint16_t)uet_rand_u32(&pds->rand);
	t->slots = calloc(slots, sizeof(t->slots[0]));
	t->buckets = calloc(buckets, sizeof(t->buckets[0]));
	t->linger_buckets = calloc(buckets, sizeof(t->linger_buckets[0]));
	uet_pool_init(&pds->pdcs, sizeof(struct uet_pdc), 8, pds->cfg.max_pdc);
	/* As many as slots can name. A small table may have more PDCs than it holds come and go. */
	uet_pool_init(&pds->lingers_pool, sizeof(struct uet_linger), 32, slots);
	return t->slots && t->buckets && t->linger_buckets ? 0 : -ENOMEM;
}

void uet_table_destroy(struct uet_pds *pds)
{
	struct uet_table *t = &pds->table;

	free(t->slots);
	free(t->buckets);
	free(t->linger_buckets);
	uet_pool_destroy(&pds->pdcs);
	uet_pool_destroy(&pds->lingers_pool);
}

static struct uet_slot *slot_of(const struct uet_pds *pds, uint16_t id)
{
	return &pds->table.slots[id & pds->table.slot_mask];
}

static uint32_t bucket_of(const struct uet_pds *pds, const struct uet_addr *addr, uint32_t key)
{
	return uet_addr_hash(addr, key) & pds->table.bucket_mask;
}

/* An identifier whose slot is free and that no late packet can still mean; 0 if none. */
static uint16_t pick_id(struct uet_pds *pds)
{
	struct uet_table *t = &pds->table;
	uint32_t tries;

	for (tries = 0; tries < ID_COUNT; tries++) {
		uint16_t id = t->next_id++;
		struct uet_slot *s = slot_of(pds, id);

		if (id == 0 || s->pdc)
			continue;
		if (s->linger && s->linger->id == id && pds->now < s->linger->until)
			continue;
		return id;
	}
	return 0;
}

struct uet_pdc *uet_table_alloc(struct uet_pds *pds)
{
	struct uet_pdc *pdc;
	uint16_t id;

	/* One for it, one for its CCC, one for RUDI. */
	if (uet_timers_reserve(&pds->timers, 2 * (pds->pdcs.used + 1) + 1))
		return NULL;
	pdc = uet_pool_get(&pds->pdcs);
	if (!pdc)
		return NULL;
	id = pick_id(pds);
	if (!id) {
		uet_pool_put(&pds->pdcs, pdc);
		return NULL;
	}
	memset(pdc, 0, sizeof(*pdc));
	pdc->id = id;
	uet_list_init(&pdc->queue);
	uet_list_init(&pdc->sent);
	uet_list_init(&pdc->stored);
	uet_list_init(&pdc->storing);
	uet_list_init(&pdc->ahead);
	uet_list_init(&pdc->ready);
	uet_list_init(&pdc->pending);
	uet_list_init(&pdc->idle);
	uet_list_init(&pdc->waiting);
	uet_list_add_tail(&pds->all, &pdc->all);
	uet_timer_init(&pdc->timer, uet_pdc_timer);
	slot_of(pds, id)->pdc = pdc;
	return pdc;
}

/* Targets: a repeated SYN may come from another port of the same peer. */
static uint32_t target_bucket(const struct uet_pds *pds, const struct uet_addr *src,
			      uint16_t spdcid)
{
	struct uet_addr host = *src;

	host.port = 0;
	return bucket_of(pds, &host, spdcid);
}

static uint32_t pdc_bucket(const struct uet_pds *pds, const struct uet_pdc *pdc)
{
	if (pdc->initiator)
		return bucket_of(pds, &pdc->dst, ROLE_INITIATOR | pdc->mode);
	return target_bucket(pds, &pdc->peer, pdc->peer_id);
}

void uet_table_insert(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pdc **head = &pds->table.buckets[pdc_bucket(pds, pdc)];

	/* At the end, so that the PDCs of one peer are found in the order of their opening. */
	while (*head)
		head = &(*head)->hash_next;
	*head = pdc;
}

void uet_table_free(struct uet_pds *pds, struct uet_pdc *pdc)
{
	struct uet_pdc **p = &pds->table.buckets[pdc_bucket(pds, pdc)];
	struct uet_slot *s = slot_of(pds, pdc->id);

	while (*p && *p != pdc)
		p = &(*p)->hash_next;
	if (*p)
		*p = pdc->hash_next;
	if (pds->table.latest == pdc)
		pds->table.latest = NULL;
	s->pdc = NULL;
	s->last_psn = pdc->tx_next;
	if (pdc->nacks)
		uet_pool_put(&pds->nacks, pdc->nacks);
	uet_list_del(&pdc->all);
	uet_timer_del(&pds->timers, &pdc->timer);
	uet_pool_put(&pds->pdcs, pdc);
}

struct uet_pdc *uet_table_next_dst(const struct uet_pds *pds, const struct uet_addr *dst,
				   uint8_t mode, const struct uet_pdc *after)
{
	struct uet_pdc *pdc = after ? after->hash_next :
		pds->table.buckets[bucket_of(pds, dst, ROLE_INITIATOR | mode)];

	for (; pdc; pdc = pdc->hash_next)
		if (pdc->initiator && pdc->mode == mode && uet_addr_equal(&pdc->dst, dst))
			return pdc;
	return NULL;
}

struct uet_pdc *uet_table_by_dst(const struct uet_pds *pds, const struct uet_addr *dst,
				 uint8_t mode)
{
	struct uet_pdc *pdc = NULL;

	do
		pdc = uet_table_next_dst(pds, dst, mode, pdc);
	while (pdc && pdc->state != UET_PDC_OPEN);
	return pdc;
}

struct uet_pdc *uet_table_by_peer(const struct uet_pds *pds, const struct uet_addr *src,
				  uint16_t spdcid, uint32_t start_psn)
{
	struct uet_pdc *pdc = pds->table.buckets[target_bucket(pds, src, spdcid)], *other = NULL;

	for (; pdc; pdc = pdc->hash_next) {
		if (pdc->initiator || pdc->peer_id != spdcid ||
		    !uet_addr_same_host(&pdc->peer, src))
			continue;
		if (pdc->start_psn == start_psn)
			return pdc;
		/* Of several FEPs on one host each has its port. */
		if (!other && (pds->cfg.strict_port || pdc->peer.port == src->port))
			other = pdc;
	}
	return other;
}

static void linger_free(struct uet_pds *pds, struct uet_linger *l)
{
	struct uet_linger **p =
		&pds->table.linger_buckets[target_bucket(pds, &l->peer, l->peer_id)];
	struct uet_slot *s = slot_of(pds, l->id);

	while (*p != l)
		p = &(*p)->hash_next;
	*p = l->hash_next;
	if (s->linger == l)
		s->linger = NULL;
	uet_list_del(&l->link);
	uet_pool_put(&pds->lingers_pool, l);
}

static struct uet_linger *oldest_linger(const struct uet_pds *pds)
{
	return uet_list_entry(uet_list_first(&pds->lingers), struct uet_linger, link);
}

void uet_linger_add(struct uet_pds *pds, const struct uet_pdc *pdc, bool closed,
		    uint32_t close_psn)
{
	struct uet_linger *l, **head;

	while (!uet_list_empty(&pds->lingers) && oldest_linger(pds)->until <= pds->now)
		linger_free(pds, oldest_linger(pds));
	l = uet_pool_get(&pds->lingers_pool);
	if (!l && !uet_list_empty(&pds->lingers)) {
		linger_free(pds, oldest_linger(pds));
		l = uet_pool_get(&pds->lingers_pool);
	}
	if (!l)
		return;

	*l = (struct uet_linger){
		.peer = pdc->peer,
		.until = pds->now + pds->cfg.linger,
		.start_psn = pdc->start_psn,
		.close_psn = close_psn,
		.id = pdc->id,
		/* Identifiers of initiator PDCs rest as well, but no SYN can mean them. */
		.peer_id = pdc->initiator ? 0 : pdc->peer_id,
		.closed = closed,
	};
	uet_list_add_tail(&pds->lingers, &l->link);
	head = &pds->table.linger_buckets[target_bucket(pds, &l->peer, l->peer_id)];
	l->hash_next = *head;
	*head = l;
	slot_of(pds, l->id)->linger = l;
}

const struct uet_linger *uet_linger_by_id(const struct uet_pds *pds, uint16_t id)
{
	const struct uet_linger *l = slot_of(pds, id)->linger;

	return l && l->id == id && pds->now < l->until ? l : NULL;
}

bool uet_linger_match(const struct uet_pds *pds, const struct uet_addr *src, uint16_t spdcid,
		      uint32_t start_psn)
{
	const struct uet_linger *l;

	if (uet_list_empty(&pds->lingers))
		return false;
	l = pds->table.linger_buckets[target_bucket(pds, src, spdcid)];
	for (; l; l = l->hash_next)
		if (l->peer_id == spdcid && l->start_psn == start_psn &&
		    uet_addr_same_host(&l->peer, src) && pds->now < l->until)
			return true;
	return false;
}
