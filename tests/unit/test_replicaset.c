/* SPDX-License-Identifier: Apache-2.0 */
/* Pods' predicates and order of removal, ReplicaSets, ownership, collection, conditions: pure decisions, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/claim.h"
#include "control/conditions.h"
#include "control/gc_decide.h"
#include "control/replicaset_decide.h"
#include "objects.h"

#define READY(since) "conditions: [{type: Ready, status: 'True', lastTransitionTime: '" since "'}]"
#define T0 "2026-01-01T00:00:00Z"
#define T1 "2026-01-01T00:00:01Z"
#define T100 "2026-01-01T00:01:40Z"

static void pods_are_active_ready_available(void **state)
{
	static const struct {
		const char *meta, *status;
		int64_t min_ready, now;
		bool active, ready, available;
		int64_t wait; /* seconds */
	} cases[] = {
		{ "", "phase: Pending", 0, 0, true, false, false, 0 },
		{ "", "phase: Running, " READY(T0), 0, 0, true, true, true, 0 },
		{ "", "phase: Running, " READY(T0), 10, 4, true, true, false, 6 },
		{ "", "phase: Running, " READY(T0), 10, 10, true, true, true, 0 },
		{ "", "phase: Succeeded", 0, 0, false, false, false, 0 },
		{ "", "phase: Failed", 0, 0, false, false, false, 0 },
		{ ", deletionTimestamp: '" T0 "'", "phase: Running, " READY(T0), 0, 0, false, true, true, 0 },
		{ "", "phase: Running, conditions: [{type: Ready, status: 'False'}]", 0, 0, true, false, false, 0 },
		{ "", "phase: Running, conditions: [{type: Ready, status: 'True'}]", 5, 100, true, true, false, 5 },
		{ "", "", 0, 0, true, false, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod = test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns%s},"
								  " status: {%s}}", cases[i].meta, cases[i].status);
		int64_t wait = -1;

		assert_int_equal(pod_is_active(pod), cases[i].active);
		assert_int_equal(pod_is_ready(pod), cases[i].ready);
		assert_int_equal(pod_is_available(pod, cases[i].min_ready, test_time(cases[i].now), &wait), cases[i].available);
		assert_int_equal(wait, cases[i].wait * NSEC_PER_SEC);
	}
}

#define RUNS(since) "phase: Running, " READY(since)
#define COST "annotations: {controller.kubernetes.io/pod-deletion-cost: '"

