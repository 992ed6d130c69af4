/* SPDX-License-Identifier: Apache-2.0 */
/* What controllers ask of pods: pure predicates, the order in which pods are removed, and a new pod from a template. */
#ifndef PODFS_CONTROL_PODS_H
#define PODFS_CONTROL_PODS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/object.h"

/* Not Succeeded, not Failed, not being deleted. */
bool pod_is_active(const struct object *pod);
bool pod_is_ready(const struct object *pod);
/* Ready for at least min_ready seconds at real time `now`. *ret_wait (may be NULL) is how long until a Ready pod will
 * be, in ns; 0 when it is, or when it is not Ready. */
bool pod_is_available(const struct object *pod, int64_t min_ready, int64_t now, int64_t *ret_wait);

/* One pod with what ranking needs besides the pod itself. */
struct ranked_pod {
	const struct object *pod;
	size_t siblings; /* active pods of the same owner family on the same node */
};

/*
 * Sorts so that the pods to remove first come first: K8S:pkg/controller, ActivePodsWithRanks: unassigned, then
 * Pending before Unknown before Running, not ready, lower pod-deletion-cost, more siblings on its node, ready for less
 * time, more restarts, newer; times in powers of two, the rest by uid.
 */
void pods_rank_for_deletion(struct ranked_pod *pods, size_t n, int64_t now);

/*
 * A new pod of a template (metadata and spec of a PodTemplateSpec) for an owner: name generated from the owner's,
 * controller reference set. In arena `a`; NULL when memory is out.
 */
struct value *pod_from_template(struct arena *a, const struct value *template, const struct object *owner);

/* An owner reference with controller and blockOwnerDeletion. */
struct value *controller_reference(struct arena *a, const struct object *owner);

#endif
