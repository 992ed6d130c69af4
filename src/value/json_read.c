/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent; the depth limit of struct yaml_limits (at most 1000) bounds the stack. The place in the text is
 * kept as the start of the current line plus a column that is counted on from the last mark taken, so that marks on
 * one very long line cost linear time in all.
 */
#include "value/json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "value/reader.h"

struct json_reader {
	struct reader r;
	const char *p, *end;
	const char *marked; /* the column below is that of this byte */
	uint32_t line, column;
	struct buf key, str; /* scratch */
	struct value *null;  /* stands in for a member that is being read */
};

static struct value_mark here(struct json_reader *j)
{
	for (; j->marked < j->p; j->marked++) {
		if (*j->marked == '\n' || (*j->marked == '\r' && j->marked + 1 < j->end && j->marked[1] != '\n')) {
			j->line++;
			j->column = 1;
		} else if ((*j->marked & 0xC0) != 0x80 && *j->marked != '\r') {
			j->column++;
		}
	}
	return (struct value_mark){ j->line, j->column };
}

static void skip_space(struct json_reader *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
}

/* The error that something else was expected at the current place. */
static int unexpected(struct json_reader *j, const char *expected)
{
	unsigned char c;
	size_t n;

	if (j->p >= j->end)
		return reader_fail(&j->r, -EINVAL, here(j), "the JSON ends where %s is expected", expected);
	c = (unsigned char)*j->p;
	n = utf8_len(j->p, (size_t)(j->end - j->p));
	if (!n || c < 0x20 || c == 0x7F)
		return reader_fail(&j->r, -EINVAL, here(j), "found the byte 0x%02x where %s is expected in JSON", c,
				   expected);
	return reader_fail(&j->r, -EINVAL, here(j), "found '%.*s' where %s is expected in JSON", (int)n, j->p,
			   expected);
}

static int out_of_memory(struct json_reader *j)
{
	return reader_fail(&j->r, -ENOMEM, here(j), "out of memory");
}

