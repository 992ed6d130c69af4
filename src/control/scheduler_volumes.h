/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's claims say of where it may run, and what is to be done so that they get their volumes there, as
 * K8S:pkg/scheduler/framework/plugins/volumebinding and volumerestrictions decide it. Pure.
 */
#ifndef PODFS_CONTROL_SCHEDULER_VOLUMES_H
#define PODFS_CONTROL_SCHEDULER_VOLUMES_H

#include "store/persistent.h"

/* One claim of the pod. */
struct sched_claim {
	const struct object *claim;
	const struct object *volume; /* that it is bound to; NULL: to none yet */
	const struct object *class;  /* of one that is not bound */
};

/* A pod's claims. */
struct sched_volumes {
	struct sched_claim *claims;
	size_t n;
	const struct object_list *volumes; /* all */
	const char *conflict; /* why it can run on no node at all for now, as the reason of each; NULL: it can */
};

/* What claims are judged by. */
struct sched_volumes_view {
	const struct object_list *claims, *pods; /* of the pod's namespace */
	const struct object_list *volumes, *classes; /* all */
};

/* Reads a pod's claims into *ret, in `a`. *ret_message (NULL: none) is why the pod cannot be scheduled anywhere, in the words
 * that kube-scheduler puts behind "0/N nodes are available: ". -ENOMEM. */
int sched_volumes_read(const struct object *pod, const struct sched_volumes_view *view, struct arena *a,
		       struct sched_volumes *ret, const char **ret_message);

/* Why the pod cannot run on that node; NULL: it can. */
const char *sched_volumes_filter(const struct sched_volumes *v, const struct object *node);

/* Whether claims are still to be bound before the pod is: sched_volumes_next() says how. */
bool sched_volumes_wait(const struct sched_volumes *v);

/*
 * Of the i-th claim on the chosen node: the volume to reserve for it (*ret_volume), or that it is to be made there
 * (*ret_make); neither where that was done before or nothing is to be done. `taken` gathers what was chosen for others. -ENOMEM.
 */
int sched_volumes_next(const struct sched_volumes *v, size_t i, const struct object *node, struct object_list *taken,
		       const struct object **ret_volume, bool *ret_make);

#endif
