/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The limit: what a pair of UDP sockets does that has the provider's socket options, packet
 * sizes and headers' room, and nothing else: no matching, no reliability but a count of what
 * has arrived, no congestion control.
 */
#include "bench.h"

static const struct bench_test tests[] = {
	{ .name = "latency", .what = "ping-pong, one way", .unit = "us", .lower = true,
	  .sizes = "8,64,1k,4k,64k", .raw = bench_raw_latency },
	{ .name = "bandwidth", .what = "a stream of messages, by GSO and GRO, copied once",
	  .unit = "MB/s", .sizes = "4k,64k,1m", .raw = bench_raw_bandwidth },
	{ .name = "rate", .what = "a stream of packets, by GSO and GRO", .unit = "M/s",
	  .sizes = "64", .raw = bench_raw_rate },
	{ .name = "rate-single", .what = "a stream of packets, a send call for each",
	  .unit = "M/s", .sizes = "64", .raw = bench_raw_rate_single },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	static const struct bench_program program = { "uet_raw", tests, "raw", NULL };

	return bench_main(&program, argc, argv);
}
