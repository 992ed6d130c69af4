/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler is told of changes, and what has changed by the time that it acts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "control/scheduler_acts.h"
#include "control/scheduler_feed.h"
#include "control_world.h"

enum { CHANGES = 600 };

int __real_sched_feed_tell(struct sched_feed *f, struct cache *c, struct sched_world *w);
int __wrap_sched_feed_tell(struct sched_feed *f, struct cache *c, struct sched_world *w);

static size_t told;

int __wrap_sched_feed_tell(struct sched_feed *f, struct cache *c, struct sched_world *w)
{
	told++;
	return __real_sched_feed_tell(f, c, w);
}

static int beat(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const int *n = arg;

	(void)old;
	value_set_int(a, value_set_map(a, value_set_map(a, root, "metadata"), "annotations"), "beat", *n);
	return 0;
}

static struct controller *new_scheduler(struct world *w)
{
	struct controller *c = NULL;

	assert_int_equal(controller_new(&scheduler, w->registry, &c, NULL), 0);
	return c;
}

static void run(struct controller *c)
{
	int64_t next;

	while (controller_step(c, &next))
		continue;
}

/* Each note keeps a version of an object. */
static void notes_do_not_gather_while_nothing_is_scheduled(void **state)
{
	struct world *w = *state;
	struct controller *c = new_scheduler(w);

	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	run(c);
	told = 0;
	for (int i = 0; i < CHANGES; i++) {
		assert_int_equal(registry_modify(w->registry, &agent, kind("nodes"), NULL, "n1", NULL, 0, STORE_LAZY, beat, &i), 0);
		run(c);
	}
	assert_in_range(told, CHANGES / 256, CHANGES / 128);
	controller_stop(c);
}

static void create_pod(struct world *w, const char *name, const char *on, int priority)
{
	char text[400];

	(void)snprintf(text, sizeof(text), "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default}, spec: {nodeName: '%s', "
		       "priorityClassName: p%d, containers: [{name: c, image: i}]}}", name, on, priority);
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
}

static void remove_pod(struct world *w, const char *name)
{
	_cleanup_object_ struct object *pod = cache_get(w->cache, kind("pods"), "default", name);
	const struct delete_options now = { .grace_seconds = 0 };
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &agent);

	assert_non_null(pod);
	assert_int_equal(txn_delete(t, pod, &now), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
}

static void check_bound(struct world *w, const char *name, bool want)
{
	_cleanup_object_ struct object *pod = cache_get(w->cache, kind("pods"), "default", name);

	if (!pod || object_is_deleting(pod) || !!*sched_bound_node(pod) != want)
		fail_msg("%s", name);
}

/* Of pods that are judged alike one is tried after another; those of less priority that have come since wait for them all. */
static void pods_that_waited_keep_their_rank(void **state)
{
	struct world *w = *state;
	struct controller *c = new_scheduler(w);
	char text[160];

	assert_int_equal(create(w, &agent, "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {allocatable: {cpu: '8', memory: 8Gi, "
					   "pods: '2'}, conditions: [{type: Ready, status: 'True'}]}}", 0), 0);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text), "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p%d}, value: %d}",
			       10 * i, 10 * i);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	create_pod(w, "there1", "n1", 20);
	create_pod(w, "there2", "n1", 20);
	create_pod(w, "first", "", 10);
	create_pod(w, "second", "", 10);
	run(c);
	check_bound(w, "first", false);
	check_bound(w, "second", false);
	remove_pod(w, "there1");
	remove_pod(w, "there2");
	create_pod(w, "least", "", 0);
	run(c);
	check_bound(w, "first", true);
	check_bound(w, "second", true);
	check_bound(w, "least", false);
	controller_stop(c);
}

static struct sched_pod *new_victim(const struct object *pod)
{
	struct sched_pod *p = calloc(1, sizeof(*p) + strlen(object_key(pod)) + 1);

	assert_non_null(p);
	memcpy(p->key, object_key(pod), strlen(object_key(pod)) + 1);
	return p;
}

static struct sched_node *new_node(const char *name)
{
	struct sched_node *n = calloc(1, sizeof(*n) + strlen(name) + 1);

	assert_non_null(n);
	memcpy(n->name, name, strlen(name) + 1);
	TAILQ_INIT(&n->pods);
	TAILQ_INIT(&n->nominated);
	return n;
}

/* A StatefulSet makes a pod that has gone anew by the same name. */
static void a_pod_elsewhere_is_no_victim(void **state)
{
	static const char yaml[] = "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default}, spec: {nodeName: '%s', "
				   "containers: [{name: c, image: i}]}}";
	static const struct {
		const char *name, *on;
		bool goes;
	} cases[] = { { "there", "n1", true }, { "elsewhere", "n2", false }, { "nowhere", "", false } };
	_cleanup_object_ struct object *preemptor = NULL;
	struct sched_node *node = new_node("n1");
	struct world *w = *state;
	struct controller *c = new_scheduler(w);
	char text[sizeof(yaml) + 40];

	(void)snprintf(text, sizeof(text), yaml, "preemptor", "");
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	preemptor = cache_get(w->cache, kind("pods"), "default", "preemptor");
	assert_non_null(preemptor);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod = NULL, *now = NULL;
		_cleanup_free_ struct sched_pod *victim = NULL;

		(void)snprintf(text, sizeof(text), yaml, cases[i].name, cases[i].on);
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
		pod = cache_get(w->cache, kind("pods"), "default", cases[i].name);
		assert_non_null(pod);
		victim = new_victim(pod);
		assert_int_equal(sched_evict(c, preemptor, &(struct sched_outcome){ .nominated = node, .n_victims = 1,
					     .victims = (const struct sched_pod *[]){ victim } }), 0);
		now = cache_get(w->cache, kind("pods"), "default", cases[i].name);
		if ((!now || object_is_deleting(now)) != cases[i].goes)
			fail_msg("%s", cases[i].name);
	}
	controller_stop(c);
	free(node);
}

static int setup_alone(void **state)
{
	int r = setup(state);
	struct world *w = *state;

	for (size_t i = 0; r == 0 && i < CONTROLLERS; i++) {
		controller_stop(w->controllers[i]);
		w->controllers[i] = NULL;
	}
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(notes_do_not_gather_while_nothing_is_scheduled, setup_alone, teardown),
		cmocka_unit_test_setup_teardown(pods_that_waited_keep_their_rank, setup_alone, teardown),
		cmocka_unit_test_setup_teardown(a_pod_elsewhere_is_no_victim, setup_alone, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
