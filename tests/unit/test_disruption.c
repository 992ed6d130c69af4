/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disruption budgets, one decision a row: how many pods there should be, how many are healthy, how many may go
 * (K8S:pkg/controller/disruption), and whether one pod may be evicted (K8S:pkg/registry/core/pod/storage/eviction).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/disruption_decide.h"
#include "objects.h"
#include "store/evict.h"

enum { PODS_MAX = 12 };

static const struct object_list *owners;

static struct object *find(void *arg, const char *uid)
{
	(void)arg;
	for (size_t i = 0; i < owners->n; i++)
		if (strcmp(object_uid(owners->items[i]), uid) == 0)
			return object_ref(owners->items[i]);
	return NULL;
}

#define REF(api, kind, uid) ", ownerReferences: [{apiVersion: " api ", kind: " kind ", name: " uid ", uid: " uid ", controller: true}]"
#define IN_SET REF("apps/v1", "ReplicaSet", "rs")

/* "r" a ready pod, "n" one that is not, "d" a ready one that is going; then who controls it. */
static void add_pod(struct object_list *l, char what, const char *owner)
{
	test_add(l, "apiVersion: v1\nkind: Pod\nmetadata: {name: p%zu, namespace: ns, uid: p%zu%s%s}\n"
		    "status: {phase: Running, conditions: [{type: Ready, status: '%s'}]}",
		 l->n, l->n, what == 'd' ? ", deletionTimestamp: '2026-01-01T00:00:00Z'" : "", owner, what == 'n' ? "False" : "True");
}

static void add_owners(struct object_list *l)
{
	test_add(l, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: rs, namespace: ns, uid: rs}\nspec: {replicas: 3}");
	test_add(l, "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: rc, namespace: ns, uid: rc}\nspec: {replicas: 4}");
	test_add(l, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: ss, namespace: ns, uid: ss}\nspec: {replicas: 5}");
	test_add(l, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: dep, namespace: ns, uid: dep}\nspec: {replicas: 10}");
	test_add(l, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: new, namespace: ns, uid: new"
		    REF("apps/v1", "Deployment", "dep") "}\nspec: {replicas: 7}");
	test_add(l, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: old, namespace: ns, uid: old"
		    REF("apps/v1", "Deployment", "dep") "}\nspec: {replicas: 2}");
	test_add(l, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: left, namespace: ns, uid: left"
		    REF("apps/v1", "Deployment", "gone") "}\nspec: {replicas: 6}");
	test_add(l, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: roll, namespace: ns, uid: roll"
		    REF("example.com/v1", "Rollout", "dep") "}\nspec: {replicas: 8}");
	test_add(l, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: job, namespace: ns, uid: job}\nspec: {parallelism: 2}");
}

