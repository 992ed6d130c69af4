/* SPDX-License-Identifier: Apache-2.0 */
/* Filter and score of K8S:pkg/scheduler/framework/plugins/podtopologyspread. Pure but for the world's memory of counts. */
#ifndef PODFS_CONTROL_SCHEDULER_SPREAD_H
#define PODFS_CONTROL_SCHEDULER_SPREAD_H

#include "control/scheduler_choice.h"

struct sched_spread;

/* The constraints that must hold; `choice`: of nodes, as the pod has it. *ret (in `a`) is NULL when there are none. -ENOMEM. */
int sched_spread_read(struct sched_world *w, const struct object *pod, const struct sched_choice *choice, struct arena *a,
		      struct sched_spread **ret);

/* Why a node is refused; NULL: it is not. *ret_final: no other pod's going would help. */
const char *sched_spread_filter(const struct sched_spread *s, size_t slot, bool *ret_final);

/* As if another pod, which is not being deleted, were there (sign 1) or not (-1). */
void sched_spread_move(struct sched_spread *s, const struct object *other, size_t slot, int sign);

/*
 * Scores the nodes, 0..100 as normalised, into score[] in their order: by the constraints that should hold or, where the pod
 * has none of either sort, by those that Kubernetes has for all, among the pods that `default_selector` (a LabelSelector;
 * NULL: none) matches. *ret_scored: there was something to score by. -ENOMEM.
 */
int sched_spread_score(struct sched_world *w, const struct object *pod, const struct sched_choice *choice,
		       const struct value *default_selector, struct sched_node *const *nodes, size_t n, struct arena *a,
		       int64_t *score, bool *ret_scored);

#endif
