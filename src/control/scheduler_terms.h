/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods a pod wants near it or far from it: the terms of its (anti-)affinity, compiled. Pure. */
#ifndef PODFS_CONTROL_SCHEDULER_TERMS_H
#define PODFS_CONTROL_SCHEDULER_TERMS_H

#include "store/object.h"

/* One term: pods of some namespaces that a selector matches. Lives in the arena it was read into. */
struct sched_term {
	const char *text; /* the same for terms that select the same pods */
	const char *topology_key;
	int64_t weight; /* of a preferred one */
	const char **namespaces;
	size_t n_namespaces;
	struct selector *of_namespaces; /* and those whose labels it matches; NULL: none */
	struct selector *of_pods;
	const struct value *namespace_selector, *pod_selector; /* what they are made of; NULL: nothing */
};

enum sched_terms {
	SCHED_NEAR,	    /* required affinity */
	SCHED_FAR,	    /* required anti-affinity */
	SCHED_RATHER_NEAR,  /* preferred affinity */
	SCHED_RATHER_FAR,   /* preferred anti-affinity */
};

/* Whether the pod has any term of whatever kind: cheap. */
bool sched_terms_any(const struct object *pod);

/* Reads the pod's terms of a kind. matchLabelKeys and mismatchLabelKeys are taken from its labels. -ENOMEM, -EINVAL. */
int sched_terms_read(struct arena *a, const struct object *pod, enum sched_terms kind, struct sched_term **ret,
		     size_t *ret_n);

/* A term for the pods of one namespace that a LabelSelector matches. The values of the labels that `keys` (may be NULL) names
 * are those of the pod's. -ENOMEM, -EINVAL. */
int sched_term_make(struct arena *a, const struct object *pod, const struct value *label_selector,
		    const struct value *keys, struct sched_term *ret);

/* The same in another arena. -ENOMEM. */
int sched_term_copy(struct arena *a, const struct sched_term *t, struct sched_term *ret);

#endif
