/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers together: the everyday ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/conditions.h"
#include "control_world.h"

static void a_deployment_becomes_pods_and_scales(void **state)
{
	struct world *w = *state;
	int64_t five = 5, one = 1;

	start_web(w);
	assert_true(count_is(w, "pods", 3));
	assert_true(count_is(w, "replicasets", 1));
	assert_int_equal(modify_web(w, scale, &five), 0);
	assert_true(wait_for(w, is_complete, &five));
	assert_true(count_is(w, "pods", 5));
	assert_int_equal(modify_web(w, scale, &one), 0);
	assert_true(wait_for(w, is_complete, &one));
}

static void a_new_image_rolls_and_keeps_the_old_revision(void **state)
{
	struct world *w = *state;
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *d = NULL;
	int64_t three = 3;

	start_web(w);
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:2"), 0);
	assert_true(wait_for(w, is_complete, &three));
	assert_true(count_is(w, "replicasets", 2));
	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
	for (size_t i = 0; i < pods.n; i++)
		if (!object_is_deleting(pods.items[i]))
			assert_string_equal(value_str(value_get(value_at(object_path(pods.items[i], "spec", "containers"), 0),
								"image")),
					    "nginx:2");
	d = cache_get(w->cache, kind("deployments"), "default", "web");
	assert_string_equal(value_str(object_path(d, "metadata", "annotations", "deployment.kubernetes.io/revision")), "2");
}

static bool nothing_left(struct world *w, void *arg)
{
	return count_is(w, "pods", 0) && count_is(w, "replicasets", 0) && count_is(w, "deployments", 0);
}

static void remove_web(struct world *w, enum propagation propagation)
{
	_cleanup_object_ struct object *d = cache_get(w->cache, kind("deployments"), "default", "web");
	struct delete_options opts = { .grace_seconds = -1, .propagation = propagation };
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &tester);

	assert_int_equal(txn_delete(t, d, &opts), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
}

static void a_deleted_deployment_takes_its_children(void **state)
{
	struct world *w = *state;

	start_web(w);
	remove_web(w, PROPAGATE_BACKGROUND);
	assert_true(wait_for(w, nothing_left, NULL));
}

static void foreground_deletion_waits_for_the_children(void **state)
{
	struct world *w = *state;

	start_web(w);
	remove_web(w, PROPAGATE_FOREGROUND);
	assert_true(wait_for(w, nothing_left, NULL));
}

static bool only_children_left(struct world *w, void *arg)
{
	return count_is(w, "deployments", 0) && count_is(w, "replicasets", 1) && count_is(w, "pods", 3);
}

static void orphaned_children_live_on(void **state)
{
	struct world *w = *state;
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	start_web(w);
	remove_web(w, PROPAGATE_ORPHAN);
	assert_true(wait_for(w, only_children_left, NULL));
	assert_int_equal(cache_list(w->cache, kind("replicasets"), "default", &sets), 0);
	assert_string_equal(object_controller_uid(sets.items[0]), "");
}

static bool pod_is_waiting(struct world *w, void *arg)
{
	_cleanup_object_ struct object *p = cache_get(w->cache, kind("pods"), "default", "big");
	const struct value *c = condition_get(object_path(p, "status"), "PodScheduled");

	return !strcmp(value_str_or(value_get(c, "message"), ""), arg);
}

static bool pod_is_bound(struct world *w, void *arg)
{
	_cleanup_object_ struct object *p = cache_get(w->cache, kind("pods"), "default", "big");

	return !strcmp(value_str_or(object_path(p, "spec", "nodeName"), ""), arg);
}

static void a_pod_that_fits_nowhere_waits_for_a_node(void **state)
{
	static const char big[] = "apiVersion: v1\n"
				  "kind: Pod\n"
				  "metadata: {name: big, namespace: default}\n"
				  "spec: {containers: [{name: c, image: i, resources: {requests: {cpu: '4', memory: 1Gi}}}]}\n";
	static const char small_node[] = "apiVersion: v1\n"
					 "kind: Node\n"
					 "metadata: {name: n0}\n"
					 "status:\n"
					 "  allocatable: {cpu: '2', memory: 512Mi, pods: '110'}\n"
					 "  conditions: [{type: Ready, status: 'True'}]\n";
	struct world *w = *state;

	assert_int_equal(create(w, &tester, big, TXN_ADMIT), 0);
	assert_true(wait_for(w, pod_is_waiting, (void *)"no nodes available to schedule pods"));
	assert_int_equal(create(w, &agent, small_node, 0), 0);
	assert_true(wait_for(w, pod_is_waiting,
			     (void *)"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: 0/1 nodes are "
			     "available: 1 Preemption is not helpful for scheduling."));
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_true(wait_for(w, pod_is_bound, (void *)"n1"));
}

