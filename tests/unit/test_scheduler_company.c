/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pod may run by where others do: (anti-)affinity and spreading, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "control/scheduler_counts.h"
#include "sched_cluster.h"

enum { NODES_MAX = 5, PODS_MAX = 8 };

struct other {
	const char *on, *labels, *spec, *ns; /* NULL: "", "ns" */
};

struct place {
	const char *name;
	const char *labels, *spec; /* the pod's */
	const char *nodes[NODES_MAX + 1]; /* labels, and after a ";" the spec */
	struct other pods[PODS_MAX];
	const char *want; /* the node's name, or the message; of several that will do "n0 n1" */
};

static void add_nodes(struct cluster *c, const struct place *p)
{
	for (size_t i = 0; p->nodes[i]; i++) {
		const char *spec = strchr(p->nodes[i], ';');

		cluster_add(c, "{apiVersion: v1, kind: Node, metadata: {name: n%zu, labels: {%.*s}}, spec: {%s}, status: {allocatable: {cpu: "
			    "'8', memory: 8Gi, pods: '110'}, conditions: [{type: Ready, status: 'True'}]}}", i,
			    (int)strcspn(p->nodes[i], ";"), p->nodes[i], spec ? spec + 1 : "");
	}
}

static void add_pods(struct cluster *c, const struct place *p)
{
	for (size_t i = 0; i < PODS_MAX && p->pods[i].on; i++) {
		const struct other *o = &p->pods[i];

		cluster_add(c, "{apiVersion: v1, kind: Pod, metadata: {name: b%zu, namespace: %s, labels: {%s}}, spec: {nodeName: %s, "
			    "containers: [{name: c}], %s}}", i, o->ns ? o->ns : "ns", o->labels ? o->labels : "", o->on,
			    o->spec ? o->spec : "");
	}
}

