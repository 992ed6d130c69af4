/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about Jobs, as tables; the cases follow Kubernetes' own tables, which hold the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/job_decide.h"
#include "objects.h"

/* --- sets of indexes --- */

static void indexes_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		int64_t completions;
		const char *want;
		int64_t total;
	} cases[] = {
		{ "", 9, "", 0 },
		{ "0", 9, "0", 1 },
		{ "1,3-5,7", 9, "1,3-5,7", 5 },
		{ "0,1", 9, "0,1", 2 },
		{ "0-1", 9, "0,1", 2 },
		{ "0,1,2", 9, "0-2", 3 },
		{ "0-2,3", 9, "0-3", 4 },
		{ "1,3-5,7", 5, "1,3,4", 3 },
		{ "5-9", 5, "", 0 },
		{ "a,2,-,4-b,6", 9, "2,6", 2 },
		{ "3,1", 9, "3", 1 },
		{ "5-3,6", 9, "6", 1 },
		{ "99999999999999999999", 9, "", 0 },
		{ "2147483647", INT64_MAX, "2147483647", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct job_indexes s;

		assert_int_equal(job_indexes_parse(a, cases[i].text, cases[i].completions, &s), 0);
		assert_string_equal(job_indexes_format(a, &s), cases[i].want);
		assert_int_equal(job_indexes_total(&s), cases[i].total);
	}
}

