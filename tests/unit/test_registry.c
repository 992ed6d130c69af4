/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry, the cache and the events on a store in memory, with a clock that the test sets: what an API server
 * does with creations, updates, deletions and finalizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/clock.h"
#include "objects.h"
#include "store/event.h"
#include "store/registry.h"

struct world {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
};

static const struct writer admin = { .agent = "mount" }, user = { .uid = 1000, .agent = "mount" }, controller = { .agent = "some-controller" };

static int64_t the_time;

static int64_t now(void)
{
	return the_time;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	the_time = test_time(0);
	assert_int_equal(store_open("memory:", &w->store, NULL), 0);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	assert_int_equal(registry_new(w->store, w->cache, now, &w->registry), 0);
	assert_int_equal(registry_bootstrap(w->registry, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	registry_free(w->registry);
	cache_free(w->cache);
	store_close(w->store);
	free(w);
	return 0;
}

static const struct schema_kind *kind(const char *plural)
{
	return schema_kind_by_plural(plural);
}

static int create_as(struct world *w, const struct writer *who, const char *yaml)
{
	_cleanup_txn_ struct txn *t = txn_new(w->registry, who);
	int r = txn_create(t, test_tree(txn_arena(t), yaml), 0, NULL, NULL);

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static struct object *get(struct world *w, const char *plural, const char *name)
{
	return cache_get(w->cache, kind(plural), kind(plural)->namespaced ? "default" : NULL, name);
}

/* A pod with more of its metadata and spec. */
static void create_pod(struct world *w, const char *name, const char *meta, const char *spec)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default, %s},"
					   " spec: {containers: [{name: c, image: i}], %s}}", name, meta, spec);
	assert_int_equal(create_as(w, &controller, text), 0);
}

static int delete_as(struct world *w, const struct object *o, int64_t grace, enum propagation propagation)
{
	struct delete_options opts = { grace, propagation };
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &user);
	int r = txn_delete(t, o, &opts);

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

/* Replaces an object by a text, which need not bear what is the system's. */
static int update_as(struct world *w, const struct writer *who, const struct object *old, const char *yaml, unsigned flags)
{
	_cleanup_txn_ struct txn *t = txn_new(w->registry, who);
	int r = txn_update(t, old, test_tree(txn_arena(t), yaml), flags, NULL);

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

/* --- creation --- */

static void creation_stamps_and_completes(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *p = NULL;

	create_pod(w, "p", "generation: 9, resourceVersion: '7', selfLink: x, uid: mine, creationTimestamp: '1999-01-01T00:00:00Z',"
			   " deletionTimestamp: '1999-01-01T00:00:00Z', deletionGracePeriodSeconds: 5", "");
	p = get(w, "pods", "p");
	assert_int_equal(strlen(object_uid(p)), OBJECT_UID_SIZE - 1);
	assert_string_not_equal(object_uid(p), "mine");
	assert_false(object_is_deleting(p));
	assert_null(object_path(p, "metadata", "selfLink"));
	assert_null(object_path(p, "metadata", "deletionGracePeriodSeconds"));
	assert_string_equal(value_str(object_path(p, "metadata", "creationTimestamp")), test_stamp(0));
	assert_string_equal(value_str(object_path(p, "status", "phase")), "Pending");
	assert_string_equal(value_str(object_path(p, "status", "qosClass")), "BestEffort");
}

static void creation_is_refused(void **state)
{
	static const struct {
		const char *yaml;
		int want;
	} cases[] = {
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}", 0 },
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}", -EEXIST },
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", -EEXIST }, /* default is the default */
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: nowhere}}", -ENOENT },
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: default}}", -EINVAL },
		{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: '', generateName: ''}}", -EINVAL },
		{ "{apiVersion: v2, kind: ConfigMap, metadata: {name: b}}", -EINVAL },
		{ "{apiVersion: v1, kind: Node, metadata: {name: a, namespace: nowhere}}", 0 }, /* needs none */
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(create_as(w, &admin, cases[i].yaml), cases[i].want);
}

