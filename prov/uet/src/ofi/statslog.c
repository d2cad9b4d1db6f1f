/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * FI_UET_STATS: statistics in the log, one block of lines per endpoint. Who sets the variable
 * wants to read them, so FI_LOG_LEVEL is not asked. What is zero is left out.
 */
#include "ofi/stats.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "wire/names.h"

#define MAX_PDCS 16u	/* shown one by one */

/* A line in the making. */
struct line {
	char text[600];		/* libfabric cuts lines near 1000 */
	size_t len;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* "name value" if there is something to tell. */
static void add_count(struct line *l, const char *name, uint64_t value)
{
	if (value)
		add(l, ", %s %" PRIu64, name, value);
}

static void end_line(struct line *l)
{
	fi_log(&uet_prov, FI_LOG_INFO, FI_LOG_EP_CTRL, "statistics", 0, "%s\n", l->text);
	l->len = 0;
}

/* End a line of items that begin with ", ", under the title @title; nothing if there are none. */
static void end_list(struct line *items, const char *title)
{
	struct line l = { .len = 0 };

	if (!items->len)
		return;
	add(&l, "  %s: %s", title, items->text + 2);
	end_line(&l);
	items->len = 0;
}

static void log_operations(const struct fi_uet_stats *st)
{
	struct line l = { .len = 0 };

	add(&l, "  operations: %" PRIu64 " done (%" PRIu64 " bytes), %" PRIu64
	    " messages received (%" PRIu64 " bytes)", st->tx_ops, st->tx_op_bytes, st->rx_msgs,
	    st->rx_msg_bytes);
	if (st->rma_ops)
		add(&l, ", %" PRIu64 " RMA of peers (%" PRIu64 " bytes)", st->rma_ops,
		    st->rma_bytes);
	add_count(&l, "unexpected", st->unexpected);
	add_count(&l, "packets refused", st->refused);
	end_line(&l);
}

static void log_packets(const struct fi_uet_stats *st)
{
	struct line l = { .len = 0 };

	add(&l, "  sent: data %" PRIu64 " (%" PRIu64 " answered), ACK %" PRIu64 ", NACK %" PRIu64
	    ", control %" PRIu64 "; %" PRIu64 " bytes", st->tx_data, st->tx_acked, st->tx_acks,
	    st->tx_nacks, st->tx_controls, st->tx_bytes);
	end_line(&l);
	add(&l, "  received: data %" PRIu64 ", ACK %" PRIu64 ", NACK %" PRIu64 ", control %" PRIu64
	    "; %" PRIu64 " bytes", st->rx_data, st->rx_acks, st->rx_nacks, st->rx_controls,
	    st->rx_bytes);
	end_line(&l);
}

static void log_trouble(const struct fi_uet_stats *st)
{
	struct line l = { .len = 0 };

	add_count(&l, "sent", st->retx);
	add_count(&l, "after time-out", st->retx_timeout);
	add_count(&l, "after SACK", st->retx_sack);
	add_count(&l, "after NACK", st->retx_nack);
	add_count(&l, "after trimming", st->retx_trim);
	add_count(&l, "gone back", st->retx_goback);
	add_count(&l, "needless", st->retx_needless);
	add_count(&l, "received twice", st->rx_duplicates);
	end_list(&l, "repeated");
	add_count(&l, "SACKs sent", st->tx_sacks);
	add_count(&l, "SACKs received", st->rx_sacks);
	add_count(&l, "ECN marks seen", st->rx_marked);
	add_count(&l, "marks told", st->tx_marked_acks);
	add_count(&l, "marks heard", st->rx_marked_acks);
	add_count(&l, "slow-downs asked for", st->tx_slow_acks);
	add_count(&l, "slow-downs heard", st->rx_slow_acks);
	end_list(&l, "signals");
	add_count(&l, "malformed", st->drop_malformed);
	add_count(&l, "unknown PDC", st->drop_unknown_pdc);
	add_count(&l, "stale", st->drop_stale);
	add_count(&l, "unsupported", st->drop_unsupported);
	add_count(&l, "datagrams without receive", st->drop_datagram);
	add_count(&l, "truncated", st->drop_truncated);
	add_count(&l, "socket buffer full", st->drop_socket);
	add_count(&l, "refused by the network", st->tx_errors);
	end_list(&l, "dropped");
}

static void log_nacks(const char *title, const uint64_t *codes)
{
	struct line l = { .len = 0 };
	uint8_t i;

	for (i = 0; i < FI_UET_STATS_NACKS - 1; i++)
		add_count(&l, uet_nack_name(i), codes[i]);
	add_count(&l, "others", codes[i]);
	end_list(&l, title);
}

static void log_rtts(const struct fi_uet_stats *st)
{
	struct line l = { .len = 0 };
	struct uet_hist h;
	unsigned int i;

	for (i = 0; i < UET_HIST_BUCKETS; i++) {
		h.count[i] = st->rtt[i];
		if (st->rtt[i])
			add(&l, ", %" PRIu64 "+: %" PRIu64, uet_hist_from(i), st->rtt[i]);
	}
	if (l.len)
		add(&l, "; median %" PRIu64 "+, 99 %%: %" PRIu64 "+",
		    uet_hist_from(uet_hist_quantile(&h, 500)),
		    uet_hist_from(uet_hist_quantile(&h, 990)));
	end_list(&l, "round trips in us");
}

/* " (a 1, b 2)", of what is there. */
static void add_group(struct line *l, struct line *items)
{
	if (items->len)
		add(l, " (%s)", items->text + 2);
	items->len = 0;
}

static void add_pdc_repeats(struct line *l, const struct uet_pds_pdc *p)
{
	const struct uet_pds_pdc_counts *c = &p->counts;
	struct line causes = { .len = 0 };

	if (!p->tx_retx)
		return;
	add_count(l, "repeated", p->tx_retx);
	add_count(&causes, "time-out", c->retx_rto);
	add_count(&causes, "SACK", c->retx_sack);
	add_count(&causes, "NACK", c->retx_nack - c->retx_trim);
	add_count(&causes, "trimming", c->retx_trim);
	add_count(&causes, "gone back", c->retx_goback);
	add_count(&causes, "needless", c->retx_needless);
	add_group(l, &causes);
}

static void add_pdc_nacks(struct line *l, const char *name, uint32_t cnt, const uint32_t *codes)
{
	struct line items = { .len = 0 };
	uint8_t i;

	if (!cnt)
		return;
	add_count(l, name, cnt);
	for (i = 0; codes && i < FI_UET_STATS_NACKS - 1; i++)
		add_count(&items, uet_nack_name(i), codes[i]);
	if (codes)
		add_count(&items, "others", codes[i]);
	add_group(l, &items);
}

static void add_pdc_signals(struct line *l, const struct uet_pds_pdc *p)
{
	const struct uet_pds_pdc_counts *c = &p->counts;

	add_pdc_nacks(l, "NACKs", c->rx_nack, p->nacks ? p->nacks->rx : NULL);
	add_pdc_nacks(l, "NACKs sent", c->tx_nack, p->nacks ? p->nacks->tx : NULL);
	add_count(l, "SACKs", c->rx_sack);
	add_count(l, "SACKs sent", c->tx_sack);
	add_count(l, "marks", c->rx_marked_ack);
	add_count(l, "marks seen", c->rx_marked);
	add_count(l, "received twice", c->rx_duplicate);
	add_count(l, "stale", c->drop_stale);
}

static void log_pdc(void *arg, const struct uet_pds_pdc *p)
{
	static const char *const phases[] = { "opening", "open", "draining", "closing" };
	struct line l = { .len = 0 };
	char peer[UET_ADDR_STRLEN];
	uint32_t *shown = arg;

	if ((*shown)++ >= MAX_PDCS)
		return;
	add(&l, "  PDC %s %s %s, %s: sent %" PRIu64 " (%" PRIu64 " bytes)",
	    p->initiator ? "to" : "of", uet_addr_str(&p->peer, peer, sizeof(peer)),
	    p->mode == UET_MODE_ROD ? "ROD" : "RUD", phases[p->phase], p->tx_packets, p->tx_bytes);
	add_pdc_repeats(&l, p);
	add_count(&l, "unsent", p->tx_unsent);
	add_count(&l, "refused", p->tx_refused);
	add_pdc_signals(&l, p);
	add(&l, "; received %" PRIu64 " (%" PRIu64 " bytes); window %" PRIu64 ", in flight %"
	    PRIu64 " bytes", p->rx_packets, p->rx_bytes, p->cwnd, p->inflight);
	add_count(&l, "credit", p->credit);
	add_count(&l, "RTT in us", p->srtt / UET_NSEC_PER_USEC);
	add_count(&l, "shortest", p->base_rtt / UET_NSEC_PER_USEC);
	end_line(&l);
}

static void log_pdcs(const struct uet_fep *fep)
{
	struct line l = { .len = 0 };
	uint32_t shown = 0;

	uet_pds_each_pdc(fep->pds, log_pdc, &shown);
	if (shown <= MAX_PDCS)
		return;
	add(&l, "  and %" PRIu32 " more PDCs", shown - MAX_PDCS);
	end_line(&l);
}

static void log_all(const struct uet_fep *fep, uint64_t now)
{
	uint64_t ms = (now - fep->stats_from) / UET_NSEC_PER_MSEC;
	struct fi_uet_stats st = { 0 };
	struct line l = { .len = 0 };
	char name[UET_ADDR_STRLEN];

	uet_stats_add(fep, &st);
	add(&l, "endpoint %s after %" PRIu64 ".%03u s: %" PRIu64 " PDCs",
	    uet_addr_str(&fep->name.addr, name, sizeof(name)), ms / 1000,
	    (unsigned int)(ms % 1000), st.pdcs);
	add_count(&l, "opened here", st.pdc_opened);
	add_count(&l, "by peers", st.pdc_accepted);
	add_count(&l, "closed", st.pdc_closed);
	add_count(&l, "failed", st.pdc_failed);
	end_line(&l);
	log_operations(&st);
	log_packets(&st);
	log_trouble(&st);
	log_nacks("NACKs sent", st.tx_nack_code);
	log_nacks("NACKs received", st.rx_nack_code);
	log_rtts(&st);
	log_pdcs(fep);
}

void uet_stats_start(struct uet_fep *fep, uint64_t now)
{
	fep->stats_from = now;
	fep->stats_at = uet_config.stats_period ? now + uet_config.stats_period : 0;
}

void uet_stats_tick(struct uet_fep *fep, uint64_t now)
{
	/* Rounds that nobody was there for are not made up for. */
	fep->stats_at = now + uet_config.stats_period;
	log_all(fep, now);
}

void uet_stats_stop(const struct uet_fep *fep, uint64_t now)
{
	if (uet_config.stats)
		log_all(fep, now);
}
