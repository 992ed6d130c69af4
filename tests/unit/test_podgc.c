/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods the garbage collector of pods ends, each decision in a row of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/podgc_decide.h"
#include "objects.h"

#define GOING ", deletionTimestamp: '2026-01-01T00:00:00Z'"

static void pods_are_judged(void **state)
{
	static const struct {
		const char *name, *meta;
		enum podgc_node node;
		enum podgc_verdict want;
	} cases[] = {
		{ "on a node that is there", "", PODGC_NODE_THERE, PODGC_KEEP },
		{ "going, on a node that is there", GOING, PODGC_NODE_THERE, PODGC_KEEP },
		{ "on none", "", PODGC_NODE_NONE, PODGC_KEEP },
		{ "going, on none", GOING, PODGC_NODE_NONE, PODGC_DELETE },
		{ "on one that is gone", "", PODGC_NODE_GONE, PODGC_DELETE_ORPHAN },
		{ "going, on one that is gone", GOING, PODGC_NODE_GONE, PODGC_DELETE_ORPHAN },
		{ "on one that is off", "", PODGC_NODE_OUT_OF_SERVICE, PODGC_KEEP },
		{ "going, on one that is off", GOING, PODGC_NODE_OUT_OF_SERVICE, PODGC_DELETE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod =
			test_object("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p%s}", cases[i].meta);

		if (podgc_judge(pod, cases[i].node) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void nodes_are_out_of_service_by_taint_and_condition(void **state)
{
	static const struct {
		const char *spec, *ready;
		enum podgc_node want;
	} cases[] = {
		{ "{}", "True", PODGC_NODE_THERE },
		{ "{}", "Unknown", PODGC_NODE_THERE },
		{ "{taints: [{key: node.kubernetes.io/out-of-service, effect: NoExecute}]}", "True", PODGC_NODE_THERE },
		{ "{taints: [{key: node.kubernetes.io/out-of-service, effect: NoExecute}]}", "False", PODGC_NODE_OUT_OF_SERVICE },
		{ "{taints: [{key: a, effect: NoSchedule}, {key: node.kubernetes.io/out-of-service, effect: NoSchedule}]}", "Unknown",
		  PODGC_NODE_OUT_OF_SERVICE },
		{ "{taints: [{key: node.kubernetes.io/unreachable, effect: NoExecute}]}", "Unknown", PODGC_NODE_THERE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *node = test_object("apiVersion: v1\nkind: Node\nmetadata: {name: a, uid: a}\nspec: %s\n"
								   "status: {conditions: [{type: Ready, status: '%s'}]}",
								   cases[i].spec, cases[i].ready);

		if (podgc_node_of(node) != cases[i].want)
			fail_msg("%s, Ready %s", cases[i].spec, cases[i].ready);
	}
}

static void add_ended(struct object_list *l, const char *name, int64_t age, const char *status)
{
	test_add(l, "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: ns, uid: %s, creationTimestamp: '%s'}\nstatus: {%s}", name,
		 name, test_stamp(-age), status);
}

static void the_oldest_go_and_the_evicted_before_them(void **state)
{
	_cleanup_object_list_ struct object_list ended = OBJECT_LIST_INIT;
	static const char *const order[] = { "evicted", "older", "same-a", "same-b", "young" };

	add_ended(&ended, "young", 1, "phase: Succeeded");
	add_ended(&ended, "same-b", 20, "phase: Failed");
	add_ended(&ended, "same-a", 20, "phase: Failed, reason: Error");
	add_ended(&ended, "evicted", 2, "phase: Failed, reason: Evicted");
	add_ended(&ended, "older", 30, "phase: Succeeded, reason: Evicted");
	assert_int_equal(podgc_excess(&ended, 5), 0);
	assert_int_equal(podgc_excess(&ended, 6), 0);
	assert_int_equal(podgc_excess(&ended, 3), 2);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(object_name(ended.items[i]), order[i]);
	assert_int_equal(podgc_excess(&ended, 0), 5);
}

static void only_two_phases_are_an_end(void **state)
{
	static const struct {
		const char *phase;
		bool want;
	} cases[] = { { "Pending", false }, { "Running", false }, { "Unknown", false }, { "Succeeded", true }, { "Failed", true },
		      { "''", false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod = test_object(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p}\nstatus: {phase: %s}", cases[i].phase);

		assert_int_equal(podgc_has_ended(pod), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_judged),
		cmocka_unit_test(nodes_are_out_of_service_by_taint_and_condition),
		cmocka_unit_test(the_oldest_go_and_the_evicted_before_them),
		cmocka_unit_test(only_two_phases_are_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
