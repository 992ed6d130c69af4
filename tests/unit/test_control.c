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
	bool mixed;
	size_t made;
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

static const struct controller_type *const types[] = { &replicaset_controller, &deployment_controller, &scheduler,
						       &garbage_collector, &namespace_controller };

static int setup(void **state)
{
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

/* --- the harder ways --- */

static const char *image_of(const struct object *o, bool in_template)
{
	const struct value *spec = in_template ? object_path(o, "spec", "template", "spec") : object_path(o, "spec");

	return value_str_or(value_get(value_at(value_get(spec, "containers"), 0), "image"), "");
}

/* How many ReplicaSets of that image there are, and the last one's revision. */
static size_t find_set(struct world *w, const char *image, const char **ret_revision, char buffer[static 32])
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	size_t n = 0;

	assert_int_equal(cache_list(w->cache, kind("replicasets"), "default", &sets), 0);
	for (size_t i = 0; i < sets.n; i++) {
		if (strcmp(image_of(sets.items[i], true), image) != 0)
			continue;
		(void)snprintf(buffer, 32, "%s", value_str_or(object_path(sets.items[i], "metadata", "annotations",
									  "deployment.kubernetes.io/revision"), ""));
		*ret_revision = buffer;
		n++;
	}
	return n;
}

static bool all_are(struct world *w, const char *image, size_t n)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
	for (size_t i = 0; i < pods.n; i++)
		if (strcmp(image_of(pods.items[i], false), image) != 0)
			return false;
	return pods.n == n;
}

static void an_old_template_is_reused_and_renumbered(void **state)
{
	struct world *w = *state;
	const char *revision = "";
	int64_t three = 3;
	char text[32];

	start_web(w);
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:2"), 0);
	assert_true(wait_for(w, is_complete, &three));
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:1"), 0);
	assert_true(wait_for(w, is_complete, &three));
	assert_true(count_is(w, "replicasets", 2));
	assert_int_equal(find_set(w, "nginx:1", &revision, text), 1);
	assert_string_equal(revision, "3");
	assert_int_equal(find_set(w, "nginx:2", &revision, text), 1);
	assert_string_equal(revision, "2");
}

static bool are_sevens(struct world *w, void *arg)
{
	return all_are(w, "nginx:7", 3);
}

static void a_template_that_changes_in_mid_rollout_wins(void **state)
{
	struct world *w = *state;
	int64_t three = 3;
	const char *revision = "";
	char text[32];

	start_web(w);
	for (int i = 2; i < 8; i++) { /* none of them is waited for */
		char image[24];

		(void)snprintf(image, sizeof(image), "nginx:%d", i);
		assert_int_equal(modify_web(w, set_image, image), 0);
		play_node(w);
	}
	assert_true(wait_for(w, is_complete, &three));
	assert_true(wait_for(w, are_sevens, NULL));
	assert_int_equal(find_set(w, "nginx:7", &revision, text), 1);
}

static int set_recreate(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_make_path(a, root, "spec", "strategy"), "type", "Recreate");
	value_remove(value_path(root, "spec", "strategy"), "rollingUpdate");
	return 0;
}

/* Fails the test when pods of both images are there at a time. */
static void forbid_mixture(void *arg, const struct cache_event *e)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	struct world *w = arg;

	if (cache_list(w->cache, kind("pods"), "default", &pods) < 0)
		return;
	for (size_t i = 1; i < pods.n; i++)
		if (strcmp(image_of(pods.items[i], false), image_of(pods.items[0], false)) != 0)
			w->mixed = true;
}

static void recreate_never_mixes(void **state)
{
	struct cache_subscription *watch = NULL;
	struct world *w = *state;
	int64_t three = 3;

	start_web(w);
	assert_int_equal(modify_web(w, set_recreate, NULL), 0);
	assert_true(wait_for(w, is_complete, &three));
	assert_int_equal(cache_subscribe(w->cache, kind("pods"), forbid_mixture, w, &watch), 0);
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:2"), 0);
	assert_true(wait_for(w, is_complete, &three));
	cache_unsubscribe(watch);
	assert_true(all_are(w, "nginx:2", 3));
	assert_false(w->mixed);
}

