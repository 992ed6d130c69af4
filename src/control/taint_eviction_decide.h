/* SPDX-License-Identifier: Apache-2.0 */
/* When a pod has to leave a node for the node's taints of effect NoExecute: K8S:pkg/controller/tainteviction. Pure. */
#ifndef PODFS_CONTROL_TAINT_EVICTION_DECIDE_H
#define PODFS_CONTROL_TAINT_EVICTION_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/object.h"

/* Whether the node has such a taint. */
bool taint_eviction_concerns(const struct object *node);

/*
 * How long the pod may stay from real time `now` on: ns, 0 it may not, -1 for good. A toleration's time counts from when the
 * taint was added (timeAdded; `now` where it does not say), or the pod began, whatever is later; the shortest counts.
 */
int64_t taint_eviction_after(const struct object *node, const struct object *pod, int64_t now);

/* Notes in a copy of the node's tree since when each such taint is there, where it does not say. True: one did not. */
bool taint_eviction_stamp(struct arena *a, struct value *root, int64_t now);

#endif
