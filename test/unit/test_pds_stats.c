/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Counters add up, and PDCs look as they are. */
#include "pds_raw.h"

static struct sim s;
static struct raw r;

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

static uint64_t causes(const struct uet_pds_stats *st)
{
	return st->retx_rto + st->retx_sack + st->retx_nack + st->retx_goback;
}

static uint64_t sum(const uint64_t *codes)
{
	uint64_t total = 0;
	int i;

	for (i = 0; i < 32; i++)
		total += codes[i];
	return total;
}

/* Without loss each side receives what the other one sends. */
static void both_sides_agree(void **state)
{
	const struct uet_pds_stats *a, *b;
	uint64_t us;

	(void)state;
	sim_two(&s, 1);
	sim_post(&s, 0, 1, UET_MODE_RUD, 40, 500);
	sim_post(&s, 0, 1, UET_MODE_ROD, 10, 70);
	sim_post(&s, 0, 1, UET_MODE_RUDI, 5, 100);
	sim_post(&s, 1, 0, UET_MODE_RUD, 3, 20);
	assert_true(sim_run_done(&s, 100 * MSEC));
	sim_run_for(&s, 10 * MSEC);
	a = sim_stats(&s, 0);
	b = sim_stats(&s, 1);
	assert_true(a->tx_bytes > 40 * 500 + 10 * 70 + 5 * 100);
	assert_int_equal(a->tx_bytes, b->rx_bytes);
	assert_int_equal(b->tx_bytes, a->rx_bytes);
	assert_int_equal(a->tx_data, 55);
	assert_int_equal(a->tx_data, b->rx_data);
	assert_int_equal(a->tx_ack, b->rx_ack);
	assert_int_equal(a->tx_acked, 55);
	assert_int_equal(b->tx_acked, 3);
	assert_int_equal(a->tx_retx + causes(a) + b->tx_retx + causes(b), 0);
	/* Of RUDI there are no samples; with nothing in between all are alike. */
	us = 2 * s.delay / USEC;
	assert_true(uet_hist_total(&a->rtt) > 0);
	assert_true(uet_hist_total(&a->rtt) <= b->tx_ack - 5);
	assert_true(uet_hist_from(uet_hist_quantile(&a->rtt, 0) + 1) > us);
	assert_int_equal(a->rtt.count[0], 0);
}

/* The only PDC of @end, if it is not forgotten yet, has counted what all of the FEP have. */
static void check_pdc(int end)
{
	const struct uet_pds_stats *st = sim_stats(&s, end);
	const struct uet_pdc *pdc = sim_pdc(&s, end);
	const struct uet_pds_pdc_counts *c;
	uint64_t tx = 0;
	int i;

	assert_non_null(pdc);
	c = &pdc->counts;
	assert_int_equal(c->retx_rto, st->retx_rto);
	assert_int_equal(c->retx_sack, st->retx_sack);
	assert_int_equal(c->retx_nack, st->retx_nack);
	assert_int_equal(c->retx_goback, st->retx_goback);
	assert_int_equal(c->retx_trim, st->retx_trim);
	assert_int_equal(c->retx_needless, st->retx_needless);
	assert_int_equal(c->tx_sack, st->tx_sack);
	/* Some do not find out which PDC they are for. */
	assert_int_equal(c->rx_nack, sum(st->nack_rx_code));
	assert_true(c->rx_sack <= st->rx_sack && c->rx_sack + c->drop_stale >= st->rx_sack);
	assert_true(c->tx_nack <= st->tx_nack);
	assert_int_equal(c->rx_marked, st->rx_marked);
	assert_int_equal(c->tx_marked_ack, st->tx_marked_ack);
	assert_int_equal(c->rx_duplicate, st->rx_duplicate);
	assert_true(c->drop_stale <= st->drop_stale);
	assert_true(pdc->nacks || !(c->tx_nack + c->rx_nack));
	for (i = 0; pdc->nacks && i < 32; i++) {
		assert_true(pdc->nacks->tx[i] <= st->nack_tx_code[i]);
		tx += pdc->nacks->tx[i];
		assert_int_equal(pdc->nacks->rx[i], st->nack_rx_code[i]);
	}
	assert_int_equal(tx, c->tx_nack);
	for (i = 0; i < UET_HIST_BUCKETS; i++)
		assert_int_equal(pdc->ccc->rtt[i], st->rtt.count[i]);
}