static void indexes_are_joined_and_compared(void **state)
{
	static const struct {
		const char *x, *y, *merged;
		int64_t common;
		const char *missing; /* the first three below ten that are in neither */
	} cases[] = {
		{ "", "", "", 0, "0-2" },
		{ "0", "", "0", 0, "1-3" },
		{ "0,2,4", "1,3", "0-4", 0, "5-7" },
		{ "0-5", "2-3", "0-5", 2, "6-8" },
		{ "0-3", "2-6", "0-6", 2, "7-9" },
		{ "1,5-7", "0,5,6,9", "0,1,5-7,9", 2, "2-4" },
		{ "0-9", "0-9", "0-9", 10, "" },
		{ "0-8", "", "0-8", 0, "9" },
		{ "1-8", "", "1-8", 0, "0,9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct job_indexes x, y, merged, missing = { 0 };
		int32_t first[3];
		size_t n;

		assert_int_equal(job_indexes_parse(a, cases[i].x, 10, &x), 0);
		assert_int_equal(job_indexes_parse(a, cases[i].y, 10, &y), 0);
		assert_int_equal(job_indexes_common(&x, &y), cases[i].common);
		assert_int_equal(job_indexes_merge(a, &x, &y, &merged), 0);
		assert_string_equal(job_indexes_format(a, &merged), cases[i].merged);
		for (int k = 0; k < 10; k++)
			assert_int_equal(job_indexes_has(&merged, k), job_indexes_has(&x, k) || job_indexes_has(&y, k));
		n = job_indexes_missing(&merged, 10, first, 3);
		assert_int_equal(job_indexes_add(a, &missing, first, n), 0);
		assert_string_equal(job_indexes_format(a, &missing), cases[i].missing);
	}
}

/* --- back-off --- */

static void a_failure_is_waited_for(void **state)
{
	static const struct {
		int64_t failures, since, wait; /* seconds */
	} cases[] = {
		{ 0, 0, 0 },   { 1, 0, 10 },   { 1, 4, 6 },	{ 1, 10, 0 },	{ 1, 11, 0 },	  { 2, 0, 20 },
		{ 3, 0, 40 },  { 6, 0, 320 },  { 7, 0, 600 },	{ 50, 0, 600 }, { 50, 599, 1 },	  { INT32_MAX, 0, 600 },
		{ 1, -5, 10 }, { 1, -1000, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct job_backoff b = { cases[i].failures, test_time(0) };

		assert_int_equal(job_backoff_wait(b, test_time(cases[i].since)), cases[i].wait * NSEC_PER_SEC);
	}
}

/* Pods end at some second, well or not: what is remembered after them. */
static void a_success_forgets_failures_before_it(void **state)
{
	static const struct {
		int64_t before;
		struct {
			char how; /* s, f; 0: no more */
			int64_t at;
		} pods[4];
		int64_t failures, last;
	} cases[] = {
		{ 0, { { 0 } }, 0, -1 },
		{ 3, { { 0 } }, 3, 1 },
		{ 3, { { 'f', 20 } }, 4, 20 },
		{ 3, { { 's', 20 } }, 0, -1 },
		{ 0, { { 'f', 20 }, { 'f', 10 } }, 2, 20 },
		{ 3, { { 's', 20 }, { 'f', 10 } }, 0, -1 },
		{ 3, { { 'f', 30 }, { 's', 20 }, { 'f', 40 } }, 2, 40 },
		{ 3, { { 'f', 20 }, { 's', 20 } }, 0, -1 },
		{ 3, { { 's', 10 }, { 's', 30 }, { 'f', 20 } }, 0, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct job_backoff b = { cases[i].before, cases[i].before ? test_time(1) : 0 };
		struct job_pod pods[4] = { 0 };
		bool ended[4] = { 0 };

		for (size_t k = 0; k < 4 && cases[i].pods[k].how; k++) {
			pods[k].succeeded = cases[i].pods[k].how == 's';
			pods[k].failed = cases[i].pods[k].how == 'f';
			pods[k].finished = test_time(cases[i].pods[k].at);
			ended[k] = true;
		}
		b = job_backoff_after(b, pods, ended, 4);
		assert_int_equal(b.failures, cases[i].failures);
		assert_int_equal(b.last, cases[i].last < 0 ? 0 : test_time(cases[i].last));
	}
}

/* When a pod ended, by what is known of it. */
static void a_pod_ended_when_its_last_container_did(void **state)
{
#define ENDED(at) "{state: {terminated: {exitCode: 1, finishedAt: '2026-01-01T00:00:" at "Z'}}}"
	static const struct {
		const char *meta, *spec, *status;
		int64_t want;
	} cases[] = {
		{ "", "", "phase: Failed, containerStatuses: [" ENDED("05") ", " ENDED("09") "]", 9 },
		{ "", "", "phase: Succeeded, containerStatuses: [" ENDED("05") "]", 5 },
		{ "", "initContainers: [{name: s, restartPolicy: Always}]",
		  "phase: Failed, containerStatuses: [" ENDED("05") "], initContainerStatuses: [{name: s, state: {terminated:"
		  " {finishedAt: '2026-01-01T00:00:07Z'}}}]", 7 },
		{ "", "initContainers: [{name: i}]",
		  "phase: Failed, containerStatuses: [" ENDED("05") "], initContainerStatuses: [{name: i, state: {terminated:"
		  " {finishedAt: '2026-01-01T00:00:07Z'}}}]", 5 },
		{ "", "", "phase: Failed, containerStatuses: [{state: {running: {}}}], conditions: [{type: Ready, status: 'False',"
		  " lastTransitionTime: '2026-01-01T00:00:08Z'}]", 8 },
		{ "", "", "phase: Failed", 1 },
		{ ", deletionTimestamp: '2026-01-01T00:00:40Z', deletionGracePeriodSeconds: 30", "", "phase: Running", 10 },
	};
	_cleanup_object_ struct object *job = test_object("{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ns}}");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod =
			test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns,"
				    " creationTimestamp: '2026-01-01T00:00:01Z'%s}, spec: {%s}, status: {%s}}",
				    cases[i].meta, cases[i].spec, cases[i].status);

		assert_int_equal(job_read_pod(job, pod).finished, test_time(cases[i].want));
	}
}

/* --- policies --- */

static void a_failure_is_judged_by_the_first_rule_that_fits(void **state)
{
#define CODE(n, code) "{name: " n ", state: {terminated: {exitCode: " code "}}}"
	static const struct {
		const char *rules, *status;
		enum job_action want;
		const char *message;
	} cases[] = {
		{ "[]", "containerStatuses: [" CODE("a", "3") "]", JOB_NO_RULE, NULL },
		{ "[{action: FailJob, onExitCodes: {operator: In, values: [2, 3]}}]", "containerStatuses: [" CODE("a", "3") "]",
		  JOB_FAIL, "Container a for pod ns/p failed with exit code 3 matching FailJob rule at index 0" },
		{ "[{action: FailJob, onExitCodes: {operator: In, values: [2]}}]", "containerStatuses: [" CODE("a", "3") "]",
		  JOB_NO_RULE, NULL },
		{ "[{action: Ignore, onExitCodes: {operator: NotIn, values: [2]}}]", "containerStatuses: [" CODE("a", "3") "]",
		  JOB_IGNORE, NULL },
		{ "[{action: Ignore, onExitCodes: {operator: NotIn, values: [2]}}]", "containerStatuses: [" CODE("a", "0") "]",
		  JOB_NO_RULE, NULL },
		{ "[{action: Count, onExitCodes: {containerName: b, operator: In, values: [3]}}]",
		  "containerStatuses: [" CODE("a", "3") "]", JOB_NO_RULE, NULL },
		{ "[{action: Count, onExitCodes: {containerName: b, operator: In, values: [3]}}]",
		  "containerStatuses: [" CODE("a", "1") ", " CODE("b", "3") "]", JOB_COUNT, NULL },
		{ "[{action: FailJob, onExitCodes: {operator: In, values: [4]}}]",
		  "containerStatuses: [" CODE("a", "3") "], initContainerStatuses: [" CODE("i", "4") "]", JOB_FAIL,
		  "Container i for pod ns/p failed with exit code 4 matching FailJob rule at index 0" },
		{ "[{action: FailJob, onExitCodes: {operator: In, values: [4]}}]", "containerStatuses: [{name: a, state: {running: {}}}]",
		  JOB_NO_RULE, NULL },
		{ "[{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: 'True'}]}]",
		  "conditions: [{type: DisruptionTarget, status: 'True'}]", JOB_IGNORE, NULL },
		{ "[{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: 'True'}]}]",
		  "conditions: [{type: DisruptionTarget, status: 'False'}]", JOB_NO_RULE, NULL },
		{ "[{action: Count, onExitCodes: {operator: In, values: [1]}}, {action: FailJob, onPodConditions:"
		  " [{type: X, status: 'True'}, {type: Z, status: 'True'}]}]",
		  "containerStatuses: [" CODE("a", "3") "], conditions: [{type: Z, status: 'True'}]", JOB_FAIL,
		  "Pod ns/p has condition Z matching FailJob rule at index 1" },
		{ "[{action: Ignore, onExitCodes: {operator: In, values: [3]}}, {action: FailJob, onExitCodes: {operator: In,"
		  " values: [3]}}]", "containerStatuses: [" CODE("a", "3") "]", JOB_IGNORE, NULL },
		{ "[{action: FailIndex, onExitCodes: {operator: In, values: [3]}}]", "containerStatuses: [" CODE("a", "3") "]",
		  JOB_FAIL_INDEX, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *job = test_object("{apiVersion: batch/v1, kind: Job, metadata: {name: j,"
								  " namespace: ns}, spec: {podFailurePolicy: {rules: %s}}}",
								  cases[i].rules);
		_cleanup_object_ struct object *pod = test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns},"
								  " status: {phase: Failed, %s}}", cases[i].status);
		const char *message = NULL;

		if (job_failure_policy(job, pod, a, &message) != cases[i].want)
			fail_msg("case %zu", i);
		if (cases[i].message)
			assert_string_equal(message, cases[i].message);
		else
			assert_null(message);
	}
}

