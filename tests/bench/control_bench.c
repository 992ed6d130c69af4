/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers and the scheduler on a store in memory: a Deployment of 1,000 pods on 100 nodes, from its creation to
 * its last pod bound, and until its status says that all are available; then its deletion until nothing is left. The
 * node agent is played by a thread that makes what is bound Running and Ready, and removes what is deleted.
 *
 *   control_bench [PODS [NODES]]
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "value/yaml.h"

static const struct writer bench = { .agent = "bench" }, agent = { .agent = "node" };

struct world {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* monotonic clock */
	struct object_list todo; /* pods that the node has to do something about; protected by lock, as is the rest */
	size_t bound;
	int64_t available, deployments, pods;
	bool stop;
};

static _Noreturn void die(const char *what, int r)
{
	fprintf(stderr, "control_bench: %s: %s\n", what, strerrordesc_np(-r));
	exit(1);
}

static void create(struct world *w, const char *text, unsigned flags)
{
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &bench);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct yaml_document *docs;
	size_t n;
	int r = yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL);

	if (r == 0)
		r = txn_create(t, docs[0].root, flags, NULL, &diags);
	if (r == 0)
		r = txn_commit(t, 0, NULL);
	if (r < 0)
		die(diags.n ? diags.items[0].message : text, r);
}

/* What the node has to do for a pod, and what is waited for. Runs on the store's thread. */
static void notice(void *arg, const struct cache_event *e)
{
	const struct object *o = e->now ? e->now : e->old;
	const char *plural = object_kind(o)->plural;
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	if (!strcmp(plural, "deployments")) {
		w->deployments = (int64_t)cache_count(w->cache, object_kind(o), NULL);
		w->available = value_int(object_path(e->now, "status", "availableReplicas"), 0);
	} else if (!strcmp(plural, "pods")) {
		bool was_bound = value_len(object_path(e->old, "spec", "nodeName")) > 0;

		w->pods = (int64_t)cache_count(w->cache, object_kind(o), NULL);
		if (e->now && value_len(object_path(e->now, "spec", "nodeName"))) {
			w->bound += !was_bound;
			if (!was_bound || (object_is_deleting(e->now) && !object_is_deleting(e->old)))
				(void)object_list_add(&w->todo, e->now);
		}
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static int make_ready(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status");

	value_set_str(a, status, "phase", "Running");
	condition_set(a, status, "Ready", "True", "", "", clock_realtime(), false);
	return 0;
}

static void serve_pod(struct world *w, const struct object *p)
{
	struct delete_options now = { .grace_seconds = 0 };
	int r = -ESTALE;

	if (!object_is_deleting(p)) {
		(void)registry_modify(w->registry, &agent, object_kind(p), object_namespace(p), object_name(p),
				      object_uid(p), TXN_STATUS, STORE_LAZY, make_ready, NULL);
		return;
	}
	while (r == -ESTALE) {
		_cleanup_object_ struct object *latest = cache_get_uid(w->cache, object_uid(p));
		_cleanup_txn_ struct txn *t = txn_new(w->registry, &agent);

		r = latest ? txn_delete(t, latest, &now) : -ENOENT;
		if (r == 0)
			r = txn_commit(t, 0, NULL);
	}
}

static void *play_nodes(void *arg)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		_cleanup_object_list_ struct object_list todo = w->todo;

		w->todo = OBJECT_LIST_INIT;
		if (!todo.n) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		for (size_t i = 0; i < todo.n; i++)
			serve_pod(w, todo.items[i]);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum { WAIT_SECONDS = 300 };

typedef bool (*condition_fn)(const struct world *w, int64_t n);

static bool all_bound(const struct world *w, int64_t n)
{
	return (int64_t)w->bound >= n;
}

static bool all_available(const struct world *w, int64_t n)
{
	return w->available == n;
}

static bool all_gone(const struct world *w, int64_t n)
{
	(void)n;
	return !w->pods && !w->deployments;
}

/* Milliseconds from `since` until the condition holds. */
static double wait_for(struct world *w, condition_fn condition, int64_t n, int64_t since, const char *what)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&w->lock);
	while (!condition(w, n) && r == 0)
		r = pthread_cond_timedwait(&w->changed, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
	if (r)
		die(what, -r);
	return (double)(clock_monotonic() - since) / NSEC_PER_MSEC;
}

static void open_world(struct world *w)
{
	pthread_condattr_t attr;
	int r;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = store_open("memory:", &w->store, NULL);
	if (r == 0)
		r = cache_new(w->store, &w->cache, NULL);
	if (r == 0)
		r = registry_new(w->store, w->cache, NULL, &w->registry);
	if (r == 0)
		r = registry_bootstrap(w->registry, NULL);
	if (r < 0)
		die("start", r);
}

static void make_nodes(struct world *w, long n)
{
	char text[512];

	for (long i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text),
			       "{apiVersion: v1, kind: Node, metadata: {name: node-%ld}, status: {allocatable: {cpu: '16',"
			       " memory: 64Gi, pods: '110'}, conditions: [{type: Ready, status: 'True'}]}}", i);
		create(w, text, 0);
	}
}

