/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about StatefulSets, as tables; the cases follow Kubernetes' own tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/revisions.h"
#include "control/statefulset_decide.h"
#include "objects.h"

struct world {
	struct arena *arena;
	struct object *set;
	struct object_list pods;
	struct stateful_view view;
	struct stateful_plan plan;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->pods);
	object_unref(w->set);
	arena_free(w->arena);
}

/* A pod in a word: its ordinal, then R when it is ready, r runs, p is Pending, f has failed, s has succeeded, d is being deleted; then
 * o when it is of an old revision. A number after a colon is for how many seconds it has been ready. */
static void add_pod(struct object_list *l, const char *word)
{
	char *state, ready[160] = "";
	long ordinal = strtol(word, &state, 10);
	const char *colon = strchr(word, ':');

	if (*state == 'R')
		(void)snprintf(ready, sizeof(ready), ", conditions: [{type: Ready, status: 'True', lastTransitionTime: '%s'}]",
			       test_stamp(1000 - (colon ? strtol(colon + 1, NULL, 10) : 900)));
	test_add(l, "{apiVersion: v1, kind: Pod, metadata: {name: web-%ld, namespace: ns, uid: p%ld, labels: {controller-revision-hash:"
		    " web-%s}%s}, status: {phase: %s%s}}", ordinal, ordinal, state[1] == 'o' ? "old" : "new",
		 *state == 'd' ? ", deletionTimestamp: '2026-01-01T00:00:00Z'" : "",
		 *state == 'p' ? "Pending" : *state == 'f' ? "Failed" : *state == 's' ? "Succeeded" : "Running", ready);
}

static void make(struct world *w, const char *spec, const char *status, const char *pods)
{
	char text[256], *save = NULL;

	*w = (struct world){ .arena = arena_new(0), .pods = OBJECT_LIST_INIT };
	w->set = test_object("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, namespace: ns, uid: set, generation: 4},"
			     " spec: {%s}, status: {%s}}", spec, status);
	(void)snprintf(text, sizeof(text), "%s", pods);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_pod(&w->pods, word);
	w->view = (struct stateful_view){ .set = w->set, .pods = &w->pods, .current = "web-old", .update = "web-new",
					  .now = test_time(1000) };
}

/* What the plan makes ("+ordinal", with an o when it is of the current revision) and removes ("-ordinal"). */
static const char *words_of(const struct stateful_plan *p, struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < p->n_create; i++)
		buf_printf(&b, "%s+%d%s", b.len ? " " : "", (int)p->create[i].ordinal, p->create[i].current ? "o" : "");
	for (size_t i = 0; i < p->n_remove; i++)
		buf_printf(&b, "%s-%s", b.len ? " " : "", object_name(p->remove[i]) + strlen("web-"));
	return arena_strdup(a, buf_str(&b));
}

#define PARALLEL ", podManagementPolicy: Parallel"
#define ROLL(n) ", updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: " #n "}}"
#define ON_DELETE ", updateStrategy: {type: OnDelete}"

