/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds/batch.h"
#include "pds/pdc.h"

#include <errno.h>

#include "pds/spray.h"

/* Rewinds that move nothing: then what is missing is left to the time-outs, which grow rarer. */
#define REWINDS 16u

void uet_nack_send(struct uet_pds *pds, uint16_t spdcid, const struct uet_pds_hdr *h,
		   const struct uet_pkt *pkt, uint8_t code, uint32_t payload)
{
	struct uet_pds_hdr nack = {
		.type = UET_PDS_NACK,
		.flags = (h->flags & UET_PDS_F_RETX) | (pkt->ce ? UET_PDS_F_M : 0) |
			 (h->type == UET_PDS_RUDI_REQ ? UET_PDS_F_NT : 0),
		.nack_code = code,
		.psn = h->psn,
		.spdcid = spdcid,
		.dpdcid = h->spdcid,
		.payload = payload,
	};
	struct uet_addr to = *pkt->src;
	struct uet_pdc *pdc;

	if (pds->cfg.strict_port)
		to.port = UET_UDP_PORT;
	if (!uet_batch_control(pds, &to, &nack, NULL, 0))
		return;
	pds->stats.tx_nack++;
	pds->stats.nack_tx_code[uet_nack_slot(code)]++;
	pdc = spdcid ? uet_table_by_id(pds, spdcid) : NULL;
	if (!pdc)
		return;
	pdc->counts.tx_nack++;
	if (uet_pdc_nacks(pds, pdc))
		pdc->nacks->tx[uet_nack_slot(code)]++;
}

/*
 * Does @h speak of an earlier transmission of a packet that was repeated since? Not if we have
 * asked for the packet since then: that is what it answers.
 */
static bool is_outdated(const struct uet_pdc *pdc, const struct uet_txd *d,
			const struct uet_pds_hdr *h)
{
	if (d->state != UET_TXD_FLIGHT || !d->retries || h->flags & UET_PDS_F_RETX)
		return false;
	return h->nack_code != UET_NACK_PKT_NOT_RCVD || pdc->asked <= d->when;
}

/* Repeat the named packet as soon as the window allows; false when there is no need to. */
static bool repeat_now(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		       const struct uet_pkt *pkt)
{
	struct uet_txd *d = uet_txd_at(pdc, h->psn);
	uint32_t bytes;
	uint64_t rtt;

	if (d->state == UET_TXD_DONE || d->state == UET_TXD_RETX || is_outdated(pdc, d, h) ||
	    uet_psn_diff(h->psn, pdc->tx_cack) <= 0)
		return false;
	rtt = uet_txd_elapsed(pds, d, h->flags & UET_PDS_F_RETX);
	rtt = rtt > pkt->waited ? rtt - pkt->waited : 0;
	if (h->nack_code == UET_NACK_TRIMMED)
		uet_spray_tell(pds, pdc, d, UET_CMS_PATH_TRIMMED);
	if (h->nack_code == UET_NACK_PKT_NOT_RCVD) {
		uet_spray_tell(pds, pdc, d, UET_CMS_PATH_LOST);
		/* Lost twice: a time-out would have made all leave this path. */
		if (d->retries && uet_spray_timeout(pds, pdc))
			uet_loss_repeat_from(pds, pdc, h->psn + 1);
		/* It answers a question, which may have come much later than the packet. */
		rtt = 0;
	}
	bytes = uet_txd_repeat(pdc, h->psn);
	uet_pdc_count(pds, pdc, retx_nack);
	if (h->nack_code <= UET_NACK_TRIMMED_ACK)
		uet_pdc_count(pds, pdc, retx_trim);
	if (bytes)
		uet_ccc_refused(pds, pdc, h->nack_code, bytes, rtt);
	uet_pdc_ready(pds, pdc);
	return true;
}

/* A switch has cut the packet off. A ROD target takes nothing that follows it, or keeps it. */
static void repeat_trimmed(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
			   const struct uet_pkt *pkt)
{
	if (repeat_now(pds, pdc, h, pkt) && pdc->mode == UET_MODE_ROD && !pdc->keeps)
		uet_loss_repeat_from(pds, pdc, h->psn + 1);
}