/* Of two pods, the first goes first, whatever the order in which they are given. */
static void the_first_goes_first(void **state)
{
	static const struct {
		const char *name;
		struct {
			const char *meta, *node, *status;
			size_t siblings;
		} pods[2];
	} cases[] = {
		{ "unassigned", { { "", "''", "phase: Running, " READY(T0), 0 }, { "", "n1", "phase: Pending", 0 } } },
		{ "pending before unknown", { { "", "n1", "phase: Pending", 0 }, { "", "n1", "phase: Unknown", 0 } } },
		{ "unknown before running", { { "", "n1", "phase: Unknown", 0 }, { "", "n1", "phase: Running", 0 } } },
		{ "not ready", { { "", "n1", "phase: Running", 9 }, { COST "-5'}", "n1", RUNS(T0), 9 } } },
		{ "lower cost", { { COST "-5'}", "n1", RUNS(T0), 0 }, { COST "3'}", "n1", RUNS(T100), 9 } } },
		{ "no cost is 0", { { "", "n1", RUNS(T0), 0 }, { COST "1'}", "n1", RUNS(T0), 0 } } },
		{ "a wrong cost is 0", { { COST "+9'}", "n1", RUNS(T0), 0 }, { COST "1'}", "n1", RUNS(T0), 0 } } },
		{ "too large a cost is 0", { { COST "2147483648'}", "n1", RUNS(T0), 0 }, { COST "1'}", "n1", RUNS(T0), 0 } } },
		{ "more siblings", { { "", "n1", RUNS(T0), 3 }, { "", "n1", RUNS(T100), 1 } } },
		{ "ready for less time", { { "uid: b", "n1", RUNS(T100), 1 }, { "uid: a", "n1", RUNS(T0), 1 } } },
		{ "about as long: by uid, not by restarts",
		  { { "uid: a", "n1", RUNS(T0), 1 },
		    { "uid: b", "n1", RUNS(T1) ", containerStatuses: [{restartCount: 9}]", 1 } } },
		{ "more restarts", { { "uid: b", "n1", RUNS(T0) ", containerStatuses: [{restartCount: 2}, {restartCount: 0}]", 1 },
				     { "uid: a", "n1", RUNS(T0) ", containerStatuses: [{restartCount: 1}, {restartCount: 1}]", 1 } } },
		{ "sidecars' restarts come after", { { "uid: b", "n1", RUNS(T0) ", initContainerStatuses: [{restartCount: 2}]", 1 },
						     { "uid: a", "n1", RUNS(T0), 1 } } },
		{ "newer", { { "uid: b, creationTimestamp: '" T100 "'", "n1", RUNS(T0), 1 },
			     { "uid: a, creationTimestamp: '" T0 "'", "n1", RUNS(T0), 1 } } },
		{ "without an age", { { "uid: b", "n1", RUNS(T0), 1 },
				      { "uid: a, creationTimestamp: '" T100 "'", "n1", RUNS(T0), 1 } } },
		{ "about as old: by uid", { { "uid: a, creationTimestamp: '" T0 "'", "n1", RUNS(T0), 1 },
					    { "uid: b, creationTimestamp: '" T1 "'", "n1", RUNS(T0), 1 } } },
		{ "all the same: by uid", { { "uid: a", "n1", RUNS(T0), 1 }, { "uid: b", "n1", RUNS(T0), 1 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

		for (int k = 0; k < 2; k++)
			test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, %s}, spec: {nodeName: %s},"
					" status: {%s}}", cases[i].pods[k].meta, cases[i].pods[k].node, cases[i].pods[k].status);
		for (int k = 0; k < 2; k++) {
			struct ranked_pod ranked[] = { { pods.items[k], cases[i].pods[k].siblings },
						       { pods.items[1 - k], cases[i].pods[1 - k].siblings } };

			pods_rank_for_deletion(ranked, 2, test_time(2250)); /* 2^41 ns lie between T0 and T100 */
			if (ranked[0].pod != pods.items[0])
				fail_msg("%s", cases[i].name);
		}
	}
}

static void a_pod_is_made_of_a_template(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *rs = test_object("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: ns,"
							 " uid: u}}");
	struct value *template = test_tree(a, "{metadata: {labels: {a: b}, annotations: {c: d}, finalizers: [x/y], name: no},"
					      " spec: {containers: [{name: c}]}}");
	struct value *want = test_tree(a, "{apiVersion: v1, kind: Pod, metadata: {generateName: web-, namespace: ns, labels: {a: b},"
					  " annotations: {c: d}, finalizers: [x/y], ownerReferences: [{apiVersion: apps/v1,"
					  " kind: ReplicaSet, name: web, uid: u, controller: true, blockOwnerDeletion: true}]},"
					  " spec: {containers: [{name: c}]}}");

	assert_true(value_equal(pod_from_template(a, template, rs), want));
}

/* Pods by letter: p Pending, r Running and ready on n1, R the same on n2, s Succeeded, d being deleted, x without the
 * template's label. */
static void add_pods(struct object_list *l, const char *letters)
{
	for (size_t i = 0; letters[i]; i++) {
		char c = letters[i];

		test_add(l, "{apiVersion: v1, kind: Pod, metadata: {name: '%c%zu', namespace: ns, uid: '%c%zu', labels: {%s} %s},"
			    " spec: {nodeName: %s}, status: {phase: %s}}",
			 c, i, c, i, c == 'x' ? "" : "app: web", c == 'd' ? ", deletionTimestamp: '" T0 "'" : "",
			 c == 'p' ? "''" : c == 'R' ? "n2" : "n1",
			 c == 'p' ? "Pending" : c == 's' ? "Succeeded" : "Running, " READY(T0));
	}
}

static void replicasets_keep_their_number(void **state)
{
	static const struct {
		int replicas;
		const char *pods, *others; /* siblings of other sets */
		bool deleting;
		int create;
		const char *remove; /* names in order */
		int count, labeled, ready;
	} cases[] = {
		{ 3, "", "", false, 3, "", 0, 0, 0 },
		{ 3, "rrr", "", false, 0, "", 3, 3, 3 },
		{ 3, "rrs", "", false, 1, "", 2, 2, 2 },	/* one that is done is replaced */
		{ 3, "rrd", "", false, 1, "", 2, 2, 2 },	/* one that terminates too, at once */
		{ 2, "rpr", "", false, 0, "p1", 3, 3, 2 },	/* the one without a node goes */
		{ 1, "rRr", "", false, 0, "r0 r2", 3, 3, 3 },	/* those that share a node go */
		{ 1, "rR", "RR", false, 0, "R1", 2, 2, 2 },	/* siblings of other sets count */
		{ 0, "rp", "", false, 0, "r0 p1", 2, 2, 1 },	/* all go: no order */
		{ 2, "rx", "", false, 0, "", 2, 1, 2 },
		{ 3, "r", "", true, 0, "", 1, 1, 1 },		/* one that goes makes nothing */
		{ 0, "r", "", true, 0, "", 1, 1, 1 },		/* and leaves its pods to the collector */
		{ 2000, "", "", false, 500, "", 0, 0, 0 },	/* the burst */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *rs =
			test_object("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: ns, uid: u, generation: 4 %s},"
				    " spec: {replicas: %d, template: {metadata: {labels: {app: web}}}}}",
				    cases[i].deleting ? ", deletionTimestamp: '" T0 "'" : "", cases[i].replicas);
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, siblings = OBJECT_LIST_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf names = BUF_INIT;
		struct replicaset_plan plan;

		add_pods(&pods, cases[i].pods);
		add_pods(&siblings, cases[i].others);
		for (size_t k = 0; k < pods.n; k++)
			assert_int_equal(object_list_add(&siblings, pods.items[k]), 0);
		assert_int_equal(replicaset_decide(rs, &pods, &siblings, test_time(60), a, &plan), 0);
		for (size_t k = 0; k < plan.n_remove; k++)
			buf_printf(&names, "%s%s", k ? " " : "", object_name(plan.remove[k]));
		assert_int_equal(plan.create, cases[i].create);
		assert_string_equal(buf_str(&names), cases[i].remove);
		assert_int_equal(plan.replicas, cases[i].count);
		assert_int_equal(plan.fully_labeled, cases[i].labeled);
		assert_int_equal(plan.ready, cases[i].ready);
		assert_int_equal(plan.generation, 4);
	}
}

static void a_replicaset_waits_for_the_next_available(void **state)
{
	_cleanup_object_ struct object *rs = test_object("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: ns},"
							 " spec: {replicas: 2, minReadySeconds: 120}}");
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct replicaset_plan plan;

	test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}, status: {" READY(T100) "}}");
	test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: ns}, status: {" READY(T1) "}}");
	assert_int_equal(replicaset_decide(rs, &pods, &pods, test_time(110), a, &plan), 0);
	assert_int_equal(plan.wait, 11 * NSEC_PER_SEC);
	assert_int_equal(plan.available, 0);
	assert_int_equal(replicaset_decide(rs, &pods, &pods, test_time(121), a, &plan), 0);
	assert_int_equal(plan.wait, 99 * NSEC_PER_SEC);
	assert_int_equal(plan.available, 1);
	assert_int_equal(replicaset_decide(rs, &pods, &pods, test_time(220), a, &plan), 0);
	assert_int_equal(plan.wait, 0);
	assert_int_equal(plan.available, 2);
}

