/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts by descriptor: detached ones (fsmount, open_tree), and targets found inside a root that is not trusted.
 * Everything returns a descriptor or 0, or negative errno.
 */
#ifndef PODFS_POD_MOUNTS_H
#define PODFS_POD_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A new, detached file system of `type`; data: comma-separated options, each at most 255 bytes long; attr:
 * MOUNT_ATTR_*. */
int mounts_new(const char *type, const char *data, unsigned attr);

/* A new overlay; lower, upper and work name directories, in as many bytes as fsconfig takes (255 each). */
int mounts_overlay(const char *lower, const char *upper, const char *work, bool skip_sync, unsigned attr);

/* A detached copy of what is at path below dirfd (path "": dirfd itself). */
int mounts_clone(int dirfd, const char *path, bool recursive);

/* Sets MOUNT_ATTR_* beside those that are set, and propagation (MS_PRIVATE …, 0: leave), of a mount or all below. */
int mounts_set(int fd, unsigned attr, bool recursive, unsigned propagation);

/* Has the IDs on disk of a detached mount (or all below it) seen as those of the user namespace. -EINVAL: a file system
 * that cannot; -EPERM: the mount maps IDs already. */
int mounts_map_ids(int fd, int userns, bool recursive);

/* An O_PATH descriptor of `path` inside root. */
int mounts_find(int root, const char *path);

/* Makes the directory `path` and what leads to it inside root, of that mode (less the umask); a dangling link is taken for
 * what it means there. */
int mounts_mkdirs(int root, const char *path, mode_t mode);

/* Mounts fd on `target` inside root, making the target (directory or empty file, as the mount's own root is) and what
 * leads to it where it is missing. resolve: RESOLVE_* beside RESOLVE_IN_ROOT. */
int mounts_attach(int fd, int root, const char *target, uint64_t resolve);

#endif
