/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revisions/N/ of a workload: the templates that it had. A Deployment's are kept by its ReplicaSets, a DaemonSet's and a
 * StatefulSet's by ControllerRevisions; either is the revision's "keeper" here.
 */
#ifndef PODFS_FS_REVISIONS_H
#define PODFS_FS_REVISIONS_H

#include "fs/objdir.h"

extern const struct fs_ops fs_revisions_ops;

/* The keeper of a workload's revision, decoded, as a new reference; NULL if there is none, or memory is out. Where two bear
 * one number for the moment, it is the younger. */
struct object *fs_revision_keeper(struct fs *fs, const char *workload_uid, const char *number);

/* A copy in `a` of the template that it keeps, less what was added to it; NULL when it keeps none, or memory is out. */
struct value *fs_revision_template(struct arena *a, const struct object *keeper);

#endif