static void names_are_generated(void **state)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	struct world *w = *state;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &user);
	char base[160];

	for (int i = 0; i < 100; i++)
		assert_int_equal(txn_create(t, test_tree(txn_arena(t), "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: web-}}"),
					    0, NULL, NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
	assert_int_equal(cache_list(w->cache, kind("configmaps"), "default", &list), 0);
	assert_int_equal(list.n, 100);
	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(strlen(object_name(list.items[i])), 9);
		assert_memory_equal(object_name(list.items[i]), "web-", 4);
		assert_int_equal(strspn(object_name(list.items[i]) + 4, "bcdfghjklmnpqrstvwxz2456789"), 5);
	}
	/* A long base is cut to 58. */
	object_list_clear(&list);
	(void)snprintf(base, sizeof(base), "{apiVersion: v1, kind: Node, metadata: {generateName: b%064d}}", 0);
	assert_int_equal(create_as(w, &admin, base), 0);
	assert_int_equal(cache_list(w->cache, kind("nodes"), NULL, &list), 0);
	assert_int_equal(strlen(object_name(list.items[0])), 63);
}

static void a_workload_starts_without_a_status(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *d = NULL, *n = NULL;

	assert_int_equal(create_as(w, &user, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, status: {replicas: 3}}"), 0);
	d = get(w, "deployments", "d");
	assert_null(object_path(d, "status"));
	assert_int_equal(value_int(object_path(d, "metadata", "generation"), 0), 1);
	assert_int_equal(object_writer(d), 1000);
	assert_int_equal(create_as(w, &controller, "{apiVersion: v1, kind: Node, metadata: {name: node}, status: {a: b}}"), 0);
	n = get(w, "nodes", "node");
	assert_non_null(object_path(n, "status", "a"));
}

/* --- updates --- */

#define CM(more) "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: default" more "}"

static void an_update_that_says_nothing_new_writes_nothing(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *m = NULL;
	uint64_t revision;

	assert_int_equal(create_as(w, &user, CM("") ", data: {a: b}}"), 0);
	m = get(w, "configmaps", "m");
	revision = store_revision(w->store);
	assert_int_equal(update_as(w, &user, m, CM(", uid: other, resourceVersion: '1'") ", data: {a: b}}", 0), 0);
	assert_int_equal(store_revision(w->store), revision);
	assert_int_equal(update_as(w, &user, m, CM("") ", data: {a: c}}", 0), 0);
	assert_int_equal(store_revision(w->store), revision + 1);
	/* m is old by now */
	assert_int_equal(update_as(w, &user, m, CM("") ", data: {a: d}}", 0), -ESTALE);
	assert_int_equal(delete_as(w, m, -1, PROPAGATE_BACKGROUND), -ESTALE);
	assert_int_equal(store_revision(w->store), revision + 1);
}

static void status_and_the_rest_are_apart(void **state)
{
	static const char both[] = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: default, labels: {x: z},"
				   " uid: other, generation: 77}, spec: {replicas: 2}, status: {replicas: 5}}";
	static const struct {
		unsigned flags;
		int64_t generation, replicas, status;
		bool labels;
	} cases[] = {
		{ 0, 2, 2, 0, true },
		{ TXN_STATUS, 1, 1, 5, false },
		{ TXN_BOTH, 2, 2, 5, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *old = NULL, *d = NULL;
		void *fresh = NULL;
		struct world *w;

		assert_int_equal(setup(&fresh), 0);
		w = fresh;
		assert_int_equal(create_as(w, &controller, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: default},"
							   " spec: {replicas: 1}}"), 0);
		old = get(w, "deployments", "d");
		assert_int_equal(update_as(w, &controller, old, both, cases[i].flags), 0);
		d = get(w, "deployments", "d");
		assert_string_equal(object_uid(d), object_uid(old));
		assert_int_equal(value_int(object_path(d, "metadata", "generation"), 0), cases[i].generation);
		assert_int_equal(value_int(object_path(d, "spec", "replicas"), 0), cases[i].replicas);
		assert_int_equal(value_int(object_path(d, "status", "replicas"), 0), cases[i].status);
		assert_int_equal(value_len(object_path(d, "metadata", "labels")), cases[i].labels);
		assert_int_equal(teardown(&fresh), 0);
	}
	(void)state;
}

static void a_label_is_no_new_generation(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *old = NULL, *d = NULL;

	assert_int_equal(create_as(w, &controller, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 1}}"), 0);
	old = get(w, "deployments", "d");
	assert_int_equal(update_as(w, &controller, old, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, labels: {a: b}},"
							" spec: {replicas: 1}}", 0), 0);
	d = get(w, "deployments", "d");
	assert_string_equal(value_str(object_path(d, "metadata", "labels", "a")), "b");
	assert_int_equal(value_int(object_path(d, "metadata", "generation"), 0), 1);
}

