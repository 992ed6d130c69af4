/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a pod on its node: what is decided, what the status says, what is recovered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle_world.h"

static void a_pod_comes_up(void **state)
{
	struct world w = make("{" TWO "}", "");

	assert_string_equal(decided(&w, NOW), "sandbox");
	assert_string_equal(phase(&w, NOW), "Pending");
	w.run.sandbox = SANDBOX_COMING;
	assert_string_equal(decided(&w, NOW), "");
	w.run.sandbox = SANDBOX_UP;
	assert_string_equal(decided(&w, NOW), "+c +d");
	begin(&w, "c");
	runs(&w, "d", NOW);
	assert_string_equal(decided(&w, NOW), "");
	assert_string_equal(phase(&w, NOW), "Pending");
	assert_string_equal(condition(&w, "Ready", NOW), "False");
	get(&w, "c")->phase = CONTAINER_RUNNING;
	assert_string_equal(phase(&w, NOW), "Pending"); /* its postStart hook has not ended */
	get(&w, "c")->post_start = HOOK_DONE;
	assert_string_equal(phase(&w, NOW), "Running");
	assert_string_equal(condition(&w, "Ready", NOW), "True");
	assert_string_equal(condition(&w, "PodReadyToStartContainers", NOW), "True");
	clear(&w);
}

/* Ephemeral containers come later, are started whatever else waits, never again, and count for nothing. */
static void ephemeral_ones(void **state)
{
	struct world w = make("{" INIT TWO "}", "");
	struct value *spec, *other;

	w.run.sandbox = SANDBOX_UP;
	assert_string_equal(decided(&w, NOW), "+i");
	begin(&w, "i");
	spec = parse(w.a, "{" INIT TWO ",\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"a\"}]}");
	assert_int_equal(lifecycle_update(&w.run, spec), 0);
	assert_int_equal(w.run.n_main + 1, w.run.n);
	assert_ptr_equal(get(&w, "e")->spec, value_at(value_get(spec, "ephemeralContainers"), 0));
	assert_ptr_equal(get(&w, "c")->spec, value_at(value_get(spec, "containers"), 0));
	assert_string_equal(decided(&w, NOW), "+e");
	runs(&w, "e", NOW);
	assert_string_equal(phase(&w, NOW), "Pending");
	exits(&w, "i", 0, NOW);
	runs(&w, "s", NOW);
	get(&w, "s")->has_started = true;
	runs(&w, "j", NOW);
	exits(&w, "j", 0, NOW);
	runs(&w, "c", NOW);
	runs(&w, "d", NOW);
	exits(&w, "e", 1, NOW);
	assert_string_equal(decided(&w, NOW + 3600 * SEC), "");
	assert_string_equal(phase(&w, NOW), "Running");
	assert_string_equal(condition(&w, "Ready", NOW), "True");
	other = parse(w.a, "{" INIT ONE ",\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"a\"}]}");
	assert_int_equal(lifecycle_update(&w.run, other), -EINVAL); /* one has gone */
	assert_ptr_equal(get(&w, "c")->spec, value_at(value_get(spec, "containers"), 0));
	clear(&w);
}

/* A spec with so many init containers and main ones, and with so many ephemeral ones. */
static const struct value *crowd(struct arena *a, int n, int ephemeral)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "{\"initContainers\":[{\"name\":\"i\",\"image\":\"a\"}],\"containers\":[{\"name\":\"c1\",\"image\":\"a\"}");
	for (int i = 2; i < n; i++)
		buf_printf(&text, ",{\"name\":\"c%d\",\"image\":\"a\"}", i);
	buf_puts(&text, "],\"ephemeralContainers\":[");
	for (int i = 0; i < ephemeral; i++)
		buf_printf(&text, "%s{\"name\":\"e%d\",\"image\":\"a\"}", i ? "," : "", i);
	buf_puts(&text, "]}");
	return parse(a, buf_str(&text));
}

