/* SPDX-License-Identifier: Apache-2.0 */
/* Where live objects differ from what the manifests in force say: NAME/drift and table/drift. */
#ifndef PODFS_FS_DRIFT_H
#define PODFS_FS_DRIFT_H

#include "fs/objdir.h"
#include "fs/tablerows.h"

extern const struct fs_ops fs_drift_ops;

/*
 * Adds a row for each field that differs, and one for each object that a manifest declares and that is not there. ns NULL:
 * of all namespaces and cluster-wide kinds, with a first column NAMESPACE.
 */
int fs_drift_rows(struct fs *fs, const char *ns, struct rows *t);

void fs_drift_free(struct fs *fs);

#endif
