/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images that a container's volumes were made of at its last launch, in a file of root's beside its runs. A reference in
 * the pod's spec may mean another image by now, and whoever removes images must know what is mounted, also when another
 * daemon mounted it.
 */
#ifndef PODFS_NODE_VOLUME_IMAGES_H
#define PODFS_NODE_VOLUME_IMAGES_H

#include <stddef.h>

/*
 * Notes their digests, before they are mounted. pod_dir: STATE/pods/UID, in which the container has its directory. A
 * negative errno: they are not noted, and must not be mounted.
 */
int volume_images_note(const char *pod_dir, const char *container, const char *const *digests, size_t n);

/*
 * Calls `each` for each digest noted in a pod, some perhaps twice. A pod without is one with none. Returns what `each` did
 * when it was not 0; a negative errno when something could not be read: then any image may be in use. Any thread.
 */
int volume_images_each(const char *pod_dir, int (*each)(void *arg, const char *digest), void *arg);

#endif
