/* SPDX-License-Identifier: Apache-2.0 */
/* An object told to people: what it is, how it does, and what is wrong. Pure. */
#ifndef PODFS_FS_DESCRIBE_H
#define PODFS_FS_DESCRIBE_H

#include "base/buf.h"
#include "store/object.h"

struct describe {
	const struct object *object;
	const struct object_list *pods; /* of a workload: its pods; else NULL */
	const char *manifest;		/* the file that declares it; NULL: none */
	const char *events;		/* its last lines, indented; "" when there are none */
	bool hide_values;		/* of data: a Secret's */
};

/* Appends the text. Times are absolute, so that it changes only with what it tells of. */
void describe_object(const struct describe *d, struct buf *out);

#endif