/* Four hex digits at p, or -1. */
static int hex4(const struct json_reader *j, const char *p)
{
	int c = 0;

	if (j->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return -1;
		c = c << 4 | (p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	}
	return c;
}

/* A \u escape, j->p at its "u"; two of them where they are a pair of surrogates. */
static int read_unicode(struct json_reader *j, struct buf *b)
{
	int c = hex4(j, j->p + 1), low;
	char utf8[4];
	size_t n;

	if (c < 0)
		return unexpected(j, "\"u\" and four hexadecimal digits");
	j->p += 5;
	if (c >= 0xD800 && c < 0xDC00 && j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u') {
		low = hex4(j, j->p + 2);
		if (low >= 0xDC00 && low < 0xE000) {
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			j->p += 6;
		}
	}
	if (c >= 0xD800 && c < 0xE000)
		c = 0xFFFD;
	n = utf8_encode((uint32_t)c, utf8);
	buf_append(b, utf8, n);
	return 0;
}

static int read_escape(struct json_reader *j, struct buf *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	j->p++;
	if (j->p < j->end && *j->p == 'u')
		return read_unicode(j, b);
	at = j->p < j->end && *j->p ? strchr(from, *j->p) : NULL;
	if (!at)
		return unexpected(j, "one of \"\\/bfnrtu after a backslash");
	buf_putc(b, to[at - from]);
	j->p++;
	return 0;
}

static void empty(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Reads a string into `b`, which it empties first. */
static int read_string(struct json_reader *j, struct buf *b)
{
	struct value_mark start = here(j);

	empty(b);
	j->p++;
	for (;;) {
		const char *from = j->p;

		while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20) {
			size_t n = utf8_len(j->p, (size_t)(j->end - j->p));

			if (!n)
				return reader_fail(&j->r, -EINVAL, here(j),
						   "the byte 0x%02x is not UTF-8: save the file as UTF-8",
						   (unsigned char)*j->p);
			j->p += n;
		}
		buf_append(b, from, (size_t)(j->p - from));
		if (j->p >= j->end)
			return reader_fail(&j->r, -EINVAL, start, "the JSON ends within the string that begins here");
		if (*j->p == '"')
			break;
		if (*j->p == '\\') {
			int rc = read_escape(j, b);

			if (rc)
				return rc;
			continue;
		}
		return reader_fail(&j->r, -EINVAL, here(j),
				   "control character 0x%02x in a JSON string: write it as \\u%04x",
				   (unsigned char)*j->p, (unsigned char)*j->p);
	}
	j->p++;
	return buf_failed(b) ? out_of_memory(j) : 0;
}

static const char *skip_digits(const struct json_reader *j, const char *p)
{
	while (p < j->end && isdigit((unsigned char)*p))
		p++;
	return p;
}

/* The end of the number at j->p by RFC 8259's grammar, or NULL with j->p at what is wrong with it. */
static const char *number_end(struct json_reader *j, bool *ret_whole)
{
	const char *p = j->p + (*j->p == '-'), *q = skip_digits(j, p);

	*ret_whole = true;
	if (q == p || (*p == '0' && q > p + 1)) {
		j->p = q == p ? p : p + 1;
		return NULL;
	}
	p = q;
	if (p < j->end && *p == '.') {
		*ret_whole = false;
		q = skip_digits(j, p + 1);
		if (q == p + 1) {
			j->p = q;
			return NULL;
		}
		p = q;
	}
	if (p < j->end && (*p == 'e' || *p == 'E')) {
		*ret_whole = false;
		p++;
		p += p < j->end && (*p == '-' || *p == '+');
		q = skip_digits(j, p);
		if (q == p) {
			j->p = q;
			return NULL;
		}
		p = q;
	}
	return p;
}

static int read_number(struct json_reader *j, struct value **ret)
{
	struct value_mark mark = here(j);
	bool whole;
	const char *start = j->p, *end = number_end(j, &whole);
	double d;

	if (!end)
		return unexpected(j, "a digit (or no leading zero)");
	empty(&j->str);
	buf_append(&j->str, start, (size_t)(end - start));
	if (buf_failed(&j->str))
		return out_of_memory(j);
	j->p = end;
	if (whole) {
		int64_t i;

		errno = 0;
		i = strtoll(j->str.data, NULL, 10);
		if (!errno) {
			*ret = value_new_int(j->r.arena, i);
			return 0;
		}
	}
	d = strtod(j->str.data, NULL);
	if (isinf(d))
		return reader_fail(&j->r, -EINVAL, mark, "the number is out of range");
	if (!whole && d == trunc(d) && d >= -0x1p63 && d < 0x1p63)
		*ret = value_new_int(j->r.arena, (int64_t)d);
	else
		*ret = value_new_float(j->r.arena, d);
	return 0;
}

static int read_value(struct json_reader *j, unsigned depth, struct value **ret);

static int read_member(struct json_reader *j, struct value *map, unsigned depth)
{
	struct value_mark mark;
	struct value *v = NULL;
	int rc;

	if (j->p >= j->end || *j->p != '"')
		return unexpected(j, "a key in double quotes");
	mark = here(j);
	rc = read_string(j, &j->key);
	if (!rc)
		rc = reader_count(&j->r, j->key.len, mark);
	if (rc)
		return rc;
	if (memchr(buf_str(&j->key), 0, j->key.len))
		return reader_fail(&j->r, -EINVAL, mark, "a key holds a NUL character");
	if (value_get(map, buf_str(&j->key)))
		return reader_twice(&j->r, map, buf_str(&j->key), mark);
	/* Added before it is read, since reading the value uses the scratch buffer of the key. */
	if (!value_push_member(j->r.arena, map, buf_str(&j->key), j->key.len, j->null))
		return out_of_memory(j);
	value_set_key_mark(map, mark);
	skip_space(j);
	if (j->p >= j->end || *j->p != ':')
		return unexpected(j, "':' after the key");
	j->p++;
	rc = read_value(j, depth, &v);
	if (!rc)
		value_replace_at(map, value_len(map) - 1, v);
	return rc;
}

/* A list or map, j->p at its bracket. */
static int read_container(struct json_reader *j, unsigned depth, struct value **ret)
{
	bool is_map = *j->p == '{';
	char close = is_map ? '}' : ']';
	struct value *v = is_map ? value_new_map(j->r.arena) : value_new_list(j->r.arena);
	int rc = reader_check_depth(&j->r, depth, here(j));

	if (rc)
		return rc;
	*ret = v;
	j->p++;
	skip_space(j);
	if (j->p < j->end && *j->p == close) {
		j->p++;
		return 0;
	}
	for (;;) {
		struct value *item = NULL;

		rc = is_map ? read_member(j, v, depth + 1) : read_value(j, depth + 1, &item);
		if (rc)
			return rc;
		if (!is_map && !value_append(j->r.arena, v, item))
			return out_of_memory(j);
		skip_space(j);
		if (j->p >= j->end || (*j->p != ',' && *j->p != close))
			return unexpected(j, is_map ? "',' or '}'" : "',' or ']'");
		if (*j->p++ == close)
			return 0;
		skip_space(j);
	}
}

static bool literal(struct json_reader *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n))
		return false;
	j->p += n;
	return true;
}

