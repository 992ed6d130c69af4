/* SPDX-License-Identifier: Apache-2.0 */
/* What pods use, and how many replicas that asks for, as tables; the cases follow Kubernetes' own, which hold the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/autoscaler_calc.h"
#include "objects.h"

#define NOW 10000 /* seconds of 2026 */
#define WINDOW 60

enum { PODS_MAX = 12 };

struct world {
	struct arena *arena;
	struct object_list pods;
	struct pod_usage usage[PODS_MAX];
	struct container_usage containers[PODS_MAX];
	struct calc_view view;
};

#define _cleanup_world_ _cleanup_(world_clear)

static void world_clear(struct world *w)
{
	object_list_clear(&w->pods);
	arena_free(w->arena);
}

/* How a pod is, by letter: when it started and became, or ceased to be, ready; seconds before now; -1: it has no such condition. */
static const struct how {
	char letter;
	const char *phase, *ready;
	int started, changed;
	bool no_figure, deleting;
} hows[] = {
	{ 'r', "Running", "True", 5000, 4990, false, false },	  /* it is ready */
	{ 'h', "Running", "True", 40, 30, false, false },	  /* hot: it is ready for less than the window */
	{ 'w', "Running", "True", 100, 90, false, false },	  /* warm: young, and ready for the whole window */
	{ 'u', "Running", "False", 100, 90, false, false },	  /* young, and not ready */
	{ 'n', "Running", "False", 5000, 4990, false, false },	  /* it was never ready */
	{ 'x', "Running", "False", 5000, 1000, false, false },	  /* it was once */
	{ 'c', "Running", NULL, 5000, -1, false, false },	  /* it has no condition */
	{ 'p', "Pending", NULL, -1, -1, false, false },		  /* it waits */
	{ 'm', "Running", "True", 5000, 4990, true, false },	  /* nothing is known */
	{ 'M', "Running", "False", 100, 90, true, false },	  /* likewise, and it is not ready */
	{ 'd', "Running", "True", 5000, 4990, false, true },	  /* it goes */
	{ 'f', "Failed", "False", 5000, 4990, false, false },	  /* it has failed */
	{ 's', "Succeeded", "False", 5000, 100, true, false },	  /* it has ended well */
};

static const struct how *how(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		if (hows[i].letter == letter)
			return &hows[i];
	fail_msg("no pod is '%c'", letter);
	return &hows[0];
}

static void add_pod(struct world *w, const struct how *h, int64_t used, const char *request, const char *resource)
{
	size_t i = w->pods.n;
	char ready[160] = "", started[64] = "";

	assert_in_range(i, 0, PODS_MAX - 1);
	if (h->ready)
		(void)snprintf(ready, sizeof(ready), "conditions: [{type: Ready, status: '%s', lastTransitionTime: '%s'}], ", h->ready,
			       test_stamp(NOW - h->changed));
	if (h->started >= 0)
		(void)snprintf(started, sizeof(started), "startTime: '%s', ", test_stamp(NOW - h->started));
	test_add(&w->pods, "{apiVersion: v1, kind: Pod, metadata: {name: p%zu, namespace: ns, uid: u%zu%s}, spec: {containers: [{name: a,"
			   " resources: {requests: {%s}}}]}, status: {%s%sphase: %s}}", i, i,
		 h->deleting ? ", deletionTimestamp: '2026-01-01T00:00:00Z'" : "", request, ready, started, h->phase);
	w->containers[i] = (struct container_usage){ .name = "a", .milli_cpu = strcmp(resource, "cpu") ? 0 : used,
						     .memory = strcmp(resource, "cpu") ? used : 0 };
	w->usage[i] = (struct pod_usage){ .at = test_time(NOW), .window = WINDOW * NSEC_PER_SEC, .containers = &w->containers[i],
					  .n = h->no_figure ? 0 : 1 };
}

/* Pods as "r300 u500": how each is, and how many thousandths of a CPU (bytes of memory) it uses. */
static void make(struct world *w, const char *pods, const char *request, const char *resource, int64_t current)
{
	*w = (struct world){ .arena = arena_new(0), .pods = OBJECT_LIST_INIT };
	while (*pods) {
		char *end;
		int64_t used = strtoll(pods + 1, &end, 10);

		add_pod(w, how(*pods), used, request, resource);
		pods = end + strspn(end, " ");
	}
	w->view = (struct calc_view){ .pods = &w->pods, .usage = w->usage, .resource = resource, .container = "", .current = current,
				      .tolerance_up = 0.1, .tolerance_down = 0.1, .now = test_time(NOW) };
}

