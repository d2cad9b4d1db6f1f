/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Statistics as programs read them: what the floors below count, in one structure that can grow.
 */
#include "ofi/stats.h"

#include <string.h>

#include "nic/drops.h"
#include "ofi/ep.h"
#include "wire/names.h"

_Static_assert(FI_UET_STATS_RTTS == UET_HIST_BUCKETS, "the header shows every bucket");
_Static_assert(sizeof(((struct uet_pds_stats *)0)->nack_tx_code) ==
	       sizeof(((struct fi_uet_stats *)0)->tx_nack_code), "and every code");
_Static_assert((int)FI_UET_PDC_RUD == UET_MODE_RUD && (int)FI_UET_PDC_ROD == UET_MODE_ROD,
	       "modes are those of the PDS");
_Static_assert((int)FI_UET_PDC_CLOSING == UET_PHASE_CLOSING, "phases are those of the PDS");

/* ---- counters ---- */

static void add_array(uint64_t *out, const uint64_t *in, size_t cnt)
{
	size_t i;

	for (i = 0; i < cnt; i++)
		out[i] += in[i];
}

static void add_packets(const struct uet_pds_stats *in, struct fi_uet_stats *out)
{
	out->tx_data += in->tx_data;
	out->tx_acks += in->tx_ack;
	out->tx_nacks += in->tx_nack;
	out->tx_controls += in->tx_cp;
	out->rx_data += in->rx_data;
	out->rx_acks += in->rx_ack;
	out->rx_nacks += in->rx_nack;
	out->rx_controls += in->rx_cp;
	out->tx_bytes += in->tx_bytes;
	out->rx_bytes += in->rx_bytes;
	out->tx_acked += in->tx_acked;
	out->retx += in->tx_retx;
	out->retx_timeout += in->retx_rto;
	out->retx_sack += in->retx_sack;
	out->retx_nack += in->retx_nack - in->retx_trim;
	out->retx_goback += in->retx_goback;
	out->retx_trim += in->retx_trim;
	out->retx_needless += in->retx_needless;
	out->rx_duplicates += in->rx_duplicate;
}

static void add_signals(const struct uet_pds_stats *in, struct fi_uet_stats *out)
{
	out->tx_sacks += in->tx_sack;
	out->rx_sacks += in->rx_sack;
	out->rx_marked += in->rx_marked;
	out->tx_marked_acks += in->tx_marked_ack;
	out->rx_marked_acks += in->rx_marked_ack;
	out->tx_slow_acks += in->tx_slow_ack;
	out->rx_slow_acks += in->rx_slow_ack;
	add_array(out->tx_nack_code, in->nack_tx_code, FI_UET_STATS_NACKS);
	add_array(out->rx_nack_code, in->nack_rx_code, FI_UET_STATS_NACKS);
	add_array(out->rtt, in->rtt.count, FI_UET_STATS_RTTS);
	out->pdc_opened += in->pdc_opened;
	out->pdc_accepted += in->pdc_accepted;
	out->pdc_closed += in->pdc_closed;
	out->pdc_failed += in->pdc_failed;
}

static void add_messages(const struct uet_ses_stats *in, struct fi_uet_stats *out)
{
	out->tx_ops += in->tx_msgs;
	out->tx_op_bytes += in->tx_bytes;
	out->rx_msgs += in->rx_msgs;
	out->rx_msg_bytes += in->rx_bytes;
	out->rma_ops += in->rma_writes + in->rma_reads + in->rma_atomics;
	out->rma_bytes += in->rma_bytes;
	out->unexpected += in->unexpected;
	out->refused += in->unexpected_refused + in->rma_refused;
}

