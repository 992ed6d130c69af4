/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a pod on its node: the policies and rules by which containers restart, and its deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle_world.h"

static void a_containers_own_policy_goes_first(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"a\",\"restartPolicy\":"
			      "\"OnFailure\"},{\"name\":\"d\",\"image\":\"a\"}]}", "");

	w.run.sandbox = SANDBOX_UP;
	runs(&w, "c", NOW);
	runs(&w, "d", NOW);
	exits(&w, "c", 1, NOW);
	exits(&w, "d", 1, NOW);
	assert_string_equal(decided(&w, NOW), "+c");
	clear(&w);
}

/* K8S:pkg/api/v1/pod/util_test.go, TestContainerShouldRestart, and more: the pod's policy, the container's fields, what it
 * ends with, whether it runs again. */
static void rules_go_before_policies(void **state)
{
#define RULE(operator, values, action) "{\"action\":\"" action "\",\"exitCodes\":{\"operator\":\"" operator "\",\"values\":" \
				       values "}}"
#define RULES(policy, rules) ",\"restartPolicy\":\"" policy "\",\"restartPolicyRules\":[" rules "]"
	static const struct {
		const char *policy, *fields;
		int code;
		bool restarts;
	} cases[] = {
		{ "Never", RULES("Never", RULE("In", "[42]", "Restart")), 42, true },
		{ "Never", RULES("Never", RULE("In", "[42]", "Restart")), 41, false },
		{ "Never", RULES("Never", RULE("In", "[1,42]", "Restart")), 42, true },
		{ "Never", RULES("Never", RULE("In", "[0]", "Restart")), 0, true },
		{ "Never", RULES("Never", RULE("NotIn", "[0,1]", "Restart")), 1, false },
		{ "Never", RULES("Never", RULE("NotIn", "[0,1]", "Restart")), 2, true },
		{ "Never", RULES("Never", RULE("NotIn", "[]", "Restart")), 0, true },
		{ "Never", RULES("Never", RULE("In", "[]", "Restart")), 0, false },
		{ "Never", RULES("OnFailure", RULE("In", "[42]", "Restart")), 1, true },
		{ "Always", RULES("OnFailure", RULE("In", "[42]", "Restart")), 0, false },
		{ "Always", RULES("Never", RULE("In", "[42]", "Restart")), 1, false },
		{ "Always", RULES("Never", RULE("In", "[1]", "Restart") "," RULE("In", "[42]", "Restart")), 42, true },
		{ "Never", RULES("Never", RULE("In", "[137]", "Restart")), 137, true },
		{ "Never", ",\"restartPolicyRules\":[" RULE("In", "[1]", "Restart") "]", 1, false },
		{ "Never", RULES("Never", RULE("In", "[42]", "RestartAllContainers")), 42, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char spec[512];
		struct world w;

		(void)snprintf(spec, sizeof(spec), "{\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"c\",\"image\":\"a\"%s}]}",
			       cases[i].policy, cases[i].fields);
		w = make(spec, "");
		w.run.sandbox = SANDBOX_UP;
		runs(&w, "c", NOW);
		exits(&w, "c", cases[i].code, NOW);
		assert_int_equal(lifecycle_restarts(get(&w, "c"), cases[i].policy), cases[i].restarts);
		assert_string_equal(phase(&w, NOW), cases[i].restarts ? "Running" : cases[i].code ? "Failed" : "Succeeded");
		clear(&w);
	}
}

/* What is killed for the sake of "c" ends so. */
static void is_killed(struct world *w, const char *name)
{
	get(w, name)->restarting = true;
	lifecycle_exited(get(w, name), 137, 9, LIFECYCLE_RESTARTING_ALL, NULL, NOW);
}

static void one_end_restarts_all(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\"," INIT "\"containers\":[{\"name\":\"d\",\"image\":\"a\"},{\"name\":"
			      "\"c\",\"image\":\"a\"" RULES("Never", RULE("In", "[42]", "RestartAllContainers")) "}]}", "");

	w.run.sandbox = SANDBOX_UP;
	for (int round = 0; round < 2; round++) {
		assert_string_equal(decided(&w, NOW), "+i");
		runs(&w, "i", NOW);
		exits(&w, "i", 0, NOW);
		runs(&w, "s", NOW);
		runs(&w, "j", NOW);
		exits(&w, "j", 0, NOW);
		runs(&w, "d", NOW);
		runs(&w, "c", NOW);
		assert_string_equal(condition(&w, "AllContainersRestarting", NOW), "False");
		exits(&w, "c", 42, NOW);
		assert_string_equal(condition(&w, "AllContainersRestarting", NOW), "True");
		assert_string_equal(decided(&w, NOW), "-s -d");
		assert_int_equal(w.plan.grace, 0);
		is_killed(&w, "s");
		is_killed(&w, "d");
		assert_string_equal(phase(&w, NOW), "Running");
		assert_string_equal(decided(&w, NOW), "");
		assert_int_equal(w.plan.restart_all, round == 0); /* the second time after the back-off of the one */
		if (round) {
			assert_int_equal(w.plan.wake_at, NOW + 10 * SEC);
			assert_string_equal(decided(&w, NOW + 10 * SEC), "");
			assert_true(w.plan.restart_all);
		}
		lifecycle_restart_all(&w.run);
		for (size_t i = 0; i < w.run.n; i++)
			assert_int_equal(w.run.containers[i].run, round + 1);
		assert_string_equal(value_str(value_path(status_of(&w, "d", NOW), "lastState", "terminated", "reason")),
				    "RestartingAllContainers");
		assert_int_equal(value_int(value_path(status_of(&w, "c", NOW), "lastState", "terminated", "exitCode"), -1), 42);
		assert_string_equal(value_str(value_path(status_of(&w, "i", NOW), "state", "waiting", "reason")),
				    "RestartingAllContainers");
	}
	clear(&w);
}

