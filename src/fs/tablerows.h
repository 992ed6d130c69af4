/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as rows of text tables, in the columns and words of kubectl get -o wide. Pure. */
#ifndef PODFS_FS_TABLEROWS_H
#define PODFS_FS_TABLEROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "schema/schema.h"

/* Cells, gathered row by row, then written with their columns aligned. */
struct rows {
	struct buf cells; /* each with its NUL */
	size_t columns;	  /* of the first row, which all have */
	size_t n;	  /* cells so far */
};

#define ROWS_INIT ((struct rows){ .cells = BUF_INIT })
void rows_clear(struct rows *t);
#define _cleanup_rows_ _cleanup_(rows_clear)
/* Adds a cell; control characters are escaped, "" becomes <none>. */
void rows_cell(struct rows *t, const char *text);
/* Ends the header row. */
void rows_end_header(struct rows *t);
/* Appends the text: columns three spaces apart, the last one not padded. */
void rows_write(const struct rows *t, struct buf *out);

/* The header and a row for objects of a kind; now: real time in ns. With a first column NAMESPACE when with_ns. */
void rows_header(struct rows *t, const struct schema_kind *kind, bool with_ns);
void rows_row(struct rows *t, const struct schema_kind *kind, const struct value *root, bool with_ns, int64_t now);

/* A time span in ns as kubectl words it: "5s", "2m30s", "3h", "5d4h". */
enum { AGE_SIZE = 32 };
char *rows_age(int64_t span, char out[static AGE_SIZE]);

/* What kubectl shows of a pod: K8S:pkg/printers/internalversion, printPod. */
struct pod_summary {
	char status[128]; /* Running, ContainerCreating, CrashLoopBackOff, Completed, Terminating, Init:0/1 … */
	unsigned ready, total;
	int64_t restarts;
	int64_t last_restart; /* real time, ns; 0: none known */
};
void pod_summarize(const struct value *root, struct pod_summary *ret);

#endif
