/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether MPI in this process really speaks uet: it then has a UDP socket at one of the 64 ports
 * from FI_UET_PORT up.
 */
#ifndef UET_TEST_MPI_UET_H
#define UET_TEST_MPI_UET_H

#include <arpa/inet.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MPI_UET_FDS 1024

/* The port that UDP socket @fd is bound to; -1 if it is something else. */
static inline int mpi_uet_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(int);
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || protocol != IPPROTO_UDP)
		return -1;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -1;
	return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port :
						((struct sockaddr_in *)&ss)->sin_port);
}

/* End the job if this process has no such socket. To be called after some communication. */
static inline void mpi_uet_require(void)
{
	const char *low = getenv("FI_UET_PORT");
	int first = low ? atoi(low) : 4793, fd, port;

	for (fd = 0; fd < MPI_UET_FDS; fd++) {
		port = mpi_uet_port(fd);
		if (port >= first && port < first + 64)
			return;
	}
	printf("not ok: a process of this job has no UET socket\n");
	MPI_Abort(MPI_COMM_WORLD, 1);
}

#endif /* UET_TEST_MPI_UET_H */
