/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cronjob_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/job_decide.h"
#include "control/pods.h"
#include "store/trigger.h"

/* What was missed since the last start. */
struct recent {
	bool invalid;	  /* the schedule is never due twice */
	int64_t earliest; /* since when starts are looked for */
	int64_t time;	  /* the newest start that is due; 0: none */
	int64_t missed;	  /* about how many are */
};

struct deciding {
	const struct cronjob_view *v;
	const struct value *spec, *status;
	struct arena *arena;
	size_t notes_room;
	struct cronjob_plan plan;
};

static int64_t time_of(const struct value *v, const char *key)
{
	int64_t t = 0;

	(void)clock_parse_rfc3339(value_str_or(value_get(v, key), ""), &t); /* ignoring: 0 says that there is none */
	return t;
}

static void note(struct deciding *d, enum event_type type, const char *reason, const char *message)
{
	if (d->plan.n_notes < d->notes_room)
		d->plan.notes[d->plan.n_notes++] = (struct cronjob_note){ type, reason, message ? message : "" };
}

/* K8S:pkg/controller/cronjob/utils.go, mostRecentScheduleTime. */
static struct recent find_recent(const struct cronjob_view *v, bool with_deadline)
{
	const struct value *root = object_root(v->cronjob);
	int64_t deadline = value_int(value_path(root, "spec", "startingDeadlineSeconds"), -1), first, second, step, from;
	struct recent r = { .earliest = time_of(value_get(root, "status"), "lastScheduleTime") };

	if (!r.earliest)
		r.earliest = time_of(value_get(root, "metadata"), "creationTimestamp");
	if (with_deadline && deadline >= 0 && deadline < v->now / NSEC_PER_SEC &&
	    v->now - deadline * NSEC_PER_SEC > r.earliest)
		r.earliest = v->now - deadline * NSEC_PER_SEC;
	if (!cron_next(v->schedule, v->zone, r.earliest, &first)) {
		r.invalid = true;
		return r;
	}
	if (v->now < first)
		return r;
	if (!cron_next(v->schedule, v->zone, first, &second)) {
		r.invalid = true;
		return r;
	}
	r.time = first;
	r.missed = 1;
	if (v->now < second)
		return r;
	step = (second - first) / NSEC_PER_SEC;
	r.missed = (v->now - first) / NSEC_PER_SEC / (step ? step : 1) + 1;
	/* From one step before about the newest one on, so that schedules with gaps are found exactly. */
	from = first + (r.missed - 2) * step * NSEC_PER_SEC;
	r.time = 0;
	for (int64_t t = from; cron_next(v->schedule, v->zone, t, &t) && t <= v->now;)
		r.time = t;
	return r;
}

/* After how many ns the next start is to be looked for, whatever was missed; 0: there is none. */
static int64_t find_next(const struct cronjob_view *v)
{
	struct recent r = find_recent(v, false);
	int64_t from = r.time, next;

	if (r.invalid || (!r.time && r.missed))
		from = v->now;
	else if (!r.time)
		from = r.earliest;
	if (!cron_next(v->schedule, v->zone, from, &next))
		return 0;
	next += CRONJOB_DELTA_MS * NSEC_PER_MSEC - v->now;
	return next > 0 ? next : 1;
}

/* --- its Jobs --- */

static const struct value *reference_of(const struct deciding *d, const char *uid)
{
	return value_find(value_get(d->status, "active"), "uid", uid);
}

static int compare_starts(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
	int64_t tx = time_of(object_path(x, "status"), "startTime"), ty = time_of(object_path(y, "status"), "startTime");

	if (tx != ty)
		return !tx ? 1 : !ty ? -1 : tx < ty ? -1 : 1;
	return strcmp(object_name(x), object_name(y));
}

/* Chooses the oldest of the finished Jobs of that end beyond the limit. */
static int expire(struct deciding *d, const char *end, const char *limit_key)
{
	const struct object_list *jobs = d->v->jobs;
	const struct object **ended = arena_alloc(d->arena, (jobs->n + 1) * sizeof(*ended));
	int64_t limit = value_int(value_get(d->spec, limit_key), INT64_MAX);
	size_t n = 0;

	if (!ended)
		return -ENOMEM;
	for (size_t i = 0; i < jobs->n; i++)
		if (!strcmp(condition_status(object_path(jobs->items[i], "status"), end), "True"))
			ended[n++] = jobs->items[i];
	qsort(ended, n, sizeof(ended[0]), compare_starts);
	for (size_t i = 0; (int64_t)(n - i) > limit; i++)
		if (!object_is_deleting(ended[i]))
			d->plan.expire[d->plan.n_expire++] = ended[i];
	return 0;
}

