/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's volume that is made of a PersistentVolumeClaim: which directory or device of this node that is. */
#ifndef PODFS_NODE_VOLUME_CLAIM_H
#define PODFS_NODE_VOLUME_CLAIM_H

#include "base/error.h"
#include "node/source.h"

/* Whether the volume is of a claim: persistentVolumeClaim or ephemeral. */
bool volume_is_claim(const struct value *volume);

/*
 * Makes DIR/volumes/NAME a link to where the claim's data lies, so that a container that starts later mounts the same, and
 * gives the data to the pod's fsGroup, but for a hostPath volume. A claim that is not bound, and a volume that
 * this node cannot have, are refused in kubelet's words.
 */
int volume_claim_prepare(struct arena *a, const struct sources *s, const struct value *volume, const char *dir,
			 struct error *err);

#endif
