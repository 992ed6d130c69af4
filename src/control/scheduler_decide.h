/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node a pod is to run on: filters, then scores, as kube-scheduler's default profile has them. Pure but for what the
 * world remembers. Units: thousandths of a CPU, bytes.
 */
#ifndef PODFS_CONTROL_SCHEDULER_DECIDE_H
#define PODFS_CONTROL_SCHEDULER_DECIDE_H

#include "control/scheduler_queue.h"
#include "control/scheduler_volumes.h"
#include "control/scheduler_world.h"

struct sched_request {
	const struct object *pod;
	const struct sched_volumes *volumes;	 /* its claims; may be NULL */
	const struct value *default_selector;	 /* a LabelSelector of its like, among which it is spread; NULL: none */
	const struct object_list *budgets;	 /* PodDisruptionBudgets; may be NULL */
};

struct sched_outcome {
	const struct sched_node *node; /* NULL: it fits on none */
	const char *message;	       /* then why, in kube-scheduler's words */
	unsigned cures;		       /* and what may let it fit on one of them: enum sched_cure */
	/* where it would fit once some pods are gone, and these, the most important first; NULL: nowhere */
	const struct sched_node *nominated;
	const struct sched_pod **victims;
	size_t n_victims;
	bool gives_up; /* its old nomination is to be taken back */
};

/*
 * Chooses among the nodes that the pod fits on the one with the best score; ties go to the fewest pods, then the first
 * name. Of many nodes some are looked at, as kube-scheduler does: enough that so many fit as sched_enough() says. Where it fits
 * on none, the message is like
 *   0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {k: v}.
 * and ends with what came of the look for pods to preempt. What *ret points to lives in `a` and in the world. -ENOMEM.
 */
int schedule_decide(struct sched_world *w, const struct sched_request *request, struct arena *a, struct sched_outcome *ret);

/* The message where something says that the pod can run on no node, in `a`; NULL when memory is out. */
const char *schedule_refuse(const struct sched_world *w, const struct object *pod, const char *why, struct arena *a);

/* On how many nodes of n a pod must fit before no more are looked at: K8S:scheduler, numFeasibleNodesToFind. */
size_t sched_enough(size_t n);

/* Whether a toleration list bears a taint. */
bool tolerates(const struct value *tolerations, const struct value *taint);

/* The first taint that keeps the pod off, or NULL. */
const struct value *sched_untolerated(const struct object *pod, const struct value *taints);

#endif
