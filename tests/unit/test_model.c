/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on all controllers at once (model.h). A clean run says nothing but its seed; a failure says how to
 * repeat it:
 *
 *   PODFS_MODEL_SEED   the first episode's seed (1); the next has the next number
 *   PODFS_MODEL_OPS    how many operations in all, 60 to an episode (3000)
 *   PODFS_MODEL_SKIP   operations of an episode that are left out, "3,5,8": to find out which ones matter
 *   PODFS_MODEL_TRACE  prints each operation
 *
 * Each operation draws from a seed of its own, so that those after one that is left out stay what they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <syslog.h>

#include "base/log.h"
#include "model.h"

enum { EPISODE = 60, OPS = 3000, SETTLE_EVERY = 20 };

static int64_t number_of(const char *name, int64_t fallback)
{
	const char *s = getenv(name);

	return s && *s ? strtoll(s, NULL, 10) : fallback;
}

static bool is_skipped(unsigned op)
{
	const char *s = getenv("PODFS_MODEL_SKIP");
	char *end;

	for (; s && *s; s = *end ? end + 1 : end)
		if (strtoul(s, &end, 10) == op)
			return true;
	return false;
}

/* Runs one episode; the operation that it failed at, or -1. */
static int run_episode(struct model *m, uint64_t seed, unsigned ops)
{
	static const unsigned levels[] = { 0, 50, 300 }, paces[] = { 40, 10, 150 };

	assert_int_equal(model_open(m, seed * UINT64_C(0xd1342543de82ef95)), 0);
	m->trace = number_of("PODFS_MODEL_TRACE", 0) != 0;
	log_set_level(m->trace ? LOG_WARNING : LOG_ERR);
	m->races = levels[seed % 3];
	m->faults = levels[seed / 3 % 3] / 5;
	for (unsigned i = 0; i < ops; i++) {
		m->rng = seed * UINT64_C(0x2545f4914f6cdd1d) + i * UINT64_C(0x5851f42d4c957f2d);
		m->actor = "mount";
		if (m->trace)
			printf("# %u%s\n", i, is_skipped(i) ? " (left out)" : "");
		if (!is_skipped(i)) {
			model_operate(m);
			model_run(m, model_below(m, paces[seed / 9 % 3]));
		}
		if (!*m->failure && (i + 1) % SETTLE_EVERY == 0)
			model_settle(m);
		if (*m->failure)
			return (int)i;
	}
	return -1;
}

static void the_controllers_keep_their_word(void **state)
{
	int64_t seed = number_of("PODFS_MODEL_SEED", 1), ops = number_of("PODFS_MODEL_OPS", OPS);

	(void)state;
	print_message("PODFS_MODEL_SEED=%" PRId64 " PODFS_MODEL_OPS=%" PRId64 "\n", seed, ops);
	for (; ops > 0; ops -= EPISODE, seed++) {
		struct model m;
		int at = run_episode(&m, (uint64_t)seed, ops < EPISODE ? (unsigned)ops : EPISODE);

		if (at >= 0)
			print_message("PODFS_MODEL_SEED=%" PRId64 " PODFS_MODEL_OPS=%d: %s\n", seed, at + 1, m.failure);
		assert_int_equal(at, -1);
		model_close(&m);
	}
}

/* --- what it has found, with what comes between put where it hurt --- */

static int scale_to(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)old;
	value_set_int(a, value_get(root, "spec"), "replicas", *(int64_t *)arg);
	return 0;
}

static void scale_down(struct model *m)
{
	static const struct writer person = { .agent = "mount" };
	int64_t one = 1;

	assert_int_equal(registry_modify(m->registry, &person, model_kind("replicasets"), "default", "rs0", NULL, 0, 0,
					 scale_to, &one),
			 0);
}

static void no_pod_is_made_for_a_set_that_was_scaled_down_meanwhile(void **state)
{
	static const char set[] =
		"{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: rs0, namespace: default},"
		" spec: {replicas: 3, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}},"
		" spec: {containers: [{name: c, image: i}]}}}}";
	struct model m;

	(void)state;
	assert_int_equal(model_open(&m, 1), 0);
	assert_int_equal(model_create(&m, set), 0);
	m.before_commit = scale_down;
	m.committer = "replicaset-controller";
	model_settle(&m);
	assert_string_equal(m.failure, "");
	assert_int_equal(m.made, 1);
	model_close(&m);
}

