/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods nobody will ever end: K8S:pkg/controller/podgc. Pure. */
#ifndef PODFS_CONTROL_PODGC_DECIDE_H
#define PODFS_CONTROL_PODGC_DECIDE_H

#include <stdbool.h>

#include "store/object.h"

enum { PODGC_TERMINATED_MAX = 12500 }; /* K8S:podgc/config, TerminatedPodGCThreshold */

enum podgc_node {
	PODGC_NODE_NONE,	    /* the pod is bound to none */
	PODGC_NODE_THERE,
	PODGC_NODE_GONE,	    /* for as long as a node may take to come back */
	PODGC_NODE_OUT_OF_SERVICE,  /* not ready, and somebody says by a taint that it is off */
};

enum podgc_verdict {
	PODGC_KEEP,
	PODGC_DELETE,
	PODGC_DELETE_ORPHAN, /* the same, and its condition DisruptionTarget says that its node is gone */
};

/* What is to become of a pod whose node stands so. Pure; any thread. */
enum podgc_verdict podgc_judge(const struct object *pod, enum podgc_node node);

/* How a node that exists counts. */
enum podgc_node podgc_node_of(const struct object *node);

/* Whether its phase is Succeeded or Failed, so that it counts towards the threshold. */
bool podgc_has_ended(const struct object *pod);

/*
 * Sorts the pods that have ended so that those to go come first (evicted ones, then older ones, then by name), and says how
 * many of them are more than `max`. `ended` is of pods for which podgc_has_ended() holds.
 */
size_t podgc_excess(struct object_list *ended, size_t max);

#endif
