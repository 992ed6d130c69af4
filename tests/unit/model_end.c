/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdlib.h>

#include "control/job_decide.h"
#include "control/statefulset_decide.h"

static int64_t wanted(const struct object *o)
{
	return value_int(object_path(o, "spec", "replicas"), 1);
}

static int64_t status(const struct object *o, const char *field)
{
	return value_int(object_path(o, "status", field), 0);
}

static void expect(struct model *m, const struct object *o, const char *what, int64_t is, int64_t should_be)
{
	if (is != should_be)
		model_fail(m, "at rest %s/%s: %s is %" PRId64 ", should be %" PRId64, object_kind(o)->plural,
			   object_name(o), what, is, should_be);
}

static void expect_observed(struct model *m, const struct object *o)
{
	expect(m, o, "observedGeneration", status(o, "observedGeneration"),
	       value_int(object_path(o, "metadata", "generation"), 0));
}

/* The active pods that it controls, and of them the Ready ones. */
static int64_t count_pods(struct model *m, const struct object *o, int64_t *ret_ready)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t active = 0, ready = 0;

	(void)cache_list_controlled(m->cache, object_uid(o), &pods);
	for (size_t i = 0; i < pods.n; i++) {
		if (object_kind(pods.items[i]) != model_kind("pods"))
			continue;
		active += pod_is_active(pods.items[i]);
		ready += pod_is_active(pods.items[i]) && pod_is_ready(pods.items[i]);
	}
	*ret_ready = ready;
	return active;
}

static void check_deployment(struct model *m, const struct object *d)
{
	int64_t n = wanted(d);

	expect_observed(m, d);
	expect(m, d, "replicas", status(d, "replicas"), n);
	expect(m, d, "updatedReplicas", status(d, "updatedReplicas"), n);
	expect(m, d, "availableReplicas", status(d, "availableReplicas"), n);
	expect(m, d, "readyReplicas", status(d, "readyReplicas"), n);
	expect(m, d, "unavailableReplicas", status(d, "unavailableReplicas"), 0);
}

static void check_replicaset(struct model *m, const struct object *rs)
{
	int64_t ready, n = wanted(rs);

	expect_observed(m, rs);
	expect(m, rs, "the number of active pods", count_pods(m, rs, &ready), n);
	expect(m, rs, "the number of Ready pods", ready, n);
	expect(m, rs, "replicas", status(rs, "replicas"), n);
	expect(m, rs, "readyReplicas", status(rs, "readyReplicas"), n);
	expect(m, rs, "availableReplicas", status(rs, "availableReplicas"), n);
}

static void check_statefulset(struct model *m, const struct object *set)
{
	int64_t ready,
		n = wanted(set),
		partition = value_int(object_path(set, "spec", "updateStrategy", "rollingUpdate", "partition"), 0);
	const char *update = value_str_or(object_path(set, "status", "updateRevision"), "");
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	expect_observed(m, set);
	expect(m, set, "the number of active pods", count_pods(m, set, &ready), n);
	expect(m, set, "the number of Ready pods", ready, n);
	expect(m, set, "replicas", status(set, "replicas"), n);
	expect(m, set, "readyReplicas", status(set, "readyReplicas"), n);
	if (!strcmp(value_str_or(object_path(set, "spec", "updateStrategy", "type"), ""), "OnDelete"))
		return;
	(void)cache_list_controlled(m->cache, object_uid(set), &pods);
	for (size_t i = 0; i < pods.n; i++) {
		const char *has = value_str_or(value_get(object_labels(pods.items[i]), "controller-revision-hash"), "");

		if (object_kind(pods.items[i]) == model_kind("pods") &&
		    stateful_ordinal(set, pods.items[i]) >= partition && strcmp(has, update) != 0)
			model_fail(m, "at rest %s is of revision %s, not %s", object_name(pods.items[i]), has, update);
	}
	if (!partition)
		expect(m, set, "updatedReplicas", status(set, "updatedReplicas"), n);
}

static void check_daemonset(struct model *m, const struct object *set)
{
	bool ssd = value_get(object_path(set, "spec", "template", "spec", "nodeSelector"), "disk") != NULL;
	int64_t ready, n = ssd ? MODEL_NODES / 2 : MODEL_NODES;

	expect_observed(m, set);
	expect(m, set, "the number of active pods", count_pods(m, set, &ready), n);
	expect(m, set, "the number of Ready pods", ready, n);
	expect(m, set, "desiredNumberScheduled", status(set, "desiredNumberScheduled"), n);
	expect(m, set, "currentNumberScheduled", status(set, "currentNumberScheduled"), n);
	expect(m, set, "numberReady", status(set, "numberReady"), n);
	expect(m, set, "numberMisscheduled", status(set, "numberMisscheduled"), 0);
	if (strcmp(value_str_or(object_path(set, "spec", "updateStrategy", "type"), ""), "OnDelete") != 0)
		expect(m, set, "updatedNumberScheduled", status(set, "updatedNumberScheduled"), n);
}

