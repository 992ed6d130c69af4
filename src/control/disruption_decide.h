/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PodDisruptionBudget's status is to be, as K8S:pkg/controller/disruption decides it. Pure.
 *
 * The number of pods that there should be is what their controllers are scaled to, each controller once: a pod's
 * Deployment, StatefulSet, ReplicaSet or ReplicationController. A whole number in minAvailable needs none of them; the pods
 * that there are count then.
 */
#ifndef PODFS_CONTROL_DISRUPTION_DECIDE_H
#define PODFS_CONTROL_DISRUPTION_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/object.h"

/* An object by its uid, as a new reference; NULL: there is none. */
typedef struct object *(*disruption_find_fn)(void *arg, const char *uid);

struct disruption_plan {
	const char *failure; /* why the pods that there should be cannot be counted, else NULL; the numbers are then none */
	int64_t expected, desired, healthy, allowed;
	struct value *disrupted; /* a map: pods that are about to go by eviction, with its time */
	size_t unmanaged;	 /* pods without a controller where its scale was asked for */
	const struct object **late; /* pods whose eviction has not been followed by a deletion in time */
	size_t n_late;
	int64_t wait; /* ns until a pod of `disrupted` counts again; 0: there is none */
};

/*
 * Decides for `budget` (of its newest version) with the pods that its selector matches, at real time `now`. What the plan
 * refers to is in `a` and in the lists. 0 or -ENOMEM.
 */
int disruption_decide(const struct object *budget, const struct object_list *pods, disruption_find_fn find, void *arg,
		      int64_t now, struct arena *a, struct disruption_plan *ret);

/* Writes the plan into the status of `root`, a copy of the budget's tree. The same status keeps the condition's time. */
void disruption_set_status(struct arena *a, struct value *root, const struct disruption_plan *plan, int64_t now);

/*
 * How long until a pod's condition DisruptionTarget, which nobody has acted on, is to become False: ns, 0 at once,
 * -1 never (it has none, kubelet set it, or the pod is going or has ended).
 */
int64_t disruption_stale_after(const struct object *pod, int64_t now);

#endif
