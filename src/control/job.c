/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Job controller: runs a Job's pods until enough of them have succeeded or too many have failed, and removes it when
 * its time after that is spent (Kubernetes has a controller of its own for that).
 *
 * Keys: "NAMESPACE/NAME" of a Job; "uid:UID" of one that is gone, whose pods' finalizers hold nothing any more;
 * "pod:NAMESPACE/NAME" of a pod that bears the finalizer though no Job is to count it.
 */
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "control/claim.h"
#include "control/conditions.h"
#include "control/job_decide.h"
#include "control/pods.h"
#include "control/pods_apply.h"

#define UID_KEY "uid:"
#define POD_KEY "pod:"

/* The failures of one Job's pods since the last success: the controller's memory, as in Kubernetes. */
struct record {
	char uid[OBJECT_UID_SIZE];
	struct job_backoff backoff;
	UT_hash_handle hh;
};

/* Touched by the controller's thread only. */
struct records {
	struct record *by_uid;
};

static int init(struct controller *c, void **ret_data)
{
	struct records *all = calloc(1, sizeof(*all));

	(void)c;
	*ret_data = all;
	return all ? 0 : -ENOMEM;
}

static void fini(void *data)
{
	struct records *all = data;
	struct record *r, *next;

	if (!all)
		return;
	HASH_ITER(hh, all->by_uid, r, next)
	{
		HASH_DEL(all->by_uid, r);
		free(r);
	}
	free(all);
}

static void forget(struct controller *c, const char *uid)
{
	struct records *all = controller_data(c);
	struct record *r;

	HASH_FIND_STR(all->by_uid, uid, r);
	if (!r)
		return;
	HASH_DEL(all->by_uid, r);
	free(r);
}

/* What is remembered. After a restart, what those pods tell that are counted and still there. */
static int recall(struct controller *c, const struct job_view *v, struct arena *a, struct job_backoff *ret)
{
	struct records *all = controller_data(c);
	struct job_pod *pods = arena_alloc(a, (v->pods->n + 1) * sizeof(*pods));
	bool *counted = arena_alloc(a, v->pods->n + 1);
	struct record *r;

	HASH_FIND_STR(all->by_uid, object_uid(v->job), r);
	if (r) {
		*ret = r->backoff;
		return 0;
	}
	if (!pods || !counted)
		return -ENOMEM;
	for (size_t i = 0; i < v->pods->n; i++) {
		pods[i] = job_read_pod(v->job, v->pods->items[i]);
		counted[i] = !pods[i].tracked && !object_is_deleting(pods[i].pod) && (pods[i].succeeded || pods[i].failed);
	}
	*ret = job_backoff_after((struct job_backoff){ 0 }, pods, counted, v->pods->n);
	return 0;
}

static int remember(struct controller *c, const struct object *job, struct job_backoff b)
{
	struct records *all = controller_data(c);
	struct record *r;

	HASH_FIND_STR(all->by_uid, object_uid(job), r);
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		(void)snprintf(r->uid, sizeof(r->uid), "%s", object_uid(job));
		HASH_ADD_STR(all->by_uid, uid, r);
		if (!r->hh.tbl) {
			free(r);
			return -ENOMEM;
		}
	}
	r->backoff = b;
	return 0;
}

/* --- pods that no Job is to count --- */

static int untrack(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)arg;
	(void)a;
	(void)old;
	return job_untrack(root) ? 0 : -ECANCELED;
}

/* Whether the finalizer holds the pod for nobody: its Job is gone or finished, or it has no controller. */
static bool is_stray(struct controller *c, const struct object *pod)
{
	_cleanup_object_ struct object *job = NULL;
	const struct value *refs = object_path(pod, "metadata", "ownerReferences");

	if (!job_tracks(pod))
		return false;
	for (size_t i = 0; i < value_len(refs); i++)
		if (value_bool(value_get(value_at(refs, i), "controller"), false) &&
		    (strcmp(value_str_or(value_get(value_at(refs, i), "kind"), ""), "Job") != 0 ||
		     strcmp(value_str_or(value_get(value_at(refs, i), "apiVersion"), ""), "batch/v1") != 0))
			return false;
	job = cache_get_uid(controller_cache(c), object_controller_uid(pod));
	return !job || (!job_is_foreign(job) && job_is_finished(job, NULL));
}