/* Ephemeral containers beyond what a node runs of a pod are left out: the pod itself lives, is updated and ends. */
static void surplus_ephemeral_ones(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct value *spec = crowd(a, 100, 29);
	struct pod_run run;

	assert_int_equal(lifecycle_init(&run, spec, NOW), 0);
	assert_int_equal(run.n_main, 100);
	assert_int_equal(run.n, LIFECYCLE_CONTAINERS_MAX);
	assert_null(run.fail_reason);
	assert_non_null(lifecycle_find(&run, "e27"));
	assert_null(lifecycle_find(&run, "e28"));
	spec = crowd(a, 100, 40);
	assert_int_equal(lifecycle_update(&run, spec), 0);
	assert_int_equal(run.n, LIFECYCLE_CONTAINERS_MAX);
	assert_ptr_equal(run.containers[1].spec, value_at(value_get(spec, "containers"), 0));
	assert_null(lifecycle_find(&run, "e28"));
	lifecycle_clear(&run);
	assert_int_equal(lifecycle_init(&run, crowd(a, 127, 0), NOW), 0);
	assert_int_equal(lifecycle_update(&run, crowd(a, 127, 5)), 0);
	assert_int_equal(run.n, LIFECYCLE_CONTAINERS_MAX);
	assert_non_null(lifecycle_find(&run, "e0"));
	lifecycle_clear(&run);
}

/* A pod that has too many without them runs none, and fails for all to see. */
static void too_many(void **state)
{
	struct world w = make("{" ONE "}", "");

	lifecycle_clear(&w.run);
	assert_int_equal(lifecycle_init(&w.run, crowd(w.a, 129, 1), NOW), 0);
	assert_int_equal(w.run.n, 0);
	assert_string_equal(decided(&w, NOW), "finished");
	assert_string_equal(phase(&w, NOW), "Failed");
	assert_string_equal(value_str(value_get(status(&w, NOW), "reason")), LIFECYCLE_TOO_MANY);
	assert_string_equal(value_str(value_get(status(&w, NOW), "message")),
			    "Pod was rejected: it has 129 containers, and a node runs at most 128 of a pod");
	assert_int_equal(lifecycle_update(&w.run, crowd(w.a, 129, 5)), 0);
	assert_int_equal(w.run.n, 0);
	clear(&w);
	w = make("{" ONE "}", "");
	lifecycle_clear(&w.run);
	assert_int_equal(lifecycle_init(&w.run, crowd(w.a, 128, 0), NOW), 0);
	assert_int_equal(w.run.n, 128);
	assert_null(w.run.fail_reason);
	clear(&w);
}

/* They end with their pod, and sidecars do not wait for them. */
static void ephemeral_ones_end(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\"," INIT ONE ",\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"a\"}]}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "i", NOW);
	exits(&w, "i", 0, NOW);
	runs(&w, "s", NOW);
	runs(&w, "j", NOW);
	exits(&w, "j", 0, NOW);
	runs(&w, "e", NOW);
	runs(&w, "c", NOW);
	get(&w, "s")->has_started = true;
	assert_string_equal(decided(&w, NOW), "");
	exits(&w, "c", 0, NOW);
	assert_string_equal(decided(&w, NOW), "-e -s");
	assert_string_equal(phase(&w, NOW), "Succeeded");
	exits(&w, "s", 0, NOW);
	assert_string_equal(decided(&w, NOW), "-e");
	exits(&w, "e", 9, NOW);
	assert_string_equal(decided(&w, NOW), "end");
	assert_string_equal(phase(&w, NOW), "Succeeded");
	clear(&w);
}

static void a_failed_sandbox_waits(void **state)
{
	struct world w = make("{" ONE "}", "");

	w.run.sandbox_not_before = NOW + 10 * SEC;
	assert_string_equal(decided(&w, NOW), "");
	assert_int_equal(w.plan.wake_at, NOW + 10 * SEC);
	assert_string_equal(decided(&w, NOW + 10 * SEC), "sandbox");
	clear(&w);
}

