/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Intrusive doubly linked list with a head node.
 *
 *   head <-> entry <-> entry <-> head
 *
 * An entry that is on no list points to itself, so removing it twice is harmless
 * and uet_list_empty(&entry) tells whether it is linked.
 */
#ifndef UET_BASE_LIST_H
#define UET_BASE_LIST_H

#include "base/util.h"

struct uet_list {
	struct uet_list *next;
	struct uet_list *prev;
};

/* Make @l an empty head, or an entry that is on no list. */
static inline void uet_list_init(struct uet_list *l)
{
	l->next = l;
	l->prev = l;
}

/* True if head @l has no entries, or entry @l is on no list. */
static inline bool uet_list_empty(const struct uet_list *l)
{
	return l->next == l;
}

/* Insert @e right after @pos (a head or an entry); @e must not be on a list. */
static inline void uet_list_add_after(struct uet_list *pos, struct uet_list *e)
{
	e->next = pos->next;
	e->prev = pos;
	pos->next->prev = e;
	pos->next = e;
}

/* Append @e at the end of the list with head @head; @e must not be on a list. */
static inline void uet_list_add_tail(struct uet_list *head, struct uet_list *e)
{
	uet_list_add_after(head->prev, e);
}

/* Take @e off its list; no effect if it is on none. */
static inline void uet_list_del(struct uet_list *e)
{
	e->next->prev = e->prev;
	e->prev->next = e->next;
	uet_list_init(e);
}

/* First entry of a list that is not empty. */
static inline struct uet_list *uet_list_first(const struct uet_list *head)
{
	return head->next;
}

#define uet_list_entry(ptr, type, member) uet_container_of(ptr, type, member)

#define uet_list_for_each(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

/* As above; the body may remove @pos (but not @tmp). */
#define uet_list_for_each_safe(pos, tmp, head) \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head); \
	     (pos) = (tmp), (tmp) = (pos)->next)

#endif /* UET_BASE_LIST_H */
