/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: when they are due and what their results mean. Cases after K8S:pkg/kubelet/prober/worker_test.go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "node/lifecycle.h"
#include "value/json.h"

#define SEC NSEC_PER_SEC
static const int64_t T0 = 1000 * SEC;

static struct container_run running(struct arena *a, const char *spec)
{
	struct value *v = NULL;

	assert_int_equal(json_read(spec, strlen(spec), NULL, a, &v, NULL, NULL), 0);
	return (struct container_run){ .spec = v, .name = "c", .phase = CONTAINER_RUNNING, .started_at = T0,
				       .post_start = HOOK_DONE };
}

/* The bits that are due at `at`; *wake: when to look again, 0: never. */
static unsigned due(struct container_run *c, int64_t at, bool ending, int64_t *wake)
{
	int64_t w = INT64_MAX;
	unsigned bits = probe_due(c, ending, at, 0, &w);

	*wake = w == INT64_MAX ? 0 : w;
	return bits;
}

enum { S = 1 << PROBE_STARTUP, L = 1 << PROBE_LIVENESS, R = 1 << PROBE_READINESS };

static void initial_delay(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"livenessProbe\":{\"initialDelaySeconds\":5,\"periodSeconds\":2},"
					    "\"readinessProbe\":{}}");
	int64_t wake;

	assert_int_equal(due(&c, T0 + 1, false, &wake), R); /* at once */
	assert_true(wake == T0 + 5 * SEC);
	probe_sent(&c, PROBE_READINESS, 1, T0 + 1 + SEC);
	assert_int_equal(due(&c, T0 + 2, false, &wake), 0);
	assert_true(wake == T0 + 1 + SEC); /* the deadline of what is in flight */
	assert_int_equal(due(&c, T0 + 2 * SEC, false, &wake), R);
	assert_int_equal(probe_note(&c, PROBE_READINESS, PROBE_SUCCESS, T0 + 2), PROBE_STATUS_CHANGES);
	assert_int_equal(due(&c, T0 + 5 * SEC, false, &wake), L);
	assert_true(wake == T0 + 1 + 10 * SEC); /* the default period, from when it was due */
}

static void thresholds(void **state)
{
	static const struct {
		const char *probe, *outcomes; /* + success, - failure, e error */
		bool ready;
	} cases[] = {
		{ "{}", "", false },	     { "{}", "+", true },      { "{}", "-", false },   { "{}", "+--", true },
		{ "{}", "+---", false },     { "{}", "+--+--", true }, { "{}", "---+", true }, { "{}", "+eee", true },
		{ "{}", "+-e-e-", false }, /* an error neither counts nor breaks a row */
		{ "{\"successThreshold\":2}", "+", false },	{ "{\"successThreshold\":2}", "++", true },
		{ "{\"successThreshold\":2}", "+-+", false },	{ "{\"failureThreshold\":1}", "+-", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct container_run c = running(a, arena_printf(a, "{\"readinessProbe\":%s}", cases[i].probe));

		for (const char *p = cases[i].outcomes; *p; p++)
			(void)probe_note(&c, PROBE_READINESS, *p == '+' ? PROBE_SUCCESS : *p == '-' ? PROBE_FAILURE : PROBE_ERROR,
					 T0);
		assert_int_equal(probe_is_ready(&c), cases[i].ready);
	}
}

static void without_probes(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{}");
	int64_t wake;

	assert_int_equal(due(&c, T0, false, &wake), 0);
	assert_true(wake == 0);
	assert_true(probe_is_started(&c) && probe_is_ready(&c));
	c.post_start = HOOK_RUNNING;
	assert_false(probe_is_started(&c) || probe_is_ready(&c));
	c.post_start = HOOK_DONE;
	c.phase = CONTAINER_EXITED;
	assert_false(probe_is_started(&c) || probe_is_ready(&c));
}

static void startup_comes_first(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"startupProbe\":{\"failureThreshold\":2},\"livenessProbe\":{},\"readinessProbe\":{}}");
	int64_t wake;

	assert_int_equal(due(&c, T0, false, &wake), S);
	assert_false(probe_is_started(&c) || probe_is_ready(&c));
	assert_int_equal(probe_note(&c, PROBE_STARTUP, PROBE_FAILURE, T0), PROBE_NO_EFFECT);
	assert_int_equal(due(&c, T0 + 10 * SEC, false, &wake), S);
	assert_int_equal(probe_note(&c, PROBE_STARTUP, PROBE_SUCCESS, T0 + 10 * SEC), PROBE_STATUS_CHANGES);
	assert_true(probe_is_started(&c));
	assert_false(probe_is_ready(&c));
	assert_int_equal(due(&c, T0 + 100 * SEC, false, &wake), L | R); /* and never the startup probe again */
}

