/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction: thresholds, how long conditions hold, who goes, and what is said; and what the figures are read from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "node/disk_usage.h"
#include "node/eviction.h"
#include "node/figures.h"
#include "node/lifecycle.h"
#include "value/json.h"

#define S NSEC_PER_SEC
#define MI (INT64_C(1) << 20)
#define NOW (INT64_C(1000000) * S)

/* --- thresholds --- */

static void test_defaults(void **state)
{
	static const struct {
		enum eviction_signal signal;
		int64_t of, want;
	} T[] = {
		{ EVICTION_MEMORY, 1000 * MI, 100 * MI },     { EVICTION_ALLOCATABLE, 1000 * MI, 100 * MI },
		{ EVICTION_NODEFS, 1000, 100 },		      { EVICTION_NODEFS_INODES, 1000, 50 },
		{ EVICTION_IMAGEFS, 1000, 150 },	      { EVICTION_IMAGEFS_INODES, 1000, 50 },
		{ EVICTION_PID, 1000, 0 },
	};
	struct eviction_policy p = eviction_default();

	for (size_t i = 0; i < ARRAY_SIZE(T); i++)
		assert_int_equal(eviction_amount(&p.hard[T[i].signal], T[i].of), T[i].want);
	assert_int_equal(p.transition, 300 * S);
	assert_int_equal(p.period, 10 * S);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t memory, nodefs, pids; /* of 1000; -1: the text is refused */
	} T[] = {
		{ "", 0, 0, 0 },
		{ "memory.available<200", 200, 0, 0 },
		{ "memory.available<1%,nodefs.available<12.5%,pid.available<3", 10, 125, 3 },
		{ "nodefs.available<0%", 0, 0, 0 },
		{ "nodefs.available<100%", 0, 0, 0 },
		{ "memory.available<200,memory.available<300", 300, 0, 0 },
		{ "memory.available<0", -1 },
		{ "memory.available<-1", -1 },
		{ "memory.available<-1%", -1 },
		{ "memory.available<101%", -1 },
		{ "memory.available<nan%", -1 },
		{ "memory.available<1%%", -1 },
		{ "memory.available<%", -1 },
		{ "memory.available", -1 },
		{ "memory.available>1", -1 },
		{ "memory.available<", -1 },
		{ "memory.available<1mi", -1 },
		{ "allocatableMemory.available<1", -1 },
		{ "memory<1", -1 },
		{ ",", -1 },
		{ "memory.available<1,", -1 },
		{ "memory.available<1,,nodefs.available<1", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct eviction_policy p = eviction_default();
		int r = eviction_parse(T[i].text, &p);

		if (r != (T[i].memory < 0 ? -EINVAL : 0))
			fail_msg("\"%s\": %d", T[i].text, r);
		if (r < 0) {
			assert_int_equal(eviction_amount(&p.hard[EVICTION_MEMORY], 1000), 100 * MI);
			continue;
		}
		assert_int_equal(eviction_amount(&p.hard[EVICTION_MEMORY], 1000), T[i].memory);
		assert_int_equal(eviction_amount(&p.hard[EVICTION_ALLOCATABLE], 1000), T[i].memory);
		assert_int_equal(eviction_amount(&p.hard[EVICTION_NODEFS], 1000), T[i].nodefs);
		assert_int_equal(eviction_amount(&p.hard[EVICTION_PID], 1000), T[i].pids);
		assert_int_equal(eviction_amount(&p.hard[EVICTION_IMAGEFS], 1000), 0);
		assert_int_equal(p.transition, 300 * S);
	}
}

/* --- how the node stands --- */

