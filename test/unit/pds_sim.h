/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A network in virtual time for tests of the PDS: ends with a struct uet_pds each (or none:
 * then the test speaks for that end, packet by packet), joined by an in-memory NIC that
 * loses, duplicates, delays and reorders by seed; and above each end a stub that checks every
 * delivery and every completion against a model:
 *
 *   - a packet is delivered at most once, with the right bytes, on the right end
 *   - ROD packets are delivered in the order of posting, read data in the order of requests
 *   - RUDI packets may be delivered more than once, UUD packets more than once or never
 *   - done(0) only when every packet was delivered - to the same life of the target, should it
 *     restart - and every answer that must be seen was, and all data of a read
 *
 * Include once per test program.
 */
#ifndef UET_TEST_PDS_SIM_H
#define UET_TEST_PDS_SIM_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "pds/pdc.h"

#define SIM_ENDS	9
#define SIM_SES		20	/* bytes of the stub's message header */
#define SIM_MAGIC	0x73696d21u
#define SIM_GRID	2000ull	/* ns: packets arrive on this raster, so that batches form */
#define SIM_BASE_PORT	4793u
#define SIM_PORT_STEP	16u	/* between the ports of one end's paths */
#define USEC		UET_NSEC_PER_USEC
#define MSEC		UET_NSEC_PER_MSEC
#define SEC		UET_NSEC_PER_SEC

struct sim;

/* One message and what is known about it. */
struct sim_msg {
	struct uet_pds_msg m;
	uint32_t id;
	int from, to;
	uint8_t mode;
	bool gtd;		/* the target answers each packet with guaranteed delivery */
	bool noresp_last;	/* the target answers NO_RESPONSE at first */
	bool lazy;		/* nobody waits for its end */
	bool read;		/* the target sends cnt packets of plen bytes back */
	struct sim_msg *parent;	/* this is one of those packets: of this message ... */
	uint32_t part;		/* ... the answer to this packet */
	bool posted;
	bool finished;
	int err;
	uint8_t nack;
	uint32_t cnt;		/* packets */
	uint32_t plen;		/* payload bytes of each */
	uint8_t *buf;		/* payload; freed by done() */
	uint8_t *seen;		/* deliveries per packet */
	uint8_t *resp;		/* explicit final responses per packet */
	uint8_t *data;		/* read: deliveries of return data per packet */
	uint32_t *lives;	/* bit n: delivered to the target's n-th life, per packet */
	uint64_t done_at;
};

struct sim_pkt {
	struct sim_pkt *next;
	uint64_t at;
	int to;
	int err;
	struct uet_addr src;
	uint8_t tos;
	uint8_t trim;
	uint32_t len;
	uint8_t data[];
};

struct sim_end {
	struct uet_nic nic;	/* first */
	struct sim *sim;
	int index;
	struct uet_pds *pds;	/* NULL: the test speaks for this end */
	bool deaf;		/* packets to it vanish */
	uint64_t asleep;	/* its process does not run before; packets to it wait */
	uint64_t cost;		/* ns that it needs for a packet received */
	uint64_t rate;		/* of its link, bytes per us; 0: packets to it do not queue */
	uint64_t link_free;	/* when the last packet to it will have come through that ... */
	uint64_t queued;	/* ... and the longest that one waited for it, ns */
	int refuse;		/* packets to it come back as a report with this error */
	int room, room_max;	/* packets that the NIC takes per raster; room_max 0: all */
	struct sim_pkt *inbox, **inbox_tail;	/* what arrived at an end without a PDS */
	uint8_t scratch[2048];	/* answer data of the last RUDI read */
	uint8_t life;		/* restarts so far */
	uint32_t gone;		/* pdc_gone calls */
	int gone_err;
	bool needed;		/* its PDCs stay open without work */
	uint32_t rx_cnt;
	uint64_t rod_last[SIM_ENDS];	/* id << 32 | index of the last ROD delivery + 1 */
	uint32_t rod_back[SIM_ENDS];	/* id of the last ROD return message */
	uint8_t nack_code;	/* refuse requests with this code ... */
	uint32_t nack_ppm;	/* ... with this probability */
	uint32_t nack_left;	/* ... or this many times first */
};

/* What to do with a packet. */
enum sim_verdict { SIM_PASS, SIM_DROP, SIM_DUP, SIM_LATE };

