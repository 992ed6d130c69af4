/* SPDX-License-Identifier: Apache-2.0 */
/* What a HorizontalPodAutoscaler decides, as tables on a virtual clock; the cases follow Kubernetes' own tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/autoscaler_decide.h"
#include "objects.h"

#define NOW 100000 /* seconds, of both clocks */

static int64_t mono(int64_t at)
{
	return at * NSEC_PER_SEC;
}

/* Entries as "AGE:N AGE:N", in seconds before NOW. */
static void add_entries(struct autoscaler_entries *l, const char *text)
{
	while (*text) {
		char *end;
		int64_t age = strtoll(text, &end, 10), n = strtoll(end + 1, &end, 10);

		l->items = realloc(l->items, (l->n + 1) * sizeof(*l->items));
		assert_non_null(l->items);
		l->items[l->n++] = (struct autoscaler_entry){ .replicas = n, .at = mono(NOW - age) };
		l->cap = l->n;
		text = end + strspn(end, " ");
	}
}

/* --- rules --- */

static void a_recommendation_is_held_to_rules(void **state)
{
	static const struct {
		const char *name;
		int64_t current, desired, min, max, want;
		const char *recommended;
		const char *able, *limited;
		bool is_limited;
		size_t entries; /* of recommendations, afterwards */
	} cases[] = {
		{ "within range", 5, 7, 3, 8, 7, "", "ReadyForNewScale", "DesiredWithinRange", false, 1 },
		{ "too few", 3, 1, 2, 8, 2, "", "ReadyForNewScale", "TooFewReplicas", true, 1 },
		{ "none", 1, 0, 0, 10, 0, "", "ReadyForNewScale", "DesiredWithinRange", false, 1 },
		{ "too many", 20, 1000, 1, 10, 10, "", "ReadyForNewScale", "TooManyReplicas", true, 1 },
		{ "too fast", 3, 1000, 1, 2000, 6, "", "ReadyForNewScale", "ScaleUpLimit", true, 1 },
		{ "four are never too fast", 1, 1000, 1, 2000, 4, "", "ReadyForNewScale", "ScaleUpLimit", true, 1 },
		{ "twice is not", 3, 6, 1, 2000, 6, "", "ReadyForNewScale", "DesiredWithinRange", false, 1 },
		{ "no more was recommended", 5, 5, 1, 9, 5, "30:4 60:5", "ReadyForNewScale", "DesiredWithinRange", false, 3 },
		{ "the highest of the window", 5, 2, 1, 9, 5, "30:4 299:5 301:8", "ScaleDownStabilized", "DesiredWithinRange", false, 3 },
		{ "also where that is more than there is", 5, 2, 1, 9, 7, "30:7", "ScaleDownStabilized", "DesiredWithinRange", false, 2 },
		{ "what is older counts no more", 5, 2, 1, 9, 2, "301:8 302:9", "ReadyForNewScale", "DesiredWithinRange", false, 2 },
		{ "up at once", 5, 9, 1, 9, 9, "10:5 20:5", "ReadyForNewScale", "DesiredWithinRange", false, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_autoscaler_history_ struct autoscaler_history h = { .recommended = { .n = 0 } };
		struct autoscaler_rules r = { .min = cases[i].min, .max = cases[i].max, .current = cases[i].current,
					      .desired = cases[i].desired, .mono = mono(NOW) };
		struct autoscaler_verdict able, limited;
		int64_t n;

		add_entries(&h.recommended, cases[i].recommended);
		assert_int_equal(autoscaler_normalize(&r, &h, &n, &able, &limited), 0);
		if (n != cases[i].want || strcmp(able.reason, cases[i].able) != 0 || !able.is_true ||
		    strcmp(limited.reason, cases[i].limited) != 0 || limited.is_true != cases[i].is_limited ||
		    h.recommended.n != cases[i].entries)
			fail_msg("%s: %lld, %s, %s, %zu entries", cases[i].name, (long long)n, able.reason, limited.reason,
				 h.recommended.n);
	}
}

#define PODS(n, period) "{type: Pods, value: " #n ", periodSeconds: " #period "}"
#define PERCENT(n, period) "{type: Percent, value: " #n ", periodSeconds: " #period "}"
#define DEFAULT_UP "scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Max, policies: [" PODS(4, 15) ", " PERCENT(100, 15) "]}"
#define DEFAULT_DOWN "scaleDown: {selectPolicy: Max, policies: [" PERCENT(100, 15) "]}"
#define UP(window, select, policies) \
	"{scaleUp: {stabilizationWindowSeconds: " #window ", selectPolicy: " select ", policies: [" policies "]}, " DEFAULT_DOWN "}"
#define DOWN(window, select, policies) \
	"{scaleDown: {stabilizationWindowSeconds: " #window ", selectPolicy: " select ", policies: [" policies "]}, " DEFAULT_UP "}"

static void behaviour_bounds_how_fast(void **state)
{
	static const struct {
		const char *name, *behavior;
		const char *recommended, *up, *down; /* history */
		int64_t current, desired, min, max, want;
		const char *able, *limited;
	} cases[] = {
		{ "defaults, up", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 2, 10, 1, 10, 6, "ReadyForNewScale", "ScaleUpLimit" },
		{ "defaults, up twofold", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 5, 11, 1, 20, 10, "ReadyForNewScale", "ScaleUpLimit" },
		{ "defaults, too many", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 5, 11, 1, 8, 8, "ReadyForNewScale", "TooManyReplicas" },
		{ "defaults, down at once", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 10, 1, 1, 10, 1, "ReadyForNewScale",
		  "DesiredWithinRange" },
		{ "defaults, down waits", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "100:8", "", "", 10, 1, 1, 10, 8, "ScaleDownStabilized",
		  "DesiredWithinRange" },
		{ "defaults, too few", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 10, 1, 3, 10, 3, "ReadyForNewScale", "TooFewReplicas" },
		{ "up by pods", UP(0, "Max", PODS(2, 60)), "", "", "", 3, 10, 1, 20, 5, "ReadyForNewScale", "ScaleUpLimit" },
		{ "up by a share, rounded up", UP(0, "Max", PERCENT(10, 60)), "", "", "", 3, 10, 1, 20, 4, "ReadyForNewScale", "ScaleUpLimit" },
		{ "up by the more of both", UP(0, "Max", PODS(2, 60) ", " PERCENT(100, 60)), "", "", "", 3, 10, 1, 20, 6, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "up by the less of both", UP(0, "Min", PODS(2, 60) ", " PERCENT(100, 60)), "", "", "", 3, 10, 1, 20, 5, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "up by the less of one", UP(0, "Min", PODS(2, 60) ", " PERCENT(50, 60)), "", "", "", 1, 10, 1, 20, 2, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "not up", UP(0, "Disabled", PODS(2, 60)), "", "", "", 3, 10, 1, 20, 3, "ReadyForNewScale", "ScaleUpLimit" },
		{ "what was added counts", UP(0, "Max", PODS(4, 60)), "", "10:3", "", 6, 10, 1, 20, 7, "ReadyForNewScale", "ScaleUpLimit" },
		{ "until the period is over", UP(0, "Max", PODS(4, 60)), "", "60:3", "", 6, 10, 1, 20, 10, "ReadyForNewScale",
		  "DesiredWithinRange" },
		{ "what was removed may come back", UP(0, "Max", PODS(4, 60)), "", "", "10:3", 6, 20, 1, 20, 13, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "a share is of what there was", UP(0, "Max", PERCENT(50, 60)), "", "10:5 20:5", "", 20, 90, 1, 99, 20, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "more was added than allowed", UP(0, "Max", PODS(4, 60)), "", "10:30", "", 40, 90, 1, 99, 40, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "periods of their own", UP(0, "Max", PODS(4, 60) ", " PODS(6, 120)), "", "90:5", "", 10, 90, 1, 99, 14, "ReadyForNewScale",
		  "ScaleUpLimit" },
		{ "up waits", UP(60, "Max", PODS(9, 60)), "30:4 61:1", "", "", 3, 10, 1, 20, 4, "ScaleUpStabilized", "DesiredWithinRange" },
		{ "up waits for what is lower than all", UP(60, "Max", PODS(9, 60)), "30:2", "", "", 3, 10, 1, 20, 3, "ScaleUpStabilized",
		  "DesiredWithinRange" },
		{ "down by pods", DOWN(0, "Max", PODS(3, 60)), "", "", "", 10, 1, 1, 20, 7, "ReadyForNewScale", "ScaleDownLimit" },
		{ "down by a share, rounded down", DOWN(0, "Max", PERCENT(25, 60)), "", "", "", 10, 1, 1, 20, 7, "ReadyForNewScale",
		  "ScaleDownLimit" },
		{ "down by the more of both", DOWN(0, "Max", PODS(3, 60) ", " PERCENT(50, 60)), "", "", "", 10, 1, 1, 20, 5, "ReadyForNewScale",
		  "ScaleDownLimit" },
		{ "down by the less of both", DOWN(0, "Min", PODS(2, 60) ", " PERCENT(50, 60)), "", "", "", 5, 1, 1, 20, 3, "ReadyForNewScale",
		  "ScaleDownLimit" },
		{ "not down", DOWN(0, "Disabled", PODS(2, 60)), "", "", "", 5, 1, 1, 20, 5, "ReadyForNewScale", "ScaleDownLimit" },
		{ "what was removed counts", DOWN(0, "Max", PODS(4, 60)), "", "", "10:3", 6, 1, 1, 20, 5, "ReadyForNewScale", "ScaleDownLimit" },
		{ "what was added may go again", DOWN(0, "Max", PODS(2, 60)), "", "10:3", "", 8, 1, 1, 20, 3, "ReadyForNewScale",
		  "ScaleDownLimit" },
		{ "more was removed than allowed", DOWN(0, "Max", PODS(2, 60)), "", "", "10:9", 8, 1, 1, 20, 8, "ReadyForNewScale",
		  "ScaleDownLimit" },
		{ "too few, not too fast", DOWN(0, "Max", PODS(5, 60)), "", "", "", 8, 1, 4, 20, 4, "ReadyForNewScale", "TooFewReplicas" },
		{ "down without a window", DOWN(0, "Max", PERCENT(100, 15)), "1:9", "", "", 8, 2, 1, 20, 2, "ReadyForNewScale",
		  "DesiredWithinRange" },
		{ "down waits", DOWN(60, "Max", PERCENT(100, 15)), "30:5 61:8", "", "", 8, 2, 1, 20, 5, "ScaleDownStabilized",
		  "DesiredWithinRange" },
		{ "down waits for what is higher than all", DOWN(60, "Max", PERCENT(100, 15)), "30:12", "", "", 8, 2, 1, 20, 8,
		  "ScaleDownStabilized", "DesiredWithinRange" },
		{ "nothing to do", "{" DEFAULT_UP ", " DEFAULT_DOWN "}", "", "", "", 3, 3, 1, 20, 3, "ReadyForNewScale", "DesiredWithinRange" },
		{ "a huge share", UP(0, "Max", PERCENT(2000000000, 60)), "", "", "", 2000000000, 2147483647, 1, 2147483647, 2147483647,
		  "ReadyForNewScale", "DesiredWithinRange" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_autoscaler_history_ struct autoscaler_history h = { .recommended = { .n = 0 } };
		struct autoscaler_rules r = { .behavior = test_tree(a, cases[i].behavior), .min = cases[i].min, .max = cases[i].max,
					      .current = cases[i].current, .desired = cases[i].desired, .mono = mono(NOW) };
		struct autoscaler_verdict able, limited;
		int64_t n;

		add_entries(&h.recommended, cases[i].recommended);
		add_entries(&h.up, cases[i].up);
		add_entries(&h.down, cases[i].down);
		assert_int_equal(autoscaler_normalize(&r, &h, &n, &able, &limited), 0);
		if (n != cases[i].want || strcmp(able.reason, cases[i].able) != 0 || strcmp(limited.reason, cases[i].limited) != 0 ||
		    limited.is_true != (strcmp(limited.reason, "DesiredWithinRange") != 0))
			fail_msg("%s: %lld, %s, %s", cases[i].name, (long long)n, able.reason, limited.reason);
	}
}

static void what_was_scaled_is_remembered_as_long_as_rules_look_back(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_autoscaler_history_ struct autoscaler_history h = { .recommended = { .n = 0 } };
	struct value *behavior = test_tree(a, UP(0, "Max", PODS(2, 60) ", " PODS(9, 120)));

	add_entries(&h.up, "121:1 119:2 61:3");
	assert_int_equal(autoscaler_history_scaled(&h, NULL, 1, 2, mono(NOW)), 0);
	assert_int_equal(h.up.n, 3);
	assert_int_equal(autoscaler_history_scaled(&h, behavior, 3, 7, mono(NOW)), 0);
	assert_int_equal(h.up.n, 3); /* the oldest has made room */
	assert_int_equal(h.up.items[0].replicas, 4);
	assert_int_equal(autoscaler_history_scaled(&h, behavior, 7, 8, mono(NOW)), 0);
	assert_int_equal(h.up.n, 4);
	assert_int_equal(autoscaler_history_scaled(&h, behavior, 8, 3, mono(NOW)), 0);
	assert_int_equal(h.down.n, 1);
	assert_int_equal(h.down.items[0].replicas, 5);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(autoscaler_history_scaled(&h, behavior, 1, 2, mono(NOW + i * 10)), 0);
	assert_true(h.up.n < 30);
}

/* --- decisions --- */

struct world {
	struct arena *arena;
	struct object *hpa, *target;
	struct object_list pods;
	struct pod_usage usage[8];
	struct container_usage containers[8];
	struct autoscaler_view view;
	struct autoscaler_history history;
	struct autoscaler_plan plan;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_unref(w->hpa);
	object_unref(w->target);
	object_list_clear(&w->pods);
	autoscaler_history_clear(&w->history);
	arena_free(w->arena);
}

#define CPU(percent) "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: " #percent "}}}"
#define CPU_OF(c, percent) \
	"{type: ContainerResource, containerResource: {name: cpu, container: " #c ", target: {type: Utilization, averageUtilization: " #percent \
	"}}}"
#define MEMORY(amount) "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: " #amount "}}}"
#define QPS "{type: Pods, pods: {metric: {name: qps}, target: {type: AverageValue, averageValue: 1k}}}"
#define HITS \
	"{type: Object, object: {metric: {name: hits}, describedObject: {apiVersion: v1, kind: Service, name: web}, target: {type: Value," \
	" value: 10}}}"
#define QUEUE \
	"{type: External, external: {metric: {name: queue, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: 30}}}"

/* An autoscaler of 2 to 6 replicas with these metrics, whose target has as many; each pod uses `cpu` of 1000 and as many Ki. */
static void make(struct world *w, const char *metrics, const char *more, const char *status, int64_t replicas, size_t pods, int64_t cpu)
{
	*w = (struct world){ .arena = arena_new(0), .pods = OBJECT_LIST_INIT };
	w->hpa = test_object("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: ns, uid: h},"
			     " spec: {minReplicas: 2, maxReplicas: 6, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web},"
			     " metrics: [%s]%s}, status: {%s}}", metrics, more, status);
	w->target = test_object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: ns, uid: d}, spec: {replicas:"
				" %lld, selector: {matchLabels: {app: web}}}}", (long long)replicas);
	for (size_t i = 0; i < pods; i++) {
		test_add(&w->pods, "{apiVersion: v1, kind: Pod, metadata: {name: p%zu, namespace: ns, uid: u%zu}, spec: {containers: [{name: a,"
				   " resources: {requests: {cpu: 1, memory: 1Gi}}}]}, status: {phase: Running, startTime: '%s', conditions: [{type:"
				   " Ready, status: 'True', lastTransitionTime: '%s'}]}}", i, i, test_stamp(0), test_stamp(0));
		w->containers[i] = (struct container_usage){ .name = "a", .milli_cpu = cpu, .memory = cpu * 1024 };
		w->usage[i] = (struct pod_usage){ .at = test_time(NOW), .window = 1, .containers = &w->containers[i], .n = cpu < 0 ? 0 : 1 };
	}
	w->view = (struct autoscaler_view){ .hpa = w->hpa, .target = w->target, .selector = "app=web", .pods = &w->pods, .usage = w->usage,
					    .now = test_time(NOW), .mono = mono(NOW) };
}

static void decide(struct world *w)
{
	assert_int_equal(autoscaler_decide(&w->view, &w->history, w->arena, &w->plan), 0);
}

/* "Type=Status:Reason ", of all conditions. */
static void conditions(const struct world *w, struct buf *out)
{
	const struct value *list = value_get(w->plan.status, "conditions");

	buf_clear(out);
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *c = value_at(list, i);

		buf_printf(out, "%s%s=%s:%s", i ? " " : "", value_str(value_get(c, "type")), value_str(value_get(c, "status")),
			   value_str(value_get(c, "reason")));
		assert_true(value_len(value_get(c, "lastTransitionTime")));
	}
}

