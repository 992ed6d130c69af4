/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers and the scheduler with many pods, on fake nodes that run every pod at once:
 *
 *  - a Deployment from its write until all its pods are Running, and its removal until none is left;
 *  - how many decisions a second the scheduler takes on the way, and what a pod takes of memory beyond its bytes;
 *  - what a change to one pod costs in CPU when there are few pods, and when there are that many;
 *  - the CPU of a cluster of that many pods in which nothing happens.
 *
 *   scale_bench STORE PODS NODES [more]     STORE as store_open() takes it; more: the last three too, with Deployments
 * of 100 pods
 */
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/controller.h"
#include "../unit/fake_node.h"
#include "value/yaml.h"

enum { WAIT_SECONDS = 600, FEW = 100 /* pods of a Deployment, when there are many */, CHANGES = 500, IDLE_SECONDS = 5 };

static const struct writer bench = { .agent = "mount" };

static const struct controller_type *const types[] = {
	&replicaset_controller, &deployment_controller, &garbage_collector,	&namespace_controller, &scheduler,
	&job_controller,	&daemonset_controller,	&statefulset_controller
};

struct world {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct controller *controllers[ARRAY_SIZE(types)];
	struct fake_nodes *nodes;
	struct cache_subscription *watch;
	pthread_t player;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* monotonic clock; of what follows, which the lock protects */
	size_t pods, running, bound;
	int64_t last_bound; /* when */
	bool work, stop;
};

static _Noreturn void die(const char *what, int r)
{
	fprintf(stderr, "scale_bench: %s: %s\n", what, strerrordesc_np(-r));
	exit(1);
}

static bool is_running(const struct object *pod)
{
	const char *phase = pod ? object_str(pod, "status", "phase") : NULL;

	return phase && !strcmp(phase, "Running") && !object_is_deleting(pod);
}

static void notice(void *arg, const struct cache_event *e)
{
	bool was_bound = e->old && object_str(e->old, "spec", "nodeName"),
	     is_bound = e->now && object_str(e->now, "spec", "nodeName");
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->pods += (e->now != NULL) - (e->old != NULL);
	w->running += is_running(e->now) - is_running(e->old);
	if (is_bound && !was_bound) {
		w->bound++;
		w->last_bound = clock_monotonic();
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void wake(void *arg)
{
	struct world *w = arg;

	pthread_mutex_lock(&w->lock);
	w->work = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* The nodes' agents. */
static void *play(void *arg)
{
	struct world *w = arg;
	int64_t next;

	for (;;) {
		while (fake_nodes_step(w->nodes, &next))
			;
		pthread_mutex_lock(&w->lock);
		while (!w->work && !w->stop)
			pthread_cond_wait(&w->changed, &w->lock);
		w->work = false;
		if (w->stop)
			break;
		pthread_mutex_unlock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void open_world(struct world *w, const char *uri)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	pthread_condattr_t attr;
	int r;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = store_open(uri, &w->store, &err);
	if (r == 0)
		r = cache_new(w->store, &w->cache, &err);
	if (r == 0)
		r = registry_new(w->store, w->cache, NULL, &w->registry);
	if (r == 0)
		r = registry_bootstrap(w->registry, &err);
	if (r == 0)
		r = cache_subscribe(w->cache, schema_kind_by_plural("pods"), notice, w, &w->watch);
	for (size_t i = 0; i < ARRAY_SIZE(types) && r == 0; i++)
		r = controller_start(types[i], w->registry, &w->controllers[i], &err);
	if (r == 0)
		r = fake_nodes_new(w->registry, NULL, wake, w, &w->nodes);
	if (r == 0)
		r = -pthread_create(&w->player, NULL, play, w);
	if (r < 0)
		die(error_text(&err), r);
}

static void close_world(struct world *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->player, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		controller_stop(w->controllers[i]);
	fake_nodes_free(w->nodes);
	cache_unsubscribe(w->watch);
	registry_free(w->registry);
	cache_free(w->cache);
	store_close(w->store);
}

/* Waits until so many pods are there and as many are Running; seconds since. */
static double wait_for(struct world *w, size_t pods, int64_t since)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&w->lock);
	while ((w->pods != pods || w->running != pods) && r == 0)
		r = pthread_cond_timedwait(&w->changed, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
	if (r)
		die("waiting for pods", -r);
	return (double)(clock_monotonic() - since) / NSEC_PER_SEC;
}

static void create_deployment(struct world *w, const char *name, long replicas)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &bench);
	struct yaml_document *docs;
	const char *text;
	size_t n;
	int r;

	text = arena_printf(
		txn_arena(t),
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s, namespace: default}, spec: {replicas: %ld,"
		" selector: {matchLabels: {app: %s}}, template: {metadata: {labels: {app: %s}}, spec: {containers:"
		" [{name: c, image: i, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}}}}",
		name, replicas, name, name);
	r = yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL);
	if (r == 0)
		r = txn_create(t, docs[0].root, TXN_ADMIT, NULL, &diags);
	if (r == 0)
		r = txn_commit(t, 0, NULL);
	if (r < 0)
		die(diags.n ? diags.items[0].message : name, r);
}

/* One Deployment, or many of FEW pods. */
static void create_pods(struct world *w, long pods, bool many)
{
	char name[32];

	if (!many)
		create_deployment(w, "web", pods);
	for (long i = 0; many && i < pods / FEW; i++) {
		(void)snprintf(name, sizeof(name), "web-%ld", i);
		create_deployment(w, name, FEW);
	}
}

