/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static int max_level = LOG_INFO;

void log_set_level(int level)
{
	max_level = level;
}

/* Copies text into out, escaping control characters; returns the bytes written. */
static size_t escape_control(char *out, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text && n + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

void log_write(int level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES];
	int saved = errno, prefix = 0;
	size_t n;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (getenv("JOURNAL_STREAM")) /* NOLINT(concurrency-mt-unsafe): nothing here changes the environment */
		prefix = snprintf(line, sizeof(line), "<%d>", level);
	else
		prefix = snprintf(line, sizeof(line), "podfs: ");
	n = (size_t)prefix + escape_control(line + prefix, sizeof(line) - (size_t)prefix - 1, text);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* ignoring: there is nowhere else to say it */
	}
	errno = saved;
}