static void a_success_policy_is_met_by_indexes_or_a_count(void **state)
{
	static const struct {
		const char *rules, *succeeded;
		int rule; /* -1: not met */
	} cases[] = {
		{ "[{succeededIndexes: '0-2'}]", "0,1", -1 },
		{ "[{succeededIndexes: '0-2'}]", "0-3", 0 },
		{ "[{succeededIndexes: '0-2', succeededCount: 2}]", "0,5", -1 },
		{ "[{succeededIndexes: '0-2', succeededCount: 2}]", "0,2,5", 0 },
		{ "[{succeededCount: 2}]", "7", -1 },
		{ "[{succeededCount: 2}]", "5,7", 0 },
		{ "[{succeededCount: 5}, {succeededIndexes: '7'}]", "7", 1 },
		{ "[{succeededIndexes: '20'}]", "7", -1 },
		{ "[{succeededCount: 1}]", "", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *job = test_object("{apiVersion: batch/v1, kind: Job, metadata: {name: j,"
								  " namespace: ns}, spec: {completions: 10, successPolicy:"
								  " {rules: %s}}}", cases[i].rules);
		struct job_indexes s;
		size_t rule = 0;
		bool met;

		assert_int_equal(job_indexes_parse(a, cases[i].succeeded, 10, &s), 0);
		assert_int_equal(job_success_policy(job, &s, a, &met, &rule), 0);
		if (met != (cases[i].rule >= 0) || (met && (int)rule != cases[i].rule))
			fail_msg("case %zu: rule %zu", i, rule);
	}
}

/* --- decisions --- */

enum { PODS_MAX = 8 };

/*
 * A pod in a word: r runs, R is ready, p is Pending on no node, d is being deleted on a node, D on none, s has succeeded, f has
 * failed (at second 100); a capital S or F is counted already (without the finalizer). A number is its index; "/N" the failures
 * that its index had before; "!N" the exit code.
 */
static void add_pod(struct object_list *l, int at, const char *word)
{
	static const struct {
		char c;
		const char *meta, *spec, *status;
		bool tracked;
	} kinds[] = {
		{ 'r', "", "nodeName: n1", "phase: Running", true },
		{ 'R', "", "nodeName: n1", "phase: Running, conditions: [{type: Ready, status: 'True'}]", true },
		{ 'p', "", "", "phase: Pending", true },
		{ 'd', "deletionTimestamp: '2026-01-01T00:02:10Z', deletionGracePeriodSeconds: 30,", "nodeName: n1", "phase: Running", true },
		{ 'D', "deletionTimestamp: '2026-01-01T00:01:40Z', deletionGracePeriodSeconds: 0,", "", "phase: Pending", true },
		{ 's', "", "nodeName: n1", "phase: Succeeded, containerStatuses: [" ENDED("40") "]", true },
		{ 'f', "", "nodeName: n1", "phase: Failed", true },
		{ 'S', "", "nodeName: n1", "phase: Succeeded", false },
		{ 'F', "", "nodeName: n1", "phase: Failed", false },
	};
	char index[160] = "", failures[160] = "", codes[160] = "";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *slash = strchr(word, '/'), *mark = strchr(word, '!');

		if (kinds[i].c != *word)
			continue;
		if (word[1] >= '0' && word[1] <= '9')
			(void)snprintf(index, sizeof(index), JOB_COMPLETION_INDEX ": '%ld', ", strtol(word + 1, NULL, 10));
		if (slash)
			(void)snprintf(failures, sizeof(failures), JOB_INDEX_FAILURES ": '%ld'", strtol(slash + 1, NULL, 10));
		if (mark)
			(void)snprintf(codes, sizeof(codes), ", containerStatuses: [{name: c, state: {terminated: {exitCode: %ld,"
				       " finishedAt: '2026-01-01T00:01:40Z'}}}]", strtol(mark + 1, NULL, 10));
		test_add(l, "{apiVersion: v1, kind: Pod, metadata: {name: p%d, namespace: ns, uid: p%d, %s"
			    " creationTimestamp: '2026-01-01T00:01:40Z', annotations: {%s%s}%s}, spec: {%s}, status: {%s%s}}",
			 at, at, kinds[i].meta, index, failures, kinds[i].tracked ? ", finalizers: [" JOB_TRACKING "]" : "",
			 kinds[i].spec, kinds[i].status, codes);
		return;
	}
	fail_msg("%s: no such pod", word);
}

