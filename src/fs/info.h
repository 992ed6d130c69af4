/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of the root: README, version, healthz, metrics. */
#ifndef PODFS_FS_INFO_H
#define PODFS_FS_INFO_H

#include "fs/node.h"

extern const struct fs_ops fs_readme_ops, fs_version_ops, fs_healthz_ops, fs_metrics_ops;

#endif
