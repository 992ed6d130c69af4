/* SPDX-License-Identifier: Apache-2.0 */
/* Making directories where a path is to be trusted, as of the daemon's own files: links in it are followed. */
#ifndef PODFS_BASE_DIRECTORIES_H
#define PODFS_BASE_DIRECTORIES_H

#include <sys/types.h>

/*
 * Makes a directory of that mode, and those above it that are missing of the mode `above`; the umask counts. 0 also when
 * there is something by that name, be it no directory. A negative errno: some of those above it may have been made.
 */
int directories_make(const char *path, mode_t above, mode_t mode);

#endif
