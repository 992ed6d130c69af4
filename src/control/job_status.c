/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/job_decide.h"
#include "control/pods.h"

enum { GENERATED_BASE_MAX = 58 }; /* K8S:apiserver/pkg/storage/names: what is left of a name for its random end */

struct job_counts job_count(const struct object_list *pods)
{
	struct job_counts c = { 0 };

	for (size_t i = 0; i < pods->n; i++) {
		const char *phase = value_str_or(object_path(pods->items[i], "status", "phase"), "");

		if (pod_is_active(pods->items[i])) {
			c.active++;
			c.ready += pod_is_ready(pods->items[i]);
		} else if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0) {
			c.deleting++;
		}
	}
	return c;
}

/* Sets a condition and its two times, which are those of its last change. True when it has changed. */
static bool set_condition(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
			  const char *message, int64_t now)
{
	const struct value *old = condition_get(status, type);
	char time[CLOCK_RFC3339_SIZE];
	struct value *list, *c;

	if (!old && !strcmp(value, "False"))
		return false; /* it never was */
	if (old && !strcmp(condition_status(status, type), value) && !strcmp(condition_reason(status, type), reason) &&
	    !strcmp(value_str_or(value_get(old, "message"), ""), message))
		return false;
	list = value_set_list(a, status, "conditions");
	c = value_new_map(a);
	value_set_str(a, c, "type", type);
	value_set_str(a, c, "status", value);
	value_set_str(a, c, "lastProbeTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "lastTransitionTime", time);
	value_set_str(a, c, "reason", reason);
	value_set_str(a, c, "message", message);
	for (size_t i = 0; i < value_len(list); i++)
		if (value_at(list, i) == old) {
			value_replace_at(list, i, c);
			return true;
		}
	value_append(a, list, c);
	return true;
}

/* Sets a count that is left out when it is 0, as Kubernetes' omitempty does. */
static void set_text(struct arena *a, struct value *status, const char *key, const char *text, bool even_empty)
{
	if (text && (*text || even_empty))
		value_set_str(a, status, key, text);
	else
		value_remove(status, key);
}

/* Tells that the Job is suspended or goes on. *start: a Job that goes on starts anew. */
static void set_suspended(struct arena *a, struct value *root, struct value *status, int64_t now, int64_t *start)
{
	if (value_bool(value_path(root, "spec", "suspend"), false)) {
		if (set_condition(a, status, "Suspended", "True", "JobSuspended", "Job suspended", now))
			*start = 0;
	} else if (set_condition(a, status, "Suspended", "False", "JobResumed", "Job resumed", now)) {
		*start = now;
	}
}

static void set_end(struct arena *a, struct value *status, const struct job_plan *plan, const struct job_counts *counts,
		    int64_t now)
{
	bool fails = !strcmp(plan->end.type, "FailureTarget");
	char time[CLOCK_RFC3339_SIZE];

	if (strcmp(condition_status(status, plan->end.type), "True") != 0)
		(void)set_condition(a, status, plan->end.type, "True", plan->end.reason, plan->end.message, now);
	if (plan->more || counts->deleting || counts->active)
		return;
	(void)set_condition(a, status, fails ? "Failed" : "Complete", "True", plan->end.reason, plan->end.message, now);
	if (!fails)
		value_set_str(a, status, "completionTime", clock_format_rfc3339(now, time));
}

void job_set_status(struct arena *a, struct value *root, const struct job_plan *plan, const struct job_counts *counts,
		    int64_t now)
{
	struct value *status = value_set_map(a, root, "status");
	int64_t start = plan->start;
	char time[CLOCK_RFC3339_SIZE];

	if (plan->manages && !plan->end.type)
		set_suspended(a, root, status, now, &start);
	set_text(a, status, "startTime", start ? clock_format_rfc3339(start, time) : NULL, false);
	status_set_count(a, status, "active", counts->active);
	status_set_count(a, status, "succeeded", plan->succeeded);
	status_set_count(a, status, "failed", plan->failed);
	value_set_int(a, status, "ready", counts->ready);
	value_set_int(a, status, "terminating", counts->deleting);
	set_text(a, status, "completedIndexes", plan->completed_indexes, false);
	set_text(a, status, "failedIndexes", plan->failed_indexes, true);
	value_set_map(a, status, "uncountedTerminatedPods");
	if (plan->end.type)
		set_end(a, status, plan, counts, now);
}

bool job_untrack(struct value *pod_root)
{
	struct value *list = value_path(pod_root, "metadata", "finalizers");
	bool found = false;

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_at(list, i), ""), JOB_TRACKING))
			found |= value_remove_at(list, i);
	if (found && !value_len(list))
		value_remove(value_get(pod_root, "metadata"), "finalizers");
	return found;
}

