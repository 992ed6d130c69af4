/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods have to go for one of higher priority, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sched_cluster.h"

enum { NODES_MAX = 4, PODS_MAX = 8, BUDGETS_MAX = 2 };

/* A pod: where, its priority, CPUs, and more members of its spec, or one of the words below; of its status too. */
struct other {
	const char *on;
	int priority, cpu;
	const char *labels, *more, *status; /* NULL: none */
};

struct fight {
	const char *name;
	int priority, cpu;
	const char *more;
	const char *nodes[NODES_MAX + 1]; /* what comes after the name: labels */
	struct other pods[PODS_MAX];
	const char *budgets[BUDGETS_MAX + 1]; /* label and what it allows, and what it has been told */
	const char *want; /* "NODE: VICTIM …", or what is said of it */
};

#define NO_VICTIMS(n) "0/" n " nodes are available: " n " No preemption victims found for incoming pod."
#define NOT_HELPFUL(n) "0/" n " nodes are available: " n " Preemption is not helpful for scheduling."
#define STARTED(time) "startTime: '2026-01-01T" time "Z'"
#define ENDS "DisruptionTarget"
#define FAR(labels, key) \
	"affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {" labels "}}, " \
	"topologyKey: " key "}]}}"
#define PREEMPTED "conditions: [{type: DisruptionTarget, status: 'True', reason: PreemptionByScheduler}]"

