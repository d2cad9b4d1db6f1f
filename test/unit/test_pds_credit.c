/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pds_raw.h"

#define PLEN	1024u
#define GBIT	125ull		/* bytes per us */
#define BASE	(20 * USEC)

static struct uet_pds_cfg credit_cfg(void)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.cms.mtu = PLEN + 100;
	cfg.cms.charge_min = 0;
	cfg.cms.algorithm = UET_CMS_RCCC;
	cfg.cms.link_rate = GBIT * 8 * 1000000;
	cfg.cms.base_rtt = BASE;
	return cfg;
}

/* The window of a source with that configuration. */
static uint64_t window(void)
{
	struct uet_pds_cfg cfg = credit_cfg();

	return uet_cms_credit_max(&cfg.cms, uet_cms_first_base(&cfg.cms));
}

/* Bytes that a packet of PLEN is charged. */
static uint32_t charge(void)
{
	return UET_PDS_CC_REQ_LEN + SIM_SES + PLEN + UET_CMS_EXTRA;
}

static struct uet_rccc *rccc(const struct sim *s, int i)
{
	return &sim_pdc(s, i)->ccc->cms.rccc;
}

/* @n senders with receiver credit, and a receiver on a link of 1 Gb/s: the last end. */
static int star_with(struct sim *s, uint64_t seed, int n, uint8_t algorithm)
{
	struct uet_pds_cfg cfg = credit_cfg();
	int i;

	cfg.cms.algorithm = algorithm;
	sim_init(s, seed);
	for (i = 0; i <= n; i++)
		sim_add(s, &cfg);
	s->end[n].rate = GBIT;
	return n;
}

static int star(struct sim *s, uint64_t seed, int n)
{
	return star_with(s, seed, n, UET_CMS_RCCC);
}

/* Packets of end @from that arrived. */
static uint64_t arrived(const struct sim *s, int from)
{
	uint64_t n = 0;
	uint32_t m, i;

	for (m = 0; m < s->msg_cnt; m++)
		for (i = 0; s->msgs[m]->from == from && i < s->msgs[m]->cnt; i++)
			n += s->msgs[m]->seen[i];
	return n;
}

/* ---- the test as the peer ---- */

static struct sim net;
static struct raw peer;

/* CREDIT as target. */
static void say_credit(uint32_t total)
{
	struct uet_pds_hdr h = {
		.type = UET_PDS_CP, .ctl_type = UET_CTL_CREDIT, .spdcid = peer.tpdcid,
		.dpdcid = peer.peer_id, .payload = total << 8,
	};

	sim_speak(peer.s, peer.me, peer.other, &h, NULL, 0);
}

/* Play the target of a source with receiver credit that posts @cnt packets in @mode. */
static struct uet_pds_hdr begin_target(uint8_t mode, uint32_t cnt)
{
	struct uet_pds_cfg cfg = credit_cfg();
	struct uet_pds_hdr h;

	raw_init_target(&peer, &net, mode, &cfg);
	sim_post(&net, 1, 0, mode, cnt, PLEN);
	raw_turn(&peer);
	h = raw_take_request(&peer);
	return h;
}

static void requests_ask_for_credit(void **state)
{
	struct uet_pds_hdr h;
	uint8_t mode, id;

	(void)state;
	for (mode = UET_MODE_RUD; mode <= UET_MODE_ROD; mode++) {
		h = begin_target(mode, 3);
		assert_int_equal(h.type, mode == UET_MODE_ROD ? UET_PDS_ROD_CC_REQ :
								UET_PDS_RUD_CC_REQ);
		/* It speculates, so it asks for a packet at least. */
		assert_int_equal(h.credit_target, uet_credit_units(PLEN + 100));
		id = h.ccc_id;
		h = raw_take_request(&peer);
		assert_int_equal(h.ccc_id, id);
		h = raw_take_request(&peer);
		/* Nothing waits behind the last. */
		assert_int_equal(h.credit_target, uet_credit_units(PLEN + 100));
		raw_ack(&peer, 2, 2);
		assert_int_equal(net.open, 0);
		sim_free(&net);
	}
}

