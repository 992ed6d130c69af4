/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is allowed is what was asked for at any time since all was at rest last: a controller may be late, never wrong.
 * A sync that nothing has come between (model.disturbed) is held to what is asked for now.
 */
#include "model.h"

#include <stdlib.h>
#include <uthash.h>

#include "control/daemonset_decide.h"
#include "control/job_decide.h"
#include "control/statefulset_decide.h"
#include "value/intstr.h"

/* What is known of one Deployment, ReplicaSet or Job, by uid. */
struct record {
	UT_hash_handle hh;
	int64_t most;		   /* replicas and surge, or parallelism */
	int64_t least;		   /* that must be available, of a Deployment */
	int64_t lost;		   /* pods that were lost by others' doing */
	int64_t succeeded, failed; /* a Job's pods that have ended */
	bool loose;		   /* availability has changed without anybody's doing */
	char uid[OBJECT_UID_SIZE];
};

const struct schema_kind *model_kind(const char *plural)
{
	return schema_kind_by_plural(plural);
}

static struct record *get_record(struct model *m, const char *uid)
{
	struct record *r;

	HASH_FIND_STR(m->records, uid, r);
	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		abort(); /* no memory for a test */
	(void)snprintf(r->uid, sizeof(r->uid), "%s", uid);
	r->least = INT64_MAX;
	HASH_ADD_STR(m->records, uid, r);
	return r;
}

static bool is_kind(const struct object *o, const char *plural)
{
	return o && object_kind(o) == model_kind(plural);
}

static bool is_actor(const struct model *m, const char *name)
{
	return !strcmp(m->actor, name);
}

/* --- what is asked for --- */

static void note_wanted(struct model *m, const struct object *o)
{
	struct record *r = get_record(m, object_uid(o));
	const struct value *rolling = object_path(o, "spec", "strategy", "rollingUpdate");
	int64_t replicas = value_int(object_path(o, "spec", "replicas"), 1), most = replicas, least = 0;

	if (is_kind(o, "jobs"))
		most = value_int(object_path(o, "spec", "parallelism"), 1);
	if (is_kind(o, "deployments") &&
	    strcmp(value_str_or(object_path(o, "spec", "strategy", "type"), ""), "Recreate")) {
		int64_t surge = intstr_scaled(value_get(rolling, "maxSurge"), replicas, true, 0);
		int64_t less = intstr_scaled(value_get(rolling, "maxUnavailable"), replicas, false, 0);

		most = replicas + surge;
		least = replicas - (less || surge ? less : 1);
	}
	if (is_kind(o, "deployments") && value_int(object_path(o, "spec", "minReadySeconds"), 0))
		r->loose = true; /* which pods are removed is chosen by other things than that */
	r->most = most > r->most ? most : r->most;
	r->least = least < r->least ? least : r->least;
}

/* --- ReplicaSets and Deployments --- */

struct tally {
	int64_t active, available, wanted;
};

static void tally_set(struct model *m, const struct object *rs, bool by_age, struct tally *t)
{
	int64_t min_ready = by_age ? value_int(object_path(rs, "spec", "minReadySeconds"), 0) : 0;
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	(void)cache_list_controlled(m->cache, object_uid(rs), &pods);
	t->wanted += object_is_deleting(rs) ? 0 : value_int(object_path(rs, "spec", "replicas"), 1);
	for (size_t i = 0; i < pods.n; i++) {
		if (!pod_is_active(pods.items[i]))
			continue;
		t->active++;
		t->available += pod_is_available(pods.items[i], min_ready, clock_realtime(), NULL);
	}
}

/* Of `removing`, if any, all that are Ready count: it chooses by other things than minReadySeconds. */
static struct tally tally_deployment(struct model *m, const struct object *d, const struct object *removing)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	struct tally t = { 0 };

	(void)cache_list_controlled(m->cache, object_uid(d), &sets);
	for (size_t i = 0; i < sets.n; i++)
		if (is_kind(sets.items[i], "replicasets"))
			tally_set(m, sets.items[i],
				  !removing || strcmp(object_uid(sets.items[i]), object_uid(removing)) != 0, &t);
	return t;
}

