/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/table.h"
#include "value/json.h"
#include "value/nearest.h"
#include "value/path.h"

enum { SHOWN_MAX = 128 }; /* bytes of a value in a message */

static void format_steps(const struct schema_path *at, struct buf *out)
{
	char cut[SHOWN_MAX + sizeof("…")];
	const char *key;

	if (!at)
		return;
	key = at->key;
	format_steps(at->up, out);
	if (!at->key) {
		path_push_index(out, at->index);
		return;
	}
	if (strlen(at->key) > SHOWN_MAX) {
		(void)snprintf(cut, sizeof(cut), "%.*s…", SHOWN_MAX, at->key);
		key = cut;
	}
	if (at->is_map_key)
		path_push_key(out, key);
	else
		path_push_field(out, key);
}

void schema_path_format(const struct schema_path *at, struct buf *out)
{
	format_steps(at, out);
}

void report_value(const struct value *v, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t n;

	if (!v) {
		buf_puts(out, "null");
		return;
	}
	json_write(&text, v, 0);
	n = text.len;
	if (n > SHOWN_MAX) {
		for (n = SHOWN_MAX; n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80; n--)
			;
	}
	buf_append(out, buf_str(&text), n);
	if (n < text.len)
		buf_puts(out, value_str(v) ? "…\"" : "…");
}

/* Whether that place, or one above it, was found unreadable. */
static bool is_told(const struct admit *ad, const char *path)
{
	for (size_t i = 0; i < ad->n_told && i < ad->diags->n; i++) {
		const struct diag *d = &ad->diags->items[i];
		size_t n = strlen(d->path);

		if (d->severity == DIAG_ERROR && n && strncmp(path, d->path, n) == 0 && strchr(".[", path[n]))
			return true; /* strchr() finds the final NUL, too */
	}
	return false;
}

/* Walks a path; *mark becomes that of the last value on it that stands in the file. */
static const struct value *walk(const struct value *root, const struct schema_path *at, struct value_mark *mark)
{
	const struct value *v;

	if (!at) {
		v = root;
	} else {
		v = walk(root, at->up, mark);
		v = at->key ? value_get(v, at->key) : value_at(v, at->index);
	}
	if (value_mark(v).line)
		*mark = value_mark(v);
	return v;
}

static void add(struct admit *ad, enum diag_severity severity, int code, const struct schema_path *at,
		struct value_mark mark, const struct buf *message)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (!mark.line && ad->root)
		(void)walk(ad->root, at, &mark); /* what is at the path's end was made by defaults */
	schema_path_format(at, &path);
	if (is_told(ad, buf_str(&path)))
		return;
	if (buf_failed(&path) || buf_failed(message))
		ad->diags->failed = true;
	diag_add(ad->diags, severity, code, mark, buf_str(&path), "%s", buf_str(message));
}

/* A full list takes no more words, which hostile documents would have made a million times. */
static bool is_only_counted(struct admit *ad, enum diag_severity severity)
{
	if (!diag_is_full(ad->diags, severity))
		return false;
	diag_count(ad->diags, severity);
	return true;
}

static void vappend(struct buf *out, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	if (text)
		buf_puts(out, text);
	else
		out->failed = true;
}

/* A Secret's values are not for messages, which others may read. */
static void put_value(struct admit *ad, const struct schema_path *at, const struct value *v, struct buf *out)
{
	const struct schema_path *top = at;

	while (top && top->up)
		top = top->up;
	if (ad->ops && ad->ops->is_secret && top && top->key && strcmp(top->key, "metadata") != 0 &&
	    strcmp(top->key, "type") != 0)
		buf_puts(out, "\"<secret contents redacted>\"");
	else
		report_value(v, out);
}