static void check(const struct place *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *pod = NULL;
		const char *got;

		cluster_add(&c, "{apiVersion: v1, kind: Namespace, metadata: {name: ns, labels: {team: a}}}");
		cluster_add(&c, "{apiVersion: v1, kind: Namespace, metadata: {name: other, labels: {team: b}}}");
		add_nodes(&c, &cases[i]);
		add_pods(&c, &cases[i]);
		pod = test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, labels: {%s}}, spec: {containers: [{name: c}], "
				  "%s}}", cases[i].labels, cases[i].spec);
		got = cluster_filter(&c, pod, a);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution: ["
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution: ["
#define TERM(labels, key) "{labelSelector: {matchLabels: {" labels "}}, topologyKey: " key "}"
#define NEAR(terms) "affinity: {podAffinity: {" REQUIRED terms "]}}"
#define FAR(terms) "affinity: {podAntiAffinity: {" REQUIRED terms "]}}"
#define RATHER(what, weight, term) "affinity: {" what ": {" PREFERRED "{weight: " weight ", podAffinityTerm: " term "}]}}"
#define ZONES "h: n0, z: a", "h: n1, z: a", "h: n2, z: b"
#define NO_NEAR(n) "0/" n " nodes are available: " n " node(s) didn't match pod affinity rules."
#define NO_FAR(n) "0/" n " nodes are available: " n " node(s) didn't match pod anti-affinity rules."
#define KEPT_OFF(n) "0/" n " nodes are available: " n " node(s) didn't satisfy existing pods anti-affinity rules."

static void pods_are_near_and_far(void **state)
{
	static const struct place cases[] = {
		{ "near one in a zone", "", NEAR(TERM("app: db", "z")), { ZONES }, { { "n2", "app: db" } }, "n2" },
		{ "near nothing", "", NEAR(TERM("app: db", "z")), { ZONES }, { { "n2", "app: web" } }, NO_NEAR("3") },
		{ "near one on a node that has no such label", "", NEAR(TERM("app: db", "z")), { "h: n0", "h: n1, z: b" },
		  { { "n0", "app: db" } }, NO_NEAR("2") },
		{ "the first of a group", "app: db", NEAR(TERM("app: db", "z")), { "h: n0", "h: n1, z: b" }, { { NULL } }, "n1" },
		{ "no first of a group where there is one", "app: db", NEAR(TERM("app: db", "z")), { "z: a;unschedulable: true", "z: b" },
		  { { "n0", "app: db" } }, "0/2 nodes are available: 1 node(s) didn't match pod affinity rules, 1 node(s) were "
		  "unschedulable." },
		{ "the first of a group in another namespace is none", "app: db",
		  NEAR("{labelSelector: {matchLabels: {app: db}}, namespaces: [other], topologyKey: z}"), { ZONES }, { { NULL } },
		  NO_NEAR("3") },
		{ "all terms match one pod", "", NEAR(TERM("app: db", "z") ", " TERM("tier: x", "h")), { ZONES },
		  { { "n0", "app: db" }, { "n1", "tier: x" }, { "n2", "app: db, tier: x" } }, "n2" },
		{ "two terms of one pod each match none", "", NEAR(TERM("app: db", "z") ", " TERM("tier: x", "h")), { ZONES },
		  { { "n0", "app: db" }, { "n0", "tier: x" } }, NO_NEAR("3") },
		{ "another namespace's does not count", "", NEAR(TERM("app: db", "z")), { ZONES }, { { "n2", "app: db", "", "other" } },
		  NO_NEAR("3") },
		{ "unless it is named", "", NEAR("{labelSelector: {}, namespaces: [other], topologyKey: h}"), { ZONES },
		  { { "n2", "app: db", "", "other" }, { "n1", "app: db" } }, "n2" },
		{ "or its labels match", "", NEAR("{labelSelector: {}, namespaceSelector: {matchLabels: {team: b}}, topologyKey: h}"),
		  { ZONES }, { { "n2", "app: db", "", "other" }, { "n1", "app: db" } }, "n2" },
		{ "an empty namespaceSelector means all", "", NEAR("{labelSelector: {}, namespaceSelector: {}, topologyKey: h}"),
		  { ZONES }, { { "n2", "", "", "other" } }, "n2" },
		{ "no selector matches nothing", "", NEAR("{topologyKey: h}"), { ZONES }, { { "n2", "app: db" } }, NO_NEAR("3") },
		{ "matchLabelKeys", "v: '2'", NEAR("{labelSelector: {matchLabels: {app: db}}, matchLabelKeys: [v, w], topologyKey: h}"),
		  { ZONES }, { { "n0", "app: db, v: '1'" }, { "n1", "app: db, v: '2'" } }, "n1" },
		{ "mismatchLabelKeys", "v: '2'", NEAR("{labelSelector: {matchLabels: {app: db}}, mismatchLabelKeys: [v], topologyKey: h}"),
		  { ZONES }, { { "n0", "app: db, v: '1'" }, { "n1", "app: db, v: '2'" } }, "n0" },
		{ "far from one in a zone", "", FAR(TERM("app: db", "z")), { ZONES }, { { "n0", "app: db" } }, "n2" },
		{ "far from any of two", "", FAR(TERM("app: db", "h") ", " TERM("app: web", "z")), { ZONES },
		  { { "n2", "app: db" }, { "n0", "app: web" } },
		  "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules." },
		{ "far where no label is", "", FAR(TERM("app: db", "z")), { "h: n0", "h: n1, z: a" }, { { "n1", "app: db" } }, "n0" },
		{ "far from itself", "app: db", FAR(TERM("app: db", "h")), { ZONES }, { { NULL } }, "n0" },
		{ "far from everywhere", "", FAR(TERM("app: db", "h")), { "h: n0", "h: n1" }, { { "n0", "app: db" }, { "n1", "app: db" } },
		  NO_FAR("2") },
		{ "others want it far", "app: p", "", { ZONES }, { { "n0", "", FAR(TERM("app: p", "z")) } }, "n2" },
		{ "others want it nowhere", "app: p", "", { "z: a", "z: b" },
		  { { "n0", "", FAR(TERM("app: p", "z")) }, { "n1", "", FAR(TERM("app: p", "z")) } }, KEPT_OFF("2") },
		{ "others want another far", "app: q", "", { "z: a" }, { { "n0", "", FAR(TERM("app: p", "z")) } }, "n0" },
		{ "others of another namespace want theirs far", "app: p", "", { "z: a" },
		  { { "n0", "", FAR(TERM("app: p", "z")), "other" } }, "n0" },
		{ "others want all of this namespace far", "app: p", "", { "z: a" },
		  { { "n0", "", FAR("{labelSelector: {}, namespaceSelector: {matchLabels: {team: a}}, topologyKey: z}"), "other" } },
		  KEPT_OFF("1") },
		{ "others' preference refuses nothing", "app: p", "", { "z: a" },
		  { { "n0", "", RATHER("podAntiAffinity", "100", TERM("app: p", "z")) } }, "n0" },
		{ "far and near", "", "affinity: {podAffinity: {" REQUIRED TERM("app: db", "z") "]}, podAntiAffinity: {" REQUIRED
		  TERM("app: web", "h") "]}}", { ZONES }, { { "n0", "app: db" }, { "n0", "app: web" } }, "n1" },
	};

	check(cases, ARRAY_SIZE(cases));
}

static void preferences_decide(void **state)
{
	static const struct place cases[] = {
		{ "rather near", "", RATHER("podAffinity", "1", TERM("app: db", "z")), { ZONES },
		  { { "n2", "app: db" }, { "n2" }, { "n2" } }, "n2" },
		{ "rather far", "", RATHER("podAntiAffinity", "1", TERM("app: db", "z")), { ZONES },
		  { { "n0", "app: db" }, { "n2" }, { "n2" } }, "n2" },
		{ "the heavier", "", "affinity: {podAffinity: {" PREFERRED "{weight: 2, podAffinityTerm: " TERM("app: db", "h") "}, {weight: 9, "
		  "podAffinityTerm: " TERM("app: web", "h") "}]}}", { ZONES }, { { "n0", "app: db" }, { "n2", "app: web" } }, "n2" },
		{ "others would rather have it near", "app: p", "", { ZONES },
		  { { "n2", "", RATHER("podAffinity", "1", TERM("app: p", "z")) }, { "n2" } }, "n2" },
		{ "others would rather have it far", "app: p", "", { ZONES },
		  { { "n0", "", RATHER("podAntiAffinity", "1", TERM("app: p", "z")) }, { "n2" }, { "n2" } }, "n2" },
		{ "others must be near it", "app: p", "", { ZONES }, { { "n2", "", NEAR(TERM("app: p", "z")) }, { "n2" } }, "n2" },
		{ "nobody prefers anything: the emptiest", "app: p", "", { ZONES }, { { "n0" }, { "n2" } }, "n1" },
	};

	check(cases, ARRAY_SIZE(cases));
}

#define SPREAD(skew, key, when, more) \
	"topologySpreadConstraints: [{maxSkew: " skew ", topologyKey: " key ", whenUnsatisfiable: " when ", labelSelector: " \
	"{matchLabels: {app: p}}" more "}]"
#define MUST(skew, key, more) SPREAD(skew, key, "DoNotSchedule", more)
#define NO_SPREAD(n) n " node(s) didn't match pod topology spread constraints"

static void pods_are_spread(void **state)
{
	static const struct place cases[] = {
		{ "the emptier zone", "app: p", MUST("1", "z", ""), { ZONES }, { { "n0", "app: p" } }, "n2" },
		{ "within the skew", "app: p", MUST("2", "z", ""), { ZONES }, { { "n0", "app: p" }, { "n2" }, { "n2" } }, "n1" },
		{ "others do not count", "app: p", MUST("1", "h", ""), { ZONES }, { { "n0", "app: q" }, { "n1", "app: p" }, { "n2", "app: p" } },
		  "n0" },
		{ "nor do those of another namespace", "app: p", MUST("1", "h", ""), { ZONES },
		  { { "n0", "app: p", "", "other" }, { "n1", "app: p" }, { "n2", "app: p" } }, "n0" },
		{ "a pod that does not match itself makes no skew", "app: q", MUST("1", "z", ""), { "z: a;unschedulable: true", "z: b" },
		  { { "n1", "app: p" } }, "n1" },
		{ "a node without the label", "app: p", MUST("1", "z", ""), { "h: n0", "z: a" }, { { NULL } }, "n1" },
		{ "only nodes without it", "app: p", MUST("1", "z", ""), { "h: n0" }, { { NULL } },
		  "0/1 nodes are available: " NO_SPREAD("1") " (missing required label)." },
		{ "an empty domain where nothing else fits", "app: p", MUST("1", "z", ""), { "z: a", "z: b;unschedulable: true" },
		  { { "n0", "app: p" } }, "0/2 nodes are available: " NO_SPREAD("1") ", 1 node(s) were unschedulable." },
		{ "unless taints are honored and one keeps it off", "app: p", MUST("1", "z", ", nodeTaintsPolicy: Honor"),
		  { "z: a", "z: b;taints: [{key: k, effect: NoSchedule}]" }, { { "n0", "app: p" } }, "n0" },
		{ "taints are ignored else", "app: p", MUST("1", "z", ""), { "z: a", "z: b;taints: [{key: k, effect: NoSchedule}]" },
		  { { "n0", "app: p" } }, "0/2 nodes are available: " NO_SPREAD("1") ", 1 node(s) had untolerated taint {k: }." },
		{ "the node selector is honored", "app: p", "nodeSelector: {z: a}, " MUST("1", "h", ""), { ZONES },
		  { { "n0", "app: p" }, { "n1", "app: p" } }, "n0" },
		{ "or ignored", "app: p", "nodeSelector: {z: a}, " MUST("1", "h", ", nodeAffinityPolicy: Ignore"), { ZONES },
		  { { "n0", "app: p" }, { "n1", "app: p" } },
		  "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, " NO_SPREAD("2") "." },
		{ "too few domains", "app: p", MUST("1", "z", ", minDomains: 3"), { ZONES }, { { "n0", "app: p" }, { "n2", "app: p" } },
		  "0/3 nodes are available: " NO_SPREAD("3") "." },
		{ "enough domains", "app: p", MUST("1", "z", ", minDomains: 2"), { ZONES }, { { "n0", "app: p" }, { "n2", "app: p" } }, "n1" },
		{ "matchLabelKeys", "app: p, v: '2'", MUST("1", "z", ", matchLabelKeys: [v]"), { ZONES },
		  { { "n2", "app: p, v: '1'" }, { "n2", "app: p, v: '1'" }, { "n0", "app: p, v: '2'" } }, "n2" },
		{ "two constraints", "app: p", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, "
		  "labelSelector: {matchLabels: {app: p}}}, {maxSkew: 1, topologyKey: h, whenUnsatisfiable: DoNotSchedule, labelSelector: "
		  "{matchLabels: {app: p}}}]", { "h: n0, z: a", "h: n1, z: a", "h: n2, z: b", "h: n3, z: b" },
		  { { "n0", "app: p" }, { "n1", "app: p" }, { "n2", "app: p" } }, "n3" },
		{ "a selector of all counts none", "app: p", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: "
		  "DoNotSchedule, labelSelector: {}}]", { "z: a" }, { { "n0", "app: p" }, { "n0", "app: p" } }, "n0" },
		{ "rather the emptier zone", "app: p", SPREAD("1", "z", "ScheduleAnyway", ""), { ZONES }, { { "n0", "app: p" }, { "n2" } },
		  "n2" },
		{ "a preference refuses nothing", "app: p", SPREAD("1", "z", "ScheduleAnyway", ""), { "z: a", "z: b;unschedulable: true" },
		  { { "n0", "app: p" } }, "n0" },
		{ "a node without the label is the last", "app: p", SPREAD("1", "z", "ScheduleAnyway", ""), { "h: n0", "z: b" },
		  { { "n1", "app: p" } }, "n1" },
	};

	check(cases, ARRAY_SIZE(cases));
}

/* Nothing is asked: pods of one ReplicaSet or Service are spread all the same, over nodes and zones. */
static void pods_of_one_kind_are_spread_unasked(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod =
		test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, labels: {app: p}}, spec: {containers: [{name: c}]}}");
	const struct sched_request request = { .default_selector = test_tree(a, "{matchLabels: {app: p}}") };
	const struct place place = {
		.nodes = { "kubernetes.io/hostname: n0, topology.kubernetes.io/zone: a",
			   "kubernetes.io/hostname: n1, topology.kubernetes.io/zone: a",
			   "kubernetes.io/hostname: n2, topology.kubernetes.io/zone: b" },
		.pods = { { "n0", "app: p" }, { "n2" }, { "n2" } },
	};
	struct sched_outcome outcome;

	add_nodes(&c, &place);
	add_pods(&c, &place);
	assert_string_equal(cluster_decide(&c, pod, &request, a, &outcome), "n2");
	assert_string_equal(cluster_decide(&c, pod, NULL, a, &outcome), "n1");
}