static void check_scaled(struct model *m, const struct object *old, const struct object *rs)
{
	_cleanup_object_ struct object *d = cache_get_uid(m->cache, object_controller_uid(rs));
	int64_t was = value_int(object_path(old, "spec", "replicas"), 0),
		is = value_int(object_path(rs, "spec", "replicas"), 0);
	struct tally t;

	if (!d || !is_actor(m, "deployment-controller") || is <= was)
		return;
	t = tally_deployment(m, d, NULL);
	if (t.wanted > get_record(m, object_uid(d))->most)
		model_fail(m, "%s: %" PRId64 " replicas are asked for in all, at most %" PRId64 " may be",
			   object_name(d), t.wanted, get_record(m, object_uid(d))->most);
}

/* A pod was made for a ReplicaSet. */
static void check_made(struct model *m, const struct object *rs)
{
	_cleanup_object_ struct object *d = cache_get_uid(m->cache, object_controller_uid(rs));
	struct tally t = { 0 };
	int64_t most = get_record(m, object_uid(rs))->most;

	tally_set(m, rs, false, &t);
	if (t.active > (m->disturbed ? most : t.wanted))
		model_fail(m, "%s: a pod too many: %" PRId64 " of %" PRId64, object_name(rs), t.active, t.wanted);
	if (!d)
		return;
	t = tally_deployment(m, d, NULL);
	if (t.active > get_record(m, object_uid(d))->most + get_record(m, object_uid(d))->lost)
		model_fail(m, "%s: %" PRId64 " pods, at most %" PRId64 " may be", object_name(d), t.active,
			   get_record(m, object_uid(d))->most);
}

/* An available pod is no longer there, is to go, has ended, or is the set's no more. */
static void check_unmade(struct model *m, const struct object *rs, const struct object *pod, bool is_released)
{
	_cleanup_object_ struct object *d = cache_get_uid(m->cache, object_controller_uid(rs));
	struct record *r = d ? get_record(m, object_uid(d)) : NULL;
	struct tally t;

	if (!r)
		return;
	if (!is_actor(m, "replicaset-controller") || is_released) {
		r->lost++;
		return;
	}
	t = tally_deployment(m, d, rs);
	if (!r->loose && !object_is_deleting(d) && t.available < r->least - r->lost)
		model_fail(m,
			   "%s: %s is removed: %" PRId64 " are available, at least %" PRId64 " must be (%" PRId64
			   " lost)",
			   object_name(d), object_name(pod), t.available, r->least, r->lost);
}

/* --- StatefulSets --- */

static void check_ordinals(struct model *m, const struct object *set, const struct object *pod, bool made)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t at = stateful_ordinal(set, pod);

	if (m->disturbed || strcmp(value_str_or(object_path(set, "spec", "podManagementPolicy"), ""), "Parallel") == 0)
		return;
	if (made && !stateful_in_range(set, at))
		model_fail(m, "%s: is made out of range", object_name(pod));
	(void)cache_list_controlled(m->cache, object_uid(set), &pods);
	for (int64_t i = 0; made && i < at; i++) {
		bool ready = false;

		for (size_t k = 0; k < pods.n; k++)
			ready |= stateful_ordinal(set, pods.items[k]) == i && pod_is_active(pods.items[k]) &&
				 pod_is_ready(pods.items[k]);
		if (!ready)
			model_fail(m, "%s: is made before %" PRId64 " is Ready", object_name(pod), i);
	}
	for (size_t k = 0; k < pods.n && !made && !stateful_in_range(set, at); k++)
		if (stateful_ordinal(set, pods.items[k]) > at)
			model_fail(m, "%s: goes before %s", object_name(pod), object_name(pods.items[k]));
}

static const char *image_of(const struct value *pod_spec)
{
	return value_str_or(value_get(value_at(value_get(pod_spec, "containers"), 0), "image"), "");
}

/* A pod that serves is removed though it is to be there: the update is to have done with those above it, and with no
 * other. */
