/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log file in the CRI format ("TIME stdout|stderr F|P TEXT") read as plain text. An index remembers
 * how many plain bytes come before every so many bytes of the file, so that sizes and places are found without reading it all.
 */
#ifndef PODFS_FS_LOGINDEX_H
#define PODFS_FS_LOGINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Where in a line a reader is. All zeros: at the start of one. Pure. */
struct cri_filter {
	unsigned char fields; /* fields of the header that have ended; 3: in the text */
	bool tag_started;
	char tag; /* the third field's first letter */
};

/* Reads up to the end of a line, or of the data; *ret_plain is how many bytes of plain text that gave, which are appended
 * to `out` unless it is NULL. Returns the bytes read. A line with fewer than three fields gives nothing. */
size_t cri_line(struct cri_filter *f, const char *data, size_t len, size_t *ret_plain, struct buf *out);

enum { LOGINDEX_STEP = 64 * 1024 }; /* bytes of the file between two marks */

struct logindex {
	uint64_t raw, plain; /* what has been read so far */
	struct cri_filter at;
	struct logindex_mark {
		uint64_t raw, plain; /* the start of a line */
	} *marks; /* owned; the first is at LOGINDEX_STEP or later */
	size_t n, cap;
};

void logindex_clear(struct logindex *x);
/* Takes what the file holds by now into the index; from the start if it has become shorter. A negative errno. */
int logindex_update(struct logindex *x, int fd);
/* Appends up to `size` plain bytes from `off` on; none at the end. A negative errno. */
int logindex_read(struct logindex *x, int fd, uint64_t off, size_t size, struct buf *out);

#endif
