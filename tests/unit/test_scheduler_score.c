/* SPDX-License-Identifier: Apache-2.0 */
/* The scores of nodes that a pod fits on, as numbers, and on how many it is tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "control/scheduler_try.h"
#include "sched_cluster.h"

enum { NODES_MAX = 4 };

struct node {
	const char *cpu, *memory; /* it has */
	int milli_cpu, mebibytes; /* of them in use */
	const char *labels, *spec, *images;
};

#define ASKS(cpu, memory) "containers: [{name: c, image: app, resources: {requests: {cpu: '" cpu "', memory: " memory "}}}]"
#define MB(n) #n "000000"

/*
 * Each sum is 300 for taints (all borne) unless it says otherwise, and LeastAllocated and BalancedAllocation, which are worked
 * out here: free is the mean of (has - used - asked) / has; balance is 50 + (50 + with - without) / 2, where with and without
 * are 100 less half the distance between the used shares of CPU and memory.
 */
static const struct {
	const char *name, *spec;
	struct node nodes[NODES_MAX + 1];
	int64_t want[NODES_MAX];
} cases[] = {
	{ "an empty node", ASKS("1", "1Gi"), { { "4", "4Gi" } }, { 300 + 75 + 75 } },
	{ "the larger has more left", ASKS("1", "1Gi"), { { "4", "4Gi" }, { "8", "8Gi" } }, { 300 + 75 + 75, 300 + 87 + 75 } },
	/* cpu 3 of 4, memory 1 of 4: (25 + 75) / 2; 50 + (50 + 75 - 87) / 2 */
	{ "less even", ASKS("1", "0"), { { "4", "4Gi", 2000, 1024 } }, { 300 + 50 + 69 } },
	/* used 0.5 and 0.25; with it 0.5 and 0.5: 50 + (50 + 100 - 87) / 2 */
	{ "more even", ASKS("0", "1Gi"), { { "4", "4Gi", 2000, 1024 } }, { 300 + 50 + 81 } },
	/* counted as 100 thousandths and 200 MiB, and not for balance */
	{ "one that asks for nothing", "containers: [{name: c, image: app}]", { { "4", "4Gi" }, { "4", "4Gi", 2000, 0 } },
	  { 300 + 96, 300 + 71 } },
	{ "more is used than there is", "containers: [{name: c, image: app}]", { { "4", "4Gi", 5000, 5 * 1024 }, { "4", "4Gi" } },
	  { 300 + 0, 300 + 96 } },
	{ "a node that has nothing", "containers: [{name: c, image: app}]", { { "0", "0" }, { "4", "4Gi" } }, { 300 + 0, 300 + 96 } },
	{ "taints that ask to stay away", ASKS("1", "1Gi") ", tolerations: [{key: c, operator: Exists}]",
	  { { "4", "4Gi", 0, 0, "", "taints: [{key: a, effect: PreferNoSchedule}, {key: b, effect: PreferNoSchedule}]" },
	    { "4", "4Gi", 0, 0, "", "taints: [{key: a, effect: PreferNoSchedule}, {key: c, effect: PreferNoSchedule}]" },
	    { "4", "4Gi", 0, 0, "", "taints: [{key: c, effect: NoSchedule}]" } },
	  { 0 + 150, 150 + 150, 300 + 150 } },
	{ "preferred nodes", ASKS("1", "1Gi") ", affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 10, "
	  "preference: {matchExpressions: [{key: d, operator: In, values: [ssd]}]}}, {weight: 30, preference: {matchExpressions: [{key: z, "
	  "operator: Exists}]}}, {weight: 50, preference: {}}]}}",
	  { { "4", "4Gi", 0, 0, "d: ssd, z: a" }, { "4", "4Gi", 0, 0, "d: ssd" }, { "4", "4Gi", 0, 0, "d: hdd" } },
	  { 450 + 200, 450 + 50, 450 } },
	{ "preferred by name", ASKS("1", "1Gi") ", affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, "
	  "preference: {matchFields: [{key: metadata.name, operator: In, values: [n1]}]}}]}}",
	  { { "4", "4Gi" }, { "4", "4Gi" } }, { 450, 450 + 200 } },
	/* 500 MB on one of two nodes: 100 * (250000000 - 23 MiB) / (1000 MiB - 23 MiB) */
	{ "the image is there", ASKS("1", "1Gi"), { { "4", "4Gi", 0, 0, "", "", "{names: ['app:latest'], sizeBytes: " MB(500) "}" },
	  { "4", "4Gi" } }, { 450 + 22, 450 } },
	{ "a larger one, on both", ASKS("1", "1Gi"),
	  { { "4", "4Gi", 0, 0, "", "", "{names: [x, 'app:latest'], sizeBytes: " MB(5000) "}" },
	    { "4", "4Gi", 0, 0, "", "", "{names: ['app:latest'], sizeBytes: " MB(5000) "}" } }, { 450 + 100, 450 + 100 } },
	{ "another tag", ASKS("1", "1Gi"), { { "4", "4Gi", 0, 0, "", "", "{names: ['app:1'], sizeBytes: " MB(5000) "}" } }, { 450 } },
	{ "a small image does not count", ASKS("1", "1Gi"),
	  { { "4", "4Gi", 0, 0, "", "", "{names: ['app:latest'], sizeBytes: " MB(20) "}" } }, { 450 } },
};

