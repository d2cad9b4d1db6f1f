/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The arguments, which are the same for all the programs.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum long_option { OPT_CONNECT = 256, OPT_PORT, OPT_JSON, OPT_CSV, OPT_AVAILABLE, OPT_PAYLOAD,
		   OPT_SERVER, OPT_LIMIT };

static const struct option long_options[] = {
	{ "providers", required_argument, NULL, 'p' },
	{ "tests", required_argument, NULL, 't' },
	{ "sizes", required_argument, NULL, 's' },
	{ "counts", required_argument, NULL, 'c' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "duration", required_argument, NULL, 'd' },
	{ "window", required_argument, NULL, 'w' },
	{ "address", required_argument, NULL, 'a' },
	{ "server", no_argument, NULL, OPT_SERVER },
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "payload", required_argument, NULL, OPT_PAYLOAD },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "csv", required_argument, NULL, OPT_CSV },
	{ "available", no_argument, NULL, OPT_AVAILABLE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char help_text[] =
	"  -p, --providers LIST  contenders: libfabric providers by name, and raw for bare UDP\n"
	"                        (those that are there of %s)\n"
	"  -t, --tests LIST      from those below, or all (all)\n"
	"  -s, --sizes LIST      bytes per message; k and m: KiB and MiB (each test's own)\n"
	"  -c, --counts LIST     how many senders, endpoints ... of tests that count (their own)\n"
	"  -r, --rounds N        samples of each figure (5)\n"
	"  -d, --duration MS     time that one sample fills, roughly (200)\n"
	"      --limit SECONDS   give up a sample after so long (60)\n"
	"  -w, --window N        messages in flight (64)\n"
	"  -a, --address ADDRESS own address; any: as the provider likes\n"
	"                        (127.0.0.1, or what leads to the server)\n"
	"      --server          serve --connect of other hosts or namespaces, from --address\n"
	"      --connect HOST    run the other side on the server there\n"
	"      --port N          TCP port of the server (14793)\n"
	"      --payload N       bytes in a packet of raw (from the MTU, as uet does)\n"
	"      --csv FILE        results as CSV; -: to standard output in place of the table\n"
	"      --json FILE       results as JSON, likewise\n"
	"      --available       only print which contenders are there, with commas between\n"
	"\n"
	"Contenders take turns within each round. Printed are the median and the range.\n";

static void print_help(const struct bench_program *program)
{
	const struct bench_test *t;

	printf("usage: %s [OPTIONS]\n\n", program->name);
	printf(help_text, program->contenders);
	printf("\n%-16s %-5s %-26s %s\n", "test", "unit", "sizes", "what");
	for (t = program->tests; t->name; t++) {
		printf("%-16s %-5s %-26s %s", t->name, t->unit, t->sizes ? t->sizes : "-", t->what);
		if (t->counts)
			printf(" (-c: %s, %s)", t->counted, t->counts);
		printf("\n");
	}
}

static int bad(const struct bench_options *o, const char *what, const char *value)
{
	fprintf(stderr, "%s: %s%s%s (see --help)\n", o->program->name, what, value ? ": " : "",
		value ? value : "");
	return 2;
}

/* A number with k or m behind it. Returns where it ends; NULL if there is none. */
static const char *read_number(const char *text, uint64_t *value)
{
	unsigned long long n;
	char *end;
	int shift;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	n = strtoull(text, &end, 10);
	shift = *end == 'k' || *end == 'K' ? 10 : *end == 'm' || *end == 'M' ? 20 : 0;
	if (errno || n > UINT64_MAX >> 24)
		return NULL;
	*value = (uint64_t)n << shift;
	return shift ? end + 1 : end;
}

int bench_numbers(const char *text, uint64_t *list)
{
	int n;

	for (n = 0; n < BENCH_LIST; text++) {
		text = read_number(text, &list[n++]);
		if (!text || (*text && *text != ','))
			return -1;
		if (!*text)
			return n;
	}
	return -1;
}

/* One number from @least to @most. */
static int number(const struct bench_options *o, const char *what, const char *text,
		  uint64_t least, uint64_t most, uint32_t *value)
{
	uint64_t v;
	const char *end = read_number(text, &v);
	char why[96];

	if (end && !*end && v >= least && v <= most) {
		*value = (uint32_t)v;
		return -1;
	}
	snprintf(why, sizeof(why), "%s takes a number from %llu to %llu", what,
		 (unsigned long long)least, (unsigned long long)most);
	return bad(o, why, text);
}

const struct bench_test *bench_find(const struct bench_program *program, const char *name)
{
	const struct bench_test *t;

	for (t = program->tests; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

/* Copy what is before the next comma of @text into @word; @text moves behind it, or is NULL. */
static bool next_word(const char **text, char word[BENCH_NAME])
{
	size_t len;

	if (!*text)
		return false;
	len = strcspn(*text, ",");
	snprintf(word, BENCH_NAME, "%.*s", (int)(len < BENCH_NAME ? len : BENCH_NAME), *text);
	*text = (*text)[len] ? *text + len + 1 : NULL;
	return true;
}

static bool is_name(const char *word)
{
	size_t len = 0;

	while (isalnum((unsigned char)word[len]) || (word[len] && strchr("_-;", word[len])))
		len++;
	/* Longer ones have been cut to fill the buffer. */
	return len && !word[len] && len < BENCH_NAME - 1;
}

static int read_contenders(struct bench_options *o, const char *text)
{
	char word[BENCH_NAME] = "";

	o->contender_cnt = 0;
	while (next_word(&text, word)) {
		if (!is_name(word))
			return bad(o, "this is no provider's name", word);
		if (o->contender_cnt == BENCH_LIST)
			return bad(o, "too many contenders", word);
		memcpy(o->contenders[o->contender_cnt++], word, sizeof(word));
	}
	return -1;
}

static int read_tests(struct bench_options *o, const char *text)
{
	const struct bench_test *t;
	char word[BENCH_NAME] = "";

	o->test_cnt = 0;
	for (t = o->program->tests; t->name && !strcmp(text, "all"); t++)
		o->tests[o->test_cnt++] = t;
	if (o->test_cnt)
		return -1;
	while (next_word(&text, word)) {
		t = bench_find(o->program, word);
		if (!t)
			return bad(o, "there is no such test", word);
		if (o->test_cnt == BENCH_LIST)
			return bad(o, "too many tests", word);
		o->tests[o->test_cnt++] = t;
	}
	return -1;
}

static int read_sizes(struct bench_options *o, const char *text)
{
	int i;

	o->size_cnt = bench_numbers(text, o->sizes);
	for (i = 0; i < o->size_cnt; i++)
		if (!o->sizes[i] || o->sizes[i] > 1ull << 30)
			return bad(o, "sizes are from 1 byte to 1024m", text);
	return o->size_cnt > 0 ? -1 : bad(o, "this is no list of sizes", text);
}

static int read_counts(struct bench_options *o, const char *text)
{
	o->count_cnt = bench_numbers(text, o->counts);
	return o->count_cnt > 0 ? -1 : bad(o, "this is no list of counts", text);
}

static int read_address(struct bench_options *o, const char *text)
{
	unsigned char buf[sizeof(struct in6_addr)];

	if (strcmp(text, "any") && inet_pton(AF_INET, text, buf) != 1 &&
	    inet_pton(AF_INET6, text, buf) != 1)
		return bad(o, "this is no IP address", text);
	o->address = text;
	return -1;
}

static int read_option(struct bench_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'p': return read_contenders(o, arg);
	case 't': return read_tests(o, arg);
	case 's': return read_sizes(o, arg);
	case 'c': return read_counts(o, arg);
	case 'r': return number(o, "--rounds", arg, 1, BENCH_ROUNDS, &o->rounds);
	case 'd': return number(o, "--duration", arg, 1, BENCH_MSEC, &o->msec);
	case OPT_LIMIT: return number(o, "--limit", arg, 1, BENCH_LIMIT, &o->limit);
	case 'w': return number(o, "--window", arg, 1, BENCH_WINDOW, &o->window);
	case 'a': return read_address(o, arg);
	case OPT_PORT: return number(o, "--port", arg, 1, 65535, &o->port);
	case OPT_PAYLOAD: return number(o, "--payload", arg, 1, 60000, &o->payload);
	case OPT_SERVER: o->server = true; return -1;
	case OPT_CONNECT: o->connect = arg; return -1;
	case OPT_JSON: o->json = arg; return -1;
	case OPT_CSV: o->csv = arg; return -1;
	case OPT_AVAILABLE: o->available = true; return -1;
	case 'h': print_help(o->program); return 0;
	default: return bad(o, "usage", "options as below");
	}
}

/* Counts that a chosen test cannot have. */
static int check_counts(const struct bench_options *o)
{
	char why[96];
	int i, c;

	for (i = 0; i < o->test_cnt; i++)
		for (c = 0; o->tests[i]->counts && c < o->count_cnt; c++)
			if (!o->counts[c] || o->counts[c] > o->tests[i]->most) {
				snprintf(why, sizeof(why), "%s takes -c 1 to %u, not %llu",
					 o->tests[i]->name, o->tests[i]->most,
					 (unsigned long long)o->counts[c]);
				return bad(o, why, NULL);
			}
	return -1;
}

int bench_options(struct bench_options *o, int argc, char **argv)
{
	int opt, ret;

	o->rounds = 5;
	o->window = 64;
	o->msec = 200;
	o->limit = 60;
	o->port = 14793;
	while ((opt = getopt_long(argc, argv, "p:t:s:c:r:d:w:a:h", long_options, NULL)) != -1) {
		if (opt == '?') {
			fprintf(stderr, "%s: --help tells the options\n", o->program->name);
			return 2;
		}
		ret = read_option(o, opt, optarg);
		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		return bad(o, "this is no option", argv[optind]);
	if (o->server && o->connect)
		return bad(o, "--server and --connect exclude each other", NULL);
	if (o->server && (!o->address || !strcmp(o->address, "any")))
		return bad(o, "--server needs an --address", NULL);
	o->own_choice = !o->contender_cnt;
	ret = o->own_choice ? read_contenders(o, o->program->contenders) : -1;
	if (ret < 0 && !o->test_cnt)
		ret = read_tests(o, "all");
	return ret < 0 ? check_counts(o) : ret;
}