static void pods_are_to_use_a_share_of_their_requests(void **state)
{
	static const struct {
		const char *name, *pods;
		int64_t target, current, replicas, utilization, average;
		const char *error;
	} cases[] = {
		{ "up", "r300 r500 r700", 30, 3, 5, 50, 500, NULL },
		{ "up, but one that is not ready counts as idle", "u300 r500 r700", 30, 3, 4, 60, 600, NULL },
		{ "likewise one that is ready for too short a time", "h300 r500 r700", 30, 3, 4, 60, 600, NULL },
		{ "one that is ready for long enough counts", "w300 r500 r700", 30, 3, 5, 50, 500, NULL },
		{ "one that was ready once counts", "x300 r500 r700", 30, 3, 5, 50, 500, NULL },
		{ "one that never was does not", "n300 r500 r700", 30, 3, 4, 60, 600, NULL },
		{ "nor one without the condition", "c300 r500 r700", 30, 3, 4, 60, 600, NULL },
		{ "not up where those that are not ready would bring it down", "r400 u500 u700", 30, 3, 3, 40, 400, NULL },
		{ "likewise where they are hot", "r400 h500 h700", 30, 3, 3, 40, 400, NULL },
		{ "up, failed pods are nothing", "r500 r700 f900 f900", 30, 2, 4, 60, 600, NULL },
		{ "up, pods that go are nothing", "r500 r700 d900 d900", 30, 2, 4, 60, 600, NULL },
		{ "down", "r100 r300 r500 r250 r250", 50, 5, 3, 28, 280, NULL },
		{ "down, without those that are not ready", "u100 r300 r500 r250 r250", 50, 5, 3, 32, 325, NULL },
		{ "down, without those that wait", "r100 p0 p0 p0 p0", 50, 5, 1, 10, 100, NULL },
		{ "down, without hot ones", "h100 h300 r500 r250 r250", 50, 5, 2, 33, 333, NULL },
		{ "down, failed pods are nothing", "r100 r300 r500 r250 r250 f900 f900", 50, 5, 3, 28, 280, NULL },
		{ "down, pods that go are nothing", "r100 r300 r500 r250 r250 d900 d900", 50, 5, 3, 28, 280, NULL },
		{ "within the tolerance", "r1010 r1030 r1020", 100, 3, 3, 102, 1020, NULL },
		{ "just within it", "r1100 r1100 r1100", 100, 3, 3, 110, 1100, NULL },
		{ "just beyond it", "r1110 r1110 r1110", 100, 3, 4, 111, 1110, NULL },
		{ "just within it, downwards", "r900 r900 r900", 100, 3, 3, 90, 900, NULL },
		{ "just beyond it, downwards", "r660 r660 r660", 100, 3, 2, 66, 660, NULL },
		{ "down, missing ones count as busy", "r400 r95 m m", 100, 4, 3, 24, 247, NULL },
		{ "with missing ones and no need nothing changes", "r1000 m", 100, 2, 2, 100, 1000, NULL },
		{ "not up where missing ones may be idle", "r1900 m", 100, 2, 2, 190, 1900, NULL },
		{ "not down where missing ones may be busy", "r600 m", 100, 2, 2, 60, 600, NULL },
		{ "what cannot be known does not turn it round", "u100 r450 m", 50, 3, 3, 45, 450, NULL },
		{ "likewise hot ones", "h100 r450 m", 50, 3, 3, 45, 450, NULL },
		{ "up with both", "u100 r2000 m", 50, 3, 4, 200, 2000, NULL },
		{ "up with hot and missing ones", "h100 r2000 m", 50, 3, 4, 200, 2000, NULL },
		{ "down with both", "u100 r100 r100 m", 50, 4, 3, 10, 100, NULL },
		{ "missing ones that are not ready are missing", "M r2000", 50, 2, 4, 200, 2000, NULL },
		{ "one that ended well is missing", "s r600", 100, 2, 2, 60, 600, NULL },
		{ "a target over 100 is what missing ones use", "r2000 m", 300, 2, 2, 200, 2000, NULL },
		{ "more pods than replicas while rolling out", "r100 r100 m", 50, 2, 2, 10, 100, NULL },
		{ "many", "r9000 r9000 r9000", 1, 3, 2700, 900, 9000, NULL },
		{ "more than there can be", "r999999999999", 1, 3, INT32_MAX, 99999999999, 999999999999, NULL },
		{ "no pods", "", 50, 1, 1, 0, 0, "no pods returned by selector while calculating replica count" },
		{ "none that is ready", "u100 p100 h100", 50, 3, 3, 0, 0,
		  "did not receive metrics for targeted pods (pods might be unready)" },
		{ "none that is known", "m m", 50, 2, 2, 0, 0, "did not receive metrics for targeted pods (pods might be unready)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		struct calc_result r;
		int64_t utilization = cases[i].utilization > INT32_MAX ? INT32_MAX : cases[i].utilization;

		make(&w, cases[i].pods, "cpu: 1", "cpu", cases[i].current);
		assert_int_equal(calc_utilization(&w.view, cases[i].target, w.arena, &r), 0);
		if (cases[i].error ? !r.error || strcmp(r.error, cases[i].error) != 0 : r.error != NULL)
			fail_msg("%s: %s", cases[i].name, r.error ? r.error : "no error");
		if (!r.error && (r.replicas != cases[i].replicas || r.utilization != utilization || r.average != cases[i].average))
			fail_msg("%s: %lld replicas, %lld %%, %lld", cases[i].name, (long long)r.replicas, (long long)r.utilization,
				 (long long)r.average);
	}
}

static void pods_are_to_use_an_amount(void **state)
{
	static const struct {
		const char *name, *pods, *resource;
		int64_t target, current, replicas, average;
	} cases[] = {
		{ "up", "r20 r10 r30", "memory", 15000, 3, 4, 20000 },
		{ "up, and for memory none is too young", "h20 u10 c30", "memory", 15000, 3, 4, 20000 },
		{ "for CPU it is", "h2000 r1000 r3000", "cpu", 1500, 3, 3, 2000 },
		{ "up, but those that wait count as idle", "r50 p0 r70", "memory", 15000, 3, 8, 60000 },
		{ "not up where those that wait turn it round", "p0 r50 p0", "memory", 30000, 3, 3, 50000 },
		{ "down", "r12 r12 r12 r12 r12", "memory", 20000, 5, 3, 12000 },
		{ "down, CPU", "r120 r120 r120 r120 r120", "cpu", 200, 5, 3, 120 },
		{ "within the tolerance", "r20 r21 r21", "memory", 20000, 3, 3, 20666 },
		{ "down, missing ones use their target", "r10 r10 m m", "memory", 20000, 4, 3, 10000 },
		{ "up, missing ones use nothing", "r100 r100 m", "memory", 20000, 3, 10, 100000 },
		{ "with missing ones and no need nothing changes", "r20 m", "memory", 20000, 2, 2, 20000 },
		{ "more pods than replicas while rolling out", "r10 r10 m", "memory", 17000, 2, 2, 10000 },
		{ "more than a number holds", "r9223372036854775807 r9223372036854775807", "memory", 1, 2, INT32_MAX, INT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		struct calc_result r;

		make(&w, cases[i].pods, "", cases[i].resource, cases[i].current);
		assert_int_equal(calc_average(&w.view, cases[i].target, w.arena, &r), 0);
		if (r.error || r.replicas != cases[i].replicas || r.average != cases[i].average)
			fail_msg("%s: %s: %lld replicas, %lld", cases[i].name, r.error ? r.error : "no error", (long long)r.replicas,
				 (long long)r.average);
	}
}

static void a_tolerance_is_for_one_direction(void **state)
{
	static const struct {
		const char *pods;
		double up, down;
		int64_t target, replicas;
	} cases[] = {
		{ "r1150 r1150 r1150", 0.2, 0.1, 100, 3 }, { "r1150 r1150 r1150", 0.1, 0.2, 100, 4 },
		{ "r1150 r1150 r1150", 0, 0, 100, 4 },	   { "r1010 r1010 r1010", 0, 0, 100, 4 },
		{ "r600 r600 r600", 0.1, 0.5, 100, 3 },	   { "r600 r600 r600", 0.5, 0.1, 100, 2 },
		{ "r1000 r1000 r1000", 0, 0, 100, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w;
		struct calc_result r;

		make(&w, cases[i].pods, "cpu: 1", "cpu", 3);
		w.view.tolerance_up = cases[i].up;
		w.view.tolerance_down = cases[i].down;
		assert_int_equal(calc_utilization(&w.view, cases[i].target, w.arena, &r), 0);
		if (r.error || r.replicas != cases[i].replicas)
			fail_msg("case %zu: %lld", i, (long long)r.replicas);
	}
}

/* Of pods of the containers a and b, a sidecar s and an init container i. */
static void requests_are_those_of_what_runs(void **state)
{
	static const struct {
		const char *name, *spec, *container;
		int64_t utilization; /* of 300 thousandths that a uses, 600 of b, 100 of s */
		const char *error;
	} cases[] = {
		{ "all", "containers: [{name: a, resources: {requests: {cpu: 1}}}, {name: b, resources: {requests: {cpu: 1}}}]", "", 50, NULL },
		{ "sidecars too", "containers: [{name: a, resources: {requests: {cpu: 500m}}}, {name: b, resources: {requests: {cpu:"
				  " 500m}}}], initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}}]", "", 50, NULL },
		{ "init containers not", "containers: [{name: a, resources: {requests: {cpu: 1}}}, {name: b, resources: {requests: {cpu:"
					 " 1}}}], initContainers: [{name: i}]", "", 50, NULL },
		{ "one container's", "containers: [{name: a}, {name: b, resources: {requests: {cpu: 1}}}]", "b", 60, NULL },
		{ "a sidecar's", "containers: [{name: a}], initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu:"
				 " 1}}}]", "s", 10, NULL },
		{ "the pod's own", "resources: {requests: {cpu: 4}}, containers: [{name: a}, {name: b}]", "", 25, NULL },
		{ "not for one container", "resources: {requests: {cpu: 4}}, containers: [{name: a}, {name: b, resources: {requests: {cpu:"
					   " 1}}}]", "b", 60, NULL },
		{ "none", "containers: [{name: a, resources: {requests: {cpu: 1}}}, {name: b, resources: {requests: {memory: 1}}}]", "", 0,
		  "missing request for cpu in container b of Pod p" },
		{ "none of one", "containers: [{name: a}, {name: b, resources: {requests: {cpu: 1}}}]", "a", 0,
		  "missing request for cpu in container a of Pod p" },
		{ "requests of nothing", "containers: [{name: a, resources: {requests: {cpu: 0}}}]", "a", 0,
		  "no metrics returned matched known pods" },
		{ "no such container", "containers: [{name: a}]", "zz", 0, "did not receive metrics for targeted pods (pods might be unready)" },
	};
	static struct container_usage used[] = { { "a", 300, 1 }, { "b", 600, 1 }, { "s", 100, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_world_ struct world w = { .arena = arena_new(0), .pods = OBJECT_LIST_INIT };
		struct calc_result r;

		test_add(&w.pods, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, uid: u}, spec: {%s}, status: {phase: Running,"
				  " startTime: '%s', conditions: [{type: Ready, status: 'True', lastTransitionTime: '%s'}]}}",
			 cases[i].spec, test_stamp(0), test_stamp(0));
		w.usage[0] = (struct pod_usage){ .at = test_time(NOW), .window = 1, .containers = used, .n = ARRAY_SIZE(used) };
		w.view = (struct calc_view){ .pods = &w.pods, .usage = w.usage, .resource = "cpu", .container = cases[i].container,
					     .current = 1, .now = test_time(NOW) };
		assert_int_equal(calc_utilization(&w.view, 50, w.arena, &r), 0);
		if (cases[i].error ? !r.error || strcmp(r.error, cases[i].error) != 0 : r.error || r.utilization != cases[i].utilization)
			fail_msg("%s: %s, %lld", cases[i].name, r.error ? r.error : "no error", (long long)r.utilization);
	}
}

static void a_resource_of_which_nothing_is_told_is_missing(void **state)
{
	_cleanup_world_ struct world w;
	struct calc_result r;

	make(&w, "r1 r2", "", "ephemeral-storage", 2);
	assert_int_equal(calc_average(&w.view, 1, w.arena, &r), 0);
	assert_string_equal(r.error, "did not receive metrics for targeted pods (pods might be unready)");
}

/* --- samples --- */

struct meter {
	struct usage_figures a, b;
	bool a_runs, b_runs;
	int asked;
};

static int read_meter(void *arg, const struct object *pod, const char *container, struct usage_figures *ret)
{
	struct meter *m = arg;
	bool is_a = !strcmp(container, "a");

	m->asked++;
	if (strcmp(object_name(pod), "p") != 0 || !(is_a ? m->a_runs : m->b_runs))
		return -ENOENT;
	*ret = is_a ? m->a : m->b;
	return 0;
}

static struct usage_figures figures(int64_t milliseconds, int64_t memory, int64_t run)
{
	return (struct usage_figures){ milliseconds * NSEC_PER_MSEC, memory, run };
}

static void rates_are_made_of_two_samples(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, none = OBJECT_LIST_INIT;
	struct usage_samples *s = usage_samples_new();
	struct meter m = { .a = figures(1000, 5, 1), .a_runs = true, .b = figures(0, 7, 2) };
	const struct usage_source source = { read_meter, &m };
	struct pod_usage u[2];
	int64_t t = 0;

	test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, uid: u}, spec: {containers: [{name: a}, {name: b}],"
			" initContainers: [{name: b}]}}");
	test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: far, namespace: ns, uid: v}, spec: {nodeName: other, containers:"
			" [{name: a}]}}");
#define TAKE(list)                                                                               \
	do {                                                                                     \
		t += 10 * NSEC_PER_SEC;                                                          \
		assert_int_equal(usage_take(s, &source, list, test_time(0), t, a, u), 0);        \
	} while (0)
	TAKE(&pods);
	assert_int_equal(u[0].n, 0);
	assert_int_equal(m.asked, 3); /* an init container that does not run beside the others is not asked for */
	m.a = figures(3500, 6, 1);
	TAKE(&pods);
	assert_int_equal(u[0].n, 1);
	assert_int_equal(u[0].containers[0].milli_cpu, 250);
	assert_int_equal(u[0].containers[0].memory, 6);
	assert_int_equal(u[0].window, 10 * NSEC_PER_SEC);
	assert_int_equal(u[1].n, 0); /* of another node nothing is known */
	m.a.cpu++;
	TAKE(&pods);
	assert_int_equal(u[0].containers[0].milli_cpu, 1); /* rounded up */
	m.b_runs = true;
	TAKE(&pods);
	assert_int_equal(u[0].n, 0); /* one that was not seen before hides the pod */
	TAKE(&pods);
	assert_int_equal(u[0].n, 2);
	assert_int_equal(u[0].containers[1].milli_cpu, 0);
	m.a = figures(9000, 6, 3);
	TAKE(&pods);
	assert_int_equal(u[0].n, 0); /* another run */
	m.a = figures(9001, 6, 3);
	TAKE(&pods);
	assert_int_equal(u[0].n, 2);
	TAKE(&none);
	TAKE(&pods);
	assert_int_equal(u[0].n, 0); /* it was forgotten */
	m.a.cpu = m.b.cpu = -1;
	TAKE(&pods);
	assert_int_equal(u[0].n, 2); /* where CPU is not counted, memory is told */
	assert_int_equal(u[0].containers[0].milli_cpu, -1);
	assert_int_equal(u[0].containers[0].memory, 6);
	assert_int_equal(usage_take(s, NULL, &pods, test_time(0), t, a, u), 0);
	assert_int_equal(u[0].n, 0); /* nobody can tell */
	usage_samples_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_to_use_a_share_of_their_requests),
		cmocka_unit_test(pods_are_to_use_an_amount),
		cmocka_unit_test(a_tolerance_is_for_one_direction),
		cmocka_unit_test(requests_are_those_of_what_runs),
		cmocka_unit_test(a_resource_of_which_nothing_is_told_is_missing),
		cmocka_unit_test(rates_are_made_of_two_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