static void too_large_is_refused(void **state)
{
	struct world *w = *state;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &user);
	struct value *root = test_tree(txn_arena(t), CM("") "}");
	size_t size = 3 * 512 * 1024;
	char *big = arena_alloc(txn_arena(t), size + 1);

	memset(big, 'x', size);
	big[size] = '\0';
	value_set_str(txn_arena(t), value_set_map(txn_arena(t), root, "data"), "k", big);
	assert_int_equal(txn_create(t, root, 0, NULL, NULL), -EFBIG);
	assert_true(txn_empty(t) || txn_commit(t, 0, NULL) == 0);
	big[size - 1000] = '\0';
	value_set_str(txn_arena(t), value_set_map(txn_arena(t), root, "data"), "k", big);
	assert_int_equal(txn_create(t, root, 0, NULL, NULL), 0);
}

/* --- deletion --- */

static void pods_are_deleted_gracefully(void **state)
{
	static const struct {
		const char *name, *meta, *spec, *phase;
		int64_t asked;
		int64_t want; /* deletionGracePeriodSeconds; -1: gone */
	} cases[] = {
		{ "own", "", "nodeName: x", "Running", -1, 30 },
		{ "spec's", "", "nodeName: x, terminationGracePeriodSeconds: 5", "Running", -1, 5 },
		{ "asked", "", "nodeName: x, terminationGracePeriodSeconds: 5", "Running", 60, 60 },
		{ "negative", "", "nodeName: x, terminationGracePeriodSeconds: -5", "Running", -1, 1 },
		{ "at once", "", "nodeName: x", "Running", 0, -1 },
		{ "no node", "", "", "Pending", -1, -1 },
		{ "no node, asked", "", "", "Pending", 60, -1 },
		{ "done", "", "nodeName: x", "Succeeded", -1, -1 },
		{ "failed", "", "nodeName: x", "Failed", 9, -1 },
		{ "finalizer", "finalizers: [a/b]", "nodeName: x", "Running", 0, 0 },
		{ "finalizer, no node", "finalizers: [a/b]", "", "Pending", -1, 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *fresh = NULL, *p = NULL, *after = NULL;
		char text[256];

		create_pod(w, "p", cases[i].meta, cases[i].spec);
		fresh = get(w, "pods", "p");
		(void)snprintf(text, sizeof(text), "{apiVersion: v1, kind: Pod, status: {phase: %s}}", cases[i].phase);
		assert_int_equal(update_as(w, &controller, fresh, text, TXN_STATUS), 0);
		p = get(w, "pods", "p");
		assert_int_equal(delete_as(w, p, cases[i].asked, PROPAGATE_BACKGROUND), 0);
		after = get(w, "pods", "p");
		if (!after != (cases[i].want < 0))
			fail_msg("%s: %s", cases[i].name, after ? "still there" : "gone");
		if (!after)
			continue;
		assert_int_equal(value_int(object_path(after, "metadata", "deletionGracePeriodSeconds"), -1), cases[i].want);
		assert_string_equal(value_str(object_path(after, "metadata", "deletionTimestamp")), test_stamp(cases[i].want));
		if (value_len(object_path(after, "metadata", "finalizers"))) {
			assert_int_equal(update_as(w, &controller, after, "{apiVersion: v1, kind: Pod, metadata: {}, spec: {}}", 0), 0);
		} else {
			assert_int_equal(delete_as(w, after, 0, PROPAGATE_BACKGROUND), 0);
		}
		assert_null(get(w, "pods", "p")); /* gone, for the next */
	}
}

static void grace_is_shortened_never_lengthened(void **state)
{
	static const struct {
		int64_t asked, at, want, want_ends; /* after `at` seconds; want_ends: when it is over */
	} steps[] = {
		{ 60, 0, 60, 60 },
		{ 90, 1, 60, 60 },
		{ -1, 2, 60, 60 }, /* the spec's 30 are not asked for */
		{ 20, 5, 20, 20 }, /* from the start of the deletion */
		{ 30, 6, 20, 20 },
		{ 1, 7, 1, 1 },
	};
	struct world *w = *state;
	int64_t generation;

	create_pod(w, "p", "", "nodeName: x");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_object_ struct object *p = get(w, "pods", "p"), *after = NULL;
		uint64_t revision = store_revision(w->store);
		bool same = value_int(object_path(p, "metadata", "deletionGracePeriodSeconds"), -1) == steps[i].want;

		generation = value_int(object_path(p, "metadata", "generation"), 0);
		the_time = test_time(steps[i].at);
		assert_int_equal(delete_as(w, p, steps[i].asked, PROPAGATE_BACKGROUND), 0);
		after = get(w, "pods", "p");
		assert_int_equal(value_int(object_path(after, "metadata", "deletionGracePeriodSeconds"), -1), steps[i].want);
		assert_string_equal(value_str(object_path(after, "metadata", "deletionTimestamp")),
				    test_stamp(steps[i].want_ends));
		assert_int_equal(store_revision(w->store), revision + !same);
		if (i)
			assert_int_equal(value_int(object_path(after, "metadata", "generation"), 0), generation);
	}
}