struct world {
	struct arena *arena;
	struct object *job;
	struct object_list pods;
	struct job_plan plan;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->pods);
	object_unref(w->job);
	arena_free(w->arena);
}

static struct world decide(const char *meta, const char *spec, const char *status, const char *pods, struct job_backoff backoff,
			   int64_t now)
{
	struct world w = { .arena = arena_new(0), .pods = OBJECT_LIST_INIT };
	struct job_view v = { .pods = &w.pods, .now = test_time(now), .backoff = backoff };
	char words[256], *save = NULL;
	int n = 0;

	w.job = test_object("{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ns, uid: j%s}, spec: {%s}, status: {%s}}",
			    meta, spec, status);
	(void)snprintf(words, sizeof(words), "%s", pods);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_pod(&w.pods, n++, word);
	v.job = w.job;
	assert_int_equal(job_decide(&v, w.arena, &w.plan), 0);
	return w;
}

#define N(n) "completions: " #n ", "
#define P(n) "parallelism: " #n ", "
#define INDEXED "completionMode: Indexed, "
#define STARTED "startTime: '2026-01-01T00:00:00Z', "
#define HAS(type, reason) "conditions: [{type: " type ", status: 'True', reason: " reason ", message: m}], "

struct decision {
	const char *name, *spec, *status, *pods;
	int remove, create, count;
	int succeeded, failed; /* in the status */
	const char *end;	     /* the reason; NULL: it goes on */
	int64_t wait;		     /* seconds */
};

