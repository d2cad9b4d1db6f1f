/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What was measured, and how it is printed.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* All samples of one figure. */
struct row {
	const struct bench_test *test;
	char contender[BENCH_NAME];
	uint64_t size;
	uint32_t count;
	double *samples;	/* by round; NAN: none */
	int got;
	bool failed;		/* at least once */
	char why[sizeof(((struct bench_outcome *)0)->why)];
	double median, min, max;
};

struct bench_report {
	const char *program;
	uint32_t rounds;
	struct row *rows;
	size_t cnt, room;
};

static void *must(void *p, const struct bench_report *rep)
{
	if (p)
		return p;
	fprintf(stderr, "%s: no memory\n", rep ? rep->program : "benchmark");
	exit(1);
}

struct bench_report *bench_report_new(const struct bench_options *o)
{
	struct bench_report *rep = must(calloc(1, sizeof(*rep)), NULL);

	rep->program = o->program->name;
	rep->rounds = o->rounds;
	return rep;
}

static struct row *row_of(struct bench_report *rep, const struct bench_test *test,
			  const struct bench_request *q)
{
	struct row *row;
	uint32_t i;

	for (i = 0; i < rep->cnt; i++) {
		row = &rep->rows[i];
		if (row->test == test && row->size == q->size && row->count == q->count &&
		    !strcmp(row->contender, q->contender))
			return row;
	}
	if (rep->cnt == rep->room) {
		rep->room = rep->room * 2 + 16;
		rep->rows = must(realloc(rep->rows, rep->room * sizeof(*row)), rep);
	}
	row = &rep->rows[rep->cnt++];
	memset(row, 0, sizeof(*row));
	row->test = test;
	memcpy(row->contender, q->contender, sizeof(row->contender));
	row->size = q->size;
	row->count = q->count;
	row->samples = must(calloc(rep->rounds, sizeof(*row->samples)), rep);
	for (i = 0; i < rep->rounds; i++)
		row->samples[i] = NAN;
	return row;
}