/* --- pods --- */

/* Tells each container the index, unless it has a variable of that name already. */
static void add_index_variable(struct arena *a, const struct value *containers)
{
	for (size_t i = 0; i < value_len(containers); i++) {
		struct value *env = value_set_list(a, value_at(containers, i), "env"), *v;

		if (value_find(env, "name", "JOB_COMPLETION_INDEX"))
			continue;
		v = value_append(a, env, value_new_map(a));
		value_set_str(a, v, "name", "JOB_COMPLETION_INDEX");
		value_set_str(a, value_make_path(a, v, "valueFrom", "fieldRef"), "fieldPath",
			      "metadata.labels['" JOB_COMPLETION_INDEX "']");
	}
}

/* Counts what went before in the index: K8S:pkg/controller/job/indexed_job_utils.go, getNewIndexFailureCounts. */
static void add_failures(struct arena *a, struct value *annotations, const struct object *job, const struct object *failed)
{
	int64_t failures = failed ? job_index_failures(failed, false) : 0;
	int64_t ignored = failed ? job_index_failures(failed, true) - failures : 0;

	if (failed && job_failure_policy(job, failed, a, NULL) == JOB_IGNORE)
		ignored++;
	else if (failed)
		failures++;
	value_set(a, annotations, JOB_INDEX_FAILURES, value_new_strf(a, "%lld", (long long)failures));
	if (ignored)
		value_set(a, annotations, JOB_INDEX_IGNORED, value_new_strf(a, "%lld", (long long)ignored));
}

static void add_index(struct arena *a, struct value *root, const struct object *job, const struct job_create *create)
{
	struct value *meta = value_get(root, "metadata"), *spec = value_set_map(a, root, "spec");
	struct value *annotations = value_set_map(a, meta, "annotations");
	const char *name = object_name(job), *index = arena_printf(a, "%lld", (long long)create->index);
	int room;

	if (!index)
		return; /* the arena has failed, which the caller sees */
	room = GENERATED_BASE_MAX - (int)strlen(index) - 2;
	value_set_str(a, annotations, JOB_COMPLETION_INDEX, index);
	value_set_str(a, value_set_map(a, meta, "labels"), JOB_COMPLETION_INDEX, index);
	if (value_get(object_path(job, "spec"), "backoffLimitPerIndex"))
		add_failures(a, annotations, job, create->failed);
	value_set(a, meta, "generateName", value_new_strf(a, "%.*s-%s-", room, name, index));
	value_set(a, spec, "hostname", value_new_strf(a, "%s-%s", name, index));
	add_index_variable(a, value_get(spec, "initContainers"));
	add_index_variable(a, value_get(spec, "containers"));
}

struct value *job_new_pod(struct arena *a, const struct object *job, const struct job_create *create)
{
	struct value *root = pod_from_template(a, object_path(job, "spec", "template"), job), *finalizers;
	bool there = false;

	if (!root)
		return NULL;
	finalizers = value_set_list(a, value_get(root, "metadata"), "finalizers");
	for (size_t i = 0; i < value_len(finalizers); i++)
		there |= !strcmp(value_str_or(value_at(finalizers, i), ""), JOB_TRACKING);
	if (!there)
		value_append(a, finalizers, value_new_str(a, JOB_TRACKING));
	if (create->index >= 0)
		add_index(a, root, job, create);
	return arena_failed(a) ? NULL : root;
}
