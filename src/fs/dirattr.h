/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What chmod, chown and utimensat gave to directories of kinds and namespaces: kept in the store below /mount/dirs/, all of
 * it in memory. A directory is named by its path from the root: "", "deployments", "namespaces/dev",
 * "namespaces/dev/pods".
 */
#ifndef PODFS_FS_DIRATTR_H
#define PODFS_FS_DIRATTR_H

#include "fs/node.h"

struct fs_dirs;

int fs_dirs_new(struct fs *fs, struct error *err);
/* Follows the cache no more: the loop is about to end. NULL is fine. */
void fs_dirs_stop(struct fs_dirs *d);
void fs_dirs_free(struct fs_dirs *d);

/* Whose a directory is, and its permission bits. */
struct fs_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* Of the directory of that path: what was set, else root's with `mode`. Any thread. */
void fs_dirs_attr(struct fs *fs, const char *path, mode_t mode, struct fs_owner *ret);
/*
 * Of a namespace's directory (kind NULL; "default": the root), or of its directory of a kind, which has the namespace's
 * owner and group unless others were set, and 0755 with those of the namespace's write bits that are its group's and
 * others'. Any thread.
 */
void fs_dirs_owner(struct fs *fs, const char *ns, const struct schema_kind *kind, struct fs_owner *ret);

/* Fills in mode, owner and mtime of a directory node: what was set, else `mode`, the namespace's owner, the last change
 * of a name in it. */
void fs_dirs_getattr(const struct fs_node *dir, struct fs_attr *a, mode_t mode);
/* setattr() of such a directory: durable, then answers. */
void fs_dirs_setattr(struct fs_req *r, struct fs_node *dir, const struct fs_attr *a, unsigned set);
/* A name was made or removed in it. */
void fs_dirs_touch(struct fs_node *dir);
#endif
