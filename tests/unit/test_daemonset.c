/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about DaemonSets, and which nodes a NodeSelector means, as tables; the cases follow Kubernetes' own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/daemonset_decide.h"
#include "control/revisions.h"
#include "objects.h"
#include "store/node_selector.h"

struct world {
	struct arena *arena;
	struct object *set;
	struct object_list nodes, pods;
	struct daemon_view view;
	struct daemon_plan plan;
	int64_t backoff; /* of every node, ns */
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->nodes);
	object_list_clear(&w->pods);
	object_unref(w->set);
	arena_free(w->arena);
}

/* A node in a word: its name, then ! for a NoSchedule taint, # for NoExecute, ~ when it is not Ready, - without the label. */
static void add_node(struct object_list *l, const char *word)
{
	const char *effect = strchr(word, '!') ? "NoSchedule" : strchr(word, '#') ? "NoExecute" : NULL;

	test_add(l, "{apiVersion: v1, kind: Node, metadata: {name: %c1, labels: {disk: %s}}, spec: {%s%s%s},"
		    " status: {conditions: [{type: Ready, status: '%s'}]}}", *word, strchr(word, '-') ? "hdd" : "ssd",
		 effect ? "taints: [{key: only, value: db, effect: " : "", effect ? effect : "", effect ? "}]" : "",
		 strchr(word, '~') ? "False" : "True");
}

/* A pod in a word: its node, then R when it is ready, r runs, f has failed, s has succeeded, d is being deleted, u is on no node
 * yet, x has failed and is being deleted; then o when it is of an old template. A number is for how many seconds it has been
 * ready. */
static void add_pod(struct object_list *l, int at, const char *word)
{
	char state = word[1];
	bool old = word[2] == 'o';
	const char *seconds = word + 2 + old;
	char ready[160] = "";

	if (state == 'R')
		(void)snprintf(ready, sizeof(ready), ", conditions: [{type: Ready, status: 'True', lastTransitionTime: '%s'}]",
			       test_stamp(1000 - (*seconds ? strtol(seconds, NULL, 10) : 900)));
	test_add(l, "{apiVersion: v1, kind: Pod, metadata: {name: p%d, namespace: ns, uid: p%d, creationTimestamp: '%s', labels:"
		    " {controller-revision-hash: %s}%s}, spec: {%s%c1%s}, status: {phase: %s%s}}", at, at, test_stamp(at),
		 old ? "old" : "new", state == 'd' || state == 'x' ? ", deletionTimestamp: '2026-01-01T00:00:00Z'" : "",
		 state == 'u' ? "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms:"
				" [{matchFields: [{key: metadata.name, operator: In, values: [" : "nodeName: ", *word,
		 state == 'u' ? "]}]}]}}}" : "",
		 state == 'f' || state == 'x' ? "Failed" : state == 's' ? "Succeeded" : state == 'u' ? "Pending" : "Running", ready);
}

static int64_t backoff(void *arg, const char *node)
{
	(void)node;
	return *(int64_t *)arg;
}

static void read_words(struct object_list *l, const char *words, int what)
{
	char text[256], *save = NULL;
	int n = 0;

	(void)snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (what == 'n')
			add_node(l, word);
		else
			add_pod(l, n++, word);
}

static void make(struct world *w, const char *strategy, const char *template, const char *nodes, const char *pods)
{
	*w = (struct world){ .arena = arena_new(0), .nodes = OBJECT_LIST_INIT, .pods = OBJECT_LIST_INIT };
	w->set = test_object("{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, namespace: ns, uid: d, generation: 3},"
			     " spec: {template: {metadata: {labels: {a: b}}, spec: {%s}}, %s}}", template, strategy);
	read_words(&w->nodes, nodes, 'n');
	read_words(&w->pods, pods, 'p');
	w->view = (struct daemon_view){ .set = w->set, .pods = &w->pods, .nodes = &w->nodes, .hash = "new", .now = test_time(1000),
					.backoff = backoff, .backoff_arg = &w->backoff };
}

/* What the plan makes and removes: "+node" and "-pod", in its order. */
static const char *words_of(const struct daemon_plan *p, struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < p->n_create; i++)
		buf_printf(&b, "%s+%c", b.len ? " " : "", *p->create[i]);
	for (size_t i = 0; i < p->n_remove; i++)
		buf_printf(&b, "%s-%s", b.len ? " " : "", object_name(p->remove[i]));
	return arena_strdup(a, buf_str(&b));
}