/* restartPolicy, exit codes of two containers (-1: runs), the phase, whether each runs again. */
static void policies(void **state)
{
	static const struct {
		const char *policy;
		int c, d;
		const char *phase, *decided;
	} cases[] = {
		{ "Always", 0, -1, "Running", "+c" },	   { "Always", 0, 0, "Running", "+c +d" },
		{ "Always", 1, 1, "Running", "+c +d" },	   { "OnFailure", 0, -1, "Running", "" },
		{ "OnFailure", 1, -1, "Running", "+c" },   { "OnFailure", 0, 0, "Succeeded", "end" },
		{ "OnFailure", 0, 1, "Running", "+d" },	   { "Never", 0, -1, "Running", "" },
		{ "Never", 0, 0, "Succeeded", "end" },	   { "Never", 0, 3, "Failed", "end" },
		{ "Never", 137, 3, "Failed", "end" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char spec[256];
		struct world w;

		(void)snprintf(spec, sizeof(spec), "{\"restartPolicy\":\"%s\"," TWO "}", cases[i].policy);
		w = make(spec, "");
		w.run.sandbox = SANDBOX_UP;
		runs(&w, "c", NOW);
		runs(&w, "d", NOW);
		if (cases[i].c >= 0)
			exits(&w, "c", cases[i].c, NOW + SEC);
		if (cases[i].d >= 0)
			exits(&w, "d", cases[i].d, NOW + SEC);
		assert_string_equal(phase(&w, NOW + SEC), cases[i].phase);
		assert_string_equal(decided(&w, NOW + SEC), cases[i].decided);
		clear(&w);
	}
}

static void the_back_off_doubles(void **state)
{
	static const int64_t delays[] = { 0, 10, 20, 40, 80, 160, 300, 300 };
	struct world w = make("{" ONE "}", "");
	int64_t now = NOW;

	w.run.sandbox = SANDBOX_UP;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		runs(&w, "c", now);
		assert_int_equal(get(&w, "c")->run, i);
		exits(&w, "c", 1, now + SEC);
		now += SEC;
		if (delays[i]) {
			assert_string_equal(decided(&w, now + delays[i] * SEC - 1), "");
			assert_int_equal(w.plan.wake_at, now + delays[i] * SEC);
		}
		now += delays[i] * SEC;
		assert_string_equal(decided(&w, now), "+c");
	}
	runs(&w, "c", now); /* ten minutes are forgiveness */
	exits(&w, "c", 1, now + 600 * SEC);
	assert_string_equal(decided(&w, now + 600 * SEC), "+c");
	clear(&w);
}

static void a_crash_loop_is_told(void **state)
{
	struct world w = make("{" ONE "}", "");
	const struct value *s;

	w.run.sandbox = SANDBOX_UP;
	for (int i = 0; i < 5; i++) {
		runs(&w, "c", NOW);
		exits(&w, "c", 7, NOW);
	}
	s = status_of(&w, "c", NOW + SEC);
	assert_string_equal(value_str(value_path(s, "state", "waiting", "reason")), "CrashLoopBackOff");
	assert_string_equal(value_str(value_path(s, "state", "waiting", "message")),
			    "back-off 1m20s restarting failed container=c "
			    "pod=p_default(00000000-0000-4000-8000-000000000001)");
	assert_int_equal(value_int(value_path(s, "lastState", "terminated", "exitCode"), -1), 7);
	assert_int_equal(value_int(value_get(s, "restartCount"), -1), 4);
	s = status_of(&w, "c", NOW + 80 * SEC);
	assert_non_null(value_path(s, "state", "terminated"));
	clear(&w);
}

