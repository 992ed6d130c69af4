/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about Deployments, as tables; the cases follow Kubernetes' own tables, which hold the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/deployment_decide.h"
#include "objects.h"

/* One ReplicaSet: spec.replicas, what its status says, and what it is expected to become (-1: as it is). */
struct set {
	const char *image;
	int replicas, current, available, want;
	int revision, max, desired; /* annotations; 0: none */
};

enum { SETS_MAX = 4 };

struct world {
	struct arena *arena;
	struct object *deployment;
	struct object_list sets;
	struct deployment_view view;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->sets);
	object_unref(w->deployment);
	arena_free(w->arena);
}

static void add_set(struct world *w, const struct set *s, int age)
{
	char notes[256] = "";

	(void)snprintf(notes, sizeof(notes), "%s%.0d%s%s%.0d%s%s%.0d%s", s->revision ? "deployment.kubernetes.io/revision: '" : "",
		       s->revision, s->revision ? "', " : "", s->max ? "deployment.kubernetes.io/max-replicas: '" : "", s->max,
		       s->max ? "', " : "", s->desired ? "deployment.kubernetes.io/desired-replicas: '" : "", s->desired,
		       s->desired ? "'" : "");
	test_add(&w->sets,
		 "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-%d, namespace: default, uid: u%d, generation: 1,"
		 " creationTimestamp: '%s', annotations: {%s}},"
		 " spec: {replicas: %d, template: {metadata: {labels: {app: web, pod-template-hash: h%d}},"
		 " spec: {containers: [{name: c, image: '%s'}]}}},"
		 " status: {observedGeneration: 1, replicas: %d, readyReplicas: %d, availableReplicas: %d}}",
		 age, age, test_stamp(age), notes, s->replicas, age, s->image, s->current, s->available, s->available);
}

/* A Deployment of image "new" with more of its spec in `spec`, and its sets, oldest first. */
static struct world world_of(const char *spec, const char *status, const struct set *sets)
{
	struct world w = { .arena = arena_new(0), .sets = OBJECT_LIST_INIT };

	w.deployment = test_object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default, uid: d,"
				   " generation: 2, annotations: {deployment.kubernetes.io/revision: '1', note: hello}},"
				   " spec: {%s, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},"
				   " spec: {containers: [{name: c, image: new}]}}}, status: {%s}}",
				   spec, status);
	for (int i = 0; i < SETS_MAX && sets && sets[i].image; i++)
		add_set(&w, &sets[i], i);
	assert_int_equal(deployment_read(w.deployment, &w.sets, w.arena, &w.view), 0);
	return w;
}

static void expect_sets(const struct world *w, const struct set *sets, const char *name)
{
	for (size_t i = 0; i < w->view.n && sets[i].image; i++) {
		int64_t want = sets[i].want < 0 ? sets[i].replicas : sets[i].want;

		if (w->view.sets[i].replicas != want)
			fail_msg("%s: set %zu: %lld, not %lld", name, i, (long long)w->view.sets[i].replicas, (long long)want);
	}
}

#define ROLL(replicas, surge, unavailable) \
	"replicas: " #replicas ", strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: " #surge \
	", maxUnavailable: " #unavailable "}}"