static const struct fight fights[] = {
	{ "the lower one goes", 10, 8, "", { "" }, { { "n0", 5, 4 } }, { NULL }, "n0: b0" },
	{ "its like does not", 10, 8, "", { "" }, { { "n0", 10, 4 } }, { NULL }, NO_VICTIMS("1") },
	{ "nor what is above", 10, 8, "", { "" }, { { "n0", 11, 4 } }, { NULL }, NO_VICTIMS("1") },
	{ "negative ones fight too", -1, 8, "", { "" }, { { "n0", -2, 4 } }, { NULL }, "n0: b0" },
	{ "as few as may be", 10, 4, "", { "" }, { { "n0", 5, 4 }, { "n0", 5, 4 } }, { NULL }, "n0: b1" },
	{ "those that matter least", 10, 4, "", { "" }, { { "n0", 1, 4 }, { "n0", 5, 4 } }, { NULL }, "n0: b0" },
	{ "the one started last", 10, 4, "", { "" },
	  { { "n0", 1, 4, "", "", STARTED("01:00:00") }, { "n0", 1, 4, "", "", STARTED("00:00:00") } }, { NULL }, "n0: b0" },
	{ "several where one is not enough", 10, 6, "", { "" }, { { "n0", 1, 3 }, { "n0", 2, 3 }, { "n0", 3, 2 } }, { NULL }, "n0: b1 b0" },
	{ "one below its like is not enough", 10, 6, "", { "" }, { { "n0", 1, 1 }, { "n0", 10, 7 } }, { NULL },
	  "0/1 nodes are available: 1 Insufficient cpu." },
	{ "more than the node has", 10, 9, "", { "" }, { { "n0", 1, 8 } }, { NULL }, NOT_HELPFUL("1") },
	{ "a node that it may not be on", 10, 8, "nodeSelector: {z: b}", { "z: a" }, { { "n0", 1, 8 } }, { NULL }, NOT_HELPFUL("1") },
	{ "each node says why", 10, 6, "nodeSelector: {z: b}", { "z: a", "z: b", "z: b" }, { { "n0", 1, 8 }, { "n1", 10, 8 }, { "n2", 10, 7 },
	  { "n2", 1, 1 } }, { NULL }, "0/3 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, 1 "
	  "Preemption is not helpful for scheduling." },
	{ "a pod that never preempts", 10, 8, "preemptionPolicy: Never", { "" }, { { "n0", 1, 4 } }, { NULL },
	  "not eligible due to preemptionPolicy=Never." },
	/* which node */
	{ "where the highest that goes is the lowest", 10, 8, "", { "", "" }, { { "n0", 5, 8 }, { "n1", 4, 4 }, { "n1", 4, 4 } }, { NULL },
	  "n1: b1 b2" },
	{ "where less goes in sum", 10, 8, "", { "", "" }, { { "n0", 4, 4 }, { "n0", 4, 4 }, { "n1", 4, 4 }, { "n1", 3, 4 } }, { NULL },
	  "n1: b2 b3" },
	{ "where fewer go, be they below 0", 10, 8, "", { "", "" }, { { "n0", -5, 4 }, { "n0", -5, 4 }, { "n1", -5, 8 } }, { NULL }, "n1: b2" },
	{ "where the last was started", 10, 8, "", { "", "" },
	  { { "n0", 1, 8, "", "", STARTED("00:00:00") }, { "n1", 1, 8, "", "", STARTED("01:00:00") } }, { NULL }, "n1: b1" },
	{ "where no budget is violated", 10, 8, "", { "", "" }, { { "n0", 1, 8, "app: x" }, { "n1", 5, 8 } },
	  { "app: x; disruptionsAllowed: 0" }, "n1: b1" },
	{ "a budget that allows it", 10, 8, "", { "", "" }, { { "n0", 1, 8, "app: x" }, { "n1", 5, 8 } },
	  { "app: x; disruptionsAllowed: 1" }, "n0: b0" },
	{ "a budget that allows one of two", 10, 8, "", { "", "" }, { { "n0", 1, 4, "app: x" }, { "n0", 1, 4, "app: x" }, { "n1", 5, 8 } },
	  { "app: x; disruptionsAllowed: 1" }, "n1: b2" },
	{ "a pod counts in all its budgets", 10, 8, "", { "", "" },
	  { { "n0", 1, 4, "app: x, z: a" }, { "n0", 1, 4, "z: a" }, { "n1", 5, 8, "app: x" } },
	  { "app: x; disruptionsAllowed: 0", "z: a; disruptionsAllowed: 1" }, "n1: b2" },
	{ "a budget that has been told", 10, 8, "", { "", "" }, { { "n0", 1, 8, "app: x" }, { "n1", 5, 8 } },
	  { "app: x; disruptionsAllowed: 0, disruptedPods: {b0: '2026-01-01T00:00:00Z'}" }, "n0: b0" },
	{ "a budget is violated where nothing else helps", 10, 8, "", { "" }, { { "n0", 1, 8, "app: x" } },
	  { "app: x; disruptionsAllowed: 0" }, "n0: b0" },
	{ "who violates a budget is put back first", 10, 4, "", { "" }, { { "n0", 1, 4, "app: x" }, { "n0", 5, 4 } },
	  { "app: x; disruptionsAllowed: 0" }, "n0: b1" },
	/* not only resources */
	{ "one that it is to be far from", 10, 1, FAR("app: x", "h"), { "h: n0" }, { { "n0", 1, 1, "app: x" }, { "n0", 1, 1 } }, { NULL },
	  "n0: b0" },
	{ "one that wants to be far from it", 10, 1, "", { "h: n0" }, { { "n0", 1, 1, "", FAR("app: p", "h") }, { "n0", 1, 1 } }, { NULL },
	  "n0: b0" },
	{ "one of another node in the zone is not reached", 10, 1, FAR("app: x", "z"), { "z: a;unschedulable: true", "z: a" },
	  { { "n0", 1, 1, "app: x" }, { "n1", 1, 1 } }, { NULL },
	  "0/2 nodes are available: 1 Preemption is not helpful for scheduling, 1 node(s) didn't match pod anti-affinity rules." },
	{ "one in the way of spreading", 10, 1, "topologySpreadConstraints: [{maxSkew: 1, topologyKey: h, whenUnsatisfiable: DoNotSchedule, "
	  "labelSelector: {matchLabels: {app: p}}}]", { "h: n0", "h: n1;unschedulable: true" },
	  { { "n0", 1, 1, "app: p" }, { "n0", 1, 1 } }, { NULL }, "n0: b0" },
	{ "one with the port", 10, 1, "hostPort", { "" }, { { "n0", 1, 1, "", "hostPort" }, { "n0", 1, 1 } }, { NULL }, "n0: b0" },
	{ "too many pods", 10, 0, "", { ";;3" }, { { "n0", 1, 0 }, { "n0", 2, 0 }, { "n0", 3, 0 } }, { NULL }, "n0: b0" },
	/* its own victims */
	{ "who waits for its victims takes no others", 10, 8, "nominated", { "" }, { { "n0", 1, 8, "", ENDS, PREEMPTED } }, { NULL },
	  "not eligible due to a terminating pod on the nominated node." },
	{ "unless it cannot be there any more", 10, 8, "nominated", { ";unschedulable: true", "" },
	  { { "n0", 1, 8, "", ENDS, PREEMPTED }, { "n1", 1, 8 } }, { NULL }, "n1: b1" },
	{ "others that end are not its own", 10, 8, "nominated", { "" }, { { "n0", 1, 4 }, { "n0", 1, 4, "", ENDS } }, { NULL }, "n0: b0 b1" },
};