static void budgets_count_as_kubernetes_does(void **state)
{
	static const struct {
		const char *name, *spec, *pods, *owners[PODS_MAX]; /* the last owner is that of the rest too */
		int64_t allowed, healthy, desired, expected;
		size_t unmanaged;
		const char *failure;
	} cases[] = {
		{ "no pods", "minAvailable: 3", "", { "" }, 0, 0, 3, 0 },
		{ "no pods, and none needed", "minAvailable: 0", "", { "" }, 0, 0, 0, 0 },
		{ "one of three", "minAvailable: 3", "r", { "" }, 0, 1, 3, 1 },
		{ "four of three", "minAvailable: 3", "rrrr", { "" }, 1, 4, 3, 4 },
		{ "one that is not ready", "minAvailable: 3", "rrrn", { "" }, 0, 3, 3, 4 },
		{ "one that is going", "minAvailable: 2", "rrrd", { "" }, 1, 3, 2, 4 },
		{ "a number needs no controllers", "minAvailable: 1", "rr", { REF("batch/v1", "Job", "job") }, 1, 2, 1, 2 },
		{ "a set of three, one may be away", "maxUnavailable: 1", "rrr", { IN_SET }, 1, 3, 2, 3 },
		{ "one of them has come so far", "maxUnavailable: 1", "r", { IN_SET }, 0, 1, 2, 3 },
		{ "more than there are", "maxUnavailable: 7", "rrr", { IN_SET }, 3, 3, 0, 3 },
		{ "none may be away", "maxUnavailable: 0", "rrr", { IN_SET }, 0, 3, 3, 3 },
		{ "a share that rounds up", "maxUnavailable: 30%", "rrr", { IN_SET }, 1, 3, 2, 3 },
		{ "all of them", "maxUnavailable: 100%", "rrr", { IN_SET }, 3, 3, 0, 3 },
		{ "most rounds up", "minAvailable: 67%", "rrr", { IN_SET }, 0, 3, 3, 3 },
		{ "two thirds", "minAvailable: 66%", "rrr", { IN_SET }, 1, 3, 2, 3 },
		{ "28 % of seven in two sets", "minAvailable: 28%", "rrr",
		  { REF("v1", "ReplicationController", "rc"), IN_SET }, 1, 3, 2, 7 },
		{ "a ReplicationController", "minAvailable: 67%", "rrrr", { REF("v1", "ReplicationController", "rc") }, 1, 4, 3, 4 },
		{ "a StatefulSet", "maxUnavailable: 2", "rrrrr", { REF("apps/v1", "StatefulSet", "ss") }, 2, 5, 3, 5 },
		{ "a StatefulSet of the past", "maxUnavailable: 2", "rrrrr", { REF("apps/v1beta1", "StatefulSet", "ss") }, 2, 5, 3, 5 },
		{ "a ReplicaSet of the past", "maxUnavailable: 1", "rrr", { REF("extensions/v1beta1", "ReplicaSet", "rs") }, 1, 3, 2, 3 },
		{ "a Deployment's own scale", "maxUnavailable: 20%", "rrrrrrrrrr", { REF("apps/v1", "ReplicaSet", "new") }, 2, 10, 8, 10 },
		{ "a Deployment counts once", "maxUnavailable: 20%", "rrrrrrrrrr",
		  { REF("apps/v1", "ReplicaSet", "old"), REF("apps/v1", "ReplicaSet", "new") }, 2, 10, 8, 10 },
		{ "a set whose Deployment is gone", "maxUnavailable: 50%", "rrrrrr", { REF("apps/v1", "ReplicaSet", "left") }, 3, 6, 3, 6 },
		{ "a set of another controller", "maxUnavailable: 50%", "rrrrrrrr", { REF("apps/v1", "ReplicaSet", "roll") }, 4, 8, 4, 8 },
		{ "pods of nobody", "maxUnavailable: 1", "rr", { "" }, 0, 2, 0, 0, 2 },
		{ "pods of nobody, a share", "minAvailable: 50%", "rr", { "" }, 0, 2, 0, 0, 2 },
		{ "some of nobody", "maxUnavailable: 1", "rrrr", { "", IN_SET }, 2, 4, 2, 3, 1 },
		{ "a controller that is gone", "maxUnavailable: 1", "rr", { REF("apps/v1", "ReplicaSet", "none") }, .healthy = 2,
		  .failure = "found no controllers for pod \"p0\"" },
		{ "a Job has no scale", "maxUnavailable: 1", "rr", { REF("batch/v1", "Job", "job") }, .healthy = 2,
		  .failure = "jobs.batch does not implement the scale subresource" },
		{ "a kind that nobody knows", "minAvailable: 10%", "r", { REF("example.com/v1", "Rollout", "x") }, .healthy = 1,
		  .failure = "no matches for kind \"Rollout\" in version \"example.com/v1\"" },
		{ "neither", "{}", "rr", { "" }, 0, 2, 0, 0 },
	};
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	bool failed = false;

	add_owners(&all);
	owners = &all;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool none = strcmp(cases[i].spec, "{}") == 0;
		_cleanup_object_ struct object *budget = test_object(
			"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: ns, uid: b, generation: 4}\nspec: {%s}",
			none ? "" : cases[i].spec);
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		const char *owner = "";
		struct disruption_plan p;

		for (size_t k = 0; cases[i].pods[k]; k++) {
			owner = cases[i].owners[k] ? cases[i].owners[k] : owner;
			add_pod(&pods, cases[i].pods[k], owner);
		}
		assert_int_equal(disruption_decide(budget, &pods, find, NULL, test_time(0), a, &p), 0);
		if (p.healthy == cases[i].healthy && (p.failure != NULL) == (cases[i].failure != NULL) &&
		    (p.failure ? strcmp(p.failure, cases[i].failure) == 0 :
				 p.allowed == cases[i].allowed && p.desired == cases[i].desired &&
					 p.expected == cases[i].expected && p.unmanaged == cases[i].unmanaged))
			continue;
		print_error("%s: allowed %" PRId64 " healthy %" PRId64 " desired %" PRId64 " expected %" PRId64 " unmanaged %zu %s\n",
			    cases[i].name, p.allowed, p.healthy, p.desired, p.expected, p.unmanaged, p.failure ? p.failure : "");
		failed = true;
	}
	assert_false(failed);
}

