/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's file system, built in a mount namespace of its own.
 *
 * The pod has a mount namespace that holds nothing of the host (podns.h); each container's is a copy of that one, never of the host's. So the host's mounts are at no moment in a
 * container's table, the container's never in the host's, and the kernel takes all of them down with the last
 * process. What comes from the host is carried over as detached mounts (open_tree, fsmount).
 *
 * Targets are resolved with openat2(RESOLVE_IN_ROOT) and mounted by descriptor, so that no symlink of an image, nor
 * one that another container swaps meanwhile, leads a mount outside of the root.
 *
 * Needs Linux 5.12 (mount_setattr). Failures are reported to the supervisor here, then returned.
 */
#ifndef PODFS_POD_ROOTFS_H
#define PODFS_POD_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>

#include "pod/spec.h"
#include "pod/userns.h"

struct rootfs_config {
	int report; /* socket to the supervisor */
	const struct spec *spec;
	const struct spec_security *security;
	int podns;          /* the pod's mount namespace */
	int target;         /* a process whose PID namespace /proc is to be of (pidfd); -1: this one's own */
	const struct userns *users;
	const char *dir;    /* an absolute directory of the host that may be mounted over meanwhile */
	const int *sources; /* descriptors that spec_mount.source_fd counts */
	size_t n_sources;
	bool cgroup_ns; /* give the container a cgroup namespace */
	bool cgroup_v2; /* /sys/fs/cgroup is cgroup2 */
	bool shared_pids; /* /proc is that of the PID namespace that the pod's containers share */
};

/* Opens what is the host's: the root and the sources of mounts. The caller may be in another mount namespace after that,
 * and may then give up the host's rights by entering the pod's user namespace. Once in a process; c stays in use. */
int rootfs_open(const struct rootfs_config *c);

/* Builds everything and leaves the caller in the new namespace, outside of the new root, which is *ret_root. For a
 * process that will exec or exit: descriptors are left open (close-on-exec). */
int rootfs_build(const struct rootfs_config *c, int *ret_root);

/* Makes ret_root the root, and the host's tree unreachable. Leaves the caller at "/". */
int rootfs_pivot(const struct rootfs_config *c, int root);

#endif