static void finalizers_hold_an_object(void **state)
{
	static const struct {
		enum propagation propagation;
		const char *finalizer;
	} cases[] = { { PROPAGATE_FOREGROUND, "foregroundDeletion" }, { PROPAGATE_ORPHAN, "orphan" } };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *m = NULL, *held = NULL;
		uint64_t revision;

		assert_int_equal(create_as(w, &user, CM("") "}"), 0);
		m = get(w, "configmaps", "m");
		assert_int_equal(delete_as(w, m, -1, cases[i].propagation), 0);
		held = get(w, "configmaps", "m");
		assert_true(object_is_deleting(held));
		assert_string_equal(value_str(value_at(object_path(held, "metadata", "finalizers"), 0)), cases[i].finalizer);
		assert_int_equal(create_as(w, &user, CM("") "}"), -EAGAIN);
		revision = store_revision(w->store);
		assert_int_equal(delete_as(w, held, -1, cases[i].propagation), 0); /* again: nothing */
		assert_int_equal(store_revision(w->store), revision);
		assert_int_equal(update_as(w, &controller, held, CM(", finalizers: []") "}", 0), 0);
		assert_null(get(w, "configmaps", "m"));
	}
}

static void a_namespace_ends_in_order(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *ns = NULL, *ending = NULL;

	assert_int_equal(create_as(w, &admin, "{apiVersion: v1, kind: Namespace, metadata: {name: dev}, spec: {finalizers: [a/b]},"
					     " status: {phase: Odd}}"), 0);
	ns = get(w, "namespaces", "dev");
	assert_int_equal(value_len(object_path(ns, "spec", "finalizers")), 2); /* Kubernetes' own always */
	assert_string_equal(value_str(object_path(ns, "status", "phase")), "Active");
	assert_int_equal(delete_as(w, ns, -1, PROPAGATE_BACKGROUND), 0);
	ending = get(w, "namespaces", "dev");
	assert_true(object_is_deleting(ending));
	assert_string_equal(value_str(object_path(ending, "status", "phase")), "Terminating");
	assert_int_equal(create_as(w, &user, "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: dev}}"), -EPERM);
	/* A user's update does not take its finalizers, a controller's does. */
	assert_int_equal(update_as(w, &admin, ending, "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}", 0), 0);
	assert_int_equal(cache_count(w->cache, kind("namespaces"), NULL), 5);
	object_unref(steal_ptr(ending));
	ending = get(w, "namespaces", "dev");
	assert_int_equal(update_as(w, &controller, ending, "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}", 0), 0);
	assert_null(get(w, "namespaces", "dev"));
}

