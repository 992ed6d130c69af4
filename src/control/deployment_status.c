/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/deployment_decide.h"

enum { NO_DEADLINE = INT32_MAX }; /* progressDeadlineSeconds that Kubernetes takes for "none" */

struct counts {
	int64_t replicas, updated, ready, available, wanted;
};

static struct counts count(const struct deployment_view *v)
{
	struct counts c = { 0 };

	for (size_t i = 0; i < v->n; i++) {
		const struct deployment_rs *s = &v->sets[i];

		c.replicas += s->current;
		c.ready += s->ready;
		c.available += s->available;
		c.wanted += s->replicas;
		if (s->is_new)
			c.updated += s->current;
	}
	return c;
}

bool deployment_is_complete(const struct deployment_view *v, const struct value *status)
{
	return value_int(value_get(status, "updatedReplicas"), 0) == v->replicas &&
	       value_int(value_get(status, "replicas"), 0) == v->replicas &&
	       value_int(value_get(status, "availableReplicas"), 0) == v->replicas &&
	       value_int(value_get(status, "observedGeneration"), 0) >=
		       value_int(object_path(v->deployment, "metadata", "generation"), 0);
}

/* Whether more is updated, ready or available than before, or less is old. */
static bool is_progressing(const struct value *old, const struct counts *c)
{
	int64_t old_updated = value_int(value_get(old, "updatedReplicas"), 0);
	int64_t old_outdated = value_int(value_get(old, "replicas"), 0) - old_updated;

	return c->updated > old_updated || c->replicas - c->updated < old_outdated ||
	       c->ready > value_int(value_get(old, "readyReplicas"), 0) ||
	       c->available > value_int(value_get(old, "availableReplicas"), 0);
}

/* When the rollout last moved; 0 if unknown. */
static int64_t last_progress(const struct value *status)
{
	const char *s = value_str(value_get(condition_get(status, "Progressing"), "lastUpdateTime"));
	int64_t t;

	return s && clock_parse_rfc3339(s, &t) == 0 ? t : 0;
}

static bool is_waiting_for_progress(const struct value *status)
{
	const char *reason = condition_reason(status, "Progressing");

	return *reason && strcmp(reason, "NewReplicaSetAvailable") != 0 &&
	       strcmp(reason, "ProgressDeadlineExceeded") != 0 && strcmp(reason, "DeploymentPaused") != 0;
}

/* The Progressing condition once pausing and the new ReplicaSet have been noted: K8S:deployment/progress.go. */
static void set_progress(struct arena *a, struct value *status, const struct deployment_view *v, const struct value *old,
			 const struct counts *c, const char *set_name, int64_t now, int64_t *ret_wait)
{
	int64_t deadline = value_int(object_path(v->deployment, "spec", "progressDeadlineSeconds"), NO_DEADLINE);
	int64_t due = last_progress(status) + deadline * NSEC_PER_SEC;
	const char *what = *set_name ? "ReplicaSet" : "Deployment", *reason = condition_reason(status, "Progressing");
	const char *name = *set_name ? set_name : object_name(v->deployment);
	bool settled = c->replicas == c->updated && !strcmp(reason, "NewReplicaSetAvailable");

	if (deadline == NO_DEADLINE) {
		condition_remove(status, "Progressing");
		return;
	}
	if (settled)
		return;
	if (deployment_is_complete(v, status)) {
		condition_set(a, status, "Progressing", "True", "NewReplicaSetAvailable",
			      arena_printf(a, "%s \"%s\" has successfully progressed.", what, name), now, true);
	} else if (is_progressing(old, c)) {
		condition_renew(a, status, "Progressing", "True", "ReplicaSetUpdated",
				arena_printf(a, "%s \"%s\" is progressing.", what, name), now);
	} else if (is_waiting_for_progress(status) && due < now) {
		condition_set(a, status, "Progressing", "False", "ProgressDeadlineExceeded",
			      arena_printf(a, "%s \"%s\" has timed out progressing.", what, name), now, true);
	}
	if (is_waiting_for_progress(status) && !v->paused)
		*ret_wait = last_progress(status) + deadline * NSEC_PER_SEC - now + NSEC_PER_SEC;
}

