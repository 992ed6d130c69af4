/* SPDX-License-Identifier: Apache-2.0 */
/* Which node a pod goes to, and what it asks for: pure decisions, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sched_cluster.h"

static void taints_are_tolerated(void **state)
{
	static const struct {
		const char *tolerations, *taint;
		bool want;
	} cases[] = {
		{ "[]", "{key: k, value: v, effect: NoSchedule}", false },
		{ "[{key: k, operator: Equal, value: v, effect: NoSchedule}]", "{key: k, value: v, effect: NoSchedule}", true },
		{ "[{key: k, value: v, effect: NoSchedule}]", "{key: k, value: v, effect: NoSchedule}", true },
		{ "[{key: k, value: w, effect: NoSchedule}]", "{key: k, value: v, effect: NoSchedule}", false },
		{ "[{key: k, value: v, effect: NoExecute}]", "{key: k, value: v, effect: NoSchedule}", false },
		{ "[{key: k, value: v}]", "{key: k, value: v, effect: NoExecute}", true }, /* all effects */
		{ "[{key: k, operator: Exists}]", "{key: k, value: v, effect: NoSchedule}", true },
		{ "[{key: l, operator: Exists}]", "{key: k, value: v, effect: NoSchedule}", false },
		{ "[{operator: Exists}]", "{key: k, value: v, effect: NoSchedule}", true }, /* all keys */
		{ "[{operator: Exists, effect: NoExecute}]", "{key: k, value: v, effect: NoSchedule}", false },
		{ "[{key: k}]", "{key: k, effect: NoSchedule}", true }, /* both without a value */
		{ "[{key: a}, {key: k, operator: Exists}]", "{key: k, value: v, effect: NoSchedule}", true },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (tolerates(test_tree(a, cases[i].tolerations), test_tree(a, cases[i].taint)) != cases[i].want)
			fail_msg("%s %s", cases[i].tolerations, cases[i].taint);
}

#define CAN(cpu, memory, pods) "allocatable: {cpu: '" cpu "', memory: " memory ", pods: '" pods "'}, "
#define IS_READY "conditions: [{type: Ready, status: 'True'}]"
#define BIG CAN("8", "8Gi", "110") IS_READY
#define REQUIRED(terms) \
	"affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" terms "]}}}, " ASK("1", "1Gi")
#define ASK(cpu, memory) "containers: [{name: c, resources: {requests: {cpu: '" cpu "', memory: " memory "}}}]"

enum { NODES_MAX = 3 };

struct node {
	const char *labels, *spec, *status;
	int64_t milli_cpu, mebibytes, pods; /* in use */
	const char *bound;		    /* the ports of a pod on it; NULL: none */
};

/* What is in use is one pod's, and others that ask for nothing. */
static void add_node(struct cluster *c, size_t n, const struct node *d)
{
	cluster_add(c, "{apiVersion: v1, kind: Node, metadata: {name: n%zu, labels: {%s}}, spec: {%s}, status: {%s}}", n, d->labels,
		    d->spec, d->status);
	for (int64_t i = 0; i < d->pods; i++)
		cluster_add(c, "{apiVersion: v1, kind: Pod, metadata: {name: b%zu-%d, namespace: ns}, spec: {nodeName: n%zu, containers: "
			    "[{name: c, ports: [%s], resources: {requests: {cpu: %dm, memory: %dMi}}}]}}", n, (int)i, n,
			    !i && d->bound ? d->bound : "", i ? 0 : (int)d->milli_cpu, i ? 0 : (int)d->mebibytes);
}