typedef enum sim_verdict (*sim_filter_fn)(struct sim *s, int from, int to,
					  const struct uet_pds_hdr *h);

struct sim {
	uint64_t now;
	struct uet_rand rand;
	int ends;
	struct sim_end end[SIM_ENDS];
	struct sim_pkt *flying;		/* sorted by time */
	struct sim_pkt *flying_last;
	struct sim_msg **msgs;
	uint32_t msg_cnt, msg_room;
	uint32_t open;			/* messages posted and not done */
	uint64_t delay, late;		/* ns */
	uint32_t drop_ppm, dup_ppm, late_ppm, ce_ppm, trim_ppm, jitter;
	sim_filter_fn filter;
	int64_t arg[4];			/* the filter's */
	uint64_t packets;
	uint8_t paths;			/* of every end added; 0 as 1 */
	uint64_t path_delay;		/* ns: path n takes n times as much longer */
	uint64_t path_dead;		/* bit n: what takes path n vanishes */
	uint64_t path_marks;		/* bit n: what takes path n is CE-marked */
	uint64_t path_data[64];		/* requests that took path n */
	uint8_t path;			/* of the packet that the filter is shown ... */
	uint32_t port;			/* ... and the port that it goes to */
	uint64_t waits;			/* ns that what sim_inject brings had arrived before */
	bool trace;
	void (*on_done)(struct sim *s, struct sim_msg *m);
	bool lax;			/* deliveries may repeat: a target lost its memory */
};

static inline bool sim_chance(struct sim *s, uint32_t ppm)
{
	return ppm && uet_rand_u32(&s->rand) % 1000000 < ppm;
}

static inline uint8_t sim_byte(uint32_t id, uint32_t index, uint32_t off)
{
	return (uint8_t)(id * 31 + index * 7 + off);
}

/* ---- the network ---- */

static inline void sim_fly(struct sim *s, struct sim_pkt *p)
{
	struct sim_pkt **pos = &s->flying;

	if (s->flying_last && s->flying && s->flying_last->at <= p->at)
		pos = &s->flying_last->next;
	while (*pos && (*pos)->at <= p->at)
		pos = &(*pos)->next;
	p->next = *pos;
	*pos = p;
	if (!p->next)
		s->flying_last = p;
}

static inline struct sim_pkt *sim_pkt(struct sim *s, const struct uet_addr *src, int to,
				      uint32_t len, uint64_t extra)
{
	struct sim_pkt *p = malloc(sizeof(*p) + len);
	uint64_t at = s->now + s->delay + extra;

	if (s->jitter)
		at += uet_rand_u32(&s->rand) % s->jitter;
	*p = (struct sim_pkt){ .to = to, .src = *src, .len = len,
			       .at = (at / SIM_GRID + 1) * SIM_GRID };
	return p;
}

static inline int sim_find(const struct sim *s, const struct uet_addr *dst)
{
	int i;

	for (i = 0; i < s->ends; i++) {
		const struct uet_nic *nic = &s->end[i].nic;
		uint32_t off = dst->port - nic->addr.port;

		if (uet_addr_same_host(&nic->addr, dst) && off % SIM_PORT_STEP == 0 &&
		    off / SIM_PORT_STEP < nic->paths)
			return i;
	}
	return -1;
}

/* @p, which is to arrive when it may, has to pass the link of its end. */
static inline void sim_queue(struct sim *s, struct sim_pkt *p)
{
	struct sim_end *e = &s->end[p->to];
	uint64_t begin = uet_max_u64(p->at, e->link_free);

	if (!e->rate)
		return;
	e->queued = uet_max_u64(e->queued, begin - p->at);
	/* What Ethernet and IP add is counted as congestion control does. */
	e->link_free = begin + (uint64_t)(p->len + UET_CMS_EXTRA) * USEC / e->rate;
	p->at = (e->link_free / SIM_GRID + 1) * SIM_GRID;
}

