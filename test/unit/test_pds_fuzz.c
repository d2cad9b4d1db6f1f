/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Hostile packets against live state. From a foreign host: nothing may be delivered, and no
 * message may end. From the peer's own address (a forger on the path, or a mad peer): anything
 * may happen to the traffic, but every counter must stay right, and nothing may crash or hang.
 */
#include "pds_raw.h"

#ifndef ROUNDS
#define ROUNDS	8		/* more with make CPPFLAGS=-DROUNDS=... */
#endif
#define ROUNDS_SHORT 2		/* UET_TEST_SHORT: where a round takes seconds, under valgrind */
#define PACKETS	400

static uint64_t rounds(void)
{
	return getenv("UET_TEST_SHORT") ? ROUNDS_SHORT : ROUNDS;
}

static uint32_t pick(struct sim *s, uint32_t below)
{
	return uet_rand_u32(&s->rand) % below;
}

/* A value near one that matters. */
static uint32_t near(struct sim *s, uint32_t v)
{
	static const uint32_t steps[] = { 0, 1, 2, 5, 63, 64, 128, 1023, 1024, 1025, 4096,
					  32767, 32768, 65536, 1u << 31 };
	uint32_t d = steps[pick(s, UET_ARRAY_SIZE(steps))];

	return pick(s, 2) ? v + d : v - d;
}

/* A header that fits PDC @p of the receiver in most respects, as if its peer had sent it. */
static void make(struct sim *s, const struct uet_pds *pds, const struct uet_pdc *p,
		 struct uet_pds_hdr *h)
{
	static const uint8_t types[] = {
		UET_PDS_RUD_REQ, UET_PDS_ROD_REQ, UET_PDS_ACK, UET_PDS_ACK_CC, UET_PDS_ACK_CCX,
		UET_PDS_NACK, UET_PDS_CP, UET_PDS_NACK_CCX, UET_PDS_RUD_CC_REQ,
		UET_PDS_ROD_CC_REQ, UET_PDS_UUD_REQ, UET_PDS_RUDI_REQ, UET_PDS_RUDI_RESP,
	};
	uint32_t points[] = { p->tx_base, p->tx_next, p->tx_cack, p->rx_cack, p->rx_next,
			      p->rx_hi, p->start_psn, pds->rudi.next_id - pick(s, 200),
			      uet_rand_u32(&s->rand) };
	uint32_t at = points[pick(s, UET_ARRAY_SIZE(points))];

	*h = (struct uet_pds_hdr){
		.type = types[pick(s, UET_ARRAY_SIZE(types))],
		.next_hdr = pick(s, 4) ? (uint8_t)pick(s, 8) : UET_HDR_REQUEST_STD,
		.ctl_type = (uint8_t)pick(s, 12),
		.flags = pick(s, 3) ? 0 : (uint8_t)pick(s, 128),
		.spdcid = pick(s, 8) ? p->peer_id : (uint16_t)pick(s, 65536),
		.dpdcid = pick(s, 8) ? p->id : (uint16_t)pick(s, 65536),
		.psn = near(s, at),
		.offset = (int16_t)near(s, 0),
		.psn_offset = (uint16_t)pick(s, 4096),
		.payload = near(s, points[pick(s, UET_ARRAY_SIZE(points))]),
		.nack_code = pick(s, 2) ? (uint8_t)pick(s, 0x1c) : (uint8_t)pick(s, 256),
		.mpr = (uint8_t)pick(s, 256),
		.sack_psn_offset = (int16_t)near(s, 1),
		.sack_bitmap = uet_rand_u64(&s->rand) & uet_rand_u64(&s->rand),
		.ccc_id = (uint8_t)pick(s, 8),
		.credit_target = near(s, 0) & 0xffffff,
		.cc_type = (uint8_t)pick(s, 3),
	};
}

