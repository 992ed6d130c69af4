/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control_world.h"
#include "value/yaml.h"

enum { WAIT_SECONDS = 60 };


const struct writer tester = { .agent = "mount" }, agent = { .agent = "node" };

const char node_yaml[] = "apiVersion: v1\n"
				"kind: Node\n"
				"metadata: {name: n1}\n"
				"status:\n"
				"  capacity: {cpu: '8', memory: 8Gi, pods: '110'}\n"
				"  allocatable: {cpu: '8', memory: 8Gi, pods: '110'}\n"
				"  conditions: [{type: Ready, status: 'True'}]\n";

const char web_yaml[] = "apiVersion: apps/v1\n"
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

const struct schema_kind *kind(const char *plural)
{
	return schema_kind_by_plural(plural);
}

/* Creates an object from text as the given writer. */
int create(struct world *w, const struct writer *who, const char *text, unsigned flags)
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
void play_node(struct world *w)
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

/* Waits until a condition holds, playing the node at each change. */
bool wait_for(struct world *w, condition_fn condition, void *arg)
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

const struct controller_type *const types[CONTROLLERS] = { &replicaset_controller, &deployment_controller, &scheduler,
						       &garbage_collector, &namespace_controller };

int setup(void **state)
{
	struct store *s = NULL;

	assert_int_equal(store_open("memory:", &s, NULL), 0);
	return setup_on(s, state);
}

int setup_on(struct store *s, void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->store = s;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	assert_int_equal(registry_new(w->store, w->cache, NULL, &w->registry), 0);
	assert_int_equal(registry_bootstrap(w->registry, NULL), 0);
	assert_int_equal(cache_subscribe(w->cache, NULL, on_change, w, &w->watch), 0);
	for (size_t i = 0; i < CONTROLLERS; i++)
		assert_int_equal(controller_start(types[i], w->registry, &w->controllers[i], NULL), 0);
	*state = w;
	return 0;
}

int teardown(void **state)
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

int64_t status_number(struct world *w, const char *plural, const char *name, const char *field)
{
	_cleanup_object_ struct object *o = cache_get(w->cache, kind(plural), "default", name);

	return value_int(object_path(o, "status", field), 0);
}

bool is_complete(struct world *w, void *arg)
{
	_cleanup_object_ struct object *d = cache_get(w->cache, kind("deployments"), "default", "web");
	int64_t want = value_int(object_path(d, "spec", "replicas"), -1);

	return want == *(int64_t *)arg && status_number(w, "deployments", "web", "availableReplicas") == want &&
	       status_number(w, "deployments", "web", "updatedReplicas") == want &&
	       status_number(w, "deployments", "web", "replicas") == want &&
	       value_int(object_path(d, "status", "observedGeneration"), 0) ==
		       value_int(object_path(d, "metadata", "generation"), -1);
}

int scale(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_int(a, value_get(root, "spec"), "replicas", *(int64_t *)arg);
	return 0;
}

int set_image(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_at(value_path(root, "spec", "template", "spec", "containers"), 0), "image", arg);
	return 0;
}

int modify_web(struct world *w, registry_change_fn change, void *arg)
{
	return registry_modify(w->registry, &tester, kind("deployments"), "default", "web", NULL, 0, 0, change, arg);
}

void start_web(struct world *w)
{
	int64_t three = 3;

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(create(w, &tester, web_yaml, TXN_ADMIT), 0);
	assert_true(wait_for(w, is_complete, &three));
}

bool count_is(struct world *w, const char *plural, size_t n)
{
	return cache_count(w->cache, kind(plural), "default") == n;
}