static void init_containers_come_in_order(void **state)
{
	struct world w = make("{" INIT ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	assert_string_equal(decided(&w, NOW), "+i");
	runs(&w, "i", NOW);
	assert_string_equal(decided(&w, NOW), "");
	exits(&w, "i", 1, NOW);
	assert_string_equal(decided(&w, NOW), "+i"); /* the pod's Always is OnFailure to it */
	runs(&w, "i", NOW);
	exits(&w, "i", 0, NOW);
	assert_string_equal(decided(&w, NOW), "+s");
	begin(&w, "s");
	assert_string_equal(decided(&w, NOW), "");
	runs(&w, "s", NOW);
	assert_string_equal(decided(&w, NOW), "+j");
	assert_string_equal(value_str(value_path(status_of(&w, "c", NOW), "state", "waiting", "reason")),
			    "PodInitializing");
	assert_string_equal(condition(&w, "Initialized", NOW), "False");
	runs(&w, "j", NOW);
	exits(&w, "j", 0, NOW);
	assert_string_equal(decided(&w, NOW), "+c");
	runs(&w, "c", NOW);
	assert_string_equal(phase(&w, NOW), "Running");
	assert_string_equal(condition(&w, "Initialized", NOW), "True");
	exits(&w, "s", 1, NOW); /* a sidecar restarts beside the others, and un-initializes nothing */
	assert_string_equal(decided(&w, NOW), "+s");
	assert_string_equal(condition(&w, "Initialized", NOW), "True");
	assert_string_equal(phase(&w, NOW), "Running");
	clear(&w);
}

static void init_containers_run_again_in_a_new_sandbox(void **state)
{
	struct world w = make("{" INIT ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "i", NOW);
	exits(&w, "i", 0, NOW);
	runs(&w, "s", NOW);
	runs(&w, "j", NOW);
	exits(&w, "j", 0, NOW);
	runs(&w, "c", NOW);
	exits(&w, "c", 137, NOW);
	exits(&w, "s", 137, NOW);
	w.run.sandbox = SANDBOX_NONE;
	assert_string_equal(decided(&w, NOW), "sandbox");
	lifecycle_new_sandbox(&w.run);
	w.run.sandbox = SANDBOX_UP;
	assert_string_equal(decided(&w, NOW), "+i");
	runs(&w, "i", NOW);
	assert_int_equal(get(&w, "i")->run, 1);
	exits(&w, "i", 0, NOW);
	assert_string_equal(decided(&w, NOW), "+s");
	clear(&w);
}

static void a_failed_init_container_may_fail_the_pod(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\"," INIT ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "i", NOW);
	exits(&w, "i", 2, NOW);
	assert_string_equal(decided(&w, NOW), "end");
	assert_string_equal(phase(&w, NOW), "Failed");
	clear(&w);
}

static void sidecars_are_stopped_last(void **state)
{
	struct world w = make("{\"initContainers\":[{\"name\":\"s\",\"image\":\"a\",\"restartPolicy\":\"Always\"},{\"name\":\"t\","
			      "\"image\":\"a\",\"restartPolicy\":\"Always\"}]," ONE "}",
			      ",\"deletionTimestamp\":\"2027-01-15T08:00:30Z\",\"deletionGracePeriodSeconds\":30");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "s", NOW);
	runs(&w, "t", NOW);
	runs(&w, "c", NOW);
	assert_string_equal(decided(&w, NOW), "-c");
	assert_int_equal(w.plan.grace, 30 * SEC);
	exits(&w, "c", 0, NOW);
	assert_string_equal(decided(&w, NOW), "-t"); /* one after the other, the last first */
	exits(&w, "t", 0, NOW);
	assert_string_equal(decided(&w, NOW), "-s");
	exits(&w, "s", 0, NOW);
	assert_string_equal(decided(&w, NOW), "end");
	w.run.sandbox = SANDBOX_NONE;
	assert_string_equal(decided(&w, NOW), "finished");
	assert_string_equal(phase(&w, NOW), "Succeeded");
	clear(&w);
}