/* Throw a packet from @src at end @to; never with the flags of @without. */
static void throw_one(struct sim *s, int to, const struct uet_addr *src, uint8_t without)
{
	struct uet_pds *pds = s->end[to].pds;
	struct uet_list *pos = &pds->all;
	struct uet_pds_hdr h;
	uint8_t buf[256];
	uint32_t n, i, skip;

	for (skip = pick(s, 5) + 1; skip && !uet_list_empty(&pds->all); skip--)
		pos = pos->next == &pds->all ? pos->next->next : pos->next;
	if (uet_list_empty(&pds->all))
		return;
	make(s, pds, uet_list_entry(pos, struct uet_pdc, all), &h);
	h.flags &= (uint8_t)~without;
	/* Everybody may send these. */
	if (without && (h.type == UET_PDS_RUDI_REQ || h.type == UET_PDS_UUD_REQ))
		h.type = UET_PDS_RUDI_RESP;
	n = (uint32_t)uet_pds_pack(&h, buf);
	for (i = pick(s, 60); i; i--)
		buf[n++] = (uint8_t)pick(s, 256);
	if (pick(s, 8) == 0 && !without)
		buf[pick(s, n)] ^= (uint8_t)(1 << pick(s, 8));
	if (pick(s, 16) == 0)
		n = pick(s, n);
	sim_inject(s, src, to, buf, n, (uint8_t)pick(s, 4));
}

/* Two ends, with every kind of congestion control in turn. */
static void two(struct sim *s, uint64_t seed)
{
	struct uet_pds_cfg cfg = sim_cfg();

	cfg.cms.algorithm = (uint8_t)(seed % 4);
	sim_pair(s, seed, &cfg);
}

static void start_traffic(struct sim *s)
{
	uint32_t i;

	for (i = 0; i < 12; i++) {
		struct sim_msg *m = sim_msg(s, (int)(i & 1), (int)(~i & 1),
					    i % 4 == 1 ? UET_MODE_RUDI : i >> 1 & 1,
					    1 + pick(s, 200), pick(s, 300));

		m->gtd = i % 3 == 0;
		m->read = i % 5 == 0;
		m->m.awaits = m->read && m->mode != UET_MODE_RUDI;
		assert_int_equal(sim_post_msg(s, m), 0);
	}
}

static void foreign_packets_change_nothing(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < rounds(); seed++) {
		struct sim s;
		struct uet_addr far;
		uint32_t i;

		two(&s, seed);
		start_traffic(&s);
		far = s.end[0].nic.addr;
		far.ip[3] = 99;
		for (i = 0; i < PACKETS; i++) {
			uint32_t before = s.end[0].rx_cnt + s.end[1].rx_cnt, open = s.open;

			throw_one(&s, (int)pick(&s, 2), &far, UET_PDS_F_SYN);
			if (s.end[0].rx_cnt + s.end[1].rx_cnt != before)
				fail_msg("seed %llu: delivered", (unsigned long long)seed);
			assert_int_equal(s.open, open);
			if (i % 8 == 0)
				sim_run_for(&s, 10 * USEC);
		}
		assert_true(sim_run_done(&s, 10 * SEC));
		sim_check(&s);
		for (i = 0; i < s.msg_cnt; i++)
			assert_int_equal(s.msgs[i]->err, 0);
		sim_free(&s);
	}
}

/* ---- a mad peer ---- */

static void send_back(struct sim_end *e, struct uet_pdc *pdc)
{
	struct sim_msg *m = sim_msg(e->sim, e->index, !e->index, pdc->mode,
				    1 + pick(e->sim, 3), pick(e->sim, 100));

	m->parent = m;
	assert_int_equal(uet_pds_post_return(e->pds, pdc, &m->m, e->sim->now), 0);
	e->sim->open++;
}

/* Data answers some packet that awaits it. */
static void take_back(struct sim_end *e, struct uet_pdc *pdc)
{
	uint32_t index, psn = pdc->tx_base + pick(e->sim, 8);
	struct uet_pds_msg *msg = uet_pdc_msg_at(pdc, psn, &index);

	if (!msg || !msg->awaits)
		return;
	assert_int_equal(msg->psn0 + index, psn);
	uet_pds_answered(e->pds, msg, index);
	assert_null(uet_pdc_msg_at(pdc, psn, &index));
}