static int set_paused(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_bool(a, value_get(root, "spec"), "paused", *(bool *)arg);
	return 0;
}

static bool reason_is(struct world *w, void *arg)
{
	_cleanup_object_ struct object *d = cache_get(w->cache, kind("deployments"), "default", "web");

	return !strcmp(condition_reason(object_path(d, "status"), "Progressing"), arg);
}

static bool scaled_while_paused(struct world *w, void *arg)
{
	int64_t want = *(int64_t *)arg;

	return count_is(w, "pods", (size_t)want) && status_number(w, "deployments", "web", "availableReplicas") == want;
}

static void a_paused_deployment_only_scales(void **state)
{
	struct world *w = *state;
	bool yes = true, no = false;
	int64_t five = 5;

	start_web(w);
	assert_int_equal(modify_web(w, set_paused, &yes), 0);
	assert_true(wait_for(w, reason_is, (void *)"DeploymentPaused"));
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:2"), 0);
	assert_int_equal(modify_web(w, scale, &five), 0);
	assert_true(wait_for(w, scaled_while_paused, &five));
	assert_true(count_is(w, "replicasets", 1));
	assert_true(all_are(w, "nginx:1", 5));
	assert_int_equal(modify_web(w, set_paused, &no), 0);
	assert_true(wait_for(w, is_complete, &five));
	assert_true(wait_for(w, reason_is, (void *)"NewReplicaSetAvailable"));
	assert_int_equal(status_number(w, "deployments", "web", "updatedReplicas"), 5);
}

static int set_label(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_make_path(a, root, "metadata", "labels"), "app", arg);
	return 0;
}

static bool is_released_and_replaced(struct world *w, void *arg)
{
	_cleanup_object_ struct object *p = cache_get_uid(w->cache, arg);

	return p && !*object_controller_uid(p) && count_is(w, "pods", 4);
}

/* Adopted again it is one too many: it, or another, goes. */
static bool is_one_of_three(struct world *w, void *arg)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
	for (size_t i = 0; i < pods.n; i++)
		if (!*object_controller_uid(pods.items[i]) || object_is_deleting(pods.items[i]))
			return false;
	return pods.n == 3;
}

static void a_pod_is_released_and_adopted_by_its_labels(void **state)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	struct world *w = *state;
	struct object *p;

	start_web(w);
	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &pods), 0);
	p = pods.items[0];
	assert_int_equal(registry_modify(w->registry, &tester, kind("pods"), "default", object_name(p), NULL, 0, 0, set_label,
					 (void *)"other"), 0);
	assert_true(wait_for(w, is_released_and_replaced, (void *)object_uid(p)));
	assert_int_equal(registry_modify(w->registry, &tester, kind("pods"), "default", object_name(p), NULL, 0, 0, set_label,
					 (void *)"web"), 0);
	assert_true(wait_for(w, is_one_of_three, NULL));
}

static void a_set_adopts_what_its_selector_matches(void **state)
{
	static const char pod[] = "{apiVersion: v1, kind: Pod, metadata: {name: stray, namespace: default, labels: {app: rs}},"
				  " spec: {containers: [{name: c, image: i}]}}";
	static const char set[] = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: rs, namespace: default}, spec: {"
				  "replicas: 3, selector: {matchLabels: {app: rs}}, template: {metadata: {labels: {app: rs}},"
				  " spec: {containers: [{name: c, image: i}]}}}}";
	_cleanup_object_ struct object *rs = NULL, *stray = NULL;
	struct world *w = *state;

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(create(w, &tester, pod, TXN_ADMIT), 0);
	assert_int_equal(create(w, &tester, set, TXN_ADMIT), 0);
	assert_true(wait_for(w, is_one_of_three, NULL));
	stray = cache_get(w->cache, kind("pods"), "default", "stray");
	rs = cache_get(w->cache, kind("replicasets"), "default", "rs");
	assert_non_null(stray);
	assert_string_equal(object_controller_uid(stray), object_uid(rs));
}

