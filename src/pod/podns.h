/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod's mount namespace, of which each container's is a copy: a read-only tmpfs with
 *   /root      where a container's root is mounted
 *   /dev       the devices that every container has
 *   /shm       the pod's /dev/shm
 *   /vol/NAME  its memory volumes
 *   /proc, /sys  of a pod with a user namespace only: the kernel lets nobody mount these in it who has not got them
 * Nothing of the host is in it, and the host's table shows nothing of it.
 */
#ifndef PODFS_POD_PODNS_H
#define PODFS_POD_PODNS_H

#include "pod/spec.h"
#include "pod/userns.h"

enum { PODNS_DEVICES = 6 };

extern const struct podns_device {
	const char *name;
	unsigned major, minor;
} podns_devices[PODNS_DEVICES];

/* Makes it, with /shm of shm_size bytes and a memory volume for every SPEC_TMPFS of spec, out of users->mnt where there
 * is a user namespace. The caller's own namespace is what it was. Single-threaded callers only. 0 or negative errno. */
int podns_make(const struct spec *spec, unsigned long long shm_size, struct userns *users, int *ret_podns);

#endif
