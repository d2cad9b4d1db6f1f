/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * uet_sim: the transport's core on a simulated network in virtual time. See --help.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "sim/sim.h"

#define TRACED 64

struct options {
	const char *scenario, *seed, *trace, *csv, *json;
	bool check, progress, quiet, show;
	int argc;
	char **argv;		/* key=value */
};

struct meter {
	struct uet_sim *sim;
	struct timespec next;
};

static void usage(FILE *out)
{
	struct uet_sim_scenario sc;

	fputs("uet_sim [OPTIONS] [KEY=VALUE ...]\n"
	      "Runs UET endpoints on a simulated network in virtual time. The same scenario and\n"
	      "seed give the same run and the same files, byte for byte.\n\n"
	      "  --scenario FILE     lines of KEY = VALUE, # begins a comment\n"
	      "  --seed N            as seed=N\n"
	      "  --check             deliveries, order, bytes, limits, leaks, stalls, deadlines\n"
	      "  --csv PREFIX        PREFIX-flows.csv, PREFIX-series.csv, PREFIX-queues.csv\n"
	      "  --json FILE         summary (- is standard output, which is the default)\n"
	      "  --trace FILE[:LINK,...]  pcapng of links, e.g. h0>sw0,sw0>h1 (default: all from "
	      "and to host 0)\n"
	      "  --progress          a line per second, as on a terminal\n"
	      "  --quiet             no summary and no figures on standard error\n"
	      "  --show              print the scenario as it is with all that was given or drawn\n"
	      "  --list [FOLDER]     scenarios in FOLDER (default: test/sim/scenarios)\n"
	      "Exit status: 0, 1 if something was wrong (with the command that repeats it), 2 for\n"
	      "bad arguments.\n\nKeys, with their defaults:\n", out);
	uet_sim_scenario_init(&sc);
	uet_sim_scenario_help(&sc, out);
}

/* The first comment of each scenario tells what it is. */
static int list(const char *folder)
{
	char pattern[512], line[256];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*.scn", folder ? folder : "test/sim/scenarios");
	if (glob(pattern, 0, NULL, &found)) {
		fprintf(stderr, "uet_sim: no scenarios: %s\n", pattern);
		return 2;
	}
	for (i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "r");

		while (f && fgets(line, sizeof(line), f) && strstr(line, "SPDX"))
			;
		line[strcspn(line, "\n")] = '\0';
		printf("%-40s %s\n", found.gl_pathv[i], f ? line : "");
		if (f)
			fclose(f);
	}
	globfree(&found);
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static bool progress(struct uet_sim *sim, void *arg)
{
	struct meter *m = arg;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < m->next.tv_sec ||
	    (now.tv_sec == m->next.tv_sec && now.tv_nsec < m->next.tv_nsec))
		return true;
	m->next = now;
	m->next.tv_sec++;
	fprintf(stderr, "%10.3f ms  flows %" PRIu64 " of %" PRIu64 " ended  packets %.1f M  "
		"%.2f M/s\n", (double)uet_sim_net_now(sim->net) / 1e6,
		sim->count.planned - sim->count.open, sim->count.planned,
		(double)uet_sim_net_packets(sim->net) / 1e6,
		(double)uet_sim_net_packets(sim->net) / 1e6 / cpu_seconds());
	return true;
}

static int read_scenario(const struct options *o, struct uet_sim_scenario *sc)
{
	char why[300] = "";
	int ret = 0, i;

	uet_sim_scenario_init(sc);
	/* First for what is drawn from it, last because it was asked for. */
	if (o->seed)
		ret = uet_sim_scenario_set(sc, "seed", o->seed, why, sizeof(why));
	if (!ret && o->scenario)
		ret = uet_sim_scenario_read(sc, o->scenario, why, sizeof(why));
	for (i = 0; !ret && i < o->argc; i++)
		ret = uet_sim_scenario_line(sc, o->argv[i], why, sizeof(why));
	if (!ret && o->seed)
		ret = uet_sim_scenario_set(sc, "seed", o->seed, why, sizeof(why));
	sc->check = sc->check || o->check;
	if (!ret)
		ret = uet_sim_scenario_resolve(sc, why, sizeof(why));
	if (ret)
		fprintf(stderr, "uet_sim: %s\n", why);
	return ret;
}