static void add_drops(const struct uet_fep *fep, struct fi_uet_stats *out)
{
	const struct uet_pds_stats *pds = uet_pds_stats(fep->pds);
	const struct uet_ses_stats *ses = uet_ses_stats(fep->ses);
	const struct uet_nic_stats *nic = &fep->nic->stats;

	out->drop_malformed += pds->drop_malformed + ses->drop_malformed;
	out->drop_unknown_pdc += pds->drop_unknown_pdc;
	out->drop_stale += pds->drop_stale;
	out->drop_unsupported += pds->drop_unsupported;
	out->drop_datagram += ses->drop_datagram;
	out->drop_truncated += nic->rx_truncated;
	out->drop_socket += uet_nic_drops(fep->nic);
	out->tx_errors += nic->tx_errors;
	out->tx_again += nic->tx_again;
}

void uet_stats_add(const struct uet_fep *fep, struct fi_uet_stats *out)
{
	out->endpoints++;
	add_packets(uet_pds_stats(fep->pds), out);
	add_signals(uet_pds_stats(fep->pds), out);
	add_messages(uet_ses_stats(fep->ses), out);
	add_drops(fep, out);
	out->pdcs += uet_pds_pdc_count(fep->pds);
}

/* ---- delivery contexts ---- */

static void copy_array(uint64_t *out, const uint32_t *in, size_t cnt)
{
	size_t i;

	for (i = 0; i < cnt; i++)
		out[i] = in[i];
}

static void copy_counts(const struct uet_pds_pdc_counts *in, struct fi_uet_pdc_stats *out)
{
	out->rx_nacks = in->rx_nack;
	out->rx_marked_acks = in->rx_marked_ack;
	out->retx_timeout = in->retx_rto;
	out->retx_sack = in->retx_sack;
	out->retx_nack = in->retx_nack - in->retx_trim;
	out->retx_goback = in->retx_goback;
	out->retx_trim = in->retx_trim;
	out->retx_needless = in->retx_needless;
	out->rx_duplicates = in->rx_duplicate;
	out->tx_sacks = in->tx_sack;
	out->rx_sacks = in->rx_sack;
	out->rx_marked = in->rx_marked;
	out->tx_marked_acks = in->tx_marked_ack;
	out->tx_nacks = in->tx_nack;
	out->drop_stale = in->drop_stale;
}

void uet_stats_describe(const struct uet_fep *fep, const struct uet_pds_pdc *pdc,
			struct fi_uet_pdc_stats *out)
{
	size_t len = sizeof(out->peer);
	struct uet_name peer;

	*out = (struct fi_uet_pdc_stats){
		.port = (uint16_t)fep->name.addr.port,
		.id = pdc->id,
		.peer_id = pdc->peer_id,
		.initiator = pdc->initiator,
		.mode = pdc->mode,
		.phase = pdc->phase,
		.start_psn = pdc->start_psn,
		.tx_psn = pdc->tx_psn,
		.tx_cack = pdc->tx_cack,
		.rx_psn = pdc->rx_psn,
		.rx_cack = pdc->rx_cack,
		.tx_unsent = pdc->tx_unsent,
		.tx_flight = pdc->tx_flight,
		.tx_refused = pdc->tx_refused,
		.tx_packets = pdc->tx_packets,
		.tx_bytes = pdc->tx_bytes,
		.rx_packets = pdc->rx_packets,
		.rx_bytes = pdc->rx_bytes,
		.retx = pdc->tx_retx,
		.cwnd = pdc->cwnd,
		.inflight = pdc->inflight,
		.credit = pdc->credit,
		.srtt = pdc->srtt,
		.base_rtt = pdc->base_rtt,
	};
	copy_counts(&pdc->counts, out);
	if (pdc->nacks) {
		copy_array(out->tx_nack_code, pdc->nacks->tx, FI_UET_STATS_NACKS);
		copy_array(out->rx_nack_code, pdc->nacks->rx, FI_UET_STATS_NACKS);
	}
	copy_array(out->rtt, pdc->rtt, FI_UET_STATS_RTTS);
	uet_name_from_addr(&peer, &pdc->peer);
	if (uet_name_write(&peer, FI_ADDR_UET, &out->peer, &len))
		memset(&out->peer, 0, sizeof(out->peer));
}

