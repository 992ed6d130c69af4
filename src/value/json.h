/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, RFC 8259.
 */
#ifndef PODFS_VALUE_JSON_H
#define PODFS_VALUE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"
#include "value/yaml.h"

enum json_write_flags {
	JSON_PRETTY = 1 << 0, /* four spaces a level, as kubectl prints it, and a line feed at the end */
	JSON_SORTED = 1 << 1, /* members in the order of their keys' bytes */
};

/* Appends a value. Compact without JSON_PRETTY: no space, no line feed. Integers are exact, floats the shortest text
 * that reads back the same; infinities and NaN, which JSON lacks, become null. NULL becomes null. */
void json_write(struct buf *b, const struct value *v, unsigned flags);

/* Appends a string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct buf *b, const char *s, size_t len);

/*
 * Reads exactly one value with nothing but space around it. Strict; a byte order mark is refused; keys may not come
 * twice in an object, nor hold NUL; lone surrogates become U+FFFD. Numbers without fraction and exponent that fit are
 * exact integers; whole floats within int64 become integers. Values and keys bear marks. Limits, errors and the
 * place of the error as for yaml_read().
 */
int json_read(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a, struct value **ret,
	      struct error *err, struct value_mark *ret_where);

/* As json_read(), for values that follow one another; documents are numbered from 1. */
int json_read_stream(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a,
		     struct yaml_document **ret_docs, size_t *ret_n, struct error *err, struct value_mark *ret_where);

#endif