static void pods_come_and_go_in_order(void **state)
{
	static const struct {
		const char *name, *spec, *status, *pods, *want;
		int64_t wait; /* seconds */
	} cases[] = {
		{ "the first", "replicas: 3" ROLL(0), "", "", "+0", 0 },
		{ "it is waited for", "replicas: 3" ROLL(0), "", "0r", "", 0 },
		{ "the next", "replicas: 3" ROLL(0), "", "0R", "+1", 0 },
		{ "a gap is filled first", "replicas: 3" ROLL(0), "", "0R 2R", "+1", 0 },
		{ "not beyond one that does not serve", "replicas: 3" ROLL(0), "", "0r 2R", "", 0 },
		{ "not beyond one that goes", "replicas: 3" ROLL(0), "", "0d 2R", "", 0 },
		{ "ready for long enough", "replicas: 3, minReadySeconds: 30" ROLL(0), "", "0R:40", "+1", 0 },
		{ "not for long enough", "replicas: 3, minReadySeconds: 30" ROLL(0), "", "0R:10", "", 20 },
		{ "one that has failed", "replicas: 2" ROLL(0), "", "0f 1R", "-0", 0 },
		{ "one that has succeeded", "replicas: 2" ROLL(0), "", "0s 1R", "-0", 0 },
		{ "a start other than 0", "replicas: 2, ordinals: {start: 5}" ROLL(0), "", "", "+5", 0 },
		{ "and what is below it", "replicas: 2, ordinals: {start: 5}" ROLL(0), "", "0R 5R 6R", "-0", 0 },
		{ "all are there", "replicas: 2" ROLL(0), "", "0R 1R", "", 0 },
		{ "the highest goes first", "replicas: 1" ROLL(0), "", "0R 1R 2R", "-2", 0 },
		{ "it is waited for until it has gone", "replicas: 1" ROLL(0), "", "0R 1R 2d", "", 0 },
		{ "none goes while a lower one does not serve", "replicas: 1" ROLL(0), "", "0r 1R 2R", "", 0 },
		{ "nor one that does not serve itself", "replicas: 1" ROLL(0), "", "0R 1r 2r", "", 0 },
		{ "but for the lowest of those", "replicas: 1" ROLL(0), "", "0R 1R 2r", "-2", 0 },
		{ "to none", "replicas: 0" ROLL(0), "", "0R", "-0", 0 },
		{ "Parallel: all at once", "replicas: 3" PARALLEL ROLL(0), "", "", "+0 +1 +2", 0 },
		{ "Parallel: whatever the others do", "replicas: 3" PARALLEL ROLL(0), "", "0r", "+1 +2", 0 },
		{ "Parallel: failed ones too", "replicas: 3" PARALLEL ROLL(0), "", "0f 1R", "+2 -0", 0 },
		{ "Parallel: all go at once", "replicas: 1" PARALLEL ROLL(0), "", "0r 1r 2R", "-2 -1", 0 },
		{ "an update takes the highest", "replicas: 3" ROLL(0), "", "0Ro 1Ro 2Ro", "-2", 0 },
		{ "and waits for it", "replicas: 3" ROLL(0), "", "0Ro 1Ro 2r", "", 0 },
		{ "then the next", "replicas: 3" ROLL(0), "", "0Ro 1Ro 2R", "-1", 0 },
		{ "a partition keeps those below it", "replicas: 3" ROLL(2), "", "0Ro 1Ro 2R", "", 0 },
		{ "one below it that is gone comes back as it was", "replicas: 3" ROLL(2), "", "0Ro 2R", "+1o", 0 },
		{ "one above it is new", "replicas: 3" ROLL(1), "", "0Ro", "+1", 0 },
		{ "counted from the start", "replicas: 3, ordinals: {start: 5}" ROLL(2), "", "5Ro", "+6o", 0 },
		{ "without a partition, as many as are current", "replicas: 3, updateStrategy: {type: RollingUpdate}",
		  "currentReplicas: 2", "0Ro", "+1o", 0 },
		{ "OnDelete keeps them all", "replicas: 2" ON_DELETE, "", "0Ro 1Ro", "", 0 },
		{ "OnDelete: what is made is new", "replicas: 2" ON_DELETE, "currentReplicas: 2", "0Ro", "+1", 0 },
		{ "Parallel: updates go one at a time", "replicas: 3" PARALLEL ROLL(0), "", "0Ro 1Ro 2Ro", "-2", 0 },
		{ "Parallel: and wait", "replicas: 3" PARALLEL ROLL(0), "", "0Ro 1Ro 2r", "", 0 },
		{ "Parallel: an old one that does not serve goes", "replicas: 3" PARALLEL ROLL(0), "", "0Ro 1Ro 2ro", "-2", 0 },
		{ "ordered: an old one that does not serve stays", "replicas: 3" ROLL(0), "", "0Ro 1Ro 2ro", "", 0 },
		{ "a lot of them", "replicas: 2147483647" ROLL(0), "", "0R", "+1", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		const char *got;

		make(&w, cases[i].spec, cases[i].status, cases[i].pods);
		assert_int_equal(stateful_decide(&w.view, w.arena, &w.plan), 0);
		got = words_of(&w.plan, w.arena);
		if (strcmp(got, cases[i].want) != 0 || w.plan.wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("%s: \"%s\", wait %lld", cases[i].name, got, (long long)(w.plan.wait / NSEC_PER_SEC));
	}
}

static void many_are_made_in_turns(void **state)
{
	_cleanup_world_ struct world w;

	make(&w, "replicas: 2147483647" PARALLEL, "", "0R 2R");
	assert_int_equal(stateful_decide(&w.view, w.arena, &w.plan), 0);
	assert_int_equal(w.plan.n_create, STATEFUL_BURST);
	assert_int_equal(w.plan.create[STATEFUL_BURST - 1].ordinal, STATEFUL_BURST + 1);
}

static void a_name_has_an_ordinal(void **state)
{
	static const struct {
		const char *name;
		int64_t ordinal;
	} cases[] = {
		{ "web-0", 0 },	  { "web-12", 12 },	{ "web-2147483647", INT32_MAX }, { "web-2147483648", -1 }, { "web-", -1 },
		{ "web", -1 },	  { "web-01", -1 },	{ "web-1a", -1 },		 { "web-db-1", -1 },	   { "webs-1", -1 },
		{ "other-1", -1 }, { "web--1", -1 },
	};
	_cleanup_object_ struct object *set = test_object("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, namespace: ns}}");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *pod = test_object("{apiVersion: v1, kind: Pod, metadata: {name: '%s', namespace: ns}}",
								  cases[i].name);

		if (stateful_ordinal(set, pod) != cases[i].ordinal)
			fail_msg("%s: %lld", cases[i].name, (long long)stateful_ordinal(set, pod));
		assert_int_equal(stateful_is_member(set, pod), cases[i].ordinal >= 0);
	}
}

static void a_status_counts(void **state)
{
	static const struct {
		const char *spec, *pods, *want;
		int64_t wait;
	} cases[] = {
		{ "replicas: 3" ROLL(0), "", "{replicas: 0, availableReplicas: 0, currentRevision: web-old}", 0 },
		{ "replicas: 3" ROLL(0), "0Ro 1r 2d", "{replicas: 3, readyReplicas: 1, availableReplicas: 1, currentReplicas: 1,"
						      " updatedReplicas: 1, currentRevision: web-old}", 0 },
		{ "replicas: 2" ROLL(0), "0R 1R", "{replicas: 2, readyReplicas: 2, availableReplicas: 2, currentReplicas: 2,"
						  " updatedReplicas: 2, currentRevision: web-new}", 0 },
		{ "replicas: 2" ON_DELETE, "0R 1R", "{replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2,"
						    " currentRevision: web-old}", 0 },
		{ "replicas: 2, minReadySeconds: 30" ROLL(0), "0R:10", "{replicas: 1, readyReplicas: 1, availableReplicas: 0,"
								       " updatedReplicas: 1, currentRevision: web-old}", 20 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		struct value *root, *want;
		int64_t wait;

		make(&w, cases[i].spec, "", cases[i].pods);
		root = value_copy(w.arena, object_root(w.set));
		want = test_tree(w.arena, cases[i].want);
		value_set_str(w.arena, want, "updateRevision", "web-new");
		value_set_int(w.arena, want, "collisionCount", 0);
		value_set_int(w.arena, want, "observedGeneration", 4);
		stateful_set_status(w.arena, root, &w.view, &wait);
		if (!value_equal(value_get(root, "status"), want) || wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("case %zu", i);
	}
}

#define SET                                                                                                               \
	"{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, namespace: ns, uid: set}, spec: {replicas: 2, serviceName: svc, " \
	"selector: {matchLabels: {app: web}}, %s volumeClaimTemplates: [{metadata: {name: data, labels: {x: z}}, spec: {accessModes: "     \
	"[ReadWriteOnce]}, status: {phase: Pending}}]}}"

static void a_pod_has_its_name_and_its_claims(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *set = test_object(SET, "");
	struct value *template = test_tree(a, "{metadata: {labels: {app: web}}, spec: {volumes: [{name: tmp, emptyDir: {}}, {name: data,"
					      " emptyDir: {}}]}}");
	struct value *pod = test_tree(
		a, "{apiVersion: v1, kind: Pod, metadata: {namespace: ns, name: web-1, labels: {app: web,"
		   " statefulset.kubernetes.io/pod-name: web-1, apps.kubernetes.io/pod-index: '1', controller-revision-hash: web-abc},"
		   " ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: set, controller: true,"
		   " blockOwnerDeletion: true}]}, spec: {hostname: web-1, subdomain: svc, volumes: [{name: data, persistentVolumeClaim:"
		   " {claimName: data-web-1}}, {name: tmp, emptyDir: {}}]}}");
	struct value *claim = test_tree(a, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data-web-1, namespace: ns,"
					   " labels: {x: z, app: web}}, spec: {accessModes: [ReadWriteOnce]}}");

	assert_true(value_equal(stateful_new_pod(a, set, template, "web-abc", 1), pod));
	assert_int_equal(stateful_claims(set), 1);
	assert_true(value_equal(stateful_new_claim(a, set, 0, 1), claim));
}

/* Who owns the claim of a pod that stays (ordinal 1) or goes (2), before and after. s: the set, p: the pod, x: another
 * controller; S and P: those of these names that are gone; a small o: without being its controller. */
static void a_claim_is_owned_as_the_policy_says(void **state)
{
	static const char *const refs[][2] = {
		{ "s", "apiVersion: apps/v1, kind: StatefulSet, name: web, uid: set, controller: true, blockOwnerDeletion: true" },
		{ "o", "apiVersion: apps/v1, kind: StatefulSet, name: web, uid: set" },
		{ "S", "apiVersion: apps/v1, kind: StatefulSet, name: web, uid: before, controller: true" },
		{ "p", "" }, /* made below: their names have the ordinal */
		{ "P", "" },
		{ "x", "apiVersion: v1, kind: Other, name: other, uid: other, controller: true" },
	};
	static const struct {
		const char *deleted, *scaled;
		int ordinal;
		const char *before, *after; /* after NULL: it is left as it is */
	} cases[] = {
		{ "Retain", "Retain", 1, "", NULL },	  { "Retain", "Retain", 1, "s", "" },	  { "Retain", "Retain", 2, "p", "" },
		{ "Retain", "Retain", 1, "x", NULL },	  { "Delete", "Retain", 1, "", "s" },	  { "Delete", "Retain", 2, "", "s" },
		{ "Delete", "Retain", 1, "s", NULL },	  { "Delete", "Retain", 1, "o", "s" },	  { "Delete", "Retain", 2, "p", "s" },
		{ "Retain", "Delete", 1, "", NULL },	  { "Retain", "Delete", 2, "", "p" },	  { "Retain", "Delete", 1, "p", "" },
		{ "Delete", "Delete", 1, "", "s" },	  { "Delete", "Delete", 2, "s", "p" },	  { "Delete", "Delete", 1, "p", "s" },
		{ "Delete", "Delete", 1, "S", NULL },	  { "Delete", "Delete", 2, "P", NULL },	  { "Delete", "Retain", 1, "x", NULL },
		{ "Delete", "Retain", 1, "x s", "x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
		_cleanup_buf_ struct buf policy = BUF_INIT, got = BUF_INIT;
		_cleanup_object_ struct object *set = NULL;
		struct value *claim = test_tree(a, "{metadata: {name: data}}"), *list;
		const char *want = cases[i].after ? cases[i].after : cases[i].before;
		bool changed;
		char word[8];

		buf_printf(&policy, "persistentVolumeClaimRetentionPolicy: {whenDeleted: %s, whenScaled: %s},", cases[i].deleted,
			   cases[i].scaled);
		set = test_object(SET, buf_str(&policy));
		(void)snprintf(word, sizeof(word), "%dR", cases[i].ordinal);
		add_pod(&pods, word);
		for (const char *c = cases[i].before; *c; c++)
			for (size_t k = 0; k < ARRAY_SIZE(refs); k++) {
				char text[256], ref[220];

				if (*c != *refs[k][0])
					continue;
				if (strchr("pP", *c))
					(void)snprintf(ref, sizeof(ref), "apiVersion: v1, kind: Pod, name: web-%d, uid: %s%d, controller: true,"
						       " blockOwnerDeletion: true", cases[i].ordinal, *c == 'p' ? "p" : "before",
						       cases[i].ordinal);
				else
					(void)snprintf(ref, sizeof(ref), "%s", refs[k][1]);
				(void)snprintf(text, sizeof(text), "{%s}", ref);
				value_append(a, value_set_list(a, value_get(claim, "metadata"), "ownerReferences"), test_tree(a, text));
			}
		changed = stateful_own_claim(a, claim, set, pods.items[0]);
		list = value_path(claim, "metadata", "ownerReferences");
		for (size_t k = 0; k < value_len(list); k++) {
			const char *uid = value_str(value_get(value_at(list, k), "uid"));
			bool gone = !strncmp(uid, "before", 6), is_pod = !strcmp(value_str(value_get(value_at(list, k), "kind")), "Pod");

			buf_printf(&got, "%s%s", k ? " " : "", !strcmp(uid, "other") ? "x" : is_pod ? gone ? "P" : "p" : gone ? "S" : "s");
		}
		if (changed != (cases[i].after != NULL) || strcmp(buf_str(&got), want) != 0)
			fail_msg("case %zu: %d, \"%s\"", i, changed, buf_str(&got));
	}
}

static void a_claim_of_a_pod_that_is_gone_is_stale(void **state)
{
	_cleanup_object_ struct object *keeps = test_object(SET, "");
	_cleanup_object_ struct object *deletes = test_object(SET, "persistentVolumeClaimRetentionPolicy: {whenScaled: Delete},");
	_cleanup_object_ struct object *claim = test_object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data-web-1,"
							    " namespace: ns, ownerReferences: [{apiVersion: v1, kind: Pod, name: web-1,"
							    " uid: u}]}}");

	assert_true(stateful_claim_is_stale(deletes, claim, "web-1"));
	assert_false(stateful_claim_is_stale(deletes, claim, "web-2"));
	assert_false(stateful_claim_is_stale(keeps, claim, "web-1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_come_and_go_in_order),	   cmocka_unit_test(many_are_made_in_turns),
		cmocka_unit_test(a_name_has_an_ordinal),	   cmocka_unit_test(a_status_counts),
		cmocka_unit_test(a_pod_has_its_name_and_its_claims), cmocka_unit_test(a_claim_is_owned_as_the_policy_says),
		cmocka_unit_test(a_claim_of_a_pod_that_is_gone_is_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
