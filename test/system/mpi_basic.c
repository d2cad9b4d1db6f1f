/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * An MPI job that checks every byte: a send/receive ring, an allreduce and an all-to-all, for
 * message sizes from one byte to a few megabytes, or to the argument if that is less. Prints
 * one line per part and, from rank 0, "N passed, M failed"; exits with 1 if any rank saw a wrong
 * byte.
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_uet.h"

#define RING_ROUNDS 20
#define LARGEST (4 << 20)

static int rank, ranks;
static int passed, failed;

static uint32_t fnv1a(const unsigned char *p, size_t len)
{
	uint32_t h = 2166136261u;

	while (len--)
		h = (h ^ *p++) * 16777619u;
	return h;
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

/* Each rank passes a message with its checksum round the ring until it is back home. */
static int ring_once(unsigned char *buf, unsigned char *in, size_t size, uint32_t round)
{
	int next = (rank + 1) % ranks, prev = (rank + ranks - 1) % ranks;
	uint32_t sum, sum_in;
	MPI_Request req[4];
	int hop;

	fill(buf, size, round * 1000u + (uint32_t)rank);
	sum = fnv1a(buf, size);
	for (hop = 0; hop < ranks; hop++) {
		MPI_Irecv(in, (int)size, MPI_BYTE, prev, 1, MPI_COMM_WORLD, &req[0]);
		MPI_Irecv(&sum_in, 1, MPI_UINT32_T, prev, 2, MPI_COMM_WORLD, &req[1]);
		MPI_Isend(buf, (int)size, MPI_BYTE, next, 1, MPI_COMM_WORLD, &req[2]);
		MPI_Isend(&sum, 1, MPI_UINT32_T, next, 2, MPI_COMM_WORLD, &req[3]);
		MPI_Waitall(4, req, MPI_STATUSES_IGNORE);
		if (fnv1a(in, size) != sum_in)
			return 1;
		memcpy(buf, in, size);
		sum = sum_in;
	}
	fill(in, size, round * 1000u + (uint32_t)rank);
	return memcmp(buf, in, size) != 0;
}

static void ring(unsigned char *buf, unsigned char *in, size_t size)
{
	uint32_t round, rounds = size > 65536 ? 3 : RING_ROUNDS;
	int bad = 0;

	for (round = 0; round < rounds; round++)
		bad |= ring_once(buf, in, size, round);
	verdict("ring", size, bad);
}

static void allreduce(int count)
{
	double *v = malloc((size_t)count * sizeof(*v)), *sum = malloc((size_t)count * sizeof(*v));
	int i, bad = 0;

	for (i = 0; i < count; i++)
		v[i] = rank + i;
	MPI_Allreduce(v, sum, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
	for (i = 0; i < count; i++)
		if (sum[i] != (double)ranks * (ranks - 1) / 2 + (double)ranks * i)
			bad = 1;
	verdict("allreduce", (size_t)count * sizeof(*v), bad);
	free(v);
	free(sum);
}

static void alltoall(int block)
{
	unsigned char *out = malloc((size_t)block * (size_t)ranks);
	unsigned char *in = malloc((size_t)block * (size_t)ranks);
	unsigned char *want = malloc((size_t)block);
	int r, bad = 0;

	for (r = 0; r < ranks; r++)
		fill(out + (size_t)r * (size_t)block, (size_t)block, (uint32_t)(rank * 100 + r));
	MPI_Alltoall(out, block, MPI_BYTE, in, block, MPI_BYTE, MPI_COMM_WORLD);
	for (r = 0; r < ranks; r++) {
		fill(want, (size_t)block, (uint32_t)(r * 100 + rank));
		bad |= memcmp(in + (size_t)r * (size_t)block, want, (size_t)block) != 0;
	}
	verdict("alltoall", (size_t)block, bad);
	free(out);
	free(in);
	free(want);
}

/* A message that is probed for before it is received, from any source. */
static void probe(void)
{
	int next = (rank + 1) % ranks, prev = (rank + ranks - 1) % ranks;
	int value = rank, got = -1, count = 0;
	MPI_Request req;
	MPI_Status status;

	MPI_Isend(&value, 1, MPI_INT, next, 7, MPI_COMM_WORLD, &req);
	MPI_Probe(MPI_ANY_SOURCE, 7, MPI_COMM_WORLD, &status);
	MPI_Get_count(&status, MPI_INT, &count);
	MPI_Recv(&got, 1, MPI_INT, status.MPI_SOURCE, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	MPI_Wait(&req, MPI_STATUS_IGNORE);
	verdict("probe", sizeof(int), count != 1 || got != prev || status.MPI_SOURCE != prev);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 1, 64, 1000, 4096, 65536, 1 << 20, LARGEST };
	unsigned char *buf = malloc(LARGEST), *in = malloc(LARGEST);
	size_t i, limit = argc > 1 ? strtoul(argv[1], NULL, 0) : LARGEST;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= limit; i++)
		ring(buf, in, sizes[i]);
	probe();
	for (i = 1; i <= 1 << 18 && i * sizeof(double) <= limit; i *= 8)
		allreduce((int)i);
	for (i = 1; i <= 1 << 18 && i <= limit; i *= 8)
		alltoall((int)i);
	free(buf);
	free(in);
	mpi_uet_require();
	MPI_Finalize();
	if (rank == 0)
		printf("MPI on %d ranks: %d passed, %d failed\n", ranks, passed, failed);
	return failed != 0;
}