static void condemned(void **state)
{
	static const enum probe_type types[] = { PROBE_STARTUP, PROBE_LIVENESS };

	for (size_t i = 0; i < 2; i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct container_run c = running(a, i ? "{\"livenessProbe\":{\"periodSeconds\":1}}" :
							"{\"startupProbe\":{\"periodSeconds\":1}}");
		int64_t wake;

		assert_int_equal(probe_note(&c, types[i], PROBE_FAILURE, T0), PROBE_NO_EFFECT);
		assert_int_equal(probe_note(&c, types[i], PROBE_FAILURE, T0 + SEC), PROBE_NO_EFFECT);
		assert_int_equal(probe_note(&c, types[i], PROBE_FAILURE, T0 + 2 * SEC), PROBE_KILL);
		assert_int_equal(due(&c, T0 + 60 * SEC, false, &wake), 0); /* it holds until the next run */
		lifecycle_exited(&c, 137, 9, "Error", NULL, T0 + 3 * SEC);
		lifecycle_starting(&c);
		c.phase = CONTAINER_RUNNING;
		c.post_start = HOOK_DONE;
		c.started_at = T0 + 60 * SEC;
		assert_int_equal(due(&c, T0 + 60 * SEC, false, &wake), 1U << types[i]);
		assert_int_equal(probe_note(&c, types[i], PROBE_FAILURE, T0 + 60 * SEC), PROBE_NO_EFFECT); /* counts anew */
	}
}

static void an_ending_pod(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"livenessProbe\":{},\"readinessProbe\":{}}");
	int64_t wake;

	assert_int_equal(due(&c, T0, true, &wake), R); /* readiness goes on */
	c = running(a, "{\"startupProbe\":{}}");
	assert_int_equal(due(&c, T0, true, &wake), 0);
}

static void errors_are_retried_at_once(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"readinessProbe\":{\"periodSeconds\":30}}");
	int64_t wake;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(due(&c, T0 + 1, false, &wake), R);
		probe_sent(&c, PROBE_READINESS, 1, T0 + SEC);
		(void)probe_note(&c, PROBE_READINESS, PROBE_ERROR, T0 + 1);
	}
	assert_int_equal(due(&c, T0 + 1, false, &wake), R);
	(void)probe_note(&c, PROBE_READINESS, PROBE_ERROR, T0 + 1);
	assert_int_equal(due(&c, T0 + 1, false, &wake), 0); /* the third time it waits for its turn */
	assert_true(wake > T0 + 29 * SEC);
}