static inline void sim_send_one(struct sim *s, int from, const struct uet_nic_tx *t)
{
	int to = sim_find(s, &t->dst);
	enum sim_verdict verdict = SIM_PASS;
	struct uet_addr src = s->end[from].nic.addr;
	struct uet_pds_hdr h;
	struct sim_pkt *p;
	uint32_t off = 0;
	int i;

	assert_true(t->path < s->end[from].nic.paths);
	src.port += t->path * SIM_PORT_STEP;
	p = sim_pkt(s, &src, to, t->len, t->path * s->path_delay);
	for (i = 0; i < t->iov_cnt; i++) {
		assert_true(off + t->iov[i].iov_len <= t->len);
		memcpy(p->data + off, t->iov[i].iov_base, t->iov[i].iov_len);
		off += (uint32_t)t->iov[i].iov_len;
	}
	assert_int_equal(off, t->len);
	assert_true(uet_pds_unpack(&h, p->data, p->len) > 0);
	s->packets++;
	s->path = t->path;
	s->port = t->dst.port;
	s->path_data[t->path] += uet_pds_is_request(h.type);
	if (s->trace)
		fprintf(stderr, "%9.3f %d>%d type %u ctl %u fl %02x psn %08x off %d "
			"s %u d %u nack %x sack %llx\n", (double)s->now / 1e3, from, to, h.type,
			h.ctl_type, h.flags, h.psn, h.offset, h.spdcid, h.dpdcid, h.nack_code,
			(unsigned long long)h.sack_bitmap);
	if (to < 0 || s->end[to].refuse) {
		p->err = to < 0 ? ECONNREFUSED : s->end[to].refuse;
		p->src = t->dst;
		p->to = from;
		sim_fly(s, p);
		return;
	}
	if (s->filter)
		verdict = s->filter(s, from, to, &h);
	if (verdict == SIM_PASS && sim_chance(s, s->drop_ppm))
		verdict = SIM_DROP;
	if (verdict == SIM_PASS && sim_chance(s, s->dup_ppm))
		verdict = SIM_DUP;
	if (verdict == SIM_DROP || s->end[to].deaf || s->path_dead >> t->path & 1) {
		free(p);
		return;
	}
	if (verdict == SIM_LATE || sim_chance(s, s->late_ppm))
		p->at += s->late;
	if (t->tc == UET_NIC_DATA && (sim_chance(s, s->ce_ppm) || s->path_marks >> t->path & 1))
		p->tos = UET_ECN_CE;
	if (sim_chance(s, s->trim_ppm)) {
		p->trim = uet_rand_u32(&s->rand) % 2 ? UET_NIC_TRIMMED : UET_NIC_TRIMMED_LASTHOP;
		p->len = (uint32_t)uet_min_u64(p->len, 16 + uet_rand_u32(&s->rand) % 20);
	}
	sim_queue(s, p);
	if (verdict == SIM_DUP) {
		struct sim_pkt *q = sim_pkt(s, &p->src, to, p->len, s->delay / 2);

		memcpy(q->data, p->data, p->len);
		q->trim = p->trim;
		sim_fly(s, q);
	}
	sim_fly(s, p);
}

static inline int sim_nic_tx(struct uet_nic *nic, const struct uet_nic_tx *pkts, int n)
{
	struct sim_end *e = (struct sim_end *)nic;
	int i;

	for (i = 0; i < n; i++) {
		if (e->room_max && e->room-- <= 0) {
			e->room = 0;
			return i ? i : -EAGAIN;
		}
		sim_send_one(e->sim, e->index, &pkts[i]);
	}
	return n;
}

static const struct uet_nic_ops sim_nic_ops = { .tx = sim_nic_tx };

#include "pds_sim_upper.h"

/* ---- set-up ---- */

static inline struct uet_pds_cfg sim_cfg(void)
{
	return (struct uet_pds_cfg){
		.max_pdc = 64,
		.mp_range = 1024,
		.max_stored = 256,
		.max_rudi = 32,
		.ack_trigger = 16384,
		.ack_min_add = 1024,
		.nack_retx_time = 1 * MSEC,
		.nack_retx_max = 64 * MSEC,
		.peer_timeout = 5 * SEC,
		.refused_timeout = 500 * MSEC,
		.idle_close = 1 * SEC,
		.target_idle = 10 * SEC,
		.linger = 2 * SEC,
		.seed = 1,
		.cms = {
			.mtu = 2048,
			.charge_min = 768,
			.window_init = 64 * 1024,
			.window_max = 1024 * 1024,
			.rto_min = 5 * MSEC,
			.rto_max = 1 * SEC,
		},
	};
}