static void first_window_then_credit(void **state)
{
	uint32_t sent = 1, asked = 0, more;
	struct uet_pds_hdr h, last;

	(void)state;
	last = begin_target(UET_MODE_RUD, 500);
	while (!raw_silent(&peer)) {
		last = raw_take_request(&peer);
		sent++;
		if (last.flags & UET_PDS_F_AR)
			asked = sent;
	}
	assert_int_equal(sent, (window() + charge() - 1) / charge());
	/* An ACK is on its way when the credit is used up, or almost. */
	assert_true(sent - asked <= 3);
	assert_in_range(last.credit_target, uet_credit_units(window()),
			uet_credit_units(window() + charge()));

	/* What is acknowledged opens nothing; it asks once, then waits. */
	raw_ack(&peer, (int32_t)sent - 1, (int32_t)sent - 1);
	raw_turn(&peer);
	assert_true(raw_silent(&peer));

	/* A grant for three packets; what it lacks for a fourth is made good by the next. */
	say_credit(uet_credit_units(3 * charge()));
	raw_turn(&peer);
	for (more = 0; !raw_silent(&peer); more++)
		raw_take_request(&peer);
	assert_in_range(more, 2, 4);
	say_credit(uet_credit_units(7 * charge()));
	raw_turn(&peer);
	for (; !raw_silent(&peer); more++)
		h = raw_take_request(&peer);
	assert_in_range(more, 6, 8);
	assert_true(uet_credit_ahead(h.credit_target, last.credit_target));

	/* In an ACK_CC of type CREDIT it counts just as much. */
	h = (struct uet_pds_hdr){
		.type = UET_PDS_ACK_CC, .cc_type = UET_CC_CREDIT, .psn = peer.start + sent - 1,
		.spdcid = peer.tpdcid, .dpdcid = peer.peer_id, .mpr = 8, .sack_psn_offset = 1,
		.cc.credit = uet_credit_units(12 * charge()),
	};
	sim_speak(&net, 0, 1, &h, NULL, 0);
	raw_turn(&peer);
	for (; !raw_silent(&peer); more++)
		raw_take_request(&peer);
	assert_in_range(more, 11, 13);
	sim_free(&net);
}

/* Run for @ns and count the CREDIT_REQs that come; all of them ask for @total. */
static uint32_t count_requests(uint64_t ns, uint32_t total, uint8_t id)
{
	struct uet_pds_hdr h;
	uint32_t n = 0;

	sim_run_for(&net, ns);
	while (!raw_silent(&peer)) {
		h = raw_take(&peer, NULL);
		if (h.type != UET_PDS_CP)
			continue;
		assert_int_equal(h.ctl_type, UET_CTL_CREDIT_REQ);
		assert_int_equal(h.dpdcid, peer.tpdcid);
		assert_int_equal(h.payload >> 24, id);
		assert_int_equal(h.payload & UET_CREDIT_MASK, total);
		n++;
	}
	return n;
}

static void blocked_source_asks(void **state)
{
	struct uet_pds_hdr h;
	uint32_t want = uet_credit_units(PLEN + 100);

	(void)state;
	/* One packet, acknowledged: credit is over, and nothing more was asked for. */
	h = begin_target(UET_MODE_RUD, 1);
	assert_int_equal(h.credit_target, 0);
	raw_ack(&peer, 0, 0);
	assert_int_equal(net.open, 0);
	sim_post(&net, 1, 0, UET_MODE_RUD, 1, PLEN);
	assert_int_equal(count_requests(4 * USEC, want, h.ccc_id), 0);	/* on its way */
	assert_int_equal(count_requests(40 * USEC, want, h.ccc_id), 1);
	/* Promised now: some patience, longer and longer. */
	assert_int_equal(count_requests(4 * BASE, want, h.ccc_id), 0);
	assert_in_range(count_requests(2 * MSEC, want, h.ccc_id), 1, 4);
	/* It lives, but has nothing to give: no packet leaves without credit. */
	{
		int i;

		for (i = 0; i < 20; i++) {
			say_credit(0);
			assert_in_range(count_requests(2 * MSEC, want, h.ccc_id), 0, 2);
		}
	}
	assert_int_equal(sim_stats(&net, 1)->tx_data, 1);
	say_credit(want);
	raw_turn(&peer);
	h = raw_take_request(&peer);
	assert_int_equal(sim_stats(&net, 1)->tx_data, 2);
	assert_int_equal(sim_stats(&net, 1)->tx_credit_req,
			 sim_stats(&net, 1)->tx_cp);
	raw_ack(&peer, 1, 1);
	assert_int_equal(net.open, 0);
	sim_free(&net);
}