static struct object *budget_of(const char *status)
{
	return test_object("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: ns, uid: b, generation: 4}\n"
			   "spec: {minAvailable: 1}\nstatus: {%s}", status);
}

static void evicted_pods_do_not_count(void **state)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, none = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *budget = NULL;
	struct value *root;
	struct disruption_plan p;
	char status[512];

	(void)snprintf(status, sizeof(status), "disruptedPods: {p0: '%s', p1: '%s', p2: '%s', notthere: '%s'}", test_stamp(0),
		       test_stamp(-180), test_stamp(-60), test_stamp(0));
	budget = budget_of(status);
	owners = &none;
	add_pod(&pods, 'd', "");
	add_pod(&pods, 'r', "");
	add_pod(&pods, 'r', "");
	assert_int_equal(disruption_decide(budget, &pods, find, NULL, test_time(0), a, &p), 0);
	assert_int_equal(p.healthy, 1); /* its time is over: it counts, and is told of */
	assert_int_equal(p.expected, 3);
	assert_int_equal(p.allowed, 0);
	assert_int_equal(value_len(p.disrupted), 1);
	assert_string_equal(value_str_or(value_get(p.disrupted, "p2"), ""), test_stamp(-60));
	assert_int_equal(p.n_late, 1);
	assert_string_equal(object_name(p.late[0]), "p1");
	assert_int_equal(p.wait, 60 * NSEC_PER_SEC + 1);

	root = value_copy(a, object_root(budget));
	disruption_set_status(a, root, &p, test_time(9));
	assert_int_equal(value_len(value_path(root, "status", "disruptedPods")), 1);
	assert_int_equal(value_int(value_path(root, "status", "observedGeneration"), 0), 4);
	assert_string_equal(condition_status(value_get(root, "status"), "DisruptionAllowed"), "False");
	assert_string_equal(condition_reason(value_get(root, "status"), "DisruptionAllowed"), "InsufficientPods");
	assert_int_equal(value_int(value_get(condition_get(value_get(root, "status"), "DisruptionAllowed"), "observedGeneration"), 0), 4);
}

static void the_condition_follows_what_is_allowed(void **state)
{
	static const struct {
		struct disruption_plan plan;
		const char *status, *reason, *message;
		int64_t since;
	} steps[] = {
		{ { .allowed = 1 }, "True", "SufficientPods", "", 1 },
		{ { .allowed = 2 }, "True", "SufficientPods", "", 1 },
		{ { .allowed = 0 }, "False", "InsufficientPods", "", 3 },
		{ { .allowed = 7, .failure = "why" }, "False", "SyncFailed", "why", 3 },
		{ { .allowed = 1 }, "True", "SufficientPods", "", 5 },
		{ { .allowed = 7, .failure = "why" }, "False", "SyncFailed", "why", 6 },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *budget = budget_of("");
	struct value *root = value_copy(a, object_root(budget)), *c;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		disruption_set_status(a, root, &steps[i].plan, test_time((int64_t)i + 1));
		c = condition_get(value_get(root, "status"), "DisruptionAllowed");
		assert_string_equal(value_str_or(value_get(c, "status"), ""), steps[i].status);
		assert_string_equal(value_str_or(value_get(c, "reason"), ""), steps[i].reason);
		assert_string_equal(value_str_or(value_get(c, "message"), "none"), steps[i].message);
		assert_string_equal(value_str_or(value_get(c, "lastTransitionTime"), ""), test_stamp(steps[i].since));
		assert_int_equal(value_int(value_path(root, "status", "disruptionsAllowed"), -1),
				 steps[i].plan.failure ? 0 : steps[i].plan.allowed);
	}
}

