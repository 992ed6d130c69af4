/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's volumes on its node: what each is made of, and how a container mounts it. emptyDir (disk and memory),
 * hostPath, claims (node/volume_claim.h), and what is made of the cluster's own data (node/payload.h); other kinds are
 * refused with the reason, and the pod waits.
 */
#ifndef PODFS_NODE_VOLUME_H
#define PODFS_NODE_VOLUME_H

#include "base/error.h"
#include "node/env.h"
#include "node/sandbox.h"
#include "node/source.h"

/* Makes what the pod's volumes need below dir (DIR/volumes/NAME), and lists its memory volumes in `a` for
 * sandbox_spawn(). -EINVAL, -ENOENT, … with the volume's name and the reason, in kubelet's words. */
int volumes_prepare(struct arena *a, const struct sources *s, const char *dir, struct sandbox_tmpfs **ret_tmpfs,
		    size_t *ret_n, struct error *err);

/* Whether the pod has volumes that are made of the cluster's own data. */
bool volumes_have_data(const struct object *pod);
/* Brings the volumes that are made of the cluster's own data up to date. What fails stays as it was; the first failure
 * is returned, with err. */
int volumes_refresh(const struct sources *s, const char *dir, struct error *err);

/* The mounts of one container in the order of its volumeMounts, those of images without their layers, with room for `more` after them. Sources are opened here, hostPath's by their path on the
 * host as root, and passed as descriptors, which the caller closes with volumes_close(). A subPath is looked up, and made
 * where it is missing, inside its volume only. `env` expands subPathExpr. */
int volumes_mounts(struct arena *a, const struct object *pod, const struct value *container, const char *dir,
		   const struct env_list *env, size_t more, struct sandbox_mount **ret_mounts, size_t *ret_n,
		   struct error *err);
/* Orders mounts so that none covers what was mounted below it: by depth, else as they are. */
void volumes_sort(struct sandbox_mount *mounts, size_t n);
void volumes_close(struct sandbox_mount *mounts, size_t n);

/* Of one entry of spec.volumes. */
const char *volume_name(const struct value *volume);
bool volume_is_image(const struct value *volume);
bool volume_is_memory(const struct value *volume); /* an emptyDir of medium Memory */

#endif
