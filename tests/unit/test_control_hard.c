/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers together: the harder ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control_world.h"
#include "store/backend.h"

static bool namespace_is_gone(struct world *w, void *arg)
{
	_cleanup_object_ struct object *ns = cache_get(w->cache, kind("namespaces"), NULL, "dev");

	return !ns;
}

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

/* --- a store whose disk is slow --- */

static int slow_write(void *be, const struct store_write *writes, size_t n, uint64_t reserved)
{
	struct timespec disk = { .tv_nsec = 2 * NSEC_PER_MSEC };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &disk, NULL);
	return store_memory_ops.write(be, writes, n, reserved);
}

static int setup_slow(void **state)
{
	static struct store_backend_ops ops;
	struct store *s = NULL;

	ops = store_memory_ops;
	ops.write = slow_write;
	ops.durable = true;
	assert_int_equal(store_open_backend(&ops, NULL, &s, NULL), 0);
	return setup_on(s, state);
}

/* No observation is acted on twice, however long the store takes: a commit returns when the cache shows it. */
static void a_slow_store_makes_nothing_twice(void **state)
{
	struct cache_subscription *watch = NULL;
	struct world *w = *state;
	int64_t many = 50;

	assert_int_equal(cache_subscribe(w->cache, kind("pods"), count_made, w, &watch), 0);
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(create(w, &tester, web_yaml, TXN_ADMIT), 0);
	assert_int_equal(modify_web(w, scale, &many), 0);
	assert_true(wait_for(w, is_complete, &many));
	cache_unsubscribe(watch);
	assert_int_equal(w->made, 50);
	assert_true(count_is(w, "replicasets", 1));
}

static int set_phase(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_set_map(a, root, "status"), "phase", arg);
	return 0;
}

/* A pod that ends between the decision to drop it uncounted and its deletion is for the next decision to count. */
static void what_has_ended_meanwhile_is_not_dropped_uncounted(void **state)
{
	static const char hold[] = "example.com/tracking";
	static const char pod[] = "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default, finalizers:"
				  " [example.com/tracking]}, spec: {containers: [{name: c, image: i}]}}";
	_cleanup_object_list_ struct object_list seen = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *ended = NULL, *runs = NULL;
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct world *w = *state;
	char text[256];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), pod, i ? "runs" : "ends");
		assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	}
	assert_int_equal(cache_list(w->cache, kind("pods"), "default", &seen), 0);
	assert_int_equal(registry_modify(w->registry, &agent, kind("pods"), "default", "ends", NULL, TXN_STATUS, 0, set_phase,
					 (void *)"Succeeded"), 0);
	assert_int_equal(controller_delete(w->controllers[0], (const struct object *const *)seen.items, seen.n, hold, &names), 0);
	assert_string_equal(buf_str(&names), "runs\n");
	runs = cache_get(w->cache, kind("pods"), "default", "runs");
	ended = cache_get(w->cache, kind("pods"), "default", "ends");
	assert_null(runs); /* it was on no node */
	assert_non_null(ended);
	assert_false(object_is_deleting(ended));
	assert_int_equal(value_len(object_path(ended, "metadata", "finalizers")), 1);
}

/* A refusal is told by its error, though warnings were found before it. */
static void a_refusal_names_the_error(void **state)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	const char *path = NULL;

	assert_string_equal(controller_refusal(NULL, -ENOSPC, &path), strerrordesc_np(ENOSPC));
	diag_add(&diags, DIAG_WARNING, 0, (struct value_mark){ 0 }, "spec", "odd");
	assert_string_equal(controller_refusal(&diags, -ENOSPC, &path), strerrordesc_np(ENOSPC));
	assert_string_equal(path, "");
	diag_add(&diags, DIAG_ERROR, -EDQUOT, (struct value_mark){ 0 }, "metadata", "exceeded quota");
	assert_string_equal(controller_refusal(&diags, -EDQUOT, &path), "exceeded quota");
	assert_string_equal(path, "metadata");
	(void)state;
}

/* --- a clock that is set --- */

static _Atomic int64_t shift; /* ns that the clock has been set forward by */

static int64_t shifted(void)
{
	return clock_realtime() + shift;
}

static bool has_started(struct world *w, void *arg)
{
	return count_is(w, "jobs", 1);
}

/* "At each time of its schedule": by the clock as it is set now, not as it was when the wait began. */
static void a_cronjob_starts_when_the_clock_is_set_past_its_time(void **state)
{
	static const char yearly[] = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: yearly, namespace: default}, spec: {schedule:"
				     " '0 0 1 1 *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c,"
				     " image: i}]}}}}}}";
	struct world *w = *state;
	struct registry *reg = NULL;
	struct controller *c = NULL;

	shift = 0;
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(registry_new(w->store, w->cache, shifted, &reg), 0);
	assert_int_equal(create(w, &tester, yearly, TXN_ADMIT), 0);
	assert_int_equal(controller_start(&cronjob_controller, reg, &c, NULL), 0);
	drain(w, "a");
	assert_true(count_is(w, "jobs", 0));
	shift = 366 * 24 * 3600 * NSEC_PER_SEC;
	controller_clock_set(c);
	assert_true(wait_for(w, has_started, NULL));
	controller_stop(c);
	registry_free(reg);
}

