/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Statistics in the log. */
#include "test_ofi_device.h"
#include "pds/pdc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What libfabric writes to stderr meanwhile. */
struct capture {
	FILE *file;
	int saved;
	char text[16384];
};

static void capture_begin(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static void capture_end(struct capture *c)
{
	size_t n;

	fflush(stderr);
	assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
	close(c->saved);
	rewind(c->file);
	n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
	c->text[n] = '\0';
	fclose(c->file);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void set_stats(const char *value)
{
	setenv("FI_UET_STATS", value, 1);
	uet_config_read();
	unsetenv("FI_UET_STATS");
}

static void off_says_nothing(void **state)
{
	struct bench *b = *state;
	struct capture c;

	set_stats("");
	bench_start(b, 0);
	assert_int_equal(b->fep[0].stats_at, 0);
	capture_begin(&c);
	uet_fep_progress(&b->fep[0]);
	uet_stats_stop(&b->fep[0], uet_clock_ns());
	capture_end(&c);
	assert_string_equal(c.text, "");
}

static void block_at_exit(void **state)
{
	struct bench *b = *state;
	struct capture c;

	set_stats("exit");
	bench_start(b, 0);
	bench_send(b, 0, 5000);
	bench_send(b, 0, 5000);
	bench_receive(b, 0, "\xff", 1);
	assert_int_equal(b->fep[0].stats_at, 0);
	capture_begin(&c);
	uet_fep_progress(&b->fep[0]);
	uet_stats_stop(&b->fep[0], b->fep[0].stats_from + 1234 * UET_NSEC_PER_MSEC);
	capture_end(&c);
	assert_int_equal(count(c.text, "endpoint 192.0.2.1:4793 after 1.234 s: 1 PDCs, "
			       "opened here 1\n"), 1);
	assert_int_equal(count(c.text, "sent: data 2 (0 answered), ACK 0, NACK 0, control 0"), 1);
	assert_int_equal(count(c.text, "dropped: malformed 1\n"), 1);
	assert_int_equal(count(c.text, "signals: ECN marks seen 1\n"), 1);
	assert_int_equal(count(c.text, "PDC to 198.51.100.7:5000 RUD, opening: sent 2 ("), 1);
	/* Nothing to tell of these. */
	assert_int_equal(count(c.text, "repeated"), 0);
	assert_int_equal(count(c.text, "NACKs "), 0);
	assert_int_equal(count(c.text, "round trips"), 0);
	assert_int_equal(count(c.text, "ACKs "), 0);
}

/* The counters are written to behind the back of the PDS. */
static void everything_there_is(void **state)
{
	struct bench *b = *state;
	struct uet_pds_stats *st;
	struct capture c;

	set_stats("exit");
	bench_start(b, 1);
	st = (struct uet_pds_stats *)(uintptr_t)uet_pds_stats(b->fep[1].pds);
	st->tx_retx = 11;
	st->retx_rto = 1;
	st->retx_sack = 2;
	st->retx_nack = 7;	/* 3 and the trimmed ones */
	st->retx_trim = 4;
	st->retx_goback = 5;
	st->retx_needless = 3;
	st->rx_duplicate = 6;
	st->tx_sack = 7;
	st->rx_marked = 8;
	st->tx_marked_ack = 9;
	st->rx_marked_ack = 10;
	st->tx_slow_ack = 20;
	st->rx_slow_ack = 21;
	st->nack_tx_code[UET_NACK_ROD_OOO] = 12;
	st->nack_tx_code[31] = 13;
	st->nack_rx_code[UET_NACK_NO_RESOURCE] = 14;
	uet_hist_add(&st->rtt, 100);
	uet_hist_add(&st->rtt, 100);
	uet_hist_add(&st->rtt, 5000);
	capture_begin(&c);
	uet_stats_stop(&b->fep[1], uet_clock_ns());
	capture_end(&c);
	assert_int_equal(count(c.text, "repeated: sent 11, after time-out 1, after SACK 2, "
			       "after NACK 3, after trimming 4, gone back 5, needless 3, "
			       "received twice 6\n"), 1);
	assert_int_equal(count(c.text, "signals: SACKs sent 7, ECN marks seen 8, marks told 9, "
			       "marks heard 10, slow-downs asked for 20, slow-downs heard 21\n"),
			 1);
	assert_int_equal(count(c.text, "NACKs sent: ROD_OOO 12, others 13\n"), 1);
	assert_int_equal(count(c.text, "NACKs received: NO_RESOURCE 14\n"), 1);
	assert_int_equal(count(c.text, "round trips in us: 64+: 2, 4096+: 1; median 64+, "
			       "99 %: 64+\n"), 1);
}

/* The same of a PDC. */
static void everything_of_a_context(void **state)
{
	static struct uet_pds_nacks nacks;
	struct bench *b = *state;
	struct capture c;
	struct uet_pdc *pdc;

	set_stats("exit");
	bench_start(b, 0);
	bench_send(b, 0, 5000);
	pdc = uet_list_entry(uet_list_first(&b->fep[0].pds->all), struct uet_pdc, all);
	pdc->tx_sent += 21;
	pdc->counts = (struct uet_pds_pdc_counts){
		.retx_rto = 1, .retx_sack = 2, .retx_nack = 7, .retx_trim = 4, .retx_goback = 5,
		.retx_needless = 6, .tx_sack = 8, .rx_sack = 9, .rx_marked = 10,
		.rx_marked_ack = 11, .tx_nack = 12, .rx_nack = 13, .rx_duplicate = 14,
		.drop_stale = 15,
	};
	nacks.rx[UET_NACK_ROD_OOO] = 12;
	nacks.rx[31] = 1;
	nacks.tx[UET_NACK_NO_RESOURCE] = 12;
	pdc->nacks = &nacks;
	capture_begin(&c);
	uet_stats_stop(&b->fep[0], uet_clock_ns());
	capture_end(&c);
	pdc->nacks = NULL;
	assert_int_equal(count(c.text, ", repeated 21 (time-out 1, SACK 2, NACK 3, trimming 4, "
			       "gone back 5, needless 6), NACKs 13 (ROD_OOO 12, others 1), "
			       "NACKs sent 12 (NO_RESOURCE 12), SACKs 9, SACKs sent 8, marks 11, "
			       "marks seen 10, received twice 14, stale 15; received 0"), 1);
}

/* Of very many PDCs only the first ones are shown. */
static void many_contexts(void **state)
{
	struct bench *b = *state;
	struct capture c;
	uint32_t i;

	set_stats("exit");
	bench_start(b, 0);
	for (i = 0; i < 40; i++)
		bench_send(b, 0, 5000 + i);
	capture_begin(&c);
	uet_stats_stop(&b->fep[0], uet_clock_ns());
	capture_end(&c);
	assert_int_equal(count(c.text, "PDC to "), 16);
	assert_int_equal(count(c.text, "  and 24 more PDCs\n"), 1);
}

static void every_so_often(void **state)
{
	struct bench *b = *state;
	struct uet_fep *fep = &b->fep[0];
	uint64_t now = uet_clock_ns();
	struct capture c;

	set_stats("3600");
	bench_start(b, 0);
	assert_in_range(fep->stats_at, now + HOUR, uet_clock_ns() + HOUR);
	/* Sleepers are woken for it. */
	assert_true(uet_fep_next(fep) <= fep->stats_at);
	capture_begin(&c);
	uet_fep_progress(fep);
	fep->stats_at = now;
	uet_fep_progress(fep);
	uet_fep_progress(fep);
	uet_stats_stop(fep, uet_clock_ns());
	capture_end(&c);
	/* Once when it was due, once at the end. */
	assert_int_equal(count(c.text, "endpoint 192.0.2.1:4793 after"), 2);
	assert_true(fep->stats_at >= now + HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(off_says_nothing),
		BENCH_TEST(block_at_exit),
		BENCH_TEST(everything_there_is),
		BENCH_TEST(everything_of_a_context),
		BENCH_TEST(many_contexts),
		BENCH_TEST(every_so_often),
	};

	struct fi_param *params;
	int cnt;

	/* Seen whatever the level says. */
	unsetenv("FI_LOG_LEVEL");
	/* libfabric has no log before it was called for the first time; no plugin is wanted. */
	setenv("FI_PROVIDER_PATH", "/nonexistent", 1);
	if (fi_getparams(&params, &cnt) == 0)
		fi_freeparams(params);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
