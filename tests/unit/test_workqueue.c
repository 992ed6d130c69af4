/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "control/workqueue.h"

static int setup(void **state)
{
	*state = workqueue_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	workqueue_free(*state);
	return 0;
}

/* Pops at `now` and checks the key (NULL: nothing is due) and when the next is due. */
static void expect_pop(struct workqueue *q, int64_t now, const char *want, int64_t want_next)
{
	int64_t next;
	char *key = workqueue_pop(q, now, &next);

	if (want) {
		assert_non_null(key);
		assert_string_equal(key, want);
	} else {
		assert_null(key);
		assert_true(next == want_next);
	}
	free(key);
}

static void a_key_waits_once_and_in_order(void **state)
{
	struct workqueue *q = *state;

	workqueue_add(q, "a");
	workqueue_add(q, "b");
	workqueue_add(q, "a");
	expect_pop(q, 0, "a", 0);
	expect_pop(q, 0, "b", 0);
	expect_pop(q, 0, NULL, INT64_MAX);
}

static void the_earlier_time_wins(void **state)
{
	struct workqueue *q = *state;

	workqueue_add_at(q, "a", 100);
	workqueue_add_at(q, "a", 200);
	workqueue_add_at(q, "b", 50);
	expect_pop(q, 0, NULL, 50);
	workqueue_add_at(q, "a", 10);
	expect_pop(q, 10, "a", 0);
	expect_pop(q, 10, NULL, 50);
	workqueue_add(q, "b"); /* due now after all */
	expect_pop(q, 10, "b", 0);
	expect_pop(q, 1000, NULL, INT64_MAX);
}

static void failures_back_off_and_are_forgotten(void **state)
{
	struct workqueue *q = *state;
	int64_t now = 0, next, want = WORKQUEUE_BACKOFF_FIRST;

	for (int i = 0; i < 30; i++) {
		workqueue_add_failed(q, "a", now);
		assert_null(workqueue_pop(q, now, &next));
		assert_true(next - now == want);
		now = next;
		expect_pop(q, now, "a", 0);
		want = want * 2 > WORKQUEUE_BACKOFF_MAX ? WORKQUEUE_BACKOFF_MAX : want * 2;
	}
	assert_true(want == WORKQUEUE_BACKOFF_MAX);
	workqueue_forget(q, "a");
	workqueue_add_failed(q, "a", now);
	expect_pop(q, now, NULL, now + WORKQUEUE_BACKOFF_FIRST);
}

static void what_waits_for_a_time_can_be_hurried(void **state)
{
	struct workqueue *q = *state;

	workqueue_add_at(q, "later", 200);
	workqueue_add_at(q, "soon", 100);
	workqueue_add_failed(q, "failed", 0);
	workqueue_add(q, "due");
	workqueue_hurry(q);
	expect_pop(q, 0, "due", 0);
	expect_pop(q, 0, "soon", 0);
	expect_pop(q, 0, "later", 0);
	expect_pop(q, 0, NULL, WORKQUEUE_BACKOFF_FIRST); /* its time has nothing to do with the hour */
}

static void the_higher_rank_comes_first(void **state)
{
	static const struct {
		const char *key;
		int64_t rank;
	} keys[] = { { "low", -1 }, { "a", 0 }, { "high", 5 }, { "b", 0 }, { "higher", 9 }, { "high too", 5 }, { "a", 7 } };
	static const char *const want[] = { "higher", "a", "high", "high too", "b", "c", "low", NULL };
	struct workqueue *q = *state;
	int64_t next;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(workqueue_add_ranked(q, keys[i].key, keys[i].rank), 0);
	assert_int_equal(workqueue_add(q, "c"), 0);
	assert_int_equal(workqueue_add(q, "high"), 0); /* it keeps its rank and its place */
	for (size_t i = 0; want[i]; i++) {
		char *key = workqueue_pop(q, 0, &next);

		assert_string_equal(key, want[i]);
		free(key);
	}
	assert_null(workqueue_pop(q, 0, &next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_waits_once_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(the_earlier_time_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_back_off_and_are_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_for_a_time_can_be_hurried, setup, teardown),
		cmocka_unit_test_setup_teardown(the_higher_rank_comes_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