static inline void sim_init(struct sim *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	uet_rand_seed(&s->rand, seed);
	s->now = 1 * SEC;
	s->delay = 10 * USEC;
	s->late = 60 * USEC;
}

/* Add an end at 127.0.0.@host. Without @cfg the test speaks for it. */
static inline int sim_add_host(struct sim *s, const struct uet_pds_cfg *cfg, uint8_t host)
{
	struct sim_end *e = &s->end[s->ends];
	struct uet_pds_cfg c;

	*e = (struct sim_end){ .sim = s, .index = s->ends };
	e->inbox_tail = &e->inbox;
	e->nic.ops = &sim_nic_ops;
	e->nic.mtu = 9000;
	e->nic.paths = s->paths ? s->paths : 1;
	e->nic.addr.family = AF_INET;
	e->nic.addr.ip[0] = 127;
	e->nic.addr.ip[3] = host;
	e->nic.addr.port = SIM_BASE_PORT + (uint32_t)s->ends;
	s->ends++;
	if (cfg) {
		c = *cfg;
		c.seed = uet_rand_u64(&s->rand);
		assert_int_equal(uet_pds_create(&c, &e->nic, &sim_upper_ops, e, s->now, &e->pds),
				 0);
	}
	return e->index;
}

static inline int sim_add(struct sim *s, const struct uet_pds_cfg *cfg)
{
	return sim_add_host(s, cfg, 1);
}

static inline void sim_pair(struct sim *s, uint64_t seed, const struct uet_pds_cfg *cfg)
{
	sim_init(s, seed);
	sim_add(s, cfg);
	sim_add(s, cfg);
}

static inline void sim_two(struct sim *s, uint64_t seed)
{
	struct uet_pds_cfg cfg = sim_cfg();

	sim_pair(s, seed, &cfg);
}

/* Lose all state of end @i and all its messages, as a process that dies and starts again. */
static inline void sim_restart(struct sim *s, int i, const struct uet_pds_cfg *cfg)
{
	struct sim_end *e = &s->end[i];
	struct uet_pds_cfg c = *cfg;
	uint32_t n;

	uet_pds_destroy(e->pds);
	for (n = 0; n < s->msg_cnt; n++)
		if (s->msgs[n]->from == i && s->msgs[n]->posted && !s->msgs[n]->finished) {
			s->msgs[n]->finished = true;
			s->open--;
		}
	e->life++;
	c.seed = uet_rand_u64(&s->rand);
	memset(e->rod_last, 0, sizeof(e->rod_last));
	memset(e->rod_back, 0, sizeof(e->rod_back));
	assert_int_equal(uet_pds_create(&c, &e->nic, &sim_upper_ops, e, s->now, &e->pds), 0);
}

static inline struct sim_msg *sim_msg(struct sim *s, int from, int to, uint8_t mode,
				      uint32_t cnt, uint32_t plen)
{
	struct sim_msg *m = calloc(1, sizeof(*m));
	uint32_t i, j;

	if (s->msg_cnt == s->msg_room) {
		s->msg_room = s->msg_room ? 2 * s->msg_room : 64;
		s->msgs = realloc(s->msgs, s->msg_room * sizeof(s->msgs[0]));
	}
	m->id = s->msg_cnt;
	s->msgs[s->msg_cnt++] = m;
	m->from = from;
	m->to = to;
	m->mode = mode;
	m->cnt = cnt;
	m->plen = plen;
	m->m.pkt_cnt = cnt;
	m->buf = malloc((size_t)cnt * plen + 1);
	for (i = 0; i < cnt; i++)
		for (j = 0; j < plen; j++)
			m->buf[(size_t)i * plen + j] = sim_byte(m->id, i, j);
	m->seen = calloc(cnt, 1);
	m->resp = calloc(cnt, 1);
	m->data = calloc(cnt, 1);
	m->lives = calloc(cnt, sizeof(m->lives[0]));
	return m;
}

static inline int sim_post_uud(struct sim *s, struct sim_msg *m)
{
	uint8_t ses[UET_PDS_SES_MAX];
	struct uet_pds_fill f = { .ses = ses };
	int ret;

	sim_fill(NULL, &m->m, 0, &f);
	ret = uet_pds_send_uud(s->end[m->from].pds, &s->end[m->to].nic.addr, f.next_hdr, ses,
			       f.ses_len, f.iov, f.iov_cnt, s->now);
	m->finished = true;
	memset(m->buf, 0xee, m->plen);	/* it is no longer needed */
	return ret;
}