/* A daemon that died in the midst: what was killed for another's sake runs again, whatever the policy. */
static void what_was_killed_for_another_restarts(void **state)
{
	struct world w = make("{\"restartPolicy\":\"Never\"," TWO "}", "");

	lifecycle_recover(&w.run, parse(w.a, "{\"containerStatuses\":[{\"name\":\"d\",\"state\":{\"terminated\":{\"exitCode\":137,"
					     "\"reason\":\"RestartingAllContainers\"}}}]}"), NOW);
	w.run.sandbox = SANDBOX_UP;
	runs(&w, "c", NOW);
	assert_string_equal(decided(&w, NOW), "+d");
	clear(&w);
}

/* The deadline, what the container does (-1: it runs on) and when, in seconds; the phase and the reason at second 20. */
static void deadlines(void **state)
{
	static const struct {
		const char *policy;
		int deadline, code, at;
		const char *decided, *phase, *reason;
	} cases[] = {
		{ "Always", 30, -1, 0, "", "Running", "" },	  { "Always", 20, -1, 0, "-c", "Running", "" },
		{ "Always", 10, 1, 5, "end", "Failed", "DeadlineExceeded" },
		{ "Never", 10, 0, 9, "end", "Succeeded", "" },	  { "Never", 10, 3, 9, "end", "Failed", "" },
		{ "Never", 10, 0, 11, "end", "Failed", "DeadlineExceeded" },
		{ "OnFailure", 10, 1, 9, "end", "Failed", "DeadlineExceeded" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char spec[256];
		struct world w;

		(void)snprintf(spec, sizeof(spec), "{\"activeDeadlineSeconds\":%d,\"restartPolicy\":\"%s\"," ONE "}",
			       cases[i].deadline, cases[i].policy);
		w = make(spec, "");
		w.run.sandbox = SANDBOX_UP;
		runs(&w, "c", NOW);
		assert_string_equal(decided(&w, NOW), "");
		assert_int_equal(w.plan.wake_at, NOW + cases[i].deadline * SEC);
		if (cases[i].code >= 0)
			exits(&w, "c", cases[i].code, NOW + cases[i].at * SEC);
		(void)lifecycle_check_deadline(&w.run, w.pod, NOW + 20 * SEC);
		assert_false(lifecycle_check_deadline(&w.run, w.pod, NOW + 20 * SEC));
		assert_string_equal(decided(&w, NOW + 20 * SEC), cases[i].decided);
		assert_string_equal(phase(&w, NOW + 20 * SEC), cases[i].phase);
		assert_string_equal(value_str_or(value_get(status(&w, NOW + 20 * SEC), "reason"), ""), cases[i].reason);
		clear(&w);
	}
}

/* What was stored of a pod whose deadline was over then, or is now, a minute after it began. */
static void deadlines_are_recovered(void **state)
{
	static const struct {
		const char *status, *decided, *phase, *message;
	} cases[] = {
		{ "{\"phase\":\"Running\",\"startTime\":\"2027-01-15T07:59:00Z\"}", "finished", "Failed",
		  "Pod was active on the node longer than the specified deadline" },
		{ "{\"phase\":\"Running\",\"startTime\":\"2027-01-15T07:59:10Z\"}", "sandbox", "Pending", "" },
		{ "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"m\",\"startTime\":\"2027-01-15T07:59:10Z\"}",
		  "finished", "Failed", "m" },
		{ "{\"phase\":\"Succeeded\",\"startTime\":\"2027-01-15T07:00:00Z\",\"containerStatuses\":[{\"name\":\"c\","
		  "\"state\":{\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\",\"finishedAt\":\"2027-01-15T07:30:00Z\"}}}]}",
		  "finished", "Succeeded", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w = make("{\"activeDeadlineSeconds\":60,\"restartPolicy\":\"Never\"," ONE "}", "");

		lifecycle_recover(&w.run, parse(w.a, cases[i].status), NOW);
		(void)lifecycle_check_deadline(&w.run, w.pod, NOW);
		assert_string_equal(decided(&w, NOW), cases[i].decided);
		assert_string_equal(phase(&w, NOW), cases[i].phase);
		assert_string_equal(value_str_or(value_get(status(&w, NOW), "message"), ""), cases[i].message);
		clear(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_containers_own_policy_goes_first),
		cmocka_unit_test(rules_go_before_policies),
		cmocka_unit_test(one_end_restarts_all),
		cmocka_unit_test(what_was_killed_for_another_restarts),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(deadlines_are_recovered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