/* Looks at what it has started. */
static void follow_jobs(struct deciding *d)
{
	for (size_t i = 0; i < d->v->jobs->n; i++) {
		const struct object *job = d->v->jobs->items[i];
		bool known = reference_of(d, object_uid(job)), finished = job_is_finished(job, NULL);
		bool complete = !strcmp(condition_status(object_path(job, "status"), "Complete"), "True");
		int64_t when = time_of(object_path(job, "status"), "completionTime");

		if (!known && !finished && !object_path(job, "metadata", "annotations", CRONJOB_INSTANTIATE))
			note(d, EVENT_WARNING, "UnexpectedJob",
			     arena_printf(d->arena, "Saw a job that the controller did not create or forgot: %s", object_name(job)));
		if (known && finished)
			note(d, EVENT_NORMAL, "SawCompletedJob",
			     arena_printf(d->arena, "Saw completed job: %s, condition: %s", object_name(job),
					  complete ? "Complete" : "Failed"));
		if (complete && when > d->plan.last_success)
			d->plan.last_success = when;
	}
}

/* Keeps the references to Jobs that are there and go on. */
static void keep_active(struct deciding *d)
{
	const struct value *active = value_get(d->status, "active");

	for (size_t i = 0; i < value_len(active); i++) {
		const struct value *ref = value_at(active, i);
		const struct object *job = NULL;

		for (size_t k = 0; k < d->v->jobs->n && !job; k++)
			if (!strcmp(object_uid(d->v->jobs->items[k]), value_str_or(value_get(ref, "uid"), "")))
				job = d->v->jobs->items[k];
		if (job && !job_is_finished(job, NULL))
			d->plan.active[d->plan.n_active++] = ref;
		else if (!job)
			note(d, EVENT_NORMAL, "MissingJob",
			     arena_printf(d->arena, "Active job went missing: %s", value_str_or(value_get(ref, "name"), "")));
	}
}

/* --- the next start --- */

/* As Go's RFC1123Z writes it, in UTC. */
static const char *format_time(struct arena *a, int64_t t)
{
	time_t seconds = t / NSEC_PER_SEC;
	char text[64] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	return arena_strdup(a, text);
}

/* Whether the Job of that time was started before. */
static bool is_done(const struct deciding *d, int64_t scheduled)
{
	const char *name = cronjob_job_name(d->arena, d->v->cronjob, scheduled);

	if (time_of(d->status, "lastScheduleTime") == scheduled)
		return true;
	for (size_t i = 0; name && i < d->plan.n_active; i++)
		if (!strcmp(value_str_or(value_get(d->plan.active[i], "name"), ""), name))
			return true;
	return false;
}

static void decide_start(struct deciding *d)
{
	const char *policy = value_str_or(value_get(d->spec, "concurrencyPolicy"), "Allow");
	int64_t deadline = value_int(value_get(d->spec, "startingDeadlineSeconds"), -1);
	struct recent r = find_recent(d->v, true);

	if (r.invalid) {
		note(d, EVENT_WARNING, "InvalidSchedule",
		     arena_printf(d->arena, "invalid schedule: %s : time difference between two schedules is less than 1 second",
				  value_str_or(value_get(d->spec, "schedule"), "")));
		return;
	}
	d->plan.wait = find_next(d->v);
	if (!r.time || r.time <= d->v->since)
		return;
	if (r.missed > CRONJOB_MISSED_MANY)
		note(d, EVENT_WARNING, "TooManyMissedTimes",
		     "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew");
	if (deadline >= 0 && (d->v->now - r.time) / NSEC_PER_SEC >= deadline && d->v->now - r.time > deadline * NSEC_PER_SEC) {
		const char *when = format_time(d->arena, r.time);

		note(d, EVENT_WARNING, "MissSchedule",
		     arena_printf(d->arena, "Missed scheduled time to start a job: %s", when ? when : ""));
	} else if (is_done(d, r.time)) {
		return;
	} else if (!strcmp(policy, "Forbid") && d->plan.n_active) {
		note(d, EVENT_NORMAL, "JobAlreadyActive",
		     "Not starting job because prior execution is running and concurrency policy is Forbid");
	} else {
		d->plan.start = true;
		d->plan.replace = !strcmp(policy, "Replace");
		d->plan.scheduled = r.time;
	}
}

int cronjob_decide(const struct cronjob_view *v, struct arena *a, struct cronjob_plan *ret)
{
	struct deciding d = { .v = v, .spec = object_path(v->cronjob, "spec"), .status = object_path(v->cronjob, "status"),
			      .arena = a };
	size_t n_active = value_len(value_get(d.status, "active"));
	int r;

	d.notes_room = v->jobs->n + n_active + 2;
	d.plan.notes = arena_alloc(a, d.notes_room * sizeof(*d.plan.notes));
	d.plan.expire = arena_alloc(a, (v->jobs->n + 1) * sizeof(*d.plan.expire));
	d.plan.active = arena_alloc(a, (n_active + 1) * sizeof(*d.plan.active));
	d.plan.last_success = time_of(d.status, "lastSuccessfulTime");
	if (arena_failed(a))
		return -ENOMEM;
	r = expire(&d, "Complete", "successfulJobsHistoryLimit");
	if (r == 0)
		r = expire(&d, "Failed", "failedJobsHistoryLimit");
	if (r < 0)
		return r;
	follow_jobs(&d);
	keep_active(&d);
	if (!object_is_deleting(v->cronjob) && !value_bool(value_get(d.spec, "suspend"), false))
		decide_start(&d);
	if (arena_failed(a))
		return -ENOMEM;
	*ret = d.plan;
	return 0;
}

