/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Statistics through fi_open_ops. */
#include "test_ofi_device.h"

#include <arpa/inet.h>

static struct fi_uet_stats_ops *open_ops(struct fid *fid)
{
	void *ops = NULL;

	assert_int_equal(uet_stats_ops_open(fid, FI_UET_STATS_OPS, 0, &ops, NULL), 0);
	assert_non_null(ops);
	return ops;
}

static void opening(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->ep[0].fid.fid;
	struct fi_uet_stats_ops *ops;
	void *none = NULL;

	assert_int_equal(uet_stats_ops_open(fid, "uet_nothing", 0, &none, NULL), -FI_ENOSYS);
	assert_int_equal(uet_stats_ops_open(fid, NULL, 0, &none, NULL), -FI_EINVAL);
	assert_int_equal(uet_stats_ops_open(fid, FI_UET_STATS_OPS, 0, NULL, NULL), -FI_EINVAL);
	assert_int_equal(uet_stats_ops_open(fid, FI_UET_STATS_OPS, 1, &none, NULL),
			 -FI_EBADFLAGS);
	assert_null(none);
	ops = open_ops(fid);
	assert_int_equal(ops->size, sizeof(*ops));
	assert_string_equal(ops->nack_name(UET_NACK_ROD_OOO), "ROD_OOO");
	assert_string_equal(ops->nack_name(0), "reserved");
}

static void not_enabled(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->ep[0].fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct fi_uet_stats st = { .endpoints = 77 };

	assert_int_equal(ops->read(fid, &st, sizeof(st)), -FI_EOPBADSTATE);
	assert_int_equal(ops->read_pdcs(fid, NULL, 0, 0), -FI_EOPBADSTATE);
	assert_int_equal(st.endpoints, 77);
	/* A domain without endpoints has nothing to tell, which is no error. */
	assert_int_equal(ops->read(&b->domain.fid.fid, &st, sizeof(st)), 0);
	assert_int_equal(st.endpoints, 0);
	assert_int_equal(ops->read_pdcs(&b->domain.fid.fid, NULL, 0, 0), 0);
}

static void bad_arguments(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->ep[0].fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct fi_uet_pdc_stats pdc;
	struct fi_uet_stats st;

	bench_start(b, 0);
	assert_int_equal(ops->read(fid, NULL, sizeof(st)), -FI_EINVAL);
	assert_int_equal(ops->read(fid, &st, 0), -FI_EINVAL);
	assert_int_equal(ops->read_pdcs(fid, NULL, sizeof(pdc), 1), -FI_EINVAL);
	assert_int_equal(ops->read_pdcs(fid, &pdc, 0, 1), -FI_EINVAL);
}

static void one_endpoint(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->ep[0].fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct fi_uet_stats st;

	bench_start(b, 0);
	bench_send(b, 0, 5000);
	bench_send(b, 0, 5000);
	bench_receive(b, 0, "\xff", 1);
	b->nic[0].stats.tx_errors = 3;
	b->nic[0].stats.rx_truncated = 4;
	assert_int_equal(ops->read(fid, &st, sizeof(st)), 0);
	assert_int_equal(st.endpoints, 1);
	assert_int_equal(st.tx_data, 2);
	assert_int_equal(st.tx_acked, 0);
	assert_true(st.tx_bytes >= 2 * 12);
	assert_int_equal(st.rx_bytes, 1);
	assert_int_equal(st.rx_marked, 1);
	assert_int_equal(st.drop_malformed, 1);
	assert_int_equal(st.drop_socket, 0);
	assert_int_equal(st.drop_truncated, 4);
	assert_int_equal(st.tx_errors, 3);
	assert_int_equal(st.pdc_opened, 1);
	assert_int_equal(st.pdcs, 1);
	assert_int_equal(st.tx_ops, 0);
}

