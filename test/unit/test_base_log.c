/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Logging: the sink gets lines, errno survives, warn_once warns once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"

static struct {
	int calls;
	enum uet_log_level level;
	int line;
	char func[64];
	char text[2048];
} got;

static int asked;

static void sink(enum uet_log_level level, const char *func, int line, const char *text)
{
	got.level = level;
	got.line = line;
	snprintf(got.func, sizeof(got.func), "%s", func);
	snprintf(got.text, sizeof(got.text), "%s", text);
	__atomic_fetch_add(&got.calls, 1, __ATOMIC_RELAXED);
	errno = EIO;
}

static bool not_debug(enum uet_log_level level)
{
	asked++;
	errno = EPIPE;
	return level != UET_LOG_DEBUG;
}

static int setup(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	asked = 0;
	uet_log_set_sink(sink, not_debug);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uet_log_set_sink(NULL, NULL);
	return 0;
}

static void sink_gets_lines(void **state)
{
	int line = __LINE__ + 3;

	(void)state;
	uet_warn("%s %d", "seven", 7);
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.level, UET_LOG_WARN);
	assert_int_equal(got.line, line);
	assert_string_equal(got.func, __func__);
	assert_string_equal(got.text, "seven 7");
	uet_info("plain");
	assert_int_equal(got.calls, 2);
	assert_int_equal(got.level, UET_LOG_INFO);
	assert_string_equal(got.text, "plain");
}

static void unwanted_levels_are_skipped(void **state)
{
	(void)state;
	uet_debug("x");
	assert_int_equal(got.calls, 0);
	assert_int_equal(asked, 1);
	uet_log_set_sink(sink, NULL);	/* nobody to ask: everything is wanted */
	uet_debug("x");
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.level, UET_LOG_DEBUG);
}

static void silence_without_a_sink(void **state)
{
	(void)state;
	uet_log_set_sink(NULL, NULL);
	errno = ENOENT;
	uet_warn("x");
	assert_int_equal(errno, ENOENT);
	uet_log_set_sink(NULL, not_debug);
	uet_warn("x");
	assert_int_equal(got.calls, 0);
	assert_int_equal(asked, 0);
}

static void errno_is_kept(void **state)
{
	char want[128];

	(void)state;
	errno = ENOENT;
	uet_warn("open: %m");
	assert_int_equal(errno, ENOENT);
	snprintf(want, sizeof(want), "open: %s", strerror(ENOENT));
	assert_string_equal(got.text, want);	/* though the functions changed errno */
	errno = EAGAIN;
	uet_debug("skipped");
	assert_int_equal(errno, EAGAIN);
}

static void long_lines_are_cut(void **state)
{
	char big[4000];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	uet_warn("%s", big);
	assert_in_range(strlen(got.text), 200, sizeof(got.text) - 2);
	assert_memory_equal(got.text, big, strlen(got.text));
}

static void warn_here_once(int n)
{
	uet_warn_once("once %d", n);
}

static void warn_once(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		warn_here_once(i);
	assert_int_equal(got.calls, 1);
	assert_string_equal(got.text, "once 0");
	for (int i = 0; i < 5; i++)
		uet_warn_once("another line");	/* has its own memory */
	assert_int_equal(got.calls, 2);
	if (got.calls)
		uet_warn_once("usable as one statement");
	else
		uet_warn_once("never");
	assert_int_equal(got.calls, 3);
}

static void *warn_often(void *arg)
{
	for (int i = 0; i < 1000; i++)
		uet_warn_once("from threads");
	return arg;
}

static void warn_once_from_threads(void **state)
{
	pthread_t t[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, warn_often, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(got.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sink_gets_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(unwanted_levels_are_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_without_a_sink, setup, teardown),
		cmocka_unit_test_setup_teardown(errno_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(warn_once, setup, teardown),
		cmocka_unit_test_setup_teardown(warn_once_from_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