static void pods_go_where_they_fit(void **state)
{
	static const struct {
		const char *name, *spec;
		struct node nodes[NODES_MAX + 1];
		const char *want; /* a node's name, or the message */
	} cases[] = {
		{ "none", ASK("1", "1Gi"), { { NULL } }, "no nodes available to schedule pods" },
		{ "one", ASK("1", "1Gi"), { { "", "", BIG } }, "n0" },
		{ "exactly full", ASK("2", "2Gi"), { { "", "", BIG, 6000, 6144, 3 } }, "n0" },
		{ "cpu", ASK("2", "2Gi"), { { "", "", BIG, 6001, 6144, 3 } }, "0/1 nodes are available: 1 Insufficient cpu." },
		{ "memory", ASK("2", "2Gi"), { { "", "", BIG, 0, 6145, 3 } }, "0/1 nodes are available: 1 Insufficient memory." },
		{ "pods", ASK("1", "1Gi"), { { "", "", CAN("8", "8Gi", "2") IS_READY, 0, 0, 2 } },
		  "0/1 nodes are available: 1 Too many pods." },
		{ "nothing asked fits where nothing is left", "containers: [{name: c}]",
		  { { "", "", CAN("1", "1Gi", "9") IS_READY, 2000, 2048, 1 } }, "n0" },
		{ "several reasons, sorted with their counts", ASK("9", "1Gi"),
		  { { "", "", BIG },
		    { "", "taints: [{key: k, value: v, effect: NoSchedule}]", BIG },
		    { "", "taints: [{key: k, value: v, effect: NoExecute}]", BIG } },
		  "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}." },
		{ "each short resource is told", ASK("9", "9Gi"), { { "", "", BIG }, { "", "", BIG } },
		  "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory." },
		{ "a preference is no refusal", ASK("1", "1Gi"),
		  { { "", "taints: [{key: k, effect: PreferNoSchedule}]", BIG } }, "n0" },
		{ "unschedulable", ASK("1", "1Gi"), { { "", "unschedulable: true", BIG } },
		  "0/1 nodes are available: 1 node(s) were unschedulable." },
		{ "unschedulable, tolerated",
		  ASK("1", "1Gi") ", tolerations: [{key: node.kubernetes.io/unschedulable, operator: Exists}]",
		  { { "", "unschedulable: true", BIG } }, "n0" },
		{ "not ready", ASK("1", "1Gi"), { { "", "", CAN("8", "8Gi", "9") "conditions: [{type: Ready, status: Unknown}]" } },
		  "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }." },
		{ "selector", "nodeSelector: {disk: ssd}, " ASK("1", "1Gi"), { { "disk: hdd", "", BIG }, { "disk: ssd", "", BIG } }, "n1" },
		{ "two labels of one selector", "nodeSelector: {disk: ssd, z: a}, " ASK("1", "1Gi"),
		  { { "disk: ssd, z: b", "", BIG }, { "z: a", "", BIG }, { "disk: ssd, z: a", "", BIG } }, "n2" },
		{ "required affinity", REQUIRED("{matchExpressions: [{key: z, operator: In, values: [a, b]}, {key: d, operator: Exists}]}"),
		  { { "z: a", "", BIG }, { "d: x", "", BIG }, { "z: b, d: x", "", BIG } }, "n2" },
		{ "either term of two", REQUIRED("{matchExpressions: [{key: z, operator: In, values: [c]}]}, {matchExpressions: [{key: d, "
		  "operator: Gt, values: ['5']}]}"), { { "z: a, d: '5'", "", BIG }, { "d: '6'", "", BIG } }, "n1" },
		{ "a term without a requirement matches nothing", REQUIRED("{}"), { { "z: a", "", BIG } },
		  "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." },
		{ "a selector and an affinity", "nodeSelector: {z: a}, " REQUIRED("{matchExpressions: [{key: d, operator: DoesNotExist}]}"),
		  { { "z: a, d: x", "", BIG }, { "z: b", "", BIG }, { "z: a", "", BIG } }, "n2" },
		{ "by name", REQUIRED("{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}"),
		  { { "", "", BIG }, { "", "", BIG }, { "", "", BIG } }, "n1" },
		{ "by a name that is not there", REQUIRED("{matchFields: [{key: metadata.name, operator: In, values: [n7]}]}"),
		  { { "", "", BIG }, { "", "", BIG } }, "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]." },
		{ "by a name where it does not fit", REQUIRED("{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}"),
		  { { "", "", BIG }, { "", "", BIG, 8000, 0, 1 }, { "", "", BIG } },
		  "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]." },
		{ "by names that contradict each other", REQUIRED("{matchFields: [{key: metadata.name, operator: In, values: [n1]}, {key: "
		  "metadata.name, operator: In, values: [n0]}]}"), { { "", "", BIG }, { "", "", BIG } },
		  "0/2 nodes are available: pod affinity terms conflict." },
		{ "by not being called so", REQUIRED("{matchFields: [{key: metadata.name, operator: NotIn, values: [n0]}]}"),
		  { { "", "", BIG }, { "", "", BIG } }, "n1" },
		{ "selector nowhere", "nodeSelector: {disk: ssd}, " ASK("1", "1Gi"), { { "", "", BIG } },
		  "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." },
		{ "the emptier", ASK("1", "1Gi"), { { "", "", BIG, 4000, 4096, 4 }, { "", "", BIG, 1000, 1024, 9 } }, "n1" },
		{ "the fewest pods", "containers: [{name: c}]", { { "", "", BIG, 0, 0, 4 }, { "", "", BIG, 0, 0, 3 } }, "n1" },
		{ "the first name", ASK("1", "1Gi"), { { "", "", BIG }, { "", "", BIG } }, "n0" },
		{ "host port in use", "containers: [{name: c, ports: [{hostPort: 80}]}]", { { "", "", BIG, 0, 0, 1, "{hostPort: 80}" } },
		  "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." },
		{ "another protocol", "containers: [{name: c, ports: [{hostPort: 80, protocol: UDP}]}]",
		  { { "", "", BIG, 0, 0, 1, "{hostPort: 80}" } }, "n0" },
		{ "another port", "containers: [{name: c, ports: [{hostPort: 81}]}]", { { "", "", BIG, 0, 0, 1, "{hostPort: 80}" } }, "n0" },
		{ "another address", "containers: [{name: c, ports: [{hostPort: 80, hostIP: 127.0.0.1}]}]",
		  { { "", "", BIG, 0, 0, 1, "{hostPort: 80, hostIP: 127.0.0.2}" } }, "n0" },
		{ "any address clashes", "containers: [{name: c, ports: [{hostPort: 80, hostIP: 0.0.0.0}]}]",
		  { { "", "", BIG, 0, 0, 1, "{hostPort: 80, hostIP: 127.0.0.2}" } },
		  "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." },
		{ "a sidecar's host port", "containers: [{name: c}], initContainers: [{name: s, restartPolicy: Always, ports: "
		  "[{hostPort: 80}]}]", { { "", "", BIG, 0, 0, 1, "{hostPort: 80}" } },
		  "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports." },
		{ "an init container's host port", "containers: [{name: c}], initContainers: [{name: i, ports: [{hostPort: 80}]}]",
		  { { "", "", BIG, 0, 0, 1, "{hostPort: 80}" } }, "n0" },
		{ "container ports are no host ports", "containers: [{name: c, ports: [{containerPort: 80}]}]",
		  { { "", "", BIG, 0, 0, 1, "{containerPort: 80}" } }, "n0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *pod =
			test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}, spec: {%s}}", cases[i].spec);
		struct sched_outcome outcome;
		const char *got;

		for (size_t n = 0; n < NODES_MAX && cases[i].nodes[n].status; n++)
			add_node(&c, n, &cases[i].nodes[n]);
		got = cluster_decide(&c, pod, NULL, a, &outcome);
		if (!outcome.node)
			got = cluster_filter(&c, pod, a);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
		/* what another pod has taken comes free when that goes; and a node's change may always help */
		if (!outcome.node && *got == '0' &&
		    outcome.cures != (SCHED_NODE | (strstr(got, "Insufficient") || strstr(got, "Too many") || strstr(got, "ports") ?
						    SCHED_POD_GONE : 0)))
			fail_msg("%s: cured by %x", cases[i].name, outcome.cures);
	}
}