#define LOOKED "observedGeneration: 4, currentHealthy: 3, desiredHealthy: 3, disruptionsAllowed: 0"
#define REFUSED "Cannot evict pod as it would violate the pod's disruption budget."

static void evictions_are_decided_as_kubernetes_does(void **state)
{
	static const struct {
		const char *name, *pod, *budgets[2];
		int want;
		bool charged;
		const char *why;
	} cases[] = {
		{ "no budget", "phase: Running", { NULL }, 0 },
		{ "a budget that allows one", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "status: {observedGeneration: 4, disruptionsAllowed: 1}" }, 0, true },
		{ "one that allows none", "phase: Running, conditions: [{type: Ready, status: 'True'}]", { "status: {" LOOKED "}" }, -EBUSY,
		  false, REFUSED " The disruption budget b needs 3 healthy pods and has 3 currently" },
		{ "none has looked at it", "phase: Running", { "status: {}" }, -EBUSY, false,
		  REFUSED " The disruption budget b is still being processed by the server." },
		{ "none since it changed", "phase: Running", { "status: {observedGeneration: 3, disruptionsAllowed: 1}" }, -EBUSY, false,
		  REFUSED " The disruption budget b is still being processed by the server." },
		{ "one that cannot count", "phase: Running",
		  { "status: {" LOOKED ", conditions: [{type: DisruptionAllowed, status: 'False', reason: SyncFailed, message: m}]}" },
		  0 },
		{ "one that cannot count, a ready pod", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "status: {" LOOKED ", conditions: [{type: DisruptionAllowed, status: 'False', reason: SyncFailed, message: m}]}" },
		  -EBUSY, false, REFUSED " The disruption budget b does not allow evicting pods currently because it failed sync: m" },
		{ "one with a reason", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "status: {observedGeneration: 4, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 0, conditions: [{type: "
		    "DisruptionAllowed, status: 'False', reason: R, message: m}]}" },
		  -EBUSY, false, REFUSED " The disruption budget b does not allow evicting pods currently (R): m" },
		{ "one without", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "status: {observedGeneration: 4, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 0}" }, -EBUSY, false,
		  REFUSED " The disruption budget b does not allow evicting pods currently" },
		{ "below nothing", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "status: {observedGeneration: 4, disruptionsAllowed: -1}" }, -EBUSY, false,
		  "poddisruptionbudgets.policy \"b\" is forbidden: pdb disruptions allowed is negative" },
		{ "a pod that is done", "phase: Succeeded", { "status: {" LOOKED "}" }, 0 },
		{ "one that failed", "phase: Failed", { "status: {" LOOKED "}" }, 0 },
		{ "one that has not begun", "phase: Pending", { "status: {" LOOKED "}" }, 0 },
		{ "not ready, and enough others are", "phase: Running", { "status: {" LOOKED "}" }, 0 },
		{ "not ready, and too few others are", "phase: Running",
		  { "status: {observedGeneration: 4, currentHealthy: 2, desiredHealthy: 3, disruptionsAllowed: 0}" }, -EBUSY, false,
		  REFUSED " The disruption budget b needs 3 healthy pods and has 2 currently" },
		{ "not ready, and nobody is needed", "phase: Running",
		  { "status: {observedGeneration: 4, currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0}" }, -EBUSY, false,
		  REFUSED " The disruption budget b needs 0 healthy pods and has 0 currently" },
		{ "not ready, too few, IfHealthyBudget", "phase: Running",
		  { "spec: {unhealthyPodEvictionPolicy: IfHealthyBudget}\nstatus: {observedGeneration: 4, currentHealthy: 2, desiredHealthy: 3}" },
		  -EBUSY, false, REFUSED " The disruption budget b needs 3 healthy pods and has 2 currently" },
		{ "not ready, too few, AlwaysAllow", "phase: Running",
		  { "spec: {unhealthyPodEvictionPolicy: AlwaysAllow}\nstatus: {observedGeneration: 4, currentHealthy: 2, desiredHealthy: 3}" },
		  0 },
		{ "ready, AlwaysAllow", "phase: Running, conditions: [{type: Ready, status: 'True'}]",
		  { "spec: {unhealthyPodEvictionPolicy: AlwaysAllow}\nstatus: {" LOOKED "}" }, -EBUSY, false,
		  REFUSED " The disruption budget b needs 3 healthy pods and has 3 currently" },
		{ "two budgets", "phase: Running", { "status: {" LOOKED "}", "status: {" LOOKED "}" }, -EINVAL, false,
		  "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." },
		{ "two budgets of a pod that is done", "phase: Failed", { "status: {" LOOKED "}", "status: {" LOOKED "}" }, 0 },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod =
			test_object("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p}\nstatus: {%s}", cases[i].pod);
		_cleanup_object_list_ struct object_list budgets = OBJECT_LIST_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		const struct object *charge;
		const char *why;
		int r;

		for (size_t k = 0; k < 2 && cases[i].budgets[k]; k++)
			test_add(&budgets, "apiVersion: policy/v1\nkind: PodDisruptionBudget\n"
					   "metadata: {name: b, namespace: ns, uid: b, generation: 4}\n%s", cases[i].budgets[k]);
		r = evict_decide(pod, &budgets, a, &charge, &why);
		if (r == cases[i].want && (charge != NULL) == cases[i].charged && strcmp(why, cases[i].why ? cases[i].why : "") == 0)
			continue;
		print_error("%s: %d%s %s\n", cases[i].name, r, charge ? " charged" : "", why);
		failed = true;
	}
	assert_false(failed);
}

