/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler reads and does besides choosing: claims, the pods that a pod is spread among, and preemption. Its thread
 * only; these may wait. */
#ifndef PODFS_CONTROL_SCHEDULER_ACTS_H
#define PODFS_CONTROL_SCHEDULER_ACTS_H

#include "control/controller.h"
#include "control/scheduler_decide.h"

/* A pod's claims, and what they are judged by. */
struct sched_claims {
	struct object_list claims, pods, volumes, classes;
	struct sched_volumes of; /* points into them */
};
void sched_claims_clear(struct sched_claims *x);

/* *ret_message (NULL: none) is why the pod can be scheduled nowhere. -ENOMEM. */
int sched_claims_read(struct controller *c, const struct object *pod, struct arena *a, struct sched_claims *x,
		      const char **ret_message);

/* Has the claims get their volumes on the node. Negative errno; -ESTALE: to be looked at again. */
int sched_claims_bind(struct controller *c, const struct sched_volumes *v, const struct object *node);

/* The LabelSelector of the pod's like, as its Services and its ReplicaSet, ReplicationController or StatefulSet have it; *ret,
 * in `a`, is NULL when there are none. K8S:plugins/helper, DefaultSelector. -ENOMEM. */
int sched_default_selector(struct controller *c, const struct object *pod, struct arena *a, const struct value **ret);

/* Ends the victims, each with its own grace, and takes back what pods of lower priority were nominated to the node. Negative
 * errno: it is to be decided anew. */
int sched_evict(struct controller *c, const struct object *pod, const struct sched_outcome *o);

#endif