static inline int sim_post_msg(struct sim *s, struct sim_msg *m)
{
	struct uet_pds *pds = s->end[m->from].pds;
	const struct uet_addr *dst = &s->end[m->to].nic.addr;
	int ret;

	if (m->mode == UET_MODE_UUD)
		return sim_post_uud(s, m);
	if (m->mode == UET_MODE_RUDI)
		ret = uet_pds_post_rudi(pds, dst, &m->m, s->now);
	else
		ret = uet_pds_post(pds, dst, m->mode, &m->m, s->now);

	if (ret == 0) {
		s->open++;
		m->posted = true;
	}
	return ret;
}

static inline struct sim_msg *sim_post(struct sim *s, int from, int to, uint8_t mode,
				       uint32_t cnt, uint32_t plen)
{
	struct sim_msg *m = sim_msg(s, from, to, mode, cnt, plen);

	assert_int_equal(sim_post_msg(s, m), 0);
	return m;
}

static inline struct sim_msg *sim_read(struct sim *s, int from, int to, uint8_t mode,
				       uint32_t cnt, uint32_t plen)
{
	struct sim_msg *m = sim_msg(s, from, to, mode, cnt, plen);

	m->read = true;
	m->m.awaits = mode != UET_MODE_RUDI;
	assert_int_equal(sim_post_msg(s, m), 0);
	return m;
}

/* ---- running ---- */

static inline void sim_deliver_end(struct sim *s, int to)
{
	struct uet_nic_rx rx[64];
	struct sim_pkt *got[64], **pos = &s->flying, *p;
	struct sim_end *e = &s->end[to];
	int n = 0, i;

	while (*pos && (*pos)->at <= s->now && n < 64) {
		p = *pos;
		if (p->to != to) {
			pos = &p->next;
			continue;
		}
		*pos = p->next;
		if (!e->pds) {
			p->next = NULL;
			*e->inbox_tail = p;
			e->inbox_tail = &p->next;
			continue;
		}
		rx[n] = (struct uet_nic_rx){ .data = p->err ? NULL : p->data,
					     .len = p->err ? 0 : p->len, .err = p->err,
					     .src = p->src, .tos = p->tos,
					     .trim = p->trim };
		got[n++] = p;
	}
	s->flying_last = NULL;
	e->asleep = uet_max_u64(e->asleep, s->now + (uint64_t)n * e->cost);
	if (n)
		uet_pds_rx(e->pds, rx, n, s->now);
	for (i = 0; i < n; i++)
		free(got[i]);
}

/* The end for which a packet is due and which can take it; -1: none. */
static inline int sim_awake(const struct sim *s)
{
	const struct sim_pkt *p;

	for (p = s->flying; p && p->at <= s->now; p = p->next)
		if (s->end[p->to].asleep <= s->now)
			return p->to;
	return -1;
}

static inline void sim_deliver(struct sim *s)
{
	int i;

	while ((i = sim_awake(s)) >= 0) {
		sim_deliver_end(s, i);
		if (s->end[i].cost && s->end[i].pds)
			uet_pds_progress(s->end[i].pds, s->now, false);
	}
	for (i = 0; i < s->ends; i++) {
		struct sim_end *e = &s->end[i];

		e->room = e->room_max;
		if (e->pds && e->asleep <= s->now &&
		    (uet_pds_pending(e->pds) || uet_pds_next(e->pds) <= s->now))
			uet_pds_progress(e->pds, s->now, true);
	}
}

/* When something happens next. */
static inline uint64_t sim_next(const struct sim *s)
{
	uint64_t next = UET_TIME_NEVER;
	const struct sim_pkt *p;
	int i;

	for (p = s->flying; p && p->at < next; p = p->next)
		next = uet_min_u64(next, uet_max_u64(p->at, s->end[p->to].asleep));
	for (i = 0; i < s->ends; i++) {
		const struct sim_end *e = &s->end[i];

		if (!e->pds)
			continue;
		if (uet_pds_pending(e->pds) || uet_pds_next(e->pds) <= s->now)
			next = uet_min_u64(next, uet_max_u64(s->now + SIM_GRID, e->asleep));
		else
			next = uet_min_u64(next, uet_max_u64(uet_pds_next(e->pds),
							     e->asleep));
	}
	return next;
}

