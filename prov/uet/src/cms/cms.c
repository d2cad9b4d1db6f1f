/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cms/cms.h"

#include "base/util.h"
#include "wire/pds.h"

#define PACE_GAIN	1.25	/* the even rate is above the window's, so that it never limits */
#define PACE_PACKETS	2	/* full packets that a burst has at least ... */
#define PACE_PART	4.0	/* ... else this part of the window */
#define ACK_PACKETS	2u	/* full packets per ACK of a full window */
#define ACKS_PER_WINDOW	4u	/* that come at least while a small window is sent */
#define REOPEN_PART	8.0	/* of the window: free before it is used again ... */
#define REOPEN_MAX	65536u	/* ... but not more than one call of the kernel takes */
#define PROBES		8u	/* that find out a base RTT */
#define ROUTE_MEMORY	(10 * UET_NSEC_PER_SEC)	/* a base RTT holds for so long without use */

static bool has_nscc(const struct uet_cms_ccc *ccc)
{
	return ccc->cfg->algorithm & UET_CMS_NSCC;
}

static bool has_rccc(const struct uet_cms_ccc *ccc)
{
	return ccc->cfg->algorithm & UET_CMS_RCCC;
}

void uet_cms_init(struct uet_cms_ccc *ccc, const struct uet_cms_cfg *cfg)
{
	*ccc = (struct uet_cms_ccc){ .cfg = cfg, .probes = cfg->base_rtt ? PROBES : 0 };
	uet_rtt_init(&ccc->rtt, cfg);
	uet_rccc_init(&ccc->rccc, uet_cms_credit_max(cfg, ccc->rtt.base), cfg->mtu);
	uet_cms_window_init(&ccc->window, cfg->window_init, cfg->mtu, cfg->window_max);
	uet_nscc_init(&ccc->nscc, cfg, ccc->rtt.base);
}

/* How long signs of one congestion event may keep coming. */
static uint64_t event_time(const struct uet_cms_ccc *ccc)
{
	return ccc->rtt.srtt ? ccc->rtt.srtt : ccc->cfg->rto_min;
}

uint32_t uet_cms_cwnd(const struct uet_cms_ccc *ccc)
{
	return has_nscc(ccc) ? (uint32_t)ccc->nscc.cwnd : ccc->window.size;
}

/* The network took @ns there and back. */
static void take_rtt(struct uet_cms_ccc *ccc, uint64_t ns)
{
	bool first = !ccc->rtt.measured;

	if (!uet_rtt_network(&ccc->rtt, ccc->cfg, ns))
		return;
	uet_rccc_set_max(&ccc->rccc, uet_cms_credit_max(ccc->cfg, ccc->rtt.base));
	if (has_nscc(ccc))
		uet_nscc_set_base(&ccc->nscc, ccc->cfg, ccc->rtt.base, first);
}

/* ---- questions ---- */

bool uet_cms_window_has(const struct uet_cms_ccc *ccc, uint32_t bytes)
{
	return ccc->inflight == 0 || ccc->inflight + bytes <= uet_cms_cwnd(ccc);
}

bool uet_cms_allows(const struct uet_cms_ccc *ccc, uint32_t bytes)
{
	if (has_rccc(ccc) && !uet_rccc_can_send(&ccc->rccc))
		return false;
	/* Credit alone limits what is under way, unless the peer gives none. */
	if (ccc->cfg->algorithm == UET_CMS_RCCC && !ccc->rccc.mute)
		return true;
	return uet_cms_window_has(ccc, bytes);
}

bool uet_cms_wants_ack(const struct uet_cms_ccc *ccc, uint32_t bytes, uint32_t unasked,
		       uint32_t trigger)
{
	uint32_t next = bytes;

	if (has_nscc(ccc)) {
		uint64_t part = ccc->nscc.cwnd / ACKS_PER_WINDOW;

		if (ccc->nscc.cwnd < trigger || (part < trigger && unasked + bytes >= part))
			return true;
		next = ccc->cfg->mtu;
	}
	if (has_rccc(ccc) && ccc->rccc.credit <= (int64_t)bytes)
		return true;
	/* The packet that goes when nothing is in flight may be larger than the window. */
	if (ccc->inflight == 0 && bytes + next > uet_cms_cwnd(ccc))
		return true;
	return !uet_cms_can_send(ccc, bytes + next);
}

