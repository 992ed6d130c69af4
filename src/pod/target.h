/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container in another one's PID namespace: debug containers. Its /proc is a copy of the other's, since only a process in
 * there could mount one, and would be seen by that one with all of podfs-pod's rights; its own first process enters the
 * namespace last (child.c).
 */
#ifndef PODFS_POD_TARGET_H
#define PODFS_POD_TARGET_H

/*
 * A detached copy of the mount at /proc of the process of a pidfd, with attr (MOUNT_ATTR_*) set. The caller's own namespaces are
 * what they were. 0 or more, or a negative errno: -EINVAL when the container has something else mounted there. For a process
 * with one thread.
 */
int target_proc(int pidfd, unsigned attr);

#endif
