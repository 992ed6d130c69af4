/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log files as they lie in a directory, and how one is followed. A run's output is in RUN.log, and what was
 * rotated away from it in RUN.log.1, RUN.log.2, …, in that order; the oldest of them may be gone (pod/crilog.h).
 *
 * A chain is what a file that was opened once shows: the text from one of those files on, and, if it follows, of all that
 * come after it, as one that grows without end. What was removed before it could be read is a hole: bytes of 0, as many
 * as are known to have been there.
 */
#ifndef PODFS_FS_LOGCHAIN_H
#define PODFS_FS_LOGCHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/logindex.h"

enum { LOGFILES_MAX = 2000, LOGFILE_NAME_SIZE = 32 }; /* files of one container that are looked at */

struct logfile {
	unsigned run;
	unsigned number; /* 0: RUN.log itself */
};

/* The files of a directory, newest first; returns their number. A run whose RUN.log is just being made is as if it had an
 * empty one. Takes over dirfd, and is 0 with a negative one. */
size_t logfiles_find(int dirfd, struct logfile files[static LOGFILES_MAX]);
/* The number that a run's RUN.log will get; files as logfiles_find() gave them. */
unsigned logfiles_next(const struct logfile *files, size_t n, unsigned run);

struct logchain {
	unsigned run;
	bool follows;
	int64_t mtime; /* ns since 1970 of the newest part; 0: it is not there yet */
	struct logpart {
		unsigned number; /* that it has, or will have when it is rotated */
		bool ended;	 /* nothing more comes */
		bool open;	 /* whether its index is in use: it was there */
		ino_t file;
		uint64_t start; /* of its text in the chain's */
		struct logindex index;
	} *parts; /* owned; the first may come after the chain's start */
	size_t n;
};

/* A chain from that file on, whose text starts at `start`. -ENOMEM. */
int logchain_init(struct logchain *c, unsigned run, unsigned number, uint64_t start, bool follows);
void logchain_clear(struct logchain *c);
/* Takes in what the directory's files hold by now. 0 also when there is none yet; a negative errno. */
int logchain_update(struct logchain *c, int dirfd);
/* Bytes of text up to now. */
uint64_t logchain_size(const struct logchain *c);
/* Appends up to `size` bytes from `off` on, as of the last update; none at the end. A negative errno. */
int logchain_read(struct logchain *c, int dirfd, uint64_t off, size_t size, struct buf *out);

#endif
