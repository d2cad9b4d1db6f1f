/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPI one-sided communication with results that are known: puts and gets of many sizes under
 * fences, locks and start/post; accumulates by everybody on the same place; fetch-and-op and
 * compare-and-swap, the last unless the argument is "no-swap". Prints "N passed, M failed" from
 * rank 0; exits with 1 on any failure.
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_uet.h"

#define LARGEST (1 << 20)
#define COUNTERS 64

static int rank, ranks;
static int passed, failed;

static void verdict(const char *what, size_t size, int bad)
{
	int worst;

	MPI_Allreduce(&bad, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	if (worst)
		failed++;
	else
		passed++;
	if (rank == 0 && worst)
		printf("not ok: %s, %zu bytes\n", what, size);
}

static void fill(unsigned char *p, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (unsigned char)(x >> 24);
	}
}

static int differs(const unsigned char *p, size_t len, uint32_t seed)
{
	unsigned char *want = malloc(len);
	int bad;

	fill(want, len, seed);
	bad = memcmp(p, want, len) != 0;
	free(want);
	return bad;
}

/* ---- bytes: each rank has a slot in each window for each other ---- */

struct bytes {
	MPI_Win win;
	unsigned char *base, *buf;
	size_t size;
};

static void put_all(struct bytes *b, uint32_t seed)
{
	int to;

	for (to = 0; to < ranks; to++) {
		fill(b->buf + (size_t)to * LARGEST, b->size, seed + (uint32_t)(rank * ranks + to));
		MPI_Put(b->buf + (size_t)to * LARGEST, (int)b->size, MPI_BYTE, to,
			(MPI_Aint)rank * LARGEST, (int)b->size, MPI_BYTE, b->win);
	}
}

static int check_own(struct bytes *b, uint32_t seed)
{
	int from, bad = 0;

	for (from = 0; from < ranks; from++)
		bad |= differs(b->base + (size_t)from * LARGEST, b->size,
			       seed + (uint32_t)(from * ranks + rank));
	return bad;
}

static void put_fence(struct bytes *b)
{
	MPI_Win_fence(0, b->win);
	put_all(b, 1);
	MPI_Win_fence(0, b->win);
	verdict("put, fence", b->size, check_own(b, 1));
}

/* What everybody put into rank @from's window for rank 0, as all can read it. */
static void get_fence(struct bytes *b)
{
	int from, bad = 0;

	memset(b->buf, 0, (size_t)ranks * LARGEST);
	MPI_Win_fence(0, b->win);
	for (from = 0; from < ranks; from++)
		MPI_Get(b->buf + (size_t)from * LARGEST, (int)b->size, MPI_BYTE, from, 0,
			(int)b->size, MPI_BYTE, b->win);
	MPI_Win_fence(0, b->win);
	for (from = 0; from < ranks; from++)
		bad |= differs(b->buf + (size_t)from * LARGEST, b->size, 1 + (uint32_t)from);
	verdict("get, fence", b->size, bad);
}

static void put_lock(struct bytes *b)
{
	int to;

	MPI_Barrier(MPI_COMM_WORLD);
	MPI_Win_lock_all(0, b->win);
	put_all(b, 77);
	for (to = 0; to < ranks; to++)
		MPI_Win_flush(to, b->win);
	MPI_Barrier(MPI_COMM_WORLD);
	MPI_Win_sync(b->win);
	verdict("put, lock", b->size, check_own(b, 77));
	MPI_Win_unlock_all(b->win);
}

static void put_post_start(struct bytes *b)
{
	MPI_Group all;

	MPI_Win_get_group(b->win, &all);
	MPI_Win_post(all, 0, b->win);
	MPI_Win_start(all, 0, b->win);
	put_all(b, 999);
	MPI_Win_complete(b->win);
	MPI_Win_wait(b->win);
	MPI_Group_free(&all);
	verdict("put, post and start", b->size, check_own(b, 999));
}

static void bytes_of(struct bytes *b)
{
	static const size_t sizes[] = { 1, 8, 100, 4096, 65537, LARGEST };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		b->size = sizes[i];
		put_fence(b);
		get_fence(b);
		put_lock(b);
		put_post_start(b);
	}
}

