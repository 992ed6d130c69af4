/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the pods that fit nowhere are tried again, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "control/scheduler_queue.h"

enum { ALL = SCHED_POD_GONE | SCHED_NODE | SCHED_STORAGE };

static void note(void *arg, const char *key)
{
	buf_printf(arg, " %s", key);
}

/* Puts a pod whose going from its class is no other's chance. */
static enum sched_put put_found(struct sched_queue *q, const char *key, const struct sched_finding *f)
{
	char next[STORE_KEY_MAX + 1];
	enum sched_put r = sched_queue_put(q, key, f, next);

	assert_string_equal(next, "");
	return r;
}

/* Notes a pod as one that fits nowhere just now. */
static enum sched_put put(struct sched_queue *q, const char *key, const char *class, unsigned cures)
{
	const struct sched_finding f = { .class = class, .cures = cures, .seen = sched_queue_now(q) };

	return put_found(q, key, &f);
}

/* Takes all that is to be tried, in turns of `max`. */
static void assert_taken(struct sched_queue *q, size_t max, const char *want)
{
	_cleanup_buf_ struct buf got = BUF_INIT;
	bool more = true;

	for (int i = 0; i < 100 && more; i++)
		more = sched_queue_take(q, max, note, &got);
	assert_false(more);
	assert_string_equal(buf_str(&got), want);
}

static void assert_next(struct sched_queue *q, const char *key, const char *want)
{
	char next[STORE_KEY_MAX + 1];

	sched_queue_remove(q, key, next);
	assert_string_equal(next, want);
}

static int setup(void **state)
{
	*state = sched_queue_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	sched_queue_free(*state);
	return 0;
}

static void nobody_waits(void **state)
{
	assert_false(sched_queue_happened(*state, SCHED_POD_GONE));
	assert_false(sched_queue_happened(*state, SCHED_NODE));
	assert_taken(*state, 10, "");
	assert_next(*state, "ns/none", "");
}

static void a_pods_going_brings_the_first_of_each_class(void **state)
{
	static const char *const keys[] = { "ns/a1", "ns/b1", "ns/a2", "ns/b2", "ns/a3" };
	struct sched_queue *q = *state;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(put(q, keys[i], keys[i][3] == 'a' ? "A" : "B", ALL), SCHED_PUT_NEW);
	assert_taken(q, 10, ""); /* nothing has happened since they came */
	assert_true(sched_queue_happened(q, SCHED_POD_GONE));
	assert_taken(q, 10, " ns/a1 ns/b1");
	assert_taken(q, 10, "");
	/* one fits, so the next may; the other does not, so none of its class does */
	assert_next(q, "ns/a1", "ns/a2");
	assert_int_equal(put(q, "ns/b1", "B", ALL), SCHED_PUT_AGAIN);
	assert_int_equal(put(q, "ns/a2", "A", ALL), SCHED_PUT_AGAIN);
	assert_taken(q, 10, "");
	/* a class of which one has fitted is the last in the next round */
	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_taken(q, 10, " ns/b1 ns/a2");
	assert_next(q, "ns/b1", "ns/b2");
	assert_next(q, "ns/b2", "");
	assert_next(q, "ns/a3", ""); /* it was not tried: its going frees nothing */
	assert_next(q, "ns/a2", "");
	assert_false(sched_queue_happened(q, SCHED_POD_GONE));
}

static void one_that_changes_its_class_makes_way(void **state)
{
	struct sched_queue *q = *state;
	struct sched_finding other = { .class = "B", .cures = ALL };
	char next[STORE_KEY_MAX + 1];

	for (const char *const *key = (const char *const[]){ "ns/a1", "ns/a2", "ns/a3", NULL }; *key; key++)
		assert_int_equal(put(q, *key, "A", ALL), SCHED_PUT_NEW);
	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_taken(q, 10, " ns/a1");
	other.seen = sched_queue_now(q);
	assert_int_equal(sched_queue_put(q, "ns/a1", &other, next), SCHED_PUT_AGAIN);
	assert_string_equal(next, "ns/a2");
	assert_next(q, "ns/a2", "ns/a3");
	assert_int_equal(sched_queue_put(q, "ns/a3", &other, next), SCHED_PUT_AGAIN);
	assert_string_equal(next, ""); /* it was the last */
	assert_next(q, "ns/a1", "");
}

