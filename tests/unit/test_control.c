/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers together on a store in memory, with a node that plays the node agent: every pod bound to it becomes
 * Running and Ready at once. What is waited for is a condition of the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "value/yaml.h"

enum { WAIT_SECONDS = 60 };

struct world {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct controller *controllers[6];
	struct cache_subscription *watch;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t changes;
};

static const struct writer tester = { .agent = "mount" }, agent = { .agent = "node" };

static const char node_yaml[] = "apiVersion: v1\n"
				"kind: Node\n"
				"metadata: {name: n1}\n"
				"status:\n"
				"  capacity: {cpu: '8', memory: 8Gi, pods: '110'}\n"
				"  allocatable: {cpu: '8', memory: 8Gi, pods: '110'}\n"
				"  conditions: [{type: Ready, status: 'True'}]\n";

static const char web_yaml[] = "apiVersion: apps/v1\n"
			       "kind: Deployment\n"
			       "metadata: {name: web, namespace: default}\n"
			       "spec:\n"
			       "  replicas: 3\n"
			       "  selector: {matchLabels: {app: web}}\n"
			       "  template:\n"
			       "    metadata: {labels: {app: web}}\n"
			       "    spec: {containers: [{name: c, image: 'nginx:1'}]}\n";

static void on_change(void *arg, const struct cache_event *e)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->changes++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static const struct schema_kind *kind(const char *plural)
{
	return schema_kind_by_plural(plural);
}

/* Creates an object from text as the given writer. */
static int create(struct world *w, const struct writer *who, const char *text, unsigned flags)
{
	_cleanup_txn_ struct txn *t = txn_new(w->registry, who);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct yaml_document *docs;
	size_t n;
	int r;

	assert_int_equal(yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL), 0);
	assert_int_equal(n, 1);
	r = txn_create(t, docs[0].root, flags, NULL, &diags);
	for (size_t i = 0; i < diags.n; i++)
		if (diags.items[i].severity == DIAG_ERROR)
			print_message("%s: %s\n", diags.items[i].path, diags.items[i].message);
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static int make_ready(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status");
	int64_t now = clock_realtime();

	if (!strcmp(value_str_or(value_get(status, "phase"), ""), "Running"))
		return -ECANCELED;
	value_set_str(a, status, "phase", "Running");
	condition_set(a, status, "Ready", "True", "", "", now, false);
	return 0;
}

/* Plays the node agent: what is bound runs, what is deleted goes. Runs on the test's thread. */
static void play_node(struct world *w)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(w->cache, kind("pods"), NULL, &pods), 0);
	for (size_t i = 0; i < pods.n; i++) {
		struct object *p = pods.items[i];

		if (object_is_deleting(p)) {
			_cleanup_txn_ struct txn *t = txn_new(w->registry, &agent);
			struct delete_options now = { .grace_seconds = 0 };

			if (txn_delete(t, p, &now) == 0)
				(void)txn_commit(t, 0, NULL);
		} else if (value_len(object_path(p, "spec", "nodeName"))) {
			(void)registry_modify(w->registry, &agent, kind("pods"), object_namespace(p), object_name(p),
					      object_uid(p), TXN_STATUS, STORE_LAZY, make_ready, NULL);
		}
	}
}

typedef bool (*condition_fn)(struct world *w, void *arg);

/* Waits until a condition holds, playing the node at each change. */
static bool wait_for(struct world *w, condition_fn condition, void *arg)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	for (;;) {
		uint64_t seen;
		int r = 0;

		pthread_mutex_lock(&w->lock);
		seen = w->changes;
		pthread_mutex_unlock(&w->lock);
		play_node(w);
		if (condition(w, arg))
			return true;
		pthread_mutex_lock(&w->lock);
		while (w->changes == seen && r == 0)
			r = pthread_cond_timedwait(&w->changed, &w->lock, &until);
		pthread_mutex_unlock(&w->lock);
		if (r)
			return false;
	}
}

static int setup(void **state)
{
	static const struct controller_type *const types[] = { &replicaset_controller, &deployment_controller,
							       &garbage_collector, &namespace_controller, &scheduler };
	struct world *w = calloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	assert_int_equal(store_open("memory:", &w->store, NULL), 0);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	assert_int_equal(registry_new(w->store, w->cache, NULL, &w->registry), 0);
	assert_int_equal(registry_bootstrap(w->registry, NULL), 0);
	assert_int_equal(cache_subscribe(w->cache, NULL, on_change, w, &w->watch), 0);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(controller_start(types[i], w->registry, &w->controllers[i], NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(w->controllers); i++)
		controller_stop(w->controllers[i]);
	cache_unsubscribe(w->watch);
	registry_free(w->registry);
	cache_free(w->cache);
	store_close(w->store);
	free(w);
	return 0;
}

static int64_t status_number(struct world *w, const char *plural, const char *name, const char *field)
{
	_cleanup_object_ struct object *o = cache_get(w->cache, kind(plural), "default", name);

	return value_int(object_path(o, "status", field), 0);
}

static bool is_complete(struct world *w, void *arg)
{
	_cleanup_object_ struct object *d = cache_get(w->cache, kind("deployments"), "default", "web");
	int64_t want = value_int(object_path(d, "spec", "replicas"), -1);

	return want == *(int64_t *)arg && status_number(w, "deployments", "web", "availableReplicas") == want &&
	       status_number(w, "deployments", "web", "updatedReplicas") == want &&
	       status_number(w, "deployments", "web", "replicas") == want &&
	       value_int(object_path(d, "status", "observedGeneration"), 0) ==
		       value_int(object_path(d, "metadata", "generation"), -1);
}

static int scale(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_int(a, value_get(root, "spec"), "replicas", *(int64_t *)arg);
	return 0;
}

static int set_image(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_at(value_path(root, "spec", "template", "spec", "containers"), 0), "image", arg);
	return 0;
}

static int modify_web(struct world *w, registry_change_fn change, void *arg)
{
	return registry_modify(w->registry, &tester, kind("deployments"), "default", "web", NULL, 0, 0, change, arg);
}

static void start_web(struct world *w)
{
	int64_t three = 3;

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(create(w, &tester, web_yaml, TXN_ADMIT), 0);
	assert_true(wait_for(w, is_complete, &three));
}

static bool count_is(struct world *w, const char *plural, size_t n)
{
	return cache_count(w->cache, kind(plural), "default") == n;
}

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
			     (void *)"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."));
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_true(wait_for(w, pod_is_bound, (void *)"n1"));
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
		cmocka_unit_test_setup_teardown(a_deleted_namespace_is_emptied_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