/* ---- all endpoints that an object stands for ---- */

typedef void (*visit_fn)(const struct uet_fep *fep, void *arg);

static int visit_fep(struct uet_fep *fep, visit_fn visit, void *arg)
{
	int ret = -FI_EOPBADSTATE;

	uet_lock(&fep->lock);
	if (fep->ses) {
		visit(fep, arg);
		ret = 0;
	}
	uet_unlock(&fep->lock);
	return ret;
}

/* Show each FEP behind @fid to @visit, which is called with the lock held. */
static int visit_all(struct fid *fid, visit_fn visit, void *arg)
{
	struct uet_domain *domain;
	struct uet_list *pos;

	if (fid->fclass != FI_CLASS_DOMAIN)
		return visit_fep(uet_container_of(fid, struct uet_ep, fid.fid)->fep, visit, arg);
	domain = uet_container_of(fid, struct uet_domain, fid.fid);
	uet_lock(&domain->feps_lock);
	uet_list_for_each(pos, &domain->feps)
		visit_fep(uet_list_entry(pos, struct uet_fep, link), visit, arg);
	uet_unlock(&domain->feps_lock);
	return 0;
}

/* Write the first @size bytes of @value, of which there are @len; zeros where it ends. */
static void put(void *out, size_t size, const void *value, size_t len)
{
	memcpy(out, value, size < len ? size : len);
	if (size > len)
		memset((char *)out + len, 0, size - len);
}

static void add_fep(const struct uet_fep *fep, void *arg)
{
	uet_stats_add(fep, arg);
}

static int stats_read(struct fid *fid, struct fi_uet_stats *stats, size_t size)
{
	struct fi_uet_stats sum = { 0 };
	int ret;

	if (!stats || !size)
		return -FI_EINVAL;
	ret = visit_all(fid, add_fep, &sum);
	if (!ret)
		put(stats, size, &sum, sizeof(sum));
	return ret;
}

/* An array of descriptions that is being filled. */
struct fill {
	const struct uet_fep *fep;
	char *to;
	size_t size, room;
	size_t seen;
};

static void add_pdc(void *arg, const struct uet_pds_pdc *pdc)
{
	struct fill *fill = arg;
	struct fi_uet_pdc_stats out;

	if (fill->seen++ >= fill->room)
		return;
	uet_stats_describe(fill->fep, pdc, &out);
	put(fill->to, fill->size, &out, sizeof(out));
	fill->to += fill->size;
}

static void add_pdcs(const struct uet_fep *fep, void *arg)
{
	struct fill *fill = arg;

	fill->fep = fep;
	uet_pds_each_pdc(fep->pds, add_pdc, fill);
}

static ssize_t stats_read_pdcs(struct fid *fid, struct fi_uet_pdc_stats *pdcs, size_t size,
			       size_t count)
{
	struct fill fill = { .to = (char *)pdcs, .size = size, .room = count };
	int ret;

	if (count && (!pdcs || !size))
		return -FI_EINVAL;
	ret = visit_all(fid, add_pdcs, &fill);
	return ret ? ret : (ssize_t)fill.seen;
}

static struct fi_uet_stats_ops stats_ops = {
	.size = sizeof(struct fi_uet_stats_ops),
	.read = stats_read,
	.read_pdcs = stats_read_pdcs,
	.nack_name = uet_nack_name,
};

int uet_stats_ops_open(struct fid *fid, const char *name, uint64_t flags, void **ops,
		       void *context)
{
	(void)fid;
	(void)context;
	if (!name || !ops)
		return -FI_EINVAL;
	if (strcmp(name, FI_UET_STATS_OPS))
		return -FI_ENOSYS;
	if (flags)
		return -FI_EBADFLAGS;
	*ops = &stats_ops;
	return 0;
}
