/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks share: where they are in a document, and the words in which they report. The words are
 * Kubernetes' classes of field errors ("Invalid value", "Required value", …), since people search for them.
 */
#ifndef PODFS_SCHEMA_REPORT_H
#define PODFS_SCHEMA_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/diag.h"
#include "value/value.h"

struct schema_kind_ops;

/* One document on its way through admission. Belongs to one thread. */
struct admit {
	struct arena *arena;
	struct diag_list *diags;
	const struct schema_kind_ops *ops;
	const struct value *root; /* the document, to find a place for what defaults have made; NULL: none is looked for */
	bool has_unknown_fields;
	size_t n_told; /* the first so many of diags are errors of reading: nothing more is said of their places */
	const struct value *claims; /* of a StatefulSet: its claim templates, which are volumes of its pods; else NULL */
};

/* A step of a path; a chain of them lies on the stack of the walk. The root is NULL. */
struct schema_path {
	const struct schema_path *up;
	const char *key; /* a member's name; NULL for an item */
	size_t index;
	bool is_map_key; /* shown as [key], for free keys: data[a/b], limits[cpu] */
};

#define AT(parent, name) (&(const struct schema_path){ .up = (parent), .key = (name) })
#define AT_KEY(parent, name) (&(const struct schema_path){ .up = (parent), .key = (name), .is_map_key = true })
#define AT_ITEM(parent, i) (&(const struct schema_path){ .up = (parent), .index = (i) })

/* Appends "spec.containers[0].image". */
void schema_path_format(const struct schema_path *at, struct buf *out);

/* Each adds one error at `at`; v is the value at fault and may be NULL, `mark` gives the place where v has none. */
void report_invalid(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void report_required(struct admit *ad, const struct schema_path *at, const struct value *parent, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void report_forbidden(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* "Unsupported value: …: supported values: …", and the nearest of them when one is near. */
void report_unsupported(struct admit *ad, const struct schema_path *at, const struct value *v,
			const char *const *supported);
void report_duplicate(struct admit *ad, const struct schema_path *at, const struct value *v);
void report_not_found(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void report_too_long(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As report_invalid() with -EPERM, for what may not change. */
void report_immutable(struct admit *ad, const struct schema_path *at, const struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As report_forbidden() with -EPERM: `near` gives the place. */
void report_fixed(struct admit *ad, const struct schema_path *at, const struct value *near, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A member that may not change: as report_immutable() of what it became, or as report_fixed() where it is gone. */
void report_changed(struct admit *ad, const struct schema_path *at, const struct value *v, const struct value *near,
		    const char *text);
/* Any other words, with the place given. */
void report_error(struct admit *ad, const struct schema_path *at, struct value_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void report_warning(struct admit *ad, const struct schema_path *at, struct value_mark mark, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Appends a value as messages show it: strings quoted and cut, the rest as JSON, cut. */
void report_value(const struct value *v, struct buf *out);

#endif