static void check_replaced(struct model *m, const struct object *set, const struct object *pod)
{
	int64_t at = stateful_ordinal(set, pod),
		partition = value_int(object_path(set, "spec", "updateStrategy", "rollingUpdate", "partition"), 0);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t serving = 0, last = -1;

	if (m->disturbed || !stateful_in_range(set, at))
		return;
	if (!strcmp(value_str_or(object_path(set, "spec", "updateStrategy", "type"), ""), "OnDelete") || at < partition)
		model_fail(m, "%s: is removed, which nobody asked for", object_name(pod));
	(void)cache_list_controlled(m->cache, object_uid(set), &pods);
	for (size_t k = 0; k < pods.n; k++) {
		const struct object *other = pods.items[k];
		int64_t ordinal = stateful_ordinal(set, other);

		if (!stateful_in_range(set, ordinal) || ordinal <= at)
			continue;
		serving += pod_is_active(other) && pod_is_ready(other);
		last = ordinal > last ? ordinal : last;
		if (strcmp(image_of(object_path(other, "spec")),
			   image_of(object_path(set, "spec", "template", "spec"))) != 0)
			model_fail(m, "%s: is updated before %s", object_name(pod), object_name(other));
	}
	if (last > at && serving != last - at)
		model_fail(m, "%s: is updated before those above it serve", object_name(pod));
}

/* --- DaemonSets --- */

/* How many active pods of the set a node has, or how many that serve. */
static int64_t on_node(struct model *m, const struct object *set, const char *node, bool serving)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t min_ready = value_int(object_path(set, "spec", "minReadySeconds"), 0), n = 0;

	(void)cache_list_controlled(m->cache, object_uid(set), &pods);
	for (size_t i = 0; i < pods.n; i++) {
		const struct object *p = pods.items[i];

		if (!is_kind(p, "pods") || !pod_is_active(p) ||
		    strcmp(daemon_node_of(p) ? daemon_node_of(p) : "", node))
			continue;
		n += !serving || pod_is_available(p, min_ready, clock_realtime(), NULL);
	}
	return n;
}

static void check_daemon_made(struct model *m, const struct object *set, const struct object *pod)
{
	bool surges =
		intstr_scaled(object_path(set, "spec", "updateStrategy", "rollingUpdate", "maxSurge"), 1, true, 0) > 0;
	const char *node = daemon_node_of(pod);

	if (!node)
		model_fail(m, "%s: is for no node", object_name(pod));
	else if (!m->disturbed && on_node(m, set, node, false) > (surges ? 2 : 1))
		model_fail(m, "%s: is one too many on %s", object_name(pod), node);
}

/* One that serves on a node where it should is removed: not more nodes may be without than the strategy allows. */
static void check_daemon_removed(struct model *m, const struct object *set, const struct object *pod)
{
	const struct value *rolling = object_path(set, "spec", "updateStrategy", "rollingUpdate");
	_cleanup_object_list_ struct object_list nodes = OBJECT_LIST_INIT;
	int64_t without = 0, most = intstr_scaled(value_get(rolling, "maxUnavailable"), MODEL_NODES, true, 1);
	bool concerned = false;

	(void)cache_list(m->cache, model_kind("nodes"), NULL, &nodes);
	for (size_t i = 0; i < nodes.n; i++) {
		const char *node = object_name(nodes.items[i]);

		if (!daemon_fits(set, nodes.items[i]).runs)
			continue;
		without += !on_node(m, set, node, true);
		concerned |=
			!strcmp(daemon_node_of(pod) ? daemon_node_of(pod) : "", node) && !on_node(m, set, node, false);
	}
	if (!m->disturbed && concerned && without > most)
		model_fail(m, "%s: is removed: %" PRId64 " nodes are without, at most %" PRId64 " may be",
			   object_name(pod), without, most);
}

/* --- Jobs and CronJobs --- */

