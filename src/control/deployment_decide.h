/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Deployment is to do: pure functions of it, its ReplicaSets and the time. The rules are those of
 * K8S:pkg/controller/deployment; kubernetes-semantics lists the points that copies get wrong.
 */
#ifndef PODFS_CONTROL_DEPLOYMENT_DECIDE_H
#define PODFS_CONTROL_DEPLOYMENT_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/object.h"

#define DEPLOYMENT_REVISION "deployment.kubernetes.io/revision"
#define DEPLOYMENT_REVISION_HISTORY "deployment.kubernetes.io/revision-history"
#define DEPLOYMENT_DESIRED "deployment.kubernetes.io/desired-replicas"
#define DEPLOYMENT_MAX "deployment.kubernetes.io/max-replicas"
#define POD_TEMPLATE_HASH "pod-template-hash"

/* A ReplicaSet of a Deployment, with what the decisions look at. */
struct deployment_rs {
	const struct object *rs; /* NULL: the new one, which does not exist yet */
	bool is_new;
	int64_t replicas;	 /* spec.replicas, and after deciding what it is to be */
	int64_t current;	 /* status.replicas */
	int64_t present;	 /* pods that are there: the same, or what has been counted because the status lags behind */
	int64_t available, ready;
	int64_t revision;
	int64_t desired, max;	 /* annotations; -1 when absent */
	int64_t created;	 /* creation time, real, ns */
};

/* A Deployment's numbers, and its ReplicaSets, oldest first; the new one may be absent. */
struct deployment_view {
	const struct object *deployment;
	int64_t replicas, max_surge, max_unavailable; /* resolved: not both 0 */
	bool paused, recreate;
	struct deployment_rs *sets; /* in the arena; room for one more than n */
	size_t n;
	struct deployment_rs *new_set; /* among sets, or NULL */
	int64_t revision;		/* that the new one has, or is to have */
};

/* Reads the numbers and finds the ReplicaSet whose template is the Deployment's. `sets` are those that it owns.
 * Everything is in `a`, but for the objects, which are borrowed. -ENOMEM. */
int deployment_read(const struct object *deployment, const struct object_list *sets, struct arena *a,
		    struct deployment_view *ret);

/* Whether a ReplicaSet was last sized for another number of replicas than the Deployment now asks for. */
bool deployment_is_scaling(const struct deployment_view *v);

/* How many replicas a new ReplicaSet is to start with. */
int64_t deployment_new_replicas(const struct deployment_view *v);

/*
 * One step: sets `replicas` of the sets to what they are to be. Scaling in proportion while a scale is under way or
 * the Deployment is paused; otherwise a step of the rolling update or of Recreate. Returns whether any changed.
 */
bool deployment_scale(struct deployment_view *v);
bool deployment_roll(struct deployment_view *v);
bool deployment_recreate_down(struct deployment_view *v);

/* The old ReplicaSets beyond the history limit that can go, as a list in `a`; only once the rollout is complete. */
int deployment_cleanup(const struct deployment_view *v, struct arena *a, const struct object ***ret, size_t *ret_n);

/* The pod-template-hash of a template: like Kubernetes' in form; the same template always gives the same. In `a`. */
const char *deployment_template_hash(struct arena *a, const struct value *template, int64_t collision_count);

/* A new ReplicaSet for the Deployment's template. In `a`; NULL when memory is out. */
struct value *deployment_new_set(struct arena *a, const struct deployment_view *v, const char *hash);

/* Puts the annotations that a ReplicaSet is to bear into a copy of it: the Deployment's own, the revision (the new
 * one's), and the sizes. Returns nothing; an equal tree makes no write. */
void deployment_annotate(struct arena *a, struct value *rs_root, const struct deployment_view *v,
			 const struct deployment_rs *set);

/* --- status (deployment_status.c) --- */

struct deployment_news {
	bool created_set; /* this sync made the new ReplicaSet */
	const char *set_name; /* the new ReplicaSet's name; "" if there is none */
	const char *create_failure; /* why it could not be made; NULL if it could */
};

/* Whether every replica is of the new template, available, and no old one is left. */
bool deployment_is_complete(const struct deployment_view *v, const struct value *status);

/*
 * Writes status and conditions into a copy of the Deployment. *ret_wait is after how many ns the progress deadline is to
 * be looked at again; 0: never.
 */
void deployment_set_status(struct arena *a, struct value *root, const struct deployment_view *v,
			   const struct deployment_news *news, int64_t now, int64_t *ret_wait);

#endif
