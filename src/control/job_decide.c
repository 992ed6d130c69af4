/* SPDX-License-Identifier: Apache-2.0 */
#include "control/job_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/pods.h"

/* A decision under way. */
struct deciding {
	const struct job_view *v;
	const struct object *job;
	const struct value *spec, *status;
	struct arena *arena;
	struct job_pod *pods; /* in the order of their indexes */
	bool *fresh;	      /* pods that have ended and are not counted, though they are to be */
	bool *delayed;	      /* failed pods that stay until the one that replaces them bears their count of failures */
	size_t n;
	bool indexed, per_index, suspended, only_failed;
	int64_t completions, parallelism; /* completions -1: none */
	int64_t active, deleting;
	int64_t succeeded, failed; /* with the fresh ones */
	struct job_indexes counted, done, lost, running; /* indexes: in the status, succeeded, failed, of active pods */
	struct job_backoff backoff; /* with the fresh ones */
	struct job_plan plan;
};

static int64_t spec_int(const struct deciding *d, const char *key, int64_t fallback)
{
	return value_int(value_get(d->spec, key), fallback);
}

static int compare_pods(const void *a, const void *b)
{
	const struct job_pod *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return strcmp(object_name(x->pod), object_name(y->pod));
}

/* Whether its end is one that the Job counts. */
static bool is_valid(const struct deciding *d, const struct job_pod *p)
{
	return !d->indexed || p->index >= 0;
}

static bool is_counted_failure(const struct deciding *d, const struct job_pod *p)
{
	return job_failure_policy(d->job, p->pod, d->arena, NULL) != JOB_IGNORE;
}

static int read_pods(struct deciding *d)
{
	d->n = d->v->pods->n;
	d->pods = arena_alloc(d->arena, (d->n + 1) * sizeof(*d->pods));
	d->fresh = arena_alloc(d->arena, d->n + 1);
	d->delayed = arena_alloc(d->arena, d->n + 1);
	if (!d->pods || !d->fresh || !d->delayed)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++)
		d->pods[i] = job_read_pod(d->job, d->v->pods->items[i]);
	qsort(d->pods, d->n, sizeof(*d->pods), compare_pods);
	for (size_t i = 0; i < d->n; i++) {
		struct job_pod *p = &d->pods[i];

		d->active += p->active;
		d->deleting += p->deleting;
		d->fresh[i] = p->tracked && is_valid(d, p) && (p->succeeded || p->failed);
		d->succeeded += d->fresh[i] && p->succeeded;
		d->failed += d->fresh[i] && !p->succeeded && is_counted_failure(d, p);
	}
	return 0;
}

/* Whether nothing more is tried for the pod's index. */
static bool loses_index(const struct deciding *d, const struct job_pod *p)
{
	enum job_action action = p->failed ? job_failure_policy(d->job, p->pod, d->arena, NULL) : JOB_IGNORE;

	return action == JOB_FAIL_INDEX ||
	       (action != JOB_IGNORE && job_index_failures(p->pod, false) >= spec_int(d, "backoffLimitPerIndex", 0));
}

static int read_indexes(struct deciding *d)
{
	int32_t *done = arena_alloc(d->arena, (d->n + 1) * sizeof(*done));
	int32_t *lost = arena_alloc(d->arena, (d->n + 1) * sizeof(*lost));
	int32_t *running = arena_alloc(d->arena, (d->n + 1) * sizeof(*running));
	size_t n_done = 0, n_lost = 0, n_running = 0;
	int r;

	if (!done || !lost || !running)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++) {
		const struct job_pod *p = &d->pods[i];

		if (d->fresh[i] && p->succeeded)
			done[n_done++] = (int32_t)p->index;
		else if (d->fresh[i] && d->per_index && loses_index(d, p))
			lost[n_lost++] = (int32_t)p->index;
		if (p->active && p->index >= 0)
			running[n_running++] = (int32_t)p->index;
	}
	r = job_indexes_parse(d->arena, value_str_or(value_get(d->status, "completedIndexes"), ""), d->completions, &d->counted);
	if (r == 0)
		r = job_indexes_parse(d->arena, value_str_or(value_get(d->status, "failedIndexes"), ""), d->completions, &d->lost);
	d->done = d->counted;
	if (r == 0)
		r = job_indexes_add(d->arena, &d->done, done, n_done);
	if (r == 0)
		r = job_indexes_add(d->arena, &d->lost, lost, n_lost);
	if (r == 0)
		r = job_indexes_add(d->arena, &d->running, running, n_running);
	d->succeeded = job_indexes_total(&d->done);
	return r;
}