struct count {
	size_t bound, waiting; /* pods, without those that are being deleted */
};

static bool counts_are(struct world *w, void *arg)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	const struct count *want = arg;
	struct count n = { 0 };

	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
	for (size_t i = 0; i < pods.n; i++) {
		const struct value *c = condition_get(object_path(pods.items[i], "status"), "PodScheduled");

		if (object_is_deleting(pods.items[i]))
			continue;
		n.bound += value_len(object_path(pods.items[i], "spec", "nodeName")) > 0;
		n.waiting += !strcmp(value_str_or(value_get(c, "status"), ""), "False");
	}
	return n.bound == want->bound && n.waiting == want->waiting;
}

static void remove_pod(struct world *w, const char *name)
{
	_cleanup_object_ struct object *o = cache_get(w->cache, kind("pods"), "default", name);
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &tester);

	assert_int_equal(txn_delete(t, o, NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
}

/* Two sorts of pods on a node of 8 CPUs: as each goes, one of those that wait gets its place, until none waits. */
static void waiting_pods_get_the_places_of_those_that_go(void **state)
{
	struct world *w = *state;
	char text[256];

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(text, sizeof(text),
			       "apiVersion: v1\nkind: Pod\nmetadata: {name: p%02d, namespace: default, labels: {sort: s%d}}\n"
			       "spec: {containers: [{name: c, image: i, resources: {requests: {cpu: '1'}}}]}\n", i, i % 2);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	assert_true(wait_for(w, counts_are, &(struct count){ 8, 12 }));
	for (size_t left = 12; left--;) {
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
		size_t i = 0;

		assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
		while (object_is_deleting(pods.items[i]) || !value_len(object_path(pods.items[i], "spec", "nodeName")))
			i++;
		remove_pod(w, object_name(pods.items[i]));
		assert_true(wait_for(w, counts_are, &(struct count){ 8, left }));
	}
	remove_pod(w, "p19");
	assert_true(wait_for(w, counts_are, &(struct count){ 7, 0 }));
}

static bool is_bound(struct world *w, void *arg)
{
	_cleanup_object_ struct object *p = cache_get(w->cache, kind("pods"), "default", arg);

	return value_len(object_path(p, "spec", "nodeName")) > 0;
}

/* The later one of the higher priority gets the place that comes free. */
static void a_free_place_goes_to_the_highest_priority(void **state)
{
	static const char *const pods[][3] = { { "big", "8", "" }, { "low", "5", "" }, { "high", "5", "priorityClassName: high, " } };
	struct world *w = *state;
	char text[512];

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(create(w, &tester, "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\n"
				"value: 1000\npreemptionPolicy: Never\n", TXN_ADMIT), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		(void)snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: default}\n"
			       "spec: {%scontainers: [{name: c, image: i, resources: {requests: {cpu: '%s'}}}]}\n", pods[i][0],
			       pods[i][2], pods[i][1]);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
		assert_true(wait_for(w, counts_are, &(struct count){ 1, i }));
	}
	remove_pod(w, "big");
	assert_true(wait_for(w, counts_are, &(struct count){ 1, 1 }));
	assert_true(is_bound(w, (void *)"high"));
}

static bool has_been_preempted(struct world *w, void *arg)
{
	_cleanup_object_ struct object *p = cache_get(w->cache, kind("pods"), "default", "low");

	return !p;
}

