/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about CronJobs, as tables; the cases follow Kubernetes' own tables, which hold the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/cronjob_decide.h"
#include "objects.h"

/* Minutes of 2026-01-01 as seconds. */
#define AT(hour, minute) (((hour) * 60 + (minute)) * 60)
#define DAY AT(24, 0)

struct world {
	struct arena *arena;
	struct object *cronjob;
	struct object_list jobs;
	struct cron schedule;
	struct zone *zone;
	struct cronjob_view view;
	struct cronjob_plan plan;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->jobs);
	object_unref(w->cronjob);
	zone_free(w->zone);
	arena_free(w->arena);
}

/* A CronJob that was made at `created` (in seconds of 2026) and whose last start was at `last` (-1: there was none). */
static void make(struct world *w, const char *schedule, const char *spec, int64_t created, int64_t last, const char *status)
{
	char scheduled[96] = "";

	*w = (struct world){ .arena = arena_new(0), .jobs = OBJECT_LIST_INIT };
	if (last >= 0)
		(void)snprintf(scheduled, sizeof(scheduled), "lastScheduleTime: '%s', ", test_stamp(last));
	w->cronjob = test_object("{apiVersion: batch/v1, kind: CronJob, metadata: {name: c, namespace: ns, uid: c,"
				 " creationTimestamp: '%s'}, spec: {schedule: '%s', %s}, status: {%s%s}}",
				 test_stamp(created), schedule, spec, scheduled, status);
	assert_int_equal(cron_parse(schedule, strlen(schedule), &w->schedule, NULL), 0);
	w->view = (struct cronjob_view){ .cronjob = w->cronjob, .jobs = &w->jobs, .schedule = &w->schedule };
}

/* A Job of it: "a" goes on, "c" is complete, "f" has failed; started, and ended, at that second. */
static void add_job(struct world *w, char how, const char *name, int64_t at)
{
	char status[200] = "";

	if (how != 'a')
		(void)snprintf(status, sizeof(status), ", conditions: [{type: %s, status: 'True'}]%s%s%s",
			       how == 'c' ? "Complete" : "Failed", how == 'c' ? ", completionTime: '" : "",
			       how == 'c' ? test_stamp(at) : "", how == 'c' ? "'" : "");
	test_add(&w->jobs, "{apiVersion: batch/v1, kind: Job, metadata: {name: %s, namespace: ns, uid: %s},"
			   " status: {startTime: '%s'%s}}", name, name, test_stamp(at), status);
}

static void decide(struct world *w, int64_t now)
{
	w->view.now = test_time(now);
	assert_int_equal(cronjob_decide(&w->view, w->arena, &w->plan), 0);
}

static bool notes(const struct cronjob_plan *p, const char *reason)
{
	for (size_t i = 0; i < p->n_notes; i++)
		if (!strcmp(p->notes[i].reason, reason))
			return true;
	return false;
}

#define RUNS "active: [{name: j, namespace: ns, uid: j}]"