/* Programs of another age: they know less, or more. */
static void other_sizes(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->ep[0].fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct {
		struct fi_uet_stats st;
		uint64_t more;
	} big = { .more = 7 };
	struct {
		struct fi_uet_pdc_stats pdc;
		uint64_t more;
	} pdcs[2];
	uint64_t small[2] = { 5, 5 };

	bench_start(b, 0);
	bench_send(b, 0, 5000);
	bench_send(b, 0, 5001);
	assert_int_equal(ops->read(fid, (struct fi_uet_stats *)small, sizeof(small[0])), 0);
	assert_int_equal(small[0], 1);
	assert_int_equal(small[1], 5);
	assert_int_equal(ops->read(fid, &big.st, sizeof(big)), 0);
	assert_int_equal(big.st.tx_data, 2);
	assert_int_equal(big.more, 0);
	memset(pdcs, 0xff, sizeof(pdcs));
	assert_int_equal(ops->read_pdcs(fid, &pdcs[0].pdc, sizeof(pdcs[0]), 2), 2);
	assert_int_equal(ntohs(pdcs[0].pdc.peer.port), 5000);
	assert_int_equal(ntohs(pdcs[1].pdc.peer.port), 5001);
	assert_int_equal(pdcs[0].more + pdcs[1].more, 0);
}

static void contexts(void **state)
{
	static const uint8_t ip[16] = { 198, 51, 100, 7 };
	struct bench *b = *state;
	struct fid *fid = &b->ep[1].fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct fi_uet_pdc_stats pdc[3];
	uint32_t i;

	bench_start(b, 1);
	for (i = 0; i < 5; i++)
		bench_send(b, 1, 5000 + i % 3);
	assert_int_equal(ops->read_pdcs(fid, NULL, 0, 0), 3);
	memset(pdc, 0xff, sizeof(pdc));
	assert_int_equal(ops->read_pdcs(fid, pdc, sizeof(pdc[0]), 2), 3);
	assert_int_equal(pdc[2].port, 0xffff);
	assert_int_equal(ops->read_pdcs(fid, pdc, sizeof(pdc[0]), 3), 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(ntohs(pdc[i].peer.port), 5000 + i);
		assert_memory_equal(pdc[i].peer.fa, ip, 16);
		assert_int_equal(pdc[i].port, UET_PORT + 1);
		assert_int_equal(pdc[i].initiator, 1);
		assert_int_equal(pdc[i].mode, FI_UET_PDC_RUD);
		assert_int_equal(pdc[i].phase, FI_UET_PDC_OPENING);
		assert_int_equal(pdc[i].peer_id, 0);
		assert_int_equal(pdc[i].tx_packets, i < 2 ? 2 : 1);
		assert_int_equal(pdc[i].tx_flight, pdc[i].tx_packets);
		assert_int_equal(pdc[i].tx_psn - pdc[i].start_psn, pdc[i].tx_packets);
		assert_true(pdc[i].inflight > 0 && pdc[i].inflight <= pdc[i].cwnd);
		assert_int_equal(pdc[i].rx_packets + pdc[i].rx_bytes + pdc[i].credit, 0);
	}
	assert_int_equal(pdc[0].id == pdc[1].id, 0);
}

static void whole_domain(void **state)
{
	struct bench *b = *state;
	struct fid *fid = &b->domain.fid.fid;
	struct fi_uet_stats_ops *ops = open_ops(fid);
	struct fi_uet_pdc_stats pdc[4];
	struct fi_uet_stats st;

	bench_start(b, 0);
	bench_start(b, 1);
	bench_send(b, 0, 5000);
	bench_send(b, 1, 5000);
	bench_send(b, 1, 5001);
	assert_int_equal(ops->read(fid, &st, sizeof(st)), 0);
	assert_int_equal(st.endpoints, 2);
	assert_int_equal(st.tx_data, 3);
	assert_int_equal(st.pdcs, 3);
	assert_int_equal(ops->read_pdcs(fid, pdc, sizeof(pdc[0]), 4), 3);
	assert_int_equal(pdc[0].port, UET_PORT);
	assert_int_equal(pdc[1].port, UET_PORT + 1);
	assert_int_equal(pdc[2].port, UET_PORT + 1);
}

/* No holes that would differ between compilers. */
static void layout(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct fi_uet_pdc_stats, start_psn), 48);
	assert_int_equal(offsetof(struct fi_uet_pdc_stats, tx_packets), 80);
	assert_int_equal(offsetof(struct fi_uet_pdc_stats, retx_timeout), 176);
	assert_int_equal(sizeof(struct fi_uet_pdc_stats) % 8, 0);
	assert_int_equal(sizeof(struct fi_uet_stats) % 8, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(opening),
		BENCH_TEST(not_enabled),
		BENCH_TEST(bad_arguments),
		BENCH_TEST(one_endpoint),
		BENCH_TEST(other_sizes),
		BENCH_TEST(contexts),
		BENCH_TEST(whole_domain),
		cmocka_unit_test(layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
