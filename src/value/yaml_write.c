/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The style is go-yaml v2's, which kubectl prints in: what would be read as another type goes into double quotes,
 * what the grammar forbids to stand plain into single ones. Unlike go-yaml, a string of several lines is a literal
 * block even when lines end in spaces, since blocks can be edited.
 */
#include "value/yaml.h"

#include <ctype.h>
#include <string.h>

#include "value/json.h"
#include "value/order.h"
#include "value/reader.h"

enum {
	LONGEST_SIMPLE_KEY = 1000, /* libyaml and YAML 1.1 end simple keys at 1024 characters */
	STEP = 2,
};

enum style { PLAIN, SINGLE, DOUBLE, LITERAL };

/* What a string's characters permit. */
struct traits {
	bool lines;   /* it has line feeds */
	bool special; /* it has characters that only double quotes can hold */
	bool tabs;
};

static struct traits look(const char *s, size_t len)
{
	struct traits t = { false, false, false };

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(s + i, len - i);
		uint32_t c = n ? utf8_decode(s + i, n) : 0;

		if (c == '\n')
			t.lines = true;
		else if (c == '\t')
			t.tabs = true;
		else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
			 c == 0xFFFE || c == 0xFFFF)
			t.special = true; /* line ends to YAML 1.1, or not printable */
		i += n ? n : 1;
	}
	return t;
}

/* [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)? : YAML 1.1's base 60, which go-yaml does not read but others do. */
static bool is_base60(const char *s)
{
	bool colon = false;

	s += *s == '-' || *s == '+';
	if (!isdigit((unsigned char)*s))
		return false;
	s += strspn(s, "0123456789_");
	for (; *s == ':'; colon = true) {
		s++;
		if (*s >= '0' && *s <= '5' && isdigit((unsigned char)s[1]))
			s++;
		if (!isdigit((unsigned char)*s))
			return false;
		s++;
	}
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789_");
	return colon && !*s;
}

/* A date, or a date and something after it that may be a time. */
static bool is_timestamp(const char *s)
{
	if (strspn(s, "0123456789") != 4 || s[4] != '-')
		return false;
	for (int i = 0; i < 2; i++) {
		size_t n;

		s = strchr(s, '-') + 1;
		n = strspn(s, "0123456789");
		if (n < 1 || n > 2 || (!i && s[n] != '-'))
			return false;
		if (i)
			s += n;
	}
	return !*s || strchr("Tt ", *s);
}

/* Whether a reader of YAML 1.1 would take the plain text for something other than a string. */
static bool is_misread(const char *s, size_t len)
{
	return !len || yaml_resolve(s, len).type != VALUE_STRING || !strcmp(s, "<<") || !strcmp(s, "=") ||
	       is_base60(s) || is_timestamp(s);
}

/* Whether the grammar lets the text stand plain in block context. */
static bool may_be_plain(const char *s, size_t len)
{
	if (strchr("?:,[]{}#&*!|>'\"%@` ", s[0]) || s[len - 1] == ' ' || s[len - 1] == ':')
		return false;
	if (s[0] == '-' && (len == 1 || s[1] == ' ' || !strncmp(s, "---", 3)))
		return false;
	if (!strncmp(s, "...", 3) || !strncmp(s, "\xC2\xA0", 2) || !strncmp(s, "\xE2\x80", 2) ||
	    !strncmp(s, "\xE3\x80\x80", 3))
		return false;
	return !memmem(s, len, ": ", 2) && !memmem(s, len, " #", 2);
}

static enum style style_of(const char *s, size_t len, bool key)
{
	struct traits t = look(s, len);

	if (t.special)
		return DOUBLE;
	if (t.lines)
		return key ? DOUBLE : LITERAL;
	if (t.tabs || is_misread(s, len))
		return DOUBLE;
	return may_be_plain(s, len) ? PLAIN : SINGLE;
}

static void write_double(struct buf *b, const char *s, size_t len)
{
	static const char from[] = "\"\\\n\t\r", to[] = "\"\\ntr";

	buf_putc(b, '"');
	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(s + i, len - i);
		uint32_t c = n ? utf8_decode(s + i, n) : 0xFFFD;
		const char *at = c && c < 0x80 ? strchr(from, (char)c) : NULL;

		if (at)
			buf_printf(b, "\\%c", to[at - from]);
		else if (c < 0x20 || (c >= 0x7F && c < 0xA0))
			buf_printf(b, "\\x%02x", c);
		else if (!n || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF)
			buf_printf(b, "\\u%04x", c);
		else
			buf_append(b, s + i, n);
		i += n ? n : 1;
	}
	buf_putc(b, '"');
}