static void measure(struct world *w, long n)
{
	struct delete_options opts = { .grace_seconds = -1, .propagation = PROPAGATE_BACKGROUND };
	const struct schema_kind *kind = schema_kind_by_plural("deployments");
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &bench);
	_cleanup_object_ struct object *d = NULL;
	int64_t start = clock_monotonic();
	double bound, available, gone;
	char text[512];
	int r = -ESTALE;

	(void)snprintf(text, sizeof(text),
		       "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default}, spec: {replicas: %ld,"
		       " selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers:"
		       " [{name: c, image: i, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}}}}", n);
	create(w, text, TXN_ADMIT);
	bound = wait_for(w, all_bound, n, start, "waiting for all to be bound");
	available = wait_for(w, all_available, n, start, "waiting for all to be available");
	start = clock_monotonic();
	d = cache_get(w->cache, kind, "default", "web");
	r = d ? txn_delete(t, d, &opts) : -ENOENT;
	if (r == 0)
		r = txn_commit(t, 0, NULL);
	if (r < 0)
		die("delete", r);
	gone = wait_for(w, all_gone, n, start, "waiting for all to be gone");
	printf("podfs control-%ld-bound ms %.1f\npodfs control-%ld-available ms %.1f\npodfs control-%ld-gone ms %.1f\n"
	       "podfs control-%ld-revisions n %" PRIu64 "\n",
	       n, bound, n, available, n, gone, n, store_revision(w->store));
}

int main(int argc, char **argv)
{
	static const struct controller_type *const types[] = { &replicaset_controller, &deployment_controller,
							       &garbage_collector, &namespace_controller, &scheduler };
	long pods = argc > 1 ? strtol(argv[1], NULL, 10) : 1000, nodes = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
	struct controller *controllers[ARRAY_SIZE(types)] = { NULL };
	struct cache_subscription *watch = NULL;
	struct world w = { .store = NULL };
	pthread_t player;
	int r;

	open_world(&w);
	make_nodes(&w, nodes);
	r = cache_subscribe(w.cache, NULL, notice, &w, &watch);
	for (size_t i = 0; i < ARRAY_SIZE(types) && r == 0; i++)
		r = controller_start(types[i], w.registry, &controllers[i], NULL);
	if (r == 0)
		r = -pthread_create(&player, NULL, play_nodes, &w);
	if (r < 0)
		die("start", r);
	measure(&w, pods);
	pthread_mutex_lock(&w.lock);
	w.stop = true;
	pthread_cond_broadcast(&w.changed);
	pthread_mutex_unlock(&w.lock);
	pthread_join(player, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		controller_stop(controllers[i]);
	cache_unsubscribe(watch);
	object_list_clear(&w.todo);
	registry_free(w.registry);
	cache_free(w.cache);
	store_close(w.store);
	return 0;
}