static void add_node(struct cluster *c, size_t i, const char *text)
{
	const char *spec = strchr(text, ';'), *pods = spec ? strchr(spec + 1, ';') : NULL;

	cluster_add(c, "{apiVersion: v1, kind: Node, metadata: {name: n%zu, labels: {%.*s}}, spec: {%.*s}, status: {allocatable: {cpu: '8', "
		    "memory: 8Gi, pods: '%s'}, conditions: [{type: Ready, status: 'True'}]}}", i, (int)strcspn(text, ";"), text,
		    spec ? (int)strcspn(spec + 1, ";") : 0, spec ? spec + 1 : "", pods ? pods + 1 : "110");
}

static struct object *make_pod(struct cluster *c, const char *name, const struct other *o)
{
	const char *more = o->more ? o->more : "";
	bool port = !strcmp(more, "hostPort"), ends = !strcmp(more, ENDS), nominated = !strcmp(more, "nominated");
	char text[TEST_YAML_MAX];

	(void)snprintf(text, sizeof(text),
		       "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: ns, labels: {%s}%s}, spec: {%s%s%s priority: %d, "
		       "containers: [{name: c, resources: {requests: {cpu: %d}}, ports: [%s]}], %s}, status: {%s%s}}", name,
		       o->labels ? o->labels : "", ends ? ", deletionTimestamp: '2026-01-01T00:00:00Z'" : "", *o->on ? "nodeName: " : "",
		       o->on, *o->on ? "," : "", o->priority, o->cpu, port ? "{hostPort: 80}" : "",
		       port || ends || nominated ? "" : more, o->status ? o->status : "", nominated ? "nominatedNodeName: n0" : "");
	return *o->on ? cluster_add(c, "%s", text) : test_object("%s", text);
}

static void add_budget(struct object_list *l, const char *text)
{
	int len = (int)strcspn(text, ";");

	test_add(l, "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x, namespace: ns}, spec: {selector: {matchLabels: "
		    "{%.*s}}}, status: {%s}}", len, text, text + len + 1);
}

static const char *tell(const struct sched_outcome *o, struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *more;

	assert_null(o->node);
	if (!o->nominated) {
		more = strstr(o->message, " preemption: ");
		return more ? more + strlen(" preemption: ") : o->message;
	}
	assert_null(strstr(o->message, "preemption"));
	buf_printf(&b, "%s:", o->nominated->name);
	for (size_t i = 0; i < o->n_victims; i++)
		buf_printf(&b, " %s", strrchr(o->victims[i]->key, '/') + 1);
	return arena_strdup(a, buf_str(&b));
}