static void succeed(struct model *m)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(m->cache, model_kind("pods"), "default", &pods), 0);
	assert_int_equal(pods.n, 2);
	for (size_t i = 0; i < pods.n; i++) /* one has failed */
		assert_int_equal(fake_nodes_end_pod(m->nodes, pods.items[i], false), 0);
}

static void a_pod_that_succeeds_while_its_job_fails_counts_as_that(void **state)
{
	static const char job[] = "{apiVersion: batch/v1, kind: Job, metadata: {name: job0, namespace: default},"
				  " spec: {parallelism: 2, completions: 2, backoffLimit: 0, template:"
				  " {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}";
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *now = NULL;
	struct model m;

	(void)state;
	assert_int_equal(model_open(&m, 1), 0);
	assert_int_equal(model_create(&m, job), 0);
	for (int i = 0; i < 1000 && cache_count(m.cache, model_kind("pods"), "default") < 2; i++)
		(void)model_step(&m);
	assert_int_equal(cache_list(m.cache, model_kind("pods"), "default", &pods), 0);
	while (model_step(&m)) /* the count of what there is */
		;
	m.actor = "node";
	assert_int_equal(fake_nodes_end_pod(m.nodes, pods.items[0], true), 0);
	m.before_commit = succeed;
	m.committer = "job-controller";
	model_settle(&m);
	assert_string_equal(m.failure, "");
	assert_null(m.before_commit);
	now = cache_get(m.cache, model_kind("jobs"), "default", "job0");
	assert_string_equal(condition_status(object_path(now, "status"), "Failed"), "True");
	assert_int_equal(value_int(object_path(now, "status", "succeeded"), 0), 1);
	assert_int_equal(value_int(object_path(now, "status", "failed"), 0), 1);
	model_close(&m);
}

static void die_when_three_are_made(struct model *m)
{
	if (cache_count(m->cache, model_kind("pods"), "default") < 3)
		m->before_commit = die_when_three_are_made;
	else
		m->dying = m->restarts = true;
}

static int set_image(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)old;
	value_set_str(a, value_at(value_path(root, "spec", "template", "spec", "containers"), 0), "image", arg);
	return 0;
}

/* The daemon dies when a ReplicaSet's pods are made and its status does not tell of them. */
static void pods_that_no_status_tells_of_have_their_place(void **state)
{
	static const char web[] = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web0, namespace: default},"
				  " spec: {replicas: 3, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 3}},"
				  " selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}},"
				  " spec: {containers: [{name: c, image: i}]}}}}";
	static const struct writer person = { .agent = "mount" };
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	enum { REPLICASETS = 0 }; /* in model_types */
	struct model m;

	(void)state;
	assert_int_equal(model_open(&m, 1), 0);
	assert_int_equal(model_create(&m, web), 0);
	m.before_commit = die_when_three_are_made;
	m.committer = model_types[REPLICASETS]->name;
	while (m.before_commit)
		assert_true(model_step(&m));
	m.busy[REPLICASETS] = true;
	assert_int_equal(registry_modify(m.registry, &person, model_kind("deployments"), "default", "web0", NULL, 0, 0,
					 set_image, (void *)"other"),
			 0);
	model_run(&m, 100);
	assert_int_equal(cache_list(m.cache, model_kind("replicasets"), "default", &sets), 0);
	assert_int_equal(sets.n, 2);
	for (size_t i = 0; i < sets.n; i++) /* the old one's pods are still to be removed */
		assert_int_equal(value_int(object_path(sets.items[i], "spec", "replicas"), -1), 0);
	m.busy[REPLICASETS] = false;
	model_settle(&m);
	assert_string_equal(m.failure, "");
	model_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_pod_is_made_for_a_set_that_was_scaled_down_meanwhile),
		cmocka_unit_test(a_pod_that_succeeds_while_its_job_fails_counts_as_that),
		cmocka_unit_test(pods_that_no_status_tells_of_have_their_place),
		cmocka_unit_test(the_controllers_keep_their_word),
	};

	return cmocka_run_group_tests_name("test_model", tests, NULL, NULL);
}
