/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's volumes on its node: what each is made of, and how a container mounts it. emptyDir (disk and memory) and
 * hostPath; other kinds are refused with the reason, and the pod waits.
 */
#ifndef PODFS_NODE_VOLUME_H
#define PODFS_NODE_VOLUME_H

#include "base/error.h"
#include "node/sandbox.h"
#include "store/object.h"

/* Makes what the pod's volumes need below dir (DIR/volumes/NAME), and lists its memory volumes in `a` for
 * sandbox_spawn(). -EINVAL, -ENOENT, … with the volume's name and the reason. */
int volumes_prepare(struct arena *a, const struct object *pod, const char *dir, struct sandbox_tmpfs **ret_tmpfs,
		    size_t *ret_n, struct error *err);

/* The mounts of one container, with room for `more` after them. hostPath sources are opened here, by their path on the host as root, and passed as
 * descriptors, which the caller closes with volumes_close(). */
int volumes_mounts(struct arena *a, const struct object *pod, const struct value *container, const char *dir,
		   size_t more, struct sandbox_mount **ret_mounts, size_t *ret_n, struct error *err);
/* Orders mounts so that none covers what was mounted below it: by depth, else as they are. */
void volumes_sort(struct sandbox_mount *mounts, size_t n);
void volumes_close(struct sandbox_mount *mounts, size_t n);

#endif