static int32_t count_at(struct cluster *c, const struct object *like, const char *labels, size_t slot)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct sched_term t;
	const int32_t *count;

	assert_int_equal(sched_term_make(a, like, test_tree(a, labels), NULL, &t), 0);
	count = sched_count(c->world, &t, 1, false);
	assert_non_null(count);
	return count[slot];
}

/* What is counted once follows what happens, and is what a new count would be. */
static void counts_follow_the_pods(void **state)
{
	static const char pod[] = "{apiVersion: v1, kind: Pod, metadata: {name: b%d, namespace: ns, labels: {app: %s}}, spec: {nodeName: "
				  "n%d, containers: [{name: c}]}, status: {phase: %s}}";
	static const char key[] = "/objects/pods/ns/b1";
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
	struct object *like;

	cluster_add(&c, "{apiVersion: v1, kind: Node, metadata: {name: n0}, status: {}}");
	like = cluster_add(&c, pod, 0, "x", 0, "Running");
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 0), 1);
	cluster_add(&c, pod, 1, "x", 0, "Running");
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 0), 2);
	cluster_add(&c, pod, 1, "w", 0, "Running"); /* another label */
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 0), 1);
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: w}}", 0), 1);
	cluster_add(&c, pod, 1, "x", 7, "Running"); /* a node that is not there */
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 1), 1);
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: w}}", 0), 0);
	assert_int_equal(sched_world_node(c.world, "n7")->slot, 1);
	for (int i = 10; i < 40; i++) /* more nodes than there was room for */
		cluster_add(&c, pod, i, "x", i, "Running");
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 1), 1);
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 31), 1);
	cluster_add(&c, pod, 1, "x", 7, "Succeeded"); /* it has ended, and the node is forgotten with it */
	assert_null(sched_world_node(c.world, "n7"));
	assert_null(sched_world_pod(c.world, key));
	cluster_add(&c, pod, 1, "x", 8, "Running"); /* in the same slot */
	assert_int_equal(sched_world_node(c.world, "n8")->slot, 1);
	assert_int_equal(count_at(&c, like, "{matchLabels: {app: x}}", 1), 1);
	sched_world_clear(c.world);
	assert_int_equal(c.world->n_slots, 0);
}