static void silent_target_gets_single_packets(void **state)
{
	uint64_t before;

	(void)state;
	begin_target(UET_MODE_RUD, 1);
	raw_ack(&peer, 0, 0);
	sim_post(&net, 1, 0, UET_MODE_RUD, 100, PLEN);
	raw_turn(&peer);
	before = sim_stats(&net, 1)->tx_data;
	/* One per time-out, and each time-out is longer than the last. */
	sim_run_for(&net, 80 * MSEC);
	assert_in_range(sim_stats(&net, 1)->tx_data - before, 2, 10);
	sim_free(&net);
}

static void repetitions_need_credit(void **state)
{
	struct uet_pds_hdr h;
	uint64_t before;
	int32_t n = 1, i;

	(void)state;
	begin_target(UET_MODE_RUD, 400);
	for (; !raw_silent(&peer); n++)
		raw_take_request(&peer);
	/* All but the first five packets arrived. */
	raw_ack_with(&peer, -1, 5, 0, raw_ok, sizeof(raw_ok), 8, 1);
	raw_ack_with(&peer, -1, 63, 0, raw_ok, sizeof(raw_ok), 8, ~0ull << 5);
	before = sim_stats(&net, 1)->tx_data;
	raw_turn(&peer);
	assert_true(sim_pdc(&net, 1)->retx_cnt >= 4);
	assert_int_equal(sim_stats(&net, 1)->tx_data, before);
	say_credit(uet_credit_units(window()) + uet_credit_units(2 * charge()));
	raw_turn(&peer);
	for (i = 0; i < 2; i++) {
		do
			h = raw_take(&peer, NULL);
		while (h.type == UET_PDS_CP);
		assert_true(h.flags & UET_PDS_F_RETX);
		assert_int_equal(h.type, UET_PDS_RUD_CC_REQ);
	}
	sim_free(&net);
}

/* Credit state in requests of the test. */
static void say_request(uint32_t at, uint8_t id, uint32_t target)
{
	struct sim_msg *m = sim_msg(&net, 0, 1, UET_MODE_RUD, 1, 100);
	struct uet_pds_hdr h = {
		.type = UET_PDS_RUD_CC_REQ, .next_hdr = UET_HDR_REQUEST_STD,
		.flags = UET_PDS_F_AR, .psn = peer.start + at, .offset = -1,
		.spdcid = peer.id, .dpdcid = peer.peer_id, .ccc_id = id,
		.credit_target = target,
	};
	uint8_t buf[4096];

	sim_speak(&net, 0, 1, &h, buf, sim_ses(m, 0, buf));
}

/* Total of the last CREDIT that came, -1 if none did; ACKs are skipped. */
static int64_t last_credit(void)
{
	struct uet_pds_hdr h;
	int64_t total = -1;

	while (!raw_silent(&peer)) {
		h = raw_take(&peer, NULL);
		if (h.type != UET_PDS_CP)
			continue;
		assert_int_equal(h.ctl_type, UET_CTL_CREDIT);
		assert_int_equal(h.psn, 0);
		assert_int_equal(h.flags, 0);
		assert_int_equal(h.dpdcid, peer.id);
		assert_int_equal(h.payload & 0xff, 0);
		total = h.payload >> 8;
	}
	return total;
}

static void target_grants(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();

	(void)state;
	raw_init(&peer, &net, UET_MODE_RUD, &cfg);
	raw_open(&peer);
	raw_turn(&peer);
	assert_int_equal(last_credit(), -1);	/* nobody asked */
	say_request(1, 9, 10);
	assert_true(uet_pds_next(net.end[1].pds) <= net.now);
	raw_turn(&peer);
	assert_in_range(last_credit(), 10, 30);
	/* Slow credit for one that may go on, and then nothing more. */
	sim_run_for(&net, 9 * MSEC);
	assert_in_range(last_credit(), uet_credit_units(window()),
			uet_credit_units(window()) + 10);
	sim_run_for(&net, 500 * MSEC);
	assert_int_equal(last_credit(), -1);
	assert_int_equal(sim_stats(&net, 1)->tx_credit, sim_stats(&net, 1)->tx_cp);

	/* The context of another life is another one. */
	say_request(2, 10, 3);
	raw_turn(&peer);
	assert_in_range(last_credit(), 3, 30);
	/* A CREDIT_REQ is answered though there is nothing new. */
	sim_run_for(&net, 20 * MSEC);
	last_credit();
	raw_ctl(&peer, UET_CTL_CREDIT_REQ, 0, 0, 10u << 24 | 3);
	raw_turn(&peer);
	assert_true(last_credit() >= 3);
	sim_free(&net);
}

