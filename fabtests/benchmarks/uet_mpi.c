/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPI on two ranks or more: ping-pong between the first two, and allreduce of all.
 *
 *   mpirun -n 2 uet_mpi [MILLISECONDS PER FIGURE]
 *
 * Prints a line "TEST BYTES UNIT BETTER VALUE" for each figure, from rank 0.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (1 << 20)
#define MOST_ROUNDS 1000000

static int rank;

static void ping_pong(char *buf, int size)
{
	if (rank == 0) {
		MPI_Send(buf, size, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
		MPI_Recv(buf, size, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	} else if (rank == 1) {
		MPI_Recv(buf, size, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		MPI_Send(buf, size, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
	}
}

static void allreduce(char *buf, int size)
{
	MPI_Allreduce(buf, buf + LARGE, size / (int)sizeof(float), MPI_FLOAT, MPI_SUM,
		      MPI_COMM_WORLD);
}

static double timed(void (*function)(char *, int), char *buf, int size, int n)
{
	double start;
	int i;

	MPI_Barrier(MPI_COMM_WORLD);
	start = MPI_Wtime();
	for (i = 0; i < n; i++)
		function(buf, size);
	return (MPI_Wtime() - start) / n;
}

/* Microseconds per call. */
static double measure(void (*function)(char *, int), char *buf, int size, double seconds)
{
	double each = timed(function, buf, size, 20);
	int n = each * MOST_ROUNDS > seconds ? (int)(seconds / each) : MOST_ROUNDS;

	n = n ? n : 1;
	MPI_Bcast(&n, 1, MPI_INT, 0, MPI_COMM_WORLD);
	return timed(function, buf, size, n) * 1e6;
}

static void print(const char *test, int size, double usec)
{
	if (rank == 0)
		printf("%s %d us lower %.6g\n", test, size, usec);
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 8, LARGE };
	char *buf = calloc(2, LARGE), *end = "";
	double seconds = 0.2;
	size_t i;
	int ranks;

	if (argc > 1)
		seconds = (double)strtol(argv[1], &end, 10) / 1000;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (ranks < 2 || !buf || *end || seconds < 0.001 || seconds > 10 || argc > 2) {
		if (rank == 0)
			fprintf(stderr, "usage: mpirun -n 2 uet_mpi [MILLISECONDS PER FIGURE]\n");
		MPI_Finalize();
		return 2;
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		print("mpi-lat", sizes[i], measure(ping_pong, buf, sizes[i], seconds) / 2);
		print("mpi-allreduce", sizes[i], measure(allreduce, buf, sizes[i], seconds));
	}
	free(buf);
	MPI_Finalize();
	return 0;
}
