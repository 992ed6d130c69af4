/* SPDX-License-Identifier: Apache-2.0 */
/* images/: archives that are imported at close, and a directory for each image name. */
#ifndef PODFS_FS_IMAGES_H
#define PODFS_FS_IMAGES_H

#include "fs/node.h"

int fs_images_new(struct fs *fs, struct error *err);
void fs_images_free(struct fs_images *images);
extern const struct fs_ops fs_images_dir_ops;

#endif
