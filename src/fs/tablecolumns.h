/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of kinds whose rows are values at paths, or short texts made of one object: all that need no summing up
 * as pods do. Pure.
 */
#ifndef PODFS_FS_TABLECOLUMNS_H
#define PODFS_FS_TABLECOLUMNS_H

#include "fs/tablerows.h"

struct rows_column {
	const char *header;
	const char *path; /* "spec.type"; NULL with `write` */
	/* Appends the cell's text; nothing: the cell is <none>. */
	void (*write)(struct buf *out, const struct value *root);
	bool is_age;	   /* the time at `path` is shown as how long ago it was */
	const char *until; /* or as the span to the time at this path, once that is there */
};

/* Ends with a NULL header; NULL for a kind that has none here. Where its header is AGE, the cell is the object's age. */
const struct rows_column *rows_columns_of(const struct schema_kind *kind);
/* The same for what runs, limits and ranks pods. */
const struct rows_column *rows_work_columns_of(const struct schema_kind *kind);
/* The value at such a path. */
const struct value *rows_path(const struct value *root, const char *path);

#endif
