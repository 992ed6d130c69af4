/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container in another one's PID namespace: debug containers. Its /proc must be made by a process in there, and its own
 * first process enters that namespace last (child.c).
 */
#ifndef PODFS_POD_TARGET_H
#define PODFS_POD_TARGET_H

/*
 * A detached mount of proc for the PID namespace of the process of a pidfd. It is made by a process that the container sees
 * for a moment: one whose root is the pod's empty one (podns), and which has nothing open but a socket. 0 or more, or a
 * negative errno. For a process with one thread and no other children.
 */
int target_proc(int pidfd, int podns, unsigned attr);

#endif