/* Of each index that waits to be tried again, the pod that failed last keeps its finalizer meanwhile. */
static void delay(struct deciding *d)
{
	size_t last = d->n;

	for (size_t i = 0; i < d->n; i++) {
		const struct job_pod *p = &d->pods[i];

		if (!p->tracked || !p->failed || p->index < 0 || job_indexes_has(&d->done, p->index) ||
		    job_indexes_has(&d->lost, p->index) || job_indexes_has(&d->running, p->index))
			continue;
		if (last < d->n && d->pods[last].index == p->index) {
			if (job_index_failures(d->pods[last].pod, true) > job_index_failures(p->pod, true) ||
			    p->finished < d->pods[last].finished)
				continue;
			d->delayed[last] = false;
		}
		d->delayed[i] = true;
		last = i;
	}
}

/* --- the end --- */

static void end(struct deciding *d, const char *type, const char *reason, const char *message)
{
	d->plan.end = (struct job_end){ type, reason, message };
}

/* What an earlier sync has decided. */
static bool end_as_before(struct deciding *d)
{
	static const char *const types[] = { "SuccessCriteriaMet", "FailureTarget" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(condition_status(d->status, types[i]), "True")) {
			end(d, types[i], condition_reason(d->status, types[i]),
			    value_str_or(value_get(condition_get(d->status, types[i]), "message"), ""));
			return true;
		}
	return false;
}

static bool end_by_policy(struct deciding *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const char *message = NULL;

		if (!d->pods[i].failed ||
		    job_failure_policy(d->job, d->pods[i].pod, d->arena, &message) != JOB_FAIL)
			continue;
		end(d, "FailureTarget", "PodFailurePolicy", message ? message : "");
		return true;
	}
	return false;
}

static int64_t restarts_of(const struct object *pod, const char *list)
{
	const struct value *statuses = object_path(pod, "status", list);
	int64_t n = 0;

	for (size_t i = 0; i < value_len(statuses); i++)
		n += value_int(value_get(value_at(statuses, i), "restartCount"), 0);
	return n;
}

/* Whether containers that are restarted in their pods were so too often. */
static bool restarted_too_often(const struct deciding *d)
{
	int64_t limit = spec_int(d, "backoffLimit", 6), n = 0;

	if (strcmp(value_str_or(value_path(d->spec, "template", "spec", "restartPolicy"), ""), "OnFailure") != 0)
		return false;
	for (size_t i = 0; i < d->n; i++) {
		const char *phase = value_str_or(object_path(d->pods[i].pod, "status", "phase"), "");

		if (!strcmp(phase, "Running") || !strcmp(phase, "Pending"))
			n += restarts_of(d->pods[i].pod, "initContainerStatuses") +
			     restarts_of(d->pods[i].pod, "containerStatuses");
	}
	return limit ? n >= limit : n > 0;
}

/* Has the sync come again no later than in so many ns. */
static void wake(struct deciding *d, int64_t wait)
{
	if (wait > 0 && (!d->plan.wait || wait < d->plan.wait))
		d->plan.wait = wait;
}