/* At second 1000, long after what has failed. */
static const struct decision decisions[] = {
	{ "it starts with as many as may run", N(5) P(2), "", "", 0, 2, 0, 0, 0, NULL, 0 },
	{ "never more than are missing", N(2) P(5), "", "", 0, 2, 0, 0, 0, NULL, 0 },
	{ "without completions as many as may run", P(3), "", "", 0, 3, 0, 0, 0, NULL, 0 },
	{ "nothing while they run", N(5) P(2), STARTED, "r R", 0, 0, 0, 0, 0, NULL, 0 },
	{ "one that has succeeded is counted and followed", N(5) P(2), STARTED, "r s", 0, 1, 1, 1, 0, NULL, 0 },
	{ "what is counted is not counted again", N(5) P(2), STARTED "succeeded: 1", "r r S", 0, 0, 0, 1, 0, NULL, 0 },
	{ "no more than are missing at the end", N(5) P(2), STARTED "succeeded: 3", "r s", 0, 0, 1, 4, 0, NULL, 0 },
	{ "one that has failed is counted and replaced", N(5) P(2), STARTED, "r f", 0, 1, 1, 0, 1, NULL, 0 },
	{ "one that is being deleted counts as failed", N(5) P(2), STARTED, "r d", 0, 1, 1, 0, 1, NULL, 0 },
	{ "too many are too many", N(5) P(2), STARTED, "r R p", 1, 0, 0, 0, 0, NULL, 0 },
	{ "none may run", N(5) P(0), STARTED, "r R", 2, 0, 0, 0, 0, NULL, 0 },
	{ "more run than are missing", N(5) P(3), STARTED "succeeded: 4", "r R p", 2, 0, 0, 4, 0, NULL, 0 },
	{ "enough have succeeded", N(2) P(2), STARTED "succeeded: 1", "s", 0, 0, 1, 2, 0, "CompletionsReached", 0 },
	{ "enough have, one more runs", N(1) P(2), STARTED, "s r", 1, 0, 1, 1, 0, "CompletionsReached", 0 },
	{ "no completions at all", N(0) P(2), STARTED, "", 0, 0, 0, 0, 0, "CompletionsReached", 0 },
	{ "a queue: one has succeeded, the others go on", P(3), STARTED, "s r r", 0, 0, 1, 1, 0, NULL, 0 },
	{ "a queue: no new ones then", P(3), STARTED, "s f r", 0, 0, 2, 1, 1, NULL, 0 },
	{ "a queue: the last has ended", P(3), STARTED "succeeded: 1", "S f", 0, 0, 1, 1, 1, "CompletionsReached", 0 },

	{ "the limit of failures is not passed", N(5) P(1) "backoffLimit: 2", STARTED "failed: 1", "f", 0, 1, 1, 0, 2, NULL, 0 },
	{ "the limit of failures is passed", N(5) P(2) "backoffLimit: 2", STARTED "failed: 2", "f r", 1, 0, 2, 0, 4,
	  "BackoffLimitExceeded", 0 },
	{ "a limit of 0", N(5) P(1) "backoffLimit: 0", STARTED, "f", 0, 0, 1, 0, 1, "BackoffLimitExceeded", 0 },
	{ "failures and the last success at once", N(1) P(2) "backoffLimit: 0", STARTED, "f s", 0, 0, 2, 1, 1,
	  "BackoffLimitExceeded", 0 },
	{ "the deadline is passed", N(5) P(2) "activeDeadlineSeconds: 900", STARTED, "r s", 1, 0, 2, 1, 1, "DeadlineExceeded", 0 },
	{ "the deadline is waited for", N(5) P(2) "activeDeadlineSeconds: 1100", STARTED, "r r", 0, 0, 0, 0, 0, NULL, 100 },
	{ "the deadline of a Job that starts now", N(5) P(2) "activeDeadlineSeconds: 60", "", "r r", 0, 0, 0, 0, 0, NULL, 60 },
	{ "the limit comes before the deadline", N(5) P(1) "backoffLimit: 0, activeDeadlineSeconds: 900", STARTED, "f", 0, 0, 1, 0, 1,
	  "BackoffLimitExceeded", 0 },

	{ "suspended: nothing runs, and nothing of it counts", N(5) P(2) "suspend: true", STARTED, "r R", 2, 0, 0, 0, 0, NULL, 0 },
	{ "suspended: what has ended counts", N(5) P(2) "suspend: true", STARTED, "s r", 1, 0, 1, 1, 0, NULL, 0 },
	{ "suspended: no deadline", N(5) P(2) "suspend: true, activeDeadlineSeconds: 1", STARTED, "", 0, 0, 0, 0, 0, NULL, 0 },
	{ "suspended when all is done", N(1) P(1) "suspend: true", STARTED, "s", 0, 0, 1, 1, 0, "CompletionsReached", 0 },

	{ "Failed: one that goes is not replaced yet", N(5) P(2) "podReplacementPolicy: Failed", STARTED, "r d", 0, 0, 0, 0, 0, NULL,
	  0 },
	{ "Failed: one that has failed is", N(5) P(2) "podReplacementPolicy: Failed", STARTED, "r f", 0, 1, 1, 0, 1, NULL, 0 },
	{ "Failed: one on no node fails at once", N(5) P(2) "podReplacementPolicy: Failed", STARTED, "r D", 0, 0, 1, 0, 1, NULL, 0 },
	{ "a failure policy implies it", N(5) P(2) "podFailurePolicy: {rules: []}", STARTED, "r d", 0, 0, 0, 0, 0, NULL, 0 },

	{ "policy: the Job fails", N(5) P(3) "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [3]}}]}",
	  STARTED, "f!3 f!1 r", 1, 0, 3, 0, 3, "PodFailurePolicy", 0 },
	{ "policy: a failure is ignored", N(5) P(2) "backoffLimit: 0, podFailurePolicy: {rules: [{action: Ignore, onExitCodes:"
	  " {operator: In, values: [3]}}]}", STARTED, "f!3 r", 0, 1, 1, 0, 0, NULL, 0 },
	{ "policy: other failures count", N(5) P(2) "backoffLimit: 0, podFailurePolicy: {rules: [{action: Ignore, onExitCodes:"
	  " {operator: In, values: [3]}}]}", STARTED, "f!4 r", 1, 0, 2, 0, 2, "BackoffLimitExceeded", 0 },

	{ "it fails: what runs counts as failed", N(5) P(2), STARTED HAS("FailureTarget", "X") "failed: 7", "d S", 0, 0, 1, 0, 8, "X", 0 },
	{ "it succeeds: what runs does not", N(5) P(2), STARTED HAS("SuccessCriteriaMet", "X") "succeeded: 5", "r S", 1, 0, 1, 5, 0, "X",
	  0 },
	{ "it is decided, whatever comes", N(5) P(2) "backoffLimit: 0", STARTED HAS("SuccessCriteriaMet", "X") "succeeded: 5", "f", 0, 0,
	  1, 5, 1, "X", 0 },

	{ "indexed: the first indexes", INDEXED N(3) P(2), "", "", 0, 2, 0, 0, 0, NULL, 0 },
	{ "indexed: an index that is done", INDEXED N(3) P(2), STARTED, "s0 r1", 0, 1, 1, 1, 0, NULL, 0 },
	{ "indexed: one index twice", INDEXED N(3) P(3), STARTED, "r0 r0 r1", 1, 0, 0, 0, 0, NULL, 0 },
	{ "indexed: an index done twice counts once", INDEXED N(3) P(2), STARTED, "s0 s0 r1", 0, 1, 2, 1, 0, NULL, 0 },
	{ "indexed: no index, and one that is not the Job's", INDEXED N(3) P(3), STARTED, "r r7 r1", 2, 0, 0, 0, 0, NULL, 0 },
	{ "indexed: neither counts", INDEXED N(3) P(1), STARTED, "s s7 f r0", 0, 0, 3, 0, 0, NULL, 0 },
	{ "indexed: all are done", INDEXED N(3) P(2), STARTED "succeeded: 2, completedIndexes: '0,2'", "s1", 0, 0, 1, 3, 0,
	  "CompletionsReached", 0 },
	{ "indexed: fewer completions than before", INDEXED N(2) P(2), STARTED "succeeded: 3, completedIndexes: '0-2'", "", 0, 0, 0, 2,
	  0, "CompletionsReached", 0 },
	{ "indexed: the success policy is met", INDEXED N(9) P(2) "successPolicy: {rules: [{succeededIndexes: '0'}]}", STARTED,
	  "s0 r1", 1, 0, 2, 1, 0, "SuccessPolicy", 0 },

	{ "by index: a failure stays until its pod is replaced", INDEXED N(2) P(2) "backoffLimitPerIndex: 1", STARTED, "f0 r1", 0, 1, 0, 0,
	  0, NULL, 0 },
	{ "by index: then it is counted", INDEXED N(2) P(2) "backoffLimitPerIndex: 1", STARTED, "f0 r0/1 r1", 0, 0, 1, 0, 1, NULL, 0 },
	{ "by index: the limit is passed", INDEXED N(3) P(2) "backoffLimitPerIndex: 1", STARTED "failed: 1", "f0/1 r1", 0, 1, 1, 0, 2,
	  NULL, 0 },
	{ "by index: all the others are done", INDEXED N(2) P(2) "backoffLimitPerIndex: 0", STARTED, "f0 s1", 0, 0, 2, 1, 1,
	  "FailedIndexes", 0 },
	{ "by index: too many have failed", INDEXED N(9) P(3) "backoffLimitPerIndex: 0, maxFailedIndexes: 1", STARTED, "f0 f1 r2", 1, 0,
	  3, 0, 3, "MaxFailedIndexesExceeded", 0 },
	{ "by index: a rule fails the index at once", INDEXED N(2) P(2) "backoffLimitPerIndex: 5, podFailurePolicy: {rules: [{action:"
	  " FailIndex, onExitCodes: {operator: In, values: [3]}}]}", STARTED, "f0!3 r1", 0, 0, 1, 0, 1, NULL, 0 },
};

