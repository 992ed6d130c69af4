/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went while somebody reads the directory that it was in. Controllers and the garbage collector remove objects at any
 * time, so that "rm -r", which removes what it has read, and "ls -l", "find" and "du" would find things missing without
 * a reason that their user could see. So a thread that has the directory of a kind open, or one below it, sees the
 * directory of an object that went lately, and what is in it, for a second more, empty. Nobody else does, and nobody once
 * the thing was removed through the mount; manifests are never kept so. Of the loop thread.
 */
#ifndef PODFS_FS_REMNANT_H
#define PODFS_FS_REMNANT_H

#include "fs/node.h"

struct fs_remnants;

/* Sets fs->remnants and follows the cache. -ENOMEM. */
int fs_remnants_new(struct fs *fs, struct error *err);
/* Follows the cache no more: the loop is about to end. NULL is fine. */
void fs_remnants_stop(struct fs_remnants *v);
void fs_remnants_free(struct fs_remnants *v);

/* The node, as a new reference, that stands for a name which lookup() did not find; NULL: there is none. */
struct fs_node *fs_remnant_lookup(struct fs_node *dir, const char *name, pid_t thread);
/* Whether the node, whose getattr() or readdir() says that it is gone, is a remnant for that thread. */
bool fs_remnant_is(const struct fs_node *n, pid_t thread);
/* Its attributes. */
void fs_remnant_attr(const struct fs_node *n, struct fs_attr *a);
/* Something is removed from that directory: whoever removes a remnant's content bit by bit sees it a second more. */
void fs_remnant_extend(const struct fs_node *dir);
/* That name was removed from a kind's directory by somebody who waited for it: nobody is to see it any more. */
void fs_remnant_forget(const struct fs_node *dir, const char *name);

#endif