static void a_start_is_due_or_not(void **state)
{
	static const struct {
		const char *name, *schedule, *spec;
		int64_t created, last, now;
		bool runs; /* the Job j goes on */
		int64_t start; /* for when; -1: nothing starts */
		const char *note;
		int64_t next; /* when it is looked at again, without the delta; -1: never */
	} cases[] = {
		{ "not yet", "0 * * * *", "", AT(9, 30), -1, AT(9, 59), false, -1, NULL, AT(10, 0) },
		{ "now", "0 * * * *", "", AT(9, 30), -1, AT(10, 0), false, AT(10, 0), NULL, AT(11, 0) },
		{ "a little late", "0 * * * *", "", AT(9, 30), -1, AT(10, 1), false, AT(10, 0), NULL, AT(11, 0) },
		{ "it was started", "0 * * * *", "", AT(9, 30), AT(10, 0), AT(10, 1), false, -1, NULL, AT(11, 0) },
		{ "the next one", "0 * * * *", "", AT(9, 30), AT(10, 0), AT(11, 0), false, AT(11, 0), NULL, AT(12, 0) },
		{ "the newest of those missed", "0 * * * *", "", AT(9, 30), AT(10, 0), AT(14, 30), false, AT(14, 0), NULL, AT(15, 0) },
		{ "the clock went back", "0 * * * *", "", AT(9, 30), AT(14, 0), AT(12, 30), false, -1, NULL, AT(15, 0) },
		{ "suspended", "0 * * * *", "suspend: true", AT(9, 30), -1, AT(10, 1), false, -1, NULL, -1 },
		{ "within the deadline", "0 * * * *", "startingDeadlineSeconds: 120", AT(9, 30), -1, AT(10, 1), false, AT(10, 0), NULL,
		  AT(11, 0) },
		{ "past the deadline", "0 * * * *", "startingDeadlineSeconds: 30", AT(9, 30), -1, AT(10, 1), false, -1, NULL, AT(11, 0) },
		{ "a deadline of no time", "0 * * * *", "startingDeadlineSeconds: 0", AT(9, 30), -1, AT(10, 0), false, -1, NULL,
		  AT(11, 0) },
		{ "a deadline of all time", "0 * * * *", "startingDeadlineSeconds: 9223372036854775807", AT(9, 30), -1, AT(10, 1), false,
		  AT(10, 0), NULL, AT(11, 0) },
		{ "a hundred missed", "* * * * *", "", AT(0, 0), -1, AT(1, 40), false, AT(1, 40), NULL, AT(1, 41) },
		{ "more than a hundred missed", "* * * * *", "", AT(0, 0), -1, AT(1, 41), false, AT(1, 41), "TooManyMissedTimes",
		  AT(1, 42) },
		{ "a deadline bounds what is missed", "* * * * *", "startingDeadlineSeconds: 600", AT(0, 0), -1, AT(9, 0), false, AT(9, 0),
		  NULL, AT(9, 1) },
		{ "ten years missed", "* * * * *", "", AT(0, 0), -1, 3650L * DAY, false, 3650L * DAY, "TooManyMissedTimes",
		  3650L * DAY + 60 },
		{ "Allow", "0 * * * *", "concurrencyPolicy: Allow", AT(9, 30), AT(10, 0), AT(11, 0), true, AT(11, 0), NULL, AT(12, 0) },
		{ "Forbid", "0 * * * *", "concurrencyPolicy: Forbid", AT(9, 30), AT(10, 0), AT(11, 0), true, -1, "JobAlreadyActive",
		  AT(12, 0) },
		{ "Forbid, and none goes on", "0 * * * *", "concurrencyPolicy: Forbid", AT(9, 30), AT(10, 0), AT(11, 0), false, AT(11, 0),
		  NULL, AT(12, 0) },
		{ "Replace", "0 * * * *", "concurrencyPolicy: Replace", AT(9, 30), AT(10, 0), AT(11, 0), true, AT(11, 0), NULL, AT(12, 0) },
		{ "gaps: over the weekend", "30 6-16/4 * * 1-5", "", AT(0, 0), AT(14, 30) + DAY, 4 * DAY + AT(7, 0), false,
		  4 * DAY + AT(6, 30), NULL, 4 * DAY + AT(10, 30) },
		{ "gaps: within it", "30 6-16/4 * * 1-5", "", AT(0, 0), AT(14, 30) + DAY, 3 * DAY, false, -1, NULL, 4 * DAY + AT(6, 30) },
		{ "every so often", "@every 1h30m", "", AT(9, 0), -1, AT(12, 10), false, AT(12, 0), NULL, AT(13, 30) },
		{ "never", "59 23 31 2 *", "", AT(9, 0), -1, AT(12, 10), false, -1, "InvalidSchedule", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		int64_t start, next;

		make(&w, cases[i].schedule, cases[i].spec, cases[i].created, cases[i].last, cases[i].runs ? RUNS : "");
		if (cases[i].runs)
			add_job(&w, 'a', "j", cases[i].last);
		decide(&w, cases[i].now);
		start = w.plan.start ? (w.plan.scheduled - test_time(0)) / NSEC_PER_SEC : -1;
		next = w.plan.wait ? (w.plan.wait - CRONJOB_DELTA_MS * NSEC_PER_MSEC) / NSEC_PER_SEC + cases[i].now : -1;
		if (start != cases[i].start || next != cases[i].next)
			fail_msg("%s: starts at %lld, next %lld", cases[i].name, (long long)start, (long long)next);
		if (cases[i].note ? !notes(&w.plan, cases[i].note) : w.plan.n_notes != 0)
			fail_msg("%s: %zu notes, %s", cases[i].name, w.plan.n_notes, w.plan.n_notes ? w.plan.notes[0].reason : "none");
	}
}

/* A schedule was changed: what only the new one would have had before that was never due. */
static void a_changed_schedule_makes_up_for_nothing(void **state)
{
	static const struct {
		const char *name, *schedule;
		int64_t last, since, now, start, next; /* -1: nothing starts */
	} cases[] = {
		{ "it is looked at before the new one is due", "0 9 * * *", AT(0, 0), AT(13, 0), AT(13, 30), -1, DAY + AT(9, 0) },
		{ "… at once", "0 9 * * *", AT(0, 0), AT(13, 0), AT(13, 0), -1, DAY + AT(9, 0) },
		{ "when it is due", "0 9 * * *", AT(0, 0), AT(13, 0), DAY + AT(9, 0), DAY + AT(9, 0), 2 * DAY + AT(9, 0) },
		{ "what was missed since", "0 * * * *", AT(0, 0), AT(13, 30), AT(15, 10), AT(15, 0), AT(16, 0) },
		{ "in the minute of the change", "0 * * * *", AT(0, 0), AT(13, 0), AT(13, 0), -1, AT(14, 0) },
		{ "there never was a start", "0 * * * *", -1, AT(13, 30), AT(13, 40), -1, AT(14, 0) },
		{ "many were missed of what never was", "* * * * *", AT(0, 0), AT(13, 30), AT(13, 30), -1, AT(13, 31) },
		{ "intervals go on from the last start", "@every 1h30m", AT(9, 0), AT(12, 10), AT(12, 20), -1, AT(13, 30) },
		{ "a change before the last start", "0 * * * *", AT(10, 0), AT(9, 30), AT(11, 0), AT(11, 0), AT(12, 0) },
		{ "no change that is known", "0 9 * * *", AT(0, 0), -1, AT(13, 30), AT(9, 0), DAY + AT(9, 0) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		int64_t start, next;

		make(&w, cases[i].schedule, "", AT(0, 0), cases[i].last, "");
		w.view.since = cases[i].since < 0 ? 0 : test_time(cases[i].since);
		decide(&w, cases[i].now);
		start = w.plan.start ? (w.plan.scheduled - test_time(0)) / NSEC_PER_SEC : -1;
		next = (w.plan.wait - CRONJOB_DELTA_MS * NSEC_PER_MSEC) / NSEC_PER_SEC + cases[i].now;
		if (start != cases[i].start || next != cases[i].next || w.plan.n_notes)
			fail_msg("%s: starts at %lld, next %lld, %zu notes", cases[i].name, (long long)start, (long long)next,
				 w.plan.n_notes);
	}
}

/* A Job that is listed as active under the name of the time that is due is not started again, whatever lastScheduleTime says. */
static void a_job_of_that_name_is_not_started_again(void **state)
{
	_cleanup_world_ struct world w;
	char status[128];

	make(&w, "0 * * * *", "", AT(9, 30), -1, "");
	(void)snprintf(status, sizeof(status), "active: [{name: %s, namespace: ns, uid: j}]",
		       cronjob_job_name(w.arena, w.cronjob, test_time(AT(10, 0))));
	world_clear(&w);
	make(&w, "0 * * * *", "", AT(9, 30), -1, status);
	add_job(&w, 'a', "j", AT(10, 0));
	decide(&w, AT(10, 1));
	assert_false(w.plan.start);
}

static void a_start_is_on_the_clocks_of_its_zone(void **state)
{
	_cleanup_world_ struct world w;
	struct value *job;

	make(&w, "30 9 * * *", "timeZone: Asia/Kolkata", AT(0, 0), -1, "");
	if (zone_load("Asia/Kolkata", &w.zone) < 0)
		skip();
	w.view.zone = w.zone;
	decide(&w, AT(4, 10));
	assert_true(w.plan.start);
	assert_int_equal(w.plan.scheduled, test_time(AT(4, 0)));
	job = cronjob_new_job(w.arena, w.cronjob, w.zone, w.plan.scheduled);
	assert_string_equal(value_str(value_path(job, "metadata", "annotations", CRONJOB_TIMESTAMP)), "2026-01-01T09:30:00+05:30");
}

/* What becomes of the Jobs that were started. */
static void its_jobs_are_followed(void **state)
{
	_cleanup_world_ struct world w;

	make(&w, "0 0 1 1 *", "successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0", AT(9, 0), -1,
	     "lastSuccessfulTime: '2026-01-01T00:00:07Z', active: [{name: a1, uid: a1}, {name: c3, uid: c3}, {name: gone, uid: gone}]");
	add_job(&w, 'a', "a1", 10);
	add_job(&w, 'a', "a2", 11);
	add_job(&w, 'c', "c3", 30);
	add_job(&w, 'c', "c1", 10);
	add_job(&w, 'c', "c2", 20);
	add_job(&w, 'f', "f1", 10);
	decide(&w, AT(9, 1));
	assert_int_equal(w.plan.n_expire, 2);
	assert_string_equal(object_name(w.plan.expire[0]), "c1");
	assert_string_equal(object_name(w.plan.expire[1]), "f1");
	assert_int_equal(w.plan.n_active, 1);
	assert_string_equal(value_str(value_get(w.plan.active[0], "name")), "a1");
	assert_int_equal(w.plan.last_success, test_time(30));
	assert_int_equal(w.plan.n_notes, 3);
	assert_string_equal(w.plan.notes[0].message, "Saw a job that the controller did not create or forgot: a2");
	assert_string_equal(w.plan.notes[1].message, "Saw completed job: c3, condition: Complete");
	assert_string_equal(w.plan.notes[2].message, "Active job went missing: gone");
	assert_false(w.plan.start);
}

static void a_history_without_limits_stays(void **state)
{
	_cleanup_world_ struct world w;

	make(&w, "0 0 1 1 *", "", AT(9, 0), -1, "");
	for (int i = 0; i < 5; i++)
		add_job(&w, i % 2 ? 'c' : 'f', "j", i);
	decide(&w, AT(9, 1));
	assert_int_equal(w.plan.n_expire, 0);
}

static void a_status_says_what_was_started(void **state)
{
	static const struct {
		const char *policy, *status;
		bool started;
		const char *want;
	} cases[] = {
		{ "Allow", "", false, "" },
		{ "Allow", "", true, "active: [{apiVersion: batch/v1, kind: Job, name: new, namespace: ns, uid: u}],"
				     " lastScheduleTime: '2026-01-01T10:00:00Z'" },
		{ "Allow", RUNS, true, "active: [{name: j, namespace: ns, uid: j}, {apiVersion: batch/v1, kind: Job, name: new,"
				       " namespace: ns, uid: u}], lastScheduleTime: '2026-01-01T10:00:00Z'" },
		{ "Replace", RUNS, true, "active: [{apiVersion: batch/v1, kind: Job, name: new, namespace: ns, uid: u}],"
					 " lastScheduleTime: '2026-01-01T10:00:00Z'" },
		{ "Replace", RUNS, false, RUNS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		_cleanup_buf_ struct buf text = BUF_INIT, spec = BUF_INIT;
		struct value *root, *job, *want;

		buf_printf(&spec, "concurrencyPolicy: %s", cases[i].policy);
		make(&w, "0 * * * *", buf_str(&spec), AT(9, 30), -1, cases[i].status);
		if (*cases[i].status)
			add_job(&w, 'a', "j", AT(9, 40));
		decide(&w, AT(10, 1));
		assert_true(w.plan.start);
		root = value_copy(w.arena, object_root(w.cronjob));
		job = test_tree(w.arena, "{metadata: {name: new, namespace: ns, uid: u}}");
		cronjob_set_status(w.arena, root, &w.plan, cases[i].started ? job : NULL);
		buf_printf(&text, "{status: {%s}}", cases[i].want);
		want = value_get(test_tree(w.arena, buf_str(&text)), "status");
		if (value_len(want) ? !value_equal(want, value_get(root, "status")) : value_get(root, "status") != NULL)
			fail_msg("case %zu", i);
	}
}

static void a_job_is_made_of_its_template(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *cj = test_object(
		"{apiVersion: batch/v1, kind: CronJob, metadata: {name: c, namespace: ns, uid: u}, spec: {jobTemplate:"
		" {metadata: {labels: {a: b}, annotations: {d: e}}, spec: {parallelism: 3}}}}");
	struct value *want = test_tree(a, "{apiVersion: batch/v1, kind: Job, metadata: {name: c-29454360, namespace: ns, labels:"
					  " {a: b}, annotations: {d: e, batch.kubernetes.io/cronjob-scheduled-timestamp:"
					  " '2026-01-01T10:00:00Z'}, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: c,"
					  " uid: u, controller: true, blockOwnerDeletion: true}]}, spec: {parallelism: 3}}");

	assert_true(value_equal(cronjob_new_job(a, cj, NULL, test_time(AT(10, 0))), want));
}

static void a_run_can_be_asked_for(void **state)
{
	static const struct {
		const char *annotations, *left;
		int64_t triggers;
	} cases[] = {
		{ "{podfs.io/trigger: '1'}", NULL, 1 },	       { "{podfs.io/trigger: '3', a: b}", "{podfs.io/trigger: '2', a: b}", 3 },
		{ "{podfs.io/trigger: '1', a: b}", "{a: b}", 1 }, { "{podfs.io/trigger: 'x'}", NULL, 0 },
		{ "{podfs.io/trigger: '-4'}", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *cj = test_object(
			"{apiVersion: batch/v1, kind: CronJob, metadata: {name: c, namespace: ns, uid: u, annotations: %s}, spec: {jobTemplate:"
			" {metadata: {labels: {a: b}}, spec: {parallelism: 3}}}}", cases[i].annotations);
		struct value *root = value_copy(a, object_root(cj)), *job = cronjob_new_manual_job(a, cj);
		const struct value *left;

		assert_int_equal(cronjob_triggers(cj), cases[i].triggers);
		cronjob_count_trigger(a, root);
		left = value_path(root, "metadata", "annotations");
		assert_true(cases[i].left ? value_equal(left, test_tree(a, cases[i].left)) : !left);
		assert_string_equal(value_str(value_path(job, "metadata", "generateName")), "c-");
		assert_string_equal(value_str(value_path(job, "metadata", "annotations", CRONJOB_INSTANTIATE)), "manual");
		assert_null(value_path(job, "metadata", "annotations", "podfs.io/trigger"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_is_due_or_not),
		cmocka_unit_test(a_changed_schedule_makes_up_for_nothing),
		cmocka_unit_test(a_job_of_that_name_is_not_started_again),
		cmocka_unit_test(a_start_is_on_the_clocks_of_its_zone),
		cmocka_unit_test(its_jobs_are_followed),
		cmocka_unit_test(a_history_without_limits_stays),
		cmocka_unit_test(a_status_says_what_was_started),
		cmocka_unit_test(a_job_is_made_of_its_template),
		cmocka_unit_test(a_run_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
