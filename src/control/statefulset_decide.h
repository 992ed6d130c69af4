/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a StatefulSet is to do: pure functions of it, its pods and the time, as K8S:pkg/controller/statefulset decides it.
 * Its pods are NAME-ORDINAL; each has claims of its own, TEMPLATE-NAME-ORDINAL, that outlive it.
 */
#ifndef PODFS_CONTROL_STATEFULSET_DECIDE_H
#define PODFS_CONTROL_STATEFULSET_DECIDE_H

#include "store/object.h"

#define STATEFUL_POD_NAME "statefulset.kubernetes.io/pod-name"
#define STATEFUL_POD_INDEX "apps.kubernetes.io/pod-index"

enum { STATEFUL_BURST = 500 }; /* most pods that a sync of a Parallel set makes or deletes */

/* The ordinal of a pod of that name; -1 when it is none of the set's. */
int64_t stateful_ordinal(const struct object *set, const struct object *pod);
/* As above, whether it is one, for claim_members(). */
bool stateful_is_member(const struct object *set, const struct object *pod);
/* Whether an ordinal is among those that the set is to have. */
bool stateful_in_range(const struct object *set, int64_t ordinal);

struct stateful_view {
	const struct object *set;
	const struct object_list *pods; /* that it owns: members, one of each ordinal */
	const char *current, *update;	/* names of the revisions that pods have and are to get */
	int64_t now;
};

struct stateful_create {
	int64_t ordinal;
	bool current; /* of the current revision, not the one to update to */
};

/* Arrays are in the arena; objects are borrowed from the view. */
struct stateful_plan {
	struct stateful_create *create;
	size_t n_create;
	const struct object **remove;
	size_t n_remove;
	int64_t wait; /* ns until it is to be looked at again; 0: it need not */
};

/* One step. Ordered sets make or remove one pod at a time, and only beside pods that are all available. -ENOMEM. */
int stateful_decide(const struct stateful_view *v, struct arena *a, struct stateful_plan *ret);

/* Writes status into a copy of the set. *ret_wait: ns until a pod becomes available by age alone; 0: none does. */
void stateful_set_status(struct arena *a, struct value *root, const struct stateful_view *v, int64_t *ret_wait);

/* --- pods and claims (statefulset_pods.c) --- */

/* A new pod of that template and revision. In `a`; NULL when memory is out. */
struct value *stateful_new_pod(struct arena *a, const struct object *set, const struct value *template, const char *revision,
			       int64_t ordinal);
/* How many claims a pod has, and the name of the i-th of an ordinal; in `a`. */
size_t stateful_claims(const struct object *set);
const char *stateful_claim_name(struct arena *a, const struct object *set, size_t i, int64_t ordinal);
struct value *stateful_new_claim(struct arena *a, const struct object *set, size_t i, int64_t ordinal);
/*
 * Gives a copy of a claim the owners that spec.persistentVolumeClaimRetentionPolicy asks for: with whenDeleted Delete the
 * set, with whenScaled Delete the pod, once that is to go. A claim that somebody else controls, or that has had an owner of
 * the same name before, is left alone. False: it is as it is to be.
 */
bool stateful_own_claim(struct arena *a, struct value *claim_root, const struct object *set, const struct object *pod);
/* Whether a claim waits for its end with a pod of that name that is gone: nothing is made with it any more. */
bool stateful_claim_is_stale(const struct object *set, const struct object *claim, const char *pod_name);

#endif