/* Above a mad peer nothing can be promised, so this floor checks nothing but the contract. */
static void lax_rx(void *upper, const struct uet_pds_rx *rx, struct uet_pds_answer *answer)
{
	struct sim_end *e = upper;
	uint32_t dice = pick(e->sim, 10);

	assert_true(rx->pdc || rx->mode >= UET_MODE_RUDI);
	answer->next_hdr = dice == 3 ? UET_HDR_RESPONSE_DATA_SMALL : UET_HDR_RESPONSE;
	answer->len = dice == 4 ? 0 : dice == 5 ? UET_PDS_ANSWER_MAX : 12;
	answer->gtd_del = dice < 3;
	answer->nack = dice == 9 ? UET_NACK_NO_PKT_BUFFER : 0;
	if (rx->mode == UET_MODE_RUDI && dice > 5) {
		answer->data = e->scratch;
		answer->data_len = pick(e->sim, sizeof(e->scratch));
	}
	if (rx->pdc && rx->next_hdr < UET_HDR_RESPONSE && dice > 4 && dice < 9)
		send_back(e, rx->pdc);
	else if (rx->pdc && rx->next_hdr > UET_HDR_RESPONSE)
		take_back(e, rx->pdc);
}

static bool lax_response(void *upper, struct uet_pds_msg *msg, uint32_t index, uint8_t next_hdr,
			 const uint8_t *ses, size_t len)
{
	struct sim_end *e = upper;

	(void)next_hdr;
	assert_true(index < msg->pkt_cnt);
	assert_true(len > 0);
	return ses[0] != 0xff && pick(e->sim, 5) != 0;
}

static void lax_done(void *upper, struct uet_pds_msg *msg, int err, uint8_t nack)
{
	struct sim_msg *m = uet_container_of(msg, struct sim_msg, m);
	struct sim_end *e = upper;

	(void)err;
	(void)nack;
	assert_false(m->finished);
	m->finished = true;
	free(m->buf);
	m->buf = NULL;
	e->sim->open--;
}

static const struct uet_pds_upper_ops lax_ops = {
	.fill = sim_fill, .response = lax_response, .done = lax_done, .rx = lax_rx,
	.pdc_gone = sim_gone,
};

static void mad_peer_breaks_nothing_here(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < rounds(); seed++) {
		struct sim s;
		uint32_t i;

		two(&s, seed + 1000);
		s.end[0].pds->ops = &lax_ops;
		s.end[1].pds->ops = &lax_ops;
		s.end[0].pds->cfg.max_stored = 20;
		s.end[1].room_max = s.end[1].room = (int)pick(&s, 3) * 10;
		start_traffic(&s);
		for (i = 0; i < PACKETS; i++) {
			int to = (int)pick(&s, 2);

			throw_one(&s, to, &s.end[!to].nic.addr, 0);
			if (i % 4 == 0)
				sim_run_for(&s, pick(&s, 4) * 10 * USEC);
			if (i % 64 == 0)
				start_traffic(&s);
			sim_check(&s);
		}
		/* Everything ends, one way or the other. */
		if (!sim_run_done(&s, 600 * SEC))
			fail_msg("seed %llu: %u messages hang", (unsigned long long)seed, s.open);
		sim_run_for(&s, 60 * SEC);
		assert_int_equal(sim_pdcs(&s, 0) + sim_pdcs(&s, 1), 0);
		sim_free(&s);
	}
}

/* Random bytes, for the parser's sake. */
static void noise(void **state)
{
	struct sim s;
	uint32_t i, j;

	(void)state;
	sim_two(&s, 5);
	for (i = 0; i < 20000; i++) {
		uint8_t buf[64] = { 0 };
		uint32_t n = pick(&s, sizeof(buf));

		for (j = 0; j < n; j++)
			buf[j] = (uint8_t)pick(&s, 256);
		if (n > 1 && (buf[0] >> 3 == UET_PDS_RUD_REQ || buf[0] >> 3 == UET_PDS_ROD_REQ ||
			      buf[0] >> 3 >= UET_PDS_RUD_CC_REQ))
			buf[1] &= (uint8_t)~UET_PDS_F_SYN;	/* its own PDCs are its right */
		if (n && (buf[0] >> 3 == UET_PDS_RUDI_REQ || buf[0] >> 3 == UET_PDS_UUD_REQ))
			buf[0] = UET_PDS_RUDI_RESP << 3;	/* and so are these */
		sim_inject(&s, &s.end[0].nic.addr, 1, buf, n, 0);
		if (i % 64 == 0)
			sim_run_for(&s, 10 * USEC);
	}
	assert_int_equal(s.end[1].rx_cnt, 0);
	sim_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_packets_change_nothing),
		cmocka_unit_test(mad_peer_breaks_nothing_here),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
