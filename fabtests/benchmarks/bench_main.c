/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What to measure, in which order.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* The items of -s or -c for a test: those asked for, its own, or a single 0. */
static int choices(const uint64_t *asked, int asked_cnt, const char *own, uint64_t *list)
{
	int cnt;

	if (!own) {
		list[0] = 0;
		return 1;
	}
	if (asked_cnt) {
		memcpy(list, asked, (size_t)asked_cnt * sizeof(*list));
		return asked_cnt;
	}
	cnt = bench_numbers(own, list);
	return cnt < 0 ? 0 : cnt;
}

static bool is_raw(const char *contender)
{
	return !strcmp(contender, "raw");
}

/* One test of the contenders in turn. */
static void take_turns(const struct bench_options *o, const struct bench_test *test,
		       struct bench_request *q, uint32_t round, struct bench_report *rep)
{
	struct bench_outcome out;
	int i;

	for (i = 0; i < o->contender_cnt; i++) {
		if (is_raw(o->contenders[i]) && !test->raw)
			continue;
		memcpy(q->contender, o->contenders[i], sizeof(q->contender));
		bench_launch(o, test, q, &out);
		bench_report_add(rep, test, q, round, &out);
	}
}

static void run_test(const struct bench_options *o, const struct bench_test *test, uint32_t round,
		     struct bench_report *rep)
{
	struct bench_request q = { .window = o->window, .msec = o->msec, .limit = o->limit,
				   .payload = o->payload };
	uint64_t sizes[BENCH_LIST], counts[BENCH_LIST];
	int size_cnt = choices(o->sizes, o->size_cnt, test->sizes, sizes);
	int count_cnt = choices(o->counts, o->count_cnt, test->counts, counts);
	int s, c;

	snprintf(q.test, sizeof(q.test), "%s", test->name);
	for (s = 0; s < size_cnt; s++) {
		for (c = 0; c < count_cnt; c++) {
			q.size = sizes[s];
			q.count = (uint32_t)counts[c];
			q.clients = test->spread ? q.count : 1;
			take_turns(o, test, &q, round, rep);
		}
	}
}

static int measure(const struct bench_options *o)
{
	struct bench_report *rep = bench_report_new(o);
	uint32_t round;
	int i, ret;

	for (round = 0; round < o->rounds; round++)
		for (i = 0; i < o->test_cnt; i++)
			run_test(o, o->tests[i], round, rep);
	ret = bench_report_print(rep, o);
	bench_report_free(rep);
	return ret;
}

/* Leave the contenders that are there. */
static void keep_available(struct bench_options *o)
{
	const char *address = o->address ? o->address : "127.0.0.1";
	int i, n = 0;

	if (!strcmp(address, "any"))
		address = NULL;
	for (i = 0; i < o->contender_cnt; i++)
		if (is_raw(o->contenders[i]) ||
		    (o->program->available && o->program->available(o->contenders[i], address)))
			memmove(o->contenders[n++], o->contenders[i], BENCH_NAME);
	o->contender_cnt = n;
}

static int print_contenders(const struct bench_options *o)
{
	int i;

	for (i = 0; i < o->contender_cnt; i++)
		printf("%s%s", i ? "," : "", o->contenders[i]);
	printf("\n");
	return o->contender_cnt ? 0 : 1;
}

int bench_main(const struct bench_program *program, int argc, char **argv)
{
	struct bench_options o = { .program = program };
	int ret = bench_options(&o, argc, argv);

	if (ret >= 0)
		return ret;
	if (o.available || o.own_choice)
		keep_available(&o);
	if (o.available)
		return print_contenders(&o);
	return o.server ? bench_serve(&o) : measure(&o);
}
