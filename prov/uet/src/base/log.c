/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_LEN 512	/* longer messages are cut */

static uet_log_sink_fn log_sink;
static uet_log_enabled_fn log_enabled;

void uet_log_set_sink(uet_log_sink_fn sink, uet_log_enabled_fn enabled)
{
	log_sink = sink;
	log_enabled = enabled;
}

void uet_log_emit(enum uet_log_level level, const char *func, int line, const char *fmt, ...)
{
	char text[LINE_MAX_LEN];
	int saved = errno;
	va_list ap;

	if (!log_sink)
		return;
	if (!log_enabled || log_enabled(level)) {
		errno = saved;	/* for %m */
		va_start(ap, fmt);
		if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
			text[0] = '\0';
		va_end(ap);
		log_sink(level, func, line, text);
	}
	errno = saved;
}
