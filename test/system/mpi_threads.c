/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPI_THREAD_MULTIPLE: threads of each rank exchange messages with the same thread of the
 * other ranks at the same time, some on one communicator with tags of their own, some on one
 * each; and one draws from any source. Prints "N passed, M failed" from rank 0.
 */
#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_uet.h"

#define THREADS 4
#define ROUNDS 200
#define LARGEST 100000

static int rank, ranks;

struct worker {
	pthread_t thread;
	int id;
	MPI_Comm comm;
	int bad;
};

static size_t size_of(int round, int id)
{
	static const size_t sizes[] = { 0, 1, 64, 1000, 9000, LARGEST };

	return sizes[(round + id) % 6];
}

static unsigned char byte_of(int from, int id, int round, size_t i)
{
	return (unsigned char)(from * 7 + id * 31 + round + (int)i);
}

static void *exchange(void *arg)
{
	struct worker *w = arg;
	int next = (rank + 1) % ranks, prev = (rank + ranks - 1) % ranks, round, got;
	unsigned char *out = malloc(LARGEST), *in = malloc(LARGEST);
	MPI_Request req[2];
	MPI_Status st[2];
	size_t i, len;

	for (round = 0; round < ROUNDS; round++) {
		len = size_of(round, w->id);
		for (i = 0; i < len; i++)
			out[i] = byte_of(rank, w->id, round, i);
		MPI_Irecv(in, LARGEST, MPI_BYTE, round % 2 ? prev : MPI_ANY_SOURCE, w->id, w->comm,
			  &req[0]);
		MPI_Isend(out, (int)len, MPI_BYTE, next, w->id, w->comm, &req[1]);
		MPI_Waitall(2, req, st);
		MPI_Get_count(&st[0], MPI_BYTE, &got);
		w->bad |= got != (int)len || st[0].MPI_SOURCE != prev;
		for (i = 0; i < len; i++)
			w->bad |= in[i] != byte_of(prev, w->id, round, i);
	}
	free(out);
	free(in);
	return NULL;
}

/* Threads on one communicator, or on one each. Returns nonzero if any rank saw a fault. */
static int all_threads(int own_comms)
{
	struct worker w[THREADS] = { { 0 } };
	int i, bad = 0, worst;

	for (i = 0; i < THREADS; i++) {
		w[i].id = i;
		w[i].comm = MPI_COMM_WORLD;
		if (own_comms)
			MPI_Comm_dup(MPI_COMM_WORLD, &w[i].comm);
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&w[i].thread, NULL, exchange, &w[i]))
			MPI_Abort(MPI_COMM_WORLD, 1);
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		bad |= w[i].bad;
	}
	for (i = 0; own_comms && i < THREADS; i++)
		MPI_Comm_free(&w[i].comm);
	MPI_Allreduce(&bad, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	return worst;
}

int main(int argc, char **argv)
{
	int level, failed = 0;

	MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (level != MPI_THREAD_MULTIPLE) {
		if (rank == 0)
			printf("not ok: thread level %d is all there is\n", level);
		MPI_Finalize();
		return 1;
	}
	failed += all_threads(0);
	failed += all_threads(1);
	mpi_uet_require();
	if (rank == 0)
		printf("MPI on %d ranks: %d passed, %d failed\n", ranks, 2 - failed, failed);
	MPI_Finalize();
	return failed != 0;
}