#define RES(requests, limits) "{resources: {requests: {" requests "}, limits: {" limits "}}}"

static void quality_of_service_is_told(void **state)
{
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{ "{containers: [{}]}", "BestEffort" },
		{ "{containers: [" RES("cpu: 0", "") "]}", "BestEffort" },
		{ "{containers: [" RES("ephemeral-storage: 1Gi", "") "]}", "BestEffort" },
		{ "{containers: [" RES("cpu: 1", "") "]}", "Burstable" },
		{ "{containers: [" RES("", "cpu: 1") "]}", "Burstable" },
		{ "{containers: [" RES("cpu: 1, memory: 1Gi", "cpu: 1, memory: 1Gi") "]}", "Guaranteed" },
		{ "{containers: [" RES("cpu: 1000m, memory: 1024Mi", "cpu: 1, memory: 1Gi") "]}", "Guaranteed" },
		{ "{containers: [" RES("cpu: 1, memory: 1Gi", "cpu: 2, memory: 1Gi") "]}", "Burstable" },
		{ "{containers: [" RES("cpu: 1, memory: 1Gi", "cpu: 1, memory: 1Gi") ", {}]}", "Burstable" },
		{ "{initContainers: [{}], containers: [" RES("cpu: 1, memory: 1Gi", "cpu: 1, memory: 1Gi") "]}", "Burstable" },
		{ "{initContainers: [" RES("cpu: 2, memory: 1Gi", "cpu: 2, memory: 1Gi") "], containers: ["
		  RES("cpu: 1, memory: 1Gi", "cpu: 1, memory: 1Gi") "]}", "Guaranteed" },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (strcmp(pod_qos_class(test_tree(a, cases[i].spec)), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].spec, pod_qos_class(test_tree(a, cases[i].spec)));
}