static void notes(const struct world *w, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < w->plan.n_notes; i++)
		buf_printf(out, "%s%s", i ? " " : "", w->plan.notes[i].reason);
}

#define ABLE(reason) "AbleToScale=True:" reason
#define ACTIVE " ScalingActive=True:ValidMetricFound"
#define FREE " ScalingLimited=False:DesiredWithinRange"

static void an_autoscaler_decides(void **state)
{
	static const struct {
		const char *name, *metrics, *more;
		int64_t replicas;
		size_t pods;
		int64_t cpu;
		int64_t want; /* -1: it does not scale */
		const char *reason, *conditions, *notes;
	} cases[] = {
		{ "up", CPU(30), "", 3, 3, 500, 5, "cpu resource utilization (percentage of request) above target",
		  ABLE("SucceededRescale") ACTIVE FREE, "" },
		{ "up, as a container does", CPU_OF(a, 30), "", 3, 3, 500, 5,
		  "cpu container resource utilization (percentage of request) above target", ABLE("SucceededRescale") ACTIVE FREE, "" },
		{ "up, memory", MEMORY(300Ki), "", 3, 3, 500, 5, "memory resource above target", ABLE("SucceededRescale") ACTIVE FREE, "" },
		{ "up, by the metric that asks for most", CPU(40) ", " MEMORY(300Ki), "", 3, 3, 500, 5, "memory resource above target",
		  ABLE("SucceededRescale") ACTIVE FREE, "" },
		{ "to the limit", CPU(10), "", 3, 3, 500, 6, "cpu resource utilization (percentage of request) above target",
		  ABLE("SucceededRescale") ACTIVE " ScalingLimited=True:TooManyReplicas", "" },
		{ "enough", CPU(50), "", 3, 3, 500, -1, "", ABLE("ReadyForNewScale") ACTIVE FREE, "" },
		{ "down is held by what there was first", CPU(100), "", 4, 4, 500, -1, "All metrics below target",
		  ABLE("ScaleDownStabilized") ACTIVE FREE, "" },
		{ "down, without a window", CPU(100), ", behavior: " DOWN(0, "Max", PERCENT(100, 15)), 5, 5, 500, 3, "All metrics below target",
		  ABLE("SucceededRescale") ACTIVE FREE, "" },
		{ "too many", CPU(30), "", 7, 3, 500, 6, "Current number of replicas above Spec.MaxReplicas", ABLE("SucceededRescale"), "" },
		{ "too few", CPU(30), "", 1, 1, 500, 2, "Current number of replicas below Spec.MinReplicas", ABLE("SucceededRescale"), "" },
		{ "switched off", CPU(30), "", 0, 0, 0, -1, "", ABLE("SucceededGetScale") " ScalingActive=False:ScalingDisabled", "" },
		{ "nothing is known", CPU(30), "", 3, 3, -1, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetResourceMetric",
		  "FailedGetResourceMetric FailedComputeMetricsReplicas" },
		{ "there are no pods", CPU(30), "", 3, 0, 0, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetResourceMetric",
		  "FailedGetResourceMetric FailedComputeMetricsReplicas" },
		{ "no such container", CPU_OF(z, 30), "", 3, 3, 500, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetContainerResourceMetric",
		  "FailedGetContainerResourceMetric FailedComputeMetricsReplicas" },
		{ "metrics of pods", QPS, "", 3, 3, 500, -1, "", ABLE("SucceededGetScale") " ScalingActive=False:FailedGetPodsMetric",
		  "FailedGetPodsMetric FailedComputeMetricsReplicas" },
		{ "metrics of objects", HITS, "", 3, 3, 500, -1, "", ABLE("SucceededGetScale") " ScalingActive=False:FailedGetObjectMetric",
		  "FailedGetObjectMetric FailedComputeMetricsReplicas" },
		{ "metrics from outside", QUEUE, "", 3, 3, 500, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetExternalMetric",
		  "FailedGetExternalMetric FailedComputeMetricsReplicas" },
		{ "the first of those that fail is told", QUEUE ", " QPS, "", 3, 3, 500, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetExternalMetric",
		  "FailedGetExternalMetric FailedGetPodsMetric FailedComputeMetricsReplicas" },
		{ "up although one fails", QPS ", " CPU(30), "", 3, 3, 500, 5,
		  "cpu resource utilization (percentage of request) above target", ABLE("SucceededRescale") ACTIVE FREE, "FailedGetPodsMetric" },
		{ "nothing changes although one fails", CPU(50) ", " QPS, "", 3, 3, 500, -1, "", ABLE("ReadyForNewScale") ACTIVE FREE,
		  "FailedGetPodsMetric" },
		{ "not down when one fails", CPU(100) ", " QPS, ", behavior: " DOWN(0, "Max", PERCENT(100, 15)), 5, 5, 500, -1, "",
		  ABLE("SucceededGetScale") " ScalingActive=False:FailedGetPodsMetric",
		  "FailedGetPodsMetric FailedComputeMetricsReplicas" },
		{ "a wider tolerance", CPU(45), ", behavior: {scaleUp: {tolerance: 200m, stabilizationWindowSeconds: 0, policies: []}, " DEFAULT_DOWN "}",
		  3, 3, 500, -1, "", ABLE("ReadyForNewScale") ACTIVE FREE, "" },
		{ "than otherwise", CPU(45), "", 3, 3, 500, 4, "cpu resource utilization (percentage of request) above target",
		  ABLE("SucceededRescale") ACTIVE FREE, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		_cleanup_buf_ struct buf said = BUF_INIT, noted = BUF_INIT;
		int64_t n;

		make(&w, cases[i].metrics, cases[i].more, "", cases[i].replicas, cases[i].pods, cases[i].cpu);
		decide(&w);
		n = w.plan.rescale ? w.plan.desired : -1;
		conditions(&w, &said);
		notes(&w, &noted);
		if (n != cases[i].want || strcmp(w.plan.reason, cases[i].reason) != 0 || strcmp(buf_str(&said), cases[i].conditions) != 0 ||
		    strcmp(buf_str(&noted), cases[i].notes) != 0)
			fail_msg("%s: %lld, %s, %s, %s", cases[i].name, (long long)n, w.plan.reason, buf_str(&said), buf_str(&noted));
	}
}

static const char *message(const struct world *w, const char *type)
{
	return value_str_or(value_get(value_find(value_get(w->plan.status, "conditions"), "type", type), "message"), "");
}

static void failures_have_kubernetes_words(void **state)
{
#define UNABLE "the HPA was unable to compute the replica count: "
#define CUSTOM "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
	static const struct {
		const char *metrics, *condition, *last; /* the last event */
		int64_t cpu;
	} cases[] = {
		{ CPU(30), UNABLE "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
		  "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization:"
		  " unable to get metrics for resource cpu: no metrics returned from resource metrics API", -1 },
		{ MEMORY(1), UNABLE "failed to get memory usage: unable to get metrics for resource memory: no metrics returned from resource metrics"
		  " API", "invalid metrics (1 invalid out of 1), first error is: failed to get memory resource metric value: failed to get memory"
		  " usage: unable to get metrics for resource memory: no metrics returned from resource metrics API", -1 },
		{ CPU_OF(z, 30) ", " QPS, UNABLE "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)",
		  "invalid metrics (2 invalid out of 2), first error is: failed to get z container metric value: failed to get cpu utilization: did"
		  " not receive metrics for targeted pods (pods might be unready)", 500 },
		{ QPS, UNABLE "unable to get metric qps: " CUSTOM, "invalid metrics (1 invalid out of 1), first error is: failed to get pods metric"
		  " value: unable to get metric qps: " CUSTOM, 500 },
		{ HITS, UNABLE "unable to get metric hits: Service on ns web/" CUSTOM, "invalid metrics (1 invalid out of 1), first error is:"
		  " failed to get object metric value: unable to get metric hits: Service on ns web/" CUSTOM, 500 },
		{ QUEUE, UNABLE "unable to get external metric ns/queue/&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:"
		  "[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the server could not find the requested"
		  " resource (get queue.external.metrics.k8s.io)", "invalid metrics (1 invalid out of 1), first error is: failed to get queue"
		  " external metric value: failed to get queue external metric: unable to get external metric ns/queue/&LabelSelector{MatchLabels:"
		  "map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the"
		  " server could not find the requested resource (get queue.external.metrics.k8s.io)", 500 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;

		make(&w, cases[i].metrics, "", "currentReplicas: 2, desiredReplicas: 4", 3, 3, cases[i].cpu);
		decide(&w);
		assert_string_equal(message(&w, "ScalingActive"), cases[i].condition);
		assert_string_equal(w.plan.notes[w.plan.n_notes - 1].message, cases[i].last);
		assert_int_equal(value_int(value_get(w.plan.status, "currentReplicas"), 0), 3);
		assert_int_equal(value_int(value_get(w.plan.status, "desiredReplicas"), 0), 4);
	}
}

static void the_status_tells_what_was_seen(void **state)
{
	_cleanup_world_ struct world w;
	struct value *status, *want;

	make(&w, CPU(30) ", " MEMORY(300Ki) ", " QPS ", " CPU_OF(a, 90), "", "lastScaleTime: '2026-01-01T00:00:00Z', conditions: [{type: AbleToScale,"
	     " status: 'True', reason: x, message: y, lastTransitionTime: '2026-01-01T00:00:01Z'}]", 3, 3, 500);
	decide(&w);
	status = w.plan.status;
	want = test_tree(w.arena, "[{type: Resource, resource: {name: cpu, current: {averageUtilization: 50, averageValue: 500m}}}, {type:"
				  " Resource, resource: {name: memory, current: {averageValue: 500Ki}}}, {type: ''}, {type: ContainerResource,"
				  " containerResource: {name: cpu, container: a, current: {averageUtilization: 50, averageValue: 500m}}}]");
	assert_true(value_equal(value_get(status, "currentMetrics"), want));
	assert_int_equal(value_int(value_get(status, "currentReplicas"), 0), 3);
	assert_int_equal(value_int(value_get(status, "desiredReplicas"), 0), 5);
	assert_string_equal(value_str(value_get(status, "lastScaleTime")), test_stamp(NOW));
	assert_string_equal(value_str(value_get(value_find(value_get(status, "conditions"), "type", "AbleToScale"), "lastTransitionTime")),
			    "2026-01-01T00:00:01Z"); /* it was able before */
	assert_string_equal(message(&w, "AbleToScale"), "the HPA controller was able to update the target scale to 5");
	assert_string_equal(message(&w, "ScalingActive"), "the HPA was able to successfully calculate a replica count from cpu resource"
							  " utilization (percentage of request)");
	autoscaler_not_scaled(&w.view, w.arena, "no", &w.plan);
	assert_string_equal(message(&w, "AbleToScale"), "the HPA controller was unable to update the target scale: no");
	assert_int_equal(value_int(value_get(status, "desiredReplicas"), -1), 0);
	assert_string_equal(value_str(value_get(status, "lastScaleTime")), "2026-01-01T00:00:00Z");
}

/* Kubernetes writes a status only when it has changed: two looks that see the same give the same. */
static void a_second_look_at_the_same_changes_nothing(void **state)
{
	_cleanup_world_ struct world w;
	struct value *first;

	make(&w, CPU(50), "", "", 3, 3, 500);
	decide(&w);
	first = w.plan.status;
	object_unref(w.hpa);
	w.hpa = test_object("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: ns, uid: h}, spec:"
			    " {minReplicas: 2, maxReplicas: 6, metrics: [" CPU(50) "]}, status: {currentReplicas: 3, desiredReplicas: 3,"
			    " currentMetrics: [{type: Resource, resource: {name: cpu, current: {averageUtilization: 50, averageValue: 500m}}}],"
			    " conditions: [{type: AbleToScale, status: 'True', lastTransitionTime: '%s', reason: ReadyForNewScale, message:"
			    " recommended size matches current size}, {type: ScalingActive, status: 'True', lastTransitionTime: '%s', reason:"
			    " ValidMetricFound, message: the HPA was able to successfully calculate a replica count from cpu resource"
			    " utilization (percentage of request)}, {type: ScalingLimited, status: 'False', lastTransitionTime: '%s', reason:"
			    " DesiredWithinRange, message: the desired count is within the acceptable range}]}}",
			    test_stamp(NOW), test_stamp(NOW), test_stamp(NOW));
	assert_true(value_equal(first, object_path(w.hpa, "status")));
	w.view.hpa = w.hpa;
	w.view.now = test_time(NOW + 15);
	w.view.mono = mono(NOW + 15);
	decide(&w);
	assert_true(value_equal(w.plan.status, first));
}

static void a_target_must_be_there_and_scalable(void **state)
{
	static const struct {
		const char *version, *kind, *missing;
	} cases[] = {
		{ "apps/v1", "Deployment", NULL },
		{ "apps/v1", "StatefulSet", NULL },
		{ "apps/v1", "ReplicaSet", NULL },
		{ "v1", "ReplicationController", NULL },
		{ "apps/v9", "Deployment", NULL },
		{ "extensions/v1beta1", "Deployment", NULL },
		{ "apps/v1", "DaemonSet", "the server could not find the requested resource" },
		{ "v1", "Pod", "the server could not find the requested resource" },
		{ "v1", "Deployment", "no matches for kind \"Deployment\" in group \"\"" },
		{ "", "Deployment", "no matches for kind \"Deployment\" in group \"\"" },
		{ "app/v1", "Deployment", "no matches for kind \"Deployment\" in group \"app\"" },
		{ "example.com/v1", "Web", "no matches for kind \"Web\" in group \"example.com\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *hpa =
			test_object("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: ns, uid: h}, spec:"
				    " {scaleTargetRef: {apiVersion: '%s', kind: %s, name: web}}}", cases[i].version, cases[i].kind);
		const char *missing = NULL;
		const struct schema_kind *kind = autoscaler_target_kind(hpa, a, &missing);

		if (cases[i].missing ? kind || strcmp(missing, cases[i].missing) != 0 : !kind || strcmp(kind->kind, cases[i].kind) != 0)
			fail_msg("%s %s: %s", cases[i].version, cases[i].kind, missing ? missing : "");
	}
}

static void a_target_that_is_missing_is_told(void **state)
{
	_cleanup_world_ struct world w;
	_cleanup_buf_ struct buf said = BUF_INIT;

	make(&w, CPU(50), "", "currentReplicas: 3, desiredReplicas: 3", 3, 3, 500);
	w.view.target = NULL;
	w.view.missing = "deployments.apps \"web\" not found";
	decide(&w);
	conditions(&w, &said);
	assert_string_equal(buf_str(&said), "AbleToScale=False:FailedGetScale");
	assert_string_equal(message(&w, "AbleToScale"),
			    "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found");
	assert_string_equal(w.plan.notes[0].message, "deployments.apps \"web\" not found");
	assert_int_equal(value_int(value_get(w.plan.status, "currentReplicas"), 0), 3);
	assert_false(w.plan.rescale);
}

static void a_selector_must_be_there_and_its_own(void **state)
{
	_cleanup_world_ struct world w;
	_cleanup_buf_ struct buf said = BUF_INIT;

	make(&w, CPU(30), "", "", 3, 3, 500);
	w.view.selector = "";
	decide(&w);
	conditions(&w, &said);
	assert_string_equal(buf_str(&said), ABLE("SucceededGetScale") " ScalingActive=False:InvalidSelector");
	assert_string_equal(message(&w, "ScalingActive"), "the HPA target's scale is missing a selector");
	assert_string_equal(w.plan.notes[0].reason, "SelectorRequired");
	assert_false(w.plan.rescale);
	w.view.selector = "app=web";
	w.view.rivals = "[{h ns} {other ns}]";
	decide(&w);
	conditions(&w, &said);
	assert_string_equal(buf_str(&said), ABLE("SucceededGetScale") " ScalingActive=False:AmbiguousSelector");
	assert_string_equal(message(&w, "ScalingActive"), "pods by selector app=web are controlled by multiple HPAs: [{h ns} {other ns}]");
	assert_string_equal(w.plan.notes[0].reason, "AmbiguousSelector");
	assert_string_equal(w.plan.notes[1].reason, "FailedComputeMetricsReplicas");
	assert_false(w.plan.rescale);
}

static void selectors_are_read_as_their_kind_has_them(void **state)
{
	static const struct {
		const char *object, *text;
	} cases[] = {
		{ "apiVersion: apps/v1, kind: Deployment, spec: {selector: {matchLabels: {a: b}}}", "a=b" },
		{ "apiVersion: apps/v1, kind: StatefulSet, spec: {selector: {matchExpressions: [{key: a, operator: Exists}]}}", "a" },
		{ "apiVersion: apps/v1, kind: ReplicaSet, spec: {selector: {}}", "" },
		{ "apiVersion: apps/v1, kind: ReplicaSet, spec: {}", "" },
		{ "apiVersion: v1, kind: ReplicationController, spec: {selector: {a: b, c: d}}", "a=b,c=d" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_object_ struct object *o = test_object("{metadata: {name: t, namespace: ns, uid: t}, %s}", cases[i].object);
		struct selector *s;
		const char *text;

		assert_int_equal(autoscaler_selector(o, a, &s, &text), 0);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(s != NULL, *text != '\0');
	}
}

/* "stabilisation windows … as specified; tested under … a virtual clock": load comes and goes. */
static void load_that_goes_is_followed_after_the_window(void **state)
{
	_cleanup_autoscaler_history_ struct autoscaler_history h = { .recommended = { .n = 0 } };
	int64_t replicas = 2, down_at = -1;

	for (int64_t t = 0; t < 900; t += 15) {
		_cleanup_world_ struct world w;

		/* 2400 thousandths of load in the first two minutes, then 400, shared by all pods */
		make(&w, CPU(50), "", "", replicas, (size_t)replicas, (t < 120 ? 2400 : 400) / replicas);
		w.view.mono = mono(t);
		w.history = h;
		decide(&w);
		h = w.history;
		w.history = (struct autoscaler_history){ .recommended = { .n = 0 } };
		if (w.plan.rescale && w.plan.desired < replicas && down_at < 0)
			down_at = t;
		if (w.plan.rescale)
			replicas = w.plan.desired;
		if (t == 60)
			assert_int_equal(replicas, 5);
	}
	assert_int_equal(replicas, 2);
	assert_in_range(down_at, 120 + 300 - 15, 120 + 300);
	assert_true(h.recommended.n <= 22);
}

/* Kubernetes' controller remembers nothing over a restart, but takes what it finds for its first recommendation. */
static void after_a_restart_nothing_goes_down_before_the_window(void **state)
{
	_cleanup_autoscaler_history_ struct autoscaler_history h = { .recommended = { .n = 0 } };
	int64_t down_at = -1;

	for (int64_t t = 1000; t < 1400 && down_at < 0; t += 15) {
		_cleanup_world_ struct world w;

		make(&w, CPU(50), "", "", 6, 6, 10);
		w.view.mono = mono(t);
		w.history = h;
		decide(&w);
		h = w.history;
		w.history = (struct autoscaler_history){ .recommended = { .n = 0 } };
		if (w.plan.rescale)
			down_at = t;
	}
	assert_in_range(down_at, 1301, 1315);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recommendation_is_held_to_rules),
		cmocka_unit_test(behaviour_bounds_how_fast),
		cmocka_unit_test(what_was_scaled_is_remembered_as_long_as_rules_look_back),
		cmocka_unit_test(an_autoscaler_decides),
		cmocka_unit_test(failures_have_kubernetes_words),
		cmocka_unit_test(the_status_tells_what_was_seen),
		cmocka_unit_test(a_second_look_at_the_same_changes_nothing),
		cmocka_unit_test(a_target_must_be_there_and_scalable),
		cmocka_unit_test(a_target_that_is_missing_is_told),
		cmocka_unit_test(a_selector_must_be_there_and_its_own),
		cmocka_unit_test(selectors_are_read_as_their_kind_has_them),
		cmocka_unit_test(load_that_goes_is_followed_after_the_window),
		cmocka_unit_test(after_a_restart_nothing_goes_down_before_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
