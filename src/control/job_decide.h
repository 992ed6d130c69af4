/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Job is to do: pure functions of it, its pods and the time. The rules are those of K8S:pkg/controller/job;
 * kubernetes-semantics lists the points that copies get wrong.
 *
 * No pod is counted twice, and none is left out. Each bears a finalizer from its birth, which keeps it after its end, and
 * after somebody has deleted it, until it is counted. Here the count and the removal of the finalizers are one transaction:
 * after a crash a pod is either counted and without the finalizer, or neither. (Kubernetes, which cannot write two objects
 * at once, lists the pods in between in status.uncountedTerminatedPods; here that list is always empty.)
 */
#ifndef PODFS_CONTROL_JOB_DECIDE_H
#define PODFS_CONTROL_JOB_DECIDE_H

#include "control/job_indexes.h"
#include "store/event.h"

#define JOB_TRACKING "batch.kubernetes.io/job-tracking"
#define JOB_COMPLETION_INDEX "batch.kubernetes.io/job-completion-index"
#define JOB_INDEX_FAILURES "batch.kubernetes.io/job-index-failure-count"
#define JOB_INDEX_IGNORED "batch.kubernetes.io/job-index-ignored-failure-count"
#define JOB_CONTROLLER "kubernetes.io/job-controller" /* spec.managedBy that means this controller */

enum {
	JOB_BURST = 500,     /* most pods that a sync makes or deletes: K8S:pkg/controller/job, MaxPodCreateDeletePerSync */
	JOB_COUNT_MAX = 60,  /* most pods that a transaction counts: within etcd's limit of 128 operations */
	JOB_BACKOFF_FIRST = 10, /* s until a pod that failed is replaced, doubling: DefaultJobPodFailureBackOff */
	JOB_BACKOFF_MAX = 600,	/* s: MaxJobPodFailureBackOff */
};

/* --- pods (job_pods.c) --- */

/* One pod of a Job as the decisions see it. */
struct job_pod {
	const struct object *pod;
	int64_t index;	 /* its completion index; -1: it has none, or none of the Job's */
	bool tracked;	 /* it bears the finalizer: it is not counted yet */
	bool active;	 /* pod_is_active() */
	bool succeeded;	 /* phase Succeeded */
	bool failed;	 /* phase Failed, or it counts as that because it is being deleted */
	bool deleting;	 /* it is being deleted, and not at its end yet */
	int64_t finished; /* when it ended, real, ns; only of those that succeeded or failed */
};

/* Whether the Job is finished: Complete or Failed; *ret_when (may be NULL) is since when, real, ns. */
bool job_is_finished(const struct object *job, int64_t *ret_when);
/* Whether somebody else runs it: spec.managedBy. */
bool job_is_foreign(const struct object *job);
bool job_is_indexed(const struct object *job);
/* Whether a pod bears the finalizer. */
bool job_tracks(const struct object *pod);

/* Reads a pod of that Job. */
struct job_pod job_read_pod(const struct object *job, const struct object *pod);

/* How often pods of its index failed before it and were counted; with the ignored ones. */
int64_t job_index_failures(const struct object *pod, bool with_ignored);

enum job_action { JOB_NO_RULE, JOB_COUNT, JOB_IGNORE, JOB_FAIL_INDEX, JOB_FAIL };

/* What spec.podFailurePolicy says of a pod that failed; *ret_message (may be NULL), in `a`, says why if it is JOB_FAIL. */
enum job_action job_failure_policy(const struct object *job, const struct object *pod, struct arena *a,
				   const char **ret_message);

/* Whether spec.successPolicy is met by these indexes; *ret_rule is the rule's number. -ENOMEM. */
int job_success_policy(const struct object *job, const struct job_indexes *succeeded, struct arena *a, bool *ret_met,
		       size_t *ret_rule);

/* --- back-off (job_pods.c) --- */

/* Failures since the last success. */
struct job_backoff {
	int64_t failures;
	int64_t last; /* when the last was, real, ns */
};

/* After more pods have ended: those of the n that are marked. */
struct job_backoff job_backoff_after(struct job_backoff before, const struct job_pod *pods, const bool *ended, size_t n);
/* How many ns are left until a pod may be made anew; 0: none. */
int64_t job_backoff_wait(struct job_backoff b, int64_t now);

/* --- the decision (job_decide.c) --- */

struct job_view {
	const struct object *job;
	const struct object_list *pods; /* that it owns */
	int64_t now;
	struct job_backoff backoff; /* of what is counted */
};

/* A pod to make. */
struct job_create {
	int64_t index;		     /* -1: none */
	const struct object *failed; /* the one of its index that it replaces; NULL: none. Only with spec.backoffLimitPerIndex */
};

/* Why the Job ends. */
struct job_end {
	const char *type; /* "FailureTarget", "SuccessCriteriaMet"; NULL: it does not */
	const char *reason, *message;
};

/* Arrays and texts are in the arena; objects are borrowed from the view. */
struct job_plan {
	const struct object **remove; /* pods to delete */
	size_t n_remove;
	bool untrack; /* what is deleted is not counted: the finalizer goes with it */
	struct job_create *create;
	size_t n_create;
	const struct object **count; /* whose finalizers go with the status that counts them */
	size_t n_count;
	bool more; /* others are to be counted after these */
	struct job_end end;
	bool manages; /* suspend and resume are told in the status */
	int64_t start; /* status.startTime, real, ns; 0: none */
	int64_t succeeded, failed;
	const char *completed_indexes, *failed_indexes; /* NULL: not indexed; no limit per index */
	struct job_backoff backoff; /* once they are counted */
	int64_t wait; /* ns until it is to be looked at again; 0: it need not */
};

/* -ENOMEM. The Job is neither finished nor foreign. */
int job_decide(const struct job_view *v, struct arena *a, struct job_plan *ret);

/* --- what is written (job_status.c) --- */

/* What is there once pods have been made and deleted. */
struct job_counts {
	int64_t active, ready, deleting;
};
struct job_counts job_count(const struct object_list *pods);

/* Writes status and conditions into a copy of the Job. It is finished only when no pod is active or ends any more. */
void job_set_status(struct arena *a, struct value *root, const struct job_plan *plan, const struct job_counts *counts,
		    int64_t now);

/* A new pod of the Job. In `a`; NULL when memory is out. */
struct value *job_new_pod(struct arena *a, const struct object *job, const struct job_create *create);

/* Takes the finalizer out of a copy of a pod; false when it is not there. */
bool job_untrack(struct value *pod_root);

#endif
