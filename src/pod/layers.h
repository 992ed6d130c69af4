/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root file system: an overlay of its image's layers and a directory for changes, or one directory.
 *
 * In a user namespace of the pod's own the layers are seen through mounts that map their IDs, which needs Linux 5.19.
 * The directory for changes is the container's alone: in it are the IDs that the host knows.
 */
#ifndef PODFS_POD_LAYERS_H
#define PODFS_POD_LAYERS_H

#include "pod/rootfs.h"

/* The root as a detached mount. Called with the host's rights in its mount namespace; leaves the caller in another one
 * at times. A failure is reported and returned. */
int layers_open(const struct rootfs_config *c);

#endif