/* "FILE[:LINK,...]" */
static int start_trace(struct uet_sim *sim, const char *arg)
{
	char file[512], name[UET_SIM_NAME], *colon, *link;
	uint32_t links[TRACED], cnt = 0, i;
	int64_t id;

	snprintf(file, sizeof(file), "%s", arg);
	colon = strchr(file, ':');
	if (colon)
		*colon++ = '\0';
	for (link = colon ? strtok(colon, ",") : NULL; link && cnt < TRACED;
	     link = strtok(NULL, ",")) {
		id = uet_sim_net_link_find(sim->net, link);
		if (id < 0) {
			fprintf(stderr, "uet_sim: --trace: there is no link %s\n", link);
			return -EINVAL;
		}
		links[cnt++] = (uint32_t)id;
	}
	for (i = 0; !colon && i < uet_sim_net_links(sim->net) && cnt < TRACED; i++) {
		uet_sim_net_link_name(sim->net, i, name, sizeof(name));
		if (strncmp(name, "h0>", 3) == 0 || strcmp(strchr(name, '>'), ">h0") == 0)
			links[cnt++] = i;
	}
	return uet_sim_net_trace(sim->net, file, links, cnt);
}

static int write_files(const struct uet_sim *sim, const struct options *o)
{
	char name[512];
	int ret = 0;

	if (o->csv) {
		snprintf(name, sizeof(name), "%s-flows.csv", o->csv);
		ret = uet_sim_write_flows(sim, name);
	}
	if (!ret && (o->json || !o->quiet))
		ret = uet_sim_write_summary(sim, o->json ? o->json : "-");
	if (ret)
		fprintf(stderr, "uet_sim: cannot write: %s\n", strerror(-ret));
	return ret;
}

static void print_complaints(const struct uet_sim *sim, const char *self, const struct options *o)
{
	uint64_t i;
	int k;

	for (i = 0; i < sim->complaints && i < UET_SIM_COMPLAINTS; i++)
		fprintf(stderr, "uet_sim: at %s\n", sim->complaint[i]);
	if (sim->complaints > i)
		fprintf(stderr, "uet_sim: and %" PRIu64 " more\n", sim->complaints - i);
	fprintf(stderr, "uet_sim: FAILED; again: %s --seed %" PRIu64 "%s", self, sim->sc.net.seed,
		sim->sc.check ? " --check" : "");
	if (o->scenario)
		fprintf(stderr, " --scenario '%s'", o->scenario);
	for (k = 0; k < o->argc; k++)
		fprintf(stderr, " '%s'", o->argv[k]);
	fputc('\n', stderr);
}

static int run(const struct uet_sim_scenario *sc, const char *self, const struct options *o)
{
	struct meter meter = { 0 };
	struct uet_sim *sim;
	char why[300];
	double cpu;
	int ret = uet_sim_create(sc, &sim, why, sizeof(why));

	if (ret) {
		fprintf(stderr, "uet_sim: %s\n", why);
		return 2;
	}
	if (o->csv)
		ret = uet_sim_open_series(sim, o->csv);
	if (!ret && o->trace)
		ret = start_trace(sim, o->trace);
	if (ret) {
		fprintf(stderr, "uet_sim: %s\n", strerror(-ret));
		uet_sim_destroy(sim);
		return 2;
	}
	cpu = cpu_seconds();
	uet_sim_run(sim, o->progress ? progress : NULL, &meter);
	cpu = cpu_seconds() - cpu;
	if (!o->quiet)
		fprintf(stderr, "%.2f M packets in %.2f s of CPU time: %.2f M/s\n",
			(double)uet_sim_net_packets(sim->net) / 1e6, cpu,
			(double)uet_sim_net_packets(sim->net) / 1e6 / cpu);
	ret = write_files(sim, o) != 0;
	if (o->trace && uet_sim_net_trace(sim->net, NULL, NULL, 0)) {
		fprintf(stderr, "uet_sim: the trace could not be written\n");
		ret = 1;
	}
	if (sim->complaints) {
		print_complaints(sim, self, o);
		ret = 1;
	}
	uet_sim_destroy(sim);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "check", no_argument, NULL, 'c' }, { "csv", required_argument, NULL, 'v' },
		{ "json", required_argument, NULL, 'j' }, { "trace", required_argument, NULL, 't' },
		{ "progress", no_argument, NULL, 'p' }, { "quiet", no_argument, NULL, 'q' },
		{ "show", no_argument, NULL, 'S' },
		{ "list", optional_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .progress = isatty(STDERR_FILENO) };
	struct uet_sim_scenario sc;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (c) {
		case 's': o.scenario = optarg; break;
		case 'r': o.seed = optarg; break;
		case 'c': o.check = true; break;
		case 'v': o.csv = optarg; break;
		case 'j': o.json = optarg; break;
		case 't': o.trace = optarg; break;
		case 'p': o.progress = true; break;
		case 'q': o.quiet = true; break;
		case 'S': o.show = true; break;
		case 'l': return list(optarg ? optarg : argv[optind]);
		case 'h': usage(stdout); return 0;
		default: return 2;
		}
	o.argc = argc - optind;
	o.argv = argv + optind;
	if (read_scenario(&o, &sc))
		return 2;
	if (o.show) {
		uet_sim_scenario_help(&sc, stdout);
		return 0;
	}
	return run(&sc, argv[0], &o);
}