static void test_observe(void **state)
{
	/* looks in order: seconds, memory and disk that are available of 1000, what holds then, what is first */
	static const struct {
		int at, memory, disk;
		bool short_memory, short_disk;
		enum eviction_signal first;
	} T[] = {
		{ 0, 500, 500, false, false, EVICTION_SIGNALS },
		{ 10, 100, 500, false, false, EVICTION_SIGNALS },
		{ 20, 99, 500, true, false, EVICTION_MEMORY },
		{ 30, 99, 9, true, true, EVICTION_MEMORY },
		{ 40, 100, 9, true, true, EVICTION_NODEFS },
		{ 50, 500, 500, true, true, EVICTION_SIGNALS },
		{ 329, 500, 500, true, true, EVICTION_SIGNALS },
		{ 330, 500, 500, false, true, EVICTION_SIGNALS },
		{ 335, 99, 500, true, true, EVICTION_MEMORY },
		{ 340, 500, 500, true, false, EVICTION_SIGNALS },
		{ 634, 500, 500, true, false, EVICTION_SIGNALS },
		{ 635, 500, 500, false, false, EVICTION_SIGNALS },
	};
	struct eviction_policy p = { .transition = 300 * S };
	struct eviction_state s = { 0 };

	assert_int_equal(eviction_parse("memory.available<100,nodefs.available<1%", &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct eviction_figure f[EVICTION_SIGNALS] = { [EVICTION_MEMORY] = { 1000, T[i].memory },
							       [EVICTION_NODEFS] = { 1000, T[i].disk } };

		eviction_observe(&s, &p, f, NOW + T[i].at * S);
		if (s.holds[EVICTION_MEMORY_PRESSURE] != T[i].short_memory || s.holds[EVICTION_DISK_PRESSURE] != T[i].short_disk ||
		    eviction_first(&s) != T[i].first)
			fail_msg("at %d s: %d %d first %d", T[i].at, s.holds[EVICTION_MEMORY_PRESSURE],
				 s.holds[EVICTION_DISK_PRESSURE], (int)eviction_first(&s));
		assert_false(s.holds[EVICTION_PID_PRESSURE]);
	}
}

/* K8S:pkg/kubelet/eviction/eviction_manager_test.go: TestMemoryPressure (soft), TestMinReclaim. */
static void test_soft(void **state)
{
	/* looks in order: seconds, memory that is available of 1000, whether the condition holds, what is first, by which */
	static const struct {
		int at, memory;
		bool is_short;
		enum eviction_signal first;
		bool hard;
	} T[] = {
		{ 0, 500, false, EVICTION_SIGNALS, false },
		{ 10, 199, true, EVICTION_SIGNALS, false }, /* for 30 s not yet */
		{ 20, 250, true, EVICTION_SIGNALS, false },
		{ 30, 199, true, EVICTION_SIGNALS, false }, /* anew */
		{ 59, 150, true, EVICTION_SIGNALS, false },
		{ 60, 150, true, EVICTION_MEMORY, false },
		{ 61, 99, true, EVICTION_MEMORY, true },
		{ 62, 249, true, EVICTION_MEMORY, false }, /* 50 more are to be had */
		{ 63, 250, true, EVICTION_SIGNALS, false },
		{ 64, 240, true, EVICTION_SIGNALS, false }, /* which is nothing new */
	};
	struct eviction_policy p = { .transition = 300 * S };
	struct eviction_state s = { 0 };
	_cleanup_arena_ struct arena *a = arena_new(0);

	assert_int_equal(eviction_parse("memory.available<100", &p), 0);
	assert_int_equal(eviction_parse_soft_grace("", &p), 0);
	assert_null(eviction_lacks_grace(&p));
	assert_int_equal(eviction_parse_soft("memory.available<20%", &p), 0);
	assert_string_equal(eviction_lacks_grace(&p), "memory.available");
	assert_int_equal(eviction_parse_soft_grace("memory.available=30s", &p), 0);
	assert_null(eviction_lacks_grace(&p));
	assert_int_equal(eviction_parse_reclaim("memory.available=5%", &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct eviction_figure f[EVICTION_SIGNALS] = { [EVICTION_MEMORY] = { 1000, T[i].memory } };

		eviction_observe(&s, &p, f, T[i].at * S); /* from 0: a machine that has just come up */
		if (s.holds[EVICTION_MEMORY_PRESSURE] != T[i].is_short || eviction_first(&s) != T[i].first ||
		    s.met[EVICTION_MEMORY] != T[i].hard)
			fail_msg("at %d s: %d first %d hard %d", T[i].at, s.holds[EVICTION_MEMORY_PRESSURE],
				 (int)eviction_first(&s), s.met[EVICTION_MEMORY]);
		if (T[i].at == 60)
			assert_string_equal(eviction_message(a, EVICTION_MEMORY, &p, &s, f),
					    "The node was low on resource: memory. Threshold quantity: 200, available: 150. ");
	}
}

static void test_soft_options(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* ms; -1: the text is refused */
	} T[] = {
		{ "memory.available=90s", 90000 }, { "memory.available=1m30s", 90000 }, { "memory.available=1.5h", 5400000 },
		{ "memory.available=250ms", 250 }, { "memory.available=0", 0 },	    { "memory.available=5", -1 },
		{ "memory.available=", -1 },	    { "memory.available=-1s", -1 },	    { "memory.available=1d", -1 },
		{ "memory=1s", -1 },		    { "memory.available<1s", -1 },	    { "memory.available=1s,", -1 },
		{ "memory.available=99999999h", -1 },
	};
	struct eviction_policy p = eviction_default();

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		int r = eviction_parse_soft_grace(T[i].text, &p);

		if ((r < 0) != (T[i].want < 0) || (r == 0 && p.soft_grace[EVICTION_MEMORY] != T[i].want * (S / 1000)))
			fail_msg("%s: %d", T[i].text, r);
	}
	assert_int_equal(eviction_parse_reclaim("nodefs.available=500Mi,imagefs.available=10%,pid.available=0", &p), 0);
	assert_int_equal(eviction_amount(&p.reclaim[EVICTION_NODEFS], 1), 500 * MI);
	assert_int_equal(eviction_amount(&p.reclaim[EVICTION_IMAGEFS], 1000), 100);
	assert_int_equal(eviction_parse_reclaim("nodefs.available=0%", &p), -EINVAL);
	assert_int_equal(eviction_parse_reclaim("nodefs.available=-1", &p), -EINVAL);
	assert_int_equal(eviction_parse_max_grace("90", &p), 0);
	assert_int_equal(p.max_pod_grace, 90 * S);
	assert_int_equal(eviction_parse_max_grace("-1", &p), -EINVAL);
	assert_int_equal(eviction_parse_max_grace("1s", &p), -EINVAL);
	assert_int_equal(eviction_amount(&p.hard[EVICTION_NODEFS], 1000), 100); /* stays */
}

