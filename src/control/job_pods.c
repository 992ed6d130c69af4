/* SPDX-License-Identifier: Apache-2.0 */
#include "control/job_decide.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/pods.h"

bool job_is_finished(const struct object *job, int64_t *ret_when)
{
	static const char *const ends[] = { "Complete", "Failed" };
	const struct value *status = object_path(job, "status");

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		int64_t when = 0;

		if (strcmp(condition_status(status, ends[i]), "True") != 0)
			continue;
		(void)clock_parse_rfc3339(value_str_or(value_get(condition_get(status, ends[i]), "lastTransitionTime"), ""),
					  &when); /* ignoring: a time that is none is long ago */
		if (ret_when)
			*ret_when = when;
		return true;
	}
	return false;
}

bool job_is_foreign(const struct object *job)
{
	const char *by = object_str(job, "spec", "managedBy");

	return by && strcmp(by, JOB_CONTROLLER) != 0;
}

bool job_is_indexed(const struct object *job)
{
	return !strcmp(value_str_or(object_path(job, "spec", "completionMode"), ""), "Indexed");
}

bool job_tracks(const struct object *pod)
{
	const struct value *list = object_path(pod, "metadata", "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!strcmp(value_str_or(value_at(list, i), ""), JOB_TRACKING))
			return true;
	return false;
}

/* A number of an annotation; -1 when it is absent or none. */
static int64_t annotated(const struct object *pod, const char *key)
{
	const char *s = value_str_or(object_path(pod, "metadata", "annotations", key), "");
	int64_t n = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		n = n * 10 + (*s - '0');
		if (n > INT32_MAX)
			return -1;
	}
	return n;
}

int64_t job_index_failures(const struct object *pod, bool with_ignored)
{
	int64_t failures = annotated(pod, JOB_INDEX_FAILURES), ignored = annotated(pod, JOB_INDEX_IGNORED);

	return (failures > 0 ? failures : 0) + (with_ignored && ignored > 0 ? ignored : 0);
}

/* The time of a member; 0 when it is absent or none. */
static int64_t time_of(const struct value *v, const char *key)
{
	int64_t t = 0;

	(void)clock_parse_rfc3339(value_str_or(value_get(v, key), ""), &t); /* ignoring: 0 says that there is none */
	return t;
}

static bool is_sidecar(const struct object *pod, const struct value *status)
{
	const struct value *c = value_find(object_path(pod, "spec", "initContainers"), "name",
					   value_str_or(value_get(status, "name"), ""));

	return !strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always");
}

/* The latest end of the containers of a list of the status; 0 when one has not ended. */
static int64_t last_end(const struct object *pod, const char *list, bool sidecars, int64_t before)
{
	const struct value *statuses = object_path(pod, "status", list);

	for (size_t i = 0; i < value_len(statuses); i++) {
		const struct value *s = value_at(statuses, i);
		int64_t t = time_of(value_path(s, "state", "terminated"), "finishedAt");

		if (sidecars && !is_sidecar(pod, s))
			continue;
		if (!t)
			return 0;
		before = t > before ? t : before;
	}
	return before;
}

/* K8S:pkg/controller/job/backoff_utils.go, getFinishedTime. */
static int64_t end_of(const struct object *pod)
{
	const struct value *status = object_path(pod, "status"), *meta = object_path(pod, "metadata");
	int64_t t = last_end(pod, "containerStatuses", false, 0);

	t = last_end(pod, "initContainerStatuses", true, t);
	if (!t && !strcmp(condition_status(status, "Ready"), "False"))
		t = time_of(condition_get(status, "Ready"), "lastTransitionTime");
	if (!t && time_of(meta, "deletionTimestamp"))
		t = time_of(meta, "deletionTimestamp") -
		    value_int(value_get(meta, "deletionGracePeriodSeconds"), 0) * NSEC_PER_SEC;
	return t ? t : time_of(meta, "creationTimestamp");
}

/* Whether pods are replaced only when they have failed, not already when they are being deleted. */
static bool replaces_only_failed(const struct object *job)
{
	return value_get(object_path(job, "spec"), "podFailurePolicy") ||
	       !strcmp(value_str_or(object_path(job, "spec", "podReplacementPolicy"), ""), "Failed");
}

struct job_pod job_read_pod(const struct object *job, const struct object *pod)
{
	const char *phase = value_str_or(object_path(pod, "status", "phase"), "");
	bool deleting = object_is_deleting(pod), is_failed = !strcmp(phase, "Failed");
	struct job_pod p = { .pod = pod, .index = -1, .tracked = job_tracks(pod), .active = pod_is_active(pod) };

	p.succeeded = !strcmp(phase, "Succeeded");
	p.deleting = deleting && !is_failed && !p.succeeded;
	/* One that was on no node will never have the phase Failed: Kubernetes' pod collector gives it that. */
	p.failed = is_failed || (p.deleting && (!replaces_only_failed(job) || !value_len(object_path(pod, "spec", "nodeName"))));
	if (job_is_indexed(job)) {
		p.index = annotated(pod, JOB_COMPLETION_INDEX);
		if (p.index >= value_int(object_path(job, "spec", "completions"), 0))
			p.index = -1;
	}
	if (p.succeeded || p.failed)
		p.finished = end_of(pod);
	return p;
}

/* --- policies --- */