static void contexts_are_bounded(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();
	uint32_t i;

	(void)state;
	raw_init(&peer, &net, UET_MODE_RUD, &cfg);
	raw_open(&peer);
	for (i = 1; i < 600; i++) {
		say_request(i, (uint8_t)i, 5);
		sim_run_for(&net, 400 * USEC);
		assert_true(last_credit() >= 5);
	}
	assert_in_range(net.end[1].pds->credit.flows.used, 1, 4);
	sim_free(&net);
}

static void credit_ends_with_its_pdc(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();
	struct uet_pds *pds;

	(void)state;
	raw_init(&peer, &net, UET_MODE_RUD, &cfg);
	raw_open(&peer);
	pds = net.end[1].pds;
	say_request(1, 9, 5000);
	raw_turn(&peer);
	assert_true(last_credit() > 0);
	/* Much of it is still to be granted, and some is due; so it is for another context. */
	raw_ctl(&peer, UET_CTL_CREDIT_REQ, 0, 0, 8u << 24 | 5000);
	raw_ctl(&peer, UET_CTL_CREDIT_REQ, 0, 0, 9u << 24 | 5000);
	uet_pdc_fail(pds, sim_pdc(&net, 1), -EIO, 0, -EIO);
	sim_run_for(&net, 50 * MSEC);
	assert_int_equal(last_credit(), -1);
	assert_true(uet_pds_next(pds) == UET_TIME_NEVER);
	sim_free(&net);
}

static void plain_fep_ignores_credit(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	uint64_t sent;

	(void)state;
	raw_init(&peer, &net, UET_MODE_RUD, &cfg);
	raw_open(&peer);
	say_request(1, 9, 100);
	raw_ctl(&peer, UET_CTL_CREDIT_REQ, 0, 0, 9u << 24 | 100);
	raw_ctl(&peer, UET_CTL_CREDIT, 0, 0, 100u << 8);
	raw_turn(&peer);
	sim_run_for(&net, 20 * MSEC);
	assert_int_equal(last_credit(), -1);
	assert_int_equal(net.end[1].rx_cnt, 2);
	assert_int_equal(net.end[1].pds->credit.flows.used, 0);
	sent = sim_stats(&net, 1)->tx_credit;
	assert_int_equal(sent, 0);
	sim_free(&net);
}

static void trimmed_packets_are_granted_again(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();
	struct uet_pds_hdr h = { .type = UET_PDS_RUD_CC_REQ, .ccc_id = 9, .credit_target = 4 };
	struct uet_pds_hdr plain = { .type = UET_PDS_RUD_REQ };
	struct uet_pds *pds;

	(void)state;
	raw_init(&peer, &net, UET_MODE_RUD, &cfg);
	raw_open(&peer);
	pds = net.end[1].pds;
	say_request(1, 9, 4);
	sim_run_for(&net, 20 * MSEC);
	last_credit();
	uet_credit_rx_trimmed(pds, sim_pdc(&net, 1), &plain, false);
	assert_true(uet_pds_next(pds) > net.now);
	uet_credit_rx_trimmed(pds, sim_pdc(&net, 1), &h, false);
	assert_int_equal(pds->credit.pacer.trims, 1);
	raw_turn(&peer);
	assert_true(last_credit() > 4);
	sim_free(&net);
}

/* ---- both ends real ---- */

static void runs_at_the_rate_of_the_link(void **state)
{
	struct sim s;
	int to = star(&s, 1, 1);
	uint64_t began, ns;

	(void)state;
	began = s.now;
	sim_post(&s, 0, to, UET_MODE_RUD, 4000, PLEN);
	assert_true(sim_run_done(&s, 2 * SEC));
	ns = s.now - began;
	assert_in_range(ns, 4000ull * charge() * USEC / GBIT,
			4000ull * charge() * USEC / GBIT * 105 / 100);
	assert_int_equal(sim_stats(&s, 0)->retx_rto + sim_stats(&s, 0)->retx_sack, 0);
	assert_true(sim_stats(&s, to)->tx_credit < 4000 / 2);
	sim_free(&s);
}