static void a_replicaset_tells_its_failure(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, "{metadata: {generation: 9}}"), *once;
	struct replicaset_plan plan = { .generation = 7, .replicas = 3, .ready = 2 };

	replicaset_set_status(a, root, &plan, "FailedCreate", "no room", test_time(0));
	assert_true(value_equal(value_get(root, "status"),
				test_tree(a, "{replicas: 3, readyReplicas: 2, observedGeneration: 7, conditions: [{type: ReplicaFailure,"
					     " status: 'True', lastTransitionTime: '" T0 "', reason: FailedCreate, message: no room}]}")));
	once = value_copy(a, root);
	replicaset_set_status(a, root, &plan, "FailedCreate", "no room", test_time(5));
	assert_true(value_equal(root, once));
	plan.ready = 0;
	replicaset_set_status(a, root, &plan, "", "", test_time(5));
	assert_true(value_equal(value_get(root, "status"), test_tree(a, "{replicas: 3, observedGeneration: 7}")));
}

static void claims_are_decided(void **state)
{
	static const struct {
		const char *owner, *refs, *object;
		bool matches;
		enum claim_verdict want;
	} cases[] = {
		{ "", "[{uid: u, controller: true}]", "", true, CLAIM_KEEP },
		{ "", "[{uid: u, controller: true}]", "", false, CLAIM_RELEASE },
		{ "", "[{uid: u, controller: true}]", "deletionTimestamp: x", true, CLAIM_KEEP },
		{ "", "[{uid: v, controller: true}]", "", true, CLAIM_IGNORE },
		{ "", "[{uid: v}]", "", true, CLAIM_ADOPT },
		{ "", "[{uid: u, controller: false}]", "", true, CLAIM_ADOPT },
		{ "", "[]", "", true, CLAIM_ADOPT },
		{ "", "[]", "", false, CLAIM_IGNORE },
		{ "", "[]", "deletionTimestamp: x", true, CLAIM_IGNORE },
		{ "deletionTimestamp: x", "[]", "", true, CLAIM_IGNORE },
		{ "deletionTimestamp: x", "[{uid: u, controller: true}]", "", false, CLAIM_IGNORE },
		{ "deletionTimestamp: x", "[{uid: u, controller: true}]", "", true, CLAIM_KEEP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *owner = test_object("{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: o, namespace: ns,"
								    " uid: u, %s}}", cases[i].owner);
		_cleanup_object_ struct object *o = test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, uid: p,"
								" ownerReferences: %s, %s}}", cases[i].refs, cases[i].object);

		if (claim_decide(owner, o, cases[i].matches) != cases[i].want)
			fail_msg("case %zu: %d", i, claim_decide(owner, o, cases[i].matches));
	}
}