static void check_job(struct model *m, const struct object *job)
{
	bool complete = !strcmp(condition_status(object_path(job, "status"), "Complete"), "True");
	bool failed = !strcmp(condition_status(object_path(job, "status"), "Failed"), "True");
	int64_t completions = value_int(object_path(job, "spec", "completions"), -1), ready, succeeded, failures;

	if (complete + failed != 1) {
		model_fail(m, "at rest job %s is %s", object_name(job),
			   complete ? "both Complete and Failed" : "not finished");
		return;
	}
	expect(m, job, "the number of active pods", count_pods(m, job, &ready), 0);
	expect(m, job, "active", status(job, "active"), 0);
	expect(m, job, "ready", status(job, "ready"), 0);
	expect(m, job, "terminating", status(job, "terminating"), 0);
	model_job_ended(m, object_uid(job), &succeeded, &failures);
	if (complete && completions > 0 && status(job, "succeeded") < completions)
		expect(m, job, "succeeded", status(job, "succeeded"), completions);
	if (complete)
		expect(m, job, "succeeded", status(job, "succeeded"), succeeded);
	if (status(job, "succeeded") > succeeded || status(job, "failed") > failures)
		model_fail(m,
			   "at rest job %s: says %" PRId64 " succeeded and %" PRId64 " failed, %" PRId64 " and %" PRId64
			   " did",
			   object_name(job), status(job, "succeeded"), status(job, "failed"), succeeded, failures);
}

static void check_cronjob(struct model *m, const struct object *cron)
{
	_cleanup_object_list_ struct object_list jobs = OBJECT_LIST_INIT;
	int64_t complete = 0, failed = 0,
		keep_complete = value_int(object_path(cron, "spec", "successfulJobsHistoryLimit"), 3),
		keep_failed = value_int(object_path(cron, "spec", "failedJobsHistoryLimit"), 1);

	(void)cache_list_controlled(m->cache, object_uid(cron), &jobs);
	for (size_t i = 0; i < jobs.n; i++) {
		complete += !strcmp(condition_status(object_path(jobs.items[i], "status"), "Complete"), "True");
		failed += !strcmp(condition_status(object_path(jobs.items[i], "status"), "Failed"), "True");
	}
	if (complete > keep_complete || failed > keep_failed)
		model_fail(m,
			   "at rest cronjob %s: %" PRId64 " of %" PRId64 " complete and %" PRId64 " of %" PRId64
			   " failed are kept",
			   object_name(cron), complete, keep_complete, failed, keep_failed);
	expect(m, cron, "the number of active Jobs", (int64_t)value_len(object_path(cron, "status", "active")), 0);
}

static void check_pod(struct model *m, const struct object *pod)
{
	_cleanup_object_ struct object *owner = cache_get_uid(m->cache, object_controller_uid(pod));

	if (object_is_deleting(pod))
		model_fail(m, "at rest pod %s is still being deleted", object_name(pod));
	if (!value_len(object_path(pod, "spec", "nodeName")))
		model_fail(m, "at rest pod %s has no node", object_name(pod));
	if (job_tracks(pod) && (!owner || object_kind(owner) != model_kind("jobs") || job_is_finished(owner, NULL)))
		model_fail(m, "at rest pod %s bears a finished Job's finalizer", object_name(pod));
}

/* Whoever names an owner has one, and nothing waits for its end. */
static void check_owners(struct model *m, const struct object *o)
{
	const struct value *refs = object_path(o, "metadata", "ownerReferences");

	if (object_is_deleting(o))
		model_fail(m, "at rest %s/%s is still being deleted", object_kind(o)->plural, object_name(o));
	for (size_t i = 0; i < value_len(refs); i++) {
		_cleanup_object_ struct object *owner =
			cache_get_uid(m->cache, value_str_or(value_get(value_at(refs, i), "uid"), ""));

		if (!owner)
			model_fail(m, "at rest %s/%s is an orphan", object_kind(o)->plural, object_name(o));
	}
}

void model_check_end(struct model *m)
{
	static const struct {
		const char *plural;
		void (*check)(struct model *m, const struct object *o);
	} kinds[] = { { "deployments", check_deployment },
		      { "replicasets", check_replicaset },
		      { "statefulsets", check_statefulset },
		      { "daemonsets", check_daemonset },
		      { "jobs", check_job },
		      { "namespaces", check_owners },
		      { "cronjobs", check_cronjob },
		      { "controllerrevisions", check_owners },
		      { "pods", check_pod } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

		if (cache_list(m->cache, model_kind(kinds[k].plural), NULL, &all) < 0)
			model_fail(m, "out of memory");
		for (size_t i = 0; i < all.n; i++) {
			check_owners(m, all.items[i]);
			kinds[k].check(m, all.items[i]);
		}
	}
}