/* @n senders with more to send than they can: each gets its share of the link. */
static void share_with(int n, uint8_t mode, uint32_t drop_ppm, uint8_t algorithm)
{
	uint64_t before[SIM_ENDS], got[SIM_ENDS], sum = 0;
	double x = 0, xx = 0, link;
	struct sim s;
	int to = star_with(&s, 7, n, algorithm), i;

	s.drop_ppm = drop_ppm;
	for (i = 0; i < n; i++)
		sim_post(&s, i, to, mode, 6000, PLEN);
	sim_run_for(&s, 15 * MSEC);
	s.end[to].queued = 0;
	for (i = 0; i < n; i++)
		before[i] = arrived(&s, i);
	sim_run_for(&s, 40 * MSEC);
	for (i = 0; i < n; i++) {
		got[i] = arrived(&s, i) - before[i];
		sum += got[i];
		x += (double)got[i];
		xx += (double)got[i] * (double)got[i];
	}
	link = (double)(40 * MSEC / USEC * GBIT / charge());
	assert_true(x * x / (n * xx) >= 0.95);
	assert_true((double)sum >= link * (drop_ppm ? 0.85 : 0.95));
	/*
	 * They send what the link carries, so that next to nothing waits for it. NSCC holds credit
	 * back at times, and spends it when it finds the queue short enough.
	 */
	assert_true(s.end[to].queued <= (algorithm == UET_CMS_RCCC ? 1 : 2) * window() * USEC /
					GBIT);
	sim_free(&s);
}

static void share(int n, uint8_t mode, uint32_t drop_ppm)
{
	share_with(n, mode, drop_ppm, UET_CMS_RCCC);
}

static void senders_share(void **state)
{
	(void)state;
	share(2, UET_MODE_RUD, 0);
	share(8, UET_MODE_RUD, 0);
	share(4, UET_MODE_ROD, 0);
}

static void senders_share_under_loss(void **state)
{
	(void)state;
	share(2, UET_MODE_RUD, 5000);
	share(8, UET_MODE_RUD, 5000);
}

static void senders_share_with_nscc_as_well(void **state)
{
	(void)state;
	share_with(2, UET_MODE_RUD, 0, UET_CMS_NSCC | UET_CMS_RCCC);
	share_with(8, UET_MODE_RUD, 0, UET_CMS_NSCC | UET_CMS_RCCC);
}

static enum sim_verdict drop_credits(struct sim *s, int from, int to,
				     const struct uet_pds_hdr *h)
{
	(void)from;
	(void)to;
	if (h->type != UET_PDS_CP || h->ctl_type != UET_CTL_CREDIT)
		return SIM_PASS;
	return s->arg[0]-- > 0 || sim_chance(s, (uint32_t)s->arg[1]) ? SIM_DROP : SIM_PASS;
}

