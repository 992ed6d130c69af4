/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod's user namespace: root in it is a user without rights on the host.
 *
 * podfs-pod stays outside of it, since it has files and mounts of the host to hand in. The network, IPC, UTS, mount, PID
 * and cgroup namespaces of the pod belong to it, which the kernel grants only to those that are made from inside: by a
 * helper that lives as long as the making, and by the containers' own first processes.
 */
#ifndef PODFS_POD_USERNS_H
#define PODFS_POD_USERNS_H

#include <stdint.h>
#include <sys/types.h>

struct userns {
	int fd;  /* -1: the pod has the host's users */
	int mnt; /* a mount namespace that it owns, still a copy of the host's; taken by podns_make() */
	uint32_t first, count; /* 0 … count - 1 in it are first … of the host */
};

#define USERNS_NONE { .fd = -1, .mnt = -1 }

/* Makes it, with further namespaces that it owns (CLONE_NEWNET …), which the caller joins. u->first and u->count are
 * set. 0 or negative errno. */
int userns_make(struct userns *u, int flags);

/* Root of the user namespace that the caller has just been moved into, with no groups; a keyring and not being
 * dumpable are set anew, and the death signal. 0 or negative errno. */
int userns_become_root(void);

/* setns() and userns_become_root(). */
int userns_enter(int fd);

/* What `id` of the pod is on the host; the overflow ID's where it has none. */
uint32_t userns_host_id(const struct userns *u, uint32_t id);

#endif
