/* SPDX-License-Identifier: Apache-2.0 */
/* A kind's directory: NAME/ for each object, and the files that people put there. namespaces/ is one too. */
#ifndef PODFS_FS_KINDDIR_H
#define PODFS_FS_KINDDIR_H

#include "fs/node.h"

extern const struct fs_ops fs_kinddir_ops;

/* The directory of a kind below the root or below a namespace's directory. */
int fs_kinddir_node(struct fs_node *parent, const struct schema_kind *kind, struct fs_node **ret);
uint64_t fs_kinddir_ino(const struct fs_node *parent, const struct schema_kind *kind);
/* Whether it is namespaces/. */
bool fs_kinddir_is_namespaces(const struct fs_node *dir);
/* The object of that name in the directory, or NULL. */
struct object *fs_kinddir_object(struct fs_node *dir, const char *name);

#endif