/* Run until @until. */
static inline void sim_run(struct sim *s, uint64_t until)
{
	sim_deliver(s);
	while (sim_next(s) <= until) {
		s->now = uet_max_u64(s->now, sim_next(s));
		sim_deliver(s);
	}
	s->now = uet_max_u64(s->now, until);
}

/* Run for @ns. */
static inline void sim_run_for(struct sim *s, uint64_t ns)
{
	sim_run(s, s->now + ns);
}

/* Run until every message is done, at most @ns. Returns true if they are. */
static inline bool sim_run_done(struct sim *s, uint64_t ns)
{
	uint64_t until = s->now + ns;

	sim_deliver(s);
	while (s->open && sim_next(s) <= until) {
		s->now = uet_max_u64(s->now, sim_next(s));
		sim_deliver(s);
	}
	return s->open == 0;
}

/* ---- looking inside ---- */

static inline const struct uet_pds_stats *sim_stats(const struct sim *s, int i)
{
	return uet_pds_stats(s->end[i].pds);
}

/* First PDC of end @i, or NULL. */
static inline struct uet_pdc *sim_pdc(const struct sim *s, int i)
{
	struct uet_pds *pds = s->end[i].pds;

	if (uet_list_empty(&pds->all))
		return NULL;
	return uet_list_entry(uet_list_first(&pds->all), struct uet_pdc, all);
}

static inline uint32_t sim_pdcs(const struct sim *s, int i)
{
	return s->end[i].pds->pdcs.used;
}

/* Bytes in flight, as the CCCs of @pds have it. */
static inline uint64_t sim_inflight(const struct uet_pds *pds)
{
	const struct uet_ccc *ccc;
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i <= pds->cccs.bucket_mask; i++)
		for (ccc = pds->cccs.buckets[i]; ccc; ccc = ccc->hash_next)
			bytes += ccc->cms.inflight;
	return bytes;
}

/* Every counter of every PDC agrees with its descriptors. */
static inline void sim_check(const struct sim *s)
{
	int i;

	for (i = 0; i < s->ends; i++) {
		struct uet_list *pos;
		uint64_t all = 0;

		if (!s->end[i].pds)
			continue;
		uet_list_for_each(pos, &s->end[i].pds->all) {
			struct uet_pdc *p = uet_list_entry(pos, struct uet_pdc, all);
			uint32_t cnt[5] = { 0 }, bytes = 0, psn;

			for (psn = p->tx_base; psn != p->tx_next; psn++) {
				struct uet_txd *d = uet_txd_at(p, psn);

				cnt[d->state]++;
				if (d->state == UET_TXD_FLIGHT)
					bytes += d->bytes;
			}
			assert_int_equal(cnt[UET_TXD_FLIGHT], p->flight_cnt);
			assert_int_equal(cnt[UET_TXD_RETX], p->retx_cnt);
			assert_int_equal(cnt[UET_TXD_DELAY], p->delay_cnt);
			assert_int_equal(bytes, p->flight_bytes);
			assert_true(bytes <= p->ccc->cms.inflight);
			all += bytes;
		}
		assert_int_equal(all, sim_inflight(s->end[i].pds));
	}
}

static inline void sim_free(struct sim *s)
{
	uint32_t m;
	int i;

	sim_check(s);
	for (i = 0; i < s->ends; i++) {
		struct sim_pkt *p;

		if (s->end[i].pds)
			uet_pds_destroy(s->end[i].pds);
		while ((p = s->end[i].inbox)) {
			s->end[i].inbox = p->next;
			free(p);
		}
	}
	while (s->flying) {
		struct sim_pkt *p = s->flying;

		s->flying = p->next;
		free(p);
	}
	for (m = 0; m < s->msg_cnt; m++) {
		free(s->msgs[m]->buf);
		free(s->msgs[m]->seen);
		free(s->msgs[m]->resp);
		free(s->msgs[m]->data);
		free(s->msgs[m]->lives);
		free(s->msgs[m]);
	}
	free(s->msgs);
}

#endif /* UET_TEST_PDS_SIM_H */