static size_t asked; /* for objects */
static sched_get_fn ask_really;

static struct object *count_asked(void *arg, const char *key)
{
	asked++;
	return ask_really(arg, key);
}

/* How many pods of any namespace a label selector matches in slot 0. */
static int32_t count_anywhere(struct cluster *c, const char *selector)
{
	_cleanup_object_ struct object *pod = test_object("{apiVersion: v1, kind: Pod, metadata: {name: t, namespace: ns}, spec: {affinity: "
							  "{podAffinity: {" REQUIRED "{labelSelector: %s, namespaceSelector: {}, "
							  "topologyKey: h}]}}, containers: [{name: c}]}}", selector);
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct sched_term *t;
	const int32_t *count;
	size_t n;

	assert_int_equal(sched_terms_read(a, pod, SCHED_NEAR, &t, &n), 0);
	assert_int_equal(n, 1);
	count = sched_count(c->world, t, 1, false);
	assert_non_null(count);
	return count[0];
}

static int32_t count_app(struct cluster *c, int i)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "{matchLabels: {all: same, app: x%d}}", i);
	return count_anywhere(c, text);
}

static void start_counting(struct cluster *c)
{
	cluster_add(c, "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}");
	cluster_add(c, "{apiVersion: v1, kind: Node, metadata: {name: n0, labels: {k50: a}}, status: {}}");
	ask_really = c->world->get;
	c->world->get = count_asked;
}