/*
 * Did the transmission of @named that NACK @h is about, its only or its second one, leave after the
 * last one of @d?
 */
static bool overtook(const struct uet_txd *named, const struct uet_txd *d,
		     const struct uet_pds_hdr *h)
{
	return (named->state == UET_TXD_FLIGHT || named->state == UET_TXD_ARRIVED) &&
	       named->retries == (h->flags & UET_PDS_F_RETX ? 1 : 0) &&
	       (int32_t)(named->order - d->order) > 0;
}

/*
 * The target of a ROD PDC misses @expected. If it keeps what comes ahead, no more than what was
 * sent before the packet that made it say so and has not arrived; else all that follows.
 */
static void rewind_to(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		      uint32_t expected)
{
	uint32_t bytes, first;
	struct uet_txd *d;

	if (pdc->mode != UET_MODE_ROD || !uet_tx_open(pdc, expected) ||
	    uet_psn_diff(expected, h->psn) > 0)
		return;
	d = uet_txd_at(pdc, expected);
	if (d->state != UET_TXD_FLIGHT && !d->timed_out)
		return;
	/*
	 * A packet that left before the last rewind caused this: it is already taken care of. Who
	 * goes back repeats in order; others may have repeated this one last.
	 */
	if ((pdc->keeps ? d->retries : is_outdated(pdc, d, h)) &&
	    !overtook(uet_txd_at(pdc, h->psn), d, h))
		return;
	if (pdc->stuck >= REWINDS)
		return;
	uet_pdc_retried(pdc);
	first = d->state == UET_TXD_FLIGHT ? d->bytes : 0;
	bytes = uet_loss_go_back(pds, pdc, expected, pdc->keeps ? h->psn : pdc->tx_next);
	/* One is lost; those behind it are only repeated with it. */
	if (bytes) {
		uet_ccc_refused(pds, pdc, h->nack_code, first, 0);
		uet_ccc_forget(pds, pdc, bytes - first);
	}
	uet_pdc_ready(pds, pdc);
}

/* A secure target wants another Start_PSN: nothing of ours counts, so all of it goes again. */
static void renumber(struct uet_pds *pds, struct uet_pdc *pdc, uint32_t start)
{
	if (!pdc->initiator || pdc->peer_id || pdc->tx_base != pdc->start_psn ||
	    pdc->tx_cack != pdc->start_psn - 1 ||
	    pdc->tx_next - pdc->tx_base > (uint32_t)pdc->flight_cnt + pdc->retx_cnt)
		return;
	uet_loss_repeat_from(pds, pdc, pdc->tx_base);
	uet_tx_renumber(pds, pdc, start);
	uet_pdc_ready(pds, pdc);
}

/* Codes that do not end the PDC. @h->psn is open. */
static void rx_normal(struct uet_pds *pds, struct uet_pdc *pdc, const struct uet_pds_hdr *h,
		      const struct uet_pkt *pkt)
{
	struct uet_txd *d = uet_txd_at(pdc, h->psn);

	switch (h->nack_code) {
	case UET_NACK_TRIMMED:
	case UET_NACK_TRIMMED_LASTHOP:
		repeat_trimmed(pds, pdc, h, pkt);
		break;
	case UET_NACK_TRIMMED_ACK:
	case UET_NACK_PKT_NOT_RCVD:
	case UET_NACK_ACK_WITH_DATA:
	case UET_NACK_RCVR_INFER_LOSS:
		repeat_now(pds, pdc, h, pkt);
		break;
	case UET_NACK_ROD_OOO:
		rewind_to(pds, pdc, h, h->payload);
		break;
	case UET_NACK_NEW_START_PSN:
		renumber(pds, pdc, h->payload);
		break;
	case UET_NACK_RCVD_SES_PROCG:
		uet_pdc_moved(pds, pdc);
		if (d->state == UET_TXD_FLIGHT || d->state == UET_TXD_ARRIVED)
			d->when = pds->now;
		if (d->retries < UINT8_MAX)
			d->retries++;
		break;
	case UET_NACK_NO_GTD_DEL_AVAIL:
	case UET_NACK_PSN_OOR_WINDOW:
		if (uet_psn_diff(uet_tx_clear(pdc), pdc->tx_cack) > 0) {
			pdc->clear_due = true;
			uet_pdc_pend(pds, pdc);
		}
		uet_loss_delay(pds, pdc, h->psn, h->nack_code);
		break;
	default:
		/* Shortages, EXP_NACK_NORMAL and _ERR, and codes that are reserved today. */
		uet_loss_delay(pds, pdc, h->psn, h->nack_code);
		break;
	}
}

