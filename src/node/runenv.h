/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment that a run of a container began with, in a file of root's beside its file system, so that programs run
 * beside it later have the same, whatever became of the ConfigMaps and Secrets that it was made of. Each NAME=VALUE ends
 * with a NUL. Other lists of strings are kept so too (volume_images.h).
 */
#ifndef PODFS_NODE_RUNENV_H
#define PODFS_NODE_RUNENV_H

#include <stddef.h>

#include "base/arena.h"

/* A negative errno; the file is then not there. */
int runenv_write(const char *path, const char *const *env, size_t n);
/* Strings of `a`. -ENOENT: none was written; -EBADMSG: what is there is damaged; another negative errno. */
int runenv_read(struct arena *a, const char *path, const char *const **ret_env, size_t *ret_n);

#endif
