/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML, as Kubernetes' own tools read it: libyaml's grammar with the scalar types of YAML 1.1 as go-yaml v2 knows
 * them (y, yes, on, n, no, off are booleans; 0644 is octal; base 60 and dates stay strings; what is quoted is a
 * string). JSON is YAML input: text that begins with "{" is tried as JSON first. See kubernetes-semantics, "Grammars".
 *
 * Where podfs is stricter than kubectl, on purpose: a key given twice in one map is an error, and so are text that
 * is not UTF-8, .inf and .nan as values, and !!tags that YAML does not define. As kubectl does it, a "<<" merge
 * applies where it stands: what it brings replaces the keys above it and is replaced by the keys below.
 */
#ifndef PODFS_VALUE_YAML_H
#define PODFS_VALUE_YAML_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"

/* What a reader puts up with, for YAML and JSON. In a member that is 0 the default counts. */
struct yaml_limits {
	size_t max_bytes;     /* of the text, and of its strings with aliases expanded; default 8 MiB */
	size_t max_nodes;     /* of all documents, aliases expanded; default 1,000,000 */
	size_t max_documents; /* default 10,000 */
	unsigned max_depth;   /* of lists and maps; default 100, at most 1000 */
};

struct yaml_document {
	struct value *root; /* never NULL, never a VALUE_NULL */
	struct value_mark mark; /* where its first node stands */
	unsigned number; /* in the stream, from 1, the empty ones counted */
};

/*
 * Reads every document of a text into `a`; the ones that are empty, hold only comments, or are null are left out, so
 * that *ret_n may be 0. The array *ret_docs lives in `a`; no string points into `text`. Every value and every key
 * bears the mark of where it stood; the inner values of an alias bear those of the anchor.
 *
 * limits, err and ret_where may be NULL. Returns 0; -EINVAL for text that is no YAML; -EFBIG or -E2BIG when a limit
 * is passed (bytes; anything else); -ENOMEM. On failure the message says what was found and what to do, without
 * the place, which goes to *ret_where (0:0 when it has none); when the stream has more than one document the
 * message begins with "document N: ".
 */
int yaml_read(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a,
	      struct yaml_document **ret_docs, size_t *ret_n, struct error *err, struct value_mark *ret_where);

enum yaml_write_flags {
	YAML_SORTED = 1 << 0, /* members in the order of their keys' bytes, as kubectl prints them */
};

/*
 * Appends one document, without "---", in block style as kubectl prints it: two spaces a level, lists not indented
 * below their key, a string quoted only where a YAML 1.1 reader would take it for something else, strings of several
 * lines as literal blocks. What yaml_read() makes of it is value_equal() to v, provided that v's strings are UTF-8
 * and that its numbers are in the form that readers give them (a whole number within int64 is a VALUE_INT).
 */
void yaml_write(struct buf *b, const struct value *v, unsigned flags);

/* What a plain scalar is to YAML 1.1 as go-yaml v2 reads it. */
struct yaml_scalar {
	enum value_type type; /* NULL, BOOL, INT, FLOAT or STRING */
	bool b;
	int64_t i;
	double d; /* may be infinite or NaN */
};

/* Types the text of a plain scalar. Whole floats within int64 become integers, as JSON makes them on their way into
 * Kubernetes; integers beyond int64 become floats. */
struct yaml_scalar yaml_resolve(const char *s, size_t len);

#endif
