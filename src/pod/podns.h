/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod's mount namespace, of which each container's is a copy: a read-only tmpfs with
 *   /root      where a container's root is mounted
 *   /dev       the devices that every container has
 *   /shm       the pod's /dev/shm
 *   /vol/NAME  its memory volumes
 *   /pids      where its containers share one, the /proc of their PID namespace: a process that is not in that, as none
 *              is before all of the host is out of its reach, cannot mount it
 *   /proc, /sys  of a pod with a user namespace only: the kernel lets nobody mount these in it who has not got them
 * Nothing of the host is in it, and the host's table shows nothing of it.
 */
#ifndef PODFS_POD_PODNS_H
#define PODFS_POD_PODNS_H

#include <stdbool.h>

#include "pod/spec.h"
#include "pod/userns.h"

enum { PODNS_DEVICES = 6 };

extern const struct podns_device {
	const char *name;
	unsigned major, minor;
} podns_devices[PODNS_DEVICES];

extern const char podns_pids[]; /* "/pids" */

struct podns_config {
	const struct spec *spec;     /* a memory volume for every SPEC_TMPFS */
	unsigned long long shm_size; /* bytes of /shm */
	bool share_pids;	     /* /pids, still empty: podns_mount_pids() */
};

/* Makes it, out of users->mnt where there is a user namespace. The caller's own namespace is what it was. Single-threaded
 * callers only. 0 or negative errno. */
int podns_make(const struct podns_config *c, struct userns *users, int *ret_podns);

/* Enters it, mounts the /proc of the caller's PID namespace, and leaves the caller in a copy without that, and without /proc
 * and /sys: they are no sight for who looks through its root. 0 or negative errno. */
int podns_mount_pids(int podns);

#endif
