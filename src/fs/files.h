/* SPDX-License-Identifier: Apache-2.0 */
/* What people do to names in a kind's directory and in scratch directories: make, remove, rename and link files. */
#ifndef PODFS_FS_FILES_H
#define PODFS_FS_FILES_H

#include "fs/node.h"

void fs_files_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags);
void fs_files_unlink(struct fs_req *r, struct fs_node *dir, const char *name);
void fs_files_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		     const char *newname, unsigned flags);
void fs_files_symlink(struct fs_req *r, struct fs_node *dir, const char *name, const char *target);
void fs_files_link(struct fs_req *r, struct fs_node *n, struct fs_node *newdir, const char *newname);

#endif
