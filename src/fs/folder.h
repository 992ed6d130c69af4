/* SPDX-License-Identifier: Apache-2.0 */
/* manifests/ and the folders in it: free-form desired state. fs/place.h says how it is stored. */
#ifndef PODFS_FS_FOLDER_H
#define PODFS_FS_FOLDER_H

#include "fs/node.h"

/* The tree's own directory, and a folder below it. The latter's data is a struct fs_manifest, as a manifest's is. */
extern const struct fs_ops fs_manifests_ops;
extern const struct fs_ops fs_folder_ops;

bool fs_is_folder(const struct fs_node *n);
/* 0 for the tree's own directory. */
uint64_t fs_folder_number(const struct fs_node *dir);
/* A name came or went in a folder below the tree's own directory. */
void fs_folder_touch(struct fs_node *dir);
/* Whether anything lies in the tree of that namespace, scratch included. */
bool fs_folder_tree_used(struct fs *fs, const char *ns);

/* Renames a folder. Within its namespace's tree nothing that it holds is touched; elsewhere -EXDEV, upon which mv(1) copies
 * what is in it and removes it. Answers the request. */
void fs_folder_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		      const char *newname);

#endif
