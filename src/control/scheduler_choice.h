/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a pod's nodeSelector and required node affinity allow, read once and asked for each node: as
 * node_selector_allows(), which reads them each time. Pure but for the world's memory of labels. */
#ifndef PODFS_CONTROL_SCHEDULER_CHOICE_H
#define PODFS_CONTROL_SCHEDULER_CHOICE_H

#include "control/scheduler_counts.h"

struct sched_choice;

/* *ret (in `a`) is NULL when the pod allows all. -ENOMEM, -EINVAL. */
int sched_choice_read(struct sched_world *w, const struct object *pod, struct arena *a, struct sched_choice **ret);

/* NULL allows all. */
bool sched_choice_allows(const struct sched_choice *c, const struct sched_node *node);

#endif