static const char labelled[] = "{apiVersion: v1, kind: Pod, metadata: {name: b%d, namespace: ns, labels: {%s}}, spec: {nodeName: n0, "
			       "containers: [{name: c}]}}";

/* A pod that comes is looked at by those alone who count pods of its labels; each asks for its namespace here. */
static void a_pod_meets_few_counts(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;

	start_counting(&c);
	for (int i = 0; i < 200; i++)
		assert_int_equal(count_app(&c, i), 0);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: In, values: [x7]}]}"), 0);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: In, values: [x7, x8]}]}"), 0);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: Exists}]}"), 0);
	asked = 0;
	cluster_add(&c, labelled, 1, "all: same, app: x7");
	assert_in_range(asked, 4, 8);
	cluster_add(&c, labelled, 2, "all: same, app: x8");
	cluster_add(&c, labelled, 3, "app: x7");
	cluster_add(&c, labelled, 4, "other: x7");
	assert_int_equal(count_app(&c, 7), 1);
	assert_int_equal(count_app(&c, 8), 1);
	assert_int_equal(count_app(&c, 9), 0);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: In, values: [x7]}]}"), 2);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: In, values: [x7, x8]}]}"), 3);
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: Exists}]}"), 3);
	cluster_remove(&c, "/objects/pods/ns/b3");
	assert_int_equal(count_anywhere(&c, "{matchExpressions: [{key: app, operator: In, values: [x7]}]}"), 1);
}

