/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line on standard error for each call, with the kernel's <N> priority prefix when standard error is
 * the journal (JOURNAL_STREAM is set, sd-daemon(3)). Only top loops and main log. Safe from any thread: a line is
 * one write(2).
 */
#ifndef PODFS_BASE_LOG_H
#define PODFS_BASE_LOG_H

#include <syslog.h>

/* Lines less urgent than `level` (LOG_ERR … LOG_DEBUG of syslog.h) are dropped; the default is LOG_INFO. Not
 * thread-safe: call it before threads start. */
void log_set_level(int level);

/* Writes one line. Keeps errno. Control characters in the text are escaped as \xNN, since names and messages may
 * come from hostile input. */
void log_write(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