static void only_what_it_can_cure_comes_back(void **state)
{
	struct sched_queue *q = *state;

	(void)put(q, "ns/taint", "T", SCHED_NODE);
	(void)put(q, "ns/cpu", "C", SCHED_NODE | SCHED_POD_GONE);
	(void)put(q, "ns/claim", "ns/claim", ALL);
	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_taken(q, 1, " ns/cpu ns/claim");
	(void)put(q, "ns/cpu", "C", SCHED_NODE | SCHED_POD_GONE);
	(void)put(q, "ns/claim", "ns/claim", ALL);
	(void)sched_queue_happened(q, SCHED_STORAGE);
	assert_taken(q, 1, " ns/claim");
	(void)put(q, "ns/claim", "ns/claim", ALL);
	(void)sched_queue_happened(q, SCHED_NODE);
	assert_taken(q, 1, " ns/taint ns/cpu ns/claim");
}

static void what_happens_meanwhile_is_not_missed(void **state)
{
	struct sched_queue *q = *state;
	struct sched_finding taint = { .class = "T", .cures = SCHED_NODE, .seen = sched_queue_now(q) };
	struct sched_finding cpu = { .class = "C", .cures = SCHED_NODE | SCHED_POD_GONE, .seen = taint.seen };

	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_int_equal(put_found(q, "ns/taint", &taint), SCHED_PUT_NEW); /* does not concern it */
	assert_int_equal(put_found(q, "ns/cpu", &cpu), SCHED_PUT_STALE);
	assert_next(q, "ns/cpu", "");
	(void)sched_queue_happened(q, SCHED_NODE);
	assert_int_equal(put_found(q, "ns/taint", &taint), SCHED_PUT_STALE);
	assert_taken(q, 10, " ns/taint");
}

static void the_highest_priority_goes_first(void **state)
{
	static const struct {
		const char *key, *class;
		int64_t priority;
	} pods[] = { { "ns/low1", "L", 1 }, { "ns/low2", "L", 1 }, { "ns/zero", "Z", 0 }, { "ns/high1", "H", 9 }, { "ns/high2", "H", 9 } };
	struct sched_queue *q = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		const struct sched_finding f = { .class = pods[i].class, .priority = pods[i].priority, .cures = ALL,
						 .seen = sched_queue_now(q) };

		assert_int_equal(put_found(q, pods[i].key, &f), SCHED_PUT_NEW);
	}
	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_taken(q, 10, " ns/high1 ns/low1 ns/zero");
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++) {
		const struct sched_finding f = { .class = pods[i].class, .priority = pods[i].priority, .cures = ALL,
						 .seen = sched_queue_now(q) };

		assert_int_equal(put_found(q, pods[i].key, &f), SCHED_PUT_AGAIN);
	}
	/* the first of each class, then the others, each once */
	(void)sched_queue_happened(q, SCHED_NODE);
	assert_taken(q, 10, " ns/high1 ns/low1 ns/zero ns/low2 ns/high2");
}

/* A round over all that is interrupted by another begins anew, and leaves nobody out. */
static void turns_are_short_and_complete(void **state)
{
	enum { N = 200, TURN = 7 };
	struct sched_queue *q = *state;
	_cleanup_buf_ struct buf got = BUF_INIT;
	char key[32];
	size_t before;

	for (int i = 0; i < N; i++) {
		(void)snprintf(key, sizeof(key), "ns/p%03d", i);
		(void)put(q, key, "C", ALL);
	}
	(void)sched_queue_happened(q, SCHED_NODE);
	assert_true(sched_queue_take(q, TURN, note, &got));
	assert_int_equal(got.len, TURN * strlen(" ns/p000"));
	(void)sched_queue_happened(q, SCHED_STORAGE);
	do
		before = got.len;
	while (sched_queue_take(q, TURN, note, &got) && got.len - before <= TURN * strlen(" ns/p000"));
	for (int i = 0; i < N; i++) {
		(void)snprintf(key, sizeof(key), " ns/p%03d", i);
		assert_non_null(strstr(buf_str(&got), key));
	}
	assert_taken(q, TURN, "");
}

/* Its spec has changed: it is judged with others from then on. */
static void a_pod_moves_to_another_class(void **state)
{
	struct sched_queue *q = *state;

	(void)put(q, "ns/a", "A", ALL);
	(void)put(q, "ns/b", "B", ALL);
	assert_int_equal(put(q, "ns/a", "B", ALL), SCHED_PUT_AGAIN);
	(void)sched_queue_happened(q, SCHED_POD_GONE);
	assert_taken(q, 10, " ns/b");
	assert_next(q, "ns/b", "ns/a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pods_going_brings_the_first_of_each_class, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_changes_its_class_makes_way, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_it_can_cure_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_happens_meanwhile_is_not_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_highest_priority_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_are_short_and_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pod_moves_to_another_class, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
