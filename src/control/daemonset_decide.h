/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a DaemonSet is to do: pure functions of it, its pods, the nodes and the time, as K8S:pkg/controller/daemon decides
 * it. Where Kubernetes takes nodes in no order, here they come in the order in which they are given.
 */
#ifndef PODFS_CONTROL_DAEMONSET_DECIDE_H
#define PODFS_CONTROL_DAEMONSET_DECIDE_H

#include "store/event.h"

#define DAEMON_GENERATION "pod-template-generation" /* the label of pods, from the annotation below of the set */
#define DAEMON_TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

enum {
	DAEMON_BURST = 250,	      /* most pods that a sync makes or deletes: BurstReplicas */
	DAEMON_BACKOFF_FIRST = 1,     /* s between deletions of pods that fail on a node, doubling */
	DAEMON_BACKOFF_MAX = 15 * 60, /* s: K8S:cmd/kube-controller-manager, NewBackOff(1s, 15min) */
};

/* Whether a pod of the set is to run on a node, and whether one that is there may go on. */
struct daemon_fit {
	bool runs, goes_on;
};
struct daemon_fit daemon_fits(const struct object *set, const struct object *node);

struct daemon_view {
	const struct object *set;
	const struct object_list *pods; /* that it owns */
	const struct object_list *nodes; /* all */
	const char *hash;		 /* of the current revision */
	int64_t now;
	/* How many ns a pod that has failed on that node is left alone yet. */
	int64_t (*backoff)(void *arg, const char *node);
	void *backoff_arg;
};

struct daemon_note {
	enum event_type type;
	const char *reason, *message;
};

/* Arrays and texts are in the arena; objects are borrowed from the view. */
struct daemon_plan {
	const char **create; /* the nodes that get a pod */
	size_t n_create;
	const struct object **remove;
	size_t n_remove;
	/* The nodes, once each, where pods that had failed are removed: the next is left alone for longer. */
	const char **failed;
	size_t n_failed;
	struct daemon_note *notes;
	size_t n_notes;
	int64_t wait; /* ns until it is to be looked at again; 0: it need not */
};

/*
 * One step: pods to make where there are none and to remove where there should be none; where nothing of that is to be
 * done, a step of the rolling update. -ENOMEM.
 */
int daemon_decide(const struct daemon_view *v, struct arena *a, struct daemon_plan *ret);

/* Writes the counts into the status of a copy of the set. *ret_wait: ns until a pod becomes available by age alone; 0: none
 * does. -ENOMEM. */
int daemon_set_status(struct arena *a, struct value *root, const struct daemon_view *v, int64_t *ret_wait);

/* --- pods (daemonset_pods.c) --- */

/* The node that a pod is on, or is meant for; NULL: none. */
const char *daemon_node_of(const struct object *pod);
/* Whether it is of the set's current template. */
bool daemon_is_updated(const struct object *pod, const struct object *set, const char *hash);
/* A new pod for a node. In `a`; NULL when memory is out. */
struct value *daemon_new_pod(struct arena *a, const struct object *set, const char *hash, const char *node);
/* A template's tolerations with those that every such pod has. In `a`. */
struct value *daemon_tolerations(struct arena *a, const struct value *pod_spec);

#endif