static void bytes(void)
{
	struct bytes b = { .buf = malloc((size_t)ranks * LARGEST) };
	MPI_Aint len = (MPI_Aint)ranks * LARGEST;
	unsigned char *own = malloc((size_t)len);

	MPI_Win_allocate(len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &b.base, &b.win);
	bytes_of(&b);
	MPI_Win_free(&b.win);
	b.base = own;
	MPI_Win_create(own, len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &b.win);
	bytes_of(&b);
	MPI_Win_free(&b.win);
	free(own);
	free(b.buf);
}

/* ---- counters: everybody at once, on the same ones of rank 0 ---- */

static void accumulate(MPI_Win win, int64_t *base)
{
	int64_t ones[COUNTERS];
	int i, round, bad = 0;

	for (i = 0; i < COUNTERS; i++)
		ones[i] = i + 1;
	MPI_Win_fence(0, win);
	for (round = 0; round < 50; round++)
		MPI_Accumulate(ones, COUNTERS, MPI_INT64_T, 0, 0, COUNTERS, MPI_INT64_T, MPI_SUM,
			       win);
	MPI_Win_fence(0, win);
	for (i = 0; rank == 0 && i < COUNTERS; i++)
		bad |= base[i] != (int64_t)(i + 1) * 50 * ranks;
	verdict("accumulate", sizeof(ones), bad);
}

/* Each number is drawn once: the sum of what all draw is known. */
static void fetch(MPI_Win win)
{
	int64_t one = 1, got, sum = 0, total, n = 100 * ranks, start = 50 * ranks;
	int i;

	MPI_Win_lock_all(0, win);
	for (i = 0; i < 100; i++) {
		MPI_Fetch_and_op(&one, &got, MPI_INT64_T, 0, 0, MPI_SUM, win);
		MPI_Win_flush(0, win);
		sum += got;
	}
	MPI_Win_unlock_all(win);
	MPI_Allreduce(&sum, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
	verdict("fetch and op", sizeof(one), total != n * start + n * (n - 1) / 2);
}

/* A lock made of compare-and-swap, around a counter that is not atomic. */
static void swap_lock(MPI_Win win, int64_t *base)
{
	int64_t mine = rank + 1, unlocked = 0, got, value;
	int i, bad = 0;

	MPI_Win_lock_all(0, win);
	if (rank == 0) {
		base[1] = 0;
		base[2] = 0;
	}
	MPI_Win_sync(win);
	MPI_Barrier(MPI_COMM_WORLD);
	for (i = 0; i < 20; i++) {
		do {
			MPI_Compare_and_swap(&mine, &unlocked, &got, MPI_INT64_T, 0, 1, win);
			MPI_Win_flush(0, win);
		} while (got != unlocked);
		MPI_Get(&value, 1, MPI_INT64_T, 0, 2, 1, MPI_INT64_T, win);
		MPI_Win_flush(0, win);
		value++;
		MPI_Put(&value, 1, MPI_INT64_T, 0, 2, 1, MPI_INT64_T, win);
		MPI_Win_flush(0, win);
		MPI_Compare_and_swap(&unlocked, &mine, &got, MPI_INT64_T, 0, 1, win);
		MPI_Win_flush(0, win);
		bad |= got != mine;
	}
	MPI_Win_unlock_all(win);
	MPI_Barrier(MPI_COMM_WORLD);
	MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
	MPI_Get(&value, 1, MPI_INT64_T, 0, 2, 1, MPI_INT64_T, win);
	MPI_Win_unlock(0, win);
	verdict("compare and swap", sizeof(mine), bad || value != 20 * ranks);
}

static void counters(int swap)
{
	int64_t *base;
	MPI_Win win;

	MPI_Win_allocate(COUNTERS * sizeof(*base), sizeof(*base), MPI_INFO_NULL, MPI_COMM_WORLD,
			 &base, &win);
	memset(base, 0, COUNTERS * sizeof(*base));
	MPI_Barrier(MPI_COMM_WORLD);
	accumulate(win, base);
	fetch(win);
	if (swap)
		swap_lock(win, base);
	MPI_Win_free(&win);
}

int main(int argc, char **argv)
{
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	bytes();
	counters(argc < 2 || strcmp(argv[1], "no-swap") != 0);
	mpi_uet_require();
	if (rank == 0)
		printf("MPI on %d ranks: %d passed, %d failed\n", ranks, passed, failed);
	MPI_Finalize();
	return failed != 0;
}
