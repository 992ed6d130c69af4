/* SPDX-License-Identifier: Apache-2.0 */
/* How far a rollout is, as "describe" tells it: fs/rollout.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fs/rollout.h"
#include "objects.h"

struct rollout_case {
	const char *spec, *status, *want;
};

static void check(const char *kind, const struct rollout_case *cases, size_t n)
{
	bool failed = false;

	for (size_t i = 0; i < n; i++) {
		_cleanup_object_ struct object *o = test_object("{apiVersion: apps/v1, kind: %s, metadata: {name: a, namespace: default, "
								"generation: 3}, spec: {%s}, status: {%s}}", kind, cases[i].spec,
								cases[i].status);
		char text[ROLLOUT_SIZE];

		if (rollout_status(o, text) && !strcmp(text, cases[i].want))
			continue;
		print_error("%s {%s} {%s}: \"%s\", not \"%s\"\n", kind, cases[i].spec, cases[i].status, text, cases[i].want);
		failed = true;
	}
	assert_false(failed);
}

static void deployments(void **state)
{
	static const struct rollout_case cases[] = {
		{ "replicas: 3", "", "waiting for its controller to see the change" },
		{ "replicas: 3", "observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3",
		  "waiting for its controller to see the change" },
		{ "replicas: 3", "observedGeneration: 3, replicas: 4, updatedReplicas: 1, availableReplicas: 3",
		  "waiting: 1 of 3 new pods have been made" },
		{ "replicas: 3, paused: true", "observedGeneration: 3, replicas: 4, updatedReplicas: 1, availableReplicas: 3",
		  "paused, waiting: 1 of 3 new pods have been made" },
		{ "replicas: 3", "observedGeneration: 3, replicas: 4, updatedReplicas: 3, availableReplicas: 3",
		  "waiting: 1 old pods are still there" },
		{ "replicas: 3", "observedGeneration: 3, replicas: 3, updatedReplicas: 3, availableReplicas: 2",
		  "waiting: 2 of 3 new pods are available" },
		{ "replicas: 3", "observedGeneration: 3, replicas: 3, updatedReplicas: 3, availableReplicas: 3", "complete" },
		{ "replicas: 0", "observedGeneration: 3", "complete" },
		{ "replicas: 3",
		  "observedGeneration: 3, replicas: 4, updatedReplicas: 1, availableReplicas: 3, conditions: [{type: Progressing, "
		  "status: 'False', reason: ProgressDeadlineExceeded}]",
		  "exceeded its progress deadline, with 1 of 3 new pods available" },
	};

	check("Deployment", cases, sizeof(cases) / sizeof(cases[0]));
}

static void daemon_sets(void **state)
{
	static const struct rollout_case cases[] = {
		{ "", "observedGeneration: 2", "waiting for its controller to see the change" },
		{ "", "observedGeneration: 3, desiredNumberScheduled: 5, updatedNumberScheduled: 2, numberAvailable: 5",
		  "waiting: 2 of 5 nodes have the new pod" },
		{ "updateStrategy: {type: OnDelete}",
		  "observedGeneration: 3, desiredNumberScheduled: 5, updatedNumberScheduled: 2, numberAvailable: 5",
		  "waiting: 2 of 5 nodes have the new pod; the others get it when theirs is deleted" },
		{ "", "observedGeneration: 3, desiredNumberScheduled: 5, updatedNumberScheduled: 5, numberAvailable: 4",
		  "waiting: 4 of 5 new pods are available" },
		{ "", "observedGeneration: 3, desiredNumberScheduled: 5, updatedNumberScheduled: 5, numberAvailable: 5", "complete" },
		{ "", "observedGeneration: 3, desiredNumberScheduled: 0", "complete" },
	};

	check("DaemonSet", cases, sizeof(cases) / sizeof(cases[0]));
}

static void stateful_sets(void **state)
{
	static const char two[] = "currentRevision: a-1, updateRevision: a-2", one[] = "currentRevision: a-2, updateRevision: a-2";
	static const struct {
		const char *spec, *figures, *revisions, *want;
	} cases[] = {
		{ "replicas: 3", "observedGeneration: 2", one, "waiting for its controller to see the change" },
		{ "replicas: 3", "observedGeneration: 3, readyReplicas: 2, updatedReplicas: 3", one, "waiting: 2 of 3 pods are ready" },
		{ "replicas: 3", "observedGeneration: 3, readyReplicas: 3, updatedReplicas: 1", two,
		  "waiting: 1 of 3 pods have been updated" },
		{ "replicas: 3, updateStrategy: {type: OnDelete}", "observedGeneration: 3, readyReplicas: 3, updatedReplicas: 1", two,
		  "waiting: 1 of 3 pods have been updated; the others are when they are deleted" },
		{ "replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}",
		  "observedGeneration: 3, readyReplicas: 3", two, "waiting: 0 of 1 pods have been updated" },
		{ "replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}",
		  "observedGeneration: 3, readyReplicas: 3, updatedReplicas: 1", two,
		  "complete up to its partition: 1 of 3 pods have been updated" },
		{ "replicas: 3, updateStrategy: {rollingUpdate: {partition: 9}}", "observedGeneration: 3, readyReplicas: 3", two,
		  "complete up to its partition: 0 of 3 pods have been updated" },
		{ "replicas: 3", "observedGeneration: 3, readyReplicas: 3, updatedReplicas: 3", one, "complete" },
		{ "", "observedGeneration: 3, readyReplicas: 1, updatedReplicas: 1", one, "complete" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char status[300];
		const struct rollout_case c = { cases[i].spec, status, cases[i].want };

		(void)snprintf(status, sizeof(status), "%s, %s", cases[i].figures, cases[i].revisions);
		check("StatefulSet", &c, 1);
	}
}

static void others_have_none(void **state)
{
	_cleanup_object_ struct object *o = test_object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}");
	char text[ROLLOUT_SIZE] = "?";

	assert_false(rollout_status(o, text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deployments), cmocka_unit_test(daemon_sets), cmocka_unit_test(stateful_sets),
		cmocka_unit_test(others_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