uint32_t uet_cms_ack_spacing(const struct uet_cms_ccc *ccc, uint32_t trigger)
{
	if (has_nscc(ccc) ? ccc->nscc.cwnd < trigger : !has_rccc(ccc))
		return 0;
	return ACK_PACKETS * ccc->cfg->mtu;
}

uint64_t uet_cms_first_base(const struct uet_cms_cfg *cfg)
{
	struct uet_cms_rtt rtt;

	uet_rtt_init(&rtt, cfg);
	return rtt.base;
}

uint64_t uet_cms_credit_max(const struct uet_cms_cfg *cfg, uint64_t base)
{
	uint64_t rate = uet_cms_link_bytes(cfg);
	uint64_t time = base + uet_pacer_tick(rate, cfg->mtu);

	/* What the link carries until new credit comes, and half as much again. */
	return uet_min_u64(rate / 1000 * time / (UET_NSEC_PER_SEC / 1000) * 3 / 2,
			   cfg->window_max);
}

uint64_t uet_cms_usual_rtt(const struct uet_cms_ccc *ccc)
{
	return ccc->rtt.srtt ? ccc->rtt.srtt : ccc->rtt.base;
}

uint32_t uet_cms_credit_target(struct uet_cms_ccc *ccc, uint64_t backlog, uint32_t bytes,
			       uint32_t sharers)
{
	uint64_t limit = UINT64_MAX;

	if (has_nscc(ccc))
		limit = (uint64_t)uet_cms_cwnd(ccc) + ccc->cfg->mtu;
	return uet_rccc_target(&ccc->rccc, backlog, bytes, limit, sharers);
}

/* ---- bursts ---- */

/* Part of the window that must be free before it is used again. */
static uint32_t reopening(const struct uet_cms_ccc *ccc)
{
	uint32_t part = (uint32_t)(ccc->nscc.cwnd / REOPEN_PART);

	return part < REOPEN_MAX ? part : REOPEN_MAX;
}

void uet_cms_on_full(struct uet_cms_ccc *ccc)
{
	if (has_nscc(ccc) && !uet_cms_window_has(ccc, ccc->cfg->mtu))
		ccc->closed = true;
}

bool uet_cms_is_closed(struct uet_cms_ccc *ccc)
{
	if (ccc->closed)
		ccc->closed = !uet_cms_window_has(ccc, reopening(ccc));
	return ccc->closed;
}

/* ns that @bytes take at the even rate. */
static uint64_t pace_time(const struct uet_cms_ccc *ccc, double bytes)
{
	double rtt = (double)ccc->rtt.base + ccc->nscc.avg_delay;

	return (uint64_t)(bytes * rtt / (PACE_GAIN * ccc->nscc.cwnd));
}

static uint64_t pace_burst(const struct uet_cms_ccc *ccc)
{
	double least = PACE_PACKETS * (double)ccc->cfg->mtu, part = ccc->nscc.cwnd / PACE_PART;

	return pace_time(ccc, part > least ? part : least);
}

uint64_t uet_cms_burst_over(struct uet_cms_ccc *ccc, uint64_t now)
{
	if (!has_nscc(ccc) || ccc->pace.full <= now)
		return 0;
	return uet_pace_check(&ccc->pace, pace_burst(ccc), now);
}

/* ---- events ---- */

void uet_cms_begin(struct uet_cms_ccc *ccc, uint64_t now)
{
	uint64_t idle = now > ccc->active ? now - ccc->active : 0;

	if (has_rccc(ccc) && ccc->inflight == 0)
		uet_rccc_wake(&ccc->rccc, now);
	if (!has_nscc(ccc))
		return;
	if (ccc->inflight == 0 && idle >= ROUTE_MEMORY && !ccc->cfg->base_rtt) {
		uet_rtt_forget_base(&ccc->rtt);
		ccc->probes = 0;
	}
	uet_nscc_on_work(&ccc->nscc, ccc->cfg, idle, ccc->inflight == 0, now);
}

void uet_cms_renew_credit(struct uet_cms_ccc *ccc)
{
	uet_rccc_init(&ccc->rccc, ccc->rccc.max, ccc->rccc.mtu);
}

void uet_cms_charge(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	if (has_rccc(ccc))
		uet_rccc_on_send(&ccc->rccc, bytes, now);
	if (!has_nscc(ccc))
		return;
	ccc->active = now;
	uet_pace_take(&ccc->pace, pace_time(ccc, bytes), now);
}

