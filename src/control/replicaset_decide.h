/* SPDX-License-Identifier: Apache-2.0 */
/* What a ReplicaSet is to do: a pure function of it, its pods and the time. */
#ifndef PODFS_CONTROL_REPLICASET_DECIDE_H
#define PODFS_CONTROL_REPLICASET_DECIDE_H

#include "control/pods.h"

enum { REPLICASET_BURST = 500 }; /* most creations or deletions of one sync: K8S:pkg/controller/replicaset, BurstReplicas */

struct replicaset_plan {
	int64_t create;		    /* pods to make */
	const struct object **remove; /* pods to delete, in order; in the arena; borrowed from the input */
	size_t n_remove;
	int64_t generation;	    /* of the ReplicaSet that was looked at */
	int64_t replicas, fully_labeled, ready, available; /* the status to show */
	int64_t wait; /* ns until a pod becomes available by age alone; 0: none */
};

/*
 * `pods` are those the ReplicaSet owns; `siblings` are the active pods of all ReplicaSets of the same owner, itself
 * included, which count for spreading (may be the same list). Arrays of the plan live in `a`. -ENOMEM.
 */
int replicaset_decide(const struct object *rs, const struct object_list *pods, const struct object_list *siblings,
		      int64_t now, struct arena *a, struct replicaset_plan *ret);

/*
 * Writes the plan's counts into the status of a copy of the ReplicaSet; failure is the message of the ReplicaFailure
 * condition ("" removes it), failure_reason "FailedCreate" or "FailedDelete".
 */
void replicaset_set_status(struct arena *a, struct value *root, const struct replicaset_plan *plan,
			   const char *failure_reason, const char *failure, int64_t now);

#endif