static void delete_deployment(struct world *w, const char *name)
{
	int r = -ESTALE;

	while (r == -ESTALE) {
		_cleanup_object_ struct object *d =
			cache_get(w->cache, schema_kind_by_plural("deployments"), "default", name);
		_cleanup_txn_ struct txn *t = txn_new(w->registry, &bench);

		r = d ? txn_delete(t, d, NULL) : -ENOENT;
		if (r == 0)
			r = txn_commit(t, 0, NULL);
	}
	if (r < 0)
		die("delete", r);
}

static void delete_pods(struct world *w, long pods, bool many)
{
	char name[32];

	if (!many)
		delete_deployment(w, "web");
	for (long i = 0; many && i < pods / FEW; i++) {
		(void)snprintf(name, sizeof(name), "web-%ld", i);
		delete_deployment(w, name);
	}
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / NSEC_PER_SEC;
}

/* Without a wake-up of our own. */
static void idle(int seconds)
{
	(void)poll(NULL, 0, seconds * 1000);
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0, all;

	(void)malloc_trim(0);
	if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2)
		die("/proc/self/statm", -EIO);
	(void)fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* Bytes of the pods' values in the store. */
static size_t stored(struct world *w)
{
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
	size_t bytes = 0, len;

	if (store_list(w->store, "/objects/pods/", &l) < 0)
		die("list", -ENOMEM);
	for (size_t i = 0; i < l.n; i++) {
		(void)store_entry_value(l.items[i], &len);
		bytes += len;
	}
	return bytes;
}

static int flip_ready(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *c = value_find(value_path(root, "status", "conditions"), "type", "Ready");

	(void)arg;
	(void)old;
	value_set_str(a, c, "status", strcmp(value_str_or(value_get(c, "status"), ""), "True") ? "True" : "False");
	return 0;
}

/* CPU microseconds of a change of one pod's Ready condition, with all that follows from it. */
static double change_one(struct world *w)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	const struct schema_kind *kind = schema_kind_by_plural("pods");
	double before;

	if (cache_list(w->cache, kind, "default", &pods) < 0 || !pods.n)
		die("list", -ENOMEM);
	idle(1);
	before = cpu();
	for (int i = 0; i < CHANGES; i++) {
		const struct object *p = pods.items[(size_t)i * 7919 % pods.n];
		int r = registry_modify(w->registry, &bench, kind, "default", object_name(p), object_uid(p), TXN_STATUS,
					STORE_LAZY, flip_ready, NULL);

		if (r < 0)
			die("change", r);
		(void)poll(NULL, 0, 2); /* what follows from it is done before the next */
	}
	idle(1);
	return (cpu() - before) * 1e6 / CHANGES;
}

static void say(const char *what, long pods, const char *unit, double value, const char *target)
{
	printf("podfs scale-%ld-%s %s %.3f\n", pods, what, unit, value);
	if (target)
		printf("# scale-%ld-%s: target %s %s\n", pods, what, target, unit);
}

static void measure_many(struct world *w, long pods, long before, double few, int64_t start)
{
	double many, used;

	say("decisions-a-second", pods, "n", (double)w->bound / ((double)(w->last_bound - start) / NSEC_PER_SEC),
	    ">= 5000");
	idle(2);
	say("memory-a-pod-beyond-its-bytes", pods, "B",
	    ((double)(resident() - before) - (double)stored(w)) / (double)pods, "< 4096");
	many = change_one(w);
	say("change-to-one-of-few", FEW, "us", few, NULL);
	say("change-to-one", pods, "us", many, NULL);
	say("change-ratio", pods, "x", many / few, "1");
	used = cpu();
	idle(IDLE_SECONDS);
	say("idle-cpu", pods, "ms/s", (cpu() - used) * 1000 / IDLE_SECONDS, "0");
}

int main(int argc, char **argv)
{
	long pods = argc > 2 ? strtol(argv[2], NULL, 10) : 1000, nodes = argc > 3 ? strtol(argv[3], NULL, 10) : 100,
	     before;
	bool more = argc > 4;
	struct world w = { .store = NULL };
	double few = 0, cpu_before;
	int64_t start;
	char name[32];

	open_world(&w, argc > 1 ? argv[1] : "memory:");
	for (long i = 0; i < nodes; i++) {
		int r;

		(void)snprintf(name, sizeof(name), "node-%ld", i);
		r = fake_node_create(w.registry, name, 110, NULL);
		if (r < 0)
			die("node", r);
	}
	if (more) {
		create_deployment(&w, "few", FEW);
		(void)wait_for(&w, FEW, clock_monotonic());
		few = change_one(&w);
		delete_deployment(&w, "few");
		(void)wait_for(&w, 0, clock_monotonic());
		w.bound = 0;
	}
	before = resident();
	cpu_before = cpu();
	start = clock_monotonic();
	create_pods(&w, pods, more);
	say("running", pods, "s", wait_for(&w, (size_t)pods, start), pods <= 1000 ? "<= 0.25" : NULL);
	say("running-cpu", pods, "s", cpu() - cpu_before, NULL);
	if (more)
		measure_many(&w, pods, before, few, start);
	cpu_before = cpu();
	start = clock_monotonic();
	delete_pods(&w, pods, more);
	say("gone", pods, "s", wait_for(&w, 0, start), pods <= 1000 ? "<= 0.25" : NULL);
	say("gone-cpu", pods, "s", cpu() - cpu_before, NULL);
	close_world(&w);
	return 0;
}
