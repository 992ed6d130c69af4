/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of YAML and JSON share: limits, the list of documents, and the check of the text's encoding.
 * Private to this folder.
 */
#ifndef PODFS_VALUE_READER_H
#define PODFS_VALUE_READER_H

#include "value/yaml.h"

struct reader {
	struct arena *arena;
	struct yaml_limits limits; /* no zeros */
	size_t nodes, bytes;	   /* used so far */
	struct yaml_document *docs; /* in the arena */
	size_t n_docs, cap_docs;
	struct error *err;
	struct value_mark where; /* of the failure */
};

/* Fills in a reader and refuses text that is longer than its limit. */
int reader_init(struct reader *r, size_t len, const struct yaml_limits *limits, struct arena *a, struct error *err);

/* Notes the place and sets the error; returns `code`. */
int reader_fail(struct reader *r, int code, struct value_mark where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Counts a node of `bytes` bytes of text against the limits. */
int reader_count(struct reader *r, size_t bytes, struct value_mark where);

/* Adds a document, unless it is null. */
int reader_add(struct reader *r, struct value *root, struct value_mark mark, unsigned number);

/* The new depth, or an error when it passes the limit. */
int reader_check_depth(struct reader *r, size_t depth, struct value_mark where);

/* The error that a key stands twice in a map. */
int reader_twice(struct reader *r, const struct value *map, const char *key, struct value_mark where);

/* Bytes of the UTF-8 sequence at s (1..4), 0 if there is none that is valid. */
size_t utf8_len(const char *s, size_t len);
/* The code point of a valid sequence of n bytes. */
uint32_t utf8_decode(const char *s, size_t n);
/* Encodes a code point into dst; returns the number of bytes. */
size_t utf8_encode(uint32_t c, char dst[static 4]);

/* The mark of the byte at `offset`. LF, CR and CRLF end lines. */
struct value_mark text_mark_at(const char *text, size_t len, size_t offset);

#endif