/* What is prepared before a namespace's deletion does not come into being after it. */
static void nothing_slips_into_a_namespace_that_ends(void **state)
{
	struct world *w = *state;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &user);
	_cleanup_object_ struct object *ns = NULL;

	assert_int_equal(create_as(w, &admin, "{apiVersion: v1, kind: Namespace, metadata: {name: dev}}"), 0);
	assert_int_equal(txn_create(t, test_tree(txn_arena(t), "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: dev}}"),
				    0, NULL, NULL), 0);
	ns = get(w, "namespaces", "dev");
	assert_int_equal(delete_as(w, ns, -1, PROPAGATE_BACKGROUND), 0);
	assert_int_equal(txn_commit(t, 0, NULL), -ESTALE);
	assert_int_equal(cache_count(w->cache, kind("configmaps"), "dev"), 0);
}

static int add_one(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_int(a, value_set_map(a, root, "data"), "n", value_int(object_path(old, "data", "n"), 0) + 1);
	return *(int *)arg;
}

static void modify_reads_changes_and_writes(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *m = NULL;
	int fine = 0, nothing = -ECANCELED, wrong = -EINVAL;
	uint64_t revision;

	assert_int_equal(registry_modify(w->registry, &user, kind("configmaps"), "default", "m", NULL, 0, 0, add_one, &fine), -ENOENT);
	assert_int_equal(create_as(w, &user, CM("") "}"), 0);
	assert_int_equal(registry_modify(w->registry, &user, kind("configmaps"), "default", "m", "other", 0, 0, add_one, &fine), -ENOENT);
	assert_int_equal(registry_modify(w->registry, &user, kind("configmaps"), "default", "m", NULL, 0, 0, add_one, &fine), 0);
	revision = store_revision(w->store);
	assert_int_equal(registry_modify(w->registry, &user, kind("configmaps"), "default", "m", NULL, 0, 0, add_one, &nothing), 0);
	assert_int_equal(registry_modify(w->registry, &user, kind("configmaps"), "default", "m", NULL, 0, 0, add_one, &wrong), -EINVAL);
	assert_int_equal(store_revision(w->store), revision);
	m = get(w, "configmaps", "m");
	assert_int_equal(value_int(object_path(m, "data", "n"), 0), 1);
}

enum { WRITERS = 4, WRITES = 50 };

static void *add_many(void *arg)
{
	struct world *w = arg;
	int fine = 0;

	for (int i = 0; i < WRITES;)
		i += registry_modify(w->registry, &controller, kind("configmaps"), "default", "m", NULL, 0, 0, add_one, &fine) == 0;
	return NULL;
}

/* Every change that was acknowledged counts, and a subscriber sees each revision once, in order. */
struct seen {
	uint64_t last;
	int64_t n, added, count;
	bool disorder;
};

static void see(void *arg, const struct cache_event *e)
{
	struct seen *s = arg;
	int64_t n = value_int(object_path(e->now, "data", "n"), 0);

	s->disorder |= e->rev <= s->last || (s->count && n != s->n + 1);
	s->last = e->rev;
	s->n = n;
	s->added += e->type == CACHE_ADDED;
	s->count++;
}

