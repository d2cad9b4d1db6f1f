/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPI_Comm_spawn: ranks that come later find their way to those that are there. Parents and
 * children exchange data both ways, merge, and part. Prints "N passed, M failed" from the
 * parents' rank 0.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "mpi_uet.h"

#define CHILDREN 2
#define WORDS 50000

/* Everybody of the merged communicator adds up its rank, in a long vector. */
static int check_merged(MPI_Comm all)
{
	int *in = malloc(WORDS * sizeof(*in)), *out = malloc(WORDS * sizeof(*out));
	int i, rank, ranks, bad = 0;

	MPI_Comm_rank(all, &rank);
	MPI_Comm_size(all, &ranks);
	for (i = 0; i < WORDS; i++)
		in[i] = rank + i;
	MPI_Allreduce(in, out, WORDS, MPI_INT, MPI_SUM, all);
	for (i = 0; i < WORDS; i++)
		bad |= out[i] != ranks * (ranks - 1) / 2 + ranks * i;
	free(in);
	free(out);
	return bad;
}

/* A message from each parent to each child, and back with one added. */
static int check_messages(MPI_Comm inter, int is_child)
{
	int i, rank, peers, word, bad = 0;

	MPI_Comm_rank(inter, &rank);
	MPI_Comm_remote_size(inter, &peers);
	for (i = 0; i < peers; i++) {
		if (is_child) {
			MPI_Recv(&word, 1, MPI_INT, i, 1, inter, MPI_STATUS_IGNORE);
			word++;
			MPI_Send(&word, 1, MPI_INT, i, 2, inter);
		} else {
			word = rank * 100 + i;
			MPI_Send(&word, 1, MPI_INT, i, 1, inter);
			MPI_Recv(&word, 1, MPI_INT, i, 2, inter, MPI_STATUS_IGNORE);
			bad |= word != rank * 100 + i + 1;
		}
	}
	return bad;
}

static int together(MPI_Comm inter, int is_child)
{
	int bad = check_messages(inter, is_child), worst;
	MPI_Comm all;

	MPI_Intercomm_merge(inter, is_child, &all);
	bad |= check_merged(all);
	MPI_Allreduce(&bad, &worst, 1, MPI_INT, MPI_MAX, all);
	MPI_Comm_free(&all);
	MPI_Comm_disconnect(&inter);
	return worst;
}

int main(int argc, char **argv)
{
	int rank, ranks, round, failed = 0;
	MPI_Comm inter;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	MPI_Comm_get_parent(&inter);
	if (inter != MPI_COMM_NULL) {
		together(inter, 1);
		mpi_uet_require();
		MPI_Finalize();
		return 0;
	}
	for (round = 0; round < 2; round++) {
		MPI_Comm_spawn(argv[0], MPI_ARGV_NULL, CHILDREN, MPI_INFO_NULL, 0, MPI_COMM_WORLD,
			       &inter, MPI_ERRCODES_IGNORE);
		failed += together(inter, 0);
	}
	mpi_uet_require();
	if (rank == 0)
		printf("MPI on %d ranks: %d passed, %d failed\n", ranks, 2 - failed, failed);
	MPI_Finalize();
	return failed != 0;
}