/* Whether the Job has been active for longer than it may; else when it will have been. */
static bool past_deadline(struct deciding *d)
{
	int64_t limit = spec_int(d, "activeDeadlineSeconds", -1), left;

	if (limit < 0 || d->suspended || !d->plan.start)
		return false;
	if (limit > INT64_MAX / 4 / NSEC_PER_SEC)
		return false; /* 73 years */
	left = d->plan.start + limit * NSEC_PER_SEC - d->v->now;
	wake(d, left);
	return left <= 0;
}

static void end_by_limits(struct deciding *d)
{
	if (d->failed > spec_int(d, "backoffLimit", 6) || restarted_too_often(d))
		end(d, "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
	else if (past_deadline(d))
		end(d, "FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline");
}

static int end_by_indexes(struct deciding *d)
{
	int64_t lost = job_indexes_total(&d->lost);
	size_t rule = 0;
	bool met;
	int r;

	if (d->per_index && lost > spec_int(d, "maxFailedIndexes", INT64_MAX))
		end(d, "FailureTarget", "MaxFailedIndexesExceeded",
		    "Job has exceeded the specified maximal number of failed indexes");
	else if (d->per_index && lost && lost + d->succeeded >= d->completions)
		end(d, "FailureTarget", "FailedIndexes", "Job has failed indexes");
	if (d->plan.end.type)
		return 0;
	r = job_success_policy(d->job, &d->done, d->arena, &met, &rule);
	if (r == 0 && met) {
		const char *message = arena_printf(d->arena, "Matched rules at index %zu", rule);

		end(d, "SuccessCriteriaMet", "SuccessPolicy", message ? message : "");
	}
	return r;
}

static int decide_end(struct deciding *d)
{
	if (end_as_before(d) || end_by_policy(d))
		return 0;
	end_by_limits(d);
	return d->indexed && !d->plan.end.type ? end_by_indexes(d) : 0;
}

/* --- making and removing pods --- */

static int remove_active(struct deciding *d)
{
	d->plan.remove = arena_alloc(d->arena, ((size_t)d->active + 1) * sizeof(*d->plan.remove));
	if (!d->plan.remove)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++)
		if (d->pods[i].active)
			d->plan.remove[d->plan.n_remove++] = d->pods[i].pod;
	return 0;
}

/* Takes from the n pods of one index all but the best; without an index all. Returns how many stay, at the front. */
static size_t remove_twins(struct deciding *d, struct ranked_pod *pods, size_t n, bool indexed)
{
	size_t stay = indexed ? 1 : 0;

	pods_rank_for_deletion(pods, n, d->v->now);
	for (size_t i = 0; i + stay < n; i++)
		d->plan.remove[d->plan.n_remove++] = pods[i].pod;
	if (stay)
		pods[0] = pods[n - 1];
	return stay;
}

/* Chooses what is too much: pods of no index or of one that another has too, then at least so many. */
static int choose(struct deciding *d, int64_t at_least)
{
	struct ranked_pod *left = arena_alloc(d->arena, ((size_t)d->active + 1) * sizeof(*left));
	size_t n = 0;

	d->plan.remove = arena_alloc(d->arena, ((size_t)d->active + 1) * sizeof(*d->plan.remove));
	if (!left || !d->plan.remove)
		return -ENOMEM;
	for (size_t i = 0; i < d->n;) {
		size_t first = n, k = i;

		for (; k < d->n && (k == i || (d->indexed && d->pods[k].index == d->pods[i].index)); k++)
			if (d->pods[k].active)
				left[n++] = (struct ranked_pod){ .pod = d->pods[k].pod };
		if (d->indexed && n > first)
			n = first + remove_twins(d, left + first, n - first, d->pods[i].index >= 0);
		i = k;
	}
	if ((int64_t)d->plan.n_remove < at_least)
		pods_rank_for_deletion(left, n, d->v->now);
	for (size_t i = 0; i < n && (int64_t)d->plan.n_remove < at_least; i++)
		d->plan.remove[d->plan.n_remove++] = left[i].pod;
	if (d->plan.n_remove > JOB_BURST)
		d->plan.n_remove = JOB_BURST;
	return 0;
}

