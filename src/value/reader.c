/* SPDX-License-Identifier: Apache-2.0 */
#include "value/reader.h"

#include <stdarg.h>
#include <string.h>

enum { DEFAULT_DEPTH = 100, MOST_DEPTH = 1000 };

int reader_init(struct reader *r, size_t len, const struct yaml_limits *limits, struct arena *a, struct error *err)
{
	*r = (struct reader){ .arena = a, .err = err };
	if (limits)
		r->limits = *limits;
	if (!r->limits.max_bytes)
		r->limits.max_bytes = (size_t)8 << 20;
	if (!r->limits.max_nodes)
		r->limits.max_nodes = 1000000;
	if (!r->limits.max_documents)
		r->limits.max_documents = 10000;
	if (!r->limits.max_depth)
		r->limits.max_depth = DEFAULT_DEPTH;
	if (r->limits.max_depth > MOST_DEPTH)
		r->limits.max_depth = MOST_DEPTH;
	if (len > r->limits.max_bytes)
		return reader_fail(r, -EFBIG, (struct value_mark){ 0, 0 },
				   "the text is too large: %zu bytes, at most %zu are read", len, r->limits.max_bytes);
	return 0;
}

int reader_fail(struct reader *r, int code, struct value_mark where, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	r->where = where;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return error_set(r->err, code, "%s", text ? text : "out of memory");
}

int reader_count(struct reader *r, size_t bytes, struct value_mark where)
{
	r->nodes++;
	r->bytes += bytes;
	if (r->nodes > r->limits.max_nodes)
		return reader_fail(r, -E2BIG, where,
				   "too many values: with its aliases expanded the text holds more than %zu",
				   r->limits.max_nodes);
	if (r->bytes > r->limits.max_bytes)
		return reader_fail(r, -EFBIG, where,
				   "too large: with its aliases expanded the text holds more than %zu bytes",
				   r->limits.max_bytes);
	return 0;
}

int reader_add(struct reader *r, struct value *root, struct value_mark mark, unsigned number)
{
	if (value_is_null(root))
		return 0;
	if (r->n_docs >= r->limits.max_documents)
		return reader_fail(r, -E2BIG, mark, "too many documents in one text: at most %zu are read",
				   r->limits.max_documents);
	if (r->n_docs == r->cap_docs) {
		size_t cap = r->cap_docs ? r->cap_docs * 2 : 4;
		struct yaml_document *docs = arena_alloc(r->arena, cap * sizeof(*docs));

		if (!docs)
			return reader_fail(r, -ENOMEM, mark, "out of memory");
		if (r->n_docs)
			memcpy(docs, r->docs, r->n_docs * sizeof(*docs));
		r->docs = docs;
		r->cap_docs = cap;
	}
	r->docs[r->n_docs++] = (struct yaml_document){ .root = root, .mark = mark, .number = number };
	return 0;
}

int reader_check_depth(struct reader *r, size_t depth, struct value_mark where)
{
	if (depth <= r->limits.max_depth)
		return 0;
	return reader_fail(r, -E2BIG, where, "nested too deeply: lists and maps may nest to a depth of %u",
			   r->limits.max_depth);
}

int reader_twice(struct reader *r, const struct value *map, const char *key, struct value_mark where)
{
	struct value_mark first = { 0, 0 };

	for (size_t i = 0; i < value_len(map); i++)
		if (!strcmp(value_key_at(map, i), key))
			first = value_key_mark_at(map, i);
	return reader_fail(r, -EINVAL, where,
			   "duplicate key: \"%s\" is already set on line %u, and only one of the two can count", key,
			   first.line);
}

size_t utf8_len(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = 1;

	if (!len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		n = 2;
	else if ((p[0] & 0xF0) == 0xE0)
		n = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		n = 4;
	if (n == 1 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF */
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
	    (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return n;
}

uint32_t utf8_decode(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c;

	if (n < 2)
		return p[0];
	c = p[0] & (0xFFu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3F);
	return c;
}

size_t utf8_encode(uint32_t c, char dst[static 4])
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xC0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xE0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3F));
		dst[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	dst[0] = (char)(0xF0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3F));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3F));
	dst[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

struct value_mark text_mark_at(const char *text, size_t len, size_t offset)
{
	struct value_mark m = { 1, 1 };

	if (offset > len)
		offset = len;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n' || (text[i] == '\r' && !(i + 1 < len && text[i + 1] == '\n'))) {
			m.line++;
			m.column = 1;
		} else if ((text[i] & 0xC0) != 0x80 && text[i] != '\r') {
			m.column++;
		}
	}
	return m;
}
