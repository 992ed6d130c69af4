/* SPDX-License-Identifier: Apache-2.0 */
/* Links from an object to what it owns. */
#ifndef PODFS_FS_OBJLINKS_H
#define PODFS_FS_OBJLINKS_H

#include "fs/objdir.h"

extern const struct fs_ops fs_owned_pods_ops, fs_owned_sets_ops;

/* What a uid controls, of one kind. */
int fs_controlled(struct fs *fs, const char *uid, const char *plural, struct object_list *ret);

/* The pods of a workload: its own, and those of its ReplicaSets. */
int fs_owned_pods(struct fs *fs, const struct object *o, struct object_list *ret);

#endif
