/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One endpoint of a libfabric provider with its objects, and the calls that measurements are
 * made of. Any failure ends the process with a line about it.
 */
#ifndef UET_BENCH_FABRIC_H
#define UET_BENCH_FABRIC_H

#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>

#include "bench.h"

#define BENCH_TAG_ACK BENCH_PEERS	/* tags below: data of that client */
#define BENCH_TAGS (BENCH_PEERS + 1)
#define BENCH_ACK_LEN 4

struct bench_name {
	uint64_t len;
	char name[248];
};

/* A peer's memory. */
struct bench_remote {
	uint64_t addr, key;
};

struct bench_end {
	struct bench_run *run;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_cq *cq;
	struct fid_av *av;
	struct fid_ep *ep;
	struct fid_mr *mr;
	bool guest;		/* fabric, domain, info belong to another end */
	bool tagged;		/* messages are */
	fi_addr_t peers[BENCH_PEERS];
	char *buf;		/* the message's bytes, and a page for answers */
	size_t len;
	void *desc;
	struct bench_remote remote;
	uint64_t posted, sent;	/* operations with a completion to come, completions */
	uint64_t got[BENCH_TAGS];	/* messages received, by tag; without tags all are 0 */
	struct fi_context2 *contexts;
	uint32_t context_cnt, next_context, idle;
};

/*
 * What measurements ask for: capabilities, and threading. Returns NULL when provider @name has
 * nothing like it at @address (NULL: anywhere); otherwise to be freed by fi_freeinfo.
 */
struct fi_info *bench_find_info(const char *name, const char *address, uint64_t caps,
				enum fi_threading threading);

/* Whether reliable datagrams of that provider are there; struct bench_program.available. */
bool bench_fabric_available(const char *name, const char *address);

/*
 * Open an endpoint with a buffer of @len bytes. With @host not NULL in that one's domain. Asks
 * for @caps; FI_TAGGED makes messages tagged.
 */
void bench_open(struct bench_end *e, struct bench_run *r, uint64_t caps, size_t len,
		const struct bench_end *host);

void bench_close(struct bench_end *e);

void bench_name(struct bench_end *e, struct bench_name *name);

void bench_insert(struct bench_end *e, const struct bench_name *name, int peer);

/* Swap names with the other side; clients become the server's peers in their order. */
void bench_meet(struct bench_end *e);

/* Read completions; struct bench_job.progress. */
void bench_progress(void *end);

/* Wait until *@counter, of @e, has reached @target. */
void bench_await(struct bench_end *e, const uint64_t *counter, uint64_t target);

/* Wait for the completions of all that was sent. */
void bench_flush(struct bench_end *e);

/* Post a receive of @len bytes; for an answer, not into the message's bytes. */
void bench_recv(struct bench_end *e, size_t len, uint64_t tag);

/* Send, waiting while the queue is full. */
void bench_send(struct bench_end *e, int peer, size_t len, uint64_t tag);

/* The next context for an operation. */
void *bench_context(struct bench_end *e);

/* To be called when a call returned @ret: true to call again, after progress; false if it is 0. */
bool bench_again(struct bench_end *e, const char *what, ssize_t ret);

#endif /* UET_BENCH_FABRIC_H */