static void write_single(struct buf *b, const char *s, size_t len)
{
	buf_putc(b, '\'');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\'')
			buf_putc(b, '\'');
		buf_putc(b, s[i]);
	}
	buf_putc(b, '\'');
}

static void write_indent(struct buf *b, unsigned indent)
{
	buf_printf(b, "%*s", (int)indent, "");
}

/* A literal block of text at `indent`, with the line end before it and without the last one. */
static void write_literal(struct buf *b, const char *s, size_t len, unsigned indent)
{
	size_t end = len;

	buf_putc(b, '|');
	if (strchr(" \t\n", s[0]))
		buf_printf(b, "%d", STEP); /* else the reader could not tell the text's own indentation */
	if (s[len - 1] != '\n')
		buf_putc(b, '-');
	else if (len == 1 || s[len - 2] == '\n')
		buf_putc(b, '+');
	if (s[len - 1] == '\n')
		end--;
	for (size_t i = 0; i <= end;) {
		const char *nl = memchr(s + i, '\n', end - i);
		size_t n = nl ? (size_t)(nl - s) - i : end - i;

		buf_putc(b, '\n');
		if (n) {
			write_indent(b, indent);
			buf_append(b, s + i, n);
		}
		i += n + 1;
	}
}

static void write_string(struct buf *b, const char *s, size_t len, bool key, unsigned indent)
{
	switch (style_of(s, len, key)) {
	case PLAIN:
		buf_append(b, s, len);
		break;
	case SINGLE:
		write_single(b, s, len);
		break;
	case DOUBLE:
		write_double(b, s, len);
		break;
	case LITERAL:
		write_literal(b, s, len, indent);
		break;
	}
}

/* A scalar or an empty list or map, on the current line; literal blocks go to `indent`. */
static void write_inline(struct buf *b, const struct value *v, unsigned indent)
{
	if (value_type(v) == VALUE_STRING)
		write_string(b, value_str(v), value_len(v), false, indent);
	else
		json_write(b, v, 0);
}

static bool is_block(const struct value *v)
{
	return (value_type(v) == VALUE_LIST || value_type(v) == VALUE_MAP) && value_len(v);
}

/* A list or map whose lines stand at `indent`; the first continues the current line. */
static void write_block(struct buf *b, const struct value *v, unsigned flags, unsigned indent);

static void write_member(struct buf *b, const struct value *map, size_t at, unsigned flags, unsigned indent)
{
	const struct value *v = value_at(map, at);
	size_t start = b->len;
	bool explicit = false;

	write_string(b, value_key_at(map, at), strlen(value_key_at(map, at)), true, indent);
	if (b->len - start > LONGEST_SIMPLE_KEY) {
		b->len = start;
		buf_puts(b, "? ");
		write_string(b, value_key_at(map, at), strlen(value_key_at(map, at)), true, indent);
		buf_putc(b, '\n');
		write_indent(b, indent);
		explicit = true;
	}
	buf_putc(b, ':');
	if (is_block(v)) {
		unsigned deeper = value_type(v) == VALUE_LIST && !explicit ? indent : indent + STEP;

		buf_putc(b, '\n');
		write_indent(b, deeper);
		write_block(b, v, flags, deeper);
		return;
	}
	buf_putc(b, ' ');
	write_inline(b, v, indent + STEP);
	buf_putc(b, '\n');
}

static void write_map(struct buf *b, const struct value *v, unsigned flags, unsigned indent)
{
	struct key_order order = ORDER_INIT;

	key_order_make(&order, v, flags & YAML_SORTED);
	if (order.failed)
		b->failed = true;
	for (size_t i = 0; i < value_len(v) && !buf_failed(b); i++) {
		if (i)
			write_indent(b, indent);
		write_member(b, v, key_order_at(&order, i), flags, indent);
	}
	key_order_clear(&order);
}

static void write_block(struct buf *b, const struct value *v, unsigned flags, unsigned indent)
{
	if (value_type(v) == VALUE_MAP) {
		write_map(b, v, flags, indent);
		return;
	}
	for (size_t i = 0; i < value_len(v) && !buf_failed(b); i++) {
		const struct value *item = value_at(v, i);

		if (i)
			write_indent(b, indent);
		buf_puts(b, "- ");
		if (is_block(item)) {
			write_block(b, item, flags, indent + STEP);
		} else {
			write_inline(b, item, indent + STEP);
			buf_putc(b, '\n');
		}
	}
}

void yaml_write(struct buf *b, const struct value *v, unsigned flags)
{
	if (is_block(v)) {
		write_block(b, v, flags, 0);
		return;
	}
	write_inline(b, v, STEP);
	buf_putc(b, '\n');
}