static int64_t wanted(const struct deciding *d)
{
	int64_t want;

	if (d->completions < 0)
		return d->succeeded ? d->active : d->parallelism;
	want = d->completions - d->succeeded;
	return want > d->parallelism ? d->parallelism : want < 0 ? 0 : want;
}

/* The pod that one of an index replaces. */
static const struct job_pod *failed_of(const struct deciding *d, int64_t index)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (d->pods[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < d->n && d->pods[low].index == index; low++)
		if (d->delayed[low])
			return &d->pods[low];
	return NULL;
}

/* How long an index is to wait after the failures of its pods. */
static int64_t index_wait(const struct deciding *d, const struct job_pod *failed)
{
	struct job_backoff b = { 0 };

	if (failed)
		b = (struct job_backoff){ job_index_failures(failed->pod, true) + 1, failed->finished };
	return job_backoff_wait(b, d->v->now);
}

static int create_indexes(struct deciding *d, size_t n)
{
	int32_t *indexes = arena_alloc(d->arena, (n + 1) * sizeof(*indexes));
	int32_t *ending = arena_alloc(d->arena, (d->n + 1) * sizeof(*ending));
	struct job_indexes taken = d->done;
	size_t n_ending = 0;
	int r;

	if (!indexes || !ending)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++)
		if (d->only_failed && d->pods[i].deleting && d->pods[i].index >= 0)
			ending[n_ending++] = (int32_t)d->pods[i].index;
	r = job_indexes_merge(d->arena, &taken, &d->running, &taken);
	if (r == 0)
		r = job_indexes_merge(d->arena, &taken, &d->lost, &taken);
	if (r == 0)
		r = job_indexes_add(d->arena, &taken, ending, n_ending);
	if (r < 0)
		return r;
	n = job_indexes_missing(&taken, d->completions, indexes, n);
	for (size_t i = 0; i < n; i++) {
		const struct job_pod *failed = d->per_index ? failed_of(d, indexes[i]) : NULL;
		int64_t wait = index_wait(d, failed);

		if (!wait)
			d->plan.create[d->plan.n_create++] = (struct job_create){ indexes[i], failed ? failed->pod : NULL };
		wake(d, wait);
	}
	return 0;
}

static int create(struct deciding *d, int64_t n)
{
	int64_t wait = d->per_index ? 0 : job_backoff_wait(d->backoff, d->v->now);

	wake(d, wait);
	if (wait)
		return 0;
	n = n > JOB_BURST ? JOB_BURST : n;
	d->plan.create = arena_alloc(d->arena, (size_t)n * sizeof(*d->plan.create));
	if (!d->plan.create)
		return -ENOMEM;
	if (d->indexed)
		return create_indexes(d, (size_t)n);
	for (; (int64_t)d->plan.n_create < n; d->plan.n_create++)
		d->plan.create[d->plan.n_create] = (struct job_create){ .index = -1 };
	return 0;
}

static int manage(struct deciding *d)
{
	int64_t want = wanted(d), missing;
	int r;

	d->plan.untrack = true;
	if (d->suspended)
		return remove_active(d);
	r = choose(d, d->active > want ? d->active - want : 0);
	if (r < 0 || d->plan.n_remove)
		return r;
	missing = want - d->active - (d->only_failed ? d->deleting : 0);
	return missing > 0 ? create(d, missing) : 0;
}

