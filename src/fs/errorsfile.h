/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/errors: the entries of `errors`, so that the next daemon has them too. Each is a line "TIME UID LENGTH NS" and its
 * text of that length. What was written last may be missing after a power failure. */
#ifndef PODFS_FS_ERRORSFILE_H
#define PODFS_FS_ERRORSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define FS_ERRORSFILE_NAME "errors"

struct fs_errors_entry {
	const char *ns; /* borrowed */
	uid_t uid;	/* whose call was refused; (uid_t)-1: nobody's */
	int64_t time;	/* ns since 1970 */
	const char *text; /* borrowed */
	size_t len;
};

/* Pure: appends one entry as the file has it. */
void fs_errorsfile_format(struct buf *out, const struct fs_errors_entry *e);
/* Pure: calls `each` for every whole entry of such a file, oldest first; what follows damage is left out. */
void fs_errorsfile_parse(char *text, size_t len, void (*each)(void *arg, const struct fs_errors_entry *e), void *arg);

/* Reads the file in `dir` and calls `each`; none is no error. Files of more than FS_ERRORSFILE_MAX bytes are not read. */
int fs_errorsfile_read(int dir, void (*each)(void *arg, const struct fs_errors_entry *e), void *arg);
/* Adds formatted entries at its end, or (whole) puts them in its place. Negative errno. */
int fs_errorsfile_write(int dir, const struct buf *entries, bool whole);
enum { FS_ERRORSFILE_MAX = 16 * 1024 * 1024 };

#endif
