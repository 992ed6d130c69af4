/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong, or odd, with a document: a list of diagnostics for people, each with the place in the file, the
 * field path, and the words. One list serves a write through the mount, `podfs validate` and the manual's examples.
 */
#ifndef PODFS_SCHEMA_DIAG_H
#define PODFS_SCHEMA_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "value/value.h"

enum diag_severity { DIAG_WARNING, DIAG_ERROR };

struct diag {
	enum diag_severity severity;
	int code;		/* negative errno that a refused call answers; 0 for warnings */
	struct value_mark mark; /* line 0 when unknown */
	char *path;		/* owned: "spec.template.spec.containers[0].image"; "" for the whole document */
	char *message;		/* owned: "Invalid value: -1: must be greater than or equal to 0" */
};

struct diag_list {
	struct diag *items; /* owned array, in the order found; errors beyond DIAG_MAX are counted, not kept */
	size_t n, errors, warnings;
	bool failed; /* memory ran out: something is missing from the list; counts as an error */
};

enum { DIAG_MAX = 64 };

#define DIAG_LIST_INIT ((struct diag_list){ 0 })

void diag_list_clear(struct diag_list *l);
#define _cleanup_diag_list_ _cleanup_(diag_list_clear)

/* Adds one. `code` is a negative errno for errors (usually -EINVAL), ignored for warnings. path may be NULL. */
void diag_add(struct diag_list *l, enum diag_severity severity, int code, struct value_mark mark, const char *path,
	      const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Whether one more of that severity would only be counted: then it need not be worded. */
bool diag_is_full(const struct diag_list *l, enum diag_severity severity);
/* Counts one that is not worded. */
void diag_count(struct diag_list *l, enum diag_severity severity);

/* The code of the first error; 0 when there is none; -ENOMEM when the list itself failed. */
int diag_code(const struct diag_list *l);

/*
 * Appends one line a diagnostic, as `podfs validate` and the errors file print it:
 *   FILE:LINE:COLUMN: error: PATH: MESSAGE
 * with the parts that are unknown left out. file may be NULL. Control characters are escaped.
 */
void diag_format(const struct diag_list *l, const char *file, struct buf *out);

#endif