static void window_on_ack(struct uet_cms_ccc *ccc, const struct uet_cms_ack *ack, bool used,
			  uint64_t now)
{
	if (ack->ecn)
		uet_cms_window_halve(&ccc->window, event_time(ccc), now);
	else if (used)
		uet_cms_window_grow(&ccc->window, ack->bytes);
}

void uet_cms_on_ack(struct uet_cms_ccc *ccc, const struct uet_cms_ack *ack, uint64_t now)
{
	/* A window that is not used says nothing about what the path could carry. */
	bool used = 2 * (uint64_t)ccc->inflight >= ccc->window.size;

	uet_cms_forget(ccc, ack->bytes);
	if (ack->elapsed)
		uet_rtt_elapsed(&ccc->rtt, ack->elapsed);
	if (ack->rtt && ccc->cfg->algorithm)
		take_rtt(ccc, ack->rtt);
	uet_rccc_on_feedback(&ccc->rccc);
	if (!has_nscc(ccc)) {
		window_on_ack(ccc, ack, used, now);
		return;
	}
	ccc->active = now;
	uet_nscc_on_ack(&ccc->nscc, ccc->cfg, ack, ccc->inflight, now);
}

/* Was the packet lost, as far as the network is concerned? */
static bool is_loss(uint8_t code)
{
	return uet_nack_is_trim(code) || code == UET_NACK_PKT_NOT_RCVD ||
	       code == UET_NACK_RCVR_INFER_LOSS || code == UET_NACK_ROD_OOO;
}

static bool is_trim_or_shortage(uint8_t code)
{
	return uet_nack_is_trim(code) ||
	       (code >= UET_NACK_NO_BITMAP && code <= UET_NACK_NO_RESOURCE);
}

void uet_cms_on_nack(struct uet_cms_ccc *ccc, const struct uet_cms_nack *nack, uint64_t now)
{
	uet_rccc_on_feedback(&ccc->rccc);
	if (!has_nscc(ccc)) {
		if (is_loss(nack->code))
			uet_cms_on_loss(ccc, nack->bytes, now);
		else
			uet_cms_forget(ccc, nack->bytes);
		return;
	}
	ccc->active = now;
	if (nack->rtt)
		take_rtt(ccc, nack->rtt);
	uet_cms_forget(ccc, nack->bytes);
	if (is_trim_or_shortage(nack->code))
		uet_nscc_on_nack(&ccc->nscc, ccc->cfg, nack->code, nack->bytes, ccc->inflight,
				 now);
	else if (is_loss(nack->code))
		uet_nscc_on_loss(&ccc->nscc, ccc->cfg, nack->bytes);
}

void uet_cms_on_loss(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	if (has_nscc(ccc))
		uet_nscc_on_loss(&ccc->nscc, ccc->cfg, bytes);
	else
		uet_cms_window_halve(&ccc->window, event_time(ccc), now);
}

void uet_cms_on_timeout(struct uet_cms_ccc *ccc, uint32_t bytes, uint64_t now)
{
	uet_cms_forget(ccc, bytes);
	uet_rccc_on_timeout(&ccc->rccc);
	if (has_nscc(ccc))
		uet_nscc_on_timeout(&ccc->nscc, ccc->cfg, bytes);
	else
		uet_cms_window_collapse(&ccc->window, event_time(ccc), uet_cms_rto(ccc, 0), now);
}

void uet_cms_on_spurious(struct uet_cms_ccc *ccc)
{
	if (has_nscc(ccc))
		uet_nscc_on_spurious(&ccc->nscc);
	else
		uet_cms_window_undo(&ccc->window);
}

bool uet_cms_wants_probe(struct uet_cms_ccc *ccc, uint64_t now)
{
	if (!has_nscc(ccc) || ccc->probes == PROBES || now < ccc->probe_next)
		return false;
	ccc->probes++;
	ccc->probe_next = now + uet_cms_usual_rtt(ccc);
	return true;
}

void uet_cms_on_probe(struct uet_cms_ccc *ccc, uint64_t rtt)
{
	take_rtt(ccc, rtt);
}

uint64_t uet_cms_rto(const struct uet_cms_ccc *ccc, unsigned int retries)
{
	return uet_rtt_rto(&ccc->rtt, ccc->cfg, retries);
}