/* --- what is written --- */

const char *cronjob_job_name(struct arena *a, const struct object *cronjob, int64_t scheduled)
{
	return arena_printf(a, "%s-%lld", object_name(cronjob), (long long)(scheduled / NSEC_PER_SEC / 60));
}

/* RFC 3339 on the clocks of the zone. */
static struct value *local_time(struct arena *a, const struct zone *zone, int64_t t)
{
	int32_t offset = zone_offset(zone, t / NSEC_PER_SEC), minutes = abs(offset) / 60;
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(t + offset * NSEC_PER_SEC, text);
	if (!offset)
		return value_new_str(a, text);
	return value_new_strf(a, "%.*s%c%02d:%02d", (int)strlen(text) - 1, text, offset < 0 ? '-' : '+', minutes / 60,
			      minutes % 60);
}

static struct value *new_job(struct arena *a, const struct object *cronjob)
{
	static const char *const copied[] = { "labels", "annotations" };
	const struct value *template = object_path(cronjob, "spec", "jobTemplate");
	struct value *root = value_new_map(a), *meta;

	value_set_str(a, root, "apiVersion", "batch/v1");
	value_set_str(a, root, "kind", "Job");
	meta = value_set_map(a, root, "metadata");
	value_set_str(a, meta, "namespace", object_namespace(cronjob));
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		const struct value *v = value_path(template, "metadata", copied[i]);

		if (value_len(v))
			value_set(a, meta, copied[i], value_copy(a, v));
	}
	value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, cronjob));
	value_set(a, root, "spec", value_copy(a, value_get(template, "spec")));
	return root;
}

struct value *cronjob_new_job(struct arena *a, const struct object *cronjob, const struct zone *zone, int64_t scheduled)
{
	struct value *root = new_job(a, cronjob), *meta = value_get(root, "metadata");
	const char *name = cronjob_job_name(a, cronjob, scheduled);

	if (!name)
		return NULL;
	value_set_str(a, meta, "name", name);
	value_set(a, value_set_map(a, meta, "annotations"), CRONJOB_TIMESTAMP, local_time(a, zone, scheduled));
	return arena_failed(a) ? NULL : root;
}

struct value *cronjob_new_manual_job(struct arena *a, const struct object *cronjob)
{
	struct value *root = new_job(a, cronjob), *meta = value_get(root, "metadata");

	value_set(a, meta, "generateName", value_new_strf(a, "%s-", object_name(cronjob)));
	value_set_str(a, value_set_map(a, meta, "annotations"), CRONJOB_INSTANTIATE, "manual");
	return arena_failed(a) ? NULL : root;
}

static int64_t triggers_of(const struct value *root)
{
	long n = strtol(value_str_or(value_path(root, "metadata", "annotations", CRONJOB_TRIGGER), "0"), NULL, 10);

	return n < 0 ? 0 : n;
}

int64_t cronjob_triggers(const struct object *cronjob)
{
	return triggers_of(object_root(cronjob));
}

void cronjob_count_trigger(struct arena *a, struct value *root)
{
	struct value *annotations = value_path(root, "metadata", "annotations");
	int64_t left = triggers_of(root) - 1;

	if (left > 0)
		value_set(a, annotations, CRONJOB_TRIGGER, value_new_strf(a, "%lld", (long long)left));
	else
		value_remove(annotations, CRONJOB_TRIGGER);
	if (!value_len(annotations))
		value_remove(value_get(root, "metadata"), "annotations");
}

static struct value *new_reference(struct arena *a, const struct value *job)
{
	struct value *ref = value_new_map(a);

	value_set_str(a, ref, "apiVersion", "batch/v1");
	value_set_str(a, ref, "kind", "Job");
	value_set_str(a, ref, "name", value_str_or(value_path(job, "metadata", "name"), ""));
	value_set_str(a, ref, "namespace", value_str_or(value_path(job, "metadata", "namespace"), ""));
	value_set_str(a, ref, "uid", value_str_or(value_path(job, "metadata", "uid"), ""));
	return ref;
}

void cronjob_set_status(struct arena *a, struct value *root, const struct cronjob_plan *plan, const struct value *started)
{
	struct value *status = value_set_map(a, root, "status"), *active = value_new_list(a);
	char time[CLOCK_RFC3339_SIZE];

	for (size_t i = 0; i < plan->n_active && !(started && plan->replace); i++)
		value_append(a, active, value_copy(a, plan->active[i]));
	if (started)
		value_append(a, active, new_reference(a, started));
	if (value_len(active))
		value_set(a, status, "active", active);
	else
		value_remove(status, "active");
	if (started)
		value_set_str(a, status, "lastScheduleTime", clock_format_rfc3339(plan->scheduled, time));
	if (plan->last_success)
		value_set_str(a, status, "lastSuccessfulTime", clock_format_rfc3339(plan->last_success, time));
	if (!value_len(status))
		value_remove(root, "status");
}
