/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

static void set_message(struct error *err, int code, char *msg)
{
	free(err->msg);
	err->msg = msg;
	err->code = code;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	char *msg = NULL;

	if (err) {
		va_start(ap, fmt);
		if (vasprintf(&msg, fmt, ap) < 0)
			msg = NULL;
		va_end(ap);
		set_message(err, code, msg);
	}
	errno = saved;
	return code;
}

int error_errno(struct error *err, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	_cleanup_free_ char *text = NULL;

	if (err) {
		va_start(ap, fmt);
		if (vasprintf(&text, fmt, ap) < 0)
			text = NULL;
		va_end(ap);
		error_set(err, code, "%s: %s", text ? text : "out of memory", strerrordesc_np(-code));
	}
	errno = saved;
	return code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	va_list ap;
	_cleanup_free_ char *text = NULL;

	if (!err)
		return 0;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text) {
		char *msg = NULL;

		if (asprintf(&msg, "%s: %s", text, error_text(err)) >= 0)
			set_message(err, err->code, msg);
	}
	return err->code;
}

const char *error_text(const struct error *err)
{
	const char *text;

	if (err->msg)
		return err->msg;
	text = strerrordesc_np(-err->code);
	return text ? text : "unknown error";
}

void error_clear(struct error *err)
{
	if (err)
		set_message(err, 0, NULL);
}
