/* SPDX-License-Identifier: Apache-2.0 */
/* Links from an object to what it owns, and a Deployment's revisions. */
#ifndef PODFS_FS_OBJLINKS_H
#define PODFS_FS_OBJLINKS_H

#include "fs/objdir.h"

extern const struct fs_ops fs_owned_pods_ops, fs_owned_sets_ops, fs_revisions_ops;

/* The pods of a workload: its own, and those of its ReplicaSets. */
int fs_owned_pods(struct fs *fs, const struct object *o, struct object_list *ret);
/* A Deployment's ReplicaSet of that revision, decoded, as a new reference; NULL if there is none. */
struct object *fs_revision_set(struct fs *fs, const char *deployment_uid, const char *revision);

#endif
