/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Identifiers, look-ups, and the memory of closed PDCs. */
#include "pds_sim.h"

static struct sim s;
static struct uet_pds *pds;

static int setup_with(struct uet_pds_cfg cfg)
{
	sim_init(&s, 1);
	sim_add(&s, &cfg);
	pds = s.end[0].pds;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(sim_cfg());
}

static int teardown(void **state)
{
	(void)state;
	sim_free(&s);
	return 0;
}

static struct uet_addr peer(uint32_t n)
{
	struct uet_addr a = { .family = AF_INET, .port = 5000 + n };

	a.ip[0] = 127;
	a.ip[2] = (uint8_t)(n >> 8);
	a.ip[3] = (uint8_t)n;
	return a;
}

static void close_now(struct uet_pdc *p)
{
	uet_pdc_fail(pds, p, 0, 0, 0);
}

static void identifiers_are_unique_and_not_reused_soon(void **state)
{
	static uint8_t used[65536];
	uint32_t i;

	(void)state;
	memset(used, 0, sizeof(used));
	for (i = 0; i < 65535; i++) {
		struct uet_addr a = peer(i % 7);
		struct uet_pdc *p = uet_pdc_open(pds, &a, UET_MODE_RUD);

		assert_non_null(p);
		assert_int_not_equal(p->id, 0);
		assert_int_equal(used[p->id]++, 0);
		assert_ptr_equal(uet_table_by_id(pds, p->id), p);
		close_now(p);
	}
	assert_null(uet_table_by_id(pds, 0));
}

static void identifiers_rest_after_closing(void **state)
{
	struct uet_addr a = peer(1);
	struct uet_pdc *p = uet_pdc_open(pds, &a, UET_MODE_RUD);
	uint16_t id = p->id;

	(void)state;
	close_now(p);
	pds->table.next_id = id;	/* as after a round through all of them */
	p = uet_pdc_open(pds, &a, UET_MODE_RUD);
	assert_int_equal(p->id, (uint16_t)(id + 1));
	close_now(p);
	pds->now += pds->cfg.linger;
	pds->table.next_id = id;
	p = uet_pdc_open(pds, &a, UET_MODE_RUD);
	assert_int_equal(p->id, id);
}

static void start_psn_is_far_from_the_last(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		struct uet_addr a = peer(1);
		struct uet_pdc *p;
		struct uet_slot *slot;
		uint32_t last;

		slot = &pds->table.slots[pds->table.next_id & pds->table.slot_mask];
		/* A random number would come this near now and then. */
		slot->last_psn = (uint32_t)(uet_rand_u64(&(struct uet_rand){
						pds->rand.state }) >> 32) + i * 40;
		last = slot->last_psn;
		p = uet_pdc_open(pds, &a, UET_MODE_RUD);
		if (slot->pdc == p) {
			assert_true(p->start_psn - last >= UET_PDS_PSN_APART);
			assert_true(last - p->start_psn >= UET_PDS_PSN_APART);
		}
		close_now(p);
	}
}

static void every_peer_is_found(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_pdc *p[2][300];
	uint32_t i, mode;

	(void)state;
	sim_free(&s);
	cfg.max_pdc = 900;
	setup_with(cfg);
	for (i = 0; i < 300; i++)
		for (mode = 0; mode < 2; mode++) {
			struct uet_addr a = peer(i);

			assert_null(uet_table_by_dst(pds, &a, (uint8_t)mode));
			p[mode][i] = uet_pdc_open(pds, &a, (uint8_t)mode);
		}
	for (i = 0; i < 300; i++)
		for (mode = 0; mode < 2; mode++) {
			struct uet_addr a = peer(i);

			assert_ptr_equal(uet_table_by_dst(pds, &a, (uint8_t)mode), p[mode][i]);
			if (i % 2)
				close_now(p[mode][i]);
		}
	for (i = 0; i < 300; i++) {
		struct uet_addr a = peer(i);

		assert_ptr_equal(uet_table_by_dst(pds, &a, 0), i % 2 ? NULL : p[0][i]);
	}
}

static struct uet_pdc *accept_from(uint32_t n, uint16_t spdcid, uint32_t psn)
{
	struct uet_pds_hdr h = { .spdcid = spdcid, .psn = psn };
	struct uet_addr a = peer(n);

	return uet_pdc_accept(pds, &h, &a, UET_MODE_RUD);
}