static void a_job_is_decided(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
		const struct decision *d = &decisions[i];
		_cleanup_world_ struct world w = decide("", d->spec, d->status, d->pods, (struct job_backoff){ 0 }, 1000);
		const struct job_plan *p = &w.plan;

		if ((int)p->n_remove != d->remove || (int)p->n_create != d->create || (int)p->n_count != d->count ||
		    p->succeeded != d->succeeded || p->failed != d->failed || p->wait != d->wait * NSEC_PER_SEC)
			fail_msg("%s: remove %zu, create %zu, count %zu, succeeded %lld, failed %lld, wait %lld", d->name, p->n_remove,
				 p->n_create, p->n_count, (long long)p->succeeded, (long long)p->failed,
				 (long long)(p->wait / NSEC_PER_SEC));
		if (!d->end != !p->end.type || (d->end && strcmp(d->end, p->end.reason) != 0))
			fail_msg("%s: ends by %s", d->name, p->end.type ? p->end.reason : "nothing");
	}
}

/* A Job is not managed while it is being deleted, and lets its pods go. */
static void a_job_that_goes_makes_nothing(void **state)
{
	_cleanup_world_ struct world w = decide(", deletionTimestamp: '2026-01-01T00:00:00Z'", N(5) P(3), STARTED, "r s",
						(struct job_backoff){ 0 }, 1000);

	assert_int_equal(w.plan.n_create + w.plan.n_remove, 0);
	assert_int_equal(w.plan.n_count, 2);
	assert_int_equal(w.plan.succeeded, 1);
	assert_int_equal(w.plan.failed, 0);
}