static void check_job_pod(struct model *m, const struct object *job, const struct object *pod)
{
	int64_t completions = value_int(object_path(job, "spec", "completions"), INT64_MAX),
		index = job_read_pod(job, pod).index;
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t active = 0, most = get_record(m, object_uid(job))->most;

	if (!m->disturbed)
		most = value_int(object_path(job, "spec", "parallelism"), 1);
	(void)cache_list_controlled(m->cache, object_uid(job), &pods);
	for (size_t i = 0; i < pods.n; i++) {
		active += pod_is_active(pods.items[i]);
		if (job_is_indexed(job) && pods.items[i] != pod && pod_is_active(pods.items[i]) && !m->disturbed &&
		    strcmp(object_uid(pods.items[i]), object_uid(pod)) != 0 &&
		    job_read_pod(job, pods.items[i]).index == index)
			model_fail(m, "%s: two pods of index %" PRId64, object_name(job), index);
	}
	if (!m->disturbed && active > completions - get_record(m, object_uid(job))->succeeded)
		model_fail(m, "%s: %" PRId64 " pods at once, though %" PRId64 " have succeeded", object_name(job),
			   active, get_record(m, object_uid(job))->succeeded);
	if (active > most)
		model_fail(m, "%s: %" PRId64 " pods at once, at most %" PRId64 " may be", object_name(job), active,
			   most);
}

static bool is_unfinished(const struct object *job)
{
	const struct value *status = object_path(job, "status");

	return strcmp(condition_status(status, "Complete"), "True") != 0 &&
	       strcmp(condition_status(status, "Failed"), "True") != 0;
}

/* A Job was made by a CronJob. */
static void check_started(struct model *m, const struct object *job)
{
	_cleanup_object_ struct object *cron = cache_get_uid(m->cache, object_controller_uid(job));
	_cleanup_object_list_ struct object_list jobs = OBJECT_LIST_INIT;
	const char *policy = value_str_or(object_path(cron, "spec", "concurrencyPolicy"), "Allow");

	if (!cron || !is_actor(m, "cronjob-controller"))
		return;
	if (value_bool(object_path(cron, "spec", "suspend"), false) && !m->disturbed)
		model_fail(m, "%s: starts %s though suspended", object_name(cron), object_name(job));
	(void)cache_list_controlled(m->cache, object_uid(cron), &jobs);
	for (size_t i = 0; i < jobs.n && !m->disturbed; i++)
		if (!strcmp(policy, "Forbid") && is_unfinished(jobs.items[i]) &&
		    strcmp(object_uid(jobs.items[i]), object_uid(job)) != 0)
			model_fail(m, "%s: %s overlaps %s", object_name(cron), object_name(job),
				   object_name(jobs.items[i]));
}

void model_job_ended(struct model *m, const char *uid, int64_t *ret_succeeded, int64_t *ret_failed)
{
	struct record *r = get_record(m, uid);

	*ret_succeeded = r->succeeded;
	*ret_failed = r->failed;
}

/* A pod that is deleted counts as failed, whether it has ended or not; but for one that ends well before it is counted.
 */
static void note_job_end(struct model *m, const struct object *old, const struct object *pod, const struct object *job)
{
	bool succeeded = !strcmp(value_str_or(object_path(pod, "status", "phase"), ""), "Succeeded");

	if (!pod_is_active(old) && succeeded && job_tracks(pod) &&
	    strcmp(value_str_or(object_path(old, "status", "phase"), ""), "Succeeded") != 0)
		get_record(m, object_uid(job))->failed--;
	else if (!pod_is_active(old) || pod_is_active(pod))
		return;
	get_record(m, object_uid(job))->succeeded += succeeded;
	get_record(m, object_uid(job))->failed += !succeeded;
}

/* --- every change --- */