static void concurrent_writers_lose_nothing(void **state)
{
	struct cache_subscription *subscriptions[WRITERS] = { NULL };
	struct seen seen[WRITERS] = { { 0 } };
	pthread_t threads[WRITERS];
	struct world *w = *state;

	assert_int_equal(create_as(w, &user, CM("") "}"), 0);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, w), 0);
		assert_int_equal(cache_subscribe(w->cache, kind("configmaps"), see, &seen[i], &subscriptions[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < WRITERS; i++) {
		cache_unsubscribe(subscriptions[i]);
		assert_false(seen[i].disorder);
		assert_int_equal(seen[i].n, WRITERS * WRITES);
		assert_int_equal(seen[i].added, 1);
	}
}

/* --- the cache --- */

static void indexes_follow_the_objects(void **state)
{
	static const char of[] = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: default, ownerReferences: [%s]}}";
	static const struct {
		const char *refs;
		size_t orphans, controlled_a, owned_a, owned_b;
	} steps[] = {
		{ "", 1, 0, 0, 0 },
		{ "{uid: a, controller: true}", 0, 1, 1, 0 },
		{ "{uid: a}", 1, 0, 1, 0 },
		{ "{uid: a, controller: true}, {uid: b}", 0, 1, 1, 1 },
		{ "{uid: b, controller: true}, {uid: a}", 0, 0, 1, 1 },
		{ "{uid: b}, {uid: a}", 1, 0, 1, 1 },
		{ "", 1, 0, 0, 0 },
	};
	struct world *w = *state;
	char text[256];

	(void)snprintf(text, sizeof(text), of, "");
	assert_int_equal(create_as(w, &controller, text), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_object_ struct object *m = get(w, "configmaps", "m"), *found = NULL;
		struct object_list l[4] = { OBJECT_LIST_INIT };

		(void)snprintf(text, sizeof(text), of, steps[i].refs);
		assert_int_equal(update_as(w, &controller, m, text, 0), 0);
		assert_int_equal(cache_list_orphans(w->cache, kind("configmaps"), "default", &l[0]), 0);
		assert_int_equal(cache_list_controlled(w->cache, "a", &l[1]), 0);
		assert_int_equal(cache_list_owned(w->cache, "a", &l[2]), 0);
		assert_int_equal(cache_list_owned(w->cache, "b", &l[3]), 0);
		assert_int_equal(l[0].n, steps[i].orphans);
		assert_int_equal(l[1].n, steps[i].controlled_a);
		assert_int_equal(l[2].n, steps[i].owned_a);
		assert_int_equal(l[3].n, steps[i].owned_b);
		for (int k = 0; k < 4; k++)
			object_list_clear(&l[k]);
		found = cache_get_uid(w->cache, object_uid(m));
		assert_string_equal(object_name(found), "m");
	}
	assert_int_equal(cache_count(w->cache, kind("configmaps"), "default"), 1);
	assert_int_equal(cache_count(w->cache, kind("configmaps"), NULL), 1);
	{
		_cleanup_object_ struct object *m = get(w, "configmaps", "m");

		assert_int_equal(delete_as(w, m, -1, PROPAGATE_BACKGROUND), 0);
		assert_null(cache_get_uid(w->cache, object_uid(m)));
	}
	assert_int_equal(cache_count(w->cache, kind("configmaps"), "default"), 0);
	assert_int_equal(cache_count(w->cache, kind("configmaps"), NULL), 0);
}