static void lost_credits_heal(void **state)
{
	static const struct { int64_t first, ppm; } cases[] = {
		{ 20, 0 }, { 0, 300000 }, { 0, 700000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < UET_ARRAY_SIZE(cases); i++) {
		struct sim s;
		int to = star(&s, i + 3, 2), k;

		s.filter = drop_credits;
		s.arg[0] = cases[i].first;
		s.arg[1] = cases[i].ppm;
		for (k = 0; k < 2; k++)
			sim_post(&s, k, to, UET_MODE_RUD, 1000, PLEN);
		assert_true(sim_run_done(&s, 400 * MSEC));
		sim_free(&s);
	}
}

static void all_credits_lost_is_no_deadlock(void **state)
{
	struct sim s;
	int to = star(&s, 5, 1);

	(void)state;
	s.filter = drop_credits;
	s.arg[1] = 1000000;
	sim_post(&s, 0, to, UET_MODE_RUD, 500, PLEN);
	assert_true(sim_run_done(&s, 2 * SEC));
	assert_true(rccc(&s, 0)->mute);
	sim_free(&s);
}

static void peer_without_credit(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg(), plain = sim_cfg();
	struct sim s;

	(void)state;
	sim_init(&s, 1);
	sim_add(&s, &cfg);
	sim_add(&s, &plain);
	sim_post(&s, 0, 1, UET_MODE_RUD, 2000, PLEN);
	sim_post(&s, 1, 0, UET_MODE_ROD, 2000, PLEN);
	assert_true(sim_run_done(&s, 2 * SEC));
	assert_int_equal(sim_stats(&s, 1)->tx_credit, 0);
	assert_int_equal(sim_stats(&s, 0)->tx_credit, 0);
	/* From then on it goes fast. */
	sim_post(&s, 0, 1, UET_MODE_RUD, 1000, PLEN);
	assert_true(sim_run_done(&s, 3 * MSEC));
	sim_free(&s);
}

static void totals_wrap(void **state)
{
	struct sim s;
	int to = star(&s, 9, 2), i;
	struct uet_list *pos;

	(void)state;
	for (i = 0; i < 2; i++)
		sim_post(&s, i, to, UET_MODE_RUD, 100, PLEN);
	assert_true(sim_run_done(&s, SEC));
	sim_run_for(&s, 30 * MSEC);
	for (i = 0; i < 2; i++)
		rccc(&s, i)->granted = rccc(&s, i)->target = 0xffffc0 + (uint32_t)i;
	i = 0;
	uet_list_for_each(pos, &s.end[to].pds->all) {
		struct uet_pdc *p = uet_list_entry(pos, struct uet_pdc, all);
		const struct uet_addr *src = uet_pdc_peer(p);

		i = (int)(src->port - SIM_BASE_PORT);
		p->flow->pace.granted = p->flow->pace.target = 0xffffc0 + (uint32_t)i;
	}
	for (i = 0; i < 2; i++)
		sim_post(&s, i, to, UET_MODE_RUD, 2000, PLEN);
	assert_true(sim_run_done(&s, 60 * MSEC));
	for (i = 0; i < 2; i++)
		assert_true(rccc(&s, i)->granted < 0x8000);
	sim_free(&s);
}

static void speculates_again_when_idle(void **state)
{
	struct sim s;
	int to = star(&s, 11, 1), i;

	(void)state;
	for (i = 0; i < 5; i++) {
		uint64_t began = s.now;

		/* Nobody has to be asked for a burst of less than a window. */
		sim_post(&s, 0, to, UET_MODE_RUD, 4, PLEN);
		assert_true(sim_run_done(&s, 10 * MSEC));
		assert_true(s.now - began <= 4 * charge() * USEC / GBIT + 3 * BASE);
		assert_int_equal(sim_stats(&s, 0)->tx_credit_req, 0);
		sim_run_for(&s, 50 * MSEC);
	}
	/* Soon after one another they use slow credit. */
	for (i = 0; i < 20; i++) {
		sim_post(&s, 0, to, UET_MODE_RUD, 1, PLEN);
		assert_true(sim_run_done(&s, 10 * MSEC));
		sim_run_for(&s, 300 * USEC);
	}
	assert_int_equal(sim_stats(&s, 0)->tx_credit_req, 0);
	/* When all is over, all is quiet. */
	sim_run_for(&s, 20 * MSEC);
	i = (int)s.packets;
	sim_run_for(&s, 500 * MSEC);
	assert_int_equal(s.packets, i);
	sim_free(&s);
}

static void restarts_heal(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();
	struct sim s;
	int to = star(&s, 13, 2), i, round;

	(void)state;
	s.lax = true;
	for (round = 0; round < 6; round++) {
		for (i = 0; i < 2; i++)
			sim_post(&s, i, to, UET_MODE_RUD, 300, PLEN);
		assert_true(sim_run_done(&s, 7 * SEC));
		sim_restart(&s, round % 3, &cfg);
		sim_run_for(&s, 100 * USEC);
	}
	sim_free(&s);
}

static void forgets_and_agrees_after_a_while(void **state)
{
	struct sim s;
	int to = star(&s, 15, 1), i;

	(void)state;
	for (i = 0; i < 4; i++) {
		sim_post(&s, 0, to, UET_MODE_RUD, 500, PLEN);
		assert_true(sim_run_done(&s, 50 * MSEC));
		/* All PDCs close; contexts live longer, and differ in how long. */
		sim_run_for(&s, i % 2 ? 3 * SEC : 14 * SEC);
		assert_int_equal(sim_pdcs(&s, 0), 0);
	}
	sim_free(&s);
}

static void reads_and_both_ways(void **state)
{
	struct sim s;
	int to = star(&s, 17, 3), i, k;

	(void)state;
	s.end[0].rate = s.end[1].rate = s.end[2].rate = GBIT;
	s.drop_ppm = 20000;
	s.dup_ppm = 10000;
	s.late_ppm = 20000;
	for (k = 0; k < 10; k++)
		for (i = 0; i < 3; i++) {
			sim_read(&s, i, to, k % 2 ? UET_MODE_ROD : UET_MODE_RUD, 20, PLEN);
			sim_post(&s, i, to, UET_MODE_ROD, 20, PLEN);
			sim_post(&s, to, i, UET_MODE_RUD, 20, PLEN);
			sim_read(&s, to, i, UET_MODE_RUD, 10, PLEN);
		}
	assert_true(sim_run_done(&s, 5 * SEC));
	sim_free(&s);
}

static void one_sender_shares_its_link(void **state)
{
	struct uet_pds_cfg cfg = credit_cfg();
	struct sim s;
	int i;

	(void)state;
	sim_init(&s, 19);
	for (i = 0; i < 4; i++)
		sim_add(&s, &cfg);
	for (i = 1; i < 4; i++)
		s.end[i].rate = GBIT;
	for (i = 1; i < 4; i++)
		sim_post(&s, 0, i, UET_MODE_RUD, 3000, PLEN);
	sim_run_for(&s, 5 * MSEC);
	assert_int_equal(s.end[0].pds->credit.asking, 3);
	assert_true(sim_run_done(&s, SEC));
	assert_int_equal(s.end[0].pds->credit.asking, 0);
	sim_free(&s);
}

/* A NIC that takes little, and timers, do not lose a CREDIT. */
static void slow_nic(void **state)
{
	struct sim s;
	int to = star(&s, 21, 2), i;

	(void)state;
	s.end[to].room_max = 1;
	for (i = 0; i < 2; i++)
		sim_post(&s, i, to, UET_MODE_RUD, 500, PLEN);
	assert_true(sim_run_done(&s, SEC));
	sim_free(&s);
}

static void dead_receiver_fails_messages(void **state)
{
	struct sim s;
	struct sim_msg *m;
	int to = star(&s, 23, 1);

	(void)state;
	m = sim_post(&s, 0, to, UET_MODE_RUD, 2000, PLEN);
	sim_run_for(&s, 2 * MSEC);
	s.end[to].deaf = true;
	assert_true(sim_run_done(&s, 30 * SEC));
	assert_int_equal(m->err, -ETIMEDOUT);
	assert_int_equal(s.end[0].pds->credit.asking, 0);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_ask_for_credit),
		cmocka_unit_test(first_window_then_credit),
		cmocka_unit_test(blocked_source_asks),
		cmocka_unit_test(silent_target_gets_single_packets),
		cmocka_unit_test(repetitions_need_credit),
		cmocka_unit_test(target_grants),
		cmocka_unit_test(contexts_are_bounded),
		cmocka_unit_test(credit_ends_with_its_pdc),
		cmocka_unit_test(plain_fep_ignores_credit),
		cmocka_unit_test(trimmed_packets_are_granted_again),
		cmocka_unit_test(runs_at_the_rate_of_the_link),
		cmocka_unit_test(senders_share),
		cmocka_unit_test(senders_share_under_loss),
		cmocka_unit_test(senders_share_with_nscc_as_well),
		cmocka_unit_test(lost_credits_heal),
		cmocka_unit_test(all_credits_lost_is_no_deadlock),
		cmocka_unit_test(peer_without_credit),
		cmocka_unit_test(totals_wrap),
		cmocka_unit_test(speculates_again_when_idle),
		cmocka_unit_test(restarts_heal),
		cmocka_unit_test(forgets_and_agrees_after_a_while),
		cmocka_unit_test(reads_and_both_ways),
		cmocka_unit_test(one_sender_shares_its_link),
		cmocka_unit_test(slow_nic),
		cmocka_unit_test(dead_receiver_fails_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
