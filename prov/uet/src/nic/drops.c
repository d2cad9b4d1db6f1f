/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "nic/drops.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

/* Older C libraries lack it (asm-generic/socket.h). */
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

uint64_t uet_socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		return 0;
	return info[SK_MEMINFO_DROPS];
}
