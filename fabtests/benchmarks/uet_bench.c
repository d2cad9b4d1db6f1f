/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Libfabric providers measured side by side, and beside bare UDP.
 */
#include "bench_fabric.h"

static const struct bench_test tests[] = {
	{ .name = "tagged-lat", .what = "tagged ping-pong, one way", .unit = "us", .lower = true,
	  .sizes = "8,64,1k,4k,64k,1m", .fabric = bench_tagged_latency, .raw = bench_raw_latency },
	{ .name = "msg-lat", .what = "ping-pong without tags, one way", .unit = "us",
	  .lower = true, .sizes = "8,64", .fabric = bench_msg_latency, .raw = bench_raw_latency },
	{ .name = "tagged-bw", .what = "windows of tagged messages, answered", .unit = "MB/s",
	  .sizes = "4k,64k,1m", .fabric = bench_tagged_bandwidth, .raw = bench_raw_bandwidth },
	{ .name = "msg-bw", .what = "windows of messages without tags, answered", .unit = "MB/s",
	  .sizes = "4k,64k,1m", .fabric = bench_msg_bandwidth, .raw = bench_raw_bandwidth },
	{ .name = "tagged-rate", .what = "windows of small tagged messages", .unit = "M/s",
	  .sizes = "64", .fabric = bench_tagged_rate, .raw = bench_raw_rate },
	{ .name = "msg-rate", .what = "windows of small messages without tags", .unit = "M/s",
	  .sizes = "64", .fabric = bench_msg_rate, .raw = bench_raw_rate },
	{ .name = "bidir-rate", .what = "the same both ways at once, sum", .unit = "M/s",
	  .sizes = "64", .fabric = bench_bidir_rate },
	{ .name = "write-bw", .what = "windows of RMA writes", .unit = "MB/s",
	  .sizes = "4k,64k,1m", .fabric = bench_write_bandwidth, .raw = bench_raw_bandwidth },
	{ .name = "read-bw", .what = "windows of RMA reads", .unit = "MB/s",
	  .sizes = "4k,64k,1m", .fabric = bench_read_bandwidth, .raw = bench_raw_bandwidth },
	{ .name = "write-lat", .what = "one RMA write until its completion", .unit = "us",
	  .lower = true, .sizes = "8,4k", .fabric = bench_write_latency },
	{ .name = "read-lat", .what = "one RMA read", .unit = "us", .lower = true,
	  .sizes = "8,4k", .fabric = bench_read_latency },
	{ .name = "atomic-rate", .what = "windows of fetch-and-add", .unit = "M/s",
	  .fabric = bench_atomic_rate },
	{ .name = "atomic-lat", .what = "one fetch-and-add", .unit = "us", .lower = true,
	  .fabric = bench_atomic_latency },
	{ .name = "incast-bw", .what = "processes that send to one, sum", .unit = "MB/s",
	  .sizes = "64k", .counts = "2,4", .most = BENCH_PEERS, .counted = "senders",
	  .spread = true, .fabric = bench_incast_bandwidth },
	{ .name = "incast-rate", .what = "processes that send to one, sum", .unit = "M/s",
	  .sizes = "64", .counts = "2,4", .most = BENCH_PEERS, .counted = "senders",
	  .spread = true, .fabric = bench_incast_rate },
	{ .name = "endpoints-rate", .what = "endpoints in threads of a process, sum",
	  .unit = "M/s", .sizes = "64", .counts = "1,2", .most = BENCH_PEERS,
	  .counted = "endpoints", .threads = true, .fabric = bench_endpoints_rate },
	{ .name = "connect", .what = "first message to a new peer, and its answer",
	  .unit = "us", .lower = true, .sizes = "64", .fabric = bench_connect },
	{ .name = "peer-memory", .what = "resident memory per peer talked to", .unit = "B",
	  .lower = true, .sizes = "64", .counts = "100", .most = 400, .counted = "peers",
	  .fabric = bench_peer_memory },
	{ .name = "av-memory", .what = "resident memory per address inserted", .unit = "B",
	  .lower = true, .counts = "100000", .most = 10000000, .counted = "addresses",
	  .fabric = bench_av_memory },
	{ .name = "av-insert", .what = "addresses inserted", .unit = "M/s",
	  .counts = "100000", .most = 10000000, .counted = "addresses",
	  .fabric = bench_av_insert },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	static const struct bench_program program = { "uet_bench", tests,
						      "uet,net,tcp,tcp;ofi_rxm,udp;ofi_rxd,raw",
						      bench_fabric_available };

	return bench_main(&program, argc, argv);
}
