/* SPDX-License-Identifier: Apache-2.0 */
/* One decision: what is read of the pod once, and the filters. Of scheduler_decide.c, _filter.c, _score.c and _preempt.c. */
#ifndef PODFS_CONTROL_SCHEDULER_TRY_H
#define PODFS_CONTROL_SCHEDULER_TRY_H

#include "control/scheduler_affinity.h"
#include "control/scheduler_choice.h"
#include "control/scheduler_decide.h"
#include "control/scheduler_ports.h"
#include "control/scheduler_spread.h"

/* K8S:framework, Unschedulable and UnschedulableAndUnresolvable. */
enum sched_fit {
	SCHED_UNTRIED,
	SCHED_FITS,
	SCHED_TIGHT, /* not now, but others' going may change that */
	SCHED_NEVER,
};

struct sched_try {
	struct sched_world *world;
	const struct sched_request *request;
	const struct object *pod;
	struct arena *arena;
	struct pod_resources asks, assumed;
	int64_t priority;
	struct sched_port *ports; /* owned */
	size_t n_ports;
	bool bears_unschedulable, bears_not_ready; /* tolerates these taints, be they set yet or not */
	struct sched_choice *choice;		   /* of nodes; NULL: all */
	const char **names; /* the only nodes that its affinity names; NULL: any */
	size_t n_names;
	struct sched_affinity *affinity;
	struct sched_spread *spread;
	unsigned char *fit; /* enum sched_fit by slot */
};

/* Why nodes were refused, each text with how many nodes it refused. */
enum { SCHED_REASONS_MAX = 32 };
struct sched_reasons {
	struct arena *arena;
	unsigned cures;
	size_t n;
	struct {
		const char *text;
		size_t nodes;
	} list[SCHED_REASONS_MAX];
};

/* Reads the pod. sched_try_clear() in any case. -ENOMEM. */
int sched_try_read(struct sched_world *w, const struct sched_request *request, struct arena *a, struct sched_try *t);
void sched_try_clear(struct sched_try *t);

/* Whether the pod fits on a node, also when the pods that are nominated to it and matter no less have come; the reasons are added
 * to `why`. */
enum sched_fit sched_try_node(struct sched_try *t, struct sched_node *node, struct sched_reasons *why);

/* Takes a pod that is on a node away for a while, in sums and counts, or puts it back. */
void sched_try_lift(struct sched_try *t, struct sched_pod *p);
void sched_try_put_back(struct sched_try *t, struct sched_pod *p);

/* Counts `nodes` more for a reason, whose text must live as long as `why`; beyond SCHED_REASONS_MAX others are left out. */
void sched_add_reason(struct sched_reasons *why, const char *text, size_t nodes);
/* "0/5 nodes are available: 2 Insufficient cpu, 3 …."; the reasons sorted as texts with their counts. NULL when memory is
 * out. */
const char *sched_explain(struct sched_reasons *why, size_t n_nodes);

/* The weighted sum of all scores of nodes that the pod fits on, in their order. -ENOMEM. */
int sched_score(struct sched_try *t, struct sched_node *const *nodes, size_t n, int64_t *ret);

/* Looks for pods whose going would let the pod fit: ret->nominated, victims; *ret_message is why there are none, in `a`, or
 * "". -ENOMEM. */
int sched_preempt(struct sched_try *t, struct sched_outcome *ret, const char **ret_message);

#endif
