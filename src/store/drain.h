/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining a node: which of its pods are evicted, which stay, and which nobody should lose unasked, as `kubectl drain
 * --ignore-daemonsets` has it (K8S:kubectl/pkg/drain/filters.go).
 *
 * A pod that has come since is evicted too, unless its controller would only have it come again, as it tolerates that the node
 * is cordoned: kubectl looks at those alone that it finds, so that a drain of it ends then.
 *
 * That a node is being drained is in its annotation NODE_DRAIN, whose value is the options; how far it is, in its condition
 * NODE_DRAINED. It is drained while it is cordoned, so that uncordoning ends the drain.
 */
#ifndef PODFS_STORE_DRAIN_H
#define PODFS_STORE_DRAIN_H

#include "store/registry.h"

#define NODE_DRAIN "podfs.io/drain"
#define NODE_DRAINED "Drained"
#define DRAIN_REFUSED "Refused" /* the condition's reason: pods are there that it may not evict */

struct drain_options {
	bool force;		   /* pods without a controller too */
	bool delete_emptydir_data; /* and those with an emptyDir */
	int64_t grace_seconds;	   /* of all pods; -1: each pod's own */
	int64_t since;		   /* when the drain was asked for, real seconds; 0: it is not known */
};

enum { DRAIN_TEXT_MAX = 64 };

/* "force", "delete-emptydir-data" and "grace=SECONDS", in any order, with or without kubectl's dashes; in the annotation also
 * "since=SECONDS". -EINVAL. */
int drain_parse(const char *text, struct drain_options *ret);
/* The same as text, which drain_parse() reads back; returns out. */
char *drain_format(const struct drain_options *o, char out[static DRAIN_TEXT_MAX]);

struct drain_plan {
	const struct object **evict; /* of the list that was given */
	size_t n_evict;
	size_t n_going;	     /* pods that are to go and on their way */
	const char *refusal; /* in kubectl's words: the pods that need an option to be evicted; "" where there are none */
};

/* Whether the DaemonSet that controls a pod is there. */
typedef bool (*drain_has_set_fn)(void *arg, const struct object *pod);

/* Judges the pods of one node. 0 or -ENOMEM. Pure. */
int drain_decide(const struct object_list *pods, const struct drain_options *opts, drain_has_set_fn has_set, void *arg,
		 struct arena *a, struct drain_plan *ret);

/* The pods that are bound to a node. Appends to *ret. -ENOMEM. */
int drain_list_pods(struct cache *c, const char *node, struct object_list *ret);
/* drain_decide() with the DaemonSets of the cache. */
int drain_review(struct cache *c, const struct object_list *pods, const struct drain_options *opts, struct arena *a,
		 struct drain_plan *ret);

/* The options of a node that is being drained; false when it is not. */
bool drain_of(const struct object *node, struct drain_options *ret);

/* Sets the node's condition NODE_DRAINED in its tree, or takes it away (value NULL). True when that changed something. */
bool drain_set_condition(struct arena *a, struct value *root, const char *value, const char *reason, const char *message,
			 int64_t now);

#endif