static void lists_are_by_kind_and_namespace(void **state)
{
	struct world *w = *state;
	struct object_list l[3] = { OBJECT_LIST_INIT };

	assert_int_equal(create_as(w, &user, "{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: default}}"), 0);
	assert_int_equal(create_as(w, &user, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}"), 0);
	assert_int_equal(create_as(w, &user, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: kube-system}}"), 0);
	assert_int_equal(cache_list(w->cache, kind("configmaps"), "default", &l[0]), 0);
	assert_int_equal(cache_list(w->cache, kind("configmaps"), NULL, &l[1]), 0);
	assert_int_equal(cache_list(w->cache, kind("namespaces"), NULL, &l[2]), 0);
	assert_int_equal(l[0].n, 2);
	assert_string_equal(object_name(l[0].items[0]), "a");
	assert_int_equal(l[1].n, 3);
	assert_int_equal(l[2].n, 4);
	for (int k = 0; k < 3; k++)
		object_list_clear(&l[k]);
}

/* --- events --- */

/* Lazy writes are visible once the transactions before a synced one are through. */
static size_t count_events(struct world *w)
{
	assert_int_equal(store_commit(w->store, &(struct store_op){ STORE_PUT, "/test", "x", 1, STORE_ANY }, 1, 0, NULL), 0);
	return cache_count(w->cache, kind("events"), NULL);
}

static void events_are_rationed(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *ns = get(w, "namespaces", "default"), *other = get(w, "namespaces", "kube-system");

	for (int i = 0; i < 2 * EVENT_BURST; i++)
		event_record(w->registry, "test", ns, EVENT_NORMAL, "Reason", "message %d", i);
	assert_int_equal(count_events(w), EVENT_BURST);
	event_record(w->registry, "test", other, EVENT_WARNING, "Reason", "another object has its own ration");
	assert_int_equal(count_events(w), EVENT_BURST + 1);
	the_time += 299 * NSEC_PER_SEC;
	event_record(w->registry, "test", ns, EVENT_NORMAL, "Reason", "not yet");
	assert_int_equal(count_events(w), EVENT_BURST + 1);
	the_time += NSEC_PER_SEC;
	event_record(w->registry, "test", ns, EVENT_NORMAL, "Reason", "one more");
	event_record(w->registry, "test", ns, EVENT_NORMAL, "Reason", "but no second");
	assert_int_equal(count_events(w), EVENT_BURST + 2);
}

static void what_comes_again_is_counted(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *ns = get(w, "namespaces", "default"), *other = get(w, "namespaces", "kube-system");
	_cleanup_object_list_ struct object_list events = OBJECT_LIST_INIT, others = OBJECT_LIST_INIT;
	const struct value *root;

	for (int i = 0; i < EVENT_BURST + 5; i++) {
		the_time += NSEC_PER_SEC;
		event_record(w->registry, "test", ns, EVENT_WARNING, "Unhealthy", "probe failed");
		assert_int_equal(count_events(w), 1);
	}
	assert_int_equal(cache_list(w->cache, kind("events"), "default", &events), 0);
	root = object_root(events.items[0]);
	assert_int_equal(value_int(value_get(root, "count"), 0), EVENT_BURST); /* the ration is of writes, too */
	assert_string_equal(value_str_or(value_get(root, "firstTimestamp"), ""), "2026-01-01T00:00:01Z");
	assert_string_equal(value_str_or(value_get(root, "lastTimestamp"), ""), "2026-01-01T00:00:25Z");
	event_record(w->registry, "test", other, EVENT_WARNING, "Unhealthy", "probe failed");
	event_record(w->registry, "test", other, EVENT_NORMAL, "Unhealthy", "probe failed");
	event_record(w->registry, "test", other, EVENT_WARNING, "Other", "probe failed");
	event_record(w->registry, "test", other, EVENT_WARNING, "Unhealthy", "probe failed otherwise");
	event_record(w->registry, "other", other, EVENT_WARNING, "Unhealthy", "probe failed");
	assert_int_equal(count_events(w), 6); /* of something else, or other in kind, word, text or reporter */
}

static void old_events_make_room(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *ns = get(w, "namespaces", "default");

	for (int i = 0; i < EVENT_KEEP + 10; i++) {
		_cleanup_object_ struct object *o = test_object("{apiVersion: v1, kind: ConfigMap, metadata: {name: m%d,"
								" namespace: default, uid: u%d}}", i, i);

		event_record(w->registry, "test", o, EVENT_NORMAL, "Reason", "m");
	}
	assert_int_equal(count_events(w), EVENT_KEEP);
}

static void an_event_is_one_line(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *m = NULL;
	_cleanup_object_list_ struct object_list events = OBJECT_LIST_INIT;
	_cleanup_buf_ struct buf line = BUF_INIT;

	assert_int_equal(create_as(w, &user, CM("") "}"), 0);
	m = get(w, "configmaps", "m");
	event_record(w->registry, "test", m, EVENT_WARNING, "Why", "a\nb\x1b[0m");
	assert_int_equal(count_events(w), 1);
	assert_int_equal(cache_list(w->cache, kind("events"), "default", &events), 0);
	event_format_line(events.items[0], &line);
	assert_string_equal(buf_str(&line), "2026-01-01T00:00:00Z Warning Why configmaps/m: a\\x0ab\\x1b[0m\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creation_stamps_and_completes),
		TEST(creation_is_refused),
		TEST(names_are_generated),
		TEST(a_workload_starts_without_a_status),
		TEST(an_update_that_says_nothing_new_writes_nothing),
		cmocka_unit_test(status_and_the_rest_are_apart),
		TEST(a_label_is_no_new_generation),
		TEST(too_large_is_refused),
		TEST(pods_are_deleted_gracefully),
		TEST(grace_is_shortened_never_lengthened),
		TEST(finalizers_hold_an_object),
		TEST(a_namespace_ends_in_order),
		TEST(nothing_slips_into_a_namespace_that_ends),
		TEST(modify_reads_changes_and_writes),
		TEST(concurrent_writers_lose_nothing),
		TEST(indexes_follow_the_objects),
		TEST(lists_are_by_kind_and_namespace),
		TEST(events_are_rationed),
		TEST(what_comes_again_is_counted),
		TEST(old_events_make_room),
		TEST(an_event_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