static void add_node(struct cluster *c, size_t i, const struct node *n)
{
	cluster_add(c, "{apiVersion: v1, kind: Node, metadata: {name: n%zu, labels: {%s}}, spec: {%s}, status: {allocatable: {cpu: '%s', "
		    "memory: %s, pods: '110'}, images: [%s], conditions: [{type: Ready, status: 'True'}]}}", i, n->labels ? n->labels : "",
		    n->spec ? n->spec : "", n->cpu, n->memory, n->images ? n->images : "");
	if (n->milli_cpu || n->mebibytes)
		cluster_add(c, "{apiVersion: v1, kind: Pod, metadata: {name: b%zu, namespace: ns}, spec: {nodeName: n%zu, containers: [{name: c, "
			    "resources: {requests: {cpu: %dm, memory: %dMi}}}]}}", i, i, n->milli_cpu, n->mebibytes);
}

static void nodes_have_their_scores(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *pod =
			test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}, spec: {%s}}", cases[i].spec);
		const struct sched_request q = { .pod = pod };
		_cleanup_(sched_try_clear) struct sched_try t = { 0 };
		int64_t got[NODES_MAX] = { 0 };
		size_t n;

		for (n = 0; cases[i].nodes[n].cpu; n++)
			add_node(&c, n, &cases[i].nodes[n]);
		assert_int_equal(sched_try_read(c.world, &q, a, &t), 0);
		assert_int_equal(sched_score(&t, c.world->slots, n, got), 0);
		for (size_t k = 0; k < n; k++)
			if (got[k] != cases[i].want[k])
				fail_msg("%s: n%zu: %lld, not %lld", cases[i].name, k, (long long)got[k], (long long)cases[i].want[k]);
	}
}

static void enough_nodes_are_looked_at(void **state)
{
	/* K8S:scheduler, numFeasibleNodesToFind: 50 % less one for each 125 nodes, 5 % and 100 at the least */
	static const size_t want[][2] = { { 0, 0 }, { 1, 1 }, { 99, 99 }, { 100, 100 }, { 200, 100 }, { 250, 120 }, { 1000, 420 },
					  { 5000, 500 }, { 6000, 300 }, { 100000, 5000 } };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(sched_enough(want[i][0]), want[i][1]);
}

/* Of many nodes others are looked at each time, so that all get pods. */
static void all_nodes_have_their_turn(void **state)
{
	_cleanup_cluster_ struct cluster c = CLUSTER_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod =
		test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}, spec: {" ASKS("1", "1Gi") "}}");
	struct sched_outcome outcome;

	for (size_t i = 0; i < 300; i++)
		add_node(&c, i, &(struct node){ "4", "4Gi", 0, 0, NULL, NULL, NULL });
	(void)cluster_decide(&c, pod, NULL, a, &outcome);
	assert_in_range(outcome.node->slot, 0, 143);
	(void)cluster_decide(&c, pod, NULL, a, &outcome);
	assert_in_range(outcome.node->slot, 144, 287);
	(void)cluster_decide(&c, pod, NULL, a, &outcome);
	assert_int_equal(c.world->next_slot, 3 * sched_enough(300) % 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_have_their_scores),
		cmocka_unit_test(enough_nodes_are_looked_at),
		cmocka_unit_test(all_nodes_have_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
