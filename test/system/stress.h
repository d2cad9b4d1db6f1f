/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What processes of the stress test do to each other, and what comes of it.
 *
 * For each ordered pair of processes there is a seeded sequence of rounds. Both ends draw it,
 * so that the target knows what it will get and the initiator what it will read. In a round
 * each operation on memory has a lane of the pair's part of the target's region to itself: the
 * order of execution does not matter, and the result is known.
 */
#ifndef UET_TEST_STRESS_H
#define UET_TEST_STRESS_H

#include "sys.h"

#include <rdma/fi_atomic.h>
#include <rdma/fi_rma.h>

#define STRESS_PROCS	4
#define STRESS_OPS	8		/* of a pair in a round, at most */
#define STRESS_LANE	65536		/* bytes that one WRITE or READ has to itself */
#define STRESS_CELLS	64		/* bytes that one atomic operation has to itself */
#define STRESS_SUMS	8		/* counters of a region that everybody adds to */

/* A region: for each initiator lanes and cells, then the counters, 64 bits each. */
#define STRESS_LANES_SIZE	(STRESS_OPS * (size_t)STRESS_LANE)
#define STRESS_PART		(STRESS_LANES_SIZE + STRESS_OPS * (size_t)STRESS_CELLS)
#define STRESS_SUMS_AT		(STRESS_PROCS * STRESS_PART)
#define STRESS_REGION		(STRESS_SUMS_AT + STRESS_SUMS * sizeof(uint64_t))

#define STRESS_UNTAGGED_MIN	8	/* an untagged message carries its number */
#define STRESS_UNTAGGED_MAX	20000
#define STRESS_TAGGED_MAX	300000

/* Bits of a tag. Numbers of operations are below STRESS_NOISE. */
#define STRESS_NOISE		(7ull << 60)	/* a receive ignores some of them */
#define STRESS_STREAM		(1ull << 63)	/* one tag per pair, matched in order */

enum stress_kind { STRESS_TAGGED, STRESS_UNTAGGED, STRESS_WRITE, STRESS_READ, STRESS_ATOMIC,
		   STRESS_FETCH, STRESS_COMPARE, STRESS_ADD, STRESS_KINDS };

/* How a message that is not received at first is dealt with. */
enum stress_late { STRESS_EARLY, STRESS_LATE, STRESS_PEEK, STRESS_CLAIM, STRESS_DISCARD };

struct stress_op {
	enum stress_kind kind;
	uint64_t id;			/* never zero; also the CQ data */
	size_t size;
	bool inject, with_data, split;	/* split: two parts, by the call that takes vectors */
	/* tagged messages */
	uint64_t tag, ignore;
	bool any_source, stream;
	size_t room;
	enum stress_late late;
	/* memory */
	uint64_t offset;		/* in the target's region */
	enum fi_op op;
	enum fi_datatype type;
	size_t count;
	uint8_t operand[STRESS_CELLS], compare[STRESS_CELLS];
};

/* What the endpoints of a run offer. */
struct stress_offer {
	bool rma, atomic, ordered, peek;
	size_t inject;
	/* Elements per call, 0 if not offered: atomic, fetching, comparing. */
	size_t valid[3][FI_MSWAP + 1][FI_DOUBLE + 1];
};

struct stress_pair {
	int src, dst;
	uint64_t rnd, next_id;
	uint8_t part[STRESS_PART];	/* the pair's part of the region, as it shall be */
	struct stress_op op[STRESS_OPS];
	unsigned int cnt;
};

/* The pair at the beginning of a run. */
void stress_pair_init(struct stress_pair *p, uint64_t seed, int src, int dst);

/* Draw the operations of the next round. */
void stress_pair_plan(struct stress_pair *p, const struct stress_offer *offer);

/* Bytes of an operation's part of the region, and where they are in it. */
size_t stress_touched(const struct stress_op *op);
const uint8_t *stress_model(const struct stress_pair *p, const struct stress_op *op);

/* Let the operations of the round change the pair's part; additions change @sums. */
void stress_pair_apply(struct stress_pair *p, uint64_t *sums);

/* Bytes of an element. */
size_t stress_type_size(enum fi_datatype type);

/* Fill @buf with the payload of a message or WRITE: untagged ones begin with their number. */
void stress_fill(const struct stress_op *op, void *buf);

#endif /* UET_TEST_STRESS_H */
