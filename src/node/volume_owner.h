/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a volume is: a pod's fsGroup. */
#ifndef PODFS_NODE_VOLUME_OWNER_H
#define PODFS_NODE_VOLUME_OWNER_H

#include <stdatomic.h>
#include <sys/types.h>

/*
 * Gives a directory and what is in it to a group, which may then do what the owner may, and has new files be that group's:
 * K8S:pkg/volume/volume_linux.go. Nothing is done where the directory itself is so already, as with fsGroupChangePolicy
 * OnRootMismatch. Others may change the tree meanwhile: no link is followed, none leads out, and directories deeper than
 * VOLUME_OWNER_DEPTH are left as they are. Costs time with the number of files; -ECANCELED once *stop, which another
 * thread may set. A negative errno.
 */
int volume_owner_set(const char *path, gid_t group, const atomic_bool *stop);
/* 1: nothing is left to do; 0: something is; a negative errno. */
int volume_owner_check(const char *path, gid_t group);

enum { VOLUME_OWNER_DEPTH = 64 };

#endif
