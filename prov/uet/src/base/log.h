/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Logging for the floors below ofi/. The upper floor installs a sink; without one
 * nothing is printed. Messages name the cause and, where there is one, the remedy.
 */
#ifndef UET_BASE_LOG_H
#define UET_BASE_LOG_H

#include <stdbool.h>

enum uet_log_level {
	UET_LOG_WARN,	/* something that a user must know */
	UET_LOG_INFO,	/* life-cycle events */
	UET_LOG_DEBUG,	/* details; never per packet in a normal build */
};

/* Receives each formatted line (without newline). Must not call back into the core. */
typedef void (*uet_log_sink_fn)(enum uet_log_level level, const char *func, int line,
				const char *text);

/* Tells whether @level is wanted, so that formatting can be skipped. */
typedef bool (*uet_log_enabled_fn)(enum uet_log_level level);

/* Install @sink and @enabled (both NULL: silence). Call once, before any thread logs. */
void uet_log_set_sink(uet_log_sink_fn sink, uet_log_enabled_fn enabled);

/* Format and hand one line to the sink. Keeps errno. Use the macros below. */
void uet_log_emit(enum uet_log_level level, const char *func, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define uet_warn(...)  uet_log_emit(UET_LOG_WARN, __func__, __LINE__, __VA_ARGS__)
#define uet_info(...)  uet_log_emit(UET_LOG_INFO, __func__, __LINE__, __VA_ARGS__)
#define uet_debug(...) uet_log_emit(UET_LOG_DEBUG, __func__, __LINE__, __VA_ARGS__)

/* uet_warn, the first time only that this line is reached in the process. */
#define uet_warn_once(...)                                                        \
	do {                                                                      \
		static int uet_warned_;                                           \
		if (!__atomic_exchange_n(&uet_warned_, 1, __ATOMIC_RELAXED))      \
			uet_warn(__VA_ARGS__);                                    \
	} while (0)

#endif /* UET_BASE_LOG_H */
