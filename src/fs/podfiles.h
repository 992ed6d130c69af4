/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's logs/, containers/ and metrics, and the logs/ of the root and of namespaces. */
#ifndef PODFS_FS_PODFILES_H
#define PODFS_FS_PODFILES_H

#include "fs/objdir.h"

extern const struct fs_ops fs_podlogs_ops, fs_containers_ops, fs_podmetrics_ops;
/* Links to the files of the CRI format. */
extern const struct fs_ops fs_logs_ops;

#endif