/* What failed at second 100 is replaced ten seconds later, then twenty, by index or for the whole Job. */
static void a_failure_delays_the_next_pod(void **state)
{
	static const struct {
		const char *spec, *pods;
		int64_t before, now; /* failures before; seconds */
		int create;
		int64_t wait;
	} cases[] = {
		{ N(5) P(2), "f r", 0, 101, 0, 9 },
		{ N(5) P(2), "f r", 0, 110, 1, 0 },
		{ N(5) P(2), "f r", 1, 110, 0, 10 },
		{ N(5) P(3), "f f r", 0, 110, 0, 10 },
		{ N(5) P(2), "F r", 0, 101, 1, 0 },
		{ N(5) P(2), "F r", 1, 101, 0, 9 },
		{ N(5) P(2) "suspend: true", "f", 0, 101, 0, 0 },
		{ INDEXED N(2) P(2) "backoffLimitPerIndex: 3", "f0 r1", 0, 101, 0, 9 },
		{ INDEXED N(2) P(2) "backoffLimitPerIndex: 3", "f0/1 r1", 0, 111, 0, 9 },
		{ INDEXED N(2) P(2) "backoffLimitPerIndex: 3", "f0/1 r1", 0, 120, 1, 0 },
		{ INDEXED N(3) P(3) "backoffLimitPerIndex: 3", "f0 r1", 9, 101, 1, 9 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct job_backoff b = { cases[i].before, cases[i].before ? test_time(100) : 0 };
		_cleanup_world_ struct world w = decide("", cases[i].spec, STARTED, cases[i].pods, b, cases[i].now);

		if ((int)w.plan.n_create != cases[i].create || w.plan.wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("case %zu: create %zu, wait %lld", i, w.plan.n_create, (long long)(w.plan.wait / NSEC_PER_SEC));
	}
}

/* A transaction counts so many pods and no more; the rest is for the next. */
static void many_pods_are_counted_in_turns(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *job = test_object("{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ns},"
							  " spec: {completions: 70, parallelism: 70}, status: {" STARTED "}}");
	struct job_view v = { .job = job, .pods = &pods, .now = test_time(1000) };
	_cleanup_object_ struct object *after = NULL;
	struct job_plan plan;
	struct value *root;

	for (int i = 0; i < 70; i++)
		add_pod(&pods, i, "s");
	assert_int_equal(job_decide(&v, a, &plan), 0);
	assert_int_equal(plan.n_count, JOB_COUNT_MAX);
	assert_int_equal(plan.succeeded, JOB_COUNT_MAX);
	assert_true(plan.more);
	root = value_copy(a, object_root(job));
	job_set_status(a, root, &plan, &(struct job_counts){ 0 }, test_time(1000));
	after = object_for_test(root, 9);
	assert_string_equal(condition_status(object_path(after, "status"), "SuccessCriteriaMet"), "True");
	assert_false(job_is_finished(after, NULL)); /* not before all are counted */
}

/* --- what is written --- */

struct status_case {
	const char *name, *spec, *status, *pods, *want;
};

#define NOW "2026-01-01T00:16:40Z"
#define C(type, status, reason, message)                                                                           \
	"{type: " type ", status: '" status "', lastProbeTime: '" NOW "', lastTransitionTime: '" NOW "', reason: " reason \
	", message: " message "}"
#define ZERO "ready: 0, terminating: 0, uncountedTerminatedPods: {}"

static const struct status_case statuses[] = {
	{ "it has started", N(2) P(2), "", "r R", "{startTime: '" NOW "', active: 2, ready: 1, terminating: 0, uncountedTerminatedPods: {}}" },
	{ "it is suspended", N(2) P(2) "suspend: true", STARTED, "",
	  "{conditions: [" C("Suspended", "True", "JobSuspended", "Job suspended") "], " ZERO "}" },
	{ "it goes on", N(2) P(2), "conditions: [{type: Suspended, status: 'True', reason: JobSuspended}]", "r",
	  "{conditions: [" C("Suspended", "False", "JobResumed", "Job resumed") "], startTime: '" NOW
	  "', active: 1, ready: 0, terminating: 0, uncountedTerminatedPods: {}}" },
	{ "it is complete", N(2) P(2), STARTED "succeeded: 1", "S s",
	  "{startTime: '2026-01-01T00:00:00Z', succeeded: 2, " ZERO ", conditions: ["
	  C("SuccessCriteriaMet", "True", "CompletionsReached", "Reached expected number of succeeded pods") ", "
	  C("Complete", "True", "CompletionsReached", "Reached expected number of succeeded pods") "], completionTime: '" NOW "'}" },
	{ "it has failed", N(2) P(2) "backoffLimit: 0", STARTED, "f",
	  "{startTime: '2026-01-01T00:00:00Z', failed: 1, " ZERO ", conditions: ["
	  C("FailureTarget", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit") ", "
	  C("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit") "]}" },
	{ "it fails when its pods have ended", N(2) P(2) "backoffLimit: 0", STARTED, "f d",
	  "{startTime: '2026-01-01T00:00:00Z', failed: 2, ready: 0, terminating: 1, uncountedTerminatedPods: {}, conditions: ["
	  C("FailureTarget", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit") "]}" },
	{ "it has the indexes", INDEXED N(9) P(2) "backoffLimitPerIndex: 0", STARTED "completedIndexes: '0,2', succeeded: 2", "s1 f4 r5 r6",
	  "{startTime: '2026-01-01T00:00:00Z', active: 2, succeeded: 3, failed: 1, completedIndexes: 0-2, failedIndexes: '4', " ZERO "}" },
	{ "without failed indexes", INDEXED N(9) P(2) "backoffLimitPerIndex: 0", STARTED, "r0 r1",
	  "{startTime: '2026-01-01T00:00:00Z', active: 2, failedIndexes: '', " ZERO "}" },
};

static void a_status_is_written(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		const struct status_case *s = &statuses[i];
		_cleanup_world_ struct world w = decide("", s->spec, s->status, s->pods, (struct job_backoff){ 0 }, 1000);
		struct value *root = value_copy(w.arena, object_root(w.job)), *want = test_tree(w.arena, s->want);
		struct job_counts counts = job_count(&w.pods);
		const struct value *status;

		job_set_status(w.arena, root, &w.plan, &counts, test_time(1000));
		status = value_get(root, "status");
		for (size_t k = 0; k < value_len(want); k++)
			if (!value_equal(value_at(want, k), value_get(status, value_key_at(want, k))))
				fail_msg("%s: %s", s->name, value_key_at(want, k));
		assert_int_equal(value_len(status), value_len(want));
	}
}

static void a_pod_bears_its_index(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *job = test_object(
		"{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: ns, uid: u}, spec: {completionMode: Indexed,"
		" backoffLimitPerIndex: 3, template: {metadata: {labels: {a: b}}, spec: {initContainers: [{name: i}], containers:"
		" [{name: c, env: [{name: X, value: y}]}, {name: d, env: [{name: JOB_COMPLETION_INDEX, value: mine}]}]}}}}");
	const char *variable = "{name: JOB_COMPLETION_INDEX, valueFrom: {fieldRef: {fieldPath: "
			       "\"metadata.labels['batch.kubernetes.io/job-completion-index']\"}}}";
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct value *pod;

	add_pod(&pods, 0, "f4/2");
	pod = job_new_pod(a, job, &(struct job_create){ 4, pods.items[0] });
	buf_printf(&text, "{apiVersion: v1, kind: Pod, metadata: {generateName: j-4-, namespace: ns, labels: {a: b,"
			  " batch.kubernetes.io/job-completion-index: '4'}, annotations: {batch.kubernetes.io/job-completion-index: '4',"
			  " batch.kubernetes.io/job-index-failure-count: '3'}, finalizers: [batch.kubernetes.io/job-tracking],"
			  " ownerReferences: [{apiVersion: batch/v1, kind: Job, name: j, uid: u, controller: true,"
			  " blockOwnerDeletion: true}]}, spec: {hostname: j-4, initContainers: [{name: i, env: [%s]}], containers:"
			  " [{name: c, env: [{name: X, value: y}, %s]}, {name: d, env: [{name: JOB_COMPLETION_INDEX, value: mine}]}]}}",
		   variable, variable);
	assert_true(value_equal(pod, test_tree(a, buf_str(&text))));
	pod = job_new_pod(a, job, &(struct job_create){ -1, NULL });
	assert_null(value_path(pod, "metadata", "annotations"));
	assert_string_equal(value_str(value_path(pod, "metadata", "generateName")), "j-");
	assert_true(job_untrack(pod));
	assert_false(job_untrack(pod));
	assert_null(value_path(pod, "metadata", "finalizers"));
}

static void a_long_name_leaves_room_for_the_index(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *job = test_object(
		"{apiVersion: batch/v1, kind: Job, metadata: {name: a23456789b23456789c23456789d23456789e23456789f23456789g23456,"
		" namespace: ns, uid: u}, spec: {completionMode: Indexed}}");
	struct value *pod = job_new_pod(a, job, &(struct job_create){ 12345, NULL });

	assert_string_equal(value_str(value_path(pod, "metadata", "generateName")),
			    "a23456789b23456789c23456789d23456789e23456789f23456-12345-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indexes_are_read_and_written),
		cmocka_unit_test(indexes_are_joined_and_compared),
		cmocka_unit_test(a_failure_is_waited_for),
		cmocka_unit_test(a_success_forgets_failures_before_it),
		cmocka_unit_test(a_pod_ended_when_its_last_container_did),
		cmocka_unit_test(a_failure_is_judged_by_the_first_rule_that_fits),
		cmocka_unit_test(a_success_policy_is_met_by_indexes_or_a_count),
		cmocka_unit_test(a_job_is_decided),
		cmocka_unit_test(a_job_that_goes_makes_nothing),
		cmocka_unit_test(a_failure_delays_the_next_pod),
		cmocka_unit_test(many_pods_are_counted_in_turns),
		cmocka_unit_test(a_status_is_written),
		cmocka_unit_test(a_pod_bears_its_index),
		cmocka_unit_test(a_long_name_leaves_room_for_the_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
