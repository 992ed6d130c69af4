/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other/GROUP/PLURAL/: the directories of custom kinds, which stand and go with their definitions. A region; see
 * fs/region.h.
 */
#ifndef PODFS_FS_OTHER_H
#define PODFS_FS_OTHER_H

#include "fs/node.h"

extern const struct fs_ops fs_other_ops;

#endif