/* Pausing, resuming, and the new ReplicaSet coming to be. */
static void set_milestones(struct arena *a, struct value *status, const struct deployment_view *v,
			   const struct deployment_news *news, int64_t now)
{
	bool was_paused = !strcmp(condition_reason(status, "Progressing"), "DeploymentPaused");

	if (value_int(object_path(v->deployment, "spec", "progressDeadlineSeconds"), NO_DEADLINE) == NO_DEADLINE)
		return;
	/* A rollout that made no progress stays reported as such: K8S:deployment/sync.go, checkPausedConditions. */
	if (v->paused && !was_paused &&
	    strcmp(condition_reason(status, "Progressing"), "ProgressDeadlineExceeded") != 0)
		condition_set(a, status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now, true);
	else if (!v->paused && was_paused)
		condition_set(a, status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now, true);
	if (news->create_failure)
		condition_set(a, status, "Progressing", "False", "ReplicaSetCreateError", news->create_failure, now, true);
	else if (news->created_set)
		condition_set(a, status, "Progressing", "True", "NewReplicaSetCreated",
			      arena_printf(a, "Created new replica set \"%s\"", news->set_name), now, true);
	else if (*news->set_name && !condition_get(status, "Progressing"))
		condition_set(a, status, "Progressing", "True", "FoundNewReplicaSet",
			      arena_printf(a, "Found new replica set \"%s\"", news->set_name), now, true);
}

static void set_available(struct arena *a, struct value *status, const struct deployment_view *v, const struct counts *c,
			  int64_t now)
{
	if (c->available >= v->replicas - v->max_unavailable)
		condition_set(a, status, "Available", "True", "MinimumReplicasAvailable",
			      "Deployment has minimum availability.", now, true);
	else
		condition_set(a, status, "Available", "False", "MinimumReplicasUnavailable",
			      "Deployment does not have minimum availability.", now, true);
}

/* A ReplicaSet's failure to make pods is the Deployment's; the new set's comes first. */
static void set_replica_failure(struct arena *a, struct value *status, const struct deployment_view *v, int64_t now)
{
	const struct value *failure = NULL;

	for (size_t i = 0; i < v->n; i++) {
		const struct value *c = condition_get(object_path(v->sets[i].rs, "status"), "ReplicaFailure");

		if (c && (!failure || v->sets[i].is_new))
			failure = c;
	}
	if (failure)
		condition_set(a, status, "ReplicaFailure", value_str_or(value_get(failure, "status"), "True"),
			      value_str_or(value_get(failure, "reason"), ""),
			      value_str_or(value_get(failure, "message"), ""), now, true);
	else
		condition_remove(status, "ReplicaFailure");
}

void deployment_set_status(struct arena *a, struct value *root, const struct deployment_view *v,
			   const struct deployment_news *news, int64_t now, int64_t *ret_wait)
{
	struct value *status = value_set_map(a, root, "status");
	const struct value *old = value_copy(a, status);
	struct counts c = count(v);

	*ret_wait = 0;
	value_set_int(a, status, "observedGeneration", value_int(object_path(v->deployment, "metadata", "generation"), 0));
	status_set_count(a, status, "replicas", c.replicas);
	status_set_count(a, status, "updatedReplicas", c.updated);
	status_set_count(a, status, "readyReplicas", c.ready);
	status_set_count(a, status, "availableReplicas", c.available);
	status_set_count(a, status, "unavailableReplicas", c.wanted - c.available);
	set_available(a, status, v, &c, now);
	set_milestones(a, status, v, news, now);
	if (!v->paused)
		set_progress(a, status, v, old, &c, news->set_name, now, ret_wait);
	set_replica_failure(a, status, v, now);
}