void bench_report_add(struct bench_report *rep, const struct bench_test *test,
		      const struct bench_request *q, uint32_t round,
		      const struct bench_outcome *out)
{
	struct row *row = row_of(rep, test, q);

	if (out->status == BENCH_OK && isfinite(out->value)) {
		row->samples[round] = out->value;
		row->got++;
		return;
	}
	row->failed |= out->status != BENCH_ABSENT;
	if (!row->why[0])
		memcpy(row->why, out->why, sizeof(row->why));
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void summarize(struct bench_report *rep, struct row *row)
{
	double *v = must(calloc(rep->rounds, sizeof(*v)), rep);
	uint32_t i;
	int n = 0;

	for (i = 0; i < rep->rounds; i++)
		if (!isnan(row->samples[i]))
			v[n++] = row->samples[i];
	qsort(v, (size_t)n, sizeof(*v), compare_double);
	if (n) {
		row->median = (v[(n - 1) / 2] + v[n / 2]) / 2;
		row->min = v[0];
		row->max = v[n - 1];
	}
	free(v);
}

static void print_table(const struct bench_report *rep, FILE *f)
{
	const struct row *row;
	char range[64];
	size_t i;

	fprintf(f, "%-16s %-14s %10s %7s %12s  %-24s %s\n", "test", "contender", "bytes", "count",
		"median", "range", "unit");
	for (i = 0; i < rep->cnt; i++) {
		row = &rep->rows[i];
		fprintf(f, "%-16s %-14s %10llu %7u ", row->test->name, row->contender,
			(unsigned long long)row->size, row->count);
		if (row->got) {
			snprintf(range, sizeof(range), "%.4g-%.4g", row->min, row->max);
			fprintf(f, "%12.4g  %-24s %s", row->median, range, row->test->unit);
		}
		if (row->why[0])
			fprintf(f, " %s: %s", row->failed ? "FAILED" : "not available", row->why);
		fprintf(f, "\n");
	}
}

/* A reason, as JSON. */
static void quoted(FILE *f, const char *text)
{
	unsigned char c;

	fputc('"', f);
	while ((c = (unsigned char)*text++))
		fputc(c == '"' || c == '\\' || c < ' ' ? '\'' : c, f);
	fputc('"', f);
}

static void print_csv(const struct bench_report *rep, FILE *f)
{
	const struct row *row;
	size_t i;

	fprintf(f, "test,contender,bytes,count,unit,better,median,min,max,samples\n");
	for (i = 0; i < rep->cnt; i++) {
		row = &rep->rows[i];
		if (row->got)
			fprintf(f, "%s,%s,%llu,%u,%s,%s,%.6g,%.6g,%.6g,%d\n", row->test->name,
				row->contender, (unsigned long long)row->size, row->count,
				row->test->unit, row->test->lower ? "lower" : "higher",
				row->median, row->min, row->max, row->got);
	}
}

static void print_row_json(const struct bench_report *rep, const struct row *row, FILE *f)
{
	uint32_t i;

	fprintf(f, "    {\"test\": \"%s\", \"contender\": \"%s\", \"bytes\": %llu, \"count\": %u, "
		"\"unit\": \"%s\", \"better\": \"%s\", ", row->test->name, row->contender,
		(unsigned long long)row->size, row->count, row->test->unit,
		row->test->lower ? "lower" : "higher");
	if (row->got)
		fprintf(f, "\"median\": %.6g, \"min\": %.6g, \"max\": %.6g, ", row->median,
			row->min, row->max);
	fprintf(f, "\"state\": \"%s\", ", row->failed ? "failed" : row->got ? "ok" : "absent");
	if (row->why[0]) {
		fprintf(f, "\"why\": ");
		quoted(f, row->why);
		fprintf(f, ", ");
	}
	fprintf(f, "\"samples\": [");
	for (i = 0; i < rep->rounds; i++) {
		if (isnan(row->samples[i]))
			fprintf(f, "%snull", i ? ", " : "");
		else
			fprintf(f, "%s%.6g", i ? ", " : "", row->samples[i]);
	}
	fprintf(f, "]}");
}

static void print_json(const struct bench_report *rep, FILE *f)
{
	size_t i;

	fprintf(f, "{\n  \"program\": \"%s\",\n  \"rounds\": %u,\n  \"results\": [\n", rep->program,
		rep->rounds);
	for (i = 0; i < rep->cnt; i++) {
		print_row_json(rep, &rep->rows[i], f);
		fprintf(f, "%s\n", i + 1 < rep->cnt ? "," : "");
	}
	fprintf(f, "  ]\n}\n");
}

/* Print into the file of that name. Returns 0 or 1. */
static int print_to(const struct bench_report *rep, const char *name,
		    void (*print)(const struct bench_report *, FILE *))
{
	FILE *f = strcmp(name, "-") ? fopen(name, "w") : stdout;
	int bad;

	if (!f) {
		fprintf(stderr, "%s: %s: %s\n", rep->program, name, strerror(errno));
		return 1;
	}
	print(rep, f);
	bad = fflush(f) || ferror(f);
	if (bad)
		fprintf(stderr, "%s: %s: %s\n", rep->program, name, strerror(errno));
	if (f != stdout)
		fclose(f);
	return bad;
}

int bench_report_print(struct bench_report *rep, const struct bench_options *o)
{
	bool table = !(o->csv && !strcmp(o->csv, "-")) && !(o->json && !strcmp(o->json, "-"));
	bool any = false, failed = false;
	size_t i;
	int bad = 0;

	for (i = 0; i < rep->cnt; i++) {
		summarize(rep, &rep->rows[i]);
		any |= rep->rows[i].got > 0;
		failed |= rep->rows[i].failed;
	}
	if (table)
		print_table(rep, stdout);
	if (o->csv)
		bad |= print_to(rep, o->csv, print_csv);
	if (o->json)
		bad |= print_to(rep, o->json, print_json);
	return bad || failed || !any;
}

void bench_report_free(struct bench_report *rep)
{
	size_t i;

	for (i = 0; i < rep->cnt; i++)
		free(rep->rows[i].samples);
	free(rep->rows);
	free(rep);
}