#define CPU(n) "{resources: {requests: {cpu: " #n "}}}"
#define SIDECAR(n) "{restartPolicy: Always, resources: {requests: {cpu: " #n "}}}"

static void effective_requests_are_told(void **state)
{
	static const struct {
		const char *spec;
		int64_t milli_cpu;
	} cases[] = {
		{ "{containers: [" CPU(1) ", " CPU(2) "]}", 3000 },
		{ "{containers: [" CPU(1) "], initContainers: [" CPU(5) ", " CPU(4) "]}", 5000 },
		{ "{containers: [" CPU(3) "], initContainers: [" CPU(2) "]}", 3000 },
		{ "{containers: [" CPU(1) "], initContainers: [" SIDECAR(2) "]}", 3000 },
		{ "{containers: [" CPU(1) "], initContainers: [" SIDECAR(2) ", " CPU(5) "]}", 7000 },
		{ "{containers: [" CPU(1) "], initContainers: [" CPU(5) ", " SIDECAR(2) "]}", 5000 },
		{ "{containers: [" CPU(1) "], overhead: {cpu: 250m}}", 1250 },
		{ "{containers: [" CPU(0.0001) "]}", 1 }, /* up */
		{ "{containers: [" CPU(9e15) ", " CPU(9e15) "]}", INT64_MAX },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pod_resources r = pod_requests(test_tree(a, cases[i].spec));

		if (r.milli_cpu != cases[i].milli_cpu)
			fail_msg("%s: %lld", cases[i].spec, (long long)r.milli_cpu);
	}
	assert_int_equal(container_resource(test_tree(a, RES("memory: 1Ki", "")), "requests", "memory"), 1024);
	assert_int_equal(container_resource(test_tree(a, RES("memory: 1Ki", "")), "limits", "memory"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taints_are_tolerated),
		cmocka_unit_test(pods_go_where_they_fit),
		cmocka_unit_test(quality_of_service_is_told),
		cmocka_unit_test(effective_requests_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