uint64_t uet_nack_pause(const struct uet_pds *pds, uint8_t nacks)
{
	uint64_t pause = pds->cfg.nack_retx_time;

	for (; nacks && pause < pds->cfg.nack_retx_max; nacks--)
		pause *= 2;
	return uet_min_u64(pause, pds->cfg.nack_retx_max);
}

bool uet_nack_is_fatal(uint8_t code)
{
	switch (code) {
	case UET_NACK_INV_DPDCID:
	case UET_NACK_PDC_HDR_MISMATCH:
	case UET_NACK_CLOSING:
	case UET_NACK_CLOSING_IN_ERR:
	case UET_NACK_GTD_RESP_UNAVAIL:
	case UET_NACK_INVALID_SYN:
	case UET_NACK_PDC_MODE_MISMATCH:
	case UET_NACK_UNEXP_EVENT:
	case UET_NACK_EXP_FATAL:
		return true;
	default:
		return false;
	}
}

static void rx_fatal(struct uet_pds *pds, struct uet_pdc *pdc, uint8_t code)
{
	bool retry = code != UET_NACK_CLOSING_IN_ERR && code != UET_NACK_GTD_RESP_UNAVAIL;

	uet_pdc_reset(pds, pdc, code, retry, retry ? -ECONNRESET : -EIO);
}

static bool is_answered(struct uet_pdc *pdc, uint32_t psn)
{
	return !uet_tx_open(pdc, psn) || uet_txd_at(pdc, psn)->state == UET_TXD_DONE;
}

/*
 * The PDC that a NACK speaks about, or NULL. A target that has no PDC says spdcid 0: one that the
 * network held back may have come so late, behind the CLOSE_CMD, that this says nothing.
 */
static struct uet_pdc *find(struct uet_pds *pds, const struct uet_pds_hdr *h,
			    const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc = uet_table_by_id(pds, h->dpdcid);
	uint32_t oldest;

	if (!pdc) {
		pds->stats.drop_unknown_pdc++;
		return NULL;
	}
	oldest = pdc->tx_cack + 1;
	if (uet_psn_diff(pdc->tx_base, oldest) < 0)
		oldest = pdc->tx_base;
	if (!uet_addr_same_host(&pdc->peer, pkt->src) ||
	    (h->spdcid && pdc->peer_id && h->spdcid != pdc->peer_id) ||
	    h->psn - oldest >= pdc->tx_next - oldest ||
	    (uet_nack_is_fatal(h->nack_code) && is_answered(pdc, h->psn))) {
		uet_pdc_count(pds, pdc, drop_stale);
		return NULL;
	}
	return pdc;
}

void uet_nack_rx(struct uet_pds *pds, const struct uet_pds_hdr *h, const struct uet_pkt *pkt)
{
	struct uet_pdc *pdc;

	pds->stats.rx_nack++;
	if (h->flags & UET_PDS_F_NT) {
		uet_rudi_rx_nack(pds, h, pkt);
		return;
	}
	pdc = find(pds, h, pkt);
	if (!pdc)
		return;
	pds->stats.nack_rx_code[uet_nack_slot(h->nack_code)]++;
	pdc->counts.rx_nack++;
	if (uet_pdc_nacks(pds, pdc))
		pdc->nacks->rx[uet_nack_slot(h->nack_code)]++;
	uet_pdc_heard(pds, pdc);
	if (uet_nack_is_fatal(h->nack_code)) {
		rx_fatal(pds, pdc, h->nack_code);
		return;
	}
	if (!pdc->peer_id && h->spdcid && h->nack_code != UET_NACK_NEW_START_PSN)
		pdc->peer_id = h->spdcid;
	/* Beyond CACK, yet answered one by one: nothing to do for it. */
	if (uet_tx_open(pdc, h->psn))
		rx_normal(pds, pdc, h, pkt);
}