/* CLASS[: VALUE][: TEXT] */
static void vreport(struct admit *ad, int code, const struct schema_path *at, struct value_mark mark,
		    const char *class, const struct value *shown, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf message = BUF_INIT, text = BUF_INIT;

	buf_puts(&message, class);
	if (shown) {
		buf_puts(&message, ": ");
		put_value(ad, at, shown, &message);
	}
	if (fmt && *fmt)
		vappend(&text, fmt, ap);
	if (text.len)
		buf_printf(&message, ": %s", buf_str(&text));
	message.failed |= text.failed;
	add(ad, DIAG_ERROR, code, at, mark, &message);
}

#define REPORT(code, mark, class, shown)                                      \
	do {                                                                  \
		va_list ap;                                                   \
		if (is_only_counted(ad, DIAG_ERROR))                          \
			return;                                               \
		va_start(ap, fmt);                                            \
		vreport(ad, (code), at, (mark), (class), (shown), fmt, ap);   \
		va_end(ap);                                                   \
	} while (0)

void report_invalid(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
{
	REPORT(-EINVAL, value_mark(v), "Invalid value", v);
}

void report_required(struct admit *ad, const struct schema_path *at, const struct value *parent, const char *fmt, ...)
{
	REPORT(-EINVAL, value_mark(parent), "Required value", NULL);
}

void report_forbidden(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
{
	REPORT(-EINVAL, value_mark(v), "Forbidden", NULL);
}

void report_not_found(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
{
	REPORT(-EINVAL, value_mark(v), "Not found", v);
}

void report_too_long(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
{
	REPORT(-EINVAL, value_mark(v), "Too long", NULL);
}

void report_immutable(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
{
	REPORT(-EPERM, value_mark(v), "Invalid value", v);
}

void report_fixed(struct admit *ad, const struct schema_path *at, const struct value *near, const char *fmt, ...)
{
	REPORT(-EPERM, value_mark(near), "Forbidden", NULL);
}

void report_changed(struct admit *ad, const struct schema_path *at, const struct value *v, const struct value *near,
		    const char *text)
{
	if (v)
		report_immutable(ad, at, v, "%s", text);
	else
		report_fixed(ad, at, near, "%s", text);
}

void report_duplicate(struct admit *ad, const struct schema_path *at, const struct value *v)
{
	_cleanup_buf_ struct buf message = BUF_INIT;

	if (is_only_counted(ad, DIAG_ERROR))
		return;
	buf_puts(&message, "Duplicate value: ");
	report_value(v, &message);
	add(ad, DIAG_ERROR, -EINVAL, at, value_mark(v), &message);
}

void report_unsupported(struct admit *ad, const struct schema_path *at, const struct value *v,
			const char *const *supported)
{
	_cleanup_buf_ struct buf message = BUF_INIT;
	const char *near;

	if (is_only_counted(ad, DIAG_ERROR))
		return;
	near = nearest(value_str_or(v, ""), supported, SIZE_MAX);
	buf_puts(&message, "Unsupported value: ");
	report_value(v, &message);
	buf_puts(&message, ": supported values: ");
	for (size_t i = 0; supported[i]; i++)
		buf_printf(&message, "%s\"%s\"", i ? ", " : "", supported[i]);
	if (near)
		buf_printf(&message, "; did you mean \"%s\"?", near);
	add(ad, DIAG_ERROR, -EINVAL, at, value_mark(v), &message);
}

void report_error(struct admit *ad, const struct schema_path *at, struct value_mark mark, const char *fmt, ...)
{
	_cleanup_buf_ struct buf message = BUF_INIT;
	va_list ap;

	if (is_only_counted(ad, DIAG_ERROR))
		return;
	va_start(ap, fmt);
	vappend(&message, fmt, ap);
	va_end(ap);
	add(ad, DIAG_ERROR, -EINVAL, at, mark, &message);
}

void report_warning(struct admit *ad, const struct schema_path *at, struct value_mark mark, const char *fmt, ...)
{
	_cleanup_buf_ struct buf message = BUF_INIT;
	va_list ap;

	if (is_only_counted(ad, DIAG_WARNING))
		return;
	va_start(ap, fmt);
	vappend(&message, fmt, ap);
	va_end(ap);
	add(ad, DIAG_WARNING, 0, at, mark, &message);
}
