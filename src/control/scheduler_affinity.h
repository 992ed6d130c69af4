/* SPDX-License-Identifier: Apache-2.0 */
/* Filter and score of K8S:pkg/scheduler/framework/plugins/interpodaffinity. Pure but for the world's memory of counts. */
#ifndef PODFS_CONTROL_SCHEDULER_AFFINITY_H
#define PODFS_CONTROL_SCHEDULER_AFFINITY_H

#include "control/scheduler_counts.h"

struct sched_affinity;

/* What a pod's terms, and those of the pods on nodes, mean for it. *ret (in `a`) is NULL when they refuse no node. -ENOMEM. */
int sched_affinity_read(struct sched_world *w, const struct object *pod, struct arena *a, struct sched_affinity **ret);

/* Why a node is refused; NULL: it is not. *ret_final: no other pod's going would help. */
const char *sched_affinity_filter(const struct sched_affinity *s, size_t slot, bool *ret_final);

/* As if a pod that is on a node, or is to be, were there (sign 1) or not (-1). */
void sched_affinity_move(struct sched_affinity *s, const struct object *other, size_t slot, int sign);

/* The sums of weights of nodes by slot, in `a`; *ret NULL: nothing is preferred. -ENOMEM. */
int sched_affinity_score(struct sched_world *w, const struct object *pod, struct arena *a, int64_t **ret);

#endif
