/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/window.h"

#include "base/util.h"

static uint32_t at_least(uint32_t value, uint32_t min)
{
	return value < min ? min : value;
}

void uet_cms_window_init(struct uet_cms_window *w, uint32_t size, uint32_t min, uint32_t max)
{
	max = at_least(max, min);
	*w = (struct uet_cms_window){ .min = min, .max = max, .ssthresh = max };
	w->size = at_least(size < max ? size : max, min);
}

static void shrink(struct uet_cms_window *w, uint32_t size)
{
	w->size = at_least(size, w->min);
	w->acked_credit = 0;
}

void uet_cms_window_halve(struct uet_cms_window *w, uint64_t rtt, uint64_t now)
{
	if (now < w->recover_until)
		return;
	shrink(w, w->size / 2);
	w->ssthresh = w->size;
	w->recover_until = now + rtt;
}

void uet_cms_window_grow(struct uet_cms_window *w, uint32_t bytes)
{
	uint64_t size = w->size;

	if (w->size < w->ssthresh) {
		size += bytes;
	} else {
		uint64_t credit = (uint64_t)w->acked_credit + bytes;

		if (credit >= w->size) {
			credit -= w->size;
			size += w->min;
		}
		w->acked_credit = credit > UINT32_MAX ? UINT32_MAX : (uint32_t)credit;
	}
	w->size = (uint32_t)uet_min_u64(size, w->max);
}

void uet_cms_window_collapse(struct uet_cms_window *w, uint64_t rtt, uint64_t rto, uint64_t now)
{
	if (now < w->timeout_until || w->size <= w->min)
		return;
	w->undo_size = w->size;
	w->undo_ssthresh = w->ssthresh;
	if (now >= w->recover_until)
		w->ssthresh = at_least(w->size / 2, w->min);
	shrink(w, w->min);
	w->recover_until = now + rtt;
	w->timeout_until = now + rto;
}

void uet_cms_window_undo(struct uet_cms_window *w)
{
	if (!w->undo_size)
		return;
	w->size = at_least(w->size, w->undo_size);
	w->ssthresh = w->undo_ssthresh;
	w->undo_size = 0;
	w->timeout_until = 0;
}