static void the_right_ones_go(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(fights); i++) {
		const struct fight *f = &fights[i];
		const struct other it = { "", f->priority, f->cpu, "app: p", f->more, NULL };
		_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
		_cleanup_object_list_ struct object_list budgets = OBJECT_LIST_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		const struct sched_request request = { .budgets = &budgets };
		_cleanup_object_ struct object *pod = NULL;
		struct sched_outcome outcome, again;
		char name[8];

		for (size_t k = 0; f->nodes[k]; k++)
			add_node(&c, k, f->nodes[k]);
		for (size_t k = 0; k < PODS_MAX && f->pods[k].on; k++) {
			(void)snprintf(name, sizeof(name), "b%zu", k);
			(void)make_pod(&c, name, &f->pods[k]);
		}
		for (size_t k = 0; f->budgets[k]; k++)
			add_budget(&budgets, f->budgets[k]);
		pod = make_pod(&c, "p", &it);
		(void)cluster_decide(&c, pod, &request, a, &outcome);
		if (strcmp(tell(&outcome, a), f->want) != 0)
			fail_msg("%s: %s", f->name, tell(&outcome, a));
		/* what was only thought has left nothing behind */
		(void)cluster_decide(&c, pod, &request, a, &again);
		assert_string_equal(tell(&again, a), tell(&outcome, a));
	}
}

/* A pod that waits for its victims has its place: for those that matter no more than it. */
static void a_nominated_pod_is_counted(void **state)
{
	static const struct {
		const char *name;
		struct other waits;
		int priority, cpu;
		const char *more, *want;
	} cases[] = {
		{ "for a lower one", { "", 10, 6, "app: w" }, 5, 4, "", "0/1 nodes are available: 1 Insufficient cpu." },
		{ "and its like", { "", 10, 6, "app: w" }, 10, 4, "", "0/1 nodes are available: 1 Insufficient cpu." },
		{ "not for a higher one", { "", 10, 6, "app: w" }, 11, 4, "", "n0" },
		{ "where there is room for both", { "", 10, 6, "app: w" }, 5, 2, "", "n0" },
		{ "it may be what another is to be far from", { "", 10, 1, "app: w" }, 5, 1, FAR("app: w", "h"),
		  "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules." },
		{ "but none can rely on it", { "", 10, 1, "app: w" }, 5, 1, "affinity: {podAffinity: {"
		  "requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: w}}, topologyKey: h}]}}",
		  "0/1 nodes are available: 1 node(s) didn't match pod affinity rules." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct other it = { "", cases[i].priority, cases[i].cpu, "app: p", cases[i].more, NULL };
		_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *pod = NULL;
		const char *got;

		add_node(&c, 0, "h: n0");
		cluster_add(&c, "{apiVersion: v1, kind: Pod, metadata: {name: waits, namespace: ns, labels: {%s}}, spec: {priority: %d, "
			    "containers: [{name: c, resources: {requests: {cpu: %d}}}]}, status: {nominatedNodeName: n0}}",
			    cases[i].waits.labels, cases[i].waits.priority, cases[i].waits.cpu);
		pod = make_pod(&c, "p", &it);
		got = cluster_filter(&c, pod, a);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
		assert_int_equal(sched_world_node(c.world, "n0")->n_pods, 0);
	}
}

static void its_own_nomination_is_tried_first(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct other it = { "", 10, 4, "app: p", "", "nominatedNodeName: n1" };
	_cleanup_object_ struct object *pod = NULL;

	add_node(&c, 0, "");
	add_node(&c, 1, "");
	(void)make_pod(&c, "b0", &(struct other){ "n1", 20, 4, NULL, NULL, NULL });
	pod = make_pod(&c, "p", &it);
	assert_int_equal(sched_world_set_pod(c.world, pod), 0);
	assert_string_equal(cluster_filter(&c, pod, a), "n1");
	sched_world_remove_pod(c.world, object_key(pod));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_ones_go),
		cmocka_unit_test(a_nominated_pod_is_counted),
		cmocka_unit_test(its_own_nomination_is_tried_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