static void a_pdc_counts_its_part(void **state)
{
	uint64_t seed, nacks = 0, needless = 0, marked = 0;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		sim_two(&s, seed);
		s.drop_ppm = s.late_ppm = 30000;
		s.ce_ppm = 20000;
		sim_post(&s, 0, 1, seed % 2 ? UET_MODE_RUD : UET_MODE_ROD, 300, 900);
		while (sim_pdc(&s, 0)->tx_base != sim_pdc(&s, 0)->tx_end) {
			sim_run_for(&s, MSEC);
			check_pdc(0);
			if (sim_pdc(&s, 1) && sim_pdc(&s, 1)->rx_next != sim_pdc(&s, 1)->start_psn)
				check_pdc(1);
		}
		nacks += sim_stats(&s, 0)->rx_nack;
		needless += sim_stats(&s, 0)->retx_needless;
		marked += sim_stats(&s, 1)->rx_marked;
		assert_true(sim_stats(&s, 0)->tx_retx > 0);
		assert_true(sim_stats(&s, 0)->retx_needless <= sim_stats(&s, 0)->tx_retx);
		/* What the source knows to be needless came twice, or will. */
		sim_run_for(&s, 10 * MSEC);
		assert_true(sim_stats(&s, 0)->retx_needless <=
			    sim_stats(&s, 1)->rx_duplicate + sim_stats(&s, 0)->tx_retx / 10);
		if (seed < 8)
			sim_free(&s);
	}
	assert_true(nacks > 0 && needless > 0 && marked > 0);
}

/* The answer to a repeated packet says which transmission of it arrived. */
static void needless_repetitions(void **state)
{
	const struct uet_pds_stats *st;
	const struct uet_pdc *pdc;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	sim_post(&s, 1, 0, UET_MODE_RUD, 4, 50);
	raw_turn(&r);
	while (!raw_silent(&r))
		raw_take_request(&r);
	raw_ack(&r, 0, 0);
	raw_nack(&r, UET_NACK_PKT_NOT_RCVD, 1, 0, true);
	raw_nack(&r, UET_NACK_PKT_NOT_RCVD, 2, 0, true);
	raw_turn(&r);
	st = sim_stats(&s, 1);
	pdc = sim_pdc(&s, 1);
	assert_int_equal(st->tx_retx, 2);
	raw_ack_with(&r, 1, 1, UET_PDS_F_RETX, raw_ok, sizeof(raw_ok), 8, 0);
	assert_int_equal(st->retx_needless, 0);
	raw_ack(&r, 2, 2);
	assert_int_equal(st->retx_needless, 1);
	/* Once is enough, and the last one was never repeated. */
	raw_ack(&r, 2, 2);
	raw_ack(&r, 3, 3);
	assert_int_equal(st->retx_needless, 1);
	assert_int_equal(pdc->counts.retx_needless, 1);
	assert_int_equal(st->tx_acked, 4);
}

static void repetitions_add_up(void **state)
{
	static const uint8_t modes[] = { UET_MODE_RUD, UET_MODE_ROD, UET_MODE_RUDI };
	const struct uet_pds_stats *a, *b;
	uint64_t seed, packets;
	size_t i;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		sim_two(&s, seed);
		s.drop_ppm = s.late_ppm = 50000;
		for (i = 0, packets = 0; i < 30; i++) {
			sim_post(&s, 0, 1, modes[seed % 3], 1 + (uint32_t)i, 900);
			packets += 1 + i;
		}
		assert_true(sim_run_done(&s, 60 * SEC));
		a = sim_stats(&s, 0);
		b = sim_stats(&s, 1);
		assert_true(a->tx_retx > 0);
		assert_int_equal(a->tx_data - a->tx_retx, packets);
		assert_int_equal(a->tx_acked, packets);
		assert_true(a->tx_retx <= causes(a));
		assert_true(b->rx_data <= a->tx_data);
		assert_true(a->rx_bytes <= b->tx_bytes && b->rx_bytes <= a->tx_bytes);
		assert_int_equal(sum(b->nack_tx_code), b->tx_nack);
		assert_true(sum(a->nack_rx_code) <= a->rx_nack);
		assert_true(a->rx_sack <= b->tx_sack);
		if (modes[seed % 3] == UET_MODE_RUD)
			assert_true(a->rx_sack > 0 && a->retx_sack > 0);
		else
			assert_int_equal(b->tx_sack, 0);
		if (modes[seed % 3] == UET_MODE_ROD)
			assert_true(a->retx_goback > 0 && a->nack_rx_code[UET_NACK_ROD_OOO] > 0);
		if (seed < 12)
			sim_free(&s);
	}
}

