/* SPDX-License-Identifier: Apache-2.0 */
#include "value/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "value/order.h"
#include "value/reader.h"

enum { INDENT = 4 };

static void write_escape(struct buf *b, unsigned char c)
{
	static const char letters[] = "btn\0fr";

	if (c == '"' || c == '\\')
		buf_printf(b, "\\%c", c);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		buf_printf(b, "\\%c", letters[c - '\b']);
	else
		buf_printf(b, "\\u%04x", c);
}

void json_write_string(struct buf *b, const char *s, size_t len)
{
	size_t from = 0;

	buf_putc(b, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = c < 0x80 ? 1 : utf8_len(s + i, len - i);

		if (n && c >= 0x20 && c != '"' && c != '\\') {
			i += n;
			continue;
		}
		buf_append(b, s + from, i - from);
		if (n)
			write_escape(b, c);
		else
			buf_puts(b, "\xEF\xBF\xBD");
		from = ++i;
	}
	buf_append(b, s + from, len - from);
	buf_putc(b, '"');
}

static void write_float(struct buf *b, double d)
{
	char text[32];

	if (!isfinite(d)) {
		buf_puts(b, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_puts(b, text);
}

static void new_line(struct buf *b, unsigned flags, unsigned level)
{
	if (flags & JSON_PRETTY)
		buf_printf(b, "\n%*s", (int)(level * INDENT), "");
}

static void write_value(struct buf *b, const struct value *v, unsigned flags, unsigned level);

static void write_list(struct buf *b, const struct value *v, unsigned flags, unsigned level)
{
	size_t n = value_len(v);

	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ',');
		new_line(b, flags, level + 1);
		write_value(b, value_at(v, i), flags, level + 1);
	}
	if (n)
		new_line(b, flags, level);
	buf_putc(b, ']');
}

static void write_map(struct buf *b, const struct value *v, unsigned flags, unsigned level)
{
	struct key_order order = ORDER_INIT;
	size_t n = value_len(v);

	key_order_make(&order, v, flags & JSON_SORTED);
	if (order.failed)
		b->failed = true;
	buf_putc(b, '{');
	for (size_t i = 0; i < n && !buf_failed(b); i++) {
		size_t at = key_order_at(&order, i);
		const char *key = value_key_at(v, at);

		if (i)
			buf_putc(b, ',');
		new_line(b, flags, level + 1);
		json_write_string(b, key, strlen(key));
		buf_puts(b, flags & JSON_PRETTY ? ": " : ":");
		write_value(b, value_at(v, at), flags, level + 1);
	}
	if (n)
		new_line(b, flags, level);
	buf_putc(b, '}');
	key_order_clear(&order);
}

static void write_value(struct buf *b, const struct value *v, unsigned flags, unsigned level)
{
	switch (value_type(v)) {
	case VALUE_NULL:
		buf_puts(b, "null");
		break;
	case VALUE_BOOL:
		buf_puts(b, value_bool(v, false) ? "true" : "false");
		break;
	case VALUE_INT:
		buf_printf(b, "%" PRId64, value_int(v, 0));
		break;
	case VALUE_FLOAT:
		write_float(b, value_float(v, 0));
		break;
	case VALUE_STRING:
		json_write_string(b, value_str(v), value_len(v));
		break;
	case VALUE_LIST:
		write_list(b, v, flags, level);
		break;
	case VALUE_MAP:
		write_map(b, v, flags, level);
		break;
	}
}

void json_write(struct buf *b, const struct value *v, unsigned flags)
{
	write_value(b, v, flags, 0);
	if (flags & JSON_PRETTY)
		buf_putc(b, '\n');
}