static int read_value(struct json_reader *j, unsigned depth, struct value **ret)
{
	struct value_mark mark;
	size_t bytes = 0;
	int rc = 0;

	skip_space(j);
	mark = here(j);
	if (j->p >= j->end)
		return unexpected(j, "a value");
	if (*j->p == '{' || *j->p == '[')
		rc = read_container(j, depth, ret);
	else if (*j->p == '"') {
		rc = read_string(j, &j->str);
		bytes = j->str.len;
		if (!rc)
			*ret = value_new_strn(j->r.arena, buf_str(&j->str), j->str.len);
	} else if (*j->p == '-' || isdigit((unsigned char)*j->p))
		rc = read_number(j, ret);
	else if (literal(j, "true"))
		*ret = value_new_bool(j->r.arena, true);
	else if (literal(j, "false"))
		*ret = value_new_bool(j->r.arena, false);
	else if (literal(j, "null"))
		*ret = value_new_null(j->r.arena);
	else
		return unexpected(j, "a value");
	if (!rc)
		rc = reader_count(&j->r, bytes, mark);
	if (rc)
		return rc;
	if (!*ret || arena_failed(j->r.arena))
		return out_of_memory(j);
	value_set_mark(*ret, mark);
	return 0;
}

static void begin(struct json_reader *j, const char *text, size_t len)
{
	*j = (struct json_reader){
		.r = j->r, .p = text, .end = text + len, .marked = text, .line = 1, .column = 1,
		.null = value_new_null(j->r.arena),
	};
}

static int read_all(struct json_reader *j)
{
	int rc;

	for (unsigned n = 1;; n++) {
		struct value *v = NULL;
		struct value_mark mark;

		skip_space(j);
		if (j->p >= j->end)
			return 0;
		mark = here(j);
		rc = read_value(j, 1, &v);
		if (!rc)
			rc = reader_add(&j->r, v, mark, n);
		if (rc)
			return rc;
	}
}

int json_read_stream(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a,
		     struct yaml_document **ret_docs, size_t *ret_n, struct error *err, struct value_mark *ret_where)
{
	struct json_reader j;
	int rc = reader_init(&j.r, len, limits, a, err);

	if (!rc) {
		begin(&j, text, len);
		rc = read_all(&j);
		buf_clear(&j.key);
		buf_clear(&j.str);
	}
	if (rc) {
		if (ret_where)
			*ret_where = j.r.where;
		return rc;
	}
	*ret_docs = j.r.docs;
	*ret_n = j.r.n_docs;
	return 0;
}

int json_read(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a, struct value **ret,
	      struct error *err, struct value_mark *ret_where)
{
	struct json_reader j;
	struct value *v = NULL;
	int rc = reader_init(&j.r, len, limits, a, err);

	if (!rc) {
		begin(&j, text, len);
		rc = read_value(&j, 1, &v);
		skip_space(&j);
		if (!rc && j.p < j.end)
			rc = unexpected(&j, "the end of the text");
		buf_clear(&j.key);
		buf_clear(&j.str);
	}
	if (rc) {
		if (ret_where)
			*ret_where = j.r.where;
		return rc;
	}
	*ret = v;
	return 0;
}