/* However few the nodes, what nobody has asked for in a while makes way. */
static void counts_make_way(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;

	start_counting(&c);
	cluster_add(&c, labelled, 1, "all: same, app: x0");
	for (int i = 0; i < 1500; i++)
		assert_int_equal(count_app(&c, i), i == 0);
	sched_counts_trim(c.world);
	asked = 0;
	assert_int_equal(count_app(&c, 1499), 0);
	assert_int_equal(asked, 0); /* it was kept */
	assert_int_equal(count_app(&c, 0), 1);
	assert_true(asked > 0);
}

static size_t values_of(struct cluster *c, const char *key)
{
	const struct sched_column *col = sched_column(c->world, key);

	assert_non_null(col);
	return col->n_values;
}

/* One decision may ask for many labels; the next is not to pay for them. */
static void columns_make_way(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
	char key[16];

	start_counting(&c);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_in_range(values_of(&c, key), 1, 2);
	}
	sched_counts_trim(c.world);
	cluster_add(&c, "{apiVersion: v1, kind: Node, metadata: {name: n0, labels: {k50: b, k199: b}}, status: {}}");
	cluster_add(&c, "{apiVersion: v1, kind: Node, metadata: {name: n0, labels: {k50: c, k199: c}}, status: {}}");
	assert_int_equal(values_of(&c, "k199"), 3); /* it was kept, and knows both */
	assert_int_equal(values_of(&c, "k50"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_near_and_far),
		cmocka_unit_test(preferences_decide),
		cmocka_unit_test(pods_are_spread),
		cmocka_unit_test(pods_of_one_kind_are_spread_unasked),
		cmocka_unit_test(counts_follow_the_pods),
		cmocka_unit_test(a_pod_meets_few_counts),
		cmocka_unit_test(counts_make_way),
		cmocka_unit_test(columns_make_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