static int release(struct controller *c, const struct object *pod)
{
	int r;

	if (!is_stray(c, pod))
		return 0;
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
			    object_name(pod), object_uid(pod), 0, STORE_LAZY, untrack, NULL);
	return r == -ENOENT ? 0 : r;
}

static int release_all(struct controller *c, const char *uid)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int r = cache_list_controlled(controller_cache(c), uid, &pods);

	for (size_t i = 0; i < pods.n && r == 0; i++)
		r = release(c, pods.items[i]);
	return r;
}

static int release_named(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *pod = controller_get(c, schema_kind_by_plural("pods"), key);

	return pod ? release(c, pod) : 0;
}

/* --- a Job --- */

struct making {
	const struct object *job;
	const struct job_plan *plan;
};

static struct value *make_pod(void *arg, struct arena *a, size_t i)
{
	const struct making *m = arg;

	return job_new_pod(a, m->job, &m->plan->create[i]);
}

static bool has_succeeded(const struct object *pod)
{
	return !strcmp(value_str_or(object_path(pod, "status", "phase"), ""), "Succeeded");
}

/* Adds to the transaction that the pods are counted. -ESTALE when one is no longer what the plan has seen: one that was removed
 * while it ran, and so counts as failed, may have ended well before its removal. */
static int count_pods(struct controller *c, struct txn *t, const struct job_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_count && r == 0; i++) {
		_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), object_uid(plan->count[i]));
		struct value *root = now ? value_copy(txn_arena(t), object_root(now)) : NULL;

		if (now && !root)
			return -ENOMEM;
		if (!now || has_succeeded(now) != has_succeeded(plan->count[i]) || !job_untrack(root))
			return -ESTALE;
		r = txn_update(t, now, root, 0, NULL);
	}
	return r;
}

/* Tells what has changed in the status that people wait for. */
static void tell(struct controller *c, const struct object *job, const struct object *now, const struct job_plan *plan)
{
	const struct value *was = object_path(job, "status"), *is = object_path(now, "status");
	int64_t completions = value_int(object_path(job, "spec", "completions"), INT64_MAX);

	if (strcmp(condition_status(was, "Suspended"), condition_status(is, "Suspended")) != 0) {
		bool suspended = !strcmp(condition_status(is, "Suspended"), "True");

		controller_event(c, job, EVENT_NORMAL, suspended ? "Suspended" : "Resumed", "Job %s",
				 suspended ? "suspended" : "resumed");
	}
	if (!strcmp(condition_status(is, "Failed"), "True"))
		controller_event(c, job, EVENT_WARNING, plan->end.reason, "%s", plan->end.message);
	if (strcmp(condition_status(is, "Complete"), "True") != 0)
		return;
	if (plan->succeeded > completions)
		controller_event(c, job, EVENT_WARNING, "TooManySucceededPods",
				 "Too many succeeded pods running after completion count reached");
	controller_event(c, job, EVENT_NORMAL, "Completed", "Job completed");
}

/* Counts pods and writes the status, in one transaction. */
static int write_status(struct controller *c, const struct object *job, const struct job_plan *plan)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *now = NULL;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	struct value *root = t ? value_copy(txn_arena(t), object_root(job)) : NULL;
	struct job_counts counts;
	int r = root ? cache_list_controlled(controller_cache(c), object_uid(job), &pods) : -ENOMEM;

	if (r < 0)
		return r;
	counts = job_count(&pods);
	job_set_status(txn_arena(t), root, plan, &counts, registry_now(controller_registry(c)));
	if (arena_failed(txn_arena(t)))
		return -ENOMEM;
	r = count_pods(c, t, plan);
	if (r == 0)
		r = txn_update(t, job, root, TXN_STATUS, NULL);
	if (r == 0 && !txn_empty(t))
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r < 0)
		return r;
	now = cache_get_uid(controller_cache(c), object_uid(job));
	if (now && object_revision(now) != object_revision(job))
		tell(c, job, now, plan);
	return plan->n_count ? remember(c, job, plan->backoff) : 0;
}

