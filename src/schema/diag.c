/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void diag_list_clear(struct diag_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].path);
		free(l->items[i].message);
	}
	free(l->items);
	*l = DIAG_LIST_INIT;
}

/* Makes room for one more; false when the list is full or memory is out. */
static bool diag_reserve(struct diag_list *l)
{
	struct diag *items;

	if (l->n >= DIAG_MAX)
		return false;
	if (l->n & (l->n - 1) || (l->n && l->n < 4))
		return true;
	items = reallocarray(l->items, l->n ? l->n * 2 : 4, sizeof(*items));
	if (!items) {
		l->failed = true;
		return false;
	}
	l->items = items;
	return true;
}

/* A full list gives the place of its last warning to an error: the first error decides what the call answers. */
static void diag_drop_warning(struct diag_list *l)
{
	for (size_t i = l->n; i-- > 0;) {
		if (l->items[i].severity != DIAG_WARNING)
			continue;
		free(l->items[i].path);
		free(l->items[i].message);
		memmove(&l->items[i], &l->items[i + 1], (l->n - i - 1) * sizeof(*l->items));
		l->n--;
		return;
	}
}

bool diag_is_full(const struct diag_list *l, enum diag_severity severity)
{
	/* With DIAG_MAX errors every warning has lost its place. */
	return l->n >= DIAG_MAX && (severity == DIAG_WARNING || l->errors >= DIAG_MAX);
}

void diag_count(struct diag_list *l, enum diag_severity severity)
{
	if (severity == DIAG_ERROR)
		l->errors++;
	else
		l->warnings++;
}

void diag_add(struct diag_list *l, enum diag_severity severity, int code, struct value_mark mark, const char *path,
	      const char *fmt, ...)
{
	_cleanup_free_ char *message = NULL;
	_cleanup_free_ char *path_copy = NULL;
	va_list ap;

	diag_count(l, severity);
	if (l->n >= DIAG_MAX && severity == DIAG_ERROR)
		diag_drop_warning(l);
	if (l->n >= DIAG_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	path_copy = strdup(path ? path : "");
	if (!message || !path_copy) {
		l->failed = true;
		return;
	}
	if (!diag_reserve(l))
		return;
	l->items[l->n++] = (struct diag){
		.severity = severity,
		.code = severity == DIAG_ERROR ? code : 0,
		.mark = mark,
		.path = steal_ptr(path_copy),
		.message = steal_ptr(message),
	};
}

int diag_code(const struct diag_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].severity == DIAG_ERROR)
			return l->items[i].code;
	return l->failed ? -ENOMEM : 0;
}

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '\n')
			buf_puts(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0)
			buf_printf(out, "\\u%04x", (unsigned char)*++s); /* C1 control characters */
		else
			buf_putc(out, (char)c);
	}
}

void diag_format(const struct diag_list *l, const char *file, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct diag *d = &l->items[i];

		if (file) {
			put_escaped(out, file);
			buf_puts(out, ":");
		}
		if (d->mark.line)
			buf_printf(out, "%u:%u:", d->mark.line, d->mark.column);
		if (file || d->mark.line)
			buf_putc(out, ' ');
		buf_puts(out, d->severity == DIAG_ERROR ? "error: " : "warning: ");
		if (*d->path) {
			put_escaped(out, d->path);
			buf_puts(out, ": ");
		}
		put_escaped(out, d->message);
		buf_putc(out, '\n');
	}
	if (l->errors + l->warnings > l->n)
		buf_printf(out, "%s%s%zu more not shown\n", file ? file : "", file ? ": " : "",
			   l->errors + l->warnings - l->n);
}