static void targets_are_found_by_port_and_pdcid(void **state)
{
	struct uet_pdc *p = accept_from(1, 7, 100);
	struct uet_addr a = peer(1);

	(void)state;
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 100), p);
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 101), p);
	assert_null(uet_table_by_peer(pds, &a, 8, 100));
	/* The same by another path, or that of another FEP of the same host. */
	a.port++;
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 100), p);
	assert_null(uet_table_by_peer(pds, &a, 7, 101));
	a.ip[3]++;
	assert_null(uet_table_by_peer(pds, &a, 7, 100));
	a.ip[3]--;
	pds->cfg.strict_port = true;
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 101), p);
}

/* Two FEPs of one host may give their PDCs the same identifier. */
static void ports_tell_feps_of_a_host_apart(void **state)
{
	struct uet_addr a = peer(1), b = peer(1);
	struct uet_pds_hdr h = { .spdcid = 7, .psn = 900 };
	struct uet_pdc *p = accept_from(1, 7, 100), *q;

	(void)state;
	b.port += 50;
	q = uet_pdc_accept(pds, &h, &b, UET_MODE_RUD);
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 100), p);
	assert_ptr_equal(uet_table_by_peer(pds, &b, 7, 900), q);
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 900), q);
	assert_ptr_equal(uet_table_by_peer(pds, &b, 7, 901), q);
	assert_ptr_equal(uet_table_by_peer(pds, &a, 7, 901), p);
}

static void closed_pdcs_are_remembered_for_a_while(void **state)
{
	struct uet_pdc *p = accept_from(1, 7, 100);
	struct uet_addr a = peer(1), b = peer(2);
	uint16_t id = p->id;

	(void)state;
	assert_false(uet_linger_match(pds, &a, 7, 100));
	close_now(p);
	assert_true(uet_linger_match(pds, &a, 7, 100));
	a.port++;
	assert_true(uet_linger_match(pds, &a, 7, 100));
	assert_false(uet_linger_match(pds, &a, 7, 101));
	assert_false(uet_linger_match(pds, &a, 8, 100));
	assert_false(uet_linger_match(pds, &b, 7, 100));
	assert_non_null(uet_linger_by_id(pds, id));
	assert_null(uet_linger_by_id(pds, id + 1));
	pds->now += pds->cfg.linger;
	assert_false(uet_linger_match(pds, &a, 7, 100));
	assert_null(uet_linger_by_id(pds, id));
	/* The next closing sweeps. */
	close_now(accept_from(2, 7, 100));
	assert_int_equal(pds->lingers_pool.used, 1);
}

#define REMEMBERED	1024	/* by a table of few PDCs */
#define COME_AND_GO	3000

static void memory_of_closed_pdcs_is_bounded(void **state)
{
	static uint16_t ids[COME_AND_GO];
	uint32_t i;

	(void)state;
	for (i = 0; i < COME_AND_GO; i++) {
		ids[i] = accept_from(i, 7, i)->id;
		close_now(uet_table_by_id(pds, ids[i]));
	}
	assert_int_equal(pds->lingers_pool.used, REMEMBERED);
	for (i = 0; i < COME_AND_GO; i++) {
		bool known = i >= COME_AND_GO - REMEMBERED;
		struct uet_addr a = peer(i);

		/* A repeated SYN finds it by its source, a repeated close by its identifier. */
		assert_int_equal(uet_linger_match(pds, &a, 7, i), known);
		if (known)
			assert_non_null(uet_linger_by_id(pds, ids[i]));
	}
}

static void one_pdc_is_enough(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	struct uet_addr a = peer(1);

	(void)state;
	sim_free(&s);
	cfg.max_pdc = 1;
	setup_with(cfg);
	assert_non_null(uet_pdc_open(pds, &a, UET_MODE_RUD));
	assert_null(uet_pdc_open(pds, &a, UET_MODE_ROD));
	assert_null(accept_from(1, 1, 1));
}

static void largest_table(void **state)
{
	struct uet_pds_cfg cfg = sim_cfg();
	uint32_t i, n = 0;

	(void)state;
	sim_free(&s);
	cfg.max_pdc = 65535;
	setup_with(cfg);
	for (i = 0; i < 65535; i++)
		n += accept_from(i, 7, i) != NULL;
	assert_int_equal(n, 65535);
	assert_null(accept_from(65535, 7, 1));
	close_now(sim_pdc(&s, 0));
	pds->now += pds->cfg.linger;
	assert_non_null(accept_from(65535, 7, 1));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(identifiers_are_unique_and_not_reused_soon),
		T(identifiers_rest_after_closing),
		T(start_psn_is_far_from_the_last),
		T(every_peer_is_found),
		T(targets_are_found_by_port_and_pdcid),
		T(ports_tell_feps_of_a_host_apart),
		T(closed_pdcs_are_remembered_for_a_while),
		T(memory_of_closed_pdcs_is_bounded),
		T(one_pdc_is_enough),
		T(largest_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