/* How many checks are left to podfs-probe, by what came before. */
static void what_changes_nothing_is_left_alone(void **state)
{
	static const struct {
		const char *spec, *outcomes;
		uint32_t count;
	} cases[] = {
		{ "{\"periodSeconds\":1}", "", 1 },	  { "{\"periodSeconds\":1}", "+", 60 },
		{ "{}", "+", 6 },			  { "{\"periodSeconds\":31}", "+", 1 },
		{ "{\"periodSeconds\":100000000}", "+", 1 }, { "{\"periodSeconds\":1}", "-", 1 },
		{ "{\"periodSeconds\":1}", "+-", 1 }, /* the next success begins a row anew */
		{ "{\"periodSeconds\":1}", "+-+", 60 },  { "{\"periodSeconds\":1}", "+---", 1 },
		{ "{\"periodSeconds\":1}", "+---+", 60 }, { "{\"periodSeconds\":1}", "+e", 60 },
		{ "{\"periodSeconds\":1,\"successThreshold\":2}", "+", 1 },
		{ "{\"periodSeconds\":1,\"successThreshold\":2}", "++", 60 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct container_run c = running(a, arena_printf(a, "{\"readinessProbe\":%s}", cases[i].spec));
		int64_t period = 0;

		for (const char *p = cases[i].outcomes; *p; p++)
			(void)probe_note(&c, PROBE_READINESS, *p == '+' ? PROBE_SUCCESS : *p == '-' ? PROBE_FAILURE : PROBE_ERROR,
					 T0);
		if (probe_standing(&c, PROBE_READINESS, &period) != cases[i].count)
			fail_msg("%s %s: not %u", cases[i].spec, cases[i].outcomes, cases[i].count);
		assert_true(period >= SEC);
	}
}

/* What was left to a podfs-probe that has died is done at once, and told. */
static void what_is_lost_is_done_again(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"readinessProbe\":{\"periodSeconds\":1,\"failureThreshold\":2}}");
	int64_t wake, period;

	assert_int_equal(due(&c, T0, false, &wake), R);
	assert_int_equal(probe_note(&c, PROBE_READINESS, PROBE_SUCCESS, T0), PROBE_STATUS_CHANGES);
	probe_sent(&c, PROBE_READINESS, 7, T0 + 60 * SEC);
	assert_int_equal(due(&c, T0 + 30 * SEC, false, &wake), 0);
	probe_again(&c, PROBE_READINESS, T0 + 30 * SEC);
	assert_int_equal(due(&c, T0 + 30 * SEC, false, &wake), R);
	assert_int_equal(probe_standing(&c, PROBE_READINESS, &period), 1);
	assert_true(probe_is_ready(&c));
	assert_int_equal(probe_note(&c, PROBE_READINESS, PROBE_FAILURE, T0 + 31 * SEC), PROBE_NO_EFFECT);
	assert_true(probe_is_ready(&c));
	assert_int_equal(probe_note(&c, PROBE_READINESS, PROBE_FAILURE, T0 + 32 * SEC), PROBE_STATUS_CHANGES);
	assert_false(probe_is_ready(&c));
}

static void seconds_have_an_end(void **state)
{
	assert_true(lifecycle_seconds(30) == 30 * SEC);
	assert_true(lifecycle_seconds(-5) == 0);
	assert_true(lifecycle_seconds(INT64_MAX) == LIFECYCLE_SECONDS_MAX * SEC);
}

/* A daemon that comes up does not flip Ready. */
static void adoption(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct container_run c = running(a, "{\"startupProbe\":{},\"readinessProbe\":{}}");

	c.run = c.was_run = 3;
	c.was_started = c.was_ready = true;
	lifecycle_resume(&c);
	assert_true(probe_is_ready(&c) && c.has_started);
	c = running(a, "{\"startupProbe\":{},\"readinessProbe\":{}}");
	c.run = 4; /* a later run than the store knew */
	c.was_run = 3;
	c.was_started = c.was_ready = true;
	lifecycle_resume(&c);
	assert_false(probe_is_started(&c) || c.has_started);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_delay),	cmocka_unit_test(thresholds),
		cmocka_unit_test(without_probes),	cmocka_unit_test(startup_comes_first),
		cmocka_unit_test(condemned),		cmocka_unit_test(an_ending_pod),
		cmocka_unit_test(errors_are_retried_at_once), cmocka_unit_test(adoption),
		cmocka_unit_test(what_changes_nothing_is_left_alone),
		cmocka_unit_test(what_is_lost_is_done_again),
		cmocka_unit_test(seconds_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