static void a_disruption_that_came_to_nothing_is_stale(void **state)
{
	static const struct {
		const char *name, *meta, *status;
		int64_t want; /* s; -1: never */
	} cases[] = {
		{ "none", "", "phase: Running", -1 },
		{ "an old one", "", "conditions: [{type: DisruptionTarget, status: 'True', lastTransitionTime: '2025-12-31T23:50:00Z'}]", 0 },
		{ "a new one", "", "conditions: [{type: DisruptionTarget, status: 'True', lastTransitionTime: '2025-12-31T23:59:50Z'}]", 110 },
		{ "one of kubelet's", "",
		  "conditions: [{type: DisruptionTarget, status: 'True', reason: TerminationByKubelet, lastTransitionTime: "
		  "'2025-12-31T23:50:00Z'}]", -1 },
		{ "a pod that is going", ", deletionTimestamp: '2026-01-01T00:00:00Z'",
		  "conditions: [{type: DisruptionTarget, status: 'True', lastTransitionTime: '2025-12-31T23:50:00Z'}]", -1 },
		{ "one that has failed", "",
		  "phase: Failed, conditions: [{type: DisruptionTarget, status: 'True', lastTransitionTime: '2025-12-31T23:50:00Z'}]", -1 },
		{ "cleared", "", "conditions: [{type: DisruptionTarget, status: 'False', lastTransitionTime: '2025-12-31T23:50:00Z'}]", -1 },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod = test_object(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p%s}\nstatus: {%s}", cases[i].meta, cases[i].status);
		int64_t got = disruption_stale_after(pod, test_time(0));

		if (got == (cases[i].want < 0 ? -1 : cases[i].want * NSEC_PER_SEC))
			continue;
		print_error("%s: %" PRId64 "\n", cases[i].name, got);
		failed = true;
	}
	assert_false(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budgets_count_as_kubernetes_does),
		cmocka_unit_test(evicted_pods_do_not_count),
		cmocka_unit_test(the_condition_follows_what_is_allowed),
		cmocka_unit_test(evictions_are_decided_as_kubernetes_does),
		cmocka_unit_test(a_disruption_that_came_to_nothing_is_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