static void budgets_resolve(void **state)
{
	static const struct {
		const char *spec;
		int64_t surge, unavailable;
	} cases[] = {
		{ ROLL(10, 25%, 25%), 3, 2 },	/* surge up, unavailable down */
		{ ROLL(1, 25%, 25%), 1, 0 },
		{ ROLL(4, 0, 25%), 0, 1 },
		{ ROLL(3, 0, 25%), 0, 1 },	/* both 0 after rounding */
		{ ROLL(3, 0, 0), 0, 1 },
		{ ROLL(3, 2, 0), 2, 0 },
		{ ROLL(2, 1, 5), 1, 2 },	/* no more than there are */
		{ ROLL(0, 25%, 25%), 0, 0 },
		{ ROLL(10, 100%, 100%), 10, 10 },
		{ "replicas: 3, strategy: {type: Recreate}", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(cases[i].spec, "", NULL);

		if (w.view.max_surge != cases[i].surge || w.view.max_unavailable != cases[i].unavailable)
			fail_msg("%s: %lld, %lld", cases[i].spec, (long long)w.view.max_surge,
				 (long long)w.view.max_unavailable);
	}
}

static void rolling_steps(void **state)
{
	static const struct {
		const char *name, *spec;
		bool changed;
		struct set sets[SETS_MAX + 1];
	} cases[] = {
		{ "new first to the surge", ROLL(3, 1, 0), true, { { "old", 3, 3, 3, 3 }, { "new", 0, 0, 0, 1 } } },
		{ "no room: wait for the new", ROLL(3, 1, 0), false, { { "old", 3, 3, 3, 3 }, { "new", 1, 1, 0, 1 } } },
		{ "one old goes for one new", ROLL(3, 1, 0), true, { { "old", 3, 3, 3, 2 }, { "new", 1, 1, 1, 1 } } },
		{ "then the next new comes", ROLL(3, 1, 0), true, { { "old", 2, 2, 2, 2 }, { "new", 1, 1, 1, 2 } } },
		{ "unavailable only: old first", ROLL(3, 0, 1), true, { { "old", 3, 3, 3, 2 }, { "new", 0, 0, 0, 0 } } },
		{ "a stale status spares nothing", ROLL(3, 1, 1), false, { { "old", 2, 3, 3, 2 }, { "new", 2, 0, 0, 2 } } },
		{ "unhealthy old ones first", ROLL(10, 0, 2), true,
		  { { "old", 8, 8, 6, 6 }, { "new", 2, 2, 2, 2 } } },
		{ "unhealthy, oldest set first", ROLL(10, 2, 3), true,
		  { { "older", 4, 4, 0, 0 }, { "old", 4, 4, 3, 3 }, { "new", 4, 4, 4, 4 } } },
		{ "a broken new one takes no more", ROLL(3, 1, 0), false,
		  { { "old", 3, 3, 3, 3 }, { "new", 1, 1, 0, 1 } } },
		{ "rollover: the previous new is old", ROLL(3, 1, 1), true,
		  { { "old", 2, 2, 2, 2 }, { "mid", 2, 2, 0, 0 }, { "new", 0, 0, 0, 0 } } },
		{ "new beyond what is wanted", ROLL(3, 1, 1), true, { { "old", 0, 0, 0, 0 }, { "new", 5, 5, 5, 3 } } },
		{ "nothing left to do", ROLL(3, 1, 1), false, { { "old", 0, 0, 0, 0 }, { "new", 3, 3, 3, 3 } } },
		{ "what the old one is still to remove has its place", ROLL(6, 1, 3), false,
		  { { "old", 0, 3, 3, 0 }, { "new", 4, 4, 3, 4 } } },
		{ "and takes no more than that", ROLL(6, 1, 3), true,
		  { { "old", 0, 2, 2, 0 }, { "new", 4, 4, 3, 5 } } },
		{ "what is still to be removed is not available", ROLL(4, 1, 3), true,
		  { { "old", 4, 8, 8, 1 }, { "new", 0, 0, 0, 0 } } },
		{ "to nothing", ROLL(0, 1, 1), true, { { "old", 2, 2, 2, 0 }, { "new", 0, 0, 0, 0 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(cases[i].spec, "", cases[i].sets);
		bool changed = deployment_roll(&w.view);

		expect_sets(&w, cases[i].sets, cases[i].name);
		if (changed != cases[i].changed)
			fail_msg("%s: changed is %d", cases[i].name, changed);
	}
}

/* Its pods go with it, so that they neither make up for others nor have others removed for them. */
static void an_old_set_that_is_deleted_has_no_replicas(void **state)
{
	static const struct set sets[] = { { "old", 7, 7, 3, 7 }, { "new", 0, 0, 0, 0 }, { 0 } };
	_cleanup_world_ struct world w = world_of(ROLL(8, 1, 1), "", sets);

	(void)state;
	test_add(&w.sets,
		 "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-9, namespace: default, uid: u9, generation: 2,"
		 " creationTimestamp: '%s', deletionTimestamp: '%s', finalizers: [foregroundDeletion]},"
		 " spec: {replicas: 4, template: {spec: {containers: [{name: c, image: mid}]}}},"
		 " status: {observedGeneration: 1, replicas: 2, readyReplicas: 2, availableReplicas: 2}}",
		 test_stamp(9), test_stamp(10));
	assert_int_equal(deployment_read(w.deployment, &w.sets, w.arena, &w.view), 0);
	assert_false(deployment_roll(&w.view)); /* 7 asked for and 2 that are still there: no room, and none to spare */
	expect_sets(&w, sets, "deleted");
	assert_int_equal(w.view.sets[2].replicas, 0);
}

/* A whole rollout, the sets doing at once what they are told: never too many, never too few. */
static void a_rollout_keeps_within_its_budget(void **state)
{
	static const char *const specs[] = { ROLL(10, 25%, 25%), ROLL(10, 1, 0), ROLL(10, 0, 1), ROLL(10, 100%, 0),
					     ROLL(10, 0, 100%) };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct set sets[SETS_MAX + 1] = { { "old", 10, 10, 10, 0 }, { "new", 0, 0, 0, 10 } };
		int steps = 0;

		for (; sets[1].available < 10 || sets[0].current > 0; steps++) {
			_cleanup_world_ struct world w = world_of(specs[i], "", sets);
			int64_t total = 0, available = 0;

			assert_true(deployment_roll(&w.view));
			for (int k = 0; k < 2; k++) {
				int n = (int)w.view.sets[k].replicas;

				total += n;
				sets[k] = (struct set){ sets[k].image, n, n, n, 0 };
				available += n < w.view.sets[k].available ? n : w.view.sets[k].available;
			}
			assert_in_range(total, 0, 10 + w.view.max_surge);
			assert_in_range(available, 10 - w.view.max_unavailable, 20);
			assert_in_range(steps, 0, 40);
		}
	}
}

static void scaling_is_in_proportion(void **state)
{
	static const struct {
		const char *name, *spec;
		struct set sets[SETS_MAX + 1];
	} cases[] = {
		{ "up, the only set", ROLL(12, 0, 0), { { "new", 10, 10, 10, 12, 1, 10, 10 } } },
		{ "down, the only set", ROLL(5, 0, 0), { { "new", 10, 10, 10, 5, 1, 10, 10 } } },
		{ "the newest takes it from nothing", ROLL(4, 0, 0),
		  { { "old", 0, 0, 0, 0 }, { "mid", 0, 0, 0, 4 } } },
		{ "up by 20 of 10", ROLL(20, 0, 0), { { "old", 5, 5, 5, 10, 1, 10, 10 }, { "new", 5, 5, 5, 10, 2, 10, 10 } } },
		{ "leftover to the newer of the largest", ROLL(12, 0, 0),
		  { { "old", 5, 5, 5, 6, 1, 10, 10 }, { "new", 5, 5, 5, 6, 2, 10, 10 } } },
		{ "odd leftover", ROLL(11, 0, 0), { { "old", 5, 5, 5, 5, 1, 10, 10 }, { "new", 5, 5, 5, 6, 2, 10, 10 } } },
		{ "down, the older first", ROLL(5, 0, 0), { { "old", 5, 5, 5, 2, 1, 10, 10 }, { "new", 5, 5, 5, 3, 2, 10, 10 } } },
		{ "to nothing all go", ROLL(0, 0, 0),
		  { { "older", 3, 3, 3, 0, 1, 10, 10 }, { "old", 3, 3, 3, 0, 2, 10, 10 }, { "new", 4, 4, 4, 0, 3, 10, 10 } } },
		{ "with surge", ROLL(20, 2, 0), { { "old", 6, 6, 6, 12, 1, 11, 10 }, { "new", 5, 5, 0, 10, 2, 11, 10 } } },
		{ "what is still to be removed has its place", ROLL(20, 2, 0),
		  { { "old", 6, 10, 6, 12, 1, 11, 10 }, { "new", 5, 5, 0, 6, 2, 11, 10 } } },
		{ "also before the only set", ROLL(5, 5, 0), { { "old", 0, 7, 5, 0, 1, 12, 7 }, { "new", 3, 3, 0, 3, 2, 12, 7 } } },
		{ "and leaves what is left", ROLL(5, 5, 0), { { "old", 0, 6, 5, 0, 1, 12, 7 }, { "new", 3, 3, 0, 4, 2, 12, 7 } } },
		{ "saturated: the old go", ROLL(3, 0, 0), { { "old", 2, 2, 2, 0, 1, 3, 3 }, { "new", 3, 3, 3, 3, 2, 3, 3 } } },
		{ "no annotation, no size: only the largest moves", ROLL(6, 0, 0),
		  { { "old", 2, 0, 0, 2 }, { "new", 3, 0, 0, 4 } } },
		{ "the largest numbers do not overflow", ROLL(2147483647, 100%, 0),
		  { { "old", 1073741824, 0, 0, -1, 1, 2147483647, 5 }, { "new", 1073741823, 0, 0, -1, 2, 2147483647, 5 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(cases[i].spec, "", cases[i].sets);
		int64_t total = 0;

		(void)deployment_scale(&w.view);
		if (cases[i].sets[0].want >= 0) {
			expect_sets(&w, cases[i].sets, cases[i].name);
			continue;
		}
		for (size_t k = 0; k < w.view.n; k++)
			total += w.view.sets[k].replicas;
		assert_int_equal(total, w.view.replicas + w.view.max_surge);
	}
}

static void scaling_is_told_by_annotations(void **state)
{
	static const struct {
		struct set sets[SETS_MAX + 1];
		bool scaling;
	} cases[] = {
		{ { { "new", 3, 3, 3, 0, 1, 3, 3 } }, false },
		{ { { "new", 3, 3, 3, 0, 1, 4, 5 } }, true },
		{ { { "new", 3, 3, 3, 0, 1 } }, false }, /* never sized */
		{ { { "old", 0, 0, 0, 0, 1, 4, 5 }, { "new", 3, 3, 3, 0, 2, 3, 3 } }, false }, /* idle ones do not count */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(ROLL(3, 0, 0), "", cases[i].sets);

		assert_int_equal(deployment_is_scaling(&w.view), cases[i].scaling);
	}
}

static void recreate_empties_the_old_first(void **state)
{
	static const struct set sets[SETS_MAX + 1] = { { "older", 0, 0, 0, 0 }, { "old", 3, 3, 3, 0 }, { "new", 0, 0, 0, 0 } };
	_cleanup_world_ struct world w = world_of("replicas: 3, strategy: {type: Recreate}", "", sets);

	assert_int_equal(deployment_new_replicas(&w.view), 3);
	assert_true(deployment_recreate_down(&w.view));
	expect_sets(&w, sets, "recreate");
	assert_false(deployment_recreate_down(&w.view));
}

static void revisions_count_up(void **state)
{
	static const struct {
		const char *name;
		struct set sets[SETS_MAX + 1];
		int64_t revision;
		int is_new; /* index; -1: none */
	} cases[] = {
		{ "first", { { NULL } }, 1, -1 },
		{ "a new template", { { "a", 3, 0, 0, 0, 1 }, { "b", 3, 0, 0, 0, 2 } }, 3, -1 },
		{ "the newest stays", { { "a", 3, 0, 0, 0, 1 }, { "new", 3, 0, 0, 0, 2 } }, 2, 1 },
		{ "rollback renumbers", { { "new", 0, 0, 0, 0, 1 }, { "b", 3, 0, 0, 0, 2 } }, 3, 0 },
		{ "the oldest of equals", { { "new", 0, 0, 0, 0, 1 }, { "new", 3, 0, 0, 0, 2 } }, 3, 0 },
		{ "without annotations", { { "a", 3, 0, 0, 0 }, { "new", 3, 0, 0, 0 } }, 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(ROLL(3, 0, 0), "", cases[i].sets);

		if (w.view.revision != cases[i].revision)
			fail_msg("%s: revision %lld", cases[i].name, (long long)w.view.revision);
		assert_ptr_equal(w.view.new_set, cases[i].is_new < 0 ? NULL : &w.view.sets[cases[i].is_new]);
	}
}

static void hostile_annotations_count_as_none(void **state)
{
	static const char *const texts[] = { "9223372036854775807", "99999999999999999999", "-1", "1x", "" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_world_ struct world w = { .arena = arena_new(0), .sets = OBJECT_LIST_INIT };

		w.deployment = test_object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default},"
					   " spec: {replicas: 1, template: {a: 1}}}");
		test_add(&w.sets, "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r, namespace: default, annotations: {"
				  "deployment.kubernetes.io/revision: '%s', deployment.kubernetes.io/max-replicas: '%s'}},"
				  " spec: {replicas: 2, template: {a: 2}}}", texts[i], texts[i]);
		assert_int_equal(deployment_read(w.deployment, &w.sets, w.arena, &w.view), 0);
		assert_int_equal(w.view.revision, 1);
		assert_int_equal(w.view.sets[0].max, -1);
	}
}

static void history_is_cut(void **state)
{
	static const struct {
		const char *spec;
		struct set sets[SETS_MAX + 1];
		const char *gone; /* names, in order */
	} cases[] = {
		{ ROLL(3, 0, 0) ", revisionHistoryLimit: 1",
		  { { "a", 0, 0, 0, 0, 1 }, { "b", 0, 0, 0, 0, 2 }, { "new", 3, 3, 3, 0, 3 } }, "web-0 " },
		{ ROLL(3, 0, 0) ", revisionHistoryLimit: 0",
		  { { "a", 0, 0, 0, 0, 1 }, { "b", 0, 0, 0, 0, 2 }, { "new", 3, 3, 3, 0, 3 } }, "web-0 web-1 " },
		{ ROLL(3, 0, 0) ", revisionHistoryLimit: 1", /* by revision, not by age */
		  { { "a", 0, 0, 0, 0, 4 }, { "b", 0, 0, 0, 0, 2 }, { "new", 3, 3, 3, 0, 5 } }, "web-1 " },
		{ ROLL(3, 0, 0) ", revisionHistoryLimit: 0", /* not while pods are left, or are to be */
		  { { "a", 0, 1, 0, 0, 1 }, { "b", 1, 0, 0, 0, 2 }, { "new", 3, 3, 3, 0, 3 } }, "" },
		{ ROLL(3, 0, 0), { { "a", 0, 0, 0, 0, 1 }, { "b", 0, 0, 0, 0, 2 }, { "new", 3, 3, 3, 0, 3 } }, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(cases[i].spec, "", cases[i].sets);
		_cleanup_buf_ struct buf names = BUF_INIT;
		const struct object **gone;
		size_t n;

		assert_int_equal(deployment_cleanup(&w.view, w.arena, &gone, &n), 0);
		for (size_t k = 0; k < n; k++)
			buf_printf(&names, "%s ", object_name(gone[k]));
		assert_string_equal(buf_str(&names), cases[i].gone);
	}
}

static void hashes_have_the_form_of_kubernetes(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *x = test_tree(a, "{metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}");
	struct value *same = test_tree(a, "{spec: {containers: [{image: i, name: c}]}, metadata: {labels: {a: b}}}");
	struct value *other = test_tree(a, "{spec: {containers: [{image: j, name: c}]}, metadata: {labels: {a: b}}}");
	const char *h = deployment_template_hash(a, x, 0);

	assert_in_range(strlen(h), 1, 10);
	assert_int_equal(strspn(h, "bcdfghjklmnpqrstvwxz2456789"), strlen(h));
	assert_string_equal(h, deployment_template_hash(a, same, 0));
	assert_string_not_equal(h, deployment_template_hash(a, other, 0));
	assert_string_not_equal(h, deployment_template_hash(a, x, 1));
}

static void a_new_set_is_made_of_the_template(void **state)
{
	static const struct set sets[SETS_MAX + 1] = { { "old", 3, 3, 3, 0, 4 } };
	_cleanup_world_ struct world w = world_of(ROLL(3, 1, 0) ", minReadySeconds: 7", "", sets);
	struct value *rs = deployment_new_set(w.arena, &w.view, "hash");

	assert_string_equal(value_str(value_path(rs, "metadata", "name")), "web-hash");
	assert_int_equal(value_int(value_path(rs, "spec", "replicas"), -1), 1);
	assert_int_equal(value_int(value_path(rs, "spec", "minReadySeconds"), -1), 7);
	assert_string_equal(value_str(value_path(rs, "spec", "selector", "matchLabels", "pod-template-hash")), "hash");
	assert_string_equal(value_str(value_path(rs, "spec", "template", "metadata", "labels", "pod-template-hash")), "hash");
	assert_string_equal(value_str(value_path(rs, "metadata", "labels", "app")), "web");
	assert_string_equal(value_str(value_path(rs, "metadata", "annotations", DEPLOYMENT_REVISION)), "5");
	assert_string_equal(value_str(value_path(rs, "metadata", "annotations", DEPLOYMENT_MAX)), "4");
	assert_string_equal(value_str(value_path(rs, "metadata", "annotations", "note")), "hello");
	assert_string_equal(value_str(value_get(value_at(value_path(rs, "metadata", "ownerReferences"), 0), "uid")), "d");
	assert_null(value_path(w.deployment ? object_root(w.deployment) : NULL, "spec", "template", "metadata", "labels",
			       "pod-template-hash"));
}

static void a_reused_set_keeps_its_history(void **state)
{
	static const struct set sets[SETS_MAX + 1] = { { "new", 0, 0, 0, 0, 1 }, { "b", 3, 3, 3, 0, 2 } };
	_cleanup_world_ struct world w = world_of(ROLL(3, 1, 0), "", sets);
	struct value *root = value_copy(w.arena, object_root(w.view.sets[0].rs)), *once;

	deployment_annotate(w.arena, root, &w.view, &w.view.sets[0]);
	assert_string_equal(value_str(value_path(root, "metadata", "annotations", DEPLOYMENT_REVISION)), "3");
	assert_string_equal(value_str(value_path(root, "metadata", "annotations", DEPLOYMENT_REVISION_HISTORY)), "1");
	once = value_copy(w.arena, root);
	deployment_annotate(w.arena, root, &w.view, &w.view.sets[0]);
	assert_true(value_equal(once, root));
	/* It is bounded, and loses the oldest. */
	for (int64_t i = 4; i < 2000; i++) {
		w.view.revision = i;
		deployment_annotate(w.arena, root, &w.view, &w.view.sets[0]);
	}
	assert_in_range(value_len(value_path(root, "metadata", "annotations", DEPLOYMENT_REVISION_HISTORY)), 1900, 2000);
	assert_non_null(strstr(value_str(value_path(root, "metadata", "annotations", DEPLOYMENT_REVISION_HISTORY)), ",1998"));
}

/* --- status --- */

#define PROGRESSING(status, reason, at) \
	"conditions: [{type: Progressing, status: '" status "', reason: " reason ", message: m, lastUpdateTime: '2026-01-01T00:" \
	at "Z', lastTransitionTime: '2026-01-01T00:00:00Z'}]"

static void conditions_follow_the_rollout(void **state)
{
	static const struct {
		const char *name, *spec, *status;
		struct set sets[SETS_MAX + 1];
		int64_t now;
		bool created;
		const char *failure, *available, *progressing, *reason; /* expected conditions; "": none */
		int64_t wait; /* seconds; 0: none */
	} cases[] = {
		{ "created", ROLL(2, 1, 0) ", progressDeadlineSeconds: 600", "", { { NULL } }, 0, true, NULL, "False", "True",
		  "NewReplicaSetCreated", 601 },
		{ "found", ROLL(2, 1, 0) ", progressDeadlineSeconds: 600", "", { { "new", 2, 0, 0, 0 } }, 0, false, NULL, "False",
		  "True", "FoundNewReplicaSet", 601 },
		{ "no deadline, no condition", ROLL(2, 1, 0), PROGRESSING("True", "ReplicaSetUpdated", "00:00"),
		  { { "new", 2, 0, 0, 0 } }, 0, false, NULL, "False", "", "", 0 },
		{ "progress", ROLL(2, 1, 0) ", progressDeadlineSeconds: 600",
		  "replicas: 1, updatedReplicas: 1, " PROGRESSING("True", "NewReplicaSetCreated", "00:00"),
		  { { "new", 2, 2, 1, 0 } }, 100, false, NULL, "False", "True", "ReplicaSetUpdated", 601 },
		{ "complete", ROLL(2, 1, 0) ", progressDeadlineSeconds: 600",
		  PROGRESSING("True", "ReplicaSetUpdated", "00:00"), { { "new", 2, 2, 2, 0 } }, 1, false, NULL, "True", "True",
		  "NewReplicaSetAvailable", 0 },
		{ "not in time", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60",
		  "replicas: 2, updatedReplicas: 2, " PROGRESSING("True", "ReplicaSetUpdated", "00:00"),
		  { { "new", 2, 2, 0, 0 } }, 61, false, NULL, "False", "False", "ProgressDeadlineExceeded", 0 },
		{ "still in time", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60",
		  "replicas: 2, updatedReplicas: 2, " PROGRESSING("True", "ReplicaSetUpdated", "00:00"),
		  { { "new", 2, 2, 0, 0 } }, 59, false, NULL, "False", "True", "ReplicaSetUpdated", 2 },
		{ "late progress revives", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60",
		  "replicas: 2, updatedReplicas: 2, " PROGRESSING("False", "ProgressDeadlineExceeded", "00:00"),
		  { { "new", 2, 2, 1, 0 } }, 100, false, NULL, "False", "True", "ReplicaSetUpdated", 61 },
		{ "once available, never late", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60",
		  "replicas: 2, updatedReplicas: 2, " PROGRESSING("True", "NewReplicaSetAvailable", "00:00"),
		  { { "new", 2, 2, 0, 0 } }, 1000, false, NULL, "False", "True", "NewReplicaSetAvailable", 0 },
		{ "paused", ROLL(2, 1, 0) ", paused: true, progressDeadlineSeconds: 60",
		  PROGRESSING("True", "ReplicaSetUpdated", "00:00"), { { "new", 2, 2, 0, 0 } }, 1000, false, NULL, "False",
		  "Unknown", "DeploymentPaused", 0 },
		{ "resumed, the clock starts again", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60",
		  "replicas: 2, updatedReplicas: 2, " PROGRESSING("Unknown", "DeploymentPaused", "00:00"),
		  { { "new", 2, 2, 0, 0 } }, 1000, false, NULL, "False", "Unknown", "DeploymentResumed", 61 },
		{ "a pause does not hide lateness", ROLL(2, 1, 0) ", paused: true, progressDeadlineSeconds: 60",
		  PROGRESSING("False", "ProgressDeadlineExceeded", "00:00"), { { "new", 2, 2, 0, 0 } }, 1000, false, NULL, "False",
		  "False", "ProgressDeadlineExceeded", 0 },
		{ "cannot be made", ROLL(2, 1, 0) ", progressDeadlineSeconds: 60", "", { { NULL } }, 0, false, "why", "False",
		  "False", "ReplicaSetCreateError", 61 },
		{ "available with what may be missing", ROLL(4, 0, 1) ", progressDeadlineSeconds: 60",
		  PROGRESSING("True", "ReplicaSetUpdated", "00:00"), { { "new", 4, 4, 3, 0 } }, 1, false, NULL, "True", "True",
		  "ReplicaSetUpdated", 61 },
		{ "nothing wanted is complete", ROLL(0, 0, 0) ", progressDeadlineSeconds: 60", "", { { "new", 0, 0, 0, 0 } }, 1,
		  false, NULL, "True", "True", "NewReplicaSetAvailable", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = world_of(cases[i].spec, cases[i].status, cases[i].sets);
		struct deployment_news news = { cases[i].created, w.view.n || cases[i].created ? "web-0" : "", cases[i].failure };
		struct value *root = value_copy(w.arena, object_root(w.deployment)), *once, *status = value_set_map(w.arena, root, "status");
		int64_t wait = -1, again;

		deployment_set_status(w.arena, root, &w.view, &news, test_time(cases[i].now), &wait);
		if (strcmp(condition_status(status, "Available"), cases[i].available) ||
		    strcmp(condition_status(status, "Progressing"), cases[i].progressing) ||
		    strcmp(condition_reason(status, "Progressing"), cases[i].reason) || wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("%s: Available %s, Progressing %s %s, wait %lld", cases[i].name,
				 condition_status(status, "Available"), condition_status(status, "Progressing"),
				 condition_reason(status, "Progressing"), (long long)wait);
		assert_int_equal(value_int(value_get(status, "observedGeneration"), 0), 2);
		/* The same again, a second later and with nothing new, changes nothing: else a sync would bring the next. */
		once = value_copy(w.arena, root);
		news.created_set = false;
		deployment_set_status(w.arena, root, &w.view, &news, test_time(cases[i].now + 1), &again);
		if (!value_equal(once, root))
			fail_msg("%s: the status changes each time", cases[i].name);
	}
}

static void counts_are_told(void **state)
{
	static const struct set sets[SETS_MAX + 1] = { { "old", 2, 3, 2, 0 }, { "new", 4, 3, 1, 0 } };
	_cleanup_world_ struct world w = world_of(ROLL(5, 1, 0), "collisionCount: 3", sets);
	struct deployment_news news = { .set_name = "web-1" };
	struct value *root = value_copy(w.arena, object_root(w.deployment)), *want;
	int64_t wait;

	deployment_set_status(w.arena, root, &w.view, &news, test_time(0), &wait);
	value_remove(value_get(root, "status"), "conditions");
	want = test_tree(w.arena, "{collisionCount: 3, observedGeneration: 2, replicas: 6, updatedReplicas: 3, readyReplicas: 3,"
				  " availableReplicas: 3, unavailableReplicas: 3}");
	assert_true(value_equal(value_get(root, "status"), want));
}

static void a_failure_of_the_new_set_comes_first(void **state)
{
	static const char rs[] = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r-%s, namespace: default,"
				 " creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {replicas: 1, template: {spec: {i: %s}}},"
				 " status: {conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: %s}]}}";
	_cleanup_world_ struct world w = { .arena = arena_new(0), .sets = OBJECT_LIST_INIT };
	struct deployment_news news = { .set_name = "r-b" };
	struct value *root;
	int64_t wait;

	w.deployment = test_object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default},"
				   " spec: {replicas: 1, template: {spec: {i: b}}}}");
	test_add(&w.sets, rs, "a", "a", "a");
	test_add(&w.sets, rs, "b", "b", "b");
	assert_int_equal(deployment_read(w.deployment, &w.sets, w.arena, &w.view), 0);
	root = value_copy(w.arena, object_root(w.deployment));
	deployment_set_status(w.arena, root, &w.view, &news, test_time(0), &wait);
	assert_string_equal(value_str(value_get(condition_get(value_get(root, "status"), "ReplicaFailure"), "message")), "b");
	w.view.n = 0;
	deployment_set_status(w.arena, root, &w.view, &news, test_time(0), &wait);
	assert_null(condition_get(value_get(root, "status"), "ReplicaFailure"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budgets_resolve),
		cmocka_unit_test(rolling_steps),
		cmocka_unit_test(an_old_set_that_is_deleted_has_no_replicas),
		cmocka_unit_test(a_rollout_keeps_within_its_budget),
		cmocka_unit_test(scaling_is_in_proportion),
		cmocka_unit_test(scaling_is_told_by_annotations),
		cmocka_unit_test(recreate_empties_the_old_first),
		cmocka_unit_test(revisions_count_up),
		cmocka_unit_test(hostile_annotations_count_as_none),
		cmocka_unit_test(history_is_cut),
		cmocka_unit_test(hashes_have_the_form_of_kubernetes),
		cmocka_unit_test(a_new_set_is_made_of_the_template),
		cmocka_unit_test(a_reused_set_keeps_its_history),
		cmocka_unit_test(conditions_follow_the_rollout),
		cmocka_unit_test(counts_are_told),
		cmocka_unit_test(a_failure_of_the_new_set_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
