/* SPDX-License-Identifier: Apache-2.0 */
/* What the two ends have in common; for send.c and receive.c. */
#ifndef PODFS_COPY_PATHS_H
#define PODFS_COPY_PATHS_H

#include <stdint.h>

#include "copy/copy.h"

/* Opens a path below dirfd, following no link. As openat2(2), but a negative errno. */
int copy_open_beneath(int dirfd, const char *path, uint64_t flags, uint64_t mode);

/* Says that path below base has failed, by a negative errno or a text. Returns code. */
int copy_fail(struct copy *c, const char *base, const char *path, int code);
void copy_say(struct copy *c, const char *base, const char *path, const char *text);

#endif