/* A pod whose owner is not there, and never was under that uid, is garbage; one of an owner of an unknown kind stays. */
static bool only_the_unknown_is_left(struct world *w, void *arg)
{
	_cleanup_object_ struct object *lost = cache_get(w->cache, kind("configmaps"), "default", "lost");
	_cleanup_object_ struct object *kept = cache_get(w->cache, kind("configmaps"), "default", "kept");
	_cleanup_object_ struct object *half = cache_get(w->cache, kind("configmaps"), "default", "half");

	assert_non_null(kept);
	assert_non_null(half);
	return !lost && value_len(object_path(half, "metadata", "ownerReferences")) == 1;
}

static void what_no_owner_is_left_of_goes(void **state)
{
	static const char map[] = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: default, ownerReferences: [%s]}}";
	static const char gone[] = "{apiVersion: v1, kind: ConfigMap, name: owner, uid: 00000000-0000-4000-8000-000000000000}";
	static const char unknown[] = "{apiVersion: example.com/v1, kind: Thing, name: t, uid: 00000000-0000-4000-8000-000000000001}";
	_cleanup_object_ struct object *owner = NULL;
	struct world *w = *state;
	char text[1024], two[512];

	(void)snprintf(text, sizeof(text), map, "owner", "");
	assert_int_equal(create(w, &tester, text, 0), 0);
	owner = cache_get(w->cache, kind("configmaps"), "default", "owner");
	(void)snprintf(two, sizeof(two), "%s, {apiVersion: v1, kind: ConfigMap, name: owner, uid: %s}", gone, object_uid(owner));
	(void)snprintf(text, sizeof(text), map, "kept", unknown);
	assert_int_equal(create(w, &tester, text, 0), 0);
	(void)snprintf(text, sizeof(text), map, "half", two);
	assert_int_equal(create(w, &tester, text, 0), 0);
	(void)snprintf(text, sizeof(text), map, "lost", gone);
	assert_int_equal(create(w, &tester, text, 0), 0);
	assert_true(wait_for(w, only_the_unknown_is_left, NULL));
}

static void a_namespace_takes_its_deployment_with_it(void **state)
{
	static const char ns_yaml[] = "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}";
	_cleanup_object_ struct object *ns = NULL;
	struct world *w = *state;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &tester);
	int64_t three = 3;
	char text[1024];

	start_web(w);
	assert_int_equal(create(w, &tester, ns_yaml, TXN_ADMIT), 0);
	(void)snprintf(text, sizeof(text), "%s", web_yaml);
	memcpy(strstr(text, "namespace: default"), "namespace: dev    ", strlen("namespace: default"));
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	play_node(w);
	ns = cache_get(w->cache, kind("namespaces"), NULL, "dev");
	assert_int_equal(txn_delete(t, ns, NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
	assert_int_equal(create(w, &tester, text, TXN_ADMIT) == 0, 0); /* nothing new */
	assert_true(wait_for(w, namespace_is_gone, NULL));
	assert_int_equal(cache_count(w->cache, kind("pods"), "dev"), 0);
	assert_int_equal(cache_count(w->cache, kind("replicasets"), "dev"), 0);
	assert_int_equal(cache_count(w->cache, kind("deployments"), "dev"), 0);
	assert_true(wait_for(w, is_complete, &three)); /* the other namespace's */
}

/* Counts what is made: a controller that did not see its own writes would make some twice. */
static void count_made(void *arg, const struct cache_event *e)
{
	struct world *w = arg;

	if (e->type == CACHE_ADDED)
		w->made++;
}

static void two_hundred_replicas_are_made_once(void **state)
{
	struct cache_subscription *watch = NULL;
	struct world *w = *state;
	int64_t many = 200, few = 7;
	char name[24], text[512];

	assert_int_equal(cache_subscribe(w->cache, kind("pods"), count_made, w, &watch), 0);
	for (int i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "big%d", i);
		(void)snprintf(text, sizeof(text), "{apiVersion: v1, kind: Node, metadata: {name: %s}, status: {allocatable: {cpu: '8',"
						   " memory: 8Gi, pods: '60'}, conditions: [{type: Ready, status: 'True'}]}}", name);
		assert_int_equal(create(w, &agent, text, 0), 0);
	}
	assert_int_equal(create(w, &tester, web_yaml, TXN_ADMIT), 0);
	assert_int_equal(modify_web(w, scale, &many), 0);
	assert_true(wait_for(w, is_complete, &many));
	assert_int_equal(w->made, 200);
	assert_int_equal(modify_web(w, scale, &few), 0);
	assert_true(wait_for(w, is_complete, &few));
	cache_unsubscribe(watch);
	assert_int_equal(w->made, 200);
}