static void check_pod(struct model *m, const struct cache_event *e)
{
	const struct object *pod = e->now ? e->now : e->old;
	_cleanup_object_ struct object *owner = cache_get_uid(m->cache, object_controller_uid(e->old ? e->old : pod));
	bool was = e->old && pod_is_active(e->old), is = e->now && pod_is_active(e->now);
	int64_t min_ready = value_int(object_path(owner, "spec", "minReadySeconds"), 0);
	bool was_up, is_up, goes = !e->now || object_is_deleting(e->now);

	if (!owner)
		return;
	is &= !e->now || !e->old || !strcmp(object_controller_uid(e->old), object_controller_uid(e->now));
	was_up = was && pod_is_available(e->old, min_ready, clock_realtime(), NULL);
	is_up = is && pod_is_available(e->now, min_ready, clock_realtime(), NULL);
	if (is_kind(owner, "replicasets") && !e->old && is_actor(m, "replicaset-controller"))
		check_made(m, owner);
	else if (is_kind(owner, "replicasets") && was_up && !is_up)
		check_unmade(m, owner, pod, e->now && pod_is_active(e->now) && pod_is_ready(e->now));
	else if (is_kind(owner, "statefulsets") && is_actor(m, "statefulset-controller") && (goes ? was : !e->old))
		check_ordinals(m, owner, pod, is);
	else if (is_kind(owner, "daemonsets") && is_actor(m, "daemonset-controller") && !e->old)
		check_daemon_made(m, owner, pod);
	else if (is_kind(owner, "daemonsets") && is_actor(m, "daemonset-controller") && was_up && goes)
		check_daemon_removed(m, owner, pod);
	else if (is_kind(owner, "jobs") && !e->old && is_actor(m, "job-controller"))
		check_job_pod(m, owner, pod);
	if (is_kind(owner, "statefulsets") && is_actor(m, "statefulset-controller") && was_up && goes)
		check_replaced(m, owner, pod);
	if (is_kind(owner, "jobs") && e->old && e->now)
		note_job_end(m, e->old, e->now, owner);
}

static void print_event(const struct model *m, const struct cache_event *e)
{
	const struct object *o = e->now ? e->now : e->old;
	const struct value *status = object_path(o, "status");

	if (is_kind(o, "events"))
		return;
	printf("#     %s %s %s/%s%s g%" PRId64 "/%" PRId64 " n%" PRId64 " s%" PRId64 "/%" PRId64 " %s %s\n", m->actor,
	       e->now ? e->old ? "changes" : "makes" : "removes", object_kind(o)->plural, object_name(o),
	       object_is_deleting(o) ? " (deleting)" : "", value_int(object_path(o, "metadata", "generation"), 0),
	       value_int(value_get(status, "observedGeneration"), 0), value_int(object_path(o, "spec", "replicas"), -1),
	       value_int(value_get(status, "replicas"), -1), value_int(value_get(status, "availableReplicas"), -1),
	       value_str_or(value_get(status, "phase"), ""), condition_status(status, "Ready"));
}

void model_check(void *arg, const struct cache_event *e)
{
	const struct object *o = e->now ? e->now : e->old;
	struct model *m = arg;

	if (m->trace)
		print_event(m, e);
	if (e->now && (is_kind(o, "deployments") || is_kind(o, "replicasets") || is_kind(o, "jobs")))
		note_wanted(m, o);
	m->made += is_kind(o, "pods") && !e->old;
	if (is_kind(o, "pods"))
		check_pod(m, e);
	else if (is_kind(o, "replicasets") && e->old && e->now)
		check_scaled(m, e->old, e->now);
	else if (is_kind(o, "jobs") && !e->old)
		check_started(m, o);
}

void model_check_rest(struct model *m)
{
	static const char *const plurals[] = { "deployments", "replicasets", "jobs" };
	struct record *r, *next;

	HASH_ITER(hh, m->records, r, next) {
		r->most = r->lost = 0;
		r->least = INT64_MAX;
		r->loose = false;
	}
	for (size_t k = 0; k < ARRAY_SIZE(plurals); k++) {
		_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

		(void)cache_list(m->cache, model_kind(plurals[k]), NULL, &all);
		for (size_t i = 0; i < all.n; i++)
			note_wanted(m, all.items[i]);
	}
}

void model_check_clock(struct model *m)
{
	struct record *r, *next;

	HASH_ITER(hh, m->records, r, next)
		r->loose = true;
}

void model_check_free(struct model *m)
{
	struct record *r, *next;

	HASH_ITER(hh, m->records, r, next) {
		HASH_DEL(m->records, r);
		free(r);
	}
}