static void test_no_transition(void **state)
{
	struct eviction_figure f[EVICTION_SIGNALS] = { [EVICTION_PID] = { 1000, 1 } };
	struct eviction_policy p = { 0 };
	struct eviction_state s = { 0 };

	assert_int_equal(eviction_parse("pid.available<2", &p), 0);
	eviction_observe(&s, &p, f, NOW);
	assert_true(s.holds[EVICTION_PID_PRESSURE]);
	f[EVICTION_PID].available = 2;
	eviction_observe(&s, &p, f, NOW + 1);
	assert_false(s.holds[EVICTION_PID_PRESSURE]);
	/* what cannot be measured is not short */
	f[EVICTION_PID] = (struct eviction_figure){ 0 };
	eviction_observe(&s, &p, f, NOW + 2);
	assert_false(s.met[EVICTION_PID]);
}

/* --- who goes --- */

enum { PODS_MAX = 4, NOBODY = PODS_MAX };

static void test_choose(void **state)
{
	/* usage, request, priority */
	static const struct {
		const char *what;
		enum eviction_signal signal;
		struct {
			int usage, request, priority; /* usage -1: unknown; priority 9: critical */
		} pods[PODS_MAX];
		size_t n, want;
	} T[] = {
		{ "nobody there", EVICTION_MEMORY, { { 0 } }, 0, NOBODY },
		{ "only one", EVICTION_MEMORY, { { 0, 0, 0 } }, 1, 0 },
		{ "who exceeds its request before who does not, however much that uses", EVICTION_MEMORY,
		  { { 900, 1000, 0 }, { 2, 1, 0 } }, 2, 1 },
		{ "and whatever their priorities", EVICTION_MEMORY, { { 900, 1000, 1 }, { 2, 1, 5 } }, 2, 1 },
		{ "exactly what was asked for is no more", EVICTION_MEMORY, { { 5, 5, 0 }, { 6, 5, 1 } }, 2, 1 },
		{ "of those that exceed, the lower priority", EVICTION_MEMORY, { { 900, 0, 5 }, { 2, 1, 4 } }, 2, 1 },
		{ "of equal priority, who exceeds by more", EVICTION_MEMORY, { { 900, 800, 0 }, { 300, 100, 0 } }, 2, 1 },
		{ "of those that do not exceed, who is nearest to its request", EVICTION_MEMORY, { { 1, 900, 0 }, { 1, 300, 0 } }, 2, 1 },
		{ "unknown first", EVICTION_MEMORY, { { 900, 0, 0 }, { -1, 0, 0 } }, 2, 1 },
		{ "critical never", EVICTION_MEMORY, { { 900, 0, 9 }, { 1, 5, 0 } }, 2, 1 },
		{ "nor when alone", EVICTION_MEMORY, { { 900, 0, 9 } }, 1, NOBODY },
		{ "disk likewise", EVICTION_NODEFS, { { 900, 1000, 0 }, { 20, 10, 0 }, { 2, 1, 0 } }, 3, 1 },
		{ "processes by priority alone first", EVICTION_PID, { { 900, 0, 1 }, { 1, 0, 0 } }, 2, 1 },
		{ "then by number", EVICTION_PID, { { 5, 0, 0 }, { 9, 0, 0 }, { 7, 0, 0 } }, 3, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct eviction_candidate c[PODS_MAX];
		size_t chosen;

		for (size_t k = 0; k < T[i].n; k++)
			c[k] = (struct eviction_candidate){
				.known = T[i].pods[k].usage >= 0,
				.critical = T[i].pods[k].priority == 9,
				.usage = T[i].pods[k].usage,
				.request = T[i].pods[k].request,
				.priority = T[i].pods[k].priority,
			};
		chosen = eviction_choose(T[i].signal, c, T[i].n);
		if (chosen != (T[i].want == NOBODY ? T[i].n : T[i].want))
			fail_msg("%s: %zu", T[i].what, chosen);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		bool memory, disk, pid, critical, best_effort, tolerates, want;
	} T[] = {
		{ .best_effort = true, .want = false },
		{ .memory = true, .best_effort = true, .want = true },
		{ .memory = true, .best_effort = true, .tolerates = true, .want = false },
		{ .memory = true, .want = false },
		{ .memory = true, .best_effort = true, .critical = true, .want = false },
		{ .disk = true, .want = true },
		{ .disk = true, .critical = true, .want = false },
		{ .memory = true, .disk = true, .tolerates = true, .best_effort = true, .want = true },
		{ .pid = true, .want = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct eviction_state s = { .holds = { T[i].memory, T[i].disk, T[i].pid } };

		if (eviction_refuses(&s, T[i].critical, T[i].best_effort, T[i].tolerates) != T[i].want)
			fail_msg("row %zu", i);
	}
}

/* --- words --- */

static void test_words(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct eviction_figure f[EVICTION_SIGNALS] = { [EVICTION_MEMORY] = { 1000 * MI, 88 * MI },
						       [EVICTION_NODEFS] = { 1000 * MI, 99 * MI },
						       [EVICTION_NODEFS_INODES] = { 1000, 9 } };
	struct eviction_policy p = eviction_default();
	struct eviction_state s = { 0 };

	eviction_observe(&s, &p, f, NOW);
	assert_string_equal(eviction_message(a, EVICTION_MEMORY, &p, &s, f),
			    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi. ");
	assert_string_equal(eviction_message(a, EVICTION_NODEFS, &p, &s, f),
			    "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 99Mi. ");
	assert_string_equal(eviction_message(a, EVICTION_NODEFS_INODES, &p, &s, f),
			    "The node was low on resource: inodes. Threshold quantity: 50, available: 9. ");
	assert_string_equal(eviction_message(a, EVICTION_PID, &p, &s, f), "The node was low on resource: pids. ");
	assert_string_equal(eviction_refusal(a, &s), "The node had condition: [MemoryPressure DiskPressure]. ");
	assert_string_equal(eviction_quantity(a, EVICTION_MEMORY, 0), "0");
	assert_string_equal(eviction_quantity(a, EVICTION_NODEFS, 1536), "1536");
	assert_string_equal(eviction_quantity(a, EVICTION_NODEFS, 3 * MI / 2), "1536Ki");
}

/* --- an evicted pod's life --- */

struct world {
	struct arena *a;
	struct value *root;
	struct object *pod;
	struct pod_run run;
};

/* A pod with containers c and d, and that status, as JSON. */
static struct world make(const char *status)
{
	struct world w = { .a = arena_new(0) };
	char text[1024];

	(void)snprintf(text, sizeof(text), "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
		       "\"namespace\":\"default\",\"uid\":\"00000000-0000-4000-8000-000000000001\"},\"spec\":{\"containers\":["
		       "{\"name\":\"c\",\"image\":\"a\"},{\"name\":\"d\",\"image\":\"a\"}]},\"status\":%s}", status);
	assert_int_equal(json_read(text, strlen(text), NULL, w.a, &w.root, NULL, NULL), 0);
	w.pod = object_for_test(w.root, 1);
	assert_non_null(w.pod);
	assert_int_equal(lifecycle_init(&w.run, object_path(w.pod, "spec"), NOW), 0);
	lifecycle_recover(&w.run, object_path(w.pod, "status"), NOW);
	return w;
}

static void clear(struct world *w)
{
	lifecycle_clear(&w->run);
	object_unref(w->pod);
	arena_free(w->a);
}

static const struct value *status_of(struct world *w)
{
	lifecycle_set_status(w->a, w->root, &w->run, "192.0.2.1", NOW);
	return value_get(w->root, "status");
}

static const char *phase_of(struct world *w)
{
	return value_str(value_get(status_of(w), "phase"));
}

static const char *condition_of(struct world *w, const char *type)
{
	return value_str_or(value_get(value_find(value_get(status_of(w), "conditions"), "type", type), "status"), "");
}

/* K8S:pkg/kubelet/eviction/eviction_manager.go, evictPod; status_manager.go, mergePodStatus. */
static void test_evicted(void **state)
{
	struct world w = make("{}");
	struct pod_plan plan;

	w.run.sandbox = SANDBOX_UP;
	for (size_t i = 0; i < w.run.n; i++) {
		lifecycle_starting(&w.run.containers[i]);
		w.run.containers[i].phase = CONTAINER_RUNNING;
		w.run.containers[i].post_start = HOOK_DONE;
	}
	assert_true(lifecycle_evict(&w.run, "too much", true));
	assert_false(lifecycle_evict(&w.run, "again", false));
	lifecycle_decide(&w.run, w.pod, NOW, &plan);
	assert_int_equal(plan.n_stop, 2);
	assert_int_equal(plan.n_start, 0);
	assert_int_equal(plan.grace, 2 * S);
	w.run.evict_grace = 9 * S;
	lifecycle_decide(&w.run, w.pod, NOW, &plan);
	assert_int_equal(plan.grace, 9 * S);
	w.run.evict_grace = S;
	lifecycle_decide(&w.run, w.pod, NOW, &plan);
	assert_int_equal(plan.grace, 2 * S);
	assert_true(plan.ending);
	assert_string_equal(phase_of(&w), "Running"); /* while something of it does */
	lifecycle_exited(&w.run.containers[0], 0, 0, "Completed", NULL, NOW);
	assert_string_equal(phase_of(&w), "Running");
	assert_string_equal(condition_of(&w, "DisruptionTarget"), "");
	lifecycle_exited(&w.run.containers[1], 0, 0, "Completed", NULL, NOW);
	assert_string_equal(phase_of(&w), "Failed"); /* though all went well */
	assert_string_equal(value_str(value_get(status_of(&w), "reason")), "Evicted");
	assert_string_equal(value_str(value_get(status_of(&w), "message")), "too much");
	assert_string_equal(condition_of(&w, "DisruptionTarget"), "True");
	assert_string_equal(condition_of(&w, "Ready"), "False");
	lifecycle_decide(&w.run, w.pod, NOW, &plan);
	assert_true(plan.end_sandbox);
	w.run.sandbox = SANDBOX_NONE;
	lifecycle_decide(&w.run, w.pod, NOW, &plan);
	assert_true(plan.finished && !plan.start_sandbox);
	clear(&w);
}

/* A daemon that comes later knows it from the status alone. */
static void test_recovered(void **state)
{
	static const struct {
		const char *status;
		bool evicted, over;
	} T[] = {
		{ "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"m\"}", true, true },
		{ "{\"phase\":\"Failed\",\"reason\":\"Evicted\"}", true, true },
		{ "{\"phase\":\"Running\",\"reason\":\"Evicted\"}", false, false },
		{ "{\"phase\":\"Failed\",\"reason\":\"DeadlineExceeded\"}", false, true },
		{ "{\"phase\":\"Succeeded\"}", false, true },
		{ "{}", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct world w = make(T[i].status);

		assert_int_equal(w.run.evicted, T[i].evicted);
		assert_int_equal(lifecycle_is_over(&w.run, object_path(w.pod, "spec")), T[i].over);
		if (T[i].evicted)
			assert_string_equal(phase_of(&w), "Failed");
		clear(&w);
	}
}

/* --- figures --- */

static void test_reserved(void **state)
{
	static const struct {
		const char *text;
		int result;
		struct pod_resources want;
	} T[] = {
		{ "cpu=500m", 0, { 500, 0, 0 } },
		{ "cpu=1,memory=1Ki,ephemeral-storage=2k", 0, { 1000, 1024, 2000 } },
		{ "memory=1,memory=2", 0, { 0, 3, 0 } },
		{ "", -EINVAL },	 { "cpu", -EINVAL },	{ "cpu=", -EINVAL },   { "cpu=-1", -EINVAL },
		{ "gpu=1", -EINVAL },	 { "=1", -EINVAL },	{ "memory=1mi", -EINVAL },
	};
	struct pod_resources sum = { 1, 1, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		struct pod_resources r = { 0 };

		assert_int_equal(figures_parse_reserved(T[i].text, &r), T[i].result);
		assert_int_equal(r.milli_cpu, T[i].want.milli_cpu);
		assert_int_equal(r.memory, T[i].want.memory);
		assert_int_equal(r.ephemeral_storage, T[i].want.ephemeral_storage);
	}
	/* two options add up, and a bad one leaves the sum */
	assert_int_equal(figures_parse_reserved("cpu=1", &sum), 0);
	assert_int_equal(figures_parse_reserved("cpu=1,x=1", &sum), -EINVAL);
	assert_int_equal(sum.milli_cpu, 1001);
	assert_int_equal(sum.memory, 1);
}

static void add(void *arg, int64_t page_size, int64_t total)
{
	int64_t *sum = arg;

	assert_true(page_size >= 4096);
	*sum += total;
}

static void test_allocatable(void **state)
{
	struct eviction_policy p = eviction_default();
	struct pod_resources all = { 4000, 8000 * MI, 1000 * MI }, r;
	int64_t huge = 0;

	figures_each_huge_page(add, &huge);
	r = figures_allocatable(all, (struct pod_resources){ 500, 1000 * MI, 0 }, &p);
	assert_int_equal(r.milli_cpu, 3500);
	assert_int_equal(r.memory, huge >= 6900 * MI ? 0 : 6900 * MI - huge);
	assert_int_equal(r.ephemeral_storage, 900 * MI);
	/* more reserved than there is */
	r = figures_allocatable(all, (struct pod_resources){ 5000, INT64_MAX, INT64_MAX }, &p);
	assert_int_equal(r.milli_cpu, 0);
	assert_int_equal(r.memory, 0);
	assert_int_equal(r.ephemeral_storage, 0);
}

static void test_machine(void **state)
{
	struct eviction_figure memory = figures_memory(), pids = figures_pids(), bytes, inodes;
	struct pod_resources all = figures_capacity("/");

	assert_int_equal(memory.capacity, all.memory);
	assert_in_range(memory.available, 1, memory.capacity);
	assert_in_range(pids.available, 1, pids.capacity - 1);
	figures_disk("/", &bytes, &inodes);
	assert_int_equal(bytes.capacity, all.ephemeral_storage);
	assert_in_range(bytes.available, 0, bytes.capacity);
	figures_disk("/nowhere/at/all", &bytes, &inodes);
	assert_int_equal(bytes.capacity, 0);
	assert_int_equal(inodes.capacity, 0);
}

/* --- a directory's use --- */

static void write_file(int dir, const char *name, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[4096];

	assert_true(fd >= 0);
	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i < size; i += sizeof(block))
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
}

static struct disk_usage usage_of(const char *path)
{
	struct disk_usage u = { 0 };
	atomic_bool stop = false;

	assert_int_equal(disk_usage_add(path, &stop, &u), 0);
	return u;
}

static void test_disk_usage(void **state)
{
	char top[] = "/tmp/podfs-test-usage.XXXXXX", path[256];
	struct disk_usage empty, full;
	_cleanup_close_ int dir = -1;

	assert_non_null(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	empty = usage_of(top);
	assert_int_equal(empty.inodes, 1);
	write_file(dir, "a", 65536);
	assert_int_equal(linkat(dir, "a", dir, "b", 0), 0);
	assert_int_equal(symlinkat("/usr", dir, "link"), 0);
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(mkdirat(dir, "d/e", 0700), 0);
	write_file(dir, "d/e/f", 4096);
	write_file(dir, "d/g", 4096);
	full = usage_of(top);
	assert_int_equal(full.inodes, 7); /* the top, a with two names, link, d, e, f, g */
	assert_in_range(full.bytes - empty.bytes, 65536 + 2 * 4096, 65536 + 8 * 4096);
	(void)snprintf(path, sizeof(path), "%s/a", top);
	assert_int_equal(usage_of(path).bytes, 65536 / 2);
	(void)snprintf(path, sizeof(path), "%s/none", top);
	assert_int_equal(usage_of(path).inodes, 0);
	assert_int_equal(remove_tree(AT_FDCWD, top), 0);
}

/* Deeper than a path may be long, and wider than one read of a directory gives. */
static void test_deep(void **state)
{
	enum { DEPTH = 300, WIDTH = 500 };
	static const char name[] = "a-directory-with-a-name-of-some-length";
	char top[] = "/tmp/podfs-test-usage.XXXXXX";
	int dir;

	assert_non_null(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < WIDTH; i++) {
		char wide[64];

		(void)snprintf(wide, sizeof(wide), "%s-%d", name, i);
		assert_int_equal(mkdirat(dir, wide, 0700), 0);
	}
	for (int i = 0; i < DEPTH; i++) {
		int next;

		assert_int_equal(mkdirat(dir, name, 0700), 0);
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(dir);
		dir = next;
	}
	write_file(dir, "f", 1048576);
	(void)close(dir);
	assert_int_equal(usage_of(top).inodes, 1 + WIDTH + DEPTH + 1);
	assert_true(usage_of(top).bytes >= 1048576);
	assert_int_equal(remove_tree(AT_FDCWD, top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),      cmocka_unit_test(test_parse),	 cmocka_unit_test(test_observe),
		cmocka_unit_test(test_soft),	      cmocka_unit_test(test_soft_options),
		cmocka_unit_test(test_no_transition), cmocka_unit_test(test_choose),	 cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_words),	      cmocka_unit_test(test_reserved),	 cmocka_unit_test(test_allocatable),
		cmocka_unit_test(test_evicted),	      cmocka_unit_test(test_recovered),
		cmocka_unit_test(test_machine),	      cmocka_unit_test(test_disk_usage), cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
