/* SPDX-License-Identifier: Apache-2.0 */
/* The root, which is namespace default, and the directories namespaces/NS. */
#ifndef PODFS_FS_ROOT_H
#define PODFS_FS_ROOT_H

#include "fs/node.h"

extern const struct fs_ops fs_root_ops;

/*
 * Appends where files belong instead, "; PATH/manifests/ takes …", for a directory that takes none, if it is a namespace's:
 * the root or namespaces/NS.
 */
void fs_root_hint(const struct fs_node *dir, struct buf *out);

/* namespaces/NS of a Namespace object; for default a directory of links. */
int fs_nsdir_node(struct fs_node *namespaces, const struct object *o, struct fs_node **ret);
uint64_t fs_nsdir_ino(const struct fs *fs, const struct object *o);
/* Makes and removes namespaces. Answer the request. */
void fs_nsdir_mkdir(struct fs_req *r, struct fs_node *namespaces, const char *name);
void fs_nsdir_rmdir(struct fs_req *r, struct fs_node *namespaces, const struct object *o);

#endif
