/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "nic/drops.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SENT 2000

static void no_socket(void **state)
{
	const struct uet_nic_ops ops = { .drops = NULL };
	struct uet_nic nic = { .ops = &ops };
	int pipe_fd[2];

	(void)state;
	assert_int_equal(uet_nic_drops(&nic), 0);
	assert_int_equal(uet_socket_drops(-1), 0);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(uet_socket_drops(pipe_fd[0]), 0);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void full_buffer(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd, i, size = 4096, read = 0;
	char byte = 0;

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(uet_socket_drops(fd), 0);
	for (i = 0; i < SENT; i++)
		assert_int_equal(sendto(fd, &byte, 1, 0, (struct sockaddr *)&sin, len), 1);
	while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1)
		read++;
	assert_in_range(read, 1, SENT - 1);
	assert_int_equal(uet_socket_drops(fd), SENT - read);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_socket),
		cmocka_unit_test(full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