/* Removes it when its time is spent. */
static int64_t expire(struct controller *c, const struct object *job, int64_t finished)
{
	static const struct delete_options opts = { .grace_seconds = -1, .propagation = PROPAGATE_FOREGROUND };
	int64_t ttl = value_int(object_path(job, "spec", "ttlSecondsAfterFinished"), -1), left;
	_cleanup_txn_ struct txn *t = NULL;
	int r;

	if (ttl < 0 || object_is_deleting(job))
		return 0;
	left = finished + ttl * NSEC_PER_SEC - registry_now(controller_registry(c));
	if (left > 0)
		return left;
	t = txn_new(controller_registry(c), controller_writer(c));
	r = t ? txn_delete(t, job, &opts) : -ENOMEM;
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static int64_t run(struct controller *c, struct object *job)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_pods_failure_ struct pods_failure f = PODS_FAILURE_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct job_view v = { .job = job, .pods = &pods, .now = registry_now(controller_registry(c)) };
	struct job_plan plan;
	struct making m = { job, &plan };
	int r, e;

	r = claim_tracked(c, job, schema_kind_by_plural("pods"), JOB_TRACKING, &pods);
	if (r == 0)
		r = recall(c, &v, a, &v.backoff);
	if (r == 0)
		r = job_decide(&v, a, &plan);
	if (r == 0 && plan.n_remove)
		r = pods_delete(c, job, plan.remove, plan.n_remove, plan.untrack ? JOB_TRACKING : NULL, &f);
	if (r < 0)
		return r;
	if (plan.n_create)
		r = pods_create(c, job, plan.n_create, make_pod, &m, &f);
	e = write_status(c, job, &plan);
	return r < 0 ? r : e < 0 ? e : plan.more ? 1 : plan.wait;
}

static int64_t sync_job(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *job = NULL;
	int64_t finished;
	int r;

	if (!strncmp(key, POD_KEY, strlen(POD_KEY)))
		return release_named(c, key + strlen(POD_KEY));
	if (!strncmp(key, UID_KEY, strlen(UID_KEY))) {
		forget(c, key + strlen(UID_KEY));
		return release_all(c, key + strlen(UID_KEY));
	}
	job = controller_get(c, schema_kind_by_plural("jobs"), key);
	if (!job || job_is_foreign(job))
		return 0;
	if (!job_is_finished(job, &finished))
		return run(c, job);
	forget(c, object_uid(job));
	r = release_all(c, object_uid(job));
	return r < 0 ? r : expire(c, job, finished);
}

static void notice_job(struct controller *c, const struct cache_event *e)
{
	char key[sizeof(UID_KEY) + OBJECT_UID_SIZE];

	if (e->now) {
		controller_add_object(c, e->now);
		return;
	}
	(void)snprintf(key, sizeof(key), UID_KEY "%s", object_uid(e->old));
	controller_add(c, key);
}

/* A pod without a controller may be some Job's to adopt. */
static void notice_orphan(struct controller *c, const struct object *pod)
{
	_cleanup_object_list_ struct object_list jobs = OBJECT_LIST_INIT;

	if (!cache_count(controller_cache(c), schema_kind_by_plural("jobs"), object_namespace(pod)) ||
	    cache_list(controller_cache(c), schema_kind_by_plural("jobs"), object_namespace(pod), &jobs) < 0)
		return;
	for (size_t i = 0; i < jobs.n; i++)
		if (claim_matches(jobs.items[i], pod))
			controller_add_object(c, jobs.items[i]);
}

/* Whether what a Job looks at has changed. */
static bool concerns(const struct cache_event *e)
{
	return !e->old || !e->now || !object_same(e->old, e->now, "metadata") ||
	       !object_same(e->old, e->now, "status", "phase") || !object_same(e->old, e->now, "status", "conditions") ||
	       !object_same(e->old, e->now, "status", "containerStatuses") ||
	       !object_same(e->old, e->now, "status", "initContainerStatuses");
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	char key[sizeof(POD_KEY) + STORE_KEY_MAX];

	if (!concerns(e))
		return;
	if (e->old)
		controller_add_owner(c, e->old, "Job");
	if (e->now)
		controller_add_owner(c, e->now, "Job");
	if (controller_may_match_anew(e))
		notice_orphan(c, e->now);
	if (e->now && is_stray(c, e->now)) {
		(void)snprintf(key, sizeof(key), POD_KEY "%s/%s", object_namespace(e->now), object_name(e->now));
		controller_add(c, key);
	}
}

const struct controller_type job_controller = {
	.name = "job-controller",
	.sync = sync_job,
	.init = init,
	.fini = fini,
	.watches = { { "jobs", notice_job }, { "pods", notice_pod } },
};
