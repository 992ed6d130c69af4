/* SPDX-License-Identifier: Apache-2.0 */
/* table/: the objects of each kind as an aligned text table. */
#ifndef PODFS_FS_TABLES_H
#define PODFS_FS_TABLES_H

#include "fs/node.h"

extern const struct fs_ops fs_tables_ops;

#endif
