/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Processes of a case on hosts of their own: network namespaces that test/lab made.
 */
#define SYS_HARNESS
#include "sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static char node[INET6_ADDRSTRLEN];	/* empty: loopback */

/* The entry of process @rank in the list, which the last process may run out of. */
static const char *entry_of(const char *list, int rank)
{
	const char *at = list;

	while (rank--) {
		at = strchr(at, ',');
		at = at ? at + 1 : list;
	}
	return at;
}

void sys_host_enter(int rank)
{
	const char *list = getenv("UET_TEST_HOSTS");
	char name[64], path[96];
	int fd;

	if (!list || !*list)
		return;
	expect(sscanf(entry_of(list, rank), "%63[^=,]=%45[^,]", name, node) == 2,
	       "UET_TEST_HOSTS=NAMESPACE=ADDRESS,..., not %s", list);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0 && !setns(fd, CLONE_NEWNET), "to enter %s: %s", path, strerror(errno));
	close(fd);
}

bool sys_host_ipv6(void)
{
	return strchr(node, ':');
}

const char *sys_host_node(bool ipv6)
{
	if (!*node)
		return ipv6 ? "::1" : "127.0.0.1";
	return node;
}