/* The newest revision of what is in the default namespace and named web... */
static uint64_t newest_of_web(struct world *w)
{
	static const char *const plurals[] = { "deployments", "replicasets", "pods" };
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	uint64_t newest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plurals); i++)
		assert_int_equal(cache_list(w->cache, kind(plurals[i]), "default", &all), 0);
	for (size_t i = 0; i < all.n; i++)
		if (!strncmp(object_name(all.items[i]), "web", 3) && object_revision(all.items[i]) > newest)
			newest = object_revision(all.items[i]);
	return newest;
}

static bool is_observed(struct world *w, void *arg)
{
	_cleanup_object_ struct object *d = cache_get(w->cache, kind("deployments"), "default", arg);

	return !strcmp(condition_reason(object_path(d, "status"), "Progressing"), "NewReplicaSetAvailable") &&
	       status_number(w, "deployments", arg, "observedGeneration") ==
		       value_int(object_path(d, "metadata", "generation"), -1);
}

/* Queues are in order: when a Deployment that came last is through, so is all that came before. */
static void drain(struct world *w, const char *marker)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s, namespace: default}, spec: {replicas: 1,"
		       " selector: {matchLabels: {app: %s}}, template: {metadata: {labels: {app: %s}}, spec: {containers: [{name: c,"
		       " image: i}]}}}}", marker, marker, marker);
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	assert_true(wait_for(w, is_observed, (void *)marker));
}

/* When all is as it should be, nobody writes: a sync that writes each time it runs would never end. */
static void what_is_settled_stays_settled(void **state)
{
	struct world *w = *state;
	int64_t three = 3;
	uint64_t newest;

	start_web(w);
	assert_int_equal(modify_web(w, set_image, (void *)"nginx:2"), 0);
	assert_true(wait_for(w, is_complete, &three));
	drain(w, "a");
	newest = newest_of_web(w);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		controller_stop(w->controllers[i]);
		assert_int_equal(controller_start(types[i], w->registry, &w->controllers[i], NULL), 0);
	}
	drain(w, "b"); /* after a start everything is looked at */
	assert_int_equal(newest_of_web(w), newest);
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
		cmocka_unit_test_setup_teardown(an_old_template_is_reused_and_renumbered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_template_that_changes_in_mid_rollout_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(recreate_never_mixes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paused_deployment_only_scales, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pod_is_released_and_adopted_by_its_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(a_set_adopts_what_its_selector_matches, setup, teardown),
		cmocka_unit_test_setup_teardown(what_no_owner_is_left_of_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_namespace_takes_its_deployment_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(two_hundred_replicas_are_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_settled_stays_settled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
