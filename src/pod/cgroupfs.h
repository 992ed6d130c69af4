/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys/fs/cgroup of a container on machines with cgroup v1: a small tmpfs with one mount a controller, as programs
 * look for their limits there (cgroup v2 is a single mount, which rootfs.c makes).
 */
#ifndef PODFS_POD_CGROUPFS_H
#define PODFS_POD_CGROUPFS_H

#include <stddef.h>

enum { CGROUPFS_LIST_SIZE = 256 };

/* The controllers in whose hierarchy this process has a cgroup of its own, one hierarchy a line ("cpu,cpuacct"). In
 * the others its cgroup is the root, which would show the container the whole machine. "" when there are none. */
void cgroupfs_controllers(char list[static CGROUPFS_LIST_SIZE]);

/* Mounts them at /sys/fs/cgroup inside root; attr: MOUNT_ATTR_*. 0 or negative errno. */
int cgroupfs_attach(int root, const char *list, unsigned attr);

#endif