/* Whether a container of the list ended with a code that the rule names. */
static const struct value *match_codes(const struct value *statuses, const struct value *rule)
{
	const char *name = value_str(value_get(rule, "containerName"));
	bool in = !strcmp(value_str_or(value_get(rule, "operator"), ""), "In");
	const struct value *values = value_get(rule, "values");

	for (size_t i = 0; i < value_len(statuses); i++) {
		const struct value *s = value_at(statuses, i), *ended = value_path(s, "state", "terminated");
		int64_t code = value_int(value_get(ended, "exitCode"), 0);
		bool listed = false;

		if (!code || (name && strcmp(name, value_str_or(value_get(s, "name"), "")) != 0))
			continue;
		for (size_t k = 0; k < value_len(values); k++)
			listed |= value_int(value_at(values, k), 0) == code;
		if (listed == in)
			return s;
	}
	return NULL;
}

static const struct value *match_conditions(const struct value *conditions, const struct value *patterns)
{
	for (size_t i = 0; i < value_len(conditions); i++)
		for (size_t k = 0; k < value_len(patterns); k++)
			if (value_equal(value_get(value_at(conditions, i), "type"), value_get(value_at(patterns, k), "type")) &&
			    value_equal(value_get(value_at(conditions, i), "status"), value_get(value_at(patterns, k), "status")))
				return value_at(conditions, i);
	return NULL;
}

static enum job_action action_of(const struct value *rule)
{
	static const struct {
		const char *name;
		enum job_action action;
	} actions[] = {
		{ "Count", JOB_COUNT },
		{ "FailIndex", JOB_FAIL_INDEX },
		{ "FailJob", JOB_FAIL },
		{ "Ignore", JOB_IGNORE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, value_str_or(value_get(rule, "action"), "")))
			return actions[i].action;
	return JOB_NO_RULE;
}

enum job_action job_failure_policy(const struct object *job, const struct object *pod, struct arena *a,
				   const char **ret_message)
{
	const struct value *rules = object_path(job, "spec", "podFailurePolicy", "rules"), *status = object_path(pod, "status");

	for (size_t i = 0; i < value_len(rules); i++) {
		const struct value *rule = value_at(rules, i), *codes = value_get(rule, "onExitCodes");
		const struct value *found = match_codes(value_get(status, "containerStatuses"), codes);
		enum job_action action = action_of(rule);

		if (!found)
			found = match_codes(value_get(status, "initContainerStatuses"), codes);
		if (!codes)
			found = match_conditions(value_get(status, "conditions"), value_get(rule, "onPodConditions"));
		if (!found || action == JOB_NO_RULE)
			continue;
		if (action == JOB_FAIL && ret_message && codes)
			*ret_message = arena_printf(
				a, "Container %s for pod %s/%s failed with exit code %lld matching FailJob rule at index %zu",
				value_str_or(value_get(found, "name"), ""), object_namespace(pod), object_name(pod),
				(long long)value_int(value_path(found, "state", "terminated", "exitCode"), 0), i);
		else if (action == JOB_FAIL && ret_message)
			*ret_message = arena_printf(a, "Pod %s/%s has condition %s matching FailJob rule at index %zu",
						    object_namespace(pod), object_name(pod),
						    value_str_or(value_get(found, "type"), ""), i);
		return action;
	}
	return JOB_NO_RULE;
}

int job_success_policy(const struct object *job, const struct job_indexes *succeeded, struct arena *a, bool *ret_met,
		       size_t *ret_rule)
{
	const struct value *rules = object_path(job, "spec", "successPolicy", "rules");
	int64_t completions = value_int(object_path(job, "spec", "completions"), 0);

	*ret_met = false;
	for (size_t i = 0; i < value_len(rules) && succeeded->n && !*ret_met; i++) {
		const char *text = value_str(value_get(value_at(rules, i), "succeededIndexes"));
		int64_t count = value_int(value_get(value_at(rules, i), "succeededCount"), INT64_MAX), common;
		struct job_indexes wanted = { 0 };
		int r = text ? job_indexes_parse(a, text, completions, &wanted) : 0;

		if (r < 0)
			return r;
		common = text ? job_indexes_common(&wanted, succeeded) : job_indexes_total(succeeded);
		*ret_met = common >= count || (wanted.n && common == job_indexes_total(&wanted));
		if (text && !wanted.n)
			*ret_met = false;
		*ret_rule = i;
	}
	return 0;
}

/* --- back-off --- */

struct job_backoff job_backoff_after(struct job_backoff before, const struct job_pod *pods, const bool *ended, size_t n)
{
	struct job_backoff b = before;
	int64_t success = INT64_MIN;

	for (size_t i = 0; i < n; i++)
		if (ended[i] && pods[i].succeeded && pods[i].finished > success)
			success = pods[i].finished;
	if (success != INT64_MIN)
		b = (struct job_backoff){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!ended[i] || pods[i].succeeded || !pods[i].failed || pods[i].finished <= success)
			continue;
		b.failures++;
		b.last = pods[i].finished > b.last ? pods[i].finished : b.last;
	}
	return b;
}

int64_t job_backoff_wait(struct job_backoff b, int64_t now)
{
	int64_t wait = JOB_BACKOFF_FIRST * NSEC_PER_SEC, left;

	if (!b.failures)
		return 0;
	for (int64_t i = 1; i < b.failures && wait < JOB_BACKOFF_MAX * NSEC_PER_SEC; i++)
		wait *= 2;
	if (wait > JOB_BACKOFF_MAX * NSEC_PER_SEC)
		wait = JOB_BACKOFF_MAX * NSEC_PER_SEC;
	left = b.last + wait - now;
	/* A failure in the future is a clock that was set back: it is waited for no longer than for one of now. */
	return left < 0 ? 0 : left > wait ? wait : left;
}