/* Grace of the deletion, seconds since its stamp minus that grace, what is left. */
static void grace_is_what_is_left(void **state)
{
	static const struct {
		int grace;
		int64_t after, left;
	} cases[] = {
		{ 30, 0, 30 }, { 30, 10, 21 }, { 30, 29, 2 }, { 30, 100, 2 }, { 1, 0, 2 }, { 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char metadata[128], at[CLOCK_RFC3339_SIZE];
		struct world w;

		(void)snprintf(metadata, sizeof(metadata), ",\"deletionTimestamp\":\"%s\",\"deletionGracePeriodSeconds\":%d",
			       clock_format_rfc3339(NOW + cases[i].grace * SEC, at), cases[i].grace);
		w = make("{" ONE "}", metadata);
		w.run.sandbox = SANDBOX_UP;
		runs(&w, "c", NOW);
		assert_string_equal(decided(&w, NOW + cases[i].after * SEC), "-c");
		assert_int_equal(w.plan.grace, cases[i].left * SEC);
		w.run.killed = true;
		assert_string_equal(decided(&w, NOW), "-c");
		assert_int_equal(w.plan.grace, 0);
		clear(&w);
	}
}

static void a_deleted_pod_ends_in_a_terminal_phase(void **state)
{
	struct world w = make("{" ONE "}", ",\"deletionTimestamp\":\"2027-01-15T08:00:30Z\"");

	assert_string_equal(decided(&w, NOW), "finished");
	assert_string_equal(phase(&w, NOW), "Failed");
	w.run.sandbox = SANDBOX_COMING; /* it is let come up, then ended */
	assert_string_equal(decided(&w, NOW), "");
	w.run.sandbox = SANDBOX_UP;
	assert_string_equal(decided(&w, NOW), "end");
	clear(&w);
}

static void a_drain_keeps_the_object(void **state)
{
	struct world w = make("{\"terminationGracePeriodSeconds\":7," ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "c", NOW);
	lifecycle_decide_drain(&w.run, w.pod, &w.plan);
	assert_int_equal(w.plan.n_stop, 1);
	assert_int_equal(w.plan.grace, 7 * SEC);
	assert_false(w.plan.end_sandbox);
	exits(&w, "c", 143, NOW);
	lifecycle_decide_drain(&w.run, w.pod, &w.plan);
	assert_true(w.plan.end_sandbox);
	assert_int_equal(w.plan.n_start, 0);
	w.run.sandbox = SANDBOX_NONE;
	lifecycle_decide_drain(&w.run, w.pod, &w.plan);
	assert_true(w.plan.finished);
	assert_false(w.plan.start_sandbox);
	clear(&w);
}

static void another_image_replaces_the_container(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\"," TWO "}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "c", NOW);
	runs(&w, "d", NOW);
	free(get(&w, "c")->image);
	get(&w, "c")->image = strdup("before");
	assert_string_equal(decided(&w, NOW), "-c");
	assert_true(w.plan.replace);
	get(&w, "c")->stop_by = NOW + 30 * SEC;
	get(&w, "c")->replacing = true;
	assert_string_equal(decided(&w, NOW), "");
	exits(&w, "c", 143, NOW);
	assert_string_equal(phase(&w, NOW), "Running");
	assert_string_equal(decided(&w, NOW), "+c"); /* whatever the policy */
	runs(&w, "c", NOW);
	exits(&w, "c", 0, NOW);
	assert_string_equal(decided(&w, NOW), "");
	clear(&w);
}

static void another_image_ends_the_back_off(void **state)
{
	struct world w = make("{" ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	for (int i = 0; i < 4; i++) {
		runs(&w, "c", NOW);
		exits(&w, "c", 1, NOW);
	}
	assert_string_equal(decided(&w, NOW), "");
	free(get(&w, "c")->image);
	get(&w, "c")->image = strdup("before");
	assert_string_equal(decided(&w, NOW), "+c");
	runs(&w, "c", NOW);
	exits(&w, "c", 1, NOW);
	assert_int_equal(get(&w, "c")->not_before, NOW + 10 * SEC);
	lifecycle_waits(get(&w, "c"), "ImagePullBackOff", strdup("x"), true, NOW);
	assert_string_equal(decided(&w, NOW + 1000 * SEC), "");
	assert_int_equal(w.plan.wake_at, INT64_MAX);
	assert_string_equal(value_str(value_path(status_of(&w, "c", NOW), "state", "waiting", "reason")),
			    "ImagePullBackOff");
	clear(&w);
}

static void launches_that_fail_are_tried_again(void **state)
{
	static const int64_t delays[] = { 10, 20, 40, 80, 160, 300, 300 };
	struct world w = make("{" ONE "}", "");

	w.run.sandbox = SANDBOX_UP;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		lifecycle_waits(get(&w, "c"), "CreateContainerConfigError", NULL, false, NOW);
		assert_string_equal(decided(&w, NOW), "");
		assert_int_equal(w.plan.wake_at, NOW + delays[i] * SEC);
	}
	clear(&w);
}

/* What a status brings back: as it was written, with nothing left to tell more. */
static void recovery(void **state)
{
	static const struct {
		const char *status; /* of container c */
		enum container_phase phase;
		uint32_t run;
		int code;
		const char *reason;
		int64_t not_before; /* seconds from NOW */
		uint32_t last_run; /* + 1; 0: none */
	} cases[] = {
		{ "{\"state\":{\"running\":{\"startedAt\":\"2027-01-15T07:00:00Z\"}},\"restartCount\":2}", CONTAINER_EXITED, 2,
		  137, "ContainerStatusUnknown", 0, 0 },
		{ "{\"state\":{\"terminated\":{\"exitCode\":3,\"reason\":\"OOMKilled\",\"finishedAt\":\"2027-01-15T08:00:00Z\"}},"
		  "\"restartCount\":1}", CONTAINER_EXITED, 1, 3, "OOMKilled", 0, 0 },
		{ "{\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 2m40s restarting failed\"}},"
		  "\"lastState\":{\"terminated\":{\"exitCode\":9,\"reason\":\"Error\",\"finishedAt\":\"2027-01-15T08:00:00Z\"}},"
		  "\"restartCount\":5}", CONTAINER_EXITED, 5, 9, "Error", 160, 0 },
		{ "{\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}},"
		  "\"lastState\":{\"terminated\":{\"exitCode\":9,\"reason\":\"Error\",\"finishedAt\":\"2027-01-15T08:00:00Z\"}},"
		  "\"restartCount\":5}", CONTAINER_WAITING, 5, 0, NULL, 0, 5 },
		{ "{\"state\":{\"waiting\":{\"reason\":\"ContainerCreating\"}},\"restartCount\":0}", CONTAINER_WAITING, 0, 0,
		  NULL, 0, 0 },
		{ "{\"state\":{\"terminated\":{\"reason\":\"<made up>\"}}}", CONTAINER_EXITED, 0, 137, "Error", 0, 0 },
		{ "{\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 99999999h\"}}}",
		  CONTAINER_WAITING, 0, 0, NULL, 0, 0 },
		{ "{}", CONTAINER_WAITING, 0, 0, NULL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w = make("{" ONE "}", "");
		struct container_run *c = get(&w, "c");
		char text[1024];

		(void)snprintf(text, sizeof(text), "{\"containerStatuses\":[{\"name\":\"c\",%s],\"startTime\":"
			       "\"2027-01-15T06:00:00Z\"}", strlen(cases[i].status) > 2 ? cases[i].status + 1 : "\"image\":\"\"}");
		lifecycle_recover(&w.run, parse(w.a, text), NOW);
		assert_int_equal(c->phase, cases[i].phase);
		assert_int_equal(c->run, cases[i].run);
		assert_int_equal(c->exit.is_set, cases[i].reason != NULL);
		if (cases[i].reason) {
			assert_string_equal(c->exit.reason, cases[i].reason);
			assert_int_equal(c->exit.code, cases[i].code);
			assert_int_equal(c->not_before, NOW + cases[i].not_before * SEC);
		}
		assert_int_equal(c->last.is_set ? c->last.run + 1 : 0, cases[i].last_run);
		assert_int_equal(w.run.started_at, NOW - 7200 * SEC);
		clear(&w);
	}
}

static void recovery_and_status_agree(void **state)
{
	struct world w = make("{" ONE "}", ""), again;

	w.run.sandbox = SANDBOX_UP;
	for (int i = 0; i < 3; i++) {
		runs(&w, "c", NOW);
		exits(&w, "c", 7, NOW);
	}
	again = make("{" ONE "}", "");
	lifecycle_recover(&again.run, status(&w, NOW + SEC), NOW + SEC);
	again.run.sandbox = SANDBOX_UP;
	assert_true(value_equal(status_of(&w, "c", NOW + SEC), status_of(&again, "c", NOW + SEC)));
	assert_string_equal(decided(&again, NOW + 19 * SEC), "");
	assert_string_equal(decided(&again, NOW + 20 * SEC), "+c");
	clear(&w);
	clear(&again);
}

static void a_known_run_is_not_counted_twice(void **state)
{
	struct world w = make("{" ONE "}", "");
	struct container_run *c = get(&w, "c");

	runs(&w, "c", NOW);
	exits(&w, "c", 1, NOW);
	lifecycle_set_run(c, 1); /* podfs-pod tells of a run that the store has not seen */
	assert_int_equal(c->last.is_set, true);
	assert_int_equal(c->last.run, 0);
	exits(&w, "c", 2, NOW);
	lifecycle_set_run(c, 1); /* and of one that it has */
	assert_int_equal(c->last.run, 0);
	assert_false(c->exit.is_set);
	clear(&w);
}

static void conditions_keep_their_times(void **state)
{
	struct world w = make("{" ONE "}", "");
	const struct value *ready;
	const char *at;

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "c", NOW);
	ready = value_find(value_get(status(&w, NOW), "conditions"), "type", "Ready");
	at = value_str(value_get(ready, "lastTransitionTime"));
	ready = value_find(value_get(status(&w, NOW + 100 * SEC), "conditions"), "type", "Ready");
	assert_string_equal(value_str(value_get(ready, "lastTransitionTime")), at);
	clear(&w);
}

/* objects.md, "image pull policy"; ImagePullBackOff: 10 s doubling to 5 min. */
static void test_pull_backoff(void **state)
{
	static const int64_t DELAYS[] = { 10, 20, 40, 80, 160, 300, 300 };
	struct container_run c = { .phase = CONTAINER_WAITING };

	for (size_t i = 0; i < ARRAY_SIZE(DELAYS); i++) {
		c.pull_id = 7;
		lifecycle_pull_failed(&c, NOW);
		assert_int_equal(c.pull_id, 0);
		assert_int_equal(c.pull_at, NOW + DELAYS[i] * NSEC_PER_SEC);
	}
	lifecycle_waits_until(&c, "ImagePullBackOff", strdup("why"), NOW + 1);
	assert_int_equal(c.not_before, NOW + 1);
	lifecycle_waits_until(&c, NULL, NULL, INT64_MAX);
	assert_string_equal(c.waiting_reason, "ImagePullBackOff");
	assert_string_equal(c.waiting_message, "why");
	assert_int_equal(c.not_before, INT64_MAX);
	assert_int_equal(c.retry, 0);
	lifecycle_forget_pull(&c);
	lifecycle_pull_failed(&c, NOW);
	assert_int_equal(c.pull_at, NOW + 10 * NSEC_PER_SEC);
	free(c.waiting_message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pull_backoff),
		cmocka_unit_test(a_pod_comes_up),
		cmocka_unit_test(a_failed_sandbox_waits),
		cmocka_unit_test(ephemeral_ones),
		cmocka_unit_test(ephemeral_ones_end),
		cmocka_unit_test(surplus_ephemeral_ones),
		cmocka_unit_test(too_many),
		cmocka_unit_test(policies),
		cmocka_unit_test(the_back_off_doubles),
		cmocka_unit_test(a_crash_loop_is_told),
		cmocka_unit_test(init_containers_come_in_order),
		cmocka_unit_test(init_containers_run_again_in_a_new_sandbox),
		cmocka_unit_test(a_failed_init_container_may_fail_the_pod),
		cmocka_unit_test(sidecars_are_stopped_last),
		cmocka_unit_test(grace_is_what_is_left),
		cmocka_unit_test(a_deleted_pod_ends_in_a_terminal_phase),
		cmocka_unit_test(a_drain_keeps_the_object),
		cmocka_unit_test(another_image_replaces_the_container),
		cmocka_unit_test(another_image_ends_the_back_off),
		cmocka_unit_test(launches_that_fail_are_tried_again),
		cmocka_unit_test(recovery),
		cmocka_unit_test(recovery_and_status_agree),
		cmocka_unit_test(a_known_run_is_not_counted_twice),
		cmocka_unit_test(conditions_keep_their_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
