/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node a pod is to run on: filters, then scores, as kube-scheduler does. Pure. Units: thousandths of a CPU, bytes.
 */
#ifndef PODFS_CONTROL_SCHEDULER_DECIDE_H
#define PODFS_CONTROL_SCHEDULER_DECIDE_H

#include "control/scheduler_queue.h"
#include "control/scheduler_volumes.h"
#include "schema/resources.h"
#include "store/object.h"

/* A node and what the pods bound to it ask for. */
struct sched_node {
	const struct object *node;
	struct pod_resources used;
	int64_t pods;
	const struct object_list *bound; /* the pods bound to it, for host ports; may be NULL */
};

/*
 * Chooses among the nodes that the pod fits on the one with the best score; ties go to the fewest pods, then the first
 * name. *ret_node is NULL when it fits on none; then *ret_message (in `a`) says why, in kube-scheduler's words:
 *   0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {k: v}.
 * and *ret_cures (enum sched_cure) what may let it fit on one of them. `volumes`: the pod's claims; may be NULL. -ENOMEM.
 */
int schedule_decide(const struct object *pod, const struct sched_volumes *volumes, const struct sched_node *nodes,
		    size_t n, struct arena *a, const struct object **ret_node, const char **ret_message,
		    unsigned *ret_cures);

/* Whether a container or sidecar of the pod has a hostPort. */
bool schedule_has_host_ports(const struct object *pod);

/* Whether a toleration list bears a taint. */
bool tolerates(const struct value *tolerations, const struct value *taint);

#endif