#define ROLL(surge, missing) "updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: " surge ", maxUnavailable: " missing "}}"
#define ON_DELETE "updateStrategy: {type: OnDelete}"
#define SSD "nodeSelector: {disk: ssd}"
#define BEARS "tolerations: [{key: only, operator: Exists}]"

static void each_node_gets_its_pod(void **state)
{
	static const struct {
		const char *name, *strategy, *template, *nodes, *pods, *want;
		int64_t backoff, wait; /* seconds */
	} cases[] = {
		{ "no node", ON_DELETE, "", "", "", "", 0, 0 },
		{ "a pod on each node", ON_DELETE, "", "a b c", "", "+a +b +c", 0, 0 },
		{ "where there is none", ON_DELETE, "", "a b c", "bR", "+a +c", 0, 0 },
		{ "one that is not scheduled yet is one", ON_DELETE, "", "a b", "au bR", "", 0, 0 },
		{ "one that goes is waited for", ON_DELETE, "", "a", "ad", "", 0, 0 },
		{ "one that has ended and goes is not", ON_DELETE, "", "a", "ax", "+a", 0, 0 },
		{ "nodes that it selects", ON_DELETE, SSD, "a b-", "", "+a", 0, 0 },
		{ "a node that is not selected any more", ON_DELETE, SSD, "a- b", "aR bR", "-p0", 0, 0 },
		{ "nodes that affinity selects", ON_DELETE, "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution:"
		  " {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: NotIn, values: [ssd]}]}]}}}", "a b-", "", "+b", 0, 0 },
		{ "one node by name", ON_DELETE, "nodeName: b1", "a b", "aR", "+b -p0", 0, 0 },
		{ "a taint keeps new pods off", ON_DELETE, "", "a! b", "", "+b", 0, 0 },
		{ "and lets old ones be", ON_DELETE, "", "a! b", "aR bR", "", 0, 0 },
		{ "another drives them away", ON_DELETE, "", "a# b", "aR bR", "-p0", 0, 0 },
		{ "both can be tolerated", ON_DELETE, BEARS, "a! b#", "", "+a +b", 0, 0 },
		{ "a node that is not ready gets none", ON_DELETE, "", "a~ b", "", "+b", 0, 0 },
		{ "and keeps what it has", ON_DELETE, "", "a~ b", "aR bR", "", 0, 0 },
		{ "all but the oldest", ON_DELETE, "", "a", "ar aR ar", "-p1 -p2", 0, 0 },
		{ "what is on a node is older", ON_DELETE, "", "a", "au aR", "-p0", 0, 0 },
		{ "a pod that has failed", ON_DELETE, "", "a b", "af bR", "-p0", 0, 0 },
		{ "is left alone for a while", ON_DELETE, "", "a b", "af bR", "", 7, 7 },
		{ "surge: another takes its place", ROLL("1", "0"), "", "a b", "af bR", "+a -p0", 0, 0 },
		{ "surge: not while it is left alone", ROLL("1", "0"), "", "a b", "af bR", "", 7, 7 },
		{ "surge: nor while another goes", ROLL("1", "0"), "", "a b", "ad af bR", "", 7, 7 },
		{ "surge: the update's pod does not wait", ROLL("1", "0"), "", "a b", "afo bR", "+a", 7, 7 },
		{ "a pod that has succeeded", ON_DELETE, "", "a b", "as bR", "-p0", 0, 0 },
		{ "of a node that is gone", ON_DELETE, "", "a", "aR bR", "", 0, 0 },
		{ "of one that it never came to", ON_DELETE, "", "a", "aR bu", "-p1", 0, 0 },
		{ "old ones stay", ON_DELETE, "", "a b", "aRo bRo", "", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		const char *got;

		make(&w, cases[i].strategy, cases[i].template, cases[i].nodes, cases[i].pods);
		w.backoff = cases[i].backoff * NSEC_PER_SEC;
		assert_int_equal(daemon_decide(&w.view, w.arena, &w.plan), 0);
		got = words_of(&w.plan, w.arena);
		if (strcmp(got, cases[i].want) != 0 || w.plan.wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("%s: \"%s\", wait %lld", cases[i].name, got, (long long)(w.plan.wait / NSEC_PER_SEC));
	}
}

static void an_update_rolls(void **state)
{
	static const struct {
		const char *name, *strategy, *nodes, *pods, *want;
		int64_t wait;
	} cases[] = {
		{ "one at a time", ROLL("0", "1"), "a b c", "aRo bRo cRo", "-p0", 0 },
		{ "two at a time", ROLL("0", "2"), "a b c", "aRo bRo cRo", "-p0 -p1", 0 },
		{ "a percentage is rounded up", ROLL("0", "50%"), "a b c", "aRo bRo cRo", "-p0 -p1", 0 },
		{ "a new one that does not serve yet is waited for", ROLL("0", "1"), "a b c", "ar bRo cRo", "", 0 },
		{ "one that goes is waited for", ROLL("0", "1"), "a b c", "ado bRo cRo", "", 0 },
		{ "an old one that does not serve goes at once", ROLL("0", "1"), "a b c", "ar bro cRo", "-p1", 0 },
		{ "and counts as missing", ROLL("0", "1"), "a b c", "aro bRo cRo", "-p0", 0 },
		{ "the next", ROLL("0", "1"), "a b c", "aR bRo cRo", "-p1", 0 },
		{ "all are new", ROLL("0", "1"), "a b c", "aR bR cR", "", 0 },
		{ "none at all would never end", ROLL("0", "0"), "a b", "aRo bRo", "-p0", 0 },
		{ "first what is missing", ROLL("0", "1"), "a b c", "bRo cRo", "+a", 0 },
		{ "ready for long enough", ROLL("0", "1") ", minReadySeconds: 30", "a b", "aR40 bRo", "-p1", 0 },
		{ "not ready for long enough", ROLL("0", "1") ", minReadySeconds: 30", "a b", "aR10 bRo", "", 20 },
		{ "surge: one more", ROLL("1", "0"), "a b c", "aRo bRo cRo", "+a", 0 },
		{ "surge: two more", ROLL("2", "0"), "a b c", "aRo bRo cRo", "+a +b", 0 },
		{ "surge: it is waited for", ROLL("1", "0"), "a b c", "aRo ar bRo cRo", "", 0 },
		{ "surge: the new one serves", ROLL("1", "0"), "a b", "aRo aR bRo", "-p0", 0 },
		{ "surge: the old one serves no more", ROLL("1", "0"), "a b", "aro ar bRo", "-p0", 0 },
		{ "surge: an old one that does not serve is replaced besides", ROLL("1", "0"), "a b", "aro bRo", "+a +b", 0 },
		{ "surge: two new ones", ROLL("1", "0"), "a", "aR aR", "-p1", 0 },
		{ "surge: of two old ones the one that serves stays", ROLL("1", "0"), "a", "aro aRo", "-p0", 0 },
		{ "surge: of two old ones that do not serve the older stays", ROLL("1", "0"), "a", "aro aro", "-p1", 0 },
		{ "surge: one that goes is not waited for", ROLL("1", "0"), "a", "ad", "+a", 0 },
		{ "surge: not ready for long enough", ROLL("1", "0") ", minReadySeconds: 30", "a", "aRo aR10", "", 20 },
		{ "surge: a node that is to have none keeps what serves", ROLL("1", "0"), "a! b", "aRo br", "", 0 },
		{ "surge: until the others do", ROLL("1", "0"), "a! b", "aRo bR", "-p0", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		const char *got;

		make(&w, cases[i].strategy, "", cases[i].nodes, cases[i].pods);
		assert_int_equal(daemon_decide(&w.view, w.arena, &w.plan), 0);
		got = words_of(&w.plan, w.arena);
		if (strcmp(got, cases[i].want) != 0 || w.plan.wait != cases[i].wait * NSEC_PER_SEC)
			fail_msg("%s: \"%s\", wait %lld", cases[i].name, got, (long long)(w.plan.wait / NSEC_PER_SEC));
	}
}

static void a_failure_is_told(void **state)
{
	_cleanup_world_ struct world w;

	make(&w, ON_DELETE, "", "a b", "af bs");
	assert_int_equal(daemon_decide(&w.view, w.arena, &w.plan), 0);
	assert_int_equal(w.plan.n_failed, 1);
	assert_string_equal(w.plan.failed[0], "a1");
	assert_int_equal(w.plan.n_notes, 2);
	assert_string_equal(w.plan.notes[0].reason, "FailedDaemonPod");
	assert_string_equal(w.plan.notes[0].message, "Found failed daemon pod ns/p0 on node a1, will try to kill it");
	assert_string_equal(w.plan.notes[1].reason, "SucceededDaemonPod");
}

static void failures_on_a_node_count_as_one(void **state)
{
	_cleanup_world_ struct world w;

	make(&w, ROLL("1", "0"), "", "a b", "af af af bf bf");
	assert_int_equal(daemon_decide(&w.view, w.arena, &w.plan), 0);
	assert_string_equal(words_of(&w.plan, w.arena), "+a +b -p0 -p1 -p2 -p3 -p4");
	assert_int_equal(w.plan.n_failed, 2);
	assert_string_equal(w.plan.failed[0], "a1");
	assert_string_equal(w.plan.failed[1], "b1");
}

static void a_status_counts(void **state)
{
	static const struct {
		const char *template, *nodes, *pods;
		int desired, current, misplaced, ready, updated, available, unavailable;
	} cases[] = {
		{ "", "a b c", "", 3, 0, 0, 0, 0, 0, 3 },
		{ "", "a b c", "aR br cRo", 3, 3, 0, 2, 2, 2, 1 },
		{ SSD, "a b-", "aR bR", 1, 1, 1, 1, 1, 1, 0 },
		{ "", "a", "aR10", 1, 1, 0, 1, 1, 0, 1 },
		{ "", "a", "ar aR", 1, 1, 0, 0, 1, 0, 1 }, /* the oldest of a node counts */
		{ "", "a b", "ad bu", 2, 2, 0, 0, 2, 0, 2 },
		{ "", "a", "bR", 1, 0, 0, 0, 0, 0, 1 },
	};
	static const char *const keys[] = { "desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady",
					    "updatedNumberScheduled", "numberAvailable", "numberUnavailable" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const int want[] = { cases[i].desired, cases[i].current,   cases[i].misplaced,	cases[i].ready,
				     cases[i].updated, cases[i].available, cases[i].unavailable };
		_cleanup_world_ struct world w;
		struct value *root;
		int64_t wait;

		make(&w, "minReadySeconds: 30", cases[i].template, cases[i].nodes, cases[i].pods);
		root = value_copy(w.arena, object_root(w.set));
		assert_int_equal(daemon_set_status(w.arena, root, &w.view, &wait), 0);
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			if (value_int(value_path(root, "status", keys[k]), 0) != want[k])
				fail_msg("case %zu: %s: %lld", i, keys[k],
					 (long long)value_int(value_path(root, "status", keys[k]), 0));
		assert_int_equal(value_int(value_path(root, "status", "observedGeneration"), 0), 3);
		assert_int_equal(wait, strstr(cases[i].pods, "R10") ? 20 * NSEC_PER_SEC : 0);
	}
}

static void a_pod_is_pinned_and_tolerates(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *set = test_object(
		"{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, namespace: ns, uid: u, annotations:"
		" {deprecated.daemonset.template.generation: '4'}}, spec: {template: {metadata: {labels: {a: b}}, spec: {hostNetwork: true,"
		" tolerations: [{key: x, operator: Exists}, {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute,"
		" tolerationSeconds: 5}], affinity: {podAffinity: {}, nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution:"
		" {nodeSelectorTerms: [{matchExpressions: [{key: z, operator: Exists}]}]}}}}}}}");
	struct value *want = test_tree(
		a, "{apiVersion: v1, kind: Pod, metadata: {generateName: d-, namespace: ns, labels: {a: b, pod-template-generation: '4',"
		   " controller-revision-hash: h}, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: d, uid: u,"
		   " controller: true, blockOwnerDeletion: true}]}, spec: {hostNetwork: true, tolerations: [{key: x, operator: Exists},"
		   " {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute},"
		   " {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute},"
		   " {key: node.kubernetes.io/disk-pressure, operator: Exists, effect: NoSchedule},"
		   " {key: node.kubernetes.io/memory-pressure, operator: Exists, effect: NoSchedule},"
		   " {key: node.kubernetes.io/pid-pressure, operator: Exists, effect: NoSchedule},"
		   " {key: node.kubernetes.io/unschedulable, operator: Exists, effect: NoSchedule},"
		   " {key: node.kubernetes.io/network-unavailable, operator: Exists, effect: NoSchedule}],"
		   " affinity: {podAffinity: {}, nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms:"
		   " [{matchFields: [{key: metadata.name, operator: In, values: [node7]}]}]}}}}}");
	struct value *pod = daemon_new_pod(a, set, "h", "node7");
	_cleanup_object_ struct object *o = NULL;

	assert_true(value_equal(pod, want));
	value_set_str(a, value_get(pod, "metadata"), "name", "p");
	o = object_for_test(pod, 1);
	assert_string_equal(daemon_node_of(o), "node7");
	assert_true(daemon_is_updated(o, set, "h"));
	assert_true(daemon_is_updated(o, set, "other")); /* by its generation */
}

static void a_revision_keeps_the_template(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *set = test_object(
		"{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, namespace: ns, uid: u, annotations: {c: d}}, spec: {template:"
		" {metadata: {labels: {a: b}}, spec: {containers: [{name: c}]}}}}");
	struct value *want = test_tree(
		a, "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: d-h, namespace: ns, labels: {a: b,"
		   " controller-revision-hash: h}, annotations: {c: d}, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: d,"
		   " uid: u, controller: true, blockOwnerDeletion: true}]}, data: {spec: {template: {$patch: replace, metadata: {labels:"
		   " {a: b}}, spec: {containers: [{name: c}]}}}}, revision: 3}");
	struct value *root = revision_new(a, set, "h", 3);
	_cleanup_object_ struct object *revision = object_for_test(root, 1);

	assert_true(value_equal(root, want));
	assert_true(revision_matches(revision, object_path(set, "spec", "template")));
	assert_false(revision_matches(revision, test_tree(a, "{metadata: {labels: {a: b}}, spec: {containers: [{name: d}]}}")));
	assert_string_equal(revision_hash(revision), "h");
}

static void a_node_selector_means_nodes(void **state)
{
#define TERMS(terms) "{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" terms "]}}}}"
	static const struct {
		const char *spec;
		bool want; /* of the node n1 with disk=ssd, cpus=4 */
	} cases[] = {
		{ "{}", true },
		{ "{nodeSelector: {disk: ssd}}", true },
		{ "{nodeSelector: {disk: ssd, zone: z}}", false },
		{ TERMS(""), false },
		{ TERMS("{}"), false },
		{ TERMS("{matchExpressions: [{key: disk, operator: In, values: [hdd, ssd]}]}"), true },
		{ TERMS("{matchExpressions: [{key: disk, operator: In, values: [hdd]}]}"), false },
		{ TERMS("{matchExpressions: [{key: disk, operator: Exists}, {key: zone, operator: Exists}]}"), false },
		{ TERMS("{matchExpressions: [{key: zone, operator: Exists}]}, {matchExpressions: [{key: disk, operator: Exists}]}"), true },
		{ TERMS("{matchExpressions: [{key: cpus, operator: Gt, values: ['3']}]}"), true },
		{ TERMS("{matchExpressions: [{key: cpus, operator: Lt, values: ['3']}]}"), false },
		{ TERMS("{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}"), true },
		{ TERMS("{matchFields: [{key: metadata.name, operator: In, values: [n2]}]}"), false },
		{ TERMS("{matchFields: [{key: metadata.name, operator: NotIn, values: [n2]}]}"), true },
		{ TERMS("{matchFields: [{key: metadata.name, operator: NotIn, values: [n1]}]}"), false },
		{ TERMS("{matchFields: [{key: metadata.uid, operator: In, values: [n1]}]}"), false },
		{ TERMS("{matchFields: [{key: metadata.name, operator: In, values: [n1]}], matchExpressions: [{key: zone,"
			" operator: Exists}]}"), false },
	};
	_cleanup_object_ struct object *node = test_object("{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {disk: ssd,"
							   " cpus: '4'}}}");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);

		if (node_selector_allows(test_tree(a, cases[i].spec), node) != cases[i].want)
			fail_msg("%s", cases[i].spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_gets_its_pod),
		cmocka_unit_test(an_update_rolls),
		cmocka_unit_test(a_failure_is_told),
		cmocka_unit_test(failures_on_a_node_count_as_one),
		cmocka_unit_test(a_status_counts),
		cmocka_unit_test(a_pod_is_pinned_and_tolerates),
		cmocka_unit_test(a_revision_keeps_the_template),
		cmocka_unit_test(a_node_selector_means_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