/* Manages the pods, and ends the Job when it has what it asks for. */
static int decide_pods(struct deciding *d)
{
	int64_t active;
	int r = 0;

	if (d->plan.end.type)
		return remove_active(d);
	if (!object_is_deleting(d->job)) {
		d->plan.manages = true;
		r = manage(d);
	}
	active = d->active - (int64_t)d->plan.n_remove + (int64_t)d->plan.n_create;
	if (!active && (d->completions < 0 ? d->succeeded > 0 : d->succeeded >= d->completions))
		end(d, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods");
	return r;
}

/* --- counting --- */

/* Whether it is deleted now, without being counted. */
static bool is_dropped(const struct deciding *d, const struct job_pod *p)
{
	for (size_t i = 0; d->plan.untrack && p->active && i < d->plan.n_remove; i++)
		if (d->plan.remove[i] == p->pod)
			return true;
	return false;
}

/* Whether the pod can go: its end, or that it no longer matters, is in the status that is written with it. */
static bool can_count(const struct deciding *d, size_t i)
{
	const struct job_pod *p = &d->pods[i];

	if (!p->tracked || is_dropped(d, p))
		return false;
	if (d->plan.end.type || object_is_deleting(d->job) || p->succeeded)
		return true;
	return p->failed && !d->delayed[i];
}

static int decide_count(struct deciding *d)
{
	bool *ended = arena_alloc(d->arena, d->n + 1), fails = d->plan.end.type && !strcmp(d->plan.end.type, "FailureTarget");
	int64_t succeeded = value_int(value_get(d->status, "succeeded"), 0);

	d->plan.count = arena_alloc(d->arena, JOB_COUNT_MAX * sizeof(*d->plan.count));
	if (!ended || !d->plan.count)
		return -ENOMEM;
	d->plan.failed = value_int(value_get(d->status, "failed"), 0);
	for (size_t i = 0; i < d->n; i++) {
		const struct job_pod *p = &d->pods[i];

		if (!can_count(d, i))
			continue;
		if (d->plan.n_count == JOB_COUNT_MAX) {
			d->plan.more = true;
			break;
		}
		d->plan.count[d->plan.n_count++] = p->pod;
		ended[i] = d->fresh[i];
		if (p->succeeded)
			succeeded++;
		else if ((p->failed || fails) && is_valid(d, p) && is_counted_failure(d, p))
			d->plan.failed++;
	}
	d->plan.succeeded = d->indexed ? d->succeeded : succeeded;
	d->plan.backoff = job_backoff_after(d->v->backoff, d->pods, ended, d->n);
	if (!d->indexed)
		return 0;
	d->plan.completed_indexes = job_indexes_format(d->arena, &d->done);
	if (d->per_index)
		d->plan.failed_indexes = job_indexes_format(d->arena, &d->lost);
	return 0;
}

static void read_spec(struct deciding *d)
{
	const char *start = value_str_or(value_get(d->status, "startTime"), "");

	d->indexed = job_is_indexed(d->job);
	d->per_index = d->indexed && value_get(d->spec, "backoffLimitPerIndex");
	d->suspended = value_bool(value_get(d->spec, "suspend"), false);
	d->only_failed = value_get(d->spec, "podFailurePolicy") ||
			 !strcmp(value_str_or(value_get(d->spec, "podReplacementPolicy"), ""), "Failed");
	d->completions = spec_int(d, "completions", -1);
	d->parallelism = spec_int(d, "parallelism", 1);
	d->succeeded = value_int(value_get(d->status, "succeeded"), 0);
	d->failed = value_int(value_get(d->status, "failed"), 0);
	if (clock_parse_rfc3339(start, &d->plan.start) < 0)
		d->plan.start = d->suspended ? 0 : d->v->now;
}

int job_decide(const struct job_view *v, struct arena *a, struct job_plan *ret)
{
	struct deciding d = { .v = v, .job = v->job, .spec = object_path(v->job, "spec"),
			      .status = object_path(v->job, "status"), .arena = a };
	int r;

	read_spec(&d);
	r = read_pods(&d);
	if (r == 0 && d.indexed)
		r = read_indexes(&d);
	if (r == 0 && d.per_index)
		delay(&d);
	if (r < 0)
		return r;
	d.backoff = job_backoff_after(v->backoff, d.pods, d.fresh, d.n);
	r = decide_end(&d);
	if (r == 0)
		r = decide_pods(&d);
	if (r == 0)
		r = decide_count(&d);
	if (r < 0 || arena_failed(a))
		return r < 0 ? r : -ENOMEM;
	*ret = d.plan;
	return 0;
}
