/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "nic/drops.h"

#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

/* Older C libraries lack it (asm-generic/socket.h). */
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/* All zero if @fd is no socket. */
static void ask(int fd, uint32_t info[SK_MEMINFO_VARS])
{
	socklen_t len = SK_MEMINFO_VARS * sizeof(*info);

	memset(info, 0, len);
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		memset(info, 0, SK_MEMINFO_VARS * sizeof(*info));
}

uint64_t uet_socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];

	ask(fd, info);
	return info[SK_MEMINFO_DROPS];
}

uint8_t uet_socket_fill(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	uint64_t percent;

	ask(fd, info);
	if (!info[SK_MEMINFO_RCVBUF])
		return 0;
	percent = (uint64_t)info[SK_MEMINFO_RMEM_ALLOC] * 100 / info[SK_MEMINFO_RCVBUF];
	return percent < 100 ? (uint8_t)percent : 100;
}