/* Each mark on a request comes back in an ACK of its own. */
static void marks_are_echoed(void **state)
{
	const struct uet_pds_stats *a, *b;

	(void)state;
	sim_two(&s, 3);
	s.ce_ppm = 300000;
	sim_post(&s, 0, 1, UET_MODE_RUD, 200, 900);
	assert_true(sim_run_done(&s, 10 * SEC));
	a = sim_stats(&s, 0);
	b = sim_stats(&s, 1);
	assert_in_range(b->rx_marked, 20, 120);
	assert_int_equal(b->tx_marked_ack, b->rx_marked);
	assert_int_equal(a->rx_marked_ack, b->tx_marked_ack);
	assert_int_equal(a->rx_marked + a->tx_marked_ack + b->rx_marked_ack, 0);
	assert_int_equal(sim_pdc(&s, 0)->counts.rx_marked_ack, a->rx_marked_ack);
}

static void trimmed_packets_are_counted_apart(void **state)
{
	const struct uet_pds_stats *st;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	sim_post(&s, 1, 0, UET_MODE_RUD, 4, 50);
	raw_turn(&r);
	while (!raw_silent(&r))
		raw_take_request(&r);
	raw_ack(&r, 0, 0);
	raw_nack(&r, UET_NACK_TRIMMED, 1, 0, true);
	raw_nack(&r, UET_NACK_TRIMMED_LASTHOP, 2, 0, true);
	raw_nack(&r, UET_NACK_PKT_NOT_RCVD, 3, 0, true);
	raw_turn(&r);
	st = sim_stats(&s, 1);
	assert_int_equal(st->retx_trim, 2);
	assert_int_equal(st->retx_nack, 3);
	assert_int_equal(causes(st), 3);
	assert_int_equal(st->tx_retx, 3);
	assert_int_equal(st->tx_data, 7);
	assert_int_equal(st->rx_nack, 3);
	assert_int_equal(sim_pdc(&s, 1)->counts.rx_nack, 3);
	raw_ack(&r, 3, 3);
	assert_int_equal(st->tx_acked, 4);
}

static void codes_out_of_the_table_share_a_slot(void **state)
{
	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	sim_post(&s, 1, 0, UET_MODE_RUD, 3, 50);
	raw_turn(&r);
	while (!raw_silent(&r))
		raw_take_request(&r);
	raw_ack(&r, 0, 0);
	raw_nack(&r, UET_NACK_EXP_NORMAL, 1, 0, true);
	raw_nack(&r, 0x77, 2, 0, true);
	assert_int_equal(sim_stats(&s, 1)->nack_rx_code[31], 2);
	assert_int_equal(sum(sim_stats(&s, 1)->nack_rx_code), 2);
}

/* ---- PDCs ---- */

struct list {
	struct uet_pds_pdc pdc[8];
	uint32_t cnt;
};

static void note(void *arg, const struct uet_pds_pdc *pdc)
{
	struct list *l = arg;

	assert_true(l->cnt < 8);
	l->pdc[l->cnt++] = *pdc;
}

static void look(struct list *l, int end)
{
	l->cnt = 0;
	uet_pds_each_pdc(s.end[end].pds, note, l);
	assert_int_equal(l->cnt, uet_pds_pdc_count(s.end[end].pds));
}

