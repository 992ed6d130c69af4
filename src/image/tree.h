/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a directory that is being unpacked. What lies in it came from a hostile archive, its symbolic links
 * above all, so every path is resolved by openat2(2) with that directory as the root: no name leads out of it. One
 * thread, and nobody else changes the tree meanwhile.
 */
#ifndef PODFS_IMAGE_TREE_H
#define PODFS_IMAGE_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct tree {
	int root;	       /* the caller's */
	int parent;	       /* the directory found last, or -1: the tree's */
	char parent_path[PATH_MAX];
};

#define TREE_INIT(fd) ((struct tree){ .root = (fd), .parent = -1, .parent_path = "" })

/* Closes what the tree opened. */
void tree_clear(struct tree *t);

/*
 * Opens the directory of `path` (as source_path() writes it, not empty), making the directories that are missing with
 * mode 0755 and this process's owner; a link or file in a place where a directory must be is an error. Gives the
 * directory, which lives until the next call, and the last part of path. -ENOTDIR, -ELOOP, or what the file system
 * says.
 */
int tree_parent(struct tree *t, const char *path, int *ret_dirfd, const char **ret_name);

/* Opens `path`, without following a link in its last part; `flags` as for open(2). "" is the root itself. A negative
 * errno or a descriptor that is the caller's. */
int tree_open(const struct tree *t, const char *path, int flags);

/* Makes the next tree_parent() look anew: to be called whenever something is removed or replaced. The directory that
 * it found last stays open. */
void tree_changed(struct tree *t);

/* Removes `name` from a directory, with all that is below it however deep; no link is followed. 0 also when it was not
 * there. Uses a constant number of descriptors. */
int tree_remove(int dirfd, const char *name);

#endif
