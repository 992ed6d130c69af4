/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks behind the end of what the database uses, written before they are needed. A commit that makes its file longer has
 * to sync the file's inode too, with a journal or without: one more wait for the disk. Where the blocks are there already,
 * as zeros that are synced with an earlier commit, it overwrites, and syncs nothing but its pages.
 */
#ifndef PODFS_STORE_AHEAD_H
#define PODFS_STORE_AHEAD_H

#include <stddef.h>

enum {
	AHEAD_BYTES = 256 * 1024, /* written at a time */
	AHEAD_LEFT = 64 * 1024,	  /* as many are left when the next are written; a larger commit grows the file itself */
};

/*
 * Sees to it that the file `fd` has written blocks from `used` on, its bytes in use. `end` is what the last call returned,
 * 0 for the first; returns the next. Nothing is written where the disk, on which the directory `dir` lies, is nearly full, or
 * beyond `limit`. Nothing is synced: the next sync of the file does that. The caller is the only one who writes the file.
 */
size_t ahead_fill(int fd, int dir, size_t used, size_t end, size_t limit);

#endif