/* Two of one sort, each of which takes the place of a lower one: neither waits for the other. */
static void the_higher_take_the_places_of_the_lower(void **state)
{
	static const char *const pods[][3] = { { "low", "4", "low" }, { "lower", "4", "low" }, { "h1", "4", "high" }, { "h2", "4", "high" } };
	struct world *w = *state;
	char text[512];

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: %s}\n"
			       "value: %d\n", i ? "high" : "low", i ? 1000 : 0);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		if (i == 2)
			assert_true(wait_for(w, counts_are, &(struct count){ 2, 0 }));
		(void)snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: default}\n"
			       "spec: {priorityClassName: %s, containers: [{name: c, image: i, resources: {requests: {cpu: '%s'}}}]}\n",
			       pods[i][0], pods[i][2], pods[i][1]);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	assert_true(wait_for(w, counts_are, &(struct count){ 2, 0 }));
	assert_true(wait_for(w, has_been_preempted, NULL));
	assert_true(wait_for(w, is_bound, (void *)"h1"));
	assert_true(wait_for(w, is_bound, (void *)"h2"));
}

static size_t count_events(struct world *w, const char *pod, const char *reason)
{
	_cleanup_object_list_ struct object_list events = OBJECT_LIST_INIT;
	size_t n = 0;

	assert_int_equal(cache_list(w->cache, kind("events"), "default", &events), 0);
	for (size_t i = 0; i < events.n; i++)
		if (!strcmp(value_str_or(object_path(events.items[i], "involvedObject", "name"), ""), pod) &&
		    !strcmp(value_str_or(object_path(events.items[i], "reason"), ""), reason))
			n += (size_t)value_int(object_path(events.items[i], "count"), 0);
	return n;
}

static bool has_event(struct world *w, void *arg)
{
	return count_events(w, "big", arg) > 0;
}

/* It is tried as each of the others goes, and says the same each time: once. */
static void what_waits_for_the_same_says_it_once(void **state)
{
	struct world *w = *state;
	char name[16], text[256];

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: default}\n"
			       "spec: {containers: [{name: c, image: i, resources: {requests: {cpu: '1'}}}]}\n", i);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	assert_true(wait_for(w, counts_are, &(struct count){ 8, 0 }));
	assert_int_equal(create(w, &tester, "apiVersion: v1\nkind: Pod\nmetadata: {name: big, namespace: default}\n"
				"spec: {containers: [{name: c, image: i, resources: {requests: {cpu: '8'}}}]}\n", TXN_ADMIT), 0);
	assert_true(wait_for(w, has_event, (void *)"FailedScheduling"));
	for (size_t i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "p%zu", i);
		remove_pod(w, name);
		assert_true(wait_for(w, counts_are, &(struct count){ i < 7 ? 7 - i : 1, i < 7 }));
	}
	assert_true(wait_for(w, has_event, (void *)"Scheduled"));
	assert_int_equal(count_events(w, "big", "FailedScheduling"), 1);
}

static bool namespace_is_gone(struct world *w, void *arg)
{
	_cleanup_object_ struct object *ns = cache_get(w->cache, kind("namespaces"), NULL, "dev");

	return !ns;
}

static void a_deleted_namespace_is_emptied_first(void **state)
{
	static const char ns_yaml[] = "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}";
	static const char map_yaml[] = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: dev}}";
	struct world *w = *state;
	_cleanup_object_ struct object *ns = NULL;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &tester);

	assert_int_equal(create(w, &tester, map_yaml, TXN_ADMIT), -ENOENT);
	assert_int_equal(create(w, &tester, ns_yaml, TXN_ADMIT), 0);
	assert_int_equal(create(w, &tester, map_yaml, TXN_ADMIT), 0);
	assert_int_equal(create(w, &tester, map_yaml, TXN_ADMIT), -EEXIST);
	ns = cache_get(w->cache, kind("namespaces"), NULL, "dev");
	assert_int_equal(txn_delete(t, ns, NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
	assert_true(wait_for(w, namespace_is_gone, NULL));
	assert_int_equal(cache_count(w->cache, kind("configmaps"), "dev"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_deployment_becomes_pods_and_scales, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_image_rolls_and_keeps_the_old_revision, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deleted_deployment_takes_its_children, setup, teardown),
		cmocka_unit_test_setup_teardown(foreground_deletion_waits_for_the_children, setup, teardown),
		cmocka_unit_test_setup_teardown(orphaned_children_live_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pod_that_fits_nowhere_waits_for_a_node, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_pods_get_the_places_of_those_that_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_free_place_goes_to_the_highest_priority, setup, teardown),
		cmocka_unit_test_setup_teardown(the_higher_take_the_places_of_the_lower, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_for_the_same_says_it_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deleted_namespace_is_emptied_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