static int make_daily(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_get(root, "spec"), "schedule", "0 0 * * *");
	return 0;
}

/* What a schedule would have had if it had been so before was never due, whatever makes the controller look at it. */
static void a_cronjob_makes_up_for_nothing_when_its_schedule_changes(void **state)
{
	static const char rarely[] = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: rarely, namespace: default}, spec: {schedule:"
				     " '0 0 29 2 *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c,"
				     " image: i}]}}}}}}";
	struct world *w = *state;
	struct registry *reg = NULL;
	struct controller *c = NULL;

	shift = 0;
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(registry_new(w->store, w->cache, shifted, &reg), 0);
	assert_int_equal(create(w, &tester, rarely, TXN_ADMIT), 0);
	assert_int_equal(controller_start(&cronjob_controller, reg, &c, NULL), 0);
	shift = 3 * 24 * 3600 * NSEC_PER_SEC;
	assert_int_equal(registry_modify(reg, &tester, schema_kind_by_plural("cronjobs"), "default", "rarely", NULL, TXN_ADMIT, 0,
					 make_daily, NULL), 0);
	controller_clock_set(c);
	drain(w, "a");
	controller_clock_set(c);
	drain(w, "b");
	assert_true(count_is(w, "jobs", 0));
	shift += 24 * 3600 * NSEC_PER_SEC;
	controller_clock_set(c);
	assert_true(wait_for(w, has_started, NULL));
	controller_stop(c);
	registry_free(reg);
}

/* --- a pod that is deleted while it is bound --- */

static struct world *deleting_world;
static _Atomic bool deletes; /* the scheduler's next look at the clock, which comes after its look at the pod, deletes it */

static int64_t deleting_clock(void)
{
	struct object *pod;

	if (deletes && (pod = cache_get(deleting_world->cache, kind("pods"), "default", "late"))) {
		_cleanup_txn_ struct txn *t = txn_new(deleting_world->registry, &tester);

		deletes = false;
		assert_non_null(t);
		assert_int_equal(txn_delete(t, pod, NULL), 0);
		assert_int_equal(txn_commit(t, 0, NULL), 0);
		object_unref(pod);
	}
	return clock_realtime();
}

static bool is_scheduled(struct world *w, void *arg)
{
	_cleanup_object_ struct object *pod = cache_get(w->cache, kind("pods"), "default", arg);

	return value_len(object_path(pod, "spec", "nodeName")) > 0;
}

static void bind_a_deleted_one(struct world *w, const char *finalizers)
{
	struct registry *reg = NULL;
	struct controller *c = NULL;
	_cleanup_object_ struct object *pod = NULL;
	char text[400];

	deleting_world = w;
	assert_int_equal(create(w, &agent, node_yaml, 0), 0);
	assert_int_equal(registry_new(w->store, w->cache, deleting_clock, &reg), 0);
	controller_stop(w->controllers[2]);
	w->controllers[2] = NULL;
	(void)snprintf(text, sizeof(text), "{apiVersion: v1, kind: Pod, metadata: {name: late, namespace: default, finalizers: [%s]},"
		       " spec: {containers: [{name: c, image: i}]}}", finalizers);
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
	deletes = true;
	assert_int_equal(controller_start(&scheduler, reg, &c, NULL), 0);
	assert_int_equal(create(w, &tester, "{apiVersion: v1, kind: Pod, metadata: {name: next, namespace: default}, spec:"
					    " {containers: [{name: c, image: i}]}}", TXN_ADMIT), 0);
	assert_true(wait_for(w, is_scheduled, (void *)"next"));
	assert_false(deletes);
	pod = cache_get(w->cache, kind("pods"), "default", "late");
	if (*finalizers) {
		assert_non_null(pod);
		assert_true(object_is_deleting(pod));
		assert_null(object_path(pod, "spec", "nodeName"));
	} else {
		assert_null(pod);
	}
	controller_stop(c);
	registry_free(reg);
}

/* K8S:pkg/registry/core/pod/storage, setPodNodeAndMetadata(): what is being deleted is not assigned to a node. */
static void what_is_being_deleted_is_not_bound(void **state)
{
	bind_a_deleted_one(*state, "example.com/held");
}

static void what_has_gone_is_not_bound(void **state)
{
	bind_a_deleted_one(*state, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_being_deleted_is_not_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_gone_is_not_bound, setup, teardown),
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
		cmocka_unit_test_setup_teardown(what_has_ended_meanwhile_is_not_dropped_uncounted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cronjob_starts_when_the_clock_is_set_past_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cronjob_makes_up_for_nothing_when_its_schedule_changes, setup, teardown),
		cmocka_unit_test(a_refusal_names_the_error),
		cmocka_unit_test_setup_teardown(a_slow_store_makes_nothing_twice, setup_slow, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