static void garbage_is_told(void **state)
{
	static const struct {
		struct gc_owners owners; /* solid, dangling, waiting */
		bool deleting, dependents;
		enum gc_verdict want;
	} cases[] = {
		{ { 0, 0, 0 }, false, false, GC_KEEP },	 { { 1, 0, 0 }, false, false, GC_KEEP },
		{ { 1, 1, 0 }, false, false, GC_STRIP }, { { 1, 0, 1 }, false, true, GC_STRIP },
		{ { 0, 1, 0 }, false, false, GC_DELETE }, { { 0, 1, 0 }, false, true, GC_DELETE },
		{ { 0, 0, 1 }, false, false, GC_DELETE }, { { 0, 0, 1 }, false, true, GC_DELETE_FOREGROUND },
		{ { 0, 2, 1 }, false, true, GC_DELETE_FOREGROUND }, { { 0, 1, 0 }, true, true, GC_KEEP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (gc_decide(cases[i].owners, cases[i].deleting, cases[i].dependents) != cases[i].want)
			fail_msg("case %zu", i);
}

static void conditions_keep_their_times(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *status = value_new_map(a), *c;

	condition_set(a, status, "Ready", "False", "Why", "m", test_time(0), true);
	condition_set(a, status, "Other", "True", "Why", "m", test_time(0), true);
	condition_set(a, status, "Ready", "False", "Why", "another", test_time(1), true); /* says nothing new */
	c = condition_get(status, "Ready");
	assert_string_equal(value_str(value_get(c, "message")), "m");
	condition_set(a, status, "Ready", "False", "Because", "m", test_time(1), true); /* another reason: an update */
	c = condition_get(status, "Ready");
	assert_string_equal(value_str(value_get(c, "lastTransitionTime")), T0);
	assert_string_equal(value_str(value_get(c, "lastUpdateTime")), T1);
	condition_set(a, status, "Ready", "True", "Because", "m", test_time(1), false); /* another status: a transition */
	c = condition_get(status, "Ready");
	assert_string_equal(value_str(value_get(c, "lastTransitionTime")), T1);
	assert_null(value_get(c, "lastUpdateTime"));
	condition_renew(a, status, "Ready", "True", "Because", "m", test_time(100));
	c = condition_get(status, "Ready");
	assert_string_equal(value_str(value_get(c, "lastUpdateTime")), T100);
	assert_string_equal(value_str(value_get(c, "lastTransitionTime")), T1);
	assert_ptr_equal(value_at(value_get(status, "conditions"), 0), c); /* where it stood */
	condition_remove(status, "Ready");
	condition_remove(status, "Ready");
	assert_int_equal(value_len(value_get(status, "conditions")), 1);
	condition_remove(status, "Other");
	assert_null(value_get(status, "conditions"));
	assert_string_equal(condition_status(status, "Ready"), "");
	assert_string_equal(condition_reason(NULL, "Ready"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_active_ready_available),
		cmocka_unit_test(the_first_goes_first),
		cmocka_unit_test(a_pod_is_made_of_a_template),
		cmocka_unit_test(replicasets_keep_their_number),
		cmocka_unit_test(a_replicaset_waits_for_the_next_available),
		cmocka_unit_test(a_replicaset_tells_its_failure),
		cmocka_unit_test(claims_are_decided),
		cmocka_unit_test(garbage_is_told),
		cmocka_unit_test(conditions_keep_their_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