static void both_ends_of_a_pdc(void **state)
{
	const struct uet_pds_pdc *a, *b;
	struct list l, m;

	(void)state;
	sim_two(&s, 1);
	look(&l, 0);
	assert_int_equal(l.cnt, 0);
	sim_post(&s, 0, 1, UET_MODE_ROD, 20, 300);
	assert_true(sim_run_done(&s, 100 * MSEC));
	look(&l, 0);
	look(&m, 1);
	assert_int_equal(l.cnt, 1);
	assert_int_equal(m.cnt, 1);
	a = l.pdc;
	b = m.pdc;
	assert_true(a->initiator && !b->initiator);
	assert_true(uet_addr_equal(&a->peer, &s.end[1].nic.addr));
	assert_true(uet_addr_equal(&b->peer, &s.end[0].nic.addr));
	assert_int_equal(a->id, b->peer_id);
	assert_int_equal(b->id, a->peer_id);
	assert_int_equal(a->mode, UET_MODE_ROD);
	assert_int_equal(b->mode, UET_MODE_ROD);
	assert_int_equal(a->phase, UET_PHASE_OPEN);
	assert_int_equal(b->phase, UET_PHASE_OPEN);
	assert_int_equal(a->start_psn, b->start_psn);
	assert_int_equal(a->tx_psn - a->start_psn, 20);
	assert_int_equal(a->tx_cack, a->tx_psn - 1);
	assert_int_equal(b->rx_psn, a->tx_psn);
	assert_int_equal(b->rx_cack, a->tx_cack);
	assert_int_equal(b->tx_psn, b->start_psn);
	assert_int_equal(a->tx_packets, 20);
	assert_int_equal(b->rx_packets, 20);
	assert_int_equal(a->tx_retx + b->tx_packets + a->rx_packets, 0);
	assert_true(a->tx_bytes > 20 * 300);
	assert_int_equal(a->tx_bytes, b->rx_bytes);
	assert_int_equal(a->tx_unsent + a->tx_flight + a->tx_refused + a->inflight, 0);
	assert_true(a->cwnd > 0);
	assert_true(a->srtt >= 2 * s.delay);
	assert_int_equal(a->credit, 0);
}

/* What waits shows where it waits. */
static void work_that_is_open(void **state)
{
	const struct uet_pds_pdc *p;
	struct list l;

	(void)state;
	raw_init_target(&r, &s, UET_MODE_RUD, NULL);
	sim_post(&s, 1, 0, UET_MODE_RUD, 1000, 1000);
	raw_turn(&r);
	look(&l, 1);
	p = l.pdc;
	assert_int_equal(l.cnt, 1);
	assert_int_equal(p->phase, UET_PHASE_OPENING);
	assert_int_equal(p->peer_id, 0);
	assert_in_range(p->tx_flight, 1, 999);
	assert_int_equal(p->tx_flight + p->tx_unsent, 1000);
	assert_in_range(p->inflight, p->tx_bytes, p->cwnd);
	raw_take_request(&r);
	sim_drain(&s, 0);
	raw_nack(&r, UET_NACK_NO_PKT_BUFFER, 1, 0, true);
	raw_ack(&r, 0, 0);
	look(&l, 1);
	assert_int_equal(p->phase, UET_PHASE_OPEN);
	assert_int_equal(p->tx_refused, 1);
	assert_int_equal(p->counts.rx_nack, 1);
	assert_int_equal(p->tx_retx, 0);
	sim_run_for(&s, 3 * MSEC);
	look(&l, 1);
	assert_int_equal(p->tx_refused, 0);
	assert_int_equal(p->tx_retx, 1);
	assert_int_equal(p->tx_packets, p->tx_psn - p->start_psn + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(both_sides_agree, teardown),
		cmocka_unit_test_teardown(a_pdc_counts_its_part, teardown),
		cmocka_unit_test_teardown(needless_repetitions, teardown),
		cmocka_unit_test_teardown(repetitions_add_up, teardown),
		cmocka_unit_test_teardown(marks_are_echoed, teardown),
		cmocka_unit_test_teardown(trimmed_packets_are_counted_apart, teardown),
		cmocka_unit_test_teardown(codes_out_of_the_table_share_a_slot, teardown),
		cmocka_unit_test_teardown(both_ends_of_a_pdc, teardown),
		cmocka_unit_test_teardown(work_that_is_open, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
