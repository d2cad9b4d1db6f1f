/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FEPs of a domain that run: what concerns all of them because peers reach a region of the
 * domain through any of them.
 */
#include "ofi/fep.h"

static struct uet_fep *fep_of(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_fep, link);
}

static struct uet_cntr *cntr_of(struct uet_list *pos)
{
	return uet_list_entry(pos, struct uet_region_cntr, link)->cntr;
}

/* Take @fep out of the counters on the list before @end. */
static void leave_cntrs(struct uet_fep *fep, struct uet_list *end)
{
	struct uet_list *pos;

	for (pos = fep->domain->region_cntrs.next; pos != end; pos = pos->next)
		uet_cntr_del_fep(cntr_of(pos), fep);
}

static int join_cntrs(struct uet_fep *fep)
{
	struct uet_list *pos;
	int ret;

	uet_list_for_each(pos, &fep->domain->region_cntrs) {
		ret = uet_cntr_add_fep(cntr_of(pos), fep);
		if (ret) {
			leave_cntrs(fep, pos);
			return ret;
		}
	}
	return 0;
}

int uet_feps_join(struct uet_fep *fep)
{
	struct uet_domain *domain = fep->domain;
	int ret;

	uet_lock(&domain->feps_lock);
	ret = join_cntrs(fep);
	if (!ret)
		uet_list_add_tail(&domain->feps, &fep->link);
	uet_unlock(&domain->feps_lock);
	return ret;
}

void uet_feps_leave(struct uet_fep *fep)
{
	leave_cntrs(fep, &fep->domain->region_cntrs);
	uet_list_del(&fep->link);
}

void uet_feps_region_gone(struct uet_domain *domain, const struct uet_ses_region *region)
{
	struct uet_list *pos;

	uet_lock(&domain->feps_lock);
	uet_list_for_each(pos, &domain->feps) {
		struct uet_fep *fep = fep_of(pos);

		uet_lock(&fep->lock);
		uet_ses_region_gone(fep->ses, region);
		uet_unlock(&fep->lock);
	}
	uet_unlock(&domain->feps_lock);
}

/* Take the FEPs on the list before @end out of @cntr. */
static void drop_feps(struct uet_domain *domain, struct uet_cntr *cntr, struct uet_list *end)
{
	struct uet_list *pos;

	for (pos = domain->feps.next; pos != end; pos = pos->next)
		uet_cntr_del_fep(cntr, fep_of(pos));
}

static int take_feps(struct uet_domain *domain, struct uet_cntr *cntr)
{
	struct uet_list *pos;
	int ret;

	uet_list_for_each(pos, &domain->feps) {
		ret = uet_cntr_add_fep(cntr, fep_of(pos));
		if (ret) {
			drop_feps(domain, cntr, pos);
			return ret;
		}
	}
	return 0;
}

int uet_feps_watch(struct uet_domain *domain, struct uet_region_cntr *rc)
{
	int ret;

	uet_lock(&domain->feps_lock);
	ret = take_feps(domain, rc->cntr);
	if (!ret)
		uet_list_add_tail(&domain->region_cntrs, &rc->link);
	uet_unlock(&domain->feps_lock);
	return ret;
}

void uet_feps_unwatch(struct uet_domain *domain, struct uet_region_cntr *rc)
{
	uet_lock(&domain->feps_lock);
	uet_list_del(&rc->link);
	drop_feps(domain, rc->cntr, &domain->feps);
	uet_unlock(&domain->feps_lock);
}
